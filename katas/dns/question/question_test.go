package question_test

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/name"
	"github.com/example/netkata/katas/dns/question"
)

const (
	wwwName = "\x03www\x07example\x03com\x00"
	headLen = 12 // of the header before the first question
)

// Questions as clients ask them, both ways (RFC 1035, section 4.1.2).
func TestQuestion(t *testing.T) {
	for _, tt := range []struct {
		why, wire string
		q         question.Question
	}{
		{"an address", wwwName + "\x00\x01\x00\x01", question.Question{Name: "www.example.com.", Type: question.TypeA, Class: question.ClassIN}},
		{"an IPv6 address", wwwName + "\x00\x1c\x00\x01", question.Question{Name: "www.example.com.", Type: question.TypeAAAA, Class: question.ClassIN}},
		{"a class that differs from the type", "\x07version\x04bind\x00\x00\x10\x00\x03", question.Question{Name: "version.bind.", Type: question.TypeTXT, Class: question.ClassCH}},
		{"the root", "\x00\x00\x02\x00\x01", question.Question{Name: ".", Type: question.TypeNS, Class: question.ClassIN}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 1)
			msg := message(1, tt.wire)
			mustParse(r, msg, headLen, tt.q, len(msg))
			mustAppend(r, nil, tt.q, []byte(tt.wire))
		})
	}
}

// A question between other octets (RFC 1035, section 4.1.2).
func TestOffset(t *testing.T) {
	r := rule.New(t, 1)
	q := question.Question{Name: "com.", Type: question.TypeNS, Class: question.ClassIN}
	msg := message(1, "\x03com\x00\x00\x02\x00\x01\xc0\x0c\x00\x02") // an answer begins behind it
	mustParse(r, msg, headLen, q, headLen+9)
	mustParse(r, msg[headLen:], 0, q, 9)                     // without a header
	mustParse(r, append([]byte{0, 25}, msg...), 14, q, 14+9) // as over TCP
}

// What stands behind the name of a record, too (RFC 1035, section 4.1.3).
func TestParseType(t *testing.T) {
	r := rule.New(t, 2)
	msg := []byte("\xff\x00\x0f\x00\x03\x00\x01")
	mustParseType(r, msg, 1, question.TypeMX, question.ClassCH)
	mustParseType(r, msg, 3, question.Type(3), question.ClassIN)
	mustParseType(r, msg[1:5], 0, question.TypeMX, question.ClassCH)
}

// Upper and lower case come through (RFC 4343, section 4).
func TestCase(t *testing.T) {
	r := rule.New(t, 3)
	q := question.Question{Name: "WwW.eXample.COM.", Type: question.TypeA, Class: question.ClassIN}
	msg := message(1, "\x03WwW\x07eXample\x03COM\x00\x00\x01\x00\x01")
	mustParse(r, msg, headLen, q, len(msg))
	mustAppend(r, nil, q, msg[headLen:])
}

// Numbers of sixteen bits, whether or not they have a name (RFC 6895, section 3).
func TestNumbers(t *testing.T) {
	r := rule.New(t, 4)
	for _, n := range []uint16{0, 1, 3, 6, 65, 254, 255, 256, 257, 4660, 32767, 32768, 65280, 65535} {
		for _, m := range []uint16{0, 1, 2, 256, 1232, 65535} {
			q := question.Question{Name: ".", Type: question.Type(n), Class: question.Class(m)}
			msg := []byte{0, byte(n >> 8), byte(n), byte(m >> 8), byte(m)}
			mustParse(r, msg, 0, q, 5)
			mustAppend(r, nil, q, msg)
		}
	}
}

// A name that goes on elsewhere; what follows it does not (RFC 1035, section
// 4.1.4).
func TestPointer(t *testing.T) {
	r := rule.New(t, 5)
	two := wire.Load(t, "dns/question/two.hex").Msg
	mustParse(r, two, 0x21, question.Question{Name: "mail.example.com.", Type: question.TypeMX, Class: question.ClassIN}, len(two))
	alone := message(2, wwwName+"\x00\x01\x00\x01\xc0\x0c\x00\x1c\x00\x03\x00\x01")
	mustParse(r, alone, 0x21, question.Question{Name: "www.example.com.", Type: question.TypeAAAA, Class: question.ClassCH}, 0x27)
}

// A message that ends anywhere inside a question (RFC 9267, section 4).
func TestShort(t *testing.T) {
	r := rule.New(t, 6)
	two := wire.Load(t, "dns/question/two.hex").Msg
	for _, q := range []struct{ off, named, end int }{ // where it begins, its name ends, it ends
		{0x0c, 0x1d, 0x21}, {0x21, 0x28, 0x2c},
	} {
		for n := q.off; n < q.end; n++ {
			want := name.ErrShort
			if n >= q.named {
				want = question.ErrShort
			}
			mustFail(r, two[:n:n], q.off, want)
		}
	}
	for past := range 3 {
		mustFail(r, two, len(two)+past, name.ErrShort)
	}
	for n := range 4 {
		for past := range 3 {
			msg := make([]byte, 5+n)
			mustFailType(r, msg, 5, question.ErrShort)
			mustFailType(r, msg, len(msg)+past, question.ErrShort)
		}
		mustFailType(r, make([]byte, 5+n), math.MaxInt, question.ErrShort) // what is added to it goes below zero
	}
}

