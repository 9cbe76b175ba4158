package zone_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/miekg/dns"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/header"
	"github.com/example/netkata/katas/dns/name"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
	"github.com/example/netkata/katas/dns/respond"
	"github.com/example/netkata/katas/dns/zone"
)

// head is the first line of the files of most tests.
const head = "example.com. 3600 IN SOA ns.example.com. admin.example.com. 1 7200 900 1209600 300\n"

const soa = "example.com. 3600 IN SOA ns.example.com. admin.example.com. 1 7200 900 1209600 300"

// A zone with nothing but addresses, every word written (RFC 1035, section 5.1).
func TestRecord(t *testing.T) {
	r := rule.New(t, 1)
	z := mustParse(r, head+`www.example.com. 3600 IN A 192.0.2.80
www.example.com.	60	IN	TXT	hello

   	
mail.example.com.  3600  IN  A  192.0.2.25   
www.example.com. 3600 IN A 192.0.2.81
last.example.com. 3600 IN A 192.0.2.99`)
	z.mustAnswer(r, "example.com.", "SOA", soa)
	z.mustAnswer(r, "mail.example.com.", "A", "mail.example.com. 3600 IN A 192.0.2.25")
	z.mustAnswer(r, "www.example.com.", "TXT", `www.example.com. 60 IN TXT "hello"`)
	z.mustAnswer(r, "www.example.com.", "A", "www.example.com. 3600 IN A 192.0.2.80", "www.example.com. 3600 IN A 192.0.2.81")
	z.mustAnswer(r, "last.example.com.", "A", "last.example.com. 3600 IN A 192.0.2.99")
}

// Every type that has a form of its own (RFC 1035, section 5.1; RFC 3596, section
// 2.4; RFC 2782).
func TestData(t *testing.T) {
	const owner = "x.example.com. 3600 IN "
	for _, line := range []string{
		"A 203.0.113.255",
		"AAAA 2001:db8::1",
		"AAAA 2001:DB8:0:0:0:0:0:1",
		"AAAA ::ffff:192.0.2.1",
		"CNAME www.example.net.",
		"PTR host.example.net.",
		"PTR .",
		"MX 10 mail.example.net.",
		"MX 65535 .",
		"MX 010 mail.example.net.",
		"TXT word",
		"SRV 1 2 65535 sip.example.net.",
		"SRV 0 0 0 .",
		"NS ns.example.net.",
		"a 192.0.2.1",
		"Mx 10 mail.example.net.",
	} {
		t.Run(line, func(t *testing.T) {
			r := rule.New(t, 2)
			rrtype, _, _ := strings.Cut(strings.ToUpper(line), " ")
			if rrtype == "NS" { // elsewhere it is a delegation
				mustParse(r, head+"example.com. 3600 IN "+line).mustAnswer(r, "example.com.", "NS", "example.com. 3600 IN "+line)
				return
			}
			mustParse(r, head+owner+line).mustAnswer(r, "x.example.com.", rrtype, owner+line)
		})
	}
	t.Run("class in lower case", func(t *testing.T) {
		mustParse(rule.New(t, 2), head+"x.example.com. 3600 in A 192.0.2.1").mustAnswer(rule.New(t, 2), "x.example.com.", "A", owner+"A 192.0.2.1")
	})
	t.Run("the largest numbers", func(t *testing.T) {
		r := rule.New(t, 2)
		line := "example.com. 2147483647 IN SOA . . 4294967295 0 0 0 0"
		mustParse(r, line).mustAnswer(r, "example.com.", "SOA", line)
	})
}

// Names that lack the dot at their end (RFC 1035, section 5.1).
func TestOrigin(t *testing.T) {
	for _, tt := range []struct{ why, file, name, rrtype, want string }{
		{"an owner", "www 3600 IN A 192.0.2.1", "www.example.com.", "A", "www.example.com. 3600 IN A 192.0.2.1"},
		{"an owner of two labels", "a.b 3600 IN A 192.0.2.1", "a.b.example.com.", "A", "a.b.example.com. 3600 IN A 192.0.2.1"},
		{"an owner that looks whole", "www.example.com 3600 IN A 192.0.2.1", "www.example.com.example.com.", "A", "www.example.com.example.com. 3600 IN A 192.0.2.1"},
		{"@", "@ 3600 IN A 192.0.2.1", "example.com.", "A", "example.com. 3600 IN A 192.0.2.1"},
		{"a name in data", "x.example.com. 3600 IN MX 10 mail", "x.example.com.", "MX", "x.example.com. 3600 IN MX 10 mail.example.com."},
		{"@ in data", "x.example.com. 3600 IN PTR @", "x.example.com.", "PTR", "x.example.com. 3600 IN PTR example.com."},
		{"$ORIGIN", "$ORIGIN sub.example.com.\nwww 3600 IN PTR mail\n", "www.sub.example.com.", "PTR", "www.sub.example.com. 3600 IN PTR mail.sub.example.com."},
		{"@ behind $ORIGIN", "$ORIGIN sub.example.com.\n@ 3600 IN PTR @\n", "sub.example.com.", "PTR", "sub.example.com. 3600 IN PTR sub.example.com."},
		{"$ORIGIN, itself relative", "$ORIGIN b\n$ORIGIN a\nwww 3600 IN PTR @\n", "www.a.b.example.com.", "PTR", "www.a.b.example.com. 3600 IN PTR a.b.example.com."},
		{"$ORIGIN and back", "$ORIGIN net.\n$ORIGIN example.com.\nwww 3600 IN PTR mail\n", "www.example.com.", "PTR", "www.example.com. 3600 IN PTR mail.example.com."},
		{"$ORIGIN above the zone", "$ORIGIN com.\nwww.example 3600 IN PTR a\n", "www.example.com.", "PTR", "www.example.com. 3600 IN PTR a.com."},
		{"$ORIGIN of the root", "$ORIGIN .\nwww.example.com 3600 IN PTR a\n", "www.example.com.", "PTR", "www.example.com. 3600 IN PTR a."},
		{"$origin in lower case", "$origin sub\nwww 3600 IN A 192.0.2.1\n", "www.sub.example.com.", "A", "www.sub.example.com. 3600 IN A 192.0.2.1"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 3)
			mustParse(r, head+tt.file).mustAnswer(r, tt.name, tt.rrtype, tt.want)
		})
	}
	t.Run("Parse's origin without its dot", func(t *testing.T) {
		r := rule.New(t, 3)
		z := mustParseAs(r, head+"www 3600 IN A 192.0.2.1\n", "example.com")
		z.mustAnswer(r, "www.example.com.", "A", "www.example.com. 3600 IN A 192.0.2.1")
	})
}

// Lines that begin with a blank (RFC 1035, section 5.1).
func TestBlankOwner(t *testing.T) {
	r := rule.New(t, 4)
	z := mustParse(r, head+`www.example.com. 3600 IN A 192.0.2.1
 3600 IN A 192.0.2.2

	3600 IN TXT tab
$ORIGIN elsewhere.example.com.
  3600 IN MX 10 mail.example.net.
x 3600 IN A 192.0.2.3
  3600 IN TXT other
`)
	z.mustAnswer(r, "www.example.com.", "A", "www.example.com. 3600 IN A 192.0.2.1", "www.example.com. 3600 IN A 192.0.2.2")
	z.mustAnswer(r, "www.example.com.", "TXT", "www.example.com. 3600 IN TXT tab")
	z.mustAnswer(r, "www.example.com.", "MX", "www.example.com. 3600 IN MX 10 mail.example.net.")
	z.mustAnswer(r, "x.elsewhere.example.com.", "TXT", "x.elsewhere.example.com. 3600 IN TXT other")
}

// TTL and class, there or not, in either order (RFC 1035, section 5.1; RFC 2308,
// section 4).
func TestDefaults(t *testing.T) {
	for _, tt := range []struct {
		why, line string
		ttl       int
	}{
		{"class before TTL", "x IN 60 A 192.0.2.1", 60},
		{"no class", "x 60 A 192.0.2.1", 60},
		{"no TTL, so that of the record before", "x IN A 192.0.2.1", 3600},
		{"neither", "x A 192.0.2.1", 3600},
		{"TTL zero", "x 0 A 192.0.2.1", 0},
		{"the last TTL that was written", "y 60 A 192.0.2.2\nz A 192.0.2.2\nx A 192.0.2.1", 60},
		{"$TTL", "$TTL 120\nx A 192.0.2.1", 120},
		{"$TTL, whatever the record before says", "$TTL 120\ny 60 A 192.0.2.2\nx A 192.0.2.1", 120},
		{"a TTL of its own in spite of $TTL", "$TTL 120\nx 60 A 192.0.2.1", 60},
		{"the last $TTL", "$TTL 120\ny A 192.0.2.2\n$TTL 240\nx A 192.0.2.1", 240},
		{"$TTL zero", "$TTL 0\nx A 192.0.2.1", 0},
		{"$ttl in lower case", "$ttl 120\nx A 192.0.2.1", 120},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 5)
			mustParse(r, head+tt.line).mustAnswer(r, "x.example.com.", "A", fmt.Sprintf("x.example.com. %d IN A 192.0.2.1", tt.ttl))
		})
	}
	t.Run("an owner whose name is a number, or a type", func(t *testing.T) {
		r := rule.New(t, 5)
		z := mustParse(r, head+"25 A 192.0.2.1\nmx A 192.0.2.2\nin A 192.0.2.3\n")
		z.mustAnswer(r, "25.example.com.", "A", "25.example.com. 3600 IN A 192.0.2.1")
		z.mustAnswer(r, "mx.example.com.", "A", "mx.example.com. 3600 IN A 192.0.2.2")
		z.mustAnswer(r, "in.example.com.", "A", "in.example.com. 3600 IN A 192.0.2.3")
	})
}

// What ends a line, and what does not (RFC 1035, section 5.1).
func TestLines(t *testing.T) {
	for _, tt := range []struct{ why, file string }{
		{"a comment alone", "; x A 192.0.2.9\nx A 192.0.2.1\n"},
		{"a comment behind blanks", "   ; nothing\nx A 192.0.2.1\n"},
		{"a comment behind a record", "x A 192.0.2.1 ; this one\n"},
		{"a comment without a blank before it", "x A 192.0.2.1;this one\n"},
		{"a comment at the end", "x A 192.0.2.1\n;"},
		{"a comment with all sorts in it", "x A 192.0.2.1 ; ( \" \\ ) $ORIGIN ;;\n"},
		{"parentheses on one line", "x A ( 192.0.2.1 )\n"},
		{"parentheses without blanks", "x A (192.0.2.1)\n"},
		{"over two lines", "x A (\n192.0.2.1 )\n"},
		{"over more", "x (\n\n  60\n\tIN\n A 192.0.2.1\n)\n"},
		{"comments inside", "x A ( ; )\n ; not yet\n 192.0.2.1 ; now\n)\n"},
		{"twice", "x ( 60\n ) A (\n 192.0.2.1 )\n"},
		{"with $TTL", "$TTL (\n 60 )\nx A 192.0.2.1\n"},
		{"line ends as Windows has them", "\r\nx A 192.0.2.1\r\ny A 192.0.2.2\r\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 6)
			z := mustParse(r, head+tt.file)
			a := z.ask(r, "x.example.com.", "A")
			for i := range a.Answers {
				a.Answers[i].TTL = 60
			}
			z.judge(r, ask("x.example.com.", question.TypeA), a, answer(record.Record{Name: "x.example.com.", Class: question.ClassIN, TTL: 60, Data: a4("192.0.2.1")}))
		})
	}
	t.Run("a SOA record as people write it", func(t *testing.T) {
		r := rule.New(t, 6)
		z := mustParse(r, "@ 3600 IN SOA ns admin (\n\t1       ; serial\n\t7200    ; refresh\n\t900     ; retry\n\t1209600 ; expire\n\t300 )   ; minimum\n  A 192.0.2.1\n")
		z.mustAnswer(r, "example.com.", "SOA", soa)
		z.mustAnswer(r, "example.com.", "A", "example.com. 3600 IN A 192.0.2.1")
	})
}

