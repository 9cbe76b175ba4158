package memnet

import (
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// Listener is a net.Listener. See Network.Listen.
type Listener struct {
	net  *Network
	at   netip.AddrPort
	addr *net.TCPAddr

	desk
	queue    []*Conn // not accepted yet
	failures []error // of the next calls of Accept
	full     bool    // whatever the queue holds
	closed   bool
	until    deadline
}

// Addr returns the address, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return l.addr }

// Accept waits for the next connection and returns it, a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.accept()
	if err != nil {
		return nil, opError("accept", "tcp", nil, l.addr, err)
	}
	return c, nil
}

func (l *Listener) accept() (*Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case l.closed:
			return nil, net.ErrClosed
		case l.until.passed():
			return nil, os.ErrDeadlineExceeded
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
		l.wake.Wait()
	}
}

// Fail makes the next calls of Accept fail, as many as times says, with an
// error such as syscall.EMFILE. One that waits fails at once.
func (l *Listener) Fail(err error, times int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range times {
		l.failures = append(l.failures, err)
	}
	l.wake.Broadcast()
}

// SetDeadline is that of a *net.TCPListener: Accept fails from then on.
func (l *Listener) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return net.ErrClosed
	}
	l.until.set(t, &l.desk)
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
	l.until.stop()
	l.wake.Broadcast()
	queue, l.queue = l.queue, nil
	return queue, nil
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
		l.wake.Wait()
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
