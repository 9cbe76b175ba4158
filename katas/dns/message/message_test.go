package message_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/header"
	"github.com/example/netkata/katas/dns/message"
	"github.com/example/netkata/katas/dns/name"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
)

// A query, and a message with a different number of entries in each section, of
// whose names no two end alike (RFC 1035, section 4.1).
func TestSections(t *testing.T) {
	t.Run("a query", func(t *testing.T) {
		r := rule.New(t, 1)
		msg := []byte("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01")
		m := message.Message{Header: header.Header{ID: 0x1234, RD: true, QDCount: 1}, Questions: ask("www.example.com.", question.TypeA)}
		mustParse(r, msg, m, len(msg))
		mustAppend(r, nil, m, msg)
	})
	t.Run("every section", func(t *testing.T) {
		r := rule.New(t, 1)
		golden := wire.Load(t, "dns/message/sections.hex").Msg
		m := counted(message.Message{
			Header:    header.Header{ID: 0x1234, QR: true, AA: true},
			Questions: ask("a.", question.TypeANY),
			Answers:   []record.Record{in("b.", record.A{Addr: ip("192.0.2.1")})},
			Authorities: []record.Record{
				in("c.", record.NS{Host: "d."}),
				in("e.", record.NS{Host: "f."}),
			},
			Additionals: []record.Record{
				in("g.", record.AAAA{Addr: ip("2001:db8::1")}),
				in("h.", record.TXT{Strings: []string{"x"}}),
				{Name: ".", Class: 1232, Data: record.OPT{}},
			},
		})
		mustParse(r, golden, m, len(golden))
		mustAppend(r, nil, m, golden)
	})
	t.Run("nothing but a header", func(t *testing.T) {
		r := rule.New(t, 1)
		msg := make([]byte, 12)
		mustParse(r, msg, message.Message{}, 12)
		mustAppend(r, nil, message.Message{}, msg)
	})
	t.Run("two questions", func(t *testing.T) {
		r := rule.New(t, 1)
		msg := []byte("\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01\x01b\x00\x00\x1c\x00\x01")
		m := counted(message.Message{Questions: append(ask("a.", question.TypeA), ask("b.", question.TypeAAAA)...)})
		mustParse(r, msg, m, len(msg))
		mustAppend(r, nil, m, msg)
	})
}

// As many records as a transfer has (RFC 1035, section 4.1).
func TestLongSections(t *testing.T) {
	r := rule.New(t, 1)
	const n = 1200
	var records []record.Record
	entries := ""
	for i := range n {
		addr := []byte{192, 0, byte(i >> 8), byte(i)}
		records = append(records, in(".", record.A{Addr: netip.AddrFrom4([4]byte(addr))}))
		entries += rr("\x00", question.TypeA, string(addr))
	}
	m := counted(message.Message{Answers: records, Authorities: records, Additionals: records})
	msg := []byte(head(0, n, n, n) + strings.Repeat(entries, 3))
	mustParse(r, msg, m, len(msg))
	if got := mustExtend(r, nil, m); len(got) < len(msg) {
		r.Fatalf("Append(nil, m) = %d octets, no error\nwant             %d: a header, and %d records of 15 octets in each section but the first\n\n%s", len(got), len(msg), n, text(m))
	}
}

// Pointers wherever names stand (RFC 1035, section 4.1.4).
func TestPointers(t *testing.T) {
	r := rule.New(t, 2)
	golden := wire.Load(t, "dns/message/twelve.hex").Msg
	mustParse(r, golden, counted(twelve()), len(golden))
}

// What real servers and dig sent, as miekg/dns reads it (RFC 1035, section 4.1).
func TestCaptured(t *testing.T) {
	r := rule.New(t, 2)
	for _, c := range captured(t) {
		file, msg := c.file, c.msg
		if refused[file].err != nil || trailing[file] > 0 {
			continue
		}
		got, next, err := parse(r, msg)
		if err != nil {
			r.Fatalf("Parse(msg) = %s\nwant no error\n\ntestdata/dns/captured/%s\n%s", outcome(next, err), file, show(msg))
		}
		var o dns.Msg
		if err := o.Unpack(msg); err != nil {
			t.Fatalf("%s: miekg/dns: %v", file, err)
		}
		if diff := sameFlat(flat(got), packed(&o)); diff != "" {
			r.Fatalf("Parse(msg) is another message than miekg/dns reads.\nBoth, written without pointers (want: miekg/dns):\n\n%s\n\ntestdata/dns/captured/%s", diff, file)
		}
	}
}

// Captured messages that Parse refuses, and who reads them all the same.
var refused = map[string]struct {
	err    error
	readBy string
}{
	"formerr-count-knot.query.hex":      {message.ErrCount, "miekg/dns"},            // it ends a section where the message ends
	"formerr-header-nsd.query.hex":      {message.ErrCount, "miekg/dns"},            // likewise
	"formerr-forward-bind.query.hex":    {name.ErrPointer, "miekg/dns, dnsmessage"}, // they count pointers, and follow them forward
	"formerr-loop-nsd.query.hex":        {name.ErrPointer, ""},
	"formerr-loop-unbound.query.hex":    {name.ErrPointer, ""},
	"formerr-loop-unbound.response.hex": {name.ErrPointer, ""},
	"formerr-cut-bind.query.hex":        {name.ErrShort, ""},
	"formerr-name256-nsd.query.hex":     {name.ErrNameLen, ""},
	"formerr-type40-nsd.query.hex":      {name.ErrLabelType, ""},
	"formerr-type80-bind.query.hex":     {name.ErrLabelType, ""},
	"formerr-option-bind.query.hex":     {record.ErrData, ""},
}

// Captured messages with octets behind their end.
var trailing = map[string]int{"tail-bind.query.hex": 3, "formerr-tail-knot.query.hex": 3}

// The end of a message, and what may follow (RFC 1035, section 4.1).
func TestNext(t *testing.T) {
	r := rule.New(t, 3)
	golden := wire.Load(t, "dns/message/twelve.hex").Msg
	for _, behind := range []string{"\x00", "\xff\xff\xff", "\x03www", string(golden), strings.Repeat("\xc0", 70000)} {
		msg := append(bytes.Clone(golden), behind...)
		_, next, err := parse(r, msg)
		if err != nil || next != len(golden) {
			r.Fatalf("Parse(msg) = %s\nwant no error, next %#x, where the message ends (octets behind it, not its own: %d)\n\n%s",
				outcome(next, err), len(golden), len(behind), wire.DNS(golden).Dump(wire.Mark{Off: len(golden), Note: "what follows is not judged"}))
		}
	}
	for _, c := range captured(t) {
		if refused[c.file].err != nil {
			continue
		}
		want := len(c.msg) - trailing[c.file]
		if _, next, err := parse(r, c.msg); err != nil || next != want {
			r.Fatalf("Parse(msg) = %s\nwant         no error, next %#x\n\ntestdata/dns/captured/%s\n%s", outcome(next, err), want, c.file, show(c.msg))
		}
	}
}

// More counted than there is (RFC 9267, section 6).
func TestCounts(t *testing.T) {
	golden := wire.Load(t, "dns/message/sections.hex").Msg
	for i, section := range sections {
		for _, count := range []uint16{1, 2, 255, 256, 65535} {
			t.Run(fmt.Sprintf("%d counted in the %s section, none there", count, section), func(t *testing.T) {
				msg := make([]byte, 12)
				binary.BigEndian.PutUint16(msg[4+2*i:], count)
				mustFail(rule.New(t, 4), msg, message.ErrCount)
			})
		}
		t.Run("one too many in the last section: "+section, func(t *testing.T) {
			msg := bytes.Clone(golden)
			for j := i + 1; j < 4; j++ { // sections behind it are not counted
				binary.BigEndian.PutUint16(msg[4+2*j:], 0)
			}
			_, end, err := parse(rule.New(t, 3), msg)
			if err != nil {
				rule.New(t, 3).Fatalf("Parse(msg) = %s\nwant no error\n\n%s", outcome(end, err), show(msg))
			}
			msg[5+2*i]++
			mustFail(rule.New(t, 4), msg[:min(end, len(msg))], message.ErrCount)
		})
	}
	for _, c := range captured(t) {
		file, msg := c.file, c.msg
		if refused[file].err == message.ErrCount {
			mustFail(rule.New(t, 4), msg, message.ErrCount)
		}
	}
}

var sections = []string{"question", "answer", "authority", "additional"}

// Captured messages, cut behind every octet (RFC 9267, section 5).
func TestCut(t *testing.T) {
	r := rule.New(t, 5)
	for _, c := range captured(t) {
		file, msg := c.file, c.msg
		if refused[file].err != nil {
			continue
		}
		end := len(msg) - trailing[file]
		step := 1 + end/500 // of a zone transfer, not every octet
		var n int
		var err error
		r.Do(func() string { return fmt.Sprintf("Parse(msg[:%d])\n\n%s", n, show(msg[:n])) }, func() {
			for n = end - 1; n >= 0; n -= step {
				if _, _, err = message.Parse(msg[:n:n]); !inFamily(err) {
					return
				}
			}
		})
		if n >= 0 {
			r.Fatalf("Parse(msg[:%d]) = %s\nwant an error of header, name, question, record or message:\nthe whole message, testdata/dns/captured/%s, has %d octets\n\n%s",
				n, outcome(0, err), file, end, show(msg[:n]))
		}
	}
}

