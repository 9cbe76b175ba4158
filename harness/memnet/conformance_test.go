package memnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/netkata/harness/memnet"
	"golang.org/x/net/nettest"
)

// The same behaviours are demanded of the kernel's loopback, of memnet, and of
// memnet in a bubble, so that memnet cannot drift from what it stands for.

// behaviour is one thing that code can see of a network.
type behaviour struct {
	name string // as a sentence
	run  func(w *world)
}

func TestConformance(t *testing.T) {
	for _, b := range slices.Concat(streamBehaviours, listenerBehaviours, packetBehaviours) {
		t.Run(b.name, func(t *testing.T) {
			t.Run("kernel", func(t *testing.T) { outside(t, b, kernel()) })
			t.Run("memnet", func(t *testing.T) { outside(t, b, memory(memnet.New())) })
			t.Run("bubble", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := memory(memnet.New())
					s.settle = synctest.Wait
					b.run(&world{TB: t, system: s})
				})
			})
		})
	}
}

// outside runs a behaviour where nothing notices a deadlock.
func outside(t *testing.T, b behaviour, s system) {
	hangs := time.AfterFunc(time.Minute, func() { panic(t.Name() + " hangs") })
	defer hangs.Stop()
	b.run(&world{TB: t, system: s})
}

// TestNettest runs the conformance test of golang.org/x/net.
func TestNettest(t *testing.T) {
	for name, s := range map[string]func() system{"kernel": kernel, "memnet": func() system { return memory(memnet.New()) }} {
		t.Run(name, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				w := &world{TB: t, system: s()}
				c1, c2 = w.pair()
				return c1, c2, func() { c1.Close(); c2.Close() }, nil
			})
		})
	}
}

// system is a network under test.
type system struct {
	listen       func(addr string) (net.Listener, error)
	dial         func(ctx context.Context, network, addr string) (net.Conn, error)
	listenPacket func(addr string) (net.PacketConn, error)
	settle       func() // gives others the time to get to where they wait
	isKernel     bool
}

func kernel() system {
	var d net.Dialer
	return system{
		listen:       func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) },
		dial:         d.DialContext,
		listenPacket: func(addr string) (net.PacketConn, error) { return net.ListenPacket("udp", addr) },
		settle:       yield,
		isKernel:     true,
	}
}

func memory(n *memnet.Network) system {
	return system{
		listen: func(addr string) (net.Listener, error) {
			l, err := n.Listen(addr)
			if err != nil {
				return nil, err // not a typed nil
			}
			return l, nil
		},
		dial: n.Dial,
		listenPacket: func(addr string) (net.PacketConn, error) {
			p, err := n.ListenPacket(addr)
			if err != nil {
				return nil, err
			}
			return p, nil
		},
		settle: yield,
	}
}

// yield makes it likely that others wait where the test wants them. Nothing may
// depend on it: only in a bubble is it certain.
func yield() {
	for range 20 {
		runtime.Gosched()
	}
}

// world is a system with the helpers of a test.
type world struct {
	testing.TB
	system
}

// conn is what connections of both kinds have.
type conn interface {
	net.Conn
	CloseWrite() error
	CloseRead() error
	SetLinger(sec int) error
}

const anyPort = "127.0.0.1:0"

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) listener() net.Listener {
	w.Helper()
	ln, err := w.listen(anyPort)
	w.must(err)
	w.Cleanup(func() { ln.Close() })
	return ln
}

func (w *world) dialTo(network string, addr net.Addr) net.Conn {
	w.Helper()
	c, err := w.dial(w.Context(), network, addr.String())
	w.must(err)
	w.Cleanup(func() { c.Close() })
	return c
}

func (w *world) accept(ln net.Listener) conn {
	w.Helper()
	c, err := ln.Accept()
	w.must(err)
	w.Cleanup(func() { c.Close() })
	return c.(conn)
}

// pair returns the ends of a connection.
func (w *world) pair() (client, server conn) {
	w.Helper()
	ln := w.listener()
	client = w.dialTo("tcp", ln.Addr()).(conn)
	return client, w.accept(ln)
}

func (w *world) socket() net.PacketConn {
	w.Helper()
	p, err := w.listenPacket(anyPort)
	w.must(err)
	w.Cleanup(func() { p.Close() })
	return p
}

// send writes all of text.
func (w *world) send(c io.Writer, text string) {
	w.Helper()
	if n, err := io.WriteString(c, text); n != len(text) || err != nil {
		w.Fatalf("Write = %d, %v; want %d, nil", n, err, len(text))
	}
}

// receive reads as much as text has and compares.
func (w *world) receive(c io.Reader, text string) {
	w.Helper()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		w.Fatalf("read %q, %v; want %q", b, err, text)
	}
}

// receiveEnd demands io.EOF itself: package net does not wrap it.
func (w *world) receiveEnd(c io.Reader) {
	w.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		w.Fatalf("Read = %d, %v; want 0, EOF", n, err)
	}
}

// kind is an error by all names that it has on the systems.
type kind []error

