//go:build solution

// Package respond answers DNS queries: from the octets of a query, and somebody
// who can look things up, to the octets of a response.
package respond

import (
	"github.com/miekg/dns"

	"github.com/example/netkata/solutions/dns/header"
	"github.com/example/netkata/solutions/dns/message"
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

// Respond lets miekg/dns write the response. What is malformed it finds out by
// itself, since miekg/dns takes some of it.
func Respond(b, query []byte, transport Transport, lookup Lookup) (out []byte, ok bool) {
	if len(query) < 12 || query[2]&0x80 != 0 {
		return b, false
	}
	m := new(dns.Msg)
	m.Id = uint16(query[0])<<8 | uint16(query[1])
	m.Opcode = int(query[2] >> 3 & 0xf)
	m.Response = true
	m.RecursionDesired = query[2]&1 != 0
	m.CheckingDisabled = query[3]&0x10 != 0 // as BIND does
	m.Compress = true

	limit := fill(m, query, transport, lookup)
	packed, err := m.Pack()
	if err != nil {
		return b, false
	}
	for len(packed) > limit {
		shorten(m)
		if packed, err = m.Pack(); err != nil {
			return b, false
		}
	}
	return append(b, packed...), true
}

// fill sets what m says, and returns how long it may be.
func fill(m *dns.Msg, query []byte, transport Transport, lookup Lookup) (limit int) {
	if m.Opcode != dns.OpcodeQuery {
		m.Rcode = dns.RcodeNotImplemented
		return MinUDP
	}
	m.Rcode = dns.RcodeFormatError
	q, _, err := message.Parse(query)
	if err != nil || len(q.Questions) != 1 {
		return MinUDP
	}
	text, end, err := dns.UnpackDomainName(query, 12)
	if err != nil {
		return MinUDP
	}
	m.Question = []dns.Question{{Name: text, Qtype: uint16(q.Questions[0].Type), Qclass: uint16(q.Questions[0].Class)}}
	_ = end

	limit = MinUDP
	opts := 0
	for _, r := range q.Additionals {
		if r.Data.Type() != question.TypeOPT {
			continue
		}
		if opts++; opts > 1 || r.Name != "." {
			m.Extra = nil
			return MinUDP
		}
		limit = min(max(limit, int(r.Class)), MaxUDP)
		m.SetEdns0(MaxUDP, r.TTL&0x8000 != 0)
		if r.TTL&0xff0000 != 0 {
			m.Rcode = dns.RcodeBadVers
		}
	}
	if transport == TCP {
		limit = 65535
	}
	if m.Rcode == dns.RcodeBadVers {
		return limit
	}
	answer(m, lookup(q.Questions[0]))
	return limit
}

// answer adds what lookup says, or else SERVFAIL.
func answer(m *dns.Msg, a Answer) {
	answers, err1 := convert(a.Answers)
	authorities, err2 := convert(a.Authorities)
	additionals, err3 := convert(a.Additionals)
	if err1 != nil || err2 != nil || err3 != nil || a.Rcode > 15 {
		m.Rcode = dns.RcodeServerFailure
		return
	}
	m.Rcode, m.Authoritative = int(a.Rcode), a.Authoritative
	m.Answer, m.Ns = answers, authorities
	m.Extra = append(m.Extra, additionals...) // behind the OPT record
}

func convert(records []record.Record) (all []dns.RR, err error) {
	for _, r := range records {
		octets, err := record.Append(nil, r, name.Append)
		if err != nil {
			return nil, err
		}
		rr, _, err := dns.UnpackRR(octets, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, rr)
	}
	return all, nil
}

// shorten takes away the last RRset of the additional section, or, when there
// is none left, half of what is left elsewhere.
func shorten(m *dns.Msg) {
	kept := 0
	if m.IsEdns0() != nil {
		kept = 1
	}
	if n := len(m.Extra); n > kept {
		last := m.Extra[n-1].Header().Name
		if !m.Authoritative && len(m.Answer) == 0 {
			m.Truncated = true
		}
		extra := m.Extra[:kept:kept]
		for _, rr := range m.Extra[kept:] {
			if rr.Header().Name != last {
				extra = append(extra, rr)
			}
		}
		m.Extra = extra
		return
	}
	m.Truncated = true
	if len(m.Ns) > 0 {
		m.Ns = m.Ns[:len(m.Ns)/2]
		return
	}
	m.Answer = m.Answer[:len(m.Answer)/2]
}
