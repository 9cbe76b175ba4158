//go:build !solution

// Package exchange asks a question over UDP, and again, until there is an answer.
package exchange

import (
	"context"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
)

// Schedule says how long to wait for an answer before trying again. The zero
// value tries once, and waits until the context ends.
type Schedule struct {
	First time.Duration // the first wait; each one after it is twice as long. 0: there is one try
	Max   time.Duration // no wait is longer; 0: they grow without end
}

// Exchange sends question to server, a *net.UDPAddr, and returns the answer. As
// long as there is none, it tries again, as schedule says, until ctx ends. A
// message is an id of two bytes, big-endian, and a text behind it. Each try has
// an id of its own that nobody can guess; what does not come from server with
// the id of the last try is no answer.
//
// conn is connected to server, or to nobody. It is Exchange's alone until it
// returns, stays open, and has no deadline for reading from then on; nor for
// sending, unless the caller had set one.
//
// The error is that of ctx when ctx ends first (after its deadline,
// os.ErrDeadlineExceeded will do as well), else that of conn:
// syscall.ECONNREFUSED when conn is connected and nobody is there.
func Exchange(ctx context.Context, conn net.PacketConn, server net.Addr, question []byte, schedule Schedule) ([]byte, error) {
	// TODO
	return nil, todo.Err
}
