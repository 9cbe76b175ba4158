package rule

import (
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	cpuLimit  = time.Second // of processor time, and as much on the clock
	heapLimit = 512 << 20   // octets that one call may add to the heap
	tick      = 5 * time.Millisecond
)

type outcome struct {
	ok      bool
	panic   string // what the panic said
	runaway string // why it was given up
	where   string // the learner's frames
}

// watch runs f in a goroutine of its own and waits for it, or gives it up.
func watch(f func()) outcome {
	done := make(chan outcome, 1)
	go watched(f, done)

	t := time.NewTicker(tick)
	defer t.Stop()
	var began time.Time // of the measuring: most calls end before the first tick
	var cpu time.Duration
	var heap int64
	for {
		select {
		case out := <-done:
			return out
		case <-t.C:
		}
		if began.IsZero() {
			began, cpu, heap = time.Now(), cpuTime(), heapOctets()
			if heap < heapLimit {
				continue // else it may have been quick to hoard
			}
			heap = 0
		}
		why := ""
		if time.Since(began) > cpuLimit && cpuTime()-cpu > cpuLimit {
			why = fmt.Sprintf("is not done after %v of processor time: an endless loop, or far too much work", cpuLimit)
		} else if grown := heapOctets() - heap; grown > heapLimit {
			why = fmt.Sprintf("hoards memory: %d MiB so far, and not done", grown>>20)
		}
		if why != "" {
			return outcome{runaway: why, where: frames(stackOf("rule.watched("))}
		}
	}
}

func watched(f func(), done chan<- outcome) {
	out := outcome{panic: "ended its goroutine (runtime.Goexit): a test cannot go on after that"}
	defer func() {
		if v := recover(); v != nil {
			out = outcome{panic: fmt.Sprintf("panicked: %v", v), where: frames(string(debug.Stack()))}
		}
		done <- out
	}()
	f()
	out = outcome{ok: true}
}

func heapOctets() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}
