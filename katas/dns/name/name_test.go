package name_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/name"
)

// One name, both ways (RFC 1035, section 3.1).
func TestLabels(t *testing.T) {
	r := rule.New(t, 1)
	msg := []byte("\x03www\x07example\x03com\x00")
	mustParse(r, msg, 0, "www.example.com.", 17)
	mustAppend(r, nil, "www.example.com.", msg)
}

// Names that stand in the middle of other octets (RFC 1035, section 3.1).
func TestOffset(t *testing.T) {
	r := rule.New(t, 1)
	msg := []byte("\xff\xff\x03www\x07example\x03com\x00\x00\x01")
	mustParse(r, msg, 2, "www.example.com.", 19)
	mustParse(r, msg, 6, "example.com.", 19)
	mustParse(r, msg, 18, ".", 19)
}

// Dots, at the end and alone (RFC 1034, section 3.1).
func TestText(t *testing.T) {
	for _, tt := range []struct {
		why, text, wire, parsed string
	}{
		{"the root is one dot", ".", "\x00", "."},
		{"a label and its dot", "com.", "\x03com\x00", "com."},
		{"the last dot may be missing", "com", "\x03com\x00", "com."},
		{"so may that of a longer name", "example.com", "\x07example\x03com\x00", "example.com."},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 2)
			mustAppend(r, nil, tt.text, []byte(tt.wire))
			mustParse(r, []byte(tt.wire), 0, tt.parsed, len(tt.wire))
		})
	}
}

// Upper and lower case come through (RFC 4343, section 4).
func TestCase(t *testing.T) {
	r := rule.New(t, 3)
	msg := []byte("\x03WwW\x07eXample\x03COM\x00")
	mustParse(r, msg, 0, "WwW.eXample.COM.", 17)
	mustAppend(r, nil, "WwW.eXample.COM.", msg)
}

// The shortest and the longest label, and one octet beyond each (RFC 1035,
// section 2.3.4).
func TestLabelLength(t *testing.T) {
	a63, a64 := strings.Repeat("a", 63), strings.Repeat("a", 64)
	for _, tt := range []struct {
		why, text string
		err       error
	}{
		{"64 octets", a64 + ".com.", name.ErrLabelLen},
		{"64 octets at the end", "www." + a64, name.ErrLabelLen},
		{"200 octets", strings.Repeat("a", 200) + ".", name.ErrLabelLen},
		{"no text at all", "", name.ErrEmptyLabel},
		{"two dots in the middle", "www..com.", name.ErrEmptyLabel},
		{"a dot in front", ".com.", name.ErrEmptyLabel},
		{"two dots at the end", "com..", name.ErrEmptyLabel},
		{"only two dots", "..", name.ErrEmptyLabel},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 4)
			mustRefuse(r, tt.text, tt.err)
		})
	}
	t.Run("63 octets are not too many", func(t *testing.T) {
		r := rule.New(t, 4)
		msg := []byte("\x3f" + a63 + "\x03com\x00")
		mustParse(r, msg, 0, a63+".com.", len(msg))
		mustAppend(r, nil, a63+".com.", msg)
	})
}

// 255 octets on the wire, and 256 (RFC 1035, section 2.3.4; RFC 9267, section 3).
func TestNameLength(t *testing.T) {
	t.Run("127 labels of one octet make 255", func(t *testing.T) {
		r := rule.New(t, 5)
		text := strings.Repeat("a.", 127)
		mustAppend(r, nil, text, encode(text))
		mustParse(r, encode(text), 0, text, 255)
	})
	t.Run("255 octets: 64+64+64+62 and the zero", func(t *testing.T) {
		r := rule.New(t, 5)
		msg := encode(long + label(61))
		mustAppend(r, nil, long+label(61), msg)
		mustParse(r, msg, 0, long+label(61), 255)
	})
	t.Run("256 octets: 64+64+64+63 and the zero", func(t *testing.T) {
		r := rule.New(t, 5)
		mustRefuse(r, long+label(62), name.ErrNameLen)
		mustFail(r, encode(long+label(62)), 0, name.ErrNameLen)
	})
	t.Run("128 labels of one octet make 257", func(t *testing.T) {
		r := rule.New(t, 5)
		mustRefuse(r, strings.Repeat("a.", 128), name.ErrNameLen)
		mustFail(r, encode(strings.Repeat("a.", 128)), 0, name.ErrNameLen)
	})
}

func label(n int) string { return strings.Repeat("x", n) + "." }

var long = label(63) + label(63) + label(63) // 3 × 64 octets

