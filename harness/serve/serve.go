// Package serve runs a learner's server on a port of this machine, so that nc,
// socat, dig and the like can talk to it. Below it is a program for each kata
// that is a server: go run ./harness/serve/tcp/echo, or with -tags solution its
// reference.
package serve

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/example/netkata/harness/todo"
)

// Addr is where a server listens unless its flag -addr says otherwise.
const Addr = "127.0.0.1:7007"

// Ready is what a server prints once it listens, before the address.
const Ready = "Listening on "

// TCP is the main function of a program that serves TCP, until it is
// interrupted or serve returns. It parses the flags. An error ends the program
// with exit code 1.
func TCP(serve func(ctx context.Context, ln net.Listener) error) {
	run(func(ctx context.Context, addr string) error { return listen(ctx, os.Stdout, addr, serve) })
}

// UDP is TCP for a program that serves UDP.
func UDP(serve func(ctx context.Context, pc net.PacketConn) error) {
	run(func(ctx context.Context, addr string) error { return listenPacket(ctx, os.Stdout, addr, serve) })
}

// run is a main function.
func run(listen func(ctx context.Context, addr string) error) {
	addr := flag.String("addr", Addr, "`address` to listen on; port 0 is any that is free")
	flag.Parse()
	log.SetFlags(log.Ltime)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := listen(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

func listen(ctx context.Context, out io.Writer, addr string, serve func(context.Context, net.Listener) error) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return elsewhere(err)
	}
	defer ln.Close()
	fmt.Fprintln(out, Ready+ln.Addr().String())
	return serve(ctx, ln)
}

func listenPacket(ctx context.Context, out io.Writer, addr string, serve func(context.Context, net.PacketConn) error) error {
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		return elsewhere(err)
	}
	defer pc.Close()
	fmt.Fprintln(out, Ready+pc.LocalAddr().String())
	return serve(ctx, pc)
}

func elsewhere(err error) error {
	return fmt.Errorf("%w\n(any port that is free: -addr 127.0.0.1:0; by way of the kata tool, behind --)", err)
}

// Each returns an accept loop for katas that have none of their own: handle is
// called for each connection, in a goroutine of its own, and what it returns is
// logged. It ends with the context.
func Each(handle func(ctx context.Context, conn net.Conn) error) func(context.Context, net.Listener) error {
	return func(ctx context.Context, ln net.Listener) error {
		defer context.AfterFunc(ctx, func() { ln.Close() })()
		for {
			conn, err := ln.Accept()
			switch {
			case ctx.Err() != nil && errors.Is(err, net.ErrClosed):
				return nil
			case err != nil:
				return err
			}
			go func() {
				peer := conn.RemoteAddr()
				log.Printf("%v: connected", peer)
				err := handle(ctx, conn)
				log.Printf("%v: over: %s", peer, words(err))
				if errors.Is(err, todo.Err) {
					conn.Close() // or the client would wait for ever
				}
			}()
		}
	}
}

func words(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}
