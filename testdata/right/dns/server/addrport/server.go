//go:build solution

// Package server answers DNS queries over UDP.
package server

import (
	"context"
	"errors"
	"log"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Handler appends the response to query to b, which is empty, and returns the
// extended slice; ok is false where silence is the answer. Until its response is
// sent, b and query are its own, to keep and to write to, and do not overlap. It
// may return query or other memory instead: Serve sends it, and never writes to
// it. Many goroutines may call it at once.
type Handler func(b, query []byte) (response []byte, ok bool)

// Serve has two readers, who use a real socket without allocating addresses, and
// as many handlers at a time as a semaphore says. One that panics ends its
// goroutine for good.
func Serve(ctx context.Context, pc net.PacketConn, handle Handler) error {
	s := &state{pc: socketOf(pc), handle: handle, places: make(chan struct{}, 200)}
	var stopping sync.WaitGroup
	stopping.Add(1)
	stop := context.AfterFunc(ctx, func() {
		pc.SetDeadline(time.Unix(1, 0))
		stopping.Done()
	})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() { s.read(ctx) })
	}
	readers.Wait()
	s.handlers.Wait()
	if stop() {
		stopping.Done()
	}
	stopping.Wait()
	pc.Close()
	if err, ok := s.err.Load().(error); ok && ctx.Err() == nil {
		return err
	}
	return nil
}

type state struct {
	pc       socket
	handle   Handler
	places   chan struct{}
	handlers sync.WaitGroup
	err      atomic.Value
}

func (s *state) read(ctx context.Context) {
	var pause time.Duration
	var buf [1 << 16]byte
	for ctx.Err() == nil {
		n, from, err := s.pc.read(buf[:])
		if err != nil {
			if ctx.Err() == nil && errors.Is(err, net.ErrClosed) {
				s.err.CompareAndSwap(nil, err)
				return
			}
			pause = min(2*pause+time.Millisecond, 900*time.Millisecond)
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			continue
		}
		pause = 0
		memory := make([]byte, n, n+512)
		copy(memory, buf[:n])
		s.places <- struct{}{}
		s.handlers.Add(1)
		go s.answer(memory[n:], memory[:n:n], from)
	}
}

func (s *state) answer(b, query []byte, to any) {
	defer s.handlers.Done()
	defer func() { <-s.places }()
	defer func() {
		if err := recover(); err != nil {
			log.Print(err)
		}
	}()
	if response, ok := s.handle(b[:0], query); ok {
		s.pc.write(response, to)
	}
}

// socket is either kind.
type socket struct {
	read  func([]byte) (int, any, error)
	write func([]byte, any)
}

func socketOf(pc net.PacketConn) socket {
	if c, ok := pc.(*net.UDPConn); ok {
		return socket{
			read: func(b []byte) (int, any, error) {
				n, _, _, from, err := c.ReadMsgUDPAddrPort(b, nil)
				return n, from, err
			},
			write: func(b []byte, to any) { c.WriteToUDPAddrPort(b, to.(netip.AddrPort)) },
		}
	}
	return socket{
		read: func(b []byte) (int, any, error) {
			n, from, err := pc.ReadFrom(b)
			return n, from, err
		},
		write: func(b []byte, to any) { pc.WriteTo(b, to.(net.Addr)) },
	}
}
