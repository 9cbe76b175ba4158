package exchange_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/udp/exchange"
)

// second is the schedule of most tests: tries at 0 s, 1 s, 3 s, 7 s.
var second = exchange.Schedule{First: time.Second}

// One question, one answer (net, PacketConn).
func TestExchange(t *testing.T) {
	for _, tt := range []struct {
		why              string
		question, answer string
	}{
		{"a question and its answer", "time?", "noon"},
		{"others", "who is there?", "it is me"},
		{"an empty question", "", "what?"},
		{"an empty answer", "are you there?", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				s := serve(b, func(q *query) { q.answer(tt.answer) })
				c := s.ask(b.Context(), s.socket(), tt.question, second)
				c.mustAnswer(tt.answer, 0)
				s.Pass(time.Minute)
				c.mustTry(0)
				if msg := s.heard[0].msg; len(msg) < 2 || string(msg[2:]) != tt.question {
					b.Fatalf("%s\nthe server received\n%s\nwant an id of two bytes, and %q behind it", c.title, wire.Bytes(msg).Dump(), tt.question)
				}
			})
		})
	}
}

// Large answers, and what becomes of one when the next comes (golang/go#14074).
func TestWholeAnswer(t *testing.T) {
	for _, size := range []int{511, 1500, 4096, 65505} {
		t.Run(fmt.Sprintf("of %d bytes", size), func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				want := strings.Repeat("x", size-1) + "!"
				s := serve(b, func(q *query) { q.answer(want) })
				s.ask(b.Context(), s.socket(), "how long?", second).mustAnswer(want, 0)
			})
		})
	}
	t.Run("two answers", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			s := serve(b, func(q *query) { q.answer("an answer to " + q.text()) })
			first := s.ask(b.Context(), s.socket(), "the first", second)
			first.mustAnswer("an answer to the first", 0)
			s.ask(b.Context(), s.socket(), "another question", second).mustAnswer("an answer to another question", 0)
			if got, want := string(first.answer), "an answer to the first"; got != want {
				b.Fatalf("Exchange returned %q. It was called again,\nand now the first answer reads %q.\nWant an answer that is the caller's alone.", want, got)
			}
		})
	})
}

// A server that is slow to hear (RFC 8489, section 6.2.1).
func TestSchedule(t *testing.T) {
	ms := func(n ...int) (all []time.Duration) {
		for _, n := range n {
			all = append(all, time.Duration(n)*time.Millisecond)
		}
		return all
	}
	const s = time.Second
	for _, tt := range []struct {
		why      string
		schedule exchange.Schedule
		want     []time.Duration
	}{
		{"the second try", exchange.Schedule{First: s}, ms(0, 1000)},
		{"the seventh", exchange.Schedule{First: s / 2}, ms(0, 500, 1500, 3500, 7500, 15500, 31500)},
		{"no wait over four seconds", exchange.Schedule{First: s, Max: 4 * s}, ms(0, 1000, 3000, 7000, 11000, 15000)},
		{"none over three", exchange.Schedule{First: s, Max: 3 * s}, ms(0, 1000, 3000, 6000, 9000)},
		{"not even the first", exchange.Schedule{First: 5 * s, Max: 2 * s}, ms(0, 2000, 4000, 6000)},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 3, func(b *bubble.B) {
				s := serve(b, answers(len(tt.want), "noon", 100*time.Millisecond))
				c := s.ask(b.Context(), s.socket(), "time?", tt.schedule)
				last := tt.want[len(tt.want)-1]
				s.Pass(last + 200*time.Millisecond)
				c.mustTry(tt.want...)
				c.mustAnswer("noon", last+100*time.Millisecond)
				s.Pass(time.Hour)
				c.mustTry(tt.want...)
			})
		})
	}
	t.Run("a hundred tries", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			schedule := exchange.Schedule{First: s, Max: 2 * s}
			s := serve(b, answers(100, "noon", 0))
			c := s.ask(b.Context(), s.socket(), "time?", schedule)
			s.Pass(198 * time.Second)
			if n := len(c.tries()); n != 100 {
				b.Fatalf("%s\ntried %d times in 198s\nwant 100: after 0s, after 1s, and then every two seconds", c.title, n)
			}
			c.mustAnswer("noon", 197*time.Second)
		})
	})
	t.Run("one try", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := serve(b, answers(1, "noon", time.Minute))
			c := s.ask(b.Context(), s.socket(), "time?", exchange.Schedule{Max: time.Second})
			s.Pass(2 * time.Minute)
			c.mustTry(0)
			c.mustAnswer("noon", time.Minute)
		})
	})
}

// A server that never answers, or too late (context, WithDeadline).
func TestDeadline(t *testing.T) {
	for _, tt := range []struct {
		why      string
		schedule exchange.Schedule
		limit    time.Duration
		want     []time.Duration // the tries
	}{
		{"in the first wait", second, 300 * time.Millisecond, []time.Duration{0}},
		{"in the third", second, 5 * time.Second, []time.Duration{0, time.Second, 3 * time.Second}},
		{"just before a try", second, 7*time.Second - time.Millisecond, []time.Duration{0, time.Second, 3 * time.Second}},
		{"the only try", exchange.Schedule{}, 5 * time.Second, []time.Duration{0}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				ctx, cancel := context.WithTimeout(b.Context(), tt.limit)
				defer cancel()
				s := serve(b, silent)
				c := s.ask(ctx, s.socket(), "time?", tt.schedule)
				c.mustFail(context.DeadlineExceeded, tt.limit)
				s.Pass(time.Minute)
				c.mustTry(tt.want...)
			})
		})
	}
	t.Run("the socket's clock is a millisecond ahead of the context's", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			const limit, late = 5 * time.Second, time.Millisecond
			ctx, cancel := context.WithTimeout(b.Context(), limit+late)
			defer cancel()
			s := serve(b, silent)
			b.Net.Note("the timer of ctx is %v late", late)
			c := s.ask(early{ctx, late}, s.socket(), "time?", second)
			c.mustFail(context.DeadlineExceeded, limit, limit+late)
			c.mustTry(0, time.Second, 3*time.Second)
		})
	})
	t.Run("an answer just in time", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel()
			s := serve(b, answers(3, "noon", 2*time.Second-time.Millisecond))
			s.ask(ctx, s.socket(), "time?", second).mustAnswer("noon", 5*time.Second-time.Millisecond)
		})
	})
	t.Run("it was over before it began", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel()
			s := serve(b, answers(1, "noon", 0))
			s.Pass(6 * time.Second)
			c := s.ask(ctx, s.socket(), "time?", second)
			c.mustFail(context.DeadlineExceeded, 0)
			c.mustTry()
		})
	})
	t.Run("no deadline, and an answer after an hour", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			schedule := exchange.Schedule{First: 10 * time.Minute, Max: 10 * time.Minute}
			s := serve(b, answers(7, "noon", time.Second))
			s.ask(b.Context(), s.socket(), "time?", schedule).mustAnswer("noon", time.Hour+time.Second)
		})
	})
}

