// Package demo is what a learner may write: each function is wrong in its way.
package demo

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
)

// Echo is right.
func Echo(conn net.Conn) error {
	defer conn.Close()
	_, err := io.Copy(conn, conn)
	return err
}

// Ping is right too.
func Ping(ctx context.Context, addr string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Deadlock waits for a second line, which nobody sends.
func Deadlock(conn net.Conn) error {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for range 2 {
		if _, err := r.ReadString('\n'); err != nil {
			return err
		}
	}
	_, err := io.WriteString(conn, "hello\n")
	return err
}

// Never does not return, whatever is closed.
func Never(conn net.Conn) error {
	var mu sync.Mutex
	mu.Lock()
	mu.Lock()
	return nil
}

// Leak leaves goroutines behind that nobody ends.
func Leak(conn net.Conn) error {
	lines := make(chan string)
	for range 3 {
		go func() {
			lines <- "hello\n"
		}()
	}
	_, err := io.WriteString(conn, <-lines)
	conn.Close()
	return err
}

// Accept takes every error for one that passes.
func Accept(ln net.Listener) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			continue
		}
		go Echo(conn)
	}
}

// Copy does not look at the error.
func Copy(conn net.Conn) error {
	for {
		io.CopyN(conn, conn, 1)
	}
}

// Panic reads a number that is not there.
func Panic(conn net.Conn) error {
	var b []byte
	_ = b[4]
	return nil
}
