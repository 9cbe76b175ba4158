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
	var flat []byte
	visited := map[int]bool{}
	low := off
	for pos := off; ; {
		if pos >= len(msg) {
			return "", 0, fmt.Errorf("at %d: %w", pos, ErrShort)
		}
		switch c := msg[pos]; c >> 6 {
		case 0:
			end := pos + 1 + int(c)
			if end > len(msg) {
				return "", 0, fmt.Errorf("at %d: %w", pos, ErrShort)
			}
			flat = append(flat, msg[pos:end]...)
			if len(flat) > MaxLen || len(flat) == MaxLen && c != 0 {
				return "", 0, ErrNameLen
			}
			if pos = end; c != 0 {
				continue
			}
			if next == 0 {
				next = pos
			}
			text, _, err := dns.UnpackDomainName(flat, 0)
			return canonical(text), next, err
		case 3:
			if pos+2 > len(msg) {
				return "", 0, fmt.Errorf("at %d: %w", pos, ErrShort)
			}
			to := int(binary.BigEndian.Uint16(msg[pos:]) & 0x3fff)
			if to >= low || visited[to] {
				return "", 0, fmt.Errorf("at %d: %w", pos, ErrPointer)
			}
			if next == 0 {
				next = pos + 2
			}
			visited[to] = true
			low, pos = to, to
		default:
			return "", 0, fmt.Errorf("at %d: %w", pos, ErrLabelType)
		}
	}
}

var (
	goodEscape = regexp.MustCompile(`(?s)\\(?:[01]\d\d|2[0-4]\d|25[0-5]|[^\d])`)
	escape     = regexp.MustCompile(`\\.`)
)

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

// Append lets miekg/dns write the name, after a look at what it does not see.
func Append(b []byte, name string) ([]byte, error) {
	rest := goodEscape.ReplaceAllString(name, "x")
	switch {
	case strings.Contains(rest, `\`):
		return b, fmt.Errorf("%w: %q", ErrEscape, name)
	case name == ".":
		return append(b, 0), nil
	}
	length := 1
	for _, l := range strings.Split(strings.TrimSuffix(rest, "."), ".") {
		switch n := len(l); {
		case n == 0:
			return b, fmt.Errorf("%w: %q", ErrEmptyLabel, name)
		case n > MaxLabel:
			return b, fmt.Errorf("%w: %d", ErrLabelLen, n)
		default:
			length += 1 + n
		}
	}
	if length > MaxLen {
		return b, ErrNameLen
	}
	if !dns.IsFqdn(name) {
		name += "."
	}
	buf := make([]byte, length)
	n, err := dns.PackDomainName(name, buf, 0, nil, false)
	if err != nil {
		return b, err
	}
	return append(b, buf[:n]...), nil
}
