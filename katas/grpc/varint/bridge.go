//go:build solution

package varint

import solution "github.com/example/netkata/solutions/grpc/varint"

const (
	MaxLen    = solution.MaxLen
	MaxNumber = solution.MaxNumber
)

type (
	Type  = solution.Type
	Tag   = solution.Tag
	Field = solution.Field
)

const (
	Varint = solution.Varint
	I64    = solution.I64
	Len    = solution.Len
	I32    = solution.I32
)

var (
	ErrTruncated = solution.ErrTruncated
	ErrOverflow  = solution.ErrOverflow
	ErrNumber    = solution.ErrNumber
	ErrType      = solution.ErrType
)

func Parse(msg []byte, off int) (v uint64, next int, err error) { return solution.Parse(msg, off) }

func Append(b []byte, v uint64) []byte { return solution.Append(b, v) }

func ZigZag(v int64) uint64 { return solution.ZigZag(v) }

func UnZigZag(u uint64) int64 { return solution.UnZigZag(u) }

func ParseTag(msg []byte, off int) (t Tag, next int, err error) { return solution.ParseTag(msg, off) }

func AppendTag(b []byte, t Tag) ([]byte, error) { return solution.AppendTag(b, t) }

func ParseField(msg []byte, off int) (f Field, next int, err error) {
	return solution.ParseField(msg, off)
}
