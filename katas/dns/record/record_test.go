package record_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/name"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
)

// One record, both ways (RFC 1035, section 4.1.3).
func TestRecord(t *testing.T) {
	r := rule.New(t, 1)
	msg := message("\x03www\x07example\x03com\x00" + // owner
		"\x00\x01" + "\x00\x01" + // type A, class IN
		"\x00\x01\x51\x80" + // TTL 86400
		"\x00\x04" + "\xc0\x00\x02\x01") // RDLENGTH 4, 192.0.2.1
	want := record.Record{Name: "www.example.com.", Class: question.ClassIN, TTL: 86400, Data: a("192.0.2.1")}
	mustParse(r, msg, first, want, len(msg))
	mustAppend(r, msg[:first], want, msg)
}

// Records one behind the other, of another owner and class (RFC 1035, section
// 4.1.3).
func TestRecords(t *testing.T) {
	r := rule.New(t, 1)
	one := "\x00" + fixed(question.TypeA, question.ClassCH, 0x01020304, 4) + "\x0a\x00\x00\x01"
	two := "\x03com\x00" + fixed(question.TypeA, 0xabcd, 0, 4) + "\x0a\x00\x00\x02"
	msg := message(one, two, one)
	second := first + len(one)
	mustParse(r, msg, first, record.Record{Name: ".", Class: question.ClassCH, TTL: 0x01020304, Data: a("10.0.0.1")}, second)
	mustParse(r, msg, second, record.Record{Name: "com.", Class: 0xabcd, Data: a("10.0.0.2")}, second+len(two))
	mustAppend(r, msg[:second], record.Record{Name: "com.", Class: 0xabcd, Data: a("10.0.0.2")}, msg[:second+len(two)])
}

// Addresses of both families, and those that look like the other (RFC 1035,
// section 3.4.1; RFC 3596, section 2.2).
func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		why  string
		data record.Data
		wire string
	}{
		{"the lowest IPv4 address", a("0.0.0.0"), "\x00\x00\x00\x00"},
		{"the highest", a("255.255.255.255"), "\xff\xff\xff\xff"},
		{"an IPv6 address", aaaa("2001:db8::1"), "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{"sixteen different octets", aaaa("102:304:506:708:90a:b0c:d0e:f10"), "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"},
		{"an IPv4-mapped address stays IPv6", aaaa("::ffff:192.0.2.1"), "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"},
	} {
		t.Run(tt.why, func(t *testing.T) { mustBoth(rule.New(t, 2), tt.data, tt.wire) })
	}
	for _, tt := range []struct {
		why  string
		data record.Data
	}{
		{"an IPv6 address in an A record", a("2001:db8::1")},
		{"an IPv4-mapped address in an A record", a("::ffff:192.0.2.1")},
		{"no address in an A record", record.A{}},
		{"an IPv4 address in an AAAA record", aaaa("192.0.2.1")},
		{"no address in an AAAA record", record.AAAA{}},
		{"an address with a zone, which the wire has no room for", aaaa("fe80::1%eth0")},
	} {
		t.Run(tt.why, func(t *testing.T) { mustRefuse(rule.New(t, 2), www(tt.data), record.ErrRange) })
	}
}

// Data that is a name (RFC 1035, section 3.3).
func TestNames(t *testing.T) {
	for _, tt := range []struct {
		why    string
		rrtype question.Type
		of     func(string) record.Data
	}{
		{"CNAME", question.TypeCNAME, func(s string) record.Data { return record.CNAME{Target: s} }},
		{"NS", question.TypeNS, func(s string) record.Data { return record.NS{Host: s} }},
		{"PTR", question.TypePTR, func(s string) record.Data { return record.PTR{Target: s} }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 3)
			mustBoth(r, tt.of("ns1.net."), "\x03ns1\x03net\x00")
			mustBoth(r, tt.of("."), "\x00")
			mustRead(r, tt.rrtype, "\xc0\x0c", tt.of("www.example.com."))        // all of the owner
			mustRead(r, tt.rrtype, "\x02ns\xc0\x10", tt.of("ns.example.com."))   // the rest of it
			mustRead(r, tt.rrtype, "\x01a\xc0\x18", tt.of("a.com."))             // the end of it
			mustRead(r, tt.rrtype, "\x03WwW\xc0\x10", tt.of("WwW.example.com.")) // case stays
		})
	}
}

// Data of numbers and names (RFC 1035, sections 3.3.9 and 3.3.13; RFC 2782).
func TestNumbers(t *testing.T) {
	for _, tt := range []struct {
		why        string
		data       record.Data
		wire       string
		compressed string // the same data, as it may also be read
	}{
		{"MX", record.MX{Preference: 0x0102, Host: "mx.example.com."},
			"\x01\x02" + "\x02mx\x07example\x03com\x00", "\x01\x02" + "\x02mx\xc0\x10"},
		{"MX of high numbers, at the root (RFC 7505: no mail here)", record.MX{Preference: 65535, Host: "."},
			"\xff\xff\x00", ""},
		{"SOA", record.SOA{Primary: "ns.example.com.", Mailbox: "root.example.com.",
			Serial: 0x81020304, Refresh: 0x05060708, Retry: 0x090a0b0c, Expire: 0x0d0e0f10, Minimum: 0x11121314},
			"\x02ns\x07example\x03com\x00" + "\x04root\x07example\x03com\x00" + soaNumbers,
			"\x02ns\xc0\x10" + "\x04root\xc0\x2a" + soaNumbers},
		{"SRV", record.SRV{Priority: 0x0102, Weight: 0x0304, Port: 0x0506, Target: "sip.example.com."},
			"\x01\x02\x03\x04\x05\x06" + "\x03sip\x07example\x03com\x00",
			"\x01\x02\x03\x04\x05\x06" + "\x03sip\xc0\x10"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 4)
			mustBoth(r, tt.data, tt.wire)
			if tt.compressed != "" {
				mustRead(r, tt.data.Type(), tt.compressed, tt.data)
			}
		})
	}
}

const soaNumbers = "\x81\x02\x03\x04" + "\x05\x06\x07\x08" + "\x09\x0a\x0b\x0c" + "\x0d\x0e\x0f\x10" + "\x11\x12\x13\x14"

// Strings of every length that one octet can say (RFC 1035, sections 3.3 and
// 3.3.14).
func TestTXT(t *testing.T) {
	x255 := strings.Repeat("x", 255)
	for _, tt := range []struct {
		why     string
		strings []string
		wire    string
	}{
		{"one string", []string{"v=spf1 -all"}, "\x0bv=spf1 -all"},
		{"three strings stay three", []string{"ab", "c", "def"}, "\x02ab\x01c\x03def"},
		{"an empty string is a string", []string{""}, "\x00"},
		{"empty strings between others", []string{"", "a", "", ""}, "\x00\x01a\x00\x00"},
		{"255 octets", []string{x255}, "\xff" + x255},
		{"255 octets, and more behind them", []string{x255, "y"}, "\xff" + x255 + "\x01y"},
		{"any octets, as they are", []string{"\x00\xff\"\\.;\xc0\x0c"}, "\x08\x00\xff\"\\.;\xc0\x0c"},
	} {
		t.Run(tt.why, func(t *testing.T) { mustBoth(rule.New(t, 5), record.TXT{Strings: tt.strings}, tt.wire) })
	}
	for _, tt := range []struct {
		why     string
		strings []string
	}{
		{"no string at all", nil},
		{"256 octets", []string{x255 + "x"}},
		{"256 octets behind a string that fits", []string{"a", x255 + "x"}},
		{"600 octets", []string{strings.Repeat("x", 600)}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustRefuse(rule.New(t, 5), www(record.TXT{Strings: tt.strings}), record.ErrRange)
		})
	}
}

