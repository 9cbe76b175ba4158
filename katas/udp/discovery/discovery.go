//go:build !solution

// Package discovery lets the hosts of a network know of each other, without a
// server.
package discovery

import (
	"context"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
)

// Config says who a Node is, and how often it says so. It is taken as it is:
// nobody checks that it fits into a datagram. The zero value is not usable.
type Config struct {
	ID       string        // its own alone; it keeps it when it starts again
	Name     string        // what it wants to be known by; others may want the same
	Text     string        // what it says about itself; may be empty
	Interval time.Duration // from one announcement to the next, at most
	Lifetime time.Duration // how long the others may believe an announcement; whole milliseconds
}

// Entry is who is known by a name. The zero value is nobody.
type Entry struct {
	Name, ID, Text string
}

// Node is a host that makes itself known, and knows the others. The zero value
// is not usable: see New.
type Node struct {
	// TODO
}

// New returns a Node. It sends nothing, and starts no goroutine.
func New(cfg Config) *Node {
	// TODO
	return &Node{}
}

// Run makes the Node known to peers, the addresses (*net.UDPAddr, without zones) of
// all hosts of the network, and listens to them, until ctx is done. Then it says
// goodbye, unless ctx was done when it began and it has said nothing. It is called
// once. When it returns, conn is closed, and nothing is left that it started.
//
// The error is nil when ctx is done, and that of conn, which is net.ErrClosed,
// when somebody else has closed it.
func (n *Node) Run(ctx context.Context, conn net.PacketConn, peers []net.Addr) error {
	// TODO
	return todo.Err
}

// Who returns who is known by which name at this moment, one Entry a name, in the
// order of the names. While Run runs, the Node's own claim counts as the others
// do; before and after, nobody relies on what Who returns. Any goroutine may call
// it; what it returns is the caller's.
func (n *Node) Who() []Entry {
	// TODO
	return nil
}
