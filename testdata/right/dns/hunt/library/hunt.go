//go:build solution

// Package hunt tells the addresses of a few hosts, over DNS.
package hunt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// Serve leaves reading and writing of messages to miekg/dns, and answers an OPT
// record with one.
func Serve(ctx context.Context, pc net.PacketConn, hosts map[string]netip.Addr) error {
	zone := map[string]netip.Addr{}
	for host, addr := range hosts {
		name, err := asUnpacked(host)
		if err != nil {
			return fmt.Errorf("no name: %q: %w", host, err)
		}
		zone[name] = addr.Unmap()
	}
	defer pc.Close()
	go func() {
		<-ctx.Done()
		pc.SetReadDeadline(time.Unix(1, 0))
	}()
	buf := make([]byte, dns.MaxMsgSize)
	for ctx.Err() == nil {
		n, from, err := pc.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) && ctx.Err() == nil {
			return fmt.Errorf("reading: %w", err)
		}
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		}
		if m := answer(buf[:n], zone); m != nil {
			if b, err := m.Pack(); err == nil {
				pc.WriteTo(b, from)
			}
		}
	}
	return nil
}

// asUnpacked returns a name as the library writes it: octets that are no ASCII
// are escaped.
func asUnpacked(host string) (string, error) {
	if host == "" {
		return "", errors.New("empty")
	}
	b := make([]byte, 255)
	n, err := dns.PackDomainName(dns.Fqdn(host), b, 0, nil, false)
	if err != nil {
		return "", err
	}
	name, _, err := dns.UnpackDomainName(b[:n], 0)
	return name, err
}

// answer returns nil where nothing is to be said.
func answer(msg []byte, zone map[string]netip.Addr) *dns.Msg {
	var q, m dns.Msg
	if err := q.Unpack(msg); err != nil || q.Response {
		if len(msg) < 12 || q.Response {
			return nil
		}
		return m.SetRcodeFormatError(&q)
	}
	// The library takes a question for one that ends behind its name.
	if q.Opcode == dns.OpcodeQuery && (len(q.Question) != 1 || q.Question[0].Qclass == 0) {
		return m.SetRcodeFormatError(&q)
	}
	m.SetReply(&q)
	m.RecursionDesired, m.CheckingDisabled = q.RecursionDesired, false
	if q.IsEdns0() != nil {
		m.SetEdns0(1232, false)
	}
	switch {
	case q.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	case q.Question[0].Qclass != dns.ClassINET:
		m.Rcode = dns.RcodeRefused
	default:
		lookup(&m, q.Question[0], zone)
	}
	return &m
}

func lookup(m *dns.Msg, q dns.Question, zone map[string]netip.Addr) {
	m.Authoritative = true
	m.Rcode = dns.RcodeNameError
	asked := dns.CanonicalName(q.Name)
	for name, addr := range zone {
		if !dns.IsSubDomain(asked, name) {
			continue
		}
		m.Rcode = dns.RcodeSuccess
		hdr := dns.RR_Header{Name: q.Name, Class: dns.ClassINET, Ttl: 3600}
		switch any := q.Qtype == dns.TypeANY; {
		case asked != name:
		case addr.Is4() && (any || q.Qtype == dns.TypeA):
			hdr.Rrtype = dns.TypeA
			m.Answer = append(m.Answer, &dns.A{Hdr: hdr, A: addr.AsSlice()})
		case addr.Is6() && (any || q.Qtype == dns.TypeAAAA):
			hdr.Rrtype = dns.TypeAAAA
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: hdr, AAAA: addr.AsSlice()})
		}
	}
}
