package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/grpctest"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/katas/grpc/lifecycle"
	metricsv1 "github.com/example/netkata/pb/metrics/v1"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

const (
	grace   = 30 * time.Second
	service = "netkata.pods.v1.PodService"
	another = "netkata.metrics.v1.MetricsService"
	get     = "/" + service + "/GetPod"
	watch   = "/" + service + "/WatchPods"
)

// Two calls, and a minute in between (grpc-go, Server.Serve).
func TestServe(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		refused, _ := status.New(codes.NotFound, "no such pod").WithDetails(&podsv1.Pod{Name: "web-9"})
		s := start(b, grace, handlers{"three": func(_ context.Context, send func()) error {
			for range 3 {
				send()
			}
			return nil
		}, "refused": func(context.Context, func()) error { return refused.Err() }})
		c := s.dial("ann")
		c.mustGet("web-0")
		s.Pass(time.Minute)
		s.mustServe()
		if o := c.watch("three").outcome(); !o.is(codes.OK) || o.heard != 3 {
			s.Fatalf("%s\nWatchPods, whose handler sends 3 messages and returns nil,\n%s\nwant OK, messages: 3", s.title(), o)
		}
		if o := c.get("refused").outcome(); !proto.Equal(status.Convert(o.err).Proto(), refused.Proto()) {
			s.Fatalf("%s\nGetPod, whose handler returns\n%s,\nended with\n%s\nwant the handler's: code, message and details", s.title(), grpctest.Status(refused.Err()), grpctest.Status(o.err))
		}
		if n := s.registered.Load(); n != 1 {
			s.Fatalf("%s\ncalled Register %d times, want once", s.title(), n)
		}
	})
}

// What probes and balancers ask (gRPC, Health Checking).
func TestHealth(t *testing.T) {
	bubble.Run(t, 2, func(b *bubble.B) {
		s := start(b, grace, nil)
		c := s.dial("the probe")
		for _, name := range []string{"", service, another} {
			c.mustBe(name, healthv1.HealthCheckResponse_SERVING)
			w := c.watchHealth(name)
			w.mustHave(healthv1.HealthCheckResponse_SERVING)
		}
		_, err := healthv1.NewHealthClient(c.cc).Check(b.Context(), &healthv1.HealthCheckRequest{Service: "no.such.Service"})
		if status.Code(err) != codes.NotFound {
			s.Fatalf("%s\nHealth/Check of the service \"no.such.Service\" = %s\nwant NotFound: nothing of that name is registered", s.title(), grpctest.Status(err))
		}
	})
}

// What grpcurl asks (gRPC, Server Reflection Protocol).
func TestReflection(t *testing.T) {
	bubble.Run(t, 3, func(b *bubble.B) {
		s := start(b, grace, nil)
		c := s.dial("grpcurl")
		answer := c.reflect(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
		})
		var names []string
		for _, x := range answer.GetListServicesResponse().GetService() {
			names = append(names, x.GetName())
		}
		for _, want := range []string{service, another, "grpc.health.v1.Health"} {
			if !slices.Contains(names, want) {
				s.Fatalf("%s\nreflection lists %q\nwant %q among them", s.title(), names, want)
			}
		}
		answer = c.reflect(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service},
		})
		if files := fileNames(answer); !slices.Contains(files, "netkata/pods/v1/pods.proto") {
			s.Fatalf("%s\nreflection, asked for the file that %s is in, has %q\nwant netkata/pods/v1/pods.proto among them", s.title(), service, files)
		}
	})
}

// fileNames are those of the files of an answer.
func fileNames(answer *reflectionv1.ServerReflectionResponse) []string {
	var names []string
	for _, src := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		var file descriptorpb.FileDescriptorProto
		if err := proto.Unmarshal(src, &file); err != nil {
			names = append(names, err.Error())
			continue
		}
		names = append(names, file.GetName())
	}
	return names
}

// secret is what handlers panic with: not for clients.
const secret = "the password is swordfish"

// onPurpose is what is printed if nobody recovers.
const onPurpose = "rule 4: this handler panics on purpose: " + secret

// runtimeError is what a nil map or an index panics with.
type runtimeError string

func (e runtimeError) Error() string { return string(e) }
func (e runtimeError) RuntimeError() {}

// Handlers that panic (grpc-go #441).
func TestPanic(t *testing.T) {
	for _, tt := range []struct {
		why  string
		call func(c *client, name string) *call
		sent int // messages before the panic
		with any
	}{
		{"a unary one", (*client).get, 0, onPurpose},
		{"a streaming one", (*client).watch, 2, onPurpose},
		{"with an error of the runtime", (*client).get, 0, runtimeError(onPurpose)},
		{"with an error that is a status", (*client).watch, 1, status.Error(codes.NotFound, onPurpose)},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				s := start(b, grace, handlers{
					"panic": func(_ context.Context, send func()) error {
						for range tt.sent {
							send()
						}
						panic(tt.with)
					},
					"stays": untilCancelled,
				})
				other := s.dial("bob").watch("stays")
				c := s.dial("ann")
				x := tt.call(c, "panic")
				o := x.outcome()
				if !o.is(codes.Internal) || o.heard != tt.sent {
					s.Fatalf("%s\n%s, whose handler sends %d messages and panics,\n%s\nwant those messages, and Internal at once", s.title(), x.name, tt.sent, o)
				}
				st := status.Convert(o.err)
				for _, told := range []struct {
					where string
					what  any
				}{{"message of the status", st.Message()}, {"details of the status", st.Details()}, {"header", o.header}, {"trailer", o.trailer}} {
					if text := fmt.Sprint(told.what); strings.Contains(text, "swordfish") || strings.Contains(text, "goroutine ") {
						s.Fatalf("%s\n%s, whose handler panics with\n%q,\ntold the client, in the %s,\n%s\nwant no word of that: it may hold what no client shall see", s.title(), x.name, secret, told.where, cut(text, 300))
					}
				}
				other.mustGoOn("the handler of another call has panicked")
				c.mustGet("web-0")
			})
		})
	}
}

