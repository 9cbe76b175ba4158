package memnet

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// party is who is at an address, for the transcript.
type party struct {
	at    netip.AddrPort
	role  string      // "client", "server", "stranger", nobody; "socket": not known yet
	mine  atomic.Bool // the learner's code uses it
	dials guard       // those to it that failed
}

// nobody is the role of who was sent something and is not there.
const nobody = "nobody"

// party returns who is at that address. n.mu is held.
func (n *Network) party(at netip.AddrPort, role string) *party {
	p := n.parties[at]
	if p == nil {
		p = &party{at: at}
		n.parties[at] = p
	}
	if p.role == "" || p.role == nobody {
		p.role = role
	}
	return p
}

// usedAt notes a place where the party's socket or connection is used.
func (p *party) usedAt(at place) {
	if at.learner {
		p.mine.Store(true)
	}
}

// Name says how the transcript calls the party at that address. Without a name
// it is "you" where the learner's code listens, dials, reads or writes, and
// else "client" or "server". Parties of one name share a column.
func (n *Network) Name(addr net.Addr, name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[addrPort(addr)] = name
}

// Note adds a line of the test's own to the transcript, at this instant: "you
// returned 10.9.9.9".
func (n *Network) Note(format string, args ...any) { n.logNote(format, args...) }

// happening is a kind of event.
type happening int

const (
	note happening = iota // only words, in which %s is the party's name
	dialled
	data
	halfClosed
	closes
	closedDead
	resets
	datagramSent
	datagramLost
)

var happeningWords = map[happening]string{
	dialled: "dials", halfClosed: "ends writing", closes: "closes",
	closedDead: "closes", resets: "closes: reset",
}

// event is a line of the transcript to be.
type event struct {
	at       time.Time
	order    uint64
	from, to *party // nil for words alone
	kind     happening
	size     int    // of the payload
	head     []byte // of the payload
	gist     string // of the payload, as Describe has it
	words    string // behind the payload, or alone
}

// headSize is how much of a payload an event keeps.
const headSize = 64

// history is what happened at one connection or socket. Its owner's lock, mu,
// is held.
type history struct {
	mu      *sync.Mutex
	events  []event
	skipped int  // left out after the first half
	alike   bool // each of those is as one of the last before it
}

// historySize bounds a history: the first half and the last half are kept.
const historySize = 400

func (h *history) add(e event) {
	if h.merge(e) {
		return
	}
	if len(h.events) == historySize {
		before, out := h.events[historySize/2-mostFolded:historySize/2], h.events[historySize/2]
		h.alike = (h.alike || h.skipped == 0) && slices.ContainsFunc(before, out.sameAs)
		h.events = slices.Delete(h.events, historySize/2, historySize/2+1)
		h.skipped++
	}
	h.events = append(h.events, e)
}

// sameAs compares all but the time.
func (e event) sameAs(o event) bool {
	return e.kind == o.kind && e.from == o.from && e.to == o.to && e.size == o.size &&
		e.gist == o.gist && e.words == o.words && bytes.Equal(e.head, o.head)
}

// merge takes bytes sent right after others together with them.
func (h *history) merge(e event) bool {
	if len(h.events) == 0 || e.kind != data {
		return false
	}
	last := &h.events[len(h.events)-1]
	if last.kind != data || last.from != e.from || !last.at.Equal(e.at) {
		return false
	}
	last.size += e.size
	last.gist = ""
	last.head = append(last.head, e.head...)
	last.head = last.head[:min(len(last.head), headSize)]
	return true
}

// payload notes what is sent.
func (e *event) payload(n *Network, b []byte) {
	e.size = len(b)
	e.head = slices.Clone(b[:min(len(b), headSize)])
	if n.Describe != nil {
		e.gist = n.Describe(b)
	}
}

func (n *Network) event(kind happening, from, to *party) event {
	return event{at: time.Now(), order: n.order(), kind: kind, from: from, to: to}
}

