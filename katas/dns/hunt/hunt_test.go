package hunt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
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
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/hunt"
)

// hosts are those of most tests.
var hosts = map[string]netip.Addr{
	"web.test":   netip.MustParseAddr("10.0.0.1"),
	"mail.test":  netip.MustParseAddr("10.0.0.2"),
	"db.eu.test": netip.MustParseAddr("10.0.1.1"),
	"six.test":   netip.MustParseAddr("2001:db8::6"),
	"ns-6.test":  netip.MustParseAddr("2001:db8:0:53::a0b:c0d"),
	"old.test":   netip.MustParseAddr("::ffff:10.0.0.4"), // as netip.AddrFromSlice has it of a net.IP
}

// What goes well today (RFC 1035, section 4.1).
func TestStillAnswers(t *testing.T) {
	for _, tt := range []struct {
		why   string
		query []byte
		want  want
	}{
		{"a host", query("web.test", dns.TypeA), want{answers: []string{"web.test. A 10.0.0.1"}}},
		{"another host", query("mail.test", dns.TypeA), want{answers: []string{"mail.test. A 10.0.0.2"}}},
		{"an IPv4 address that is kept as an IPv6 one", query("old.test", dns.TypeA), want{answers: []string{"old.test. A 10.0.0.4"}}},
		{"a name of three labels", query("db.eu.test", dns.TypeA), want{answers: []string{"db.eu.test. A 10.0.1.1"}}},
		{"without recursion desired", with(query("web.test", dns.TypeA), 2, 0x00), want{answers: []string{"web.test. A 10.0.0.1"}}},
		{"AD and CD, which dig sets", with(query("web.test", dns.TypeA), 3, 0x30), want{answers: []string{"web.test. A 10.0.0.1"}}},
		{"ANY", query("web.test", dns.TypeANY), want{answers: []string{"web.test. A 10.0.0.1"}}},
		{"no such host", query("wep.test", dns.TypeA), want{rcode: dns.RcodeNameError}},
		{"nothing below a host", query("www.web.test", dns.TypeA), want{rcode: dns.RcodeNameError}},
		{"a label with a dot in it", ask(0x2a17, "\x08web.test\x00", dns.TypeA, dns.ClassINET), want{rcode: dns.RcodeNameError}},
		{"a name above hosts", query("test", dns.TypeNS), want{}},
		{"a name above one host alone", query("eu.test", dns.TypeA), want{}},
		{"the root", ask(0x2a17, "\x00", dns.TypeNS, dns.ClassINET), want{}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				c := start(b, hosts).client("ann")
				m := c.mustHear("dig +noedns is not answered as yesterday", tt.query, tt.want)
				c.mustHaveFlags(tt.query, m, true)
			})
		})
	}
}

// Hosts whose names stand above those of other hosts: what is read of the map
// first, and what last, is a matter of luck.
func TestStillFindsHosts(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		hosts := map[string]netip.Addr{}
		name := "test"
		for i := range byte(10) {
			name = fmt.Sprintf("h%d.%s", i, name)
			hosts[name] = netip.AddrFrom4([4]byte{10, 0, 3, i})
		}
		c := start(b, hosts).client("ann")
		for name != "test" {
			c.mustHear("a host with another host below it cannot be found", query(name, dns.TypeA), want{answers: []string{name + ". A " + hosts[name].String()}})
			_, name, _ = strings.Cut(name, ".")
		}
	})
}

// Names that no message can hold (RFC 1035, section 2.3.4).
func TestStillRefusesHosts(t *testing.T) {
	for _, host := range []string{"", "web..test", ".test", strings.Repeat("a", 64) + ".test", strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("a", 62)} {
		t.Run(octetsOf([]byte(host)), func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				s := prepare(b, serverAddr)
				s.serve(map[string]netip.Addr{host: netip.MustParseAddr("10.0.0.1")})
				page := []string{"a host's name", fmt.Sprintf("%q", host), "Serve", "has not returned", "should return", "an error"}
				switch ended := s.ended(); {
				case s.died.Load() != nil:
					page[3] = s.obituary()
				case ended && s.call.Wait() != nil:
					return
				case ended:
					page[3] = "returned nil"
				}
				b.Fatalf("%s\n\n%s", pager("a server is in service with a host that nobody can ask for"), rows(page...))
			})
		})
	}
}

