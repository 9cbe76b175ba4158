package push_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/grpctest"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/katas/grpc/push"
	metricsv1 "github.com/example/netkata/pb/metrics/v1"
)

// The summary of a stream (gRPC, client streaming RPC).
func TestSummary(t *testing.T) {
	for _, tt := range []struct {
		why     string
		batches [][]*metricsv1.Sample
		want    *metricsv1.PushMetricsResponse
	}{
		{"one batch", batches(batch("cpu", 0.5, "cpu", 0.25)),
			answer(1, 2, summary("cpu", 2, 0.25, 0.5, 0.75))},
		{"one name in several batches", batches(batch("cpu", 2), batch("cpu", 8, "cpu", 1), batch("cpu", 4)),
			answer(3, 4, summary("cpu", 4, 1, 8, 15))},
		{"all below zero", batches(batch("frost", -3, "frost", -1.5)),
			answer(1, 2, summary("frost", 2, -3, -1.5, -4.5))},
		{"several names, byte by byte", batches(batch("mem", 3, "cpu", 1), batch("Cpu", 7, "é", 2), batch("mem", 5, "cpu10", 1, "cpu2", 0, "Zone", 6)),
			answer(3, 8, summary("Cpu", 1, 7, 7, 7), summary("Zone", 1, 6, 6, 6), summary("cpu", 1, 1, 1, 1), summary("cpu10", 1, 1, 1, 1),
				summary("cpu2", 1, 0, 0, 0), summary("mem", 2, 3, 5, 8), summary("é", 1, 2, 2, 2))},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				s := start(b)
				ann := s.begin("ann")
				for _, samples := range tt.batches {
					ann.mustSend(samples)
					<-time.After(time.Hour)
				}
				ann.mustGet(tt.want)
			})
		})
	}
}

// Streams and batches of nothing (protobuf, repeated fields).
func TestEmpty(t *testing.T) {
	for _, tt := range []struct {
		why     string
		batches [][]*metricsv1.Sample
		want    *metricsv1.PushMetricsResponse
	}{
		{"no batch", nil, answer(0, 0)},
		{"batches without samples", batches(nil, nil), answer(2, 0)},
		{"one of them between others", batches(batch("cpu", 1), nil, batch("cpu", 2)), answer(3, 2, summary("cpu", 2, 1, 2, 3))},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				ann := start(b).begin("ann")
				for _, samples := range tt.batches {
					ann.mustSend(samples)
				}
				ann.mustGet(tt.want)
			})
		})
	}
}

// Two streams, one beside the other and one behind it (gRPC, core concepts).
func TestApart(t *testing.T) {
	bubble.Run(t, 3, func(b *bubble.B) {
		s := start(b)
		ann, bob := s.begin("ann"), s.begin("bob")
		ann.mustSend(batch("cpu", 1, "mem", 4))
		bob.mustSend(batch("cpu", 2))
		ann.mustSend(batch("cpu", 3))
		bob.mustGet(answer(1, 1, summary("cpu", 1, 2, 2, 2)))
		ann.mustSend(batch("cpu", 5))
		ann.mustGet(answer(3, 4, summary("cpu", 3, 1, 5, 9), summary("mem", 1, 4, 4, 4)))
		refused := s.begin("ann")
		refused.mustSend(batch("cpu", 7))
		refused.send([]*metricsv1.Sample{{Name: "cpu"}}) // without time
		refused.finish()
		again := s.begin("ann")
		again.mustSend(batch("mem", 6))
		again.mustGet(answer(1, 1, summary("mem", 1, 6, 6, 6)))
	})
}

// What Store is given, and when (a rule of this house).
func TestStore(t *testing.T) {
	t.Run("one stream", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b)
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 3, "mem", 1))
			ann.mustSend(batch("cpu", 1))
			<-time.After(time.Hour)
			s.mustHaveStoredNothing("ann has sent two batches an hour ago, and her half is not closed")
			app := &metricsv1.Sample{Name: "app", Value: 2, Time: &timestamppb.Timestamp{Seconds: 1, Nanos: 999_999_999}}
			ann.mustSend([]*metricsv1.Sample{app})
			ann.mustGet(answer(3, 4, summary("app", 1, 2, 2, 2), summary("cpu", 2, 1, 3, 4), summary("mem", 1, 1, 1, 1)))
			s.mustHaveStored(append(batch("cpu", 3, "mem", 1, "cpu", 1), app))
		})
	})
	t.Run("two streams", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b)
			ann, bob := s.begin("ann"), s.begin("bob")
			ann.mustSend(batch("cpu", 1, "mem", 4))
			bob.mustSend(batch("cpu", 2))
			ann.mustSend(batch("cpu", 3))
			bob.mustAnswer()
			ann.mustAnswer()
			s.mustHaveStored(batch("cpu", 2), batch("cpu", 1, "mem", 4, "cpu", 3))
		})
	})
	for _, err := range []error{status.Error(codes.Unavailable, "not now"), errors.New("disk is full")} {
		t.Run("once, though it fails: "+err.Error(), func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				s := start(b)
				s.onStore = func(context.Context) error { return err }
				s.about = fmt.Sprintf("Store fails: it returns %q.", err)
				ann := s.begin("ann")
				ann.mustSend(batch("cpu", 1))
				ann.finish()
				s.mustHaveStored(batch("cpu", 1))
			})
		})
	}
	t.Run("it keeps them", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b)
			var kept [][]*metricsv1.Sample
			s.s.Store = func(_ context.Context, samples []*metricsv1.Sample) error {
				kept = append(kept, samples)
				return nil
			}
			for i := range 3 {
				ann := s.begin("ann")
				ann.mustSend(batch("cpu", i, "mem", 4))
				ann.mustAnswer()
			}
			b.Wait()
			if want := batches(batch("cpu", 0, "mem", 4), batch("cpu", 1, "mem", 4), batch("cpu", 2, "mem", 4)); !slices.EqualFunc(kept, want, sameSamples) {
				b.Errorf("Store was called for three streams, and kept the slices that it was given.\nAfter the last summary they hold, a line each,\n%s\nWant them as Store had them, not used for anything else:\n%s", show(kept), show(want))
			}
		})
	})
	t.Run("the summary comes after it", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b)
			early := false
			s.onStore = func(context.Context) error {
				<-time.After(30 * time.Second)
				early = s.summarySent()
				return nil
			}
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 1))
			ann.mustGet(answer(1, 1, summary("cpu", 1, 1, 1, 1)))
			if b.Elapsed() < 30*time.Second {
				b.Fatalf("Store takes 30s, and the summary came after %v.\nWant it to come when Store has returned: it says that all of it is stored.", b.Elapsed())
			}
			if early {
				b.Errorf("Store took 30s, and PushMetrics had sent the summary before it returned. A client\nthat reads each message as it comes believes it, even if Store then refuses.\nWant it sent when Store has returned: it says that all of it is stored.")
			}
		})
	})
	t.Run("its context", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b)
			done, client, limited := false, "", false
			s.onStore = func(ctx context.Context) error {
				client = caller(ctx)
				_, limited = ctx.Deadline()
				select {
				case <-ctx.Done():
					done = true
				case <-time.After(time.Hour):
				}
				return status.FromContextError(context.Canceled).Err()
			}
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 1))
			ann.stream.CloseSend()
			b.Wait()
			ann.giveUp()
			b.Wait()
			if !done {
				b.Errorf("The client has cancelled its call while Store was at work, and the context that\nStore was called with is not done. Want that of the stream.")
			}
			if client != "ann" || limited {
				b.Errorf("The client sends the metadata client=ann, and sets no deadline. In the context that Store\nwas called with: client=%q, a deadline: %t. Want that of the stream.", client, limited)
			}
			<-time.After(2 * time.Hour)
		})
	})
	t.Run("none", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b)
			s.s.Store = nil
			s.about = "Server.Store is nil."
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 1))
			ann.mustGet(answer(1, 1, summary("cpu", 1, 1, 1, 1)))
		})
	})
}