// The numbers are those of Windows (WSAE…), which package syscall does not name.
var (
	closed      = kind{net.ErrClosed}
	timeout     = kind{os.ErrDeadlineExceeded}
	refused     = kind{syscall.ECONNREFUSED, syscall.Errno(10061)}
	inUse       = kind{syscall.EADDRINUSE, syscall.Errno(10048)}
	wasReset    = kind{syscall.ECONNRESET, syscall.Errno(10054), syscall.Errno(10053)}
	brokenPipe  = kind{syscall.EPIPE, syscall.Errno(10058)}
	notThere    = append(slices.Concat(wasReset, brokenPipe), syscall.ENOTCONN, syscall.Errno(10057))
	tooLong     = kind{syscall.EMSGSIZE, syscall.Errno(10040)}
	destination = kind{syscall.EDESTADDRREQ, syscall.Errno(10057), syscall.Errno(10039)}
)

func (k kind) holds(err error) bool {
	return slices.ContainsFunc(k, func(target error) bool { return errors.Is(err, target) })
}

// fails demands a *net.OpError of that operation, with those addresses, which
// may be nil, around an error of that kind.
func (w *world) fails(err error, op, network string, source, addr net.Addr, k kind) {
	w.Helper()
	var e *net.OpError
	if !errors.As(err, &e) {
		w.Fatalf("got %T (%v), want a *net.OpError of %s", err, err, op)
	}
	if e.Op != op || e.Net != network || !same(e.Source, source) || !same(e.Addr, addr) {
		w.Errorf("got Op %q, Net %q, Source %v, Addr %v of %q\nwant   %q,     %q,        %v,      %v",
			e.Op, e.Net, e.Source, e.Addr, err, op, network, source, addr)
	}
	if !k.holds(err) {
		w.Errorf("got %v (%T), want one of %v", err, errors.Unwrap(errors.Unwrap(err)), k)
	}
	if e.Timeout() != timeout.holds(err) {
		w.Errorf("Timeout() of %v is %v", err, e.Timeout())
	}
}

// same compares addresses and their types; a nil pointer is not a nil Addr.
func same(a, b net.Addr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Network() == b.Network() && a.String() == b.String()
}

// readFails and writeFails are for a connection.
func (w *world) readFails(c net.Conn, k kind) {
	w.Helper()
	n, err := c.Read(make([]byte, 8))
	if n != 0 {
		w.Errorf("Read gave %d bytes, want none", n)
	}
	w.fails(err, "read", c.LocalAddr().Network(), c.LocalAddr(), c.RemoteAddr(), k)
}

func (w *world) writeFails(c net.Conn, k kind) {
	w.Helper()
	n, err := c.Write([]byte("hello"))
	if n != 0 {
		w.Errorf("Write took %d bytes, want none", n)
	}
	w.fails(err, "write", c.LocalAddr().Network(), c.LocalAddr(), c.RemoteAddr(), k)
}

// result is what a call in another goroutine gave.
type result struct {
	n   int
	err error
}

// start makes a call in another goroutine, and lets it get to where it waits.
func (w *world) start(call func() (int, error)) <-chan result {
	done := make(chan result, 1)
	go func() {
		n, err := call()
		done <- result{n, err}
	}()
	w.settle()
	return done
}

func (w *world) startRead(c io.Reader) <-chan result {
	return w.start(func() (int, error) { return c.Read(make([]byte, 8)) })
}

// huge is more than any network holds.
var huge = make([]byte, 64<<20)

func (w *world) startHugeWrite(c io.Writer) <-chan result {
	return w.start(func() (int, error) { return c.Write(huge) })
}

var past = time.Unix(1, 0)