// Strings with and without quotes (RFC 1035, section 5.1).
func TestStrings(t *testing.T) {
	for _, tt := range []struct {
		text string
		want record.TXT
	}{
		{`word`, txt("word")},
		{`two words`, txt("two", "words")},
		{`"two words"`, txt("two words")},
		{`"a" "b"`, txt("a", "b")},
		{`"a""b"`, txt("a", "b")},
		{`a "b c" d`, txt("a", "b c", "d")},
		{`""`, txt("")},
		{`"" "" "x"`, txt("", "", "x")},
		{`" "`, txt(" ")},
		{`"no ; comment"`, txt("no ; comment")},
		{`"no ( parentheses"`, txt("no ( parentheses")},
		{`"a	tab"`, txt("a\ttab")},
		{`"CaSe"`, txt("CaSe")},
		{`"@" @ $TTL`, txt("@", "@", "$TTL")},
		{`( "one"` + "\n" + `"two" ) ; three`, txt("one", "two")},
		{`"` + "\u00fc" + `"`, txt("\u00fc")},
		{strings.Repeat("x", 255), txt(strings.Repeat("x", 255))},
	} {
		t.Run(tt.text[:min(len(tt.text), 20)], func(t *testing.T) {
			mustHaveText(rule.New(t, 7), tt.text, tt.want)
		})
	}
}

// Backslashes in names (RFC 1035, section 5.1).
func TestEscapedNames(t *testing.T) {
	for _, tt := range []struct{ why, text, name string }{
		{"a dot", `first\.last`, `first\.last.example.com.`},
		{"a dot at the end", `end\.`, `end\..example.com.`},
		{"a backslash, and a dot that ends the name", `back\\.example.com.`, `back\\.example.com.`},
		{"a backslash at the end of a relative name", `back\\`, `back\\.example.com.`},
		{"three digits", `two\032words`, `two\032words.example.com.`},
		{"octets 0 and 255", `\000zero\255`, `\000zero\255.example.com.`},
		{"@ that is no origin", `\@`, `@.example.com.`},
		{"@ within a name", `a@b`, `a@b.example.com.`},
		{"$ that is no directive", `\$ttl`, `$ttl.example.com.`},
		{"a semicolon", `a\;b`, `a;b.example.com.`},
		{"parentheses", `\(a\)`, `(a).example.com.`},
		{"a quote", `a\"b`, `a"b.example.com.`},
		{"a space", `a\ b`, `a\032b.example.com.`},
		{"three digits for a letter", `\119ww`, `www.example.com.`},
		{"three digits for a dot", `a\046b`, `a\.b.example.com.`},
		{"an escape that was not needed", `\w\-w`, `w-w.example.com.`},
		{"UTF-8", "\u00fc", `\195\188.example.com.`},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 8)
			z := mustParse(r, head+tt.text+" A 192.0.2.1\n"+"pointer PTR "+tt.text+"\n")
			z.mustHave(r, tt.name, question.TypeA, a4("192.0.2.1"))
			z.mustHave(r, "pointer.example.com.", question.TypePTR, record.PTR{Target: tt.name})
		})
	}
	t.Run("a name written in two ways", func(t *testing.T) {
		r := rule.New(t, 8)
		z := mustParse(r, head+`www A 192.0.2.1`+"\n"+`\119w\w A 192.0.2.2`+"\n")
		z.mustAnswer(r, "www.example.com.", "A", "www.example.com. 3600 IN A 192.0.2.1", "www.example.com. 3600 IN A 192.0.2.2")
	})
	t.Run("the origin", func(t *testing.T) {
		r := rule.New(t, 8)
		z := mustParseAs(r, `@ 60 SOA a b 1 2 3 4 5`+"\n"+`www A 192.0.2.1`, `\101xample.com`)
		z.mustAnswer(r, "www.example.com.", "A", "www.example.com. 60 IN A 192.0.2.1")
	})
}

// Backslashes in strings (RFC 1035, section 5.1).
func TestEscapedStrings(t *testing.T) {
	for _, tt := range []struct {
		text string
		want record.TXT
	}{
		{`"say \"yes\""`, txt(`say "yes"`)},
		{`"back\\"`, txt(`back\`)},
		{`"back\\" "slash"`, txt(`back\`, `slash`)},
		{`"\000\255"`, txt("\x00\xff")},
		{`"\065\0666"`, txt("AB6")},
		{`\000\;x`, txt("\x00;x")},
		{`\"x\"`, txt(`"x"`)},
		{`two\ words`, txt("two words")},
		{`"\#" 2 0161`, txt("#", "2", "0161")},
		{`"\a\b"`, txt("ab")},
		{`"\."`, txt(".")},
		{`"` + strings.Repeat(`\255`, 255) + `"`, txt(strings.Repeat("\xff", 255))},
	} {
		t.Run(tt.text[:min(len(tt.text), 20)], func(t *testing.T) {
			mustHaveText(rule.New(t, 8), tt.text, tt.want)
		})
	}
}

func txt(all ...string) record.TXT { return record.TXT{Strings: all} }

// Types by number, data in hex (RFC 3597, section 5).
func TestGeneric(t *testing.T) {
	for _, tt := range []struct {
		why, line string
		rrtype    question.Type
		want      record.Data
	}{
		{"a type that nobody knows", `TYPE65280 \# 3 c0ffee`, 65280, record.Unknown{Of: 65280, Data: []byte{0xc0, 0xff, 0xee}}},
		{"upper and lower case", `type65280 \# 3 C0ffEE`, 65280, record.Unknown{Of: 65280, Data: []byte{0xc0, 0xff, 0xee}}},
		{"hex in several words", `TYPE65280 \# 3 c0 ( ff` + "\n" + `ee )`, 65280, record.Unknown{Of: 65280, Data: []byte{0xc0, 0xff, 0xee}}},
		{"no data", `TYPE65280 \# 0`, 65280, record.Unknown{Of: 65280}},
		{"a known type by its number", `TYPE1 192.0.2.1`, question.TypeA, a4("192.0.2.1")},
		{"the data of a known type in hex", `A \# 4 c0000201`, question.TypeA, a4("192.0.2.1")},
		{"both", `TYPE16 \# 4 03 61 62 63`, question.TypeTXT, txt("abc")},
		{"a name in hex", `PTR \# 5 0361626300`, question.TypePTR, record.PTR{Target: "abc."}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 9)
			mustParse(r, head+"x "+tt.line+"\n").mustHave(r, "x.example.com.", tt.rrtype, tt.want)
		})
	}
}

// Sets (RFC 2181, sections 5 and 5.2).
func TestSets(t *testing.T) {
	t.Run("the same record again", func(t *testing.T) {
		r := rule.New(t, 10)
		z := mustParse(r, head+"x A 192.0.2.1\nx A 192.0.2.2\nx A 192.0.2.1\nx TXT a b\nx TXT \"a\" \"b\"\nc CNAME c.example.net.\nc CNAME c.example.net.\n")
		z.mustAnswer(r, "x.example.com.", "A", "x.example.com. 3600 IN A 192.0.2.1", "x.example.com. 3600 IN A 192.0.2.2")
		z.mustAnswer(r, "x.example.com.", "TXT", "x.example.com. 3600 IN TXT a b")
		z.mustAnswer(r, "c.example.com.", "CNAME", "c.example.com. 3600 IN CNAME c.example.net.")
	})
	t.Run("the same data of another type", func(t *testing.T) {
		r := rule.New(t, 10)
		z := mustParse(r, head+"x PTR a\nx TYPE65280 \\# 1 00\nx TYPE65281 \\# 1 00\n")
		z.mustHave(r, "x.example.com.", 65280, record.Unknown{Of: 65280, Data: []byte{0}})
		z.mustHave(r, "x.example.com.", 65281, record.Unknown{Of: 65281, Data: []byte{0}})
	})
	t.Run("two TTLs", func(t *testing.T) {
		r := rule.New(t, 10)
		z := mustParse(r, head+"x 60 A 192.0.2.1\nx 120 A 192.0.2.2\nx 240 A 192.0.2.1\nx 7 TXT a\n")
		a := z.ask(r, "x.example.com.", "A")
		if len(a.Answers) != 2 || a.Answers[0].TTL != a.Answers[1].TTL || !slices.Contains([]uint32{60, 120, 240}, a.Answers[0].TTL) {
			r.Fatalf("Lookup(x.example.com. A): want two records with the same TTL, one of those written\n\ngot   %s\n\n%s", said(a), z.listing())
		}
		z.mustAnswer(r, "x.example.com.", "TXT", "x.example.com. 7 IN TXT a")
	})
}

// mistakes are files with an error of syntax; ▸ stands where it is. "?" means
// that only the line counts.
var mistakes = []struct{ why, file string }{
	{"no type of that name", "x ▸AB 192.0.2.1"},
	{"no type", "x 60 IN?"},
	{"no data", "x A?"},
	{"an address that is none", "x A ▸192.0.2"},
	{"an address of five numbers", "x A ▸192.0.2.1.1"},
	{"a number above 255 in an address", "x A ▸192.0.2.256"},
	{"IPv6 in an A record", "x A ▸2001:db8::1"},
	{"IPv4 in an AAAA record", "x AAAA ▸192.0.2.1"},
	{"an address with a zone", "x AAAA ▸fe80::1%eth0"},
	{"a word too many", "x A 192.0.2.1 ▸192.0.2.2"},
	{"a name too many", "x CNAME a ▸b"},
	{"half an MX record", "x MX 10?"},
	{"a preference of 17 bits", "x MX ▸65536 a"},
	{"a preference below zero", "x MX ▸-1 a"},
	{"a preference that is no number", "x MX ▸a 10"},
	{"a preference with a plus", "x MX ▸+10 a"},
	{"a preference and a letter", "x MX ▸10x a"},
	{"a preference in hex", "x MX ▸0x10 a"},
	{"SRV without its target", "x SRV 1 2 3?"},
	{"a serial of 33 bits", "@ SOA a b ▸4294967296 2 3 4 5"},
	{"a time in SOA with its unit", "@ SOA a b 1 ▸2h 3 4 5"},
	{"a TTL with its unit", "x ▸1h A 192.0.2.1"},
	{"a TTL of 32 bits", "x ▸2147483648 A 192.0.2.1"},
	{"two TTLs", "x 60 ▸61 A 192.0.2.1"},
	{"two classes", "x IN ▸IN A 192.0.2.1"},
	{"another class", "x ▸CH A 192.0.2.1"},
	{"$TTL without a number", "$TTL?"},
	{"$TTL with a word", "$TTL ▸soon"},
	{"$TTL with its unit", "$TTL ▸1h"},
	{"$TTL in hex", "$TTL ▸0x10"},
	{"$TTL of 32 bits", "$TTL ▸2147483648"},
	{"$TTL and more", "$TTL 60 ▸61"},
	{"$ORIGIN without a name", "$ORIGIN?"},
	{"$ORIGIN and more", "$ORIGIN a ▸b"},
	{"$INCLUDE", "▸$INCLUDE other.zone"},
	{"another directive", "▸$GENERATE 1-9 x$ A 192.0.2.$"},
	{"a string of 256 octets", "x TXT ▸" + strings.Repeat("x", 256)},
	{"TXT without a string", "x TXT?"},
	{"an escape above 255", `x TXT a ▸"\256"`},
	{"an escape of two digits", `x TXT ▸"\25"`},
	{"a quote without another", `x TXT a ▸"b`},
	{"a quote whose other is escaped", `x TXT ▸"a\"`},
	{"( without )", "x A ▸( 192.0.2.1\ny A 192.0.2.2\n"},
	{") without (", "x A 192.0.2.1 ▸)"},
	{"hex of another length", `x TYPE65280 \# 4 c0ffee?`},
	{"hex that is none", `x TYPE65280 \# 3 c0ffeg?`},
	{"hex whose length is in hex", `x TYPE65280 \# 0x3 c0ffee?`},
	{"hex without its length", `x TYPE65280 \#?`},
	{"a type with no form of its own, not in hex", "x TYPE65280 c0ffee?"},
	{"hex that is no address", `x A \# 3 c00002?`},
	{"hex with a pointer in it", `x PTR \# 2 c000?`},
	{"a type that only questions have", `x ▸ANY \# 0`},
	{"another", `x ▸TYPE252 \# 0`},
	{"a type that only messages have", `x ▸OPT \# 0`},
	{"the type 0", `x ▸TYPE0 \# 0`},
	{"the second line of an entry", "x MX ( 10\n\ty\n   ▸z )"},
	{"behind a comment", "; x\n\n  ;\nx\t\tA ▸192.0.2 ; here"},
	{"in Windows' lines", "x A 192.0.2.1\r\ny A ▸192.0.2\r\n"},
	{"counted in bytes", "\u00fc A ▸192.0.2"},
}

// tooMuch is a record whose data has 66,000 octets, in lines of half as many.
var tooMuch = "x TXT (" + strings.Repeat(strings.Repeat(" "+strings.Repeat("x", 199), 165)+"\n", 2) + ")\n"

