package pool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/katas/tcp/pool"
)

// A new connection, from a server that answers, and one that speaks first (net,
// Conn).
func TestGet(t *testing.T) {
	t.Run("a question", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.mustHaveDialled(0)
			s.get().mustTalk()
			s.mustHaveDialled(1)
		})
	})
	t.Run("a server that speaks first", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.greeting = "220 " + s.d.Text(s.d.Between(10, 60))
			l := s.get()
			l.mustHear(s.greeting)
			l.mustTalk()
		})
	})
}

// One holder after the other (net/http, Transport).
func TestPut(t *testing.T) {
	t.Run("one after the other", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			s := start(b, 1, 4)
			for range s.d.Between(3, 6) {
				l := s.get()
				l.mustTalk()
				s.put(l)
				s.Pass(time.Duration(s.d.Between(0, 999)) * time.Millisecond)
			}
			s.mustHaveDialled(1)
		})
	})
	t.Run("all of them, and all again", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			s := start(b, 2, 5)
			for range 2 {
				all := s.getAll()
				s.talkAll(all)
				for _, l := range all {
					s.put(l)
				}
			}
			s.mustHaveDialled(s.limits.Size)
		})
	})
}

// Dials that take their time (minus5/gofreetds#69).
func TestDialHangs(t *testing.T) {
	t.Run("Put and Get", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, 3, 5)
			back := s.getMore(2)
			s.dialWith(s.hang)
			s.ask()
			s.Pass(time.Second)
			for _, l := range back {
				s.put(l)
			}
			s.get().mustTalk() // the one who dials may have taken the other
		})
	})
	t.Run("other dials", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, 2, 5)
			s.dialWith(s.hang)
			for range s.limits.Size - 1 {
				s.ask()
			}
			s.Pass(time.Second)
			s.dialWith(s.connect)
			l := s.get()
			l.mustTalk()
			s.put(l)
		})
	})
	t.Run("all at once", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, 2, 5)
			s.dialWith(after(3*time.Second, s.connect))
			var asked []*get
			for range s.limits.Size {
				asked = append(asked, s.ask())
			}
			s.Pass(3 * time.Second)
			for _, g := range asked {
				g.mustLend().mustTalk()
			}
		})
	})
}

// All connections are taken (database/sql, DB.SetMaxOpenConns).
func TestSize(t *testing.T) {
	t.Run("one comes back", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, 1, 5)
			all := s.getAll()
			late := s.ask()
			s.Pass(10 * time.Minute)
			late.mustWait()
			back := s.oneOf(all)
			s.put(back)
			if l := late.mustLend(); l.number != back.number {
				s.fail("Get %d got connection %d.\nWant connection %d, which had come back.", late.number, l.number, back.number)
			} else {
				l.mustTalk()
			}
			s.mustHaveDialled(s.limits.Size)
		})
	})
	t.Run("while they are dialled", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, 1, 5)
			s.dialWith(after(3*time.Second, s.connect))
			var asked []*get
			for range s.limits.Size + 3 {
				asked = append(asked, s.ask())
			}
			s.Pass(time.Second)
			s.mustKeepToSize()
			s.Pass(9 * time.Second)
			s.mustKeepToSize()
			var lent []*loan
			for _, g := range asked {
				if g.over() {
					lent = append(lent, g.mustLend())
				}
			}
			if len(lent) != s.limits.Size {
				s.fail("%d of %d Gets have got a connection after 10s. Want %d, which is Size.", len(lent), len(asked), s.limits.Size)
			}
		})
	})
	t.Run("some on loan, and some idle", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			s := start(b, 2, 5)
			all := s.getAll()
			for _, l := range all[:s.d.Between(1, len(all)-1)] {
				s.put(l)
			}
			for range s.limits.Size {
				s.ask()
			}
			s.mustKeepToSize()
			s.mustHaveDialled(s.limits.Size)
		})
	})
}

// Connections that are not to be used again (database/sql, Tx.Rollback).
func TestClose(t *testing.T) {
	t.Run("nobody waits", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 1, 4)
			first := s.get()
			s.close(first)
			s.mustBeClosed(first)
			next := s.get()
			next.mustTalk()
			s.mustHaveDialled(2)
		})
	})
	t.Run("somebody waits", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 1, 4)
			all := s.getAll()
			late := s.ask()
			late.mustWait()
			s.close(s.oneOf(all))
			late.mustLend().mustTalk()
			s.mustHaveDialled(s.limits.Size + 1)
			s.mustKeepToSize()
		})
	})
	t.Run("somebody waits, and closing takes a second", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 1, 4)
			all := s.getAll()
			late := s.ask()
			s.closing = time.Second
			s.did("Close of the Conn, which is connection %d, and which will take 1s", all[0].number)
			closed := s.Go("conn.Close()", all[0].conn.Close)
			s.Wait()
			s.mustKeepToSize()
			s.Pass(time.Second)
			closed.Wait()
			s.closing = 0
			late.mustLend().mustTalk()
			s.mustKeepToSize()
		})
	})
	t.Run("twice", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 2, 4)
			all := s.getAll()
			s.close(all[0])
			s.close(all[0])
			for range s.limits.Size {
				s.ask()
			}
			s.mustKeepToSize()
		})
	})
	t.Run("after Put", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 2, 4)
			first := s.get()
			s.put(first)
			s.close(first)
			s.mustBeOpen(first)
			next := s.get()
			next.mustTalk()
			s.mustHaveDialled(1)
			s.close(first)
			s.mustBeOpen(next)
			next.mustTalk()
			s.close(next)
			s.mustBeClosed(next)
		})
	})
	t.Run("and the Close of the net.Conn fails", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, 1, 4)
			l := s.getAll()[0]
			late := s.ask()
			late.mustWait()
			s.failing = errors.New("broken for this test")
			s.did("Close of the Conn, which is connection %d; that of the net.Conn will fail", l.number)
			if err := s.call("conn.Close()", l.conn.Close); !errors.Is(err, s.failing) {
				s.fail("Close of the Conn returned %s\nwant %q, the error of the net.Conn's Close", name(err), s.failing)
			}
			s.did("Close of the Conn, which is connection %d", l.number)
			if err := s.call("conn.Close()", l.conn.Close); err != nil {
				s.fail("Close of the Conn, the second one, returned the error: %v\nwant nil, for it does nothing", err)
			}
			s.failing = nil
			late.mustLend().mustTalk()
			s.mustKeepToSize()
		})
	})
}

