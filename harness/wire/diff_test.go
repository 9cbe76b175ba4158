package wire_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/example/netkata/harness/wire"
	"pgregory.net/rapid"
)

// answer is the answer to www.example.com A.
func answer(t rapid.TB) []byte {
	return unhex(t, `2a17 8580 0001 0001 0000 0000
		03777777 076578616d706c65 03636f6d 00 0001 0001
		c00c 0001 0001 0000003c 0004 0a000001`)
}

// The ways in which an answer goes wrong, and what is said of each.
func TestDiff(t *testing.T) {
	tests := []struct {
		why  string
		edit func(msg []byte) []byte
		want string
	}{
		{"nothing", func(msg []byte) []byte { return msg }, ""},
		{"flags, and a number that stands for a name", func(msg []byte) []byte {
			msg[2], msg[3], msg[0x1e] = 0x11, 0x03, 28
			return msg
		}, `got differs from want in 3 of 49 octets, first at 0x02
        got          want
  header
  0x00  2a 17        2a 17        ID 0x2a17
> 0x02  11 03        85 80        flags QR=1 response, opcode 0 QUERY,
                                  AA=1, TC=0, RD=1, RA=1, Z=0, AD=0,
                                  CD=0, rcode 0 NOERROR
                                  QR: got 0 query, want 1 response
                                  opcode: got 2 STATUS, want 0 QUERY
                                  AA: got 0, want 1
                                  RA: got 0, want 1
                                  rcode: got 3 NXDOMAIN, want 0 NOERROR
  0x04  00 01        00 01        QDCOUNT 1
  0x06  … 18 octets equal
  question 1 of 1: www.example.com. A
  0x18  03 63 6f 6d  03 63 6f 6d  3 "com"
  0x1c  00           00           end of www.example.com.
> 0x1d  00 1c        00 01        QTYPE 1 A
                                  got: 28 AAAA
  0x1f  00 01        00 01        QCLASS 1 IN
  0x21  … 16 octets equal
`},
		{"one octet of a label", func(msg []byte) []byte {
			msg[0x14] = 'n'
			return msg
		}, `got differs from want in 1 of 49 octets, first at 0x14
        got          want
  0x00  … 12 octets equal
  question 1 of 1: www.example.com. A
  0x0c  03 77 77 77  03 77 77 77  QNAME 3 "www"
  0x10  07 65 78 61  07 65 78 61  7 "example"
> 0x14  6e 70 6c 65  6d 70 6c 65  got: 7 "exanple"
  0x18  03 63 6f 6d  03 63 6f 6d  3 "com"
  0x1c  … 21 octets equal
`},
		{"the end of the name is missing", func(msg []byte) []byte {
			return append(msg[:0x1c:0x1c], msg[0x1d:]...)
		}, `got 48 octets, want 49: got lacks 1 octet at 0x1c
        got          want
  0x00  … 20 octets equal
  question 1 of 1: www.example.com. A
  0x14  6d 70 6c 65  6d 70 6c 65  7 "example"
  0x18  03 63 6f 6d  03 63 6f 6d  3 "com"
> 0x1c  --           00           end of www.example.com.
  0x1d  … 20 octets equal; in got they stand 1 earlier, at 0x1c
`},
		{"a name of its own in place of a pointer", func(msg []byte) []byte {
			return append(append(msg[:0x21:0x21], msg[0x0c:0x1d]...), msg[0x23:]...)
		}, `got 64 octets, want 49: at 0x21 got has 17 octets where 2 are wanted
        got          want
  0x00  … 29 octets equal
  question 1 of 1: www.example.com. A
  0x1d  00 01        00 01        QTYPE 1 A
  0x1f  00 01        00 01        QCLASS 1 IN
  answer 1 of 1: www.example.com. A
> 0x21  03 77        c0 0c        NAME pointer to 0x0c
                                  (www.example.com.)
                                  got: 3 "www"
  0x23  77 77        -- --        not wanted
  0x25  07 65 78 61  -- -- -- --  7 "example"
  0x29  6d 70 6c 65  -- -- -- --
  0x2d  03 63 6f 6d  -- -- -- --  3 "com"
  0x31  00           --           end of www.example.com.
  0x23  … 14 octets equal; in got they stand 15 later, at 0x32
`},
		{"a zero too many", func(msg []byte) []byte {
			return append(append(msg[:0x1d:0x1d], 0), msg[0x1d:]...)
		}, `got 50 octets, want 49: got has 1 octet too many at 0x1d
        got          want
  0x00  … 29 octets equal
> 0x1d  00           --           not wanted
  0x1d  … 20 octets equal; in got they stand 1 later, at 0x1e
`},
		{"the answer is missing", func(msg []byte) []byte {
			return msg[:0x22]
		}, `got 34 octets, want 49: got ends too early, at 0x22; so far they are
equal
        got          want
  0x00  … 31 octets equal
  question 1 of 1: www.example.com. A
  0x1f  00 01        00 01        QCLASS 1 IN
  answer 1 of 1: www.example.com. A
  0x21  c0           c0           NAME pointer to 0x0c
                                  (www.example.com.)
                                  got: cut off: 1 of 2 octets
  0x22  got ends here: 34 octets, want 49
> 0x22  --           0c
  0x23  -- --        00 01        TYPE 1 A
  0x25  -- --        00 01        CLASS 1 IN
  0x27  -- -- -- --  00 00 00 3c  TTL 60 s
  0x2b  -- --        00 04        RDLENGTH 4
  0x2d  -- -- -- --  0a 00 00 01  ADDRESS 10.0.0.1
`},
		{"octets behind the end", func(msg []byte) []byte {
			return append(msg, 0, 0, 41, 4)
		}, `got 53 octets, want 49: got goes on behind the end, 0x31; so far they
are equal
        got          want
  0x00  … 49 octets equal
  0x31  want ends here: 49 octets; got has 4 more
> 0x31  00 00 29 04  -- -- -- --  4 octets that no count announces
`},
		{"nothing at all", func([]byte) []byte { return nil }, `got 0 octets, want 49
        got          want
  header
  0x00  got ends here: 0 octets, want 49
> 0x00  -- --        2a 17        ID 0x2a17
`},
	}
	for _, tt := range tests {
		got := wire.Diff(tt.edit(answer(t)), wire.DNS(answer(t)))
		if tt.why == "nothing at all" { // the rest is clear
			got = got[:min(len(got), len(tt.want))]
		}
		if got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.why, got, tt.want)
		}
		readable(t, got)
	}
}

