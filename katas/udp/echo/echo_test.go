package echo_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/katas/udp/echo"
)

// A client that waits for each answer before it sends again (RFC 768).
func TestMessages(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		s := start(b)
		ann := s.client("Ann")
		ann.say("hello")
		ann.mustHear("ACK: hello")
		ann.say("is anyone there?")
		ann.mustHear("ACK: is anyone there?")
	})
}

// Messages of all sorts, byte for byte (RFC 768).
func TestBytes(t *testing.T) {
	for _, tt := range []struct{ why, message string }{
		{"one byte", "x"},
		{"white space at both ends", " hello\r\n"},
		{"a newline alone", "\n"},
		{"several lines", "one\ntwo\n"},
		{"zero bytes", "a\x00b\x00"},
		{"what is no UTF-8", "\xff\xfe\xc3"},
		{"what Printf would take for a verb", "100%s"},
		{"what looks like an answer", "ACK: hello"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				s := start(b)
				ann := s.client("Ann")
				ann.say("a message that is longer than what comes next")
				ann.mustHear("ACK: a message that is longer than what comes next")
				ann.say(tt.message)
				ann.mustHear("ACK: " + tt.message)
			})
		})
	}
}

// Two clients, now the one, now the other (RFC 768).
func TestSenders(t *testing.T) {
	bubble.Run(t, 2, func(b *bubble.B) {
		s := start(b)
		ann, bob := s.client("Ann"), s.client("Bob")
		for _, c := range []*client{ann, bob, bob, ann} {
			c.say("I am " + c.name)
			c.mustHear("ACK: I am " + c.name)
		}
		ann.mustHear()
		bob.mustHear()
	})
}

// Datagrams with nothing in them (RFC 768: a length of 8, its header's).
func TestEmpty(t *testing.T) {
	bubble.Run(t, 3, func(b *bubble.B) {
		s := start(b)
		ann := s.client("Ann")
		ann.say("")
		ann.mustHear("ACK: ")
		ann.say("are you still there?")
		ann.mustHear("ACK: are you still there?")
	})
}

// Longer and longer messages, up to the longest (RFC 768; RFC 791, section 3.1).
func TestLong(t *testing.T) {
	for _, tt := range []struct {
		why  string
		size int
	}{
		{"512, as old DNS servers have it", 512},
		{"one more", 513},
		{"1024, as many examples have it", 1024},
		{"one more", 1025},
		{"what just fits into an Ethernet frame", 1472},
		{"what does not", 1473},
		{"more than a page of memory", 4097},
		{"a big Ethernet frame", 9000},
		{"more than 32 KiB", 32769},
		{"one less than the longest", 65501},
		{"the longest", 65502},
	} {
		t.Run(fmt.Sprintf("%d bytes: %s", tt.size, tt.why), func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				s := start(b)
				ann := s.client("Ann")
				ann.say(long(tt.size))
				ann.mustHear("ACK: " + long(tt.size))
				ann.say("a short one")
				ann.mustHear("ACK: a short one")
			})
		})
	}
}

// The same with the kernel, which cuts what does not fit, too (recvfrom(2)).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 4, func(l *loopback.L) {
		pc := &socket{PacketConn: l.ListenPacket(), fatalf: l.Fatalf}
		conn := l.DialPacket(pc.LocalAddr())
		ctx, cancel := context.WithCancel(context.Background())
		l.Cleanup(func() {
			pc.over.Store(true)
			cancel()
		})
		serve := l.Go("Serve(ctx, pc)", func() error {
			defer conn.Close() // so that nobody waits for answers any more
			return echo.Serve(ctx, pc)
		})
		for _, size := range []int{5, 512, 1472, 9000} {
			conn.Write([]byte(long(size)))
			if heard, want := hear(conn), "ACK: "+long(size); heard != want {
				text := fmt.Sprintf("client %s\nheard  %s\nwant   %s\n\n%s", quote(long(size)), quote(heard), quote(want), differ(heard, want))
				if serve.Returned() {
					text += fmt.Sprintf("\nServe(ctx, pc) has returned: %v", serve.Wait())
				}
				l.Fatalf("%s", text)
			}
		}
	})
}

