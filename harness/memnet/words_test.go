package memnet_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/memnet/testdata/katas/tcp/echo"
)

// reads compares texts; want begins with a line break, for the eye.
func reads(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestWaiting(t *testing.T) {
	for _, c := range []struct {
		why  string
		wait func(n *memnet.Network)
		want string
	}{
		{"nobody any more", func(n *memnet.Network) {
			c, s := n.Pipe()
			time.AfterFunc(time.Second, func() { s.Write([]byte("x")) })
			c.Read(make([]byte, 1))
		}, ""},
		{"nobody", func(n *memnet.Network) { n.Listen("127.0.0.1:7"); n.Pipe() }, ""},
		{"a Read of the learner's, for an answer to what the other end does not read", func(n *memnet.Network) {
			c, s := n.Pipe()
			s.Write([]byte("question"))
			c.Write([]byte("12345678"))
			s.Read(make([]byte, 4))
			time.Sleep(3 * time.Second)
			go echo.Poll(c, make([]byte, 100))
		}, `
Read of the connection 127.0.0.1:40001 → 127.0.0.1:40002,
since 3s on the clock, without a deadline:
  nothing was sent to it after the first 8 bytes
  the other end has 4 bytes that it has not read
  at katas/tcp/echo/echo.go:54, in echo.Poll`},
		{"a goroutine of nothing but the library", func(n *memnet.Network) {
			c, s := n.Pipe()
			c.SetReadDeadline(time.Now().Add(90 * time.Second))
			echo.Copy(c, s)
		}, `
Read of the connection 127.0.0.1:40001 → 127.0.0.1:40002,
since 0s on the clock, its deadline at 1m30s:
  nothing was sent to it
  at katas/tcp/echo/echo.go:29, in echo.Copy`},
		{"a Write", func(n *memnet.Network) {
			c, _ := n.Pipe()
			go io.Copy(struct{ io.Writer }{c}, strings.NewReader(strings.Repeat("x", 100_000)))
		}, `
Write of the connection 127.0.0.1:40001 → 127.0.0.1:40002,
since 0s on the clock, without a deadline:
  the other end does not read: 65536 bytes wait, and no more fit
  at memnet/words_test.go`},
		{"an Accept", func(n *memnet.Network) {
			ln, _ := n.Listen("127.0.0.1:7")
			go echo.Serve(ln)
		}, `
Accept of the listener 127.0.0.1:7,
since 0s on the clock, without a deadline:
  nobody dials it
  at katas/tcp/echo/echo.go:19, in echo.Serve`},
		{"a Dial", func(n *memnet.Network) {
			n.Silence("192.0.2.1:80")
			go echo.Dial(n, "192.0.2.1:80")
		}, `
Dial of the listener 192.0.2.1:80,
since 0s on the clock, without a deadline:
  no answer comes (Silence)
  at katas/tcp/echo/echo.go:36, in echo.Dial`},
		{"a ReadFrom", func(n *memnet.Network) {
			p, _ := n.ListenPacket("127.0.0.1:53")
			p.WriteTo(nil, p.LocalAddr())
			p.ReadFrom(nil)
			go echo.Packets(p)
		}, `
ReadFrom of the socket 127.0.0.1:53,
since 0s on the clock, without a deadline:
  no datagram came after the first 1
  at katas/tcp/echo/echo.go:43, in echo.Packets`},
		{"a Read of what a script holds back", func(n *memnet.Network) {
			c, s := pipe(n, "stall 2")
			c.Write([]byte("abc"))
			s.Read(make([]byte, 2))
			go echo.Handle(s)
		}, `
Read of the connection 127.0.0.1:40002 → 127.0.0.1:40001,
since 0s on the clock, without a deadline:
  the network holds back 1 byte sent to it (script)
  at katas/tcp/echo/echo.go:13, in echo.Handle`},
		{"a Read of an end that a script holds back", func(n *memnet.Network) {
			c, s := pipe(n, "stall 0")
			c.Close()
			go echo.Handle(s)
		}, `
Read of the connection 127.0.0.1:40002 → 127.0.0.1:40001,
since 0s on the clock, without a deadline:
  the network holds back that the other end was closed (script)
  at katas/tcp/echo/echo.go:13, in echo.Handle`},
	} {
		t.Run(c.why, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *memnet.Network) {
				n.OnSpin = func(string) {} // of what still runs when the network is closed
				c.wait(n)
				synctest.Wait()
				reads(t, hideLine(n.Waiting()), c.want)
			})
		})
	}
}

