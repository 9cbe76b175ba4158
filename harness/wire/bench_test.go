package wire_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/example/netkata/harness/wire"
)

// maxBytes is what a message over TCP can have (RFC 1035, section 4.2.2).
const maxBytes = 65535

// bigMessages are messages of about 64 KiB, most of them such as only an attacker
// sends: many fields, long names, long chains, faults everywhere.
func bigMessages() map[string][]byte {
	const (
		question = "\x03www\x07example\x03com\x00\x00\x01\x00\x01"
		a        = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04\x0a\x00\x00\x01"
		ns       = "\xc0\x0c\x00\x02\x00\x01\x00\x00\x0e\x10\x00\x02\xc0\x0c"
		nowhere  = "\xff\xff\x00\x02\x00\x01\x00\x00\x0e\x10\x00\x02\xff\xff"
	)
	long := strings.Repeat("\x01a", 127) + "\x00\x00\x01\x00\x01"
	return map[string][]byte{
		"answers":    fill(question, a),
		"questions":  questions("\x00\x00\x01\x00\x01"),
		"long names": fill(long, ns),
		"labels":     questions(long),
		"nowhere":    fill(question, nowhere),
		"strings":    one(16, "\x00"),
		"options":    one(41, "\x00\x0a\x00\x00"),
		"windows":    one(47, "\x00\x20"+strings.Repeat("\xff", 32)),
		"octets":     one(65280, "\x2a"),
		"chain":      chain(""),
		"growing":    chain("\x01a"),
	}
}

// message puts a header in front of the parts.
func message(questions, answers int, parts ...string) []byte {
	b := []byte{0x2a, 0x17, 0x84, 0}
	for _, n := range []int{questions, answers, 0, 0} {
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	}
	return append(b, strings.Join(parts, "")...)
}

// fill is a message of a question and as many copies of a record as there is
// room for.
func fill(question, record string) []byte {
	n := (maxBytes - 12 - len(question)) / len(record)
	return message(1, n, question, strings.Repeat(record, n))
}

func questions(question string) []byte {
	n := (maxBytes - 12) / len(question)
	return message(n, 0, strings.Repeat(question, n))
}

// one is a message of one record, whose RDATA is full of copies of part.
func one(rrtype uint16, part string) []byte {
	return message(0, 1, record("\x00", rrtype, strings.Repeat(part, (maxBytes-12-11)/len(part))))
}

func record(owner string, rrtype uint16, rdata string) string {
	b := binary.BigEndian.AppendUint16([]byte(owner), rrtype)
	b = append(b, 0, 1, 0, 0, 14, 16)
	return string(binary.BigEndian.AppendUint16(b, uint16(len(rdata)))) + rdata
}

// chain is a message whose first RDATA is a chain of names, each a label and a
// pointer to the name before; the owners of the other records lead into it.
func chain(label string) []byte {
	const from = 12 + 11 // the first name of the chain
	rdata := "\x00"
	at := from
	var targets []int
	for from+len(rdata) <= 0x3fff {
		next := from + len(rdata)
		rdata += label + string([]byte{0xc0 | byte(at>>8), byte(at)})
		at = next
		targets = append(targets, at)
	}
	parts := []string{record("\x00", 65280, rdata)}
	for room := maxBytes - from - len(rdata); room >= 12; room -= 12 {
		at := targets[len(targets)-1-len(parts)%len(targets)]
		parts = append(parts, record(string([]byte{0xc0 | byte(at>>8), byte(at)}), 65280, ""))
	}
	return message(0, len(parts), parts...)
}

// A message of 64 KiB is to be explained in less than 10 ms.
func BenchmarkExplain(b *testing.B) {
	all := bigMessages()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		msg := all[name]
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

// What is made to be heavy keeps all promises, too, and no difference fills
// screens.
func TestBigMessages(t *testing.T) {
	for name, msg := range bigMessages() {
		if len(msg) < maxBytes-600 || len(msg) > maxBytes {
			t.Errorf("%s: %d octets", name, len(msg))
		}
		d := wire.DNS(msg)
		covered(t, d)
		if n := len(d.Faults); n > 50 || n < 50 && name == "nowhere" {
			t.Errorf("%s: %d faults, want no more than 50", name, n)
		}
		other := bytes.Clone(msg)
		for i := range other {
			other[i] ^= 1
		}
		for _, got := range [][]byte{other, other[:len(other)-1], append(other, other...), nil, msg[:1000]} {
			diff := wire.Diff(got, d)
			readable(t, diff)
			if n := strings.Count(diff, "\n"); n > 200 {
				t.Errorf("%s: a difference of %d lines", name, n)
			}
		}
	}
}
