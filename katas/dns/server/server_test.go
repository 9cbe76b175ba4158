package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log"
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
	"unsafe"

	"github.com/miekg/dns"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/katas/dns/respond"
	"github.com/example/netkata/katas/dns/server"
	"github.com/example/netkata/katas/dns/zone"
)

// Most tests ask in words, which Serve need not understand, and their handler
// says "re: " and what it was asked.

// A client that waits for each response before it asks again (RFC 1035, section
// 4.2.1).
func TestQueries(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		s := start(b, echo)
		ann := s.client("Ann")
		ann.ask("web.local. A?")
		ann.mustHear("re: web.local. A?")
		ann.ask("api.local. A?")
		ann.mustHear("re: api.local. A?")
	})
}

// Queries of all sorts, byte for byte (RFC 1035, section 4.2.1).
func TestBytes(t *testing.T) {
	for _, tt := range []struct{ why, query string }{
		{"a query as DNS has it, for A records of the root", "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"},
		{"white space at both ends", " hello, world\r\n"},
		{"zero bytes", "a\x00b\x00c\x00d\x00e\x00f\x00g\x00"},
		{"what is no UTF-8", "\xff\xfe\xc3 and then \xff\xfe\xc3"},
		{"what looks like a response", "re: hello, world"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				s := start(b, echo)
				ann := s.client("Ann")
				ann.ask("a query that is longer than what comes next")
				ann.mustHear("re: a query that is longer than what comes next")
				ann.ask(tt.query)
				ann.mustHear("re: " + tt.query)
			})
		})
	}
}

// A hundred queries, and a call of the handler for each (RFC 1035, section 4.2.1).
func TestCalls(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		s := start(b, echo)
		ann := s.client("Ann")
		for i := range 100 {
			ann.ask("the same query")
			ann.mustHear("re: the same query")
			if n := s.handled.Load(); n != int64(i+1) {
				s.Fatalf("%d queries came, and handle was called %d times\nwant a call for each: one that asks twice may have lost the first response", i+1, n)
			}
		}
	})
}

// Two clients, now the one, now the other (RFC 2181, section 4.2).
func TestSenders(t *testing.T) {
	bubble.Run(t, 2, func(b *bubble.B) {
		s := start(b, echo)
		ann, bob := s.client("Ann"), s.client("Bob")
		for _, c := range []*client{ann, bob, bob, ann} {
			c.ask("It is I, " + c.name)
			c.mustHear("re: It is I, " + c.name)
		}
		ann.mustHear()
		bob.mustHear()
	})
}

// Handlers that say nothing (RFC 1035, section 4.1.1: a response, for one, is no
// query).
func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		why    string
		handle server.Handler
	}{
		{"it returns b as it was", func(b, _ []byte) ([]byte, bool) { return b, false }},
		{"it returns nil", func(_, _ []byte) ([]byte, bool) { return nil, false }},
		{"it had begun to write", func(b, _ []byte) ([]byte, bool) { return append(b, "never mind"...), false }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 3, func(b *bubble.B) {
				s := start(b, func(b, query []byte) ([]byte, bool) {
					if string(query) == "please say nothing" {
						return tt.handle(b, query)
					}
					return echo(b, query)
				})
				ann := s.client("Ann")
				ann.ask("please say nothing")
				ann.mustHear()
				ann.ask("and what now?")
				ann.mustHear("re: and what now?")
			})
		})
	}
	t.Run("ok is true, and the response empty", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b, func(b, _ []byte) ([]byte, bool) { return b, true })
			ann := s.client("Ann")
			ann.ask("anything at all")
			ann.mustHear("")
		})
	})
}

// What is too short for a header (RFC 1035, section 4.1.1: twelve octets).
func TestShort(t *testing.T) {
	for _, query := range []string{"", "x", "eleven byte"} {
		t.Run(fmt.Sprintf("%d bytes", len(query)), func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				s := start(b, echo)
				ann := s.client("Ann")
				ann.ask(query)
				ann.mustHear("re: " + query)
				ann.ask("are you still there?")
				ann.mustHear("re: are you still there?")
			})
		})
	}
}

var sizes = []struct {
	why  string
	size int
}{
	{"512, as DNS had it until 1999", 512},
	{"one more", 513},
	{"what EDNS mostly allows today", 1232},
	{"one more", 1233},
	{"what does not fit into an Ethernet frame", 1473},
	{"more than EDNS mostly allowed before", 4097},
	{"more than 32 KiB", 32769},
	{"the largest datagram there is", 65507},
}

// Longer and longer queries (RFC 768; RFC 791, section 3.1).
func TestLongQueries(t *testing.T) {
	for _, tt := range sizes {
		t.Run(fmt.Sprintf("%d bytes: %s", tt.size, tt.why), func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := prepare(b)
				s.longest = tt.size
				s.handle = func(b, query []byte) ([]byte, bool) { return append(b, sum(query)...), true }
				s.begin(s.ctx)
				ann := s.client("Ann")
				ann.ask(long(tt.size))
				ann.mustHear(sum([]byte(long(tt.size))))
			})
		})
	}
}

// Longer and longer responses (RFC 768; RFC 791, section 3.1).
func TestLongResponses(t *testing.T) {
	for _, tt := range sizes {
		t.Run(fmt.Sprintf("%d bytes: %s", tt.size, tt.why), func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b, func(b, query []byte) ([]byte, bool) {
					if string(query) == "short" {
						return append(b, "a short one"...), true
					}
					return append(b, long(tt.size)...), true
				})
				ann := s.client("Ann")
				ann.ask("long")
				ann.mustHear(long(tt.size))
				ann.ask("short")
				ann.mustHear("a short one")
			})
		})
	}
}

// The same with the kernel, which cuts what does not fit, too (recvfrom(2)).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 5, func(l *loopback.L) {
		pc := &socket{PacketConn: l.ListenPacket(), fatalf: l.Fatalf}
		conn := l.DialPacket(pc.LocalAddr())
		ctx, cancel := context.WithCancel(context.Background())
		l.Cleanup(func() {
			pc.over.Store(true)
			cancel()
		})
		serve := l.Go("Serve(ctx, pc, handle)", func() error {
			defer conn.Close() // so that nobody waits for responses any more
			return server.Serve(ctx, pc, echo)
		})
		for _, size := range []int{5, 512, 1472, 9000} {
			conn.Write([]byte(long(size)))
			if heard, want := hear(conn), "re: "+long(size); heard != want {
				text := fmt.Sprintf("client asked %s\nclient heard %s\nwant         %s\n\n%s", quote(long(size)), quote(heard), quote(want), differ(heard, want))
				if serve.Returned() {
					text += fmt.Sprintf("\nServe(ctx, pc, handle) has returned: %v", serve.Wait())
				}
				l.Fatalf("%s", text)
			}
		}
	})
}