// hideLine leaves out the line and the function of a place in this file.
func hideLine(text string) string {
	return regexp.MustCompile(`(words_test.go):\d+, in memnet_test[\w.]+`).ReplaceAllString(text, "$1")
}

// Two who wait for each other.
func TestWaitingForEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.OnSpin = func(string) {}
		c, s := n.Pipe()
		go echo.Poll(c, make([]byte, 1))
		time.Sleep(time.Second)
		go echo.Handle(s)
		synctest.Wait()
		reads(t, n.Waiting(), `
Read of the connection 127.0.0.1:40001 → 127.0.0.1:40002,
since 0s on the clock, without a deadline:
  nothing was sent to it
  at katas/tcp/echo/echo.go:54, in echo.Poll
Read of the connection 127.0.0.1:40002 → 127.0.0.1:40001,
since 1s on the clock, without a deadline:
  nothing was sent to it
  at katas/tcp/echo/echo.go:13, in echo.Handle`)
	})
}

// Those who have names are called by them.
func TestWaitingByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		defer n.Close()
		c, s := n.Pipe()
		go echo.Handle(s)
		n.Name(c.LocalAddr(), "the customer")
		synctest.Wait()
		reads(t, n.Waiting(), `
Read of the connection you → the customer (:40002 → :40001),
since 0s on the clock, without a deadline:
  nothing was sent to it
  at katas/tcp/echo/echo.go:13, in echo.Handle`)
	})
}

// Who is out of a deadlocked bubble still learns who waited there.
func TestWaitingFromOutside(t *testing.T) {
	var n *memnet.Network
	func() {
		defer func() { recover() }() // "deadlock: …"
		synctest.Test(t, func(t *testing.T) {
			n = memnet.New()
			c, _ := n.Pipe()
			go echo.Handle(c)
		})
	}()
	if got := n.Waiting(); !strings.Contains(got, "at katas/tcp/echo/echo.go:13, in echo.Handle") {
		t.Errorf("Waiting gave %q", got)
	}
	if got := n.Transcript(); !strings.Contains(got, "you") {
		t.Errorf("Transcript gave %q", got)
	}
}

