//go:build solution

// Package client, by someone who hands the context's deadline to the connection,
// and compares the reply byte by byte, as it comes.
package client

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// ErrReply means that the server answered, but not with PONG. What it said may be
// wrapped around it.
var ErrReply = errors.New("client: reply is not PONG")

// Dial makes connections. The method DialContext of a net.Dialer is one.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

func Ping(ctx context.Context, dial Dial, addr string) (err error) {
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	over := make(chan struct{})
	var watch sync.WaitGroup
	defer watch.Wait()
	defer close(over)
	watch.Go(func() {
		select {
		case <-ctx.Done():
			conn.SetDeadline(time.Now().Add(-time.Hour))
		case <-over:
		}
	})
	err = ask(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) && errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return err
}

func ask(conn net.Conn) error {
	if _, err := conn.Write([]byte("PING\n")); err != nil {
		return err
	}
	for want := "PONG\n"; want != ""; {
		buf := make([]byte, len(want))
		n, err := conn.Read(buf)
		if string(buf[:n]) != want[:n] {
			return ErrReply
		}
		if want = want[n:]; want == "" {
			break
		}
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}
