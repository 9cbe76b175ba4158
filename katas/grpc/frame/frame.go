//go:build !solution

// Package frame puts messages behind gRPC's five-byte prefix, and takes them out
// of the DATA frames of an HTTP/2 stream again (gRPC over HTTP/2,
// Length-Prefixed-Message).
package frame

import (
	"errors"

	"github.com/example/netkata/harness/todo"
)

// Lengths, in bytes.
const (
	PrefixLen      = 5       // a flag, and the length of the message: 32 bits, big-endian
	DefaultMaxSize = 4 << 20 // a message, where a Decoder has no MaxSize: the limit of grpc-go
)

// Errors, wrapped with the numbers that they are about.
var (
	// ErrTooLarge means that a message has more than MaxSize bytes, on the wire
	// or inflated.
	ErrTooLarge = errors.New("frame: message too large")
	// ErrFlag means that the first byte of a prefix is neither 0 nor 1.
	ErrFlag = errors.New("frame: bad flag")
	// ErrEncoding means that a message is compressed in a call whose encoding is
	// identity, or that it does not inflate.
	ErrEncoding = errors.New("frame: bad encoding")
)

// Append appends the prefix of msg and msg itself to b, not compressed, and
// returns the extended slice. msg has less than 2^32 bytes.
func Append(b, msg []byte) []byte {
	// TODO
	return b
}

// Decoder takes the messages of one direction of a call out of its DATA frames.
// The zero value takes messages of up to DefaultMaxSize bytes, and none that is
// compressed. It is for one goroutine at a time.
type Decoder struct {
	MaxSize int  // of a message, on the wire and inflated; 0 is DefaultMaxSize
	Gzip    bool // the call's header grpc-encoding is gzip, not identity

	// TODO
	_ [0]func() // no Decoder is compared to another, whatever you add
}

// Feed takes the payload of the next DATA frame, and returns the messages that
// are whole with it, inflated where they were compressed. data is the caller's
// again when Feed returns, and each message is the caller's to keep.
//
// The error is ErrTooLarge, ErrFlag or ErrEncoding: the messages before it are
// returned with it; every later call has the same error, and no messages.
func (d *Decoder) Feed(data []byte) (msgs [][]byte, err error) {
	// TODO
	return nil, todo.Err
}

// Close says that no more frames come: the other side has closed its half. The
// error is that of Feed, if there was one, and else io.ErrUnexpectedEOF inside a
// message.
func (d *Decoder) Close() error {
	// TODO
	return todo.Err
}
