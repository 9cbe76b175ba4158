//go:build solution

// Package message reads and writes whole DNS messages (RFC 1035, section 4.1),
// with their names compressed (section 4.1.4).
package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

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

// Parse reads the message that msg begins with, and returns it with the offset
// of the octet behind it: msg may go on, what for is the caller's affair.
//
// The error is ErrCount, or one of header.Parse's, question.Parse's or
// record.Parse's.
func Parse(msg []byte) (m Message, next int, err error) {
	h, next, err := header.Parse(msg, 0)
	if err != nil {
		return Message{}, 0, err
	}
	questions, next, err := question.ParseAll(msg, next, h.QDCount)
	if errors.Is(err, question.ErrCount) {
		err = fmt.Errorf("%w: %w", ErrCount, err)
	}
	if err != nil {
		return Message{}, 0, err
	}
	var names reader
	if len(questions) > 0 {
		names.add(questions[0].Name, header.Len)
	}
	all, next, err := parseRecords(msg, next, h, names.parse)
	if err != nil {
		return Message{}, 0, err
	}
	answers, all := split(all, h.ANCount)
	authorities, additionals := split(all, h.NSCount)
	return Message{h, questions, answers, authorities, additionals}, next, nil
}

// minRecord is the length of the shortest record: the root's name, and no data.
const minRecord = 11

// parseRecords reads the records of all sections that h counts into one slice.
func parseRecords(msg []byte, off int, h header.Header, get record.ParseName) (all []record.Record, next int, err error) {
	counts := [...]int{int(h.ANCount), int(h.NSCount), int(h.ARCount)}
	// Counts are a stranger's word: memory goes by what there is.
	if n := min(counts[0]+counts[1]+counts[2], (len(msg)-off)/minRecord); n > 0 {
		all = make([]record.Record, 0, n)
	}
	next = off
	for i, section := range [...]string{"answer", "authority", "additional"} {
		for n := range counts[i] {
			if next >= len(msg) {
				return nil, 0, fmt.Errorf("%w: %d of %d in the %s section", ErrCount, n, counts[i], section)
			}
			var r record.Record
			if r, next, err = record.Parse(msg, next, get); err != nil {
				return nil, 0, fmt.Errorf("%s %d of %d: %w", section, n+1, counts[i], err)
			}
			all = append(all, r)
		}
	}
	return all, next, nil
}

// split returns the first n records and the rest. Who appends to the first does
// not write over the rest.
func split(all []record.Record, n uint16) (first, rest []record.Record) {
	if n == 0 {
		return nil, all
	}
	return all[:n:n], all[n:]
}

// recent is the last few names of a message, and where they stand: most names
// of a response have been there a moment before.
type recent struct {
	names [8]place
	n     int // how many were ever added
}

type place struct {
	text string
	off  int
}

func (r *recent) add(text string, off int) {
	r.names[r.n%len(r.names)] = place{text, off}
	r.n++
}

func (r *recent) all() []place { return r.names[:min(r.n, len(r.names))] }

// reader reads names, and none twice that it still knows.
type reader struct{ recent }

// parse is name.Parse.
func (r *reader) parse(msg []byte, off int) (text string, next int, err error) {
	at := off
	if off+2 <= len(msg) && msg[off] >= pointer>>8 {
		at = int(binary.BigEndian.Uint16(msg[off:]) &^ pointer)
		for _, p := range r.all() {
			if p.off == at && at < off {
				return p.text, off + 2, nil
			}
		}
	}
	if text, next, err = name.Parse(msg, off); err == nil {
		r.add(text, at)
	}
	return text, next, err
}

// Append appends m to b, its names compressed, and returns the extended slice.
// Pointers count from where m begins, which is len(b).
//
// The error is ErrTooLong, or one of header.Append's, question.Append's or
// record.Append's; b is then returned as it was.
func Append(b []byte, m Message) ([]byte, error) {
	for _, n := range [...]int{len(m.Questions), len(m.Answers), len(m.Authorities), len(m.Additionals)} {
		if n > math.MaxUint16 {
			return b, fmt.Errorf("%w: %d entries in a section", ErrTooLong, n)
		}
	}
	m.QDCount, m.ANCount = uint16(len(m.Questions)), uint16(len(m.Answers))
	m.NSCount, m.ARCount = uint16(len(m.Authorities)), uint16(len(m.Additionals))
	out, err := header.Append(b, m.Header)
	if err != nil {
		return b, err
	}
	c := compressor{start: len(b), names: make([]suffix, 1, 32)}
	for _, q := range m.Questions {
		if out, err = c.appendQuestion(out, q); err != nil {
			return b, err
		}
	}
	put := c.append
	for _, section := range [...][]record.Record{m.Answers, m.Authorities, m.Additionals} {
		for i := range section {
			if out, err = record.Append(out, section[i], put); err != nil {
				return b, err
			}
			if len(out)-len(b) > MaxLen {
				return b, fmt.Errorf("%w: more than %d octets", ErrTooLong, MaxLen)
			}
		}
	}
	return out, nil
}

