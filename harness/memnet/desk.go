package memnet

import (
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/example/netkata/harness/internal/stuck"
)

// desk is a lock, and where calls wait until something changes. Nobody holds
// the lock while waiting, and waiting is a sync.Cond: both matter in a bubble.
type desk struct {
	mu      sync.Mutex
	wake    sync.Cond
	waiters []*waiter
}

// waiter is a call that waits.
type waiter struct {
	call   string // "Read"
	of     waitable
	since  time.Time
	at     place
	who    int64         // the goroutine's number
	failed syscall.Errno // the connection died of it meanwhile; 0: it did not
}

// waitable is what a call can wait at.
type waitable interface {
	label() string               // "connection 127.0.0.1:40001 → 127.0.0.1:7"
	why(call string) []string    // what it waits for, a line each; the desk is locked
	until(call string) time.Time // when it gives up; zero: never
}

// wait lets go of the lock until something has changed. The first time in a
// call, w is nil; the same waiter serves for all of that call.
func (d *desk) wait(w *waiter, call string, of waitable) *waiter {
	if w == nil {
		w = &waiter{call: call, of: of, since: time.Now(), at: here(), who: stuck.Self().ID}
	}
	d.waiters = append(d.waiters, w)
	d.wake.Wait()
	i := slices.Index(d.waiters, w)
	d.waiters = slices.Delete(d.waiters, i, i+1)
	return w
}

// wakeAll makes those who wait look again.
func (d *desk) wakeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wake.Broadcast()
}
