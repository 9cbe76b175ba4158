//go:build solution

package kv

import solution "github.com/example/netkata/solutions/tcp/kv"

type (
	Limits = solution.Limits
	Server = solution.Server
)

func New(limits Limits) *Server { return solution.New(limits) }