// What is logged of calls (gRPC, status codes).
func TestLog(t *testing.T) {
	took := func(d time.Duration, err error) handler {
		return func(ctx context.Context, send func()) error {
			send()
			if d > 0 {
				<-time.After(d)
			}
			send()
			return err
		}
	}
	missing := status.Error(codes.NotFound, "no such pod")
	for _, tt := range []struct {
		why    string
		call   func(c *client, name string) *call
		method string
		took   time.Duration
		err    error
		want   codes.Code
	}{
		{"a unary call", (*client).get, get, 1500 * time.Millisecond, nil, codes.OK},
		{"a unary call that fails", (*client).get, get, 0, missing, codes.NotFound},
		{"a unary call whose handler returns the error of a context", (*client).get, get, 3 * time.Second, context.DeadlineExceeded, codes.DeadlineExceeded},
		{"a unary call whose handler returns an error that is no status", (*client).get, get, 0, errors.New("disk full"), codes.Unknown},
		{"a unary call whose handler returns a status inside another error", (*client).get, get, 0, fmt.Errorf("lookup: %w", missing), codes.NotFound},
		{"a stream", (*client).watch, watch, 90 * time.Second, nil, codes.OK},
		{"a stream that fails", (*client).watch, watch, time.Second, missing, codes.NotFound},
		{"a stream whose handler returns the error of a context", (*client).watch, watch, time.Second, fmt.Errorf("backend: %w", context.Canceled), codes.Canceled},
		{"a stream whose handler returns an error that is no status", (*client).watch, watch, 0, io.EOF, codes.Unknown},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b, grace, handlers{"this": took(tt.took, tt.err)})
				c := s.dial("ann")
				x := tt.call(c, "this")
				s.Pass(tt.took)
				if o := x.outcome(); !o.is(tt.want) {
					s.Fatalf("%s\n%s, whose handler returns %v,\n%s\nwant %v", s.title(), x.name, tt.err, o, tt.want)
				}
				s.mustLog(tt.method, tt.want).mustHaveTaken(tt.took)
				c.mustGet("web-0")
				if all := s.log.calls(); len(all) != 2 {
					s.Fatalf("%s\nlogged, for two calls, lines with a \"code\" or \"method\": %d\nwant one for each", s.title(), len(all))
				}
			})
		})
	}
	t.Run("Log is nil", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			out, flags, old := log.Writer(), log.Flags(), slog.Default()
			defer func() { slog.SetDefault(old); log.SetOutput(out); log.SetFlags(flags) }()
			s := prepare(b, grace, nil)
			slog.SetDefault(slog.New(s.log))
			s.noLog = true
			s.begin(b.Context())
			s.mustServe()
			s.dial("ann").mustGet("web-0")
			s.mustLog(get, codes.OK)
		})
	})
	for _, tt := range []struct {
		why    string
		call   func(c *client, name string) *call
		method string
	}{
		{"two unary calls at once", (*client).get, get},
		{"two streams at once", (*client).watch, watch},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b, grace, handlers{"long": took(3*time.Second, nil), "short": took(time.Second, nil)})
				tt.call(s.dial("ann"), "long")
				s.Pass(time.Second)
				tt.call(s.dial("bob"), "short")
				s.Pass(time.Second)
				s.mustLog(tt.method, codes.OK).mustHaveTaken(time.Second)
				s.Pass(time.Second)
				all := s.log.calls()
				if len(all) != 2 {
					s.Fatalf("%s\nlogged, for two calls, lines with a \"code\" or \"method\": %d\nwant one for each", s.title(), len(all))
				}
				all[1].mustHaveTaken(3 * time.Second)
			})
		})
	}
	t.Run("a client that leaves", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, grace, handlers{"work": func(ctx context.Context, send func()) error {
				send()
				<-ctx.Done()
				return status.Error(codes.Aborted, "half done")
			}})
			c := s.dial("ann")
			c.watch("work")
			s.link.Note("ann leaves, and the handler returns Aborted")
			c.cc.Close()
			s.mustLog(watch, codes.Aborted)
		})
	})
	t.Run("a method that nobody has", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, grace, nil)
			c := s.dial("ann")
			var resp podsv1.GetPodResponse
			err := c.cc.Invoke(b.Context(), "/"+service+"/Nothing", &podsv1.GetPodRequest{}, &resp)
			if n := len(s.log.calls()); status.Code(err) != codes.Unimplemented || n != 0 {
				s.Fatalf("%s\nA call of a method that %s does not have\nended with %s, lines in the log: %d\nwant Unimplemented, and no line: no handler was called", s.title(), service, grpctest.Status(err), n)
			}
		})
	})
}

// What is logged of panics (runtime/debug, Stack).
func TestLogPanic(t *testing.T) {
	for _, tt := range []struct {
		why    string
		call   func(c *client, name string) *call
		method string
	}{
		{"a unary call", (*client).get, get},
		{"a stream", (*client).watch, watch},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				s := start(b, grace, handlers{"panic": func(context.Context, func()) error {
					return sink(32)
				}})
				tt.call(s.dial("ann"), "panic")
				s.mustLog(tt.method, codes.Internal)
				s.mustLogPanic(tt.method)
			})
		})
	}
}

// sink panics so many calls deep, as code that a handler uses may.
func sink(n int) error {
	if n == 0 {
		panic("rule 6: this handler panics on purpose: " + secret)
	}
	return sink(n - 1)
}

