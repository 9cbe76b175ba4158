//go:build !solution

// Package question reads and writes the questions of DNS messages (RFC 1035,
// section 4.1.2), and knows types and classes by name and by number.
package question

import (
	"errors"

	"github.com/example/netkata/harness/todo"
)

// Errors, wrapped with the offset or the text that they are about.
var (
	// ErrShort means that the message ends before the type and the class do.
	ErrShort = errors.New("question: message too short")
	// ErrCount means that the message has fewer questions than its count says.
	ErrCount = errors.New("question: fewer questions than counted")
	// ErrText means that a text is the name of no type or class.
	ErrText = errors.New("question: no such type or class")
)

// Question is one entry of the question section. The zero value cannot be
// written: its name is no name.
type Question struct {
	Name  string // as package name writes it: "www.example.com."
	Type  Type   // what is asked for
	Class Class  // nearly always ClassIN
}

// Type is the type of a record, or of what is asked for.
type Type uint16

// Types (RFC 1035, sections 3.2.2 and 3.2.3; RFC 3596; RFC 2782; RFC 6891).
const (
	TypeA     Type = 1   // an IPv4 address
	TypeNS    Type = 2   // a name server
	TypeCNAME Type = 5   // the name that this one is an alias of
	TypeSOA   Type = 6   // where authority over a zone starts
	TypePTR   Type = 12  // another name
	TypeMX    Type = 15  // a mail exchange
	TypeTXT   Type = 16  // text
	TypeAAAA  Type = 28  // an IPv6 address
	TypeSRV   Type = 33  // where a service is
	TypeOPT   Type = 41  // EDNS: no data, but options of the message
	TypeAXFR  Type = 252 // only asked for: the whole zone
	TypeANY   Type = 255 // only asked for: whatever there is
)

// Class is the class of a record, or of what is asked for.
type Class uint16

// Classes (RFC 1035, sections 3.2.4 and 3.2.5; RFC 2136, section 2.4).
const (
	ClassIN   Class = 1   // the Internet
	ClassCH   Class = 3   // Chaos
	ClassHS   Class = 4   // Hesiod
	ClassNONE Class = 254 // only in updates
	ClassANY  Class = 255 // only asked for: any class
)

// String returns the name of the type, or TYPE and its number where it has none
// here (RFC 3597, section 5).
func (t Type) String() string {
	// TODO
	return ""
}

// String returns the name of the class, or CLASS and its number where it has
// none here (RFC 3597, section 5).
func (c Class) String() string {
	// TODO
	return ""
}

// UnmarshalText reads what String writes, in upper or lower case, and the
// numbered form of every type. The error is ErrText; t then stays as it was.
func (t *Type) UnmarshalText(text []byte) error {
	// TODO
	return todo.Err
}

// UnmarshalText reads what String writes, in upper or lower case, and the
// numbered form of every class. The error is ErrText; c then stays as it was.
func (c *Class) UnmarshalText(text []byte) error {
	// TODO
	return todo.Err
}

// Parse reads the question that begins at offset off of msg, and returns it with
// the offset of the octet behind it.
//
// The error is one of name.Parse's, or that of ParseType.
func Parse(msg []byte, off int) (q Question, next int, err error) {
	// TODO
	return Question{}, off, todo.Err
}

// ParseType reads the type and the class that stand behind a name, in questions
// as in records, and returns them with the offset of the octet behind them.
//
// The error is ErrShort when msg has fewer than four octets from off on.
func ParseType(msg []byte, off int) (t Type, c Class, next int, err error) {
	// TODO
	return 0, 0, off, todo.Err
}

// ParseAll reads count questions, of which the first begins at offset off of
// msg, and returns them with the offset of the octet behind the last.
//
// The error is ErrCount when the message ends where the next question would
// begin, or before it, and otherwise one of Parse's.
func ParseAll(msg []byte, off int, count uint16) (all []Question, next int, err error) {
	// TODO
	return nil, off, todo.Err
}

// Append appends q to b, its name without compression, and returns the extended
// slice.
//
// The error is one of name.Append's; b is then returned as it was.
func Append(b []byte, q Question) ([]byte, error) {
	// TODO
	return b, todo.Err
}
