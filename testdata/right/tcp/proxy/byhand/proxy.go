//go:build solution

// Package proxy, by someone who loops over Read and Write, and looks at a clock
// now and then.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
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

func Handle(ctx context.Context, client Conn, dial Dialer, limits Limits) (counts Counts, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	upstream, err := connect(ctx, dial, limits.Dial)
	if err != nil {
		client.SetLinger(0)
		client.Close()
		return counts, err
	}

	// Whoever is the first to fail cancels ctx, and that wakes the others.
	var cut sync.WaitGroup
	cut.Add(1)
	unwatch := context.AfterFunc(ctx, func() {
		defer cut.Done()
		for _, c := range []Conn{client, upstream} {
			c.SetLinger(0)
			c.Close()
		}
	})

	var moved atomic.Int64 // since the watchman looked
	done := make(chan struct{})
	if limits.Idle > 0 {
		go watchman(limits.Idle, &moved, done, cancel)
	}
	results := make(chan error)
	go func() { results <- shovel(upstream, client, &counts.Up, &moved) }()
	go func() { results <- shovel(client, upstream, &counts.Down, &moved) }()
	for range 2 {
		if err := <-results; err != nil {
			cancel(err)
		}
	}
	close(done)
	if unwatch() {
		client.Close()
		upstream.Close()
		return counts, nil
	}
	cut.Wait()
	return counts, context.Cause(ctx)
}

func connect(ctx context.Context, dial Dialer, limit time.Duration) (Conn, error) {
	dialCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	if limit > 0 {
		t := time.AfterFunc(limit, cancel)
		defer t.Stop()
	}
	conn, err := dial(dialCtx)
	if err == nil && dialCtx.Err() == nil {
		return conn, nil
	}
	if err == nil {
		conn.SetLinger(0)
		conn.Close()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, errors.Join(ErrDial, err)
}

// watchman looks whether anything has moved since he last looked.
func watchman(every time.Duration, moved *atomic.Int64, done <-chan struct{}, cancel context.CancelCauseFunc) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-done:
			return
		case <-t.C:
			if moved.Swap(0) == 0 {
				cancel(ErrIdle)
				return
			}
		}
	}
}

// shovel moves bytes until from has no more.
func shovel(to, from Conn, total *int64, moved *atomic.Int64) error {
	buf := make([]byte, 128<<10)
	for {
		n, readErr := from.Read(buf)
		moved.Add(int64(n))
		for rest := buf[:n]; len(rest) > 0; {
			k, err := to.Write(rest)
			*total += int64(k)
			moved.Add(int64(k))
			if err != nil {
				return fmt.Errorf("writing to %v: %w", to.RemoteAddr(), err)
			}
			rest = rest[k:]
		}
		switch {
		case errors.Is(readErr, io.EOF):
			to.CloseWrite() // if that fails, so will the other direction
			return nil
		case readErr != nil:
			return fmt.Errorf("reading from %v: %w", from.RemoteAddr(), readErr)
		}
	}
}
