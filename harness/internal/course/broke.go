package course

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/example/netkata/harness/internal/trace"
)

// broke tells what ended the run before its own end, nil if nothing did.
func (e *events) broke(s Spec) *Failure {
	var f *Failure
	switch {
	case len(e.build) > 0 && e.final != "pass":
		return e.buildFailure(s)
	case e.flood:
		f = &Failure{Kind: ByOutput, Text: "The tests printed more than 16 MiB, and were stopped. Take out what prints in\na loop. It began:\n\n" + e.beginning()}
	case e.late.Load():
		if f = e.crash(s); f.Kind != ByTimeout { // else its last words are there
			f = &Failure{Kind: ByTimeout, Text: fmt.Sprintf("The tests did not come to an end within %v, and were killed.", s.Timeout)}
		}
	case !e.started:
		return &Failure{Kind: BySetup, Text: "go test could not begin:\n" + strings.TrimSpace(e.stderr)}
	case e.ended, e.final == "skip": // skip: there are no test files
		return nil
	default:
		f = e.crash(s)
	}
	if f.Test == "" {
		f.Test = e.running()
	}
	if f.Test != "" && f.Printed == "" {
		_, f.Printed = e.messages(top(f.Test))
	}
	return f
}

// running returns the innermost test that began last and did not end.
func (e *events) running() string {
	for _, l := range slices.Backward(e.lines) {
		if p := e.tests[l.test]; p != nil && p.runs > p.passes+p.fails+p.skips {
			return l.test
		}
	}
	for _, l := range slices.Backward(e.lines) { // a panic counts as its test's end
		if p := e.tests[l.test]; p != nil && p.fails > 0 {
			return l.test
		}
	}
	return ""
}

// beginning returns the first lines that the running test printed.
func (e *events) beginning() string {
	_, printed := e.messages(top(e.running()))
	if printed == "" {
		printed = e.printed()
	}
	lines := strings.SplitAfterN(printed[:min(len(printed), 2000)], "\n", 11)
	return strings.TrimRight(strings.Join(lines[:min(len(lines), 10)], ""), "\n")
}

// crash explains a process that did not come to the end of its tests.
func (e *events) crash(s Spec) *Failure {
	var text []string
	for _, l := range e.lines {
		text = append(text, strings.TrimRight(l.text, "\r\n"))
	}
	for i, l := range text {
		if e.dying == 0 && (strings.HasPrefix(l, "runtime: goroutine stack exceeds ") || strings.HasPrefix(l, "runtime: out of memory")) {
			e.dying = i // it says so before it says "fatal error"
		}
		switch {
		case strings.HasPrefix(l, trace.LoopEnds):
			return &Failure{Kind: ByLoop, Test: e.lastFailed(), Text: "The tests after it did not run: what still runs cannot be stopped from outside."}
		case strings.HasPrefix(l, "ThreadSanitizer: CHECK failed: "):
			return &Failure{Kind: ByWatcher, Text: watcherCrashed}
		case strings.HasPrefix(l, "signal: "):
			return signalled(strings.TrimPrefix(l, "signal: "))
		case strings.HasPrefix(l, "panic: "), strings.HasPrefix(l, "fatal error: "):
			if stacks := parseStacks(text[i:], s.Root); len(stacks) > 0 {
				if e.dying == 0 {
					e.dying = i
				}
				return died(text[i:], stacks, s)
			}
		}
	}
	f := &Failure{Kind: ByExit, Text: "The process ended itself (os.Exit, log.Fatal), and the tests with it."}
	if e.final == "pass" {
		f.Kind = ByNotRun // with exit code 0: nothing failed, nothing is proven
	}
	calls := exits(s)
	if len(calls) > 0 {
		f.File, f.Line = calls[0].file, calls[0].line
		f.Text += "\n" + at(calls)
	}
	return f
}

// watcherCrashed is about Go 1.26 (runtime/time.go, unlockAndRun).
const watcherCrashed = "The race detector itself has crashed, which says nothing about your code: run\n" +
	"the kata again. In these tests it does not bear two goroutines that wait for\n" +
	"nothing at one moment, as in <-time.After(0), or a timer that is due at once."

// lastFailed returns the last test that said why it failed: those after an
// endless loop end without a word.
func (e *events) lastFailed() string {
	for _, l := range slices.Backward(e.lines) {
		if p := e.tests[l.test]; p != nil && p.fails > 0 && messageStart.MatchString(strings.TrimRight(l.text, "\r\n")) {
			return l.test
		}
	}
	return ""
}

