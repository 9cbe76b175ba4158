package memnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Conn is one end of a connection: a net.Conn, with what else people use of a
// *net.TCPConn.
type Conn struct {
	link          *link
	network       string
	local, remote *net.TCPAddr
	peer          *Conn
	in, out       *stream
	party         *party
	reads, writes guard

	// Under the link's lock.
	made            place // where it was dialled or accepted; zero before
	used            bool
	readBy, writeBy deadline
	writing         bool          // a Write is under way: others wait for their turn
	closed          bool          // by Close
	readShut        bool          // by CloseRead
	linger0         bool          // Close resets
	dead            bool          // reset by the peer or by a script, or by Fail
	pending         syscall.Errno // the next call fails with it, one time; 0: none
}

// link is a connection: both ends, under one lock.
type link struct {
	desk
	net  *Network
	ends [2]*Conn // who dialled, who listened
	log  history
}

func newLink(n *Network, network string, from, to netip.AddrPort) *link {
	l := &link{net: n}
	l.wake.L = &l.mu
	l.log.mu = &l.mu
	there, back := &stream{limit: n.Buffer}, &stream{limit: n.Buffer}
	a, b := net.TCPAddrFromAddrPort(from), net.TCPAddrFromAddrPort(to)
	l.ends[0] = &Conn{link: l, network: network, local: a, remote: b, in: back, out: there, made: here()}
	l.ends[1] = &Conn{link: l, network: "tcp", local: b, remote: a, in: there, out: back}
	l.ends[0].peer, l.ends[1].peer = l.ends[1], l.ends[0]
	return l
}

// moved follows up a change: what may pass passes, and all look again.
func (l *link) moved() {
	now := time.Now()
	for _, c := range l.ends {
		for {
			step, began := c.in.advance(now)
			if !began {
				break
			}
			l.logStep(c, step)
			if step.Do == Reset {
				c.reset()
				c.peer.reset()
			}
		}
		if c.in.arrived.reset {
			c.reset()
		}
		c.in.wakeAt(now, l.movedLater)
	}
	l.wake.Broadcast()
}

func (l *link) movedLater() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.moved()
}

// LocalAddr returns the address of this end, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the address of the other end, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

func (c *Conn) opError(op string, err error) error {
	return opError(op, c.network, c.local, c.remote, err)
}

// Read is that of a net.Conn. What was sent before a reset can still be read.
func (c *Conn) Read(b []byte) (int, error) {
	scribble(b)
	n, err := c.read(b)
	if n == 0 {
		c.link.net.spin(&c.reads, "Read of the "+c.label(), err)
	}
	if err != nil && err != io.EOF {
		err = c.opError("read", err)
	}
	return n, err
}

func (c *Conn) read(b []byte) (int, error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.use()
	var w *waiter
	for {
		switch {
		case c.closed:
			return 0, net.ErrClosed
		case len(b) == 0:
			return 0, nil
		case c.readBy.passed():
			c.link.logWords(c.party, "%s: Read gives up at its deadline")
			return 0, os.ErrDeadlineExceeded
		case c.in.ready(len(b)) > 0:
			n := c.in.take(b)
			c.link.net.order() // counts: see Events
			c.link.moved()
			return n, nil
		case c.in.arrived.fin:
			return 0, io.EOF
		case c.pending != 0, w != nil && w.failed != 0:
			return 0, c.learn(w)
		case c.readShut, c.dead:
			return 0, io.EOF
		}
		w = c.link.wait(w, "Read", c)
	}
}

// Write is that of a net.Conn: it returns once everything fits into the buffer,
// which does not say that the peer has read it, or ever will.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.write(b)
	if err != nil {
		c.link.net.spin(&c.writes, "Write of the "+c.label(), err)
		err = c.opError("write", err)
	}
	return n, err
}

func (c *Conn) write(b []byte) (n int, err error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.use()
	var w *waiter
	for c.writing {
		w = c.link.wait(w, "Write", c)
	}
	c.writing = true
	defer func() { c.writing = false; c.link.wake.Broadcast() }()
	for {
		k, err := c.put(b[n:], w)
		n += k
		if err != nil || n == len(b) {
			return n, err
		}
		w = c.link.wait(w, "Write", c)
	}
}

