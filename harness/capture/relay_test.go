package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// echo answers every query with the query itself and QR set, over UDP and TCP,
// until the test ends. It says in got what arrived; a query of one octet it
// leaves unanswered.
func echo(t *testing.T) (addr string, got chan []byte) {
	t.Helper()
	tcp, udp, err := listenBoth()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close(); udp.Close() })
	got = make(chan []byte, 10)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, client, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			got <- bytes.Clone(buf[:n])
			if n > 1 {
				udp.WriteTo(withQR(buf[:n]), client)
			}
		}
	}()
	go func() {
		for {
			conn, err := tcp.Accept()
			if err != nil {
				return
			}
			query, err := readFrame(conn)
			if err == nil {
				writeFrame(conn, withQR(query))
			}
			conn.Close()
		}
	}()
	return udp.LocalAddr().String(), got
}

func withQR(query []byte) []byte {
	response := bytes.Clone(query)
	response[2] |= 0x80
	return response
}

func TestRelayKeepsWhatItPassesOn(t *testing.T) {
	server, _ := echo(t)
	r, err := newRelay(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte{7}, 9000) // macOS sends no longer datagram
	sent := []pair{
		{network: "udp", query: []byte{1, 2, 3}},
		{network: "tcp", query: []byte{4, 5, 6}},
		{network: "tcp", query: bytes.Repeat([]byte{8}, 65_535)}, // many reads
		{network: "udp", query: long},
	}
	for i := range sent {
		sent[i].response, err = exchange(t.Context(), sent[i].network, r.addr().String(), sent[i].query)
		if err != nil {
			t.Fatalf("%s, %d octets: %v", sent[i].network, len(sent[i].query), err)
		}
	}
	kept := r.close()
	if len(kept) != len(sent) {
		t.Fatalf("kept %d pairs of %d", len(kept), len(sent))
	}
	for i, want := range sent {
		got := kept[i]
		if got.network != want.network || !bytes.Equal(got.query, want.query) || !bytes.Equal(got.response, withQR(want.query)) || !bytes.Equal(want.response, got.response) {
			t.Errorf("pair %d over %s: kept %s, a query of %d octets and a response of %d, other than what was sent", i, want.network, got.network, len(got.query), len(got.response))
		}
	}
}

func TestRelayPassesSeveralQueriesOfOneConnection(t *testing.T) {
	server, _ := echo(t)
	r, err := newRelay(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", r.addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, query := range [][]byte{{1, 1, 1}, {2, 2, 2}} {
		if err := writeFrame(conn, query); err != nil {
			t.Fatal(err)
		}
		if got, err := readFrame(conn); err != nil || !bytes.Equal(got, withQR(query)) {
			t.Fatalf("response %v, %v to query %v", got, err, query)
		}
	}
	if kept := r.close(); len(kept) != 2 {
		t.Errorf("kept %d pairs of 2", len(kept))
	}
}

// The connection that a client leaves open, and the query that nobody answers,
// must not hold close up.
func TestRelayClosesAtOnce(t *testing.T) {
	server, got := echo(t)
	r, err := newRelay(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	idle, err := net.Dial("tcp", r.addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	conn, err := net.Dial("udp", r.addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{9}); err != nil {
		t.Fatal(err)
	}
	<-got // the server has it and keeps silent
	begin := time.Now()
	kept := r.close()
	if took := time.Since(begin); took > patience/2 {
		t.Errorf("close took %v: it waited for an answer", took)
	}
	if len(kept) != 1 || !bytes.Equal(kept[0].query, []byte{9}) || kept[0].response != nil {
		t.Errorf("kept %v, not the one query without a response", kept)
	}
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	server, got := echo(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-got
		cancel()
	}()
	if response, err := exchange(ctx, "udp", server, []byte{9}); err == nil {
		t.Errorf("response %v to a query that nobody answers", response)
	}
}

func TestFrames(t *testing.T) {
	var b bytes.Buffer
	if err := writeFrame(&b, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if want := "\x00\x03abc"; b.String() != want {
		t.Errorf("frame %q, want %q", b.String(), want)
	}
	whole := b.Bytes()
	for n := range whole {
		if _, err := readFrame(bytes.NewReader(whole[:n])); err == nil {
			t.Errorf("a frame cut after %d octets gives no error", n)
		}
	}
	if _, err := readFrame(bytes.NewReader(nil)); !errors.Is(err, io.EOF) {
		t.Errorf("error %v at the end of a stream, want EOF", err)
	}
	if err := writeFrame(io.Discard, make([]byte, 65_535)); err != nil {
		t.Errorf("65,535 octets: %v", err)
	}
	if err := writeFrame(io.Discard, make([]byte, 65_536)); err == nil {
		t.Error("65,536 octets fit into a frame")
	}
}