// mark returns the file and the place of its mistake; column 0 is any.
func mark(marked string) (file string, line, column int) {
	if text, ok := strings.CutSuffix(marked, "?"); ok {
		return text, 1 + strings.Count(text, "\n"), 0
	}
	before, after, _ := strings.Cut(marked, "▸")
	return before + after, 1 + strings.Count(before, "\n"), len(before) - strings.LastIndex(before, "\n")
}

// Files that say nothing, or nonsense (RFC 1035, section 5.1).
func TestErrSyntax(t *testing.T) {
	for _, tt := range mistakes {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 11)
			file, _, _ := mark(tt.file)
			mustFail(r, head+file, zone.ErrSyntax)
		})
	}
	t.Run("data of 66000 octets", func(t *testing.T) {
		mustFail(rule.New(t, 11), head+tooMuch, zone.ErrSyntax)
	})
	t.Run("a first record without an owner", func(t *testing.T) {
		mustFail(rule.New(t, 11), " "+head, zone.ErrSyntax)
	})
	t.Run("a first record without a TTL", func(t *testing.T) { // MINIMUM is none (RFC 2308, section 4)
		mustFail(rule.New(t, 11), strings.Replace(head, " 3600", "", 1), zone.ErrSyntax)
	})
}

// What is wrong with a name (RFC 1035, section 2.3.4).
func TestNameErrors(t *testing.T) {
	long := strings.Repeat("x", 63)
	for _, tt := range []struct {
		why, file string
		want      error
	}{
		{"a label of 64 octets", long + "x A 192.0.2.1", name.ErrLabelLen},
		{"the same in data", "x CNAME " + long + "x", name.ErrLabelLen},
		{"256 octets, the origin among them", strings.Repeat(long+".", 3) + strings.Repeat("y", 50) + " A 192.0.2.1", name.ErrNameLen},
		{"an empty label", "a..b A 192.0.2.1", name.ErrEmptyLabel},
		{"a dot too many", "x MX 10 a..", name.ErrEmptyLabel},
		{"an escape of two digits", `a\12 A 192.0.2.1`, name.ErrEscape},
		{"$ORIGIN", "$ORIGIN " + long + "x", name.ErrLabelLen},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustFail(rule.New(t, 11), head+tt.file+"\n", tt.want)
		})
	}
	t.Run("255 octets", func(t *testing.T) {
		r := rule.New(t, 11)
		text := strings.Repeat(long+".", 3) + strings.Repeat("y", 49)
		mustParse(r, head+text+" A 192.0.2.1").mustAnswer(r, text+".example.com.", "A", text+".example.com. 3600 IN A 192.0.2.1")
	})
}

// Records that no zone holds, or not this one (RFC 1035, section 5.2; RFC 1034,
// section 3.6.2).
func TestRefusedRecords(t *testing.T) {
	for _, tt := range []struct {
		why, file string
		want      error
	}{
		{"outside", head + "www.example.net. A 192.0.2.1", zone.ErrOutside},
		{"above", head + "com. A 192.0.2.1", zone.ErrOutside},
		{"a name that only ends alike", head + "notexample.com. A 192.0.2.1", zone.ErrOutside},
		{"a dot that ends no label", head + `www\.example.com. A 192.0.2.1`, zone.ErrOutside},
		{"behind $ORIGIN", head + "$ORIGIN net.\nwww A 192.0.2.1", zone.ErrOutside},
		{"an empty file", "", zone.ErrSOA},
		{"no SOA", "x 60 A 192.0.2.1\n", zone.ErrSOA},
		{"two SOA", head + "@ SOA a b 2 7200 900 1209600 300", zone.ErrSOA},
		{"SOA below the origin", head + "x SOA a b 1 7200 900 1209600 300", zone.ErrSOA},
		{"SOA only below the origin", "x 60 SOA a b 1 7200 900 1209600 300", zone.ErrSOA},
		{"CNAME and an address", head + "x CNAME y\nx A 192.0.2.1", zone.ErrCNAME},
		{"an address and CNAME", head + "x A 192.0.2.1\ny A 192.0.2.2\nx CNAME y", zone.ErrCNAME},
		{"two CNAMEs", head + "x CNAME y\nx CNAME z", zone.ErrCNAME},
		{"CNAME at the origin", head + "@ CNAME y", zone.ErrCNAME},
		{"CNAME and other data at a wildcard", head + "*.x CNAME y\n*.x TXT y", zone.ErrCNAME},
	} {
		t.Run(tt.why, func(t *testing.T) {
			mustFail(rule.New(t, 12), tt.file, tt.want)
		})
	}
	t.Run("the SOA as the last record", func(t *testing.T) {
		r := rule.New(t, 12)
		z := mustParse(r, "www.example.com. 3600 IN A 192.0.2.80\nexample.com. 3600 IN NS ns.example.net.\n"+head)
		z.mustAnswer(r, "example.com.", "SOA", soa)
		z.mustAnswer(r, "www.example.com.", "A", "www.example.com. 3600 IN A 192.0.2.80")
	})
	t.Run("names of all sorts outside, in data", func(t *testing.T) {
		r := rule.New(t, 12)
		z := mustParse(r, head+"x MX 10 mail.example.net.\nx TXT x\n")
		z.mustAnswer(r, "x.example.com.", "MX", "x.example.com. 3600 IN MX 10 mail.example.net.")
	})
}

// The line and the column of a mistake, and the text of the error (errors, As).
func TestPosition(t *testing.T) {
	for _, tt := range mistakes {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 13)
			file, line, column := mark(tt.file)
			mustFailAt(r, head+file, line+1, column)
		})
	}
	for _, tt := range []struct{ why, file string }{
		{"a bad name", "x A 192.0.2.1\nx MX 10 ▸a..b"},
		{"a bad owner", "▸a..b A 192.0.2.1"},
		{"outside", "x A 192.0.2.1\n▸www.example.net. ( A\n 192.0.2.1 )"},
		{"two SOA", "\n▸@ SOA a b 2 3 4 5 6"},
		{"CNAME and an address", "x CNAME y\n▸x A 192.0.2.1\nz A 192.0.2.2"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 13)
			file, line, column := mark(tt.file)
			mustFailAt(r, head+file, line+1, column)
		})
	}
	t.Run("text", func(t *testing.T) {
		r := rule.New(t, 13)
		err := &zone.SyntaxError{Line: 3, Column: 14, Err: zone.ErrCNAME}
		var text string
		var inner error
		r.Do(func() string { return "SyntaxError{3, 14, ErrCNAME}.Error()" }, func() { text, inner = err.Error(), errors.Unwrap(err) })
		if want := "3:14: " + zone.ErrCNAME.Error(); text != want {
			r.Fatalf("SyntaxError{3, 14, ErrCNAME}.Error() = %q\nwant %q", text, want)
		}
		if inner != zone.ErrCNAME {
			r.Fatalf("SyntaxError{3, 14, ErrCNAME}.Unwrap() = %v\nwant ErrCNAME", inner)
		}
	})
}

var errRead = errors.New("the disk is gone")

// Readers that fail, dawdle, or bring long lines (io, Reader).
func TestReader(t *testing.T) {
	t.Run("byte by byte", func(t *testing.T) {
		r := rule.New(t, 14)
		text := head + "x A 192.0.2.1\n"
		z, err := parseFrom(r, text, "example.com.", true)
		if err != nil {
			r.Fatalf("Parse of a reader that brings one byte at a time = error: %v\nwant no error\n\n%s", err, listing(text, 0))
		}
		(&asked{Zone: z, text: text, origin: "example.com."}).mustAnswer(r, "x.example.com.", "A", "x.example.com. 3600 IN A 192.0.2.1")
	})
	t.Run("a line of 200000 bytes", func(t *testing.T) {
		r := rule.New(t, 14)
		z := mustParse(r, head+"x A 192.0.2.1 ;"+strings.Repeat(" long", 40000)+"\ny A 192.0.2.2\n")
		z.mustAnswer(r, "x.example.com.", "A", "x.example.com. 3600 IN A 192.0.2.1")
		z.mustAnswer(r, "y.example.com.", "A", "y.example.com. 3600 IN A 192.0.2.2")
	})
	t.Run("an error in the middle", func(t *testing.T) {
		r := rule.New(t, 14)
		half := iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(head)))
		for _, tt := range []struct {
			why string
			err error
			new func() (*zone.Zone, error)
		}{
			{"at once", errRead, func() (*zone.Zone, error) { return zone.Parse(iotest.ErrReader(errRead), "example.com.") }},
			{"behind one byte", iotest.ErrTimeout, func() (*zone.Zone, error) { return zone.Parse(half, "example.com.") }},
			{"behind a whole file", errRead, func() (*zone.Zone, error) {
				return zone.Parse(&failing{text: head}, "example.com.")
			}},
		} {
			var err error
			r.Do(func() string { return "Parse of a reader that fails " + tt.why }, func() { _, err = tt.new() })
			if !errors.Is(err, tt.err) {
				r.Fatalf("Parse of a reader that fails %s, with %q: error %v\nwant that error, as itself or wrapped", tt.why, tt.err, err)
			}
		}
	})
}

// failing brings its text, and then an error.
type failing struct {
	text string
}

func (f *failing) Read(b []byte) (int, error) {
	if f.text == "" {
		return 0, errRead
	}
	n := copy(b, f.text)
	f.text = f.text[n:]
	return n, nil
}

// However a file is laid out, miekg/dns reads the same records from it (RFC 1035,
// section 5.1).
func TestAnyFile(t *testing.T) {
	r := rule.New(t, 15)
	r.Property(func(t *rapid.T, r *rule.R) {
		text := drawFile(t)
		z := mustParse(r, text)
		sets := map[question.Question][]record.Record{}
		written := map[question.Question][]uint32{} // TTLs, also of a record that comes twice
		p := dns.NewZoneParser(strings.NewReader(text), "example.com.", "")
		for rr, ok := p.Next(); ok; rr, ok = p.Next() {
			rec := fromMiekg(r, rr)
			q := ask(rec.Name, rec.Data.Type())
			written[q] = append(written[q], rec.TTL)
			if !slices.ContainsFunc(sets[q], func(other record.Record) bool { other.TTL = rec.TTL; return key(other) == key(rec) }) {
				sets[q] = append(sets[q], rec)
			}
		}
		if p.Err() != nil {
			t.Fatalf("miekg/dns does not read what the test has drawn: %v\n%s", p.Err(), text)
		}
		for _, q := range slices.SortedFunc(maps.Keys(sets), compareQuestions) {
			a := z.lookup(r, q)
			if all := sets[q]; len(a.Answers) > 0 && slices.Contains(written[q], a.Answers[0].TTL) {
				for i := range all {
					all[i].TTL = a.Answers[0].TTL // one of those written: rule 10
				}
			}
			z.judge(r, q, a, answer(sets[q]...))
		}
	})
}

// Any text is a zone, or a mistake with a place (errors, As).
func FuzzParse(f *testing.F) {
	f.Add(head + "x A 192.0.2.1\n")
	for _, tt := range mistakes {
		file, _, _ := mark(tt.file)
		f.Add(head + file)
	}
	f.Add("")
	f.Add("\\")
	f.Add(head + "\\\n\"\\")
	f.Add(head + "x TXT \\")
	f.Add(head + "x (\n")
	f.Add(head + tooMuch)
	f.Fuzz(func(t *testing.T, text string) {
		r := rule.New(t, 13)
		z, err := parseFrom(r, text, "example.com.", false)
		if err != nil {
			if p := position(r, text, err); p.Line < 1 || p.Column < 1 || p.Line > 2+strings.Count(text, "\n") {
				r.Fatalf("Parse(file, \"example.com.\") = error: %v\nThere is no line %d, column %d in it.\n\n%s", err, p.Line, p.Column, listing(text, 0))
			}
			return
		}
		asked := &asked{Zone: z, text: text, origin: "example.com."}
		asked.ask(r, "example.com.", "SOA")
		asked.ask(r, "x.example.com.", "A")
		asked.ask(r, "a.b.example.com.", "ANY")
	})
}

