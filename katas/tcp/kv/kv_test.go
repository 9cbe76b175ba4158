package kv_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
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
	"github.com/example/netkata/katas/tcp/kv"
)

// A value comes, is replaced, and is none of another key's business.
func TestSet(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		c := start(b).dial()
		key, other := c.d.Word(), c.d.Word()
		first, second := c.d.Word(), c.d.Word()
		c.mustTell("GET "+key, "NONE")
		c.mustTell("SET "+key+" "+first, "OK")
		c.mustTell("GET "+key, "VALUE "+first)
		c.mustTell("SET "+key+" "+second, "OK")
		c.mustTell("GET "+key, "VALUE "+second)
		c.mustTell("GET "+other, "NONE")
	})
}

// Values that look like replies (3rd-Eden/memcached#59: a client that took the
// value "OK…" for the reply).
func TestValueLikeReply(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		c := start(b).dial()
		for _, value := range []string{"NONE", "OK", "VALUE"} {
			key := c.d.Word()
			c.mustTell("SET "+key+" "+value, "OK")
			c.mustTell("GET "+key, "VALUE "+value)
		}
	})
}

// A key is there, and then is not.
func TestDel(t *testing.T) {
	bubble.Run(t, 2, func(b *bubble.B) {
		c := start(b).dial()
		key, value := c.d.Word(), c.d.Word()
		other, kept := c.d.Word(), c.d.Word()
		c.mustTell("DEL "+key, "NONE")
		c.mustTell("SET "+key+" "+value, "OK")
		c.mustTell("SET "+other+" "+kept, "OK")
		c.mustTell("DEL "+key, "OK")
		c.mustTell("GET "+key, "NONE")
		c.mustTell("DEL "+key, "NONE")
		c.mustTell("GET "+other, "VALUE "+kept)
		c.mustTell("SET "+key+" "+kept, "OK")
		c.mustTell("GET "+key, "VALUE "+kept)
	})
}

// Two clients that take turns, one that leaves, and a Server of its own.
func TestShared(t *testing.T) {
	t.Run("one Server", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b)
			key, first, second := s.d.Word(), s.d.Word(), s.d.Word()
			one, two := s.dial(), s.dial()
			one.mustTell("SET "+key+" "+first, "OK")
			two.mustTell("GET "+key, "VALUE "+first)
			one.mustTell("SET "+key+" "+second, "OK")
			two.mustTell("GET "+key, "VALUE "+second)
			two.mustTell("DEL "+key, "OK")
			one.mustTell("GET "+key, "NONE")
			two.mustTell("SET "+key+" "+first, "OK")
			one.mustTell("GET "+key, "VALUE "+first)
			one.hangUp()
			two.hangUp()
			s.dial().mustTell("GET "+key, "VALUE "+first)
		})
	})
	t.Run("another Server", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b)
			key, value := s.d.Word(), s.d.Word()
			s.dial().mustTell("SET "+key+" "+value, "OK")
			other := startWith(b, s.d, s.limits)
			other.tell("another", "Server was told: SET "+key)
			other.dial().mustTell("GET "+key, "NONE")
		})
	})
}

// Values of all sorts, byte for byte.
func TestValues(t *testing.T) {
	for _, tt := range []struct{ why, value string }{
		{"words", "one two three"},
		{"blanks at both ends", "  a b "},
		{"two blanks between words", "a  b"},
		{"one blank", " "},
		{"nothing", ""},
		{"tabs", "\ta\t"},
		{"zero bytes", "\x00a\x00"},
		{"what is no UTF-8", "\xff\xfe\xc3"},
		{"carriage returns, but not at the end", "\ra\rb"},
		{"what Printf would take for a verb", "100%s %d%%"},
		{"quotation marks", `"a" 'b`},
		{"a command", "DEL all of it"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				c := start(b).dial()
				key := c.d.Word()
				c.mustTell("SET "+key+" "+tt.value, "OK")
				c.mustTell("GET "+key, "VALUE "+tt.value)
			})
		})
	}
	t.Run("drawn", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			c := start(b).dial()
			for range 10 {
				key, value := c.d.Word(), c.d.Text(c.d.Between(1, 60))
				c.mustTell("SET "+key+" "+value, "OK")
				c.mustTell("GET "+key, "VALUE "+value)
			}
		})
	})
}

// Keys of all sorts, each beside a word that is much like it.
func TestKeys(t *testing.T) {
	for _, tt := range []struct {
		why  string
		like func(word string) string
	}{
		{"in capitals", strings.ToUpper},
		{"with a tab behind it", func(word string) string { return word + "\t" }},
		{"with a tab before it", func(word string) string { return "\t" + word }},
		{"with a zero byte behind it", func(word string) string { return word + "\x00" }},
		{"its beginning", func(word string) string { return word[:3] }},
		{"twice", func(word string) string { return word + word }},
		{"with a byte that is no UTF-8", func(word string) string { return "\xff" + word }},
		{"a command", func(string) string { return "GET" }},
		{"a verb of Printf", func(string) string { return "%s" }},
		{"as a path", func(word string) string { return "/" + word + "/../" + word }},
		{"with a carriage return in it", func(word string) string { return word + "\r" + word }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				c := start(b).dial()
				word := c.d.Word()
				key := tt.like(word)
				c.mustTell("SET "+word+" one", "OK")
				c.mustTell("SET "+key+" another", "OK")
				c.mustTell("GET "+word, "VALUE one")
				c.mustTell("GET "+key, "VALUE another")
				c.mustTell("DEL "+key, "OK")
				c.mustTell("GET "+word, "VALUE one")
			})
		})
	}
}

// Lines as nc ends them, and as telnet does.
func TestLineEnds(t *testing.T) {
	bubble.Run(t, 5, func(b *bubble.B) {
		c := start(b).dial()
		key, value := c.d.Word(), c.d.Text(c.d.Between(3, 20))
		c.say("SET " + key + " " + value + "\r\n")
		c.mustHear("OK")
		c.mustTell("GET "+key, "VALUE "+value)
		c.say("GET " + key + "\r\n")
		c.mustHear("VALUE " + value)
		c.say("SET " + key + " \r\n")
		c.mustHear("OK")
		c.mustTell("GET "+key, "VALUE ")
		c.say("SET " + key + " " + value + "\r\r\n")
		c.mustHear("OK")
		c.mustTell("GET "+key, "VALUE "+value+"\r")
		c.say("DEL " + key + "\r\n")
		c.mustHear("OK")
		c.mustTell("GET "+key, "NONE")
	})
}

// Commands in pieces, and several at once (RFC 9293, section 2.2).
func TestPieces(t *testing.T) {
	for _, tt := range []struct {
		why    string
		pieces []string   // K is the key, V the value
		want   [][]string // what is heard after each
	}{
		{"a command in three pieces", []string{"SET K", " V", "\n"}, [][]string{{}, {}, {"OK"}}},
		{"three commands in one piece", []string{"SET K V\nGET K\nDEL K\n"}, [][]string{{"OK", "VALUE V", "OK"}}},
		{"a command and half of the next", []string{"SET K V\nGE", "T K\n"}, [][]string{{"OK"}, {"VALUE V"}}},
		{"a command, and all of the next but its newline", []string{"SET K V\nGET K", "\n"}, [][]string{{"OK"}, {"VALUE V"}}},
		{"a carriage return and its newline in two pieces", []string{"SET K V\r", "\nGET K\n"}, [][]string{{}, {"OK", "VALUE V"}}},
		{"what was not there yet, and then is", []string{"GET K\nSET K V\nGET K\nDEL K\nGET K\n"}, [][]string{{"NONE", "OK", "VALUE V", "OK", "NONE"}}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				c := start(b).dial()
				drawn := strings.NewReplacer("K", c.d.Word(), "VALUE", "VALUE", "V", c.d.Text(20), "OK", "OK")
				for i, piece := range tt.pieces {
					c.say(drawn.Replace(piece))
					var want []string
					for _, reply := range tt.want[i] {
						want = append(want, drawn.Replace(reply))
					}
					c.mustHear(want...)
				}
			})
		})
	}
	t.Run("a thousand commands in one piece", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			c := start(b).dial()
			key := c.d.Word()
			var said strings.Builder
			var want []string
			for i := range 500 {
				fmt.Fprintf(&said, "SET %s %d\nGET %s\n", key, i, key)
				want = append(want, "OK", fmt.Sprintf("VALUE %d", i))
			}
			c.say(said.String())
			c.mustHear(want...)
		})
	})
}