// A client that asks whether the server is still there (grpc-go #2202).
func TestPings(t *testing.T) {
	often := func(whenever bool) grpc.DialOption { // a second early, each time
		return grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 19 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: whenever})
	}
	t.Run("during a call", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := start(b, grace, handlers{"stays": untilCancelled})
			w := s.dial("ann", often(false)).watch("stays")
			s.link.Note("ann pings every 19 s")
			s.Pass(10 * time.Minute)
			w.mustGoOn("its client pings every 19 s: each of them is a second early")
		})
	})
	t.Run("between calls", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := start(b, grace, nil)
			c := s.dial("ann", often(true))
			c.mustGet("web-0")
			s.link.Note("ann pings every 19 s")
			s.Pass(25 * time.Minute)
			if n := s.link.Dialed(); n != 1 || s.link.Open() != 1 {
				s.Fatalf("%s\nA client that has no call under way pings every 19 s. After 25 minutes it has\ndialled %d times, and has %d connections open. Want 1 and 1", s.title(), n, s.link.Open())
			}
			c.mustGet("web-0")
		})
	})
}

// Clients that are quiet, and such that are no more (gRPC, Keepalive).
func TestVanished(t *testing.T) {
	t.Run("quiet", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, grace, handlers{"stays": untilCancelled})
			w := s.dial("ann").watch("stays")
			s.Pass(3 * time.Hour)
			w.mustGoOn("nothing happens on it, but its client is there")
		})
	})
	// When it goes, in the server's rhythm of asking, must not matter.
	for _, after := range []time.Duration{time.Second, 70 * time.Second, 5 * time.Minute} {
		t.Run(fmt.Sprintf("gone after %v", after), func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				const limit = 2 * time.Minute
				var gone atomic.Int64 // when, as a time.Duration; 0: it is not
				s := start(b, grace, handlers{"stays": func(ctx context.Context, send func()) error {
					send()
					<-ctx.Done()
					gone.Store(int64(b.Elapsed()))
					return status.FromContextError(ctx.Err()).Err()
				}})
				s.dial("ann").watch("stays")
				s.Pass(after)
				cut := b.Elapsed()
				s.link.Cut()
				s.Pass(limit)
				if gone.Load() > 0 {
					return
				}
				s.Pass(3 * time.Hour)
				text := "was still not done three hours later"
				if at := time.Duration(gone.Load()); at > 0 {
					text = fmt.Sprintf("was done %v later", at-cut)
				}
				s.Fatalf("%s\nThe client of a call vanished at %v. The context of its handler\n%s. Want it done within %v", s.title(), cut, text, limit)
			})
		})
	}
}

// Connections without a call, and without a word (grpc-go, ConnectionTimeout).
func TestSilent(t *testing.T) {
	bubble.Run(t, 9, func(b *bubble.B) {
		s := start(b, grace, nil)
		closed := s.connect()
		s.Pass(silence)
		if closed.Load() == 0 {
			s.Pass(time.Hour)
			s.Fatalf("%s\nA connection came at 0s, and said nothing. It was closed at %v.\nWant it closed at %v at the latest", s.title(), time.Duration(closed.Load()), silence)
		}
		s.dial("ann").mustGet("web-0")
	})
}

// silence is how long a connection may say nothing.
const silence = 10 * time.Second

// What those hear who watch the health (gRPC, Health Checking).
func TestNotServing(t *testing.T) {
	bubble.Run(t, 10, func(b *bubble.B) {
		s := start(b, grace, handlers{"work": takes(20 * time.Second)})
		s.dial("ann").get("work")
		probe := s.dial("the probe")
		for _, name := range []string{"", service, another} {
			probe.watchHealth(name).mustHave(healthv1.HealthCheckResponse_SERVING)
		}
		s.Pass(5 * time.Second)
		s.stop()
		for _, w := range probe.watches {
			w.mustHave(healthv1.HealthCheckResponse_NOT_SERVING)
		}
	})
}

// Who comes too late (grpc-go, GracefulStop).
func TestRefuse(t *testing.T) {
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, grace, nil)
			c := s.dial("ann")
			c.mustGet("web-0")
			s.Pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, 5*time.Second+close5, nil)
			c.mustBeRefused()
			s.dial("bob").mustBeRefused()
		})
	})
	t.Run("a call is under way", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, grace, handlers{"work": takes(20 * time.Second)})
			c := s.dial("ann")
			c.get("work")
			s.stop()
			if !s.ln.closed.Load() {
				s.Fatalf("%s\nctx is done, and a call is under way: lis is still open\nwant it closed at once", s.title())
			}
			c.mustBeRefused()
			s.dial("bob").mustBeRefused()
		})
	})
	t.Run("ctx is done before anything began, and a client waits", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := prepare(b, grace, nil)
			call := s.dial("ann").get("web-0")
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			s.begin(ctx)
			s.mustReturn(0, 0, nil)
			if o := call.outcome(); !o.is(codes.Unavailable) {
				s.Fatalf("%s, with a ctx that is done\nGetPod of a client that waited for its connection\n%s\nwant Unavailable: nobody is let in", s.title(), o)
			}
		})
	})
}

// close5 is how long gRPC waits for a client to close, when it has told it to go.
const close5 = 5 * time.Second

// Calls that finish in time (grpc-go, GracefulStop).
func TestGrace(t *testing.T) {
	t.Run("two calls", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b, grace, handlers{"short": takes(10 * time.Second), "long": takes(25 * time.Second)})
			short, long := s.dial("ann").get("short"), s.dial("bob").watch("long")
			s.Pass(5 * time.Second)
			s.stop()
			s.Pass(5 * time.Second)
			short.mustFinish(10 * time.Second)
			s.mustServe()
			s.Pass(15 * time.Second)
			long.mustFinish(25 * time.Second)
			s.mustReturn(25*time.Second, 25*time.Second+close5, nil)
		})
	})
	t.Run("a call that is older than Grace", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b, grace, handlers{"long": takes(89 * time.Second)})
			stream, unary := s.dial("ann").watch("long"), s.dial("bob").get("long")
			s.Pass(60 * time.Second)
			s.stop()
			s.Pass(29 * time.Second)
			stream.mustFinish(89 * time.Second)
			unary.mustFinish(89 * time.Second)
			s.mustReturn(89*time.Second, 89*time.Second+close5, nil)
		})
	})
	t.Run("ctx has a deadline", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel()
			s := prepare(b, grace, handlers{"short": takes(10 * time.Second)})
			s.begin(ctx)
			s.mustServe()
			short := s.dial("ann").get("short")
			s.Pass(10 * time.Second)
			short.mustFinish(10 * time.Second)
			s.mustReturn(10*time.Second, 10*time.Second+close5, nil)
		})
	})
}

