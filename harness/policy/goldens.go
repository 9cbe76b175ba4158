package policy

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"strconv"
	"strings"

	"github.com/example/netkata/harness/wire"
)

// goldens finds goldens that are not annotated hex, and those that nobody uses:
// no test names them, by path or by pattern, and no README beside or above them
// lists them.
func goldens(h *House) []Finding {
	named := namedInTests(h)
	var found []Finding
	for _, f := range h.under("testdata") {
		if path.Ext(f.Path) != ".hex" {
			continue
		}
		if d, err := wire.ParseHex(f.Path, []byte(f.src)); err != nil {
			found = append(found, Finding{f.Path, 0, err.Error()})
		} else if len(d.Msg) == 0 {
			found = append(found, Finding{f.Path, 0, "no bytes in it"})
		}
		if !named.has(f.Path) && !listed(h, f) {
			found = append(found, Finding{f.Path, 0, "no test uses it, and no README beside it lists it"})
		}
	}
	return found
}

// patterns are words of tests that end in .hex: paths, or globs.
type patterns []string

// has says whether one of the patterns means the file: from the root, from
// testdata (as wire.Load wants it), or from somewhere below.
func (p patterns) has(name string) bool {
	parts := strings.Split(name, "/")
	for _, pattern := range p {
		n := strings.Count(pattern, "/") + 1
		if n > len(parts) {
			continue
		}
		if ok, err := path.Match(pattern, strings.Join(parts[len(parts)-n:], "/")); err == nil && ok {
			return true
		}
	}
	return false
}

func namedInTests(h *House) patterns {
	var all patterns
	for _, f := range h.files {
		if f.ast == nil || !f.isTest() {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil && strings.HasSuffix(s, ".hex") {
					all = append(all, strings.TrimLeft(s, "./"))
				}
			}
			return true
		})
	}
	return all
}

// listed says whether a README in the file's folder, or in one above it below
// testdata, has the name of the golden, or of the pair that it belongs to.
func listed(h *House, golden *file) bool {
	name := strings.TrimSuffix(golden.name(), ".hex")
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".query"), ".response")
	for dir := path.Dir(golden.Path); dir != "."; dir = path.Dir(dir) {
		if readme := h.file(dir + "/README.md"); readme != nil && hasWord(readme.src, name) {
			return true
		}
	}
	return false
}

// hasWord says whether a text has the word, with something else than a letter,
// a digit or a hyphen on both sides.
func hasWord(text, word string) bool {
	inWord := func(c byte) bool {
		return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
	}
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		if (begin == 0 || !inWord(text[begin-1])) && (end == len(text) || !inWord(text[end])) {
			return true
		}
		from = end
	}
}

// lineEndings finds what a checkout on another system could break: goldens,
// sums and sources are compared byte for byte.
func lineEndings(h *House) []Finding {
	var found []Finding
	attributes := h.file(".gitattributes")
	if attributes == nil || !keepsEOL(attributes.src) {
		found = append(found, Finding{".gitattributes", 0, "want the line \"* text=auto eol=lf\", which keeps goldens and sums as they are"})
	}
	for _, f := range h.files {
		if i := strings.Index(f.src, "\r\n"); i >= 0 && !strings.Contains(f.src, "\x00") {
			found = append(found, Finding{f.Path, 1 + strings.Count(f.src[:i], "\n"), "ends in CR LF"})
		}
	}
	return found
}

// keepsEOL says whether attributes forbid to convert every file's line endings.
// A later line may take it back for some files: that shows as CR LF in them.
func keepsEOL(attributes string) bool {
	for line := range strings.Lines(attributes) {
		words := strings.Fields(line)
		if len(words) < 2 || words[0] != "*" {
			continue
		}
		for _, w := range words[1:] {
			if w == "eol=lf" || w == "-text" {
				return true
			}
		}
	}
	return false
}

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
			wide[i] = max(wide[i], len(cell))
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