// Store returns an error (grpc/grpc-go#5155).
func TestStoreFails(t *testing.T) {
	for _, tt := range []struct {
		why string
		err error
	}{
		{"with a status", status.Error(codes.AlreadyExists, "these are there already")},
		{"with a status that has details", refuse("samples[1].value")},
		{"with a status, wrapped", fmt.Errorf("insert: %w", refuse("samples[1].value"))},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b)
				s.onStore = func(context.Context) error { return tt.err }
				s.about = fmt.Sprintf("Store returns an error %s:\n  %s", tt.why, grpctest.Status(tt.err))
				ann := s.begin("ann")
				ann.mustSend(batch("cpu", 1))
				ann.mustFail(status.Code(tt.err))
				var want interface{ GRPCStatus() *status.Status }
				if errors.As(tt.err, &want); !sameStatus(ann.finish(), want.GRPCStatus()) {
					b.Errorf("%s\nThe client got\n  %s\nWant its code, its words and its details.", s.about, grpctest.Status(ann.finish()))
				}
			})
		})
	}
	t.Run("without one", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b)
			s.onStore = func(context.Context) error { return errors.New("open /var/lib/metrics: disk is full") }
			s.about = `Store returns an error that is no status: "open /var/lib/metrics: disk is full".`
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 1))
			ann.mustFail(codes.Internal)
			if err := ann.finish(); strings.Contains(err.Error(), "/var/lib") {
				b.Errorf("%s\nThe client got %s.\nWant other words: which folders there are is not its business.", s.about, grpctest.Status(err))
			}
		})
	})
	for _, tt := range []struct {
		why string
		err error
	}{
		{"a time limit of its own", context.DeadlineExceeded},
		{"a time limit of its own, wrapped", fmt.Errorf("insert: %w", context.DeadlineExceeded)},
		{"a context of its own", context.Canceled},
		{"a context of its own, wrapped", fmt.Errorf("insert: %w", context.Canceled)},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b)
				s.onStore = func(context.Context) error { return tt.err }
				s.about = fmt.Sprintf("Store returns the error %q of a context of its own, which is no status.\nThe call goes on: neither its deadline has come nor has anybody cancelled it.", tt.err)
				ann := s.begin("ann")
				ann.mustSend(batch("cpu", 1))
				ann.mustFail(codes.Internal)
			})
		})
	}
	for _, tt := range []struct {
		why  string
		fail func(error) error
	}{
		{"its context's error", func(err error) error { return err }},
		{"its context's error, wrapped", func(err error) error { return fmt.Errorf("insert: %w", err) }},
		{"an error that has nothing of its context's", func(error) error { return errors.New("insert: interrupted") }},
	} {
		t.Run("the call's deadline comes: "+tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b)
				s.onStore = func(ctx context.Context) error {
					<-ctx.Done()
					return tt.fail(ctx.Err())
				}
				ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
				defer cancel()
				ann := s.beginWith(ctx, "ann")
				ann.mustSend(batch("cpu", 1))
				ann.stream.CloseSend()
				<-time.After(time.Minute)
				s.mustHaveEnded("ann", "ann's deadline has come while Store was at work; Store returns "+tt.why, codes.DeadlineExceeded, codes.Canceled)
			})
		})
	}
}

// The first seconds of the years 10000, which protobuf does not have, and 1, which
// it begins with.
const farFuture, farPast = 253402300800, -62135596800

// Samples that are bad, and some that look so (gRPC, status codes).
func TestBadSample(t *testing.T) {
	for _, tt := range []struct {
		why string
		bad *metricsv1.Sample
	}{
		{"no name", &metricsv1.Sample{Value: 1, Time: noon()}},
		{"NaN", &metricsv1.Sample{Name: "cpu", Value: math.NaN(), Time: noon()}},
		{"infinite", &metricsv1.Sample{Name: "cpu", Value: math.Inf(1), Time: noon()}},
		{"infinite, below zero", &metricsv1.Sample{Name: "cpu", Value: math.Inf(-1), Time: noon()}},
		{"no time", &metricsv1.Sample{Name: "cpu", Value: 1}},
		{"nanoseconds below zero", &metricsv1.Sample{Name: "cpu", Time: &timestamppb.Timestamp{Seconds: 1, Nanos: -1}}},
		{"a second of nanoseconds", &metricsv1.Sample{Name: "cpu", Time: &timestamppb.Timestamp{Nanos: 1e9}}},
		{"year 10000", &metricsv1.Sample{Name: "cpu", Time: &timestamppb.Timestamp{Seconds: farFuture}}},
		{"year 0", &metricsv1.Sample{Name: "cpu", Time: &timestamppb.Timestamp{Seconds: farPast - 1, Nanos: 999_999_999}}},
		{"nothing at all", &metricsv1.Sample{}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				s := start(b)
				ann := s.begin("ann")
				ann.mustSend(batch("cpu", 1))
				ann.send(append(batch("cpu", 2), tt.bad))
				ann.mustBeRefused(codes.InvalidArgument, fmt.Sprintf("In batch 1 is a bad sample, %q: %s", tt.why, grpctest.Text(tt.bad)))
			})
		})
	}
	t.Run("good ones", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			ann := start(b).begin("ann")
			ann.mustSend([]*metricsv1.Sample{
				{Name: "zero", Time: &timestamppb.Timestamp{}},
				{Name: " ", Value: math.MaxFloat64, Time: &timestamppb.Timestamp{Seconds: farFuture - 1, Nanos: 999_999_999}},
				{Name: "least", Value: math.SmallestNonzeroFloat64, Time: &timestamppb.Timestamp{Seconds: farPast}},
			})
			ann.mustGet(answer(1, 3, summary(" ", 1, math.MaxFloat64, math.MaxFloat64, math.MaxFloat64),
				summary("least", 1, math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64, math.SmallestNonzeroFloat64),
				summary("zero", 1, 0, 0, 0)))
		})
	})
}

// Which fields are bad, and in which batch (google.rpc.BadRequest).
func TestWhere(t *testing.T) {
	var thirty []string
	for i := range 10 {
		thirty = append(thirty, fmt.Sprintf("samples[%d].name", i), fmt.Sprintf("samples[%d].time", i), fmt.Sprintf("samples[%d].value", i))
	}
	for _, tt := range []struct {
		why    string
		good   int // batches before it, of two samples each
		batch  []*metricsv1.Sample
		fields []string
		empty  int // batches before those, of no samples
	}{
		{"the first sample of all", 0, []*metricsv1.Sample{{Name: "cpu", Value: math.NaN(), Time: noon()}}, []string{"samples[0].value"}, 0},
		{"the fourth of a batch", 2, append(batch("cpu", 1, "cpu", 2, "mem", 3), &metricsv1.Sample{Name: "cpu", Value: math.Inf(1), Time: noon()}), []string{"samples[3].value"}, 0},
		{"a name", 1, append(batch("cpu", 1), &metricsv1.Sample{Time: noon()}), []string{"samples[1].name"}, 0},
		{"a time", 3, append(batch("cpu", 1), &metricsv1.Sample{Name: "mem"}), []string{"samples[1].time"}, 0},
		{"after empty batches", 1, []*metricsv1.Sample{{Time: noon()}}, []string{"samples[0].name"}, 2},
		{"all of one sample", 1, []*metricsv1.Sample{{Value: math.NaN()}}, []string{"samples[0].name", "samples[0].time", "samples[0].value"}, 0},
		{"several samples", 12, append(append([]*metricsv1.Sample{{Name: "cpu"}}, batch("cpu", 1)...), &metricsv1.Sample{Name: "cpu", Value: math.NaN(), Time: noon()}, &metricsv1.Sample{Time: noon()}),
			[]string{"samples[0].time", "samples[2].value", "samples[3].name"}, 0},
		{"all of ten samples", 0, slices.Repeat([]*metricsv1.Sample{{Value: math.NaN()}}, 10), thirty, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				ann := start(b).begin("ann")
				for range tt.empty {
					ann.mustSend(nil)
				}
				for range tt.good {
					ann.mustSend(batch("cpu", 1, "mem", 2))
				}
				ann.send(tt.batch)
				ann.mustBeRefused(codes.InvalidArgument, "The last batch is bad")
				ann.mustName(tt.fields, tt.empty+tt.good)
			})
		})
	}
}

