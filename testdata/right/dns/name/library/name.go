//go:build solution

// Package name reads and writes domain names as they stand in DNS messages
// (RFC 1035, sections 3.1 and 4.1.4).
//
// A name is passed around as text: "www.example.com.", the root as ".". An
// octet that would be misread there is escaped as in master files (RFC 1035,
// section 5.1).
package name

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
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

// Parse resolves the pointers, and lets miekg/dns read the name without them.
func Parse(msg []byte, off int) (name string, next int, err error) {
	var room [MaxLen]byte
	flat, next, err := flatten(room[:0], msg, off)
	if err != nil {
		return "", 0, err
	}
	text, _, err := dns.UnpackDomainName(flat, 0)
	return canonical(text), next, err
}

// flatten appends the name's octets, pointers resolved, to flat.
func flatten(flat, msg []byte, off int) (name []byte, next int, err error) {
	low := off
	for pos := off; ; {
		if pos >= len(msg) {
			return nil, 0, fmt.Errorf("at %d: %w", pos, ErrShort)
		}
		switch c := msg[pos]; c >> 6 {
		case 0:
			end := pos + 1 + int(c)
			if end > len(msg) {
				return nil, 0, fmt.Errorf("at %d: %w", pos, ErrShort)
			}
			if n := len(flat) + end - pos; n > MaxLen || n == MaxLen && c != 0 {
				return nil, 0, ErrNameLen
			}
			flat = append(flat, msg[pos:end]...)
			if pos = end; c != 0 {
				continue
			}
			if next == 0 {
				next = pos
			}
			return flat, next, nil
		case 3:
			if pos+2 > len(msg) {
				return nil, 0, fmt.Errorf("at %d: %w", pos, ErrShort)
			}
			to := int(binary.BigEndian.Uint16(msg[pos:]) & 0x3fff)
			if to >= low {
				return nil, 0, fmt.Errorf("at %d: %w", pos, ErrPointer)
			}
			if next == 0 {
				next = pos + 2
			}
			low, pos = to, to
		default:
			return nil, 0, fmt.Errorf("at %d: %w", pos, ErrLabelType)
		}
	}
}

var escape = regexp.MustCompile(`\\.`)

// canonical takes back the escapes that miekg/dns writes and dns/name does not.
func canonical(text string) string {
	return escape.ReplaceAllStringFunc(text, func(e string) string {
		switch c := e[1]; {
		case c == ' ':
			return `\032`
		case c == '.' || c == '\\' || '0' <= c && c <= '9':
			return e
		default:
			return e[1:]
		}
	})
}

// AppendText writes the text itself: what miekg/dns returns is a string.
func AppendText(b, msg []byte, off int) (text []byte, next int, err error) {
	var room [MaxLen]byte
	flat, next, err := flatten(room[:0], msg, off)
	if err != nil {
		return b, 0, err
	}
	if len(flat) == 1 {
		return append(b, '.'), next, nil
	}
	for left := 0; flat[0] != 0 || left > 0; flat = flat[1:] {
		if left == 0 {
			left = int(flat[0])
			continue
		}
		b = appendOctet(b, flat[0])
		if left--; left == 0 {
			b = append(b, '.')
		}
	}
	return b, next, nil
}

func appendOctet(b []byte, c byte) []byte {
	if c == '.' || c == '\\' {
		return append(b, '\\', c)
	}
	if c <= ' ' || c > '~' {
		return fmt.Appendf(b, `\%03d`, c)
	}
	return append(b, c)
}

// Append looks for what miekg/dns does not see, and lets it write names without
// escapes, which it does in b's own memory.
func Append(b []byte, name string) ([]byte, error) {
	if name == "." {
		return append(b, 0), nil
	}
	var room [MaxLen]byte
	flat, label := append(room[:0], 0), 0 // where the last label begins
	for rest := name; rest != ""; {
		c, n, err := unescape(rest)
		switch {
		case err != nil:
			return b, err
		case n == 1 && c == '.':
			if len(flat) == label+1 {
				return b, fmt.Errorf("%w: %q", ErrEmptyLabel, name)
			}
			label = len(flat)
			flat = append(flat, 0)
		case len(flat)-label > MaxLabel:
			return b, fmt.Errorf("%w: %q", ErrLabelLen, name)
		case len(flat) >= MaxLen:
			return b, fmt.Errorf("%w: %q", ErrNameLen, name)
		default:
			flat = append(flat, c)
			flat[label] = byte(len(flat) - label - 1)
		}
		rest = rest[n:]
	}
	if flat[label] != 0 {
		flat = append(flat, 0)
	} else if label == 0 {
		return b, fmt.Errorf("%w: %q", ErrEmptyLabel, name)
	}
	if len(flat) > MaxLen {
		return b, fmt.Errorf("%w: %q", ErrNameLen, name)
	}
	if strings.Contains(name, `\`) || !dns.IsFqdn(name) {
		return append(b, flat...), nil
	}
	out := slices.Grow(b, len(flat))[:len(b)+len(flat)]
	if _, err := dns.PackDomainName(name, out, len(b), nil, false); err != nil {
		return b, err
	}
	return out, nil
}

// unescape returns the octet that text begins with, and of how many it is made.
func unescape(text string) (c byte, n int, err error) {
	switch {
	case text[0] != '\\':
		return text[0], 1, nil
	case len(text) == 1:
		return 0, 0, fmt.Errorf("%w: %q", ErrEscape, text)
	case text[1] < '0' || text[1] > '9':
		return text[1], 2, nil
	case len(text) < 4:
		return 0, 0, fmt.Errorf("%w: %q", ErrEscape, text)
	}
	v, err := strconv.ParseUint(text[1:4], 10, 8)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %q", ErrEscape, text)
	}
	return byte(v), 4, nil
}
