//go:build solution

// Package respond answers DNS queries: from the octets of a query, and somebody
// who can look things up, to the octets of a response.
package respond

import (
	"encoding/binary"
	"errors"

	"github.com/example/netkata/solutions/dns/header"
	"github.com/example/netkata/solutions/dns/name"
	"github.com/example/netkata/solutions/dns/question"
	"github.com/example/netkata/solutions/dns/record"
)

// Transport is what carries the response.
type Transport int

// Transports. The zero value is UDP.
const (
	UDP Transport = iota // 512 octets, or what EDNS allows
	TCP                  // as long as a message can be
)

// Limits of a response over UDP, in octets.
const (
	MinUDP = 512  // what every client takes (RFC 1035, section 4.2.1)
	MaxUDP = 1232 // what Respond sends to a client that takes more; its own EDNS size
)

// Lookup looks up what a question asks for.
type Lookup func(q question.Question) Answer

// Answer is what there is to say to a question.
type Answer struct {
	Rcode         header.Rcode
	Authoritative bool
	Answers       []record.Record
	Authorities   []record.Record
	Additionals   []record.Record
}

// Respond writes record by record, counts, and stops where it is full. It does
// without package message.
func Respond(b, query []byte, transport Transport, lookup Lookup) ([]byte, bool) {
	h, next, err := header.Parse(query, 0)
	if err != nil || h.QR {
		return b, false
	}
	w := &writer{start: len(b), limit: MinUDP, names: map[string]uint16{}}
	w.h = header.Header{ID: h.ID, QR: true, Opcode: h.Opcode, RD: h.RD, CD: h.CD}
	w.out = append(b, make([]byte, header.Len)...)
	if h.Opcode != header.OpcodeQuery {
		w.h.Rcode = header.RcodeNotImp
		return w.finish()
	}
	q, size, ttl, err := read(query, next, h)
	if err != nil {
		w.h.Rcode = header.RcodeFormErr
		return w.finish()
	}
	w.question(q)
	if transport == TCP {
		w.limit = 65535
	} else if size > MinUDP {
		w.limit = min(size, MaxUDP)
	}
	if size >= 0 {
		w.opt = binary.BigEndian.AppendUint16([]byte{0, 0, 41}, MaxUDP)
		w.opt = append(w.opt, 0, 0, byte(ttl>>8)&0x80, 0, 0, 0)
	}
	if byte(ttl>>16) != 0 {
		w.opt[5] = 1
		return w.finish()
	}
	w.answer(lookup(q))
	return w.finish()
}

var errQuery = errors.New("not one question, or not one OPT record")

// read returns the question, and size and TTL of the OPT record; a size of -1
// says that there is none.
func read(query []byte, off int, h header.Header) (q question.Question, size int, ttl uint32, err error) {
	if h.QDCount != 1 {
		return q, 0, 0, errQuery
	}
	if q, off, err = question.Parse(query, off); err != nil {
		return q, 0, 0, err
	}
	size = -1
	for i := range int(h.ANCount) + int(h.NSCount) + int(h.ARCount) {
		var r record.Record
		if r, off, err = record.Parse(query, off, name.Parse); err != nil {
			return q, 0, 0, err
		}
		if r.Data.Type() != question.TypeOPT || i < int(h.ANCount)+int(h.NSCount) {
			continue
		}
		if size >= 0 || r.Name != "." {
			return q, 0, 0, errQuery
		}
		size, ttl = int(r.Class), r.TTL
	}
	return q, size, ttl, nil
}

type writer struct {
	h     header.Header
	out   []byte
	start int
	limit int
	opt   []byte
	names map[string]uint16 // where each name of the message begins, by its octets
}

func (w *writer) question(q question.Question) {
	w.out, _ = w.name(w.out, q.Name)
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(q.Type))
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(q.Class))
	w.h.QDCount = 1
}

// answer writes what of a fits.
func (w *writer) answer(a Answer) {
	end := len(w.out)
	w.h.Rcode, w.h.AA = a.Rcode, a.Authoritative
	for _, section := range []struct {
		records []record.Record
		count   *uint16
	}{{a.Answers, &w.h.ANCount}, {a.Authorities, &w.h.NSCount}} {
		for _, r := range section.records {
			fits, err := w.record(r)
			if err != nil || a.Rcode > 15 {
				w.fail(end)
				return
			}
			if !fits {
				w.h.TC = true
				return
			}
			*section.count++
		}
	}
	w.additionals(a)
}

// additionals writes those of an owner together, or not at all.
func (w *writer) additionals(a Answer) {
	var order []string
	sets := map[string][]record.Record{}
	for _, r := range a.Additionals {
		if sets[r.Name] == nil {
			order = append(order, r.Name)
		}
		sets[r.Name] = append(sets[r.Name], r)
	}
	for _, owner := range order {
		before := len(w.out)
		for _, r := range sets[owner] {
			fits, err := w.record(r)
			if err != nil || !fits {
				w.out = w.out[:before]
				w.h.TC = !a.Authoritative && len(a.Answers) == 0
				return // and so nothing points to what is no longer there
			}
		}
		w.h.ARCount += uint16(len(sets[owner]))
	}
}

func (w *writer) fail(end int) {
	w.out = w.out[:end]
	w.h = header.Header{ID: w.h.ID, QR: true, RD: w.h.RD, CD: w.h.CD, Rcode: header.RcodeServFail, QDCount: 1}
}

// record writes r, if there is room for it and the OPT record.
func (w *writer) record(r record.Record) (fits bool, err error) {
	out, err := record.Append(w.out, r, w.name)
	if err != nil || len(out)-w.start+len(w.opt) > w.limit {
		return false, err
	}
	w.out = out
	return true, nil
}

// name writes labels up to a name that stands somewhere already.
func (w *writer) name(b []byte, text string) ([]byte, error) {
	octets, err := name.Append(nil, text)
	if err != nil {
		return b, err
	}
	for octets[0] != 0 {
		if at, ok := w.names[string(octets)]; ok {
			return binary.BigEndian.AppendUint16(b, 0xc000|at), nil
		}
		if at := len(b) - w.start; at < 0x4000 {
			w.names[string(octets)] = uint16(at)
		}
		n := 1 + int(octets[0])
		b = append(b, octets[:n]...)
		octets = octets[n:]
	}
	return append(b, 0), nil
}

func (w *writer) finish() ([]byte, bool) {
	w.out = append(w.out, w.opt...)
	if w.opt != nil {
		w.h.ARCount++
	}
	head, err := header.Append(w.out[:w.start:w.start], w.h)
	if err != nil {
		return w.out[:w.start], false
	}
	copy(w.out[w.start:], head[w.start:])
	return w.out, true
}
