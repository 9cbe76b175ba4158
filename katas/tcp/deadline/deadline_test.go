package deadline_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/katas/tcp/deadline"
)

// far is a limit that nobody reaches in the tests of the other limits.
const far = time.Hour

// Lines, whole, joined and in pieces (RFC 862).
func TestLines(t *testing.T) {
	for _, tt := range []struct {
		why  string
		send []string // a Write each
		want []string // what is back after each
	}{
		{"a line", []string{"hello\n"}, []string{"hello\n"}},
		{"one line after the other", []string{"one\n", "two\n"}, []string{"one\n", "two\n"}},
		{"an empty line", []string{"\n"}, []string{"\n"}},
		{"a carriage return belongs to the line", []string{"one\r\n"}, []string{"one\r\n"}},
		{"a line in pieces", []string{"he", "llo", "\n"}, []string{"", "", "hello\n"}},
		{"three lines at once", []string{"one\ntwo\nthree\n"}, []string{"one\ntwo\nthree\n"}},
		{"a line and half of the next", []string{"one\ntw", "o\n"}, []string{"one\n", "two\n"}},
		{"a line longer than any buffer", []string{huge}, []string{huge}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				p := listening(b, deadline.Limits{Idle: far, Line: far, Write: far})
				for i, text := range tt.send {
					p.send(text)
					p.mustGet(tt.want[i])
				}
				p.conn.CloseWrite()
				p.mustEnd(nil, 0)
			})
		})
	}
}

// A line that will never be complete (RFC 862).
func TestHalfLine(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		p := listening(b, deadline.Limits{Idle: 30 * time.Second, Line: far, Write: far})
		p.send("one\ntw")
		p.mustGet("one\n")
		p.Pass(40 * time.Second)
		p.mustGet("")
	})
}

// Nothing more comes (RFC 5321, section 4.5.3.2.7).
func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		why  string
		idle time.Duration
		send string
		back string
	}{
		{"nothing ever", 30 * time.Second, "", ""},
		{"nothing ever, and another limit", 7 * time.Second, "", ""},
		{"nothing after a line", 30 * time.Second, "hello\n", "hello\n"},
		{"nothing after half a line", 30 * time.Second, "hel", ""},
		{"nothing after a line and a half", 30 * time.Second, "hello\nhel", "hello\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				p := listening(b, deadline.Limits{Idle: tt.idle, Line: far, Write: far})
				p.send(tt.send)
				p.mustGet(tt.back)
				p.mustEnd(deadline.ErrIdle, tt.idle)
			})
		})
	}
}

// Something comes before the limit, again and again (net.Conn, SetReadDeadline).
func TestActivity(t *testing.T) {
	limits := deadline.Limits{Idle: 30 * time.Second, Line: far, Write: far}
	t.Run("a line every twenty seconds", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			p := listening(b, limits)
			for range 10 {
				p.Pass(20 * time.Second)
				p.send("hello\n")
				p.mustGet("hello\n")
			}
			p.mustEnd(deadline.ErrIdle, 230*time.Second)
		})
	})
	t.Run("a byte every twenty seconds", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			p := listening(b, limits)
			for _, c := range "hello" {
				p.Pass(20 * time.Second)
				p.send(string(c))
			}
			p.mustGet("")
			p.Pass(20 * time.Second)
			p.send("\nhe")
			p.mustGet("hello\n")
			p.mustEnd(deadline.ErrIdle, 150*time.Second)
		})
	})
	t.Run("at the last moment", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			p := listening(b, limits)
			p.Pass(limits.Idle - time.Millisecond)
			p.send("hello\n")
			p.mustGet("hello\n")
			p.Pass(limits.Idle - time.Millisecond)
			p.send("he")
			p.mustEnd(deadline.ErrIdle, 90*time.Second-2*time.Millisecond)
		})
	})
}

