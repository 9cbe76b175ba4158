package echo_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/katas/tcp/echo"
)

// A client that waits for each echo before it sends the next line (RFC 862).
func TestLines(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		c := begin(b)
		c.say("hello\n")
		c.mustHear("hello\n")
		c.say("is anyone there?\n")
		c.mustHear("is anyone there?\n")
	})
}

// Lines of all sorts, byte for byte (RFC 862).
func TestBytes(t *testing.T) {
	for _, tt := range []struct{ why, line string }{
		{"an empty line", "\n"},
		{"blanks at both ends", "  a b \t\n"},
		{"a carriage return before the newline", "hello\r\n"},
		{"carriage returns elsewhere", "\ra\r\rb\n"},
		{"zero bytes", "a\x00b\x00\n"},
		{"what is no UTF-8", "\xff\xfe\xc3\n"},
		{"what Printf would take for a verb", "100%s\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				c := begin(b)
				c.say(tt.line)
				c.mustHear(tt.line)
				c.say("again\n")
				c.mustHear("again\n")
			})
		})
	}
}

// QUIT, and what only looks like it.
func TestQuit(t *testing.T) {
	for _, tt := range []struct{ why, said, want string }{
		{"QUIT", "QUIT\n", "BYE\n"},
		{"QUIT from a client that ends lines as telnet does", "QUIT\r\n", "BYE\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				c := begin(b)
				c.say(tt.said)
				c.mustHear(tt.want)
				c.mustReturn(nil)
			})
		})
	}
	for _, line := range []string{"quit\n", "QUIT \n", " QUIT\n", "QUITE\n", "QUI\n", "QUITQUIT\n", "QUIT\x00\n", "QUIT\r\r\n"} {
		t.Run(fmt.Sprintf("%q is a line like any other", line), func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				c := begin(b)
				c.say(line)
				c.mustHear(line)
				c.say("again\n")
				c.mustHear("again\n")
			})
		})
	}
}

// Lines in pieces, and several at once (RFC 9293, section 2.2).
func TestPieces(t *testing.T) {
	for _, tt := range []struct {
		why    string
		pieces []string
	}{
		{"two lines at once", []string{"one\ntwo\n"}},
		{"a line in three pieces", []string{"he", "llo", "\n"}},
		{"a line and a half", []string{"one\ntw", "o\n"}},
		{"two lines and a half", []string{"one\ntwo\nthr", "ee\n"}},
		{"QUIT in two pieces", []string{"QU", "IT\n"}},
		{"QUIT behind another line", []string{"one\nQUIT\n"}},
		{"a line behind QUIT", []string{"QUIT\nmore\nQUIT\n"}},
		{"QUIT at the beginning of a piece, but not of a line", []string{"do not ", "QUIT\n"}},
		{"the newline of QUIT in the next piece", []string{"QUIT", "\n"}},
		{"the same, between carriage return and newline", []string{"QUIT\r", "\n"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 3, func(b *bubble.B) {
				c := begin(b)
				for _, piece := range tt.pieces {
					c.say(piece)
					c.mustKeepUp()
				}
			})
		})
	}
}

// Lines that are longer than what bufio has room for (bufio, MaxScanTokenSize:
// 65,536 bytes).
func TestLongLine(t *testing.T) {
	for _, n := range []int{4096, 65535, 65536, 65537, 200_000} {
		t.Run(fmt.Sprintf("%d bytes", n), func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				c := begin(b)
				line := strings.Repeat("x", n-1) + "\n"
				c.say(line)
				c.mustHear(line)
				c.say("short\n")
				c.mustHear("short\n")
			})
		})
	}
	t.Run("QUIT at the end of a long line", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			c := begin(b)
			for _, n := range []int{4096, 65536} { // where a buffer may end
				line := strings.Repeat("x", n) + "QUIT\n"
				c.say(line)
				c.mustHear(line)
			}
		})
	})
}

// The client ends its stream and still listens (RFC 9293, section 3.6.1).
func TestEnd(t *testing.T) {
	for _, tt := range []struct {
		why    string
		pieces []string
		want   string
	}{
		{"nothing was said", nil, ""},
		{"behind a newline", []string{"hello\n"}, "hello\n"},
		{"a last line without newline", []string{"hello"}, "hello"},
		{"the same, behind another line", []string{"one\ntwo"}, "one\ntwo"},
		{"the same, in two pieces", []string{"one\ntw", "o"}, "one\ntwo"},
		{"QUIT without newline", []string{"QUIT"}, "BYE\n"},
		{"the same, in two pieces, behind another line", []string{"one\nQU", "IT"}, "one\nBYE\n"},
		{"half of QUIT", []string{"QUI"}, "QUI"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				c := begin(b)
				for _, piece := range tt.pieces {
					c.say(piece)
				}
				c.hangUp()
				c.mustHear(tt.want)
				c.mustReturn(nil)
			})
		})
	}
}

