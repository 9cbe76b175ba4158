package respond_test

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

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/header"
	"github.com/example/netkata/katas/dns/message"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
	"github.com/example/netkata/katas/dns/respond"
)

// What makes a response of a message (RFC 1035, section 4.1.1).
func TestResponse(t *testing.T) {
	for _, id := range []uint16{0x2a17, 0, 0xffff} {
		t.Run(fmt.Sprintf("ID %#04x", id), func(t *testing.T) {
			r := rule.New(t, 1)
			x := send(r, withID(id, query(wwwA)), respond.UDP, oneAddress)
			switch {
			case !x.ok:
				r.Fatalf("%s\nreturned ok = false, which is silence: want a response\n(or not written yet: replace the body marked TODO)\n\n%s", x, x.asQuery())
			case len(x.got) < header.Len:
				r.Fatalf("%s\nreturned %s: a header alone takes %d", x, octets(len(x.got)), header.Len)
			case binary.BigEndian.Uint16(x.got) != id:
				x.fail(r, 0, "the query's ID is %#04x", "the response's ID is %#04x, that of the query %#04x", binary.BigEndian.Uint16(x.got), id)
			case x.got[2]&0x80 == 0:
				x.fail(r, 2, "QR=0", "what came back has QR=0: it is a query")
			}
		})
	}
}

// Octet for octet (RFC 5452, section 9.1: by it, the client knows its answer).
func TestQuestion(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("x", 63), 3) + "\x3d" + strings.Repeat("x", 61) + "\x00"
	for _, tt := range []struct{ why, question string }{
		{"a name", wwwA},
		{"upper and lower case, as some clients mix them to be safer", "\x03wWw\x07ExAmPlE\x03cOm\x00\x00\x01\x00\x01"},
		{"another type", "\x07example\x03com\x00\x00\x1c\x00\x01"},
		{"a type without a name", "\x07example\x03com\x00\xff\x00\x00\x01"},
		{"another class", "\x07version\x04bind\x00\x00\x10\x00\x03"},
		{"the root", "\x00\x00\x02\x00\x01"},
		{"labels of other octets than letters", "\x05a.b\\ \x03\x00\xff@\x00\x00\x01\x00\x01"},
		{"255 octets", long + "\x00\x01\x00\x01"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 2)
			x := send(r, query(tt.question), respond.UDP, respond.Answer{})
			x.mustRespond(r)
			if len(x.got) < header.Len || binary.BigEndian.Uint16(x.got[4:]) != 1 {
				x.fail(r, 4, "QDCOUNT", "the response has not one question")
			}
			if !bytes.HasPrefix(x.got[header.Len:], []byte(tt.question)) {
				x.fail(r, 12, "the question", "the question of the response is not the octets of the query's")
			}
		})
	}
}

// Names that end in the header, which in the response is another one (RFC 1035,
// section 4.1.4).
func TestQuestionPointer(t *testing.T) {
	for _, tt := range []struct {
		why, head, question string
		name                string
	}{
		{"to QDCOUNT, whose first octet is the root", "\x2a\x17\x00\x00", "\x03www\xc0\x04\x00\x01\x00\x01", "www."},
		{"to ANCOUNT, which becomes 1", "\x2a\x17\x00\x00", "\x03www\xc0\x07\x00\x01\x00\x01", "www."},
		{"to the ID, 1 a, and flags that begin with 0", "\x01a\x00\x00", "\xc0\x00\x00\x01\x00\x01", "a."},
		{"to flags that are a label", "\x2a\x17\x01\x00", "\x03www\xc0\x02\x00\x01\x00\x01", `www.\000.`},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 2)
			msg := []byte(tt.head + "\x00\x01\x00\x00\x00\x00\x00\x00" + tt.question)
			x := send(r, msg, respond.UDP, respond.Answer{Answers: rrs("other.example. 60 IN A 192.0.2.80")})
			m := x.mustRead(r)
			if m.Rcode == dns.RcodeFormatError {
				return // as NSD says
			}
			if len(m.Question) != 1 || m.Question[0].Name != tt.name {
				x.fail(r, 12, "the question", "the question was %q; the response, where the header is another, asks\n%s", tt.name, questions(m))
			}
		})
	}
}

// What lookup is asked, and what becomes of its answer (RFC 1034, section 3.7).
func TestLookup(t *testing.T) {
	for _, tt := range []struct {
		why, question string
		asked         question.Question
		says          respond.Answer
	}{
		{"an address", wwwA,
			question.Question{Name: "www.example.com.", Type: question.TypeA, Class: question.ClassIN},
			respond.Answer{Authoritative: true, Answers: rrs("www.example.com. 3600 IN A 192.0.2.80")}},
		{"IPv6, where IPv6 is asked for", "\x03www\x07example\x03com\x00\x00\x1c\x00\x01",
			question.Question{Name: "www.example.com.", Type: question.TypeAAAA, Class: question.ClassIN},
			respond.Answer{Authoritative: true, Answers: rrs("www.example.com. 3600 IN AAAA 2001:db8::80")}},
		{"two addresses", wwwA,
			question.Question{Name: "www.example.com.", Type: question.TypeA, Class: question.ClassIN},
			respond.Answer{Authoritative: true, Answers: rrs("www.example.com. 3600 IN A 192.0.2.80", "www.example.com. 3600 IN A 192.0.2.81")}},
		{"an alias, and what it leads to", "\x05aLiAs\x07example\x03com\x00\x00\x01\x00\x01",
			question.Question{Name: "aLiAs.example.com.", Type: question.TypeA, Class: question.ClassIN},
			respond.Answer{Authoritative: true, Answers: rrs("aLiAs.example.com. 60 IN CNAME www.example.com.", "www.example.com. 3600 IN A 192.0.2.80")}},
		{"every section", "\x07example\x03com\x00\x00\x0f\x00\x01",
			question.Question{Name: "example.com.", Type: question.TypeMX, Class: question.ClassIN},
			respond.Answer{Authoritative: true,
				Answers:     rrs("example.com. 3600 IN MX 10 mail.example.com."),
				Authorities: rrs("example.com. 3600 IN NS ns1.example.com."),
				Additionals: rrs("mail.example.com. 3600 IN A 192.0.2.25", "ns1.example.com. 3600 IN A 192.0.2.53")}},
		{"class CH", "\x07version\x04bind\x00\x00\x10\x00\x03",
			question.Question{Name: "version.bind.", Type: question.TypeTXT, Class: question.ClassCH},
			respond.Answer{Answers: rrs("version.bind. 0 CH TXT 1.0")}},
		{"refused", "\x07example\x03net\x00\x00\x01\x00\x01",
			question.Question{Name: "example.net.", Type: question.TypeA, Class: question.ClassIN},
			respond.Answer{Rcode: header.RcodeRefused}},
		{"a failure", wwwA,
			question.Question{Name: "www.example.com.", Type: question.TypeA, Class: question.ClassIN},
			respond.Answer{Rcode: header.RcodeServFail}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 3)
			x := send(r, query(tt.question), respond.UDP, tt.says)
			x.mustAsk(r, tt.asked)
			x.mustSay(r, tt.says)
		})
	}
}

// A no without its SOA cannot be cached (RFC 2308, section 3); a referral is a
// no, too, to whoever does not look into the authority section (RFC 1034,
// section 4.3.2).
func TestAuthority(t *testing.T) {
	soa := rrs("example.com. 300 IN SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 300")
	for _, tt := range []struct {
		why  string
		says respond.Answer
	}{
		{"NXDOMAIN: there is no such name",
			respond.Answer{Authoritative: true, Rcode: header.RcodeNXDomain, Authorities: soa}},
		{"NODATA: the name exists, but has no such type",
			respond.Answer{Authoritative: true, Authorities: soa}},
		{"NXDOMAIN: an alias that leads to nothing",
			respond.Answer{Authoritative: true, Rcode: header.RcodeNXDomain, Authorities: soa, Answers: rrs("www.example.com. 60 IN CNAME missing.example.com.")}},
		{"a referral, with glue",
			respond.Answer{Authorities: rrs("www.example.com. 3600 IN NS ns.www.example.com."), Additionals: rrs("ns.www.example.com. 3600 IN A 203.0.113.53")}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 4)
			x := send(r, query(wwwA), respond.UDP, tt.says)
			x.mustSay(r, tt.says)
		})
	}
}

