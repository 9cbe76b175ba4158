package course_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/example/netkata/harness/internal/course"
	"github.com/google/go-cmp/cmp"
)

func TestIndexBroken(t *testing.T) {
	for _, tc := range []struct{ why, src, want string }{
		{"two columns", "\nt/a drill\n", "katas/index.txt:2: want three columns"},
		{"no track", "a drill title\n", `katas/index.txt:1: id "a"`},
		{"upper case", "t/A drill title\n", `katas/index.txt:1: id "t/A"`},
		{"a path out of the tree", "../a drill title\n", `katas/index.txt:1: id "../a"`},
		{"no such kind", "t/a puzzle title\n", `katas/index.txt:1: kind "puzzle"`},
		{"twice", "t/a drill title\n# comment\nt/a kata title\n", "katas/index.txt:3: t/a is listed twice"},
		{"nothing", "# only this\n", "katas/index.txt: no kata in it"},
	} {
		root := t.TempDir()
		write(t, filepath.Join(root, "katas", "index.txt"), []byte(tc.src))
		if _, err := course.ReadIndex(root); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %s", tc.why, err, tc.want)
		}
	}
}

// A learner stays in the track that was last worked on, as long as it has more.
func TestNextStaysInTrack(t *testing.T) {
	at := func(track string, status course.Status, minutes int) course.Standing {
		return course.Standing{Kata: course.Kata{Track: track}, Status: status, Active: time.Unix(0, 0).Add(time.Duration(minutes) * time.Minute)}
	}
	for _, tc := range []struct {
		why   string
		board []course.Standing
		want  int
	}{
		{"nothing done: the first", []course.Standing{at("tcp", course.NotBegun, 0), at("dns", course.NotBegun, 0)}, 0},
		{"the first left in the track", []course.Standing{at("tcp", course.NotBegun, 0), at("dns", course.NotBegun, 0), at("dns", course.Done, 5)}, 1},
		{"the track of the last deed", []course.Standing{at("tcp", course.Done, 9), at("tcp", course.NotBegun, 0), at("dns", course.NotBegun, 0), at("dns", course.Done, 5)}, 1},
		{"the track is done: the first elsewhere", []course.Standing{at("tcp", course.NotBegun, 0), at("dns", course.Done, 5)}, 0},
		{"what is locked is not next", []course.Standing{at("tcp", course.NotBegun, 0), at("dns", course.Done, 5), at("dns", course.Locked, 0)}, 0},
	} {
		if got := course.Next(tc.board); got != tc.want {
			t.Errorf("%s: Next = %d, want %d", tc.why, got, tc.want)
		}
	}
}

// What a kata needs is what it or its solution imports.
func TestNeeds(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "katas/index.txt"), []byte("t/a drill a\nt/b drill b\nt/c drill c\n"))
	write(t, filepath.Join(root, "katas/t/b/b.go"), []byte("package b\nimport _ \"example.com/m/katas/t/a\"\n"))
	write(t, filepath.Join(root, "solutions/t/c/c.go"), []byte("package c\nimport _ \"example.com/m/solutions/t/b\"\nimport _ \"net\"\n"))
	write(t, filepath.Join(root, "katas/t/c/c_test.go"), []byte("package c_test\nimport _ \"example.com/m/katas/t/c\"\nimport _ \"example.com/m/harness/t/a\"\n"))
	write(t, filepath.Join(root, "katas/t/c/broken.go"), []byte("package"))
	x, err := course.ReadIndex(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range x.Katas {
		got = append(got, k.ID+" needs "+strings.Join(k.Needs, " "))
	}
	if d := cmp.Diff([]string{"t/a needs ", "t/b needs t/a", "t/c needs t/b"}, got); d != "" {
		t.Error(d)
	}
}