// Calls that do not (grpc-go #2888).
func TestCut(t *testing.T) {
	for _, tt := range []struct {
		why   string
		grace time.Duration
	}{
		{"after thirty seconds", grace},
		{"after an hour", time.Hour},
		{"at once", 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				s := start(b, tt.grace, handlers{"stays": untilCancelled})
				stream, unary := s.dial("ann").watch("stays"), s.dial("bob").get("stays")
				s.Pass(5 * time.Second)
				s.stop()
				if tt.grace > 0 {
					s.Pass(tt.grace - time.Second)
					stream.mustGoOn("Grace is not over")
					unary.mustGoOn("Grace is not over")
					s.Pass(time.Second)
				}
				end := 5*time.Second + tt.grace
				stream.mustBeCut(end)
				unary.mustBeCut(end)
				s.mustReturn(end, end, nil)
			})
		})
	}
}

// A connection that says nothing, when it is time to stop (grpc-go,
// ConnectionTimeout).
func TestSilentStop(t *testing.T) {
	bubble.Run(t, 9, func(b *bubble.B) {
		s := start(b, grace, nil)
		s.connect()
		s.Pass(time.Second)
		s.stop()
		s.mustReturn(time.Second, silence, nil)
	})
}

// What is left when Serve returns (grpc-go #6921).
func TestNothingLeft(t *testing.T) {
	for _, grace := range []time.Duration{grace, 0} {
		t.Run(fmt.Sprintf("handlers that tidy up, Grace %v", grace), func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				s := start(b, grace, handlers{"three": tidiesUp(3 * time.Minute), "two": tidiesUp(2 * time.Second)})
				s.dial("ann").watch("three")
				s.dial("bob").get("two")
				s.stop()
				s.mustReturn(grace+3*time.Minute, grace+3*time.Minute, nil)
				s.mustHaveLogged(2)
			})
		})
	}
	for _, tt := range []struct {
		why  string
		call func(c *client, name string) *call
	}{
		{"a unary handler whose client has left", (*client).get},
		{"a streaming handler whose client has left", (*client).watch},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				s := start(b, grace, handlers{"deaf": func(_ context.Context, send func()) error {
					send()
					<-time.After(20 * time.Second)
					return nil
				}})
				c := s.dial("ann")
				tt.call(c, "deaf")
				s.link.Note("ann leaves")
				c.cc.Close()
				s.stop()
				s.mustReturn(20*time.Second, 20*time.Second, nil)
				s.mustHaveLogged(1)
			})
		})
	}
	t.Run("a log that is slow", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := prepare(b, grace, handlers{"work": takes(10 * time.Second)})
			s.log.slow = 2 * time.Second
			s.begin(b.Context())
			s.mustServe()
			s.dial("ann").get("work")
			s.link.Note("each line of Log takes 2 s to write")
			s.stop()
			s.mustReturn(10*time.Second, 12*time.Second+close5, nil)
			s.mustHaveLogged(1)
		})
	})
	t.Run("goroutines", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b, time.Hour, nil)
			c := s.dial("ann")
			c.mustGet("web-0")
			s.stop()
			s.mustReturn(0, close5, nil)
			c.cc.Close()
			s.MustBeQuiet()
		})
	})
}

// A listener that fails (grpc-go, Server.Serve).
func TestBroken(t *testing.T) {
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := start(b, grace, nil)
			s.Pass(5 * time.Second)
			s.ln.fail()
			s.mustReturn(5*time.Second, 5*time.Second, errBroken)
			s.MustBeQuiet() // ctx is not done, and nobody may wait for that any more
		})
	})
	t.Run("calls are under way", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := start(b, grace, handlers{"short": takes(15 * time.Second), "stays": untilCancelled})
			short, stays := s.dial("ann").get("short"), s.dial("bob").watch("stays")
			w := s.dial("the probe").watchHealth("")
			w.mustHave(healthv1.HealthCheckResponse_SERVING)
			s.Pass(5 * time.Second)
			s.ln.fail()
			w.mustHave(healthv1.HealthCheckResponse_NOT_SERVING)
			s.Pass(10 * time.Second)
			short.mustFinish(15 * time.Second)
			s.Pass(20 * time.Second)
			stays.mustBeCut(5*time.Second + grace)
			s.mustReturn(5*time.Second+grace, 5*time.Second+grace, errBroken)
			s.mustHaveLogged(2)
		})
	})
	t.Run("ctx is done a little later", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := start(b, grace, handlers{"stays": tidiesUp(time.Minute)})
			stays := s.dial("ann").watch("stays")
			s.Pass(5 * time.Second)
			s.ln.fail()
			s.Pass(5 * time.Second)
			s.stop()
			s.Pass(24 * time.Second)
			stays.mustGoOn("Grace, from when lis broke, is not over")
			s.Pass(time.Second)
			stays.mustBeCut(5*time.Second + grace)
			end := 5*time.Second + grace + time.Minute
			s.mustReturn(end, end, errBroken)
		})
	})
	t.Run("too many open files, for a moment", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := prepare(b, grace, nil)
			s.ln.full.Store(3)
			s.begin(b.Context())
			s.Pass(time.Second)
			s.mustServe()
			s.dial("ann").mustGet("web-0")
		})
	})
}

