//go:build solution

// Package exchange, by someone who has a goroutine read for as long as Exchange
// lasts, and chooses among what comes, timers and the context.
package exchange

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// Schedule says how long to wait for an answer before trying again. The zero
// value tries once, and waits until the context ends.
type Schedule struct {
	First time.Duration // the first wait; each one after it is twice as long. 0: there is one try
	Max   time.Duration // no wait is longer; 0: they grow without end
}

// received is what one ReadFrom gave.
type received struct {
	msg  []byte
	from netip.AddrPort
	err  error
}

func Exchange(ctx context.Context, conn net.PacketConn, server net.Addr, question []byte, schedule Schedule) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	incoming, over := make(chan received), make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		read(conn, incoming, over)
	}()
	defer func() {
		close(over)
		conn.SetDeadline(time.Now().Add(-time.Second))
		<-gone
		conn.SetDeadline(time.Time{})
	}()

	from := plain(server.(*net.UDPAddr))
	wait := schedule.First
	for {
		id := uint16(rand.Uint32())
		if err := send(conn, server, append([]byte{byte(id >> 8), byte(id)}, question...)); err != nil {
			return nil, err
		}
		var next <-chan time.Time
		if schedule.Max > 0 && wait > schedule.Max {
			wait = schedule.Max
		}
		if wait > 0 {
			next = time.After(wait)
		}
		answer, err := choose(ctx, incoming, next, from, id)
		if answer != nil || err != nil {
			return answer, err
		}
		wait += wait
	}
}

// choose returns neither an answer nor an error when it is time for the next try.
func choose(ctx context.Context, incoming <-chan received, next <-chan time.Time, from netip.AddrPort, id uint16) ([]byte, error) {
	for {
		select {
		case r := <-incoming:
			if r.err != nil {
				return nil, r.err
			}
			if r.from == from && len(r.msg) > 1 && r.msg[0] == byte(id>>8) && r.msg[1] == byte(id) {
				return r.msg[2:], nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-next:
			return nil, nil
		}
	}
}

func read(conn net.PacketConn, incoming chan<- received, over <-chan struct{}) {
	for err := error(nil); err == nil; {
		buf := make([]byte, 65535)
		var r received
		var n int
		var from net.Addr
		n, from, err = conn.ReadFrom(buf)
		r.msg, r.err = buf[:n], err
		if err == nil {
			r.from = plain(from.(*net.UDPAddr))
		}
		select {
		case incoming <- r:
		case <-over:
			return
		}
	}
}

func send(conn net.PacketConn, server net.Addr, msg []byte) error {
	_, err := conn.WriteTo(msg, server)
	if errors.Is(err, net.ErrWriteToConnected) {
		_, err = conn.(net.Conn).Write(msg)
	}
	return err
}

// plain is an address without an IPv4 address inside an IPv6 one.
func plain(addr *net.UDPAddr) netip.AddrPort {
	at := addr.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
