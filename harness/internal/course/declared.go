package course

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// listing is what declared returns.
type listing struct {
	tests []string
	err   error
}

// declared returns the names of the tests, fuzz targets and examples with
// output that go test runs for the package, in the order in which it runs
// them. Asking go test -list would cost a second start of it.
func declared(s Spec) listing {
	files, err := s.testFiles()
	if err != nil {
		return listing{err: err}
	}
	list := append(functions(files, "Test", "T"), functions(files, "Fuzz", "F")...)
	for _, f := range files {
		list = append(list, examples(f)...)
	}
	return listing{tests: list}
}

// testFiles parses the test files that the Spec's tags and system choose, in
// go test's order: those of the package, then those of its external tests.
func (s Spec) testFiles() ([]*ast.File, error) {
	dir := filepath.Join(s.Root, filepath.FromSlash(s.Package))
	over, err := readOverlay(s)
	if err != nil {
		return nil, err
	}
	names, err := over.files(dir)
	if err != nil {
		return nil, err
	}
	ctx := build.Default
	ctx.BuildTags = append(ctx.BuildTags, s.Tags...)
	if s.Race {
		ctx.BuildTags = append(ctx.BuildTags, "race")
	}
	ctx.OpenFile = over.open

	fset := token.NewFileSet()
	var inside, outside []*ast.File // package name, package name_test
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		if ok, err := ctx.MatchFile(dir, name); err != nil || !ok {
			if err != nil {
				return nil, err
			}
			continue
		}
		f, err := over.parse(fset, filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if strings.HasSuffix(f.Name.Name, "_test") {
			outside = append(outside, f)
		} else {
			inside = append(inside, f)
		}
	}
	return append(inside, outside...), nil
}

// functions returns the names of the top-level functions func NameX(*testing.T).
func functions(files []*ast.File, prefix, param string) []string {
	var names []string
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if ok && fn.Recv == nil && named(fn.Name.Name, prefix) && takes(fn, param) {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}

// named says whether name is prefix alone, or goes on with what is not a
// lower-case letter: Testify is not a test.
func named(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	r, _ := utf8.DecodeRuneInString(rest)
	return ok && (rest == "" || !unicode.IsLower(r))
}

// takes says whether fn takes one pointer to a type named param, by whatever
// name testing was imported.
func takes(fn *ast.FuncDecl, param string) bool {
	list := fn.Type.Params.List
	if len(list) != 1 || len(list[0].Names) > 1 {
		return false
	}
	ptr, ok := list[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	switch t := ptr.X.(type) {
	case *ast.SelectorExpr:
		return t.Sel.Name == param
	case *ast.Ident:
		return t.Name == param
	}
	return false
}

// examples returns the names of f's examples that have output to compare; go
// test compiles the others without running them.
func examples(f *ast.File) []string {
	var names []string
	all := doc.Examples(f)
	slices.SortFunc(all, func(a, b *doc.Example) int { return a.Order - b.Order })
	for _, e := range all {
		if e.Output != "" || e.EmptyOutput {
			names = append(names, "Example"+e.Name)
		}
	}
	return names
}

// overlay is the content of a file for go test -overlay: path to path, where
// "" hides a file.
type overlay map[string]string

func readOverlay(s Spec) (overlay, error) {
	if s.Overlay == "" {
		return nil, nil
	}
	src, err := os.ReadFile(s.Overlay)
	if err != nil {
		return nil, err
	}
	var file struct{ Replace map[string]string }
	if err := json.Unmarshal(src, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Overlay, err)
	}
	over := overlay{}
	for from, to := range file.Replace {
		over[absolute(s.Root, from)] = absolute(s.Root, to)
	}
	return over, nil
}

func absolute(root, name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(root, name)
}

// files returns the names of dir's files, sorted, as the overlay leaves them.
func (o overlay) files(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && o == nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if to, ok := o[filepath.Join(dir, e.Name())]; !ok || to != "" {
			names = append(names, e.Name())
		}
	}
	for from, to := range o {
		if filepath.Dir(from) == dir && to != "" && !slices.Contains(names, filepath.Base(from)) {
			names = append(names, filepath.Base(from))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (o overlay) open(name string) (io.ReadCloser, error) {
	if to, ok := o[name]; ok && to != "" {
		name = to
	}
	return os.Open(name)
}

func (o overlay) parse(fset *token.FileSet, name string) (*ast.File, error) {
	r, err := o.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return parser.ParseFile(fset, name, r, parser.ParseComments|parser.SkipObjectResolution)
}
