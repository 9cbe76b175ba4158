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
	n := len(msg)
	b = append(b, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	return append(b, msg...)
}

// Decoder takes the messages of one direction of a call out of its DATA frames.
// The zero value takes messages of up to DefaultMaxSize bytes, and none that is
// compressed. It is for one goroutine at a time.
type Decoder struct {
	MaxSize int  // of a message, on the wire and inflated; 0 is DefaultMaxSize
	Gzip    bool // the call's header grpc-encoding is gzip, not identity

	buf    bytes.Buffer
	failed error
}

// Feed takes the payload of the next DATA frame, and returns the messages that
// are whole with it, inflated where they were compressed. data is the caller's
// again when Feed returns, and each message is the caller's to keep.
//
// The error is ErrTooLarge, ErrFlag or ErrEncoding: the messages before it are
// returned with it; every later call has the same error, and no messages.
func (d *Decoder) Feed(data []byte) ([][]byte, error) {
	if d.failed != nil {
		return nil, d.failed
	}
	d.buf.Write(data)
	var msgs [][]byte
	for d.buf.Len() >= PrefixLen {
		head := d.buf.Bytes()[:PrefixLen]
		size := int64(binary.BigEndian.Uint32(head[1:]))
		if size > d.limit() {
			d.failed = ErrTooLarge
			return msgs, d.failed
		}
		if head[0] > 1 {
			d.failed = ErrFlag
			return msgs, d.failed
		}
		if int64(d.buf.Len()) < PrefixLen+size {
			break
		}
		compressed := d.buf.Next(PrefixLen)[0] == 1
		msg := bytes.Clone(d.buf.Next(int(size)))
		if compressed {
			if msg, d.failed = d.unzip(msg); d.failed != nil {
				return msgs, d.failed
			}
		}
		msgs = append(msgs, msg)
	}
	return msgs, nil
}

func (d *Decoder) limit() int64 {
	if d.MaxSize > 0 {
		return int64(d.MaxSize)
	}
	return DefaultMaxSize
}

func (d *Decoder) unzip(msg []byte) ([]byte, error) {
	if !d.Gzip {
		return nil, ErrEncoding
	}
	z, err := gzip.NewReader(bytes.NewReader(msg))
	if err != nil {
		return nil, errors.Join(ErrEncoding, err)
	}
	var out bytes.Buffer
	if _, err := io.CopyN(&out, z, d.limit()); err == io.EOF {
		return out.Bytes(), nil
	} else if err != nil {
		return nil, errors.Join(ErrEncoding, err)
	}
	switch n, err := io.ReadFull(z, make([]byte, 1)); { // the limit is reached: is there more?
	case n > 0:
		return nil, fmt.Errorf("inflated: %w", ErrTooLarge)
	case err != io.EOF:
		return nil, errors.Join(ErrEncoding, err)
	}
	return out.Bytes(), nil
}

// Close says that no more frames come: the other side has closed its half. The
// error is that of Feed, if there was one, and else io.ErrUnexpectedEOF inside a
// message.
func (d *Decoder) Close() error {
	if d.failed == nil && d.buf.Len() > 0 {
		return io.ErrUnexpectedEOF
	}
	return d.failed
}
