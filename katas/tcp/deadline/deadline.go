//go:build !solution

// Package deadline sends lines back to whoever sent them, and waits for nobody
// longer than it was told to.
package deadline

import (
	"errors"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
)

// Errors, one for each of the Limits that the peer can reach.
var (
	// ErrIdle means that nothing came for as long as Limits.Idle says.
	ErrIdle = errors.New("deadline: nothing came for too long")
	// ErrLine means that a line was not complete within Limits.Line.
	ErrLine = errors.New("deadline: a line took too long")
	// ErrWrite means that a reply was not taken within Limits.Write.
	ErrWrite = errors.New("deadline: a reply was not taken in time")
)

// Limits says how long the peer may take. The zero value sets no limit.
type Limits struct {
	Idle  time.Duration // from one byte to the next; 0: any time
	Line  time.Duration // from a line's first byte to its newline; 0: any time
	Write time.Duration // for taking a reply; 0: any time
}

// Handle sends every line that comes over conn back, until the peer ends its
// stream or takes longer than the limits allow. Then, and on every other error,
// it closes conn and returns.
//
// The error is nil at the end of the stream; ErrIdle, ErrLine or ErrWrite when
// that limit was reached; else that of the Read or the Write which failed.
func Handle(conn net.Conn, limits Limits) error {
	// TODO
	return todo.Err
}