var streamBehaviours = []behaviour{
	{"both ends know both addresses", func(w *world) {
		ln := w.listener()
		c := w.dialTo("tcp", ln.Addr())
		s := w.accept(ln)
		if _, ok := c.LocalAddr().(*net.TCPAddr); !ok {
			w.Errorf("LocalAddr is a %T, want *net.TCPAddr", c.LocalAddr())
		}
		if !same(c.RemoteAddr(), ln.Addr()) || !same(s.LocalAddr(), ln.Addr()) || !same(c.LocalAddr(), s.RemoteAddr()) {
			w.Errorf("listener %v, client %v → %v, server %v → %v",
				ln.Addr(), c.LocalAddr(), c.RemoteAddr(), s.LocalAddr(), s.RemoteAddr())
		}
	}},
	{"a stream has no messages: two writes can be one read", func(w *world) {
		c, s := w.pair()
		w.send(c, "ab")
		w.send(c, "cd")
		w.receive(s, "abcd")
	}},
	{"after Close, everything fails with net.ErrClosed", func(w *world) {
		c, _ := w.pair()
		local, remote := c.LocalAddr(), c.RemoteAddr()
		w.must(c.Close())
		w.readFails(c, closed)
		w.writeFails(c, closed)
		_, err := c.Read(nil)
		w.fails(err, "read", "tcp", local, remote, closed)
		w.fails(c.Close(), "close", "tcp", local, remote, closed)
		w.fails(c.CloseWrite(), "close", "tcp", local, remote, closed)
		w.fails(c.CloseRead(), "close", "tcp", local, remote, closed)
		w.fails(c.SetLinger(0), "set", "tcp", local, remote, closed)
		w.fails(c.SetDeadline(past), "set", "tcp", nil, local, closed)
		w.fails(c.SetReadDeadline(past), "set", "tcp", nil, local, closed)
		w.fails(c.SetWriteDeadline(past), "set", "tcp", nil, local, closed)
		if !same(c.LocalAddr(), local) || !same(c.RemoteAddr(), remote) {
			w.Error("a closed connection has forgotten its addresses")
		}
	}},
	{"after the peer's Close, what it sent is read, then EOF for ever", func(w *world) {
		c, s := w.pair()
		w.send(s, "bye")
		w.must(s.Close())
		w.receive(c, "bye")
		w.receiveEnd(c)
		w.receiveEnd(c)
	}},
	{"after the peer's Close, a Write succeeds before one fails", func(w *world) {
		c, s := w.pair()
		w.must(s.Close())
		w.receiveEnd(c)
		w.send(c, "lost")
		var err error
		for err == nil { // until the reset has come back
			_, err = c.Write([]byte("x"))
		}
		w.fails(err, "write", "tcp", c.LocalAddr(), c.RemoteAddr(), notThere)
	}},
	{"CloseWrite ends one direction: the peer reads EOF, and its reply arrives", func(w *world) {
		c, s := w.pair()
		w.send(c, "question")
		w.must(c.CloseWrite())
		w.must(c.CloseWrite())
		w.writeFails(c, brokenPipe)
		w.receive(s, "question")
		w.receiveEnd(s)
		w.send(s, "reply")
		w.must(s.Close())
		w.receive(c, "reply")
		w.receiveEnd(c)
	}},
	{"once both ends have ended, CloseWrite and CloseRead say: not connected", func(w *world) {
		c, s := w.pair()
		w.must(c.CloseWrite())
		w.receiveEnd(s)
		w.must(s.CloseWrite())
		w.receiveEnd(c)
		if runtime.GOOS != "linux" && w.isKernel {
			return // elsewhere it may be nil
		}
		w.fails(c.CloseWrite(), "close", "tcp", c.LocalAddr(), c.RemoteAddr(), notThere)
		w.fails(c.CloseRead(), "close", "tcp", c.LocalAddr(), c.RemoteAddr(), notThere)
		w.writeFails(c, brokenPipe)
		w.must(c.Close())
	}},
	{"Close with unread data is a reset for the peer", func(w *world) {
		c, s := w.pair()
		w.send(c, "ab")
		w.receive(s, "a") // so b has arrived too
		w.send(s, "reply")
		w.must(s.Close())
		if runtime.GOOS != "windows" || !w.isKernel {
			w.receive(c, "reply")
		}
		w.readFails(c, wasReset)
		w.afterReset(c)
	}},
	{"SetLinger(0) makes Close a reset", func(w *world) {
		c, s := w.pair()
		w.must(s.SetLinger(0))
		w.must(s.Close())
		w.readFails(c, wasReset)
		w.afterReset(c)
	}},
	{"a Write learns of a reset too, and takes the news from Read", func(w *world) {
		c, s := w.pair()
		w.must(s.SetLinger(0))
		w.must(s.Close())
		var err error
		for err == nil { // until the reset is here
			_, err = c.Write([]byte("x"))
		}
		w.fails(err, "write", "tcp", c.LocalAddr(), c.RemoteAddr(), notThere)
		w.afterReset(c)
	}},
	{"a reset ends a Write that waits", func(w *world) {
		c, s := w.pair()
		done := w.startHugeWrite(c)
		w.receive(s, "\x00") // now there is more
		w.must(s.Close())
		w.fails((<-done).err, "write", "tcp", c.LocalAddr(), c.RemoteAddr(), notThere)
	}},
	{"a reset after the peer's CloseWrite changes nothing for Read: it is EOF", func(w *world) {
		c, s := w.pair()
		w.must(s.CloseWrite())
		w.send(c, "unread")
		w.receive(s, "un")
		w.must(s.Close())
		var err error
		for err == nil { // until the reset is here
			_, err = c.Write([]byte("x"))
		}
		news := brokenPipe
		if runtime.GOOS != "linux" && w.isKernel {
			news = notThere
		}
		w.fails(err, "write", "tcp", c.LocalAddr(), c.RemoteAddr(), news)
		w.receiveEnd(c)
	}},
	{"CloseRead ends Read with EOF, and Write goes on", func(w *world) {
		c, s := w.pair()
		done := w.startRead(c)
		w.must(c.CloseRead())
		if r := <-done; r.err != io.EOF && (runtime.GOOS != "windows" || !w.isKernel) {
			w.Errorf("a waiting Read gave %v, want EOF", r.err)
		}
		w.send(c, "still")
		w.receive(s, "still")
	}},
	{"Close ends a Read that waits", func(w *world) {
		c, _ := w.pair()
		done := w.startRead(c)
		w.must(c.Close())
		w.fails((<-done).err, "read", "tcp", c.LocalAddr(), c.RemoteAddr(), closed)
	}},
	{"Close ends a Write that waits, and what was taken arrives", func(w *world) {
		c, s := w.pair()
		done := w.startHugeWrite(c)
		w.must(c.Close())
		r := <-done
		w.fails(r.err, "write", "tcp", c.LocalAddr(), c.RemoteAddr(), closed)
		if n, err := io.Copy(io.Discard, s); n != int64(r.n) || err != nil {
			w.Errorf("the peer read %d, %v; Write had said %d", n, err, r.n)
		}
	}},
	{"many readers and Close: each ends", func(w *world) {
		c, _ := w.pair()
		var all []<-chan result
		for range 5 {
			all = append(all, w.startRead(c))
		}
		w.must(c.Close())
		for _, done := range all {
			w.fails((<-done).err, "read", "tcp", c.LocalAddr(), c.RemoteAddr(), closed)
		}
	}},
	{"a Read of no bytes gives 0 at once, a deadline or not", func(w *world) {
		c, s := w.pair()
		w.send(s, "x")
		w.must(c.SetDeadline(past))
		if n, err := c.Read(nil); n != 0 || err != nil {
			w.Errorf("Read(nil) = %d, %v; want 0, nil", n, err)
		}
		w.must(c.SetDeadline(time.Time{}))
		w.receive(c, "x")
	}},
	{"a Write of no bytes gives 0, but fails after the deadline", func(w *world) {
		c, _ := w.pair()
		if n, err := c.Write(nil); n != 0 || err != nil {
			w.Errorf("Write(nil) = %d, %v; want 0, nil", n, err)
		}
		w.must(c.SetWriteDeadline(past))
		_, err := c.Write(nil)
		w.fails(err, "write", "tcp", c.LocalAddr(), c.RemoteAddr(), timeout)
	}},
	{"a deadline in the past fails calls, even when data is there", func(w *world) {
		c, s := w.pair()
		w.send(s, "there")
		w.must(c.SetDeadline(past))
		w.readFails(c, timeout)
		w.readFails(c, timeout)
		w.writeFails(c, timeout)
		w.must(c.SetDeadline(time.Time{})) // none: as if nothing had been
		w.receive(c, "there")
		w.send(c, "and back")
		w.receive(s, "and back")
	}},
	{"a deadline is a net.Error with Timeout, and no context error", func(w *world) {
		c, _ := w.pair()
		w.must(c.SetReadDeadline(past))
		_, err := c.Read(make([]byte, 1))
		var e net.Error
		if !errors.As(err, &e) || !e.Timeout() {
			w.Errorf("%v: no net.Error with Timeout", err)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("%v is context.DeadlineExceeded, which the kernel's is not", err)
		}
	}},
	{"the read deadline leaves Write alone, and the other way round", func(w *world) {
		c, s := w.pair()
		w.must(c.SetReadDeadline(past))
		w.send(c, "out")
		w.receive(s, "out")
		w.must(c.SetReadDeadline(time.Time{}))
		w.must(c.SetWriteDeadline(past))
		w.send(s, "in")
		w.receive(c, "in")
		w.writeFails(c, timeout)
	}},
	{"a deadline ends a Read that waits", func(w *world) {
		c, _ := w.pair()
		w.must(c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		w.readFails(c, timeout)
	}},
	{"a deadline brought forward ends a Read that waits", func(w *world) {
		c, _ := w.pair()
		w.must(c.SetReadDeadline(time.Now().Add(time.Hour)))
		done := w.startRead(c)
		w.must(c.SetReadDeadline(past))
		w.fails((<-done).err, "read", "tcp", c.LocalAddr(), c.RemoteAddr(), timeout)
	}},
	{"a deadline put off lets a Read go on waiting", func(w *world) {
		c, s := w.pair()
		w.must(c.SetReadDeadline(time.Now().Add(time.Hour)))
		done := w.startRead(c)
		w.must(c.SetReadDeadline(time.Now().Add(2 * time.Hour)))
		w.must(c.SetReadDeadline(time.Time{}))
		w.send(s, "late")
		if r := <-done; r.err != nil {
			w.Errorf("Read = %v", r.err)
		}
	}},
	{"a deadline ends a Write that waits, and counts what was taken", func(w *world) {
		c, s := w.pair()
		w.must(c.SetWriteDeadline(time.Now().Add(time.Millisecond)))
		n, err := c.Write(huge)
		w.fails(err, "write", "tcp", c.LocalAddr(), c.RemoteAddr(), timeout)
		w.must(c.Close())
		if k, err := io.Copy(io.Discard, s); k != int64(n) || err != nil {
			w.Errorf("the peer read %d, %v; Write had said %d", k, err, n)
		}
	}},
	{"a Write that waits goes on when the peer reads", func(w *world) {
		c, s := w.pair()
		const size = 4 << 20 // more than memnet holds at once
		done := w.start(func() (int, error) { return c.Write(huge[:size]) })
		if n, err := io.CopyN(io.Discard, s, size); err != nil {
			w.Fatalf("read %d: %v", n, err)
		}
		if r := <-done; r.n != size || r.err != nil {
			w.Errorf("Write = %d, %v", r.n, r.err)
		}
	}},
	{"writes of several goroutines do not mix", func(w *world) {
		c, s := w.pair()
		const size = 1 << 20 // much more than fits at once
		var wg sync.WaitGroup
		for _, letter := range []byte("abcd") {
			wg.Go(func() { c.Write(slices.Repeat([]byte{letter}, size)) })
		}
		for range 4 {
			b := make([]byte, size)
			if _, err := io.ReadFull(s, b); err != nil {
				w.Fatal(err)
			}
			if i := slices.IndexFunc(b, func(x byte) bool { return x != b[0] }); i >= 0 {
				w.Errorf("%q after %d bytes %q", b[i], i, b[0])
			}
		}
		wg.Wait()
	}},
	{"several readers get each byte once", func(w *world) {
		c, s := w.pair()
		var mu sync.Mutex
		var seen [256]int
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				b := make([]byte, 7)
				for {
					n, err := s.Read(b)
					mu.Lock()
					for _, x := range b[:n] {
						seen[x]++
					}
					mu.Unlock()
					if err != nil {
						return
					}
				}
			})
		}
		for i := range 256 {
			w.send(c, string([]byte{byte(i)}))
		}
		w.must(c.Close())
		wg.Wait()
		for x, times := range seen {
			if times != 1 {
				w.Fatalf("byte %d was read %d times", x, times)
			}
		}
	}},
}

