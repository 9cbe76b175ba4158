package memnet_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/netkata/harness/memnet"
	"pgregory.net/rapid"
)

// datagrams reads until nothing comes for an hour and says what came, when and
// from which port.
func datagrams(p *memnet.PacketConn) []string {
	began := time.Now()
	var all []string
	b := make([]byte, 100)
	for {
		p.SetReadDeadline(time.Now().Add(time.Hour))
		n, from, err := p.ReadFrom(b)
		if err != nil {
			return all
		}
		text := fmt.Sprint(time.Since(began), " ", string(b[:n]))
		if port := from.(*net.UDPAddr).Port; port == 666 {
			text += " (stranger)"
		}
		all = append(all, text)
	}
}

func TestDatagramFaults(t *testing.T) {
	for _, c := range []struct {
		script string
		why    string
		want   []string // of "a" at 0s, "b" at 1s, "c" at 2s
	}{
		{"", "nothing is wrong", []string{"0s a", "1s b", "2s c"}},
		{"drop 1", "the first is lost", []string{"1s b", "2s c"}},
		{"drop all", "each is lost", nil},
		{"drop 4", "there is no such one", []string{"0s a", "1s b", "2s c"}},
		{"duplicate 2", "one comes twice", []string{"0s a", "1s b", "1s b", "2s c"}},
		{"duplicate 2, duplicate 2", "thrice", []string{"0s a", "1s b", "1s b", "1s b", "2s c"}},
		{"delay 1 300ms", "one is late", []string{"300ms a", "1s b", "2s c"}},
		{"delay 1 5s", "so late that others come before", []string{"1s b", "2s c", "5s a"}},
		{"delay 1 5s, delay 2 500ms", "each as late as it says", []string{"1.5s b", "2s c", "5s a"}},
		{"delay all 5s", "all are late, the order is kept", []string{"5s a", "6s b", "7s c"}},
		{"delay 1 2s, delay 2 1s, delay 3 5s", "at one instant, in the order sent", []string{"2s a", "2s b", "7s c"}},
		{"delay 1 1s, delay 1 500ms", "delays add up", []string{"1s b", "1.5s a", "2s c"}},
		{"reorder 1 5s", "after the next", []string{"1s b", "1s a", "2s c"}},
		{"reorder 1 500ms", "unless the next is too late", []string{"500ms a", "1s b", "2s c"}},
		{"reorder 3", "none comes after it: a second later", []string{"0s a", "1s b", "3s c"}},
		{"reorder 1 5s, reorder 2 5s", "both after the third", []string{"2s c", "2s b", "2s a"}},
		{"reorder 1 5s, drop 2", "a lost one is a next one", []string{"1s a", "2s c"}},
		{"reorder 1 5s, reorder 2 5s, drop 2", "although it was to be held", []string{"1s a", "2s c"}},
		{"reorder 3 1s, delay 3 500ms", "the longer of both", []string{"0s a", "1s b", "3s c"}},
		{"spoof 2", "the stranger's comes before", []string{"0s a", "1s c (stranger)", "1s b", "2s c"}},
		{"spoof 2, drop 2", "instead of it", []string{"0s a", "1s c (stranger)", "2s c"}},
		{"spoof 1, delay 1 1500ms", "in time, while the true one is late", []string{"0s b (stranger)", "1s b", "1.5s a", "2s c"}},
		{"drop 1, duplicate 1, delay 1 5s", "lost is lost", []string{"1s b", "2s c"}},
		{"duplicate 1, delay 1 500ms", "two late ones", []string{"500ms a", "500ms a", "1s b", "2s c"}},
		{"cut 1, stall 0, reset 0, emfile 1", "none of those is for datagrams", []string{"0s a", "1s b", "2s c"}},
	} {
		t.Run(c.script, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *memnet.Network) {
				from, _ := n.ListenPacket("127.0.0.1:1")
				to, _ := n.ListenPacket("127.0.0.1:2")
				n.Disturb(memnet.To(to.LocalAddr()), memnet.MustParse(c.script))
				for i, text := range []string{"a", "b", "c"} {
					time.AfterFunc(time.Duration(i)*time.Second, func() { from.WriteTo([]byte(text), to.LocalAddr()) })
				}
				if got := datagrams(to); !slices.Equal(got, c.want) {
					t.Errorf("%s:\ngot  %q\nwant %q", c.why, got, c.want)
				}
			})
			foretold := foretell(memnet.MustParse(c.script))
			want := slices.DeleteFunc(c.want, func(text string) bool { return strings.HasSuffix(text, "(stranger)") })
			if !slices.Equal(foretold, want) {
				t.Errorf("%s:\nArrivals foretells %q\nwant               %q", c.why, foretold, want)
			}
		})
	}
}

