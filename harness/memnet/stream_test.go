package memnet_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/netkata/harness/memnet"
	"pgregory.net/rapid"
)

// bubble runs f in fake time with a network, which is closed at the end.
func bubble(t *testing.T, f func(t *testing.T, n *memnet.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		defer n.Close()
		f(t, n)
	})
}

// pipe returns a connection whose first end sends through the script.
func pipe(n *memnet.Network, script string) (from, to *memnet.Conn) {
	n.Disturb(memnet.FromDialer(), memnet.MustParse(script))
	return n.Pipe()
}

// arrivals reads to the end and says what each Read gave, and when: "0s abc".
func arrivals(c io.Reader) []string {
	began := time.Now()
	var all []string
	b := make([]byte, 100)
	for {
		n, err := c.Read(b)
		if n > 0 {
			all = append(all, fmt.Sprint(time.Since(began), " ", string(b[:n])))
		}
		switch {
		case errors.Is(err, syscall.ECONNRESET):
			return append(all, fmt.Sprint(time.Since(began), " reset"))
		case err != nil:
			return append(all, fmt.Sprint(time.Since(began), " ", err))
		}
	}
}

func TestStreamFaults(t *testing.T) {
	for _, c := range []struct {
		script string
		why    string
		want   []string // of "abc" at 0s, "def" at 1s, and the end at 2s
	}{
		{"", "nothing is wrong", []string{"0s abc", "1s def", "2s EOF"}},
		{"cut 2", "a Read ends at the cut", []string{"0s ab", "0s c", "1s def", "2s EOF"}},
		{"cut 0, cut 3, cut 6, cut 99", "cuts where Reads end anyway", []string{"0s abc", "1s def", "2s EOF"}},
		{"cut 4, cut 1", "cuts in any order", []string{"0s a", "0s bc", "1s d", "1s ef", "2s EOF"}},
		{"chop 1", "each byte alone", []string{"0s a", "0s b", "0s c", "1s d", "1s e", "1s f", "2s EOF"}},
		{"chop 2", "at multiples from the beginning on", []string{"0s ab", "0s c", "1s d", "1s ef", "2s EOF"}},
		{"coalesce 6 10s", "two writes become one read", []string{"1s abcdef", "2s EOF"}},
		{"coalesce 4 10s", "as soon as there are enough", []string{"1s abcdef", "2s EOF"}},
		{"coalesce 9 10s", "the end releases what waits", []string{"2s abcdef", "2s EOF"}},
		{"coalesce 9 500ms", "time releases what waits", []string{"500ms abc", "1.5s def", "2s EOF"}},
		{"coalesce 3 10s", "enough at once", []string{"0s abc", "1s def", "2s EOF"}},
		{"stall 2 5s", "the rest comes later, and so does the end", []string{"0s ab", "5s cdef", "5s EOF"}},
		{"stall 0 5s", "nothing comes at first", []string{"5s abcdef", "5s EOF"}},
		{"stall 3 5s", "it begins with the byte behind it", []string{"0s abc", "6s def", "6s EOF"}},
		{"stall 6 5s", "only the end comes later", []string{"0s abc", "1s def", "7s EOF"}},
		{"stall 7 5s", "so many are not sent", []string{"0s abc", "1s def", "2s EOF"}},
		{"stall 1 1500ms, stall 4 3s", "two of them", []string{"0s a", "1.5s bcd", "4.5s ef", "4.5s EOF"}},
		{"stall 4 3s, stall 1 1500ms", "in any order", []string{"0s a", "1.5s bcd", "4.5s ef", "4.5s EOF"}},
		{"stall 2 1s, stall 2 1s", "two at one place", []string{"0s ab", "2s cdef", "2s EOF"}},
		{"stall 2 5s, chop 2", "together with another", []string{"0s ab", "5s cd", "5s ef", "5s EOF"}},
		{"reset 2", "what comes before it arrives", []string{"0s ab", "0s reset"}},
		{"reset 0", "at once", []string{"0s reset"}},
		{"reset 3", "instead of the fourth byte", []string{"0s abc", "1s reset"}},
		{"reset 6", "instead of the end", []string{"0s abc", "1s def", "2s reset"}},
		{"reset 7", "so many are not sent", []string{"0s abc", "1s def", "2s EOF"}},
		{"stall 2 5s, reset 4", "one after the other", []string{"0s ab", "5s cd", "5s reset"}},
		{"drop 1, delay all 5s, emfile 1", "none of those is for connections", []string{"0s abc", "1s def", "2s EOF"}},
	} {
		t.Run(c.script, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *memnet.Network) {
				from, to := pipe(n, c.script)
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() {
					from.Write([]byte("abc"))
					time.Sleep(time.Second)
					from.Write([]byte("def"))
					time.Sleep(time.Second)
					from.Close()
				})
				if got := arrivals(to); !slices.Equal(got, c.want) {
					t.Errorf("%s:\ngot  %q\nwant %q", c.why, got, c.want)
				}
			})
		})
	}
}

