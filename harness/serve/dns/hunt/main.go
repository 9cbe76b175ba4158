// Hunt serves dns/hunt: a few hosts, over UDP.
package main

import (
	"context"
	"log"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/dns/hunt"
)

// hosts are some of those that the tests ask for.
var hosts = map[string]netip.Addr{
	"web.test":   netip.MustParseAddr("10.0.0.1"),
	"mail.test":  netip.MustParseAddr("10.0.0.2"),
	"db.eu.test": netip.MustParseAddr("10.0.1.1"),
	"six.test":   netip.MustParseAddr("2001:db8::6"),
}

func main() {
	serve.UDP(func() (serve.Packets, error) {
		log.Print("the hosts are ", strings.Join(slices.Sorted(maps.Keys(hosts)), ", "))
		return func(ctx context.Context, pc net.PacketConn) error { return hunt.Serve(ctx, pc, hosts) }, nil
	})
}
