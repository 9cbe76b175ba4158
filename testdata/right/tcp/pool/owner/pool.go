//go:build solution

// Package pool lends connections to one server, so that not every question has
// to dial.
package pool

import (
	"context"
	"errors"
	"net"
	"os"
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

// Pool has a goroutine that owns everything; others send it what to do. A Get
// that dials also takes what comes back meanwhile, as net/http's do, and a clock
// that ticks looks for those that are too old.
type Pool struct {
	dial   Dial
	limits Limits
	do     chan func()
	ctx    context.Context
	cancel context.CancelFunc

	count int // connections, and dials under way
	idle  []*resting
	line  []*request
}

// Conn is a connection on loan.
type Conn struct {
	net.Conn
	pool *Pool
	back int32
}

// request is a Get that is not over.
type request struct {
	ctx     context.Context
	dialled bool // a dial was begun for it
	reply   chan reply
}

type reply struct {
	conn net.Conn
	err  error
}

// resting is an idle connection.
type resting struct {
	conn  net.Conn
	since time.Time
	over  chan struct{}
	fine  bool
}

func New(dial Dial, limits Limits) *Pool {
	p := &Pool{dial: dial, limits: limits, do: make(chan func())}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	go p.run()
	return p
}

func (p *Pool) run() {
	var tick <-chan time.Time
	if p.limits.Idle > 0 {
		t := time.NewTicker(p.limits.Idle * 9 / 10)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case f := <-p.do:
			f()
		case <-tick:
			p.sweep()
		case <-p.ctx.Done():
			for _, r := range p.idle {
				r.conn.Close()
			}
			for _, r := range p.line {
				r.reply <- reply{nil, ErrClosed}
			}
			return
		}
	}
}

// call has the owner do something; it says whether there is one.
func (p *Pool) call(f func()) bool {
	done := make(chan struct{})
	select {
	case p.do <- func() { f(); close(done) }:
		<-done
		return true
	case <-p.ctx.Done():
		return false
	}
}

func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r := &request{ctx: ctx, reply: make(chan reply, 1)}
	if !p.call(func() {
		p.line = append(p.line, r)
		p.serve()
	}) {
		return nil, ErrClosed
	}
	select {
	case a := <-r.reply:
		if a.err != nil && a.err != ErrClosed && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return p.lend(a)
	case <-ctx.Done():
	}
	p.call(func() { p.remove(r) })
	select {
	case a := <-r.reply: // it had come: lend it after all
		if a.err == nil {
			return p.lend(a)
		}
	default:
	}
	return nil, ctx.Err()
}

func (p *Pool) lend(a reply) (*Conn, error) {
	if a.err != nil {
		return nil, a.err
	}
	a.conn.SetDeadline(time.Time{})
	return &Conn{Conn: a.conn, pool: p}, nil
}

func (p *Pool) remove(r *request) bool {
	for i, other := range p.line {
		if other == r {
			p.line = append(p.line[:i:i], p.line[i+1:]...)
			return true
		}
	}
	return false
}

// serve gives those in the line what there is: idle connections, else dials.
func (p *Pool) serve() {
	for len(p.line) > 0 && len(p.idle) > 0 {
		r := p.idle[0]
		p.idle = p.idle[1:]
		r.conn.SetReadDeadline(time.Unix(1, 0))
		<-r.over
		if !r.fine || p.old(r) {
			r.conn.Close()
			p.count--
			continue
		}
		p.answer(reply{r.conn, nil})
	}
	for _, r := range p.line {
		if r.dialled || p.count == p.limits.Size {
			continue
		}
		r.dialled = true
		p.count++
		go p.dialFor(r)
	}
}

func (p *Pool) answer(a reply) {
	p.line[0].reply <- a
	p.line = p.line[1:]
}

func (p *Pool) dialFor(r *request) {
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	conn, err := p.dial(ctx)
	there := p.call(func() {
		waits := p.remove(r)
		switch {
		case err == nil && waits:
			r.reply <- reply{conn, nil}
		case err == nil:
			p.settle(conn)
		default:
			p.count--
			if waits {
				r.reply <- reply{nil, err}
			}
			p.serve()
		}
	})
	if !there && err == nil {
		conn.Close()
	}
}

// settle gives a connection to the first in the line, or lays it by.
func (p *Pool) settle(conn net.Conn) {
	if len(p.line) > 0 {
		p.answer(reply{conn, nil})
		return
	}
	r := &resting{conn: conn, since: time.Now(), over: make(chan struct{})}
	p.idle = append(p.idle, r)
	conn.SetDeadline(time.Time{})
	go func() {
		var b [1]byte
		n, err := conn.Read(b[:])
		r.fine = n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
		close(r.over)
		p.call(func() { p.discard(r) })
	}()
}

func (p *Pool) old(r *resting) bool {
	return p.limits.Idle > 0 && time.Since(r.since) >= p.limits.Idle
}

func (p *Pool) sweep() {
	for _, r := range append([]*resting(nil), p.idle...) {
		if p.old(r) {
			p.discard(r)
		}
	}
}

func (p *Pool) discard(r *resting) {
	for i, other := range p.idle {
		if other == r {
			p.idle = append(p.idle[:i:i], p.idle[i+1:]...)
			r.conn.Close()
			p.count--
			p.serve()
		}
	}
}

func (p *Pool) Put(c *Conn) error {
	if !atomic.CompareAndSwapInt32(&c.back, 0, 1) {
		return ErrReturned
	}
	if !p.call(func() { p.settle(c.Conn) }) {
		c.Conn.Close()
	}
	return nil
}

func (c *Conn) Close() error {
	if !atomic.CompareAndSwapInt32(&c.back, 0, 1) {
		return nil
	}
	err := c.Conn.Close()
	c.pool.call(func() {
		c.pool.count--
		c.pool.serve()
	})
	return err
}

func (p *Pool) Close() error {
	p.cancel()
	return nil
}