// Limits, and one more than them (gRPC, status codes).
func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		why                  string
		batch, stream, names int // limits
		good                 [][]*metricsv1.Sample
		more                 []*metricsv1.Sample
	}{
		{"a batch", 3, 100, 10, batches(many(3, 1), many(3, 1)), many(4, 1)},
		{"a batch that is far too large", 3, 1000, 10, batches(many(3, 1)), many(500, 1)},
		{"the first batch", 3, 100, 10, nil, many(4, 1)},
		{"a stream", 10, 25, 10, batches(many(10, 1), many(10, 1), many(5, 1), nil), many(1, 1)},
		{"a stream, in the middle of a batch", 10, 25, 10, batches(many(10, 1), many(10, 1)), many(6, 1)},
		{"names in several batches", 10, 100, 3, batches(batch("a", 1, "b", 1, "a", 2), batch("c", 1, "b", 3)), batch("a", 1, "d", 1)},
		{"names in one batch", 10, 100, 3, nil, many(4, 4)},
		{"no samples in a batch", 0, 100, 10, batches(nil), many(1, 1)},
		{"no samples in a stream", 10, 0, 10, batches(nil), many(1, 1)},
		{"no names", 10, 100, 0, batches(nil), many(1, 1)},
		{"none is set", 0, 0, 0, batches(nil), many(1, 1)},
	} {
		t.Run(tt.why, func(t *testing.T) {
			limited := func(b *bubble.B) *server {
				s := start(b)
				s.s.MaxBatch, s.s.MaxStream, s.s.MaxNames = tt.batch, tt.stream, tt.names
				s.about = fmt.Sprintf("Server{MaxBatch: %d, MaxStream: %d, MaxNames: %d}", tt.batch, tt.stream, tt.names)
				return s
			}
			samples := int64(0)
			bubble.Run(t, 8, func(b *bubble.B) {
				ann := limited(b).begin("ann")
				for _, good := range tt.good {
					ann.mustSend(good)
					samples += int64(len(good))
				}
				if got := ann.mustAnswer(); got.GetSamples() != samples {
					b.Errorf("%s\n%s. The summary is %s\nWant it to count %d samples.", ann.s.about, ann.sent(), grpctest.Text(got), samples)
				}
			})
			bubble.Run(t, 8, func(b *bubble.B) {
				ann := limited(b).begin("ann")
				for _, good := range tt.good {
					ann.mustSend(good)
				}
				ann.send(tt.more)
				ann.mustBeRefused(codes.ResourceExhausted, "The last batch is more than the limits allow")
			})
		})
	}
}

// Streams that end without a half-close (gRPC, cancellation).
func TestBrokenOff(t *testing.T) {
	t.Run("the client cancels", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b)
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 1))
			ann.mustSend(batch("mem", 1))
			ann.giveUp()
			s.mustHaveEnded("ann", "ann has cancelled her call", codes.Canceled)
			s.mustHaveStoredNothing("ann has cancelled her call, without a half-close")
		})
	})
	for i, why := range []string{"the clients' deadline comes", "the clients' deadline comes, and their cable is cut"} {
		t.Run(why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				s := start(b)
				ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
				defer cancel()
				names := strings.Fields("ann bob cid dan eve fay gus hal") // Recv says Canceled of some, DeadlineExceeded of others
				for _, name := range names {
					s.beginWith(ctx, name).mustSend(batch("cpu", 1))
				}
				if i == 1 { // nobody tells the server: it has the time itself
					s.link.Cut()
				}
				<-time.After(time.Minute)
				for _, name := range names {
					s.mustHaveEnded(name, name+"'s deadline has come", codes.DeadlineExceeded, codes.Canceled)
				}
				s.mustHaveStoredNothing("The deadline has come, without a half-close")
			})
		})
	}
	t.Run("the client closes its connection", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b)
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 1))
			ann.cc.Close()
			s.link.Note("ann closes her connection")
			s.mustHaveStoredNothing("ann has closed her connection, without a half-close")
			s.mustHaveEnded("ann", "ann has closed her connection", codes.Canceled)
		})
	})
	t.Run("the client is not there any more", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}))
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 1))
			s.link.Cut()
			<-time.After(5 * time.Minute)
			s.mustHaveStoredNothing("The cable is pulled: there was no half-close")
			s.mustHaveEnded("ann", "ann does not answer the pings of the server any more", codes.Canceled)
		})
	})
	t.Run("a message is larger than gRPC takes", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, grpc.MaxRecvMsgSize(1000))
			ann := s.begin("ann")
			ann.mustSend(batch("cpu", 1))
			ann.send(batch(strings.Repeat("x", 2000), 1))
			ann.mustBeRefused(codes.ResourceExhausted, "The last message is too large for the grpc.Server (MaxRecvMsgSize)")
			s.mustHaveEnded("ann", "A message of ann's is too large for the grpc.Server (MaxRecvMsgSize): Recv returned\nResourceExhausted", codes.ResourceExhausted)
		})
	})
}

// Batches, as Push sends them (gRPC, client streaming RPC).
func TestPush(t *testing.T) {
	t.Run("three batches", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := play(b)
			all := batches(batch("cpu", 1), batch("cpu", 2, "mem", 3), batch("disk", 4))
			s.push(func(yield func([]*metricsv1.Sample) bool) {
				for i, samples := range all {
					if !yield(samples) {
						return
					}
					<-time.After(time.Hour)
					if got := s.received(); len(got) != i+1 {
						b.Errorf("An hour after batches had yielded its batch %d, the server had received %d messages.\nWant %d: each is sent as it is drawn.", i, len(got), i+1)
					}
					if s.halfClosed() {
						b.Errorf("The half was closed after batch %d, and batches is not at its end.", i)
					}
				}
			})
			s.mustHaveReceived(all)
			s.mustReturnAnswer()
		})
	})
	for _, tt := range []struct {
		why     string
		batches [][]*metricsv1.Sample
	}{
		{"no batch", nil},
		{"empty batches", batches(nil, []*metricsv1.Sample{}, batch("cpu", 1), nil)},
		{"a long batch, as it is", batches(append([]*metricsv1.Sample{{Name: "mem", Value: math.NaN()}}, many(2000, 3)...))},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				s := play(b)
				var want [][]*metricsv1.Sample
				for _, samples := range tt.batches {
					want = append(want, clones(samples))
				}
				s.push(slices.Values(tt.batches))
				s.mustHaveReceived(want)
				s.mustReturnAnswer()
			})
		})
	}
}

