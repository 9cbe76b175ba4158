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
	"slices"
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
	labels, next, err := walk(msg, off, 255)
	if err != nil {
		return "", 0, err
	}
	if len(labels) == 0 {
		return ".", next, nil
	}
	var s strings.Builder
	for _, l := range slices.Backward(labels) {
		for _, c := range []byte(l) {
			if c == '.' || c == '\\' {
				s.WriteByte('\\')
				s.WriteByte(c)
			} else if c > ' ' && c < 127 {
				s.WriteByte(c)
			} else {
				s.WriteByte('\\')
				s.WriteByte('0' + c/100)
				s.WriteByte('0' + c/10%10)
				s.WriteByte('0' + c%10)
			}
		}
		s.WriteByte('.')
	}
	return s.String(), next, nil
}

// walk returns the labels from the last to the first; room is what is left of
// the 255 octets.
func walk(msg []byte, off, room int) ([]string, int, error) {
	var run []string
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
			tail, _, err := walk(msg, target, room)
			slices.Reverse(run)
			return append(tail, run...), pos + 2, err
		}
		if n >= 64 {
			return nil, 0, ErrLabelType
		}
		if room -= n + 1; room < 0 {
			return nil, 0, ErrNameLen
		}
		if n == 0 {
			slices.Reverse(run)
			return run, pos + 1, nil
		}
		if len(msg) <= pos+n {
			return nil, 0, ErrShort
		}
		run = append(run, string(msg[pos+1:pos+1+n]))
		pos += 1 + n
	}
}

func Append(b []byte, name string) ([]byte, error) {
	var labels [][]byte
	label, ended := []byte{}, false
	for t := name; t != ""; {
		c := t[0]
		t = t[1:]
		ended = false
		switch {
		case c == '.':
			labels = append(labels, label)
			label, ended = nil, true
		case c != '\\':
			label = append(label, c)
		case t == "":
			return b, ErrEscape
		case t[0] < '0' || t[0] > '9':
			label = append(label, t[0])
			t = t[1:]
		default:
			v := 0
			for i := range 3 {
				if i >= len(t) || t[i] < '0' || t[i] > '9' {
					return b, ErrEscape
				}
				v = v*10 + int(t[i]-'0')
			}
			if v > 255 {
				return b, ErrEscape
			}
			label = append(label, byte(v))
			t = t[3:]
		}
	}
	if !ended {
		labels = append(labels, label)
	}
	if name == "." {
		labels = nil
	}
	size := 1
	for _, l := range labels {
		if len(l) == 0 {
			return b, ErrEmptyLabel
		}
		if len(l) > 63 {
			return b, ErrLabelLen
		}
		size += 1 + len(l)
	}
	if size > 255 {
		return b, ErrNameLen
	}
	for _, l := range labels {
		b = append(append(b, byte(len(l))), l...)
	}
	return append(b, 0), nil
}
