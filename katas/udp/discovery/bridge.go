//go:build solution

package discovery

import solution "github.com/example/netkata/solutions/udp/discovery"

type (
	Config = solution.Config
	Entry  = solution.Entry
	Node   = solution.Node
)

func New(cfg Config) *Node { return solution.New(cfg) }
