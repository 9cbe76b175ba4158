package serve_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/katas/tcp/serve"
)

const grace = 30 * time.Second

// Three clients at once, and one more (net, Listener).
func TestHandlers(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		s := start(b, grace, func(_ context.Context, conn net.Conn) {
			fmt.Fprintf(conn, "hello, %v\n", conn.RemoteAddr())
			io.Copy(io.Discard, conn) // until the client leaves
		})
		var clients []*client
		for range 3 {
			clients = append(clients, s.dial())
		}
		clients = append(clients, s.dial())
		for _, c := range clients {
			c.mustHear(fmt.Sprintf("hello, %v\n", c.conn.LocalAddr()))
		}
	})
}

// Connections end one by one (net.Conn, Close).
func TestClose(t *testing.T) {
	for _, tt := range []struct {
		why string
		end func(net.Conn)
	}{
		{"the handler returns", func(net.Conn) {}},
		{"the handler closes its connection and returns", func(conn net.Conn) { conn.Close() }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				s := start(b, grace, func(_ context.Context, conn net.Conn) {
					echoUntil(conn, "bye")
					tt.end(conn)
				})
				first, second := s.dial(), s.dial()
				first.mustTalk("hello")
				first.say("bye")
				first.mustEnd(0, "its handler has returned")
				second.mustTalk("are you still there?")
				s.dial().mustTalk("and you?")
			})
		})
	}
}

// The time to stop, with nobody there (net/http, Server.Shutdown).
func TestStop(t *testing.T) {
	t.Run("no client ever came", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, grace, echo)
			s.Pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, nil)
			s.mustRefuse()
		})
	})
	t.Run("the only client has left", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, grace, echo)
			c := s.dial()
			c.mustTalk("hello")
			c.conn.Close()
			s.Pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, nil)
		})
	})
	t.Run("a client is still there", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, grace, echo)
			s.dial().mustTalk("hello")
			s.Pass(5 * time.Second)
			s.stop()
			s.mustRefuse()
		})
	})
	t.Run("ctx has a deadline", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel()
			s := startWith(ctx, b, grace, echo)
			s.mark(5*time.Second, "the deadline of ctx has come")
			s.mustReturn(5*time.Second, nil)
			s.mustRefuse()
		})
	})
	t.Run("ctx is done before anything began, and a client waits", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			s := prepare(b, grace, echo)
			c := s.dial()
			s.begin(ctx)
			s.mustReturn(0, nil)
			if n := s.handled.Load(); n > 0 {
				s.Errorf("ctx was done when Serve was called, and a handler was called for a client\nthat waited. Want nobody let in.")
			}
			c.mustEnd(0, "it was not let in")
			s.mustRefuse()
		})
	})
	t.Run("ctx is done at the moment when Accept returns a client", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := prepare(b, grace, echo)
			s.accepted = func(conn net.Conn) net.Conn {
				s.Net.Note("ctx is cancelled, and Accept returns client 1")
				s.cancel()
				return conn
			}
			c := s.dial()
			c.conn.(*memnet.Conn).CloseWrite() // a handler would be done at once
			s.begin(b.Context())
			s.mustReturn(0, nil, serve.ErrCut) // which of them is for rules 4 and 5
			c.mustEnd(0, "Serve has returned; served or turned away, nobody is left behind")
			s.mustRefuse()
		})
	})
}

// Handlers that finish in time (net/http, Server.Shutdown).
func TestGrace(t *testing.T) {
	t.Run("the last one takes ten seconds", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, grace, func(_ context.Context, conn net.Conn) { echoUntil(conn, "bye") })
			first, second := s.dial(), s.dial()
			s.Pass(5 * time.Second)
			s.stop()
			first.mustTalk("will you let me finish?")
			second.mustTalk("me too?")
			s.Pass(4 * time.Second)
			first.say("bye")
			first.mustEnd(9*time.Second, "its handler has returned")
			s.Pass(6 * time.Second)
			second.mustTalk("I am nearly done")
			second.say("bye")
			second.mustEnd(15*time.Second, "its handler has returned")
			s.mustReturn(15*time.Second, nil)
		})
	})
	t.Run("a client whose connection is older than grace", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, grace, echo)
			c := s.dial()
			s.Pass(2 * grace)
			s.stop()
			s.Pass(grace - time.Second)
			c.mustTalk("hello")
			c.conn.Close()
			s.mustReturn(3*grace-time.Second, nil)
		})
	})
}