// Types that are not known here (RFC 3597, section 3).
func TestUnknown(t *testing.T) {
	for _, tt := range []struct {
		why    string
		rrtype question.Type
		data   string
	}{
		{"a type for private use", 65280, "\x01\x02\x03"},
		{"no data", 65280, ""},
		{"the lowest type", 0, "\x01"},
		{"the highest type", 65535, "\x01"},
		{"what begins like a name", 65280, "\x03com"},
		{"what looks like a pointer is none", 65280, "\xc0\x0c"},
		{"HINFO: strings that belong to others", 13, "\x03cpu\x02os"},
		{"DNAME: a name that stays as it is", 39, "\x03com\x00"},
		{"ANY, which nobody sends", question.TypeANY, "\x01\x02"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustBoth(rule.New(t, 6), record.Unknown{Of: tt.rrtype, Data: []byte(tt.data)}, tt.data)
		})
	}
}

// EDNS (RFC 6891, sections 6.1.2 and 6.1.3).
func TestOPT(t *testing.T) {
	for _, tt := range []struct {
		why     string
		options []record.Option
		wire    string
	}{
		{"no options", nil, ""},
		{"a cookie", []record.Option{option(10, "\x01\x02\x03\x04\x05\x06\x07\x08")}, "\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08"},
		{"an option without data", []record.Option{{Code: 3}}, "\x00\x03\x00\x00"},
		{"three options, two of one code", []record.Option{option(65001, "a"), option(65002, ""), option(65001, "bc")},
			"\xfd\xe9\x00\x01a" + "\xfd\xea\x00\x00" + "\xfd\xe9\x00\x02bc"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 7)
			for _, class := range []question.Class{1232, 65535} {
				rr := record.Record{Name: ".", Class: class, TTL: 0x00008000, Data: record.OPT{Options: tt.options}}
				msg := message("\x00" + fixed(question.TypeOPT, class, 0x00008000, len(tt.wire)) + tt.wire)
				mustParse(r, msg, first, rr, len(msg))
				mustAppend(r, msg[:first], rr, msg)
			}
		})
	}
}

// The highest bit of a TTL (RFC 2181, section 8; RFC 6891, section 6.1.3).
func TestTTL(t *testing.T) {
	for _, tt := range []struct {
		why       string
		ttl, want uint32
		data      record.Data
		wire      string
	}{
		{"the longest TTL", 0x7fffffff, 0x7fffffff, a("192.0.2.1"), "\xc0\x00\x02\x01"},
		{"one more is none", 0x80000000, 0, a("192.0.2.1"), "\xc0\x00\x02\x01"},
		{"every bit set", 0xffffffff, 0, record.NS{Host: "com."}, "\x03com\x00"},
		{"an unknown type", 0x80000e10, 0, record.Unknown{Of: 65280, Data: []byte("x")}, "x"},
		{"of an OPT, the highest bit is one of eight of the response code", 0x80008000, 0x80008000, record.OPT{}, ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 8)
			rr := record.Record{Name: ".", Class: 1, TTL: tt.want, Data: tt.data}
			msg := message("\x00" + fixed(tt.data.Type(), 1, tt.ttl, len(tt.wire)) + tt.wire)
			mustParse(r, msg, first, rr, len(msg))
			if tt.ttl == tt.want {
				mustAppend(r, msg[:first], rr, msg)
				return
			}
			rr.TTL = tt.ttl
			mustRefuse(r, rr, record.ErrRange)
		})
	}
}

// A message that ends behind the owner (RFC 9267, section 5).
func TestShort(t *testing.T) {
	for _, tt := range examples {
		t.Run(kind(tt.data), func(t *testing.T) {
			r := rule.New(t, 9)
			msg := message(rr(tt.data.Type(), tt.wire))
			for n := first + len(owner); n < len(msg); n++ {
				mustFail(r, msg[:n:n], first, record.ErrShort)
			}
		})
	}
	t.Run("RDLENGTH 65535", func(t *testing.T) {
		r := rule.New(t, 9)
		for _, tt := range examples {
			mustFail(r, message(owner+fixed(tt.data.Type(), 1, 300, 65535)+tt.wire), first, record.ErrShort)
		}
	})
}

