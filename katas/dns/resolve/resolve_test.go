package resolve_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/name"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
	"github.com/example/netkata/katas/dns/resolve"
)

// A query and its answer (RFC 1035, section 4.1).
func TestLookup(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 1, f) })
	run("an address", 1, func(w *world) {
		a := w.a(w.name())
		w.servers[0].udp = func(q *query) { q.answer(a) }
		c := w.lookup(w.Context(), a.Name, question.TypeA)
		c.mustGet(0, a)
		w.Pass(time.Minute)
		c.mustHaveSent(1)
		w.mustBeQuery(0, a.Name, question.TypeA)
	})
	run("others", 1, func(w *world) {
		owner := w.name()
		for _, t := range []question.Type{question.TypeAAAA, question.TypeTXT, question.TypeSRV, 65280} {
			w.servers[0].udp = func(q *query) { q.answer(w.record(owner, t)) }
			n := len(w.asked)
			w.lookup(w.Context(), owner, t).mustEnd(0)
			w.mustBeQuery(n, owner, t)
		}
	})
}

// Texts that are names, and texts that are not (RFC 1034, section 3.1).
func TestName(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 2, f) })
	for _, tt := range []struct {
		why string
		of  func(word string) (text, owner string)
	}{
		{"without its last dot", func(w string) (string, string) { return w + ".example", w + ".example." }},
		{"of one label", func(w string) (string, string) { return w, w + "." }},
		{"the root", func(string) (string, string) { return ".", "." }},
		{"a dot inside a label", func(w string) (string, string) { return `a\.` + w + ".example", `a\.` + w + ".example." }},
		{"a dot inside the last label", func(w string) (string, string) { return w + `\.`, w + `\..` }},
		{"a letter by its number", func(w string) (string, string) { return `\097` + w + ".example", "a" + w + ".example." }},
		{"a letter with a backslash", func(w string) (string, string) { return `\e` + w + ".example.", "e" + w + ".example." }},
		{"an octet of 200", func(w string) (string, string) { return w + `\200.example`, w + `\200.example.` }},
		{"upper and lower case", func(w string) (string, string) { return w + ".EXAMple", w + ".example." }},
	} {
		run(tt.why, 1, func(w *world) {
			text, owner := tt.of(w.d.Word())
			a := w.a(owner)
			w.servers[0].udp = func(q *query) {
				a.Name = q.m.Question[0].Name
				q.answer(a)
			}
			c := w.lookup(w.Context(), text, question.TypeA)
			c.mustEnd(0)
			c.mustGet(0, a)
			w.mustBeQuery(0, owner, question.TypeA)
		})
	}
	for _, tt := range []struct {
		text string
		want error
	}{
		{"", name.ErrEmptyLabel},
		{"a..example", name.ErrEmptyLabel},
		{strings.Repeat("x", 64) + ".example", name.ErrLabelLen},
		{strings.Repeat("abcdefg.", 32) + "example", name.ErrNameLen},
		{`a\25x.example`, name.ErrEscape},
	} {
		run(fmt.Sprintf("no name: %.20q", tt.text), 1, func(w *world) {
			c := w.lookup(w.Context(), tt.text, question.TypeA)
			c.mustFail(tt.want, 0)
			w.Pass(time.Minute)
			c.mustHaveSent(0)
		})
	}
}

// Records as the server has them (RFC 1035, section 4.1.3).
func TestRecords(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 3, f) })
	for _, t := range []question.Type{question.TypeA, question.TypeAAAA, question.TypeMX, question.TypeTXT, question.TypeNS, question.TypeSRV, question.TypeSOA, question.TypePTR, 65280} {
		run(typeName(t), 1, func(w *world) {
			var want []record.Record
			owner := w.name()
			for range w.d.Between(2, 4) {
				want = append(want, w.record(owner, t))
			}
			w.servers[0].udp = func(q *query) { q.answer(want...) }
			w.lookup(w.Context(), owner, t).mustGet(0, want...)
		})
	}
	run("two that are the same", 1, func(w *world) {
		a := w.a(w.name())
		w.servers[0].udp = func(q *query) { q.answer(a, a) }
		w.lookup(w.Context(), a.Name, question.TypeA).mustGet(0, a, a)
	})
	run("the server writes the name in its own way", 1, func(w *world) {
		owner := w.name()
		a := w.a(strings.ToUpper(owner))
		w.servers[0].udp = func(q *query) { q.answer(a) }
		w.lookup(w.Context(), owner, question.TypeA).mustGet(0, a)
	})
	run("a datagram as large as you take", 1, func(w *world) {
		owner := w.name()
		var want []record.Record
		w.servers[0].udp = func(q *query) {
			m := q.reply()
			want = nil
			for size := q.size(); ; {
				r := w.a(owner)
				m.Answer = append(m.Answer, toRR(r))
				if len(pack(m)) > size {
					m.Answer = m.Answer[:len(want)]
					break
				}
				want = append(want, r)
			}
			w.note("the server's datagram has %d octets; you take %d", len(pack(m)), q.size())
			q.send(m)
		}
		c := w.lookup(w.Context(), owner, question.TypeA)
		c.mustEnd(0)
		c.mustGet(0, want...)
	})
}

// What is not there (RFC 2308, section 2).
func TestNothing(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 4, f) })
	for _, tt := range []struct {
		why    string
		rcode  int
		aa, ra bool
		behind question.Type // of the record in the authority section; 0: none
		want   error
	}{
		{"NXDOMAIN, from the zone's own server", dns.RcodeNameError, true, false, question.TypeSOA, resolve.ErrNXDomain},
		{"NXDOMAIN, from a resolver", dns.RcodeNameError, false, true, question.TypeSOA, resolve.ErrNXDomain},
		{"NXDOMAIN and nothing else", dns.RcodeNameError, false, true, 0, resolve.ErrNXDomain},
		{"NXDOMAIN with NS records, and neither AA nor RA", dns.RcodeNameError, false, false, question.TypeNS, resolve.ErrNXDomain},
		{"NODATA, from the zone's own server", dns.RcodeSuccess, true, false, question.TypeSOA, resolve.ErrNoData},
		{"NODATA, from a resolver", dns.RcodeSuccess, false, true, question.TypeSOA, resolve.ErrNoData},
		{"NODATA, and nothing else", dns.RcodeSuccess, false, true, 0, resolve.ErrNoData},
	} {
		run(tt.why, 2, func(w *world) {
			owner := w.name()
			w.servers[0].udp = func(q *query) {
				m := q.reply()
				m.Rcode, m.Authoritative, m.RecursionAvailable = tt.rcode, tt.aa, tt.ra
				if tt.behind != 0 {
					m.Ns = []dns.RR{toRR(w.record("test.", tt.behind))}
				}
				q.send(m)
			}
			c := w.lookup(w.Context(), owner, question.TypeAAAA)
			c.mustFail(tt.want, 0)
			w.Pass(time.Minute)
			c.mustHaveSent(1)
		})
	}
}

// Servers that say nothing, or too late (RFC 1035, section 4.2.1).
func TestSilence(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 5, f) })
	for n := 1; n <= 3; n++ {
		run(fmt.Sprintf("servers: %d, none answers", n), n, func(w *world) {
			w.r.Rounds = w.d.Between(2, 4)
			c := w.lookup(w.Context(), w.name(), question.TypeA)
			c.mustFail(resolve.ErrServers, time.Duration(n*w.r.Rounds)*w.timeout)
			c.mustAsk(w.plan(n * w.r.Rounds)...)
		})
	}
	run("one round", 2, func(w *world) {
		w.r.Rounds = 1
		c := w.lookup(w.Context(), w.name(), question.TypeA)
		c.mustFail(resolve.ErrServers, 2*w.timeout)
		c.mustAsk(w.plan(2)...)
	})
	for nth := 2; nth <= 6; nth++ {
		run(fmt.Sprintf("query %d is answered", nth), 3, func(w *world) {
			a, late := w.a(w.name()), ms(w.d.Between(0, 290))
			for _, s := range w.servers {
				s.udp = func(q *query) {
					if w.count() == nth {
						q.after(late, func() { q.answer(a) })
					}
				}
			}
			c := w.lookup(w.Context(), a.Name, question.TypeA)
			c.mustGet(time.Duration(nth-1)*w.timeout+late, a)
			w.Pass(time.Minute)
			c.mustAsk(w.plan(nth)...)
		})
	}
	run("an answer just in time", 2, func(w *world) {
		a := w.a(w.name())
		w.servers[0].udp = func(q *query) { q.after(w.timeout-time.Millisecond, func() { q.answer(a) }) }
		w.lookup(w.Context(), a.Name, question.TypeA).mustGet(w.timeout-time.Millisecond, a)
	})
	run("no Timeout, no Rounds", 2, func(w *world) {
		w.r.Timeout, w.r.Rounds, w.timeout = 0, 0, 2*time.Second
		c := w.lookup(w.Context(), w.name(), question.TypeA)
		c.mustFail(resolve.ErrServers, 8*time.Second)
		c.mustAsk(w.plan(4)...)
	})
	run("the next Lookup begins with the first server", 2, func(w *world) {
		a := w.a(w.name())
		w.servers[1].udp = func(q *query) { q.answer(a) }
		for range 2 {
			w.asked = nil
			c := w.lookup(w.Context(), a.Name, question.TypeA)
			c.mustGet(w.timeout, a)
			c.mustAsk(w.plan(2)...)
		}
	})
}