// Handlers that do not (net/http, Server.Close).
func TestCut(t *testing.T) {
	t.Run("two of three", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, grace, func(_ context.Context, conn net.Conn) { echoUntil(conn, "bye") })
			first, second, third := s.dial(), s.dial(), s.dial()
			s.Pass(5 * time.Second)
			s.stop()
			s.Pass(10 * time.Second)
			second.say("bye")
			second.mustEnd(15*time.Second, "its handler has returned")
			s.Pass(20 * time.Second)
			first.mustEnd(35*time.Second, "grace is over")
			third.mustEnd(35*time.Second, "grace is over")
			s.mustReturn(35*time.Second, serve.ErrCut)
		})
	})
	t.Run("a handler that writes, and a client that does not read", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, grace, func(_ context.Context, conn net.Conn) {
				io.Copy(conn, endless{})
			})
			s.connect()
			s.stop()
			s.mustReturn(grace, serve.ErrCut)
		})
	})
	t.Run("a handler that tidies up for three seconds", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, grace, func(_ context.Context, conn net.Conn) {
				io.Copy(io.Discard, conn)
				<-time.After(3 * time.Second)
			})
			c := s.dial()
			s.stop()
			s.Pass(grace)
			c.mustEnd(grace, "grace is over")
			s.mustReturn(33*time.Second, serve.ErrCut)
		})
	})
	t.Run("no grace", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 0, echo)
			c := s.dial()
			c.mustTalk("hello")
			s.Pass(5 * time.Second)
			s.stop()
			c.mustEnd(5*time.Second, "there is no grace")
			s.mustReturn(5*time.Second, serve.ErrCut)
		})
	})
	t.Run("no grace, and nobody there", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 0, echo)
			s.Pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, nil)
		})
	})
}

// key is that of a value in a context.
type key struct{}

// What a handler sees of the context (context, WithoutCancel).
func TestContext(t *testing.T) {
	for _, tt := range []struct {
		why  string
		stop func(context.Context) (context.Context, context.CancelFunc) // five seconds after the start
	}{
		{"ctx is cancelled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(5*time.Second, cancel)
			return ctx, cancel
		}},
		{"the deadline of ctx has come", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5*time.Second)
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				ctx, cancel := tt.stop(context.WithValue(b.Context(), key{}, "the caller's"))
				defer cancel()
				var value any
				var done time.Duration
				s := startWith(ctx, b, grace, func(ctx context.Context, _ net.Conn) {
					value = ctx.Value(key{})
					<-ctx.Done()
					done = b.Elapsed()
				})
				s.mark(5*time.Second, tt.why)
				s.mark(35*time.Second, "grace is over")
				s.dial()
				s.Pass(35 * time.Second)
				if value != "the caller's" {
					s.Fatalf("ctx has the value %q. The handler's context has %v.\nWant the handler to see what ctx holds.", "the caller's", value)
				}
				if done == 0 {
					s.Fatalf("ctx was done at 5s, and grace was over at 35s.\nThe handler's context is still not done, and the handler waits for that.\nWant it done when the handler is cut off.\n\n%s", s.state())
				}
				if done != 35*time.Second {
					s.Fatalf("ctx was done at 5s. The handler's context was done at %v.\nWant it done at 35s: the handler has 30s of grace.", done)
				}
				s.mustReturn(35*time.Second, serve.ErrCut)
			})
		})
	}
}

