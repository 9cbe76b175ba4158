//go:build solution

// Package chat, by someone who gives the room to one goroutine and tells it over
// channels what happens.
package chat

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"sync"
	"time"
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
	joins  chan joining
	says   chan said
	leaves chan *member
}

type member struct {
	name  string
	conn  net.Conn
	queue chan string
}

type joining struct {
	m  *member
	ok chan bool
}

type said struct {
	by   *member
	text string
	long bool
}

func New(limits Limits) *Server {
	return &Server{limits, make(chan joining), make(chan said), make(chan *member)}
}

func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	hub, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		s.hub(hub)
	}()
	var clients, watch sync.WaitGroup
	watch.Go(func() {
		<-ctx.Done()
		ln.Close()
	})
	err := s.accept(ctx, ln, &clients)
	if ctx.Err() != nil {
		err = nil
	}
	cancel()
	watch.Wait()
	clients.Wait()
	close(hub)
	<-over
	return err
}

func (s *Server) accept(ctx context.Context, ln net.Listener, clients *sync.WaitGroup) error {
	for {
		conn, err := ln.Accept()
		if ne, ok := err.(net.Error); ok && ne.Temporary() {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if err != nil {
			return err
		}
		clients.Go(func() {
			gone := make(chan struct{})
			defer close(gone)
			clients.Go(func() {
				select {
				case <-ctx.Done():
				case <-gone:
				}
				conn.Close()
			})
			s.client(conn)
		})
	}
}

// hub owns the room.
func (s *Server) hub(quit <-chan struct{}) {
	members := map[string]*member{}
	var tell func(line string, but *member)
	remove := func(m *member) {
		delete(members, m.name)
		close(m.queue)
	}
	drop := func(m *member) {
		remove(m)
		m.conn.Close()
	}
	tell = func(line string, but *member) {
		var slow []*member
		for _, m := range members {
			if m == but {
				continue
			}
			select {
			case m.queue <- line:
			default:
				slow = append(slow, m)
				drop(m)
			}
		}
		for _, m := range slow {
			tell("LEAVE "+m.name+"\n", nil)
		}
	}
	for {
		select {
		case j := <-s.joins:
			if members[j.m.name] != nil {
				j.ok <- false
				continue
			}
			ok := "OK"
			for name := range members {
				ok += " " + name
			}
			j.m.queue <- ok + "\n"
			members[j.m.name] = j.m
			tell("JOIN "+j.m.name+"\n", j.m)
			j.ok <- true
		case w := <-s.says:
			switch {
			case members[w.by.name] != w.by:
			case w.long:
				select {
				case w.by.queue <- "ERR 417\n":
				default:
					drop(w.by)
					tell("LEAVE "+w.by.name+"\n", nil)
				}
			default:
				tell("SAY "+w.by.name+" "+w.text+"\n", w.by)
			}
		case m := <-s.leaves:
			if members[m.name] == m {
				remove(m)
				tell("LEAVE "+m.name+"\n", nil)
			}
		case <-quit:
			return
		}
	}
}

var name = regexp.MustCompile(`^[-_0-9A-Za-z]+\z`)

func (s *Server) client(conn net.Conn) {
	lines := make(chan line)
	quit := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(lines)
		read(conn, max(s.limits.Line, s.limits.Name), lines, quit)
	})
	defer reader.Wait()
	defer conn.Close()
	defer close(quit)
	var m *member
	for m == nil {
		l, open := <-lines
		if !open {
			return
		}
		reply := "ERR 432 try another\n"
		if !l.long && len(l.text) <= s.limits.Name && name.MatchString(l.text) {
			try := &member{l.text, conn, make(chan string, s.limits.Queue+1)}
			j := joining{try, make(chan bool)}
			s.joins <- j
			if <-j.ok {
				m = try
				break
			}
			reply = "ERR 433\n"
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		w := bufio.NewWriter(conn)
		for line := range m.queue {
			w.WriteString(line)
			if len(m.queue) == 0 && w.Flush() != nil {
				conn.Close()
			}
		}
	})
	for l := range lines {
		s.says <- said{m, l.text, l.long || len(l.text) > s.limits.Line}
	}
	s.leaves <- m
	writer.Wait()
}

type line struct {
	text string
	long bool
}

// read hands over the lines of conn; a long one once, at its beginning.
func read(conn net.Conn, limit int, lines chan<- line, quit <-chan struct{}) {
	buf := make([]byte, 512)
	var have []byte
	long := false
	give := func(l line) bool {
		select {
		case lines <- l:
			return true
		case <-quit:
			return false
		}
	}
	for {
		n, err := conn.Read(buf)
		have = append(have, buf[:n]...)
		for {
			i := bytes.IndexByte(have, '\n')
			if i < 0 {
				break
			}
			if !long && !give(line{string(bytes.TrimSuffix(have[:i], []byte("\r"))), false}) {
				return
			}
			long = false
			have = have[i+1:]
		}
		if long || len(have) > limit+1 {
			if !long && !give(line{"", true}) {
				return
			}
			long, have = true, nil
		}
		if err == io.EOF && len(have) > 0 {
			give(line{string(have), false})
		}
		if err != nil {
			return
		}
	}
}
