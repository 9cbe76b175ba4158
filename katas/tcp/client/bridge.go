//go:build solution

package client

import (
	"context"

	solution "github.com/example/netkata/solutions/tcp/client"
)

var ErrReply = solution.ErrReply

type Dial = solution.Dial

func Ping(ctx context.Context, dial Dial, addr string) error {
	return solution.Ping(ctx, dial, addr)
}
