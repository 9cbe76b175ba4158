package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/example/netkata/harness/internal/course"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"check": main})
}

// The program on a small house of its own, with the real go test: testdata/script.
func TestScripts(t *testing.T) {
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GOCACHE", strings.TrimSpace(string(out)))
			env.Setenv("GOTOOLCHAIN", "local")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else a second for each run of check
			return nil
		},
	})
}

func TestFault(t *testing.T) {
	const text = "a_test.go:1: rule 6: it ends\n(RFC 1)\n\nParse(msg)"
	for _, tt := range []struct {
		why  string
		s    stand
		want string // how the fault begins
	}{
		{"dies by its rule", stand{rule: 6, ended: ended{"red", course.ByTest, 6, text}}, ""},
		{"survives", stand{rule: 6, ended: ended{State: "green"}}, "survives: every test passes; rule 6 should catch it"},
		{"dies by another rule", stand{rule: 7, ended: ended{"red", course.ByTest, 6, text}}, "dies by rule 6, want rule 7\na_test.go:1"},
		{"dies without naming a rule", stand{rule: 6, ended: ended{"red", course.ByPanic, 6, "The code panicked"}},
			"dies in a test of rule 6, but the first message does not say so\nThe code panicked"},
		{"dies of a rule that only begins like it", stand{rule: 1, ended: ended{"red", course.ByTest, 1, "a_test.go:1: rule 12: it ends"}},
			"dies in a test of rule 1, but"},
		{"the race detector sees it", stand{rule: 6, race: true, ended: ended{"red", course.ByRace, 6, "Two goroutines"}}, ""},
		{"the race detector sees it in another test", stand{rule: 6, race: true, ended: ended{"red", course.ByRace, 7, "Two goroutines"}}, "dies by rule 7, want rule 6"},
		{"a test is quicker than the race detector", stand{rule: 6, race: true, ended: ended{"red", course.ByTest, 6, text}}, ""},
		{"does not compile", stand{rule: 6, ended: ended{"red", course.ByCompile, 0, "a.go:1: undefined: x"}}, "does not compile\na.go:1"},
		{"is refused by vet", stand{rule: 6, ended: ended{"red", course.ByVet, 0, "a.go:1: unreachable"}}, "does not compile"},
		{"cannot be judged", stand{rule: 6, ended: ended{"cannot say", course.ByExit, 6, "rule 6: exit"}}, "the verdict is cannot say, want red"},
		{"no longer applies", stand{rule: 6, broken: "line 3: no longer applies"}, "line 3: no longer applies"},
		{"right and green", stand{ended: ended{State: "green"}}, ""},
		{"right and red", stand{ended: ended{"red", course.ByTest, 6, text}}, "a right solution is refused: the verdict is red\na_test.go:1"},
		{"right and unproven", stand{ended: ended{State: "cannot say"}}, "a right solution is refused: the verdict is cannot say"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got := tt.s.fault()
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("fault() = %q\nwant      %q", got, tt.want)
			}
		})
	}
}

// verdicts judges as it is told to, and counts.
type verdicts struct {
	v     course.Verdict
	specs []course.Spec
}

func (j *verdicts) judge(_ context.Context, s course.Spec) (course.Verdict, error) {
	j.specs = append(j.specs, s)
	return j.v, nil
}

func TestStubsFail(t *testing.T) {
	const unwritten = "a_test.go:1: rule 1: it is\n(RFC 1)\n\nParse(msg): not written yet: replace the body marked TODO"
	tests := func(o course.Outcome) []course.Result {
		return []course.Result{{Name: "TestA", Outcome: course.Failed}, {Name: "FuzzB", Outcome: o}}
	}
	for _, tt := range []struct {
		why  string
		v    course.Verdict
		want string
	}{
		{"every test fails", course.Verdict{State: course.Red, Tests: tests(course.Failed), First: &course.Failure{Text: unwritten}}, ""},
		{"green", course.Verdict{State: course.Green}, "toy/half: the verdict on its stub is green, want red"},
		{"does not compile", course.Verdict{State: course.Red, Broke: &course.Failure{}, First: &course.Failure{Text: "a.go:1: undefined"}},
			"toy/half: the verdict on its stub is red, want red by its tests\na.go:1: undefined"},
		{"one passes", course.Verdict{State: course.Red, Tests: tests(course.Passed), First: &course.Failure{Text: unwritten}},
			"toy/half: FuzzB passed on the stub, want it to fail"},
		{"one does not run", course.Verdict{State: course.Red, Tests: tests(course.NotRun), First: &course.Failure{Text: unwritten}},
			"toy/half: FuzzB not run on the stub, want it to fail"},
		{"the first message does not say why", course.Verdict{State: course.Red, Tests: tests(course.Failed), First: &course.Failure{Text: "x"}},
			`toy/half: the first message does not say "not written yet`},
	} {
		t.Run(tt.why, func(t *testing.T) {
			j := &verdicts{v: tt.v}
			c := &check{katas: []course.Kata{{ID: "toy/half", Dir: "katas/toy/half"}}, judge: j.judge}
			r := stubsFail(t.Context(), c)
			got := strings.Join(r.faults, "\n")
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || len(r.faults) > 1 {
				t.Errorf("faults: %q\nwant    %q", r.faults, tt.want)
			}
		})
	}
}

