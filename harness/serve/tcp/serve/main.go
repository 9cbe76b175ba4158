// Serve serves tcp/serve, with a handler that sends back what it gets.
package main

import (
	"context"
	"flag"
	"io"
	"net"
	"time"

	"github.com/example/netkata/harness/serve"
	kata "github.com/example/netkata/katas/tcp/serve"
)

func main() {
	grace := flag.Duration("grace", 5*time.Second, "for clients that are there when it is interrupted")
	serve.TCP(func(ctx context.Context, ln net.Listener) error {
		return kata.Serve(ctx, ln, func(_ context.Context, conn net.Conn) { io.Copy(conn, conn) }, *grace)
	})
}
