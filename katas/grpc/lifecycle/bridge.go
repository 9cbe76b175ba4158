//go:build solution

package lifecycle

import (
	"context"
	"net"

	solution "github.com/example/netkata/solutions/grpc/lifecycle"
)

type (
	Config = solution.Config
)

func Serve(ctx context.Context, lis net.Listener, c Config) error { return solution.Serve(ctx, lis, c) }