// The ids of sixteen calls with four tries each, two times (RFC 5452, section 9.2).
func TestID(t *testing.T) {
	var rounds [2][]uint16
	for i := range rounds {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := serve(b, silent)
			for range 16 {
				ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
				c := s.ask(ctx, s.socket(), "time?", second)
				c.mustFail(context.DeadlineExceeded, 10*time.Second)
				cancel()
				rounds[i] = append(rounds[i], c.conn.ids()...)
			}
		})
		if t.Failed() {
			return
		}
	}
	r, ids := rule.New(t, 5), rounds[0]
	if fault := guessable(ids); fault != "" {
		r.Fatalf("Exchange was called %d times and tried four times each. The ids:\n\n%s\n\n%s", len(ids)/4, list(ids), fault)
	}
	if slices.Equal(ids, rounds[1]) {
		r.Fatalf("Exchange was called %d times and tried four times each. The ids:\n\n%s\n\nThen the clock was set back, all of this was done once more, and they were\nthe same. Whoever knows the time, or the seed, knows the ids.", len(ids)/4, list(ids))
	}
}

// Datagrams with the right id from the wrong place, and what the right place
// looks like (RFC 5452, section 9.1).
func TestStranger(t *testing.T) {
	for _, tt := range []struct{ why, stranger string }{
		{"another port of the server's host", "127.0.0.1:666"},
		{"the same port of another host", "192.0.2.66:53"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				stranger := strangerAt(b, tt.stranger)
				s := serve(b, func(q *query) {
					q.once(func() {
						stranger.WriteTo(q.with("no!!"), q.from)
						q.answerLastAfter(200*time.Millisecond, "noon")
					})
				})
				s.ask(b.Context(), s.socket(), "time?", second).mustAnswer("noon", 200*time.Millisecond)
			})
		})
	}
	t.Run("only a stranger answers", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel()
			stranger := strangerAt(b, "127.0.0.1:666")
			s := serve(b, func(q *query) {
				q.once(func() { stranger.WriteTo(q.with("no!!"), q.from) })
			})
			s.ask(ctx, s.socket(), "time?", second).mustFail(context.DeadlineExceeded, 5*time.Second)
		})
	})
	for _, tt := range []struct {
		why          string
		given, heard int // bytes of the IP address
	}{
		{"the caller has the server's address in 16 bytes, the socket in 4", 16, 4},
		{"the caller has it in 4 bytes, the socket in 16", 4, 16},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				s := serve(b, func(q *query) { q.answer("noon") })
				s.addr = inBytes(s.addr, tt.given)
				b.Net.Note("server is an IP address of %d bytes, and ReadFrom gives one of %d", tt.given, tt.heard)
				conn := s.socket()
				conn.read = func(b []byte, n int, from net.Addr, err error) (int, net.Addr, error) {
					if err == nil {
						from = inBytes(from, tt.heard)
					}
					return n, from, err
				}
				s.ask(b.Context(), conn, "time?", second).mustAnswer("noon", 0)
			})
		})
	}
	t.Run("a server with an address of IPv6", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := serveAt(b, "[2001:db8::53]:53", func(q *query) { q.answer("noon") })
			s.ask(b.Context(), s.socketAt("[2001:db8::1]:0"), "time?", second).mustAnswer("noon", 0)
		})
	})
}

// Datagrams from the right place that are no answer (RFC 5452, section 9.1).
func TestNoAnswer(t *testing.T) {
	for _, tt := range []struct {
		why string
		msg func(q *query) []byte
	}{
		{"another id", func(q *query) []byte { return []byte{q.msg[0] ^ 0x80, q.msg[1], 'n', 'o', '!', '!'} }},
		{"an id of which one half is right", func(q *query) []byte { return []byte{q.msg[0], q.msg[1] ^ 1, 'n', 'o', '!', '!'} }},
		{"no byte at all", func(q *query) []byte { return nil }},
		{"half an id", func(q *query) []byte { return q.msg[:1] }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				var id []byte
				s := serve(b, func(q *query) {
					id = q.msg[:2]
					q.once(func() {
						q.send(tt.msg(q))
						q.answerLastAfter(200*time.Millisecond, "noon")
					})
				})
				conn := s.socket()
				// A kernel leaves in the buffer what it does not write: perhaps an id.
				conn.read = func(b []byte, n int, from net.Addr, err error) (int, net.Addr, error) {
					if err == nil && n < 2 && len(b) > 2 {
						copy(b[n:], id[n:])
					}
					return n, from, err
				}
				s.ask(b.Context(), conn, "time?", second).mustAnswer("noon", 200*time.Millisecond)
			})
		})
	}
	t.Run("an answer to the first try, during the second", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := serve(b, func(q *query) {
				if q.number == 1 {
					q.answerAfter(1500*time.Millisecond, "early")
					q.answerLastAfter(1700*time.Millisecond, "noon")
				}
			})
			if c := s.ask(b.Context(), s.socket(), "time?", second); !c.sameIDs() {
				c.mustAnswer("noon", 1700*time.Millisecond)
			}
		})
	})
	t.Run("answers to three tries, in the wrong order", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := serve(b, func(q *query) {
				const at = 3500 * time.Millisecond
				switch q.number {
				case 1:
					q.answerAfter(at+20*time.Millisecond, "first")
					q.answerLastAfter(at+50*time.Millisecond, "third")
				case 2:
					q.answerAfter(at-q.at, "second")
				}
			})
			if c := s.ask(b.Context(), s.socket(), "time?", second); !c.sameIDs() {
				c.mustAnswer("third", 3550*time.Millisecond)
			}
		})
	})
	t.Run("an answer to the question before, asked from the same port", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := serve(b, func(q *query) {
				switch q.number {
				case 1:
					q.answer("an answer to one")
					q.answerAfter(time.Minute+100*time.Millisecond, "an answer to one")
				case 2:
					q.answerLastAfter(200*time.Millisecond, "an answer to two")
				}
			})
			first := s.ask(b.Context(), s.socketAt("127.0.0.1:4053"), "one", second)
			first.mustAnswer("an answer to one", 0)
			s.Pass(time.Minute)
			first.conn.Close()
			c := s.ask(b.Context(), s.socketAt("127.0.0.1:4053"), "two", second)
			if !c.sameIDs(first.conn.ids()...) {
				c.mustAnswer("an answer to two", 200*time.Millisecond)
			}
		})
	})
}