// A Read that fails (net, OpError).
func TestReadError(t *testing.T) {
	t.Run("the client resets the connection", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			c := begin(b)
			c.say("hello\nhal")
			c.mustKeepUp()
			c.reset()
			c.mustReturn(syscall.ECONNRESET)
		})
	})
	t.Run("a deadline passes, which was set before", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			client, server := b.Net.Pipe()
			server.SetReadDeadline(time.Now().Add(5 * time.Second))
			c := beginWith(b, client, server)
			c.say("hello\nhal")
			<-time.After(5 * time.Second)
			c.mustReturn(os.ErrDeadlineExceeded)
		})
	})
}

// A Write that fails, the second or the last one (net, OpError).
func TestWriteError(t *testing.T) {
	for _, tt := range []struct{ why, said, want string }{
		{"while lines still come", "one\ntwo\nthree\nfour\n", "one\n"},
		{"of BYE", "one\nQUIT\n", "one\n"},
		{"of a last line without newline", "one\ntwo", "one\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				client, server := b.Net.Pipe()
				conn := &conn{Conn: server, net: b.Net, room: len(tt.want)}
				c := beginWith(b, client, conn)
				c.say(tt.said)
				c.hangUp()
				c.mustHear(tt.want)
				if err := c.mustEnd(); conn.tries == 0 {
					b.Fatalf("Handle(conn) returned %v\nand has tried to write %s, no more.\nThe Write of what comes next would have failed.", err, quote(tt.want))
				}
				c.mustReturn(errBroken)
				if conn.tries > 1 {
					b.Fatalf("A Write failed, and Handle(conn) called Write %d times more.\nWant none behind one that failed: nobody hears it.", conn.tries-1)
				}
			})
		})
	}
}

// Every way out (net, Conn).
func TestClose(t *testing.T) {
	for _, tt := range []struct {
		why  string
		said string
		then func(*talk)
		room int // for what Handle writes
	}{
		{"after QUIT", "QUIT\n", func(*talk) {}, 100},
		{"after the end of the stream", "hello\n", (*talk).hangUp, 100},
		{"after a last line without newline", "hello", (*talk).hangUp, 100},
		{"after a Read that failed", "hello\nhal", (*talk).reset, 100},
		{"after a Write that failed", "hello\n", func(*talk) {}, 0},
		{"after BYE could not be written", "QUIT\n", func(*talk) {}, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				client, server := b.Net.Pipe()
				conn := &conn{Conn: server, net: b.Net, room: tt.room}
				c := beginWith(b, client, conn)
				c.say(tt.said)
				tt.then(c)
				err := c.mustEnd()
				if conn.closed == 0 {
					b.Fatalf("Handle(conn) returned %v,\nand conn is still open. Each client leaves one behind, until there is no room\nfor the next.", err)
				}
				c.mustHearEnd()
				b.MustBeQuiet()
			})
		})
	}
}

// Two clients at the same time, now the one, now the other (Go memory model).
func TestTwoClients(t *testing.T) {
	bubble.Run(t, 9, func(b *bubble.B) {
		ann, bob := begin(b).called("Ann"), begin(b).called("Bob")
		ann.say("he")
		bob.say("good ")
		ann.say("llo\n")
		ann.mustHear("hello\n")
		bob.say("morning\nQU")
		bob.mustKeepUp()
		ann.say("QUIT\n")
		ann.mustHear("BYE\n")
		ann.mustReturn(nil)
		bob.say("IET\n")
		bob.mustHear("good morning\nQUIET\n")
	})
}