// What is refused today (RFC 1035, section 4.1.1; RFC 8906, section 3.1.4).
func TestStillRefuses(t *testing.T) {
	web := query("web.test", dns.TypeA)
	long := "\x3f" + strings.Repeat("a", 63)
	for _, tt := range []struct {
		why   string
		query []byte
		rcode int
	}{
		{"class CH", ask(0x2a17, "\x03web\x04test\x00", dns.TypeA, dns.ClassCHAOS), dns.RcodeRefused},
		{"an update", with(query("test", dns.TypeSOA), 2, 0x28), dns.RcodeNotImplemented},
		{"a notify", with(query("test", dns.TypeSOA), 2, 0x24), dns.RcodeNotImplemented},
		{"no question", with(web[:12], 5, 0), dns.RcodeFormatError},
		{"two questions", append(with(web, 5, 2), web[12:]...), dns.RcodeFormatError},
		{"a name that leads to itself", ask(0x2a17, "\xc0\x0c", dns.TypeA, dns.ClassINET), dns.RcodeFormatError},
		{"a label of a type that is reserved", reserved(0x43), dns.RcodeFormatError},
		{"a label of the other one", reserved(0x83), dns.RcodeFormatError},
		{"a name of 257 octets", ask(0x2a17, strings.Repeat(long, 4)+"\x00", dns.TypeA, dns.ClassINET), dns.RcodeFormatError},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				c := start(b, hosts).client("ann")
				m := c.mustHear("what was refused yesterday is not refused any more", tt.query, want{rcode: tt.rcode})
				if tt.rcode != dns.RcodeFormatError {
					c.mustHaveFlags(tt.query, m, false)
				}
				c.mustHear("the query behind it is not answered as yesterday", web, want{answers: []string{"web.test. A 10.0.0.1"}})
			})
		})
	}
}

// reserved asks for a name with such a label. If it were a length, the name would
// end well.
func reserved(label byte) []byte {
	return ask(0x2a17, string([]byte{label})+strings.Repeat("x", int(label))+"\x00", dns.TypeA, dns.ClassINET)
}

// Errors that pass: what the kernel says about datagrams that were sent, or a
// lack of memory (recvfrom(2)).
func TestStillReads(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ENOBUFS, syscall.ENOMEM} {
		t.Run(errno.Error(), func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				s := prepare(b, serverAddr)
				s.errno, s.failures = errno, 3
				s.serve(hosts)
				c := s.client("ann")
				c.mustHear(fmt.Sprintf("nobody is answered, since the kernel said %q", errno), query("web.test", dns.TypeA), want{answers: []string{"web.test. A 10.0.0.1"}})
			})
		})
	}
}

// Names are compared without regard to case, and come back as they were sent
// (RFC 4343, sections 3 and 4.1).
func TestCase(t *testing.T) {
	t.Run("a host", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			c := start(b, hosts).client("resolver")
			for _, name := range []string{"WEB.TEST", "wEb.TesT", "Web.test", "web.tesT"} {
				c.mustHear("some resolvers cannot find web.test, and others can", query(name, dns.TypeA), want{answers: []string{"web.test. A 10.0.0.1"}})
			}
		})
	})
	t.Run("no such host", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			c := start(b, hosts).client("resolver")
			c.mustHear("a resolver throws answers away", query("WEP.test", dns.TypeA), want{rcode: dns.RcodeNameError})
		})
	})
	t.Run("above a host", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			c := start(b, hosts).client("resolver")
			c.mustHear("resolvers that ask for eu.test first find nothing below it", query("eU.TEst", dns.TypeNS), want{})
			c.mustHear("some resolvers cannot find db.eu.test, and others can", query("db.EU.test", dns.TypeA), want{answers: []string{"db.eu.test. A 10.0.1.1"}})
		})
	})
	t.Run("what is no ASCII has no case", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			c := start(b, map[string]netip.Addr{
				"b\xfcro.test": netip.MustParseAddr("10.0.0.7"), // in Latin-1
				"\u00e4.test":  netip.MustParseAddr("10.0.0.8"), // in UTF-8
			}).client("resolver")
			c.mustHear("a host with an umlaut in its name cannot be found", query("B\xfcRO.test", dns.TypeA), want{answers: []string{`b\252ro.test. A 10.0.0.7`}})
			c.mustHear("a name is found that no host has", query("\u00c4.test", dns.TypeA), want{rcode: dns.RcodeNameError})
		})
	})
}