// Accept fails, and then works again (net/http, Server.Serve).
func TestAcceptFails(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE} {
		if !errno.Temporary() {
			continue // Windows has no ENFILE
		}
		t.Run("once: "+errno.Error(), func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				s := start(b, grace, echo)
				s.Pass(5 * time.Second)
				s.ln.Fail(errno, 1)
				c := s.dial()
				s.mustRetry()
				c.mustTalk("hello")
			})
		})
	}
	t.Run("for ten seconds", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := start(b, grace, echo)
			old := s.dial()
			old.mustTalk("hello")
			s.exhaust()
			c := s.dial()
			s.Pass(10 * time.Second)
			old.mustTalk("are you still there?")
			switch calls, longest := s.accepts(); {
			case calls > 250:
				s.Fatalf("Accept failed for 10s, and was called %d times.\nWant 250 at most: a pause after each failure.", calls)
			case longest > time.Second:
				s.Fatalf("Accept failed for 10s, and was called %d times, once after a pause of %v.\nWant none longer than a second: somebody waits to be let in.", calls, longest)
			}
			s.recover()
			s.Pass(time.Second)
			c.mustTalk("hello")
		})
	})
	t.Run("once, after ten seconds of failures and a success", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := start(b, grace, echo)
			s.exhaust()
			s.Pass(10 * time.Second)
			s.recover()
			c := s.dial()
			s.Pass(time.Second)
			c.mustTalk("hello")
			s.ln.Fail(syscall.EMFILE, 1)
			c = s.dial()
			s.mustRetry()
			c.mustTalk("hello")
		})
	})
}

// Accept fails, and the time to stop comes (time, Timer).
func TestStopInPause(t *testing.T) {
	bubble.Run(t, 8, func(b *bubble.B) {
		s := start(b, grace, echo)
		s.exhaust()
		s.Pass(20*time.Second + 301*time.Millisecond) // no multiple of what pauses are made of
		s.stop()
		s.mustReturn(20*time.Second+301*time.Millisecond, nil)
	})
}

// Somebody else closes the listener (net, ErrClosed).
func TestListenerClosed(t *testing.T) {
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, grace, echo)
			s.Pass(5 * time.Second)
			s.closeListener()
			s.mustReturn(5*time.Second, net.ErrClosed)
		})
	})
	t.Run("it was closed before anything began", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := prepare(b, grace, echo)
			s.closeListener()
			s.begin(b.Context())
			s.mustReturn(0, net.ErrClosed)
		})
	})
	t.Run("a client stays for ten seconds", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, grace, echo)
			c := s.dial()
			s.Pass(5 * time.Second)
			s.closeListener()
			s.Pass(10 * time.Second)
			c.mustTalk("hello")
			c.conn.Close()
			s.mustReturn(15*time.Second, net.ErrClosed)
		})
	})
	t.Run("a client stays for ever", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, grace, echo)
			c := s.dial()
			s.Pass(5 * time.Second)
			s.closeListener()
			s.Pass(grace)
			c.mustEnd(35*time.Second, "grace is over")
			s.mustReturn(35*time.Second, net.ErrClosed, serve.ErrCut)
		})
	})
}

// A handler that does not come to its end (runtime, Goexit).
func TestPanic(t *testing.T) {
	for _, tt := range []struct {
		why string
		end func()
	}{
		{"it ends its goroutine", runtime.Goexit},
		{"it panics", func() { panic("rule 10: this handler panics on purpose, and Serve has to live with it") }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				s := start(b, grace, func(_ context.Context, conn net.Conn) {
					echoUntil(conn, "bye")
					tt.end()
				})
				first, second := s.dial(), s.dial()
				first.mustTalk("hello")
				s.Do(func() string { return s.title() + ", whose handler does not return: " + tt.why }, func() {
					first.say("bye")
					s.Wait()
				})
				first.mustEnd(0, "its handler is gone")
				second.mustTalk("are you still there?")
				third := s.dial()
				third.mustTalk("and you?")
				s.Pass(5 * time.Second)
				s.stop()
				second.say("bye")
				third.say("bye")
				s.mustReturn(5*time.Second, nil)
			})
		})
	}
}