// A server that does not read for a while (gRPC, flow control).
func TestSlowServer(t *testing.T) {
	bubble.Run(t, 11, func(b *bubble.B) {
		const all, size, most = 300, 8 << 10, 512 << 10
		s := play(b, grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))
		s.handle = func(stream pushStream) error {
			<-time.After(time.Hour)
			return s.readAll(stream)
		}
		keep := &keeper{}
		s.client = metricsv1.NewMetricsServiceClient(s.link.Dial("Push", grpc.WithChainStreamInterceptor(keep.intercept)))
		var drawn atomic.Int64
		samples := batch(strings.Repeat("x", size), 1)
		s.pushLater(b.Context(), func(yield func([]*metricsv1.Sample) bool) {
			for range all {
				b.Worked()
				if drawn.Add(1); !yield(samples) {
					return
				}
			}
		})
		<-time.After(time.Minute)
		b.Wait()
		if n := drawn.Load(); n*size > most {
			b.Fatalf("The server has not called Recv so far. Push has drawn %d batches of 8 KiB.\nWant it to wait after some 200 KiB, which gRPC holds: Send waits, and so does Push.", n)
		} else if sent := keep.calls.Load(); n > sent {
			b.Fatalf("The server has not called Recv so far. Push has called Send %d times, which waits now,\nand has drawn %d batches. Want none drawn while Send waits.", sent, n)
		}
		s.wait()
		if got := len(s.received()); got != all {
			b.Errorf("Then the server has read all that came: %d messages, want %d.", got, all)
		}
		s.mustReturnAnswer()
	})
}

// A server that refuses (grpc/grpc-go#1319).
func TestRefused(t *testing.T) {
	refusal := refuse("samples[1].value")
	for _, tt := range []struct {
		why     string
		read    int64 // batches, before it refuses
		refusal error
	}{
		{"the first batch", 1, refusal},
		{"the fourth batch", 4, refusal},
		{"before it has read anything", 0, refusal},
		{"for now", 2, status.Error(codes.Unavailable, "come back")},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				s := play(b)
				s.handle = func(stream pushStream) error { s.read(stream, tt.read); return tt.refusal }
				var drawn atomic.Int64
				s.push(slowly(&drawn, batch("cpu", 1)))
				s.mustReturnStatus(tt.refusal)
				s.mustHaveDrawn(&drawn, tt.read+1)
			})
		})
	}
	t.Run("while Send waits", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := play(b, grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))
			s.handle = func(pushStream) error { <-time.After(time.Minute); return refusal }
			s.push(func(yield func([]*metricsv1.Sample) bool) {
				for range 300 {
					if !yield(batch(strings.Repeat("x", 8<<10), 1)) {
						return
					}
				}
			})
			s.mustReturnStatus(refusal)
		})
	})
	t.Run("after the half-close", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := play(b)
			s.handle = func(stream pushStream) error { s.read(stream, 10); return refusal }
			s.push(slices.Values(batches(batch("cpu", 1), batch("cpu", 2))))
			s.mustReturnStatus(refusal)
		})
	})
	t.Run("there is no server", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := play(b)
			s.link.Refuse(true)
			var drawn atomic.Int64
			s.push(slowly(&drawn, batch("cpu", 1)))
			s.mustReturnCode(codes.Unavailable)
			s.mustHaveDrawn(&drawn, 1)
		})
	})
}

// A server that has enough (gRPC, client streaming RPC).
func TestEarlyAnswer(t *testing.T) {
	bubble.Run(t, 13, func(b *bubble.B) {
		s := play(b)
		s.handle = func(stream pushStream) error {
			s.read(stream, 3)
			return stream.SendAndClose(s.answer)
		}
		var drawn atomic.Int64
		s.push(slowly(&drawn, batch("cpu", 1)))
		s.mustReturnAnswer()
		s.mustHaveDrawn(&drawn, 4)
	})
}

// Batches that gRPC does not send (grpc-go, ClientStream).
func TestCannotSend(t *testing.T) {
	for _, tt := range []struct {
		why  string
		bad  []*metricsv1.Sample
		want codes.Code
	}{
		{"it is larger than the client may send", batch(strings.Repeat("x", 2000), 1), codes.ResourceExhausted},
		{"its name is no UTF-8", batch("cpu\xff", 1), codes.Internal},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				s := play(b)
				s.client = metricsv1.NewMetricsServiceClient(s.link.Dial("Push", grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1000))))
				s.about = "Send fails for the second batch: " + tt.why + "."
				s.push(slices.Values(batches(batch("cpu", 1), tt.bad, batch("cpu", 3))))
				s.mustReturnCode(tt.want)
				s.mustHaveLeft(s.returned())
				if s.halfClosed() {
					b.Errorf("%s\nThe server has read the end of the stream (io.EOF), as if that was all.\nWant the call cancelled.", s.about)
				}
			})
		})
	}
}

// Contexts that are done, and batches that end then (gRPC, cancellation).
func TestGiveUp(t *testing.T) {
	t.Run("batches cancels the context, and goes on", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := play(b)
			ctx, cancel := context.WithCancel(b.Context())
			var drawn atomic.Int64
			s.pushLater(ctx, func(yield func([]*metricsv1.Sample) bool) {
				for range 50 {
					if drawn.Add(1) == 3 {
						cancel()
						<-time.After(time.Second)
					}
					if !yield(batch("cpu", 1)) {
						return
					}
				}
			}).Wait()
			s.mustReturnCode(codes.Canceled)
			s.mustHaveDrawn(&drawn, 4)
			s.mustNotHalfClose("The context was cancelled before the third batch.")
		})
	})
	t.Run("batches cancels the context, and ends", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := play(b)
			for i := range 20 { // it may go well by chance
				s.about = fmt.Sprintf("Attempt %d of 20, all of them alike.", i+1)
				ctx, cancel := context.WithCancel(b.Context())
				s.pushLater(ctx, func(yield func([]*metricsv1.Sample) bool) {
					yield(batch("cpu", 1))
					cancel()
				}).Wait()
				s.mustReturnCode(codes.Canceled)
				s.mustNotHalfClose("batches yielded one batch, cancelled the context, because it could not go on, and ended.")
			}
		})
	})
	t.Run("the deadline comes", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := play(b)
			ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
			defer cancel()
			s.pushLater(ctx, func(yield func([]*metricsv1.Sample) bool) {
				yield(batch("cpu", 1))
				<-time.After(time.Minute)
			}).Wait()
			s.mustReturnCode(codes.DeadlineExceeded)
			s.mustNotHalfClose("The deadline came before batches was at its end.")
		})
	})
	t.Run("the deadline comes while Send waits", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := play(b, grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))
			s.handle = func(stream pushStream) error {
				<-stream.Context().Done()
				return status.FromContextError(stream.Context().Err()).Err()
			}
			ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
			defer cancel()
			s.pushLater(ctx, func(yield func([]*metricsv1.Sample) bool) {
				for range 100 {
					if !yield(batch(strings.Repeat("x", 8<<10), 1)) {
						return
					}
				}
			}).Wait()
			s.mustReturnCode(codes.DeadlineExceeded)
			if b.Elapsed() > 31*time.Second {
				b.Errorf("%s returned after %v. Want it to, when its deadline comes at 30s.", s.call, b.Elapsed())
			}
		})
	})
	t.Run("before it begins", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := play(b)
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			var drawn atomic.Int64
			s.pushLater(ctx, slowly(&drawn, batch("cpu", 1))).Wait()
			s.mustReturnCode(codes.Canceled)
			s.mustHaveDrawn(&drawn, 1)
			s.mustNotHalfClose("The context was done before Push was called.")
		})
	})
}

