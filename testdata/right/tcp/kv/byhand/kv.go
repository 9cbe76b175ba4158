//go:build solution

// Package kv, by someone who reads what there is, looks for newlines, and
// answers all whole lines in one Write, unless that gets long.
package kv

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
)

type Limits struct{ Line, Keys int }

type Server struct {
	Limits
	sync.RWMutex
	m map[string][]byte
}

func New(limits Limits) *Server { return &Server{Limits: limits, m: make(map[string][]byte)} }

func (s *Server) Handle(conn net.Conn) error {
	var waiting []byte // the beginning of a line whose end is not here yet
	skipping := false  // it is longer than it may be, and not kept
	buf := make([]byte, 1000)
	for {
		n, err := conn.Read(buf)
		waiting = append(waiting, buf[:n]...)
		var out []byte
		for {
			i := bytes.IndexByte(waiting, '\n')
			if i < 0 {
				break
			}
			line := bytes.TrimSuffix(waiting[:i], []byte{'\r'})
			if skipping || s.Line > 0 && len(line) > s.Line {
				out = append(out, "ERR too-long skipped to the next line"...)
				skipping = false
			} else {
				out = s.answer(out, line)
			}
			out = append(out, '\n')
			waiting = waiting[i+1:]
			if len(out) > 100_000 {
				if _, err := conn.Write(out); err != nil {
					return errors.Join(err, conn.Close())
				}
				out = nil
			}
		}
		if s.Line > 0 && len(waiting) > s.Line+1 {
			skipping, waiting = true, nil
		}
		if len(out) > 0 {
			if _, err := conn.Write(out); err != nil {
				return errors.Join(err, conn.Close())
			}
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

func (s *Server) answer(out, line []byte) []byte {
	words := bytes.SplitN(line, []byte{' '}, 3)
	ok := len(words) == 2 && len(words[1]) > 0
	switch string(words[0]) {
	case "GET":
		if !ok {
			return append(out, "ERR usage"...)
		}
		s.RLock()
		defer s.RUnlock()
		v, ok := s.m[string(words[1])]
		if !ok {
			return append(out, "NONE"...)
		}
		return append(append(out, "VALUE "...), v...)
	case "SET":
		if len(words) < 3 || len(words[1]) == 0 {
			return append(out, "ERR usage"...)
		}
		s.Lock()
		defer s.Unlock()
		if _, ok := s.m[string(words[1])]; !ok && s.Keys != 0 && len(s.m) == s.Keys {
			return append(out, "ERR full"...)
		}
		s.m[string(words[1])] = bytes.Clone(words[2])
		return append(out, "OK"...)
	case "DEL":
		if !ok {
			return append(out, "ERR usage"...)
		}
		s.Lock()
		defer s.Unlock()
		n := len(s.m)
		delete(s.m, string(words[1]))
		if len(s.m) == n {
			return append(out, "NONE"...)
		}
		return append(out, "OK"...)
	}
	return append(out, "ERR unknown"...)
}
