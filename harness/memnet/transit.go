package memnet

import (
	"net/netip"
	"slices"
	"sync"
	"time"
)

// datagram is one that is under way or waits to be read.
type datagram struct {
	sender   *PacketConn // nil when it is forged
	from, to netip.AddrPort
	payload  []byte
	sent     time.Time
	due      time.Time // when it arrives, if it is delayed
}

// fate is what the scripts have for a datagram.
type fate struct {
	spoof, drop bool
	copies      int
	delay       time.Duration
	reorder     *rule // whose next datagram it comes after
	within      time.Duration
}

// judge counts the datagram and adds what the script says to its fate. It
// returns those that were held until this one has passed: none, if this one is
// held too.
func (r *rule) judge(f *fate) (released []*datagram) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.datagrams++
	for _, s := range r.script {
		if s.At != 0 && s.At != r.datagrams {
			continue
		}
		switch s.Do {
		case Spoof:
			f.spoof = true
		case Drop:
			f.drop = true
		case Duplicate:
			f.copies++
		case Delay:
			f.delay += s.For
		case Reorder:
			f.reorder, f.within = r, s.patience()
		}
	}
	if f.reorder == r && !f.drop {
		return nil
	}
	released, r.held = r.held, nil
	return released
}

// post sends a datagram on its way.
func (n *Network) post(d *datagram) {
	d.sent = time.Now()
	f := fate{copies: 1}
	var released []*datagram
	for _, r := range n.rulesFor(d) {
		released = append(released, r.judge(&f)...)
	}
	if forged := n.forge(d, f); forged != nil {
		n.logSent(forged, fate{copies: 1})
		n.logSent(d, f) // before anybody can answer
		n.arrive(forged)
	} else {
		n.logSent(d, f)
	}
	n.carry(d, f)
	for _, held := range released {
		if n.transit.remove(held) {
			n.arrive(held)
		}
	}
}

func (n *Network) rulesFor(d *datagram) []*rule {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var rules []*rule
	for _, r := range n.rules {
		if r.path.side == bothSides && r.path.conn == 0 && r.matches(d.from, d.to) {
			rules = append(rules, r)
		}
	}
	return rules
}

func (n *Network) carry(d *datagram, f fate) {
	switch {
	case f.drop:
	case f.reorder == nil && f.delay == 0:
		for range f.copies {
			n.arrive(d)
		}
	default:
		for range f.copies {
			c := *d // each is an entry of its own in the list
			f.hold(&c)
			n.delay(&c, max(f.delay, f.within))
		}
	}
}

// hold keeps a datagram that is reordered for after the next one.
func (f fate) hold(d *datagram) {
	if r := f.reorder; r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.held = slices.Insert(r.held, 0, d) // the last one held is the first to go
	}
}

// arrive hands a datagram to who is at its address.
func (n *Network) arrive(d *datagram) {
	n.mu.RLock()
	p, ok := find(n.sockets, d.to)
	n.mu.RUnlock()
	if ok && p.remote != nil && p.peer != d.from {
		ok = false // a connected socket hears only its peer
	}
	n.logArrival(d, p, ok && p.receive(d))
	if !ok && d.sender != nil {
		d.sender.unreachable()
	}
}

const strangersPort = 666

// forge returns a stranger's version of the datagram, nil when there is none.
func (n *Network) forge(d *datagram, f fate) *datagram {
	if !f.spoof {
		return nil
	}
	payload := slices.Clone(d.payload)
	if n.Forge != nil {
		payload = n.Forge(payload)
	} else if len(payload) > 0 {
		payload[len(payload)-1]++
	}
	from := netip.AddrPortFrom(d.from.Addr(), strangersPort)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.party(from, "stranger")
	return &datagram{from: from, to: d.to, payload: payload, sent: d.sent}
}

// transit holds the delayed datagrams, by when they are due. Two timers of one
// instant fire in any order, so whichever fires delivers all that are due, in
// the order in which they were sent.
type transit struct {
	arriving sync.Mutex // one after the other
	mu       sync.Mutex
	list     []*datagram
}

func (n *Network) delay(d *datagram, by time.Duration) {
	d.due = time.Now().Add(by)
	n.transit.add(d)
	time.AfterFunc(by, n.arriveDue)
}

func (n *Network) arriveDue() {
	n.transit.arriving.Lock()
	defer n.transit.arriving.Unlock()
	now := time.Now()
	for {
		d := n.transit.next(now)
		if d == nil {
			return
		}
		n.arrive(d)
	}
}

func (t *transit) add(d *datagram) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := len(t.list)
	for i > 0 && t.list[i-1].due.After(d.due) {
		i--
	}
	t.list = slices.Insert(t.list, i, d)
}

// next takes out the first that is due.
func (t *transit) next(now time.Time) *datagram {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.list) == 0 || t.list[0].due.After(now) {
		return nil
	}
	d := t.list[0]
	t.list = t.list[1:]
	return d
}

// remove takes out that one, and says whether it was there.
func (t *transit) remove(d *datagram) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.list, d)
	if i < 0 {
		return false
	}
	t.list = slices.Delete(t.list, i, i+1)
	return true
}