// Sixteen handlers that wait for something, and one that does not (RFC 1035,
// section 4.2.1).
func TestSlow(t *testing.T) {
	bubble.Run(t, 6, func(b *bubble.B) {
		const slow = 16
		s := prepare(b)
		s.Net.Describe = brief
		wait, letGo := s.gate()
		s.handle = func(b, query []byte) ([]byte, bool) {
			if strings.HasPrefix(string(query), "slow") {
				<-wait
			}
			return echo(b, query)
		}
		s.begin(s.ctx)
		ann, bob := s.client("Ann"), s.client("Bob")
		for i := range slow {
			ann.ask(fmt.Sprintf("slow %d", i+1))
			bob.ask(fmt.Sprintf("quick %d", i+1))
			if _, heard := bob.take(); len(heard) != 1 {
				s.Fatalf("Handlers that are slow, and wait for something that takes a minute: %d.\nBob's query is a quick one, and was not answered meanwhile.\nWant it answered at once, with up to %d slow ones: %d handlers at a time, at least.\n\n%s", i+1, slow, slow+1, s.state())
			}
		}
		s.Pass(time.Minute)
		letGo()
		_, late := ann.take()
		_, astray := bob.take() // what is for Ann: the next test is about that
		if heard := append(late, astray...); len(heard) < slow {
			s.Fatalf("%d handlers were slow: they waited for a minute, and then returned. Ann, who had\nasked all of them, got %d responses.\nWant %d: late, but not lost.\n\n%s", slow, len(heard), slow, s.state())
		}
	})
}

// More slow handlers than most servers let work at a time: who finds no place has
// to wait for one, here or in the kernel (RFC 1035, section 4.2.1).
func TestCrowd(t *testing.T) {
	bubble.Run(t, 6, func(b *bubble.B) {
		const atWork, more = 17, 230 // as many as must have a place, and what the sockets' queues hold
		s := prepare(b)
		s.Net.Describe = brief
		wait, letGo := s.gate()
		s.handle = func([]byte, []byte) ([]byte, bool) { // what it is given is rule 7
			<-wait
			return []byte("re: slow"), true
		}
		s.begin(s.ctx)
		ann := s.client("Ann")
		for range atWork {
			ann.ask("slow")
		}
		for range more {
			ann.send("slow")
		}
		s.Pass(time.Minute)
		letGo()
		if asked, heard := ann.take(); len(heard) != len(asked) {
			s.Fatalf("%d queries came, whose handlers waited for a minute, and then all returned.\nResponses: %d.\nWant %d: while there is no place for another handler, a query has to wait until\nthere is one, here or in the kernel. Who cannot take one does not call ReadFrom.\n\n%s", len(asked), len(heard), len(asked), s.state())
		}
	})
}

// Two clients, all of whose queries are there before Serve looks. They are the
// same, so it does not matter here whose octets a handler sees (RFC 2181, section
// 4.2).
func TestSendersAtOnce(t *testing.T) {
	oneAtATime(t)
	bubble.Run(t, 2, func(b *bubble.B) {
		const each = 8
		s := prepare(b)
		s.Net.Describe = brief
		s.handle = func([]byte, []byte) ([]byte, bool) { return []byte("re: Who am I?"), true }
		ann, bob := s.client("Ann"), s.client("Bob")
		for _, c := range []*client{ann, bob} {
			for range each {
				c.send("Who am I?")
			}
		}
		s.begin(s.ctx)
		s.mustAnswerAll(ann, bob)
	})
}

// Two clients, whose handlers return in the other order (RFC 2181, section 4.2).
func TestSendersCross(t *testing.T) {
	bubble.Run(t, 2, func(b *bubble.B) {
		s := prepare(b)
		wait, letGo := s.gate()
		s.handle = func(_, query []byte) ([]byte, bool) {
			asked := string(query)
			if asked == "It is I, Ann" {
				<-wait
			}
			return []byte(re + asked), true
		}
		s.begin(s.ctx)
		ann, bob := s.client("Ann"), s.client("Bob")
		ann.ask("It is I, Ann")
		bob.ask("It is I, Bob")
		letGo()
		ann.mustHear("re: It is I, Ann")
		bob.mustHear("re: It is I, Bob")
	})
}

// Fifty queries, all there before Serve looks, and handlers that wait until no
// other has anything left to do: what they were given is still theirs (net,
// PacketConn).
func TestFifty(t *testing.T) {
	oneAtATime(t)
	bubble.Run(t, 7, func(b *bubble.B) {
		s := prepare(b)
		s.Net.Describe = brief
		s.slow.Store(true)
		wait, letGo := s.gate()
		s.handle = func(b, query []byte) ([]byte, bool) {
			asked := string(query)
			s.mustBeApart(b, query)
			response, _ := echo(b, query)
			<-wait
			s.compare(asked, "query, which is still in use, is", query, asked)
			s.compare(asked, "the response, which was appended to b, is", response, "re: "+asked)
			return response, true
		}
		ann, bob := s.client("Ann"), s.client("Bob")
		for i := range 25 {
			ann.send(fmt.Sprintf("query %d from Ann", i+1))
			bob.send(fmt.Sprintf("query %d from Bob", i+1))
		}
		s.begin(s.ctx)
		letGo()
		s.mustAnswerAll(ann, bob)
	})
}

// Handlers that write to what they were given, all over (net, PacketConn).
func TestScribble(t *testing.T) {
	oneAtATime(t)
	bubble.Run(t, 7, func(b *bubble.B) {
		s := start(b, nil)
		s.Net.Describe = brief
		s.handle = func(b, query []byte) ([]byte, bool) {
			asked := string(query)
			s.mustBeApart(b, query)
			response := append(b, "re: "+asked...)
			s.compare(asked, "after append(b, …), query is", query, asked)
			for i := range query {
				query[i] = 'X'
			}
			s.compare(asked, "after query was overwritten, the response is", response, "re: "+asked)
			return response, true
		}
		ann := s.client("Ann")
		for i := range 100 {
			ann.send(fmt.Sprintf("query %d", i+1))
		}
		s.mustAnswerAll(ann)
	})
}

