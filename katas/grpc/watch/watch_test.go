package watch_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/grpctest"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/katas/grpc/watch"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// limit is that of servers where nothing depends on it.
const limit = 20

// What is there when a client comes (Kubernetes, streaming lists).
func TestSnapshot(t *testing.T) {
	t.Run("five pods", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b, limit)
			w.put("shop", "web-2", "n1")
			w.put("bank", "web-0", "n2")
			w.put("shop", "db", "n3")
			w.put("shop", "Web", "n4")
			w.put("shop", "web-10", "n5")
			ann := w.watch("ann", "", 0)
			ann.mustHear("ADDED bank/web-0 n2", "ADDED shop/Web n4", "ADDED shop/db n3",
				"ADDED shop/web-10 n5", "ADDED shop/web-2 n1", "SYNCED")
			ann.mustGoOn()
		})
	})
	t.Run("names that look alike once they are joined", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b, limit)
			w.put("a", "b/c", "n1")
			w.put("a/b", "c", "n2")
			w.put("a-b", "a", "n3")
			w.watch("ann", "", 0).mustHear("ADDED a/b/c n1", "ADDED a-b/a n3", "ADDED a/b/c n2", "SYNCED")
		})
	})
	t.Run("none", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			ann := start(b, limit).watch("ann", "", 0)
			ann.mustHear("SYNCED")
			ann.mustGoOn()
		})
	})
	t.Run("more than the limit", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b, 2)
			var want []string
			for i := range 30 {
				w.put("shop", fmt.Sprintf("web-%02d", i), "n1")
				want = append(want, fmt.Sprintf("ADDED shop/web-%02d n1", i))
			}
			w.watch("ann", "", 0).mustHear(append(want, "SYNCED")...)
		})
	})
	t.Run("all that a pod has", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b, limit)
			pod := &podsv1.Pod{Namespace: "shop", Name: "web-0", Phase: podsv1.Phase_PHASE_FAILED, Node: "n1",
				Labels: map[string]string{"app": "web"}, CreateTime: timestamppb.New(time.Now())}
			w.putPod(pod)
			ann := w.watch("ann", "", 0)
			ann.mustHear("ADDED shop/web-0 n1", "SYNCED")
			got := proto.CloneOf(ann.all()[0].GetPod())
			got.Version, pod.Version = 0, 0
			if !proto.Equal(got, pod) {
				w.Errorf("Put was called with\n  %s\nand a client that watches got\n  %s\nWant all of it, except for the version.", grpctest.Text(pod), grpctest.Text(got))
			}
		})
	})
}

// What happens while a client is there (Kubernetes, efficient detection of changes).
func TestChanges(t *testing.T) {
	bubble.Run(t, 2, func(b *bubble.B) {
		w := start(b, limit)
		w.put("shop", "web-0", "n1")
		ann := w.watch("ann", "", 0)
		ann.mustHear("ADDED shop/web-0 n1", "SYNCED")
		w.put("shop", "web-1", "n1")
		ann.mustHear("ADDED shop/web-1 n1")
		w.put("shop", "web-0", "n2")
		ann.mustHear("MODIFIED shop/web-0 n2")
		w.put("shop", "web-0", "n2")
		ann.mustHear("MODIFIED shop/web-0 n2")
		w.put("shop", "web-0", "") // it is on no node: what is not put is not there
		ann.mustHear("MODIFIED shop/web-0")
		w.del("shop", "web-0", true)
		ann.mustHear("DELETED shop/web-0")
		w.del("shop", "web-0", false)
		w.del("bank", "web-1", false)
		ann.mustHear()
		w.put("shop", "web-0", "n3")
		ann.mustHear("ADDED shop/web-0 n3")
		<-time.After(time.Hour)
		w.del("shop", "web-1", true)
		ann.mustHear("DELETED shop/web-1 n1")
		w.watch("bob", "", 0).mustHear("ADDED shop/web-0 n3", "SYNCED")
	})
}

// The version of each event, and of its pod (etcd, revisions).
func TestVersions(t *testing.T) {
	t.Run("of changes", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			w := start(b, limit)
			ann := w.watch("ann", "", 0)
			ann.mustHear("SYNCED @0")
			w.putPod(&podsv1.Pod{Namespace: "shop", Name: "web-0", Node: "n1", Version: 99})
			ann.mustHear("ADDED shop/web-0 n1 v1 @1")
			w.put("bank", "web-0", "n1")
			ann.mustHear("ADDED bank/web-0 n1 v2 @2")
			w.put("shop", "web-0", "n2")
			ann.mustHear("MODIFIED shop/web-0 n2 v3 @3")
			w.del("shop", "web-1", false)
			w.del("shop", "web-0", true)
			ann.mustHear("DELETED shop/web-0 n2 v3 @4")
			w.put("shop", "web-0", "n3")
			ann.mustHear("ADDED shop/web-0 n3 v5 @5")
		})
	})
	t.Run("of the end of a snapshot", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			w := start(b, limit)
			w.put("shop", "web-0", "n1")
			w.put("shop", "web-1", "n1")
			w.del("shop", "web-1", true)
			ann := w.watch("ann", "", 0)
			ann.mustHear("ADDED shop/web-0 n1 v1", "SYNCED @3")
		})
	})
}

// The version of events before SYNCED (pods.proto, WatchPodsResponse).
func TestVersionInSnapshot(t *testing.T) {
	bubble.Run(t, 4, func(b *bubble.B) {
		w := start(b, limit)
		w.put("shop", "web-1", "n1")
		w.put("shop", "web-0", "n1")
		w.watch("ann", "", 0).mustHear("ADDED shop/web-0 n1 v2 @0", "ADDED shop/web-1 n1 v1 @0", "SYNCED @2")
	})
}

// Watchers of one namespace (pods.proto, WatchPodsRequest).
func TestNamespace(t *testing.T) {
	bubble.Run(t, 5, func(b *bubble.B) {
		w := start(b, limit)
		w.put("shop", "web-0", "n1")
		w.put("Shop", "web-0", "n1")
		w.put("shopping", "web-0", "n1")
		ann, bob := w.watch("ann", "shop", 0), w.watch("bob", "none", 0)
		ann.mustHear("ADDED shop/web-0 n1 v1 @0", "SYNCED @3")
		bob.mustHear("SYNCED @3")
		w.put("Shop", "web-0", "n2")
		w.del("shopping", "web-0", true)
		ann.mustHear()
		w.put("shop", "web-0", "n2")
		ann.mustHear("MODIFIED shop/web-0 n2 v6 @6")
		w.del("Shop", "web-0", true)
		w.del("shop", "web-0", true)
		ann.mustHear("DELETED shop/web-0 n2 v6 @8")
		bob.mustHear()
	})
}

// Clients that come back (etcd, start_revision).
func TestComeBack(t *testing.T) {
	bubble.Run(t, 6, func(b *bubble.B) {
		w := start(b, limit)
		w.put("shop", "web-0", "n1")
		w.put("bank", "web-0", "n1")
		w.put("shop", "web-1", "n1")
		w.put("shop", "web-0", "n2")
		w.del("shop", "web-1", true)
		w.put("bank", "web-0", "n2")
		w.put("bank", "web-0", "n3")

		ann := w.watch("ann", "", 2)
		ann.mustHear("ADDED shop/web-1 n1 v3 @3", "MODIFIED shop/web-0 n2 v4 @4", "DELETED shop/web-1 n1 v3 @5",
			"MODIFIED bank/web-0 n2 v6 @6", "MODIFIED bank/web-0 n3 v7 @7")
		bob := w.watch("bob", "shop", 3)
		bob.mustHear("MODIFIED shop/web-0 n2 v4 @4", "DELETED shop/web-1 n1 v3 @5")
		cid := w.watch("cid", "", 7)
		cid.mustHear()
		dan := w.watch("dan", "shop", 5)
		dan.mustHear()
		w.put("shop", "web-2", "n1")
		for _, c := range []*client{ann, bob, cid, dan} {
			c.mustHear("ADDED shop/web-2 n1 v8 @8")
		}
	})
}

// Versions that the server cannot begin at (gRPC, status codes).
func TestOutOfRange(t *testing.T) {
	for _, tt := range []struct {
		why     string
		limit   int
		changes int
		version int64
		want    codes.Code
	}{
		{"the oldest one, from where all changes are remembered", 4, 10, 6, codes.OK},
		{"one before that", 4, 10, 5, codes.OutOfRange},
		{"the first one", 4, 10, 1, codes.OutOfRange},
		{"the first one, with as many changes behind it as are remembered", 4, 5, 1, codes.OK},
		{"a limit of one", 1, 10, 9, codes.OK},
		{"a limit of one, and two changes missed", 1, 10, 8, codes.OutOfRange},
		{"now", 4, 10, 10, codes.OK},
		{"the next one, which nobody can have seen", 4, 10, 11, codes.OutOfRange},
		{"one of a server that had far more changes", 4, 10, 1 << 40, codes.OutOfRange},
		{"one of another server: this one had no change yet", 4, 0, 1, codes.OutOfRange},
		{"a negative one", 4, 10, -1, codes.InvalidArgument},
		{"the lowest one", 4, 10, math.MinInt64, codes.InvalidArgument},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				w := start(b, tt.limit)
				var want []string
				for i := range tt.changes {
					w.put("shop", fmt.Sprint("web-", i), "n1")
					if int64(i) >= tt.version {
						want = append(want, fmt.Sprintf("ADDED shop/web-%d n1 v%d @%d", i, i+1, i+1))
					}
				}
				w.about = fmt.Sprintf("The server has a limit of %d, and had %d changes.", tt.limit, tt.changes)
				for name, namespace := range map[string]string{"ann": "", "bob": "shop"} {
					c := w.watch(name, namespace, tt.version)
					if tt.want == codes.OK {
						c.mustHear(want...)
					} else {
						c.mustEnd(tt.want, "")
						c.mustHear()
					}
				}
			})
		})
	}
}

