package memnet

import (
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	defaultBuffer = 64 << 10
	firstPort     = 40001

	backlog    = 4096              // connections that wait for Accept, as on Linux
	synTimeout = 127 * time.Second // after which Linux gives up dialling
	queueLimit = 256               // datagrams that wait at a socket
	maxPayload = 65535 - 20 - 8    // bytes of a datagram over IPv4 (RFC 791, RFC 768)
)

// A Network joins those who listen and those who dial. See New. The exported
// fields are to be set before the network is used.
type Network struct {
	// Buffer is how many bytes one direction of a connection holds that were
	// written and not yet read; a Write beyond that waits. New sets 64 KiB.
	Buffer int

	// OnSpin is told, in words, of a goroutine that made the same call 1000 times
	// at one instant of fake time and got nothing for it: a busy loop. When it
	// returns, that goroutine ends (runtime.Goexit). Without it, memnet panics
	// with the words.
	OnSpin func(words string)

	// Describe says in a few words what a payload is, for the transcript ("query
	// id 0x2a17"). When it is nil or returns "", the first bytes are shown. It
	// must not use the network.
	Describe func(payload []byte) string

	// Forge makes the datagram that a stranger sends where the script says
	// "spoof", out of the true one, which it must not change. Without it, the
	// forged one differs from the true one in its last byte.
	Forge func(payload []byte) []byte

	began   time.Time
	counter atomic.Uint64 // of events: see order
	transit transit       // datagrams that are under way

	mu        sync.RWMutex
	port      uint16 // the last one given away
	listeners map[netip.AddrPort]*Listener
	sockets   map[netip.AddrPort]*PacketConn
	links     map[*link]bool
	silent    map[netip.AddrPort]*Listener // that never answer
	rules     []*rule
	names     map[netip.AddrPort]string
	parties   map[netip.AddrPort]*party
	histories []*history // log, and those of every connection and socket there was

	logMu sync.Mutex
	log   history // of what belongs to no connection or socket
}

// New returns a network on which nobody listens.
func New() *Network {
	n := &Network{
		Buffer:    defaultBuffer,
		began:     time.Now(),
		port:      firstPort - 1,
		listeners: map[netip.AddrPort]*Listener{},
		sockets:   map[netip.AddrPort]*PacketConn{},
		links:     map[*link]bool{},
		silent:    map[netip.AddrPort]*Listener{},
		names:     map[netip.AddrPort]string{},
		parties:   map[netip.AddrPort]*party{},
	}
	n.log.mu = &n.logMu
	n.histories = []*history{&n.log}
	return n
}

// Listen returns a listener at an address such as "127.0.0.1:80". Port 0 takes
// the next free one from 40001 on; without a host it listens on every address.
// The errors are those of net.Listen.
func (n *Network) Listen(addr string) (*Listener, error) {
	at, err := resolve("tcp", addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if at.Port() == 0 {
		at = n.freePort(at.Addr())
	}
	l := newListener(n, at)
	if _, used := find(n.listeners, at); used {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: l.addr, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	n.listeners[at] = l
	n.party(at, "server")
	return l, nil
}

// ListenPacket returns a datagram socket (UDP) at an address, as Listen does
// for connections. The errors are those of net.ListenPacket.
func (n *Network) ListenPacket(addr string) (*PacketConn, error) {
	at, err := resolve("udp", addr)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Err: err}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	role := "server"
	if at.Port() == 0 {
		at, role = n.freePort(at.Addr()), "socket"
	}
	p := n.newPacketConn("udp", at, role)
	if _, used := find(n.sockets, at); used {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: p.local, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	n.sockets[at] = p
	n.histories = append(n.histories, &p.log)
	return p, nil
}

// Pipe returns the two ends of a new connection, for code that is given one
// and neither listens nor dials.
func (n *Network) Pipe() (client, server *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return n.connect("tcp", n.freePort(host), n.freePort(host))
}

// Silence makes dialling addr wait, as when every packet to it is lost.
func (n *Network) Silence(addr string) error {
	at, err := resolve("tcp", addr)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l := newListener(n, at)
	l.full = true
	n.silent[at] = l
	return nil
}

// Close closes every listener, connection and socket that is still open, so
// that whoever waits at one returns with an error (net.ErrClosed; a Dial is
// refused).
func (n *Network) Close() error {
	for _, c := range n.open() {
		c.Close()
	}
	n.mu.RLock()
	silent := slices.Collect(maps.Values(n.silent))
	n.mu.RUnlock()
	for _, l := range silent {
		l.close()
	}
	return nil
}

// thing is a listener, an end of a connection or a socket.
type thing interface {
	Close() error
	label() string // "connection 127.0.0.1:40001 → 127.0.0.1:7"
	isOpen() (made place, open bool)
}

// open returns what may not be closed, the oldest first.
func (n *Network) open() []thing {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var all []thing
	for _, l := range n.listeners {
		all = append(all, l)
	}
	for l := range n.links {
		all = append(all, l.ends[0], l.ends[1])
	}
	for _, p := range n.sockets {
		all = append(all, p)
	}
	return all
}

// freePort returns a port of that host that nobody has. n.mu is held.
func (n *Network) freePort(host netip.Addr) netip.AddrPort {
	for {
		if n.port == 65535 {
			n.port = firstPort - 1
		}
		n.port++
		at := netip.AddrPortFrom(host, n.port)
		_, tcp := find(n.listeners, at)
		_, udp := find(n.sockets, at)
		if !tcp && !udp {
			return at
		}
	}
}

// since is how much time has passed on this network.
func (n *Network) since(t time.Time) time.Duration { return t.Sub(n.began) }