// Messages whose acknowledgement would be longer than a datagram (RFC 791,
// section 3.1).
func TestTooLong(t *testing.T) {
	for _, size := range []int{65503, 65504, 65507} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b)
				ann := s.client("Ann")
				ann.say(long(size))
				ann.mustHear("NAK: too long")
				ann.say("a short one")
				ann.mustHear("ACK: a short one")
			})
		})
	}
}

// Fifty messages, all there before Serve looks (net, PacketConn).
func TestFifty(t *testing.T) {
	oneAtATime(t)
	bubble.Run(t, 6, func(b *bubble.B) {
		s := start(b)
		s.slow.Store(true)
		ann, bob := s.client("Ann"), s.client("Bob")
		for i := range 25 {
			ann.send(fmt.Sprintf("message %d from Ann", i+1))
			bob.send(fmt.Sprintf("message %d from Bob", i+1))
		}
		s.mustAnswerAll(ann, bob)
	})
}

// Answers that cannot be sent (RFC 8085, section 5.2).
func TestWriteFails(t *testing.T) {
	for _, tt := range []struct {
		why string
		err syscall.Errno
	}{
		{"a firewall forbids it", syscall.EPERM},
		{"no memory for it", syscall.ENOBUFS},
		{"no way to get there", syscall.EHOSTUNREACH},
		{"its port is 0", syscall.EINVAL},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				s := start(b)
				ann, bob := s.client("Ann"), s.client("Bob")
				ann.say("hello")
				ann.mustHear("ACK: hello")
				s.failWritesTo(ann, tt.err)
				ann.say("can you hear me?")
				bob.say("hello")
				s.Pass(time.Second)
				s.mustServe()
				bob.mustHear("ACK: hello")
				ann.mustHear()
				s.failWritesTo(nil, 0)
				ann.say("and now?")
				s.Pass(time.Second)
				ann.mustHearLast("ACK: and now?")
			})
		})
	}
}

// ReadFrom fails, and then works again (RFC 1122, section 4.1.3.3).
func TestReadFails(t *testing.T) {
	for _, tt := range []struct {
		why string
		err syscall.Errno
	}{
		{"a client has left before its answer came", syscall.ECONNREFUSED},
		{"the same, as Windows says it", syscall.ECONNRESET},
		{"no memory", syscall.ENOBUFS},
		{"the same, in other words", syscall.ENOMEM},
	} {
		t.Run("once: "+tt.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				s := start(b)
				ann := s.client("Ann")
				s.Pass(5 * time.Second)
				s.failRead(tt.err)
				s.Wait()
				s.mustServe()
				ann.say("hello")
				s.mustResume(ann, "ReadFrom failed once.")
				ann.mustHear("ACK: hello")
			})
		})
	}
	t.Run("for ten seconds", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b)
			ann := s.client("Ann")
			s.exhaust()
			ann.send("hello")
			s.Pass(10 * time.Second)
			s.mustServe()
			if n := s.calls.Load(); n > 250 {
				s.Fatalf("ReadFrom failed for 10s, and was called %d times.\nWant 250 at most: a pause after each failure.", n)
			}
			if longest := time.Duration(s.longest.Load()); longest > time.Second {
				s.Fatalf("ReadFrom failed for 10s, and was called %d times, once after a pause of %v.\nWant none longer than a second: messages wait.", s.calls.Load(), longest)
			}
			s.recover()
			s.Pass(time.Second)
			ann.mustHear("ACK: hello")
		})
	})
	t.Run("for five minutes", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b)
			ann := s.client("Ann")
			s.exhaust()
			ann.send("hello")
			s.Pass(5 * time.Minute)
			s.mustServe()
			s.recover()
			s.Pass(time.Second)
			ann.mustHear("ACK: hello")
		})
	})
	t.Run("once, after ten seconds of failures and a success", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b)
			ann := s.client("Ann")
			s.exhaust()
			s.Pass(10 * time.Second)
			s.recover()
			ann.send("hello")
			s.Pass(time.Second)
			ann.mustHear("ACK: hello")
			s.failRead(syscall.ENOBUFS)
			ann.say("and again")
			s.mustResume(ann, "ReadFrom failed for 10s, then it gave a message, and then it failed once more.")
			ann.mustHear("ACK: and again")
		})
	})
}

