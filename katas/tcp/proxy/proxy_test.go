package proxy_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/katas/tcp/proxy"
)

// far are limits that nobody reaches in the tests of the other rules.
var far = proxy.Limits{Dial: time.Hour, Idle: 10 * time.Hour}

// A conversation, sentence by sentence and byte by byte (net, Conn).
func TestPassOn(t *testing.T) {
	t.Run("question and answer", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b, far)
			for range 3 {
				s.client.mustReach(s.Word() + "\n")
				s.upstream.mustReach(s.sentence())
			}
		})
	})
	t.Run("the upstream speaks first", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b, far)
			s.upstream.mustReach("220 " + s.Word() + "\r\n")
			s.client.mustReach("QUIT\r\n")
		})
	})
	t.Run("single bytes, none of them text", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b, far)
			for _, c := range []byte{0, '\n', 0xff, byte(s.IntN(256)), '\r', 0} {
				s.client.mustReach(string([]byte{c}))
				s.upstream.mustReach(string([]byte{c, c}))
			}
		})
	})
	t.Run("the client spoke before it had an upstream", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := prepare(b, far)
			text := s.sentence()
			s.client.say(text)
			s.begin(b.Context())
			s.mustStand()
			s.upstream.mustHear(text)
		})
	})
}

// Whoever has something to say says it (net, Conn).
func TestBothWays(t *testing.T) {
	t.Run("one side speaks, the other one only listens", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			s := start(b, far)
			for _, side := range s.sides() {
				for range s.Between(3, 6) {
					side.mustReach(s.Word())
				}
			}
		})
	})
	t.Run("both send at once, more than there is room for", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			s := start(b, far)
			up, down := s.data(300_000), s.data(200_000)
			s.client.pour(up)
			s.upstream.pour(down)
			s.upstream.mustHear(up)
			s.client.mustHear(down)
		})
	})
}

// One stream ends (RFC 9293, section 3.6.1).
func TestHalfClose(t *testing.T) {
	each(t, "%s ends its stream, and %s answers for a while", func(t *testing.T, first who) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, far)
			side, other := s.side(first)
			side.mustReach(s.Word())
			side.hangUp()
			other.mustHearEnd()
			for range 3 {
				s.Pass(time.Duration(s.Between(1, 600)) * time.Second)
				other.mustReach(s.sentence())
			}
		})
	})
	each(t, "%s says its last words and ends its stream at once, %s listens late", func(t *testing.T, first who) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := prepare(b, far)
			side, other := s.side(first)
			other.deaf = true
			s.begin(b.Context())
			s.mustStand()
			words := s.data(s.Between(20_000, 30_000))
			side.pour(words)
			side.hangUp()
			s.Pass(time.Second)
			other.listen()
			other.mustHear(words)
			other.mustHearEnd()
			other.mustReach(s.Word())
		})
	})
	t.Run("last words and the end of the stream come in one Read", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := prepare(b, far)
			s.joined = true
			s.begin(b.Context())
			s.mustStand()
			s.Net.Note("the Read that gives the last bytes gives io.EOF with them")
			for _, side := range s.sides() {
				words := s.sentence()
				side.say(words)
				side.hangUp()
				side.other().mustHear(words)
				side.other().mustHearEnd()
			}
		})
	})
}

// Both streams end (net, TCPConn.SetLinger).
func TestOver(t *testing.T) {
	each(t, "%s ends its stream, then %s", func(t *testing.T, first who) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, far)
			side, other := s.side(first)
			side.mustReach(s.Word())
			side.hangUp()
			s.Pass(time.Duration(s.Between(1, 600)) * time.Second)
			other.mustReach(s.Word())
			s.mustGoOn()
			other.hangUp()
			s.mustEnd(nil)
			side.mustHearEnd()
			other.mustHearEnd()
			s.mustBeClean()
		})
	})
	each(t, "%s ends its stream, %s answers and closes its connection", func(t *testing.T, first who) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, far)
			side, other := s.side(first)
			side.mustReach(s.Word())
			side.hangUp()
			words := s.sentence()
			other.say(words)
			other.conn.Close()
			side.mustHear(words)
			s.mustEnd(nil)
			side.mustHearEnd()
			s.mustBeClean()
		})
	})
	t.Run("both at once, without a word", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, far)
			s.client.conn.CloseWrite()
			s.upstream.conn.CloseWrite()
			s.mustEnd(nil)
			s.mustBeClean()
		})
	})
}

// A connection breaks (RFC 9293, section 3.5.3).
func TestReset(t *testing.T) {
	each(t, "%s resets its connection", func(t *testing.T, first who) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, far)
			side, other := s.side(first)
			side.mustReach(s.Word())
			other.mustReach(s.Word())
			side.reset()
			other.mustHearReset()
			s.mustEnd(syscall.ECONNRESET)
			s.mustBeGone()
		})
	})
	each(t, "%s resets its connection, after %s has ended its stream", func(t *testing.T, first who) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, far)
			side, other := s.side(first)
			other.mustReach(s.Word())
			other.hangUp()
			side.mustReach(s.Word())
			side.reset()
			other.mustHearReset()
			s.mustEnd(syscall.ECONNRESET)
			s.mustBeGone()
		})
	})
	each(t, "%s resets its connection, when %s has not yet read all that came before", func(t *testing.T, first who) {
		bubble.Run(t, 5, func(b *bubble.B) {
			b.Net.Buffer = 4096
			s := prepare(b, far)
			side, other := s.side(first)
			other.deaf = true
			s.begin(b.Context())
			s.mustStand()
			words := s.data(s.Between(6000, 8000))
			side.say(words)
			side.reset()
			s.Pass(time.Second)
			other.listen()
			other.mustHear(words)
			other.mustHearReset()
			s.mustEnd(syscall.ECONNRESET)
			s.mustBeGone()
		})
	})
	each(t, "%s closes its connection before it has read all, and resets it thereby", func(t *testing.T, first who) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := prepare(b, far)
			side, other := s.side(first)
			side.deaf = true
			s.begin(b.Context())
			s.mustStand()
			other.say(s.data(3000))
			s.Wait()
			words := "413 " + s.Word() + "\n"
			side.say(words)
			side.conn.Close()
			other.mustHear(words)
			other.mustHearReset()
			s.mustEnd(syscall.ECONNRESET)
			s.mustBeGone()
		})
	})
}

