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
				first.mustEnd(0)
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
			s.pass(5 * time.Second)
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
			s.pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, nil)
		})
	})
	t.Run("a client is still there", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, grace, echo)
			s.dial().mustTalk("hello")
			s.pass(5 * time.Second)
			s.stop()
			s.mustRefuse()
		})
	})
	t.Run("ctx has a deadline", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel()
			s := startWith(ctx, b, grace, echo)
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
			c.mustHear("")
			if n := s.handled.Load(); n > 0 {
				s.Errorf("ctx was done when Serve was called, and a handler was called for a client\nthat waited. Want nobody let in.")
			}
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
			s.pass(5 * time.Second)
			s.stop()
			first.mustTalk("will you let me finish?")
			second.mustTalk("me too?")
			s.pass(4 * time.Second)
			first.say("bye")
			first.mustEnd(9 * time.Second)
			s.pass(6 * time.Second)
			second.mustTalk("I am nearly done")
			second.say("bye")
			second.mustEnd(15 * time.Second)
			s.mustReturn(15*time.Second, nil)
		})
	})
	t.Run("a client whose connection is older than grace", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, grace, echo)
			c := s.dial()
			s.pass(2 * grace)
			s.stop()
			s.pass(grace - time.Second)
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
			s.pass(5 * time.Second)
			s.stop()
			s.pass(10 * time.Second)
			second.say("bye")
			second.mustEnd(15 * time.Second)
			s.mustReturn(35*time.Second, serve.ErrCut)
			first.mustEnd(35 * time.Second)
			third.mustEnd(35 * time.Second)
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
			s.mustReturn(33*time.Second, serve.ErrCut)
			c.mustEnd(30 * time.Second)
		})
	})
	t.Run("no grace", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 0, echo)
			c := s.dial()
			c.mustTalk("hello")
			s.pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, serve.ErrCut)
			c.mustEnd(5 * time.Second)
		})
	})
	t.Run("no grace, and nobody there", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 0, echo)
			s.pass(5 * time.Second)
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
		{"ctx has a deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
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
				s.dial()
				s.pass(35 * time.Second)
				if value != "the caller's" {
					s.Fatalf("ctx has the value %q. The handler's context has %v.\nWant the handler to see what ctx holds.", "the caller's", value)
				}
				if done == 0 {
					s.Fatalf("ctx was done after 5s, and grace was over after 35s.\nThe handler's context is still not done, and the handler waits for that.\nWant it done when the handler is cut off.\n\n%s", s.state())
				}
				if done != 35*time.Second {
					s.Fatalf("ctx was done after 5s. The handler's context was done after %v.\nWant it done after 35s: the handler has 30s of grace.", done)
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
				s.pass(5 * time.Second)
				s.ln.Fail(errno, 1)
				c := s.dial()
				s.pass(100 * time.Millisecond)
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
			s.pass(10 * time.Second)
			old.mustTalk("are you still there?")
			if n := s.calls.Load(); n > 250 {
				s.Fatalf("Accept failed for 10s, and was called %d times.\nWant 250 at most: a pause after each failure.", n)
			}
			if s.longest > time.Second {
				s.Fatalf("Accept failed for 10s, and was called %d times, once after a pause of %v.\nWant none longer than a second: somebody waits to be let in.", s.calls.Load(), s.longest)
			}
			s.recover()
			s.pass(time.Second)
			c.mustTalk("hello")
		})
	})
	t.Run("once, after ten seconds of failures and a success", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := start(b, grace, echo)
			s.exhaust()
			s.pass(10 * time.Second)
			s.recover()
			c := s.dial()
			s.pass(time.Second)
			c.mustTalk("hello")
			s.ln.Fail(syscall.EMFILE, 1)
			c = s.dial()
			s.pass(100 * time.Millisecond)
			c.mustTalk("hello")
		})
	})
}

// Accept fails, and the time to stop comes (time, Timer).
func TestStopInPause(t *testing.T) {
	bubble.Run(t, 8, func(b *bubble.B) {
		s := start(b, grace, echo)
		s.exhaust()
		s.pass(20*time.Second + 301*time.Millisecond) // no multiple of what pauses are made of
		s.stop()
		s.mustReturn(20*time.Second+301*time.Millisecond, nil)
	})
}

// Somebody else closes the listener (net, ErrClosed).
func TestListenerClosed(t *testing.T) {
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, grace, echo)
			s.pass(5 * time.Second)
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
			s.pass(5 * time.Second)
			s.closeListener()
			s.pass(10 * time.Second)
			c.mustTalk("hello")
			c.conn.Close()
			s.mustReturn(15*time.Second, net.ErrClosed)
		})
	})
	t.Run("a client stays for ever", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, grace, echo)
			c := s.dial()
			s.pass(5 * time.Second)
			s.closeListener()
			s.mustReturn(35*time.Second, net.ErrClosed, serve.ErrCut)
			c.mustEnd(35 * time.Second)
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
				first.mustEnd(0)
				second.mustTalk("are you still there?")
				third := s.dial()
				third.mustTalk("and you?")
				s.pass(5 * time.Second)
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
				s.pass(5 * time.Second)
				c.conn.Close()
				s.mustReturn(5*time.Second, nil, net.ErrClosed)
				s.MustBeQuiet()
			})
		})
	}
}