// What is wrong inside, in each section (RFC 9267, section 5).
func TestBroken(t *testing.T) {
	mustFail(rule.New(t, 5), make([]byte, 11), header.ErrShort)
	for _, tt := range []struct {
		why, entry string
		err        error
	}{
		{"a name that points to itself", "\xc0\x0c", name.ErrPointer},
		{"a reserved label", "\x40\x00\x01\x00\x01", name.ErrLabelType},
	} {
		for i, section := range sections {
			t.Run(section+": "+tt.why, func(t *testing.T) {
				msg := []byte(head(0, 0, 0, 0) + tt.entry + strings.Repeat("\x00", 20))
				msg[5+2*i] = 1
				mustFail(rule.New(t, 5), msg, tt.err)
			})
		}
	}
	for _, tt := range []struct {
		why, entry string
		err        error
	}{
		{"an A record of three octets", rr("\x00", question.TypeA, "\xc0\x00\x02"), record.ErrData},
		{"data that goes past the end", "\x00\x00\x01\x00\x01\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01", record.ErrShort},
		{"a CNAME that points forward", rr("\x00", question.TypeCNAME, "\xc0\xff"), name.ErrPointer},
	} {
		for i, section := range sections[1:] {
			t.Run(section+": "+tt.why, func(t *testing.T) {
				msg := []byte(head(0, 0, 0, 0) + rr("\x00", question.TypeA, "\xc0\x00\x02\x01") + tt.entry)
				msg[7+2*i] = 2
				mustFail(rule.New(t, 5), msg, tt.err)
			})
		}
	}
	for _, c := range captured(t) {
		file, msg := c.file, c.msg
		if want := refused[file]; want.err != nil {
			t.Run(file, func(t *testing.T) {
				if want.err != message.ErrCount { // that is rule 4, in TestCounts
					mustFail(rule.New(t, 5), msg, want.err)
				}
				if got := readers(msg); got != want.readBy {
					t.Errorf("others who read %s: %q, want %q", file, got, want.readBy)
				}
			})
		}
	}
}

// Messages of a few octets that count 65,535 of everything (RFC 9267, section 6).
func TestMemory(t *testing.T) {
	q, a := "\x01a\x00\x00\x01\x00\x01", rr("\x01a\x00", question.TypeA, "\xc0\x00\x02\x01")
	for _, tt := range []struct{ why, msg string }{
		{"65535 questions, one there", head(65535, 0, 0, 0) + q},
		{"65535 answers, none there", head(0, 65535, 0, 0)},
		{"65535 answers, one there", head(0, 65535, 0, 0) + a},
		{"65535 authorities, one there", head(0, 0, 65535, 0) + a},
		{"65535 additionals, one there", head(0, 0, 0, 65535) + a},
		{"65535 of each, one there", head(1, 65535, 65535, 65535) + q + a},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 6)
			msg := []byte(tt.msg)
			mustFail(r, msg, message.ErrCount)
			const times = 20
			spent := allocated(r, func() string { return "Parse(msg)\n\n" + show(msg) }, func() {
				for range times {
					message.Parse(msg)
				}
			}) / times
			const limit = 16 << 10
			if spent > limit {
				r.Errorf("Parse(msg) took %d octets of memory, want %d at most: msg has %d\n\n%s", spent, limit, len(msg), show(msg))
			}
		})
	}
}

