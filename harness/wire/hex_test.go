package wire_test

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/example/netkata/harness/wire"
	"pgregory.net/rapid"
)

// unhex reads hex digits in groups.
func unhex(t rapid.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	return b
}

// Each way to write a row, a remark, a head.
func TestParseHex(t *testing.T) {
	type d = wire.Dissection
	tests := []struct {
		why, src string
		want     d
	}{
		{"nothing", "", d{}},
		{"blank lines only", "\n \n\t\n", d{}},
		{"octets alone", "2a 17", d{Msg: []byte{0x2a, 0x17}, Fields: []wire.Field{{Len: 2}}}},
		{"in groups, in capitals", "2A17 01", d{Msg: []byte{0x2a, 0x17, 1}, Fields: []wire.Field{{Len: 3}}}},
		{"a remark", "00 # the end", d{Msg: []byte{0}, Fields: []wire.Field{{Len: 1, Text: "the end"}}}},
		{"a remark with # in it", "00# C#", d{Msg: []byte{0}, Fields: []wire.Field{{Len: 1, Text: "C#"}}}},
		{"rows without a remark go on", "00 # a\n01\n02", d{Msg: []byte{0, 1, 2}, Fields: []wire.Field{{Len: 3, Text: "a"}}}},
		{"blank lines between rows do not matter", "00 # a\n\n01", d{Msg: []byte{0, 1}, Fields: []wire.Field{{Len: 2, Text: "a"}}}},
		{"an empty remark begins a field", "00 # a\n01 #", d{Msg: []byte{0, 1}, Fields: []wire.Field{{Len: 1, Text: "a"}, {Off: 1, Len: 1}}}},
		{"an indented remark goes on", "00 # a\n   # b\n01\n\t# c", d{Msg: []byte{0, 1}, Fields: []wire.Field{{Len: 2, Text: "a b c"}}}},
		{"offsets, with and without colon", "0x00: 00\n0x01  01\n0X2 02\n0003:03\n4: 04", d{Msg: []byte{0, 1, 2, 3, 4}, Fields: []wire.Field{{Len: 5}}}},
		{"Windows' line ends, and its mark", "\ufeff00 # a\r\n01\r\n", d{Msg: []byte{0, 1}, Fields: []wire.Field{{Len: 2, Text: "a"}}}},
		{"a head", "# one\n#   two\n#\n# three\n\n\n00", d{Head: []string{"one", "  two", "", "three"}, Msg: []byte{0}, Fields: []wire.Field{{Len: 1}}}},
		{"a head in two parts", "# one\n\n# two\n\n00", d{Head: []string{"one", "", "two"}, Msg: []byte{0}, Fields: []wire.Field{{Len: 1}}}},
		{"a head and nothing else", "# one\n# two", d{Head: []string{"one", "two"}}},
		{"a section", "# one\n00\n# two\n# lines\n\n01", d{Msg: []byte{0, 1}, Fields: []wire.Field{{Len: 1, Section: "one"}, {Off: 1, Len: 1, Section: "two\nlines"}}}},
		{"a head and a section", "# head\n\n# one\n00", d{Head: []string{"head"}, Msg: []byte{0}, Fields: []wire.Field{{Len: 1, Section: "one"}}}},
		{"a fault, on two lines", "00 # a\n# ! 0x00 too\n#     short\n01 # b", d{Msg: []byte{0, 1},
			Fields: []wire.Field{{Len: 1, Text: "a"}, {Off: 1, Len: 1, Text: "b"}}, Faults: []wire.Fault{{Why: "too short"}}}},
		{"indented, but behind a blank line: a section", "00 # a\n\n  # b\n01", d{Msg: []byte{0, 1}, Fields: []wire.Field{{Len: 1, Text: "a"}, {Off: 1, Len: 1, Section: "b"}}}},
		{"remarks at the end", "00 # a\n# b", d{Msg: []byte{0}, Fields: []wire.Field{{Len: 1, Text: "a"}}}},
	}
	for _, tt := range tests {
		got, err := wire.ParseHex("", []byte(tt.src))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n%s\ngot  %+v, %v\nwant %+v", tt.why, tt.src, got, err, tt.want)
		}
	}
}