// A byte every five seconds, and no end (CVE-2007-6750).
func TestSlowLine(t *testing.T) {
	limits := deadline.Limits{Idle: 30 * time.Second, Line: 60 * time.Second, Write: far}
	t.Run("from the first moment on", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			p := listening(b, limits)
			p.send("x")
			p.drip()
			p.mustEnd(deadline.ErrLine, 60*time.Second)
		})
	})
	t.Run("twenty seconds in", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			p := listening(b, limits)
			p.Pass(20 * time.Second)
			p.send("x")
			p.drip()
			p.mustEnd(deadline.ErrLine, 80*time.Second)
		})
	})
	t.Run("the second line, twenty seconds after the first", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			p := listening(b, limits)
			p.send("hel")
			p.Pass(10 * time.Second)
			p.send("lo\n")
			p.mustGet("hello\n")
			p.Pass(20 * time.Second)
			p.send("x")
			p.drip()
			p.mustEnd(deadline.ErrLine, 90*time.Second)
		})
	})
	t.Run("the second line, begun together with the end of the first", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			p := listening(b, limits)
			p.send("hel")
			p.Pass(10 * time.Second)
			p.send("lo\nx")
			p.mustGet("hello\n")
			p.drip()
			p.mustEnd(deadline.ErrLine, 70*time.Second)
		})
	})
	t.Run("complete at the last moment", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			p := listening(b, limits)
			p.send("x")
			for range 3 {
				p.Pass(20*time.Second - time.Millisecond)
				p.send("x")
			}
			p.send("\n")
			p.mustGet("xxxx\n")
			p.mustEnd(deadline.ErrIdle, 90*time.Second-3*time.Millisecond)
		})
	})
	t.Run("a limit below that of silence", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			p := listening(b, deadline.Limits{Idle: 60 * time.Second, Line: 10 * time.Second, Write: far})
			p.Pass(3 * time.Second)
			p.send("hel")
			p.mustEnd(deadline.ErrLine, 13*time.Second)
		})
	})
}

// What is left of one line's time says nothing about the next (net.Conn, SetReadDeadline).
func TestBetweenLines(t *testing.T) {
	bubble.Run(t, 5, func(b *bubble.B) {
		p := listening(b, deadline.Limits{Idle: 60 * time.Second, Line: 10 * time.Second, Write: far})
		for range 3 {
			p.Pass(50 * time.Second)
			p.send("hel")
			p.Pass(5 * time.Second)
			p.send("lo\n")
			p.mustGet("hello\n")
		}
		p.mustEnd(deadline.ErrIdle, 225*time.Second)
	})
}

// A peer that sends and does not read: 1024 bytes find room on the way to it
// (net.Conn, SetWriteDeadline).
func TestDeaf(t *testing.T) {
	limits := deadline.Limits{Idle: far, Line: far, Write: 10 * time.Second}
	t.Run("it never reads", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			b.Net.Buffer = 1024
			p := connect(b, limits)
			p.send(many)
			p.mustEnd(deadline.ErrWrite, 10*time.Second)
		})
	})
	for _, tt := range []struct {
		line string
		bite int // what the peer takes every three seconds
	}{
		{long, 100},
		{huge, 32 << 10},
	} {
		t.Run(fmt.Sprintf("it takes %d of %d bytes every three seconds", tt.bite, len(tt.line)), func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				b.Net.Buffer = 1024
				p := connect(b, limits)
				p.send(tt.line)
				for range 3 {
					p.Pass(3 * time.Second)
					b.Net.Note("the peer takes %d bytes", tt.bite)
					p.read(tt.bite)
				}
				p.why = "Write is for the whole line, which you began to send back at 0s."
				p.mustEnd(deadline.ErrWrite, 10*time.Second)
			})
		})
	}
	t.Run("it reads late, but in time", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			b.Net.Buffer = 1024
			p := connect(b, limits)
			p.send(many)
			p.Pass(8 * time.Second)
			p.listen()
			p.mustGet(many)
			p.send("hello\n")
			p.mustGet("hello\n")
		})
	})
}

var (
	many = strings.Repeat(strings.Repeat("x", 99)+"\n", 15) // lines that do not fit together
	long = strings.Repeat("x", 2999) + "\n"                 // a line that does not fit
	huge = strings.Repeat("x", 256<<10-1) + "\n"            // one that fits into no usual buffer
)

// The time for a reply begins with that reply (net.Conn, SetWriteDeadline).
func TestEachReply(t *testing.T) {
	limits := deadline.Limits{Idle: far, Line: far, Write: 10 * time.Second}
	t.Run("a line every minute", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			p := listening(b, limits)
			for range 3 {
				p.send("hello\n")
				p.mustGet("hello\n")
				p.Pass(60 * time.Second)
			}
		})
	})
	t.Run("two replies that take eight seconds each", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			b.Net.Buffer = 1024
			p := connect(b, limits)
			for range 2 {
				p.send(long)
				p.Pass(8 * time.Second)
				p.read(len(long))
			}
			p.send(long)
			p.mustEnd(deadline.ErrWrite, 26*time.Second)
		})
	})
}

