//go:build solution

package serve

import (
	"context"
	"net"
	"time"

	solution "github.com/example/netkata/solutions/tcp/serve"
)

var ErrCut = solution.ErrCut

type Handler = solution.Handler

func Serve(ctx context.Context, ln net.Listener, handle Handler, grace time.Duration) error {
	return solution.Serve(ctx, ln, handle, grace)
}
