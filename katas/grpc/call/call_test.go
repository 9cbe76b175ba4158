package call_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/grpctest"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/katas/grpc/call"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// One pod, and every field of it (gRPC, core concepts).
func TestGet(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		s := start(b)
		want := &podsv1.Pod{Namespace: "shop", Name: "web-0", Phase: podsv1.Phase_PHASE_RUNNING, Node: "node-7",
			Labels: map[string]string{"app": "web"}, Version: 12}
		s.get = func(context.Context, *podsv1.GetPodRequest) (*podsv1.Pod, error) { return want, nil }
		pod, err := s.call(b.Context(), "shop", "web-0")
		if err != nil || !proto.Equal(pod, want) {
			b.Errorf("Get(ctx, \"shop\", \"web-0\") = %s, error: %v\nwant %s, no error", grpctest.Text(pod), err, grpctest.Text(want))
		}
		wanted := &podsv1.GetPodRequest{Namespace: "shop", Name: "web-0"}
		if got := s.asked(); len(got) != 1 || !proto.Equal(got[0].request, wanted) {
			b.Errorf("the server was asked for %s\nwant %s, once", texts(got), grpctest.Text(wanted))
		}
	})
}

// Nothing is dialled before there is a call (grpc, NewClient).
func TestNew(t *testing.T) {
	bubble.Run(t, 2, func(b *bubble.B) {
		s := start(b)
		b.Wait()
		if n := s.link.Dialed(); n != 0 {
			b.Errorf("New has dialled %d connections, want none before the first call", n)
		}
		if _, err := s.call(b.Context(), "shop", "web-0"); err != nil {
			b.Errorf("then, Get(ctx, \"shop\", \"web-0\") has the error %v, want none", err)
		}
	})
	bubble.Run(t, 2, func(b *bubble.B) {
		var client *call.Client
		var err error
		b.Do(func() string { return `New("…", 10s), without transport credentials` }, func() {
			client, err = call.New(grpctest.Target, 10*time.Second)
		})
		if err == nil || client != nil {
			b.Errorf("New(%q, 10s), without transport credentials, has the error %v\nwant grpc.NewClient's own, and no Client", grpctest.Target, err)
		}
		if _, own := grpc.NewClient(grpctest.Target); err != nil && !errors.Is(err, own) {
			b.Errorf("New(%q, 10s), without transport credentials, has the error\n      %v\nof which errors.Is says that it is not grpc.NewClient's own:\n      %v", grpctest.Target, err, own)
		}
	})
	bubble.Run(t, 2, func(b *bubble.B) {
		through := 0
		s := startWith(b, timeout, grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, res any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			through++
			return call(ctx, method, req, res, conn, opts...)
		}))
		if _, err := s.call(b.Context(), "shop", "web-0"); err != nil || through != 1 {
			b.Errorf("New got an option of its caller, grpc.WithUnaryInterceptor. Get(ctx, \"shop\", \"web-0\")\nhas the error %v, and went through that interceptor %s\nwant no error, and once: New's options must not replace those of its caller", err, times(through))
		}
	})
}

// Ten goroutines, a hundred calls each (gRPC performance best practices).
func TestOneConnection(t *testing.T) {
	bubble.Run(t, 3, func(b *bubble.B) {
		s := start(b)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				for range 10 {
					if _, err := s.client.Get(b.Context(), "shop", "web-0"); err != nil {
						b.Errorf("one of a hundred calls of Get has the error %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		if _, err := s.client.List(b.Context(), "shop"); err != nil {
			b.Errorf("List(ctx, \"shop\") has the error %v, want none", err)
		}
		if n := s.link.Dialed(); n != 1 {
			b.Errorf("101 calls have dialled %d connections, want 1", n)
		}
	})
	bubble.Run(t, 3, func(b *bubble.B) {
		s := start(b)
		s.final = true
		s.failTimes(1, status.Error(codes.Unavailable, "because"))
		for range 2 {
			s.call(b.Context(), "shop", "web-0")
		}
		if n := s.link.Dialed(); n != 1 {
			b.Errorf("The server answers Unavailable, then a pod: two calls have dialled %d connections\nwant 1: a server that answers is connected, and others may have calls under way", n)
		}
	})
	bubble.Run(t, 3, func(b *bubble.B) {
		s := start(b)
		answer := make(chan struct{})
		s.get = func(context.Context, *podsv1.GetPodRequest) (*podsv1.Pod, error) { <-answer; return &podsv1.Pod{}, nil }
		var all sync.WaitGroup
		for range many {
			all.Go(func() { s.client.Get(b.Context(), "shop", "web-0") })
		}
		b.Wait()
		if got := len(s.asked()); got != many {
			b.Errorf("%d goroutines call Get, and the server, which answers none yet, has got %d calls\nwant all of them: no call waits for another", many, got)
		}
		close(answer)
		all.Wait()
	})
}

// A server that does not answer, asked without a deadline (gRPC, deadlines).
func TestDeadline(t *testing.T) {
	for _, tt := range []struct {
		why     string
		timeout time.Duration // of the Client
		within  time.Duration // the caller's own deadline; 0 for none
		want    time.Duration
	}{
		{"without a deadline of the caller", timeout, 0, timeout},
		{"with an earlier one", timeout, timeout / 4, timeout / 4},
		{"with a later one", timeout, 4 * timeout, timeout},
		{"with one that has passed", timeout, -time.Second, 0},
		{"of a Client whose timeout is an hour", time.Hour, 0, time.Hour},
	} {
		for _, method := range methods {
			t.Run(method.name+" "+tt.why, func(t *testing.T) {
				bubble.Run(t, 4, func(b *bubble.B) {
					s := startWith(b, tt.timeout)
					var seen time.Duration
					s.hang(func(ctx context.Context) {
						if at, ok := ctx.Deadline(); ok {
							seen = time.Until(at)
						}
					})
					ctx := b.Context()
					if tt.within != 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, tt.within)
						defer cancel()
					}
					err := method.call(s, ctx)
					if !errors.Is(err, context.DeadlineExceeded) || b.Elapsed() != tt.want {
						b.Errorf("The server does not answer. %s %s\nreturned after %v with the error %v\nwant context.DeadlineExceeded after %v",
							method.name, tt.why, b.Elapsed(), err, tt.want)
					}
					if b.Wait(); seen > tt.want || seen < tt.want-time.Second {
						b.Errorf("%s %s: the server had %v for the call\nwant %v: it has to know when nobody waits any more", method.name, tt.why, seen, tt.want)
					}
				})
			})
		}
	}
}

