// Package stage is what the packages bubble and loopback have in common: a test
// of one rule in which several goroutines play, each with a name.
package stage

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/internal/stuck"
	"github.com/example/netkata/harness/internal/trace"
	"github.com/example/netkata/harness/rule"
)

// Stage is one such test. Its R reports failures from any goroutine; one that
// calls Fatalf ends itself and with it the test.
type Stage struct {
	*rule.R

	outer *rule.R
	draw  bool          // of rapid's: the first failure ends it
	more  func() string // what to add to the first failure

	mu       sync.Mutex
	labels   map[int64]stuck.Label
	cleanups []func()
	told     []string // failures to report once the test is over
	failed   bool
	fatal    bool // a call of FailNow
	over     bool // nothing that anybody says is heard any more
	thrown   any  // a panic of rapid's, which has to reach it

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{} // closed when the test itself is over
	once   sync.Once
}

// New returns a stage whose failures are reported to r. draw says that r is
// that of one input of a property. more, which may be nil, is asked at the
// first failure for what else there is to know.
func New(r *rule.R, draw bool, more func() string) *Stage {
	s := &Stage{outer: r, draw: draw, more: more, labels: map[int64]stuck.Label{}}
	s.R = r.On(&tb{r.T(), s})
	return s
}

// Begin makes what belongs to the goroutine that it is called from, and to its
// bubble if it is in one.
func (s *Stage) Begin() {
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.done = make(chan struct{})
}

// Context returns a context that is cancelled when the test is over.
func (s *Stage) Context() context.Context { return s.ctx }

// Cleanup has f called when the test is over, the last one first.
func (s *Stage) Cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleanups = append(s.cleanups, f)
}

// Main runs f, the test itself, in a goroutine. done is closed at its end, or by
// Abort.
func (s *Stage) Main(f func()) (done <-chan struct{}) {
	go func() {
		defer s.end()
		s.label(stuck.Label{Name: "the test"})
		s.guard("", f)
	}()
	return s.done
}

// Abort fails the test and ends it: whoever still plays is not heard any more.
func (s *Stage) Abort(text string) {
	s.Tell(text)
	s.Close()
	s.end()
}

func (s *Stage) end() { s.once.Do(func() { close(s.done) }) }

// End cancels the context and calls what Cleanup was given.
func (s *Stage) End() {
	s.label(stuck.Label{Name: "the end of the test"})
	s.cancel()
	for {
		s.mu.Lock()
		n := len(s.cleanups)
		if n == 0 {
			s.mu.Unlock()
			return
		}
		f := s.cleanups[n-1]
		s.cleanups = s.cleanups[:n-1]
		s.mu.Unlock()
		s.guard("the end of the test", f)
	}
}

// Go runs f in a goroutine; call says which call of the learner's code f makes:
// "Handle(conn)"; or without a parenthesis what the goroutine is to the test:
// "the client". A panic in it ends the test.
func (s *Stage) Go(call string, f func() error) *Call {
	c := &Call{s: s, call: call, done: make(chan struct{})}
	if strings.Contains(call, "(") { // else it is a helper of the test
		trace.Calling(func() string { return call })
	}
	go func() {
		defer close(c.done)
		s.label(stuck.Label{Name: call})
		s.guard(call, func() {
			c.err = f()
			c.returned = true
		})
	}()
	return c
}

// Call is a call of the learner's code that another goroutine makes.
type Call struct {
	s        *Stage
	call     string
	done     chan struct{}
	returned bool // else it panicked, or was ended
	err      error
}

// Wait waits until the call returns, and returns its error. If it never does,
// the test fails with where everybody waits.
func (c *Call) Wait() error {
	select {
	case <-c.done:
	default:
		c.s.label(stuck.Label{Doing: "waits for " + c.call + " to return"})
		<-c.done
		c.s.label(stuck.Label{})
	}
	if !c.returned {
		c.s.T().FailNow() // it is reported
	}
	return c.err
}

// Returned says whether the call has returned by now.
func (c *Call) Returned() bool {
	select {
	case <-c.done:
		return c.returned
	default:
		return false
	}
}

// label tells who the calling goroutine is, or what it is about to do.
//
// Nobody takes the label off at a goroutine's end: the lock would order, in the
// eyes of the race detector, what the learner's code left unordered.
func (s *Stage) label(l stuck.Label) {
	id := stuck.Self().ID
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Name == "" {
		l.Name = s.labels[id].Name
	}
	s.labels[id] = l
}

// guard calls f; a panic in it ends the test.
func (s *Stage) guard(call string, f func()) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if reflect.TypeOf(v).PkgPath() == reflect.TypeFor[rapid.T]().PkgPath() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.thrown = v
			return
		}
		s.Abort(panicked(v, call))
	}()
	f()
}

