package wire

import "strconv"

// maxName is the length of the longest name: all length octets, all labels and
// the end (RFC 1035, section 2.3.4).
const maxName = 255

// dnsName is what can be read from some offset on.
type dnsName struct {
	text   string // "example.com."; up to where it stops making sense
	octets int    // of the whole name, without pointers
	why    string // it makes no sense, or ""
}

// name takes a name: a field each label, pointer and end. It returns the name
// as far as it can be read; ok says whether it is known where it ends.
func (w *dnsWalk) name(field string) (text string, ok bool) {
	start, octets := w.off, 0
	for {
		if !w.need(1, field, "the next label") {
			return "", false
		}
		c := int(w.msg[w.off])
		switch c & 0xc0 {
		case 0xc0:
			return w.pointer(field, start, octets)
		case 0:
		default:
			w.fault(w.off, "%s", labelType(c))
			return "", false
		}
		if !w.need(1+c, field, "this label") {
			return "", false
		}
		if octets <= maxName && octets+1+c > maxName {
			w.fault(w.off, "here the name grows beyond 255 octets (RFC 1035, 2.3.4; RFC 9267, 3)")
		}
		octets += 1 + c
		if c == 0 {
			text := w.read(start).text
			if w.off == start {
				w.field(1, field, "the root: "+text)
			} else {
				w.field(1, field, "end of "+text)
			}
			return text, true
		}
		w.field(1+c, field, string(appendLabel(nil, w.msg[w.off:w.off+1+c])))
		field = ""
	}
}

// pointer takes a pointer (RFC 1035, section 4.1.4), which ends the name that
// began at start and has so many octets in front of it.
func (w *dnsWalk) pointer(field string, start, octets int) (text string, ok bool) {
	if !w.need(2, field, "this pointer") {
		return "", false
	}
	target := w.peek(2) & 0x3fff
	to := "pointer to " + hexOffset(target)
	if why := badTarget(target, start, w.off, len(w.msg)); why != "" {
		w.fault(w.off, "%s", why)
		w.field(2, field, to)
		return w.read(start).text, true
	}
	n := w.read(target)
	switch {
	case n.why != "":
		w.fault(w.off, "no name can be read at %s: %s", hexOffset(target), n.why)
	case octets <= maxName && octets+n.octets > maxName:
		w.fault(w.off, "with what it points to, the name has %d octets; 255 are allowed (RFC 1035, 2.3.4; RFC 9267, 3)", octets+n.octets)
	}
	w.field(2, field, to+" ("+n.text+")")
	return w.read(start).text, true
}

// badTarget says what is wrong with a pointer in a name that began at start, or "".
func badTarget(target, start, at, size int) string {
	const source = " (RFC 1035, 4.1.4; RFC 9267, 2)"
	switch {
	case target >= size:
		return "the pointer leads outside the message, which has " + count(size, "octet") + source
	case target == at:
		return "the pointer leads to itself: no end" + source
	case target > at:
		return "the pointer leads forwards; names are found further back only" + source
	case target >= start:
		return "the pointer leads into the name that it ends: no end" + source
	case target < dnsHeaderLen:
		return "the pointer leads into the header, where no name is" + source
	}
	return ""
}

func labelType(c int) string {
	if c&0xc0 == 0x40 {
		return "a label has at most 63 octets, this says " + strconv.Itoa(c) + "; the bits 01 in front mean a label type that is no longer used (RFC 1035, 2.3.4; RFC 6891, 5)"
	}
	return "a label has at most 63 octets, this says " + strconv.Itoa(c) + "; the bits 10 in front are reserved (RFC 1035, 2.3.4 and 4.1.4)"
}

// read reads the name at an offset, through pointers, without taking it. What
// it has read it keeps: a hostile message may lead to the same names thousands
// of times. Pointers lead backwards only, so it comes to an end.
func (w *dnsWalk) read(start int) dnsName {
	n, ok := w.names[start]
	if !ok {
		n = w.spell(start)
		w.names[start] = n
	}
	return n
}

func (w *dnsWalk) spell(start int) dnsName {
	var text []byte
	octets := 0
	for off := start; ; {
		if off >= len(w.msg) {
			return dnsName{string(text), octets, "the message ends in it"}
		}
		c := int(w.msg[off])
		switch {
		case c == 0:
			octets++
			if off == start {
				text = append(text, '.')
			}
			n := dnsName{text: string(text), octets: octets}
			if octets > maxName {
				n.why = "it has more than 255 octets"
			}
			return n
		case c&0xc0 == 0xc0:
			return w.spellRest(start, off, text, octets)
		case c&0xc0 != 0:
			return dnsName{string(text), octets, labelType(c)}
		case off+1+c > len(w.msg):
			return dnsName{string(text), octets, "the message ends in it"}
		}
		if octets += 1 + c; octets > maxName {
			return dnsName{string(text), octets, "it has more than 255 octets"}
		}
		text = append(escape(text, w.msg[off+1:off+1+c], nameSpecial), '.')
		off += 1 + c
	}
}

// spellRest follows the pointer at off, which ends the name that began at start.
func (w *dnsWalk) spellRest(start, off int, text []byte, octets int) dnsName {
	if off+2 > len(w.msg) {
		return dnsName{string(text), octets, "the message ends in it"}
	}
	target := (int(w.msg[off])<<8 | int(w.msg[off+1])) & 0x3fff
	if why := badTarget(target, start, off, len(w.msg)); why != "" {
		return dnsName{string(text), octets, why}
	}
	n := w.read(target)
	n.octets += octets
	if n.octets > maxName && n.why == "" {
		n.why = "it has more than 255 octets"
	}
	switch {
	case len(text) == 0:
	case n.text == ".":
		n.text = string(text)
	default:
		n.text = string(text) + n.text
	}
	return n
}

// nameSpecial are the characters that mean something in a master file.
const nameSpecial = `."();@$ `

// appendLabel appends a label with its length octet as a listing shows it: 7 "example".
func appendLabel(b, label []byte) []byte {
	b = append(strconv.AppendInt(b, int64(label[0]), 10), ` "`...)
	return append(escape(b, label[1:], nameSpecial), '"')
}
