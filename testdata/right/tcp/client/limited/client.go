//go:build solution

// Package client, by someone who lets a reply have a mebibyte, and no more.
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

func Ping(ctx context.Context, dial Dial, addr string) (err error) {
	conn, err := dial(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	defer func() {
		if ctx.Err() != nil { // also behind PONG: the caller has gone
			err = ctx.Err()
		}
	}()
	if _, err := fmt.Fprintf(conn, "PING\n"); err != nil {
		return err
	}
	const most = 1 << 20
	reply, err := bufio.NewReader(io.LimitReader(conn, most+1)).ReadString('\n')
	switch {
	case len(reply) > most:
		return fmt.Errorf("%w: more than %d bytes", ErrReply, most)
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case reply != "PONG\n":
		return fmt.Errorf("%w: %q", ErrReply, reply)
	}
	return nil
}