// foretell is what Arrivals says of "a" at 0s, "b" at 1s, "c" at 2s.
func foretell(s memnet.Script) (all []string) {
	for _, a := range s.Arrivals([]memnet.Arrival{{0, 0}, {1, time.Second}, {2, 2 * time.Second}}) {
		all = append(all, fmt.Sprint(a.At, " ", "abc"[a.Number:a.Number+1]))
	}
	return all
}

// What comes back from an echo under any two scripts is what Arrivals foretells.
func TestArrivals(t *testing.T) {
	steps := memnet.Scripts(6, 2*time.Second, memnet.DatagramFaults...)
	all := rapid.SampledFrom([]string{"", "", "", "delay all 300ms", "duplicate all", "reorder all", "drop all"})
	script := rapid.Custom(func(t *rapid.T) memnet.Script {
		return append(steps.Draw(t, "steps"), memnet.MustParse(all.Draw(t, "all"))...)
	})
	rapid.Check(t, func(rt *rapid.T) {
		there, back := script.Draw(rt, "there"), script.Draw(rt, "back")
		var sent, got []memnet.Arrival
		at := time.Duration(0)
		for i := range rapid.IntRange(0, 6).Draw(rt, "sent") {
			sent = append(sent, memnet.Arrival{Number: i, At: at})
			// The odd microsecond keeps it from being sent as another arrives.
			at += time.Duration(rapid.IntRange(0, 900).Draw(rt, "ms"))*time.Millisecond + time.Microsecond
		}
		bubble(t, func(t *testing.T, n *memnet.Network) { got = echoed(n, sent, there, back) })
		if want := back.Arrivals(there.Arrivals(sent)); !slices.Equal(got, want) {
			rt.Errorf("there %v, back %v\nsent %v\ngot  %v\nwant %v", there, back, sent, got, want)
		}
	})
}

// echoed has those datagrams sent to one who sends them back at once, and returns
// what comes back, without a stranger's.
func echoed(n *memnet.Network, sent []memnet.Arrival, there, back memnet.Script) (got []memnet.Arrival) {
	n.Forge = func([]byte) []byte { return []byte("forged") }
	me, _ := n.ListenPacket("127.0.0.1:1")
	echo, _ := n.ListenPacket("127.0.0.1:7")
	n.Disturb(memnet.To(echo.LocalAddr()), there)
	n.Disturb(memnet.From(echo.LocalAddr()), back)
	go func() {
		for b := make([]byte, 10); ; {
			k, from, err := echo.ReadFrom(b)
			if err != nil {
				return
			}
			if k == 1 {
				echo.WriteTo(b[:k], from)
			}
		}
	}()
	began := time.Now()
	for _, d := range sent {
		time.AfterFunc(d.At, func() { me.WriteTo([]byte{byte(d.Number)}, echo.LocalAddr()) })
	}
	me.SetReadDeadline(began.Add(time.Hour))
	for b := make([]byte, 10); ; {
		k, _, err := me.ReadFrom(b)
		if err != nil {
			return got
		}
		if k == 1 {
			got = append(got, memnet.Arrival{Number: int(b[0]), At: time.Since(began)})
		}
	}
}

// What arrives under any script is what was sent or forged, exactly as often as
// the script says.
func TestDatagramsAccountedFor(t *testing.T) {
	scripts := memnet.Scripts(6, 5*time.Second, memnet.DatagramFaults...)
	rapid.Check(t, func(rt *rapid.T) {
		script := scripts.Draw(rt, "script")
		want := map[string]int{}
		bubble(t, func(t *testing.T, n *memnet.Network) {
			n.Forge = func([]byte) []byte { return []byte("forged") }
			from, _ := n.ListenPacket("127.0.0.1:0")
			to, _ := n.ListenPacket("127.0.0.1:0")
			n.Disturb(memnet.To(to.LocalAddr()), script)
			for i := range 6 {
				from.WriteTo([]byte{'0' + byte(i)}, to.LocalAddr())
				want[string([]byte{'0' + byte(i)})] = copies(script, i+1)
				if has(script, memnet.Spoof, i+1) {
					want["forged"]++
				}
			}
			b := make([]byte, 10)
			for {
				to.SetReadDeadline(time.Now().Add(time.Hour))
				k, _, err := to.ReadFrom(b)
				if err != nil {
					break
				}
				want[string(b[:k])]--
			}
		})
		for text, missing := range want {
			if missing != 0 {
				rt.Errorf("%d of %q too few", missing, text)
			}
		}
	})
}