// What Send was given, later on (grpc/grpc-go#8186).
func TestMessages(t *testing.T) {
	bubble.Run(t, 16, func(b *bubble.B) {
		s := play(b)
		keep := &keeper{}
		s.client = metricsv1.NewMetricsServiceClient(s.link.Dial("Push", grpc.WithChainStreamInterceptor(keep.intercept)))
		all := batches(batch("cpu", 1), batch("cpu", 2, "mem", 3), batch("disk", 4))
		was := batches(batch("cpu", 1), batch("cpu", 2, "mem", 3), batch("disk", 4))
		s.push(slices.Values(all))
		s.mustHaveReceived(was)
		for i, k := range keep.sent {
			if !proto.Equal(k.msg, k.was) {
				b.Fatalf("Send was called for batch %d with\n  %s\nand when Push had returned, that message was\n  %s\nWant it never changed: who traces or counts messages may still look at it.", i, grpctest.Text(k.was), grpctest.Text(k.msg))
			}
		}
		if !slices.EqualFunc(all, was, sameSamples) {
			b.Errorf("Push has changed the batches that it drew: they are\n%s\nand were\n%s", show(all), show(was))
		}
	})
}

// What Push leaves behind (grpc-go, ClientConn.NewStream).
func TestOver(t *testing.T) {
	bubble.Run(t, 17, func(b *bubble.B) {
		s := play(b)
		func() {
			defer func() { _ = recover() }()
			s.resp, s.err = push.Push(b.Context(), s.client, func(yield func([]*metricsv1.Sample) bool) {
				yield(batch("cpu", 1))
				<-time.After(time.Second)
				panic("batches panics; the test recovers it where Push was called, and nowhere else")
			})
			b.Fatalf("%s\nIts batches panics after the first one. Want Push to panic as well.", s.returned())
		}()
		s.mustHaveLeft("batches has panicked after its first batch, and Push with it.")
		if s.halfClosed() {
			b.Errorf("batches has panicked after its first batch, and Push with it.\nThe server has read the end of the stream (io.EOF), as if that was all.\nWant the call cancelled, and no half-close.")
		}
	})
}

// Push and PushMetrics, together and at once (a rule of this house).
func TestMany(t *testing.T) {
	bubble.Run(t, 18, func(b *bubble.B) { // Push while Push waits for its batches
		s := play(b)
		s.push(func(yield func([]*metricsv1.Sample) bool) {
			got, err := push.Push(b.Context(), s.client, slices.Values(batches(batch("cpu", 1))))
			if !proto.Equal(got, s.answer) {
				b.Errorf("The batches of one call of Push call Push for another one, which returned\n%s\nWant\n%s", result(got, err), table(s.answer))
			}
			yield(batch("mem", 2))
		})
		s.mustReturnAnswer()
	})
	bubble.Run(t, 18, func(b *bubble.B) { // Store while Store is at work
		s := start(b)
		ann, bob := s.begin("ann"), s.begin("bob")
		release := make(chan struct{})
		s.onStore = func(ctx context.Context) error {
			if caller(ctx) == "ann" {
				<-release
			}
			return nil
		}
		s.about = "Store is at work for ann's stream, and is ready when bob has his summary."
		bob.mustSend(batch("mem", 2))
		ann.mustSend(batch("cpu", 1))
		ann.stream.CloseSend()
		b.Wait()
		bob.mustGet(answer(1, 1, summary("mem", 1, 2, 2, 2)))
		close(release)
		ann.mustGet(answer(1, 1, summary("cpu", 1, 1, 1, 1)))
	})
	bubble.Run(t, 18, func(b *bubble.B) {
		const clients, each = 8, 20
		s := start(b)
		s.s.MaxStream = 3 * each
		client := metricsv1.NewMetricsServiceClient(s.link.Dial("Push"))
		var calls []*bubble.Call
		var wrong sync.Once
		for i := range clients {
			name := fmt.Sprint("metric-", i)
			calls = append(calls, b.Go("Push(ctx, client, batches)", func() error {
				got, err := push.Push(b.Context(), client, func(yield func([]*metricsv1.Sample) bool) {
					for n := range each {
						if !yield(batch(name, float64(n), name, 1, "all", float64(i))) {
							return
						}
					}
				})
				want := answer(each, 3*each, summary("all", each, float64(i), float64(i), each*float64(i)), summary(name, 2*each, 0, each-1, each*(each-1)/2+each))
				if !proto.Equal(got, want) {
					wrong.Do(func() {
						b.Errorf("One of %d calls of Push to your Server at once returned\n%s\nWant\n%s", clients, result(got, err), table(want))
					})
				}
				return nil
			}))
		}
		for _, c := range calls {
			c.Wait()
		}
		if len(s.stored) != clients {
			b.Errorf("%d calls of Push to your Server at once: Store was called %d times, want %d.", clients, len(s.stored), clients)
		}
	})
}

// Both over TCP (a rule of this house).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 18, func(l *loopback.L) {
		server := grpc.NewServer()
		metricsv1.RegisterMetricsServiceServer(server, &push.Server{MaxBatch: 10, MaxStream: 100, MaxNames: 10,
			Store: func(context.Context, []*metricsv1.Sample) error { return nil }})
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			l.Fatalf("Listen: %v", err)
		}
		serving := l.Go("the server", func() error { return server.Serve(ln) })
		l.Cleanup(func() {
			server.Stop()
			serving.Wait()
		})
		cc, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			l.Fatalf("NewClient: %v", err)
		}
		l.Cleanup(func() { cc.Close() })
		client := metricsv1.NewMetricsServiceClient(cc)

		got, err := push.Push(l.Context(), client, slices.Values(batches(batch("cpu", 1), batch("mem", 2, "cpu", 3))))
		if want := answer(2, 3, summary("cpu", 2, 1, 3, 4), summary("mem", 1, 2, 2, 2)); !proto.Equal(got, want) {
			l.Errorf("Push to your Server over TCP returned\n%s\nWant\n%s", result(got, err), table(want))
		}
		endless := func(yield func([]*metricsv1.Sample) bool) {
			for yield(batch("cpu", 1)) {
			}
		}
		if got, err := push.Push(l.Context(), client, endless); status.Code(err) != codes.ResourceExhausted {
			l.Errorf("Push of endless batches to your Server over TCP returned\n%s\nWant ResourceExhausted: MaxStream is 100.", result(got, err))
		}
	})
}

type pushStream = grpc.ClientStreamingServer[metricsv1.PushMetricsRequest, metricsv1.PushMetricsResponse]

// noon is the time of samples where it does not matter.
func noon() *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
}

// batch makes samples of pairs of a name and a value.
func batch(pairs ...any) []*metricsv1.Sample {
	var samples []*metricsv1.Sample
	for i := 0; i < len(pairs); i += 2 {
		value, ok := pairs[i+1].(float64)
		if n, isInt := pairs[i+1].(int); isInt {
			value, ok = float64(n), true
		}
		if !ok {
			panic(fmt.Sprintf("a mistake of the test: %v is no number", pairs[i+1]))
		}
		samples = append(samples, &metricsv1.Sample{Name: pairs[i].(string), Value: value, Time: noon()})
	}
	return samples
}

func batches(b ...[]*metricsv1.Sample) [][]*metricsv1.Sample { return b }

// many makes n samples that share so many names.
func many(n, names int) []*metricsv1.Sample {
	var samples []*metricsv1.Sample
	for i := range n {
		samples = append(samples, batch(fmt.Sprint("name-", i%names), 1)...)
	}
	return samples
}

