package stream_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
	"weak"

	"github.com/miekg/dns"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/respond"
	"github.com/example/netkata/katas/dns/stream"
	"github.com/example/netkata/katas/dns/zone"
)

// messages of all sorts: the codec does not look into them.
var messages = []struct{ why, msg string }{
	{"three octets", "abc"},
	{"a query for A records of the root", "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"},
	{"no octet at all", ""},
	{"one octet", "x"},
	{"eleven octets, too few for a header", "eleven byte"},
	{"zero octets in it", "a\x00\x00b"},
	{"255 octets", long(255)},
	{"256 octets, a length whose second octet is 0", long(256)},
	{"513 octets", long(513)},
	{"32768 octets, a length whose highest bit is set", long(32768)},
	{"65535 octets, the most there can be", long(65535)},
}

// Onto the wire (RFC 1035, section 4.2.2).
func TestWrite(t *testing.T) {
	r := rule.New(t, 1)
	for _, tt := range messages {
		var w bytes.Buffer
		err := write(r, &w, tt.msg)
		if err != nil {
			r.Fatalf("Write(w, msg), msg has %s\nreturned the error: %v", tt.why, err)
		}
		if got, want := w.String(), frame(tt.msg); got != want {
			r.Fatalf("Write(w, msg), msg has %s\n%s", tt.why, compare("wrote", got, want))
		}
	}
}

// And from it (RFC 1035, section 4.2.2).
func TestRead(t *testing.T) {
	r := rule.New(t, 1)
	for _, tt := range messages {
		msg, err := read(r, strings.NewReader(frame(tt.msg)), frame(tt.msg))
		mustRead(r, "from "+octets(frame(tt.msg))+": a length, and "+tt.why, msg, err, tt.msg)
	}
}

// Three messages, in pieces (RFC 9293, section 2.2: TCP carries a stream).
func TestCuts(t *testing.T) {
	r := rule.New(t, 2)
	sent := []string{"first", "", long(300)}
	all := frame(sent...)
	for _, tt := range []struct {
		why string
		cut func(io.Reader) io.Reader
	}{
		{"each Read gives one octet", iotest.OneByteReader},
		{"each Read gives half of what it may", iotest.HalfReader},
		{"the last octets come together with io.EOF", iotest.DataErrReader},
		{"every other Read gives 0 octets and no error", func(r io.Reader) io.Reader { return &lazy{r: r} }},
	} {
		in := tt.cut(strings.NewReader(all))
		for i, want := range sent {
			msg, err := read(r, in, all)
			mustRead(r, fmt.Sprintf("of message %d of %d; %s", i+1, len(sent), tt.why), msg, err, want)
		}
	}
}

// What follows a message is left where it is (bufio.Reader, Buffered).
func TestNoMore(t *testing.T) {
	r := rule.New(t, 2)
	for _, msg := range []string{"", "first", long(4000)} {
		in := strings.NewReader(frame(msg) + "and so on")
		got, err := read(r, in, frame(msg)+"and so on")
		mustRead(r, fmt.Sprintf("of %d octets, with %q behind them", len(msg), "and so on"), got, err, msg)
		if left, _ := io.ReadAll(in); string(left) != "and so on" {
			r.Fatalf("r had %s, and %q behind them.\nRead(r) took its message, and what was left in r is %s\nwant                                               %q: it belongs to the next call", octets(frame(msg)), "and so on", quote(string(left)), "and so on")
		}
	}
}

// A message that was returned, when the next one is read (RFC 1035, section 4.2.2).
func TestMemory(t *testing.T) {
	r := rule.New(t, 2)
	in := strings.NewReader(frame("first", "other"))
	first, err := read(r, in, "")
	mustRead(r, "of message 1 of 2", first, err, "first")
	second, err := read(r, in, "")
	mustRead(r, "of message 2 of 2", second, err, "other")
	if string(first) != "first" {
		r.Fatalf("Read(r) returned %q. It was called again, and now that\nmessage reads %q. Want one that is the caller's alone.", "first", first)
	}
}

// Streams that end (io, EOF and ErrUnexpectedEOF).
func TestEnd(t *testing.T) {
	r := rule.New(t, 3)
	for _, tt := range []struct {
		why, sent string
		want      error
	}{
		{"nothing at all", "", io.EOF},
		{"half a length", "\x00", io.ErrUnexpectedEOF},
		{"a length of 5, and nothing behind it", "\x00\x05", io.ErrUnexpectedEOF},
		{"a length of 5, and four octets", "\x00\x05four", io.ErrUnexpectedEOF},
		{"a length of 65535, and ten octets", "\xff\xfften octets", io.ErrUnexpectedEOF},
	} {
		for _, in := range []io.Reader{strings.NewReader(tt.sent), iotest.DataErrReader(strings.NewReader(tt.sent))} {
			if msg, err := read(r, in, tt.sent); err != tt.want {
				r.Fatalf("Read(r), where r has %s, and ends\nreturned %s\nwant     %s: that value itself", tt.why, outcome(msg, err), errName(tt.want))
			}
		}
	}
	in := strings.NewReader(frame("first"))
	msg, err := read(r, in, frame("first"))
	mustRead(r, "of the only message", msg, err, "first")
	if msg, err := read(r, in, ""); err != io.EOF {
		r.Fatalf("Read(r), called again after the only message\nreturned %s\nwant     io.EOF: that value itself", outcome(msg, err))
	}
}

// Streams that fail (errors, Is).
func TestReadFails(t *testing.T) {
	r := rule.New(t, 3)
	for _, sent := range []string{"", "\x00", "\x00\x05", "\x00\x05four"} {
		in := io.MultiReader(strings.NewReader(sent), iotest.ErrReader(errBroken))
		if msg, err := read(r, in, sent); !errors.Is(err, errBroken) {
			r.Fatalf("Read(r), where r has %s and then fails: %v\nreturned %s\nwant     that error, so that errors.Is finds it", octets(sent), errBroken, outcome(msg, err))
		}
	}
}

// Messages go out at once, or not at all (RFC 7766, section 8).
func TestOneWrite(t *testing.T) {
	r := rule.New(t, 4)
	for _, tt := range messages {
		w := &counter{}
		if err := write(r, w, tt.msg); err != nil {
			r.Fatalf("Write(w, msg), msg has %s\nreturned the error: %v", tt.why, err)
		}
		if len(w.writes) != 1 {
			var sizes []string
			for _, n := range w.writes {
				sizes = append(sizes, fmt.Sprint(n))
			}
			r.Fatalf("Write(w, msg), msg has %s\ncalled w.Write %d times, with %s octets\nwant one call, with length and message: there are clients that give up\nwhen their first read does not bring both", tt.why, len(w.writes), strings.Join(sizes, " and "))
		}
	}
	t.Run("errors", func(t *testing.T) {
		r := rule.New(t, 4)
		for _, n := range []int{65536, 65536 + 5, 1 << 17} {
			w := &counter{}
			err := write(r, w, long(n))
			if !errors.Is(err, stream.ErrTooLong) {
				r.Fatalf("Write(w, msg), msg has %d octets\nreturned %s\nwant     ErrTooLong", n, errName(err))
			}
			if len(w.writes) > 0 {
				r.Fatalf("Write(w, msg), msg has %d octets\nreturned ErrTooLong, and has written %d octets\nwant nothing written", n, w.writes[0])
			}
		}
		if err := write(r, &counter{err: errBroken}, "abc"); !errors.Is(err, errBroken) {
			r.Fatalf("Write(w, msg), where w.Write fails: %v\nreturned %s\nwant     that error, so that errors.Is finds it", errBroken, errName(err))
		}
	})
	t.Run("the caller's memory", func(t *testing.T) {
		r := rule.New(t, 4)
		memory := []byte("abc and what is behind it")
		r.Do(func() string { return `Write(w, msg), msg is "abc", with other octets of the caller's behind it` }, func() { stream.Write(io.Discard, memory[:3]) })
		if got, want := string(memory), "abc and what is behind it"; got != want {
			r.Fatalf("msg is the beginning of %q\nAfter Write(w, msg), that is   %q\nwant it left as it was", want, got)
		}
	})
}

// From here on, most tests ask in words, which Serve need not understand, and
// their handler says "re: " and what it was asked.

// A client that waits for each response before it asks again (RFC 7766, section 6.2.1).
func TestQueries(t *testing.T) {
	t.Run("two clients", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, stream.Limits{}, echo)
			ann, bob := s.client("Ann"), s.client("Bob")
			for _, c := range []*client{ann, bob, bob, ann} {
				c.ask("I am " + c.name)
				c.mustHear("re: I am " + c.name)
			}
			ann.mustHear()
			bob.mustHear()
		})
	})
	t.Run("short and long ones", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b, stream.Limits{}, echo)
			ann := s.client("Ann")
			for _, query := range []string{"", "x", "eleven byte", "\x00\xff\xfe", long(600), long(60000)} {
				ann.ask(query)
				ann.mustHear("re: " + query)
			}
		})
	})
	t.Run("short and long responses", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			responses := map[string]string{"empty": "", "short": "x", "longer": long(600), "longest": long(65535)}
			s := start(b, stream.Limits{}, func(b, query []byte) ([]byte, bool) {
				return append(b, responses[string(query)]...), true
			})
			ann := s.client("Ann")
			for _, query := range []string{"empty", "short", "longer", "longest", "empty"} {
				ann.ask(query)
				ann.mustHear(responses[query])
			}
		})
	})
	t.Run("the network passes on octet by octet", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := prepare(b, stream.Limits{}, echo)
			b.Net.Disturb(memnet.To(s.ln.Addr()), memnet.MustParse("chop 1"))
			s.begin(b.Context())
			ann := s.client("Ann")
			ann.ask("hello")
			ann.mustHear("re: hello")
			ann.ask("and again")
			ann.mustHear("re: and again")
		})
	})
}

// Handlers that say nothing (RFC 1035, section 4.1.1: a response, for one, is no
// query).
func TestSilence(t *testing.T) {
	for _, tt := range []struct {
		why    string
		handle stream.Handler
	}{
		{"it returns b as it was", func(b, _ []byte) ([]byte, bool) { return b, false }},
		{"it returns nil", func(_, _ []byte) ([]byte, bool) { return nil, false }},
		{"it had begun to write", func(b, _ []byte) ([]byte, bool) { return append(b, "never mind"...), false }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b, stream.Limits{}, func(b, query []byte) ([]byte, bool) {
					if string(query) == "say nothing" {
						return tt.handle(b, query)
					}
					return echo(b, query)
				})
				ann := s.client("Ann")
				ann.ask("say nothing")
				ann.mustHear()
				ann.ask("and now?")
				ann.mustHear("re: and now?")
			})
		})
	}
}

// Clients that connect and send nothing, or half a query (CVE-2017-15133).
func TestSilentClient(t *testing.T) {
	for _, tt := range []struct{ why, sent string }{
		{"they send nothing", ""},
		{"they send half a length", "\x00"},
		{"they send half a query", "\x00\x10half"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				s := start(b, stream.Limits{Idle: time.Hour}, echo)
				for range 5 {
					c := s.dial("others")
					c.send(tt.sent)
				}
				bob := s.client("Bob")
				bob.ask("hello")
				bob.mustHear("re: hello")
			})
		})
	}
}

