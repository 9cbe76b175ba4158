//go:build solution

// Package echo acknowledges datagrams to whoever sent them.
package echo

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"
)

// MaxMessage is how long a message may be, in bytes, to be acknowledged: with
// "ACK: " in front it is the largest payload of UDP over IPv4, 65,507 bytes.
const MaxMessage = 65502

// TooLong is the answer to a message that is longer.
const TooLong = "NAK: too long"

// Serve answers every datagram that pc receives, with "ACK: " and what is in it,
// until ctx is done or pc is closed. When it returns, pc is closed, and nothing
// that it started is left.
//
// Errors of ReadFrom that pass, such as ECONNREFUSED and ENOBUFS, do not end it:
// it tries again, after a pause. The error is nil after ctx is done, and that of
// ReadFrom, which is net.ErrClosed, if pc was closed by somebody else.
func Serve(ctx context.Context, pc net.PacketConn) error {
	defer pc.Close()
	stop := context.AfterFunc(ctx, func() { pc.Close() }) // wakes ReadFrom
	defer stop()

	var pause time.Duration
	buf := make([]byte, 1<<16) // no datagram is longer: what does not fit is lost, and nobody says so
	copy(buf, ack)
	for ctx.Err() == nil {
		n, from, err := pc.ReadFrom(buf[len(ack):])
		switch {
		case err == nil:
			pause = 0
			// The next ReadFrom fills the same buffer, so this has to be over by then.
			answer(pc, buf[:len(ack)+n], from)
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			pause = min(max(2*pause, minPause), maxPause)
			slog.Warn("reading failed", "err", err, "again in", pause)
			wait(ctx, pause)
		}
	}
	return nil
}

const ack = "ACK: "

// answer sends a reply to one sender, or says why there is none. If that fails,
// it is a datagram that was lost: whoever uses UDP has to live with those.
func answer(pc net.PacketConn, reply []byte, to net.Addr) {
	if len(reply) > len(ack)+MaxMessage {
		reply = []byte(TooLong)
	}
	if _, err := pc.WriteTo(reply, to); err != nil {
		slog.Warn("answering failed", "to", to, "err", err)
	}
}

// Between two failures of ReadFrom, the pauses grow from minPause to maxPause.
const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
