package policy

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"strings"
)

// stubs finds files of katas that are not as the learner should find them: a
// body that is written already, a rest of the solution, a wrong build tag. Of a
// hunt, the code is what the learner gets.
func stubs(h *House) []Finding {
	var found []Finding
	for _, k := range h.Katas {
		for _, f := range h.under(k.Dir) {
			if f.ast == nil {
				continue
			}
			what, _ := f.part()
			want := map[part]string{stub: "!solution", bridge: "solution"}[what]
			if got := f.tag(); got != want {
				found = append(found, Finding{f.Path, 1, fmt.Sprintf("%s has the build tag %q, want %q", what, got, want)})
			}
			if what == stub && !k.Hunt() {
				found = append(found, bodies(h, f)...)
				found = append(found, rests(h, f)...)
			}
		}
	}
	return found
}

// bodies finds functions of a stub that hold more, or less, than the mark and
// one return. Methods that only name a value are given.
func bodies(h *House, f *file) []Finding {
	var found []Finding
	if !strings.Contains(f.src+embedded(h, f), "TODO") { // in a comment, or in a text to fill
		return []Finding{{f.Path, 0, "nothing is marked TODO: what is there to write?"}}
	}
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil || isGiven(f, fn) {
			continue
		}
		if !marked(f, fn.Body) {
			found = append(found, h.find(f, fn, funcName(fn)+": a body of a stub is // TODO and a return"))
			continue
		}
		if !isUnwritten(fn) {
			found = append(found, h.find(f, fn, funcName(fn)+": marked TODO, so want nothing but a return, whose error is todo.Err"))
		}
	}
	return found
}

var embeds = regexp.MustCompile(`(?m)^//go:embed (\S+)$`)

// embedded returns the text of the files that a stub embeds for the learner to
// write.
func embedded(h *House, f *file) string {
	var text string
	for _, m := range embeds.FindAllStringSubmatch(f.src, -1) {
		if other := h.file(path.Dir(f.Path) + "/" + m[1]); other != nil {
			text += other.src
		}
	}
	return text
}

// marked says whether a comment in the body begins with TODO.
func marked(f *file, body *ast.BlockStmt) bool {
	for _, group := range f.ast.Comments {
		if body.Lbrace < group.Pos() && group.End() <= body.Rbrace && strings.HasPrefix(group.Text(), "TODO") {
			return true
		}
	}
	return false
}

// isGiven says whether a method only names a value, as those do that tell types
// apart: there is nothing to learn in writing them.
func isGiven(f *file, fn *ast.FuncDecl) bool {
	if fn.Recv == nil || fn.Type.Results.NumFields() != 1 || len(fn.Body.List) != 1 || marked(f, fn.Body) {
		return false
	}
	ret, ok := fn.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return false
	}
	sel, ok := ret.Results[0].(*ast.SelectorExpr)
	if !ok || sel.Sel.Name == "Err" {
		return false
	}
	_, ok = sel.X.(*ast.Ident)
	return ok
}

// isUnwritten says whether a body is only a return, of todo.Err where the
// function returns an error.
func isUnwritten(fn *ast.FuncDecl) bool {
	results := fn.Type.Results
	if results.NumFields() == 0 {
		return len(fn.Body.List) == 0
	}
	if len(fn.Body.List) != 1 {
		return false
	}
	ret, ok := fn.Body.List[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) == 0 {
		return false
	}
	last, ok := results.List[len(results.List)-1].Type.(*ast.Ident)
	if !ok || last.Name != "error" {
		return true
	}
	sel, ok := ret.Results[len(ret.Results)-1].(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Err" {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "todo"
}

// rests finds names that only the stub's own code could use, while a stub has
// no code: helpers left over from a solution, or a learner's.
func rests(h *House, f *file) []Finding {
	var found []Finding
	for _, name := range declared(f) {
		if !name.IsExported() && name.Name != "_" {
			found = append(found, h.find(f, name, name.Name+" is left over: a stub declares only what it exports"))
		}
	}
	return found
}

// declared returns the names that a file declares at its top level.
func declared(f *file) []*ast.Ident {
	var names []*ast.Ident
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			names = append(names, d.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					names = append(names, s.Names...)
				case *ast.TypeSpec:
					names = append(names, s.Name)
				}
			}
		}
	}
	return names
}
