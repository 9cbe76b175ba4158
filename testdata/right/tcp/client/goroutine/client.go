//go:build solution

// Package client, by someone who lets a goroutine ask and closes the connection
// over its head.
package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// ErrReply means that the server answered, but not with PONG. What it said may be
// wrapped around it.
var ErrReply = errors.New("client: reply is not PONG")

// Dial makes connections. The method DialContext of a net.Dialer is one.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

func Ping(ctx context.Context, dial Dial, addr string) error {
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	asked := make(chan error, 1)
	go func() { asked <- ask(conn) }()
	select {
	case err := <-asked:
		return errors.Join(err, conn.Close())
	case <-ctx.Done():
		conn.Close()
		<-asked
		return ctx.Err()
	}
}

func ask(conn net.Conn) error {
	if _, err := fmt.Fprintln(conn, "PING"); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		if n, line, err := bufio.ScanLines(data, false); n > 0 || err != nil {
			return n, line, err
		}
		if atEOF {
			return 0, nil, io.ErrUnexpectedEOF
		}
		return 0, nil, nil
	})
	switch {
	case lines.Scan() && lines.Text() == "PONG":
		return nil
	case lines.Err() == nil, lines.Err() == bufio.ErrTooLong:
		return ErrReply
	}
	return fmt.Errorf("waiting for PONG: %w", lines.Err())
}