// What Serve itself leaves (net/http, Server.Shutdown).
func TestNothingLeft(t *testing.T) {
	for _, tt := range []struct {
		why string
		end func(*server)
	}{
		{"ctx is cancelled, and the last client leaves in time", (*server).stop},
		{"somebody closes the listener, and the last client leaves in time", (*server).closeListener},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				s := start(b, grace, echo)
				c := s.dial()
				c.mustTalk("hello")
				tt.end(s)
				s.Pass(5 * time.Second)
				c.conn.Close()
				s.mustReturn(5*time.Second, nil, net.ErrClosed)
				s.MustBeQuiet()
			})
		})
	}
}

// Accept fails for good, while a handler is at work: whether Serve goes on or
// comes to its end is open, but not how (net/http, Server.Shutdown).
func TestAcceptFailsForGood(t *testing.T) {
	bubble.Run(t, 11, func(b *bubble.B) {
		s := start(b, grace, echo)
		c := s.dial()
		c.mustTalk("hello")
		s.Pass(5 * time.Second)
		s.ln.Fail(syscall.EINVAL, 1)
		s.Pass(5 * time.Second)
		if s.isOver() {
			s.Fatalf("%s\nAccept failed at 5s: %v. %s\nThe handler of client 1 is still at work.\nWant it waited for, whatever ends Serve.", s.title(), syscall.EINVAL, s.state())
		}
		c.mustTalk("are you still there?")
		c.conn.Close()
		s.stop()
		if !s.isOver() {
			s.Fatalf("%s\nhas not returned at %v: ctx is done, and the last client has left\n\n%s", s.title(), s.Elapsed(), s.state())
		}
		s.MustBeQuiet()
	})
}

// A Close that takes its time, as that of a TLS connection may: it has a last
// word to say (crypto/tls, Conn.Close).
func TestSlowClose(t *testing.T) {
	bubble.Run(t, 11, func(b *bubble.B) {
		s := prepare(b, grace, func(_ context.Context, conn net.Conn) { echoUntil(conn, "bye") })
		s.accepted = func(conn net.Conn) net.Conn { return slow{conn} }
		s.begin(b.Context())
		c := s.dial()
		c.mustTalk("hello")
		s.Pass(5 * time.Second)
		s.stop()
		s.Pass(time.Second)
		s.Net.Note("the handler of client 1 will return; Close of its connection takes 2s")
		c.say("bye")
		s.Pass(time.Second)
		if s.isOver() {
			s.Fatalf("%s\nClose of client 1's connection was called at 6s, and takes until 8s.\n%s\nWant it to return when the last connection is closed, not before.", s.title(), s.state())
		}
		s.mustReturn(8*time.Second, nil)
		c.mustEnd(8*time.Second, "then Close is done")
	})
}

// slow is a connection whose Close takes two seconds.
type slow struct{ net.Conn }

func (s slow) Close() error {
	<-time.After(2 * time.Second)
	return s.Conn.Close()
}

