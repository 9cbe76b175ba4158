package bubble

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/example/netkata/harness/internal/stuck"
)

// who says of these goroutines what they wait for and where, and what the
// network knows of it.
func (b *B) who(all []stuck.Goroutine) string {
	waits := b.Net.Waits()
	return b.stage.Who(all, func(id int64) []string {
		for _, w := range waits {
			if w.Goroutine == id {
				_, what, _ := strings.Cut(w.What, " of the ")
				return append([]string{"on the " + what + ",", w.Since + ":"}, w.Why...)
			}
		}
		return nil
	})
}

// more is what a failure shows besides what the test says: who sent what when.
func (b *B) more() string {
	b.mu.Lock()
	shows := append([]func() string{b.Net.Transcript}, b.shows...)
	b.mu.Unlock()
	var parts []string
	for _, show := range shows {
		if text := show(); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, "\n\n")
}

// holdUp says whether one of these goroutines, which are all blocked, waits for
// what synctest cannot see coming: then the fake clock stands still.
func holdUp(all []stuck.Goroutine) bool {
	return slices.ContainsFunc(all, func(g stuck.Goroutine) bool { return !g.Durable })
}

// standstill explains what was found from outside.
func (b *B) standstill(found stuck.Finding) string {
	if found.Kind == stuck.Busy {
		return b.busy(found)
	}
	slices.SortStableFunc(found.Goroutines, func(x, y stuck.Goroutine) int { return order(x) - order(y) })
	who := b.who(found.Goroutines)
	switch first := found.Goroutines[0]; {
	case first.State == "IO wait":
		return "The real network is used here. The test has one of its own, in memory:\n" +
			"use the connection, listener or dialer that the function is given.\n\n" + who
	case first.Locked():
		return "A lock is waited for, and nobody is at work who could unlock it:\n\n" + who + "\n\n" +
			"Whoever holds a lock while it sleeps, or waits for the network or a\n" +
			"channel, stops all who need it. Whoever locks twice waits for itself."
	}
	return "What is waited for was not made during the test, but outside of it: in a\n" +
		"package variable, or when the program began. Make it where it is used.\n\n" + who
}

// order puts those who hold up the clock first.
func order(g stuck.Goroutine) int {
	switch {
	case g.State == "IO wait":
		return 0
	case g.Locked():
		return 1
	case !g.Durable:
		return 2
	}
	return 3
}

func (b *B) busy(found stuck.Finding) string {
	text := stuck.Wrap("The test " + found.Text + ".")
	where := slices.DeleteFunc(slices.Clone(found.Goroutines), stuck.Goroutine.Blocked)
	if d := time.Duration(b.clock.Load()); d > 0 {
		text += "\nMeanwhile " + words(d) + " of fake time went by: one timer after the other."
		where = b.others(0)
	}
	return text + "\n\n" + b.who(where)
}

// words says a span of fake time in hours and minutes: "1 hour and 3 minutes".
func words(d time.Duration) string {
	if d < time.Minute {
		return d.String()
	}
	var parts []string
	if n := int(d / time.Hour); n > 0 {
		parts = append(parts, plural(n, "hour"))
	}
	if n := int(d % time.Hour / time.Minute); n > 0 {
		parts = append(parts, plural(n, "minute"))
	}
	return strings.Join(parts, " and ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
