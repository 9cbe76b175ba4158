package answer_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/answer"
)

// What the tests know of a message (RFC 1035, sections 3.2 and 4.1; RFC 6891,
// section 6.1).
const (
	headerLen = 12

	qr = 0x8000 // flags of the header
	aa = 0x0400
	rd = 0x0100
	do = 0x8000 // of an OPT record

	noError = 0
	formErr = 1
	notImp  = 4
	refused = 5

	typeA    = 1
	typeAAAA = 28
	typeANY  = 255
	private  = 65280 // a type for private use, of which nothing is known
	classIN  = 1
	classCH  = 3
)

// Two octets of it are the query's, and of the others one bit (RFC 1035, section
// 4.1.1).
func TestHeader(t *testing.T) {
	for _, tt := range []struct {
		why   string
		flags uint16
	}{
		{"no flag", 0},
		{"RD, as most queries have it", rd},
		{"RD and AD, as dig sends them", rd | 0x0020},
		{"AA", aa},
		{"TC", 0x0200},
		{"RA", 0x0080},
		{"Z", 0x0040},
		{"CD", 0x0010},
		{"an rcode", 0x000f},
		{"every flag but RD", 0x06ff},
		{"every flag", 0x07ff},
	} {
		t.Run("of a query with "+tt.why, func(t *testing.T) {
			r := rule.New(t, 1)
			d := draw.From(r)
			q := ask(d, typeA, classIN)
			q.flags = tt.flags
			x := send(r, q.octets(), ipv4(d), ttl(d))
			x.mustRespond(r)
			head := bytes.Clone(x.got[:headerLen])
			binary.BigEndian.PutUint16(head, q.id)
			binary.BigEndian.PutUint16(head[2:], qr|aa|tt.flags&rd)
			if diff := wire.Diff(x.got[:headerLen], wire.DNSHeader(head)); diff != "" {
				r.Fatalf("%s\n\nthe header of the query\n%s\nthat of the response\n%s", x, wire.DNSHeader(x.query[:headerLen]).Dump(), diff)
			}
		})
	}
}

// Octet for octet (RFC 5452, section 9.1: by it, the client knows its answer).
func TestQuestion(t *testing.T) {
	for _, tt := range names {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 2)
			d := draw.From(r)
			q := ask(d, typeA, classIN)
			q.question = question(tt.name(d), typeA, classIN)
			x := send(r, q.octets(), ipv4(d), ttl(d))
			x.mustRespond(r)
			want := bytes.Clone(x.got[:headerLen])
			binary.BigEndian.PutUint16(want[4:], 1)
			want = append(want, q.question...)
			if diff := wire.Diff(x.got[:min(len(want), len(x.got))], wire.DNS(want)); diff != "" {
				r.Fatalf("%s\nThe question comes back as it was asked.\n\n%s\n%s", x, diff, x.asQuery())
			}
		})
	}
}

// names draw names as they stand on the wire.
var names = []struct {
	why  string
	name func(*draw.Data) string
}{
	{"a name", domain},
	{"a name in capitals", func(d *draw.Data) string { return strings.ToUpper(label(d.Word())) + "\x00" }},
	{"the root", text("\x00")},
	{"labels of other octets", func(d *draw.Data) string { return label("."+d.Word()) + label("\x00\xff\\ @") + "\x00" }},
	{"octets that would be a pointer elsewhere", func(d *draw.Data) string { return label("\xc0\x0c"+d.Word()) + "\x00" }},
	{"a label of 63 octets", func(d *draw.Data) string { return label(letters(d, 63)) + "\x00" }},
	{"255 octets, in five labels", func(d *draw.Data) string { return long(d, 255) }},
	{"255 octets, in 127 labels", text(strings.Repeat("\x01\x00", 127) + "\x00")},
}

// One record, and the whole message (RFC 1035, sections 3.2.1 and 3.4.1; RFC
// 3596, section 2.2).
func TestAnswer(t *testing.T) {
	for _, tt := range []struct {
		why   string
		qtype uint16
		addr  func(*draw.Data) netip.Addr
	}{
		{"type A, IPv4", typeA, ipv4},
		{"type AAAA, IPv6", typeAAAA, ipv6},
		{"type A, IPv4 in 16 bytes", typeA, mapped},
		{"type AAAA, IPv6 with a zone", typeAAAA, func(d *draw.Data) netip.Addr { return ipv6(d).WithZone(d.Word()) }},
		{"type ANY, IPv4", typeANY, ipv4},
		{"type ANY, IPv6", typeANY, ipv6},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 3)
			d := draw.From(r)
			q, addr := ask(d, tt.qtype, classIN), tt.addr(d)
			for _, ttl := range []uint32{ttl(d), 0, 1<<31 - 1} {
				send(r, q.octets(), addr, ttl).mustBe(r, q.reply(aa, record(addr, ttl), ""))
			}
		})
	}
	for _, tt := range names {
		t.Run("to "+tt.why, func(t *testing.T) {
			r := rule.New(t, 3)
			d := draw.From(r)
			q, addr, ttl := ask(d, typeA, classIN), ipv4(d), ttl(d)
			q.question = question(tt.name(d), typeA, classIN)
			send(r, q.octets(), addr, ttl).mustBe(r, q.reply(aa, record(addr, ttl), ""))
		})
	}
}

// The name exists, the record does not (RFC 4074, section 3; RFC 2308, section
// 2.2).
func TestNoData(t *testing.T) {
	for _, tt := range []struct {
		why   string
		qtype func(*draw.Data) uint16
		addr  func(*draw.Data) netip.Addr
	}{
		{"type AAAA, IPv4", only(typeAAAA), ipv4},
		{"type A, IPv6", only(typeA), ipv6},
		{"type AAAA, IPv4 in 16 bytes", only(typeAAAA), mapped},
		{"type TXT", only(16), ipv4},
		{"a type whose second octet is that of A", only(0x0101), ipv4},
		{"a type that nobody knows", func(d *draw.Data) uint16 { return uint16(d.Between(300, 60000)) }, ipv4},
		{"type A, no address", only(typeA), none},
		{"type AAAA, no address", only(typeAAAA), none},
		{"type ANY, no address", only(typeANY), none},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 4)
			d := draw.From(r)
			q := ask(d, tt.qtype(d), classIN)
			send(r, q.octets(), tt.addr(d), ttl(d)).mustBe(r, q.reply(aa, "", ""))
		})
	}
}

