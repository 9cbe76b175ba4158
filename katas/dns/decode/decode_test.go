package decode_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/decode"
)

// Twelve octets, six fields (RFC 1035, section 4.1.1).
func TestHeader(t *testing.T) {
	r := rule.New(t, 1)
	mustDecode(r, begin(draw.From(r)))
}

// What is asked for, once, twice and more (RFC 1035, section 4.1.2).
func TestQuestions(t *testing.T) {
	for n := 1; n <= 3; n++ {
		t.Run(fmt.Sprintf("of %d", n), func(t *testing.T) {
			r := rule.New(t, 2)
			m := begin(draw.From(r))
			for range n {
				m.question(func() { m.name(m.Words(m.Between(1, 4))...) })
			}
			mustDecode(r, m)
		})
	}
	t.Run("of the root", func(t *testing.T) {
		r := rule.New(t, 2)
		m := begin(draw.From(r))
		m.question(func() { m.name() })
		mustDecode(r, m)
	})
}

// What text needs a backslash for (RFC 1035, section 5.1).
func TestText(t *testing.T) {
	for _, tt := range []struct{ why, label, text string }{
		{"capital letters", "WwW", "WwW"},
		{"a dot", "a.b", `a\.b`},
		{"a backslash at the end", `a\`, `a\\`},
		{"a space", "a b", `a\032b`},
		{"zero, which ends nothing", "\x00a", `\000a`},
		{"other octets that cannot be printed", "\x07\x7f\xff", `\007\127\255`},
		{"two octets of UTF-8", "\xc3\xbc", `\195\188`},
		{"what can be printed", "!\"#$%&'()*+,-/0:;<=>?@[]^_{|}~", "!\"#$%&'()*+,-/0:;<=>?@[]^_{|}~"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 3)
			m := begin(draw.From(r))
			word := m.Word()
			m.question(func() {
				m.label(word)
				m.label(tt.label)
				m.add(decode.Field{Kind: decode.Root, Name: word + "." + tt.text + "."}, "\x00")
			})
			mustDecode(r, m)
		})
	}
	t.Run("any octets", func(t *testing.T) {
		r := rule.New(t, 3)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.octetsOf(m.Between(1, 20)), m.octetsOf(m.Between(1, 20))) })
		mustDecode(r, m)
	})
}

// Names that go on elsewhere (RFC 1035, section 4.1.4).
func TestPointers(t *testing.T) {
	t.Run("alone, to each label of a name and to its root", func(t *testing.T) {
		r := rule.New(t, 4)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.Words(3)...) })
		for _, to := range slices.Clone(m.places) {
			m.question(func() { m.nameTo(to) })
		}
		mustDecode(r, m)
	})
	t.Run("behind labels", func(t *testing.T) {
		r := rule.New(t, 4)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.Words(3)...) })
		for _, to := range slices.Clone(m.places) {
			m.question(func() { m.nameTo(to, m.Words(m.Between(1, 3))...) })
		}
		mustDecode(r, m)
	})
	t.Run("to pointers, and to labels that end in one", func(t *testing.T) {
		r := rule.New(t, 4)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.Words(2)...) })
		for range 40 {
			m.question(func() { m.nameTo(m.places[len(m.places)-1-m.IntN(2)], m.Words(m.IntN(2))...) })
			m.places = slices.DeleteFunc(m.places, func(p place) bool { return octets(p.labels) > 200 })
		}
		mustDecode(r, m)
	})
	t.Run("over a hundred of them, a label in front of each", func(t *testing.T) {
		r := rule.New(t, 4)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.letter()) })
		for range 100 {
			m.question(func() { m.nameTo(m.longest(), m.letter()) })
		}
		mustDecode(r, m)
	})
	t.Run("700 of them, each to the one before it", func(t *testing.T) {
		r := rule.New(t, 4)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.letter()) })
		last := m.places[0]
		for range 700 {
			at := len(m.octets)
			m.question(func() { m.nameTo(last) })
			last.off = at
		}
		mustDecode(r, m)
	})
	t.Run("where in the message before there was a pointer to something else", func(t *testing.T) {
		r := rule.New(t, 4)
		d := draw.From(r)
		for _, name := range []func(m *message){
			func(m *message) { m.nameTo(m.places[0]) },
			func(m *message) { m.name(m.letter()) },
		} {
			m := begin(d)
			m.question(func() { m.name(m.letter()) })
			second := len(m.places)
			m.question(func() { name(m) })
			m.question(func() { m.nameTo(m.places[second]) })
			mustDecode(r, m)
		}
	})
	t.Run("further than eight bits reach", func(t *testing.T) {
		r := rule.New(t, 4)
		m := begin(draw.From(r))
		for len(m.octets) < 600 {
			m.question(func() { m.name(m.Words(4)...) })
		}
		m.question(func() { m.nameTo(m.places[len(m.places)-3], m.Word()) })
		mustDecode(r, m)
	})
	t.Run("to the header, whose octets spell a name, too", func(t *testing.T) {
		r := rule.New(t, 4)
		m := begin(draw.From(r))
		letter := byte(m.Between('a', 'z'))
		copy(m.octets, []byte{1, letter, 0}) // the id, and half of the flags
		m.fields[0].Num = uint32(binary.BigEndian.Uint16(m.octets))
		m.fields[1].Num = uint32(binary.BigEndian.Uint16(m.octets[2:]))
		m.question(func() { m.nameTo(place{0, []string{string(letter)}}, m.Word()) })
		mustDecode(r, m)
	})
}

// Records of types that are not taken apart, in sections of any size (RFC 1035,
// sections 4.1 and 4.1.3; RFC 3597, section 3).
func TestRecords(t *testing.T) {
	for section, why := range []string{"", "an answer", "an authority", "an additional"} {
		if section == 0 {
			continue
		}
		t.Run(why, func(t *testing.T) {
			r := rule.New(t, 5)
			m := begin(draw.From(r))
			m.record(section, m.unknown(), func() { m.opaque(m.octetsOf(m.Between(1, 40))) })
			mustDecode(r, m)
		})
	}
	t.Run("without data", func(t *testing.T) {
		r := rule.New(t, 5)
		m := begin(draw.From(r))
		m.record(m.Between(1, 3), m.unknown(), func() {})
		m.record(3, m.unknown(), func() {})
		mustDecode(r, m)
	})
	t.Run("data that looks like names and pointers", func(t *testing.T) {
		r := rule.New(t, 5)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.Word()) })
		for _, rrtype := range []uint16{13, 39, 47, m.unknown()} { // HINFO, DNAME, NSEC
			m.record(m.section(), rrtype, func() { m.opaque("\x01" + m.letter() + "\xc0\x0c") })
		}
		mustDecode(r, m)
	})
	t.Run("a name in data that nobody takes apart is pointed to", func(t *testing.T) {
		r := rule.New(t, 5)
		m := begin(draw.From(r))
		word := m.Word()
		m.record(1, m.unknown(), func() { m.opaque(m.octetsOf(3) + string(rune(len(word))) + word + "\x00") })
		to := place{len(m.octets) - len(word) - 2, []string{word}}
		m.recordOf(2, m.unknown(), 0, func() { m.nameTo(to, m.Word()) }, func() {})
		mustDecode(r, m)
	})
	t.Run("a name in data that goes on over the pointer to it", func(t *testing.T) {
		r := rule.New(t, 5)
		m := begin(draw.From(r))
		m.record(1, m.unknown(), func() { m.opaque("\x02") })
		at := len(m.octets) - 1
		const null = 10 // a type whose first octet ends the name
		m.recordOf(2, null, 0, func() { m.nameTo(place{at, []string{to(at)}}) }, func() {})
		mustDecode(r, m)
	})
	t.Run("in all sections, behind questions", func(t *testing.T) {
		r := rule.New(t, 5)
		m := begin(draw.From(r))
		for range m.IntN(3) {
			m.question(m.anyName)
		}
		for section := 1; section <= 3; section++ {
			for range m.Between(1, 4) {
				m.record(section, m.unknown(), func() { m.opaque(m.octetsOf(m.Between(1, 40))) })
			}
		}
		mustDecode(r, m)
	})
	t.Run("300 of them", func(t *testing.T) {
		r := rule.New(t, 5)
		m := begin(draw.From(r))
		section := m.Between(1, 3)
		for range 300 {
			m.record(section, m.unknown(), func() {})
		}
		mustDecode(r, m)
	})
	t.Run("the most data that there can be", func(t *testing.T) {
		r := rule.New(t, 5)
		m := begin(draw.From(r))
		m.record(m.Between(1, 3), m.unknown(), func() { m.opaque(strings.Repeat(m.letter(), 65535)) })
		m.record(3, m.unknown(), func() { m.opaque(m.letter()) })
		mustDecode(r, m)
	})
}

// Types whose data is taken apart (RFC 1035, sections 3.3 and 3.4; RFC 3596;
// RFC 2782; RFC 6891, section 6.1.2).
func TestData(t *testing.T) {
	for _, tt := range known {
		t.Run(tt.name, func(t *testing.T) {
			r := rule.New(t, 6)
			m := begin(draw.From(r))
			m.question(func() { m.name(m.Words(2)...) })
			for range 4 { // their names with pointers and without
				m.record(m.section(), tt.rrtype, func() { tt.data(m) })
			}
			m.record(3, m.unknown(), func() { m.opaque(m.letter()) })
			mustDecode(r, m)
		})
	}
	for _, rrtype := range withNames {
		t.Run(dns.Type(rrtype).String()+", and where its pointers lead, a label that goes on behind the data", func(t *testing.T) {
			r := rule.New(t, 6)
			m := begin(draw.From(r))
			m.record(1, m.unknown(), func() { m.opaque("\x3f") })
			at := len(m.octets) - 1
			m.recordOf(2, rrtype, 0, func() { m.name() }, func() {
				m.dataWith(rrtype, func() { m.add(decode.Field{Kind: decode.Pointer, Num: uint32(at)}, to(at)) })
			})
			m.recordOf(3, m.unknown(), 0, func() { m.name(m.letter()) }, func() {})
			zero := m.data[1][1] + 2
			m.octets[at] = byte(zero - at - 1)
			name := text([]string{string(m.octets[at+1 : zero])})
			for i, f := range m.fields {
				if f.Kind == decode.Pointer {
					m.fields[i].Name = name
				}
			}
			mustDecode(r, m)
		})
	}
	t.Run("in any class, with any TTL", func(t *testing.T) {
		r := rule.New(t, 6)
		d := draw.From(r)
		for _, class := range []uint32{0, 3, 254, 255, 65535} { // CH, NONE, ANY
			m := begin(d)
			m.count(2)
			m.name(m.Word())
			m.number(decode.Type, 2, 1)
			m.number(decode.Class, 2, class)
			m.number(decode.TTL, 4, 0x80000000|m.Uint32())
			m.number(decode.RDLength, 2, 4)
			m.add(decode.Field{Kind: decode.Address}, m.octetsOf(4))
			mustDecode(r, m)
		}
	})
	t.Run("the longest string, and empty ones", func(t *testing.T) {
		r := rule.New(t, 6)
		m := begin(draw.From(r))
		m.record(1, dns.TypeTXT, func() { m.str(""); m.str(m.octetsOf(255)); m.str(""); m.str("") })
		mustDecode(r, m)
	})
	t.Run("no options", func(t *testing.T) {
		r := rule.New(t, 6)
		m := begin(draw.From(r))
		m.record(3, dns.TypeOPT, func() {})
		mustDecode(r, m)
	})
	t.Run("all of them in one message", func(t *testing.T) {
		r := rule.New(t, 6)
		d := draw.From(r)
		for range 20 {
			mustDecode(r, anything(d))
		}
	})
}

// Octets that no count speaks of (RFC 1035, section 4.1.1).
func TestTrailing(t *testing.T) {
	t.Run("behind a header", func(t *testing.T) {
		r := rule.New(t, 7)
		m := begin(draw.From(r))
		m.trailing(m.octetsOf(m.Between(1, 40)))
		mustDecode(r, m)
	})
	t.Run("one octet", func(t *testing.T) {
		r := rule.New(t, 7)
		m := anything(draw.From(r))
		m.trailing(m.octetsOf(1))
		mustDecode(r, m)
	})
	t.Run("a record that is not counted", func(t *testing.T) {
		r := rule.New(t, 7)
		d := draw.From(r)
		m, other := anything(d), begin(d)
		other.record(1, dns.TypeA, func() { other.add(decode.Field{Kind: decode.Address}, other.octetsOf(4)) })
		m.trailing(string(other.octets[12:]))
		mustDecode(r, m)
	})
	t.Run("what would be faults elsewhere", func(t *testing.T) {
		r := rule.New(t, 7)
		m := anything(draw.From(r))
		m.trailing("\x80\xff\xff" + m.octetsOf(m.Between(1, 40)))
		mustDecode(r, m)
	})
}

// Messages that end too early (RFC 9267, sections 4 to 6).
func TestShort(t *testing.T) {
	t.Run("cut at every octet", func(t *testing.T) {
		r := rule.New(t, 8)
		d := draw.From(r)
		for _, m := range []*message{begin(d), anything(d), anything(d)} {
			for n := range len(m.octets) {
				mustFail(r, m.cut(n), decode.ErrShort)
			}
		}
	})
	t.Run("counts that nothing backs", func(t *testing.T) {
		r := rule.New(t, 8)
		d := draw.From(r)
		for section := range 4 {
			m := begin(d)
			m.question(m.anyName)
			for s := 1; s <= section; s++ {
				m.known(s)
			}
			for _, claim := range []int{m.counts[section] + 1, 65535} {
				m.claim(section, claim)
				mustFail(r, m, decode.ErrShort)
			}
		}
	})
	t.Run("an RDLENGTH past the end, before data that would do", func(t *testing.T) {
		r := rule.New(t, 8)
		d := draw.From(r)
		for _, tt := range known {
			for range 3 {
				m := before(d)
				more := m.Between(1, 9)
				if m.IntN(2) == 0 {
					more = m.Between(1, 60000)
				}
				m.recordOf(m.section(), tt.rrtype, more, m.anyName, func() { m.hostile(""); tt.data(m) })
				mustFail(r, m, decode.ErrShort)
			}
		}
	})
	t.Run("where a pointer leads to, a label that reaches past the end", func(t *testing.T) {
		r := rule.New(t, 8)
		m := before(draw.From(r))
		m.record(m.section(), m.unknown(), func() { m.opaque("\x3f") })
		at := len(m.octets) - 1
		m.count(3)
		m.hostile(to(at))
		mustFail(r, m, decode.ErrShort)
	})
	t.Run("where a pointer leads to, a label that reaches to the end", func(t *testing.T) {
		r := rule.New(t, 8)
		m := before(draw.From(r))
		m.record(m.section(), m.unknown(), func() { m.opaque("\x02") })
		at := len(m.octets) - 1
		m.count(3)
		m.hostile(to(at)) // which is the label's two octets
		mustFail(r, m, decode.ErrShort)
	})
	for _, rrtype := range withNames {
		for more, why := range []string{"to", "past"} {
			t.Run("where a pointer in the data of "+dns.Type(rrtype).String()+" leads to, a label that reaches "+why+" the end", func(t *testing.T) {
				r := rule.New(t, 8)
				m := before(draw.From(r))
				m.record(m.section(), m.unknown(), func() { m.opaque("\x3f") })
				at := len(m.octets) - 1
				m.recordOf(m.section(), rrtype, 0, func() { m.name() }, func() {
					m.dataWith(rrtype, func() { m.hostile(to(at)) })
				})
				m.octets[at] = byte(len(m.octets) - at - 1 + more)
				mustFail(r, m, decode.ErrShort)
			})
		}
	}
}

// RDLENGTH and what the type asks for (RFC 1035, section 4.1.3; RFC 9267,
// section 5).
func TestRDLength(t *testing.T) {
	address := func(n int) func(m *message) {
		return func(m *message) { m.add(decode.Field{Kind: decode.Address}, m.octetsOf(n)) }
	}
	numbers := func(size, n int) func(m *message) {
		return func(m *message) {
			for range n {
				m.number(decode.Number, size, uint32(m.IntN(65536)))
			}
		}
	}
	names := func(n int) func(m *message) {
		return func(m *message) {
			for range n {
				m.name(m.Words(m.IntN(3))...)
			}
		}
	}
	label := func(m *message) { m.label(m.Word()) }
	str := func(m *message) { m.str(m.octetsOf(m.Between(0, 9))) }
	option := func(m *message) { m.option(m.octetsOf(m.Between(0, 9))) }
	all := func(parts ...func(m *message)) func(m *message) {
		return func(m *message) {
			for _, p := range parts {
				p(m)
			}
		}
	}
	nothing := all()
	for _, tt := range []struct {
		why    string
		rrtype uint16
		good   func(m *message) // what can be read
		within string           // what stands behind that in the data
		behind string           // and behind the data
	}{
		{"A of no octets", dns.TypeA, nothing, "", ""},
		{"A of 3 octets", dns.TypeA, nothing, "\xc0\x00\x02", "\x01"},
		{"A of 5 octets", dns.TypeA, address(4), "\x00", ""},
		{"AAAA of 4 octets", dns.TypeAAAA, nothing, "\xc0\x00\x02\x01", ""},
		{"AAAA of 15 octets", dns.TypeAAAA, nothing, strings.Repeat("\x20", 15), "\x01"},
		{"AAAA of 17 octets", dns.TypeAAAA, address(16), "\x01", ""},
		{"CNAME of no octets", dns.TypeCNAME, nothing, "", ""},
		{"CNAME whose zero lies behind it", dns.TypeCNAME, label, "", "\x00"},
		{"CNAME that ends within a label", dns.TypeCNAME, label, "\x03ab", "c\x00"},
		{"CNAME with an octet behind its zero", dns.TypeCNAME, names(1), "\x00", ""},
		{"CNAME with half a pointer", dns.TypeCNAME, label, "\xc0", "\x0c"},
		{"NS of two names", dns.TypeNS, names(1), "\x01a\x00", ""},
		{"PTR of no octets, the rest in the record behind it", dns.TypePTR, nothing, "", "\x01a\x00"},
		{"MX of half a number", dns.TypeMX, nothing, "\x00", "\x0a\x00"},
		{"MX without a name", dns.TypeMX, numbers(2, 1), "", "\x00"},
		{"MX with an octet behind its name", dns.TypeMX, all(numbers(2, 1), names(1)), "\x00", ""},
		{"SRV without a port", dns.TypeSRV, numbers(2, 2), "", "\x13\xc4\x00"},
		{"SRV whose zero lies behind it", dns.TypeSRV, all(numbers(2, 3), label), "", "\x00"},
		{"SOA of one name", dns.TypeSOA, names(1), "", "\x00"},
		{"SOA without its last number", dns.TypeSOA, all(names(2), numbers(4, 4)), "", "\x00\x00\x00\x00"},
		{"SOA with half of its last number", dns.TypeSOA, all(names(2), numbers(4, 4)), "\x00\x00", "\x00\x00"},
		{"SOA with an octet too many", dns.TypeSOA, all(names(2), numbers(4, 5)), "\x00", ""},
		{"TXT without a string", dns.TypeTXT, nothing, "", "\x01a"},
		{"TXT of a string that ends behind it", dns.TypeTXT, str, "\x03ab", "c"},
		{"TXT of a length alone", dns.TypeTXT, str, "\x01", "a"},
		{"OPT of half an option's head", dns.TypeOPT, option, "\x00\x0a\x00", "\x00"},
		{"OPT of an option that ends behind it", dns.TypeOPT, option, "\x00\x0a\x00\x03ab", "c"},
		{"OPT of an option as long as can be", dns.TypeOPT, option, "\x00\x0a\xff\xffab", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 9)
			m := before(draw.From(r))
			data := func() { tt.good(m); m.hostile(tt.within) }
			m.record(m.section(), tt.rrtype, data)
			m.octets = append(m.octets, tt.behind...)
			m.record(3, dns.TypeA, func() { address(4)(m) })
			mustFail(r, m, decode.ErrRDLength)
		})
	}
}

// Label types that are reserved (RFC 6891, section 5).
func TestLabelType(t *testing.T) {
	for _, first := range []string{"\x40", "\x7f", "\x80", "\xbf"} {
		t.Run(fmt.Sprintf("%#02x", first[0]), func(t *testing.T) {
			r := rule.New(t, 10)
			m := before(draw.From(r))
			m.somewhere(func() { m.label(m.Word()); m.hostile(first + m.octetsOf(70)) })
			mustFail(r, m, decode.ErrLabelType)
		})
	}
	t.Run("as the last octet", func(t *testing.T) {
		r := rule.New(t, 10)
		m := before(draw.From(r))
		m.count(3)
		m.hostile("\x40")
		mustFail(r, m, decode.ErrLabelType)
	})
	t.Run("where a pointer leads", func(t *testing.T) {
		r := rule.New(t, 10)
		m := before(draw.From(r))
		m.record(m.section(), m.unknown(), func() { m.opaque("\x01a\x80") })
		at := len(m.octets) - 3
		m.somewhere(func() { m.label(m.Word()); m.hostile(to(at)) })
		mustFail(r, m, decode.ErrLabelType)
	})
}

// Pointers that lead nowhere, or in circles (RFC 9267, section 2).
func TestPointerFaults(t *testing.T) {
	for _, tt := range []struct {
		why    string
		labels int              // in front of the pointer
		octets func(at int) int // where it leads, if its labels begin there
	}{
		{"to itself", 0, func(at int) int { return at }},
		{"to its own label", 1, func(at int) int { return at }},
		{"to its own second label", 2, func(at int) int { return at + 2 }},
		{"from behind its labels to itself", 2, func(at int) int { return at + 4 }},
		{"forward, to a name", 0, func(at int) int { return at + 2 }},
		{"forward, behind labels, to a name", 2, func(at int) int { return at + 6 }},
		{"to its own second octet", 0, func(at int) int { return at + 1 }},
		{"as far as it goes", 1, func(at int) int { return 0x3fff }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 11)
			m := before(draw.From(r))
			m.somewhere(func() {
				at := len(m.octets)
				for range tt.labels {
					m.label(m.letter())
				}
				m.hostile(to(tt.octets(at)) + "\x01a\x00")
			})
			mustFail(r, m, decode.ErrPointer)
		})
	}
	t.Run("into its own label, whose octets spell a name", func(t *testing.T) {
		r := rule.New(t, 11)
		m := before(draw.From(r))
		m.somewhere(func() {
			at := len(m.octets)
			m.label("\x01" + m.letter() + "\x00")
			m.hostile(to(at + 1))
		})
		mustFail(r, m, decode.ErrPointer)
	})
	for _, tt := range []struct {
		why  string
		data func(at int) string // octets that no field takes apart, from at on
		to   int                 // where the pointer leads, counted from at
	}{
		{"to a pointer to itself", func(at int) string { return to(at) }, 0},
		{"to a pointer that leads back", func(at int) string { return to(at+2) + to(at) }, 2},
		{"to a pointer that leads forward, to a name", func(at int) string { return to(at+2) + "\x01a\x00" }, 0},
		{"to a label whose pointer leads to it", func(at int) string { return "\x01a" + to(at) }, 0},
		{"into a label whose pointer leads to it", func(at int) string { return "\x02\x01a" + to(at+1) }, 1},
		{"to a label whose pointer leads into it, to a name", func(at int) string { return "\x03\x01a\x00" + to(at+1) }, 0},
		{"to two labels, and back to the second", func(at int) string { return "\x01a\x01b" + to(at+2) }, 0},
		{"over three pointers, and back to the second", func(at int) string { return to(at+2) + to(at) + to(at+2) }, 4},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 11)
			m := before(draw.From(r))
			m.record(m.section(), m.unknown(), func() { m.opaque(m.octetsOf(m.IntN(9)) + tt.data(0)) })
			data := tt.data(0)
			at := len(m.octets) - len(data)
			copy(m.octets[at:], tt.data(at))
			m.somewhere(func() { m.label(m.Word()); m.hostile(to(at + tt.to)) })
			mustFail(r, m, decode.ErrPointer)
		})
	}
}

// 255 octets, and one more (RFC 1035, section 2.3.4; RFC 9267, section 3).
func TestNameLen(t *testing.T) {
	t.Run("255 octets are not too many", func(t *testing.T) {
		r := rule.New(t, 12)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.labels(254)...) })
		m.question(func() { m.nameTo(m.places[0]) })
		m.question(func() { m.name(slices.Repeat([]string{m.letter()}, 127)...) })
		m.record(1, dns.TypeNS, func() { m.name(m.labels(100)...) })
		m.record(1, dns.TypeNS, func() { m.nameTo(m.ending(100), m.labels(154)...) })
		mustDecode(r, m)
	})
	t.Run("255 octets that need four characters each", func(t *testing.T) {
		r := rule.New(t, 12)
		m := begin(draw.From(r))
		ff := strings.Repeat("\xff", 63)
		m.question(func() { m.name(ff, ff, ff[:62], ff[:62]) })
		mustDecode(r, m)
	})
	t.Run("256 octets", func(t *testing.T) {
		r := rule.New(t, 12)
		m := before(draw.From(r))
		m.somewhere(func() {
			labels := m.labels(255)
			last := len(labels) - 1
			for _, l := range labels[:last] {
				m.label(l)
			}
			m.hostile(string(rune(len(labels[last]))) + labels[last] + "\x00")
		})
		mustFail(r, m, decode.ErrNameLen)
	})
	t.Run("128 labels", func(t *testing.T) {
		r := rule.New(t, 12)
		m := before(draw.From(r))
		m.somewhere(func() {
			for range 127 {
				m.label(m.letter())
			}
			m.hostile("\x01a\x00")
		})
		mustFail(r, m, decode.ErrNameLen)
	})
	t.Run("256 octets, with a pointer", func(t *testing.T) {
		r := rule.New(t, 12)
		d := draw.From(r)
		for range 10 {
			m := begin(d)
			behind := m.Between(1, 252)
			m.question(func() { m.name(m.labels(behind + 1)...) })
			m.somewhere(func() {
				for _, l := range m.labels(254 - behind) {
					m.label(l)
				}
				m.hostile(to(12))
			})
			mustFail(r, m, decode.ErrNameLen)
		}
	})
	t.Run("256 octets, over many pointers", func(t *testing.T) {
		r := rule.New(t, 12)
		m := begin(draw.From(r))
		m.question(func() { m.name(m.Word()) })
		for octets(m.longest().labels) < 200 {
			m.question(func() { m.nameTo(m.longest(), m.Word()) })
		}
		longest := m.longest()
		m.somewhere(func() {
			m.label(strings.Repeat(m.letter(), 254-octets(longest.labels)))
			m.hostile(to(longest.off))
		})
		mustFail(r, m, decode.ErrNameLen)
	})
}

// A chain of pointers in which thousands of names end (RFC 9267, section 2).
func TestWork(t *testing.T) {
	r := rule.New(t, 13)
	msg, names := chain()
	what := fmt.Sprintf("msg has %d octets. Its first record holds a chain of pointers, each\nto the one before it; %d names of other records lead into it", len(msg), names)
	const times = 20
	var fields []decode.Field
	var err error
	spent := allocated(r, func() string { return fmt.Sprintf("Decode(msg), %d times over: %s", times, what) }, func() {
		for range times {
			fields, err = decode.Decode(bytes.Clone(msg))
		}
	}) / times
	if err != nil || end(fields) != len(msg) {
		r.Fatalf("Decode(msg) = %d fields, error: %v\nwant no error, and fields up to %#02x:\n%s.\nAll of these pointers are right: any number may follow each other (rule 4)", len(fields), err, len(msg), what)
	}
	for _, f := range fields {
		if f.Kind == decode.Pointer && f.Name != "." {
			r.Fatalf("Decode(msg), a pointer:\ngot   %s\nwant  Name `.`: %s", show(f), what)
		}
	}
	if limit := uint64(256 * len(msg)); spent > limit {
		r.Errorf("Decode(msg) took %d octets of memory, want %d at most: 256 for each of the\nmessage's: %s", spent, limit, what)
	}
}

// Counts of 65,535 in small messages (RFC 9267, section 6).
func TestMemory(t *testing.T) {
	r := rule.New(t, 13)
	d := draw.From(r)
	for section := range 4 {
		m := begin(d)
		if m.IntN(2) == 0 {
			m.question(m.anyName)
		}
		honest := m.memory(r)
		for s := section; s < 4; s++ {
			m.claim(s, 65535)
		}
		mustFail(r, m, decode.ErrShort)
		const more = 32 << 10
		if spent := m.memory(r); spent > honest+more {
			r.Errorf("Decode(msg) took %d octets of memory, want %d at most: msg has %d,\nand with counts that are true, they took %d\n\n%s", spent, honest+more, len(m.octets), honest, plain(m.octets))
		}
	}
}

// memory returns how many octets Decode takes of the heap for m.
func (m *message) memory(r *rule.R) uint64 {
	r.T().Helper()
	const times = 20
	own := bytes.Clone(m.octets)
	return allocated(r, func() string { return "Decode(msg)\n\n" + dump(m.octets) }, func() {
		for range times {
			decode.Decode(own)
		}
	}) / times
}

// What is returned is the caller's, and msg is not (io, Reader).
func TestOwn(t *testing.T) {
	r := rule.New(t, 14)
	m := anything(draw.From(r))
	msg := bytes.Clone(m.octets)
	var fields []decode.Field
	r.Do(func() string { return "Decode(msg)\n\n" + dump(msg) }, func() { fields, _ = decode.Decode(msg) })
	if !bytes.Equal(msg, m.octets) {
		r.Fatalf("Decode(msg) changed msg\n\n%s", wire.Diff(msg, wire.DNS(m.octets)))
	}
	clear(msg)
	mustEqual(r, m, fields, "After Decode(msg), msg was overwritten with zeros:")
}

// What BIND, Knot, NSD and Unbound were asked, and what they said, read as others
// read it.
func TestCaptured(t *testing.T) {
	r := rule.New(t, 14)
	for _, g := range captured(t) {
		fields, err := decodeMsg(r, g.msg)
		mustAccount(r, g.msg, fields, err)
		mustAgree(r, g.msg, fields, err)
		edges := map[int]bool{len(g.msg): true}
		for _, f := range wire.DNS(g.msg).Fields {
			edges[f.Off] = true
		}
		for _, f := range fields {
			if !edges[f.Off] {
				r.Fatalf("testdata/dns/captured/%s\nDecode(msg) has a field that begins within another:\n%s\n\n%s", g.name, show(f), plain(g.msg, wire.Mark{Off: f.Off, Note: "here"}))
			}
		}
	}
}

// The same, cut at every offset if they are short, and else at a few.
func TestCapturedCut(t *testing.T) {
	r := rule.New(t, 14)
	d := draw.From(r)
	for _, g := range captured(t) {
		step := 1 + len(g.msg)/30
		for n := d.IntN(step); n < len(g.msg); n += step {
			fields, err := decodeMsg(r, g.msg[:n:n])
			mustAccount(r, g.msg[:n], fields, err)
		}
	}
}

// The same, with octets changed.
func TestCapturedChanged(t *testing.T) {
	r := rule.New(t, 14)
	d := draw.From(r)
	for _, g := range captured(t) {
		for range 8 {
			msg := bytes.Clone(g.msg)
			msg[d.IntN(len(msg))] ^= 1 << d.IntN(8)
			fields, err := decodeMsg(r, msg)
			mustAccount(r, msg, fields, err)
			mustAgree(r, msg, fields, err)
		}
	}
}

// Octets of which nothing is known but the counts.
func TestAnyOctets(t *testing.T) {
	r := rule.New(t, 14)
	d := draw.From(r)
	for range 2000 {
		msg := make([]byte, d.Between(0, 200))
		for i := range msg {
			msg[i] = byte(d.Uint32())
			if d.IntN(3) == 0 {
				msg[i] &= 3
			}
			if i >= 4 && i < 12 {
				msg[i] = byte(i&1) * byte(d.IntN(4))
			}
		}
		fields, err := decodeMsg(r, msg)
		mustAccount(r, msg, fields, err)
		mustAgree(r, msg, fields, err)
	}
}

func FuzzDecode(f *testing.F) {
	for i, g := range captured(f) {
		if i%8 == 0 {
			f.Add(g.msg)
		}
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		r := rule.New(t, 14)
		fields, err := decodeMsg(r, msg)
		mustAccount(r, msg, fields, err)
		mustAgree(r, msg, fields, err)
	})
}

type golden struct {
	name string
	msg  []byte
}

var goldens []golden // once they are read

func captured(t testing.TB) []golden {
	t.Helper()
	if goldens != nil {
		return goldens
	}
	files, err := filepath.Glob("../../../testdata/dns/captured/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatalf("no captured messages in testdata/dns/captured: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		goldens = append(goldens, golden{name, wire.Load(t, "dns/captured/"+name).Msg})
	}
	return goldens
}

// decodeMsg calls Decode with a copy of msg.
func decodeMsg(r *rule.R, msg []byte) (fields []decode.Field, err error) {
	r.T().Helper()
	own := bytes.Clone(msg)
	r.Do(func() string { return "Decode(msg)\n\n" + dump(msg) }, func() { fields, err = decode.Decode(own) })
	var fault *decode.Fault
	if errors.As(err, &fault) && fault == nil {
		r.Fatalf("Decode(msg) = %d fields, and an error that holds a nil *Fault, and so is not nil:\nwithout a fault, return nil itself, not a variable of type *Fault that is nil", len(fields))
	}
	return fields, err
}

func mustDecode(r *rule.R, m *message) {
	r.T().Helper()
	fields, err := decodeMsg(r, m.octets)
	if err != nil {
		where, note := len(m.octets), "Decode stops here"
		if n := len(fields); n < len(m.fields) {
			where = m.fields[n].Off
		}
		report(r, fmt.Sprintf("Decode(msg) = %d fields, error: %v\nwant %d fields, no error", len(fields), err, len(m.fields)),
			plain(m.octets, wire.Mark{Off: where, Note: note}))
	}
	mustEqual(r, m, fields, "Decode(msg),")
}

// mustEqual fails the test if these are not the fields of m.
func mustEqual(r *rule.R, m *message, fields []decode.Field, what string) {
	r.T().Helper()
	for i := range max(len(fields), len(m.fields)) {
		got, want := "nothing", "nothing"
		at := len(m.octets)
		if i < len(fields) {
			got = show(fields[i])
		}
		if i < len(m.fields) {
			want, at = show(m.fields[i]), m.fields[i].Off
		} else if len(m.fields) > 0 {
			at = end(m.fields)
		}
		if i < len(fields) && i < len(m.fields) && fields[i] == m.fields[i] {
			continue
		}
		report(r, fmt.Sprintf("%s field %d of %d:\ngot   %s\nwant  %s", what, i+1, len(m.fields), got, want),
			plain(m.octets, wire.Mark{Off: at, Note: "this field"}))
	}
}

// mustFail fails the test unless Decode finds the fields of m and then that
// fault.
func mustFail(r *rule.R, m *message, want error) {
	r.T().Helper()
	at := end(m.fields)
	fields, err := decodeMsg(r, m.octets)
	wanted := fmt.Sprintf("want %d fields, and a *Fault: %s, Off %#02x", len(m.fields), sentinel(want), at)
	fail := func(format string, args ...any) {
		r.T().Helper()
		report(r, fmt.Sprintf(format, args...), m.listing(want))
	}
	if err == nil {
		fail("Decode(msg) = %d fields, no error\n%s", len(fields), wanted)
	}
	var fault *decode.Fault
	if !errors.As(err, &fault) {
		fail("Decode(msg) = %d fields, error: %v\n%s: errors.As finds none", len(fields), err, wanted)
	}
	switch {
	case fault.Off != at || !errors.Is(fault.Err, want):
		fail("Decode(msg) = %d fields, error: %v: Off %#02x\n%s", len(fields), fault.Err, fault.Off, wanted)
	case !isOnly(err, want):
		fail("Decode(msg) = %d fields, error: %v\n%s,\nand errors.Is to find that in it, and no other: what does Unwrap return?", len(fields), fault.Err, wanted)
	case !says(fault.Error(), at):
		fail("Decode(msg) = %d fields, and the right *Fault, whose Error() is %s\nwant the offset in it, too: %d, or %#02x", len(fields), quote(fault.Error()), at, at)
	}
	mustEqual(r, m, fields, "Decode(msg) has the right error; in front of it,")
}

// report fails the test. Under a listing that is longer than a screen it says once
// more what is wrong.
func report(r *rule.R, what, listing string) {
	r.T().Helper()
	const screen = 40 // lines
	if strings.Count(listing, "\n") > screen {
		listing += "\n" + what
	}
	r.Fatalf("%s\n\n%s", what, listing)
}

// says says whether a text has that number in it, decimal or hexadecimal.
func says(text string, n int) bool {
	words := strings.FieldsFunc(text, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	return slices.ContainsFunc(words, func(w string) bool {
		decimal, err := strconv.Atoi(w)
		hex, err2 := strconv.ParseInt(strings.TrimPrefix(w, "0x"), 16, 64)
		return err == nil && decimal == n || err2 == nil && int(hex) == n
	})
}

// listing shows m with the fault in it, and of what wire thinks is wrong only
// that: it has opinions about other octets, too, of which no rule speaks.
func (m *message) listing(fault error) string {
	at := end(m.fields)
	length := -1 // the offset of the RDLENGTH, where wire may see it
	if fault == decode.ErrRDLength || fault == decode.ErrShort {
		for _, d := range m.data {
			if d[0] <= at && at <= d[1] {
				length = d[0] - 2
			}
		}
	}
	note := "the fault: " + sentinel(fault)
	if fault == decode.ErrNameLen {
		note += ", the name's end counted"
	}
	d := wire.DNS(m.octets)
	d.Faults = slices.DeleteFunc(d.Faults, func(f wire.Fault) bool { return f.Off != at && f.Off != length })
	return d.Dump(wire.Mark{Off: at, Note: note})
}

// mustAccount fails the test if not every octet up to the end, or the fault, is
// in one field, which is what its octets say.
func mustAccount(r *rule.R, msg []byte, fields []decode.Field, err error) {
	r.T().Helper()
	at := 0
	for i, f := range fields {
		if f.Off != at || f.Len < 1 || f.Len > len(msg)-at {
			r.Fatalf("Decode(msg), field %d of %d:\ngot   %s\nwant  one from %#02x on, of at least one octet, in msg of %d\n\n%s", i+1, len(fields), show(f), at, len(msg), plain(msg, wire.Mark{Off: at, Note: "this field"}))
		}
		if why := wrong(f, msg[at:at+f.Len]); why != "" {
			r.Fatalf("Decode(msg), field %d of %d: %s\ngot   %s\n\n%s", i+1, len(fields), why, show(f), plain(msg, wire.Mark{Off: at, Note: "this field"}))
		}
		at += f.Len
	}
	if err == nil {
		if at != len(msg) {
			r.Fatalf("Decode(msg) = no error, and the fields end at %#02x; msg has %d octets\n\n%s", at, len(msg), plain(msg, wire.Mark{Off: at, Note: "the fields end here"}))
		}
		return
	}
	var fault *decode.Fault
	if !errors.As(err, &fault) || fault.Off != at || !slices.ContainsFunc(sentinels, func(s named) bool { return isOnly(err, s.err) }) {
		r.Fatalf("Decode(msg) = error: %v\nwant a *Fault with Off %#02x, where the fields end, and one of the errors of this kata\n\n%s", err, at, plain(msg, wire.Mark{Off: at, Note: "the fields end here"}))
	}
}

// wrong says what cannot be right about a field of these octets.
func wrong(f decode.Field, octets []byte) string {
	if !isLength(f.Kind, f.Len, octets) {
		return fmt.Sprintf("no field of kind %q has these octets", f.Kind)
	}
	if (f.Name != "") != (f.Kind == decode.Pointer || f.Kind == decode.Root) {
		return "a pointer and a root have a Name, nothing else has"
	}
	var num uint32
	switch f.Kind {
	case decode.Label, decode.Root, decode.Address, decode.String, decode.Opaque, decode.Trailing:
	case decode.Option:
		num = uint32(binary.BigEndian.Uint16(octets))
	case decode.Pointer:
		num = uint32(binary.BigEndian.Uint16(octets)) & 0x3fff
	default:
		for _, o := range octets {
			num = num<<8 | uint32(o)
		}
	}
	if f.Num != num {
		return fmt.Sprintf("want Num %d (%#x)", num, num)
	}
	return ""
}

// isLength says whether a field of that kind may have n octets, if it has these.
func isLength(kind decode.Kind, n int, octets []byte) bool {
	switch kind {
	case decode.ID, decode.Flags, decode.Count, decode.Type, decode.Class, decode.RDLength, decode.Pointer:
		return n == 2
	case decode.TTL:
		return n == 4
	case decode.Number:
		return n == 2 || n == 4
	case decode.Root:
		return n == 1
	case decode.Address:
		return n == 4 || n == 16
	case decode.Label, decode.String:
		return n == 1+int(octets[0])
	case decode.Option:
		return n >= 4 && n == 4+int(binary.BigEndian.Uint16(octets[2:]))
	case decode.Opaque, decode.Trailing:
		return true
	default:
		return false
	}
}

// mustAgree fails the test if Decode finds a fault where two libraries find none,
// none where both find one, or other names than one of them does.
func mustAgree(r *rule.R, msg []byte, fields []decode.Field, err error) {
	r.T().Helper()
	var o dns.Msg
	miekg, x := o.Unpack(msg), new(dnsmessage.Message).Unpack(msg)
	switch {
	case err != nil:
		if miekg == nil && x == nil && !isLenient(err) {
			r.Fatalf("Decode(msg) = error: %v\nTwo libraries (miekg/dns, dnsmessage) read it\n\n%s", err, plain(msg, wire.Mark{Off: end(fields), Note: "the fields end here"}))
		}
	case miekg != nil:
		if x != nil && !slices.ContainsFunc(fields, isStrict) {
			r.Fatalf("Decode(msg) = no error. Two libraries refuse it:\nmiekg/dns: %v\ndnsmessage: %v\n\n%s", miekg, x, dump(msg))
		}
	default:
		var got []string
		for _, f := range fields {
			if f.Name != "" {
				got = append(got, onWire(f.Name))
			}
		}
		want := namesIn(&o)
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				r.Fatalf("Decode(msg), the names that its fields spell, number %d:\ngot   %s\nwant  %s: so another library (miekg/dns) reads it\n\n%s", i+1, nth(got, i), nth(want, i), plain(msg))
			}
		}
	}
}

// isLenient says whether both libraries are known to read messages with such a
// fault: pointers that lead forward, and data that is shorter than its type asks
// for.
func isLenient(err error) bool {
	return errors.Is(err, decode.ErrPointer) || errors.Is(err, decode.ErrRDLength)
}

// isStrict says whether both libraries may refuse a field that Decode takes: data
// and options that they look into, labels with a dot. (Either alone refuses more:
// miekg/dns a name in data that points to octets which run on behind the data,
// dnsmessage more than ten pointers.)
func isStrict(f decode.Field) bool {
	return f.Kind == decode.Opaque || f.Kind == decode.Option || strings.Contains(f.Name, `\.`)
}

// namesIn returns the names of a message in their order, as they are on the wire.
func namesIn(o *dns.Msg) []string {
	var all []string
	for _, q := range o.Question {
		all = append(all, q.Name)
	}
	for _, rr := range slices.Concat(o.Answer, o.Ns, o.Extra) {
		all = append(all, rr.Header().Name)
		switch rr := rr.(type) {
		case *dns.CNAME:
			all = append(all, rr.Target)
		case *dns.NS:
			all = append(all, rr.Ns)
		case *dns.PTR:
			all = append(all, rr.Ptr)
		case *dns.MX:
			all = append(all, rr.Mx)
		case *dns.SRV:
			all = append(all, rr.Target)
		case *dns.SOA:
			all = append(all, rr.Ns, rr.Mbox)
		}
	}
	for i, name := range all {
		all[i] = onWire(name)
	}
	return all
}

// onWire is what miekg/dns makes of a name.
func onWire(text string) string {
	b := make([]byte, 256)
	n, err := dns.PackDomainName(text, b, 0, nil, false)
	if err != nil {
		return err.Error()
	}
	return string(b[:n])
}

func nth(all []string, i int) string {
	if i >= len(all) {
		return "no name"
	}
	return fmt.Sprintf("%q", all[i])
}

// show writes a field: "0x0c  4 octets  label".
func show(f decode.Field) string {
	unit := "octets"
	if f.Len == 1 {
		unit = "octet"
	}
	s := fmt.Sprintf("%#02x  %d %s  %s", f.Off, f.Len, unit, cmp.Or(f.Kind, "(no kind)"))
	if f.Num != 0 {
		s += fmt.Sprintf("  Num %d (%#x)", f.Num, f.Num)
	}
	if f.Name != "" {
		s += "  Name " + quote(f.Name)
	}
	return s
}

// quote leaves the middle of a long name out.
func quote(s string) string {
	if n := len(s); n > 60 {
		return fmt.Sprintf("`%s…%s` (%d characters)", s[:16], s[n-8:], n)
	}
	return "`" + s + "`"
}

func dump(msg []byte, marks ...wire.Mark) string { return wire.DNS(msg).Dump(marks...) }

// plain is dump without what wire thinks is wrong.
func plain(msg []byte, marks ...wire.Mark) string {
	d := wire.DNS(msg)
	d.Faults = nil
	return d.Dump(marks...)
}

type named struct {
	name string
	err  error
}

var sentinels = []named{
	{"ErrShort", decode.ErrShort},
	{"ErrRDLength", decode.ErrRDLength},
	{"ErrLabelType", decode.ErrLabelType},
	{"ErrPointer", decode.ErrPointer},
	{"ErrNameLen", decode.ErrNameLen},
}

func sentinel(err error) string {
	for _, s := range sentinels {
		if s.err == err {
			return s.name
		}
	}
	return err.Error()
}

// isOnly says whether errors.Is finds want in err, and no other error of the
// kata.
func isOnly(err, want error) bool {
	for _, s := range sentinels {
		if errors.Is(err, s.err) != (s.err == want) {
			return false
		}
	}
	return true
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

// chain returns a message whose first record holds a chain of pointers to the
// root, as long as pointers reach, and after it records of two names each. The
// first of the two points to the end of the chain, the second to another part of
// it each time, ever nearer to its beginning.
func chain() (msg []byte, names int) {
	msg = append(msg, "\x2a\x17\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	msg = append(msg, "\x00\xff\x00\x00\x01\x00\x00\x00\x00\x00\x00"...) // the root, type 65280
	root := len(msg)
	msg = append(msg, 0)
	var pointers []int
	for off := root; len(msg) <= 0x3fff; off = pointers[len(pointers)-1] {
		pointers = append(pointers, len(msg))
		msg = append(msg, to(off)...)
	}
	binary.BigEndian.PutUint16(msg[root-2:], uint16(len(msg)-root))
	records := 1
	for last := len(pointers) - 1; len(msg) < 65535-14; records++ {
		msg = append(msg, to(pointers[last])...)
		msg = append(msg, "\x00\x02\x00\x01\x00\x00\x00\x00\x00\x02"...) // type NS, RDLENGTH 2
		msg = append(msg, to(pointers[last-records])...)
	}
	binary.BigEndian.PutUint16(msg[6:], uint16(records))
	return msg, 2 * (records - 1)
}

// to returns a pointer to that offset.
func to(off int) string { return string([]byte{0xc0 | byte(off>>8), byte(off)}) }

// message is one that is being written, and the fields that it has.
type message struct {
	*draw.Data
	octets []byte
	fields []decode.Field // up to the first fault
	bad    bool           // whether there was one
	counts [4]int
	places []place  // where names stand
	data   [][2]int // where the data of records begins and ends
}

// place is where a name stands, or the end of one.
type place struct {
	off    int
	labels []string
}

// begin returns a message that is only a header.
func begin(d *draw.Data) *message {
	m := &message{Data: d}
	m.number(decode.ID, 2, uint32(m.Between(1, 65535)))
	m.number(decode.Flags, 2, uint32(m.Between(1, 65535)))
	for range m.counts {
		m.number(decode.Count, 2, 0)
	}
	return m
}

// before returns a message with a few entries.
func before(d *draw.Data) *message {
	m := begin(d)
	for range m.Between(0, 2) {
		m.question(m.anyName)
	}
	for range m.IntN(4) {
		m.known(m.section())
	}
	return m
}

// anything returns a message with entries in every section.
func anything(d *draw.Data) *message {
	m := begin(d)
	for range m.Between(1, 2) {
		m.question(m.anyName)
	}
	for section := 1; section <= 3; section++ {
		for range m.Between(1, 4) {
			m.known(section)
		}
	}
	return m
}

// add writes the octets of a field.
func (m *message) add(f decode.Field, octets string) {
	if !m.bad {
		f.Off, f.Len = len(m.octets), len(octets)
		m.fields = append(m.fields, f)
	}
	m.octets = append(m.octets, octets...)
}

// hostile writes octets that are no field. From here on none is.
func (m *message) hostile(octets string) {
	m.bad = true
	m.octets = append(m.octets, octets...)
}

func (m *message) number(kind decode.Kind, n int, v uint32) {
	m.add(decode.Field{Kind: kind, Num: v}, string(binary.BigEndian.AppendUint32(nil, v)[4-n:]))
}

func (m *message) label(l string) { m.add(decode.Field{Kind: decode.Label}, string(rune(len(l)))+l) }

func (m *message) str(s string) {
	m.add(decode.Field{Kind: decode.String}, string([]byte{byte(len(s))})+s)
}

func (m *message) option(data string) {
	code := uint16(m.Between(1, 65535))
	head := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, code), uint16(len(data)))
	m.add(decode.Field{Kind: decode.Option, Num: uint32(code)}, string(head)+data)
}

func (m *message) opaque(data string) {
	if data != "" {
		m.add(decode.Field{Kind: decode.Opaque}, data)
	}
}

func (m *message) trailing(octets string) { m.add(decode.Field{Kind: decode.Trailing}, octets) }

// name writes a name that ends with the root.
func (m *message) name(labels ...string) {
	m.labelsBefore(labels, nil)
	m.add(decode.Field{Kind: decode.Root, Name: text(labels)}, "\x00")
}

// nameTo writes a name that ends with a pointer.
func (m *message) nameTo(p place, labels ...string) {
	m.labelsBefore(labels, p.labels)
	m.add(decode.Field{Kind: decode.Pointer, Num: uint32(p.off), Name: text(slices.Concat(labels, p.labels))}, to(p.off))
}

// labelsBefore writes labels and remembers where they stand, and where what
// follows them will.
func (m *message) labelsBefore(labels, after []string) {
	for i, l := range labels {
		m.remember(slices.Concat(labels[i:], after))
		m.label(l)
	}
	m.remember(after)
}

func (m *message) remember(labels []string) {
	if at := len(m.octets); at <= 0x3fff {
		m.places = append(m.places, place{at, labels})
	}
}

// anyName writes some name, of less than 255 characters of text.
func (m *message) anyName() {
	var labels []string
	switch m.IntN(4) {
	case 0:
	case 1:
		labels = []string{strings.ToUpper(m.Word()), m.octetsOf(m.Between(1, 20))}
	default:
		labels = m.Words(m.Between(1, 3))
	}
	if len(m.places) > 0 && m.IntN(3) > 0 {
		if p := m.places[m.IntN(len(m.places))]; len(text(slices.Concat(labels, p.labels))) < 255 {
			m.nameTo(p, labels...)
			return
		}
	}
	m.name(labels...)
}

// question writes one whose name f writes.
func (m *message) question(f func()) {
	m.count(0)
	f()
	m.number(decode.Type, 2, []uint32{1, 6, 15, 28, 65, 255, m.Uint32() & 0xffff}[m.IntN(7)])
	m.class()
}

func (m *message) class() {
	m.number(decode.Class, 2, []uint32{1, 1, 1, m.Uint32() & 0xffff}[m.IntN(4)])
}

// record writes one whose data f writes.
func (m *message) record(section int, rrtype uint16, f func()) {
	m.recordOf(section, rrtype, 0, m.anyName, f)
}

// recordOf writes a record whose owner and data these write, and whose RDLENGTH
// is that much larger than it should be.
func (m *message) recordOf(section int, rrtype uint16, more int, owner, data func()) {
	m.count(section)
	owner()
	m.number(decode.Type, 2, uint32(rrtype))
	m.class()
	m.number(decode.TTL, 4, m.Uint32()>>[]int{0, 16, 16, 20}[m.IntN(4)])
	field, good := len(m.fields), !m.bad
	m.number(decode.RDLength, 2, 0)
	start := len(m.octets)
	data()
	length := len(m.octets) - start + more
	binary.BigEndian.PutUint16(m.octets[start-2:], uint16(length))
	if good {
		m.fields[field].Num = uint32(length)
	}
	m.data = append(m.data, [2]int{start, len(m.octets)})
}

// count counts an entry of a section, 0 to 3.
func (m *message) count(section int) { m.claim(section, m.counts[section]+1) }

// claim sets a count.
func (m *message) claim(section, n int) {
	m.counts[section] = n
	binary.BigEndian.PutUint16(m.octets[4+2*section:], uint16(n))
	m.fields[2+section].Num = uint32(n)
}

// somewhere writes an entry with a name that f writes, and which has a fault.
func (m *message) somewhere(f func()) {
	noRecords := m.counts[1]+m.counts[2]+m.counts[3] == 0
	switch n := m.IntN(7); {
	case n == 0 && noRecords:
		m.question(f)
	case n <= 1:
		m.recordOf(m.section(), dns.TypeTXT, 0, f, func() { m.str(m.letter()) })
	case n == 2:
		m.record(m.section(), dns.TypeMX, func() { m.number(decode.Number, 2, m.Uint32()&0xffff); f() })
	case n == 3:
		m.record(m.section(), dns.TypeSOA, func() { m.anyName(); f() })
	case n == 4:
		m.record(m.section(), dns.TypeSRV, func() {
			for range 3 {
				m.number(decode.Number, 2, m.Uint32()&0xffff)
			}
			f()
		})
	default:
		m.record(m.section(), []uint16{dns.TypeNS, dns.TypeCNAME, dns.TypePTR}[m.IntN(3)], f)
	}
	m.record(3, dns.TypeTXT, func() { m.str(m.octetsOf(80)) })
}

// known writes a record of a type that is drawn.
func (m *message) known(section int) {
	if k := m.IntN(len(known) + 2); k < len(known) {
		m.record(section, known[k].rrtype, func() { known[k].data(m) })
		return
	}
	m.record(section, m.unknown(), func() { m.opaque(m.octetsOf(m.Between(0, 20))) })
}

// known are the types whose data is taken apart.
var known = []struct {
	name   string
	rrtype uint16
	data   func(m *message)
}{
	{"A", dns.TypeA, func(m *message) { m.add(decode.Field{Kind: decode.Address}, m.octetsOf(4)) }},
	{"AAAA", dns.TypeAAAA, func(m *message) { m.add(decode.Field{Kind: decode.Address}, m.octetsOf(16)) }},
	{"CNAME", dns.TypeCNAME, func(m *message) { m.anyName() }},
	{"NS", dns.TypeNS, func(m *message) { m.anyName() }},
	{"PTR", dns.TypePTR, func(m *message) { m.anyName() }},
	{"MX", dns.TypeMX, func(m *message) { m.number(decode.Number, 2, m.Uint32()&0xffff); m.anyName() }},
	{"SRV", dns.TypeSRV, func(m *message) {
		for range 3 {
			m.number(decode.Number, 2, m.Uint32()&0xffff)
		}
		m.anyName()
	}},
	{"SOA", dns.TypeSOA, func(m *message) {
		m.anyName()
		m.anyName()
		for range 5 {
			m.number(decode.Number, 4, m.Uint32())
		}
	}},
	{"TXT", dns.TypeTXT, func(m *message) {
		for range m.Between(1, 4) {
			m.str(m.octetsOf(m.Between(0, 20)))
		}
	}},
	{"OPT", dns.TypeOPT, func(m *message) {
		for range m.Between(0, 3) {
			m.option(m.octetsOf(m.Between(0, 20)))
		}
	}},
}

// withNames are the types of which these hold names.
var withNames = []uint16{dns.TypeNS, dns.TypeCNAME, dns.TypePTR, dns.TypeMX, dns.TypeSRV, dns.TypeSOA}

// dataWith writes the data of one of these types, in which name writes each name.
func (m *message) dataWith(rrtype uint16, name func()) {
	numbers, names, more := 0, 1, 0
	switch rrtype {
	case dns.TypeMX:
		numbers = 1
	case dns.TypeSRV:
		numbers = 3
	case dns.TypeSOA:
		names, more = 2, 5
	}
	for range numbers {
		m.number(decode.Number, 2, m.Uint32()&0xffff)
	}
	for range names {
		name()
	}
	for range more {
		m.number(decode.Number, 4, m.Uint32())
	}
}

// cut returns the first n octets of m, and the fields that are whole in them:
// none of the data, if not all of it is there.
func (m *message) cut(n int) *message {
	end := n
	for _, d := range m.data {
		if d[0] <= n && n < d[1] {
			end = d[0]
		}
	}
	c := &message{octets: m.octets[:n:n], data: m.data}
	for _, f := range m.fields {
		if f.Off+f.Len <= end {
			c.fields = append(c.fields, f)
		}
	}
	return c
}

// section is that of an answer, authority or additional.
func (m *message) section() int { return m.Between(1, 3) }

// unknown is a type whose data is not taken apart.
func (m *message) unknown() uint16 {
	types := []uint16{0, 3, 4, 10, 13, 14, 17, 18, 24, 39, 43, 46, 47, 52, 64, 65, 99, 252, 255, 257, 65535}
	return append(types, uint16(m.Between(65280, 65534)))[m.IntN(len(types)+1)]
}

// octetsOf returns n octets, whatever they are.
func (m *message) octetsOf(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return string(b)
}

func (m *message) letter() string { return string(rune(m.Between('a', 'z'))) }

// labels returns some of that many octets, with the length of each.
func (m *message) labels(total int) []string {
	var all []string
	for total > 0 {
		n := min(total, m.Between(2, 64))
		if total-n == 1 { // which is no label
			n--
			if n == 1 {
				n = 3
			}
		}
		all = append(all, strings.Repeat(m.letter(), n-1))
		total -= n
	}
	return all
}

// ending returns a place of a name, or the end of one, of that many octets.
func (m *message) ending(n int) place {
	return m.places[slices.IndexFunc(m.places, func(p place) bool { return octets(p.labels) == n })]
}

func (m *message) longest() place {
	return slices.MaxFunc(m.places, func(a, b place) int { return octets(a.labels) - octets(b.labels) })
}

// octets returns how many labels have, with the length of each.
func octets(labels []string) int {
	n := 0
	for _, l := range labels {
		n += 1 + len(l)
	}
	return n
}

// end returns the offset behind the last field.
func end(fields []decode.Field) int {
	if len(fields) == 0 {
		return 0
	}
	last := fields[len(fields)-1]
	return last.Off + last.Len
}

// text writes a name as text.
func text(labels []string) string {
	if len(labels) == 0 {
		return "."
	}
	var s strings.Builder
	for _, l := range labels {
		for _, c := range []byte(l) {
			switch {
			case c == '.' || c == '\\':
				fmt.Fprintf(&s, `\%c`, c)
			case c < 0x21 || c > 0x7e:
				fmt.Fprintf(&s, `\%03d`, c)
			default:
				s.WriteByte(c)
			}
		}
		s.WriteByte('.')
	}
	return s.String()
}
