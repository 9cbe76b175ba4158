package chat_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/katas/tcp/chat"
)

// A first line, and nobody else is there (RFC 2812, section 3.1.2).
func TestName(t *testing.T) {
	for _, tt := range []struct {
		why  string
		name func(*server) string
		end  string
	}{
		{"a name", func(s *server) string { return s.d.Word() }, "\n"},
		{"a name from a client that ends lines as telnet does", func(s *server) string { return s.d.Word() }, "\r\n"},
		{"a single letter", func(*server) string { return "x" }, "\n"},
		{"a digit", func(*server) string { return "7" }, "\n"},
		{"a digit first", func(s *server) string { return "0" + s.d.Word()[:4] }, "\n"},
		{"a dash first, and last", func(s *server) string { return "-" + s.d.Word()[:4] + "-" }, "\n"},
		{"an underscore first, and last", func(s *server) string { return "_" + s.d.Word()[:4] + "_" }, "\n"},
		{"everything that a name may have", func(s *server) string { return "Z" + s.d.Word()[:3] + "_-09" }, "\n"},
		{"as long as Limits.Name says", longestName, "\n"},
		{"the same, from telnet", longestName, "\r\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 1, serving(func(s *server) {
				c := s.connect("a client")
				c.listen()
				c.send(tt.name(s) + tt.end)
				heard := c.hear()
				if len(heard) == 0 || strings.Fields(heard[0] + " .")[0] != "OK" {
					s.failf("%s heard%s\nwant a line that begins with OK%s", c.name, list(heard), c.why())
				}
			}))
		})
	}
}

// One comes after the other (RFC 2812, section 3.2.1).
func TestJoin(t *testing.T) {
	t.Run("four in turn", func(t *testing.T) {
		bubble.Run(t, 2, serving(func(s *server) {
			for _, name := range s.d.Words(4) {
				s.join(name)
			}
		}))
	})
	t.Run("two names that differ in one letter's case", func(t *testing.T) {
		bubble.Run(t, 2, serving(func(s *server) {
			name := s.d.Word()
			s.join(name)
			s.join(strings.ToUpper(name[:1]) + name[1:])
		}))
	})
}

// Lines of all sorts (RFC 2812, section 3.3.1).
func TestSay(t *testing.T) {
	t.Run("everyone says something", func(t *testing.T) {
		bubble.Run(t, 3, serving(func(s *server) {
			for _, name := range s.d.Words(3) {
				s.join(name)
			}
			for range 2 {
				for _, c := range s.members {
					s.mustPassOn(c, s.d.Text(s.d.Between(1, 60)))
				}
			}
		}))
	})
	t.Run("nobody else is there, and then somebody is", func(t *testing.T) {
		bubble.Run(t, 3, serving(func(s *server) {
			first := s.join(s.d.Word())
			s.mustPassOn(first, "is anyone there?")
			s.join(s.d.Word())
			s.mustPassOn(first, s.d.Text(20))
		}))
	})
	for _, tt := range []struct{ why, line, text string }{
		{"an empty line", "\n", ""},
		{"a line from telnet", "hello\r\n", "hello"},
		{"blanks at both ends", "  a b \t\n", "  a b \t"},
		{"carriage returns elsewhere", "\ra\r\rb\r\r\n", "\ra\r\rb\r"},
		{"what is no UTF-8", "\xff\xfe\xc3\x00\n", "\xff\xfe\xc3\x00"},
		{"what Printf would take for a verb", "100%s%d\n", "100%s%d"},
		{"what looks as if the server said it", "LEAVE you\n", "LEAVE you"},
		{"what other servers take for a command", "QUIT\n", "QUIT"},
		{"what other clients take for a command", "/quit\n", "/quit"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 3, serving(func(s *server) {
				first, second := s.join(s.d.Word()), s.join(s.d.Word())
				first.send(tt.line)
				first.mustHear()
				second.mustHear("SAY " + first.name + " " + tt.text)
				s.mustPassOn(second, s.d.Text(20))
			}))
		})
	}
}

// One goes after the other (RFC 2812, section 3.1.7).
func TestLeave(t *testing.T) {
	t.Run("nobody, after an hour of silence", func(t *testing.T) {
		bubble.Run(t, 4, serving(func(s *server) {
			first := s.join(s.d.Word())
			s.join(s.d.Word())
			<-time.After(time.Hour)
			s.mustPassOn(first, s.d.Text(20))
		}))
	})
	for _, tt := range []struct {
		why string
		end func(*client)
	}{
		{"they end their stream, and still listen", (*client).hangUp},
		{"they close their connection", func(c *client) { c.conn.Close() }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 4, serving(func(s *server) {
				for _, name := range s.d.Words(4) {
					s.join(name)
				}
				for len(s.members) > 0 {
					c := s.members[s.d.IntN(len(s.members))]
					tt.end(c)
					s.mustBeGone(c)
					c.mustEnd()
					for _, other := range s.members {
						s.mustPassOn(other, s.d.Text(20))
					}
				}
				s.join(s.d.Word())
			}))
		})
	}
}

// Names that are none, and then one that is (RFC 2812, section 5.2: 432).
func TestBadName(t *testing.T) {
	for _, tt := range []struct {
		why  string
		name func(*server) string
	}{
		{"one byte longer than Limits.Name", func(s *server) string { return longestName(s) + "x" }},
		{"nothing", func(s *server) string { return "" }},
		{"a space in it", func(s *server) string { return s.d.Word()[:3] + " " + s.d.Word()[:3] }},
		{"a space at its end", func(s *server) string { return s.d.Word()[:4] + " " }},
		{"a space before it", func(s *server) string { return " " + s.d.Word()[:4] }},
		{"another sign", func(s *server) string { return s.d.Word()[:4] + string("!:./@#%~"[s.d.IntN(8)]) }},
		{"a letter that is not ASCII", func(s *server) string { return s.d.Word()[:4] + "é" }},
		{"a zero byte", func(s *server) string { return s.d.Word()[:4] + "\x00" }},
		{"a carriage return in it", func(s *server) string { return s.d.Word()[:4] + "\rx" }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, serving(func(s *server) {
				s.join(s.d.Word())
				c := s.connect("a client")
				c.listen()
				for range 2 {
					c.send(tt.name(s) + "\n")
					c.mustHear("ERR 432")
				}
				s.enter(c, s.d.Word())
				s.mustPassOn(c, s.d.Text(20))
			}))
		})
	}
}

// A name that somebody has, or had (RFC 2812, section 5.2: 433).
func TestTaken(t *testing.T) {
	t.Run("somebody has it", func(t *testing.T) {
		bubble.Run(t, 6, serving(func(s *server) {
			owner := s.join(s.d.Word())
			s.join(s.d.Word())
			c := s.connect("a client")
			c.listen()
			for range 2 {
				c.send(owner.name + "\n")
				c.mustHear("ERR 433")
			}
			s.enter(c, s.d.Word())
			s.mustPassOn(c, s.d.Text(20))
			s.mustPassOn(owner, s.d.Text(20))
		}))
	})
	t.Run("somebody had it", func(t *testing.T) {
		bubble.Run(t, 6, serving(func(s *server) {
			owner := s.join(s.d.Word())
			s.join(s.d.Word())
			for range 3 {
				c := s.connect("a client")
				c.listen()
				c.send(owner.name + "\n")
				c.mustHear("ERR 433")
				owner.conn.Close()
				s.mustBeGone(owner)
				owner = s.join(owner.name)
				s.mustPassOn(owner, s.d.Text(20))
			}
		}))
	})
	t.Run("ten want it at one moment", func(t *testing.T) {
		bubble.Run(t, 6, serving(func(s *server) {
			for range 20 {
				s.mustGiveOnce(s.d.Word(), 10)
			}
		}))
	})
}

