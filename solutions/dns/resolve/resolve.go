//go:build solution

// Package resolve is a stub resolver: it asks name servers that others run, and
// believes only what answers its own question (RFC 1034, section 5.3.1; RFC 5452).
package resolve

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/example/netkata/solutions/dns/header"
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
	owner, err := absolute(text)
	if err != nil {
		return nil, err
	}
	for aliases := 0; ; {
		reply, err := r.ask(ctx, question.Question{Name: owner, Type: t, Class: question.ClassIN})
		if err != nil {
			return nil, fmt.Errorf("%s %v: %w", text, t, err)
		}
		found, end, steps := follow(reply.Answers, owner, t)
		aliases += steps
		switch {
		case aliases > MaxChain:
			return nil, fmt.Errorf("%s: %w", text, ErrChain)
		case len(found) > 0:
			return found, nil
		case reply.Rcode == header.RcodeNXDomain:
			return nil, fmt.Errorf("%s: %w", text, ErrNXDomain)
		case steps == 0:
			return nil, fmt.Errorf("%s %v: %w", text, t, ErrNoData)
		}
		owner = end // of which this server has nothing to say
	}
}

// absolute returns the name in the form in which package name reads names, or
// its error.
func absolute(text string) (string, error) {
	b, err := name.Append(nil, text)
	if err != nil {
		return "", err
	}
	text, _, err = name.Parse(b, 0)
	return text, err
}

// follow returns the records of a type that owner has, or else where its aliases
// lead, and through how many.
func follow(answers []record.Record, owner string, t question.Type) (found []record.Record, end string, steps int) {
	for end = owner; steps <= MaxChain; steps++ {
		target := ""
		for _, r := range answers {
			if !strings.EqualFold(r.Name, end) || r.Class != question.ClassIN {
				continue
			}
			if r.Data.Type() == t || t == question.TypeANY {
				found = append(found, r)
			}
			if c, ok := r.Data.(record.CNAME); ok {
				target = c.Target
			}
		}
		if len(found) > 0 || target == "" {
			break
		}
		end = target
	}
	return found, end, steps
}

// ask asks each server in turn, until one knows: that there is something, or
// that there is not.
func (r *Resolver) ask(ctx context.Context, q question.Question) (message.Message, error) {
	failed := ErrServers
	for range cmp.Or(r.Rounds, 2) {
		for _, server := range r.Servers {
			if err := ctx.Err(); err != nil {
				return message.Message{}, err
			}
			reply, err := r.askServer(ctx, unmapped(server), q)
			switch {
			case err == nil && knows(reply):
				return reply, nil
			case err == nil:
				err = fmt.Errorf("response code %d", reply.Rcode)
			}
			failed = fmt.Errorf("%w; %v: %v", failed, server, err)
		}
	}
	return message.Message{}, cmp.Or(ctx.Err(), failed)
}

// knows says whether a response is an answer, and not an error of the server's or
// a word about who might know (RFC 2308, section 2.2).
func knows(reply message.Message) bool {
	switch reply.Rcode {
	case header.RcodeNXDomain:
		return true
	case header.RcodeNoError:
		return len(reply.Answers) > 0 || reply.AA || reply.RA || !has(reply.Authorities, question.TypeNS)
	}
	return false
}

func has(records []record.Record, t question.Type) bool {
	return slices.ContainsFunc(records, func(r record.Record) bool { return r.Data.Type() == t })
}

// askServer asks one server, once, from a port and with an id that nobody can
// guess (RFC 5452, section 9.2).
func (r *Resolver) askServer(ctx context.Context, server netip.AddrPort, q question.Question) (message.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout, 2*time.Second))
	defer cancel()
	query, err := newQuery(q)
	if err != nil {
		return message.Message{}, err
	}
	reply, err := r.overUDP(ctx, server, query)
	if err == nil && reply.TC {
		reply, err = r.overTCP(ctx, server, query)
	}
	return reply, err
}

// query is a question on its way.
type query struct {
	id       uint16
	question question.Question
	msg      []byte
}

// udpSize is the largest response over UDP that is asked for.
const udpSize = 1232

func newQuery(q question.Question) (query, error) {
	var id [2]byte
	rand.Read(id[:])
	m := message.Message{
		Header:      header.Header{ID: binary.BigEndian.Uint16(id[:]), RD: true},
		Questions:   []question.Question{q},
		Additionals: []record.Record{{Name: ".", Class: udpSize, Data: record.OPT{}}},
	}
	msg, err := message.Append(nil, m)
	return query{m.ID, q, msg}, err
}

// answeredBy reads a message, and says whether it is a response to this very
// query (RFC 5452, section 9.1). A truncated one may be cut anywhere behind the
// question: of it, nothing else is read.
func (q query) answeredBy(msg []byte) (message.Message, bool) {
	h, next, err := header.Parse(msg, 0)
	if err != nil || !h.QR || h.ID != q.id || h.Opcode != header.OpcodeQuery || h.QDCount != 1 {
		return message.Message{}, false
	}
	asked, _, err := question.Parse(msg, next)
	if err != nil || !same(asked, q.question) {
		return message.Message{}, false
	}
	if h.TC {
		return message.Message{Header: h}, true
	}
	m, _, err := message.Parse(msg)
	return m, err == nil
}

// same says whether two questions ask for the same (RFC 1035, section 2.3.3).
func same(a, b question.Question) bool {
	return strings.EqualFold(a.Name, b.Name) && a.Type == b.Type && a.Class == b.Class
}

func (r *Resolver) overUDP(ctx context.Context, server netip.AddrPort, q query) (message.Message, error) {
	conn, err := r.ListenPacket(ctx)
	if err != nil {
		return message.Message{}, err
	}
	defer conn.Close()
	defer wake(ctx, conn)()
	if _, err := conn.WriteTo(q.msg, net.UDPAddrFromAddrPort(server)); err != nil {
		return message.Message{}, err
	}
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return message.Message{}, err
		}
		if addrPort(from) != server {
			continue // from somebody else, who may say what he likes
		}
		if reply, ok := q.answeredBy(buf[:n]); ok {
			return reply, nil
		}
	}
}

// addrPort returns the address of whoever sent a datagram.
func addrPort(addr net.Addr) netip.AddrPort {
	if udp, ok := addr.(*net.UDPAddr); ok {
		return unmapped(udp.AddrPort())
	}
	return netip.AddrPort{}
}

// unmapped returns an address in the one form in which addresses can be compared:
// one of IPv4 in 4 bytes, never in 16.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func (r *Resolver) overTCP(ctx context.Context, server netip.AddrPort, q query) (message.Message, error) {
	conn, err := r.Dial(ctx, "tcp", server.String())
	if err != nil {
		return message.Message{}, err
	}
	defer conn.Close()
	defer wake(ctx, conn)()
	out := binary.BigEndian.AppendUint16(nil, uint16(len(q.msg)))
	if _, err := conn.Write(append(out, q.msg...)); err != nil {
		return message.Message{}, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return message.Message{}, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, msg); err != nil {
		return message.Message{}, err
	}
	reply, ok := q.answeredBy(msg)
	if !ok {
		return message.Message{}, errors.New("over TCP, something else than the response")
	}
	return reply, nil
}

// wake lets Read and Write of conn fail from when ctx is done. It is over once
// what it returns has been called.
func wake(ctx context.Context, conn interface{ SetDeadline(time.Time) error }) (end func()) {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		conn.SetDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() { // it runs, or will
			<-woken
		}
	}
}
