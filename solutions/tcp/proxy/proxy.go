//go:build solution

// Package proxy stands between a client and an upstream, and hands on what
// either of them sends, ends or breaks.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
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
	upstream, err := dialWithin(ctx, dial, limits.Dial)
	if err != nil {
		reset(client)
		return Counts{}, fmt.Errorf("%w: %w", ErrDial, err)
	}
	p := &pair{client: client, upstream: upstream, idle: limits.Idle}
	stop := context.AfterFunc(ctx, func() { p.end(ctx.Err()) })
	defer stop()
	if p.idle > 0 {
		p.silence = time.AfterFunc(p.idle, func() { p.end(ErrIdle) })
		defer p.silence.Stop()
	}

	var counts Counts
	var wg sync.WaitGroup
	wg.Go(func() { counts.Up = p.pass(upstream, client) })
	wg.Go(func() { counts.Down = p.pass(client, upstream) })
	wg.Wait()
	p.end(nil)
	return counts, p.err
}

// dialWithin calls dial with a context of its own: what limits the dialling must
// not limit the connection. One that comes too late is reset.
func dialWithin(ctx context.Context, dial Dialer, limit time.Duration) (Conn, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	conn, err := dial(ctx)
	if err == nil && ctx.Err() != nil {
		reset(conn)
		err = ctx.Err()
	}
	return conn, err
}

// pair is a client and its upstream.
type pair struct {
	client, upstream Conn
	idle             time.Duration // 0: no limit
	silence          *time.Timer   // ends both; begins anew with each Read

	once sync.Once
	err  error // why they ended, set by once
}

// pass hands on what src sends to dst, until src ends its stream or something
// fails, and returns how many bytes dst took.
func (p *pair) pass(dst, src Conn) int64 {
	// Between two TCP connections, io.Copy has Linux move the bytes (splice) without
	// showing them to us; a reader of our own in between puts an end to that.
	var r io.Reader = src
	if p.idle > 0 {
		r = noticed{src, p}
	}
	n, err := io.Copy(dst, r)
	if err == nil {
		err = dst.CloseWrite()
	}
	if err != nil {
		p.end(err)
	}
	return n
}

// noticed is a reader whose bytes are signs of life.
type noticed struct {
	io.Reader
	p *pair
}

func (r noticed) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 {
		r.p.silence.Reset(r.p.idle)
	}
	return n, err
}

// end closes both connections, which wakes whoever waits at them. The first call
// says why; unless that is nil, neither side may take what it got for the whole.
func (p *pair) end(err error) {
	p.once.Do(func() {
		p.err = err
		for _, conn := range []Conn{p.client, p.upstream} {
			if err != nil {
				reset(conn)
			} else {
				conn.Close()
			}
		}
	})
}

// reset closes conn so that the peer gets an error instead of an end.
func reset(conn Conn) {
	conn.SetLinger(0)
	conn.Close()
}
