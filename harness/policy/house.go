package policy

import (
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/example/netkata/harness/internal/course"
)

// modulePath is how the packages of this repository begin.
const modulePath = "github.com/example/netkata"

// House is the repository as the rules see it. See Open.
type House struct {
	Index   course.Index  // every kata
	Katas   []course.Kata // those that are judged
	LeftOut []string      // the IDs of the others

	files []*file // of what is judged, by path
	fset  *token.FileSet
}

// Scope says which katas are judged.
type Scope int

const (
	// Everything judges every kata, and what stands beside them.
	Everything Scope = iota
	// Shipped judges the katas that are as they were shipped.
	//
	// This is what the tests of this package judge. In a learner's clone,
	// "go test -tags solution ./..." must stay green whatever they typed, and
	// their stubs are files of the repository like any other. So a kata is left
	// out once one of its files no longer has its sum in katas/stubs.sum, and so
	// is each kata that builds on it, and what else they put under katas/. The
	// author's check judges Everything, and there a wrong sum is a finding:
	// nothing can slip in by being left out.
	Shipped
)

// Open reads the repository at root.
func Open(root string, scope Scope) (*House, error) {
	x, err := course.ReadIndex(root)
	if err != nil {
		return nil, err
	}
	h := &House{Index: x, Katas: x.Katas, fset: token.NewFileSet()}
	if scope == Shipped {
		if err := h.leaveOutTouched(); err != nil {
			return nil, err
		}
	}
	return h, h.read(scope)
}

func (h *House) leaveOutTouched() error {
	s, err := course.ReadSums(h.Index.Root)
	if err != nil {
		return err
	}
	h.Katas = nil
	for _, k := range h.Index.Katas {
		touched, err := touched(h.Index, k, s)
		if err != nil {
			return err
		}
		if touched || slices.ContainsFunc(k.Needs, h.leftOut) {
			h.LeftOut = append(h.LeftOut, k.ID)
			continue
		}
		h.Katas = append(h.Katas, k)
	}
	return nil
}

func (h *House) leftOut(id string) bool { return slices.Contains(h.LeftOut, id) }

// read reads every file that the scope holds. A file of Go that does not parse
// has no syntax tree: the compiler says more about it than a rule could.
func (h *House) read(scope Scope) error {
	tree := os.DirFS(h.Index.Root)
	return fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if isHidden(name) || scope == Shipped && h.isForeign(name) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || ignored(name) || scope == Shipped && isForeignFile(name) {
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		f := &file{Path: name, src: string(src)}
		if strings.HasSuffix(name, ".go") {
			f.ast, _ = parser.ParseFile(h.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		}
		h.files = append(h.files, f)
		return nil
	})
}

// isHidden says whether a folder belongs to git, to an editor or to the kata
// tool.
func isHidden(dir string) bool {
	return strings.HasPrefix(path.Base(dir), ".") && dir != "." && dir != ".ci"
}

var (
	rooms     = []string{".", ".ci", "harness", "katas", "pb", "proto", "solutions", "testdata", "tools"}
	rootFiles = []string{".gitattributes", ".gitignore", "LICENSE", "README.md", "Taskfile.yml", "buf.gen.yaml", "buf.yaml", "go.mod", "go.sum"}
)

// isForeign says whether a folder belongs to the learner: that of a kata left
// out, one that is no kata, or one that the house does not have.
func (h *House) isForeign(dir string) bool {
	id, ok := strings.CutPrefix(dir, "katas/")
	switch {
	case !ok:
		return !strings.Contains(dir, "/") && !slices.Contains(rooms, dir)
	case !strings.Contains(id, "/"):
		return len(h.Index.Track(id)) == 0
	}
	return !slices.ContainsFunc(h.Katas, func(k course.Kata) bool { return k.ID == id })
}

// isForeignFile says whether a file beside go.mod belongs to the learner.
func isForeignFile(name string) bool {
	return !strings.Contains(name, "/") && !slices.Contains(rootFiles, name)
}

// ignored says whether git ignores the file: what go test leaves behind.
func ignored(name string) bool {
	return slices.Contains([]string{".test", ".prof"}, path.Ext(name))
}

// under returns the files below a folder, or the file of that name.
func (h *House) under(dir string) []*file {
	var found []*file
	for _, f := range h.files {
		if f.Path == dir || strings.HasPrefix(f.Path, dir+"/") {
			found = append(found, f)
		}
	}
	return found
}

// file returns the file of that path, or nil.
func (h *House) file(name string) *file {
	i := slices.IndexFunc(h.files, func(f *file) bool { return f.Path == name })
	if i < 0 {
		return nil
	}
	return h.files[i]
}

// line returns the line of a place in a syntax tree.
func (h *House) line(at ast.Node) int { return h.fset.Position(at.Pos()).Line }

// find returns a Finding at a place in a syntax tree.
func (h *House) find(f *file, at ast.Node, text string) Finding {
	return Finding{f.Path, h.line(at), text}
}

// file is one file of the repository.
type file struct {
	Path string // below the root, slash-separated
	src  string
	ast  *ast.File // nil when it is not Go
}

func (f *file) name() string { return path.Base(f.Path) }
func (f *file) isTest() bool { return strings.HasSuffix(f.Path, "_test.go") }

// tag returns the build constraint, "" when there is none: "!solution".
func (f *file) tag() string {
	for _, group := range f.ast.Comments {
		if group.Pos() > f.ast.Package {
			break
		}
		for _, c := range group.List {
			if expr, err := constraint.Parse(c.Text); err == nil {
				return expr.String()
			}
		}
	}
	return ""
}

// part says what a file of Go is in this house, and the ID of its kata if it
// has one.
func (f *file) part() (part, string) {
	at := strings.Split(f.Path, "/")
	switch {
	case len(at) == 4 && at[0] == "katas":
		id := at[1] + "/" + at[2]
		switch {
		case f.isTest():
			return kataTest, id
		case f.name() == "bridge.go":
			return bridge, id
		}
		return stub, id
	case len(at) == 4 && at[0] == "solutions":
		return solution, at[1] + "/" + at[2]
	case len(at) == 6 && at[0] == "testdata" && at[1] == "right":
		return right, at[2] + "/" + at[3]
	case len(at) == 5 && at[0] == "harness" && (at[1] == "serve" || at[1] == "real"):
		return server, at[2] + "/" + at[3]
	case at[0] == "harness":
		return helper, ""
	case at[0] == "pb":
		return generated, ""
	}
	return "", ""
}
