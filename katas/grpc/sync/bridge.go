//go:build solution

package sync

import solution "github.com/example/netkata/solutions/grpc/sync"

const MaxCounter = solution.MaxCounter

var ErrIncomplete = solution.ErrIncomplete

type Replica = solution.Replica

func New(name string) *Replica { return solution.New(name) }
