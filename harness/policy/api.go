package policy

import (
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// sameAPI finds katas whose bridge does not hand on, from the solution, the
// exported API of the stub: names, constant values, types, fields, methods.
func sameAPI(h *House) []Finding {
	if len(h.Katas) == 0 {
		return nil
	}
	stubs, err := h.load()
	if err != nil {
		return []Finding{{"katas", 0, err.Error()}}
	}
	bridges, err := h.load("-tags=solution")
	if err != nil {
		return []Finding{{"katas", 0, err.Error()}}
	}
	var found []Finding
	for _, k := range h.Katas {
		bridge := k.Dir + "/bridge.go"
		if stubs[k.ID] == nil || bridges[k.ID] == nil {
			found = append(found, Finding{bridge, 0, "the package is missing in one of the two modes"})
			continue
		}
		if errs := slices.Concat(stubs[k.ID].Errors, bridges[k.ID].Errors); len(errs) > 0 {
			found = append(found, Finding{k.Dir, 0, "does not compile: " + errs[0].Msg})
			continue
		}
		for _, text := range differences(api(stubs[k.ID].Types), api(bridges[k.ID].Types)) {
			found = append(found, Finding{bridge, 0, text})
		}
	}
	return found
}

// load type-checks the katas that are judged and returns them by ID.
func (h *House) load(flags ...string) (map[string]*packages.Package, error) {
	var patterns []string
	for _, k := range h.Katas {
		patterns = append(patterns, "./"+k.Dir)
	}
	cfg := &packages.Config{
		Mode:       packages.NeedName | packages.NeedTypes,
		Dir:        h.Index.Root,
		BuildFlags: flags,
	}
	list, err := packages.Load(cfg, patterns...)
	if err != nil {
		return nil, err
	}
	byID := map[string]*packages.Package{}
	for _, p := range list {
		if _, id, ok := strings.Cut(p.PkgPath, "/katas/"); ok {
			byID[id] = p
		}
	}
	return byID, nil
}

// differences says how the API of a bridge differs from that of its stub.
func differences(stub, bridge map[string]string) []string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(stub)) {
		switch got, ok := bridge[name]; {
		case !ok:
			texts = append(texts, fmt.Sprintf("%s is missing; the stub has %s", name, stub[name]))
		case got != stub[name]:
			texts = append(texts, fmt.Sprintf("%s is %s; the stub has %s", name, got, stub[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bridge)) {
		if _, ok := stub[name]; !ok {
			texts = append(texts, fmt.Sprintf("%s is not in the stub; here it is %s", name, bridge[name]))
		}
	}
	return texts
}

// api describes what a package exports: "Header", "Header.ID", "Parse" and what
// each is, spelled the same for a stub's own type as for the solution's that the
// bridge has an alias of.
func api(pkg *types.Package) map[string]string {
	out := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		if !token.IsExported(name) {
			continue
		}
		switch obj := pkg.Scope().Lookup(name).(type) {
		case *types.Const:
			out[name] = fmt.Sprintf("const %s = %s", spell(obj.Type()), obj.Val().ExactString())
		case *types.TypeName:
			describe(out, name, obj.Type())
		case *types.Func:
			out[name] = "func" + signature(obj.Signature())
		default:
			out[name] = "var " + spell(obj.Type())
		}
	}
	return out
}

// describe adds a type, its exported fields and its exported methods. What is
// not exported is the solution's own affair, unless it takes == away from a
// struct that callers can look into.
func describe(out map[string]string, name string, t types.Type) {
	switch u := t.Underlying().(type) {
	case *types.Struct:
		out[name] = "type struct"
		fields(out, name, u)
	case *types.Interface:
		out[name] = "type interface"
		for m := range u.Methods() {
			out[name+"."+m.Name()] = "method" + signature(m.Signature())
		}
	default:
		out[name] = "type " + spell(u)
	}
	if !types.Comparable(t) && !opaque(t.Underlying()) {
		out[name] += ", not comparable"
	}
	byValue := types.NewMethodSet(t)
	for m := range types.NewMethodSet(types.NewPointer(t)).Methods() {
		fn := m.Obj().(*types.Func) // a method set holds nothing else
		if !fn.Exported() {
			continue
		}
		of := "*" + name
		if byValue.Lookup(fn.Pkg(), fn.Name()) != nil {
			of = name
		}
		out[name+"."+fn.Name()] = "method (" + of + ")" + signature(fn.Signature())
	}
}

func fields(out map[string]string, name string, s *types.Struct) {
	n := 0
	for f := range s.Fields() {
		if f.Exported() {
			n++
			out[name+"."+f.Name()] = fmt.Sprintf("field %d, %s", n, spell(f.Type()))
		}
	}
}

// signature spells parameters and results without their names: those are
// compared with the docs, since a bridge may be short about them.
func signature(s *types.Signature) string {
	return "(" + list(s.Params(), s.Variadic()) + ") (" + list(s.Results(), false) + ")"
}

func list(vars *types.Tuple, variadic bool) string {
	var texts []string
	for v := range vars.Variables() {
		texts = append(texts, spell(v.Type()))
	}
	if last := len(texts) - 1; variadic {
		texts[last] = "..." + strings.TrimPrefix(texts[last], "[]")
	}
	return strings.Join(texts, ", ")
}

// spell writes a type with package paths that are the same in a stub and in
// its solution.
func spell(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		for _, tree := range []string{"/katas/", "/solutions/"} {
			if _, id, ok := strings.Cut(p.Path(), tree); ok {
				return id
			}
		}
		return p.Path()
	})
}

// opaque says whether t is a struct of which others see nothing. What it embeds
// to have the methods, and which has no fields, is not seen either: of that kind
// is a gRPC service's UnimplementedPodServiceServer.
func opaque(t types.Type) bool {
	s, ok := t.(*types.Struct)
	if !ok {
		return false
	}
	for f := range s.Fields() {
		if e, ok := f.Type().Underlying().(*types.Struct); ok && f.Embedded() && e.NumFields() == 0 {
			continue
		}
		if f.Exported() {
			return false
		}
	}
	return true
}
