package wire

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// DNS dissects a DNS message. It takes any bytes: of a broken message it shows
// every field up to where it stops making sense, and Faults say why. Where the
// length of what is broken is known all the same (a pointer that leads nowhere,
// RDATA that does not fill its RDLENGTH), it goes on behind it.
//
// Names and texts are escaped as in master files (RFC 1035, section 5.1). The
// label of a field depends on nothing that stands behind the field: a prefix of
// a message has the fields of the message, up to the cut. Of very many faults
// only the first 50 are listed.
func DNS(msg []byte) Dissection {
	w := newWalk(msg, dnsHeaderLen)
	w.message()
	return w.done("dns")
}

// DNSHeader dissects the header at the beginning of a message (RFC 1035, section
// 4.1.1). What its counts announce, it does not look for.
func DNSHeader(msg []byte) Dissection {
	w := newWalk(msg, dnsHeaderLen)
	w.header()
	if n := len(msg) - w.off; n > 0 {
		w.section = "behind the header"
		w.field(n, "", "")
	}
	return w.done("dns")
}

const (
	dnsHeaderLen = 12
	maxFaults    = 50
)

func newWalk(msg []byte, first int) *dnsWalk {
	return &dnsWalk{msg: msg, first: first, known: make([]int32, min(len(msg), maxPointer+1))}
}

func (w *dnsWalk) done(protocol string) Dissection {
	slices.SortStableFunc(w.faults, func(a, b Fault) int { return a.Off - b.Off })
	return Dissection{Protocol: protocol, Msg: w.msg, Fields: w.fields, Faults: w.faults}
}

// dnsWalk goes through a message. Each step returns false where it cannot go
// on: at the end of the message or of the RDATA, or where no length is known.
type dnsWalk struct {
	msg    []byte
	first  int // offset where a name can begin
	off    int // of the next octet
	fields []Field
	faults []Fault
	cut    bool // it is known where the message ends too early

	section string // title for the next field
	place   string // the entry that is being read: "answer 2 of 3"
	source  string // where its form is defined
	opcode  int
	rcode   int
	opts    int // OPT records met
	rdata   rdata

	// A message of 64 KiB may have tens of thousands of fields: names are read
	// once, and texts share their memory.
	names []dnsName // read so far
	known []int32   // their index, plus 1, by offset
	buf   []byte
	arena strings.Builder
}

// rdata is the RDATA that is being read; the zero value stands for none.
type rdata struct {
	lengthAt int    // offset of RDLENGTH
	length   int    // what RDLENGTH says
	end      int    // what follows from that: may lie outside the message
	of       string // the record's type
}

func (w *dnsWalk) message() {
	counts, ok := w.header()
	if counts[0] > 1 && w.opcode == dns.OpcodeQuery {
		w.fault(4, "QDCOUNT is %d, but a query, or its answer, has at most one question (RFC 9619, 4)", counts[0])
	}
	w.fields = slices.Grow(w.fields, min(len(w.msg)*3/5, 6*counts[0]+7*(counts[1]+counts[2]+counts[3])))
	for i := 0; ok && i < len(counts); i++ {
		ok = w.entries(i, counts[i])
	}
	n := len(w.msg) - w.off
	switch {
	case n == 0:
	case ok:
		w.section = "trailing octets"
		w.field(n, "", count(n, "octet")+" that no count announces")
	default:
		w.field(n, "", count(n, "octet")+" not explained")
	}
}

var dnsSections = [4]struct{ name, count, source string }{
	{"question", "QDCOUNT", "RFC 1035, 4.1.2"},
	{"answer", "ANCOUNT", "RFC 1035, 4.1.3"},
	{"authority", "NSCOUNT", "RFC 1035, 4.1.3"},
	{"additional", "ARCOUNT", "RFC 1035, 4.1.3"},
}

// entries reads all questions or records of a section.
func (w *dnsWalk) entries(section, n int) bool {
	s := dnsSections[section]
	w.source = s.source
	of := " of " + strconv.Itoa(n)
	for i := range n {
		if w.off == len(w.msg) {
			w.fault(w.off, "the message ends here: %s is %d, but %s (RFC 1035, 4.1.1; RFC 9267, 6)", s.count, n, only(i, "here"))
			return false
		}
		b := append(append(w.buf, s.name...), ' ')
		w.place = w.keep(append(strconv.AppendInt(b, int64(i+1), 10), of...))
		w.section = w.place
		if ok := section == 0 && w.question() || section > 0 && w.record(); !ok {
			return false
		}
	}
	return true
}

// only is "none is left", "only 1 is left", "only 2 are left".
func only(n int, left string) string {
	switch n {
	case 0:
		return "none is " + left
	case 1:
		return "only 1 is " + left
	}
	return "only " + strconv.Itoa(n) + " are " + left
}

