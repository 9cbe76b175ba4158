// Package rule ties a test to a numbered rule of its kata's README: every
// failure begins with that rule and its source, and a call of the learner's
// code that panics, never returns or hoards memory becomes such a failure too.
//
//	func TestShort(t *testing.T) {
//		r := rule.New(t, 2)
//		for n := range 12 {
//			_, _, err := parse(r, msg[:n], 0)
//			if !errors.Is(err, header.ErrShort) {
//				r.Errorf("…")
//			}
//		}
//	}
package rule

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/example/netkata/harness/internal/readme"
	"github.com/example/netkata/harness/internal/trace"
	"pgregory.net/rapid"
)

// R reports failures of one rule. The zero value is not usable: see New.
type R struct {
	t    rapid.TB
	head string  // what a failure begins with
	note *string // what it ends with; one for all that On made
}

// New says that t tests rule number of the README.md in the test's folder. It
// ends the test when there is no such rule. The number also stands in the
// output of go test -json, as the attribute "rule".
func New(t testing.TB, number int) *R {
	t.Helper()
	if test, sub := split(t); test == gaveUp() && sub {
		t.SkipNow() // the whole test has failed
	} else if gaveUp() != "" {
		fmt.Println(trace.LoopEnds) // the test that gave up is printed by now
		os.Exit(1)
	}
	doc, err := load()
	if err != nil {
		t.Fatalf("rule %d: %v", number, err)
	}
	ru, ok := doc.Rule(number)
	if !ok {
		t.Fatalf("rule %d: README.md has no such rule", number)
	}
	t.Attr("rule", fmt.Sprint(number))
	return &R{t: t, head: fmt.Sprintf("rule %d: %s\n(%s)\n\n", number, ru.Title, ru.Source), note: new(string)}
}

var load = sync.OnceValues(func() (readme.Doc, error) {
	src, err := os.ReadFile("README.md") // go test runs in the package's folder
	return readme.Parse(string(src)), err
})

// On returns the same rule, reported to t: a helper's stand-in for the test. If
// it has a method like R's Do, that is what runs the learner's code.
func (r *R) On(t rapid.TB) *R { return &R{t, r.head, r.note} }

// T returns what r reports to. A helper of a test calls r.T().Helper(), so that
// a failure bears the line of the test and not the helper's.
func (r *R) T() rapid.TB { return r.t }

// Note sets the words with which every failure from now on ends.
func (r *R) Note(text string) { *r.note = "\n\n" + text }

// Errorf fails the test and goes on. The text, which may have several lines,
// stands below the rule.
func (r *R) Errorf(format string, args ...any) {
	r.t.Helper()
	r.t.Errorf("%s", r.message(format, args))
}

// Fatalf fails the test and ends it, as Errorf otherwise.
func (r *R) Fatalf(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("%s", r.message(format, args))
}

func (r *R) message(format string, args []any) string {
	return r.head + strings.TrimRight(fmt.Sprintf(format, args...), "\n") + *r.note
}

// Do runs f, which calls the learner's code. When f panics, does not come to
// an end or hoards memory, the test fails; call says which call it was and
// with which input ("Parse(msg, 12)", a dump of msg), and is asked only then.
// It stands below what happened and where, because it may fill screens.
//
// A goroutine cannot be stopped from outside, so after an endless loop the run
// of the whole package ends, once the failure is printed. The limit is a second
// of processor time: a busy machine takes longer to give it. A call that takes
// much memory and returns soon, whatever it may have wanted with it, is left to
// the test to judge.
func (r *R) Do(call func() string, f func()) {
	r.t.Helper()
	if gaveUp() != "" {
		r.t.FailNow()
	}
	trace.Calling(call)
	if t, ok := r.t.(interface {
		Do(call func() string, f func())
	}); ok {
		t.Do(call, f)
		return
	}
	out := watch(f)
	switch {
	case out.ok:
	case out.runaway != "":
		r.Stuck(true, out.words(call()))
	default:
		r.Fatalf("%s", out.words(call()))
	}
}

// Stuck fails the test with that text and ends it, although some goroutine of it
// has not come to its end. If that one is still running, nothing that is measured
// from now on would be right: the run of the package ends before its next test.
func (r *R) Stuck(running bool, text string) {
	r.t.Helper()
	if running {
		test, _ := split(r.t)
		stuckIn.Store(&test)
	}
	if l, ok := r.t.(*relay); ok {
		l.rec.stuck <- text
		select {} // Property goes on without this goroutine
	}
	r.Fatalf("%s", text)
}

// gaveUp returns the test in which some call was given up that is still running,
// "" as long as there is none.
func gaveUp() string {
	if test := stuckIn.Load(); test != nil {
		return *test
	}
	return ""
}

var stuckIn atomic.Pointer[string]

// split returns the name of the test that t belongs to, and whether t is a
// subtest of it.
func split(t interface{ Name() string }) (test string, sub bool) {
	test, _, sub = strings.Cut(t.Name(), "/")
	return test, sub
}