// Those who have no name, or none yet (RFC 2812, section 3.1).
func TestNobody(t *testing.T) {
	for _, tt := range []struct {
		why string
		do  func(s *server, c *client)
	}{
		{"silent", func(*server, *client) {}},
		{"refused", func(s *server, c *client) {
			c.send("not a name\n" + s.members[0].name + "\n")
			c.mustHear("ERR 432", "ERR 433")
		}},
	} {
		for _, end := range []struct {
			why string
			do  func(*client)
		}{
			{"and ends the stream", (*client).hangUp},
			{"and closes the connection", func(c *client) { c.conn.Close() }},
			{"and resets it", (*client).reset},
		} {
			t.Run(tt.why+", "+end.why, func(t *testing.T) {
				bubble.Run(t, 7, serving(func(s *server) {
					first, second := s.join(s.d.Word()), s.join(s.d.Word())
					c := s.connect("a client")
					c.listen()
					tt.do(s, c)
					s.mustPassOn(first, s.d.Text(20))
					c.mustHear() // what is said is not for it
					end.do(c)
					c.mustEnd()
					s.mustPassOn(second, s.d.Text(20)) // and nobody heard LEAVE
					s.mustPassOn(first, s.d.Text(20))
					s.join(s.d.Word())
				}))
			})
		}
	}
}

// Lines in pieces, and several at once (RFC 9293, section 2.2).
func TestPieces(t *testing.T) {
	for _, tt := range []struct {
		why    string
		pieces []string
		want   []string // said
	}{
		{"a name and two lines at once", []string{"NAME\none\ntwo\n"}, []string{"one", "two"}},
		{"a name in two pieces", []string{"NA", "ME\none\n"}, []string{"one"}},
		{"a line in three pieces", []string{"NAME\n", "o", "n", "e\n"}, []string{"one"}},
		{"a line and a half", []string{"NAME\n", "one\ntw", "o\n"}, []string{"one", "two"}},
		{"a newline alone", []string{"NAME", "\n", "one", "\n"}, []string{"one"}},
		{"carriage return and newline come apart", []string{"NAME\r", "\none\r", "\n"}, []string{"one"}},
		{"bad names, a good one and a line at once", []string{"no name\n\nNAME\none\n"}, []string{"one"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 8, serving(func(s *server) {
				name := s.d.Word()
				listener := s.join(s.d.Word())
				c := s.connect(name)
				c.listen()
				want := []string{"JOIN " + name}
				for _, text := range tt.want {
					want = append(want, "SAY "+name+" "+text)
				}
				for _, piece := range tt.pieces {
					piece = strings.NewReplacer("NAME", name, "NA", name[:2], "ME", name[2:]).Replace(piece)
					c.send(piece)
					s.Wait()
				}
				listener.mustHear(want...)
			}))
		})
	}
}