// You have an address of the Internet, and nothing else (RFC 1035, sections
// 3.2.4, 3.2.5 and 4.1.1).
func TestClass(t *testing.T) {
	for _, tt := range []struct {
		why   string
		class func(*draw.Data) uint16
	}{
		{"CH", only(classCH)},
		{"ANY", only(255)},
		{"NONE", only(254)},
		{"0", only(0)},
		{"one whose second octet is that of IN", only(0x0101)},
		{"one that nobody knows", func(d *draw.Data) uint16 { return uint16(d.Between(300, 60000)) }},
	} {
		t.Run("class "+tt.why, func(t *testing.T) {
			r := rule.New(t, 5)
			d := draw.From(r)
			for _, qtype := range []uint16{typeA, 16, typeANY} {
				q := ask(d, qtype, tt.class(d))
				send(r, q.octets(), ipv4(d), ttl(d)).mustBe(r, q.reply(refused, "", ""))
			}
		})
	}
}

// To answer a response is to begin a loop (RFC 1035, section 4.1.1).
func TestSilence(t *testing.T) {
	t.Run("to a response", func(t *testing.T) {
		r := rule.New(t, 6)
		d := draw.From(r)
		q := ask(d, typeA, classIN)
		for opcode := range uint16(16) {
			q.flags = qr | opcode<<11
			send(r, q.octets(), ipv4(d), ttl(d)).mustBeSilent(r)
			q.flags |= rd | 0x02ff
			send(r, q.octets(), ipv4(d), ttl(d)).mustBeSilent(r)
		}
	})
	t.Run("to your own response", func(t *testing.T) {
		r := rule.New(t, 6)
		d := draw.From(r)
		x := send(r, ask(d, typeA, classIN).octets(), ipv4(d), ttl(d))
		x.mustRespond(r)
		send(r, x.got, ipv4(d), ttl(d)).mustBeSilent(r)
	})
	t.Run("to less than a header", func(t *testing.T) {
		r := rule.New(t, 6)
		d := draw.From(r)
		for n := range headerLen {
			send(r, ask(d, typeA, classIN).octets()[:n:n], ipv4(d), ttl(d)).mustBeSilent(r)
		}
	})
}

// badQuestions are counts and octets that are no question. The octets begin at
// 0x0c.
var badQuestions = []struct {
	why    string
	count  uint16
	behind func(*draw.Data) string
}{
	{"no question, and nothing behind the header", 0, text("")},
	{"no question announced, and one there", 0, one},
	{"two questions", 2, func(d *draw.Data) string { return one(d) + one(d) }},
	{"two questions announced, and one there", 2, one},
	{"256 questions announced, and one there", 256, one},
	{"257 questions announced, and one there", 257, one},
	{"65535 questions announced, and one there", 65535, one},
	{"a question announced, and none there", 1, text("")},
	{"a name that is a pointer to itself", 1, text("\xc0\x0c\x00\x01\x00\x01")},
	{"a name that goes on at its own beginning", 1, func(d *draw.Data) string { return label(d.Word()) + "\xc0\x0c\x00\x01\x00\x01" }},
	{"a name that goes on at its second label", 1, func(d *draw.Data) string {
		first := label(d.Word())
		return first + label(d.Word()) + "\xc0" + string([]byte{headerLen + byte(len(first))}) + "\x00\x01\x00\x01"
	}},
	{"a name that goes on in the middle of its label, where a zero is", 1, text("\x03a\x00b\xc0\x0e\x00\x01\x00\x01")},
	{"a pointer forward", 1, func(d *draw.Data) string { return "\xc0\x12\x00\x01\x00\x01" + domain(d) }},
	{"a pointer past the end", 1, text("\xff\xff\x00\x01\x00\x01")},
	{"a pointer into the header, where a zero is", 1, text("\xc0\x06\x00\x01\x00\x01")},
	{"a pointer to the last octet of the header, a zero", 1, text("\xc0\x0b\x00\x01\x00\x01")},
	{"a label, and a pointer into the header", 1, func(d *draw.Data) string { return label(d.Word()) + "\xc0\x04\x00\x01\x00\x01" }},
	{"a name of 256 octets", 1, func(d *draw.Data) string { return long(d, 256) + "\x00\x01\x00\x01" }},
	{"a name of 511 octets", 1, func(d *draw.Data) string { return strings.Repeat("\x01x", 255) + "\x00\x00\x01\x00\x01" }},
}

// Counts and names that lie (RFC 9619, section 4; RFC 1035, section 4.1.4).
func TestBadQuestion(t *testing.T) {
	for _, tt := range badQuestions {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 7)
			d := draw.From(r)
			q := ask(d, typeA, classIN)
			msg := message(q.id, q.flags, [4]uint16{tt.count}, tt.behind(d))
			send(r, msg, ipv4(d), ttl(d)).mustBe(r, q.alone(formErr))
		})
	}
	t.Run("labels of the types 01 and 10", func(t *testing.T) {
		r := rule.New(t, 7)
		d := draw.From(r)
		for n := 0x40; n < 0xc0; n++ {
			q := ask(d, typeA, classIN)
			msg := message(q.id, q.flags, [4]uint16{1}, string([]byte{byte(n)})+letters(d, n)+"\x00\x00\x01\x00\x01")
			send(r, msg, ipv4(d), ttl(d)).mustBe(r, q.alone(formErr))
		}
	})
	t.Run("cut anywhere behind the header", func(t *testing.T) {
		r := rule.New(t, 7)
		d := draw.From(r)
		q := ask(d, typeA, classIN)
		full := q.octets()
		for n := headerLen; n < len(full); n++ {
			send(r, full[:n:n], ipv4(d), ttl(d)).mustBe(r, q.alone(formErr))
		}
	})
}

