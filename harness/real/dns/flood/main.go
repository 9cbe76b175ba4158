// Flood sends a DNS server as many packets that make no sense as it can: cut,
// looping, too long, random, responses; and good queries beside them, of which
// each must be answered.
//
//	go run ./harness/real/dns/flood -for 1m    (yours; -solution takes the reference)
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/example/netkata/harness/real"
)

func main() {
	log.SetFlags(0)
	reference := flag.Bool("solution", false, "the reference instead of yours")
	length := flag.Duration("for", time.Minute, "how `long`")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of what is sent")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *reference, *length, *seed); err != nil {
		log.Fatal("real/dns/flood: ", err)
	}
}

func run(ctx context.Context, reference bool, length time.Duration, seed uint64) error {
	var tags []string
	if reference {
		tags = []string{"-tags", "solution"}
	}
	server, err := real.Start(ctx, tags, "serve/dns/stream", "-addr", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Stop()
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()

	var flooding sync.WaitGroup
	sent := 0
	flooding.Go(func() { sent, err = flood(ctx, server.Addrs[""], rand.New(rand.NewPCG(seed, 0))) })
	good, again, askErr := ask(ctx, server.Addrs[""])
	cancel()
	flooding.Wait()
	fmt.Printf("seed %d: %d packets that make no sense; %d good queries, each with its answer (%d of them asked more than once: the socket was full)\n",
		seed, sent, good, again)
	if good == 0 && askErr == nil {
		askErr = errors.New("there was no time for a good query")
	}
	return errors.Join(err, askErr)
}

// query asks for the A record of web.local., which the server's own zone has.
var query = []byte("\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03web\x05local\x00\x00\x01\x00\x01")

// answer is how the response ends: four octets of data, and them.
var answer = []byte{0, 4, 10, 0, 0, 1}

// patience is how long a good query may stay without its answer: it is asked
// again in between, since the flood may leave no room in the server's socket.
const patience = 10 * time.Second

// ask sends good queries, one after the other, until ctx is done. The error is
// for one that got no answer, or a wrong one.
func ask(ctx context.Context, addr string) (good, again int, err error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	for id := uint16(1); ctx.Err() == nil; id++ {
		tries, err := askOnce(conn, id)
		if err != nil {
			return good, again, err
		}
		good++
		if tries > 1 {
			again++
		}
	}
	return good, again, nil
}

func askOnce(conn net.Conn, id uint16) (tries int, err error) {
	msg := bytes.Clone(query)
	binary.BigEndian.PutUint16(msg, id)
	buf := make([]byte, 1<<16)
	for begin := time.Now(); time.Since(begin) < patience; {
		if _, err := conn.Write(msg); err != nil {
			return tries, err
		}
		tries++
		conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		for {
			n, err := conn.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return tries, err
			}
			if n < 12 || binary.BigEndian.Uint16(buf) != id {
				continue // of an earlier try
			}
			if !bytes.HasSuffix(buf[:n], answer) {
				return tries, fmt.Errorf("a wrong answer to a good query: % x", buf[:n])
			}
			return tries, nil
		}
	}
	return tries, fmt.Errorf("no answer to a good query within %v", patience)
}

// flood sends what makes no sense, from one socket, and reads nothing.
func flood(ctx context.Context, addr string, r *rand.Rand) (sent int, err error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	for ; ctx.Err() == nil; sent++ {
		if _, err := conn.Write(nonsense(r)); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// nonsense returns a packet that no client means.
func nonsense(r *rand.Rand) []byte {
	msg := bytes.Clone(query)
	binary.BigEndian.PutUint16(msg, uint16(r.Uint32()))
	switch r.IntN(8) {
	case 0: // cut
		return msg[:r.IntN(len(msg))]
	case 1: // a name that points to itself, or anywhere
		binary.BigEndian.PutUint16(msg[12:], 0xc000|uint16(r.IntN(40)))
		return msg
	case 2: // counts that nothing backs
		binary.BigEndian.PutUint64(msg[4:], r.Uint64())
		return msg
	case 3: // a name longer than names are
		return append(append(msg[:12:12], bytes.Repeat([]byte("\x3f"+string(make([]byte, 63))), 4)...), 0, 0, 1, 0, 1)
	case 4: // far too long
		return append(msg, make([]byte, r.IntN(60000))...)
	case 5: // a response
		msg[2] |= 0x80
		return msg
	case 6: // some octet is another
		msg[r.IntN(len(msg))] ^= byte(1 + r.IntN(255))
		return msg
	}
	for i := range msg { // nothing at all
		msg[i] = byte(r.Uint32())
	}
	return msg
}
