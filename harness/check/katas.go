package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/example/netkata/harness/internal/course"
	"github.com/example/netkata/harness/internal/readme"
	"github.com/example/netkata/harness/todo"
)

const raceTimeout = 15 * time.Minute // of one kata's tests, sixty times over

// stubsFail wants each test to fail on the stub: one that passes proves nothing
// about what a learner writes. And the first message must say what to do.
func stubsFail(ctx context.Context, c *check) (r result) {
	var said []string
	for i, v := range c.judgeEach(ctx, &r, func(k course.Kata) course.Spec { return course.Spec{Package: k.Dir} }) {
		k := c.katas[i]
		if v.First == nil {
			v.First = &course.Failure{}
		}
		if v.State != course.Red || v.Broke != nil {
			r.fault("%s: the verdict on its stub is %s, want red by its tests\n%s", k.ID, v.State, explain(v))
			continue
		}
		for _, t := range v.Tests {
			if k.Hunt() && t.Rule == 1 {
				if t.Outcome != course.Passed {
					r.fault("%s: %s %s on what the learner gets: of a hunt, rule 1 is what works", k.ID, t.Name, t.Outcome)
				}
				continue
			}
			if t.Outcome != course.Failed {
				r.fault("%s: %s %s on the stub, want it to fail: it cannot tell nothing from a solution", k.ID, t.Name, t.Outcome)
			}
		}
		if !k.Hunt() && !strings.Contains(v.First.Text, todo.Err.Error()) {
			r.fault("%s: the first message does not say %q\n%s", k.ID, todo.Err, v.First.Text)
		}
		said = append(said, k.ID+"  "+firstLine(v.First.Text))
		if c.verbose {
			said = append(said, indent(v.First.Text), "")
		}
	}
	r.table = said
	return r
}

func solutionsPass(ctx context.Context, c *check) result {
	return c.pass(ctx, func(k course.Kata) course.Spec {
		return course.Spec{Package: k.Dir, Tags: []string{"solution"}}
	})
}

func solutionsRace(ctx context.Context, c *check) result {
	return c.pass(ctx, func(k course.Kata) course.Spec {
		return course.Spec{Package: k.Dir, Tags: []string{"solution"}, Race: true, Count: c.count, CPU: []int{1, 2, 4},
			Seeds: fmt.Sprintf("1-%d", 3*c.count), Timeout: raceTimeout}
	})
}

func solutionsLoaded(ctx context.Context, c *check) (r result) {
	stop, err := loadProcessors(ctx)
	if err != nil {
		r.fault("%v", err)
		return r
	}
	defer stop()
	return c.pass(ctx, func(k course.Kata) course.Spec {
		return course.Spec{Package: k.Dir, Tags: []string{"solution"}, Count: 3, Timeout: raceTimeout}
	})
}

// pass wants the tests of every kata to pass.
func (c *check) pass(ctx context.Context, spec func(course.Kata) course.Spec) (r result) {
	var notes []string
	for i, v := range c.judgeEach(ctx, &r, spec) {
		k := c.katas[i]
		if v.State != course.Green {
			r.fault("%s: the verdict on the solution is %s\n%s", k.ID, v.State, explain(v))
		}
		for _, n := range c.unproven(k, v) {
			r.fault("%s: no test of rule %d was green: a test or subtest counts for the rule that it names last", k.ID, n)
		}
		notes = append(notes, fmt.Sprintf("%s %.1fs", k.ID, v.Elapsed.Seconds()))
	}
	r.note = strings.Join(notes, ", ")
	return r
}

// unproven returns the rules of the kata's README that a green run has not named:
// who counts them would miss one.
func (c *check) unproven(k course.Kata, v course.Verdict) []int {
	src, err := os.ReadFile(filepath.Join(c.root, filepath.FromSlash(k.Dir), "README.md"))
	if err != nil || v.State != course.Green {
		return nil // the policy finds that, or the verdict says it
	}
	var missing []int
	for _, r := range readme.Parse(string(src)).Rules {
		if !slices.Contains(v.Rules, r.Number) {
			missing = append(missing, r.Number)
		}
	}
	return missing
}

// judgeEach judges the katas asked for, as many at a time as there are
// processors, and returns the verdicts in their order.
func (c *check) judgeEach(ctx context.Context, r *result, spec func(course.Kata) course.Spec) []course.Verdict {
	verdicts := make([]course.Verdict, len(c.katas))
	errs := make([]error, len(c.katas))
	inParallel(len(c.katas), func(i int) {
		s := spec(c.katas[i])
		s.Root = c.root
		verdicts[i], errs[i] = c.judge(ctx, s)
	})
	for i, err := range errs {
		if err != nil {
			r.fault("%s: %v", c.katas[i].ID, err)
		}
	}
	return verdicts
}

// inParallel calls f with 0 to n-1, as many at a time as there are processors.
func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range n {
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			f(i)
		})
	}
	wg.Wait()
}

// explain returns why a verdict is not green.
func explain(v course.Verdict) string {
	if v.First == nil {
		return "It says no more."
	}
	return v.First.Text
}

const maxColumns = 90 // of a message in a table

// firstLine returns what a message says first, below the rule at its head.
func firstLine(text string) string {
	_, body, ok := strings.Cut(text, "\n\n")
	if !ok {
		body = text
	}
	line, _, _ := strings.Cut(strings.TrimSpace(body), "\n")
	if r := []rune(line); len(r) > maxColumns {
		return string(r[:maxColumns]) + "…"
	}
	return line
}
