//go:build solution

package deadline

import (
	"net"

	solution "github.com/example/netkata/solutions/tcp/deadline"
)

var (
	ErrIdle  = solution.ErrIdle
	ErrLine  = solution.ErrLine
	ErrWrite = solution.ErrWrite
)

type Limits = solution.Limits

func Handle(conn net.Conn, limits Limits) error { return solution.Handle(conn, limits) }