// What a resolver hears of one type, and makes of it for others (RFC 2308,
// sections 2.2 and 5; RFC 8020, section 2).
func TestOtherTypes(t *testing.T) {
	for _, tt := range []struct {
		name       string
		first, typ uint16
		answer     string
	}{
		{"web.test", dns.TypeAAAA, dns.TypeA, "web.test. A 10.0.0.1"},
		{"web.test", dns.TypeMX, dns.TypeA, "web.test. A 10.0.0.1"},
		{"db.eu.test", dns.TypeHTTPS, dns.TypeA, "db.eu.test. A 10.0.1.1"},
		{"six.test", dns.TypeA, dns.TypeAAAA, ""}, // whose answer is another rule's
	} {
		first, typ := dns.TypeToString[tt.first], dns.TypeToString[tt.typ]
		t.Run(tt.name+" "+first, func(t *testing.T) {
			bubble.Run(t, 3, func(b *bubble.B) {
				c := start(b, hosts).client("resolver")
				asked := query(tt.name, tt.first)
				heard := c.ask(asked)
				if len(heard) == 1 && len(heard[0]) >= 12 && heard[0][3]&15 == dns.RcodeNameError {
					b.Fatalf("%s\n\n%s\n\nThe response:\n%s", pager("%s is unreachable for all who use the resolver", tt.name),
						rows("an app asks", tt.name+" "+first, "the resolver asks", tell(asked), "it hears", tellAll(heard), "should hear", want{}.String(),
							"later, the app asks", tt.name+" "+typ, "it hears", "NXDOMAIN: the resolver remembers", "should hear", "the address"), show(heard[0]))
				}
				c.judge(fmt.Sprintf("an app that asks for %s first gives up", first), asked, heard, want{})
				if tt.answer != "" {
					c.mustHear(fmt.Sprintf("%s has no address any more", tt.name), query(tt.name, tt.typ), want{answers: []string{tt.answer}})
				}
			})
		})
	}
}

// Addresses of 128 bits (RFC 3596, section 2.2).
func TestIPv6(t *testing.T) {
	for _, tt := range []struct{ name, answer string }{
		{"six.test", "six.test. AAAA 2001:db8::6"},
		{"ns-6.test", "ns-6.test. AAAA 2001:db8:0:53::a0b:c0d"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				c := start(b, hosts).client("ann")
				c.mustHear("the new hosts, which have only IPv6, cannot be reached", query(tt.name, dns.TypeAAAA), want{answers: []string{tt.answer}})
			})
		})
	}
}

// digs is what dig 9.18 puts behind its question by itself: its size for UDP, and
// a cookie (RFC 6891, section 6.1.2; RFC 7873, section 4).
var digs = []byte("\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x0c\x00\x0a\x00\x08\xd5\x19\xac\xaf\xde\x5b\xa4\x7c")

// What dig, systemd-resolved and others send when nobody asks them not to (RFC
// 6891, sections 6.1.1 and 7).
func TestDig(t *testing.T) {
	for _, tt := range []struct {
		why   string
		query []byte
		want  want
	}{
		{"dig web.test", query("web.test", dns.TypeA), want{answers: []string{"web.test. A 10.0.0.1"}}},
		{"dig wep.test", query("wep.test", dns.TypeA), want{rcode: dns.RcodeNameError}},
		{"dig eu.test", query("eu.test", dns.TypeA), want{}},
		{"dig -c CH web.test", ask(0x2a17, "\x03web\x04test\x00", dns.TypeA, dns.ClassCHAOS), want{rcode: dns.RcodeRefused}},
		{"dig +opcode=NOTIFY test SOA", with(query("test", dns.TypeSOA), 2, 0x24), want{rcode: dns.RcodeNotImplemented}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				c := start(b, hosts).client("ann")
				q := append(with(tt.query, 11, 1), digs...)
				heard := c.ask(q)
				c.judge(fmt.Sprintf("%s: malformed message, or nothing at all", tt.why), q, heard, tt.want)
				c.mustNotHearItself(tt.why, q, heard[0])
			})
		})
	}
	t.Run("dig +noedns web.test, after dig web.test", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			c := start(b, hosts).client("ann")
			c.mustHear("dig web.test: malformed message, or nothing at all", append(with(query("web.test", dns.TypeA), 11, 1), digs...), want{answers: []string{"web.test. A 10.0.0.1"}})
			q := query("web.test", dns.TypeA)
			heard := c.ask(q)
			m := c.judge("dig +noedns web.test: malformed message, or nothing at all", q, heard, want{answers: []string{"web.test. A 10.0.0.1"}})
			if m.IsEdns0() != nil {
				b.Fatalf("%s\n\n%s\n\nThe response:\n%s", pager("old clients do not understand the answer"),
					rows("ann asks", tell(q)+", without an OPT record", "ann hears", "an OPT record", "should hear", "none: she has sent none"), show(heard[0]))
			}
		})
	})
	t.Run("nsupdate", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			c := start(b, hosts).client("ann")
			q := with(with(query("test", dns.TypeSOA), 2, 0x28), 9, 1)
			q = append(q, "\x03new\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x09"...)
			c.mustHear("nsupdate: malformed message, or nothing at all", q, want{rcode: dns.RcodeNotImplemented})
		})
	})
}