// The whole of a life, over the kernel's sockets (grpc-go, Server.Serve).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 1, func(l *loopback.L) {
		ln := l.Listen()
		ctx, cancel := context.WithCancel(l.Context())
		defer cancel()
		call := l.Go("Serve(ctx, lis, Config{…})", func() error {
			return lifecycle.Serve(ctx, ln, lifecycle.Config{
				Register: func(r grpc.ServiceRegistrar) { podsv1.RegisterPodServiceServer(r, &pods{}) },
				Grace:    loopback.Limit,
				Log:      slog.New(slog.DiscardHandler),
			})
		})
		cc, err := grpc.NewClient("passthrough:///"+ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			l.Fatalf("grpc.NewClient: %v, which is a mistake of the test", err)
		}
		l.Cleanup(func() { cc.Close() })
		patient, stop := context.WithTimeout(l.Context(), loopback.Limit)
		defer stop()
		got, err := podsv1.NewPodServiceClient(cc).GetPod(patient, &podsv1.GetPodRequest{Name: "web-0"})
		if err != nil || got.GetPod().GetName() != "web-0" {
			if call.Returned() {
				l.Fatalf("Serve(ctx, lis, Config{…})\nreturned %v while ctx is not done", call.Wait())
			}
			l.Fatalf("GetPod name:\"web-0\" over TCP = %s, %s\nwant that pod", grpctest.Text(got), grpctest.Status(err))
		}
		cancel()
		if err := call.Wait(); err != nil {
			l.Fatalf("Serve(ctx, lis, Config{…})\nreturned %v when ctx was cancelled, want nil", err)
		}
	})
}

// handler is what a call does; send sends a message if it is a stream.
type handler func(ctx context.Context, send func()) error

// handlers are known by the name that a call asks for. Others succeed at once.
type handlers map[string]handler

// takes succeeds after d, if it is not cut off.
func takes(d time.Duration) handler {
	return func(ctx context.Context, send func()) error {
		send()
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
}

// untilCancelled never succeeds.
func untilCancelled(ctx context.Context, send func()) error {
	send()
	<-ctx.Done()
	return status.FromContextError(ctx.Err()).Err()
}

// tidiesUp never succeeds, and takes d to return when it is cut off.
func tidiesUp(d time.Duration) handler {
	return func(ctx context.Context, send func()) error {
		err := untilCancelled(ctx, send)
		<-time.After(d)
		return err
	}
}

// pods is the service.
type pods struct {
	podsv1.UnimplementedPodServiceServer
	handlers handlers
	began    atomic.Int64

	mu    sync.Mutex
	ended []time.Time
}

func (p *pods) GetPod(ctx context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	if err := p.handle(ctx, req.GetName(), func() {}); err != nil {
		return nil, err
	}
	return &podsv1.GetPodResponse{Pod: &podsv1.Pod{Name: req.GetName()}}, nil
}

func (p *pods) WatchPods(req *podsv1.WatchPodsRequest, stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse]) error {
	version := int64(0)
	return p.handle(stream.Context(), req.GetNamespace(), func() {
		version++
		stream.Send(&podsv1.WatchPodsResponse{Version: version}) // the client sees what is missing
	})
}

func (p *pods) handle(ctx context.Context, name string, send func()) error {
	p.began.Add(1)
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.ended = append(p.ended, time.Now())
	}()
	if h := p.handlers[name]; h != nil {
		return h(ctx, send)
	}
	return nil
}

// server is a call of Serve.
type server struct {
	*bubble.B
	link       *grpctest.Link
	ln         *listener
	pods       *pods
	log        *recorder
	noLog      bool
	grace      time.Duration
	registered atomic.Int64 // how often Register was called

	call     *bubble.Call
	cancel   context.CancelFunc
	over     chan struct{} // closed when Serve is over
	returned time.Duration // when that was
	end      time.Time     // the same, on the clock
	began    int           // handlers that had begun then
	logged   int           // calls in the log then
}

// prepare makes what Serve needs.
func prepare(b *bubble.B, grace time.Duration, h handlers) *server {
	s := &server{B: b, link: grpctest.New(b), pods: &pods{handlers: h}, log: &recorder{}, grace: grace, over: make(chan struct{})}
	s.log.s = s
	s.ln = &listener{Listener: s.link.Listener(), s: s}
	b.Show(s.log.String)
	return s
}

// begin calls Serve.
func (s *server) begin(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	config := lifecycle.Config{
		Register: func(r grpc.ServiceRegistrar) {
			s.registered.Add(1)
			podsv1.RegisterPodServiceServer(r, s.pods)
			metricsv1.RegisterMetricsServiceServer(r, metricsv1.UnimplementedMetricsServiceServer{})
		},
		Grace: s.grace,
	}
	if !s.noLog {
		config.Log = slog.New(s.log)
	}
	s.call = s.Go(s.title(), func() error {
		defer close(s.over)
		err := lifecycle.Serve(ctx, s.ln, config)
		s.began, s.end = int(s.pods.began.Load()), time.Now()
		s.returned = s.Elapsed()
		s.logged = len(s.log.calls())
		s.link.Note("Serve returns %s", errName(err))
		return err
	})
	s.Cleanup(func() {
		s.cancel()
		s.ln.Close()
	})
	s.Wait()
}

// start calls Serve, with a context that stop cancels.
func start(b *bubble.B, grace time.Duration, h handlers) *server {
	b.T().Helper()
	s := prepare(b, grace, h)
	s.begin(b.Context())
	s.mustServe()
	return s
}

// stop tells Serve to stop, once all has happened that can.
func (s *server) stop() {
	s.Wait()
	s.link.Note("ctx is cancelled")
	s.cancel()
	s.Wait()
}

// title says how Serve was called.
func (s *server) title() string {
	if s.noLog {
		return fmt.Sprintf("Serve(ctx, lis, Config{…, Grace: %v, Log: nil})", s.grace)
	}
	return fmt.Sprintf("Serve(ctx, lis, Config{…, Grace: %v})", s.grace)
}