// examples are the data of each type.
var examples = []struct {
	data record.Data
	wire string
}{
	{a("192.0.2.1"), "\xc0\x00\x02\x01"},
	{aaaa("2001:db8::1"), "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
	{record.CNAME{Target: "a.com."}, "\x01a\x03com\x00"},
	{record.NS{Host: "ns.com."}, "\x02ns\x03com\x00"},
	{record.PTR{Target: "b.com."}, "\x01b\x03com\x00"},
	{record.MX{Preference: 10, Host: "mx.com."}, "\x00\x0a\x02mx\x03com\x00"},
	{record.TXT{Strings: []string{"ab", "c"}}, "\x02ab\x01c"},
	{record.SOA{Primary: "ns.com.", Mailbox: "root.com.", Serial: 0x81020304, Refresh: 0x05060708, Retry: 0x090a0b0c,
		Expire: 0x0d0e0f10, Minimum: 0x11121314}, "\x02ns\x03com\x00\x04root\x03com\x00" + soaNumbers},
	{record.SRV{Priority: 1, Weight: 2, Port: 5060, Target: "sip.com."}, "\x00\x01\x00\x02\x13\xc4\x03sip\x03com\x00"},
	{record.OPT{Options: []record.Option{{Code: 10, Data: []byte("12345678")}}}, "\x00\x0a\x00\x0812345678"},
	{record.Unknown{Of: 65280, Data: []byte("\x01\x02\x03")}, "\x01\x02\x03"},
}

// RDLENGTH and data that do not agree (RFC 1035, section 4.1.3; RFC 9267,
// section 5).
func TestLength(t *testing.T) {
	for _, tt := range []struct {
		why    string
		rrtype question.Type
		length int
		data   string // of which RDLENGTH takes the first octets
	}{
		{"A of 5 octets", question.TypeA, 5, "\xc0\x00\x02\x01\x00"},
		{"A of 3 octets", question.TypeA, 3, "\xc0\x00\x02\x01"},
		{"A of none", question.TypeA, 0, ""},
		{"A of 16 octets", question.TypeA, 16, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{"AAAA of 15 octets", question.TypeAAAA, 15, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{"AAAA of 17 octets", question.TypeAAAA, 17, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00"},
		{"AAAA of 4 octets", question.TypeAAAA, 4, "\xc0\x00\x02\x01"},
		{"AAAA of none", question.TypeAAAA, 0, ""},
		{"CNAME whose zero lies behind it", question.TypeCNAME, 6, "\x01a\x03com\x00"},
		{"CNAME that ends within a label", question.TypeCNAME, 4, "\x01a\x03com\x00"},
		{"CNAME that ends behind a length", question.TypeCNAME, 3, "\x01a\x03com\x00"},
		{"CNAME with an octet behind its zero", question.TypeCNAME, 8, "\x01a\x03com\x00\x00"},
		{"CNAME with half a pointer", question.TypeCNAME, 3, "\x01a\xc0\x18"},
		{"CNAME with an octet behind its pointer", question.TypeCNAME, 5, "\x01a\xc0\x18\x00"},
		{"CNAME of none", question.TypeCNAME, 0, ""},
		{"NS that goes on in the record behind it", question.TypeNS, 3, "\x02ns"},
		{"NS of none", question.TypeNS, 0, ""},
		{"PTR of two names", question.TypePTR, 14, "\x01a\x03com\x00\x01b\x03com\x00"},
		{"PTR of none", question.TypePTR, 0, ""},
		{"MX with half a number", question.TypeMX, 1, "\x00\x0a\x03com\x00"},
		{"MX without a name", question.TypeMX, 2, "\x00\x0a"},
		{"MX of none", question.TypeMX, 0, ""},
		{"MX whose zero lies behind it", question.TypeMX, 6, "\x00\x0a\x03com\x00"},
		{"MX with an octet behind its name", question.TypeMX, 8, "\x00\x0a\x03com\x00\x00"},
		{"TXT without a string", question.TypeTXT, 0, ""},
		{"TXT of a string that ends behind it", question.TypeTXT, 3, "\x03abc"},
		{"TXT of a length and nothing else", question.TypeTXT, 1, "\x01a"},
		{"TXT whose second string ends behind it", question.TypeTXT, 4, "\x01a\x02bc"},
		{"TXT of a string far longer than it", question.TypeTXT, 2, "\xffa"},
		{"SOA with one octet missing", question.TypeSOA, 29, "\x02ns\xc0\x18\x04root\xc0\x18" + soaNumbers},
		{"SOA with one octet too many", question.TypeSOA, 33, "\x02ns\xc0\x18\x04root\xc0\x18" + soaNumbers + "\x00"},
		{"SOA without its numbers", question.TypeSOA, 12, "\x02ns\xc0\x18\x04root\xc0\x18"},
		{"SOA with one name", question.TypeSOA, 5, "\x02ns\xc0\x18"},
		{"SOA whose second name ends behind it", question.TypeSOA, 10, "\x02ns\xc0\x18\x04root\xc0\x18" + soaNumbers},
		{"SOA of none", question.TypeSOA, 0, ""},
		{"SRV with half a port", question.TypeSRV, 5, "\x00\x01\x00\x02\x13\xc4\x00"},
		{"SRV without a name", question.TypeSRV, 6, "\x00\x01\x00\x02\x13\xc4"},
		{"SRV with an octet behind its name", question.TypeSRV, 12, "\x00\x01\x00\x02\x13\xc4\x03com\x00\x00"},
		{"SRV of none", question.TypeSRV, 0, ""},
		{"OPT with half a code", question.TypeOPT, 1, "\x00\x0a\x00\x00"},
		{"OPT with a code and no length", question.TypeOPT, 2, "\x00\x0a\x00\x00"},
		{"OPT with half a length", question.TypeOPT, 3, "\x00\x0a\x00\x00"},
		{"OPT of an option that ends behind it", question.TypeOPT, 7, "\x00\x0a\x00\x0812345678"},
		{"OPT of an option as long as can be", question.TypeOPT, 8, "\x00\x0a\xff\xff1234"},
		{"OPT with an octet behind its options", question.TypeOPT, 7, "\x00\x0a\x00\x0212\x00"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 10)
			whole := owner + fixed(tt.rrtype, 1, 300, tt.length) + tt.data
			// What is missing could be read there, or what is too much.
			mustFail(r, message(whole, rr(question.TypeA, "\xc0\x00\x02\x01")), first, record.ErrData)
			// Here nothing follows. Then a name ends behind the message, too, and its
			// reader may be the one who says so.
			alone := message(whole[:len(owner)+10+tt.length])
			if _, _, err := parse(r, alone, first, name.Parse); !errors.Is(err, name.ErrShort) {
				mustFail(r, alone, first, record.ErrData)
			}
		})
	}
	t.Run("A of none, and of a class that is only asked for", func(t *testing.T) {
		r := rule.New(t, 10)
		for _, class := range []question.Class{question.ClassANY, question.ClassNONE} {
			mustFail(r, message(owner+fixed(question.TypeA, class, 0, 0)), first, record.ErrData)
		}
	})
}

// Names are read by get, and by nobody else (RFC 3597, section 4).
func TestGet(t *testing.T) {
	t.Run("its names, and where it ends them", func(t *testing.T) {
		r := rule.New(t, 11)
		for _, tt := range []struct {
			data record.Data
			wire string
		}{
			{record.CNAME{Target: "n2."}, "\x02"},
			{record.NS{Host: "n3."}, "\x03"},
			{record.PTR{Target: "n4."}, "\x04"},
			{record.MX{Preference: 10, Host: "n5."}, "\x00\x0a\x05"},
			{record.SRV{Priority: 1, Weight: 2, Port: 3, Target: "n6."}, "\x00\x01\x00\x02\x00\x03\x06"},
			{record.SOA{Primary: "n7.", Mailbox: "n8.", Serial: 0x81020304, Refresh: 0x05060708, Retry: 0x090a0b0c,
				Expire: 0x0d0e0f10, Minimum: 0x11121314}, "\x07\x08" + soaNumbers},
		} {
			msg := []byte("\xff\xff\x01" + fixed(tt.data.Type(), 1, 300, len(tt.wire)) + tt.wire)
			var fault string
			got, next, err := parse(r, msg, 2, octetNames(msg, &fault))
			shown := "msg is a record of type " + kind(tt.data) + ". Here get reads names of another kind: the\noctet at off is all of it, 7 is \"n7.\", and next is off + 1.\n\n" +
				wire.Bytes(msg).Dump(wire.Mark{Off: 2, Note: "Parse begins here"})
			if fault != "" {
				r.Fatalf("in Parse(msg, 0x2, get), %s\n\n%s", fault, shown)
			}
			if err != nil || next != len(msg) {
				r.Fatalf("%s\n\n%s", results("Parse(msg, 0x2, get)", got, next, err, len(msg)), shown)
			}
			if diff := differences(got, record.Record{Name: "n1.", Class: 1, TTL: 300, Data: tt.data}); diff != "" {
				r.Fatalf("Parse(msg, 0x2, get) returned a record with\n%s\n\n%s", diff, shown)
			}
		}
	})
	t.Run("its error, at the owner", func(t *testing.T) {
		r := rule.New(t, 11)
		msg := message(rr(question.TypeA, "\xc0\x00\x02\x01"))
		for n := first; n < first+len(owner); n++ {
			mustFail(r, msg[:n:n], first, name.ErrShort)
		}
		for past := range 3 { // what a count that lies leads to
			mustFail(r, msg, len(msg)+past, name.ErrShort)
		}
		mustFail(r, message("\xc0\x0c"+fixed(question.TypeA, 1, 300, 4)+"\xc0\x00\x02\x01"), first, name.ErrPointer)
		mustFail(r, message("\x40"+fixed(question.TypeA, 1, 300, 4)+"\xc0\x00\x02\x01"), first, name.ErrLabelType)
	})
	t.Run("its error, in the data", func(t *testing.T) {
		r := rule.New(t, 11)
		for _, tt := range []struct {
			rrtype question.Type
			data   string
			want   error
		}{
			{question.TypeCNAME, "\xc0\x27", name.ErrPointer}, // to itself
			{question.TypeNS, "\x02ns\xff\xff", name.ErrPointer},
			{question.TypePTR, "\x80", name.ErrLabelType},
			{question.TypeMX, "\x00\x0a\xc0\x29", name.ErrPointer},
			{question.TypeSRV, "\x00\x01\x00\x02\x13\xc4\xc0\x2d", name.ErrPointer},
			{question.TypeSOA, "\xc0\x27\x00" + soaNumbers, name.ErrPointer},
			{question.TypeSOA, "\x00\xc0\x28" + soaNumbers, name.ErrPointer},
		} {
			mustFail(r, message(rr(tt.rrtype, tt.data)), first, tt.want)
		}
	})
}

// octetNames returns a reader of names that are one octet each: 7 is "n7.". What
// is wrong with how it is called ends up in fault.
func octetNames(msg []byte, fault *string) record.ParseName {
	return func(m []byte, off int) (string, int, error) {
		switch {
		case len(m) > len(msg) || !bytes.Equal(m, msg[:len(m)]):
			*fault = fmt.Sprintf("get was called with % x,\nwhich is not how msg begins: pointers count from there, so get must see it", m)
		case off < 0 || off >= len(m):
			*fault = fmt.Sprintf("get was called with offset %#x, of %d octets", off, len(m))
		default:
			return fmt.Sprintf("n%d.", m[off]), off + 1, nil
		}
		return "", off, errors.New(*fault)
	}
}

// Which names are written by put, and which are not (RFC 3597, section 4).
func TestPut(t *testing.T) {
	for _, tt := range []struct {
		data record.Data
		wire string   // with pointers to what stands before
		put  []string // the names that put is given behind the owner
		at   []int    // and where
	}{
		{record.CNAME{Target: "www.example.com."}, "\xc0\x0c", []string{"www.example.com."}, []int{0x27}},
		{record.NS{Host: "www.example.com."}, "\xc0\x0c", []string{"www.example.com."}, []int{0x27}},
		{record.PTR{Target: "www.example.com."}, "\xc0\x0c", []string{"www.example.com."}, []int{0x27}},
		{record.MX{Preference: 10, Host: "www.example.com."}, "\x00\x0a\xc0\x0c", []string{"www.example.com."}, []int{0x29}},
		{record.SOA{Primary: "ns.com.", Mailbox: "ns.com.", Serial: 0x81020304, Refresh: 0x05060708, Retry: 0x090a0b0c,
			Expire: 0x0d0e0f10, Minimum: 0x11121314}, "\x02ns\x03com\x00\xc0\x27" + soaNumbers, []string{"ns.com.", "ns.com."}, []int{0x27, 0x2f}},
		{record.SRV{Priority: 1, Weight: 2, Port: 5060, Target: "www.example.com."}, "\x00\x01\x00\x02\x13\xc4" + owner, nil, nil},
		{a("192.0.2.1"), "\xc0\x00\x02\x01", nil, nil},
		{record.TXT{Strings: []string{"www.example.com."}}, "\x10www.example.com.", nil, nil},
		{record.Unknown{Of: 39, Data: []byte(owner)}, owner, nil, nil},
	} {
		t.Run(kind(tt.data), func(t *testing.T) {
			r := rule.New(t, 12)
			p := packer{seen: map[string]int{}, want: append([]string{"www.example.com."}, tt.put...), at: append([]int{first}, tt.at...)}
			want := message(rr(tt.data.Type(), tt.wire))
			got, err := appendTo(r, want[:first:first], www(tt.data), p.put)
			call := "Append(b, rr, put), with a put that writes names it knows as pointers,"
			names := "put was given: " + strings.Join(p.calls, ", ")
			calls := strings.Join(p.want, ", ")
			switch {
			case len(p.calls) > len(p.want) && (p.fault != "" || err != nil): // which is the fault: where it was called is not
				r.Fatalf("%s\n%s\nwant           %s\n\n%s", call, names, calls, which(www(tt.data)))
			case p.fault != "":
				r.Fatalf("%s\n%s\n\n%s", call, p.fault, which(www(tt.data)))
			case err != nil:
				r.Fatalf("%s\nerror: %v\nwant no error\n\n%s", call, err, which(www(tt.data)))
			case !bytes.Equal(got, want):
				r.Fatalf("%s\nwrote other octets than wanted\n\n%s\n%s\n\n%s", call, which(www(tt.data)), names, wire.Diff(got, wire.DNS(want)))
			}
			if strings.Join(p.calls, ", ") != calls {
				r.Fatalf("%s\n%s\nwant           %s\n\n%s", call, names, calls, which(www(tt.data)))
			}
		})
	}
}

// packer writes names, and those that it has written before as pointers.
type packer struct {
	seen  map[string]int
	want  []string // what it should be called with
	at    []int    // and where
	calls []string
	fault string // what is wrong with how put was called
}

func (p *packer) put(b []byte, text string) ([]byte, error) {
	n := len(p.calls)
	p.calls = append(p.calls, text)
	switch {
	case n < len(p.want) && text == p.want[n] && len(b) != p.at[n]:
		p.fault = fmt.Sprintf("called put(b, %q) with %d octets in b\nwant %d, all that stands before the name: put takes len(b) for its offset", text, len(b), p.at[n])
		return nil, errPut
	case len(b) < first:
		p.fault = fmt.Sprintf("called put(b, %q) with %d octets in b, which has more", text, len(b))
		return nil, errPut
	}
	if off, ok := p.seen[text]; ok {
		return binary.BigEndian.AppendUint16(b, 0xc000|uint16(off)), nil
	}
	p.seen[text] = len(b)
	return name.Append(b, text)
}

// What needs more than sixteen bits to count (RFC 1035, section 4.1.3).
func TestLong(t *testing.T) {
	x255 := strings.Repeat("x", 255)
	full := strings.Split(strings.TrimSuffix(strings.Repeat(x255+",", 255), ","), ",") // 65,280 octets
	for _, tt := range []struct {
		why  string
		data record.Data
	}{
		{"TXT", record.TXT{Strings: append(full[:255:255], x255[:254])}},
		{"OPT", record.OPT{Options: []record.Option{{Code: 65001, Data: make([]byte, 65531)}}}},
		{"TYPE65280", record.Unknown{Of: 65280, Data: make([]byte, 65535)}},
	} {
		t.Run("65535 octets of "+tt.why, func(t *testing.T) {
			r := rule.New(t, 13)
			rr := www(tt.data)
			b, err := appendTo(r, message()[:first], rr, name.Append)
			if err != nil {
				r.Fatalf("Append(b, rr, name.Append)\nerror: %v\nwant no error: the data has 65535 octets\n\n%s", err, which(rr))
			}
			if n := len(b) - first - len(owner) - 10; n != 65535 {
				r.Fatalf("Append(b, rr, name.Append) wrote %d octets of data, want 65535\n\n%s", n, which(rr))
			}
			mustParse(r, b, first, rr, len(b))
		})
	}
	for _, tt := range []struct {
		why  string
		data record.Data
	}{
		{"65536 octets of TXT", record.TXT{Strings: append(full[:255:255], x255)}},
		{"65536 octets of TXT, all strings empty", record.TXT{Strings: make([]string, 65536)}},
		{"65536 octets of OPT", record.OPT{Options: []record.Option{{Code: 65001, Data: make([]byte, 65532)}}}},
		{"an option of 65536 octets", record.OPT{Options: []record.Option{{Code: 65001, Data: make([]byte, 65536)}}}},
		{"65536 octets of OPT, in two options", record.OPT{Options: []record.Option{{Code: 65001, Data: make([]byte, 32764)}, {Code: 65002, Data: make([]byte, 32764)}}}},
		{"65536 octets of TYPE65280", record.Unknown{Of: 65280, Data: make([]byte, 65536)}},
		{"65540 octets of TYPE65280", record.Unknown{Of: 65280, Data: make([]byte, 65540)}},
	} {
		t.Run(tt.why, func(t *testing.T) { mustRefuse(rule.New(t, 13), www(tt.data), record.ErrRange) })
	}
}

// What stands in b stays, whatever happens (encoding/binary, AppendUint16).
func TestAppend(t *testing.T) {
	t.Run("room behind b holds anything", func(t *testing.T) {
		r := rule.New(t, 14)
		for _, tt := range examples {
			want := message(rr(tt.data.Type(), tt.wire))
			dirty := append(bytes.Clone(want[:first]), bytes.Repeat([]byte{0xff}, 200)...)
			mustAppendInto(r, dirty[:first], www(tt.data), want)
		}
	})
	t.Run("no data", func(t *testing.T) {
		r := rule.New(t, 14)
		mustRefuse(r, record.Record{Name: "com.", Class: 1, TTL: 300}, record.ErrRange)
		mustRefuse(r, record.Record{}, record.ErrRange)
	})
	t.Run("an error of put", func(t *testing.T) {
		r := rule.New(t, 14)
		for _, tt := range examples {
			for n := 1; ; n++ { // the call that fails
				calls := 0
				put := func(b []byte, text string) ([]byte, error) {
					if calls++; calls == n {
						return nil, errPut
					}
					return name.Append(b, text)
				}
				_, err := appendTo(r, nil, www(tt.data), put)
				if calls < n {
					break
				}
				call := fmt.Sprintf("Append(b, rr, put), with a put that fails at call %d", n)
				if !errors.Is(err, errPut) || own(err) {
					r.Fatalf("%s\nerror: %v\nwant   %v, which is put's\n\n%s", call, err, errPut, which(www(tt.data)))
				}
				calls = 0
				mustStay(r, call, www(tt.data), put)
			}
		}
	})
	t.Run("an error of name.Append", func(t *testing.T) {
		r := rule.New(t, 14)
		for _, tt := range []struct {
			rr   record.Record
			want error
		}{
			{record.Record{Data: a("192.0.2.1")}, name.ErrEmptyLabel},
			{www(record.MX{Host: "a..b."}), name.ErrEmptyLabel},
			{www(record.SRV{Target: "a..b."}), name.ErrEmptyLabel},
			{www(record.SRV{Target: strings.Repeat("x", 64) + "."}), name.ErrLabelLen},
		} {
			mustRefuse(r, tt.rr, tt.want)
			mustStay(r, "Append(b, rr, name.Append)", tt.rr, name.Append)
		}
	})
	t.Run("ErrRange", func(t *testing.T) {
		r := rule.New(t, 14)
		for _, rr := range []record.Record{
			www(nil), www(record.A{}), www(aaaa("10.0.0.1")), www(record.TXT{}),
			www(record.TXT{Strings: []string{"a", strings.Repeat("x", 256)}}), www(record.Unknown{Of: 65280, Data: make([]byte, 65536)}),
			{Name: "com.", Class: 1, TTL: 1 << 31, Data: a("10.0.0.1")},
		} {
			mustStay(r, "Append(b, rr, name.Append)", rr, name.Append)
		}
	})
}

var errPut = errors.New("put: no more names today")

// What Parse returns belongs to its caller, what it was given to others.
func TestOwn(t *testing.T) {
	for _, tt := range examples {
		t.Run(kind(tt.data), func(t *testing.T) {
			r := rule.New(t, 15)
			// A TTL that is read as 0 stays in msg as it is.
			before := message(owner + fixed(tt.data.Type(), 1, 1<<31, len(tt.wire)) + tt.wire)
			msg := bytes.Clone(before)
			var got record.Record
			var err error
			r.Do(func() string { return called(before, first, nil) }, func() { got, _, err = record.Parse(msg, first, name.Parse) })
			if err != nil {
				r.Fatalf("%s\n\n%s", results(parsing(first), got, 0, err, 0), dump(before, first, "Parse begins here"))
			}
			if !bytes.Equal(msg, before) {
				r.Fatalf("%s changed msg, which belongs to others\n\n%s", parsing(first), wire.Diff(msg, wire.DNS(before)))
			}
			// Whether the record is right is the affair of other tests: here it must stay.
			want, _, err := parse(r, before, first, name.Parse)
			if err != nil {
				r.Fatalf("%s\n\n%s", results(parsing(first)+", once more", want, 0, err, 0), dump(before, first, "Parse begins here"))
			}
			for i := range msg {
				msg[i] = 0xff // the next message that arrives in the same buffer
			}
			if diff := differences(got, want); diff != "" {
				r.Fatalf("Parse returned what is still part of msg: when the next message came,\nevery octet of it 0xff, the record changed; want it as it was\n%s", diff)
			}
		})
	}
}

// What real servers sent, read and written again; miekg/dns does the same.
func TestCaptured(t *testing.T) {
	r := rule.New(t, 16)
	files, err := filepath.Glob("../../../testdata/dns/captured/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for _, file := range files {
		msg := wire.Load(t, "dns/captured/"+filepath.Base(file)).Msg
		var m dns.Msg
		if len(wire.DNS(msg).Faults) > 0 || m.Unpack(msg) != nil {
			continue // captured because it is malformed
		}
		off := first
		for range m.Question {
			_, next, err := dns.UnpackDomainName(msg, off)
			if err != nil {
				t.Fatal(err)
			}
			off = next + 4 // type, class
		}
		for range len(m.Answer) + len(m.Ns) + len(m.Extra) {
			off = mustAgree(r, filepath.Base(file), msg, off)
		}
	}
}

// mustAgree reads the record at off and writes it without pointers, as miekg/dns
// does, and returns the offset behind it.
func mustAgree(r *rule.R, file string, msg []byte, off int) int {
	r.T().Helper()
	want, wantNext, err := repacked(msg, off)
	if err != nil {
		r.T().Fatalf("%s, offset %#x: %v", file, off, err)
	}
	shown := func() string {
		return "testdata/dns/captured/" + file + "\n" + dump(msg, off, "Parse begins here")
	}
	got, next, err := parse(r, msg, off, name.Parse)
	if err != nil || next != wantNext {
		r.Fatalf("%s\n\n%s", results(parsing(off), got, next, err, wantNext), shown())
	}
	b, err := appendTo(r, nil, got, name.Append)
	if err != nil {
		r.Fatalf("Append refuses what %s read\nerror: %v\n\n%s\n\n%s", parsing(off), err, read(got), shown())
	}
	if !bytes.Equal(b, want) {
		r.Fatalf("Append makes other octets of what %s read\nthan another library (miekg/dns) makes of what it reads there\n\n%s\n\n%s\n%s",
			parsing(off), read(got), wire.Diff(message(string(b)), wire.DNS(message(string(want)))), shown())
	}
	return next
}

// repacked is what miekg/dns makes of the record at off when it writes it again,
// without pointers.
func repacked(msg []byte, off int) (b []byte, next int, err error) {
	other, next, err := dns.UnpackRR(msg, off)
	if err != nil {
		return nil, 0, err
	}
	if h := other.Header(); h.Rrtype != dns.TypeOPT && h.Ttl > 1<<31-1 {
		h.Ttl = 0
	}
	b = make([]byte, 2*len(msg)+1000) // pointers may have stood for two names
	n, err := dns.PackRR(other, b, 0, nil, false)
	return b[:n], next, err
}

// Any record, to the wire and back; miekg/dns reads the same in it.
func TestRoundTrip(t *testing.T) {
	r := rule.New(t, 16)
	r.Property(func(t *rapid.T, r *rule.R) {
		data := anyData.Draw(t, "data")
		rr := record.Record{Name: anyName.Draw(t, "owner"), Class: question.Class(rapid.Uint16().Draw(t, "class")),
			TTL: rapid.Uint32Max(1<<31-1).Draw(t, "TTL"), Data: data}
		b, err := appendTo(r, message()[:first], rr, name.Append)
		if err != nil {
			r.Fatalf("Append(b, rr, name.Append)\nerror: %v\nwant no error\n\n%s", err, which(rr))
		}
		other, next, err := repacked(b, first)
		if err != nil || next != len(b) || !bytes.Equal(other, b[first:]) {
			r.Fatalf("Append(b, rr, name.Append) made octets in which another reader (miekg/dns)\nsees something else (error: %v)\n\n%s\n\n%s", err, which(rr), dump(b, first, "Append began here"))
		}
		mustParse(r, b, first, rr, len(b))
	})
}

var (
	anyName = rapid.Custom(func(t *rapid.T) string {
		if labels := rapid.SliceOfN(rapid.StringMatching(`[a-zA-Z0-9-]{1,12}`), 0, 4).Draw(t, "labels"); len(labels) > 0 {
			return strings.Join(labels, ".") + "."
		}
		return "."
	})
	anyOctets = rapid.SliceOfN(rapid.Byte(), 0, 40)
	anyOption = rapid.Custom(func(t *rapid.T) record.Option { // codes for private use: others have octets that miekg/dns wants to see
		return record.Option{Code: rapid.Uint16Range(65001, 65534).Draw(t, "code"), Data: anyOctets.Draw(t, "data")}
	})
	anyString = rapid.Custom(func(t *rapid.T) string {
		return string(rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "string"))
	})
	anyData = rapid.Custom(func(t *rapid.T) record.Data {
		n16, n32, host := rapid.Uint16(), rapid.Uint32(), anyName
		switch rapid.IntRange(0, 10).Draw(t, "type") {
		case 0:
			return record.A{Addr: netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")))}
		case 1:
			return record.AAAA{Addr: netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")))}
		case 2:
			return record.CNAME{Target: host.Draw(t, "target")}
		case 3:
			return record.NS{Host: host.Draw(t, "host")}
		case 4:
			return record.PTR{Target: host.Draw(t, "target")}
		case 5:
			return record.MX{Preference: n16.Draw(t, "preference"), Host: host.Draw(t, "host")}
		case 6:
			return record.TXT{Strings: rapid.SliceOfN(anyString, 1, 5).Draw(t, "strings")}
		case 7:
			return record.SOA{Primary: host.Draw(t, "primary"), Mailbox: host.Draw(t, "mailbox"), Serial: n32.Draw(t, "serial"),
				Refresh: n32.Draw(t, "refresh"), Retry: n32.Draw(t, "retry"), Expire: n32.Draw(t, "expire"), Minimum: n32.Draw(t, "minimum")}
		case 8:
			return record.SRV{Priority: n16.Draw(t, "priority"), Weight: n16.Draw(t, "weight"), Port: n16.Draw(t, "port"), Target: host.Draw(t, "target")}
		case 9:
			return record.OPT{Options: rapid.SliceOfN(anyOption, 0, 4).Draw(t, "options")}
		default:
			return record.Unknown{Of: question.Type(rapid.Uint16Range(65280, 65534).Draw(t, "type")), Data: anyOctets.Draw(t, "data")}
		}
	})
)

// Any octets at all, beside miekg/dns.
func FuzzParse(f *testing.F) {
	for _, tt := range examples { // each type, then with an RDLENGTH that lies
		f.Add([]byte(rr(tt.data.Type(), tt.wire)), uint16(0))
		f.Add([]byte(owner+fixed(tt.data.Type(), 1, 300, len(tt.wire)-1)+tt.wire), uint16(0))
		f.Add([]byte(owner+fixed(tt.data.Type(), 1, 300, len(tt.wire)+1)+tt.wire+"\x00"), uint16(0))
	}
	f.Add([]byte(rr(question.TypeSOA, "\xc0\x0c\xc0\x27"+soaNumbers)), uint16(0))                      // pointers
	f.Add([]byte("\x00"+fixed(question.TypeOPT, 1232, 0x80008000, 0)), uint16(0))                      // an OPT of high bits
	f.Add([]byte(rr(question.TypeA, "\xc0\x00\x02\x01")+"\xc0\x0c"+fixed(1, 1, 1<<31, 0)), uint16(31)) // a TTL of none, no address
	f.Add([]byte(rr(question.TypeAXFR, "")), uint16(0))                                                // a type that is only asked for
	f.Add([]byte{}, uint16(9))                                                                         // nothing
	f.Fuzz(func(t *testing.T, records []byte, at uint16) {
		r, msg, off := rule.New(t, 17), message(string(records)), first+int(at)
		shown := func() string { return dump(msg, off, "Parse begins here") }
		got, next, err := parse(r, msg, off, name.Parse)
		other, _, refused := repacked(msg, off)
		switch {
		case err != nil && !allowed(err):
			r.Fatalf("%s\nerror: %v\nnot one of the errors that Parse may return\n\n%s", parsing(off), err, shown())
		case errors.Is(err, record.ErrShort) && refused == nil && off < len(msg):
			r.Fatalf("%s\nerror: %v\nanother reader (miekg/dns) finds a record there\n\n%s", parsing(off), err, shown())
		case err != nil: // of others, miekg/dns lets pass pointers that lead forward and data that is cut between two fields
			return
		case next <= off || next > len(msg):
			r.Fatalf("%s returned next %#x, with msg of %d octets\n\n%s", parsing(off), next, len(msg), shown())
		}
		r = rule.New(t, 16)
		b, err := appendTo(r, message()[:first], got, name.Append)
		if err != nil {
			r.Fatalf("Append refuses what %s read\nerror: %v\n\n%s\n\n%s", parsing(off), err, read(got), shown())
		}
		mustParse(r, b, first, got, len(b))
		if writesAlike(got.Data) && refused == nil && !bytes.Equal(b[first:], other) {
			r.Fatalf("%s: another reader (miekg/dns) finds another record there\n\n%s\n\n%s\n%s", parsing(off), read(got),
				wire.Diff(b, wire.DNS(message(string(other)))), shown())
		}
	})
}

// writesAlike says whether miekg/dns writes what it reads: it takes apart data of
// types that are unknown here, and options.
func writesAlike(d record.Data) bool {
	switch d.(type) {
	case record.Unknown, record.OPT:
		return false
	}
	return true
}

// allowed says whether Parse may return err.
func allowed(err error) bool {
	n := 0
	for _, s := range sentinels {
		if s.err != record.ErrRange && errors.Is(err, s.err) {
			n++
		}
	}
	for _, e := range []error{name.ErrShort, name.ErrLabelType, name.ErrPointer, name.ErrNameLen} {
		if errors.Is(err, e) {
			n++
		}
	}
	return n > 0 && !errors.Is(err, record.ErrRange)
}

// first is where the first record of message begins: behind the header.
const first = 12

// message returns a response with those records in its answer section.
func message(records ...string) []byte {
	head := "\x2a\x17\x84\x00\x00\x00" + string([]byte{0, byte(len(records))}) + "\x00\x00\x00\x00"
	return []byte(head + strings.Join(records, ""))
}

// owner is www.example.com. on the wire. As the first owner of a message it has
// its labels at 0x0c, 0x10 and 0x18; its record's data begins at 0x27.
const owner = "\x03www\x07example\x03com\x00"

// rr returns a record of owner, in class IN, with a TTL of 300 s.
func rr(rrtype question.Type, data string) string {
	return owner + fixed(rrtype, question.ClassIN, 300, len(data)) + data
}

// www returns the same record, before it is written.
func www(data record.Data) record.Record {
	return record.Record{Name: "www.example.com.", Class: question.ClassIN, TTL: 300, Data: data}
}

// fixed returns the ten octets between owner and data.
func fixed(rrtype question.Type, class question.Class, ttl uint32, length int) string {
	b := binary.BigEndian.AppendUint16(nil, uint16(rrtype))
	b = binary.BigEndian.AppendUint16(b, uint16(class))
	b = binary.BigEndian.AppendUint32(b, ttl)
	return string(binary.BigEndian.AppendUint16(b, uint16(length)))
}

func option(code uint16, data string) record.Option {
	return record.Option{Code: code, Data: []byte(data)}
}

func a(addr string) record.A       { return record.A{Addr: netip.MustParseAddr(addr)} }
func aaaa(addr string) record.AAAA { return record.AAAA{Addr: netip.MustParseAddr(addr)} }

func parse(r *rule.R, msg []byte, off int, get record.ParseName) (rr record.Record, next int, err error) {
	r.T().Helper()
	return parseFor(r, msg, off, get, nil)
}

// parseFor is parse where that error is wanted, if any: a call that panics shall
// say so.
func parseFor(r *rule.R, msg []byte, off int, get record.ParseName, want error) (rr record.Record, next int, err error) {
	r.T().Helper()
	clone := slices.Clip(bytes.Clone(msg)) // what Parse may do to it is TestOwn's affair
	r.Do(func() string { return called(msg, off, want) }, func() { rr, next, err = record.Parse(clone, off, get) })
	return rr, next, err
}

func called(msg []byte, off int, want error) string {
	return parsing(off) + wanted(want) + "\n\n" + dump(msg, off, "Parse begins here")
}

// wanted is a line that says what error is wanted, if any.
func wanted(err error) string {
	if err == nil {
		return ""
	}
	return "\nwant an error: " + sentinel(err)
}

func parsing(off int) string { return fmt.Sprintf("Parse(msg, %#x, name.Parse)", off) }

func appendTo(r *rule.R, b []byte, rr record.Record, put record.AppendName) (out []byte, err error) {
	r.T().Helper()
	return appendFor(r, b, rr, put, nil)
}

// appendFor is appendTo where that error is wanted, if any.
func appendFor(r *rule.R, b []byte, rr record.Record, put record.AppendName, want error) (out []byte, err error) {
	r.T().Helper()
	r.Do(func() string {
		return fmt.Sprintf("Append(b, rr, put), with %d octets in b%s\n\n%s", len(b), wanted(want), which(rr))
	},
		func() { out, err = record.Append(b, rr, put) })
	return out, err
}

// mustBoth wants data written as those octets and read from them.
func mustBoth(r *rule.R, data record.Data, encoded string) {
	r.T().Helper()
	mustRead(r, data.Type(), encoded, data)
	msg := message(rr(data.Type(), encoded))
	mustAppend(r, msg[:first], www(data), msg)
}

// mustRead wants data read from those octets.
func mustRead(r *rule.R, rrtype question.Type, encoded string, data record.Data) {
	r.T().Helper()
	msg := message(rr(rrtype, encoded))
	mustParse(r, msg, first, www(data), len(msg))
}

func mustParse(r *rule.R, msg []byte, off int, want record.Record, wantNext int) {
	r.T().Helper()
	got, next, err := parse(r, msg, off, name.Parse)
	shown := func() string { return dump(msg, off, "Parse begins here") }
	if err != nil || next != wantNext {
		r.Fatalf("%s\n\n%s", results(parsing(off), got, next, err, wantNext), shown())
	}
	if diff := differences(got, want); diff != "" {
		r.Fatalf("%s returned a record with\n%s\n\n%s", parsing(off), diff, shown())
	}
}

// results shows what Parse returned where no error was wanted, and that next.
func results(call string, got record.Record, next int, err error, wantNext int) string {
	if err != nil {
		return fmt.Sprintf("%s\nerror: %v\nwant no error", call, err)
	}
	return fmt.Sprintf("%s returned next %#x\nwant next %#x, the octet behind the data\n\n%s", call, next, wantNext, read(got))
}

func mustFail(r *rule.R, msg []byte, off int, want error) {
	r.T().Helper()
	got, _, err := parseFor(r, msg, off, name.Parse, want)
	switch {
	case err == nil:
		r.Fatalf("%s returned a record\nwant an error: %s\n\n%s\n\n%s", parsing(off), sentinel(want), read(got), dump(msg, off, "Parse begins here"))
	case !is(err, want):
		r.Fatalf("%s\nerror: %v\nwant   %s\n\n%s", parsing(off), err, otherError(err, want), dump(msg, off, "Parse begins here"))
	}
}

func mustAppend(r *rule.R, b []byte, rr record.Record, want []byte) {
	r.T().Helper()
	mustAppendInto(r, bytes.Clone(b), rr, want) // b may be a part of want
}

// mustAppendInto is mustAppend with the room that there is behind b.
func mustAppendInto(r *rule.R, b []byte, rr record.Record, want []byte) {
	r.T().Helper()
	got, err := appendTo(r, b, rr, name.Append)
	if err != nil {
		r.Fatalf("Append(b, rr, name.Append)\nerror: %v\nwant no error\n\n%s", err, which(rr))
	}
	if !bytes.Equal(got, want) {
		r.Fatalf("Append(b, rr, name.Append), with %d octets in b, returned others than wanted\n\n%s\n\n%s", len(b), which(rr), wire.Diff(got, wire.DNS(want)))
	}
}

// mustRefuse wants that error of Append.
func mustRefuse(r *rule.R, rr record.Record, want error) {
	r.T().Helper()
	got, err := appendFor(r, nil, rr, name.Append, want)
	switch {
	case err == nil:
		r.Fatalf("Append(nil, rr, name.Append) = nil error, and %d octets\nwant an error: %s\n\n%s%s", len(got), sentinel(want), which(rr), brief(got))
	case !is(err, want):
		r.Fatalf("Append(nil, rr, name.Append)\nerror: %v\nwant   %s\n\n%s", err, otherError(err, want), which(rr))
	}
}

// mustStay wants b as it was back from an Append that fails.
func mustStay(r *rule.R, call string, rr record.Record, put record.AppendName) {
	r.T().Helper()
	before := message(owner)
	b := append(make([]byte, 0, 200), before...)
	got, err := appendTo(r, b, rr, put)
	if !bytes.Equal(got, before) || !bytes.Equal(b, before) {
		r.Fatalf("%s\nerror: %v\n%s\n\n%s", call, err, wasHere(before, got, b), which(rr))
	}
}

// wasHere says that b should have come back as it was.
func wasHere(before, got, b []byte) string {
	switch {
	case !bytes.Equal(b, before):
		return fmt.Sprintf("want b as it was\n\n%s", wire.Diff(b, wire.DNS(before)))
	case len(got) == 0:
		return fmt.Sprintf("want b as it was, with its %d octets: none came back", len(before))
	}
	return fmt.Sprintf("want b as it was, with its %d octets: what came back has %d", len(before), len(got))
}

// brief shows what Append wrote, when it is not long.
func brief(b []byte) string {
	if len(b) > 200 {
		return ""
	}
	return "\n\nwhat Append wrote, behind a header:\n\n" + dump(message(string(b)), first, "rr begins here")
}

// dump lists the records of msg, with a mark at off; of a long one, only what is
// near. The header before them is the test's own.
func dump(msg []byte, off int, note string) string {
	d := wire.DNS(msg)
	d.Faults = slices.DeleteFunc(d.Faults, func(f wire.Fault) bool { return strings.HasPrefix(f.Why, "the owner of OPT is the root") })
	slices.SortStableFunc(d.Faults, func(a, b wire.Fault) int { return cmp.Compare(a.Off, b.Off) })
	astray := len(d.Faults) > 1 // the others mostly follow from the first
	d.Faults = d.Faults[:min(1, len(d.Faults))]
	all := d.Dump(wire.Mark{Off: off, Note: note})
	if at := strings.Index(all, "\n  answer 2 of "); astray && at > 0 && off == first {
		all = all[:at] + "\n  … behind it the message goes on"
	}
	if at := strings.Index(all, "  answer 1 of "); at > 0 && bytes.HasPrefix(msg, message()[:6]) {
		return all[at:]
	}
	return all
}

// sentinels are the errors of the kata, with their names.
var sentinels = []struct {
	name string
	err  error
}{
	{"ErrShort", record.ErrShort}, {"ErrData", record.ErrData}, {"ErrRange", record.ErrRange},
}

// others are the errors of earlier katas that tests name.
var others = []struct {
	name string
	err  error
}{
	{"name.ErrShort", name.ErrShort}, {"name.ErrPointer", name.ErrPointer}, {"name.ErrLabelType", name.ErrLabelType},
	{"name.ErrNameLen", name.ErrNameLen}, {"name.ErrEmptyLabel", name.ErrEmptyLabel}, {"name.ErrLabelLen", name.ErrLabelLen},
	{"question.ErrShort", question.ErrShort},
}

// sentinel names an error and quotes it.
func sentinel(err error) string {
	for _, s := range append(sentinels[:len(sentinels):len(sentinels)], others...) {
		if s.err == err {
			return fmt.Sprintf("%s (%q)", s.name, err.Error())
		}
	}
	return err.Error()
}

// own says whether err is an error of this kata.
func own(err error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			return true
		}
	}
	return false
}

// is says whether err is want, and none of the other errors of the kata.
func is(err, want error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s.err) && s.err != want {
			return false
		}
	}
	return errors.Is(err, want)
}