// farm is a zone with all that a lookup can meet.
const farm = `$TTL 3600
@       SOA    ns admin 1 7200 900 1209600 300
@       NS     ns
@       NS     ns.example.net.
ns      A      192.0.2.53
www     A      192.0.2.80
www     A      192.0.2.81
www     AAAA   2001:db8::80
mail    A      192.0.2.25
MiXeD   TXT    "a" "B"
@       MX     10 mail
@       MX     20 MAIL
@       MX     30 mail.example.net.
_sip    SRV    1 1 5060 www
_sip    SRV    2 1 5060 www
a.b.ent A      192.0.2.90

alias   CNAME  www
one     CNAME  two
two     CNAME  THREE
three   CNAME  www
nothing CNAME  missing
nodata  CNAME  mail
toent   CNAME  b.ent
away    CNAME  www.example.net.
far     CNAME  away
self    CNAME  self
loop1   CNAME  Loop2
loop2   CNAME  loop3
loop3   CNAME  LOOP1
intoit  CNAME  loop1

*.wild        A      192.0.2.99
*.wild        TXT    "wild"
known.wild    MX     10 mail
x.deep.wild   A      192.0.2.98
*.star        CNAME  www
*.gone        CNAME  missing
f.*.hollow    A      192.0.2.97
*.sub.*.twice A      192.0.2.96

sub           NS     ns.sub
sub           NS     ns
sub           NS     ns.example.net.
sub           A      192.0.2.70
ns.sub        A      203.0.113.53
ns.sub        AAAA   2001:db8:5::53
www.sub       A      203.0.113.80
alias.sub     CNAME  www
*.w.sub       A      203.0.113.99
low.sub       NS     ns.low.sub
ns.low.sub    A      203.0.113.54
elsewhere     NS     ns.example.net.
intosub       CNAME  www.sub
*.tosub       CNAME  x.SUB
`

const farmSOA = "example.com. 300 IN SOA ns.example.com. admin.example.com. 1 7200 900 1209600 300"

// Letters (RFC 4343, section 3).
func TestCase(t *testing.T) {
	r := rule.New(t, 16)
	z := mustParse(r, farm)
	for _, text := range []string{"mixed.example.com.", "MIXED.EXAMPLE.COM.", "MiXeD.eXample.com."} {
		z.mustSay(r, text, "TXT", answers(text+` 3600 IN TXT "a" "B"`))
	}
	z.mustSay(r, "EXAMPLE.com.", "NS", answers("EXAMPLE.com. 3600 IN NS ns.example.com.", "EXAMPLE.com. 3600 IN NS ns.example.net."))
	other := mustParseAs(r, "@ 60 SOA a b 1 2 3 4 5\nWWW A 192.0.2.1\n$ORIGIN example.COM.\nWww A 192.0.2.2\nftp A 192.0.2.3\n", "EXAMPLE.com.")
	other.mustSay(r, "www.example.com.", "A", answers("www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN A 192.0.2.2"))
	other.mustSay(r, "ftp.example.com.", "A", answers("ftp.example.com. 60 IN A 192.0.2.3"))

	twice := mustParse(r, head+"x MX 10 mail\nx MX 10 MAIL\nx SRV 1 2 3 www\nx SRV 1 2 3 Www\nx TXT text\nx TXT Text\n")
	twice.mustSay(r, "x.example.com.", "MX", answers("x.example.com. 3600 IN MX 10 mail.example.com."))
	twice.mustSay(r, "x.example.com.", "SRV", answers("x.example.com. 3600 IN SRV 1 2 3 www.example.com."))
	twice.mustSay(r, "x.example.com.", "TXT", answers("x.example.com. 3600 IN TXT text", "x.example.com. 3600 IN TXT Text"))
	same := mustParse(r, head+"x CNAME y.example.net.\nx CNAME Y.example.NET.\n")
	same.mustSay(r, "x.example.com.", "CNAME", answers("x.example.com. 3600 IN CNAME y.example.net."))

	// Nothing but A to Z has two forms: \195\134 and \195\166 are another matter.
	odd := mustParse(r, head+`\195\134 A 192.0.2.1`+"\n"+`[ A 192.0.2.2`+"\n"+`\255 A 192.0.2.3`+"\n")
	for _, text := range []string{`\195\166.example.com.`, `{.example.com.`, `\223.example.com.`} {
		if a := odd.ask(r, text, "A"); len(a.Answers) > 0 {
			r.Fatalf("Lookup(%s A): want no Answers, as there is no such name\n\ngot   %s\n\n%s", text, said(a), odd.listing())
		}
	}
}

// A name that has other records (RFC 2308, sections 2.2 and 3).
func TestNoData(t *testing.T) {
	r := rule.New(t, 17)
	z := mustParse(r, farm)
	z.mustSay(r, "mail.example.com.", "AAAA", denial(header.RcodeNoError))
	z.mustSay(r, "MAIL.example.com.", "TXT", denial(header.RcodeNoError))
	z.mustSay(r, "example.com.", "A", denial(header.RcodeNoError))
	z.mustSay(r, "mail.example.com.", "TYPE65280", denial(header.RcodeNoError))
	short := mustParse(r, "@ 60 SOA ns.example.com. admin.example.com. 1 7200 900 1209600 300\n")
	short.mustSay(r, "example.com.", "A", want{aa: true, authorities: records("example.com. 60 IN SOA ns.example.com. admin.example.com. 1 7200 900 1209600 300")})
	short.mustSay(r, "example.com.", "SOA", answers("example.com. 60 IN SOA ns.example.com. admin.example.com. 1 7200 900 1209600 300"))
	z.mustSay(r, "example.com.", "SOA", answers("example.com. 3600 IN SOA ns.example.com. admin.example.com. 1 7200 900 1209600 300"))
}

// A name that does not exist (RFC 2308, sections 2.1 and 3).
func TestNXDomain(t *testing.T) {
	r := rule.New(t, 18)
	z := mustParse(r, farm)
	for _, text := range []string{"missing.example.com.", "x.www.example.com.", "a.b.c.d.e.example.com.", `www\.example.example.com.`, "ww.example.com.", "wwww.example.com."} {
		z.mustSay(r, text, "A", denial(header.RcodeNXDomain))
		z.mustSay(r, text, "SOA", denial(header.RcodeNXDomain))
	}
}

// Names between others (RFC 4592, section 2.2.2; RFC 8020, section 3.1).
func TestEmptyNonTerminal(t *testing.T) {
	r := rule.New(t, 19)
	z := mustParse(r, farm)
	for _, text := range []string{"b.ent.example.com.", "ent.example.com.", "B.ENT.example.com.", "wild.example.com."} {
		z.mustSay(r, text, "A", denial(header.RcodeNoError))
	}
	z.mustSay(r, "x.ent.example.com.", "A", denial(header.RcodeNXDomain))
	escaped := mustParse(r, head+`a.b\.c A 192.0.2.1`)
	escaped.mustSay(r, `b\.c.example.com.`, "A", denial(header.RcodeNoError))
	escaped.mustSay(r, `c.example.com.`, "A", denial(header.RcodeNXDomain))
}

// Names and classes of others (RFC 1035, section 4.1.1).
func TestRefused(t *testing.T) {
	r := rule.New(t, 20)
	z := mustParse(r, farm)
	for _, text := range []string{"www.example.net.", "com.", ".", "notexample.com.", `www\.example.com.`, `x\.example.com.`, "example.com.net."} {
		z.mustSay(r, text, "A", want{rcode: header.RcodeRefused})
		z.mustSay(r, text, "NS", want{rcode: header.RcodeRefused})
	}
	for _, class := range []question.Class{question.ClassCH, question.ClassHS, question.ClassNONE, 0, 4711} {
		for _, text := range []string{"www.example.com.", "missing.example.com.", "www.sub.example.com."} {
			q := question.Question{Name: text, Type: question.TypeA, Class: class}
			z.judge(r, q, z.lookup(r, q), want{rcode: header.RcodeRefused})
		}
	}
}

const (
	wwwA  = "www.example.com. 3600 IN A 192.0.2.80"
	wwwA2 = "www.example.com. 3600 IN A 192.0.2.81"
)

// CNAMEs, each before what it leads to (RFC 1034, sections 3.6.2 and 4.3.2).
func TestCNAME(t *testing.T) {
	r := rule.New(t, 21)
	z := mustParse(r, farm)
	z.mustSay(r, "alias.example.com.", "CNAME", answers("alias.example.com. 3600 IN CNAME www.example.com."))
	z.mustSay(r, "alias.example.com.", "A", answers("alias.example.com. 3600 IN CNAME www.example.com.", wwwA, wwwA2))
	z.mustSay(r, "ALIAS.example.com.", "A", answers("ALIAS.example.com. 3600 IN CNAME www.example.com.", wwwA, wwwA2))
	z.mustSay(r, "one.example.com.", "AAAA", answers("one.example.com. 3600 IN CNAME two.example.com.", "two.example.com. 3600 IN CNAME THREE.example.com.",
		"THREE.example.com. 3600 IN CNAME www.example.com.", "www.example.com. 3600 IN AAAA 2001:db8::80"))
	z.mustSay(r, "one.example.com.", "CNAME", answers("one.example.com. 3600 IN CNAME two.example.com."))
	other := mustParse(r, head+"y CNAME \\122\nz A 192.0.2.1\n")
	other.mustSay(r, "y.example.com.", "A", answers("y.example.com. 3600 IN CNAME z.example.com.", "z.example.com. 3600 IN A 192.0.2.1"))

	// Chains have any length: a walk that is bounded by a number cuts them off.
	file, all := head, []string(nil)
	for i := range 20 {
		file += fmt.Sprintf("c%d CNAME c%d\n", i, i+1)
		all = append(all, fmt.Sprintf("c%d.example.com. 3600 IN CNAME c%d.example.com.", i, i+1))
	}
	long := mustParse(r, file+"c20 A 192.0.2.1\n")
	long.mustSay(r, "c0.example.com.", "A", answers(append(all, "c20.example.com. 3600 IN A 192.0.2.1")...))
}

// Where chains end (RFC 6604, section 3; RFC 2308, section 2.1).
func TestEndOfChain(t *testing.T) {
	r := rule.New(t, 22)
	z := mustParse(r, farm)
	z.mustSay(r, "nothing.example.com.", "A", chain(denial(header.RcodeNXDomain), "nothing.example.com. 3600 IN CNAME missing.example.com."))
	z.mustSay(r, "nodata.example.com.", "AAAA", chain(denial(header.RcodeNoError), "nodata.example.com. 3600 IN CNAME mail.example.com."))
	z.mustSay(r, "toent.example.com.", "A", chain(denial(header.RcodeNoError), "toent.example.com. 3600 IN CNAME b.ent.example.com."))
	z.mustSay(r, "away.example.com.", "A", answers("away.example.com. 3600 IN CNAME www.example.net."))
	z.mustSay(r, "far.example.com.", "A", answers("far.example.com. 3600 IN CNAME away.example.com.", "away.example.com. 3600 IN CNAME www.example.net."))
}

// CNAMEs in a circle (RFC 1034, section 3.6.2).
func TestLoop(t *testing.T) {
	r := rule.New(t, 23)
	z := mustParse(r, farm)
	one, two, three := "loop1.example.com. 3600 IN CNAME Loop2.example.com.", "loop2.example.com. 3600 IN CNAME loop3.example.com.", "loop3.example.com. 3600 IN CNAME LOOP1.example.com."
	z.mustSay(r, "self.example.com.", "A", circle("self.example.com. 3600 IN CNAME self.example.com."))
	z.mustSay(r, "loop1.example.com.", "A", circle(one, two, three))
	z.mustSay(r, "loop2.example.com.", "A", circle(two, three, one))
	z.mustSay(r, "LOOP1.example.com.", "TXT", circle("LOOP1.example.com. 3600 IN CNAME Loop2.example.com.", two, three))
	z.mustSay(r, "intoit.example.com.", "A", circle("intoit.example.com. 3600 IN CNAME loop1.example.com.", one, two, three))
	z.mustSay(r, "loop1.example.com.", "CNAME", answers(one))
}

// What a wildcard stands for (RFC 4592, sections 2.1.1 and 3.3.1).
func TestWildcard(t *testing.T) {
	r := rule.New(t, 24)
	z := mustParse(r, farm)
	for _, text := range []string{"x.wild.example.com.", "X.Wild.Example.com.", "y.z.wild.example.com.", `\000.wild.example.com.`, "*.wild.example.com.", "x.*x.wild.example.com."} {
		z.mustSay(r, text, "A", answers(text+" 3600 IN A 192.0.2.99"))
	}
	z.mustSay(r, "x.wild.example.com.", "AAAA", denial(header.RcodeNoError))
	z.mustSay(r, "x.star.example.com.", "CNAME", answers("x.star.example.com. 3600 IN CNAME www.example.com."))
	z.mustSay(r, "X.star.example.com.", "A", answers("X.star.example.com. 3600 IN CNAME www.example.com.", wwwA, wwwA2))
	z.mustSay(r, "x.gone.example.com.", "A", chain(denial(header.RcodeNXDomain), "x.gone.example.com. 3600 IN CNAME missing.example.com."))
	loop := mustParse(r, head+"*.w CNAME a.w\n")
	loop.mustSay(r, "b.w.example.com.", "A", circle("b.w.example.com. 3600 IN CNAME a.w.example.com.", "a.w.example.com. 3600 IN CNAME a.w.example.com."))
	top := mustParse(r, head+"* TXT x\n")
	top.mustSay(r, "a.b.c.example.com.", "TXT", answers("a.b.c.example.com. 3600 IN TXT x"))
	top.mustSay(r, "example.com.", "TXT", denial(header.RcodeNoError))
	top.mustSay(r, "x.example.net.", "TXT", want{rcode: header.RcodeRefused})
}

