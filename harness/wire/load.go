package wire

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"
)

// Load reads an annotated hex file, given by its slash-separated path below the
// module's testdata ("dns/name/pointer.hex"). It ends the test when there is no
// such file, or when it is malformed.
func Load(t testing.TB, file string) Dissection {
	t.Helper()
	d, err := load(file)
	if err != nil {
		t.Fatalf("golden: %v", err)
	}
	return d
}

func load(file string) (Dissection, error) {
	root, err := moduleRoot()
	if err != nil {
		return Dissection{}, err
	}
	name := path.Join("testdata", file)
	src, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return Dissection{}, err
	}
	return ParseHex(name, src)
}

// moduleRoot returns the nearest folder, upwards from the working directory,
// that holds a go.mod: go test runs a test in its package's folder.
func moduleRoot() (string, error) {
	from, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := from; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s, nor above it", from)
		}
	}
}
