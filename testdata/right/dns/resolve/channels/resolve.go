//go:build solution

// Package resolve is a stub resolver: it asks name servers that others run, and
// believes only what answers its own question (RFC 1034, section 5.3.1; RFC 5452).
package resolve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
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
	wire, err := name.Append(nil, text)
	if err != nil {
		return nil, err
	}
	owner, _, err := name.Parse(wire, 0)
	if err != nil {
		return nil, err
	}
	return r.follow(ctx, owner, t, 0)
}

// follow looks a name up that so many aliases have led to.
func (r *Resolver) follow(ctx context.Context, owner string, t question.Type, aliases int) ([]record.Record, error) {
	m, err := r.ask(ctx, question.Question{Name: owner, Type: t, Class: question.ClassIN})
	if err != nil {
		return nil, err
	}
	asked := aliases
	for {
		if all := records(m, owner, t); len(all) > 0 {
			return all, nil
		}
		next := records(m, owner, question.TypeCNAME)
		if len(next) == 0 {
			break
		}
		owner = next[0].Data.(record.CNAME).Target
		if aliases++; aliases > MaxChain {
			return nil, ErrChain
		}
	}
	if m.Rcode == header.RcodeNXDomain {
		return nil, ErrNXDomain
	}
	if aliases == asked {
		return nil, ErrNoData
	}
	for _, r := range m.Authorities {
		if _, ok := r.Data.(record.SOA); ok {
			return nil, ErrNoData
		}
	}
	return r.follow(ctx, owner, t, aliases)
}

func records(m message.Message, owner string, t question.Type) (all []record.Record) {
	for _, r := range m.Answers {
		if strings.EqualFold(r.Name, owner) && r.Class == question.ClassIN && (t == question.TypeANY || r.Data.Type() == t) {
			all = append(all, r)
		}
	}
	return all
}

func (r *Resolver) ask(ctx context.Context, q question.Question) (m message.Message, err error) {
	rounds, timeout := r.Rounds, r.Timeout
	if rounds == 0 {
		rounds = 2
	}
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	for range rounds {
		for _, s := range r.Servers {
			if err := ctx.Err(); err != nil {
				return m, err
			}
			once, cancel := context.WithTimeoutCause(ctx, timeout, errSilent)
			m, err = r.attempt(once, s, q)
			cancel()
			if err == nil {
				return m, nil
			}
		}
	}
	if ctx.Err() != nil {
		return m, ctx.Err()
	}
	return m, fmt.Errorf("%w (%v)", ErrServers, err)
}

var (
	errSilent = errors.New("silent")
	errFailed = errors.New("failed")
)

func (r *Resolver) attempt(ctx context.Context, server netip.AddrPort, q question.Question) (message.Message, error) {
	q.Name = mixed(q.Name)
	id := make([]byte, 2)
	rand.Read(id)
	out := message.Message{Questions: []question.Question{q}}
	out.ID, out.RD, out.AD = uint16(id[0])<<8|uint16(id[1]), true, true
	msg, err := message.Append([]byte{0, 0}, out)
	if err != nil {
		return out, err
	}
	msg[0], msg[1] = byte((len(msg)-2)>>8), byte(len(msg)-2)
	m, err := r.udp(ctx, server, msg[2:], out)
	if err == nil && m.TC {
		m, err = r.tcp(ctx, server, msg, out)
	}
	if err != nil {
		return m, err
	}
	if m.Rcode != header.RcodeNoError && m.Rcode != header.RcodeNXDomain {
		return m, errFailed
	}
	if len(m.Answers) == 0 && m.Rcode == 0 && !m.AA && !m.RA {
		return m, errFailed
	}
	return m, nil
}

// mixed writes each letter large or small, as it comes: a forger has to know.
func mixed(s string) string {
	b, coins := []byte(s), make([]byte, len(s))
	rand.Read(coins)
	for i, c := range b {
		if (c|0x20 >= 'a' && c|0x20 <= 'z') && coins[i]&1 == 1 {
			b[i] ^= 0x20
		}
	}
	return string(b)
}

// udp leaves reading to a goroutine, which ends when the socket is closed.
func (r *Resolver) udp(ctx context.Context, server netip.AddrPort, msg []byte, out message.Message) (m message.Message, err error) {
	conn, err := r.ListenPacket(ctx)
	if err != nil {
		return m, err
	}
	done := make(chan struct{})
	answers, failed := make(chan message.Message, 1), make(chan error, 1)
	defer func() { conn.Close(); <-done }()
	go func() {
		defer close(done)
		if _, err := conn.WriteTo(msg, &net.UDPAddr{IP: server.Addr().AsSlice(), Port: int(server.Port()), Zone: server.Addr().Zone()}); err != nil {
			failed <- err
			return
		}
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				failed <- err
				return
			}
			a := from.(*net.UDPAddr)
			if !a.IP.Equal(server.Addr().AsSlice()) || a.Port != int(server.Port()) {
				continue
			}
			if m, ok := answer(buf[:n], out); ok {
				answers <- m
				return
			}
		}
	}()
	select {
	case m = <-answers:
		return m, nil
	case err = <-failed:
		return m, err
	case <-ctx.Done():
		return m, context.Cause(ctx)
	}
}

func (r *Resolver) tcp(ctx context.Context, server netip.AddrPort, msg []byte, out message.Message) (m message.Message, err error) {
	conn, err := r.Dial(ctx, "tcp", server.String())
	if err != nil {
		return m, err
	}
	failed := make(chan error, 1)
	go func() {
		failed <- func() error {
			if _, err := conn.Write(msg[:2]); err != nil {
				return err
			}
			if _, err := conn.Write(msg[2:]); err != nil {
				return err
			}
			length := make([]byte, 2)
			if _, err := io.ReadFull(conn, length); err != nil {
				return err
			}
			in := make([]byte, int(length[0])<<8|int(length[1]))
			if _, err := io.ReadFull(conn, in); err != nil {
				return err
			}
			var ok bool
			if m, ok = answer(in, out); !ok {
				return errFailed
			}
			return nil
		}()
	}()
	select {
	case err = <-failed:
		conn.Close()
	case <-ctx.Done():
		conn.Close()
		<-failed
		err = context.Cause(ctx)
	}
	return m, err
}

// answer reads a response to out; one with TC as far as its question.
func answer(msg []byte, out message.Message) (m message.Message, ok bool) {
	h, at, err := header.Parse(msg, 0)
	if err != nil || h.ID != out.ID || !h.QR || h.Opcode != 0 {
		return m, false
	}
	qs, _, err := question.ParseAll(msg, at, h.QDCount)
	if err != nil || len(qs) != 1 {
		return m, false
	}
	want := out.Questions[0]
	if qs[0].Type != want.Type || qs[0].Class != want.Class || !strings.EqualFold(qs[0].Name, want.Name) {
		return m, false
	}
	if m, _, err = message.Parse(msg); err != nil {
		m = message.Message{Header: h}
		return m, h.TC
	}
	return m, true
}