// Any lines, over a network that cuts, joins and delays (RFC 9293, section 2.2).
func TestAnyNetwork(t *testing.T) {
	bubble.Property(t, 8, func(rt *rapid.T, b *bubble.B) {
		lines := rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z :]{0,12}`), 0, 6).Draw(rt, "lines")
		text := "ada\n" + strings.Join(append(lines, ""), "\n")
		faults := memnet.Scripts(len(text), time.Second, memnet.Cut, memnet.Chop, memnet.Coalesce, memnet.Stall)
		b.Net.Disturb(memnet.FromDialer().Conn(2), faults.Draw(rt, "script"))
		s := with(b, chat.Limits{Name: 10, Line: 40, Queue: 20})
		s.begin(b.Context())
		listener := s.join("bert")
		c := s.connect("ada")
		c.listen()
		c.send(text)
		<-time.After(time.Minute)
		want := []string{"JOIN ada"}
		for _, line := range lines {
			want = append(want, "SAY ada "+line)
		}
		listener.mustHear(want...)
	})
}

// Lines as long as they may be (bufio, MaxScanTokenSize: 65,536 bytes).
func TestLongLine(t *testing.T) {
	for _, n := range []struct{ from, to int }{{64, 4000}, {4090, 4102}, {65_530, 65_542}, {66_000, 200_000}} {
		for _, end := range []string{"\n", "\r\n"} {
			t.Run(fmt.Sprintf("between %d and %d bytes, then %q", n.from, n.to, end), func(t *testing.T) {
				bubble.Run(t, 9, servingWith(func(s *server) { s.limits.Line = s.d.Between(n.from, n.to) }, func(s *server) {
					first, second := s.join(s.d.Word()), s.join(s.d.Word())
					for range 2 {
						text := s.d.Text(s.limits.Line)
						first.send(text + end)
						second.mustHear("SAY " + first.name + " " + text)
						first.mustHear()
					}
				}))
			})
		}
	}
}

// Lines that are longer (IRCv3 message tags: 417).
func TestTooLong(t *testing.T) {
	t.Run("by one byte", func(t *testing.T) {
		bubble.Run(t, 9, serving(func(s *server) {
			first, second := s.join(s.d.Word()), s.join(s.d.Word())
			for _, end := range []string{"\n", "\r\n"} {
				first.send(s.d.Text(s.limits.Line+1) + end)
				first.mustHear("ERR 417")
				second.mustHear()
				s.mustPassOn(first, s.d.Text(20))
				s.mustPassOn(first, s.d.Text(s.limits.Line))
			}
		}))
	})
	t.Run("by far, and then come others", func(t *testing.T) {
		bubble.Run(t, 9, serving(func(s *server) {
			first, second := s.join(s.d.Word()), s.join(s.d.Word())
			one, two := s.d.Text(20), s.d.Text(20)
			first.send(s.d.Text(s.limits.Line+s.d.Between(5000, 200_000)) + "\n" + one + "\n" + two + "\n")
			first.mustHear("ERR 417")
			second.mustHear("SAY "+first.name+" "+one, "SAY "+first.name+" "+two)
		}))
	})
	t.Run("without an end", func(t *testing.T) {
		bubble.Run(t, 9, serving(func(s *server) {
			first, second := s.join(s.d.Word()), s.join(s.d.Word())
			first.send(s.d.Text(s.limits.Line + 1<<16)) // some buffer may have to be full first
			first.mustHearAfter(first.name+" sent 64 KiB more than a line has, and no newline: it is to be answered by now", "ERR 417")
			for range 3 {
				first.send(s.d.Text(100_000))
				first.mustHearAfter("more of that line came: it is answered already")
			}
			first.send("\n")
			first.mustHearAfter("the line ended: it is answered already")
			second.mustHear()
			s.mustPassOn(first, s.d.Text(20))
		}))
	})
	t.Run("and somebody comes at that moment", func(t *testing.T) {
		bubble.Run(t, 9, serving(func(s *server) {
			first, second := s.join(s.d.Word()), s.connect("a client")
			second.listen()
			name := s.d.Word()
			first.send(s.d.Text(s.limits.Line+1) + "\n")
			second.send(name + "\n")
			if got := first.hear(); !slices.Contains(got, "JOIN "+name) || len(got) != 2 || !slices.ContainsFunc(got, func(l string) bool { return matches(l, "ERR 417") }) {
				s.failf("%s sent a line that is too long, and %s came.\n%s heard%s\nwant, in any order%s", first.name, name, first.name, list(got), list([]string{"ERR 417", "JOIN " + name}))
			}
		}))
	})
	t.Run("in place of a name", func(t *testing.T) {
		bubble.Run(t, 9, serving(func(s *server) {
			s.join(s.d.Word())
			c := s.connect("a client")
			c.listen()
			c.send(strings.Repeat("x", s.limits.Line+1<<16))
			c.mustHearAfter(c.name+" sent 64 KiB more than a line has, and no newline: it is to be answered by now", "ERR 432")
			c.send("x\n")
			c.mustHear()
			s.enter(c, s.d.Word())
			s.mustPassOn(c, s.d.Text(20))
		}))
	})
}

// What comes behind the last newline (RFC 9293, section 3.6.1).
func TestLastLine(t *testing.T) {
	for _, tt := range []struct {
		why  string
		end  func(*client)
		said int // how much of it counts
	}{
		{"the stream ends", (*client).hangUp, 2},
		{"the connection breaks", (*client).reset, 1},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 10, serving(func(s *server) {
				c, listener := s.join(s.d.Word()), s.join(s.d.Word())
				c.mustHear()
				one, two := s.d.Text(s.d.Between(1, 60)), s.d.Text(s.d.Between(1, 60))
				c.send(one + "\n" + two)
				s.Wait()
				tt.end(c)
				want := []string{"SAY " + c.name + " " + one, "SAY " + c.name + " " + two}[:tt.said]
				heard := listener.hear()
				talk := slices.DeleteFunc(slices.Clone(heard), func(line string) bool { return line == "LEAVE "+c.name })
				if !slices.Equal(talk, want) {
					s.failf("%s said %s and a newline, and %s without one; then %s\n%s heard%s\nwant%s", c.name, quote(one), quote(two), tt.why, listener.name, list(heard), list(want))
				}
			}))
		})
	}
}

// Somebody does not read (NATS, slow consumers).
func TestDeaf(t *testing.T) {
	for _, tt := range []struct {
		why    string
		buffer int // of the network: the rest waits
		join   func(*server)
	}{
		{"a member reads OK, and nothing more", 16, func(s *server) { s.joinDeaf(s.d.Word()) }},
		{"a member never reads at all", 1, func(s *server) {
			c := s.connect(s.d.Word())
			c.send(c.name + "\n")
			for _, m := range s.members {
				if len(m.hear()) > 0 { // it may be in before it has read OK, or not
					s.deaf = []*client{c}
				}
			}
		}},
		{"somebody gives bad names, and reads no reply", 1, func(s *server) {
			s.connect("a client").send("not a name\n" + s.members[0].name + "\n")
		}},
		{"somebody gives a name that is taken, and reads no reply", 1, func(s *server) {
			s.connect("a client").send(s.members[0].name + "\n")
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 11, servingWith(func(s *server) { s.Net.Buffer = tt.buffer }, func(s *server) {
				first := s.join(s.d.Word())
				second := s.join(s.d.Word())
				tt.join(s)
				s.mustPassOn(first, s.d.Text(60))
				s.mustPassOn(second, s.d.Text(60))
				third := s.join(s.d.Word())
				s.mustPassOn(third, s.d.Text(60))
				second.hangUp()
				s.mustBeGone(second)
				s.mustPassOn(first, s.d.Text(60))
			}))
		})
	}
}

// Connections that break (net, OpError).
func TestVanish(t *testing.T) {
	for _, tt := range []struct {
		why string
		do  func(s *server, c, other *client)
	}{
		{"in silence", func(s *server, c, other *client) {
			c.reset()
			s.mustBeGone(c)
		}},
		{"while somebody says something", func(s *server, c, other *client) {
			var want []string
			for range 5 {
				want = append(want, "SAY "+other.name+" "+s.d.Text(20))
			}
			c.conn.SetLinger(0)
			c.conn.Close() // and nobody waits until the server knows
			for _, line := range want {
				other.send(strings.TrimPrefix(line, "SAY "+other.name+" ") + "\n")
			}
			s.without(c)
			for _, m := range s.members {
				got := m.hear()
				talk := slices.DeleteFunc(slices.Clone(got), func(line string) bool { return line == "LEAVE "+c.name })
				all := want
				if m == other {
					all = nil
				}
				if len(got) != len(talk)+1 || !slices.Equal(talk, all) {
					s.failf("%s heard%s\nwant %d lines SAY, and LEAVE %s once", m.name, list(got), len(all), c.name)
				}
			}
		}},
		{"while somebody waits for room in it", func(s *server, c, other *client) {
			c.stopListening()
			s.without(c)
			s.mustPassOn(other, s.d.Text(100))
			c.reset()
			s.mustTell("LEAVE " + c.name)
		}},
		{"closed with something unread", func(s *server, c, other *client) {
			c.stopListening()
			s.without(c)
			s.mustPassOn(other, s.d.Text(20))
			c.conn.Close()
			s.mustBeGone(c)
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 12, servingWith(func(s *server) { s.Net.Buffer, s.limits.Queue = 64, 60 }, func(s *server) {
				for _, name := range s.d.Words(3) {
					s.join(name)
				}
				for range 2 {
					c := s.join(s.d.Word())
					tt.do(s, c, s.members[1])
					for range 2 { // nothing more comes of it, as when each of two goroutines says LEAVE
						for _, m := range s.members {
							s.mustPassOn(m, s.d.Text(20))
						}
					}
					again := s.join(c.name)
					again.hangUp()
					s.mustBeGone(again)
				}
			}))
		})
	}
}

// Somebody does not read for a while (Redis, client-output-buffer-limit).
func TestQueue(t *testing.T) {
	for _, tt := range []struct {
		why  string
		tell func(s *server, n int) (lines []string) // have the others do what tells everyone n lines
	}{
		{"line by line", func(s *server, n int) (lines []string) {
			for len(lines) < n {
				m := s.members[s.d.IntN(len(s.members))]
				text := s.d.Text(s.d.Between(20, 60))
				s.mustPassOn(m, text)
				lines = append(lines, "SAY "+m.name+" "+text)
			}
			return lines
		}},
		{"all at once", func(s *server, n int) (lines []string) {
			first, second := s.members[0], s.members[1]
			all := ""
			for len(lines) < n {
				text := s.d.Text(s.d.Between(20, 60))
				all += text + "\n"
				lines = append(lines, "SAY "+first.name+" "+text)
			}
			s.told += n
			first.send(all)
			second.mustHear(lines...)
			return lines
		}},
		{"others come and go", func(s *server, n int) (lines []string) {
			text := s.d.Text(60)
			s.mustPassOn(s.members[0], text)
			lines = append(lines, "SAY "+s.members[0].name+" "+text)
			for len(lines) < n {
				c := s.join(s.d.Word())
				if lines = append(lines, "JOIN "+c.name); len(lines) < n {
					c.hangUp()
					s.mustBeGone(c)
					lines = append(lines, "LEAVE "+c.name)
				}
			}
			return lines
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 13, servingWith(func(s *server) { s.Net.Buffer = 16 }, func(s *server) {
				s.join(s.d.Word())
				s.join(s.d.Word())
				c := s.joinDeaf(s.d.Word())
				for range 2 {
					s.told = 0
					lines := tt.tell(s, s.limits.Queue)
					<-time.After(time.Hour)
					c.listen()
					c.mustHearAfter(c.name+" did not read for an hour, and reads now", lines...)
					c.stopListening()
				}
			}))
		})
	}
	t.Run("each limit is 1, and each line is heard before the next one comes", func(t *testing.T) {
		least := func(s *server) { s.limits = chat.Limits{Name: 1, Line: 1, Queue: 1} }
		bubble.Run(t, 13, servingWith(least, func(s *server) {
			for _, name := range []string{"a", "b", "c"} {
				s.join(name)
			}
			for _, m := range s.members {
				s.mustPassOn(m, "x")
				m.send("xx\n")
				m.mustHear("ERR 417")
			}
			last := s.members[2]
			last.hangUp()
			s.mustBeGone(last)
			last.mustEnd()
		}))
	})
	t.Run("a name and a line that is too long, at once", func(t *testing.T) {
		bubble.Run(t, 13, serving(func(s *server) {
			s.join(s.d.Word())
			c := s.connect(s.d.Word())
			c.listen()
			c.send(c.name + "\n" + s.d.Text(s.limits.Line+1) + "\n")
			c.mustHearAfter(c.name+" sent its name and a line that is too long, at once", s.greeting(), "ERR 417")
		}))
	})
	t.Run("a line that is too long, from somebody who does not read", func(t *testing.T) {
		bubble.Run(t, 13, servingWith(func(s *server) { s.Net.Buffer = 16 }, func(s *server) {
			first := s.join(s.d.Word())
			c := s.joinDeaf(s.d.Word())
			one, two := s.d.Text(60), s.d.Text(20)
			s.mustPassOn(first, one)
			c.send(s.d.Text(s.limits.Line+1) + "\n" + two + "\n")
			first.mustHearAfter(c.name+" does not read: ERR 417 waits in its queue, and its next line is said at once", "SAY "+c.name+" "+two)
			c.listen()
			c.mustHearAfter(c.name+" reads now", "SAY "+first.name+" "+one, "ERR 417")
		}))
	})
	t.Run("a name, a line, and the end of the stream, at once", func(t *testing.T) {
		bubble.Run(t, 13, serving(func(s *server) {
			s.join(s.d.Word())
			c := s.connect(s.d.Word())
			c.listen()
			c.send(c.name + "\nhello\n")
			<-c.sent
			c.conn.CloseWrite()
			c.mustHearAfter(c.name+" sent its name and a line, ended its stream, and listens", s.greeting())
			c.mustEnd()
		}))
	})
	t.Run("somebody ends its stream, and then reads", func(t *testing.T) {
		bubble.Run(t, 13, servingWith(func(s *server) { s.Net.Buffer = 16 }, func(s *server) {
			first, _ := s.join(s.d.Word()), s.join(s.d.Word())
			c := s.joinDeaf(s.d.Word())
			var lines []string
			for len(lines) < s.limits.Queue {
				text := s.d.Text(s.d.Between(20, 60))
				s.mustPassOn(first, text)
				lines = append(lines, "SAY "+first.name+" "+text)
			}
			c.hangUp()
			s.mustBeGone(c)
			s.mustPassOn(first, s.d.Text(20)) // and this is not for it any more
			<-time.After(time.Hour)
			c.listen()
			c.mustHearAfter(c.name+" ended its stream while all this waited for it, and reads now", lines...)
			c.mustEnd()
		}))
	})
}

// Somebody does not read for too long (Redis, client-output-buffer-limit).
func TestDropped(t *testing.T) {
	for _, tt := range []struct {
		why  string
		deaf int
		join func(*server, string) *client
	}{
		{"one", 1, (*server).joinDeaf},
		{"three at one moment", 3, (*server).joinDeaf},
		{"one who was in the middle of a line", 1, func(s *server, name string) *client {
			c := s.joinDeaf(name)
			c.send("hal")
			return c
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 14, servingWith(func(s *server) { s.Net.Buffer = 256 }, func(s *server) {
				s.join(s.d.Word())
				s.join(s.d.Word())
				for range tt.deaf {
					tt.join(s, s.d.Word())
				}
				deaf := s.deaf
				said := s.flood()
				for range 3 { // and nobody hears LEAVE again
					for _, m := range s.members {
						s.mustPassOn(m, s.d.Text(20))
					}
				}
				for _, c := range deaf {
					c.send("still here?\n") // which nobody hears
					c.mustBeCut()
					c.listen()
					c.mustHearBeginning(said)
					c.mustEnd()
				}
				s.mustPassOn(s.members[0], s.d.Text(20))
				for _, c := range deaf {
					s.join(c.name)
				}
			}))
		})
	}
	t.Run("one whose next lines are here already", func(t *testing.T) {
		bubble.Run(t, 14, servingWith(func(s *server) { s.limits.Line, s.Net.Buffer = 8, 2048 }, func(s *server) {
			first := s.join(s.d.Word())
			s.join(s.d.Word())
			c := s.joinDeaf(s.d.Word())
			for full := 0; full <= s.Net.Buffer; { // the connection, and not the queue
				text := s.d.Text(4)
				s.mustPassOn(first, text)
				full += len("SAY " + first.name + " " + text + "\n")
			}
			long := s.d.Text(9) + "\n"
			c.send(strings.Repeat(long, 2*s.limits.Queue+8) + "boo\n")
			s.without(c)
			for _, m := range s.members {
				if heard := m.hear(); !slices.Equal(heard, []string{"LEAVE " + c.name}) {
					s.failf("%s does not read, and %d lines that are too long came from it, and then \"boo\"\n%s heard%s\nwant LEAVE %s, as more than %d lines ERR 417 wait for %s, and nothing behind it", c.name, 2*s.limits.Queue+8, m.name, list(heard), c.name, s.limits.Queue, c.name)
				}
			}
		}))
	})
}

// Somebody has no name, and reads no reply (Redis, client-output-buffer-limit).
func TestDroppedNobody(t *testing.T) {
	const tries = 200_000
	for _, tt := range []struct {
		why, name, reply string
	}{
		{"bad names", "!", "ERR 432"},
		{"a name that is taken", "a", "ERR 433"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 14, servingWith(func(s *server) { s.Net.Buffer = 256 }, func(s *server) {
				first, _ := s.join("a"), s.join(s.d.Word())
				c := s.connect("a client")
				var taken atomic.Bool
				s.Go("a client, which sends "+tt.why, func() error {
					for range 200 { // a Write to a closed connection may do, and the next one may not
						if _, err := io.WriteString(c.conn, strings.Repeat(tt.name+"\n", tries/200)); err != nil {
							return nil
						}
					}
					taken.Store(true)
					return nil
				})
				s.mustPassOn(first, s.d.Text(20)) // and nobody hears LEAVE
				if taken.Load() {
					s.failf("%s without a name gave %q %d times, and read no reply.\nAll of that was taken, so that %d replies %s wait, or are lost.\nWant no more read from it while its replies wait, or its connection closed.", c.name, tt.name, tries, tries, tt.reply)
				}
			}))
		})
	}
}

// Many come, talk and go at one moment (sync, Mutex).
func TestOrder(t *testing.T) {
	for _, tt := range []struct {
		why string
		end func(*client)
	}{
		{"and stay", func(*client) {}},
		{"and end their streams", func(c *client) {
			<-c.sent
			c.conn.CloseWrite()
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			const talkers, lines = 8, 10
			bubble.Run(t, 15, servingWith(func(s *server) { s.limits.Queue = talkers * (lines + 2) }, func(s *server) {
				keeper := s.join(s.d.Word())
				said := map[*client][]string{}
				var all []*client
				for _, name := range s.d.Words(talkers) {
					c := s.connect(name)
					c.listen()
					c.send(name + "\n")
					for range lines {
						said[c] = append(said[c], s.d.Text(s.d.Between(1, 20)))
						c.send(said[c][len(said[c])-1] + "\n")
					}
					s.Go(name+", who goes in the end", func() error {
						tt.end(c)
						return nil
					})
					all = append(all, c)
				}
				for _, c := range all {
					s.mustHaveSaid(keeper, c, said[c])
					s.mustAgree(keeper, c)
				}
			}))
		})
	}
	t.Run("one reads its first line later than the others", func(t *testing.T) {
		bubble.Run(t, 15, servingWith(func(s *server) { s.Net.Buffer = 1 }, func(s *server) {
			keeper, first, second := s.join(s.d.Word()), s.join(s.d.Word()), s.join(s.d.Word())
			late := s.connect(s.d.Word())
			late.send(late.name + "\n")
			s.Wait()
			first.conn.Close()
			s.Wait()
			second.send(s.d.Text(20) + "\n")
			s.Wait()
			third := s.connect(s.d.Word())
			third.listen()
			third.send(third.name + "\n" + s.d.Text(20) + "\n")
			s.Wait()
			late.listen()
			s.Wait()
			for _, c := range []*client{second, late, third} {
				s.mustAgree(keeper, c)
			}
		}))
	})
	t.Run("some are dropped", func(t *testing.T) {
		few := func(s *server) { s.limits.Queue, s.Net.Buffer = s.d.Between(6, 9), 256 }
		bubble.Run(t, 15, servingWith(few, func(s *server) {
			for range 6 {
				s.join(s.d.Word())
			}
			keeper, all := s.members[0], s.members
			for range 8 { // if a map is in any order, one round may show nothing
				s.joinDeaf(s.d.Word())
				s.join(s.d.Word())
				s.joinDeaf(s.d.Word())
				s.join(s.d.Word())
				all = append(all, s.members[len(s.members)-2:]...)
				s.flood()
				for range 2 {
					old := s.members[1]
					old.hangUp()
					s.mustBeGone(old)
				}
			}
			for _, c := range all[1:] {
				s.mustAgree(keeper, c)
			}
		}))
	})
	t.Run("one is dropped because another comes", func(t *testing.T) {
		bubble.Run(t, 15, servingWith(func(s *server) { s.Net.Buffer = 256 }, func(s *server) {
			keeper := s.join(s.d.Word())
			talker := s.join(s.d.Word())
			s.joinDeaf(s.d.Word())
			enough := len(s.flood())

			s.joinDeaf(s.d.Word())
			for range enough - 1 {
				talker.send(s.d.Text(200) + "\n")
				s.Wait()
			}
			one := s.connect(s.d.Word())
			one.listen()
			one.send(one.name + "\n")
			s.mustAgree(keeper, one)
		}))
	})
}

// Many come at one moment, and each name is wanted by two of them, in a room of
// many who do not read (RFC 2812, section 5.2: 433).
func TestTakenAtOnce(t *testing.T) {
	for _, round := range []string{"one round", "another"} {
		t.Run(round, func(t *testing.T) {
			// When a lock is held for long and many wait for it, Go hands it on in turn:
			// whoever looks and acts under two locks has the others look in between. With
			// few processors, few would wait.
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
			bubble.Run(t, 6, servingWith(func(s *server) { s.limits.Queue, s.Net.Buffer = 200, 512 }, func(s *server) {
				for _, name := range s.d.Words(100) { // who read nothing, and make OK long
					s.connect(name).send(name + "\n")
				}
				s.Wait()
				names := s.d.Words(100)
				wanted := map[string][]*client{}
				for _, name := range names {
					wanted[name] = []*client{s.connect("a client"), s.connect("a client")}
				}
				for _, name := range names {
					for _, c := range wanted[name] {
						c.listenOnce(4096)
						c.send(name + "\n")
					}
				}
				for _, name := range names {
					s.mustBeOneOf(name, wanted[name])
				}
			}))
		})
	}
}

// The time to stop (net/http, Server.Close).
func TestStop(t *testing.T) {
	stop := func(s *server) {
		s.Net.Note("ctx is cancelled")
		s.cancel()
	}
	for _, tt := range []struct {
		why   string
		begin func(*server)
		stop  func(*server)
		want  error
	}{
		{"ctx is cancelled, and nobody is there", func(*server) {}, stop, nil},
		{"ctx is cancelled, and all sorts of clients are there", (*server).fill, stop, nil},
		{"ctx is cancelled, and everybody talks", (*server).babble, stop, nil},
		{"somebody closes the listener, and nobody is there", func(*server) {}, (*server).closeListener, net.ErrClosed},
		{"somebody closes the listener, and all sorts of clients are there", (*server).fill, (*server).closeListener, net.ErrClosed},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 16, servingWith(func(s *server) { s.Net.Buffer = 16 }, func(s *server) {
				tt.begin(s)
				tt.stop(s)
				s.mustReturn(tt.want)
				s.mustRefuse()
				for _, c := range s.clients {
					c.listen()
					c.mustEnd()
				}
				s.MustBeQuiet()
			}))
		})
	}
	for _, tt := range []struct {
		why  string
		stop func(*server)
		want error
	}{
		{"ctx is cancelled", stop, nil},
		{"somebody closes the listener", (*server).closeListener, net.ErrClosed},
	} {
		t.Run(tt.why+", and a Read comes back late", func(t *testing.T) {
			const lag = time.Second
			late := func(s *server) {
				s.reading = new(atomic.Int64)
				s.accepted = func(conn net.Conn) net.Conn { return &lagging{conn, lag, s.reading} }
			}
			bubble.Run(t, 16, servingWith(late, func(s *server) {
				s.join(s.d.Word())
				s.join(s.d.Word())
				s.connect("a silent client")
				s.Wait()
				s.Net.Note("a Read comes back %v after the Close that wakes it", lag)
				tt.stop(s)
				<-time.After(10 * lag)
				s.Wait()
				if !s.call.Returned() {
					s.failf("has not returned %v later\nwant %s\n\n%s", 10*lag, name(tt.want), s.Waiting())
				}
				if err := s.call.Wait(); !errors.Is(err, tt.want) {
					s.failf("want %s", name(tt.want))
				}
				if s.left > 0 {
					s.failf("When it returned, a Read was still under way in %d of its goroutines.\nWant none left: close the connections, then wait for all goroutines.", s.left)
				}
			}))
		})
	}
	t.Run("ctx is done before anything began, and a client waits", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := prepare(b)
			c := s.connect("a client")
			c.listen()
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			s.begin(ctx)
			s.mustReturn(nil)
			c.mustHear()
			c.mustEnd()
			s.mustRefuse()
			s.MustBeQuiet()
		})
	})
}

// Clients that come and go (net, Conn).
func TestComeAndGo(t *testing.T) {
	const clients = 200
	for _, tt := range []struct {
		why    string
		finish func(*client)
	}{
		{"members", func(c *client) {
			c.send("\n")
			c.mustHear("OK " + c.s.members[0].name)
		}},
		{"some who have half a name", (*client).reset},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var forgotten atomic.Int64
			track := func(s *server) {
				s.accepted = func(conn net.Conn) net.Conn {
					c := &tracked{conn}
					runtime.AddCleanup(c, func(n *atomic.Int64) { n.Add(1) }, &forgotten)
					return c
				}
			}
			bubble.Run(t, 16, servingWith(track, func(s *server) {
				s.join(s.d.Word())
				before := bubble.Goroutines()
				for range clients {
					c := s.connect(s.d.Word())
					c.listen()
					c.send(c.name)
					tt.finish(c)
					c.conn.Close()
					s.Wait()
				}
				s.members[0].hear()
				if more := bubble.Goroutines() - before; more > clients/2 {
					s.failf("%d clients came and went, and there are %d goroutines more than before.\nWant none that stays behind for a client that has left.\n\n%s", clients, more, s.Waiting())
				}
				// The last ones may still be in some variable.
				for tries := 0; forgotten.Load() < clients*9/10; tries++ {
					if tries == 50 {
						s.failf("%d clients came and went, and %d of their connections are still in memory:\nsomething keeps them, such as a list, or a context whose AfterFunc was not stopped.\nWant none kept.", clients, clients-forgotten.Load())
					}
					runtime.GC() // which calls the cleanups in a goroutine of its own
					runtime.Gosched()
				}
			}))
		})
	}
}

// tracked is a connection of which the garbage collector tells when it is gone.
type tracked struct{ net.Conn }

// The same over the kernel's connections (net, TCPConn).
func TestLoopback(t *testing.T) {
	const clients = 8
	loopback.Run(t, 16, func(l *loopback.L) {
		ctx, stop := context.WithCancel(l.Context())
		defer stop()
		ln := l.Listen()
		var conns []net.Conn
		for range clients {
			conns = append(conns, l.Dial(ln.Addr()))
		}
		call := l.Go("Serve(ctx, ln)", func() error {
			defer ln.Close() // so that nobody waits: TestStop is about that
			return chat.New(chat.Limits{Name: 10, Line: 100, Queue: 4 * clients}).Serve(ctx, ln)
		})
		heard := make([]chan string, clients)
		hear := func(i int, want string) {
			if got, open := <-heard[i]; got != want {
				l.Fatalf("client%d heard %q (and its connection is open: %v)\nwant         %q", i, got, open, want)
			}
		}
		for i, conn := range conns {
			heard[i] = make(chan string, 100)
			l.Go(fmt.Sprintf("client%d, which listens", i), func() error {
				defer close(heard[i])
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					heard[i] <- lines.Text()
				}
				return nil
			})
			fmt.Fprintf(conn, "client%d\n", i)
			if got := <-heard[i]; !strings.HasPrefix(got, "OK") {
				l.Fatalf("client%d heard %q (and Serve has returned: %v)\nwant         OK and the names of %d others", i, got, call.Returned(), i)
			}
			for j := range i {
				hear(j, fmt.Sprintf("JOIN client%d", i))
			}
		}
		for i, conn := range conns {
			fmt.Fprintf(conn, "hello from %d\n", i)
			for j := range conns {
				if j != i {
					hear(j, fmt.Sprintf("SAY client%d hello from %d", i, i))
				}
			}
		}
		stop()
		if err := call.Wait(); err != nil {
			l.Fatalf("ctx was cancelled while %d clients were there\nServe returned %v\nwant           nil", clients, err)
		}
		for i := range conns {
			for range heard[i] {
			}
		}
		l.MustBeQuiet()
	})
}

// lagging is a connection of which a Read that a Close wakes comes back late.
type lagging struct {
	net.Conn
	lag     time.Duration
	reading *atomic.Int64 // how many Reads are under way
}

func (c *lagging) Read(p []byte) (int, error) {
	c.reading.Add(1)
	defer c.reading.Add(-1)
	n, err := c.Conn.Read(p)
	if errors.Is(err, net.ErrClosed) {
		<-time.After(c.lag)
	}
	return n, err
}

// server is a call of Serve, and those who talk to it.
type server struct {
	*bubble.B
	d      *draw.Data // nil in a property
	limits chat.Limits
	ln     *memnet.Listener

	accepted func(net.Conn) net.Conn // makes what Accept returns; nil: as it is

	call     *bubble.Call
	cancel   context.CancelFunc
	returned time.Duration
	reading  *atomic.Int64 // Reads under way, if that is counted
	left     int64         // how many there were when Serve returned

	clients []*client // all that ever connected
	members []*client // those that are in the room, and read
	deaf    []*client // those that are in the room, and do not
	told    int       // lines that were to be told to the deaf ones
}

// serving returns a test of a server whose limits are drawn.
func serving(f func(*server)) func(*bubble.B) {
	return servingWith(func(*server) {}, f)
}

// servingWith is serving; change is called before anything begins.
func servingWith(change, f func(*server)) func(*bubble.B) {
	return func(b *bubble.B) {
		s := prepare(b)
		change(s)
		s.begin(b.Context())
		f(s)
	}
}

// prepare draws the limits. Words, which have eight letters at most, are names;
// texts of 200 bytes can be said; and no test has as many lines as fit into the
// shortest queue wait for a member by chance.
func prepare(b *bubble.B) *server {
	d := draw.From(b.R)
	s := with(b, chat.Limits{Name: d.Between(8, 30), Line: d.Between(200, 2000), Queue: d.Between(20, 60)})
	s.d = d
	return s
}

func with(b *bubble.B, limits chat.Limits) *server {
	ln, err := b.Net.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatalf("the test cannot listen: %v", err)
	}
	b.Net.Name(ln.Addr(), "you")
	return &server{B: b, limits: limits, ln: ln}
}

// begin calls Serve.
func (s *server) begin(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	var ln net.Listener = s.ln
	if s.accepted != nil {
		ln = &listener{ln, s.accepted}
	}
	s.call = s.Go(s.title(), func() error {
		err := chat.New(s.limits).Serve(ctx, ln)
		s.returned = s.Elapsed()
		if s.reading != nil {
			s.left = s.reading.Load()
		}
		return err
	})
	s.Wait()
}

// listener returns other connections than the one within.
type listener struct {
	net.Listener
	accepted func(net.Conn) net.Conn
}

func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		conn = l.accepted(conn)
	}
	return conn, err
}

// title says how Serve was called.
func (s *server) title() string {
	return fmt.Sprintf("New(Limits{Name: %d, Line: %d, Queue: %d}).Serve(ctx, ln)", s.limits.Name, s.limits.Line, s.limits.Queue)
}

// failf ends the test.
func (s *server) failf(format string, args ...any) {
	s.T().Helper()
	text := s.title() + "\n" + fmt.Sprintf(format, args...)
	if len(s.deaf) > 0 {
		text += fmt.Sprintf("\n\nNot reading: %s, for %d lines now.", names(s.deaf), s.told)
	}
	if s.call.Returned() {
		text += fmt.Sprintf("\n\nServe returned %s after %v.", name(s.call.Wait()), s.returned)
	}
	s.Fatalf("%s", text)
}

// longestName draws a name as long as one may be.
func longestName(s *server) string {
	name := ""
	for len(name) < s.limits.Name {
		name += s.d.Word()
	}
	return name[:s.limits.Name]
}

// client is the other end of one of the server's connections.
type client struct {
	s    *server
	name string
	conn *memnet.Conn

	sent      chan struct{} // closed when what was to be sent last is sent
	listening chan struct{} // closed when it listens no more; nil if it does not

	mu    sync.Mutex
	heard string
	seen  int   // how much of it was looked at
	err   error // that ended it
}

// connect makes a connection. Nobody reads from it, until listen.
func (s *server) connect(name string) *client {
	s.T().Helper()
	conn, err := s.Net.Dial(s.Context(), "tcp", s.ln.Addr().String())
	if err != nil {
		s.failf("%s cannot connect: %v", name, err)
	}
	c := &client{s: s, name: name, conn: conn.(*memnet.Conn), sent: make(chan struct{})}
	close(c.sent)
	s.Net.Name(conn.LocalAddr(), name)
	s.clients = append(s.clients, c)
	return c
}

// join has a new client enter the room.
func (s *server) join(name string) *client {
	s.T().Helper()
	c := s.connect(name)
	c.listen()
	s.enter(c, name)
	return c
}

// enter has a client, which listens, give its name and enter the room.
func (s *server) enter(c *client, name string) {
	s.T().Helper()
	c.name = name
	s.Net.Name(c.conn.LocalAddr(), name)
	c.send(name + "\n")
	c.mustHear(s.greeting())
	s.mustTell("JOIN " + name)
	s.members = append(s.members, c)
}

// joinDeaf has a new client enter the room that reads its first line and no more.
func (s *server) joinDeaf(name string) *client {
	s.T().Helper()
	c := s.connect(name)
	c.send(name + "\n")
	c.listenOnce(1)
	c.mustHear(s.greeting())
	s.mustTell("JOIN " + name)
	s.deaf = append(s.deaf, c)
	return c
}

// greeting is what the next one to enter has to hear.
func (s *server) greeting() string {
	var names []string
	for _, c := range slices.Concat(s.members, s.deaf) {
		names = append(names, c.name)
	}
	return greeting(names)
}

// mustGiveOnce has so many clients ask for one name at one moment, and then go.
// Nobody else may be there.
func (s *server) mustGiveOnce(name string, n int) {
	s.T().Helper()
	var all []*client
	for range n {
		c := s.connect("a client")
		c.listen()
		all = append(all, c)
	}
	for _, c := range all {
		c.send(name + "\n")
	}
	s.mustBeOneOf(name, all)
	for _, c := range all {
		c.conn.Close()
	}
	s.Wait()
}

// mustBeOneOf wants one of those who gave that name at one moment to have it.
func (s *server) mustBeOneOf(name string, all []*client) {
	s.T().Helper()
	in, taken := 0, 0
	for _, c := range all {
		switch heard := c.hear(); {
		case len(heard) == 0:
		case strings.HasPrefix(heard[0]+" ", "OK "):
			in++
		case matches(heard[0], "ERR 433"):
			taken++
		}
	}
	if in != 1 || taken != len(all)-1 {
		s.failf("%d clients gave the name %s at one moment\n%d of them heard OK, and %d ERR 433\nwant 1 and %d", len(all), name, in, taken, len(all)-1)
	}
}

// mustTell wants all members to have heard that line, and no other.
func (s *server) mustTell(line string) {
	s.T().Helper()
	s.told++
	what := ""
	if name, ok := strings.CutPrefix(line, "JOIN "); ok {
		what = name + " has come in"
	}
	if name, ok := strings.CutPrefix(line, "LEAVE "); ok {
		what = name + " has left"
	}
	for _, m := range s.members {
		m.mustHearAfter(what, line)
	}
}

// mustPassOn has a member say something, and wants the others to hear it.
func (s *server) mustPassOn(from *client, text string) {
	s.T().Helper()
	s.told++
	from.send(text + "\n")
	what := from.name + " said " + quote(text)
	from.mustHearAfter(what)
	for _, m := range s.members {
		if m != from {
			m.mustHearAfter(what, "SAY "+from.name+" "+text)
		}
	}
}

// without takes a client that has left from the lists.
func (s *server) without(c *client) {
	s.members = slices.DeleteFunc(s.members, func(m *client) bool { return m == c })
	s.deaf = slices.DeleteFunc(s.deaf, func(m *client) bool { return m == c })
}

// mustBeGone wants all others to have heard that c has left.
func (s *server) mustBeGone(c *client) {
	s.T().Helper()
	s.without(c)
	s.mustTell("LEAVE " + c.name)
}

// flood has the first member talk until all who are deaf have been dropped, and
// returns what it said. It wants that to happen in time, and the others to hear
// of it once, and to hear all that was said.
func (s *server) flood() (said []string) {
	s.T().Helper()
	// As many lines as wait for a member, and as many as wait for the connection
	// if they are handed over together; what fits into some buffer; a few.
	const size, buffer, few = 200, 8192, 8
	last := len(s.members) - 1
	talker := s.members[last]
	left := map[string]int{}
	for len(left) < len(s.deaf) {
		if len(said) == 2*s.limits.Queue+buffer/size+few {
			s.failf("%s said %d lines of %d bytes, and not everyone who does not read was dropped.\nWant whoever lets more than %d lines wait dropped, and LEAVE told.\n\n%s", talker.name, len(said), size, s.limits.Queue, s.Waiting())
		}
		text := s.d.Text(size)
		said = append(said, "SAY "+talker.name+" "+text)
		s.told++
		talker.send(text + "\n")
		for _, line := range talker.hear() {
			left[line]++
		}
	}
	for _, m := range s.members[:last] {
		heard := m.hear()
		isLeave := func(line string) bool { return left[line] > 0 }
		talk := slices.DeleteFunc(slices.Clone(heard), isLeave)
		if n := sameLines(talk, said); n < max(len(talk), len(said)) {
			s.failf("%s heard the first %d lines of %s, and then%s\nwant%s", m.name, n, talker.name, list(talk[n:]), list(said[n:]))
		}
		if len(heard) != len(talk)+len(s.deaf) {
			leaves := slices.DeleteFunc(heard, func(line string) bool { return !isLeave(line) })
			s.failf("%s was told who was dropped:%s\nwant LEAVE once of each", m.name, list(leaves))
		}
	}
	for _, c := range s.deaf {
		if left["LEAVE "+c.name] != 1 {
			s.failf("%s said %d lines of %d bytes, and heard %v\nwant LEAVE once of each who does not read", talker.name, len(said), size, left)
		}
	}
	s.deaf = nil
	return said
}

// fill has all sorts of clients come.
func (s *server) fill() {
	for range 3 {
		s.join(s.d.Word())
	}
	s.connect("a silent client")
	s.connect("a slow client").send("half a nam")
	s.connect("a deaf client").send("not a name\n")
	s.joinDeaf(s.d.Word())
	gone := s.joinDeaf(s.d.Word())
	s.members[0].send("half a li")
	s.mustPassOn(s.members[1], s.d.Text(100))
	gone.hangUp() // and something waits for it
	s.mustBeGone(gone)
}

// babble has many clients come, and talk without waiting for anything.
func (s *server) babble() {
	for range 10 {
		c := s.connect(s.d.Word())
		c.listen()
		c.send(c.name + "\n")
		for range 5 {
			c.send(s.d.Text(20) + "\n")
		}
	}
}

// closeListener closes the listener, as somebody else than Serve.
func (s *server) closeListener() {
	s.Net.Note("somebody closes ln")
	s.ln.Close()
}

// mustReturn wants Serve to return that error at this moment.
func (s *server) mustReturn(want error) {
	s.T().Helper()
	at := s.Elapsed()
	s.Wait()
	if !s.call.Returned() {
		s.failf("has not returned\nwant %s at once\n\n%s", name(want), s.Waiting())
	}
	if err := s.call.Wait(); s.returned != at || !errors.Is(err, want) {
		s.failf("want %s after %v", name(want), at)
	}
}

// mustRefuse wants nobody to listen any more.
func (s *server) mustRefuse() {
	s.T().Helper()
	conn, err := s.Net.Dial(s.Context(), "tcp", s.ln.Addr().String())
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		s.failf("Serve returned, and a new client that connects gets the error %v\nwant ln closed, so that it is refused", err)
	}
}

// mustHaveSaid wants keeper to have heard all that c said, in its order.
func (s *server) mustHaveSaid(keeper, c *client, said []string) {
	s.T().Helper()
	s.Wait()
	var got []string
	for _, line := range keeper.history() {
		if text, ok := strings.CutPrefix(line, "SAY "+c.name+" "); ok {
			got = append(got, text)
		}
	}
	if !slices.Equal(got, said) {
		s.failf("%s has heard of %s:%s\nwant, in this order:%s", keeper.name, c.name, list(got), list(said))
	}
}

// mustAgree wants c to have heard what keeper heard, who was there before all
// others and says nothing: from some moment on, when c was in the room and those
// were there whom its first line names, everything but what it said itself. If c
// has left, the beginning of that will do.
func (s *server) mustAgree(keeper, c *client) {
	s.T().Helper()
	s.Wait()
	log, heard := keeper.history()[1:], c.history()
	begin, end := slices.Index(log, "JOIN "+c.name), slices.Index(log, "LEAVE "+c.name)
	if end >= 0 && len(heard) == 0 {
		return
	}
	if begin < 0 || len(heard) == 0 || !strings.HasPrefix(heard[0]+" ", "OK ") {
		s.failf("%s heard%s\n%s heard%s\nwant OK first for %s, and JOIN %s for %s", c.name, list(heard), keeper.name, list(log), c.name, c.name, keeper.name)
	}
	var want []string // for the last moment at which the names are right
	for now := begin; now < len(log); now++ {
		if !matches(heard[0], greeting(roster(keeper, c, log[:now+1]))) {
			continue
		}
		want = heardFrom(log[now+1:], c)
		if slices.Equal(heard[1:], want) || end >= 0 && len(heard)-1 <= len(want) && slices.Equal(heard[1:], want[:len(heard)-1]) {
			return
		}
	}
	if want == nil {
		s.failf("%s heard%s\n%s heard%s\nAt no moment since JOIN %s were those there whom OK names.", c.name, list(heard[:1]), keeper.name, list(log), c.name)
	}
	n := sameLines(heard[1:], want)
	s.failf("%s heard %s, then the same %d lines as %s, and then\n%s heard%s\n%s heard%s\nWant the same order for everyone, from JOIN on, and nothing missing.", c.name, quote(heard[0]), n, keeper.name, c.name, list(heard[n+1:]), keeper.name, list(want[n:]))
}

// roster says who is there besides c after all that keeper heard.
func roster(keeper, c *client, log []string) []string {
	there := []string{keeper.name}
	for _, line := range log {
		if name, ok := strings.CutPrefix(line, "JOIN "); ok {
			there = append(there, name)
		}
		if name, ok := strings.CutPrefix(line, "LEAVE "); ok {
			there = slices.DeleteFunc(there, func(n string) bool { return n == name })
		}
	}
	return slices.DeleteFunc(there, func(n string) bool { return n == c.name })
}

// heardFrom is what c hears of the log: all but its own lines, until it leaves.
func heardFrom(log []string, c *client) []string {
	all := []string{}
	for _, line := range log {
		if line == "LEAVE "+c.name {
			break
		}
		if !strings.HasPrefix(line, "SAY "+c.name+" ") {
			all = append(all, line)
		}
	}
	return all
}

// send sends text, behind what was sent before. Whether it arrives, and when, is
// another matter.
func (c *client) send(text string) {
	before, done := c.sent, make(chan struct{})
	c.sent = done
	c.s.Go(c.name+", who sends something", func() error {
		defer close(done)
		<-before
		io.WriteString(c.conn, text)
		return nil
	})
}

// listen reads all the time from now on.
func (c *client) listen() {
	if c.listening != nil {
		return
	}
	done := make(chan struct{})
	c.listening = done
	c.s.Go(c.name+", who listens", func() error {
		defer close(done)
		for buf := make([]byte, 4096); ; {
			n, err := c.conn.Read(buf)
			c.mu.Lock()
			c.heard += string(buf[:n])
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				c.err = err
			}
			c.mu.Unlock()
			if err != nil {
				return nil
			}
		}
	})
}

// listenOnce reads until it has a line, so many bytes at a time.
func (c *client) listenOnce(size int) {
	c.s.Go(c.name+", which reads one line", func() error {
		for buf, over := make([]byte, size), false; !over; {
			n, err := c.conn.Read(buf)
			c.mu.Lock()
			c.heard += string(buf[:n])
			c.mu.Unlock()
			over = err != nil || slices.Contains(buf[:n], '\n')
		}
		return nil
	})
}

// stopListening makes it deaf.
func (c *client) stopListening() {
	c.conn.SetReadDeadline(time.Unix(1, 0))
	<-c.listening
	c.conn.SetReadDeadline(time.Time{})
	c.listening = nil
}

// hangUp ends the client's stream; it still listens.
func (c *client) hangUp() {
	c.s.Wait()
	c.conn.CloseWrite()
}

// reset breaks the connection.
func (c *client) reset() {
	c.s.Wait()
	c.conn.SetLinger(0)
	c.conn.Close()
}

// hear returns the lines that the client has heard since the last time. What has
// no newline yet is the last one.
func (c *client) hear() []string {
	c.s.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := c.heard[c.seen:]
	c.seen = len(c.heard)
	return lines(fresh)
}

// history returns all lines that the client has heard.
func (c *client) history() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return lines(c.heard)
}

func lines(text string) (all []string) {
	for line := range strings.Lines(text) {
		if whole, ok := strings.CutSuffix(line, "\n"); ok {
			line = whole
		} else {
			line += unfinished
		}
		all = append(all, line)
	}
	return all
}

const unfinished = " (and no newline)"

// mustHear wants the client to have heard these lines since the last time, and
// no more. What stands behind the code of an ERR, and the order of the names
// behind OK, is up to the server.
func (c *client) mustHear(want ...string) {
	c.s.T().Helper()
	c.mustHearAfter("", want...)
}

// mustHearAfter is mustHear; what says what has happened before.
func (c *client) mustHearAfter(what string, want ...string) {
	c.s.T().Helper()
	got := c.hear()
	if slices.EqualFunc(got, want, matches) {
		return
	}
	heard := list(got)
	if len(got) == 0 && c.seen > 0 {
		heard += " more"
	}
	text := fmt.Sprintf("%s heard%s\nwant%s", c.name, heard, list(want))
	if what != "" {
		text = what + "\n" + text
	}
	if len(got) == 1 && len(want) == 1 && len(want[0]) > shown && same(got[0], want[0]) > 0 {
		text += fmt.Sprintf("\nThe first %d bytes are as they should be.", same(got[0], want[0]))
	}
	if len(got) < len(want) || c.ended() != nil {
		text += c.why()
	}
	c.s.failf("%s", text)
}

// why says why there may be nothing more to hear.
func (c *client) why() string {
	if err := c.ended(); err != nil {
		return fmt.Sprintf("\nThe connection of %s has ended: %v", c.name, err)
	}
	if c.s.call.Returned() {
		return ""
	}
	return "\n\nWho waits where:\n\n" + c.s.Waiting()
}

// mustHearBeginning wants the client to have heard the beginning of what was
// said, from the first line on and without a gap. The last line may be cut.
func (c *client) mustHearBeginning(said []string) {
	c.s.T().Helper()
	c.s.Wait()
	var got []string
	for _, line := range c.history() {
		if strings.HasPrefix(line, "SAY ") {
			got = append(got, line)
		}
	}
	for i, line := range got {
		part, cut := strings.CutSuffix(line, unfinished)
		switch {
		case i < len(said) && (line == said[i] || cut && strings.HasPrefix(said[i], part)):
		default:
			c.s.failf("%s did not read for a while, was dropped, and then read what was left:\nafter %d lines as they should be,%s\nwant%s\nWant no gap: a member hears everything until it is dropped, and then the end.", c.name, i, list(got[i:]), list(said[min(i, len(said)):]))
		}
	}
}

func (c *client) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// mustEnd wants the connection to have ended.
func (c *client) mustEnd() {
	c.s.T().Helper()
	c.s.Wait()
	if c.ended() == nil {
		c.s.failf("The connection of %s is still open.\nWant it closed.\n\n%s", c.name, c.s.Waiting())
	}
}

// mustBeCut wants the connection closed, though the client has not yet read what
// waits for it.
func (c *client) mustBeCut() {
	c.s.T().Helper()
	for range 2 { // the first Write may still be the one that finds out
		c.s.Wait()
		if _, err := c.conn.Write([]byte("\n")); err != nil {
			return
		}
	}
	c.s.failf("%s was dropped, and its connection is still open, with what waits in it.\nWant it closed at once: who does not read would keep it for ever.", c.name)
}

// matches says whether a line is the one that is wanted.
func matches(got, want string) bool {
	switch {
	case strings.HasPrefix(want, "ERR "):
		return got == want || strings.HasPrefix(got, want+" ")
	case want == "OK" || strings.HasPrefix(want, "OK "):
		g, w := strings.Fields(got), strings.Fields(want)
		if len(g) == 0 || g[0] != "OK" {
			return false
		}
		slices.Sort(g)
		slices.Sort(w)
		return slices.Equal(g, w)
	}
	return got == want
}

// greeting is the first line for somebody who finds those there.
func greeting(names []string) string {
	return strings.Join(append([]string{"OK"}, names...), " ")
}

// same counts the bytes that two texts begin with.
func same(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// sameLines counts the lines that two lists begin with.
func sameLines(a, b []string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// shown is how much of a line is shown.
const shown = 60

// list shows lines behind a word, one below the other if there are several.
func list(lines []string) string {
	const atMost = 12
	var all []string
	for i, line := range lines {
		if i == atMost {
			all = append(all, fmt.Sprintf("… and %d more", len(lines)-atMost))
			break
		}
		all = append(all, quote(line))
	}
	switch len(all) {
	case 0:
		return " nothing"
	case 1:
		return " " + all[0]
	}
	return "\n    " + strings.Join(all, "\n    ")
}

// quote is %q, without the middle of a long line.
func quote(line string) string {
	if n := len(line); n > shown {
		return fmt.Sprintf("%q … %q (%d bytes)", line[:20], line[n-10:], n)
	}
	return fmt.Sprintf("%q", line)
}

func names(clients []*client) string {
	var all []string
	for _, c := range clients {
		all = append(all, c.name)
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
	return fmt.Sprintf("the error %q", err)
}