// The board after each step of an evening.
func TestBoard(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "katas/index.txt"), []byte("t/a drill a\nt/b drill b\nt/c drill c\n"))
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(root, "katas/t", name, name+".go"), []byte("package "+name+"\n"))
	}
	write(t, filepath.Join(root, "solutions/t/b/b.go"), []byte("package b\nimport _ \"example.com/m/solutions/t/a\"\n"))
	x, err := course.ReadIndex(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := course.TakeSums(x)
	if err != nil {
		t.Fatal(err)
	}
	if err := sums.Write(root); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Hour) // after the files' times
	did := func(e course.Entry) func() {
		return func() {
			now = now.Add(time.Minute)
			e.Time = now
			appendAll(t, root, e)
		}
	}
	edit := func(name string) func() {
		return func() {
			write(t, filepath.Join(root, "katas/t", name, name+".go"), []byte("package "+name+" // mine\n"))
		}
	}
	for _, step := range []struct {
		why  string
		do   func()
		want string // a status each, and what is next
	}{
		{"a fresh clone", func() {}, "not begun, locked, not begun; next t/a"},
		{"a run of the stub begins nothing", did(course.Entry{Deed: course.DidRun, Kata: "t/a", Verdict: "red"}), "not begun, locked, not begun; next t/a"},
		{"an edit does", edit("c"), "not begun, locked, begun; next t/c"},
		{"the later work is next", func() { edit("a")(); did(course.Entry{Deed: course.DidHint, Kata: "t/a", Hint: 1})() }, "begun, locked, begun; next t/a"},
		{"green unlocks", did(course.Entry{Deed: course.DidRun, Kata: "t/a", Verdict: "green"}), "done, not begun, begun; next t/c"},
		{"red again is not done", did(course.Entry{Deed: course.DidRun, Kata: "t/a", Verdict: "red"}), "begun, not begun, begun; next t/a"},
		{"green again is", did(course.Entry{Deed: course.DidRun, Kata: "t/a", Verdict: "green"}), "done, not begun, begun; next t/c"},
		{"what is begun without its needs", edit("b"), "done, begun, begun; next t/b"},
		{"the later one, wherever it stands", did(course.Entry{Deed: course.DidHint, Kata: "t/c", Hint: 1}), "done, begun, begun; next t/c"},
		{"all but one", did(course.Entry{Deed: course.DidRun, Kata: "t/c", Verdict: "green"}), "done, begun, done; next t/b"},
		{"all", did(course.Entry{Deed: course.DidRun, Kata: "t/b", Verdict: "green"}), "done, done, done; next none"},
		{"a reset takes no tick away", did(course.Entry{Deed: course.DidReset, Kata: "t/b"}), "done, done, done; next none"},
	} {
		step.do()
		log, err := course.ReadLog(root)
		if err != nil {
			t.Fatal(err)
		}
		board, err := x.Board(log)
		if err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, s := range board {
			words = append(words, s.Status.String())
		}
		next := "none"
		if n := course.Next(board); n >= 0 {
			next = board[n].ID
		}
		if got := strings.Join(words, ", ") + "; next " + next; got != step.want {
			t.Errorf("%s: %s, want %s", step.why, got, step.want)
		}
	}
}

// Of what a kata needs, the board names only what nothing else of it needs as
// well, as long as that is not done.
func TestBehind(t *testing.T) {
	x := course.Index{Root: t.TempDir(), Katas: []course.Kata{
		{ID: "t/a"},
		{ID: "t/b", Needs: []string{"t/a"}},
		{ID: "t/c", Needs: []string{"t/a", "t/b"}},
	}}
	write(t, filepath.Join(x.Root, "katas", "stubs.sum"), []byte("t/a/a.go h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	for _, tc := range []struct{ green, want string }{
		{"", "t/b"},
		{"t/a", "t/b"},
		{"t/b", "t/a"},
	} {
		board, err := x.Board(course.Log{{Kata: tc.green, Deed: course.DidRun, Verdict: course.Green.String()}})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(board[2].Behind, " "); got != tc.want {
			t.Errorf("with %q green, t/c is behind %q, want %q", tc.green, got, tc.want)
		}
	}
}