func signalled(name string) *Failure {
	if name == "killed" {
		return &Failure{Kind: ByMemory, Text: "The tests were killed from outside. Most often that is the\nsystem, when memory runs out."}
	}
	return &Failure{Kind: ByFatal, Text: "The process was ended by a signal: " + name + "."}
}

// died explains a panic or a fatal error of the runtime by its text and stacks.
func died(text []string, stacks []stack, s Spec) *Failure {
	what := strings.TrimSuffix(text[0], " [recovered, repanicked]")
	st := pick(stacks)
	f := &Failure{Kind: ByPanic}
	var head string
	switch {
	case strings.HasPrefix(what, "panic: test timed out after"):
		f.Kind, head = ByTimeout, fmt.Sprintf("The tests did not come to an end within %v.", s.Timeout)
	case strings.HasPrefix(what, "panic: unexpected call to os.Exit"):
		f.Kind, head = ByExit, "The code called os.Exit, which ends the tests too."
	case strings.HasPrefix(what, "panic: "):
		head = "The code panicked: " + strings.TrimPrefix(what, "panic: ")
	case strings.Contains(what, "out of memory"):
		f.Kind, head = ByMemory, "The code used up the memory."
	case strings.Contains(what, "stack overflow"):
		f.Kind, head = ByFatal, "The code calls itself without end (stack overflow)."
	case strings.Contains(what, "all goroutines are asleep"):
		f.Kind, head = ByFatal, "Every goroutine waits for another (deadlock)."
	default:
		f.Kind, head = ByFatal, "The Go runtime stopped the program: "+strings.TrimPrefix(what, "fatal error: ")
	}
	f.Text = head
	if own := st.own(); len(own) > 0 {
		f.File, f.Line = own[0].file, own[0].line
		f.Text += "\n" + at(own)
		switch busy := strings.HasPrefix(st.state, "running") || strings.HasPrefix(st.state, "runnable"); {
		case f.Kind != ByTimeout:
		case busy:
			f.Text += "\n  which is at work, and does not wait"
		default:
			f.Text += "\n  which waits: " + st.state
		}
	}
	if !st.inTest && learners(st.created.file) && f.Kind != ByTimeout {
		f.Text += fmt.Sprintf("\n  in a goroutine started at %s:%d, by %s", st.created.file, st.created.line, st.created.fn)
	}
	return f
}

// call is one frame of a stack that lies in the repository.
type call struct {
	file string // below the root, with slashes
	line int
	fn   string // "name.Parse"
}

func at(calls []call) string {
	var out []string
	calls = slices.Compact(calls) // a recursion says enough once
	for _, c := range calls[:min(len(calls), 6)] {
		l := fmt.Sprintf("  at %s:%d", c.file, c.line)
		if c.fn != "" {
			l += ", in " + c.fn
		}
		out = append(out, l)
	}
	return strings.Join(out, "\n")
}

// stack is one goroutine of a traceback.
type stack struct {
	state   string // "running", "chan receive, 1 minutes"
	calls   []call // in the repository, innermost first
	inTest  bool   // the goroutine of a test, or of a call that a test watches
	created call   // who started it
}

// learners says whether a file is the learner's or the reference's, not a test
// and not the harness.
func learners(file string) bool {
	return (strings.HasPrefix(file, "katas/") || strings.HasPrefix(file, "solutions/")) && !strings.HasSuffix(file, "_test.go")
}

// own returns the calls in the learner's code, or else in tests.
func (st stack) own() []call {
	var code, tests []call
	for _, c := range st.calls {
		switch {
		case learners(c.file):
			code = append(code, c)
		case strings.HasSuffix(c.file, "_test.go"):
			tests = append(tests, c)
		}
	}
	if code == nil {
		return tests
	}
	return code
}

// pick returns the stack that tells most: one with the learner's code, of a
// test if there is one; else the first.
func pick(stacks []stack) stack {
	best, most := stacks[0], 0
	for _, st := range stacks {
		own := st.own()
		score := 0
		if len(own) > 0 {
			score++
			if learners(own[0].file) {
				score += 2
			}
			if st.inTest {
				score++
			}
		}
		if score > most {
			best, most = st, score
		}
	}
	return best
}

var (
	goroutineLine = regexp.MustCompile(`^goroutine \d+ .*\[(.*)\]:$`)
	placeLine     = regexp.MustCompile(`^\t(.+\.go):(\d+)( \+0x.*)?$`)
)

