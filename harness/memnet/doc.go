// Package memnet is a network in memory: listeners, connections and datagram
// sockets that behave as those of the kernel do, but never touch it. They work
// inside a testing/synctest bubble, where thirty seconds of deadline take no
// time, and outside of one too.
//
//	n := memnet.New()
//	ln, err := n.Listen("127.0.0.1:7")
//	...
//	conn, err := n.Dial(ctx, "tcp", ln.Addr().String())
//
// In a bubble, make the Network inside: what waits there can only be woken from
// there. Calls block on nothing but a sync.Cond, which a bubble sees as waiting.
package memnet
