package grpctest_test

import (
	"context"
	"io"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/grpctest"
	metricsv1 "github.com/example/netkata/pb/metrics/v1"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// TestMain goes where a README.md with a rule 1 is.
func TestMain(m *testing.M) {
	if err := os.Chdir("testdata"); err != nil {
		log.Fatal(err)
	}
	os.Exit(m.Run())
}

// pods answers after a minute, and watches until the client is gone.
type pods struct {
	podsv1.UnimplementedPodServiceServer
	gone chan error
}

func (p *pods) GetPod(ctx context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	select {
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-time.After(time.Minute):
		return &podsv1.GetPodResponse{Pod: &podsv1.Pod{Name: req.Name}}, nil
	}
}

func (p *pods) WatchPods(_ *podsv1.WatchPodsRequest, stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse]) error {
	if err := stream.Send(&podsv1.WatchPodsResponse{Version: 7}); err != nil {
		return err
	}
	<-stream.Context().Done()
	p.gone <- stream.Context().Err()
	return nil
}

func serve(b *bubble.B, opts ...grpc.ServerOption) (*grpctest.Link, *pods) {
	link, p := grpctest.New(b), &pods{gone: make(chan error, 1)}
	s := grpc.NewServer(opts...)
	podsv1.RegisterPodServiceServer(s, p)
	link.Serve(s)
	return link, p
}

func TestDeadline(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		link, _ := serve(b)
		client := podsv1.NewPodServiceClient(link.Dial("ann"))
		ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
		defer cancel()
		_, err := client.GetPod(ctx, &podsv1.GetPodRequest{Name: "web-0"})
		if status.Code(err) != codes.DeadlineExceeded || b.Elapsed() != 30*time.Second {
			b.Errorf("%v after %v, want DeadlineExceeded after 30s", err, b.Elapsed())
		}
		if _, err := client.GetPod(b.Context(), &podsv1.GetPodRequest{Name: "web-0"}); err != nil || b.Elapsed() != 90*time.Second {
			b.Errorf("%v after %v, want none after 1m30s", err, b.Elapsed())
		}
		if link.Dialed() != 1 || link.Open() != 1 {
			b.Errorf("%d connections dialed, %d open, want one", link.Dialed(), link.Open())
		}
	})
}

// A cable that is pulled is noticed by keepalive alone, on both sides.
func TestCut(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		link, p := serve(b, grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}))
		client := podsv1.NewPodServiceClient(link.Dial("ann",
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second})))
		stream, err := client.WatchPods(b.Context(), &podsv1.WatchPodsRequest{})
		if err != nil {
			b.Fatalf("WatchPods: %v", err)
		}
		if m, err := stream.Recv(); m.GetVersion() != 7 || err != nil {
			b.Fatalf("Recv() = %v, %v", m, err)
		}
		link.Cut()
		_, err = stream.Recv()
		if at := b.Elapsed(); status.Code(err) != codes.Unavailable || at < 40*time.Second || at > 70*time.Second {
			b.Errorf("Recv: %v after %v, want Unavailable after 40s to 70s", err, at)
		}
		if err := <-p.gone; err == nil || b.Elapsed() > 140*time.Second {
			b.Errorf("the handler ended with %v after %v", err, b.Elapsed())
		}
	})
}

func TestRefuse(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		link, _ := serve(b)
		link.Refuse(true)
		client := podsv1.NewPodServiceClient(link.Dial("ann"))
		_, err := client.GetPod(b.Context(), &podsv1.GetPodRequest{})
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "refused") {
			b.Errorf("%v, want Unavailable that says refused", err)
		}
		link.Refuse(false)
		if _, err := client.GetPod(b.Context(), &podsv1.GetPodRequest{}, grpc.WaitForReady(true)); err != nil {
			b.Errorf("%v, want none", err)
		}
	})
}

// Who connects and says nothing is heard of for as long as gRPC waits.
func TestConnect(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		link, _ := serve(b, grpc.ConnectionTimeout(30*time.Second))
		conn := link.Connect()
		if link.Dialed() != 1 || link.Open() != 1 {
			b.Errorf("%d connections dialed, %d open, want one", link.Dialed(), link.Open())
		}
		if io.Copy(io.Discard, conn); b.Elapsed() != 30*time.Second {
			b.Errorf("closed after %v, want 30s", b.Elapsed())
		}
	})
}