// What was cut on its way, or was no query to begin with (RFC 9267, sections 3
// and 4).
func TestRubbish(t *testing.T) {
	whole := query("db.eu.test", dns.TypeA)
	for _, tt := range []struct {
		why      string
		from, to int
	}{
		{"cut in its header", 0, 12},
		{"cut in its name", 12, len(whole) - 4},
		{"cut behind its name", len(whole) - 4, len(whole)},
	} {
		t.Run(tt.why, func(t *testing.T) {
			for n := tt.from; n < tt.to; n++ {
				bubble.Run(t, 6, func(b *bubble.B) { rubbish(b, whole[:n]) })
			}
		})
	}
	for _, tt := range []struct{ why, octets string }{
		{"a label longer than the message", "\x3fweb"},
		{"labels up to the end", "\x03web\x04test"},
		{"a byte behind a name", "\x03web\x04test\x00\x00"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) { rubbish(b, append(bytes.Clone(whole[:12]), tt.octets...)) })
		})
	}
}

// rubbish sends it behind a query that is longer, so that what a buffer still
// holds would do to answer it.
func rubbish(b *bubble.B, octets []byte) {
	b.T().Helper()
	s := start(b, hosts)
	ann, eve := s.client("ann"), s.client("eve")
	ann.ask(query("db.eu.test", dns.TypeA))
	heard := eve.ask(octets)
	alert := "no name can be resolved, by anybody"
	if s.ended() {
		b.Fatalf("%s\n\n%s\n\n%s", pager("%s", alert), rows("eve sends", octetsOf(octets), "the server", s.obituary(), "ann hears", "nothing from now on"), show(octets))
	}
	should := "no datagram: there is no id to answer with"
	if len(octets) >= 2 {
		should = fmt.Sprintf("FORMERR with her id (%#04x), or no datagram at all", octets[:2])
	}
	for _, m := range heard {
		if !formErr(octets, m) {
			hears := tell(m)
			if len(m) == 0 {
				hears += ": WriteTo was called with no octets"
			}
			text := rows("eve sends", octetsOf(octets), "eve hears", hears, "should hear", should)
			if len(octets) > 0 {
				text += "\n\nWhat eve sent:\n" + show(octets)
			}
			if len(m) > 0 {
				text += "\n\nWhat she heard:\n" + show(m)
			}
			b.Fatalf("%s\n\n%s", pager("somebody is told what nobody asked"), text)
		}
	}
	ann.mustHear(alert, query("web.test", dns.TypeA), want{answers: []string{"web.test. A 10.0.0.1"}})
}

// formErr says whether a message is a FORMERR, and answers q by its ID.
func formErr(q, m []byte) bool {
	return len(q) >= 2 && len(m) >= 12 && bytes.Equal(m[:2], q[:2]) && m[2]&0x80 != 0 && m[3]&15 == dns.RcodeFormatError && len(wire.DNS(m).Faults) == 0
}

// Datagrams that seem to come from another such server (RFC 1035, section 4.1.1;
// CVE-2024-2169).
func TestTwoServers(t *testing.T) {
	web := query("web.test", dns.TypeA)
	for _, tt := range []struct {
		why    string
		forged []byte
	}{
		{"an answer", append(with(with(web, 2, 0x85), 7, 1), "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"...)},
		{"NODATA", with(query("test", dns.TypeA), 2, 0x85)},
		{"NXDOMAIN", with(with(query("wep.test", dns.TypeA), 2, 0x85), 3, 3)},
		{"FORMERR", with(with(with(web[:12], 2, 0x81), 3, 1), 5, 0)},
		{"NOTIMP", with(with(with(web[:12], 2, 0xa9), 3, 4), 5, 0)},
		{"REFUSED", with(with(ask(0x2a17, "\x03web\x04test\x00", dns.TypeA, dns.ClassCHAOS), 2, 0x81), 3, 5)},
		{"an answer that was cut", with(with(web, 2, 0x87), 7, 0)},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				one, other := prepare(b, serverAddr), prepare(b, otherAddr)
				one.limit, other.limit = loopLimit, loopLimit
				b.Net.Name(one.LocalAddr(), "ns1")
				b.Net.Name(other.LocalAddr(), "ns2")
				one.serve(hosts)
				other.serve(hosts)
				other.PacketConn.WriteTo(tt.forged, one.LocalAddr())
				b.Wait()
				sent := one.sent.Load() + other.sent.Load()
				switch {
				case sent > loopLimit:
					b.Fatalf("%s\n\n%s\n\nWhat eve sent:\n%s", pager("two servers are at 100 %%, and no client asks"),
						rows("eve sends", "one datagram, in the name of ns2", "ns1 and ns2 send", fmt.Sprintf("%d datagrams at once, and then were cut off", sent), "should send", "nothing"), show(tt.forged))
				case sent > 0:
					b.Fatalf("%s\n\n%s\n\nWhat eve sent:\n%s", pager("a server sends what nobody asked for"),
						rows("eve sends", "one datagram, in the name of ns2", "ns1 and ns2 send", fmt.Sprint(sent), "should send", "nothing"), show(tt.forged))
				}
				one.client("ann").mustHear("one server is silent", web, want{answers: []string{"web.test. A 10.0.0.1"}})
			})
		})
	}
}

