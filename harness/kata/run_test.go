package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A first failure is shown while other tests still run: here the second one
// waits until it was.
func TestEarly(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	repo := filepath.Join(t.TempDir(), "repo")
	if err := os.CopyFS(repo, os.DirFS("testdata/repo")); err != nil {
		t.Fatal(err)
	}
	if err := ship(repo); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(repo, "katas/t/one/one.go"), []byte(waits), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Chdir(repo)
	t.Setenv("WAIT", ln.Addr().String())
	out := &screen{await: "still running.\n", seen: make(chan struct{})}
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return // the test has failed
		}
		<-out.seen
		conn.Close()
	}()
	var errs strings.Builder
	if code := run(t.Context(), strings.NewReader(""), out, &errs, []string{"run"}); code != exitRed || errs.String() != "" {
		t.Errorf("exit code %d, want %d; errors: %s", code, exitRed, &errs)
	}
	if diff := cmp.Diff(early, out.text.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// screen is what the tool prints to, which tells when it was shown some words.
type screen struct {
	await string
	seen  chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	had := strings.Contains(s.text.String(), s.await)
	s.text.Write(p)
	if !had && strings.Contains(s.text.String(), s.await) {
		close(s.seen)
	}
	return len(p), nil
}

const waits = `//go:build !solution

package one

import (
	"io"
	"net"
	"os"
)

func Byte() (byte, error) { return 8, nil }

func Twice() (byte, error) {
	conn, err := net.Dial("tcp", os.Getenv("WAIT"))
	if err != nil {
		return 0, err
	}
	_, err = io.ReadAll(conn)
	return 14, err
}
`

const early = `t/one  red

TestByte
one_test.go:13: rule 1: A byte is seven
(RFC 1, 1)

Byte() = 8, <nil>
want     7

The other tests are still running.

They are done: 1 of 2 tests pass.

A hint: go tool kata hint t/one
`