// panicked says what happened, in which line of the learner's, and in which call
// if there is one to name: it may fill screens.
func panicked(v any, call string) string {
	who := "The code"
	if call == "" {
		who = "The test"
	}
	text := fmt.Sprintf("%s panicked: %v", who, v)
	if where := stuck.Frames(debug.Stack()); where != "" {
		text += "\n" + where
	}
	if call != "" {
		text += "\n\nIn this call:\n" + call
	}
	return text
}

// Tell fails the test with a text that is reported when it is over.
func (s *Stage) Tell(text string) { s.tell(s.complete(text)) }

func (s *Stage) tell(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.failed = true
	s.told = append(s.told, text)
}

// complete adds to the first failure what else there is to know.
func (s *Stage) complete(text string) string {
	s.mu.Lock()
	first := !s.failed
	s.mu.Unlock()
	if first && s.more != nil {
		if more := s.more(); more != "" {
			text = strings.TrimRight(text, "\n") + "\n\n" + more
		}
	}
	return text
}

// Failed says whether something was reported.
func (s *Stage) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// Close ends the reporting: whoever still goes on is not heard any more.
func (s *Stage) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// Report tells the test what is left to tell, and ends it if it has to. The
// test's own goroutine calls it, once the stage is over.
func (s *Stage) Report() {
	s.outer.T().Helper()
	s.mu.Lock()
	told, failed, fatal, thrown := s.told, s.failed, s.fatal, s.thrown
	s.mu.Unlock()
	for _, text := range told {
		s.outer.Errorf("%s", text)
	}
	rethrow(thrown)
	if failed {
		s.outer.T().Fail()
	}
	if fatal {
		s.outer.T().FailNow()
	}
}

// rethrow panics with what rapid panicked with inside. It tells failures apart by
// where they come from, so an input that does not count has its own place.
func rethrow(v any) {
	switch {
	case v == nil:
	case reflect.TypeOf(v).Name() == "invalidData":
		panic(v)
	default:
		panic(v)
	}
}

// Abandon ends the test although not all of its goroutines have ended (see
// rule.R.Stuck). text says why, unless something was told before.
func (s *Stage) Abandon(running bool, text string) {
	s.outer.T().Helper()
	text = s.complete(text)
	s.mu.Lock()
	if len(s.told) > 0 {
		text = s.told[0]
	}
	s.mu.Unlock()
	s.outer.Stuck(running, text)
}

// Who says of these goroutines what they wait for, and where; more may be nil
// (see stuck.Report).
func (s *Stage) Who(all []stuck.Goroutine, more func(id int64) []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return stuck.Report(all, s.labels, more)
}

// tb stands in for the test, or for rapid's input.
type tb struct {
	rapid.TB
	s *Stage
}

func (t *tb) Errorf(format string, args ...any) {
	t.Helper()
	t.s.mu.Lock()
	over := t.s.over
	t.s.mu.Unlock()
	if over {
		runtime.Goexit()
	}
	text := t.s.complete(fmt.Sprintf(format, args...))
	if t.s.draw {
		t.s.tell(text)
		t.FailNow()
	}
	t.Fail()
	t.TB.Errorf("%s", text)
}

func (t *tb) Error(args ...any)                 { t.Helper(); t.Errorf("%s", fmt.Sprintln(args...)) }
func (t *tb) Fatal(args ...any)                 { t.Helper(); t.Fatalf("%s", fmt.Sprintln(args...)) }
func (t *tb) Fatalf(format string, args ...any) { t.Helper(); t.Errorf(format, args...); t.FailNow() }
func (t *tb) Failed() bool                      { return t.s.Failed() }

func (t *tb) Fail() {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.s.failed = true
}

func (t *tb) FailNow() {
	t.s.mu.Lock()
	t.s.failed, t.s.fatal = true, true
	t.s.mu.Unlock()
	runtime.Goexit()
}

func (t *tb) Log(args ...any) { t.Helper(); t.Logf("%s", fmt.Sprintln(args...)) }

func (t *tb) Logf(format string, args ...any) {
	t.Helper()
	t.s.mu.Lock()
	over := t.s.over
	t.s.mu.Unlock()
	if !over {
		t.TB.Logf(format, args...)
	}
}

// Do runs the learner's code for R.Do. Loops are found by whoever watches the
// stage from outside.
func (t *tb) Do(call func() string, f func()) {
	t.Helper()
	if text := try(call, f); text != "" {
		t.s.R.Fatalf("%s", text)
	}
}

func try(call func() string, f func()) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = panicked(v, call())
		}
	}()
	f()
	return ""
}