// A caller who has changed its mind, before the call or during it (context,
// Context).
func TestCancel(t *testing.T) {
	for _, method := range methods {
		t.Run(method.name, func(t *testing.T) {
			for _, after := range []time.Duration{time.Second, 0} {
				bubble.Run(t, 5, func(b *bubble.B) {
					s := start(b)
					gone := make(chan error, 1)
					s.hang(func(ctx context.Context) {
						<-ctx.Done()
						gone <- ctx.Err()
					})
					ctx, cancel := context.WithCancelCause(b.Context())
					defer cancel(nil)
					stop := func() { cancel(errors.New("the caller's cause")) }
					if after == 0 {
						stop()
					} else {
						time.AfterFunc(after, stop)
					}
					err := method.call(s, ctx)
					if !errors.Is(err, context.Canceled) || errors.Is(err, call.ErrClosed) || b.Elapsed() != after {
						b.Errorf("%s was cancelled after %v, and returned after %v with the error %v\nwant context.Canceled after %v", method.name, after, b.Elapsed(), err, after)
					}
					if b.Wait(); after > 0 {
						select {
						case <-gone:
						default:
							b.Errorf("%s was cancelled, and the server still works on it: its context is not done", method.name)
						}
					}
				})
			}
		})
	}
}

// Codes that mean something to the caller, and codes that do not (gRPC, status
// codes).
func TestCodes(t *testing.T) {
	wanted := map[codes.Code]error{
		codes.NotFound:         call.ErrNotFound,
		codes.Unavailable:      call.ErrUnavailable,
		codes.DeadlineExceeded: context.DeadlineExceeded, // the server's own, long before the caller's
		codes.Canceled:         context.Canceled,         // nobody here has cancelled, but the call is
	}
	for _, code := range failures {
		for _, method := range methods {
			t.Run(method.name+" "+code.String(), func(t *testing.T) {
				bubble.Run(t, 6, func(b *bubble.B) {
					s := start(b)
					s.final = true // retries are another rule's
					s.fail(detailed(code, "because", &errdetails.RequestInfo{RequestId: "7"}))
					err := method.call(s, b.Context())
					want, one := wanted[code]
					s.mustBe(err, want, !one, method.name+", for a status "+code.String())
					s.mustHaveStatus(err, code, "because", method.name)
					if st, ok := status.FromError(err); ok && len(st.Details()) != 1 {
						b.Errorf("%s, for a status %v with a detail: status.FromError finds %d details, want 1", method.name, code, len(st.Details()))
					}
				})
			})
		}
	}
	for _, method := range methods {
		t.Run(method.name+" given up", func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				s := start(b)
				s.hang(func(context.Context) {})
				late, cancel := context.WithTimeout(b.Context(), time.Second)
				defer cancel()
				s.mustHaveStatus(method.call(s, late), codes.DeadlineExceeded, "", method.name+", whose deadline has passed,")
				ctx, cancel := context.WithCancel(b.Context())
				time.AfterFunc(time.Second, cancel)
				s.mustHaveStatus(method.call(s, ctx), codes.Canceled, "", method.name+", which was cancelled,")
			})
		})
	}
}

// What is wrong, field by field (google.rpc.BadRequest).
func TestInvalid(t *testing.T) {
	for _, tt := range []struct {
		why  string
		want map[string]string
	}{
		{"a violation", map[string]string{"name": "is empty"}},
		{"two", map[string]string{"name": "is too long", "namespace": "has a slash"}},
		{"no details", map[string]string{}},
	} {
		for _, method := range methods {
			t.Run(method.name+" "+tt.why, func(t *testing.T) {
				bubble.Run(t, 7, func(b *bubble.B) {
					s := start(b)
					s.fail(invalid(tt.want))
					err := method.call(s, b.Context())
					bad, ok := errors.AsType[*call.InvalidError](err)
					if !ok {
						b.Fatalf("%s, for a status InvalidArgument with %s, has the error %v (%T)\nwant an *InvalidError, which errors.As finds", method.name, tt.why, err, err)
					}
					if !same(bad.Violations, tt.want) {
						b.Errorf("%s: Violations is %q, want %q", method.name, bad.Violations, tt.want)
					}
					s.mustHaveStatus(err, codes.InvalidArgument, "refused", method.name)
					if !strings.Contains(bad.Error(), "refused") {
						b.Errorf("%s: the text of the *InvalidError is %q, want the server's words in it: refused", method.name, bad.Error())
					}
				})
			})
		}
	}
	for _, code := range []codes.Code{codes.AlreadyExists, codes.FailedPrecondition, codes.OutOfRange} {
		t.Run("no, "+code.String(), func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				s := start(b)
				s.fail(detailed(code, "because", violation("name", "is taken")))
				_, err := s.call(b.Context(), "shop", "web-0")
				if _, ok := errors.AsType[*call.InvalidError](err); ok {
					b.Errorf("Get, for a status %v with a BadRequest, has the error\n      %v\nin which errors.As finds an *InvalidError, want it for InvalidArgument only", code, err)
				}
			})
		})
	}
}

