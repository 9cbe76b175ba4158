//go:build solution

// Package chat, by someone who keeps one list of all that happens, in which each
// member has a place.
package chat

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/example/netkata/solutions/tcp/serve"
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

	mu     sync.Mutex
	news   *sync.Cond
	events []event
	first  int // number of events[0]
	here   map[string]*member
}

type event struct {
	line string
	by   *member
	to   *member // nil: everyone else
}

func (e event) isFor(m *member) bool { return e.to == m || e.to == nil && e.by != m }

type member struct {
	name  string
	next  int // the number of the event to be written next
	waits int // events from there on that are for it
	out   atomic.Bool
	left  bool
	rest  net.Buffers // what was for it when it left
	close func() error
}

func New(limits Limits) *Server {
	s := &Server{limits: limits, here: map[string]*member{}}
	s.news = sync.NewCond(&s.mu)
	return s
}

func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	err := serve.Serve(ctx, ln, s.client, 0)
	if ctx.Err() != nil {
		err = nil
	}
	return err
}

func (s *Server) client(_ context.Context, conn net.Conn) {
	limit := s.limits.Name
	input := &splitter{Conn: conn, limit: &limit}
	lines := bufio.NewScanner(input)
	lines.Buffer(nil, 1<<20)
	lines.Split(input.split)

	var m *member
	for m == nil {
		if !lines.Scan() {
			return
		}
		text := lines.Text()
		if text == tooLong || !isName(text) {
			fmt.Fprint(conn, "ERR 432\n")
		} else if m = s.enter(text, conn); m == nil {
			fmt.Fprint(conn, "ERR 433\n")
		}
	}
	limit = s.limits.Line
	var writer sync.WaitGroup
	writer.Go(func() { s.write(m, conn) })
	for lines.Scan() {
		s.mu.Lock()
		switch text := lines.Text(); {
		case m.out.Load():
		case text == tooLong:
			s.happens(event{line: "ERR 417\n", by: m, to: m})
		default:
			s.happens(event{line: "SAY " + m.name + " " + text + "\n", by: m})
		}
		s.mu.Unlock()
	}
	s.leave(m)
	writer.Wait()
}

// tooLong stands for a line that is; no other has a newline.
const tooLong = "\n"

// splitter is a bufio.SplitFunc that gives tooLong once for each long line. It
// is also the reader, so that it knows how the stream ended.
type splitter struct {
	net.Conn
	end   error
	limit *int
	skip  bool
}

func (s *splitter) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.end = err
	return n, err
}

func (s *splitter) split(data []byte, atEOF bool) (int, []byte, error) {
	n, line, err := bufio.ScanLines(data, s.end == io.EOF)
	switch {
	case s.skip && n > 0: // a Scanner that gets no token reads on first: look at the rest here
		s.skip = false
		more, token, err := s.split(data[n:], atEOF)
		return n + more, token, err
	case s.skip:
		return len(data), nil, nil
	case n > 0 && len(line) > *s.limit:
		return n, []byte(tooLong), nil
	case n > 0:
		return n, append([]byte{}, line...), nil
	case len(data) > *s.limit+1:
		s.skip = true
		return len(data), []byte(tooLong), nil
	}
	return 0, nil, err
}

func isName(text string) bool {
	for _, c := range []byte(text) {
		if !bytes.Contains([]byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"), []byte{c}) {
			return false
		}
	}
	return text != ""
}

func (s *Server) enter(name string, conn net.Conn) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.here[name] != nil {
		return nil
	}
	m := &member{name: name, close: conn.Close}
	ok := "OK"
	for other := range s.here {
		ok += " " + other
	}
	m.next = s.first + len(s.events)
	s.here[name] = m
	s.happens(event{line: ok + "\n", by: m, to: m})
	if !m.out.Load() {
		s.happens(event{line: "JOIN " + name + "\n", by: m})
	}
	return m
}

// happens puts an event into the list. The lock is held.
func (s *Server) happens(e event) {
	s.events = append(s.events, e)
	s.news.Broadcast()
	var late []*member
	for _, m := range s.here {
		if !e.isFor(m) {
			continue
		}
		if m.waits++; m.waits > s.limits.Queue {
			late = append(late, m)
		}
	}
	for _, m := range late {
		s.drop(m)
	}
	s.forget()
}

// drop is called with the lock held.
func (s *Server) drop(m *member) {
	if s.here[m.name] != m {
		return
	}
	delete(s.here, m.name)
	m.out.Store(true)
	m.close()
	s.happens(event{line: "LEAVE " + m.name + "\n", by: m})
}

func (s *Server) leave(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.here[m.name] != m {
		return
	}
	for _, e := range s.events[m.next-s.first:] {
		if e.isFor(m) {
			m.rest = append(m.rest, []byte(e.line))
		}
	}
	m.left = true
	delete(s.here, m.name)
	s.happens(event{line: "LEAVE " + m.name + "\n", by: m})
}

// forget takes events from the list that everybody has.
func (s *Server) forget() {
	oldest := s.first + len(s.events)
	for _, m := range s.here {
		oldest = min(oldest, m.next)
	}
	s.events = slices.Delete(s.events, 0, oldest-s.first)
	s.first = oldest
}

func (s *Server) write(m *member, conn net.Conn) {
	for {
		s.mu.Lock()
		for !m.out.Load() && !m.left && m.next == s.first+len(s.events) {
			s.news.Wait()
		}
		if m.out.Load() || m.left {
			s.mu.Unlock()
			m.rest.WriteTo(conn)
			return
		}
		e := s.events[m.next-s.first]
		m.next++
		s.mu.Unlock()
		if e.isFor(m) {
			if _, err := conn.Write([]byte(e.line)); err != nil {
				s.mu.Lock()
				s.drop(m)
				s.mu.Unlock()
				return
			}
		}
		if e.isFor(m) {
			s.mu.Lock()
			m.waits--
			s.mu.Unlock()
		}
	}
}