func TestOpen(t *testing.T) {
	n := memnet.New()
	ln, _ := n.Listen("127.0.0.1:7")
	n.ListenPacket("127.0.0.1:53")
	c, err := echo.Dial(n, "127.0.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range n.Open() {
		got = append(got, hideLine(fmt.Sprintf("%v %v", o.Learner, o)))
	}
	reads(t, strings.Join(got, "\n"), `
true connection 127.0.0.1:40001 → 127.0.0.1:7, made at katas/tcp/echo/echo.go:36, in echo.Dial
false connection 127.0.0.1:7 → 127.0.0.1:40001
false listener 127.0.0.1:7, made at memnet/words_test.go
false socket 127.0.0.1:53, made at memnet/words_test.go`)
	s, _ := ln.Accept()
	c.Close()
	ln.Close()
	if open := n.Open(); len(open) != 2 || open[0].What != "connection 127.0.0.1:7 → 127.0.0.1:40001" {
		t.Errorf("open: %v", open)
	}
	want := "connection 127.0.0.1:7 → 127.0.0.1:40001, made at memnet/words_test.go"
	if got := hideLine(n.Open()[0].String()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	s.Close()
}

func TestSpin(t *testing.T) {
	var none net.Addr
	for _, c := range []struct {
		why  string
		spin func(n *memnet.Network)
		want string
	}{
		{"Accept fails", func(n *memnet.Network) {
			ln, _ := n.Listen("127.0.0.1:7")
			n.Disturb(memnet.To(ln.Addr()), memnet.MustParse("emfile all"))
			time.Sleep(3 * time.Second)
			echo.Serve(ln)
		}, `
a busy loop: Accept of the listener 127.0.0.1:7, 1000 times at one instant (3s on the clock), gave "accept: too many open files" each time
  at katas/tcp/echo/echo.go:19, in echo.Serve`},
		{"Read is at the end", func(n *memnet.Network) {
			c, s := n.Pipe()
			s.Close()
			echo.Poll(c, make([]byte, 10))
		}, `
a busy loop: Read of the connection 127.0.0.1:40001 → 127.0.0.1:40002, 1000 times at one instant (0s on the clock), gave "EOF" each time
  at katas/tcp/echo/echo.go:54, in echo.Poll`},
		{"Read into nothing", func(n *memnet.Network) {
			c, _ := n.Pipe()
			echo.Poll(c, nil)
		}, `
a busy loop: Read of the connection 127.0.0.1:40001 → 127.0.0.1:40002, 1000 times at one instant (0s on the clock), gave "nothing to read into" each time
  at katas/tcp/echo/echo.go:54, in echo.Poll`},
		{"Read of a closed socket", func(n *memnet.Network) {
			p, _ := n.ListenPacket("127.0.0.1:53")
			p.Close()
			echo.Poll(p, make([]byte, 10))
		}, `
a busy loop: Read of the socket 127.0.0.1:53, 1000 times at one instant (0s on the clock), gave "use of closed network connection" each time
  at katas/tcp/echo/echo.go:54, in echo.Poll`},
		{"Dial is refused", func(n *memnet.Network) {
			for {
				echo.Dial(n, "127.0.0.1:7")
			}
		}, `
a busy loop: Dial of 127.0.0.1:7, 1000 times at one instant (0s on the clock), gave "connect: connection refused" each time
  at katas/tcp/echo/echo.go:36, in echo.Dial`},
		{"Write after Close", func(n *memnet.Network) {
			c, _ := n.Pipe()
			c.Close()
			for {
				c.Write([]byte("x"))
			}
		}, `
a busy loop: Write of the connection 127.0.0.1:40001 → 127.0.0.1:40002, 1000 times at one instant (0s on the clock), gave "use of closed network connection" each time
  at memnet/words_test.go`},
		{"WriteTo nowhere", func(n *memnet.Network) {
			p, _ := n.ListenPacket("127.0.0.1:53")
			for {
				p.WriteTo([]byte("x"), none)
			}
		}, `
a busy loop: Write of the socket 127.0.0.1:53, 1000 times at one instant (0s on the clock), gave "invalid argument" each time
  at memnet/words_test.go`},
	} {
		t.Run(c.why, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *memnet.Network) {
				var told []string
				n.OnSpin = func(words string) { told = append(told, words) }
				ended := make(chan bool)
				go func() {
					defer close(ended) // Goexit runs it
					c.spin(n)
				}()
				<-ended
				reads(t, hideLine(strings.Join(told, "\n")), c.want)
			})
		})
	}
}

// Whose calls fail as time passes, or sometimes give something, does not spin.
func TestNoSpin(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) { // no OnSpin: it would panic
		ln, _ := n.Listen("127.0.0.1:7")
		ln.Fail(syscall.EMFILE, 5000)
		for range 5000 {
			if _, err := ln.Accept(); !errors.Is(err, syscall.EMFILE) {
				t.Fatal(err)
			}
			time.Sleep(time.Nanosecond)
		}
	})
	// Outside of a bubble, time passes by itself.
	n := memnet.New()
	c, _ := n.Pipe()
	c.Close()
	for range 5000 {
		c.Read(make([]byte, 1))
	}
}

func TestSpinWithoutHook(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		defer func() {
			if v := fmt.Sprint(recover()); !strings.Contains(v, "memnet: a busy loop: Read of") {
				t.Errorf("panicked with %v", v)
			}
		}()
		c, _ := n.Pipe()
		c.Close()
		echo.Poll(c, make([]byte, 1))
	})
}

// transcripts are what the network says of a few plays. No line is longer than
// 72 columns.
func TestTranscript(t *testing.T) {
	for _, c := range transcripts {
		t.Run(c.why, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *memnet.Network) {
				n.OnSpin = func(string) {}
				c.play(t, n)
				got := n.Transcript()
				reads(t, got, c.want)
				for line := range strings.Lines(got) {
					if size := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); size > 72 {
						t.Errorf("%d columns: %s", size, line)
					}
				}
			})
		})
	}
}

type play struct {
	why  string
	play func(t *testing.T, n *memnet.Network)
	want string
}