// loopLimit is how many datagrams a server may send of those two, before the
// test takes it that there is no end.
const loopLimit = 20

// Twenty clients that ask at once (net, PacketConn: buffers are the caller's).
func TestLoad(t *testing.T) {
	// With one processor, who goes first is not a matter of luck.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	bubble.Run(t, 8, func(b *bubble.B) {
		const first, many = 11, 20
		hosts := map[string]netip.Addr{}
		for i := range many {
			hosts[fmt.Sprintf("h%d.test", first+i)] = netip.AddrFrom4([4]byte{10, 0, 2, byte(first + i)})
		}
		s := prepare(b, serverAddr)
		s.loaded.Store(true)
		s.serve(hosts)
		var clients []*client
		for i := range many {
			clients = append(clients, s.client(fmt.Sprintf("client %d", first+i)))
		}
		queryOf := func(i int) []byte {
			return ask(uint16(0x1000+i), encoded(fmt.Sprintf("h%d.test", first+i)), dns.TypeA, dns.ClassINET)
		}
		for i, c := range clients {
			c.send(queryOf(i))
		}
		b.Wait()
		wrong, text := 0, ""
		for i, c := range clients {
			w := want{answers: []string{fmt.Sprintf("h%d.test. A 10.0.2.%d", first+i, first+i)}}
			heard := c.hear()
			if len(heard) == 1 && complaint(queryOf(i), heard[0], w) == "" {
				continue
			}
			if wrong++; text == "" {
				text = rows(c.name+" asks", tell(queryOf(i)), c.name+" hears", tellAll(heard), "should hear", w.String())
			}
		}
		if wrong > 0 {
			b.Fatalf("%s\n\n%s\n\nSo, or in a similar way, it went with %d of %d clients.", pager("at noon, clients hear of other hosts; at night, of theirs"), text, wrong, many)
		}
	})
}

// The end (context, AfterFunc).
func TestStop(t *testing.T) {
	t.Run("while it waits", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, hosts)
			b.Wait()
			s.stop()
			s.mustEnd(nil)
		})
	})
	t.Run("after a query", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, hosts)
			s.client("ann").ask(query("web.test", dns.TypeA))
			s.stop()
			s.mustEnd(nil)
		})
	})
	t.Run("before it begins", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := prepare(b, serverAddr)
			s.stop()
			s.serve(hosts)
			s.mustEnd(nil)
		})
	})
	t.Run("by somebody who closes its socket", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b, hosts)
			b.Wait()
			b.Net.Note("the socket is closed")
			s.Close()
			s.mustEnd(net.ErrClosed)
		})
	})
}

const (
	serverAddr = "192.0.2.53:53"
	otherAddr  = "192.0.2.54:5300"
)

// server is one call of Serve, with the socket that it is given.
type server struct {
	*bubble.B
	net.PacketConn // the true socket

	ctx  context.Context
	stop context.CancelFunc
	call *bubble.Call
	died atomic.Pointer[string] // of which panic

	errno    syscall.Errno // why ReadFrom fails,
	failures int64         // and how often it does, to begin with
	reads    atomic.Int64
	loaded   atomic.Bool // whoever calls WriteTo lets others go first
	limit    int64       // of what is sent; 0 is none
	sent     atomic.Int64
	over     atomic.Bool // the test is
	late     atomic.Int64
}

// start calls Serve in a goroutine.
func start(b *bubble.B, hosts map[string]netip.Addr) *server {
	b.T().Helper()
	s := prepare(b, serverAddr)
	s.serve(hosts)
	return s
}

// prepare makes what Serve needs.
func prepare(b *bubble.B, addr string) *server {
	b.T().Helper()
	pc, err := b.Net.ListenPacket(addr)
	if err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	b.Net.Name(pc.LocalAddr(), "server")
	b.Net.Describe = tell
	s := &server{B: b, PacketConn: pc}
	s.ctx, s.stop = context.WithCancel(context.Background())
	b.Cleanup(func() {
		s.over.Store(true)
		s.stop()
	})
	return s
}

func (s *server) serve(hosts map[string]netip.Addr) {
	s.call = s.Go("Serve(ctx, pc, hosts)", func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				words := fmt.Sprintf("panic: %v%s", v, place())
				s.died.Store(&words)
				s.Close() // as the kernel does for a process that has ended
			}
		}()
		return hunt.Serve(s.ctx, socket{s}, hosts)
	})
}

