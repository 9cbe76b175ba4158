//go:build solution

// Package pool lends connections to one server, so that not every question has
// to dial.
package pool

import (
	"container/list"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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
	dial   Dial
	limits Limits
	life   context.Context // done when the pool is closed
	end    context.CancelFunc

	mu      sync.Mutex  // held for a moment only, never while anybody waits
	places  int         // taken, of limits.Size
	idle    []*idleConn // the last one was put back last
	waiters list.List   // of chan net.Conn, first come first
}

// Conn is a connection on loan: each Get makes a new one, also when the net.Conn
// inside was lent before. Whoever has it puts it back with Pool.Put, if the next
// can use it, or else closes it; several goroutines may do so at once.
type Conn struct {
	net.Conn
	pool *Pool
	gone atomic.Bool // put back or closed
}

// New returns a pool without connections, which will get them from dial.
func New(dial Dial, limits Limits) *Pool {
	p := &Pool{dial: dial, limits: limits}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// Get lends a connection: an idle one or else, as long as there are fewer than
// Limits.Size, a new one. Otherwise it waits for its turn.
//
// The error is ErrClosed when the pool is closed, that of ctx when ctx is done,
// either when both are; else that of dial.
func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	if conn != nil && conn.SetDeadline(time.Time{}) != nil {
		conn.Close() // again, it seems
		conn = nil   // but its place is ours
	}
	if conn == nil {
		if conn, err = p.open(ctx); err != nil {
			return nil, err
		}
	}
	return &Conn{Conn: conn, pool: p}, nil
}

// Put takes a connection back that Get has lent. Nothing of a conversation may
// be left on it: what it was asked is answered, and the answer read. Once the
// pool is closed, Put closes the connection.
//
// The error is nil or ErrReturned.
func (p *Pool) Put(conn *Conn) error {
	if !conn.gone.CompareAndSwap(false, true) {
		return ErrReturned
	}
	p.pass(conn.Conn)
	return nil
}

// Close throws the connection away, and gives its place to whoever waits. It
// does nothing when the connection was put back or closed before, so that it
// can be deferred. The error is that of the net.Conn.
func (c *Conn) Close() error {
	if !c.gone.CompareAndSwap(false, true) {
		return nil
	}
	err := c.Conn.Close()
	c.pool.pass(nil)
	return err
}

// Close closes the idle connections, and wakes all who are in Get. Connections
// on loan are closed when they come back. The error is nil, also the second
// time.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.end()
	idle := p.idle
	p.idle = nil
	for p.waiters.Len() > 0 {
		close(p.nextWaiter())
	}
	p.mu.Unlock()
	for _, i := range idle {
		i.conn.Close()
	}
	return nil
}

// take gives the caller a place, with the connection that has it; it is nil when
// one is still to be dialled.
func (p *Pool) take(ctx context.Context) (net.Conn, error) {
	p.mu.Lock()
	switch n := len(p.idle); {
	case p.life.Err() != nil:
		p.mu.Unlock()
		return nil, ErrClosed
	case n > 0:
		last := p.idle[n-1]
		p.idle = slices.Delete(p.idle, n-1, n)
		p.mu.Unlock()
		return last.wake(), nil
	case p.places < p.limits.Size:
		p.places++
		p.mu.Unlock()
		return nil, nil
	}
	turn := make(chan net.Conn, 1) // with room, so that nobody waits for a waiter
	me := p.waiters.PushBack(turn)
	p.mu.Unlock()

	select {
	case conn, ok := <-turn:
		if !ok {
			return nil, ErrClosed
		}
		return conn, nil
	case <-ctx.Done():
		p.leave(me)
		return nil, ctx.Err()
	}
}

// leave ends the wait of somebody whose context is done. What came in that very
// moment goes to the next.
func (p *Pool) leave(me *list.Element) {
	p.mu.Lock()
	p.waiters.Remove(me) // does nothing if the turn had come
	p.mu.Unlock()
	select {
	case conn, ok := <-me.Value.(chan net.Conn):
		if ok {
			p.pass(conn)
		}
	default:
	}
}

// pass gives a place on, with the connection that has it or with nil: to the
// first who waits, or else back to the pool.
func (p *Pool) pass(conn net.Conn) {
	p.mu.Lock()
	switch {
	case p.waiters.Len() > 0:
		p.nextWaiter() <- conn
	case conn == nil:
		p.places--
	case p.life.Err() == nil:
		p.keep(conn)
	default:
		defer conn.Close() // after Unlock, for it may take its time
	}
	p.mu.Unlock()
}

// keep lays a connection by. The caller holds p.mu.
func (p *Pool) keep(conn net.Conn) {
	idle := &idleConn{conn: conn, over: make(chan struct{})}
	p.idle = append(p.idle, idle)
	// Here and not in watch, where it might come after the deadline of wake.
	conn.SetDeadline(after(p.limits.Idle))
	go p.watch(idle)
}

// nextWaiter takes the first out of the line.
func (p *Pool) nextWaiter() chan net.Conn {
	return p.waiters.Remove(p.waiters.Front()).(chan net.Conn)
}

// open dials, for a place that the caller has. When that fails, the place goes
// to the next.
func (p *Pool) open(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(p.life, cancel)
	defer stop()

	conn, err := p.dial(ctx)
	switch {
	case p.life.Err() != nil:
		if err == nil {
			conn.Close()
		}
		err = ErrClosed
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	}
	if err != nil {
		p.pass(nil)
		return nil, err
	}
	return conn, nil
}

// idleConn is an idle connection. Whoever takes it out of Pool.idle has the
// connection, and its place.
type idleConn struct {
	conn  net.Conn
	over  chan struct{} // closed when watch does not read any more
	whole bool          // nothing came while it read; valid after over
}

// watch reads from an idle connection, where nothing should come: no data, for
// nobody asked, and not the end. The Read ends by a deadline, that of
// Limits.Idle or that of wake.
func (p *Pool) watch(idle *idleConn) {
	n, err := idle.conn.Read(make([]byte, 1))
	idle.whole = n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
	close(idle.over)
	if p.forget(idle) {
		idle.conn.Close()
		p.pass(nil)
	}
}

// forget takes a connection out of Pool.idle, and says whether it was there.
func (p *Pool) forget(idle *idleConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.idle, idle)
	if i < 0 {
		return false
	}
	p.idle = slices.Delete(p.idle, i, i+1)
	return true
}

// wake ends the watch, and returns the connection, or nil when it is of no use
// any more.
func (idle *idleConn) wake() net.Conn {
	idle.conn.SetReadDeadline(time.Unix(1, 0)) // in the past
	<-idle.over
	if !idle.whole {
		idle.conn.Close()
		return nil
	}
	return idle.conn
}

// after returns the moment that ends a limit which begins now. The zero Time,
// for a limit of 0, is no deadline.
func after(limit time.Duration) time.Time {
	if limit == 0 {
		return time.Time{}
	}
	return time.Now().Add(limit)
}
