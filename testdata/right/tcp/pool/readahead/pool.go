//go:build solution

// Package pool lends connections to one server, so that not every question has
// to dial.
package pool

import (
	"context"
	"errors"
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

// Pool lends connections that are read all the time, as net/http's are: what
// comes waits in a pipe for the holder.
type Pool struct {
	dial   Dial
	limits Limits

	sync.Mutex
	over  chan struct{}
	count int
	idle  []*wire
	line  []chan *wire // a nil wire is a place to dial
}

// Conn is a connection on loan.
type Conn struct {
	net.Conn
	pool *Pool
	wire *wire // nil when it was given back
}

// wire is a connection with somebody who reads it.
type wire struct {
	net.Conn // what dial made
	pool     *Pool
	out, in  net.Conn // the pipe: the holder reads from out
	timer    *time.Timer
	pending  int  // bytes in the pipe
	ended    bool // nothing more will come
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.out.Read(b)
	w.pool.Lock()
	w.pending -= n
	w.pool.Unlock()
	return n, err
}

func (w *wire) SetReadDeadline(t time.Time) error { return w.out.SetReadDeadline(t) }

func (w *wire) SetDeadline(t time.Time) error {
	return errors.Join(w.Conn.SetWriteDeadline(t), w.out.SetReadDeadline(t))
}

func (w *wire) Close() error {
	err := w.Conn.Close()
	w.out.Close()
	return err
}

// pump reads what comes.
func (w *wire) pump() {
	defer w.in.Close()
	buf := make([]byte, 4096)
	for {
		n, err := w.Conn.Read(buf)
		w.pool.Lock()
		w.pending += n
		w.ended = w.ended || err != nil
		w.pool.Unlock()
		w.pool.expire(w)
		if n == 0 {
			return
		}
		if _, err := w.in.Write(buf[:n]); err != nil {
			return
		}
	}
}

func New(dial Dial, limits Limits) *Pool {
	return &Pool{dial: dial, limits: limits, over: make(chan struct{})}
}

func (p *Pool) isOver() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// dropIfIdle takes w out of the idle ones.
func (p *Pool) dropIfIdle(w *wire) bool {
	for i := range p.idle {
		if p.idle[i] == w {
			p.idle = append(p.idle[:i:i], p.idle[i+1:]...)
			return true
		}
	}
	return false
}

func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, err := p.next(ctx)
	if err != nil {
		return nil, err
	}
	if w == nil {
		if w, err = p.connect(ctx); err != nil {
			return nil, err
		}
	}
	return &Conn{w, p, w}, nil
}

func (p *Pool) next(ctx context.Context) (*wire, error) {
	p.Lock()
	if p.isOver() {
		p.Unlock()
		return nil, ErrClosed
	}
	if len(p.idle) > 0 {
		w := p.idle[0]
		p.idle = p.idle[1:]
		p.Unlock()
		if w.timer != nil {
			w.timer.Stop()
		}
		return w, nil
	}
	if p.count < p.limits.Size {
		p.count++
		p.Unlock()
		return nil, nil
	}
	turn := make(chan *wire) // without room: who gives sees whether it is taken
	p.line = append(p.line, turn)
	p.Unlock()
	select {
	case w := <-turn:
		return w, nil
	case <-ctx.Done():
		// Somebody may have chosen us: take what he has, and pass it on.
		go func() {
			p.Lock()
			for i := range p.line {
				if p.line[i] == turn {
					p.line = append(p.line[:i:i], p.line[i+1:]...)
					p.Unlock()
					return
				}
			}
			p.Unlock()
			select {
			case w := <-turn:
				p.give(w)
			case <-p.over:
			}
		}()
		return nil, ctx.Err()
	case <-p.over:
		return nil, ErrClosed
	}
}

func (p *Pool) connect(ctx context.Context) (*wire, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-p.over:
			cancel()
		case <-done:
		}
	}()
	raw, err := p.dial(ctx)
	p.Lock()
	over := p.isOver()
	p.Unlock()
	if over {
		if raw != nil {
			raw.Close()
		}
		return nil, ErrClosed
	}
	if err != nil {
		p.release()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	out, in := net.Pipe()
	w := &wire{Conn: raw, pool: p, out: out, in: in}
	go w.pump()
	return w, nil
}

// give hands a connection, or a place, to the first in the line.
func (p *Pool) give(w *wire) {
	p.Lock()
	if len(p.line) > 0 && !p.isOver() {
		turn := p.line[0]
		p.line = p.line[1:]
		p.Unlock()
		select {
		case turn <- w:
		case <-p.over:
			if w != nil {
				w.Close()
			}
		}
		return
	}
	switch {
	case w == nil:
		p.count--
		p.Unlock()
	case p.isOver(), w.pending > 0, w.ended:
		p.Unlock()
		w.Close()
		p.release()
	default:
		p.idle = append(p.idle, w)
		if p.limits.Idle > 0 {
			w.timer = time.AfterFunc(p.limits.Idle, func() { p.expire(w) })
		}
		p.Unlock()
	}
}

// expire closes an idle connection.
func (p *Pool) expire(w *wire) {
	p.Lock()
	was := p.dropIfIdle(w)
	p.Unlock()
	if was {
		w.Close()
		p.release()
	}
}

func (p *Pool) release() { p.give(nil) }

// giveBack says which connection it was; nil if it was given back before.
func (c *Conn) giveBack() *wire {
	c.pool.Lock()
	defer c.pool.Unlock()
	w := c.wire
	c.wire = nil
	return w
}

func (p *Pool) Put(c *Conn) error {
	w := c.giveBack()
	if w == nil {
		return ErrReturned
	}
	w.SetDeadline(time.Time{})
	p.give(w)
	return nil
}

func (c *Conn) Close() error {
	w := c.giveBack()
	if w == nil {
		return nil
	}
	err := w.Close()
	c.pool.release()
	return err
}

func (p *Pool) Close() error {
	p.Lock()
	if p.isOver() {
		p.Unlock()
		return nil
	}
	close(p.over)
	idle := p.idle
	p.idle = nil
	p.Unlock()
	for _, w := range idle {
		w.Close()
	}
	return nil
}
