//go:build solution

// Package decode accounts for every octet of a DNS message, whoever sent it
// (RFC 1035, section 4.1).
package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
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
func (f *Fault) Error() string { return fmt.Sprintf("%v at offset %d", f.Err, f.Off) }

// Unwrap returns Err, for errors.Is.
func (f *Fault) Unwrap() error { return f.Err }

// Decode takes msg apart. The fields that it returns are in order, each begins
// where the one before it ended, and together they are msg.
//
// The error is nil or a *Fault; with a Fault, the fields end at its Off.
func Decode(msg []byte) ([]Field, error) {
	d := decoder{msg: msg, end: len(msg), cut: ErrShort, ends: map[int]int{}}
	d.message()
	if d.err != nil {
		return d.fields, &Fault{d.pos, d.err}
	}
	return d.fields, nil
}

// Types whose data is taken apart (RFC 1035, section 3.2.2; RFC 3596; RFC 2782;
// RFC 6891).
const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typePTR   = 12
	typeMX    = 15
	typeTXT   = 16
	typeAAAA  = 28
	typeSRV   = 33
	typeOPT   = 41
)

// decoder reads msg field by field. After the first error it reads no more, so
// that only loops need to look whether there was one.
type decoder struct {
	msg    []byte
	pos    int   // of the next field
	end    int   // of what may be read: the data of a record, or the message
	cut    error // what it means that a field reaches past end
	err    error // the first one
	fields []Field
	ends   map[int]int // where chains of pointers end, by the offset of each pointer
}

func (d *decoder) message() {
	d.number(ID, 2)
	d.number(Flags, 2)
	questions := d.number(Count, 2)
	records := d.number(Count, 2) + d.number(Count, 2) + d.number(Count, 2)
	for ; questions > 0 && d.err == nil; questions-- {
		d.name()
		d.number(Type, 2)
		d.number(Class, 2)
	}
	for ; records > 0 && d.err == nil; records-- {
		d.record()
	}
	d.rest(Trailing)
}

func (d *decoder) record() {
	d.name()
	rrtype := d.number(Type, 2)
	d.number(Class, 2)
	d.number(TTL, 4)
	length := int(d.number(RDLength, 2))
	if length > d.end-d.pos {
		d.fail(ErrShort)
	}
	if d.err != nil {
		return
	}
	d.end, d.cut = d.pos+length, ErrRDLength
	d.data(rrtype)
	if d.pos < d.end {
		d.fail(ErrRDLength)
	}
	d.end, d.cut = len(d.msg), ErrShort
}

func (d *decoder) data(rrtype uint32) {
	switch rrtype {
	case typeA:
		d.add(4, Field{Kind: Address})
	case typeAAAA:
		d.add(16, Field{Kind: Address})
	case typeCNAME, typeNS, typePTR:
		d.name()
	case typeMX:
		d.number(Number, 2)
		d.name()
	case typeSRV:
		for range 3 { // priority, weight, port
			d.number(Number, 2)
		}
		d.name()
	case typeSOA:
		d.name() // MNAME
		d.name() // RNAME
		for range 5 {
			d.number(Number, 4)
		}
	case typeTXT:
		d.text() // at least one
		for d.more() {
			d.text()
		}
	case typeOPT:
		for d.more() {
			d.option()
		}
	default:
		d.rest(Opaque)
	}
}

// more says whether there is something left to read.
func (d *decoder) more() bool { return d.err == nil && d.pos < d.end }

// fail keeps the first error.
func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// next returns the next n octets without going on, or nil if they are not there.
func (d *decoder) next(n int) []byte {
	if n > d.end-d.pos {
		d.fail(d.cut)
	}
	if d.err != nil {
		return nil
	}
	return d.msg[d.pos : d.pos+n]
}

// add makes a field of the next n octets.
func (d *decoder) add(n int, f Field) {
	if d.next(n) == nil {
		return
	}
	f.Off, f.Len = d.pos, n
	d.fields = append(d.fields, f)
	d.pos += n
}

// number makes a field of the next n octets, and returns their value.
func (d *decoder) number(kind Kind, n int) uint32 {
	var v uint32
	for _, octet := range d.next(n) {
		v = v<<8 | uint32(octet)
	}
	d.add(n, Field{Kind: kind, Num: v})
	return v
}

