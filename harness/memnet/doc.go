// Package memnet is a network in memory: listeners, connections and datagram
// sockets that behave as those of the kernel do, without it. They work inside a
// testing/synctest bubble, where thirty seconds of deadline take no time, and
// outside of one.
//
//	n := memnet.New()
//	ln, err := n.Listen("127.0.0.1:7")
//	…
//	conn, err := n.Dial(ctx, "tcp", ln.Addr().String())
//
// # Faults
//
// A Script says what the network does wrong, on one line, and Disturb says where:
//
//	n.Disturb(memnet.To(ln.Addr()), memnet.MustParse("cut 3, stall 5 2s"))
//
// Scripts draws such lines for rapid, which then finds the shortest one that
// makes a test fail. Script.Arrivals foretells what one does to datagrams.
//
// # Words
//
// Transcript draws who sent what when, Waiting says who waits where, Open what
// was left open. A goroutine that calls the same thing over and over without
// getting anywhere is stopped: see Network.OnSpin.
//
// # The kernel's ways
//
// Errors are those of package net, down to Op, Net, Source and Addr; the same
// tests are run on memnet and on the kernel's loopback. Where systems differ,
// memnet does what Linux does:
//
//   - What was sent before a reset can still be read (Windows throws it away).
//   - Of a reset, one call learns ECONNRESET: those that wait at that moment, or
//     else the next. After it, Read gives io.EOF and Write EPIPE.
//   - A datagram longer than the buffer is cut, with a nil error (Windows gives
//     an error).
//   - Connected datagram sockets learn ECONNREFUSED, others learn nothing.
//   - On Windows the kernel's error numbers are Windows' own (WSAECONNREFUSED …)
//     and not those that package syscall calls ECONNREFUSED …; memnet gives the
//     latter everywhere.
//
// And where the kernel leaves it open, memnet settles it, so that a test gives
// one verdict: at the very instant of a deadline, calls fail, whatever arrives
// at that instant. Read and ReadFrom use the whole buffer as scratch space, as
// io.Reader allows: who keeps using a buffer that a later call was given will
// find it overwritten, and the race detector sees it.
//
// # In a bubble
//
// Make the Network inside: what waits there can only be woken from there.
// Calls block on nothing but a sync.Cond, which a bubble sees as waiting, and
// hold no lock meanwhile.
package memnet
