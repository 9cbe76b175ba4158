//go:build solution

package framing

import (
	"io"

	solution "github.com/example/netkata/solutions/tcp/framing"
)

const (
	HeaderLen = solution.HeaderLen
	MaxLen    = solution.MaxLen
)

var ErrTooLong = solution.ErrTooLong

func Append(b, payload []byte) ([]byte, error) { return solution.Append(b, payload) }

func WriteFrame(w io.Writer, payload []byte) error { return solution.WriteFrame(w, payload) }

func ReadFrame(r io.Reader) ([]byte, error) { return solution.ReadFrame(r) }
