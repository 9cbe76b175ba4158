package policy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
