//go:build solution

// Package deadline sends lines back to whoever sent them, and waits for nobody
// longer than it was told to.
package deadline

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
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

// Handle reads in one goroutine and writes in another.
func Handle(conn net.Conn, limits Limits) error {
	lines := make(chan []byte)
	readErr := make(chan error, 1)
	writeErr := make(chan error, 1)
	quit := make(chan struct{})
	go func() {
		defer close(lines)
		readErr <- readLines(conn, limits, lines, quit)
	}()
	go func() {
		defer close(quit)
		err := writeLines(conn, limits.Write, lines)
		if err != nil {
			conn.Close() // the reader need not go on
		}
		writeErr <- err
	}()
	w := <-writeErr
	r := <-readErr
	conn.Close()
	if w != nil {
		return w
	}
	return r
}

func readLines(conn net.Conn, limits Limits, lines chan<- []byte, quit <-chan struct{}) error {
	r := bufio.NewReaderSize(conn, 16)
	var line []byte
	var lineEnds time.Time
	for {
		if r.Buffered() == 0 {
			deadline, late := lineEnds, ErrLine
			if limits.Idle != 0 {
				if idleEnds := time.Now().Add(limits.Idle); deadline.IsZero() || idleEnds.Before(deadline) {
					deadline, late = idleEnds, ErrIdle
				}
			}
			conn.SetReadDeadline(deadline)
			if _, err := r.Peek(1); errors.Is(err, os.ErrDeadlineExceeded) {
				return late
			} else if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
		if len(line) == 0 && limits.Line != 0 {
			lineEnds = time.Now().Add(limits.Line)
		}
		b, err := r.ReadByte()
		if err != nil {
			return err
		}
		if line = append(line, b); b != '\n' {
			continue
		}
		select {
		case lines <- line:
		case <-quit:
			return nil
		}
		line, lineEnds = nil, time.Time{}
	}
}

func writeLines(conn net.Conn, limit time.Duration, lines <-chan []byte) error {
	w := bufio.NewWriter(conn)
	for line := range lines {
		if limit != 0 {
			conn.SetWriteDeadline(time.Now().Add(limit))
		}
		w.Write(line)
		if err := w.Flush(); errors.Is(err, os.ErrDeadlineExceeded) {
			return ErrWrite
		} else if err != nil {
			return err
		}
	}
	return nil
}
