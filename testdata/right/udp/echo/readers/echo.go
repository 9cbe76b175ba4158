//go:build solution

// Package echo acknowledges datagrams to whoever sent them.
package echo

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// MaxMessage is how long a message may be, in bytes, to be acknowledged: with
// "ACK: " in front it is the largest payload of UDP over IPv4, 65,507 bytes.
const MaxMessage = 65502

// TooLong is the answer to a message that is longer.
const TooLong = "NAK: too long"

const readers = 6

// Serve has several loops on one socket, each with a buffer of its own, and
// learns from WriteTo what is too long.
func Serve(ctx context.Context, pc net.PacketConn) error {
	errs := make(chan error, readers)
	inner, cancel := context.WithCancel(ctx)
	for range readers {
		go func() {
			errs <- loop(inner, pc)
		}()
	}
	var first error
	select {
	case <-ctx.Done():
		pc.Close()
		for range readers {
			<-errs
		}
	case first = <-errs:
		cancel() // ends pauses
		pc.Close()
		for range readers - 1 {
			<-errs
		}
	}
	cancel()
	if ctx.Err() != nil {
		return nil
	}
	return first
}

func loop(ctx context.Context, pc net.PacketConn) error {
	const firstPause = 50 * time.Millisecond
	pause := firstPause
	var buf [1 << 16]byte
	for {
		n, from, err := pc.ReadFrom(buf[:])
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			select {
			case <-ctx.Done():
				return err
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = firstPause
		reply := make([]byte, 0, 5+n)
		reply = append(append(reply, "ACK: "...), buf[:n]...)
		if _, err := pc.WriteTo(reply, from); errors.Is(err, syscall.EMSGSIZE) {
			pc.WriteTo([]byte(TooLong), from)
		}
	}
}