// A failure ends with what was said.
func TestStory(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		link, _ := serve(b)
		client := podsv1.NewPodServiceClient(link.Dial("ann"))
		client.GetPod(b.Context(), &podsv1.GetPodRequest{Namespace: "shop", Name: `a  "b"`})
		ctx, cancel := context.WithCancel(b.Context())
		stream, err := client.WatchPods(ctx, &podsv1.WatchPodsRequest{})
		if err != nil {
			b.Fatalf("WatchPods: %v", err)
		}
		stream.Recv()
		link.Note("ann leaves")
		cancel()
		if _, err := stream.Recv(); err == io.EOF {
			b.Errorf("io.EOF from a call that was cancelled")
		}
		want := `        0s  ann → GetPod namespace:"shop" name:"a  \"b\""
      1m0s  ann ← GetPod pod:{name:"a  \"b\""}
      1m0s  ann → WatchPods: the call begins
      1m0s  ann → WatchPods {}
      1m0s  ann → WatchPods half-close
      1m0s  ann ← WatchPods version:7
      1m0s  ann leaves
      1m0s  ann ← WatchPods Canceled "context canceled"`
		if got := link.Story(); got != want {
			b.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// deaf reads nothing for a minute, and then no more.
type deaf struct {
	metricsv1.UnimplementedMetricsServiceServer
}

func (deaf) PushMetrics(grpc.ClientStreamingServer[metricsv1.PushMetricsRequest, metricsv1.PushMetricsResponse]) error {
	time.Sleep(time.Minute)
	return status.Error(codes.ResourceExhausted, "enough")
}

// A Send stands where it began, and says what became of it.
func TestStorySend(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		link := grpctest.New(b)
		s := grpc.NewServer()
		metricsv1.RegisterMetricsServiceServer(s, deaf{})
		link.Serve(s)
		stream, err := metricsv1.NewMetricsServiceClient(link.Dial("ann")).PushMetrics(b.Context())
		if err != nil {
			b.Fatalf("PushMetrics: %v", err)
		}
		send := func(name string) {
			stream.Send(&metricsv1.PushMetricsRequest{Samples: []*metricsv1.Sample{{Name: name}}})
		}
		send("cpu")
		send("cpu")
		send(strings.Repeat("w", 1<<20)) // is taken, and fills what there is room for
		blocked := b.Go("Send", func() error { send("x"); return nil })
		b.Wait()
		link.Note("meanwhile")
		want := `        0s  ann → PushMetrics: the call begins
        0s  ann → PushMetrics samples:{name:"cpu"}  (2 times)
        0s  ann → PushMetrics samples:{name:"wwwwwwwwwwwwwwwwwwwwwwwwwwwwww…
        0s  ann → PushMetrics samples:{name:"x"}   (waits still)
        0s  meanwhile`
		if got := link.Story(); got != want {
			b.Errorf("got\n%s\nwant\n%s", got, want)
		}
		blocked.Wait()
		send("mem")
		want = strings.Replace(want, "(waits still)", "not sent: io.EOF", 1) + `
      1m0s  ann → PushMetrics samples:{name:"mem"}   not sent: io.EOF`
		if got := link.Story(); got != want {
			b.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

// A story that goes round in circles is not told to the end, and its end is.
func TestStoryFolds(t *testing.T) {
	for _, tt := range []struct {
		why    string
		rounds int
		want   []string
	}{
		{"short enough", 19, []string{"begin", "a", "b"}},
		{"in circles", 500, []string{"begin", "a", "b", "…  (987 lines, each like one above)", "end"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				link := grpctest.New(b)
				link.Note("begin")
				for range tt.rounds {
					link.Note("a")
					link.Note("b")
				}
				link.Note("end")
				got := link.Story()
				for _, want := range tt.want {
					if !strings.Contains(got, want) {
						b.Errorf("want %q in\n%s", want, got)
					}
				}
				all := strings.Split(got, "\n")
				if len(all) > 40 {
					b.Errorf("%d lines, want 40 at most", len(all))
				}
				if last := all[len(all)-1]; !strings.HasSuffix(last, "end") {
					b.Errorf("the last line is %q, want the end", last)
				}
			})
		})
	}
}

// One without circles is told from both ends.
func TestStoryMiddle(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		link := grpctest.New(b)
		for i := range 100 {
			link.Note("line %d", i)
		}
		all := strings.Split(link.Story(), "\n")
		if len(all) != 41 || !strings.Contains(all[12], "(60 lines)") || !strings.HasSuffix(all[13], "line 72") {
			b.Errorf("got\n%s\nwant 12 lines, then how many are left out, then 28", strings.Join(all, "\n"))
		}
	})
}