// place is where the code under test panicked, for whoever recovers from that.
func place() string {
	pc := make([]uintptr, 50)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.Contains(f.File, "/dns/hunt/") && !strings.HasSuffix(f.File, "_test.go") {
			return fmt.Sprintf(", at %s:%d", filepath.Base(f.File), f.Line)
		}
	}
	return ""
}

// ended says whether Serve has.
func (s *server) ended() bool {
	s.Wait()
	return s.call.Returned() || s.died.Load() != nil
}

// obituary is what the journal says about a server that has ended.
func (s *server) obituary() string {
	if words := s.died.Load(); words != nil {
		return "ended: " + *words
	}
	err := s.call.Wait()
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return fmt.Sprintf("ended: Serve returned %v", err)
}

// mustEnd wants Serve to have returned want, soon after it was told to.
func (s *server) mustEnd(want error) {
	s.T().Helper()
	const patience = 5 * time.Second
	s.Wait()
	if !s.call.Returned() {
		<-time.After(patience)
	}
	told := "stop, at " + s.Elapsed().Truncate(time.Second).String()
	if s.call.Returned() {
		told = "stop"
	}
	if want != nil {
		told += ": its socket is closed"
	}
	switch {
	case s.died.Load() != nil:
		s.Fatalf("%s\n\n%s", pager("the server ended with an error when it was told to stop"), rows("the server is told to", told, "it", s.obituary()))
	case !s.call.Returned():
		s.Fatalf("%s\n\n%s", pager("a deployment hangs: the old server does not end"),
			rows("the server is told to", told, "5 seconds later", fmt.Sprintf("it is still there; its socket was read %s", times(s.reads.Load())), "should", "have ended"))
	}
	if err := s.call.Wait(); !errors.Is(err, want) {
		s.Fatalf("%s\n\n%s", pager("the server ended as nobody expects it"), rows("the server is told to", told, "Serve returns", name(err), "should return", name(want)))
	}
	pc, err := s.B.Net.ListenPacket(serverAddr)
	if err != nil {
		s.Fatalf("%s\n\n%s", pager("a deployment fails: the new server cannot start"), rows("the server is told to", told, "Serve returns", name(want), "the next one", err.Error()))
	}
	pc.Close()
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func name(err error) string {
	switch {
	case err == nil:
		return "nil"
	case errors.Is(err, net.ErrClosed):
		return "net.ErrClosed"
	}
	return fmt.Sprintf("%q", err)
}

// socket is the server's, as Serve is given it.
type socket struct{ *server }

func (p socket) ReadFrom(b []byte) (int, net.Addr, error) {
	if n := p.reads.Add(1); n <= p.failures {
		return 0, nil, &net.OpError{Op: "read", Net: "udp", Source: p.LocalAddr(), Err: os.NewSyscallError("recvfrom", p.errno)}
	}
	own := b
	if !p.loaded.Load() {
		// Memnet's ReadFrom may write to b at once. Who still uses it is spared
		// where the test is not about that.
		own = make([]byte, len(b))
	}
	n, from, err := p.PacketConn.ReadFrom(own)
	if err != nil && p.over.Load() && p.late.Add(1) > 100 {
		runtime.Goexit() // it does not end by itself: that is another rule's
	}
	return copy(b, own[:n]), from, err
}

func (p socket) WriteTo(b []byte, to net.Addr) (int, error) {
	if p.loaded.Load() {
		for range 200 {
			runtime.Gosched()
		}
	}
	if n := p.sent.Add(1); p.limit > 0 && n > p.limit {
		return len(b), nil
	}
	return p.PacketConn.WriteTo(b, to)
}

// client asks a server, over a socket of its own, and listens all the time.
type client struct {
	s    *server
	name string
	conn net.Conn

	mu    sync.Mutex
	heard [][]byte // and not yet looked at
}

func (s *server) client(name string) *client {
	s.T().Helper()
	conn, err := s.B.Net.DialPacket(s.LocalAddr().String())
	if err != nil {
		s.Fatalf("the test cannot have a socket: %v", err)
	}
	s.B.Net.Name(conn.LocalAddr(), name)
	c := &client{s: s, name: name, conn: conn}
	s.Go(name, func() error {
		for buf := make([]byte, 1<<16); ; {
			n, err := conn.Read(buf)
			switch {
			case err == nil:
				c.mu.Lock()
				c.heard = append(c.heard, bytes.Clone(buf[:n]))
				c.mu.Unlock()
			case !errors.Is(err, syscall.ECONNREFUSED): // which is soon followed by what is heard
				return nil
			}
		}
	})
	return c
}

func (c *client) send(m []byte) { c.conn.Write(m) }

// hear returns what comes within five seconds, as long as dig waits.
func (c *client) hear() [][]byte {
	const patience = 5 * time.Second
	<-time.After(patience)
	c.s.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	heard := c.heard
	c.heard = nil
	if len(heard) == 0 {
		c.s.B.Net.Note("%s has heard nothing for %v", c.name, patience)
	}
	return heard
}

func (c *client) ask(m []byte) [][]byte {
	c.send(m)
	return c.hear()
}

// want is what is to be heard.
type want struct {
	rcode   int
	answers []string // "web.test. A 10.0.0.1"
}

func (w want) String() string {
	if w.rcode != 0 {
		return dns.RcodeToString[w.rcode]
	}
	return "NOERROR, " + records(w.answers)
}

func records(answers []string) string {
	if len(answers) == 0 {
		return "no answer"
	}
	return strings.Join(answers, ", ")
}

// mustHear asks, and wants one response, which says that.
func (c *client) mustHear(alert string, q []byte, w want) *dns.Msg {
	c.s.T().Helper()
	return c.judge(alert, q, c.ask(q), w)
}

// judge pages the on-call unless what was heard is one response, which says what
// it should.
func (c *client) judge(alert string, q []byte, heard [][]byte, w want) *dns.Msg {
	c.s.T().Helper()
	why := ""
	if len(heard) == 1 {
		if why = complaint(q, heard[0], w); why == "" {
			return unpack(heard[0])
		}
	}
	should := w.String()
	if why == anotherQuestion {
		should = tell(q) + ": " + should
	}
	page := []string{c.name + " asks", tell(q), c.name + " hears", tellAll(heard), "should hear", should}
	if len(heard) != 1 && c.s.ended() {
		page = append(page, "the server", c.s.obituary())
	}
	text := pager("%s", alert) + "\n\n" + rows(page...)
	if len(heard) != 1 || unpack(q) == nil {
		text += "\n\nThe query:\n" + show(q)
	}
	switch why {
	case "":
	case malformed:
		// What is wrong with it is for the learner to find.
		text += "\n\nResolvers drop that. dig prints what it can, and warns:\n  Message parser reports malformed message packet.\n\nWhat came back, to be taken apart with `go tool kata explain -`:\n" + octetsOnly(heard[0])
	default:
		text += "\n\n" + why + ":\n" + show(heard[0])
	}
	c.s.Fatalf("%s", text)
	return nil
}

func unpack(msg []byte) *dns.Msg {
	m := new(dns.Msg)
	if m.Unpack(msg) != nil {
		return nil
	}
	return m
}

// What is wrong with a response: see complaint.
const (
	malformed       = "malformed" // it cannot be read
	anotherQuestion = "The question is not that of the query, octet for octet, so it is dropped"
)

// complaint says in what way a message is not the response to q that was wanted,
// or "".
func complaint(q, msg []byte, w want) string {
	m := unpack(msg)
	switch {
	case len(wire.DNS(msg).Faults) > 0 || m == nil:
		return malformed
	case m.Id != binary.BigEndian.Uint16(q):
		return "The response has not the query's ID, and is dropped"
	case !m.Response:
		return "What came back is a query, and is dropped"
	case m.Rcode != w.rcode:
		return "The response"
	case len(m.Question) == 0 && slices.Contains([]int{dns.RcodeSuccess, dns.RcodeNameError, dns.RcodeRefused}, w.rcode):
		return "The response has no question, and is dropped"
	case len(m.Question) > 0 && !asked(q, msg):
		return anotherQuestion
	}
	var answers []string
	for _, rr := range m.Answer {
		h := rr.Header()
		if h.Class != dns.ClassINET {
			return "The class is not that of the question"
		}
		answers = append(answers, fmt.Sprintf("%s %s %s", strings.ToLower(h.Name), dns.TypeToString[h.Rrtype], data(rr)))
	}
	if !slices.Equal(answers, w.answers) {
		return "The response"
	}
	return ""
}

// data is what a record says, without its owner, TTL, class and type.
func data(rr dns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }

// asked says whether the first question in msg is that in q.
func asked(q, msg []byte) bool {
	end := 12
	for end < len(q) && 0 < q[end] && q[end] < 64 {
		end += 1 + int(q[end])
	}
	end = min(end+5, len(q))
	return bytes.HasPrefix(msg[12:], q[12:end])
}

// mustHaveFlags wants opcode and RD as asked, AA as aa, and no RA, AD and TC.
func (c *client) mustHaveFlags(q []byte, m *dns.Msg, aa bool) {
	c.s.T().Helper()
	if opcode := int(q[2] >> 3 & 15); m.Opcode != opcode {
		c.s.Fatalf("%s\n\n%s", pager("dig: ;; Warning: Opcode mismatch"),
			rows(c.name+" asks", tell(q), "opcode", dns.OpcodeToString[m.Opcode], "should be", dns.OpcodeToString[opcode]))
	}
	rd := q[2]&1 != 0
	if m.Opcode != dns.OpcodeQuery {
		rd = m.RecursionDesired // it has no meaning there
	}
	for _, flag := range []struct {
		name      string
		got, want bool
	}{
		{"aa", m.Authoritative, aa}, {"rd", m.RecursionDesired, rd}, {"ra", m.RecursionAvailable, false},
		{"ad", m.AuthenticatedData, false}, {"tc", m.Truncated, false},
	} {
		if flag.got != flag.want {
			c.s.Fatalf("%s\n\n%s", pager("dig shows other flags than yesterday"),
				rows(c.name+" asks", tell(q), "flag "+flag.name, map[bool]string{true: "set", false: "not set"}[flag.got], "should be", map[bool]string{true: "set", false: "not set"}[flag.want]))
		}
	}
}

// mustNotHearItself wants no option of the query to have come back (RFC 6891,
// section 6.1.2; RFC 8906, section 3.2.2).
func (c *client) mustNotHearItself(alert string, q, heard []byte) {
	c.s.T().Helper()
	opt := unpack(heard).IsEdns0()
	if opt == nil {
		return
	}
	for _, o := range opt.Option {
		if cookie, ok := o.(*dns.EDNS0_COOKIE); ok && len(cookie.Cookie) < 32 { // in hex
			c.s.Fatalf("%s\n\n%s\n\nThe response:\n%s", pager("%s: (echoed), behind COOKIE", alert),
				rows(c.name+" asks", tell(q), c.name+" hears", "her own cookie, and nothing of the server's", "should hear", "none, or both"), show(heard))
		}
	}
}

// query is a query for a name in class IN, with RD.
func query(name string, typ uint16) []byte { return ask(0x2a17, encoded(name), typ, dns.ClassINET) }

// ask is a query for a name as it stands in messages, with RD.
func ask(id uint16, name string, typ, class uint16) []byte {
	m := binary.BigEndian.AppendUint16(nil, id)
	m = append(m, "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"...)
	m = append(m, name...)
	m = binary.BigEndian.AppendUint16(m, typ)
	return binary.BigEndian.AppendUint16(m, class)
}

func encoded(name string) string {
	var b strings.Builder
	for label := range strings.SplitSeq(name, ".") {
		b.WriteByte(byte(len(label)))
		b.WriteString(label)
	}
	return b.String() + "\x00"
}

// with returns m with one octet changed.
func with(m []byte, off int, octet byte) []byte {
	m = bytes.Clone(m)
	m[off] = octet
	return m
}

// pager is how every page begins.
func pager(format string, args ...any) string { return "PAGER: " + fmt.Sprintf(format, args...) }

// rows are pairs of who and what, below each other.
func rows(pairs ...string) string {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		width = max(width, len(pairs[i]))
	}
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, pairs[i], pairs[i+1])
	}
	return strings.TrimRight(b.String(), "\n")
}