// What is wrong with the name (RFC 9267, sections 2 and 3).
func TestNameErrors(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("x", 63), 4) + "\x00"
	for _, tt := range []struct {
		why, wire string
		want      error
	}{
		{"a loop", "\x03www\xc0\x0c\x00\x01\x00\x01", name.ErrPointer},
		{"a reserved label type", "\x83www\x00\x00\x01\x00\x01", name.ErrLabelType},
		{"257 octets", long + "\x00\x01\x00\x01", name.ErrNameLen},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustFail(rule.New(t, 7), message(1, tt.wire), headLen, tt.want)
		})
	}
	for _, tt := range []struct {
		why, name string
		want      error
	}{
		{"no name", "", name.ErrEmptyLabel},
		{"an empty label", "www..com.", name.ErrEmptyLabel},
		{"a label of 64 octets", "www." + strings.Repeat("x", 64) + ".", name.ErrLabelLen},
		{"a name of 257 octets", strings.Repeat("x.", 128), name.ErrNameLen},
		{"half an escape", `www.a\1`, name.ErrEscape},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 7)
			q := question.Question{Name: tt.name, Type: question.TypeA, Class: question.ClassIN}
			got, err := appendTo(r, nil, q, tt.want)
			failed(r, fmt.Sprintf("Append(nil, %s)", show(q)), err, tt.want, returned(got))
		})
	}
}

// What stands in b stays (encoding/binary, AppendUint16).
func TestAppend(t *testing.T) {
	r := rule.New(t, 8)
	q := question.Question{Name: "com.", Type: question.TypeNS, Class: question.ClassIN}
	head := message(1, "")
	mustAppend(r, head, q, message(1, "\x03com\x00\x00\x02\x00\x01"))

	// Room behind len(b) may hold anything: it belongs to no one yet.
	dirty := bytes.Repeat([]byte{0xff}, 64)
	mustAppend(r, dirty[:2], q, []byte("\xff\xff\x03com\x00\x00\x02\x00\x01"))

	// A second question is written in full, although a pointer would do.
	mustAppend(r, []byte("\x03com\x00\x00\x02\x00\x01"), q, []byte("\x03com\x00\x00\x02\x00\x01\x03com\x00\x00\x02\x00\x01"))
}

// An error takes nothing away and adds nothing (encoding/binary, AppendUint16).
func TestAppendError(t *testing.T) {
	r := rule.New(t, 8)
	for _, tt := range []struct {
		text string
		want error
	}{
		{"", name.ErrEmptyLabel}, {"www..com.", name.ErrEmptyLabel}, {"www." + strings.Repeat("x", 64), name.ErrLabelLen},
		{strings.Repeat("x.", 128), name.ErrNameLen}, {`www.a\1`, name.ErrEscape},
	} {
		q := question.Question{Name: tt.text, Type: question.TypeA, Class: question.ClassIN}
		b := []byte("\xaa\xbb")
		got, err := appendTo(r, bytes.Clone(b), q, tt.want)
		failed(r, fmt.Sprintf("Append(b, %s)", show(q)), err, tt.want, returned(got))
		if !bytes.Equal(got, b) {
			r.Fatalf("Append(b, %s) = error: %v\n%s", show(q), err, wasHere(b, got))
		}
	}
}

func returned(b []byte) string {
	if len(b) == 0 {
		return "it returned no octet"
	}
	return fmt.Sprintf("it returned % x", b)
}

// wasHere says that b should have come back as it was.
func wasHere(b, got []byte) string {
	if len(got) == 0 {
		return fmt.Sprintf("b was % x, and nothing came back: want b as it was", b)
	}
	return fmt.Sprintf("b was % x and came back as % x, want it as it was", b, got)
}

// As many questions as are asked for, and no octet behind them (RFC 1035, section
// 4.1.1).
func TestParseAll(t *testing.T) {
	two := wire.Load(t, "dns/question/two.hex").Msg
	www := question.Question{Name: "www.example.com.", Type: question.TypeA, Class: question.ClassIN}
	mail := question.Question{Name: "mail.example.com.", Type: question.TypeMX, Class: question.ClassIN}
	root := question.Question{Name: ".", Type: question.TypeNS, Class: question.ClassIN}
	for _, tt := range []struct {
		why   string
		msg   []byte
		off   int
		count uint16
		want  []question.Question
		next  int
	}{
		{"one", two[:0x21], 0x0c, 1, []question.Question{www}, 0x21},
		{"one, and something behind it", two, 0x0c, 1, []question.Question{www}, 0x21},
		{"two", two, 0x0c, 2, []question.Question{www, mail}, 0x2c},
		{"the second of two", two, 0x21, 1, []question.Question{mail}, 0x2c},
		{"none", two[:0x0c], 0x0c, 0, nil, 0x0c},
		{"none, and something behind the header", two, 0x0c, 0, nil, 0x0c},
		{"none, and what is behind it makes no sense", message(0, "\xc0\xff"), 0x0c, 0, nil, 0x0c},
		{"thousands", message(13000, strings.Repeat("\x00\x00\x02\x00\x01", 13000)), 0x0c, 13000, slices.Repeat([]question.Question{root}, 13000), 12 + 65000},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustParseAll(rule.New(t, 9), claim(tt.msg, tt.count), tt.off, tt.count, tt.want, tt.next)
		})
	}
}

