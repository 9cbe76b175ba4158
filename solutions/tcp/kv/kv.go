//go:build solution

// Package kv serves values by their keys to many clients at once, over a
// protocol of lines.
package kv

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"sync"
)

// Limits says how much a Server takes. The zero value sets no limit.
type Limits struct {
	Line int // bytes of a line, without its end; 0: any number
	Keys int // keys held at a time; 0: any number
}

// Server holds values by their keys. All its clients see the same ones. The zero
// value is not usable: see New.
type Server struct {
	limits Limits

	mu     sync.Mutex // never held while a connection is used: that may take for ever
	values map[string]string
}

// New returns a Server that holds nothing yet. It starts no goroutine.
func New(limits Limits) *Server {
	return &Server{limits: limits, values: map[string]string{}}
}

// Handle answers the commands that come over conn, a line of reply to each line,
// until the client ends its stream. Then, and on every error, it closes conn and
// returns. It may be called for many connections at once.
//
// The error is nil at the end of the stream, else that of the Read or the Write
// which failed. What the client does wrong is none: it gets a reply.
func (s *Server) Handle(conn net.Conn) error {
	defer conn.Close()
	out := bufio.NewWriter(conn)
	in := bufio.NewReader(flushing{conn, out})
	for {
		line, err := readLine(in, s.limits.Line)
		if err == io.EOF { // what came behind the last newline is no command
			return out.Flush()
		}
		if err != nil {
			return err
		}
		out.WriteString(s.answer(line)) // Flush will say what failed
		out.WriteByte('\n')
	}
}

// flushing is the connection as the reader of commands sees it. Before it waits
// for more of them, the replies to those that came go out, in one Write.
type flushing struct {
	conn net.Conn
	out  *bufio.Writer
}

func (f flushing) Read(p []byte) (int, error) {
	if err := f.out.Flush(); err != nil {
		return 0, err
	}
	return f.conn.Read(p)
}

// readLine reads a line and returns it without its end. Of one that is longer
// than limit it returns a part, which is longer than limit too.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		piece, err := r.ReadSlice('\n')
		if limit == 0 || len(line) <= limit+len("\r\n") {
			line = append(line, piece...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return nil, err
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), nil
	}
}

// answer carries a line out and returns the reply to it.
func (s *Server) answer(line []byte) string {
	if s.limits.Line > 0 && len(line) > s.limits.Line {
		return "ERR too-long"
	}
	word, args, _ := bytes.Cut(line, []byte(" "))
	key, value, two := bytes.Cut(args, []byte(" "))
	switch command := string(word); {
	case command != "GET" && command != "SET" && command != "DEL":
		return "ERR unknown the commands are GET, SET and DEL"
	case len(key) == 0 || two != (command == "SET"):
		return "ERR usage GET key, SET key value, DEL key"
	case command == "GET":
		return s.get(string(key))
	case command == "SET":
		return s.set(string(key), string(value)) // copies: the line's bytes are only lent
	default:
		return s.del(string(key))
	}
}

func (s *Server) get(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[key]
	if !ok {
		return "NONE"
	}
	return "VALUE " + value
}

func (s *Server) set(key, value string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.values[key]; !ok && s.limits.Keys > 0 && len(s.values) >= s.limits.Keys {
		return "ERR full"
	}
	s.values[key] = value
	return "OK"
}

func (s *Server) del(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.values[key]; !ok {
		return "NONE"
	}
	delete(s.values, key)
	return "OK"
}