// What a wildcard does not stand for (RFC 4592, sections 2.2.1 and 3.3.1).
func TestClosestEncloser(t *testing.T) {
	r := rule.New(t, 25)
	z := mustParse(r, farm)
	z.mustSay(r, "known.wild.example.com.", "A", denial(header.RcodeNoError))
	z.mustSay(r, "wild.example.com.", "A", denial(header.RcodeNoError))
	z.mustSay(r, "deep.wild.example.com.", "A", denial(header.RcodeNoError))
	for _, text := range []string{"x.known.wild.example.com.", "x.y.known.wild.example.com.", "y.deep.wild.example.com.", "x.x.deep.wild.example.com.", "x.*.wild.example.com.", "*.*.wild.example.com."} {
		z.mustSay(r, text, "A", denial(header.RcodeNXDomain))
	}
	// A wildcard may be empty itself: f.*.hollow makes *.hollow exist.
	z.mustSay(r, "x.hollow.example.com.", "A", denial(header.RcodeNoError))
	z.mustSay(r, "f.x.hollow.example.com.", "A", denial(header.RcodeNoError))
	z.mustSay(r, "f.*.hollow.example.com.", "A", answers("f.*.hollow.example.com. 3600 IN A 192.0.2.97"))
	// An asterisk inside a name is a letter like others.
	z.mustSay(r, "x.sub.*.twice.example.com.", "A", answers("x.sub.*.twice.example.com. 3600 IN A 192.0.2.96"))
	z.mustSay(r, "x.sub.y.twice.example.com.", "A", denial(header.RcodeNoError))
}

var (
	subNS = records("sub.example.com. 3600 IN NS ns.sub.example.com.", "sub.example.com. 3600 IN NS ns.example.com.", "sub.example.com. 3600 IN NS ns.example.net.")
	glue  = records("ns.sub.example.com. 3600 IN A 203.0.113.53", "ns.sub.example.com. 3600 IN AAAA 2001:db8:5::53")
)

// Delegations, with the addresses without which they lead nowhere (RFC 1034,
// section 4.3.2; RFC 9471, section 3.1).
func TestDelegation(t *testing.T) {
	r := rule.New(t, 26)
	z := mustParse(r, farm)
	for _, text := range []string{"x.sub.example.com.", "a.b.c.sub.example.com.", "sub.example.com.", "X.SUB.example.com."} {
		z.mustSay(r, text, "A", want{authorities: subNS, glue: glue})
	}
	z.mustSay(r, "sub.example.com.", "NS", want{authorities: subNS, glue: glue})
	z.mustSay(r, "x.elsewhere.example.com.", "A", want{authorities: records("elsewhere.example.com. 3600 IN NS ns.example.net.")})
	z.mustSay(r, "example.com.", "NS", answers("example.com. 3600 IN NS ns.example.com.", "example.com. 3600 IN NS ns.example.net."))

	// A server may have the delegation's own name, and be spelt in other letters than its address.
	own := mustParse(r, head+"sub NS sub\nsub A 192.0.2.70\nupper NS NS.Upper\nns.upper A 192.0.2.71\nlower NS ns.lower\nNS.Lower A 192.0.2.72\n")
	for _, tt := range [][3]string{{"sub", "sub", "sub.example.com. 3600 IN A 192.0.2.70"}, {"upper", "NS.Upper", "ns.upper.example.com. 3600 IN A 192.0.2.71"}, {"lower", "ns.lower", "NS.Lower.example.com. 3600 IN A 192.0.2.72"}} {
		server := records(fmt.Sprintf("%s.example.com. 3600 IN NS %s.example.com.", tt[0], tt[1]))
		own.mustSay(r, "x."+tt[0]+".example.com.", "A", want{authorities: server, glue: records(tt[2])})
	}
}

// What stands in the file below a delegation (RFC 1034, sections 4.2.1 and 4.3.2).
func TestOccluded(t *testing.T) {
	r := rule.New(t, 27)
	z := mustParse(r, farm)
	for _, q := range [][2]string{
		{"ns.sub", "A"}, {"ns.sub", "TXT"}, {"www.sub", "A"}, {"www.sub", "AAAA"}, {"x.www.sub", "A"}, {"sub", "A"}, {"sub", "SOA"}, {"sub", "ANY"},
		{"alias.sub", "A"}, {"alias.sub", "CNAME"}, {"x.w.sub", "A"}, {"w.sub", "A"}, {"low.sub", "NS"}, {"x.low.sub", "A"}, {"ns.low.sub", "A"},
	} {
		z.mustSay(r, q[0]+".example.com.", q[1], want{authorities: subNS, glue: glue})
	}
	below := mustParse(r, head+"* A 192.0.2.99\nsub NS ns.example.net.\n*.sub A 192.0.2.98\n")
	for _, text := range []string{"sub.example.com.", "x.sub.example.com.", "*.sub.example.com.", "x.y.sub.example.com."} {
		below.mustSay(r, text, "A", want{authorities: records("sub.example.com. 3600 IN NS ns.example.net.")})
	}
	below.mustSay(r, "x.example.com.", "A", answers("x.example.com. 3600 IN A 192.0.2.99"))
}

// CNAMEs into a delegation (RFC 1035, section 4.1.1, about AA).
func TestChainIntoDelegation(t *testing.T) {
	r := rule.New(t, 27)
	z := mustParse(r, farm)
	w := want{aa: true, authorities: subNS, glue: glue}
	z.mustSay(r, "intosub.example.com.", "A", chain(w, "intosub.example.com. 3600 IN CNAME www.sub.example.com."))
	z.mustSay(r, "x.tosub.example.com.", "A", chain(w, "x.tosub.example.com. 3600 IN CNAME x.SUB.example.com."))
}

// ANY (RFC 8482, section 4.1).
func TestAny(t *testing.T) {
	r := rule.New(t, 28)
	z := mustParse(r, farm)
	all := map[string][][]record.Record{
		"www.example.com.":         {records(wwwA, wwwA2), records("www.example.com. 3600 IN AAAA 2001:db8::80")},
		"alias.example.com.":       {records("alias.example.com. 3600 IN CNAME www.example.com.")},
		"X.wild.example.com.":      {records("X.wild.example.com. 3600 IN A 192.0.2.99"), records(`X.wild.example.com. 3600 IN TXT "wild"`)},
		"x.star.example.com.":      {records("x.star.example.com. 3600 IN CNAME www.example.com.")},
		"a.b.ent.example.com.":     {records("a.b.ent.example.com. 3600 IN A 192.0.2.90")},
		"mixed.example.com.":       {records(`mixed.example.com. 3600 IN TXT "a" "B"`)},
		"f.*.hollow.example.com.":  {records("f.*.hollow.example.com. 3600 IN A 192.0.2.97")},
		"*.star.example.com.":      {records("*.star.example.com. 3600 IN CNAME www.example.com.")},
		"known.wild.example.com.":  {records("known.wild.example.com. 3600 IN MX 10 mail.example.com.")},
		"self.example.com.":        {records("self.example.com. 3600 IN CNAME self.example.com.")},
		"nothing.example.com.":     {records("nothing.example.com. 3600 IN CNAME missing.example.com.")},
		"x.deep.wild.example.com.": {records("x.deep.wild.example.com. 3600 IN A 192.0.2.98")},
	}
	for _, text := range slices.Sorted(maps.Keys(all)) {
		z.mustSayAny(r, text, all[text])
	}
	z.mustSay(r, "ent.example.com.", "ANY", denial(header.RcodeNoError))
	z.mustSay(r, "missing.example.com.", "ANY", denial(header.RcodeNXDomain))
	z.mustSay(r, "x.hollow.example.com.", "ANY", denial(header.RcodeNoError))
}

// Addresses that come along (RFC 1034, section 4.3.2, step 6).
func TestAdditionals(t *testing.T) {
	r := rule.New(t, 29)
	z := mustParse(r, farm)
	addresses := records("mail.example.com. 3600 IN A 192.0.2.25", "ns.example.com. 3600 IN A 192.0.2.53", wwwA, wwwA2, "www.example.com. 3600 IN AAAA 2001:db8::80",
		"ns.sub.example.com. 3600 IN A 203.0.113.53", "ns.sub.example.com. 3600 IN AAAA 2001:db8:5::53")
	for _, q := range [][2]string{
		{"example.com.", "MX"}, {"example.com.", "NS"}, {"_sip.example.com.", "SRV"}, {"known.wild.example.com.", "MX"}, {"x.sub.example.com.", "A"}, {"x.elsewhere.example.com.", "A"},
		{"www.example.com.", "A"}, {"missing.example.com.", "A"}, {"alias.example.com.", "A"}, {"www.example.net.", "A"}, {"mixed.example.com.", "TXT"},
	} {
		a := z.ask(r, q[0], q[1])
		for i, got := range a.Additionals {
			call := fmt.Sprintf("Lookup(%s %s) has among its Additionals\n  %s\n", q[0], q[1], show(got))
			switch {
			case !contains(addresses, got):
				r.Fatalf("%sThe zone has no such record, or it is no address of a host.\n\n%s", call, z.listing())
			case !slices.ContainsFunc(slices.Concat(a.Answers, a.Authorities), func(rec record.Record) bool { return strings.EqualFold(host(rec), got.Name) }):
				r.Fatalf("%sNo record of the answer names that host:\n%s", call, lines(slices.Concat(a.Answers, a.Authorities)))
			case contains(a.Additionals[:i], got):
				r.Fatalf("%stwice: once is enough", call)
			}
		}
	}
}

// The root zone (RFC 1034, section 3.1).
func TestRoot(t *testing.T) {
	r := rule.New(t, 30)
	const rootSOA = "60 IN SOA a.root.example. admin.example. 1 7200 900 1209600 300"
	z := mustParseAs(r, `@ 60 SOA a.root.example admin.example 1 7200 900 1209600 300
  NS a.root.example
. TXT root
a.root.example A 192.0.2.1
com NS ns.example
com NS ns.com
ns.com A 192.0.2.2
*.wild TXT wild
alias. CNAME a.root.example
`, ".")
	no := func(rcode header.Rcode) want {
		return want{rcode: rcode, aa: true, authorities: records(". " + rootSOA)}
	}
	z.mustSay(r, ".", "SOA", answers(". "+rootSOA))
	z.mustSay(r, ".", "NS", answers(". 60 IN NS a.root.example."))
	z.mustSay(r, ".", "TXT", answers(". 60 IN TXT root"))
	z.mustSay(r, ".", "A", no(header.RcodeNoError))
	z.mustSay(r, "root.example.", "A", no(header.RcodeNoError))
	z.mustSay(r, "a.root.example.", "A", answers("a.root.example. 60 IN A 192.0.2.1"))
	z.mustSay(r, "net.", "A", no(header.RcodeNXDomain))
	z.mustSay(r, "www.example.org.", "A", no(header.RcodeNXDomain))
	z.mustSay(r, "x.y.wild.", "TXT", answers("x.y.wild. 60 IN TXT wild"))
	z.mustSay(r, "alias.", "A", answers("alias. 60 IN CNAME a.root.example.", "a.root.example. 60 IN A 192.0.2.1"))
	z.mustSay(r, "www.example.com.", "A", want{authorities: records("com. 60 IN NS ns.example.", "com. 60 IN NS ns.com."), glue: records("ns.com. 60 IN A 192.0.2.2")})
	star := mustParseAs(r, "@ 60 SOA a.root.example. admin.example. 1 7200 900 1209600 300\n* TXT any\n", ".")
	star.mustSay(r, "www.example.com.", "TXT", answers("www.example.com. 60 IN TXT any"))
}