// Clients that come and go (net/http, Server.Serve).
func TestComeAndGo(t *testing.T) {
	const clients = 500
	bubble.Run(t, 11, func(b *bubble.B) {
		var forgotten atomic.Int64
		s := prepare(b, grace, func(context.Context, net.Conn) {})
		s.accepted = func(conn net.Conn) net.Conn {
			c := &tracked{conn}
			runtime.AddCleanup(c, func(n *atomic.Int64) { n.Add(1) }, &forgotten)
			return c
		}
		s.begin(b.Context())
		before := bubble.Goroutines()
		for range clients {
			conn := s.oneOfMany()
			s.Wait() // one order of what happens at one instant
			conn.Close()
			s.Wait()
		}
		if n := s.handled.Load(); n != clients {
			s.Fatalf("%d of %d clients have had a handler", n, clients)
		}
		if more := bubble.Goroutines() - before; more > clients/2 {
			s.Fatalf("%d clients came and went, and there are %d goroutines more than before.\nWant none that stays behind for a client that has left.\n\n%s", clients, more, s.Waiting())
		}
		// The last ones may still be in some variable.
		for tries := 0; forgotten.Load() < clients*9/10; tries++ {
			if tries == 50 {
				s.Fatalf("%d clients came and went, their handlers have returned, and %d of their\nconnections are still in memory: something keeps them, such as a list, or a\ncontext whose AfterFunc was not stopped.\nWant none kept when its handler has returned.", clients, clients-forgotten.Load())
			}
			runtime.GC() // which calls the cleanups in a goroutine of its own
			runtime.Gosched()
		}
	})
}

// tracked is a connection of which the garbage collector tells when it is gone.
type tracked struct{ net.Conn }

// Three thousand clients: a third leaves at once, a third in time, and a third
// not at all (net/http, Server.Shutdown).
func TestThousands(t *testing.T) {
	const clients = 3000
	bubble.Run(t, 11, func(b *bubble.B) {
		var inside, number atomic.Int64
		s := start(b, grace, func(_ context.Context, conn net.Conn) {
			inside.Add(1)
			defer inside.Add(-1)
			fmt.Fprintln(conn, "hello")
			switch number.Add(1) % 3 {
			case 1:
				<-time.After(40 * time.Second)
			case 2:
				conn.Read(make([]byte, 1)) // nothing will come
			}
		})
		var conns []net.Conn
		for range clients {
			conns = append(conns, s.oneOfMany())
		}
		s.Pass(time.Second)
		if n := number.Load(); n != clients {
			s.Fatalf("%d of %d clients have had a handler", n, clients)
		}
		if n := inside.Load(); n != clients/3*2 {
			s.Fatalf("%d handlers are at work, want %d of %d: the others returned at once", n, clients/3*2, clients)
		}
		s.Pass(19 * time.Second)
		s.stop()
		s.mustReturn(50*time.Second, serve.ErrCut)
		if n := inside.Load(); n != 0 {
			s.Fatalf("Serve returned, and %d handlers have not", n)
		}
		for _, conn := range conns {
			if heard, err := io.ReadAll(conn); string(heard) != "hello\n" || err != nil {
				s.Fatalf("a client heard %q, then the error: %v\nwant          %q, then the end", heard, err, "hello\n")
			}
			conn.Close()
		}
		s.MustBeQuiet()
	})
}

// The same in small, with the kernel's connections and the real time, which is
// not measured (net.TCPListener).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 11, func(l *loopback.L) {
		ctx, stop := context.WithCancel(l.Context())
		defer stop()
		ln := l.Listen()
		call := l.Go("Serve(ctx, ln, handle, 50ms)", func() error {
			return serve.Serve(ctx, ln, echo, 50*time.Millisecond)
		})
		var conns []net.Conn
		for i := range 20 {
			conn := l.Dial(ln.Addr())
			fmt.Fprintf(conn, "client %d\n", i)
			want := fmt.Sprintf("client %d\n", i)
			if got, err := bufio.NewReader(conn).ReadString('\n'); got != want {
				l.Fatalf("client %d heard %q from its handler, which echoes (error: %v)\nwant %q", i, got, err, want)
			}
			conns = append(conns, conn)
		}
		stop()
		if err := call.Wait(); !errors.Is(err, serve.ErrCut) {
			l.Fatalf("ctx was done while 20 clients were there, who stay\nServe returned %s\nwant           ErrCut", name(err))
		}
		for _, conn := range conns {
			io.Copy(io.Discard, conn)
		}
		l.MustBeQuiet()
	})
}

// Handlers.

// echo sends lines back until there are no more.
func echo(_ context.Context, conn net.Conn) { echoUntil(conn, "") }

