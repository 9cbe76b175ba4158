package policy

import (
	"fmt"

	"github.com/example/netkata/harness/check/known"
	"github.com/example/netkata/harness/internal/readme"
)

// minWrong says how many wrong solutions of a kata must be known: with fewer, it
// is not understood.
var minWrong = map[string]int{"drill": 5, "kata": 8, "challenge": 8, "capstone": 8}

// knownSolutions finds lists of wrong solutions that cannot be read, are short,
// or name a rule that the README lacks.
func knownSolutions(h *House) []Finding {
	var found []Finding
	for _, k := range h.Katas {
		f := h.file("testdata/wrong/" + k.ID + ".txt")
		if f == nil {
			continue // layout finds that
		}
		all, err := known.ParseWrong(f.Path, []byte(f.src))
		if err != nil {
			found = append(found, Finding{f.Path, 0, err.Error()})
			continue
		}
		if len(all) < minWrong[k.Kind] {
			found = append(found, Finding{f.Path, 0, fmt.Sprintf("%d wrong solutions, want at least %d for a %s", len(all), minWrong[k.Kind], k.Kind)})
		}
		if page := h.file(k.Dir + "/README.md"); page != nil {
			found = append(found, rulesOfWrong(f, all, readme.Parse(page.src))...)
		}
	}
	return found
}

func rulesOfWrong(f *file, all []known.Wrong, doc readme.Doc) []Finding {
	var found []Finding
	for _, w := range all {
		if _, ok := doc.Rule(w.Rule); !ok {
			found = append(found, Finding{f.Path, w.Line, fmt.Sprintf("%s: the README has no rule %d", w.Name, w.Rule)})
		}
	}
	return found
}