var transcripts = []play{
	{"nothing", func(*testing.T, *memnet.Network) {}, ""},
	{"only words", func(t *testing.T, n *memnet.Network) {
		n.Note("nothing %s, and a line that is too long for one line of 72 columns", "happened")
	}, `
       0s  nothing happened, and a line that is too long for one line of
           72 columns`},
	{"the learner serves", func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("127.0.0.1:7")
		go echo.Serve(ln)
		c, _ := n.Dial(t.Context(), "tcp", "127.0.0.1:7")
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		c.Write([]byte("PI"))
		c.Write([]byte("NG\n")) // at the same instant: one line
		io.ReadFull(c, make([]byte, 5))
		c.Read(make([]byte, 5))
		c.(*memnet.Conn).CloseWrite()
		synctest.Wait()
		c.Close()
		ln.Close()
		synctest.Wait()
		n.Dial(t.Context(), "tcp", "127.0.0.1:7")
	}, `
           client                                                    you
           127.0.0.1:40001                                   127.0.0.1:7
       0s  ├───────────────────────── dials ──────────────────────────▶│
       0s  ├──────────────────────── "PING\n" ────────────────────────▶│
       0s  │◀──────────────────────── "PING\n" ────────────────────────┤
      30s  client: Read gives up at its deadline
      30s  ├────────────────────── ends writing ──────────────────────▶│
      30s  │◀───────────────────────── closes ─────────────────────────┤
      30s  ├───────────────────────── closes ─────────────────────────▶│
      30s  dial of 127.0.0.1:7 fails: connect: connection refused`},
	{"datagrams", func(t *testing.T, n *memnet.Network) {
		server, _ := n.ListenPacket("127.0.0.1:53")
		go echo.Packets(server)
		n.Name(server.LocalAddr(), "resolver")
		n.Disturb(memnet.To(server.LocalAddr()), memnet.MustParse("drop 1, delay 2 5ms, duplicate 3"))
		n.Disturb(memnet.From(server.LocalAddr()), memnet.MustParse("spoof 1"))
		c, _ := n.ListenPacket("127.0.0.1:0")
		for i := range 3 {
			fmt.Fprintf(sender{c, server.LocalAddr()}, "question %d", i+1)
			c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			c.ReadFrom(make([]byte, 100))
			synctest.Wait()
		}
	}, `
           client                     resolver                  stranger
           127.0.0.1:40001          127.0.0.1:53           127.0.0.1:666
       0s  ├─────── "question 1" ───────✗│ lost                        │
    300ms  client: ReadFrom gives up at its deadline
    300ms  ├─────── "question 2" ───────▶│ arrives 305ms               │
    305ms  ├─────── "question 2" ───────▶│ sent 300ms                  │
    305ms  │◀────────────────────── "question 3" ──────────────────────┤
    305ms  │◀─────── "question 2" ───────┤                             │
    305ms  ├─────── "question 3" ───────▶│ twice                       │
    305ms  │◀─────── "question 3" ───────┤                             │
    305ms  │◀─────── "question 3" ───────┤                             │`},
	{"scripts for a connection", func(t *testing.T, n *memnet.Network) {
		n.Disturb(memnet.FromDialer(), memnet.MustParse("stall 2 2s, reset 4, drop 1"))
		c, s := n.Pipe()
		c.Write([]byte("abcdef"))
		io.Copy(io.Discard, s)
		s.Close()
	}, `
           client                                                 server
           127.0.0.1:40001                               127.0.0.1:40002
       0s  ├───────────────────────── dials ──────────────────────────▶│
       0s  script from client: [stall 2 2s, reset 4]
       0s  ├──────────────────────── "abcdef" ────────────────────────▶│
       0s  network: what follows 2 bytes from client waits until 2s
       2s  network: reset after 4 bytes from client
       2s  │◀───────────────────────── closes ─────────────────────────┤`},
	{"what a payload looks like", func(t *testing.T, n *memnet.Network) {
		c, s := n.Pipe()
		for _, text := range []string{"tab\tand \"quotes\"", "\x00\x01binary", strings.Repeat("long ", 20), strings.Repeat("\xff", 5000)} {
			c.Write([]byte(text))
			time.Sleep(time.Second)
		}
		s.Close()
	}, `
           client                                                 server
           127.0.0.1:40001                               127.0.0.1:40002
       0s  ├───────────────────────── dials ──────────────────────────▶│
       0s  ├───────────────── "tab\tand \"quotes\"" ──────────────────▶│
       1s  ├──────────────── 00 01 62 69 6e 61 72 79 ─────────────────▶│
       2s  ├─ "long long long long long long long long l"… 100 bytes ─▶│
       3s  ├─ ff ff ff ff ff ff ff ff ff ff ff ff ff ff… 5000 bytes ──▶│
       4s  │◀───────────────────── closes: reset ──────────────────────┤`},
	{"Describe", func(t *testing.T, n *memnet.Network) {
		n.Describe = func(b []byte) string {
			if b[0] == 'q' {
				return "query id 0x2a17"
			}
			return ""
		}
		p, _ := n.ListenPacket("127.0.0.1:53")
		n.Name(p.LocalAddr(), "server")
		c, _ := n.DialPacket("127.0.0.1:53")
		c.Write([]byte("q"))
		c.Write([]byte("other"))
	}, `
           client                                                 server
           127.0.0.1:40001                                  127.0.0.1:53
       0s  ├──────────────────── query id 0x2a17 ─────────────────────▶│
       0s  ├──────────────────────── "other" ─────────────────────────▶│`},
	{"Describe, when writes are taken together", func(t *testing.T, n *memnet.Network) {
		n.Describe = func(b []byte) string { return "a write of " + fmt.Sprint(len(b)) }
		c, _ := n.Pipe()
		c.Write([]byte("one"))
		time.Sleep(time.Second)
		c.Write([]byte("two"))
		c.Write([]byte("three"))
	}, `
           client                                                 server
           127.0.0.1:40001                               127.0.0.1:40002
       0s  ├───────────────────────── dials ──────────────────────────▶│
       0s  ├────────────────────── a write of 3 ──────────────────────▶│
       1s  ├─────────────────────── "twothree" ───────────────────────▶│`},
	{"datagrams that nobody gets", func(t *testing.T, n *memnet.Network) {
		p, _ := n.ListenPacket("127.0.0.1:53")
		for _, to := range []string{"127.0.0.1:9", "127.0.0.1:40001"} {
			c, _ := n.DialPacket("127.0.0.1:7")
			defer c.Close()
			addr, _ := net.ResolveUDPAddr("udp", to)
			p.WriteTo(nil, addr)
		}
	}, `
           server                      nobody                     client
           127.0.0.1:53             127.0.0.1:9          127.0.0.1:40001
       0s  ├───────── 0 bytes ──────────▶│                             │
       0s  nobody is at 127.0.0.1:9
       0s  ├──────────────────────── 0 bytes ─────────────────────────▶│
       0s  127.0.0.1:40001 is connected to 127.0.0.1:7 and does not hear
           it`},
	{"repetitions", func(t *testing.T, n *memnet.Network) {
		c, s := n.Pipe()
		for range 5 {
			c.Write([]byte("ping"))
			s.Write([]byte("pong"))
			time.Sleep(time.Second)
		}
		for range 3 {
			c.Write([]byte("ping"))
			time.Sleep(time.Second)
		}
		c.Write([]byte("ping"))
		c.CloseWrite()
	}, `
           client                                                 server
           127.0.0.1:40001                               127.0.0.1:40002
       0s  ├───────────────────────── dials ──────────────────────────▶│
       0s  ├───────────────────────── "ping" ─────────────────────────▶│
       0s  │◀───────────────────────── "pong" ─────────────────────────┤
       4s  … these 2 lines 5 times in all, every 1s, until here
       5s  ├───────────────────────── "ping" ─────────────────────────▶│
       8s  … this line 4 times in all, every 1s, until here
       8s  ├────────────────────── ends writing ──────────────────────▶│`},
	{"repetitions with pauses of their own, and without", func(t *testing.T, n *memnet.Network) {
		for pause := 5 * time.Millisecond; pause < time.Second; pause *= 2 {
			n.Note("Accept fails")
			time.Sleep(pause)
		}
		for range 3 {
			n.Note("ready")
		}
	}, `
       0s  Accept fails
    635ms  … this line 8 times in all, every 5ms to 320ms, until here
   1.275s  ready
   1.275s  … this line 3 times in all, until here`},
	{"repetitions, the first of them in two parts", func(t *testing.T, n *memnet.Network) {
		n.Note("nobody")
		n.Note("asks")
		n.Note("nobody")
		for range 2 {
			n.Note("asks")
			time.Sleep(time.Second)
			n.Note("nobody")
		}
		n.Note("asks")
	}, `
       0s  nobody
       0s  asks
       2s  … these 2 lines 4 times in all, up to 1s apart, until here`},
	{"four columns have no room for hosts", func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("127.0.0.1:8080")
		n.Name(ln.Addr(), "you")
		for range 3 {
			n.Dial(t.Context(), "tcp", "127.0.0.1:8080")
		}
	}, `
           client 1            you             client 2         client 3
           :40001             :8080             :40002            :40003
       0s  ├───── dials ──────▶│                   │                   │
       0s  │                   │◀───── dials ──────┤                   │
       0s  │                   │◀─────────────── dials ────────────────┤`},
	{"long names are cut", func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("[2001:db8:1111:2222:3333:4444:5555:6666]:65535")
		for i := range 3 {
			c, _ := n.Dial(t.Context(), "tcp", ln.Addr().String())
			n.Name(c.LocalAddr(), fmt.Sprint("a client whose name is ", i))
		}
	}, `
           a client who…      server       a client who…   a client who…
           :40001             :65535            :40002            :40003
       0s  ├───── dials ──────▶│                   │                   │
       0s  │                   │◀───── dials ──────┤                   │
       0s  │                   │◀─────────────── dials ────────────────┤`},
	{"many parties are a list", func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("127.0.0.1:7")
		go echo.Serve(ln)
		for i := range 4 {
			c, _ := n.Dial(t.Context(), "tcp", "127.0.0.1:7")
			if i == 2 {
				n.Name(c.LocalAddr(), "Ann")
			}
			fmt.Fprint(c, "I am ", i)
			synctest.Wait()
		}
	}, `
       0s  client 1 → you: dials
       0s  client 1 → you: "I am 0"
       0s  you → client 1: "I am 0"
       0s  client 2 → you: dials
       0s  client 2 → you: "I am 1"
       0s  you → client 2: "I am 1"
       0s  Ann → you: dials
       0s  Ann → you: "I am 2"
       0s  you → Ann: "I am 2"
       0s  client 3 → you: dials
       0s  client 3 → you: "I am 3"
       0s  you → client 3: "I am 3"`},
	{"one name, one lane", func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("127.0.0.1:7")
		for i := range 2 {
			c, _ := n.Dial(t.Context(), "tcp", "127.0.0.1:7")
			n.Name(c.LocalAddr(), "clients")
			fmt.Fprint(c, "I am ", i)
		}
		ln.Close()
	}, `
           clients                                                server
           127.0.0.1:40001 +1                                127.0.0.1:7
       0s  ├───────────────────────── dials ──────────────────────────▶│
       0s  ├──────────────────────── "I am 0" ────────────────────────▶│
       0s  ├───────────────────────── dials ──────────────────────────▶│
       0s  ├──────────────────────── "I am 1" ────────────────────────▶│
       0s  │◀───────────────────── closes: reset ──────────────────────┤
       0s  │◀───────────────────── closes: reset ──────────────────────┤`},
}

