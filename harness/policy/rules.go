package policy

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"

	"github.com/example/netkata/harness/internal/readme"
)

// rulesAndTests finds tests without a rule and rules without a test: what is
// demanded stands in the README, and what stands there is judged.
func rulesAndTests(h *House) []Finding {
	var found []Finding
	for _, k := range h.Katas {
		f := h.file(k.Dir + "/README.md")
		if f == nil {
			continue // layout finds that
		}
		doc := readme.Parse(f.src)
		tested := map[int]bool{}
		for _, f := range h.under(k.Dir) {
			if f.ast == nil || !f.isTest() {
				continue
			}
			found = append(found, rulesOfTests(h, f, doc, tested)...)
		}
		for _, r := range doc.Rules {
			if !tested[r.Number] {
				found = append(found, Finding{f.Path, r.Line, fmt.Sprintf("no test calls rule.New(t, %d)", r.Number)})
			}
		}
	}
	return found
}

// rulesOfTests adds the rules that the tests of one file name to tested.
func rulesOfTests(h *House, f *file, doc readme.Doc, tested map[int]bool) []Finding {
	var found []Finding
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		var calls []*ast.CallExpr
		for _, by := range namesRule {
			calls = append(calls, callsOf(fn, by[0], by[1])...)
		}
		found = append(found, outerTest(h, f, calls)...)
		if isTestFunc(fn) && len(calls) == 0 {
			found = append(found, h.find(f, fn, fn.Name.Name+" names no rule: call rule.New(t, number)"))
		}
		for _, call := range calls {
			n, ok := literal(call)
			if !ok {
				of, name := callee(call)
				found = append(found, h.find(f, call, of+"."+name+" wants its number written out, so that one can look for it"))
			} else if _, ok := doc.Rule(n); !ok {
				found = append(found, h.find(f, call, fmt.Sprintf("the README has no rule %d", n)))
			}
			if isTestFunc(fn) {
				tested[n] = true
			}
		}
	}
	return found
}

// namesRule lists the functions whose second argument is the number of a rule.
var namesRule = [][2]string{{"rule", "New"}, {"bubble", "Run"}, {"bubble", "Property"}, {"loopback", "Run"}}

// outerTest finds functions run in a bubble that use what only works outside:
// t.Context for b.Context, for example.
func outerTest(h *House, f *file, calls []*ast.CallExpr) []Finding {
	var found []Finding
	for _, call := range calls {
		t, ok := call.Args[0].(*ast.Ident)
		if of, _ := callee(call); !ok || of != "bubble" {
			continue
		}
		for _, name := range []string{"Context", "Run", "Parallel", "Deadline"} {
			for _, use := range callsOf(call.Args[len(call.Args)-1], t.Name, name) {
				found = append(found, h.find(f, use, t.Name+"."+name+" does not work in a bubble: there are b.Context and b.Cleanup"))
			}
		}
	}
	return found
}

// isTestFunc says whether go test runs the function as a test or a fuzz target.
func isTestFunc(fn *ast.FuncDecl) bool {
	name := fn.Name.Name
	return fn.Recv == nil && name != "TestMain" && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz"))
}

// literal returns the second argument of a call, if it is a number.
func literal(call *ast.CallExpr) (int, bool) {
	if len(call.Args) < 2 {
		return 0, false
	}
	lit, ok := call.Args[1].(*ast.BasicLit)
	if !ok || lit.Kind != token.INT {
		return 0, false
	}
	n, err := strconv.Atoi(lit.Value)
	return n, err == nil
}

// callsOf returns the calls of pkg.name below a node.
func callsOf(under ast.Node, pkg, name string) []*ast.CallExpr {
	var calls []*ast.CallExpr
	ast.Inspect(under, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if p, fn := callee(call); p == pkg && fn == name {
				calls = append(calls, call)
			}
		}
		return true
	})
	return calls
}

// callee returns "time", "Sleep" for time.Sleep(…), and "", "println" for a
// call without a dot.
func callee(call *ast.CallExpr) (of, name string) {
	switch fn := call.Fun.(type) {
	case *ast.Ident:
		return "", fn.Name
	case *ast.SelectorExpr:
		if x, ok := fn.X.(*ast.Ident); ok {
			of = x.Name
		}
		return of, fn.Sel.Name
	}
	return "", ""
}
