package memnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	width     = 72            // columns of a transcript
	timeWidth = 9             // of which show when
	firstLane = timeWidth + 2 // column
)

// spread gives the lanes their columns.
func (c *cast) spread() {
	for i := range c.lanes {
		c.lanes[i].at = firstLane
		if last := len(c.lanes) - 1; last > 0 {
			c.lanes[i].at += i * (width - 1 - firstLane) / last
		}
	}
}

// hasLanes says whether the lanes are drawn; else there is a list.
func (c *cast) hasLanes() bool { return len(c.lanes) >= 2 && len(c.lanes) <= mostLanes }

// isArrow says whether a row is drawn.
func (c *cast) isArrow(r row) bool { return c.hasLanes() && r.from != r.to }

// room is how much text a row can hold: on the arrow, and with the words if they
// do not fit beside it.
func (c *cast) room(r row) int {
	if !c.isArrow(r) {
		return 30
	}
	span := c.lanes[r.to].at - c.lanes[r.from].at
	room := max(span, -span) - arrowParts
	if _, beside := c.beside(r); !beside && r.words != "" {
		room -= utf8.RuneCountInString(r.words) + len(" ()")
	}
	return room
}

// arrowParts is what an arrow has besides its text: an end on the lane, two
// strokes, two blanks and a head.
const arrowParts = 6

// beside returns the column for the words of an arrow, when there is a lane's
// width for them at one of its sides.
func (c *cast) beside(r row) (column int, ok bool) {
	left, right := min(r.from, r.to), max(r.from, r.to)
	size := utf8.RuneCountInString(r.words)
	switch {
	case size > c.lanes[1].at-c.lanes[0].at-3:
		return 0, false
	case right < len(c.lanes)-1:
		return c.lanes[right].at + 2, true
	case left > 0:
		return c.lanes[left].at - 1 - size, true
	}
	return 0, false
}

// head returns the names and addresses above the lanes. When the addresses have
// no room, and one host in common, it leaves out the host.
func (c *cast) head() []string {
	if !c.hasLanes() {
		return nil
	}
	var names, addrs, ports []string
	for _, l := range c.lanes {
		more := ""
		if n := len(l.addrs) - 1; n > 0 {
			more = fmt.Sprintf(" +%d", n)
		}
		names = append(names, l.name)
		addrs = append(addrs, l.addrs[0].String()+more)
		ports = append(ports, fmt.Sprintf(":%d%s", l.addrs[0].Port(), more))
	}
	if !c.fit(addrs) && sameHost(c.lanes) {
		addrs = ports
	}
	return []string{c.above(names), c.above(addrs)}
}

// sameHost says whether all addresses have the host of the first.
func sameHost(lanes []lane) bool {
	host := lanes[0].addrs[0].Addr()
	return !slices.ContainsFunc(lanes, func(l lane) bool {
		return slices.ContainsFunc(l.addrs, func(at netip.AddrPort) bool { return at.Addr() != host })
	})
}

// above writes a text above each lane, cut if they do not fit.
func (c *cast) above(texts []string) string {
	line := newCanvas()
	whole := c.fit(texts)
	for i, text := range texts {
		if !whole {
			last := len(texts) - 1
			text = cut(text, (c.lanes[1].at-c.lanes[0].at-gap)*last/(last+1))
		}
		line.write(c.column(i, text), text)
	}
	return line.String()
}

// fit says whether there is a gap between texts above the lanes.
func (c *cast) fit(texts []string) bool {
	for i := range len(texts) - 1 {
		if c.column(i, texts[i])+utf8.RuneCountInString(texts[i])+gap > c.column(i+1, texts[i+1]) {
			return false
		}
	}
	return true
}

// gap is the least space between two texts above the lanes.
const gap = 2

// column returns where a text above a lane begins: for the first of the lanes
// there, for the last so that it ends there, and in between around it.
func (c *cast) column(i int, text string) int {
	return c.lanes[i].at - i*(utf8.RuneCountInString(text)-1)/(len(c.lanes)-1)
}

// draw returns the lines of a row.
func (c *cast) draw(r row) []string {
	when := fmt.Sprintf("%*s", timeWidth, clock(r.at))
	if c.isArrow(r) {
		return []string{c.arrow(when, r)}
	}
	text := r.words
	if r.from != none {
		text = c.lanes[r.from].name + " → " + c.lanes[r.to].name + ": " + r.text
		if r.words != "" {
			text += " (" + r.words + ")"
		}
	}
	return wrap(when, text)
}

func (c *cast) arrow(when string, r row) string {
	line := newCanvas()
	line.write(0, when)
	for _, l := range c.lanes {
		line.write(l.at, "│")
	}
	text := r.text
	if column, beside := c.beside(r); beside {
		line.write(column, r.words)
	} else if r.words != "" {
		text += " (" + r.words + ")"
	}
	head, lost := "▶", "✗"
	if r.to < r.from {
		head = "◀"
	}
	if r.lost {
		head = lost
	}
	line.arrow(c.lanes[r.from].at, c.lanes[r.to].at, head, text)
	return line.String()
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

// arrow draws from one column to just before another, with text in its middle.
func (c canvas) arrow(from, to int, head, text string) {
	step, tail, inside := 1, "├", from+1 // where the strokes begin
	if to < from {
		step, tail, inside = -1, "┤", to+2
	}
	c.write(from, tail)
	for x := from + step; x != to; x += step {
		c.write(x, "─")
	}
	c.write(to-step, head)
	span := max(from-to, to-from)
	text = " " + cut(text, span-arrowParts) + " "
	c.write(inside+(span-2-utf8.RuneCountInString(text))/2, text)
}

func (c canvas) String() string { return strings.TrimRight(string(c), " ") }

// wrap breaks words into lines behind a time.
func wrap(when, text string) []string {
	var lines []string
	line := when + " "
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = strings.Repeat(" ", firstLane-1)
		}
		line += " " + cut(word, width-firstLane)
	}
	return append(lines, line)
}
