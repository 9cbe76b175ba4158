//go:build race

package memnet_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/example/netkata/harness/memnet"
)

// races are mistakes of code under test that the race detector has to see,
// whatever memnet does between the two accesses.
var races = map[string]func(n *memnet.Network){
	"a buffer that a later ReadFrom was given": func(n *memnet.Network) {
		p, _ := n.ListenPacket("127.0.0.1:53")
		p.WriteTo([]byte("question"), p.LocalAddr())
		buf := make([]byte, 100)
		k, from, _ := p.ReadFrom(buf)
		done := make(chan bool)
		go func() {
			p.WriteTo(buf[:k], from)
			close(done)
		}()
		p.ReadFrom(buf)
		<-done
	},
	"a variable of two connections that are busy one after the other": func(n *memnet.Network) {
		var served int
		for i, s := range serverEnds(n) {
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				s.Read(make([]byte, 100))
				served++
				s.Write([]byte("answer"))
			}()
		}
		time.Sleep(5 * time.Second)
	},
	"a variable of two who send from one socket each": func(n *memnet.Network) {
		var sent int
		to, _ := n.ListenPacket("127.0.0.1:53")
		p, _ := n.ListenPacket("127.0.0.1:0")
		q, _ := n.ListenPacket("127.0.0.1:0")
		for i, p := range []*memnet.PacketConn{p, q} {
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				sent++
				p.WriteTo([]byte("x"), to.LocalAddr())
			}()
		}
		time.Sleep(5 * time.Second)
	},
}

// serverEnds returns the ends of two connections to which something was sent.
func serverEnds(n *memnet.Network) [2]*memnet.Conn {
	c, s := n.Pipe()
	d, t := n.Pipe()
	c.Write([]byte("question"))
	d.Write([]byte("question"))
	return [2]*memnet.Conn{s, t}
}

const raceEnv = "MEMNET_RACE"

// TestHidesNoRace runs itself again for each of the races, and wants it to fail.
func TestHidesNoRace(t *testing.T) {
	if name := os.Getenv(raceEnv); name != "" {
		bubble(t, func(t *testing.T, n *memnet.Network) { races[name](n) })
		return
	}
	for name := range races {
		cmd := exec.Command(os.Args[0], "-test.run=^TestHidesNoRace$", "-test.count=1")
		cmd.Env = append(os.Environ(), raceEnv+"="+name)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "WARNING: DATA RACE") {
			t.Errorf("%s: not seen\n%s", name, out)
		}
	}
}