// slowly yields a batch each second, fifty times, and counts them.
func slowly(drawn *atomic.Int64, samples []*metricsv1.Sample) iter.Seq[[]*metricsv1.Sample] {
	return func(yield func([]*metricsv1.Sample) bool) {
		for range 50 {
			<-time.After(time.Second)
			if drawn.Add(1); !yield(samples) {
				return
			}
		}
	}
}

func answer(batches, samples int64, summaries ...*metricsv1.Summary) *metricsv1.PushMetricsResponse {
	return &metricsv1.PushMetricsResponse{Batches: batches, Samples: samples, Summaries: summaries}
}

func summary(name string, count int64, least, greatest, sum float64) *metricsv1.Summary {
	return &metricsv1.Summary{Name: name, Count: count, Min: least, Max: greatest, Sum: sum}
}

// refuse returns a status that says of a field that it is bad.
func refuse(field string) error {
	st, err := status.New(codes.InvalidArgument, "a bad sample").WithDetails(&errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: "is no finite number"}}})
	if err != nil {
		panic(err)
	}
	return st.Err()
}

// clones copies samples, so that nobody changes them.
func clones(samples []*metricsv1.Sample) []*metricsv1.Sample {
	var all []*metricsv1.Sample
	for _, sample := range samples {
		all = append(all, proto.CloneOf(sample))
	}
	return all
}

// sameStatus says whether an error has the code, the details and at least the
// words of a status.
func sameStatus(err error, want *status.Status) bool {
	got := status.Convert(err)
	return err != nil && got.Code() == want.Code() && strings.Contains(got.Message(), want.Message()) &&
		slices.EqualFunc(got.Details(), want.Details(), func(a, b any) bool { return proto.Equal(a.(proto.Message), b.(proto.Message)) })
}

func sameSamples(a, b []*metricsv1.Sample) bool {
	return slices.EqualFunc(a, b, func(a, b *metricsv1.Sample) bool { return proto.Equal(a, b) })
}

// show lists batches, one a line.
func show(all [][]*metricsv1.Sample) string {
	if len(all) == 0 {
		return "  nothing"
	}
	var lines []string
	for i, samples := range all {
		if i == 10 && len(all) > 12 {
			lines = append(lines, fmt.Sprintf("  … (%d in all)", len(all)))
			break
		}
		lines = append(lines, "  "+words(samples))
	}
	return strings.Join(lines, "\n")
}

// words is a batch in one line: cpu 0.5, mem 3.
func words(samples []*metricsv1.Sample) string {
	if len(samples) == 0 {
		return "(no samples)"
	}
	var w []string
	for i, s := range samples {
		if i == 8 && len(samples) > 9 {
			w = append(w, fmt.Sprintf("… (%d samples)", len(samples)))
			break
		}
		name := s.GetName()
		if name == "" || strings.Contains(name, " ") || !utf8.ValidString(name) {
			name = fmt.Sprintf("%q", name)
		}
		if len(name) > 30 {
			name = fmt.Sprintf("%s… (%d bytes)", name[:10], len(name))
		}
		w = append(w, fmt.Sprintf("%s %v%s", name, s.GetValue(), odd(s.GetTime())))
	}
	return strings.Join(w, ", ")
}

// odd is a time in words, if it is not noon.
func odd(t *timestamppb.Timestamp) string {
	switch {
	case t == nil:
		return " without time"
	case proto.Equal(t, noon()):
		return ""
	}
	return fmt.Sprintf(" at %ds %dns", t.GetSeconds(), t.GetNanos())
}

// server is a Server that the learner wrote, and what it did.
type server struct {
	*bubble.B
	s       *push.Server
	link    *grpctest.Link
	about   string                      // what the failures of a test begin with
	onStore func(context.Context) error // what Store does

	mu     sync.Mutex
	stored [][]*metricsv1.Sample
	sent   int              // summaries, by PushMetrics
	ends   map[string]error // of PushMetrics, by client; not there: it has not returned
}

// start starts a server whose limits are far away.
func start(b *bubble.B, opts ...grpc.ServerOption) *server {
	s := &server{B: b, link: grpctest.New(b), ends: map[string]error{}}
	s.s = &push.Server{MaxBatch: 10, MaxStream: 100, MaxNames: 10, Store: s.store}
	g := grpc.NewServer(append(opts, grpc.StreamInterceptor(s.intercept))...)
	metricsv1.RegisterMetricsServiceServer(g, s.s)
	s.link.Serve(g)
	return s
}

func (s *server) store(ctx context.Context, samples []*metricsv1.Sample) error {
	s.mu.Lock()
	if len(samples) > 0 {
		s.stored = append(s.stored, clones(samples))
	}
	s.mu.Unlock()
	s.link.Note("Store is called with %d samples", len(samples))
	if s.onStore == nil {
		return nil
	}
	return s.onStore(ctx)
}

// summarySent says whether PushMetrics has sent a summary.
func (s *server) summarySent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent > 0
}

// watched is a stream of which the server knows when a summary is sent.
type watched struct {
	grpc.ServerStream
	s *server
}

func (w watched) SendMsg(m any) error {
	w.s.mu.Lock()
	w.s.sent++
	w.s.mu.Unlock()
	return w.ServerStream.SendMsg(m)
}

// caller is who calls, by the metadata that beginWith sends.
func caller(ctx context.Context) string {
	return strings.Join(metadata.ValueFromIncomingContext(ctx, "client"), "")
}

// intercept notes when PushMetrics sends, and how it ends.
func (s *server) intercept(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	name := caller(stream.Context())
	err := s.handle(srv, watched{stream, s}, handler)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends[name] = err
	return err
}

// handle calls PushMetrics, whose panic is a failure.
func (s *server) handle(srv any, stream grpc.ServerStream, handler grpc.StreamHandler) (err error) {
	defer func() {
		if crash := recover(); crash != nil {
			s.Errorf("%sPushMetrics panicked: %v\nat %s", s.intro(), crash, learnersLine.Find(debug.Stack()))
			err = status.Error(codes.Internal, "PushMetrics panicked")
		}
	}()
	return handler(srv, stream)
}

// learnersLine is where the learner's code stands in a stack.
var learnersLine = regexp.MustCompile(`grpc/push/[a-z0-9]+\.go:\d+`)

// ended says whether PushMetrics has returned for that client, and what.
func (s *server) ended(name string) (bool, error) {
	s.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	err, ok := s.ends[name]
	return ok, err
}

// mustHaveEnded wants PushMetrics to have returned an error with one of those
// codes, for that client.
func (s *server) mustHaveEnded(name, why string, want ...codes.Code) {
	s.T().Helper()
	over, err := s.ended(name)
	switch {
	case !over:
		s.Fatalf("%s, and PushMetrics has not returned by %v. Want it to, at once.\n\n%s", why, s.Elapsed(), s.Waiting())
	case !slices.Contains(want, status.Code(err)):
		s.Fatalf("%s, and PushMetrics returned\n  %s\nWant a status that is %s, for those who log and count calls.", why, grpctest.Status(err), either(want))
	}
}

// either names codes: "DeadlineExceeded or Canceled".
func either(want []codes.Code) string {
	var names []string
	for _, c := range want {
		names = append(names, c.String())
	}
	return strings.Join(names, " or ")
}

// mustHaveStored wants Store to have been called with those samples.
func (s *server) mustHaveStored(want ...[]*metricsv1.Sample) {
	s.T().Helper()
	s.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.EqualFunc(s.stored, want, sameSamples) {
		return
	}
	s.Fatalf("%sStore was called with, a line each,\n%s\nWant\n%s", s.intro(), show(s.stored), show(want))
}

