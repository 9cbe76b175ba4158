//go:build solution

// Package serve accepts connections and hands each to a handler, until it is
// told to stop; then it sees to it that everybody leaves.
package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// ErrCut means that handlers were still at work when the grace period was over,
// and lost their connections.
var ErrCut = errors.New("serve: connections cut off after the grace period")

// Handler talks to one client. Serve calls it in a goroutine of its own, and
// closes conn when it returns. ctx has the values of Serve's context, but is not
// cancelled with it: only when the grace period is over.
type Handler func(ctx context.Context, conn net.Conn)

// Serve accepts connections from ln and calls handle for each, until ctx is done
// or ln is closed. It then closes ln, waits for the handlers for as long as grace
// says, closes the connections of those that are left, and waits for them too.
// When it returns, every handler has returned.
//
// Errors of Accept that pass, EMFILE and ENFILE at least, do not end it: it tries
// again after a pause. The error is nil after ctx is done, that of Accept, which
// is net.ErrClosed, if ln was closed by somebody else, and ErrCut, alone or joined
// with that one, if a handler lost its connection.
func Serve(ctx context.Context, ln net.Listener, handle Handler, grace time.Duration) error {
	s := &server{handle: handle}
	// The handlers shall finish what they are at, so being told to stop is not for
	// their ears: they get the values of ctx, and hear only of the end of grace.
	s.ctx, s.cut = context.WithCancel(context.WithoutCancel(ctx))
	defer s.cut()

	err := s.acceptAll(ctx, ln)
	if s.drain(grace); s.wasCut.Load() {
		err = errors.Join(err, ErrCut)
	}
	return err
}

// server is one call of Serve.
type server struct {
	handle Handler

	ctx      context.Context // of the handlers
	cut      context.CancelFunc
	wasCut   atomic.Bool // a handler lost its connection
	handlers sync.WaitGroup
}

// acceptAll starts a handler for each connection until ctx is done, which is no
// error, or ln is closed.
func (s *server) acceptAll(ctx context.Context, ln net.Listener) error {
	defer ln.Close()
	stop := context.AfterFunc(ctx, func() { ln.Close() }) // wakes Accept
	defer stop()

	var pause time.Duration
	for ctx.Err() == nil {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			s.handlers.Go(func() { s.serve(conn) })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			pause = min(max(2*pause, minPause), maxPause)
			slog.Warn("accept failed", "err", err, "again in", pause)
			wait(ctx, pause)
		}
	}
	return nil
}

// Between two failures of Accept, the pauses grow from minPause to maxPause.
const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// serve runs the handler of one connection. What is deferred also runs when the
// handler panics or ends its goroutine.
func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	defer func() {
		if v := recover(); v != nil {
			slog.Error("handler panicked", "client", conn.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
		}
	}()
	stop := context.AfterFunc(s.ctx, func() { conn.Close() }) // wakes its Read or Write
	defer func() {
		stop()
		if s.ctx.Err() != nil {
			s.wasCut.Store(true)
		}
	}()
	s.handle(s.ctx, conn)
}

// drain waits for the handlers, and cuts off those that take longer than grace.
func (s *server) drain(grace time.Duration) {
	gone := make(chan struct{})
	go func() {
		s.handlers.Wait()
		close(gone)
	}()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-gone:
	case <-t.C:
		s.cut()
		<-gone
	}
}
