//go:build solution

// Package discovery lets the hosts of a network know of each other, without a
// server.
package discovery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	cfg Config

	mu     sync.Mutex
	seq    uint64           // of the last announcement
	claims map[string]claim // of the others, by their ids; also those that are over
}

// New returns a Node. It sends nothing, and starts no goroutine.
func New(cfg Config) *Node {
	return &Node{cfg: cfg, claims: map[string]claim{}}
}

// Run makes the Node known to peers, the addresses (*net.UDPAddr, without zones) of
// all hosts of the network, and listens to them, until ctx is done. Then it says
// goodbye, unless ctx was done when it began and it has said nothing. It is called
// once. When it returns, conn is closed, and nothing is left that it started.
//
// The error is nil when ctx is done, and that of conn, which is net.ErrClosed,
// when somebody else has closed it.
func (n *Node) Run(ctx context.Context, conn net.PacketConn, peers []net.Addr) error {
	defer conn.Close()
	heard := make(chan error, 1)
	go func() { heard <- n.listen(ctx, conn, peers) }()

	sendAll(conn, peers, []byte(question))
	for {
		sendAll(conn, peers, n.announcement(n.cfg.Lifetime))
		// Hosts that lost their power together would else speak together for ever.
		pause := time.NewTimer(n.cfg.Interval - rand.N(n.cfg.Interval/4))
		select {
		case <-pause.C:
		case err := <-heard:
			pause.Stop()
			return err
		case <-ctx.Done():
			pause.Stop()
			conn.SetReadDeadline(time.Unix(1, 0))
			<-heard // or else it might answer a question after the goodbye
			sendAll(conn, peers, n.announcement(0))
			return nil
		}
	}
}

// Who returns who is known by which name at this moment, one Entry a name, in the
// order of the names. While Run runs, the Node's own claim counts as the others
// do; before and after, nobody relies on what Who returns. Any goroutine may call
// it; what it returns is the caller's.
func (n *Node) Who() []Entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	winners := map[string]Entry{n.cfg.Name: {n.cfg.Name, n.cfg.ID, n.cfg.Text}}
	now := time.Now()
	for id, c := range n.claims {
		if !now.Before(c.until) {
			continue
		}
		if w, ok := winners[c.entry.Name]; !ok || id < w.ID {
			winners[c.entry.Name] = c.entry
		}
	}
	return slices.SortedFunc(maps.Values(winners), func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
}

const (
	question    = "WHO"
	maxDatagram = 1200
	memory      = 2 * time.Minute // for the numbers of those that are gone
	rest        = 100 * time.Millisecond
)

// listen hears what the peers say, until reading is ended. A deadline is no
// error.
func (n *Node) listen(ctx context.Context, conn net.PacketConn, peers []net.Addr) error {
	known := map[string]bool{}
	for _, p := range peers {
		known[p.String()] = true // as texts, addresses of 4 bytes and of 16 are equal
	}
	buf := make([]byte, maxDatagram+1) // one more, to tell what is too long
	for {
		size, from, err := conn.ReadFrom(buf)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("discovery: %w", err)
		case err != nil: // on Windows, it tells of a peer that has left
			wait(ctx, rest)
		case known[from.String()]:
			n.hear(conn, from, buf[:size])
		}
	}
}

// hear takes a datagram in.
func (n *Node) hear(conn net.PacketConn, from net.Addr, msg []byte) {
	if string(msg) == question {
		send(conn, from, n.announcement(n.cfg.Lifetime))
		return
	}
	c, ok := parse(msg)
	if !ok || c.entry.ID == n.cfg.ID {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.claims[c.entry.ID]; !ok || c.seq > old.seq {
		n.claims[c.entry.ID] = c
	}
	maps.DeleteFunc(n.claims, func(_ string, c claim) bool { return time.Since(c.until) > memory })
}

// claim is what a host has said last. One that is over still tells what is old.
type claim struct {
	entry Entry
	seq   uint64
	until time.Time
}

// parse reads an announcement that comes now.
func parse(msg []byte) (c claim, ok bool) {
	f := bytes.SplitN(msg, []byte(" "), 6)
	if len(msg) > maxDatagram || len(f) < 6 || string(f[0]) != "HERE" || !isWord(f[3]) || !isWord(f[4]) {
		return claim{}, false
	}
	seq, ok1 := number(f[1], 19)
	ttl, ok2 := number(f[2], 8)
	return claim{
		entry: Entry{ID: string(f[3]), Name: string(f[4]), Text: string(f[5])},
		seq:   seq,
		until: time.Now().Add(time.Duration(ttl) * time.Millisecond),
	}, ok1 && ok2
}

// isWord says whether b is an id or a name.
func isWord(b []byte) bool {
	visible := func(r rune) bool { return '!' <= r && r <= '~' }
	return 1 <= len(b) && len(b) <= 63 && bytes.IndexFunc(b, func(r rune) bool { return !visible(r) }) < 0
}

// number reads digits, up to so many.
func number(b []byte, digits int) (uint64, bool) {
	v, err := strconv.ParseUint(string(b), 10, 64) // takes digits alone
	return v, err == nil && len(b) <= digits
}

// announcement returns the Node's next one. The clock sees to it that its number
// is greater than those from before a restart.
func (n *Node) announcement(ttl time.Duration) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seq = max(n.seq+1, uint64(time.Now().UnixNano()))
	return fmt.Appendf(nil, "HERE %d %d %s %s %s", n.seq, ttl.Milliseconds(), n.cfg.ID, n.cfg.Name, n.cfg.Text)
}

func sendAll(conn net.PacketConn, peers []net.Addr, msg []byte) {
	for _, p := range peers {
		send(conn, p, msg)
	}
}

// send sends what may get lost, and so may fail: there is a next time.
func send(conn net.PacketConn, to net.Addr, msg []byte) {
	_, _ = conn.WriteTo(msg, to)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