// Every question that real servers sent back, as miekg/dns reads it (RFC 1035,
// section 4.1.2).
func TestCaptured(t *testing.T) {
	r := rule.New(t, 9)
	files, err := filepath.Glob("../../../testdata/dns/captured/*.response.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for _, file := range files {
		msg := wire.Load(t, "dns/captured/"+filepath.Base(file)).Msg
		var m dns.Msg
		if len(wire.DNS(msg).Faults) > 0 || m.Unpack(msg) != nil {
			continue // captured because it is malformed
		}
		got, next, err := parseAll(r, msg, headLen, uint16(len(m.Question)), nil)
		if err != nil {
			r.Fatalf("ParseAll(msg, 0xc, %d) = error: %v\nwant no error\n\n%s\n%s", len(m.Question), err, short(file), wire.DNS(msg).Dump())
		}
		for i, q := range m.Question {
			if diff := unlike(got, i, q); diff != "" {
				r.Fatalf("ParseAll(msg, 0xc, %d) returned\n%s\n\n%s\n%s", len(m.Question), diff, short(file), wire.DNS(msg).Dump())
			}
		}
		if rest := behind(msg, len(m.Question)); next != rest {
			r.Fatalf("ParseAll(msg, 0xc, %d) returned next %#x, want %#x\n\n%s\n%s", len(m.Question), next, rest, short(file),
				wire.DNS(msg).Dump(stopped(next)))
		}
	}
}

// Counts that the octets do not back (RFC 9267, section 6).
func TestCount(t *testing.T) {
	two := wire.Load(t, "dns/question/two.hex").Msg
	for _, tt := range []struct {
		why   string
		msg   []byte
		off   int
		count uint16
		want  error
	}{
		{"one, and only a header", wire.Load(t, "dns/question/none.hex").Msg, 12, 1, question.ErrCount},
		{"two, and the second is not there", message(2, wwwName+"\x00\x01\x00\x01"), 12, 2, question.ErrCount},
		{"65535, and two are there", two, 12, 65535, question.ErrCount},
		{"one, and off lies behind the end", two[:12], 14, 1, question.ErrCount},
		{"one, and its name is cut", two[:0x14], 12, 1, name.ErrShort},
		{"one, and its class is cut", two[:0x20], 12, 1, question.ErrShort},
		{"two, and of the second one octet is there", two[:0x22], 12, 2, name.ErrShort},
		{"two, and the second has no type", two[:0x28], 12, 2, question.ErrShort},
		{"65535, and the second has no class", two[:0x2a], 12, 65535, question.ErrShort},
		{"two, and the second is a loop", message(2, "\x00\x00\x02\x00\x01\xc0\x11\x00\x02\x00\x01"), 12, 2, name.ErrPointer},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 10)
			msg := claim(tt.msg, tt.count)
			got, next, err := parseAll(r, msg, tt.off, tt.count, tt.want)
			failed(r, fmt.Sprintf("ParseAll(msg, %#x, %d)", tt.off, tt.count), err, tt.want,
				fmt.Sprintf("it returned %s, next %#x\n\n%s", showAll(got), next, dump(msg, tt.off)))
		})
	}
}

// Two octets that ask for a megabyte and a half (RFC 9267, section 6).
func TestMemory(t *testing.T) {
	r := rule.New(t, 11)
	two := wire.Load(t, "dns/question/two.hex").Msg
	for _, msg := range [][]byte{claim(two[:headLen], 65535), claim(two, 65535)} {
		const times = 20
		var before, after runtime.MemStats
		var err error
		r.Do(func() string { return "ParseAll(msg, 0xc, 65535)\n\n" + dump(msg, headLen) }, func() {
			runtime.ReadMemStats(&before)
			for range times {
				_, _, err = question.ParseAll(msg, headLen, 65535)
			}
			runtime.ReadMemStats(&after)
		})
		failed(r, "ParseAll(msg, 0xc, 65535)", err, question.ErrCount, dump(msg, headLen))
		spent := (after.TotalAlloc - before.TotalAlloc) / times
		if limit := uint64(4096 + 64*len(msg)); spent > limit {
			r.Fatalf("ParseAll(msg, 0xc, 65535) allocated %d octets, want %d at most\nmsg has %d, whatever its header claims\n\n%s", spent, limit, len(msg), dump(msg, headLen))
		}
	}
}

// What the numbers are called (RFC 3597, section 5).
func TestString(t *testing.T) {
	r, first := rule.New(t, 12), ""
	r.Do(func() string { return "TypeA.String()" }, func() { first = question.TypeA.String() })
	if first == "" {
		r.Fatalf("TypeA.String() = \"\": %v", todo.Err)
	}
	for _, tt := range []struct {
		n    question.Type
		want string
	}{
		{1, "A"}, {2, "NS"}, {5, "CNAME"}, {6, "SOA"}, {12, "PTR"}, {15, "MX"}, {16, "TXT"}, {28, "AAAA"}, {33, "SRV"}, {41, "OPT"}, {252, "AXFR"}, {255, "ANY"},
		{0, "TYPE0"}, {3, "TYPE3"}, {54, "TYPE54"}, {254, "TYPE254"}, {4660, "TYPE4660"}, {65280, "TYPE65280"}, {65535, "TYPE65535"},
	} {
		t.Run("type "+tt.want, func(t *testing.T) {
			mustString(rule.New(t, 12), fmt.Sprintf("Type(%d)", uint16(tt.n)), tt.n.String, tt.want)
		})
	}
	for _, tt := range []struct {
		n    question.Class
		want string
	}{
		{1, "IN"}, {3, "CH"}, {4, "HS"}, {254, "NONE"}, {255, "ANY"},
		{0, "CLASS0"}, {2, "CLASS2"}, {28, "CLASS28"}, {256, "CLASS256"}, {1232, "CLASS1232"}, {65535, "CLASS65535"},
	} {
		t.Run("class "+tt.want, func(t *testing.T) {
			mustString(rule.New(t, 12), fmt.Sprintf("Class(%d)", uint16(tt.n)), tt.n.String, tt.want)
		})
	}
}

