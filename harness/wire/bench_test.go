package wire_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/example/netkata/harness/wire"
)

// bigMessages are messages of about 64 KiB, each heavy in its own way.
func bigMessages() map[string][]byte {
	longName := strings.Repeat("\x01a", 127) + "\x00"
	return map[string][]byte{
		"answers":   fill(0, 1, "\x03www\x07example\x03com\x00\x00\x01\x00\x01", "\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\x0a\x00\x00\x01"),
		"questions": fill(65535, 0, "", "\x00\x00\x01\x00\x01"),
		"names":     fill(0, 1, longName+"\x00\x01\x00\x01", "\xc0\x0c\x00\x02\x00\x01\x00\x00\x0e\x10\x00\x02\xc0\x0c"),
		"labels":    fill(65535, 0, "", longName+"\x00\x01\x00\x01"),
		"strings":   fill(0, 0, "\x00\x00\x10\x00\x01\x00\x00\x0e\x10\xff\xe0", "\x00"),
		"octets":    fill(0, 0, "\x00\xff\x00\x00\x01\x00\x00\x0e\x10\xff\xe0", "\x2a"),
		"options":   fill(0, 0, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\xff\xe0", "\x00\x0a\x00\x00"),
		"forwards":  fill(0, 0, "", "\xff\xff\x00\x02\x00\x01\x00\x00\x0e\x10\x00\x02\xff\xff"),
		"chain":     chain(""),
		"growing":   chain("\x01a"),
		"bitmap":    fill(0, 0, "\x00\x00\x2f\x00\x01\x00\x00\x0e\x10\xff\xe0\x00", "\x00\x20"+strings.Repeat("\xff", 32)),
	}
}

// fill is a message of 65,500 octets: a header, head once, and body as often as
// there is room.
func fill(questions, some int, head, body string) []byte {
	n := (65500 - 12 - len(head)) / len(body)
	answers := min(n+1, 65535)
	if questions > 0 {
		questions, answers = n, 0
	}
	questions = max(questions, some)
	header := []byte{0x2a, 0x17, 0x84, 0, byte(questions >> 8), byte(questions), byte(answers >> 8), byte(answers), 0, 0, 0, 0}
	return append(header, head+strings.Repeat(body, n)...)
}

// chain is a message whose first RDATA is a chain of names, each a label and a
// pointer to the name before; the owners of the other records lead into it.
func chain(label string) []byte {
	msg := []byte("\x2a\x17\x84\x00\x00\x00\xff\xff\x00\x00\x00\x00" + "\x00\xff\x00\x00\x01\x00\x00\x0e\x10\x3f\x00\x00")
	last := len(msg) - 1
	var targets []int
	for len(msg)+len(label)+2 <= 12+11+0x3f00 {
		at := len(msg)
		msg = append(append(msg, label...), 0xc0|byte(last>>8), byte(last))
		last = at
		targets = append(targets, at)
	}
	for len(msg) < 12+11+0x3f00 {
		msg = append(msg, 0)
	}
	for i := 0; len(msg) < 65500-12; i++ {
		at := targets[len(targets)-1-i%len(targets)]
		msg = append(msg, 0xc0|byte(at>>8), byte(at), 0, 2, 0, 1, 0, 0, 14, 16, 0, 0)
	}
	return msg
}

func BenchmarkExplain(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(bigMessages())) {
		msg := bigMessages()[name]
		other := bytes.Clone(msg)
		for i := range other {
			other[i] ^= 1
		}
		b.Run("dump/"+name, func(b *testing.B) {
			for b.Loop() {
				wire.DNS(msg).Dump()
			}
		})
		b.Run("diff/"+name, func(b *testing.B) {
			for b.Loop() {
				wire.Diff(other, wire.DNS(msg))
			}
		})
	}
}
