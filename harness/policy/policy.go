// Package policy holds the rules of this house as code: who may import whom,
// what a kata's folder holds, what its README says, what must not be left
// behind. Its tests run every rule on this repository, and on a bad example
// that the rule must find.
package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is one breach of a rule of the house.
type Finding struct {
	Path string // below the repository's root, slash-separated
	Line int    // from 1; 0 when it is about the file or folder as a whole
	Text string // what is wrong, and what would be right
}

// String returns "path:line: text", as compilers do.
func (f Finding) String() string {
	if f.Line == 0 {
		return f.Path + ": " + f.Text
	}
	return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Text)
}

// Rule is one rule of the house.
type Rule struct {
	Name  string
	check func(*House) []Finding
}

// Rules returns the rules in the order in which they are checked.
func Rules() []Rule {
	return []Rule{
		{"layout", layout},
		{"imports", imports},
		{"stub", stubs},
		{"bridge", bridges},
		{"api", sameAPI},
		{"docs", sameDocs},
		{"readme", readmes},
		{"rules", rulesAndTests},
		{"known", knownSolutions},
		{"sums", sums},
		{"leftovers", leftovers},
		{"machine", machinePaths},
		{"goldens", goldens},
		{"eol", lineEndings},
		{"table", table},
	}
}

// Check returns what breaks the rule, by path and line.
func (r Rule) Check(h *House) []Finding {
	found := r.check(h)
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(found)
}
