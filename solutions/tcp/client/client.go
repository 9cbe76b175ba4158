//go:build solution

// Package client asks a server whether it is there, over TCP.
package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ErrReply means that the server answered, but not with PONG. What it said may be
// wrapped around it.
var ErrReply = errors.New("client: reply is not PONG")

// Dial makes connections. The method DialContext of a net.Dialer is one.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Ping dials addr ("tcp"), sends the line PING, and waits for the line PONG. All
// of it ends at once when ctx ends. Whatever happens, the connection is closed
// and nothing is left behind when Ping returns.
//
// The error is nil after PONG; ErrReply after another line;
// io.ErrUnexpectedEOF when the server closes before its line ends; that of ctx
// when ctx ends first (after its deadline, os.ErrDeadlineExceeded will do as
// well); else that of dial, of the Write or of the Read.
func Ping(ctx context.Context, dial Dial, addr string) error {
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	defer conn.Close()

	// A Read knows nothing of contexts, but a deadline in the past ends it.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	err = ask(conn)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("client: %w", ctx.Err())
	}
	return err
}

// ask sends PING and reads the reply.
func ask(conn net.Conn) error {
	if _, err := io.WriteString(conn, "PING\n"); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	reply, err := bufio.NewReader(conn).ReadSlice('\n')
	switch {
	case err == io.EOF:
		return fmt.Errorf("client: reply %q: %w", reply, io.ErrUnexpectedEOF)
	case err == bufio.ErrBufferFull:
		return fmt.Errorf("%w: %d bytes and no newline", ErrReply, len(reply))
	case err != nil:
		return fmt.Errorf("client: %w", err)
	case string(reply) != "PONG\n":
		return fmt.Errorf("%w: %q", ErrReply, reply)
	}
	return nil
}
