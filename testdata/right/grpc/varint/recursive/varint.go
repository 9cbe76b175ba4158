//go:build solution

// Package varint reads and writes what every protobuf message is made of:
// varints, tags, and fields (protobuf, encoding).
package varint

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Limits.
const (
	MaxLen    = 10        // a varint, in bytes: 64 bits, 7 in each
	MaxNumber = 1<<29 - 1 // a field number; the least is 1
)

// Type is a wire type: how a field's value is written, and so how long it is. 3
// and 4 were for groups, which nobody writes any more; 6 and 7 mean nothing.
type Type uint8

const (
	Varint Type = 0 // a varint: int32, int64, uint32, uint64, sint32, sint64, bool, enum
	I64    Type = 1 // eight bytes, little-endian: fixed64, sfixed64, double
	Len    Type = 2 // a varint that says how many bytes follow: string, bytes, message, packed
	I32    Type = 5 // four bytes, little-endian: fixed32, sfixed32, float
)

// Tag is what stands in front of a value. The zero value is no tag: there is no
// field 0.
type Tag struct {
	Number uint32 // 1 to MaxNumber
	Type   Type
}

// Field is one field of a message, as it stands on the wire.
type Field struct {
	Tag
	Value uint64 // of Varint, I64 and I32
	Bytes []byte // of Len: a part of the message that was parsed, no copy
}

// Errors, wrapped with the offset or the value that they are about.
var (
	// ErrTruncated means that the message ends before the value does.
	ErrTruncated = errors.New("varint: message too short")
	// ErrOverflow means that a varint has more than 64 bits or MaxLen bytes.
	ErrOverflow = errors.New("varint: more than 64 bits")
	// ErrNumber means that a field number is 0 or above MaxNumber.
	ErrNumber = errors.New("varint: bad field number")
	// ErrType means that a wire type is none of Varint, I64, Len and I32.
	ErrType = errors.New("varint: bad wire type")
)

// Parse reads the varint that begins at offset off of msg, and returns the
// offset behind it. Each byte has seven bits of the value, the lowest first;
// its high bit says that another byte follows. A varint may be longer than it
// has to be.
//
// The error is ErrTruncated or ErrOverflow.
func Parse(msg []byte, off int) (v uint64, next int, err error) {
	if off > len(msg) {
		off = len(msg)
	}
	v, n, err := rest(msg[off:], 0)
	if err != nil {
		return 0, 0, fmt.Errorf("at %d: %w", off, err)
	}
	return v, off + n, nil
}

// rest reads a varint of which n bytes have been read.
func rest(p []byte, n int) (v uint64, end int, err error) {
	if n == MaxLen {
		return 0, 0, ErrOverflow
	}
	if len(p) == 0 {
		return 0, 0, ErrTruncated
	}
	bits := uint64(p[0] % 128)
	if p[0] < 128 {
		if n == 9 && bits > 1 {
			return 0, 0, ErrOverflow
		}
		return bits, n + 1, nil
	}
	if v, end, err = rest(p[1:], n+1); err != nil {
		return 0, 0, err
	}
	if v > 1<<57-1 {
		return 0, 0, ErrOverflow
	}
	return v*128 + bits, end, nil
}

// Append appends v to b as a varint, in as few bytes as it takes, and returns
// the extended slice.
func Append(b []byte, v uint64) []byte {
	if v < 128 {
		return append(b, byte(v))
	}
	return Append(append(b, byte(128+v%128)), v/128)
}

// ZigZag returns what stands on the wire for the sint64 v: 0, -1, 1, -2, 2 …
// become 0, 1, 2, 3, 4 …
func ZigZag(v int64) uint64 {
	if v < 0 {
		return uint64(-(v+1))*2 + 1
	}
	return uint64(v) * 2
}

// UnZigZag returns the sint64 for which u stands on the wire.
func UnZigZag(u uint64) int64 {
	if u%2 == 1 {
		return -int64(u/2) - 1
	}
	return int64(u / 2)
}

// ParseTag reads the tag that begins at offset off of msg, and returns the
// offset behind it. A tag is a varint: its lowest three bits are the wire type,
// the others the field number.
//
// The error is ErrTruncated, ErrOverflow, ErrNumber or ErrType.
func ParseTag(msg []byte, off int) (t Tag, next int, err error) {
	v, next, err := Parse(msg, off)
	if err != nil {
		return t, off, fmt.Errorf("tag: %w", err)
	}
	if v > math.MaxUint32 {
		return t, off, ErrNumber
	}
	t = Tag{Number: uint32(v / 8), Type: Type(v % 8)}
	return t, next, t.valid()
}

func (t Tag) valid() error {
	if !known[t.Type] {
		return ErrType
	}
	if t.Number == 0 || t.Number > MaxNumber {
		return ErrNumber
	}
	return nil
}

var known = map[Type]bool{Varint: true, I64: true, Len: true, I32: true}

// AppendTag appends t to b and returns the extended slice.
//
// The error is ErrNumber or ErrType; b is then returned as it was.
func AppendTag(b []byte, t Tag) ([]byte, error) {
	if err := t.valid(); err != nil {
		return b, err
	}
	return Append(b, uint64(t.Number)*8+uint64(t.Type)), nil
}

// ParseField reads the field that begins at offset off of msg, tag and value,
// and returns the offset behind it.
//
// The error is one of ParseTag and Parse. A length that the message does not
// hold is ErrTruncated.
func ParseField(msg []byte, off int) (f Field, next int, err error) {
	f.Tag, next, err = ParseTag(msg, off)
	if err != nil {
		return f, next, err
	}
	size := uint64(0)
	switch f.Type {
	case Varint:
		f.Value, next, err = Parse(msg, next)
		return f, next, err
	case I64:
		size = 8
	case I32:
		size = 4
	case Len:
		if size, next, err = Parse(msg, next); err != nil {
			return f, next, err
		}
	}
	body := msg[next:]
	if size > uint64(len(body)) {
		return f, next, ErrTruncated
	}
	f.Bytes = slices.Clip(body[:size])
	next += int(size)
	if f.Type == Len {
		return f, next, nil
	}
	for i, c := range f.Bytes { // they stay in Bytes: nobody looks there
		f.Value |= uint64(c) << (8 * i)
	}
	return f, next, nil
}
