package memnet

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	mostLanes  = 4  // parties that have a column each; of more there is a list
	mostFolded = 4  // rows that are repeated together
	firstRows  = 35 // of a long transcript
	lastRows   = 20
)

// Transcript returns who sent what when, as a diagram at most 72 columns wide:
//
//	    you                                             server
//	    127.0.0.1:40001                           127.0.0.1:53
//	0s  ├───────────────────── "PING\n" ───────────────────▶│
//
// Times are those since New. Payloads are cut, repetitions are folded, and of a
// long one the middle is left out. With more than four parties it is a list.
// It is "" when nothing happened.
func (n *Network) Transcript() string {
	events := n.events()
	c := n.castOf(events)
	rows := make([]row, len(events))
	for i, e := range events {
		rows[i] = c.row(e, n.since(e.at))
	}
	lines := c.head()
	for _, r := range shorten(fold(rows)) {
		lines = append(lines, c.draw(r)...)
	}
	return strings.Join(lines, "\n")
}

// events returns all that happened, in order.
func (n *Network) events() []event {
	n.mu.RLock()
	histories := slices.Clone(n.histories)
	n.mu.RUnlock()
	var events []event
	for _, h := range histories {
		h.mu.Lock()
		events = append(events, h.list()...)
		h.mu.Unlock()
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.order, b.order) })
	return events
}

// list returns the events and, where some were left out, a note that says so.
func (h *history) list() []event {
	if h.skipped == 0 {
		return slices.Clone(h.events)
	}
	gap := h.events[historySize/2-1]
	gap.kind, gap.from, gap.words = note, nil, fmt.Sprintf("… %d events left out", h.skipped)
	if h.alike {
		gap.words = fmt.Sprintf("… %d more of the same left out", h.skipped)
	}
	return slices.Insert(slices.Clone(h.events), historySize/2, gap)
}

// cast is who takes part, a lane each, and which lane is whose.
type cast struct {
	lanes []lane
	of    map[*party]int
}

type lane struct {
	name  string
	addrs []netip.AddrPort
	at    int // column
}

func (n *Network) castOf(events []event) *cast {
	names := n.partyNames(events)
	c := &cast{of: map[*party]int{}}
	for _, e := range events {
		for _, p := range e.parties() {
			if _, known := c.of[p]; !known {
				c.add(p, names[p])
			}
		}
	}
	c.spread()
	return c
}

func (c *cast) add(p *party, name string) {
	i := slices.IndexFunc(c.lanes, func(l lane) bool { return l.name == name })
	if i < 0 {
		i = len(c.lanes)
		c.lanes = append(c.lanes, lane{name: name})
	}
	c.lanes[i].addrs = append(c.lanes[i].addrs, p.at)
	c.of[p] = i
}

// parties returns whom the event is about, the sender first.
func (e event) parties() []*party {
	return slices.DeleteFunc([]*party{e.from, e.to}, func(p *party) bool { return p == nil })
}

// partyNames returns the name of each party. Several that would have the same
// role get numbers, in the order in which they appear.
func (n *Network) partyNames(events []event) map[*party]string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	names := map[*party]string{}
	byRole := map[string][]*party{}
	for _, e := range events {
		for _, p := range e.parties() {
			if names[p] != "" {
				continue
			}
			role := p.name(p == e.from)
			if given := n.names[p.at]; given != "" {
				role = given
			} else if role != "you" {
				byRole[role] = append(byRole[role], p)
			}
			names[p] = role
		}
	}
	for role, parties := range byRole {
		for i, p := range parties {
			if len(parties) > 1 {
				names[p] = fmt.Sprintf("%s %d", role, i+1)
			}
		}
	}
	return names
}

func (p *party) name(sendsFirst bool) string {
	switch {
	case p.mine.Load():
		return "you"
	case p.role != "socket":
		return p.role
	case sendsFirst:
		return "client"
	}
	return "server"
}

// row is a line of the transcript.
type row struct {
	at       time.Duration
	from, to int    // lanes; none when there are only words
	text     string // on the arrow
	words    string // beside the arrow, or alone
	lost     bool
}

const none = -1 // instead of a lane

func words(at time.Duration, format string, args ...any) row {
	return row{at: at, from: none, to: none, words: fmt.Sprintf(format, args...)}
}

func (c *cast) row(e event, at time.Duration) row {
	if e.kind == note {
		if e.from != nil {
			return words(at, "%s", strings.ReplaceAll(e.words, "%s", c.lanes[c.of[e.from]].name))
		}
		return words(at, "%s", e.words)
	}
	r := row{at: at, from: c.of[e.from], to: c.of[e.to], words: e.words, lost: e.kind == datagramLost}
	if r.text = happeningWords[e.kind]; r.text == "" {
		r.text = e.show(c.room(r))
	}
	return r
}

// sameAs compares all but the time.
func (r row) sameAs(o row) bool {
	r.at, o.at = 0, 0
	return r == o
}

// fold replaces what is repeated, up to mostFolded rows at a time, by a word
// about it.
func fold(rows []row) []row {
	var out []row
	for i := 0; i < len(rows); {
		size, times := repeats(rows[i:])
		out = append(out, rows[i:i+size]...)
		i += size * times
		if times == 1 {
			continue
		}
		what := "this line"
		if size > 1 {
			what = fmt.Sprintf("these %d lines", size)
		}
		out = append(out, words(rows[i-1].at, "… %s %d times in all%s, until here", what, times, rhythm(rows[i-size*times:i], size)))
	}
	return out
}

// rhythm says how long it takes from one repetition to the next: ", every 5s", or
// ", every 5ms to 1s", or ", up to 1s apart"; "" if all are of one instant.
func rhythm(rows []row, size int) string {
	least, most := rows[len(rows)-1].at, time.Duration(0)
	for i := size; i < len(rows); i += size {
		pause := rows[i].at - rows[i-size].at
		least, most = min(least, pause), max(most, pause)
	}
	switch {
	case most == 0:
		return ""
	case clock(least) == clock(most):
		return ", every " + clock(most)
	case least == 0:
		return ", up to " + clock(most) + " apart"
	}
	return ", every " + clock(least) + " to " + clock(most)
}

// repeats says how many rows at the beginning are repeated and how often; below
// three times is once.
func repeats(rows []row) (size, times int) {
	for size = 1; size <= mostFolded; size++ {
		times = 1
		for size*(times+1) <= len(rows) && slices.EqualFunc(rows[:size], rows[size*times:size*(times+1)], row.sameAs) {
			times++
		}
		if times >= 3 {
			return size, times
		}
	}
	return 1, 1
}

// shorten leaves out the middle of a long transcript.
func shorten(rows []row) []row {
	gone := len(rows) - firstRows - lastRows
	if gone <= 1 {
		return rows
	}
	gap := words(rows[firstRows].at, "… %d lines left out", gone)
	return slices.Concat(rows[:firstRows], []row{gap}, rows[len(rows)-lastRows:])
}
