//go:build !solution

// Package kv serves values by their keys to many clients at once, over a
// protocol of lines.
package kv

import (
	"net"

	"github.com/example/netkata/harness/todo"
)

// Limits says how much a Server takes. The zero value sets no limit.
type Limits struct {
	Line int // bytes of a line, without its end; 0: any number
	Keys int // keys held at a time; 0: any number
}

// Server holds values by their keys. All its clients see the same ones. The zero
// value is not usable: see New.
type Server struct {
	// TODO
}

// New returns a Server that holds nothing yet. It starts no goroutine.
func New(limits Limits) *Server {
	// TODO
	return &Server{}
}

// Handle answers the commands that come over conn, a line of reply to each line,
// until the client ends its stream. Then, and on every error, it closes conn and
// returns. It may be called for many connections at once.
//
// The error is nil at the end of the stream, else that of the Read or the Write
// which failed. What the client does wrong is none: it gets a reply.
func (s *Server) Handle(conn net.Conn) error {
	// TODO
	return todo.Err
}
