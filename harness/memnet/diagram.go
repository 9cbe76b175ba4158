package memnet

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	width     = 72 // columns of a transcript
	timeWidth = 9  // of which show when
	mostLanes = 3  // parties that have a column each; more become a list
	firstRows = 35 // of a long transcript
	lastRows  = 20
)

// Transcript returns who sent what when, as a diagram at most 72 columns wide:
//
//	      you                                             server
//	      127.0.0.1:40001                           127.0.0.1:53
//	0 ms  ├───────────────────── "PING\n" ───────────────────▶│
//
// Times are those since New. Payloads are cut, repetitions are folded, and of a
// long one the middle is left out. With more than three parties it is a list.
func (n *Network) Transcript() string {
	events := n.events()
	if len(events) == 0 {
		return ""
	}
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
	n.logMu.Lock()
	events := n.log.list()
	n.logMu.Unlock()
	n.mu.RLock()
	histories := slices.Clone(n.histories)
	n.mu.RUnlock()
	for _, h := range histories {
		h.mu.Lock()
		events = append(events, h.list()...)
		h.mu.Unlock()
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.order, b.order) })
	return events
}

// list returns the events and, where some were left out, a note that says so.
func (h *history) list() []event {
	events := slices.Clone(h.events)
	if h.skipped > 0 {
		gap := h.events[historySize/2]
		gap.kind, gap.words = note, fmt.Sprintf("(%d events left out here)", h.skipped)
		events = slices.Insert(events, historySize/2, gap)
	}
	return events
}

// cast is who takes part, a lane each.
type cast struct {
	lanes []lane
	of    map[*party]int
}

type lane struct {
	name  string
	addrs []string
	at    int // column
}

func (n *Network) castOf(events []event) *cast {
	names := n.partyNames(events)
	c := &cast{of: map[*party]int{}}
	for _, e := range events {
		for _, p := range []*party{e.from, e.to} {
			if p == nil {
				continue
			}
			if _, known := c.of[p]; !known {
				c.add(p, names[p])
			}
		}
	}
	for i := range c.lanes {
		c.lanes[i].at = timeWidth + 2
		if last := len(c.lanes) - 1; last > 0 {
			c.lanes[i].at += i * (width - 1 - c.lanes[0].at) / last
		}
	}
	return c
}

func (c *cast) add(p *party, name string) {
	i := slices.IndexFunc(c.lanes, func(l lane) bool { return l.name == name })
	if i < 0 {
		i = len(c.lanes)
		c.lanes = append(c.lanes, lane{name: name})
	}
	c.lanes[i].addrs = append(c.lanes[i].addrs, p.at.String())
	c.of[p] = i
}

