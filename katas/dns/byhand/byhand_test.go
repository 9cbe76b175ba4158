package byhand_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/dns/byhand"
)

// Where the parts of both messages begin and end.
const (
	headerEnd   = 12
	nameEnd     = headerEnd + len("\x07example\x03com\x00")
	questionEnd = nameEnd + 4 // type, class
	ownerEnd    = questionEnd + 2
	ttl         = ownerEnd + 4 // type, class
	answerEnd   = ttl + 4 + 2 + 4
)

// Both texts are hex.
func TestHex(t *testing.T) {
	r := rule.New(t, 1)
	query(r)
	if byhand.Response != "" { // that it is empty is a later rule's affair
		decode(r, "Response", byhand.Response)
	}
}

// The header of the query (RFC 1035, section 4.1.1).
func TestQueryHeader(t *testing.T) {
	r := rule.New(t, 2)
	got := query(r)
	same(r, "Query", got, asked(got), headerEnd)
}

// The question of the query (RFC 1035, section 4.1.2).
func TestQuestion(t *testing.T) {
	r := rule.New(t, 3)
	got := query(r)
	want := ownCase(got, join(got, headerEnd, asked(got)))
	same(r, "Query", got, want, questionEnd)
}

// Nothing after the question (RFC 1035, section 4.1).
func TestQueryEnd(t *testing.T) {
	r := rule.New(t, 4)
	got := query(r)
	same(r, "Query", got, join(got, questionEnd, asked(got)), len(got))
}

// The header of the response (RFC 1035, section 4.1.1).
func TestResponseHeader(t *testing.T) {
	r := rule.New(t, 5)
	got := response(r)
	same(r, "Response", got, answered(r, got), headerEnd)
}

// The question, octet for octet (RFC 1035, section 4.1.2; RFC 5452, section 9.1).
func TestEcho(t *testing.T) {
	r := rule.New(t, 6)
	got := response(r)
	same(r, "Response", got, join(got, headerEnd, answered(r, got)), questionEnd)
}

// The name of the answer (RFC 1035, section 4.1.4).
func TestPointer(t *testing.T) {
	r := rule.New(t, 7)
	got := response(r)
	same(r, "Response", got, join(got, questionEnd, answered(r, got)), ownerEnd)
}

// The rest of the answer (RFC 1035, sections 3.2.1 and 3.4.1; RFC 2181, section 8).
func TestAnswer(t *testing.T) {
	r := rule.New(t, 8)
	got := response(r)
	same(r, "Response", got, join(got, ownerEnd, answered(r, got)), answerEnd)
}

// Nothing after the answer (RFC 1035, section 4.1).
func TestResponseEnd(t *testing.T) {
	r := rule.New(t, 9)
	got := response(r)
	same(r, "Response", got, join(got, answerEnd, answered(r, got)), len(got))
}

// The sense of both, by a reader that knows nothing of this kata.
func TestRead(t *testing.T) {
	r := rule.New(t, 10)
	var q, a dns.Msg
	read(r, &q, "Query", query(r))
	read(r, &a, "Response", response(r))
	switch {
	case q.Response || !q.RecursionDesired || len(q.Question) != 1:
		r.Fatalf("miekg/dns reads in Query:\n%v", &q)
	case !a.Response || a.Id != q.Id || len(a.Question) != 1 || a.Question[0] != q.Question[0] || len(a.Answer) != 1:
		r.Fatalf("miekg/dns reads in Response:\n%v", &a)
	}
	rr, ok := a.Answer[0].(*dns.A)
	if !ok || dns.CanonicalName(rr.Hdr.Name) != "example.com." || !rr.A.Equal(netip.MustParseAddr("192.0.2.1").AsSlice()) {
		r.Fatalf("miekg/dns reads in Response this answer:\n%v", a.Answer[0])
	}
}

func query(r *rule.R) []byte {
	r.T().Helper()
	return octets(r, "Query", byhand.Query)
}