// otherError says what was wanted instead of err.
func otherError(err, want error) string {
	text := sentinel(want)
	if errors.Is(err, want) {
		return text + ", and none of the others of this kata"
	}
	for _, o := range others {
		if errors.Is(err, o.err) {
			return text + "\nWhat came back is " + o.name + ", another package's error"
		}
	}
	if strings.Contains(err.Error(), want.Error()) {
		return text + "\nThe words are right, but errors.Is does not find the variable: return it,\nor wrap it with %w"
	}
	return text
}

// differences says in which fields got is not as wanted.
func differences(got, want record.Record) string {
	var lines []string
	add := func(field, g, w string) {
		if g != w {
			g, w = apart(g, w)
			lines = append(lines, fmt.Sprintf("  %-5s %s\n  want  %s", field, g, w))
		}
	}
	add("Name", strconv.Quote(got.Name), strconv.Quote(want.Name))
	add("Class", fmt.Sprint(uint16(got.Class)), fmt.Sprint(uint16(want.Class)))
	add("TTL", ttl(got.TTL), ttl(want.TTL))
	add("Data", says(got.Data), says(want.Data))
	return strings.Join(lines, "\n")
}

// apart leaves out what two long texts have in common before they differ.
func apart(a, b string) (string, string) {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	if n > 40 && max(len(a), len(b)) > 65 {
		a, b = a[:12]+" … "+a[n-20:], b[:12]+" … "+b[n-20:]
	}
	return cut(a), cut(b)
}