// allocated returns how many octets f, which is that call, takes of the heap.
func allocated(r *rule.R, call func() string, f func()) uint64 {
	r.T().Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r.Do(call, f)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// One buffer for every datagram (net, PacketConn).
func TestOwn(t *testing.T) {
	golden := wire.Load(t, "dns/message/twelve.hex").Msg
	t.Run("msg stays as it is", func(t *testing.T) {
		r := rule.New(t, 7)
		own := bytes.Clone(golden)
		r.Do(func() string { return "Parse(msg)\n\n" + show(golden) }, func() { message.Parse(own) })
		if diff := wire.Diff(own, wire.DNS(golden)); diff != "" {
			r.Fatalf("Parse(msg) changed msg, which belongs to others\n\n%s", diff)
		}
	})
	t.Run("the next message is read into the same buffer", func(t *testing.T) {
		r := rule.New(t, 7)
		sent := []byte(head(1, 2, 0, 0) + "\x03www\x00\x00\x01\x00\x01" + rr("\xc0\x0c", 65280, "octets") + rr("\xc0\x0c", question.TypeTXT, "\x06string"))
		want := counted(message.Message{Questions: ask("www.", question.TypeA), Answers: []record.Record{
			in("www.", record.Unknown{Of: 65280, Data: []byte("octets")}), in("www.", record.TXT{Strings: []string{"string"}})}})
		var got message.Message
		r.Do(func() string { return "Parse(msg)\n\n" + show(sent) }, func() {
			own := bytes.Clone(sent)
			got, _, _ = message.Parse(own)
			copy(own, bytes.Repeat([]byte{0xff}, len(own)))
		})
		if diff := differs(got, want); diff != "" {
			r.Fatalf("Parse(msg), and then the octets of msg were overwritten: the message has changed, too\n\n%s", diff)
		}
	})
	t.Run("one record more in each section", func(t *testing.T) {
		r := rule.New(t, 7)
		got, _, err := parse(r, golden)
		if err != nil {
			r.Fatalf("Parse(msg) = %s\nwant no error\n\n%s", outcome(0, err), show(golden))
		}
		want, more := counted(twelve()), in("more.example.", record.A{Addr: ip("192.0.2.9")})
		for _, m := range []*message.Message{&got, &want} {
			m.Answers = append(m.Answers, more)
			m.Authorities = append(m.Authorities, more)
			m.Additionals = append(m.Additionals, more)
		}
		if diff := differs(got, want); diff != "" {
			r.Fatalf("m, _, _ := Parse(msg), and then more.example. was appended to m.Answers,\nto m.Authorities and to m.Additionals, in this order\n\n%s", diff)
		}
	})
}

// Counts that somebody left in the header (RFC 1035, section 4.1.1).
func TestAppendCounts(t *testing.T) {
	r := rule.New(t, 8)
	golden := wire.Load(t, "dns/message/sections.hex").Msg
	m, _, err := parse(r, golden)
	if err != nil {
		r.Fatalf("Parse(msg) = %s\nwant no error\n\n%s", outcome(0, err), show(golden))
	}
	for _, n := range []uint16{0, 2, 7, 65535} {
		m.QDCount, m.ANCount, m.NSCount, m.ARCount = n, n, n, n
		mustAppend(r, nil, m, golden)
	}
	empty := message.Message{Header: header.Header{QDCount: 1, ANCount: 2, NSCount: 3, ARCount: 4}}
	mustAppend(r, nil, empty, make([]byte, 12))
}

// Where a name or its end has been written (RFC 1035, section 4.1.4).
func TestCompress(t *testing.T) {
	const q = "\x03www\x07example\x03com\x00\x00\x01\x00\x01" // at 0x0c; its end is 0x21
	www := ask("www.example.com.", question.TypeA)
	a, addr := record.A{Addr: ip("192.0.2.1")}, "\xc0\x00\x02\x01"
	for _, tt := range []struct {
		why  string
		m    message.Message
		want string
	}{
		{"the question's name", message.Message{Questions: www, Answers: []record.Record{in("www.example.com.", a)}},
			head(1, 1, 0, 0) + q + rr("\xc0\x0c", question.TypeA, addr)},
		{"the end of the question's name", message.Message{Questions: www, Authorities: []record.Record{in("example.com.", a), in("com.", a)}},
			head(1, 0, 2, 0) + q + rr("\xc0\x10", question.TypeA, addr) + rr("\xc0\x18", question.TypeA, addr)},
		{"a label before what is there", message.Message{Questions: www, Additionals: []record.Record{in("ns1.example.com.", a), in("a.b.com.", a)}},
			head(1, 0, 0, 2) + q + rr("\x03ns1\xc0\x10", question.TypeA, addr) + rr("\x01a\x01b\xc0\x18", question.TypeA, addr)},
		{"nothing in common but letters", message.Message{Questions: www, Answers: []record.Record{in("ample.com.", a), in("www.example.", a), in("m.", a)}},
			head(1, 3, 0, 0) + q + rr("\x05ample\xc0\x18", question.TypeA, addr) + rr("\x03www\x07example\x00", question.TypeA, addr) + rr("\x01m\x00", question.TypeA, addr)},
		{"the name in a CNAME, and the owner that is that name", message.Message{Questions: www, Answers: []record.Record{
			in("www.example.com.", record.CNAME{Target: "web.example.com."}), in("web.example.com.", a)}},
			head(1, 2, 0, 0) + q + rr("\xc0\x0c", question.TypeCNAME, "\x03web\xc0\x10") + rr("\xc0\x2d", question.TypeA, addr)},
		{"the names in NS, PTR and MX", message.Message{Questions: www, Answers: []record.Record{
			in("com.", record.NS{Host: "ns.example.com."}), in("com.", record.PTR{Target: "example.com."}), in("com.", record.MX{Preference: 10, Host: "mx.ns.example.com."})}},
			head(1, 3, 0, 0) + q + rr("\xc0\x18", question.TypeNS, "\x02ns\xc0\x10") + rr("\xc0\x18", question.TypePTR, "\xc0\x10") + rr("\xc0\x18", question.TypeMX, "\x00\x0a\x02mx\xc0\x2d")},
		{"both names in SOA", message.Message{Questions: www, Authorities: []record.Record{
			in("example.com.", record.SOA{Primary: "ns.example.com.", Mailbox: "admin.ns.example.com.", Serial: 1})}},
			head(1, 0, 1, 0) + q + rr("\xc0\x10", question.TypeSOA, "\x02ns\xc0\x10\x05admin\xc0\x2d\x00\x00\x00\x01"+strings.Repeat("\x00", 16))},
		{"the longest end, not the first one that fits", message.Message{Answers: []record.Record{
			in("com.", a), in("example.com.", a), in("www.example.com.", a), in("a.www.example.com.", a)}},
			head(0, 4, 0, 0) + rr("\x03com\x00", question.TypeA, addr) + rr("\x07example\xc0\x0c", question.TypeA, addr) +
				rr("\x03www\xc0\x1f", question.TypeA, addr) + rr("\x01a\xc0\x37", question.TypeA, addr)},
		{"the second question", message.Message{Questions: append(www, ask("ftp.example.com.", question.TypeA)...)},
			head(2, 0, 0, 0) + q + "\x03ftp\xc0\x10\x00\x01\x00\x01"},
		{"the root is a zero, every time", message.Message{Questions: ask(".", question.TypeNS), Answers: []record.Record{in(".", record.NS{Host: "."}), in(".", a)}},
			head(1, 2, 0, 0) + "\x00\x00\x02\x00\x01" + rr("\x00", question.TypeNS, "\x00") + rr("\x00", question.TypeA, addr)},
		{"the same octets in another spelling", message.Message{Questions: www, Answers: []record.Record{in("www.example.com", a), in(`\119ww.\e\x\ample.com.`, a)}},
			head(1, 2, 0, 0) + q + rr("\xc0\x0c", question.TypeA, addr) + rr("\xc0\x0c", question.TypeA, addr)},
		{"a label with a dot in it, and two labels", message.Message{Questions: ask(`a\.com.`, question.TypeA), Answers: []record.Record{in("a.com.", a), in(`a\.com.`, a)}},
			head(1, 2, 0, 0) + "\x05a.com\x00\x00\x01\x00\x01" + rr("\x01a\x03com\x00", question.TypeA, addr) + rr("\xc0\x0c", question.TypeA, addr)},
		{"two labels, and a label with a dot in it", message.Message{Questions: ask("a.com.", question.TypeA), Answers: []record.Record{in(`a\.com.`, a), in("a.com.", a)}},
			head(1, 2, 0, 0) + "\x01a\x03com\x00\x00\x01\x00\x01" + rr("\x05a.com\x00", question.TypeA, addr) + rr("\xc0\x0c", question.TypeA, addr)},
		{"the same letters in other labels", message.Message{Questions: ask("ab.c.", question.TypeA), Answers: []record.Record{in("a.bc.", a), in("abc.", a)}},
			head(1, 2, 0, 0) + "\x02ab\x01c\x00\x00\x01\x00\x01" + rr("\x01a\x02bc\x00", question.TypeA, addr) + rr("\x03abc\x00", question.TypeA, addr)},
	} {
		t.Run(tt.why, func(t *testing.T) { mustCompress(rule.New(t, 9), nil, tt.m, []byte(tt.want)) })
	}
	t.Run("a response of twelve records", func(t *testing.T) {
		mustCompress(rule.New(t, 9), nil, twelve(), wire.Load(t, "dns/message/twelve.hex").Msg)
	})
}

// Names that differ in case alone (RFC 1035, section 2.3.3).
func TestCase(t *testing.T) {
	const q = "\x03wWw\x07eXample\x03cOm\x00\x00\x01\x00\x01"
	a, addr := record.A{Addr: ip("192.0.2.1")}, "\xc0\x00\x02\x01"
	for _, tt := range []struct{ why, owner, wire string }{
		{"all of it", "www.example.com.", "\x03www\x07example\x03com\x00"},
		{"the first label", "www.eXample.cOm.", "\x03www\xc0\x10"},
		{"the last label", "wWw.eXample.com.", "\x03wWw\x07eXample\x03com\x00"},
		{"nothing", "wWw.eXample.cOm.", "\xc0\x0c"},
	} {
		t.Run(tt.why+" differs", func(t *testing.T) {
			m := message.Message{Questions: ask("wWw.eXample.cOm.", question.TypeA), Answers: []record.Record{in(tt.owner, a)}}
			mustCompress(rule.New(t, 10), nil, m, []byte(head(1, 1, 0, 0)+q+rr(tt.wire, question.TypeA, addr)))
		})
	}
}

// A message behind other octets (RFC 1035, section 4.1.4).
func TestStart(t *testing.T) {
	want := wire.Load(t, "dns/message/twelve.hex").Msg
	for _, tt := range []struct {
		why string
		b   []byte
	}{
		{"two octets of length", []byte("\xaa\xbb")},
		{"as many as a pointer can skip", bytes.Repeat([]byte{0xaa}, 0x4000)},
		{"the same message", want},
		{"a name", []byte("\x03www\x07example\x03com\x00")},
	} {
		t.Run("behind "+tt.why, func(t *testing.T) {
			mustCompress(rule.New(t, 11), tt.b, twelve(), want)
		})
	}
	t.Run("in memory that was used before", func(t *testing.T) {
		dirty := bytes.Repeat([]byte{0xff}, 1024)
		mustCompress(rule.New(t, 11), dirty[:2], twelve(), want)
	})
}

// Names before, at and across the end of what pointers reach (RFC 1035, section
// 4.1.4).
func TestReach(t *testing.T) {
	a, addr := record.A{Addr: ip("192.0.2.1")}, "\xc0\x00\x02\x01"
	for _, tt := range []struct {
		why    string
		at     int // where the name first stands
		first  string
		again  string
		want   string // again, as it is to be written
		behind int    // octets of b
	}{
		{"the last offset that fits", 0x3fff, "far.", "far.", "\xff\xff", 0},
		{"the last offset that fits, behind two octets", 0x3fff, "far.", "far.", "\xff\xff", 2},
		{"one before it", 0x3ffe, "far.", "far.", "\xff\xfe", 0},
		{"the first that does not", 0x4000, "far.", "far.", "\x03far\x00", 0},
		{"the first that does not, behind two octets", 0x4000, "far.", "far.", "\x03far\x00", 2},
		{"twice as far as pointers reach", 0x8000, "far.", "far.", "\x03far\x00", 0},
		{"as far as a message goes", 0xff00, "far.", "far.", "\x03far\x00", 0},
		{"across: the whole name", 0x3ffe, "aa.bb.cc.", "aa.bb.cc.", "\xff\xfe", 0},
		{"across: the whole name, longer by one label", 0x3ffe, "aa.bb.cc.", "x.aa.bb.cc.", "\x01x\xff\xfe", 0},
		{"across: an end that can be reached", 0x3ffc, "aa.bb.cc.", "bb.cc.", "\xff\xff", 0},
		{"across: an end that cannot", 0x3ffd, "aa.bb.cc.", "bb.cc.", "\x02bb\x02cc\x00", 0},
		{"across: an end that cannot, and a label before it", 0x3ffd, "aa.bb.cc.", "x.bb.cc.", "\x01x\x02bb\x02cc\x00", 0},
		{"across: the last label alone", 0x3ffc, "aa.bb.cc.", "cc.", "\x02cc\x00", 0},
		{"across: another label before the last", 0x3ffc, "aa.bb.cc.", "x.cc.", "\x01x\x02cc\x00", 0},
	} {
		t.Run(fmt.Sprintf("%#x: %s", tt.at, tt.why), func(t *testing.T) {
			fill := tt.at - 12 - 11 // header, and a record without its data
			m := message.Message{Answers: []record.Record{
				in(".", record.Unknown{Of: 65280, Data: make([]byte, fill)}), in(tt.first, a), in(tt.again, a)}}
			want := head(0, 3, 0, 0) + rr("\x00", 65280, strings.Repeat("\x00", fill)) + rr(labels(tt.first), question.TypeA, addr) + rr(tt.want, question.TypeA, addr)
			mustCompress(rule.New(t, 12), bytes.Repeat([]byte{0xaa}, tt.behind), m, []byte(want))
		})
	}
	t.Run("past 0x4000: an end that stands farther in front", func(t *testing.T) {
		fill := 0x5000
		m := message.Message{Answers: []record.Record{
			in("com.", record.Unknown{Of: 65280, Data: make([]byte, fill)}), in("a.example.com.", a), in("a.example.com.", a), in("example.com.", a)}}
		want := head(0, 4, 0, 0) + rr("\x03com\x00", 65280, strings.Repeat("\x00", fill)) +
			rr("\x01a\x07example\xc0\x0c", question.TypeA, addr) + rr("\x01a\x07example\xc0\x0c", question.TypeA, addr) + rr("\x07example\xc0\x0c", question.TypeA, addr)
		mustCompress(rule.New(t, 12), nil, m, []byte(want))
	})
}

// What a pointer may lead to (RFC 1035, section 4.1.4).
func TestTargets(t *testing.T) {
	a, addr := record.A{Addr: ip("192.0.2.1")}, "\xc0\x00\x02\x01"
	const com = "\x03com\x00"
	root := func(d record.Data) record.Record { return in(".", d) }
	for _, tt := range []struct {
		why  string
		m    message.Message
		want string
	}{
		{"a name in unknown data", message.Message{Answers: []record.Record{root(record.Unknown{Of: 65280, Data: []byte(com)}), in("com.", a)}},
			head(0, 2, 0, 0) + rr("\x00", 65280, com) + rr(com, question.TypeA, addr)},
		{"a name in a TXT", message.Message{Answers: []record.Record{root(record.TXT{Strings: []string{com}}), in("com.", a)}},
			head(0, 2, 0, 0) + rr("\x00", question.TypeTXT, "\x05"+com) + rr(com, question.TypeA, addr)},
		{"a name in an address", message.Message{Answers: []record.Record{root(record.A{Addr: netip.AddrFrom4([4]byte{2, 'd', 'e', 0})}), in("de.", a)}},
			head(0, 2, 0, 0) + rr("\x00", question.TypeA, "\x02de\x00") + rr("\x02de\x00", question.TypeA, addr)},
		{"a name inside a label", message.Message{Questions: ask(`x\003com.`, question.TypeA), Answers: []record.Record{in("com.", a)}},
			head(1, 1, 0, 0) + "\x05x\x03com\x00\x00\x01\x00\x01" + rr(com, question.TypeA, addr)},
		{"a name behind an escaped dot", message.Message{Questions: ask(`a\.com.`, question.TypeA), Answers: []record.Record{in("com.", a)}},
			head(1, 1, 0, 0) + "\x05a.com\x00\x00\x01\x00\x01" + rr(com, question.TypeA, addr)},
		{"a name in the header", message.Message{Header: header.Header{ID: 0x0161}, Answers: []record.Record{in("a.", a)}},
			"\x01\x61" + head(0, 1, 0, 0)[2:] + rr("\x01a\x00", question.TypeA, addr)},
		{"a pointer to the name", message.Message{Questions: ask("com.", question.TypeA), Answers: []record.Record{in("com.", a), in("com.", a), in("x.com.", a)}},
			head(1, 3, 0, 0) + com + "\x00\x01\x00\x01" + rr("\xc0\x0c", question.TypeA, addr) + rr("\xc0\x0c", question.TypeA, addr) + rr("\x01x\xc0\x0c", question.TypeA, addr)},
	} {
		t.Run(tt.why+" is no target", func(t *testing.T) {
			r := rule.New(t, 13)
			mustPointToLabels(r, mustCompress(r, nil, tt.m, []byte(tt.want)))
		})
	}
	t.Run("the target of SRV is whole", func(t *testing.T) {
		m := message.Message{Questions: ask("com.", question.TypeSRV), Answers: []record.Record{in("com.", record.SRV{Port: 53, Target: "x.com."})}}
		mustCompress(rule.New(t, 13), nil, m, []byte(head(1, 1, 0, 0)+com+"\x00\x21\x00\x01"+rr("\xc0\x0c", question.TypeSRV, "\x00\x00\x00\x00\x00\x35\x01x\x03com\x00")))
	})
}

// 65,535 octets, and one more (RFC 1035, section 4.2.2; CVE-2020-1350).
func TestTooLong(t *testing.T) {
	unknown := func(n int) record.Record { return in(".", record.Unknown{Of: 65280, Data: make([]byte, n)}) }
	longest := strings.Repeat(strings.Repeat("x", 63)+".", 3) + strings.Repeat("x", 58)
	var names []question.Question // no two of which share an end
	for i := range 300 {
		names = append(names, ask(fmt.Sprintf("%s%03d.", longest, i), question.TypeA)...)
	}
	for _, tt := range []struct {
		why string
		m   message.Message
		or  error // that may be returned, too
	}{
		{"65536 octets", message.Message{Answers: []record.Record{unknown(65536 - 23)}}, nil},
		{"65536 octets, most of them in two records", message.Message{Answers: []record.Record{unknown(30000)}, Additionals: []record.Record{unknown(65536 - 12 - 22 - 30000)}}, nil},
		{"a record of 65535 octets of data", message.Message{Authorities: []record.Record{unknown(65535)}}, nil},
		{"a record of 65536 octets of data", message.Message{Authorities: []record.Record{unknown(65536)}}, record.ErrRange},
		{"a record of 65540 octets of data", message.Message{Authorities: []record.Record{unknown(65540)}}, record.ErrRange},
		{"300 questions of 259 octets", message.Message{Questions: names}, nil},
		{"65536 questions", message.Message{Questions: slices.Repeat(ask(".", question.TypeA), 65536)}, nil},
		{"65536 answers", message.Message{Answers: slices.Repeat([]record.Record{unknown(0)}, 65536)}, nil},
		{"65537 authorities", message.Message{Authorities: slices.Repeat([]record.Record{unknown(0)}, 65537)}, nil},
		{"131072 additionals", message.Message{Additionals: slices.Repeat([]record.Record{unknown(0)}, 131072)}, nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			for _, b := range []string{"", "\xaa\xbb"} {
				mustRefuse(t, rule.New(t, 14), []byte(b), tt.why, tt.m, message.ErrTooLong, tt.or)
			}
		})
	}
	for _, behind := range []int{0, 2, 100} {
		t.Run(fmt.Sprintf("65535 octets are not too many, behind %d others", behind), func(t *testing.T) {
			m := message.Message{Answers: []record.Record{unknown(65535 - 23)}}
			b := bytes.Repeat([]byte{0xaa}, behind)
			mustAppend(rule.New(t, 14), b, m, slices.Concat(b, []byte(head(0, 1, 0, 0)+rr("\x00", 65280, strings.Repeat("\x00", 65535-23)))))
		})
		t.Run(fmt.Sprintf("65535 octets of questions are not too many, behind %d others", behind), func(t *testing.T) {
			m := message.Message{Questions: append(slices.Repeat(ask(".", question.TypeA), 13103), ask("aa.", question.TypeA)...)}
			b := bytes.Repeat([]byte{0xaa}, behind)
			want := head(13104, 0, 0, 0) + strings.Repeat("\x00\x00\x01\x00\x01", 13103) + "\x02aa\x00\x00\x01\x00\x01"
			mustAppend(rule.New(t, 14), b, m, slices.Concat(b, []byte(want)))
		})
	}
}