// mustHaveStoredNothing wants Store not to have been called.
func (s *server) mustHaveStoredNothing(why string) {
	s.T().Helper()
	s.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.stored) > 0 {
		s.Fatalf("%s%s, and Store was called with\n%s\nWant nothing stored: nobody can say that this is all.", s.intro(), why, show(s.stored))
	}
}

func (s *server) intro() string {
	if s.about == "" {
		return ""
	}
	return s.about + "\n"
}

// client is one call of PushMetrics.
type client struct {
	s      *server
	name   string
	cc     *grpc.ClientConn
	stream grpc.ClientStreamingClient[metricsv1.PushMetricsRequest, metricsv1.PushMetricsResponse]
	cancel context.CancelFunc
	said   [][]*metricsv1.Sample

	closed bool
	resp   *metricsv1.PushMetricsResponse
	err    error
}

func (s *server) begin(name string) *client {
	s.T().Helper()
	return s.beginWith(s.Context(), name)
}

func (s *server) beginWith(ctx context.Context, name string) *client {
	s.T().Helper()
	c := &client{s: s, name: name, cc: s.link.Dial(name)}
	ctx, c.cancel = context.WithCancel(metadata.AppendToOutgoingContext(ctx, "client", name))
	var err error
	if c.stream, err = metricsv1.NewMetricsServiceClient(c.cc).PushMetrics(ctx); err != nil {
		s.Fatalf("%s calls PushMetrics: %s", name, grpctest.Status(err))
	}
	s.mu.Lock()
	delete(s.ends, name) // of an earlier call
	s.mu.Unlock()
	s.Wait()
	return c
}

// giveUp cancels the call.
func (c *client) giveUp() {
	c.s.link.Note("%s cancels the call", c.name)
	c.cancel()
}

// sent says in words what the client has sent.
func (c *client) sent() string {
	if len(c.said) == 0 {
		return c.name + " has sent no batch,\n"
	}
	var all []string
	for i, samples := range c.said {
		if i == 4 && len(c.said) > 6 {
			all = append(all, fmt.Sprintf("  … (%d batches)", len(c.said)))
		}
		if i < 4 || i == len(c.said)-1 || len(c.said) <= 6 {
			all = append(all, fmt.Sprintf("  batch %d: %s", i, words(samples)))
		}
	}
	return c.name + " has sent\n" + strings.Join(all, "\n") + "\n"
}

// send sends a batch, and waits until it has been seen to.
func (c *client) send(samples []*metricsv1.Sample) error {
	c.said = append(c.said, samples)
	err := c.stream.Send(&metricsv1.PushMetricsRequest{Samples: samples})
	c.s.Wait()
	return err
}

// mustSend sends a batch to which the server has nothing to say.
func (c *client) mustSend(samples []*metricsv1.Sample) {
	c.s.T().Helper()
	err := c.send(samples)
	over, _ := c.s.ended(c.name)
	if err == nil && !over {
		return
	}
	got, err := c.stream.CloseAndRecv()
	if err != nil {
		c.s.Fatalf("%s%sThe call is over by then: %s.\nWant it to go on: the half is not closed.", c.s.intro(), c.sent(), grpctest.Status(err))
	}
	c.s.Fatalf("%s%sThe call is over by then: OK, with the answer\n  %s\nWant it to go on: the half is not closed.", c.s.intro(), c.sent(), grpctest.Text(got))
}

// finish closes the half, and waits for the answer.
func (c *client) finish() error {
	if !c.closed {
		c.closed = true
		c.resp, c.err = c.stream.CloseAndRecv()
		c.s.Wait()
	}
	return c.err
}

func (c *client) mustAnswer() *metricsv1.PushMetricsResponse {
	c.s.T().Helper()
	if err := c.finish(); err != nil {
		c.s.Fatalf("%s%sand closed its half. PushMetrics ended with %s.\nWant the summary.", c.s.intro(), c.sent(), grpctest.Status(err))
	}
	return c.resp
}

// mustGet wants that summary.
func (c *client) mustGet(want *metricsv1.PushMetricsResponse) {
	c.s.T().Helper()
	if got := c.mustAnswer(); !proto.Equal(got, want) {
		c.s.Fatalf("%s%sand closed its half. The summary is\n%s\nWant\n%s", c.s.intro(), c.sent(), table(got), table(want))
	}
}

// table is a summary, a name a line.
func table(r *metricsv1.PushMetricsResponse) string {
	lines := []string{fmt.Sprintf("  batches: %d, samples: %d", r.GetBatches(), r.GetSamples())}
	for _, s := range r.GetSummaries() {
		lines = append(lines, fmt.Sprintf("  %q: count %d, min %v, max %v, sum %v", s.GetName(), s.GetCount(), s.GetMin(), s.GetMax(), s.GetSum()))
	}
	return strings.Join(lines, "\n")
}

// result is what Push returned.
func result(r *metricsv1.PushMetricsResponse, err error) string {
	if err != nil {
		return "  the error " + outcome(err)
	}
	return table(r)
}

// mustFail wants that code at the end of the call.
func (c *client) mustFail(want codes.Code) {
	c.s.T().Helper()
	if err := c.finish(); status.Code(err) != want {
		c.s.Fatalf("%s%sand closed its half. PushMetrics ended with %s.\nWant %v.", c.s.intro(), c.sent(), grpctest.Status(err), want)
	}
}

