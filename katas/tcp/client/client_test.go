package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/katas/tcp/client"
)

// One ping, and what goes over the wire.
func TestPing(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		var heard []byte
		addr := serve(b, func(conn net.Conn) {
			heard, _ = readLine(conn)
			say(conn, "PONG\n")
			rest, _ := io.ReadAll(conn) // until Ping closes
			heard = append(heard, rest...)
		})
		var dialled []string
		p := ping(b, b.Context(), func(ctx context.Context, network, addr string) (net.Conn, error) {
			dialled = append(dialled, network+" "+addr)
			return b.Net.Dial(ctx, network, addr)
		}, addr)
		p.mustReturn(nil)
		b.Wait()
		if len(dialled) != 1 || dialled[0] != "tcp "+addr {
			b.Fatalf("Ping(ctx, dial, %q) dialled %q\nwant once, %q", addr, dialled, "tcp "+addr)
		}
		if string(heard) != "PING\n" {
			b.Fatalf("the server received %q\nwant                %q", heard, "PING\n")
		}
	})
}

// A reply in pieces (RFC 9293, section 2.2).
func TestPieces(t *testing.T) {
	for _, script := range []string{"[chop 1]", "[cut 4]", "[stall 2 1s]", "[stall 4 1s]"} {
		t.Run(script, func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				b.Net.Disturb(memnet.FromListener(), memnet.MustParse(script))
				addr := serve(b, replies("PONG\n"))
				ping(b, b.Context(), b.Net.Dial, addr).mustReturn(nil)
			})
		})
	}
}

// Replies that are not PONG, from a server that then waits.
func TestReply(t *testing.T) {
	for _, reply := range []string{"PING\n", "pong\n", "PONG!\n", " PONG\n", "PON\n", "PO\nNG\n", "PONGPONG\n", "\n", "500 too busy, try again\n"} {
		t.Run(fmt.Sprintf("%q", reply), func(t *testing.T) {
			bubble.Run(t, 3, func(b *bubble.B) {
				addr := serve(b, replies(reply))
				ping(b, b.Context(), b.Net.Dial, addr).mustReturn(client.ErrReply)
			})
		})
	}
}

// No connection at all (net, OpError).
func TestDialError(t *testing.T) {
	t.Run("nobody listens there", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			ping(b, b.Context(), b.Net.Dial, "127.0.0.1:1").mustReturn(syscall.ECONNREFUSED)
		})
	})
	t.Run("dial has an error of its own", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			dial := func(context.Context, string, string) (net.Conn, error) { return nil, errBroken }
			ping(b, b.Context(), dial, "127.0.0.1:1").mustReturn(errBroken)
		})
	})
}

// A server that closes too early (io, ErrUnexpectedEOF).
func TestEarlyClose(t *testing.T) {
	for _, reply := range []string{"", "P", "PONG"} {
		t.Run(fmt.Sprintf("after %q", reply), func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				addr := serve(b, repliesAndCloses(reply))
				ping(b, b.Context(), b.Net.Dial, addr).mustReturn(io.ErrUnexpectedEOF)
			})
		})
	}
}

// A connection that breaks (net, OpError).
func TestBroken(t *testing.T) {
	t.Run("the server resets it", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			addr := serve(b, resets)
			ping(b, b.Context(), b.Net.Dial, addr).mustReturn(syscall.ECONNRESET)
		})
	})
	t.Run("the Write fails", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			addr := serve(b, replies("PONG\n"))
			ping(b, b.Context(), failing(b.Net), addr).mustReturn(errBroken)
		})
	})
}

// The deadline of the context, wherever it finds Ping (context, WithDeadline).
func TestDeadline(t *testing.T) {
	for _, tt := range slow {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				ctx, cancel := context.WithTimeout(b.Context(), deadline)
				defer cancel()
				tt.ping(b, ctx).mustReturnAt(deadline, "its context's deadline", context.DeadlineExceeded)
			})
		})
	}
	t.Run("a reply just in time", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			ctx, cancel := context.WithTimeout(b.Context(), deadline)
			defer cancel()
			addr := serve(b, repliesAfter(deadline-time.Millisecond, "PONG\n"))
			ping(b, ctx, b.Net.Dial, addr).mustReturn(nil)
		})
	})
	t.Run("no deadline, and a reply after ten minutes", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			b.Net.Note("Ping is called; its context has no deadline")
			addr := serve(b, repliesAfter(10*time.Minute, "PONG\n"))
			p := ping(b, b.Context(), b.Net.Dial, addr)
			p.patience += 10 * time.Minute
			p.mustReturn(nil)
		})
	})
}

