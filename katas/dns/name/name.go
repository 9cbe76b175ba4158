//go:build !solution

// Package name reads and writes domain names as they stand in DNS messages
// (RFC 1035, sections 3.1 and 4.1.4).
//
// A name is passed around as text: "www.example.com.", the root as ".". An
// octet that would be misread there is escaped as in master files (RFC 1035,
// section 5.1).
package name

import (
	"errors"

	"github.com/example/netkata/harness/todo"
)

// Limits, in octets (RFC 1035, section 2.3.4).
const (
	MaxLabel = 63  // a label, without its length
	MaxLen   = 255 // a name on the wire: lengths, labels and the zero at its end
)

// Errors, wrapped with the offset or the text that they are about.
var (
	// ErrShort means that the message ends before the name does.
	ErrShort = errors.New("name: message too short")
	// ErrLabelType means that a label begins with the bits 01 or 10.
	ErrLabelType = errors.New("name: reserved label type")
	// ErrPointer means that a pointer does not lead to an earlier name.
	ErrPointer = errors.New("name: pointer does not lead backwards")
	// ErrLabelLen means that a label has more than MaxLabel octets.
	ErrLabelLen = errors.New("name: label too long")
	// ErrNameLen means that a name has more than MaxLen octets.
	ErrNameLen = errors.New("name: name too long")
	// ErrEmptyLabel means that a label other than the root's is empty.
	ErrEmptyLabel = errors.New("name: empty label")
	// ErrEscape means that what follows a backslash is no escape.
	ErrEscape = errors.New("name: bad escape")
)

// Parse reads the name that begins at offset off of msg, and follows its
// pointers. It returns the name as text, with a dot behind every label, and the
// offset of the octet after the name where it began: behind its zero or its
// first pointer.
//
// The error is ErrShort, ErrLabelType, ErrPointer or ErrNameLen.
func Parse(msg []byte, off int) (name string, next int, err error) {
	// TODO
	return "", off, todo.Err
}

// AppendText is Parse for callers who bring their own memory: it appends the
// text to b and returns the extended slice.
//
// The errors are those of Parse; b is then returned as it was.
func AppendText(b, msg []byte, off int) (text []byte, next int, err error) {
	// TODO
	return b, off, todo.Err
}

// Append appends the name to b, without compression, and returns the extended
// slice. The dot at the end of the text may be missing: every name is taken from
// the root.
//
// The error is ErrLabelLen, ErrNameLen, ErrEmptyLabel or ErrEscape; b is then
// returned as it was.
func Append(b []byte, name string) ([]byte, error) {
	// TODO
	return b, todo.Err
}
