// Stream serves dns/stream: a zone, over UDP and TCP.
package main

import (
	"context"
	"flag"
	"net"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/dns/respond"
	"github.com/example/netkata/katas/dns/server"
	"github.com/example/netkata/katas/dns/stream"
	"github.com/example/netkata/katas/dns/zone"
)

func main() {
	load := serve.Zone(zone.Parse)
	var limits stream.Limits
	flag.DurationVar(&limits.Idle, "idle", 0, "how long a connection may be idle; 0 is the kata's own limit")
	flag.IntVar(&limits.Conns, "conns", 0, "how many connections there may be; 0 is the kata's own limit")
	serve.Both(func() (serve.Packets, serve.Streams, error) {
		z, err := load()
		if err != nil {
			return nil, nil, err
		}
		over := func(transport respond.Transport) func(b, query []byte) ([]byte, bool) {
			return func(b, query []byte) ([]byte, bool) { return respond.Respond(b, query, transport, z.Lookup) }
		}
		overUDP, err := serve.Answers(over(respond.UDP))
		packets := func(ctx context.Context, pc net.PacketConn) error { return server.Serve(ctx, pc, overUDP) }
		streams := func(ctx context.Context, ln net.Listener) error {
			return stream.Serve(ctx, ln, over(respond.TCP), limits)
		}
		return packets, streams, err
	})
}
