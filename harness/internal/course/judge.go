package course

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/example/netkata/harness/internal/trace"
	"github.com/example/netkata/harness/todo"
)

const (
	defaultTimeout = time.Minute
	killDelay      = 10 * time.Second // beyond the timeout, until it is killed
	maxOutput      = 16 << 20         // bytes of go test -json's output that are read
)

// Spec says what to test and how.
type Spec struct {
	Root    string        // the repository's folder
	Package string        // folder below it, with slashes: "katas/dns/name"
	Tags    []string      // build tags, such as "solution"
	Overlay string        // a file for go test -overlay, "" for none
	Race    bool          // with the race detector
	Count   int           // runs of each test; 0 is one, or what go test has cached
	CPU     []int         // for go test -cpu: values of GOMAXPROCS, each with Count runs
	Hasty   bool          // only until a test fails
	Timeout time.Duration // of all the tests together, not of the build; 0 is a minute
	Seeds   string        // of the data that tests draw, see draw.Env; "" for its default

	// First, unless nil, is told the first failure of a rule as soon as its test
	// has failed, before the other tests end. It may not block.
	First func(*Failure)

	only  string // the one test or subtest to run
	trace bool   // have rule.Do print each call before it
}

// State is what a verdict comes to.
type State int

const (
	CannotSay State = iota // nothing failed, but not everything is proven
	Red                    // something failed
	Green                  // every test that the package declares ran and passed
)

func (s State) String() string { return [...]string{"cannot say", "red", "green"}[s] }

// Verdict is what a run of one package's tests has shown.
type Verdict struct {
	State   State
	Tests   []Result      // of each test declared, in the order of go test
	First   *Failure      // why it is not Green; nil when it is
	Broke   *Failure      // what ended the run before its end, nil if nothing did
	Folder  Folder        // how the files of the kata stand; see Index.Run
	Notes   []string      // what else to know, a sentence each
	Printed string        // what tests and learner's code printed outside of any test
	Race    bool          // whether the race detector was on
	Rules   []int         // that the tests named, ascending
	Seed    uint64        // of the data that the tests drew, 0 when they draw none
	Cached  bool          // whether go test replayed an earlier run of the same code
	Elapsed time.Duration // of the whole run, build and all
}

// Count returns how many of the tests are in that state.
func (v Verdict) Count(o Outcome) int {
	n := 0
	for _, t := range v.Tests {
		if t.Outcome == o {
			n++
		}
	}
	return n
}

// Outcome is how one test ended.
type Outcome int

const (
	NotRun  Outcome = iota
	Passed          // it, its subtests and its seeds
	Failed          //
	Skipped         // it or one of its subtests: nothing is proven
	Began           // and did not come to its end
)

func (o Outcome) String() string {
	return [...]string{"not run", "passed", "failed", "skipped", "began"}[o]
}

// Result is how one test, fuzz target or example ended.
type Result struct {
	Name    string // "TestPointer"
	Rule    int    // of the kata's README, 0 when it names none
	Outcome Outcome
	Elapsed time.Duration
	Failure *Failure // nil unless Failed, Skipped or Began

	// Failures are Failure and those that its More counts, ten at most.
	Failures []*Failure
}

// Kind is the sort of a Failure.
type Kind string

const (
	ByTest    Kind = "test"     // a test says so
	ByCompile Kind = "compile"  // the code does not compile
	ByVet     Kind = "vet"      // go vet, which go test runs first, refuses it
	ByPanic   Kind = "panic"    // a panic outside of rule.Do
	ByFatal   Kind = "fatal"    // the runtime gave up: deadlock, concurrent map writes
	ByMemory  Kind = "memory"   // out of memory, or killed
	ByExit    Kind = "exit"     // the process ended itself
	ByTimeout Kind = "timeout"  // no end within Spec.Timeout
	ByOutput  Kind = "output"   // printed without end
	ByLoop    Kind = "loop"     // rule.Do gave up a call, which ended the run
	ByRace    Kind = "race"     // the race detector's report
	ByWatcher Kind = "watcher"  // the race detector itself has crashed
	BySkip    Kind = "skip"     // a test was skipped
	ByNotRun  Kind = "not run"  // a test is declared and did not run
	BySetup   Kind = "setup"    // go could not begin: a missing module or tool
	ByTamper  Kind = "tampered" // a file that the kata ships is changed
)

// Failure explains what went wrong.
type Failure struct {
	Kind    Kind
	Test    string // which was running, with subtest ("TestShort/empty"); "" for none
	Rule    int    // 0 when unknown
	File    string // "name_test.go", or below the root, "katas/dns/name/name.go"; "" when unknown
	Line    int    // in File, 0 when unknown
	Text    string // what happened, for a reader: a few lines, the test's own words first
	More    int    // further failures of the same test, or further compile errors
	Printed string // what the test's code printed meanwhile
}

