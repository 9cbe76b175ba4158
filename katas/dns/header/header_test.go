package header_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/header"
)

// A query, and the counts, word by word (RFC 1035, section 4.1.1).
func TestWords(t *testing.T) {
	for _, tt := range []struct {
		why string
		msg string
		h   header.Header
	}{
		{"a query", "\x2a\x17\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01",
			header.Header{ID: 0x2a17, QDCount: 1, ARCount: 1}},
		{"four different counts", "\x00\x00\x00\x00\x00\x01\x00\x03\x00\x02\x00\x04",
			header.Header{QDCount: 1, ANCount: 3, NSCount: 2, ARCount: 4}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 1)
			mustParse(r, []byte(tt.msg), 0, tt.h)
			mustAppend(r, nil, tt.h, []byte(tt.msg))
		})
	}
}

// One flag at a time, each at its bit (RFC 6895, section 2).
func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		flag string
		bit  uint16
		h    header.Header
	}{
		{"QR", 0x8000, header.Header{QR: true}},
		{"AA", 0x0400, header.Header{AA: true}},
		{"TC", 0x0200, header.Header{TC: true}},
		{"RD", 0x0100, header.Header{RD: true}},
		{"RA", 0x0080, header.Header{RA: true}},
		{"Z", 0x0040, header.Header{Z: true}},
		{"AD", 0x0020, header.Header{AD: true}},
		{"CD", 0x0010, header.Header{CD: true}},
	} {
		t.Run(tt.flag, func(t *testing.T) {
			r := rule.New(t, 2)
			msg := flags(tt.bit)
			mustParse(r, msg, 0, tt.h)
			mustAppend(r, nil, tt.h, msg)
		})
	}
}

// Opcodes and response codes are numbers, not flags (RFC 6895, section 2).
func TestCodes(t *testing.T) {
	r := rule.New(t, 3)
	for n := range uint16(16) {
		for _, tt := range []struct {
			word uint16
			h    header.Header
		}{
			{n << 11, header.Header{Opcode: header.Opcode(n)}},
			{n, header.Header{Rcode: header.Rcode(n)}},
		} {
			mustParse(r, flags(tt.word), 0, tt.h)
			mustAppend(r, nil, tt.h, flags(tt.word))
		}
	}
}

// A header behind the length that TCP puts before it (RFC 1035, section 4.2.2).
func TestOffset(t *testing.T) {
	r := rule.New(t, 4)
	msg := []byte("\x00\x0d\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xff")
	mustParse(r, msg, 2, header.Header{ID: 0x2a17, RD: true, QDCount: 1})
	mustParse(r, msg[1:], 1, header.Header{ID: 0x2a17, RD: true, QDCount: 1})
}

// Every length that is too short, at every offset (RFC 1035, section 4.1.1).
func TestShort(t *testing.T) {
	r := rule.New(t, 5)
	full := make([]byte, 16)
	for n := range len(full) + 1 {
		for off := range n + 3 {
			msg := full[:n:n]
			_, _, err := parse(r, msg, off)
			switch left := n - off; {
			case left < header.Len && !errors.Is(err, header.ErrShort):
				r.Fatalf("Parse of %s, from offset %d on:\nerr = %v\n%s", octets(n), off, err, wanted("ErrShort", header.ErrShort, err))
			case left >= header.Len && err != nil:
				r.Fatalf("Parse of %s, from offset %d on: %d are enough\nerr = %v, want nil", octets(n), off, left, err)
			}
		}
	}
}

// Counts that nothing in the message backs (RFC 9267, section 6).
func TestCounts(t *testing.T) {
	r := rule.New(t, 6)
	mustParse(r, []byte("\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"), 0,
		header.Header{QDCount: 65535, ANCount: 65535, NSCount: 65535, ARCount: 65535})
	mustParse(r, []byte("\x00\x00\x80\x00\x00\x02\x00\x00\x00\x00\x00\x00"), 0,
		header.Header{QR: true, QDCount: 2})
}

// What stands in b stays (encoding/binary, AppendUint16).
func TestAppend(t *testing.T) {
	r := rule.New(t, 7)
	h := header.Header{ID: 0x2a17, RD: true, QDCount: 1}
	const encoded = "\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
	mustAppend(r, []byte("\x00\x0c"), h, []byte("\x00\x0c"+encoded))

	// Room behind len(b) may hold anything: it belongs to no one yet.
	dirty := bytes.Repeat([]byte{0xff}, 32)
	mustAppend(r, dirty[:2], h, []byte("\xff\xff"+encoded))
}

// Numbers of five bits and more (RFC 6891, section 6.1.3, has the room for them).
func TestRange(t *testing.T) {
	for _, tt := range []struct {
		why string
		h   header.Header
	}{
		{"opcode 16 would end up in QR", header.Header{Opcode: 16}},
		{"opcode 255", header.Header{Opcode: 255}},
		{"response code 16 (BADVERS) would end up in CD", header.Header{Rcode: 16}},
		{"response code 255", header.Header{Rcode: 255}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 8)
			b := []byte("\xaa\xbb")
			got, err := appendTo(r, bytes.Clone(b), tt.h)
			if !errors.Is(err, header.ErrRange) {
				r.Fatalf("Append(b, %s)\nerr = %v\n%s", show(tt.h), err, wanted("ErrRange", header.ErrRange, err))
			}
			if !bytes.Equal(got, b) {
				r.Errorf("Append(b, %s) returned %s: % x\nwant b as it was: % x", show(tt.h), octets(len(got)), got, b)
			}
		})
	}
}

