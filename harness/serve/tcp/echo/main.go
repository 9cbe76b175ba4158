// Echo serves tcp/echo.
package main

import (
	"context"
	"net"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/tcp/echo"
)

func main() {
	serve.TCP(serve.Each(func(_ context.Context, conn net.Conn) error { return echo.Handle(conn) }))
}
