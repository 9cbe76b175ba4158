//go:build solution

// Package question reads and writes the questions of DNS messages (RFC 1035,
// section 4.1.2), and knows types and classes by name and by number.
package question

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/example/netkata/solutions/dns/name"
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

func (t Type) String() string {
	switch t {
	case TypeA:
		return "A"
	case TypeNS:
		return "NS"
	case TypeCNAME:
		return "CNAME"
	case TypeSOA:
		return "SOA"
	case TypePTR:
		return "PTR"
	case TypeMX:
		return "MX"
	case TypeTXT:
		return "TXT"
	case TypeAAAA:
		return "AAAA"
	case TypeSRV:
		return "SRV"
	case TypeOPT:
		return "OPT"
	case TypeAXFR:
		return "AXFR"
	case TypeANY:
		return "ANY"
	}
	return fmt.Sprintf("TYPE%d", uint16(t))
}

func (c Class) String() string {
	switch c {
	case ClassIN:
		return "IN"
	case ClassCH:
		return "CH"
	case ClassHS:
		return "HS"
	case ClassNONE:
		return "NONE"
	case ClassANY:
		return "ANY"
	}
	return fmt.Sprintf("CLASS%d", uint16(c))
}

// UnmarshalText asks each number below 256 for its name.
func (t *Type) UnmarshalText(text []byte) error {
	n, err := find(text, "TYPE", func(n uint16) string { return Type(n).String() })
	if err == nil {
		*t = Type(n)
	}
	return err
}

// UnmarshalText asks each number below 256 for its name.
func (c *Class) UnmarshalText(text []byte) error {
	n, err := find(text, "CLASS", func(n uint16) string { return Class(n).String() })
	if err == nil {
		*c = Class(n)
	}
	return err
}

func find(text []byte, word string, called func(uint16) string) (uint16, error) {
	s := string(text)
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return 0, ErrText
		}
	}
	for n := range uint16(256) {
		if strings.EqualFold(s, called(n)) {
			return n, nil
		}
	}
	if len(s) <= len(word) || !strings.EqualFold(s[:len(word)], word) {
		return 0, ErrText
	}
	n := 0
	for _, c := range s[len(word):] {
		if c < '0' || c > '9' || n > 65535 {
			return 0, ErrText
		}
		n = n*10 + int(c-'0')
	}
	if n > 65535 {
		return 0, ErrText
	}
	return uint16(n), nil
}

func Parse(msg []byte, off int) (Question, int, error) {
	owner, next, err := name.Parse(msg, off)
	if err != nil {
		return Question{}, 0, fmt.Errorf("question at %d: %w", off, err)
	}
	t, c, next, err := ParseType(msg, next)
	return Question{owner, t, c}, next, err
}

func ParseType(msg []byte, off int) (Type, Class, int, error) {
	if off > len(msg)-4 {
		return 0, 0, 0, ErrShort
	}
	b := msg[off : off+4]
	return Type(b[0])<<8 | Type(b[1]), Class(b[2])<<8 | Class(b[3]), off + 4, nil
}

// ParseAll returns what it read before an error, too.
func ParseAll(msg []byte, off int, count uint16) ([]Question, int, error) {
	all := []Question{}
	for ; count > 0; count-- {
		if off >= len(msg) {
			return all, off, ErrCount
		}
		q, next, err := Parse(msg, off)
		if err != nil {
			return all, off, err
		}
		all, off = append(all, q), next
	}
	return all, off, nil
}

func Append(b []byte, q Question) ([]byte, error) {
	encoded, err := name.Append(nil, q.Name)
	if err != nil {
		return b, fmt.Errorf("question: %w", err)
	}
	return slices.Concat(b, encoded, []byte{byte(q.Type >> 8), byte(q.Type), byte(q.Class >> 8), byte(q.Class)}), nil
}
