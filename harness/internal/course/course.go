// Package course knows the katas and judges them: it reads the index, runs
// the tests of one kata, makes a verdict from what they prove, and keeps the
// learner's log. The kata tool and the author checks are thin over it.
package course

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// indexFile is the list of katas, and what tells the repository's root.
const indexFile = "katas/index.txt"

// FindRoot returns the repository's root: the nearest folder, from dir
// upwards, that has a go.mod and katas/index.txt.
func FindRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if isFile(filepath.Join(at, "go.mod")) && isFile(filepath.Join(at, indexFile)) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside a kata repository (no folder above it has %s)", dir, indexFile)
		}
	}
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