// header reads the twelve octets (RFC 1035, section 4.1.1).
func (w *dnsWalk) header() (counts [4]int, ok bool) {
	w.section = "header"
	if n := len(w.msg); n < dnsHeaderLen {
		w.fault(n, "the message ends here: the header takes 12 octets, but %s (RFC 1035, 4.1.1)", only(n, "here"))
		w.cut = true
	}
	if !w.need(2, "ID") {
		return counts, false
	}
	w.field(2, "ID", w.keep(appendOffset(w.buf, w.peek(2), 4)))
	if !w.need(2, "flags") {
		return counts, false
	}
	w.opcode, w.rcode = w.peek(2)>>11&15, w.peek(2)&15
	w.word(2, "flags")
	for i, s := range dnsSections {
		if counts[i], ok = w.number(2, s.count); !ok {
			return counts, false
		}
	}
	return counts, true
}

var dnsWords = map[string][]bit{"flags": dnsFlags, "EDNS flags": ednsFlags}

// dnsFlags are the parts of the header's second word (RFC 1035, section 4.1.1;
// AD and CD: RFC 4035, section 3).
var dnsFlags = []bit{
	{name: "QR", shift: 15, width: 1, text: func(v uint64) string { return [2]string{"query", "response"}[v] }},
	{name: "opcode", shift: 11, width: 4, text: opcodeName},
	{name: "AA", shift: 10, width: 1},
	{name: "TC", shift: 9, width: 1},
	{name: "RD", shift: 8, width: 1},
	{name: "RA", shift: 7, width: 1},
	{name: "Z", shift: 6, width: 1},
	{name: "AD", shift: 5, width: 1},
	{name: "CD", shift: 4, width: 1},
	{name: "rcode", shift: 0, width: 4, text: rcodeName},
}

// question reads an entry of the question section (RFC 1035, section 4.1.2).
func (w *dnsWalk) question() bool {
	first := len(w.fields)
	name, ok := w.name("QNAME")
	if !ok || !w.need(2, "QTYPE") {
		return false
	}
	w.fields[first].Section = w.title(name, w.peek(2))
	return w.code("QTYPE", dns.TypeToString) && w.code("QCLASS", dns.ClassToString)
}

// record reads a resource record (RFC 1035, section 4.1.3).
func (w *dnsWalk) record() bool {
	first := len(w.fields)
	name, ok := w.name("NAME")
	if !ok || !w.need(2, "TYPE") {
		return false
	}
	rrtype := w.peek(2)
	w.fields[first].Section = w.title(name, rrtype)
	w.code("TYPE", dns.TypeToString)
	if rrtype == int(dns.TypeOPT) {
		w.checkOPT(w.fields[first].Off, name)
		ok = w.optFixed()
	} else {
		ok = w.fixed()
	}
	return ok && w.data(rrtype)
}

// fixed reads CLASS and TTL.
func (w *dnsWalk) fixed() bool {
	if !w.code("CLASS", dns.ClassToString) || !w.need(4, "TTL") {
		return false
	}
	v := w.peek(4)
	b := append(strconv.AppendInt(w.buf, int64(v), 10), " s"...)
	if v > math.MaxInt32 {
		b = append(b, ", counts as 0: the high bit is set (RFC 2181, 8)"...)
	}
	w.field(4, "TTL", w.keep(b))
	return true
}

// data reads RDLENGTH and RDATA. Whatever the RDATA holds, it ends behind it:
// RDLENGTH says where the next record begins.
func (w *dnsWalk) data(rrtype int) bool {
	at := w.off
	n, ok := w.number(2, "RDLENGTH")
	if !ok {
		return false
	}
	w.rdata = rdata{lengthAt: at, length: n, end: w.off + n, of: typeName(rrtype)}
	short := w.rdata.end > len(w.msg)
	if short {
		w.fault(at, "RDLENGTH is %d, but the message ends after %s (RFC 1035, 4.1.3; RFC 9267, 5)", n, count(len(w.msg)-w.off, "octet"))
		w.cut = true
	}
	w.contents(rrtype)
	if left := w.limit() - w.off; left > 0 {
		w.field(left, "RDATA", count(left, "octet")+" not explained")
	}
	w.rdata = rdata{}
	return !short
}

// limit is the offset behind the last octet that may be read now.
func (w *dnsWalk) limit() int {
	if w.rdata.end > 0 {
		return min(w.rdata.end, len(w.msg))
	}
	return len(w.msg)
}

// need says whether the next n octets are there, for the field of that name.
// Where they are not, it says why, and takes what there is of them.
func (w *dnsWalk) need(n int, field string) bool { return w.needFor(n, field, field) }

