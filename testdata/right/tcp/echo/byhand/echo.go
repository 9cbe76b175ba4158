//go:build solution

// Package echo, by someone who reads what there is and looks for newlines.
package echo

import (
	"bytes"
	"errors"
	"io"
	"net"
)

func Handle(conn net.Conn) error {
	var waiting []byte // the beginning of a line whose end is not here yet
	buf := make([]byte, 512)
	for {
		n, err := conn.Read(buf)
		waiting = append(waiting, buf[:n]...)
		if done, e := answer(conn, &waiting, err == io.EOF); done || e != nil {
			conn.Close()
			return e
		}
		if err != nil {
			conn.Close()
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// answer answers all whole lines, in one Write; at the end, also the rest.
func answer(w io.Writer, waiting *[]byte, end bool) (done bool, err error) {
	var out []byte
	for !done && len(*waiting) > 0 {
		n := bytes.IndexByte(*waiting, '\n') + 1
		if n == 0 && !end {
			break
		} else if n == 0 {
			n = len(*waiting)
		}
		line := (*waiting)[:n]
		if isQuit(line) {
			line, done = []byte("BYE\n"), true
		}
		out = append(out, line...)
		*waiting = (*waiting)[n:]
	}
	if len(out) == 0 {
		return done, nil
	}
	_, err = w.Write(out)
	return done, err
}

func isQuit(line []byte) bool {
	switch string(line) {
	case "QUIT\n", "QUIT\r\n", "QUIT":
		return true
	}
	return false
}
