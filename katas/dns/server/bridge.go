//go:build solution

package server

import (
	"context"
	"net"

	solution "github.com/example/netkata/solutions/dns/server"
)

type Handler = solution.Handler

func Serve(ctx context.Context, pc net.PacketConn, handle Handler) error {
	return solution.Serve(ctx, pc, handle)
}
