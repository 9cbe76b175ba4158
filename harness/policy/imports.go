package policy

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/example/netkata/harness/internal/course"
)

// part is a kind of package in this house.
type part string

const (
	stub      part = "a stub"
	bridge    part = "a bridge"
	kataTest  part = "a kata's test"
	solution  part = "a solution"
	right     part = "a right solution"
	helper    part = "a harness helper"
	server    part = "a server program" // or one that lets real ones talk to a kata
	generated part = "generated code"
)

// mayImport says who may import whom. Besides import paths ("./" begins one of
// this repository, "/..." takes in what lies below) there are the words of
// matches.
var mayImport = []struct {
	part part
	kata string // "" for every kata
	may  []string
}{
	{stub, "", []string{"std", "./pb/...", "google.golang.org/grpc/...", "google.golang.org/protobuf/...",
		"google.golang.org/genproto/googleapis/rpc/...", "./harness/todo", "earlier katas of its track"}},
	// For the types of its signatures: std, pb, grpc and earlier katas.
	{bridge, "", []string{"std", "its own solution", "./pb/...", "google.golang.org/grpc/...", "earlier katas of its track"}},
	{kataTest, "", []string{"std", "its own kata", "earlier katas of its track", "./pb/...",
		"./harness/todo", "./harness/rule", "./harness/draw", "./harness/wire", "./harness/memnet", "./harness/bubble", "./harness/loopback", "./harness/grpctest",
		"google.golang.org/grpc/...", "google.golang.org/protobuf/...", "google.golang.org/genproto/googleapis/rpc/...",
		"github.com/google/go-cmp/...", "pgregory.net/rapid", "go.uber.org/goleak",
		"github.com/miekg/dns", "golang.org/x/net/dns/dnsmessage"}}, // the last two as oracles
	{kataTest, "grpc/define", []string{"github.com/bufbuild/protocompile/..."}},
	{solution, "", []string{"std", "./pb/...", "google.golang.org/grpc/...", "google.golang.org/protobuf/...",
		"google.golang.org/genproto/googleapis/rpc/...", "earlier solutions of its track"}}, // x/net and x/sys: a line for each kata that is about them
	{right, "", []string{"std", "./pb/...", "libraries", "earlier solutions of its track"}},
	{helper, "", []string{"std", "./pb/...", "./harness/...", "libraries"}},
	{server, "", []string{"std", "./pb/...", "google.golang.org/grpc/...", "./harness/serve", "./harness/serve/grpc", "./harness/real", "its own kata", "earlier katas of its track"}},
	{generated, "", []string{"std", "./pb/...", "libraries"}},
}

// imports finds packages that import what their part may not.
func imports(h *House) []Finding {
	var found []Finding
	for _, f := range h.files {
		if f.ast == nil {
			continue
		}
		what, id := f.part()
		if what == "" {
			found = append(found, Finding{f.Path, 0, "no Go belongs here: see the house in the README"})
			continue
		}
		may := allowed(what, id)
		for _, spec := range f.ast.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil || slices.ContainsFunc(may, func(m string) bool { return matches(h.Index, id, m, imp) }) {
				continue
			}
			found = append(found, h.find(f, spec, "imports "+imp+": "+string(what)+" may import only "+strings.Join(may, ", ")))
		}
	}
	return found
}

func allowed(what part, id string) []string {
	var may []string
	for _, row := range mayImport {
		if row.part == what && (row.kata == "" || row.kata == id) {
			may = append(may, row.may...)
		}
	}
	return may
}

// matches says whether the entry may of the table allows the kata of that ID
// to import imp.
func matches(x course.Index, id, may, imp string) bool {
	first, _, _ := strings.Cut(imp, "/")
	own := imp == modulePath || strings.HasPrefix(imp, modulePath+"/")
	switch may {
	case "std":
		return !strings.Contains(first, ".")
	case "libraries":
		return strings.Contains(first, ".") && !own
	case "its own kata":
		return imp == modulePath+"/katas/"+id
	case "its own solution":
		return imp == modulePath+"/solutions/"+id
	case "earlier katas of its track":
		return isEarlier(x, id, imp, "katas")
	case "earlier solutions of its track":
		return isEarlier(x, id, imp, "solutions")
	}
	if below, ok := strings.CutPrefix(may, "./"); ok {
		may = modulePath + "/" + below
	}
	if tree, ok := strings.CutSuffix(may, "/..."); ok {
		return imp == tree || strings.HasPrefix(imp, tree+"/")
	}
	return imp == may
}

// isEarlier says whether imp is a kata of the same track that the index lists
// before id, in that tree: katas or solutions.
func isEarlier(x course.Index, id, imp, tree string) bool {
	other, ok := strings.CutPrefix(imp, modulePath+"/"+tree+"/")
	if !ok || path.Dir(other) != path.Dir(id) {
		return false
	}
	for _, k := range x.Katas {
		switch k.ID {
		case id:
			return false
		case other:
			return true
		}
	}
	return false
}
