//go:build !solution

// Package echo sends lines back to whoever sent them.
package echo

import (
	"net"

	"github.com/example/netkata/harness/todo"
)

// Handle sends every line that comes over conn back, until a line says QUIT,
// which it answers with BYE, or the other side ends its stream. Then, and on
// every error, it closes conn and returns.
//
// The error is nil after QUIT and at the end of the stream, else that of the
// Read or the Write which failed.
func Handle(conn net.Conn) error {
	// TODO
	return todo.Err
}