func response(r *rule.R) []byte {
	r.T().Helper()
	return octets(r, "Response", byhand.Response)
}

func octets(r *rule.R, what, text string) []byte {
	r.T().Helper()
	msg := decode(r, what, text)
	if len(msg) == 0 {
		r.Fatalf("%s has no octets yet\n%v", what, todo.Err)
	}
	return msg
}

func decode(r *rule.R, what, text string) []byte {
	r.T().Helper()
	d, err := wire.ParseHex(what, []byte(text))
	if err != nil {
		r.Fatalf("%v\n(the lines of the text in byhand.go, from the one with the first backquote on)", err)
	}
	return d.Msg
}

// same compares got with want up to end. What comes behind is another rule's
// affair: it is shown as got has it.
func same(r *rule.R, what string, got, want []byte, end int) {
	r.T().Helper()
	if bytes.Equal(got[:min(len(got), end)], want[:min(len(want), end)]) {
		return
	}
	want = append(bytes.Clone(want[:min(len(want), end)]), got[min(len(got), end):]...)
	r.Fatalf("%s, where it is not as wanted:\n\n%s", what, wire.Diff(got, wire.DNS(want)))
}

func read(r *rule.R, m *dns.Msg, what string, msg []byte) {
	r.T().Helper()
	if err := m.Unpack(msg); err != nil {
		r.Fatalf("miekg/dns does not read %s: %v\n\n%s", what, err, wire.DNS(msg).Dump())
	}
}

// asked is the query that is wanted, as miekg/dns packs it, with the id of got.
func asked(got []byte) []byte {
	m := new(dns.Msg).SetQuestion("example.com.", dns.TypeA)
	m.Id = word(got, 0)
	return pack(m)
}

// answered is the response that is wanted: with the id and the question of
// Query, and in what is free (AA, RA, AD, CD, TTL) as got has it.
func answered(r *rule.R, got []byte) []byte {
	r.T().Helper()
	q := query(r)
	m := new(dns.Msg).SetQuestion("example.com.", dns.TypeA)
	m.Id, m.Response, m.Compress = word(q, 0), true, true
	m.RecursionDesired = word(q, 2)&0x0100 != 0
	free := word(got, 2)
	m.Authoritative, m.RecursionAvailable = free&0x0400 != 0, free&0x0080 != 0
	m.AuthenticatedData, m.CheckingDisabled = free&0x0020 != 0, free&0x0010 != 0
	seconds := uint32(word(got, ttl))<<16 | uint32(word(got, ttl+2))
	m.Answer = []dns.RR{&dns.A{
		Hdr: dns.RR_Header{Name: "example.com.", Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: seconds &^ (1 << 31)},
		A:   netip.MustParseAddr("192.0.2.1").AsSlice(),
	}}
	return ownCase(q, pack(m))
}

func pack(m *dns.Msg) []byte {
	msg, err := m.Pack()
	if err != nil {
		panic(err) // nothing of it comes from the learner
	}
	return msg
}

// join is got up to at, and want from there on: what comes earlier is the
// affair of an earlier rule.
func join(got []byte, at int, want []byte) []byte {
	return append(bytes.Clone(got[:min(at, len(got))]), want[min(at, len(got), len(want)):]...)
}

// ownCase returns msg with the name in the question spelled as in got, if the
// two differ in case only (RFC 4343).
func ownCase(got, msg []byte) []byte {
	if len(got) >= nameEnd && len(msg) >= nameEnd && bytes.EqualFold(got[headerEnd:nameEnd], msg[headerEnd:nameEnd]) {
		copy(msg[headerEnd:], got[headerEnd:nameEnd])
	}
	return msg
}

// word is the word at off, or 0 where there is none.
func word(msg []byte, off int) uint16 {
	if len(msg) < off+2 {
		return 0
	}
	return binary.BigEndian.Uint16(msg[off:])
}
