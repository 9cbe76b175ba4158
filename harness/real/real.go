// Package real starts programs of this repository for those below it, which let a
// kata's code talk to programs that other people wrote.
package real

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/example/netkata/harness/serve"
)

// Program is a program that runs.
type Program struct {
	Addrs  map[string]string // where servers listen, by name; a learner's own has none
	Titles map[string]string // what they are: "Knot DNS 3.2.6"

	cmd *exec.Cmd
	dir string
}

// Start builds the program in a folder below harness with the build tags, which
// are usually none, starts it, and returns once it has said where it listens: as
// package serve does, or as capture -serve. It is run from the repository's root.
func Start(ctx context.Context, tags []string, name string, args ...string) (*Program, error) {
	dir, err := os.MkdirTemp("", "real-")
	if err != nil {
		return nil, err
	}
	p := &Program{Addrs: map[string]string{}, Titles: map[string]string{}, dir: dir}
	if err := p.start(ctx, tags, name, args); err != nil {
		p.Stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func (p *Program) start(ctx context.Context, tags []string, name string, args []string) error {
	exe := filepath.Join(p.dir, path.Base(name)+".exe") // Windows wants the ending, nobody else minds
	build := exec.CommandContext(ctx, "go", slices.Concat([]string{"build", "-o", exe}, tags, []string{"./harness/" + name})...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build: %w (it is to be run from the repository's root)", err)
	}
	p.cmd = exec.CommandContext(ctx, exe, args...)
	p.cmd.Stderr = os.Stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(os.Interrupt) }
	said, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	for lines := bufio.NewScanner(said); lines.Scan(); {
		line := lines.Text()
		if addr, ok := strings.CutPrefix(line, serve.Ready); ok {
			p.Addrs[""] = addr
			return nil
		}
		if line == "ready" {
			return nil
		}
		if words := strings.SplitN(line, " ", 3); len(words) == 3 {
			p.Addrs[words[0]], p.Titles[words[0]] = words[1], words[2]
		}
	}
	return errors.New("it ended before it was ready")
}

// Stop interrupts the program and waits until it is gone.
func (p *Program) Stop() {
	if p.cmd != nil && p.cmd.Process != nil {
		p.cmd.Process.Signal(os.Interrupt)
		p.cmd.Wait()
	}
	os.RemoveAll(p.dir)
}