// Answers that were given stay what they were, and are the caller's (RFC 1034,
// section 4.3.2: data are copied into the answer).
func TestAnswersStay(t *testing.T) {
	r := rule.New(t, 31)
	z := mustParse(r, farm)
	names := []string{"www.example.com.", "alias.example.com.", "x.wild.example.com.", "x.star.example.com.", "x.sub.example.com.", "missing.example.com.", "mail.example.com.", "example.com.", "_sip.example.com."}
	types := []string{"A", "TXT", "MX", "SRV", "NS"}
	for _, text := range names {
		for _, rrtype := range types {
			first := z.ask(r, text, rrtype)
			before := said(first)
			z.ask(r, strings.ToUpper(text), rrtype)
			if now := said(first); now != before {
				r.Fatalf("Lookup(%s %s) changed the answer that Lookup(%s %s) had given before:\n\nfirst\n%s\n\nnow\n%s", strings.ToUpper(text), rrtype, text, rrtype, before, now)
			}
			for i, section := range []string{"Answers", "Authorities", "Additionals"} {
				records := [][]record.Record{first.Answers, first.Authorities, first.Additionals}[i]
				if len(records) == 0 {
					continue
				}
				overwrite(records)
				z.after = fmt.Sprintf(", after a caller of Lookup(%s %s) wrote into the %s that it got", text, rrtype, section)
				if now := said(z.ask(r, text, rrtype)); now != before {
					r.Fatalf("Lookup(%s %s) was asked twice; between, its caller wrote into the %s that it got\n\nfirst\n%s\n\nthen\n%s", text, rrtype, section, before, now)
				}
			}
		}
	}
}

// overwrite changes a caller's records, and those that append would write to.
func overwrite(section []record.Record) {
	section = section[:cap(section)]
	for i := range section {
		section[i] = record.Record{Name: "changed.by.its.caller.", Class: question.ClassIN, Data: txt("changed")}
	}
}

// Many goroutines, for go test -race to look at (Go memory model).
func TestConcurrent(t *testing.T) {
	r := rule.New(t, 31)
	z := mustParse(r, farm)
	names := []string{"www.example.com.", "one.example.com.", "x.wild.example.com.", "x.star.example.com.", "x.sub.example.com.", "missing.example.com.", "loop1.example.com."}
	want := map[string]string{}
	for _, text := range names {
		want[text] = said(z.ask(r, text, "A"))
	}
	wrong := make(chan string, 1)
	r.Do(func() string { return "Lookup, from eight goroutines at once" }, func() {
		var wg sync.WaitGroup
		for g := range 8 {
			wg.Go(func() {
				for i := range 50 * len(names) {
					text := names[(g+i)%len(names)]
					a := z.Lookup(ask(text, question.TypeA))
					if got := said(a); got != want[text] {
						select {
						case wrong <- fmt.Sprintf("asked by eight goroutines at once, Lookup(%s A) says\n%s\n\nwant, as when asked by one\n%s", text, got, want[text]):
						default:
						}
						return
					}
					for i := range a.Answers {
						a.Answers[i].Name = "mine."
					}
				}
			})
		}
		wg.Wait()
	})
	select {
	case text := <-wrong:
		r.Fatalf("%s", text)
	default:
	}
}

// What real servers said about the same zones (RFC 1034, section 4.3.2).
func TestCaptured(t *testing.T) {
	for _, tt := range []struct{ file, origin, pattern string }{
		{"example.com.zone", "example.com.", "*-knot"},
		{"example.com.zone", "example.com.", "*-nsd"},
		{"root.zone", ".", "root-*-nsd"},
	} {
		t.Run(tt.pattern, func(t *testing.T) {
			r := rule.New(t, 32)
			text, err := os.ReadFile("../../../testdata/dns/zone/" + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			z := mustParseAs(r, string(text), tt.origin)
			z.note = "The zone is testdata/dns/zone/" + tt.file
			files, err := filepath.Glob("../../../testdata/dns/captured/" + tt.pattern + ".response.hex")
			if err != nil || len(files) == 0 {
				t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
			}
			for _, file := range files {
				if tt.origin != "." && strings.Contains(file, "root-") {
					continue // of another server, with the other zone
				}
				z.mustSayAs(r, "dns/captured/"+filepath.Base(file))
			}
		})
	}
}

// Any zone, any question, as RFC 1034 says it step by step (section 4.3.2).
func TestAnyZone(t *testing.T) {
	r := rule.New(t, 32)
	r.Property(func(t *rapid.T, r *rule.R) {
		m := drawZone(t)
		z := mustParseAs(r, m.text(), m.origin)
		for range 20 {
			q := ask(drawName(t, rapid.SampledFrom(m.names)), rapid.SampledFrom(drawnTypes).Draw(t, "type"))
			z.judge(r, q, z.lookup(r, q), m.lookup(q))
		}
	})
}

// want is what Lookup should say.
type want struct {
	rcode       header.Rcode
	aa          bool
	circle      bool            // of CNAMEs: rcode may be SERVFAIL, too
	answers     []record.Record // CNAMEs in this order, before all others, which may have any
	authorities []record.Record // in any order; nil: none, or the NS records of the origin
	glue        []record.Record // that Additionals hold, beside others
}

// answers is a want of records that exist.
func answers(all ...string) want { return want{aa: true, answers: records(all...)} }

// answer is answers, of records that are at hand.
func answer(all ...record.Record) want { return want{aa: true, answers: all} }

// denial is a want of nothing, in the zone of head and of farm.
func denial(rcode header.Rcode) want {
	return want{rcode: rcode, aa: true, authorities: records(farmSOA)}
}

// chain is w behind CNAMEs.
func chain(w want, cnames ...string) want {
	w.answers = append(records(cnames...), w.answers...)
	return w
}

// circle is a want of CNAMEs that lead nowhere.
func circle(cnames ...string) want { return want{aa: true, circle: true, answers: records(cnames...)} }

// records reads records of the types that these tests need, every word written.
func records(all ...string) []record.Record {
	var out []record.Record
	for _, text := range all {
		w := strings.Fields(text)
		out = append(out, record.Record{Name: w[0], Class: question.ClassIN, TTL: uint32(number(w[1])), Data: data(strings.ToUpper(w[3]), w[4:])})
	}
	return out
}

func data(rrtype string, w []string) record.Data {
	switch rrtype {
	case "A":
		return a4(w[0])
	case "AAAA":
		return record.AAAA{Addr: netip.MustParseAddr(w[0])}
	case "CNAME":
		return record.CNAME{Target: w[0]}
	case "NS":
		return record.NS{Host: w[0]}
	case "PTR":
		return record.PTR{Target: w[0]}
	case "MX":
		return record.MX{Preference: uint16(number(w[0])), Host: w[1]}
	case "SRV":
		return record.SRV{Priority: uint16(number(w[0])), Weight: uint16(number(w[1])), Port: uint16(number(w[2])), Target: w[3]}
	case "SOA":
		return record.SOA{Primary: w[0], Mailbox: w[1], Serial: uint32(number(w[2])), Refresh: uint32(number(w[3])),
			Retry: uint32(number(w[4])), Expire: uint32(number(w[5])), Minimum: uint32(number(w[6]))}
	case "TXT":
		for i := range w {
			w[i] = strings.Trim(w[i], `"`)
		}
		return txt(w...)
	}
	panic("the tests know no type " + rrtype)
}

func number(text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		panic(err)
	}
	return n
}

func a4(text string) record.A { return record.A{Addr: netip.MustParseAddr(text)} }

// fromMiekg returns what miekg/dns has read as a record of ours.
func fromMiekg(r *rule.R, rr dns.RR) record.Record {
	r.T().Helper()
	msg := make([]byte, dns.MaxMsgSize)
	n, err := dns.PackRR(rr, msg, 0, nil, false)
	if err != nil {
		r.T().Fatalf("miekg/dns does not write %v: %v", rr, err)
	}
	var out record.Record
	r.Do(func() string { return fmt.Sprintf("record.Parse(msg, 0, name.Parse), of\n%v", rr) }, func() { out, _, err = record.Parse(msg[:n], 0, name.Parse) })
	if err != nil {
		r.T().Fatalf("dns/record does not read %v: %v", rr, err)
	}
	return out
}

// asked is a zone, and the file that it was read from.
type asked struct {
	*zone.Zone
	text, origin string
	note         string // said in place of the file's lines
	after        string // what had been done before it was asked
}

func parseFrom(r *rule.R, text, origin string, slow bool) (z *zone.Zone, err error) {
	in := io.Reader(strings.NewReader(text))
	if slow {
		in = iotest.OneByteReader(in)
	}
	r.Do(func() string { return fmt.Sprintf("Parse(file, %q)\n\n%s", origin, listing(text, 0)) }, func() { z, err = zone.Parse(in, origin) })
	return z, err
}

func mustParse(r *rule.R, text string) *asked {
	r.T().Helper()
	return mustParseAs(r, text, "example.com.")
}

func mustParseAs(r *rule.R, text, origin string) *asked {
	r.T().Helper()
	z, err := parseFrom(r, text, origin, false)
	switch {
	case errors.Is(err, todo.Err):
		r.Fatalf("Parse: %v", err)
	case err != nil:
		line := 0
		if at := new(zone.SyntaxError); errors.As(err, &at) {
			line = at.Line
		}
		r.Fatalf("Parse(file, %q) = error: %v\nwant no error\n\n%s", origin, err, listing(text, line))
	case z == nil:
		r.Fatalf("Parse(file, %q) = nil, nil\nwant a zone\n\n%s", origin, listing(text, 0))
	}
	if !strings.HasSuffix(origin, ".") {
		origin += "."
	}
	return &asked{Zone: z, text: text, origin: origin}
}

// ask returns a question in the class IN.
func ask(name string, rrtype question.Type) question.Question {
	return question.Question{Name: name, Type: rrtype, Class: question.ClassIN}
}

// typeOf returns the type of that name.
func typeOf(text string) question.Type {
	if n, ok := dns.StringToType[text]; ok {
		return question.Type(n)
	}
	return question.Type(number(strings.TrimPrefix(text, "TYPE")))
}

func (z *asked) ask(r *rule.R, name, rrtype string) respond.Answer {
	return z.lookup(r, ask(name, typeOf(rrtype)))
}

func (z *asked) lookup(r *rule.R, q question.Question) (a respond.Answer) {
	r.Do(func() string { return fmt.Sprintf("Lookup(%s)%s\n\n%s", showQuestion(q), z.after, z.about(q.Name)) }, func() { a = z.Lookup(q) })
	return a
}

// mustAnswer wants these records, in any order.
func (z *asked) mustAnswer(r *rule.R, name, rrtype string, all ...string) {
	r.T().Helper()
	z.mustSay(r, name, rrtype, answers(all...))
}

// mustHave wants one record with that data, and the TTL of head.
func (z *asked) mustHave(r *rule.R, name string, rrtype question.Type, data record.Data) {
	r.T().Helper()
	q := ask(name, rrtype)
	z.judge(r, q, z.lookup(r, q), answer(record.Record{Name: name, Class: question.ClassIN, TTL: 3600, Data: data}))
}

// mustHaveText wants a TXT record, written like that, to say want.
func mustHaveText(r *rule.R, text string, want record.TXT) {
	r.T().Helper()
	mustParse(r, head+"x TXT "+text+"\n").mustHave(r, "x.example.com.", question.TypeTXT, want)
}

func (z *asked) mustSay(r *rule.R, name, rrtype string, w want) {
	r.T().Helper()
	z.judge(r, ask(name, typeOf(rrtype)), z.ask(r, name, rrtype), w)
}

// mustSayAny wants one or more of the sets, whole.
func (z *asked) mustSayAny(r *rule.R, name string, sets [][]record.Record) {
	r.T().Helper()
	q := ask(name, question.TypeANY)
	a := z.lookup(r, q)
	w := want{aa: true}
	for _, set := range sets {
		if slices.ContainsFunc(set, func(rec record.Record) bool { return contains(a.Answers, rec) }) {
			w.answers = append(w.answers, set...)
		}
	}
	if len(w.answers) == 0 {
		w.answers = sets[0]
	}
	z.judge(r, q, a, w)
}

// judge compares what Lookup said with what it should have said.
func (z *asked) judge(r *rule.R, q question.Question, a respond.Answer, w want) {
	r.T().Helper()
	why := z.differs(q, a, w)
	if why == "" {
		return
	}
	wanted := respond.Answer{Rcode: w.rcode, Authoritative: w.aa, Answers: w.answers, Authorities: w.authorities, Additionals: w.glue}
	text := said(wanted)
	if w.circle {
		text = rcodeText(header.RcodeServFail) + " or " + text
	}
	names := []string{q.Name}
	for _, rec := range slices.Concat(a.Answers, w.answers) {
		if names = append(names, rec.Name); isCNAME(rec) {
			names = append(names, host(rec))
		}
	}
	r.Fatalf("Lookup(%s): %s\n\ngot   %s\nwant  %s\n\n%s", showQuestion(q), why, said(a), text, z.about(names...))
}

