//go:build solution

// Package deadline sends lines back to whoever sent them, and waits for nobody
// longer than it was told to.
package deadline

import (
	"bufio"
	"errors"
	"fmt"
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

// Handle sends every line that comes over conn back, until the peer ends its
// stream or takes longer than the limits allow. Then, and on every other error,
// it closes conn and returns.
//
// The error is nil at the end of the stream; ErrIdle, ErrLine or ErrWrite when
// that limit was reached; else that of the Read or the Write which failed.
func Handle(conn net.Conn, limits Limits) error {
	defer conn.Close()
	in := &input{conn: conn, limits: limits}
	buf := bufio.NewReader(in)
	for {
		in.lineBy = time.Time{}
		if _, err := buf.Peek(1); err != nil {
			return unlessEOF(err)
		}
		in.lineBy = after(limits.Line) // its first byte is there
		line, err := buf.ReadBytes('\n')
		if err != nil {
			return unlessEOF(err)
		}
		if err := reply(conn, line, limits.Write); err != nil {
			return err
		}
	}
}

// input is the connection as bufio reads it: it waits for each of the peer's
// bytes until the earlier of two moments.
type input struct {
	conn   net.Conn
	limits Limits
	lineBy time.Time // when the line must be complete; zero: none has begun, or no limit
}

func (in *input) Read(p []byte) (int, error) {
	by, late := after(in.limits.Idle), ErrIdle
	if !in.lineBy.IsZero() && (by.IsZero() || in.lineBy.Before(by)) {
		by, late = in.lineBy, ErrLine
	}
	if err := in.conn.SetReadDeadline(by); err != nil {
		return 0, err
	}
	n, err := in.conn.Read(p)
	return n, named(err, late)
}

func reply(conn net.Conn, line []byte, limit time.Duration) error {
	if err := conn.SetWriteDeadline(after(limit)); err != nil {
		return err
	}
	_, err := conn.Write(line)
	return named(err, ErrWrite)
}

// after returns the moment that ends a limit which begins now. The zero Time,
// for a limit of 0, is no deadline for package net either.
func after(limit time.Duration) time.Time {
	if limit == 0 {
		return time.Time{}
	}
	return time.Now().Add(limit)
}

// named adds to the error of a deadline whose it was.
func named(err, late error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: %w", late, err)
	}
	return err
}

func unlessEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}
