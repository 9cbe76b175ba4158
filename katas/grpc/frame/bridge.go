//go:build solution

package frame

import solution "github.com/example/netkata/solutions/grpc/frame"

const (
	PrefixLen      = solution.PrefixLen
	DefaultMaxSize = solution.DefaultMaxSize
)

var (
	ErrTooLarge = solution.ErrTooLarge
	ErrFlag     = solution.ErrFlag
	ErrEncoding = solution.ErrEncoding
)

type Decoder = solution.Decoder

func Append(b, msg []byte) []byte { return solution.Append(b, msg) }
