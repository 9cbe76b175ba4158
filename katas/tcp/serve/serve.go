//go:build !solution

// Package serve accepts connections and hands each to a handler, until it is
// told to stop; then it sees to it that everybody leaves.
package serve

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
)

// ErrCut means that handlers were still at work when the grace period was over,
// and lost their connections.
var ErrCut = errors.New("serve: connections cut off after the grace period")

// Handler talks to one client. Serve calls it in a goroutine of its own, and
// closes conn when it returns. ctx has the values of Serve's context, but is not
// cancelled with it: only when the grace period is over.
type Handler func(ctx context.Context, conn net.Conn)

// Serve accepts connections from ln and calls handle for each, until ctx is done
// or ln is closed. It then closes ln, waits for the handlers for as long as grace
// says, closes the connections of those that are left, and waits for them too.
// When it returns, every handler has returned.
//
// Errors of Accept that pass, EMFILE and ENFILE at least, do not end it: it tries
// again after a pause. The error is nil after ctx is done, that of Accept, which
// is net.ErrClosed, if ln was closed by somebody else, and ErrCut, alone or joined
// with that one, if a handler lost its connection.
func Serve(ctx context.Context, ln net.Listener, handle Handler, grace time.Duration) error {
	// TODO
	return todo.Err
}
