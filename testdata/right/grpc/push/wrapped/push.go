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
	"math"
	"sort"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	metricsv1 "github.com/example/netkata/pb/metrics/v1"
)

// Server keeps its summaries sorted, and its errors wrapped.
type Server struct {
	metricsv1.UnimplementedMetricsServiceServer

	MaxBatch  int
	MaxStream int
	MaxNames  int
	Store     func(ctx context.Context, samples []*metricsv1.Sample) error
}

func (s *Server) PushMetrics(stream grpc.ClientStreamingServer[metricsv1.PushMetricsRequest, metricsv1.PushMetricsResponse]) error {
	var all []*metricsv1.Sample
	res := new(metricsv1.PushMetricsResponse)
	for {
		req := new(metricsv1.PushMetricsRequest)
		err := stream.RecvMsg(req)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("receive batch %d: %w", res.Batches, err)
		}
		bad := &errdetails.BadRequest{}
		for i, sample := range req.Samples {
			if len(req.Samples) > s.MaxBatch || len(all)+len(req.Samples) > s.MaxStream {
				return status.Error(codes.ResourceExhausted, "too many samples")
			}
			violate(bad, i, "name", sample.Name == "", "a name is needed")
			violate(bad, i, "value", !(math.Abs(sample.Value) <= math.MaxFloat64), "a number is needed")
			violate(bad, i, "time", !sample.Time.IsValid(), "a time is needed")
		}
		if len(bad.FieldViolations) > 0 {
			st := status.New(codes.InvalidArgument, fmt.Sprint("batch ", res.Batches, " is bad"))
			st, err := st.WithDetails(bad)
			if err != nil {
				return err
			}
			return st.Err()
		}
		for _, sample := range req.Samples {
			if !add(res, sample, s.MaxNames) {
				return status.Error(codes.ResourceExhausted, "too many names")
			}
		}
		all = append(all, req.Samples...)
		res.Batches++
		res.Samples += int64(len(req.Samples))
	}
	if store := s.Store; store != nil {
		if err := store(stream.Context(), all); err != nil {
			return fmt.Errorf("store: %w", hide(stream.Context(), err))
		}
	}
	return stream.SendMsg(res)
}

// hide makes a status of an error that has none.
func hide(call context.Context, err error) error {
	var st interface{ GRPCStatus() *status.Status }
	switch {
	case errors.As(err, &st):
		return err
	case errors.Is(call.Err(), context.Canceled):
		return status.Error(codes.Canceled, "canceled")
	case errors.Is(call.Err(), context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "too late")
	}
	return status.Error(codes.Internal, "try again, or tell us")
}

func violate(bad *errdetails.BadRequest, i int, field string, is bool, words string) {
	if is {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
			Field: fmt.Sprintf("samples[%d].%s", i, field), Description: words})
	}
}

// add finds the place of a name by binary search.
func add(res *metricsv1.PushMetricsResponse, sample *metricsv1.Sample, most int) bool {
	i := sort.Search(len(res.Summaries), func(i int) bool { return res.Summaries[i].Name >= sample.Name })
	if i == len(res.Summaries) || res.Summaries[i].Name != sample.Name {
		if len(res.Summaries) == most {
			return false
		}
		res.Summaries = append(res.Summaries, nil)
		copy(res.Summaries[i+1:], res.Summaries[i:])
		res.Summaries[i] = &metricsv1.Summary{Name: sample.Name, Count: 1, Min: sample.Value, Max: sample.Value, Sum: sample.Value}
		return true
	}
	old := res.Summaries[i]
	old.Count++
	old.Sum += sample.Value
	if sample.Value < old.Min {
		old.Min = sample.Value
	}
	if sample.Value > old.Max {
		old.Max = sample.Value
	}
	return true
}

// Push sends copies, asks the context before each, and wraps errors.
func Push(ctx context.Context, client metricsv1.MetricsServiceClient, batches iter.Seq[[]*metricsv1.Sample]) (*metricsv1.PushMetricsResponse, error) {
	calling, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.PushMetrics(calling)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	n := 0
	for batch := range batches {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("push: before batch %d: %w", n, ctx.Err())
		}
		req := &metricsv1.PushMetricsRequest{}
		for _, sample := range batch {
			req.Samples = append(req.Samples, proto.CloneOf(sample))
		}
		switch err := stream.Send(req); err {
		case nil:
			n++
			continue
		case io.EOF:
		default:
			return nil, fmt.Errorf("push: batch %d: %w", n, err)
		}
		break
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("push: after batch %d: %w", n, ctx.Err())
	}
	res, err := stream.CloseAndRecv()
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	return res, nil
}
