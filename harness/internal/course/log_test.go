package course_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/example/netkata/harness/internal/course"
	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A kill can cut the last line anywhere: nothing else is lost, and the next
// entry stands on a line of its own.
func TestLogTorn(t *testing.T) {
	first := course.Entry{Time: noon, Deed: course.DidRun, Kata: "t/a", Verdict: "red", Passed: 3, Tests: 14, Rule: 6}
	second := course.Entry{Time: noon.Add(time.Hour), Deed: course.DidHint, Kata: "t/a", Hint: 1}
	whole := t.TempDir()
	appendAll(t, whole, first, first)
	src, err := os.ReadFile(filepath.Join(whole, ".kata", "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	line := len(src) / 2
	for cut := line; cut < len(src); cut++ {
		root := t.TempDir()
		write(t, filepath.Join(root, ".kata", "log.jsonl"), src[:cut])
		appendAll(t, root, second)
		got, err := course.ReadLog(root)
		if err != nil {
			t.Fatal(err)
		}
		want := course.Log{first, second}
		if cut == len(src)-1 { // all but the line's end
			want = course.Log{first, first, second}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("cut at %d of %d: %s", cut, len(src), d)
		}
	}
}

func appendAll(t *testing.T, root string, entries ...course.Entry) {
	t.Helper()
	for _, e := range entries {
		if err := course.Append(root, e); err != nil {
			t.Fatal(err)
		}
	}
}

// Two terminals at once, or a watch and a run.
func TestLogConcurrent(t *testing.T) {
	root := t.TempDir()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := range 50 {
				e := course.Entry{Time: noon, Deed: course.DidRun, Kata: fmt.Sprintf("t/k%d", w), Tests: n, Test: strings.Repeat("x", 500)}
				if err := course.Append(root, e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	log, err := course.ReadLog(root)
	if err != nil || len(log) != 400 {
		t.Errorf("%d entries, %v; want 400", len(log), err)
	}
}

// A disk that is full, and a folder that cannot be made.
func TestLogRefused(t *testing.T) {
	e := course.Entry{Time: noon, Deed: course.DidRun, Kata: "t/a"}
	t.Run("no folder", func(t *testing.T) {
		root := t.TempDir()
		write(t, filepath.Join(root, ".kata"), nil)
		if err := course.Append(root, e); err == nil {
			t.Error("no error")
		}
	})
	t.Run("full", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("wants /dev/full")
		}
		root := t.TempDir()
		if err := os.Mkdir(filepath.Join(root, ".kata"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/dev/full", filepath.Join(root, ".kata", "log.jsonl")); err != nil {
			t.Fatal(err)
		}
		if err := course.Append(root, e); err == nil {
			t.Error("no error")
		}
	})
}