// Queries that come together, and answers that take their time (RFC 7766,
// sections 6.2.1.1 and 7).
func TestPipeline(t *testing.T) {
	t.Run("a slow one, and one more", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := start(b, stream.Limits{Idle: time.Hour}, nil)
			s.handle = s.slow(map[string]time.Duration{"slow": 3 * time.Second})
			ann := s.client("Ann")
			ann.ask("slow", "quick")
			ann.mustHear("re: quick")
			s.Pass(2 * time.Second)
			ann.ask("quick, too")
			ann.mustHear("re: quick, too")
			s.Pass(time.Second)
			ann.mustHear("re: slow")
		})
	})
	t.Run("sixteen, each quicker than the one before", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			s := start(b, stream.Limits{Idle: time.Hour}, nil)
			took := map[string]time.Duration{}
			var queries, want []string
			for i := range 16 {
				query := fmt.Sprintf("takes %d s", 16-i)
				took[query] = time.Duration(16-i) * time.Second
				queries = append(queries, query)
				want = append(want, fmt.Sprintf("re: takes %d s", i+1))
			}
			s.handle = s.slow(took)
			ann := s.client("Ann")
			ann.ask(queries...)
			s.Pass(8 * time.Second)
			ann.mustHear(want[:8]...)
			s.Pass(8 * time.Second)
			ann.mustHear(want[8:]...)
		})
	})
}

// What handlers were given, while others are at work (RFC 7766, section 6.2.1.1).
func TestOwn(t *testing.T) {
	t.Run("four queries in one segment", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, stream.Limits{}, echo)
			ann := s.client("Ann")
			ann.ask("one", "two", "", "four")
			ann.mustHearAll("re: one", "re: two", "re: ", "re: four")
		})
	})
	t.Run("queries that are still in use", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, stream.Limits{}, nil)
			wait, letGo := s.gate()
			s.handle = func(b, query []byte) ([]byte, bool) {
				asked := string(query)
				response := append(b, "re: "+asked...)
				<-wait
				s.compare(asked, "query, which is still in use, is", query, asked)
				s.compare(asked, "the response, which was appended to b, is", response, "re: "+asked)
				return response, true
			}
			ann := s.client("Ann")
			var queries, want []string
			for i := range 16 {
				queries = append(queries, fmt.Sprintf("query %2d", i+1))
				want = append(want, "re: "+queries[i])
			}
			ann.ask(queries...)
			letGo()
			ann.mustHearAll(want...)
		})
	})
	t.Run("handlers that write to all of it", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			s := start(b, stream.Limits{}, nil)
			s.handle = func(b, query []byte) ([]byte, bool) {
				asked := string(query)
				response := append(b, "re: "+asked...)
				for i := range query {
					query[i] = 'X'
				}
				s.compare(asked, "after query was overwritten, the response is", response, "re: "+asked)
				if strings.HasPrefix(asked, "in query") {
					return query, true
				}
				return response, true
			}
			ann := s.client("Ann")
			ann.ask("one", "two", "in query")
			ann.mustHearAll("re: one", "re: two", "XXXXXXXX")
		})
	})
	t.Run("a response that is kept ready", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			ready := append(make([]byte, 0, 100), "re: ready"...)
			s := start(b, stream.Limits{}, func(b, query []byte) ([]byte, bool) {
				if string(query) == "ready" {
					return ready, true
				}
				return echo(b, query)
			})
			ann := s.client("Ann")
			for range 3 {
				ann.ask("ready", "something else, and longer", "ready")
				ann.mustHearAll("re: ready", "re: something else, and longer", "re: ready")
			}
			if got := string(ready[:cap(ready)]); strings.TrimRight(got, "\x00") != "re: ready" {
				s.Fatalf("A handler returned a response that it keeps ready, for whoever asks next:\n  %q\nNow there stands, in it or behind it,\n  %s\nWant it sent, and never written to: it is no memory of Serve's.", "re: ready", quote(strings.TrimRight(got, "\x00")))
			}
		})
	})
}

// Sixteen responses at one instant, through a network that takes little at a time
// (RFC 7766, section 8).
func TestMixed(t *testing.T) {
	bubble.Run(t, 8, func(b *bubble.B) {
		b.Net.Buffer = 700
		s := start(b, stream.Limits{}, nil)
		wait, letGo := s.gate()
		s.handle = func(b, query []byte) ([]byte, bool) {
			<-wait
			return append(b, strings.Repeat(string(query), 500)...), true
		}
		ann := s.client("Ann")
		var queries, want []string
		for i := range 16 {
			queries = append(queries, fmt.Sprintf("%02d, ", i+1))
			want = append(want, strings.Repeat(queries[i], 500))
		}
		ann.ask(queries...)
		letGo()
		ann.mustHearAll(want...)
	})
}

// More queries than may be answered at a time (RFC 7766, section 10).
func TestQueue(t *testing.T) {
	for _, tt := range []struct{ limit, want int }{{1, 1}, {3, 3}, {0, 16}} {
		t.Run(fmt.Sprintf("Queue is %d", tt.limit), func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				s := start(b, stream.Limits{Idle: time.Hour, Queue: tt.limit}, nil)
				wait := make(chan struct{})
				s.Cleanup(func() { close(wait) })
				s.handle = func(b, query []byte) ([]byte, bool) {
					<-wait
					return echo(b, query)
				}
				ann, bob := s.client("Ann"), s.client("Bob")
				n := 2*tt.want + 1
				var queries, want []string
				for i := range n {
					queries = append(queries, fmt.Sprintf("query %d", i+1))
					want = append(want, "re: "+queries[i])
				}
				ann.ask(queries...)
				s.mustBeInside(tt.want, fmt.Sprintf("Ann has asked %d queries, none of which is answered.", n))
				bob.ask("me, too")
				s.mustBeInside(tt.want+1, fmt.Sprintf("Ann has asked %d queries, none of which is answered, and Bob one.", n))
				for i := range n + 1 {
					wait <- struct{}{}
					s.Wait()
					if most := tt.want + 1; int(s.inside.Load()) > most {
						s.mustBeInside(most, fmt.Sprintf("%d queries of Ann's and one of Bob's came, and %d of them are answered.", n, i+1))
					}
				}
				ann.mustHearAll(want...)
				bob.mustHear("re: me, too")
			})
		})
	}
	t.Run("a client that asks, and does not listen", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			b.Net.Buffer = 4096
			s := start(b, stream.Limits{Idle: time.Hour, Queue: 1}, nil)
			s.handle = func(b, query []byte) ([]byte, bool) {
				if s.handled.Load() == 2 && s.deaf.Load() {
					s.Errorf("%s\nAnn has asked 20 queries, and takes no response. The handler was called a second\ntime. Want it called once: a query keeps its place until its response is sent.\nResponses that nobody takes would fill the memory.", s.title())
				}
				return append(b, strings.Repeat(string(query), 3000)...), true
			}
			ann := s.dial("Ann")
			var queries, want []string
			for i := range 20 {
				queries = append(queries, fmt.Sprintf("%02d, ", i+1))
				want = append(want, strings.Repeat(queries[i], 3000))
			}
			s.deaf.Store(true)
			ann.ask(queries...)
			s.deaf.Store(false)
			if s.T().Failed() {
				return // what she hears now is a consequence
			}
			ann.listen()
			ann.mustHear(want...)
		})
	})
}

// Nothing comes, or not enough (RFC 7766, section 6.2.3).
func TestIdle(t *testing.T) {
	for _, idle := range []time.Duration{10 * time.Second, 7 * time.Second, 0} {
		t.Run(fmt.Sprintf("nothing ever, and Idle is %v", idle), func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				s := start(b, stream.Limits{Idle: idle}, echo)
				ann := s.client("Ann")
				if idle == 0 {
					idle = 10 * time.Second
				}
				ann.mustEnd(idle, "it has sent nothing since it came")
			})
		})
	}
	limits := stream.Limits{Idle: 10 * time.Second}
	t.Run("nothing after a query", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b, limits, echo)
			ann := s.client("Ann")
			s.Pass(4 * time.Second)
			ann.ask("hello")
			ann.mustHear("re: hello")
			ann.mustEnd(14*time.Second, "its last query came at 4s")
		})
	})
	t.Run("a query at the last moment, again and again", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b, limits, echo)
			ann := s.client("Ann")
			for range 5 {
				s.Pass(limits.Idle - time.Millisecond)
				ann.ask("still here")
				ann.mustHear("re: still here")
			}
			ann.mustEnd(60*time.Second-5*time.Millisecond, "its last query came 10s before")
		})
	})
	t.Run("queries that the handler does not answer", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b, limits, func(b, _ []byte) ([]byte, bool) { return b, false })
			ann := s.client("Ann")
			for range 3 {
				s.Pass(6 * time.Second)
				ann.ask("still here")
			}
			ann.mustEnd(28*time.Second, "its last query came at 18s")
		})
	})
	t.Run("an octet every three seconds", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b, limits, echo)
			ann := s.client("Ann")
			ann.drip(frame(strings.Repeat("x", 30)))
			ann.mustEnd(limits.Idle, "it has sent no whole query")
		})
	})
	t.Run("a query, and then an octet every three seconds", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b, limits, echo)
			ann := s.client("Ann")
			s.Pass(4 * time.Second)
			ann.ask("hello")
			ann.mustHear("re: hello")
			ann.drip(frame(strings.Repeat("x", 30)))
			ann.mustEnd(14*time.Second, "its last whole query came at 4s")
		})
	})
	t.Run("a query together with the beginning of the next, whose rest drips", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b, limits, echo)
			ann := s.client("Ann")
			s.Pass(4 * time.Second)
			ann.send(frame("hello") + "\x00")
			ann.mustHear("re: hello")
			ann.drip(frame(strings.Repeat("x", 30))[1:])
			ann.mustEnd(14*time.Second, "its last whole query came at 4s")
		})
	})
	t.Run("a query in pieces, just in time", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b, limits, echo)
			ann := s.client("Ann")
			query := frame("hello")
			ann.send(query[:1])
			s.Pass(6 * time.Second)
			ann.send(query[1:4])
			s.Pass(3 * time.Second)
			ann.send(query[4:])
			ann.mustHear("re: hello")
			ann.mustEnd(19*time.Second, "its last query was whole at 9s")
		})
	})
}

// Clients that end their side while they wait (RFC 9293, section 3.6).
func TestHalfClose(t *testing.T) {
	limits := stream.Limits{Idle: 10 * time.Second, Queue: 2}
	for _, tt := range []struct{ why, rest string }{
		{"after its queries", ""},
		{"in the middle of another length", "\x00"},
		{"in the middle of another query", "\x00\x10half"},
	} {
		t.Run("it ends its side "+tt.why, func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				s := start(b, limits, nil)
				s.handle = s.slow(map[string]time.Duration{"one": 3 * time.Second, "two": 2 * time.Second, "three": time.Second, "four": time.Second})
				ann := s.client("Ann")
				ann.send(frame("one", "two", "three", "four") + tt.rest)
				ann.conn.CloseWrite()
				ann.mustHear()
				s.Pass(4 * time.Second)
				ann.mustHearAll("re: one", "re: two", "re: three", "re: four")
				ann.mustEnd(4*time.Second, "it has ended its side, and all that it asked is answered")
				ann.mustEndWell()
			})
		})
	}
	t.Run("it says no more, and its response takes longer than Idle", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b, limits, nil)
			s.handle = s.slow(map[string]time.Duration{"slow": 25 * time.Second})
			ann := s.client("Ann")
			ann.ask("slow")
			s.Pass(25 * time.Second)
			ann.mustHear("re: slow")
		})
	})
}