// Clients that come and go (net/http, Server.Serve).
func TestComeAndGo(t *testing.T) {
	const clients = 500
	bubble.Run(t, 11, func(b *bubble.B) {
		s := start(b, grace, func(context.Context, net.Conn) {})
		before := runtime.NumGoroutine()
		for range clients {
			s.connect().Close()
		}
		s.Wait()
		if n := s.handled.Load(); n != clients {
			s.Fatalf("%d of %d clients have had a handler", n, clients)
		}
		if more := runtime.NumGoroutine() - before; more > clients/2 {
			s.Fatalf("%d clients came and went, and there are %d goroutines more than before.\nWant none that stays behind for a client that has left.\n\n%s", clients, more, s.Waiting())
		}
	})
}

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
			conns = append(conns, s.connect())
		}
		s.pass(time.Second)
		if n := number.Load(); n != clients {
			s.Fatalf("%d of %d clients have had a handler", n, clients)
		}
		if n := inside.Load(); n != clients/3*2 {
			s.Fatalf("%d handlers are at work, want %d of %d: the others returned at once", n, clients/3*2, clients)
		}
		s.pass(19 * time.Second)
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
	handled atomic.Int64 // calls of handle

	call     *bubble.Call
	cancel   context.CancelFunc
	over     chan struct{} // closed when Serve is over
	returned time.Duration // when that was

	clients   int
	exhausted atomic.Bool
	calls     atomic.Int64  // of Accept, since exhaust
	last      time.Duration // when the last of them was
	longest   time.Duration // between two of them
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
	s := &server{B: b, ln: ln, grace: grace, over: make(chan struct{})}
	s.handle = func(ctx context.Context, conn net.Conn) {
		s.handled.Add(1)
		handle(ctx, conn)
	}
	return s
}

// begin calls Serve.
func (s *server) begin(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.call = s.Go(s.title(), func() error {
		defer close(s.over)
		err := serve.Serve(ctx, counted{s.ln, s}, s.handle, s.grace)
		s.returned = s.Elapsed()
		return err
	})
	s.Wait()
}

// stop tells Serve to stop, once all has happened that can.
func (s *server) stop() {
	s.Wait()
	s.Net.Note("ctx is cancelled")
	s.cancel()
}

// closeListener closes the listener, as somebody else than Serve.
func (s *server) closeListener() {
	s.Wait()
	s.Net.Note("somebody closes ln")
	s.ln.Close()
}

// title says how Serve was called.
func (s *server) title() string { return fmt.Sprintf("Serve(ctx, ln, handle, %v)", s.grace) }

// exhaust makes Accept fail as if there were no more file descriptors, until
// recover is called.
func (s *server) exhaust() {
	s.Net.Note("no file descriptor is left: Accept fails")
	s.Wait()
	s.calls.Store(0)
	s.last = s.Elapsed()
	s.exhausted.Store(true)
	s.ln.Fail(syscall.EMFILE, 1) // for the call that waits
}

func (s *server) recover() {
	s.Net.Note("there are file descriptors again: Accept works")
	s.exhausted.Store(false)
}

// counted is the listener that Serve is given.
type counted struct {
	*memnet.Listener
	s *server
}

func (c counted) Accept() (net.Conn, error) {
	c.s.calls.Add(1)
	if c.s.exhausted.Load() {
		now := c.s.Elapsed()
		c.s.longest, c.s.last = max(c.s.longest, now-c.s.last), now
		c.Fail(syscall.EMFILE, 1)
	}
	return c.Listener.Accept()
}

// pass lets time pass, and everything happen that happens until then.
func (s *server) pass(d time.Duration) {
	<-time.After(d)
	s.Wait()
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
	s.pass(max(0, at-s.Elapsed()))
	if !s.isOver() {
		s.pass(longer)
	}
	if !s.isOver() {
		s.Fatalf("%s\nhas not returned after %v\nwant %s after %v\n\n%s", s.title(), s.Elapsed(), names(want), at, s.Waiting())
	}
	err := s.call.Wait()
	if s.returned != at || !isAny(err, want) {
		s.Fatalf("%s\nreturned %s after %v\nwant     %s after %v", s.title(), name(err), s.returned, names(want), at)
	}
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

// state is what became of Serve.
func (s *server) state() string {
	if s.isOver() {
		return fmt.Sprintf("Serve returned %s after %v.", name(s.call.Wait()), s.returned)
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
		text += fmt.Sprintf("\nIts connection ended after %v: %v", at, ended)
	}
	c.s.Fatalf("%s\n\n%s", text, c.s.state())
}

// mustEnd wants the connection to have ended at that moment.
func (c *client) mustEnd(at time.Duration) {
	c.s.T().Helper()
	c.s.Wait()
	c.mu.Lock()
	ended, endedAt := c.err, c.endedAt
	c.mu.Unlock()
	switch {
	case ended == nil:
		c.s.Fatalf("%s\nThe connection of %s is still open after %v.\nWant it closed after %v, at once.\n\n%s", c.s.title(), c.name, c.s.Elapsed(), at, c.s.state())
	case endedAt != at:
		c.s.Fatalf("%s\nThe connection of %s ended after %v.\nWant it to end after %v.", c.s.title(), c.name, endedAt, at)
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