// compressor writes the names of one message. It keeps those that pointers can
// reach: each is a label and the rest of the name, which is another of them.
type compressor struct {
	start  int // where the message begins
	recent     // whole names
	names  []suffix
	first  [256]uint16 // of the names with each hash, the one added last
}

// suffix is a name of the message. It is known by its number in names; zero is
// the root.
type suffix struct {
	off  uint16 // where its first label stands, from the message's start
	rest uint16 // the name behind its first label
	next uint16 // another name with the same hash, zero for none
}

const (
	pointer    = 0xc000 // the two bits that make a pointer of an offset
	maxPointer = 0x3fff // the highest offset that the fourteen others hold
)

// appendQuestion is question.Append, but compresses the name.
func (c *compressor) appendQuestion(b []byte, q question.Question) ([]byte, error) {
	out, err := c.append(b, q.Name)
	if err != nil {
		return b, err
	}
	out = binary.BigEndian.AppendUint16(out, uint16(q.Type))
	out = binary.BigEndian.AppendUint16(out, uint16(q.Class))
	if len(out)-c.start > MaxLen {
		return b, fmt.Errorf("%w: more than %d octets", ErrTooLong, MaxLen)
	}
	return out, nil
}

// append appends a name to b: the labels that are new, and a pointer to the rest.
func (c *compressor) append(b []byte, text string) ([]byte, error) {
	for _, p := range c.all() {
		if p.text == text {
			return binary.BigEndian.AppendUint16(b, pointer|uint16(p.off)), nil
		}
	}
	out, err := name.Append(b, text)
	if err != nil {
		return b, err
	}
	var room [name.MaxLen / 2]int
	labels := room[:0] // where each stands
	for pos := len(b); out[pos] != 0; pos += 1 + int(out[pos]) {
		labels = append(labels, pos)
	}
	// From the root on, as far as the name is known. What lies too far for a
	// pointer may lead to a longer name that does not.
	n, known := len(labels), uint16(0)
	end, target := n, uint16(0)
	for n > 0 {
		longer := c.find(out, labels[n-1], known)
		if longer == 0 {
			break
		}
		if n, known = n-1, longer; c.names[known].off <= maxPointer {
			end, target = n, known
		}
	}
	if len(b)-c.start <= maxPointer {
		for ; n > 0; n-- {
			known = c.add(out, labels[n-1], known)
		}
	}
	if off := c.names[known].off; n == 0 && known != 0 && off <= maxPointer {
		c.recent.add(text, int(off))
	}
	if target != 0 {
		out = binary.BigEndian.AppendUint16(out[:labels[end]], pointer|c.names[target].off)
	}
	return out, nil
}

// find returns the name whose first label is spelt like the one at pos of msg,
// and goes on as the name rest does; zero if there is none.
func (c *compressor) find(msg []byte, pos int, rest uint16) uint16 {
	label := labelAt(msg, pos)
	for n := c.first[hash(label, rest)]; n != 0; n = c.names[n].next {
		if s := c.names[n]; s.rest == rest && string(labelAt(msg, c.start+int(s.off))) == string(label) {
			return n
		}
	}
	return 0
}

// add adds the name whose first label stands at pos of msg.
func (c *compressor) add(msg []byte, pos int, rest uint16) uint16 {
	n := uint16(len(c.names))
	first := &c.first[hash(labelAt(msg, pos), rest)]
	c.names = append(c.names, suffix{uint16(pos - c.start), rest, *first})
	*first = n
	return n
}

// labelAt returns a label with its length.
func labelAt(msg []byte, pos int) []byte { return msg[pos : pos+1+int(msg[pos])] }

// hash is FNV-1a, of which the lowest octet is enough here.
func hash(label []byte, rest uint16) byte {
	h := uint32(2166136261) ^ uint32(rest)
	for _, c := range label {
		h = (h ^ uint32(c)) * 16777619
	}
	return byte(h>>8 ^ h)
}