// Names and numbers, in any case (RFC 3597, section 5; RFC 1035, section 2.3.3).
func TestUnmarshalText(t *testing.T) {
	for _, tt := range []struct {
		text string
		want question.Type
	}{
		{"A", 1}, {"NS", 2}, {"CNAME", 5}, {"SOA", 6}, {"PTR", 12}, {"MX", 15}, {"TXT", 16}, {"AAAA", 28}, {"SRV", 33}, {"OPT", 41}, {"AXFR", 252}, {"ANY", 255},
		{"a", 1}, {"aaaa", 28}, {"cName", 5},
		{"TYPE65280", 65280}, {"TYPE0", 0}, {"TYPE65535", 65535}, {"TYPE3", 3}, {"type65", 65}, {"Type65", 65},
		{"TYPE1", 1}, {"TYPE28", 28}, {"type255", 255},
	} {
		t.Run("type "+tt.text, func(t *testing.T) {
			got := question.Type(4711)
			mustUnmarshal(rule.New(t, 13), tt.text, "Type", &got, &got, tt.want)
		})
	}
	for _, tt := range []struct {
		text string
		want question.Class
	}{
		{"IN", 1}, {"CH", 3}, {"HS", 4}, {"NONE", 254}, {"ANY", 255}, {"in", 1}, {"Ch", 3},
		{"CLASS2", 2}, {"CLASS0", 0}, {"CLASS65535", 65535}, {"class32", 32}, {"Class32", 32}, {"CLASS1", 1}, {"CLASS255", 255},
	} {
		t.Run("class "+tt.text, func(t *testing.T) {
			got := question.Class(4711)
			mustUnmarshal(rule.New(t, 13), tt.text, "Class", &got, &got, tt.want)
		})
	}
}

// Texts that name nothing (RFC 3597, section 5).
func TestErrText(t *testing.T) {
	for _, text := range []string{
		"", "AA", "NOSUCH", "IN", "28", "TYPE", "TYPE65536", "TYPE4294967297", "TYPE99999999999999999999", "TYPE-1", "TYPE+1", "TYPE 1", "TYPE1 ", "TYPE1x", "TYPE0x1", "TYPE1_0", "CLASS1",
		"TYPETYPE1", "XTYPE1", " A", "A ", "A\x00", "TYPE\u0661", "N\u017f", "TX\xd4",
	} {
		t.Run("type "+strconv.QuoteToASCII(text), func(t *testing.T) {
			got := question.Type(4711)
			mustNotUnmarshal(rule.New(t, 14), text, "Type", &got, &got, 4711)
		})
	}
	for _, text := range []string{"", "I", "INN", "A", "1", "CLASS", "CLASS65536", "CLASS-1", "CLASS 1", "CLASS1.", "TYPE1", "H\u017f"} {
		t.Run("class "+strconv.QuoteToASCII(text), func(t *testing.T) {
			got := question.Class(4711)
			mustNotUnmarshal(rule.New(t, 14), text, "Class", &got, &got, 4711)
		})
	}
}

// Every number has a text that means it (RFC 3597, section 5).
func TestTextRoundTrip(t *testing.T) {
	r := rule.New(t, 15)
	for n := 65535; n >= 0; n -= 1 + n/20 { // the low ones, and some of the others
		var text string
		tt, c := question.Type(n+1), question.Class(n+1)
		r.Do(func() string { return fmt.Sprintf("Type(%d).String()", n) }, func() { text = question.Type(n).String() })
		mustUnmarshal(r, text, "Type", &tt, &tt, question.Type(n))
		r.Do(func() string { return fmt.Sprintf("Class(%d).String()", n) }, func() { text = question.Class(n).String() })
		mustUnmarshal(r, text, "Class", &c, &c, question.Class(n))
	}
}

// Any question, to the wire and back; two others say the same (RFC 1035, section
// 4.1.2).
func TestRoundTrip(t *testing.T) {
	r := rule.New(t, 15)
	r.Property(func(t *rapid.T, r *rule.R) {
		q := drawQuestion(t)
		msg, err := appendTo(r, message(1, ""), q, nil)
		if err != nil {
			r.Fatalf("Append(b, %s) = error: %v", show(q), err)
		}
		var m dns.Msg
		if err := m.Unpack(msg); err != nil {
			r.Fatalf("Append(b, %s) made what miekg/dns does not read: %v\n\n%s", show(q), err, dump(msg, headLen))
		}
		if diff := unlike([]question.Question{q}, 0, m.Question[0]); diff != "" {
			r.Fatalf("Append(b, %s), and what miekg/dns reads there:\n%s\n\n%s", show(q), diff, dump(msg, headLen))
		}
		var p dnsmessage.Parser
		_, errStart := p.Start(msg)
		other, err := p.Question()
		if errStart != nil || err != nil || other.Type != dnsmessage.Type(q.Type) || other.Class != dnsmessage.Class(q.Class) || other.Name.String() != q.Name {
			r.Fatalf("Append(b, %s): dnsmessage reads %v there (error: %v)\n\n%s", show(q), other, errors.Join(errStart, err), dump(msg, headLen))
		}
		mustParse(r, msg, headLen, q, len(msg))
	})
}

