//go:build solution

// Package name reads and writes domain names as they stand in DNS messages
// (RFC 1035, sections 3.1 and 4.1.4).
//
// A name is passed around as text: "www.example.com.", the root as ".". An
// octet that would be misread there is escaped as in master files (RFC 1035,
// section 5.1).
package name

import (
	"errors"
	"strings"
)

// Limits, in octets (RFC 1035, section 2.3.4).
const (
	MaxLabel = 63  // a label, without its length
	MaxLen   = 255 // a name on the wire: lengths, labels and the zero at its end
)

// Errors, wrapped with the offset or the text that they are about.
var (
	// ErrShort means that the message ends before the name does.
	ErrShort = errors.New("name: message too short")
	// ErrLabelType means that a label begins with the bits 01 or 10.
	ErrLabelType = errors.New("name: reserved label type")
	// ErrPointer means that a pointer does not lead to an earlier name.
	ErrPointer = errors.New("name: pointer does not lead backwards")
	// ErrLabelLen means that a label has more than MaxLabel octets.
	ErrLabelLen = errors.New("name: label too long")
	// ErrNameLen means that a name has more than MaxLen octets.
	ErrNameLen = errors.New("name: name too long")
	// ErrEmptyLabel means that a label other than the root's is empty.
	ErrEmptyLabel = errors.New("name: empty label")
	// ErrEscape means that what follows a backslash is no escape.
	ErrEscape = errors.New("name: bad escape")
)

func Parse(msg []byte, off int) (string, int, error) {
	text, next, err := AppendText(nil, msg, off)
	if err != nil {
		return "", 0, err
	}
	return string(text), next, nil
}

func AppendText(b, msg []byte, off int) ([]byte, int, error) {
	text, next, err := walk(b, msg, off, 255)
	switch {
	case err != nil:
		return b, 0, err
	case len(text) == len(b):
		return append(b, '.'), next, nil
	}
	return text, next, nil
}

// walk appends a row of labels, and lets itself append what its pointer leads
// to; room is what is left of the 255 octets.
func walk(b, msg []byte, off, room int) ([]byte, int, error) {
	for pos := off; ; {
		if pos >= len(msg) {
			return nil, 0, ErrShort
		}
		n := int(msg[pos])
		if n >= 192 {
			if pos+1 == len(msg) {
				return nil, 0, ErrShort
			}
			target := (n-192)*256 + int(msg[pos+1])
			if target >= off {
				return nil, 0, ErrPointer
			}
			b, _, err := walk(b, msg, target, room)
			return b, pos + 2, err
		}
		if n >= 64 {
			return nil, 0, ErrLabelType
		}
		if room -= n + 1; room < 0 {
			return nil, 0, ErrNameLen
		}
		if n == 0 {
			return b, pos + 1, nil
		}
		if len(msg) <= pos+n {
			return nil, 0, ErrShort
		}
		for _, c := range msg[pos+1 : pos+1+n] {
			if c == '.' || c == '\\' {
				b = append(b, '\\', c)
			} else if c > ' ' && c < 127 {
				b = append(b, c)
			} else {
				b = append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
			}
		}
		b = append(b, '.')
		pos += 1 + n
	}
}

// Append goes over the text twice: to count, then to write.
func Append(b []byte, name string) ([]byte, error) {
	if name == "." {
		return append(b, 0), nil
	}
	size := 1
	for rest := name; ; {
		n, after, err := measure(rest)
		if err != nil {
			return b, err
		}
		size += 1 + n
		if rest = after; rest == "" {
			break
		}
	}
	if size > 255 {
		return b, ErrNameLen
	}
	for rest := name; rest != ""; {
		n, after, _ := measure(rest)
		b = append(b, byte(n))
		for range n {
			c, used, _ := octet(rest)
			b = append(b, c)
			rest = rest[used:]
		}
		rest = after
	}
	return append(b, 0), nil
}

// measure counts the octets of the first label of text.
func measure(text string) (n int, after string, err error) {
	for text != "" && text[0] != '.' {
		_, used, err := octet(text)
		if err != nil {
			return 0, "", err
		}
		n, text = n+1, text[used:]
	}
	if n == 0 {
		return 0, "", ErrEmptyLabel
	}
	if n > 63 {
		return 0, "", ErrLabelLen
	}
	return n, strings.TrimPrefix(text, "."), nil
}

// octet reads the first octet of text, escaped or not.
func octet(text string) (c byte, used int, err error) {
	if text[0] != '\\' {
		return text[0], 1, nil
	}
	if len(text) == 1 {
		return 0, 0, ErrEscape
	}
	if text[1] < '0' || text[1] > '9' {
		return text[1], 2, nil
	}
	v := 0
	for i := 1; i < 4; i++ {
		if i == len(text) || text[i] < '0' || text[i] > '9' {
			return 0, 0, ErrEscape
		}
		v = v*10 + int(text[i]-'0')
	}
	if v > 255 {
		return 0, 0, ErrEscape
	}
	return byte(v), 4, nil
}