// parseStacks reads the goroutines of a traceback.
func parseStacks(text []string, root string) []stack {
	var stacks []stack
	for i, l := range text {
		if m := goroutineLine.FindStringSubmatch(l); m != nil {
			stacks = append(stacks, stack{state: m[1]})
			continue
		}
		m := placeLine.FindStringSubmatch(l)
		if m == nil || len(stacks) == 0 {
			continue
		}
		st := &stacks[len(stacks)-1]
		fn := text[i-1]
		creator, isCreator := strings.CutPrefix(fn, "created by ")
		if strings.HasPrefix(fn, "testing.tRunner(") || strings.Contains(fn, "/rule.watched(") {
			st.inTest = true
		}
		c := call{file: below(root, m[1]), fn: shortName(fn)}
		c.line, _ = strconv.Atoi(m[2])
		switch {
		case c.file == "":
		case isCreator:
			creator, _, _ = strings.Cut(creator, " in goroutine")
			c.fn = shortName(creator)
			st.created = c
		default:
			st.calls = append(st.calls, c)
		}
	}
	return stacks
}

// shortName turns "example.com/kata/name.Parse(0xc0, …)" into "name.Parse".
func shortName(fn string) string {
	if cut := strings.LastIndex(fn, "("); cut > 0 && strings.HasSuffix(fn, ")") {
		fn = fn[:cut]
	}
	return fn[strings.LastIndex(fn, "/")+1:]
}

// below returns file as a path below root, with slashes; "" when it is not.
func below(root, file string) string {
	rel, err := filepath.Rel(root, filepath.FromSlash(file))
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return filepath.ToSlash(rel)
}

var buildLine = regexp.MustCompile(`^(?:vet: )?(\S+\.go):(\d+):(?:(\d+):)? (.*)$`)

// buildFailure explains what go said before any test ran.
func (e *events) buildFailure(s Spec) *Failure {
	f := &Failure{Kind: ByCompile}
	for _, l := range e.build {
		if strings.HasPrefix(l, "# [") {
			f.Kind = ByVet
		}
	}
	if slices.ContainsFunc(e.lines, func(l line) bool { return strings.Contains(l.text, "[setup failed]") }) {
		f.Kind = BySetup
	}
	if slices.ContainsFunc(e.build, func(l string) bool { return strings.Contains(l, "no space left on device") }) {
		return &Failure{Kind: BySetup, Text: "The disk is full, so the tests could not be built."}
	}
	f.File, f.Line, f.Text, f.More = told(s, e.build)
	if !f.red() && f.Kind != BySetup {
		f.Text += "\n\nThat is not your code, but what tests it: git status tells whether it\nwas changed."
	}
	return f
}

// errorsTold is how many errors of a build are told before the rest is counted.
const errorsTold = 3

// told puts what the compiler or vet said in words, each error with its line of
// source; file and line are those of the first error, and more counts what is
// not told.
func told(s Spec, build []string) (file string, line int, text string, more int) {
	var all []string // the errors
	var src string   // the line of the last one
	end := func() {
		if len(all) > 0 {
			all[len(all)-1] += src
		}
		src = ""
	}
	seen := map[string]bool{}
	for _, l := range build {
		m := buildLine.FindStringSubmatch(l)
		again := seen[l]
		seen[l] = true
		switch {
		case strings.HasPrefix(l, "# ") || again || m != nil && m[4] == "too many errors":
		case m == nil && strings.TrimSpace(l) == "" || more > 0 && m == nil:
		case m == nil && len(all) == 0:
			all = append(all, l)
		case m == nil:
			all[len(all)-1] += "\n" + l // more about the same error
		case len(all) == errorsTold:
			more++
		default:
			end()
			at := filepath.ToSlash(strings.TrimPrefix(m[1], "./"))
			n, _ := strconv.Atoi(m[2])
			col, _ := strconv.Atoi(m[3])
			if file == "" {
				file, line = at, n
			}
			all = append(all, fmt.Sprintf("%s:%d: %s", at, n, m[4]))
			src = source(s, at, n, col)
		}
	}
	end()
	return file, line, strings.Join(all, "\n\n"), more
}

// source returns the line that an error is about, indented below an empty one,
// and a caret below its column (a byte, from 1), or nothing when it cannot be
// read.
func source(s Spec, file string, line, col int) string {
	src, err := os.ReadFile(filepath.Join(s.Root, filepath.FromSlash(file)))
	lines := strings.Split(string(src), "\n")
	if err != nil || line < 1 || line > len(lines) {
		return ""
	}
	l := strings.TrimRight(lines[line-1], "\r")
	out := "\n\n    " + l
	if col > 0 && col <= len(l)+1 {
		pad := strings.Map(func(r rune) rune {
			if r == '\t' {
				return r
			}
			return ' '
		}, l[:col-1])
		out += "\n    " + pad + "^"
	}
	return out
}
