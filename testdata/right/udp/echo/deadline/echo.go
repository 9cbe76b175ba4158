//go:build solution

// Package echo acknowledges datagrams to whoever sent them.
package echo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// MaxMessage is how long a message may be, in bytes, to be acknowledged: with
// "ACK: " in front it is the largest payload of UDP over IPv4, 65,507 bytes.
const MaxMessage = 65502

// TooLong is the answer to a message that is longer.
const TooLong = "NAK: too long"

// Serve makes one answer at a time, in one buffer with a lock, although each
// message has a goroutine; reads into no more than it has to; and knows which
// errors pass, and a few times does not wait for them to.
func Serve(ctx context.Context, pc net.PacketConn) (err error) {
	var (
		all      sync.WaitGroup
		mu       sync.Mutex // of out
		out      []byte
		failures int
	)
	done := make(chan struct{})
	all.Go(func() {
		select {
		case <-ctx.Done():
			pc.SetDeadline(time.Unix(0, 1))
		case <-done:
		}
	})
	defer func() {
		close(done)
		all.Wait()
		pc.Close()
		if ctx.Err() != nil {
			err = nil
		}
	}()
	buf := make([]byte, MaxMessage+1)
	for ctx.Err() == nil {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			if !passes(err) {
				return fmt.Errorf("echo: %w", err)
			}
			if failures++; failures > 3 {
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(failures) * 10 * time.Millisecond):
				}
				failures = min(failures, 60)
			}
			continue
		}
		failures = 0
		message := string(buf[:n])
		all.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			out = append(out[:0], "ACK: "...)
			if out = append(out, message...); len(message) > MaxMessage {
				out = append(out[:0], TooLong...)
			}
			pc.WriteTo(out, from)
		})
	}
	return nil
}

func passes(err error) bool {
	for _, e := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