// What no command is.
func TestNoCommand(t *testing.T) {
	for _, tt := range []struct{ why, line, want string }{
		{"another word", "FETCH K", "ERR unknown"},
		{"another word alone", "HELP", "ERR unknown"},
		{"small letters", "get K", "ERR unknown"},
		{"one small letter", "GEt K", "ERR unknown"},
		{"a longer word", "GETS K", "ERR unknown"},
		{"a shorter word", "SE K W", "ERR unknown"},
		{"no space behind the command", "GETK", "ERR unknown"},
		{"a tab for the space", "GET\tK", "ERR unknown"},
		{"a blank in front", " GET K", "ERR unknown"},
		{"an empty line", "", "ERR unknown"},
		{"a carriage return alone", "\r", "ERR unknown"},
		{"a blank", " ", "ERR unknown"},
		{"what a browser says", "POST / HTTP/1.1", "ERR unknown"},
		{"GET of no key", "GET", "ERR usage"},
		{"GET of an empty key", "GET ", "ERR usage"},
		{"GET of two keys", "GET K K", "ERR usage"},
		{"GET, with a blank at the end", "GET K ", "ERR usage"},
		{"GET, with two blanks before the key", "GET  K", "ERR usage"},
		{"DEL of no key", "DEL", "ERR usage"},
		{"DEL of two keys", "DEL K K", "ERR usage"},
		{"DEL, with a blank at the end", "DEL K ", "ERR usage"},
		{"SET of nothing", "SET", "ERR usage"},
		{"SET without a value", "SET K", "ERR usage"},
		{"SET without a value, as telnet says it", "SET K\r", "ERR usage"},
		{"SET of an empty key", "SET  W", "ERR usage"},
		{"SET with a blank too many", "SET  K W", "ERR usage"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				c := start(b).dial()
				key, value, other := c.d.Word(), c.d.Text(12), c.d.Word()
				line := strings.NewReplacer("K", key, "W", other).Replace(tt.line)
				c.mustTell("SET "+key+" "+value, "OK")
				c.mustTell(line, tt.want)
				c.mustTell("GET "+key, "VALUE "+value)
				c.mustTell("GET "+other, "NONE")
			})
		})
	}
}

// Lines about as long as a line may be.
func TestLineLimit(t *testing.T) {
	for _, tt := range []struct {
		why    string
		lo, hi int // of Limits.Line
	}{
		{"a small limit", 24, 150},
		{"more than a bufio.Reader holds", 4097, 6000},
		{"more than a bufio.Scanner takes", 65537, 70000},
		{"more than a MiB, which is a Scanner's buffer to many", 1<<20 + 1, 1<<20 + 1000},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				d := draw.From(b.R)
				s := startWith(b, d, kv.Limits{Line: d.Between(tt.lo, tt.hi), Keys: 100})
				c := s.dial()
				key := d.Word()
				for _, end := range []string{"\n", "\r\n"} {
					line := s.fill("SET "+key+" ", 0)
					c.say(line + end)
					c.mustHear("OK")
					c.mustTell("GET "+key, "VALUE "+strings.TrimPrefix(line, "SET "+key+" "))
					c.say(s.fill("SET "+key+" ", 1) + end)
					c.mustHear("ERR too-long")
					c.mustTell("GET "+key, "VALUE "+strings.TrimPrefix(line, "SET "+key+" "))
				}
			})
		})
	}
}

// Lines that are much too long, whatever stands in them.
func TestTooLong(t *testing.T) {
	for _, tt := range []struct {
		why  string
		line func(s *server, key string) string
	}{
		{"SET", func(s *server, key string) string { return s.fill("SET "+key+" ", 5*s.limits.Line) }},
		{"SET, longer than a bufio.Reader holds", func(s *server, key string) string { return s.fill("SET "+key+" ", 9000) }},
		{"SET, longer than a bufio.Scanner takes", func(s *server, key string) string { return s.fill("SET "+key+" ", 200_000) }},
		{"GET of a long key", func(s *server, key string) string { return s.fill("GET "+key, 1) }},
		{"DEL of two keys, one of them long", func(s *server, key string) string { return s.fill("DEL "+key+" ", 1) }},
		{"no command at all", func(s *server, key string) string { return s.fill(strings.ToUpper(key), 1) }},
		{"blanks", func(s *server, key string) string { return strings.Repeat(" ", s.limits.Line+1) }},
		{"a command where the limit is", func(s *server, key string) string { return s.fill("SET "+key+" ", 0) + "DEL " + key }},
		{"a command one byte further", func(s *server, key string) string { return s.fill("SET "+key+" ", 1) + "DEL " + key }},
		{"a command two bytes further", func(s *server, key string) string { return s.fill("SET "+key+" ", 2) + "DEL " + key }},
		{"a command where a buffer may end", func(s *server, key string) string {
			return s.fill("SET "+key+" ", 4096-s.limits.Line) + "DEL " + key
		}},
		{"a command where another buffer may end", func(s *server, key string) string {
			return s.fill("SET "+key+" ", 65536-s.limits.Line) + "DEL " + key
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				d := draw.From(b.R)
				s := startWith(b, d, kv.Limits{Line: d.Between(24, 150), Keys: 100})
				c := s.dial()
				key, value := d.Word(), d.Word()
				c.mustTell("SET "+key+" "+value, "OK")
				c.mustTell(tt.line(s, key), "ERR too-long")
				c.mustTell("GET "+key, "VALUE "+value)
				c.say(tt.line(s, key) + "\nGET " + key + "\n")
				c.mustHear("ERR too-long", "VALUE "+value)
			})
		})
	}
}

// Eight MiB without a newline.
func TestEndlessLine(t *testing.T) {
	const room = 1 << 20
	bubble.Run(t, 8, func(b *bubble.B) {
		d := draw.From(b.R)
		s := startWith(b, d, kv.Limits{Line: d.Between(24, 150), Keys: 100})
		c := s.dial()
		key, value := d.Word(), d.Word()
		c.mustTell("SET "+key+" "+value, "OK")
		before := bubble.Heap()
		chunk := []byte(strings.Repeat("x", 64<<10))
		for range 8 << 20 / len(chunk) {
			if _, err := c.conn.Write(chunk); err != nil {
				s.Fatalf("client 1 sends a line of 8 MiB, and cannot get it sent: %v\n%s", err, c.state())
			}
		}
		s.Wait()
		if more := bubble.Heap() - before; more > room {
			s.Fatalf("%s\nclient 1 has sent 8 MiB, and no newline yet.\nThat takes %d KiB of memory, want %d at most: the line is %d bytes longer than\nit may be.", s.title(), more>>10, room>>10, 8<<20-s.limits.Line)
		}
		c.note(`sends 8 MiB of "x", and no newline yet`)
		c.mustHear()
		c.say("\nGET " + key + "\n")
		c.mustHear("ERR too-long", "VALUE "+value)
	})
}

