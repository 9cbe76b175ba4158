//go:build solution

// Package deadline sends lines back to whoever sent them, and waits for nobody
// longer than it was told to.
package deadline

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Errors, one for each of the Limits that the peer can reach.
var (
	// ErrIdle means that nothing came for as long as Limits.Idle says.
	ErrIdle = errors.New("deadline: nothing came for too long")
	// ErrLine means that a line was not complete within Limits.Line.
	ErrLine = errors.New("deadline: a line took too long")
	// ErrWrite means that a reply was not taken within Limits.Write.
	ErrWrite = errors.New("deadline: a reply was not taken in time")
)

// Limits says how long the peer may take. The zero value sets no limit.
type Limits struct {
	Idle  time.Duration // from one byte to the next; 0: any time
	Line  time.Duration // from a line's first byte to its newline; 0: any time
	Write time.Duration // for taking a reply; 0: any time
}

// Handle sets no read deadline: it selects from what one goroutine reads, and
// from the time.
func Handle(conn net.Conn, limits Limits) error {
	in := make(chan chunk)
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		read(conn, in, done)
	}()
	defer func() {
		close(done)
		conn.Close()
		<-gone
	}()

	var buf []byte
	var idle, line <-chan time.Time
	for {
		if limits.Idle > 0 {
			idle = time.After(limits.Idle)
		}
		select {
		case <-idle:
			return ErrIdle
		case <-line:
			return ErrLine
		case c := <-in:
			if len(buf) == 0 {
				line = lineTimer(c.data, limits.Line)
			}
			buf = append(buf, c.data...)
			for {
				i := bytes.IndexByte(buf, '\n')
				if i < 0 {
					break
				}
				if err := write(conn, buf[:i+1], limits.Write); err != nil {
					return err
				}
				buf = buf[i+1:]
				line = lineTimer(buf, limits.Line)
			}
			if c.err == io.EOF {
				return nil
			}
			if c.err != nil {
				return c.err
			}
		}
	}
}

// chunk is what one Read gave.
type chunk struct {
	data []byte
	err  error
}

func read(conn net.Conn, in chan<- chunk, done <-chan struct{}) {
	for {
		b := make([]byte, 700)
		n, err := conn.Read(b)
		select {
		case in <- chunk{b[:n], err}:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}

// lineTimer is for a line that begins with that; nil if none does.
func lineTimer(begun []byte, limit time.Duration) <-chan time.Time {
	if len(begun) == 0 || limit == 0 {
		return nil
	}
	return time.After(limit)
}

func write(conn net.Conn, b []byte, limit time.Duration) error {
	var late atomic.Bool
	if limit > 0 {
		t := time.AfterFunc(limit, func() {
			late.Store(true)
			conn.Close()
		})
		defer t.Stop()
	}
	_, err := conn.Write(b)
	if late.Load() {
		return ErrWrite
	}
	return err
}
