package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/example/netkata/harness/internal/trace"
)

const cacheDays = 30 // unused for so long, an entry is removed

// cache keeps verdicts by everything that they depend on. An entry that cannot
// be read or written costs time, and nothing else.
type cache struct{ dir string }

func openCache(root string) cache { return cache{filepath.Join(root, ".kata", "cache", "check")} }

func (c cache) get(id string, v any) bool {
	file := filepath.Join(c.dir, id)
	src, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(src, v) != nil {
		return false
	}
	now := time.Now()
	os.Chtimes(file, now, now) // used: see prune
	return true
}

func (c cache) put(id string, v any) {
	src, err := json.Marshal(v)
	if err != nil || os.MkdirAll(c.dir, 0o777) != nil {
		return
	}
	tmp := filepath.Join(c.dir, id+".new")
	if os.WriteFile(tmp, src, 0o666) == nil {
		os.Rename(tmp, filepath.Join(c.dir, id))
	}
}

// prune removes what nobody has used for long.
func (c cache) prune() {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > cacheDays*24*time.Hour {
			os.Remove(filepath.Join(c.dir, e.Name()))
		}
	}
}

// key is the hash of what all verdicts of a track depend on.
type key string

// trackKeys returns the key of each track that has one of the solutions.
func (c *check) trackKeys(all []*stand) (map[string]key, error) {
	keys := map[string]key{}
	for _, s := range all {
		if keys[s.kata.Track] != "" {
			continue
		}
		k, err := c.trackKey(s.kata.Track)
		if err != nil {
			return nil, err
		}
		keys[s.kata.Track] = k
	}
	return keys, nil
}

// trackKey hashes everything that a verdict on a kata of the track may depend
// on: Go, the modules, the harness with the tests' helpers and this judge, and
// the katas, solutions and goldens of the track.
func (c *check) trackKey(track string) (key, error) {
	h := sha256.New()
	fmt.Fprintln(h, trace.SeedEnv, os.Getenv(trace.SeedEnv))
	cmd := exec.Command("go", "env", "GOVERSION", "GOOS", "GOARCH", "GOEXPERIMENT", "CGO_ENABLED")
	cmd.Dir = c.root
	goEnv, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	h.Write(goEnv)
	for _, name := range []string{
		"go.mod", "go.sum", "harness", "katas/" + track, "solutions/" + track, "testdata/" + track,
	} {
		if err := hashTree(h, c.root, name); err != nil {
			return "", err
		}
	}
	return key(hex.EncodeToString(h.Sum(nil))), nil
}

// elsewhere are the parts of the harness that no kata's test is made of.
var elsewhere = []string{"harness/kata", "harness/policy", "harness/capture"}

func hashTree(h hash.Hash, root, name string) error {
	tree := os.DirFS(root)
	return fs.WalkDir(tree, name, func(name string, d fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case slices.Contains(elsewhere, name):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		fmt.Fprintf(h, "%s %d\n%s", name, len(src), src)
		return err
	})
}

// with returns the key of one solution's verdict.
func (k key) with(s *stand) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s %t\n", k, s.kata.ID, s.race)
	for _, name := range slices.Sorted(maps.Keys(s.replace)) {
		src := "(hidden)"
		if s.replace[name] != nil {
			src = *s.replace[name]
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(src), src)
	}
	return hex.EncodeToString(h.Sum(nil))
}