// noises are datagrams that do not count, one every 70 ms.
var noises = []struct {
	why  string
	from string // "": the server
	msg  func(q *query) []byte
}{
	{"a stranger, with the right id", "127.0.0.1:666", func(q *query) []byte { return q.with("no!!") }},
	{"the server, with another id", "", func(q *query) []byte { return []byte{q.msg[0], q.msg[1] ^ 1, 'n', 'o'} }},
	{"the server, with empty datagrams", "", func(q *query) []byte { return nil }},
}

// Much that does not count, and the tries (RFC 5452, section 9.1).
func TestNoise(t *testing.T) {
	for _, tt := range noises {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				ctx, cancel := context.WithTimeout(b.Context(), 10*time.Second)
				defer cancel()
				s := serve(b, silent)
				s.make(tt.from, tt.msg)
				c := s.ask(ctx, s.socket(), "time?", second)
				c.mustFail(context.DeadlineExceeded, 10*time.Second)
				c.mustTry(0, time.Second, 3*time.Second, 7*time.Second)
			})
		})
	}
	t.Run("and an answer to the third try", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := serve(b, answers(3, "noon", time.Second))
			s.make(noises[0].from, noises[0].msg)
			c := s.ask(b.Context(), s.socket(), "time?", second)
			c.mustAnswer("noon", 4*time.Second)
			c.mustTry(0, time.Second, 3*time.Second)
		})
	})
	t.Run("a server that takes a second and a half for each", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := serve(b, func(q *query) {
				q.answerAfter(1500*time.Millisecond, fmt.Sprintf("answer to try %d", q.number))
			})
			if c := s.ask(b.Context(), s.socket(), "time?", second); !c.sameIDs() {
				c.mustAnswer("answer to try 2", 2500*time.Millisecond)
			}
		})
	})
	t.Run("one for each question", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			stranger := strangerAt(b, "127.0.0.1:666")
			s := serve(b, func(q *query) {
				stranger.WriteTo(q.with("no!!"), q.from)
				if q.number == 2 {
					q.answerAfter(200*time.Millisecond, "noon")
				}
			})
			c := s.ask(b.Context(), s.socket(), "time?", second)
			c.mustAnswer("noon", 1200*time.Millisecond)
			c.mustTry(0, time.Second)
		})
	})
	t.Run("two hundred at once", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			stranger := strangerAt(b, "127.0.0.1:666")
			s := serve(b, func(q *query) {
				for range 200 {
					stranger.WriteTo(q.with("no!!"), q.from)
				}
				q.answer("noon")
			})
			c := s.ask(b.Context(), s.socket(), "time?", second)
			c.mustAnswer("noon", 0)
			c.mustTry(0)
		})
	})
}

// A context that is cancelled, wherever that finds Exchange (context, WithCancel).
func TestCancel(t *testing.T) {
	const at = 1234567 * time.Microsecond
	t.Run("in a wait", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := serve(b, silent)
			s.ask(s.cancelledAfter(at), s.socket(), "time?", second).mustFail(context.Canceled, at)
		})
	})
	t.Run("in the only wait", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := serve(b, silent)
			s.ask(s.cancelledAfter(at), s.socket(), "time?", exchange.Schedule{}).mustFail(context.Canceled, at)
		})
	})
	t.Run("in a wait, between many datagrams that do not count", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := serve(b, silent)
			s.make(noises[0].from, noises[0].msg)
			s.ask(s.cancelledAfter(at), s.socket(), "time?", second).mustFail(context.Canceled, at)
		})
	})
	t.Run("a minute before the deadline", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := serve(b, silent)
			ctx, cancel := context.WithTimeout(s.cancelledAfter(at), at+time.Minute)
			defer cancel()
			s.ask(ctx, s.socket(), "time?", second).mustFail(context.Canceled, at)
		})
	})
	t.Run("before it begins", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			s := serve(b, func(q *query) { q.answer("noon") })
			c := s.ask(ctx, s.socket(), "time?", second)
			c.mustFail(context.Canceled, 0)
			c.mustTry()
		})
	})
	const moment = time.Millisecond // in which others hear of it
	t.Run("as a question goes out", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := serve(b, silent)
			ctx, cancel := s.cancellable()
			conn := s.socket()
			conn.write = func(number int) error {
				if number == 2 {
					b.Net.Note("your WriteTo takes a while")
					cancel()
					<-time.After(moment)
				}
				return nil
			}
			s.ask(ctx, conn, "time?", second).mustFail(context.Canceled, time.Second, time.Second+moment)
		})
	})
	t.Run("as a wait ends", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := serve(b, silent)
			ctx, cancel := s.cancellable()
			time.AfterFunc(at, cancel) // for those whose ReadFrom waits on
			conn := s.socket()
			conn.read = func(_ []byte, n int, from net.Addr, err error) (int, net.Addr, error) {
				if err != nil && ctx.Err() == nil {
					b.Net.Note("your ReadFrom takes a while to return")
					cancel()
					<-time.After(moment)
				}
				return n, from, err
			}
			s.ask(ctx, conn, "time?", second).mustFail(context.Canceled, time.Second+moment, at)
		})
	})
	for i, number := range []string{"first", "second", "third", "fourth"} {
		for _, tt := range []struct {
			why      string
			schedule exchange.Schedule
		}{{"one try", exchange.Schedule{}}, {"many tries", second}} {
			t.Run("as a deadline is set, the "+number+" one, with "+tt.why, func(t *testing.T) {
				bubble.Run(t, 9, func(b *bubble.B) {
					s := serve(b, silent)
					conn := s.socket()
					ctx, cancelled := s.cancelledAtDeadline(conn, i+1)
					c := s.ask(ctx, conn, "time?", tt.schedule)
					c.mustEnd(time.Minute)
					c.mustFail(context.Canceled, cancelled())
				})
			})
		}
	}
}