// Clients that ask, and do not listen (net.Conn, SetWriteDeadline).
func TestDeaf(t *testing.T) {
	limits := stream.Limits{Idle: 10 * time.Second}
	handle := func(s *serving) stream.Handler {
		return func(b, query []byte) ([]byte, bool) {
			if string(query) == "slow" {
				<-time.After(4 * time.Second)
			}
			return append(b, long(60000)...), true
		}
	}
	for _, tt := range []struct {
		query string
		at    time.Duration // of the response
	}{
		{"quick", 0}, {"slow", 4 * time.Second},
	} {
		t.Run(fmt.Sprintf("a response of 60000 octets, ready after %v", tt.at), func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				b.Net.Buffer = 4096
				s := start(b, limits, nil)
				s.handle = handle(s)
				ann := s.dial("Ann")
				ann.ask(tt.query)
				ann.mustEnd(tt.at+limits.Idle, fmt.Sprintf("its response was ready at %v, and it has not taken it", tt.at))
			})
		})
	}
	t.Run("it takes a hundred octets every three seconds", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			b.Net.Buffer = 4096
			s := start(b, limits, nil)
			s.handle = handle(s)
			ann := s.dial("Ann")
			ann.ask("slow")
			s.Go("Ann", func() error {
				for buf := make([]byte, 100); ; {
					<-time.After(3 * time.Second)
					if _, err := ann.conn.Read(buf); err != nil {
						return nil
					}
				}
			})
			ann.mustEnd(14*time.Second, "its response was ready at 4s, and it has not taken all of it")
		})
	})
	t.Run("it goes on asking, one query at a time", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			b.Net.Buffer = 4096
			s := start(b, stream.Limits{Idle: limits.Idle, Queue: 1}, nil)
			s.handle = handle(s)
			ann := s.dial("Ann")
			ann.ask("quick")
			for range 3 {
				s.Pass(3 * time.Second)
				ann.ask("quick")
			}
			ann.mustEnd(limits.Idle, "its first response was ready at 0s, and it has not taken it, whatever it asks")
		})
	})
	t.Run("more responses are ready, and it has not taken the first", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			b.Net.Buffer = 4096
			s := start(b, limits, nil)
			s.handle = handle(s)
			ann := s.dial("Ann")
			ann.ask("quick", "slow", "slow", "slow", "slow", "slow")
			<-time.After(4 * time.Second)
			// Who waits for a lock stops the clock, and Wait: so let them all get
			// there, and then have Ann take everything.
			for spins := 0; spins < 2000; spins++ {
				runtime.Gosched()
				if s.inside.Load() > 0 {
					spins = 0
				}
			}
			ann.listen()
			s.Wait()
			if moved := s.moved.Load(); moved != nil {
				s.Fatalf("%s\nThe first response for Ann was ready at 0s, and five more at 4s. She takes none.\nWhile a Write to her was under way, its deadline was moved from %v to %v.\nWant it left at %[2]v: there is one write deadline for all Writes of a connection, so\nthat a client which goes on asking, and takes nothing, would never be closed.", s.title(), span(moved.from), span(moved.to))
			}
			responses := make([]string, 6)
			for i := range responses {
				responses[i] = long(60000)
			}
			ann.mustHear(responses...)
		})
	})
	t.Run("it takes the response at the last moment, and goes on", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			b.Net.Buffer = 4096
			s := start(b, limits, nil)
			s.handle = handle(s)
			ann := s.dial("Ann")
			ann.ask("quick")
			s.Pass(limits.Idle - time.Millisecond)
			ann.listen()
			ann.mustHear(long(60000))
			ann.ask("quick")
			ann.mustHear(long(60000))
		})
	})
}

// More clients than there may be (RFC 7766, section 6.2.2; RFC 9210, section 4.2).
func TestConns(t *testing.T) {
	t.Run("two, and a third", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, stream.Limits{Idle: time.Hour, Conns: 2}, echo)
			ann, bob, eve := s.client("Ann"), s.client("Bob"), s.client("Eve")
			for _, c := range []*client{ann, bob} {
				c.ask("hello")
				c.mustHear("re: hello")
			}
			eve.ask("hello")
			eve.mustHear()
			s.mustNotCrowd(2)
			s.Pass(time.Minute)
			bob.ask("are you still there?")
			bob.mustHear("re: are you still there?")
			ann.conn.Close()
			eve.mustHear("re: hello")
			eve.conn.CloseWrite()
			s.client("Dan").askAndHear("hello")
			s.mustNotCrowd(2)
		})
	})
	t.Run("one that stays for as long as Idle lets it, and another", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, stream.Limits{Idle: 10 * time.Second, Conns: 1}, echo)
			s.client("Ann")
			bob := s.client("Bob")
			bob.ask("hello")
			s.Pass(10*time.Second - time.Millisecond)
			bob.mustHear()
			s.Pass(time.Millisecond)
			bob.mustHear("re: hello")
			s.mustNotCrowd(1)
		})
	})
	t.Run("one that has ended its side, and waits for its response, and another", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, stream.Limits{Idle: time.Hour, Conns: 1}, nil)
			s.handle = s.slow(map[string]time.Duration{"slow": 3 * time.Second})
			ann := s.client("Ann")
			ann.ask("slow")
			ann.conn.CloseWrite()
			bob := s.client("Bob")
			bob.ask("hello")
			s.Pass(time.Second)
			s.mustNotCrowd(1)
			bob.mustHear()
			s.Pass(2 * time.Second)
			ann.mustHear("re: slow")
			bob.mustHear("re: hello")
			s.mustNotCrowd(1)
		})
	})
	t.Run("a hundred, and one more", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := start(b, stream.Limits{Idle: time.Hour}, echo)
			var all []*client
			for range 100 {
				all = append(all, s.dial("others"))
			}
			bob := s.client("Bob")
			bob.ask("hello")
			bob.mustHear()
			s.mustNotCrowd(100)
			all[17].conn.Close()
			bob.mustHear("re: hello")
		})
	})
}

// Handlers that panic (builtin, recover).
func TestPanic(t *testing.T) {
	handle := func(b, query []byte) ([]byte, bool) {
		if string(query) == "panic" {
			panic("rule 14: this handler panics on purpose, and Serve has to live with it")
		}
		return echo(b, query)
	}
	t.Run("one does, and there are others", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b, stream.Limits{Conns: 3}, handle)
			ann, bob := s.client("Ann"), s.client("Bob")
			ann.askAndHear("hello")
			bob.askAndHear("hello")
			s.panics(func() { ann.ask("panic") })
			bob.askAndHear("are you still there?")
			s.client("Eve").askAndHear("and you?")
		})
	})
	t.Run("more of them than there are places", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b, stream.Limits{Conns: 2, Queue: 2}, handle)
			for range 5 {
				c := s.dial("others")
				s.panics(func() { c.ask("panic", "panic", "panic") })
				c.conn.Close()
				s.Wait()
			}
			s.client("Bob").askAndHear("are you still there?")
		})
	})
}

// Accept fails, and then works again (net/http, Server.Serve).
func TestAcceptFails(t *testing.T) {
	t.Run("once", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := start(b, stream.Limits{}, echo)
			s.Pass(5 * time.Second)
			s.ln.Fail(syscall.EMFILE, 1)
			ann := s.client("Ann")
			ann.ask("hello")
			s.Pass(100 * time.Millisecond)
			ann.mustHear("re: hello")
		})
	})
	t.Run("for ten seconds", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := start(b, stream.Limits{Idle: time.Hour, Conns: 3}, echo)
			ann := s.client("Ann")
			ann.askAndHear("hello")
			s.exhaust()
			bob := s.client("Bob")
			bob.ask("hello")
			s.Pass(10 * time.Second)
			ann.askAndHear("are you still there?")
			switch calls, longest := s.accepts(); {
			case calls > 250:
				s.Fatalf("Accept failed for 10s, and was called %d times, once in %v on average.\nWant 250 at most: a pause after each failure, which may grow to a second.", calls, (10 * time.Second / time.Duration(calls)).Round(time.Microsecond))
			case longest > time.Second:
				s.Fatalf("Accept failed for 10s, and was called %d times, once after a pause of %v.\nWant none longer than a second: somebody waits to be let in.", calls, longest)
			}
			s.recover()
			s.Pass(time.Second)
			bob.mustHear("re: hello")
			s.Pass(time.Second)
			s.ln.Fail(syscall.EMFILE, 1)
			eve := s.client("Eve")
			eve.ask("hello")
			s.Pass(100 * time.Millisecond)
			eve.mustHear("re: hello")
		})
	})
}

