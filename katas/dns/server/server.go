//go:build !solution

// Package server answers DNS queries over UDP.
package server

import (
	"context"
	"net"

	"github.com/example/netkata/harness/todo"
)

// Handler appends the response to query to b, which is empty, and returns the
// extended slice; ok is false where silence is the answer. Until its response is
// sent, b and query are its own, to keep and to write to, and do not overlap. It
// may return query or other memory instead: Serve sends it, and never writes to
// it. Many goroutines may call it at once.
type Handler func(b, query []byte) (response []byte, ok bool)

// Serve answers every datagram that pc receives with what handle says, until ctx
// is done or pc is closed; a slow handler holds up nobody else. When it returns,
// every handler has returned, pc is closed, and nothing that it started is left.
//
// A handler that panics harms nobody: its query stays without a response, and
// what it panicked with is logged. Errors of ReadFrom that pass, such as
// ECONNREFUSED and ENOBUFS, do not end Serve: it tries again, after a pause. The
// error is nil after ctx is done, and that of ReadFrom, which is net.ErrClosed,
// if pc was closed by somebody else.
func Serve(ctx context.Context, pc net.PacketConn, handle Handler) error {
	// TODO
	return todo.Err
}
