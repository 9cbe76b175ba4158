//go:build solution

package echo

import (
	"net"

	solution "github.com/example/netkata/solutions/tcp/echo"
)

func Handle(conn net.Conn) error { return solution.Handle(conn) }
