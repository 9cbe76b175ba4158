package memnet

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
)

// Path says where a script applies. The zero value is everywhere, in each
// direction by itself.
type Path struct {
	from, to netip.AddrPort // the zero value is anybody
	side     side
	conn     int // only this connection, from 1 on; 0: each
}

type side int

const (
	bothSides side = iota
	fromDialer
	fromListener
)

// To is the path of what is sent to that address.
func To(addr net.Addr) Path { return Path{to: addrPort(addr)} }

// From is the path of what is sent from that address.
func From(addr net.Addr) Path { return Path{from: addrPort(addr)} }

// FromDialer is the path of what those send who dialled their connection (or
// hold the first end of a Pipe); FromListener is the way back.
func FromDialer() Path   { return Path{side: fromDialer} }
func FromListener() Path { return Path{side: fromListener} }

// Conn returns the path p of one connection only, counted from 1 in the order
// in which they are made. Datagrams know no connection.
func (p Path) Conn(number int) Path {
	p.conn = number
	return p
}

// Disturb applies a script. Each direction of each connection made from now on
// goes through all of it; datagrams are counted from now on, all those of the
// path together. Where several scripts meet, all apply.
func (n *Network) Disturb(p Path, s Script) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.rules = append(n.rules, &rule{path: p, script: slices.Clone(s)})
}

// rule is a script at its place.
type rule struct {
	path   Path
	script Script

	mu        sync.Mutex
	conns     int // counted so far
	datagrams int
	accepts   int
	held      []*datagram // to be delivered after the next one
}

// matches says whether the rule concerns what goes from one address to the other.
func (r *rule) matches(from, to netip.AddrPort) bool {
	return isAt(r.path.from, from) && isAt(r.path.to, to)
}

// isAt says whether at is the wanted address; one without a host or none at all
// stands for many.
func isAt(want, at netip.AddrPort) bool {
	switch {
	case !want.IsValid():
		return true
	case want.Addr().IsUnspecified():
		return want.Port() == at.Port()
	}
	return want == at
}

// disturbLink gives the scripts that concern it to a new connection. n.mu is held.
func (n *Network) disturbLink(l *link) {
	for _, r := range n.rules {
		there := r.path.side != fromListener && r.matches(l.ends[0].at(), l.ends[1].at())
		back := r.path.side != fromDialer && r.matches(l.ends[1].at(), l.ends[0].at())
		if !there && !back || !r.isTurn() {
			continue
		}
		if there {
			l.ends[0].disturb(r.script)
		}
		if back {
			l.ends[1].disturb(r.script)
		}
	}
}

// isTurn counts a connection, and says whether the rule concerns it.
func (r *rule) isTurn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns++
	return r.path.conn == 0 || r.path.conn == r.conns
}

// acceptFault returns the error that a script has for this call of Accept.
func (n *Network) acceptFault(at netip.AddrPort) error {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var failure error
	for _, r := range n.rules {
		if r.path.side == bothSides && !r.path.from.IsValid() && isAt(r.path.to, at) {
			if err := r.acceptFault(); err != nil {
				failure = err
			}
		}
	}
	return failure
}

func (r *rule) acceptFault() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepts++
	for _, s := range r.script {
		if s.At != 0 && s.At != r.accepts {
			continue
		}
		switch s.Do {
		case EMFILE:
			return os.NewSyscallError("accept", syscall.EMFILE)
		case Aborted:
			return os.NewSyscallError("accept", syscall.ECONNABORTED)
		}
	}
	return nil
}

// disturb applies a script to what this end sends.
func (c *Conn) disturb(s Script) {
	c.out.disturb(s)
	c.link.logScript(c, s)
}

func (c *Conn) at() netip.AddrPort { return addrPort(c.local) }