// show lists the octets of a message.
func show(m []byte) string {
	if len(m) == 0 {
		return "  (no octets)"
	}
	return strings.TrimRight(wire.DNS(m).Dump(), "\n")
}

// octetsOnly lists all of a message's, without a word.
func octetsOnly(m []byte) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(string(wire.Bytes(m).Hex())), "\n", "\n  ")
}

func octetsOf(m []byte) string {
	if len(m) == 1 {
		return "1 octet"
	}
	return fmt.Sprintf("%d octets", len(m))
}

func tellAll(heard [][]byte) string {
	if len(heard) == 0 {
		return "nothing"
	}
	var all []string
	for _, m := range heard {
		all = append(all, tell(m))
	}
	return strings.Join(all, "; ")
}

// tell says in a few words what a message is.
func tell(msg []byte) string {
	m := unpack(msg)
	switch {
	case len(msg) == 0:
		return "an empty datagram"
	case len(wire.DNS(msg).Faults) > 0 || m == nil:
		return octetsOf(msg) + ", malformed"
	}
	var text []string
	for _, q := range m.Question {
		text = append(text, fmt.Sprintf("%s %s", q.Name, dns.Type(q.Qtype)))
	}
	if len(text) == 0 && !m.Response {
		text = append(text, "a query without a question")
	}
	if m.Opcode != dns.OpcodeQuery {
		text = append([]string{dns.OpcodeToString[m.Opcode]}, text...)
	}
	if m.Response {
		var answers []string
		for _, rr := range m.Answer {
			answers = append(answers, fmt.Sprintf("%s %s", dns.TypeToString[rr.Header().Rrtype], data(rr)))
		}
		said := dns.RcodeToString[m.Rcode]
		if m.Rcode == 0 || len(answers) > 0 {
			said += ", " + records(answers)
		}
		text = append(text, said)
	}
	return fmt.Sprintf("%s (id %#04x)", strings.Join(text, ": "), m.Id)
}