func (n *Network) logNote(format string, args ...any) {
	e := n.event(note, nil, nil)
	e.words = fmt.Sprintf(format, args...)
	n.logMu.Lock()
	defer n.logMu.Unlock()
	n.log.add(e)
}

// logData notes what an end sends. The link is locked, here and below.
func (l *link) logData(c *Conn, b []byte) {
	if len(b) > 0 {
		e := l.net.event(data, c.party, c.peer.party)
		e.payload(l.net, b)
		l.log.add(e)
	}
}

func (l *link) logEnd(c *Conn, how happening) {
	l.log.add(l.net.event(how, c.party, c.peer.party))
}

// logScript notes the script for what an end sends.
func (l *link) logScript(c *Conn, s Script) {
	s = slices.DeleteFunc(slices.Clone(s), func(s Step) bool { return !s.Do.ofStreams() })
	if len(s) > 0 {
		l.logWords(c.party, "script from %s: "+s.String())
	}
}

// logStep notes that a stall or a reset has come on the way to an end.
func (l *link) logStep(reader *Conn, step Step) {
	words := fmt.Sprintf("network: what follows %s from %%s waits", count(step.At, "byte"))
	switch {
	case step.Do == Reset:
		words = fmt.Sprintf("network: reset after %s from %%s", count(step.At, "byte"))
	case step.For == 0:
		words += " for ever"
	default:
		words += " until " + clock(l.net.since(time.Now().Add(step.For)))
	}
	l.logWords(reader.peer.party, words)
}

func (l *link) logWords(about *party, words string) { l.log.add(l.net.words(about, words)) }

// words returns a note about a party, whose name takes the place of %s.
func (n *Network) words(about *party, words string) event {
	e := n.event(note, about, nil)
	e.words = words
	return e
}

// logSent notes a datagram, and what becomes of it.
func (n *Network) logSent(d *datagram, f fate) {
	e := n.datagramEvent(datagramSent, d)
	switch now := n.since(d.sent); {
	case f.drop:
		e.kind = datagramLost
		e.words = "lost"
	case f.reorder != nil:
		e.words = "held for the next"
	case f.delay > 0:
		e.words = "arrives " + clock(now+f.delay)
	}
	if f.copies > 1 && !f.drop {
		e.words = strings.TrimPrefix(e.words+", ", ", ") + times(f.copies)
	}
	n.logDatagram(d, e)
}

func times(n int) string {
	if n == 2 {
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// logArrival notes that a datagram arrived, unless it did what one expects. p
// is who is at its address, or nil.
func (n *Network) logArrival(d *datagram, p *PacketConn, received bool) {
	e := n.datagramEvent(datagramSent, d)
	switch {
	case received && d.due.IsZero():
		return
	case received:
		e.words = "sent " + clock(n.since(d.sent))
	case p == nil:
		e.kind, e.words = note, "nobody is at "+d.to.String()
	case p.remote != nil && p.peer != d.from:
		e.kind, e.words = note, fmt.Sprintf("%v is connected to %v and does not hear it", d.to, p.peer)
	default:
		e.kind, e.words = note, fmt.Sprintf("no room at %v: lost", d.to)
	}
	n.logDatagram(d, e)
}

func (n *Network) datagramEvent(kind happening, d *datagram) event {
	e := n.event(kind, nil, n.receiver(d.to))
	if e.from = n.receiver(d.from); d.sender != nil {
		e.from = d.sender.party
	}
	e.payload(n, d.payload)
	return e
}

// receiver returns the party that datagrams to that address concern.
func (n *Network) receiver(at netip.AddrPort) *party {
	n.mu.RLock()
	p, ok := find(n.sockets, at)
	known := n.parties[at]
	n.mu.RUnlock()
	switch {
	case ok:
		return p.party
	case known != nil:
		return known
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.party(at, nobody)
}

// logDatagram keeps the event with those of its sender.
func (n *Network) logDatagram(d *datagram, e event) {
	mu, h := &n.logMu, &n.log
	if d.sender != nil {
		mu, h = &d.sender.mu, &d.sender.log
	}
	mu.Lock()
	defer mu.Unlock()
	h.add(e)
}