// The time to stop (context, AfterFunc).
func TestStop(t *testing.T) {
	for _, tt := range []struct {
		why    string
		limits stream.Limits
		do     func(s *serving) // before it stops, at 5s
		at     time.Duration    // when Serve returns
	}{
		{"nobody is there", stream.Limits{}, func(*serving) {}, 5 * time.Second},
		{"clients say nothing, or half a query", stream.Limits{Idle: time.Hour}, func(s *serving) {
			s.client("Ann")
			s.client("Bob").send("\x00\x10half")
		}, 5 * time.Second},
		{"there are as many as there may be, and another waits", stream.Limits{Idle: time.Hour, Conns: 1}, func(s *serving) {
			s.client("Ann")
			s.client("Bob")
		}, 5 * time.Second},
		{"a client takes no response", stream.Limits{Idle: time.Hour}, func(s *serving) { s.dial("Ann").ask("long") }, 5 * time.Second},
		{"Accept fails", stream.Limits{}, func(s *serving) { s.exhaust() }, 5 * time.Second},
		{"a handler takes three seconds more", stream.Limits{Idle: time.Hour}, func(s *serving) { s.client("Ann").ask("slow") }, 8 * time.Second},
		{"handlers are at work, and more queries wait", stream.Limits{Idle: time.Hour, Queue: 1}, func(s *serving) { s.client("Ann").ask("slow", "quick", "quick") }, 8 * time.Second},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 16, func(b *bubble.B) {
				b.Net.Buffer = 4096
				s := start(b, tt.limits, func(b, query []byte) ([]byte, bool) {
					switch string(query) {
					case "slow":
						<-time.After(8 * time.Second)
					case "long":
						return append(b, long(60000)...), true
					}
					return echo(b, query)
				})
				tt.do(s)
				s.Pass(5 * time.Second)
				s.stop()
				for _, c := range s.clients {
					c.mustEnd(5*time.Second, "ctx is done")
				}
				s.mustReturn(tt.at, nil)
				s.mustLeaveNothing()
			})
		})
	}
	t.Run("Accept returns a client at that moment", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := prepare(b, stream.Limits{Idle: time.Hour}, echo)
			s.accepted = func() {
				s.Net.Note("ctx is cancelled, and Accept returns a client")
				s.cancel()
			}
			s.client("Ann")
			s.begin(b.Context())
			s.mustReturn(0, nil)
			s.mustLeaveNothing()
		})
	})
	t.Run("twenty clients came, asked and left", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := start(b, stream.Limits{Idle: time.Hour}, echo)
			before := bubble.Goroutines()
			for i := range 20 {
				c := s.dial("others")
				c.ask("hello")
				if i%2 == 0 {
					c.conn.SetLinger(0) // leaves with a reset
				}
				c.conn.Close()
			}
			s.Wait()
			if more := bubble.Goroutines() - before; more >= 10 {
				s.Fatalf("%s\nTwenty clients came, asked and left. Since then, there are %d goroutines more.\nWant nothing left of them.\n\n%s", s.title(), more, s.state())
			}
			s.Pass(2 * time.Hour) // timers may hold them for as long as Idle
			if n := s.reachable(); n >= 10 {
				s.Fatalf("%s\nTwenty clients came, asked and left. Of %d of their connections, which are closed,\nthe memory cannot be freed even two hours later. Want nothing left of them: what\nholds on to a connection, in a map or with context.AfterFunc, has to let go of it\nwhen that is closed.", s.title(), n)
			}
		})
	})
	for _, tt := range []struct {
		why string
		do  func(s *serving)
	}{
		{"nobody is there", func(*serving) {}},
		{"clients say nothing", func(s *serving) { s.client("Ann"); s.client("Bob"); s.Wait() }},
		{"a client takes no response", func(s *serving) { s.dial("Ann").ask("long") }},
		{"Accept fails", func(s *serving) { s.exhaust() }},
		{"a client leaves at that moment", func(s *serving) {
			ann := s.client("Ann")
			s.Wait()
			ann.conn.Close()
		}},
	} {
		for _, what := range []string{"the listener", "a connection"} {
			t.Run(tt.why+", and who closes "+what+" is slow", func(t *testing.T) {
				oneAtATime(t)
				bubble.Run(t, 16, func(b *bubble.B) {
					b.Net.Buffer = 4096
					s := start(b, stream.Limits{Idle: time.Hour}, func(b, query []byte) ([]byte, bool) { return append(b, long(60000)...), true })
					s.Pass(5 * time.Second)
					tt.do(s)
					s.slowed.Store(&what)
					s.Net.Note("ctx is cancelled")
					s.cancel()
					s.mustReturn(5*time.Second, nil)
					if left := s.left.Load(); left != nil {
						s.Fatalf("%s\nreturned nil. A goroutine that it started was not over yet: it had called, or was\nabout to call, %s.\n%s", s.title(), *left, afterwards("Serve"))
					}
					s.mustLeaveNothing()
				})
			})
		}
	}
	t.Run("ctx is done before anything began", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			s := prepare(b, stream.Limits{}, echo)
			s.client("Ann")
			s.begin(ctx)
			s.mustReturn(0, nil)
			s.mustLeaveNothing()
		})
	})
}

// Somebody else closes the listener (net, ErrClosed).
func TestListenerClosed(t *testing.T) {
	for _, clients := range []int{0, 1} {
		t.Run(fmt.Sprintf("while there are %d clients", clients), func(t *testing.T) {
			bubble.Run(t, 17, func(b *bubble.B) {
				s := start(b, stream.Limits{Idle: time.Hour}, echo)
				for range clients {
					s.client("Ann").askAndHear("hello")
				}
				s.Pass(5 * time.Second)
				s.Net.Note("somebody closes ln")
				s.ln.Listener.Close()
				s.mustReturn(5*time.Second, net.ErrClosed)
				s.mustLeaveNothing()
			})
		})
	}
}

// Exchange is given real queries, and responses with anything behind the header.

// Responses over UDP (RFC 7766, section 5; RFC 6891, section 6.2.3).
func TestExchange(t *testing.T) {
	for _, size := range []int{12, 40, 512, 513, 1232, 4097, 65507} {
		part(t, fmt.Sprintf("a response of %d octets", size), func(t *testing.T) {
			bubble.Run(t, 18, func(b *bubble.B) {
				s := listen(b)
				want := s.response(size, 0)
				s.overUDP = func(say func(...string)) { say(want) }
				s.ask(b.Context()).mustAnswer(want, 0)
				s.mustBeAsked("udp")
			})
		})
	}
	part(t, "a response of 65527 octets, the most that IPv6 can carry", func(t *testing.T) {
		bubble.Run(t, 18, func(b *bubble.B) {
			s := listen(b)
			s.long = s.response(65527, 0)
			s.overUDP = func(say func(...string)) { say(s.response(12, 0)) }
			b.Net.Note("a datagram of the server's stands for one of 65527 octets, as over IPv6")
			s.ask(b.Context()).mustAnswer(s.long, 0)
			s.mustBeAsked("udp")
		})
	})
	part(t, "it takes its time", func(t *testing.T) {
		bubble.Run(t, 18, func(b *bubble.B) {
			s := listen(b)
			want := s.response(40, 0)
			s.overUDP = func(say func(...string)) {
				<-time.After(time.Hour)
				say(want)
			}
			s.ask(b.Context()).mustAnswer(want, time.Hour)
			s.mustBeAsked("udp")
		})
	})
	part(t, "two of them", func(t *testing.T) {
		bubble.Run(t, 18, func(b *bubble.B) {
			s := listen(b)
			responses := []string{s.response(40, 0) + "first", s.response(40, 0) + "other"}
			s.overUDP = func(say func(...string)) { say(responses[len(s.asked)-1]) }
			first := s.ask(b.Context())
			first.mustAnswer(responses[0], 0)
			s.ask(b.Context()).mustAnswer(responses[1], 0)
			if string(first.response) != responses[0] {
				b.Fatalf("Exchange returned a response. It was called again, and now the first\nresponse reads otherwise.\n%s", compare("reads", string(first.response), responses[0]))
			}
		})
	})
}

// Datagrams that are no response to the query (RFC 5452, section 9.1).
func TestPassedOver(t *testing.T) {
	for _, tt := range []struct {
		why    string
		change func(msg []byte) []byte
	}{
		{"another id, by its first octet", func(msg []byte) []byte { msg[0] ^= 0x80; return msg }},
		{"another id, by its second octet", func(msg []byte) []byte { msg[1] ^= 1; return msg }},
		{"another id, and TC set", func(msg []byte) []byte { msg[1] ^= 1; msg[2] |= tc; return msg }},
		{"a query: QR is 0", func(msg []byte) []byte { msg[2] &^= qr; return msg }},
		{"a query, with TC set: QR is 0", func(msg []byte) []byte { msg[2] = msg[2]&^qr | tc; return msg }},
		{"eleven octets, too few for a header", func(msg []byte) []byte { return msg[:11] }},
		{"no octet at all", func(msg []byte) []byte { return nil }},
	} {
		part(t, tt.why, func(t *testing.T) {
			bubble.Run(t, 19, func(b *bubble.B) {
				s := listen(b)
				want := s.response(40, 0)
				s.overUDP = func(say func(...string)) {
					wrong := string(tt.change([]byte(s.response(50, 0))))
					for range 3 {
						say(wrong)
					}
					<-time.After(2 * time.Second)
					say(wrong, want)
				}
				s.ask(b.Context()).mustAnswer(want, 2*time.Second)
				s.mustBeAsked("udp")
			})
		})
	}
}

// Responses with TC, and without (RFC 2181, section 9).
func TestTruncated(t *testing.T) {
	for _, tt := range []struct {
		why       string
		truncated func(s *remote) string
		size      int // of the response over TCP
		flags     byte
	}{
		{"a header with TC alone, then 700 octets", func(s *remote) string { return s.response(12, tc) }, 700, 0},
		{"512 octets with TC, then the most there can be", func(s *remote) string { return s.response(512, tc) }, 65535, 0},
		{"TC among other flags", func(s *remote) string { return s.response(40, tc|4|1) }, 40, 4 | 1},
		{"TC over TCP as well", func(s *remote) string { return s.response(12, tc) }, 700, tc},
	} {
		part(t, tt.why, func(t *testing.T) {
			bubble.Run(t, 20, func(b *bubble.B) {
				s := listen(b)
				want := s.response(tt.size, tt.flags)
				s.overUDP = func(say func(...string)) { say(tt.truncated(s)) }
				s.overTCP = func(conn net.Conn) { io.WriteString(conn, frame(want)) }
				s.ask(b.Context()).mustAnswer(want, 0)
				s.mustBeAsked("udp", "tcp")
			})
		})
	}
	part(t, "all flags but TC", func(t *testing.T) {
		bubble.Run(t, 20, func(b *bubble.B) {
			s := listen(b)
			want := s.response(40, 0xff&^tc)
			s.overUDP = func(say func(...string)) { say(want) }
			s.ask(b.Context()).mustAnswer(want, 0)
			s.mustBeAsked("udp")
		})
	})
	part(t, "over TCP, octet by octet", func(t *testing.T) {
		bubble.Run(t, 20, func(b *bubble.B) {
			s := listen(b)
			want := s.response(60, 0)
			b.Net.Disturb(memnet.From(s.ln.Addr()), memnet.MustParse("chop 1"))
			s.overUDP = func(say func(...string)) { say(s.response(12, tc)) }
			s.overTCP = func(conn net.Conn) { io.WriteString(conn, frame(want)) }
			s.ask(b.Context()).mustAnswer(want, 0)
		})
	})
}

// What comes over TCP and is no response (RFC 7766, section 7; io, ErrUnexpectedEOF).
func TestWrongOverTCP(t *testing.T) {
	whole := func(change func(msg []byte) []byte) func(msg []byte) string {
		return func(msg []byte) string { return frame(string(change(msg))) }
	}
	for _, tt := range []struct {
		why  string
		sent func(msg []byte) string
		want error
	}{
		{"the server closes the connection, and says nothing", func([]byte) string { return "" }, io.ErrUnexpectedEOF},
		{"half a length, and the end", func([]byte) string { return "\x00" }, io.ErrUnexpectedEOF},
		{"a length, and the end", func([]byte) string { return "\x00\x28" }, io.ErrUnexpectedEOF},
		{"a response without its last octet", func(msg []byte) string { f := frame(string(msg)); return f[:len(f)-1] }, io.ErrUnexpectedEOF},
		{"a response with another id", whole(func(msg []byte) []byte { msg[1] ^= 1; return msg }), stream.ErrReply},
		{"a query: QR is 0", whole(func(msg []byte) []byte { msg[2] &^= qr; return msg }), stream.ErrReply},
		{"eleven octets, too few for a header", whole(func(msg []byte) []byte { return msg[:11] }), stream.ErrReply},
		{"a message of no octet", whole(func(msg []byte) []byte { return nil }), stream.ErrReply},
	} {
		part(t, tt.why, func(t *testing.T) {
			bubble.Run(t, 21, func(b *bubble.B) {
				s := listen(b)
				s.overUDP = func(say func(...string)) { say(s.response(12, tc)) }
				s.overTCP = func(conn net.Conn) { io.WriteString(conn, tt.sent([]byte(s.response(40, 0)))) }
				s.ask(b.Context()).mustFail(0, tt.want)
			})
		})
	}
}

