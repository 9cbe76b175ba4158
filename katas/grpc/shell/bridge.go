//go:build solution

package shell

import (
	"context"

	shellv1 "github.com/example/netkata/pb/shell/v1"
	solution "github.com/example/netkata/solutions/grpc/shell"
)

const MaxChunk = solution.MaxChunk

var ErrNoExit = solution.ErrNoExit

type (
	Terminal = solution.Terminal
	Program  = solution.Program
	Server   = solution.Server
)

func Run(ctx context.Context, client shellv1.ShellServiceClient, start *shellv1.Start, t Terminal) (code int, err error) {
	return solution.Run(ctx, client, start, t)
}