// Given back more than once (node-mysql2#1280).
func TestPutTwice(t *testing.T) {
	t.Run("Put after Put", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, 2, 4)
			l := s.get()
			s.put(l)
			s.mustNotPut(l)
			s.talkAll(s.getAll())
		})
	})
	t.Run("Put after Put, when the next has it", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, 2, 4)
			first := s.get()
			s.put(first)
			next := s.get()
			s.mustNotPut(first)
			other := s.get()
			s.talkAll([]*loan{next, other})
			s.put(next)
			s.get().mustTalk()
		})
	})
	t.Run("Put after Put, when it went from hand to hand", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, 2, 4)
			all := s.getAll()
			second, third := s.ask(), s.ask()
			s.put(all[0])
			s.mustNotPut(all[0])
			second.settle()
			if second.over() == third.over() {
				s.fail("One connection has come back, and two calls of Get wait for one.\nWant one of them to get it, and the other one to wait.")
			}
		})
	})
	t.Run("Put after Close", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, 2, 4)
			l := s.get()
			s.close(l)
			s.mustNotPut(l)
			s.talkAll(s.getAll())
			s.mustKeepToSize()
		})
	})
	t.Run("Put while a Put is under way", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, 2, 4)
			for range 5 {
				s.newStory()
				l := s.get()
				s.did("Put(connection %d)", l.number)
				second := s.inTheMiddle(&s.atDeadline, "Put(conn)", "Put(connection %d), while the first Put sets a deadline", func() error { return s.p.Put(l.conn) }, l)
				first := s.call("Put(conn)", func() error { return s.p.Put(l.conn) })
				if call := second(); call != nil {
					s.mustHaveOne(l, first, call.Wait())
				} else if first != nil {
					s.fail("Put(connection %d) returned the error: %v\nwant nil", l.number, first)
				}
			}
			s.talkAll(s.getAll())
			s.mustKeepToSize()
		})
	})
	t.Run("Close while a Put is under way", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, 2, 4)
			for range 5 {
				s.newStory()
				l := s.get()
				s.did("Put(connection %d)", l.number)
				closing := s.inTheMiddle(&s.atDeadline, "conn.Close()", "Close of the Conn, which is connection %d, while that Put sets a deadline", l.conn.Close, l)
				put := s.call("Put(conn)", func() error { return s.p.Put(l.conn) })
				if call := closing(); call != nil {
					call.Wait()
				}
				if put == nil && s.isClosed(l) {
					s.fail("Put(connection %d) returned nil, and Close has closed it.\nWant one of them to do what it does, and the other one nothing.", l.number)
				}
			}
			s.talkAll(s.getAll())
			s.mustKeepToSize()
		})
	})
	t.Run("Put and Close while a Close is under way", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, 2, 4)
			for range 3 {
				s.newStory()
				l := s.get()
				s.did("Close of the Conn, which is connection %d", l.number)
				var again error
				put := s.inTheMiddle(&s.atClose, "Put(conn) and conn.Close()", "Put(connection %d), and Close of the Conn, while the net.Conn's Close is under way", func() error {
					err := s.p.Put(l.conn)
					again = l.conn.Close()
					return err
				}, l)
				s.call("conn.Close()", l.conn.Close)
				if call := put(); call == nil {
					s.fail("Connection %d was not closed.", l.number)
				} else if err := call.Wait(); !errors.Is(err, pool.ErrReturned) {
					s.fail("Put(connection %d) returned %s\nwant ErrReturned: Close had been called before, and was not over", l.number, name(err))
				} else if again != nil {
					s.fail("Close of the Conn, called twice at once, returned the error: %v\nwant nil from the second, for it does nothing", again)
				}
			}
			for range s.limits.Size + 1 {
				s.ask()
			}
			s.mustKeepToSize()
		})
	})
	t.Run("many at once", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b, 2, 4)
			for range 50 {
				s.newStory()
				l := s.get()
				good := s.together("Put(conn)", 4, func() error { return s.p.Put(l.conn) })
				s.did("Put(connection %d), four times at once, succeeded %d times", l.number, good)
				if good != 1 {
					s.fail("Of four calls of Put at once, for one connection, %d returned nil.\nWant one, and ErrReturned from the others.", good)
				}
			}
			s.talkAll(s.getAll())
		})
	})
}

// mustHaveOne wants one of two calls of Put, of which one began while the other
// was under way, to have put the connection back.
func (s *stage) mustHaveOne(l *loan, first, second error) {
	s.T().Helper()
	switch {
	case first == nil && second == nil:
		s.fail("Both calls of Put(connection %d) returned nil: it will have two holders.\nWant nil from one, and ErrReturned from the other: is it marked as given back\nbefore anything else is done?", l.number)
	case first != nil && second != nil:
		s.fail("The calls of Put(connection %d) returned %s and %s.\nWant nil from one of them, and ErrReturned from the other.", l.number, name(first), name(second))
	case !errors.Is(errors.Join(first, second), pool.ErrReturned):
		s.fail("Of two calls of Put(connection %d), one returned the error: %v\nwant ErrReturned", l.number, errors.Join(first, second))
	}
}

// inTheMiddle has f called when the pool next closes a connection, or sets a
// deadline: at says which. That waits for f a little, in no time, for f may have
// to wait for a lock. then ends it, and returns the call, if there was one.
func (s *stage) inTheMiddle(at *func(), call, story string, f func() error, l *loan) (then func() *bubble.Call) {
	var made *bubble.Call
	s.hook(at, func() {
		s.did(story, l.number)
		made = s.Go(call, f)
		for i := 0; i < 20_000 && !made.Returned(); i++ {
			runtime.Gosched()
		}
	})
	return func() *bubble.Call {
		s.Wait()
		s.hook(at, nil)
		return made
	}
}

// What a holder leaves set (net, Conn.SetDeadline).
func TestDeadlines(t *testing.T) {
	for _, tt := range []struct {
		why string
		set func(net.Conn, time.Time)
	}{
		{"SetDeadline", func(c net.Conn, t time.Time) { c.SetDeadline(t) }},
		{"SetReadDeadline", func(c net.Conn, t time.Time) { c.SetReadDeadline(t) }},
		{"SetWriteDeadline", func(c net.Conn, t time.Time) { c.SetWriteDeadline(t) }},
	} {
		t.Run(tt.why+", and it is idle meanwhile", func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				s := start(b, 1, 4)
				l := s.get()
				s.did("the holder of connection %d calls %s for %v from now", l.number, tt.why, 5*time.Second)
				tt.set(l.conn, time.Now().Add(5*time.Second))
				s.put(l)
				s.Pass(time.Second)
				next := s.get()
				s.Pass(10 * time.Second)
				next.mustTalk()
				s.mustHaveDialled(1)
			})
		})
		t.Run(tt.why+", which has passed when it is put back", func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				s := start(b, 1, 4)
				l := s.get()
				s.did("the holder of connection %d calls %s for %v from now", l.number, tt.why, 5*time.Second)
				tt.set(l.conn, time.Now().Add(5*time.Second))
				s.Pass(6 * time.Second)
				s.put(l)
				s.Pass(time.Second)
				s.get().mustTalk()
				s.mustHaveDialled(1)
			})
		})
		t.Run(tt.why+", and the next waits", func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				s := start(b, 1, 4)
				all := s.getAll()
				next := s.ask()
				next.mustWait()
				s.did("the holder of connection %d calls %s for %v from now", all[0].number, tt.why, 5*time.Second)
				tt.set(all[0].conn, time.Now().Add(5*time.Second))
				s.put(all[0])
				l := next.mustLend()
				s.Pass(10 * time.Second)
				l.mustTalk()
			})
		})
	}
}

// Idle for too long (net/http, Transport.IdleConnTimeout).
func TestIdle(t *testing.T) {
	t.Run("just in time, and too late", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, 1, 4)
			l := s.get()
			s.put(l)
			s.Pass(s.limits.Idle - 10*time.Millisecond)
			l = s.mustLendAgain(l)
			s.Pass(3 * s.limits.Idle) // on loan, which is not idle
			l.mustTalk()
			s.put(l)
			s.Pass(s.limits.Idle + time.Millisecond)
			next := s.get()
			if next.number == l.number {
				s.fail("Connection %d had lain idle for %v (Idle is %v), and Get %d got it.\nWant another one: this one is too old.", l.number, s.Elapsed()-l.back, s.limits.Idle, next.get)
			}
			next.mustTalk()
			s.mustHaveDialled(2)
		})
	})
	t.Run("put back again", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, 1, 4)
			l := s.get()
			s.put(l)
			for range 3 {
				s.Pass(s.limits.Idle / 2)
				l = s.mustLendAgain(l)
				s.put(l)
			}
			s.Pass(s.limits.Idle - 10*time.Millisecond)
			s.mustLendAgain(l)
		})
	})
	t.Run("nobody calls Get", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, 2, 4)
			all := s.getAll()
			for _, l := range all {
				s.put(l)
				s.Pass(time.Millisecond)
			}
			s.Pass(2*s.limits.Idle + time.Millisecond)
			for _, l := range all {
				s.mustBeClosed(l)
			}
			s.talkAll(s.getAll())
			s.mustKeepToSize()
		})
	})
	t.Run("one of two", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, 2, 4)
			old, young := s.get(), s.get()
			s.put(old)
			s.Pass(s.limits.Idle / 2)
			s.put(young)
			s.Pass(s.limits.Idle/2 + time.Millisecond)
			l := s.get()
			l.mustTalk()
			if l.number != young.number {
				s.fail("Get lent connection %d.\nWant connection %d, which has been idle for %v of %v, and not the\nother one, which has been for longer.", l.number, young.number, s.limits.Idle/2+time.Millisecond, s.limits.Idle)
			}
		})
	})
	t.Run("somebody asks while it is closed", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, 2, 4)
			for range 6 {
				s.newStory()
				for _, l := range s.getAll() {
					s.put(l)
				}
				asked := s.askAtClose()
				s.Pass(2*s.limits.Idle + time.Millisecond)
				s.mustServe(asked)
			}
		})
	})
	t.Run("no limit", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := startWith(b, draw.From(b.R), pool.Limits{Size: 2})
			l := s.get()
			s.put(l)
			s.Pass(12 * time.Hour)
			s.mustLendAgain(l)
		})
	})
}