// More queries come while responses are being sent, which stand in b, or in the
// query itself (net, PacketConn).
func TestSending(t *testing.T) {
	for _, tt := range []struct {
		why, memory string
		handle      server.Handler
	}{
		{"they stand in b", "b", echo},
		{"they stand in query", "query", func(_, query []byte) ([]byte, bool) {
			copy(query, "re: ")
			return query, true
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			oneAtATime(t)
			bubble.Run(t, 7, func(b *bubble.B) {
				s := start(b, tt.handle)
				s.Net.Describe = brief
				s.cause = "Until WriteTo has returned, nobody else may write to where a response stands;\nhere that is " + tt.memory + ". What goes back to a pool sooner, or to ReadFrom, or to the\nnext handler, is written to while it is being sent."
				s.slow.Store(true)
				ann := s.client("Ann")
				letGo := s.holdWrites()
				var want []string
				for range 3 {
					for range 16 {
						query := fmt.Sprintf("____query %d", len(want)+1)
						response, _ := tt.handle(nil, []byte(query))
						want = append(want, string(response))
						ann.send(query)
					}
					s.Wait()
				}
				letGo()
				s.mustAnswer([]*client{ann}, [][]string{want})
			})
		})
	}
}

// A response that is kept ready, to be sent more than once (net, PacketConn).
func TestReady(t *testing.T) {
	bubble.Run(t, 7, func(b *bubble.B) {
		s := prepare(b)
		s.Net.Describe = brief
		wait, letGo := s.gate()
		ready := append(make([]byte, 0, 100), "re: a frequent query"...)
		s.handle = func(b, query []byte) ([]byte, bool) {
			<-wait // so that each goroutine that Serve may have has a turn
			if string(query) == "a frequent query" {
				return ready, true
			}
			return echo(b, query)
		}
		s.begin(s.ctx)
		ann := s.client("Ann")
		for range 100 {
			ann.send("a frequent query")
		}
		s.Wait()
		letGo()
		s.mustAnswerAll(ann)
		wait, letGo = s.gate()
		for i := range 100 {
			ann.send(fmt.Sprintf("a rare query, number %d", i+1))
		}
		s.Wait()
		letGo()
		s.Wait()
		// First of all: responses are wrong, too, where many share this memory.
		if got := string(ready); got != "re: a frequent query" {
			s.Fatalf("For 100 queries, the handler returned the same slice, in memory of its own, which\nit keeps ready for whoever asks next:\n  %s\nAfter 100 other queries, in its place stands\n  %s\nWant it sent, and never written to: it is no memory of Serve's, to be used again\nas b or as query, nor to be put into a pool for that.", quote("re: a frequent query"), quote(got))
		}
		s.mustAnswerAll(ann)
	})
}

// Handlers that panic (builtin, recover).
func TestPanic(t *testing.T) {
	const words = "rule 8: this handler panics on purpose, and Serve has to live with it"
	for _, tt := range []struct {
		why, logged string
		panics      func(query []byte)
	}{
		{"with words", words, func([]byte) { panic(words) }},
		{"with an error", words, func([]byte) { panic(errors.New(words)) }},
		{"reading where nothing is", "index out of range [1000]", func(query []byte) { _ = query[1000+len(query)-len("panic")] }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			logged := captureLog(t)
			bubble.Run(t, 8, func(b *bubble.B) {
				s := start(b, func(b, query []byte) ([]byte, bool) {
					if string(query) == "panic" {
						tt.panics(query)
					}
					return echo(b, query)
				})
				ann, bob := s.client("Ann"), s.client("Bob")
				bob.ask("hello")
				bob.mustHear("re: hello")
				s.Do(func() string { return "Serve(ctx, pc, handle), whose handler panics " + tt.why }, func() { ann.ask("panic") })
				s.mustServe()
				ann.mustHear()
				bob.ask("are you still there?")
				bob.mustHear("re: are you still there?")
				ann.ask("and for me?")
				ann.mustHear("re: and for me?")
				if !strings.Contains(logged.String(), tt.logged) {
					s.Fatalf("A handler panicked, with: %s\nWhat was logged, with log or log/slog, is %s\nWant it logged: nobody else will ever know.", tt.logged, quote(logged.lines()...))
				}
			})
		})
	}
	t.Run("while others are at work", func(t *testing.T) {
		captureLog(t)
		bubble.Run(t, 8, func(b *bubble.B) {
			s := prepare(b)
			wait, letGo := s.gate()
			s.handle = func(b, query []byte) ([]byte, bool) {
				if string(query) == "panic" {
					panic(words)
				}
				<-wait
				return echo(b, query)
			}
			s.begin(s.ctx)
			ann, bob := s.client("Ann"), s.client("Bob")
			for i := range 5 {
				bob.ask(fmt.Sprintf("query %d", i+1))
				ann.ask("panic")
			}
			s.mustServe()
			letGo()
			s.mustAnswerAll(bob)
			ann.mustHear()
		})
	})
}

// Three thousand datagrams that make no sense, and every twentieth that does. A
// third of the others makes the handler panic, to a third it says nothing (RFC
// 1035, section 4.2.1).
func TestFlood(t *testing.T) {
	const rounds, rubbish, good = 30, 100, 5
	captureLog(t)
	bubble.Run(t, 9, func(b *bubble.B) {
		s := prepare(b)
		s.Net.Describe = func(payload []byte) string { // equal lines of the transcript are drawn once
			if text := string(payload); strings.HasPrefix(text, "good") || strings.HasPrefix(text, re) {
				return ""
			}
			return "what makes no sense"
		}
		s.handle = func(b, query []byte) ([]byte, bool) {
			switch {
			case strings.HasPrefix(string(query), "good"):
				return echo(b, query)
			case len(query)%3 == 0:
				_ = query[65535] // there is no such long query
			case len(query)%3 == 1:
				return b, false
			}
			return append(b, "?"...), true
		}
		s.begin(s.ctx)
		ann, stranger := s.client("Ann"), s.client("stranger")
		draw := rand.NewChaCha8([32]byte{9})
		ann.ask("good 0")
		ann.mustHear("re: good 0")
		before := bubble.Goroutines()
		for round := range rounds {
			for i := range rubbish + good {
				if i%((rubbish+good)/good) == 10 {
					ann.send(fmt.Sprintf("good %d", round*good+i/20+1))
					continue
				}
				datagram := make([]byte, draw.Uint64()%60)
				draw.Read(datagram)
				stranger.conn.Write(datagram)
			}
			stranger.take()
			if asked, heard := ann.take(); len(asked) != len(heard) {
				s.Fatalf("%d datagrams came that make no sense: the handler panics at a third of them,\nand says nothing to another third. In between, Ann asked %d good queries.\nResponses to the last %d of them: %d.\n\n%s",
					(round+1)*rubbish, (round+1)*good+1, len(asked), len(heard), s.state())
			}
		}
		s.Pass(10 * time.Second)
		if more := bubble.Goroutines() - before; more > rounds*rubbish/4 {
			s.Fatalf("%d datagrams came, and there are %d goroutines more than before.\nWant none that stays behind for a datagram whose handler is over.\n\n%s", rounds*(rubbish+good), more, s.state())
		}
	})
}

