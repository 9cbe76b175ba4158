//go:build !solution

// Package client asks a server whether it is there, over TCP.
package client

import (
	"context"
	"errors"
	"net"

	"github.com/example/netkata/harness/todo"
)

// ErrReply means that the server answered, but not with PONG. What it said may be
// wrapped around it.
var ErrReply = errors.New("client: reply is not PONG")

// Dial makes connections. The method DialContext of a net.Dialer is one.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Ping dials addr ("tcp"), sends the line PING, and waits for the line PONG. All
// of it ends at once when ctx ends. Whatever happens, the connection is closed
// and nothing is left behind when Ping returns.
//
// The error is nil after PONG; ErrReply after another line;
// io.ErrUnexpectedEOF when the server closes before its line ends; that of ctx
// when ctx ends first (after its deadline, os.ErrDeadlineExceeded will do as
// well); else that of dial, of the Write or of the Read.
func Ping(ctx context.Context, dial Dial, addr string) error {
	// TODO
	return todo.Err
}