// connect makes a connection that says nothing, and notes when it was closed.
func (s *server) connect() (closed *atomic.Int64) {
	conn := s.link.Connect()
	s.link.Note("somebody connects, and says nothing")
	closed = new(atomic.Int64)
	s.Go("a connection that says nothing", func() error {
		io.Copy(io.Discard, conn)
		closed.Store(int64(s.Elapsed()))
		s.link.Note("that connection is closed")
		conn.Close()
		return nil
	})
	s.Wait()
	return closed
}

// isOver says whether Serve is over.
func (s *server) isOver() bool {
	s.Wait()
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// left is how many handlers were at work when Serve had returned. Which of two
// was first at one instant is chance, so those that ended at that one do not count.
func (s *server) left() int {
	s.pods.mu.Lock()
	defer s.pods.mu.Unlock()
	n := s.began
	for _, at := range s.pods.ended {
		if !at.After(s.end) {
			n--
		}
	}
	return n
}

// mustServe wants Serve not to have returned.
func (s *server) mustServe() {
	s.T().Helper()
	if !s.isOver() {
		return
	}
	why := "serve: ctx is not done"
	if n := s.left(); n > 0 {
		why = fmt.Sprintf("wait: handlers still at work: %d", n)
	}
	s.Fatalf("%s\nreturned %s at %v\nwant it to %s", s.title(), errName(s.call.Wait()), s.returned, why)
}

// mustReturn wants Serve to return that error, from then to then.
func (s *server) mustReturn(from, to time.Duration, want error) {
	s.T().Helper()
	span := fmt.Sprintf("from %v to %v", from, to)
	if from == to {
		span = fmt.Sprintf("at %v", from)
	}
	s.Pass(max(0, to-s.Elapsed()))
	var waiting string
	if !s.isOver() {
		waiting = s.Waiting()
		s.Pass(2 * time.Hour)
	}
	if !s.isOver() {
		s.Fatalf("%s\nhas not returned at %v\nwant %s %s\n\nWho waited where at %v:\n\n%s", s.title(), s.Elapsed(), errName(want), span, to, waiting)
	}
	err := s.call.Wait()
	if n := s.left(); n > 0 {
		s.Fatalf("%s\nreturned %s at %v\nwant it to wait: handlers still at work: %d", s.title(), errName(err), s.returned, n)
	}
	if s.returned < from || s.returned > to || !errors.Is(err, want) {
		s.Fatalf("%s\nreturned %s at %v\nwant     %s %s", s.title(), errName(err), s.returned, errName(want), span)
	}
}

// mustHaveLogged wants so many calls in the log, now that Serve has returned.
func (s *server) mustHaveLogged(calls int) {
	s.T().Helper()
	if n := s.logged; n != calls {
		s.Fatalf("%s\nreturned, and the lines with a \"code\" in the log were %d then\nwant %d: one for each call, also for those that were cut off", s.title(), n, calls)
	}
}

// mustLog wants one line of the only call, with that method and code.
func (s *server) mustLog(method string, code codes.Code) record {
	s.T().Helper()
	s.Wait()
	all := s.log.calls()
	if len(all) != 1 {
		s.Fatalf("%s\nlogged, for one call of %s, lines with a \"code\" or \"method\": %d\nwant one, when the call is over", s.title(), path.Base(method), len(all))
	}
	if got := all[0]; got.attrs["method"] != method || got.attrs["code"] != code.String() {
		s.Fatalf("%s\nlogged method=%q code=%q\nwant   method=%q code=%q, which is what the client got", s.title(), got.attrs["method"], got.attrs["code"], method, code)
	}
	return all[0]
}

// mustLogPanic wants a line with what the handler panicked with, and where.
func (s *server) mustLogPanic(method string) {
	s.T().Helper()
	const here = "lifecycle_test.(*pods)." // the method that gRPC calls
	text := "No line of the log has that as \"panic\"."
	for _, r := range s.log.all() {
		if !strings.Contains(r.attrs["panic"], secret) {
			continue
		}
		if strings.Contains(r.attrs["stack"], here) {
			return
		}
		if r.attrs["stack"] == "" {
			text = "The line with that as \"panic\" has no \"stack\"."
			continue
		}
		text = fmt.Sprintf("The line with that as \"panic\" has this as \"stack\":\n%s\nWant all of it, down to the handler, which is %s%s.", cut(r.attrs["stack"], 1000), here, path.Base(method))
	}
	s.Fatalf("%s\nA handler panicked with %q.\n%s", s.title(), secret, text)
}

// errBroken is how Accept fails after fail: somebody else has closed lis.
var errBroken = fmt.Errorf("the listener is broken: %w", net.ErrClosed)

// listener is what Serve is given.
type listener struct {
	net.Listener
	s      *server
	broken atomic.Bool
	closed atomic.Bool  // by Serve
	full   atomic.Int64 // how often Accept fails, for now
}

func (l *listener) Close() error {
	l.closed.Store(true)
	return l.Listener.Close()
}

func (l *listener) Accept() (net.Conn, error) {
	if l.full.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "bufconn", Err: os.NewSyscallError("accept", syscall.EMFILE)}
	}
	conn, err := l.Listener.Accept()
	if err != nil && l.broken.Load() {
		return nil, &net.OpError{Op: "accept", Net: "bufconn", Err: errBroken}
	}
	return conn, err
}

// fail makes Accept fail for good.
func (l *listener) fail() {
	l.s.Wait()
	l.s.link.Note("lis breaks")
	l.broken.Store(true)
	l.Listener.Close()
	l.s.Wait()
}

// client is one connection.
type client struct {
	s       *server
	name    string
	cc      *grpc.ClientConn
	watches []*healthWatch
}

func (s *server) dial(name string, opts ...grpc.DialOption) *client {
	return &client{s: s, name: name, cc: s.link.Dial(name, opts...)}
}

