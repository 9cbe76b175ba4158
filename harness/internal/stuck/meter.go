package stuck

import (
	"fmt"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	heapLimit = 512 << 20       // octets added to the heap
	spared    = 2 * time.Second // of processor time: see Meter.Spared
)

// limits returns those of processor time: without progress (and as much must
// have passed on the clock), and in all. The race detector makes everything
// slower, and most of all what wakes many goroutines.
func limits() (idle, total time.Duration) {
	if Race {
		return 3 * time.Second / 2, 30 * time.Second
	}
	return time.Second, 5 * time.Second
}

// Meter measures what the process uses while the learner's code runs. The zero
// value begins to measure when Over is called for the first time.
type Meter struct {
	limit time.Duration // of processor time; 0 for the usual ones
	since time.Time     // when it began, or the last progress
	cpu   time.Duration // used until then
	first time.Duration // used until it began
	heap  int64         // in use when it began

	hoards  int64         // in use when that was too much
	hoarded time.Duration // of processor time, used until then
}

// Over says in words what was used beyond all measure, "" as long as nothing
// was. Processor time is what counts: a busy machine takes longer to give it.
func (m *Meter) Over() string {
	if m.since.IsZero() {
		m.Progress()
		m.first = m.cpu
		if m.heap = heapOctets(); m.heap > heapLimit {
			if m.heap = liveOctets(); m.heap > heapLimit {
				m.heap = 0 // it may have been quick to hoard
			}
		}
	}
	cpu := cpuTime()
	idle, total := limits()
	if m.limit > 0 {
		idle, total = m.limit, m.limit
	}
	if time.Since(m.since) > idle && cpu-m.cpu > idle {
		return fmt.Sprintf("is not done after %v of processor time: an endless loop, or far too much work", idle)
	}
	if cpu-m.first > total {
		return fmt.Sprintf("is not done after %v of processor time, though it gets on: it never ends, or is far too much work", total)
	}
	if heapOctets()-m.heap <= heapLimit {
		return ""
	}
	if grown := liveOctets() - m.heap; grown > heapLimit {
		m.hoards, m.hoarded = heapOctets(), cpuTime()
		return fmt.Sprintf("hoards memory: %d MiB so far, and not done", grown>>20)
	}
	return ""
}

// Spared says whether what Over has just said may be about to pass: one who has
// asked for too much memory, once, may still come to his end with it. Who asks
// for as much again, or takes long, is not spared.
func (m *Meter) Spared() bool {
	return m.hoards > 0 && heapOctets()-m.hoards < heapLimit && cpuTime()-m.hoarded < spared
}

// Progress says that something got done: the time is measured anew.
func (m *Meter) Progress() { m.since, m.cpu = time.Now(), cpuTime() }

// liveOctets is heapOctets without what nobody uses any more: what a call before
// has left behind is not this one's.
func liveOctets() int64 {
	runtime.GC()
	return heapOctets()
}

func heapOctets() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