// RD is the only flag that is copied (RFC 1035, section 4.1.1).
func TestFlags(t *testing.T) {
	const rd, aa, qr = 0x0100, 0x0400, 0x8000
	for _, tt := range []struct {
		why   string
		flags uint16
	}{
		{"no flag", 0},
		{"RD, as most queries have it", rd},
		{"RD and AD, as dig sends them", rd | 0x0020},
		{"every flag but RD, and rcode 15", 0x06ff},
		{"every flag, and rcode 15", 0x07ff},
	} {
		for _, says := range []respond.Answer{{Authoritative: true}, {Rcode: header.RcodeRefused}} {
			t.Run(tt.why+", "+describe(says)[0], func(t *testing.T) {
				r := rule.New(t, 5)
				msg := query(wwwA)
				binary.BigEndian.PutUint16(msg[2:], tt.flags)
				x := send(r, msg, respond.UDP, says)
				x.mustRespond(r)
				want := qr | tt.flags&rd | uint16(says.Rcode)
				if says.Authoritative {
					want |= aa
				}
				x.mustFlag(r, want)
			})
		}
	}
}

// Two octets for a name that stands there already (RFC 1035, section 4.1.4).
func TestPointer(t *testing.T) {
	for _, tt := range []struct {
		why, question string
		says          respond.Answer
		owners        []int // where those that are the question's name stand
	}{
		{"an answer", wwwA, oneAddress, []int{33}},
		{"three answers", wwwA, respond.Answer{Answers: rrs("www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN A 192.0.2.2", "www.example.com. 60 IN A 192.0.2.3")}, []int{33, 49, 65}},
		{"the authority section", "\x07example\x03com\x00\x00\x10\x00\x01", respond.Answer{Authorities: rrs("example.com. 60 IN NS ns.example.com.")}, []int{29}},
		{"case as asked", "\x03wWw\x07eXAMPle\x03COM\x00\x00\x01\x00\x01", respond.Answer{Answers: rrs("wWw.eXAMPle.COM. 60 IN A 192.0.2.1")}, []int{33}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 6)
			x := send(r, query(tt.question), respond.UDP, tt.says)
			x.mustRead(r)
			for _, off := range tt.owners {
				if off+2 > len(x.got) || x.got[off] != 0xc0 || x.got[off+1] != 0x0c {
					x.fail(r, off, "want c0 0c", "the owner of the record at %#x is the question's name: a pointer to 0x0c says so", off)
				}
			}
		})
	}
}

// To answer a response is to begin a loop (RFC 1035, section 4.1.1).
func TestSilence(t *testing.T) {
	t.Run("but not to a query", func(t *testing.T) {
		r := rule.New(t, 7)
		send(r, query(wwwA), respond.UDP, oneAddress).mustRespond(r)
	})
	t.Run("a response", func(t *testing.T) {
		r := rule.New(t, 7)
		for opcode := range 16 {
			msg := query(wwwA)
			msg[2] = 0x80 | byte(opcode)<<3
			send(r, msg, respond.UDP, oneAddress).mustBeSilent(r)
			send(r, msg, respond.TCP, oneAddress).mustBeSilent(r)
		}
	})
	t.Run("what real servers sent", func(t *testing.T) {
		r := rule.New(t, 7)
		for _, file := range captured(t, "*.response.hex") {
			send(r, wire.Load(t, file).Msg, respond.UDP, oneAddress).mustBeSilent(r)
		}
	})
	t.Run("less than a header", func(t *testing.T) {
		r := rule.New(t, 7)
		for n := range header.Len {
			send(r, query(wwwA)[:n:n], respond.UDP, oneAddress).mustBeSilent(r)
		}
	})
}

// Other kinds of queries: only the header has a meaning that is known (RFC 8906,
// section 3.1.4).
func TestOpcode(t *testing.T) {
	for _, tt := range []struct{ why, behind string }{
		{"a question", "\x00\x01\x00\x00\x00\x00\x00\x00" + wwwA},
		{"nothing", "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"a zone and an update (RFC 2136)", "\x00\x01\x00\x00\x00\x01\x00\x00\x07example\x03com\x00\x00\x06\x00\x01\xc0\x0c\x00\xff\x00\xff\x00\x00\x00\x00\x00\x00"},
		{"counts that nothing backs", "\xff\xff\xff\xff\xff\xff\xff\xff"},
		{"octets that are no question", "\x00\x01\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff"},
		{"two questions", "\x00\x02\x00\x00\x00\x00\x00\x00" + wwwA + wwwA},
	} {
		t.Run("behind the flags, "+tt.why, func(t *testing.T) {
			r := rule.New(t, 8)
			for opcode := 1; opcode < 16; opcode++ {
				x := send(r, []byte("\x2a\x17"+string(rune(opcode<<3))+"\x00"+tt.behind), respond.UDP, oneAddress)
				m := x.mustRefuse(r, dns.RcodeNotImplemented)
				if m.Opcode != opcode {
					x.fail(r, 2, "opcode", "the query's opcode is %d, that of the response %d", opcode, m.Opcode)
				}
			}
		})
	}
}

// What cannot be read (RFC 1035, section 4.1.1), or asks not one thing (RFC 9619,
// section 4).
func TestFormat(t *testing.T) {
	const one = "\x00\x01\x00\x00\x00\x00\x00\x00" // QDCOUNT 1
	for _, tt := range []struct{ why, behind string }{
		{"a question announced, and none there", one},
		{"a name that is a pointer to itself", one + "\xc0\x0c\x00\x01\x00\x01"},
		{"a name that is a pointer forward", one + "\xc0\x12\x00\x01\x00\x01\x03com\x00"},
		{"a label of a reserved type", one + "\x41w\x00\x00\x01\x00\x01"},
		{"no question", "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"two questions", "\x00\x02\x00\x00\x00\x00\x00\x00" + wwwA + wwwA},
		{"two questions announced, and one there", "\x00\x02\x00\x00\x00\x00\x00\x00" + wwwA},
		{"65535 questions announced, and one there", "\xff\xff\x00\x00\x00\x00\x00\x00" + wwwA},
		{"an additional record announced, and none there", "\x00\x01\x00\x00\x00\x00\x00\x01" + wwwA},
		{"65535 additional records announced, and none there", "\x00\x01\x00\x00\x00\x00\xff\xff" + wwwA},
		{"an answer announced, and none there", "\x00\x01\x00\x01\x00\x00\x00\x00" + wwwA},
		{"a record with a name that has no end", "\x00\x01\x00\x00\x00\x01\x00\x00" + wwwA + "\xc0\x21\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"},
		{"a record that announces more data than there is", "\x00\x01\x00\x00\x00\x00\x00\x01" + wwwA + "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\xc0\x00\x02"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 9)
			send(r, []byte("\x2a\x17\x01\x00"+tt.behind), respond.UDP, oneAddress).mustRefuse(r, dns.RcodeFormatError)
		})
	}
	t.Run("cut anywhere behind its header", func(t *testing.T) {
		r := rule.New(t, 9)
		full := query(wwwA, opt(1232, 0, "\x00\x0a\x00\x02\xab\xcd"))
		for n := header.Len; n < len(full); n++ {
			send(r, full[:n:n], respond.UDP, oneAddress).mustRefuse(r, dns.RcodeFormatError)
		}
	})
}

