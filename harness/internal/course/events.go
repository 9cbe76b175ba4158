package course

import (
	"bufio"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// event is one line of go test -json (go doc test2json, and for builds go help
// buildjson).
type event struct {
	Action      string
	Package     string
	Test        string
	Elapsed     float64 // seconds
	Output      string
	Key, Value  string // of an attribute
	FailedBuild string
}

// events is what a run has told.
type events struct {
	root    string               // the repository's folder
	tests   map[string]*progress // by full name: "TestShort/empty"
	lines   []line               // what was printed, in order
	dying   int                  // how many of them came before the process' last words
	build   []string             // what the compiler, vet and go list said
	stderr  string
	started bool   // the tests began: everything was built
	ended   bool   // testing said PASS or FAIL: it came to its own end
	final   string // how the package ended: "pass", "fail", or "" when it was cut off
	broken  string // what could not be built
	cached  bool
	size    int  // bytes read
	flood   bool // more than maxOutput
	late    atomic.Bool

	first func(*Failure) // Spec.First, until it was told

	limit *time.Timer   // kills the run
	grace time.Duration // what limit is set to when the tests begin
}

type progress struct {
	runs, passes, fails, skips int
	rule                       int
	elapsed                    float64
}

type line struct{ test, text string }

func newEvents(root string) *events { return &events{root: root, tests: map[string]*progress{}} }

// read takes in go test's output to its end, or to the limit of maxOutput.
func (e *events) read(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		src, err := in.ReadBytes('\n')
		if len(src) > 0 {
			var ev event
			if json.Unmarshal(src, &ev) == nil && ev.Action != "" {
				e.take(ev)
			} else {
				e.print("", string(src)) // go's own words, outside of the protocol
			}
		}
		if e.size += len(src); e.size > maxOutput {
			e.flood = true
			return
		}
		if err != nil {
			return
		}
	}
}

func (e *events) take(ev event) {
	switch ev.Action {
	case "build-output":
		e.build = append(e.build, strings.TrimSuffix(ev.Output, "\n"))
		return
	case "start":
		e.started = true
		e.limit.Reset(e.grace)
		return
	case "output":
		e.print(ev.Test, ev.Output)
		return
	}
	if ev.Test == "" {
		if ev.Action == "pass" || ev.Action == "fail" || ev.Action == "skip" {
			e.final, e.broken = ev.Action, ev.FailedBuild
		}
		return
	}
	p := e.tests[ev.Test]
	if p == nil {
		p = new(progress)
		e.tests[ev.Test] = p
	}
	switch ev.Action {
	case "run":
		p.runs++
	case "attr":
		if ev.Key == "rule" {
			p.rule, _ = strconv.Atoi(ev.Value)
		}
	case "pass":
		p.passes++
		p.elapsed += ev.Elapsed
	case "fail":
		p.fails++
		p.elapsed += ev.Elapsed
		if e.first != nil && top(ev.Test) == ev.Test {
			e.tellFirst(ev.Test)
		}
	case "skip":
		p.skips++
	}
}

// tellFirst tells why that test failed, if it is what a verdict would begin with.
// What is not written yet may be that or not: later tests decide.
func (e *events) tellFirst(name string) {
	f := e.failure(name)
	if f.Rule > 0 && telling(f, true) == telling(f, false) {
		e.first(f)
	}
	e.first = nil
}

func (e *events) print(test, text string) {
	if text == "PASS\n" || text == "FAIL\n" {
		e.ended = true
		return
	}
	if test == "" && strings.HasPrefix(text, "ok  \t") && strings.Contains(text, "\t(cached)") {
		e.cached = true
	}
	e.lines = append(e.lines, line{test, text})
}

