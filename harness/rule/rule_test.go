package rule_test

import (
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/netkata/harness/rule"
)

const (
	head = "rule 1: A sum is a sum\n(RFC 1, 2.3)\n\n"
	ends = "The run ends here: what still runs cannot be stopped from outside.\n"
	loop = "The code is not done after 1s of processor time: an endless loop, or far too\nmuch work\n"
	call = "\nIn this call:\n"

	again = "\n\nThe smallest input found. To try it again:\ngo test ./harness/rule/testdata/demo -run "
)

// What the tests of testdata/demo print, without the indentation of go test.
func TestOutput(t *testing.T) {
	for _, tt := range []struct {
		run  string // of testdata/demo
		want string // what is printed, without file:line; "" for a pass
	}{
		{"TestPass", ""},
		{"TestPropertyHolds", ""},
		{"TestErrorf", head + "Sum(1, 1) = 3\nwant        2\n" + head + "and it goes on\n"},
		{"TestFatalf", head + "once\n"},
		{"TestHelper", head + "the line of the test\n"},
		{"TestNoSuchRule", "rule 2: README.md has no such rule\n"},
		{"TestPanic", head + "The code panicked: runtime error: index out of range [-1]\n  at katas/sum/sum.go:5, in sum.Last\n" + call + "Last(msg)\n\nmsg:\n  none\n"},
		{"TestGoexit", head + "The code ended its goroutine (runtime.Goexit), and the test with it\n" + call + "Sum(msg)\n"},
		{"TestProperty", head + "Sum(11) is too much" + again + "'^TestProperty$' -rapid.seed=N\n"},
		{"TestPropertyVaries", head + "Sum(11) is too much (rapid.seed=N: another text each time)" + again + "'^TestPropertyVaries$' -rapid.seed=N\n"},
		{"TestPropertyPanic", head + "The code panicked: too much\n" + call + "Sum(11)" + again + "'^TestPropertyPanic$' -rapid.seed=N\n"},
		{"TestPropertyFlaky", head + "Sum of something above 10 is too much\n\nThe same input does not fail every time." + again + "'^TestPropertyFlaky$' -rapid.seed=N\n"},
		{"TestLoop|TestAfterLoop|TestAfterLoopInSubtests", head + loop + call + "Sum(7)\n" + ends},
		{"TestHoard|TestAfterLoopInSubtests", head + "The code hoards memory: N MiB so far, and not done\n" + call + "Sum(8)\n" + ends},
		{"TestLargeAndDone", ""},
		{"TestLargeBefore", ""},
		{"TestPropertyLoop", head + loop + call + "Sum of something above 10\n"},
	} {
		t.Run(tt.run, func(t *testing.T) {
			t.Parallel()
			got, failed := output(t, tt.run)
			if failed != (tt.want != "") {
				t.Errorf("failed = %v", failed)
			}
			if diff := cmp.Diff(strings.TrimRight(tt.want, "\n"), strings.TrimRight(got, "\n")); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

// The line that a failure names is the test's, also when a helper reports it.
func TestLine(t *testing.T) {
	out, _ := demo(t, "TestHelper")
	if !strings.Contains(out, "demo_test.go:37: rule 1:") {
		t.Errorf("want demo_test.go:37 in\n%s", out)
	}
}

// Tests that do not run after a loop are not reported, in their test or in later
// ones.
func TestNothingAfterLoop(t *testing.T) {
	out, _ := demo(t, "TestLoop|TestAfterLoopInSubtests")
	if got := strings.Count(out, "--- "); got != 2 || !strings.Contains(out, "--- FAIL: TestLoop/in_a_subtest") {
		t.Errorf("want TestLoop and its first subtest alone to fail:\n%s", out)
	}
}

// binary is the test binary of testdata/demo, built once for all tests here.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rule")
	if err != nil {
		log.Fatal(err)
	}
	binary = filepath.Join(dir, "demo.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, "./testdata/demo").CombinedOutput(); err != nil {
		log.Fatalf("%v\n%s", err, out)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// demo runs tests of testdata/demo and returns what they print, and whether the
// run failed.
func demo(t *testing.T, run string) (out string, failed bool) {
	t.Helper()
	cmd := exec.Command(binary, "-test.run", "^("+run+")$")
	cmd.Dir = "testdata/demo"
	b, err := cmd.CombinedOutput()
	return string(b), err != nil
}

var (
	place  = regexp.MustCompile(`(?m)^demo_test\.go:\d+: `)
	number = regexp.MustCompile(`(rapid\.seed=|hoards memory: )\d+`)
	noise  = regexp.MustCompile(`^(=== |--- |PASS|FAIL|ok |exit status)`)
)

// output is what tests of testdata/demo print, without what go test adds.
func output(t *testing.T, run string) (text string, failed bool) {
	t.Helper()
	out, failed := demo(t, run)
	for line := range strings.Lines(out) {
		if !noise.MatchString(strings.TrimLeft(line, " ")) {
			text += strings.TrimRight(unindent(line), " ")
		}
	}
	text = place.ReplaceAllString(text, "")
	return number.ReplaceAllString(text, "${1}N"), failed
}

// unindent takes away the columns that go test puts before a line.
func unindent(line string) string {
	for _, indent := range []string{"            ", "        ", "    "} {
		if rest, ok := strings.CutPrefix(line, indent); ok {
			return rest
		}
	}
	return line
}

func BenchmarkDo(b *testing.B) {
	b.Chdir("testdata/demo")
	r := rule.New(b, 1)
	for b.Loop() {
		r.Do(func() string { return "" }, func() {})
	}
}
