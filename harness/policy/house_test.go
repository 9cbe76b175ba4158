package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/example/netkata/harness/internal/course"
	"github.com/rogpeppe/go-internal/txtar"
)

// The repository itself keeps every rule. What Shipped leaves out in a
// learner's clone, it says.
func TestHouse(t *testing.T) {
	h, err := Open("../..", Shipped)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.LeftOut) > 0 {
		t.Logf("left out, because somebody works on them: %v", h.LeftOut)
	}
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			for _, f := range r.Check(h) {
				t.Error(f)
			}
		})
	}
}

// toys writes the house of testdata/house.txtar and returns its root.
func toys(t *testing.T) string {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/house.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range archive.Files {
		// The lists of wrong solutions are archives too, so they are quoted.
		if filepath.Ext(f.Name) == ".txt" && f.Name != "katas/index.txt" {
			if archive.Files[i].Data, err = txtar.Unquote(f.Data); err != nil {
				t.Fatal(err)
			}
		}
	}
	root := t.TempDir()
	if err := txtar.Write(archive, root); err != nil {
		t.Fatal(err)
	}
	x, err := course.ReadIndex(root)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := course.TakeSums(x)
	if err != nil {
		t.Fatal(err)
	}
	if err := shipped.Write(root); err != nil {
		t.Fatal(err)
	}
	return root
}

func open(t *testing.T, root string, scope Scope) *House {
	t.Helper()
	h, err := Open(root, scope)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The house that the bad examples are edits of is a good one.
func TestToys(t *testing.T) {
	h := open(t, toys(t), Everything)
	for _, r := range Rules() {
		for _, f := range r.Check(h) {
			t.Errorf("%s: %s", r.Name, f)
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

// The order of katas stands in the index, not in their names.
func TestNumberInName(t *testing.T) {
	root := toys(t)
	edit{"katas/index.txt", "toy/round", "toy/round2"}.apply(t, root)
	for _, dir := range []string{"katas", "solutions", "testdata/right"} {
		dir = filepath.Join(root, filepath.FromSlash(dir), "toy", "round")
		if err := os.Rename(dir, dir+"2"); err != nil {
			t.Fatal(err)
		}
	}
	var found []string
	for _, f := range layout(open(t, root, Everything)) {
		found = append(found, f.String())
	}
	if !slices.Contains(found, "katas/toy/round2: a number in the name: the order stands in katas/index.txt") {
		t.Errorf("found only:\n%s", strings.Join(found, "\n"))
	}
}

// Whatever a learner types, or puts beside it, the tests of the house stay
// green, and what it does not touch is judged as before.
func TestShipped(t *testing.T) {
	root := toys(t)
	for _, e := range []edit{
		{"katas/toy/round/round.go", "", "//go:build !solution\n\npackage round\n\nfunc Round(n int) { broken"},
		{"katas/toy/round/own_test.go", "", "package round\n\nimport \"github.com/stretchr/testify\"\n"},
		{"katas/toy/round/README.md", "", "My notes\r\n"},
		{"katas/play/ground/play.go", "", "package main"},
		{"katas/toy/scratch/try.go", "", "package try"},
		{"try.go", "", "package main"},
		{"notes.txt", "", "mine\r\n"},
		{"play/ground/main.go", "", "package main"},
		{".editor/settings.json", "", "/" + "home/ann/netkata"},
	} {
		e.apply(t, root)
	}
	h := open(t, root, Shipped)
	if !slices.Equal(h.LeftOut, []string{"toy/round"}) {
		t.Errorf("LeftOut = %v, want toy/round", h.LeftOut)
	}
	for _, r := range Rules() {
		for _, f := range r.Check(h) {
			t.Errorf("%s: %s", r.Name, f)
		}
	}

	edit{"solutions/toy/half/half.go", "half of n. The", "n halved. The"}.apply(t, root)
	if found := sameDocs(open(t, root, Shipped)); len(found) != 1 {
		t.Errorf("%d findings in the kata that is as it was shipped, want 1: %v", len(found), found)
	}

	edit{"katas/toy/half/half.go", "0, todo.Err", "n / 2, nil"}.apply(t, root)
	h = open(t, root, Shipped)
	if !slices.Equal(h.LeftOut, []string{"toy/half", "toy/round"}) {
		t.Errorf("LeftOut = %v, want toy/half, and toy/round that builds on it", h.LeftOut)
	}
	if found := goldens(h); len(found) > 0 {
		t.Errorf("what a test left out may use, was found unused: %v", found)
	}
}

// The table of katas has at most 80 columns, which no edit of one file can break
// without it being out of date as well.
func TestWideTable(t *testing.T) {
	root := toys(t)
	edit{"katas/index.txt", "divide by two", "divide by two" + strings.Repeat(", and by two", 6)}.apply(t, root)
	h := open(t, root, Everything)
	readme := h.file("README.md")
	fixed, err := FixTable(readme.src, h)
	if err != nil {
		t.Fatal(err)
	}
	readme.src = fixed
	found := table(h)
	if len(found) != 1 || !strings.HasPrefix(found[0].String(), "katas/index.txt: the title of toy/half makes the table of katas wider") {
		t.Errorf("found %v, want one title that is too long", found)
	}
}
