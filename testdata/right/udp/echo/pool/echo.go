//go:build solution

// Package echo acknowledges datagrams to whoever sent them.
package echo

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// MaxMessage is how long a message may be, in bytes, to be acknowledged: with
// "ACK: " in front it is the largest payload of UDP over IPv4, 65,507 bytes.
const MaxMessage = 65502

// TooLong is the answer to a message that is longer.
const TooLong = "NAK: too long"

// Serve has a goroutine for each message, and a pool of buffers.
func Serve(ctx context.Context, pc net.PacketConn) error {
	defer pc.Close()
	defer context.AfterFunc(ctx, func() { pc.SetReadDeadline(time.Unix(0, 1)) })()

	var handlers sync.WaitGroup
	defer handlers.Wait()
	buffers := sync.Pool{New: func() any { return new([65535]byte) }}
	for {
		buf := buffers.Get().(*[65535]byte)
		n, from, err := pc.ReadFrom(buf[:])
		if err == nil {
			handlers.Go(func() {
				defer buffers.Put(buf)
				answer(pc, buf[:n], from)
			})
			continue
		}
		buffers.Put(buf)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

func answer(pc net.PacketConn, message []byte, to net.Addr) {
	if len(message) > MaxMessage {
		pc.WriteTo([]byte(TooLong), to)
		return
	}
	pc.WriteTo(append([]byte("ACK: "), message...), to)
}