// A server that is away for a moment (gRPC, retry design).
func TestRetry(t *testing.T) {
	type row struct {
		why   string
		fails int // attempts that fail
		code  codes.Code
		calls int // attempts wanted
	}
	rows := []row{
		{"once", 1, codes.Unavailable, 2},
		{"three times", 3, codes.Unavailable, 4},
		{"always", 99, codes.Unavailable, 4},
	}
	for _, code := range failures {
		if code != codes.Unavailable {
			rows = append(rows, row{"once, with " + code.String(), 1, code, 1})
		}
	}
	for _, tt := range rows {
		for _, method := range methods {
			t.Run(method.name+" fails "+tt.why, func(t *testing.T) {
				bubble.Run(t, 8, func(b *bubble.B) {
					s := start(b)
					s.failTimes(tt.fails, status.Error(tt.code, "because"))
					err := method.call(s, b.Context())
					if got := len(s.asked()); got != tt.calls {
						b.Errorf("The server fails %s: %s asked it %s, %s\nwant %s", tt.why, method.name, times(got), s.when(), times(tt.calls))
					}
					s.mustPause(method.name)
					want := tt.code
					if tt.fails < tt.calls {
						want = codes.OK
					}
					if got := status.Code(err); got != want {
						b.Errorf("The server fails %s: %s has the error %v, want the code %v", tt.why, method.name, err, want)
					}
				})
			})
		}
	}
	bubble.Run(t, 8, func(b *bubble.B) {
		s := start(b)
		s.fail(status.Error(codes.Unavailable, "because"))
		for n := 1; n <= 10; n++ {
			s.call(b.Context(), "shop", "web-0")
			if got := len(s.asked()); got != 4*n {
				b.Fatalf("The server fails always. After %s of Get, it was asked %s\nwant %s: each call has four attempts, whatever became of those before it", calls(n), times(got), times(4*n))
			}
		}
	})
}

// A call that is over while it waits to ask again (gRPC, retry design).
func TestRetryPause(t *testing.T) {
	for _, method := range methods {
		for _, tt := range []struct {
			why  string
			end  func(context.Context) (context.Context, context.CancelFunc)
			want error
		}{
			{"its caller cancels", func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(soon, cancel)
				return ctx, cancel
			}, context.Canceled},
			{"its deadline passes", func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, soon)
			}, context.DeadlineExceeded},
		} {
			t.Run(method.name+", "+tt.why, func(t *testing.T) {
				bubble.Run(t, 8, func(b *bubble.B) {
					s := start(b)
					s.fail(status.Error(codes.Unavailable, "because"))
					ctx, cancel := tt.end(b.Context())
					defer cancel()
					err := method.call(s, ctx)
					if b.Elapsed() < soon && errors.Is(err, call.ErrUnavailable) {
						return // all attempts took less
					}
					if b.Elapsed() > soon || !errors.Is(err, tt.want) {
						b.Errorf("The server is Unavailable, at once and always, and after %v, between two attempts, %s.\n%s\nreturned after %v with the error\n      %v\nwant  %s, after %v: a pause is over when the call is",
							soon, tt.why, method.name, b.Elapsed(), err, errName(tt.want), soon)
					}
				})
			})
		}
	}
}

// What gRPC tells the server when it asks again (gRPC, retry design).
func TestRetryTold(t *testing.T) {
	for _, method := range methods {
		t.Run(method.name, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				s := start(b)
				s.failTimes(3, status.Error(codes.Unavailable, "because"))
				method.call(s, b.Context())
				var got []string
				for _, a := range s.asked() {
					got = append(got, strings.Join(a.metadata.Get(attempts), ","))
				}
				if want := []string{"", "1", "2", "3"}; !slices.Equal(got, want) {
					b.Errorf("The server fails three times. In the four attempts of %s,\nit got %s = %q\nwant %q: gRPC's own retries say so, and keep to what a server answers", method.name, attempts, got, want)
				}
			})
			bubble.Run(t, 8, func(b *bubble.B) {
				s := start(b)
				s.final = true
				s.fail(status.Error(codes.Unavailable, "because"))
				method.call(s, b.Context())
				if got := len(s.asked()); got != 1 {
					b.Errorf("The server fails, and says in its trailer that it wants no other attempt: %s = -1\n%s asked it %s, %s\nwant once: gRPC's own retries keep to that", pushback, method.name, times(got), s.when())
				}
			})
		})
	}
}

// Attempts take from the time of the call, not beside it (gRPC, retry design).
func TestRetryDeadline(t *testing.T) {
	for _, method := range methods {
		t.Run(method.name, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				s := start(b)
				n := 0
				s.get = func(ctx context.Context, _ *podsv1.GetPodRequest) (*podsv1.Pod, error) {
					if n++; n > 1 {
						<-ctx.Done()
					} else {
						<-time.After(timeout / 2)
					}
					return nil, status.Error(codes.Unavailable, "because")
				}
				s.list = func(ctx context.Context, _ *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
					_, err := s.get(ctx, nil)
					return nil, err
				}
				err := method.call(s, b.Context())
				if b.Elapsed() != timeout || !errors.Is(err, context.DeadlineExceeded) {
					b.Errorf("The first attempt takes %v, the second one for ever. %s\nreturned after %v with the error %v\n"+
						"want context.DeadlineExceeded after %v: the time is that of the call, not of an attempt", timeout/2, method.name, b.Elapsed(), err, timeout)
				}
			})
		})
	}
}

// Nobody listens (gRPC, connectivity semantics).
func TestRefused(t *testing.T) {
	for _, method := range methods {
		t.Run(method.name, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				s := start(b)
				s.link.Refuse(true)
				err := method.call(s, b.Context())
				s.mustBe(err, call.ErrUnavailable, false, method.name+", where connections are refused")
				if b.Elapsed() >= timeout {
					b.Errorf("%s, where connections are refused, returned after %v\nwant it to say so before its time is up: nobody has to wait for what fails at once", method.name, b.Elapsed())
				}
			})
		})
	}
}

