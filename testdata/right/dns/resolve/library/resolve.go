//go:build solution

// Package resolve is a stub resolver: it asks name servers that others run, and
// believes only what answers its own question (RFC 1034, section 5.3.1; RFC 5452).
package resolve

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/example/netkata/solutions/dns/message"
	"github.com/example/netkata/solutions/dns/name"
	"github.com/example/netkata/solutions/dns/question"
	"github.com/example/netkata/solutions/dns/record"
)

// Errors, wrapped with the name that they are about.
var (
	// ErrNXDomain means that the name does not exist.
	ErrNXDomain = errors.New("resolve: no such name")
	// ErrNoData means that the name exists and has no record of that type.
	ErrNoData = errors.New("resolve: no record of that type")
	// ErrServers means that no server gave an answer: each was silent, failed or
	// refused, every time.
	ErrServers = errors.New("resolve: no server answered")
	// ErrChain means that aliases lead in a circle, or through more than MaxChain.
	ErrChain = errors.New("resolve: too many aliases")
)

// MaxChain is how many aliases are followed.
const MaxChain = 16

// Resolver says whom to ask, and how. Servers and the two functions must be set.
type Resolver struct {
	Servers []netip.AddrPort // in the order in which they are asked
	Timeout time.Duration    // how long one of them has to answer, over UDP and TCP together; 0: 2 s
	Rounds  int              // how often the list is gone through; 0: 2

	// ListenPacket opens a UDP socket on a port that the system chooses.
	ListenPacket func(ctx context.Context) (net.PacketConn, error)
	// Dial connects over TCP, as net.Dialer's DialContext does.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Lookup returns the records of a type that a name has, in the server's order. It
// follows aliases: the owner of the records may be another name.
//
// The error is ErrNXDomain, ErrNoData, ErrServers, ErrChain, one of name.Append's
// for a text that is no name, or that of ctx.
func (r *Resolver) Lookup(ctx context.Context, text string, t question.Type) ([]record.Record, error) {
	wire, err := name.Append(nil, text)
	if err != nil {
		return nil, err
	}
	owner, _, err := dns.UnpackDomainName(wire, 0)
	if err != nil {
		return nil, err
	}
	been := map[string]bool{}
	for {
		reply, err := r.ask(ctx, owner, uint16(t))
		if err != nil {
			return nil, err
		}
		for {
			if found := recordsOf(reply.Answer, owner, uint16(t)); len(found) > 0 {
				return convert(found)
			}
			alias := recordsOf(reply.Answer, owner, dns.TypeCNAME)
			if len(alias) == 0 {
				break
			}
			been[strings.ToLower(owner)] = true
			owner = alias[0].(*dns.CNAME).Target
			if been[strings.ToLower(owner)] || len(been) > MaxChain {
				return nil, ErrChain
			}
		}
		switch {
		case reply.Rcode == dns.RcodeNameError:
			return nil, ErrNXDomain
		case !strings.EqualFold(owner, reply.Question[0].Name):
			continue // the answer stopped at an alias
		}
		return nil, ErrNoData
	}
}

func recordsOf(all []dns.RR, owner string, t uint16) (found []dns.RR) {
	for _, rr := range all {
		h := rr.Header()
		if strings.EqualFold(h.Name, owner) && h.Class == dns.ClassINET && (h.Rrtype == t || t == dns.TypeANY) {
			found = append(found, rr)
		}
	}
	return found
}

// convert has the records written by one library, and read by the other.
func convert(all []dns.RR) (records []record.Record, err error) {
	for _, rr := range all {
		buf := make([]byte, dns.Len(rr)+16)
		end, err := dns.PackRR(rr, buf, 0, nil, false)
		if err != nil {
			return nil, err
		}
		r, _, err := record.Parse(buf[:end], 0, name.Parse)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

func (r *Resolver) ask(ctx context.Context, owner string, t uint16) (*dns.Msg, error) {
	var errs []error
	for i := range cmp.Or(r.Rounds, 2) * len(r.Servers) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		reply, err := r.askOne(ctx, r.Servers[i%len(r.Servers)], owner, t)
		if err == nil {
			return reply, nil
		}
		errs = append(errs, err)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, fmt.Errorf("%w: %v", ErrServers, errors.Join(errs...))
}

func (r *Resolver) askOne(ctx context.Context, server netip.AddrPort, owner string, t uint16) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout, 2*time.Second))
	defer cancel()
	query := new(dns.Msg).SetQuestion(owner, t)
	query.SetEdns0(4096, false)
	conn, err := r.ListenPacket(ctx)
	if err != nil {
		return nil, err
	}
	reply, err := overUDP(ctx, conn, server, query)
	conn.Close()
	if err == nil && reply.Truncated {
		reply, err = r.overTCP(ctx, server, query)
	}
	if err != nil {
		return nil, err
	}
	lame := reply.Rcode == dns.RcodeSuccess && len(reply.Answer) == 0 && len(reply.Ns) > 0 && reply.Ns[0].Header().Rrtype == dns.TypeNS && !reply.Authoritative && !reply.RecursionAvailable
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError || lame {
		return nil, fmt.Errorf("%v: %s", server, dns.RcodeToString[reply.Rcode])
	}
	return reply, nil
}

func overUDP(ctx context.Context, conn net.PacketConn, server netip.AddrPort, query *dns.Msg) (*dns.Msg, error) {
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	defer whenDone(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	to := net.UDPAddrFromAddrPort(server)
	msg, err := query.Pack()
	if err != nil {
		return nil, err
	}
	if _, err := conn.WriteTo(msg, to); err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return nil, err
		}
		if from.String() != to.String() {
			continue
		}
		if reply := read(buf[:n], query); reply != nil {
			return reply, nil
		}
	}
}

func (r *Resolver) overTCP(ctx context.Context, server netip.AddrPort, query *dns.Msg) (*dns.Msg, error) {
	conn, err := r.Dial(ctx, "tcp", server.String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer whenDone(ctx, func() { conn.Close() })()
	query.Id = dns.Id()
	query.Extra = nil
	msg, err := query.Pack()
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(conn)
	binary.Write(w, binary.BigEndian, uint16(len(msg)))
	w.Write(msg)
	if err := w.Flush(); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	for {
		var n uint16
		if err := binary.Read(in, binary.BigEndian, &n); err != nil {
			return nil, err
		}
		buf := make([]byte, n)
		if _, err := io.ReadFull(in, buf); err != nil {
			return nil, err
		}
		if reply := read(buf, query); reply != nil {
			return reply, nil
		}
	}
}

// whenDone calls f when ctx is done, until what it returns is called, which waits
// for f if it has begun.
func whenDone(ctx context.Context, f func()) (end func()) {
	var running sync.WaitGroup
	running.Add(1)
	stop := context.AfterFunc(ctx, func() {
		f()
		running.Done()
	})
	return func() {
		if stop() {
			running.Done()
		}
		running.Wait()
	}
}

// read returns the message if it is the response, and else nil.
func read(msg []byte, query *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	err := m.Unpack(msg)
	if !m.Truncated && err == nil {
		_, _, err = message.Parse(msg) // the other library forgives counts that lie
	}
	if err != nil && !m.Truncated || !m.Response || m.Id != query.Id || m.Opcode != dns.OpcodeQuery || len(m.Question) != 1 {
		return nil
	}
	q, asked := m.Question[0], query.Question[0]
	if !strings.EqualFold(q.Name, asked.Name) || q.Qtype != asked.Qtype || q.Qclass != asked.Qclass {
		return nil
	}
	return m
}
