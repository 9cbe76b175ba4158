package memnet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// clock writes a time as Go does, without zeros behind it: "300ms", "2.5s",
// "1m20s", "1h".
func clock(d time.Duration) string {
	text := d.Round(time.Microsecond).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
