package policy

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// documented is what a reader of the source is told about one exported name.
type documented struct {
	text string
	file *file
	at   ast.Node
}

// sameDocs finds names that the stub's source and the solution's explain
// differently: doc comments, and the names of parameters and results.
func sameDocs(h *House) []Finding {
	var found []Finding
	for _, k := range h.Katas {
		stub, want := docsOf(h, k.Dir, "!solution"), docsOf(h, "solutions/"+k.ID, "solution")
		for _, name := range slices.Sorted(maps.Keys(want)) {
			got, ok := stub[name]
			if !ok || got.text == want[name].text {
				continue // what is missing, sameAPI finds
			}
			found = append(found, h.find(got.file, got.at, name+": the solution says it otherwise:\n"+firstDifference(got.text, want[name].text)))
		}
	}
	return found
}

// firstDifference shows the first line that differs.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	i := 0
	for i < len(g)-1 && i < len(w)-1 && g[i] == w[i] {
		i++
	}
	return "  here:     " + g[i] + "\n  solution: " + w[i]
}

// docsOf returns what the files of a folder that have this build tag say about
// each exported name, and about the package (under "package").
func docsOf(h *House, dir, tag string) map[string]documented {
	out := map[string]documented{}
	for _, f := range h.under(dir) {
		if f.ast == nil || f.isTest() || f.tag() != tag {
			continue
		}
		add := func(name string, at ast.Node, texts ...string) {
			if ast.IsExported(name[strings.LastIndex(name, ".")+1:]) || name == "package" {
				out[name] = documented{strings.TrimSpace(strings.Join(texts, "\n")), f, at}
			}
		}
		if f.ast.Doc != nil {
			add("package", f.ast.Name, f.ast.Doc.Text())
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				add(funcName(d), d, d.Doc.Text(), "parameters: "+names(d.Type.Params), "results: "+names(d.Type.Results))
			case *ast.GenDecl:
				docsOfSpecs(add, d)
			}
		}
	}
	return out
}

func docsOfSpecs(add func(string, ast.Node, ...string), d *ast.GenDecl) {
	group := d.Doc.Text() // of a group, it stands above each of its names
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			if d.Tok == token.VAR || d.Tok == token.CONST {
				for _, name := range s.Names {
					add(name.Name, name, group, s.Doc.Text(), s.Comment.Text())
				}
			}
		case *ast.TypeSpec:
			add(s.Name.Name, s, group, s.Doc.Text(), s.Comment.Text())
			docsOfFields(add, s)
		}
	}
}

// docsOfFields adds the fields of a struct and the methods of an interface.
func docsOfFields(add func(string, ast.Node, ...string), s *ast.TypeSpec) {
	var list *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		list = t.Fields
	case *ast.InterfaceType:
		list = t.Methods
	default:
		return
	}
	for _, field := range list.List {
		for _, name := range field.Names {
			add(s.Name.Name+"."+name.Name, name, field.Doc.Text(), field.Comment.Text())
		}
	}
}

// funcName returns "Parse", or "Header.String" for a method.
func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// names returns the names in a list of parameters: "msg, off".
func names(list *ast.FieldList) string {
	var all []string
	if list != nil {
		for _, field := range list.List {
			for _, name := range field.Names {
				all = append(all, name.Name)
			}
		}
	}
	return strings.Join(all, ", ")
}