// cancelledAtDeadline returns a context that is cancelled in the middle of the call
// of that number that sets a deadline for reading, or lifts it; or a little later,
// for those who set fewer. In that call no time passes, but others get on: above
// all, who sets a deadline because of the cancel. cancelled is when it was.
func (s *server) cancelledAtDeadline(conn *socket, number int) (ctx context.Context, cancelled func() time.Duration) {
	const last = 3*time.Second + 456789*time.Microsecond
	ctx, cancel := context.WithCancel(s.Context())
	var at time.Duration
	var calls atomic.Int64
	var once atomic.Bool
	conn.deadline = func(t time.Time) {
		s.noteDeadline(t)
		woken := !t.IsZero() && !t.After(time.Now())
		if woken || calls.Add(1) != int64(number) || !once.CompareAndSwap(false, true) {
			return
		}
		at = s.Elapsed()
		s.Net.Note("ctx is cancelled, in the middle of that call")
		before := conn.deadlines.Load()
		cancel()
		for range 10_000 {
			if conn.deadlines.Load() > before {
				break
			}
			runtime.Gosched()
		}
		s.Net.Note("then that call goes on, and does its work")
	}
	time.AfterFunc(last, func() {
		if once.CompareAndSwap(false, true) {
			at = s.Elapsed()
			s.Net.Note("ctx is cancelled")
			cancel()
		}
	})
	return ctx, func() time.Duration { return at }
}

// noteDeadline has the transcript say which deadline is set.
func (s *server) noteDeadline(t time.Time) {
	words := "you set a deadline for reading in the past"
	switch left := time.Until(t); {
	case t.IsZero():
		words = "you lift the deadline for reading"
	case left > 0:
		words = "you set the deadline for reading to " + span(s.Elapsed()+left)
	}
	s.Net.Note("%s", words)
}

// What the socket says (net, OpError).
func TestSocketError(t *testing.T) {
	t.Run("the question is too long", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := serve(b, silent)
			s.ask(b.Context(), s.socket(), strings.Repeat("?", 65506), second).mustFail(syscall.EMSGSIZE, 0)
		})
	})
	t.Run("the second try cannot be sent", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := serve(b, silent)
			conn := s.socket()
			conn.write = func(number int) error {
				if number == 1 {
					return nil
				}
				b.Net.Note("your WriteTo fails")
				return errBroken
			}
			s.ask(b.Context(), conn, "time?", second).mustFail(errBroken, time.Second)
		})
	})
	t.Run("nothing can be received", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := serve(b, answers(1, "noon", 300*time.Millisecond))
			conn := s.socket()
			conn.read = func(_ []byte, n int, from net.Addr, err error) (int, net.Addr, error) {
				if err != nil {
					return n, from, err
				}
				b.Net.Note("your ReadFrom fails")
				return 0, nil, errBroken
			}
			s.ask(b.Context(), conn, "time?", second).mustFail(errBroken, 300*time.Millisecond)
		})
	})
	t.Run("somebody closes it", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := serve(b, silent)
			conn := s.socket()
			time.AfterFunc(1500*time.Millisecond, func() {
				b.Net.Note("somebody closes conn")
				conn.Close()
			})
			s.ask(b.Context(), conn, "time?", second).mustFail(net.ErrClosed, 1500*time.Millisecond)
		})
	})
}

// Sockets that are connected, and not (RFC 1122, section 4.1.3.3).
func TestConnected(t *testing.T) {
	t.Run("an answer", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := serve(b, answers(2, "noon", 200*time.Millisecond))
			c := s.ask(b.Context(), s.connected(), "time?", second)
			c.mustAnswer("noon", 1200*time.Millisecond)
		})
	})
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := nobody(b)
			s.ask(b.Context(), s.connected(), "time?", second).mustFail(syscall.ECONNREFUSED, 0)
		})
	})
	t.Run("nobody is there, and it takes a while to know", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := nobody(b)
			b.Net.Disturb(memnet.To(s.addr), memnet.MustParse("delay 1 300ms"))
			s.ask(b.Context(), s.connected(), "time?", second).mustFail(syscall.ECONNREFUSED, 300*time.Millisecond)
		})
	})
	t.Run("the server leaves in the first wait", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := serve(b, silent)
			time.AfterFunc(500*time.Millisecond, s.leave)
			s.ask(b.Context(), s.connected(), "time?", second).mustFail(syscall.ECONNREFUSED, time.Second)
		})
	})
	t.Run("nobody is there, and conn is not connected", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel()
			s := nobody(b)
			s.ask(ctx, s.socket(), "time?", second).mustFail(context.DeadlineExceeded, 5*time.Second)
		})
	})
	t.Run("conn is a net.PacketConn and nothing else", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := serve(b, answers(2, "noon", 200*time.Millisecond))
			conn := s.socket()
			given := struct{ net.PacketConn }{conn}
			s.askOver(b.Context(), given, conn, "time?", second).mustAnswer("noon", 1200*time.Millisecond)
		})
	})
	t.Run("nobody is there, on the kernel's network", func(t *testing.T) {
		loopback.Run(t, 11, func(l *loopback.L) {
			// A socket that has a peer hears nobody else, and keeps the port.
			taken := l.DialPacket(l.ListenPacket().LocalAddr())
			conn := l.DialPacket(taken.LocalAddr())
			ctx, cancel := context.WithTimeout(l.Context(), loopback.Limit)
			defer cancel()
			var answer []byte
			err := l.Go(title("time?", second), func() (err error) {
				answer, err = exchange.Exchange(ctx, conn, taken.LocalAddr(), []byte("time?"), second)
				return err
			}).Wait()
			if !errors.Is(err, refused()) {
				l.Fatalf("%s\nover a connected socket, to a port where nobody is,\nreturned %s\nwant     %s", title("time?", second), outcome(answer, err), name(refused()))
			}
		})
	})
}