// What is not annotated hex is refused, with the line and the character.
func TestParseHexErrors(t *testing.T) {
	tests := []struct{ src, want string }{
		{"00 # a\n0g # b", `f.hex:2: character 2: 'g' is not a hex digit (remarks stand behind #)`},
		{"00 01 02 |...|", `f.hex:1: character 10: '|' is not a hex digit (remarks stand behind #)`},
		{"00, 01", `f.hex:1: character 3: ',' is not a hex digit (remarks stand behind #)`},
		{"00 é0", `f.hex:1: character 4: 'é' is not a hex digit (remarks stand behind #)`},
		{"00 1 02", `f.hex:1: character 4: 1 has 1 digit, but an octet has two`},
		{"00\n\t012", `f.hex:2: character 2: 012 has 3 digits, but an octet has two`},
		{"00 0x01", `f.hex:1: character 4: octets are written without 0x: 01`},
		{"00\n0x02: 01", `f.hex:2: character 1: the offset says 0x02, but this row begins at 0x01 (1 octet above it)`},
		{"  0x01  01", `f.hex:1: character 3: the offset says 0x01, but this row begins at 0x00 (0 octets above it)`},
		{"0x00:", `f.hex:1: character 1: an offset without octets`},
		{"0xzz: 00", `f.hex:1: character 3: 'z' is not a hex digit (remarks stand behind #)`},
		{"0x: 00", `f.hex:1: character 1: "0x" is no offset: it needs one to eight hex digits`},
		{": 00", `f.hex:1: character 1: "" is no offset: it needs one to eight hex digits`},
		{"0x100000000: 00", `f.hex:1: character 1: "0x100000000" is no offset: it needs one to eight hex digits`},
		{"00 # \x1b[31m", `f.hex:1: character 6: '\x1b' cannot be printed`},
		{"00 # \xff", `f.hex:1: character 6: the byte 0xff is not text (UTF-8)`},
		{"00\x00", `f.hex:1: character 3: '\x00' cannot be printed`},
	}
	for _, tt := range tests {
		if d, err := wire.ParseHex("f.hex", []byte(tt.src)); err == nil || err.Error() != tt.want || d.Msg != nil {
			t.Errorf("%q:\ngot  %v\nwant %v", tt.src, err, tt.want)
		}
	}
}

// Names are split from texts again where the remarks are a dissector's.
func TestParseHexRecognises(t *testing.T) {
	d := wire.DNS(unhex(t, "2a17 0100 0001 0000 0000 0000 00 0001 0001"))
	got, err := wire.ParseHex("", d.Hex())
	if err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, d)
	}
	// Remarks of one's own stay, beside those of the dissector.
	src := strings.Replace(string(d.Hex()), "ID 0x2a17", "the answer to all", 1)
	got, err = wire.ParseHex("", []byte(src))
	if err != nil || got.Protocol != "dns" || got.Fields[0].Text != "the answer to all" || got.Fields[1].Name != "flags" {
		t.Errorf("one remark changed: %+v, %v", got, err)
	}
	if got, _ := wire.ParseHex("", []byte("2a 17 # ID 0x2a17\n01 # half of the flags")); got.Protocol != "" {
		t.Errorf("another's remarks: %+v", got)
	}
}

