//go:build solution

package pool

import solution "github.com/example/netkata/solutions/tcp/pool"

var (
	ErrClosed   = solution.ErrClosed
	ErrReturned = solution.ErrReturned
)

type (
	Dial   = solution.Dial
	Limits = solution.Limits
	Pool   = solution.Pool
	Conn   = solution.Conn
)

func New(dial Dial, limits Limits) *Pool { return solution.New(dial, limits) }