// The socket after every way out (net, PacketConn).
func TestBorrowed(t *testing.T) {
	for _, tt := range ways {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				c := tt.ask(b)
				c.mustEnd(time.Minute)
				c.s.leave()
				b.MustBeQuiet()
				c.mustBeFree("Then")
				c.s.Pass(time.Hour)
				c.cancel()
				c.mustBeFree("An hour later, its context was cancelled. Then")
			})
		})
	}
	t.Run("again and again, cancelled as the answer comes", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			for range 20 {
				s := serveAt(b, "127.0.0.1:0", func(q *query) { q.answer("noon") })
				ctx, cancel := s.cancellable()
				conn := s.socket()
				conn.read = func(_ []byte, n int, from net.Addr, err error) (int, net.Addr, error) {
					cancel()
					return n, from, err
				}
				c := s.ask(ctx, conn, "time?", second)
				c.mustEnd(0)
				s.leave()
				c.mustBeFree("Its context was cancelled as the answer came. Then")
			}
		})
	})
	for _, tt := range []struct {
		why      string
		schedule exchange.Schedule
		tries    []time.Duration
	}{
		{"a deadline from before", second, []time.Duration{0, time.Second}},
		{"a deadline from before, and one try", exchange.Schedule{}, []time.Duration{0}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				s := serve(b, answers(len(tt.tries), "noon", 200*time.Millisecond))
				conn := s.socket()
				b.Net.Note("conn has a deadline for reading, now")
				conn.SetReadDeadline(time.Now())
				c := s.ask(b.Context(), conn, "time?", tt.schedule)
				c.mustAnswer("noon", tt.tries[len(tt.tries)-1]+200*time.Millisecond)
				c.mustTry(tt.tries...)
				s.leave()
				c.mustBeFree("Then")
			})
		})
	}
}

// ways are the ways out of Exchange.
var ways = []struct {
	why string
	ask func(b *bubble.B) *call
}{
	{"after an answer", func(b *bubble.B) *call {
		s := serve(b, func(q *query) { q.answer("noon") })
		return s.ask(b.Context(), s.socket(), "time?", second)
	}},
	{"after an answer to the third try", func(b *bubble.B) *call {
		s := serve(b, answers(3, "noon", time.Second))
		return s.ask(b.Context(), s.socket(), "time?", second)
	}},
	{"after an answer to the only try", func(b *bubble.B) *call {
		s := serve(b, answers(1, "noon", time.Second))
		return s.ask(b.Context(), s.socket(), "time?", exchange.Schedule{})
	}},
	{"after the deadline", func(b *bubble.B) *call {
		ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
		b.Cleanup(cancel)
		s := serve(b, silent)
		return s.ask(ctx, s.socket(), "time?", second)
	}},
	{"after a cancel", func(b *bubble.B) *call {
		s := serve(b, silent)
		ctx, cancel := s.cancellable()
		time.AfterFunc(1500*time.Millisecond, cancel)
		return s.ask(ctx, s.socket(), "time?", second)
	}},
	{"after an error of sending", func(b *bubble.B) *call {
		s := serve(b, silent)
		return s.ask(b.Context(), s.socket(), strings.Repeat("?", 65506), second)
	}},
	{"after a refusal", func(b *bubble.B) *call {
		s := nobody(b)
		return s.ask(b.Context(), s.connected(), "time?", second)
	}},
}

// Any weather, there and back, to the microsecond (RFC 768).
func TestWeather(t *testing.T) {
	const longest = 3 * time.Second
	there := memnet.Scripts(6, longest, memnet.Drop, memnet.Duplicate, memnet.Delay, memnet.Reorder)
	back := memnet.Scripts(6, longest, memnet.DatagramFaults...)
	span := func(t *rapid.T, name string, from, to int) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Millisecond
	}
	bubble.Property(t, 13, func(t *rapid.T, b *bubble.B) {
		// The odd microseconds keep waits from ending as something arrives.
		schedule := exchange.Schedule{First: span(t, "First", 200, 2000) + time.Microsecond}
		if rapid.Bool().Draw(t, "Max?") {
			schedule.Max = span(t, "Max", 200, 4000) + time.Microsecond
		}
		limit := span(t, "deadline", 1, 10000) + time.Millisecond/2
		w := weather{there.Draw(t, "there"), back.Draw(t, "back")}
		want := w.outcomeOf(schedule, limit)

		b.Net.Note("to the server: %v; from the server: %v", w.there, w.back)
		b.Net.Forge = func(msg []byte) []byte { return append(msg[:2:2], "no!!"...) }
		ctx, cancel := context.WithTimeout(b.Context(), limit)
		defer cancel()
		s := serve(b, func(q *query) { q.answer(fmt.Sprintf("to %04x", q.id())) })
		b.Net.Disturb(memnet.To(s.addr), w.there)
		b.Net.Disturb(memnet.From(s.addr), w.back)
		c := s.ask(ctx, s.socket(), "time?", schedule)
		switch {
		case c.sameIDs():
		case want.Number == 0:
			c.mustFail(context.DeadlineExceeded, limit)
			c.mustTry(triesOf(schedule, limit)...)
		default:
			c.mustEnd(want.At)
			c.mustTry(triesOf(schedule, limit)[:want.Number]...)
			c.mustAnswer(fmt.Sprintf("to %04x", c.conn.ids()[want.Number-1]), want.At)
		}
	})
}

// A stranger, and much that is no answer, on the kernel's network, in real time,
// which is not measured (net, UDPConn).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 13, func(l *loopback.L) {
		server, stranger, conn := l.ListenPacket(), l.ListenPacket(), l.ListenPacket()
		l.Go("the server", func() error {
			var earlier []byte
			for buf := make([]byte, 512); ; {
				n, from, err := server.ReadFrom(buf)
				if err != nil {
					return err
				}
				id := slices.Clone(buf[:min(2, n)])
				if earlier != nil { // the first question is lost
					stranger.WriteTo(append(slices.Clone(id), "no!!"...), from)
					server.WriteTo(nil, from)
					server.WriteTo(append(slices.Clone(earlier), "no!!"...), from)
					server.WriteTo(append(slices.Clone(id), "noon"...), from)
				}
				earlier = id
			}
		})
		ctx, cancel := context.WithTimeout(l.Context(), loopback.Limit)
		defer cancel()
		schedule := exchange.Schedule{First: 20 * time.Millisecond}
		var answer []byte
		err := l.Go(title("time?", schedule), func() (err error) {
			answer, err = exchange.Exchange(ctx, conn, server.LocalAddr(), []byte("time?"), schedule)
			return err
		}).Wait()
		if err != nil || string(answer) != "noon" {
			l.Fatalf("%s\nreturned %s\nwant     %q", title("time?", schedule), outcome(answer, err), "noon")
		}
	})
}

// weather is what the network does on the way to the server, and back.
type weather struct{ there, back memnet.Script }

