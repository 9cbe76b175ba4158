package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// link is one connection with both its ends, under one lock.
type link struct {
	desk
	net  *Network
	ends [2]*Conn // who dialled, who listened
}

// Conn is one end of a connection: a net.Conn with what else people use of a
// *net.TCPConn.
type Conn struct {
	link          *link
	network       string
	local, remote *net.TCPAddr
	peer          *Conn
	in, out       *stream

	// Under link.mu.
	readBy, writeBy deadline
	writing         bool          // a Write is under way: others wait for their turn
	closed          bool          // by Close
	readShut        bool          // by CloseRead
	linger0         bool          // Close resets
	dead            bool          // reset by the peer
	pending         syscall.Errno // the next call fails with it, one time; 0 none
}

// stream is one direction.
type stream struct {
	limit int
	buf   []byte // written, not read
	fin   bool   // nothing comes after
}

func newLink(n *Network, network string, from, to netip.AddrPort) *link {
	l := &link{net: n}
	l.wake.L = &l.mu
	there, back := &stream{limit: n.Buffer}, &stream{limit: n.Buffer}
	a, b := net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(to)
	l.ends[0] = &Conn{link: l, network: network, local: a, remote: b, in: back, out: there}
	l.ends[1] = &Conn{link: l, network: "tcp", local: b, remote: a, in: there, out: back}
	l.ends[0].peer, l.ends[1].peer = l.ends[1], l.ends[0]
	return l
}

// LocalAddr returns the address of this end, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

func (c *Conn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return opError(op, c.network, c.local, c.remote, err)
}

// Read is that of a net.Conn. What was sent before a reset can still be read.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.read(b)
	return n, c.opError("read", err)
}

func (c *Conn) read(b []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case len(b) == 0:
			return 0, nil
		case c.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case len(c.in.buf) > 0:
			n := copy(b, c.in.buf)
			c.in.buf = c.in.buf[n:]
			c.link.wake.Broadcast()
			return n, nil
		case c.in.fin:
			return 0, io.EOF
		case c.pending != 0:
			return 0, c.takePending()
		case c.readShut, c.dead:
			return 0, io.EOF
		}
		c.link.wake.Wait()
	}
}

// Write is that of a net.Conn: it returns once everything fits into the buffer,
// which does not say that the peer read it, or ever will.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.write(b)
	return n, c.opError("write", err)
}

func (c *Conn) write(b []byte) (n int, err error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	for c.writing && !c.closed {
		c.link.wake.Wait()
	}
	c.writing = true
	defer func() { c.writing = false; c.link.wake.Broadcast() }()
	for {
		k, err := c.put(b[n:])
		n += k
		if err != nil || n == len(b) {
			return n, err
		}
		c.link.wake.Wait()
	}
}

// put writes what there is room for.
func (c *Conn) put(b []byte) (int, error) {
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case c.writeBy.passed():
		return 0, os.ErrDeadlineExceeded
	case c.pending != 0:
		return 0, c.takePending()
	case c.dead, c.out.fin:
		return 0, syscall.EPIPE
	case c.peer.closed:
		c.dead = len(b) > 0 // the answer is a reset
		return len(b), nil
	}
	n := min(len(b), c.out.limit-len(c.out.buf))
	c.out.buf = append(c.out.buf, b[:n]...)
	c.link.wake.Broadcast()
	return n, nil
}

func (c *Conn) takePending() error {
	err := c.pending
	c.pending = 0
	return err
}

// CloseWrite ends this direction: the peer reads what was written, then io.EOF.
func (c *Conn) CloseWrite() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if err := c.shutdownError(); err != nil {
		return c.opError("close", err)
	}
	c.out.fin = true
	c.link.wake.Broadcast()
	return nil
}

// CloseRead ends waiting reads with io.EOF; what comes is still kept.
func (c *Conn) CloseRead() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if err := c.shutdownError(); err != nil {
		return c.opError("close", err)
	}
	c.readShut = true
	c.link.wake.Broadcast()
	return nil
}

func (c *Conn) shutdownError() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.dead, c.out.fin && c.in.fin:
		return os.NewSyscallError("shutdown", syscall.ENOTCONN)
	}
	return nil
}

// Close ends both directions. The peer reads what was written, then io.EOF;
// when this end was sent something that it did not read, or after SetLinger(0),
// it is a reset instead.
func (c *Conn) Close() error {
	c.link.mu.Lock()
	if c.closed {
		c.link.mu.Unlock()
		return c.opError("close", net.ErrClosed)
	}
	c.shut(c.linger0 || len(c.in.buf) > 0)
	gone := c.peer.closed
	c.link.mu.Unlock()
	if gone {
		c.link.net.mu.Lock()
		delete(c.link.net.links, c.link)
		c.link.net.mu.Unlock()
	}
	return nil
}

// abort closes with a reset.
func (c *Conn) abort() {
	c.SetLinger(0)
	c.Close()
}

// shut closes this end. link.mu is held.
func (c *Conn) shut(reset bool) {
	c.closed = true
	c.readBy.stop()
	c.writeBy.stop()
	if reset {
		c.peer.reset()
	} else {
		c.out.fin = true
	}
	c.link.wake.Broadcast()
}

// reset is the arrival of a reset at this end.
func (c *Conn) reset() {
	if c.dead || c.closed {
		return
	}
	c.dead = true
	if !c.in.fin {
		c.pending = syscall.ECONNRESET
	}
}

// SetLinger is that of a *net.TCPConn. With 0, Close resets; other values
// change nothing.
func (c *Conn) SetLinger(sec int) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	c.linger0 = sec == 0
	return nil
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy, &c.writeBy) }

// SetReadDeadline is that of a net.Conn; at the very instant of t, Read fails.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy) }

// SetWriteDeadline is that of a net.Conn; at the very instant of t, Write fails.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeBy) }

func (c *Conn) setDeadlines(t time.Time, which ...*deadline) error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return opError("set", c.network, nil, c.local, net.ErrClosed)
	}
	for _, d := range which {
		d.set(t, &c.link.desk)
	}
	return nil
}
