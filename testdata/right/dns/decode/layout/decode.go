//go:build solution

// Package decode accounts for every octet of a DNS message, whoever sent it
// (RFC 1035, section 4.1).
package decode

import (
	"errors"
	"strconv"
	"strings"
)

// Errors: what a Fault wraps.
var (
	// ErrShort means that the message ends before what its header counts does, or
	// that an RDLENGTH reaches past its end.
	ErrShort = errors.New("decode: message too short")
	// ErrRDLength means that RDLENGTH and what the type asks for do not agree.
	ErrRDLength = errors.New("decode: data and RDLENGTH do not agree")
	// ErrLabelType means that a label begins with the bits 01 or 10.
	ErrLabelType = errors.New("decode: reserved label type")
	// ErrPointer means that a pointer does not lead to before the labels it follows.
	ErrPointer = errors.New("decode: pointer does not lead backwards")
	// ErrNameLen means that a name has more than 255 octets.
	ErrNameLen = errors.New("decode: name too long")
)

// Kind is what a field is: one of the constants.
type Kind string

// The kinds of fields. All numbers are big-endian.
const (
	ID    Kind = "id"    // of the header: 2 octets
	Flags Kind = "flags" // of the header: 2 octets
	Count Kind = "count" // of the header, four of them: 2 octets each

	Label   Kind = "label"   // of a name: a length of 1 to 63, and as many octets
	Pointer Kind = "pointer" // of a name, its end: 2 octets
	Root    Kind = "root"    // of a name, its end: the zero

	Type     Kind = "type"     // of a question or record: 2 octets
	Class    Kind = "class"    // of a question or record: 2 octets
	TTL      Kind = "ttl"      // of a record: 4 octets, as they are
	RDLength Kind = "rdlength" // of a record: 2 octets

	Address Kind = "address" // the data of A, 4 octets, or of AAAA, 16
	Number  Kind = "number"  // in the data of MX and SRV, 2 octets; of SOA, 4
	String  Kind = "string"  // in the data of TXT: a length and as many octets
	Option  Kind = "option"  // in the data of OPT: code, length, and as many octets
	Opaque  Kind = "opaque"  // all data of any other type

	Trailing Kind = "trailing" // all that is behind what the header counts
)

// Field is a stretch of a message that has one meaning. The zero value is none.
type Field struct {
	Off, Len int // octets, from the first of the message; Len is at least 1
	Kind     Kind
	// Num is the value of an ID, Flags, Count, Type, Class, TTL, RDLength or Number,
	// where a Pointer leads, or the code of an Option; else 0.
	Num uint32
	// Name is, at a Pointer or Root, the whole name that ends there, as text; else "".
	Name string
}

// Fault is the error of Decode: where a message ceases to make sense, and which
// rule it breaks. The zero value is none.
type Fault struct {
	Off int   // of the first octet that is in no field
	Err error // one of the errors above
}

// Error says which rule is broken, and at which offset.
func (f *Fault) Error() string { return f.Err.Error() + ", at offset " + strconv.Itoa(f.Off) }

// Unwrap returns Err, for errors.Is.
func (f *Fault) Unwrap() error { return f.Err }

// Decode takes msg apart. The fields that it returns are in order, each begins
// where the one before it ended, and together they are msg.
//
// The error is nil or a *Fault; with a Fault, the fields end at its Off.
func Decode(msg []byte) (fields []Field, err error) {
	w := &walker{all: msg, rest: msg, cut: ErrShort}
	defer func() {
		fields = w.fields
		if v := recover(); v != nil {
			fault, ok := v.(broken)
			if !ok {
				panic(v)
			}
			err = &Fault{w.off, fault.rule}
		}
	}()
	w.message()
	return w.fields, nil
}

// broken is what the walker panics with.
type broken struct{ rule error }

// layouts is what the data of a type holds: 2 or 4 octets of a number, a
// (n)ame, an (a)ddress of IPv4, or of I(P)v6, (s)trings, (o)ptions.
var layouts = map[uint32]string{
	1: "a", 2: "n", 5: "n", 6: "nn44444", 12: "n", 15: "2n", 16: "s", 28: "P", 33: "222n", 41: "o",
}

// walker goes along rest, what may still be read.
type walker struct {
	all, rest []byte
	off       int
	cut       error
	fields    []Field
	ends      [0x4000]uint32 // one more than where the pointers end that begin here; 0: not known
}

func must(ok bool, rule error) {
	if !ok {
		panic(broken{rule})
	}
}

func (w *walker) see(n int) []byte {
	must(n <= len(w.rest), w.cut)
	return w.rest[:n]
}

func (w *walker) take(kind Kind, n int, num uint32, name string) {
	w.see(n)
	w.fields = append(w.fields, Field{w.off, n, kind, num, name})
	w.rest, w.off = w.rest[n:], w.off+n
}

