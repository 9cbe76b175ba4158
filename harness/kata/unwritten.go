package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"

	"github.com/example/netkata/harness/internal/course"
)

// tellUnwritten tells what a server program uses and nobody has written yet. The
// error says so too: then nothing can work, since what serves is not written.
func (a *app) tellUnwritten(k course.Kata) error {
	u, err := readUses(filepath.Join(a.index.Root, servers, filepath.FromSlash(k.ID)))
	if err != nil {
		return err
	}
	board, err := a.standings()
	if err != nil {
		return err
	}
	var list []course.Unwritten
	first, serving := "", 0
	for _, s := range board {
		if s.Status == course.Done {
			continue // whatever it has left as it was
		}
		for _, f := range a.index.Unwritten(s.Folder) {
			if !u.uses(s.ID, f.Name) {
				continue
			}
			list = append(list, f)
			first = cmp.Or(first, s.ID)
			if serves(f.Name) {
				serving++
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	text := fmt.Sprintf("not written yet, and needed to serve %s:%s\n  what to do: %s next %s", k.ID, places(list), self, first)
	if serving > 0 && serving == u.serving() {
		return errors.New(text)
	}
	a.warn("%s\n", text)
	return nil
}

// uses is what a server program calls of katas.
type uses struct {
	functions map[string]bool // "tcp/echo.Handle"
	katas     map[string]bool // their IDs
	methods   map[string]bool // "Handle", of whatever has one
}

// readUses reads the files of a server program.
func readUses(dir string) (uses, error) {
	u := uses{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return u, err
	}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			continue // the compiler says more about it
		}
		u.add(f)
	}
	return u, nil
}

func (u uses) add(f *ast.File) {
	imports := map[string]string{} // name to the ID of a kata, or ""
	for _, spec := range f.Imports {
		imported := strings.Trim(spec.Path.Value, "`\"")
		_, id, _ := strings.Cut(imported, "/katas/")
		name := imported[strings.LastIndex(imported, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		imports[name] = id
		u.katas[id] = true
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok {
			if id, ok := imports[x.Name]; ok {
				u.functions[id+"."+sel.Sel.Name] = id != ""
				return true
			}
		}
		u.methods[sel.Sel.Name] = true
		return true
	})
}

// uses says whether the program uses that function ("Handle") or method
// ("Server.Handle") of a kata.
func (u uses) uses(id, name string) bool {
	if _, method, ok := strings.Cut(name, "."); ok {
		return u.katas[id] && u.methods[method]
	}
	return u.functions[id+"."+name]
}

// serving counts what the program uses that serves.
func (u uses) serving() int {
	n := 0
	for name, ofKata := range u.functions {
		if ofKata && serves(name) {
			n++
		}
	}
	for name := range u.methods {
		if serves(name) {
			n++
		}
	}
	return n
}

// serves says whether a function or method, of whatever it is, has the name of
// those that serve.
func serves(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return name == "Serve" || name == "Handle"
}