// Servers that cannot or will not answer (RFC 1034, section 5.3.3).
func TestFailure(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 6, f) })
	referral := func(q *query) {
		m := q.reply()
		m.RecursionAvailable = false
		m.Ns = []dns.RR{toRR(q.s.w.record(".", question.TypeNS))}
		q.send(m)
	}
	rcode := func(n int) func(q *query) { return func(q *query) { q.fail(n) } }
	for _, tt := range []struct {
		why   string
		reply func(q *query)
	}{
		{"SERVFAIL", rcode(dns.RcodeServerFailure)},
		{"REFUSED", rcode(dns.RcodeRefused)},
		{"NOTIMP", rcode(dns.RcodeNotImplemented)},
		{"FORMERR", rcode(dns.RcodeFormatError)},
		{"another code", rcode(dns.RcodeNotAuth)},
		{"a referral", referral},
	} {
		run(tt.why, 2, func(w *world) {
			a, late := w.a(w.name()), ms(w.d.Between(1, 290))
			w.servers[0].udp = func(q *query) { q.after(late, func() { tt.reply(q) }) }
			w.servers[1].udp = func(q *query) { q.answer(a) }
			c := w.lookup(w.Context(), a.Name, question.TypeA)
			c.mustGet(late, a)
			c.mustAsk(visit(0, 0), visit(late, 1))
		})
		run(tt.why+" from all", 2, func(w *world) {
			late := ms(w.d.Between(1, 290))
			for _, s := range w.servers {
				s.udp = func(q *query) { q.after(late, func() { tt.reply(q) }) }
			}
			c := w.lookup(w.Context(), w.name(), question.TypeA)
			c.mustFail(resolve.ErrServers, 4*late)
			c.mustAsk(visit(0, 0), visit(late, 1), visit(2*late, 0), visit(3*late, 1))
		})
	}
	for _, tt := range []struct {
		why   string
		spoil func(w *world)
		first []visited
	}{
		{"the first socket cannot be made", func(w *world) {
			w.listen = func(number int) error { return broken(number == 1) }
		}, nil},
		{"the first query cannot be sent", func(w *world) {
			w.write = func(number int) error { return broken(number == 1) }
		}, nil},
		{"the first answer cannot be received", func(w *world) {
			w.read = func(number, n int, from net.Addr) (int, net.Addr, error) {
				if number == 1 {
					w.note("ReadFrom: %v", errBroken)
					return 0, nil, errBroken
				}
				return n, from, nil
			}
		}, []visited{visit(0, 0)}},
	} {
		run(tt.why, 2, func(w *world) {
			a := w.a(w.name())
			for _, s := range w.servers {
				s.udp = func(q *query) { q.answer(a) }
			}
			tt.spoil(w)
			c := w.lookup(w.Context(), a.Name, question.TypeA)
			c.mustGet(0, a)
			c.mustAsk(append(slices.Clone(tt.first), visit(0, 1))...)
		})
	}
	run("an answer with NS records behind it, and neither AA nor RA", 2, func(w *world) {
		a := w.a(w.name())
		for _, s := range w.servers {
			s.udp = func(q *query) {
				m := q.full([]record.Record{a})
				m.RecursionAvailable = false
				m.Ns = []dns.RR{toRR(w.record("test.", question.TypeNS))}
				w.note("the datagram: an answer, and behind it, who else might know; AA=0, RA=0")
				q.send(m)
			}
		}
		c := w.lookup(w.Context(), a.Name, question.TypeA)
		c.mustGet(0, a)
		c.mustAsk(visit(0, 0))
	})
	run("no socket can ever be made", 2, func(w *world) {
		w.listen = func(int) error { return errBroken }
		w.lookup(w.Context(), w.name(), question.TypeA).mustFail(resolve.ErrServers, 0)
	})
}

// The ids and the ports of sixteen Lookups with four queries each, two times
// (RFC 5452, section 9.2).
func TestID(t *testing.T) {
	var rounds [2][]uint16
	for i := range rounds {
		bubble.Run(t, 7, func(b *bubble.B) {
			w := build(b, 2)
			for range 16 {
				c := w.lookup(b.Context(), w.name(), question.TypeA)
				c.mustFail(resolve.ErrServers, 4*w.timeout)
			}
			from := map[string]*query{}
			for _, q := range w.asked {
				if other := from[q.from.String()]; other != nil {
					b.Fatalf("Two queries came from one socket, %v:\n%v after %v, and\n%v after %v.\nWant a socket of its own for each, of which the system chooses the port.",
						q.from, describe(other.msg), other.at, describe(q.msg), q.at)
				}
				from[q.from.String()] = q
				rounds[i] = append(rounds[i], q.m.Id)
			}
		})
		if t.Failed() {
			return
		}
	}
	r, ids := rule.New(t, 7), rounds[0]
	if fault := guessable(ids); fault != "" {
		r.Fatalf("Lookup was called %d times and sent four queries each. The ids:\n\n%s\n\n%s", len(ids)/4, list(ids), fault)
	}
	if slices.Equal(ids, rounds[1]) {
		r.Fatalf("Lookup was called %d times and sent four queries each. The ids:\n\n%s\n\nThen the clock was set back, all of this was done once more, and they were\nthe same. Whoever knows the time, or the seed, knows the ids.", len(ids)/4, list(ids))
	}
}

// Answers from the wrong place, and what the right place looks like (RFC 5452,
// section 9.1).
func TestStranger(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 8, f) })
	for _, tt := range []struct {
		why  string
		addr func(w *world) netip.AddrPort
	}{
		{"another port of the server's host", func(w *world) netip.AddrPort {
			s := w.servers[0].addr
			return netip.AddrPortFrom(s.Addr(), s.Port()+1)
		}},
		{"the same port of another host", func(w *world) netip.AddrPort {
			return netip.AddrPortFrom(netip.MustParseAddr("203.0.113.66"), w.servers[0].addr.Port())
		}},
	} {
		run(tt.why, 2, func(w *world) {
			a, stranger := w.a(w.name()), w.stranger(tt.addr(w))
			w.servers[0].udp = func(q *query) {
				stranger.WriteTo(pack(q.lie()), q.from)
				q.after(200*time.Millisecond, func() { q.answer(a) })
			}
			w.lookup(w.Context(), a.Name, question.TypeA).mustGet(200*time.Millisecond, a)
		})
	}
	run("another of the servers, that was not asked", 2, func(w *world) {
		a := w.a(w.name())
		w.servers[0].udp = func(q *query) {
			w.servers[1].conn.WriteTo(pack(q.lie()), q.from)
			q.after(200*time.Millisecond, func() { q.answer(a) })
		}
		w.lookup(w.Context(), a.Name, question.TypeA).mustGet(200*time.Millisecond, a)
	})
	for _, tt := range []struct {
		why          string
		given, heard int // bytes of the IP address
	}{
		{"the server's address in 16 bytes, the socket's in 4", 16, 4},
		{"the server's address in 4 bytes, the socket's in 16", 4, 16},
		{"both in 16 bytes", 16, 16},
	} {
		run(tt.why, 1, func(w *world) {
			a, s := w.a(w.name()), w.servers[0]
			s.udp = func(q *query) { q.answer(a) }
			if tt.given == 16 {
				w.r.Servers[0] = netip.AddrPortFrom(netip.AddrFrom16(s.addr.Addr().As16()), s.addr.Port())
			}
			w.read = func(_, n int, from net.Addr) (int, net.Addr, error) {
				return n, inBytes(from, tt.heard), nil
			}
			w.note("Servers[0] is an IP address of %d bytes, ReadFrom gives one of %d", tt.given, tt.heard)
			w.lookup(w.Context(), a.Name, question.TypeA).mustGet(0, a)
		})
	}
	run("servers with addresses of IPv6", 0, func(w *world) {
		w.local = "2001:db8::7"
		w.add(netip.MustParseAddrPort("[2001:db8::53]:53"))
		w.add(netip.MustParseAddrPort("[2001:db8::54]:53"))
		a := w.a(w.name())
		w.servers[1].udp = func(q *query) { q.answer(a) }
		w.lookup(w.Context(), a.Name, question.TypeA).mustGet(w.timeout, a)
	})
}

// Datagrams from the right place that are no answer (RFC 5452, section 9.1).
func TestNoAnswer(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 9, f) })
	lie := func(change func(m *dns.Msg)) func(q *query) []byte {
		return func(q *query) []byte {
			m := q.lie()
			change(m)
			return pack(m)
		}
	}
	for _, tt := range []struct {
		why string
		msg func(q *query) []byte
	}{
		{"another id", lie(func(m *dns.Msg) { m.Id ^= 0x8000 })},
		{"an id of which one half is right", lie(func(m *dns.Msg) { m.Id ^= 1 })},
		{"a query", lie(func(m *dns.Msg) { m.Response = false })},
		{"the query itself", func(q *query) []byte { return q.msg }},
		{"an answer to something else than a query", lie(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify })},
		{"a question for another name", lie(func(m *dns.Msg) { m.Question[0].Name = "x" + m.Question[0].Name })},
		{"NXDOMAIN for another name", lie(func(m *dns.Msg) {
			m.Question[0].Name, m.Answer, m.Rcode = "x"+m.Question[0].Name, nil, dns.RcodeNameError
		})},
		{"SERVFAIL for another name", lie(func(m *dns.Msg) {
			m.Question[0].Name, m.Answer, m.Rcode = "x"+m.Question[0].Name, nil, dns.RcodeServerFailure
		})},
		{"a question for another type", lie(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA })},
		{"a question for another class", lie(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS })},
		{"no question", lie(func(m *dns.Msg) { m.Question = nil })},
		{"two questions", lie(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) })},
		{"no octet at all", func(*query) []byte { return nil }},
		{"a header that is cut", func(q *query) []byte { return pack(q.lie())[:11] }},
		{"a question that is cut", func(q *query) []byte { return pack(q.lie())[:14] }},
		{"an answer that is cut", func(q *query) []byte { m := pack(q.lie()); return m[:len(m)-1] }},
		{"a record that is counted and not there", func(q *query) []byte { m := pack(q.lie()); m[7]++; return m }},
		{"data shorter than its type", func(q *query) []byte { m := pack(q.lie()); m[len(m)-5]--; return m[:len(m)-1] }},
		{"a pointer that leads to itself", func(q *query) []byte {
			m := pack(q.lie())
			at := len(m) - 16
			binary.BigEndian.PutUint16(m[at:], 0xc000|uint16(at))
			return m
		}},
	} {
		run(tt.why, 2, func(w *world) {
			a := w.a(w.name())
			w.servers[0].udp = func(q *query) {
				q.sendRaw(tt.msg(q))
				q.after(200*time.Millisecond, func() { q.answer(a) })
			}
			w.lookup(w.Context(), a.Name, question.TypeA).mustGet(200*time.Millisecond, a)
		})
	}
	run("the question in upper case is the question", 1, func(w *world) {
		a := w.a(w.name())
		w.servers[0].udp = func(q *query) {
			m := q.reply()
			m.Question[0].Name = strings.ToUpper(m.Question[0].Name)
			m.Answer = []dns.RR{toRR(a)}
			q.send(m)
		}
		w.lookup(w.Context(), a.Name, question.TypeA).mustGet(0, a)
	})
}