// needFor is need for a field whose name says less than what: "this label".
func (w *dnsWalk) needFor(n int, field, what string) bool {
	here := w.limit() - w.off
	if n <= here {
		return true
	}
	what += " takes " + count(n, "octet") + ", but " + only(here, "left")
	switch {
	case w.rdata.end > 0 && w.rdata.end <= len(w.msg):
		w.fault(w.rdata.lengthAt, "RDLENGTH is %d: %s (RFC 1035, 4.1.3; RFC 9267, 5)", w.rdata.length, what)
	case !w.cut:
		w.fault(len(w.msg), "the message ends here, in %s: %s (%s)", w.place, what, w.source)
	}
	if here > 0 {
		w.field(here, field, "cut off: "+strconv.Itoa(here)+" of "+count(n, "octet"))
	}
	return false
}

// peek returns the next n octets, at most 4, as a number.
func (w *dnsWalk) peek(n int) int { return int(bigEndian(w.msg[w.off : w.off+n])) }

// field takes the next n octets.
func (w *dnsWalk) field(n int, name, text string) {
	if len(w.fields) == cap(w.fields) {
		w.fields = slices.Grow(w.fields, max(16, len(w.fields))) // append would copy more often
	}
	w.fields = append(w.fields, Field{Off: w.off, Len: n, Section: w.section, Name: name, Text: text})
	w.section = ""
	w.off += n
}

// keep returns b as a string, and keeps b's memory for the next text.
func (w *dnsWalk) keep(b []byte) string {
	w.buf = b[:0]
	if w.arena.Cap()-w.arena.Len() < len(b) {
		w.arena = strings.Builder{}
		w.arena.Grow(max(len(b), 1<<14))
	}
	from := w.arena.Len()
	w.arena.Write(b)
	return w.arena.String()[from:]
}

// number takes n octets, at most 4, as a number.
func (w *dnsWalk) number(n int, name string) (v int, ok bool) {
	if !w.need(n, name) {
		return 0, false
	}
	v = w.peek(n)
	w.field(n, name, w.itoa(v))
	return v, true
}

func (w *dnsWalk) itoa(v int) string { return w.keep(strconv.AppendInt(w.buf, int64(v), 10)) }

// code takes two octets that stand for something: "1 A".
func (w *dnsWalk) code(name string, of map[uint16]string) bool {
	if !w.need(2, name) {
		return false
	}
	v := w.peek(2)
	b := append(strconv.AppendInt(w.buf, int64(v), 10), ' ')
	w.field(2, name, w.keep(append(b, nameOf(of, uint16(v))...)))
	return true
}

// word takes n octets of which each bit has a meaning.
func (w *dnsWalk) word(n int, name string) {
	v := bigEndian(w.msg[w.off : w.off+n])
	b := w.buf
	for i, part := range dnsWords[name] {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = part.append(b, v)
	}
	w.field(n, name, w.keep(b))
}

func (w *dnsWalk) fault(off int, format string, args ...any) {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, Fault{Off: off, Why: fmt.Sprintf(format, args...)})
	}
}

// title tells an entry from others: "answer 2 of 3: example.com. A".
func (w *dnsWalk) title(name string, rrtype int) string {
	b := append(append(w.buf, w.place...), ": "...)
	b = append(append(b, shorten(name, 40)...), ' ')
	return w.keep(append(b, typeName(rrtype)...))
}

// shorten leaves out the middle of a name that is much longer than size, but
// never half of an escape.
func shorten(name string, size int) string {
	if len(name) <= size+4 {
		return name
	}
	if strings.IndexByte(name, '\\') < 0 {
		return name[:size/2] + "…" + name[len(name)-size/2:]
	}
	head, tail := 0, 0
	for i := 0; tail == 0; {
		if i <= size/2 {
			head = i
		}
		if len(name)-i <= size/2 {
			tail = i
		}
		i += charLen(name[i:])
	}
	return name[:head] + "…" + name[tail:]
}

// charLen returns how long the character is that an escaped text begins with: 1,
// 2 as in \., 4 as in \007.
func charLen(text string) int {
	switch {
	case text[0] != '\\':
		return 1
	case '0' <= text[1] && text[1] <= '9':
		return 4
	}
	return 2
}

// typeName is the type's name, or "TYPE65280" (RFC 3597, section 5).
func typeName(v int) string {
	if s, ok := dns.TypeToString[uint16(v)]; ok {
		return s
	}
	return "TYPE" + strconv.Itoa(v)
}

// nameOf returns the name of v, or "unknown".
func nameOf[K comparable](names map[K]string, v K) string {
	if s := names[v]; s != "" {
		return s
	}
	return "unknown"
}

func opcodeName(v uint64) string { return nameOf(dns.OpcodeToString, int(v)) }

func rcodeName(v uint64) string { return nameOf(dns.RcodeToString, int(v)) }
