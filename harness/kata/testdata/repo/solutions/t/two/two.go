//go:build solution

// Package two writes two bytes.
package two

import "example.com/fixture/solutions/t/one"

// Two returns two bytes.
func Two() ([]byte, error) {
	b, err := one.Byte()
	return []byte{b, b}, err
}
