// Package echo plays the learner in memnet's tests: its place says so.
package echo

import (
	"context"
	"io"
	"net"
)

// Handle sends back what it reads.
func Handle(conn net.Conn) {
	defer conn.Close()
	io.Copy(conn, conn)
}

// Serve forgets that errors may last.
func Serve(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			continue
		}
		go Handle(conn)
	}
}

// Copy runs the library alone in its goroutine.
func Copy(from, to net.Conn) {
	go io.Copy(to, from)
}

// Dial leaves the connection open.
func Dial(n interface {
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}, addr string) (net.Conn, error) {
	return n.Dial(context.Background(), "tcp", addr)
}

// Packets answers datagrams.
func Packets(p net.PacketConn) {
	b := make([]byte, 512)
	for {
		n, from, err := p.ReadFrom(b)
		if err != nil {
			return
		}
		p.WriteTo(b[:n], from)
	}
}

// Poll reads without end, whatever comes.
func Poll(conn net.Conn, b []byte) {
	for {
		conn.Read(b)
	}
}