// noises are datagrams that do not count, one every 77 ms.
var noises = []struct {
	why      string
	stranger bool
	msg      func(q *query) []byte
}{
	{"a stranger, with the right id", true, func(q *query) []byte { return pack(q.lie()) }},
	{"the server, with another id", false, func(q *query) []byte { m := q.lie(); m.Id ^= 1; return pack(m) }},
	{"the server, with what cannot be read", false, func(q *query) []byte { return q.msg[:7] }},
}

// Much that does not count, and the waits (RFC 5452, section 9.1).
func TestNoise(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 10, f) })
	for _, tt := range noises {
		run(tt.why, 2, func(w *world) {
			w.make(tt.stranger, tt.msg)
			c := w.lookup(w.Context(), w.name(), question.TypeA)
			c.mustFail(resolve.ErrServers, 4*w.timeout)
			c.mustAsk(w.plan(4)...)
		})
	}
	run("and an answer to the third query", 2, func(w *world) {
		a := w.a(w.name())
		w.make(noises[0].stranger, noises[0].msg)
		w.servers[0].udp = func(q *query) {
			if w.count() == 3 {
				q.after(250*time.Millisecond, func() { q.answer(a) })
			}
		}
		c := w.lookup(w.Context(), a.Name, question.TypeA)
		c.mustGet(2*w.timeout+250*time.Millisecond, a)
		c.mustAsk(w.plan(3)...)
	})
	run("two hundred at once", 2, func(w *world) {
		a, stranger := w.a(w.name()), w.stranger(netip.MustParseAddrPort("203.0.113.66:53"))
		w.servers[0].udp = func(q *query) {
			for range 200 {
				stranger.WriteTo(pack(q.lie()), q.from)
			}
			q.answer(a)
		}
		c := w.lookup(w.Context(), a.Name, question.TypeA)
		c.mustGet(0, a)
		c.mustHaveSent(1)
	})
}

// Answers that do not fit into a datagram (RFC 2181, section 9).
func TestTruncated(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 11, f) })
	for _, tt := range []struct {
		why string
		udp func(q *query, all []record.Record)
	}{
		{"no record left", func(q *query, _ []record.Record) { q.truncated() }},
		{"some of the records left", func(q *query, all []record.Record) { q.truncated(all[:2]...) }},
		{"cut in the middle of a record", func(q *query, all []record.Record) {
			m := q.reply()
			m.Truncated = true
			for _, r := range all[:2] {
				m.Answer = append(m.Answer, toRR(r))
			}
			msg := pack(m)
			q.s.w.cut = msg[:len(msg)-3]
			q.sendRaw(q.s.w.cut)
		}},
	} {
		run(tt.why, 2, func(w *world) {
			owner, late := w.name(), ms(w.d.Between(1, 100))
			all := w.many(owner, w.d.Between(50, 99))
			w.servers[0].udp = func(q *query) { tt.udp(q, all) }
			w.servers[0].overTCP(func(q *query) { q.after(late, func() { q.answer(all...) }) })
			c := w.lookup(w.Context(), owner, question.TypeTXT)
			c.mustGet(late, all...)
			c.mustHaveSent(1)
			w.mustBeQueryOverTCP(owner, question.TypeTXT)
		})
	}
	for _, script := range []string{"", "cut 1", "cut 2", "cut 3", "cut 1, stall 1 50ms", "cut 2, stall 2 50ms", "chop 1", "stall 700 50ms"} {
		run("over TCP in pieces: "+cmp.Or(script, "length and message"), 1, func(w *world) {
			if script != "" {
				w.note("on the way to you, the octets of a connection come apart (script: %s)", script)
				w.Net.Disturb(memnet.FromListener(), memnet.MustParse(script))
			}
			owner := w.name()
			all := w.many(owner, w.d.Between(20, 30))
			w.servers[0].udp = func(q *query) { q.truncated() }
			w.servers[0].overTCP(func(q *query) {
				msg := pack(q.full(all))
				q.conn.Write(binary.BigEndian.AppendUint16(nil, uint16(len(msg))))
				q.conn.Write(msg)
			})
			c := w.lookup(w.Context(), owner, question.TypeTXT)
			c.mustEnd(100 * time.Millisecond)
			c.mustGet(c.took, all...)
		})
	}
	run("65,535 octets", 1, func(w *world) {
		var all []record.Record
		w.servers[0].udp = func(q *query) { q.truncated() }
		w.servers[0].overTCP(func(q *query) {
			all = w.fill(q.m.Question[0].Name, 65535)
			q.answer(all...)
		})
		c := w.lookup(w.Context(), w.name(), question.TypeTXT)
		c.mustEnd(0)
		c.mustGet(0, all...)
	})
	run("from the second server", 2, func(w *world) {
		a := w.a(w.name())
		w.servers[1].udp = func(q *query) { q.truncated() }
		w.servers[1].overTCP(func(q *query) { q.answer(a) })
		c := w.lookup(w.Context(), a.Name, question.TypeA)
		c.mustGet(w.timeout, a)
		c.mustHaveSent(2)
	})
	run("from a server with an address of IPv6", 0, func(w *world) {
		w.local = "2001:db8::7"
		w.add(netip.MustParseAddrPort("[2001:db8::53]:53"))
		a := w.a(w.name())
		w.servers[0].udp = func(q *query) { q.truncated() }
		w.servers[0].overTCP(func(q *query) { q.answer(a) })
		w.lookup(w.Context(), a.Name, question.TypeA).mustGet(0, a)
	})
	run("NXDOMAIN over TCP", 2, func(w *world) {
		w.servers[0].udp = func(q *query) { q.truncated() }
		w.servers[0].overTCP(func(q *query) { q.fail(dns.RcodeNameError) })
		c := w.lookup(w.Context(), w.name(), question.TypeA)
		c.mustFail(resolve.ErrNXDomain, 0)
		c.mustHaveSent(1)
	})
}

// TCP that leads nowhere (RFC 1035, section 7.2).
func TestTCPFails(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 12, f) })
	end := func(q *query) { q.conn.Close() }
	lie := func(change func(m *dns.Msg)) func(q *query) {
		return func(q *query) {
			m := q.lie()
			change(m)
			q.send(m)
			end(q)
		}
	}
	for _, tt := range []struct {
		why string
		tcp func(q *query) // nil: nobody listens
	}{
		{"nobody listens", nil},
		{"the server hangs up", end},
		{"it hangs up after the length", func(q *query) { q.conn.Write([]byte{0, 60}); end(q) }},
		{"it hangs up in the middle", func(q *query) { q.conn.Write(overTCP(pack(q.lie()))[:40]); end(q) }},
		{"it resets the connection", func(q *query) { q.conn.(*memnet.Conn).SetLinger(0); end(q) }},
		{"a length of 0", func(q *query) { q.conn.Write([]byte{0, 0}); end(q) }},
		{"what cannot be read", func(q *query) { m := pack(q.lie()); q.sendRaw(m[:len(m)-1]); end(q) }},
		{"another id", lie(func(m *dns.Msg) { m.Id ^= 1 })},
		{"a query", lie(func(m *dns.Msg) { m.Response = false })},
		{"a question for another name", lie(func(m *dns.Msg) { m.Question[0].Name = "x" + m.Question[0].Name })},
		{"SERVFAIL", lie(func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeServerFailure, nil })},
		{"REFUSED", lie(func(m *dns.Msg) { m.Rcode, m.Answer = dns.RcodeRefused, nil })},
	} {
		run(tt.why, 2, func(w *world) {
			a, late := w.a(w.name()), ms(w.d.Between(1, 200))
			w.servers[0].udp = func(q *query) { q.after(late, func() { q.truncated() }) }
			if tt.tcp != nil {
				w.servers[0].overTCP(tt.tcp)
			}
			w.servers[1].udp = func(q *query) { q.answer(a) }
			c := w.lookup(w.Context(), a.Name, question.TypeA)
			c.mustGet(late, a)
			c.mustAsk(visit(0, 0), visit(late, 1))
		})
	}
	for _, tt := range []struct {
		why string
		tcp func(s *server)
	}{
		{"a connection never stands", func(s *server) { s.w.Net.Silence(s.addr.String()) }},
		{"the server takes the query and says nothing", func(s *server) { s.overTCP(func(*query) {}) }},
		{"it stops in the middle", func(s *server) {
			s.overTCP(func(q *query) { q.conn.Write(overTCP(pack(q.lie()))[:40]) })
		}},
		{"an octet every 50 ms", func(s *server) {
			s.overTCP(func(q *query) {
				for _, c := range overTCP(pack(q.full(s.w.many(q.m.Question[0].Name, 20)))) {
					if _, err := q.conn.Write([]byte{c}); err != nil {
						return
					}
					<-time.After(50 * time.Millisecond)
				}
			})
		}},
	} {
		run(tt.why, 2, func(w *world) {
			a, late := w.a(w.name()), ms(w.d.Between(1, 200))
			w.servers[0].udp = func(q *query) { q.after(late, func() { q.truncated() }) }
			tt.tcp(w.servers[0])
			w.servers[1].udp = func(q *query) { q.answer(a) }
			c := w.lookup(w.Context(), a.Name, question.TypeA)
			c.mustGet(w.timeout, a)
			c.mustAsk(visit(0, 0), visit(w.timeout, 1))
		})
	}
	run("nobody listens, at any server", 2, func(w *world) {
		for _, s := range w.servers {
			s.udp = func(q *query) { q.truncated() }
		}
		c := w.lookup(w.Context(), w.name(), question.TypeA)
		c.mustFail(resolve.ErrServers, 0)
		c.mustHaveSent(4)
	})
}