// Test runs the tests of one package and judges them by the events of go test
// -json, never by its exit code. Faults of the code are part of the verdict;
// the error is for a Spec that makes no sense, and for a context that ended.
func Test(ctx context.Context, s Spec) (Verdict, error) {
	if s.Timeout == 0 {
		s.Timeout = defaultTimeout
	}
	began := time.Now()
	list := make(chan listing, 1)
	go func() { list <- declared(s) }() // while go starts: it costs no time then
	run, err := runGo(ctx, s)
	l := <-list
	if missing(l.err) {
		return Verdict{}, l.err
	}
	if err != nil {
		return Verdict{}, err
	}
	v := judge(s, run, l.tests)
	if v.Broke != nil && v.Broke.traceable() && !run.late.Load() {
		v.Broke.addInput(lastCall(ctx, s, v.Broke.Test))
	}
	v.Race, v.Cached, v.Elapsed = s.Race, run.cached, time.Since(began)
	if v.State == Green && l.err != nil {
		v.State = CannotSay
		v.First = &Failure{Kind: ByNotRun, Text: "Cannot tell which tests there are: " + l.err.Error()}
	}
	return v, nil
}

// args returns go's arguments: only such flags as leave the result cacheable,
// unless the Spec asks for others.
func (s Spec) args() []string {
	args := []string{"test", "-json", "-timeout=" + s.Timeout.String(), "-tags=" + strings.Join(s.Tags, ",")}
	if s.Overlay != "" {
		args = append(args, "-overlay="+s.Overlay)
	}
	if s.Race {
		args = append(args, "-race")
	}
	if s.Hasty {
		args = append(args, "-failfast")
	}
	if s.Count > 0 {
		args = append(args, fmt.Sprintf("-count=%d", s.Count))
	}
	if len(s.CPU) > 0 {
		args = append(args, "-cpu="+strings.Trim(strings.ReplaceAll(fmt.Sprint(s.CPU), " ", ","), "[]"))
	}
	if s.only != "" {
		args = append(args, "-run="+pattern(s.only))
	}
	return append(args, "./"+s.Package)
}

// runs returns how often go test runs a test: examples always once.
func (s Spec) runs(name string) int {
	if strings.HasPrefix(name, "Example") {
		return 1
	}
	return max(1, s.Count) * max(1, len(s.CPU))
}

// environ is ours, less what would change which tests run or hide a stack.
// An empty GOFLAGS would bring back the one of "go env -w", so it is not empty.
func (s Spec) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"GOFLAGS", "GOWORK", "GOTRACEBACK", trace.Env}, name)
	})
	env = append(env, "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if s.Seeds != "" {
		env = append(env, trace.SeedEnv+"="+s.Seeds)
	}
	if s.trace {
		env = append(env, trace.Env+"=1")
	}
	return env
}

// runGo runs go test and collects its events.
func runGo(ctx context.Context, s Spec) (*events, error) {
	run := newEvents(s.Root)
	run.first = s.First
	cmd := exec.Command("go", s.args()...)
	cmd.Dir = s.Root
	cmd.Env = s.environ()
	cmd.WaitDelay = killDelay
	var stderr capped
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	group(cmd)
	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			run.stderr = "There is no go command in the PATH."
			return run, nil
		}
		return nil, err
	}
	end := func() {
		kill(cmd)
		time.AfterFunc(killDelay, func() { stdout.Close() }) // if a process got away that holds it
	}
	stop := context.AfterFunc(ctx, end)
	defer stop()
	run.limit = time.AfterFunc(1<<62, func() { run.late.Store(true); end() })
	run.grace = s.Timeout + killDelay
	defer run.limit.Stop()

	run.read(stdout)
	if run.final != "pass" {
		kill(cmd) // whatever is left of it
	}
	_ = cmd.Wait() // what it returns proves nothing
	run.stderr = stderr.String()
	return run, ctx.Err()
}

// capped keeps the first 64 KiB that are written to it.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := 64<<10 - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// telling says how much a learner gets from a failure: least from a skipped
// test, little from one that met what is not written yet, once something is.
func telling(f *Failure, begun bool) int {
	switch {
	case f.Kind == BySkip:
		return 0
	case begun && strings.Contains(f.Text, todo.Err.Error()):
		return 1
	default:
		return 2
	}
}

// judge makes the verdict of a run, where names are the tests to prove.
func judge(s Spec, run *events, names []string) Verdict {
	var v Verdict
	v.Broke = run.broke(s)
	v.Printed = run.printed()
	v.Rules = run.rules()
	for _, name := range names {
		v.Tests = append(v.Tests, run.result(name, s.runs(name), v.Broke))
	}
	begun := v.Count(Passed) > 0
	for i := range v.Tests {
		f := v.Tests[i].Failure
		if f != nil && (v.First == nil || telling(f, begun) > telling(v.First, begun)) {
			v.First = f
		}
	}
	if b := v.Broke; b != nil && (v.First == nil || v.First.Kind == BySkip) {
		v.First = b
	}
	switch {
	case v.Count(Failed) > 0 || v.Broke != nil && v.Broke.red():
		v.State = Red
	case v.Broke != nil || len(names) == 0 || v.Count(Passed) < len(names) || run.final != "pass":
		v.State = CannotSay
	default:
		v.State = Green
	}
	if v.State != Green && v.First == nil {
		v.First = run.unproven(names, v)
	}
	return v
}

// red says whether a failure shows that the code is wrong.
func (f *Failure) red() bool {
	switch f.Kind {
	case BySkip, ByNotRun, ByTamper, ByWatcher:
		return false
	case ByMemory, BySetup:
		return f.File != "" // else the machine's fault as likely as the code's
	case ByCompile, ByVet:
		return !strings.HasPrefix(f.File, "harness/") // which no learner writes
	}
	return true
}
