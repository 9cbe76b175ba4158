//go:build solution

package ping

import (
	"context"
	"net"

	solution "github.com/example/netkata/solutions/udp/ping"
)

type (
	Config = solution.Config
	Report = solution.Report
)

func Run(ctx context.Context, conn net.PacketConn, peer net.Addr, config Config) (Report, error) {
	return solution.Run(ctx, conn, peer, config)
}
