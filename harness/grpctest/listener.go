package grpctest

import (
	"context"
	"net"
	"sync"
	"syscall"

	"google.golang.org/grpc/test/bufconn"
)

// window is how much a connection holds that nobody has read yet, in bytes.
const window = 64 << 10

// pair is a connection.
type pair struct{ client, server net.Conn }

// pairs are made outside of all bubbles: bufconn starts timers that are due at
// once, and inside, those may crash the race detector of Go 1.26 (see package
// bubble).
var pairs = func() <-chan pair {
	ln := bufconn.Listen(window)
	servers, made := make(chan net.Conn), make(chan pair, 4)
	go func() {
		for {
			s, _ := ln.Accept() // fails when ln is closed, and it is not
			servers <- s
		}
	}()
	go func() {
		for {
			c, _ := ln.Dial()
			made <- pair{c, <-servers}
		}
	}()
	return made
}()

// listener is the server's side of a Link.
type listener struct {
	link   *Link
	dialed chan net.Conn // servers' ends, for Accept
	once   sync.Once
	closed chan struct{}
}

func listen(link *Link) *listener {
	return &listener{link: link, dialed: make(chan net.Conn), closed: make(chan struct{})}
}

// dial returns the client's end of a connection, once the server has accepted it.
func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	p := <-pairs
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.closed:
		return nil, syscall.ECONNREFUSED
	case l.dialed <- p.server:
		return p.client, nil
	}
}

// Accept is that of a net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: "bufconn", Err: net.ErrClosed}
	case c := <-l.dialed:
		return l.link.add(c, false), nil
	}
}

// Close is that of a net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is that of a net.Listener.
func (l *listener) Addr() net.Addr { return addr{} }

type addr struct{}

func (addr) Network() string { return "bufconn" }
func (addr) String() string  { return "bufconn" }