// outcomeOf plays an Exchange with a server that answers everything at once
// against a clock of its own, and returns the try of which the answer counts, from
// 1 on, and when it comes; the zero value when none does.
func (w weather) outcomeOf(schedule exchange.Schedule, limit time.Duration) memnet.Arrival {
	tries := triesOf(schedule, limit)
	var sent []memnet.Arrival
	for i, at := range tries {
		sent = append(sent, memnet.Arrival{Number: i + 1, At: at})
	}
	for _, a := range w.back.Arrivals(w.there.Arrivals(sent)) {
		if end := append(tries, limit)[a.Number]; a.At < end {
			return a
		}
	}
	return memnet.Arrival{}
}

// triesOf returns when a schedule tries, before the limit.
func triesOf(schedule exchange.Schedule, limit time.Duration) (tries []time.Duration) {
	wait := schedule.First
	for at := time.Duration(0); at < limit; at += wait {
		if len(tries) > 0 {
			wait *= 2
		}
		if schedule.Max > 0 {
			wait = min(wait, schedule.Max)
		}
		tries = append(tries, at)
	}
	return tries
}

// server notes what it is asked.
type server struct {
	*bubble.B
	conn  *memnet.PacketConn // nil when nobody is there
	addr  net.Addr
	heard []*query
	last  atomic.Pointer[query] // of heard
	once  time.Duration         // when once did something, or -1
	flood atomic.Bool           // there are too many tries for ids to be worth reading
}

// query is a datagram that came to the server.
type query struct {
	s      *server
	number int // from 1 on
	at     time.Duration
	from   net.Addr
	msg    []byte
}

// serve has reply answer what comes to 127.0.0.1:53.
func serve(b *bubble.B, reply func(q *query)) *server { return serveAt(b, "127.0.0.1:53", reply) }

func serveAt(b *bubble.B, addr string, reply func(q *query)) *server {
	s := &server{B: b, conn: listen(b, addr), once: -1}
	b.Net.Describe = s.describe
	s.addr = s.conn.LocalAddr()
	b.Net.Name(s.addr, "server")
	b.Go("the server", func() error {
		for buf := make([]byte, 1<<16); ; {
			n, from, err := s.conn.ReadFrom(buf)
			if err != nil {
				return err
			}
			q := &query{s, len(s.heard) + 1, b.Elapsed(), from, bytes.Clone(buf[:n])}
			s.heard = append(s.heard, q)
			s.last.Store(q)
			reply(q)
		}
	})
	return s
}

// nobody is a server that is not there.
func nobody(b *bubble.B) *server {
	s := &server{B: b, addr: udp("127.0.0.1:53")}
	b.Net.Describe = s.describe
	b.Net.Name(s.addr, "nobody")
	return s
}

// leave closes the server's socket.
func (s *server) leave() {
	if s.conn != nil {
		s.conn.Close()
	}
}

// silent is a server that hears and says nothing; answers is one that answers
// that question only, after a time.
func silent(*query) {}

func answers(number int, text string, after time.Duration) func(*query) {
	return func(q *query) {
		if q.number == number {
			q.answerAfter(after, text)
		}
	}
}

func (q *query) id() uint16 {
	if len(q.msg) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(q.msg)
}

func (q *query) text() string { return string(q.msg[min(2, len(q.msg)):]) }

// with is a message with the id of the query, as far as it has one.
func (q *query) with(text string) []byte {
	return append(bytes.Clone(q.msg[:min(2, len(q.msg))]), text...)
}

func (q *query) answer(text string) { q.send(q.with(text)) }

func (q *query) answerAfter(d time.Duration, text string) {
	if d == 0 {
		q.answer(text)
		return
	}
	time.AfterFunc(d, func() { q.answer(text) })
}

// answerLastAfter answers the last question that has come by then.
func (q *query) answerLastAfter(d time.Duration, text string) {
	time.AfterFunc(d, func() { q.s.last.Load().answer(text) })
}

// once does it once at each instant: who asks again because of it is not kept at
// it for ever.
func (q *query) once(do func()) {
	if q.s.once != q.at {
		q.s.once = q.at
		do()
	}
}

func (q *query) send(msg []byte) { q.s.conn.WriteTo(msg, q.from) }

// make sends a datagram that does not count every 77 ms, from the server's own
// address or another, once there is a question.
func (s *server) make(from string, msg func(q *query) []byte) {
	conn := s.conn
	if from != "" {
		conn = strangerAt(s.B, from)
	}
	s.Go("the noise", func() error {
		for {
			select {
			case <-s.Context().Done():
				return nil
			case <-time.After(77 * time.Millisecond):
			}
			s.Wait()
			if n := len(s.heard); n > 0 {
				conn.WriteTo(msg(s.heard[n-1]), s.heard[n-1].from)
			}
		}
	})
}

// socket is what Exchange is given: it notes what is sent, and the test can
// meddle with its calls.
type socket struct {
	*memnet.PacketConn
	clock func() time.Duration
	sent  []sent
	tried func()                                                                 // after each try
	write func(number int) error                                                 // before that datagram is sent
	read  func(b []byte, n int, from net.Addr, err error) (int, net.Addr, error) // after a ReadFrom

	deadline  func(t time.Time) // before that deadline for reading is set
	deadlines atomic.Int64      // that were set
}

type sent struct {
	at  time.Duration
	msg []byte
}

// socket returns one that is not connected.
func (s *server) socket() *socket { return s.socketAt("127.0.0.1:0") }

func (s *server) socketAt(addr string) *socket {
	return &socket{PacketConn: listen(s.B, addr), clock: s.Elapsed}
}

// connected returns one that is connected to the server.
func (s *server) connected() *socket {
	conn, err := s.Net.DialPacket(s.addr.String())
	if err != nil {
		s.Fatalf("the test cannot make a socket: %v", err)
	}
	return &socket{PacketConn: conn.(*memnet.PacketConn), clock: s.Elapsed}
}

func (c *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	if c.read == nil {
		return n, from, err
	}
	return c.read(b, n, from, err)
}

func (c *socket) Read(b []byte) (int, error) {
	n, _, err := c.ReadFrom(b)
	return n, err
}

func (c *socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	return c.send(b, func() (int, error) { return c.PacketConn.WriteTo(b, addr) })
}

func (c *socket) Write(b []byte) (int, error) {
	return c.send(b, func() (int, error) { return c.PacketConn.Write(b) })
}

func (c *socket) send(b []byte, send func() (int, error)) (int, error) {
	if c.write != nil {
		if err := c.write(len(c.sent) + 1); err != nil {
			return 0, err
		}
	}
	at := c.clock()
	n, err := send()
	if err == nil {
		c.sent = append(c.sent, sent{at, bytes.Clone(b)})
		c.tried()
	}
	return n, err
}

