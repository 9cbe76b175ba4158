//go:build !solution

// Package resolve is a stub resolver: it asks name servers that others run, and
// believes only what answers its own question (RFC 1034, section 5.3.1; RFC 5452).
package resolve

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
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
	// TODO
	return nil, todo.Err
}