// A connection breaks, and what waits at the other one is back late.
func TestNobodyLeft(t *testing.T) {
	each(t, "%s resets its connection, and the Read from %s comes back late", func(t *testing.T, first who) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, far)
			side, other := s.side(first)
			other.near.lag = time.Second
			s.Net.Note("a Read from %s comes back 1s after the Close that wakes it", other.name)
			side.reset()
			other.mustHearReset()
			s.Pass(other.near.lag)
			s.mustEndSince(0, syscall.ECONNRESET)
			s.mustHaveWaited()
			s.mustBeGone()
		})
	})
}

// A side has ended its stream, and then takes no more: only a Write can tell
// (RFC 9293, section 3.6.1).
func TestNobodyThere(t *testing.T) {
	each(t, "%s closes its connection, and %s sends on", func(t *testing.T, first who) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, far)
			side, other := s.side(first)
			side.mustReach(s.Word())
			side.conn.Close()
			other.mustHearEnd()
			other.mustFail()
			s.mustFail()
			s.mustBeGone()
		})
	})
	each(t, "%s ends its stream and resets its connection, and %s sends on", func(t *testing.T, first who) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, far)
			side, other := s.side(first)
			side.hangUp()
			other.mustReach(s.Word())
			side.reset()
			other.mustFail()
			s.mustFail()
			s.mustBeGone()
		})
	})
	each(t, "%s ends its stream and resets its connection, while %s waits for room", func(t *testing.T, first who) {
		bubble.Run(t, 6, func(b *bubble.B) {
			b.Net.Buffer = 1024
			s := prepare(b, far)
			side, other := s.side(first)
			side.deaf = true
			s.begin(b.Context())
			s.mustStand()
			side.hangUp()
			other.pour(s.data(2 * held))
			s.Pass(5 * time.Second)
			side.reset()
			other.mustFail()
			s.mustFail()
			s.mustBeGone()
		})
	})
}

// A side that does not read (RFC 9293, section 3.8.6).
func TestSlow(t *testing.T) {
	each(t, "%s sends, and %s does not read", func(t *testing.T, first who) {
		bubble.Run(t, 7, func(b *bubble.B) {
			d := draw.From(b.R)
			b.Net.Buffer = d.Between(10_000, 20_000)
			s := prepareWith(b, d, far)
			side, other := s.side(first)
			other.deaf = true
			s.begin(b.Context())
			s.mustStand()
			words := s.data(s.tooMuch() + s.Between(0, 100_000))
			side.pour(words)
			s.Pass(time.Minute)
			side.mustBeSlowed(0)
			other.listen()
			other.mustHear(words)
			side.hangUp()
			other.mustHearEnd()
		})
	})
	each(t, "%s sends, and %s reads once: much is there for one Read of yours", func(t *testing.T, first who) {
		bubble.Run(t, 7, func(b *bubble.B) {
			b.Net.Buffer = 2 * held
			s := prepare(b, far)
			side, other := s.side(first)
			other.deaf = true
			s.begin(b.Context())
			s.mustStand()
			for _, n := range []int{b.Net.Buffer, 1000, 2*b.Net.Buffer + held} { // so that a Write of 1000 waits
				side.pour(s.data(n))
			}
			some := make([]byte, 32<<10)
			n, _ := io.ReadFull(other.conn, some)
			s.Wait()
			side.mustBeSlowed(n)
		})
	})
}

// One direction stands still (net, Conn).
func TestStalled(t *testing.T) {
	each(t, "%s sends, and %s does not read but speaks", func(t *testing.T, first who) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := prepare(b, far)
			side, other := s.side(first)
			other.deaf = true
			s.begin(b.Context())
			s.mustStand()
			words := s.data(s.tooMuch())
			side.pour(words)
			s.Pass(time.Second)
			for range 3 {
				other.mustReach(s.sentence())
			}
			other.hangUp()
			side.mustHearEnd()
			s.Pass(time.Minute)
			other.listen()
			other.mustHear(words)
		})
	})
}

// Nobody listens at the upstream's address (RFC 9293, section 3.5.2).
func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		why    string
		before func(s *session)
	}{
		{"the client waits", func(*session) {}},
		{"the client has said something", func(s *session) { s.client.say(s.Word()) }},
		{"the client has ended its stream", func(s *session) { s.client.conn.CloseWrite() }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				s := prepare(b, far)
				s.ln.Close()
				tt.before(s)
				s.begin(b.Context())
				s.client.mustHearReset()
				s.mustEnd(proxy.ErrDial, syscall.ECONNREFUSED)
				s.mustHaveDialledOnce()
				s.mustBeGone()
			})
		})
	}
}

// The upstream's address does not answer, or late (net, Dialer).
func TestDial(t *testing.T) {
	t.Run("it never answers", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := prepare(b, far)
			s.limits.Dial = s.seconds(1, 60)
			s.silence()
			s.begin(b.Context())
			s.Pass(s.limits.Dial - time.Millisecond)
			s.mustGoOn()
			s.Pass(time.Millisecond)
			s.client.mustHearReset()
			s.mustEnd(proxy.ErrDial)
			s.mustHaveDialledOnce()
			s.mustBeGone()
		})
	})
	t.Run("the connection stands all the same, but too late", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := prepare(b, far)
			s.limits.Dial = s.seconds(1, 60)
			s.late, s.stubborn = s.limits.Dial+5*time.Second, true
			s.begin(b.Context())
			s.Pass(s.limits.Dial)
			s.Net.Note("the context of dial is done, to which it does not listen")
			s.Pass(5 * time.Second)
			s.mustStand()
			s.client.mustBeCut()
			s.upstream.mustBeCut()
			s.mustEndSince(s.limits.Dial, proxy.ErrDial)
			s.mustBeGone()
		})
	})
	t.Run("it answers at the last moment", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := prepare(b, far)
			s.limits.Dial = s.seconds(1, 60)
			s.late = s.limits.Dial - time.Millisecond
			s.begin(b.Context())
			s.Pass(s.late)
			s.mustStand()
			s.client.mustReach(s.Word())
		})
	})
	t.Run("it has answered, and the limit is over", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := prepare(b, far)
			s.limits.Dial = s.seconds(1, 60)
			s.begin(b.Context())
			s.mustStand()
			for range 3 {
				s.Pass(s.limits.Dial)
				s.client.mustReach(s.Word())
				s.upstream.mustReach(s.Word())
			}
		})
	})
	t.Run("there is no limit", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := prepare(b, proxy.Limits{Idle: far.Idle})
			s.late = 9 * time.Hour
			s.begin(b.Context())
			s.Pass(s.late)
			s.mustStand()
			s.client.mustReach(s.Word())
		})
	})
}