// Responses that cannot be sent (RFC 8085, section 5.2).
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
			bubble.Run(t, 10, func(b *bubble.B) {
				s := start(b, echo)
				ann, bob := s.client("Ann"), s.client("Bob")
				ann.ask("hello")
				ann.mustHear("re: hello")
				s.failWritesTo(ann, tt.err)
				ann.ask("can you hear me?")
				bob.ask("hello")
				s.Pass(time.Second)
				s.mustServe()
				bob.mustHear("re: hello")
				ann.mustHear()
				s.failWritesTo(nil, 0)
				ann.ask("and now?")
				s.Pass(time.Second)
				ann.mustHearLast("re: and now?")
			})
		})
	}
}

// ReadFrom fails, and then works again (RFC 1122, section 4.1.3.3).
func TestReadFails(t *testing.T) {
	captureLog(t) // there will be much
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
			bubble.Run(t, 11, func(b *bubble.B) {
				s := start(b, echo)
				ann := s.client("Ann")
				s.Pass(5 * time.Second)
				s.failRead(tt.err)
				s.Wait()
				s.mustServe()
				ann.ask("hello")
				s.mustResume(ann, "ReadFrom failed once.")
				ann.mustHear("re: hello")
			})
		})
	}
	t.Run("for ten seconds", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, echo)
			ann := s.client("Ann")
			s.exhaust()
			ann.send("hello")
			s.Pass(10 * time.Second)
			s.mustServe()
			if n, readers := s.calls.Load(), max(1, s.most.Load()); n > 250*readers {
				by := "one goroutine.\nWant 250 at most"
				if readers > 1 {
					by = fmt.Sprintf("up to %d goroutines.\nWant 250 at most for each of them", readers)
				}
				s.Fatalf("ReadFrom failed for 10s, and was called %d times, by %s: a pause after each failure.", n, by)
			}
			if longest := time.Duration(s.gap.Load()); longest > time.Second {
				s.Fatalf("ReadFrom failed for 10s, and was called %d times, once after a pause of %v.\nWant none longer than a second: queries wait.", s.calls.Load(), longest)
			}
			s.recover()
			s.Pass(time.Second)
			ann.mustHear("re: hello")
		})
	})
	t.Run("for two minutes", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, echo)
			ann := s.client("Ann")
			s.exhaust()
			ann.send("hello")
			s.Pass(2 * time.Minute)
			s.mustServe()
			s.recover()
			s.Pass(time.Second)
			ann.mustHear("re: hello")
		})
	})
	t.Run("once, after ten seconds of failures and a success", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, echo)
			ann := s.client("Ann")
			s.exhaust()
			s.Pass(10 * time.Second)
			s.recover()
			ann.send("hello")
			s.Pass(time.Second)
			ann.mustHear("re: hello")
			s.failRead(syscall.ENOBUFS)
			ann.ask("and again")
			s.mustResume(ann, "ReadFrom failed for 10s, then it gave a query, and then it failed once more.")
			ann.mustHear("re: and again")
		})
	})
}

// Somebody else closes the socket (net, ErrClosed).
func TestSocketClosed(t *testing.T) {
	t.Run("while nobody says anything", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b, echo)
			ann := s.client("Ann")
			ann.ask("hello")
			ann.mustHear("re: hello")
			s.Pass(5 * time.Second)
			s.closeSocket()
			s.mustReturn(5*time.Second, net.ErrClosed)
		})
	})
	t.Run("before anything began", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
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
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, echo)
			s.Pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, nil)
		})
	})
	t.Run("after some queries", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, echo)
			ann := s.client("Ann")
			ann.ask("hello")
			ann.mustHear("re: hello")
			s.Pass(5 * time.Second)
			s.stop()
			s.mustReturn(5*time.Second, nil)
		})
	})
	t.Run("ctx has a deadline", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := prepare(b)
			ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
			defer cancel()
			s.begin(ctx)
			s.mustReturn(5*time.Second, nil)
		})
	})
	t.Run("ctx is done before anything began", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := prepare(b)
			s.cancel()
			s.begin(s.ctx)
			s.mustReturn(0, nil)
		})
	})
	t.Run("while handlers are at work", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			const slow = 5
			s := prepare(b)
			wait, letGo := s.gate()
			s.handle = func(b, query []byte) ([]byte, bool) {
				<-wait
				return echo(b, query)
			}
			s.begin(s.ctx)
			ann, bob := s.client("Ann"), s.client("Bob")
			for i := range slow {
				ann.ask(fmt.Sprintf("query %d", i+1))
			}
			s.stop()
			bob.ask("am I too late?")
			s.Pass(time.Minute)
			if n := s.handled.Load(); n != slow {
				s.Fatalf("%d queries came, then ctx was done, and then came another.\nhandle was called %d times\nwant              %d: who comes later has to ask somebody else", slow, n, slow)
			}
			if s.isOver() {
				s.Fatalf("ctx is done, and %d handlers are at work.\n%s\nWant it to return when they have.", slow, s.state())
			}
			letGo()
			s.mustReturn(time.Minute, nil)
			bob.mustHear()
		})
	})
	t.Run("while more handlers are at work than there may be", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := prepare(b)
			s.Net.Describe = brief
			wait, letGo := s.gate()
			s.handle = func(b, query []byte) ([]byte, bool) {
				<-wait
				return echo(b, query)
			}
			s.begin(s.ctx)
			ann := s.client("Ann")
			for i := range 200 {
				ann.send(fmt.Sprintf("query %d", i+1))
			}
			s.stop()
			s.Pass(time.Minute)
			letGo()
			s.mustReturn(time.Minute, nil)
		})
	})
	t.Run("while ReadFrom fails", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			const at = 20*time.Second + 301*time.Millisecond // no multiple of what pauses are made of
			s := start(b, echo)
			s.exhaust()
			s.Pass(at)
			s.stop()
			s.mustReturn(at, nil)
		})
	})
}

