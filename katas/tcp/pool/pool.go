//go:build !solution

// Package pool lends connections to one server, so that not every question has
// to dial.
package pool

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
)

// Errors, beside those of dial and of contexts.
var (
	// ErrClosed means that the pool was closed, and lends nothing any more.
	ErrClosed = errors.New("pool: the pool is closed")
	// ErrReturned means that a connection was put back which was already put back
	// or closed.
	ErrReturned = errors.New("pool: the connection was put back or closed before")
)

// Dial makes a connection to the pool's server. When ctx is done, it returns
// soon, and usually with an error.
type Dial func(ctx context.Context) (net.Conn, error)

// Limits says how much a pool keeps. The zero value is not usable, for Size must
// be at least 1.
type Limits struct {
	Size int           // connections at most: lent, idle, and being dialled
	Idle time.Duration // how long one may lie idle; 0: any time
}

// Pool lends connections. Its methods may be called by several goroutines at
// once. See New.
type Pool struct {
	// TODO
}

// Conn is a connection on loan: each Get makes a new one, also when the net.Conn
// inside was lent before. Whoever has it puts it back with Pool.Put, if the next
// can use it, or else closes it; several goroutines may do so at once.
type Conn struct {
	net.Conn
	// TODO
}

// New returns a pool without connections, which will get them from dial.
func New(dial Dial, limits Limits) *Pool {
	// TODO
	return new(Pool)
}

// Get lends a connection: an idle one or else, as long as there are fewer than
// Limits.Size, a new one. Otherwise it waits for its turn.
//
// The error is ErrClosed when the pool is closed, that of ctx when ctx is done,
// either when both are; else that of dial.
func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	// TODO
	return nil, todo.Err
}

// Put takes a connection back that Get has lent. Nothing of a conversation may
// be left on it: what it was asked is answered, and the answer read. Once the
// pool is closed, Put closes the connection.
//
// The error is nil or ErrReturned.
func (p *Pool) Put(conn *Conn) error {
	// TODO
	return todo.Err
}

// Close throws the connection away, and gives its place to whoever waits. It
// does nothing when the connection was put back or closed before, so that it
// can be deferred. The error is that of the net.Conn.
func (c *Conn) Close() error {
	// TODO
	return todo.Err
}

// Close closes the idle connections, and wakes all who are in Get. Connections
// on loan are closed when they come back. The error is nil, also the second
// time.
func (p *Pool) Close() error {
	// TODO
	return todo.Err
}