func (w *walker) number(kind Kind, n int) uint32 {
	v := uint32(0)
	for _, c := range w.see(n) {
		v = 256*v + uint32(c)
	}
	w.take(kind, n, v, "")
	return v
}

func (w *walker) message() {
	w.number(ID, 2)
	w.number(Flags, 2)
	var counts [4]uint32
	for i := range counts {
		counts[i] = w.number(Count, 2)
	}
	for range counts[0] {
		w.name()
		w.number(Type, 2)
		w.number(Class, 2)
	}
	for range counts[1] + counts[2] + counts[3] {
		w.record()
	}
	if len(w.rest) > 0 {
		w.take(Trailing, len(w.rest), 0, "")
	}
}

func (w *walker) record() {
	w.name()
	layout, known := layouts[w.number(Type, 2)]
	w.number(Class, 2)
	w.number(TTL, 4)
	length := int(w.number(RDLength, 2))
	must(length <= len(w.rest), ErrShort)
	behind := w.rest[length:]
	w.rest, w.cut = w.rest[:length], ErrRDLength
	if !known && length > 0 {
		w.take(Opaque, length, 0, "")
	}
	for _, c := range layout {
		w.part(c)
	}
	must(len(w.rest) == 0, ErrRDLength)
	w.rest, w.cut = behind, ErrShort
}

func (w *walker) part(c rune) {
	switch c {
	case '2', '4':
		w.number(Number, int(c-'0'))
	case 'n':
		w.name()
	case 'a':
		w.take(Address, 4, 0, "")
	case 'P':
		w.take(Address, 16, 0, "")
	case 's':
		for again := true; again; again = len(w.rest) > 0 {
			w.take(String, 1+int(w.see(1)[0]), 0, "")
		}
	case 'o':
		for len(w.rest) > 0 {
			h := w.see(4)
			w.take(Option, 4+int(h[2])<<8+int(h[3]), uint32(h[0])<<8|uint32(h[1]), "")
		}
	}
}

func (w *walker) name() {
	var text strings.Builder
	room, start := 254, w.off
	for {
		first := int(w.see(1)[0])
		switch {
		case first == 0:
			w.take(Root, 1, 0, orRoot(text.String()))
			return
		case first >= 0xc0:
			p := w.see(2)
			to := first&0x3f<<8 | int(p[1])
			w.elsewhere(&text, to, start, room)
			w.take(Pointer, 2, uint32(to), orRoot(text.String()))
			return
		}
		must(first < 0x40, ErrLabelType)
		label := w.see(1 + first)
		room -= len(label)
		must(room >= 0, ErrNameLen)
		spell(&text, label[1:])
		w.take(Label, len(label), 0, "")
	}
}

// elsewhere spells what stands at to, for labels that began at start.
func (w *walker) elsewhere(text *strings.Builder, to, start, room int) {
	must(to < start, ErrPointer)
	to = w.landing(to)
	for at := to; ; {
		must(at < len(w.all), ErrShort)
		first := int(w.all[at])
		if first == 0 {
			return
		}
		if first >= 0xc0 {
			must(at+1 < len(w.all), ErrShort)
			w.elsewhere(text, first&0x3f<<8|int(w.all[at+1]), to, room)
			return
		}
		must(first < 0x40, ErrLabelType)
		must(at+1+first <= len(w.all), ErrShort)
		room -= 1 + first
		must(room >= 0, ErrNameLen)
		spell(text, w.all[at+1:at+1+first])
		at += 1 + first
	}
}

// landing returns where the pointers that begin at off end. It turns around on
// the way back what it has found on the way there.
func (w *walker) landing(off int) int {
	first, end := off, off
	for w.ends[end] == 0 && end+1 < len(w.all) && w.all[end] >= 0xc0 {
		to := int(w.all[end]&0x3f)<<8 | int(w.all[end+1])
		must(to < end, ErrPointer)
		end = to
	}
	if w.ends[end] != 0 {
		end = int(w.ends[end]) - 1
	}
	for off = first; off != end && w.ends[off] == 0; {
		w.ends[off] = uint32(end + 1)
		off = int(w.all[off]&0x3f)<<8 | int(w.all[off+1])
	}
	return end
}

func orRoot(text string) string {
	if text == "" {
		return "."
	}
	return text
}

func spell(text *strings.Builder, label []byte) {
	for _, c := range label {
		switch {
		case strings.IndexByte(`.\`, c) >= 0:
			text.WriteString(`\` + string(rune(c)))
		case c < '!' || c > '~':
			text.WriteString(`\` + strconv.Itoa(1000 + int(c))[1:])
		default:
			text.WriteByte(c)
		}
	}
	text.WriteByte('.')
}