// What the Writes took, however it ended (io, Writer).
func TestCounts(t *testing.T) {
	t.Run("both ended their streams", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, far)
			s.client.mustReach(s.sentence())
			s.upstream.mustReach(s.data(s.Between(1, 100_000)))
			s.client.mustReach(s.sentence())
			s.client.hangUp()
			s.upstream.hangUp()
			s.mustEnd(nil)
			s.mustCount()
		})
	})
	t.Run("nobody sent anything", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, far)
			s.client.hangUp()
			s.upstream.hangUp()
			s.mustEnd(nil)
			s.mustCount()
		})
	})
	t.Run("no upstream", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := prepare(b, far)
			s.ln.Close()
			s.client.say(s.Word())
			s.begin(b.Context())
			s.mustEnd(proxy.ErrDial)
			s.mustCount()
		})
	})
	each(t, "%s resets its connection", func(t *testing.T, first who) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, far)
			s.client.mustReach(s.data(s.Between(1, 100_000)))
			s.upstream.mustReach(s.data(s.Between(1, 100_000)))
			side, _ := s.side(first)
			side.reset()
			s.mustEnd(syscall.ECONNRESET)
			s.mustCount()
		})
	})
	each(t, "%s resets its connection in the middle of a Write", func(t *testing.T, first who) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := prepare(b, far)
			b.Net.Buffer = s.Between(1000, 2000)
			side, other := s.side(first)
			side.deaf = true
			s.begin(b.Context())
			s.mustStand()
			other.pour(s.data(2 * held))
			s.Wait()
			side.reset()
			s.mustEnd(syscall.ECONNRESET)
			s.mustCount()
		})
	})
}

// Silence, on both sides and on one (nginx, proxy_timeout).
func TestIdle(t *testing.T) {
	for _, tt := range []struct {
		why    string
		before func(s *session)
	}{
		{"nobody says anything", func(*session) {}},
		{"both have spoken", func(s *session) { s.client.mustReach(s.Word()); s.upstream.mustReach(s.Word()) }},
		{"the client has ended its stream", func(s *session) { s.client.hangUp() }},
		{"the upstream has ended its stream", func(s *session) { s.upstream.hangUp() }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				s := prepare(b, far)
				s.limits.Idle = s.seconds(10, 600)
				s.begin(b.Context())
				s.mustStand()
				s.Pass(s.limits.Idle / 2)
				tt.before(s)
				s.mustIdle()
				s.mustBeGone()
			})
		})
	}
	each(t, "%s sends what %s does not read", func(t *testing.T, first who) {
		bubble.Run(t, 12, func(b *bubble.B) {
			b.Net.Buffer = 1024
			s := prepare(b, far)
			s.limits.Idle = s.seconds(10, 600)
			side, other := s.side(first)
			other.deaf = true
			s.begin(b.Context())
			s.mustStand()
			side.pour(s.data(2 * held))
			s.mustIdle()
			s.mustBeGone()
		})
	})
	t.Run("both send what neither reads", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			b.Net.Buffer = 1024
			s := prepare(b, far)
			s.limits.Idle = s.seconds(10, 600)
			s.client.deaf, s.upstream.deaf = true, true
			s.begin(b.Context())
			s.mustStand()
			s.client.pour(s.data(2 * held))
			s.upstream.pour(s.data(2 * held))
			s.mustIdle()
			s.mustBeGone()
		})
	})
	each(t, "%s has ended its stream, and does not read what %s sends", func(t *testing.T, first who) {
		bubble.Run(t, 12, func(b *bubble.B) {
			b.Net.Buffer = 1024
			s := prepare(b, far)
			s.limits.Idle = s.seconds(10, 600)
			side, other := s.side(first)
			side.deaf = true
			s.begin(b.Context())
			s.mustStand()
			side.hangUp()
			other.pour(s.data(2 * held))
			s.mustIdle()
			s.mustBeGone()
		})
	})
	t.Run("dialling took its time", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := prepare(b, far)
			s.limits.Idle = s.seconds(10, 600)
			s.late = s.limits.Idle * 3 / 2
			s.begin(b.Context())
			s.Pass(s.late)
			s.mustStand()
			s.mustIdle()
		})
	})
	each(t, "%s sends for a long time, and %s listens", func(t *testing.T, first who) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := prepare(b, far)
			s.limits.Idle = s.seconds(10, 600)
			s.begin(b.Context())
			s.mustStand()
			side, _ := s.side(first)
			for range 8 {
				s.Pass(s.limits.Idle - time.Millisecond)
				side.mustReach(s.Word())
			}
			s.mustIdle()
		})
	})
	t.Run("they take turns", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := prepare(b, far)
			s.limits.Idle = s.seconds(10, 600)
			s.begin(b.Context())
			s.mustStand()
			for i := range 8 {
				s.Pass(s.limits.Idle * 3 / 4)
				s.sides()[i%2].mustReach(s.Word())
			}
			s.mustIdle()
		})
	})
	t.Run("there is no limit", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := prepare(b, proxy.Limits{})
			s.begin(b.Context())
			s.mustStand()
			s.Pass(2 * far.Idle)
			s.client.mustReach(s.Word())
			s.upstream.mustReach(s.Word())
		})
	})
}

