package wire

import (
	"fmt"
	"math"
	"slices"
	"strconv"

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
	w := &dnsWalk{msg: msg, names: map[int]dnsName{}}
	w.fields = make([]Field, 0, len(msg)/4)
	w.message()
	slices.SortStableFunc(w.faults, func(a, b Fault) int { return a.Off - b.Off })
	return Dissection{Protocol: "dns", Msg: msg, Fields: w.fields, Faults: w.faults}
}

const (
	dnsHeaderLen = 12
	maxFaults    = 50
)

// dnsWalk goes through a message. Each step returns false where it cannot go
// on: at the end of the message or of the RDATA, or where no length is known.
type dnsWalk struct {
	msg    []byte
	off    int // of the next octet
	fields []Field
	faults []Fault

	section string          // title for the next field
	place   string          // the entry that is being read: "answer 2 of 3"
	source  string          // where its form is defined
	names   map[int]dnsName // read so far, by their offset
	opcode  int
	rcode   int
	opts    int // OPT records met
	rdata   rdata
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
	for i := 0; ok && i < len(counts); i++ {
		ok = w.entries(i, counts[i])
	}
	n := len(w.msg) - w.off
	switch {
	case n == 0:
	case ok:
		w.section = "trailing"
		w.field(n, "", count(n, "octet")+" behind all that the header counts")
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
		w.place = s.name + " " + strconv.Itoa(i+1) + of
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
		w.fault(n, "the message ends here: the header takes 12 octets, but %s (RFC 1035, 4.1.1)", only(n, "left"))
		w.rdata.end = dnsHeaderLen // so that need says nothing more
	}
	if !w.need(2, "ID") {
		return counts, false
	}
	w.field(2, "ID", string(appendOffset(nil, w.peek(2), 4)))
	if !w.need(2, "flags") {
		return counts, false
	}
	w.opcode, w.rcode = w.peek(2)>>11&15, w.peek(2)&15
	w.bits(2, "flags", dnsFlags)
	for i, s := range dnsSections {
		if counts[i], ok = w.number(2, s.count); !ok {
			return counts, false
		}
	}
	if counts[0] > 1 && w.opcode == dns.OpcodeQuery {
		w.fault(4, "QDCOUNT is %d, but a query, or its answer, has at most one question (RFC 9619, 4)", counts[0])
	}
	return counts, true
}

// dnsFlags are the parts of the header's second word (RFC 1035, section 4.1.1;
// AD and CD: RFC 4035, section 3.2).
var dnsFlags = []Bit{
	{Name: "QR", Shift: 15, Width: 1, Text: func(v uint64) string { return [2]string{"query", "response"}[v] }},
	{Name: "opcode", Shift: 11, Width: 4, Text: opcodeName},
	{Name: "AA", Shift: 10, Width: 1},
	{Name: "TC", Shift: 9, Width: 1},
	{Name: "RD", Shift: 8, Width: 1},
	{Name: "RA", Shift: 7, Width: 1},
	{Name: "Z", Shift: 6, Width: 1},
	{Name: "AD", Shift: 5, Width: 1},
	{Name: "CD", Shift: 4, Width: 1},
	{Name: "rcode", Shift: 0, Width: 4, Text: rcodeName},
}

// question reads an entry of the question section (RFC 1035, section 4.1.2).
func (w *dnsWalk) question() bool {
	first := len(w.fields)
	name, ok := w.name("QNAME")
	if !ok || !w.need(2, "QTYPE") {
		return false
	}
	w.fields[first].Section += title(name, w.peek(2))
	return w.code("QTYPE", typeName) && w.need(2, "QCLASS") && w.code("QCLASS", className)
}

// record reads a resource record (RFC 1035, section 4.1.3).
func (w *dnsWalk) record() bool {
	first := len(w.fields)
	name, ok := w.name("NAME")
	if !ok || !w.need(2, "TYPE") {
		return false
	}
	rrtype := w.peek(2)
	w.fields[first].Section += title(name, rrtype)
	if rrtype == int(dns.TypeOPT) {
		w.checkOPT(w.fields[first].Off, name)
		ok = w.code("TYPE", typeName) && w.optFixed()
	} else {
		ok = w.code("TYPE", typeName) && w.fixed()
	}
	return ok && w.data(rrtype)
}

