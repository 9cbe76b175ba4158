//go:build solution

package stream

import (
	"context"
	"io"
	"net"

	solution "github.com/example/netkata/solutions/dns/stream"
)

const (
	MaxLen = solution.MaxLen
)

var (
	ErrTooLong = solution.ErrTooLong
	ErrReply   = solution.ErrReply
)

type (
	Handler = solution.Handler
	Limits  = solution.Limits
	Dial    = solution.Dial
)

func Read(r io.Reader) ([]byte, error) { return solution.Read(r) }

func Write(w io.Writer, msg []byte) error { return solution.Write(w, msg) }

func Serve(ctx context.Context, ln net.Listener, handle Handler, limits Limits) error {
	return solution.Serve(ctx, ln, handle, limits)
}

func Exchange(ctx context.Context, dial Dial, server string, query []byte) ([]byte, error) {
	return solution.Exchange(ctx, dial, server, query)
}