// A golden explains itself: its name, its remarks, and the bits that no remark
// needs to name.
func TestDiffGolden(t *testing.T) {
	golden, err := wire.ParseHex("testdata/dns/name/www.hex", []byte("03 77 77 77 # 3 \"www\"\n00 # the end, which people forget\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := `got 4 octets, want 5: got ends too early, at 0x04; so far they are equal
want: testdata/dns/name/www.hex
        got          want
  0x00  03 77 77 77  03 77 77 77  3 "www"
  0x04  got ends here: 4 octets, want 5
> 0x04  --           00           the end, which people forget
`
	if got := wire.Diff([]byte("\x03www"), golden); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	golden, err = wire.ParseHex("", wire.DNS(answer(t)).Hex("A golden of a whole message."))
	if err != nil {
		t.Fatal(err)
	}
	got := answer(t)
	got[2] &^= 4
	if diff := wire.Diff(got, golden); !strings.Contains(diff, " AA: got 0, want 1\n") || strings.Contains(diff, "QR: got") {
		t.Errorf("AA differs, and nothing else:\n%s", diff)
	}
}

// A message that differs everywhere does not fill the screen.
func TestDiffFolds(t *testing.T) {
	want := bytes.Repeat([]byte{1}, 65535)
	got := bytes.Repeat([]byte{2}, 65535)
	got[40000] = 1
	diff := wire.Diff(got, wire.Bytes(want))
	for _, part := range []string{
		"got differs from want in 65534 of 65535 octets, first at 0x00\n",
		"\n> 0x0000  02 02 02 02  01 01 01 01\n> 0x0004",
		"\n  0x0080  … 65407 octets not shown, 65406 of them differ\n",
	} {
		if !strings.Contains(diff, part) {
			t.Errorf("no %q in\n%s", part, diff)
		}
	}
	if n := strings.Count(diff, "\n"); n > 40 {
		t.Errorf("%d lines", n)
	}
	diff = wire.Diff(bytes.Repeat(want, 2), wire.Bytes(want))
	if n := strings.Count(diff, "\n"); n > 40 || !strings.Contains(diff, "… 65407 octets not shown\n") {
		t.Errorf("%d lines:\n%s", n, diff)
	}
}

// A few equal rows between two differences are shown, more are folded.
func TestDiffContext(t *testing.T) {
	want := make([]byte, 40)
	for _, tt := range []struct {
		second, lines int // offset of the second difference; lines of the listing
	}{
		{24, 12}, // two rows would be folded: all are shown
		{28, 10}, // three rows are
		{32, 9},  // and four
	} {
		got := bytes.Clone(want)
		got[0], got[tt.second] = 1, 1
		diff := wire.Diff(got, wire.Bytes(want))
		if n := strings.Count(diff, "\n"); n != tt.lines {
			t.Errorf("differences at 0 and %d: %d lines, want %d\n%s", tt.second, n, tt.lines, diff)
		}
	}
}

// What is said of got's octets is what a reader of all of got would say.
func TestDiffExplainsGot(t *testing.T) {
	long := []byte(message(0, 1, record("\x00", 65280, strings.Repeat("x", 3000))))
	other := bytes.Clone(long)
	other[30] = 'y'
	if diff := wire.Diff(other, wire.DNS(long)); strings.Contains(diff, "got: ") {
		t.Errorf("a long field that is whole on both sides:\n%s", diff)
	}
	mx := answer(t)
	copy(mx[0x23:], "\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x04\x00\x0a\x00\x00")
	diff := wire.Diff(mx, wire.DNS(answer(t)))
	if !strings.Contains(diff, " got: 15 MX\n") || strings.Contains(diff, "got: 10\n") {
		t.Errorf("the preference of an MX is no address:\n%s", diff)
	}
	want := wire.DNSName([]byte("\x01a\x00"), 0)
	if diff := wire.Diff([]byte("a\x00"), want); !strings.Contains(diff, "got lacks 1 octet at 0x00\n") {
		t.Errorf("a length is missing:\n%s", diff)
	}
}

// Whatever differs, the listing is readable, marks what differs, and shows got's
// octets beside want's.
func TestDiffProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawDissection(t)
		if rapid.Bool().Draw(t, "dns") {
			want = wire.DNS(answer(t))
		}
		got := drawEdit(t, bytes.Clone(want.Msg))
		diff := wire.Diff(got, want)
		if (diff == "") != bytes.Equal(got, want.Msg) {
			t.Fatalf("%x and %x: %q", got, want.Msg, diff)
		}
		if diff == "" {
			return
		}
		readable(t, diff)
		if !strings.Contains(diff, "\n> ") {
			t.Fatalf("no row is marked in\n%s", diff)
		}
		shownAsTheyAre(t, diff, got, want.Msg)
	})
}

// shownAsTheyAre checks each row of a difference against both messages.
func shownAsTheyAre(t *rapid.T, diff string, got, want []byte) {
	for line := range strings.Lines(diff) {
		var off int
		if len(line) < 21 || !strings.Contains(" >", line[:1]) {
			continue
		}
		if _, err := fmt.Sscanf(line[2:], "0x%x  ", &off); err != nil || !strings.Contains("0123456789abcdef-", line[8:9]) {
			continue
		}
		line = line[:len(line)-1] + strings.Repeat(" ", 40)
		none := line[8:10] == "--" || line[21:23] == "--"
		if differs := line[8:19] != line[21:32]; !none && differs != (line[0] == '>') {
			t.Fatalf("the mark of %q in\n%s", line, diff)
		}
		for i, side := range []struct {
			octets []byte
			hex    string
		}{{got, line[8:19]}, {want, line[21:32]}} {
			for j, s := range strings.Fields(side.hex) {
				if s != "--" && (off+j >= len(side.octets) || s != fmt.Sprintf("%02x", side.octets[off+j])) {
					t.Fatalf("side %d, at %#x: %s in\n%s\ngot  %x\nwant %x", i, off+j, s, diff, got, want)
				}
			}
		}
	}
}

// drawEdit changes a message as people do: octets changed, left out, put in.
func drawEdit(t *rapid.T, msg []byte) []byte {
	for range rapid.IntRange(0, 3).Draw(t, "edits") {
		at := rapid.IntRange(0, len(msg)).Draw(t, "at")
		octets := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "octets")
		out := rapid.IntRange(0, min(5, len(msg)-at)).Draw(t, "out")
		msg = append(append(msg[:at:at], octets...), msg[at+out:]...)
	}
	return msg
}

func ExampleDiff() {
	want := wire.DNS([]byte("\x2a\x17\x84\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01"))
	got := []byte("\x2a\x17\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01")
	fmt.Print(wire.Diff(got, want))
	// Output:
	// got differs from want in 1 of 17 octets, first at 0x02
	//         got          want
	//   header
	//   0x00  2a 17        2a 17        ID 0x2a17
	// > 0x02  80 00        84 00        flags QR=1 response, opcode 0 QUERY,
	//                                   AA=1, TC=0, RD=0, RA=0, Z=0, AD=0,
	//                                   CD=0, rcode 0 NOERROR
	//                                   AA: got 0, want 1
	//   0x04  00 01        00 01        QDCOUNT 1
	//   0x06  … 11 octets equal
}