func (c *socket) SetReadDeadline(t time.Time) error { return c.set(t, c.PacketConn.SetReadDeadline) }
func (c *socket) SetDeadline(t time.Time) error     { return c.set(t, c.PacketConn.SetDeadline) }

func (c *socket) set(t time.Time, set func(time.Time) error) error {
	if c.deadline != nil {
		c.deadline(t)
	}
	defer c.deadlines.Add(1)
	return set(t)
}

// cannotSend sends a datagram as the caller, and says why that fails.
func (c *socket) cannotSend(to net.Addr) error {
	msg := []byte("??yes, I am")
	if c.RemoteAddr() == nil {
		_, err := c.PacketConn.WriteTo(msg, to)
		return err
	}
	_, err := c.PacketConn.Write(msg)
	return err
}

// atOnce is how many of the last tries were at one instant.
func (c *socket) atOnce() (n int) {
	for _, s := range slices.Backward(c.sent) {
		if s.at != c.sent[len(c.sent)-1].at {
			break
		}
		n++
	}
	return n
}

// ids returns the ids of what was sent.
func (c *socket) ids() (ids []uint16) {
	for _, s := range c.sent {
		ids = append(ids, (&query{msg: s.msg}).id())
	}
	return ids
}

// cancellable returns a context of which the transcript says when it is cancelled.
func (s *server) cancellable() (context.Context, func()) {
	ctx, cancel := context.WithCancel(s.Context())
	return ctx, func() {
		if ctx.Err() == nil {
			s.Net.Note("ctx is cancelled")
			cancel()
		}
	}
}

func (s *server) cancelledAfter(d time.Duration) context.Context {
	ctx, cancel := s.cancellable()
	time.AfterFunc(d, cancel)
	return ctx
}

// early is a context that says a deadline, and is done a little later, as when
// its timer is not the first to fire.
type early struct {
	context.Context
	by time.Duration
}

func (e early) Deadline() (time.Time, bool) {
	deadline, ok := e.Context.Deadline()
	return deadline.Add(-e.by), ok
}

// call is a call of Exchange.
type call struct {
	*bubble.B
	s      *server
	conn   *socket
	title  string
	plan   string // when it has to try, in words
	cancel context.CancelFunc
	began  time.Duration
	done   chan struct{}

	answer []byte
	err    error
	took   time.Duration
}

// ask has Exchange called in a goroutine of its own.
func (s *server) ask(ctx context.Context, conn *socket, question string, schedule exchange.Schedule) *call {
	return s.askOver(ctx, conn, conn, question, schedule)
}

// askOver is ask with something that stands for conn.
func (s *server) askOver(ctx context.Context, given net.PacketConn, conn *socket, question string, schedule exchange.Schedule) *call {
	s.Net.Name(conn.LocalAddr(), "you")
	c := &call{B: s.B, s: s, conn: conn, title: title(question, schedule), plan: plan(schedule), done: make(chan struct{})}
	conn.tried = c.mustNotFlood
	ctx, c.cancel = context.WithCancel(ctx)
	s.Cleanup(c.cancel)
	c.began = s.Elapsed()
	if deadline, ok := ctx.Deadline(); ok {
		s.Net.Note("Exchange is called; the deadline of ctx is at %v", span(s.Elapsed()+time.Until(deadline)))
	}
	s.Go(c.title, func() error {
		defer close(c.done)
		c.answer, c.err = exchange.Exchange(ctx, given, s.addr, []byte(question), schedule)
		c.took = s.Elapsed() - c.began
		return c.err
	})
	return c
}

// mustNotFlood ends a call that has asked a hundred times at one instant: it
// might never end by itself.
func (c *call) mustNotFlood() {
	n := c.conn.atOnce()
	c.s.flood.Store(n > 5)
	if n == 100 {
		at := c.Elapsed() - c.began
		c.Fatalf("%s\nasked %d times at one instant, %v after the call\nwant  %s\n\nEach time, ReadFrom returned at once, and that led to the next try.", c.title, n, span(at), c.plan)
	}
}

// plan says when a schedule tries.
func plan(schedule exchange.Schedule) string {
	if schedule.First <= 0 {
		return "one try, at 0s"
	}
	return "tries after " + times(triesOf(schedule, 8*schedule.First)) + ", … until ctx ends or there is an answer"
}

// mustEnd waits for Exchange to return, half a minute longer than it may take.
func (c *call) mustEnd(limit time.Duration) {
	c.T().Helper()
	c.mustReturn(limit, "it to return")
}

// mustReturn is mustEnd that says what was wanted.
func (c *call) mustReturn(limit time.Duration, want string) {
	c.T().Helper()
	select {
	case <-c.done:
		c.Wait()
	case <-time.After(limit + 30*time.Second):
		c.Fatalf("%s\nhas not returned after %v\nwant %s\n\n%s", c.title, span(c.Elapsed()-c.began), want, c.Waiting())
	}
}

// mustAnswer wants that answer at that time since the call.
func (c *call) mustAnswer(want string, at time.Duration) {
	c.T().Helper()
	c.mustReturn(at, quote(want)+" after "+span(at))
	if c.err != nil || string(c.answer) != want || c.took != at {
		c.Fatalf("%s\nreturned %s after %v\nwant     %s after %v%s", c.title, outcome(c.answer, c.err), span(c.took), quote(want), span(at), c.whose())
	}
}

// mustFail wants that error, at one of those times.
func (c *call) mustFail(want error, at ...time.Duration) {
	c.T().Helper()
	c.mustReturn(at[0], name(want)+" after "+span(at[0]))
	ok := errors.Is(c.err, want)
	if want == context.DeadlineExceeded {
		ok = ok || errors.Is(c.err, os.ErrDeadlineExceeded)
	}
	if !ok || !slices.Contains(at, c.took) {
		c.Fatalf("%s\nreturned %s after %v\nwant     %s after %v%s", c.title, outcome(c.answer, c.err), span(c.took), name(want), span(at[0]), c.whose())
	}
}

// whose says of what type conn is, to those who took a connected one for another.
func (c *call) whose() string {
	if !errors.Is(c.err, net.ErrWriteToConnected) {
		return ""
	}
	return fmt.Sprintf("\n\nconn is a %T here. It is connected: it is a net.Conn, and\nits RemoteAddr is %v.", c.conn, c.conn.RemoteAddr())
}