// The time to stop (context, AfterFunc).
func TestStop(t *testing.T) {
	t.Run("in a conversation", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, proxy.Limits{Dial: time.Minute, Idle: time.Minute})
			s.client.mustReach(s.Word())
			s.upstream.mustReach(s.Word())
			s.Pass(s.seconds(1, 30))
			s.stop()
			s.client.mustBeCut()
			s.upstream.mustBeCut()
			s.mustEnd(context.Canceled)
			s.mustBeGone()
		})
	})
	each(t, "%s has ended its stream", func(t *testing.T, first who) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, proxy.Limits{})
			side, other := s.side(first)
			side.hangUp()
			s.Pass(s.seconds(1, 30))
			s.stop()
			side.mustBeCut()
			other.mustBeCut()
			s.mustEnd(context.Canceled)
			s.mustBeGone()
		})
	})
	each(t, "%s sends what %s does not read", func(t *testing.T, first who) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := prepare(b, proxy.Limits{})
			side, other := s.side(first)
			other.deaf = true
			s.begin(b.Context())
			s.mustStand()
			side.pour(s.data(2 * held))
			s.Pass(s.seconds(1, 30))
			s.stop()
			side.mustBeCut()
			other.mustBeCut()
			s.mustEnd(context.Canceled)
			s.mustBeGone()
		})
	})
	t.Run("while it dials", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := prepare(b, proxy.Limits{})
			s.silence()
			s.begin(b.Context())
			s.Pass(s.seconds(1, 30))
			s.stop()
			s.client.mustHearReset()
			s.mustEnd(context.Canceled)
			s.mustHaveDialledOnce()
			s.mustBeGone()
		})
	})
	t.Run("while it dials, and the connection stands all the same", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := prepare(b, proxy.Limits{})
			s.late, s.stubborn = 10*time.Second, true
			s.begin(b.Context())
			s.Pass(5 * time.Second)
			s.stop()
			s.Net.Note("dial does not listen to it")
			s.Pass(5 * time.Second)
			s.mustStand()
			s.client.mustBeCut()
			s.upstream.mustBeCut()
			s.mustEndSince(5*time.Second, context.Canceled)
			s.mustBeGone()
		})
	})
}

// What the Writes took, when time was up (io, Writer).
func TestCountsInTime(t *testing.T) {
	t.Run("ctx is done in the middle of a Write", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := prepare(b, proxy.Limits{})
			b.Net.Buffer = s.Between(1000, 2000)
			s.client.deaf = true
			s.begin(b.Context())
			s.mustStand()
			s.client.mustReach(s.Word())
			s.upstream.pour(s.data(2 * held))
			s.stop()
			s.mustEnd(context.Canceled)
			s.mustCount()
		})
	})
	t.Run("both are silent", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, proxy.Limits{Idle: time.Minute})
			s.client.mustReach(s.sentence())
			s.upstream.mustReach(s.sentence())
			s.mustIdle()
			s.mustCount()
		})
	})
}

// Several connections at once, most of them in trouble (net, Listener).
func TestOthers(t *testing.T) {
	bubble.Run(t, 14, func(b *bubble.B) {
		d := draw.From(b.R)
		call := func(name string, change func(*session)) *session {
			s := prepareWith(b, d, proxy.Limits{})
			s.rename(name)
			change(s)
			s.begin(b.Context())
			return s
		}
		var well []*session
		for i := range d.Between(2, 4) {
			well = append(well, call(fmt.Sprintf("%c", 'a'+i), func(*session) {}))
		}
		call("lost", (*session).silence)
		refused := call("refused", func(s *session) { s.ln.Close() })
		stalled := call("stalled", func(s *session) { s.upstream.deaf = true })
		stalled.mustStand()
		poured := stalled.data(stalled.tooMuch())
		stalled.client.pour(poured)
		broken := call("broken", func(*session) {})
		broken.mustStand()
		broken.client.mustReach(d.Word())
		broken.upstream.reset()
		well = append(well, call("z", func(*session) {}))

		for _, s := range well {
			s.mustStand()
		}
		for range 3 {
			words := map[*side]string{}
			for _, s := range well {
				for _, side := range s.sides() {
					words[side] = s.sentence()
					side.say(words[side])
				}
			}
			for _, s := range well {
				s.upstream.mustHear(words[s.client])
				s.client.mustHear(words[s.upstream])
			}
		}
		refused.mustEnd(proxy.ErrDial)
		broken.mustEnd(syscall.ECONNRESET)
		stalled.upstream.listen()
		stalled.upstream.mustHear(poured)
		for _, s := range well {
			s.client.hangUp()
			s.upstream.hangUp()
			s.mustEnd(nil)
			s.mustCount()
		}
	})
}