// Aliases, all in one answer (RFC 1034, section 3.6.2).
func TestAlias(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 13, f) })
	for n := 1; n <= 4; n++ {
		run(fmt.Sprintf("aliases: %d", n), 1, func(w *world) {
			chain, end := w.chain(n)
			want := []record.Record{w.a(end), w.a(end)}
			w.servers[0].udp = func(q *query) { q.answer(append(chain, want...)...) }
			c := w.lookup(w.Context(), chain[0].Name, question.TypeA)
			c.mustGet(0, want...)
			c.mustHaveSent(1)
		})
	}
	run("the addresses first", 1, func(w *world) {
		chain, end := w.chain(2)
		want := []record.Record{w.a(end), w.a(end)}
		w.servers[0].udp = func(q *query) { q.answer(append(want, chain...)...) }
		c := w.lookup(w.Context(), chain[0].Name, question.TypeA)
		c.mustGet(0, want...)
		c.mustHaveSent(1)
	})
	run("the last alias first", 1, func(w *world) {
		chain, end := w.chain(3)
		owner, want := chain[0].Name, w.a(end)
		slices.Reverse(chain)
		w.servers[0].udp = func(q *query) { q.answer(append(chain, want)...) }
		c := w.lookup(w.Context(), owner, question.TypeA)
		c.mustGet(0, want)
		c.mustHaveSent(1)
	})
	run("each name once in upper case, once in lower", 1, func(w *world) {
		chain, end := w.chain(3)
		owner, want := chain[0].Name, w.a(strings.ToUpper(end))
		for i := range chain {
			chain[i].Name = strings.ToUpper(chain[i].Name)
		}
		w.servers[0].udp = func(q *query) { q.answer(append(chain, want)...) }
		c := w.lookup(w.Context(), owner, question.TypeA)
		c.mustGet(0, want)
		c.mustHaveSent(1)
	})
	for _, t := range []question.Type{question.TypeCNAME, question.TypeANY} {
		run("who asks for "+typeName(t)+" gets the alias", 1, func(w *world) {
			chain, end := w.chain(2)
			w.servers[0].udp = func(q *query) { q.answer(append(chain, w.a(end))...) }
			c := w.lookup(w.Context(), chain[0].Name, t)
			c.mustGet(0, chain[0])
			c.mustHaveSent(1)
		})
	}
	run("who asks for ANY gets all that the name has", 1, func(w *world) {
		owner := w.name()
		want := []record.Record{w.a(owner), w.record(owner, question.TypeTXT), w.record(owner, question.TypeMX)}
		w.servers[0].udp = func(q *query) { q.answer(want...) }
		w.lookup(w.Context(), owner, question.TypeANY).mustGet(0, want...)
	})
}

// Records that nobody asked for (RFC 2181, section 5.4.1).
func TestUnasked(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 14, f) })
	for _, tt := range []struct {
		why string
		add func(w *world, m *dns.Msg, owner string)
	}{
		{"an address of another name", func(w *world, m *dns.Msg, _ string) {
			m.Answer = append(m.Answer, toRR(w.a(w.name())))
		}},
		{"an address of the name above", func(w *world, m *dns.Msg, owner string) {
			_, above, _ := strings.Cut(owner, ".")
			m.Answer = append(m.Answer, toRR(w.a(above)))
		}},
		{"an address of a name below", func(w *world, m *dns.Msg, owner string) {
			m.Answer = append(m.Answer, toRR(w.a("x."+owner)))
		}},
		{"an alias of another name, and what it leads to", func(w *world, m *dns.Msg, _ string) {
			chain, end := w.chain(1)
			m.Answer = append(m.Answer, toRR(chain[0]), toRR(w.a(end)))
		}},
		{"another name that is an alias of this one", func(w *world, m *dns.Msg, owner string) {
			other := w.name()
			m.Answer = append(m.Answer, toRR(alias(other, owner)), toRR(w.a(other)))
		}},
		{"a record of another type", func(w *world, m *dns.Msg, owner string) {
			m.Answer = append(m.Answer, toRR(w.record(owner, question.TypeTXT)))
		}},
		{"a record of another class", func(w *world, m *dns.Msg, owner string) {
			r := w.a(owner)
			r.Class = question.ClassCH
			m.Answer = append(m.Answer, toRR(r))
		}},
		{"an alias of another class", func(w *world, m *dns.Msg, owner string) {
			other := w.name()
			r := alias(owner, other)
			r.Class = question.ClassCH
			m.Answer = append(m.Answer, toRR(r), toRR(w.a(other)))
		}},
		{"an address in the authority section", func(w *world, m *dns.Msg, owner string) {
			m.Ns = append(m.Ns, toRR(w.a(owner)))
		}},
		{"an address in the additional section", func(w *world, m *dns.Msg, owner string) {
			m.Extra = append(m.Extra, toRR(w.a(owner)))
		}},
	} {
		reply := func(w *world, owner string, right ...record.Record) {
			m := answerOf(right)
			tt.add(w, m, owner)
			w.servers[0].udp = func(q *query) {
				out := q.reply()
				out.Authoritative = true
				out.Answer, out.Ns, out.Extra = m.Answer, m.Ns, m.Extra
				w.d.Shuffle(len(out.Answer), func(i, j int) { out.Answer[i], out.Answer[j] = out.Answer[j], out.Answer[i] })
				if w.count() > 1 { // a second question is for somebody else
					out.Answer, out.Ns, out.Extra = nil, nil, nil
				}
				q.send(out)
			}
		}
		run(tt.why, 1, func(w *world) {
			owner := w.name()
			reply(w, owner)
			w.lookup(w.Context(), owner, question.TypeA).mustFail(resolve.ErrNoData, 0)
		})
		run(tt.why+", beside the right one", 1, func(w *world) {
			a := w.a(w.name())
			reply(w, a.Name, a)
			w.lookup(w.Context(), a.Name, question.TypeA).mustGet(0, a)
		})
	}
}

// Aliases that lead on to another question (RFC 1034, section 5.3.3).
func TestAliasOfAlias(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 15, f) })
	for _, step := range []int{1, 2, 3} {
		for _, n := range []int{1, 3, 6} {
			run(fmt.Sprintf("aliases: %d, %d in an answer", n, step), 1, func(w *world) {
				chain, end := w.chain(n)
				want := []record.Record{w.a(end), w.a(end)}
				w.serve(zone{append(chain, want...), step})
				w.lookup(w.Context(), chain[0].Name, question.TypeA).mustGet(0, want...)
			})
		}
		run(fmt.Sprintf("to a name that does not exist, %d in an answer", step), 1, func(w *world) {
			chain, _ := w.chain(3)
			w.serve(zone{chain, step})
			w.lookup(w.Context(), chain[0].Name, question.TypeA).mustFail(resolve.ErrNXDomain, 0)
		})
		run(fmt.Sprintf("to a name with other records, %d in an answer", step), 1, func(w *world) {
			chain, end := w.chain(3)
			w.serve(zone{append(chain, w.record(end, question.TypeTXT)), step})
			w.lookup(w.Context(), chain[0].Name, question.TypeA).mustFail(resolve.ErrNoData, 0)
		})
	}
	for _, tt := range []struct {
		why  string
		want error
	}{
		{"the whole way to a name that does not exist", resolve.ErrNXDomain},
		{"the whole way to a name with other records", resolve.ErrNoData},
	} {
		run(tt.why, 1, func(w *world) {
			chain, end := w.chain(3)
			if tt.want == resolve.ErrNoData {
				chain = append(chain, w.record(end, question.TypeTXT))
			}
			w.serve(zone{chain, 99})
			w.lookup(w.Context(), chain[0].Name, question.TypeA).mustFail(tt.want, 0)
		})
	}
	run("each question has the servers and the time that the first one had", 2, func(w *world) {
		chain, end := w.chain(1)
		want := w.a(end)
		z := zone{append(chain, want), 1}
		w.servers[0].udp = func(q *query) {
			if w.count() > 1 {
				q.after(w.timeout-time.Millisecond, func() { q.send(z.answer(q)) })
			}
		}
		w.servers[1].udp = func(q *query) { q.after(w.timeout-time.Millisecond, func() { q.send(z.answer(q)) }) }
		c := w.lookup(w.Context(), chain[0].Name, question.TypeA)
		c.mustGet(3*w.timeout-2*time.Millisecond, want)
	})
}

// Aliases without an end, and very many (RFC 1034, section 3.6.2).
func TestChain(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 16, f) })
	for _, step := range []int{99, 1, 2, 5} {
		how := fmt.Sprintf("%d in an answer", step)
		if step == 99 {
			how = "all in one answer"
		}
		run(fmt.Sprintf("%d aliases, %s", resolve.MaxChain, how), 1, func(w *world) {
			chain, end := w.chain(resolve.MaxChain)
			want := w.a(end)
			w.serve(zone{append(chain, want), step})
			w.lookup(w.Context(), chain[0].Name, question.TypeA).mustGet(0, want)
		})
		run(fmt.Sprintf("%d aliases, %s", resolve.MaxChain+1, how), 1, func(w *world) {
			chain, end := w.chain(resolve.MaxChain + 1)
			w.serve(zone{append(chain, w.a(end)), step})
			w.lookup(w.Context(), chain[0].Name, question.TypeA).mustFail(resolve.ErrChain, 0)
		})
		for length := 1; length <= 3; length++ {
			run(fmt.Sprintf("a circle of %d, %s", length, how), 1, func(w *world) {
				chain, end := w.chain(length + w.d.Between(0, 3))
				back := end // to which the circle leads back
				if length > 1 {
					back = chain[len(chain)-length+1].Name
				}
				chain = append(chain, alias(end, back))
				w.serve(zone{chain, step})
				c := w.lookup(w.Context(), chain[0].Name, question.TypeA)
				c.mustFail(resolve.ErrChain, 0)
				if n := len(w.asked); n > resolve.MaxChain+1 {
					w.Fatalf("%s\nasked %d times\nwant MaxChain+1 times at most, which is %d", c.title, n, resolve.MaxChain+1)
				}
			})
		}
	}
}

