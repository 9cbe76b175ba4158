package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/example/netkata/harness/internal/course"
)

const (
	tableBegin = "<!-- katas -->\n"
	tableEnd   = "<!-- /katas -->\n"
)

// table finds a README.md whose table of katas is not that of the index.
func table(h *House) []Finding {
	const name = "README.md"
	f := h.file(name)
	if f == nil {
		return []Finding{{name, 0, "is missing"}}
	}
	fixed, err := FixTable(f.src, h)
	if err != nil {
		return []Finding{{name, 0, err.Error()}}
	}
	if fixed != f.src {
		line := 1 + strings.Count(f.src[:strings.Index(f.src, tableBegin)], "\n")
		return []Finding{{name, line, "the table of katas is not that of katas/index.txt: go run ./harness/check -fix"}}
	}
	if head, _, _ := strings.Cut(h.Table(), "\n"); utf8.RuneCountInString(head) > maxColumns {
		k := slices.MaxFunc(h.Index.Katas, func(a, b course.Kata) int { return len(a.Title) - len(b.Title) })
		return []Finding{{"katas/index.txt", 0, fmt.Sprintf("the title of %s makes the table of katas wider than %d columns", k.ID, maxColumns)}}
	}
	return nil
}

// FixTable returns the README with the table of katas that the index gives,
// between its two marks.
func FixTable(readme string, h *House) (string, error) {
	before, rest, ok := strings.Cut(readme, tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("the table of katas goes between the lines %q and %q", strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	return before + tableBegin + h.Table() + tableEnd + after, nil
}

// Table returns the table of katas in Markdown, each row with a link to its
// kata's README.
func (h *House) Table() string {
	rows := [][3]string{{"kata", "kind", "what"}}
	for _, k := range h.Index.Katas {
		rows = append(rows, [3]string{"[" + k.ID + "]", k.Kind, k.Title})
	}
	var wide [3]int
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&b, "| %-*s | %-*s | %-*s |\n", wide[0], row[0], wide[1], row[1], wide[2], row[2])
		if i == 0 {
			for _, n := range wide {
				b.WriteString("|" + strings.Repeat("-", n+2))
			}
			b.WriteString("|\n")
		}
	}
	b.WriteByte('\n')
	for _, k := range h.Index.Katas {
		fmt.Fprintf(&b, "[%s]: %s/README.md\n", k.ID, k.Dir)
	}
	return b.String()
}