// What is left when Serve has returned (net, PacketConn).
func TestNothingLeft(t *testing.T) {
	captureLog(t)
	for _, tt := range []struct {
		why string
		end func(*serving)
	}{
		{"ctx is done", (*serving).stop},
		{"somebody closes pc", (*serving).closeSocket},
		{"ctx is done while ReadFrom fails", func(s *serving) {
			s.exhaust()
			s.stop()
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				s := start(b, echo)
				ann := s.client("Ann")
				ann.ask("hello")
				ann.mustHear("re: hello")
				ann.conn.Close()
				tt.end(s)
				s.mustReturn(0, nil, net.ErrClosed)
				s.mustBeClosed()
				s.MustBeQuiet()
			})
		})
	}
	t.Run("ctx is done while ReadFrom fails, and who hears of it is slow", func(t *testing.T) {
		oneAtATime(t)
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b, echo)
			s.exhaust()
			s.Pass(5 * time.Second)
			s.others.Store(true)
			s.stop()
			s.Pass(time.Second)
			s.mustReturn(s.returned, nil)
			if left := s.left.Load(); left != nil {
				s.Fatalf("ctx was done, and Serve(ctx, pc, handle) returned before a goroutine that it started\nwas over, which then called pc.%s.\nWant Serve to return after it. (If context.AfterFunc started it: when stop returns\nfalse, the function runs, or will; stop does not wait for it.)", *left)
			}
			s.mustBeClosed()
			s.MustBeQuiet()
		})
	})
	t.Run("somebody closes pc while handlers are at work", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := prepare(b)
			wait, letGo := s.gate()
			s.handle = func(b, query []byte) ([]byte, bool) {
				<-wait
				return echo(b, query)
			}
			s.begin(s.ctx)
			ann := s.client("Ann")
			for i := range 5 {
				ann.ask(fmt.Sprintf("query %d", i+1))
			}
			ann.conn.Close()
			s.closeSocket()
			s.Pass(time.Minute)
			if s.isOver() {
				s.Fatalf("pc was closed while 5 handlers were at work, and they still are.\n%s\nWant it to return when they have.", s.state())
			}
			letGo()
			s.mustReturn(time.Minute, net.ErrClosed)
			s.MustBeQuiet()
		})
	})
	t.Run("ctx is done while a response is being sent", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b, echo)
			ann := s.client("Ann")
			letGo := s.holdWrites()
			ann.ask("hello")
			ann.conn.Close()
			s.stop()
			if s.isOver() {
				s.Fatalf("ctx is done, and Serve(ctx, pc, handle) has returned, while a goroutine that it started\nwaits in WriteTo:\n  %s\nWant Serve to return when that is over.", *s.sending.Load())
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
	loopback.Run(t, 14, func(l *loopback.L) {
		pc := &socket{PacketConn: l.ListenPacket(), fatalf: l.Fatalf}
		conn := l.DialPacket(pc.LocalAddr())
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		serve := l.Go("Serve(ctx, pc, handle)", func() error {
			defer conn.Close()
			return server.Serve(ctx, pc, echo)
		})
		conn.Write([]byte("hello"))
		if heard := hear(conn); heard != "re: hello" && !serve.Returned() {
			l.Fatalf("client asked \"hello\"\nclient heard %s\nwant         \"re: hello\"", quote(heard))
		}
		cancel()
		// Should Serve never return, the report has this name in it.
		if err := l.Go("Serve, whose ctx is done,", serve.Wait).Wait(); err != nil {
			l.Fatalf("ctx was done\nServe(ctx, pc, handle) returned %s\nwant                            nil", name(err))
		}
		if !pc.closed.Load() {
			l.Fatalf("Serve(ctx, pc, handle) has returned, and pc is still open. Want it closed.")
		}
		l.MustBeQuiet()
	})
}

// The zone that the track began with, asked by a client that nobody here wrote,
// over the kernel's loopback: respond and zone are the ones of this track (RFC
// 1035, section 4.2.1).
func TestDig(t *testing.T) {
	loopback.Run(t, 15, func(l *loopback.L) {
		z, err := zone.Parse(strings.NewReader(local), "local.")
		if err != nil {
			l.Fatalf("zone.Parse cannot read the zone that is to be served: %v\nThat is katas/dns/zone, not this kata: run its tests.", err)
		}
		pc := l.ListenPacket()
		ctx, cancel := context.WithCancel(l.Context())
		conn := l.DialPacket(pc.LocalAddr())
		call := l.Go("Serve(ctx, pc, handle)", func() error {
			defer conn.Close()
			return server.Serve(ctx, pc, func(b, query []byte) ([]byte, bool) {
				return respond.Respond(b, query, respond.UDP, z.Lookup)
			})
		})
		for _, tt := range []struct {
			name string
			of   uint16
			want string
		}{
			{"web.local.", dns.TypeA, "NOERROR, web.local. 300 IN A 10.0.0.1"},
			{"api.local.", dns.TypeA, "NOERROR, api.local. 300 IN A 10.0.0.2"},
			{"redis.local.", dns.TypeA, "NOERROR, redis.local. 300 IN A 10.0.0.3"},
			{"wEb.LoCaL.", dns.TypeA, "NOERROR, wEb.LoCaL. 300 IN A 10.0.0.1"},
			{"web.local.", dns.TypeAAAA, "NOERROR, no answer"},
			{"nope.local.", dns.TypeA, "NXDOMAIN, no answer"},
			{"example.com.", dns.TypeA, "REFUSED, no answer"},
		} {
			if got := dig(conn, tt.name, tt.of); !strings.EqualFold(got, tt.want) {
				text := fmt.Sprintf("dig %s %s\ngot   %s\nwant  %s", tt.name, dns.TypeToString[tt.of], got, tt.want)
				if call.Returned() {
					l.Fatalf("%s\n\nServe(ctx, pc, handle) has returned: %v", text, call.Wait())
				}
				l.Fatalf("%s\n\nIf that is what respond.Respond says, see katas/dns/respond and katas/dns/zone.", text)
			}
		}
		cancel()
		if err := l.Go("Serve, whose ctx is done,", call.Wait).Wait(); err != nil {
			l.Fatalf("ctx was done\nServe(ctx, pc, handle) returned %s\nwant                            nil", name(err))
		}
	})
}