// partyNames returns the name of each party. Several that would have the same
// role get numbers, in the order in which they appear.
func (n *Network) partyNames(events []event) map[*party]string {
	names := map[*party]string{}
	byRole := map[string][]*party{}
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, e := range events {
		for i, p := range []*party{e.from, e.to} {
			if p == nil || names[p] != "" {
				continue
			}
			names[p] = p.name(i == 0)
			if given, ok := n.names[p.at]; ok {
				names[p] = given
			} else if names[p] != "you" {
				byRole[names[p]] = append(byRole[names[p]], p)
			}
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

// row is a line of the transcript, without its time the same for the same event.
type row struct {
	at       time.Duration
	from, to int // lanes; -1 for words alone
	text     string
	lost     bool
}

func (r row) sameAs(o row) bool {
	r.at, o.at = 0, 0
	return r == o
}

func (c *cast) row(e event, at time.Duration) row {
	r := row{at: at, from: -1, to: -1, text: e.words, lost: e.kind == datagramLost}
	if e.kind == note {
		if e.from != nil && strings.Contains(r.text, "%s") {
			r.text = strings.ReplaceAll(r.text, "%s", c.lanes[c.of[e.from]].name)
		}
		return r
	}
	r.from, r.to = c.of[e.from], c.of[e.to]
	r.text = happeningWords[e.kind]
	if r.text == "" {
		behind := ""
		if e.words != "" {
			behind = " (" + e.words + ")"
		}
		r.text = e.show(c.room(r)-utf8.RuneCountInString(behind)) + behind
	}
	return r
}

// room is how much text a row can hold.
func (c *cast) room(r row) int {
	if len(c.lanes) > mostLanes || r.from == r.to {
		return 30
	}
	span := c.lanes[r.to].at - c.lanes[r.from].at
	return max(span, -span) - len("├─  ─▶")/2
}

// show returns the payload in at most room columns, if that is possible: what
// Describe has, or quoted text, or hex.
func (e event) show(room int) string {
	if e.gist != "" {
		return cut(e.gist, room)
	}
	write, all := asHex, count(e.size, "byte")
	if isText(e.head) {
		write = asText
	}
	if e.size <= len(e.head) {
		if whole := write(e.head); len(whole) <= room {
			return whole
		}
	}
	for k := len(e.head); k > 0; k-- {
		if text := write(e.head[:k]) + "… " + all; utf8.RuneCountInString(text) <= room {
			return text
		}
	}
	return all
}

func asText(b []byte) string { return strconv.Quote(string(b)) }
func asHex(b []byte) string  { return fmt.Sprintf("% x", b) }

// isText says whether all of it is ASCII that can be shown, or white space.
func isText(b []byte) bool {
	return !slices.ContainsFunc(b, func(c byte) bool {
		return (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t'
	})
}

// cut shortens text to that many columns.
func cut(text string, columns int) string {
	if r := []rune(text); len(r) > columns {
		return string(r[:max(columns-1, 0)]) + "…"
	}
	return text
}

// fold replaces what is repeated, up to four rows at a time, by a word about it.
func fold(rows []row) []row {
	var out []row
	for i := 0; i < len(rows); {
		size, times := repeats(rows[i:])
		out = append(out, rows[i:i+size]...)
		if times > 1 {
			last := rows[i+size*times-1]
			what := "the same"
			if size > 1 {
				what = fmt.Sprintf("these %d lines", size)
			}
			out = append(out, row{at: last.at, from: -1, to: -1, text: fmt.Sprintf("… %s, %d times in all, until here", what, times)})
		}
		i += size * times
	}
	return out
}

// repeats says how many rows at the beginning are repeated and how often; below
// three times is once.
func repeats(rows []row) (size, times int) {
	for size = 1; size <= 4; size++ {
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
	if len(rows) <= firstRows+lastRows {
		return rows
	}
	gone := len(rows) - firstRows - lastRows
	gap := row{at: rows[firstRows].at, from: -1, to: -1, text: fmt.Sprintf("… %d lines left out", gone)}
	return slices.Concat(rows[:firstRows], []row{gap}, rows[len(rows)-lastRows:])
}

// head returns the names and addresses above the lanes.
func (c *cast) head() []string {
	if len(c.lanes) < 2 || len(c.lanes) > mostLanes {
		return nil
	}
	names, addrs := newCanvas(), newCanvas()
	for i, l := range c.lanes {
		addr := l.addrs[0]
		if more := len(l.addrs) - 1; more > 0 {
			addr += fmt.Sprintf(" +%d", more)
		}
		share := float64(i) / float64(len(c.lanes)-1) // of the text left of the lane
		names.writeAround(l.at, share, l.name)
		addrs.writeAround(l.at, share, addr)
	}
	return []string{names.String(), addrs.String()}
}

// draw returns the lines of a row.
func (c *cast) draw(r row) []string {
	when := fmt.Sprintf("%*s", timeWidth, clock(r.at))
	margin := strings.Repeat(" ", timeWidth+2)
	switch {
	case r.from < 0:
		return wrap(when+"  ", margin, r.text)
	case len(c.lanes) > mostLanes || r.from == r.to:
		text := c.lanes[r.from].name + " → " + c.lanes[r.to].name + ": " + r.text
		return wrap(when+"  ", margin, text)
	}
	line := newCanvas()
	line.write(0, when)
	for _, l := range c.lanes {
		line.write(l.at, "│")
	}
	line.arrow(c.lanes[r.from].at, c.lanes[r.to].at, r.text, r.lost)
	return []string{line.String()}
}

// canvas is a line of the diagram.
type canvas []rune

func newCanvas() canvas { return []rune(strings.Repeat(" ", width)) }

func (c canvas) write(at int, text string) {
	for i, r := range []rune(text) {
		if at+i >= 0 && at+i < len(c) {
			c[at+i] = r
		}
	}
}

// writeAround writes text of which that share lies left of the column.
func (c canvas) writeAround(column int, share float64, text string) {
	size := utf8.RuneCountInString(text)
	at := column - int(share*float64(size-1)+0.5)
	c.write(max(0, at), text)
}

// arrow draws from one column to another, with the text in its middle.
func (c canvas) arrow(from, to int, text string, lost bool) {
	step, head, tail := 1, "▶", "├"
	if to < from {
		step, head, tail = -1, "◀", "┤"
	}
	if lost {
		head = "✗"
	}
	for x := from + step; x != to; x += step {
		c.write(x, "─")
	}
	c.write(from, tail)
	c.write(to-step, head)
	left, room := min(from, to), max(from-to, to-from)
	text = " " + cut(text, room-5) + " "
	c.write(left+1+(room-utf8.RuneCountInString(text))/2, text)
}

func (c canvas) String() string { return strings.TrimRight(string(c), " ") }

// wrap breaks text at blanks into lines of at most width columns.
func wrap(first, margin, text string) []string {
	var lines []string
	line := first
	empty := true
	for _, word := range strings.Fields(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line, empty = margin, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	return append(lines, line)
}

// clock writes a time in short: "300 ms", "2.5 s", "1h0m0s".
func clock(d time.Duration) string {
	number := func(unit time.Duration) string {
		return strconv.FormatFloat(float64(d.Round(time.Microsecond))/float64(unit), 'f', -1, 64)
	}
	switch {
	case d < time.Second:
		return number(time.Millisecond) + " ms"
	case d < 10*time.Minute:
		return number(time.Second) + " s"
	}
	return d.Round(time.Second).String()
}
