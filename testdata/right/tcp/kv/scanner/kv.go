//go:build solution

// Package kv, by someone who likes bufio.Scanner, splits with a function of his
// own, and sends each reply by itself.
package kv

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"net"
	"regexp"
	"sync"
	"sync/atomic"
)

type Limits struct{ Line, Keys int }

type Server struct {
	limits Limits
	values sync.Map // a string each
	number atomic.Int64
	change sync.Mutex
}

func New(limits Limits) *Server { return &Server{limits: limits} }

var command = regexp.MustCompile(`(?s)^(?:(GET|DEL) ([^ ]+)|(SET) ([^ ]+) (.*))$`)

func (s *Server) Handle(conn net.Conn) (err error) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	tooLong := false // the token is what is left of such a line
	if limit := s.limits.Line; limit == 0 {
		lines.Buffer(nil, math.MaxInt)
		lines.Split(whole)
	} else {
		lines.Buffer(nil, max(2*limit, 64)+2)
		begun := false
		lines.Split(func(data []byte, end bool) (int, []byte, error) {
			n, line, err := whole(data, end)
			switch {
			case line != nil:
				tooLong = begun || len(bytes.TrimSuffix(line, []byte("\r"))) > limit
				begun = false
			case n == 0 && len(data) > limit+1:
				begun = true
				return len(data), nil, nil
			}
			return n, line, err
		})
	}
	for lines.Scan() {
		reply := "ERR too-long"
		if !tooLong {
			reply = s.answer(string(bytes.TrimSuffix(lines.Bytes(), []byte("\r"))))
		}
		if _, err := fmt.Fprintf(conn, "%s\n", reply); err != nil {
			return err
		}
	}
	return lines.Err()
}

// whole splits off a line, without its newline. The end of the stream ends none.
func whole(data []byte, _ bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i:i], nil
	}
	return 0, nil, nil
}

func (s *Server) answer(line string) string {
	words := command.FindStringSubmatch(line)
	if words == nil {
		if regexp.MustCompile(`^(GET|SET|DEL)( |$)`).MatchString(line) {
			return "ERR usage"
		}
		return "ERR unknown"
	}
	if words[1] == "GET" {
		if value, ok := s.values.Load(words[2]); ok {
			return "VALUE " + value.(string)
		}
		return "NONE"
	}
	s.change.Lock()
	defer s.change.Unlock()
	if words[1] == "DEL" {
		if _, ok := s.values.LoadAndDelete(words[2]); !ok {
			return "NONE"
		}
		s.number.Add(-1)
		return "OK"
	}
	if _, ok := s.values.Load(words[4]); !ok {
		if keys := int64(s.limits.Keys); keys > 0 && s.number.Load() >= keys {
			return "ERR full"
		}
		s.number.Add(1)
	}
	s.values.Store(words[4], words[5])
	return "OK"
}