// Somebody else closes the socket (net, ErrClosed).
func TestSocketClosed(t *testing.T) {
	t.Run("while nobody says anything", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b)
			ann := s.client("Ann")
			ann.say("hello")
			ann.mustHear("ACK: hello")
			s.Pass(5 * time.Second)
			s.closeSocket()
			s.mustReturn(5*time.Second, net.ErrClosed)
		})
	})
	t.Run("before anything began", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := prepare(b)
			s.closeSocket()
			s.begin(s.ctx)
			s.mustReturn(0, net.ErrClosed)
		})
	})
}

// The time to stop (context, AfterFunc).
func TestStop(t *testing.T) {
	t.Run("nobody ever came", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			s.Pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, nil)
		})
	})
	t.Run("after some messages", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			ann := s.client("Ann")
			ann.say("hello")
			ann.mustHear("ACK: hello")
			s.Pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, nil)
		})
	})
	t.Run("ctx has a deadline", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := prepare(b)
			ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
			defer cancel()
			s.begin(ctx)
			s.mustReturn(5*time.Second, nil)
		})
	})
	t.Run("ctx is done before anything began", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := prepare(b)
			s.cancel()
			s.begin(s.ctx)
			s.mustReturn(0, nil)
		})
	})
	t.Run("while ReadFrom fails", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			const at = 20*time.Second + 301*time.Millisecond // no multiple of what pauses are made of
			s := start(b)
			s.exhaust()
			s.Pass(at)
			s.stop()
			s.mustReturn(at, nil)
		})
	})
}

// What is left when Serve has returned (net, PacketConn).
func TestNothingLeft(t *testing.T) {
	for _, tt := range []struct {
		why string
		end func(*server)
	}{
		{"ctx is done", (*server).stop},
		{"somebody closes pc", (*server).closeSocket},
		{"ctx is done while ReadFrom fails", func(s *server) {
			s.exhaust()
			s.stop()
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				s := start(b)
				ann := s.client("Ann")
				ann.say("hello")
				ann.mustHear("ACK: hello")
				ann.conn.Close()
				tt.end(s)
				s.mustReturn(0, nil, net.ErrClosed)
				s.mustBeClosed()
				s.MustBeQuiet()
			})
		})
	}
	t.Run("ctx is done while ReadFrom fails, and closing pc takes a while", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			s.exhaust()
			s.Pass(5 * time.Second)
			s.closing.Store(int64(time.Millisecond))
			s.stop()
			s.Pass(time.Second)
			s.mustReturn(s.returned, nil)
			if !s.wasClosed {
				s.Fatalf("ctx was done, and Serve(ctx, pc) returned before pc was closed: a goroutine\nthat it started was still about to close it.\nWant pc closed when Serve returns.")
			}
			s.MustBeQuiet()
		})
	})
	t.Run("ctx is done while an answer is being sent", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			ann := s.client("Ann")
			letGo := s.holdWrites()
			ann.say("hello")
			ann.conn.Close()
			s.stop()
			if s.isOver() {
				s.Fatalf("ctx is done, and Serve(ctx, pc) has returned, while a goroutine that it started\nwaits in WriteTo:\n  %s\nWant Serve to return when that is over.", *s.sending.Load())
			}
			letGo()
			s.mustReturn(0, nil)
			s.mustBeClosed()
			s.MustBeQuiet()
		})
	})
}

