//go:build solution

// Package serve accepts connections and hands each to a handler, until it is
// told to stop; then it sees to it that everybody leaves.
package serve

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

// ErrCut means that handlers were still at work when the grace period was over,
// and lost their connections.
var ErrCut = errors.New("serve: connections cut off after the grace period")

// Handler talks to one client. Serve calls it in a goroutine of its own, and
// closes conn when it returns. ctx has the values of Serve's context, but is not
// cancelled with it: only when the grace period is over.
type Handler func(ctx context.Context, conn net.Conn)

// Serve owns the set of connections: other goroutines tell it what happens.
func Serve(ctx context.Context, ln net.Listener, handle Handler, grace time.Duration) (err error) {
	// Not derived from ctx, whose end is none of the handlers' business.
	hctx, cancel := context.WithCancelCause(values{context.Background(), ctx})
	defer cancel(nil)

	accepted := make(chan net.Conn)
	failed := make(chan error)
	returned := make(chan net.Conn)
	go acceptor(ctx, ln, accepted, failed)

	conns := map[net.Conn]struct{}{}
	stop, over := ctx.Done(), (<-chan time.Time)(nil)
	var closed error
	for accepting := true; accepting || len(conns) > 0; {
		select {
		case conn := <-accepted:
			conns[conn] = struct{}{}
			go func() {
				defer func() {
					_ = recover()
					returned <- conn
				}()
				handle(hctx, conn)
			}()

		case conn := <-returned:
			conn.Close()
			delete(conns, conn)

		case <-stop:
			stop = nil
			ln.Close() // which ends the acceptor
			over = time.After(grace)

		case closed = <-failed:
			accepting = false
			if ctx.Err() != nil {
				closed = nil // we closed it ourselves
			}
			ln.Close()
			if over == nil {
				over = time.After(grace)
			}

		case <-over:
			for conn := range conns {
				conn.Close()
				err = ErrCut
			}
			cancel(ErrCut)
		}
	}
	return errors.Join(closed, err)
}

// acceptor hands connections over until there are no more, and says why.
func acceptor(ctx context.Context, ln net.Listener, accepted chan<- net.Conn, failed chan<- error) {
	failures := 0
	for {
		if ctx.Err() != nil {
			failed <- nil
			return
		}
		conn, err := ln.Accept()
		switch {
		case err == nil:
			failures = 0
			accepted <- conn
		case errors.Is(err, net.ErrClosed):
			failed <- err
			return
		default:
			failures++
			pause := min(10<<min(failures, 10), 1000)
			pause = pause/2 + rand.IntN(pause/2+1)
			select {
			case <-time.After(time.Duration(pause) * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// values is a context with the values of another one.
type values struct {
	context.Context
	of context.Context
}

func (v values) Value(key any) any { return v.of.Value(key) }
