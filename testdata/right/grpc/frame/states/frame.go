//go:build solution

// Package frame puts messages behind gRPC's five-byte prefix, and takes them out
// of the DATA frames of an HTTP/2 stream again (gRPC over HTTP/2,
// Length-Prefixed-Message).
package frame

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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
	out := make([]byte, len(b), len(b)+PrefixLen+len(msg))
	copy(out, b)
	out = append(out, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(len(msg)))
	return append(out, msg...)
}

// Decoder takes the messages of one direction of a call out of its DATA frames.
// The zero value takes messages of up to DefaultMaxSize bytes, and none that is
// compressed. It is for one goroutine at a time.
type Decoder struct {
	MaxSize int  // of a message, on the wire and inflated; 0 is DefaultMaxSize
	Gzip    bool // the call's header grpc-encoding is gzip, not identity

	seen   int // bytes of the prefix
	flag   byte
	length uint32
	body   []byte
	broken error
}

// Feed takes the payload of the next DATA frame, and returns the messages that
// are whole with it, inflated where they were compressed. data is the caller's
// again when Feed returns, and each message is the caller's to keep.
//
// The error is ErrTooLarge, ErrFlag or ErrEncoding: the messages before it are
// returned with it; every later call has the same error, and no messages.
func (d *Decoder) Feed(data []byte) (msgs [][]byte, err error) {
	if d.broken != nil {
		return nil, d.broken
	}
	for len(data) > 0 {
		if d.seen < PrefixLen {
			d.broken = d.prefix(data[0])
			data = data[1:]
		} else {
			n := min(uint64(len(data)), uint64(d.length)-uint64(len(d.body)))
			d.body = append(d.body, data[:n]...)
			data = data[n:]
		}
		if d.broken == nil && d.seen == PrefixLen && uint64(len(d.body)) == uint64(d.length) {
			var msg []byte
			if msg, d.broken = d.message(); d.broken == nil {
				msgs = append(msgs, msg)
			}
			d.seen, d.length, d.body = 0, 0, nil
		}
		if d.broken != nil {
			return msgs, d.broken
		}
	}
	return msgs, nil
}

// prefix takes one byte of it, and refuses what it can at once.
func (d *Decoder) prefix(c byte) error {
	if d.seen++; d.seen == 1 {
		d.flag = c
		switch {
		case c > 1:
			return fmt.Errorf("flag %d: %w", c, ErrFlag)
		case c == 1 && !d.Gzip:
			return fmt.Errorf("flag 1 without gzip: %w", ErrEncoding)
		}
		return nil
	}
	d.length = d.length<<8 | uint32(c)
	if d.seen == PrefixLen && uint64(d.length) > d.limit() {
		return fmt.Errorf("%d bytes: %w", d.length, ErrTooLarge)
	}
	return nil
}

func (d *Decoder) limit() uint64 {
	if d.MaxSize == 0 {
		return DefaultMaxSize
	}
	return uint64(d.MaxSize)
}

func (d *Decoder) message() ([]byte, error) {
	if d.flag == 0 {
		return d.body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(d.body))
	if err != nil {
		return nil, ErrEncoding
	}
	var plain []byte
	for chunk := make([]byte, 512); ; {
		n, err := z.Read(chunk)
		plain = append(plain, chunk[:n]...)
		switch {
		case uint64(len(plain)) > d.limit():
			return nil, ErrTooLarge
		case errors.Is(err, io.EOF):
			return plain, nil
		case err != nil:
			return nil, ErrEncoding
		}
	}
}

// Close says that no more frames come: the other side has closed its half. The
// error is that of Feed, if there was one, and else io.ErrUnexpectedEOF inside a
// message.
func (d *Decoder) Close() error {
	switch {
	case d.broken != nil:
		return d.broken
	case d.seen > 0:
		return fmt.Errorf("after %d bytes: %w", len(d.body), io.ErrUnexpectedEOF)
	}
	return nil
}