// What the server remembers of changes that nobody can ask for any more.
func TestForgotten(t *testing.T) {
	bubble.Run(t, 7, func(b *bubble.B) {
		const limit, changes, size = 5, 100, 64 << 10
		w := start(b, limit)
		before := bubble.Heap()
		for range changes {
			w.quietly(big("shop", "web", size))
		}
		if grown := bubble.Heap() - before; grown > changes*size/4 {
			w.Fatalf("The server has a limit of %d. One pod was put %d times, with 64 KiB each. Nobody\nwatches. The program has %d MiB more in memory.\nWant the last %d changes kept, and no more.", limit, changes, grown>>20, limit)
		}
		w.watch("ann", "", changes).mustGoOn()
	})
}

// A client whose connection is full (gRPC, flow control).
func TestSlow(t *testing.T) {
	t.Run("in the midst of changes", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b, limit)
			w.put("shop", "web-0", "n1")
			ann, bob := w.watch("ann", "", 0), w.watch("bob", "", 0)
			ann.mustHear("ADDED shop/web-0 n1", "SYNCED")
			bob.mustHear("ADDED shop/web-0 n1", "SYNCED")
			w.mustGoOnWithout(ann, bob)
		})
	})
	t.Run("in the midst of a snapshot", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b, limit)
			w.put("shop", "web-0", "n1")
			bob := w.watch("bob", "", 0)
			bob.mustHear("ADDED shop/web-0 n1", "SYNCED")
			w.shut("ann")
			w.mustGoOnWithout(w.watch("ann", "", 0), bob)
		})
	})
	t.Run("in the midst of what it missed", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b, limit)
			w.put("shop", "web-1", "n1")
			w.put("shop", "web-0", "n1")
			bob := w.watch("bob", "", 2)
			w.shut("ann")
			w.mustGoOnWithout(w.watch("ann", "", 1), bob)
		})
	})
}

// mustGoOnWithout wants everything to happen at once that has nothing to do
// with ann's stream, on which nothing can be sent.
func (w *world) mustGoOnWithout(ann, bob *client) {
	w.T().Helper()
	w.shut("ann")
	w.at("Put(shop/web-0)", func() { w.s.Put(pod("shop", "web-0", "n2")) })
	bob.mustHear("MODIFIED shop/web-0 n2")
	w.at("Put(shop/web-9)", func() { w.s.Put(pod("shop", "web-9", "n2")) })
	bob.mustHear("ADDED shop/web-9 n2")
	w.at(`Delete("shop", "web-9")`, func() { w.s.Delete("shop", "web-9") })
	bob.mustHear("DELETED shop/web-9 n2")
	w.at("Watchers()", func() { w.s.Watchers() })
	cid := w.watch("cid", "shop", 0)
	cid.mustHearAtLeast("SYNCED")
	ann.cancel()
	w.Wait()
	w.at("Put(shop/web-0)", func() { w.s.Put(pod("shop", "web-0", "n3")) })
	bob.mustHear("MODIFIED shop/web-0 n3")
}

// How many send on one stream (grpc/grpc-go#2094).
func TestOneSender(t *testing.T) {
	for _, tt := range []struct {
		why  string
		what string // that waits for her
		full func(w *world)
	}{
		{"behind a snapshot", "5 changes wait for her", func(w *world) {
			w.watch("ann", "", 0).mustHear("ADDED shop/web-0 n", "SYNCED")
			w.shut("ann")
		}},
		{"amid a snapshot", "her snapshot and 5 changes wait for her", func(w *world) {
			w.shut("ann")
			w.watch("ann", "", 0)
		}},
		{"amid what was missed", "one change that she has missed and 5 others wait for her", func(w *world) {
			w.put("shop", "web-0", "m")
			w.shut("ann")
			w.watch("ann", "", 1)
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				w := start(b, limit)
				w.put("shop", "web-0", "n")
				tt.full(w)
				for i := range 5 {
					w.put("shop", "web-0", fmt.Sprint("n", i))
				}
				if n := w.tap("ann").most(); n > 1 {
					w.Errorf("ann's connection is full: %s.\n%d goroutines are in Send on her stream.\nWant one at a time: Send is not made for two, and who knows in which order\nthey would send.", tt.what, n)
				}
			})
		})
	}
}

// A Send that fails, while the client is there (grpc.ServerStream, SendMsg).
func TestSendFails(t *testing.T) {
	for _, tt := range []struct {
		why     string
		version int64
		begin   int // of the three pods, how many are put before
	}{
		{"of a snapshot", 0, 3},
		{"of what was missed", 1, 3},
		{"of a change", 1, 1},
	} {
		t.Run("Send "+tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				w := start(b, limit)
				pods := []*podsv1.Pod{pod("bank", "web-0", "n"), pod("shop", "web-0", unsendable), pod("shop", "web-1", "n")}
				for _, p := range pods[:tt.begin] {
					w.putPod(p)
				}
				ann := w.watch("ann", "", tt.version)
				for _, p := range pods[tt.begin:] {
					w.putPod(p)
				}
				ann.mustEnd(codes.Internal, "Send on her stream has returned that, for shop/web-0.\nIf more was sent, she would never know what she has missed")
			})
		})
	}
}

// What happens while a snapshot is sent, and what was missed (etcd, watch).
func TestBetween(t *testing.T) {
	for _, tt := range []struct {
		why     string
		version int64
		want    []string
	}{
		{"a snapshot", 0, []string{"ADDED shop/web-0 n1 v1", "ADDED shop/web-1 n1 v2", "ADDED shop/web-2 n1 v3", "SYNCED @3"}},
		{"what it missed", 1, []string{"ADDED shop/web-1 n1 v2 @2", "ADDED shop/web-2 n1 v3 @3"}},
	} {
		t.Run("while it is sent "+tt.why, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				w := start(b, limit)
				for i := range 3 {
					w.put("shop", fmt.Sprint("web-", i), "n1")
				}
				w.shut("ann")
				ann := w.watch("ann", "", tt.version)
				w.put("shop", "web-2", "n2")
				w.put("shop", "web-3", "n2")
				w.del("shop", "web-1", true)
				w.put("shop", "web-0", "n2")
				w.open("ann")
				ann.mustHear(append(tt.want, "MODIFIED shop/web-2 n2 v4 @4", "ADDED shop/web-3 n2 v5 @5",
					"DELETED shop/web-1 n1 v2 @6", "MODIFIED shop/web-0 n2 v7 @7")...)
			})
		})
	}
}

// Who comes while somebody puts, without a pause (etcd, watch).
func TestComeBetween(t *testing.T) {
	bubble.Run(t, 10, func(b *bubble.B) {
		const there, come, writers = 100, 20, 8
		// On few or busy processors, more threads come in each other's way.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
		w := start(b, 1<<12)
		for i := range there {
			w.quietly(pod("shop", fmt.Sprint("web-", i), "n1"))
		}
		var over atomic.Bool
		var busy sync.WaitGroup
		for i := range writers {
			busy.Go(func() {
				p := pod("shop", fmt.Sprint("busy-", i), "n1")
				for !over.Load() {
					w.quietly(p)
				}
			})
		}
		for range come { // one after the other: many at once are rule 19's
			e := w.listen()
			<-e.heard
			e.cancel()
			<-e.over
			text := e.wrong()
			if text == "" {
				continue
			}
			over.Store(true)
			busy.Wait()
			w.Fatalf("%d goroutines Put, one Put after the other. Somebody watches meanwhile.\n%s", writers, text)
		}
		over.Store(true)
		busy.Wait()
	})
}

// ear is a stream without a network. It listens for the first change.
type ear struct {
	grpc.ServerStream
	w      *world
	ctx    context.Context
	cancel context.CancelFunc
	heard  chan struct{} // closed at the first change, or when the call is over
	over   chan struct{} // closed when the call is

	once   sync.Once
	mu     sync.Mutex
	synced int64 // the version of SYNCED
	early  int64 // that of the first change, if it came before SYNCED
	gap    int64 // that of the first change behind SYNCED, if it is not the next one
	err    error // of WatchPods, once the call is over
}

// listen has WatchPods called, from version 0.
func (w *world) listen() *ear {
	e := &ear{w: w, heard: make(chan struct{}), over: make(chan struct{}), synced: -1}
	e.ctx, e.cancel = context.WithCancel(w.Context())
	w.Go("WatchPods", func() error {
		defer close(e.over)
		defer e.once.Do(func() { close(e.heard) })
		e.err = w.s.WatchPods(&podsv1.WatchPodsRequest{}, e)
		return nil
	})
	return e
}

func (e *ear) Context() context.Context { return e.ctx }

func (e *ear) Send(m *podsv1.WatchPodsResponse) error {
	e.w.Worked()
	if err := e.ctx.Err(); err != nil { // as gRPC's own streams say, too
		return status.FromContextError(err).Err()
	}
	e.mu.Lock() // two that send are told in words
	defer e.mu.Unlock()
	v := m.GetVersion()
	switch {
	case m.GetType() == synced:
		e.synced = v
	case e.synced < 0 && v > 0 && e.early == 0:
		e.early = v
	case e.synced >= 0:
		e.once.Do(func() {
			if v != e.synced+1 {
				e.gap = v
			}
			close(e.heard)
		})
	}
	return nil
}

