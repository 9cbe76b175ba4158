package proxy_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/netkata/katas/tcp/proxy"
)

// gibibyte is what is sent through each proxy in one round.
const gibibyte = 1 << 30

// BenchmarkProxy sends a gibibyte to a server that answers with a checksum:
// without a proxy, through Handle, and through socat if that is installed, in
// turns, so that whatever else the machine does hits all of them. It reports the
// medians, and how many times as fast as socat Handle is.
func BenchmarkProxy(b *testing.B) {
	target := serveChecksums(b)
	addr, result := serveProxy(b, target)
	ways := []*way{{name: "direct", addr: target}, {name: "Handle", addr: addr}}
	if addr, err := startSocat(b, target); err != nil {
		b.Logf("no comparison with socat (Debian and Ubuntu: apt-get install socat; macOS: brew install socat): %v", err)
	} else {
		ways = append(ways, &way{name: "socat", addr: addr})
	}
	for b.Loop() {
		for _, w := range ways {
			took, err := send(w.addr, gibibyte)
			if err != nil {
				b.Fatalf("%s: %v\nThe last call of Handle that has ended returned: %v", w.name, err, result.Load())
			}
			w.took = append(w.took, took)
		}
	}
	b.ReportMetric(0, "ns/op") // of all of them together: says nothing
	for _, w := range ways {
		b.ReportMetric(gibibyte/(1<<20)/w.median().Seconds(), w.name+"-MiB/s")
	}
	if len(ways) == 3 {
		b.ReportMetric(ways[2].median().Seconds()/ways[1].median().Seconds(), "times-socat")
	}
}

// way is one way to the server.
type way struct {
	name string
	addr string
	took []time.Duration
}

func (w *way) median() time.Duration {
	slices.Sort(w.took)
	return w.took[len(w.took)/2]
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // a processor has an instruction for it

// send sends n bytes to addr, ends its stream, and returns how long it took until
// the answer was there: that all of them arrived, in order.
func send(addr string, n int) (time.Duration, error) {
	began := time.Now()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	conn.SetDeadline(began.Add(5 * time.Minute))
	sum := uint32(0)
	block := make([]byte, 256<<10)
	for i := 0; i < n; i += len(block) {
		copy(block, fmt.Sprint(i)) // no block like another
		sum = crc32.Update(sum, castagnoli, block)
		if _, err := conn.Write(block); err != nil {
			return 0, err
		}
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return 0, err
	}
	answer, err := io.ReadAll(conn)
	if want := answerTo(n, sum); string(answer) != want || err != nil {
		return 0, fmt.Errorf("sent %s, and the server received %q (error: %v)", want, answer, err)
	}
	return time.Since(began), nil
}

func answerTo(n int, sum uint32) string { return fmt.Sprintf("%d bytes, checksum %08x", n, sum) }

// serveChecksums listens for what send sends.
func serveChecksums(b *testing.B) string {
	return serve(b, func(conn *net.TCPConn) {
		defer conn.Close()
		n, sum := 0, uint32(0)
		buf := make([]byte, 256<<10)
		for {
			k, err := conn.Read(buf)
			n, sum = n+k, crc32.Update(sum, castagnoli, buf[:k])
			if err == io.EOF {
				io.WriteString(conn, answerTo(n, sum))
			}
			if err != nil {
				return
			}
		}
	})
}

// serveProxy listens for clients of Handle, and says what the last call returned.
func serveProxy(b *testing.B, target string) (addr string, result *atomic.Value) {
	dial := func(ctx context.Context) (proxy.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", target)
		if err != nil {
			return nil, err
		}
		return conn.(*net.TCPConn), nil
	}
	result = new(atomic.Value)
	return serve(b, func(conn *net.TCPConn) {
		defer conn.Close()
		counts, err := proxy.Handle(context.Background(), conn, dial, proxy.Limits{})
		result.Store(fmt.Sprintf("%+v, %v", counts, err))
	}), result
}

// serve has each connection handled, until the benchmark is over.
func serve(b *testing.B, handle func(*net.TCPConn)) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // closed
			}
			go handle(conn.(*net.TCPConn))
		}
	}()
	return ln.Addr().String()
}

// startSocat starts a socat that listens, and returns its address. It takes a
// free port, and tells it on its standard error.
func startSocat(b *testing.B, target string) (string, error) {
	cmd := exec.Command("socat", "-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1,fork", "TCP:"+target)
	messages, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	b.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(messages)
	for lines.Scan() {
		if _, addr, ok := strings.Cut(lines.Text(), "listening on AF=2 "); ok {
			go io.Copy(io.Discard, messages)
			return addr, nil
		}
	}
	return "", errors.New("it ended, and did not say where it listens")
}
