//go:build solution

// Package deadline sends lines back to whoever sent them, and waits for nobody
// longer than it was told to.
package deadline

import (
	"errors"
	"io"
	"net"
	"sync"
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

// Handle sets no deadline: whoever takes too long finds the connection closed by
// a timer.
func Handle(conn net.Conn, limits Limits) error {
	g := &guard{conn: conn}
	idle := g.timer(limits.Idle, ErrIdle)
	line := g.timer(limits.Line, ErrLine)
	write := g.timer(limits.Write, ErrWrite)
	defer conn.Close()
	for _, t := range []alarm{idle, line, write} {
		defer t.stop()
	}

	var pending []byte
	chunk := make([]byte, 512)
	for {
		idle.start()
		n, err := conn.Read(chunk)
		idle.stop()
		for _, b := range chunk[:n] {
			if len(pending) == 0 {
				line.start()
			}
			pending = append(pending, b)
			if b != '\n' {
				continue
			}
			line.stop()
			write.start()
			_, err := conn.Write(pending)
			write.stop()
			if err != nil {
				return g.verdict(err)
			}
			pending = pending[:0]
		}
		if err == io.EOF {
			_, err := conn.Write(pending)
			return g.verdict(err)
		}
		if err != nil {
			return g.verdict(err)
		}
	}
}

// guard closes a connection and remembers why.
type guard struct {
	conn net.Conn
	mu   sync.Mutex
	why  error
}

func (g *guard) verdict(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why != nil {
		return g.why
	}
	return err
}

type alarm struct {
	*time.Timer // nil for no limit
	after       time.Duration
}

func (g *guard) timer(after time.Duration, why error) alarm {
	if after == 0 {
		return alarm{}
	}
	t := time.AfterFunc(time.Hour, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.why == nil {
			g.why = why
			g.conn.Close()
		}
	})
	t.Stop()
	return alarm{t, after}
}

func (a alarm) start() {
	if a.Timer != nil {
		a.Reset(a.after)
	}
}

func (a alarm) stop() {
	if a.Timer != nil {
		a.Stop()
	}
}