// rest makes one field of all that is left, if anything is.
func (d *decoder) rest(kind Kind) {
	if d.more() {
		d.add(d.end-d.pos, Field{Kind: kind})
	}
}

func (d *decoder) text() {
	if length := d.next(1); length != nil {
		d.add(1+int(length[0]), Field{Kind: String})
	}
}

func (d *decoder) option() {
	if head := d.next(4); head != nil {
		code, length := binary.BigEndian.Uint16(head), binary.BigEndian.Uint16(head[2:])
		d.add(4+int(length), Field{Kind: Option, Num: uint32(code)})
	}
}

// name makes fields of the labels that stand here, and of the root or pointer
// that ends them.
func (d *decoder) name() {
	var s spelling
	for start := d.pos; ; {
		first := d.next(1)
		if first == nil {
			return
		}
		kind, n := part(first[0])
		octets := d.next(n)
		if octets == nil {
			return
		}
		switch kind {
		case Label:
			d.fail(s.add(octets[1:]))
			d.add(n, Field{Kind: Label})
		case Root:
			d.add(n, Field{Kind: Root, Name: s.name()})
			return
		case Pointer:
			to := target(octets)
			d.fail(d.follow(&s, to, start))
			d.add(n, Field{Kind: Pointer, Num: uint32(to), Name: s.name()})
			return
		default:
			d.fail(ErrLabelType)
		}
	}
}

// part says what part of a name begins with that octet, and how many octets it
// has.
func part(first byte) (kind Kind, n int) {
	switch first >> 6 {
	case 0b00:
		if first == 0 {
			return Root, 1
		}
		return Label, 1 + int(first)
	case 0b11:
		return Pointer, 2
	default:
		return "", 1
	}
}

// partAt is part, of what stands at off, where a pointer led.
func (d *decoder) partAt(off int) (kind Kind, octets []byte, err error) {
	if off >= len(d.msg) {
		return "", nil, ErrShort
	}
	kind, n := part(d.msg[off])
	switch {
	case kind == "":
		return "", nil, ErrLabelType
	case n > len(d.msg)-off:
		return "", nil, ErrShort
	}
	return kind, d.msg[off : off+n], nil
}

// target returns where a pointer leads.
func target(pointer []byte) int { return int(binary.BigEndian.Uint16(pointer) & 0x3fff) }

// follow spells what a pointer leads to. The labels that it follows begin at
// start.
func (d *decoder) follow(s *spelling, to, start int) error {
	for {
		if to >= start {
			return ErrPointer
		}
		at, err := d.chainEnd(to)
		if err != nil {
			return err
		}
		for start = at; ; {
			kind, octets, err := d.partAt(at)
			if err != nil || kind == Root {
				return err
			}
			if kind == Pointer {
				to = target(octets)
				break
			}
			if err := s.add(octets[1:]); err != nil {
				return err
			}
			at += len(octets)
		}
	}
}

// chainEnd returns where the pointers end of which the first stands at off: at
// the first octet that is none. It goes over none of them twice, however many
// names end in them.
func (d *decoder) chainEnd(off int) (int, error) {
	var passed []int
	for {
		if end, ok := d.ends[off]; ok {
			off = end
			break
		}
		kind, octets, err := d.partAt(off)
		if err != nil {
			return 0, err
		}
		if kind != Pointer {
			break
		}
		to := target(octets)
		if to >= off {
			return 0, ErrPointer
		}
		passed = append(passed, off)
		off = to
	}
	for _, p := range passed {
		d.ends[p] = off
	}
	return off, nil
}

// maxName is the length of the longest name on the wire (RFC 1035, section 2.3.4).
const maxName = 255

// spelling is a name as text, as far as it has been read.
type spelling struct {
	text   []byte
	octets int // on the wire, without the zero
}

// add spells a label.
func (s *spelling) add(label []byte) error {
	if s.octets += 1 + len(label); s.octets+1 > maxName {
		return ErrNameLen
	}
	for _, c := range label {
		switch {
		case c == '.' || c == '\\':
			s.text = append(s.text, '\\', c)
		case c <= ' ' || c > '~':
			s.text = fmt.Appendf(s.text, `\%03d`, c)
		default:
			s.text = append(s.text, c)
		}
	}
	s.text = append(s.text, '.')
	return nil
}

// name returns the text of the whole name.
func (s *spelling) name() string {
	if len(s.text) == 0 {
		return "."
	}
	return string(s.text)
}