// afterReset is what a reset connection does once the news is out.
func (w *world) afterReset(c conn) {
	w.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF && !wasReset.holds(err) {
		w.Errorf("Read after the reset = %d, %v; want EOF (or reset)", n, err)
	}
	w.writeFails(c, notThere)
	if err := c.CloseWrite(); err != nil || runtime.GOOS == "linux" || !w.isKernel {
		w.fails(err, "close", "tcp", c.LocalAddr(), c.RemoteAddr(), notThere)
	}
	w.must(c.SetDeadline(time.Time{}))
	w.must(c.Close())
}

var listenerBehaviours = []behaviour{
	{"a connection stands before Accept, and can be written to", func(w *world) {
		ln := w.listener()
		c := w.dialTo("tcp", ln.Addr())
		w.send(c, "early")
		w.receive(w.accept(ln), "early")
	}},
	{"after Close, Accept, Close and SetDeadline fail with net.ErrClosed", func(w *world) {
		ln := w.listener()
		w.must(ln.Close())
		_, err := ln.Accept()
		w.fails(err, "accept", "tcp", nil, ln.Addr(), closed)
		w.fails(ln.Close(), "close", "tcp", nil, ln.Addr(), closed)
		if err := ln.(interface{ SetDeadline(time.Time) error }).SetDeadline(past); !closed.holds(err) {
			w.Errorf("SetDeadline = %v", err)
		}
	}},
	{"Close ends an Accept that waits", func(w *world) {
		ln := w.listener()
		done := w.start(func() (int, error) { _, err := ln.Accept(); return 0, err })
		w.must(ln.Close())
		w.fails((<-done).err, "accept", "tcp", nil, ln.Addr(), closed)
	}},
	{"a listener's deadline ends Accept", func(w *world) {
		ln := w.listener()
		d := ln.(interface{ SetDeadline(time.Time) error })
		w.must(d.SetDeadline(time.Now().Add(time.Millisecond)))
		_, err := ln.Accept()
		w.fails(err, "accept", "tcp", nil, ln.Addr(), timeout)
		w.must(d.SetDeadline(time.Time{}))
		w.dialTo("tcp", ln.Addr())
		w.accept(ln)
	}},
	{"Close of the listener resets who was not accepted", func(w *world) {
		ln := w.listener()
		c := w.dialTo("tcp", ln.Addr())
		w.must(ln.Close())
		w.readFails(c, wasReset)
	}},
	{"Close of the listener leaves accepted connections alone", func(w *world) {
		ln := w.listener()
		c := w.dialTo("tcp", ln.Addr())
		s := w.accept(ln)
		w.must(ln.Close())
		w.send(c, "on")
		w.receive(s, "on")
	}},
	{"a connection closed before Accept is still accepted", func(w *world) {
		ln := w.listener()
		c := w.dialTo("tcp", ln.Addr())
		w.send(c, "gone")
		w.must(c.Close())
		s := w.accept(ln)
		w.receive(s, "gone")
		w.receiveEnd(s)
	}},
	{"where nobody listens, Dial is refused", func(w *world) {
		ln := w.listener()
		nobody := w.dialTo("tcp", ln.Addr()).LocalAddr() // taken, so nobody else can listen there
		_, err := w.dial(w.Context(), "tcp", nobody.String())
		w.fails(err, "dial", "tcp", nil, nobody, refused)
	}},
	{"Dial with a context that is over does not dial", func(w *world) {
		ln := w.listener()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := w.dial(ctx, "tcp", ln.Addr().String())
		w.fails(err, "dial", "tcp", nil, ln.Addr(), kind{context.Canceled})
		if want := "dial tcp " + ln.Addr().String() + ": operation was canceled"; err.Error() != want {
			w.Errorf("got %q, want %q", err, want)
		}
		nobody := w.dialTo("tcp", ln.Addr()).LocalAddr()
		_, err = w.dial(ctx, "tcp", nobody.String())
		w.fails(err, "dial", "tcp", nil, nobody, kind{context.Canceled}) // and not refused
		ctx, cancel = context.WithDeadline(context.Background(), past)
		defer cancel()
		_, err = w.dial(ctx, "tcp", ln.Addr().String())
		var e net.Error
		if !errors.As(err, &e) || !e.Timeout() || !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("%v: want a timeout that is context.DeadlineExceeded", err)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.Errorf("%v is os.ErrDeadlineExceeded, which the kernel's is not", err)
		}
		if want := "dial tcp " + ln.Addr().String() + ": i/o timeout"; err.Error() != want {
			w.Errorf("got %q, want %q", err, want)
		}
	}},
	{"a context that ends after Dial does not matter any more", func(w *world) {
		ln := w.listener()
		ctx, cancel := context.WithCancel(context.Background())
		c, err := w.dial(ctx, "tcp", ln.Addr().String())
		w.must(err)
		defer c.Close()
		cancel()
		w.settle()
		w.send(c, "on")
		w.receive(w.accept(ln), "on")
	}},
	{"an address in use cannot be listened on, and can after Close", func(w *world) {
		ln := w.listener()
		_, err := w.listen(ln.Addr().String())
		w.fails(err, "listen", "tcp", nil, ln.Addr(), inUse)
		w.must(ln.Close())
		again, err := w.listen(ln.Addr().String())
		w.must(err)
		w.must(again.Close())
	}},
	{"TCP and UDP ports are not the same", func(w *world) {
		nobody := w.dialTo("tcp", w.listener().Addr()).LocalAddr()
		p, err := w.listenPacket(nobody.String())
		if err != nil {
			return // somebody else on this machine has it
		}
		defer p.Close()
		_, err = w.dial(w.Context(), "tcp", nobody.String())
		w.fails(err, "dial", "tcp", nil, nobody, refused)
	}},
	{"without a host, every address is listened on", func(w *world) {
		ln, err := w.listen(":0")
		w.must(err)
		defer ln.Close()
		_, port, err := net.SplitHostPort(ln.Addr().String())
		w.must(err)
		for _, host := range []string{"127.0.0.1", "localhost", ""} {
			c, err := w.dial(w.Context(), "tcp", net.JoinHostPort(host, port))
			w.must(err)
			s := w.accept(ln)
			if got := s.LocalAddr().String(); got != "127.0.0.1:"+port {
				w.Errorf("dialled %q: LocalAddr %s", host, got)
			}
			c.Close()
		}
	}},
	{"what is not an address is refused before any packet", func(w *world) {
		for _, bad := range []struct {
			network, addr string
			kind          func(error) bool
		}{
			{"tcp", "localhost", isType[*net.AddrError]},
			{"udp", "127.0.0.1", isType[*net.AddrError]},
			{"tcp", "127.0.0.1:70000", isType[*net.AddrError]},
			{"tcp", "127.0.0.1:-1", isType[*net.AddrError]},
			{"tcp4", "[::1]:80", isType[*net.AddrError]},
			{"tcp6", "127.0.0.1:80", isType[*net.AddrError]},
			{"tcp", "127.0.0.1:no-such-port", isType[*net.DNSError]},
			{"tpc", "127.0.0.1:80", isType[net.UnknownNetworkError]},
		} {
			_, err := w.dial(w.Context(), bad.network, bad.addr)
			w.fails(err, "dial", bad.network, nil, nil, kind{errors.Unwrap(err)})
			if !bad.kind(err) {
				w.Errorf("dial %s %s: %v (%T)", bad.network, bad.addr, err, errors.Unwrap(err))
			}
		}
		_, err := w.listen("127.0.0.1")
		w.fails(err, "listen", "tcp", nil, nil, kind{errors.Unwrap(err)})
		_, err = w.listenPacket("127.0.0.1")
		w.fails(err, "listen", "udp", nil, nil, kind{errors.Unwrap(err)})
	}},
}

