package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"
)

// tap passes datagrams on, and keeps what was in them.
type tap struct {
	addr string // where to send
	in   net.PacketConn
	out  net.Conn

	over sync.WaitGroup // until then, the rest is pass's
	sent []string
	err  error
}

func newTap(ctx context.Context, addr string) (*tap, error) {
	in, err := new(net.ListenConfig).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	out, err := new(net.Dialer).DialContext(ctx, "udp", addr)
	if err != nil {
		in.Close()
		return nil, err
	}
	t := &tap{addr: in.LocalAddr().String(), in: in, out: out}
	t.over.Go(t.pass)
	return t, nil
}

// pass goes on until an empty datagram comes.
func (t *tap) pass() {
	buf := make([]byte, 1<<16)
	t.in.SetReadDeadline(time.Now().Add(time.Minute))
	for {
		n, _, err := t.in.ReadFrom(buf)
		if n == 0 || err != nil {
			t.err = errors.Join(t.err, err)
			return
		}
		t.sent = append(t.sent, string(buf[:n]))
		if _, err := t.out.Write(buf[:n]); err != nil {
			t.err = errors.Join(t.err, err)
		}
	}
}

// lines closes the tap, and returns the lines that went through it. Nobody may send
// to it any more: what was sent is read before the empty datagram, which ends it.
func (t *tap) lines() ([]string, error) {
	end, err := net.Dial("udp", t.addr)
	if err == nil {
		_, err = end.Write(nil)
		end.Close()
	}
	if err != nil {
		t.in.Close()
	}
	t.over.Wait()
	t.in.Close()
	t.out.Close()
	var all []string
	for _, datagram := range t.sent {
		all = append(all, strings.Split(strings.TrimSuffix(datagram, "\n"), "\n")...)
	}
	return all, errors.Join(err, t.err)
}