// A context that ends, wherever that finds Lookup (context, WithCancel).
func TestContext(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 17, f) })
	for _, tt := range []struct {
		why  string
		want error
		end  func(w *world, at time.Duration) context.Context
	}{
		{"is cancelled", context.Canceled, (*world).cancelledAfter},
		{"has a deadline", context.DeadlineExceeded, (*world).until},
	} {
		for _, in := range []struct {
			why   string
			asked int
			begin func(w *world)
		}{
			{"in the first wait", 1, func(*world) {}},
			{"in the third", 3, func(*world) {}},
			{"between many datagrams that do not count", 1, func(w *world) { w.make(noises[0].stranger, noises[0].msg) }},
			{"as a connection is dialled", 1, func(w *world) {
				w.Net.Silence(w.servers[0].addr.String())
				w.servers[0].udp = func(q *query) { q.truncated() }
			}},
			{"in the wait for an answer over TCP", 1, func(w *world) {
				w.servers[0].udp = func(q *query) { q.truncated() }
				w.servers[0].overTCP(func(*query) {})
			}},
			{"in the middle of an answer over TCP", 1, func(w *world) {
				w.servers[0].udp = func(q *query) { q.truncated() }
				w.servers[0].overTCP(func(q *query) { q.conn.Write(overTCP(pack(q.lie()))[:40]) })
			}},
			{"between two questions of a chain", 2, func(w *world) {
				w.servers[0].udp = func(q *query) {
					if w.count() == 1 {
						m := q.reply()
						m.Answer = []dns.RR{toRR(alias(q.m.Question[0].Name, w.name()))}
						q.send(m)
					}
				}
			}},
		} {
			run(in.why+", it "+tt.why, 2, func(w *world) {
				in.begin(w)
				at := w.timeout - ms(w.d.Between(1, 200))
				if in.asked == 3 {
					at += 2 * w.timeout
				}
				c := w.lookup(tt.end(w, at), w.name(), question.TypeA)
				c.mustFail(tt.want, at)
				w.Pass(time.Minute)
				c.mustHaveSent(in.asked)
			})
		}
		run("before it begins, it "+tt.why, 2, func(w *world) {
			a := w.a(w.name())
			w.servers[0].udp = func(q *query) { q.answer(a) }
			ctx := tt.end(w, time.Second)
			w.Pass(2 * time.Second)
			c := w.lookup(ctx, a.Name, question.TypeA)
			c.mustFail(tt.want, 0)
			w.Pass(time.Minute)
			c.mustHaveSent(0)
		})
	}
}

// What is left after every way out (net, PacketConn).
func TestNothingLeft(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 18, f) })
	truncated := func(w *world) {
		for _, s := range w.servers {
			s.udp = func(q *query) { q.truncated() }
		}
	}
	for _, tt := range []struct {
		why   string
		begin func(w *world)
		ctx   func(w *world) context.Context // nil: one that does not end
	}{
		{"an answer", func(w *world) { w.servers[0].udp = func(q *query) { q.answer(w.a(q.m.Question[0].Name)) } }, nil},
		{"NXDOMAIN", func(w *world) { w.servers[0].udp = func(q *query) { q.fail(dns.RcodeNameError) } }, nil},
		{"silence", func(*world) {}, nil},
		{"a refusal", func(w *world) { w.servers[0].udp = func(q *query) { q.fail(dns.RcodeRefused) } }, nil},
		{"a query that cannot be sent", func(w *world) { w.write = func(int) error { return errBroken } }, nil},
		{"a chain", func(w *world) { chain, _ := w.chain(3); w.serve(zone{chain, 1}); w.next = chain[0].Name }, nil},
		{"an answer over TCP", func(w *world) {
			truncated(w)
			w.servers[0].overTCP(func(q *query) { q.answer(w.a(q.m.Question[0].Name)) })
		}, nil},
		{"silence over TCP", func(w *world) { truncated(w); w.servers[0].overTCP(func(*query) {}) }, nil},
		{"nonsense over TCP", func(w *world) {
			truncated(w)
			w.servers[0].overTCP(func(q *query) { q.sendRaw(q.msg) })
		}, nil},
		{"TCP refused", truncated, nil},
		{"a cancel", func(*world) {}, func(w *world) context.Context { return w.cancelledAfter(w.timeout / 2) }},
		{"a cancel over TCP", func(w *world) { truncated(w); w.servers[0].overTCP(func(*query) {}) },
			func(w *world) context.Context { return w.cancelledAfter(w.timeout / 2) }},
		{"a deadline", func(*world) {}, func(w *world) context.Context { return w.until(w.timeout / 2) }},
	} {
		run("after "+tt.why, 2, func(w *world) {
			tt.begin(w)
			ctx := w.Context()
			if tt.ctx != nil {
				ctx = tt.ctx(w)
			}
			c := w.lookup(ctx, cmp.Or(w.next, w.name()), question.TypeA)
			c.mustEnd(time.Hour)
			c.mustHaveClosed()
			w.leave()
			w.MustBeQuiet()
		})
	}
	overTCP := func(w *world, answer func(q *query)) {
		truncated(w)
		w.servers[0].overTCP(answer)
	}
	for _, tt := range []struct {
		why   string
		begin func(w *world, answer func(q *query))
	}{
		{"UDP", func(w *world, answer func(q *query)) { w.servers[0].udp = answer }},
		{"TCP", overTCP},
	} {
		for _, end := range []struct {
			why    string
			answer func(q *query, cancel func())
		}{
			{"a cancel", func(q *query, cancel func()) { q.after(100*time.Millisecond, cancel) }},
			{"the end of Timeout", func(*query, func()) {}},
			{"an answer and a cancel at one moment", func(q *query, cancel func()) {
				q.answer(q.s.w.a(q.m.Question[0].Name))
				cancel()
			}},
			{"an error and a cancel at one moment", func(q *query, cancel func()) {
				q.fail(dns.RcodeServerFailure)
				cancel()
			}},
		} {
			run(end.why+" over "+tt.why+", and who hears of it is slow", 1, func(w *world) {
				oneAtATime(w)
				w.r.Rounds = 1
				ctx, cancel := w.cancellable()
				tt.begin(w, func(q *query) { end.answer(q, cancel) })
				w.slow.Store(true)
				c := w.lookup(ctx, w.name(), question.TypeA)
				c.mustEnd(w.timeout)
				c.mustHaveWaited()
			})
		}
	}
	run("sixteen at once, each with its own answer", 2, func(w *world) {
		for _, s := range w.servers {
			s.tcpDelay, s.udpDelay = ms(20), ms(w.d.Between(1, 40))
			s.udp = func(q *query) {
				a := w.addresses[strings.ToLower(q.m.Question[0].Name)]
				if a.Name[0] < 'k' {
					q.truncated()
					return
				}
				q.answer(a)
			}
			s.overTCP(func(q *query) { q.answer(w.addresses[strings.ToLower(q.m.Question[0].Name)]) })
		}
		want := make([]record.Record, 16)
		for i := range want {
			want[i] = w.a(w.name())
			w.addresses[want[i].Name] = want[i]
		}
		var calls []*call
		for _, a := range want {
			calls = append(calls, w.lookup(w.Context(), a.Name, question.TypeA))
		}
		for i, c := range calls {
			c.mustEnd(w.timeout)
			c.mustGet(c.took, want[i])
		}
	})
}

// world is a network with servers, and a Resolver that knows them.
type world struct {
	*bubble.B
	d       *draw.Data
	r       *resolve.Resolver
	timeout time.Duration // the Resolver's
	local   string        // the host that Lookup runs on
	servers []*server
	next    string // the name to look up, when not any
	ports   []int  // for sockets to come

	addresses map[string]record.Record // by name

	// What goes wrong with the socket or the datagram of that number, from 1 on. They
	// are called under mu.
	listen func(number int) error
	write  func(number int) error
	read   func(number, n int, from net.Addr) (int, net.Addr, error)

	slow atomic.Bool            // goroutines other than Lookup's own take long to close a socket and the like
	gone atomic.Bool            // Lookup has returned
	left atomic.Pointer[string] // what it did not wait for, if slow is set

	mu      sync.Mutex // never held by who waits
	asked   []*query   // over UDP, by all servers
	streams []*query   // over TCP
	lost    []*query   // that are no queries
	cut     []byte     // a truncated datagram that a server sent, to be shown
	sockets []*socket
	conns   []*stream
	reads   int
	writes  int
}

// on has each part of a test run in a world of its own.
func on(t *testing.T, rule func(t *testing.T, f func(b *bubble.B))) func(why string, servers int, f func(w *world)) {
	return func(why string, servers int, f func(w *world)) {
		t.Run(why, func(t *testing.T) {
			rule(t, func(b *bubble.B) { f(build(b, servers)) })
		})
	}
}

// build makes a network with so many servers, which hear and say nothing.
func build(b *bubble.B, servers int) *world {
	b.Net.Describe = describe
	w := &world{B: b, d: draw.From(b.R), local: "198.51.100.7"}
	w.addresses, w.ports = map[string]record.Record{}, w.drawPorts()
	w.timeout = ms(w.d.Between(300, 4000))
	w.r = &resolve.Resolver{Timeout: w.timeout, Rounds: 2, ListenPacket: w.listenPacket, Dial: w.dial}
	for i := range servers {
		host := netip.AddrFrom4([4]byte{192, 0, 2, byte(10*i + w.d.Between(1, 9))})
		w.add(netip.AddrPortFrom(host, uint16(w.d.Between(1, 9999))))
	}
	return w
}

// drawPorts draws more ports than right code ever needs.
func (w *world) drawPorts() (ports []int) {
	for port := 10000; port < 60000; port += w.d.Between(1, 90) {
		ports = append(ports, port)
	}
	w.d.Shuffle(len(ports), func(i, j int) { ports[i], ports[j] = ports[j], ports[i] })
	return ports
}

// add adds a server.
func (w *world) add(addr netip.AddrPort) {
	s := &server{w: w, number: len(w.servers), addr: addr, conn: w.bind(addr)}
	w.Net.Name(s.conn.LocalAddr(), fmt.Sprintf("server %d", s.number+1))
	w.servers = append(w.servers, s)
	w.r.Servers = append(w.r.Servers, addr)
	w.Go(fmt.Sprintf("server %d", s.number+1), s.run)
}

func (w *world) bind(addr netip.AddrPort) *memnet.PacketConn {
	conn, err := w.Net.ListenPacket(addr.String())
	if err != nil {
		w.Fatalf("the test cannot make a socket: %v", err)
	}
	return conn
}

func (w *world) stranger(addr netip.AddrPort) *memnet.PacketConn {
	conn := w.bind(addr)
	w.Net.Name(conn.LocalAddr(), "stranger")
	return conn
}