// What is in the cache is not judged again, until something changes that its
// verdict depends on; what is not as it should be is judged each time.
func TestCache(t *testing.T) {
	root := t.TempDir()
	files := map[string]string{
		"go.mod":                           "module m\n",
		"go.sum":                           "",
		"harness/rule/rule.go":             "package rule",
		"harness/policy/policy.go":         "package policy",
		"katas/toy/half/half_test.go":      "package half_test",
		"katas/toy/first/first.go":         "package first",
		"katas/game/go/go.go":              "package game",
		"solutions/toy/first/first.go":     "package first",
		"solutions/toy/half/half.go":       "package half\n\nconst two = 2\n",
		"testdata/toy/half.hex":            "07",
		"testdata/wrong/toy/half.txt":      "-- a --\nwho: people\nrule: 1\n@@\n-two = 2\n+two = 3\n",
		"testdata/right/toy/half/b/b.go":   "package half",
		"testdata/right/toy/half/README":   "",
		"testdata/wrong/toy/unrelated.txt": "",
	}
	writeAll := func() {
		for name, src := range files {
			write(t, root, name, src)
		}
	}
	writeAll()
	j := &verdicts{v: course.Verdict{State: course.Red, First: &course.Failure{Rule: 1, Text: "rule 1: so"}}}
	c := &check{root: root, katas: []course.Kata{{ID: "toy/half", Track: "toy", Dir: "katas/toy/half"}}, cache: openCache(root), judge: j.judge}
	judged := func() int {
		t.Helper()
		j.specs = nil
		if r := wrongDie(t.Context(), c); len(r.faults) > 0 || len(r.table) != 1 || !strings.Contains(r.table[0], "rule 1") {
			t.Fatalf("faults %q, table %q", r.faults, r.table)
		}
		return len(j.specs)
	}
	if first, second := judged(), judged(); first != 1 || second != 0 {
		t.Fatalf("judged %d times at first, then %d; want 1, then 0", first, second)
	}
	for _, tt := range []struct {
		file string
		want int
	}{
		{"go.mod", 1}, {"go.sum", 1}, {"harness/rule/rule.go", 1}, {"katas/toy/half/half_test.go", 1},
		{"katas/toy/half/more_test.go", 1}, {"katas/toy/first/first.go", 1}, {"solutions/toy/half/half.go", 1}, {"solutions/toy/first/first.go", 1},
		{"testdata/toy/half.hex", 1}, {"testdata/wrong/toy/half.txt", 0}, {"testdata/right/toy/half/b/b.go", 0},
		{"katas/game/go/go.go", 0}, {"harness/policy/policy.go", 0},
	} {
		write(t, root, tt.file, files[tt.file]+"\n")
		if got := judged(); got != tt.want {
			t.Errorf("after a change of %s: judged %d times, want %d", tt.file, got, tt.want)
		}
		os.Remove(root + "/katas/toy/half/more_test.go")
		writeAll()
		if got := judged(); got != 0 {
			t.Errorf("after the change of %s was taken back: judged %d times, want 0", tt.file, got)
		}
	}

	j.v.First.Kind = course.ByRace
	write(t, root, "testdata/wrong/toy/half.txt", "-- a --\nwho: people\nrule: 1\nrace: yes\n@@\n-two = 2\n+two = 3\n")
	if judged() != 1 || !j.specs[0].Race || judged() != 0 {
		t.Errorf("with \"race: yes\": judged as %+v, want once, with the race detector", j.specs)
	}

	write(t, root, "testdata/wrong/toy/half.txt", "-- a --\nwho: people\nrule: 2\n@@\n-two = 2\n+two = 3\n")
	for range 2 {
		j.specs = nil
		if r := wrongDie(t.Context(), c); len(r.faults) != 1 || len(j.specs) != 1 {
			t.Errorf("a wrong solution that should die by rule 2 and dies by rule 1: judged %d times, want 1; faults: %q", len(j.specs), r.faults)
		}
	}
}

func write(t *testing.T, root, name, src string) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
}

// One in n is tried at a commit, the others at others; what is broken always is.
func TestShare(t *testing.T) {
	var all []*stand
	for i := range 300 {
		all = append(all, &stand{name: fmt.Sprint(i)})
	}
	broken := &stand{name: "broken", broken: "does not apply"}
	seen := map[string]bool{}
	for commit := range uint64(40) {
		some := shareOf(append(slices.Clone(all), broken), 3, commit)
		if len(some) < 60 || len(some) > 140 || !slices.Contains(some, broken) {
			t.Errorf("commit %d: %d of 301, want about 100, and the broken one", commit, len(some))
		}
		for _, s := range some {
			seen[s.name] = true
		}
	}
	if len(seen) != 301 {
		t.Errorf("40 commits try %d of 301", len(seen))
	}
	if got := shareOf(slices.Clone(all), 1, 7); len(got) != 300 {
		t.Errorf("one in one: %d of 300", len(got))
	}
}
