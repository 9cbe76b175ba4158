package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	root  = "../../.." // of the repository
	ready = "Listening on "
)

// server is the reference, as "go tool kata serve udp/statsd --solution" builds
// and runs it, on any port that is free.
type server struct {
	addr string
	cmd  *exec.Cmd
	dir  string // of the program
	out  *bufio.Scanner
}

func start(ctx context.Context, every time.Duration) (*server, error) {
	dir, err := os.MkdirTemp("", "kata-real-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	if err := s.start(ctx, every); err != nil {
		s.stop()
		return nil, fmt.Errorf("the server of udp/statsd: %w", err)
	}
	return s, nil
}

func (s *server) start(ctx context.Context, every time.Duration) error {
	exe := filepath.Join(s.dir, "statsd.exe") // Windows wants the ending, nobody else minds
	build := exec.CommandContext(ctx, "go", "build", "-tags", "solution", "-o", exe, "./harness/serve/udp/statsd")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	s.cmd = exec.CommandContext(ctx, exe, "-addr", "127.0.0.1:0", "-every", every.String())
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.out = bufio.NewScanner(out)
	if !s.out.Scan() {
		return errors.New("it does not say where it listens")
	}
	var ok bool
	if s.addr, ok = strings.CutPrefix(s.out.Text(), ready); !ok {
		return fmt.Errorf("it says %q", s.out.Text())
	}
	return nil
}

// flush waits until the server has told of a flush, and returns the lines of the
// one before: each begins with the time, and what was added up is indented.
func (s *server) flush() ([]string, error) {
	var lines []string
	for s.out.Scan() {
		line, indented := strings.CutPrefix(s.out.Text(), "  ")
		if !indented {
			return lines, nil
		}
		lines = append(lines, line)
	}
	return nil, errors.Join(errors.New("the server has ended"), s.out.Err())
}

// stop ends the server, and takes its program away.
func (s *server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
	os.RemoveAll(s.dir)
}
