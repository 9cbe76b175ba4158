package memnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Dial connects to addr over "tcp" or "udp" (also with a 4 or a 6 behind). It
// has the signature of net.Dialer.DialContext and gives its errors. A
// connection (*Conn) stands once it is in the listener's queue, before Accept;
// a datagram socket (*PacketConn) is connected at once, whoever is there.
func (n *Network) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !isNetwork(network) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: net.UnknownNetworkError(network)}
	}
	to, err := resolve(network, addr)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if network[0] == 'u' {
		return n.dialUDP(ctx, network, reachable(to))
	}
	return n.dialTCP(ctx, network, reachable(to))
}

// DialPacket returns a datagram socket connected to addr: it hears nobody else,
// and a call after a datagram that nobody was there for fails with
// ECONNREFUSED. It is a *PacketConn.
func (n *Network) DialPacket(addr string) (net.Conn, error) {
	return n.Dial(context.Background(), "udp", addr)
}

func (n *Network) dialUDP(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	remote := net.UDPAddrFromAddrPort(to)
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: remote, Err: dialError(err)}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.newPacketConn(network, n.freePort(to.Addr()), "client")
	p.peer, p.remote = to, remote
	n.sockets[p.at] = p
	n.histories = append(n.histories, &p.log)
	return p, nil
}

func (n *Network) dialTCP(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	c, err := n.tryDial(ctx, network, to)
	if err == nil {
		return c, nil
	}
	addr := net.TCPAddrFromAddrPort(to)
	n.logNote("dial of %v fails: %v", addr, err)
	n.spin(&n.receiver(to).dials, "Dial of "+addr.String(), err)
	return nil, &net.OpError{Op: "dial", Net: network, Addr: addr, Err: err}
}

func (n *Network) tryDial(ctx context.Context, network string, to netip.AddrPort) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, dialError(err)
	}
	n.mu.RLock()
	l, ok := find(n.listeners, to)
	silent := n.silent[to]
	n.mu.RUnlock()
	if silent != nil {
		l = silent
	} else if !ok {
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	return l.dial(ctx, network, to)
}

// dial puts a new connection into the queue, once there is room.
func (l *Listener) dial(ctx context.Context, network string, to netip.AddrPort) (*Conn, error) {
	stop := context.AfterFunc(ctx, l.wakeAll)
	defer stop()
	giveUp := time.AfterFunc(synTimeout, l.wakeAll)
	defer giveUp.Stop()
	began := time.Now()

	l.mu.Lock()
	defer l.mu.Unlock()
	var w *waiter
	for {
		switch {
		case ctx.Err() != nil:
			return nil, dialError(ctx.Err())
		case l.closed:
			return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
		case time.Since(began) >= synTimeout:
			return nil, os.NewSyscallError("connect", syscall.ETIMEDOUT)
		case !l.full && len(l.queue) < backlog:
			return l.enqueue(network, to), nil
		}
		w = l.wait(w, "Dial", l)
	}
}

func (l *Listener) enqueue(network string, to netip.AddrPort) *Conn {
	l.net.mu.Lock()
	client, server := l.net.connect(network, l.net.freePort(to.Addr()), to)
	l.net.mu.Unlock()
	l.queue = append(l.queue, server)
	l.wake.Broadcast()
	return client
}

// connect makes a connection. n.mu is held.
func (n *Network) connect(network string, from, to netip.AddrPort) (client, server *Conn) {
	l := newLink(n, network, from, to)
	n.links[l] = true
	n.histories = append(n.histories, &l.log)
	client, server = l.ends[0], l.ends[1]
	client.party, server.party = n.party(from, "client"), n.party(to, "server")
	l.log.add(n.event(dialled, client.party, server.party))
	n.disturbLink(l)
	return client, server
}
