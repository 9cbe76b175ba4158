package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// A server says where it listens, serves whoever comes, and ends with its
// context.
func TestListen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	over := make(chan error, 1)
	go func() {
		over <- listen(ctx, w, "127.0.0.1:0", Each(func(_ context.Context, conn net.Conn) error {
			defer conn.Close()
			_, err := fmt.Fprintln(conn, "hello")
			return err
		}))
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), Ready)
	if err != nil || !ok {
		t.Fatalf("it printed %q, %v", line, err)
	}
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