// call is one that a client makes.
type call struct {
	s    *server
	name string

	mu  sync.Mutex
	now outcome
}

// outcome is how a call goes.
type outcome struct {
	done            bool
	err             error
	at              time.Duration                              // when it was done
	heard           int                                        // messages
	header, trailer map[string][]string                        // which a metadata.MD would not print
	last            healthv1.HealthCheckResponse_ServingStatus // of a health watch
}

// begin makes a call in a goroutine.
func (c *client) begin(name string, f func(x *call) error) *call {
	x := &call{s: c.s, name: name}
	c.s.Go(c.name, func() error {
		err := f(x)
		x.note(func(o *outcome) { o.err, o.at, o.done = err, c.s.Elapsed(), true })
		return nil
	})
	c.s.Wait()
	return x
}

// note changes the outcome.
func (x *call) note(f func(o *outcome)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(&x.now)
}

// outcome is how the call stands, once all has happened that can.
func (x *call) outcome() outcome {
	x.s.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.now
}

// get calls GetPod.
func (c *client) get(name string) *call {
	return c.begin("GetPod", func(x *call) error {
		var header, trailer metadata.MD
		_, err := podsv1.NewPodServiceClient(c.cc).GetPod(c.s.Context(), &podsv1.GetPodRequest{Name: name}, grpc.Header(&header), grpc.Trailer(&trailer))
		x.note(func(o *outcome) { o.header, o.trailer = header, trailer })
		return err
	})
}

// watch calls WatchPods.
func (c *client) watch(name string) *call {
	return c.begin("WatchPods", func(x *call) error {
		stream, err := podsv1.NewPodServiceClient(c.cc).WatchPods(c.s.Context(), &podsv1.WatchPodsRequest{Namespace: name})
		for err == nil {
			if _, err = stream.Recv(); err == nil {
				x.note(func(o *outcome) { o.heard++ })
			}
		}
		if stream != nil {
			header, _ := stream.Header()
			x.note(func(o *outcome) { o.header, o.trailer = header, stream.Trailer() })
		}
		if err == io.EOF {
			return nil
		}
		return err
	})
}

// is says whether the call is over by now, with that code.
func (o outcome) is(code codes.Code) bool { return o.done && status.Code(o.err) == code }

func (o outcome) String() string {
	text := "has not ended"
	if o.done {
		text = fmt.Sprintf("ended with %v at %v", status.Code(o.err), o.at)
	}
	if o.heard > 0 {
		text += fmt.Sprintf(", messages: %d", o.heard)
	}
	if o.err != nil {
		text += fmt.Sprintf("\n(%s)", status.Convert(o.err).Message())
	}
	return text
}

// mustGoOn wants the call not to be over.
func (x *call) mustGoOn(why string) {
	x.s.T().Helper()
	if o := x.outcome(); o.done {
		x.s.Fatalf("%s\n%s %s\nwant it to go on: %s", x.s.title(), x.name, o, why)
	}
}

// mustFinish wants the call to have succeeded at that moment.
func (x *call) mustFinish(at time.Duration) {
	x.s.T().Helper()
	if o := x.outcome(); !o.is(codes.OK) || o.at != at {
		x.s.Fatalf("%s\n%s, which takes until %v,\n%s\nwant it to finish: Grace is not over", x.s.title(), x.name, at, o)
	}
}

// mustBeCut wants the call to have been cut off at that moment.
func (x *call) mustBeCut(at time.Duration) {
	x.s.T().Helper()
	if o := x.outcome(); !o.is(codes.Unavailable) || o.at != at {
		x.s.Fatalf("%s\n%s, which does not end by itself,\n%s\nwant it cut off (Unavailable) at %v, when Grace is over", x.s.title(), x.name, o, at)
	}
}

// mustGet wants GetPod to succeed at once.
func (c *client) mustGet(name string) {
	c.s.T().Helper()
	if o := c.get(name).outcome(); !o.is(codes.OK) {
		c.s.Fatalf("%s\nGetPod name:%q %s\nwant OK at once%s", c.s.title(), name, o, c.s.state())
	}
}

// mustBeRefused wants calls to fail at once, and no handler to be called.
func (c *client) mustBeRefused() {
	c.s.T().Helper()
	c.s.Wait()
	before := c.s.pods.began.Load()
	for _, x := range []*call{c.get("web-0"), c.watch("web-0")} {
		if o := x.outcome(); !o.is(codes.Unavailable) || c.s.pods.began.Load() != before {
			c.s.Fatalf("%s\nctx is done, and %s calls %s, which\n%s\nwant Unavailable at once: nobody is let in any more", c.s.title(), c.name, x.name, o)
		}
	}
}

// state says of Serve if it has returned.
func (s *server) state() string {
	if !s.isOver() {
		return ""
	}
	return fmt.Sprintf("\nServe returned %s at %v", errName(s.call.Wait()), s.returned)
}

// mustBe wants Health/Check to say that.
func (c *client) mustBe(name string, want healthv1.HealthCheckResponse_ServingStatus) {
	c.s.T().Helper()
	got, err := healthv1.NewHealthClient(c.cc).Check(c.s.Context(), &healthv1.HealthCheckRequest{Service: name})
	if err != nil || got.GetStatus() != want {
		c.s.Fatalf("%s\nHealth/Check of the service %q = %v, %s\nwant %v", c.s.title(), name, got.GetStatus(), grpctest.Status(err), want)
	}
}

// healthWatch is a call of Health/Watch.
type healthWatch struct {
	*call
	service string
}

// watchHealth calls Health/Watch.
func (c *client) watchHealth(service string) *healthWatch {
	w := &healthWatch{service: service}
	w.call = c.begin("Health/Watch", func(x *call) error {
		stream, err := healthv1.NewHealthClient(c.cc).Watch(c.s.Context(), &healthv1.HealthCheckRequest{Service: service})
		for err == nil {
			var m *healthv1.HealthCheckResponse
			if m, err = stream.Recv(); err == nil {
				x.note(func(o *outcome) { o.heard++; o.last = m.GetStatus() })
			}
		}
		return err
	})
	c.watches = append(c.watches, w)
	return w
}

