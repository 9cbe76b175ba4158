package wire

import (
	"slices"
	"strconv"
	"strings"
)

const (
	maxName    = 255    // octets of a name: lengths, labels and the end (RFC 1035, section 2.3.4)
	maxPointer = 0x3fff // the last offset that a pointer can lead to
)

// DNSName dissects the name at off and those that its pointers lead to (RFC 1035,
// sections 3.1 and 4.1.4), in a message that need not be a whole DNS message. The
// octets around them are fields without a label.
func DNSName(msg []byte, off int) Dissection {
	w := newWalk(msg, 0)
	w.source = "RFC 1035, 4.1.4"
	var fields []Field
	for upTo := len(msg); off >= 0 && off <= upTo; off = w.leadsTo(off) {
		w.off, w.fields = off, nil
		w.place = "the name at " + hexOffset(off)
		w.name("")
		if w.off <= upTo { // else it runs on into the name that leads to it
			fields = append(fields, w.fields...)
		}
		upTo = off
	}
	slices.SortFunc(fields, func(a, b Field) int { return a.Off - b.Off })
	w.fields = fields
	d := w.done("")
	d.Fields = d.covered()
	return d
}

// dnsName is what can be read from some offset on.
type dnsName struct {
	text    string // "example.com."; with why, as far as it goes: "example.?"
	octets  int    // of the whole name, without pointers
	end     int    // behind its last octet here: an end or a pointer
	why     string // it makes no sense, or ""
	pointer string // how a pointer to it is shown, once it was
}

