package memnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	defaultBuffer = 64 << 10
	firstPort     = 40001

	backlog    = 4096              // connections that wait for Accept, as on Linux
	synTimeout = 127 * time.Second // after which Linux gives up dialling
	queueLimit = 256               // datagrams that wait at a socket
	maxPayload = 65535 - 20 - 8    // of a datagram over IPv4 (RFC 791, 768)
)

// A Network joins those who listen and those who dial. See New.
type Network struct {
	// Buffer is how many bytes one direction of a connection holds that were
	// written and not yet read; a Write beyond waits. Set it before the
	// connections are made. 64 KiB at first.
	Buffer int

	// OnSpin is told, in words, of a goroutine that called the same thing 1000
	// times at one instant of fake time and got nothing for it: a busy loop. When
	// it returns, that goroutine ends (runtime.Goexit). Without one, it panics.
	// Set it before the network is used.
	OnSpin func(words string)

	mu        sync.RWMutex
	port      uint16 // the last one given away
	listeners map[netip.AddrPort]*Listener
	sockets   map[netip.AddrPort]*PacketConn
	links     map[*link]bool
	silent    map[netip.AddrPort]bool
}

// New returns a network on which nobody listens.
func New() *Network {
	return &Network{
		Buffer:    defaultBuffer,
		port:      firstPort - 1,
		listeners: map[netip.AddrPort]*Listener{},
		sockets:   map[netip.AddrPort]*PacketConn{},
		links:     map[*link]bool{},
		silent:    map[netip.AddrPort]bool{},
	}
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
	l := &Listener{net: n, at: at, addr: net.TCPAddrFromAddrPort(at)}
	if _, used := find(n.listeners, at); used {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: l.addr, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	l.wake.L = &l.mu
	n.listeners[at] = l
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
	if at.Port() == 0 {
		at = n.freePort(at.Addr())
	}
	p := newPacketConn(n, "udp", at)
	if _, used := find(n.sockets, at); used {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: p.local, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	n.sockets[at] = p
	return p, nil
}

// DialPacket returns a datagram socket connected to addr: it hears nobody else,
// and a Read or Write after a datagram that nobody received fails with
// ECONNREFUSED. It is a *PacketConn.
func (n *Network) DialPacket(addr string) (net.Conn, error) {
	return n.Dial(context.Background(), "udp", addr)
}

// Dial connects to addr over "tcp" or "udp" (also with a 4 or a 6 behind). It
// has the signature of net.Dialer.DialContext and gives its errors. A
// connection (*Conn) exists once it is in the listener's queue, before Accept.
func (n *Network) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !isNetwork(network) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	to, err := resolve(network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if network[0] == 'u' {
		return n.dialUDP(ctx, network, to)
	}
	return n.dialTCP(ctx, network, to)
}

func (n *Network) dialUDP(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	to = reachable(to)
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.UDPAddrFromAddrPort(to), Err: dialError(err)}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := newPacketConn(n, network, n.freePort(to.Addr()))
	p.peer, p.remote = to, net.UDPAddrFromAddrPort(to)
	n.sockets[p.at] = p
	return p, nil
}

func (n *Network) dialTCP(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	addr := net.TCPAddrFromAddrPort(to)
	failed := func(err error) error {
		return &net.OpError{Op: "dial", Net: network, Addr: addr, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return nil, failed(dialError(err))
	}
	n.mu.RLock()
	l, ok := find(n.listeners, to)
	silent := n.silent[to]
	n.mu.RUnlock()
	if silent {
		l = &Listener{net: n, full: true} // nobody will ever accept
		l.wake.L = &l.mu
	} else if !ok {
		return nil, failed(os.NewSyscallError("connect", syscall.ECONNREFUSED))
	}
	c, err := l.dial(ctx, network, reachable(to))
	if err != nil {
		return nil, failed(err)
	}
	return c, nil
}

// Pipe returns the two ends of a new connection, for code that is given one
// and neither listens nor dials.
func (n *Network) Pipe() (client, server *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return n.connect("tcp", n.freePort(host), n.freePort(host))
}

// connect makes a connection. n.mu is held.
func (n *Network) connect(network string, from, to netip.AddrPort) (client, server *Conn) {
	l := newLink(n, network, from, to)
	n.links[l] = true
	return l.ends[0], l.ends[1]
}

// Silence makes dialling addr wait, as when every packet to it is lost.
func (n *Network) Silence(addr string) error {
	at, err := resolve("tcp", addr)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent[at] = true
	return nil
}

// Close closes every listener, connection and socket that is still open.
func (n *Network) Close() error {
	for _, c := range n.open() {
		c.Close()
	}
	return nil
}

// open returns what is not closed.
func (n *Network) open() []interface{ Close() error } {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var all []interface{ Close() error }
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
		n.port++
		at := netip.AddrPortFrom(host, n.port)
		_, tcp := find(n.listeners, at)
		_, udp := find(n.sockets, at)
		if n.port > 0 && !tcp && !udp {
			return at
		}
	}
}

// What follows is declared for those who build on it, and does nothing yet.

// Transcript returns who sent what when, as a diagram at most 72 columns wide.
func (n *Network) Transcript() string { return "" }

// Note adds a line of the test's own to the transcript, at this instant: "you
// returned 10.9.9.9".
func (n *Network) Note(format string, args ...any) {}

// Name says how the transcript calls the party at that address.
func (n *Network) Name(addr net.Addr, name string) {}

// Waiting says in plain words who waits where, and since when. "" when nobody
// does. Any goroutine may call it, also one outside the bubble.
func (n *Network) Waiting() string { return "" }

// Open lists what is not closed, a line each: what it is and where it was made.
func (n *Network) Open() []string { return nil }