// wrong says what is not as it should be with what it has heard, "" if all is.
func (e *ear) wrong() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	then := fmt.Sprintf("It gets a snapshot, SYNCED with version %d, and then version %d.\nWant version %d: ", e.synced, e.gap, e.synced+1)
	switch {
	case e.early > 0:
		return fmt.Sprintf("It gets a change, version %d, before SYNCED.\nWant the snapshot first, and SYNCED, and behind that what changes meanwhile.", e.early)
	case e.synced < 0 && status.Code(e.err) != codes.ResourceExhausted:
		return fmt.Sprintf("WatchPods returned %v\nwithout a SYNCED. Want one, unless the watcher is too slow.", e.err)
	case e.gap == 0:
		return ""
	case e.gap <= e.synced:
		return then + "that one is in the snapshot already, or it comes out of\norder. Each change comes once, and what is in the snapshot does not come again."
	}
	return then + "what is put between the look at the pods and the first\nchange that is heard of is lost for ever, or it comes out of order."
}

// As many events as may wait (etcd-io/etcd#17529).
func TestLimit(t *testing.T) {
	for _, n := range []int{1, 3, limit} {
		t.Run(fmt.Sprintf("%d of %d", n, n), func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				w := start(b, n)
				w.about = fmt.Sprintf("The server has a limit of %d. ann's connection was full while %s.", n, came(n))
				ann := w.watch("ann", "", 0)
				ann.mustHear("SYNCED @0")
				w.shut("ann")
				var want []string
				for i := range n {
					w.put("shop", "web", fmt.Sprint("n", i))
					want = append(want, fmt.Sprintf("%s shop/web n%d v%d @%d", change(i), i, i+1, i+1))
				}
				w.open("ann")
				ann.mustHear(want...)
				w.put("shop", "web", "m")
				ann.mustHear(fmt.Sprintf("MODIFIED shop/web m v%d @%d", n+1, n+1))
			})
		})
		t.Run(fmt.Sprintf("%d of %d, amid a snapshot", n, n), func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				w := start(b, n)
				w.about = fmt.Sprintf("The server has a limit of %d. ann's connection was full while her snapshot was\nsent, of as many pods, and %s.", n, came(n))
				var want []string
				for i := range n {
					w.put("bank", fmt.Sprintf("web-%02d", i), "n")
					want = append(want, fmt.Sprintf("ADDED bank/web-%02d n v%d @0", i, i+1))
				}
				want = append(want, fmt.Sprint("SYNCED @", n))
				w.shut("ann")
				ann := w.watch("ann", "", 0)
				for i := range n {
					w.put("shop", "web", fmt.Sprint("n", i))
					want = append(want, fmt.Sprintf("%s shop/web n%d v%d @%d", change(i), i, n+i+1, n+i+1))
				}
				w.open("ann")
				ann.mustHear(want...)
			})
		})
	}
}

func came(n int) string {
	if n == 1 {
		return "one change came"
	}
	return fmt.Sprintf("%d changes came", n)
}

// More events than may wait (Kubernetes, 410 Gone; gRPC, status codes).
func TestTooSlow(t *testing.T) {
	t.Run("its connection is full", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			const limit, there, changes = 5, 20, 40
			w := start(b, limit)
			w.about = fmt.Sprintf("The server has a limit of %d. ann had her snapshot of %d pods, and then her\nconnection was full while %d changes came.", limit, there, changes)
			for i := range there {
				w.quietly(pod("bank", fmt.Sprint("web-", i), "n"))
			}
			ann, bob := w.watch("ann", "", 0), w.watch("bob", "shop", 0)
			ann.mustHearAtLeast("SYNCED @20")
			bob.mustHear("SYNCED @20")
			w.shut("ann")
			for i := range changes {
				w.put("shop", "web", fmt.Sprint("n", i))
				bob.mustHear(fmt.Sprintf("%s shop/web n%d v%d @%d", change(i), i, there+i+1, there+i+1))
			}
			w.open("ann")
			ann.mustEnd(codes.ResourceExhausted, "more events waited for ann than may")
			ann.mustHaveNoGap(0)
			if n := len(ann.all()) - there - 1; n > 2*limit+1 {
				w.Errorf("%s\nBehind SYNCED she got %d of them. Want %d at most: one that was being sent,\nand twice the limit that waited.", w.about, n, 2*limit+1)
			}
			w.mustRecover(ann)
		})
	})
	t.Run("its connection is full amid a snapshot", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			const limit, there, changes = 5, 20, 40
			w := start(b, limit)
			w.about = fmt.Sprintf("The server has a limit of %d. ann's connection was full while her snapshot of\n%d pods was sent, and %d changes came.", limit, there, changes)
			for i := range there {
				w.quietly(pod("bank", fmt.Sprint("web-", i), "n"))
			}
			w.shut("ann")
			ann := w.watch("ann", "", 0)
			for i := range changes {
				w.put("shop", "web", fmt.Sprint("n", i))
			}
			w.open("ann")
			ann.mustEnd(codes.ResourceExhausted, "more events waited for ann than may")
			ann.mustHaveNoGap(0)
			ann.mustHaveWhole(there)
		})
	})
	t.Run("a few more than the limit", func(t *testing.T) {
		const limit = 3
		for i := range 2 * (limit + 2) {
			bubble.Run(t, 12, func(b *bubble.B) {
				n, namespace := limit+1+i/2, []string{"", "shop"}[i%2]
				w := start(b, limit)
				w.about = fmt.Sprintf("The server has a limit of %d. ann's connection was full while %d changes came.", limit, n)
				ann := w.watch("ann", namespace, 0)
				ann.mustHear("SYNCED @0")
				w.shut("ann")
				for i := range n {
					w.put("shop", "web", fmt.Sprint("n", i))
				}
				w.open("ann")
				ann.mustHaveNoGap(0)
				if got := len(ann.all()) - 1; got < n {
					ann.mustEnd(codes.ResourceExhausted, fmt.Sprintf("she got %d of the %d changes", got, n))
				}
			})
		}
	})
	t.Run("it calls Recv too late", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			const limit, changes = 5, 120
			w := start(b, limit)
			w.about = fmt.Sprintf("The server has a limit of %d. ann did not call Recv while %d changes came, of 8 KiB each.", limit, changes)
			ann := w.deaf("ann")
			for range changes {
				w.quietly(big("shop", "web", 8<<10))
				w.Wait()
			}
			ann.read()
			ann.mustEnd(codes.ResourceExhausted, "more events waited for ann than may")
			ann.mustHaveNoGap(0)
			w.mustRecover(ann)
		})
	})
	for _, tt := range []struct {
		why  string
		full func(w *world)
	}{
		{"behind a snapshot", func(w *world) {
			w.watch("ann", "shop", 0).mustHearAtLeast("SYNCED @3")
			w.shut("ann")
		}},
		{"amid a snapshot", func(w *world) {
			w.shut("ann")
			w.watch("ann", "", 0)
		}},
		{"amid what it missed", func(w *world) {
			w.shut("ann")
			w.watch("ann", "", 1)
		}},
	} {
		t.Run("its connection stays full "+tt.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				const limit, changes, size = 5, 400, 32 << 10
				w := start(b, limit)
				w.about = fmt.Sprintf("The server has a limit of %d. ann's connection was full while %d changes came, of 32 KiB each.", limit, changes)
				for i := range 3 {
					w.quietly(pod("shop", fmt.Sprint("web-", i), "n"))
				}
				tt.full(w)
				before := bubble.Heap()
				for range changes {
					w.quietly(big("shop", "web", size))
				}
				w.Wait()
				if grown := bubble.Heap() - before; grown > changes*size/4 {
					w.Errorf("%s\nThe program has %d MiB more in memory.\nWant no event kept for her that she will never get.", w.about, grown>>20)
				}
				runtime.KeepAlive(w.s)
			})
		})
	}
}

// What the server is given, and what it has sent (grpc/grpc-go#8186).
func TestShared(t *testing.T) {
	t.Run("what Put is given", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := start(b, limit)
			ann := w.watch("ann", "", 0)
			ann.mustHear("SYNCED")
			mine := pod("shop", "web-0", "n1")
			mine.Labels = map[string]string{"app": "web"}
			mine.CreateTime = timestamppb.New(time.Now())
			mine.Version = 77
			was := proto.CloneOf(mine)
			w.putPod(mine)
			if !proto.Equal(mine, was) {
				w.Fatalf("Put was called with\n  %s\nand then that pod was\n  %s\nWant it left as it is: it is the caller's.", grpctest.Text(was), grpctest.Text(mine))
			}
			mine.Node, mine.Labels["app"], mine.CreateTime.Seconds = "changed", "changed", 1
			w.link.Note("the caller of Put changes node, labels and create_time of its pod")
			ann.mustHear("ADDED shop/web-0 n1")
			bob := w.watch("bob", "", 0)
			bob.mustHear("ADDED shop/web-0 n1", "SYNCED")
			got := proto.CloneOf(bob.all()[0].GetPod())
			if got.Version = was.Version; !proto.Equal(got, was) {
				w.Errorf("Put was called with\n  %s\nand then its caller changed that pod, its label and its create_time in place.\nA client that watches got\n  %s\nWant what was put: the server has a copy of its own, of all that is in it.", grpctest.Text(was), grpctest.Text(got))
			}
			w.del("shop", "web-0", true)
			ann.mustHear("DELETED shop/web-0 n1")
		})
	})
	t.Run("what Send is given", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := start(b, limit)
			w.keep = true
			w.put("shop", "web-0", "n1")
			w.put("shop", "web-1", "n1")
			w.shut("ann")
			w.watch("ann", "", 0)
			w.watch("bob", "", 0)
			w.put("shop", "web-0", "n2")
			w.put("shop", "web-1", "n2")
			w.open("ann")
			w.put("shop", "web-0", "n3")
			w.del("shop", "web-1", true)
			for _, name := range []string{"ann", "bob"} {
				w.tap(name).mustBeUnchanged()
			}
		})
	})
}