// Contexts that end, and networks that fail (context, AfterFunc; net, OpError).
func TestExchangeEnds(t *testing.T) {
	nothing := func(func(...string)) {}
	truncated := func(s *remote) { s.overUDP = func(say func(...string)) { say(s.response(12, tc)) } }
	for _, tt := range []struct {
		why   string
		setUp func(s *remote)
	}{
		{"nothing comes over UDP", func(s *remote) { s.overUDP = nothing }},
		{"datagrams come that are no response, one a second", func(s *remote) {
			s.overUDP = func(say func(...string)) {
				for range 60 {
					<-time.After(time.Second)
					say("")
				}
			}
		}},
		{"the server of TCP is out of reach", func(s *remote) {
			truncated(s)
			s.ln.Close()
			s.Net.Silence(s.addr)
		}},
		{"nothing comes over TCP", func(s *remote) {
			truncated(s)
			s.overTCP = func(conn net.Conn) { <-s.Context().Done() }
		}},
		{"half a response comes over TCP", func(s *remote) {
			truncated(s)
			s.overTCP = func(conn net.Conn) { io.WriteString(conn, "\x01\x00half"); <-s.Context().Done() }
		}},
	} {
		for _, how := range []error{context.DeadlineExceeded, context.Canceled} {
			part(t, fmt.Sprintf("%s: %v", tt.why, how), func(t *testing.T) {
				bubble.Run(t, 22, func(b *bubble.B) {
					s := listen(b)
					tt.setUp(s)
					const limit = 5*time.Second + time.Millisecond
					ctx, cancel := context.WithTimeout(b.Context(), limit)
					if how == context.Canceled {
						cancel()
						ctx, cancel = context.WithCancel(b.Context())
						time.AfterFunc(limit, cancel)
					}
					defer cancel()
					s.ask(ctx).mustFail(limit, how)
				})
			})
		}
	}
	part(t, "ctx is done before anything began", func(t *testing.T) {
		bubble.Run(t, 22, func(b *bubble.B) {
			s := listen(b)
			s.overUDP = func(say func(...string)) { say(s.response(40, 0)) }
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			s.ask(ctx).mustFail(0, context.Canceled)
			s.mustBeAsked()
		})
	})
	for _, tt := range []struct {
		why   string
		setUp func(s *remote)
		want  error
	}{
		{"dial fails for UDP", func(s *remote) { s.broken = "udp" }, errBroken},
		{"dial fails for TCP", func(s *remote) { truncated(s); s.broken = "tcp" }, errBroken},
		{"nobody is there: ICMP, port unreachable", func(s *remote) { s.pc.Close() }, syscall.ECONNREFUSED},
		{"nobody listens for TCP", func(s *remote) { truncated(s); s.ln.Close() }, syscall.ECONNREFUSED},
		{"TCP is reset", func(s *remote) {
			truncated(s)
			s.overTCP = func(conn net.Conn) { conn.(*memnet.Conn).SetLinger(0) }
		}, syscall.ECONNRESET},
	} {
		part(t, tt.why, func(t *testing.T) {
			bubble.Run(t, 22, func(b *bubble.B) {
				s := listen(b)
				tt.setUp(s)
				s.ask(b.Context()).mustFail(0, tt.want)
			})
		})
	}
}

// Contexts that end, of which others hear slowly (context, AfterFunc).
func TestNothingLeft(t *testing.T) {
	for _, over := range []string{"udp", "tcp"} {
		for _, tt := range []struct {
			why string
			do  func(answer, cancel func())
		}{
			{"in a wait", func(_, cancel func()) { <-time.After(time.Second); cancel() }},
			{"as a response comes", func(answer, cancel func()) { answer(); cancel() }},
		} {
			part(t, "over "+over+", "+tt.why, func(t *testing.T) {
				oneAtATime(t)
				bubble.Run(t, 22, func(b *bubble.B) {
					s := listen(b)
					ctx, cancel := context.WithCancel(b.Context())
					cancelled := func() {
						s.Net.Note("ctx is cancelled")
						cancel()
					}
					s.overUDP = func(say func(...string)) { tt.do(func() { say(s.response(40, 0)) }, cancelled) }
					if over == "tcp" {
						s.overUDP = func(say func(...string)) { say(s.response(12, tc)) }
						s.overTCP = func(conn net.Conn) {
							tt.do(func() { io.WriteString(conn, frame(s.response(40, 0))) }, cancelled)
							<-s.Context().Done()
						}
					}
					s.slowed.Store(new("the socket"))
					c := s.ask(ctx)
					c.mustReturn(time.Second, "a response, or an error that is context.Canceled")
					if errors.Is(c.err, todo.Err) {
						s.Fatalf("%s\nreturned %s", title, outcome(c.response, c.err))
					}
					if left := s.left.Load(); left != nil {
						s.Fatalf("%s\nreturned %s.\nA goroutine that it started was not over yet: it had called, or was about to\ncall, %s.\n%s", title, outcome(c.response, c.err), *left, afterwards("Exchange"))
					}
					c.mustBeGone()
				})
			})
		}
	}
}

// Serve with the kernel's network, your own dns/respond and dns/zone behind it, and
// a client that others wrote (RFC 7766, section 6.2.1.1).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 23, func(l *loopback.L) {
		z, err := zone.Parse(strings.NewReader(zoneFile()), "example.")
		if err != nil {
			l.Fatalf("your own dns/zone, which shall answer here, says: %v", err)
		}
		handle := func(b, query []byte) ([]byte, bool) { return respond.Respond(b, query, respond.TCP, z.Lookup) }
		ctx, stop := context.WithCancel(l.Context())
		defer stop()
		ln := l.Listen()
		conn := &dns.Conn{Conn: l.Dial(ln.Addr())}
		call := l.Go("Serve(ctx, ln, handle, Limits{})", func() error {
			defer conn.Close() // so that nobody waits for responses any more
			return stream.Serve(ctx, ln, handle, stream.Limits{})
		})
		asked := map[uint16]string{}
		for i := range records {
			q := new(dns.Msg)
			q.SetQuestion(fmt.Sprintf("host%d.example.", i+1), dns.TypeA)
			q.Id = uint16(1000 + i)
			asked[q.Id] = fmt.Sprintf("192.0.2.%d", i+1)
			if err := conn.WriteMsg(q); err != nil {
				l.Fatalf("The client of miekg/dns cannot send query %d of %d: %v%s", i+1, records, err, ifOver(call))
			}
		}
		for len(asked) > 0 {
			m, err := conn.ReadMsg()
			if err != nil {
				l.Fatalf("The client of miekg/dns has sent %d queries, and waits for %d responses more.\nIt says: %v%s", records, len(asked), err, ifOver(call))
			}
			if want := asked[m.Id]; want == "" || len(m.Answer) != 1 || !strings.HasSuffix(m.Answer[0].String(), want) {
				l.Fatalf("The client of miekg/dns asked for an address, with id %d, and received this:\n\n%v\n\nYour own dns/respond and dns/zone are behind Serve.\nwant the address %s", m.Id, m, want)
			}
			delete(asked, m.Id)
		}
		stop()
		if err := call.Wait(); err != nil {
			l.Fatalf("ctx is done, and Serve returned %s\nwant nil", errName(err))
		}
		l.MustBeQuiet()
	})
}

// records is how many there are of each kind.
const records = 60

// zoneFile has addresses for host1.example. and so on.
func zoneFile() string {
	var b strings.Builder
	b.WriteString("@ 300 IN SOA ns.example. hostmaster.example. 1 3600 600 86400 300\n@ 300 IN NS ns.example.\nns 300 IN A 192.0.2.253\n")
	for i := range records {
		fmt.Fprintf(&b, "host%d 300 IN A 192.0.2.%d\n", i+1, i+1)
	}
	return b.String()
}

// ifOver says what Serve returned, if it did.
func ifOver(call *loopback.Call) string {
	if !call.Returned() {
		return ""
	}
	return "\nServe has returned " + errName(call.Wait()) + "."
}

// Exchange with the kernel's network, and a server that others wrote, whose
// response is too long for UDP (RFC 2181, section 9).
func TestExchangeLoopback(t *testing.T) {
	loopback.Run(t, 23, func(l *loopback.L) {
		ln := l.Listen()
		pc, err := net.ListenPacket("udp4", ln.Addr().String())
		if err != nil {
			return // somebody else has that port for UDP
		}
		l.Cleanup(func() { pc.Close() })
		servers := []*dns.Server{{PacketConn: pc, Handler: answerLong(dns.MinMsgSize)}, {Listener: ln, Handler: answerLong(dns.MaxMsgSize)}}
		for _, s := range servers {
			started := make(chan struct{})
			s.NotifyStartedFunc = func() { close(started) }
			l.Go("the server of miekg/dns", s.ActivateAndServe)
			<-started
		}
		q := new(dns.Msg)
		q.SetQuestion("example.", dns.TypeTXT)
		query, _ := q.Pack()
		var d net.Dialer
		response, err := stream.Exchange(l.Context(), d.DialContext, ln.Addr().String(), query)
		m := new(dns.Msg)
		if err != nil || m.Unpack(response) != nil || m.Id != q.Id || m.Truncated || len(m.Answer) != records {
			l.Fatalf("Exchange(ctx, dial, server, query), where a server of miekg/dns truncates over UDP\nreturned %s\nwant     what it says over TCP, with %d records", outcome(response, err), records)
		}
		for _, s := range servers {
			s.Shutdown()
		}
		l.MustBeQuiet()
	})
}

// answerLong is a handler of miekg/dns.
func answerLong(most int) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		for i := range records {
			m.Answer = append(m.Answer, &dns.TXT{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{fmt.Sprintf("record %d", i+1)}})
		}
		m.Truncate(most)
		w.WriteMsg(m)
	}
}

// Messages.

// frame is what stands on the wire: each message behind its length.
func frame(messages ...string) string {
	var b []byte
	for _, msg := range messages {
		b = binary.BigEndian.AppendUint16(b, uint16(len(msg)))
		b = append(b, msg...)
	}
	return string(b)
}

// split takes whole messages from what was heard; rest is what is left.
func split(heard string) (messages []string, rest string) {
	for len(heard) >= 2 {
		n := int(binary.BigEndian.Uint16([]byte(heard)))
		if len(heard) < 2+n {
			break
		}
		messages = append(messages, heard[2:2+n])
		heard = heard[2+n:]
	}
	return messages, heard
}

// long is a text of that length in which no two places look the same.
func long(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%d, ", b.Len())
	}
	return b.String()[:n]
}

// write and read call the learner's code.
func write(r *rule.R, w io.Writer, msg string) (err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Write(w, msg), msg has %s", octets(msg)) }, func() { err = stream.Write(w, []byte(msg)) })
	return err
}

func read(r *rule.R, in io.Reader, sent string) (msg []byte, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Read(r), where r has %s", octets(sent)) }, func() { msg, err = stream.Read(in) })
	return msg, err
}

func mustRead(r *rule.R, what string, msg []byte, err error, want string) {
	r.T().Helper()
	if err != nil {
		r.Fatalf("Read(r) %s\nreturned the error: %v\nwant %s", what, err, octets(want))
	}
	if string(msg) != want {
		r.Fatalf("Read(r) %s\n%s", what, compare("returned", string(msg), want))
	}
}

