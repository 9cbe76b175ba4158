package memnet

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Waiting says in plain words who waits where and for what, "" when nobody
// does. Times are those since New. Any goroutine may call it, also one outside
// the bubble.
func (n *Network) Waiting() string {
	var text strings.Builder
	for _, w := range n.Waits() {
		fmt.Fprintf(&text, "%s,\n%s:\n", w.What, w.Since)
		for _, line := range w.Why {
			fmt.Fprintf(&text, "  %s\n", line)
		}
		if w.Where != "" {
			fmt.Fprintf(&text, "  at %s\n", w.Where)
		}
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// Wait is a call that waits.
type Wait struct {
	What  string   // "Read of the connection 127.0.0.1:40001 → 127.0.0.1:7"; with names: "you → server (:40001 → :7)"
	Since string   // "since 0s on the clock, without a deadline"
	Why   []string // "nothing was sent to it"
	Where string   // "katas/tcp/echo/echo.go:31, in echo.Handle"; "" when not known

	Goroutine int64 // the number of the one that made the call
}

// Waits lists the calls that wait, the oldest first. Any goroutine may call it,
// as with Waiting.
func (n *Network) Waits() []Wait {
	var all []waiting
	for _, d := range n.desks() {
		all = append(all, d.waiting()...)
	}
	slices.SortStableFunc(all, func(a, b waiting) int { return a.since.Compare(b.since) })
	var waits []Wait
	for _, w := range all {
		waits = append(waits, Wait{
			What:  w.call + " of the " + n.labelled(w.of),
			Since: "since " + clock(n.since(w.since)) + " on the clock, " + n.deadline(w.until),
			Why:   w.why,
			Where: w.at,

			Goroutine: w.who,
		})
	}
	return waits
}

// waiting is what there is to say of a waiter.
type waiting struct {
	call         string
	of           waitable
	since, until time.Time
	why          []string
	at           string
	who          int64
}

// labelled is the label of w, with names where they tell the ends apart.
func (n *Network) labelled(w waitable) string {
	c, ok := w.(*Conn)
	if !ok {
		return w.label()
	}
	here, there := n.called(c.party), n.called(c.peer.party)
	if here == "" || there == "" || here == there {
		return w.label()
	}
	return fmt.Sprintf("connection %s → %s (:%d → :%d)", here, there, c.local.Port, c.remote.Port)
}

// called is the name that the test has given a party, or else "you" if it is; ""
// for others, which get theirs only in a transcript.
func (n *Network) called(p *party) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if name := n.names[p.at]; name != "" || !p.mine.Load() {
		return name
	}
	return "you"
}

func (n *Network) deadline(t time.Time) string {
	if t.IsZero() {
		return "without a deadline"
	}
	return "its deadline at " + clock(n.since(t))
}

func (d *desk) waiting() []waiting {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []waiting
	for _, w := range d.waiters {
		all = append(all, waiting{w.call, w.of, w.since, w.of.until(w.call), w.of.why(w.call), w.at.text, w.who})
	}
	return all
}

// desks returns every place where a call may wait.
func (n *Network) desks() []*desk {
	n.mu.RLock()
	defer n.mu.RUnlock()
	var all []*desk
	for _, l := range n.listeners {
		all = append(all, &l.desk)
	}
	for _, l := range n.silent {
		all = append(all, &l.desk)
	}
	for l := range n.links {
		all = append(all, &l.desk)
	}
	for _, p := range n.sockets {
		all = append(all, &p.desk)
	}
	return all
}

func (l *Listener) label() string { return "listener " + l.addr.String() }

func (l *Listener) until(call string) time.Time {
	if call == "Dial" {
		return time.Time{} // the context's, which nobody can see here
	}
	return l.deadline.at
}

func (l *Listener) why(call string) []string {
	switch {
	case call == "Accept":
		return []string{"nobody dials it"}
	case l.full:
		return []string{"no answer comes (Silence)"}
	}
	return []string{fmt.Sprintf("%d connections wait for Accept, as many as may", len(l.queue))}
}

func (c *Conn) label() string {
	return "connection " + c.local.String() + " → " + c.remote.String()
}

func (c *Conn) until(call string) time.Time {
	if call == "Write" {
		return c.writeBy.at
	}
	return c.readBy.at
}

func (c *Conn) why(call string) []string {
	if call == "Write" {
		return c.whyWrite()
	}
	why := []string{"nothing was sent to it"}
	switch held := c.in.held(); {
	case held > 0:
		why[0] = "the network holds back " + count(held, "byte") + " sent to it (script)"
	case c.in.sent != c.in.arrived:
		why[0] = "the network holds back that the other end was closed (script)"
	case c.in.read > 0:
		why[0] = "nothing was sent to it after the first " + count(c.in.read, "byte")
	}
	if k := c.out.unread(); k > 0 {
		why = append(why, "the other end has "+count(k, "byte")+" that it has not read")
	}
	return why
}

func (c *Conn) whyWrite() []string {
	if c.out.room() > 0 {
		return []string{"another Write of this connection is under way"}
	}
	why := "the other end does not read: " + count(c.out.unread(), "byte") + " wait, and no more fit"
	if c.out.held() > 0 {
		why = "the network holds back " + count(c.out.held(), "byte") + " (script), and no more fit"
	}
	return []string{why}
}

func (p *PacketConn) label() string {
	if p.remote != nil {
		return "socket " + p.local.String() + " → " + p.remote.String()
	}
	return "socket " + p.local.String()
}

func (p *PacketConn) until(string) time.Time { return p.readBy.at }

func (p *PacketConn) why(string) []string {
	if p.received == 0 {
		return []string{"no datagram came"}
	}
	return []string{"no datagram came after the first " + fmt.Sprint(p.received)}
}

// Opened is something that is not closed yet.
type Opened struct {
	What    string // "connection 127.0.0.1:40001 → 127.0.0.1:7"
	Where   string // where it was made: "katas/tcp/client/client.go:31, in client.Ping"
	Learner bool   // the learner's code made it
}

// String returns both, on one line.
func (o Opened) String() string {
	if o.Where == "" {
		return o.What
	}
	return o.What + ", made at " + o.Where
}

// Open lists the listeners, ends of connections and sockets that are not closed.
// An end of a connection is made by Dial or Accept; one that waits for Accept
// has no place yet.
func (n *Network) Open() []Opened {
	var all []Opened
	for _, t := range n.open() {
		if made, open := t.isOpen(); open {
			all = append(all, Opened{t.label(), made.text, made.learner})
		}
	}
	slices.SortFunc(all, func(a, b Opened) int { return strings.Compare(a.What, b.What) })
	return all
}

// Events counts what has happened on the network so far, sending and reading
// above all: as long as it grows, somebody gets on. Any goroutine may call it.
func (n *Network) Events() uint64 { return n.counter.Load() }
