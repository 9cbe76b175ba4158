package course_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/example/netkata/harness/internal/course"
	"golang.org/x/tools/txtar"
)

// A hung test is ended with all that it started: by the time limit, and by
// whoever stops the run.
func TestChildren(t *testing.T) {
	t.Parallel()
	ar, err := txtar.ParseFile("testdata/children.txtar")
	if err != nil {
		t.Fatal(err)
	}
	spec := course.Spec{Root: unpack(t, ar), Package: "katas/x/y"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	write(t, filepath.Join(spec.Root, "katas/x/y/addr"), []byte(l.Addr().String()))
	child := make(chan net.Conn)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			child <- conn
		}
	}()
	type result struct {
		v   course.Verdict
		err error
	}
	start := func(ctx context.Context, spec course.Spec) (net.Conn, chan result) {
		done := make(chan result, 1)
		go func() {
			v, err := course.Test(ctx, spec)
			done <- result{v, err}
		}()
		return <-child, done
	}

	t.Run("time limit", func(t *testing.T) {
		spec := spec
		spec.Timeout = time.Second
		conn, done := start(t.Context(), spec)
		r := <-done
		if r.err != nil || r.v.State != course.Red || r.v.First.Kind != course.ByTimeout || r.v.First.Line != 29 {
			t.Errorf("%v, %v", r.err, describe(r.v))
		}
		gone(t, conn)
	})
	t.Run("stopped", func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		conn, done := start(ctx, spec)
		stop()
		if r := <-done; !errors.Is(r.err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", r.err)
		}
		gone(t, conn)
	})
}

// gone waits for the end of the process at the other side.
func gone(t *testing.T, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the child is still there")
	}
}
