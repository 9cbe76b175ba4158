//go:build solution

// Package chat, by someone who keeps what waits in slices, under one lock, and
// writes all of it at a time.
package chat

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// Limits says how much one client may ask of a Server. The zero value is not
// usable: each limit must be at least 1.
type Limits struct {
	Name  int // bytes of a name
	Line  int // bytes of what a member says at a time, without the end of the line
	Queue int // lines that may wait for a member, who reads too slowly or not at all
}

// Server is a chat of one room. The zero value is not usable: see New.
type Server struct {
	limits Limits

	mu      sync.RWMutex
	conns   map[net.Conn]bool // nil when it is over
	members []*member
	wait    sync.WaitGroup
}

type member struct {
	name  string
	conn  net.Conn
	more  *sync.Cond
	lines net.Buffers // that wait
	gone  bool
	done  chan struct{} // closed when all is written
}

func New(limits Limits) *Server {
	return &Server{limits: limits, conns: map[net.Conn]bool{}}
}

func (s *Server) Serve(ctx context.Context, ln net.Listener) (err error) {
	stop := context.AfterFunc(ctx, s.closeAll(ln))
	defer func() {
		if stop() || ctx.Err() == nil {
			s.closeAll(ln)()
		}
		s.wait.Wait()
	}()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			if conn != nil {
				conn.Close()
			}
			s.closeAll(ln)()
			return nil
		}
		if err != nil {
			return fmt.Errorf("chat: %w", err)
		}
		s.mu.Lock()
		if s.conns == nil {
			conn.Close()
		} else {
			s.conns[conn] = true
			s.wait.Add(1)
			go s.talk(conn)
		}
		s.mu.Unlock()
	}
}

func (s *Server) closeAll(ln net.Listener) func() {
	return func() {
		ln.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for conn := range s.conns {
			conn.Close()
		}
		s.conns = nil
	}
}

func (s *Server) talk(conn net.Conn) {
	defer s.wait.Done()
	defer func() {
		conn.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.conns != nil {
			delete(s.conns, conn)
		}
	}()
	in := bufio.NewReader(conn)
	var m *member
	for {
		limit := s.limits.Line
		if m == nil {
			limit = s.limits.Name
		}
		text, long, err := readLine(in, limit, func() {
			if m == nil {
				fmt.Fprintln(conn, "ERR 432")
			} else {
				s.hear(m, "ERR 417 too long")
			}
		})
		switch {
		case err != nil:
			if m != nil {
				s.leave(m)
				<-m.done
			}
			return
		case long:
		case m != nil:
			s.say(m, text)
		case text == "" || strings.ContainsFunc(text, noLetter):
			fmt.Fprintln(conn, "ERR 432 choose letters, please")
		default:
			if m = s.join(conn, text); m == nil {
				fmt.Fprintln(conn, "ERR 433 is taken")
			}
		}
	}
}

func noLetter(r rune) bool {
	return !(r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
}

// readLine reads byte by byte, and calls tooLong at the first that is too many.
func readLine(in *bufio.Reader, limit int, tooLong func()) (text string, long bool, err error) {
	var line strings.Builder
	for {
		b, err := in.ReadByte()
		if errors.Is(err, io.EOF) && line.Len() > 0 && !long {
			return line.String(), false, nil
		}
		if err != nil {
			return "", false, err
		}
		if b == '\n' {
			text := strings.TrimSuffix(line.String(), "\r")
			if !long && len(text) > limit {
				tooLong()
				long = true
			}
			return text, long, nil
		}
		if long {
			continue
		}
		if line.WriteByte(b); line.Len() > limit+1 {
			tooLong()
			long = true
		}
	}
}

func (s *Server) join(conn net.Conn, name string) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	greeting := "OK"
	for _, m := range s.members {
		if m.name == name {
			return nil
		}
		greeting += " " + m.name
	}
	m := &member{name: name, conn: conn, more: sync.NewCond(&s.mu), done: make(chan struct{})}
	s.members = append(s.members, m)
	m.push(greeting, s.limits.Queue)
	s.tell(m, "JOIN "+name)
	s.wait.Add(1)
	go s.write(m)
	return m
}

func (s *Server) write(m *member) {
	defer s.wait.Done()
	defer close(m.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(m.lines) == 0 && !m.gone {
			m.more.Wait()
		}
		if len(m.lines) == 0 {
			return
		}
		batch := m.lines
		m.lines = nil
		s.mu.Unlock()
		_, err := batch.WriteTo(m.conn)
		s.mu.Lock()
		if err != nil {
			m.lines = nil
			m.conn.Close()
			s.remove(m)
		}
	}
}

func (s *Server) say(m *member, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.gone {
		s.tell(m, "SAY "+m.name+" "+text)
	}
}

func (s *Server) hear(m *member, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.gone && !m.push(line, s.limits.Queue) {
		s.remove(m)
	}
}

func (s *Server) leave(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(m)
}

// tell is called with the lock held, as all that follow.
func (s *Server) tell(by *member, line string) {
	var full []*member
	for _, m := range s.members {
		if m != by && !m.push(line, s.limits.Queue) {
			full = append(full, m)
		}
	}
	for _, m := range full {
		s.remove(m)
	}
}

func (m *member) push(line string, most int) bool {
	if len(m.lines) >= most {
		m.lines = nil
		m.conn.Close()
		most = 0
	}
	if most == 0 || m.gone {
		return false
	}
	m.lines = append(m.lines, []byte(line+"\n"))
	m.more.Signal()
	return true
}

func (s *Server) remove(m *member) {
	if m.gone {
		return
	}
	m.gone = true
	m.more.Signal()
	for i := range s.members {
		if s.members[i] == m {
			s.members = append(s.members[:i:i], s.members[i+1:]...)
			break
		}
	}
	s.tell(m, "LEAVE "+m.name)
}