// RD comes back with an error, too (RFC 1035, section 4.1.1).
func TestFlagsOfErrors(t *testing.T) {
	r := rule.New(t, 5)
	for _, flags := range []uint16{0, 0x0100, 0x07ef} { // all but QR, opcode and CD
		msg := []byte("\x2a\x17\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00" + wwwA + wwwA)
		binary.BigEndian.PutUint16(msg[2:], flags)
		x := send(r, msg, respond.UDP, oneAddress)
		x.mustRead(r)
		x.mustFlag(r, 0x8001|flags&0x0100) // QR, RD as asked, FORMERR
	}
}

// The client's OPT record, and the server's (RFC 6891, sections 6.1.1 to 6.1.4;
// RFC 3225, section 3).
func TestEDNS(t *testing.T) {
	const do = 0x8000
	for _, tt := range []struct {
		why     string
		opts    []string
		flags   uint32 // of the response
		without bool
	}{
		{why: "no OPT record", without: true},
		{why: "another additional record", opts: []string{"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"}, without: true},
		{why: "an OPT record", opts: []string{opt(1232, 0, "")}},
		{why: "another size", opts: []string{opt(4096, 0, "")}},
		{why: "DO", opts: []string{opt(1232, do, "")}, flags: do},
		{why: "flags that mean nothing yet", opts: []string{opt(1232, 0x7fff, "")}},
		{why: "DO, and all that mean nothing", opts: []string{opt(1232, 0xff00ffff, "")}, flags: do},
		{why: "an option that nobody knows", opts: []string{opt(1232, 0, "\xfd\xe9\x00\x04abcd")}},
		{why: "a cookie", opts: []string{opt(1232, 0, "\x00\x0a\x00\x08abcdefgh")}},
		{why: "behind another additional record", opts: []string{"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01", opt(1232, do, "")}, flags: do},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 10)
			for _, transport := range []respond.Transport{respond.UDP, respond.TCP} {
				for _, says := range []respond.Answer{oneAddress, {Rcode: header.RcodeRefused}, {Additionals: rrs("mail.example.com. 60 IN A 192.0.2.25")}} {
					x := send(r, query(wwwA, tt.opts...), transport, says)
					x.mustSay(r, says)
					x.mustEDNS(r, !tt.without, tt.flags)
				}
			}
		})
	}
	t.Run("never for a client that sent none", func(t *testing.T) {
		r := rule.New(t, 10)
		for _, msg := range []string{"\x2a\x17\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00" + wwwA + wwwA, "\x2a\x17\x11\x00\x00\x01\x00\x00\x00\x00\x00\x00" + wwwA} {
			send(r, []byte(msg), respond.UDP, oneAddress).mustEDNS(r, false, 0)
		}
	})
}

// OPT records that break the rules (RFC 6891, sections 6.1.1 and 6.1.2).
func TestBadEDNS(t *testing.T) {
	for _, tt := range []struct {
		why  string
		opts []string
	}{
		{"two OPT records", []string{opt(1232, 0, ""), opt(1232, 0, "")}},
		{"two, with another record between them", []string{opt(512, 0, ""), "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01", opt(1232, 0, "")}},
		{"an owner that is not the root", []string{"\x03com" + opt(1232, 0, "")}},
		{"an owner that is the question's name", []string{"\xc0\x0c" + opt(1232, 0, "")[1:]}},
		{"an option that is longer than the record", []string{opt(1232, 0, "\x00\x0a\x00\x08")}},
		{"an option that is one octet longer than the record", []string{opt(1232, 0, "\x00\x03\x00\x00\x00\x0a\x00\x03ab")}},
		{"an option without its length", []string{opt(1232, 0, "\x00\x0a")}},
		{"one octet behind the last option", []string{opt(1232, 0, "\x00\x0a\x00\x02ab\x00")}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 11)
			send(r, query(wwwA, tt.opts...), respond.UDP, oneAddress).mustRefuse(r, dns.RcodeFormatError)
		})
	}
}

// Versions that do not exist yet (RFC 6891, section 6.1.3).
func TestVersion(t *testing.T) {
	for _, tt := range []struct {
		why string
		ttl uint32
	}{
		{"version 1", 0x00010000},
		{"version 255", 0x00ff0000},
		{"version 1, and DO", 0x00018000},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 12)
			for _, transport := range []respond.Transport{respond.UDP, respond.TCP} {
				x := send(r, query(wwwA, opt(1232, tt.ttl, "")), transport, oneAddress)
				m := x.mustRefuse(r, dns.RcodeBadVers)
				if len(m.Question) != 1 {
					x.fail(r, 4, "QDCOUNT", "the question could be read, but does not come back")
				}
				x.mustEDNS(r, true, 16>>4<<24|tt.ttl&0x8000)
			}
		})
	}
}

// limits of a response, by what carries it and what the client takes.
var limits = []struct {
	why       string
	transport respond.Transport
	opts      []string
	max       int
}{
	{"UDP, no OPT record", respond.UDP, nil, 512},
	{"UDP, a client that takes 1000", respond.UDP, []string{opt(1000, 0, "")}, 1000},
	{"UDP, a client that takes 513", respond.UDP, []string{opt(513, 0, "")}, 513},
	{"UDP, a client that takes 1232", respond.UDP, []string{opt(1232, 0, "")}, 1232},
	{"UDP, a client that takes 4096", respond.UDP, []string{opt(4096, 0, "")}, 1232},
	{"UDP, a client that takes 65535", respond.UDP, []string{opt(65535, 0, "")}, 1232},
	{"UDP, a client that takes 511", respond.UDP, []string{opt(511, 0, "")}, 512},
	{"UDP, a client that takes 0", respond.UDP, []string{opt(0, 0, "")}, 512},
	{"TCP, no OPT record", respond.TCP, nil, 65535},
	{"TCP, an OPT record that says 512", respond.TCP, []string{opt(512, 0, "")}, 65535},
}

// As long as allowed, and one octet longer (RFC 1035, section 4.2.1; RFC 6891,
// sections 6.2.3 and 6.2.5).
func TestLimit(t *testing.T) {
	for _, tt := range limits {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 13)
			rest := 33 + 12 + 11*len(tt.opts) // header and question, a record without data, OPT
			says := respond.Answer{Authoritative: true, Answers: []record.Record{filler(tt.max - rest)}}
			x := send(r, query(wwwA, tt.opts...), tt.transport, says)
			x.mustFit(r, tt.max)
			if m := x.mustRead(r); m.Truncated || len(m.Answer) != 1 || len(x.got) != tt.max {
				x.fail(r, 2, "", "the response may have %d octets, and complete, it has as many.\nWhat came back has %d (TC=%d, ANCOUNT %d)",
					tt.max, len(x.got), bit(m.Truncated), len(m.Answer))
			}
			says.Answers = []record.Record{filler(tt.max - rest + 1)}
			x = send(r, query(wwwA, tt.opts...), tt.transport, says)
			x.mustFit(r, tt.max)
			if x.got[2]&0x02 == 0 {
				x.fail(r, 2, "TC=0", "complete, the response had %d octets, one too many.\nWhat came back does not say TC%s", tt.max+1, x.withoutOPT(tt.opts))
			}
		})
	}
}