// compare says where octets differ: short ones in full, long ones by their length
// and their first difference.
func compare(did, got, want string) string {
	if len(got)+len(want) < 100 {
		return fmt.Sprintf("%s\n%s\nwant\n%s", did, indent(got), indent(want))
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	text := fmt.Sprintf("%s %d octets\n%-*s %d", did, len(got), len(did), "want", len(want))
	if at == min(len(got), len(want)) {
		return text + "; as far as both go, they are the same"
	}
	return text + fmt.Sprintf("; the first that differs is octet %d: %02x\n%*swant %02x", at, got[at], len(text)-strings.LastIndexByte(text, '\n')+len("; the first that differs is octet : ")+len(fmt.Sprint(at))-len("want ")-1, "", want[at])
}

func indent(octets string) string {
	if octets == "" {
		return "  nothing"
	}
	return strings.TrimRight(wire.Bytes([]byte(octets)).Dump(), "\n")
}

// octets is the hex of a text, without the middle of a long one.
func octets(text string) string {
	switch n := len(text); {
	case n == 0:
		return "no octet"
	case n > 16:
		return fmt.Sprintf("% x … (%d octets)", text[:8], n)
	}
	return fmt.Sprintf("% x", text)
}

// outcome is what a call returned.
func outcome(msg []byte, err error) string {
	if err != nil {
		return errName(err)
	}
	return octets(string(msg)) + ", and no error"
}

// errName is how Go code calls an error, or else its text.
func errName(err error) string {
	for name, e := range map[string]error{
		"nil": nil, "io.EOF": io.EOF, "io.ErrUnexpectedEOF": io.ErrUnexpectedEOF,
		"context.Canceled": context.Canceled, "context.DeadlineExceeded": context.DeadlineExceeded,
	} {
		if err == e {
			return name
		}
	}
	for name, e := range map[string]error{
		"ErrTooLong": stream.ErrTooLong, "ErrReply": stream.ErrReply, "net.ErrClosed": net.ErrClosed,
		"syscall.ECONNREFUSED": syscall.ECONNREFUSED, "syscall.ECONNRESET": syscall.ECONNRESET,
	} {
		if errors.Is(err, e) {
			return "an error that is " + name
		}
	}
	return fmt.Sprintf("the error %q", err)
}

var errBroken = errors.New("broken for this test")

// lazy gives 0 octets and no error at every other Read.
type lazy struct {
	r    io.Reader
	idle bool
}

func (l *lazy) Read(b []byte) (int, error) {
	if l.idle = !l.idle; l.idle {
		return 0, nil
	}
	return l.r.Read(b)
}

// counter notes how much each Write brings.
type counter struct {
	writes []int
	err    error
}

func (c *counter) Write(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	c.writes = append(c.writes, len(b))
	return len(b), nil
}

// Serve, and its clients.

const re = "re: "

// echo is a handler.
func echo(b, query []byte) ([]byte, bool) { return append(append(b, re...), query...), true }

// serving is a call of Serve, and its listener.
type serving struct {
	*bubble.B
	ln      listener
	limits  stream.Limits
	handle  stream.Handler
	handled atomic.Int64           // calls of it
	inside  atomic.Int64           // that have not returned
	damage  atomic.Pointer[string] // what a handler found changed that was its own
	clients []*client
	deaf    atomic.Bool // no client reads

	call     *bubble.Call
	cancel   context.CancelFunc
	over     chan struct{} // closed when Serve is over
	returned time.Duration // when that was

	accepted func() // is called when Accept returns a client
	slowness

	late       atomic.Int64 // calls of Accept that failed when the test was over
	mu         sync.Mutex
	work       []string                 // queries that handlers are at work on
	open, most int                      // connections that were accepted and are not closed
	ended      map[string]time.Duration // when Serve closed which, by the client's address
	all        []weak.Pointer[accepted] // every connection that was accepted
	moved      atomic.Pointer[moved]    // a write deadline, while a Write was under way

	exhausted bool
	calls     int           // of Accept, since exhaust
	failures  int           // without an Accept that worked in between
	failing   bool          // the last one failed
	failedAt  time.Duration // when the last failure was
	longest   time.Duration // pause from a failure to the next call
}

// start calls Serve, with a context that stop cancels.
func start(b *bubble.B, limits stream.Limits, handle stream.Handler) *serving {
	s := prepare(b, limits, handle)
	s.begin(b.Context())
	return s
}

// prepare makes what Serve needs.
func prepare(b *bubble.B, limits stream.Limits, handle stream.Handler) *serving {
	ln, err := b.Net.Listen("127.0.0.1:53")
	if err != nil {
		b.Fatalf("the test cannot listen: %v", err)
	}
	b.Net.Name(ln.Addr(), "you")
	b.Net.Describe = describe
	s := &serving{B: b, limits: limits, handle: handle, over: make(chan struct{}), ended: map[string]time.Duration{}}
	s.ln = listener{ln, s}
	return s
}

// begin calls Serve.
func (s *serving) begin(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.call = s.Go(s.title(), func() error {
		defer close(s.over)
		s.isQuick()
		err := stream.Serve(ctx, s.ln, s.handler, s.limits)
		s.gone.Store(true)
		s.returned = s.Elapsed()
		return err
	})
	s.Wait()
}

// handler is what Serve is given.
func (s *serving) handler(b, query []byte) ([]byte, bool) {
	s.handled.Add(1)
	s.inside.Add(1)
	defer s.inside.Add(-1)
	defer s.workOn(string(query))()
	if len(b) > 0 {
		words := fmt.Sprintf("handle(b, query) was called with %d octets in b: %s. Want none: what\nit appends is the whole response, and its length is your affair.", len(b), quote(string(b)))
		s.damage.CompareAndSwap(nil, &words)
	}
	return s.handle(b, query)
}

// workOn notes that a handler is at work, until what it returns is called.
func (s *serving) workOn(query string) (done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work = append(s.work, query)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		i := slices.Index(s.work, query)
		s.work = slices.Delete(s.work, i, i+1)
	}
}

// slow is a handler that takes its time for some queries.
func (s *serving) slow(took map[string]time.Duration) stream.Handler {
	return func(b, query []byte) ([]byte, bool) {
		if d := took[string(query)]; d > 0 {
			<-time.After(d)
		}
		return echo(b, query)
	}
}

// compare is for handlers: it keeps the first difference for the report.
func (s *serving) compare(asked, what string, got []byte, want string) {
	if string(got) != want {
		words := fmt.Sprintf("To the handler that is asked %s,\n%s\n  %s\nwant\n  %s", quote(asked), what, quote(string(got)), quote(want))
		s.damage.CompareAndSwap(nil, &words)
	}
}

// gate makes what handlers can wait at, until letGo is called.
func (s *serving) gate() (wait chan struct{}, letGo func()) {
	wait = make(chan struct{})
	letGo = sync.OnceFunc(func() { close(wait) })
	s.Cleanup(letGo)
	return wait, letGo
}

// panics calls f, which makes a handler panic. If that ends the process, what it
// prints says what happened.
func (s *serving) panics(f func()) {
	s.Do(func() string { return s.title() + ", whose handler panics" }, f)
}

// stop tells Serve to stop, once all has happened that can.
func (s *serving) stop() {
	s.Wait()
	s.Net.Note("ctx is cancelled")
	s.cancel()
	s.Wait()
}

// title says how Serve was called.
func (s *serving) title() string {
	var parts []string
	if s.limits.Idle != 0 {
		parts = append(parts, fmt.Sprintf("Idle: %v", span(s.limits.Idle)))
	}
	if s.limits.Conns != 0 {
		parts = append(parts, fmt.Sprintf("Conns: %d", s.limits.Conns))
	}
	if s.limits.Queue != 0 {
		parts = append(parts, fmt.Sprintf("Queue: %d", s.limits.Queue))
	}
	return "Serve(ctx, ln, handle, Limits{" + strings.Join(parts, ", ") + "})"
}

// exhaust makes Accept fail as if there were no more file descriptors, until
// recover is called.
func (s *serving) exhaust() {
	s.Wait()
	s.Net.Note("no file descriptor is left")
	s.mu.Lock()
	s.exhausted, s.calls, s.longest = true, 0, 0
	s.mu.Unlock()
	s.ln.Fail(syscall.EMFILE, 1) // for the call that waits
}

func (s *serving) recover() {
	s.Net.Note("there are file descriptors again")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.exhausted = false
}

// accepts returns how often Accept was called since exhaust, and the longest
// pause between a failure and the next call.
func (s *serving) accepts() (calls int, longest time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failures > shownFailures {
		s.Net.Note("until here, Accept was called %d times", s.calls)
	}
	return s.calls, s.longest
}

// listener is what Serve is given.
type listener struct {
	*memnet.Listener
	s *serving
}

func (l listener) Accept() (net.Conn, error) {
	l.s.isQuick()
	l.s.accepting()
	conn, err := l.Listener.Accept()
	if err != nil {
		l.s.failed(err)
		return nil, err
	}
	l.s.mu.Lock()
	l.s.failures = 0
	l.s.mu.Unlock()
	if l.s.accepted != nil {
		l.s.accepted()
	}
	return l.s.accept(conn.(*memnet.Conn)), nil
}

func (l listener) Close() error { return l.s.slowly("the listener's Close", l.Listener.Close) }

// accepting notes a call of Accept.
func (s *serving) accepting() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.failing {
		s.longest = max(s.longest, s.Elapsed()-s.failedAt)
		s.failing = false
	}
	if s.exhausted {
		s.ln.Fail(syscall.EMFILE, 1)
	}
}

// shownFailures of Accept are in the transcript, of those in a row.
const shownFailures = 4

// failed notes that a call of Accept failed. When the test is over, which closed
// the listener, Accept ends the goroutine of who calls it again and again: that
// is a matter for the tests of rules 16 and 17.
func (s *serving) failed(err error) {
	if s.Context().Err() != nil && s.late.Add(1) > 3 {
		runtime.Goexit()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var errno syscall.Errno
	if s.failures++; errors.As(err, &errno) && s.failures <= shownFailures {
		s.Net.Note("Accept fails: %v", errno)
	}
	s.failing, s.failedAt = true, s.Elapsed()
}

// accept notes a connection.
func (s *serving) accept(conn *memnet.Conn) net.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	s.most = max(s.most, s.open)
	a := &accepted{Conn: conn, s: s, closed: sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
		s.ended[conn.RemoteAddr().String()] = s.Elapsed()
	})}
	s.all = append(s.all, weak.Make(a))
	return a
}

// reachable counts the accepted connections that somebody can still reach.
func (s *serving) reachable() (n int) {
	runtime.GC()
	runtime.GC()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.all {
		if conn.Value() != nil {
			n++
		}
	}
	return n
}

// accepted is a connection that Accept has returned.
type accepted struct {
	*memnet.Conn
	s      *serving
	closed func()

	mu       sync.Mutex
	writing  int       // Writes under way
	deadline time.Time // of Writes
}

// moved says from when and to when a deadline was moved.
type moved struct{ from, to time.Duration }

// Write gives others a chance to write before its caller goes on.
func (a *accepted) Read(b []byte) (int, error) {
	a.s.isQuick()
	return a.Conn.Read(b)
}

func (a *accepted) Write(b []byte) (int, error) {
	a.count(1)
	n, err := a.Conn.Write(b)
	a.count(-1)
	for range 10 {
		runtime.Gosched()
	}
	return n, err
}

// count counts the Writes under way.
func (a *accepted) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing += n
}