// What the server does while a connection is idle (go-sql-driver/mysql#934).
func TestEnds(t *testing.T) {
	ends := []struct {
		why string
		do  func(s *stage, peer net.Conn)
	}{
		{"closes it", func(_ *stage, peer net.Conn) { peer.Close() }},
		{"resets it", func(_ *stage, peer net.Conn) { peer.(*memnet.Conn).SetLinger(0); peer.Close() }},
		{"sends a line that nobody asked for", func(s *stage, peer net.Conn) { fmt.Fprintln(peer, s.d.Word()) }},
		{"sends one byte that nobody asked for", func(s *stage, peer net.Conn) { fmt.Fprint(peer, "x") }},
	}
	for _, tt := range ends {
		t.Run("the server "+tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				s := start(b, 2, 4)
				all := s.getAll()
				for _, l := range all {
					s.put(l)
				}
				s.Pass(time.Duration(s.d.Between(1, 5)) * time.Second)
				bad := all[s.d.IntN(len(all)-1):] // one at least, and one at least is good
				if len(bad) == len(all) {
					bad = bad[1:]
				}
				for _, l := range bad {
					s.did("the server of connection %d %s", l.number, tt.why)
					tt.do(s, l.peer())
				}
				for _, l := range bad {
					s.mustBeClosed(l)
				}
				s.get().mustTalk()
				s.mustHaveDialled(s.limits.Size)
				s.get().mustTalk()
				s.mustKeepToSize()
			})
		})
		t.Run("the server of all of them "+tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				s := start(b, 2, 4)
				all := s.getAll()
				for _, l := range all {
					s.put(l)
				}
				s.Wait()
				for _, l := range all {
					s.did("the server of connection %d %s", l.number, tt.why)
					tt.do(s, l.peer())
				}
				s.Wait()
				s.talkAll(s.getAll())
				s.mustKeepToSize()
			})
		})
	}
	t.Run("somebody asks while it is closed", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, 2, 4)
			for range 6 {
				s.newStory()
				all := s.getAll()
				for _, l := range all {
					s.put(l)
				}
				s.Wait()
				asked := s.askAtClose()
				l := s.oneOf(all)
				s.did("the server of connection %d closes it", l.number)
				l.peer().Close()
				s.mustServe(asked)
			}
		})
	})
	t.Run("an answer was not read", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, 1, 4)
			l := s.get()
			s.did("the holder of connection %d asks, and does not read the answer", l.number)
			fmt.Fprintln(l.conn, s.d.Word())
			s.Wait()
			s.put(l)
			s.mustBeClosed(l)
			s.get().mustTalk()
		})
	})
	t.Run("an answer comes after Put", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.answer = 2 * time.Second
			l := s.get()
			s.did("the holder of connection %d asks; the answer will take 2s", l.number)
			fmt.Fprintln(l.conn, s.d.Word())
			s.Wait()
			s.put(l)
			s.Pass(3 * time.Second)
			s.answer = 0
			s.mustBeClosed(l)
			s.get().mustTalk()
		})
	})
	t.Run("the server speaks at the instant of Get", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, 2, 4)
			for round := range 4 {
				s.newStory()
				words := map[int]string{}
				all := s.getAll()
				for _, l := range all {
					s.put(l)
				}
				s.Wait()
				s.slowReads(time.Millisecond) // which have got something, and have not returned yet
				if round%2 == 0 {
					slices.Reverse(all)
				}
				for _, l := range all {
					words[l.number] = s.d.Word()
					s.did("the server sends %q on connection %d", words[l.number]+"\n", l.number)
					fmt.Fprintln(l.peer(), words[l.number])
					s.Wait()
				}
				g := s.ask()
				s.Pass(10 * time.Millisecond)
				s.slowReads(0)
				lent := append([]*loan{g.mustLend()}, s.getMore(s.limits.Size-1)...)
				for _, l := range lent {
					if word := words[l.number]; word != "" {
						l.mustHear(word) // all of it
					}
				}
				s.talkAll(lent)
				s.mustKeepToSize()
				for _, l := range lent {
					if round < 3 {
						s.put(l)
					} else {
						s.close(l)
					}
				}
			}
			s.mustHaveClosedAll()
		})
	})
}

// In which order (golang/go#50358).
func TestTurns(t *testing.T) {
	t.Run("connections and places", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b, 2, 5)
			all := s.getAll()
			var line []*get
			for range s.d.Between(8, 11) {
				line = append(line, s.ask())
			}
			for i, g := range line {
				for _, later := range line[i:] {
					later.mustWait()
				}
				one := s.d.IntN(len(all))
				if s.d.IntN(2) == 0 {
					s.put(all[one])
				} else {
					s.close(all[one])
				}
				g.mustGoBefore(line[i+1:]...)
				all[one] = g.mustLend()
			}
			s.talkAll(all)
			s.mustKeepToSize()
		})
	})
	for _, tt := range []struct {
		why  string
		back func(*stage, *loan)
	}{
		{"puts it back and asks again", func(s *stage, l *loan) { s.p.Put(l.conn) }},
		{"closes it and asks again", func(_ *stage, l *loan) { l.conn.Close() }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				s := start(b, 1, 3)
				all := s.getAll()
				for range 30 {
					s.newStory()
					s.did("(connection %d is on loan to Get %d)", all[0].number, all[0].get)
					next := s.ask()
					next.mustWait()
					again := s.newGet()
					s.did("the holder of connection %d %s, which is Get %d", all[0].number, tt.why, again.number)
					s.Go("Get(ctx), behind another call", func() error {
						tt.back(s, all[0])
						again.call(s.Context())
						return nil
					})
					next.mustGoBefore(again)
					l := next.mustLend()
					again.mustWait()
					s.put(l)
					all[0] = again.mustLend()
				}
			})
		})
	}
}

// Servers that cannot be reached (golang/go#10886).
func TestDialFails(t *testing.T) {
	t.Run("more often than there are places", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.dialWith(s.refused)
			for range s.limits.Size + 2 {
				s.ask().mustFail(syscall.ECONNREFUSED)
			}
			s.dialWith(s.connect)
			s.talkAll(s.getAll())
		})
	})
	t.Run("and somebody waits", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.dialWith(after(2*time.Second, s.refused))
			var fail []*get
			for range s.limits.Size {
				fail = append(fail, s.ask())
			}
			late := s.ask()
			s.Pass(time.Second)
			late.mustWait()
			s.did("the server is there again, for dials from now on")
			s.dialWith(s.connect)
			s.Pass(time.Second)
			for _, g := range fail {
				g.mustFail(syscall.ECONNREFUSED)
			}
			late.mustLend().mustTalk()
			s.mustKeepToSize()
		})
	})
}