// As many keys as there may be, and one more.
func TestFull(t *testing.T) {
	bubble.Run(t, 9, func(b *bubble.B) {
		d := draw.From(b.R)
		s := startWith(b, d, kv.Limits{Line: 100, Keys: d.Between(3, 8)})
		c, other := s.dial(), s.dial()
		keys, spare := d.Words(s.limits.Keys), d.Word()
		c.mustTell("DEL "+spare, "NONE") // makes no room
		c.mustTell("GET "+spare, "NONE") // takes none
		c.mustTell("SET "+keys[0]+" "+d.Word(), "OK")
		for i, key := range keys {
			c.mustTell(fmt.Sprintf("SET %s value %d", key, i), "OK")
		}
		c.mustTell("SET "+spare+" "+d.Word(), "ERR full")
		other.mustTell("SET "+spare+" "+d.Word(), "ERR full")
		c.mustTell("GET "+spare, "NONE")
		for i, key := range keys {
			c.mustTell("GET "+key, fmt.Sprintf("VALUE value %d", i))
		}
		value := d.Text(20)
		c.mustTell("SET "+keys[1]+" "+value, "OK") // is there already
		c.mustTell("GET "+keys[1], "VALUE "+value)
		c.mustTell("DEL "+keys[2], "OK")
		c.mustTell("DEL "+keys[2], "NONE")
		other.mustTell("SET "+spare+" "+value, "OK")
		c.mustTell("SET "+keys[2]+" "+value, "ERR full")
		c.mustTell("GET "+spare, "VALUE "+value)
	})
}

// Limits that are not set.
func TestNoLimit(t *testing.T) {
	t.Run("Line", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			d := draw.From(b.R)
			s := startWith(b, d, kv.Limits{Keys: 1})
			c := s.dial()
			key := d.Word()
			for _, n := range []int{d.Between(100, 4000), 5000, 70_000, 2<<20 + d.Between(1, 1000)} {
				value := strings.Repeat("x", n)
				c.mustTell("SET "+key+" "+value, "OK")
				c.mustTell("GET "+key, "VALUE "+value)
			}
			c.mustTell("SET "+d.Word()+" "+d.Word(), "ERR full")
		})
	})
	t.Run("Keys", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			d := draw.From(b.R)
			s := startWith(b, d, kv.Limits{Line: 30})
			c := s.dial()
			keys := d.Words(1000)
			for i, key := range keys {
				c.say(fmt.Sprintf("SET %s %d\n", key, i))
				c.mustHear("OK")
			}
			c.mustTell("GET "+keys[0], "VALUE 0")
			c.mustTell(s.fill("GET ", 1), "ERR too-long")
		})
	})
}

// A client that asks and does not read: little finds room on the way to it.
// Its last reply comes when those before it have just filled a buffer, of a size
// that people may choose, so that the last one has no room there.
func TestDeaf(t *testing.T) {
	sizes := []int{512, 1000, 1024, 2048, 4096, 8192, 10_000, 16 << 10, 32 << 10, 64 << 10, 128 << 10}
	for _, tt := range []struct{ why, last string }{
		{"the second value", "GET K"},
		{"the reply to a SET", "SET W V"},
		{"the reply to a DEL", "DEL W"},
		{"the reply to a SET for which there is no room", "SET N V"},
	} {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s behind %d bytes", tt.why, size), func(t *testing.T) {
				bubble.Run(t, 11, func(b *bubble.B) {
					b.Net.Buffer = size / 4
					d := draw.From(b.R)
					s := startWith(b, d, kv.Limits{Line: size + 100, Keys: 2})
					words := d.Words(4)
					key, other, none, value := words[0], words[1], words[2], words[3]
					long := strings.Repeat("x", size-len("VALUE \n")-d.Between(0, 2))
					c := s.dial()
					c.mustTell("SET "+key+" "+long, "OK")
					c.mustTell("SET "+other+" "+value, "OK")

					deaf := s.connect()
					deaf.note("does not read what it hears")
					deaf.say("GET " + key + "\n" + strings.NewReplacer("K", key, "W", other, "N", none, "V", value).Replace(tt.last) + "\n")
					c.mustTell("SET "+other+" "+key, "OK")
					c.mustTell("GET "+other, "VALUE "+key)
					c.mustTell("SET "+none+" "+key, "ERR full")
					c.mustTell("GET "+key, "VALUE "+long)
					c.mustTell("DEL "+other, "OK")
					s.dial().mustTell("GET "+other, "NONE")
				})
			})
		}
	}
}

// Many values, of all sizes, from clients that come and go (bufio.Scanner,
// Bytes: "may be overwritten by a subsequent call").
func TestKept(t *testing.T) {
	bubble.Run(t, 12, func(b *bubble.B) {
		d := draw.From(b.R)
		s := startWith(b, d, kv.Limits{Line: 3000, Keys: 1000})
		values := map[string]string{}
		keys := d.Words(100)
		for range 3 {
			c := s.dial()
			var said strings.Builder
			var want []string
			for _, key := range keys {
				if d.IntN(3) == 0 {
					continue
				}
				values[key] = d.Text(d.Between(0, 1600))
				fmt.Fprintf(&said, "SET %s %s\n", key, values[key])
				want = append(want, "OK")
			}
			c.note(fmt.Sprintf("sends %d SETs at once", len(want)))
			c.say(said.String())
			c.mustHear(want...)
			c.hangUp()
		}
		c := s.dial()
		for _, key := range keys {
			want := "NONE"
			if value, ok := values[key]; ok {
				want = "VALUE " + value
			}
			c.mustTell("GET "+key, want)
		}
	})
}

// A reply that is on its way while the value is replaced.
func TestWhole(t *testing.T) {
	bubble.Run(t, 12, func(b *bubble.B) {
		b.Net.Buffer = 512
		d := draw.From(b.R)
		s := startWith(b, d, kv.Limits{Line: 10_000, Keys: 100})
		key, n := d.Word(), d.Between(6000, 9000)
		values := []string{strings.Repeat("a", n), strings.Repeat("b", n), strings.Repeat("c", n)}
		c := s.dial()
		c.mustTell("SET "+key+" "+values[0], "OK")

		slow := s.connect()
		slow.say("GET " + key + "\n")
		c.mustTell("SET "+key+" "+values[1], "OK")
		c.mustTell("SET "+key+" "+values[2], "OK")
		slow.mustServe()
		got, err := bufio.NewReader(slow.conn).ReadString('\n')
		for _, value := range values {
			if got == "VALUE "+value+"\n" {
				return
			}
		}
		s.Fatalf("%s\nthen client 2 reads, at last: %s (error: %v)\nwant VALUE and one of the three values, whole", s.dialogue(), quote(got), err)
	})
}