// ran returns the full names of top and its subtests, as far as they ran.
func (e *events) ran(top string) []string {
	var names []string
	for name := range e.tests {
		if name == top || strings.HasPrefix(name, top+"/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// rules returns the numbers of the rules that the tests named.
func (e *events) rules() []int {
	var rules []int
	for _, p := range e.tests {
		if p.rule > 0 {
			rules = append(rules, p.rule)
		}
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// result tells how a test ended that had to run count times; broke is what
// ended the run early, if anything did.
func (e *events) result(name string, count int, broke *Failure) (r Result) {
	r.Name = name
	var sum progress
	open := false
	defer func() {
		if r.Failure != nil {
			r.Failures = e.each(r.Failure, name)
		}
	}()
	for _, full := range e.ran(name) {
		p := e.tests[full]
		sum.fails += p.fails
		sum.skips += p.skips
		open = open || p.runs > p.passes+p.fails+p.skips
		if r.Rule == 0 {
			r.Rule = p.rule
		}
	}
	p := e.tests[name]
	if p == nil {
		return r
	}
	r.Elapsed = time.Duration(p.elapsed * float64(time.Second))
	switch {
	case broke != nil && broke.Kind == ByLoop && top(broke.Test) != name && (open || sum.fails > 0) && !e.said(name):
		return r // it was ended before its first line
	case broke != nil && broke.Kind != ByLoop && top(broke.Test) == name:
		r.Outcome, r.Failure = Failed, e.failure(name)
		if broke.Rule == 0 {
			broke.Rule = r.Rule
		}
		if r.Failure.File == "" || r.Failure.Rule == 0 { // else it failed by a rule before
			r.Failure = broke
			if !broke.red() {
				r.Outcome = Began
			}
		}
	case sum.fails > 0:
		r.Outcome, r.Failure = Failed, e.failure(name)
		if r.Failure.Rule == 0 {
			r.Failure.Rule = r.Rule
		}
	case sum.skips > 0:
		r.Outcome, r.Failure = Skipped, e.skipped(name)
		r.Failure.Rule = r.Rule
	case open:
		r.Outcome = Began
	case p.passes >= count:
		r.Outcome = Passed
	}
	return r
}

func top(test string) string {
	name, _, _ := strings.Cut(test, "/")
	return name
}

// message is what a test said by t.Error, t.Log and the like.
type message struct {
	test, file string
	line       int
	text       string // without place and indentation
}

var (
	messageStart = regexp.MustCompile(`^(.*?)    (\S+\.go):(\d+): (.*)$`)
	frameLine    = regexp.MustCompile(`^\s*(=== (RUN|PAUSE|CONT|NAME|ATTR)|--- (PASS|FAIL|SKIP):) `)
	ruleStart    = regexp.MustCompile(`^rule (\d+): `)
)

const indent = "        " // of a message's second and later lines

// said says whether a test or one of its subtests gave any message.
func (e *events) said(name string) bool {
	said, _ := e.messages(name)
	return len(said) > 0
}

// messages tells what a test and its subtests said apart from what their code
// printed.
func (e *events) messages(name string) (said []message, printed string) {
	var out strings.Builder
	inside := false // a message
	for i, l := range e.lines {
		if l.test != name && !strings.HasPrefix(l.test, name+"/") || e.dying > 0 && i >= e.dying {
			continue
		}
		text := strings.TrimRight(l.text, "\r\n")
		if frameLine.MatchString(text) {
			inside = false
			continue
		}
		if rest, ok := strings.CutPrefix(text, indent); ok && inside {
			said[len(said)-1].text += "\n" + rest
			continue
		}
		m := messageStart.FindStringSubmatch(text)
		if inside = m != nil; !inside {
			out.WriteString(l.text)
			continue
		}
		if m[1] != "" {
			out.WriteString(m[1] + "\n")
		}
		at, _ := strconv.Atoi(m[3])
		said = append(said, message{l.test, m[2], at, m[4]})
	}
	return said, out.String()
}

// failure explains why a test failed: by the first message that names a rule,
// and besides by what the race detector said, else by everything that it said.
func (e *events) failure(name string) *Failure {
	said, printed := e.messages(name)
	race := e.race(name, e.root)
	f := &Failure{Kind: ByTest, Test: e.deepest(name), Printed: printed}
	first := slices.IndexFunc(said, func(m message) bool { return ruleStart.MatchString(m.text) })
	if first >= 0 {
		m := said[first]
		f.Test, f.File, f.Line = m.test, m.file, m.line
		f.Rule, _ = strconv.Atoi(ruleStart.FindStringSubmatch(m.text)[1])
		f.Text = m.place()
		_, f.Printed = e.messages(m.test)
		for _, m := range said[first+1:] {
			if ruleStart.MatchString(m.text) {
				f.More++
			}
		}
		if race != nil {
			f.Text += "\n\nAnd whatever else is wrong:\n" + race.Text
		}
		return f
	}
	if race != nil {
		return race
	}
	var texts []string
	for _, m := range said {
		texts = append(texts, m.place())
	}
	switch {
	case len(said) > 0:
		f.Test, f.File, f.Line = said[0].test, said[0].file, said[0].line
		f.Text = strings.Join(texts, "\n")
	case printed != "":
		f.Text, f.Printed = strings.TrimRight(printed, "\n"), "" // an example: got and want
	default:
		f.Text = "It failed without saying why."
	}
	return f
}

// failuresKept is how many failures of one test a verdict has.
const failuresKept = 10

// each returns the failures of a test, of which first is the first.
func (e *events) each(first *Failure, name string) []*Failure {
	all := []*Failure{first}
	if first.More == 0 {
		return all
	}
	said, _ := e.messages(name)
	rest := slices.DeleteFunc(said, func(m message) bool { return !ruleStart.MatchString(m.text) })
	for _, m := range rest[1:min(len(rest), failuresKept)] {
		f := &Failure{Kind: ByTest, Test: m.test, File: m.file, Line: m.line, Text: m.place()}
		f.Rule, _ = strconv.Atoi(ruleStart.FindStringSubmatch(m.text)[1])
		if m.test != all[len(all)-1].Test {
			_, f.Printed = e.messages(m.test)
		}
		all = append(all, f)
	}
	return all
}

func (m message) place() string { return m.file + ":" + strconv.Itoa(m.line) + ": " + m.text }

// deepest returns the first subtest that failed and has none below it that did.
func (e *events) deepest(name string) string {
	found := name
	for _, full := range e.ran(name) {
		if e.tests[full].fails > 0 && strings.HasPrefix(full, found) {
			found = full
		}
	}
	return found
}

func (e *events) skipped(name string) *Failure {
	said, _ := e.messages(name)
	f := &Failure{Kind: BySkip, Test: name, Text: name + " was skipped, so it proves nothing."}
	for _, full := range e.ran(name) {
		if e.tests[full].skips == 0 {
			continue
		}
		f.Test, f.Text = full, full+" was skipped, so it proves nothing."
		for _, m := range said {
			if m.test == full {
				f.File, f.Line = m.file, m.line
				f.Text += "\n" + m.place()
			}
		}
	}
	return f
}

// printed returns what was printed outside of any test.
func (e *events) printed() string {
	var out strings.Builder
	for i, l := range e.lines {
		if e.dying > 0 && i >= e.dying {
			break
		}
		if l.test == "" && !packageLine.MatchString(l.text) {
			out.WriteString(l.text)
		}
	}
	return out.String()
}

var packageLine = regexp.MustCompile(`^(ok  |FAIL|---|\?   )\s`)

// unproven says why a run without any failure is no proof.
func (e *events) unproven(names []string, v Verdict) *Failure {
	f := &Failure{Kind: ByNotRun}
	for _, t := range v.Tests {
		if t.Outcome != Passed {
			f.Test, f.Rule = t.Name, t.Rule
			f.Text = t.Name + " is in the kata's files, but it " + map[Outcome]string{
				NotRun: "did not run.", Began: "did not come to its end."}[t.Outcome] +
				"\nWhat could keep it from that: a TestMain, or a change of the test flags,\nin this folder."
			return f
		}
	}
	if len(names) == 0 {
		f.Text = "There is no test in this folder."
		return f
	}
	f.Text = "Every test passed, and yet go test did not say that the package did."
	return f
}