// Any texts, ended in any order, over networks that cut, join and delay (RFC
// 9293, section 2.2).
func TestAnyNetwork(t *testing.T) {
	bubble.Property(t, 15, func(rt *rapid.T, b *bubble.B) {
		b.Net.Buffer = 64
		texts := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,30}`), 0, 6)
		up, down := texts.Draw(rt, "up"), texts.Draw(rt, "down")
		faults := memnet.Scripts(60, time.Second, memnet.Cut, memnet.Chop, memnet.Coalesce, memnet.Stall)
		b.Net.Disturb(memnet.FromDialer(), faults.Draw(rt, "there"))
		b.Net.Disturb(memnet.FromListener(), faults.Draw(rt, "back"))
		s := prepareWith(b, nil, proxy.Limits{Dial: time.Minute, Idle: time.Hour})
		s.begin(b.Context())
		s.mustStand()
		for side, texts := range map[*side][]string{s.client: up, s.upstream: down} {
			b.Go(side.name+", which speaks", func() error {
				for _, text := range texts {
					io.WriteString(side.conn, text)
				}
				return side.conn.CloseWrite()
			})
		}
		s.Pass(time.Minute)
		s.upstream.mustHear(strings.Join(up, ""))
		s.client.mustHear(strings.Join(down, ""))
		s.client.mustHearEnd()
		s.upstream.mustHearEnd()
		if err := s.mustBeOver("nil"); err != nil {
			s.Fatalf("%s\nreturned %s after %v\nwant     nil", s.title(), name(err), span(s.returned))
		}
		s.mustCount()
		s.mustBeClean()
	})
}

// The same over the kernel's TCP: much, both ways at once, and then the ends, one
// after the other (RFC 9293, section 3.6.1).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 15, func(l *loopback.L) {
		d := draw.From(l.R)
		r := relay(l)
		up, down := randomBytes(d, 3<<20), randomBytes(d, 2<<20)
		l.Go("the client, which sends", func() error {
			r.client.Write(up)
			return r.client.CloseWrite()
		})
		l.Go("the upstream, which answers when it has heard all", func() error {
			defer r.upstream.CloseWrite()
			heard, err := io.ReadAll(r.upstream)
			if !bytes.Equal(heard, up) || err != nil {
				l.Errorf("The client sent %d bytes, then ended its stream.\nThe upstream heard %s (error: %v).", len(up), against(heard, up), err)
			}
			r.upstream.Write(down)
			return nil
		})
		heard, err := io.ReadAll(r.client)
		if !bytes.Equal(heard, down) || err != nil {
			l.Fatalf("The client ended its stream, then the upstream answered with %d bytes.\nThe client heard %s (error: %v).", len(down), against(heard, down), err)
		}
		if err := r.handle.Wait(); err != nil {
			l.Fatalf("Both sides ended their streams.\n%s returned %s\nwant nil", r.title, name(err))
		}
		if want := (proxy.Counts{Up: int64(len(up)), Down: int64(len(down))}); r.counts != want {
			l.Fatalf("%s returned %+v\nwant %+v", r.title, r.counts, want)
		}
	})
}

// Resets, over the kernel's TCP (net, TCPConn.SetLinger).
func TestLoopbackReset(t *testing.T) {
	each(t, "%s resets its connection", func(t *testing.T, first who) {
		loopback.Run(t, 15, func(l *loopback.L) {
			r := relay(l)
			side, other := r.client, r.upstream
			if first == upstream {
				side, other = other, side
			}
			buf := make([]byte, 5)
			io.WriteString(side, "hello")
			if _, err := io.ReadFull(other, buf); err != nil || string(buf) != "hello" {
				l.Fatalf("One side said %q, the other one heard %q (error: %v).", "hello", buf, err)
			}
			side.SetLinger(0)
			side.Close()
			if n, err := other.Read(buf); err == nil || err == io.EOF || isTimeout(err) {
				l.Fatalf("One side reset its connection.\nThe Read of the other one gave %d bytes and the error: %v\nwant a reset", n, err)
			}
			if err := r.handle.Wait(); err == nil {
				l.Fatalf("One side reset its connection.\n%s returned nil\nwant the error", r.title)
			}
			l.MustBeQuiet()
		})
	})
}

// held is how many bytes of one direction Handle may hold, beside those that
// the connections hold.
const held = 1 << 20

// tooMuch is more than one direction can take while nobody reads: held bytes, and
// what the two connections have room for.
func (s *session) tooMuch() int { return held + 2*s.Net.Buffer + 50_000 }

// who is one of the two sides.
type who int

const (
	client who = iota
	upstream
)

// each runs a test with each of the two sides as the first one.
func each(t *testing.T, title string, f func(t *testing.T, first who)) {
	for first, names := range [][]any{{"the client", "the upstream"}, {"the upstream", "the client"}} {
		t.Run(fmt.Sprintf(title, names[:strings.Count(title, "%s")]...), func(t *testing.T) { f(t, who(first)) })
	}
}

// session is a call of Handle, with whom it stands between.
type session struct {
	*bubble.B
	*draw.Data
	limits           proxy.Limits
	ln               *memnet.Listener // the upstream's
	client, upstream *side
	late             time.Duration // how long dialling takes
	stubborn         bool          // dialling does not care for its context
	joined           bool          // what comes last comes with the end: see end.Read

	handle   *bubble.Call
	cancel   context.CancelFunc
	over     chan struct{} // closed when Handle is over
	returned time.Duration // when that was
	counts   proxy.Counts
	dials    atomic.Int64
	last     time.Duration // when something was sent, or the upstream connected
	ended    time.Duration // when a stream was ended
}

// start calls Handle and waits until its connection to the upstream stands.
func start(b *bubble.B, limits proxy.Limits) *session {
	b.T().Helper()
	s := prepare(b, limits)
	s.begin(b.Context())
	s.mustStand()
	return s
}

// prepare makes what Handle needs.
func prepare(b *bubble.B, limits proxy.Limits) *session {
	b.T().Helper()
	return prepareWith(b, draw.From(b.R), limits)
}

func prepareWith(b *bubble.B, d *draw.Data, limits proxy.Limits) *session {
	ln, err := b.Net.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatalf("the test cannot listen: %v", err)
	}
	s := &session{B: b, Data: d, limits: limits, ln: ln, over: make(chan struct{})}
	s.client = &side{s: s, name: "the client"}
	s.upstream = &side{s: s, name: "the upstream"}
	var near *memnet.Conn
	s.client.conn, near = b.Net.Pipe()
	s.client.near = &end{Conn: near}
	b.Net.Name(near.LocalAddr(), "you")
	s.rename("")
	return s
}

// rename gives the two sides names that tell them from those of other sessions.
func (s *session) rename(name string) {
	if name != "" {
		s.client.name, s.upstream.name = "client "+name, "upstream "+name
	}
	s.Net.Name(s.client.conn.LocalAddr(), strings.TrimPrefix(s.client.name, "the "))
	s.Net.Name(s.ln.Addr(), strings.TrimPrefix(s.upstream.name, "the "))
}

// silence makes the upstream's address one that never answers.
func (s *session) silence() {
	addr := s.ln.Addr().String()
	s.ln.Close()
	if err := s.Net.Silence(addr); err != nil {
		s.Fatalf("the test cannot silence %s: %v", addr, err)
	}
}

// begin calls Handle.
func (s *session) begin(ctx context.Context) {
	s.T().Helper()
	ctx, s.cancel = context.WithCancel(ctx)
	s.client.near.joined = s.joined
	s.handle = s.Go(s.title(), func() error {
		defer close(s.over)
		counts, err := proxy.Handle(ctx, s.client.near, s.dial, s.limits)
		s.counts, s.returned = counts, s.Elapsed()
		for _, side := range s.sides() {
			if side.near != nil {
				side.left = side.near.reading.Load()
			}
		}
		return err
	})
	if !s.client.deaf {
		s.client.listen()
	}
	s.Wait()
}

// dial is the Dialer that Handle gets.
func (s *session) dial(ctx context.Context) (proxy.Conn, error) {
	s.dials.Add(1)
	if s.stubborn {
		ctx = context.WithoutCancel(ctx)
	}
	if s.late > 0 {
		select {
		case <-time.After(s.late):
		case <-ctx.Done():
		}
	}
	conn, err := s.Net.Dial(ctx, "tcp", s.ln.Addr().String())
	if err != nil {
		return nil, err
	}
	s.Net.Name(conn.LocalAddr(), "you")
	s.upstream.near = &end{Conn: conn.(*memnet.Conn), joined: s.joined}
	return s.upstream.near, nil
}

// mustStand wants Handle to have dialled once by now, and accepts.
func (s *session) mustStand() {
	s.T().Helper()
	s.Wait()
	switch n := s.dials.Load(); {
	case n == 0:
		s.Fatalf("%s\nhas not called dial after %v. Want one call, at once.\n\n%s", s.title(), span(s.Elapsed()), s.state())
	case n > 1:
		s.Fatalf("%s\ncalled dial %d times. Want one call, and its connection used.\n\n%s", s.title(), n, s.state())
	case s.upstream.near == nil:
		s.Fatalf("%s\ncalled dial, whose context was done before the connection stood, %v later.\nWant that connection used.\n\n%s", s.title(), span(s.late), s.state())
	}
	conn, err := s.ln.Accept()
	if err != nil {
		s.Fatalf("the test cannot accept: %v", err)
	}
	s.upstream.conn = conn.(*memnet.Conn)
	s.last = s.Elapsed()
	if !s.upstream.deaf {
		s.upstream.listen()
	}
	s.Wait()
}

// mustHaveDialledOnce wants that Handle did not try again.
func (s *session) mustHaveDialledOnce() {
	s.T().Helper()
	if n := s.dials.Load(); n != 1 {
		s.Fatalf("%s\ncalled dial %d times, and got an error each time. Want one call: whether it is\ntried again is for dial to say.", s.title(), n)
	}
}

// stop cancels the context of Handle, once all has happened that can.
func (s *session) stop() {
	s.Wait()
	s.Net.Note("ctx is cancelled")
	s.cancel()
	s.Wait()
}

// sides are both of them; side is one, and the other one.
func (s *session) sides() []*side { return []*side{s.client, s.upstream} }

func (s *session) side(first who) (side, other *side) {
	return s.sides()[first], s.sides()[1-first]
}

// seconds draws a span, in whole seconds.
func (s *session) seconds(lo, hi int) time.Duration {
	return time.Duration(s.Between(lo, hi)) * time.Second
}

// sentence draws one to eight words.
func (s *session) sentence() string {
	return strings.Join(s.Words(s.Between(1, 8)), " ")
}

// data draws n bytes of any kind.
func (s *session) data(n int) string { return string(randomBytes(s.Data, n)) }

func randomBytes(d *draw.Data, n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		x := d.Uint64()
		b = append(b, byte(x), byte(x>>8), byte(x>>16), byte(x>>24), byte(x>>32), byte(x>>40), byte(x>>48), byte(x>>56))
	}
	return b[:n]
}

// isOver says whether Handle is over: it returned, or panicked.
func (s *session) isOver() bool {
	s.Wait()
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// mustGoOn wants Handle to be at work still.
func (s *session) mustGoOn() {
	s.T().Helper()
	if s.isOver() {
		s.Fatalf("%s\nreturned %s after %v\nwant it to go on until now, %v", s.title(), name(s.handle.Wait()), span(s.returned), span(s.Elapsed()))
	}
}

// mustBeOver wants Handle to have returned by now.
func (s *session) mustBeOver(want string) error {
	s.T().Helper()
	if !s.isOver() {
		s.Fatalf("%s\nhas not returned after %v\nwant %s by now\n\n%s", s.title(), span(s.Elapsed()), want, s.state())
	}
	return s.handle.Wait()
}

// mustEnd wants Handle to have returned all of these errors, at this moment.
func (s *session) mustEnd(want ...error) {
	s.T().Helper()
	s.mustEndSince(s.Elapsed(), want...)
}

// mustEndSince is mustEnd, at that moment or any other until now.
func (s *session) mustEndSince(from time.Duration, want ...error) {
	s.T().Helper()
	err := s.mustBeOver(names(want))
	at := span(s.Elapsed())
	if from < s.Elapsed() {
		at = span(from) + " to " + at
	}
	for _, w := range want {
		if !errors.Is(err, w) || s.returned < from {
			s.Fatalf("%s\nreturned %s after %v\nwant     %s after %v", s.title(), name(err), span(s.returned), names(want), at)
		}
	}
}

// mustFail wants Handle to have returned an error of any kind.
func (s *session) mustFail() {
	s.T().Helper()
	if err := s.mustBeOver("an error"); err == nil {
		s.Fatalf("%s\nreturned nil after %v\nwant the error of the Write that failed", s.title(), span(s.returned))
	}
}

// mustIdle wants Handle to return ErrIdle after a span in which nothing comes any
// more. Whether the end of a stream counts, and not just bytes, is left open.
func (s *session) mustIdle() {
	s.T().Helper()
	s.Wait()
	from, to := s.last+s.limits.Idle, max(s.last, s.ended)+2*s.limits.Idle
	s.Pass(from - time.Millisecond - s.Elapsed())
	s.mustGoOn()
	s.Pass(to - s.Elapsed())
	err := s.mustBeOver(fmt.Sprintf("ErrIdle after %v to %v", span(from), span(to)))
	if !errors.Is(err, proxy.ErrIdle) {
		s.Fatalf("%s\nreturned %s after %v\nwant     ErrIdle after %v to %v", s.title(), name(err), span(s.returned), span(from), span(to))
	}
	for _, side := range s.sides() {
		side.mustBeCut()
	}
}

// mustCount wants Handle to have returned the right counts.
func (s *session) mustCount() {
	s.T().Helper()
	err := s.mustBeOver("its counts")
	want := proxy.Counts{Up: s.upstream.near.taken(), Down: s.client.near.taken()}
	if s.counts != want {
		s.Fatalf("%s\nreturned %+v and %s\nwant     %+v: so many bytes did the Writes take", s.title(), s.counts, name(err), want)
	}
}

// mustHaveWaited wants that no Read was under way when Handle returned.
func (s *session) mustHaveWaited() {
	s.T().Helper()
	for _, side := range s.sides() {
		if side.left > 0 {
			s.Fatalf("%s\nreturned %s after %v, while a Read from %s was still under way.\nWant no goroutine left, as the Task says: close both connections, then wait for those that read.", s.title(), name(s.handle.Wait()), span(s.returned), side.name)
		}
	}
}

// mustBeGone wants both connections closed, and no goroutine left.
func (s *session) mustBeGone() {
	s.T().Helper()
	s.mustBeOver("an end")
	for _, side := range s.sides() {
		if side.near != nil && side.near.closed.Load() == 0 {
			s.Fatalf("%s\nreturned %s and left the connection to %s open.\nWant both closed, however it ends.", s.title(), name(s.handle.Wait()), side.name)
		}
	}
	for _, side := range s.sides() { // so that they are not left
		if side.conn != nil {
			side.conn.Close()
		}
	}
	s.MustBeQuiet()
}

// mustBeClean is mustBeGone, without a reset.
func (s *session) mustBeClean() {
	s.T().Helper()
	s.mustBeOver("nil")
	for _, side := range s.sides() {
		if side.near.reset.Load() {
			s.Fatalf("%s\nboth sides have ended their streams, and the connection to %s\nwas closed with a reset. What is still under way to it may be lost: want Close\nwithout SetLinger(0).", s.title(), side.name)
		}
	}
	s.mustBeGone()
}

// state is what became of Handle.
func (s *session) state() string {
	if !s.isOver() {
		return "Who waits where:\n\n" + s.waiting()
	}
	text := fmt.Sprintf("Handle returned %s after %v.", name(s.handle.Wait()), span(s.returned))
	if s.returned < s.Elapsed() {
		text = fmt.Sprintf("Handle was already over: it returned %s after %v.", name(s.handle.Wait()), span(s.returned))
	}
	return text
}

// waiting is Waiting without the sides: what they wait for, the transcript says.
func (s *session) waiting() string {
	var text strings.Builder
	ours := false
	for line := range strings.Lines(s.Waiting()) {
		if !strings.HasPrefix(line, "   ") { // a goroutine's name
			ours = strings.Contains(line, listens) || strings.Contains(line, sends)
		}
		if !ours {
			text.WriteString(line)
		}
	}
	return strings.TrimRight(text.String(), "\n")
}

// Behind the name of a side: goroutines of the test's own.
const (
	listens = ", which listens"
	sends   = ", which sends"
)

// title says how Handle was called.
func (s *session) title() string {
	return fmt.Sprintf("Handle(ctx, client, dial, Limits{Dial: %v, Idle: %v})", span(s.limits.Dial), span(s.limits.Idle))
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

// side is the client or the upstream: the far end of one of the connections.
type side struct {
	s    *session
	name string
	conn *memnet.Conn
	near *end // the other end, which Handle has
	deaf bool // does not listen, until listen is called

	hungUp bool         // has ended its stream
	left   int64        // how many Reads from it were under way when Handle returned
	pours  atomic.Int64 // how many bytes, by pour

	mu    sync.Mutex
	heard []byte // and not yet looked at
	err   error  // of the last Read
}

// end is an end of a connection as Handle gets it.
type end struct {
	*memnet.Conn
	joined  bool          // see Read
	lag     time.Duration // how late a Read comes back that a Close of this end wakes
	reading atomic.Int64  // how many Reads are under way
	took    atomic.Int64  // what its Writes did
	linger  atomic.Bool   // SetLinger(0) was the last one
	reset   atomic.Bool   // the first Close was a reset
	closed  atomic.Int64
}

// Read is that of the connection. If joined, it gives what it can together with
// the end, as an io.Reader may, and a *tls.Conn does.
func (e *end) Read(p []byte) (int, error) {
	e.reading.Add(1)
	defer e.reading.Add(-1)
	n, err := e.Conn.Read(p)
	if e.lag > 0 && errors.Is(err, net.ErrClosed) {
		<-time.After(e.lag)
	}
	for e.joined && err == nil && n < len(p) {
		var k int
		k, err = e.Conn.Read(p[n:])
		n += k
	}
	return n, err
}

func (e *end) Write(p []byte) (int, error) {
	n, err := e.Conn.Write(p)
	e.took.Add(int64(n))
	return n, err
}

func (e *end) SetLinger(sec int) error {
	e.linger.Store(sec == 0)
	return e.Conn.SetLinger(sec)
}

func (e *end) Close() error {
	if e.closed.Add(1) == 1 {
		e.reset.Store(e.linger.Load())
	}
	return e.Conn.Close()
}

// taken is what the Writes took; nothing when there is no connection.
func (e *end) taken() int64 {
	if e == nil {
		return 0
	}
	return e.took.Load()
}

// listen begins to read.
func (x *side) listen() {
	x.deaf = false
	x.s.Go(x.name+listens, func() error {
		for buf := make([]byte, 64<<10); ; {
			n, err := x.conn.Read(buf)
			x.mu.Lock()
			x.heard = append(x.heard, buf[:n]...)
			x.err = err
			x.mu.Unlock()
			if err != nil {
				return nil
			}
		}
	})
}

// say sends a text for which there is room.
func (x *side) say(text string) {
	x.s.T().Helper()
	x.s.last = x.s.Elapsed()
	if _, err := io.WriteString(x.conn, text); err != nil {
		x.s.Fatalf("%s\n%s cannot send %s after %v: %v\n\n%s", x.s.title(), x.name, quote(text), span(x.s.Elapsed()), err, x.s.state())
	}
}

// pour sends a long text in pieces, in a goroutine of its own.
func (x *side) pour(text string) {
	x.s.last = x.s.Elapsed()
	x.s.Go(x.name+sends, func() error {
		for rest := text; rest != ""; {
			piece := rest[:min(len(rest), 4<<10)]
			n, err := io.WriteString(x.conn, piece)
			x.pours.Add(int64(n))
			if err != nil {
				return nil
			}
			rest = rest[len(piece):]
		}
		return nil
	})
	x.s.Wait()
}

// mustBeSlowed wants no more to have been poured than there is room for, when the
// other side has read so many bytes.
func (x *side) mustBeSlowed(read int) {
	x.s.T().Helper()
	if sent, most := int(x.pours.Load()), read+held+2*x.s.Net.Buffer; sent > most {
		x.s.Fatalf("%s\n%s could send %d bytes, of which %s has read %d.\nWant %d at most: there is room for %d bytes in each of the two\nconnections, and Handle may hold %d.", x.s.title(), x.name, sent, x.other().name, read, most, x.s.Net.Buffer, held)
	}
}

// hangUp ends its stream.
func (x *side) hangUp() {
	x.s.Wait()
	x.s.ended, x.hungUp = x.s.Elapsed(), true
	x.conn.CloseWrite()
	x.s.Wait()
}

// reset closes its connection at once.
func (x *side) reset() {
	x.s.Wait()
	x.conn.SetLinger(0)
	x.conn.Close()
	x.s.Wait()
}

// other is the other side.
func (x *side) other() *side {
	if x == x.s.client {
		return x.s.upstream
	}
	return x.s.client
}

// mustReach sends a text, and wants the other side to have heard it.
func (x *side) mustReach(text string) {
	x.s.T().Helper()
	x.say(text)
	x.other().mustHear(text)
}

// mustHear wants the side to have heard that by now, and no more.
func (x *side) mustHear(want string) {
	x.s.T().Helper()
	got, _ := x.take()
	if string(got) == want {
		return
	}
	x.s.Fatalf("%s\nAfter %v, %s heard %s\nwant %s\n%s\n\n%s", x.s.title(), span(x.s.Elapsed()), x.name, against(got, []byte(want)), quote(want), x.sent(), x.s.state())
}

// sent says who has sent what the side should hear, and if it was after its own
// end.
func (x *side) sent() string {
	if !x.hungUp {
		return "That is what " + x.other().name + " sent."
	}
	return fmt.Sprintf("That is what %s sent after %s had ended its stream.", x.other().name, x.name)
}

// mustHearEnd wants the end of the stream, and nothing before it.
func (x *side) mustHearEnd() {
	x.s.T().Helper()
	got, err := x.take()
	if len(got) == 0 && err == io.EOF {
		return
	}
	x.s.Fatalf("%s\nAfter %v, %s ended its stream.\n%s %s\nwant: the end (EOF), and nothing else\n\n%s", x.s.title(), span(x.s.Elapsed()), x.other().name, x.name, happened(got, err), x.s.state())
}

// mustHearReset wants a reset, and nothing before it.
func (x *side) mustHearReset() {
	x.s.T().Helper()
	got, err := x.take()
	if len(got) == 0 && errors.Is(err, syscall.ECONNRESET) {
		return
	}
	x.s.Fatalf("%s\nAfter %v, %s %s\nwant: a reset (ECONNRESET), and nothing else\n\n%s", x.s.title(), span(x.s.Elapsed()), x.name, happened(got, err), x.s.state())
}

// mustBeCut wants a reset. A side that has heard the end of the stream before
// can only notice when it sends; one that does not listen is not asked.
func (x *side) mustBeCut() {
	x.s.T().Helper()
	x.s.Wait()
	x.mu.Lock()
	ended := x.err == io.EOF && len(x.heard) == 0
	x.mu.Unlock()
	switch {
	case x.deaf:
	case !ended:
		x.mustHearReset()
	default:
		if _, err := x.conn.Write([]byte("more\n")); err == nil {
			x.s.Fatalf("%s\n%s heard the end of the stream (EOF), and no reset until %v: it can still send.\nWant its connection reset by now.\n\n%s", x.s.title(), x.name, span(x.s.Elapsed()), x.s.state())
		}
	}
}

// take is what was heard since the last call, and what ended it.
func (x *side) take() ([]byte, error) {
	x.s.Wait()
	x.mu.Lock()
	defer x.mu.Unlock()
	got := x.heard
	x.heard = nil
	return got, x.err
}

// mustFail wants that the side can send no more: the first Writes may still find
// room somewhere, until Handle is over.
func (x *side) mustFail() {
	x.s.T().Helper()
	for range 4 {
		over := x.s.isOver()
		if _, err := x.conn.Write([]byte("more\n")); err != nil {
			return
		}
		if over {
			x.s.Fatalf("%s\n%s takes no more. A Write to it failed, and Handle returned %s.\nBut %s can still send: its connection was closed without a reset.\nWant both reset.", x.s.title(), x.other().name, name(x.s.handle.Wait()), x.name)
		}
	}
	x.s.Fatalf("%s\n%s takes no more, and %s can send on and on.\nWant its connection reset, once a Write has failed.\n\n%s", x.s.title(), x.other().name, x.name, x.s.state())
}

// happened says what a side heard.
func happened(got []byte, err error) string {
	switch {
	case len(got) > 0:
		return "heard " + quote(string(got))
	case err == nil:
		return "has heard nothing, and waits"
	case err == io.EOF:
		return "heard the end of the stream (EOF)"
	}
	return fmt.Sprintf("got the error: %v", err)
}

// against says what was heard, compared with what was sent.
func against(got, want []byte) string {
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	switch {
	case len(got) == 0:
		return "nothing"
	case len(want) <= shown && len(got) <= shown:
		return quote(string(got))
	case same == len(got):
		return fmt.Sprintf("the first %d bytes of %d and nothing else", same, len(want))
	case same == len(want):
		return fmt.Sprintf("these %d bytes, and %d more", same, len(got)-same)
	}
	return fmt.Sprintf("%d bytes, of which the first %d are right", len(got), same)
}

// kernel is a call of Handle between two connections of the kernel.
type kernel struct {
	client, upstream *net.TCPConn // the far ends
	handle           *loopback.Call
	title            string
	counts           proxy.Counts // after handle
}

func relay(l *loopback.L) *kernel {
	l.T().Helper()
	k := &kernel{title: "Handle(ctx, client, dial, Limits{})"}
	var near *net.TCPConn
	k.client, near = l.Pipe()
	ln := l.Listen()
	accepted := l.Go("the upstream, which accepts", func() (err error) {
		k.upstream, err = ln.AcceptTCP()
		return err
	})
	k.handle = l.Go(k.title, func() (err error) {
		defer near.Close() // so that nobody waits: other tests are about that
		defer ln.Close()
		k.counts, err = proxy.Handle(l.Context(), near, func(context.Context) (proxy.Conn, error) {
			return l.Dial(ln.Addr()), nil
		}, proxy.Limits{})
		return err
	})
	if err := accepted.Wait(); err != nil {
		l.Fatalf("%s\nThe upstream waits for a connection: %v\nHandle returned %s", k.title, err, name(k.handle.Wait()))
	}
	return k
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// name is how Go code calls an error, or else its text.
func name(err error) string {
	if err == nil {
		return "nil"
	}
	var known []string
	for _, e := range []struct {
		err  error
		name string
	}{
		{proxy.ErrDial, "ErrDial"},
		{proxy.ErrIdle, "ErrIdle"},
		{syscall.ECONNRESET, "ECONNRESET"},
		{syscall.ECONNREFUSED, "ECONNREFUSED"},
		{context.Canceled, "context.Canceled"},
	} {
		if errors.Is(err, e.err) {
			known = append(known, e.name)
		}
	}
	if known == nil {
		return fmt.Sprintf("%q", err)
	}
	return strings.Join(known, " and ")
}

// names are the names of errors of which all are wanted.
func names(errs []error) string {
	var all []string
	for _, err := range errs {
		all = append(all, name(err))
	}
	return strings.Join(all, " and ")
}

// shown is how long a text may be to be shown whole.
const shown = 60

// quote is %q, without the middle of a long text.
func quote(text string) string {
	switch n := len(text); {
	case n == 0:
		return "nothing"
	case n > shown:
		return fmt.Sprintf("%q … (%d bytes)", text[:20], n)
	}
	return fmt.Sprintf("%q", text)
}