func isType[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// read makes one ReadFrom with a buffer of that size.
func (w *world) read(p net.PacketConn, size int) (string, net.Addr) {
	w.Helper()
	b := make([]byte, size)
	n, from, err := p.ReadFrom(b)
	w.must(err)
	return string(b[:n]), from
}

func (w *world) sendTo(p net.PacketConn, to net.Addr, text string) {
	w.Helper()
	if n, err := p.WriteTo([]byte(text), to); n != len(text) || err != nil {
		w.Fatalf("WriteTo = %d, %v; want %d, nil", n, err, len(text))
	}
}

// nothing demands that no datagram waits.
func (w *world) nothing(p net.PacketConn) {
	w.Helper()
	w.must(p.SetReadDeadline(time.Now().Add(time.Millisecond)))
	n, from, err := p.ReadFrom(make([]byte, 8))
	if n != 0 || from != nil {
		w.Errorf("ReadFrom = %d bytes from %v, want none", n, from)
	}
	w.fails(err, "read", "udp", p.LocalAddr(), nil, timeout)
	w.must(p.SetReadDeadline(time.Time{}))
}

// deaf returns an address that is taken, so that nobody else can get it, and
// where nobody hears what w sends.
func (w *world) deaf() net.Addr {
	w.Helper()
	return w.dialTo("udp", w.socket().LocalAddr()).LocalAddr()
}

var packetBehaviours = []behaviour{
	{"a datagram arrives whole, with its sender's address", func(w *world) {
		p, q := w.socket(), w.socket()
		w.sendTo(p, q.LocalAddr(), "one")
		w.sendTo(p, q.LocalAddr(), "two")
		for _, want := range []string{"one", "two"} {
			got, from := w.read(q, 100)
			if got != want || !same(from, p.LocalAddr()) {
				w.Errorf("got %q from %v, want %q from %v", got, from, want, p.LocalAddr())
			}
			if _, ok := from.(*net.UDPAddr); !ok {
				w.Errorf("the address is a %T", from)
			}
		}
	}},
	{"what the buffer cannot hold is lost", func(w *world) {
		p, q := w.socket(), w.socket()
		w.sendTo(p, q.LocalAddr(), "123456789")
		w.sendTo(p, q.LocalAddr(), "next")
		if runtime.GOOS == "windows" && w.isKernel {
			return // there it is an error as well
		}
		if got, _ := w.read(q, 5); got != "12345" {
			w.Errorf("got %q", got)
		}
		if got, _ := w.read(q, 5); got != "next" {
			w.Errorf("got %q after that", got)
		}
		w.sendTo(p, q.LocalAddr(), "gone")
		if got, from := w.read(q, 0); got != "" || !same(from, p.LocalAddr()) {
			w.Errorf("into nothing: %q from %v", got, from)
		}
		w.nothing(q)
	}},
	{"an empty datagram is one", func(w *world) {
		p, q := w.socket(), w.socket()
		w.sendTo(p, q.LocalAddr(), "")
		if got, from := w.read(q, 5); got != "" || !same(from, p.LocalAddr()) {
			w.Errorf("got %q from %v", got, from)
		}
	}},
	{"65,507 bytes are the limit", func(w *world) {
		p, q := w.socket(), w.socket()
		n, err := p.WriteTo(make([]byte, 65508), q.LocalAddr())
		if n != 0 {
			w.Errorf("WriteTo took %d bytes", n)
		}
		w.fails(err, "write", "udp", p.LocalAddr(), q.LocalAddr(), tooLong)
		c := w.dialTo("udp", q.LocalAddr())
		_, err = c.Write(make([]byte, 65508))
		w.fails(err, "write", "udp", c.LocalAddr(), c.RemoteAddr(), tooLong)
		if runtime.GOOS == "darwin" && w.isKernel {
			return // 9,216 bytes, unless it is set up otherwise
		}
		w.sendTo(p, q.LocalAddr(), string(make([]byte, 65507)))
		if got, _ := w.read(q, 1<<16); len(got) != 65507 {
			w.Errorf("got %d bytes", len(got))
		}
	}},
	{"after Close, everything fails with net.ErrClosed", func(w *world) {
		p, q := w.socket(), w.socket()
		local := p.LocalAddr()
		w.must(p.Close())
		_, _, err := p.ReadFrom(make([]byte, 8))
		w.fails(err, "read", "udp", local, nil, closed)
		_, err = p.WriteTo([]byte("x"), q.LocalAddr())
		w.fails(err, "write", "udp", local, q.LocalAddr(), closed)
		w.fails(p.Close(), "close", "udp", local, nil, closed)
		w.fails(p.SetDeadline(past), "set", "udp", nil, local, closed)
		w.fails(p.SetReadDeadline(past), "set", "udp", nil, local, closed)
		w.fails(p.SetWriteDeadline(past), "set", "udp", nil, local, closed)
	}},
	{"Close ends a ReadFrom that waits", func(w *world) {
		p := w.socket()
		done := w.start(func() (int, error) { n, _, err := p.ReadFrom(make([]byte, 8)); return n, err })
		w.must(p.Close())
		w.fails((<-done).err, "read", "udp", p.LocalAddr(), nil, closed)
	}},
	{"a deadline in the past fails calls, even when a datagram is there", func(w *world) {
		p, q := w.socket(), w.socket()
		w.sendTo(p, q.LocalAddr(), "there")
		w.must(q.SetDeadline(past))
		_, _, err := q.ReadFrom(make([]byte, 8))
		w.fails(err, "read", "udp", q.LocalAddr(), nil, timeout)
		_, _, err = q.ReadFrom(nil)
		w.fails(err, "read", "udp", q.LocalAddr(), nil, timeout)
		_, err = q.WriteTo([]byte("x"), p.LocalAddr())
		w.fails(err, "write", "udp", q.LocalAddr(), p.LocalAddr(), timeout)
		w.must(q.SetDeadline(time.Time{}))
		if got, _ := w.read(q, 8); got != "there" {
			w.Errorf("got %q", got)
		}
	}},
	{"a deadline brought forward ends a ReadFrom that waits", func(w *world) {
		p := w.socket()
		w.must(p.SetReadDeadline(time.Now().Add(time.Hour)))
		done := w.start(func() (int, error) { n, _, err := p.ReadFrom(make([]byte, 8)); return n, err })
		w.must(p.SetReadDeadline(past))
		w.fails((<-done).err, "read", "udp", p.LocalAddr(), nil, timeout)
	}},
	{"where nobody is, an unconnected socket hears nothing", func(w *world) {
		p := w.socket()
		w.sendTo(p, w.deaf(), "hello?")
		w.nothing(p)
	}},
	{"where nobody is, a connected socket's Read is refused, one time", func(w *world) {
		c := w.dialTo("udp", w.deaf())
		w.send(c, "hello?")
		w.readFails(c, refused)
		w.must(c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		w.readFails(c, timeout)
	}},
	{"where nobody is, a connected socket's Write is refused, in the end", func(w *world) {
		c := w.dialTo("udp", w.deaf())
		var err error
		for err == nil { // until the answer has come
			_, err = c.Write([]byte("hello?"))
		}
		w.fails(err, "write", "udp", c.LocalAddr(), c.RemoteAddr(), refused)
	}},
	{"a refusal ends a Read that waits", func(w *world) {
		c := w.dialTo("udp", w.deaf())
		done := w.startRead(c)
		w.send(c, "hello?")
		w.fails((<-done).err, "read", "udp", c.LocalAddr(), c.RemoteAddr(), refused)
	}},
	{"a connected socket hears only its peer", func(w *world) {
		p, stranger := w.socket(), w.socket()
		c := w.dialTo("udp", p.LocalAddr())
		w.send(c, "hello")
		_, from := w.read(p, 8)
		w.sendTo(stranger, from, "I am p")
		w.sendTo(p, from, "hello")
		b := make([]byte, 8)
		n, err := c.Read(b)
		if err != nil || string(b[:n]) != "hello" {
			w.Errorf("Read = %q, %v", b[:n], err)
		}
	}},
	{"WriteTo of a connected socket and Write of an unconnected one fail", func(w *world) {
		p := w.socket()
		c := w.dialTo("udp", p.LocalAddr())
		_, err := c.(net.PacketConn).WriteTo([]byte("x"), p.LocalAddr())
		w.fails(err, "write", "udp", c.LocalAddr(), p.LocalAddr(), kind{net.ErrWriteToConnected})
		_, err = p.(net.Conn).Write([]byte("x"))
		w.fails(err, "write", "udp", p.LocalAddr(), nil, destination)
		if addr := p.(net.Conn).RemoteAddr(); addr != nil {
			w.Errorf("RemoteAddr of an unconnected socket is %v", addr)
		}
	}},
	{"WriteTo wants a *net.UDPAddr that can be reached", func(w *world) {
		p := w.socket()
		var none *net.UDPAddr
		for _, addr := range []net.Addr{nil, none, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9}, &net.UDPAddr{IP: net.IPv6loopback, Port: 9}} {
			if n, err := p.WriteTo([]byte("x"), addr); n != 0 || !isType[*net.OpError](err) {
				w.Errorf("WriteTo %v (%T) = %d, %v", addr, addr, n, err)
			}
		}
	}},
	{"an address in use cannot be bound, and can after Close", func(w *world) {
		p := w.socket()
		_, err := w.listenPacket(p.LocalAddr().String())
		w.fails(err, "listen", "udp", nil, p.LocalAddr(), inUse)
		w.must(p.Close())
		again, err := w.listenPacket(p.LocalAddr().String())
		w.must(err)
		w.must(again.Close())
	}},
	{"a connected socket's Read of no bytes gives 0, and takes nothing", func(w *world) {
		p := w.socket()
		c := w.dialTo("udp", p.LocalAddr())
		w.send(c, "hello")
		_, from := w.read(p, 8)
		w.sendTo(p, from, "kept")
		if n, err := c.Read(nil); n != 0 || err != nil {
			w.Errorf("Read(nil) = %d, %v", n, err)
		}
		b := make([]byte, 8)
		if n, err := c.Read(b); err != nil || string(b[:n]) != "kept" {
			w.Errorf("Read = %q, %v", b[:n], err)
		}
	}},
}
