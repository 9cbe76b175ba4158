//go:build solution

package list

import solution "github.com/example/netkata/solutions/grpc/list"

const (
	DefaultPageSize = solution.DefaultPageSize
	MaxPageSize     = solution.MaxPageSize
	MaxPageBytes    = solution.MaxPageBytes
)

type Server = solution.Server
