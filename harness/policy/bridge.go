package policy

import (
	"go/ast"
	"path"
	"strconv"
	"strings"
)

// bridges finds bridges that do more than hand on: X is always the solution's
// own X, as an alias, a constant, a variable, or a function of one line.
func bridges(h *House) []Finding {
	var found []Finding
	for _, k := range h.Katas {
		f := h.file(k.Dir + "/bridge.go")
		if f == nil || f.ast == nil {
			continue // layout finds that
		}
		b := handsOn{from: importName(f, modulePath+"/solutions/"+k.ID)}
		for _, d := range f.ast.Decls {
			for _, at := range b.decl(d) {
				found = append(found, h.find(f, at, "more than a bridge does: want only names handed on from "+
					"the solution as they are (type X = s.X, var X = s.X, func X(a A) B { return s.X(a) })"))
			}
		}
	}
	return found
}

// importName returns the name by which a file calls an import.
func importName(f *file, imp string) string {
	for _, spec := range f.ast.Imports {
		if got, err := strconv.Unquote(spec.Path.Value); err != nil || got != imp {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imp)
	}
	return ""
}

// handsOn looks for declarations that do not hand on from the package that the
// file calls by that name.
type handsOn struct{ from string }

// decl returns the parts of a declaration that do something else.
func (b handsOn) decl(d ast.Decl) []ast.Node {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !b.forwards(d) {
			return []ast.Node{d}
		}
	case *ast.GenDecl:
		var others []ast.Node
		for _, spec := range d.Specs {
			if !b.spec(spec) {
				others = append(others, spec)
			}
		}
		return others
	}
	return nil
}

func (b handsOn) spec(spec ast.Spec) bool {
	switch s := spec.(type) {
	case *ast.ImportSpec: // "_" imports for what the package does, "." hides whose a name is
		return s.Name == nil || s.Name.Name != "_" && s.Name.Name != "."
	case *ast.TypeSpec:
		return s.Assign.IsValid() && b.is(s.Type, s.Name.Name)
	case *ast.ValueSpec:
		if s.Type != nil || len(s.Names) != len(s.Values) {
			return false
		}
		for i, name := range s.Names {
			if !b.is(s.Values[i], name.Name) {
				return false
			}
		}
		return true
	}
	return false
}

// is says whether an expression is the solution's name.
func (b handsOn) is(x ast.Expr, name string) bool {
	sel, ok := x.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == b.from
}

// forwards says whether a function is one call of the solution's function of
// the same name with the same arguments in the same order.
func (b handsOn) forwards(fn *ast.FuncDecl) bool {
	if fn.Recv != nil || fn.Body == nil || len(fn.Body.List) != 1 {
		return false
	}
	var x ast.Expr
	switch s := fn.Body.List[0].(type) {
	case *ast.ExprStmt:
		x = s.X
	case *ast.ReturnStmt:
		if len(s.Results) == 1 {
			x = s.Results[0]
		}
	}
	call, ok := x.(*ast.CallExpr)
	if !ok || !b.is(call.Fun, fn.Name.Name) {
		return false
	}
	var args []string
	for _, arg := range call.Args {
		id, ok := arg.(*ast.Ident)
		if !ok {
			return false
		}
		args = append(args, id.Name)
	}
	return strings.Join(args, ", ") == names(fn.Type.Params)
}