// What the client says about EDNS, and what comes back (RFC 6891, sections 6.1.1
// to 6.1.4; RFC 3225, section 3).
func TestEDNS(t *testing.T) {
	for _, tt := range []struct {
		why     string
		size    func(*draw.Data) uint16
		ttl     uint32
		options func(*draw.Data) string
	}{
		{"an OPT record", only(1232), 0, text("")},
		{"a size", func(d *draw.Data) uint16 { return uint16(d.Between(513, 9000)) }, 0, text("")},
		{"size 0", only(0), 0, text("")},
		{"size 65535", only(65535), 0, text("")},
		{"DO", only(4096), do, text("")},
		{"every flag but DO", only(1232), 0x7fff, text("")},
		{"every flag, and an extended rcode", only(1232), 0xff00ffff, text("")},
		{"an option that nobody knows", only(1232), 0, option},
		{"an option of 260 octets, as padding has (RFC 8467)", only(1232), 0, text("\x00\x0c\x01\x04" + strings.Repeat("\x00", 260))},
		{"three options", only(1232), do, func(d *draw.Data) string { return option(d) + "\x00\x03\x00\x00" + option(d) }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 8)
			d := draw.From(r)
			for _, what := range []struct {
				qtype, class uint16
			}{{typeA, classIN}, {16, classIN}, {typeA, classCH}} {
				q, addr, ttl := ask(d, what.qtype, what.class), ipv4(d), ttl(d)
				q.additionals = []string{opt(tt.size(d), tt.ttl, tt.options(d))}
				x := send(r, q.octets(), addr, ttl)
				ours := opt(answer.Size, tt.ttl&do, "")
				switch {
				case what.class != classIN:
					x.mustBe(r, q.reply(refused, "", ours))
				case what.qtype != typeA:
					x.mustBe(r, q.reply(aa, "", ours))
				default:
					x.mustBe(r, q.reply(aa, record(addr, ttl), ours))
				}
			}
		})
	}
}

// Records in a query that mean nothing to you (RFC 1035, section 4.1.3).
func TestRecords(t *testing.T) {
	const client = 1232
	for _, tt := range []struct {
		why  string
		add  func(d *draw.Data, q *asked)
		edns bool
	}{
		{"an answer", func(d *draw.Data, q *asked) { q.answers = []string{rr(d, domain(d))} }, false},
		{"an authority record", func(d *draw.Data, q *asked) { q.authorities = []string{rr(d, domain(d))} }, false},
		{"an additional record", func(d *draw.Data, q *asked) { q.additionals = []string{rr(d, domain(d))} }, false},
		{"one in each section, and an OPT record", func(d *draw.Data, q *asked) {
			q.answers, q.authorities = []string{rr(d, domain(d))}, []string{rr(d, "\xc0\x0c")}
			q.additionals = []string{rr(d, "\x00"), opt(client, 0, "")}
		}, true},
		{"a record behind the OPT record", func(d *draw.Data, q *asked) {
			q.additionals = []string{opt(client, 0, ""), rr(d, domain(d))}
		}, true},
		{"an OPT record, but among the answers", func(d *draw.Data, q *asked) { q.answers = []string{opt(client, 0, "")} }, false},
		{"an OPT record among the authority records, and another where it belongs", func(d *draw.Data, q *asked) {
			q.authorities, q.additionals = []string{opt(client, 0x10000, "")}, []string{opt(client, 0, "")}
		}, true},
		{"two OPT records among the answers, one with an owner and a cut option", func(d *draw.Data, q *asked) {
			q.answers = []string{label(d.Word()) + opt(client, 0, "\x00\x0a\x00\x08"), opt(client, 0, "")}
			q.additionals = []string{opt(client, 0, "")}
		}, true},
		{"an OPT record with half an option among the authority records", func(d *draw.Data, q *asked) {
			q.authorities = []string{opt(client, do, option(d)+"\x00\x0a")}
		}, false},
		{"an A record of five octets", func(d *draw.Data, q *asked) {
			q.additionals = []string{"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x05" + letters(d, 5)}
		}, false},
		{"a record whose data look like an OPT record", func(d *draw.Data, q *asked) {
			q.additionals = []string{"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00\x00\x0b" + opt(client, 0, "")}
		}, false},
		{"a name that ends as the question's does", func(d *draw.Data, q *asked) {
			zero := byte(headerLen + len(q.question) - 5)
			q.additionals = []string{rr(d, label(d.Word())+string([]byte{0xc0, zero})), opt(client, 0, "")}
		}, true},
		{"a hundred and thirty pointers in a row", func(d *draw.Data, q *asked) {
			at := headerLen
			next := headerLen + len(q.question)
			for range 130 {
				q.answers = append(q.answers, rr(d, pointer(at)))
				at = next
				next += len(q.answers[len(q.answers)-1])
			}
			q.additionals = []string{opt(client, 0, "")}
		}, true},
		{"a name of 255 octets, half of them behind a pointer", func(d *draw.Data, q *asked) {
			half := long(d, 130)
			q.answers = []string{rr(d, half)}
			at := headerLen + len(q.question)
			q.authorities = []string{rr(d, strings.TrimSuffix(long(d, 126), "\x00")+pointer(at))}
			q.additionals = []string{opt(client, 0, "")}
		}, true},
		{"a name whose last label, behind a pointer, runs on over the pointer", func(d *draw.Data, q *asked) {
			at := headerLen + len(q.question) + 12 // the data of the first
			q.answers = []string{"\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00\x00\x01\x10"}
			q.authorities = []string{pointer(at) + "\x00\x10\x00\x01\x00\x00\x00\x00\x00\x06" + letters(d, 4) + "\x00" + letters(d, 1)}
			q.additionals = []string{opt(client, 0, "")}
		}, true},
		{"octets behind the last record", func(d *draw.Data, q *asked) { q.tail = d.Text(d.Between(1, 20)) }, false},
		{"an OPT record behind the last record", func(d *draw.Data, q *asked) { q.tail = opt(client, 0, "") }, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 9)
			d := draw.From(r)
			q, addr, ttl := ask(d, typeA, classIN), ipv4(d), ttl(d)
			tt.add(d, &q)
			ours := ""
			if tt.edns {
				ours = opt(answer.Size, 0, "")
			}
			send(r, q.octets(), addr, ttl).mustBe(r, q.reply(aa, record(addr, ttl), ours))
		})
	}
}

