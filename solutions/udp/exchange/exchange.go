//go:build solution

// Package exchange asks a question over UDP, and again, until there is an answer.
package exchange

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Schedule says how long to wait for an answer before trying again. The zero
// value tries once, and waits until the context ends.
type Schedule struct {
	First time.Duration // the first wait; each one after it is twice as long. 0: there is one try
	Max   time.Duration // no wait is longer; 0: they grow without end
}

// Exchange sends question to server, a *net.UDPAddr, and returns the answer. As
// long as there is none, it tries again, as schedule says, until ctx ends. A
// message is an id of two bytes, big-endian, and a text behind it. Each try has
// an id of its own that nobody can guess; what does not come from server with
// the id of the last try is no answer.
//
// conn is connected to server, or to nobody. It is Exchange's alone until it
// returns, stays open, and has no deadline for reading from then on; nor for
// sending, unless the caller had set one.
//
// The error is that of ctx when ctx ends first (after its deadline,
// os.ErrDeadlineExceeded will do as well), else that of conn:
// syscall.ECONNREFUSED when conn is connected and nobody is there.
func Exchange(ctx context.Context, conn net.PacketConn, server net.Addr, question []byte, schedule Schedule) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("exchange: %w", err)
	}
	c := &client{conn: conn, server: server, buf: make([]byte, maxDatagram)}
	wait := schedule.First
	for ctx.Err() == nil {
		id, err := c.send(question)
		if err != nil {
			return nil, fmt.Errorf("exchange: %w", err)
		}
		if schedule.Max > 0 {
			wait = min(wait, schedule.Max)
		}
		answer, err := c.receive(ctx, id, wait)
		if err == nil {
			return answer, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, fmt.Errorf("exchange: %w", err)
		}
		wait *= 2
	}
	return nil, fmt.Errorf("exchange: %w", ctx.Err())
}

const (
	idSize      = 2
	maxDatagram = 1 << 16 // none is longer; what a buffer cannot hold is lost in silence
)

// client is one call of Exchange.
type client struct {
	conn   net.PacketConn
	server net.Addr
	buf    []byte
}

// send sends the question with a new id, which it returns.
func (c *client) send(question []byte) (id uint16, err error) {
	msg := make([]byte, idSize, idSize+len(question))
	rand.Read(msg) // never fails
	id = binary.BigEndian.Uint16(msg)
	msg = append(msg, question...)
	// A connected socket does not take an address.
	if conn, ok := c.conn.(net.Conn); ok && conn.RemoteAddr() != nil {
		_, err = conn.Write(msg)
	} else {
		_, err = c.conn.WriteTo(msg, c.server)
	}
	return id, err
}

// receive returns the answer with that id. When there is none before ctx ends,
// or after wait (0: any time), the error is os.ErrDeadlineExceeded.
func (c *client) receive(ctx context.Context, id uint16, wait time.Duration) ([]byte, error) {
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	// A ReadFrom knows nothing of contexts, but a deadline in the past ends it.
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		c.conn.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	defer func() {
		if !stop() {
			<-ended // or else it might set that deadline after it was lifted
		}
		c.conn.SetReadDeadline(time.Time{})
	}()
	for {
		n, from, err := c.conn.ReadFrom(c.buf)
		if err != nil {
			return nil, err
		}
		if msg := c.buf[:n]; c.isAnswer(msg, from, id) {
			return bytes.Clone(msg[idSize:]), nil
		}
	}
}

// isAnswer says whether msg is from the server, and has that id. As texts,
// addresses of IPv4 are equal whether they have 4 bytes or 16.
func (c *client) isAnswer(msg []byte, from net.Addr, id uint16) bool {
	return from.String() == c.server.String() &&
		len(msg) >= idSize && binary.BigEndian.Uint16(msg) == id
}
