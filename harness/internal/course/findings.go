package course

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
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
func (e *events) race(name string) *Failure {
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
	return &Failure{Kind: ByRace, Test: e.deepest(name), Text: "Two goroutines use the same memory at once (data race):\n\n" + strings.Join(text, "\n")}
}
