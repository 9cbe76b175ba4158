// Chat serves tcp/chat.
package main

import (
	"context"
	"flag"
	"net"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/tcp/chat"
)

func main() {
	var limits chat.Limits
	flag.IntVar(&limits.Name, "name", 20, "bytes of a name")
	flag.IntVar(&limits.Line, "line", 1000, "bytes of a line")
	flag.IntVar(&limits.Queue, "queue", 100, "lines that may wait for one who does not read")
	serve.TCP(func(ctx context.Context, ln net.Listener) error { return chat.New(limits).Serve(ctx, ln) })
}