// What comes back in place of more is still a message (RFC 2181, section 9; RFC
// 6891, section 7).
func TestTruncated(t *testing.T) {
	for _, tt := range []struct {
		why  string
		says respond.Answer
	}{
		{"a record that is too long by itself", respond.Answer{Authoritative: true, Answers: []record.Record{filler(2000)}}},
		{"one that fits, and one that does not", respond.Answer{Authoritative: true, Answers: []record.Record{oneAddress.Answers[0], filler(2000)}}},
		{"a hundred addresses", respond.Answer{Authoritative: true, Answers: addresses("www.example.com.", 100)}},
		{"a hundred addresses, and other sections", respond.Answer{Authoritative: true, Answers: addresses("www.example.com.", 100),
			Authorities: rrs("example.com. 60 IN NS ns.example.com."), Additionals: rrs("ns.example.com. 60 IN A 192.0.2.53")}},
		{"a no that is too long", respond.Answer{Authoritative: true, Rcode: header.RcodeNXDomain, Authorities: append(soa(), filler(2000))}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 14)
			for _, opts := range [][]string{nil, {opt(1232, 0x8000, "")}} {
				x := send(r, query(wwwA, opts...), respond.UDP, tt.says)
				x.mustBeTrue(r)
				m := x.mustRead(r)
				if !m.Truncated {
					x.fail(r, 2, "TC=0", "records are missing, and TC does not say so")
				}
				if rcode(x.got) != tt.says.Rcode {
					x.fail(r, 2, "", "rcode is %s, lookup says %s", code(int(rcode(x.got))), code(int(tt.says.Rcode)))
				}
				if len(m.Question) != 1 || !bytes.HasPrefix(x.got[header.Len:], []byte(wwwA)) {
					x.fail(r, 12, "", "truncated or not, the question comes back")
				}
				x.mustEDNS(r, opts != nil, 0x8000)
			}
		})
	}
	t.Run("over TCP", func(t *testing.T) {
		r := rule.New(t, 14)
		x := send(r, query(wwwA), respond.TCP, respond.Answer{Answers: []record.Record{filler(40000), filler(40000)}})
		x.mustBeTrue(r)
		if m := x.mustRead(r); !m.Truncated {
			x.fail(r, 2, "TC=0", "records are missing, and TC does not say so")
		}
	})
}

// What nobody asked for may be missing without a word (RFC 2181, section 9).
func TestAdditional(t *testing.T) {
	for _, tt := range []struct {
		why  string
		says respond.Answer
	}{
		{"an answer that leaves no room", respond.Answer{Authoritative: true, Answers: []record.Record{filler(512 - 11 - 33 - 12)},
			Additionals: addresses("mail.example.com.", 2)}},
		{"a no, and much beside it", respond.Answer{Authoritative: true, Authorities: soa(), Additionals: addresses("mail.example.com.", 80)}},
		{"an answer, and servers below the name that they serve", respond.Answer{Authoritative: true, Answers: oneAddress.Answers,
			Authorities: rrs("example.com. 60 IN NS ns.example.com."), Additionals: addresses("ns.example.com.", 80)}},
		{"the same, from someone without authority", respond.Answer{Answers: oneAddress.Answers,
			Authorities: rrs("example.com. 60 IN NS ns.example.com."), Additionals: addresses("ns.example.com.", 80)}},
		{"ten mail exchanges of three addresses", mail(10)},
		{"eleven mail exchanges of three addresses", mail(11)},
		{"twelve mail exchanges of three addresses", mail(12)},
		{"forty mail exchanges of three addresses", respond.Answer{Authoritative: true, Answers: mail(10).Answers, Additionals: mail(40).Additionals}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 15)
			for _, opts := range [][]string{nil, {opt(512, 0, "")}} {
				x := send(r, query(wwwA, opts...), respond.UDP, tt.says)
				x.mustBeTrue(r)
				m := x.mustRead(r)
				if m.Truncated {
					x.fail(r, 2, "TC=1", "the answer is complete, but TC says that it is not")
				}
				if len(m.Answer) != len(tt.says.Answers) || len(m.Ns) != len(tt.says.Authorities) {
					x.fail(r, 6, "", "without the additional section, all fits into 512 octets:\n%d answers and %d authority records. What came back has %d and %d",
						len(tt.says.Answers), len(tt.says.Authorities), len(m.Answer), len(m.Ns))
				}
				if owner := halved(m.Extra, tt.says.Additionals); owner != "" {
					x.fail(r, 10, "", "of the addresses of %s, some are there and some are missing", owner)
				}
				x.mustEDNS(r, opts != nil, 0)
			}
		})
	}
}

// A referral to servers whose addresses only they know leads nowhere (RFC 9471,
// section 3.1).
func TestGlue(t *testing.T) {
	var many respond.Answer
	for n := range 13 { // as many as the root has
		host := fmt.Sprintf("%c.ns.www.example.com.", 'a'+n)
		many.Authorities = append(many.Authorities, rrs("www.example.com. 3600 IN NS "+host)...)
		many.Additionals = append(many.Additionals, rrs(host+" 3600 IN A 192.0.2.1", host+" 3600 IN AAAA 2001:db8::1")...)
	}
	referral := func(owner, host, spelt string) respond.Answer {
		return respond.Answer{Authorities: rrs(owner + " 3600 IN NS " + host), Additionals: addresses(spelt, 40)}
	}
	elsewhere := referral("www.example.com.", "ns.example.net.", "ns.example.net.")
	elsewhere.Authorities = append(elsewhere.Authorities, rrs("www.example.com. 3600 IN NS ns.www.example.com.")...)
	elsewhere.Additionals = append(elsewhere.Additionals, addresses("ns.www.example.com.", 2)...)
	for _, tt := range []struct {
		why  string
		says respond.Answer
		glue []string // owners of addresses that are glue, as spelt there
	}{
		{"thirteen servers", many, nil},
		{"forty addresses", referral("www.example.com.", "ns.www.example.com.", "ns.www.example.com."), nil},
		{"a server that has the name it serves", referral("www.example.com.", "www.example.com.", "www.example.com."), nil},
		{"a server in other case than the name it serves", referral("www.Example.com.", "ns.www.eXAMPLE.com.", "ns.www.eXAMPLE.com."), nil},
		{"addresses in other case than the server", referral("www.example.com.", "ns.www.example.com.", "NS.www.example.com."), nil},
		{"a server elsewhere, before one with glue", elsewhere, []string{"ns.www.example.com."}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 16)
			x := send(r, query(wwwA, opt(1232, 0, "")), respond.UDP, tt.says)
			x.mustSay(r, tt.says)
			x = send(r, query(wwwA), respond.UDP, tt.says)
			x.mustBeTrue(r)
			m := x.mustRead(r)
			glue, there := 0, 0
			isGlue := func(owner string) bool { return tt.glue == nil || slices.Contains(tt.glue, owner) }
			for _, a := range tt.says.Additionals {
				glue += bit(isGlue(a.Name))
			}
			for _, rr := range m.Extra {
				there += bit(isGlue(rr.Header().Name))
			}
			if there < glue && !m.Truncated {
				x.fail(r, 2, "TC=0", "of the glue, which is %d addresses, %d are there,\nand TC does not say that some are missing", glue, there)
			}
		})
	}
}

