package memnet

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Listener is a net.Listener. See Network.Listen.
type Listener struct {
	desk
	net  *Network
	at   netip.AddrPort
	addr *net.TCPAddr
	made place

	queue    []*Conn // not accepted yet
	failures []error // of the next calls of Accept
	full     bool    // whatever the queue holds
	closed   bool
	deadline deadline
	accepts  guard
}

func newListener(n *Network, at netip.AddrPort) *Listener {
	l := &Listener{net: n, at: at, addr: net.TCPAddrFromAddrPort(at), made: here()}
	l.wake.L = &l.mu
	return l
}

// Addr returns the address, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return l.addr }

// Accept waits for the next connection and returns it, a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.accept()
	if err != nil {
		l.net.spin(&l.accepts, "Accept of the "+l.label(), err)
		return nil, opError("accept", "tcp", nil, l.addr, err)
	}
	c.acceptedAt(here())
	return c, nil
}

func (l *Listener) accept() (*Conn, error) {
	failure := l.net.acceptFault(l.at)
	l.mu.Lock()
	defer l.mu.Unlock()
	var w *waiter
	for {
		switch {
		case l.closed:
			return nil, net.ErrClosed
		case l.deadline.passed():
			return nil, os.ErrDeadlineExceeded
		case failure != nil:
			return nil, failure
		case len(l.failures) > 0:
			err := l.failures[0]
			l.failures = l.failures[1:]
			return nil, err
		case len(l.queue) > 0:
			c := l.queue[0]
			l.queue = l.queue[1:]
			l.wake.Broadcast()
			return c, nil
		}
		w = l.wait(w, "Accept", l)
	}
}

// Fail makes the next calls of Accept fail, as many as times says, with an
// error such as syscall.EMFILE. One that waits fails at once.
func (l *Listener) Fail(err syscall.Errno, times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range times {
		l.failures = append(l.failures, err)
	}
	l.wake.Broadcast()
}

// SetDeadline is that of a *net.TCPListener: from then on Accept fails.
func (l *Listener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.deadline.set(t, &l.desk)
	return nil
}

// Close ends the listening. Connections that were not accepted are reset.
func (l *Listener) Close() error {
	queue, err := l.close()
	if err != nil {
		return opError("close", "tcp", nil, l.addr, err)
	}
	for _, c := range queue {
		c.abort()
	}
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	delete(l.net.listeners, l.at)
	return nil
}

func (l *Listener) close() (queue []*Conn, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, net.ErrClosed
	}
	l.closed = true
	l.deadline.stop()
	l.wake.Broadcast()
	queue, l.queue = l.queue, nil
	return queue, nil
}

func (l *Listener) isOpen() (place, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made, !l.closed
}
