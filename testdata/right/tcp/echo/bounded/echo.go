//go:build solution

// Package echo, by someone who sends everything back as it comes, and holds no
// more than what may still become QUIT.
package echo

import (
	"io"
	"net"
	"strings"
)

func Handle(conn net.Conn) error {
	defer conn.Close()
	var l line
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		out, quit := l.feed(buf[:n])
		if err == io.EOF && l.held == "QUIT" {
			out, quit = append(out, "BYE\n"...), true
		} else if err == io.EOF {
			out = append(out, l.held...)
		}
		if len(out) > 0 && (err == nil || err == io.EOF) {
			if _, err := conn.Write(out); err != nil {
				return err
			}
		}
		if quit || err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// line is what must be known of the line that is coming.
type line struct {
	held string // its beginning, as long as that may become QUIT
	past bool   // it cannot become QUIT any more
}

// feed returns what to send for p. quit says that the rest of p is not answered.
func (l *line) feed(p []byte) (out []byte, quit bool) {
	for _, c := range p {
		if !l.past {
			l.held += string([]byte{c})
			if l.held == "QUIT\n" || l.held == "QUIT\r\n" {
				return append(out, "BYE\n"...), true
			}
			if strings.HasPrefix("QUIT\r\n", l.held) {
				continue
			}
			out, l.held = append(out, l.held...), ""
		} else {
			out = append(out, c)
		}
		l.past = c != '\n'
	}
	return out, false
}
