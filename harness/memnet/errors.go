package memnet

import (
	"context"
	"net"
	"os"
	"syscall"
)

// opError wraps err as package net does for the operation of a connection. A
// nil error, and io.EOF from Read, are not for it.
func opError(op, network string, source, addr net.Addr, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: network, Source: source, Addr: addr, Err: err}
}

// dialError turns a context's error into what package net says instead.
func dialError(err error) error {
	switch err {
	case context.Canceled:
		return canceled{}
	case context.DeadlineExceeded:
		return timedOut{}
	}
	return err
}

type canceled struct{}

func (canceled) Error() string       { return "operation was canceled" }
func (canceled) Is(other error) bool { return other == context.Canceled }

type timedOut struct{}

func (timedOut) Error() string       { return "i/o timeout" }
func (timedOut) Timeout() bool       { return true }
func (timedOut) Temporary() bool     { return true }
func (timedOut) Is(other error) bool { return other == context.DeadlineExceeded }