// What text needs a backslash for (RFC 1035, section 5.1).
func TestEscapes(t *testing.T) {
	for _, tt := range []struct{ why, text, wire string }{
		{"a dot inside a label", `a\.b.c.`, "\x03a.b\x01c\x00"},
		{"a backslash", `a\\b.`, "\x03a\\b\x00"},
		{"a backslash before the dot that ends the label", `a\\.b.`, "\x02a\\\x01b\x00"},
		{"a space", `a\032b.`, "\x03a b\x00"},
		{"a zero octet, which ends nothing", `a\000b.`, "\x03a\x00b\x00"},
		{"the octet 127", `\127.`, "\x01\x7f\x00"},
		{"the octet 255", `\255.`, "\x01\xff\x00"},
		{"two octets of UTF-8", `\195\188.`, "\x02\xc3\xbc\x00"},
		{"printable characters stand for themselves", `!"#$%&'()*+,-/0:;<=>?@[]^_{|}~.`, "\x1e!\"#$%&'()*+,-/0:;<=>?@[]^_{|}~\x00"},
		{"a digit behind an escape", `\0001.`, "\x02\x001\x00"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 6)
			mustParse(r, []byte(tt.wire), 0, tt.text, len(tt.wire))
			mustAppend(r, nil, tt.text, []byte(tt.wire))
		})
	}
	for _, tt := range []struct{ why, text, wire string }{
		{"an escape that was not needed", `\w\-w.`, "\x03w-w\x00"},
		{"three digits that were not needed", `\119ww.`, "\x03www\x00"},
		{"a dot by its number does not end the label", `a\046b.`, "\x03a.b\x00"},
		{"an escaped dot at the end ends nothing", `a\.`, "\x02a.\x00"},
		{"UTF-8, as it is", "\u00fc.", "\x02\xc3\xbc\x00"},
		{"a space, as it is", "a b.", "\x03a b\x00"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustAppend(rule.New(t, 6), nil, tt.text, []byte(tt.wire))
		})
	}
	for _, tt := range []struct{ why, text string }{
		{"nothing behind the backslash", `com\`},
		{"one digit", `a\1`},
		{"two digits and a dot", `a\12.`},
		{"two digits and a letter", `a\12x.`},
		{"more than an octet holds", `a\256.`},
		{"far more", `a\999.`},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustRefuse(rule.New(t, 6), tt.text, name.ErrEscape)
		})
	}
}

// 255 octets of which each needs four characters (RFC 1035, section 2.3.4).
func TestEscapedLength(t *testing.T) {
	r := rule.New(t, 5)
	text := strings.Repeat(strings.Repeat(`\007`, 63)+".", 3) + strings.Repeat(`\007`, 61) + "."
	msg := bytes.ReplaceAll(encode(long+label(61)), []byte("x"), []byte{7})
	mustAppend(r, nil, text, msg)
	mustParse(r, msg, 0, text, 255)
}

// A message that ends anywhere inside the name (RFC 9267, section 4).
func TestShort(t *testing.T) {
	r := rule.New(t, 7)
	full := []byte("\x03www\x07example\x03com\x00")
	for n := range full {
		mustFail(r, full[:n:n], 0, name.ErrShort)
	}
	pointing := []byte("\x03com\x00\x03www\xc0\x00")
	for n := 5; n < len(pointing); n++ {
		mustFail(r, pointing[:n:n], 5, name.ErrShort)
	}
	for past := range 3 {
		mustFail(r, full, len(full)+past, name.ErrShort)
	}
	for n := 1; n <= name.MaxLabel; n++ { // every length, one octet short
		mustFail(r, append([]byte{byte(n)}, make([]byte, n-1)...), 0, name.ErrShort)
	}
}

// Pointers as servers write them (RFC 1035, section 4.1.4).
func TestPointer(t *testing.T) {
	for _, tt := range []struct {
		file string
		off  int
		want string
		next int
	}{
		{"pointer.hex", 0x0e, "www.example.com.", 0x14},
		{"pointer-alone.hex", 0x0d, "example.com.", 0x0f},
		{"pointer-middle.hex", 0x0d, "www.com.", 0x13},
		{"pointer-root.hex", 0x01, "www.", 0x07},
		{"pointer-pointer.hex", 0x13, "a.www.example.com.", 0x17},
	} {
		t.Run(tt.file, func(t *testing.T) {
			r := rule.New(t, 8)
			golden := wire.Load(t, "dns/name/"+tt.file)
			got, next, err := parse(r, golden.Msg, tt.off)
			if err != nil || got != tt.want || next != tt.next {
				r.Errorf("%s\n\n%s", results(tt.off, got, next, err, tt.want, tt.next),
					golden.Dump(wire.Mark{Off: tt.off, Note: "Parse begins here"}))
			}
		})
	}
}

// Every name in what real servers sent, as miekg/dns reads it (RFC 1035,
// section 4.1.4).
func TestCaptured(t *testing.T) {
	r := rule.New(t, 8)
	files, err := filepath.Glob("../../../testdata/dns/captured/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for _, file := range files {
		msg := wire.Load(t, "dns/captured/"+filepath.Base(file)).Msg
		var m dns.Msg
		if len(wire.DNS(msg).Faults) > 0 || m.Unpack(msg) != nil {
			continue // captured because it is malformed: see TestBackwards
		}
		off := 12
		for _, q := range m.Question {
			off = mustParseAs(r, file, msg, off, q.Name) + 4 // type, class
		}
		for _, rr := range append(append(m.Answer, m.Ns...), m.Extra...) {
			off = mustParseAs(r, file, msg, off, rr.Header().Name)
			off += 10 + int(msg[off+8])<<8 + int(msg[off+9]) // type, class, TTL, RDLENGTH, RDATA
		}
	}
}

// Pointers that lead nowhere good (RFC 1035, section 4.1.4; RFC 9267, section 2).
func TestBackwards(t *testing.T) {
	for _, tt := range []struct {
		why  string
		wire string
		off  int
	}{
		{"to itself", "\xc0\x00", 0},
		{"to itself, behind another name", "\x03com\x00\xc0\x05", 5},
		{"to its own second octet", "\xc0\x01\x00", 0},
		{"forward, to a name that is there", "\xc0\x02\x03com\x00", 0},
		{"forward, behind a label", "\x01a\xc0\x04\x03com\x00", 0},
		{"past the end", "\x03com\x00\xc0\x63", 5},
		{"to the end", "\x03com\x00\xc0\x07", 5},
		{"as far as a pointer can", "\x03com\x00\xff\xff", 5},
		{"to the label before it: a loop", "\x01a\xc0\x00", 0},
		{"to the second label before it: a loop", "\x01a\x01b\xc0\x00", 0},
		{"to the last label before it: a loop", "\x01a\x01b\xc0\x02", 0},
		{"into the labels that it continues", "\x03\x01a\x00\xc0\x01", 0},
		{"two pointers to each other", "\xc0\x02\xc0\x00", 2},
		{"two names that end in each other", "\x01a\xc0\x04\x01b\xc0\x00", 4},
		{"back, then forward to where it came from", "\xc0\x05\x03com\xc0\x00", 6},
		{"back, then to the same place again", "\xc0\x00\xc0\x00", 2},
		{"back, then forward, and there a name", "\xc0\x04\xc0\x00\x03com\x00", 2},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustFail(rule.New(t, 9), []byte(tt.wire), tt.off, name.ErrPointer)
		})
	}
}

// As many pointers as a message can hold (RFC 1035, section 4.1.4).
func TestChain(t *testing.T) {
	t.Run("a label before each pointer", func(t *testing.T) {
		r := rule.New(t, 10)
		msg, off := []byte("\x01a\x00"), 0 // a.
		for range 126 {                    // a.a. and so on, up to 127 labels
			at := len(msg)
			msg = append(msg, 1, 'a', 0xc0|byte(off>>8), byte(off))
			off = at
		}
		mustParse(r, msg, off, strings.Repeat("a.", 127), len(msg))
	})
	t.Run("pointers only", func(t *testing.T) {
		r := rule.New(t, 10)
		msg, off := chain()
		mustParse(r, msg, off, "com.", len(msg))
	})
}

// 255 octets, and 256, of which most stand elsewhere (RFC 9267, section 3).
func TestPointedLength(t *testing.T) {
	tail := encode(long + label(50)) // 64×3 + 51 + 1 = 244 octets
	at := len(tail)
	t.Run("255 octets, by way of a pointer", func(t *testing.T) {
		r := rule.New(t, 5)
		msg := append(bytes.Clone(tail), "\x0aabcdefghij\xc0\x00"...) // 11 more
		mustParse(r, msg, at, "abcdefghij."+long+label(50), at+13)
	})
	t.Run("256 octets, by way of a pointer", func(t *testing.T) {
		r := rule.New(t, 5)
		msg := append(bytes.Clone(tail), "\x0babcdefghijk\xc0\x00"...) // 12 more
		mustFail(r, msg, at, name.ErrNameLen)
	})
}

// The two kinds of labels that nobody may send (RFC 1035, section 4.1.4; RFC
// 6891, section 5).
func TestReserved(t *testing.T) {
	r := rule.New(t, 11)
	for c := 0x40; c < 0xc0; c++ {
		// Behind it stands what would make sense, if it were a label or a pointer.
		mustFail(r, append([]byte{byte(c)}, make([]byte, 200)...), 0, name.ErrLabelType)
		mustFail(r, append([]byte{1, 'a', byte(c)}, make([]byte, 200)...), 0, name.ErrLabelType)
	}
	mustFail(r, []byte("\x41\x00\x01a\xc0\x00"), 2, name.ErrLabelType)
}

// Parse is a reader (RFC 1035, section 4.1.4).
func TestUnchanged(t *testing.T) {
	r := rule.New(t, 13)
	before := []byte("\x07Example\x03com\x00\x03www\xc0\x00")
	msg := bytes.Clone(before)
	var err error
	r.Do(func() string { return "Parse(msg, 0xd)\n\n" + show(before, 13) }, func() { _, _, err = name.Parse(msg, 13) })
	if err != nil {
		r.Fatalf("Parse(msg, 0xd) = error: %v\n\n%s", err, show(before, 13))
	}
	if !bytes.Equal(msg, before) {
		r.Fatalf("Parse(msg, 0xd) changed msg, which belongs to others\n\n%s", wire.Diff(msg, wire.DNSName(before, 0)))
	}
}

// The longest way through a message, three hundred times (RFC 9267, section 2).
func TestWork(t *testing.T) {
	r := rule.New(t, 12)
	msg, off := chain()
	const times = 300
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.Do(func() string {
		return fmt.Sprintf("Parse(msg, %#x), %d times over: msg has %d octets, nearly all of them\npointers, each to the one before it", off, times, len(msg))
	}, func() {
		for range times {
			name.Parse(msg, off)
		}
	})
	runtime.ReadMemStats(&after)
	spent := (after.TotalAlloc - before.TotalAlloc) / times
	if limit := uint64(64 * len(msg)); spent > limit {
		r.Errorf("Parse(msg, %#x) allocated %d octets, want %d at most: 64 for each of the message's %d,\nnearly all of which are pointers, each to the one before it", off, spent, limit, len(msg))
	}
	if got, next, err := parse(r, msg, off); err != nil {
		r.Errorf("%s", results(off, got, next, err, "com.", len(msg)))
	}
}

// What stands in b stays (encoding/binary, AppendUint16).
func TestAppend(t *testing.T) {
	r := rule.New(t, 13)
	mustAppend(r, []byte("\x2a\x17"), "com.", []byte("\x2a\x17\x03com\x00"))

	// Room behind len(b) may hold anything: it belongs to no one yet.
	dirty := bytes.Repeat([]byte{0xff}, 32)
	mustAppend(r, dirty[:2], "com.", []byte("\xff\xff\x03com\x00"))
	mustAppend(r, bytes.Repeat([]byte{0xff}, 200), long+label(61), append(bytes.Repeat([]byte{0xff}, 200), encode(long+label(61))...))
	mustAppend(r, []byte("\x2a\x17"), ".", []byte("\x2a\x17\x00"))
	mustAppend(r, []byte("\x03com\x00"), "www.com.", []byte("\x03com\x00\x03www\x03com\x00")) // no pointers
}

// An error takes nothing away and adds nothing (encoding/binary, AppendUint16).
func TestAppendError(t *testing.T) {
	r := rule.New(t, 13)
	for text, want := range map[string]error{
		"":                 name.ErrEmptyLabel,
		"www..com.":        name.ErrEmptyLabel,
		"www." + label(64): name.ErrLabelLen,
		long + label(62):   name.ErrNameLen,
		`www.a\1`:          name.ErrEscape,
	} {
		b := []byte("\xaa\xbb")
		got, err := appendTo(r, bytes.Clone(b), text)
		if !is(err, want) {
			r.Fatalf("Append(b, %s) = error: %v\nwant %s", quote(text), err, sentinel(want))
		}
		if !bytes.Equal(got, b) {
			r.Fatalf("Append(b, %s) = error: %v\n%s", quote(text), err, wasHere(b, got))
		}
	}
}

// wasHere says that b should have come back as it was.
func wasHere(b, got []byte) string {
	if len(got) == 0 {
		return fmt.Sprintf("b was % x, and nothing came back: want b as it was", b)
	}
	return fmt.Sprintf("b was % x and came back as % x, want it as it was", b, got)
}

// Any name, to the wire and back; miekg/dns says the same (RFC 1035, section 3.1).
func TestRoundTrip(t *testing.T) {
	r := rule.New(t, 14)
	r.Property(func(t *rapid.T, r *rule.R) {
		labels := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 63), 0, 12).Filter(fits).Draw(t, "labels")
		text, want := ".", []byte(nil)
		for i, l := range labels {
			if i == 0 {
				text = ""
			}
			text += escape(l) + "."
			want = append(append(want, byte(len(l))), l...)
		}
		want = append(want, 0)
		mustAppend(r, nil, text, want)
		mustParse(r, want, 0, text, len(want))
		if other, err := packed(text); err != nil || !bytes.Equal(other, want) {
			t.Fatalf("miekg/dns packs %q as % x (%v)", text, other, err)
		}
	})
}

// Names that miekg/dns compressed (RFC 1035, section 4.1.4).
func TestCompressed(t *testing.T) {
	r := rule.New(t, 14)
	label := rapid.StringMatching(`[a-c]{1,3}`) // few enough to share suffixes
	r.Property(func(t *rapid.T, r *rule.R) {
		msg, used := make([]byte, 512), map[string]int{}
		var names []string
		offs := []int{0}
		for range rapid.IntRange(1, 8).Draw(t, "names") {
			text := dns.Fqdn(strings.Join(rapid.SliceOfN(label, 1, 5).Draw(t, "labels"), "."))
			next, err := dns.PackDomainName(text, msg, offs[len(offs)-1], used, true)
			if err != nil {
				t.Fatalf("miekg/dns does not pack %q: %v", text, err)
			}
			names, offs = append(names, text), append(offs, next)
		}
		msg = msg[:offs[len(offs)-1]]
		for i, want := range names {
			mustParse(r, msg, offs[i], want, offs[i+1])
		}
	})
}

// What stood in b, the text behind it (encoding, TextAppender).
func TestAppendText(t *testing.T) {
	for _, tt := range []struct {
		why, wire string
		off       int
		b, want   string
		next      int
	}{
		{"a name", "\x03www\x07example\x03com\x00", 0, "", "www.example.com.", 17},
		{"behind other text", "\x03com\x00", 0, "example.", "example.com.", 5},
		{"the root, behind other text", "\x00", 0, "com.", "com..", 1},
		{"by way of a pointer", "\x03com\x00\x03www\xc0\x00", 5, "name=", "name=www.com.", 11},
		{"the root, by way of a pointer", "\x00\xc0\x00", 1, "name=", "name=.", 3},
		{"escapes", "\x04.\\ \xff\x00", 0, "name=", `name=\.\\\032\255.`, 6},
		{"255 octets, behind as many", string(encode(long + label(61))), 0, long + label(61), long + label(61) + long + label(61), 255},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 16)
			for _, room := range []int{0, 1200} { // a new slice, or the same one
				b := append(make([]byte, 0, len(tt.b)+room), tt.b...)
				got, next, err := appendText(r, b, []byte(tt.wire), tt.off)
				if err != nil || string(got) != tt.want || next != tt.next {
					r.Fatalf("b holds %s, and has room for %d octets more\n%s\n\n%s", quote(tt.b), cap(b)-len(b),
						resultsOf(fmt.Sprintf("AppendText(b, msg, %#x) = ", tt.off), string(got), next, err, tt.want, tt.next), show([]byte(tt.wire), tt.off))
				}
			}
		})
	}
}

// An error takes nothing away and adds nothing (encoding, TextAppender).
func TestAppendTextError(t *testing.T) {
	for _, tt := range []struct {
		why, wire string
		want      error
	}{
		{"cut", "\x03www\x07exam", name.ErrShort},
		{"no zero", "\x03www", name.ErrShort},
		{"a pointer cut", "\x03www\xc0", name.ErrShort},
		{"a loop", "\x03www\xc0\x00", name.ErrPointer},
		{"a reserved type", "\x03www\x80\x00", name.ErrLabelType},
		{"256 octets", string(encode(long + label(62))), name.ErrNameLen},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 16)
			const before = "name="
			for _, room := range []int{0, 1200} {
				b := append(make([]byte, 0, len(before)+room), before...)
				got, next, err := appendText(r, b, []byte(tt.wire), 0)
				switch call := "AppendText(b, msg, 0x0) = "; {
				case err == nil:
					r.Fatalf("%s%s, next %#x\nwant an error: %s\n\n%s", call, quote(string(got)), next, sentinel(tt.want), show([]byte(tt.wire), 0))
				case !is(err, tt.want):
					r.Fatalf("%serror: %v\nwant %s%s\n\n%s", call, err, indent(call), otherError(err, tt.want), show([]byte(tt.wire), 0))
				case string(got) != before:
					r.Fatalf("%serror: %v\nb held %s, and came back with %s: want it as it was\n\n%s", call, err,
						quote(before), quote(string(got)), show([]byte(tt.wire), 0))
				}
			}
		})
	}
}

// At every offset of what real servers sent, the same as Parse: most of them
// begin no name (encoding, TextAppender).
func TestAppendTextIsParse(t *testing.T) {
	r := rule.New(t, 16)
	files, err := filepath.Glob("../../../testdata/dns/captured/*.response.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for _, file := range files {
		msg := wire.Load(t, "dns/captured/"+filepath.Base(file)).Msg
		mustAgree(r, msg, 0, len(msg)+1)
	}
}

// Not one allocation, where the memory is there (encoding, TextAppender).
func TestAllocations(t *testing.T) {
	loop, last := chain()
	for _, tt := range []struct {
		why string
		msg []byte
		off int
	}{
		{"a name", []byte("\x03www\x07example\x03com\x00"), 0},
		{"the root", []byte("\x00"), 0},
		{"escapes", []byte("\x04.\\ \xff\x00"), 0},
		{"255 octets", encode(long + label(61)), 0},
		{"127 labels", encode(strings.Repeat("a.", 127)), 0},
		{"a pointer", []byte("\x07example\x03com\x00\x03www\xc0\x00"), 13},
		{"thousands of pointers", loop, last},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 16)
			want, _, err := parse(r, tt.msg, tt.off)
			if err != nil {
				r.Fatalf("Parse(msg, %#x) = error: %v\n\n%s", tt.off, err, show(tt.msg, tt.off))
			}
			text := make([]byte, 0, len(want)) // exactly enough
			allocates(r, fmt.Sprintf("AppendText(b, msg, %#x), b with room for %d octets", tt.off, cap(text)), show(tt.msg, tt.off),
				func() error { _, _, err := name.AppendText(text, tt.msg, tt.off); return err })
			octets := make([]byte, 0, name.MaxLen)
			allocates(r, fmt.Sprintf("Append(b, %s), b with room for %d octets", quote(want), cap(octets)), "",
				func() error { _, err := name.Append(octets, want); return err })
		})
	}
}

// allocates fails the test if f does, which is that call.
func allocates(r *rule.R, call, shown string, f func() error) {
	r.T().Helper()
	var n float64
	var err error
	r.Do(func() string { return call + "\n\n" + shown }, func() {
		if err = f(); err == nil {
			n = testing.AllocsPerRun(20, func() { f() })
		}
	})
	switch {
	case err != nil:
		r.Fatalf("%s\nerror: %v\nwant no error\n\n%s", call, err, shown)
	case n > 0:
		r.Fatalf("%s\nallocated %v times, want none\n\n%s", call, n, shown)
	}
}

// Any octets at all, beside miekg/dns.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x03www\x07example\x03com\x00"), uint16(0))                // a name
	f.Add([]byte("\x07example\x03com\x00\x03www\xc0\x00"), uint16(13))       // a pointer
	f.Add([]byte("\x01a\xc0\x00"), uint16(0))                                // a loop
	f.Add([]byte("\xc0\x02\x03com\x00"), uint16(0))                          // forward
	f.Add([]byte("\x40\x00\x00\x00"), uint16(0))                             // reserved
	f.Add([]byte("\x03a.b\x02\\\x00\x00"), uint16(0))                        // to be escaped
	f.Add(bytes.Repeat([]byte("\x01a"), 200), uint16(0))                     // too long, and cut
	f.Add(append(bytes.Repeat([]byte("\x3fx"), 40), 0), uint16(1))           // odd places
	f.Add([]byte("\x00\xc0\x00\xc0\x01\xc0\x03\xc0\x05\xc0\x07"), uint16(9)) // a chain
	f.Fuzz(func(t *testing.T, msg []byte, at uint16) {
		r, off := rule.New(t, 15), int(at)
		got, next, err := parse(r, msg, off)
		mustAgree(rule.New(t, 16), msg, off, off)
		other, _, refused := dns.UnpackDomainName(msg, off)
		switch {
		case err == nil && (next <= off || next > len(msg)):
			r.Fatalf("Parse(msg, %#x) returned next %#x, with msg of %d octets\n\n%s", off, next, len(msg), show(msg, off))
		case err == nil:
			encoded, err := appendTo(rule.New(t, 14), nil, got)
			if err != nil {
				rule.New(t, 14).Fatalf("Parse(msg, %#x) = %q, which Append refuses: %v\n\n%s", off, got, err, show(msg, off))
			}
			if wanted, err := packed(other); refused == nil && err == nil && !bytes.Equal(encoded, wanted) {
				r.Fatalf("Parse(msg, %#x) = %s\nanother reader (miekg/dns) says %s\n\n%s", off, quote(got), quote(other), show(msg, off))
			}
			// What miekg/dns refuses beside: more pointers than it counts.
		case !is(err, name.ErrShort) && !is(err, name.ErrLabelType) && !is(err, name.ErrPointer) && !is(err, name.ErrNameLen):
			r.Fatalf("Parse(msg, %#x): %v: not one of the errors that Parse may return\n\n%s", off, err, show(msg, off))
		case refused == nil && off < len(msg) && !errors.Is(err, name.ErrPointer): // it follows pointers forward
			r.Fatalf("Parse(msg, %#x) = error: %v\nanother reader (miekg/dns) finds %s there\n\n%s", off, err, quote(other), show(msg, off))
		}
	})
}

// Any text at all.
func FuzzAppend(f *testing.F) {
	f.Add("www.example.com.") // a name
	f.Add("www.example.com")  // without the last dot
	f.Add("a..b")             // an empty label
	f.Add(`a\.b\\c\000.`)     // escapes
	f.Add(`a\25.`)            // half an escape
	f.Add(`\`)                // a quarter
	f.Add(".")                // the root
	f.Add("")                 // nothing
	f.Fuzz(func(t *testing.T, text string) {
		r := rule.New(t, 15)
		b := []byte("\xaa\xbb")
		got, err := appendTo(r, bytes.Clone(b), text)
		if err != nil {
			if !bytes.Equal(got, b) {
				r.Fatalf("Append(b, %s): %v\n%s", quote(text), err, wasHere(b, got))
			}
			if !is(err, name.ErrLabelLen) && !is(err, name.ErrNameLen) && !is(err, name.ErrEmptyLabel) && !is(err, name.ErrEscape) {
				r.Fatalf("Append(b, %s): %v: not one of the errors that Append may return", quote(text), err)
			}
			return
		}
		r = rule.New(t, 14)
		again, next, err := parse(r, got, len(b))
		if err != nil || next != len(got) {
			r.Fatalf("Append(b, %q) made what Parse does not read to its end: next %#x, err %v\n\n%s", text, next, err, show(got, len(b)))
		}
		if twice, err := appendTo(r, nil, again); err != nil || !bytes.Equal(twice, got[len(b):]) {
			r.Fatalf("Append(b, %q), read back as %q, gives other octets (err %v)\n\n%s", text, again, err, wire.Diff(twice, wire.Bytes(got[len(b):])))
		}
	})
}

func parse(r *rule.R, msg []byte, off int) (got string, next int, err error) {
	r.T().Helper()
	own := bytes.Clone(msg) // what Parse may do to it is TestUnchanged's affair
	r.Do(func() string { return fmt.Sprintf("Parse(msg, %#x)\n\n%s", off, show(msg, off)) },
		func() { got, next, err = name.Parse(own, off) })
	return got, next, err
}

func appendText(r *rule.R, b, msg []byte, off int) (text []byte, next int, err error) {
	r.T().Helper()
	own := bytes.Clone(msg)
	r.Do(func() string {
		return fmt.Sprintf("AppendText(b, msg, %#x), b holds %s\n\n%s", off, quote(string(b)), show(msg, off))
	}, func() { text, next, err = name.AppendText(b, own, off) })
	if !bytes.Equal(own, msg) {
		r.Fatalf("AppendText(b, msg, %#x) changed msg, which belongs to others\n\n%s", off, wire.Diff(own, wire.DNSName(msg, off)))
	}
	return text, next, err
}

// mustAgree fails the test if AppendText does not say what Parse says, at any
// offset from the first to the last.
func mustAgree(r *rule.R, msg []byte, first, last int) {
	r.T().Helper()
	var off int
	var diff string
	own := bytes.Clone(msg)
	r.Do(func() string { return fmt.Sprintf("Parse and AppendText of msg, at %#x\n\n%s", off, show(msg, off)) }, func() {
		for off = first; off <= last && diff == ""; off++ {
			diff = disagreement(own, off)
		}
		off--
	})
	if diff != "" {
		r.Fatalf("%s\n\n%s", diff, show(msg, off))
	}
}

// disagreement says where AppendText differs from Parse, "" where it does not.
func disagreement(msg []byte, off int) string {
	b := []byte("name=")
	want, wantNext, wantErr := name.Parse(msg, off)
	got, next, err := name.AppendText(bytes.Clone(b), msg, off)
	call := fmt.Sprintf("AppendText(b, msg, %#x) = ", off)
	switch {
	case wantErr == nil:
		if want = string(b) + want; err == nil && string(got) == want && next == wantNext {
			return ""
		}
		return fmt.Sprintf("b holds %q\n%s: so Parse has it", b, resultsOf(call, string(got), next, err, want, wantNext))
	case errors.Is(err, todo.Err):
		return fmt.Sprintf("%serror: %v", call, err)
	case err == nil:
		return fmt.Sprintf("%s%s, next %#x\nbut Parse returns error: %v", call, quote(string(got)), next, wantErr)
	case !sameError(err, wantErr):
		return fmt.Sprintf("%serror: %v\nbut Parse returns error: %v", call, err, wantErr)
	case !bytes.Equal(got, b):
		return fmt.Sprintf("%serror: %v\n%s", call, err, wasHere(b, got))
	default:
		return ""
	}
}

func appendTo(r *rule.R, b []byte, text string) (out []byte, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Append(b, %s), b has %d octets", quote(text), len(b)) },
		func() { out, err = name.Append(b, text) })
	return out, err
}

func mustParse(r *rule.R, msg []byte, off int, want string, wantNext int) {
	r.T().Helper()
	got, next, err := parse(r, msg, off)
	if err != nil || got != want || next != wantNext {
		r.Fatalf("%s\n\n%s", results(off, got, next, err, want, wantNext), show(msg, off))
	}
}

// mustParseAs parses the name at off of a captured message and returns the
// offset behind it. How other writes the text is its own affair.
func mustParseAs(r *rule.R, file string, msg []byte, off int, other string) int {
	r.T().Helper()
	got, next, err := parse(r, msg, off)
	a, errA := packed(got)
	b, errB := packed(other)
	if err != nil || errA != nil || errB != nil || !bytes.Equal(a, b) || next > len(msg) {
		r.Fatalf("%s\n\n%s\n%s", results(off, got, next, err, other, next), strings.TrimPrefix(filepath.ToSlash(file), "../../../"),
			wire.DNS(msg).Dump(wire.Mark{Off: off, Note: "Parse begins here"}))
	}
	return next
}

func mustFail(r *rule.R, msg []byte, off int, want error) {
	r.T().Helper()
	got, next, err := parse(r, msg, off)
	call := fmt.Sprintf("Parse(msg, %#x) = ", off)
	switch {
	case err == nil:
		r.Fatalf("%s%s, next %#x\nwant an error: %s\n\n%s", call, quote(got), next, sentinel(want), show(msg, off))
	case !is(err, want):
		r.Fatalf("%serror: %v\nwant %s%s\n\n%s", call, err, indent(call), otherError(err, want), show(msg, off))
	}
}

// sentinels are the errors of the kata, with their names.
var sentinels = []struct {
	name string
	err  error
}{
	{"ErrShort", name.ErrShort}, {"ErrLabelType", name.ErrLabelType}, {"ErrPointer", name.ErrPointer},
	{"ErrLabelLen", name.ErrLabelLen}, {"ErrNameLen", name.ErrNameLen},
	{"ErrEmptyLabel", name.ErrEmptyLabel}, {"ErrEscape", name.ErrEscape},
}

// sentinel names an error of the kata and quotes it.
func sentinel(err error) string {
	for _, s := range sentinels {
		if s.err == err {
			return fmt.Sprintf("%s (%q)", s.name, err.Error())
		}
	}
	return err.Error()
}

// is says whether err is want, and none of the other errors of the kata.
func is(err, want error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s.err) != (s.err == want) {
			return false
		}
	}
	return true
}

// sameError says whether both are the same errors of the kata.
func sameError(a, b error) bool {
	for _, s := range sentinels {
		if errors.Is(a, s.err) != errors.Is(b, s.err) {
			return false
		}
	}
	return true
}

// otherError says what was wanted instead of err.
func otherError(err, want error) string {
	switch text := "error: " + sentinel(want); {
	case errors.Is(err, want):
		return text + ", and that alone"
	case strings.Contains(err.Error(), want.Error()):
		return text + "\nThe words are right, but errors.Is does not find the variable: return it,\nor wrap it with %w"
	default:
		return text
	}
}

func indent(call string) string { return strings.Repeat(" ", len(call)-len("want ")) }

func mustAppend(r *rule.R, b []byte, text string, want []byte) {
	r.T().Helper()
	got, err := appendTo(r, b, text)
	call := fmt.Sprintf("Append(b, %s) = ", quote(text))
	added := wire.DNSName(want, len(b)).Fields
	if err != nil {
		r.Fatalf("%serror: %v\nwant no error: %d octets on the wire", call, err, len(want)-len(b))
	}
	if !bytes.Equal(got, want) {
		r.Fatalf("%sother octets than wanted; b had %d\n\ngot  %s\nwant %s\n\n%s", call, len(b),
			labels(wire.DNSName(got, min(len(b), len(got))).Fields), labels(added), wire.Diff(got, wire.DNSName(want, len(b))))
	}
}

// labels is a dissected name in one line.
func labels(fields []wire.Field) string {
	var all []string
	for _, f := range fields {
		if f.Label() != "" {
			all = append(all, f.Label())
		}
	}
	return short(strings.Join(all, ", "))
}

func mustRefuse(r *rule.R, text string, want error) {
	r.T().Helper()
	got, err := appendTo(r, nil, text)
	call := fmt.Sprintf("Append(nil, %s) = ", quote(text))
	switch {
	case err == nil:
		r.Fatalf("%snil error\nwant an error: %s\n\nit appended %d octets: %s", call, sentinel(want), len(got), labels(wire.DNSName(got, 0).Fields))
	case !is(err, want):
		r.Fatalf("%serror: %v\nwant %s%s", call, err, indent(call), otherError(err, want))
	}
}

// results shows what Parse returned above what was wanted.
func results(off int, got string, next int, err error, want string, wantNext int) string {
	return resultsOf(fmt.Sprintf("Parse(msg, %#x) = ", off), got, next, err, want, wantNext)
}

// resultsOf is results, of any such call.
func resultsOf(call, got string, next int, err error, want string, wantNext int) string {
	wanted := fmt.Sprintf("\nwant %s%s, next %#x", indent(call), quote(want), wantNext)
	if err != nil {
		return fmt.Sprintf("%serror: %v%s", call, err, wanted)
	}
	return fmt.Sprintf("%s%s, next %#x%s", call, quote(got), next, wanted)
}

// quote is %q, but leaves backslashes as they are where it can, and the middle
// of a long name out.
func quote(text string) string {
	if n := len(text); n > 60 {
		return fmt.Sprintf("%s…%s (%d characters)", quote(text[:16]), quote(text[n-8:]), n)
	}
	if strings.Contains(text, `\`) && strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

func short(s string) string {
	if r := []rune(s); len(r) > 66 {
		return string(r[:40]) + " … " + string(r[len(r)-22:])
	}
	return s
}

// show lists msg, with a mark where Parse begins; of a long one, only what its
// parts are.
func show(msg []byte, off int) string {
	d := wire.DNSName(msg, off)
	if len(msg) <= 100 {
		return d.Dump(wire.Mark{Off: off, Note: "Parse begins here"})
	}
	var lines []string
	for i, f := range d.Fields {
		if 6 <= i && i < len(d.Fields)-6 {
			if i == 6 {
				lines = append(lines, fmt.Sprintf("          … %d more", len(d.Fields)-12))
			}
			continue
		}
		mark := "  "
		if f.Off == off {
			mark = "> "
		}
		lines = append(lines, fmt.Sprintf("%s%#06x  %3d octets  %s", mark, f.Off, f.Len, cut(f.Label(), 44)))
	}
	for _, f := range d.Faults {
		lines = append(lines, fmt.Sprintf("! %#06x  %s", f.Off, cut(f.Why, 60)))
	}
	return fmt.Sprintf("msg has %d octets; Parse begins at %#x\n\n%s", len(msg), off, strings.Join(lines, "\n"))
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// chain returns a message with com. at its beginning, then pointers, each to the
// one before, as far as offsets of fourteen bits reach; and where the last one is.
func chain() (msg []byte, off int) {
	msg = []byte("\x03com\x00")
	for len(msg) <= 0x3fff {
		at := len(msg)
		msg = append(msg, 0xc0|byte(off>>8), byte(off))
		off = at
	}
	return msg, off
}

// encode writes a name without escapes, and without a look at any limit.
func encode(text string) []byte {
	var b []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0)
}

// escape writes a label as text.
func escape(label []byte) string {
	var s strings.Builder
	for _, c := range label {
		switch {
		case c == '.' || c == '\\':
			fmt.Fprintf(&s, `\%c`, c)
		case c < 0x21 || c > 0x7e:
			fmt.Fprintf(&s, `\%03d`, c)
		default:
			s.WriteByte(c)
		}
	}
	return s.String()
}

// fits says whether labels make a name of at most 255 octets.
func fits(labels [][]byte) bool {
	n := 1
	for _, l := range labels {
		n += 1 + len(l)
	}
	return n <= name.MaxLen
}

// packed is what miekg/dns makes of a name.
func packed(text string) ([]byte, error) {
	b := make([]byte, 256)
	n, err := dns.PackDomainName(text, b, 0, nil, false)
	return b[:n], err
}