// Limits that are not set (time.Time, IsZero).
func TestNoLimit(t *testing.T) {
	const ages = 20 * time.Minute // compared with the limits that are set
	t.Run("no Idle", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			p := listening(b, deadline.Limits{Line: 10 * time.Second, Write: 10 * time.Second})
			p.Pass(ages)
			p.send("hel")
			p.Pass(5 * time.Second)
			p.send("lo\n")
			p.mustGet("hello\n")
			p.Pass(ages)
			p.send("hel")
			p.mustEnd(deadline.ErrLine, 2*ages+15*time.Second)
		})
	})
	t.Run("no Line", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			p := listening(b, deadline.Limits{Idle: ages / 10, Write: 10 * time.Second})
			for range 10 {
				p.send("x")
				p.Pass(ages/10 - time.Second)
			}
			p.send("\n")
			p.mustGet("xxxxxxxxxx\n")
		})
	})
	t.Run("no Write", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			b.Net.Buffer = 1024
			p := connect(b, deadline.Limits{Line: 10 * time.Second})
			p.send(many[:50])
			p.Pass(5 * time.Second)
			p.send(many[50:])
			p.Pass(ages)
			p.listen()
			p.mustGet(many)
		})
	})
}

// The connection breaks, and no limit was reached (net, OpError). ETIMEDOUT is
// what the kernel gives when nobody answers its probes: its Timeout says true,
// and it is none of the limits (net.Conn, SetDeadline).
func TestBroken(t *testing.T) {
	for _, tt := range []struct {
		why  string
		send string
		read bool // whether the peer reads until then
		fail syscall.Errno
	}{
		{"between lines", "hello\n", true, syscall.ECONNRESET},
		{"in the middle of a line", "hel", true, syscall.ECONNRESET},
		{"in the middle of a reply", long, false, syscall.ECONNRESET},
		{"between lines, the kernel gives up", "hello\n", true, syscall.ETIMEDOUT},
		{"in the middle of a line, the kernel gives up", "hel", true, syscall.ETIMEDOUT},
		{"in the middle of a reply, the kernel gives up", long, false, syscall.ETIMEDOUT},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				b.Net.Buffer = 1024
				p := connect(b, deadline.Limits{Idle: 30 * time.Second, Line: 60 * time.Second, Write: 10 * time.Second})
				if tt.read {
					p.listen()
				}
				p.send(tt.send)
				p.Pass(3 * time.Second)
				if tt.fail == syscall.ECONNRESET {
					p.conn.SetLinger(0)
					p.conn.Close()
				} else {
					p.server.Fail(tt.fail)
				}
				p.mustEnd(tt.fail, 3*time.Second)
				err := p.handle.Wait()
				for _, limit := range []error{deadline.ErrIdle, deadline.ErrLine, deadline.ErrWrite} {
					if errors.Is(err, limit) {
						b.Errorf("%s\nreturned %s: %q\nwant only what the Read or the Write said: no limit was reached", call(p.limits), name(limit), err)
					}
				}
			})
		})
	}
}

// What is left when Handle returns (net.Conn, Close).
func TestOver(t *testing.T) {
	limits := deadline.Limits{Idle: 30 * time.Second, Line: 60 * time.Second, Write: 10 * time.Second}
	for _, tt := range []struct {
		why  string
		do   func(p *peer)
		want error
		at   time.Duration
	}{
		{"the peer ends its stream", func(p *peer) { p.conn.CloseWrite() }, nil, 0},
		{"silence", func(p *peer) { p.send("hello\n") }, deadline.ErrIdle, 30 * time.Second},
		{"a slow line", func(p *peer) { p.send("x"); p.drip() }, deadline.ErrLine, 60 * time.Second},
		{"a reply that is not taken", func(p *peer) { p.send(many) }, deadline.ErrWrite, 10 * time.Second},
		{"a reset", func(p *peer) { p.conn.SetLinger(0); p.conn.Close() }, syscall.ECONNRESET, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				b.Net.Buffer = 1024
				p := connect(b, limits)
				tt.do(p)
				p.mustEnd(tt.want, tt.at)
				if err := p.server.SetDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
					b.Errorf("%s\nreturned %s and left conn open\nwant it closed, however Handle ends", call(p.limits), name(tt.want))
				}
				b.MustBeQuiet()
			})
		})
	}
}

