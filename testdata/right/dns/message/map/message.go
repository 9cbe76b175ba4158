//go:build solution

// Package message reads and writes whole DNS messages (RFC 1035, section 4.1),
// with their names compressed (section 4.1.4).
package message

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/example/netkata/solutions/dns/header"
	"github.com/example/netkata/solutions/dns/name"
	"github.com/example/netkata/solutions/dns/question"
	"github.com/example/netkata/solutions/dns/record"
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

// Parse reads one section after the other, and each name wherever it stands.
func Parse(msg []byte) (m Message, next int, err error) {
	m.Header, next, err = header.Parse(msg, 0)
	if err != nil {
		return m, next, err
	}
	for range m.QDCount {
		if next == len(msg) {
			return m, next, ErrCount
		}
		var q question.Question
		q, next, err = question.Parse(msg, next)
		if err != nil {
			return m, next, err
		}
		m.Questions = append(m.Questions, q)
	}
	if m.Answers, next, err = section(msg, next, m.ANCount); err != nil {
		return m, next, err
	}
	if m.Authorities, next, err = section(msg, next, m.NSCount); err != nil {
		return m, next, err
	}
	m.Additionals, next, err = section(msg, next, m.ARCount)
	return m, next, err
}

func section(msg []byte, off int, count uint16) (all []record.Record, next int, err error) {
	all = []record.Record{}
	for len(all) < int(count) {
		if off == len(msg) {
			return all, off, ErrCount
		}
		r, after, err := record.Parse(msg, off, name.Parse)
		if err != nil {
			return all, off, fmt.Errorf("at %d: %w", off, err)
		}
		all, off = append(all, r), after
	}
	return all, off, nil
}

// Append writes the message on its own, so that offsets are what they are, and
// puts it behind b at the end.
func Append(b []byte, m Message) ([]byte, error) {
	sections := [][]record.Record{m.Answers, m.Authorities, m.Additionals}
	counts := []*uint16{&m.ANCount, &m.NSCount, &m.ARCount}
	for i, section := range sections {
		if len(section) > MaxLen {
			return b, ErrTooLong
		}
		*counts[i] = uint16(len(section))
	}
	if len(m.Questions) > MaxLen {
		return b, ErrTooLong
	}
	m.QDCount = uint16(len(m.Questions))
	out, err := header.Append(nil, m.Header)
	if err != nil {
		return b, err
	}
	known := map[string]int{} // offsets of names, by their octets
	for _, q := range m.Questions {
		out, err = compress(known, out, q.Name)
		if err != nil {
			return b, err
		}
		out = binary.BigEndian.AppendUint16(out, uint16(q.Type))
		out = binary.BigEndian.AppendUint16(out, uint16(q.Class))
	}
	for _, section := range sections {
		for _, r := range section {
			out, err = record.Append(out, r, func(b []byte, text string) ([]byte, error) { return compress(known, b, text) })
			if err != nil {
				return b, err
			}
		}
	}
	if len(out) > MaxLen {
		return b, fmt.Errorf("%w: %d", ErrTooLong, len(out))
	}
	return append(b, out...), nil
}

func compress(known map[string]int, msg []byte, text string) ([]byte, error) {
	octets, err := name.Append(nil, text)
	if err != nil {
		return msg, err
	}
	for len(octets) > 1 {
		if at, ok := known[string(octets)]; ok {
			return append(msg, 0xc0|byte(at>>8), byte(at)), nil
		}
		if len(msg) < 0x4000 {
			known[string(octets)] = len(msg)
		}
		n := 1 + int(octets[0])
		msg, octets = append(msg, octets[:n]...), octets[n:]
	}
	return append(msg, 0), nil
}