func (a *accepted) SetDeadline(t time.Time) error {
	a.note(t)
	return a.s.slowly("a connection's SetDeadline", func() error { return a.Conn.SetDeadline(t) })
}

func (a *accepted) SetReadDeadline(t time.Time) error {
	return a.s.slowly("a connection's SetReadDeadline", func() error { return a.Conn.SetReadDeadline(t) })
}

func (a *accepted) SetWriteDeadline(t time.Time) error {
	a.note(t)
	return a.Conn.SetWriteDeadline(t)
}

// note notes a write deadline, and whether it is a later one for a Write that is
// under way.
func (a *accepted) note(t time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.writing > 0 && !a.deadline.IsZero() && t.After(a.deadline) {
		now := time.Now()
		at := func(t time.Time) time.Duration { return a.s.Elapsed() + t.Sub(now) }
		a.s.moved.CompareAndSwap(nil, &moved{at(a.deadline), at(t)})
	}
	a.deadline = t
}

func (a *accepted) Close() error {
	a.closed()
	return a.s.slowly("a connection's Close", a.Conn.Close)
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

// mustReturn wants Serve to return that error at that moment.
func (s *serving) mustReturn(at time.Duration, want error) {
	s.T().Helper()
	s.Pass(max(0, at-s.Elapsed()))
	var waits string // at that moment
	if !s.isOver() {
		waits = s.working() + "Who waited where at " + span(at) + ":\n\n" + waiting(s.B)
		s.Pass(10 * time.Minute)
	}
	if !s.isOver() {
		s.Fatalf("%s\nhas not returned at %v\nwant %s at %v\n\n%s", s.title(), span(s.Elapsed()), errName(want), span(at), waits)
	}
	if err := s.call.Wait(); s.returned != at || !errors.Is(err, want) {
		s.Fatalf("%s\nreturned %s at %v\nwant     %s at %v", s.title(), errName(err), span(s.returned), errName(want), span(at))
	}
}

// mustLeaveNothing wants nothing of Serve to be left.
func (s *serving) mustLeaveNothing() {
	s.T().Helper()
	s.Wait()
	if n := s.inside.Load(); n > 0 {
		s.Fatalf("%s\nreturned, and %d handlers have not", s.title(), n)
	}
	s.mu.Lock()
	open := s.open
	s.mu.Unlock()
	if open > 0 {
		s.Fatalf("%s\nreturned, and %d connections that it accepted are open. Want them closed.", s.title(), open)
	}
	conn, err := s.Net.Dial(context.Background(), "tcp", s.ln.Addr().String())
	if err == nil {
		conn.Close()
		s.Fatalf("%s\nreturned, and a new client can still connect. Want ln closed.", s.title())
	}
	for _, c := range s.clients {
		c.conn.Close()
	}
	s.MustBeQuiet()
}

// mustBeInside wants that many handlers to be at work.
func (s *serving) mustBeInside(want int, before string) {
	s.T().Helper()
	s.Wait()
	if n := int(s.inside.Load()); n != want {
		s.Fatalf("%s\n%s\nHandlers at work: %d\nwant              %d\n\n%s", s.title(), before, n, want, s.state())
	}
}

// mustNotCrowd wants Serve never to have had more connections than that.
func (s *serving) mustNotCrowd(most int) {
	s.T().Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > most {
		s.Fatalf("%s\nhad accepted %d connections that were not closed\nwant %d at most: others wait to be accepted", s.title(), s.most, most)
	}
}

// state is what became of Serve.
func (s *serving) state() string {
	if s.isOver() {
		return fmt.Sprintf("Serve returned %s at %v.", errName(s.call.Wait()), span(s.returned))
	}
	return s.working() + "Who waits where:\n\n" + waiting(s.B)
}

// working says what handlers are at work on, since who waits in them waits for
// something of the test's.
func (s *serving) working() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.work) == 0 {
		return ""
	}
	return wrap("In your calls of handle, which have not returned: ", s.work) + "\n\n"
}

// waiting says who waits where, without the servers of the test and the places in
// it.
func waiting(b *bubble.B) string {
	var lines []string
	ours := false
	for line := range strings.Lines(b.Waiting()) {
		if !strings.HasPrefix(line, "      ") {
			ours = strings.HasPrefix(line, "  the server, over ")
		}
		if !ours && !strings.HasPrefix(line, "      at stream_test.go:") {
			lines = append(lines, line)
		}
	}
	return strings.TrimRight(strings.Join(lines, ""), "\n")
}

// client is a client of Serve's.
type client struct {
	s    *serving
	name string
	conn *memnet.Conn

	listens bool
	mu      sync.Mutex
	asked   []string // since responses were last looked at
	heard   string   // and not yet looked at
	err     error    // that ended it
	endedAt time.Duration
}

// client connects one that reads all the time.
func (s *serving) client(name string) *client {
	s.T().Helper()
	c := s.dial(name)
	c.listen()
	return c
}

// dial connects one that does not read.
func (s *serving) dial(name string) *client {
	s.T().Helper()
	conn, err := s.Net.Dial(s.Context(), "tcp", s.ln.Addr().String())
	if err != nil {
		s.Fatalf("%s\na client cannot connect: %v", s.title(), err)
	}
	s.Net.Name(conn.LocalAddr(), name)
	c := &client{s: s, name: name, conn: conn.(*memnet.Conn)}
	s.clients = append(s.clients, c)
	return c
}

// listen reads from now on.
func (c *client) listen() {
	c.listens = true
	c.s.Go(c.name, func() error {
		for buf := make([]byte, 4096); ; {
			n, err := c.conn.Read(buf)
			c.mu.Lock()
			c.heard += string(buf[:n])
			c.err, c.endedAt = err, c.s.Elapsed()
			c.mu.Unlock()
			if err != nil {
				return nil
			}
		}
	})
}

// ask sends queries, all at once.
func (c *client) ask(queries ...string) { c.send(frame(queries...)) }

// send sends octets.
func (c *client) send(sent string) {
	asked, rest := split(sent)
	if rest != "" {
		asked = append(asked, rest)
	}
	c.mu.Lock()
	c.asked = append(c.asked, asked...)
	c.mu.Unlock()
	io.WriteString(c.conn, sent)
	c.s.Wait()
}

// drip sends an octet every three seconds.
func (c *client) drip(sent string) {
	c.s.Go(c.name+" drips", func() error {
		for i := range sent {
			<-time.After(3 * time.Second)
			if _, err := io.WriteString(c.conn, sent[i:i+1]); err != nil {
				break
			}
		}
		return nil
	})
}

// askAndHear is for queries and responses that are not what the test is about.
func (c *client) askAndHear(query string) {
	c.s.T().Helper()
	c.ask(query)
	c.mustHear(re + query)
}

// forget is for what was asked before: it is answered.
func (c *client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = nil
}

// take returns what was asked, and what was heard since the last time.
func (c *client) take() (asked, heard []string, rest string, ended string) {
	c.s.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	asked = slices.Clone(c.asked)
	heard, rest = split(c.heard)
	c.heard = rest
	if c.err != nil {
		ended = fmt.Sprintf("\nIts connection ended at %v: %v", span(c.endedAt), c.err)
	}
	return asked, heard, rest, ended
}

// mustHear wants the client to have heard these responses since the last time.
func (c *client) mustHear(want ...string) {
	c.s.T().Helper()
	c.must(false, want)
}

// mustHearAll is mustHear with the responses in any order.
func (c *client) mustHearAll(want ...string) {
	c.s.T().Helper()
	c.must(true, want)
}

func (c *client) must(anyOrder bool, want []string) {
	c.s.T().Helper()
	asked, heard, rest, ended := c.take()
	got, sorted := heard, want
	if anyOrder {
		got, sorted = slices.Sorted(slices.Values(heard)), slices.Sorted(slices.Values(want))
	}
	damage := c.s.damage.Load()
	if slices.Equal(got, sorted) && rest == "" && damage == nil {
		if len(want) > 0 {
			c.forget()
		}
		return
	}
	width := len(c.name) + 7
	text := strings.Join([]string{c.s.title(), wrap(c.name+" asked ", asked), wrap(c.name+" heard ", heard), wrap(fmt.Sprintf("%-*s", width, "want"), want)}, "\n")
	if anyOrder && len(want) > 1 {
		text += ", in any order"
	}
	if now := c.s.Elapsed(); now > 0 {
		text += "\n" + fmt.Sprintf("%-*s%v", width, "by", span(now))
	}
	if rest != "" {
		text += fmt.Sprintf("\n\nBehind them came what is no whole message: %s", octets(rest))
	}
	text += ended
	if damage != nil {
		c.s.Fatalf("%s\n\n%s", text, *damage)
	}
	if len(heard) < len(want) {
		text += "\n\n" + c.s.state()
	}
	c.s.Fatalf("%s", text)
}

