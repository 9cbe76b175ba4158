//go:build solution

// Package respond answers DNS queries: from the octets of a query, and somebody
// who can look things up, to the octets of a response.
package respond

import (
	"errors"
	"slices"

	"github.com/example/netkata/solutions/dns/header"
	"github.com/example/netkata/solutions/dns/message"
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

// Lookup looks up what a question asks for. Its name is spelt as the client
// spelt it. The records that it returns remain its own: Respond changes none.
type Lookup func(q question.Question) Answer

// Answer is what there is to say to a question. The zero value says that the name
// exists, and has nothing of that type, on no authority.
type Answer struct {
	Rcode         header.Rcode
	Authoritative bool // about the name that was asked for
	Answers       []record.Record
	Authorities   []record.Record
	Additionals   []record.Record
}

// Respond appends the response to query to b and returns the extended slice. The
// response is never longer than the transport and the client allow; what does
// not fit is left out, and TC set where it is missed.
//
// lookup is called once at most, and not at all for a query that gets an error.
// Where its answer cannot be written, the response is SERVFAIL.
//
// ok is false, and b returned as it was, where silence is the answer: to a
// response, and to what is too short for a header.
func Respond(b, query []byte, transport Transport, lookup Lookup) (out []byte, ok bool) {
	h, _, err := header.Parse(query, 0)
	if err != nil || h.QR {
		return b, false
	}
	r := response{limit: message.MaxLen}
	r.Header = header.Header{ID: h.ID, QR: true, Opcode: h.Opcode, RD: h.RD}
	r.decide(query, transport, lookup)
	return r.append(b)
}

// response is a message to be, of which only what fits is sent.
type response struct {
	message.Message                 // without the OPT record
	opt             []record.Record // the OPT record, if the client sent one
	limit           int             // octets
}

// decide fills r with what there is to say to query.
func (r *response) decide(query []byte, transport Transport, lookup Lookup) {
	q, client, err := parse(query)
	r.opt = client.reply()
	if transport == UDP {
		r.limit = client.limit()
	}
	if len(q.Questions) == 1 {
		r.Questions = q.Questions
	}
	switch {
	case r.Opcode != header.OpcodeQuery:
		// Even if what stands behind the header can be read, it may mean anything.
		r.Rcode = header.RcodeNotImp
	case client.version > 0:
		r.Rcode = rcodeBadVers & 0xf
		r.opt[0].TTL |= rcodeBadVers >> 4 << 24
	case err != nil || len(q.Questions) != 1:
		r.Rcode = header.RcodeFormErr
	default:
		a := lookup(q.Questions[0])
		r.Rcode, r.AA = a.Rcode, a.Authoritative
		r.Answers, r.Authorities, r.Additionals = a.Answers, a.Authorities, a.Additionals
	}
}

// append appends what of r fits. A header, a question and an OPT record always
// do.
func (r *response) append(b []byte) (out []byte, ok bool) {
	out, err := r.appendAll(b)
	if errors.Is(err, message.ErrTooLong) && len(r.Additionals) > 0 {
		// Whoever wants these can ask for them. But a referral leads nowhere
		// without the addresses of its servers (RFC 9471, section 3.1).
		r.TC = !r.AA && len(r.Answers) == 0
		r.Additionals = nil
		out, err = r.appendAll(b)
	}
	if errors.Is(err, message.ErrTooLong) {
		r.TC = true
		r.Answers, r.Authorities = nil, nil
		out, err = r.appendAll(b)
	}
	if err != nil {
		// What lookup says has no place in a message, such as a name without end.
		r.Rcode, r.AA, r.TC = header.RcodeServFail, false, false
		r.Answers, r.Authorities, r.Additionals = nil, nil, nil
		out, err = r.appendAll(b)
	}
	return out, err == nil
}

// appendAll appends all of r. The error is one of message.Append's; it is
// ErrTooLong already beyond the limit.
func (r *response) appendAll(b []byte) ([]byte, error) {
	m := r.Message
	if len(r.opt) > 0 {
		m.Additionals = slices.Concat(r.Additionals, r.opt) // not into lookup's memory
	}
	out, err := message.Append(b, m)
	if err != nil {
		return b, err
	}
	if len(out)-len(b) > r.limit {
		return b, message.ErrTooLong
	}
	return out, nil
}

// parse reads a query, and what it says about EDNS. With an error, it returns
// neither.
func parse(query []byte) (message.Message, edns, error) {
	q, _, err := message.Parse(query)
	if err != nil {
		return message.Message{}, edns{}, err
	}
	e, err := parseEDNS(q.Additionals)
	if err != nil {
		return message.Message{}, edns{}, err
	}
	return q, e, nil
}

// edns is what the OPT record of a query says (RFC 6891, section 6.1.3). The zero
// value says that there is none.
type edns struct {
	present bool
	size    int // the largest UDP message that the client takes
	version uint8
	do      bool // DNSSEC OK: the response repeats it (RFC 3225, section 3)
}

const (
	bitDO        = 1 << 15
	rcodeBadVers = 16 // its lower four bits stand in the header, the others in the OPT record
)

var errOPT = errors.New("more than one OPT record, or one whose owner is not the root")

func parseEDNS(additionals []record.Record) (e edns, err error) {
	for _, r := range additionals {
		if r.Data.Type() != question.TypeOPT {
			continue
		}
		if e.present || r.Name != "." {
			return edns{}, errOPT
		}
		e = edns{present: true, size: int(r.Class), version: uint8(r.TTL >> 16), do: r.TTL&bitDO != 0}
	}
	return e, nil
}

// limit returns how long a response over UDP may be, in octets.
func (e edns) limit() int { return min(max(e.size, MinUDP), MaxUDP) }

// reply returns the OPT record of the response, if there is to be one.
func (e edns) reply() []record.Record {
	if !e.present {
		return nil
	}
	r := record.Record{Name: ".", Class: MaxUDP, Data: record.OPT{}}
	if e.do {
		r.TTL |= bitDO
	}
	return []record.Record{r}
}