// Contexts that end (ClickHouse/clickhouse-go#1759).
func TestContext(t *testing.T) {
	t.Run("before it begins", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.put(s.get())
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			for range 30 { // for whom a coin decides
				s.newStory()
				s.askWith(ctx, "whose context is done").mustFail(context.Canceled)
			}
			s.get().mustTalk()
			s.mustHaveDialled(1)
			s.getMore(s.limits.Size - 1)
		})
	})
	t.Run("while it waits", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b, 1, 4)
			all := s.getAll()
			ctx, cancel := context.WithCancel(b.Context())
			cancelled := s.askWith(ctx, "that will be cancelled after 3s")
			ctx5, cancel5 := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel5()
			timedOut := s.askWith(ctx5, "with a deadline in 5s")
			patient := s.ask()
			s.Pass(3 * time.Second)
			cancelled.mustWait()
			s.did("the context of Get %d is cancelled", cancelled.number)
			cancel()
			cancelled.mustFail(context.Canceled)
			timedOut.mustWait()
			s.Pass(2 * time.Second)
			timedOut.mustFail(context.DeadlineExceeded)
			patient.mustWait()
			s.put(s.oneOf(all))
			patient.mustLend().mustTalk()
		})
	})
	t.Run("somewhere in the line", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b, 1, 4)
			all := s.getAll()
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			var stay, leave []*get
			for i := range s.d.Between(3, 7) {
				if i == 1 || s.d.IntN(2) == 0 {
					leave = append(leave, s.askWith(ctx, "that will be cancelled"))
				} else {
					stay = append(stay, s.ask())
				}
			}
			stay = append(stay, s.ask())
			s.did("those contexts are cancelled")
			cancel()
			for _, g := range leave {
				g.mustFail(context.Canceled)
			}
			for i, g := range stay {
				for _, later := range stay[i:] {
					later.mustWait()
				}
				s.put(all[0])
				all[0] = g.mustLend()
			}
			s.talkAll(all)
		})
	})
	for _, tt := range []struct {
		why  string
		back func(*stage, *loan)
	}{
		{"put back", func(s *stage, l *loan) { s.p.Put(l.conn) }},
		{"closed", func(_ *stage, l *loan) { l.conn.Close() }},
	} {
		t.Run("while it waits, and a connection is "+tt.why+" at that instant", func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				s := start(b, 1, 3)
				all := s.getAll()
				for i := range 200 {
					s.newStory()
					s.did("(all connections are on loan, connection %d to Get %d)", all[0].number, all[0].get)
					ctx, cancel := context.WithCancel(b.Context())
					first := s.askWith(ctx, "that will be cancelled")
					second := s.ask()
					second.mustWait()
					s.did("the context of Get %d is cancelled, and connection %d is %s at that instant", first.number, all[0].number, tt.why)
					if i%2 == 0 {
						cancel()
						tt.back(s, all[0])
					} else {
						tt.back(s, all[0])
						cancel()
					}
					first.mustFailOrPut(context.Canceled)
					back := all[0].number
					if second.settle(); !second.over() {
						s.stuck("Get %d waits. Connection %d was %s when the context of Get %d was done:\nit has gone to Get %d, which is over, and is lost, or its place is.", second.number, back, tt.why, first.number, first.number)
					}
					all[0] = second.mustLend()
					if tt.why == "put back" && all[0].number != back {
						s.fail("Connection %d was put back, and Get %d got connection %d, for which the pool\nhas dialled. Want connection %d: it is good, and not to be lost.", back, second.number, all[0].number, back)
					}
				}
				s.talkAll(all)
				s.mustKeepToSize()
			})
		})
	}
	t.Run("while it dials", func(t *testing.T) { whileItDials(t, (*stage).hang) })
	t.Run("while it dials, and the dial has an error of its own", func(t *testing.T) {
		whileItDials(t, (*stage).giveUp)
	})
	t.Run("while it dials, and the dial succeeds all the same", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b, 1, 4)
			for range 20 {
				s.newStory()
				s.dialWith(s.tooLate)
				ctx, cancel := context.WithCancel(b.Context())
				g := s.askWith(ctx, "that will be cancelled")
				s.did("the context of Get %d is cancelled, and its dial succeeds", g.number)
				cancel()
				s.Wait()
				s.dialWith(s.connect)
				g.mustFailOrPut(context.Canceled)
			}
			all := s.getAll()
			s.talkAll(all)
			s.mustKeepToSize()
			for _, l := range all {
				s.close(l)
			}
			s.closePool()
			s.mustHaveClosedAll()
		})
	})
	t.Run("while it dials, the dial succeeds all the same, and somebody waits", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.getMore(s.limits.Size - 1)
			s.dialWith(s.tooLate)
			ctx, cancel := context.WithCancel(b.Context())
			g := s.askWith(ctx, "that will be cancelled")
			late := s.ask()
			late.mustWait()
			s.did("the context of Get %d is cancelled, and its dial succeeds", g.number)
			s.dialWith(s.connect)
			cancel()
			g.mustFailOrPut(context.Canceled)
			late.mustLend().mustTalk()
			s.mustKeepToSize()
		})
	})
}

// whileItDials has all dial until the context is done.
func whileItDials(t *testing.T, how func(*stage, context.Context) (net.Conn, error)) {
	bubble.Run(t, 12, func(b *bubble.B) {
		s := start(b, 1, 4)
		s.dialWith(func(ctx context.Context) (net.Conn, error) { return how(s, ctx) })
		ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
		defer cancel()
		var fail []*get
		for range s.limits.Size {
			fail = append(fail, s.askWith(ctx, "with a deadline in 5s"))
		}
		late := s.ask()
		s.Pass(time.Second)
		s.dialWith(s.connect)
		late.mustWait()
		s.Pass(4 * time.Second)
		for _, g := range fail {
			g.mustFail(context.DeadlineExceeded)
		}
		late.mustLend().mustTalk()
		s.getMore(s.limits.Size - 1)
	})
}

// The end of the pool (database/sql, DB.Close).
func TestPoolClose(t *testing.T) {
	t.Run("who waits", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, 1, 4)
			all := s.getAll()
			var line []*get
			for range s.d.Between(2, 5) {
				line = append(line, s.ask())
			}
			s.Pass(time.Second)
			s.closePool()
			for _, g := range line {
				g.mustFail(pool.ErrClosed)
			}
			s.talkAll(all)
			for i, l := range all {
				if i%2 == 0 {
					s.put(l)
				} else {
					s.close(l)
				}
				s.mustBeClosed(l)
			}
			s.mustHaveDialled(s.limits.Size)
		})
	})
	t.Run("who dials", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.dialWith(s.giveUp)
			var line []*get
			for range s.limits.Size {
				line = append(line, s.ask())
			}
			s.Pass(time.Second)
			s.closePool()
			for _, g := range line {
				g.mustFail(pool.ErrClosed)
			}
		})
	})
	t.Run("who dials, and the dial still succeeds", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, 1, 4)
			s.dialWith(func(ctx context.Context) (net.Conn, error) {
				<-time.After(3 * time.Second)
				return s.connect(context.WithoutCancel(ctx))
			})
			g := s.ask()
			s.Pass(time.Second)
			s.closePool()
			s.Pass(2 * time.Second)
			g.mustFail(pool.ErrClosed)
			s.mustHaveClosedAll()
		})
	})
	t.Run("who comes later", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, 1, 4)
			all := s.getAll()
			for _, l := range all {
				s.put(l)
			}
			s.closePool()
			for _, l := range all {
				s.mustBeClosed(l)
			}
			s.closePool()
			s.ask().mustFail(pool.ErrClosed)
			s.mustHaveDialled(s.limits.Size)
		})
	})
	t.Run("at the instant of Put", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			for i := range 50 {
				s := start(b, 1, 3)
				all := s.getAll()
				g := s.ask()
				g.mustWait()
				s.did("Put(connection %d) and Close of the pool at one instant", all[0].number)
				s.over.Store(true)
				if i%2 == 0 {
					s.p.Put(all[0].conn)
					s.p.Close()
				} else {
					put := s.Go("Put(conn)", func() error { return s.p.Put(all[0].conn) })
					s.p.Close()
					put.Wait()
				}
				g.mustFailOrPut(pool.ErrClosed)
				for _, l := range all[1:] {
					s.put(l)
				}
				s.mustHaveClosedAll()
			}
		})
	})
}

