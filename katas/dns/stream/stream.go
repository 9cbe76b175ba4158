//go:build !solution

// Package stream carries DNS messages over TCP, each behind its length, and asks
// over UDP first and over TCP where that is too narrow (RFC 7766).
package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
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
	// TODO
	return nil, todo.Err
}

// Write writes msg to w behind its length, in one Write.
//
// The error is ErrTooLong, and nothing is written, or that of w.
func Write(w io.Writer, msg []byte) error {
	// TODO
	return todo.Err
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
	// TODO
	return todo.Err
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
	// TODO
	return nil, todo.Err
}