// A client that sends two MiB of commands and does not read: 4096 bytes find
// room each way (CVE-2025-21605).
func TestBacklog(t *testing.T) {
	const (
		all  = 2 << 20
		room = 1 << 20
	)
	bubble.Run(t, 13, func(b *bubble.B) {
		b.Net.Buffer = 4096
		d := draw.From(b.R)
		s := startWith(b, d, kv.Limits{Line: 3000, Keys: 100})
		key := strings.Repeat(d.Word(), d.Between(100, 120))
		values := []string{d.Text(len(key)), d.Text(len(key) + 1)}

		c := s.connect()
		c.note("sends commands, until nobody reads them, and does not read")
		pairs := all / len("SET  \nGET \n"+key+values[0]+key)
		var sent atomic.Int64
		sending := s.Go("the client, which sends", func() error {
			for i := range pairs {
				n, err := fmt.Fprintf(c.conn, "SET %s %s\nGET %s\n", key, values[i%2], key)
				sent.Add(int64(n))
				if err != nil {
					return err
				}
			}
			return nil
		})
		s.Wait()
		if n := sent.Load(); n > room {
			s.Fatalf("%s\n\nYou have read %d KiB of commands, and it has not read one reply.\nWant %d KiB read at most, and the rest when it reads.", s.dialogue(), n>>10, room>>10)
		}
		c.passAnHour("reads nothing")
		c.mustServe()
		in := bufio.NewReader(c.conn)
		for i := range 2 * pairs {
			want := "OK\n"
			if i%2 == 1 {
				want = "VALUE " + values[i/2%2] + "\n"
			}
			if got, err := in.ReadString('\n'); got != want || err != nil {
				s.Fatalf("%s\nclient 1  begins to read\n\nreply %d is %s (error: %v)\nwant        %s", s.dialogue(), i+1, quote(got), err, quote(want))
			}
		}
		if err := sending.Wait(); err != nil {
			s.Fatalf("%s\nclient 1 could not send all of its commands: %v", s.title(), err)
		}
	})
}

// A client that asks for much in few words and does not read. Two MiB are left
// for what holds the replies, as a bytes.Buffer that has just grown, and for
// three copies of the one that is on its way (CVE-2025-21605).
func TestReplies(t *testing.T) {
	const room = 1 << 20
	for _, tt := range []struct{ size, times int }{{30_000, 500}, {500_000, 20}} {
		t.Run(fmt.Sprintf("values of %d bytes", tt.size), func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				d := draw.From(b.R)
				s := startWith(b, d, kv.Limits{Line: tt.size + 100, Keys: 100})
				key, value := d.Word(), strings.Repeat("x", tt.size)
				s.dial().mustTell("SET "+key+" "+value, "OK")
				before := bubble.Heap()
				c := s.connect()
				c.note(fmt.Sprintf("sends %q, %d times, and does not read", "GET "+key+"\n", tt.times))
				io.WriteString(c.conn, strings.Repeat("GET "+key+"\n", tt.times))
				s.Wait()
				if more := bubble.Heap() - before; more > room+2<<20+3*tt.size {
					s.Fatalf("%s\n\nThat takes %d KiB of memory. Want %d KiB of replies held at most, and the\nrest when it reads: else a stranger says how much memory you need.", s.dialogue(), more>>10, room>>10)
				}
				c.passAnHour("reads nothing")
				c.mustServe()
				in := bufio.NewReader(c.conn)
				for i := range tt.times {
					if got, err := in.ReadString('\n'); got != "VALUE "+value+"\n" || err != nil {
						s.Fatalf("%s\nclient 2  begins to read\n\nreply %d is %s (error: %v)\nwant        %s", s.dialogue(), i+1, quote(got), err, quote("VALUE "+value+"\n"))
					}
				}
			})
		})
	}
}

// The client ends its stream and still listens (RFC 9293, section 3.6.1).
func TestEnd(t *testing.T) {
	for _, tt := range []struct {
		why  string
		said string // K is the key, V the value, W another
		want []string
		left string // what GET tells afterwards
	}{
		{"nothing was said", "", nil, "NONE"},
		{"behind a command", "SET K V\n", []string{"OK"}, "VALUE V"},
		{"behind many", "SET K W\nGET K\nSET K V\nGET K\n", []string{"OK", "VALUE W", "OK", "VALUE V"}, "VALUE V"},
		{"a last command without newline: who knows how the value goes on?", "SET K V\nSET K W", []string{"OK"}, "VALUE V"},
		{"the same with a carriage return, and no newline", "SET K V\nDEL K\r", []string{"OK"}, "VALUE V"},
		{"half a GET", "SET K V\nGET K", []string{"OK"}, "VALUE V"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				s := start(b)
				key := s.d.Word()
				drawn := strings.NewReplacer("OK", "OK", "VALUE", "VALUE", "K", key, "V", s.d.Text(20), "W", s.d.Text(9))
				c := s.dial()
				if tt.said != "" {
					c.say(drawn.Replace(tt.said))
				}
				c.hangUp()
				var want []string
				for _, reply := range tt.want {
					want = append(want, drawn.Replace(reply))
				}
				c.mustHear(want...)
				c.mustReturn(nil)
				s.dial().mustTell("GET "+key, drawn.Replace(tt.left))
			})
		})
	}
	t.Run("replies that are read only afterwards", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			b.Net.Buffer = 512
			d := draw.From(b.R)
			s := startWith(b, d, kv.Limits{Line: 3000, Keys: 100})
			key, value := d.Word(), strings.Repeat(d.Word(), d.Between(80, 200))
			s.dial().mustTell("SET "+key+" "+value, "OK")
			c := s.connect()
			c.say(strings.Repeat("GET "+key+"\n", 10))
			c.hangUp()
			c.note("reads at last")
			c.listen()
			c.mustHear(slices.Repeat([]string{"VALUE " + value}, 10)...)
			c.mustReturn(nil)
		})
	})
	t.Run("the last bytes come in one Read with io.EOF", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b)
			key, value := s.d.Word(), s.d.Text(20)
			client, server := b.Net.Pipe()
			said := "SET " + key + " " + value + "\nGET " + key + "\n"
			io.WriteString(client, said)
			client.CloseWrite()
			c := s.serve(client, &lastRead{server, len(said)})
			c.note(quote(said) + ", and ends its stream")
			c.tell("network", "your Read of the last bytes returns io.EOF with them: n > 0, and an error")
			c.listen()
			c.mustHear("OK", "VALUE "+value)
			c.mustReturn(nil)
		})
	})
	t.Run("not before: a client says nothing for an hour", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b)
			c := s.dial()
			key, value := s.d.Word(), s.d.Text(20)
			c.mustTell("SET "+key+" "+value, "OK")
			c.passAnHour("says nothing")
			c.mustServe()
			c.say("GET ")
			c.passAnHour("says no more")
			c.mustServe()
			c.say(key + "\n")
			c.mustHear("VALUE " + value)
			c.hangUp()
			c.mustReturn(nil)
		})
	})
	t.Run("a last line that is too long, and has no newline", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := start(b)
			c := s.dial()
			c.say("GET " + s.d.Word() + "\n")
			c.mustHear("NONE")
			c.say(s.fill("SET "+s.d.Word()+" ", 5000))
			c.hangUp()
			c.mustHear()
			c.mustReturn(nil)
		})
	})
}

// A Read that fails (net, OpError).
func TestReadError(t *testing.T) {
	t.Run("the client resets the connection", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := start(b)
			c := s.dial()
			c.mustTell("SET "+s.d.Word()+" "+s.d.Word(), "OK")
			c.say("GET " + s.d.Word())
			c.reset()
			c.mustReturn(syscall.ECONNRESET)
			s.MustBeQuiet()
		})
	})
	t.Run("a deadline passes, which was set before", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := start(b)
			client, server := b.Net.Pipe()
			s.tell("caller", "sets a ReadDeadline for conn, in 5s, and calls Handle(conn)")
			server.SetReadDeadline(time.Now().Add(5 * time.Second))
			conn := &conn{Conn: server, net: b.Net, room: 100}
			c := s.serve(client, conn)
			c.listen()
			c.mustTell("SET "+s.d.Word()+" "+s.d.Word(), "OK")
			<-time.After(5 * time.Second)
			s.tell("…", "5s pass")
			if s.Wait(); !c.handle.Returned() && conn.moved() != "" {
				s.Fatalf("%s\n\nWant Handle(conn) to return by now. %s.\nDeadlines of conn are its caller's: you set none, and clear none.", s.dialogue(), conn.moved())
			}
			c.mustReturn(os.ErrDeadlineExceeded)
			c.mustHearEnd()
			s.MustBeQuiet()
		})
	})
}

