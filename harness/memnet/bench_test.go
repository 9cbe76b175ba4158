package memnet_test

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/example/netkata/harness/memnet"
)

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

var _ = synctest.Wait