// differs says what of a is not as wanted; "" if all is.
func (z *asked) differs(q question.Question, a respond.Answer, w want) string {
	switch {
	case a.Rcode != w.rcode && !(w.circle && a.Rcode == header.RcodeServFail):
		if w.circle {
			return fmt.Sprintf("%s, want NOERROR or SERVFAIL", rcodeText(a.Rcode))
		}
		return fmt.Sprintf("%s, want %s", rcodeText(a.Rcode), rcodeText(w.rcode))
	case a.Authoritative != w.aa:
		return fmt.Sprintf("Authoritative is %t, want %t", a.Authoritative, w.aa)
	}
	if why := unlike("Answers", a.Answers, w.answers); why != "" {
		return why
	}
	if i := slices.IndexFunc(a.Answers, isOther); i >= 0 && slices.ContainsFunc(a.Answers[i:], isCNAME) ||
		!slices.EqualFunc(cnames(a.Answers), cnames(w.answers), func(x, y record.Record) bool { return key(x) == key(y) }) {
		return "the records of Answers are out of order: a CNAME comes before what it leads to"
	}
	for _, rec := range a.Answers {
		if strings.EqualFold(rec.Name, q.Name) && rec.Name != q.Name {
			return fmt.Sprintf("an answer belongs to %s, want its owner spelt as it was asked for", rec.Name)
		}
	}
	if w.authorities != nil || w.rcode == header.RcodeRefused {
		if why := unlike("Authorities", a.Authorities, w.authorities); why != "" {
			return why
		}
	}
	for _, rec := range a.Authorities {
		if w.authorities == nil && (rec.Data == nil || rec.Data.Type() != question.TypeNS || !strings.EqualFold(rec.Name, z.origin)) {
			return "nothing of that belongs into Authorities"
		}
	}
	for _, rec := range w.glue {
		if !contains(a.Additionals, rec) {
			return fmt.Sprintf("no address of the server %s in Additionals", rec.Name)
		}
	}
	if w.rcode == header.RcodeRefused && len(a.Additionals) > 0 {
		return "want nothing in Additionals"
	}
	return ""
}

// unlike says what a section has too much or lacks.
func unlike(section string, got, want []record.Record) string {
	for i, rec := range got {
		if contains(got[:i], rec) {
			return section + " hold a record twice"
		}
		if !contains(want, rec) {
			if why := nearly(rec, got, want); why != "" {
				return section + " hold another record than wanted:\n  " + why
			}
			return section + " hold what they should not"
		}
	}
	for _, rec := range want {
		if !contains(got, rec) {
			return section + " lack a record"
		}
	}
	return ""
}

// nearly names the fields in which a record differs from a wanted one that is
// missing; "" if none is like it.
func nearly(rec record.Record, got, want []record.Record) string {
	names := []string{"owner", "TTL", "class", "type"}
	if rec.Data != nil && rec.Data.Type() == question.TypeSOA {
		names = append(names, "MNAME", "RNAME", "SERIAL", "REFRESH", "RETRY", "EXPIRE", "MINIMUM")
	}
	for _, other := range want {
		if rec.Data == nil || contains(got, other) || rec.Data.Type() != other.Data.Type() {
			continue
		}
		is, wanted := strings.SplitN(show(rec), " ", len(names)+1), strings.SplitN(show(other), " ", len(names)+1)
		if len(is) > len(names) && !strings.EqualFold(is[len(names)], wanted[len(names)]) {
			continue // other data
		}
		var all []string
		for i, field := range names {
			if !strings.EqualFold(is[i], wanted[i]) {
				all = append(all, fmt.Sprintf("%s is %s, want %s", field, is[i], wanted[i]))
			}
		}
		return strings.Join(all, "\n  ")
	}
	return ""
}

func contains(all []record.Record, rec record.Record) bool {
	return slices.ContainsFunc(all, func(other record.Record) bool { return key(other) == key(rec) })
}

func isCNAME(rec record.Record) bool { _, ok := rec.Data.(record.CNAME); return ok }

func isOther(rec record.Record) bool { return !isCNAME(rec) }

func cnames(all []record.Record) []record.Record {
	return slices.DeleteFunc(slices.Clone(all), isOther)
}

// host returns the name that a record's data leads to.
func host(rec record.Record) string {
	switch d := rec.Data.(type) {
	case record.CNAME:
		return d.Target
	case record.NS:
		return d.Host
	case record.MX:
		return d.Host
	case record.SRV:
		return d.Target
	}
	return ""
}

// mustSayAs wants what a captured response says, as far as servers agree.
func (z *asked) mustSayAs(r *rule.R, file string) {
	r.T().Helper()
	msg := wire.Load(r.T().(testing.TB), file).Msg
	var m dns.Msg
	if len(wire.DNS(msg).Faults) > 0 || m.Unpack(msg) != nil || len(m.Question) != 1 || m.Opcode != dns.OpcodeQuery || m.Truncated || m.Rcode > dns.RcodeRefused {
		return // about the message, not about the zone
	}
	q := m.Question[0]
	elsewhere := dns.IsSubDomain("arpa.", q.Name) || dns.IsSubDomain("bulk.example.", q.Name)
	if q.Qclass != dns.ClassINET || q.Qtype == dns.TypeANY || q.Qtype == dns.TypeAXFR || m.Rcode == dns.RcodeFormatError || elsewhere && z.origin != "." {
		return // servers differ, or have more zones than this one
	}
	w := want{rcode: header.Rcode(m.Rcode), aa: m.Authoritative, circle: strings.Contains(q.Name, "loop")}
	for _, rr := range m.Answer {
		w.answers = append(w.answers, fromMiekg(r, rr))
	}
	for _, rr := range m.Ns {
		if m.Authoritative && len(m.Answer) > 0 && rr.Header().Rrtype == dns.TypeNS {
			continue // NSD sends the zone's own along
		}
		w.authorities = append(w.authorities, fromMiekg(r, rr))
	}
	for _, rr := range m.Extra {
		if !m.Authoritative && len(m.Ns) > 0 && dns.IsSubDomain(m.Ns[0].Header().Name, rr.Header().Name) {
			w.glue = append(w.glue, fromMiekg(r, rr))
		}
	}
	var asked string // as dns/name spells it
	r.Do(func() string { return "name.Parse(msg, 12)\n\n" + wire.DNS(msg).Dump() }, func() { asked, _, _ = name.Parse(msg, 12) })
	for i := range w.answers { // servers spell owners in their own way
		if strings.EqualFold(w.answers[i].Name, asked) {
			w.answers[i].Name = asked
		}
	}
	told := *z
	told.note = "Wanted is what testdata/" + file + " says.\n" + z.note
	question := ask(asked, question.Type(q.Qtype))
	told.judge(r, question, z.lookup(r, question), w)
}

// sentinels are the errors that a SyntaxError may wrap, with their names.
var sentinels = []struct {
	name string
	err  error
}{
	{"ErrSyntax", zone.ErrSyntax}, {"ErrOutside", zone.ErrOutside}, {"ErrSOA", zone.ErrSOA}, {"ErrCNAME", zone.ErrCNAME},
	{"name.ErrLabelLen", name.ErrLabelLen}, {"name.ErrNameLen", name.ErrNameLen}, {"name.ErrEmptyLabel", name.ErrEmptyLabel}, {"name.ErrEscape", name.ErrEscape},
}

func mustFail(r *rule.R, text string, want error) {
	r.T().Helper()
	_, err := parseFrom(r, text, "example.com.", false)
	wanted := ""
	for _, s := range sentinels {
		if s.err == want {
			wanted = fmt.Sprintf("%s (%q)", s.name, want)
		}
	}
	const call = "Parse(file, \"example.com.\") = "
	switch {
	case err == nil:
		r.Fatalf("%sno error\nwant one that is %s\n\n%s", call, wanted, listing(text, 0))
	case !errors.Is(err, want):
		r.Fatalf("%serror: %v\nwant one that is %s, by errors.Is\n\n%s", call, err, wanted, listing(text, 0))
	}
	for _, s := range sentinels {
		if s.err != want && errors.Is(err, s.err) {
			r.Fatalf("%serror: %v\nIt is %s, too. Want %s alone.\n\n%s", call, err, s.name, wanted, listing(text, 0))
		}
	}
}

// position returns the place of an error, which must be one of Parse's.
func position(r *rule.R, text string, err error) *zone.SyntaxError {
	r.T().Helper()
	var at *zone.SyntaxError
	if !errors.As(err, &at) {
		r.Fatalf("Parse(file, \"example.com.\") = error: %v\nerrors.As finds no *SyntaxError in it\n\n%s", err, listing(text, 0))
	}
	for _, s := range sentinels {
		if errors.Is(at.Err, s.err) {
			return at
		}
	}
	r.Fatalf("Parse(file, \"example.com.\") = error: %v\nwant a *SyntaxError around one of the errors of rules 11 and 12\n\n%s", err, listing(text, 0))
	return nil
}

func mustFailAt(r *rule.R, text string, line, column int) {
	r.T().Helper()
	_, err := parseFrom(r, text, "example.com.", false)
	if err == nil {
		r.Fatalf("Parse(file, \"example.com.\") = no error\nwant one in line %d\n\n%s", line, listing(text, line))
	}
	at := position(r, text, err)
	switch {
	case at.Line != line:
		r.Fatalf("Parse(file, \"example.com.\") = error: %v\nIt says line %d: the mistake is in line %d.\n\n%s", err, at.Line, line, listing(text, line))
	case column > 0 && at.Column != column:
		r.Fatalf("Parse(file, \"example.com.\") = error: %v\nIt says column %d: the mistake is in column %d.\n\n%s", err, at.Column, column, listing(text, line))
	}
}

// show writes a record as a zone file would have it, more or less.
func show(rec record.Record) string {
	head := fmt.Sprintf("%s %d %v ", rec.Name, rec.TTL, rec.Class)
	switch d := rec.Data.(type) {
	case nil:
		return head + "without data"
	case record.A:
		return head + "A " + d.Addr.String()
	case record.AAAA:
		return head + "AAAA " + d.Addr.String()
	case record.CNAME:
		return head + "CNAME " + d.Target
	case record.NS:
		return head + "NS " + d.Host
	case record.PTR:
		return head + "PTR " + d.Target
	case record.MX:
		return head + fmt.Sprintf("MX %d %s", d.Preference, d.Host)
	case record.SRV:
		return head + fmt.Sprintf("SRV %d %d %d %s", d.Priority, d.Weight, d.Port, d.Target)
	case record.SOA:
		return head + fmt.Sprintf("SOA %s %s %d %d %d %d %d", d.Primary, d.Mailbox, d.Serial, d.Refresh, d.Retry, d.Expire, d.Minimum)
	case record.TXT:
		text := fmt.Sprintf("%q", d.Strings)
		return head + "TXT " + text[1:len(text)-1]
	case record.Unknown:
		return head + fmt.Sprintf(`%v \# %d %x`, d.Of, len(d.Data), d.Data)
	default:
		return head + fmt.Sprintf("%T %v", d, d)
	}
}

// key is show, with names in lower case: the same for records that are the same.
func key(rec record.Record) string {
	text := show(rec)
	if _, ok := rec.Data.(record.TXT); ok {
		return strings.ToLower(rec.Name) + strings.TrimPrefix(text, rec.Name)
	}
	return strings.ToLower(text)
}

func showQuestion(q question.Question) string {
	text := fmt.Sprintf("%s %s", q.Name, dns.Type(q.Type))
	if q.Class != question.ClassIN {
		text += fmt.Sprintf(", class %s", dns.Class(q.Class))
	}
	return text
}

func rcodeText(rcode header.Rcode) string {
	if text, ok := dns.RcodeToString[int(rcode)]; ok {
		return text
	}
	return fmt.Sprintf("rcode %d", rcode)
}

// said writes an answer; what may have any order stands sorted.
func said(a respond.Answer) string {
	text := rcodeText(a.Rcode)
	if a.Authoritative {
		text += ", authoritative"
	} else if a.Rcode != header.RcodeRefused {
		text += ", not authoritative"
	}
	for _, section := range []struct {
		title   string
		records []record.Record
	}{{"Answers", a.Answers}, {"Authorities", a.Authorities}, {"Additionals", a.Additionals}} {
		all := slices.Clone(section.records)
		if !slices.ContainsFunc(all, isCNAME) {
			slices.SortFunc(all, func(x, y record.Record) int { return cmp.Compare(show(x), show(y)) })
		}
		for _, rec := range all {
			text += fmt.Sprintf("\n      %-12s %s", section.title, show(rec))
		}
	}
	return text
}

