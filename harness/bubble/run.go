package bubble

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/netkata/harness/internal/stage"
	"github.com/example/netkata/harness/internal/stuck"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/rule"
)

const (
	patience = 24 * time.Hour   // of fake time, until a test is given up
	grace    = 10 * time.Minute // of fake time, for goroutines to end after a test
	looks    = 5                // of a Watch, in real time
)

// pause is the real time between looks at a bubble. When one was stuck, it is
// soon seen that the next one is as well.
var pause atomic.Int64

func init() { pause.Store(int64(4 * stuck.Tick)) }

// run plays f in a bubble, watches it from outside, and reports to r. draw says
// that it is one input of a property.
func run(t *testing.T, r *rule.R, draw bool, f func(b *B)) {
	t.Helper()
	b := &B{seen: map[int64]bool{}}
	b.stage = stage.New(r, draw, b.more)
	b.R = b.stage.R
	defer outerContext(t, contexts(t))
	done := make(chan struct{})
	var crash any
	go func() {
		defer close(done)
		defer func() { crash = recover() }()
		synctest.Test(t, func(*testing.T) { b.play(f) })
	}()
	watch := stuck.Watch{Mine: b.mine, Still: holdUp, Pause: time.Duration(pause.Load()), Looks: looks, Work: b.work}
	found := watch.Until(done)
	switch {
	case found.Kind != stuck.Done:
		b.freeze.Store(true)
		pause.Store(int64(stuck.Tick))
		b.stage.Close()
		b.stage.Abandon(found.Kind == stuck.Busy && stuck.AtWork(b.mine), b.standstill(found))
	case strings.HasPrefix(fmt.Sprint(crash), "deadlock: "):
		b.leftOver()
	case crash != nil:
		panic(crash)
	}
	b.stage.Report()
}

// play is the bubble from its beginning to its end.
func (b *B) play(f func(b *B)) {
	b.start = time.Now()
	b.stage.Begin()
	b.Net = memnet.New()
	b.Net.OnSpin = func(words string) { b.stage.Abort(stuck.Wrap("There is " + words)) }
	b.id.Store(stuck.Self().Bubble) // from now on, others may look
	over := make(chan struct{})
	go b.tick(over, func() time.Duration { return time.Second + b.Elapsed()/60 })

	giveUp := time.NewTimer(patience + 1) // at no moment that others have chosen: all of them wait
	defer giveUp.Stop()
	select {
	case <-b.stage.Main(func() { f(b) }):
	case <-giveUp.C:
		if !b.stage.Failed() {
			b.stage.Tell("Nobody gets any further, in " + words(patience) + " of fake time:\n\n" + b.who(b.others(0)))
		}
		b.stage.Close()
	}
	close(over)
	b.park()
	b.end()
	b.park()
}

// end closes everything, and gives the goroutines of the bubble time to end.
// When one does not, synctest.Test panics after that.
func (b *B) end() {
	b.Net.Note("the test is over: its context is cancelled, and all is closed")
	go func() {
		defer b.Net.Close()
		b.stage.End()
	}()
	over := make(chan struct{})
	defer close(over)
	go b.tick(over, func() time.Duration { return grace / 20 })
	time.Sleep(grace)
}

// leftOver reports what the end of the test did not end.
func (b *B) leftOver() {
	if left := b.others(0); !b.stage.Failed() {
		b.stage.Tell(stuck.OnlyLeft(left) + words(grace) + " of fake time after the end of the test,\n" +
			"with every connection closed and the context cancelled:\n\n" + b.who(left))
	}
}

// tick notes the time of the fake clock, and stops it when the bubble is given up.
func (b *B) tick(over <-chan struct{}, next func() time.Duration) {
	t := time.NewTimer(next())
	defer t.Stop()
	for {
		select {
		case <-over:
			return
		case <-t.C:
		}
		b.clock.Store(int64(b.Elapsed()))
		b.park()
		t.Reset(next())
	}
}

// park stops here if the bubble is given up, and the fake clock with it: what
// waits for a lock is not durably blocked. Nor will the bubble come to its end,
// should what it waits for happen after all: package testing does not expect it.
func (b *B) park() {
	if b.freeze.Load() {
		ice.Lock()
	}
}

// ice is locked for ever.
var ice sync.Mutex

func init() { ice.Lock() }

// mine says whether a goroutine is one of the bubble's, and not of those that
// make it. While one helps the garbage collector it is in no bubble, so those
// seen before count, and what they started.
func (b *B) mine(g stuck.Goroutine) bool {
	id := b.id.Load()
	b.mu.Lock()
	defer b.mu.Unlock()
	if id == 0 || g.Bubble != id && (g.Bubble != 0 || !b.seen[g.ID] && !b.seen[g.Parent]) {
		return false
	}
	b.seen[g.ID] = true
	return !g.In("internal/synctest.Run") && !strings.HasPrefix(g.Creator.Func, "testing/synctest.") &&
		!g.In("github.com/example/netkata/harness/bubble.(*B).tick")
}

// work counts what has happened on the network.
func (b *B) work() uint64 {
	if b.id.Load() == 0 {
		return 0 // there is none yet
	}
	return b.Net.Events() + b.done.Load()
}

// others returns the goroutines of the bubble without that one.
func (b *B) others(me int64) []stuck.Goroutine {
	return slices.DeleteFunc(stuck.All(), func(g stuck.Goroutine) bool { return g.ID == me || !b.mine(g) })
}
