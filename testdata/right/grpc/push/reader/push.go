//go:build solution

// Package push sends measurements in batches over one client stream, and takes
// them.
package push

import (
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	metricsv1 "github.com/example/netkata/pb/metrics/v1"
)

// Server reads each stream in a goroutine of its own, and makes its summary at
// the end, from all samples.
type Server struct {
	metricsv1.UnimplementedMetricsServiceServer

	MaxBatch  int
	MaxStream int
	MaxNames  int
	Store     func(ctx context.Context, samples []*metricsv1.Sample) error
}

type received struct {
	samples []*metricsv1.Sample
	err     error
}

func (s *Server) PushMetrics(stream grpc.ClientStreamingServer[metricsv1.PushMetricsRequest, metricsv1.PushMetricsResponse]) error {
	gone := make(chan struct{})
	defer close(gone)
	in := make(chan received)
	go func() {
		for {
			req, err := stream.Recv()
			select {
			case in <- received{req.GetSamples(), err}:
			case <-gone: // this call alone: the last error must get through
				return
			}
			if err != nil {
				return
			}
		}
	}()
	var all []*metricsv1.Sample
	names := map[string]bool{}
	for n := int64(0); ; n++ {
		next := <-in
		if next.err == io.EOF {
			if err := s.keep(stream.Context(), all); err != nil {
				return err
			}
			return stream.SendAndClose(&metricsv1.PushMetricsResponse{Batches: n, Samples: int64(len(all)), Summaries: summaries(all)})
		}
		if next.err != nil {
			return next.err
		}
		if err := s.check(n, next.samples); err != nil {
			return err
		}
		all = append(all, next.samples...)
		for _, sample := range next.samples {
			names[sample.Name] = true
		}
		if len(all) > s.MaxStream || len(names) > s.MaxNames {
			return status.Error(codes.ResourceExhausted, "too much for one stream")
		}
	}
}

func (s *Server) keep(ctx context.Context, all []*metricsv1.Sample) error {
	if s.Store == nil || len(all) == 0 {
		return nil
	}
	err := s.Store(ctx, all)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	}
	if st, ok := status.FromError(err); ok {
		return st.Err()
	}
	return status.Error(codes.Internal, "internal error")
}

// check returns what is wrong with the nth batch.
func (s *Server) check(n int64, samples []*metricsv1.Sample) error {
	if len(samples) > s.MaxBatch {
		return status.Errorf(codes.ResourceExhausted, "at most %d samples", s.MaxBatch)
	}
	bad := new(errdetails.BadRequest)
	for i, sample := range samples {
		at := "samples[" + strconv.Itoa(i) + "]."
		if sample.Time.CheckValid() != nil {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: at + "time", Description: "no time"})
		}
		if sample.Value-sample.Value != 0 {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: at + "value", Description: "not finite"})
		}
		if sample.Name == "" {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: at + "name", Description: "empty"})
		}
	}
	if len(bad.FieldViolations) == 0 {
		return nil
	}
	st, err := status.Newf(codes.InvalidArgument, "bad samples in batch %d", n).WithDetails(bad)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return st.Err()
}

// summaries sorts a copy of all, in which each name is a run.
func summaries(all []*metricsv1.Sample) []*metricsv1.Summary {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *metricsv1.Sample) int { return strings.Compare(a.Name, b.Name) })
	var out []*metricsv1.Summary
	for i, sample := range sorted {
		if i == 0 || sample.Name != sorted[i-1].Name {
			out = append(out, &metricsv1.Summary{Name: sample.Name, Min: math.Inf(1), Max: math.Inf(-1)})
		}
		last := out[len(out)-1]
		last.Count++
		last.Sum += sample.Value
		last.Min = math.Min(last.Min, sample.Value)
		last.Max = math.Max(last.Max, sample.Value)
	}
	return out
}

// Push waits for the answer in a goroutine of its own, and so knows of an early
// one before it draws again.
func Push(ctx context.Context, client metricsv1.MetricsServiceClient, batches iter.Seq[[]*metricsv1.Sample]) (*metricsv1.PushMetricsResponse, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.PushMetrics(ctx)
	if err != nil {
		return nil, err
	}
	type answer struct {
		res *metricsv1.PushMetricsResponse
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		res := new(metricsv1.PushMetricsResponse)
		err := stream.RecvMsg(res)
		answered <- answer{res, err}
	}()
	next, stop := iter.Pull(batches)
	defer stop()
	for {
		select {
		case a := <-answered:
			if a.err != nil {
				return nil, a.err
			}
			return a.res, nil
		default:
		}
		batch, ok := next()
		if !ok {
			break
		}
		if err := stream.Send(&metricsv1.PushMetricsRequest{Samples: batch}); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
	}
	if ctx.Err() == nil {
		stream.CloseSend()
	}
	a := <-answered
	if a.err != nil {
		return nil, a.err
	}
	return a.res, nil
}
