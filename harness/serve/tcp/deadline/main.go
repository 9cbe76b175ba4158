// Deadline serves tcp/deadline.
package main

import (
	"context"
	"flag"
	"net"
	"time"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/tcp/deadline"
)

func main() {
	var limits deadline.Limits
	flag.DurationVar(&limits.Idle, "idle", 30*time.Second, "from one byte to the next")
	flag.DurationVar(&limits.Line, "line", time.Minute, "for a whole line")
	flag.DurationVar(&limits.Write, "write", 10*time.Second, "for taking a reply")
	serve.TCP(serve.Each(func(_ context.Context, conn net.Conn) error { return deadline.Handle(conn, limits) }))
}