// leave closes what the servers have.
func (w *world) leave() {
	for _, s := range w.servers {
		s.conn.Close()
		if s.ln != nil {
			s.ln.Close()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.streams {
		q.conn.Close()
	}
}

func (w *world) note(format string, args ...any) { w.Net.Note(format, args...) }

// cancelledAfter returns a context that is cancelled after d; until one that has a
// deadline.
func (w *world) cancelledAfter(d time.Duration) context.Context {
	ctx, cancel := w.cancellable()
	time.AfterFunc(d, cancel)
	return ctx
}

// cancellable returns a context, and what cancels it.
func (w *world) cancellable() (context.Context, func()) {
	ctx, cancel := context.WithCancel(w.Context())
	return ctx, func() {
		w.note("ctx is cancelled")
		cancel()
	}
}

func (w *world) until(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(w.Context(), d)
	w.Cleanup(cancel)
	w.note("the deadline of ctx is at %v", w.Elapsed()+d)
	return ctx
}

// listenPacket is the Resolver's ListenPacket.
func (w *world) listenPacket(context.Context) (net.PacketConn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	number := len(w.sockets) + 1
	if w.listen != nil {
		if err := w.listen(number); err != nil {
			w.sockets = append(w.sockets, &socket{w: w, closed: true})
			w.note("ListenPacket: %v", err)
			return nil, err
		}
	}
	if number >= len(w.ports) {
		return nil, syscall.EMFILE
	}
	conn, err := w.Net.ListenPacket(net.JoinHostPort(w.local, fmt.Sprint(w.ports[number])))
	if err != nil {
		return nil, err
	}
	w.Net.Name(conn.LocalAddr(), "you")
	s := &socket{PacketConn: conn, w: w}
	w.sockets = append(w.sockets, s)
	return s, nil
}

// dial is the Resolver's Dial.
func (w *world) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := w.Net.Dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Net.Name(conn.LocalAddr(), "you")
	s := &stream{Conn: conn, w: w}
	w.conns = append(w.conns, s)
	return s, nil
}

// socket is what ListenPacket gives, and stream what Dial gives.
type socket struct {
	*memnet.PacketConn
	w      *world
	closed bool
}

type stream struct {
	net.Conn
	w     *world
	reads []int // how much each Read returned
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if n > 0 {
		s.reads = append(s.reads, n)
	}
	return n, err
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.PacketConn.ReadFrom(b)
	if s.w.read == nil || err != nil {
		return n, from, err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.w.reads++
	return s.w.read(s.w.reads, n, from)
}

func (s *socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	if err := s.w.mayWrite(); err != nil {
		s.w.note("WriteTo: %v", err)
		return 0, err
	}
	return s.PacketConn.WriteTo(b, addr)
}

func (w *world) mayWrite() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.writes++; w.write == nil {
		return nil
	}
	return w.write(w.writes)
}

func (s *socket) Close() error {
	s.w.mu.Lock()
	s.closed = true
	s.w.mu.Unlock()
	return s.w.slowly("the socket's Close", s.PacketConn.Close)
}

func (s *socket) SetDeadline(t time.Time) error {
	return s.w.slowly("the socket's SetDeadline", func() error { return s.PacketConn.SetDeadline(t) })
}

func (s *socket) SetReadDeadline(t time.Time) error {
	return s.w.slowly("the socket's SetReadDeadline", func() error { return s.PacketConn.SetReadDeadline(t) })
}

func (s *stream) Close() error { return s.w.slowly("the connection's Close", s.Conn.Close) }

func (s *stream) SetDeadline(t time.Time) error {
	return s.w.slowly("the connection's SetDeadline", func() error { return s.Conn.SetDeadline(t) })
}

func (s *stream) SetReadDeadline(t time.Time) error {
	return s.w.slowly("the connection's SetReadDeadline", func() error { return s.Conn.SetReadDeadline(t) })
}

// slowly has goroutines other than Lookup's own let all others go first, before do
// and after it: if Lookup returns meanwhile, it did not wait for this one. There is
// no time in it: whoever waits may hold a lock.
func (w *world) slowly(call string, do func() error) error {
	if !w.slow.Load() || calledBy("(*call).lookUp") {
		return do()
	}
	defer w.letLookupReturn(call, learner())
	w.letLookupReturn(call, learner())
	return do()
}

func (w *world) letLookupReturn(call, place string) {
	for i := 0; i < 1000 && !w.gone.Load(); i++ {
		runtime.Gosched()
	}
	if w.gone.Load() {
		words := call + " " + place
		w.left.CompareAndSwap(nil, &words)
	}
}

// oneAtATime has goroutines take turns until the test is over: a new one begins
// when the others wait or let it.
func oneAtATime(w *world) {
	before := runtime.GOMAXPROCS(1)
	w.Cleanup(func() { runtime.GOMAXPROCS(before) })
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

// learner is the place in the learner's code that called a socket, or that started
// this goroutine.
func learner() string {
	pc := make([]uintptr, 20)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); !strings.HasSuffix(f.File, "_test.go") && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("at %s:%d", short(f.File), f.Line)
		}
	}
	return "in a goroutine of its own"
}

// short is a path from katas/ or solutions/ on.
func short(file string) string {
	parts := strings.Split(file, "/")
	return strings.Join(parts[max(0, len(parts)-4):], "/")
}

// server is a name server that a test plays.
type server struct {
	w        *world
	number   int // from 0 on
	addr     netip.AddrPort
	conn     *memnet.PacketConn
	ln       *memnet.Listener // nil: none over TCP
	udp, tcp func(q *query)   // how it answers; nil: not at all

	udpDelay, tcpDelay time.Duration // after which it does
}

// query is what a server received.
type query struct {
	s    *server
	at   time.Duration
	from net.Addr
	msg  []byte
	m    *dns.Msg
	conn net.Conn // nil over UDP
}

func (s *server) run() error {
	for buf := make([]byte, 1<<16); ; {
		n, from, err := s.conn.ReadFrom(buf)
		if err != nil {
			return err
		}
		q := &query{s: s, at: s.w.Elapsed(), from: from, msg: bytes.Clone(buf[:n])}
		if s.w.heard(q) && s.udp != nil {
			q.after(s.udpDelay, func() { s.udp(q) })
		}
	}
}

// overTCP has the server listen, and answer one query on each connection.
func (s *server) overTCP(answer func(q *query)) {
	ln, err := s.w.Net.Listen(s.addr.String())
	if err != nil {
		s.w.Fatalf("the test cannot listen: %v", err)
	}
	s.ln, s.tcp = ln, answer
	s.w.Go(fmt.Sprintf("server %d over TCP", s.number+1), func() error {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return err
			}
			go s.converse(conn)
		}
	})
}

// converse reads a query, answers it, and waits until the other end hangs up.
func (s *server) converse(conn net.Conn) {
	defer conn.Close()
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, msg); err != nil {
		return
	}
	q := &query{s: s, at: s.w.Elapsed(), from: conn.RemoteAddr(), msg: msg, conn: conn}
	if s.w.heard(q) {
		q.after(s.tcpDelay, func() { s.tcp(q) })
	}
	io.Copy(io.Discard, conn)
}

// heard keeps a query, and says whether it is one.
func (w *world) heard(q *query) bool {
	q.m = new(dns.Msg)
	err := q.m.Unpack(q.msg)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil || len(q.m.Question) != 1:
		w.lost = append(w.lost, q)
		return false
	case q.conn == nil:
		w.asked = append(w.asked, q)
	default:
		w.streams = append(w.streams, q)
	}
	return true
}

// count is how many queries came so far, over UDP; last is the last of them.
func (w *world) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.asked)
}

func (w *world) last() *query {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.asked) == 0 {
		return nil
	}
	return w.asked[len(w.asked)-1]
}

// make sends a datagram that does not count every 77 ms to who asked last, for ten
// minutes.
func (w *world) make(byStranger bool, msg func(q *query) []byte) {
	var stranger *memnet.PacketConn
	if byStranger {
		stranger = w.stranger(netip.MustParseAddrPort("203.0.113.66:53"))
	}
	w.Go("who sends what does not count", func() error {
		for range 8000 {
			<-time.After(77 * time.Millisecond)
			if w.Context().Err() != nil {
				break
			}
			q := w.last()
			switch {
			case q == nil:
			case byStranger:
				stranger.WriteTo(msg(q), q.from)
			default:
				q.sendRaw(msg(q))
			}
		}
		return nil
	})
}

// reply is a response to the query with nothing in it, from a resolver.
func (q *query) reply() *dns.Msg {
	m := new(dns.Msg).SetReply(q.m)
	m.RecursionAvailable = true
	m.Compress = true
	return m
}

// full is one with those answers, and lie one that nobody should believe.
func (q *query) full(answers []record.Record) *dns.Msg {
	m := q.reply()
	m.Answer = answerOf(answers).Answer
	return m
}

func (q *query) lie() *dns.Msg {
	return q.full([]record.Record{{Name: q.m.Question[0].Name, Class: question.ClassIN, TTL: 86400,
		Data: record.A{Addr: netip.MustParseAddr("203.0.113.66")}}})
}

func (q *query) answer(records ...record.Record) { q.send(q.full(records)) }

func (q *query) fail(rcode int) {
	m := q.reply()
	m.Rcode = rcode
	q.send(m)
}

func (q *query) truncated(records ...record.Record) {
	m := q.full(records)
	m.Truncated = true
	q.send(m)
}

func (q *query) send(m *dns.Msg) { q.sendRaw(pack(m)) }

func (q *query) sendRaw(msg []byte) {
	if q.conn != nil {
		q.conn.Write(overTCP(msg))
		return
	}
	if len(msg) > q.size() {
		panic("the test sends a datagram that is too large")
	}
	q.s.conn.WriteTo(msg, q.from)
}

func (q *query) after(d time.Duration, do func()) {
	if d == 0 {
		do()
		return
	}
	time.AfterFunc(d, do)
}

// size is the largest datagram that who asked takes (RFC 6891, section 6.2.3).
func (q *query) size() int {
	if opt := q.m.IsEdns0(); opt != nil {
		return max(512, int(opt.UDPSize()))
	}
	return 512
}

// zone is records, of which an answer has so many aliases at most.
type zone struct {
	records []record.Record
	step    int
}

// serve has all servers answer from a zone.
func (w *world) serve(z zone) {
	for _, s := range w.servers {
		s.udp = func(q *query) { q.send(z.answer(q)) }
	}
}

// answer is what the zone has for a query.
func (z zone) answer(q *query) *dns.Msg {
	m, owner, asked := q.reply(), q.m.Question[0].Name, question.Type(q.m.Question[0].Qtype)
	been := map[string]bool{}
	for len(been) < z.step && !been[owner] {
		been[owner] = true
		exists, target := false, ""
		for _, r := range z.records {
			if !strings.EqualFold(r.Name, owner) {
				continue
			}
			exists = true
			if c, ok := r.Data.(record.CNAME); ok {
				target = c.Target
			}
			if typeOf(r) == asked || target != "" {
				m.Answer = append(m.Answer, toRR(r))
			}
		}
		if target == "" {
			if !exists {
				m.Rcode = dns.RcodeNameError
			}
			return m
		}
		owner = target
	}
	return m
}

