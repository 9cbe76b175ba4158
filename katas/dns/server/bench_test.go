package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/example/netkata/katas/dns/respond"
	"github.com/example/netkata/katas/dns/server"
	"github.com/example/netkata/katas/dns/zone"
)

// BenchmarkServer asks Serve, with respond and zone behind it, and a miekg/dns
// server, with a map behind it, for a thousand names, 64 queries at a time. Each
// of them is a program of its own and has one processor; every response is
// checked.
func BenchmarkServer(b *testing.B) {
	if kind := os.Getenv(serveVariable); kind != "" {
		b.Fatal(serveAlone(kind))
	}
	for _, kind := range []string{"ours", "miekg"} {
		addr := startAlone(b, kind)
		b.Run(kind, func(b *testing.B) {
			conn, err := net.Dial("udp", addr)
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			c := &asker{conn: conn, b: b}
			c.learn()
			b.ResetTimer()
			c.askAll(b.N)
		})
	}
}

// serveVariable makes the program of these tests one of the two servers.
const serveVariable = "NETKATA_BENCH_SERVER"

// listening is printed before the address of such a server.
const listening = "listening on "

// startAlone starts this program again, as one of the servers, and returns its
// address.
func startAlone(b *testing.B, kind string) string {
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^"+b.Name()+"$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), serveVariable+"="+kind, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // which ends if this program does
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	var said strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if addr, ok := strings.CutPrefix(lines.Text(), listening); ok {
			go io.Copy(io.Discard, stdout)
			return addr
		}
		fmt.Fprintln(&said, lines.Text())
	}
	b.Fatalf("%s ended before it served:\n%s", kind, &said)
	return ""
}

// serveAlone is what the other program does, until its standard input ends.
func serveAlone(kind string) error {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	serve := map[string]func(net.PacketConn) error{"ours": serveOurs, "miekg": serveMiekg}[kind]
	if serve == nil {
		return fmt.Errorf("no such server: %s", kind)
	}
	return serve(pc)
}

func serveOurs(pc net.PacketConn) error {
	z, err := zone.Parse(strings.NewReader(thousand()), "local.")
	if err != nil {
		return err
	}
	fmt.Printf("\n%s%v\n", listening, pc.LocalAddr())
	return server.Serve(context.Background(), pc, func(b, query []byte) ([]byte, bool) {
		return respond.Respond(b, query, respond.UDP, z.Lookup)
	})
}

func serveMiekg(pc net.PacketConn) error {
	records := map[string]dns.RR{}
	z := dns.NewZoneParser(strings.NewReader(thousand()), "local.", "")
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		records[rr.Header().Name] = rr
	}
	if err := z.Err(); err != nil {
		return err
	}
	fmt.Printf("\n%s%v\n", listening, pc.LocalAddr())
	s := dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		var m dns.Msg
		m.SetReply(query)
		m.Authoritative = true
		if rr, ok := records[strings.ToLower(query.Question[0].Name)]; ok {
			m.Answer = []dns.RR{rr}
		} else {
			m.Rcode = dns.RcodeNameError
		}
		w.WriteMsg(&m)
	})}
	return s.ActivateAndServe()
}

// thousandNames is how many names there are to be asked for.
const thousandNames = 1000

func hostName(i int) string { return fmt.Sprintf("host%d.local.", i) }

func hostAddr(i int) string { return fmt.Sprintf("10.0.%d.%d", i/256, i%256) }

// thousand is a zone with those names.
func thousand() string {
	var b strings.Builder
	b.WriteString("$TTL 300\n@ SOA ns hostmaster 1 7200 900 1209600 60\n@ NS ns\nns A 127.0.0.1\n")
	for i := range thousandNames {
		fmt.Fprintf(&b, "%s A %s\n", hostName(i), hostAddr(i))
	}
	return b.String()
}

// asker asks for them; the id of a query is the number of the name.
type asker struct {
	b         *testing.B
	conn      net.Conn
	buf       [1 << 12]byte
	queries   [thousandNames][]byte
	responses [thousandNames][]byte // as they have to be
}

// learn asks for each name once, and wants the right response.
func (c *asker) learn() {
	c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	for i := range thousandNames {
		var m dns.Msg
		m.SetQuestion(hostName(i), dns.TypeA)
		m.Id = uint16(i)
		query, err := m.Pack()
		if err != nil {
			c.b.Fatal(err)
		}
		c.queries[i] = query
		c.send(i)
		response := bytes.Clone(c.receive())
		if err := m.Unpack(response); err != nil {
			c.b.Fatal(err)
		}
		want := fmt.Sprintf("%s\t300\tIN\tA\t%s", hostName(i), hostAddr(i))
		if m.Id != uint16(i) || m.Rcode != 0 || !m.Authoritative || len(m.Answer) != 1 || m.Answer[0].String() != want {
			c.b.Fatalf("asked for %s, heard\n%v", hostName(i), &m)
		}
		c.responses[i] = response
	}
}

// askAll asks for n names, and wants the response that was right before.
func (c *asker) askAll(n int) {
	const atOnce = 64
	for sent, heard := 0, 0; heard < n; heard++ {
		for ; sent < n && sent < heard+atOnce; sent++ {
			c.send(sent % thousandNames)
		}
		if heard%thousandNames == 0 {
			c.conn.SetDeadline(time.Now().Add(10 * time.Second)) // against waiting for ever
		}
		response := c.receive()
		if len(response) < 2 {
			c.b.Fatalf("a response of %d bytes", len(response))
		}
		if i := int(binary.BigEndian.Uint16(response)); i >= thousandNames || !bytes.Equal(response, c.responses[i]) {
			c.b.Fatalf("asked for %s, heard\n%x\nand before\n%x", hostName(i), response, c.responses[i%thousandNames])
		}
	}
}

func (c *asker) send(i int) {
	if _, err := c.conn.Write(c.queries[i]); err != nil {
		c.b.Fatal(err)
	}
}

func (c *asker) receive() []byte {
	n, err := c.conn.Read(c.buf[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.b.Fatal("a query or its response was lost")
	}
	if err != nil {
		c.b.Fatal(err)
	}
	return c.buf[:n]
}
