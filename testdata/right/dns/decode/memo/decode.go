//go:build solution

// Package decode accounts for every octet of a DNS message, whoever sent it
// (RFC 1035, section 4.1).
package decode

import (
	"encoding/binary"
	"errors"
	"fmt"
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
func (f *Fault) Error() string { return fmt.Sprintf("offset %#x: %v", f.Off, f.Err) }

// Unwrap returns Err, for errors.Is.
func (f *Fault) Unwrap() error { return f.Err }

// Decode takes msg apart. The fields that it returns are in order, each begins
// where the one before it ended, and together they are msg.
//
// The error is nil or a *Fault; with a Fault, the fields end at its Off.
func Decode(msg []byte) ([]Field, error) {
	p := &parser{msg: msg, known: map[int]spelt{}}
	if err := p.message(); err != nil {
		return p.fields, &Fault{Off: p.at(), Err: err}
	}
	return p.fields, nil
}

// parser keeps where it is in its fields alone.
type parser struct {
	msg    []byte
	fields []Field
	known  map[int]spelt // names that pointers led to
}

// spelt is the end of a name, and why it is none.
type spelt struct {
	text   string
	octets int // with the zero
	err    error
}

func (p *parser) at() int {
	if len(p.fields) == 0 {
		return 0
	}
	last := p.fields[len(p.fields)-1]
	return last.Off + last.Len
}

func (p *parser) put(f Field) { f.Off = p.at(); p.fields = append(p.fields, f) }

func (p *parser) message() error {
	var counts [6]uint16
	for i, kind := range []Kind{ID, Flags, Count, Count, Count, Count} {
		v, err := p.uint(kind, 2, len(p.msg), ErrShort)
		if err != nil {
			return err
		}
		counts[i] = uint16(v)
	}
	for n := 0; n < int(counts[2]); n++ {
		if err := p.question(); err != nil {
			return fmt.Errorf("question %d: %w", n, err)
		}
	}
	for i, section := range []string{"answer", "authority", "additional"} {
		for n := 0; n < int(counts[3+i]); n++ {
			if err := p.record(); err != nil {
				return fmt.Errorf("%s %d: %w", section, n, err)
			}
		}
	}
	if n := len(p.msg) - p.at(); n > 0 {
		p.put(Field{Len: n, Kind: Trailing})
	}
	return nil
}

func (p *parser) question() error {
	end := len(p.msg)
	if err := p.name(end, ErrShort); err != nil {
		return err
	}
	if _, err := p.uint(Type, 2, end, ErrShort); err != nil {
		return err
	}
	_, err := p.uint(Class, 2, end, ErrShort)
	return err
}

func (p *parser) record() error {
	end := len(p.msg)
	if err := p.name(end, ErrShort); err != nil {
		return err
	}
	rrtype, err := p.uint(Type, 2, end, ErrShort)
	if err != nil {
		return err
	}
	if _, err := p.uint(Class, 2, end, ErrShort); err != nil {
		return err
	}
	if _, err := p.uint(TTL, 4, end, ErrShort); err != nil {
		return err
	}
	length, err := p.uint(RDLength, 2, end, ErrShort)
	if err != nil {
		return err
	}
	end = p.at() + int(length)
	if end > len(p.msg) {
		return ErrShort
	}
	if err := p.data(rrtype, end); err != nil {
		return err
	}
	if p.at() != end {
		return ErrRDLength
	}
	return nil
}

func (p *parser) data(rrtype uint32, end int) error {
	switch rrtype {
	case 1:
		return p.fixed(Address, 4, end)
	case 28:
		return p.fixed(Address, 16, end)
	case 2, 5, 12:
		return p.name(end, ErrRDLength)
	case 15:
		return p.numbersAndName(1, end)
	case 33:
		return p.numbersAndName(3, end)
	case 6:
		for range 2 {
			if err := p.name(end, ErrRDLength); err != nil {
				return err
			}
		}
		for range 5 {
			if _, err := p.uint(Number, 4, end, ErrRDLength); err != nil {
				return err
			}
		}
		return nil
	case 16:
		for {
			if p.at() == end {
				return ErrRDLength
			}
			if err := p.fixed(String, 1+int(p.msg[p.at()]), end); err != nil || p.at() == end {
				return err
			}
		}
	case 41:
		for p.at() < end {
			o := p.msg[p.at():end]
			if len(o) < 4 || len(o) < 4+int(binary.BigEndian.Uint16(o[2:])) {
				return ErrRDLength
			}
			p.put(Field{Len: 4 + int(binary.BigEndian.Uint16(o[2:])), Kind: Option, Num: uint32(binary.BigEndian.Uint16(o))})
		}
		return nil
	}
	if p.at() == end {
		return nil
	}
	return p.fixed(Opaque, end-p.at(), end)
}

func (p *parser) numbersAndName(numbers, end int) error {
	for range numbers {
		if _, err := p.uint(Number, 2, end, ErrRDLength); err != nil {
			return err
		}
	}
	return p.name(end, ErrRDLength)
}

func (p *parser) fixed(kind Kind, n, end int) error {
	if p.at()+n > end {
		return ErrRDLength
	}
	p.put(Field{Len: n, Kind: kind})
	return nil
}

func (p *parser) uint(kind Kind, n, end int, cut error) (uint32, error) {
	at := p.at()
	if at+n > end {
		return 0, cut
	}
	v := uint32(binary.BigEndian.Uint16(p.msg[at:]))
	if n == 4 {
		v = binary.BigEndian.Uint32(p.msg[at:])
	}
	p.put(Field{Len: n, Kind: kind, Num: v})
	return v, nil
}

func (p *parser) name(end int, cut error) error {
	var labels []string
	octets := 1
	for start := p.at(); ; {
		at := p.at()
		if at >= end {
			return cut
		}
		switch n := int(p.msg[at]); n & 0xc0 {
		case 0x40, 0x80:
			return ErrLabelType
		case 0xc0:
			if at+2 > end {
				return cut
			}
			to := int(binary.BigEndian.Uint16(p.msg[at:]) & 0x3fff)
			if to >= start {
				return ErrPointer
			}
			rest := p.spell(to)
			if rest.err != nil {
				return rest.err
			}
			if octets+rest.octets-1 > 255 {
				return ErrNameLen
			}
			p.put(Field{Len: 2, Kind: Pointer, Num: uint32(to), Name: join(labels, rest.text)})
			return nil
		default:
			if n == 0 {
				p.put(Field{Len: 1, Kind: Root, Name: join(labels, ".")})
				return nil
			}
			if at+1+n > end {
				return cut
			}
			if octets += 1 + n; octets > 255 {
				return ErrNameLen
			}
			labels = append(labels, quote(p.msg[at+1:at+1+n]))
			p.put(Field{Len: 1 + n, Kind: Label})
		}
	}
}

// spell reads the name at start, to which a pointer led, and once only.
func (p *parser) spell(start int) spelt {
	s, ok := p.known[start]
	if !ok {
		s = p.read(start)
		p.known[start] = s
	}
	return s
}

func (p *parser) read(start int) spelt {
	var labels []string
	octets := 1
	for at := start; ; {
		if at >= len(p.msg) {
			return spelt{err: ErrShort}
		}
		n := int(p.msg[at])
		switch {
		case n == 0:
			return spelt{text: join(labels, "."), octets: octets}
		case n < 64:
			if at+1+n > len(p.msg) {
				return spelt{err: ErrShort}
			}
			if octets += 1 + n; octets > 255 {
				return spelt{err: ErrNameLen}
			}
			labels = append(labels, quote(p.msg[at+1:at+1+n]))
			at += 1 + n
		case n < 192:
			return spelt{err: ErrLabelType}
		default:
			if at+1 >= len(p.msg) {
				return spelt{err: ErrShort}
			}
			to := n&0x3f<<8 | int(p.msg[at+1])
			if to >= start {
				return spelt{err: ErrPointer}
			}
			rest := p.spell(to)
			rest.octets += octets - 1
			if rest.err == nil && rest.octets > 255 {
				rest.err = ErrNameLen
			}
			rest.text = join(labels, rest.text)
			return rest
		}
	}
}

func join(labels []string, rest string) string {
	if len(labels) == 0 {
		return rest
	}
	text := strings.Join(labels, ".") + "."
	if rest != "." {
		text += rest
	}
	return text
}

func quote(label []byte) string {
	var s strings.Builder
	for _, c := range label {
		if c == '.' || c == '\\' {
			s.WriteByte('\\')
		}
		if '!' <= c && c <= '~' {
			s.WriteByte(c)
		} else {
			fmt.Fprintf(&s, `\%03d`, c)
		}
	}
	return s.String()
}