// name takes a name: a field each label, pointer and end. It returns the name
// as far as it can be read; ok says whether it is known where it ends.
func (w *dnsWalk) name(field string) (text string, ok bool) {
	start, octets := w.off, 0
	for {
		if !w.needFor(1, field, "the next label") {
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
		if !w.needFor(1+c, field, "this label") {
			return "", false
		}
		if octets <= maxName && octets+1+c > maxName {
			w.fault(w.off, "here the name grows beyond 255 octets (RFC 1035, 2.3.4; RFC 9267, 3)")
		}
		octets += 1 + c
		if c == 0 {
			if w.off == start {
				w.field(1, field, "the root")
				return ".", true
			}
			text := w.read(start).text
			w.field(1, field, w.keep(append(append(w.buf, "end of "...), text...)))
			return text, true
		}
		w.field(1+c, field, w.keep(appendLabel(w.buf, w.msg[w.off:w.off+1+c])))
		field = ""
	}
}

// pointer takes a pointer (RFC 1035, section 4.1.4), which ends the name that
// began at start and has so many octets in front of it.
func (w *dnsWalk) pointer(field string, start, octets int) (text string, ok bool) {
	if !w.needFor(2, field, "this pointer") {
		return "", false
	}
	target := w.target(w.off)
	if why := w.badTarget(target, start, w.off); why != "" {
		w.fault(w.off, "%s", why)
		w.field(2, field, "pointer to "+hexOffset(target))
		return w.read(start).text, true
	}
	n := w.read(target)
	switch {
	case n.why != "":
		w.fault(w.off, "no name can be read at 0x%02x: %s", target, n.why)
	case n.end > start:
		w.fault(w.off, runsOn+pointerSource)
	case octets <= maxName && octets+n.octets > maxName:
		w.fault(w.off, "with what it points to, the name has %d octets; 255 are allowed (RFC 1035, 2.3.4; RFC 9267, 3)", octets+n.octets)
	}
	if n.why == "" && n.end <= start {
		w.field(2, field, w.shown(target, n))
	} else {
		w.field(2, field, "pointer to "+hexOffset(target))
	}
	if w.off == start+2 {
		return n.text, true
	}
	return w.read(start).text, true
}

// shown is how a pointer to the name n at target is shown: made once, as most
// pointers of a message lead to the same few names.
func (w *dnsWalk) shown(target int, n dnsName) string {
	if n.pointer == "" {
		n.pointer = "pointer to " + hexOffset(target) + " (" + shorten(n.text, 40) + ")"
		w.names[w.known[target]-1] = n
	}
	return n.pointer
}

const (
	pointerSource = " (RFC 1035, 4.1.4; RFC 9267, 2)"
	runsOn        = "the name that the pointer leads to runs on into this one"
)

// badTarget says what is wrong with where the pointer at off leads, in a name
// that began at start, or "".
func (w *dnsWalk) badTarget(target, start, off int) string {
	switch {
	case target >= len(w.msg):
		return "the pointer leads outside the message" + pointerSource
	case target == off:
		return "the pointer leads to itself: no end" + pointerSource
	case target > off:
		return "the pointer leads forwards; names are found further back only" + pointerSource
	case target >= start:
		return "the pointer leads into the name that it ends: no end" + pointerSource
	case target < w.first:
		return "the pointer leads into the header, where no name is" + pointerSource
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
// of times. Each pointer leads further back, so it comes to an end; no name
// waits for the next on the stack, so that a long chain costs little.
func (w *dnsWalk) read(start int) dnsName {
	var waiting []int
	for at := start; at >= 0 && w.index(at) == 0; at = w.leadsTo(at) {
		waiting = append(waiting, at)
	}
	var n dnsName
	for _, at := range slices.Backward(waiting) {
		n = w.spell(at)
		if at < len(w.known) {
			w.names = append(w.names, n)
			w.known[at] = int32(len(w.names))
		}
	}
	if len(waiting) > 0 {
		return n
	}
	return w.names[w.index(start)-1]
}

// index is the place of the name at off in w.names, plus 1; 0 for none.
func (w *dnsWalk) index(off int) int32 {
	if off >= len(w.known) {
		return 0
	}
	return w.known[off]
}

// leadsTo returns where the name at start goes on by a pointer that is in order,
// or -1.
func (w *dnsWalk) leadsTo(start int) int {
	for off := start; off+1 < len(w.msg); off += 1 + int(w.msg[off]) {
		c := w.msg[off]
		if c >= 0xc0 {
			if target := w.target(off); w.badTarget(target, start, off) == "" {
				return target
			}
		}
		if c == 0 || c >= 0x40 || off-start > maxName {
			return -1
		}
	}
	return -1
}

// target is where the pointer at off leads.
func (w *dnsWalk) target(off int) int {
	return int(w.msg[off])<<8&maxPointer | int(w.msg[off+1])
}

// spell reads the name at start. What that leads to has been read.
func (w *dnsWalk) spell(start int) dnsName {
	var text []byte
	octets := 0
	broken := func(why string) dnsName {
		return dnsName{text: string(text) + "?", octets: octets, why: why}
	}
	for off := start; off < len(w.msg); {
		c := int(w.msg[off])
		switch {
		case c >= 0xc0 && off+2 > len(w.msg), c < 0x40 && off+1+c > len(w.msg):
			return broken(endsInIt)
		case c >= 0xc0:
			target := w.target(off)
			if why := w.badTarget(target, start, off); why != "" {
				return broken(why)
			}
			n := w.names[w.known[target]-1]
			octets += n.octets
			switch {
			case n.why != "":
				return broken(n.why)
			case n.end > start:
				return broken(runsOn)
			case octets > maxName:
				return broken(tooLong)
			case len(text) > 0:
				n.text = string(text) + strings.TrimPrefix(n.text, ".")
			}
			return dnsName{text: n.text, octets: octets, end: off + 2}
		case c >= 0x40:
			return broken(labelType(c))
		case octets+1+c > maxName:
			return broken(tooLong)
		case c == 0 && off == start:
			return dnsName{text: ".", octets: 1, end: off + 1}
		case c == 0:
			return dnsName{text: string(text), octets: octets + 1, end: off + 1}
		}
		octets += 1 + c
		text = append(escape(text, w.msg[off+1:off+1+c], nameSpecial), '.')
		off += 1 + c
	}
	return broken(endsInIt)
}

const (
	endsInIt = "the message ends in it"
	tooLong  = "it has more than 255 octets"
)

// nameSpecial are the characters that mean something in a master file.
const nameSpecial = `."();@$ `

// appendLabel appends a label with its length octet as a listing shows it: 7 "example".
func appendLabel(b, label []byte) []byte {
	b = append(strconv.AppendInt(b, int64(label[0]), 10), ` "`...)
	return append(escape(b, label[1:], nameSpecial), '"')
}