func TestStallForEver(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		from, to := pipe(n, "stall 2")
		from.Write([]byte("abc"))
		from.Close()
		to.SetReadDeadline(time.Now().Add(1000 * time.Hour))
		if got, want := arrivals(to), "1000h0m0s read tcp 127.0.0.1:40002->127.0.0.1:40001: i/o timeout"; len(got) != 2 || got[1] != want {
			t.Errorf("got  %q\nwant %q at the end", got, want)
		}
	})
}

// A stalled network takes no more than its buffer.
func TestStallHoldsTheWriter(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.Buffer = 10
		from, to := pipe(n, "stall 4 5s")
		go io.Copy(io.Discard, to)
		began := time.Now()
		if k, err := from.Write(make([]byte, 15)); k != 15 || err != nil || time.Since(began) != 5*time.Second {
			t.Errorf("Write = %d, %v after %v; want 15 after 5s", k, err, time.Since(began))
		}
	})
}

// Two ends that both write and do not read wait, and do not keep each other busy.
func TestBothWrite(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.Buffer = 10
		a, b := n.Pipe()
		for _, c := range []net.Conn{a, b, a} {
			go c.Write(make([]byte, 15))
		}
		synctest.Wait()
		if got := len(n.Waits()); got != 3 {
			t.Errorf("%d calls wait, want 3:\n%s", got, n.Waiting())
		}
	})
}

// A reset by script concerns both ends and both directions.
func TestResetBothEnds(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		from, to := pipe(n, "reset 2")
		to.Write([]byte("there before"))
		from.Write([]byte("abc"))
		for name, c := range map[string]*memnet.Conn{"there before": from, "ab": to} {
			b := make([]byte, 100)
			k, err := c.Read(b)
			if string(b[:k]) != name || err != nil {
				t.Errorf("first Read = %q, %v; want %q", b[:k], err, name)
			}
			if _, err := c.Read(b); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("after %q: %v, want ECONNRESET", name, err)
			}
			if _, err := c.Write(b); !errors.Is(err, syscall.EPIPE) {
				t.Errorf("Write after %q: %v, want EPIPE", name, err)
			}
		}
	})
}

// Whoever waits when the reset comes learns of it, all of them.
func TestResetTellsAllWhoWait(t *testing.T) {
	for first := range 2 {
		bubble(t, func(t *testing.T, n *memnet.Network) {
			a, b := n.Pipe()
			errs := make(chan error)
			calls := []func([]byte) (int, error){a.Read, a.Write}
			for i := range calls {
				go func() {
					_, err := calls[(first+i)%2](make([]byte, 1<<20))
					errs <- err
				}()
				synctest.Wait()
			}
			b.SetLinger(0)
			b.Close()
			for range calls {
				if err := <-errs; !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("got %v, want ECONNRESET", err)
				}
			}
		})
	}
}

// What is still under way when a reset comes back never arrives.
func TestResetOvertakes(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		from, to := pipe(n, "stall 2 5s")
		from.Write([]byte("abc"))
		from.Close()
		to.Write([]byte("hello?")) // the answer is a reset
		if got, want := arrivals(to), []string{"0s ab", "0s reset"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		time.Sleep(10 * time.Second)
		if got, want := arrivals(to), []string{"0s EOF"}; !slices.Equal(got, want) {
			t.Errorf("later: got %q, want %q", got, want)
		}
	})
}

