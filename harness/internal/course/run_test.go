package course_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/example/netkata/harness/internal/course"
)

// A kata whose tests use one of the harness' networks, or package sync, is
// concurrent: the race detector is on, or the verdict says why not.
func TestRace(t *testing.T) {
	for _, imported := range []string{"example.com/m/harness/memnet", "sync"} {
		t.Run(imported, func(t *testing.T) { testRace(t, imported) })
	}
}

func testRace(t *testing.T, imported string) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("the race detector needs a C compiler")
	}
	x, k, _ := repository(t)
	write(t, filepath.Join(x.Root, "harness/memnet/memnet.go"), []byte("package memnet\n"))
	write(t, filepath.Join(x.Root, "katas/t/a/a_test.go"), []byte(`package a_test

import (
	"testing"

	_ "`+imported+`"
)

func TestA(t *testing.T) {}
`))
	sums, err := course.TakeSums(x)
	if err != nil {
		t.Fatal(err)
	}
	if err := sums.Write(x.Root); err != nil {
		t.Fatal(err)
	}
	run := func() course.Verdict {
		t.Helper()
		v, err := x.Run(t.Context(), k, course.Options{})
		if err != nil || v.State != course.Green {
			t.Fatalf("%v, %v", err, describe(v))
		}
		return v
	}
	if v := run(); !v.Race || len(v.Notes) > 0 {
		t.Errorf("race detector %v, notes %q", v.Race, v.Notes)
	}
	t.Setenv("CGO_ENABLED", "0")
	if v := run(); v.Race || len(v.Notes) != 1 || !strings.Contains(v.Notes[0], "race detector was off: it needs cgo") {
		t.Errorf("race detector %v, notes %q", v.Race, v.Notes)
	}
}

// What is not written yet, by name and place: functions, methods, and texts.
func TestUnwritten(t *testing.T) {
	x, k, sums := repository(t)
	write(t, filepath.Join(x.Root, "katas/t/a/a.go"), []byte(`package a

import "example.com/m/harness/todo"

func Done() error { return nil }

func Parse() error {
	// TODO
	return todo.Err
}

func (s *Server) Handle() (int, error) { return 0, todo.Err }

func (t Type) String() string {
	// TODO
	return ""
}

func Close() {
	// TODO
}

func New() *Server {
	// TODO
	return &Server{}
}

func Pool() (*Server, bool) {
	// TODO
	return new(Server), false
}

func Note(n int) int {
	// TODO: say it better
	return n
}

func Left(n int) int {
	// TODO
	return n + len(Query)
}

func Long(n int) int {
	// TODO
	n++
	return n
}

var Query = "# TODO: the header"

// TODO in a comment alone is the learner's own note.
var Fine = "00"
`))
	f, err := x.Folder(k, sums)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range x.Unwritten(f) {
		got = append(got, u.Name)
	}
	if g := strings.Join(got, " "); g != "Parse Server.Handle Type.String Close New Pool Query" {
		t.Errorf("got %s", g)
	}
}

// A mark in another language than Go is told by what stands behind it.
func TestUnwrittenText(t *testing.T) {
	x, _, _ := repository(t)
	const name = "katas/t/a/a.proto"
	write(t, filepath.Join(x.Root, name), []byte(`syntax = "proto3";
// TODO: what is missing
message A {}   // done, TODO or not
  # TODO
// TODOS are something else
`))
	want := []course.Unwritten{{Name: "what is missing", File: name, Line: 2}, {Name: "TODO", File: name, Line: 4}}
	if got := x.Unwritten(course.Folder{Own: []string{name}}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Each TODO in the stubs of this repository is found, where the stub is untouched.
func TestUnwrittenStubs(t *testing.T) {
	root, err := course.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	x, err := course.ReadIndex(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := course.ReadSums(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range x.Katas {
		f, err := x.Folder(k, sums)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Edited) > 0 || k.Hunt() {
			continue
		}
		src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(k.File())))
		if err != nil {
			t.Fatal(err)
		}
		var want []int // lines of functions with the comment of a stub
		fn := 0
		for i, line := range strings.Split(string(src), "\n") {
			if strings.HasPrefix(line, "func ") {
				fn = i + 1
			} else if line == "}" {
				fn = 0
			}
			if strings.TrimSpace(line) == "// TODO" && fn > 0 {
				want = append(want, fn)
			}
		}
		var got []int
		for _, u := range x.Unwritten(f) {
			if len(want) > 0 { // else it has texts to write
				got = append(got, u.Line)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: lines %v, want %v", k.ID, got, want)
		}
	}
}
