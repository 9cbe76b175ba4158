//go:build !solution

// Package chat passes on what each of its members says to all the others, and
// lets nobody hold the others up.
package chat

import (
	"context"
	"net"

	"github.com/example/netkata/harness/todo"
)

// Limits says how much one client may ask of a Server. The zero value is not
// usable: each limit must be at least 1.
type Limits struct {
	Name  int // bytes of a name
	Line  int // bytes of what a member says at a time, without the end of the line
	Queue int // lines that may wait for a member, who reads too slowly or not at all
}

// Server is a chat of one room. The zero value is not usable: see New.
type Server struct {
	// TODO
}

// New returns a Server in whose room nobody is yet. It starts no goroutine.
func New(limits Limits) *Server {
	// TODO
	return &Server{}
}

// Serve accepts connections from ln and has each client choose a name and talk,
// until ctx is done or ln is closed. Then it closes ln and all connections, and
// returns when every goroutine that it started has ended. It is called once.
//
// The error is nil after ctx is done, and that of Accept, which is net.ErrClosed,
// if ln was closed by somebody else.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	// TODO
	return todo.Err
}