// Whatever delays or divides the bytes, they arrive, in order and complete, and
// no later than the delays add up to.
func TestStreamSurvives(t *testing.T) {
	scripts := memnet.Scripts(40, 5*time.Second, memnet.Cut, memnet.Chop, memnet.Coalesce, memnet.Stall)
	rapid.Check(t, func(rt *rapid.T) {
		script := scripts.Draw(rt, "script")
		chunks := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 12), 0, 8).Draw(rt, "chunks")
		room := rapid.IntRange(1, 50).Draw(rt, "buffer")
		size := rapid.IntRange(1, 20).Draw(rt, "read size")
		var got []byte
		var took time.Duration
		var err error
		bubble(t, func(t *testing.T, n *memnet.Network) {
			n.Buffer = room
			from, to := pipe(n, script.String())
			go func() {
				for _, chunk := range chunks {
					from.Write(chunk)
				}
				from.Close()
			}()
			began := time.Now()
			for err == nil {
				b := make([]byte, size)
				var k int
				k, err = to.Read(b)
				got = append(got, b[:k]...)
			}
			took = time.Since(began)
		})
		if want := slices.Concat(chunks...); !bytes.Equal(got, want) || err != io.EOF {
			rt.Errorf("got % x, %v; want % x", got, err, want)
		}
		if most := longest(script, len(got)); took > most {
			rt.Errorf("it took %v, want at most %v", took, most)
		}
	})
}

// longest is how long a script can hold up so many bytes: each stall once, and
// each byte as long as it may be coalesced, also those that a stall parts.
func longest(s memnet.Script, bytes int) time.Duration {
	var stalls, coalesce time.Duration
	for _, step := range s {
		switch step.Do {
		case memnet.Stall:
			stalls += step.For
			bytes++
		case memnet.Coalesce:
			coalesce = max(coalesce, step.For)
		}
	}
	return stalls + time.Duration(bytes)*coalesce
}

// Paths: which direction, which address, which connection.
func TestPaths(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("127.0.0.1:7")
		other, _ := n.Listen("127.0.0.1:8")
		connect := func(ln *memnet.Listener) (c, s net.Conn) {
			c, err := n.Dial(t.Context(), "tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			s, err = ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return c, s
		}
		// first returns what the first Read of "abc" gives.
		first := func(from, to net.Conn) string {
			from.Write([]byte("abc"))
			b := make([]byte, 3)
			k, _ := to.Read(b)
			return string(b[:k])
		}
		earlier, earlierServer := connect(ln)
		n.Disturb(memnet.To(ln.Addr()), memnet.MustParse("cut 1"))
		n.Disturb(memnet.From(ln.Addr()).Conn(2), memnet.MustParse("cut 2"))
		if got := first(earlier, earlierServer); got != "abc" {
			t.Errorf("a connection made before: %q", got)
		}
		for i, want := range []string{"abc", "ab", "abc"} {
			c, s := connect(ln)
			if got := first(c, s); got != "a" {
				t.Errorf("connection %d, to the server: %q, want a", i+1, got)
			}
			if got := first(s, c); got != want {
				t.Errorf("connection %d, from the server: %q, want %s", i+1, got, want)
			}
		}
		c, s := connect(other)
		if got := first(c, s) + first(s, c); got != "abcabc" {
			t.Errorf("another server: %q", got)
		}
		n.Disturb(memnet.Path{}, memnet.MustParse("cut 2"))
		n.Disturb(memnet.FromListener(), memnet.MustParse("cut 1"))
		c, s = connect(other)
		if got := first(c, s) + first(s, c); got != "aba" {
			t.Errorf("everywhere, and from listeners: %q, want ab and a", got)
		}
	})
}

// What the kernel does by itself when nobody answers: one call learns of it.
func TestFail(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		c, s := n.Pipe()
		s.Write([]byte("abc"))
		time.AfterFunc(time.Second, func() { c.Fail(syscall.ETIMEDOUT) })
		if got, want := arrivals(c), []string{"0s abc", "1s read tcp 127.0.0.1:40001->127.0.0.1:40002: read: connection timed out"}; !slices.Equal(got, want) {
			t.Errorf("a Read that waits:\ngot  %q\nwant %q", got, want)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("then a Write gives %v, want EPIPE", err)
		}
		if k, err := c.Read(make([]byte, 1)); k != 0 || err != io.EOF {
			t.Errorf("then a Read gives %d, %v; want io.EOF", k, err)
		}
		s.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the peer reads %v, want nothing", err)
		}
	})
	bubble(t, func(t *testing.T, n *memnet.Network) {
		c, _ := n.Pipe()
		c.Fail(syscall.ETIMEDOUT)
		if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("the next Write gives %v, want ETIMEDOUT", err)
		}
	})
}