// local is the zone to be served.
const local = `
$TTL 300
@      SOA  ns hostmaster 1 7200 900 1209600 60
@      NS   ns
ns     A    127.0.0.1
web    A    10.0.0.1
api    A    10.0.0.2
redis  A    10.0.0.3
`

// dig asks as dig does, with EDNS, and returns the response's code and answers.
func dig(conn net.Conn, name string, of uint16) string {
	var m dns.Msg
	m.SetQuestion(name, of)
	m.SetEdns0(1232, false)
	c := dns.Client{Timeout: loopback.Limit}
	response, _, err := c.ExchangeWithConn(&m, &dns.Conn{Conn: conn})
	if err != nil {
		return fmt.Sprintf("no response: %v", cause(err))
	}
	text := dns.RcodeToString[response.Rcode]
	for _, rr := range response.Answer {
		text += ", " + strings.Join(strings.Fields(rr.String()), " ")
	}
	if len(response.Answer) == 0 {
		text += ", no answer"
	}
	return text
}

// re is what responses of these tests begin with.
const re = "re: "

// echo is the handler of most tests. Rule 7 alone is about what b and query have
// in common, so it is done with the one before it begins with the other.
func echo(b, query []byte) ([]byte, bool) {
	asked := string(query)
	return append(append(b, re...), asked...), true
}

// sum is a short text about a long one.
func sum(b []byte) string {
	return fmt.Sprintf("%d bytes, checksum %08x", len(b), crc32.ChecksumIEEE(b))
}

// logText is what was logged.
type logText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// captureLog has what is logged written here, with package log or log/slog,
// until the test is over.
func captureLog(t *testing.T) *logText {
	to := new(logText)
	before := log.Writer()
	log.SetOutput(to)
	t.Cleanup(func() { log.SetOutput(before) })
	return to
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// lines are the first few lines.
func (l *logText) lines() []string {
	all := strings.Split(strings.TrimSpace(l.String()), "\n")
	if all[0] == "" {
		return nil
	}
	return all[:min(len(all), 3)]
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

// serving is a call of Serve, and its socket.
type serving struct {
	*bubble.B
	*socket
	kernel net.Conn // what it sends to the socket, the socket takes for an error

	ctx     context.Context
	cancel  context.CancelFunc
	handle  server.Handler
	handled atomic.Int64           // calls of it
	damage  atomic.Pointer[string] // what a handler found changed that was its own
	overlap atomic.Pointer[string] // how its b and query were the same memory
	cause   string                 // why responses may be wrong, in this test

	call     *bubble.Call
	over     chan struct{} // closed when Serve is over
	returned time.Duration // when that was
}

// overwritten is the most likely reason for wrong responses.
const overwritten = "ReadFrom uses the whole buffer that it is given, from the moment it is called.\nWhat still stands in it of the query before is lost to whoever is not done. The\nsame goes for memory in which responses are made, until they are sent."

// start calls Serve, with a context that stop cancels.
func start(b *bubble.B, handle server.Handler) *serving {
	s := prepare(b)
	s.handle = handle
	s.begin(s.ctx)
	return s
}

// prepare makes what Serve needs.
func prepare(b *bubble.B) *serving {
	pc, err := b.Net.ListenPacket("127.0.0.1:53")
	if err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	kernel, err := b.Net.DialPacket("127.0.0.1:53")
	if err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	b.Net.Name(pc.LocalAddr(), "you")
	b.Net.Name(kernel.LocalAddr(), "kernel")
	b.Net.Describe = describe
	s := &serving{B: b, kernel: kernel, over: make(chan struct{}), cause: overwritten}
	s.socket = &socket{PacketConn: pc, longest: 1000, fatalf: b.Fatalf, note: b.Net.Note, elapsed: b.Elapsed, kernel: kernel.LocalAddr().String()}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	b.Cleanup(func() {
		s.socket.over.Store(true)
		s.cancel()
	})
	return s
}

// begin calls Serve.
func (s *serving) begin(ctx context.Context) {
	s.call = s.Go("Serve(ctx, pc, handle)", func() error {
		defer close(s.over)
		err := s.serve(ctx)
		s.gone.Store(true)
		s.returned = s.Elapsed().Truncate(instant)
		return err
	})
	s.Wait()
}

// serve has a name, so that socket knows calls by Serve's own goroutine.
//
//go:noinline
func (s *serving) serve(ctx context.Context) error {
	return server.Serve(ctx, s.socket, s.handler)
}

// handler is what Serve is given.
func (s *serving) handler(b, query []byte) ([]byte, bool) {
	s.handled.Add(1)
	if len(b) > 0 {
		words := fmt.Sprintf("handle(b, query) was called with %d bytes in b: %s. Want none: what\nit appends is the whole response.", len(b), quote(string(b)))
		s.damage.CompareAndSwap(nil, &words)
	}
	return s.handle(b, query)
}

// compare is for handlers: it keeps the first difference for the report.
func (s *serving) compare(asked, what string, got []byte, want string) {
	if string(got) != want {
		words := fmt.Sprintf("To the handler that is asked %s,\n%s\n  %s\nwant\n  %s", quote(asked), what, quote(string(got)), quote(want))
		s.damage.CompareAndSwap(nil, &words)
	}
}

// mustBeApart is for handlers: it keeps for the report that what is appended to b
// is written over query.
func (s *serving) mustBeApart(b, query []byte) {
	if cap(b) == 0 || len(query) == 0 {
		return
	}
	begin, at := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(query)))
	if begin >= at+uintptr(len(query)) || at >= begin+uintptr(cap(b)) {
		return
	}
	words := fmt.Sprintf("To the handler that is asked %s,\nb and query are the same memory: b[:cap(b)] begins %s.\nWhat the handler appends to b is written over the query, which it still reads.", quote(string(query)), position(int(begin-at)))
	s.overlap.CompareAndSwap(nil, &words)
}

// position is where b begins, seen from query.
func position(offset int) string {
	switch {
	case offset < 0:
		return fmt.Sprintf("%d bytes before query, and reaches into it", -offset)
	case offset == 0:
		return "where query begins"
	}
	return fmt.Sprintf("at query[%d]", offset)
}

