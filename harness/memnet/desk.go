package memnet

import "sync"

// desk is a lock and what calls wait at until something changes. Nobody holds
// the lock while waiting, and waiting is a sync.Cond: both matter in a bubble.
type desk struct {
	mu   sync.Mutex
	wake sync.Cond
}

// wakeAll makes those who wait look again.
func (d *desk) wakeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wake.Broadcast()
}