// All 65,536 flag words, there and back (RFC 6895, section 2.1, on the bit Z).
func TestEveryWord(t *testing.T) {
	r := rule.New(t, 9)
	var word atomic.Uint32
	var failure string
	r.Do(func() string { return "Parse, then Append, of\n\n" + dump(flags(uint16(word.Load()))) }, func() {
		for n := range uint32(1 << 16) {
			word.Store(n)
			if failure = thereAndBack(flags(uint16(n))); failure != "" {
				return
			}
		}
	})
	if failure != "" {
		r.Fatalf("%s", failure)
	}
}

// thereAndBack says what is wrong with Append of what Parse makes of msg.
func thereAndBack(msg []byte) string {
	h, _, err := header.Parse(msg, 0)
	if err != nil {
		return fmt.Sprintf("Parse(msg, 0): %v\n\n%s", err, dump(msg))
	}
	got, err := header.Append(nil, h)
	if err != nil {
		return fmt.Sprintf("Append(nil, %s): %v", show(h), err)
	}
	if !bytes.Equal(got, msg) {
		return "Parse, then Append, gave other octets (want: those parsed)\n\n" + wire.Diff(got, wire.DNSHeader(msg))
	}
	return ""
}

// What real servers sent, as dnsmessage reads it (RFC 6895, section 2).
func TestCaptured(t *testing.T) {
	r := rule.New(t, 9)
	files, err := filepath.Glob("../../../testdata/dns/captured/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for _, file := range files {
		msg := wire.Load(t, "dns/captured/"+filepath.Base(file)).Msg
		h := oracle(t, msg)
		mustParse(r, msg, 0, h)
		mustAppend(r, nil, h, msg[:header.Len])
	}
}

// Any header, packed by us and read by dnsmessage (RFC 6895, section 2).
func TestOracle(t *testing.T) {
	r := rule.New(t, 9)
	r.Property(func(t *rapid.T, r *rule.R) {
		h := header.Header{
			ID: rapid.Uint16().Draw(t, "ID"),
			QR: rapid.Bool().Draw(t, "QR"),
			AA: rapid.Bool().Draw(t, "AA"),
			TC: rapid.Bool().Draw(t, "TC"),
			RD: rapid.Bool().Draw(t, "RD"),
			RA: rapid.Bool().Draw(t, "RA"),
			Z:  rapid.Bool().Draw(t, "Z"),
			AD: rapid.Bool().Draw(t, "AD"),
			CD: rapid.Bool().Draw(t, "CD"),

			Opcode: header.Opcode(rapid.IntRange(0, 15).Draw(t, "opcode")),
			Rcode:  header.Rcode(rapid.IntRange(0, 15).Draw(t, "rcode")),

			QDCount: rapid.Uint16().Draw(t, "QDCOUNT"),
			ANCount: rapid.Uint16().Draw(t, "ANCOUNT"),
			NSCount: rapid.Uint16().Draw(t, "NSCOUNT"),
			ARCount: rapid.Uint16().Draw(t, "ARCOUNT"),
		}
		msg, err := appendTo(r, nil, h)
		if err != nil {
			r.Fatalf("Append(nil, %s): %v", show(h), err)
		}
		if len(msg) != header.Len {
			r.Fatalf("Append(nil, %s) made %s, want %d", show(h), octets(len(msg)), header.Len)
		}
		if diff := differences(oracle(t, msg), h); diff != "" {
			r.Fatalf("another reader of what Append made sees\n%s\n\n%s", diff, dump(msg))
		}
		mustParse(r, msg, 0, h)
	})
}

// Any octets at all.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"), uint16(0)) // a query
	f.Add([]byte("\x2a\x17\x85\x80\x00\x01\x00\x01\x00\x00\x00"), uint16(0))     // one octet short
	f.Add([]byte("\x00\x0c\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00"), uint16(2)) // cut by the offset
	f.Add([]byte{}, uint16(1))                                                   // an offset past the end
	f.Add(bytes.Repeat([]byte{0xff}, 13), uint16(1))                             // every bit set
	f.Fuzz(func(t *testing.T, msg []byte, at uint16) {                           // no offset is negative
		r, off := rule.New(t, 5), int(at)
		h, next, err := parse(r, msg, off)
		if len(msg)-off < header.Len {
			if !errors.Is(err, header.ErrShort) {
				r.Fatalf("Parse of %s, from offset %d on:\nerr = %v\n%s", octets(len(msg)), off, err, wanted("ErrShort", header.ErrShort, err))
			}
			return
		}
		if err != nil || next != off+header.Len {
			r.Fatalf("Parse(msg, %d): next %d, err %v; want next %d, err nil\n\n%s", off, next, err, off+header.Len, dump(msg))
		}
		mustAppend(rule.New(t, 9), nil, h, msg[off:next])
	})
}

