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
	desk
	net           *Network
	network       string
	at            netip.AddrPort
	local         *net.UDPAddr
	peer          netip.AddrPort // of a connected one
	remote        *net.UDPAddr   // nil when it is not connected
	party         *party
	made          place
	reads, writes guard

	// Under the lock.
	log             history // of what it sends
	queue           []*datagram
	received        int // so far
	used            bool
	closed          bool
	refused         bool // ICMP said so; the next call fails with it
	readBy, writeBy deadline
}

// newPacketConn makes a socket that nobody can reach yet. n.mu is held.
func (n *Network) newPacketConn(network string, at netip.AddrPort, role string) *PacketConn {
	p := &PacketConn{net: n, network: network, at: at, local: net.UDPAddrFromAddrPort(at), made: here()}
	p.wake.L = &p.mu
	p.log.mu = &p.mu
	p.party = n.party(at, role)
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

func (p *PacketConn) opError(op string, addr net.Addr, err error) error {
	return opError(op, p.network, p.local, addr, err)
}

// ReadFrom is that of a net.PacketConn. What does not fit into b is lost, with
// a nil error, as with the kernel; an empty datagram gives 0 and a nil error.
func (p *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) { return p.readFrom(b, "ReadFrom") }

// readFrom is ReadFrom under the name that the caller knows.
func (p *PacketConn) readFrom(b []byte, call string) (int, net.Addr, error) {
	scribble(b)
	d, err := p.read(call)
	if err != nil {
		p.net.spin(&p.reads, call+" of the "+p.label(), err)
		return 0, nil, p.opError("read", p.RemoteAddr(), err)
	}
	return copy(b, d.payload), net.UDPAddrFromAddrPort(d.from), nil
}

// Read is ReadFrom without the address. Into an empty b it reads nothing.
func (p *PacketConn) Read(b []byte) (int, error) {
	if len(b) == 0 && !p.isClosed() {
		p.net.spin(&p.reads, "Read of the "+p.label(), nil)
		return 0, nil
	}
	n, _, err := p.readFrom(b, "Read")
	return n, err
}

func (p *PacketConn) read(call string) (*datagram, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.use()
	var w *waiter
	for {
		switch {
		case p.closed:
			return nil, net.ErrClosed
		case p.readBy.passed():
			p.log.add(p.net.words(p.party, "%s: "+call+" gives up at its deadline"))
			return nil, os.ErrDeadlineExceeded
		case p.refused:
			p.refused = false
			return nil, syscall.ECONNREFUSED
		case len(p.queue) > 0:
			d := p.queue[0]
			p.queue = p.queue[1:]
			p.net.order() // counts: see Events
			return d, nil
		}
		w = p.wait(w, call, p)
	}
}

// WriteTo is that of a net.PacketConn. Nobody has to be there.
func (p *PacketConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	to, err := p.destination(addr)
	if err == nil {
		err = p.send(b, to, "sendto")
	}
	return p.wrote(b, addr, err)
}

// Write sends to the address that the socket is connected to.
func (p *PacketConn) Write(b []byte) (int, error) {
	err := error(os.NewSyscallError("write", syscall.EDESTADDRREQ))
	if p.remote != nil {
		err = p.send(b, p.peer, "write")
	}
	return p.wrote(b, p.RemoteAddr(), err)
}

func (p *PacketConn) wrote(b []byte, addr net.Addr, err error) (int, error) {
	if err != nil {
		p.net.spin(&p.writes, "Write of the "+p.label(), err)
		return 0, p.opError("write", addr, err)
	}
	return len(b), nil
}

var errMissingAddress = errors.New("missing address") // as package net has it

// destination checks in the order in which package net does.
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
	at := addrPort(to)
	if p.at.Addr().Is4() && at.Addr().Is6() && !at.Addr().IsUnspecified() {
		return at, &net.AddrError{Err: "non-IPv4 address", Addr: to.IP.String()}
	}
	return reachable(at), nil
}

func (p *PacketConn) send(b []byte, to netip.AddrPort, call string) error {
	d := &datagram{sender: p, from: p.source(to), to: to, payload: append([]byte(nil), b...)}
	switch err := p.maySend(d).(type) {
	case nil:
		p.net.post(d)
		return nil
	case syscall.Errno:
		return os.NewSyscallError(call, err)
	default:
		return err
	}
}

// source is the address that a datagram comes from: a socket that is bound to
// every address sends from one.
func (p *PacketConn) source(to netip.AddrPort) netip.AddrPort {
	if p.at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(to.Addr(), p.at.Port())
	}
	return p.at
}

func (p *PacketConn) maySend(d *datagram) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.use()
	switch {
	case p.closed:
		return net.ErrClosed
	case p.writeBy.passed():
		return os.ErrDeadlineExceeded
	case p.refused:
		p.refused = false
		return syscall.ECONNREFUSED
	case len(d.payload) > maxPayload:
		return syscall.EMSGSIZE
	case d.to.Port() == 0:
		return syscall.EINVAL
	}
	return nil
}

// unreachable is the arrival of an ICMP message, which only connected sockets
// hear.
func (p *PacketConn) unreachable() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remote != nil {
		p.refused = true
		p.wake.Broadcast()
	}
}

// receive takes a datagram in; unless there is room, it is lost.
func (p *PacketConn) receive(d *datagram) (room bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.queue) >= queueLimit {
		return false
	}
	p.queue = append(p.queue, d)
	p.received++
	p.wake.Broadcast()
	return true
}

// Close ends the socket; what waited in its queue is lost.
func (p *PacketConn) Close() error {
	if err := p.shut(); err != nil {
		return p.opError("close", p.RemoteAddr(), err)
	}
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	delete(p.net.sockets, p.at)
	return nil
}

func (p *PacketConn) shut() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return net.ErrClosed
	}
	p.closed = true
	p.readBy.stop()
	p.writeBy.stop()
	p.wake.Broadcast()
	return nil
}

// SetDeadline sets both deadlines.
func (p *PacketConn) SetDeadline(t time.Time) error { return p.setDeadlines(t, &p.readBy, &p.writeBy) }

// SetReadDeadline is that of a net.PacketConn; at the very instant of t, reading
// fails.
func (p *PacketConn) SetReadDeadline(t time.Time) error { return p.setDeadlines(t, &p.readBy) }

// SetWriteDeadline is that of a net.PacketConn. Sending never waits, but fails
// from t on.
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

// use notes whose socket this is, when it is first used.
func (p *PacketConn) use() {
	if !p.used {
		p.used = true
		p.party.usedAt(here())
	}
}

func (p *PacketConn) isClosed() bool {
	_, open := p.isOpen()
	return !open
}

func (p *PacketConn) isOpen() (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made, !p.closed
}
