package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/example/netkata/harness/serve"
)

// server is a kata's reference, running on a port of its own.
type server struct {
	cmd  *exec.Cmd
	dir  string // of the program
	port string
}

func start(ctx context.Context, id string) (*server, error) {
	dir, err := os.MkdirTemp("", "kata-talk-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	exe := filepath.Join(dir, "server.exe")
	if said, err := exec.CommandContext(ctx, "go", "build", "-tags", "solution", "-o", exe, "./harness/serve/"+id).CombinedOutput(); err != nil {
		s.stop()
		return nil, fmt.Errorf("the server of %s: %w\n%s", id, err, said)
	}
	s.cmd = exec.CommandContext(ctx, exe, "-addr", "127.0.0.1:0")
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	_, s.port, err = net.SplitHostPort(strings.TrimPrefix(strings.TrimSpace(line), serve.Ready))
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the server of %s says %q", id, line)
	}
	return s, nil
}

// stop ends the server and takes its program away.
func (s *server) stop() {
	if s.cmd != nil && s.cmd.Process != nil {
		s.cmd.Process.Kill()
		s.cmd.Wait()
	}
	os.RemoveAll(s.dir)
}

// A text names the port that a reader's server has; s has another.

func (s *server) real(text string) string    { return strings.ReplaceAll(text, port(), s.port) }
func (s *server) written(text string) string { return strings.ReplaceAll(text, s.port, port()) }

func port() string {
	_, port, _ := net.SplitHostPort(serve.Addr)
	return port
}
