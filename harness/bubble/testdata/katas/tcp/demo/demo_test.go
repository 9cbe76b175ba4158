// Package demo_test fails on purpose: bubble's own test runs it and reads the
// output.
package demo_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/bubble/testdata/katas/tcp/demo"
	"github.com/example/netkata/harness/memnet"
)

// echo sends a line to handle and wants it back.
func echo(b *bubble.B, handle func(net.Conn) error) {
	b.T().Helper()
	client, server := b.Net.Pipe()
	fmt.Fprint(client, "hello\n")
	call := b.Go("Handle(conn)", func() error { return handle(server) })
	line, err := bufio.NewReader(client).ReadString('\n')
	if err != nil || line != "hello\n" {
		b.Errorf("Handle(conn) sent %q, %v\nwant               %q", line, err, "hello\n")
	}
	b.Wait() // one order of what happens at one instant
	client.Close()
	call.Wait()
}

func test(t *testing.T, handle func(net.Conn) error) {
	t.Helper()
	bubble.Run(t, 1, func(b *bubble.B) { echo(b, handle) })
}

func TestPass(t *testing.T) {
	test(t, demo.Echo)
	bubble.Run(t, 1, func(b *bubble.B) {
		time.Sleep(23 * time.Hour)
		_, server := b.Net.Pipe()
		b.Go("Handle(conn)", func() error { return demo.Echo(server) }) // until Net is closed
		b.Go("a late one", func() error { time.Sleep(time.Minute); return nil })
		if b.Elapsed() != 23*time.Hour || b.T().Failed() {
			b.Errorf("elapsed %v", b.Elapsed())
		}
	})
	bubble.Property(t, 1, func(rt *rapid.T, b *bubble.B) {
		d := time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(rt, "d"))
		if time.Sleep(d); b.Elapsed() != d {
			b.Errorf("elapsed %v", b.Elapsed())
		}
	})
}

func TestDeadlock(t *testing.T)  { test(t, demo.Deadlock) }
func TestLeak(t *testing.T)      { test(t, demo.Leak) }
func TestJanitors(t *testing.T)  { test(t, demo.Janitors) }
func TestWedged(t *testing.T)    { test(t, demo.Wedged) }
func TestLocked(t *testing.T)    { test(t, demo.Locked) }
func TestTwice(t *testing.T)     { test(t, demo.LockedTwice) }
func TestLoop(t *testing.T)      { test(t, demo.Loop) }
func TestPoll(t *testing.T)      { test(t, demo.Poll) }
func TestHoard(t *testing.T)     { test(t, demo.Hoard) }
func TestPanic(t *testing.T)     { test(t, demo.Panic) }
func TestPanicInGo(t *testing.T) { test(t, demo.PanicInGo) }
func TestSlot(t *testing.T)      { test(t, demo.Slot) }
func TestReal(t *testing.T)      { test(t, demo.Real) }

func TestAccept(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		ln, err := b.Net.Listen("127.0.0.1:0")
		if err != nil {
			b.Fatalf("%v", err)
		}
		serve := b.Go("Serve(ln)", func() error { return demo.Accept(ln) })
		b.Wait()
		ln.Close()
		serve.Wait()
	})
}

// Nobody closes the listener but the end of the test.
func TestAcceptLater(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		ln, err := b.Net.Listen("127.0.0.1:0")
		if err != nil {
			b.Fatalf("%v", err)
		}
		b.Go("Serve(ln)", func() error { return demo.Accept(ln) })
		b.Wait()
	})
}

func TestForget(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		client, server := b.Net.Pipe()
		b.Go("Handle(conn)", func() error { return demo.Forget(server) })
		client.CloseWrite()
		b.Wait()
		client.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			b.Errorf("Handle(conn) returned, and conn is not closed")
		}
	})
}

func TestQuiet(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		_, server := b.Net.Pipe()
		b.Go("Handle(conn)", func() error { return demo.Echo(server) })
		b.MustBeQuiet()
	})
}

// What the test itself does may fail as well.
func TestDo(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		b.Do(func() string { return "Handle(nil)" }, func() { demo.Panic(nil) })
	})
}

func TestFatal(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		b.Cleanup(func() { b.Errorf("the end") })
		b.Errorf("once")
		b.Fatalf("and over")
	})
	t.Error("must not be reached")
}

func TestPanicInTest(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) { panic("the test's own mistake") })
}

func TestOuterContext(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		b.Go("Exchange(ctx)", func() error { return demo.Patient(t.Context()) }).Wait()
	})
}

func TestOuterSelect(t *testing.T) {
	bubble.Run(t, 1, func(b *bubble.B) {
		b.Go("Exchange(ctx)", func() error { return demo.Select(t.Context()) }).Wait()
	})
}

func TestProperty(t *testing.T) {
	bubble.Property(t, 1, func(rt *rapid.T, b *bubble.B) {
		line := strings.Repeat("x", rapid.IntRange(0, 1000).Draw(rt, "n")) + "\n"
		client, server := b.Net.Pipe()
		client.Write([]byte(line))
		client.CloseWrite()
		b.Go("Handle(conn)", func() error { return demo.Cut(server) })
		got, err := io.ReadAll(client)
		if string(got) != line || err != nil {
			b.Errorf("sent %q\ngot  %q", line, got)
			b.Errorf("must not be reached")
		}
	})
}

func TestPropertyScript(t *testing.T) {
	bubble.Property(t, 1, func(rt *rapid.T, b *bubble.B) {
		script := memnet.Scripts(6, time.Second, memnet.StreamFaults[:2]...).Draw(rt, "script")
		b.Net.Disturb(memnet.FromDialer(), script)
		echo(b, demo.Message)
	})
}

func TestPropertyDeadlock(t *testing.T) {
	bubble.Property(t, 1, func(rt *rapid.T, b *bubble.B) {
		_ = rapid.Bool().Draw(rt, "b")
		echo(b, demo.Deadlock)
	})
}

func TestPropertyLocked(t *testing.T) {
	bubble.Property(t, 1, func(rt *rapid.T, b *bubble.B) {
		_ = rapid.Bool().Draw(rt, "b")
		echo(b, demo.LockedTwice)
	})
}

func TestPropertySkips(t *testing.T) {
	bubble.Property(t, 1, func(rt *rapid.T, b *bubble.B) {
		if rapid.IntRange(0, 9).Draw(rt, "n") == 7 {
			rt.SkipNow()
		}
		if rapid.IntRange(0, 1000).Draw(rt, "n") > 50 {
			rt.Fatalf("in rapid's words")
		}
	})
}

func TestAfter(t *testing.T) { test(t, demo.Echo) }