// Data is nobody's business but that of who asked for it (RFC 3597, section 3).
func TestSenselessData(t *testing.T) {
	for _, rrtype := range []uint16{1, 2, 5, 6, 12, 13, 14, 15, 16, 28, 33, 35, 39, 46, 47, 50, 64, 65, 250, 255, 65280} {
		t.Run("of type "+dns.Type(rrtype).String(), func(t *testing.T) {
			r := rule.New(t, 9)
			d := draw.From(r)
			for _, data := range []string{
				"", "\x00", "\x80", "\x3f", "\xff", // cut: a name, a string, numbers
				"\xff\xff", "\xc0\x04", // pointers that lead to no name
				"\x40" + letters(d, 64) + "\x00",
				"\x00\x0a\xff\xff\xff", letters(d, 3), letters(d, d.Between(20, 300)),
			} {
				q, addr, ttl := ask(d, typeA, classIN), ipv4(d), ttl(d)
				odd := resource("\xc0\x0c", rrtype, data)
				q.answers, q.authorities, q.additionals = []string{odd}, []string{odd}, []string{odd}
				send(r, q.octets(), addr, ttl).mustBe(r, q.reply(aa, record(addr, ttl), ""))
			}
		})
	}
}

// badRecords are counts of the three sections, and what stands behind the
// question, at offset at.
var badRecords = []struct {
	why    string
	counts [3]uint16
	behind func(d *draw.Data, at int) string
}{
	{"an answer announced, and none there", [3]uint16{1, 0, 0}, nothing},
	{"an authority record announced, and none there", [3]uint16{0, 1, 0}, nothing},
	{"an additional record announced, and none there", [3]uint16{0, 0, 1}, nothing},
	{"65535 of each announced, and an OPT record there", [3]uint16{65535, 65535, 65535}, func(*draw.Data, int) string { return opt(1232, 0, "") }},
	{"256 additional records announced, and one there", [3]uint16{0, 0, 256}, func(d *draw.Data, _ int) string { return rr(d, "\xc0\x0c") }},
	{"an owner that is a pointer to itself", [3]uint16{0, 0, 1}, func(d *draw.Data, at int) string { return rr(d, pointer(at)) }},
	{"an owner that goes on at its own beginning", [3]uint16{0, 1, 0}, func(d *draw.Data, at int) string { return rr(d, label(d.Word())+pointer(at)) }},
	{"an owner that goes on in the middle of its label, where a zero is", [3]uint16{0, 0, 1}, func(d *draw.Data, at int) string {
		return rr(d, "\x03a\x00b"+pointer(at+2))
	}},
	{"two owners that point to each other", [3]uint16{1, 1, 0}, func(d *draw.Data, at int) string {
		data := letters(d, 4)
		first := "\x00\x10\x00\x01\x00\x00\x00\x00\x00\x04" + data
		return pointer(at+2+len(first)) + first + rr(d, pointer(at))
	}},
	{"an owner that is a pointer forward", [3]uint16{0, 0, 1}, func(d *draw.Data, at int) string {
		return pointer(at+12) + "\x00\x10\x00\x01\x00\x00\x00\x00\x00\x01\x00"
	}},
	{"an owner that is a pointer past the end", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string { return rr(d, "\xff\xff") }},
	{"an owner that is a pointer into the header, where a zero is", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string { return rr(d, "\xc0\x04") }},
	{"an owner that is a pointer to the last octet of the header, a zero", [3]uint16{1, 0, 0}, func(d *draw.Data, _ int) string { return rr(d, "\xc0\x0b") }},
	{"an owner that leads to a pointer forward, to a name", [3]uint16{1, 0, 1}, led(0, func(at int) string { return pointer(at+2) + "\x01a\x00" })},
	{"an owner that leads to a label whose pointer leads into it, to a name", [3]uint16{1, 1, 0}, led(0, func(at int) string { return "\x03\x01a\x00" + pointer(at+1) })},
	{"an owner that leads to a pointer into the header, where a zero is", [3]uint16{1, 0, 1}, led(0, func(int) string { return "\xc0\x04" })},
	{"an owner that leads to a label whose pointer leads to it", [3]uint16{1, 0, 1}, led(0, func(at int) string { return "\x01a" + pointer(at) })},
	{"an owner that leads to two labels, and back to the second", [3]uint16{1, 1, 0}, led(0, func(at int) string { return "\x01a\x01b" + pointer(at+2) })},
	{"an owner that leads to a pointer to itself", [3]uint16{1, 1, 0}, led(0, pointer)},
	{"an owner that leads to two pointers to each other", [3]uint16{1, 0, 1}, led(2, func(at int) string { return pointer(at+2) + pointer(at) })},
	{"an owner that leads to a label of type 01", [3]uint16{1, 0, 1}, led(0, func(int) string { return "\x41" + strings.Repeat("a", 65) + "\x00" })},
	{"an owner that leads to an octet 80, and a zero", [3]uint16{1, 1, 0}, led(0, func(int) string { return "\x80\x00" })},
	{"an owner that leads to a label, and an octet 40", [3]uint16{1, 0, 1}, led(0, func(int) string { return "\x01a\x40\x00" })},
	{"an owner that leads to a label which is longer than the query", [3]uint16{1, 0, 1}, led(0, func(int) string { return "\x3fa" })},
	{"an owner that leads to a label which is all the rest of the query", [3]uint16{1, 0, 1}, func(_ *draw.Data, at int) string {
		rest := pointer(at+11) + resource("", 16, "")
		return resource("\x00", private, string([]byte{byte(len(rest))})) + rest
	}},
	{"an owner with a label of type 01", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string { return rr(d, "\x41"+letters(d, 65)+"\x00") }},
	{"an owner with a label of type 10", [3]uint16{1, 0, 0}, func(d *draw.Data, _ int) string { return rr(d, "\x80"+letters(d, 128)+"\x00") }},
	{"an owner of 256 octets", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string { return rr(d, long(d, 256)) }},
	{"an owner of 256 octets, half of them behind a pointer", [3]uint16{1, 1, 0}, func(d *draw.Data, at int) string {
		return rr(d, long(d, 130)) + rr(d, strings.TrimSuffix(long(d, 127), "\x00")+pointer(at))
	}},
	{"one octet of data less than announced", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string {
		n := d.Between(1, 200)
		return "\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00\x00" + string([]byte{byte(n)}) + letters(d, n-1)
	}},
	{"65535 octets of data announced", [3]uint16{1, 0, 0}, func(*draw.Data, int) string { return "\xc0\x0c\x00\x10\x00\x01\x00\x00\x00\x00\xff\xff" }},
	{"two OPT records", [3]uint16{0, 0, 2}, func(*draw.Data, int) string { return opt(1232, 0, "") + opt(1232, 0, "") }},
	{"two OPT records, with another between them", [3]uint16{0, 0, 3}, func(d *draw.Data, _ int) string {
		return opt(1232, do, "") + rr(d, domain(d)) + opt(512, 0, "")
	}},
	{"an OPT record whose owner is a name", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string { return label(d.Word()) + opt(1232, 0, "") }},
	{"an OPT record whose owner is the question's name", [3]uint16{0, 0, 1}, func(*draw.Data, int) string { return "\xc0\x0c" + opt(1232, 0, "")[1:] }},
	{"an option that is longer than its record", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string {
		o := option(d)
		return opt(1232, 0, o[:len(o)-1])
	}},
	{"a second option that is longer than its record", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string {
		o := option(d)
		return opt(1232, 0, o+o[:len(o)-1])
	}},
	{"an option of 260 octets, of which four are there", [3]uint16{0, 0, 1}, func(*draw.Data, int) string { return opt(1232, 0, "\xfd\xe9\x01\x04abcd") }},
	{"an option without its length", [3]uint16{0, 0, 1}, func(*draw.Data, int) string { return opt(1232, 0, "\x00\x0a") }},
	{"an octet behind the last option", [3]uint16{0, 0, 1}, func(d *draw.Data, _ int) string { return opt(1232, 0, option(d)+"\x00") }},
}

