package main

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/example/netkata/harness/policy"
)

// modes are the flags of the two ways in which everything must build: with the
// stubs, and with the solutions.
var modes = []string{"-tags=", "-tags=solution"}

// gofmt looks at every file of Go, also those that ./... leaves out: testdata.
func gofmt(_ context.Context, c *check) (r result) {
	files := 0
	err := fs.WalkDir(os.DirFS(c.root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && name != ".":
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		files++
		src, err := fs.ReadFile(os.DirFS(c.root), name)
		if err != nil {
			return err
		}
		if formatted, err := format.Source(src); err != nil {
			r.fault("%s: %v", name, err)
		} else if !bytes.Equal(formatted, src) {
			r.fault("gofmt -w %s: would change it", name)
		}
		return nil
	})
	if err != nil {
		r.fault("%v", err)
	}
	r.note = fmt.Sprintf("%d files", files)
	return r
}

func vet(ctx context.Context, c *check) (r result) {
	for _, mode := range modes {
		c.goes(ctx, &r, nil, "vet", mode, "./...")
	}
	return r
}

// staticcheck comes with a go.mod of its own, so that the learner's stays small.
func staticcheck(ctx context.Context, c *check) (r result) {
	for _, mode := range modes {
		c.goes(ctx, &r, nil, "tool", "-modfile=tools/staticcheck/go.mod", "staticcheck", mode, "./...")
	}
	return r
}

// protos looks at proto/ with buf, and generates pb/ again, elsewhere, to compare.
// Both come with go.mods of their own.
func protos(ctx context.Context, c *check) (r result) {
	buf := func(args ...string) bool {
		return c.goes(ctx, &r, nil, append([]string{"tool", "-modfile=tools/buf/go.mod", "buf"}, args...)...)
	}
	again, err := os.MkdirTemp("", "pb-")
	if err != nil {
		r.fault("%v", err)
		return r
	}
	defer os.RemoveAll(again)
	if !buf("lint") || !buf("format", "--diff", "--exit-code") || !buf("generate", "-o", again) {
		return r
	}
	want, err := readFiles(filepath.Join(again, "pb"))
	if err != nil {
		r.fault("%v", err)
	}
	got, err := readFiles(filepath.Join(c.root, "pb"))
	if err != nil {
		r.fault("%v", err)
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			r.fault("pb/%s: nothing in proto/ makes it: task gen", name)
		}
	}
	for name, src := range want {
		if got[name] != src {
			r.fault("pb/%s: is not what proto/ makes of it: task gen", name)
		}
	}
	r.note = fmt.Sprintf("%d files", len(want))
	return r
}

// readFiles returns what is in the files below a folder, by their names.
func readFiles(dir string) (map[string]string, error) {
	files := map[string]string{}
	tree := os.DirFS(dir)
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := fs.ReadFile(tree, name)
		files[name] = string(src)
		return err
	})
	return files, err
}

func cross(ctx context.Context, c *check) (r result) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		for _, mode := range modes {
			env := []string{"GOOS=" + system, "CGO_ENABLED=0"}
			if c.goes(ctx, &r, env, "build", mode, "./...") {
				c.goes(ctx, &r, env, "vet", mode, "./...")
			}
		}
	}
	return r
}

// goes runs go; what it says is a fault when it does not succeed.
func (c *check) goes(ctx context.Context, r *result, env []string, args ...string) bool {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = c.root
	cmd.Env = append(os.Environ(), env...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		r.fault("%s: %v\n%s", strings.Join(append(env, cmd.Args...), " "), err, said)
	}
	return err == nil
}

func rulesOfTheHouse(_ context.Context, c *check) (r result) {
	h, err := policy.Open(c.root, policy.Everything)
	if err != nil {
		r.fault("%v", err)
		return r
	}
	for _, rule := range policy.Rules() {
		for _, f := range rule.Check(h) {
			r.fault("%s\n(rule %q of harness/policy)", f, rule.Name)
		}
	}
	r.note = fmt.Sprintf("%d rules", len(policy.Rules()))
	return r
}
