//go:build solution

// Package question reads and writes the questions of DNS messages (RFC 1035,
// section 4.1.2), and knows types and classes by name and by number.
package question

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/miekg/dns"

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

// known says which of the names that miekg/dns has are those of this package.
var known = regexp.MustCompile(`^(?:A|NS|CNAME|SOA|PTR|MX|TXT|AAAA|SRV|OPT|AXFR|ANY|IN|CH|HS|NONE)$`)

func (t Type) String() string {
	if s := dns.TypeToString[uint16(t)]; known.MatchString(s) {
		return s
	}
	return "TYPE" + strconv.Itoa(int(t))
}

func (c Class) String() string {
	if s := dns.ClassToString[uint16(c)]; known.MatchString(s) {
		return s
	}
	return "CLASS" + strconv.Itoa(int(c))
}

var numbered = regexp.MustCompile(`^(TYPE|CLASS)([0-9]{1,5})$`)

func (t *Type) UnmarshalText(text []byte) error {
	return lookUp((*uint16)(t), "TYPE", text, dns.StringToType)
}

func (c *Class) UnmarshalText(text []byte) error {
	return lookUp((*uint16)(c), "CLASS", text, dns.StringToClass)
}

func lookUp(n *uint16, word string, text []byte, numbers map[string]uint16) error {
	s := strings.ToUpper(string(text))
	if len(s) != len(text) || strings.ToLower(s) != strings.ToLower(string(text)) {
		return fmt.Errorf("%q: %w", text, ErrText)
	}
	if v, ok := numbers[s]; ok && known.MatchString(s) {
		*n = v
		return nil
	}
	m := numbered.FindStringSubmatch(s)
	if m == nil || m[1] != word {
		return fmt.Errorf("%q: %w", text, ErrText)
	}
	v, err := strconv.Atoi(m[2])
	if err != nil || v > 0xffff {
		return fmt.Errorf("%q: %w", text, ErrText)
	}
	*n = uint16(v)
	return nil
}

// Parse lets miekg/dns read a message of that one question.
func Parse(msg []byte, off int) (q Question, next int, err error) {
	owner, end, err := name.Parse(msg, off)
	if err != nil {
		return q, 0, err
	}
	if _, _, next, err = ParseType(msg, end); err != nil {
		return q, 0, err
	}
	one, err := name.Append([]byte{5: 1, 11: 0}, owner)
	if err != nil {
		return q, 0, err
	}
	var m dns.Msg
	if err := m.Unpack(append(one, msg[end:next]...)); err != nil {
		return q, 0, err
	}
	return Question{owner, Type(m.Question[0].Qtype), Class(m.Question[0].Qclass)}, next, nil
}

func ParseType(msg []byte, off int) (t Type, c Class, next int, err error) {
	var both struct {
		Type  Type
		Class Class
	}
	if off > len(msg) {
		off = len(msg)
	}
	n, err := binary.Decode(msg[off:], binary.BigEndian, &both)
	if err != nil {
		return 0, 0, 0, ErrShort
	}
	return both.Type, both.Class, off + n, nil
}

// ParseAll goes over the questions twice: to count, then to keep.
func ParseAll(msg []byte, off int, count uint16) ([]Question, int, error) {
	end, found := off, 0
	for ; found < int(count); found++ {
		if end >= len(msg) {
			return nil, 0, fmt.Errorf("%w: %d, want %d", ErrCount, found, count)
		}
		_, next, err := Parse(msg, end)
		if err != nil {
			return nil, 0, err
		}
		end = next
	}
	all := make([]Question, found)
	for i := range all {
		all[i], off, _ = Parse(msg, off)
	}
	return all, end, nil
}

// Append lets miekg/dns write a message of that one question.
func Append(b []byte, q Question) ([]byte, error) {
	if _, err := name.Append(nil, q.Name); err != nil {
		return b, err
	}
	m := dns.Msg{Question: []dns.Question{{Name: dns.Fqdn(q.Name), Qtype: uint16(q.Type), Qclass: uint16(q.Class)}}}
	msg, err := m.Pack()
	if err != nil {
		return b, err
	}
	return append(b, msg[12:]...), nil
}
