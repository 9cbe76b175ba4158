//go:build solution

package proxy

import (
	"context"

	solution "github.com/example/netkata/solutions/tcp/proxy"
)

var (
	ErrDial = solution.ErrDial
	ErrIdle = solution.ErrIdle
)

type (
	Conn   = solution.Conn
	Dialer = solution.Dialer
	Limits = solution.Limits
	Counts = solution.Counts
)

func Handle(ctx context.Context, client Conn, dial Dialer, limits Limits) (Counts, error) {
	return solution.Handle(ctx, client, dial, limits)
}