// The caller closes the connection, as a server that shuts down does (net,
// ErrClosed).
func TestClosedByCaller(t *testing.T) {
	for _, tt := range []struct {
		why  string
		said string
	}{
		{"between two commands", ""},
		{"in the middle of a command", "GET "},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				s := start(b)
				client, server := b.Net.Pipe()
				c := s.serve(client, server)
				c.listen()
				c.mustTell("SET "+s.d.Word()+" "+s.d.Word(), "OK")
				if tt.said != "" {
					c.say(tt.said)
				}
				s.tell("caller", "closes conn, while Handle(conn) waits for more")
				server.Close()
				c.mustReturn(net.ErrClosed)
				s.MustBeQuiet()
			})
		})
	}
}

// A Write that fails, the first or the second one (net, OpError).
func TestWriteError(t *testing.T) {
	for _, tt := range []struct {
		why   string
		room  int
		lines int
	}{
		{"the first one", 0, 1},
		{"a later one", len("NONE\n"), 2},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				s := start(b)
				client, server := b.Net.Pipe()
				c := s.serve(client, &conn{Conn: server, net: b.Net, room: tt.room})
				c.listen()
				s.tell("you", fmt.Sprintf("can write %d bytes; each Write from then on fails", tt.room))
				for range tt.lines {
					c.say("GET " + s.d.Word() + "\n")
				}
				c.mustReturn(errBroken)
				c.mustHearEnd()
				s.MustBeQuiet()
			})
		})
	}
}

// Every way out, and what is closed there (net, Conn).
func TestClose(t *testing.T) {
	for _, tt := range []struct {
		why  string
		then func(*client)
		room int // for what Handle writes
	}{
		{"after the end of the stream", (*client).hangUp, 100},
		{"after a Read that failed", (*client).reset, 100},
		{"after a Write that failed", func(*client) {}, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				s := start(b)
				client, server := b.Net.Pipe()
				conn := &conn{Conn: server, net: b.Net, room: tt.room}
				c := s.serve(client, conn)
				c.listen()
				c.say("GET " + s.d.Word() + "\n")
				tt.then(c)
				err := c.mustEnd()
				if conn.closed.Load() == 0 {
					s.Fatalf("%s\nHandle(conn) returned %v,\nand conn is still open. Each client leaves one behind, until there is no room\nfor the next.", s.dialogue(), err)
				}
				s.MustBeQuiet()
			})
		})
	}
}

const many = 8 // clients at once

// Keys, and many who delete all of them, in the same order: who is behind has
// less to do, and catches up, until several are at the same key.
func TestDelOnce(t *testing.T) {
	bubble.Run(t, 16, func(b *bubble.B) {
		b.Net.Buffer = 1 << 20
		d := draw.From(b.R)
		s := startWith(b, d, kv.Limits{Line: 100, Keys: 5000})
		var keys []string
		for i, word := 0, d.Word(); i < d.Between(4000, 4400); i++ {
			keys = append(keys, word+strconv.Itoa(i))
		}
		s.call().askAll(commands("SET %s here", keys))
		told := make([][]string, many)
		s.atOnce(many, func(i int, c *caller) { told[i] = c.askAll(commands("DEL %s", keys)) })
		for i, key := range keys {
			var replies []string
			oks := 0
			for _, t := range told {
				replies = append(replies, t[i])
				if t[i] == "OK" {
					oks++
				}
			}
			if oks != 1 {
				s.Fatalf("%s\n%d keys were set, and then %d clients said at once: DEL, of each of them.\nDEL %s was answered %q\nWant \"OK\" one time: it was there once. Did two see it, before either deleted it?", s.title(), len(keys), many, key, replies)
			}
		}
	})
}

// Room for some keys, and many who want it.
func TestFullAtOnce(t *testing.T) {
	bubble.Run(t, 16, func(b *bubble.B) {
		const each = 50
		d := draw.From(b.R)
		keys := d.Words(many * each)
		n := d.Between(each, (many-1)*each)
		for limit := n; limit < n+5; limit++ { // some of them no multiple of many
			s := startWith(b, d, kv.Limits{Line: 100, Keys: limit})
			var oks atomic.Int64
			s.atOnce(many, func(i int, c *caller) {
				for _, reply := range c.askAll(commands("SET %s here", keys[i*each:(i+1)*each])) {
					if reply == "OK" {
						oks.Add(1)
					}
				}
			})
			if n := int(oks.Load()); n != limit {
				s.Fatalf("%s\n%d clients said SET at once, each of %d keys of its own.\n%d of %d were answered \"OK\", want %d.%s", s.title(), many, each, n, len(keys), limit, tooMany(n, limit))
			}
		}
	})
}

func tooMany(got, want int) string {
	if got < want {
		return ""
	}
	return "\nTwo looked for room, and both found the last, before either took it?"
}

// Room for one key, and some who take it in turns: whoever has it sees nobody
// else's.
func TestOneRoom(t *testing.T) {
	const (
		some   = 4
		rounds = 1500
	)
	bubble.Run(t, 16, func(b *bubble.B) {
		b.Net.Buffer = 1 << 20
		s := startWith(b, draw.From(b.R), kv.Limits{Line: 100, Keys: 1})
		keys := s.d.Words(some)
		s.atOnce(some, func(i int, c *caller) {
			others := slices.Concat(keys[i+1:], keys[:i])
			round := slices.Concat([]string{"SET " + keys[i] + " here"}, commands("GET %s", others), []string{"DEL " + keys[i]})
			replies := c.askAll(slices.Repeat(round, rounds))
			for told := range slices.Chunk(replies, len(round)) {
				if got := told[1 : 1+len(others)]; told[0] == "OK" && slices.ContainsFunc(got, func(reply string) bool { return reply != "NONE" }) {
					s.Fatalf("%s, and %d clients at once, each with a key of its own.\nOne said %q\nit heard %q\nWant \"NONE\" of the keys of others, from its OK to its DEL: there is room for one.", s.title(), some, round, told)
				}
			}
		})
	})
}

// Some who set one key to values of one letter, and some who get it: no value is
// a mixture of two. The race detector sees it as soon as there may be one.
func TestWholeAtOnce(t *testing.T) {
	const (
		some   = 6
		each   = 40
		length = 20_000
	)
	bubble.Run(t, 12, func(b *bubble.B) {
		d := draw.From(b.R)
		s := startWith(b, d, kv.Limits{Line: length + 100, Keys: 2})
		key := d.Word()
		letter := func(i int) string { return strings.Repeat(string(rune('a'+i)), length) }
		s.call().ask("SET " + key + " " + letter(0))
		s.atOnce(some, func(i int, c *caller) {
			line := "GET " + key
			if i%2 == 0 {
				line = "SET " + key + " " + letter(i)
			}
			for range each {
				reply := c.ask(line)
				if value, ok := strings.CutPrefix(reply, "VALUE "); i%2 == 1 && (!ok || len(value) != length || strings.Count(value, value[:1]) != length) {
					s.Fatalf("%s, and %d clients at once.\nHalf of them say SET %s, each with %d times a letter of its own, and half say\nGET %s. One of those was answered %s.\nWant one letter, %d times: is the value written over while it is on its way?", s.title(), some, key, length, key, quote(reply), length)
				}
			}
		})
	})
}

