//go:build !solution

// Package echo acknowledges datagrams to whoever sent them.
package echo

import (
	"context"
	"net"

	"github.com/example/netkata/harness/todo"
)

// MaxMessage is how long a message may be, in bytes, to be acknowledged: with
// "ACK: " in front it is the largest payload of UDP over IPv4, 65,507 bytes.
const MaxMessage = 65502

// TooLong is the answer to a message that is longer.
const TooLong = "NAK: too long"

// Serve answers every datagram that pc receives, with "ACK: " and what is in it,
// until ctx is done or pc is closed. When it returns, pc is closed, and nothing
// that it started is left.
//
// Errors of ReadFrom that pass, such as ECONNREFUSED and ENOBUFS, do not end it:
// it tries again, after a pause. The error is nil after ctx is done, and that of
// ReadFrom, which is net.ErrClosed, if pc was closed by somebody else.
func Serve(ctx context.Context, pc net.PacketConn) error {
	// TODO
	return todo.Err
}