// Clients that go (grpc/grpc-go#5155).
func TestOver(t *testing.T) {
	t.Run("the client cancels", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b, limit)
			ann, bob, cid := w.watch("ann", "", 0), w.watch("bob", "shop", 0), w.watch("cid", "", 0)
			w.put("shop", "web-0", "n1")
			w.mustHaveWatchers(3)
			ann.cancel()
			w.mustHaveEnded("ann", "ann has cancelled her call", codes.Canceled)
			w.mustHaveWatchers(2)
			w.put("shop", "web-0", "n2")
			bob.mustHear("SYNCED", "ADDED shop/web-0 n1", "MODIFIED shop/web-0 n2")
			bob.cancel()
			cid.cancel()
			w.mustHaveEnded("bob", "bob has cancelled his call", codes.Canceled)
			w.mustHaveWatchers(0)
		})
	})
	t.Run("the client's deadline comes", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b, limit)
			ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
			defer cancel()
			ann := w.watchWith(ctx, "ann", "", 0)
			ann.mustHear("SYNCED")
			<-time.After(time.Minute)
			ann.mustEnd(codes.DeadlineExceeded, "her deadline was at 30s")
			w.mustHaveEnded("ann", "ann's deadline has come", codes.DeadlineExceeded, codes.Canceled)
			w.mustHaveWatchers(0)
		})
	})
	t.Run("a deadline of the server's own comes", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b, limit)
			w.age = 30 * time.Second
			w.about = "An interceptor gave the stream's context a deadline, 30s after the beginning."
			ann := w.watch("ann", "", 0)
			ann.mustHear("SYNCED")
			<-time.After(time.Minute)
			w.mustHaveEnded("ann", "An interceptor's deadline for ann's call has come", codes.DeadlineExceeded)
			ann.mustEnd(codes.DeadlineExceeded, "the context of her stream says so")
			w.mustHaveWatchers(0)
		})
	})
	for _, tt := range []struct {
		why  string
		full func(w *world) *client
	}{
		{"amid a snapshot", func(w *world) *client {
			w.shut("ann")
			return w.watch("ann", "", 0)
		}},
		{"amid what it missed", func(w *world) *client {
			w.shut("ann")
			return w.watch("ann", "", 1)
		}},
		{"amid changes", func(w *world) *client {
			ann := w.watch("ann", "", 2)
			w.shut("ann")
			return ann
		}},
	} {
		t.Run("the client cancels while its connection is full "+tt.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				w := start(b, limit)
				w.put("shop", "web-0", "n1")
				w.put("shop", "web-1", "n1")
				ann := tt.full(w)
				w.put("shop", "web-0", "n2")
				w.mustHaveWatchers(1)
				ann.cancel()
				w.mustHaveEnded("ann", "ann has cancelled her call", codes.Canceled)
				w.mustHaveWatchers(0)
			})
		})
	}
	for _, tt := range []struct {
		why string
		end func(ann *client)
	}{
		{"the server ends it, for too much waited", func(ann *client) {
			ann.w.open("ann")
			ann.mustEnd(codes.ResourceExhausted, "10 changes waited for ann, and the limit is 2")
		}},
		{"the client cancels when too much has waited", func(ann *client) { ann.cancel() }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				w := start(b, 2)
				ann := w.watch("ann", "", 0)
				w.shut("ann")
				for i := range 10 {
					w.put("shop", "web-0", fmt.Sprint("n", i))
				}
				tt.end(ann)
				w.mustHaveWatchers(0)
				w.put("shop", "web-0", "n")
			})
		})
	}
	t.Run("the server refuses", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b, limit)
			w.watch("ann", "", 99).mustEnd(codes.OutOfRange, "the server never had a version 99")
			w.mustHaveWatchers(0)
		})
	})
	t.Run("what comes when it is over", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			const limit, gone, size = 20, 3, 256 << 10
			w := start(b, limit)
			w.about = fmt.Sprintf("The server has a limit of %d. %d clients watched namespace bank, and cancelled.\nThen came %d changes there, of 256 KiB each, and %d small ones elsewhere.", limit, gone, limit, 4*limit)
			for i := range gone {
				c := w.watch(fmt.Sprint("client ", i), "bank", 0)
				c.mustHear("SYNCED")
				c.cancel()
				w.Wait()
			}
			before := bubble.Heap()
			for range limit {
				w.quietly(big("bank", "web", size))
			}
			for range 4 * limit { // so that none of them is among the last changes
				w.quietly(pod("shop", "web", "n"))
			}
			w.Wait()
			if grown := bubble.Heap() - before; grown > limit*size/4 {
				w.Errorf("%s\nThe program has %d MiB more in memory.\nWant no change kept for who is gone: does Put still find their watches?", w.about, grown>>20)
			}
			runtime.KeepAlive(w.s)
		})
	})
	t.Run("many of one connection", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			const many = 20
			w := start(b, limit)
			cc := w.link.Dial("ann")
			before := 0
			for round, n := range []int{1, many} { // the first one dials
				ctx, cancel := context.WithCancel(b.Context())
				for range n {
					stream, err := podsv1.NewPodServiceClient(cc).WatchPods(ctx, &podsv1.WatchPodsRequest{})
					if err == nil {
						_, err = stream.Recv()
					}
					if err != nil {
						w.Fatalf("WatchPods, and the first Recv: %s", grpctest.Status(err))
					}
				}
				cancel()
				w.Wait()
				if round == 0 {
					before = bubble.Goroutines()
				}
			}
			if left := bubble.Goroutines() - before; left >= many/2 {
				w.Errorf("%d calls of WatchPods were cancelled, and %d goroutines more are there than before.\nWant none.\n\n%s", many, left, w.Waiting())
			}
			w.mustHaveWatchers(0)
		})
	})
}

// The server's stop (grpc/grpc-go#2888).
func TestStop(t *testing.T) {
	t.Run("while clients watch", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			w := start(b, limit)
			ann, bob := w.watch("ann", "", 0), w.watch("bob", "shop", 0)
			ann.mustHear("SYNCED")
			bob.mustHear("SYNCED")
			<-time.After(5 * time.Second)
			w.at("Stop()", w.s.Stop)
			ann.mustEnd(codes.Unavailable, "the server has stopped")
			bob.mustEnd(codes.Unavailable, "the server has stopped")
			w.mustHaveWatchers(0)
			w.at("GracefulStop() of the grpc.Server, after Stop()", w.grpc.GracefulStop)
		})
	})
	for _, tt := range []struct {
		why     string
		version int64
	}{
		{"in the midst of a snapshot", 0},
		{"in the midst of what was missed", 1},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				w := start(b, limit)
				for i := range limit {
					w.quietly(pod("shop", fmt.Sprint("web-", i), "n1"))
				}
				w.shut("ann")
				ann := w.watch("ann", "", tt.version)
				w.at("Stop()", w.s.Stop)
				w.open("ann")
				ann.mustEnd(codes.Unavailable, "the server has stopped")
				ann.mustHaveWhole(limit)
				ann.mustHaveNoGap(tt.version)
				if n := len(ann.all()); n > 2 {
					w.Errorf("%s. While Send\nwaited for her, Stop was called. Then her connection was free again, and she\ngot %d events, and Unavailable.\nWant Unavailable behind the event that was being sent, or one more: a client\nthat is slow would hold up GracefulStop until all is sent.", ann.call, n)
				}
			})
		})
	}
	t.Run("while changes wait", func(t *testing.T) {
		// A select that may take a change as well as the stop takes the stop sooner
		// or later: forty times is enough for later.
		for range 40 {
			if t.Failed() {
				break
			}
			bubble.Run(t, 15, func(b *bubble.B) {
				const changes = limit - 2
				w := start(b, limit)
				ann := w.watch("ann", "", 0)
				ann.mustHear("SYNCED")
				w.shut("ann")
				for range changes {
					w.quietly(pod("shop", "web-0", "n1"))
				}
				w.Wait() // for Send
				w.at("Stop()", w.s.Stop)
				w.put("shop", "web-1", "n1")
				w.del("shop", "web-1", true)
				w.at("Stop(), for the second time", w.s.Stop)
				w.open("ann")
				ann.mustEnd(codes.Unavailable, "the server has stopped")
				if n := len(ann.all()) - 1; n > 2 {
					w.Errorf("%s, and had her snapshot.\nWhile Send waited for her, %d changes came, and Stop was called. Then her\nconnection was free again, and she got %d of them, and Unavailable.\nWant Unavailable behind the event that was being sent, or one more: a client\nthat is slow would hold up GracefulStop until all is sent. (If both are ready,\nselect takes either: this shows in one run of four.)", ann.call, changes, n)
				}
			})
		}
	})
	t.Run("while one is to end that has let too much wait", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			w := start(b, 2)
			ann := w.watch("ann", "", 0)
			w.shut("ann")
			for i := range 10 {
				w.put("shop", "web-0", fmt.Sprint("n", i))
			}
			w.at("Stop()", w.s.Stop)
			w.put("shop", "web-0", "n")
			w.open("ann")
			ann.mustHaveNoGap(0)
			ann.mustEnd(codes.Unavailable, "the server has stopped", codes.ResourceExhausted)
			w.mustHaveWatchers(0)
		})
	})
	t.Run("and then", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			w := start(b, limit)
			w.put("shop", "web-0", "n1")
			ann := w.watch("ann", "", 0)
			ann.mustHear("ADDED shop/web-0 n1", "SYNCED")
			w.at("Stop()", w.s.Stop)
			w.at("Stop(), for the second time", w.s.Stop)
			w.at("Put(shop/web-1), after Stop()", func() { w.s.Put(pod("shop", "web-1", "n1")) })
			there := false
			w.at(`Delete("shop", "web-1"), after Stop()`, func() { there = w.s.Delete("shop", "web-1") })
			if !there {
				w.Errorf("Put(shop/web-1) and Delete(\"shop\", \"web-1\"), both after Stop(): Delete returned false.\nWant true: the pod is there, Stop ends the watches alone.")
			}
			for i, version := range []int64{0, 1, 3} {
				late := w.watch(fmt.Sprint("bob", i), "", version)
				late.mustEnd(codes.Unavailable, "the server has stopped before")
				late.mustHear()
			}
			w.mustHaveWatchers(0)
		})
	})
}