// lines writes records, each on its line.
func lines(all []record.Record) string {
	var text strings.Builder
	for _, rec := range all {
		text.WriteString("\n  " + show(rec))
	}
	return text.String()
}

func (z *asked) listing() string { return listing(z.text, 0) }

// listing is the file with numbers before its lines, and a > before one of them.
func listing(text string, at int) string {
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	var out []string
	for i, line := range all {
		if len(all) > 30 && (i < at-15 || i > max(at, 15)+14) {
			continue
		}
		out = append(out, numbered(i+1, at, line))
	}
	return "The file, with numbers before its lines:\n" + strings.Join(out, "\n")
}

func numbered(n, at int, line string) string {
	mark := " "
	if n == at {
		mark = ">"
	}
	if r := []rune(line); len(r) > 100 {
		line = string(r[:80]) + "…" + string(r[len(r)-19:])
	}
	return fmt.Sprintf("%s %2d  %s", mark, n, strings.TrimRight(line, "\r"))
}

// about lists the lines of the file whose owners stand in the same branch of the
// zone as one of the names, and the wildcard beside these; a short file as a whole.
func (z *asked) about(names ...string) string {
	all := strings.Split(strings.TrimSuffix(z.text, "\n"), "\n")
	switch {
	case z.note != "":
		return z.note
	case len(all) <= 15 || strings.Contains(z.text, "("):
		return z.listing()
	}
	wanted := map[string]bool{z.branch("*." + z.origin): true}
	for _, text := range names {
		wanted[z.branch(text)] = true
	}
	delete(wanted, "")
	var out []string
	for i, line := range all {
		owner, _, _ := strings.Cut(line, " ")
		if owner == "@" {
			owner = z.origin
		} else if !strings.HasSuffix(owner, ".") {
			owner += "." + z.origin
		}
		if wanted[z.branch(owner)] {
			out = append(out, numbered(i+1, 0, line))
		}
	}
	if len(out) == 0 {
		return fmt.Sprintf("No line of the file names it. It begins with\n%s\n%s", numbered(1, 0, all[0]), numbered(2, 0, all[1]))
	}
	return fmt.Sprintf("Lines of the file, of %d, at, above or beside that:\n%s", len(all), strings.Join(out, "\n"))
}

// branch returns the name's label below the origin, "." for the origin itself,
// and "" for a name outside.
func (z *asked) branch(text string) string {
	origin := strings.ToLower(z.origin)
	text = strings.ReplaceAll(strings.ToLower(text), `\.`, `\046`)
	if text == origin {
		return "."
	}
	below, ok := strings.CutSuffix(text, "."+strings.TrimPrefix(origin, "."))
	if !ok || text == "" {
		return ""
	}
	return below[strings.LastIndex(below, ".")+1:]
}

func compareQuestions(a, b question.Question) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
}

// drawFile draws a zone file without delegations, laid out in all ways.
func drawFile(t *rapid.T) string {
	var text strings.Builder
	text.WriteString(drawEntry(t, []string{"@", "60", "IN", "SOA", "ns", "admin", "1", "7200", "900", "1209600", "300"}))
	owner := ""
	for i := range rapid.IntRange(0, 12).Draw(t, "entries") {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			text.WriteString(drawEntry(t, []string{"$TTL", fmt.Sprint(rapid.IntRange(0, 99999).Draw(t, "TTL"))}))
			continue
		case 1:
			text.WriteString(drawEntry(t, []string{"$ORIGIN", rapid.SampledFrom([]string{"sub.example.com.", "example.com.", `a\.b.example.com.`, "x"}).Draw(t, "origin")}))
			continue
		case 2:
			text.WriteString(rapid.SampledFrom([]string{"\n", "  \n", "; nothing\n", "\t; ( nothing\n"}).Draw(t, "line"))
			continue
		}
		words := []string{rapid.SampledFrom([]string{"@", "a", "www", "a.b", `x\.y`, `\032`, `\@`, "_sip._udp", "x.example.com.", `\000\255`, "*"}).Draw(t, "owner")}
		rrtype := rapid.SampledFrom([]string{"A", "AAAA", "MX", "TXT", "PTR", "SRV", "CNAME", "TYPE65280"}).Draw(t, "type")
		if rrtype == "CNAME" {
			words[0] = fmt.Sprintf("cname%d", i)
		} else if owner != "" && rapid.Bool().Draw(t, "same owner") {
			words[0] = ""
		}
		owner = rrtype
		if rrtype == "CNAME" {
			owner = "" // what follows must not join it
		}
		between := []string{"IN", fmt.Sprint(rapid.IntRange(0, 1<<31-1).Draw(t, "TTL"))}
		for _, i := range rapid.Permutation([]int{0, 1}).Draw(t, "order") {
			if rapid.Bool().Draw(t, "given") {
				words = append(words, between[i])
			}
		}
		text.WriteString(drawEntry(t, append(append(words, rrtype), drawData(t, rrtype)...)))
	}
	return text.String()
}

func drawData(t *rapid.T, rrtype string) []string {
	name := func() string {
		return rapid.SampledFrom([]string{"@", "mail", "a.b", "host.example.net.", `x\.y`, `\032z`, ".", "A"}).Draw(t, "name")
	}
	number := func() string { return fmt.Sprint(rapid.IntRange(0, 65535).Draw(t, "number")) }
	switch rrtype {
	case "A":
		return []string{fmt.Sprintf("192.0.2.%d", rapid.IntRange(0, 255).Draw(t, "address"))}
	case "AAAA":
		return []string{fmt.Sprintf("2001:db8::%x", rapid.IntRange(0, 65535).Draw(t, "address"))}
	case "MX":
		return []string{number(), name()}
	case "SRV":
		return []string{number(), number(), number(), name()}
	case "TXT":
		return rapid.SliceOfN(rapid.SampledFrom([]string{"word", `"two words"`, `""`, `"a;b"`, `"\"\\\255"`, `"( )"`, "a=b", `"x	y"`}), 1, 4).Draw(t, "strings")
	case "TYPE65280":
		octets := rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "octets")
		return []string{`\#`, fmt.Sprint(len(octets)), fmt.Sprintf("%x", octets)}
	case "CNAME":
		return []string{rapid.SampledFrom([]string{"host.example.net.", `\046.`, "."}).Draw(t, "name")} // out of the zone
	default:
		return []string{name()}
	}
}

// drawEntry lays out words; an empty first one is an owner left out.
func drawEntry(t *rapid.T, words []string) string {
	open, end := len(words), len(words)
	if rapid.Bool().Draw(t, "parentheses") && len(words) > 2 {
		open = rapid.IntRange(1, len(words)-1).Draw(t, "open")
		end = rapid.IntRange(open, len(words)-1).Draw(t, "close")
	}
	blanks := []string{" ", "\t", "  \t "}
	var text strings.Builder
	for i, w := range words {
		if i > 0 {
			if open < i && i <= end && open < len(words) {
				// A blank beside each end of a line: miekg/dns joins the words otherwise.
				text.WriteString(rapid.SampledFrom([]string{" ", " \n", "\n\t", " ; ) nothing\n", "\n\n  "}).Draw(t, "blank"))
			} else {
				text.WriteString(rapid.SampledFrom(blanks).Draw(t, "blank"))
			}
		}
		if i == open {
			text.WriteString("( ")
		}
		text.WriteString(w)
		if i == end {
			text.WriteString(" )")
		}
	}
	return text.String() + rapid.SampledFrom([]string{"\n", " \n", " ; nothing\n", "\n\n"}).Draw(t, "end")
}

// model is a zone as a list of records, and answers by going through it.
type model struct {
	origin  string
	names   []string // that may be asked for
	records []record.Record
}

var drawnTypes = []question.Type{question.TypeA, question.TypeTXT, question.TypeCNAME, question.TypeNS}

func drawZone(t *rapid.T) *model {
	m := &model{origin: "x."}
	m.names = []string{m.origin}
	for i := 0; len(m.names) < 40; i++ { // three levels of three labels
		for _, label := range []string{"a.", "b.", "*."} {
			m.names = append(m.names, label+m.names[i])
		}
	}
	m.records = records("x. 60 IN SOA ns. admin. 1 7200 900 1209600 30")
	names := append(slices.Clone(m.names), "y.", "a.y.")
	for range rapid.IntRange(0, 9).Draw(t, "records") {
		owner := rapid.SampledFrom(m.names).Draw(t, "owner")
		rrtype := rapid.SampledFrom(drawnTypes).Draw(t, "type")
		data := map[question.Type]string{question.TypeA: "A 192.0.2.1", question.TypeTXT: `TXT "a"`}[rrtype]
		if data == "" {
			data = rrtype.String() + " " + rapid.SampledFrom(names).Draw(t, "target")
		}
		rec := records(owner + " 60 IN " + data)[0]
		star := strings.HasPrefix(owner, "*") && rrtype == question.TypeNS // means nothing (RFC 4592, section 4.2)
		others := slices.DeleteFunc(m.at(owner), func(rec record.Record) bool {
			return rec.Data.Type() != question.TypeCNAME && rrtype != question.TypeCNAME
		})
		if !star && len(others) == 0 && !contains(m.records, rec) {
			m.records = append(m.records, rec)
		}
	}
	return m
}

// drawName draws a name in one of several spellings.
func drawName(t *rapid.T, names *rapid.Generator[string]) string {
	text := names.Draw(t, "name")
	if rapid.IntRange(0, 3).Draw(t, "upper") == 0 {
		return strings.ToUpper(text)
	}
	return text
}

func (m *model) text() string {
	var text strings.Builder
	for _, rec := range m.records {
		text.WriteString(show(rec) + "\n")
	}
	return text.String()
}

// isBelow says whether a name is the other one, or below it.
func isBelow(text, other string) bool {
	return text == other || strings.HasSuffix(text, "."+other)
}

func (m *model) at(owner string) []record.Record {
	return slices.DeleteFunc(slices.Clone(m.records), func(rec record.Record) bool { return rec.Name != owner })
}

func (m *model) exists(text string) bool {
	return slices.ContainsFunc(m.records, func(rec record.Record) bool { return isBelow(rec.Name, text) })
}

// cut returns the highest delegation at or above a name, or "".
func (m *model) cut(text string) (cut string) {
	for _, rec := range m.records {
		if rec.Data.Type() == question.TypeNS && rec.Name != m.origin && isBelow(text, rec.Name) && (cut == "" || len(rec.Name) < len(cut)) {
			cut = rec.Name
		}
	}
	return cut
}

// source returns the name whose records answer for another: itself, or the
// wildcard at the closest encloser; "" if there is none.
func (m *model) source(text string) string {
	if m.exists(text) {
		return text
	}
	encloser := text
	for !m.exists(encloser) {
		_, encloser, _ = strings.Cut(encloser, ".")
	}
	if m.exists("*." + encloser) {
		return "*." + encloser
	}
	return ""
}

func (m *model) lookup(q question.Question) want {
	w := want{aa: true}
	denial := records("x. 30 IN SOA ns. admin. 1 7200 900 1209600 30")
	for owner := q.Name; ; {
		text := strings.ToLower(owner)
		if !isBelow(text, m.origin) {
			return w
		}
		if cut := m.cut(text); cut != "" {
			w.aa = len(w.answers) > 0
			w.authorities, w.glue = m.referral(cut)
			return w
		}
		source := m.source(text)
		var found []record.Record
		for _, rec := range m.at(source) {
			if rec.Name = owner; rec.Data.Type() == q.Type || isCNAME(rec) {
				found = append(found, rec)
			}
		}
		switch {
		case source == "":
			w.rcode, w.authorities = header.RcodeNXDomain, denial
			return w
		case len(found) == 0:
			w.authorities = denial
			return w
		case contains(w.answers, found[0]):
			w.circle = true
			return w
		}
		w.answers = append(w.answers, found...)
		if !isCNAME(found[0]) || q.Type == question.TypeCNAME {
			return w
		}
		owner = host(found[0])
	}
}

// referral returns the servers of a delegation, and their addresses below it.
func (m *model) referral(cut string) (servers, glue []record.Record) {
	for _, ns := range m.at(cut) {
		if ns.Data.Type() != question.TypeNS {
			continue
		}
		servers = append(servers, ns)
		for _, rec := range m.at(host(ns)) {
			if rec.Data.Type() == question.TypeA && isBelow(rec.Name, cut) {
				glue = append(glue, rec)
			}
		}
	}
	return servers, glue
}
