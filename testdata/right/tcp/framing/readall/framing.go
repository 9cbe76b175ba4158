//go:build solution

// Package framing, by someone who reaches for io.ReadAll, and writes twice.
package framing

import (
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
	if n := len(payload); n > MaxLen {
		return b, ErrTooLong
	}
	n := uint32(len(payload))
	b = append(b, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	return append(b, payload...), nil
}

func WriteFrame(w io.Writer, payload []byte) error {
	if len(payload) > MaxLen {
		return fmt.Errorf("writing %d bytes: %w", len(payload), ErrTooLong)
	}
	if err := binary.Write(full{w}, binary.BigEndian, uint32(len(payload))); err != nil {
		return fmt.Errorf("writing length: %w", err)
	}
	if _, err := (full{w}).Write(payload); err != nil {
		return fmt.Errorf("writing payload: %w", err)
	}
	return nil
}

// full is a writer whose short writes are errors.
type full struct{ io.Writer }

func (f full) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if n != len(p) && err == nil {
		return n, io.ErrShortWrite
	}
	return n, err
}

func ReadFrame(r io.Reader) ([]byte, error) {
	var length uint32
	if err := binary.Read(r, binary.BigEndian, &length); err != nil {
		return nil, err
	}
	if length > MaxLen {
		return nil, fmt.Errorf("%w (%d)", ErrTooLong, length)
	}
	payload, err := io.ReadAll(io.LimitReader(r, int64(length)))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading payload: %w", err)
	case len(payload) < int(length):
		return nil, io.ErrUnexpectedEOF
	}
	return payload, nil
}