// led returns two records: the data of the first is a trap that knows where it
// stands, and the second's owner is a pointer to that octet of it.
func led(to int, trap func(at int) string) func(*draw.Data, int) string {
	return func(d *draw.Data, at int) string {
		at += len(resource("\x00", private, ""))
		return resource("\x00", private, trap(at)) + rr(d, pointer(at+to))
	}
}

// Counts, names and lengths that lie (RFC 9267; RFC 6891, section 6.1.1).
func TestBadRecords(t *testing.T) {
	for _, tt := range badRecords {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 9)
			d := draw.From(r)
			q := ask(d, typeA, classIN)
			behind := tt.behind(d, headerLen+len(q.question))
			msg := message(q.id, q.flags, [4]uint16{1, tt.counts[0], tt.counts[1], tt.counts[2]}, q.question, behind)
			send(r, msg, ipv4(d), ttl(d)).mustBe(r, q.alone(formErr))
		})
	}
	t.Run("cut anywhere behind the question", func(t *testing.T) {
		r := rule.New(t, 9)
		d := draw.From(r)
		q := ask(d, typeA, classIN)
		q.answers, q.authorities = []string{rr(d, domain(d))}, []string{rr(d, label(d.Word())+"\xc0\x0c")}
		q.additionals = []string{opt(1232, do, option(d)), rr(d, "\xc0\x0c")}
		full := q.octets()
		for n := headerLen + len(q.question); n < len(full); n++ {
			send(r, full[:n:n], ipv4(d), ttl(d)).mustBe(r, q.alone(formErr))
		}
	})
}

// Versions that do not exist yet (RFC 6891, section 6.1.3).
func TestVersion(t *testing.T) {
	for _, tt := range []struct {
		why     string
		version func(*draw.Data) uint16
		flags   uint32
		class   uint16
	}{
		{"version 1", only(1), 0, classIN},
		{"version 255", only(255), 0, classIN},
		{"another version, and DO", func(d *draw.Data) uint16 { return uint16(d.Between(2, 254)) }, do, classIN},
		{"version 1, and every flag", only(1), 0xff00ffff, classIN},
		{"version 1, class CH", only(1), 0, classCH},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 10)
			d := draw.From(r)
			q := ask(d, typeA, tt.class)
			q.additionals = []string{opt(1232, uint32(tt.version(d))<<16|tt.flags, option(d))}
			send(r, q.octets(), ipv4(d), ttl(d)).mustBe(r, q.reply(noError, "", opt(answer.Size, 1<<24|tt.flags&do, "")))
		})
	}
}