// mustBeRefused wants the call to be over with that code, though its half is not
// closed, and nothing of it stored.
func (c *client) mustBeRefused(want codes.Code, why string) {
	c.s.T().Helper()
	over, _ := c.s.ended(c.name)
	err := c.finish()
	switch {
	case !over:
		c.s.Fatalf("%s%s%s.\nPushMetrics had read it, and had not returned, when the test closed the half:\nthe client would have gone on sending. Want %v at once, not at the half-close.", c.s.intro(), c.sent(), why, want)
	case status.Code(err) != want:
		c.s.Fatalf("%s%s%s.\nThe call ended with %s.\nWant %v.", c.s.intro(), c.sent(), why, grpctest.Status(err), want)
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if len(c.s.stored) > 0 {
		c.s.Fatalf("%s%s%s.\nThe call ended with %v, and Store was called with\n%s\nWant nothing of it stored.", c.s.intro(), c.sent(), why, want, show(c.s.stored))
	}
}

// mustName wants the status of a call to say what is wrong with which fields, in
// any order, and with which batch.
func (c *client) mustName(fields []string, batch int) {
	c.s.T().Helper()
	var got []string
	st := status.Convert(c.finish())
	for _, d := range st.Details() {
		for _, v := range violations(d) {
			got = append(got, v.GetField())
			if v.GetDescription() == "" {
				c.s.Fatalf("%sThe call ended with %s.\nThe violation of %s has no description. Want words that say what is wrong with it.", c.sent(), grpctest.Status(c.err), v.GetField())
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, fields) {
		c.s.Fatalf("%sThe last batch is bad. The call ended with\n  %s\nThe fields in its BadRequest are\n  %s\nWant, in any order,\n  %s", c.sent(), grpctest.Status(c.err), list(got), list(fields))
	}
	if !regexp.MustCompile(fmt.Sprintf(`\bbatch %d\b`, batch)).MatchString(st.Message()) {
		c.s.Fatalf("%sThe last batch is bad. The words of the status are\n  %q\nWant \"batch %d\" in them: which one it is, counted from 0.", c.sent(), st.Message(), batch)
	}
}

func violations(detail any) []*errdetails.BadRequest_FieldViolation {
	if bad, ok := detail.(*errdetails.BadRequest); ok {
		return bad.GetFieldViolations()
	}
	return nil
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// script is a server that does what a test says, for Push.
type script struct {
	*bubble.B
	metricsv1.UnimplementedMetricsServiceServer
	link   *grpctest.Link
	client metricsv1.MetricsServiceClient
	handle func(pushStream) error // in place of readAll
	answer *metricsv1.PushMetricsResponse
	about  string

	mu          sync.Mutex
	calls, left int
	got         [][]*metricsv1.Sample
	eof         bool

	call    string // of Push
	running *bubble.Call
	resp    *metricsv1.PushMetricsResponse
	err     error
}

// play starts a server that reads all, and sends an answer.
func play(b *bubble.B, opts ...grpc.ServerOption) *script {
	s := &script{B: b, link: grpctest.New(b), call: "Push(ctx, client, batches)"}
	s.answer = answer(77, 777, summary("said by the server", 7, 1, 2, 3)) // nobody could guess it
	g := grpc.NewServer(opts...)
	metricsv1.RegisterMetricsServiceServer(g, s)
	s.link.Serve(g)
	s.client = metricsv1.NewMetricsServiceClient(s.link.Dial("Push"))
	return s
}

func (s *script) PushMetrics(stream pushStream) error {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.left++
	}()
	if s.handle != nil {
		return s.handle(stream)
	}
	return s.readAll(stream)
}

func (s *script) readAll(stream pushStream) error {
	if err := s.read(stream, math.MaxInt64); !errors.Is(err, io.EOF) {
		return err
	}
	select { // Push has the time
	case <-stream.Context().Done():
	case <-time.After(time.Hour):
	}
	return stream.SendAndClose(s.answer)
}

// read reads n batches, or until an error, which is io.EOF at the half-close.
func (s *script) read(stream pushStream, n int64) error {
	for range n {
		req, err := stream.Recv()
		s.mu.Lock()
		if err == nil {
			s.got = append(s.got, req.GetSamples())
		}
		s.eof = s.eof || errors.Is(err, io.EOF)
		s.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *script) received() [][]*metricsv1.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func (s *script) halfClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.eof
}

// push calls Push, and waits until it returns.
func (s *script) push(batches iter.Seq[[]*metricsv1.Sample]) {
	s.pushLater(s.Context(), batches).Wait()
}

func (s *script) pushLater(ctx context.Context, batches iter.Seq[[]*metricsv1.Sample]) *bubble.Call {
	s.running = s.Go(s.call, func() error {
		s.resp, s.err = push.Push(ctx, s.client, batches)
		return nil
	})
	return s.running
}

// wait waits until Push has returned, and the server knows what there is to know.
func (s *script) wait() {
	if s.running != nil {
		s.running.Wait()
	}
	s.Wait()
}

// returned says what Push returned.
func (s *script) returned() string {
	var intro string
	if s.about != "" {
		intro = s.about + "\n"
	}
	if s.err == nil {
		return fmt.Sprintf("%s%s returned\n  %s", intro, s.call, grpctest.Text(s.resp))
	}
	return fmt.Sprintf("%s%s returned the error\n  %s", intro, s.call, outcome(s.err))
}

func outcome(err error) string {
	if _, ok := status.FromError(err); ok {
		return grpctest.Status(err)
	}
	return fmt.Sprintf("%q, which is no status", err)
}

// mustHaveReceived wants one call, with those batches, and then the half-close.
func (s *script) mustHaveReceived(want [][]*metricsv1.Sample) {
	s.T().Helper()
	s.wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.calls != 1:
		s.Fatalf("%s\nThe server was called %d times. Want one call.", s.returned(), s.calls)
	case !slices.EqualFunc(s.got, want, sameSamples):
		s.Fatalf("%s\nThe server has received, a line each,\n%s\nbatches has yielded\n%s", s.returned(), show(s.got), show(want))
	case !s.eof:
		s.Fatalf("%s\nThe server has not seen a half-close (io.EOF). Want one: that was all.", s.returned())
	}
}

// mustReturnAnswer wants Push to return what the server answered.
func (s *script) mustReturnAnswer() {
	s.T().Helper()
	if s.err != nil || !proto.Equal(s.resp, s.answer) {
		s.Fatalf("%s\nWant no error, and what the server answered:\n  %s", s.returned(), grpctest.Text(s.answer))
	}
}

// mustReturnStatus wants Push to return the status of the server.
func (s *script) mustReturnStatus(want error) {
	s.T().Helper()
	s.mu.Lock()
	calls := s.calls
	s.mu.Unlock()
	switch {
	case !sameStatus(s.err, status.Convert(want)):
		s.Fatalf("%s\nThe server has refused with\n  %s\nWant that: its code, its words and its details.", s.returned(), grpctest.Status(want))
	case calls > 1:
		s.Fatalf("%s\nThe server has refused the first call, and was called %d times. Want one call: what batches\nhas yielded so far is gone, and a second call would send the rest alone.", s.returned(), calls)
	}
}

// mustReturnCode wants an error of that code, or that of a context which says the
// same.
func (s *script) mustReturnCode(want codes.Code) {
	s.T().Helper()
	if want == codes.Canceled && errors.Is(s.err, context.Canceled) || want == codes.DeadlineExceeded && errors.Is(s.err, context.DeadlineExceeded) {
		return
	}
	if s.err == nil || status.Code(s.err) != want {
		s.Fatalf("%s\nWant an error whose status.Code is %v%s.", s.returned(), want, ofContext(want))
	}
}

// ofContext names the error of a context that says the same as a code.
func ofContext(c codes.Code) string {
	switch c {
	case codes.Canceled:
		return ", or context.Canceled"
	case codes.DeadlineExceeded:
		return ", or context.DeadlineExceeded"
	}
	return ""
}

// mustHaveDrawn wants no more batches to have been drawn than that.
func (s *script) mustHaveDrawn(drawn *atomic.Int64, most int64) {
	s.T().Helper()
	if drawn := drawn.Load(); drawn > most {
		s.Fatalf("%s\nIt has drawn %d batches. Want %d at most: there is nobody who takes them.", s.returned(), drawn, most)
	}
}

// mustNotHalfClose wants the server not to have seen a half-close.
func (s *script) mustNotHalfClose(why string) {
	s.T().Helper()
	s.wait()
	if s.halfClosed() {
		s.Fatalf("%s\n%s\nThe server has read the end of the stream (io.EOF): it takes what came for the whole,\nand stores it. Want no half-close; the call is cancelled.", why, s.returned())
	}
}

// mustHaveLeft wants the call to be over for the server, too.
func (s *script) mustHaveLeft(why string) {
	s.T().Helper()
	s.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls > s.left {
		s.Fatalf("%s\nThe server still has the call: its stream's context is not done.\nWant the call cancelled: nobody sends to it any more.", why)
	}
}

// keeper keeps what a client sends.
type keeper struct {
	sent  []sent
	calls atomic.Int64 // of Send
}

// sent is a message, and what it was when it was sent.
type sent struct{ msg, was proto.Message }

func (k *keeper) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	cs, err := open(ctx, desc, cc, method, opts...)
	return &kept{cs, k}, err
}

type kept struct {
	grpc.ClientStream
	k *keeper
}

func (c *kept) SendMsg(m any) error {
	c.k.calls.Add(1)
	if msg, ok := m.(proto.Message); ok {
		c.k.sent = append(c.k.sent, sent{msg, proto.Clone(msg)})
	}
	return c.ClientStream.SendMsg(m)
}