// A context that is cancelled, wherever that finds Ping (context, WithCancel).
func TestCancel(t *testing.T) {
	for _, tt := range slow {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
				defer cancel()
				p := tt.ping(b, ctx)
				p.cancelAfter(cancelled)
				p.mustReturnAt(cancelled, "when its context is cancelled", context.Canceled)
			})
		})
	}
	t.Run("before it begins", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			b.Net.Note("Ping is called; its context is cancelled already")
			addr := serve(b, replies("PONG\n"))
			ping(b, ctx, b.Net.Dial, addr).mustReturn(context.Canceled)
		})
	})
}

// Every way out (net, Conn).
func TestClose(t *testing.T) {
	for _, tt := range ways {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				p := tt.ping(b)
				if p.mustHaveDialled().closed.Load() == 0 {
					b.Fatalf("Ping returned %v,\nand its connection is still open. Each call would leave one behind.", p.err)
				}
			})
		})
	}
}

// Every way out, and what is there a moment and an hour later (context,
// AfterFunc).
func TestNothingLeft(t *testing.T) {
	for _, tt := range ways {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				p := tt.ping(b)
				conn := p.mustHaveDialled()
				b.MustBeQuiet()
				conn.late.Store(0)
				p.cancelAfter(time.Hour)
				b.Wait()
				if n := conn.late.Load(); n > 0 {
					b.Fatalf("Ping had returned (%v). An hour later, its context was cancelled,\nand something that it left behind still used its connection: a timer, or a\nfunction of context.AfterFunc that was not stopped.", p.err)
				}
			})
		})
	}
}

// A reply that does not end, from a server that waits behind it (bufio,
// Reader.ReadSlice).
func TestEndless(t *testing.T) {
	bubble.Run(t, 11, func(b *bubble.B) {
		addr := serve(b, replies(strings.Repeat("PONG", 1<<19)))
		b.Net.Note("Ping is called; the server will send two mebibytes, without a newline")
		ping(b, b.Context(), b.Net.Dial, addr).mustReturn(client.ErrReply)
	})
}

// When the context ends, in tests of that. No round numbers: who looks at the
// context every now and then must not be in time by chance.
const (
	deadline  = 5003 * time.Millisecond
	cancelled = 4003 * time.Millisecond
)

// slow are servers that keep Ping waiting.
var slow = []struct {
	why  string
	ping func(b *bubble.B, ctx context.Context) *pinged
}{
	{"dialling", func(b *bubble.B, ctx context.Context) *pinged {
		b.Net.Silence("192.0.2.1:7")
		return ping(b, ctx, b.Net.Dial, "192.0.2.1:7")
	}},
	{"writing", func(b *bubble.B, ctx context.Context) *pinged {
		b.Net.Buffer = 2 // and the server reads nothing
		addr := serve(b, func(net.Conn) { <-b.Context().Done() })
		return ping(b, ctx, b.Net.Dial, addr)
	}},
	{"reading", func(b *bubble.B, ctx context.Context) *pinged {
		return ping(b, ctx, b.Net.Dial, serve(b, replies("")))
	}},
	{"reading, behind half of the reply", func(b *bubble.B, ctx context.Context) *pinged {
		return ping(b, ctx, b.Net.Dial, serve(b, replies("PO")))
	}},
	{"reading, a byte every two seconds", func(b *bubble.B, ctx context.Context) *pinged {
		b.Net.Disturb(memnet.FromListener(), memnet.MustParse("[stall 1 2s, stall 2 2s, stall 3 2s]"))
		return ping(b, ctx, b.Net.Dial, serve(b, replies("PONG\n")))
	}},
	{"reading, after three seconds of dialling", func(b *bubble.B, ctx context.Context) *pinged {
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			<-time.After(3 * time.Second)
			return b.Net.Dial(ctx, network, addr)
		}
		return ping(b, ctx, dial, serve(b, replies("")))
	}},
}