// fixed reads CLASS and TTL.
func (w *dnsWalk) fixed() bool {
	if !w.need(2, "CLASS") || !w.code("CLASS", className) || !w.need(4, "TTL") {
		return false
	}
	v := w.peek(4)
	text := strconv.Itoa(v) + " s"
	if v > math.MaxInt32 {
		text += ", counts as 0: the high bit is set (RFC 2181, 8)"
	}
	w.field(4, "TTL", text)
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
		w.fault(at, "RDLENGTH is %d, but of the message %s (RFC 1035, 4.1.3; RFC 9267, 5)", n, only(len(w.msg)-w.off, "left"))
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

// need says whether the next n octets are there, for the field of that name,
// or for what stands in its place ("this label"). Where they are not, it says
// why, and takes what there is of them.
func (w *dnsWalk) need(n int, field string, inPlace ...string) bool {
	here := w.limit() - w.off
	if n <= here {
		return true
	}
	what := append(inPlace, field)[0] + " takes " + count(n, "octet") + ", but " + only(here, "left")
	switch {
	case w.rdata.end == 0:
		w.fault(len(w.msg), "the message ends here, in %s: %s (%s)", w.place, what, w.source)
	case w.rdata.end <= len(w.msg):
		w.fault(w.rdata.lengthAt, "RDLENGTH is %d: %s (RFC 1035, 4.1.3; RFC 9267, 5)", w.rdata.length, what)
	}
	if here > 0 {
		w.field(here, field, "cut off: "+strconv.Itoa(here)+" of "+count(n, "octet"))
	}
	return false
}

// peek returns the next n octets, at most 4, as a number.
func (w *dnsWalk) peek(n int) int {
	v := 0
	for _, c := range w.msg[w.off : w.off+n] {
		v = v<<8 | int(c)
	}
	return v
}

// field takes the next n octets.
func (w *dnsWalk) field(n int, name, text string) {
	w.fields = append(w.fields, Field{Off: w.off, Len: n, Section: w.section, Name: name, Text: text})
	w.section = ""
	w.off += n
}

// number takes n octets, at most 4, as a number.
func (w *dnsWalk) number(n int, name string) (v int, ok bool) {
	if !w.need(n, name) {
		return 0, false
	}
	v = w.peek(n)
	w.field(n, name, strconv.Itoa(v))
	return v, true
}

// code takes two octets that stand for a name: "1 A".
func (w *dnsWalk) code(name string, of func(int) string) bool {
	v := w.peek(2)
	w.field(2, name, strconv.Itoa(v)+" "+of(v))
	return true
}

// bits takes n octets, at most 4, of which each bit has a meaning.
func (w *dnsWalk) bits(n int, name string, bits []Bit) {
	v := uint64(w.peek(n))
	var text []byte
	for i, b := range bits {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = b.append(text, v)
	}
	w.field(n, name, string(text))
	w.fields[len(w.fields)-1].Bits = bits
}

func (w *dnsWalk) fault(off int, format string, args ...any) {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, Fault{Off: off, Why: fmt.Sprintf(format, args...)})
	}
}

// title tells an entry from others: ": example.com. A".
func title(name string, rrtype int) string {
	if len(name) > 44 {
		name = name[:20] + "..." + name[len(name)-20:]
	}
	return ": " + name + " " + typeName(rrtype)
}

func typeName(v int) string {
	if s, ok := dns.TypeToString[uint16(v)]; ok {
		return s
	}
	return "TYPE" + strconv.Itoa(v) // RFC 3597, section 5
}

func className(v int) string {
	if s, ok := dns.ClassToString[uint16(v)]; ok {
		return s
	}
	return "CLASS" + strconv.Itoa(v) // RFC 3597, section 5
}

func opcodeName(v uint64) string {
	if s, ok := dns.OpcodeToString[int(v)]; ok {
		return s
	}
	return "unassigned"
}

func rcodeName(v uint64) string {
	if s, ok := dns.RcodeToString[int(v)]; ok {
		return s
	}
	return "unassigned"
}