// What is left (context, AfterFunc).
func TestNothingLeft(t *testing.T) {
	t.Run("by Gets", func(t *testing.T) {
		const rounds = 200
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b, 1, 3)
			forever := foreign{b.Context(), make(chan struct{})}
			before := bubble.Goroutines()
			for i := range rounds {
				s.newStory()
				g := s.askWith(forever, "with a context that is never done")
				l := g.mustLend()
				more := s.getMore(s.limits.Size - 1)
				served := s.askWith(forever, "with a context that is never done")
				served.mustWait()
				s.put(l)
				l = served.mustLend()
				ctx, cancel := context.WithCancel(forever)
				late := s.askWith(ctx, "that waits and is cancelled")
				late.mustWait()
				cancel()
				late.mustFail(context.Canceled)
				for _, m := range more {
					s.put(m)
				}
				if i%2 == 0 {
					s.put(l)
					continue
				}
				s.close(l)
				s.dialWith(s.refused)
				for range s.limits.Size {
					g := s.askWith(forever, "with a context that is never done")
					if g.settle(); g.over() && g.err == nil {
						s.close(g.mustLend())
					}
				}
				s.dialWith(s.connect)
			}
			s.Wait()
			if more := bubble.Goroutines() - before; more > rounds/2 {
				s.newStory()
				s.stuck("%d rounds of Get, each over, and there are %d goroutines more than before.%s\nWant none that stays behind for a Get that is over, be it that it waits for\nthe context, which may never be done.", rounds, more, begunByContext())
			}
		})
	})
	t.Run("by dials that failed", func(t *testing.T) {
		const (
			dials = 4000
			room  = 512 << 10
		)
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b, 1, 3)
			s.quiet = true
			s.dialWith(func(context.Context) (net.Conn, error) { return nil, errors.New("refused") })
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			before := bubble.Heap()
			for range dials / 50 { // what is over is gone before the next ones begin
				s.call("Get(ctx), 50 times", func() error {
					for range 50 {
						s.p.Get(ctx)
					}
					return nil
				})
			}
			if more := bubble.Heap() - before; more > room {
				s.fail("%d dials have failed, each Get is over, and %d KiB of memory are in use that\nwere not before.\nWant %d KiB at most: nothing is left of them, neither on the context of Get,\nwhich they had in common, nor on one of the pool's. Of each context.AfterFunc,\nis stop called? Of each context.WithCancel, cancel?", dials, more>>10, room>>10)
			}
		})
	})
	t.Run("by a pool", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b, 3, 5)
			all := s.getAll()
			s.put(all[0])
			s.put(all[1])
			s.Pass(time.Second)
			s.put(s.get())
			s.closePool()
			for _, l := range all[2:] {
				s.put(l)
			}
			s.ln.Close()
			s.mustHaveClosedAll()
			s.MustBeQuiet()
		})
	})
}

// begunByContext says how many goroutines package context has begun, if any.
func begunByContext() string {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := strings.Count(string(stacks), "created by context.")
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("\nPackage context has begun %d goroutines: each waits until a context is done that\na WithCancel, a WithTimeout or an AfterFunc was called with. Is the function\nthat those return always called?", n)
}

// Many who come and go, at random (net, Conn).
func TestMany(t *testing.T) {
	for round := range 2 {
		t.Run(fmt.Sprintf("round %d", round+1), func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				s := start(b, 1, 5)
				s.quiet = true
				s.dialWith(s.moody())
				h := &holders{stage: s, of: map[int]int{}}
				seeds := []uint64{s.d.Uint64(), s.d.Uint64()}
				var calls []*bubble.Call
				for i := range 40 {
					plan := rand.New(rand.NewPCG(seeds[0], seeds[1]+uint64(i)))
					calls = append(calls, s.Go(fmt.Sprintf("borrower %d", i+1), func() error { return h.comeAndGo(i+1, plan) }))
				}
				for _, c := range calls {
					if err := c.Wait(); err != nil {
						s.fail("%v", err)
					}
				}
				s.newStory()
				s.dialWith(s.connect)
				s.Pass(time.Second) // a dial may still be under way, for a Get that is over
				s.mustKeepToSize()
				all := s.getAll()
				for _, l := range all {
					s.put(l)
				}
				s.closePool()
				s.mustHaveClosedAll()
			})
		})
	}
}

// The kernel's connections, and the real time, which is not measured (net,
// TCPConn).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 15, func(l *loopback.L) {
		ln := l.Listen()
		peers := make(chan net.Conn, 10)
		server := l.Go("the server", func() error {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return nil
				}
				peers <- conn
			}
		})
		made := make(chan *kernel, 10)
		p := pool.New(func(context.Context) (net.Conn, error) {
			k := &kernel{Conn: l.Dial(ln.Addr()), over: make(chan struct{})}
			made <- k
			return k, nil
		}, pool.Limits{Size: 2, Idle: time.Hour})
		l.Cleanup(func() { p.Close() })
		get := func(what string) *pool.Conn {
			l.T().Helper()
			conn, err := p.Get(l.Context())
			if err != nil {
				l.Fatalf("%s: Get(ctx) returned the error: %v", what, err)
			}
			return conn
		}
		talk := func(what string, conn *pool.Conn, peer net.Conn) {
			l.T().Helper()
			fmt.Fprintln(peer, what)
			if line, err := readLine(conn); line != what+"\n" {
				l.Fatalf("the server sent %q\nthe holder read  %q, error: %v", what+"\n", line, err)
			}
		}
		first := get("the first call")
		peer := <-peers
		talk("one", first, peer)
		raw := first.LocalAddr().String()
		if err := p.Put(first); err != nil {
			l.Fatalf("Put(conn) returned the error: %v", err)
		}
		again := get("after Put")
		if again.LocalAddr().String() != raw {
			l.Fatalf("Get dialled anew, although a connection was idle: it had lent %v,\nand now lent %v", raw, again.LocalAddr())
		}
		talk("two", again, peer)
		p.Put(again)
		peer.Close()
		closed := <-made
		l.Go("the Close of an idle connection that the server has closed (rule 9)", func() error {
			<-closed.over
			return nil
		}).Wait()
		third := get("after the server closed the idle connection")
		talk("three", third, <-peers)
		fourth := get("with one on loan, of two")
		talk("four", fourth, <-peers)
		late := l.Go("Get(ctx)", func() error {
			conn, err := p.Get(l.Context())
			if err == nil {
				err = p.Put(conn)
			}
			return err
		})
		p.Put(third)
		if err := late.Wait(); err != nil {
			l.Fatalf("Get(ctx) or Put(conn) returned the error: %v", err)
		}
		p.Put(fourth)
		p.Close()
		if conn, err := p.Get(l.Context()); !errors.Is(err, pool.ErrClosed) {
			l.Fatalf("Get of a closed pool returned %v, error: %v\nwant ErrClosed", conn, err)
		}
		ln.Close()
		server.Wait()
		l.MustBeQuiet()
	})
}

// kernel is a connection of the kernel that tells when it is closed.
type kernel struct {
	net.Conn
	over chan struct{} // closed with it
	once sync.Once
}

func (k *kernel) Close() error {
	k.once.Do(func() { close(k.over) })
	return k.Conn.Close()
}

// stage is a pool and its server, which answers lines.
type stage struct {
	*bubble.B
	d      *draw.Data
	limits pool.Limits
	p      *pool.Pool

	ln       net.Listener
	greeting string        // what the server says first, if anything
	answer   time.Duration // how long it takes to answer
	closing  time.Duration // how long it takes to close a connection
	failing  error         // what closing one returns, if not its own error

	over  atomic.Bool // the pool was closed
	quiet bool        // about dials, for there are too many
	gets  int         // calls of Get so far
	loans []*loan     // that they gave

	mu    sync.Mutex    // for what follows
	story []string      // what has happened
	how   dialler       // the pool's next dials
	slow  time.Duration // how long the next Read keeps what it has got

	atClose    func() // what happens in the next call of Close
	atDeadline func() // what happens in the next call of SetDeadline and its like

	dials int     // so far
	live  int     // being dialled, or made and not closed
	most  int     // that there were at once
	conns []*conn // that were made
	peers map[string]net.Conn
}

// dialler is a way for a pool to dial.
type dialler func(context.Context) (net.Conn, error)

// start makes a pool, of a size from lo to hi and with an idle limit of 10 to 60
// seconds.
func start(b *bubble.B, lo, hi int) *stage {
	b.T().Helper()
	d := draw.From(b.R)
	return startWith(b, d, pool.Limits{Size: d.Between(lo, hi), Idle: time.Duration(d.Between(10, 60)) * time.Second})
}

func startWith(b *bubble.B, d *draw.Data, limits pool.Limits) *stage {
	b.T().Helper()
	ln, err := b.Net.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatalf("the test cannot listen: %v", err)
	}
	s := &stage{B: b, d: d, limits: limits, ln: ln, peers: map[string]net.Conn{}}
	s.how = s.connect
	b.Net.Name(ln.Addr(), "server")
	b.Go("the server", s.serve)
	b.Go("New(dial, limits)", func() error {
		s.p = pool.New(s.dial, limits)
		return nil
	}).Wait()
	if s.p == nil {
		s.fail("New returned nil.")
	}
	b.Cleanup(s.closeAll)
	return s
}

