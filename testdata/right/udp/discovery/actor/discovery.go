//go:build solution

// Package discovery lets the hosts of a network know of each other, without a
// server.
package discovery

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Config says who a Node is, and how often it says so. It is taken as it is:
// nobody checks that it fits into a datagram. The zero value is not usable.
type Config struct {
	ID       string        // its own alone; it keeps it when it starts again
	Name     string        // what it wants to be known by; others may want the same
	Text     string        // what it says about itself; may be empty
	Interval time.Duration // from one announcement to the next, at most
	Lifetime time.Duration // how long the others may believe an announcement; whole milliseconds
}

// Entry is who is known by a name. The zero value is nobody.
type Entry struct {
	Name, ID, Text string
}

// Node is a host that makes itself known, and knows the others. The zero value
// is not usable: see New.
type Node struct {
	Config
	state atomic.Pointer[[]host] // sorted by id; never changed, only replaced
}

// host is what one has said last.
type host struct {
	entry  Entry
	number uint64
	end    time.Time
}

// New returns a Node. It sends nothing, and starts no goroutine.
func New(cfg Config) *Node {
	n := &Node{Config: cfg}
	n.state.Store(&[]host{})
	return n
}

// message is a datagram, or the end of them.
type message struct {
	text string
	from netip.AddrPort
	err  error
}

// Run makes the Node known to peers, the addresses (*net.UDPAddr, without zones) of
// all hosts of the network, and listens to them, until ctx is done. Then it says
// goodbye, unless ctx was done when it began and it has said nothing. It is called
// once. When it returns, conn is closed, and nothing is left that it started.
//
// The error is nil when ctx is done, and that of conn, which is net.ErrClosed,
// when somebody else has closed it.
func (n *Node) Run(ctx context.Context, conn net.PacketConn, peers []net.Addr) error {
	messages, over := make(chan message), make(chan struct{})
	defer func() {
		conn.Close()
		for range messages {
		}
	}()
	defer close(over)
	go read(conn, messages, over)

	number := time.Now().UnixMilli() * 1000
	announce := func(life time.Duration, to ...net.Addr) {
		number++
		for _, a := range to {
			fmt.Fprintf(writer{conn, a}, "HERE %019d %08d %s %s %s", number, life/time.Millisecond, n.ID, n.Name, n.Text)
		}
	}
	for _, a := range peers {
		fmt.Fprint(writer{conn, a}, "WHO")
	}
	announce(n.Lifetime, peers...)
	tick := time.NewTicker(n.Interval * 2 / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			announce(0, peers...)
			return nil
		case <-tick.C:
			announce(n.Lifetime, peers...)
		case m := <-messages:
			switch i := slices.IndexFunc(peers, func(a net.Addr) bool { return plain(a) == m.from }); {
			case m.err != nil:
				return m.err
			case i < 0:
			case m.text == "WHO":
				announce(n.Lifetime, peers[i])
			default:
				n.take(m.text)
			}
		}
	}
}

// writer makes a Write one datagram, which may get lost.
type writer struct {
	conn net.PacketConn
	to   net.Addr
}

func (w writer) Write(b []byte) (int, error) {
	w.conn.WriteTo(b, w.to)
	return len(b), nil
}

func plain(a net.Addr) netip.AddrPort {
	ap := a.(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// read passes on what comes. A socket that is closed ends it.
func read(conn net.PacketConn, to chan<- message, over <-chan struct{}) {
	defer close(to)
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		m := message{text: string(buf[:n])}
		switch {
		case err == nil:
			m.from = plain(from)
		case isClosed(err):
			m.err = err
		default:
			time.Sleep(10 * time.Millisecond)
			continue
		}
		select {
		case to <- m:
		case <-over:
			return
		}
		if err != nil {
			return
		}
	}
}

func isClosed(err error) bool {
	for e, ok := err.(interface{ Unwrap() error }); ok; e, ok = err.(interface{ Unwrap() error }) {
		err = e.Unwrap()
	}
	return err == net.ErrClosed
}

var form = regexp.MustCompile(`^HERE (\d{1,19}) (\d{1,8}) ([!-~]{1,63}) ([!-~]{1,63}) (?s:(.*))$`)

// take puts what was announced into a new state.
func (n *Node) take(text string) {
	f := form.FindStringSubmatch(text)
	if f == nil || len(text) > 1200 || f[3] == n.ID {
		return
	}
	number, _ := strconv.ParseUint(f[1], 10, 64)
	life, _ := strconv.Atoi(f[2])
	all := slices.Clone(*n.state.Load())
	i, known := slices.BinarySearchFunc(all, f[3], func(h host, id string) int { return cmp.Compare(h.entry.ID, id) })
	if known && number <= all[i].number {
		return
	}
	h := host{Entry{f[4], f[3], f[5]}, number, time.Now().Add(time.Duration(life) * time.Millisecond)}
	if known {
		all[i] = h
	} else {
		all = slices.Insert(all, i, h)
	}
	n.state.Store(&all)
}

// Who returns who is known by which name at this moment, one Entry a name, in the
// order of the names. While Run runs, the Node's own claim counts as the others
// do; before and after, nobody relies on what Who returns. Any goroutine may call
// it; what it returns is the caller's.
func (n *Node) Who() []Entry {
	var all []Entry
	for _, h := range *n.state.Load() {
		if time.Until(h.end) > 0 {
			all = append(all, h.entry)
		}
	}
	all = append(all, Entry{n.Name, n.ID, n.Text})
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return slices.CompactFunc(all, func(a, b Entry) bool { return a.Name == b.Name })
}