// Many who set keys of their own, which nobody else touches.
func TestOwnKeys(t *testing.T) {
	bubble.Run(t, 16, func(b *bubble.B) {
		const each = 100
		s := start(b)
		keys := s.d.Words(many)
		s.atOnce(many, func(i int, c *caller) {
			var lines, want []string
			for n := range each {
				lines = append(lines, fmt.Sprintf("SET %s %d", keys[i], n), "GET "+keys[i], "DEL "+keys[i])
				want = append(want, "OK", fmt.Sprintf("VALUE %d", n), "OK")
			}
			for n, reply := range c.askAll(lines) {
				if reply != want[n] {
					s.Fatalf("%s, and %d clients at once.\nEach said SET, GET and DEL, %d times, of a key of its own.\nOne said %q, and was answered %q.\nWant %q: nobody else uses that key.", s.title(), many, each, lines[n], reply, want[n])
				}
			}
		})
	})
}

// Many who count, one at a time: whoever deletes the token has it. A Server that
// lets two have it, or shows one an old number, loses count.
func TestCount(t *testing.T) {
	const each = 15
	bubble.Run(t, 16, func(b *bubble.B) {
		s := start(b)
		token, counter := s.d.Word(), s.d.Word()
		begin := s.call()
		begin.ask("SET " + counter + " 0")
		begin.ask("SET " + token + " here")
		s.atOnce(many, func(_ int, c *caller) {
			for n := 0; n < each; {
				if c.ask("DEL "+token) != "OK" {
					if s.Elapsed() > time.Minute {
						s.Fatalf("%s, and %d clients at once.\nAll say DEL %s, and nobody is answered OK: it is lost, although it was set.", s.title(), many, token)
					}
					<-time.After(time.Millisecond)
					continue
				}
				n++
				reply := c.ask("GET " + counter)
				number, err := strconv.Atoi(strings.TrimPrefix(reply, "VALUE "))
				if err != nil {
					s.Fatalf("%s, and %d clients at once.\nGET %s was answered %s, want VALUE and a number.", s.title(), many, counter, quote(reply))
				}
				c.ask(fmt.Sprintf("SET %s %d", counter, number+1))
				c.ask("SET " + token + " here")
			}
		})
		if reply := begin.ask("GET " + counter); reply != fmt.Sprintf("VALUE %d", many*each) {
			s.Fatalf("%s\n%d clients count to %d together. Each deletes the key %s before it\nreads the number and stores the next one, and sets it again afterwards.\nAt the end GET %s is answered %s, want \"VALUE %d\".", s.title(), many, many*each, token, counter, quote(reply), many*each)
		}
	})
}

// One who sets 1, 2, 3, and many who read: time does not run backwards.
func TestNeverBack(t *testing.T) {
	const last = 100
	bubble.Run(t, 16, func(b *bubble.B) {
		s := start(b)
		key := s.d.Word()
		var sent, answered, seen atomic.Int64 // the greatest number so far
		s.call().ask("SET " + key + " 0")
		s.atOnce(many, func(i int, c *caller) {
			if i == 0 {
				for n := int64(1); n <= last; n++ {
					sent.Store(n)
					if reply := c.ask(fmt.Sprintf("SET %s %d", key, n)); reply != "OK" {
						s.Fatalf("%s, and %d clients at once.\nSET %s %d was answered %s, want \"OK\".", s.title(), many, key, n, quote(reply))
					}
					answered.Store(n)
				}
				return
			}
			for answered.Load() < last {
				atLeast := max(answered.Load(), seen.Load())
				reply := c.ask("GET " + key)
				atMost := sent.Load()
				n, err := strconv.ParseInt(strings.TrimPrefix(reply, "VALUE "), 10, 64)
				if err != nil || n < atLeast || n > atMost {
					s.Fatalf("%s, and %d clients at once.\nOne says SET %s 1, SET %s 2 and so on, one after the other, and the others say\nGET %s. Such a GET was answered %s.\nWant %d to %d: that much was known before it was sent, and sent before it was\nanswered.", s.title(), many, key, key, key, quote(reply), atLeast, atMost)
				}
				for old := seen.Load(); n > old && !seen.CompareAndSwap(old, n); old = seen.Load() {
				}
			}
		})
	})
}

// The same over the kernel's TCP: many clients who send all that they have to
// say, and read meanwhile.
func TestLoopback(t *testing.T) {
	const commands = 300
	loopback.Run(t, 16, func(l *loopback.L) {
		d := draw.From(l.R)
		server := kv.New(kv.Limits{Line: 1000, Keys: many})
		var talks []*loopback.Call
		for range many {
			key, value := d.Word(), d.Text(d.Between(50, 500))
			client, conn := l.Pipe()
			handle := l.Go("Handle(conn)", func() error {
				defer conn.Close() // so that nobody waits: TestClose is about that
				return server.Handle(conn)
			})
			talks = append(talks, l.Go("the client", func() error {
				said := strings.Repeat("SET "+key+" "+value+"\nGET "+key+"\n", commands/2)
				want := strings.Repeat("OK\nVALUE "+value+"\n", commands/2)
				go func() {
					io.WriteString(client, said)
					client.CloseWrite()
				}()
				if got, err := io.ReadAll(client); string(got) != want {
					return fmt.Errorf("a client sent %s, and then ended its stream.\nit heard %s (error: %v)\nwant     %s\nHandle(conn) has returned: %v", quote(said), quote(string(got)), err, quote(want), handle.Wait())
				}
				return nil
			}))
		}
		for _, talk := range talks {
			if err := talk.Wait(); err != nil {
				l.Fatalf("%d clients at once: %v", many, err)
			}
		}
		l.MustBeQuiet()
	})
}

// Any commands, over a network that cuts, joins and delays (RFC 9293, section
// 2.2).
func TestAnyNetwork(t *testing.T) {
	limits := kv.Limits{Line: 16, Keys: 2}
	word := rapid.SampledFrom([]string{"GET", "SET", "DEL", "SET", "GET", "get", "", "GETS"})
	key := rapid.SampledFrom([]string{"a", "b", "c", "", "longer"})
	value := rapid.SampledFrom([]string{"", " ", "1", "two words", "\r", "DEL a"})
	end := rapid.SampledFrom([]string{"\n", "\r\n"})
	line := rapid.Custom(func(t *rapid.T) string {
		words := []string{word.Draw(t, "command"), key.Draw(t, "key"), value.Draw(t, "value")}
		n := rapid.SampledFrom([]int{2, 3, 3, 1}).Draw(t, "words")
		return strings.Join(words[:n], " ") + end.Draw(t, "end")
	})
	bubble.Property(t, 6, func(rt *rapid.T, b *bubble.B) {
		said := strings.Join(rapid.SliceOfN(line, 0, 8).Draw(rt, "lines"), "")
		faults := memnet.Scripts(len(said), time.Second, memnet.Cut, memnet.Chop, memnet.Coalesce, memnet.Stall)
		b.Net.Disturb(memnet.FromDialer(), faults.Draw(rt, "script"))
		s := startWith(b, nil, limits)
		c := s.dial()
		if said != "" {
			c.say(said)
		}
		c.hangUp()
		<-time.After(time.Minute)
		c.mustHear(answers(said, limits)...)
		c.mustReturn(nil)
	})
}

