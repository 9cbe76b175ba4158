//go:build solution

package call

import (
	"time"

	"google.golang.org/grpc"

	solution "github.com/example/netkata/solutions/grpc/call"
)

const RequestID = solution.RequestID

var (
	ErrNotFound    = solution.ErrNotFound
	ErrUnavailable = solution.ErrUnavailable
	ErrPages       = solution.ErrPages
	ErrClosed      = solution.ErrClosed
)

type (
	InvalidError = solution.InvalidError
	Client       = solution.Client
)

func New(target string, timeout time.Duration, opts ...grpc.DialOption) (*Client, error) {
	return solution.New(target, timeout, opts...)
}