// end is when the client's connection ended, as far as it can know.
func (c *client) end() (at time.Duration, ok bool) {
	if !c.listens {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		at, ok = c.s.ended[c.conn.LocalAddr().String()]
		return at, ok
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endedAt, c.err != nil
}

// mustEnd wants the connection to end at that moment; why says what for.
func (c *client) mustEnd(at time.Duration, why string) {
	c.s.T().Helper()
	c.s.Pass(max(0, at-c.s.Elapsed()))
	ended, ok := c.end()
	if ok && ended == at {
		return
	}
	var waits string
	if !ok {
		waits = "\n\n" + c.s.working() + "Who waited where at " + span(at) + ":\n\n" + waiting(c.s.B)
		c.s.Pass(10 * time.Minute)
		ended, ok = c.end()
	}
	was := fmt.Sprintf("is still open at %v.", span(c.s.Elapsed()))
	if ok {
		was = fmt.Sprintf("ended at %v.", span(ended))
	}
	c.s.Fatalf("%s\nThe connection of %s %s\nWant it closed at %v: %s.%s", c.s.title(), c.name, was, span(at), why, waits)
}

// mustEndWell wants the connection to have been closed, and not reset.
func (c *client) mustEndWell() {
	c.s.T().Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != io.EOF {
		c.s.Fatalf("%s\nThe connection of %s ended with: %v\nWant it closed as it should be: io.EOF.", c.s.title(), c.name, c.err)
	}
}

// wrap lists texts behind a label, in lines of 80 columns.
func wrap(label string, texts []string) string {
	if len(texts) == 0 {
		return label + "nothing"
	}
	lines := []string{label}
	indent := strings.Repeat(" ", min(len(label), 12))
	for i, text := range texts {
		if i == 24 {
			return strings.Join(append(lines, fmt.Sprintf("%s… (%d in all)", indent, len(texts))), "\n")
		}
		word := quote(text)
		if i < len(texts)-1 {
			word += ", "
		}
		if last := lines[len(lines)-1]; len(last)+len(word) > 80 && len(last) > len(indent) {
			lines = append(lines, indent)
		}
		lines[len(lines)-1] += word
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// quote is %q of each, without the middle of long ones, and the last of many.
func quote(texts ...string) string {
	var all []string
	columns := 0
	for i, text := range texts {
		quoted := fmt.Sprintf("%q", text)
		if n := len(text); n > 60 {
			quoted = fmt.Sprintf("%q … %q (%d octets)", text[:10], text[n-10:], n)
		}
		if columns += len(quoted); i > 1 && columns > 150 {
			all = append(all, fmt.Sprintf("… (%d in all)", len(texts)))
			break
		}
		all = append(all, quoted)
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// describe is what the transcript says of what is sent over TCP.
func describe(payload []byte) string {
	messages, rest := split(string(payload))
	if len(messages) == 0 || rest != "" {
		return ""
	}
	return quote(messages...)
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

// slowness finds goroutines that Serve or Exchange has started and not waited for.
type slowness struct {
	slowed atomic.Pointer[string] // of which socket it takes long to be closed, or to set a deadline; nil: of none
	gone   atomic.Bool            // the call has returned
	left   atomic.Pointer[string] // what it did not wait for, if slowed is set
	quick  sync.Map               // goroutines that do not take long, by their ids
}

// isQuick is for goroutines that read, and the caller's: only who does nothing but
// wake others is slow.
func (s *slowness) isQuick() { s.quick.Store(self(), true) }

// self is the id of the goroutine.
func self() string {
	stack := make([]byte, 64)
	return strings.Fields(string(stack[:runtime.Stack(stack, false)]))[1]
}

// slowly lets all others go first, before do and after it: if the call returns
// meanwhile, it did not wait for this goroutine. There is no time in it: whoever
// waits may hold a lock.
func (s *slowness) slowly(call string, do func() error) error {
	if slowed := s.slowed.Load(); slowed == nil || !strings.HasPrefix(call, *slowed) {
		return do()
	}
	if _, quick := s.quick.Load(self()); quick {
		return do()
	}
	words := call + learner()
	defer s.letReturn(words)
	s.letReturn(words)
	return do()
}

func (s *slowness) letReturn(words string) {
	for i := 0; i < 1000 && !s.gone.Load(); i++ {
		runtime.Gosched()
	}
	if s.gone.Load() {
		s.left.CompareAndSwap(nil, &words)
	}
}

// afterwards says what call should have done.
func afterwards(call string) string {
	return "Want " + call + " to return after it. (If context.AfterFunc started it: when stop\nreturns false, the function runs, or will; stop does not wait for it.)"
}

// learner is the place in the learner's code that called a socket.
func learner() string {
	pc := make([]uintptr, 20)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); !strings.HasSuffix(f.File, "_test.go") && !strings.HasPrefix(f.Function, "runtime.") {
			parts := strings.Split(f.File, "/")
			return fmt.Sprintf(" at\n%s:%d", strings.Join(parts[max(0, len(parts)-4):], "/"), f.Line)
		}
	}
	return ""
}

// oneAtATime has goroutines take turns until the test is over: a new one begins
// when the others wait or let it.
func oneAtATime(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Exchange, and whom it asks.

// Flags, in the third octet of a header.
const (
	qr = 0x80
	tc = 0x02
)

// query is for A records of www.example., with an OPT record behind.
const query = "\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01" + "\x03www\x07example\x00\x00\x01\x00\x01" + "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"

// remote is the server that is asked.
type remote struct {
	*bubble.B
	addr   string
	pc     *memnet.PacketConn
	ln     *memnet.Listener
	broken string // the network that cannot be dialled
	long   string // the datagram that arrives for any other, as the network of the tests has IPv4's limit; "": each is itself

	overUDP func(say func(...string)) // what it does when a datagram comes
	overTCP func(conn net.Conn)       // and a query over TCP
	slowness

	mu    sync.Mutex
	asked []string // over which networks
	wrong string   // what came that is not the query
}

// listen makes a server that answers what overUDP and overTCP say.
func listen(b *bubble.B) *remote {
	const addr = "192.0.2.53:53"
	pc, err := b.Net.ListenPacket(addr)
	if err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	ln, err := b.Net.Listen(addr)
	if err != nil {
		b.Fatalf("the test cannot listen: %v", err)
	}
	b.Net.Name(pc.LocalAddr(), "server")
	b.Net.Describe = describeDNS
	s := &remote{B: b, addr: addr, pc: pc, ln: ln}
	s.Go("the server, over UDP", s.serveUDP)
	s.Go("the server, over TCP", s.serveTCP)
	return s
}

func (s *remote) serveUDP() error {
	for buf := make([]byte, 1<<16); ; {
		n, from, err := s.pc.ReadFrom(buf)
		if err != nil {
			return nil
		}
		s.note("udp", string(buf[:n]))
		s.Go("the server, over UDP", func() error {
			s.overUDP(func(all ...string) {
				for _, msg := range all {
					s.pc.WriteTo([]byte(msg), from)
				}
			})
			return nil
		})
	}
}

func (s *remote) serveTCP() error {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return nil
		}
		s.Go("the server, over TCP", func() error {
			defer conn.Close()
			msg := make([]byte, 2+len(query))
			n, _ := io.ReadFull(conn, msg)
			messages, rest := split(string(msg[:n]))
			s.note("tcp", strings.Join(messages, "")+rest)
			if s.overTCP != nil {
				s.overTCP(conn)
			}
			return nil
		})
	}
}

// note notes what came.
func (s *remote) note(network, msg string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, network)
	if msg != query && s.wrong == "" {
		s.wrong = fmt.Sprintf("over %s, the server received\n%s\nwant the query as it is\n%s", network, indent(msg), indent(query))
	}
}

// response is one to the query, of that length: its header, with these flags in
// its third octet, and then anything.
func (s *remote) response(size int, flags byte) string {
	b := []byte(query[:2] + "\x80\x00\x00\x01\x00\x01\x00\x00\x00\x00" + long(max(12, size)-12))
	b[2] |= flags
	return string(b)
}

// unwritten is set when Exchange has said that it is not written yet.
var unwritten atomic.Bool

// part runs a part of a test of Exchange, unless an earlier one found that it is
// not written yet, which nobody needs to be told again.
func part(t *testing.T, why string, f func(t *testing.T)) {
	if !t.Failed() || !unwritten.Load() {
		t.Run(why, f)
	}
}

// call is a call of Exchange.
type call struct {
	s        *remote
	done     chan struct{}
	response []byte
	err      error
	took     time.Duration
}

// ask calls Exchange.
func (s *remote) ask(ctx context.Context) *call {
	c := &call{s: s, done: make(chan struct{})}
	began := s.Elapsed()
	s.Go(title, func() error {
		defer close(c.done)
		s.isQuick()
		c.response, c.err = stream.Exchange(ctx, s.dial, s.addr, []byte(query))
		s.gone.Store(true)
		c.took = s.Elapsed() - began
		return c.err
	})
	return c
}

const title = "Exchange(ctx, dial, server, query)"

// dial is what Exchange is given.
func (s *remote) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if s.broken != "" && strings.HasPrefix(network, s.broken) {
		return nil, errBroken
	}
	conn, err := s.Net.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s.Net.Name(conn.LocalAddr(), "you")
	if s.long != "" {
		return longer{conn.(*memnet.PacketConn), s}, nil
	}
	if s.slowed.Load() != nil {
		return dialled{conn, s}, nil
	}
	return conn, nil
}

// dialled is a socket whose Close and the like are slow.
type dialled struct {
	net.Conn
	s *remote
}

func (d dialled) Read(b []byte) (int, error) {
	d.s.isQuick()
	return d.Conn.Read(b)
}

func (d dialled) Close() error { return d.s.slowly("the socket's Close", d.Conn.Close) }

func (d dialled) SetDeadline(t time.Time) error {
	return d.s.slowly("the socket's SetDeadline", func() error { return d.Conn.SetDeadline(t) })
}

func (d dialled) SetReadDeadline(t time.Time) error {
	return d.s.slowly("the socket's SetReadDeadline", func() error { return d.Conn.SetReadDeadline(t) })
}

// longer is a socket on which remote's long arrives.
type longer struct {
	*memnet.PacketConn
	s *remote
}

func (l longer) Read(b []byte) (int, error) {
	if _, err := l.PacketConn.Read(b); err != nil {
		return 0, err
	}
	return copy(b, l.s.long), nil
}

func (l longer) ReadFrom(b []byte) (int, net.Addr, error) {
	_, from, err := l.PacketConn.ReadFrom(b)
	if err != nil {
		return 0, from, err
	}
	return copy(b, l.s.long), from, nil
}

// mustReturn wants Exchange to return, and to leave nothing open.
func (c *call) mustReturn(at time.Duration, want string) {
	c.s.T().Helper()
	select {
	case <-c.done:
	case <-time.After(at + 10*time.Minute):
		c.s.Fatalf("%s\nhas not returned after %v\nwant %s after %v\n\n%s", title, span(at+10*time.Minute), want, span(at), waiting(c.s.B))
	}
	c.s.Wait()
	if errors.Is(c.err, todo.Err) {
		unwritten.Store(true)
	}
	if c.s.wrong != "" {
		c.s.Fatalf("%s\n%s", title, c.s.wrong)
	}
}

// mustBeGone wants no socket of Exchange's to be left, and no goroutine.
func (c *call) mustBeGone() {
	c.s.T().Helper()
	for _, o := range c.s.Net.Open() {
		if strings.Contains(o.Where, "/stream.go") {
			c.s.Fatalf("%s\nreturned %s\nand has left open: %s", title, outcome(c.response, c.err), o)
		}
	}
	if waits := waiting(c.s.B); strings.Contains(waits, "/stream.go:") {
		c.s.Fatalf("%s\nreturned %s\nand has left a goroutine behind. Who waits where:\n\n%s", title, outcome(c.response, c.err), waits)
	}
}

// mustAnswer wants that response after that time.
func (c *call) mustAnswer(want string, at time.Duration) {
	c.s.T().Helper()
	c.mustReturn(at, "a response")
	if c.err != nil || c.took != at {
		c.s.Fatalf("%s\nreturned %s after %v\nwant     %s, and no error after %v", title, outcome(c.response, c.err), span(c.took), octets(want), span(at))
	}
	if string(c.response) != want {
		c.s.Fatalf("%s\n%s", title, compare("returned", string(c.response), want))
	}
	c.mustBeGone()
}

// mustFail wants that error after that time.
func (c *call) mustFail(at time.Duration, want error) {
	c.s.T().Helper()
	c.mustReturn(at, errName(want))
	if !errors.Is(c.err, want) || c.took != at {
		c.s.Fatalf("%s\nreturned %s after %v\nwant     an error that is %s after %v", title, outcome(c.response, c.err), span(c.took), strings.TrimPrefix(errName(want), "an error that is "), span(at))
	}
	c.mustBeGone()
}

// mustBeAsked wants the server to have been asked over these networks.
func (s *remote) mustBeAsked(want ...string) {
	s.T().Helper()
	s.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.asked, want) {
		s.Fatalf("%s\nasked over: %s\nwant        %s", title, cmpOr(strings.Join(s.asked, ", ")), cmpOr(strings.Join(want, ", ")))
	}
}

func cmpOr(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

// describeDNS is what the transcript says of a message.
func describeDNS(payload []byte) string {
	over := ""
	if messages, rest := split(string(payload)); len(messages) == 1 && rest == "" {
		payload, over = []byte(messages[0]), "length, "
	}
	if len(payload) < 12 {
		return ""
	}
	kind := "query"
	if payload[2]&qr != 0 {
		kind = "response"
	}
	if payload[2]&tc != 0 {
		kind += ", TC"
	}
	return fmt.Sprintf("%s%s, id %x, %d octets", over, kind, payload[:2], len(payload))
}