// Several questions that miekg/dns compressed (RFC 1035, section 4.1.4).
func TestCompressed(t *testing.T) {
	r := rule.New(t, 15)
	r.Property(func(t *rapid.T, r *rule.R) {
		m := dns.Msg{Compress: true}
		var want []question.Question
		for range rapid.IntRange(0, 6).Draw(t, "questions") {
			q := drawQuestion(t)
			want = append(want, q)
			m.Question = append(m.Question, dns.Question{Name: q.Name, Qtype: uint16(q.Type), Qclass: uint16(q.Class)})
		}
		msg, err := m.Pack()
		if err != nil {
			t.Fatalf("miekg/dns does not pack %s: %v", showAll(want), err)
		}
		mustParseAll(r, msg, headLen, uint16(len(want)), want, len(msg))
	})
}

// Any octets at all, beside miekg/dns.
func FuzzParseAll(f *testing.F) {
	f.Add([]byte("\x03www\x00\x00\x01\x00\x01"), uint16(1))                           // a question
	f.Add([]byte("\x03www\x00\x00\x01\x00\x01\xc0\x0c\x00\x1c\x00\x01"), uint16(2))   // two, by pointer
	f.Add([]byte("\x03www\x00\x00\x01\x00\x01"), uint16(2))                           // one of two
	f.Add([]byte("\x03www\x00\x00\x01\x00"), uint16(1))                               // cut in the class
	f.Add([]byte("\x03www\x00"), uint16(1))                                           // cut behind the name
	f.Add([]byte("\x03ww"), uint16(1))                                                // cut in the name
	f.Add([]byte("\xc0\x0c\x00\x01\x00\x01"), uint16(1))                              // a loop
	f.Add([]byte("\x41x\x00\x00\x01\x00\x01"), uint16(1))                             // a reserved label type
	f.Add([]byte{}, uint16(65535))                                                    // nothing at all
	f.Add([]byte{}, uint16(0))                                                        // and nothing claimed
	f.Add([]byte("\x03w.\xff\x00\xff\xff\xff\xff\x00\x00\x00\x00\x00"), uint16(2))    // odd octets
	f.Add(append(bytes.Repeat([]byte("\x3fx"), 160), 0, 0, 1, 0, 1, 0, 0), uint16(1)) // too long
	f.Fuzz(func(t *testing.T, questions []byte, count uint16) {
		r := rule.New(t, 16)
		msg := message(count, string(questions))
		call := fmt.Sprintf("ParseAll(msg, 0xc, %d)", count)
		got, next, err := parseAll(r, msg, headLen, count, nil)
		var m dns.Msg
		refused := m.Unpack(msg)
		switch {
		case err == nil && (len(got) != int(count) || next < headLen || next > len(msg)):
			r.Fatalf("%s returned %d questions, next %#x, nil\n\n%s", call, len(got), next, dump(msg, headLen))
		case err == nil && refused == nil && len(m.Question) == len(got): // not, where it takes the count for a lie
			for i, q := range m.Question {
				if diff := unlike(got, i, q); diff != "" {
					r.Fatalf("%s returned\n%s: so miekg/dns has it\n\n%s", call, diff, dump(msg, headLen))
				}
			}
		case err != nil && !is(err, question.ErrCount) && !isParseError(err):
			r.Fatalf("%s = error: %v: not one of the errors that ParseAll may return\n\n%s", call, err, dump(msg, headLen))
		}
		if _, _, err := parse(r, msg, headLen); err != nil && !isParseError(err) {
			r.Fatalf("Parse(msg, 0xc) = error: %v: not one of the errors that Parse may return\n\n%s", err, dump(msg, headLen))
		}
	})
}

// Any text at all.
func FuzzUnmarshalText(f *testing.F) {
	f.Add("A")         // a type
	f.Add("ANY")       // a type and a class
	f.Add("type65280") // a number
	f.Add("CLASS1")    // another
	f.Add("TYPE65536") // too large
	f.Add("TYPE")      // none
	f.Add("\xff\x00")  // odd octets
	f.Fuzz(func(t *testing.T, text string) {
		r := rule.New(t, 16)
		tt, c := question.Type(4711), question.Class(4711)
		if err := unmarshal(r, text, "Type", &tt); err != nil && (!is(err, question.ErrText) || tt != 4711) {
			r.Fatalf("t.UnmarshalText(%q) = error: %v, t is now %d\nwant %s, and t as it was: 4711", text, err, tt, sentinel(question.ErrText))
		}
		if err := unmarshal(r, text, "Class", &c); err != nil && (!is(err, question.ErrText) || c != 4711) {
			r.Fatalf("c.UnmarshalText(%q) = error: %v, c is now %d\nwant %s, and c as it was: 4711", text, err, c, sentinel(question.ErrText))
		}
	})
}

func parse(r *rule.R, msg []byte, off int) (q question.Question, next int, err error) {
	r.T().Helper()
	return parseFor(r, msg, off, nil)
}

