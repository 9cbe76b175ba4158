package course_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/example/netkata/harness/internal/course"
	"golang.org/x/tools/txtar"
)

func TestMain(m *testing.M) {
	// None of these may change what a judged run does.
	os.Setenv("GOFLAGS", "-run=Nothing -tags=other -skip=. -json=false")
	os.Setenv("GOWORK", "/none/go.work")
	os.Setenv("GOTRACEBACK", "none")
	code := 1
	if dir, err := os.MkdirTemp("", "course"); err == nil {
		env := filepath.Join(dir, "env") // what "go env -w" writes
		if os.WriteFile(env, []byte("GOFLAGS=-run=Nothing\n"), 0o666) == nil {
			os.Setenv("GOENV", env)
			code = m.Run()
		}
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// Each fixture is a module whose head says what the verdict must be.
func TestJudge(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/judge/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			judgeFixture(t, file)
		})
	}
}

func judgeFixture(t *testing.T, file string) {
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	root := unpack(t, ar)
	spec := course.Spec{Root: root, Package: "katas/x/y"}
	var want []string // "key: value", as the head says
	for line := range strings.SplitSeq(string(ar.Comment), "\n") {
		key, value, ok := strings.Cut(line, ": ")
		switch {
		case !ok || strings.Contains(key, " "):
		case key == "os":
			if value == "unix" && runtime.GOOS == "windows" {
				t.Skip("unix only")
			}
		case key == "harness":
			useHarness(t, root)
		case key == "tags":
			spec.Tags = strings.Fields(value)
		case key == "race":
			if _, err := exec.LookPath("gcc"); err != nil {
				t.Skip("the race detector needs a C compiler")
			}
			spec.Race = true
		case key == "timeout":
			if spec.Timeout, err = time.ParseDuration(value); err != nil {
				t.Fatal(err)
			}
		default:
			want = append(want, line)
		}
	}
	v, err := course.Test(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		key, value, _ := strings.Cut(w, ": ")
		got := describe(v)[key]
		if key == "text" && strings.Contains(got, value) {
			continue
		}
		if got != value {
			t.Errorf("%s: got %q, want %q", key, got, value)
		}
	}
	if t.Failed() {
		t.Logf("%+v\nfirst: %+v\nbroke: %+v", v, v.First, v.Broke)
	}
}

// useHarness lets the fixture in root import this module.
func useHarness(t *testing.T, root string) {
	t.Helper()
	here, err := course.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(here, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(here, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	// All of our requirements, under the fixture's name.
	_, rest, _ := strings.Cut(string(mod), "\n")
	rest, _, _ = strings.Cut(rest, "\ntool ")
	write(t, filepath.Join(root, "go.sum"), sums)
	write(t, filepath.Join(root, "go.mod"), []byte("module example.com/fixture\n"+rest+
		"\nrequire github.com/example/netkata v0.0.0\nreplace github.com/example/netkata => "+filepath.ToSlash(here)+"\n"))
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// describe gives a verdict's parts the names that the fixtures' heads use.
func describe(v course.Verdict) map[string]string {
	d := map[string]string{"state": v.State.String(), "passed": fmt.Sprint(v.Count(course.Passed)), "notrun": fmt.Sprint(v.Count(course.NotRun))}
	var names, failures []string
	for _, r := range v.Tests {
		names = append(names, r.Name)
		for _, f := range r.Failures {
			failures = append(failures, fmt.Sprintf("%s %q", f.Test, f.Printed))
		}
	}
	d["tests"] = strings.Join(names, " ")
	d["failures"] = fmt.Sprintf("%d: %s", len(failures), strings.Join(failures, ", "))
	if v.Broke != nil {
		d["broke"] = string(v.Broke.Kind)
	}
	if f := v.First; f != nil {
		d["kind"], d["first"], d["rule"] = string(f.Kind), f.Test, fmt.Sprint(f.Rule)
		d["file"], d["text"], d["more"] = fmt.Sprintf("%s:%d", f.File, f.Line), f.Text, fmt.Sprint(f.More)
	}
	return d
}

// unpack writes the archive's files into a folder of their own.
func unpack(t *testing.T, ar *txtar.Archive) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range ar.Files {
		write(t, filepath.Join(root, filepath.FromSlash(f.Name)), f.Data)
	}
	return root
}

// An overlay's files count: one that replaces, one that is new, one that hides.
func TestOverlay(t *testing.T) {
	t.Parallel()
	ar := txtar.Parse([]byte(`
-- go.mod --
module example.com/fixture

go 1.26
-- katas/x/y/a_test.go --
package y

import "testing"

func TestA(t *testing.T) { t.Error("no") }
-- katas/x/y/hidden_test.go --
package y

import "testing"

func TestHidden(t *testing.T) {}
-- other/a_test.go --
package y

import "testing"

func TestOther(t *testing.T) {}
-- other/new_test.go --
package y

import "testing"

func TestNew(t *testing.T) {}
-- overlay.json --
{"Replace": {
	"katas/x/y/a_test.go": "other/a_test.go",
	"katas/x/y/hidden_test.go": "",
	"katas/x/y/new_test.go": "other/new_test.go"
}}
`))
	root := unpack(t, ar)
	v, err := course.Test(t.Context(), course.Spec{Root: root, Package: "katas/x/y", Overlay: filepath.Join(root, "overlay.json")})
	if err != nil {
		t.Fatal(err)
	}
	if d := describe(v); d["tests"] != "TestOther TestNew" || d["state"] != "green" {
		t.Errorf("%v", d)
	}
}

// Each test runs Count times on each number of processors, examples once.
func TestCount(t *testing.T) {
	t.Parallel()
	ar, err := txtar.ParseFile("testdata/judge/green.txtar")
	if err != nil {
		t.Fatal(err)
	}
	v, err := course.Test(t.Context(), course.Spec{Root: unpack(t, ar), Package: "katas/x/y", Count: 3, CPU: []int{1, 2}})
	if err != nil || v.State != course.Green {
		t.Errorf("%v, %+v", err, describe(v))
	}
}

// A Spec without its folder is the caller's mistake, and no verdict.
func TestNoFolder(t *testing.T) {
	_, err := course.Test(t.Context(), course.Spec{Root: t.TempDir(), Package: "katas/x/y"})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

// Without go there is no verdict, but a reason.
func TestNoGo(t *testing.T) {
	t.Setenv("PATH", "")
	root := t.TempDir()
	write(t, filepath.Join(root, "katas", "x", "y", "y_test.go"), []byte("package y\n"))
	v, err := course.Test(t.Context(), course.Spec{Root: root, Package: "katas/x/y"})
	if err != nil || v.State != course.CannotSay || !strings.Contains(v.First.Text, "no go command") {
		t.Errorf("%v, %+v", err, describe(v))
	}
}
