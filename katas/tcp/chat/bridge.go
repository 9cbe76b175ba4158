//go:build solution

package chat

import solution "github.com/example/netkata/solutions/tcp/chat"

type Limits = solution.Limits

type Server = solution.Server

func New(limits Limits) *Server { return solution.New(limits) }
