package serve

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A server says where it listens, serves whoever comes, and ends with its
// context.
func TestListen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, over := start(t, func(w io.Writer) error {
		return listen(ctx, w, "127.0.0.1:0", Each(func(_ context.Context, conn net.Conn) error {
			defer conn.Close()
			_, err := fmt.Fprintln(conn, "hello")
			return err
		}))
	})
	for range 2 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); string(got) != "hello\n" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		conn.Close()
	}
	cancel()
	if err := <-over; err != nil {
		t.Errorf("after the interrupt: %v", err)
	}
}

// The same for datagrams.
func TestListenPacket(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	addr, over := start(t, func(w io.Writer) error {
		return listenPacket(ctx, w, "127.0.0.1:0", func() (Packets, error) { return hello, nil })
	})
	conn, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "Ann")
	buf := make([]byte, 100)
	if n, err := conn.Read(buf); string(buf[:n]) != "hello, Ann" {
		t.Errorf("got %q, %v", buf[:n], err)
	}
	cancel()
	if err := <-over; err != nil {
		t.Errorf("after the interrupt: %v", err)
	}
}

// hello answers every datagram.
func hello(ctx context.Context, pc net.PacketConn) error {
	defer context.AfterFunc(ctx, func() { pc.Close() })()
	buf := make([]byte, 100)
	for {
		n, from, err := pc.ReadFrom(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		pc.WriteTo(append([]byte("hello, "), buf[:n]...), from)
	}
}

// A server that cannot start says so, and does not listen.
func TestCannotStart(t *testing.T) {
	unwritten := errors.New("dns/zone: not written yet")
	for name, listen := range map[string]func(out io.Writer) error{
		"UDP": func(out io.Writer) error {
			return listenPacket(t.Context(), out, "127.0.0.1:0", func() (Packets, error) { return hello, unwritten })
		},
		"both": func(out io.Writer) error {
			return listenBoth(t.Context(), out, "127.0.0.1:0", func() (Packets, Streams, error) { return hello, nil, unwritten })
		},
	} {
		var out strings.Builder
		if err := listen(&out); err != unwritten || out.String() != "" {
			t.Errorf("%s: %v, having said %q; want %v, and nothing said", name, err, out.String(), unwritten)
		}
	}
}

// start runs a server, which prints its address first; over gives its error.
func start(t *testing.T, server func(out io.Writer) error) (addr string, over <-chan error) {
	t.Helper()
	r, w := io.Pipe()
	result := make(chan error, 1)
	go func() {
		err := server(w)
		w.CloseWithError(err)
		result <- err
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), Ready)
	if err != nil || !ok {
		t.Fatalf("it printed %q, %v", line, err)
	}
	return addr, result
}

// TCP and UDP on one port; when one server is over, the other goes on.
func TestListenBoth(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	broken := errors.New("not written yet")
	addr, over := start(t, func(w io.Writer) error {
		return listenBoth(ctx, w, "127.0.0.1:0", func() (Packets, Streams, error) {
			packets := func(context.Context, net.PacketConn) error { return broken }
			return packets, Each(func(_ context.Context, conn net.Conn) error { return conn.Close() }), nil
		})
	})
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("read: %v, want EOF", err)
	}
	if _, err := net.ListenPacket("udp", addr); err == nil {
		t.Errorf("UDP port of %s is free", addr)
	}
	cancel()
	if err := <-over; !errors.Is(err, broken) {
		t.Errorf("over with %v, want %v", err, broken)
	}
}

// The zone that is served unless told otherwise, and one from a file.
func TestZone(t *testing.T) {
	load := Zone(func(r io.Reader, origin string) (string, error) {
		text, err := io.ReadAll(r)
		return origin + string(text), err
	})
	if got, err := load(); err != nil || !strings.HasPrefix(got, "local.") || !strings.Contains(got, "redis") {
		t.Errorf("without flags: %q, %v", got, err)
	}
	path := filepath.Join(t.TempDir(), "my.zone")
	if err := os.WriteFile(path, []byte(" text"), 0o600); err != nil {
		t.Fatal(err)
	}
	flag.Set("zone", path)
	if _, err := load(); err == nil || !strings.Contains(err.Error(), "together") {
		t.Errorf("without an origin: %v", err)
	}
	flag.Set("origin", "example.com.")
	if got, err := load(); got != "example.com. text" || err != nil {
		t.Errorf("with flags: %q, %v", got, err)
	}
	flag.Set("zone", path+".not")
	if _, err := load(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

// The usage text says how the program was called: by the kata tool, or by its
// name.
func TestUsage(t *testing.T) {
	defer func(args []string) { os.Args = args }(os.Args)
	defer flag.CommandLine.SetOutput(flag.CommandLine.Output())
	for called, want := range map[string]string{
		"go tool kata serve tcp/echo --":                 "Usage: go tool kata serve tcp/echo -- [flags]\n",
		filepath.Join(t.TempDir(), "go-build", "chat"):   "Usage: chat [flags]\n",
		filepath.Join(t.TempDir(), "go-build", "kv.exe"): "Usage: kv [flags]\n",
	} {
		var out strings.Builder
		flag.CommandLine.SetOutput(&out)
		os.Args = []string{called}
		usage()
		if first, _, _ := strings.Cut(out.String(), "\n"); first+"\n" != want {
			t.Errorf("called %q: %q, want %q", called, first, want)
		}
	}
}
