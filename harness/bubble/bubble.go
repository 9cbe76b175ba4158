// Package bubble tests a rule of a network kata in fake time: thirty seconds of
// deadline take microseconds, and every span is exact.
//
//	func TestIdle(t *testing.T) {
//		bubble.Run(t, 4, func(b *bubble.B) {
//			client, server := b.Net.Pipe()
//			handle := b.Go("Handle(conn)", func() error { return echo.Handle(server) })
//			fmt.Fprint(client, "hello\n")
//			b.Wait()
//			...
//			if err := handle.Wait(); err == nil || b.Elapsed() != 30*time.Second {
//				b.Errorf("Handle(conn) returned %v after %v\nwant an error after 30s", err, b.Elapsed())
//			}
//		})
//	}
//
// Whatever goes wrong inside becomes a failure of the rule that says who waits
// where, and the other tests of the package go on: everybody waits for somebody
// else (after 24 hours of fake time), goroutines are left over, a loop calls the
// network without end, a panic. What fake time cannot get past is found from
// outside, in real time: a lock that is waited for, a channel from outside of
// the test, a real socket. Only a loop that makes no call cannot be stopped, so
// the run of the package ends after the test that has met one. A panic in a
// goroutine that the learner's code started ends the process, as always in Go.
//
// What happens at one instant happens in any order: call Wait before looking at
// what others have done, and do not demand an order of what has none.
//
// The clock stands still as long as somebody waits for a lock of package sync.
// So a test must not need the clock to move on (a deadline, a Sleep) while the
// learner's code may rightly hold a lock: let whoever it writes to read first.
//
// A test does not wait for nothing, as in <-time.After(0): where two goroutines do
// at once, and Go runs on two cores, the race detector of Go 1.26 crashes. Inside
// of a bubble, both run their timers in one context of its, which has no lock.
// B.Pass takes any duration.
//
// Inside, t.Context, t.Run, t.Parallel and t.Deadline of the test outside are
// out of bounds: there are b.Context and b.Cleanup.
package bubble

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/internal/stage"
	"github.com/example/netkata/harness/internal/stuck"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/rule"
)

// B is the test inside its bubble. Its R reports failures of the rule, from any
// goroutine.
type B struct {
	*rule.R
	Net *memnet.Network // the test's own; all of it is closed at the end

	stage  *stage.Stage
	start  time.Time
	id     atomic.Int64  // the bubble's number
	clock  atomic.Int64  // what Elapsed said last time that somebody looked
	freeze atomic.Bool   // the bubble is given up: see park
	done   atomic.Uint64 // calls of Worked

	mu    sync.Mutex
	seen  map[int64]bool // goroutines of the bubble
	shows []func() string
}

// Call is a call of the learner's code in a goroutine of its own. See B.Go. Its
// method Wait waits until the call returns, and returns its error; Returned says
// whether it has returned by now.
type Call = stage.Call

// Run runs f in a bubble, as a test of the rule of that number (see rule.New).
//
// When f is over, the context is cancelled, what Cleanup was given is called,
// and Net is closed. A goroutine that is not over ten minutes of fake time later
// fails the test; for what must end sooner, or be closed by the learner's code,
// there is MustBeQuiet.
func Run(t *testing.T, number int, f func(b *B)) {
	t.Helper()
	run(t, rule.New(t, number), false, f)
}

// Property checks prop on a hundred drawn inputs, each in a bubble of its own,
// and reports the smallest that fails it (see rule.R.Property). An input that
// hangs the bubble itself is reported as it is.
func Property(t *testing.T, number int, prop func(rt *rapid.T, b *B)) {
	t.Helper()
	rule.New(t, number).Property(func(rt *rapid.T, r *rule.R) {
		run(t, r, true, func(b *B) { prop(rt, b) })
	})
}

// Go calls f in a goroutine; call says which call of the learner's code it makes:
// "Handle(conn)"; or without a parenthesis what the goroutine is to the test: "the
// client". Reports of who waits where use that name. When f panics, the test
// fails and ends.
func (b *B) Go(call string, f func() error) *Call { return b.stage.Go(call, f) }

// Context returns a context that is cancelled at the end of the test.
func (b *B) Context() context.Context { return b.stage.Context() }

// Cleanup has f called at the end of the test, the last one first, before
// anything is looked for that is left over.
func (b *B) Cleanup(f func()) { b.stage.Cleanup(f) }

// Show has the first failure end with what f says then, for tests whose network
// is not Net.
func (b *B) Show(f func() string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shows = append(b.shows, f)
}

// Worked notes that something got done elsewhere than on Net, so that hard work
// is not taken for an endless loop.
func (b *B) Worked() { b.done.Add(1) }

// Wait waits until every other goroutine of the bubble waits for something: all
// that can happen at this instant has happened.
func (b *B) Wait() { synctest.Wait() }

// Pass lets time pass, and everything happen that happens until then.
func (b *B) Pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
	b.Wait()
}

// Elapsed is the fake time since the test began.
func (b *B) Elapsed() time.Duration { return time.Since(b.start) }

// Waiting says in words what each goroutine of the bubble but the caller's waits
// for, and where, for a message of the test's own.
func (b *B) Waiting() string {
	b.Wait()
	return b.who(b.others(stuck.Self().ID))
}

// Goroutines returns how many goroutines the process has. runtime.NumGoroutine
// may count some that have ended, while garbage is collected.
func Goroutines() int { return len(stuck.All()) }

// Heap returns how many bytes of the heap are in use by what can still be
// reached. It collects garbage until that frees nothing more: one collection
// leaves what a [sync.Pool] holds, and what has a finalizer.
func Heap() int {
	var m runtime.MemStats
	for least, i := uint64(math.MaxUint64), 0; ; i++ {
		runtime.GC()
		runtime.ReadMemStats(&m)
		if m.HeapAlloc >= least && i > 2 {
			return int(least)
		}
		least = min(least, m.HeapAlloc)
	}
}

// MustBeQuiet fails the test unless, once all has happened that can happen at
// this instant, no goroutine of the bubble is left but the caller's.
func (b *B) MustBeQuiet() {
	b.T().Helper()
	b.Wait()
	if left := b.others(stuck.Self().ID); len(left) > 0 {
		b.Errorf("%s, at %v on the clock:\n\n%s", stuck.AreLeft(left), b.Elapsed(), b.who(left))
	}
}
