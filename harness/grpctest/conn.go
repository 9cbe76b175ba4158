package grpctest

import (
	"net"
	"sync"
	"sync/atomic"
)

// conn is one end of a connection whose cable can be pulled.
type conn struct {
	net.Conn
	link   *Link
	client bool
	cut    atomic.Bool
	once   sync.Once
	closed chan struct{}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.cut.Load() { // not even the other end's Close arrives
		<-c.closed
		return 0, net.ErrClosed
	}
	c.link.b.Worked()
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if c.cut.Load() {
		return len(p), nil
	}
	n, err := c.Conn.Write(p)
	c.link.b.Worked()
	return n, err
}

func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.link.remove(c)
	})
	return c.Conn.Close()
}
