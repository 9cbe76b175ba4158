package course

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Restored tells what Reset or Take did. Paths are below the root, with slashes.
type Restored struct {
	Files []string // put back as they were shipped, or as the reference has them
	Kept  string   // the folder where what was there is kept, "" when nothing was
	Extra []string // the learner's further files, left alone
}

// Reset puts k's files back as they were shipped, as git has them; onlyTests
// leaves the learner's own alone. What was there is kept first, below
// .kata/kept. On an error, nothing was changed, or what was is kept.
func (x Index) Reset(k Kata, onlyTests bool, now time.Time) (Restored, error) {
	sums, err := ReadSums(x.Root)
	if err != nil {
		return Restored{}, err
	}
	f, err := x.Folder(k, sums)
	if err != nil {
		return Restored{}, err
	}
	if !f.Known {
		return Restored{}, fmt.Errorf("%s has no line for %s: what was shipped is not known", sumsFile, k.ID)
	}
	r := Restored{Extra: f.Extra, Files: f.Tampered}
	if f.Readme {
		r.Files = append(r.Files, path.Join(k.Dir, "README.md"))
	}
	if !onlyTests {
		r.Files = append(r.Files, f.Edited...)
	}
	contents := map[string][]byte{}
	for _, name := range r.Files {
		content, err := fromGit(x.Root, name, sums[strings.TrimPrefix(name, "katas/")])
		if err != nil {
			return Restored{}, fmt.Errorf("%w; nothing was changed", err)
		}
		contents[name] = content
	}
	return x.replace(r, k, contents, now)
}

var (
	solutionTag    = regexp.MustCompile(`(?m)^//go:build solution$`)
	solutionImport = regexp.MustCompile(`(?m)^(\s+(?:\w+ )?|import (?:\w+ )?)("[^"]+)/solutions/`)
)

// Take puts the reference solution of k in the place of what the learner wrote:
// it stands on the learner's own earlier katas, and later ones can stand on it.
// What was there is kept first, below .kata/kept. On an error, nothing was
// changed, or what was is kept.
func (x Index) Take(k Kata, now time.Time) (Restored, error) {
	names, err := x.Reference(k)
	if err != nil {
		return Restored{}, err
	}
	var r Restored
	contents := map[string][]byte{}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return Restored{}, err
		}
		if content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")); path.Ext(name) == ".go" {
			content = solutionTag.ReplaceAll(content, []byte("//go:build !solution"))
			content = solutionImport.ReplaceAll(content, []byte("$1$2/katas/"))
		}
		file := path.Join(k.Dir, filepath.Base(name))
		if old, err := os.ReadFile(filepath.Join(x.Root, filepath.FromSlash(file))); err == nil && bytes.Equal(old, content) {
			continue
		}
		r.Files = append(r.Files, file)
		contents[file] = content
	}
	return x.replace(r, k, contents, now)
}

// Reference returns the names of the files of k's reference solution.
func (x Index) Reference(k Kata) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(x.Root, "solutions", filepath.FromSlash(k.ID), "*"))
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !IsSource(name) })
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no file in solutions/%s", k.ID)
	}
	return names, nil
}

// replace writes r.Files, and keeps first what is there.
func (x Index) replace(r Restored, k Kata, contents map[string][]byte, now time.Time) (Restored, error) {
	if len(r.Files) == 0 {
		return r, nil
	}
	var err error
	if r.Kept, err = keep(x.Root, k, r.Files, now); err != nil {
		return Restored{}, fmt.Errorf("cannot keep what is there: %w; nothing was changed", err)
	}
	for _, name := range r.Files {
		if err := putBack(filepath.Join(x.Root, filepath.FromSlash(name)), contents[name]); err != nil {
			return r, err
		}
	}
	return r, nil
}

func putBack(name string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return replaceFile(name, content)
}

// keep copies the files that are there into a new folder of .kata/kept, and
// returns it; "" when none is there.
func keep(root string, k Kata, names []string, now time.Time) (string, error) {
	dir, err := keepDir(root, k, now)
	if err != nil {
		return "", err
	}
	kept := false
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if missing(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		to := filepath.Join(root, dir, strings.TrimPrefix(name, k.Dir+"/"))
		if err := putBack(to, content); err != nil {
			return "", err
		}
		kept = true
	}
	if !kept {
		return "", os.Remove(filepath.Join(root, dir))
	}
	return dir, nil
}

// keepDir makes a folder that nobody used before.
func keepDir(root string, k Kata, now time.Time) (string, error) {
	parent := path.Join(stateDir, "kept", strings.ReplaceAll(k.ID, "/", "-"))
	if err := os.MkdirAll(filepath.Join(root, parent), 0o777); err != nil {
		return "", err
	}
	stamp := now.Format("20060102-150405")
	for n := 1; ; n++ {
		dir := path.Join(parent, stamp)
		if n > 1 {
			dir += fmt.Sprintf("-%d", n)
		}
		err := os.Mkdir(filepath.Join(root, dir), 0o777)
		if !errors.Is(err, os.ErrExist) {
			return dir, err
		}
	}
}

// fromGit returns the content of a file, by its path below root, that has that
// sum: from the last commit, or else from any commit that changed it.
func fromGit(root, name, sum string) ([]byte, error) {
	prefix, err := git(root, nil, "rev-parse", "--show-prefix") // root may lie below git's
	if err != nil {
		return nil, fmt.Errorf("cannot find %s as it was shipped: %w", name, err)
	}
	file := strings.TrimSpace(string(prefix)) + name
	commits, err := git(root, nil, "log", "--all", "--full-history", "--format=%H", "--", name)
	if err != nil {
		commits = nil // no commit yet
	}
	var ask strings.Builder
	for _, c := range append([]string{"HEAD"}, strings.Fields(string(commits))...) {
		fmt.Fprintf(&ask, "%s:%s\n", c, file)
	}
	answers, err := git(root, strings.NewReader(ask.String()), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	for content := range blobs(answers) {
		if Sum(content) == sum {
			return content, nil
		}
	}
	return nil, fmt.Errorf("git's history has no %s with the sum that %s names", name, sumsFile)
}

// blobs yields the objects that git cat-file --batch prints.
func blobs(out []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(out) > 0 {
			head, rest, _ := bytes.Cut(out, []byte("\n"))
			out = rest
			var hash, kind string
			var size int
			if n, _ := fmt.Sscanf(string(head), "%s %s %d", &hash, &kind, &size); n != 3 || size >= len(rest) {
				continue // "… missing"
			}
			out = rest[size+1:]
			if kind == "blob" && !yield(rest[:size]) {
				return
			}
		}
	}
}

// git runs git in dir and returns what it prints.
func git(dir string, in io.Reader, args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = dir, in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, errors.New("there is no git command in the PATH")
	}
	if err != nil {
		if said := strings.TrimSpace(stderr.String()); said != "" {
			return nil, errors.New("git: " + said)
		}
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}
