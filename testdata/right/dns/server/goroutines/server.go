//go:build solution

// Package server answers DNS queries over UDP.
package server

import (
	"context"
	"errors"
	"log"
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

// Serve has a goroutine for each query, and no limit; each has a copy, and its
// response grows out of nothing. Whoever is not done when ctx is done cannot
// send any more.
func Serve(ctx context.Context, pc net.PacketConn, handle Handler) error {
	var all sync.WaitGroup
	inner, cancel := context.WithCancel(ctx)
	all.Go(func() {
		<-inner.Done()
		pc.Close()
	})
	err := loop(ctx, pc, func(query []byte, from net.Addr) {
		all.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					log.Printf("%v: %v\n%s", from, v, debug.Stack())
				}
			}()
			if response, ok := handle(nil, query); ok {
				pc.WriteTo(response, from)
			}
		})
	})
	cancel()
	all.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func loop(ctx context.Context, pc net.PacketConn, serve func(query []byte, from net.Addr)) error {
	buf := make([]byte, 65507)
	for {
		n, from, err := pc.ReadFrom(buf)
		switch {
		case err == nil:
			serve(append([]byte(nil), buf[:n]...), from)
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			return err
		default:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
}