// put writes what there is room for.
func (c *Conn) put(b []byte, w *waiter) (int, error) {
	switch {
	case c.closed:
		return 0, net.ErrClosed
	case c.writeBy.passed():
		c.link.logWords(c.party, "%s: Write gives up at its deadline")
		return 0, os.ErrDeadlineExceeded
	case c.pending != 0, w != nil && w.failed != 0:
		return 0, c.learn(w)
	case c.dead, c.out.sent.fin:
		return 0, syscall.EPIPE
	}
	n := min(len(b), c.out.room())
	if c.peer.closed {
		n = len(b)
	}
	if n == 0 {
		return 0, nil // nothing moved: two ends that both wait for room would wake each other for ever
	}
	c.link.logData(c, b[:n])
	if c.peer.closed {
		c.reset() // is what the peer answers
		return n, nil
	}
	c.out.buf = append(c.out.buf, b[:n]...)
	c.link.moved()
	return n, nil
}

// learn is the error of the call that learns that the connection is dead.
func (c *Conn) learn(w *waiter) error {
	err := c.pending
	if w != nil && w.failed != 0 {
		err = w.failed
	}
	c.pending = 0
	return err
}

// reset is the arrival of a reset at this end.
func (c *Conn) reset() { c.die(syscall.ECONNRESET) }

// Fail ends the connection as seen from this end, as the kernel does by itself:
// with syscall.ETIMEDOUT when its own probes (TCP keep-alive) go unanswered. The
// calls that wait fail with err, or else the next one; after it, Read gives
// io.EOF and Write EPIPE. The peer hears nothing.
func (c *Conn) Fail(err syscall.Errno) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.link.logWords(c.party, "%s: the kernel gives the connection up: "+err.Error())
	c.die(err)
	c.link.wake.Broadcast()
}

// die makes the calls that wait learn err, or else the next one.
func (c *Conn) die(err syscall.Errno) {
	if c.dead || c.closed {
		return
	}
	c.dead = true
	c.in.torn = true
	if c.in.arrived.fin {
		return // then a Write learns EPIPE, and a Read the end
	}
	c.pending = err
	for _, w := range c.link.waiters {
		if w.of == waitable(c) {
			w.failed = err
		}
	}
}

// CloseWrite ends this direction: the peer reads what was written, then io.EOF.
func (c *Conn) CloseWrite() error {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if err := c.shutdownError(); err != nil {
		return c.opError("close", err)
	}
	if !c.out.sent.fin {
		c.out.sent.fin = true
		c.link.logEnd(c, halfClosed)
		c.link.moved()
	}
	return nil
}

// CloseRead ends waiting reads with io.EOF. What comes is still kept, and can
// be read, as on Linux.
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
	case c.dead, c.out.sent.fin && c.in.arrived.fin:
		return os.NewSyscallError("shutdown", syscall.ENOTCONN)
	}
	return nil
}

// Close ends both directions. The peer reads what was written, then io.EOF;
// when this end was sent something that it did not read, or after SetLinger(0),
// it gets a reset instead.
func (c *Conn) Close() error {
	gone, err := c.shut()
	if err != nil {
		return c.opError("close", err)
	}
	if gone {
		c.link.net.mu.Lock()
		defer c.link.net.mu.Unlock()
		delete(c.link.net.links, c.link)
	}
	return nil
}

// shut closes this end; gone says that now both are closed.
func (c *Conn) shut() (gone bool, err error) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	if c.closed {
		return false, net.ErrClosed
	}
	c.closed = true
	c.readBy.stop()
	c.writeBy.stop()
	c.sendEnd()
	c.link.moved()
	if c.peer.closed {
		c.in.stop()
		c.out.stop()
	}
	return c.peer.closed, nil
}

// sendEnd tells the peer that this end was closed.
func (c *Conn) sendEnd() {
	switch {
	case c.dead:
		c.link.logEnd(c, closedDead)
	case c.linger0, c.in.unread() > 0:
		c.out.sent.reset = true
		c.link.logEnd(c, resets)
	default:
		c.out.sent.fin = true
		c.link.logEnd(c, closes)
	}
}

// abort closes with a reset.
func (c *Conn) abort() {
	if c.SetLinger(0) == nil {
		c.Close()
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

func (c *Conn) acceptedAt(at place) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.made = at
}

// use notes whose end this is, when it is first used.
func (c *Conn) use() {
	if !c.used {
		c.used = true
		c.party.usedAt(here())
	}
}

func (c *Conn) isOpen() (place, bool) {
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	return c.made, !c.closed
}