// What the other packages refuse (errors, Is).
func TestAppendErrors(t *testing.T) {
	good := in("b.", record.A{Addr: ip("192.0.2.1")})
	for _, tt := range []struct {
		why string
		m   message.Message
		err error
	}{
		{"an opcode of five bits", message.Message{Header: header.Header{Opcode: 16}}, header.ErrRange},
		{"a question without a name", message.Message{Questions: []question.Question{{}}}, name.ErrEmptyLabel},
		{"a question with an empty label", message.Message{Questions: ask("a..b.", question.TypeA)}, name.ErrEmptyLabel},
		{"a second question with a long label", message.Message{Questions: append(ask("a.", question.TypeA), ask(strings.Repeat("x", 64), question.TypeA)...)}, name.ErrLabelLen},
		{"an answer without a name", message.Message{Answers: []record.Record{good, {Data: good.Data}}}, name.ErrEmptyLabel},
		{"an authority with half an escape in its data", message.Message{Authorities: []record.Record{good, in("a.", record.NS{Host: `a\1`})}}, name.ErrEscape},
		{"an SRV with an empty label in its target", message.Message{Answers: []record.Record{good, in("a.", record.SRV{Target: "a..b."})}}, name.ErrEmptyLabel},
		{"an additional without data", message.Message{Additionals: []record.Record{good, {Name: "a."}}}, record.ErrRange},
		{"an A record with an IPv6 address", message.Message{Additionals: []record.Record{good, in("b.", record.A{Addr: ip("2001:db8::1")})}}, record.ErrRange},
		{"a name of 256 octets, whose end stands there already", message.Message{
			Questions: ask("com.", question.TypeA),
			Answers:   []record.Record{in(strings.Repeat(strings.Repeat("x", 63)+".", 3)+strings.Repeat("x", 58)+".com.", good.Data)}}, name.ErrNameLen},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustRefuse(t, rule.New(t, 15), []byte("\xaa\xbb"), tt.why, tt.m, tt.err, nil)
		})
	}
}

// Messages that servers sent, read and written again (RFC 1035, section 4.1).
func TestCapturedAgain(t *testing.T) {
	for _, c := range captured(t) {
		file, msg := c.file, c.msg
		if refused[file].err != nil {
			continue
		}
		r := rule.New(t, 16)
		m, _, err := parse(r, msg)
		if err != nil {
			r.Fatalf("Parse(msg) = %s\nwant no error\n\ntestdata/dns/captured/%s\n%s", outcome(0, err), file, show(msg))
		}
		got := mustMean(r, m)
		// dnsmessage refuses labels that hold a dot, and has no place for the bit Z.
		if !strings.HasPrefix(file, "dot-") {
			m.Z = false
			if other, err := repacked(got); err != nil || sameFlat(other, flat(m)) != "" {
				r.Fatalf("Append(nil, m) wrote what dnsmessage refuses, or reads as another message (error: %v)\n\n%s", err, show(got))
			}
		}
		sent := len(msg) - trailing[file]
		// BIND and Knot point into the target of an SRV record.
		if !strings.HasPrefix(file, "srv-") && len(got) > sent {
			rule.New(t, 9).Fatalf("Append(nil, m) took %d octets for what a server wrote in %d\n\ntestdata/dns/captured/%s\n%s", len(got), sent, file, show(got))
		}
	}
}

// Any message: what Append writes, Parse and others read; what others write,
// Parse reads; and nobody writes it shorter (RFC 1035, section 4.1).
func TestOthers(t *testing.T) {
	r := rule.New(t, 16)
	r.Property(func(t *rapid.T, r *rule.R) {
		m := draw(t)
		ours := mustMean(r, m)
		mustPointToLabels(r, ours)
		mustReadBack(r, m, ours, "")

		miekg := unflat(m)
		miekg.Compress = true
		theirs, err := miekg.Pack()
		if err != nil {
			t.Fatalf("miekg/dns does not pack the message: %v", err)
		}
		mustParse(r, theirs, m, len(theirs))

		var x dnsmessage.Message // which has no place for the bit Z
		if err := x.Unpack(ours); err != nil {
			r.Fatalf("Append(nil, m) wrote what another reader (dnsmessage) refuses: %v\n\n%s", err, show(ours))
		}
		xs, err := x.Pack()
		if err != nil {
			t.Fatalf("dnsmessage does not pack the message: %v", err)
		}
		m.Z = false
		mustParse(r, xs, m, len(xs))

		if n := min(len(theirs), len(xs)); len(ours) > n {
			shorter := theirs
			if len(xs) < len(theirs) {
				shorter = xs
			}
			r.Fatalf("Append(nil, m) took %d octets, others (miekg/dns, dnsmessage) %d\n\n%s\n\n%s", len(ours), n, text(m), wire.Diff(ours, wire.DNS(shorter)))
		}
	})
}