// gate makes what handlers can wait at, until letGo is called.
func (s *serving) gate() (wait chan struct{}, letGo func()) {
	wait = make(chan struct{})
	letGo = sync.OnceFunc(func() {
		s.Wait()
		close(wait)
	})
	s.Cleanup(letGo)
	return wait, letGo
}

// stop tells Serve to stop, once all has happened that can.
func (s *serving) stop() {
	s.Wait()
	s.Net.Note("ctx is cancelled")
	s.cancel()
	s.Wait()
}

// closeSocket closes the socket, as somebody else than Serve.
func (s *serving) closeSocket() {
	s.Wait()
	s.Net.Note("somebody closes pc")
	s.socket.Close()
	s.Wait()
}

// isOver says whether Serve is over: it returned, or panicked.
func (s *serving) isOver() bool {
	s.Wait()
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// mustServe wants Serve not to have returned.
func (s *serving) mustServe() {
	s.T().Helper()
	if s.isOver() {
		s.Fatalf("%s\nWant it to go on.", s.state())
	}
}

// mustReturn wants Serve to return one of these errors at that moment.
func (s *serving) mustReturn(at time.Duration, want ...error) {
	s.T().Helper()
	const longer = time.Minute
	s.Pass(max(0, at-s.Elapsed()))
	if !s.isOver() {
		s.Pass(longer)
	}
	if !s.isOver() {
		s.Fatalf("Serve(ctx, pc, handle) has not returned after %v\nwant %s after %v\n\n%s", s.Elapsed(), names(want), at, s.Waiting())
	}
	err := s.call.Wait()
	if s.returned != at || !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
		s.Fatalf("Serve(ctx, pc, handle) returned %s after %v\nwant                            %s after %v", name(err), s.returned, names(want), at)
	}
}

// mustBeClosed wants the socket to be closed.
func (s *serving) mustBeClosed() {
	s.T().Helper()
	if !s.closed.Load() {
		s.Fatalf("Serve(ctx, pc, handle) has returned, and pc is still open. Want it closed.")
	}
}

// state is what became of Serve.
func (s *serving) state() string {
	if s.isOver() {
		return fmt.Sprintf("Serve(ctx, pc, handle) returned %s after %v.", name(s.call.Wait()), s.returned)
	}
	return "Who waits where:\n\n" + s.Waiting()
}

