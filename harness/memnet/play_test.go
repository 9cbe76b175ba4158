package memnet_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/netkata/harness/memnet"
)

func TestPlay(t *testing.T) {
	if os.Getenv("PLAY") == "" {
		t.Skip()
	}
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		n.OnSpin = func(w string) { fmt.Println(w) }
		ln, _ := n.Listen("127.0.0.1:7")
		n.Disturb(memnet.FromDialer(), memnet.MustParse("stall 7 2s, chop 2"))
		go func() {
			c, _ := ln.Accept()
			go io.Copy(c, c)
			ln.Accept()
			for {
				ln.Accept()
			}
		}()
		c, _ := n.Dial(context.Background(), "tcp", "127.0.0.1:7")
		buf := make([]byte, 100)
		for range 4 {
			fmt.Fprintf(c, "PING\n")
			k, err := io.ReadFull(c, buf[:5])
			fmt.Printf("%q %v\n", buf[:k], err)
		}
		fmt.Fprintf(c, "some text left\x00\x01\x02, more")
		time.Sleep(time.Second)
		c.SetReadDeadline(time.Now().Add(time.Hour))
		go func() { c.Read(buf[:5]); c.Read(make([]byte, 100)); c.Read(make([]byte, 100)) }()
		synctest.Wait()
		fmt.Println(n.Waiting())
		for _, o := range n.Open() {
			fmt.Println(o)
		}
		c.Close()
		ln.Close()
		synctest.Wait()
		_, err := n.Dial(context.Background(), "tcp", "127.0.0.1:7")
		fmt.Println(err)

		fmt.Println(n.Transcript())
		n.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		srv, _ := n.ListenPacket("127.0.0.1:53")
		n.Disturb(memnet.To(srv.LocalAddr()), memnet.MustParse("drop 1"))
		n.Disturb(memnet.From(srv.LocalAddr()), memnet.MustParse("delay 1 5ms, spoof 1, reorder 2, duplicate 3"))
		go func() {
			b := make([]byte, 100)
			for {
				k, a, err := srv.ReadFrom(b)
				if err != nil {
					return
				}
				srv.WriteTo(append([]byte("ACK "), b[:k]...), a)
			}
		}()
		c, _ := n.ListenPacket("127.0.0.1:0")
		b := make([]byte, 100)
		for i := range 5 {
			fmt.Fprintf(writerTo{c, srv}, "hello %d", i)
			c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			k, a, err := c.ReadFrom(b)
			fmt.Printf("%q %v %v\n", b[:k], a, err)
			if i == 1 {
				n.Note("you returned %q, and it was not the server that sent it, and what else there is to say", b[:k])
			}
		}
		go c.ReadFrom(b)
		c.SetReadDeadline(time.Time{})
		synctest.Wait()
		fmt.Println(n.Waiting())
		fmt.Println(n.Transcript())
		n.Close()
	})
}

type writerTo struct{ c, s *memnet.PacketConn }

func (w writerTo) Write(b []byte) (int, error) { return w.c.WriteTo(b, w.s.LocalAddr()) }
