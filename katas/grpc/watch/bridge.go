//go:build solution

package watch

import (
	"context"

	podsv1 "github.com/example/netkata/pb/pods/v1"
	solution "github.com/example/netkata/solutions/grpc/watch"
)

type Server = solution.Server

func NewServer(limit int) *Server { return solution.NewServer(limit) }

func Watch(ctx context.Context, client podsv1.PodServiceClient, namespace string, version int64, each func(*podsv1.WatchPodsResponse) error) (last int64, err error) {
	return solution.Watch(ctx, client, namespace, version, each)
}
