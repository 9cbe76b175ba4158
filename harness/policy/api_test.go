package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// A stub, and beside it bridges to solutions that differ from it.
func TestDifferences(t *testing.T) {
	const stub = `package name
		var ErrLong error
		const Max = 255
		type Kind uint8
		const Query Kind = 1
		type Name struct { Labels []string; Root bool }
		func (n Name) String() string { return "" }
		func (n *Name) Reset() {}
		type Pair struct { A, B uint8 }
		type Walker interface { Walk(name Name) error }
		type Cache struct{}
		type Base struct{}
		type Server struct { Base }
		func Parse(msg []byte, off int) (n Name, next int, err error) { return }
		func Join(names ...Name) Name { return Name{} }`
	const solution = `package name
		var ErrLong error
		const Max = 200 + 55
		type Kind uint8
		const Query Kind = 1
		type Name struct { Labels []string; Root bool; cache []byte }
		func (n Name) String() string { return "" }
		func (n *Name) Reset() {}
		func (n *Name) grow() {}
		type Pair struct { A, B uint8 }
		type Walker interface { Walk(n Name) error }
		type Cache struct { of map[string]Name } // opaque: == is its own affair
		type Base struct{}
		type Server struct { Base; of map[string]Name } // the same
		func Parse(msg []byte, off int) (Name, int, error) { return Name{}, 0, nil }
		func Join(names ...Name) Name { return Name{} }
		func helper() {}`
	const bridge = `package name
		import s "github.com/example/netkata/solutions/dns/name"
		var ErrLong = s.ErrLong
		const (
			Max = s.Max
			Query = s.Query
		)
		type (
			Kind = s.Kind
			Name = s.Name
			Pair = s.Pair
			Walker = s.Walker
			Cache = s.Cache
			Base = s.Base
			Server = s.Server
		)
		func Parse(msg []byte, off int) (Name, int, error) { return s.Parse(msg, off) }
		func Join(names ...Name) Name { return s.Join(names...) }`
	for _, tt := range []struct {
		why      string
		old, new string // in the solution, or else in the bridge
		want     []string
	}{
		{"the same", "", "", nil},
		{"a constant missing", "Max = s.Max", "", []string{"Max is missing; the stub has const untyped int = 255"}},
		{"an error missing", "var ErrLong = s.ErrLong", "", []string{"ErrLong is missing; the stub has var error"}},
		{"another value", "200 + 55", "200 + 54", []string{"Max is const untyped int = 254; the stub has const untyped int = 255"}},
		{"a typed constant", "Max = 200", "Max int = 200", []string{"Max is const int = 255; the stub has const untyped int = 255"}},
		{"a constant turned variable", "const (\n\t\t\tMax = s.Max", "var Max = s.Max\n\t\tconst (", []string{"Max is var int; the stub has const untyped int = 255"}},
		{"another error type", "var ErrLong error", "var ErrLong struct{ error }",
			[]string{"ErrLong is var struct{error}; the stub has var error"}},
		{"another kind of type", "Kind uint8", "Kind uint16",
			[]string{"Kind is type uint16; the stub has type uint8"}},
		{"a field of another type", "Root bool;", "Root int;", []string{"Name.Root is field 2, int; the stub has field 2, bool"}},
		{"fields in another order", "Labels []string; Root bool;", "Root bool; Labels []string;",
			[]string{"Name.Labels is field 2, []string; the stub has field 1, []string", "Name.Root is field 1, bool; the stub has field 2, bool"}},
		{"a field more", "cache []byte", "Cache []byte", []string{"Name.Cache is not in the stub; here it is field 3, []byte"}},
		{"a method more", ") grow()", ") Grow()", []string{"Name.Grow is not in the stub; here it is method (*Name)() ()"}},
		{"a method of the pointer", "(n Name) String", "(n *Name) String",
			[]string{"Name.String is method (*Name)() (string); the stub has method (Name)() (string)"}},
		{"a wider interface", "Walk(n Name) error", "Walk(n Name) error; Stop()",
			[]string{"Walker.Stop is not in the stub; here it is method() ()"}},
		{"an interface turned struct", "interface { Walk(n Name) error }", "struct { Walk func(Name) error }",
			[]string{"Walker is type struct, not comparable; the stub has type interface",
				"Walker.Walk is field 1, func(dns/name.Name) error; the stub has method(dns/name.Name) (error)"}},
		{"no longer comparable", "Pair struct { A, B uint8 }", "Pair struct { A, B uint8; cache []byte }",
			[]string{"Pair is type struct, not comparable; the stub has type struct"}},
		{"a parameter of another type", "off int) (Name, int, error) { return s.Parse(msg, off)", "off uint) (Name, int, error) { return s.Parse(msg, int(off))",
			[]string{"Parse is func([]byte, uint) (dns/name.Name, int, error); the stub has func([]byte, int) (dns/name.Name, int, error)"}},
		{"no longer variadic", "func Join(names ...Name) Name { return s.Join(names...) }", "func Join(names []Name) Name { return s.Join(names...) }",
			[]string{"Join is func([]dns/name.Name) (dns/name.Name); the stub has func(...dns/name.Name) (dns/name.Name)"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if strings.Count(solution+bridge, tt.old) != 1 && tt.old != "" {
				t.Fatalf("%q does not occur once", tt.old)
			}
			ref := typeCheck(t, "solutions/dns/name", strings.Replace(solution, tt.old, tt.new, 1), nil)
			got := differences(
				api(typeCheck(t, "katas/dns/name", stub, nil)),
				api(typeCheck(t, "katas/dns/name", strings.Replace(bridge, tt.old, tt.new, 1), only{ref})))
			if !slices.Equal(got, tt.want) {
				t.Errorf("differences = %q\nwant          %q", got, tt.want)
			}
		})
	}
}

// only imports one package, by whatever path.
type only struct{ pkg *types.Package }

func (o only) Import(string) (*types.Package, error) { return o.pkg, nil }

func typeCheck(t *testing.T, dir, src string, imp types.Importer) *types.Package {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, dir+".go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	cfg := types.Config{Importer: imp}
	pkg, err := cfg.Check(modulePath+"/"+dir, fset, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}
