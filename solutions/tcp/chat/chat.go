//go:build solution

// Package chat passes on what each of its members says to all the others, and
// lets nobody hold the others up.
package chat

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

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

	// mu puts all that happens in the room into one order. Whoever holds it waits
	// for nobody: lines go into queues, and a full queue is the member's problem.
	mu      sync.Mutex
	members map[string]*member // by name
}

// New returns a Server in whose room nobody is yet. It starts no goroutine.
func New(limits Limits) *Server {
	return &Server{limits: limits, members: map[string]*member{}}
}

// Serve accepts connections from ln and has each client choose a name and talk,
// until ctx is done or ln is closed. Then it closes ln and all connections, and
// returns when every goroutine that it started has ended. It is called once.
//
// The error is nil after ctx is done, and that of Accept, which is net.ErrClosed,
// if ln was closed by somebody else.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	err := serve.Serve(ctx, ln, s.handle, 0)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// handle sees one client in, listens to it, and sees it out.
func (s *Server) handle(_ context.Context, conn net.Conn) {
	in := &input{Reader: bufio.NewReader(conn)}
	m, greeting := s.admit(conn, in)
	if m == nil {
		return
	}
	var writer sync.WaitGroup
	defer writer.Wait()
	defer s.leave(m)
	writer.Go(func() { m.write(greeting) })
	for {
		text, err := in.line(s.limits.Line)
		switch {
		case err == nil:
			s.say(m, text)
		case errors.Is(err, errLong):
			s.refuse(m)
		default:
			return
		}
	}
}

// What a client is told whose line is not accepted. The numbers are those of IRC.
const (
	tooLong = "ERR 417 line too long\n"
	badName = "ERR 432 bad name\n"
	taken   = "ERR 433 name is taken\n"
)

// admit asks for a name until there is a good one, and returns the new member
// and its first line. Without one, the client has left.
func (s *Server) admit(conn net.Conn, in *input) (*member, string) {
	for {
		name, err := in.line(s.limits.Name)
		if err != nil && !errors.Is(err, errLong) {
			return nil, ""
		}
		problem := badName
		if err == nil && isName(name) {
			if m, greeting := s.join(name, conn); m != nil {
				return m, greeting
			}
			problem = taken
		}
		if _, err := io.WriteString(conn, problem); err != nil {
			return nil, ""
		}
	}
}

func isName(s string) bool {
	const of = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	return s != "" && strings.Trim(s, of) == "" // nothing else is left
}

// member is a client that has a name. What is queued for it, its writer sends.
type member struct {
	name  string
	conn  net.Conn
	queue chan string // closed when it is no member any more
}

// write sends the first line and what is queued, until the connection is closed.
func (m *member) write(first string) {
	_, err := io.WriteString(m.conn, first)
	for line := range m.queue {
		if err == nil {
			_, err = io.WriteString(m.conn, line)
		}
		if err != nil {
			m.conn.Close() // wakes the one who reads from it
		}
	}
}

// join makes the client a member, if its name is free, and returns the line that
// greets it. Nobody comes or goes between the two, so whoever adds to that line
// what comes behind it always knows who is there.
func (s *Server) join(name string, conn net.Conn) (m *member, greeting string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members[name] != nil {
		return nil, ""
	}
	m = &member{name, conn, make(chan string, s.limits.Queue)}
	s.tell("JOIN "+name+"\n", m) // which may drop some: count the others after that
	words := append([]string{"OK"}, slices.Sorted(maps.Keys(s.members))...)
	s.members[name] = m
	return m, strings.Join(words, " ") + "\n"
}

// leave ends m's membership, unless that is over already. What waits for it, its
// writer still sends: a client that has ended its stream may yet read.
func (s *Server) leave(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remove(m) {
		s.tell("LEAVE "+m.name+"\n", m)
	}
}

// say passes on what m says. Who has been dropped says nothing any more.
func (s *Server) say(m *member, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members[m.name] == m {
		s.tell("SAY "+m.name+" "+text+"\n", m)
	}
}

// refuse tells m that its line was too long.
func (s *Server) refuse(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members[m.name] == m && !s.queue(m, tooLong) {
		s.tell("LEAVE "+m.name+"\n", m)
	}
}

// tell queues a line for everyone but one. Those who have no room for it are
// dropped at once, so that none misses a line and hears the next; of that, the
// others are told when all have this line.
func (s *Server) tell(line string, but *member) {
	var dropped []*member
	for _, m := range s.members {
		if m != but && !s.queue(m, line) {
			dropped = append(dropped, m)
		}
	}
	for _, m := range dropped {
		s.tell("LEAVE "+m.name+"\n", m)
	}
}

// queue queues a line for m. If there is no room, it removes m and closes its
// connection, which wakes those who wait there.
func (s *Server) queue(m *member, line string) bool {
	select {
	case m.queue <- line:
		return true
	default:
		s.remove(m)
		m.conn.Close()
		return false
	}
}

// remove takes m out of the room: nothing more is queued for it. It says whether
// m was a member.
func (s *Server) remove(m *member) bool {
	if s.members[m.name] != m {
		return false
	}
	delete(s.members, m.name)
	close(m.queue)
	return true
}

// input is what a client sends.
type input struct {
	*bufio.Reader
	inLong bool // the rest of a line that was too long is still to come
}

// errLong means that a line is longer than the limit, and maybe not over yet.
var errLong = errors.New("line too long")

// line returns the next line, without its end. The last one may have none. It
// never holds much more than limit bytes.
func (in *input) line(limit int) (string, error) {
	if err := in.skip(); err != nil {
		return "", err
	}
	var line []byte
	for {
		piece, err := in.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case err == bufio.ErrBufferFull && len(line) <= limit+len("\r"):
			continue
		case err == bufio.ErrBufferFull:
			in.inLong = true
			return "", errLong
		case err != nil && (err != io.EOF || len(line) == 0):
			return "", err // and half a line that an error cut short is none
		}
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		if len(text) > limit {
			return "", errLong
		}
		return text, nil
	}
}

// skip reads over the rest of a line that was too long.
func (in *input) skip() (err error) {
	for in.inLong {
		_, err = in.ReadSlice('\n')
		in.inLong = err == bufio.ErrBufferFull
	}
	return err
}