// mustHave wants that to be the last that was said, by now.
func (w *healthWatch) mustHave(want healthv1.HealthCheckResponse_ServingStatus) {
	w.s.T().Helper()
	o := w.outcome()
	if o.last == want {
		return
	}
	said := "nothing"
	if o.heard > 0 {
		said = o.last.String()
	}
	if o.done {
		w.s.Fatalf("%s\nHealth/Watch of the service %q was cut off at %v, before %v came:\n%s\nThe last that it said was %s. Grace is not over: want no call cut off yet", w.s.title(), w.service, o.at, want, grpctest.Status(o.err), said)
	}
	w.s.Fatalf("%s\nThe last that Health/Watch of the service %q has said by %v is %s\nwant %v", w.s.title(), w.service, w.s.Elapsed(), said, want)
}

// reflect asks one question of the reflection service.
func (c *client) reflect(req *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
	c.s.T().Helper()
	stream, err := reflectionv1.NewServerReflectionClient(c.cc).ServerReflectionInfo(c.s.Context())
	if err == nil {
		err = stream.Send(req)
	}
	var answer *reflectionv1.ServerReflectionResponse
	if err == nil || err == io.EOF {
		answer, err = stream.Recv()
	}
	if err != nil {
		c.s.Fatalf("%s\ngrpc.reflection.v1.ServerReflection/ServerReflectionInfo = %s\nwant an answer to %s", c.s.title(), grpctest.Status(err), grpctest.Text(req))
	}
	stream.CloseSend()
	if _, err := stream.Recv(); err != io.EOF {
		c.s.Fatalf("%s\nServerReflectionInfo ended with %s after the half-close, want io.EOF", c.s.title(), grpctest.Status(err))
	}
	return answer
}

// record is a line of the log.
type record struct {
	at      time.Duration
	message string
	keys    []string // in order
	attrs   map[string]string
	took    slog.Value // "duration"
	s       *server
}

// mustHaveTaken wants that duration.
func (r record) mustHaveTaken(d time.Duration) {
	r.s.T().Helper()
	if r.took.Kind() != slog.KindDuration || r.took.Duration() != d {
		r.s.Fatalf("%s\nlogged the duration %s (slog: %v) for a call of %s that took %v\nwant %[5]v, as a time.Duration", r.s.title(), r.attrs["duration"], r.took.Kind(), path.Base(r.attrs["method"]), d)
	}
}

func (r record) String() string {
	const width, value = 76, 48
	text, line := "", fmt.Sprintf("%10v  %s", r.at, r.message)
	for _, k := range r.keys {
		word := fmt.Sprintf(" %s=%q", k, cut(r.attrs[k], value))
		if utf8.RuneCountInString(line+word) > width {
			text += line + "\n"
			line = fmt.Sprintf("%11s", "")
		}
		line += word
	}
	return text + line
}

// cut shortens a text to so many characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// recorder is a slog.Handler that keeps what was logged.
type recorder struct {
	s     *server
	slow  time.Duration // how long it takes to write a line
	attrs []slog.Attr   // of With
	group string        // of WithGroup, with a dot
	to    *recorder     // that keeps, if it is another

	mu      sync.Mutex
	records []record
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	root := r
	if r.to != nil {
		root = r.to
	}
	line := record{message: rec.Message, attrs: map[string]string{}, s: root.s}
	add := func(a slog.Attr) {
		v := a.Value.Resolve()
		if a.Key == "duration" {
			line.took = v
		}
		line.keys = append(line.keys, a.Key)
		line.attrs[a.Key] = v.String()
		if text, ok := v.Any().([]byte); ok {
			line.attrs[a.Key] = string(text)
		}
	}
	for _, a := range r.attrs {
		add(a)
	}
	rec.Attrs(func(a slog.Attr) bool {
		a.Key = r.group + a.Key
		add(a)
		return true
	})
	if root.slow > 0 {
		<-time.After(root.slow)
	}
	line.at = root.s.Elapsed()
	root.mu.Lock()
	defer root.mu.Unlock()
	root.records = append(root.records, line)
	return nil
}

func (r *recorder) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := r.derive()
	for _, a := range attrs {
		a.Key = r.group + a.Key
		with.attrs = append(with.attrs, a)
	}
	return with
}

func (r *recorder) WithGroup(name string) slog.Handler {
	with := r.derive()
	with.group += name + "."
	return with
}

// derive returns a copy, for With, that keeps nothing itself.
func (r *recorder) derive() *recorder {
	root := r
	if r.to != nil {
		root = r.to
	}
	return &recorder{to: root, attrs: slices.Clone(r.attrs), group: r.group}
}

// all returns what was logged.
func (r *recorder) all() []record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.records)
}

// calls returns the lines about calls of the service, without those of panics.
func (r *recorder) calls() []record {
	return slices.DeleteFunc(r.all(), func(x record) bool {
		_, code := x.attrs["code"]
		_, panics := x.attrs["panic"]
		_, took := x.attrs["duration"]
		own := strings.HasPrefix(x.attrs["method"], "/"+service+"/")
		return !code && !own || panics && !took || x.attrs["method"] != "" && !own
	})
}

// String is the log, for a failure.
func (r *recorder) String() string {
	all := r.all()
	if len(all) == 0 {
		return ""
	}
	text := "Log was told:"
	for _, x := range all[:min(len(all), 10)] {
		text += "\n" + x.String()
	}
	return text
}

// errName is how Go code calls an error, or else its text.
func errName(err error) string {
	switch {
	case err == nil:
		return "nil"
	case errors.Is(err, errBroken):
		return fmt.Sprintf("the error of Accept, %q", err)
	}
	return fmt.Sprintf("%q", err)
}