// The client side, until the server has no more to say (gRPC, status codes).
func TestWatch(t *testing.T) {
	t.Run("five events, and the end", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := play(b, nil, event(added, 0), event(added, 0), event(synced, 7), event(modified, 9), event(deleted, 12))
			s.watch("shop", 0, nil)
			s.mustHaveAsked("shop", 0)
			s.mustHaveHeard(5)
			s.mustReturn(12, nil)
		})
	})
	t.Run("none, and the end", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := play(b, nil)
			s.watch("", 5, nil)
			s.mustHaveAsked("", 5)
			s.mustHaveHeard(0)
			s.mustReturn(5, nil)
		})
	})
	t.Run("one call, also if it fails", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := play(b, status.Error(codes.Unavailable, "on purpose"), event(modified, 6))
			s.watch("", 5, nil)
			s.mustHaveAsked("", 5)
		})
	})
	for _, tt := range []struct {
		why     string
		version int64
		events  []*podsv1.WatchPodsResponse
	}{
		{"one change every five hours", 5, []*podsv1.WatchPodsResponse{event(modified, 6), event(modified, 7), event(modified, 8)}},
		{"a snapshot, one event every five hours", 0, []*podsv1.WatchPodsResponse{event(added, 0), event(added, 0), event(synced, 8)}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 16, func(b *bubble.B) {
				s := play(b, nil, tt.events...)
				s.pause = 5 * time.Hour
				var at []time.Duration
				s.watch("", tt.version, func(*podsv1.WatchPodsResponse) error {
					at = append(at, b.Elapsed())
					return nil
				})
				s.mustHaveHeard(3)
				s.mustReturn(8, nil)
				if want := []time.Duration{5 * time.Hour, 10 * time.Hour, 15 * time.Hour}; !slices.Equal(at, want) {
					s.Errorf("%s\nThe server sent an event every five hours, three of them.\neach was called at %v\nwant            at %v: as they come", s.call, at, want)
				}
			})
		})
	}
}

// The client side, and a call that fails (gRPC, status codes).
func TestWatchFails(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.ResourceExhausted, codes.OutOfRange} {
		t.Run(fmt.Sprintf("%v after two changes", code), func(t *testing.T) {
			bubble.Run(t, 17, func(b *bubble.B) {
				s := play(b, status.Error(code, "on purpose"), event(modified, 6), event(deleted, 9))
				s.watch("", 5, nil)
				s.mustHaveHeard(2)
				s.mustReturnCode(9, code)
			})
		})
	}
	t.Run("Unavailable within a snapshot", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := play(b, status.Error(codes.Unavailable, "on purpose"), event(added, 0), event(added, 0))
			s.watch("", 0, nil)
			s.mustHaveHeard(2)
			s.mustReturnCode(0, codes.Unavailable)
		})
	})
	t.Run("OutOfRange at once", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := play(b, status.Error(codes.OutOfRange, "on purpose"))
			s.watch("", 5, nil)
			s.mustReturnCode(5, codes.OutOfRange)
		})
	})
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := play(b, nil)
			s.link.Refuse(true)
			s.watch("", 5, nil)
			s.mustReturnCode(5, codes.Unavailable)
		})
	})
	t.Run("the caller cancels", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := play(b, nil, event(modified, 6), event(modified, 7))
			s.stay = true
			ctx, cancel := context.WithCancel(b.Context())
			time.AfterFunc(time.Minute, cancel)
			s.watchWith(ctx, "", 5, nil)
			s.mustHaveHeard(2)
			s.mustReturnCode(7, codes.Canceled)
			s.mustHaveLeft()
		})
	})
	t.Run("the caller's deadline comes", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := play(b, nil, event(modified, 6), event(modified, 7))
			s.stay = true
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			defer cancel()
			s.watchWith(ctx, "", 5, nil)
			s.mustHaveHeard(2)
			s.mustReturnCode(7, codes.DeadlineExceeded)
		})
	})
	t.Run("each cancels, and returns nil", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := play(b, nil, event(modified, 6), event(modified, 7))
			s.stay = true
			ctx, cancel := context.WithCancel(b.Context())
			s.watchWith(ctx, "", 5, func(e *podsv1.WatchPodsResponse) error {
				if e.GetVersion() == 7 {
					s.link.Note("each cancels ctx, and returns nil")
					cancel()
				}
				return nil
			})
			s.mustHaveHeard(2)
			s.mustReturnCode(7, codes.Canceled)
			s.mustHaveLeft()
		})
	})
}

var errFull = errors.New("each is not content")

// The client side, and a caller who wants no more (context, WithCancel).
func TestEachFails(t *testing.T) {
	for _, tt := range []struct {
		why  string
		err  error
		nth  int
		last int64
		gone bool // cancels ctx before
	}{
		{"at the third event", errFull, 3, 7, false},
		{"at the first event", errFull, 1, 5, false},
		{"with io.EOF, at the second event", io.EOF, 2, 6, false},
		{"with context.Canceled, at the second event", context.Canceled, 2, 6, false},
		{"with a status, at the second event", status.Error(codes.DataLoss, "each's own"), 2, 6, false},
		{"and cancels ctx, at the second event", errFull, 2, 6, true},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 18, func(b *bubble.B) {
				s := play(b, nil, event(modified, 6), event(modified, 7), event(modified, 8), event(modified, 9))
				s.stay = true
				n := 0
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				s.watchWith(ctx, "", 5, func(*podsv1.WatchPodsResponse) error {
					if n++; n == tt.nth {
						if tt.gone {
							s.link.Note("each cancels ctx")
							cancel()
						}
						s.link.Note("each returns an error, for event %d", n)
						return tt.err
					}
					return nil
				})
				s.mustHaveHeard(tt.nth)
				s.mustReturn(tt.last, tt.err)
				s.mustHaveLeft()
			})
		})
	}
}

// Writers and watchers, all at once (sync, Mutex).
func TestMany(t *testing.T) {
	t.Run("who write and who watch", func(t *testing.T) {
		bubble.Run(t, 19, func(b *bubble.B) {
			const writers, puts, watchers = 4, 60, 12
			w := start(b, 10*writers*puts)
			var busy sync.WaitGroup
			for i := range writers {
				busy.Go(func() {
					for n := range puts {
						name := fmt.Sprint("web-", n%3)
						w.s.Put(pod("shop", name, fmt.Sprintf("n%d-%d", i, n)))
						if n%5 == 0 {
							w.s.Delete("shop", name)
						}
						w.Worked()
					}
				})
			}
			for range watchers { // they come and go at one time, and somebody counts them
				busy.Go(func() {
					for range 5 {
						e := w.listen()
						w.s.Watchers()
						e.cancel()
						<-e.over
					}
				})
			}
			clients := make([]*client, watchers)
			for i := range clients {
				clients[i] = w.watch(fmt.Sprint("client ", i), "", 0)
			}
			busy.Wait()
			w.watch("last", "", 0)
			last := w.clients["last"]
			last.mustHearAtLeast("SYNCED")
			want := last.state()
			for _, c := range clients {
				c.mustHaveNoGap(0)
				if got := c.state(); got != want {
					w.Errorf("%d goroutines have put and deleted pods. From all events that a client got which\ncame meanwhile follows that there is now\n  %s\nA client that came after all of it got\n  %s\nWant both to know the same.", writers, got, want)
				}
			}
		})
	})
	t.Run("two calls, and nothing but a lock puts them in order", func(t *testing.T) {
		bubble.Run(t, 19, func(b *bubble.B) {
			calls := []func(*watch.Server){
				func(s *watch.Server) { s.Put(pod("shop", "web-0", "n2")) },
				func(s *watch.Server) { s.Delete("shop", "web-0") },
				func(s *watch.Server) { s.Watchers() },
				(*watch.Server).Stop,
			}
			for i, one := range calls {
				for _, other := range calls[i:] {
					s := watch.NewServer(limit)
					s.Put(pod("shop", "web-0", "n1"))
					var both sync.WaitGroup
					both.Go(func() { one(s) })
					both.Go(func() { other(s) })
					both.Wait()
					b.Worked()
				}
			}
		})
	})
}

