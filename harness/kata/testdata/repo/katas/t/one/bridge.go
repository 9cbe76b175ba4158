//go:build solution

package one

import solution "example.com/fixture/solutions/t/one"

func Byte() (byte, error) { return solution.Byte() }

func Twice() (byte, error) { return solution.Twice() }
