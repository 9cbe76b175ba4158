//go:build solution

// Package deadline sends lines back to whoever sent them, and waits for nobody
// longer than it was told to.
package deadline

import (
	"bufio"
	"bytes"
	"errors"
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

// Handle serves conn with a Scanner over a connection that keeps the time.
func Handle(conn net.Conn, limits Limits) error {
	defer conn.Close()
	c := &timed{Conn: conn, limits: limits}
	lines := bufio.NewScanner(c)
	lines.Buffer(nil, 16<<20)
	lines.Split(wholeLines)
	for lines.Scan() {
		if _, err := c.Write(lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// timed is a connection that sets its deadlines itself. It learns from the bytes
// themselves whether a line has begun.
type timed struct {
	net.Conn
	limits Limits
	begun  time.Time // when the line that is being read began; zero between lines
}

func (c *timed) Read(p []byte) (int, error) {
	var deadline time.Time
	late := ErrIdle
	if c.limits.Idle > 0 {
		deadline = time.Now().Add(c.limits.Idle)
	}
	if c.limits.Line > 0 && !c.begun.IsZero() {
		if end := c.begun.Add(c.limits.Line); deadline.IsZero() || end.Before(deadline) {
			deadline, late = end, ErrLine
		}
	}
	c.SetReadDeadline(deadline)
	n, err := c.Conn.Read(p)
	if isTimeout(err) {
		err = late
	}
	newline := bytes.LastIndexByte(p[:n], '\n')
	switch {
	case n == 0:
	case newline == n-1:
		c.begun = time.Time{}
	case newline >= 0 || c.begun.IsZero():
		c.begun = time.Now()
	}
	return n, err
}

func (c *timed) Write(p []byte) (int, error) {
	if c.limits.Write > 0 {
		c.SetWriteDeadline(time.Now().Add(c.limits.Write))
	}
	n, err := c.Conn.Write(p)
	if isTimeout(err) {
		err = ErrWrite
	}
	return n, err
}

func isTimeout(err error) bool {
	var oe *net.OpError
	return errors.As(err, &oe) && errors.Is(oe.Err, os.ErrDeadlineExceeded)
}

// wholeLines is bufio.ScanLines, but leaves the newline where it is, and takes
// nothing without one for a line.
func wholeLines(data []byte, _ bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	return 0, nil, nil
}
