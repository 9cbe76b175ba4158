package memnet

import "time"

// deadline is the moment at which calls of one direction begin to fail. The
// zero value is none. What it belongs to has a lock, which is held.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set moves the deadline; when it comes, those who wait at the desk look again.
// One that has passed needs no timer: two that are due at once may crash the race
// detector (see package bubble).
func (d *deadline) set(t time.Time, at *desk) {
	d.stop()
	d.at = t
	if !t.IsZero() {
		now := time.Now()
		left := t.Sub(now)
		d.at = now.Add(left) // with a monotonic reading, which the timer goes by
		if left <= 0 {
			at.wake.Broadcast()
		} else {
			d.timer = time.AfterFunc(left, at.wakeAll)
		}
	}
}

// passed says whether calls fail. At the very instant of the deadline they do.
func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
