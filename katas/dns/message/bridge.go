//go:build solution

package message

import (
	solution "github.com/example/netkata/solutions/dns/message"
)

const (
	MaxLen = solution.MaxLen
)

var (
	ErrCount   = solution.ErrCount
	ErrTooLong = solution.ErrTooLong
)

type (
	Message = solution.Message
)

func Parse(msg []byte) (m Message, next int, err error) { return solution.Parse(msg) }

func Append(b []byte, m Message) ([]byte, error) { return solution.Append(b, m) }
