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
	"path/filepath"
	"runtime"
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
	head string // what a failure begins with
}

// New says that t tests rule number of the README.md in the test's folder. It
// ends the test when there is no such rule. The number also stands in the
// output of go test -json, as the attribute "rule".
func New(t testing.TB, number int) *R {
	t.Helper()
	if gaveUp.Load() && !strings.Contains(t.Name(), "/") {
		// The test that gave up is printed by now.
		fmt.Println(trace.LoopEnds)
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
	return &R{t: t, head: fmt.Sprintf("rule %d: %s\n(%s)\n\n", number, ru.Title, ru.Source)}
}

var load = sync.OnceValues(func() (readme.Doc, error) {
	src, err := os.ReadFile("README.md") // go test runs in the package's folder
	return readme.Parse(string(src)), err
})

// T returns what r reports to. A helper of a test calls r.T().Helper(), so that
// a failure bears the line of the test and not the helper's.
func (r *R) T() rapid.TB { return r.t }

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
	return r.head + strings.TrimRight(fmt.Sprintf(format, args...), "\n")
}

// Do runs f, which calls the learner's code. When f panics, does not come to
// an end or hoards memory, the test fails; call says which call it was and
// with which input ("Parse(msg, 12)", a dump of msg), and is asked only then.
//
// A goroutine cannot be stopped from outside, so after an endless loop the run
// of the whole package ends, once the failure is printed. The limit is a second
// of processor time: a busy machine takes longer to give it.
func (r *R) Do(call func() string, f func()) {
	r.t.Helper()
	if gaveUp.Load() {
		r.t.FailNow()
	}
	if traced {
		fmt.Printf("%s%q\n", trace.Call, call())
	}
	out := watch(f)
	switch {
	case out.ok:
	case out.runaway != "":
		gaveUp.Store(true)
		text := call() + "\n" + out.runaway + "\n" + out.where
		if l, ok := r.t.(*relay); ok {
			l.rec.stuck <- text
			select {} // Property goes on without this goroutine
		}
		r.Fatalf("%s", text)
	default:
		r.Fatalf("%s\n%s\n%s", call(), out.panic, out.where)
	}
}

// traced says that whoever runs the tests wants to see each call.
var traced = os.Getenv(trace.Env) != ""

// gaveUp is set once some call was given up, which is still running.
var gaveUp atomic.Bool

// frames returns the frames of a stack, as debug.Stack prints one, that lie in
// a kata's or a solution's folder: "katas/dns/name/name.go:57, in name.Parse".
func frames(stack string) string {
	var out []string
	lines := strings.Split(stack, "\n")
	for i := 1; i < len(lines); i++ {
		file, ok := strings.CutPrefix(lines[i], "\t")
		if !ok || strings.Contains(file, "_test.go:") {
			continue
		}
		file, _, _ = strings.Cut(file, " +0x")
		file = filepath.ToSlash(file)
		at := strings.LastIndex(file, "/katas/")
		if at < 0 {
			at = strings.LastIndex(file, "/solutions/")
		}
		if at < 0 {
			continue
		}
		fn := lines[i-1]
		if cut := strings.LastIndex(fn, "("); cut > 0 {
			fn = fn[:cut]
		}
		out = append(out, "  at "+file[at+1:]+", in "+fn[strings.LastIndex(fn, "/")+1:])
		if len(out) == 6 { // deep recursion: the top says enough
			break
		}
	}
	return strings.Join(out, "\n")
}

// stackOf returns the stack of the goroutine that runs the named function.
func stackOf(fn string) string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for g := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(g, fn) {
			return g
		}
	}
	return ""
}