// parseFor is parse where that error is wanted, if any: a call that panics shall
// say so.
func parseFor(r *rule.R, msg []byte, off int, want error) (q question.Question, next int, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Parse(msg, %#x)%s\n\n%s", off, wanted(want), dump(msg, off)) },
		func() { q, next, err = question.Parse(msg, off) })
	return q, next, err
}

// wanted is a line that says what error is wanted, if any.
func wanted(err error) string {
	if err == nil {
		return ""
	}
	return "\nwant error: " + sentinel(err)
}

func parseAll(r *rule.R, msg []byte, off int, count uint16, want error) (all []question.Question, next int, err error) {
	r.T().Helper()
	r.Do(func() string {
		return fmt.Sprintf("ParseAll(msg, %#x, %d)%s\n\n%s", off, count, wanted(want), dump(msg, off))
	},
		func() { all, next, err = question.ParseAll(msg, off, count) })
	return all, next, err
}

func parseType(r *rule.R, msg []byte, off int, want error) (t question.Type, c question.Class, next int, err error) {
	r.T().Helper()
	r.Do(func() string {
		return fmt.Sprintf("ParseType(msg, %d)%s%s\n\nmsg is % x", off, past(msg, off), wanted(want), msg)
	},
		func() { t, c, next, err = question.ParseType(msg, off) })
	return t, c, next, err
}

func appendTo(r *rule.R, b []byte, q question.Question, want error) (out []byte, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Append(b, %s), b has %d octets%s", show(q), len(b), wanted(want)) },
		func() { out, err = question.Append(b, q) })
	return out, err
}

func unmarshal(r *rule.R, text, of string, v encoding.TextUnmarshaler) (err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("UnmarshalText(%q), of a %s", text, of) },
		func() { err = v.UnmarshalText([]byte(text)) })
	return err
}

func mustParse(r *rule.R, msg []byte, off int, want question.Question, wantNext int) {
	r.T().Helper()
	got, next, err := parse(r, msg, off)
	if err != nil {
		r.Fatalf("Parse(msg, %#x) = error: %v\nwant %s, next %#x\n\n%s", off, err, show(want), wantNext, dump(msg, off))
	}
	if got != want {
		r.Fatalf("Parse(msg, %#x) returned\n%s\n\n%s", off, differences("", got, want), dump(msg, off))
	}
	if next != wantNext {
		r.Fatalf("Parse(msg, %#x) returned %s\n%s\n\n%s", off, show(got), nextDiffers(next, wantNext), dump(msg, off, stopped(next)))
	}
}

func mustParseAll(r *rule.R, msg []byte, off int, count uint16, want []question.Question, wantNext int) {
	r.T().Helper()
	got, next, err := parseAll(r, msg, off, count, nil)
	call := fmt.Sprintf("ParseAll(msg, %#x, %d)", off, count)
	if err != nil {
		r.Fatalf("%s = error: %v\nwant %s, next %#x\n\n%s", call, err, showAll(want), wantNext, dump(msg, off))
	}
	if len(got) != len(want) {
		r.Fatalf("%s returned %s\nwant %s\n\n%s", call, showAll(got), showAll(want), dump(msg, off))
	}
	for i := range want {
		if got[i] != want[i] {
			r.Fatalf("%s returned\n%s\n\n%s", call, differences(fmt.Sprintf("[%d].", i), got[i], want[i]), dump(msg, off))
		}
	}
	if next != wantNext {
		r.Fatalf("%s returned %s\n%s\n\n%s", call, showAll(got), nextDiffers(next, wantNext), dump(msg, off, stopped(next)))
	}
}

func mustParseType(r *rule.R, msg []byte, off int, wantT question.Type, wantC question.Class) {
	r.T().Helper()
	t, c, next, err := parseType(r, msg, off, nil)
	call := fmt.Sprintf("ParseType(msg, %d)", off)
	if err != nil {
		r.Fatalf("%s = error: %v\nwant type %s, class %s, next %d\n\nmsg is % x", call, err, number(wantT), number(wantC), off+4, msg)
	}
	if t != wantT || c != wantC || next != off+4 {
		r.Fatalf("%s = type %s, class %s, next %d\nwant type %s, class %s, next %d\n\nmsg is % x", call, number(t), number(c), next,
			number(wantT), number(wantC), off+4, msg)
	}
}

func mustFail(r *rule.R, msg []byte, off int, want error) {
	r.T().Helper()
	got, next, err := parseFor(r, msg, off, want)
	failed(r, fmt.Sprintf("Parse(msg, %#x)", off), err, want, fmt.Sprintf("it returned %s, next %#x\n\n%s", show(got), next, dump(msg, off)))
}

func mustFailType(r *rule.R, msg []byte, off int, want error) {
	r.T().Helper()
	_, _, next, err := parseType(r, msg, off, want)
	failed(r, fmt.Sprintf("ParseType(msg, %d)%s", off, past(msg, off)), err, want, fmt.Sprintf("it returned next %d; msg has %d octets", next, len(msg)))
}

// past says so where off lies behind msg's end: that is no slip of the test.
func past(msg []byte, off int) string {
	if off <= len(msg) {
		return ""
	}
	text := fmt.Sprintf(", of a msg of %d octets: off lies past the end", len(msg))
	if off == math.MaxInt {
		text += ",\nand is the largest int: off+4 is below zero"
	}
	return text
}