// Of a long transcript the middle is left out, in two ways: a connection keeps
// its first and last events, and the diagram its first and last lines.
func TestTranscriptLong(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		c, _ := n.Pipe()
		for i := range 1000 {
			fmt.Fprintf(c, "line %d", i*i)
			time.Sleep(time.Second)
		}
		lines := strings.Split(n.Transcript(), "\n")
		if len(lines) != 2+35+1+20 {
			t.Errorf("%d lines", len(lines))
		}
		if got, want := lines[37], "      34s  … 346 lines left out"; got != want {
			t.Errorf("in the middle %q, want %q", got, want)
		}
		if last := lines[len(lines)-1]; !strings.Contains(last, "line 998001") {
			t.Errorf("at the end %q", last)
		}
	})
}

// What is left out is the same as what is shown, or it is not.
func TestTranscriptGap(t *testing.T) {
	for _, odd := range []int{-1, 250} {
		bubble(t, func(t *testing.T, n *memnet.Network) {
			for i := range 1000 {
				n.Note("tick")
				n.Note("tock")
				if i == odd {
					n.Note("boom")
				}
				time.Sleep(time.Second)
			}
			want := `
       0s  tick
       0s  tock
    1m39s  … these 2 lines 100 times in all, every 1s, until here
    1m39s  … 1600 more of the same left out
      15m  tick
      15m  tock
   16m39s  … these 2 lines 100 times in all, every 1s, until here`
			if odd >= 0 {
				want = strings.Replace(want, "1600 more of the same", "1601 events", 1)
			}
			reads(t, n.Transcript(), want)
		})
	}
}

type sender struct {
	p  *memnet.PacketConn
	to net.Addr
}

func (s sender) Write(b []byte) (int, error) { return s.p.WriteTo(b, s.to) }