// What has no form on the wire (RFC 1035, section 4.1.1, on SERVFAIL).
func TestUnwritable(t *testing.T) {
	www := func(data record.Data) []record.Record {
		return []record.Record{oneAddress.Answers[0], {Name: "www.example.com.", Class: question.ClassIN, TTL: 60, Data: data}}
	}
	for _, tt := range []struct {
		why  string
		says respond.Answer
	}{
		{"an IPv6 address in an A record", respond.Answer{Authoritative: true, Answers: www(record.A{Addr: netip.MustParseAddr("2001:db8::1")})}},
		{"no address in an A record", respond.Answer{Authoritative: true, Answers: www(record.A{})}},
		{"a name without an octet", respond.Answer{Authoritative: true, Authorities: www(record.NS{})}},
		{"a label of 64 octets", respond.Answer{Authoritative: true, Answers: www(record.CNAME{Target: strings.Repeat("x", 64) + "."})}},
		{"a string of 256 octets", respond.Answer{Authoritative: true, Answers: www(record.TXT{Strings: []string{strings.Repeat("x", 256)}})}},
		{"a response code of five bits", respond.Answer{Authoritative: true, Rcode: 16, Answers: oneAddress.Answers}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 17)
			for _, opts := range [][]string{nil, {opt(1232, 0, "")}} {
				x := send(r, query(wwwA, opts...), respond.UDP, tt.says)
				m := x.mustRead(r)
				if rcode(x.got) != header.RcodeServFail {
					x.fail(r, 2, "", "what lookup says cannot be written: rcode is %s, want 2 SERVFAIL", code(m.Rcode))
				}
				if len(m.Answer)+len(m.Ns) > 0 || len(m.Extra) > len(opts) || m.Truncated {
					x.fail(r, 6, "", "a SERVFAIL has no records, and nothing to truncate (TC=%d)", bit(m.Truncated))
				}
				if len(m.Question) != 1 {
					x.fail(r, 4, "QDCOUNT", "the question could be read, but does not come back")
				}
				x.mustEDNS(r, opts != nil, 0)
			}
		})
	}
}

// Behind what is there already, such as a length (encoding/binary,
// AppendUint16).
func TestAppend(t *testing.T) {
	for _, tt := range []struct {
		why  string
		opts []string
		says respond.Answer
	}{
		{"an answer", nil, oneAddress},
		{"with an OPT record", []string{opt(1232, 0, "")}, mail(3)},
		{"truncated", nil, respond.Answer{Answers: addresses("www.example.com.", 100)}},
		{"SERVFAIL", nil, respond.Answer{Answers: []record.Record{{Name: "www.example.com.", Class: question.ClassIN, Data: record.A{}}}}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 18)
			alone := send(r, query(wwwA, tt.opts...), respond.UDP, tt.says)
			alone.mustRespond(r)
			for _, before := range []int{2, 700} {
				b := bytes.Repeat([]byte{0xaa}, before)
				// Room behind len(b) may hold anything: it belongs to no one yet.
				room := bytes.Repeat([]byte{0xff}, before+2000)
				copy(room, b)
				for _, have := range [][]byte{bytes.Clone(b), room[:before]} {
					x := sendTo(r, have, query(wwwA, tt.opts...), respond.UDP, tt.says)
					x.mustRespond(r)
					if !bytes.HasPrefix(x.out, b) {
						r.Fatalf("%s\nthe %d octets of b, all aa, are others now: % x …", x, before, x.out[:min(len(x.out), 8)])
					}
					if diff := wire.Diff(x.got, wire.DNS(alone.got)); diff != "" {
						r.Fatalf("%s\nthe response behind the %d octets of b is not the one that Respond gives\nwithout b: are pointers, or the limit, counted from b's first octet?\n\n%s", x, before, diff)
					}
				}
			}
		})
	}
	t.Run("silence", func(t *testing.T) {
		r := rule.New(t, 18)
		b := []byte("\xaa\xbb")
		x := sendTo(r, bytes.Clone(b), []byte("\x2a\x17"), respond.UDP, oneAddress)
		if x.ok || !bytes.Equal(x.out, b) {
			r.Fatalf("%s, with b % x and a query of 2 octets\nreturned % x, %v\nwant b as it was, and false", x, b, x.out, x.ok)
		}
	})
}

// The query is the caller's, and its records are lookup's: both may be read by
// others at the same time (the Go memory model).
func TestUnchanged(t *testing.T) {
	for _, tt := range []struct {
		why  string
		says respond.Answer
	}{
		{"an answer", mail(3)},
		{"without its additional section", mail(12)},
		{"truncated", respond.Answer{Answers: addresses("www.example.com.", 100), Authorities: soa(), Additionals: addresses("mail.example.com.", 3)}},
		{"a no", respond.Answer{Rcode: header.RcodeNXDomain, Authorities: soa()}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 18)
			msg := query(wwwA, opt(512, 0x8000, ""))
			x := send(r, msg, respond.UDP, tt.says)
			x.mustRespond(r)
			if !bytes.Equal(x.query, msg) {
				r.Fatalf("%s\nchanged the query, which belongs to the caller\n\n%s", x, wire.Diff(x.query, wire.DNS(msg)))
			}
			for _, section := range []struct {
				title     string
				was, left []record.Record
			}{
				{"Answers", tt.says.Answers, x.says.Answers},
				{"Authorities", tt.says.Authorities, x.says.Authorities},
				{"Additionals", tt.says.Additionals, x.says.Additionals},
			} {
				for i, now := range section.left[:cap(section.left)] {
					switch {
					case i < len(section.was) && text(now) != text(section.was[i]):
						r.Fatalf("%s\nchanged %s[%d] of what lookup returned:\n  %s\nwas\n  %s", x, section.title, i, text(now), text(section.was[i]))
					case i >= len(section.was) && now.Data != nil:
						r.Fatalf("%s\nwrote into the room behind %s, which lookup returned\nand others may share:\n  %s", x, section.title, text(now))
					}
				}
			}
		})
	}
}

// What servers that others wrote sent to the same query, from the same records
// (RFC 1034, section 3.7).
func TestCaptured(t *testing.T) {
	r := rule.New(t, 19)
	for _, file := range captured(t, "*.query.hex") {
		name := strings.TrimSuffix(filepath.Base(file), ".query.hex")
		if notOurs[name] != "" || strings.HasSuffix(name, "-unbound") { // which answers as a resolver does
			continue
		}
		asked, sent := wire.Load(t, file), wire.Load(t, "dns/captured/"+name+".response.hex").Msg
		want, _, err := message.Parse(sent)
		if err != nil {
			r.Fatalf("your package message does not read testdata/dns/captured/%s.response.hex: %v", name, err)
		}
		transport := respond.UDP
		if slices.Contains(asked.Head, "over: TCP") {
			transport = respond.TCP
		}
		x := send(r, asked.Msg, transport, saidBy(want))
		if diff := compare(x.mustRead(r), x.got, sent); diff != "" {
			x.fail(r, 2, "", "testdata/dns/captured/%s.response.hex\nholds another response, made of the same records:\n%s", name, diff)
		}
	}
}

// notOurs are captured exchanges to which Respond has more than one right
// response, or no way to the same one.
var notOurs = map[string]string{
	"cut-bind":                   "the records that did not fit are nowhere",
	"cut-knot":                   "the same",
	"cut-nsd":                    "the same",
	"badcookie-knot":             "that is about cookies, of which Respond knows nothing",
	"formerr-tail-knot":          "BIND answers: see tail-bind",
	"formerr-answer-nsd":         "BIND answers: see answer-bind",
	"formerr-pointer-header-nsd": "BIND answers: see pointer-header-bind",
	"tail-bind":                  "Knot says FORMERR: see formerr-tail-knot",
	"answer-bind":                "NSD says FORMERR: see formerr-answer-nsd",
	"anyclass-bind":              "NSD answers: see anyclass-nsd",
	"anyclass-nsd":               "BIND says FORMERR: see anyclass-bind",
	"pointer-header-bind":        "NSD says FORMERR: see formerr-pointer-header-nsd",
}

// saidBy is what lookup must have said for that response.
func saidBy(m message.Message) respond.Answer {
	if m.Rcode == header.RcodeFormErr || m.Rcode == header.RcodeNotImp {
		return oneAddress // it was not asked
	}
	says := respond.Answer{Rcode: m.Rcode, Authoritative: m.AA, Answers: m.Answers, Authorities: m.Authorities}
	for _, a := range m.Additionals {
		if a.Data.Type() != question.TypeOPT {
			says.Additionals = append(says.Additionals, a)
		}
	}
	return says
}