// echoUntil sends lines back until one is the last.
func echoUntil(conn net.Conn, last string) {
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if lines.Text() == last {
			return
		}
		fmt.Fprintln(conn, lines.Text())
	}
}

// endless can be read for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// server is a call of Serve, and its listener.
type server struct {
	*bubble.B
	ln      *memnet.Listener
	grace   time.Duration
	handle  serve.Handler
	handled atomic.Int64 // how often it was called

	call     *bubble.Call
	cancel   context.CancelFunc
	over     chan struct{} // closed when Serve is over
	returned time.Duration // when that was

	accepted func(net.Conn) net.Conn // what Accept returns instead; nil: that itself
	clients  int
	late     atomic.Int64 // calls of Accept that failed when the test was over

	mu        sync.Mutex
	exhausted bool
	calls     int           // of Accept, since exhaust
	failing   bool          // the last one failed
	failedAt  time.Duration // when the last failure was
	paused    time.Duration // from then to the next call
	longest   time.Duration // of those pauses
}

// start calls Serve, with a context that stop cancels.
func start(b *bubble.B, grace time.Duration, handle serve.Handler) *server {
	return startWith(b.Context(), b, grace, handle)
}

func startWith(ctx context.Context, b *bubble.B, grace time.Duration, handle serve.Handler) *server {
	s := prepare(b, grace, handle)
	s.begin(ctx)
	return s
}

// prepare makes what Serve needs.
func prepare(b *bubble.B, grace time.Duration, handle serve.Handler) *server {
	ln, err := b.Net.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatalf("the test cannot listen: %v", err)
	}
	b.Net.Name(ln.Addr(), "you")
	return &server{B: b, ln: ln, grace: grace, handle: handle, over: make(chan struct{})}
}

// handler is what Serve is given.
func (s *server) handler(ctx context.Context, conn net.Conn) {
	s.handled.Add(1)
	s.handle(ctx, conn)
}

// begin calls Serve.
func (s *server) begin(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.call = s.Go(s.title(), func() error {
		defer close(s.over)
		err := serve.Serve(ctx, listener{s.ln, s}, s.handler, s.grace)
		s.returned = s.Elapsed()
		return err
	})
	s.Wait()
}

// stop tells Serve to stop, once all has happened that can.
func (s *server) stop() {
	s.Wait()
	s.Net.Note("ctx is cancelled")
	s.mark(s.Elapsed()+s.grace, "grace is over")
	s.cancel()
}

// closeListener closes the listener, as somebody else than Serve.
func (s *server) closeListener() {
	s.Wait()
	s.Net.Note("somebody closes ln")
	s.mark(s.Elapsed()+s.grace, "grace is over")
	s.ln.Close()
}

// mark says in the picture what comes at that moment, before all else that
// happens then, unless Serve is over.
func (s *server) mark(at time.Duration, words string) {
	before := at - s.Elapsed() - time.Nanosecond
	if before < 0 {
		s.Net.Note("%s", words)
		return
	}
	time.AfterFunc(before, func() {
		select {
		case <-s.over:
		default:
			s.Net.Note("%s", words)
		}
	})
}

// title says how Serve was called.
func (s *server) title() string { return fmt.Sprintf("Serve(ctx, ln, handle, %v)", s.grace) }

// exhaust makes Accept fail as if there were no more file descriptors, until
// recover is called.
func (s *server) exhaust() {
	s.Wait()
	s.Net.Note("no file descriptor is left")
	s.setExhausted(true)
	s.ln.Fail(syscall.EMFILE, 1) // for the call that waits
}

func (s *server) recover() {
	s.Net.Note("there are file descriptors again")
	s.setExhausted(false)
}

func (s *server) setExhausted(now bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exhausted = now
	s.calls, s.longest = 0, 0
}

// accepts returns how often Accept was called since exhaust, and the longest
// pause between a failure and the next call.
func (s *server) accepts() (calls int, longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.longest
}

