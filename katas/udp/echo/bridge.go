//go:build solution

package echo

import (
	"context"
	"net"

	solution "github.com/example/netkata/solutions/udp/echo"
)

const (
	MaxMessage = solution.MaxMessage
	TooLong    = solution.TooLong
)

func Serve(ctx context.Context, pc net.PacketConn) error { return solution.Serve(ctx, pc) }