// Any octets at all.
func FuzzRespond(f *testing.F) {
	f.Add(query(wwwA))                                                                                // a query
	f.Add(query(wwwA, opt(1232, 0x8000, "\x00\x0a\x00\x02ab")))                                       // EDNS
	f.Add(query(wwwA, opt(1232, 0x10000, "")))                                                        // BADVERS
	f.Add(query(wwwA, opt(1232, 0, ""), opt(1232, 0, "")))                                            // two OPT records
	f.Add(query("\xc0\x00\x00\x01\x00\x01"))                                                          // a name in the header
	f.Add([]byte("\x2a\x17\x28\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff"))                             // another opcode
	f.Add([]byte("\x2a\x17\x10\x00\x00\x01\x00\x00\x00\x00\x00\x01" + wwwA + opt(1232, 0x10000, ""))) // that, and EDNS version 1
	f.Add([]byte("\x2a\x17\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00"))                                 // a response
	f.Add([]byte("\x2a\x17\x00"))                                                                     // too short
	f.Fuzz(func(t *testing.T, msg []byte) {
		r := rule.New(t, 19)
		for _, says := range []respond.Answer{oneAddress, mail(12), {Rcode: header.RcodeNXDomain, Authorities: soa()}} {
			x := send(r, msg, respond.UDP, says)
			if len(msg) < header.Len || msg[2]&0x80 != 0 {
				x.mustBeSilent(r)
				return
			}
			m := x.mustRead(r)
			x.mustFit(r, respond.MaxUDP)
			switch {
			case len(x.asked) > 1:
				r.Fatalf("%s\nasked lookup %d times, want once at most\n\n%s", x, len(x.asked), wire.DNS(msg).Dump())
			case !m.Response || x.got[0] != msg[0] || x.got[1] != msg[1]:
				x.fail(r, 0, "", "what came back is no response to this query:\nits ID is %#04x, QR=%d", m.Id, bit(m.Response))
			case !slices.Contains([]int{int(says.Rcode), dns.RcodeFormatError, dns.RcodeNotImplemented, dns.RcodeBadVers}, m.Rcode):
				x.fail(r, 2, "", "rcode is %s: not what lookup says, nor FORMERR, NOTIMP or BADVERS", code(m.Rcode))
			case len(x.asked) == 0 && len(m.Answer)+len(m.Ns) > 0:
				x.fail(r, 6, "", "there are records in the response, but lookup was never asked")
			}
			x.mustBeTrue(r)
		}
	})
}

// An exchange is a call of Respond, and what came of it.
type exchange struct {
	call  string
	query []byte // as Respond left it
	says  respond.Answer
	asked []question.Question
	out   []byte // what Respond returned
	got   []byte // the part of it that it appended
	ok    bool
}

func (x exchange) String() string { return x.call }

func send(r *rule.R, query []byte, transport respond.Transport, says respond.Answer) exchange {
	r.T().Helper()
	return sendTo(r, nil, query, transport, says)
}

func sendTo(r *rule.R, b, query []byte, transport respond.Transport, says respond.Answer) exchange {
	r.T().Helper()
	x := exchange{query: bytes.Clone(query), says: roomy(says)}
	x.call = fmt.Sprintf("Respond(%s, query, %s, lookup)", map[bool]string{true: "nil", false: "b"}[b == nil],
		map[respond.Transport]string{respond.UDP: "UDP", respond.TCP: "TCP"}[transport])
	before := len(b)
	r.Do(func() string {
		return x.call + "\n\n" + strings.Join(describe(says), "\n") + "\n\nthe query\n" + wire.DNS(query).Dump()
	}, func() {
		x.out, x.ok = respond.Respond(b, x.query, transport, func(q question.Question) respond.Answer {
			x.asked = append(x.asked, q)
			return x.says
		})
	})
	x.got = x.out[min(before, len(x.out)):]
	return x
}

// roomy copies what lookup says, with room behind each section, as slices of a
// zone may have.
func roomy(says respond.Answer) respond.Answer {
	for _, s := range []*[]record.Record{&says.Answers, &says.Authorities, &says.Additionals} {
		*s = append(make([]record.Record, 0, len(*s)+4), *s...)
	}
	return says
}

// nowhere is the offset of what is not about any octet of the response.
const nowhere = -1

// fail ends the test with what is wrong, what was asked and what came back,
// marked at an offset.
func (x exchange) fail(r *rule.R, off int, note, format string, args ...any) {
	r.T().Helper()
	var marks []wire.Mark
	if off != nowhere {
		marks = append(marks, wire.Mark{Off: off, Note: note})
	}
	r.Fatalf("%s\n%s\n\n%s\n\nthe response\n%s\n%s", x, fmt.Sprintf(format, args...), x.lookedUp(),
		wire.DNS(x.got).Dump(marks...), x.asQuery())
}

// asQuery shows the query, the plainest and most frequent one in few words.
func (x exchange) asQuery() string {
	if bytes.Equal(x.query, query(wwwA)) {
		return "the query\n  asks for www.example.com. A IN, no flag set, no OPT record"
	}
	return "the query\n" + wire.DNS(x.query).Dump()
}

// lookedUp says what lookup says, and whether anyone heard it.
func (x exchange) lookedUp() string {
	said := strings.Join(describe(x.says), "\n")
	if len(x.asked) == 0 {
		return strings.Replace(said, "lookup says", "lookup, which was not asked, says", 1)
	}
	return said
}

// mustRespond fails the test if silence was the answer.
func (x exchange) mustRespond(r *rule.R) {
	r.T().Helper()
	if !x.ok {
		r.Fatalf("%s\nreturned ok = false, which is silence: want a response\n\n%s\n\n%s", x, x.lookedUp(), x.asQuery())
	}
}

func (x exchange) mustBeSilent(r *rule.R) {
	r.T().Helper()
	switch {
	case x.ok || len(x.out) > 0:
		r.Fatalf("%s\nreturned %s and ok = %v: want silence,\nwhich is b as it was (nil), and false\n\n%s\n\nthe response\n%s", x,
			octets(len(x.out)), x.ok, x.asQuery(), wire.DNS(x.out).Dump())
	case len(x.asked) > 0:
		r.Fatalf("%s\nasked lookup about what it must not answer\n\n%s", x, x.asQuery())
	}
}

// mustFlag fails the test if the second word of the header is not that one, but
// for CD, which is left open.
func (x exchange) mustFlag(r *rule.R, want uint16) {
	r.T().Helper()
	const cd = 0x10
	if len(x.got) < header.Len {
		r.Fatalf("%s\nreturned %s: a header alone takes %d", x, octets(len(x.got)), header.Len)
	}
	got := binary.BigEndian.Uint16(x.got[2:])
	if got&^cd == want {
		return
	}
	wanted := bytes.Clone(x.got[:header.Len])
	binary.BigEndian.PutUint16(wanted[2:], want|got&cd)
	r.Fatalf("%s\n\nthe flags of the query\n%s\nthose of the response\n%s", x,
		wire.DNSHeader(x.query[:header.Len]).Dump(wire.Mark{Off: 2}), wire.Diff(x.got[:header.Len], wire.DNSHeader(wanted)))
}

// mustRead reads the response as others do, or fails the test.
func (x exchange) mustRead(r *rule.R) *dns.Msg {
	r.T().Helper()
	x.mustRespond(r)
	d := wire.DNS(x.got)
	if len(d.Faults) > 0 {
		x.fail(r, d.Faults[0].Off, "here", "the response cannot be read: %s", d.Faults[0].Why)
	}
	for _, f := range d.Fields {
		if f.Section == "trailing octets" {
			x.fail(r, f.Off, "from here on", "the response goes on behind what its counts announce")
		}
	}
	m := new(dns.Msg)
	if err := m.Unpack(x.got); err != nil {
		x.fail(r, 0, "", "another reader (miekg/dns) does not read the response: %v", err)
	}
	return m
}

