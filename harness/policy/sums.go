package policy

import (
	"slices"
	"strings"

	"github.com/example/netkata/harness/internal/course"
)

const (
	sumsFile = "katas/stubs.sum"
	fixSums  = ": go run ./harness/check -fix, once its files are as learners should get them"
)

// touched says whether the kata's folder differs from what katas/stubs.sum says
// was shipped.
func touched(x course.Index, k course.Kata, s course.Sums) (bool, error) {
	changed, err := changes(x, k, s)
	return len(changed) > 0, err
}

// changes returns what differs from the sums, and how.
func changes(x course.Index, k course.Kata, s course.Sums) ([]Finding, error) {
	f, err := x.Folder(k, s)
	if err != nil {
		return nil, err
	}
	if !f.Known {
		return []Finding{{sumsFile, 0, "has no sums of " + k.ID + fixSums}}, nil
	}
	var found []Finding
	for _, name := range slices.Concat(f.Edited, f.Tampered) {
		found = append(found, Finding{name, 0, "is not the file that katas/stubs.sum says was shipped" + fixSums})
	}
	if f.Readme {
		found = append(found, Finding{k.Dir + "/README.md", 0, "is not the file that katas/stubs.sum says was shipped" + fixSums})
	}
	for _, name := range f.Extra {
		found = append(found, Finding{name, 0, "has no sum in katas/stubs.sum" + fixSums})
	}
	return found, nil
}

// sums finds files of katas that differ from their sums, by which learners'
// work is told from what was shipped, and sums of what is no more.
func sums(h *House) []Finding {
	s, err := course.ReadSums(h.Index.Root)
	if err != nil {
		return []Finding{{sumsFile, 0, err.Error()}}
	}
	var found []Finding
	for _, k := range h.Index.Katas {
		changed, err := changes(h.Index, k, s)
		if err != nil {
			return []Finding{{k.Dir, 0, err.Error()}}
		}
		for _, f := range changed {
			if !h.leftOut(k.ID) || f.Path == sumsFile {
				found = append(found, f)
			}
		}
	}
	for name := range s {
		track, rest, _ := strings.Cut(name, "/")
		kata, _, _ := strings.Cut(rest, "/")
		if id := track + "/" + kata; !isListed(h.Index, id) {
			found = append(found, Finding{sumsFile, 0, "has sums of " + id + ", which the index lacks: go run ./harness/check -fix"})
		}
	}
	return found
}

func isListed(x course.Index, id string) bool {
	_, ok := x.Kata(id)
	return ok
}
