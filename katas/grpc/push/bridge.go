//go:build solution

package push

import (
	"context"
	"iter"

	metricsv1 "github.com/example/netkata/pb/metrics/v1"
	solution "github.com/example/netkata/solutions/grpc/push"
)

type Server = solution.Server

func Push(ctx context.Context, client metricsv1.MetricsServiceClient, batches iter.Seq[[]*metricsv1.Sample]) (*metricsv1.PushMetricsResponse, error) {
	return solution.Push(ctx, client, batches)
}
