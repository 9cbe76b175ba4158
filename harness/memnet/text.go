package memnet

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// show returns the payload in at most room columns, if that is possible: what
// Describe has, or quoted text, or hex.
func (e event) show(room int) string {
	if e.gist != "" {
		return cut(e.gist, room)
	}
	write, all := asHex, count(e.size, "byte")
	if isText(e.head) {
		write = strconv.Quote
	}
	if whole := write(string(e.head)); e.size > 0 && e.size == len(e.head) && len(whole) <= room {
		return whole
	}
	for k := len(e.head); k > 0; k-- {
		if text := write(string(e.head[:k])) + "… " + all; utf8.RuneCountInString(text) <= room {
			return text
		}
	}
	return all
}

func asHex(s string) string { return fmt.Sprintf("% x", s) }

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

// count returns "1 byte", "2 bytes".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// clock writes a time in short: "300 ms", "2.5 s", "1h0m0s".
func clock(d time.Duration) string {
	in := func(unit time.Duration) string {
		return strconv.FormatFloat(float64(d.Round(time.Microsecond))/float64(unit), 'f', -1, 64)
	}
	switch {
	case d < time.Second:
		return in(time.Millisecond) + " ms"
	case d < 10*time.Minute:
		return in(time.Second) + " s"
	}
	return d.Round(time.Second).String()
}