// which says what the record is that Append was given, shortened.
func which(rr record.Record) string { return "rr: " + shortened(rr) }

// read says what the record is that Parse returned, shortened.
func read(rr record.Record) string { return "got " + shortened(rr) }

func shortened(rr record.Record) string {
	data := says(rr.Data)
	if n := len(data); n > 100 {
		data = fmt.Sprintf("%s … %s (%s)", data[:36], data[n-16:], size(rr.Data, n))
	}
	return fmt.Sprintf("%q, class %d, TTL %s\n    %s", rr.Name, rr.Class, ttl(rr.TTL), data)
}

// size is how much there is in data whose text has n characters.
func size(d record.Data, n int) string {
	parts, octets := "", 0
	switch d := d.(type) {
	case record.TXT:
		parts = fmt.Sprintf("strings: %d, ", len(d.Strings))
		for _, s := range d.Strings {
			octets += len(s)
		}
	case record.OPT:
		parts = fmt.Sprintf("options: %d, ", len(d.Options))
		for _, o := range d.Options {
			octets += len(o.Data)
		}
	case record.Unknown:
		octets = len(d.Data)
	default:
		return fmt.Sprintf("%d characters", n)
	}
	return fmt.Sprintf("%soctets in all: %d", parts, octets)
}

// ttl is a TTL as a number, or one that is none in hex.
func ttl(n uint32) string {
	if n > 1<<31-1 {
		return fmt.Sprintf("%#x", n)
	}
	return fmt.Sprint(n)
}

