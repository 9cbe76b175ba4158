//go:build solution

// Package two writes two bytes.
package two

// Two returns two bytes.
func Two() ([]byte, error) { return make([]byte, 2), nil }
