package wire_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/example/netkata/harness/wire"
	"pgregory.net/rapid"
)

// The listing of a golden whose remarks are its own, with marks where a test
// wants to point.
func TestDumpMarks(t *testing.T) {
	d, err := wire.ParseHex("testdata/dns/name/pointer.hex", []byte(`# A head is not listed.

07 65 78 61 6d 70 6c 65  # 7 "example"
03 63 6f 6d 00           # 3 "com", end of the name
00                       # padding, with a remark that takes more than one line

# the second name
03 77 77 77              # 3 "www"
c0 00                    # pointer to 0x00
`))
	if err != nil {
		t.Fatal(err)
	}
	got := d.Dump(
		wire.Mark{Off: 0x12, Note: "you stopped before this"},
		wire.Mark{Off: 0x02, Note: "half a label"},
		wire.Mark{Off: 0x0d, Note: "no note fits here"},
		wire.Mark{Off: 0x0e},
		wire.Mark{Off: 0x13, Note: "two notes on one row, and this one is long"},
		wire.Mark{Off: 0x14, Note: "want the next one here"},
		wire.Mark{Off: 0x20, Note: "you said"},
		wire.Mark{Off: -1, Note: "and then"},
	)
	want := `testdata/dns/name/pointer.hex
> 0x00  07 65 78 61 6d 70 6c 65  7 "example"   <- 0x02: half a label
  0x08  03 63 6f 6d 00           3 "com", end of the name
> 0x0d  00                       padding, with a remark that takes more
                                 than one line
                                 <- no note fits here
  the second name
> 0x0e  03 77 77 77              3 "www"
> 0x12  c0 00                    pointer to 0x00
                                 <- you stopped before this
                                 <- 0x13: two notes on one row, and this
                                 one is long
> 0x14                           end of the message
                                 <- want the next one here
> 0x20                           outside the message   <- you said
> -1                             outside the message   <- and then
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A note stands on the row of its mark where there is room for it.
func TestDumpNotes(t *testing.T) {
	for n := range 60 {
		got := wire.DNSName([]byte("\x03www\x00"), 0).Dump(wire.Mark{Note: strings.Repeat("x", n)})
		readable(t, got)
		fits := len(`> 0x00  03 77 77 77              3 "www"   <- `)+n <= 72
		if strings.HasSuffix(strings.SplitAfter(got, "\n")[0], "x\n") != (fits && n > 0) {
			t.Errorf("a note of %d characters:\n%s", n, got)
		}
	}
}

// A long run of octets is folded, but not where a mark stands.
func TestDumpFoldsOctets(t *testing.T) {
	d := wire.Bytes(bytes.Repeat([]byte{0xab, 0xcd}, 500))
	d.Fields[0].Text = "Signature"
	got := d.Dump(wire.Mark{Off: 0x101, Note: "here"})
	if lines := strings.Count(got, "\n"); lines != 12 {
		t.Errorf("%d lines, want 12:\n%s", lines, got)
	}
	for _, part := range []string{
		"  0x0000  ab cd ab cd ab cd ab cd  Signature\n",
		"\n  0x0040  … 192 octets not shown\n> 0x0100  ab cd ab cd ab cd ab cd   <- 0x101: here\n",
		"here\n  0x0108  … 728 octets not shown\n  0x03e0  ab cd ab cd ab cd ab cd\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in\n%s", part, got)
		}
	}
	const zeros = "  0x00  00 00 00 00 00 00 00 00\n  0x08  00 00 00 00 00 00 00 00\n  0x10  … 112 octets not shown\n  0x80  00\n"
	if got := wire.Bytes(make([]byte, 129)).Dump(); got != zeros {
		t.Errorf("one octet over and over:\n%s\nwant\n%s", got, zeros)
	}
	if got, want := wire.Bytes(make([]byte, 128)).Dump(), 16; strings.Count(got, "\n") != want {
		t.Errorf("128 octets take no %d lines:\n%s", want, got)
	}
}

// With marks, a message of many fields is shown near them; without, entirely.
func TestDumpFoldsFields(t *testing.T) {
	d := wire.DNS(bigMessages()["answers"])
	got := d.Dump(wire.Mark{Off: 0x8000, Note: "here"})
	for _, part := range []string{
		"  0x0000  … 32733 octets in 12275 fields not shown\n  answer",
		"\n> 0x7ffd  0a 00 00 01              ADDRESS 10.0.0.1   <- 0x8000: here\n",
		"\n  answer 2047 of 4093: www.example.com. A\n",
		"\n  0x8011  … 32736 octets in 12276 fields not shown\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in\n%s", part, got)
		}
	}
	if n := strings.Count(got, "\n"); n > 30 {
		t.Errorf("%d lines around one mark", n)
	}
	short := wire.DNS(answer(t))
	if all, marked := short.Dump(), short.Dump(wire.Mark{Off: len(short.Msg) - 1}); strings.Count(all, "\n") != strings.Count(marked, "\n") {
		t.Errorf("with a mark, a short message is\n%s", marked)
	}
	if n := strings.Count(d.Dump(), "\n"); n < len(d.Fields) {
		t.Errorf("%d lines without marks, but there are %d fields", n, len(d.Fields))
	}
}

// A Dissection made by hand may be wrong in any way: each octet is still listed
// once.
func TestDumpMends(t *testing.T) {
	tests := []struct {
		why    string
		fields []wire.Field
		want   string // offsets and texts
	}{
		{"none", nil, "0x00 "},
		{"a gap", []wire.Field{{Off: 1, Len: 1, Text: "a"}, {Off: 3, Len: 1, Text: "b"}}, "0x00 |0x01 a|0x02 |0x03 b"},
		{"an overlap", []wire.Field{{Off: 0, Len: 3, Text: "a"}, {Off: 2, Len: 2, Text: "b"}}, "0x00 a|0x03 "},
		{"too long", []wire.Field{{Off: 0, Len: 5, Text: "a"}}, "0x00 "},
		{"longer than numbers go", []wire.Field{{Off: 2, Len: 1<<63 - 1, Text: "a"}}, "0x00 "},
		{"empty", []wire.Field{{Off: 0, Len: 0, Text: "a"}}, "0x00 "},
		{"negative", []wire.Field{{Off: -1, Len: 2, Text: "a"}, {Off: 1, Len: -2, Text: "b"}}, "0x00 "},
		{"out of order", []wire.Field{{Off: 2, Len: 2, Text: "b"}, {Off: 0, Len: 2, Text: "a"}}, "0x00 |0x02 b"},
	}
	for _, tt := range tests {
		d := wire.Dissection{Msg: []byte{0, 1, 2, 3}, Fields: tt.fields, Faults: []wire.Fault{{Off: 9, Why: "far"}, {Off: -9, Why: "near"}}}
		var got []string
		for line := range strings.Lines(d.Dump()) {
			if strings.HasPrefix(line, "  0x") {
				got = append(got, line[2:6]+" "+strings.TrimSpace(line[min(len(line)-1, 33):]))
			}
		}
		if got := strings.Join(got, "|"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.why, got, tt.want)
		}
		d.Hex()
		wire.Diff([]byte{0, 9}, d)
	}
}

// Remarks with anything in them make no line too long, and none that a terminal
// would obey.
func TestDumpReadable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDissection(t)
		if len(d.Fields) > 0 {
			d.Fields[0].Text = rapid.String().Draw(t, "anything")
			d.Fields[0].Section = rapid.String().Draw(t, "anything")
		}
		var marks []wire.Mark
		for range rapid.IntRange(0, 3).Draw(t, "marks") {
			marks = append(marks, wire.Mark{Off: rapid.IntRange(-2, len(d.Msg)+2).Draw(t, "mark"), Note: rapid.String().Draw(t, "note")})
		}
		got := d.Dump(marks...)
		readable(t, got)
		if n := strings.Count("\n"+got, "\n> "); len(d.Fields) < 100 && (n == 0) != (len(marks) == 0) {
			t.Fatalf("%d marks, %d rows that show them:\n%s", len(marks), n, got)
		}
	})
}

func ExampleDissection_Dump() {
	msg := []byte("\x07example\x03com\x00\x03www\xc0\x0d")
	fmt.Print(wire.DNSName(msg, 13).Dump(wire.Mark{Off: 17, Note: "your Parse went on here"}))
	// Output:
	//   0x00  07 65 78 61 6d 70 6c 65
	//   0x08  03 63 6f 6d 00
	//   0x0d  03 77 77 77              3 "www"
	// > 0x11  c0 0d                    pointer to 0x0d
	//                                  <- your Parse went on here
	// ! 0x11  the pointer leads into the name that it ends: no end (RFC 1035,
	//         4.1.4; RFC 9267, 2)
}
