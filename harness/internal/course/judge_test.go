package course_test

import (
	"fmt"
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
	os.Exit(m.Run())
}

// Each fixture is a module whose head says what the verdict must be.
func TestJudge(t *testing.T) {
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
	var names []string
	for _, r := range v.Tests {
		names = append(names, r.Name)
	}
	d["tests"] = strings.Join(names, " ")
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
