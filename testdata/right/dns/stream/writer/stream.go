//go:build solution

// Package stream carries DNS messages over TCP, each behind its length, and asks
// over UDP first and over TCP where that is too narrow (RFC 7766).
package stream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"
)

// MaxLen is the length of the longest message, in octets.
const MaxLen = 65535

// Errors, wrapped with what they are about.
var (
	// ErrTooLong means that a message has more than MaxLen octets.
	ErrTooLong = errors.New("stream: message too long")
	// ErrReply means that what came back is no response to the query.
	ErrReply = errors.New("stream: not the response to this query")
)

// Read reads octet by octet where it can: r is the caller's.
func Read(r io.Reader) ([]byte, error) {
	head := make([]byte, 1, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	head = head[:2]
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return nil, inside(err)
	}
	size := int64(head[0])<<8 | int64(head[1])
	msg, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(msg)) < size {
		err = io.EOF
	}
	return msg, inside(err)
}

func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Write buffers both parts, and flushes once.
func Write(w io.Writer, msg []byte) error {
	n := len(msg)
	if n > MaxLen {
		return fmt.Errorf("a message of %d: %w", n, ErrTooLong)
	}
	buf := bufio.NewWriterSize(w, n+2)
	buf.WriteByte(byte(n >> 8))
	buf.WriteByte(byte(n))
	buf.Write(msg)
	return buf.Flush()
}

// Handler appends the response to query to b and returns the extended slice; ok
// is false where silence is the answer. Until its response is sent, b and query
// are its own to change. It may return a slice of its own instead, which is only
// read. Many goroutines may call it at once.
type Handler func(b, query []byte) (response []byte, ok bool)

// Limits bound what clients may take. A field that is 0 stands for the value in
// parentheses.
type Limits struct {
	Idle  time.Duration // without a whole query, or with a response not taken (10 s)
	Conns int           // connections at a time (100)
	Queue int           // queries of one connection being answered at a time (16)
}

// Serve has a goroutine that accepts, one that watches ctx, and two for each
// connection: one reads, one writes.
func Serve(ctx context.Context, ln net.Listener, handle Handler, limits Limits) error {
	if limits.Idle <= 0 {
		limits.Idle = 10 * time.Second
	}
	if limits.Conns <= 0 {
		limits.Conns = 100
	}
	if limits.Queue <= 0 {
		limits.Queue = 16
	}
	s := &server{ln: ln, handle: handle, limits: limits, conns: map[net.Conn]bool{}}
	s.changed = sync.NewCond(&s.mu)
	over, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
		case <-over:
		}
		s.stop()
	}()
	err := s.accept(ctx)
	close(over)
	<-watched
	s.all.Wait()
	return err
}

type server struct {
	ln     net.Listener
	handle Handler
	limits Limits
	all    sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	stopped bool
	conns   map[net.Conn]bool
}

func (s *server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.ln.Close()
	for conn := range s.conns {
		conn.Close()
	}
	s.changed.Broadcast()
}

func (s *server) hasPlace() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.conns) >= s.limits.Conns && !s.stopped {
		s.changed.Wait()
	}
	return !s.stopped
}

func (s *server) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		conn.Close()
		return false
	}
	s.conns[conn] = true
	return true
}

func (s *server) remove(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.changed.Signal()
}

func (s *server) accept(ctx context.Context) error {
	for s.hasPlace() {
		conn, err := s.ln.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			log.Print(err)
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		if s.add(conn) {
			s.all.Add(1)
			go s.talk(conn)
		}
	}
	return nil
}

// talk reads.
func (s *server) talk(conn net.Conn) {
	defer s.all.Done()
	defer s.remove(conn)
	tokens := make(chan bool, s.limits.Queue)
	responses := make(chan []byte)
	written := make(chan struct{})
	go s.write(conn, responses, tokens, written)
	var working sync.WaitGroup
	in := bufio.NewReader(conn)
	for {
		tokens <- true
		conn.SetReadDeadline(time.Now().Add(s.limits.Idle))
		query, err := Read(in)
		if err != nil {
			break
		}
		working.Add(1)
		go func() {
			defer working.Done()
			response, ok := s.call(conn, query)
			if ok {
				responses <- response
				return
			}
			<-tokens
		}()
	}
	working.Wait()
	close(responses)
	<-written
}

// call does not panic.
func (s *server) call(conn net.Conn, query []byte) (response []byte, ok bool) {
	defer func() {
		if v := recover(); v != nil {
			log.Printf("%v: %v", conn.RemoteAddr(), v)
			response, ok = nil, false
		}
	}()
	return s.handle(make([]byte, 0, 512), query)
}

func (s *server) write(conn net.Conn, responses <-chan []byte, tokens <-chan bool, written chan<- struct{}) {
	defer close(written)
	for response := range responses {
		conn.SetWriteDeadline(time.Now().Add(s.limits.Idle))
		if Write(conn, response) != nil {
			conn.Close()
		}
		<-tokens
	}
}

// Dial connects to an address, as net.Dialer's DialContext does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Exchange looks at the octets themselves.
func Exchange(ctx context.Context, dial Dial, server string, query []byte) ([]byte, error) {
	var response []byte
	err := with(ctx, dial, "udp", server, func(conn net.Conn) error {
		if _, err := conn.Write(query); err != nil {
			return err
		}
		buf := make([]byte, 1<<16)
		for !fits(response, query) {
			n, err := conn.Read(buf)
			if err != nil {
				return err
			}
			response = append([]byte(nil), buf[:n]...)
		}
		return nil
	})
	if err != nil || response[2]&2 == 0 {
		return response, err
	}
	err = with(ctx, dial, "tcp", server, func(conn net.Conn) (err error) {
		if err = Write(conn, query); err == nil {
			response, err = Read(conn)
		}
		return inside(err)
	})
	if err == nil && !fits(response, query) {
		err = fmt.Errorf("%w: %d octets", ErrReply, len(response))
	}
	return response, err
}

func fits(response, query []byte) bool {
	return len(response) >= 12 && response[0] == query[0] && response[1] == query[1] && response[2]&0x80 != 0
}

// with closes the connection when ctx is done.
func with(ctx context.Context, dial Dial, network, server string, f func(net.Conn) error) error {
	conn, err := dial(ctx, network, server)
	if err == nil {
		closed := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			conn.Close()
			close(closed)
		})
		err = f(conn)
		if !stop() {
			<-closed
		}
		conn.Close()
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return fmt.Errorf("%s over %s: %w", server, network, cause)
	}
	return err
}
