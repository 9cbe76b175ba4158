package wire_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/example/netkata/harness/wire"
)

// failing is a test that remembers what ended it.
type failing struct {
	testing.TB
	text string
}

func (*failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
	panic(f)
}

func loadFails(t *testing.T, file string) string {
	t.Helper()
	f := &failing{TB: t}
	func() {
		defer func() {
			if v := recover(); v != nil && v != any(f) {
				panic(v)
			}
		}()
		wire.Load(f, file)
	}()
	return f.text
}

// Load finds testdata from any folder of the module.
func TestLoad(t *testing.T) {
	d := wire.Load(t, "wire/count.hex")
	if d.Name != "testdata/wire/count.hex" || d.Protocol != "dns" || len(d.Msg) != 45 || len(d.Head) == 0 {
		t.Errorf("got %+v", d)
	}
}

// What cannot be loaded ends the test and says why.
func TestLoadFails(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "katas", "dns", "name")
	write := func(file, text string) {
		file = filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(deep, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	if got := loadFails(t, "bad.hex"); !strings.HasPrefix(got, "golden: no go.mod in ") {
		t.Errorf("outside a module: %q", got)
	}
	write("go.mod", "module example.com/m\n")
	if got := loadFails(t, "dns/none.hex"); !strings.HasPrefix(got, "golden: open ") {
		t.Errorf("no such file: %q", got)
	}
	write("testdata/dns/bad.hex", "00\n0x02: 01\n")
	want := "golden: testdata/dns/bad.hex:2: character 1: the offset says 0x02, but this row begins at 0x01 (1 octet above it)"
	if got := loadFails(t, "dns/bad.hex"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