// The same with the kernel's socket (net, UDPConn).
func TestStopLoopback(t *testing.T) {
	loopback.Run(t, 11, func(l *loopback.L) {
		pc := &socket{PacketConn: l.ListenPacket(), fatalf: l.Fatalf}
		conn := l.DialPacket(pc.LocalAddr())
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		serve := l.Go("Serve(ctx, pc)", func() error {
			defer conn.Close()
			return echo.Serve(ctx, pc)
		})
		conn.Write([]byte("hello"))
		if heard := hear(conn); heard != "ACK: hello" && !serve.Returned() {
			l.Fatalf("client \"hello\"\nheard  %s\nwant   \"ACK: hello\"", quote(heard))
		}
		cancel()
		// Should Serve never return, the report has this name in it.
		if err := l.Go("the test, which has cancelled ctx", serve.Wait).Wait(); err != nil {
			l.Fatalf("ctx was done\nServe(ctx, pc) returned %s\nwant                    nil", name(err))
		}
		if !pc.closed.Load() {
			l.Fatalf("Serve(ctx, pc) has returned, and pc is still open. Want it closed.")
		}
		l.MustBeQuiet()
	})
}

// oneAtATime has goroutines take turns until the test is over: a new one begins
// when the others wait or let it.
func oneAtATime(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// hear reads one datagram; what fails is heard as nothing.
func hear(conn net.Conn) string {
	buf := make([]byte, 1<<16)
	n, _ := conn.Read(buf)
	return string(buf[:n])
}

// server is a call of Serve, and its socket.
type server struct {
	*bubble.B
	*socket
	kernel net.Conn // what it sends to the socket, the socket takes for an error

	ctx       context.Context
	cancel    context.CancelFunc
	call      *bubble.Call
	over      chan struct{} // closed when Serve is over
	returned  time.Duration // when that was
	wasClosed bool          // the socket, by then
}

// start calls Serve, with a context that stop cancels.
func start(b *bubble.B) *server {
	s := prepare(b)
	s.begin(s.ctx)
	return s
}

// prepare makes what Serve needs.
func prepare(b *bubble.B) *server {
	pc, err := b.Net.ListenPacket("127.0.0.1:7")
	if err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	kernel, err := b.Net.DialPacket("127.0.0.1:7")
	if err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	b.Net.Name(pc.LocalAddr(), "you")
	b.Net.Name(kernel.LocalAddr(), "kernel")
	b.Net.Describe = describe
	s := &server{B: b, kernel: kernel, over: make(chan struct{})}
	s.socket = &socket{PacketConn: pc, fatalf: b.Fatalf, note: b.Net.Note, elapsed: b.Elapsed, kernel: kernel.LocalAddr().String()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	b.Cleanup(func() {
		s.socket.over.Store(true)
		s.cancel()
	})
	return s
}

// begin calls Serve.
func (s *server) begin(ctx context.Context) {
	s.call = s.Go("Serve(ctx, pc)", func() error {
		defer close(s.over)
		err := echo.Serve(ctx, s.socket)
		s.returned, s.wasClosed = s.Elapsed().Truncate(instant), s.closed.Load()
		return err
	})
	s.Wait()
}

// stop tells Serve to stop, once all has happened that can.
func (s *server) stop() {
	s.Wait()
	s.Net.Note("ctx is cancelled")
	s.cancel()
	s.Wait()
}

// closeSocket closes the socket, as somebody else than Serve.
func (s *server) closeSocket() {
	s.Wait()
	s.Net.Note("somebody closes pc")
	s.socket.Close()
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

// mustServe wants Serve not to have returned.
func (s *server) mustServe() {
	s.T().Helper()
	if s.isOver() {
		s.Fatalf("%s\nWant it to go on.", s.state())
	}
}

// mustReturn wants Serve to return one of these errors at that moment.
func (s *server) mustReturn(at time.Duration, want ...error) {
	s.T().Helper()
	const longer = 10 * time.Minute
	s.Pass(max(0, at-s.Elapsed()))
	if !s.isOver() {
		s.Pass(longer)
	}
	if !s.isOver() {
		s.Fatalf("Serve(ctx, pc) has not returned after %v\nwant %s after %v\n\n%s", s.Elapsed(), names(want), at, s.Waiting())
	}
	err := s.call.Wait()
	if s.returned != at || !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		s.Fatalf("Serve(ctx, pc) returned %s after %v\nwant                    %s after %v", name(err), s.returned, names(want), at)
	}
}

// mustBeClosed wants the socket to be closed.
func (s *server) mustBeClosed() {
	s.T().Helper()
	if !s.closed.Load() {
		s.Fatalf("Serve(ctx, pc) has returned, and pc is still open. Want it closed.")
	}
}

// state is what became of Serve.
func (s *server) state() string {
	if s.isOver() {
		return fmt.Sprintf("Serve(ctx, pc) returned %s after %v.", name(s.call.Wait()), s.returned)
	}
	return "Who waits where:\n\n" + s.Waiting()
}

// mustResume wants ReadFrom to be called again within 100 ms after the failure
// that was, and the client to hear something then.
func (s *server) mustResume(c *client, before string) {
	s.T().Helper()
	failed := s.Elapsed()
	s.Pass(100 * time.Millisecond)
	if _, ok := c.hasHeardAt(); !ok {
		s.Pass(10 * time.Second)
	}
	switch at, ok := c.hasHeardAt(); {
	case s.isOver():
		s.mustServe()
	case ok && at > failed+100*time.Millisecond:
		s.Fatalf("%s\nA message that came right behind the failure was answered %v after it.\nWant a pause of 100ms at most: it is the first failure in a row.", before, at-failed)
	}
}

// failRead makes ReadFrom fail once: the call that waits, or the next one.
func (s *server) failRead(err syscall.Errno) {
	s.Wait()
	s.reason.Store(int64(err))
	s.kernel.Write([]byte(kernelSays + constant(err)))
}

// kernelSays is what datagrams begin with that stand for errors.
const kernelSays = "error "

// describe is what the transcript says of those.
func describe(payload []byte) string {
	if text := string(payload); strings.HasPrefix(text, kernelSays+"E") {
		return text
	}
	return ""
}

// constant is how Go code calls an error of the kernel.
func constant(err syscall.Errno) string {
	for name, e := range map[string]syscall.Errno{
		"ECONNREFUSED": syscall.ECONNREFUSED, "ECONNRESET": syscall.ECONNRESET,
		"ENOBUFS": syscall.ENOBUFS, "ENOMEM": syscall.ENOMEM, "EPERM": syscall.EPERM,
		"EHOSTUNREACH": syscall.EHOSTUNREACH, "EINVAL": syscall.EINVAL,
	} {
		if e == err {
			return name
		}
	}
	return fmt.Sprintf("Errno %d", int(err))
}

// exhaust makes ReadFrom fail until recover is called.
func (s *server) exhaust() {
	s.failRead(syscall.ENOBUFS)
	s.calls.Store(0)
	s.last.Store(int64(s.Elapsed()))
	s.failing.Store(true)
	s.Net.Note("from now on, your ReadFrom fails, each time")
	s.Wait()
}

func (s *server) recover() {
	s.Net.Note("ReadFrom works again")
	s.failing.Store(false)
}

// failWritesTo makes WriteTo fail for a client; for nil, it works again for all.
func (s *server) failWritesTo(c *client, err syscall.Errno) {
	s.Wait()
	s.refused.Store(nil)
	if c != nil {
		s.refused.Store(&refusal{to: c.conn.LocalAddr().String(), err: err})
	}
}

// holdWrites makes WriteTo wait until letGo is called.
func (s *server) holdWrites() (letGo func()) {
	s.Wait()
	held := make(chan struct{})
	letGo = sync.OnceFunc(func() { close(held) })
	s.Cleanup(letGo)
	s.held.Store(&held)
	return letGo
}

// client is one that listens all the time.
type client struct {
	s    *server
	name string
	conn net.Conn

	mu    sync.Mutex
	sent  []string // and not yet looked at
	heard []string
	at    time.Duration // of the last of them
}

func (s *server) client(name string) *client {
	s.T().Helper()
	conn, err := s.Net.DialPacket(s.LocalAddr().String())
	if err != nil {
		s.Fatalf("the test cannot have a socket: %v", err)
	}
	c := &client{s: s, name: name, conn: conn}
	s.Net.Name(conn.LocalAddr(), name)
	s.Go(name, func() error {
		for buf := make([]byte, 1<<16); ; {
			n, err := conn.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			c.mu.Lock()
			if err == nil {
				c.heard, c.at = append(c.heard, string(buf[:n])), s.Elapsed()
			}
			c.mu.Unlock()
		}
	})
	return c
}

// say sends a message, and waits until all has happened that can.
func (c *client) say(message string) {
	c.send(message)
	c.s.Wait()
}

func (c *client) send(message string) {
	c.mu.Lock()
	c.sent = append(c.sent, message)
	c.mu.Unlock()
	c.conn.Write([]byte(message))
}

// take returns what was sent and heard since the last time.
func (c *client) take() (sent, heard []string) {
	c.s.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	sent, heard = c.sent, c.heard
	c.sent, c.heard = nil, nil
	return sent, heard
}

// hasHeardAt returns when the client last heard something that was not looked at.
func (c *client) hasHeardAt() (at time.Duration, ok bool) {
	c.s.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, len(c.heard) > 0
}

// mustHear wants the client to have heard these answers since the last time.
func (c *client) mustHear(want ...string) {
	c.s.T().Helper()
	if sent, heard := c.take(); !slices.Equal(heard, want) {
		c.wrong(sent, heard, want)
	}
}

// mustHearLast wants the last answer to be that.
func (c *client) mustHearLast(want string) {
	c.s.T().Helper()
	if sent, heard := c.take(); len(heard) == 0 || heard[len(heard)-1] != want {
		c.wrong(sent, heard, []string{want})
	}
}

func (c *client) wrong(sent, heard, want []string) {
	c.s.T().Helper()
	text := fmt.Sprintf("%s sent  %s\n%s heard %s\n%-*s  %s", c.name, quote(sent...), c.name, quote(heard...), len(c.name)+5, "want", quote(want...))
	switch {
	case len(heard) == 1 && len(want) == 1:
		text += "\n\n" + differ(heard[0], want[0])
	case len(heard) < len(want):
		text += "\n\n" + c.s.state()
	}
	c.s.Fatalf("%s", strings.TrimRight(text, "\n"))
}

// differ says what two texts have in common that are too long to be compared by
// eye, or look alike.
func differ(heard, want string) string {
	switch message := strings.TrimPrefix(want, "ACK: "); {
	case heard != "" && strings.HasPrefix(want, heard):
		return fmt.Sprintf("Cut: at its end, %d bytes are missing.", len(want)-len(heard))
	case strings.HasPrefix(heard, "ACK: ") && want == echo.TooLong:
		return fmt.Sprintf("Cut: the answer acknowledges %d bytes.", len(heard)-len("ACK: "))
	case strings.HasPrefix(heard, want):
		return fmt.Sprintf("The answer has %d bytes too many.", len(heard)-len(want))
	case strings.HasPrefix(heard, "ACK: ") && strings.HasPrefix(heard, message):
		return "That is the answer to another message."
	}
	return ""
}

// mustAnswerAll wants each client to have heard an answer to each of its
// messages, in any order, and no others.
func (s *server) mustAnswerAll(clients ...*client) {
	s.T().Helper()
	var sent, missing, others []string
	for _, c := range clients {
		said, heard := c.take()
		sent = append(sent, said...)
		for _, message := range said {
			if i := slices.Index(heard, "ACK: "+message); i >= 0 {
				heard = slices.Delete(heard, i, i+1)
			} else {
				missing = append(missing, message)
			}
		}
		others = append(others, heard...)
	}
	if len(missing) == 0 && len(others) == 0 {
		return
	}
	text := fmt.Sprintf("%d different messages came, one right behind the other.\n", len(sent))
	if len(missing) > 0 {
		text += fmt.Sprintf("Not answered: %d of them, for example %s.\n", len(missing), quote(missing[0]))
	}
	if len(others) == 0 {
		s.Fatalf("%s\n%s", text, s.state())
	}
	text += fmt.Sprintf("Sent instead: %d other answers, for example %s.\n", len(others), quote(others[len(others)-1]))
	s.Fatalf("%s\nReadFrom uses the whole buffer that it is given, from the moment it is called.\nWhat still stands in it of the message before is lost to whoever is not done.\nThe same goes for a buffer in which answers are made, while one is being sent.", text)
}

// socket is what Serve is given: a socket that fails when the test wants it to.
type socket struct {
	net.PacketConn
	fatalf  func(format string, args ...any)
	note    func(format string, args ...any)
	elapsed func() time.Duration
	kernel  string // the address whose datagrams are errors

	slow    atomic.Bool // WriteTo lets others go first, ReadFrom uses the buffer at once
	held    atomic.Pointer[chan struct{}]
	sending atomic.Pointer[string] // where WriteTo was called that is held
	closing atomic.Int64           // how long Close takes, a time.Duration
	refused atomic.Pointer[refusal]

	closed   atomic.Bool
	deadline atomic.Pointer[time.Time] // of ReadFrom

	reason  atomic.Int64 // why ReadFrom fails, a syscall.Errno
	failing atomic.Bool  // all calls of ReadFrom do
	calls   atomic.Int64 // of ReadFrom, since exhaust
	last    atomic.Int64 // when the last of them was
	longest atomic.Int64 // between two of them

	over   atomic.Bool  // the test is, so that it does not matter how Serve ends
	inside atomic.Int64 // goroutines in ReadFrom
	most   atomic.Int64 // the most that have been
	errors atomic.Int64 // at one instant, or in a row
	at     atomic.Int64 // which instant
}

// instant is what counts as no time: see socket.failed.
const instant = time.Microsecond

// refusal is why nothing can be sent to an address.
type refusal struct {
	to  string
	err syscall.Errno
}

func (p *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	p.most.Store(max(p.most.Load(), p.inside.Add(1)))
	defer p.inside.Add(-1)
	if p.failing.Load() && !p.isOut() {
		p.calls.Add(1)
		now := int64(p.elapsed())
		p.longest.Store(max(p.longest.Load(), now-p.last.Swap(now)))
		return 0, nil, p.failed("read", p.reasonError("recvfrom"))
	}
	n, from, err := p.readFrom(b)
	switch {
	case err != nil:
		return n, from, p.failed("read", err)
	case from.String() == p.kernel:
		p.note("your ReadFrom fails: %v (%s)", syscall.Errno(p.reason.Load()), constant(syscall.Errno(p.reason.Load())))
		return 0, nil, p.failed("read", p.reasonError("recvfrom"))
	}
	if p.elapsed == nil {
		p.errors.Store(0)
	}
	return n, from, nil
}

// readFrom leaves b alone until a datagram is there. ReadFrom need not: memnet's
// writes into b at once, so that those who still use it see that. Where that is
// not what the test is about, they are spared.
func (p *socket) readFrom(b []byte) (int, net.Addr, error) {
	if p.slow.Load() {
		return p.PacketConn.ReadFrom(b)
	}
	own := make([]byte, len(b))
	n, from, err := p.PacketConn.ReadFrom(own)
	return copy(b, own[:n]), from, err
}

func (p *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	if p.slow.Load() {
		for range 1000 {
			runtime.Gosched()
		}
	}
	if held := p.held.Load(); held != nil {
		at := learner()
		p.sending.Store(&at)
		<-*held
	}
	if r := p.refused.Load(); r != nil && to.String() == r.to && !p.closed.Load() {
		p.note("your WriteTo of %s fails: %v (%s)", quote(string(b)), r.err, constant(r.err))
		return 0, p.failed("write", p.opError("write", to, os.NewSyscallError("sendto", r.err)))
	}
	n, err := p.PacketConn.WriteTo(b, to)
	if err != nil {
		if p.note != nil {
			p.note("your WriteTo of %s fails: %v", quote(string(b)), cause(err))
		}
		return n, p.failed("write", err)
	}
	return n, nil
}

func (p *socket) Close() error {
	if d := time.Duration(p.closing.Load()); d > 0 {
		<-time.After(d)
	}
	p.closed.Store(true)
	return p.PacketConn.Close()
}

func (p *socket) SetDeadline(t time.Time) error {
	p.deadline.Store(&t)
	return p.PacketConn.SetDeadline(t)
}

func (p *socket) SetReadDeadline(t time.Time) error {
	p.deadline.Store(&t)
	return p.PacketConn.SetReadDeadline(t)
}

// isOut says whether ReadFrom fails by itself: a closed socket and a deadline
// that has passed come before anything that the kernel might say.
func (p *socket) isOut() bool {
	t := p.deadline.Load()
	return p.closed.Load() || t != nil && !t.IsZero() && !time.Now().Before(*t)
}

func (p *socket) reasonError(call string) error {
	return p.opError("read", nil, os.NewSyscallError(call, syscall.Errno(p.reason.Load())))
}

func (p *socket) opError(op string, to net.Addr, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: p.LocalAddr(), Addr: to, Err: err}
}

// failed returns err, unless the call was one too many: then its goroutine ends.
// Behind the end of a test that is not about it, a few errors for each goroutine
// that reads are enough.
func (p *socket) failed(op string, err error) error {
	if p.elapsed != nil {
		if now := int64(p.elapsed().Truncate(instant)); p.at.Swap(now) != now {
			p.errors.Store(0)
		}
		if p.errors.Load() > 100 { // perhaps it is about to end, and only needs others to get on
			<-time.After(1)
		}
	}
	switch n := p.errors.Add(1); {
	case p.over.Load() && n > 3*max(1, p.most.Load()):
		runtime.Goexit()
	case n > 1000:
		call := map[string]string{"read": "ReadFrom", "write": "WriteTo"}[op]
		p.fatalf("There is a busy loop: %s was called a thousand times at one instant, and gave\neach time: %v\n  %s", call, cause(err), learner())
	}
	return err
}

// learner is the place in the learner's code that the caller was called from, or
// that started this goroutine.
func learner() string {
	pc := make([]uintptr, 20)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); !strings.HasSuffix(f.File, "_test.go") && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("at %s:%d", short(f.File), f.Line)
		}
	}
	stack := make([]byte, 8<<10)
	_, started, _ := strings.Cut(string(stack[:runtime.Stack(stack, false)]), "\ncreated by ")
	_, started, _ = strings.Cut(started, "\n\t")
	started, _, _ = strings.Cut(started, " ")
	return "in the goroutine that was started at " + short(strings.TrimSpace(started))
}

// short is a path from katas/ or solutions/ on.
func short(file string) string {
	parts := strings.Split(file, "/")
	return strings.Join(parts[max(0, len(parts)-4):], "/")
}

// cause is what is behind the addresses of a socket's error.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// long is a text of so many bytes, of which no part is like another.
func long(size int) string {
	var text strings.Builder
	for i := 0; text.Len() < size; i++ {
		fmt.Fprint(&text, i, " ")
	}
	return text.String()[:size]
}

// shown is how long a text may be to be shown whole.
const shown = 60

// quote is %q of each, but leaves the middle of a long text out.
func quote(texts ...string) string {
	if len(texts) == 0 {
		return "nothing"
	}
	var all []string
	for _, text := range texts {
		if n := len(text); n > shown {
			all = append(all, fmt.Sprintf("%q … %q (%d bytes)", text[:20], text[n-10:], n))
		} else {
			all = append(all, fmt.Sprintf("%q", text))
		}
	}
	return strings.Join(all, ", ")
}

// name is how Go code calls an error, or else its text.
func name(err error) string {
	switch {
	case err == nil:
		return "nil"
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