// Messages full of names (RFC 9267, section 2).
func TestWork(t *testing.T) {
	a := record.A{Addr: ip("192.0.2.1")}
	hosts := func(n int, format string) (all []record.Record) {
		for i := range n {
			all = append(all, in(fmt.Sprintf(format, i), a))
		}
		return all
	}
	for _, tt := range []struct {
		why   string
		times uint64
		m     message.Message
	}{
		{"2800 hosts of one zone", 5, message.Message{Answers: hosts(2800, "h%d.example.com.")}},
		{"2000 zones", 5, message.Message{Answers: hosts(2000, "ns.z%d.example.")}},
		{"names of a hundred labels", 5, message.Message{Answers: hosts(260, strings.Repeat("a.", 50)+"b%d."+strings.Repeat("a.", 50))}},
		{"the same name 4000 times", 5, message.Message{Answers: slices.Repeat(hosts(1, "www%d.example.com."), 4000)}},
		{"70 names with 5000 labels between them, then 2300 others", 5, message.Message{Answers: append(hosts(70, strings.Repeat("%[1]d.", 72)), hosts(2300, "h%d.")...)}},
	} {
		t.Run("written: "+tt.why, func(t *testing.T) {
			r := rule.New(t, 17)
			var out []byte
			var err error
			call := func() string { return fmt.Sprintf("Append(nil, m), %d times over: m holds %s", tt.times, tt.why) }
			spent := allocated(r, call, func() {
				for range tt.times {
					out, err = message.Append(nil, tt.m)
				}
			}) / tt.times
			if err != nil {
				r.Fatalf("%s\nerror: %v\nwant no error", call(), err)
			}
			if limit := uint64(256 * len(out)); spent > limit {
				r.Errorf("%s\nallocated %d octets each time, want %d at most: 256 for each of the message's %d", call(), spent, limit, len(out))
			}
		})
		t.Run("read: "+tt.why, func(t *testing.T) {
			r := rule.New(t, 17)
			o := unflat(tt.m)
			o.Compress = true
			msg, err := o.Pack()
			if err != nil {
				t.Fatal(err)
			}
			mustTake(r, msg, 5, tt.why)
		})
	}
	t.Run("read: a name of 255 octets, pointed to 5000 times", func(t *testing.T) {
		longest := strings.Repeat("\x3f"+strings.Repeat("\x00", 63), 3) + "\x3d" + strings.Repeat("\x00", 61) + "\x00"
		msg := head(1, 5000, 0, 0) + longest + "\x00\x01\x00\x01" + strings.Repeat(rr("\xc0\x0c", 65280, ""), 5000)
		mustTake(rule.New(t, 17), []byte(msg), 2, "5000 owners, each a pointer to a name of 255 octets")
	})
	t.Run("read: 1200 owners, each a pointer to the one before", func(t *testing.T) {
		msg, last := []byte(head(0, 1200, 0, 0)+rr("\x01a\x00", 65280, "")), 12
		for range 1199 {
			at := len(msg)
			msg = append(msg, rr(string([]byte{0xc0 | byte(last>>8), byte(last)}), 65280, "")...)
			last = at
		}
		mustTake(rule.New(t, 17), msg, 2, "1200 owners, each a pointer to the one before")
	})
}

// mustTake fails the test if Parse of msg takes too long, or far too much memory.
func mustTake(r *rule.R, msg []byte, times uint64, holds string) {
	r.T().Helper()
	var err error
	call := func() string {
		return fmt.Sprintf("Parse(msg), %d times over: msg has %d octets, and holds %s", times, len(msg), holds)
	}
	spent := allocated(r, call, func() {
		for range times {
			_, _, err = message.Parse(msg)
		}
	}) / times
	if err != nil {
		r.Fatalf("%s\nerror: %v\nwant no error", call(), err)
	}
	if limit := uint64(512 * len(msg)); spent > limit {
		r.Errorf("%s\nallocated %d octets each time, want %d at most: 512 for each of the message's", call(), spent, limit)
	}
}

// Any octets at all, beside miekg/dns.
func FuzzParse(f *testing.F) {
	for _, c := range captured(f) {
		f.Add(c.msg)
	}
	f.Add([]byte(head(0, 65535, 0, 0)))                                                               // none of them there
	f.Add([]byte(head(1, 0, 0, 0) + "\xc0\x00\x00\x01\x00\x01"))                                      // a pointer into the header
	f.Add([]byte(head(0, 1, 0, 0) + rr("\x00", question.TypeSOA, strings.Repeat("\x00", 22))))        // names of nothing
	f.Add([]byte(head(0, 2, 0, 0) + strings.Repeat(rr("\x01a\xc0\x0c", question.TypeNS, "\x00"), 2))) // a loop
	f.Fuzz(func(t *testing.T, msg []byte) {
		r := rule.New(t, 18)
		m, next, err := parse(r, msg)
		if err != nil {
			if !inFamily(err) {
				r.Fatalf("Parse(msg) = %s\nwhich is not an error of header, name, question, record or message\n\n%s", outcome(0, err), show(msg))
			}
			return // miekg/dns reads some: see refused
		}
		if next < 12 || next > len(msg) {
			r.Fatalf("Parse(msg) returned next %#x, with msg of %d octets\n\n%s", next, len(msg), show(msg))
		}
		again, err := appendTo(r, nil, m)
		if errors.Is(err, message.ErrTooLong) {
			return // many names, each pointing into the middle of another
		}
		if err != nil {
			r.Fatalf("m, _, _ := Parse(msg), and then Append(nil, m) = error: %v\nwant no error, or ErrTooLong\n\n%s\n\nmsg:\n\n%s", err, text(m), show(msg))
		}
		mustReadBack(r, m, again, "\nmsg, of which Parse(msg) made m:\n\n"+show(msg))
		var o dns.Msg
		if knowsMore(m) || o.Unpack(msg) != nil {
			return
		}
		for _, rr := range slices.Concat(o.Answer, o.Ns, o.Extra) {
			if h := rr.Header(); h.Ttl > 1<<31-1 && h.Rrtype != dns.TypeOPT {
				h.Ttl = 0 // RFC 2181, section 8: it keeps them as they are
			}
		}
		if theirs, err := o.Pack(); err == nil {
			if diff := sameFlat(flat(m), theirs); diff != "" {
				r.Fatalf("Parse(msg) is another message than miekg/dns reads.\nBoth, written without pointers (want: miekg/dns):\n\n%s", diff)
			}
		}
	})
}

// knowsMore says whether m holds a type or an option that miekg/dns knows, and
// Parse does not: it then refuses some data that Parse carries unchanged, and
// fills up other.
func knowsMore(m message.Message) bool {
	for _, r := range slices.Concat(m.Answers, m.Authorities, m.Additionals) {
		switch d := r.Data.(type) {
		case record.Unknown:
			if dns.TypeToRR[uint16(d.Of)] != nil {
				return true
			}
		case record.OPT:
			for _, o := range d.Options {
				if o.Code < dns.EDNS0LOCALSTART {
					return true
				}
			}
		}
	}
	return false
}

// BenchmarkQuery reads what a server has to know of a query: header, name, type.
func BenchmarkQuery(b *testing.B) {
	msg := wire.Load(b, "dns/captured/plain-nsd.query.hex").Msg
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		text := make([]byte, 0, 4*name.MaxLen)
		for b.Loop() {
			_, next, err := header.Parse(msg, 0)
			if err == nil {
				text, next, err = name.AppendText(text[:0], msg, next)
			}
			if err == nil {
				_, _, _, err = question.ParseType(msg, next)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	benchmarkOthers(b, msg)
}

// BenchmarkParse reads a response of twelve records.
func BenchmarkParse(b *testing.B) {
	msg := wire.Load(b, "dns/message/twelve.hex").Msg
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := message.Parse(msg); err != nil {
				b.Fatal(err)
			}
		}
	})
	benchmarkOthers(b, msg)
}

