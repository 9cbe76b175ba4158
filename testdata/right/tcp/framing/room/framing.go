//go:build solution

// Package framing, by someone who makes room for 128 KiB at once, and goes on
// with what a Write has left.
package framing

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits, in bytes.
const (
	HeaderLen = 4       // the length in front of a payload
	MaxLen    = 1 << 20 // a payload: what is longer is neither written nor read
)

// ErrTooLong means that a payload has more than MaxLen bytes, or that a length
// says so. It is wrapped with that number.
var ErrTooLong = errors.New("framing: frame too long")

func Append(b, payload []byte) ([]byte, error) {
	if len(payload) > MaxLen {
		return b, fmt.Errorf("%w: %d", ErrTooLong, len(payload))
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(payload))), payload...), nil
}

func WriteFrame(w io.Writer, payload []byte) error {
	rest, err := Append(nil, payload)
	for len(rest) > 0 && err == nil {
		var n int
		if n, err = w.Write(rest); n == 0 && err == nil {
			err = io.ErrShortWrite
		}
		rest = rest[n:]
	}
	return err
}

func ReadFrame(r io.Reader) ([]byte, error) {
	header := make([]byte, HeaderLen)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	length := int(binary.BigEndian.Uint32(header))
	if length > MaxLen || length < 0 {
		return nil, ErrTooLong
	}
	var payload bytes.Buffer
	payload.Grow(min(length, 128<<10))
	switch n, err := io.Copy(&payload, io.LimitReader(r, int64(length))); {
	case err != nil:
		return payload.Bytes(), err
	case n < int64(length):
		return payload.Bytes(), io.ErrUnexpectedEOF
	}
	return payload.Bytes(), nil
}