// Any lines, over a network that cuts, joins and delays (RFC 9293, section 2.2).
// The last one has its newline, too: how a stream ends is not this rule's matter.
func TestAnyNetwork(t *testing.T) {
	word := rapid.OneOf(rapid.StringMatching(`[a-z ]{0,12}`), rapid.SampledFrom([]string{"QUIT", "QUI", "QUITE", "quit"}))
	end := rapid.SampledFrom([]string{"\n", "\r\n"})
	line := rapid.Custom(func(t *rapid.T) string { return word.Draw(t, "word") + end.Draw(t, "end") })
	bubble.Property(t, 3, func(rt *rapid.T, b *bubble.B) {
		said := strings.Join(rapid.SliceOfN(line, 1, 6).Draw(rt, "lines"), "")
		faults := memnet.Scripts(len(said), time.Second, memnet.Cut, memnet.Chop, memnet.Coalesce, memnet.Stall)
		b.Net.Disturb(memnet.FromDialer(), faults.Draw(rt, "script"))
		c := begin(b)
		c.say(said)
		<-time.After(time.Minute)
		want, _ := answers(said)
		c.mustHear(want)
	})
}

// The same over the kernel's TCP: a long line, and last words in a half-closed
// connection (RFC 9293, section 3.6.1).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 5, func(l *loopback.L) {
		client, server := l.Pipe()
		handle := l.Go("Handle(conn)", func() error {
			defer server.Close() // so that nobody waits: TestClose is about that
			return echo.Handle(server)
		})
		said := strings.Repeat("x", 200_000) + "\nlast words"
		say := l.Go("the client, which sends", func() error {
			if _, err := io.WriteString(client, said); err != nil {
				return err
			}
			return client.CloseWrite()
		})
		heard, err := io.ReadAll(client)
		if string(heard) != said || err != nil {
			l.Fatalf("client sent  %s, then ended its stream (error: %v)\nclient heard %s (error: %v)\nHandle(conn) returned %v", quote(said), say.Wait(), quote(string(heard)), err, handle.Wait())
		}
		if err := handle.Wait(); err != nil {
			l.Fatalf("Handle(conn) returned %v\nwant                  nil", err)
		}
	})
}

// answers is what Handle has to say to these lines, and whether QUIT is one.
func answers(lines string) (want string, quit bool) {
	for line := range strings.Lines(lines) {
		if end := strings.TrimSuffix(line, "\n"); strings.TrimSuffix(end, "\r") == "QUIT" {
			return want + "BYE\n", true
		}
		want += line
	}
	return want, false
}

// talk is a conversation with Handle, from the client's side.
type talk struct {
	*bubble.B
	name   string       // of the client
	conn   *memnet.Conn // the client's end
	handle *bubble.Call
	said   string // since the last mustHear
	heard  string // the same; to be read when all wait
	end    error  // of what can be heard
}

func begin(b *bubble.B) *talk {
	client, server := b.Net.Pipe()
	return beginWith(b, client, &conn{Conn: server, net: b.Net, room: 1 << 30})
}

// beginWith has Handle called with the server's end, and listens at the client's.
func beginWith(b *bubble.B, client *memnet.Conn, server net.Conn) *talk {
	c := &talk{B: b, name: "client", conn: client}
	b.Net.Name(client.RemoteAddr(), "you")
	c.handle = b.Go("Handle(conn)", func() error { return echo.Handle(server) })
	b.Go("the client, which listens", func() error {
		buf := make([]byte, 4096)
		for {
			n, err := client.Read(buf)
			c.heard += string(buf[:n])
			if err != nil {
				c.end = err
				return nil
			}
		}
	})
	b.Wait()
	return c
}

// called gives the client a name, for tests with more than one.
func (c *talk) called(name string) *talk {
	c.name = name
	c.Net.Name(c.conn.LocalAddr(), name)
	return c
}

// say sends text, and waits until all has happened that can.
func (c *talk) say(text string) {
	c.T().Helper()
	c.said += text
	if text == "" {
		return
	}
	say := c.Go(c.name+", which sends", func() error {
		_, err := io.WriteString(c.conn, text)
		return err
	})
	if c.Wait(); !say.Returned() {
		c.Fatalf("%s %s\n\nHandle(conn) does not read all of it. %s", c.name, quote(c.said), c.state())
	}
	if err := say.Wait(); err != nil {
		c.Fatalf("%s %s\n\nThat cannot be sent: %v\n%s", c.name, quote(c.said), err, c.state())
	}
	c.Wait()
}

// hangUp ends the client's stream; it still listens.
func (c *talk) hangUp() {
	c.conn.CloseWrite()
	c.Wait()
}

// reset closes the connection at once.
func (c *talk) reset() {
	c.conn.SetLinger(0)
	c.conn.Close()
	c.Wait()
}

// mustHear wants that answer to what was said since the last one, and no more.
func (c *talk) mustHear(want string) {
	c.T().Helper()
	if c.Wait(); c.heard != want {
		c.wrong(quote(want), want)
	}
	c.said, c.heard = "", ""
}