func benchmarkOthers(b *testing.B, msg []byte) {
	b.Run("miekg", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m dns.Msg
			if err := m.Unpack(msg); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("dnsmessage", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m dnsmessage.Message
			if err := m.Unpack(msg); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAppend writes a response of twelve records, names compressed, into
// memory that is there.
func BenchmarkAppend(b *testing.B) {
	msg := wire.Load(b, "dns/message/twelve.hex").Msg
	m, room := twelve(), make([]byte, 512)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := message.Append(room[:0], m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("miekg", func(b *testing.B) {
		var m dns.Msg
		if err := m.Unpack(msg); err != nil {
			b.Fatal(err)
		}
		m.Compress = true
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.PackBuffer(room); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("dnsmessage", func(b *testing.B) {
		var m dnsmessage.Message
		if err := m.Unpack(msg); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.AppendPack(room[:0]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// twelve is a response of twelve records, with the names that such have.
func twelve() message.Message {
	return message.Message{
		Header:    header.Header{ID: 0x1234, QR: true, AA: true, RD: true},
		Questions: ask("www.example.com.", question.TypeA),
		Answers: []record.Record{
			in("www.example.com.", record.CNAME{Target: "web.example.com."}),
			in("web.example.com.", record.A{Addr: ip("192.0.2.80")}),
			in("web.example.com.", record.A{Addr: ip("192.0.2.81")}),
		},
		Authorities: []record.Record{
			in("example.com.", record.NS{Host: "ns1.example.com."}),
			in("example.com.", record.NS{Host: "ns2.example.com."}),
			in("example.com.", record.NS{Host: "ns3.example.net."}),
		},
		Additionals: []record.Record{
			in("ns1.example.com.", record.A{Addr: ip("192.0.2.1")}),
			in("ns2.example.com.", record.A{Addr: ip("192.0.2.2")}),
			in("ns3.example.net.", record.A{Addr: ip("192.0.2.3")}),
			in("ns1.example.com.", record.AAAA{Addr: ip("2001:db8::1")}),
			in("ns2.example.com.", record.AAAA{Addr: ip("2001:db8::2")}),
			in("ns3.example.net.", record.AAAA{Addr: ip("2001:db8::3")}),
		},
	}
}

func ask(name string, t question.Type) []question.Question {
	return []question.Question{{Name: name, Type: t, Class: question.ClassIN}}
}

func in(owner string, d record.Data) record.Record {
	return record.Record{Name: owner, Class: question.ClassIN, TTL: 3600, Data: d}
}

func ip(text string) netip.Addr { return netip.MustParseAddr(text) }

// counted returns m with the counts of its sections.
func counted(m message.Message) message.Message {
	m.QDCount, m.ANCount = uint16(len(m.Questions)), uint16(len(m.Answers))
	m.NSCount, m.ARCount = uint16(len(m.Authorities)), uint16(len(m.Additionals))
	return m
}

// head is a header of which nothing but the counts is set.
func head(qd, an, ns, ar uint16) string {
	b := make([]byte, 4, 12)
	for _, n := range []uint16{qd, an, ns, ar} {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return string(b)
}

// rr is a record of class IN that lives for an hour.
func rr(owner string, t question.Type, data string) string {
	b := append(binary.BigEndian.AppendUint16([]byte(owner), uint16(t)), 0, 1, 0, 0, 0x0e, 0x10)
	return string(append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...))
}

// labels is a name without escapes, on the wire.
func labels(text string) string {
	var b []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return string(append(b, 0))
}

type capture struct {
	file string // in testdata/dns/captured
	msg  []byte
}

var captures []capture

// captured returns the messages of testdata/dns/captured, and reads them once.
func captured(t testing.TB) []capture {
	t.Helper()
	if captures != nil {
		return captures
	}
	files, err := filepath.Glob("../../../testdata/dns/captured/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for _, file := range files {
		file = filepath.Base(file)
		captures = append(captures, capture{file, wire.Load(t, "dns/captured/"+file).Msg})
	}
	return captures
}

// draw draws a message: few labels, so that names have ends in common.
func draw(t *rapid.T) message.Message {
	h := header.Header{
		ID: rapid.Uint16().Draw(t, "id"), QR: rapid.Bool().Draw(t, "QR"), AA: rapid.Bool().Draw(t, "AA"),
		Opcode: header.Opcode(rapid.IntRange(0, 15).Draw(t, "opcode")), Rcode: header.Rcode(rapid.IntRange(0, 15).Draw(t, "rcode")),
		TC: rapid.Bool().Draw(t, "TC"), RD: rapid.Bool().Draw(t, "RD"), Z: rapid.Bool().Draw(t, "Z"), CD: rapid.Bool().Draw(t, "CD"),
	}
	m := message.Message{Header: h}
	for range rapid.IntRange(0, 2).Draw(t, "questions") {
		m.Questions = append(m.Questions, question.Question{Name: drawName(t), Type: question.Type(rapid.Uint16().Draw(t, "type")), Class: 1})
	}
	m.Answers, m.Authorities, m.Additionals = drawRecords(t, "answers"), drawRecords(t, "authorities"), drawRecords(t, "additionals")
	if rapid.Bool().Draw(t, "EDNS") {
		opt := record.OPT{Options: []record.Option{{Code: 65001, Data: drawOctets(t)}}}
		m.Additionals = append(m.Additionals, record.Record{Name: ".", Class: 1232, TTL: rapid.Uint32().Draw(t, "flags"), Data: opt})
	}
	return counted(m)
}

func drawRecords(t *rapid.T, section string) (all []record.Record) {
	for range rapid.IntRange(0, 5).Draw(t, section) {
		all = append(all, record.Record{Name: drawName(t), Class: 1, TTL: rapid.Uint32Range(0, 1<<31-1).Draw(t, "TTL"), Data: drawData(t)})
	}
	return all
}

func drawData(t *rapid.T) record.Data {
	switch rapid.IntRange(0, 9).Draw(t, "data") {
	case 0:
		return record.AAAA{Addr: netip.AddrFrom16([16]byte{0x20, 1, 15: rapid.Byte().Draw(t, "octet")})}
	case 1:
		return record.NS{Host: drawName(t)}
	case 2:
		return record.CNAME{Target: drawName(t)}
	case 3:
		return record.PTR{Target: drawName(t)}
	case 4:
		return record.MX{Preference: rapid.Uint16().Draw(t, "preference"), Host: drawName(t)}
	case 5:
		return record.SOA{Primary: drawName(t), Mailbox: drawName(t), Serial: rapid.Uint32().Draw(t, "serial"), Minimum: 60}
	case 6: // whose end no other name has: whether to point to it is left open
		return record.SRV{Priority: 1, Weight: 2, Port: rapid.Uint16().Draw(t, "port"), Target: strings.TrimPrefix(drawName(t)+"only-srv.", ".")}
	case 7:
		return record.TXT{Strings: []string{string(drawOctets(t)), string(drawOctets(t))}}
	case 8:
		return record.Unknown{Of: 65280, Data: drawOctets(t)}
	default:
		return record.A{Addr: netip.AddrFrom4([4]byte{192, 0, 2, rapid.Byte().Draw(t, "octet")})}
	}
}

func drawOctets(t *rapid.T) []byte {
	return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "octets")
}

func drawName(t *rapid.T) string {
	label := rapid.SampledFrom([]string{"a", "b", "A", "www", "example", "eXample", "com", "net", "x-1", strings.Repeat("m", 63)})
	all := rapid.SliceOfN(label, 0, 3).Draw(t, "labels")
	return strings.Join(all, ".") + "."
}

// flat is what miekg/dns makes of m, without pointers.
func flat(m message.Message) []byte { return packed(unflat(m)) }

// repacked is what dnsmessage makes of a message, without pointers.
func repacked(msg []byte) ([]byte, error) {
	var x dnsmessage.Message
	if err := x.Unpack(msg); err != nil {
		return nil, err
	}
	b, err := x.Pack()
	if err != nil {
		return nil, err
	}
	var o dns.Msg
	if err := o.Unpack(b); err != nil {
		return nil, err
	}
	return packed(&o), nil
}

// readers says which of the others read msg.
func readers(msg []byte) string {
	var all []string
	if new(dns.Msg).Unpack(msg) == nil {
		all = append(all, "miekg/dns")
	}
	if new(dnsmessage.Message).Unpack(msg) == nil {
		all = append(all, "dnsmessage")
	}
	return strings.Join(all, ", ")
}

// packed is o without pointers; nil if miekg/dns does not pack it, as it does not
// all that it reads.
func packed(o *dns.Msg) []byte {
	b, err := o.Pack()
	if err != nil {
		return nil
	}
	return b
}

// readsElse says where what miekg/dns has read differs from m, "" if it does not.
func readsElse(o *dns.Msg, m message.Message) string {
	whole := flat(m)
	if whole != nil && bytes.Equal(packed(o), whole) {
		return ""
	}
	want := new(dns.Msg) // in the spelling of o
	if err := want.Unpack(whole); err != nil {
		return fmt.Sprintf("(miekg/dns does not write m: %v)", err)
	}
	if o.MsgHdr != want.MsgHdr {
		return fmt.Sprintf("miekg/dns reads  %swant             %s", &o.MsgHdr, &want.MsgHdr)
	}
	got, wanted := theirEntries(o), theirEntries(want)
	for i, section := range sections {
		a, b := got[i], wanted[i]
		if len(a) != len(b) {
			return fmt.Sprintf("miekg/dns reads  %d in the %s section, want %d", len(a), section, len(b))
		}
		for n := range a {
			if a[n] != b[n] {
				a, b := apart(a[n], b[n])
				return fmt.Sprintf("miekg/dns reads  %s %d: %s\nwant             %s %d: %s", section, n+1, a, section, n+1, b)
			}
		}
	}
	return "miekg/dns reads it otherwise"
}

// theirEntries lists what the four sections of o hold.
func theirEntries(o *dns.Msg) (all [4][]string) {
	for _, q := range o.Question {
		all[0] = append(all[0], strings.TrimPrefix(q.String(), ";"))
	}
	for i, section := range [][]dns.RR{o.Answer, o.Ns, o.Extra} {
		for _, rr := range section {
			all[i+1] = append(all[i+1], rr.String())
		}
	}
	for _, section := range all {
		for i := range section {
			section[i] = strings.ReplaceAll(section[i], "\t", " ")
		}
	}
	return all
}

// apart leaves out what two long texts have in common before they differ.
func apart(a, b string) (string, string) {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if n > 40 && max(len(a), len(b)) > 80 {
		a, b = a[:12]+" … "+a[n-20:], b[:12]+" … "+b[n-20:]
	}
	return cut(a), cut(b)
}

func cut(s string) string {
	if n := len(s); n > 100 {
		return s[:60] + " … " + s[n-16:]
	}
	return s
}

// sameFlat says how two messages without pointers differ, "" if they do not.
func sameFlat(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	return wire.Diff(got, dissect(want))
}

// unflat is m as miekg/dns has it.
func unflat(m message.Message) *dns.Msg {
	o := &dns.Msg{MsgHdr: dns.MsgHdr{Id: m.ID, Response: m.QR, Opcode: int(m.Opcode), Authoritative: m.AA, Truncated: m.TC, RecursionDesired: m.RD,
		RecursionAvailable: m.RA, Zero: m.Z, AuthenticatedData: m.AD, CheckingDisabled: m.CD, Rcode: int(m.Rcode)}}
	for _, q := range m.Questions {
		o.Question = append(o.Question, dns.Question{Name: dns.Fqdn(q.Name), Qtype: uint16(q.Type), Qclass: uint16(q.Class)})
	}
	o.Answer, o.Ns, o.Extra = theirs(m.Answers), theirs(m.Authorities), theirs(m.Additionals)
	if opt := o.IsEdns0(); opt != nil { // holds the upper bits of the response code
		o.Rcode |= int(opt.Hdr.Ttl >> 24 << 4)
	}
	return o
}

func theirs(all []record.Record) (out []dns.RR) {
	for _, r := range all {
		h := dns.RR_Header{Name: dns.Fqdn(r.Name), Rrtype: uint16(r.Data.Type()), Class: uint16(r.Class), Ttl: r.TTL}
		out = append(out, their(h, r.Data))
	}
	return out
}

func their(h dns.RR_Header, d record.Data) dns.RR {
	switch d := d.(type) {
	case record.A:
		return &dns.A{Hdr: h, A: d.Addr.AsSlice()}
	case record.AAAA:
		return &dns.AAAA{Hdr: h, AAAA: d.Addr.AsSlice()}
	case record.NS:
		return &dns.NS{Hdr: h, Ns: dns.Fqdn(d.Host)}
	case record.CNAME:
		return &dns.CNAME{Hdr: h, Target: dns.Fqdn(d.Target)}
	case record.PTR:
		return &dns.PTR{Hdr: h, Ptr: dns.Fqdn(d.Target)}
	case record.MX:
		return &dns.MX{Hdr: h, Preference: d.Preference, Mx: dns.Fqdn(d.Host)}
	case record.SOA:
		return &dns.SOA{Hdr: h, Ns: dns.Fqdn(d.Primary), Mbox: dns.Fqdn(d.Mailbox), Serial: d.Serial, Refresh: d.Refresh, Retry: d.Retry, Expire: d.Expire, Minttl: d.Minimum}
	case record.SRV:
		return &dns.SRV{Hdr: h, Priority: d.Priority, Weight: d.Weight, Port: d.Port, Target: dns.Fqdn(d.Target)}
	case record.TXT:
		rr := &dns.TXT{Hdr: h}
		for _, s := range d.Strings {
			var text strings.Builder // which miekg/dns has as master files do
			for _, c := range []byte(s) {
				fmt.Fprintf(&text, `\%03d`, c)
			}
			rr.Txt = append(rr.Txt, text.String())
		}
		return rr
	case record.OPT:
		rr := &dns.OPT{Hdr: h}
		for _, o := range d.Options {
			rr.Option = append(rr.Option, &dns.EDNS0_LOCAL{Code: o.Code, Data: o.Data})
		}
		return rr
	case record.Unknown:
		return &dns.RFC3597{Hdr: h, Rdata: fmt.Sprintf("%x", d.Data)}
	default:
		panic(fmt.Sprintf("data of type %T", d))
	}
}

func parse(r *rule.R, msg []byte) (m message.Message, next int, err error) {
	r.T().Helper()
	own := bytes.Clone(msg) // what Parse may do to it is TestOwn's affair
	r.Do(func() string { return "Parse(msg)\n\n" + show(msg) }, func() { m, next, err = message.Parse(own) })
	return m, next, err
}

func appendTo(r *rule.R, b []byte, m message.Message) (out []byte, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Append(b, m), b has %d octets\n\n%s", len(b), text(m)) },
		func() { out, err = message.Append(b, m) })
	return out, err
}

// mustParse fails the test unless msg reads as want, which has its counts.
func mustParse(r *rule.R, msg []byte, want message.Message, wantNext int) {
	r.T().Helper()
	got, next, err := parse(r, msg)
	if err != nil || next != wantNext {
		r.Fatalf("Parse(msg) = %s\nwant         no error, next %#x\n\n%s", outcome(next, err), wantNext, show(msg))
	}
	if diff := differs(got, want); diff != "" {
		r.Fatalf("Parse(msg) returned another message than msg holds\n\n%s\n\n%s", diff, show(msg))
	}
}

// mustReadBack fails the test unless Parse reads what Append has written of m,
// which is out, as m. The failure ends with where m came from.
func mustReadBack(r *rule.R, m message.Message, out []byte, from string) {
	r.T().Helper()
	got, next, err := parse(r, out)
	var fault string
	if err != nil || next != len(out) {
		fault = fmt.Sprintf("Parse(out) = %s\nwant         no error, next %#x", outcome(next, err), len(out))
	} else if diff := differs(got, m); diff != "" {
		fault = "Parse(out) gave another message than m\n\n" + diff
	}
	if fault != "" {
		r.Fatalf("out, _ := Append(nil, m), and then %s\n%s\n\n%s\n\nout:\n\n%s%s", fault, blame(m, got, err, out), text(m), show(out), from)
	}
}

// blame says whether Append wrote m wrong, as out, or Parse reads it wrong, as
// got: miekg/dns decides.
func blame(m, got message.Message, err error, out []byte) string {
	var o dns.Msg
	refused := o.Unpack(out) != nil
	switch {
	case !refused && readsElse(&o, m) == "":
		return "Parse is at fault: miekg/dns reads out as m."
	case err == nil && !refused && readsElse(&o, got) == "":
		return "Append is at fault: miekg/dns reads out as Parse does."
	case err != nil && refused:
		return "Append is at fault: miekg/dns refuses out, too."
	}
	return "Either Append has written m wrong, or Parse reads it wrong."
}

func mustFail(r *rule.R, msg []byte, want error) {
	r.T().Helper()
	_, next, err := parse(r, msg)
	if is(err, want) {
		return
	}
	wanted := sentinel(want)
	switch want {
	case header.ErrShort, name.ErrShort, record.ErrShort: // cut: any will do
		if inFamily(err) {
			return
		}
		wanted += ", or another\n             of header, name, question, record or message"
	}
	r.Fatalf("Parse(msg) = %s\nwant         %s%s\n\n%s", outcome(next, err), wanted, whose(err, want), show(msg))
}

// whose says what is meant by an error that is not as wanted: two packages have
// an ErrCount.
func whose(err, want error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, want):
		return "\nand none of the others of this package"
	case strings.Contains(err.Error(), want.Error()):
		return "\nThe words are right, but errors.Is does not find the variable: return it,\nor wrap it with %w"
	case want == message.ErrCount && errors.Is(err, question.ErrCount):
		return "\nWhat came back is question.ErrCount, another package's error: who calls Parse\nlooks for one ErrCount, whatever the section. (Both, wrapped, are fine.)"
	}
	for _, s := range family {
		if errors.Is(err, s.err) && s.err != message.ErrCount && s.err != message.ErrTooLong {
			return "\nWhat came back is " + s.name + ", another package's error"
		}
	}
	return ""
}

// mustAppend fails the test unless Append appends exactly what want has behind b.
func mustAppend(r *rule.R, b []byte, m message.Message, want []byte) {
	r.T().Helper()
	got := mustExtend(r, b, m)
	if want = want[len(b):]; !bytes.Equal(got, want) {
		if o := new(dns.Msg); o.Unpack(got) == nil && readsElse(o, m) == "" { // it differs in how names are written
			r = rule.New(r.T().(testing.TB), 9)
		}
		r.Fatalf("Append(b, m) appended other octets than wanted; b had %d\n\n%s\n\n%s", len(b), text(m), wire.Diff(got, dissect(want)))
	}
}

// mustCompress fails the test if Append writes more octets than want has, or
// another message. It returns them without b.
func mustCompress(r *rule.R, b []byte, m message.Message, want []byte) []byte {
	r.T().Helper()
	got := mustExtend(r, b, m)
	if bytes.Equal(got, want) {
		return got
	}
	if len(got) > len(want) {
		r.Fatalf("Append(b, m) appended %d octets, and %d will do; b had %d\n\n%s\n\n%s", len(got), len(want), len(b), text(m), wire.Diff(got, dissect(want)))
	}
	var o dns.Msg
	if err := o.Unpack(got); err != nil {
		r.Fatalf("Append(b, m) appended what another reader (miekg/dns) refuses: %v; b had %d octets\n\n%s\n\n%s", err, len(b), text(m), wire.Diff(got, dissect(want)))
	}
	if diff := readsElse(&o, m); diff != "" {
		r.Fatalf("Append(b, m) appended another message than m; b had %d octets\n%s\n\n%s\n\n%s", len(b), diff, text(m), wire.Diff(got, dissect(want)))
	}
	return got
}

// mustExtend returns what Append puts behind b.
func mustExtend(r *rule.R, b []byte, m message.Message) []byte {
	r.T().Helper()
	got, err := appendTo(r, b[:len(b):cap(b)], m)
	if err != nil {
		r.Fatalf("Append(b, m) = error: %v\nwant no error; b had %d octets\n\n%s", err, len(b), text(m))
	}
	if !bytes.HasPrefix(got, b) {
		r.Fatalf("Append(b, m) does not begin with the %d octets of b\n\n%s", len(b), text(m))
	}
	return got[len(b):]
}

// mustMean returns what Append makes of m, which others must read as m.
func mustMean(r *rule.R, m message.Message) []byte {
	r.T().Helper()
	got := mustExtend(r, nil, m)
	var o dns.Msg
	if err := o.Unpack(got); err != nil {
		r.Fatalf("Append(nil, m) wrote what another reader (miekg/dns) refuses: %v\n\n%s\n\n%s", err, text(m), show(got))
	}
	if diff := readsElse(&o, m); diff != "" {
		r.Fatalf("Append(nil, m) wrote another message than m\n%s\n\n%s\n\n%s", diff, text(m), show(got))
	}
	return got
}

// mustRefuse fails the test unless Append returns the error want, or the other
// one, and b as it was.
func mustRefuse(t *testing.T, r *rule.R, b []byte, what string, m message.Message, want, or error) {
	r.T().Helper()
	var got []byte
	var err error
	own := append(make([]byte, 0, 64), b...)
	r.Do(func() string { return "Append(b, m): m has " + what }, func() { got, err = message.Append(own, m) })
	if !is(err, want) && (or == nil || !is(err, or)) {
		outcome := fmt.Sprintf("no error, %d octets", len(got))
		if err != nil {
			outcome = fmt.Sprintf("error: %v", err)
		}
		r.Fatalf("Append(b, m) = %s\nwant           %s%s\n\nm has %s", outcome, sentinel(want), whose(err, want), what)
	}
	if !bytes.Equal(got, b) || !bytes.Equal(own, b) {
		rule.New(t, 15).Fatalf("Append(b, m) = error: %v\nb was %s and came back as %s, want it as it was\n\nm has %s", err, shortHex(b), shortHex(got), what)
	}
}

func shortHex(b []byte) string {
	if len(b) == 0 {
		return "empty"
	}
	if len(b) > 16 {
		return fmt.Sprintf("% x … (%d octets)", b[:16], len(b))
	}
	return fmt.Sprintf("% x", b)
}

// mustPointToLabels fails the test if a pointer in msg, which makes sense
// otherwise, leads to anything but a label of a name.
func mustPointToLabels(r *rule.R, msg []byte) {
	r.T().Helper()
	w := walk(msg)
	for _, p := range w.pointers {
		if target := int(binary.BigEndian.Uint16(msg[p:]) & 0x3fff); !slices.Contains(w.labels, target) {
			what := "where no label of a name stands"
			if slices.Contains(w.pointers, target) {
				what = "which is a pointer itself"
			}
			r.Fatalf("Append(nil, m) wrote a pointer that leads to %#x, %s\n\n%s", target, what,
				dissect(msg).Dump(wire.Mark{Off: p, Note: "this pointer"}, wire.Mark{Off: target, Note: "leads here"}))
		}
	}
}

// walker goes through a message from name to name.
type walker struct {
	msg      []byte
	pos      int
	labels   []int // where each stands
	pointers []int
}

func walk(msg []byte) walker {
	w := walker{msg: msg, pos: header.Len}
	for range binary.BigEndian.Uint16(msg[4:]) {
		w.name()
		w.pos += 4
	}
	for w.pos < len(msg) {
		w.name()
		t := question.Type(binary.BigEndian.Uint16(msg[w.pos:]))
		end := w.pos + 10 + int(binary.BigEndian.Uint16(msg[w.pos+8:]))
		w.pos += 10
		switch t {
		case question.TypeNS, question.TypeCNAME, question.TypePTR:
			w.name()
		case question.TypeMX:
			w.pos += 2
			w.name()
		case question.TypeSRV:
			w.pos += 6
			w.name()
		case question.TypeSOA:
			w.name()
			w.name()
		}
		w.pos = end
	}
	return w
}

func (w *walker) name() {
	for w.msg[w.pos] != 0 {
		if w.msg[w.pos] >= 0xc0 {
			w.pointers = append(w.pointers, w.pos)
			w.pos += 2
			return
		}
		w.labels = append(w.labels, w.pos)
		w.pos += 1 + int(w.msg[w.pos])
	}
	w.pos++
}

// family are the errors that Parse and Append may return, with their names.
var family = []struct {
	name string
	err  error
}{
	{"ErrCount", message.ErrCount}, {"ErrTooLong", message.ErrTooLong},
	{"header.ErrShort", header.ErrShort}, {"header.ErrRange", header.ErrRange},
	{"name.ErrShort", name.ErrShort}, {"name.ErrLabelType", name.ErrLabelType}, {"name.ErrPointer", name.ErrPointer},
	{"name.ErrLabelLen", name.ErrLabelLen}, {"name.ErrNameLen", name.ErrNameLen}, {"name.ErrEmptyLabel", name.ErrEmptyLabel}, {"name.ErrEscape", name.ErrEscape},
	{"question.ErrShort", question.ErrShort}, {"question.ErrCount", question.ErrCount},
	{"record.ErrShort", record.ErrShort}, {"record.ErrData", record.ErrData}, {"record.ErrRange", record.ErrRange},
}

func inFamily(err error) bool {
	for _, s := range family {
		if errors.Is(err, s.err) {
			return true
		}
	}
	return false
}

// sentinel names an error of the family and quotes it.
func sentinel(err error) string {
	for _, s := range family {
		if s.err == err {
			return fmt.Sprintf("error: %s (%q)", s.name, err.Error())
		}
	}
	return err.Error()
}

// is says whether err is want, and not one of this package beside. Other packages
// may wrap each other's.
func is(err, want error) bool {
	for _, own := range []error{message.ErrCount, message.ErrTooLong} {
		if own != want && errors.Is(err, own) {
			return false
		}
	}
	return errors.Is(err, want)
}

func outcome(next int, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return fmt.Sprintf("no error, next %#x", next)
}

// differs says where two messages differ, "" if they do not.
func differs(got, want message.Message) string {
	if reflect.DeepEqual(got, want) || cmp.Equal(got, want, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})) {
		return ""
	}
	a, b := lines(got), lines(want)
	if a[0] != b[0] {
		return "got  " + a[0] + "\nwant " + b[0]
	}
	const most = 8
	return strings.Join(append(only("got  ", a, b, most), only("want ", b, a, most)...), "\n")
}

// only lists, as side, the lines of all that do not stand at the same place in
// the others.
func only(side string, all, others []string, most int) (out []string) {
	left := 0
	for i, line := range all {
		if i < len(others) && others[i] == line {
			continue
		}
		if len(out) == most {
			left++
			continue
		}
		out = append(out, side+cut(line))
	}
	if left > 0 {
		out = append(out, fmt.Sprintf("%s… and %d more", side, left))
	}
	if len(out) == 0 {
		out = []string{side + "nothing in their place"}
	}
	return out
}

// text lists what m holds.
func text(m message.Message) string {
	all := lines(m)
	if n := len(all) - 16; n > 0 {
		all = append(all[:16:16], fmt.Sprintf("… and %d more", n))
	}
	for i, line := range all {
		if r := []rune(line); len(r) > 100 {
			all[i] = string(r[:99]) + "…"
		}
	}
	return "m: " + strings.Join(all, "\n   ")
}

func lines(m message.Message) []string {
	h := m.Header
	first := fmt.Sprintf("id %#04x, opcode %d, rcode %d, counts %d %d %d %d, flags", h.ID, h.Opcode, h.Rcode, h.QDCount, h.ANCount, h.NSCount, h.ARCount)
	for _, f := range []struct {
		set  bool
		name string
	}{{h.QR, "QR"}, {h.AA, "AA"}, {h.TC, "TC"}, {h.RD, "RD"}, {h.RA, "RA"}, {h.Z, "Z"}, {h.AD, "AD"}, {h.CD, "CD"}} {
		if f.set {
			first += " " + f.name
		}
	}
	all := []string{first}
	for _, q := range m.Questions {
		all = append(all, fmt.Sprintf("question %s %v %v", q.Name, q.Class, q.Type))
	}
	for i, section := range [][]record.Record{m.Answers, m.Authorities, m.Additionals} {
		for _, r := range section {
			line := fmt.Sprintf("%s %s %d %v", sections[i+1], r.Name, r.TTL, r.Class)
			all = append(all, line+" "+says(r.Data))
		}
	}
	return all
}

// says is what d says, in one line, as failures of dns/record have it.
func says(d record.Data) string {
	switch d := d.(type) {
	case nil:
		return "no data"
	case record.A:
		return "A{" + d.Addr.String() + "}"
	case record.AAAA:
		return "AAAA{" + d.Addr.String() + "}"
	case record.TXT:
		return fmt.Sprintf("TXT{%q}", d.Strings)
	case record.OPT:
		var all []string
		for _, o := range d.Options {
			all = append(all, fmt.Sprintf("%d: %s", o.Code, octets(o.Data)))
		}
		return "OPT{" + strings.Join(all, ", ") + "}"
	case record.Unknown:
		return fmt.Sprintf("Unknown{%d, %s}", d.Of, octets(d.Data))
	case record.SOA: // its fields by name would fill three lines
		return fmt.Sprintf("SOA{%q, %q, %d, %d, %d, %d, %d}", d.Primary, d.Mailbox, d.Serial, d.Refresh, d.Retry, d.Expire, d.Minimum)
	default:
		return fmt.Sprintf("%s%+v", strings.TrimPrefix(fmt.Sprintf("%T", d), "record."), d)
	}
}

// octets are b in hex; of many, the first, the last and how many.
func octets(b []byte) string {
	if n := len(b); n > 20 {
		return fmt.Sprintf("[% x … % x] (%d octets)", b[:8], b[n-4:], n)
	}
	return fmt.Sprintf("[% x]", b)
}

// show lists msg; of a long one, the beginning.
func show(msg []byte) string {
	d := dissect(msg)
	if len(msg) <= 200 {
		return d.Dump()
	}
	marks := []wire.Mark{{Off: 0, Note: "it begins here"}}
	if len(d.Faults) > 0 {
		marks = append(marks, wire.Mark{Off: d.Faults[0].Off, Note: "what first makes no sense"})
	}
	return fmt.Sprintf("%d octets\n\n%s", len(msg), d.Dump(marks...))
}

// dissect is wire.DNS, but does not flag what this kata does not judge: how many
// questions a query may have (RFC 9619).
func dissect(msg []byte) wire.Dissection {
	d := wire.DNS(msg)
	d.Faults = slices.DeleteFunc(d.Faults, func(f wire.Fault) bool { return f.Off == 4 })
	return d
}
