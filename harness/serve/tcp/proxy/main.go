// Proxy serves tcp/proxy: every connection goes on to the address of -to.
package main

import (
	"context"
	"flag"
	"log"
	"net"
	"time"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/tcp/proxy"
)

func main() {
	to := flag.String("to", "127.0.0.1:80", "`address` of the upstream")
	var limits proxy.Limits
	flag.DurationVar(&limits.Dial, "dial", 5*time.Second, "for a connection to the upstream")
	flag.DurationVar(&limits.Idle, "idle", 5*time.Minute, "while neither side sends anything")
	dial := func(ctx context.Context) (proxy.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", *to)
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	}
	serve.TCP(serve.Each(func(ctx context.Context, conn net.Conn) error {
		counts, err := proxy.Handle(ctx, conn.(*net.TCPConn), dial, limits)
		log.Printf("%v: %d bytes up, %d down", conn.RemoteAddr(), counts.Up, counts.Down)
		return err
	}))
}