// ways are the ways out of Ping, as far as there is a connection to close.
var ways = []struct {
	why  string
	ping func(b *bubble.B) *pinged
}{
	{"after PONG", func(b *bubble.B) *pinged { return pingTo(b, replies("PONG\n")) }},
	{"after another reply", func(b *bubble.B) *pinged { return pingTo(b, replies("NO\n")) }},
	{"after half a reply", func(b *bubble.B) *pinged { return pingTo(b, repliesAndCloses("PO")) }},
	{"after a Read that failed", func(b *bubble.B) *pinged { return pingTo(b, resets) }},
	{"after a Write that failed", func(b *bubble.B) *pinged {
		return ping(b, b.Context(), failing(b.Net), serve(b, replies("PONG\n")))
	}},
	{"after the deadline", func(b *bubble.B) *pinged {
		ctx, cancel := context.WithTimeout(b.Context(), deadline)
		b.Cleanup(cancel)
		return ping(b, ctx, b.Net.Dial, serve(b, replies("")))
	}},
	{"after a cancel while reading", func(b *bubble.B) *pinged {
		p := pingTo(b, replies(""))
		p.cancelAfter(time.Second)
		return p
	}},
	{"after a cancel that came too late for dial", func(b *bubble.B) *pinged {
		ctx, cancel := context.WithCancel(b.Context())
		b.Cleanup(cancel)
		return ping(b, ctx, func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := b.Net.Dial(ctx, network, addr)
			b.Net.Note("the context is cancelled")
			cancel()
			return conn, err
		}, serve(b, replies("")))
	}},
}

// serve has the server talk to the first who dials, and returns its address.
// When talk is over, the server listens until the other side closes.
func serve(b *bubble.B, talk func(conn net.Conn)) string {
	ln, err := b.Net.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatalf("the server cannot listen: %v", err)
	}
	b.Go("the server", func() error {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		defer conn.Close()
		talk(conn)
		_, err = io.Copy(io.Discard, conn)
		return err
	})
	return ln.Addr().String()
}

// replies is a server that reads the question, and says that.
func replies(text string) func(net.Conn) { return repliesAfter(0, text) }

func repliesAfter(d time.Duration, text string) func(net.Conn) {
	return func(conn net.Conn) {
		readLine(conn)
		if d > 0 {
			<-time.After(d)
		}
		say(conn, text)
	}
}

func repliesAndCloses(text string) func(net.Conn) {
	return func(conn net.Conn) {
		readLine(conn)
		say(conn, text)
		conn.Close()
	}
}

// resets is a server that breaks the connection off when it is asked.
func resets(conn net.Conn) {
	readLine(conn)
	conn.(*memnet.Conn).SetLinger(0)
	conn.Close()
}

// readLine reads up to a newline, a byte at a time: nothing behind it is lost.
func readLine(conn net.Conn) (line []byte, err error) {
	c := make([]byte, 1)
	for len(line) == 0 || line[len(line)-1] != '\n' {
		if _, err := conn.Read(c); err != nil {
			return line, err
		}
		line = append(line, c[0])
	}
	return line, nil
}

func say(conn net.Conn, text string) { io.WriteString(conn, text) }

// pinged is a call of Ping.
type pinged struct {
	*bubble.B
	cancel   context.CancelFunc   // of its context
	conn     atomic.Pointer[conn] // what dial gave it last
	done     chan struct{}
	err      error
	took     time.Duration
	patience time.Duration // until the test gives it up
}

func pingTo(b *bubble.B, talk func(net.Conn)) *pinged {
	return ping(b, b.Context(), b.Net.Dial, serve(b, talk))
}

