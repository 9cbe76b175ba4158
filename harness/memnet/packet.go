package memnet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// PacketConn is a datagram socket: a net.PacketConn, and a net.Conn when it is
// connected. See Network.ListenPacket and DialPacket.
type PacketConn struct {
	net     *Network
	network string
	at      netip.AddrPort
	local   *net.UDPAddr
	peer    netip.AddrPort // of a connected one
	remote  *net.UDPAddr   // nil when it is not connected

	desk
	queue           []datagram
	closed          bool
	refused         bool // ICMP said so; the next call fails with it
	readBy, writeBy deadline
}

type datagram struct {
	payload []byte
	from    netip.AddrPort
}

func newPacketConn(n *Network, network string, at netip.AddrPort) *PacketConn {
	p := &PacketConn{net: n, network: network, at: at, local: net.UDPAddrFromAddrPort(at)}
	p.wake.L = &p.mu
	return p
}

// LocalAddr returns the address of the socket, a *net.UDPAddr.
func (p *PacketConn) LocalAddr() net.Addr { return p.local }

// RemoteAddr returns the address that it is connected to, a *net.UDPAddr, or nil.
func (p *PacketConn) RemoteAddr() net.Addr {
	if p.remote == nil {
		return nil
	}
	return p.remote
}

// ReadFrom is that of a net.PacketConn. What does not fit into b is lost, with
// a nil error, as with the kernel; an empty datagram gives 0 and a nil error.
func (p *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.read(b)
	if err != nil {
		return 0, nil, opError("read", p.network, p.local, p.RemoteAddr(), err)
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// Read is ReadFrom without the address. Into an empty b it reads nothing.
func (p *PacketConn) Read(b []byte) (int, error) {
	if len(b) == 0 && !p.isClosed() {
		return 0, nil
	}
	n, _, err := p.ReadFrom(b)
	return n, err
}

func (p *PacketConn) read(b []byte) (int, netip.AddrPort, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		case p.readBy.passed():
			return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
		case p.refused:
			p.refused = false
			return 0, netip.AddrPort{}, syscall.ECONNREFUSED
		case len(p.queue) > 0:
			d := p.queue[0]
			p.queue = p.queue[1:]
			return copy(b, d.payload), d.from, nil
		}
		p.wake.Wait()
	}
}

// WriteTo is that of a net.PacketConn. Nobody has to be there.
func (p *PacketConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	to, err := p.destination(addr)
	if err == nil {
		err = p.send(b, to, "sendto")
	}
	if err != nil {
		return 0, opError("write", p.network, p.local, addr, err)
	}
	return len(b), nil
}

var errMissingAddress = errors.New("missing address")

func (p *PacketConn) destination(addr net.Addr) (netip.AddrPort, error) {
	to, ok := addr.(*net.UDPAddr)
	switch {
	case !ok:
		return netip.AddrPort{}, syscall.EINVAL
	case p.remote != nil:
		return netip.AddrPort{}, net.ErrWriteToConnected
	case to == nil:
		return netip.AddrPort{}, errMissingAddress
	}
	ap := to.AddrPort()
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	if p.at.Addr().Is4() && !ap.Addr().Is4() && ap.Addr().IsValid() {
		return ap, &net.AddrError{Err: "non-IPv4 address", Addr: to.IP.String()}
	}
	if !ap.Addr().IsValid() {
		ap = netip.AddrPortFrom(netip.IPv6Unspecified(), ap.Port())
	}
	return reachable(ap), nil
}

// Write sends to the address that the socket is connected to.
func (p *PacketConn) Write(b []byte) (int, error) {
	err := error(os.NewSyscallError("write", syscall.EDESTADDRREQ))
	if p.remote != nil {
		err = p.send(b, p.peer, "write")
	}
	if err != nil {
		return 0, opError("write", p.network, p.local, p.RemoteAddr(), err)
	}
	return len(b), nil
}

func (p *PacketConn) send(b []byte, to netip.AddrPort, call string) error {
	if err := p.maySend(b, to); err != nil {
		if errno, ok := err.(syscall.Errno); ok {
			return os.NewSyscallError(call, errno)
		}
		return err
	}
	if !p.net.deliver(to, datagram{append([]byte(nil), b...), p.at}) {
		p.unreachable()
	}
	return nil
}

func (p *PacketConn) maySend(b []byte, to netip.AddrPort) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return net.ErrClosed
	case p.writeBy.passed():
		return os.ErrDeadlineExceeded
	case p.refused:
		p.refused = false
		return syscall.ECONNREFUSED
	case len(b) > maxPayload:
		return syscall.EMSGSIZE
	case to.Port() == 0:
		return syscall.EINVAL
	}
	return nil
}

// deliver hands a datagram to who is bound to the address; there says that
// somebody is.
func (n *Network) deliver(to netip.AddrPort, d datagram) (there bool) {
	n.mu.RLock()
	p, ok := find(n.sockets, to)
	n.mu.RUnlock()
	if !ok || p.remote != nil && p.peer != d.from {
		return ok
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && len(p.queue) < queueLimit {
		p.queue = append(p.queue, d)
		p.wake.Broadcast()
	}
	return true
}

// unreachable is the arrival of an ICMP message, which only connected sockets hear.
func (p *PacketConn) unreachable() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remote != nil {
		p.refused = true
		p.wake.Broadcast()
	}
}

func (p *PacketConn) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// Close ends the socket; what waited in its queue is lost.
func (p *PacketConn) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return opError("close", p.network, p.local, p.RemoteAddr(), net.ErrClosed)
	}
	p.closed = true
	p.readBy.stop()
	p.writeBy.stop()
	p.wake.Broadcast()
	p.mu.Unlock()
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	delete(p.net.sockets, p.at)
	return nil
}

// SetDeadline sets both deadlines.
func (p *PacketConn) SetDeadline(t time.Time) error { return p.setDeadlines(t, &p.readBy, &p.writeBy) }

// SetReadDeadline is that of a net.PacketConn.
func (p *PacketConn) SetReadDeadline(t time.Time) error { return p.setDeadlines(t, &p.readBy) }

// SetWriteDeadline is that of a net.PacketConn.
func (p *PacketConn) SetWriteDeadline(t time.Time) error { return p.setDeadlines(t, &p.writeBy) }

func (p *PacketConn) setDeadlines(t time.Time, which ...*deadline) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return opError("set", p.network, nil, p.local, net.ErrClosed)
	}
	for _, d := range which {
		d.set(t, &p.desk)
	}
	return nil
}
