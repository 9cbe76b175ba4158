//go:build solution

// Package message reads and writes whole DNS messages (RFC 1035, section 4.1),
// with their names compressed (section 4.1.4).
package message

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/dns"

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

// Parse reads one record after the other.
func Parse(msg []byte) (m Message, next int, err error) {
	if m.Header, next, err = header.Parse(msg, 0); err != nil {
		return Message{}, 0, err
	}
	if m.Questions, next, err = question.ParseAll(msg, next, m.QDCount); err != nil {
		if errors.Is(err, question.ErrCount) {
			err = ErrCount
		}
		return Message{}, 0, err
	}
	into := []*[]record.Record{&m.Answers, &m.Authorities, &m.Additionals}
	for i, n := range []uint16{m.ANCount, m.NSCount, m.ARCount} {
		for ; n > 0; n-- {
			if next >= len(msg) {
				return Message{}, 0, ErrCount
			}
			r, after, err := record.Parse(msg, next, name.Parse)
			if err != nil {
				return Message{}, 0, err
			}
			*into[i], next = append(*into[i], r), after
		}
	}
	return m, next, nil
}

// Append has the errors found by the packages below, and lets miekg/dns write.
func Append(b []byte, m Message) ([]byte, error) {
	if _, err := header.Append(nil, m.Header); err != nil {
		return b, err
	}
	o := &dns.Msg{Compress: true, MsgHdr: dns.MsgHdr{Id: m.ID, Response: m.QR, Opcode: int(m.Opcode), Authoritative: m.AA,
		Truncated: m.TC, RecursionDesired: m.RD, RecursionAvailable: m.RA, Zero: m.Z, AuthenticatedData: m.AD,
		CheckingDisabled: m.CD, Rcode: int(m.Rcode)}}
	for _, q := range m.Questions {
		if _, err := question.Append(nil, q); err != nil {
			return b, err
		}
		o.Question = append(o.Question, dns.Question{Name: canonical(q.Name), Qtype: uint16(q.Type), Qclass: uint16(q.Class)})
	}
	into := []*[]dns.RR{&o.Answer, &o.Ns, &o.Extra}
	for i, section := range [][]record.Record{m.Answers, m.Authorities, m.Additionals} {
		for _, r := range section {
			if _, err := record.Append(nil, r, name.Append); err != nil {
				return b, err
			}
			h := dns.RR_Header{Name: canonical(r.Name), Rrtype: uint16(r.Data.Type()), Class: uint16(r.Class), Ttl: r.TTL}
			*into[i] = append(*into[i], convert(h, r.Data))
		}
	}
	if opt := o.IsEdns0(); opt != nil {
		o.Rcode |= int(opt.Hdr.Ttl >> 24 << 4)
	}
	if len(o.Question) > MaxLen || len(o.Answer) > MaxLen || len(o.Ns) > MaxLen || len(o.Extra) > MaxLen {
		return b, ErrTooLong
	}
	out, err := o.Pack()
	if err != nil || len(out) > MaxLen {
		return b, fmt.Errorf("%w: %d octets, %v", ErrTooLong, len(out), err)
	}
	return append(b, out...), nil
}

// canonical is the text that miekg/dns has for a name: it compares texts.
func canonical(text string) string {
	octets, err := name.Append(nil, text)
	if err != nil {
		return text
	}
	text, _, _ = name.Parse(octets, 0)
	return text
}

func convert(h dns.RR_Header, data record.Data) dns.RR {
	switch d := data.(type) {
	case record.A:
		return &dns.A{Hdr: h, A: d.Addr.AsSlice()}
	case record.AAAA:
		return &dns.AAAA{Hdr: h, AAAA: d.Addr.AsSlice()}
	case record.CNAME:
		return &dns.CNAME{Hdr: h, Target: canonical(d.Target)}
	case record.NS:
		return &dns.NS{Hdr: h, Ns: canonical(d.Host)}
	case record.PTR:
		return &dns.PTR{Hdr: h, Ptr: canonical(d.Target)}
	case record.MX:
		return &dns.MX{Hdr: h, Preference: d.Preference, Mx: canonical(d.Host)}
	case record.SRV:
		return &dns.SRV{Hdr: h, Priority: d.Priority, Weight: d.Weight, Port: d.Port, Target: canonical(d.Target)}
	case record.SOA:
		return &dns.SOA{Hdr: h, Ns: canonical(d.Primary), Mbox: canonical(d.Mailbox), Serial: d.Serial, Refresh: d.Refresh,
			Retry: d.Retry, Expire: d.Expire, Minttl: d.Minimum}
	case record.TXT:
		t := &dns.TXT{Hdr: h}
		for _, s := range d.Strings {
			t.Txt = append(t.Txt, escape(s))
		}
		return t
	case record.OPT:
		t := &dns.OPT{Hdr: h}
		for _, o := range d.Options {
			t.Option = append(t.Option, &dns.EDNS0_LOCAL{Code: o.Code, Data: o.Data})
		}
		return t
	case record.Unknown:
		return &dns.RFC3597{Hdr: h, Rdata: hex.EncodeToString(d.Data)}
	}
	return nil
}

func escape(s string) string {
	var text strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&text, "\\%03d", c)
	}
	return text.String()
}
