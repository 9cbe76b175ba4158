//go:build !solution

// Package push sends measurements in batches over one client stream, and takes
// them.
package push

import (
	"context"
	"iter"

	"google.golang.org/grpc"

	"github.com/example/netkata/harness/todo"
	metricsv1 "github.com/example/netkata/pb/metrics/v1"
)

// Server serves MetricsService. The zero value takes no samples: set its limits,
// before it serves.
type Server struct {
	metricsv1.UnimplementedMetricsServiceServer

	// What is allowed at most; 0 allows none.
	MaxBatch  int // samples in a batch
	MaxStream int // samples in a stream
	MaxNames  int // different names in a stream

	// Store is given all samples of a stream that came whole, before its summary is
	// sent, with the stream's context, and may keep them. Its error refuses them.
	// Several streams may call it at once. It may be nil.
	Store func(ctx context.Context, samples []*metricsv1.Sample) error
}

// PushMetrics takes batches until the client closes its half, hands what came to
// Store, and sends the summary. Nothing is stored of a stream that ends in any
// other way.
//
// The status is InvalidArgument for a sample without a name or time, or whose
// value is no finite number, with a BadRequest that names the fields, counted
// within the batch: samples[3].value; ResourceExhausted for more than the limits
// allow; that of Store's error, or Internal if it has none, a time limit of
// Store's own too; Canceled or DeadlineExceeded when the call is over. It is sent
// as soon as it is known.
func (s *Server) PushMetrics(stream grpc.ClientStreamingServer[metricsv1.PushMetricsRequest, metricsv1.PushMetricsResponse]) error {
	// TODO
	return todo.Err
}

// Push sends each batch as it is drawn, closes its half, and returns what the
// server answers. It makes one call, before it draws. When the server has ended
// that, Push draws no more, and when Push returns, or batches panics, nothing of
// it is left. A batch must not change before that.
//
// The error has the server's status, also where that came before the last batch;
// or says why a batch could not be sent. When ctx is done it is the error of ctx,
// or the status that says the same, Canceled or DeadlineExceeded, and Push does
// not close its half: what came is not the whole. So whoever cannot go on with
// batches cancels ctx, and ends them.
func Push(ctx context.Context, client metricsv1.MetricsServiceClient, batches iter.Seq[[]*metricsv1.Sample]) (*metricsv1.PushMetricsResponse, error) {
	// TODO
	return nil, todo.Err
}