// listener is what Serve is given.
type listener struct {
	*memnet.Listener
	s *server
}

func (l listener) Accept() (net.Conn, error) {
	l.s.called()
	conn, err := l.Listener.Accept()
	if err != nil {
		l.s.failed(err)
		return nil, err
	}
	if l.s.accepted != nil {
		conn = l.s.accepted(conn)
	}
	return conn, nil
}

// called notes a call of Accept.
func (s *server) called() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.failing {
		s.paused = s.Elapsed() - s.failedAt
		s.longest = max(s.longest, s.paused)
		s.failing = false
	}
	if s.exhausted {
		s.ln.Fail(syscall.EMFILE, 1)
	}
}

// failed notes that a call of Accept failed. When the test is over, which closed
// the listener, Accept ends the goroutine of who calls it again and again: that
// is a matter for the tests of rules 3 and 9.
func (s *server) failed(err error) {
	if s.Context().Err() != nil && s.late.Add(1) > 3 {
		runtime.Goexit()
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		s.Net.Note("Accept fails: %v", errno)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing, s.failedAt = true, s.Elapsed()
}

// isOver says whether Serve is over: it returned, or panicked.
func (s *server) isOver() bool {
	s.Wait()
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// mustReturn wants Serve to return one of these errors at that moment.
func (s *server) mustReturn(at time.Duration, want ...error) {
	s.T().Helper()
	const longer = 10 * time.Minute
	s.Pass(max(0, at-s.Elapsed()))
	var waiting string // at that moment
	if !s.isOver() {
		waiting = s.Waiting()
		s.Pass(longer)
	}
	if !s.isOver() {
		s.Fatalf("%s\nhas not returned at %v\nwant %s at %v\n\nWho waited where at %[4]v:\n\n%[5]s", s.title(), s.Elapsed(), names(want), at, waiting)
	}
	err := s.call.Wait()
	if s.returned != at || !isAny(err, want) {
		s.Fatalf("%s\nreturned %s at %v\nwant     %s at %v", s.title(), name(err), s.returned, names(want), at)
	}
}

// mustRetry wants Accept, which fails now, to be called again soon.
func (s *server) mustRetry() {
	s.T().Helper()
	const soon = 100 * time.Millisecond
	s.Wait()
	failed := s.Elapsed()
	s.Pass(soon)
	if _, over := s.pause(); over {
		return
	}
	by := s.Elapsed()
	s.Pass(time.Minute)
	text := fmt.Sprintf("%s\nAccept failed at %v, and was not called again by %v.\nWant the first pause to be %v at most", s.title(), failed, by, soon)
	if yours, over := s.pause(); over {
		s.Fatalf("%s: yours is %v.", text, yours)
	}
	s.Fatalf("%s.\n\n%s", text, s.state())
}

// pause is the last one after a failure of Accept, and whether it is over.
func (s *server) pause() (span time.Duration, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.paused, !s.failing
}

// mustRefuse wants nobody to listen any more.
func (s *server) mustRefuse() {
	s.T().Helper()
	s.Wait()
	conn, err := s.Net.Dial(s.Context(), "tcp", s.ln.Addr().String())
	if err == nil {
		conn.Close()
		s.Fatalf("%s\nctx is done, and a new client could still connect\nwant ln closed, so that it is refused", s.title())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		s.Fatalf("%s\nctx is done, and a new client got the error: %v\nwant ln closed, so that it is refused", s.title(), err)
	}
}

// connect makes a connection to the server.
func (s *server) connect() net.Conn {
	s.T().Helper()
	conn, err := s.Net.Dial(s.Context(), "tcp", s.ln.Addr().String())
	if err != nil {
		s.Fatalf("%s\na client cannot connect: %v\n%s", s.title(), err, s.state())
	}
	return conn
}

// oneOfMany is connect, for clients that the picture need not tell apart.
func (s *server) oneOfMany() net.Conn {
	s.T().Helper()
	conn := s.connect()
	s.Net.Name(conn.LocalAddr(), "clients")
	return conn
}

// state is what became of Serve.
func (s *server) state() string {
	if s.isOver() {
		return fmt.Sprintf("Serve returned %s at %v.", name(s.call.Wait()), s.returned)
	}
	return "Who waits where:\n\n" + s.Waiting()
}

// client is one that reads all the time.
type client struct {
	s    *server
	name string
	conn net.Conn

	mu      sync.Mutex
	heard   string // and not yet looked at
	err     error  // that ended it
	endedAt time.Duration
}

// dial connects a client.
func (s *server) dial() *client {
	s.T().Helper()
	s.clients++
	c := &client{s: s, name: fmt.Sprintf("client %d", s.clients), conn: s.connect()}
	s.Net.Name(c.conn.LocalAddr(), c.name)
	s.Go(c.name, func() error {
		for buf := make([]byte, 4096); ; {
			n, err := c.conn.Read(buf)
			c.mu.Lock()
			c.heard += string(buf[:n])
			c.err, c.endedAt = err, s.Elapsed()
			c.mu.Unlock()
			if err != nil {
				return nil
			}
		}
	})
	return c
}

// say sends a line.
func (c *client) say(line string) { fmt.Fprintln(c.conn, line) }

// mustTalk wants the handler, which echoes, to answer at once.
func (c *client) mustTalk(line string) {
	c.s.T().Helper()
	c.say(line)
	c.mustHear(line + "\n")
}

// mustHear wants the client to have heard that by now.
func (c *client) mustHear(want string) {
	c.s.T().Helper()
	c.s.Wait()
	c.mu.Lock()
	got, ended, at := c.heard, c.err, c.endedAt
	c.heard = ""
	c.mu.Unlock()
	if got == want {
		return
	}
	who := c.name + " heard "
	text := fmt.Sprintf("%s\n%s%s by %v\n%-*s%s", c.s.title(), who, quote(got), c.s.Elapsed(), len(who), "want", quote(want))
	if ended != nil {
		text += fmt.Sprintf("\nIts connection ended at %v: %v", at, ended)
	}
	c.s.Fatalf("%s\n\n%s", text, c.s.state())
}

// mustEnd wants the connection to have ended at that moment; why says what for.
func (c *client) mustEnd(at time.Duration, why string) {
	c.s.T().Helper()
	c.s.Wait()
	c.mu.Lock()
	ended, endedAt := c.err, c.endedAt
	c.mu.Unlock()
	switch {
	case ended == nil:
		c.s.Fatalf("%s\nThe connection of %s is still open at %v.\nWant it closed at %v: %s.\n\n%s", c.s.title(), c.name, c.s.Elapsed(), at, why, c.s.state())
	case endedAt != at:
		c.s.Fatalf("%s\nThe connection of %s ended at %v.\nWant it closed at %v: %s.", c.s.title(), c.name, endedAt, at, why)
	}
}

// quote is %q, but says so when there is nothing.
func quote(text string) string {
	if text == "" {
		return "nothing"
	}
	return fmt.Sprintf("%q", text)
}

// isAny says whether err is one of those; a nil among them is no error.
func isAny(err error, want []error) bool {
	for _, w := range want {
		if errors.Is(err, w) {
			return true
		}
	}
	return false
}

// name is how Go code calls an error, or else its text.
func name(err error) string {
	switch {
	case err == nil:
		return "nil"
	case errors.Is(err, serve.ErrCut) && errors.Is(err, net.ErrClosed):
		return "ErrCut and net.ErrClosed"
	case errors.Is(err, serve.ErrCut):
		return "ErrCut"
	case errors.Is(err, net.ErrClosed):
		return "net.ErrClosed"
	}
	return fmt.Sprintf("%q", err)
}

// names are the names of errors of which any will do.
func names(errs []error) string {
	var all []string
	for _, err := range errs {
		all = append(all, name(err))
	}
	return strings.Join(all, " or ")
}
