//go:build solution

// Package exchange, by someone who reckons with moments, has the socket's own
// deadline end each wait, and a goroutine that watches for the end of the
// context pull that deadline forward.
package exchange

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// Schedule says how long to wait for an answer before trying again. The zero
// value tries once, and waits until the context ends.
type Schedule struct {
	First time.Duration // the first wait; each one after it is twice as long. 0: there is one try
	Max   time.Duration // no wait is longer; 0: they grow without end
}

// gate lets nobody move the deadline of a socket once it is shut.
type gate struct {
	mu   sync.Mutex
	shut bool
	conn net.PacketConn
}

func (g *gate) set(t time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.conn.SetReadDeadline(t)
	}
}

func (g *gate) close(t time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	g.conn.SetReadDeadline(t)
}

func Exchange(ctx context.Context, conn net.PacketConn, server net.Addr, question []byte, schedule Schedule) (answer []byte, err error) {
	g := &gate{conn: conn}
	over := make(chan bool)
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ctx.Done():
			g.close(time.Now())
		case <-over:
		}
	})
	defer func() {
		close(over)
		watch.Wait()
		g.close(time.Time{})
	}()

	end, limited := ctx.Deadline()
	try := time.Now()
	buf := make([]byte, 65508)
	for wait := schedule.First; ; wait *= 2 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if limited && !time.Now().Before(end) {
			return nil, os.ErrDeadlineExceeded
		}
		if schedule.Max != 0 {
			wait = min(wait, schedule.Max)
		}
		var until time.Time
		if wait > 0 {
			try = try.Add(wait)
			until = try
		}
		if limited && (until.IsZero() || end.Before(until)) {
			until = end
		}
		g.set(until)
		msg := make([]byte, 2)
		rand.Read(msg)
		if err := send(conn, server, slices.Concat(msg, question)); err != nil {
			return nil, err
		}
		for {
			n, from, err := conn.ReadFrom(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return nil, err
			}
			if isServer(from, server) && n >= 2 && string(buf[:2]) == string(msg) {
				return slices.Clone(buf[2:n]), nil
			}
		}
	}
}

func isServer(from, server net.Addr) bool {
	a, b := from.(*net.UDPAddr), server.(*net.UDPAddr)
	return a.Port == b.Port && a.IP.Equal(b.IP)
}

func send(conn net.PacketConn, server net.Addr, msg []byte) error {
	if c, ok := conn.(interface {
		net.Conn
		net.PacketConn
	}); ok && c.RemoteAddr() != nil {
		_, err := c.Write(msg)
		return err
	}
	_, err := conn.WriteTo(msg, server)
	return err
}