// Both sides over a real socket (net, TCPListener).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 19, func(l *loopback.L) {
		s := watch.NewServer(limit)
		server := grpc.NewServer()
		podsv1.RegisterPodServiceServer(server, s)
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

		s.Put(pod("shop", "web-0", "n1"))
		var got []string
		last, err := watch.Watch(l.Context(), podsv1.NewPodServiceClient(cc), "shop", 0, func(e *podsv1.WatchPodsResponse) error {
			got = append(got, line(e, true))
			switch e.GetType() {
			case synced:
				s.Put(pod("bank", "web-0", "n1"))
				s.Put(pod("shop", "web-0", "n2"))
			case modified:
				s.Stop()
			}
			return nil
		})
		want := []string{"ADDED shop/web-0 n1 v1 @0", "SYNCED @1", "MODIFIED shop/web-0 n2 v3 @3"}
		if !slices.Equal(got, want) || last != 3 || status.Code(err) != codes.Unavailable {
			l.Errorf("Watch of your Server over TCP, which is stopped after the third event, returned\n%d, %s\nwith the events\n%s\nWant 3, Unavailable, and\n%s\n%s", last, grpctest.Status(err), indent(got), indent(want), legend)
		}
	})
}

// world is a server that the learner wrote, and its clients.
type world struct {
	*bubble.B
	s     *watch.Server
	grpc  *grpc.Server
	link  *grpctest.Link
	about string // what the failures of a test begin with
	keep  bool   // remember what is sent, for mustBeUnchanged

	age time.Duration // how long the interceptor lets a call be, or 0

	clients map[string]*client

	mu    sync.Mutex
	gates map[string]chan struct{} // by client: closed while a Send on its stream may go on
	taps  map[string]*tap
}

// start starts a server.
func start(b *bubble.B, limit int) *world {
	w := &world{B: b, link: grpctest.New(b), clients: map[string]*client{}, gates: map[string]chan struct{}{}, taps: map[string]*tap{}}
	b.Do(func() string { return fmt.Sprintf("NewServer(%d)", limit) }, func() { w.s = watch.NewServer(limit) })
	w.grpc = grpc.NewServer(grpc.StreamInterceptor(w.intercept))
	podsv1.RegisterPodServiceServer(w.grpc, w.s)
	w.link.Serve(w.grpc)
	b.Cleanup(func() { // so that a watch that does not end by itself is left to the rule that is about that
		w.Go("Stop()", func() error {
			defer func() { _ = recover() }() // it may have been called before
			w.s.Stop()
			return nil
		})
	})
	return w
}

// at makes a call that has to return at once.
func (w *world) at(call string, f func()) {
	w.T().Helper()
	w.link.Note("%s", call)
	c := w.Go(call, func() error { f(); return nil })
	if w.Wait(); !c.Returned() {
		w.Fatalf("%s has not returned. Want it to, at once: it waits for no client.\n\n%s", call, w.Waiting())
	}
}

func pod(namespace, name, node string) *podsv1.Pod {
	return &podsv1.Pod{Namespace: namespace, Name: name, Phase: podsv1.Phase_PHASE_RUNNING, Node: node}
}

// big returns a pod of at least so many bytes.
func big(namespace, name string, size int) *podsv1.Pod {
	p := pod(namespace, name, "n")
	p.Labels = map[string]string{"note": strings.Repeat("x", size)}
	return p
}

func (w *world) put(namespace, name, node string) {
	w.T().Helper()
	w.putPod(pod(namespace, name, node))
}

func (w *world) putPod(p *podsv1.Pod) {
	w.T().Helper()
	w.at(fmt.Sprintf("Put(%s/%s on %s)", p.GetNamespace(), p.GetName(), cmp.Or(p.GetNode(), "no node")), func() { w.s.Put(p) })
}

// quietly puts a pod without a line in the story.
func (w *world) quietly(p *podsv1.Pod) {
	w.s.Put(p)
	w.Worked()
}

func (w *world) del(namespace, name string, want bool) {
	w.T().Helper()
	call := fmt.Sprintf("Delete(%q, %q)", namespace, name)
	var got bool
	w.at(call, func() { got = w.s.Delete(namespace, name) })
	if got != want {
		w.Fatalf("%s = %v, want %v", call, got, want)
	}
}

func (w *world) mustHaveWatchers(want int) {
	w.T().Helper()
	w.Wait()
	if got := w.s.Watchers(); got != want {
		w.Fatalf("Watchers() = %d%s, want %d.\n%s", got, w.when("at"), want, w.calls())
	}
}

// when says what time it is, unless no time has passed yet.
func (w *world) when(word string) string {
	if now := w.Elapsed(); now > 0 {
		return fmt.Sprintf(" %s %v", word, now)
	}
	return ""
}

// calls says which calls of WatchPods there were, and what became of them.
func (w *world) calls() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(w.taps)) {
		t := w.taps[name]
		t.mu.Lock()
		if t.over {
			lines = append(lines, fmt.Sprintf("WatchPods has returned for %s: %s", name, grpctest.Status(t.err)))
		} else {
			lines = append(lines, fmt.Sprintf("WatchPods is under way for %s.", name))
		}
		t.mu.Unlock()
	}
	return strings.Join(lines, "\n")
}

// shut has every Send on that client's stream wait, as if its connection was
// full; open has them go on.
func (w *world) shut(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gates[name] == nil {
		w.gates[name] = make(chan struct{})
		w.link.Note("%s's connection is full: Send waits", name)
	}
}

func (w *world) open(name string) {
	w.mu.Lock()
	w.link.Note("%s's connection is not full any more", name)
	close(w.gates[name])
	delete(w.gates, name)
	w.mu.Unlock()
	w.Wait()
}

func (w *world) gate(name string) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gates[name]
}

// tap is what a WatchPods is given for a stream: it sees all that is sent.
type tap struct {
	grpc.ServerStream
	ctx  context.Context
	w    *world
	name string

	mu      sync.Mutex
	sending int // goroutines in SendMsg
	peak    int
	sent    []sent
	over    bool
	err     error // of WatchPods
}

// unsendable is the node of a pod that no Send takes, as if its name was no UTF-8.
const unsendable = "unsendable"

// sent is a message, and what it was when it was sent.
type sent struct{ msg, was proto.Message }

// intercept calls WatchPods with a tap.
func (w *world) intercept(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx := stream.Context()
	if w.age > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, w.age, errors.New("a cause of the interceptor's own"))
		defer cancel()
	}
	t := &tap{ServerStream: stream, ctx: ctx, w: w, name: strings.Join(metadata.ValueFromIncomingContext(stream.Context(), "client"), "")}
	w.mu.Lock()
	w.taps[t.name] = t
	w.mu.Unlock()
	err := w.handle(srv, t, handler)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over, t.err = true, err
	return err
}

// handle calls WatchPods, whose panic is a failure.
func (w *world) handle(srv any, stream grpc.ServerStream, handler grpc.StreamHandler) (err error) {
	defer func() {
		if crash := recover(); crash != nil {
			w.Errorf("%sWatchPods panicked: %v\nat %s", w.begin(), crash, learnersLine.Find(debug.Stack()))
			err = status.Error(codes.Internal, "WatchPods panicked")
		}
	}()
	return handler(srv, stream)
}

// learnersLine is where the learner's code stands in a stack.
var learnersLine = regexp.MustCompile(`grpc/watch/[a-z0-9]+\.go:\d+`)

func (t *tap) Context() context.Context { return t.ctx }

// tap returns that of the client's call.
func (w *world) tap(name string) *tap {
	w.T().Helper()
	w.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.taps[name] == nil {
		w.Fatalf("the call of %s has not come to the server", name)
	}
	return w.taps[name]
}

func (t *tap) SendMsg(m any) error {
	t.mu.Lock()
	t.sending++
	t.peak = max(t.peak, t.sending)
	if msg, ok := m.(proto.Message); ok && t.w.keep {
		t.sent = append(t.sent, sent{msg, proto.Clone(msg)})
	}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.sending--
	}()
	if gate := t.w.gate(t.name); gate != nil {
		select {
		case <-gate:
		case <-t.Context().Done():
			return status.FromContextError(t.Context().Err()).Err()
		}
	}
	if e, ok := m.(*podsv1.WatchPodsResponse); ok && e.GetPod().GetNode() == unsendable {
		return status.Error(codes.Internal, "this pod cannot be sent")
	}
	return t.ServerStream.SendMsg(m)
}

// most returns how many goroutines were in SendMsg at once.
func (t *tap) most() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peak
}

// mustBeUnchanged wants all messages to be what they were when they were sent.
func (t *tap) mustBeUnchanged() {
	t.w.T().Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sent {
		if !proto.Equal(s.msg, s.was) {
			t.w.Fatalf("Send was called on %s's stream with\n  %s\nand later on that message was\n  %s\nWant it never changed: who traces or counts messages may still look at it.", t.name, grpctest.Text(s.was), grpctest.Text(s.msg))
		}
	}
}

// mustHaveEnded wants WatchPods to have returned an error with one of those
// codes, for that client.
func (w *world) mustHaveEnded(name, why string, want ...codes.Code) {
	w.T().Helper()
	t := w.tap(name)
	t.mu.Lock()
	over, err := t.over, t.err
	t.mu.Unlock()
	switch {
	case !over:
		w.Fatalf("%s, and WatchPods has not returned%s. Want it to, at once.\n\n%s", why, w.when("by"), w.Waiting())
	case !slices.Contains(want, code(err)):
		w.Fatalf("%s, and WatchPods returned\n  %s\nWant an error that means %v, for those who log and count calls:\nthat of the stream's context, or its status.", why, grpctest.Status(err), want[0])
	}
}