// name draws a name, a and record a record, and many so many of them.
func (w *world) name() string { return w.d.Word() + ".test." }

func (w *world) a(owner string) record.Record { return w.record(owner, question.TypeA) }

func (w *world) record(owner string, t question.Type) record.Record {
	r := record.Record{Name: owner, Class: question.ClassIN, TTL: uint32(w.d.Between(1, 86400))}
	n := func() uint16 { return uint16(w.d.Between(1, 9999)) }
	switch t {
	case question.TypeA:
		r.Data = record.A{Addr: netip.AddrFrom4([4]byte{10, byte(w.d.IntN(256)), byte(w.d.IntN(256)), byte(w.d.IntN(256))})}
	case question.TypeAAAA:
		r.Data = record.AAAA{Addr: netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(w.d.IntN(256)), 15: byte(w.d.IntN(256))})}
	case question.TypeNS:
		r.Data = record.NS{Host: w.name()}
	case question.TypePTR:
		r.Data = record.PTR{Target: w.name()}
	case question.TypeMX:
		r.Data = record.MX{Preference: n(), Host: w.name()}
	case question.TypeTXT:
		r.Data = record.TXT{Strings: w.d.Words(w.d.Between(1, 3))}
	case question.TypeSOA:
		r.Data = record.SOA{Primary: w.name(), Mailbox: w.name(), Serial: uint32(n()), Refresh: 7200, Retry: 3600, Expire: 1209600, Minimum: 300}
	case question.TypeSRV:
		r.Data = record.SRV{Priority: n(), Weight: n(), Port: n(), Target: w.name()}
	default:
		r.Data = record.Unknown{Of: t, Data: []byte(w.d.Word())}
	}
	return r
}

func (w *world) many(owner string, n int) []record.Record {
	all := make([]record.Record, n)
	for i := range all {
		all[i] = w.record(owner, question.TypeTXT)
	}
	return all
}

// fill returns TXT records for a response of that size, whose question is for owner.
func (w *world) fill(owner string, size int) (all []record.Record) {
	const overhead, longest = 2 + 10 + 1, 255 // a pointer, what stands before the data, a length
	m := new(dns.Msg).SetQuestion(owner, dns.TypeTXT)
	for left := size - len(pack(m)); left > 0; {
		n := min(left, overhead+longest)
		if rest := left - n; rest > 0 && rest <= overhead {
			n -= overhead + 1
		}
		left -= n
		text := strings.Repeat(w.d.Word(), 64)[:n-overhead]
		all = append(all, record.Record{Name: owner, Class: question.ClassIN, TTL: 60, Data: record.TXT{Strings: []string{text}}})
	}
	return all
}

// chain returns n aliases, each of the next, and what the last one leads to.
func (w *world) chain(n int) (aliases []record.Record, end string) {
	end = w.name()
	for range n {
		next := w.name()
		aliases = append(aliases, alias(end, next))
		end = next
	}
	return aliases, end
}

func alias(owner, target string) record.Record {
	return record.Record{Name: owner, Class: question.ClassIN, TTL: 60, Data: record.CNAME{Target: target}}
}

// typeOf is the type of a record, whether the code for that is there or not.
func typeOf(r record.Record) question.Type { return question.Type(toRR(r).Header().Rrtype) }

// toRR is a record as miekg/dns has it.
func toRR(r record.Record) dns.RR {
	h := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: r.Name, Rrtype: t, Class: uint16(r.Class), Ttl: r.TTL}
	}
	switch d := r.Data.(type) {
	case record.A:
		return &dns.A{Hdr: h(dns.TypeA), A: d.Addr.AsSlice()}
	case record.AAAA:
		return &dns.AAAA{Hdr: h(dns.TypeAAAA), AAAA: d.Addr.AsSlice()}
	case record.CNAME:
		return &dns.CNAME{Hdr: h(dns.TypeCNAME), Target: d.Target}
	case record.NS:
		return &dns.NS{Hdr: h(dns.TypeNS), Ns: d.Host}
	case record.PTR:
		return &dns.PTR{Hdr: h(dns.TypePTR), Ptr: d.Target}
	case record.MX:
		return &dns.MX{Hdr: h(dns.TypeMX), Preference: d.Preference, Mx: d.Host}
	case record.TXT:
		return &dns.TXT{Hdr: h(dns.TypeTXT), Txt: d.Strings}
	case record.SOA:
		return &dns.SOA{Hdr: h(dns.TypeSOA), Ns: d.Primary, Mbox: d.Mailbox, Serial: d.Serial, Refresh: d.Refresh, Retry: d.Retry, Expire: d.Expire, Minttl: d.Minimum}
	case record.SRV:
		return &dns.SRV{Hdr: h(dns.TypeSRV), Priority: d.Priority, Weight: d.Weight, Port: d.Port, Target: d.Target}
	case record.Unknown:
		return &dns.RFC3597{Hdr: h(uint16(d.Of)), Rdata: hex.EncodeToString(d.Data)}
	}
	panic(fmt.Sprintf("no record of miekg/dns for %T", r.Data))
}

// answerOf is a message with those answers.
func answerOf(records []record.Record) *dns.Msg {
	m := new(dns.Msg)
	for _, r := range records {
		m.Answer = append(m.Answer, toRR(r))
	}
	return m
}

func pack(m *dns.Msg) []byte {
	m.Compress = true
	msg, err := m.Pack()
	if err != nil || len(msg) > dns.MaxMsgSize {
		panic(fmt.Sprint("the test cannot write its message: ", err))
	}
	return msg
}

// overTCP is a message with its length before it.
func overTCP(msg []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// inBytes is addr with its IP address in so many bytes.
func inBytes(addr net.Addr, n int) net.Addr {
	a := *addr.(*net.UDPAddr)
	if a.IP = a.IP.To16(); n == 4 {
		a.IP = a.IP.To4()
	}
	return &a
}

var errBroken = errors.New("broken for this test")

// broken is errBroken when something is to fail.
func broken(now bool) error {
	if now {
		return errBroken
	}
	return nil
}

// call is a call of Lookup.
type call struct {
	*world
	title   string
	limited bool // ctx has a deadline
	began   time.Duration
	done    chan struct{}

	records []record.Record
	err     error
	took    time.Duration
}

// lookup has Lookup called in a goroutine of its own.
func (w *world) lookup(ctx context.Context, text string, t question.Type) *call {
	c := &call{world: w, title: fmt.Sprintf("Lookup(ctx, %s, %s)", quote(text), typeName(t)), began: w.Elapsed(), done: make(chan struct{})}
	_, c.limited = ctx.Deadline()
	w.note("Lookup is called. %s", w.settings())
	w.Go(c.title, func() error {
		defer close(c.done)
		c.lookUp(ctx, text, t)
		w.gone.Store(true)
		c.took = w.Elapsed() - c.began
		return c.err
	})
	return c
}

// lookUp has a name, so that a socket knows calls by Lookup's own goroutine.
//
//go:noinline
func (c *call) lookUp(ctx context.Context, text string, t question.Type) {
	c.records, c.err = c.r.Lookup(ctx, text, t)
}

// settings are what the Resolver was told.
func (w *world) settings() string {
	return fmt.Sprintf("Servers: %d, Timeout: %v, Rounds: %d", len(w.r.Servers), w.r.Timeout, w.r.Rounds)
}

// mustEnd waits for Lookup to return, half a minute longer than it may take.
func (c *call) mustEnd(limit time.Duration) {
	c.T().Helper()
	c.mustReturn(limit, "it to return")
}

func (c *call) mustReturn(limit time.Duration, want string) {
	c.T().Helper()
	select {
	case <-c.done:
		c.Wait()
	case <-time.After(limit + 30*time.Second):
		c.Fatalf("%s\nhas not returned after %v\nwant %s%s\n\n%s", c.title, c.Elapsed()-c.began, want, c.evidence(), c.Waiting())
	}
}

// mustGet wants those records at that time since the call.
func (c *call) mustGet(at time.Duration, want ...record.Record) {
	c.T().Helper()
	c.mustReturn(at, fmt.Sprintf("%s after %v", words(want), at))
	if c.err != nil || !reflect.DeepEqual(c.records, want) || c.took != at {
		c.Fatalf("%s\nreturned after %v:\n%s\nwant after %v:\n%s%s", c.title, c.took, outcome(c.records, c.err), at, words(want), c.evidence())
	}
}

// sentinels are errors of which Lookup returns one at most.
var sentinels = []error{resolve.ErrNXDomain, resolve.ErrNoData, resolve.ErrServers, resolve.ErrChain}

// mustFail wants that error at that time since the call. At the deadline of ctx,
// it may be ErrServers, when the socket's timer was the first to fire.
func (c *call) mustFail(want error, at time.Duration) {
	c.T().Helper()
	c.mustReturn(at, fmt.Sprintf("%s after %v", errName(want), at))
	late := want == context.DeadlineExceeded && at > 0 && errors.Is(c.err, resolve.ErrServers)
	if !errors.Is(c.err, want) && !late || c.took != at {
		c.Fatalf("%s\nreturned after %v:\n%s\nwant after %v:\n  an error that is %s%s", c.title, c.took, outcome(c.records, c.err), at, errName(want), c.evidence())
	}
	for _, other := range sentinels {
		if slices.Contains(sentinels, want) && other != want && errors.Is(c.err, other) {
			c.Fatalf("%s\nreturned an error that is %s, and %s as well:\n%s\nwant %s alone", c.title, errName(want), errName(other), outcome(nil, c.err), errName(want))
		}
	}
}

// mustHaveSent wants so many queries by now, over UDP. What is sent at the very
// moment of a deadline of ctx is not counted: a socket's timer may fire before the
// context's.
func (c *call) mustHaveSent(want int) {
	c.T().Helper()
	c.Wait()
	got := c.count()
	for _, q := range c.asked {
		if c.limited && c.took > 0 && q.at == c.began+c.took {
			got--
		}
	}
	if got != want {
		c.Fatalf("%s\nreturned after %v:\n%s\ndatagrams that came to servers: %d\nwant %d%s", c.title, c.took, outcome(c.records, c.err), got, want, c.evidence())
	}
}

// visited is when a server was asked, since the call.
type visited struct {
	at     time.Duration
	server int // from 0 on
}

func visit(at time.Duration, server int) visited { return visited{at, server} }

// plan is whom one has to ask and when, if nobody answers.
func (w *world) plan(n int) (all []visited) {
	for i := range n {
		all = append(all, visit(time.Duration(i)*w.timeout, i%len(w.servers)))
	}
	return all
}

// mustAsk wants those servers to have been asked, at those times.
func (c *call) mustAsk(want ...visited) {
	c.T().Helper()
	c.Wait()
	var got []visited
	for _, q := range c.asked {
		got = append(got, visit(q.at-c.began, q.s.number))
	}
	if !slices.Equal(got, want) {
		c.Fatalf("%s\n%s\nasked\n%s\nwant\n%s", c.title, c.settings(), visits(got), visits(want))
	}
}

// mustHaveClosed wants all that was opened to be closed.
func (c *call) mustHaveClosed() {
	c.T().Helper()
	c.Wait()
	var open []string
	for _, o := range c.Net.Open() {
		if slices.ContainsFunc(c.mine(), func(a net.Addr) bool {
			return strings.Contains(o.What, " "+a.String()+" ") || o.What == "socket "+a.String()
		}) {
			open = append(open, "  "+o.What)
		}
	}
	if len(open) > 0 {
		c.Fatalf("%s\nreturned after %v:\n%s\nand left open:\n%s\nwant all closed by then", c.title, c.took, outcome(c.records, c.err), strings.Join(open, "\n"))
	}
}

// mustHaveWaited wants Lookup to have returned after all that it started.
func (c *call) mustHaveWaited() {
	c.T().Helper()
	c.Wait()
	if left := c.left.Load(); left != nil {
		c.Fatalf("%s\nreturned after %v:\n%s\nand a goroutine that it started was not over yet: it had called, or was about\nto call, %s.\nwant Lookup to return after it. (If context.AfterFunc started it: when stop returns\nfalse, the function runs, or will; stop does not wait for it.)", c.title, c.took, outcome(c.records, c.err), *left)
	}
}

// evidence shows what the trace does not: a message to a server that is no query,
// a truncated datagram, and what Read made of an answer over TCP. It may be "".
func (c *call) evidence() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text string
	if len(c.lost) > 0 {
		q := c.lost[0]
		text += fmt.Sprintf("\n\nserver %d received what is no message with one question:\n%s", q.s.number+1, wire.DNS(q.msg).Dump())
	}
	if c.cut != nil {
		text += "\n\nThe server's datagram: TC is set, and its last record is cut. The header and\nthe question can be read, and that is all that you need of it:\n" + wire.DNS(c.cut).Dump()
	}
	for _, s := range c.conns {
		if len(s.reads) > 0 {
			return text + "\n\nOctets that each Read of the connection returned to you: " + numbers(s.reads)
		}
	}
	return text
}