func has(s memnet.Script, f memnet.Fault, at int) bool {
	return slices.ContainsFunc(s, func(step memnet.Step) bool { return step.Do == f && step.At == at })
}

// copies is how many of that datagram arrive.
func copies(s memnet.Script, at int) int {
	if has(s, memnet.Drop, at) {
		return 0
	}
	n := 1
	for _, step := range s {
		if step.Do == memnet.Duplicate && step.At == at {
			n++
		}
	}
	return n
}

func TestForge(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.Forge = func(payload []byte) []byte {
			payload[0] = 'X'
			return payload
		}
		from, _ := n.ListenPacket("127.0.0.1:1")
		to, _ := n.ListenPacket("127.0.0.1:2")
		n.Disturb(memnet.Path{}, memnet.MustParse("spoof 1"))
		from.WriteTo([]byte("abc"), to.LocalAddr())
		if got, want := datagrams(to), []string{"0s Xbc (stranger)", "0s abc"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// A connected socket does not hear the stranger: its address is another.
func TestSpoofConnected(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		server, _ := n.ListenPacket("127.0.0.1:53")
		c, err := n.DialPacket("127.0.0.1:53")
		if err != nil {
			t.Fatal(err)
		}
		n.Disturb(memnet.From(server.LocalAddr()), memnet.MustParse("spoof 1"))
		server.WriteTo([]byte("true"), c.LocalAddr())
		if got, want := datagrams(c.(*memnet.PacketConn)), []string{"0s true"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// The queue holds 256 datagrams; what comes then is lost.
func TestQueueOverflows(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		from, _ := n.ListenPacket("127.0.0.1:1")
		to, _ := n.ListenPacket("127.0.0.1:2")
		for range 300 {
			if k, err := from.WriteTo([]byte("x"), to.LocalAddr()); k != 1 || err != nil {
				t.Fatal(k, err)
			}
		}
		if got := len(datagrams(to)); got != 256 {
			t.Errorf("%d arrived, want 256", got)
		}
	})
}

// A refusal comes back as late as the datagram arrives, and not at all for one
// that is lost.
func TestRefusedLate(t *testing.T) {
	for script, want := range map[string]time.Duration{"": 0, "delay 1 2s": 2 * time.Second, "drop 1": time.Minute} {
		bubble(t, func(t *testing.T, n *memnet.Network) {
			n.Disturb(memnet.Path{}, memnet.MustParse(script))
			c, _ := n.DialPacket("127.0.0.1:9")
			c.SetReadDeadline(time.Now().Add(time.Minute))
			c.Write([]byte("x"))
			began := time.Now()
			_, err := c.Read(make([]byte, 1))
			if time.Since(began) != want || !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%q: %v after %v, want it after %v", script, err, time.Since(began), want)
			}
		})
	}
}

// A socket for every address hears all of them, and answers from the one that
// was asked.
func TestEveryAddress(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		server, err := n.ListenPacket(":53")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := n.ListenPacket("192.0.2.1:53"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("the same port again: %v", err)
		}
		n.ListenPacket("127.0.0.1:54")
		if _, err := n.ListenPacket(":54"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("every address, of which one is in use: %v", err)
		}
		c, _ := n.DialPacket("192.0.2.1:53")
		c.Write([]byte("question"))
		b := make([]byte, 100)
		_, from, _ := server.ReadFrom(b)
		server.WriteTo([]byte("answer"), from)
		synctest.Wait()
		if k, err := c.Read(b); err != nil || string(b[:k]) != "answer" {
			t.Errorf("got %q, %v", b[:k], err)
		}
	})
}

// Who still works on a buffer that the next call was given finds it overwritten.
func TestBufferIsReused(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		p, _ := n.ListenPacket("127.0.0.1:1")
		p.WriteTo([]byte("first"), p.LocalAddr())
		b := make([]byte, 40)
		k, _, _ := p.ReadFrom(b)
		kept := b[:k]
		go p.ReadFrom(b)
		synctest.Wait()
		if got := string(kept); got != "<over" {
			t.Errorf("the buffer holds %q, want <over", got)
		}
		c, _ := n.Pipe()
		b = make([]byte, 40)
		go c.Read(b)
		synctest.Wait()
		if got, want := string(b), "<overwritten by a later Read><overwritte"; got != want {
			t.Errorf("the buffer holds %q, want %q", got, want)
		}
	})
}
