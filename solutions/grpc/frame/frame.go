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
	b = append(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(msg)))
	return append(b, msg...)
}

// Decoder takes the messages of one direction of a call out of its DATA frames.
// The zero value takes messages of up to DefaultMaxSize bytes, and none that is
// compressed. It is for one goroutine at a time.
type Decoder struct {
	MaxSize int  // of a message, on the wire and inflated; 0 is DefaultMaxSize
	Gzip    bool // the call's header grpc-encoding is gzip, not identity

	begun []byte // a message that is not whole yet, and its prefix
	err   error
}

// Feed takes the payload of the next DATA frame, and returns the messages that
// are whole with it, inflated where they were compressed. data is the caller's
// again when Feed returns, and each message is the caller's to keep.
//
// The error is ErrTooLarge, ErrFlag or ErrEncoding: the messages before it are
// returned with it; every later call has the same error, and no messages.
func (d *Decoder) Feed(data []byte) (msgs [][]byte, err error) {
	for d.err == nil {
		var msg []byte
		var whole bool
		msg, data, whole = d.next(data)
		if !whole {
			break
		}
		msgs = append(msgs, msg)
	}
	return msgs, d.err
}

// Close says that no more frames come: the other side has closed its half. The
// error is that of Feed, if there was one, and else io.ErrUnexpectedEOF inside a
// message.
func (d *Decoder) Close() error {
	if d.err == nil && len(d.begun) > 0 {
		d.err = fmt.Errorf("frame: %d bytes of a message: %w", len(d.begun), io.ErrUnexpectedEOF)
	}
	return d.err
}

// next moves bytes from data to the message that is begun, and returns it once
// it is whole. It never has more memory than bytes came.
func (d *Decoder) next(data []byte) (msg, rest []byte, whole bool) {
	data = d.take(data, PrefixLen)
	if len(d.begun) < PrefixLen {
		return nil, nil, false
	}
	flag, length := d.begun[0], binary.BigEndian.Uint32(d.begun[1:])
	if d.err = d.check(flag, length); d.err != nil {
		return nil, nil, false
	}
	size := PrefixLen + int64(length) // more than 32 bits may hold
	data = d.take(data, size)
	if int64(len(d.begun)) < size {
		return nil, nil, false
	}
	msg, d.begun = d.begun[PrefixLen:], nil
	if flag == 1 {
		msg, d.err = d.inflate(msg)
	}
	return msg, data, d.err == nil
}

// take lets the message that is begun grow to size bytes, as far as data goes,
// and returns what is left of data.
func (d *Decoder) take(data []byte, size int64) []byte {
	n := min(int64(len(data)), max(0, size-int64(len(d.begun))))
	d.begun = append(d.begun, data[:n]...)
	return data[n:]
}

func (d *Decoder) check(flag byte, length uint32) error {
	switch {
	case flag > 1:
		return fmt.Errorf("%w: %#02x", ErrFlag, flag)
	case int64(length) > int64(d.maxSize()):
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, length, d.maxSize())
	case flag == 1 && !d.Gzip:
		return fmt.Errorf("%w: compressed, in a call without grpc-encoding", ErrEncoding)
	}
	return nil
}

func (d *Decoder) maxSize() int {
	if d.MaxSize == 0 {
		return DefaultMaxSize
	}
	return d.MaxSize
}

// inflate stops one byte after the limit: a small message can hold gigabytes of
// zeros. A reader of its own for each message is what gRPC asks for.
func (d *Decoder) inflate(msg []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(msg))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrEncoding, err)
	}
	limit := int64(d.maxSize())
	plain, err := io.ReadAll(io.LimitReader(r, max(limit, limit+1))) // limit+1 may overflow
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %v", ErrEncoding, err) // io.EOF in here ends no stream
	case int64(len(plain)) > limit:
		return nil, fmt.Errorf("%w: inflated, the limit is %d bytes", ErrTooLarge, limit)
	}
	return plain, nil
}
