// Package demo is what a learner may write: each function is wrong in its way.
package demo

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Echo is right.
func Echo(conn net.Conn) error {
	defer conn.Close()
	_, err := io.Copy(conn, conn)
	return err
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

// Leak leaves a goroutine behind that nobody ends.
func Leak(conn net.Conn) error {
	lines := make(chan string)
	go func() {
		for range 2 {
			lines <- "hello\n"
		}
	}()
	_, err := io.WriteString(conn, <-lines)
	conn.Close()
	return err
}

// Janitors leaves goroutines behind that go on for ever.
func Janitors(conn net.Conn) error {
	for range 3 {
		go janitor(conn)
	}
	return Echo(conn)
}

func janitor(conn net.Conn) {
	for range time.Tick(time.Second) {
		conn.SetReadDeadline(time.Now().Add(time.Minute))
	}
}

// Wedged waits for ever, while timers go off all the time.
func Wedged(conn net.Conn) error {
	go func() {
		for range time.Tick(10 * time.Second) {
			conn.SetWriteDeadline(time.Now().Add(time.Minute))
		}
	}()
	<-make(chan int)
	return Echo(conn)
}

// Locked answers two at a time, with a lock held while it waits.
func Locked(conn net.Conn) error {
	defer conn.Close()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			time.Sleep(time.Second)
			io.WriteString(conn, "hello\n")
		})
	}
	wg.Wait()
	return nil
}

// LockedTwice unlocks nothing.
func LockedTwice(conn net.Conn) error {
	var mu sync.Mutex
	mu.Lock()
	mu.Lock()
	return Echo(conn)
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

// Loop never ends.
func Loop(conn net.Conn) error {
	for {
		time.Now()
	}
}

// Poll looks every millisecond whether there is something to do.
func Poll(conn net.Conn) error {
	for {
		time.Sleep(time.Millisecond)
	}
}

// Hoard reads for ever.
func Hoard(conn net.Conn) error {
	var all [][]byte
	for {
		all = append(all, make([]byte, 1<<20))
	}
}

// Panic reads a number that is not there.
func Panic(conn net.Conn) error {
	var b []byte
	_ = b[4]
	return nil
}

// PanicInGo does so in a goroutine.
func PanicInGo(conn net.Conn) error {
	go Panic(conn)
	return Echo(conn)
}

// Forget closes nothing.
func Forget(conn net.Conn) error {
	_, err := io.Copy(conn, conn)
	return err
}

// Cut drops what it is sent from the tenth octet on.
func Cut(conn net.Conn) error {
	defer conn.Close()
	_, err := io.CopyN(conn, conn, 9)
	return err
}

// Message takes what one Read gives for a line.
func Message(conn net.Conn) error {
	defer conn.Close()
	b := make([]byte, 100)
	n, err := conn.Read(b)
	if err != nil {
		return err
	}
	_, err = conn.Write(b[:n])
	return err
}

var slots = make(chan int, 1)

// Slot waits for a channel of the package.
func Slot(conn net.Conn) error {
	<-slots
	return Echo(conn)
}

// Real listens on the real network.
func Real(conn net.Conn) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	_, err = ln.Accept()
	return err
}

// Patient waits until its context ends.
func Patient(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	_ = cancel
	_ = ctx
	return nil
}

// Select waits for its context, or an hour.
func Select(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-time.After(time.Hour):
	}
	return nil
}
