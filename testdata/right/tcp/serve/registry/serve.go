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

// Serve keeps a list of all connections, as net/http does.
func Serve(ctx context.Context, ln net.Listener, handle Handler, grace time.Duration) error {
	r := &registry{conns: map[net.Conn]bool{}}
	handlerCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()

	quit := make(chan struct{})
	watcher := make(chan struct{})
	go func() {
		defer close(watcher)
		select {
		case <-ctx.Done():
			ln.Close()
		case <-quit:
		}
	}()
	err := r.accept(ctx, ln, handlerCtx, handle)
	close(quit)
	<-watcher
	ln.Close()

	began := time.Now()
	for r.len() > 0 && time.Since(began) < grace {
		select {
		case <-r.changed():
		case <-time.After(grace - time.Since(began)):
		}
	}
	cut := r.closeAll()
	cancel()
	for r.len() > 0 {
		<-r.changed()
	}
	if err == nil && cut > 0 {
		return ErrCut
	}
	return err
}

type registry struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
	news  chan struct{} // closed when a connection has gone; nil if nobody asked
}

func (r *registry) accept(ctx context.Context, ln net.Listener, hctx context.Context, handle Handler) error {
	var delay time.Duration
	for {
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		conn, err := ln.Accept()
		if err == nil {
			delay = 0
			r.add(conn)
			go r.run(hctx, conn, handle)
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Temporary() {
			return err
		}
		if delay == 0 {
			delay = 5 * time.Millisecond
		} else if delay *= 2; delay > time.Second {
			delay = time.Second
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
}

func (r *registry) run(ctx context.Context, conn net.Conn, handle Handler) {
	defer r.remove(conn)
	defer func() {
		if p := recover(); p != nil {
			log.Printf("panic serving %v: %v", conn.RemoteAddr(), p)
		}
	}()
	handle(ctx, conn)
}

func (r *registry) add(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[conn] = true
}

func (r *registry) remove(conn net.Conn) {
	conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
	if r.news != nil {
		close(r.news)
		r.news = nil
	}
}

func (r *registry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// changed returns a channel that is closed once a connection has gone.
func (r *registry) changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.news == nil {
		r.news = make(chan struct{})
		if len(r.conns) == 0 {
			close(r.news)
		}
	}
	return r.news
}

func (r *registry) closeAll() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		conn.Close()
	}
	return len(r.conns)
}
