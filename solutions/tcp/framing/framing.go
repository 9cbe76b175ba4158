//go:build solution

// Package framing cuts a stream of bytes into frames. A frame is a length of
// four bytes, big-endian, and behind it the payload: that many bytes.
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

// Append appends the frame of payload to b and returns the extended slice.
//
// The error is ErrTooLong; b is then returned as it was.
func Append(b, payload []byte) ([]byte, error) {
	if len(payload) > MaxLen {
		return b, fmt.Errorf("%w: %d bytes", ErrTooLong, len(payload))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...), nil
}

// WriteFrame writes the frame of payload to w. It returns nil only when w has
// taken all of it.
//
// The error is ErrTooLong, and then nothing was written; or that of w; or
// io.ErrShortWrite, when w took less and did not say why. After those two, the
// stream ends in the middle of a frame and is of no more use.
func WriteFrame(w io.Writer, payload []byte) error {
	frame, err := Append(make([]byte, 0, HeaderLen+len(payload)), payload)
	if err != nil {
		return err
	}
	n, err := w.Write(frame)
	if err == nil && n < len(frame) {
		err = io.ErrShortWrite
	}
	return err
}

// ReadFrame reads one frame from r, and not a byte more, and returns its
// payload, which belongs to the caller.
//
// The error is io.EOF itself when the stream ends before the frame begins,
// io.ErrUnexpectedEOF when it ends inside of it, ErrTooLong when the length is
// above MaxLen, or that of r. After all but the first, the stream is of no more
// use: nobody knows where the next frame would begin.
func ReadFrame(r io.Reader) ([]byte, error) {
	var header [HeaderLen]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[:])
	if length > MaxLen {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLong, length)
	}
	// A buffer that grows: the length is what the peer says, not what it sends.
	var payload bytes.Buffer
	n, err := io.CopyN(&payload, r, int64(length))
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("framing: %d of %d bytes: %w", n, length, err)
	}
	return payload.Bytes(), nil
}
