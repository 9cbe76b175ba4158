//go:build solution

// Package stream carries DNS messages over TCP, each behind its length, and asks
// over UDP first and over TCP where that is too narrow (RFC 7766).
package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/example/netkata/solutions/dns/header"
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

// Read reads one message from r: two octets with its length, and so many octets
// (RFC 1035, section 4.2.2). Short and empty messages are messages, too.
//
// The error is io.EOF when r ends before a message, io.ErrUnexpectedEOF when it
// ends inside one, or that of r.
func Read(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, msg); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return msg, nil
}

// Write writes msg to w behind its length, in one Write.
//
// The error is ErrTooLong, and nothing is written, or that of w.
func Write(w io.Writer, msg []byte) error {
	if len(msg) > MaxLen {
		return fmt.Errorf("%w: %d octets", ErrTooLong, len(msg))
	}
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(msg)), uint16(len(msg)))
	_, err := w.Write(append(b, msg...))
	return err
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

func (l Limits) orDefault() Limits {
	if l.Idle == 0 {
		l.Idle = 10 * time.Second
	}
	if l.Conns == 0 {
		l.Conns = 100
	}
	if l.Queue == 0 {
		l.Queue = 16
	}
	return l
}

// Serve accepts connections from ln and answers the queries that arrive on each
// with what handle says, in whatever order the answers are ready, until ctx is
// done or ln is closed. When it returns, ln and all connections are closed, and
// every handler has returned.
//
// A connection ends when the client has closed its side of it, or has sent no
// whole query for as long as limits say, and all that it asked is answered; when
// it takes no response for as long; or when a handler panics. While there are as
// many connections as limits allow, others wait to be accepted.
//
// Errors of Accept that pass do not end Serve: it tries again, after a pause. The
// error is nil after ctx is done, and that of Accept, which is net.ErrClosed, if
// ln was closed by somebody else.
func Serve(ctx context.Context, ln net.Listener, handle Handler, limits Limits) error {
	limits = limits.orDefault()
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	defer conns.Wait()
	defer cancel()
	defer ln.Close()
	defer whenDone(ctx, func() { ln.Close() })() // wakes Accept

	places := make(chan struct{}, limits.Conns) // one taken before Accept: the others wait in the kernel
	var pause time.Duration
	for {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := ln.Accept()
		switch {
		case err == nil:
			pause = 0
			conns.Go(func() {
				defer func() { <-places }()
				newSession(conn, handle, limits).serve(ctx)
			})
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			<-places
			pause = min(max(2*pause, minPause), maxPause)
			slog.Warn("accept failed", "err", err, "again in", pause)
			wait(ctx, pause)
		}
	}
}

// Between two failures of Accept, the pauses grow from minPause to maxPause.
const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

// whenDone calls f when ctx is done, unless what it returns was called before;
// that waits for f if it has begun.
func whenDone(ctx context.Context, f func()) (end func()) {
	over := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		f()
	})
	return func() {
		if !stop() { // it runs, or will
			<-over
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// session is one connection.
type session struct {
	conn   net.Conn
	handle Handler
	limits Limits

	busy    chan struct{} // a place for each query being answered
	writing sync.Mutex    // one response at a time: the deadline is for all Writes
}

func newSession(conn net.Conn, handle Handler, limits Limits) *session {
	return &session{conn: conn, handle: handle, limits: limits, busy: make(chan struct{}, limits.Queue)}
}

// serve answers queries until there are no more.
func (s *session) serve(ctx context.Context) {
	defer s.conn.Close()
	defer whenDone(ctx, func() { s.conn.Close() })() // wakes Read and Write
	var queries sync.WaitGroup
	defer queries.Wait()
	for {
		s.conn.SetReadDeadline(time.Now().Add(s.limits.Idle)) // for all of the next query
		query, err := Read(s.conn)
		if err != nil {
			return
		}
		s.busy <- struct{}{}
		queries.Go(func() {
			defer func() { <-s.busy }()
			s.answer(query)
		})
	}
}

func (s *session) answer(query []byte) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("handler panicked", "client", s.conn.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
			s.conn.Close()
		}
	}()
	response, ok := s.handle(nil, query)
	if !ok {
		return
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.conn.SetWriteDeadline(time.Now().Add(s.limits.Idle))
	if err := Write(s.conn, response); err != nil {
		s.conn.Close() // half a response may be out: nothing can follow it
	}
}

// Dial connects to an address, as net.Dialer's DialContext does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Exchange sends query, which has a whole header, to server over UDP and returns
// the response; if that is truncated (RFC 2181, section 9), it asks again over
// TCP. Datagrams that are no response to the query, by id and QR, are passed over.
// It asks once: how often to try, and after which time, is the caller's affair and
// ctx's. So is what the query says of how long a response may be: every response
// is read whole.
//
// The error is that of ctx when it ends first, of dial or of the connection,
// io.ErrUnexpectedEOF when the response over TCP is cut short, or ErrReply when
// what comes over TCP is no response to the query.
func Exchange(ctx context.Context, dial Dial, server string, query []byte) ([]byte, error) {
	response, err := exchange(ctx, dial, "udp", server, query)
	if err != nil {
		return nil, err
	}
	if h, _, err := header.Parse(response, 0); err == nil && h.TC {
		return exchange(ctx, dial, "tcp", server, query)
	}
	return response, nil
}

func exchange(ctx context.Context, dial Dial, network, server string, query []byte) (response []byte, err error) {
	conn, err := dial(ctx, network, server)
	if err != nil {
		return nil, orCause(ctx, err)
	}
	defer conn.Close()
	defer whenDone(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })() // wakes Read and Write
	if network == "udp" {
		response, err = overUDP(conn, query)
	} else {
		response, err = overTCP(conn, query)
	}
	return response, orCause(ctx, err)
}

// orCause returns the error of ctx where it is the reason for err.
func orCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func overUDP(conn net.Conn, query []byte) ([]byte, error) {
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, MaxLen)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if answers(buf[:n], query) {
			return buf[:n], nil
		}
	}
}

func overTCP(conn net.Conn, query []byte) ([]byte, error) {
	if err := Write(conn, query); err != nil {
		return nil, err
	}
	response, err := Read(conn)
	switch {
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	case !answers(response, query):
		return nil, ErrReply
	}
	return response, nil
}

// answers says whether response has the id of query, and QR set.
func answers(response, query []byte) bool {
	r, _, err := header.Parse(response, 0)
	if err != nil {
		return false
	}
	q, _, err := header.Parse(query, 0)
	return err == nil && r.QR && r.ID == q.ID
}
