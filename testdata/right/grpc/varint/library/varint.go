//go:build solution

// Package varint reads and writes what every protobuf message is made of:
// varints, tags, and fields (protobuf, encoding).
package varint

import (
	"encoding/binary"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
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
	if off >= len(msg) {
		return 0, 0, ErrTruncated
	}
	v, n := binary.Uvarint(msg[off:])
	switch {
	case n == 0:
		return 0, 0, ErrTruncated
	case n < 0:
		return 0, 0, ErrOverflow
	}
	return v, off + n, nil
}

// Append appends v to b as a varint, in as few bytes as it takes, and returns
// the extended slice.
func Append(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// ZigZag returns what stands on the wire for the sint64 v: 0, -1, 1, -2, 2 …
// become 0, 1, 2, 3, 4 …
func ZigZag(v int64) uint64 { return protowire.EncodeZigZag(v) }

// UnZigZag returns the sint64 for which u stands on the wire.
func UnZigZag(u uint64) int64 { return protowire.DecodeZigZag(u) }

// ParseTag reads the tag that begins at offset off of msg, and returns the
// offset behind it. A tag is a varint: its lowest three bits are the wire type,
// the others the field number.
//
// The error is ErrTruncated, ErrOverflow, ErrNumber or ErrType.
func ParseTag(msg []byte, off int) (t Tag, next int, err error) {
	v, next, err := Parse(msg, off)
	if err != nil {
		return Tag{}, 0, err
	}
	if v&7 == 3 || v&7 == 4 || v&7 > 5 { // before the number: of two faults, either will do
		return Tag{}, 0, ErrType
	}
	if v>>3 < 1 || v>>3 > MaxNumber {
		return Tag{}, 0, ErrNumber
	}
	return Tag{uint32(v >> 3), Type(v & 7)}, next, nil
}

// AppendTag appends t to b and returns the extended slice.
//
// The error is ErrNumber or ErrType; b is then returned as it was.
func AppendTag(b []byte, t Tag) ([]byte, error) {
	switch t.Type {
	case Varint, I64, Len, I32:
	default:
		return b, ErrType
	}
	if !protowire.Number(t.Number).IsValid() {
		return b, ErrNumber
	}
	return protowire.AppendTag(b, protowire.Number(t.Number), protowire.Type(t.Type)), nil
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
	rest := msg[next:]
	var n int
	switch f.Type {
	case Varint:
		f.Value, next, err = Parse(msg, next)
		return f, next, err
	case I64:
		f.Value, n = protowire.ConsumeFixed64(rest)
	case I32:
		var v uint32
		v, n = protowire.ConsumeFixed32(rest)
		f.Value = uint64(v)
	case Len:
		if _, _, err := Parse(msg, next); err != nil {
			return f, 0, err
		}
		f.Bytes, n = protowire.ConsumeBytes(rest)
		f.Bytes = f.Bytes[:len(f.Bytes):len(f.Bytes)]
	}
	if n < 0 {
		return f, 0, ErrTruncated
	}
	return f, next + n, nil
}
