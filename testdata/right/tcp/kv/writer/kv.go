//go:build solution

// Package kv, by someone who reads in one goroutine and writes in another, and
// keeps the map in a channel: whoever has taken it out has it.
package kv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

type Limits struct {
	Line int
	Keys int
}

type Server struct {
	limits Limits
	values chan map[string]string
}

func New(limits Limits) *Server {
	s := &Server{limits, make(chan map[string]string, 1)}
	s.values <- map[string]string{}
	return s
}

func (s *Server) Handle(conn net.Conn) error {
	ctx, broken := context.WithCancelCause(context.Background())
	replies := make(chan string) // without room, for one may be long
	written := make(chan struct{})
	go func() {
		defer close(written)
		for reply := range replies {
			if _, err := io.WriteString(conn, reply+"\n"); err != nil {
				broken(fmt.Errorf("writing a reply: %w", err))
				conn.Close() // wakes the reader
				return
			}
		}
	}()
	err := s.read(ctx, conn, replies)
	close(replies)
	<-written
	conn.Close()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	broken(nil)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *Server) read(ctx context.Context, conn net.Conn, replies chan<- string) error {
	r := bufio.NewReaderSize(conn, 16)
	var line strings.Builder
	for {
		c, err := r.ReadByte()
		if err != nil {
			return err
		}
		if c != '\n' {
			if s.limits.Line == 0 || line.Len() < s.limits.Line+2 {
				line.WriteByte(c)
			}
			continue
		}
		text := strings.TrimSuffix(line.String(), "\r")
		line.Reset()
		reply := "ERR too-long"
		if s.limits.Line == 0 || len(text) <= s.limits.Line {
			reply = s.answer(text)
		}
		select {
		case replies <- reply:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *Server) answer(line string) string {
	command, rest, _ := strings.Cut(line, " ")
	key, value, more := strings.Cut(rest, " ")
	usage := key == "" || strings.Contains("GET DEL", command) == more
	values := <-s.values
	defer func() { s.values <- values }()
	old, found := values[key]
	switch {
	case command == "SET" && !usage && !found && len(values) == s.limits.Keys && s.limits.Keys > 0:
		return "ERR full no room for " + key
	case command == "SET" && !usage:
		values[strings.Clone(key)] = strings.Clone(value)
		return "OK"
	case (command == "GET" || command == "DEL") && !usage && !found:
		return "NONE"
	case command == "GET" && !usage:
		return "VALUE " + old
	case command == "DEL" && !usage:
		delete(values, key)
		return "OK"
	case command == "GET", command == "SET", command == "DEL":
		return "ERR usage of " + command
	}
	return "ERR unknown"
}
