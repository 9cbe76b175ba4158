package course_test

import (
	"os/exec"
	"path/filepath"
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
	if g := strings.Join(got, " "); g != "Parse Server.Handle Query" {
		t.Errorf("got %s", g)
	}
}
