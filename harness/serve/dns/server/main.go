// Server serves dns/server: a zone, over UDP.
package main

import (
	"context"
	"net"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/dns/respond"
	"github.com/example/netkata/katas/dns/server"
	"github.com/example/netkata/katas/dns/zone"
)

func main() {
	load := serve.Zone(zone.Parse)
	serve.UDP(func() (serve.Packets, error) {
		z, err := load()
		if err != nil {
			return nil, err
		}
		handle, err := serve.Answers(func(b, query []byte) ([]byte, bool) {
			return respond.Respond(b, query, respond.UDP, z.Lookup)
		})
		return func(ctx context.Context, pc net.PacketConn) error { return server.Serve(ctx, pc, handle) }, err
	})
}