func (x exchange) mustAsk(r *rule.R, want question.Question) {
	r.T().Helper()
	switch {
	case len(x.asked) != 1:
		x.mustRespond(r)
		x.fail(r, nowhere, "", "asked lookup %d times, want once", len(x.asked))
	case x.asked[0] != want:
		r.Fatalf("%s\nasked lookup for %s\nwant             %s\n\n%s", x, asks(x.asked[0]), asks(want), x.asQuery())
	}
}

// mustSay fails the test if the response is not what lookup says, all of it.
func (x exchange) mustSay(r *rule.R, says respond.Answer) {
	r.T().Helper()
	m := x.mustRead(r)
	switch {
	case rcode(x.got) != says.Rcode:
		x.fail(r, 2, "", "rcode is %s, lookup says %s", code(int(rcode(x.got))), code(int(says.Rcode)))
	case m.Authoritative != says.Authoritative:
		x.fail(r, 2, "", "AA is %d, lookup says %d", bit(m.Authoritative), bit(says.Authoritative))
	case m.Truncated:
		x.fail(r, 2, "TC=1", "TC is set in a response that has %s, and may have more", octets(len(x.got)))
	}
	for _, section := range []struct {
		title string
		off   int
		got   []dns.RR
		want  []record.Record
	}{
		{"answer", 6, m.Answer, says.Answers},
		{"authority", 8, m.Ns, says.Authorities},
		{"additional", 10, m.Extra, says.Additionals},
	} {
		if diff := differ(section.title, lines(section.got), texts(section.want)); diff != "" {
			x.fail(r, section.off, "", "%s", diff)
		}
	}
}

// mustRefuse fails the test if the response is not that error and no more.
func (x exchange) mustRefuse(r *rule.R, want int) *dns.Msg {
	r.T().Helper()
	m := x.mustRead(r)
	switch {
	case m.Rcode != want:
		x.fail(r, 2, "", "rcode is %s, want %s%s", code(m.Rcode), code(want), map[bool]string{true: ": 0 in the header, 1 in the TTL of the OPT record"}[want > 15])
	case !m.Response || x.got[0] != x.query[0] || x.got[1] != x.query[1]:
		x.fail(r, 0, "", "what came back is no response to this query:\nits ID is %#04x, QR=%d", m.Id, bit(m.Response))
	case len(x.asked) > 0:
		x.fail(r, nowhere, "", "asked lookup for %s: an error needs none", asks(x.asked[0]))
	case len(m.Answer)+len(m.Ns)+len(lines(m.Extra)) > 0:
		x.fail(r, 6, "", "there are records in the response")
	case len(m.Question) > 1:
		x.fail(r, 4, "QDCOUNT", "the response has %d questions, want one at most (RFC 9619, 4)", len(m.Question))
	}
	if len(m.Question) == 1 {
		_, end, _ := dns.UnpackDomainName(x.got, header.Len)
		if !bytes.HasPrefix(x.query[header.Len:], x.got[header.Len:end+4]) {
			x.fail(r, 12, "the question", "the question of the response is not that of the query")
		}
	}
	return m
}

func (x exchange) mustEDNS(r *rule.R, want bool, flags uint32) {
	r.T().Helper()
	m := x.mustRead(r)
	var opts []*dns.OPT
	for _, rr := range m.Extra {
		if o, ok := rr.(*dns.OPT); ok {
			opts = append(opts, o)
		}
	}
	switch {
	case !want && len(opts) > 0:
		x.fail(r, 10, "", "the query has no OPT record, the response has %d", len(opts))
	case !want:
	case len(opts) != 1:
		x.fail(r, 10, "", "the query has an OPT record, the response has %d: want one", len(opts))
	case opts[0].Hdr.Name != ".":
		x.fail(r, 10, "", "the owner of the OPT record is %s, want the root", opts[0].Hdr.Name)
	case opts[0].Hdr.Class != respond.MaxUDP:
		x.fail(r, len(x.got)-8, "", "the OPT record says that you take %d octets, want MaxUDP, which is %d", opts[0].Hdr.Class, respond.MaxUDP)
	case opts[0].Hdr.Ttl != flags:
		x.fail(r, len(x.got)-6, "", "the TTL of the OPT record is %08x, want %08x: two digits of rcode, two of version,\nfour of flags, of which DO is 8000", opts[0].Hdr.Ttl, flags)
	case len(opts[0].Option) > 0:
		x.fail(r, nowhere, "", "the OPT record of the response holds options: want none, RDLENGTH 0")
	}
}

// withoutOPT says that a response has no OPT record, although one was asked
// for: a shorter one fits.
func (x exchange) withoutOPT(opts []string) string {
	var m dns.Msg
	if len(opts) == 0 || m.Unpack(x.got) != nil || m.IsEdns0() != nil {
		return ""
	}
	return ",\nand has no OPT record: that stays, whatever else has to go"
}

func (x exchange) mustFit(r *rule.R, limit int) {
	r.T().Helper()
	x.mustRespond(r)
	if len(x.got) > limit {
		x.fail(r, 0, "", "the response has %s, %d too many for this client", octets(len(x.got)), len(x.got)-limit)
	}
	if len(x.got) < header.Len {
		r.Fatalf("%s\nreturned %s and ok = true: a header alone takes %d\n\n%s\n\n%s", x, octets(len(x.got)), header.Len, x.lookedUp(), x.asQuery())
	}
}

// mustBeTrue fails the test if a record of the response is not among those that
// lookup returned for the same section.
func (x exchange) mustBeTrue(r *rule.R) {
	r.T().Helper()
	m := x.mustRead(r)
	for _, section := range []struct {
		title string
		off   int
		got   []dns.RR
		want  []record.Record
	}{
		{"answer", 6, m.Answer, x.says.Answers},
		{"authority", 8, m.Ns, x.says.Authorities},
		{"additional", 10, m.Extra, x.says.Additionals},
	} {
		left := texts(section.want)
		for _, line := range lines(section.got) {
			i := slices.Index(left, line)
			if i < 0 {
				x.fail(r, section.off, "", "the %s section holds\n%s\nwhich lookup did not say, or not twice", section.title, list([]string{line}))
			}
			left = slices.Delete(left, i, i+1)
		}
	}
}

// halved returns an owner of addresses of which some came back and some did
// not.
func halved(got []dns.RR, all []record.Record) string {
	there, total := map[string]int{}, map[string]int{}
	for _, rr := range got {
		there[rr.Header().Name]++
	}
	for _, a := range all {
		total[a.Name]++
	}
	for _, a := range all {
		if n := there[a.Name]; n > 0 && n < total[a.Name] {
			return a.Name
		}
	}
	return ""
}

// compare says in what a response differs from the one that another server
// sent.
func compare(m *dns.Msg, got, sent []byte) string {
	var want dns.Msg
	if err := want.Unpack(sent); err != nil {
		return "miekg/dns does not read it: " + err.Error()
	}
	var diff []string
	add := func(what string, got, want any) {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			diff = append(diff, fmt.Sprintf("%s: %s, want %s", what, g, w))
		}
	}
	const cd = 0x10
	add("flags but CD", fmt.Sprintf("%#04x", binary.BigEndian.Uint16(got[2:])&^cd), fmt.Sprintf("%#04x", binary.BigEndian.Uint16(sent[2:])&^cd))
	add("rcode", m.Rcode, want.Rcode)
	if want.Rcode == dns.RcodeFormatError || want.Rcode == dns.RcodeNotImplemented {
		return strings.Join(diff, "\n") // question and OPT record or not: they differ among themselves
	}
	add("question", strings.TrimSpace(questions(m)), strings.TrimSpace(questions(&want)))
	for _, s := range []struct {
		title     string
		got, want []dns.RR
	}{{"answer", m.Answer, want.Answer}, {"authority", m.Ns, want.Ns}, {"additional", m.Extra, want.Extra}} {
		if d := differ(s.title, lines(s.got), lines(s.want)); d != "" {
			diff = append(diff, d)
		}
	}
	add("OPT records", m.IsEdns0() != nil, want.IsEdns0() != nil)
	return strings.Join(diff, "\n")
}

