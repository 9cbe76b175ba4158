//go:build solution

// Package serve accepts connections and hands each to a handler, until it is
// told to stop; then it sees to it that everybody leaves.
package serve

import (
	"context"
	"errors"
	"log"
	"net"
	"sync"
	"time"
)

// ErrCut means that handlers were still at work when the grace period was over,
// and lost their connections.
var ErrCut = errors.New("serve: connections cut off after the grace period")

// Handler talks to one client. Serve calls it in a goroutine of its own, and
// closes conn when it returns. ctx has the values of Serve's context, but is not
// cancelled with it: only when the grace period is over.
type Handler func(ctx context.Context, conn net.Conn)

// Serve selects between ctx and what one goroutine accepts.
func Serve(ctx context.Context, ln net.Listener, handle Handler, grace time.Duration) error {
	s := &server{conns: map[net.Conn]bool{}, empty: make(chan struct{})}
	hctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)

	in, quit := make(chan accepted), make(chan struct{})
	var acceptor sync.WaitGroup
	if ctx.Err() == nil {
		acceptor.Go(func() { accept(ln, in, quit) })
	}
	var failure error
	for ctx.Err() == nil && failure == nil {
		select {
		case <-ctx.Done():
		case a := <-in:
			if failure = a.err; failure == nil {
				s.add(a.conn)
				go s.run(hctx, a.conn, handle)
			}
		}
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	close(quit)
	ln.Close()
	acceptor.Wait()

	if s.close(); s.len() == 0 {
		return failure
	}
	select {
	case <-s.empty:
		return failure
	case <-timer.C:
	}
	cut := s.cutAll()
	cancel(ErrCut)
	<-s.empty
	if cut > 0 {
		return errors.Join(ErrCut, failure)
	}
	return failure
}

// accepted is what Accept returned.
type accepted struct {
	conn net.Conn
	err  error
}

func accept(ln net.Listener, in chan<- accepted, quit <-chan struct{}) {
	for {
		conn, err := ln.Accept()
		if ne, ok := err.(net.Error); ok && ne.Temporary() {
			select {
			case <-time.After(50 * time.Millisecond):
				continue
			case <-quit:
				return
			}
		}
		select {
		case in <- accepted{conn, err}:
		case <-quit:
			if conn != nil {
				conn.Close() // nobody took it
			}
			return
		}
		if err != nil {
			return
		}
	}
}

type server struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool          // no more will come
	empty  chan struct{} // closed once there is none, and no more will come
}

func (s *server) add(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[conn] = true
}

func (s *server) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

func (s *server) cutAll() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
	return len(s.conns)
}

func (s *server) run(ctx context.Context, conn net.Conn, handle Handler) {
	defer func() {
		if v := recover(); v != nil {
			log.Print(v)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		conn.Close() // under the lock: whoever counts connections waits for it
		delete(s.conns, conn)
		if s.closed && len(s.conns) == 0 {
			close(s.empty)
		}
	}()
	handle(ctx, conn)
}
