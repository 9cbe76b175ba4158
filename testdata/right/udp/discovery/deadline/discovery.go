//go:build solution

// Package discovery lets the hosts of a network know of each other, without a
// server.
package discovery

import (
	"context"
	"errors"
	"net"
	"os"
	"sort"
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
	sync.Mutex
	cfg    Config
	conn   net.PacketConn
	heard  map[string]*heard
	number int64
	left   bool // the goodbye is said, or about to be
}

// heard is somebody, as long as alive.
type heard struct {
	Entry
	number uint64
	alive  bool
	timer  *time.Timer // ends it; after the end, it has it forgotten
}

// New returns a Node. It sends nothing, and starts no goroutine.
func New(cfg Config) *Node {
	return &Node{cfg: cfg, heard: make(map[string]*heard)}
}

// Run makes the Node known to peers, the addresses (*net.UDPAddr, without zones) of
// all hosts of the network, and listens to them, until ctx is done. Then it says
// goodbye, unless ctx was done when it began and it has said nothing. It is called
// once. When it returns, conn is closed, and nothing is left that it started.
//
// The error is nil when ctx is done, and that of conn, which is net.ErrClosed,
// when somebody else has closed it.
func (n *Node) Run(ctx context.Context, conn net.PacketConn, peers []net.Addr) error {
	n.conn = conn
	n.number = time.Now().UnixMicro()
	defer n.clear()
	stop := context.AfterFunc(ctx, func() {
		n.Lock()
		defer n.Unlock()
		n.left = true
		conn.SetReadDeadline(time.Now())
	})
	defer stop()
	for _, p := range peers {
		conn.WriteTo([]byte("WHO"), p)
	}
	var buf [1 << 16]byte
	for next := time.Now(); ; {
		if !time.Now().Before(next) {
			n.Lock()
			for _, p := range peers {
				n.announce(p, n.cfg.Lifetime)
			}
			n.Unlock()
			next = next.Add(n.cfg.Interval)
		}
		n.Lock()
		if n.left {
			for _, p := range peers {
				n.announce(p, 0)
			}
			n.Unlock()
			return nil
		}
		conn.SetReadDeadline(next)
		n.Unlock()
		size, from, err := conn.ReadFrom(buf[:])
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case errors.Is(err, os.ErrDeadlineExceeded):
		case err != nil:
			time.Sleep(time.Millisecond)
		default:
			for _, p := range peers {
				if a, b := p.(*net.UDPAddr), from.(*net.UDPAddr); a.Port == b.Port && a.IP.Equal(b.IP) {
					n.datagram(from, string(buf[:size]))
					break
				}
			}
		}
	}
}

// announce sends an announcement, with the lock held.
func (n *Node) announce(to net.Addr, life time.Duration) {
	n.number++
	n.conn.WriteTo([]byte(strings.Join([]string{
		"HERE", strconv.FormatInt(n.number, 10), strconv.FormatInt(life.Milliseconds(), 10), n.cfg.ID, n.cfg.Name, n.cfg.Text,
	}, " ")), to)
}

func (n *Node) datagram(from net.Addr, s string) {
	if s == "WHO" {
		// Not at once, so that not all answer at once.
		time.AfterFunc(n.cfg.Interval/20, func() {
			n.Lock()
			defer n.Unlock()
			if !n.left {
				n.announce(from, n.cfg.Lifetime)
			}
		})
		return
	}
	rest, ok := strings.CutPrefix(s, "HERE ")
	if !ok || len(s) > 1200 {
		return
	}
	number, rest, _ := strings.Cut(rest, " ")
	life, rest, _ := strings.Cut(rest, " ")
	id, rest, _ := strings.Cut(rest, " ")
	name, text, ok := strings.Cut(rest, " ")
	if !ok || id == n.cfg.ID || !digits(number, 19) || !digits(life, 8) || !word(id) || !word(name) {
		return
	}
	v, _ := strconv.ParseUint(number, 10, 64)
	ms, _ := strconv.ParseUint(life, 10, 64)
	n.Lock()
	defer n.Unlock()
	h := n.heard[id]
	if h != nil && v <= h.number {
		return
	}
	if h != nil {
		h.timer.Stop()
	}
	h = &heard{Entry: Entry{Name: name, ID: id, Text: text}, number: v, alive: ms > 0}
	n.heard[id] = h
	h.timer = time.AfterFunc(time.Duration(ms)*time.Millisecond, func() { n.end(id, h) })
}

// end ends a claim, if it is still the last one, and an hour later forgets it.
func (n *Node) end(id string, h *heard) {
	n.Lock()
	defer n.Unlock()
	if n.heard[id] != h {
		return
	}
	h.alive = false
	h.timer = time.AfterFunc(time.Hour, func() {
		n.Lock()
		defer n.Unlock()
		if n.heard[id] == h {
			delete(n.heard, id)
		}
	})
}

func (n *Node) clear() {
	n.Lock()
	defer n.Unlock()
	n.left = true
	n.conn.Close()
	for _, h := range n.heard {
		h.timer.Stop()
	}
}

func digits(s string, most int) bool {
	return s != "" && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

func word(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return 0 < len(s) && len(s) < 64
}

// Who returns who is known by which name at this moment, one Entry a name, in the
// order of the names. While Run runs, the Node's own claim counts as the others
// do; before and after, nobody relies on what Who returns. Any goroutine may call
// it; what it returns is the caller's.
func (n *Node) Who() []Entry {
	n.Lock()
	defer n.Unlock()
	byName := map[string]Entry{n.cfg.Name: {n.cfg.Name, n.cfg.ID, n.cfg.Text}}
	for _, h := range n.heard {
		if e, ok := byName[h.Name]; h.alive && (!ok || h.ID < e.ID) {
			byName[h.Name] = h.Entry
		}
	}
	entries := make([]Entry, 0, len(byName))
	for _, e := range byName {
		entries = append(entries, e)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	return entries
}