// says is all that d says, in one line. A slice of nothing looks like nil: the
// kata leaves open which it is.
func says(d record.Data) string {
	switch d := d.(type) {
	case nil:
		return "no data"
	case record.A:
		return "A{" + address(d.Addr) + "}"
	case record.AAAA:
		return "AAAA{" + address(d.Addr) + "}"
	case record.TXT:
		return fmt.Sprintf("TXT{%q}", d.Strings)
	case record.OPT:
		var all []string
		for _, o := range d.Options {
			all = append(all, fmt.Sprintf("%d: [% x]", o.Code, o.Data))
		}
		return "OPT{" + strings.Join(all, ", ") + "}"
	case record.Unknown:
		return fmt.Sprintf("Unknown{%d, [% x]}", d.Of, d.Data)
	case record.SOA: // its fields by name would fill three lines
		return fmt.Sprintf("SOA{%q, %q, %d, %d, %d, %d, %d}", d.Primary, d.Mailbox, d.Serial, d.Refresh, d.Retry, d.Expire, d.Minimum)
	case record.CNAME, record.NS, record.PTR, record.MX, record.SRV:
		return fmt.Sprintf("%s%+v", kind(d), d)
	default:
		return fmt.Sprintf("%T, which is not one of the types of this package", d)
	}
}

// kind is the name of d's type.
func kind(d record.Data) string { return strings.TrimPrefix(fmt.Sprintf("%T", d), "record.") }

func address(addr netip.Addr) string {
	if !addr.IsValid() {
		return "no address"
	}
	return addr.String()
}

func cut(s string) string {
	if n := len(s); n > 100 {
		return fmt.Sprintf("%s … %s (%d characters)", s[:36], s[n-16:], n)
	}
	return s
}