// closeAll ends what a test has left on loan, if all is well so far.
func (s *stage) closeAll() {
	if !s.T().Failed() {
		for _, l := range s.loans {
			l.conn.Close()
		}
	}
	if !s.over.Load() { // a second Close is another test's business
		s.p.Close()
	}
}

// did adds a line to the story.
func (s *stage) did(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.story = append(s.story, fmt.Sprintf("%10v  %s", s.Elapsed(), fmt.Sprintf(format, args...)))
}

// newStory forgets what has happened.
func (s *stage) newStory() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.story = nil
}

// fail fails the test, and says what has happened.
func (s *stage) fail(format string, args ...any) {
	s.T().Helper()
	s.Fatalf("%s\n\n%s", fmt.Sprintf(format, args...), s.report())
}

// stuck fails the test because somebody waits, and says who else does.
func (s *stage) stuck(format string, args ...any) {
	s.T().Helper()
	s.Fatalf("%s\n\n%s\n\nWho waits where:\n\n%s", fmt.Sprintf(format, args...), s.report(), s.Waiting())
}

// report is the story so far.
func (s *stage) report() string {
	const most = 30
	s.mu.Lock()
	defer s.mu.Unlock()
	text := fmt.Sprintf("The pool has Size %d and Idle %v; it is %v now, and %s open or\nbeing dialled.", s.limits.Size, s.limits.Idle, s.Elapsed(), connections(s.live))
	story := s.story
	if more := len(story) - most; more > 0 {
		story = append([]string{fmt.Sprintf("%10s  (%d lines more)", "…", more)}, story[more:]...)
	}
	if len(story) > 0 {
		text += " What was done:\n" + strings.Join(story, "\n")
	}
	return text
}

func connections(n int) string {
	if n == 1 {
		return "1 connection is"
	}
	return fmt.Sprintf("%d connections are", n)
}

// call makes a call of the pool that nothing has to wait for.
func (s *stage) call(what string, f func() error) error {
	s.T().Helper()
	c := s.Go(what, f)
	if s.Wait(); !c.Returned() {
		s.stuck("%s has not returned. Want it to return at once.", what)
	}
	return c.Wait()
}

// The server.

func (s *stage) serve() error {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return nil
		}
		s.mu.Lock()
		s.peers[conn.RemoteAddr().String()] = conn
		s.mu.Unlock()
		s.Go("the server's connection", func() error { return s.answers(conn) })
	}
}

// answers answers lines, until there are no more or the last one begins with
// "bye".
func (s *stage) answers(conn net.Conn) error {
	defer conn.Close()
	if s.greeting != "" {
		fmt.Fprintln(conn, s.greeting)
	}
	for {
		line, err := readLine(conn)
		if err != nil {
			return nil
		}
		if s.answer > 0 {
			<-time.After(s.answer)
		}
		fmt.Fprintf(conn, "re %s", line)
		if strings.HasPrefix(line, "bye") {
			return nil
		}
	}
}

// readLine reads up to a newline, a byte at a time: nothing behind it is lost.
func readLine(conn net.Conn) (string, error) {
	var line []byte
	for c := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\n'; {
		if _, err := conn.Read(c); err != nil {
			return string(line), err
		}
		line = append(line, c[0])
	}
	return string(line), nil
}

// Dialling.

// conn is a connection as dial made it.
type conn struct {
	net.Conn
	s      *stage
	number int
	closed bool
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		if d := c.s.slowRead(); d > 0 {
			<-time.After(d)
		}
	}
	return n, err
}

// slowReads says how long the next Read keeps what it has got; each one after it
// keeps it for a millisecond more. 0 is not at all.
func (s *stage) slowReads(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

func (s *stage) slowRead() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.slow
	if d > 0 {
		s.slow += time.Millisecond
	}
	return d
}

func (c *conn) Close() error {
	c.s.runHook(&c.s.atClose)
	if c.s.closing > 0 {
		<-time.After(c.s.closing)
		c.s.did("that Close returns")
	}
	c.s.mu.Lock()
	first := !c.closed
	if first {
		c.closed = true
		c.s.live--
	}
	c.s.mu.Unlock()
	if first && !c.s.quiet {
		c.s.did("connection %d is closed", c.number)
	}
	err := c.Conn.Close()
	if c.s.failing != nil {
		return c.s.failing
	}
	return err
}

func (c *conn) SetDeadline(t time.Time) error {
	c.s.runHook(&c.s.atDeadline)
	return c.Conn.SetDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.s.runHook(&c.s.atDeadline)
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.s.runHook(&c.s.atDeadline)
	return c.Conn.SetWriteDeadline(t)
}

// dial is what the pool dials with.
func (s *stage) dial(ctx context.Context) (net.Conn, error) {
	if !s.quiet {
		s.did("the pool dials")
	}
	s.mu.Lock()
	how := s.how
	s.dials++
	s.live++
	s.most = max(s.most, s.live)
	s.mu.Unlock()
	c, err := how(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.live--
		return nil, err
	}
	made := &conn{Conn: c, s: s, number: len(s.conns) + 1}
	s.conns = append(s.conns, made)
	s.Net.Name(c.LocalAddr(), fmt.Sprintf("connection %d", len(s.conns)))
	return made, nil
}

// dialWith says how the pool dials from now on.
func (s *stage) dialWith(how dialler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.how = how
}

// hook says what happens in the next call of some method of a connection: see
// stage.atClose and stage.atDeadline.
func (s *stage) hook(at *func(), then func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*at = then
}

// runHook has that happen.
func (s *stage) runHook(at *func()) {
	s.mu.Lock()
	then := *at
	*at = nil
	s.mu.Unlock()
	if then != nil {
		then()
	}
}

// dialled says how often the pool has dialled.
func (s *stage) dialled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

// mostAtOnce says how many connections there were at one time.
func (s *stage) mostAtOnce() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// connect is how the pool dials unless the test says otherwise.
func (s *stage) connect(ctx context.Context) (net.Conn, error) {
	return s.Net.Dial(ctx, "tcp", s.ln.Addr().String())
}

// refused finds nobody who listens.
func (s *stage) refused(ctx context.Context) (net.Conn, error) {
	return s.Net.Dial(ctx, "tcp", "127.0.0.1:1")
}

// hang gets no answer.
func (s *stage) hang(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("dial: %w", ctx.Err())
}

// giveUp gets no answer, and does not tell why it ends.
func (s *stage) giveUp(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return nil, errors.New("dial: given up")
}

// tooLate gets an answer when nobody waits for it any more.
func (s *stage) tooLate(ctx context.Context) (net.Conn, error) {
	<-ctx.Done()
	return s.connect(context.WithoutCancel(ctx))
}

// after is dialling that takes a while.
func after(d time.Duration, then dialler) dialler {
	return func(ctx context.Context) (net.Conn, error) {
		select {
		case <-time.After(d):
			return then(ctx)
		case <-ctx.Done():
			return nil, fmt.Errorf("dial: %w", ctx.Err())
		}
	}
}

// moody dials take up to 20 ms, and some fail.
func (s *stage) moody() dialler {
	var mu sync.Mutex
	mood := rand.New(rand.NewPCG(s.d.Uint64(), s.d.Uint64()))
	return func(ctx context.Context) (net.Conn, error) {
		mu.Lock()
		took, how := time.Duration(1+mood.IntN(20))*time.Millisecond, s.connect
		if mood.IntN(6) == 0 {
			how = s.refused
		}
		mu.Unlock()
		return after(took, how)(ctx)
	}
}