// Other kinds of queries (RFC 8906, section 3.1.4; RFC 6891, section 6.1.1).
func TestOpcode(t *testing.T) {
	each := func(t *testing.T, f func(r *rule.R, d *draw.Data, opcode uint16)) {
		r := rule.New(t, 11)
		d := draw.From(r)
		for opcode := uint16(1); opcode < 16; opcode++ {
			f(r, d, opcode<<11)
		}
	}
	for _, tt := range []struct {
		why     string
		class   uint16
		theirs  []string
		oursTTL uint32
		update  string
	}{
		{why: "and a question", class: classIN},
		{why: "and class CH", class: classCH},
		{why: "and an OPT record", class: classIN, theirs: []string{opt(4096, 0, "")}},
		{why: "and DO", class: classIN, theirs: []string{opt(4096, do, "")}, oursTTL: do},
		{why: "and EDNS version 1", class: classIN, theirs: []string{opt(4096, 0x10000, "")}},
		{why: "and an update (RFC 2136)", class: classIN, update: "\xc0\x0c\x00\xff\x00\xff\x00\x00\x00\x00\x00\x00"},
	} {
		t.Run("another opcode "+tt.why, func(t *testing.T) {
			each(t, func(r *rule.R, d *draw.Data, opcode uint16) {
				q := ask(d, typeA, tt.class)
				q.flags |= opcode
				q.additionals = tt.theirs
				if tt.update != "" {
					q.authorities = []string{tt.update}
				}
				ours := ""
				if tt.theirs != nil {
					ours = opt(answer.Size, tt.oursTTL, "")
				}
				send(r, q.octets(), ipv4(d), ttl(d)).mustBe(r, q.reply(opcode|notImp, "", ours))
			})
		})
	}
	for _, tt := range badQuestions {
		t.Run("another opcode and "+tt.why, func(t *testing.T) {
			each(t, func(r *rule.R, d *draw.Data, opcode uint16) {
				q := ask(d, typeA, classIN)
				msg := message(q.id, q.flags|opcode, [4]uint16{tt.count}, tt.behind(d))
				send(r, msg, ipv4(d), ttl(d)).mustBe(r, q.alone(opcode|notImp))
			})
		})
	}
	for _, tt := range badRecords {
		t.Run("another opcode and "+tt.why, func(t *testing.T) {
			each(t, func(r *rule.R, d *draw.Data, opcode uint16) {
				q := ask(d, typeA, classIN)
				behind := tt.behind(d, headerLen+len(q.question))
				msg := message(q.id, q.flags|opcode, [4]uint16{1, tt.counts[0], tt.counts[1], tt.counts[2]}, q.question, behind)
				send(r, msg, ipv4(d), ttl(d)).mustBe(r, q.alone(opcode|notImp))
			})
		})
	}
}

// A server reads the next query into the same memory (the Go memory model).
func TestMemory(t *testing.T) {
	r := rule.New(t, 12)
	d := draw.From(r)
	for _, behind := range [][]string{nil, {opt(1232, do, "")}} {
		for _, class := range []uint16{classIN, classCH} {
			q, addr, ttl := ask(d, typeA, class), ipv4(d), ttl(d)
			q.additionals = behind
			was := q.octets()
			room := bytes.Repeat([]byte{0xee}, 600)
			query := room[:copy(room, was)]
			x := sendThis(r, query, addr, ttl)
			x.mustRespond(r)
			if diff := wire.Diff(query, wire.DNS(was)); diff != "" {
				r.Fatalf("%s\nchanged the query, which belongs to the caller\n\n%s", x, diff)
			}
			for i, o := range room[len(query):] {
				if o != 0xee {
					r.Fatalf("%s\nwrote behind the query, into the rest of the caller's memory:\nthe octet at %#x is %#02x, and was 0xee", x, len(query)+i, o)
				}
			}
			before := bytes.Clone(x.got)
			for i := range room {
				room[i] = 0xdd
			}
			again := send(r, ask(d, 16, classIN).octets(), ipv4(d), ttl)
			again.mustRespond(r)
			if diff := wire.Diff(x.got, wire.DNS(before)); diff != "" {
				r.Fatalf("%s\nreturned memory that is not its own: after the next query, which was read\ninto the same memory as this one, the response is another\n\n%s", x, diff)
			}
		}
	}
}

// Queries that others wrote, and responses that others read (RFC 1035, section
// 4.1).
func TestOthers(t *testing.T) {
	r := rule.New(t, 12)
	d := draw.From(r)
	for range 20 {
		addr, ttl := ipv4(d), ttl(d)
		name := d.Word() + "." + d.Word() + "."
		x := send(r, byMiekg(r, d, name), addr, ttl)
		x.mustRespond(r)
		var m dns.Msg
		err := m.Unpack(x.got)
		want := fmt.Sprintf("%s %d IN A %s", name, ttl, addr)
		if err != nil || len(m.Answer) != 1 || strings.Join(strings.Fields(m.Answer[0].String()), " ") != want {
			r.Fatalf("%s\nmiekg/dns, which wrote the query, reads the answers %v (error %v)\nwant %s\n\n%s", x, m.Answer, err, want, x.both())
		}
		x = send(r, byDNSMessage(r, d, name), addr, ttl)
		x.mustRespond(r)
		var o dnsmessage.Message
		err = o.Unpack(x.got)
		data := dnsmessage.AResource{A: addr.As4()}
		if err != nil || len(o.Answers) != 1 || o.Answers[0].Header.Name.String() != name || o.Answers[0].Header.TTL != ttl || o.Answers[0].Body.GoString() != data.GoString() {
			r.Fatalf("%s\ndnsmessage, which wrote the query, reads the answers %v (error %v)\nwant %s\n\n%s", x, o.Answers, err, want, x.both())
		}
	}
}

func byMiekg(r *rule.R, d *draw.Data, name string) []byte {
	m := new(dns.Msg).SetQuestion(name, dns.TypeA)
	m.Id = number(d)
	m.SetEdns0(uint16(d.Between(512, 4096)), d.IntN(2) == 0)
	msg, err := m.Pack()
	if err != nil {
		r.Fatalf("miekg/dns writes no query for %s: %v", name, err)
	}
	return msg
}

func byDNSMessage(r *rule.R, d *draw.Data, name string) []byte {
	q := dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: number(d)}, Questions: []dnsmessage.Question{q}}
	msg, err := m.Pack()
	if err != nil {
		r.Fatalf("dnsmessage writes no query for %s: %v", name, err)
	}
	return msg
}

