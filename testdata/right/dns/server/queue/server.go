//go:build solution

// Package server answers DNS queries over UDP.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// Handler appends the response to query to b, which is empty, and returns the
// extended slice; ok is false where silence is the answer. Until its response is
// sent, b and query are its own, to keep and to write to, and do not overlap. It
// may return query or other memory instead: Serve sends it, and never writes to
// it. Many goroutines may call it at once.
type Handler func(b, query []byte) (response []byte, ok bool)

// places is how many may be at work: the least that will do.
const places = 17

// job is a query, and the memory for what is said to it, in one piece.
type job struct {
	memory []byte
	n      int
	from   net.Addr
}

// Serve has one reader and a few workers behind a channel, who may end and are
// then replaced. Memory comes from a pool, and both slices are cut out of one.
func Serve(ctx context.Context, pc net.PacketConn, handle Handler) error {
	defer pc.Close()
	pool := sync.Pool{New: func() any { return &job{memory: make([]byte, 1<<16, 1<<17)} }}
	jobs := make(chan *job)
	var workers sync.WaitGroup
	work := func(j *job) {
		ok := false
		defer func() {
			if !ok {
				slog.Error("no response", "panic", fmt.Sprint(recover()))
			}
		}()
		query := j.memory[:j.n:j.n]
		response, some := handle(j.memory[j.n:j.n], query)
		if some {
			pc.WriteTo(response, j.from)
		}
		pool.Put(j)
		ok = true
	}
	for range places {
		workers.Go(func() {
			for j := range jobs {
				work(j)
			}
		})
	}
	defer workers.Wait()
	defer close(jobs)

	done := make(chan struct{})
	var watcher sync.WaitGroup
	defer watcher.Wait()
	defer close(done)
	watcher.Go(func() {
		select {
		case <-ctx.Done():
			pc.SetReadDeadline(time.Now())
		case <-done:
		}
	})

	failures := 0
	for ctx.Err() == nil {
		j := pool.Get().(*job)
		var err error
		j.n, j.from, err = pc.ReadFrom(j.memory[:1<<16])
		if err == nil {
			failures = 0
			jobs <- j
			continue
		}
		pool.Put(j)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("server: %w", err)
		}
		failures = min(failures+1, 20)
		t := time.NewTimer(time.Duration(failures) * 50 * time.Millisecond)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
	return nil
}