// Any timetable of a peer that reads, to the millisecond (net.Conn, SetReadDeadline).
func TestTimetable(t *testing.T) {
	seconds := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(1, 60).Draw(t, "s")) * time.Second
	})
	steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{seconds.Draw(t, "pause"), rapid.StringMatching(`[x\n]{1,3}`).Draw(t, "text")}
	}), 0, 12)
	bubble.Property(t, 11, func(t *rapid.T, b *bubble.B) {
		const odd = 501 * time.Millisecond // at no byte's instant, and no multiple of what people poll with
		limits := deadline.Limits{
			Idle:  seconds.Draw(t, "Idle") + odd,
			Line:  seconds.Draw(t, "Line") + odd,
			Write: time.Second,
		}
		plan := steps.Draw(t, "steps")
		want := outcomeOf(plan, limits)

		p := listening(b, limits)
		for _, s := range plan {
			if p.Pass(s.pause); p.isOver() {
				break
			}
			p.send(s.text)
		}
		p.mustEndIn(want.at, want.why...)
		p.mustGet(want.back)
	})
}

// A real connection and the real time, which is not measured (net.TCPConn).
func TestLoopback(t *testing.T) {
	const soon, late = 30 * time.Millisecond, 5 * time.Second
	for _, tt := range []struct {
		why    string
		send   string
		limits deadline.Limits
		want   error
	}{
		{"silence", "hello\n", deadline.Limits{Idle: soon, Line: late, Write: late}, deadline.ErrIdle},
		{"half a line", "hello\nhel", deadline.Limits{Idle: late, Line: soon, Write: late}, deadline.ErrLine},
	} {
		t.Run(tt.why, func(t *testing.T) {
			loopback.Run(t, 11, func(l *loopback.L) {
				client, server := l.Pipe()
				io.WriteString(client, tt.send)
				handle := l.Go(call(tt.limits), func() error {
					defer server.Close() // so that the client does not wait
					return deadline.Handle(server, tt.limits)
				})
				io.Copy(io.Discard, client)
				if err := handle.Wait(); !errors.Is(err, tt.want) {
					l.Fatalf("%s\nafter the peer sent %s and nothing else\nreturned %s\nwant     %s", call(tt.limits), quote(tt.send), name(err), name(tt.want))
				}
			})
		})
	}
}

// step is what a peer does: nothing for a while, then a Write.
type step struct {
	pause time.Duration
	text  string
}

// outcome is how a connection ends.
type outcome struct {
	at   time.Duration
	why  []error // any of them
	back string  // the lines that were answered
}

// outcomeOf plays the steps against a clock of its own.
func outcomeOf(plan []step, limits deadline.Limits) outcome {
	const never = 1000 * time.Hour
	now, lineBy, all := time.Duration(0), never, ""
	for _, s := range append(slices.Clone(plan), step{pause: never}) {
		if next := min(now+limits.Idle, lineBy); next < now+s.pause {
			return outcome{next, reached(now+limits.Idle, lineBy), all[:strings.LastIndexByte(all, '\n')+1]}
		}
		now += s.pause
		for _, c := range s.text {
			all += string(c)
			if c == '\n' {
				lineBy = never
			} else {
				lineBy = min(lineBy, now+limits.Line)
			}
		}
	}
	panic("the last step never ends")
}

func reached(idle, line time.Duration) []error {
	switch {
	case idle < line:
		return []error{deadline.ErrIdle}
	case line < idle:
		return []error{deadline.ErrLine}
	}
	return []error{deadline.ErrIdle, deadline.ErrLine}
}

// peer is the test's end of the connection whose other end Handle was given.
type peer struct {
	*bubble.B
	limits deadline.Limits
	conn   *memnet.Conn
	server *memnet.Conn // Handle's end

	handle   *bubble.Call
	over     chan struct{} // closed when Handle is over
	returned time.Duration // when that was

	mu  sync.Mutex
	got []byte // received and not yet looked at
	had int    // bytes that were looked at

	why string // what else to say when Handle does not end as it should
}

// connect calls Handle, with a peer that does not read.
func connect(b *bubble.B, limits deadline.Limits) *peer {
	p := &peer{B: b, limits: limits, over: make(chan struct{})}
	p.conn, p.server = b.Net.Pipe()
	b.Net.Name(p.conn.LocalAddr(), "peer")
	b.Net.Name(p.server.LocalAddr(), "you")
	p.handle = b.Go(call(limits), func() error {
		defer close(p.over)
		err := deadline.Handle(p.server, limits)
		p.returned = b.Elapsed()
		return err
	})
	return p
}

// listening is connect, with a peer that reads all the time.
func listening(b *bubble.B, limits deadline.Limits) *peer {
	p := connect(b, limits)
	p.listen()
	return p
}