// failed fails the test unless err, which that call returned, is want.
func failed(r *rule.R, call string, err, want error, rest string) {
	r.T().Helper()
	switch {
	case err == nil:
		r.Fatalf("%s = nil error\nwant error: %s\n%s", call, sentinel(want), rest)
	case is(err, want):
	case errors.Is(err, want):
		r.Fatalf("%s = error: %v\nwant %s, and that alone\n%s", call, err, sentinel(want), rest)
	case strings.Contains(err.Error(), want.Error()):
		r.Fatalf("%s = error: %v\nThe words are right, but errors.Is does not find %s:\nreturn that error, or wrap it with %%w\n%s", call, err, sentinelName(want), rest)
	default:
		r.Fatalf("%s = error: %v\nwant error: %s\n%s", call, err, sentinel(want), rest)
	}
}

func mustAppend(r *rule.R, b []byte, q question.Question, want []byte) {
	r.T().Helper()
	before := bytes.Clone(b)
	got, err := appendTo(r, b, q, nil)
	if err != nil {
		r.Fatalf("Append(b, %s) = error: %v\nwant no error", show(q), err)
	}
	if !bytes.Equal(got, want) {
		r.Fatalf("Append(b, %s), b had %d octets\n\n%s", show(q), len(before), wire.Diff(got, named(want, len(before))))
	}
}

func mustString(r *rule.R, what string, f func() string, want string) {
	r.T().Helper()
	var got string
	r.Do(func() string { return what + ".String()" }, func() { got = f() })
	if got != want {
		r.Fatalf("%s.String() = %q, want %q", what, got, want)
	}
}

func mustUnmarshal[N ~uint16](r *rule.R, text, of string, v encoding.TextUnmarshaler, got *N, want N) {
	r.T().Helper()
	if err := unmarshal(r, text, of, v); err != nil {
		r.Fatalf("UnmarshalText(%q), of a %s, = error: %v\nwant %d", text, of, err, uint16(want))
	}
	if *got != want {
		r.Fatalf("UnmarshalText(%q), of a %s, made it %d, want %d", text, of, uint16(*got), uint16(want))
	}
}

func mustNotUnmarshal[N ~uint16](r *rule.R, text, of string, v encoding.TextUnmarshaler, got *N, was N) {
	r.T().Helper()
	err := unmarshal(r, text, of, v)
	call := fmt.Sprintf("UnmarshalText(%+q), of a %s,", text, of)
	failed(r, call, err, question.ErrText, fmt.Sprintf("it is now %s%s", called(of, uint16(*got)), foreign(text)))
	if *got != was {
		r.Fatalf("%s = error: %v\nand it is now %d, want it as it was: %d%s", call, err, uint16(*got), uint16(was), foreign(text))
	}
}

// called is a number, and what it is called where a text of another alphabet may
// be taken for its name.
func called(of string, n uint16) string {
	if text, ok := map[string]string{"Type 1": "A", "Type 2": "NS", "Type 16": "TXT", "Class 4": "HS"}[fmt.Sprint(of, " ", n)]; ok {
		return fmt.Sprintf("%d, which is %s", n, text)
	}
	return fmt.Sprint(n)
}

// foreign says which characters of text are none of ASCII: some become one when
// they are turned into upper case, or compared with strings.EqualFold.
func foreign(text string) (lines string) {
	for _, c := range text {
		if c > 0x7f && c != utf8.RuneError {
			lines += fmt.Sprintf("\n%c is U+%04X: only the letters A to Z, and digits 0 to 9, count (rule 13)", c, c)
		}
	}
	return lines
}

// sentinels are the errors that this kata may return, with their names.
var sentinels = []struct {
	name string
	err  error
}{
	{"ErrShort", question.ErrShort}, {"ErrCount", question.ErrCount}, {"ErrText", question.ErrText},
	{"name.ErrShort", name.ErrShort}, {"name.ErrLabelType", name.ErrLabelType}, {"name.ErrPointer", name.ErrPointer},
	{"name.ErrLabelLen", name.ErrLabelLen}, {"name.ErrNameLen", name.ErrNameLen},
	{"name.ErrEmptyLabel", name.ErrEmptyLabel}, {"name.ErrEscape", name.ErrEscape},
}

func sentinelName(err error) string {
	for _, s := range sentinels {
		if s.err == err {
			return s.name
		}
	}
	return "it"
}

// sentinel names an error and quotes it.
func sentinel(err error) string { return fmt.Sprintf("%s (%q)", sentinelName(err), err.Error()) }

// is says whether err is want, and none of the other errors.
func is(err, want error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s.err) != (s.err == want) {
			return false
		}
	}
	return true
}

func isParseError(err error) bool {
	return is(err, question.ErrShort) || is(err, name.ErrShort) || is(err, name.ErrLabelType) || is(err, name.ErrPointer) || is(err, name.ErrNameLen)
}

// show prints q with its numbers: what String makes of them is another matter.
func show(q question.Question) string {
	return fmt.Sprintf("{%s, type %d, class %d}", quote(q.Name), uint16(q.Type), uint16(q.Class))
}

func showAll(all []question.Question) string {
	switch {
	case len(all) == 0:
		return "no question"
	case len(all) == 1:
		return show(all[0])
	case len(all) > 3:
		return fmt.Sprintf("%d questions", len(all))
	}
	text := fmt.Sprintf("%d questions:", len(all))
	for _, q := range all {
		text += "\n  " + show(q)
	}
	return text
}

