package memnet

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// spinLimit is how many calls without a result, all at one instant of fake
// time, make a busy loop.
const spinLimit = 1000

// realTime begins after every bubble's clock would have run for ten years: a
// bubble's begins in 2000. Only a clock that stands still shows a busy loop.
var realTime = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// guard counts the calls of one kind at one thing.
type guard struct {
	mu    sync.Mutex
	at    time.Time
	calls int
}

// spin counts a call that gave nothing. When it is one too many, its goroutine
// ends here.
func (n *Network) spin(g *guard, call string, err error) {
	if now := time.Now(); now.Before(realTime) && g.count(now) {
		n.spun(call, err, now)
	}
}

func (g *guard) count(now time.Time) (tooMany bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.at.Equal(now) {
		g.at, g.calls = now, 0
	}
	g.calls++
	return g.calls >= spinLimit
}

func (n *Network) spun(call string, err error, now time.Time) {
	got := "nothing to read into"
	if err != nil {
		got = err.Error()
	}
	words := fmt.Sprintf("a busy loop: %s, %d times at one instant (%s on the clock), gave %q each time",
		call, spinLimit, clock(n.since(now)), got)
	if at := here().text; at != "" {
		words += "\n  at " + at
	}
	if n.OnSpin == nil {
		panic("memnet: " + words)
	}
	n.OnSpin(words)
	runtime.Goexit()
}
