//go:build solution

// Package framing, by someone who loops over Read and Write as in C.
package framing

import (
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
	header, err := headerOf(payload)
	if err != nil {
		return b, err
	}
	return append(append(b, header[:]...), payload...), nil
}

func headerOf(payload []byte) (header [HeaderLen]byte, err error) {
	if len(payload) > MaxLen {
		return header, ErrTooLong
	}
	for i, n := HeaderLen-1, len(payload); i >= 0; i, n = i-1, n/256 {
		header[i] = byte(n % 256)
	}
	return header, nil
}

func WriteFrame(w io.Writer, payload []byte) error {
	header, err := headerOf(payload)
	if err != nil {
		return err
	}
	for _, part := range [][]byte{header[:], payload} {
		for len(part) > 0 {
			n, err := w.Write(part)
			if err != nil {
				return err
			}
			if n == 0 {
				return io.ErrShortWrite
			}
			part = part[n:]
		}
	}
	return nil
}

func ReadFrame(r io.Reader) ([]byte, error) {
	header := make([]byte, HeaderLen)
	if got, err := fill(r, header); got == 0 && err == io.EOF {
		return nil, io.EOF
	} else if err != nil {
		return nil, inside(err)
	}
	length := int64(0)
	for _, c := range header {
		length = length*256 + int64(c)
	}
	if length > MaxLen {
		return nil, ErrTooLong
	}
	const step = 4096
	payload := []byte{}
	for int64(len(payload)) < length {
		from := len(payload)
		payload = append(payload, make([]byte, min(step, length-int64(from)))...)
		if _, err := fill(r, payload[from:]); err != nil {
			return nil, inside(err)
		}
	}
	return payload, nil
}

// fill reads until p is full.
func fill(r io.Reader, p []byte) (got int, err error) {
	for got < len(p) {
		n, err := r.Read(p[got:])
		if got += n; got == len(p) {
			break
		}
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// inside is an error in the middle of a frame.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return fmt.Errorf("in a frame: %w", err)
}
