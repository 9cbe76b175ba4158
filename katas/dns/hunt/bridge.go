//go:build solution

package hunt

import (
	"context"
	"net"
	"net/netip"

	solution "github.com/example/netkata/solutions/dns/hunt"
)

func Serve(ctx context.Context, pc net.PacketConn, hosts map[string]netip.Addr) error {
	return solution.Serve(ctx, pc, hosts)
}
