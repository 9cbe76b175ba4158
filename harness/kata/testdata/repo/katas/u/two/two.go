//go:build !solution

// Package two writes two bytes.
package two

import "example.com/fixture/harness/todo"

// Two returns two bytes.
func Two() ([]byte, error) {
	// TODO
	return nil, todo.Err
}
