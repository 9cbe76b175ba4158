//go:build solution

// Package proxy, by someone who has a reader and a writer for each direction, a
// queue in between, and one place where everything is decided.
package proxy

import (
	"context"
	"errors"
	"io"
	"net"
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

func Handle(ctx context.Context, client Conn, dial Dialer, limits Limits) (Counts, error) {
	upstream, err := dialled(ctx, dial, limits.Dial)
	if err != nil {
		abort(client)
		return Counts{}, err
	}

	alive := make(chan struct{}, 1)
	quit := make(chan struct{})
	up := begin(client, upstream, alive, quit)
	down := begin(upstream, client, alive, quit)
	err = decide(ctx, limits.Idle, alive, up.result, down.result)

	if err != nil {
		abort(client)
		abort(upstream)
	} else {
		client.Close()
		upstream.Close()
	}
	close(quit)
	<-up.gone
	<-down.gone
	return Counts{Up: up.count, Down: down.count}, err
}

// decide waits until both directions have ended well, or anything else has
// happened.
func decide(ctx context.Context, idle time.Duration, alive <-chan struct{}, up, down <-chan error) error {
	var silence <-chan time.Time
	restart := func() {
		if idle > 0 {
			silence = time.After(idle)
		}
	}
	restart()
	for ended := 0; ended < 2; {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-silence:
			return ErrIdle
		case <-alive:
			restart()
		case err = <-up:
			ended++
		case err = <-down:
			ended++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// direction is one of the two. Its queue is short, so that a slow writer stops
// the reader.
type direction struct {
	from, to Conn
	queue    chan piece
	result   chan error    // has room for one
	gone     chan struct{} // closed when reader and writer have ended
	count    int64         // after gone
}

// piece is what one Read gave.
type piece struct {
	data []byte
	err  error
}

func begin(from, to Conn, alive chan<- struct{}, quit <-chan struct{}) *direction {
	d := &direction{from: from, to: to, queue: make(chan piece, 4), result: make(chan error, 1), gone: make(chan struct{})}
	go d.read(alive, quit)
	go d.write()
	return d
}

func (d *direction) read(alive chan<- struct{}, quit <-chan struct{}) {
	defer close(d.queue)
	for {
		p := piece{data: make([]byte, 16<<10)}
		var n int
		n, p.err = d.from.Read(p.data)
		p.data = p.data[:n]
		if n > 0 {
			select {
			case alive <- struct{}{}:
			default:
			}
		}
		select {
		case d.queue <- p:
		case <-quit:
			return
		}
		if p.err != nil {
			return
		}
	}
}

func (d *direction) write() {
	defer close(d.gone)
	var failed error
	for p := range d.queue {
		if failed == nil && len(p.data) > 0 {
			var n int
			n, failed = d.to.Write(p.data)
			d.count += int64(n)
		}
		if failed == nil && p.err == io.EOF {
			failed = d.to.CloseWrite()
		} else if failed == nil {
			failed = p.err
		}
		if failed != nil || p.err != nil {
			select {
			case d.result <- failed:
			default: // the first one counts
			}
		}
	}
}

// dialled does not wait for a dial that does not listen to its context.
func dialled(ctx context.Context, dial Dialer, limit time.Duration) (Conn, error) {
	if limit == 0 {
		limit = 1<<63 - 1
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, ErrDial)
	defer cancel()
	late := make(chan struct{})
	made := make(chan attempt)
	go func() {
		conn, err := dial(ctx)
		select {
		case made <- attempt{conn, err}:
		case <-late:
			if err == nil {
				abort(conn)
			}
		}
	}()
	select {
	case a := <-made:
		if a.err != nil {
			return nil, errors.Join(ErrDial, a.err, context.Cause(ctx))
		}
		return a.conn, nil
	case <-ctx.Done():
		close(late)
		return nil, context.Cause(ctx)
	}
}

// attempt is what dialling gave.
type attempt struct {
	conn Conn
	err  error
}

func abort(c Conn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