// code is that of the status which gRPC makes of a handler's error.
func code(err error) codes.Code {
	if st, ok := status.FromError(err); ok {
		return st.Code()
	}
	return status.FromContextError(err).Code()
}

// client is one call of WatchPods.
type client struct {
	w      *world
	name   string
	call   string // in words
	stream grpc.ServerStreamingClient[podsv1.WatchPodsResponse]
	cancel context.CancelFunc

	mu     sync.Mutex
	events []*podsv1.WatchPodsResponse
	asked  int // how many of them a mustHear has had
	err    error
	endAt  time.Duration
}

// watch has a client call WatchPods, and read all that comes.
func (w *world) watch(name, namespace string, version int64) *client {
	w.T().Helper()
	return w.watchWith(w.Context(), name, namespace, version)
}

func (w *world) watchWith(ctx context.Context, name, namespace string, version int64, opts ...grpc.DialOption) *client {
	w.T().Helper()
	c := w.call(ctx, name, namespace, version, opts...)
	c.read()
	return c
}

// deaf has a client call WatchPods, and read nothing of it. Little of it is on
// its way at once: a window that grew would say nothing about the server.
func (w *world) deaf(name string) *client {
	w.T().Helper()
	return w.call(w.Context(), name, "", 0, grpc.WithStaticStreamWindowSize(64<<10), grpc.WithStaticConnWindowSize(64<<10))
}

func (w *world) call(ctx context.Context, name, namespace string, version int64, opts ...grpc.DialOption) *client {
	w.T().Helper()
	where := "all namespaces"
	if namespace != "" {
		where = fmt.Sprintf("namespace %q", namespace)
	}
	c := &client{w: w, name: name, call: fmt.Sprintf("%s watches %s from version %d", name, where, version)}
	w.clients[name] = c
	ctx, c.cancel = context.WithCancel(metadata.AppendToOutgoingContext(ctx, "client", name))
	var err error
	c.stream, err = podsv1.NewPodServiceClient(w.link.Dial(name, opts...)).WatchPods(ctx, &podsv1.WatchPodsRequest{Namespace: namespace, Version: version})
	if err != nil {
		w.Fatalf("%s: %s", c.call, grpctest.Status(err))
	}
	w.Wait()
	return c
}

// read calls Recv until the call is over.
func (c *client) read() {
	c.w.Go("the client "+c.name, func() error {
		for {
			e, err := c.stream.Recv()
			c.mu.Lock()
			if err != nil {
				c.err, c.endAt = err, c.w.Elapsed()
				c.mu.Unlock()
				return nil
			}
			c.events = append(c.events, e)
			c.mu.Unlock()
		}
	})
	c.w.Wait()
}

// all returns the events so far.
func (c *client) all() []*podsv1.WatchPodsResponse {
	c.w.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// legend explains what line writes.
const legend = "(v: the pod's version, @: the event's version)"

const (
	added    = podsv1.WatchPodsResponse_TYPE_ADDED
	modified = podsv1.WatchPodsResponse_TYPE_MODIFIED
	deleted  = podsv1.WatchPodsResponse_TYPE_DELETED
	synced   = podsv1.WatchPodsResponse_TYPE_SYNCED
)

// change is what the i-th Put of one pod is.
func change(i int) string {
	if i == 0 {
		return "ADDED"
	}
	return "MODIFIED"
}

// line is an event in words: ADDED shop/web-0 n1 v1 @0.
func line(e *podsv1.WatchPodsResponse, versions bool) string {
	words := []string{strings.TrimPrefix(e.GetType().String(), "TYPE_")}
	if p := e.GetPod(); p != nil {
		words = append(words, p.GetNamespace()+"/"+p.GetName())
		if p.GetNode() != "" {
			words = append(words, p.GetNode())
		}
		if versions {
			words = append(words, fmt.Sprint("v", p.GetVersion()))
		}
	}
	if versions {
		words = append(words, fmt.Sprint("@", e.GetVersion()))
	}
	return strings.Join(words, " ")
}

// matches says whether an event is what want says. Versions of which want says
// nothing are not looked at.
func matches(e *podsv1.WatchPodsResponse, want string) bool {
	words := strings.Fields(line(e, true))
	words = slices.DeleteFunc(words, func(w string) bool {
		return w[0] == '@' && !strings.Contains(want, " @") || w[0] == 'v' && !strings.Contains(want, " v")
	})
	return strings.Join(words, " ") == want
}

// mustHear wants those events to have come since it was last called, and no
// others.
func (c *client) mustHear(want ...string) {
	c.w.T().Helper()
	c.hear(true, want)
}

// mustHearAtLeast is mustHear, but wants only that they are among what came.
func (c *client) mustHearAtLeast(want ...string) {
	c.w.T().Helper()
	c.hear(false, want)
}

func (c *client) hear(exactly bool, want []string) {
	c.w.T().Helper()
	c.w.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.events[c.asked:]
	again := c.asked > 0
	c.asked = len(c.events)
	if exactly && slices.EqualFunc(got, want, matches) || !exactly && holds(got, want) {
		return
	}
	text := c.w.begin() + c.call + "."
	if again {
		text += " Since the last look there came" + c.w.when("by") + "\n"
	} else {
		text += " There came" + c.w.when("by") + "\n"
	}
	versions := strings.Contains(strings.Join(want, "\n"), " @") || strings.Contains(strings.Join(want, "\n"), " v")
	text += c.listing(got, want, versions, exactly)
	if c.err != nil {
		text += fmt.Sprintf("The call ended at %v: %s\n", c.endAt, outcome(c.err))
	}
	if versions {
		text += legend
	}
	c.w.Fatalf("%s", text)
}

// listing shows what came and what was wanted, with a mark at the first event
// that is another one.
func (c *client) listing(got []*podsv1.WatchPodsResponse, want []string, versions, exactly bool) string {
	first := 0
	for first < len(got) && first < len(want) && matches(got[first], want[first]) {
		first++
	}
	if !exactly {
		first = -1
	}
	lines := make([]string, len(got))
	for i, e := range got {
		lines[i] = line(e, versions)
	}
	text := marked(lines, first) + "Want\n"
	if !exactly {
		text = marked(lines, first) + "Want among it\n"
	}
	return text + marked(want, first)
}

// marked is an indented list with one of its lines marked. Of a long one, it is
// what is near the mark.
func marked(lines []string, mark int) string {
	if len(lines) == 0 {
		return "  nothing\n"
	}
	var b strings.Builder
	for i, l := range lines {
		switch {
		case len(lines) > 24 && (i < mark-8 || i > max(mark, 0)+8):
			if i == 0 || i == len(lines)-1 {
				fmt.Fprintf(&b, "  … (%d in all)\n", len(lines))
			}
		case i == mark:
			fmt.Fprintf(&b, "> %s\n", l)
		default:
			fmt.Fprintf(&b, "  %s\n", l)
		}
	}
	return b.String()
}

// holds says whether the wanted ones are among what came.
func holds(got []*podsv1.WatchPodsResponse, want []string) bool {
	for _, w := range want {
		if !slices.ContainsFunc(got, func(e *podsv1.WatchPodsResponse) bool { return matches(e, w) }) {
			return false
		}
	}
	return true
}

func indent(lines []string) string { return strings.TrimRight(marked(lines, -1), "\n") }

// begin is what a failure begins with.
func (w *world) begin() string {
	if w.about == "" {
		return ""
	}
	return w.about + "\n"
}

// outcome is how a call ended.
func outcome(err error) string {
	if errors.Is(err, io.EOF) {
		return "OK (io.EOF)"
	}
	return grpctest.Status(err)
}

// mustEnd wants the call to have ended with that code by now, or with one of
// others.
func (c *client) mustEnd(want codes.Code, why string, others ...codes.Code) {
	c.w.T().Helper()
	c.w.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if why != "" {
		why = ": " + why
	}
	switch {
	case c.err == nil:
		c.w.Fatalf("%s%s.\nEvents so far: %d. The call is still going on%s.\nWant it ended with %v%s.\n\n%s", c.w.begin(), c.call, len(c.events), c.w.when("at"), want, why, c.w.Waiting())
	case errors.Is(c.err, io.EOF) || status.Code(c.err) != want && !slices.Contains(others, status.Code(c.err)):
		c.w.Fatalf("%s%s. The call ended with %s.\nWant %v%s.", c.w.begin(), c.call, outcome(c.err), want, why)
	}
}

// mustGoOn wants the call not to have ended.
func (c *client) mustGoOn() {
	c.w.T().Helper()
	c.w.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		c.w.Fatalf("%s%s. The call ended at %v: %s\nWant it to go on: changes are to come.", c.w.begin(), c.call, c.endAt, outcome(c.err))
	}
}

// mustHaveNoGap wants the events after SYNCED, or after that version, to be all
// that there were, in order, as far as they go. They are all of the client's
// namespace.
func (c *client) mustHaveNoGap(version int64) {
	c.w.T().Helper()
	begun := version > 0
	for i, e := range c.all() {
		switch {
		case begun && e.GetVersion() != version+1:
			c.w.Fatalf("%s%s. Behind version %d came, as event %d\n  %s\nWant version %d there: none left out, none twice, in order.\n%s", c.w.begin(), c.call, version, i+1, line(e, true), version+1, legend)
		case e.GetType() == synced:
			begun = true
		}
		version = e.GetVersion()
	}
}

// mustHaveWhole wants SYNCED not to have come before all of so many pods.
func (c *client) mustHaveWhole(pods int) {
	c.w.T().Helper()
	if n := slices.IndexFunc(c.all(), func(e *podsv1.WatchPodsResponse) bool { return e.GetType() == synced }); n >= 0 && n < pods {
		c.w.Fatalf("%s%s. There were %d pods. SYNCED came behind %d of them.\nWant none unless the snapshot is whole: the client takes the others for deleted.", c.w.begin(), c.call, pods, n)
	}
}