// answers is what Handle has to say to whole lines, and a Server that was empty.
func answers(said string, limits kv.Limits) (replies []string) {
	values := map[string]string{}
	for line := range strings.Lines(said) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		words := strings.SplitN(line, " ", 3)
		reply := "NONE"
		switch command := words[0]; {
		case len(line) > limits.Line:
			reply = "ERR too-long"
		case command != "GET" && command != "SET" && command != "DEL":
			reply = "ERR unknown"
		case len(words) < 2 || words[1] == "" || (command == "SET") != (len(words) == 3):
			reply = "ERR usage"
		default:
			value, ok := values[words[1]]
			switch {
			case command == "SET" && !ok && len(values) == limits.Keys:
				reply = "ERR full"
			case command == "SET":
				values[words[1]] = words[2]
				reply = "OK"
			case ok && command == "GET":
				reply = "VALUE " + value
			case ok:
				delete(values, words[1])
				reply = "OK"
			}
		}
		replies = append(replies, reply)
	}
	return replies
}

// server is the learner's Server, and all that was said to it.
type server struct {
	*bubble.B
	d       *draw.Data
	limits  kv.Limits
	kv      *kv.Server
	clients []*client
	said    []string        // a line each
	sent    strings.Builder // by clients, all of it
}

// start makes a Server with drawn limits that the test does not reach.
func start(b *bubble.B) *server {
	d := draw.From(b.R)
	return startWith(b, d, kv.Limits{Line: d.Between(100, 300), Keys: d.Between(120, 200)})
}

func startWith(b *bubble.B, d *draw.Data, limits kv.Limits) *server {
	s := &server{B: b, d: d, limits: limits}
	b.Do(s.title, func() { s.kv = kv.New(limits) })
	return s
}

// title says how the Server was made.
func (s *server) title() string {
	return fmt.Sprintf("New(Limits{Line: %d, Keys: %d})", s.limits.Line, s.limits.Keys)
}

// fill makes text as long as a line may be, and so many bytes longer, with bytes
// that are no command.
func (s *server) fill(text string, longer int) string {
	return text + strings.Repeat("x", s.limits.Line+longer-len(text))
}

// dialogue is what was said last.
func (s *server) dialogue() string {
	const shown = 14
	said := s.said
	if n := len(said) - shown; n > 0 {
		for strings.HasPrefix(said[n], "you") {
			n++ // a reply alone says nothing
		}
		said = append([]string{fmt.Sprintf("… (%d lines)", n)}, said[n:]...)
	}
	return s.title() + "\n" + strings.Join(said, "\n")
}

// client is one that says something and then looks at what it has heard.
type client struct {
	*server
	name   string
	conn   *memnet.Conn
	handle *bubble.Call

	mu    sync.Mutex
	heard []byte // since the last mustHear
	end   error  // of what can be heard
}

// dial has Handle called for a new client, which listens.
func (s *server) dial() *client {
	c := s.connect()
	c.listen()
	return c
}

// connect is dial for a client that does not listen.
func (s *server) connect() *client {
	client, server := s.Net.Pipe()
	return s.serve(client, server)
}

// serve has Handle called with the server's end of a connection.
func (s *server) serve(conn *memnet.Conn, end net.Conn) *client {
	c := &client{server: s, conn: conn, name: fmt.Sprintf("client %d", len(s.clients)+1)}
	s.clients = append(s.clients, c)
	s.Net.Name(conn.LocalAddr(), c.name)
	c.handle = s.Go("Handle(conn)", func() error { return s.kv.Handle(end) })
	return c
}

func (c *client) listen() {
	c.Go(c.name+", which listens", func() error {
		for buf := make([]byte, 64<<10); ; {
			n, err := c.conn.Read(buf)
			c.mu.Lock()
			c.heard = append(c.heard, buf[:n]...)
			c.end = err
			c.mu.Unlock()
			if err != nil {
				return nil
			}
		}
	})
}

// say sends text, and waits until all has happened that can.
func (c *client) say(text string) {
	c.T().Helper()
	c.tell(c.name, c.measured(text))
	c.sent.WriteString(text)
	sending := c.Go(c.name+", which sends", func() error {
		_, err := io.WriteString(c.conn, text)
		return err
	})
	c.Wait()
	if !sending.Returned() {
		c.Fatalf("%s\n\nYou do not read all of it. %s", c.dialogue(), c.state())
	}
	if err := sending.Wait(); err != nil {
		c.Fatalf("%s\n\nThat cannot be sent: %v\n%s", c.dialogue(), err, c.state())
	}
}

// measured is quote, and how long a line is that is about as long as it may be.
func (s *server) measured(text string) string {
	line, ended := strings.CutSuffix(text, "\n")
	n, limit := len(strings.TrimSuffix(line, "\r")), s.limits.Line
	if !ended || strings.Contains(line, "\n") || limit == 0 || n < limit {
		return quote(text)
	}
	if n == limit {
		return fmt.Sprintf("%s (%d bytes without its end)", quote(text), n)
	}
	return fmt.Sprintf("%s (%d bytes without its end, %d more than Limits.Line)", quote(text), n, n-limit)
}

// tell adds a line to the dialogue.
func (s *server) tell(who, what string) { s.said = append(s.said, fmt.Sprintf("%-9s %s", who, what)) }

// note says in the dialogue what the client does.
func (c *client) note(what string) { c.tell(c.name, what) }

// passAnHour lets an hour pass, in which the client does that.
func (c *client) passAnHour(doing string) {
	<-time.After(time.Hour)
	c.note(doing + " for an hour")
	c.Wait()
}

// hangUp ends the client's stream; it still listens.
func (c *client) hangUp() {
	c.note("ends its stream")
	c.conn.CloseWrite()
	c.Wait()
}

// reset closes the connection at once.
func (c *client) reset() {
	c.note("resets the connection")
	c.conn.SetLinger(0)
	c.conn.Close()
	c.Wait()
}

// mustTell says a line and wants that reply to it.
func (c *client) mustTell(line, want string) {
	c.T().Helper()
	c.say(line + "\n")
	c.mustHear(want)
}

// mustHear wants these lines to have been heard since the last time, and no
// more. Of those that begin with ERR, only the code counts.
func (c *client) mustHear(want ...string) {
	c.T().Helper()
	heard, _ := c.listened()
	got := codes(heard)
	wanted := ""
	for _, line := range want {
		wanted += line + "\n"
	}
	if got == wanted {
		if heard != "" {
			c.tell("you", quote(heard))
		}
		return
	}
	text := fmt.Sprintf("%s\n%-9s %s\n%-9s %s", c.dialogue(), "you", quote(heard), "want", quote(wanted))
	if code, ok := strings.CutPrefix(wanted, "ERR "); ok && len(want) == 1 {
		text += fmt.Sprintf(", or %q and words", "ERR "+strings.TrimSuffix(code, "\n")+" ")
	}
	switch {
	case len(want) > 1:
		text += difference(got, want)
	case c.isForeign(got):
		text += "\n\nNo client has sent that: is it part of a buffer which was used again?"
	}
	if strings.HasPrefix(wanted, got) { // something is missing
		text += "\n\n" + c.state()
	}
	c.Fatalf("%s", text)
}

// isForeign says whether the reply is a value that nobody sent.
func (s *server) isForeign(reply string) bool {
	value, ok := strings.CutPrefix(reply, "VALUE ")
	return ok && !strings.Contains(s.sent.String(), strings.TrimSuffix(value, "\n"))
}