// differ says in what a section is not as wanted.
func differ(title string, got, want []string) string {
	if title == "additional" { // in any order
		slices.Sort(got)
		slices.Sort(want)
	}
	if slices.Equal(got, want) {
		return ""
	}
	return fmt.Sprintf("the %s section holds\n%s\nwant\n%s", title, list(got), list(want))
}

// describe says what lookup says.
func describe(says respond.Answer) []string {
	authority := "no authority"
	if says.Authoritative {
		authority = "authoritative"
	}
	all := []string{fmt.Sprintf("lookup says: rcode %s, %s", code(int(says.Rcode)), authority)}
	for _, s := range []struct {
		title   string
		records []record.Record
	}{{"answer", says.Answers}, {"authority", says.Authorities}, {"additional", says.Additionals}} {
		for i, rec := range s.records {
			if i == 4 {
				all = append(all, fmt.Sprintf("  … and %d more", len(s.records)-4))
				break
			}
			all = append(all, fmt.Sprintf("  %-10s  %s", s.title, short(text(rec))))
		}
	}
	return all
}

const wwwA = "\x03www\x07example\x03com\x00\x00\x01\x00\x01" // www.example.com. A IN

// query returns a query: header, question, and additional records.
func query(question string, additionals ...string) []byte {
	return []byte("\x2a\x17\x00\x00\x00\x01\x00\x00\x00\x00\x00" + string(rune(len(additionals))) + question + strings.Join(additionals, ""))
}

func withID(id uint16, msg []byte) []byte {
	binary.BigEndian.PutUint16(msg, id)
	return msg
}

// opt returns an OPT record: how much its sender takes, its TTL, its options.
func opt(size uint16, ttl uint32, options string) string {
	b := []byte("\x00\x00\x29")
	b = binary.BigEndian.AppendUint16(b, size)
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(options)))
	return string(b) + options
}

var oneAddress = respond.Answer{Authoritative: true, Answers: rrs("www.example.com. 3600 IN A 192.0.2.80")}

func soa() []record.Record {
	return rrs("example.com. 300 IN SOA ns1.example.com. hostmaster.example.com. 1 7200 900 1209600 300")
}

func addresses(owner string, n int) []record.Record {
	var all []record.Record
	for i := range n {
		all = append(all, rrs(fmt.Sprintf("%s 60 IN A 192.0.2.%d", owner, i))...)
	}
	return all
}

// mail is n mail exchanges, and three addresses of each.
func mail(n int) respond.Answer {
	says := respond.Answer{Authoritative: true}
	for i := range n {
		host := fmt.Sprintf("m%d.example.com.", i)
		says.Answers = append(says.Answers, rrs("www.example.com. 60 IN MX 10 "+host)...)
		says.Additionals = append(says.Additionals, addresses(host, 3)...)
	}
	return says
}

// filler is a record of www.example.com. with that many octets of data.
func filler(octets int) record.Record {
	var txt record.TXT
	for octets > 0 {
		n := min(octets, 256)
		txt.Strings = append(txt.Strings, strings.Repeat("x", n-1))
		octets -= n
	}
	return record.Record{Name: "www.example.com.", Class: question.ClassIN, TTL: 60, Data: txt}
}

// rrs makes records of lines as they stand in zone files.
func rrs(all ...string) []record.Record {
	var records []record.Record
	for _, line := range all {
		rr, err := dns.NewRR(line)
		if err != nil {
			panic(err)
		}
		h := rr.Header()
		records = append(records, record.Record{Name: h.Name, Class: question.Class(h.Class), TTL: h.Ttl, Data: data(rr)})
	}
	return records
}

func data(rr dns.RR) record.Data {
	switch d := rr.(type) {
	case *dns.A:
		return record.A{Addr: netip.AddrFrom4([4]byte(d.A.To4()))}
	case *dns.AAAA:
		return record.AAAA{Addr: netip.AddrFrom16([16]byte(d.AAAA))}
	case *dns.CNAME:
		return record.CNAME{Target: d.Target}
	case *dns.NS:
		return record.NS{Host: d.Ns}
	case *dns.MX:
		return record.MX{Preference: d.Preference, Host: d.Mx}
	case *dns.TXT:
		return record.TXT{Strings: d.Txt}
	case *dns.SOA:
		return record.SOA{Primary: d.Ns, Mailbox: d.Mbox, Serial: d.Serial, Refresh: d.Refresh, Retry: d.Retry, Expire: d.Expire, Minimum: d.Minttl}
	}
	panic(fmt.Sprintf("no data of %T", rr))
}

// text is a record as it stands in zone files, as lines has those of miekg/dns.
func text(r record.Record) string {
	if r.Data == nil {
		return "a record without data"
	}
	var d string
	switch data := r.Data.(type) {
	case record.A:
		d = data.Addr.String()
	case record.AAAA:
		d = data.Addr.String()
	case record.CNAME:
		d = data.Target
	case record.NS:
		d = data.Host
	case record.MX:
		d = fmt.Sprint(data.Preference, " ", data.Host)
	case record.TXT:
		d = `"` + strings.Join(data.Strings, `" "`) + `"`
	case record.SOA:
		d = fmt.Sprint(data.Primary, " ", data.Mailbox, " ", data.Serial, data.Refresh, data.Retry, data.Expire, data.Minimum)
	default:
		d = fmt.Sprintf("%+v", data)
	}
	return fmt.Sprintf("%s %d %s %s %s", r.Name, r.TTL, dns.Class(r.Class), dns.Type(r.Data.Type()), d)
}

func texts(records []record.Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, text(r))
	}
	return all
}

// lines are the records of a section, but for OPT.
func lines(section []dns.RR) []string {
	var all []string
	for _, rr := range section {
		if rr.Header().Rrtype != dns.TypeOPT {
			all = append(all, strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	return all
}

func list(all []string) string {
	if len(all) == 0 {
		return "  (nothing)"
	}
	var out []string
	for i, line := range all {
		if i == 6 {
			return strings.Join(append(out, fmt.Sprintf("  … and %d more", len(all)-6)), "\n")
		}
		out = append(out, "  "+short(line))
	}
	return strings.Join(out, "\n")
}

func short(line string) string {
	if len(line) > 60 {
		return line[:58] + " …"
	}
	return line
}

// asks is a question as it stands in zone files.
func asks(q question.Question) string {
	return fmt.Sprintf("%s %s %s", q.Name, dns.Class(q.Class), dns.Type(q.Type))
}

func questions(m *dns.Msg) string {
	var all []string
	for _, q := range m.Question {
		all = append(all, strings.Join(strings.Fields(strings.TrimPrefix(q.String(), ";")), " "))
	}
	return list(all)
}

// captured are the captured messages that a pattern means, for wire.Load.
func captured(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob("../../../testdata/dns/captured/" + pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for i, file := range files {
		files[i] = "dns/captured/" + filepath.Base(file)
	}
	return files
}

// code is a response code by number and name.
func code(n int) string {
	if n == dns.RcodeBadVers { // which miekg/dns calls BADSIG, as TSIG does (RFC 8945, section 3)
		return "16 BADVERS"
	}
	return strings.TrimSpace(fmt.Sprint(n, " ", dns.RcodeToString[n]))
}

func rcode(msg []byte) header.Rcode { return header.Rcode(msg[3] & 0xf) }

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func octets(n int) string {
	if n == 1 {
		return "1 octet"
	}
	return fmt.Sprintf("%d octets", n)
}
