//go:build solution

package resolve

import (
	solution "github.com/example/netkata/solutions/dns/resolve"
)

const (
	MaxChain = solution.MaxChain
)

var (
	ErrNXDomain = solution.ErrNXDomain
	ErrNoData   = solution.ErrNoData
	ErrServers  = solution.ErrServers
	ErrChain    = solution.ErrChain
)

type (
	Resolver = solution.Resolver
)
