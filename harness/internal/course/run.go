package course

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/example/netkata/harness/internal/trace"
)

// Options are how a learner's kata is run.
type Options struct {
	Timeout time.Duration  // see Spec
	Seed    uint64         // of the data that tests draw, 0 for the default; the environment's comes before it
	First   func(*Failure) // see Spec
}

// Run judges the learner's solution of k: as Test does, and besides it is only
// Green when the kata's tests are the ones that were shipped. The race detector
// is on where the kata is concurrent and this machine has it.
func (x Index) Run(ctx context.Context, k Kata, o Options) (Verdict, error) {
	s := Spec{Root: x.Root, Package: k.Dir, Timeout: o.Timeout, First: o.First}
	concurrent := s.uses(concurrency...)
	var drawn uint64
	if s.uses("draw") {
		var err error
		if drawn, err = seed(o.Seed); err != nil {
			return Verdict{}, err
		}
		s.Seeds = strconv.FormatUint(drawn, 10)
	}
	s.Race = concurrent && raceDetector() == nil

	type shipped struct {
		folder Folder
		err    error
	}
	look := make(chan shipped, 1)
	go func() { // while the tests run
		sums, err := ReadSums(x.Root)
		if err != nil {
			look <- shipped{err: err}
			return
		}
		f, err := x.Folder(k, sums)
		look <- shipped{f, err}
	}()
	v, err := Test(ctx, s)
	found := <-look
	if err = errors.Join(err, found.err); err != nil {
		return v, err
	}
	v.Folder, v.Seed = found.folder, drawn
	v.checkShipped(k)
	if concurrent && !s.Race {
		v.Notes = append(v.Notes, "The race detector was off: "+raceDetector().Error()+".")
	}
	for _, name := range x.untagged(v.Folder) {
		v.Notes = append(v.Notes, name+" has no line //go:build !solution: go test -tags solution ./... may not build with it.")
	}
	return v, nil
}

// checkShipped takes the green away from a run of other tests than the
// kata's own. A red one stays: what failed is told, and this beside it.
func (v *Verdict) checkShipped(k Kata) {
	why := ""
	switch f := v.Folder; {
	case !f.Known:
		why = fmt.Sprintf("%s has no line for %s, so nobody can tell whether its tests are\nthe ones that belong to it.", sumsFile, k.ID)
	case len(f.Tampered) > 0:
		why = fmt.Sprintf("Not as it was shipped: %s.\nThis brings it back, and leaves your code as it is:\n  go tool kata reset --tests %s",
			strings.Join(f.Tampered, ", "), k.ID)
	default:
		return
	}
	if v.State != Green {
		v.Notes = append(v.Notes, why)
		return
	}
	v.State = CannotSay
	v.First = &Failure{Kind: ByTamper, Text: "Every test passed, but that proves nothing yet.\n" + why}
	if len(v.Folder.Tampered) > 0 {
		v.First.File = v.Folder.Tampered[0]
	}
}

// concurrency is what tests import when their kata is concurrent: a helper that
// is a network, or package sync.
var concurrency = []string{"memnet", "bubble", "loopback", "grpctest", "sync"}

// uses says whether the package's tests import one of those helpers, or packages
// of the standard library.
func (s Spec) uses(packages ...string) bool {
	names, _ := filepath.Glob(filepath.Join(s.Root, filepath.FromSlash(s.Package), "*_test.go"))
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err == nil && slices.ContainsFunc(f.Imports, func(spec *ast.ImportSpec) bool {
			dir, name := path.Split(strings.Trim(spec.Path.Value, "`\""))
			return (dir == "" || strings.HasSuffix(dir, "/harness/")) && slices.Contains(packages, name)
		}) {
			return true
		}
	}
	return false
}

// seed returns the environment's seed, or else the one given, or else 1.
func seed(given uint64) (uint64, error) {
	if s := os.Getenv(trace.SeedEnv); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s=%s: want a number", trace.SeedEnv, s)
		}
		return n, nil
	}
	return max(1, given), nil
}

// raceDetector says why this machine has no race detector, nil when it has
// one. See go help build, -race.
func raceDetector() error {
	where := runtime.GOOS + "/" + runtime.GOARCH
	switch where {
	case "darwin/amd64", "darwin/arm64":
		return nil // needs no C compiler there
	case "linux/amd64", "linux/arm64", "linux/ppc64le", "linux/s390x", "linux/loong64", "freebsd/amd64", "netbsd/amd64", "windows/amd64":
	default:
		return fmt.Errorf("there is none for %s", where)
	}
	if os.Getenv("CGO_ENABLED") == "0" {
		return errors.New("it needs cgo, and CGO_ENABLED is 0")
	}
	compilers := []string{"gcc", "clang", "cc"}
	if cc := strings.Fields(os.Getenv("CC")); len(cc) > 0 {
		compilers = cc[:1]
	}
	for _, cc := range compilers {
		if _, err := exec.LookPath(cc); err == nil {
			return nil
		}
	}
	return fmt.Errorf("it needs a C compiler (%s)", compilers[0])
}