// Queries of which an octet is another, and what real servers were asked.
func TestAnyOctets(t *testing.T) {
	r := rule.New(t, 12)
	d := draw.From(r)
	q := ask(d, typeA, classIN)
	q.answers = []string{rr(d, "\xc0\x0c")}
	q.additionals = []string{opt(1232, do, option(d))}
	full := q.octets()
	for i := range full {
		for _, o := range []byte{0, 1, full[i] - 1, full[i] + 1, 0x3f, 0x40, 0x80, 0xc0, 0xff} {
			msg := bytes.Clone(full)
			msg[i] = o
			send(r, msg, ipv4(d), ttl(d)).mustBeSomething(r)
		}
	}
	for _, file := range captured(t) {
		send(r, wire.Load(t, file).Msg, ipv6(d), ttl(d)).mustBeSomething(r)
	}
	for range 200 {
		msg := make([]byte, d.Between(0, 60))
		for i := range msg {
			msg[i] = byte(d.Uint32())
		}
		send(r, msg, ipv4(d), ttl(d)).mustBeSomething(r)
	}
}

// Any octets at all.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x00\x00\x01\x00\x01",
		"\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03www\x00\x00\x01\x00\x01" + opt(1232, do, "\x00\x0a\x00\x02ab"),
		"\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x03www\x00\x00\x01\x00\x01" + opt(1232, 0x10000, ""),
		"\x2a\x17\x28\x00\x00\x01\x00\x00\x00\x01\x00\x00\x03www\x00\x00\x01\x00\x01\xc0\x0c\x00\xff\x00\xff\x00\x00\x00\x00\x00\x00",
		"\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01",
		"\x2a\x17\x81",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		r := rule.New(t, 12)
		send(r, msg, netip.AddrFrom4([4]byte{192, 0, 2, 80}), 3600).mustBeSomething(r)
	})
}

// An exchange is a call of Answer, and what came of it.
type exchange struct {
	query []byte
	addr  netip.Addr
	ttl   uint32
	got   []byte
	ok    bool
}

func send(r *rule.R, query []byte, addr netip.Addr, ttl uint32) exchange {
	r.T().Helper()
	return sendThis(r, bytes.Clone(query), addr, ttl)
}

func sendThis(r *rule.R, query []byte, addr netip.Addr, ttl uint32) exchange {
	r.T().Helper()
	x := exchange{query: bytes.Clone(query), addr: addr, ttl: ttl}
	r.Do(func() string { return x.String() + "\n\n" + x.asQuery() }, func() {
		x.got, x.ok = answer.Answer(query, addr, ttl)
	})
	return x
}

func (x exchange) String() string { return fmt.Sprintf("Answer(query, %v, %d)", x.addr, x.ttl) }

func (x exchange) asQuery() string { return "the query\n" + wire.DNS(x.query).Dump() }

func (x exchange) both() string {
	return "the response\n" + wire.DNS(x.got).Dump() + "\n" + x.asQuery()
}

// mustRespond fails the test if there is no response, or less than a header.
func (x exchange) mustRespond(r *rule.R) {
	r.T().Helper()
	switch {
	case !x.ok:
		r.Fatalf("%s\nreturned ok = false, which is silence: want a response\n(or not written yet: replace the body marked TODO)\n\n%s", x, x.asQuery())
	case len(x.got) < headerLen:
		r.Fatalf("%s\nreturned %d octets: a header alone takes %d\n\n%s", x, len(x.got), headerLen, x.asQuery())
	}
}

// mustBe fails the test if the response is another, be it by one octet.
func (x exchange) mustBe(r *rule.R, want []byte) {
	r.T().Helper()
	x.mustRespond(r)
	switch {
	case bytes.Equal(x.got, want):
	case len(want) == headerLen && !bytes.Equal(x.got[:headerLen], want):
		r.Fatalf("%s\nreturned %d octets: want a header alone, with rcode %d\n\nthe header\n%s\n%s", x, len(x.got), want[3]&0xf,
			wire.Diff(x.got[:headerLen], wire.DNSHeader(want)), x.asQuery())
	default:
		d := wire.DNS(x.query)
		d.Faults = nil // nothing that matters here, or there would be no such response
		r.Fatalf("%s\n\n%s\nthe query\n%s", x, wire.Diff(x.got, wire.DNS(want)), d.Dump())
	}
}

func (x exchange) mustBeSilent(r *rule.R) {
	r.T().Helper()
	switch {
	case x.ok:
		r.Fatalf("%s\nreturned %d octets and ok = true: want silence,\nwhich is nil, and false\n\n%s", x, len(x.got), x.both())
	case len(x.got) > 0:
		r.Fatalf("%s\nreturned ok = false, which is silence, and %d octets all the same:\nwant nil\n\n%s", x, len(x.got), x.asQuery())
	}
}

// mustBeSomething fails the test if what came back is nothing that can come
// back to a query that begins like this one.
func (x exchange) mustBeSomething(r *rule.R) {
	r.T().Helper()
	if len(x.query) < headerLen || x.query[2]&0x80 != 0 {
		x.mustBeSilent(r)
		return
	}
	x.mustRespond(r)
	if !slices.ContainsFunc(x.possible(), func(p []byte) bool { return bytes.Equal(p, x.got) }) {
		r.Fatalf("%s\nreturned what no rule asks for, whatever the query says behind its question\n\n%s", x, x.both())
	}
}

// possible are the responses that a query may get, by its header and question
// alone.
func (x exchange) possible() [][]byte {
	flags := binary.BigEndian.Uint16(x.query[2:])
	q := asked{id: binary.BigEndian.Uint16(x.query), flags: flags}
	opcode := flags & 0x7800
	broken := q.alone(formErr)
	if opcode != 0 {
		broken = q.alone(opcode | notImp)
	}
	end := headerLen
	for end < len(x.query) && x.query[end] > 0 && x.query[end] < 0x40 {
		end += 1 + int(x.query[end])
	}
	end += 5
	if end > len(x.query) || x.query[end-5] != 0 {
		return [][]byte{broken}
	}
	q.question = string(x.query[headerLen:end])
	qtype, class := binary.BigEndian.Uint16(x.query[end-4:]), binary.BigEndian.Uint16(x.query[end-2:])
	code, data := uint16(aa), ""
	switch {
	case opcode != 0:
		code = opcode | notImp
	case class != classIN:
		code = refused
	case x.addr.Is4() && (qtype == typeA || qtype == typeANY), x.addr.Is6() && (qtype == typeAAAA || qtype == typeANY):
		data = record(x.addr, x.ttl)
	}
	all := [][]byte{broken, q.reply(code, data, "")}
	for _, flag := range []uint32{0, do} {
		all = append(all, q.reply(code, data, opt(answer.Size, flag, "")))
		if opcode == 0 {
			all = append(all, q.reply(noError, "", opt(answer.Size, 1<<24|flag, "")))
		}
	}
	return all
}

