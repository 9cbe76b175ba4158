//go:build solution

// Package echo acknowledges datagrams to whoever sent them.
package echo

import (
	"bytes"
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

// Serve has a reader, which closes a channel when it is over, and a few workers
// who take from that channel.
func Serve(ctx context.Context, pc net.PacketConn) error {
	type job struct {
		message []byte
		from    net.Addr
	}
	jobs := make(chan job)
	result := make(chan error, 1)

	go func() {
		defer close(jobs)
		buf := make([]byte, 1<<17)
		for pause := time.Millisecond; ; {
			n, from, err := pc.ReadFrom(buf)
			if err == nil {
				jobs <- job{bytes.Clone(buf[:n]), from}
				pause = time.Millisecond
				continue
			}
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				result <- err
				return
			}
			t := time.NewTimer(pause)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
			}
			pause = min(pause*3, time.Second)
		}
	}()

	var workers sync.WaitGroup
	for range 4 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for j := range jobs {
				if len(j.message) <= MaxMessage {
					pc.WriteTo(bytes.Join([][]byte{[]byte("ACK:"), j.message}, []byte(" ")), j.from)
				} else {
					pc.WriteTo([]byte(TooLong), j.from)
				}
			}
		}()
	}

	var err error
	select {
	case <-ctx.Done():
		pc.Close()
		<-result
	case err = <-result:
		if ctx.Err() != nil {
			err = nil
		}
	}
	workers.Wait()
	pc.Close()
	return err
}