// The same Client, after the server was away (gRPC, connectivity semantics).
func TestBack(t *testing.T) {
	bubble.Run(t, 9, func(b *bubble.B) {
		s := start(b)
		s.link.Refuse(true)
		s.client.Get(b.Context(), "shop", "web-0")
		s.link.Refuse(false)
		<-time.After(10 * time.Minute)
		if _, err := s.call(b.Context(), "shop", "web-0"); err != nil {
			b.Errorf("The server is back since 10 minutes, and Get has the error %v, want none", err)
		}
	})
}

// What the caller has put into the context goes out, and a request ID if there is
// none (grpc/metadata).
func TestMetadata(t *testing.T) {
	for _, method := range methods {
		t.Run(method.name, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				s := start(b)
				s.pages(2, 1) // what goes out with the first page goes out with all
				ctx := metadata.AppendToOutgoingContext(b.Context(), "x-team", "shop", "x-team", "ops", "authorization", "Bearer abc", "key-bin", "\x00\xff")
				carried := func(what string) {
					s.mustCarry(what, "x-team", "shop", "ops")
					s.mustCarry(what, "authorization", "Bearer abc")
					s.mustCarry(what, "key-bin", "\x00\xff")
				}
				method.call(s, ctx)
				carried(method.name)
				if ids := s.last().Get(call.RequestID); len(ids) != 1 || ids[0] == "" {
					b.Errorf("%s: the server got %s = %q, want one that is not empty", method.name, call.RequestID, ids)
				}
				if out, _ := metadata.FromOutgoingContext(ctx); len(out.Get(call.RequestID)) > 0 {
					b.Errorf("%s has changed the metadata of the caller's context: %v", method.name, out)
				}
				s.pages(1, 1) // the IDs of pages are another rule's
				method.call(s, metadata.AppendToOutgoingContext(ctx, call.RequestID, "mine"))
				s.mustCarry(method.name+", whose caller has chosen a request ID", call.RequestID, "mine")
				carried(method.name + ", whose caller has chosen a request ID")
			})
		})
	}
}

// Each call has an ID of its own, and its pages and attempts share it (W3C trace
// context has the same idea).
func TestRequestID(t *testing.T) {
	bubble.Run(t, 11, func(b *bubble.B) {
		s := start(b)
		ids := map[string]bool{}
		for range 100 {
			s.call(b.Context(), "shop", "web-0")
			for _, id := range s.last().Get(call.RequestID) {
				ids[id] = true
			}
		}
		if len(ids) != 100 {
			b.Errorf("a hundred calls of Get had %d different values of %s, want 100", len(ids), call.RequestID)
		}
	})
	bubble.Run(t, 11, func(b *bubble.B) {
		s := start(b)
		another := s.another()
		for range 10 {
			s.call(b.Context(), "shop", "web-0")
			another.Get(b.Context(), "shop", "web-0")
		}
		ids := s.ids()
		if len(ids) != 20 {
			b.Errorf("Two Clients made ten calls of Get each, with %d different values of %s\nwant 20: logs hold the calls of all clients\ngot  %q", len(ids), call.RequestID, ids)
		}
		for _, id := range ids {
			if len(id) < 8 {
				b.Fatalf("%s is %q\nwant 8 bytes at least: of so short ones, the next process makes the same", call.RequestID, id)
			}
		}
	})
	for _, method := range methods {
		t.Run("attempts of "+method.name, func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				s := start(b)
				s.failTimes(2, status.Error(codes.Unavailable, "because"))
				method.call(s, b.Context())
				if ids := s.ids(); len(ids) != 1 {
					b.Errorf("Two attempts failed, and %s asked %s in all,\nwith these values of %s: %q, want one for all", method.name, times(len(s.asked())), call.RequestID, ids)
				}
			})
		})
	}
}

// A server that asks another one: what came with the call goes on only if it is
// told to (grpc-go#6010).
func TestForward(t *testing.T) {
	for _, method := range methods {
		t.Run(method.name, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				s := start(b)
				others := []string{"authorization", "Bearer of-somebody-else", "traceparent", "00-1-1-01", "x-team", "theirs"}
				incoming := metadata.Pairs(append(others, call.RequestID, "from-afar")...)
				own := metadata.AppendToOutgoingContext(b.Context(), "x-own", "ours")
				method.call(s, metadata.NewIncomingContext(own, incoming))
				s.mustCarry(method.name+", in the handler of a call with an ID", call.RequestID, "from-afar")
				s.mustCarry(method.name+", in the handler of a call with an ID", "x-own", "ours")
				for i := 0; i < len(others); i += 2 {
					if got := s.last().Get(others[i]); len(got) > 0 {
						b.Errorf("%s, in the handler of a call, has passed on that call's %s: %q\nwant none: nobody asked for that", method.name, others[i], got)
					}
				}
				method.call(s, metadata.NewIncomingContext(own, metadata.Pairs(others...)))
				if ids := s.last().Get(call.RequestID); len(ids) != 1 || ids[0] == "from-afar" {
					b.Errorf("%s, in the handler of a call without an ID: the server got %s = %q, want a new one", method.name, call.RequestID, ids)
				}
				both := metadata.AppendToOutgoingContext(metadata.NewIncomingContext(b.Context(), incoming), call.RequestID, "mine")
				method.call(s, both)
				s.mustCarry(method.name+", with an ID of its own as well", call.RequestID, "mine")
			})
		})
	}
}