// asked is a query with one question.
type asked struct {
	id, flags                         uint16
	question                          string
	answers, authorities, additionals []string
	tail                              string // which no count announces
}

// ask draws a query for any name.
func ask(d *draw.Data, qtype, class uint16) asked {
	return asked{id: number(d), flags: uint16(d.IntN(2)) * rd, question: question(domain(d), qtype, class)}
}

func (a asked) octets() []byte {
	all := slices.Concat([]string{a.question}, a.answers, a.authorities, a.additionals, []string{a.tail})
	return message(a.id, a.flags, [4]uint16{1, uint16(len(a.answers)), uint16(len(a.authorities)), uint16(len(a.additionals))}, all...)
}

// reply is the response with these flags beside QR and RD, with at most one
// record, and at most one OPT record.
func (a asked) reply(flags uint16, record, opt string) []byte {
	counts := [4]uint16{1, min(1, uint16(len(record))), 0, min(1, uint16(len(opt)))}
	return message(a.id, qr|flags|a.flags&rd, counts, a.question, record, opt)
}

// alone is the response that is nothing but a header.
func (a asked) alone(flags uint16) []byte {
	return message(a.id, qr|flags|a.flags&rd, [4]uint16{})
}

func message(id, flags uint16, counts [4]uint16, parts ...string) []byte {
	b := binary.BigEndian.AppendUint16(nil, id)
	b = binary.BigEndian.AppendUint16(b, flags)
	for _, n := range counts {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return append(b, strings.Join(parts, "")...)
}

func question(name string, qtype, class uint16) string {
	b := binary.BigEndian.AppendUint16([]byte(name), qtype)
	return string(binary.BigEndian.AppendUint16(b, class))
}

// record is the one that an answer holds.
func record(addr netip.Addr, ttl uint32) string {
	data := addr.Unmap().AsSlice()
	b := []byte("\xc0\x0c\x00\x01\x00\x01")
	if len(data) == 16 {
		b[3] = typeAAAA
	}
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return string(append(b, data...))
}

// opt returns an OPT record: size, TTL and options of its sender.
func opt(size uint16, ttl uint32, options string) string {
	b := binary.BigEndian.AppendUint16([]byte("\x00\x00\x29"), size)
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(options)))
	return string(b) + options
}

// option draws an option of an OPT record, of one to eight octets.
func option(d *draw.Data) string {
	n := d.Between(1, 8)
	return string([]byte{0xfd, byte(d.Between(0xe9, 0xff)), 0, byte(n)}) + letters(d, n)
}

// resource is a record of class IN.
func resource(owner string, rrtype uint16, data string) string {
	b := binary.BigEndian.AppendUint16([]byte(owner), rrtype)
	b = append(b, "\x00\x01\x00\x00\x00\x3c"...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return string(b) + data
}

// rr draws a TXT record of that owner, of a few octets.
func rr(d *draw.Data, owner string) string {
	return resource(owner, 16, label(letters(d, d.Between(1, 20))))
}

func pointer(to int) string { return string([]byte{0xc0 | byte(to>>8), byte(to)}) }

func label(s string) string { return string([]byte{byte(len(s))}) + s }

// domain draws a name of two to four labels, in upper and lower case.
func domain(d *draw.Data) string {
	var b strings.Builder
	for range d.Between(2, 4) {
		word := []byte(d.Word())
		for i := range word {
			word[i] ^= byte(d.IntN(2)) * ('a' ^ 'A')
		}
		b.WriteString(label(string(word)))
	}
	return b.String() + "\x00"
}

// long draws a name of that many octets, more than 3.
func long(d *draw.Data, octets int) string {
	var b strings.Builder
	for left := octets - 1; left > 0; {
		n := min(left-1, 63)
		if left-1-n == 1 {
			n-- // a label takes two octets
		}
		b.WriteString(label(letters(d, n)))
		left -= 1 + n
	}
	return b.String() + "\x00"
}

func letters(d *draw.Data, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.Between('a', 'z'))
	}
	return string(b)
}

// number draws one of two octets that differ, so that their order shows.
func number(d *draw.Data) uint16 { return uint16(d.Between(1, 127)<<8 | d.Between(128, 255)) }

// ttl draws one of four octets that differ.
func ttl(d *draw.Data) uint32 { return uint32(number(d))<<16 | uint32(d.Between(1, 127)) | 0x8000 }

func ipv4(d *draw.Data) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(d.Between(1, 99)), byte(d.Between(100, 199)), byte(d.Between(200, 255)), byte(d.IntN(256))})
}

func ipv6(d *draw.Data) netip.Addr {
	b := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	for i := 4; i < len(b); i++ {
		b[i] = byte(d.Uint32())
	}
	return netip.AddrFrom16(b)
}

func mapped(d *draw.Data) netip.Addr { return netip.AddrFrom16(ipv4(d).As16()) }

func none(*draw.Data) netip.Addr { return netip.Addr{} }

func only(n uint16) func(*draw.Data) uint16 { return func(*draw.Data) uint16 { return n } }

func text(s string) func(*draw.Data) string { return func(*draw.Data) string { return s } }

func one(d *draw.Data) string { return question(domain(d), typeA, classIN) }

func nothing(*draw.Data, int) string { return "" }

// captured are the queries that real servers were asked, for wire.Load.
func captured(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../../testdata/dns/captured/*.query.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for i, file := range files {
		files[i] = "dns/captured/" + filepath.Base(file)
	}
	return files
}
