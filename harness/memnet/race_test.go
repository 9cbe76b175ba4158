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
		for i := range 2 {
			c, s := n.Pipe()
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				c.Write([]byte("question"))
			}()
			go func() {
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
		for i := range 2 {
			p, _ := n.ListenPacket("127.0.0.1:0")
			go func() {
				time.Sleep(time.Duration(i) * time.Second)
				p.SetReadDeadline(time.Time{})
				sent++
				p.WriteTo([]byte("x"), to.LocalAddr())
			}()
		}
		time.Sleep(5 * time.Second)
	},
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
