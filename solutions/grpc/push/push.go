//go:build solution

// Package push sends measurements in batches over one client stream, and takes
// them.
package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"slices"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
	t := tally{summaries: map[string]*metricsv1.Summary{}}
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err // a status already
		}
		if err := s.take(&t, req.GetSamples()); err != nil {
			return err
		}
	}
	if s.Store != nil {
		if err := s.Store(stream.Context(), t.samples); err != nil {
			return asStatus(stream.Context(), err)
		}
	}
	return stream.SendAndClose(t.response())
}

func (s *Server) take(t *tally, batch []*metricsv1.Sample) error {
	if len(batch) > s.MaxBatch {
		return status.Errorf(codes.ResourceExhausted, "batch %d has %d samples, the limit is %d", t.batches, len(batch), s.MaxBatch)
	}
	if bad := violations(batch); len(bad) > 0 {
		return refuse(t.batches, bad)
	}
	if len(t.samples)+len(batch) > s.MaxStream {
		return status.Errorf(codes.ResourceExhausted, "more than %d samples in a stream", s.MaxStream)
	}
	t.batches++
	for _, sample := range batch {
		t.add(sample)
	}
	if len(t.summaries) > s.MaxNames {
		return status.Errorf(codes.ResourceExhausted, "more than %d names in a stream", s.MaxNames)
	}
	return nil
}

// violations says of each bad sample what is wrong.
func violations(batch []*metricsv1.Sample) []*errdetails.BadRequest_FieldViolation {
	var bad []*errdetails.BadRequest_FieldViolation
	add := func(i int, field, description string) {
		bad = append(bad, &errdetails.BadRequest_FieldViolation{Field: fmt.Sprintf("samples[%d].%s", i, field), Description: description})
	}
	for i, sample := range batch {
		if sample.GetName() == "" {
			add(i, "name", "is empty")
		}
		if v := sample.GetValue(); math.IsNaN(v) || math.IsInf(v, 0) {
			add(i, "value", "is no finite number")
		}
		if !sample.GetTime().IsValid() { // nil is not, either
			add(i, "time", "is missing, or no time that there is")
		}
	}
	return bad
}

func refuse(batch int64, bad []*errdetails.BadRequest_FieldViolation) error {
	st := status.Newf(codes.InvalidArgument, "batch %d: %s %s", batch, bad[0].GetField(), bad[0].GetDescription())
	if with, err := st.WithDetails(&errdetails.BadRequest{FieldViolations: bad}); err == nil {
		st = with
	}
	return st.Err()
}

// asStatus keeps a status as it is. Of other errors gRPC would make Unknown. ctx
// is asked and not err: that may be about a time limit of Store's own.
func asStatus(ctx context.Context, err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	if over := ctx.Err(); over != nil {
		return status.FromContextError(over).Err()
	}
	return status.Error(codes.Internal, "the samples were not stored") // err is not the client's business
}

// tally is what has come so far.
type tally struct {
	batches   int64
	samples   []*metricsv1.Sample
	summaries map[string]*metricsv1.Summary
}

func (t *tally) add(sample *metricsv1.Sample) {
	t.samples = append(t.samples, sample)
	v := sample.GetValue()
	s, ok := t.summaries[sample.GetName()]
	if !ok {
		s = &metricsv1.Summary{Name: sample.GetName(), Min: v, Max: v}
		t.summaries[s.Name] = s
	}
	s.Count++
	s.Min, s.Max, s.Sum = min(s.Min, v), max(s.Max, v), s.Sum+v
}

func (t *tally) response() *metricsv1.PushMetricsResponse {
	res := &metricsv1.PushMetricsResponse{Batches: t.batches, Samples: int64(len(t.samples))}
	for _, name := range slices.Sorted(maps.Keys(t.summaries)) {
		res.Summaries = append(res.Summaries, t.summaries[name])
	}
	return res
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.PushMetrics(ctx)
	if err != nil {
		return nil, err
	}
	for batch := range batches {
		err := stream.Send(&metricsv1.PushMetricsRequest{Samples: batch})
		if errors.Is(err, io.EOF) { // the server has ended the call
			return stream.CloseAndRecv() // which has the reason
		}
		if err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil { // a half-close could still be faster
		return nil, status.FromContextError(err).Err()
	}
	return stream.CloseAndRecv()
}