// listen begins to read what Handle sends.
func (p *peer) listen() {
	p.Go("the peer, which listens", func() error {
		for buf := make([]byte, 4096); ; {
			n, err := p.conn.Read(buf)
			p.mu.Lock()
			p.got = append(p.got, buf[:n]...)
			p.mu.Unlock()
			if err != nil {
				return nil
			}
		}
	})
}

// read reads n bytes. That they do not come, others find out.
func (p *peer) read(n int) {
	p.conn.SetReadDeadline(time.Now().Add(10 * time.Minute))
	io.ReadFull(p.conn, make([]byte, n))
}

// send sends text. That Handle is gone by then, or does not read, others find out.
func (p *peer) send(text string) {
	if text != "" {
		p.conn.SetWriteDeadline(time.Now().Add(10 * time.Minute))
		p.conn.Write([]byte(text))
	}
}

// drip sends a byte every five seconds, until Handle is over or ten minutes have
// passed.
func (p *peer) drip() {
	for range 120 {
		p.Pass(5 * time.Second)
		if p.isOver() {
			return
		}
		p.send("x")
	}
}

// isOver says whether Handle is over: it returned, or panicked.
func (p *peer) isOver() bool {
	p.Wait()
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// mustGet wants the peer to have received that text by now, behind what it was
// asked for before.
func (p *peer) mustGet(want string) {
	p.T().Helper()
	p.Wait()
	p.mu.Lock()
	got, had := string(p.got), p.had
	p.got, p.had = nil, p.had+len(p.got)
	p.mu.Unlock()
	if got == want {
		return
	}
	who := "the peer received "
	if had > 0 {
		who = fmt.Sprintf("after those %d bytes, the peer received ", had)
	}
	text := fmt.Sprintf("%s\n%s%s\n%-*s%s", call(p.limits), who, quote(got), len(who), "want", quote(want))
	if p.isOver() {
		text += fmt.Sprintf("\n\nHandle returned %s at %v.", name(p.handle.Wait()), span(p.returned))
	}
	p.Fatalf("%s", text)
}

// mustEnd wants Handle to return that error at that moment.
func (p *peer) mustEnd(want error, at time.Duration) {
	p.T().Helper()
	p.mustEndIn(at, want)
}

// mustEndIn is mustEnd with several errors of which any will do.
func (p *peer) mustEndIn(at time.Duration, want ...error) {
	p.T().Helper()
	const longer = 10 * time.Minute
	p.Pass(max(0, at-p.Elapsed()))
	var waiting string // at that moment
	if !p.isOver() {
		waiting = p.Waiting()
		p.Pass(longer)
	}
	if !p.isOver() {
		p.Fatalf("%s\nhas not returned at %v\nwant %s at %v%s\n\nWho waited where at %[4]v:\n\n%[6]s",
			call(p.limits), span(p.Elapsed()), names(want), span(at), p.reason(), waiting)
	}
	err := p.handle.Wait()
	if p.returned != at || !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		p.Fatalf("%s\nreturned %s at %v\nwant     %s at %v%s", call(p.limits), name(err), span(p.returned), names(want), span(at), p.reason())
	}
}

// reason is p.why on a line of its own.
func (p *peer) reason() string {
	if p.why == "" {
		return ""
	}
	return "\n" + p.why
}

// call says how Handle was called.
func call(l deadline.Limits) string {
	return fmt.Sprintf("Handle(conn, Limits{Idle: %v, Line: %v, Write: %v})", span(l.Idle), span(l.Line), span(l.Write))
}

// span is d without what a Duration adds to whole hours and minutes.
func span(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// name is the name of an error that the kata defines, or else its text.
func name(err error) string {
	var known []string
	for _, e := range []struct {
		err  error
		name string
	}{
		{deadline.ErrIdle, "ErrIdle"},
		{deadline.ErrLine, "ErrLine"},
		{deadline.ErrWrite, "ErrWrite"},
	} {
		if errors.Is(err, e.err) {
			known = append(known, e.name)
		}
	}
	switch {
	case err == nil:
		return "nil"
	case known == nil:
		return fmt.Sprintf("%q", err)
	}
	return strings.Join(known, " and ")
}

// names are the names of errors of which any will do.
func names(errs []error) string {
	var all []string
	for _, err := range errs {
		all = append(all, name(err))
	}
	return strings.Join(all, " or ")
}

// quote is %q, without the middle of a long text.
func quote(text string) string {
	switch n := len(text); {
	case n == 0:
		return "nothing"
	case n > 60:
		return fmt.Sprintf("%q … %q (%d bytes)", text[:20], text[n-10:], n)
	}
	return fmt.Sprintf("%q", text)
}
