package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/example/netkata/harness/wire"
)

// Any bytes are a DNS message, sound or not: each octet is in one field, the
// listing is readable, and a cut (at) changes nothing in front of it. A name
// (also at) may be anywhere.
func FuzzDNS(f *testing.F) {
	for _, golden := range goldens(f, "wire") { // each a fault of its own
		f.Add(golden.Msg, len(golden.Msg)-1)
	}
	for _, seed := range []string{
		"",                           // no message at all
		"\x00",                       // half an ID
		strings.Repeat("\xc0", 40),   // pointers only, all out of range
		strings.Repeat("\x00", 300),  // no counts: all surplus
		strings.Repeat("\xff", 300),  // the highest counts, no data that fits
		strings.Repeat("\x3f", 300),  // the longest labels, never an end
		string(answer(f)),            // a sound answer
		string(answer(f)) + "\x00",   // one octet too many
		string(chain("\x01a")[:600]), // a name that grows from pointer to pointer
	} {
		f.Add([]byte(seed), len(seed)/2)
	}
	f.Fuzz(func(t *testing.T, msg []byte, at int) {
		d := wire.DNS(msg)
		covered(t, d)
		roundTrip(t, d)
		covered(t, wire.DNSHeader(msg))
		name := wire.DNSName(msg, at)
		covered(t, name)
		roundTrip(t, name)
		if 0 <= at && at < len(msg) {
			cut(t, d, at)
		}
	})
}

// Any text is annotated hex or refused by a line and a character; what is read
// can be written, and is then the same.
func FuzzParseHex(f *testing.F) {
	for _, seed := range []string{
		"", // nothing
		"# head\n\n# section\n0x00: 2a 17  # ID\n", // all that there is
		"2A17 0100\n\n# two\n# lines\n00",          // groups, capitals, a section
		"00 # a\n   # b\n01\n",                     // remarks and rows that go on
		"00 #\n# ! 0x00 why\n#     and how\n",      // a fault
		"#! 0x0\twhy",                              // a tab, which is written as a space
		"# ! 0x00 why",                             // a fault of nothing
		"0000:00\n1:\t01\r\n",                      // other people's offsets and line ends
		"\ufeff00 # é…\n",                          // characters of several octets
		"00 # \x1b[2J",                             // what a terminal would obey
		"0x01: 00",                                 // an offset that does not fit
		string(wire.DNS(answer(f)).Hex("a", "b")),  // a golden
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := wire.ParseHex("f.hex", src)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.hex:") || !strings.Contains(err.Error(), ": character ") {
				t.Fatalf("%q: %v", src, err)
			}
			return
		}
		readable(t, d.Dump())
		file := d.Hex()
		again, err := wire.ParseHex("f.hex", file)
		if err != nil {
			t.Fatalf("%v in\n%s", err, file)
		}
		if !bytes.Equal(again.Msg, d.Msg) || !bytes.Equal(again.Hex(), file) {
			t.Fatalf("%q was written as\n%s\nand then as\n%s", src, file, again.Hex())
		}
	})
}

// Any two messages can be compared.
func FuzzDiff(f *testing.F) {
	msg := answer(f)
	for _, seed := range []struct {
		got, want []byte
		dns       bool
	}{
		{nil, msg, true},      // nothing
		{msg, nil, true},      // nothing was wanted
		{msg[:20], msg, true}, // cut off
		{append(msg[:20:20], msg[21:]...), msg, true}, // one is missing
		{bytes.Repeat(msg, 2), msg, true},             // twice
		{[]byte("abab"), []byte("ab"), false},         // the same again, behind itself
		{make([]byte, 300), make([]byte, 299), false}, // any of them may be the one too many
	} {
		f.Add(seed.got, seed.want, seed.dns)
	}
	f.Fuzz(func(t *testing.T, got, msg []byte, dns bool) {
		want := wire.Bytes(msg)
		if dns {
			want = wire.DNS(msg)
		}
		diff := wire.Diff(got, want)
		readable(t, diff)
		if (diff == "") != bytes.Equal(got, msg) || strings.Count(diff, "\n> ") > 1 || strings.Count(diff, "\n") > 300 {
			t.Fatalf("got %x, want %x:\n%s", got, msg, diff)
		}
	})
}
