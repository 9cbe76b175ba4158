package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/example/netkata/harness/internal/course"
	"github.com/example/netkata/harness/internal/readme"
	"github.com/example/netkata/harness/todo"
)

// rules shows how the tests of each rule ended, by the rule's number; without
// all, only of rules that do not hold. Tests that name no rule, as those do that
// did not run, come last.
func (r *runner) rules(k course.Kata, v course.Verdict, all bool) {
	if v.Broke != nil && notRun(v.Broke) {
		return
	}
	var doc readme.Doc
	if src, err := r.readme(k); err == nil { // if not, the tests tell
		doc = readme.Parse(src)
	}
	var table strings.Builder
	for _, n := range v.Rules {
		of := tests(v, n)
		state := worst(of)
		if !all && state == passed {
			continue
		}
		ru, _ := doc.Rule(n)
		fmt.Fprintf(&table, "\n%s  %-7s  %s", state, fmt.Sprintf("rule %d", n), wrap(ruleColumn, ru.Title))
		if names := notPassed(of); len(names) > 0 {
			fmt.Fprintf(&table, "\n%*s%s", ruleColumn, "", wrap(ruleColumn, strings.Join(names, ", ")))
		}
	}
	for _, state := range outcomes {
		var names []string
		for _, t := range tests(v, 0) {
			if outcome(t) == state {
				names = append(names, t.Name)
			}
		}
		if len(names) > 0 && (all || state != passed) {
			fmt.Fprintf(&table, "\n%s  %s", state, wrap(testColumn, strings.Join(names, ", ")))
		}
	}
	if table.Len() > 0 {
		r.say("%s", table.String())
	}
}

// Columns of the table of rules.
const (
	testColumn = len("not written  ")
	ruleColumn = testColumn + len("rule 10  ")
)

// state is how a test ended, in a word, padded to the width of the column.
type state string

const (
	failed  state = "failed"
	unready state = "not written" // it meets only what the learner has yet to write
	began   state = "not ended"
	skipped state = "skipped"
	unrun   state = "not run"
	passed  state = "passed"
)

// outcomes are all states, the worst first.
var outcomes = []state{failed, unready, began, skipped, unrun, passed}

// String pads the word to the width of its column.
func (s state) String() string {
	colour := map[state]func(...any) string{failed: red, passed: green}[s]
	if colour == nil {
		colour = yellow
	}
	return colour(fmt.Sprintf("%-11s", string(s)))
}

func outcome(t course.Result) state {
	switch t.Outcome {
	case course.Passed:
		return passed
	case course.Skipped:
		return skipped
	case course.Began:
		return began
	case course.NotRun:
		return unrun
	}
	if !slices.ContainsFunc(t.Failures, func(f *course.Failure) bool { return !meetsStub(f) }) {
		return unready
	}
	return failed
}

// meetsStub says whether a failure is about what is not written yet.
func meetsStub(f *course.Failure) bool { return strings.Contains(f.Text, todo.Err.Error()) }

// tests returns those of a rule; of 0, those that name none.
func tests(v course.Verdict, rule int) []course.Result {
	var of []course.Result
	for _, t := range v.Tests {
		if t.Rule == rule {
			of = append(of, t)
		}
	}
	return of
}

func worst(of []course.Result) state {
	w := len(outcomes) - 1
	for _, t := range of {
		w = min(w, slices.Index(outcomes, outcome(t)))
	}
	return outcomes[w]
}

func notPassed(of []course.Result) []string {
	var names []string
	for _, t := range of {
		if t.Outcome != course.Passed {
			names = append(names, t.Name)
		}
	}
	return names
}

// further tells, rule by rule, every failure but the first, which was told, and
// but those that say no more than that something is not written yet.
func (r *runner) further(k course.Kata, v course.Verdict) {
	byRule := slices.Clone(v.Tests)
	slices.SortStableFunc(byRule, func(a, b course.Result) int { return a.Rule - b.Rule })
	for _, t := range byRule {
		if outcome(t) == unready {
			continue
		}
		for _, f := range t.Failures {
			if f == v.First || f == v.Broke || meetsStub(f) {
				continue
			}
			r.say("")
			r.quote(f)
			r.printed(f.Printed)
		}
		if n := len(t.Failures); n > 0 && t.Failures[0].More >= n {
			r.say("\nAnd %s in %s:\n  go test ./%s -run '^%s$'", count(t.Failures[0].More-n+1, "more failure"), t.Name, k.Dir, t.Name)
		}
	}
}