// mustHaveDialled wants so many dials by now.
func (s *stage) mustHaveDialled(want int) {
	s.T().Helper()
	s.Wait()
	if got := s.dialled(); got != want {
		s.fail("The pool has dialled %s. Want %s.", times(got), times(want))
	}
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// mustKeepToSize wants that there have never been more connections than Size.
func (s *stage) mustKeepToSize() {
	s.T().Helper()
	s.Wait()
	if most := s.mostAtOnce(); most > s.limits.Size {
		s.fail("There were %d connections at one time, with those being dialled and those\nwhose Close has not returned. Want %d at most, which is Size.", most, s.limits.Size)
	}
}

// mustHaveClosedAll wants all connections closed that the pool has dialled.
func (s *stage) mustHaveClosedAll() {
	s.T().Helper()
	s.Wait()
	s.mu.Lock()
	var open []string
	for i, c := range s.conns {
		if !c.closed {
			open = append(open, fmt.Sprint(i+1))
		}
	}
	s.mu.Unlock()
	if len(open) > 0 {
		s.fail("Nothing is on loan or idle any more, and still open of %d connections: %s.\nWant all of them closed.", len(s.conns), strings.Join(open, ", "))
	}
}

// Borrowing.

// get is a call of Get.
type get struct {
	s      *stage
	number int
	done   chan struct{}
	conn   *pool.Conn
	err    error
	loan   *loan
	told   bool // of its end
}

// loan is a connection on loan.
type loan struct {
	s      *stage
	get    int           // which call gave it
	back   time.Duration // when it was put back, since the start
	number int           // of the connection, from 1 on, in the order of dialling
	conn   *pool.Conn
}

func (s *stage) newGet() *get {
	s.gets++
	return &get{s: s, number: s.gets, done: make(chan struct{})}
}

// call calls Get.
func (g *get) call(ctx context.Context) {
	defer close(g.done)
	g.conn, g.err = g.s.p.Get(ctx)
}

// ask calls Get, in a goroutine of its own, and lets all happen that can.
func (s *stage) ask() *get { return s.askWith(s.Context(), "") }

// askWith calls Get with a context, of which it says something.
func (s *stage) askWith(ctx context.Context, what string) *get {
	g := s.newGet()
	s.did("Get %d is called%s", g.number, strings.TrimRight(", "+what, ", "))
	s.Go(fmt.Sprintf("Get(ctx), call %d", g.number), func() error {
		g.call(ctx)
		return nil
	})
	s.Wait() // so that those who come after stand behind in the line
	return g
}

// over says whether Get has returned, once all has happened that can.
func (g *get) over() bool {
	g.s.Wait()
	select {
	case <-g.done:
	default:
		return false
	}
	switch {
	case g.told:
	case g.err != nil:
		g.s.did("Get %d has returned the error: %v", g.number, g.err)
	case g.conn != nil:
		g.loan = g.s.loanOf(g)
		g.s.did("Get %d has got connection %d", g.number, g.loan.number)
	}
	g.told = true
	return true
}

// loanOf finds out which connection Get has lent.
func (s *stage) loanOf(g *get) *loan {
	s.T().Helper()
	if g.conn.Conn == nil {
		s.fail("Get %d returned a Conn without a net.Conn in it.", g.number)
	}
	number := s.numberOf(g.conn)
	if number == 0 {
		s.fail("Get %d returned a connection that dial has not made: %v.", g.number, g.conn.LocalAddr())
	}
	l := &loan{s: s, get: g.number, number: number, conn: g.conn}
	s.loans = append(s.loans, l)
	return l
}

// numberOf says which of those that dial made that is; 0 is none.
func (s *stage) numberOf(c net.Conn) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, made := range s.conns {
		if made.LocalAddr().String() == c.LocalAddr().String() {
			return i + 1
		}
	}
	return 0
}

// mustWait wants Get not to have returned.
func (g *get) mustWait() {
	g.s.T().Helper()
	if g.over() {
		g.s.fail("Get %d has returned. Want it to wait: it is not its turn.", g.number)
	}
}

// settle lets Get have a millisecond, in which it may look whether the server has
// said anything.
func (g *get) settle() {
	if !g.over() {
		g.s.Pass(time.Millisecond)
	}
}

// mustGoBefore wants none of those who asked later to be served before it.
func (g *get) mustGoBefore(later ...*get) {
	g.s.T().Helper()
	if g.settle(); g.over() {
		return
	}
	for _, l := range later {
		if l.over() && l.err == nil {
			g.s.fail("Get %d has got connection %d; Get %d, who asked before, waits.\nWant them served in the order in which they asked.", l.number, l.loan.number, g.number)
		}
	}
}

// mustLend wants Get to have got a connection by now.
func (g *get) mustLend() *loan {
	g.s.T().Helper()
	g.settle()
	switch {
	case !g.over():
		g.s.stuck("Get %d waits. Want it to have got a connection by now.%s", g.number, g.s.free())
	case g.err != nil:
		g.s.fail("Get %d returned the error: %v\nwant a connection", g.number, g.err)
	case g.conn == nil:
		g.s.fail("Get %d returned no connection, and no error", g.number)
	}
	return g.loan
}

// free says whether a place has got lost.
func (s *stage) free() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.limits.Size - s.live; n > 0 && !s.quiet {
		return fmt.Sprintf("\nOnly %s open or being dialled, and %d may be: a place is\nfree, or lost.", connections(s.live), s.limits.Size)
	}
	return ""
}

// mustFail wants Get to have returned that error by now.
func (g *get) mustFail(want error) {
	g.s.T().Helper()
	switch {
	case !g.over():
		g.s.stuck("Get %d waits. Want it to have returned by now: %s.", g.number, name(want))
	case g.err == nil:
		g.s.fail("Get %d got a connection.\nWant the error %s.", g.number, name(want))
	case !is(g.err, want):
		g.s.fail("Get %d returned the error: %v\nwant %s", g.number, g.err, name(want))
	}
}

// mustFailOrPut wants that error, or a connection, and puts it back.
func (g *get) mustFailOrPut(want error) {
	g.s.T().Helper()
	if g.settle(); g.over() && g.err == nil {
		g.s.put(g.mustLend())
	} else {
		g.mustFail(want)
	}
}

// is is errors.Is; of a context's deadline, either error will do.
func is(err, want error) bool {
	return errors.Is(err, want) || want == context.DeadlineExceeded && errors.Is(err, os.ErrDeadlineExceeded)
}

// name is how Go code calls an error.
func name(err error) string {
	switch err {
	case nil:
		return "nil"
	case pool.ErrClosed:
		return "ErrClosed"
	case pool.ErrReturned:
		return "ErrReturned"
	case context.Canceled:
		return "context.Canceled"
	case context.DeadlineExceeded:
		return "context.DeadlineExceeded"
	case syscall.ECONNREFUSED:
		return "syscall.ECONNREFUSED, so that errors.Is finds it"
	}
	return fmt.Sprintf("%q", err)
}

// get wants a connection, at once.
func (s *stage) get() *loan {
	s.T().Helper()
	return s.ask().mustLend()
}

// getMore wants so many connections, at once.
func (s *stage) getMore(n int) []*loan {
	s.T().Helper()
	var all []*loan
	for range n {
		all = append(all, s.get())
	}
	return all
}

// getAll wants as many connections as the pool may have.
func (s *stage) getAll() []*loan {
	s.T().Helper()
	return s.getMore(s.limits.Size)
}

// askAtClose calls Get, as often as there are places, while the pool closes the
// next connection, which takes a while. It takes no time, for whoever asks may
// have to wait for a lock.
func (s *stage) askAtClose() []*get {
	var asked []*get
	for range s.limits.Size {
		asked = append(asked, s.newGet())
	}
	s.did("Get %d to Get %d will be called while the pool closes the next connection", asked[0].number, s.gets)
	s.hook(&s.atClose, func() {
		var begun atomic.Int32
		for _, g := range asked {
			s.Go(fmt.Sprintf("Get(ctx), call %d", g.number), func() error {
				begun.Add(1)
				g.call(s.Context())
				return nil
			})
		}
		for int(begun.Load()) < len(asked) {
			runtime.Gosched()
		}
		for i := 0; i < 5000 && s.mostAtOnce() <= s.limits.Size; i++ {
			runtime.Gosched()
		}
	})
	return asked
}

// mustServe wants all of them to have got a connection, and not too many.
func (s *stage) mustServe(asked []*get) {
	s.T().Helper()
	s.mustKeepToSize()
	var all []*loan
	for _, g := range asked {
		all = append(all, g.mustLend())
	}
	s.talkAll(all)
	s.mustKeepToSize()
	for _, l := range all {
		s.put(l)
	}
}

