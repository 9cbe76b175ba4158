//go:build solution

// Package echo sends lines back to whoever sent them.
package echo

import (
	"bufio"
	"bytes"
	"io"
	"net"
)

// Handle sends every line that comes over conn back, until a line says QUIT,
// which it answers with BYE, or the other side ends its stream. Then, and on
// every error, it closes conn and returns.
//
// The error is nil after QUIT and at the end of the stream, else that of the
// Read or the Write which failed.
func Handle(conn net.Conn) error {
	defer conn.Close()
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return err
		}
		if isQuit(line) {
			_, err := io.WriteString(conn, "BYE\n")
			return err
		}
		if len(line) > 0 {
			if _, err := conn.Write(line); err != nil {
				return err
			}
		}
		if err == io.EOF { // behind a last line that has no newline
			return nil
		}
	}
}

// isQuit says whether a line, with or without its end, says QUIT.
func isQuit(line []byte) bool {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))) == "QUIT"
}