// mustKeepUp wants an answer to each line that was said since the last mustHear.
// Of a line whose end is not here yet, any part may have been sent back, or
// nothing.
func (c *talk) mustKeepUp() {
	c.T().Helper()
	c.Wait()
	whole := strings.LastIndexByte(c.said, '\n') + 1
	half := c.said[whole:]
	want, quit := answers(c.said[:whole])
	if quit {
		half = ""
	}
	switch {
	case !strings.HasPrefix(c.heard, want):
		c.wrong(quote(want)+" by now", want)
	case !strings.HasPrefix(want+half, c.heard) && half == "":
		c.wrong(quote(want), want)
	case !strings.HasPrefix(want+half, c.heard):
		c.wrong(quote(want)+", and at most "+quote(half)+" behind it", want)
	}
}

// wrong says that something else was heard; want is what must have been heard.
func (c *talk) wrong(text, want string) {
	c.T().Helper()
	c.Fatalf("%-6s %s\nyou    %s\nwant   %s%s", c.name, quote(c.said), quote(c.heard), text, c.why(want))
}

// why says what else there is to know of a wrong answer.
func (c *talk) why(want string) string {
	var text string
	same := 0
	for same < min(len(c.heard), len(want)) && c.heard[same] == want[same] {
		same++
	}
	if len(want) > shown && same > 0 {
		text = fmt.Sprintf("\n\nThe first %d bytes are as they should be.", same)
	}
	if same == len(c.heard) { // something is missing
		text += "\n\n" + c.state()
	}
	return text
}

// mustEnd wants Handle to have returned.
func (c *talk) mustEnd() error {
	c.T().Helper()
	if c.Wait(); !c.handle.Returned() {
		c.Fatalf("Want Handle(conn) to return by now.\n%s", c.state())
	}
	return c.handle.Wait()
}

// mustReturn wants Handle to have returned that error; nil is none.
func (c *talk) mustReturn(want error) {
	c.T().Helper()
	if err := c.mustEnd(); !errors.Is(err, want) {
		c.Fatalf("Handle(conn) returned %v\nwant                  %s", err, name(want))
	}
}

// mustHearEnd wants the client to know that there is no more to come.
func (c *talk) mustHearEnd() {
	c.T().Helper()
	if c.Wait(); c.end == nil {
		c.Fatalf("Handle(conn) has returned, but the client still waits for more.")
	}
}

// state is what became of Handle.
func (c *talk) state() string {
	if c.handle.Returned() {
		return fmt.Sprintf("Handle(conn) has returned: %v", c.handle.Wait())
	}
	return "Handle(conn) has not returned. Who waits where:\n\n" + c.Net.Waiting()
}

// conn is a connection that takes so many bytes of what is written, and then no
// more.
type conn struct {
	net.Conn
	net    *memnet.Network
	room   int
	tries  int // Writes that failed
	closed int
}

var errBroken = errors.New("broken for this test")

func (c *conn) Write(p []byte) (int, error) {
	if len(p) <= c.room {
		c.room -= len(p)
		n, err := c.Conn.Write(p)
		if err != nil {
			c.net.Note("your Write of %s fails: %v", quote(string(p)), innermost(err))
		}
		return n, err
	}
	n, _ := c.Conn.Write(p[:c.room])
	c.room = 0
	c.tries++
	c.net.Note("your Write of %s fails after %d bytes", quote(string(p)), n)
	return n, &net.OpError{Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: errBroken}
}

// innermost is err without what was wrapped around it: addresses, for example.
func innermost(err error) error {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err
}

func (c *conn) Close() error {
	c.closed++
	return c.Conn.Close()
}

// name is what Go calls an error that Handle should return.
func name(err error) string {
	switch err {
	case nil:
		return "nil"
	case syscall.ECONNRESET:
		return "errors.Is(err, syscall.ECONNRESET)"
	case os.ErrDeadlineExceeded:
		return "errors.Is(err, os.ErrDeadlineExceeded)"
	}
	return "errors.Is(err, the error of the Write that failed)"
}

// shown is how long a text may be to be shown whole.
const shown = 60

// quote is %q, but leaves the middle of a long text out.
func quote(text string) string {
	if n := len(text); n > shown {
		return fmt.Sprintf("%q … %q (%d bytes)", text[:20], text[n-10:], n)
	}
	return fmt.Sprintf("%q", text)
}
