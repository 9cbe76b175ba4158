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
	"strconv"
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

// Parse reads the name that begins at offset off of msg, and follows its
// pointers. It returns the name as text, with a dot behind every label, and the
// offset of the octet after the name where it began: behind its zero or its
// first pointer.
//
// The error is ErrShort, ErrLabelType, ErrPointer or ErrNameLen.
func Parse(msg []byte, off int) (name string, next int, err error) {
	var room [64]byte
	text, next, err := AppendText(room[:0], msg, off)
	return string(text), next, err
}

// AppendText is Parse for callers who bring their own memory: it appends the
// text to b and returns the extended slice.
//
// The errors are those of Parse; b is then returned as it was.
func AppendText(b, msg []byte, off int) (text []byte, next int, err error) {
	text = b
	length := 1  // octets of the name on the wire; the zero at its end is one
	start := off // of the labels being read: a pointer must lead to before it
	for pos := off; ; {
		if pos >= len(msg) {
			return b, off, fmt.Errorf("%w: name at offset %d", ErrShort, off)
		}
		switch n := int(msg[pos]); {
		case n == 0:
			if next == 0 {
				next = pos + 1
			}
			if len(text) == len(b) {
				text = append(text, '.')
			}
			return text, next, nil

		case n <= MaxLabel:
			end := pos + 1 + n
			if end > len(msg) {
				return b, off, fmt.Errorf("%w: label at offset %d", ErrShort, pos)
			}
			if length += 1 + n; length > MaxLen {
				return b, off, fmt.Errorf("%w: name at offset %d", ErrNameLen, off)
			}
			text = appendLabelText(text, msg[pos+1:end])
			pos = end

		case n >= pointer>>8:
			target, err := follow(msg, pos, start)
			if err != nil {
				return b, off, err
			}
			if next == 0 {
				next = pos + 2
			}
			start, pos = target, target

		default:
			return b, off, fmt.Errorf("%w: octet %#02x at offset %d", ErrLabelType, n, pos)
		}
	}
}

// pointer is the two bits that make a pointer of a sixteen-bit offset.
const pointer = 0xc000

// follow returns where the pointer at pos leads, which must be before start.
func follow(msg []byte, pos, start int) (target int, err error) {
	if pos+2 > len(msg) {
		return 0, fmt.Errorf("%w: pointer at offset %d", ErrShort, pos)
	}
	target = int(binary.BigEndian.Uint16(msg[pos:]) &^ pointer)
	if target >= start {
		return 0, fmt.Errorf("%w: from offset %d to %d", ErrPointer, pos, target)
	}
	return target, nil
}

// appendLabelText appends a label as text, and its dot.
func appendLabelText(text, label []byte) []byte {
	for _, c := range label {
		switch {
		case c == '.' || c == '\\':
			text = append(text, '\\', c)
		case c <= ' ' || c > '~':
			text = append(text, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			text = append(text, c)
		}
	}
	return append(text, '.')
}

// Append appends the name to b, without compression, and returns the extended
// slice. The dot at the end of the text may be missing: every name is taken from
// the root.
//
// The error is ErrLabelLen, ErrNameLen, ErrEmptyLabel or ErrEscape; b is then
// returned as it was.
func Append(b []byte, name string) ([]byte, error) {
	if name == "." {
		return append(b, 0), nil
	}
	out := b
	for rest := name; rest != ""; {
		at := len(out)
		var err error
		out, rest, err = appendLabel(append(out, 0), rest)
		n := len(out) - at - 1
		switch {
		case err != nil:
			return b, err
		case n == 0:
			return b, fmt.Errorf("%w in %q", ErrEmptyLabel, name)
		case n > MaxLabel:
			return b, fmt.Errorf("%w: %d octets in %q", ErrLabelLen, n, name)
		}
		out[at] = byte(n)
	}
	if len(out) == len(b) {
		return b, fmt.Errorf("%w: no text", ErrEmptyLabel)
	}
	out = append(out, 0)
	if n := len(out) - len(b); n > MaxLen {
		return b, fmt.Errorf("%w: %d octets", ErrNameLen, n)
	}
	return out, nil
}

// appendLabel appends the octets of the first label of text, and returns the
// text behind its dot.
func appendLabel(b []byte, text string) (out []byte, after string, err error) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '.':
			return b, text[i+1:], nil
		case '\\':
			octet, n, err := unescape(text[i+1:])
			if err != nil {
				return nil, "", err
			}
			b = append(b, octet)
			i += n
		default:
			b = append(b, c)
		}
	}
	return b, "", nil
}

// unescape reads what follows a backslash: three digits, or one octet that is
// no digit. It returns the octet that is meant, and how long the escape is.
func unescape(text string) (octet byte, n int, err error) {
	if text == "" {
		return 0, 0, fmt.Errorf("%w: nothing behind the backslash", ErrEscape)
	}
	if text[0] < '0' || text[0] > '9' {
		return text[0], 1, nil
	}
	digits := text[:min(3, len(text))]
	v, err := strconv.ParseUint(digits, 10, 8)
	if len(digits) < 3 || err != nil {
		return 0, 0, fmt.Errorf(`%w: \%s`, ErrEscape, digits)
	}
	return byte(v), 3, nil
}
