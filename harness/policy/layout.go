package policy

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// layout finds katas that lack one of their files or folders, and folders that
// no line of the index names.
func layout(h *House) []Finding {
	var found []Finding
	for _, k := range h.Katas {
		if strings.ContainsAny(k.ID, "0123456789") {
			found = append(found, Finding{k.Dir, 0, "a number in the name: the order stands in katas/index.txt"})
		}
		for _, want := range []string{
			k.Dir + "/README.md", k.File(), k.Dir + "/bridge.go", k.Dir + "/" + k.Name + "_test.go",
			"solutions/" + k.ID + "/" + k.Name + ".go", "testdata/wrong/" + k.ID + ".txt",
		} {
			if h.file(want) == nil {
				found = append(found, Finding{want, 0, "is missing"})
			}
		}
		if len(h.under("testdata/right/"+k.ID)) == 0 {
			found = append(found, Finding{"testdata/right/" + k.ID, 0, "is missing: another right solution, in a folder named after its habit"})
		}
		found = append(found, packageNames(h, k.ID, k.Name)...)
	}
	return append(found, strangers(h)...)
}

// packageNames finds files whose package is not named after the folder, and
// tests that are inside it: tests see what a learner's caller would.
func packageNames(h *House, id, name string) []Finding {
	var found []Finding
	for _, tree := range []string{"katas/", "solutions/", "testdata/right/"} {
		for _, f := range h.under(tree + id) {
			if f.ast == nil {
				continue
			}
			want := name
			if what, _ := f.part(); what == kataTest {
				want += "_test"
			} else if f.isTest() {
				found = append(found, Finding{f.Path, 1, "a test does not belong here: the kata's tests judge every solution"})
			}
			if f.ast.Name.Name != want {
				found = append(found, h.find(f, f.ast.Name, fmt.Sprintf("package %s, want %s", f.ast.Name.Name, want)))
			}
		}
	}
	for _, tree := range []string{"solutions/", "testdata/right/"} {
		for _, f := range h.under(tree + id) {
			if f.ast != nil && f.tag() != "solution" {
				found = append(found, Finding{f.Path, 1, "want the build tag solution"})
			}
		}
	}
	return found
}

var ofKata = regexp.MustCompile(`^(?:katas|solutions|testdata/wrong|testdata/right)/([^/]+)/([^/]+?)(?:/.*|\.txt)$`)

// strangers finds files in the folders of katas that the index does not list.
func strangers(h *House) []Finding {
	seen := map[string]bool{}
	var found []Finding
	for _, f := range h.files {
		m := ofKata.FindStringSubmatch(f.Path)
		if m == nil {
			continue
		}
		id := m[1] + "/" + m[2]
		if !isListed(h.Index, id) && !seen[id] {
			seen[id] = true
			found = append(found, Finding{path.Dir(f.Path), 0, "katas/index.txt has no line for " + id})
		}
	}
	return found
}

// leftovers finds what people put in while they work and forget to take out.
func leftovers(h *House) []Finding {
	var found []Finding
	for _, f := range h.files {
		if f.ast == nil {
			continue
		}
		what, _ := f.part()
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if text := leftover(f, what, call); text != "" {
				found = append(found, h.find(f, call, text))
			}
			return true
		})
	}
	return found
}

var (
	prints = []string{"Print", "Printf", "Println"}
	skips  = []string{"Skip", "Skipf", "SkipNow", "Short"}
)

// leftover says why a call does not belong into the file, or "".
func leftover(f *file, what part, call *ast.CallExpr) string {
	of, name := callee(call)
	switch {
	case what == kataTest && of == "time" && name == "Sleep":
		return "time.Sleep in a test: wait for what is to happen, or use fake time (harness/bubble)"
	case what == kataTest && slices.Contains(skips, name):
		return of + "." + name + ": a test that does not run proves nothing"
	case f.isTest() && of == "net" && fixedPort(call):
		return "a fixed port: another program may have it; use port 0"
	case (what == solution || what == right) && (of == "fmt" && slices.Contains(prints, name) || of == "" && (name == "print" || name == "println")):
		return name + " writes to the terminal: left over from debugging?"
	}
	return ""
}

var port = regexp.MustCompile(`:[1-9][0-9]*"$`)

// fixedPort says whether a call of package net has an address with a port
// other than 0 written into it.
func fixedPort(call *ast.CallExpr) bool {
	fixed := false
	for _, arg := range call.Args {
		ast.Inspect(arg, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				fixed = fixed || port.MatchString(n.Value)
			case *ast.KeyValueExpr:
				key, _ := n.Key.(*ast.Ident)
				lit, _ := n.Value.(*ast.BasicLit)
				fixed = fixed || key != nil && key.Name == "Port" && lit != nil && lit.Value != "0"
			}
			return true
		})
	}
	return fixed
}

// Places of one machine, and how a path there looks. They are written so that
// they do not find themselves.
var (
	homes       = []string{"/" + "home/", "/" + "Users/"}
	places      = append([]string{"/" + "work/", "/" + "tmp/", "/" + "root/", "/" + "private/", ":" + `\Users\`}, homes...)
	machinePath = regexp.MustCompile(`(^|[^\w.>/-])(/(?:work|tmp|home|root|Users|private)/[\w.-]+|[A-Z]:\\Users\\)`)
)

// machinePaths finds paths that exist on one machine only.
func machinePaths(h *House) []Finding {
	var found []Finding
	for _, f := range h.files {
		for i, line := range strings.Split(f.src, "\n") {
			if !slices.ContainsFunc(places, func(p string) bool { return strings.Contains(line, p) }) {
				continue // the pattern takes a hundred times as long
			}
			for _, m := range machinePath.FindAllStringSubmatch(line, -1) {
				if !isExample(m[2]) {
					found = append(found, Finding{f.Path, i + 1, "a path of one machine: " + m[2]})
				}
			}
		}
	}
	return found
}

// isExample says whether a path is nobody's: /home/me stands for any home.
func isExample(name string) bool {
	dir, user := path.Split(name)
	return slices.Contains(homes, dir) && (user == "me" || user == "you")
}
