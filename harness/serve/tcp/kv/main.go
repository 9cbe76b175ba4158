// Kv serves tcp/kv.
package main

import (
	"context"
	"flag"
	"net"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/tcp/kv"
)

func main() {
	var limits kv.Limits
	flag.IntVar(&limits.Line, "line", 4096, "bytes of a line")
	flag.IntVar(&limits.Keys, "keys", 1000, "keys held at a time")
	serve.TCP(func(ctx context.Context, ln net.Listener) error {
		server := kv.New(limits)
		handle := func(_ context.Context, conn net.Conn) error { return server.Handle(conn) }
		return serve.Each(handle)(ctx, ln)
	})
}