// listened is what was heard since the last time, once all has happened that can.
func (c *client) listened() (heard string, end error) {
	c.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	heard, c.heard = string(c.heard), nil
	return heard, c.end
}

// codes cuts the words for people off lines such as "ERR usage GET key".
func codes(heard string) string {
	var b strings.Builder
	for line := range strings.Lines(heard) {
		if words := strings.SplitN(line, " ", 3); len(words) == 3 && words[0] == "ERR" && strings.HasSuffix(line, "\n") {
			line = words[0] + " " + words[1] + "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

// difference names the first of many replies that is not as it should be.
func difference(got string, want []string) string {
	lines := strings.SplitAfter(got, "\n")
	for i, line := range want {
		if line += "\n"; i >= len(lines) || lines[i] != line {
			reply := ""
			if i < len(lines) {
				reply = lines[i]
			}
			return fmt.Sprintf("\n\nreply %d of %d is %s\nwant %s", i+1, len(want), quote(reply), quote(line))
		}
	}
	return fmt.Sprintf("\n\nThere are more than %d replies to %d lines.", len(want), len(want))
}

// mustEnd wants Handle to have returned.
func (c *client) mustEnd() error {
	c.T().Helper()
	if c.Wait(); !c.handle.Returned() {
		c.Fatalf("%s\n\nWant Handle(conn) to return by now.\n%s", c.dialogue(), c.state())
	}
	return c.handle.Wait()
}

// mustReturn wants Handle to have returned that error; nil is none.
func (c *client) mustReturn(want error) {
	c.T().Helper()
	if err := c.mustEnd(); !errors.Is(err, want) {
		c.Fatalf("%s\n\nHandle(conn) returned %v\nwant                  %s", c.dialogue(), err, name(want))
	}
}

// mustServe wants Handle not to have returned, as long as the client goes on.
func (c *client) mustServe() {
	c.T().Helper()
	if c.Wait(); c.handle.Returned() {
		hint := ""
		if errors.Is(c.handle.Wait(), os.ErrDeadlineExceeded) {
			hint = "\nIs that a deadline of yours? It may take its time: you set none."
		}
		c.Fatalf("%s\n\n%s has not ended its stream.\n%s%s", c.dialogue(), c.name, c.state(), hint)
	}
}

// mustHearEnd wants the client to know that there is no more to come.
func (c *client) mustHearEnd() {
	c.T().Helper()
	if _, end := c.listened(); end == nil {
		c.Fatalf("%s\n\nHandle(conn) has returned, but %s still waits for more.", c.dialogue(), c.name)
	}
}

// state is what became of the client's call of Handle.
func (c *client) state() string {
	if c.handle.Returned() {
		return fmt.Sprintf("Handle(conn) has returned: %v", c.handle.Wait())
	}
	return "Who waits where:\n\n" + c.Waiting()
}

// caller is a client that waits for the reply to each line.
type caller struct {
	*server
	conn   *memnet.Conn
	in     *bufio.Reader
	handle *bubble.Call
}

// ask sends a line and returns the reply, without its newline.
func (c *caller) ask(line string) string { return c.askAll([]string{line})[0] }

// askAll sends lines in one piece and returns the replies.
func (c *caller) askAll(lines []string) []string {
	c.T().Helper()
	_, err := io.WriteString(c.conn, strings.Join(lines, "\n")+"\n")
	replies := make([]string, len(lines))
	for i := range replies {
		var reply string
		if err == nil {
			reply, err = c.in.ReadString('\n')
		}
		if err != nil {
			c.Fatalf("%s\n%q was not answered: %v\nHandle(conn) has returned: %v", c.title(), lines[i], err, c.handle.Wait())
		}
		replies[i] = strings.TrimSuffix(codes(reply), "\n")
	}
	return replies
}

// commands makes one of each key.
func commands(format string, keys []string) []string {
	var lines []string
	for _, key := range keys {
		lines = append(lines, fmt.Sprintf(format, key))
	}
	return lines
}

// call has Handle called for a new caller.
func (s *server) call() *caller { return s.callFrom(nil) }

// callFrom is call; what Handle reads comes when the gate is closed.
func (s *server) callFrom(gate <-chan struct{}) *caller {
	conn, end := s.Net.Pipe()
	return &caller{s, conn, bufio.NewReader(conn), s.Go("Handle(conn)", func() error {
		defer end.Close() // so that nobody waits: TestClose is about that
		return s.kv.Handle(&gated{end, gate})
	})}
}

// gated is a connection whose Reads wait for a gate, if there is one.
type gated struct {
	net.Conn
	gate <-chan struct{}
}

func (g *gated) Read(p []byte) (int, error) {
	if g.gate != nil {
		<-g.gate
	}
	return g.Conn.Read(p)
}

// atOnce has n new callers do something at the same time, and waits for them.
// What they send first comes to all calls of Handle at the same moment. With more
// threads than cores, the system takes turns between them, wherever they are.
func (s *server) atOnce(n int, do func(i int, c *caller)) {
	s.T().Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0))))
	gate := make(chan struct{})
	var calls []*bubble.Call
	for i := range n {
		c := s.callFrom(gate)
		calls = append(calls, s.Go("a client", func() error { do(i, c); return nil }))
	}
	s.Wait()
	close(gate)
	for _, call := range calls {
		call.Wait()
	}
}

// conn is a connection that takes so many bytes of what is written, and then no
// more.
type conn struct {
	net.Conn
	net    *memnet.Network
	room   int
	closed atomic.Int64

	mu    sync.Mutex
	calls []string // of SetDeadline and its like
}

var errBroken = errors.New("broken for this test")

func (c *conn) Write(p []byte) (int, error) {
	if len(p) <= c.room {
		c.room -= len(p)
		return c.Conn.Write(p)
	}
	n, _ := c.Conn.Write(p[:c.room])
	c.room = 0
	c.net.Note("your Write of %s fails after %d bytes", quote(string(p)), n)
	return n, &net.OpError{Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: errBroken}
}

func (c *conn) SetDeadline(t time.Time) error {
	c.noteDeadline("SetDeadline", t)
	return c.Conn.SetDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.noteDeadline("SetReadDeadline", t)
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) noteDeadline(name string, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.IsZero() {
		c.calls = append(c.calls, "conn."+name+"(time.Time{})")
	} else {
		c.calls = append(c.calls, fmt.Sprintf("conn.%s of %v from then on", name, time.Until(t)))
	}
}

// moved says what has become of the caller's deadline; "" is nothing.
func (c *conn) moved() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) == 0 {
		return ""
	}
	return "You have called " + c.calls[0] + ",\nand the deadline that was set before is no more"
}

func (c *conn) Close() error {
	c.closed.Add(1)
	return c.Conn.Close()
}

// lastRead is a connection that gives its last bytes together with io.EOF, as an
// io.Reader may.
type lastRead struct {
	net.Conn
	left int // bytes to come
}

func (c *lastRead) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.left -= n; n > 0 && c.left == 0 {
		err = io.EOF
	}
	return n, err
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
	case net.ErrClosed:
		return "errors.Is(err, net.ErrClosed): nobody has ended the stream"
	}
	return "errors.Is(err, the error of the Write that failed)"
}

// quote is %q, without the middle of a long text.
func quote(text string) string {
	switch n := len(text); {
	case n == 0:
		return "nothing"
	case n > 66:
		return fmt.Sprintf("%q … %q (%d bytes)", text[:30], text[n-20:], n)
	}
	return fmt.Sprintf("%q", text)
}
