package course

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// exits returns where the package's files call what ends the process. No stack
// tells: it ends without one.
func exits(s Spec) []call {
	names, _ := filepath.Glob(filepath.Join(s.Root, filepath.FromSlash(s.Package), "*.go"))
	slices.SortStableFunc(names, func(a, b string) int { return tests(a) - tests(b) })
	var calls []call
	for _, name := range names {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && ends(sel) {
				calls = append(calls, call{file: path.Join(s.Package, filepath.Base(name)), line: fset.Position(sel.Pos()).Line})
			}
			return true
		})
	}
	return calls
}

func tests(name string) int {
	if strings.HasSuffix(name, "_test.go") {
		return 1
	}
	return 0
}

func ends(sel *ast.SelectorExpr) bool {
	pkg, ok := sel.X.(*ast.Ident)
	if !ok {
		return false
	}
	switch pkg.Name {
	case "os", "syscall":
		return sel.Sel.Name == "Exit"
	case "log":
		return strings.HasPrefix(sel.Sel.Name, "Fatal")
	}
	return false
}

// race explains the race detector's first report in a test's output, nil when
// there is none.
func (e *events) race(name, root string) *Failure {
	var text []string
	for _, l := range e.lines {
		if top(l.test) == name {
			text = append(text, strings.TrimRight(l.text, "\r\n"))
		}
	}
	start := slices.Index(text, "WARNING: DATA RACE")
	if start < 0 {
		return nil
	}
	text = text[start+1:]
	if end := slices.Index(text, "=================="); end >= 0 {
		text = text[:end]
	}
	f := &Failure{Kind: ByRace, Test: e.deepest(name), Text: "Two goroutines use the same memory, and at least one writes to it (data race):"}
	for _, a := range accesses(text, root) {
		if f.File == "" {
			f.File, f.Line = a.file, a.line
		}
		f.Text += fmt.Sprintf("\n  %s at %s:%d, in %s", a.what, a.file, a.line, a.fn)
	}
	return f
}

// access is one of the two sides of a race.
type access struct {
	what string // "write", "previous read"
	call
}

var accessLine = regexp.MustCompile(`^((?:Previous )?(?:atomic )?(?:[Rr]ead|[Ww]rite)) at 0x[0-9a-f]+ by `)

// accesses reads the two sides of a report, each with its innermost call in
// the learner's code, or else in the repository.
func accesses(text []string, root string) []access {
	var sides []access
	open := false // a side's stack
	for i, l := range text {
		if m := accessLine.FindStringSubmatch(l); m != nil {
			sides, open = append(sides, access{what: strings.ToLower(m[1])}), true
			continue
		}
		if l == "" {
			open = false // what follows tells who started the goroutines
		}
		m := placeLine.FindStringSubmatch("\t" + strings.TrimSpace(l))
		if m == nil || !open || i == 0 {
			continue
		}
		a := &sides[len(sides)-1]
		file := below(root, m[1])
		if file == "" || learners(a.file) || a.file != "" && !learners(file) {
			continue
		}
		a.file, a.fn = file, shortName(strings.TrimSpace(text[i-1]))
		a.line, _ = strconv.Atoi(m[2])
	}
	return sides
}
