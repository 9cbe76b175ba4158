//go:build solution

// Package pool lends connections to one server, so that not every question has
// to dial.
package pool

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
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

// Pool has a channel for a semaphore, where each holder has an element: who
// waits, waits to send. (Go serves senders in the order in which they came.)
type Pool struct {
	dial   Dial
	limits Limits
	places chan struct{}
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	idle map[*Conn]bool
}

// Conn is a connection on loan, or an idle one.
type Conn struct {
	net.Conn
	pool *Pool

	mu     sync.Mutex
	onLoan bool

	expiry *time.Timer
	heard  chan error // what ended the Read of an idle one
}

func New(dial Dial, limits Limits) *Pool {
	return &Pool{
		dial:   dial,
		limits: limits,
		places: make(chan struct{}, limits.Size),
		closed: make(chan struct{}),
		idle:   map[*Conn]bool{},
	}
}

func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-p.closed:
		return nil, ErrClosed
	}
	for {
		c := p.pop()
		if c == nil {
			break
		}
		if c.expiry != nil {
			c.expiry.Stop()
		}
		var err, timeout = error(nil), net.Error(nil)
		select {
		case err = <-c.heard:
		case <-time.After(time.Millisecond): // what is there already is seen
			c.SetDeadline(time.Unix(0, 1))
			err = <-c.heard
		}
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			c.Conn.Close()
			continue
		}
		c.SetDeadline(time.Time{})
		return &Conn{Conn: c.Conn, pool: p, onLoan: true}, nil
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dialled := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-p.closed:
			cancel(ErrClosed)
		case <-dialled:
		}
	}()
	conn, err := p.dial(ctx)
	close(dialled)
	<-watched
	select {
	case <-p.closed:
		if err == nil {
			conn.Close()
		}
		<-p.places
		return nil, ErrClosed
	default:
	}
	if err != nil {
		<-p.places
		return nil, fmt.Errorf("pool: dialling: %w", errors.Join(ctx.Err(), err))
	}
	if ctx.Err() != nil { // too late
		conn.Close()
		<-p.places
		return nil, ctx.Err()
	}
	return &Conn{Conn: conn, pool: p, onLoan: true}, nil
}

// pop takes any idle connection.
func (p *Pool) pop() *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.idle {
		delete(p.idle, c)
		return c
	}
	return nil
}

func (c *Conn) giveBack() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.onLoan
	c.onLoan = false
	return was
}

func (p *Pool) Put(c *Conn) error {
	if !c.giveBack() {
		return fmt.Errorf("connection to %v: %w", c.RemoteAddr(), ErrReturned)
	}
	if c.SetDeadline(time.Time{}) != nil {
		c.Conn.Close()
		<-p.places
		return nil
	}
	idle := &Conn{Conn: c.Conn, pool: p, heard: make(chan error, 1)}
	p.mu.Lock()
	select {
	case <-p.closed:
		p.mu.Unlock()
		return c.Conn.Close()
	default:
	}
	p.idle[idle] = true
	if p.limits.Idle > 0 {
		idle.expiry = time.AfterFunc(p.limits.Idle, func() { p.drop(idle) })
	}
	p.mu.Unlock()
	go func() {
		n, err := idle.Read(make([]byte, 16))
		if n > 0 {
			err = errors.New("it speaks")
		}
		idle.heard <- err
		p.drop(idle)
	}()
	<-p.places
	return nil
}

// drop closes a connection that is still idle. Under the lock: whoever finds
// nothing idle may dial, and then there would be one too many.
func (p *Pool) drop(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.idle[c] {
		return
	}
	delete(p.idle, c)
	if c.expiry != nil {
		c.expiry.Stop()
	}
	c.Conn.Close()
}

func (c *Conn) Close() error {
	if !c.giveBack() {
		return nil
	}
	defer func() { <-c.pool.places }()
	return c.Conn.Close()
}

func (p *Pool) Close() error {
	p.once.Do(func() { close(p.closed) })
	for {
		c := p.pop()
		if c == nil {
			return nil
		}
		if c.expiry != nil {
			c.expiry.Stop()
		}
		c.Conn.Close()
	}
}
