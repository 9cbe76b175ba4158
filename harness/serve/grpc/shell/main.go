// Shell serves grpc/shell with a few programs that are functions of its own. It
// starts no process.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	serve "github.com/example/netkata/harness/serve/grpc"
	"github.com/example/netkata/katas/grpc/shell"
	shellv1 "github.com/example/netkata/pb/shell/v1"
)

func main() {
	serve.Services(func(_ context.Context, s *grpc.Server) error {
		shellv1.RegisterShellServiceServer(s, &shell.Server{Programs: programs()})
		return nil
	})
}

func programs() map[string]shell.Program {
	all := map[string]shell.Program{"cat": cat, "echo": echo, "size": size, "sleep": sleep, "wc": wc}
	names := strings.Join(append(slices.Sorted(maps.Keys(all)), "help"), " ")
	all["help"] = func(_ context.Context, _ *shellv1.Start, t shell.Terminal) int {
		fmt.Fprintln(t.Stdout, names)
		return 0
	}
	return all
}

// cat writes what it reads.
func cat(_ context.Context, _ *shellv1.Start, t shell.Terminal) int {
	_, err := io.Copy(t.Stdout, t.Stdin)
	return end(t, err)
}

// echo writes its arguments.
func echo(_ context.Context, start *shellv1.Start, t shell.Terminal) int {
	_, err := fmt.Fprintln(t.Stdout, strings.Join(start.GetArgs(), " "))
	return end(t, err)
}

// size writes the window's size, and each new one until the call is cancelled.
func size(ctx context.Context, start *shellv1.Start, t shell.Terminal) int {
	for size := start.GetSize(); ; {
		fmt.Fprintf(t.Stdout, "%d rows, %d columns\n", size.GetRows(), size.GetColumns())
		select {
		case size = <-t.Resized:
		case <-ctx.Done():
			return end(t, ctx.Err())
		}
	}
}

// sleep waits as long as its argument says: 1.5s, 2m.
func sleep(ctx context.Context, start *shellv1.Start, t shell.Terminal) int {
	span, err := time.ParseDuration(strings.Join(start.GetArgs(), " "))
	if err != nil {
		return end(t, err)
	}
	select {
	case <-time.After(span):
		return 0
	case <-ctx.Done():
		return end(t, ctx.Err())
	}
}

// wc writes how many lines, words and bytes it has read.
func wc(_ context.Context, _ *shellv1.Start, t shell.Terminal) int {
	var lines, words, all int
	buf, before := make([]byte, 4096), true // before: a space
	for {
		n, err := t.Stdin.Read(buf)
		all += n
		lines += bytes.Count(buf[:n], []byte("\n"))
		for _, c := range buf[:n] {
			space := c == ' ' || c >= '\t' && c <= '\r'
			if before && !space {
				words++
			}
			before = space
		}
		switch {
		case err == io.EOF:
			_, err = fmt.Fprintln(t.Stdout, lines, words, all)
			return end(t, err)
		case err != nil:
			return end(t, err)
		}
	}
}

// end is the exit code for an error, which it tells.
func end(t shell.Terminal, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(t.Stderr, err)
	return 1
}