func TestHex(t *testing.T) {
	d := wire.Dissection{
		Msg: []byte("\x0aabcdefghij\x00\x01\x02"),
		Fields: []wire.Field{
			{Len: 11, Section: "first", Name: "NAME", Text: `10 "abcdefghij", which takes more room than there is on one line`},
			{Off: 11, Len: 1},
			{Off: 12, Len: 2, Section: "second\nof two", Text: "the rest"},
		},
		Faults: []wire.Fault{{Off: 11, Why: "a zero, which nothing expects in this place, not even by chance (RFC 1035, 3.1)"}, {Off: 14, Why: "ends"}},
	}
	want := `# Head of the file.
#   indented

# first
0x00: 0a 61 62 63 64 65 66 67  # NAME 10 "abcdefghij", which takes more room
                               # than there is on one line
0x08: 68 69 6a
0x0b: 00                       #
# ! 0x0b a zero, which nothing expects in this place, not even by chance (RFC
#     1035, 3.1)

# second
# of two
0x0c: 01 02                    # the rest
# ! 0x0e ends
`
	if got := string(d.Hex("Head of the file.\n  indented")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := string(wire.Bytes([]byte{1, 2}).Hex("head")), "# head\n\n0x00: 01 02\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := wire.Bytes(nil).Hex(); len(got) > 0 {
		t.Errorf("nothing is %q", got)
	}
}

// What Hex writes, ParseHex reads back.
func TestHexRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawDissection(t)
		roundTrip(t, want)
	})
}

func roundTrip(t rapid.TB, want wire.Dissection) {
	t.Helper()
	file := want.Hex()
	got, err := wire.ParseHex(want.Name, file)
	if err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	if again := got.Hex(); !bytes.Equal(again, file) {
		t.Fatalf("written again\n%s\nat first\n%s", again, file)
	}
	if !bytes.Equal(got.Msg, want.Msg) {
		t.Fatalf("octets %x, want %x, in\n%s", got.Msg, want.Msg, file)
	}
	if !slices.Equal(labelled(got.Fields), labelled(want.Fields)) {
		t.Fatalf("fields %+v\nwant %+v\nin\n%s", got.Fields, want.Fields, file)
	}
	if !slices.Equal(got.Faults, want.Faults) || !slices.Equal(got.Head, want.Head) || got.Name != want.Name {
		t.Fatalf("got  %q %q %q\nwant %q %q %q\nin\n%s", got.Name, got.Head, got.Faults, want.Name, want.Head, want.Faults, file)
	}
}

// labelled returns fields whose text is the whole label, as a file has it.
func labelled(fields []wire.Field) []wire.Field {
	out := make([]wire.Field, len(fields))
	for i, f := range fields {
		out[i] = wire.Field{Off: f.Off, Len: f.Len, Section: f.Section, Text: strings.TrimSpace(f.Label())}
	}
	return out
}

func drawDissection(t *rapid.T) wire.Dissection {
	// Words and what stands between them, with what means something in a file.
	text := rapid.StringMatching(`([a-zé#!:"\\0-9]{1,12}[ ]{1,2}){0,9}[a-zé#!:"\\0-9]{1,50}`)
	maybe := rapid.OneOf(rapid.Just(""), text)
	d := wire.Dissection{Name: "f.hex"}
	for range rapid.IntRange(0, 6).Draw(t, "fields") {
		octets := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "octets")
		f := wire.Field{Off: len(d.Msg), Len: len(octets), Section: maybe.Draw(t, "section")}
		f.Name, f.Text = maybe.Draw(t, "name"), maybe.Draw(t, "text")
		d.Msg, d.Fields = append(d.Msg, octets...), append(d.Fields, f)
		if rapid.Bool().Draw(t, "fault") {
			d.Faults = append(d.Faults, wire.Fault{Off: f.Off, Why: text.Draw(t, "why")})
		}
	}
	if rapid.Bool().Draw(t, "short") {
		d.Faults = append(d.Faults, wire.Fault{Off: len(d.Msg), Why: text.Draw(t, "why")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "head") {
		d.Head = append(d.Head, maybe.Draw(t, "head"))
	}
	for n := len(d.Head); n > 0 && d.Head[n-1] == ""; n-- {
		d.Head = d.Head[:n-1]
	}
	return d
}
