package memnet_test

import (
	"io"
	"testing"

	"github.com/example/netkata/harness/memnet"
)

// BenchmarkPingPong sends four bytes there and back.
func BenchmarkPingPong(b *testing.B) {
	n := memnet.New()
	c, s := n.Pipe()
	go io.Copy(s, s)
	buf := make([]byte, 4)
	for b.Loop() {
		c.Write([]byte("PING"))
		io.ReadFull(c, buf)
	}
	n.Close()
}

// BenchmarkStream sends one way.
func BenchmarkStream(b *testing.B) {
	n := memnet.New()
	c, s := n.Pipe()
	go io.Copy(io.Discard, s)
	buf := make([]byte, 32<<10)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		c.Write(buf)
	}
	n.Close()
}