// oneOf draws one.
func (s *stage) oneOf(all []*loan) *loan { return all[s.d.IntN(len(all))] }

// mustLendAgain wants Get to give the connection, which is idle and the only one.
func (s *stage) mustLendAgain(l *loan) *loan {
	s.T().Helper()
	idle, limit := s.Elapsed()-l.back, fmt.Sprintf(" of %v", s.limits.Idle)
	if s.limits.Idle == 0 {
		limit = ", with no limit"
	}
	next := s.get()
	if next.number != l.number {
		what := "was not lent"
		if s.isClosed(l) {
			what = "was closed"
		}
		s.fail("Connection %d had lain idle for %v%s, and %s.\nWant Get %d to get it, and not connection %d.", l.number, idle, limit, what, next.get, next.number)
	}
	next.mustTalk()
	return next
}

// put wants to put the connection back.
func (s *stage) put(l *loan) {
	s.T().Helper()
	s.did("Put(connection %d)", l.number)
	l.back = s.Elapsed()
	if err := s.call("Put(conn)", func() error { return s.p.Put(l.conn) }); err != nil {
		s.fail("Put(connection %d) returned the error: %v\nwant nil", l.number, err)
	}
}

// mustNotPut wants Put to refuse the connection.
func (s *stage) mustNotPut(l *loan) {
	s.T().Helper()
	s.did("Put(connection %d), by who had it and gave it back", l.number)
	if err := s.call("Put(conn)", func() error { return s.p.Put(l.conn) }); !errors.Is(err, pool.ErrReturned) {
		s.fail("Put(connection %d) returned %s\nwant ErrReturned: whoever calls it has given it back before", l.number, name(err))
	}
}

// close throws the connection away.
func (s *stage) close(l *loan) {
	s.T().Helper()
	s.did("Close of the Conn, which is connection %d", l.number)
	if err := s.call("conn.Close()", l.conn.Close); err != nil {
		s.did("it has returned the error: %v", err) // as the net.Conn's may
	}
}

// closePool closes the pool.
func (s *stage) closePool() {
	s.T().Helper()
	s.did("Close of the pool%s", map[bool]string{true: ", once more"}[s.over.Swap(true)])
	if err := s.call("p.Close()", s.p.Close); err != nil {
		s.fail("Close of the pool returned the error: %v\nwant nil", err)
	}
}

func (s *stage) isClosed(l *loan) bool {
	s.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[l.number-1].closed
}

func (s *stage) mustBeClosed(l *loan) {
	s.T().Helper()
	if !s.isClosed(l) {
		s.fail("Connection %d is still open. Want it closed by now.", l.number)
	}
}

func (s *stage) mustBeOpen(l *loan) {
	s.T().Helper()
	if s.isClosed(l) {
		s.fail("Connection %d is closed. Want it open.", l.number)
	}
}

// peer is the server's end.
func (l *loan) peer() net.Conn {
	l.s.Wait()
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.s.peers[l.conn.LocalAddr().String()]
}

// mustTalk wants a question to be answered.
func (l *loan) mustTalk() {
	l.s.T().Helper()
	word := l.s.d.Word()
	l.s.did("the holder of connection %d asks %q", l.number, word+"\n")
	if _, err := fmt.Fprintln(l.conn, word); err != nil {
		l.s.fail("The holder of connection %d asked %q, and the Write failed: %v", l.number, word+"\n", err)
	}
	l.s.Wait() // the answer is there: whoever else reads will have taken it
	l.mustHear("re " + word)
}

// mustHear wants the holder to hear that line at once.
func (l *loan) mustHear(want string) {
	l.s.T().Helper()
	var line string
	var err error
	c := l.s.Go(fmt.Sprintf("the holder of connection %d", l.number), func() error {
		line, err = readLine(l.conn)
		return nil
	})
	if l.s.Wait(); !c.Returned() {
		l.s.stuck("The holder of connection %d reads, and waits for something that was sent.\nWant the line %q.", l.number, want+"\n")
	}
	if line != want+"\n" {
		hint := ""
		if n := len(want) + 1 - len(line); line != "" && n > 0 && strings.HasSuffix(want+"\n", line) {
			hint = fmt.Sprintf("\nThe first %d of its bytes are missing: has something of yours read them, which\nhad begun to read while the connection was idle?", n)
			if n == 1 {
				hint = "\nIts first byte is missing: has something of yours read it, which had begun to\nread while the connection was idle?"
			}
		}
		l.s.fail("The holder of connection %d read %q, error: %v\nwant the line %q%s", l.number, line, err, want+"\n", hint)
	}
}

// talkAll wants each of them to be a connection of its own that works.
func (s *stage) talkAll(all []*loan) {
	s.T().Helper()
	seen := map[int]bool{}
	for _, l := range all {
		if seen[l.number] {
			s.fail("Connection %d is on loan to two holders at once.", l.number)
		}
		seen[l.number] = true
		l.mustTalk()
	}
}

// together makes n calls at once, and says how many returned nil.
func (s *stage) together(what string, n int, f func() error) (good int) {
	begin := make(chan struct{})
	var calls []*bubble.Call
	for range n {
		calls = append(calls, s.Go(what, func() error {
			<-begin
			return f()
		}))
	}
	s.Wait()
	close(begin)
	for _, c := range calls {
		if c.Wait() == nil {
			good++
		}
	}
	return good
}

// foreign is a context that package context does not know, and that is never
// done. What waits for it has a goroutine.
type foreign struct {
	context.Context
	done chan struct{}
}

func (f foreign) Done() <-chan struct{} { return f.done }

// holders are many at once.
type holders struct {
	*stage
	mu sync.Mutex
	of map[int]int // connections, and who has them
}

// comeAndGo is the life of one of them, who says what is wrong.
func (h *holders) comeAndGo(me int, plan *rand.Rand) error {
	for range 15 {
		<-time.After(time.Duration(1+plan.IntN(10)) * time.Millisecond)
		ctx, cancel := h.Context(), func() {}
		if plan.IntN(3) > 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(plan.IntN(50))*time.Millisecond)
		}
		conn, err := h.p.Get(ctx)
		cancel()
		switch {
		case err == nil:
			if err := h.use(me, conn, plan); err != nil {
				return err
			}
		case !is(err, context.DeadlineExceeded) && !errors.Is(err, syscall.ECONNREFUSED):
			return fmt.Errorf("Get returned the error: %w\nwant context.DeadlineExceeded, syscall.ECONNREFUSED or none", err)
		}
	}
	return nil
}

// use asks questions and gives the connection back.
func (h *holders) use(me int, conn *pool.Conn, plan *rand.Rand) error {
	defer conn.Close()
	number := h.numberOf(conn)
	h.mu.Lock()
	other := h.of[number]
	h.of[number] = me
	h.mu.Unlock()
	if other != 0 {
		return fmt.Errorf("Get lent connection %d to borrower %d, while borrower %d has it", number, me, other)
	}
	good, err := h.questions(me, conn, plan)
	h.mu.Lock()
	delete(h.of, number)
	h.mu.Unlock()
	if err != nil || !good {
		return err
	}
	if err := h.p.Put(conn); err != nil {
		return fmt.Errorf("Put(connection %d) of borrower %d, who has it, returned the error: %w", number, me, err)
	}
	return nil
}

// questions says whether the connection is still good.
func (h *holders) questions(me int, conn net.Conn, plan *rand.Rand) (good bool, err error) {
	for i := range plan.IntN(4) {
		question := fmt.Sprintf("question %d of borrower %d\n", i+1, me)
		last := plan.IntN(8) == 0 // and then the server closes
		if last {
			question = "bye, " + question
		}
		fmt.Fprint(conn, question)
		<-time.After(time.Duration(1+plan.IntN(3)) * time.Millisecond)
		line, err := readLine(conn)
		if err == nil && line != "re "+question {
			return false, fmt.Errorf("borrower %d asked  %q\nand was answered %q", me, question, line)
		}
		if err != nil {
			return false, nil // the server had closed it
		}
		if last {
			break
		}
	}
	return plan.IntN(6) > 0, nil
}