// state is what a client knows that applies all events to what it had.
func (c *client) state() string {
	pods := map[string]string{}
	for _, e := range c.all() {
		switch p := e.GetPod(); e.GetType() {
		case added, modified:
			pods[p.GetNamespace()+"/"+p.GetName()] = p.GetNode()
		case deleted:
			delete(pods, p.GetNamespace()+"/"+p.GetName())
		}
	}
	if len(pods) == 0 {
		return "no pod"
	}
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(pods), "map["), "]")
}

// mustRecover has a client come back that was ended, and wants it to end up with
// what the server has.
func (w *world) mustRecover(c *client) {
	w.T().Helper()
	events := c.all()
	last := events[len(events)-1].GetVersion()
	again := w.watch(c.name+" again", "", last)
	again.mu.Lock()
	refused := status.Code(again.err) == codes.OutOfRange
	again.mu.Unlock()
	switch {
	case refused:
		again = w.watch(c.name+" again", "", 0)
	case last > 0:
		again.events = append(events, again.all()...)
	}
	again.mustHaveNoGap(0)
	fresh := w.watch("cid", "", 0)
	fresh.mustHearAtLeast("SYNCED")
	if again.state() != fresh.state() {
		w.Fatalf("%s%s. What came since leads to\n  %s\nThe server has\n  %s\nWant the same, or OutOfRange and then the same from version 0.", w.begin(), again.call, again.state(), fresh.state())
	}
}

// script is a server that plays what a test says, for the client side.
type script struct {
	*bubble.B
	podsv1.UnimplementedPodServiceServer
	link   *grpctest.Link
	client podsv1.PodServiceClient
	events []*podsv1.WatchPodsResponse
	end    error         // behind the events
	pause  time.Duration // before each of them
	stay   bool          // behind the events, until the client goes

	calls, left atomic.Int32
	tries       atomic.Int32 // of Watch, to call
	cancel      context.CancelFunc

	mu    sync.Mutex
	asked []*podsv1.WatchPodsRequest

	call  string                      // of Watch
	kept  []*podsv1.WatchPodsResponse // what each was given
	heard []*podsv1.WatchPodsResponse // what that was at the time
	last  int64
	err   error
}

func event(change podsv1.WatchPodsResponse_Type, version int64) *podsv1.WatchPodsResponse {
	if change == synced {
		return &podsv1.WatchPodsResponse{Type: change, Version: version}
	}
	return &podsv1.WatchPodsResponse{Type: change, Pod: pod("shop", "web-0", "n1"), Version: version}
}

// play starts a server that sends those events, and then ends the call with err.
func play(b *bubble.B, err error, events ...*podsv1.WatchPodsResponse) *script {
	s := &script{B: b, link: grpctest.New(b), events: events, end: err}
	server := grpc.NewServer()
	podsv1.RegisterPodServiceServer(server, s)
	s.link.Serve(server)
	s.client = podsv1.NewPodServiceClient(s.link.Dial("Watch", grpc.WithStreamInterceptor(s.intercept)))
	return s
}

// intercept sees Watch call WatchPods. The second time is one too many, and may
// be the first of endlessly many: it ends them.
func (s *script) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if s.tries.Add(1) > 1 {
		s.cancel()
		return nil, status.Error(codes.Canceled, "Watch calls WatchPods again: it is to make one call")
	}
	return streamer(ctx, desc, cc, method, opts...)
}

func (s *script) WatchPods(req *podsv1.WatchPodsRequest, stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse]) error {
	s.calls.Add(1)
	defer s.left.Add(1)
	s.mu.Lock()
	s.asked = append(s.asked, proto.CloneOf(req))
	s.mu.Unlock()
	for _, e := range s.events {
		if s.pause > 0 {
			<-time.After(s.pause)
		}
		if err := stream.Send(e); err != nil {
			return err
		}
	}
	if s.stay {
		<-stream.Context().Done()
		return status.FromContextError(stream.Context().Err()).Err()
	}
	return s.end
}

// watch calls Watch, and waits until it returns. A nil each is content.
func (s *script) watch(namespace string, version int64, each func(*podsv1.WatchPodsResponse) error) {
	s.T().Helper()
	s.watchWith(s.Context(), namespace, version, each)
}

func (s *script) watchWith(ctx context.Context, namespace string, version int64, each func(*podsv1.WatchPodsResponse) error) {
	s.T().Helper()
	ctx, s.cancel = context.WithCancel(ctx) // s.Context ends with the test, not with Watch: see mustHaveLeft
	s.call = fmt.Sprintf("Watch(ctx, client, %q, %d, each)", namespace, version)
	s.Go(s.call, func() error {
		s.last, s.err = watch.Watch(ctx, s.client, namespace, version, func(e *podsv1.WatchPodsResponse) error {
			s.kept, s.heard = append(s.kept, e), append(s.heard, proto.CloneOf(e))
			if each == nil {
				return nil
			}
			return each(e)
		})
		return nil
	}).Wait()
	if s.tries.Load() > 1 {
		s.Fatalf("%s\ncalled WatchPods, %s,\nand called it again. Want one call for each Watch: whether to come back, and\nwhen, is for the caller to say.", s.call, s.ending())
	}
}

// ending says how the server's one call ends.
func (s *script) ending() string {
	if s.end == nil {
		return "which ended"
	}
	return "which failed with " + status.Code(s.end).String()
}

// mustHaveAsked wants one call with that request.
func (s *script) mustHaveAsked(namespace string, version int64) {
	s.T().Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	want := &podsv1.WatchPodsRequest{Namespace: namespace, Version: version}
	if len(s.asked) != 1 {
		s.Fatalf("%s returned %d, %s\nThe server was called %d times. Want one call.", s.call, s.last, words(s.err), len(s.asked))
	}
	if !proto.Equal(s.asked[0], want) {
		s.Fatalf("%s called WatchPods with\n  %s\nwant\n  %s", s.call, grpctest.Text(s.asked[0]), grpctest.Text(want))
	}
}

// mustHaveHeard wants each to have been called with the first n events.
func (s *script) mustHaveHeard(n int) {
	s.T().Helper()
	s.Wait()
	for i, e := range s.kept {
		if !proto.Equal(e, s.heard[i]) {
			s.Fatalf("%s called each with\n  %s\nand when it had returned, that event was\n  %s\nWant an event of its own for each call: who is given one may keep it.", s.call, grpctest.Text(s.heard[i]), grpctest.Text(e))
		}
	}
	if slices.EqualFunc(s.heard, s.events[:n], func(a, b *podsv1.WatchPodsResponse) bool { return proto.Equal(a, b) }) {
		return
	}
	list := func(events []*podsv1.WatchPodsResponse) string {
		var lines []string
		for _, e := range events {
			lines = append(lines, line(e, true))
		}
		return marked(lines, -1)
	}
	s.Fatalf("%s returned %d, %s\neach was called with\n%sWant\n%s%s", s.call, s.last, words(s.err), list(s.heard), list(s.events[:n]), legend)
}

// mustReturn wants those results.
func (s *script) mustReturn(last int64, err error) {
	s.T().Helper()
	if s.last != last || !errors.Is(s.err, err) {
		why := ""
		if err != nil && s.err != nil && strings.Contains(s.err.Error(), err.Error()) && !errors.Is(s.err, err) {
			why = ": that very one, or one that wraps it,\nfor errors.Is. This one has its text, and is another."
		}
		s.Fatalf("%s returned %d, %s\nWant %d, %s%s\n%s", s.call, s.last, words(s.err), last, words(err), why, s.sent())
	}
}

// mustReturnCode wants an error of that code.
func (s *script) mustReturnCode(last int64, code codes.Code) {
	s.T().Helper()
	or := ""
	if own := map[codes.Code]error{codes.Canceled: context.Canceled, codes.DeadlineExceeded: context.DeadlineExceeded}[code]; own != nil { // then ctx is done
		or = fmt.Sprintf(",\nor that of ctx: errors.Is(err, context.%v)", code)
		if errors.Is(s.err, own) && s.last == last {
			return
		}
	}
	if s.last != last || status.Code(s.err) != code {
		s.Fatalf("%s returned %d, %s\nWant %d, and an error whose status.Code is %v%s.\n%s", s.call, s.last, words(s.err), last, code, or, s.sent())
	}
}

// sent says what the server's script was.
func (s *script) sent() string {
	if len(s.events) == 0 {
		return "The server sent no event."
	}
	var versions []string
	for _, e := range s.events {
		versions = append(versions, fmt.Sprint(e.GetVersion()))
	}
	return "The server sent events with the versions " + strings.Join(versions, ", ") + "."
}

// mustHaveLeft wants the call to be over for the server, too.
func (s *script) mustHaveLeft() {
	s.T().Helper()
	s.Wait()
	if open := s.calls.Load() - s.left.Load(); open > 0 {
		s.Fatalf("%s has returned %d, %s\nThe server still has a call of WatchPods: its stream's context is not done.\nWant the call cancelled: nobody reads from it any more.", s.call, s.last, words(s.err))
	}
}

// words is an error, or that there is none.
func words(err error) string {
	switch {
	case err == nil:
		return "nil"
	case errors.Is(err, io.EOF):
		return "io.EOF"
	}
	if _, ok := status.FromError(err); ok {
		return grpctest.Status(err)
	}
	return fmt.Sprintf("%q", err)
}