// untagged returns the learner's own Go files, tests aside, that lack the
// build constraint of the stub.
func (x Index) untagged(f Folder) []string {
	var names []string
	for _, name := range f.Extra {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(x.Root, filepath.FromSlash(name)))
		if err == nil && !strings.Contains(string(src), "\n//go:build !solution") && !strings.HasPrefix(string(src), "//go:build !solution") {
			names = append(names, name)
		}
	}
	return names
}

// Unwritten is a function whose body is still that of the stub, a variable whose
// text is still marked TODO, or such a mark in a file that is not Go.
type Unwritten struct {
	Name string // "Parse", "Server.Handle"; of a mark, what stands behind it
	File string // below the root, with slashes
	Line int
}

// Unwritten returns what nobody has written yet in the learner's files.
func (x Index) Unwritten(f Folder) []Unwritten {
	var list []Unwritten
	for _, name := range f.Own {
		if !strings.HasSuffix(name, ".go") {
			list = append(list, marks(x.Root, name)...)
			continue
		}
		fset := token.NewFileSet()
		src, err := parser.ParseFile(fset, filepath.Join(x.Root, filepath.FromSlash(name)), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		for _, d := range src.Decls {
			if n := declaredName(d); n != "" && (isTodo(d) || isBlank(d, src.Comments)) {
				list = append(list, Unwritten{n, name, fset.Position(d.Pos()).Line})
			}
		}
	}
	return list
}

// todoMark is a comment that begins with TODO.
var todoMark = regexp.MustCompile(`^\s*(?://|/?\*|#)\s*TODO\b:?\s*(.*)`)

// marks returns the lines of a source of another language than Go that are
// marked TODO.
func marks(root, name string) []Unwritten {
	if !IsSource(name) {
		return nil
	}
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return nil
	}
	var list []Unwritten
	for i, line := range strings.Split(string(src), "\n") {
		if m := todoMark.FindStringSubmatch(line); m != nil {
			list = append(list, Unwritten{cmp.Or(strings.TrimSpace(m[1]), "TODO"), name, i + 1})
		}
	}
	return list
}

// isTodo says whether todo.Err, or a text with TODO in it, stands in d.
func isTodo(d ast.Decl) bool {
	found := false
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			pkg, ok := n.X.(*ast.Ident)
			found = found || ok && pkg.Name == "todo" && n.Sel.Name == "Err"
		case *ast.BasicLit:
			found = found || n.Kind == token.STRING && strings.Contains(n.Value, "TODO")
		}
		return !found
	})
	return found
}

// isBlank says whether d is a function that does nothing and has the comment of
// a stub: one without an error to return has no todo.Err in it.
func isBlank(d ast.Decl, comments []*ast.CommentGroup) bool {
	fn, ok := d.(*ast.FuncDecl)
	if !ok || fn.Body == nil || !slices.ContainsFunc(comments, func(c *ast.CommentGroup) bool {
		return fn.Body.Lbrace < c.Pos() && c.End() <= fn.Body.Rbrace && c.Text() == "TODO\n"
	}) {
		return false
	}
	switch body := fn.Body.List; len(body) {
	case 0:
		return true
	case 1:
		ret, ok := body[0].(*ast.ReturnStmt)
		return ok && !slices.ContainsFunc(ret.Results, func(x ast.Expr) bool { return !isPlain(x) })
	}
	return false
}

// isPlain says whether x is what stubs return: a literal, a name, an empty T{},
// its address, or new(T).
func isPlain(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.BasicLit, *ast.Ident:
		return true
	case *ast.CompositeLit:
		return len(x.Elts) == 0
	case *ast.UnaryExpr:
		return x.Op == token.AND && isPlain(x.X)
	case *ast.CallExpr:
		fn, ok := x.Fun.(*ast.Ident)
		return ok && fn.Name == "new"
	}
	return false
}

// declaredName returns the name of a function, or of the first variable of a
// declaration; "" for others.
func declaredName(d ast.Decl) string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return functionName(d)
	case *ast.GenDecl:
		if d.Tok == token.VAR && len(d.Specs) > 0 {
			return d.Specs[0].(*ast.ValueSpec).Names[0].Name
		}
	}
	return ""
}

// functionName returns "Parse", or "Server.Handle" for a method.
func functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return fn.Name.Name
	}
	t := fn.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + fn.Name.Name
	}
	return fn.Name.Name
}