// All pages, in order, and each asked for by the token of the one before
// (AIP-158).
func TestList(t *testing.T) {
	for _, tt := range []struct {
		why         string
		pages, pods int
		emptyMiddle bool
		namespace   string
	}{
		{"one page", 1, 3, false, "shop"},
		{"no pods", 1, 0, false, "shop"},
		{"three pages", 3, 2, false, "shop"},
		{"all namespaces", 2, 2, false, ""},
		{"a page without pods, and others behind it", 3, 2, true, "shop"},
		{"two hundred pages", 200, 1, false, "shop"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				s := start(b)
				want := s.pages(tt.pages, tt.pods)
				for i, pod := range want {
					if tt.namespace == "" { // one name, two pods
						pod.Namespace, pod.Name = [...]string{"bank", "shop"}[i%2], fmt.Sprintf("web-%d", i/2)
					}
				}
				if tt.emptyMiddle {
					want = slices.Concat(want[:tt.pods], want[2*tt.pods:])
					s.hide = 1
				}
				pods, err := s.client.List(b.Context(), tt.namespace)
				if err != nil || !slices.EqualFunc(pods, want, func(x, y *podsv1.Pod) bool { return proto.Equal(x, y) }) {
					b.Errorf("%d pages of %d pods: List(ctx, %q) = %s, error: %v\nwant %s, no error", tt.pages, tt.pods, tt.namespace, names(pods), err, names(want))
				}
				for i, a := range s.asked() {
					req := a.request.(*podsv1.ListPodsRequest)
					if wanted := token(i); req.GetPageToken() != wanted || req.GetNamespace() != tt.namespace {
						b.Fatalf("page %d was asked for with %s\nwant namespace %q and page_token %q", i+1, grpctest.Text(req), tt.namespace, wanted)
					}
				}
			})
		})
	}
	t.Run("twice", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b)
			want := s.pages(3, 2)
			for _, nth := range []string{"first", "second"} {
				s.mustList(want, "List(ctx, \"shop\"), called the "+nth+" time,")
			}
		})
	})
	t.Run("several at once", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b)
			want := s.pages(20, 2)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { s.mustList(want, "List(ctx, \"shop\"), called by four goroutines at once,") })
			}
			all.Wait()
		})
	})
	t.Run("a page that fails", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b)
			s.pages(3, 2)
			pages := s.list
			s.list = func(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
				if req.GetPageToken() == token(2) {
					return nil, status.Error(codes.NotFound, "because")
				}
				return pages(ctx, req)
			}
			pods, err := s.client.List(b.Context(), "shop")
			if !errors.Is(err, call.ErrNotFound) || len(pods) > 0 {
				b.Errorf("The third page fails with NotFound. List returned %s and the error %v\nwant ErrNotFound, and no pods: nobody could tell that some are missing", names(pods), err)
			}
		})
	})
}

// Each page takes more than half of the time that there is (gRPC, deadlines).
func TestDeadlineOfList(t *testing.T) {
	bubble.Run(t, 14, func(b *bubble.B) {
		s := start(b)
		s.list = func(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
			select {
			case <-ctx.Done():
				return nil, status.FromContextError(ctx.Err()).Err()
			case <-time.After(timeout * 2 / 5):
				if len(s.asked()) == 20 {
					return &podsv1.ListPodsResponse{}, nil // enough for whoever goes on
				}
				return &podsv1.ListPodsResponse{Pods: []*podsv1.Pod{{Name: "web-0"}}, NextPageToken: req.GetPageToken() + "+"}, nil
			}
		}
		pods, err := s.client.List(b.Context(), "shop")
		if !errors.Is(err, context.DeadlineExceeded) || b.Elapsed() != timeout || len(pods) > 0 {
			b.Errorf("There are twenty pages, and each takes %v. List(ctx, \"shop\")\nreturned after %v with %d pods and the error %v\n"+
				"want none, and context.DeadlineExceeded, after %v", timeout*2/5, b.Elapsed(), len(pods), err, timeout)
		}
	})
}

// The pages of one list, and of two (grpc, metadata).
func TestRequestIDOfList(t *testing.T) {
	bubble.Run(t, 14, func(b *bubble.B) {
		s := start(b)
		want := s.pages(3, 2)
		s.mustList(want, "List(ctx, \"shop\"), called the first time,")
		if ids := s.ids(); len(s.asked()) != 3 || len(ids) != 1 {
			b.Errorf("One call of List asked %s, with these values of %s: %q\nwant 3 times, and one for all", times(len(s.asked())), call.RequestID, ids)
		}
		s.mustList(want, "List(ctx, \"shop\"), called the second time,")
		if ids := s.ids(); len(ids) != 2 {
			b.Errorf("Two calls of List had these values of %s: %q, want two", call.RequestID, ids)
		}
	})
}

// A server that gives a token twice has no last page (AIP-158).
func TestPages(t *testing.T) {
	for _, tt := range []struct {
		why  string
		next func(string) string
	}{
		{"the same token for ever", func(string) string { return "a" }},
		{"two tokens in turn", func(last string) string { return map[string]string{"": "a", "a": "b", "b": "a"}[last] }},
		{"back to the second page, from the fifth", func(last string) string {
			return map[string]string{"": "a", "a": "b", "b": "c", "c": "d", "d": "a"}[last]
		}},
		{"back to the third page, from the fifth", func(last string) string {
			return map[string]string{"": "a", "a": "b", "b": "c", "c": "d", "d": "b"}[last]
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				s := start(b)
				s.list = func(_ context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
					if len(s.asked()) > 30 {
						return nil, status.Error(codes.Aborted, "the test gives up: asked 30 times")
					}
					return &podsv1.ListPodsResponse{Pods: []*podsv1.Pod{{Name: "web-0"}}, NextPageToken: tt.next(req.GetPageToken())}, nil
				}
				pods, err := s.client.List(b.Context(), "shop")
				if !errors.Is(err, call.ErrPages) || len(pods) > 0 {
					b.Errorf("The server gives %s. After %s, List returned %s and the error %v\nwant ErrPages, and no pods", tt.why, times(len(s.asked())), names(pods), err)
				}
			})
		})
	}
}

