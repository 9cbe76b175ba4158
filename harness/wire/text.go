package wire

import (
	"strconv"
	"strings"
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
	for shift := 4 * (max(digits, hexLen(off)) - 1); shift >= 0; shift -= 4 {
		b = append(b, hexDigits[off>>shift&15])
	}
	return b
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
	const spaces = "                                        "
	for to-len(b) > len(spaces) {
		b = append(b, spaces...)
	}
	return append(b, spaces[:max(0, to-len(b))]...)
}

// count is "1 octet", "2 octets".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// wrap breaks s into lines of at most width characters, at single spaces, which
// it drops. A word that is too long for a line is left alone, or broken where
// hard says so. It returns at least one line.
func wrap(s string, width int, hard bool) []string { return appendWrapped(nil, s, width, hard) }

// appendWrapped appends the lines that wrap returns.
func appendWrapped(lines []string, s string, width int, hard bool) []string {
	for {
		limit := byteOf(s, width)
		if limit == len(s) {
			return append(lines, s)
		}
		at := lastBreak(s, limit)
		switch {
		case hard && tooLongWord(s, at, width):
			lines, s = append(lines, s[:limit]), s[limit:]
		case at > 0:
			lines, s = append(lines, s[:at]), s[at+1:]
		default:
			if at = firstBreak(s, limit); at < 0 {
				return append(lines, s)
			}
			lines, s = append(lines, s[:at]), s[at+1:]
		}
	}
}

// tooLongWord says whether the word that begins behind the break at does not fit
// on a line; at may be -1.
func tooLongWord(s string, at, width int) bool {
	word := s[at+1:]
	if end := firstBreak(s, at+1); end > 0 {
		word = s[at+1 : end]
	}
	return byteOf(word, width) < len(word)
}

// lastBreak returns the last single space at or before limit, or -1.
func lastBreak(s string, limit int) int {
	for i := limit; i > 0; i-- {
		if isBreak(s, i) {
			return i
		}
	}
	return -1
}

// firstBreak returns the first single space at or behind from, or -1.
func firstBreak(s string, from int) int {
	for i := from; i < len(s); i++ {
		if isBreak(s, i) {
			return i
		}
	}
	return -1
}

func isBreak(s string, i int) bool {
	return s[i] == ' ' && i > 0 && i < len(s)-1 && s[i-1] != ' ' && s[i+1] != ' '
}

// byteOf returns the index of the n-th character.
func byteOf(s string, n int) int {
	if n >= len(s) {
		return len(s)
	}
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
