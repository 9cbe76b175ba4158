package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// What listings and files share: hex, offsets, wrapped text.

const hexDigits = "0123456789abcdef"

// appendHex appends p as "07 65 78".
func appendHex(b, p []byte) []byte {
	for i, c := range p {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

// appendOffset appends off as "0x0c", with at least so many digits.
func appendOffset(b []byte, off, digits int) []byte {
	if off < 0 {
		return strconv.AppendInt(b, int64(off), 10)
	}
	b = append(b, "0x"...)
	for n := hexLen(off); n < digits; n++ {
		b = append(b, '0')
	}
	return strconv.AppendInt(b, int64(off), 16)
}

// offsetDigits returns how many hex digits the offsets of a message of so many
// octets take, up to its end: two, four, six.
func offsetDigits(size int) int { return (hexLen(size) + 1) / 2 * 2 }

func hexLen(n int) int {
	digits := 1
	for n >>= 4; n > 0; n >>= 4 {
		digits++
	}
	return digits
}

// hexOffset is an offset in a sentence: "0x0c".
func hexOffset(off int) string { return string(appendOffset(nil, off, 2)) }

// pad appends spaces up to b[:to].
func pad(b []byte, to int) []byte {
	for len(b) < to {
		b = append(b, ' ')
	}
	return b
}

// count is "1 octet", "2 octets".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// wrap breaks s into lines of at most width characters, at single spaces, which
// it drops. A word that is too long is broken where hard says so, and left
// alone otherwise. It returns at least one line.
func wrap(s string, width int, hard bool) []string {
	if len(s) <= width {
		return []string{s}
	}
	var lines []string
	for utf8.RuneCountInString(s) > width {
		at := lastBreak(s, width)
		if at < 0 && hard {
			at = byteOf(s, width)
			lines, s = append(lines, s[:at]), s[at:]
			continue
		}
		if at < 0 {
			at = nextBreak(s, 0)
		}
		if at < 0 {
			break
		}
		lines, s = append(lines, s[:at]), s[at+1:]
	}
	return append(lines, s)
}

// lastBreak returns the last single space that leaves at most width characters
// in front of it, or -1.
func lastBreak(s string, width int) int {
	limit, best := byteOf(s, width), -1
	for at := nextBreak(s, 0); at >= 0 && at <= limit; at = nextBreak(s, at+1) {
		best = at
	}
	return best
}

// nextBreak returns the first single space inside s at or behind from, or -1.
func nextBreak(s string, from int) int {
	for i := max(from, 1); i < len(s)-1; i++ {
		if s[i] == ' ' && s[i-1] != ' ' && s[i+1] != ' ' {
			return i
		}
	}
	return -1
}

// byteOf returns the index of the n-th character.
func byteOf(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// escape appends p as master files write text (RFC 1035, section 5.1): the
// characters of special behind a backslash, what is not printable ASCII as
// \DDD.
func escape(b, p []byte, special string) []byte {
	for _, c := range p {
		switch {
		case c == '\\' || c > ' ' && strings.IndexByte(special, c) >= 0:
			b = append(b, '\\', c)
		case c < ' ' || c > '~' || strings.IndexByte(special, c) >= 0:
			b = append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			b = append(b, c)
		}
	}
	return b
}

// columns returns how many columns a line takes.
func columns(line []byte) int { return utf8.RuneCount(line) }