// mustResume wants ReadFrom to be called again within 100 ms after the failure
// that was, and the client to hear something then.
func (s *serving) mustResume(c *client, before string) {
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
func (s *serving) failRead(err syscall.Errno) {
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

// brief is describe where there are many queries of a kind: equal lines of the
// transcript are drawn once.
func brief(payload []byte) string {
	switch text := string(payload); {
	case strings.HasPrefix(text, re):
		return "a response"
	case strings.HasPrefix(text, "slow"):
		return "a slow query"
	}
	return "a query"
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
func (s *serving) exhaust() {
	s.Wait()
	s.Net.Note("from now on, your ReadFrom fails, each time")
	s.calls.Store(0)
	s.last.Store(int64(s.Elapsed()))
	s.failing.Store(true)
	for range s.inside.Load() {
		s.failRead(syscall.ENOBUFS)
	}
}

func (s *serving) recover() {
	s.Net.Note("ReadFrom works again")
	s.failing.Store(false)
}

// failWritesTo makes WriteTo fail for a client; for nil, it works again for all.
func (s *serving) failWritesTo(c *client, err syscall.Errno) {
	s.Wait()
	s.refused.Store(nil)
	if c != nil {
		s.refused.Store(&refusal{to: c.conn.LocalAddr().String(), err: err})
	}
}

// holdWrites makes WriteTo wait until letGo is called.
func (s *serving) holdWrites() (letGo func()) {
	s.Wait()
	held := make(chan struct{})
	letGo = sync.OnceFunc(func() { close(held) })
	s.Cleanup(letGo)
	s.held.Store(&held)
	return letGo
}

// client is one that listens all the time.
type client struct {
	s    *serving
	name string
	conn net.Conn

	mu    sync.Mutex
	asked []string // and not yet looked at
	heard []string
	at    time.Duration // of the last of them
}

func (s *serving) client(name string) *client {
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

// ask sends a query, and waits until all has happened that can.
func (c *client) ask(query string) {
	c.send(query)
	c.s.Wait()
}

func (c *client) send(query string) {
	c.mu.Lock()
	c.asked = append(c.asked, query)
	c.mu.Unlock()
	c.conn.Write([]byte(query))
}

// take returns what was asked and heard since the last time.
func (c *client) take() (asked, heard []string) {
	c.s.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	asked, heard = c.asked, c.heard
	c.asked, c.heard = nil, nil
	return asked, heard
}

// hasHeardAt returns when the client last heard something that was not looked at.
func (c *client) hasHeardAt() (at time.Duration, ok bool) {
	c.s.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at, len(c.heard) > 0
}

// mustHear wants the client to have heard these responses since the last time.
func (c *client) mustHear(want ...string) {
	c.s.T().Helper()
	if asked, heard := c.take(); !slices.Equal(heard, want) {
		c.wrong(asked, heard, want)
	}
}

// mustHearLast wants the last response to be that.
func (c *client) mustHearLast(want string) {
	c.s.T().Helper()
	if asked, heard := c.take(); len(heard) == 0 || heard[len(heard)-1] != want {
		c.wrong(asked, heard, []string{want})
	}
}

func (c *client) wrong(asked, heard, want []string) {
	c.s.T().Helper()
	text := fmt.Sprintf("%s asked %s\n%s heard %s\n%-*s  %s", c.name, quote(asked...), c.name, quote(heard...), len(c.name)+5, "want", quote(want...))
	switch damage := c.s.damage.Load(); {
	case damage != nil:
		text += "\n\n" + *damage
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
	switch {
	case heard != "" && strings.HasPrefix(want, heard):
		return fmt.Sprintf("Cut: at its end, %d bytes are missing.", len(want)-len(heard))
	case strings.HasPrefix(heard, want):
		return fmt.Sprintf("The response has %d bytes too many at its end.", len(heard)-len(want))
	case strings.HasSuffix(heard, want):
		return fmt.Sprintf("The response has %d bytes too many at its beginning.", len(heard)-len(want))
	}
	return ""
}

// mustAnswerAll wants each client to have heard what echo says to each of its
// queries, in any order, and nothing else.
func (s *serving) mustAnswerAll(clients ...*client) {
	s.T().Helper()
	s.Wait()
	var want [][]string
	for _, c := range clients {
		var responses []string
		for _, query := range c.asked {
			responses = append(responses, re+query)
		}
		want = append(want, responses)
	}
	s.mustAnswer(clients, want)
}

// mustAnswer wants each client to have heard its responses, in any order, and
// nothing else.
func (s *serving) mustAnswer(clients []*client, want [][]string) {
	s.T().Helper()
	all := 0
	missing, others := make([][]string, len(clients)), make([][]string, len(clients))
	for i, c := range clients {
		_, heard := c.take()
		all += len(want[i])
		missing[i], others[i] = without(want[i], heard)
	}
	text := fmt.Sprintf("%d queries came.\n", all)
	astray := 0
	for i, c := range clients {
		for j, other := range clients {
			left, rest := without(missing[i], others[j])
			if n := len(missing[i]) - len(left); n > 0 {
				text += fmt.Sprintf("Sent to %s: %d of the responses to %s, for example %s.\n", other.name, n, c.name, quote(common(missing[i], others[j])))
				astray += n
			}
			missing[i], others[j] = left, rest
		}
	}
	damage, overlap := s.damage.Load(), s.overlap.Load()
	lost, wrong := slices.Concat(missing...), slices.Concat(others...)
	if astray == 0 && len(lost) == 0 && len(wrong) == 0 && damage == nil && overlap == nil {
		return
	}
	if len(lost) > 0 {
		text += fmt.Sprintf("Not sent: %d of the responses, for example %s.\n", len(lost), quote(lost[0]))
	}
	if len(wrong) > 0 {
		text += fmt.Sprintf("Sent instead: %d others, for example %s.\n", len(wrong), quote(wrong[len(wrong)-1]))
	}
	switch {
	case overlap != nil:
		s.Fatalf("%s\n%s", text, *overlap)
	case damage != nil:
		text += "\n" + *damage + "\n"
	case astray > 0 && len(wrong) == 0:
		s.Fatalf("%s\nWant each sent to whoever asked (rule 2). An address has to be kept with its query,\nand not where that of the next one is written.", text)
	case len(wrong) == 0:
		s.Fatalf("%s\n%s", text, s.state())
	}
	s.Fatalf("%s\n%s", text, s.cause)
}

// without returns what of all is not in part, and what of part is not in all.
func without(all, part []string) (left, rest []string) {
	rest = slices.Clone(part)
	for _, text := range all {
		if i := slices.Index(rest, text); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		} else {
			left = append(left, text)
		}
	}
	return left, rest
}

// common returns the first of a that is also in b.
func common(a, b []string) string {
	for _, text := range a {
		if slices.Contains(b, text) {
			return text
		}
	}
	return ""
}

// socket is what Serve is given: a socket that fails when the test wants it to.
type socket struct {
	net.PacketConn
	fatalf  func(format string, args ...any)
	note    func(format string, args ...any)
	elapsed func() time.Duration
	kernel  string // the address whose datagrams are errors
	longest int    // query that comes, in bytes; 0 means that it may have any length

	slow    atomic.Bool // WriteTo lets others go first, ReadFrom uses the buffer at once
	held    atomic.Pointer[chan struct{}]
	sending atomic.Pointer[string] // where WriteTo was called that is held
	others  atomic.Bool            // goroutines other than Serve's own are slow to call Close and the like
	gone    atomic.Bool            // Serve has returned
	left    atomic.Pointer[string] // which call it did not wait for, if others is set
	refused atomic.Pointer[refusal]

	closed   atomic.Bool
	deadline atomic.Pointer[time.Time] // of ReadFrom

	reason  atomic.Int64 // why ReadFrom fails, a syscall.Errno
	failing atomic.Bool  // all calls of ReadFrom do
	calls   atomic.Int64 // of ReadFrom, since exhaust
	last    atomic.Int64 // when the last of them was
	gap     atomic.Int64 // the longest between two of them

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
		p.gap.Store(max(p.gap.Load(), now-p.last.Swap(now)))
		return 0, nil, p.failed("read", p.reasonError("recvfrom"))
	}
	n, from, err := p.readFrom(b)
	switch {
	case err != nil:
		return n, from, p.failed("read", err)
	case from.String() == p.kernel:
		if !p.failing.Load() {
			p.note("your ReadFrom fails: %v (%s)", syscall.Errno(p.reason.Load()), constant(syscall.Errno(p.reason.Load())))
		}
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
	size := len(b)
	if p.longest > 0 {
		size = min(size, p.longest) // it is soon emptied
	}
	own := make([]byte, size)
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
	p.letServeReturn("Close")
	p.closed.Store(true)
	return p.PacketConn.Close()
}

func (p *socket) SetDeadline(t time.Time) error {
	p.letServeReturn("SetDeadline")
	p.deadline.Store(&t)
	return p.PacketConn.SetDeadline(t)
}

func (p *socket) SetReadDeadline(t time.Time) error {
	p.letServeReturn("SetReadDeadline")
	p.deadline.Store(&t)
	return p.PacketConn.SetReadDeadline(t)
}

// letServeReturn is where goroutines other than Serve's own let all others go
// first: if Serve returns meanwhile, it did not wait for this one. There is no
// time in it: whoever waits may hold a lock.
func (p *socket) letServeReturn(call string) {
	if !p.others.Load() || calledBy("(*serving).serve") {
		return
	}
	for i := 0; i < 1000 && !p.gone.Load(); i++ {
		runtime.Gosched()
	}
	if p.gone.Load() {
		words := call + " " + learner()
		p.left.CompareAndSwap(nil, &words)
	}
}

// calledBy says whether a function is being called, directly or not, by the one
// whose name ends like that.
func calledBy(name string) bool {
	pc := make([]uintptr, 100)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasSuffix(f.Function, name) {
			return true
		}
	}
	return false
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
		if p.errors.Load() > 100*max(1, p.most.Load()) { // perhaps it is about to end, and only needs others to get on
			<-time.After(1)
		}
	}
	switch n := p.errors.Add(1); {
	case p.over.Load() && n > 3*max(1, p.most.Load()):
		runtime.Goexit()
	case n > 1000*max(1, p.most.Load()):
		call := map[string]string{"read": "ReadFrom", "write": "WriteTo"}[op]
		p.fatalf("There is a busy loop: %s was called %d times at one instant, and gave\neach time: %v\n  %s", call, n, cause(err), learner())
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