// number prints a type or a class with its octets.
func number[N ~uint16](n N) string {
	return fmt.Sprintf("%d (%02x %02x)", uint16(n), uint16(n)>>8, uint16(n)&0xff)
}

// quote is %q, without the middle of a long name.
func quote(text string) string {
	if n := len(text); n > 40 {
		return fmt.Sprintf("%q…%q (%d characters)", text[:12], text[n-8:], n)
	}
	return strconv.Quote(text)
}

// differences says which fields are not as wanted, a line each.
func differences(prefix string, got, want question.Question) string {
	var lines []string
	if got.Name != want.Name {
		lines = append(lines, fmt.Sprintf("  %sName = %s, want %s", prefix, quote(got.Name), quote(want.Name)))
	}
	if got.Type != want.Type {
		lines = append(lines, fmt.Sprintf("  %sType = %s, want %s", prefix, number(got.Type), number(want.Type)))
	}
	if got.Class != want.Class {
		lines = append(lines, fmt.Sprintf("  %sClass = %s, want %s", prefix, number(got.Class), number(want.Class)))
	}
	return strings.Join(lines, "\n")
}

func nextDiffers(next, want int) string {
	return fmt.Sprintf("and next %#x, want %#x", next, want)
}

// stopped marks what was returned as next.
func stopped(next int) wire.Mark { return wire.Mark{Off: next, Note: "you stopped before this"} }

// unlike says how question i differs from what miekg/dns reads; names are
// compared as octets, since it escapes otherwise.
func unlike(got []question.Question, i int, other dns.Question) string {
	if i >= len(got) {
		return fmt.Sprintf("  %d questions, want one more: %s", len(got), show(question.Question{Name: other.Name, Type: question.Type(other.Qtype), Class: question.Class(other.Qclass)}))
	}
	want := question.Question{Name: other.Name, Type: question.Type(other.Qtype), Class: question.Class(other.Qclass)}
	a, errA := packed(got[i].Name)
	b, errB := packed(other.Name)
	if errA == nil && errB == nil && bytes.Equal(a, b) {
		want.Name = got[i].Name
	}
	return differences(fmt.Sprintf("[%d].", i), got[i], want)
}

// packed is what miekg/dns makes of a name.
func packed(text string) ([]byte, error) {
	b := make([]byte, 256)
	n, err := dns.PackDomainName(text, b, 0, nil, false)
	return b[:n], err
}

// behind returns the offset behind the questions of a message that makes sense.
func behind(msg []byte, questions int) int {
	off := headLen
	for range questions {
		_, next, err := dns.UnpackDomainName(msg, off)
		if err != nil {
			return -1
		}
		off = next + 4
	}
	return off
}

// message is a header with that QDCOUNT, and what stands behind it.
func message(count uint16, questions string) []byte {
	msg := []byte("\x2a\x17\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	binary.BigEndian.PutUint16(msg[4:], count)
	return append(msg, questions...)
}

// claim is msg with that QDCOUNT.
func claim(msg []byte, count uint16) []byte {
	msg = bytes.Clone(msg)
	binary.BigEndian.PutUint16(msg[4:], count)
	return msg
}

// dump lists msg, with a mark where the call begins. What has no header, or one
// that is not at its beginning, is shown as a name and what follows it.
func dump(msg []byte, off int, marks ...wire.Mark) string {
	marks = append(marks, wire.Mark{Off: off, Note: "you begin here"})
	if len(msg) > 2000 {
		return fmt.Sprintf("msg has %d octets", len(msg))
	}
	if !bytes.HasPrefix(msg, message(0, "")[:4]) {
		return named(msg, off).Dump(marks...)
	}
	d := wire.DNS(msg)
	d.Faults = slices.DeleteFunc(d.Faults, func(f wire.Fault) bool { return f.Off == 4 }) // two questions: no fault here
	return d.Dump(marks...)
}

// named dissects the name at off, and the type and class behind it.
func named(msg []byte, off int) wire.Dissection {
	d := wire.DNSName(msg, min(off, len(msg)))
	var fields []wire.Field
	done := false
	for i, f := range d.Fields {
		if done || i == 0 || f.Label() != "" || f.Off <= off || f.Len < 4 {
			fields = append(fields, f)
			continue
		}
		done = true
		fields = append(fields, wire.Field{Off: f.Off, Len: 2, Text: "type"}, wire.Field{Off: f.Off + 2, Len: 2, Text: "class"})
		if f.Len > 4 {
			fields = append(fields, wire.Field{Off: f.Off + 4, Len: f.Len - 4})
		}
	}
	d.Fields = fields
	return d
}

// short is the file's name below the repository.
func short(file string) string { return strings.TrimPrefix(filepath.ToSlash(file), "../../../") }

// drawQuestion draws labels from few letters, so that names share endings.
func drawQuestion(t *rapid.T) question.Question {
	labels := rapid.SliceOfN(rapid.StringMatching(`[a-cA-C][a-c0-9-]{0,5}`), 0, 5).Draw(t, "labels")
	return question.Question{
		Name:  dns.Fqdn(strings.Join(labels, ".")),
		Type:  question.Type(rapid.Uint16().Draw(t, "type")),
		Class: question.Class(rapid.Uint16().Draw(t, "class")),
	}
}
