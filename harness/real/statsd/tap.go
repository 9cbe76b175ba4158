package main

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"
)

// quiet is how long nothing has to come through a tap until all is through: longer
// than a client keeps a line.
const quiet = 100 * time.Millisecond

// tap passes datagrams on, and keeps what was in them.
type tap struct {
	addr string // where to send
	in   net.PacketConn
	out  net.Conn
	over sync.WaitGroup

	mu   sync.Mutex
	sent []string
	err  error
	news chan struct{} // something has come through
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
	t := &tap{addr: in.LocalAddr().String(), in: in, out: out, news: make(chan struct{}, 1)}
	t.over.Go(t.pass)
	return t, nil
}

// pass goes on until the tap is closed.
func (t *tap) pass() {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := t.in.ReadFrom(buf)
		if err != nil {
			return
		}
		_, err = t.out.Write(buf[:n])
		t.mu.Lock()
		t.sent = append(t.sent, string(buf[:n]))
		if err != nil {
			t.err = err
		}
		t.mu.Unlock()
		select {
		case t.news <- struct{}{}:
		default:
		}
	}
}

// lines waits until nothing more comes, and returns what came.
func (t *tap) lines() ([]string, error) {
	for {
		select {
		case <-t.news:
			continue
		case <-time.After(quiet):
		}
		break
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []string
	for _, datagram := range t.sent {
		all = append(all, strings.Split(strings.TrimSuffix(datagram, "\n"), "\n")...)
	}
	return all, t.err
}

func (t *tap) close() error {
	t.in.Close()
	t.over.Wait()
	return t.out.Close()
}
