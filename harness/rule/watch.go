package rule

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/example/netkata/harness/internal/stuck"
)

const tick = 5 * time.Millisecond

type outcome struct {
	ok      bool
	panic   string // "panicked: …"
	runaway string // why it was given up: "is not done after …"
	where   string // the learner's frames
}

// words says what the code did, in which line of the learner's, and in which call.
func (o outcome) words(call string) string {
	text := "The code " + o.panic // as it was said
	if o.runaway != "" {
		text = stuck.Wrap("The code " + o.runaway)
	}
	if o.where != "" {
		text += "\n" + o.where
	}
	return text + "\n\nIn this call:\n" + call
}

// watch runs f in a goroutine of its own and waits for it, or gives it up.
func watch(f func()) outcome {
	done := make(chan outcome, 1)
	go watched(f, done)

	t := time.NewTicker(tick)
	defer t.Stop()
	var meter stuck.Meter // from the first tick: most calls end before it
	var why string
	for {
		select {
		case out := <-done:
			return out
		case <-t.C:
		}
		if why == "" {
			why = meter.Over()
		}
		if why != "" && !meter.Spared() {
			return outcome{runaway: why, where: whereabouts()}
		}
	}
}

// whereabouts returns the learner's calls that watched has led to.
func whereabouts() string {
	for _, g := range stuck.All() {
		if g.In("github.com/example/netkata/harness/rule.watched") {
			return g.Where()
		}
	}
	return ""
}

func watched(f func(), done chan<- outcome) {
	out := outcome{panic: "ended its goroutine (runtime.Goexit), and the test with it"}
	defer func() {
		if v := recover(); v != nil {
			out = outcome{panic: fmt.Sprintf("panicked: %v", v), where: stuck.Frames(debug.Stack())}
		}
		done <- out
	}()
	f()
	out = outcome{ok: true}
}
