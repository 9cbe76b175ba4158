package course_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/example/netkata/harness/internal/course"
	"github.com/google/go-cmp/cmp"
)

// committed is repository, with its files and sums committed to git in a
// folder below git's own root.
func committed(t *testing.T) (course.Index, course.Kata) {
	t.Helper()
	x, k, sums := repository(t)
	if err := sums.Write(x.Root); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	top := filepath.Join(t.TempDir(), "top")
	if err := os.Mkdir(top, 0o777); err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(top, "below")
	if err := os.Rename(x.Root, below); err != nil {
		t.Fatal(err)
	}
	x.Root = below
	gitCommand(t, top, "init", "-q")
	commit(t, top)
	return x, k
}

func commit(t *testing.T, dir string) {
	t.Helper()
	gitCommand(t, dir, "add", ".")
	gitCommand(t, dir, "-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false", "commit", "-qm", "m")
}

func gitCommand(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(src)
}

// The stub and a changed test come back, from an older commit too; what was
// there is kept; a file more stays.
func TestReset(t *testing.T) {
	for _, committed2 := range []bool{false, true} {
		x, k := committed(t)
		dir := filepath.Join(x.Root, "katas", "t", "a")
		write(t, filepath.Join(dir, "a.go"), []byte("package a // mine\n"))
		write(t, filepath.Join(dir, "mine.go"), []byte("package a\n"))
		if err := os.Remove(filepath.Join(dir, "a_test.go")); err != nil {
			t.Fatal(err)
		}
		if committed2 { // the last commit then has the learner's
			commit(t, x.Root)
		}
		for n, want := range []string{"20260301-120000", "20260301-120000-2"} {
			got, err := x.Reset(k, false, noon)
			if err != nil {
				t.Fatal(err)
			}
			files := []string{"katas/t/a/a_test.go", "katas/t/a/a.go"}
			if n == 1 {
				files = files[1:]
			}
			kept := ".kata/kept/t-a/" + want
			if d := cmp.Diff(course.Restored{Files: files, Kept: kept, Extra: []string{"katas/t/a/mine.go"}}, got); d != "" {
				t.Fatal(d)
			}
			if got := read(t, filepath.Join(x.Root, kept, "a.go")); got != "package a // mine\n" {
				t.Errorf("kept %q", got)
			}
			if got := read(t, filepath.Join(dir, "a.go")); got != stub {
				t.Errorf("put back %q", got)
			}
			read(t, filepath.Join(dir, "a_test.go"))
			read(t, filepath.Join(dir, "mine.go"))
			write(t, filepath.Join(dir, "a.go"), []byte("package a // mine\n"))
		}
	}
}

// Only the tests come back: the learner's code is not theirs to touch.
func TestResetTests(t *testing.T) {
	x, k := committed(t)
	dir := filepath.Join(x.Root, "katas", "t", "a")
	write(t, filepath.Join(dir, "a.go"), []byte("package a // mine\n"))
	write(t, filepath.Join(dir, "a_test.go"), []byte("package a_test // mine\n"))
	got, err := x.Reset(k, true, noon)
	if err != nil || len(got.Files) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if read(t, filepath.Join(dir, "a.go")) != "package a // mine\n" || read(t, filepath.Join(dir, "a_test.go")) != "package a_test\n" {
		t.Error("put back the wrong one")
	}
}

// Where the stub cannot be found, the learner's file stays as it is.
func TestResetLosesNothing(t *testing.T) {
	mine := "package a // mine\n"
	for _, tc := range []struct {
		why, want string
		prepare   func(t *testing.T, x course.Index)
	}{
		{"no git repository", "git", func(t *testing.T, x course.Index) {
			if err := os.RemoveAll(filepath.Join(filepath.Dir(x.Root), ".git")); err != nil {
				t.Fatal(err)
			}
		}},
		{"another history", "git's history has no katas/t/a/a.go with the sum", func(t *testing.T, x course.Index) {
			top := filepath.Dir(x.Root)
			if err := os.RemoveAll(filepath.Join(top, ".git")); err != nil {
				t.Fatal(err)
			}
			gitCommand(t, top, "init", "-q")
			commit(t, top)
		}},
		{"no commit", "git's history has no katas/t/a/a.go", func(t *testing.T, x course.Index) {
			top := filepath.Dir(x.Root)
			if err := os.RemoveAll(filepath.Join(top, ".git")); err != nil {
				t.Fatal(err)
			}
			gitCommand(t, top, "init", "-q")
		}},
		{"nowhere to keep it", "cannot keep what is there", func(t *testing.T, x course.Index) {
			write(t, filepath.Join(x.Root, ".kata"), nil)
		}},
		{"no git command", "no git command", func(t *testing.T, x course.Index) { t.Setenv("PATH", "") }},
	} {
		t.Run(tc.why, func(t *testing.T) {
			x, k := committed(t)
			file := filepath.Join(x.Root, "katas", "t", "a", "a.go")
			write(t, file, []byte(mine))
			tc.prepare(t, x)
			_, err := x.Reset(k, false, noon)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "nothing was changed") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if got := read(t, file); got != mine {
				t.Errorf("the file is now %q", got)
			}
		})
	}
}
