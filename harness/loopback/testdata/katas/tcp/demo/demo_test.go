// Package demo_test fails on purpose: loopback's own test runs it and reads the
// output.
package demo_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/loopback/testdata/katas/tcp/demo"
)

// test sends a line to handle and wants it back.
func test(t *testing.T, handle func(net.Conn) error) {
	t.Helper()
	loopback.Run(t, 1, func(l *loopback.L) {
		client, server := l.Pipe()
		call := l.Go("Handle(conn)", func() error { return handle(server) })
		fmt.Fprint(client, "hello\n")
		line, err := bufio.NewReader(client).ReadString('\n')
		if err != nil || line != "hello\n" {
			l.Errorf("Handle(conn) sent %q, %v\nwant               %q", line, err, "hello\n")
		}
		client.Close()
		call.Wait()
		l.MustBeQuiet()
	})
}

func TestPass(t *testing.T) {
	test(t, demo.Echo)
	loopback.Run(t, 1, func(l *loopback.L) {
		if err := demo.Ping(l.Context(), l.Refused().String()); !errors.Is(err, syscall.ECONNREFUSED) {
			l.Errorf("refused: %v", err)
		}
		ln := l.Listen()
		if err := demo.Ping(l.Context(), ln.Addr().String()); err != nil {
			l.Errorf("%v", err)
		}
		_, server := l.Pipe()
		l.Go("Handle(conn)", func() error { return demo.Echo(server) }) // until it is closed
		a := l.ListenPacket()
		b := l.DialPacket(a.LocalAddr())
		b.Write([]byte("hello"))
		buf := make([]byte, 3)
		if n, from, err := a.ReadFrom(buf); n != 3 || from.String() != b.LocalAddr().String() || err != nil {
			l.Errorf("%d %v %v", n, from, err)
		}
	})
}

func TestDeadlock(t *testing.T) { test(t, demo.Deadlock) }
func TestNever(t *testing.T)    { test(t, demo.Never) }
func TestLeak(t *testing.T)     { test(t, demo.Leak) }
func TestCopy(t *testing.T)     { test(t, demo.Copy) }
func TestPanic(t *testing.T)    { test(t, demo.Panic) }

func TestLeakAtEnd(t *testing.T) {
	loopback.Run(t, 1, func(l *loopback.L) {
		_, server := l.Pipe()
		demo.Leak(server)
	})
}

func TestAccept(t *testing.T) {
	loopback.Run(t, 1, func(l *loopback.L) {
		ln := l.Listen()
		serve := l.Go("Serve(ln)", func() error { return demo.Accept(ln) })
		ln.Close()
		serve.Wait()
	})
}

func TestFatal(t *testing.T) {
	loopback.Run(t, 1, func(l *loopback.L) {
		l.Errorf("once")
		l.Fatalf("and over")
	})
	t.Error("must not be reached")
}

func TestAfter(t *testing.T) { test(t, demo.Echo) }
