//go:build solution

// Package echo, by someone who never holds more than one buffer of a line.
package echo

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
)

func Handle(conn net.Conn) (err error) {
	defer func() { err = errors.Join(err, conn.Close()) }()
	r, w := bufio.NewReaderSize(conn, 16), bufio.NewWriter(conn)
	begins := true // the next piece is the beginning of a line
	for {
		piece, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
		}
		switch line := string(piece); {
		case err != nil && err != io.EOF:
			return fmt.Errorf("reading a line: %w", err)
		case begins && (line == "QUIT\n" || line == "QUIT\r\n" || line == "QUIT" || line == "QUIT\r"):
			w.WriteString("BYE\n")
			return w.Flush()
		}
		w.Write(piece)
		if e := w.Flush(); e != nil {
			return fmt.Errorf("writing a line: %w", e)
		}
		if err == io.EOF {
			return nil
		}
		begins = len(piece) > 0 && piece[len(piece)-1] == '\n'
	}
}