// ping has Ping called in a goroutine of its own.
func ping(b *bubble.B, ctx context.Context, dial client.Dial, addr string) *pinged {
	p := &pinged{B: b, done: make(chan struct{}), patience: 3 * time.Minute}
	if at, ok := ctx.Deadline(); ok {
		b.Net.Note("Ping is called; the deadline of its context is at %v", b.Elapsed()+time.Until(at))
	}
	ctx, p.cancel = context.WithCancel(ctx)
	b.Cleanup(p.cancel)
	began := b.Elapsed()
	b.Go("Ping(ctx, dial, addr)", func() error {
		defer close(p.done)
		p.err = client.Ping(ctx, func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			b.Net.Name(c.LocalAddr(), "you")
			counted := &conn{Conn: c}
			p.conn.Store(counted)
			return counted, nil
		}, addr)
		p.took = b.Elapsed() - began
		return p.err
	})
	return p
}

// cancelAfter waits that long, and cancels the context.
func (p *pinged) cancelAfter(d time.Duration) {
	<-time.After(d)
	p.Net.Note("the context is cancelled")
	p.cancel()
}

// mustEnd waits for Ping to return. It is given up between two milliseconds, when
// nobody is on the way from one wait to the next.
func (p *pinged) mustEnd(want string) {
	p.T().Helper()
	select {
	case <-p.done:
	case <-time.After(p.patience + time.Microsecond):
		p.Wait()
		p.Fatalf("Ping has not returned, after %v\nwant %s\n\nWho waits where:\n\n%s", p.patience, want, p.Net.Waiting())
	}
}

// mustHaveDialled wants Ping to have returned, and to have had a connection.
func (p *pinged) mustHaveDialled() *conn {
	p.T().Helper()
	p.mustEnd("it to return")
	c := p.conn.Load()
	if c == nil {
		p.Fatalf("Ping returned %v\nwant it to dial", p.err)
	}
	return c
}

// mustReturn wants that error.
func (p *pinged) mustReturn(want error) {
	p.T().Helper()
	if p.mustEnd(name(want)); !is(p.err, want) {
		p.Fatalf("Ping returned %v\nwant          %s", p.err, name(want))
	}
}

// mustReturnAt wants that error at that time, which when says in words.
func (p *pinged) mustReturnAt(at time.Duration, when string, want error) {
	p.T().Helper()
	p.mustEnd(fmt.Sprintf("it to, at %v, %s", at, when))
	if p.took != at {
		p.Fatalf("Ping returned at %v: %v\nwant it at       %v, %s:\n                 %s", p.took, p.err, at, when, name(want))
	}
	p.mustReturn(want)
}

// is says whether err is what is wanted. A deadline has two names.
func is(err, want error) bool {
	if want == context.DeadlineExceeded && errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	return errors.Is(err, want)
}

// conn is a connection that counts what is done with it.
type conn struct {
	net.Conn
	closed atomic.Int32 // calls of Close
	late   atomic.Int32 // the same and other calls; see TestNothingLeft
}

func (c *conn) Close() error {
	c.closed.Add(1)
	c.late.Add(1)
	return c.Conn.Close()
}

func (c *conn) SetDeadline(t time.Time) error {
	c.late.Add(1)
	return c.Conn.SetDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.late.Add(1)
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.late.Add(1)
	return c.Conn.SetWriteDeadline(t)
}

var errBroken = errors.New("broken for this test")

// failing dials connections that cannot be written to.
func failing(n *memnet.Network) client.Dial {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := n.Dial(ctx, network, addr)
		return mute{c, n}, err
	}
}

type mute struct {
	net.Conn
	net *memnet.Network
}

func (m mute) Write(p []byte) (int, error) {
	m.net.Note("your Write of %q fails", p)
	return 0, errBroken
}

// name is what a test says that it wants.
func name(err error) string {
	switch err {
	case nil:
		return "nil"
	case client.ErrReply:
		return "errors.Is(err, ErrReply)"
	case io.ErrUnexpectedEOF:
		return "errors.Is(err, io.ErrUnexpectedEOF)"
	case syscall.ECONNREFUSED:
		return "errors.Is(err, syscall.ECONNREFUSED)"
	case syscall.ECONNRESET:
		return "errors.Is(err, syscall.ECONNRESET)"
	case context.Canceled:
		return "errors.Is(err, context.Canceled)"
	case context.DeadlineExceeded:
		return "errors.Is(err, context.DeadlineExceeded), or os.ErrDeadlineExceeded"
	}
	return fmt.Sprintf("errors.Is(err, the error %q)", err)
}
