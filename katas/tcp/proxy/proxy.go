//go:build !solution

// Package proxy stands between a client and an upstream, and hands on what
// either of them sends, ends or breaks.
package proxy

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
)

// Errors of Handle that are not those of a connection or of the context.
var (
	// ErrDial means that there was no connection to the upstream. It is wrapped
	// together with the error of the Dialer.
	ErrDial = errors.New("proxy: no connection to the upstream")
	// ErrIdle means that neither side sent anything for as long as Limits.Idle says.
	ErrIdle = errors.New("proxy: neither side sent anything for too long")
)

// Conn is a connection whose directions can end one by one, and which can be
// reset. *net.TCPConn is one.
type Conn interface {
	net.Conn
	// CloseWrite ends the stream to the peer; the one from it goes on.
	CloseWrite() error
	// SetLinger(0) makes Close reset the connection.
	SetLinger(sec int) error
}

// Dialer makes a connection to the upstream. It gives up when ctx is done.
type Dialer func(ctx context.Context) (Conn, error)

// Limits says how long Handle waits. The zero value sets no limit.
type Limits struct {
	Dial time.Duration // for a connection to the upstream; 0: any time
	Idle time.Duration // while neither side sends anything; 0: any time
}

// Counts says how many bytes were handed on: those that a Write took.
type Counts struct {
	Up   int64 // to the upstream
	Down int64 // to the client
}

// Handle connects client to the upstream that dial reaches, and hands on what
// each side sends, until both have ended their streams. Then it closes both
// connections and returns.
//
// Whatever else ends it resets both connections: when one of them fails, the
// error is what its Read or Write said; when there is no upstream, ErrDial; when
// both sides are silent for too long, ErrIdle; when ctx is done, that of ctx. The
// counts are right in any case.
func Handle(ctx context.Context, client Conn, dial Dialer, limits Limits) (Counts, error) {
	// TODO
	return Counts{}, todo.Err
}
