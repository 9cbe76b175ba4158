//go:build !solution

// Package decode accounts for every octet of a DNS message, whoever sent it
// (RFC 1035, section 4.1).
package decode

import (
	"errors"

	"github.com/example/netkata/harness/todo"
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
func (f *Fault) Error() string {
	// TODO
	return ""
}

// Unwrap returns Err, for errors.Is.
func (f *Fault) Unwrap() error {
	// TODO
	return todo.Err
}

// Decode takes msg apart. The fields that it returns are in order, each begins
// where the one before it ended, and together they are msg.
//
// The error is nil or a *Fault; with a Fault, the fields end at its Off.
func Decode(msg []byte) ([]Field, error) {
	// TODO
	return nil, todo.Err
}
