//go:build solution

// Package answer answers DNS queries of any name with one address: from octets
// to octets.
package answer

import (
	"errors"
	"net"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// Size is how many octets the OPT record of a response says that you take over
// UDP.
const Size = 1232

// Answer lets miekg/dns read options, and write all but the question.
func Answer(query []byte, addr netip.Addr, ttl uint32) (response []byte, ok bool) {
	if len(query) < 12 || query[2]>>7 == 1 {
		return nil, false
	}
	m := new(dns.Msg)
	m.Id = uint16(query[0])<<8 | uint16(query[1])
	m.Response = true
	m.Opcode = int(query[2] >> 3)
	m.RecursionDesired = query[2]&1 == 1

	end, theirs, err := read(query)
	if err != nil {
		m.Rcode = dns.RcodeFormatError
		if m.Opcode != dns.OpcodeQuery {
			m.Rcode = dns.RcodeNotImplemented
		}
		return pack(m, nil, false), true
	}
	question := slices.Clone(query[12:end])
	if theirs != nil {
		m.SetEdns0(Size, theirs.Do())
	}
	qtype := uint16(query[end-4])<<8 | uint16(query[end-3])
	class := uint16(query[end-2])<<8 | uint16(query[end-1])
	answers := false
	switch {
	case m.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	case theirs != nil && theirs.Version() > 0:
		m.Rcode = dns.RcodeBadVers
	case class != dns.ClassINET:
		m.Rcode = dns.RcodeRefused
	default:
		m.Authoritative = true
		answers = add(m, qtype, addr.Unmap(), ttl)
	}
	return pack(m, question, answers), true
}

// add adds the address, with the root for an owner.
func add(m *dns.Msg, qtype uint16, addr netip.Addr, ttl uint32) bool {
	h := dns.RR_Header{Name: ".", Class: dns.ClassINET, Ttl: ttl}
	switch {
	case addr.Is4() && (qtype == dns.TypeA || qtype == dns.TypeANY):
		h.Rrtype = dns.TypeA
		m.Answer = []dns.RR{&dns.A{Hdr: h, A: net.IP(addr.AsSlice())}}
	case addr.Is6() && (qtype == dns.TypeAAAA || qtype == dns.TypeANY):
		h.Rrtype = dns.TypeAAAA
		m.Answer = []dns.RR{&dns.AAAA{Hdr: h, AAAA: net.IP(addr.AsSlice())}}
	}
	return m.Answer != nil
}

// pack puts the question in behind the header, and in place of the answer's
// owner a pointer.
func pack(m *dns.Msg, question []byte, answers bool) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	if question == nil {
		return b
	}
	b[5] = 1
	if answers {
		b = slices.Replace(b, 12, 13, 0xc0, 12)
	}
	return slices.Insert(b, 12, question...)
}

var errFormat = errors.New("malformed")

// read returns the offset behind the question, and the OPT record.
func read(query []byte) (end int, opt *dns.OPT, err error) {
	if query[4] != 0 || query[5] != 1 {
		return 0, nil, errFormat
	}
	end, err = owner(query, 12)
	if err != nil || end+4 > len(query) {
		return 0, nil, errFormat
	}
	end += 4
	off := end
	for section := 6; section <= 10; section += 2 {
		for range int(query[section])<<8 | int(query[section+1]) {
			fixed, err := owner(query, off)
			if err != nil || fixed+10 > len(query) {
				return 0, nil, errFormat
			}
			next := fixed + 10 + int(query[fixed+8])<<8 + int(query[fixed+9])
			if next > len(query) {
				return 0, nil, errFormat
			}
			if section == 10 && query[fixed] == 0 && query[fixed+1] == 41 {
				if opt != nil || query[off] != 0 {
					return 0, nil, errFormat
				}
				opt, err = options(query[off:next])
				if err != nil {
					return 0, nil, err
				}
			}
			off = next
		}
	}
	return end, opt, nil
}

// options makes every option one that miekg/dns does not know and look into.
func options(record []byte) (*dns.OPT, error) {
	record = slices.Clone(record)
	for off := 11; off+4 <= len(record); off += 4 + int(record[off+2])<<8 + int(record[off+3]) {
		record[off], record[off+1] = 0xfd, 0xff
	}
	rr, _, err := dns.UnpackRR(record, 0)
	if err != nil {
		return nil, err
	}
	return rr.(*dns.OPT), nil
}

// owner reads a name by itself, since miekg/dns follows pointers forward, too,
// and only a hundred and some.
func owner(msg []byte, off int) (end int, err error) {
	seen := map[int]bool{}
	total := 0
	for begin := off; off < len(msg); {
		n := int(msg[off])
		switch {
		case n >= 0xc0 && off+1 < len(msg):
			to := (n-0xc0)*256 + int(msg[off+1])
			if end == 0 {
				end = off + 2
			}
			if to < 12 || to >= begin || seen[to] {
				return 0, errFormat
			}
			seen[to] = true
			begin, off = to, to
			continue
		case n > 63:
			return 0, errFormat
		}
		total += n + 1
		off += n + 1
		if total > 255 {
			return 0, errFormat
		}
		if n == 0 {
			if end == 0 {
				end = off
			}
			return end, nil
		}
	}
	return 0, errFormat
}