// Calls before, during and after Close (grpc, ClientConn.Close).
func TestClose(t *testing.T) {
	for _, begun := range []bool{false, true} {
		bubble.Run(t, 16, func(b *bubble.B) {
			ends := new(ends)
			s := startWith(b, timeout, grpc.WithStatsHandler(ends))
			another := s.another()
			s.call(b.Context(), "shop", "web-0")
			answer := s.get
			s.hang(func(ctx context.Context) {
				if begun {
					grpc.SendHeader(ctx, metadata.MD{}) // such a call is not asked again
				}
			})
			var running []*bubble.Call
			for _, method := range methods {
				running = append(running, b.Go(method.name, func() error { defer ends.calls.Add(1); return method.call(s, b.Context()) }))
			}
			<-time.After(time.Second)
			for i := range 2 {
				if err := s.client.Close(); err != nil {
					b.Errorf("Close(), for the %s time, has the error %v, want none", [...]string{"first", "second"}[i], err)
				}
			}
			for i, method := range methods {
				err := running[i].Wait()
				s.mustBe(err, call.ErrClosed, false, method.name+", under way while Close is called")
				s.mustBe(method.call(s, b.Context()), call.ErrClosed, false, method.name+", after Close")
			}
			if at, most := b.Elapsed(), time.Second+pause; at > most { // a pause between two attempts may be under way
				b.Errorf("Close was called after 1s. The calls that were under way returned after %v, want %v at most", at, most)
			}
			if b.Wait(); s.link.Open() > 0 {
				b.Errorf("After Close, %d connections are open, want none", s.link.Open())
			}
			s.get = answer
			if _, err := another.Get(b.Context(), "shop", "web-0"); err != nil {
				b.Errorf("Get of another Client, which is not closed, has the error %v, want none", err)
			}
		})
	}
	bubble.Run(t, 16, func(b *bubble.B) {
		var s *setup
		s = startWith(b, timeout, grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, res any, conn *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			err := call(ctx, method, req, res, conn, opts...)
			if err == nil { // Close comes between two pages
				go s.client.Close()
				<-time.After(time.Second)
			}
			return err
		}))
		s.pages(3, 1)
		pods, err := s.client.List(b.Context(), "shop")
		s.mustBe(err, call.ErrClosed, false, `List(ctx, "shop"), between two pages of which Close was called,`)
		if len(pods) > 0 {
			b.Errorf("Close was called between two pages of List: it returned %s, want no pods", names(pods))
		}
	})
}

// Close at the same time as many calls: each has an answer, or ErrClosed.
func TestCloseRace(t *testing.T) {
	bubble.Run(t, 16, func(b *bubble.B) {
		s := start(b)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 20 {
					if _, err := s.client.Get(b.Context(), "shop", "web-0"); err != nil {
						s.mustBe(err, call.ErrClosed, false, "Get, while Close is called")
						return
					}
				}
			})
		}
		for range 3 {
			all.Go(func() {
				if err := s.client.Close(); err != nil {
					b.Errorf("Close(), of three at once, has the error %v, want none", err)
				}
			})
		}
		all.Wait()
	})
}

// Through a real connection.
func TestLoopback(t *testing.T) {
	loopback.Run(t, 1, func(l *loopback.L) {
		ln := l.Listen()
		server := grpc.NewServer()
		podsv1.RegisterPodServiceServer(server, &service{get: func(_ context.Context, req *podsv1.GetPodRequest) (*podsv1.Pod, error) {
			if req.GetName() == "web-0" {
				return &podsv1.Pod{Name: "web-0"}, nil
			}
			return nil, status.Error(codes.NotFound, "because")
		}})
		served := l.Go("the server", func() error { return server.Serve(ln) })
		client, err := call.New("passthrough:///"+ln.Addr().String(), timeout, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			l.Fatalf("New(%q, 10s, credentials) has the error %v, want none", ln.Addr(), err)
		}
		if pod, err := client.Get(l.Context(), "shop", "web-0"); err != nil || pod.GetName() != "web-0" {
			l.Errorf("Get(ctx, \"shop\", \"web-0\") = %s, error: %v\nwant name:\"web-0\", no error", grpctest.Text(pod), err)
		}
		if _, err := client.Get(l.Context(), "shop", "web-1"); !errors.Is(err, call.ErrNotFound) {
			l.Errorf("Get(ctx, \"shop\", \"web-1\") has the error %v, want ErrNotFound", err)
		}
		if err := client.Close(); err != nil {
			l.Errorf("Close() has the error %v, want none", err)
		}
		server.Stop()
		served.Wait()
	})
}

const (
	timeout  = 10 * time.Second        // of the Clients
	pause    = 1200 * time.Millisecond // at most, between two attempts: gRPC varies them by a fifth
	soon     = time.Millisecond        // after a first attempt, within the pause before the next
	many     = 101                     // calls at once
	attempts = "grpc-previous-rpc-attempts"
	pushback = "grpc-retry-pushback-ms"
)

// failures are the codes of calls that fail, but for InvalidArgument, and one
// that nobody has given a name.
var failures = []codes.Code{codes.Canceled, codes.Unknown, codes.DeadlineExceeded, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied,
	codes.ResourceExhausted, codes.FailedPrecondition, codes.Aborted, codes.OutOfRange, codes.Unimplemented, codes.Internal, codes.Unavailable,
	codes.DataLoss, codes.Unauthenticated, 42}

