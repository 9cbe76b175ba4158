package course

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sumsFile says what every kata's files were when they were shipped, so that
// a stub that nobody touched can be told from one that is begun, and a changed
// test is noticed.
const sumsFile = "katas/stubs.sum"

// Sums holds the sum of each file that the katas ship, by its path below
// katas/: "dns/name/name.go". The zero value knows of none.
type Sums map[string]string

// Sum returns the sum of a file's content: "h1:", then SHA-256 in base64.
func Sum(content []byte) string {
	sum := sha256.Sum256(content)
	return "h1:" + base64.StdEncoding.EncodeToString(sum[:])
}

var sumLine = regexp.MustCompile(`^(\S+) (h1:[A-Za-z0-9+/]{43}=)$`)

// ReadSums reads katas/stubs.sum. A file that is not there has no sums; a
// broken line is an error that begins with its place.
func ReadSums(root string) (Sums, error) {
	src, err := os.ReadFile(filepath.Join(root, sumsFile))
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := Sums{}
	for i, line := range strings.Split(strings.TrimRight(string(src), "\r\n"), "\n") {
		m := sumLine.FindStringSubmatch(strings.TrimRight(line, "\r"))
		if m == nil {
			return nil, fmt.Errorf("%s:%d: want a path and its sum (h1:…), got %q", sumsFile, i+1, line)
		}
		s[m[1]] = m[2]
	}
	return s, nil
}

// TakeSums returns the sums of the files in the folders of x's katas as they
// are now: what an author ships.
func TakeSums(x Index) (Sums, error) {
	s := Sums{}
	for _, k := range x.Katas {
		names, err := files(x.Root, k)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			content, err := os.ReadFile(filepath.Join(x.Root, "katas", filepath.FromSlash(name)))
			if err != nil {
				return nil, err
			}
			s[name] = Sum(content)
		}
	}
	return s, nil
}

// Bytes returns s as katas/stubs.sum holds it.
func (s Sums) Bytes() []byte {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&out, "%s %s\n", name, s[name])
	}
	return []byte(out.String())
}

// Write writes katas/stubs.sum.
func (s Sums) Write(root string) error {
	return replaceFile(filepath.Join(root, sumsFile), s.Bytes())
}

// files returns the paths below katas/ of the files in k's folder, sorted,
// without hidden ones. A folder that is not there has none.
func files(root string, k Kata) ([]string, error) {
	tree := os.DirFS(filepath.Join(root, "katas"))
	var names []string
	err := fs.WalkDir(tree, k.ID, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(d.Name(), ".") && d.IsDir():
			return fs.SkipDir
		case d.Type().IsRegular() && !strings.HasPrefix(d.Name(), "."):
			names = append(names, name)
		}
		return nil
	})
	if missing(err) {
		return nil, nil
	}
	return names, err
}

// Folder says how the files of one kata stand. Paths are below the
// repository's root, with slashes, sorted.
type Folder struct {
	Known    bool     // whether katas/stubs.sum tells what was shipped
	Own      []string // what was shipped for the learner to edit: what Go embeds, then Go
	Edited   []string // those of Own that are changed or gone
	Tampered []string // tests, bridge and what is given that are changed or gone
	Readme   bool     // whether the README is changed or gone
	Extra    []string // what was not shipped
	Sum      string   // of the content of all of Own, "" when there is none
}

// Folder looks at k's folder.
func (x Index) Folder(k Kata, s Sums) (Folder, error) {
	var f Folder
	own := map[string]string{} // sums
	for _, name := range s.of(k) {
		f.Known = true
		file := path.Join("katas", name)
		content, err := os.ReadFile(filepath.Join(x.Root, filepath.FromSlash(file)))
		if err != nil && !missing(err) {
			return f, err
		}
		same := err == nil && Sum(content) == s[name]
		switch {
		case isOwn(k, name):
			f.Own = append(f.Own, file)
			own[file] = Sum(content)
			if !same {
				f.Edited = append(f.Edited, file)
			}
		case same:
		case path.Base(name) == "README.md":
			f.Readme = true
		default:
			f.Tampered = append(f.Tampered, file)
		}
	}
	slices.SortStableFunc(f.Own, func(a, b string) int { return goes(a) - goes(b) })
	names, err := files(x.Root, k)
	for _, name := range names {
		if s[name] == "" && f.Known {
			f.Extra = append(f.Extra, path.Join("katas", name))
		}
	}
	switch len(own) {
	case 0:
	case 1:
		f.Sum = own[f.Own[0]]
	default:
		f.Sum = Sum(Sums(own).Bytes())
	}
	return f, err
}

// of returns the names of k's files in s, sorted.
func (s Sums) of(k Kata) []string {
	var names []string
	for name := range s {
		if strings.HasPrefix(name, k.ID+"/") {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, cmp.Compare)
	return names
}

// goes is 1 for a file of Go, which stands behind what it embeds.
func goes(name string) int {
	if path.Ext(name) == ".go" {
		return 1
	}
	return 0
}

// isOwn says whether a kata's file, by its path below katas/, is there for the
// learner to edit. What is called before.proto, or before.go, is what was there
// before: it is given.
func isOwn(k Kata, name string) bool {
	rest := strings.TrimPrefix(name, k.ID+"/")
	return rest != "README.md" && rest != "bridge.go" && !strings.HasSuffix(rest, "_test.go") &&
		!strings.HasPrefix(rest, "testdata/") && !strings.HasPrefix(rest, "before.")
}

// replaceFile writes a file so that at any moment either its old content is
// there or the new one.
func replaceFile(name string, content []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // in vain, once it is renamed
	if _, err = tmp.Write(content); err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(tmp.Name(), mode)
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	return err
}
