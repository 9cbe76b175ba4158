//go:build !solution

// Package lifecycle runs a gRPC server from its first call to its last: it says
// how the server is, lets no panic through, logs each call, and stops on time.
package lifecycle

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
	"google.golang.org/grpc"
)

// Config says what Serve serves, and how.
type Config struct {
	// Register adds the services, without health and reflection, which are
	// Serve's own. It is called once, before anybody is let in.
	Register func(grpc.ServiceRegistrar)

	// Grace is how long the calls may take that are under way when it is time
	// to stop. With 0 they are cut off at once.
	Grace time.Duration

	// Log is told of each call when it is over, in one line with the attributes
	// "method" ("/package.Service/Method"), "code" (the name of the status code
	// that goes to the client, "NotFound") and "duration" (a time.Duration). It
	// is told of a handler's panic, in that line or one more, with "panic" (what
	// it panicked with) and "stack". nil is slog.Default().
	Log *slog.Logger
}

// Serve serves what c registers, and health and reflection, to the clients of
// lis, until ctx is done or lis breaks. It then says NOT_SERVING, lets nobody in
// any more, waits for the calls under way for as long as c.Grace says, cuts off
// those that are left, and waits for their handlers. When it returns, every
// handler has returned, and lis is closed.
//
// The error is nil after ctx is done, and that of Accept if lis broke.
func Serve(ctx context.Context, lis net.Listener, c Config) error {
	// TODO
	return todo.Err
}
