//go:build !solution

// Package one writes bytes.
package one

import "example.com/fixture/harness/todo"

// Byte returns seven.
func Byte() (byte, error) {
	// TODO
	return 0, todo.Err
}

// Twice returns fourteen.
func Twice() (byte, error) {
	// TODO
	return 0, todo.Err
}