// methods are those of a Client that make calls.
var methods = []struct {
	name string
	call func(*setup, context.Context) error
}{
	{`Get(ctx, "shop", "web-0")`, func(s *setup, ctx context.Context) error {
		_, err := s.client.Get(ctx, "shop", "web-0")
		return err
	}},
	{`List(ctx, "shop")`, func(s *setup, ctx context.Context) error {
		_, err := s.client.List(ctx, "shop")
		return err
	}},
}

// service answers as the test says, and remembers what it was asked.
type service struct {
	podsv1.UnimplementedPodServiceServer

	get  func(context.Context, *podsv1.GetPodRequest) (*podsv1.Pod, error)
	list func(context.Context, *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error)
	hide int // of the pages, the one without pods; 0 for none

	mu    sync.Mutex
	calls []ask
	fails int // how many calls are still to fail
	err   error
	final bool // those that fail are told not to ask again
}

// ask is one call that the server got.
type ask struct {
	request  proto.Message
	metadata metadata.MD
	at       time.Time
}

func (s *service) note(ctx context.Context, req proto.Message) error {
	md, _ := metadata.FromIncomingContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, ask{req, md, time.Now()})
	if s.fails > 0 {
		s.fails--
		if s.final {
			grpc.SetTrailer(ctx, metadata.Pairs(pushback, "-1"))
		}
		return s.err
	}
	return nil
}

func (s *service) GetPod(ctx context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	if err := s.note(ctx, req); err != nil {
		return nil, err
	}
	pod, err := s.get(ctx, req)
	if err != nil {
		return nil, err
	}
	return &podsv1.GetPodResponse{Pod: pod}, nil
}

func (s *service) ListPods(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
	if err := s.note(ctx, req); err != nil {
		return nil, err
	}
	return s.list(ctx, req)
}

// ends is the last that gRPC does in its own Close. It has the calls that are
// ended return first, if nothing else holds them up.
type ends struct{ calls atomic.Int32 }

func (e *ends) HandleConn(_ context.Context, s stats.ConnStats) {
	if _, ok := s.(*stats.ConnEnd); ok {
		for range 1 << 14 {
			if e.calls.Load() < int32(len(methods)) {
				runtime.Gosched()
			}
		}
	}
}

func (*ends) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*ends) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*ends) HandleRPC(context.Context, stats.RPCStats)                         {}

// setup is a server and the learner's client of it.
type setup struct {
	*service

	b      *bubble.B
	link   *grpctest.Link
	client *call.Client
}

func start(b *bubble.B) *setup {
	b.T().Helper()
	return startWith(b, timeout)
}

func startWith(b *bubble.B, timeout time.Duration, opts ...grpc.DialOption) *setup {
	b.T().Helper()
	s := &setup{b: b, link: grpctest.New(b), service: &service{
		get: func(_ context.Context, req *podsv1.GetPodRequest) (*podsv1.Pod, error) {
			return &podsv1.Pod{Namespace: req.GetNamespace(), Name: req.GetName()}, nil
		},
		list: func(context.Context, *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
			return &podsv1.ListPodsResponse{}, nil
		},
	}}
	server := grpc.NewServer()
	podsv1.RegisterPodServiceServer(server, s.service)
	s.link.Serve(server)
	var err error
	b.Do(func() string { return fmt.Sprintf("New(…, %v, …)", timeout) }, func() {
		s.client, err = call.New(grpctest.Target, timeout, append(s.link.Options("you"), opts...)...)
	})
	if err != nil || s.client == nil {
		b.Fatalf("New(%q, %v, credentials and a dialer)\nhas the error %v, want a Client and none", grpctest.Target, timeout, err)
	}
	b.Cleanup(func() {
		s.client.Close()
		if b.Wait(); s.link.Open() > 0 {
			b.Errorf("The test is over and Close was called, but a connection is still open: see rule 16")
		}
	})
	return s
}

func (s *setup) call(ctx context.Context, namespace, name string) (*podsv1.Pod, error) {
	return s.client.Get(ctx, namespace, name)
}

// another returns a second Client of the server.
func (s *setup) another() *call.Client {
	s.b.T().Helper()
	client, err := call.New(grpctest.Target, timeout, s.link.Options("another")...)
	if err != nil {
		s.b.Fatalf("New(%q, 10s, credentials and a dialer), for the second time,\nhas the error %v, want a Client and none", grpctest.Target, err)
	}
	s.b.Cleanup(func() { client.Close() })
	return client
}

// mustList wants those pods of List, which what says how it is called.
func (s *setup) mustList(want []*podsv1.Pod, what string) {
	s.b.T().Helper()
	pods, err := s.client.List(s.b.Context(), "shop")
	if err != nil || !slices.EqualFunc(pods, want, func(x, y *podsv1.Pod) bool { return proto.Equal(x, y) }) {
		s.b.Errorf("%s\nreturned %s and the error %v\nwant %s, no error", what, names(pods), err, names(want))
	}
}

// mustPause wants short pauses between the attempts.
func (s *setup) mustPause(what string) {
	s.b.T().Helper()
	asked := s.asked()
	for i := 1; i < len(asked); i++ {
		if d := asked[i].at.Sub(asked[i-1].at); d > pause {
			s.b.Errorf("%s asked the server %s\nwant no pause between two attempts of more than %v: this one is %v", what, s.when(), pause, d.Round(time.Millisecond))
			return
		}
	}
}

// when says at what times the server was asked.
func (s *setup) when() string {
	var all []string
	now := time.Now()
	for _, a := range s.asked() {
		all = append(all, (s.b.Elapsed() - now.Sub(a.at)).Round(time.Millisecond).String())
	}
	return "at " + strings.Join(all, ", ")
}

