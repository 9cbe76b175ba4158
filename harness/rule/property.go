package rule

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pgregory.net/rapid"
)

func init() {
	// Defaults, which the command line still overrides: a fail file would land in
	// the learner's folder, where the seed is enough; nobody waits for a smaller
	// input than a second finds.
	for name, value := range map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "1s"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// Property checks prop on a hundred drawn inputs (rapid's flags apply) and
// reports the smallest input that fails it, through the R that prop is given.
func (r *R) Property(prop func(t *rapid.T, r *R)) {
	r.t.Helper()
	rec := &recorder{TB: r.t, stuck: make(chan string)}
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		rapid.Check(rec, func(t *rapid.T) {
			rec.last = ""
			prop(t, &R{t: &relay{t, rec}, note: new(string)})
		})
	}()
	select {
	case text := <-rec.stuck:
		r.Fatalf("%s", text)
	case v := <-done:
		if v != nil && v != any(rec) {
			panic(v)
		}
	}
	if !rec.failed {
		return
	}
	text := rec.last
	switch {
	case text == "" && strings.Contains(rec.text, "flaky test"):
		text = rec.least + "\n\nThe same input does not fail every time."
	case text == "":
		text = rec.text // rapid's own words: a panic outside Do, or no valid input
	}
	if seed := seedOf(rec.text); seed != "" {
		text = strings.TrimRight(text, "\n") + "\n\nThe smallest input found. To try it again:\n" +
			"go test " + folder() + " -run '^" + r.t.Name() + "$' -rapid.seed=" + seed
	}
	r.Errorf("%s", text)
}

// folder returns the folder of the test's package, as go test wants it said in
// that of the module: "./katas/tcp/echo".
func folder() string {
	wd, err := os.Getwd() // go test runs in the package's folder
	if err != nil {
		return "."
	}
	for root := wd; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			rel, err := filepath.Rel(root, wd)
			if err != nil || rel == "." {
				return "."
			}
			return "./" + filepath.ToSlash(rel)
		}
		if root == filepath.Dir(root) {
			return "."
		}
	}
}

// relay is the rapid.T of one input, which keeps what it is told in rec.
type relay struct {
	*rapid.T
	rec *recorder
}

func (l *relay) Errorf(format string, args ...any) { l.Fatalf(format, args...) }

func (l *relay) Fatalf(format string, args ...any) {
	l.rec.last = fmt.Sprintf(format, args...)
	l.rec.least = l.rec.last
	l.T.FailNow() // without the text: rapid takes one that changes for another failure
}

// recorder stands between rapid and the test, so that the test prints one
// message in our form instead of rapid's several.
type recorder struct {
	rapid.TB
	failed bool
	last   string      // what prop reported for the last input tried
	least  string      // the same for the last that failed, which is the smallest
	text   string      // what rapid said at the end
	stuck  chan string // a call that was given up, in Do's words
}

func (c *recorder) Logf(string, ...any) {}
func (c *recorder) Log(...any)          {}
func (c *recorder) Failed() bool        { return c.failed }

func (c *recorder) Errorf(format string, args ...any) {
	c.failed = true
	c.text += fmt.Sprintf(format, args...) + "\n"
}

func (c *recorder) Error(args ...any) { c.Errorf("%s", fmt.Sprint(args...)) }

func (c *recorder) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	c.FailNow()
}

func (c *recorder) Fatal(args ...any) { c.Fatalf("%s", fmt.Sprint(args...)) }
func (c *recorder) Fail()             { c.failed = true }
func (c *recorder) FailNow()          { c.failed = true; panic(c) } // caught in Property

func seedOf(text string) string {
	_, after, ok := strings.Cut(text, "-rapid.seed=")
	if !ok {
		return ""
	}
	end := strings.IndexFunc(after, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(after)
	}
	return after[:end]
}
