// Package serve runs a learner's server on a port of this machine, so that nc,
// socat, dig and the like can talk to it. Below it is a program for each kata
// that is a server: go run ./harness/serve/tcp/echo, or with -tags solution its
// reference.
package serve

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
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

// UDP is TCP for a program that serves UDP. start is called when the flags are
// parsed, and returns the server; where it cannot, nothing is listened on.
func UDP(start func() (Packets, error)) {
	run(func(ctx context.Context, addr string) error { return listenPacket(ctx, os.Stdout, addr, start) })
}

// Both is TCP and UDP at once, on the same port, as DNS has it. start is as in
// UDP, and returns two servers. When one of them is over, the other goes on: a
// learner may have written only one.
func Both(start func() (Packets, Streams, error)) {
	run(func(ctx context.Context, addr string) error { return listenBoth(ctx, os.Stdout, addr, start) })
}

// A server, over UDP or TCP, until its context is done.
type (
	Packets func(ctx context.Context, pc net.PacketConn) error
	Streams func(ctx context.Context, ln net.Listener) error
)

// run is a main function.
func run(listen func(ctx context.Context, addr string) error) {
	addr := flag.String("addr", Addr, "`address` to listen on; port 0 is any that is free")
	flag.Usage = usage
	flag.Parse()
	log.SetFlags(log.Ltime)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := listen(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

// usage lists the flags. The kata tool says by the name of the program how it was
// called; go run gives that of a file of its own.
func usage() {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if strings.HasPrefix(os.Args[0], "go ") {
		name = os.Args[0]
	}
	fmt.Fprintf(flag.CommandLine.Output(), "Usage: %s [flags]\n", name)
	flag.PrintDefaults()
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

func listenPacket(ctx context.Context, out io.Writer, addr string, start func() (Packets, error)) error {
	packets, err := start()
	if err != nil {
		return err
	}
	pc, err := net.ListenPacket("udp", addr)
	if err != nil {
		return elsewhere(err)
	}
	defer pc.Close()
	fmt.Fprintln(out, Ready+pc.LocalAddr().String())
	return packets(ctx, pc)
}

func listenBoth(ctx context.Context, out io.Writer, addr string, start func() (Packets, Streams, error)) error {
	packets, streams, err := start()
	if err != nil {
		return err
	}
	ln, pc, err := samePort(addr)
	if err != nil {
		return elsewhere(err)
	}
	defer ln.Close()
	defer pc.Close()
	fmt.Fprintln(out, Ready+ln.Addr().String())
	over := make(chan error, 2)
	go func() { over <- failed("UDP", packets(ctx, pc)) }()
	go func() { over <- failed("TCP", streams(ctx, ln)) }()
	return errors.Join(<-over, <-over)
}

// failed logs at once what the other transport shall not wait to hear.
func failed(transport string, err error) error {
	if err == nil {
		return nil
	}
	log.Printf("%s is over: %v", transport, err)
	return fmt.Errorf("%s: %w", transport, err)
}

// samePort listens on one address for TCP and UDP. Where the system chooses the
// port, what it chose for one may be taken for the other, so it may choose again.
func samePort(addr string) (ln net.Listener, pc net.PacketConn, err error) {
	for range 10 {
		if ln, err = net.Listen("tcp", addr); err != nil {
			return nil, nil, err
		}
		if pc, err = net.ListenPacket("udp", ln.Addr().String()); err == nil {
			return ln, pc, nil
		}
		ln.Close()
	}
	return nil, nil, err
}

// Zone adds the flags -zone and -origin, and returns what loads the zone that they
// name once they are parsed; unless they do, it is a small one, local., with web,
// api and redis in it. It logs which zone it is.
func Zone[Z any](parse func(r io.Reader, origin string) (Z, error)) (load func() (Z, error)) {
	path := flag.String("zone", "", "zone `file`; without it, a small zone that has web.local. in it")
	origin := flag.String("origin", "", "the zone's `name`")
	return func() (z Z, err error) {
		switch {
		case *path == "" && *origin == "":
			log.Print("the zone is local., which comes with this program: ask for web.local")
			return named(parse(strings.NewReader(localZone), "local."))
		case *path == "" || *origin == "":
			return z, errors.New("-zone FILE and -origin NAME come together")
		}
		f, err := os.Open(*path)
		if err != nil {
			return z, err
		}
		defer f.Close()
		if z, err = named(parse(f, *origin)); err != nil {
			return z, fmt.Errorf("%s: %w", *path, err)
		}
		log.Print("the zone is ", *origin)
		return z, nil
	}
}

// named says whose error it is.
func named[Z any](z Z, err error) (Z, error) {
	if errors.Is(err, todo.Err) {
		err = fmt.Errorf("dns/zone: %w (go tool kata run dns/zone)", err)
	}
	return z, err
}

// Answers returns handle, or an error where it does not even answer a query for
// the root's SOA record, as what is not written yet does not.
func Answers(handle func(b, query []byte) (response []byte, ok bool)) (func(b, query []byte) ([]byte, bool), error) {
	query := []byte("\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01")
	if _, ok := handle(nil, query); !ok {
		return nil, fmt.Errorf("a plain query gets no response: is dns/respond done? (go tool kata run dns/respond)")
	}
	return handle, nil
}

//go:embed local.zone
var localZone string

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
