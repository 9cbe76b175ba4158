package policy

import (
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
		if len(h.LeftOut) == 0 && !named.has(f.Path) && !listed(h, f) { // else by a test left out, perhaps
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