// numbers lists the first eight of them, and says how many there are.
func numbers(all []int) string {
	if len(all) <= 8 {
		return strings.Trim(fmt.Sprint(all), "[]")
	}
	return strings.Trim(fmt.Sprint(all[:8]), "[]") + fmt.Sprintf(" … (Reads: %d)", len(all))
}

// mustBeQuery wants the datagram of that number, from 0 on, to be that query.
func (w *world) mustBeQuery(number int, owner string, t question.Type) {
	w.T().Helper()
	if len(w.asked) <= number {
		w.Fatalf("datagrams that came to servers: %d\nwant %d", len(w.asked), number+1)
	}
	w.mustBe(w.asked[number], owner, t)
}

// mustBeQueryOverTCP wants that one query over TCP.
func (w *world) mustBeQueryOverTCP(owner string, t question.Type) {
	w.T().Helper()
	if len(w.streams) != 1 {
		w.Fatalf("queries that came over TCP: %d\nwant 1", len(w.streams))
	}
	w.mustBe(w.streams[0], owner, t)
}

func (w *world) mustBe(q *query, owner string, t question.Type) {
	w.T().Helper()
	h, asked := q.m.MsgHdr, q.m.Question[0]
	for _, fault := range []struct {
		is   bool
		what string
	}{
		{h.Response, "QR is set, as in a response"},
		{h.Opcode != dns.OpcodeQuery, "the opcode is not 0"},
		{!h.RecursionDesired, "RD is not set, so that nobody has to find out"},
		{h.Authoritative || h.Truncated || h.RecursionAvailable || h.Zero, "one of AA, TC, RA and Z is set, which are for responses"},
		{h.Rcode != 0, "the response code is not 0"},
		{!strings.EqualFold(asked.Name, owner), "the question is for " + asked.Name + ", not " + owner},
		{asked.Qtype != uint16(t), "the question is for " + typeName(question.Type(asked.Qtype)) + " records, not " + typeName(t)},
		{asked.Qclass != dns.ClassINET, "the class is not IN"},
		{len(q.m.Answer)+len(q.m.Ns) > 0, "there are answers in it"},
		{len(q.m.Extra) > 1 || len(q.m.Extra) == 1 && q.m.IsEdns0() == nil, "something else than one OPT record stands behind the question"},
		{q.m.Len() < len(q.msg), fmt.Sprintf("%d octets stand behind the end", len(q.msg)-q.m.Len())},
	} {
		if fault.is {
			w.Fatalf("server %d received a message in which %s:\n\n%s", q.s.number+1, fault.what, wire.DNS(q.msg).Dump())
		}
	}
}

// mine are the addresses of the sockets and connections that Lookup got.
func (w *world) mine() (all []net.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sockets {
		if !s.closed {
			all = append(all, s.LocalAddr())
		}
	}
	for _, c := range w.conns {
		all = append(all, c.LocalAddr())
	}
	return all
}

// describe is what the transcript says of a message.
func describe(payload []byte) string {
	m := new(dns.Msg)
	if m.Unpack(payload) != nil || len(m.Question) != 1 {
		overTCP := len(payload) >= 2 && int(binary.BigEndian.Uint16(payload)) == len(payload)-2
		if !overTCP && m.Response && m.Truncated && len(m.Question) == 1 && m.Question[0].Name != "." {
			return describeQuestion(m) + " TC, cut in a record"
		}
		if len(payload) < 14 || m.Unpack(payload[2:]) != nil || len(m.Question) != 1 {
			return ""
		}
	}
	text := describeQuestion(m)
	switch {
	case !m.Response:
		return text + "?"
	case m.Truncated:
		return text + " TC"
	case m.Rcode != 0:
		return text + " " + dns.RcodeToString[m.Rcode]
	case len(m.Answer) == 0:
		return text + " no answer"
	case len(m.Answer) > 1:
		return fmt.Sprintf("%s %d answers", text, len(m.Answer))
	}
	return text + " " + strings.TrimPrefix(m.Answer[0].String(), m.Answer[0].Header().String())
}

func describeQuestion(m *dns.Msg) string {
	q := m.Question[0]
	return fmt.Sprintf("%04x %s %s", m.Id, typeName(question.Type(q.Qtype)), q.Name)
}

func typeName(t question.Type) string { return dns.Type(t).String() }

// outcome is what Lookup returned.
func outcome(records []record.Record, err error) string {
	if err != nil {
		return fmt.Sprintf("  the error %q", err)
	}
	return words(records)
}

// words lists records, as they would stand in a zone file.
func words(records []record.Record) string {
	if len(records) == 0 {
		return "  no record, and no error"
	}
	var lines []string
	for _, r := range records {
		text := strings.ReplaceAll(toRR(r).String(), "\t", " ")
		if len(text) > 68 {
			text = text[:65] + "…"
		}
		lines = append(lines, "  "+text)
	}
	if n := len(lines); n > 6 {
		lines = append(lines[:5], fmt.Sprintf("  … (%d in all)", n))
	}
	return strings.Join(lines, "\n")
}

// errName is what a test says that it wants.
func errName(err error) string {
	for e, text := range map[error]string{
		resolve.ErrNXDomain: "ErrNXDomain", resolve.ErrNoData: "ErrNoData", resolve.ErrServers: "ErrServers", resolve.ErrChain: "ErrChain",
		name.ErrEmptyLabel: "name.ErrEmptyLabel", name.ErrLabelLen: "name.ErrLabelLen", name.ErrNameLen: "name.ErrNameLen", name.ErrEscape: "name.ErrEscape",
		context.Canceled: "context.Canceled", context.DeadlineExceeded: "context.DeadlineExceeded",
	} {
		if e == err {
			return text
		}
	}
	return fmt.Sprintf("%q", err)
}

// visits lists who was asked when, four on a line.
func visits(all []visited) string {
	if len(all) == 0 {
		return "  nobody"
	}
	var lines []string
	for row := range slices.Chunk(all, 4) {
		var parts []string
		for _, v := range row {
			parts = append(parts, fmt.Sprintf("%d at %v", v.server+1, v.at))
		}
		lines = append(lines, "  server "+strings.Join(parts, ", "))
	}
	if n := len(lines); n > 6 {
		lines = append(lines[:6], fmt.Sprintf("  … (%d in all)", len(all)))
	}
	return strings.Join(lines, "\n")
}

// quote is %q, without the middle of a long text.
func quote(text string) string {
	quoted := fmt.Sprintf("%q", text)
	if strings.Contains(text, "\\") {
		quoted = "`" + text + "`"
	}
	if n := len(text); n > 40 {
		return fmt.Sprintf("%q … %q (%d bytes)", text[:12], text[n-12:], n)
	}
	return quoted
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

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
			return fmt.Sprintf("%d times it is the id of the query before.", n)
		default:
			return fmt.Sprintf("%d times it is the id of the query before, plus %d.", n, step)
		}
	}
	if fixed := ^ever | always; fixed != 0 {
		return fmt.Sprintf("Some of the 16 bits are the same in all of them (mask %04x).", fixed)
	}
	return ""
}

// list lists ids, eight on a line.
func list(ids []uint16) string {
	var lines []string
	for row := range slices.Chunk(ids, 8) {
		lines = append(lines, fmt.Sprintf("  %04x", row))
	}
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(lines, "\n"))
}