// hang has calls wait until they are cancelled; f sees their context first.
func (s *setup) hang(f func(ctx context.Context)) {
	s.get = func(ctx context.Context, _ *podsv1.GetPodRequest) (*podsv1.Pod, error) {
		f(ctx)
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	s.list = func(ctx context.Context, _ *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
		_, err := s.get(ctx, nil)
		return nil, err
	}
}

func (s *setup) fail(err error) { s.failTimes(1<<30, err) }

func (s *setup) failTimes(n int, err error) { s.fails, s.err = n, err }

// pages has ListPods give that many pages of so many pods, and returns them all.
func (s *setup) pages(pages, pods int) (all []*podsv1.Pod) {
	for i := range pages * pods {
		all = append(all, &podsv1.Pod{Namespace: "shop", Name: fmt.Sprintf("web-%d", i)})
	}
	known := map[string]int{}
	for i := range pages {
		known[token(i)] = i
	}
	s.list = func(_ context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
		i, ok := known[req.GetPageToken()]
		if !ok {
			return nil, status.Errorf(codes.InvalidArgument, "a page_token that this server never gave: %q", req.GetPageToken())
		}
		res := &podsv1.ListPodsResponse{Pods: all[i*pods : (i+1)*pods]}
		if s.hide > 0 && i == s.hide {
			res.Pods = nil
		}
		if i+1 < pages {
			res.NextPageToken = token(i + 1)
		}
		return res, nil
	}
	return all
}

// token is that of the page after i others. Nobody but the server reads it: case,
// spaces and signs of all kinds count.
func token(i int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("%c%d/+%%2F= ", "Aa"[i%2], i/2)
}

func (s *setup) asked() []ask {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// ids are the request IDs that the server has got, each once.
func (s *setup) ids() []string {
	var ids []string
	for _, a := range s.asked() {
		ids = append(ids, a.metadata.Get(call.RequestID)...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// last is the metadata of the last call.
func (s *setup) last() metadata.MD {
	s.b.T().Helper()
	asked := s.asked()
	if len(asked) == 0 {
		s.b.Fatalf("the server was never asked")
	}
	return asked[len(asked)-1].metadata
}

func (s *setup) mustCarry(what, key string, want ...string) {
	s.b.T().Helper()
	if got := s.last().Get(key); !slices.Equal(got, want) {
		s.b.Errorf("%s: the server got %s = %q, want %q", what, key, got, want)
	}
}

// mustBe wants errors.Is(err, want); and of the package's errors, and those of
// package context, no other one. none wants none of them.
func (s *setup) mustBe(err, want error, none bool, what string) {
	s.b.T().Helper()
	if err == nil {
		s.b.Errorf("%s has no error, want one", what)
		return
	}
	if !none && !errors.Is(err, want) {
		s.b.Errorf("%s has the error\n      %v\nwant one for which errors.Is says that it is %v", what, err, errName(want))
		return
	}
	for _, other := range []error{call.ErrNotFound, call.ErrUnavailable, call.ErrPages, call.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if other != want && errors.Is(err, other) {
			s.b.Errorf("%s has the error\n      %v\nof which errors.Is says that it is %v, want that it is not", what, err, errName(other))
		}
	}
}

func errName(err error) string {
	for name, e := range map[string]error{"ErrNotFound": call.ErrNotFound, "ErrUnavailable": call.ErrUnavailable, "ErrPages": call.ErrPages,
		"ErrClosed": call.ErrClosed, "context.Canceled": context.Canceled, "context.DeadlineExceeded": context.DeadlineExceeded} {
		if e == err {
			return name
		}
	}
	return err.Error()
}

// mustHaveStatus wants the server's status to be found in err.
func (s *setup) mustHaveStatus(err error, code codes.Code, message, what string) {
	s.b.T().Helper()
	st, ok := status.FromError(err)
	if !ok || st.Code() != code || !strings.Contains(st.Message(), message) {
		s.b.Errorf("%s has the error\n      %v\nstatus.FromError finds in it\n      %v %q\nwant  %v, and in the message the server's words: %q", what, err, st.Code(), st.Message(), code, message)
	}
}

// invalid is a refusal with violations.
func invalid(violations map[string]string) error {
	st := status.New(codes.InvalidArgument, "refused")
	if len(violations) == 0 {
		return st.Err()
	}
	var bad errdetails.BadRequest
	for field, text := range violations {
		bad.FieldViolations = append(bad.FieldViolations, violation(field, text).FieldViolations...)
	}
	// Others may stand before it, and some that this program has no type for.
	st = status.Convert(detailed(codes.InvalidArgument, "refused", &errdetails.RequestInfo{RequestId: "7"}, &bad))
	p := st.Proto()
	p.Details = append([]*anypb.Any{{TypeUrl: "type.googleapis.com/shop.Unheard", Value: []byte{8, 1}}}, p.Details...)
	return status.ErrorProto(p)
}

func violation(field, text string) *errdetails.BadRequest {
	return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Description: text}}}
}

func detailed(code codes.Code, message string, details ...protoadapt.MessageV1) error {
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return st.Err()
}

func same(got, want map[string]string) bool {
	if len(got) != len(want) {
		return false
	}
	for k, v := range want {
		if got[k] != v {
			return false
		}
	}
	return true
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func calls(n int) string {
	if n == 1 {
		return "a call"
	}
	return fmt.Sprintf("%d calls", n)
}

func names(pods []*podsv1.Pod) string {
	if len(pods) == 0 {
		return "no pods"
	}
	var all []string
	for _, p := range pods {
		all = append(all, strings.TrimPrefix(p.GetNamespace()+"/"+p.GetName(), "/"))
	}
	if len(all) > 12 {
		all = append(all[:10], "…", fmt.Sprintf("(%d pods)", len(pods)))
	}
	return "[" + strings.Join(all, " ") + "]"
}

func texts(asks []ask) string {
	var all []string
	for _, a := range asks {
		all = append(all, grpctest.Text(a.request))
	}
	return "[" + strings.Join(all, "; ") + "]"
}