// tries returns when something was sent, since the call.
func (c *call) tries() (tries []time.Duration) {
	c.Wait()
	for _, s := range c.conn.sent {
		tries = append(tries, s.at-c.began)
	}
	return tries
}

// mustTry wants tries at those times since the call. What is sent at the very
// moment of the deadline is not counted.
func (c *call) mustTry(want ...time.Duration) {
	c.T().Helper()
	got := slices.DeleteFunc(c.tries(), func(at time.Duration) bool { return c.err != nil && at > 0 && at == c.took })
	if !slices.Equal(got, want) {
		c.Fatalf("%s\ntried after %s\nwant        %s", c.title, times(got), times(want))
	}
}

// sameIDs waits for Exchange to return, and says whether two tries had one id,
// among those earlier ones as well. It has to happen now and then by accident,
// and then an answer to the one is an answer to the other.
func (c *call) sameIDs(earlier ...uint16) bool {
	c.T().Helper()
	c.mustEnd(0)
	ids := append(c.conn.ids(), earlier...)
	n := len(ids)
	slices.Sort(ids)
	return len(slices.Compact(ids)) < n
}

// mustBeFree wants conn to be as good as new: a datagram arrives and can be read,
// and another can be sent.
func (c *call) mustBeFree(when string) {
	c.T().Helper()
	const text = "??are you still there?"
	peer := listen(c.B, c.s.addr.String())
	defer peer.Close()
	peer.WriteTo([]byte(text), c.conn.LocalAddr())
	for buf := make([]byte, 512); ; {
		n, _, err := c.conn.PacketConn.ReadFrom(buf)
		if string(buf[:n]) == text {
			break
		}
		if err != nil {
			c.Fatalf("%s\nreturned %s after %v. %s\na datagram came to conn, and the caller's ReadFrom said\n%v\nwant conn open and without a deadline", c.title, outcome(c.answer, c.err), span(c.took), when, err)
		}
	}
	if err := c.conn.cannotSend(c.s.addr); err != nil {
		c.Fatalf("%s\nreturned %s after %v. %s\nthe caller sent a datagram through conn, which said\n%v\nwant conn open and without a deadline", c.title, outcome(c.answer, c.err), span(c.took), when, err)
	}
}

// guessable says how those ids can be foretold, or "".
func guessable(ids []uint16) string {
	steps := map[uint16]int{}
	var ever, always uint16 = 0, 0xffff
	for i, id := range ids {
		ever, always = ever|id, always&id
		if i > 0 {
			steps[id-ids[i-1]]++
		}
	}
	for step, n := range steps {
		switch {
		case n <= 4: // by accident, less than once in a million million runs
		case step == 0:
			return fmt.Sprintf("%d times it is the id of the try before.", n)
		default:
			return fmt.Sprintf("%d times it is the id of the try before, plus %d.", n, step)
		}
	}
	if fixed := ^ever | always; fixed != 0 {
		return fmt.Sprintf("Some of the 16 bits are the same in all of them (mask %04x).", fixed)
	}
	return ""
}

var errBroken = errors.New("broken for this test")

// refused is what the kernel makes of an ICMP "port unreachable".
func refused() error {
	if runtime.GOOS == "windows" {
		return syscall.Errno(10054) // WSAECONNRESET
	}
	return syscall.ECONNREFUSED
}

func listen(b *bubble.B, addr string) *memnet.PacketConn {
	conn, err := b.Net.ListenPacket(addr)
	if err != nil {
		b.Fatalf("the test cannot make a socket: %v", err)
	}
	return conn
}

func strangerAt(b *bubble.B, addr string) *memnet.PacketConn {
	conn := listen(b, addr)
	b.Net.Name(conn.LocalAddr(), "stranger")
	return conn
}

func udp(addr string) *net.UDPAddr {
	return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr))
}

// inBytes is addr with its IP address in so many bytes.
func inBytes(addr net.Addr, n int) net.Addr {
	a := *addr.(*net.UDPAddr)
	if a.IP = a.IP.To16(); n == 4 {
		a.IP = a.IP.To4()
	}
	return &a
}

// describe is what the transcript says of a message. In a flood, ids would only
// keep it from folding what is repeated.
func (s *server) describe(msg []byte) string {
	switch {
	case len(msg) == 0:
		return "no byte"
	case len(msg) < 2:
		return fmt.Sprintf("%x", msg)
	case s.flood.Load():
		return fmt.Sprintf("(id) %q", msg[2:])
	}
	return fmt.Sprintf("%x %q", msg[:2], msg[2:])
}

func title(question string, s exchange.Schedule) string {
	var parts []string
	if s.First != 0 {
		parts = append(parts, fmt.Sprintf("First: %v", s.First))
	}
	if s.Max != 0 {
		parts = append(parts, fmt.Sprintf("Max: %v", s.Max))
	}
	return fmt.Sprintf("Exchange(ctx, conn, server, %s, Schedule{%s})", quote(question), strings.Join(parts, ", "))
}

// outcome is what Exchange returned.
func outcome(answer []byte, err error) string {
	if err != nil {
		return fmt.Sprintf("the error %q", err)
	}
	return quote(string(answer))
}

// name is what a test says that it wants.
func name(err error) string {
	switch err {
	case syscall.ECONNREFUSED:
		return "an error that is syscall.ECONNREFUSED"
	case syscall.EMSGSIZE:
		return "an error that is syscall.EMSGSIZE"
	case net.ErrClosed:
		return "an error that is net.ErrClosed"
	case context.Canceled:
		return "an error that is context.Canceled"
	case context.DeadlineExceeded:
		return "an error that is context.DeadlineExceeded"
	}
	return fmt.Sprintf("an error that is %q", err)
}

// quote is %q, without the middle of a long text.
func quote(text string) string {
	if n := len(text); n > 60 {
		return fmt.Sprintf("%q … %q (%d bytes)", text[:10], text[n-10:], n)
	}
	return fmt.Sprintf("%q", text)
}

// list lists ids, eight on a line.
func list(ids []uint16) string {
	var lines []string
	for row := range slices.Chunk(ids, 8) {
		lines = append(lines, fmt.Sprintf("  %04x", row))
	}
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(lines, "\n"))
}

// times lists times since a call.
func times(all []time.Duration) string {
	if len(all) == 0 {
		return "no time at all: nothing was sent"
	}
	var words []string
	for _, d := range all {
		words = append(words, span(d))
	}
	if n := len(words); n > 8 {
		words = append(words[:8], fmt.Sprintf("… (%d in all)", n))
	}
	return strings.Join(words, ", ")
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
