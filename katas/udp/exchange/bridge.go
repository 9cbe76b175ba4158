//go:build solution

package exchange

import (
	"context"
	"net"

	solution "github.com/example/netkata/solutions/udp/exchange"
)

type Schedule = solution.Schedule

func Exchange(ctx context.Context, conn net.PacketConn, server net.Addr, question []byte, schedule Schedule) ([]byte, error) {
	return solution.Exchange(ctx, conn, server, question, schedule)
}