func parse(r *rule.R, msg []byte, off int) (h header.Header, next int, err error) {
	r.T().Helper()
	r.Do(func() string {
		return fmt.Sprintf("Parse(msg, %d), msg has %s\n\n%s", off, octets(len(msg)), dump(msg))
	},
		func() { h, next, err = header.Parse(msg, off) })
	return h, next, err
}

func appendTo(r *rule.R, b []byte, h header.Header) (out []byte, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Append(b, %s), b has %s", show(h), octets(len(b))) },
		func() { out, err = header.Append(b, h) })
	return out, err
}

func mustParse(r *rule.R, msg []byte, off int, want header.Header) {
	r.T().Helper()
	got, next, err := parse(r, msg, off)
	shown := func() string { return around(msg, off) }
	if err != nil {
		r.Fatalf("Parse(msg, %d): %v\nwant no error\n\n%s", off, err, shown())
	}
	if diff := differences(got, want); diff != "" {
		r.Fatalf("Parse(msg, %d) returned\n%s\n\n%s", off, diff, shown())
	}
	if next != off+header.Len {
		r.Fatalf("Parse(msg, %d) returned next %d, want %d: the octet after the header", off, next, off+header.Len)
	}
}

func mustAppend(r *rule.R, b []byte, h header.Header, want []byte) {
	r.T().Helper()
	before := bytes.Clone(b)
	got, err := appendTo(r, b, h)
	if err != nil {
		r.Fatalf("Append(b, %s): %v\nwant no error", show(h), err)
	}
	if len(before) > 0 && !bytes.HasPrefix(got, before) {
		r.Fatalf("b began with % x; after Append it begins with % x", before, got[:min(len(before), len(got))])
	}
	if !bytes.Equal(got, want) {
		r.Fatalf("Append(b, %s) appended\n\n%s", show(h), wire.Diff(got[len(before):], wire.DNSHeader(want[len(before):])))
	}
}

// oracle reads a header with dnsmessage, and the bit Z, which that leaves out.
func oracle(t interface{ Fatalf(string, ...any) }, msg []byte) header.Header {
	var p dnsmessage.Parser
	m, err := p.Start(msg)
	if err != nil {
		t.Fatalf("dnsmessage does not read this header: %v: % x", err, msg)
	}
	count := func(i int) uint16 { return binary.BigEndian.Uint16(msg[4+2*i:]) }
	return header.Header{
		ID: m.ID, QR: m.Response, Opcode: header.Opcode(m.OpCode), AA: m.Authoritative,
		TC: m.Truncated, RD: m.RecursionDesired, RA: m.RecursionAvailable, Z: msg[3]&0x40 != 0,
		AD: m.AuthenticData, CD: m.CheckingDisabled, Rcode: header.Rcode(m.RCode),
		QDCount: count(0), ANCount: count(1), NSCount: count(2), ARCount: count(3),
	}
}

// flags returns a header in which only the flags word is set.
func flags(word uint16) []byte {
	msg := make([]byte, header.Len)
	binary.BigEndian.PutUint16(msg[2:], word)
	return msg
}

// dump shows msg as a header: no more of it matters here.
func dump(msg []byte) string { return wire.DNSHeader(msg[:min(len(msg), header.Len)]).Dump() }

// around shows msg, with a mark where the header begins if that is not at 0.
func around(msg []byte, off int) string {
	if off == 0 {
		return dump(msg)
	}
	return wire.Bytes(msg).Dump(wire.Mark{Off: off, Note: "Parse begins here"})
}

// wanted says which error was wanted instead of err.
func wanted(name string, want, err error) string {
	if err != nil && strings.Contains(err.Error(), want.Error()) {
		return "want " + name + ". The words are right, but errors.Is does not find the variable:\nreturn it, or wrap it with %w"
	}
	return fmt.Sprintf("want %s (%q)", name, want.Error())
}

func octets(n int) string {
	if n == 1 {
		return "1 octet"
	}
	return fmt.Sprintf("%d octets", n)
}

// show prints the fields of h that are not zero.
func show(h header.Header) string {
	var set []string
	each(h, header.Header{}, func(field string, v, zero any) { set = append(set, fmt.Sprintf("%s: %v", field, v)) })
	return "Header{" + strings.Join(set, ", ") + "}"
}

// differences says which fields are not as wanted, a line each.
func differences(got, want header.Header) string {
	var lines []string
	each(got, want, func(field string, g, w any) { lines = append(lines, fmt.Sprintf("  %s = %v, want %v", field, g, w)) })
	return strings.Join(lines, "\n")
}

// each calls f for each field in which a and b differ.
func each(a, b header.Header, f func(field string, av, bv any)) {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	for i := range va.NumField() {
		if x, y := va.Field(i).Interface(), vb.Field(i).Interface(); x != y {
			if va.Type().Field(i).Name == "ID" {
				x, y = fmt.Sprintf("%#04x", x), fmt.Sprintf("%#04x", y)
			}
			f(va.Type().Field(i).Name, x, y)
		}
	}
}
