//go:build solution

// Package server answers DNS queries over UDP.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"
)

// Handler appends the response to query to b, which is empty, and returns the
// extended slice; ok is false where silence is the answer. Until its response is
// sent, b and query are its own, to keep and to write to, and do not overlap. It
// may return query or other memory instead: Serve sends it, and never writes to
// it. Many goroutines may call it at once.
type Handler func(b, query []byte) (response []byte, ok bool)

// Serve answers every datagram that pc receives with what handle says, until ctx
// is done or pc is closed; a slow handler holds up nobody else. When it returns,
// every handler has returned, pc is closed, and nothing that it started is left.
//
// A handler that panics harms nobody: its query stays without a response, and
// what it panicked with is logged. Errors of ReadFrom that pass, such as
// ECONNREFUSED and ENOBUFS, do not end Serve: it tries again, after a pause. The
// error is nil after ctx is done, and that of ReadFrom, which is net.ErrClosed,
// if pc was closed by somebody else.
func Serve(ctx context.Context, pc net.PacketConn, handle Handler) error {
	defer pc.Close()
	// This wakes ReadFrom, and whoever still has a response can send it.
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		pc.SetReadDeadline(time.Unix(1, 0))
	})
	defer func() {
		if !stop() { // it runs, or will
			<-woken
		}
	}()

	var all sync.WaitGroup
	errs := make([]error, workers)
	for i := range errs {
		all.Go(func() { errs[i] = work(ctx, pc, handle) })
	}
	all.Wait()
	return errs[0]
}

// workers is how many handlers there are at a time, and so the limit of what a
// flood can take. Who is not read waits in the kernel, which drops the rest.
const workers = 64

// work answers one query after the other. All that it needs is its own: there is
// no buffer to share, and the stack on which handlers run has grown by the second
// query.
func work(ctx context.Context, pc net.PacketConn, handle Handler) error {
	query := make([]byte, 1<<16) // no datagram is longer: what does not fit is lost, and nobody says so
	response := make([]byte, 0, 1<<12)
	var pause time.Duration
	for ctx.Err() == nil {
		n, from, err := pc.ReadFrom(query)
		switch {
		case err == nil:
			pause = 0
			answer(pc, from, handle, response, query[:n])
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			pause = min(max(2*pause, minPause), maxPause)
			slog.Warn("reading failed", "err", err, "again in", pause)
			wait(ctx, pause)
		}
	}
	return nil
}

// answer sends the response to a query, if there is one. If that fails, it is a
// datagram that was lost: the client will ask again.
func answer(pc net.PacketConn, to net.Addr, handle Handler, b, query []byte) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("handler panicked", "client", to, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	response, ok := handle(b, query)
	if !ok {
		return
	}
	if _, err := pc.WriteTo(response, to); err != nil {
		slog.Warn("answering failed", "client", to, "err", err)
	}
}

// Between two failures of ReadFrom, the pauses grow from minPause to maxPause.
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
