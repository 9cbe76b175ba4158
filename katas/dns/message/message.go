//go:build !solution

// Package message reads and writes whole DNS messages (RFC 1035, section 4.1),
// with their names compressed (section 4.1.4).
package message

import (
	"errors"

	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/katas/dns/header"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
)

// MaxLen is the length of the largest message, in octets: over TCP, sixteen bits
// say how long one is (RFC 1035, section 4.2.2).
const MaxLen = 65535

// Errors, wrapped with what they are about.
var (
	// ErrCount means that the message has fewer questions or records than a count
	// in its header says.
	ErrCount = errors.New("message: fewer entries than counted")
	// ErrTooLong means that a message has more than MaxLen octets, or a section
	// more entries than sixteen bits count.
	ErrTooLong = errors.New("message: too long")
)

// Message is a whole message. The zero value is a query with id 0 that asks for
// nothing.
type Message struct {
	// Header's counts say what was read. Append goes by the sections alone.
	header.Header
	Questions   []question.Question
	Answers     []record.Record
	Authorities []record.Record
	Additionals []record.Record
}

// Parse reads the message that msg begins with, and returns it with the offset
// of the octet behind it: msg may go on, what for is the caller's affair.
//
// The error is ErrCount, or one of header.Parse's, question.Parse's or
// record.Parse's.
func Parse(msg []byte) (m Message, next int, err error) {
	// TODO
	return Message{}, 0, todo.Err
}

// Append appends m to b, its names compressed, and returns the extended slice.
// Pointers count from where m begins, which is len(b).
//
// The error is ErrTooLong, or one of header.Append's, question.Append's or
// record.Append's; b is then returned as it was.
func Append(b []byte, m Message) ([]byte, error) {
	// TODO
	return b, todo.Err
}
