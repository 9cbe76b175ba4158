package wire

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/miekg/dns"
)

// part is a field of some RDATA.
type part struct {
	name string // as the RFC has it
	form form
}

type form int

const (
	num8        form = iota
	num16            // big-endian
	num32            // big-endian
	seconds          // 32 bits
	date             // 32 bits, seconds since 1970
	rrType           // 16 bits
	algorithm        // 8 bits, of DNSSEC
	ipv4             //
	ipv6             //
	domain           // a name, which may be compressed
	plainDomain      // a name that must not be compressed (RFC 3597, section 4)
	characters       // one character-string
	allStrings       // character-strings, one or more, to the end
	opaque           // octets, to the end
	text             // text without a length, to the end
	countedText      // a length octet, and so much text
	counted          // a length octet, and so many octets
	typeBitmap       // types, as windows of bits, to the end
	parameters       // of SVCB: key, length, value, to the end
)

// rdataForms says what the RDATA of a type consists of. Types that are not here
// are shown as octets.
var rdataForms = map[uint16][]part{
	dns.TypeA:     {{"ADDRESS", ipv4}},
	dns.TypeNS:    {{"NSDNAME", domain}},
	dns.TypeCNAME: {{"CNAME", domain}},
	dns.TypeSOA: {{"MNAME", domain}, {"RNAME", domain}, {"SERIAL", num32}, {"REFRESH", seconds},
		{"RETRY", seconds}, {"EXPIRE", seconds}, {"MINIMUM", seconds}},
	dns.TypePTR:   {{"PTRDNAME", domain}},
	dns.TypeHINFO: {{"CPU", characters}, {"OS", characters}},
	dns.TypeMX:    {{"PREFERENCE", num16}, {"EXCHANGE", domain}},
	dns.TypeTXT:   {{"TXT-DATA", allStrings}},
	dns.TypeSPF:   {{"TXT-DATA", allStrings}},
	dns.TypeRP:    {{"mbox-dname", plainDomain}, {"txt-dname", plainDomain}},
	dns.TypeAAAA:  {{"ADDRESS", ipv6}},
	dns.TypeSRV:   {{"Priority", num16}, {"Weight", num16}, {"Port", num16}, {"Target", plainDomain}},
	dns.TypeNAPTR: {{"ORDER", num16}, {"PREFERENCE", num16}, {"FLAGS", characters}, {"SERVICES", characters},
		{"REGEXP", characters}, {"REPLACEMENT", plainDomain}},
	dns.TypeDNAME: {{"target", plainDomain}},
	dns.TypeDS:    dsParts,
	dns.TypeCDS:   dsParts,
	dns.TypeSSHFP: {{"algorithm", num8}, {"fp type", num8}, {"fingerprint", opaque}},
	dns.TypeRRSIG: {{"Type Covered", rrType}, {"Algorithm", algorithm}, {"Labels", num8}, {"Original TTL", seconds},
		{"Signature Expiration", date}, {"Signature Inception", date}, {"Key Tag", num16},
		{"Signer's Name", plainDomain}, {"Signature", opaque}},
	dns.TypeNSEC:    {{"Next Domain Name", plainDomain}, {"Types", typeBitmap}},
	dns.TypeDNSKEY:  keyParts,
	dns.TypeCDNSKEY: keyParts,
	dns.TypeNSEC3: {{"Hash Algorithm", num8}, {"Flags", num8}, {"Iterations", num16}, {"Salt", counted},
		{"Next Hashed Owner Name", counted}, {"Types", typeBitmap}},
	dns.TypeNSEC3PARAM: {{"Hash Algorithm", num8}, {"Flags", num8}, {"Iterations", num16}, {"Salt", counted}},
	dns.TypeTLSA:       {{"usage", num8}, {"selector", num8}, {"matching type", num8}, {"data", opaque}},
	dns.TypeSVCB:       svcbParts,
	dns.TypeHTTPS:      svcbParts,
	dns.TypeURI:        {{"Priority", num16}, {"Weight", num16}, {"Target", text}},
	dns.TypeCAA:        {{"Flags", num8}, {"Tag", countedText}, {"Value", text}},
}

var (
	dsParts   = []part{{"Key Tag", num16}, {"Algorithm", algorithm}, {"Digest Type", num8}, {"Digest", opaque}}
	keyParts  = []part{{"Flags", num16}, {"Protocol", num8}, {"Algorithm", algorithm}, {"Public Key", opaque}}
	svcbParts = []part{{"SvcPriority", num16}, {"TargetName", plainDomain}, {"SvcParams", parameters}}
)

// contents takes the fields of the RDATA, as far as they make sense.
func (w *dnsWalk) contents(rrtype int) {
	if w.rdata.length == 0 && w.opcode == dns.OpcodeUpdate {
		return // it says what to delete (RFC 2136, section 2.5)
	}
	if rrtype == int(dns.TypeOPT) {
		w.options()
		return
	}
	parts, ok := rdataForms[uint16(rrtype)]
	if !ok {
		parts = []part{{"RDATA", opaque}}
	}
	for _, p := range parts {
		if !w.part(p) {
			return
		}
	}
	if left := w.limit() - w.off; left > 0 {
		w.fault(w.rdata.lengthAt, "RDLENGTH is %d, but the RDATA of %s ends %s earlier, at %s (RFC 9267, 5)",
			w.rdata.length, w.rdata.of, count(left, "octet"), hexOffset(w.off))
	}
}

// sizes of the forms that have one.
var formSize = map[form]int{
	num8: 1, num16: 2, num32: 4, seconds: 4, date: 4, rrType: 2, algorithm: 1, ipv4: 4, ipv6: 16,
}

func (w *dnsWalk) part(p part) bool {
	if n := formSize[p.form]; n > 0 {
		if !w.need(n, p.name) {
			return false
		}
		w.field(n, p.name, w.fixedText(p.form, n))
		return true
	}
	switch p.form {
	case domain:
		_, ok := w.name(p.name)
		return ok
	case plainDomain:
		return w.plainDomain(p.name)
	case characters:
		return w.characters(p.name)
	case allStrings:
		return w.allStrings(p.name)
	case countedText, counted:
		return w.counted(p)
	case typeBitmap:
		return w.typeBitmap(p.name)
	case parameters:
		return w.parameters()
	}
	w.toEnd(p)
	return true
}

func (w *dnsWalk) fixedText(f form, n int) string {
	p := w.msg[w.off : w.off+n]
	switch f {
	case ipv4, ipv6:
		a, _ := netip.AddrFromSlice(p) // it has 4 or 16 octets
		return w.keep(a.AppendTo(w.buf))
	}
	v := w.peek(n)
	switch f {
	case seconds:
		return strconv.Itoa(v) + " s"
	case date:
		return time.Unix(int64(v), 0).UTC().Format("2006-01-02 15:04:05 UTC")
	case rrType:
		return strconv.Itoa(v) + " " + nameOf(dns.TypeToString, uint16(v))
	case algorithm:
		return strconv.Itoa(v) + " " + nameOf(dns.AlgorithmToString, uint8(v))
	}
	return w.itoa(v)
}

func (w *dnsWalk) plainDomain(name string) bool {
	if _, ok := w.name(name); !ok {
		return false
	}
	if last := w.fields[len(w.fields)-1]; w.msg[last.Off] >= 0xc0 {
		w.fault(last.Off, "names in the RDATA of %s are not compressed (RFC 3597, 4)", w.rdata.of)
	}
	return true
}

// characters takes a character-string (RFC 1035, section 3.3).
func (w *dnsWalk) characters(name string) bool {
	if !w.needFor(1, name, "the next string") {
		return false
	}
	n := int(w.msg[w.off])
	if !w.needFor(1+n, name, "this string") {
		return false
	}
	b := append(strconv.AppendInt(w.buf, int64(n), 10), ` "`...)
	b = append(escape(b, w.msg[w.off+1:w.off+1+n], `"`), '"')
	w.field(1+n, name, w.keep(b))
	return true
}

func (w *dnsWalk) allStrings(name string) bool {
	strings := 0 // there may be 65,535 of them
	for off := w.off; off < w.limit(); off += 1 + int(w.msg[off]) {
		strings++
	}
	w.fields = slices.Grow(w.fields, strings)
	for {
		if !w.characters(name) {
			return false
		}
		if w.off >= w.rdata.end {
			return true
		}
		name = ""
	}
}

func (w *dnsWalk) counted(p part) bool {
	n, ok := w.number(1, p.name+" length")
	if !ok || n == 0 {
		return ok
	}
	if !w.need(n, p.name) {
		return false
	}
	s := count(n, "octet")
	if p.form == countedText {
		s = quoted(w.msg[w.off : w.off+n])
	}
	w.field(n, p.name, s)
	return true
}

// toEnd takes the rest of the RDATA.
func (w *dnsWalk) toEnd(p part) {
	n := w.rdata.end - w.off
	if n <= 0 || !w.need(n, p.name) {
		return
	}
	s := count(n, "octet")
	if p.form == text {
		s = quoted(w.msg[w.off : w.off+n])
	}
	w.field(n, p.name, s)
}

func quoted(p []byte) string {
	return string(append(escape([]byte{'"'}, p, `"`), '"'))
}

// typeBitmap takes windows of bits (RFC 4034, section 4.1.2).
func (w *dnsWalk) typeBitmap(name string) bool {
	last := -1
	for w.off < w.rdata.end {
		if !w.need(2, name) {
			return false
		}
		window, n := int(w.msg[w.off]), int(w.msg[w.off+1])
		if !w.need(2+n, name) {
			return false
		}
		text := "window " + strconv.Itoa(window)
		switch {
		case n < 1 || n > 32:
			w.fault(w.off, "a window has 1 to 32 octets, this one %d (RFC 4034, 4.1.2)", n)
		case window <= last:
			w.fault(w.off, "window %d follows window %d; they must increase (RFC 4034, 4.1.2)", window, last)
		default:
			text = w.types(window, w.msg[w.off+2:w.off+2+n])
		}
		last = max(last, window)
		w.field(2+n, name, text)
	}
	return true
}

// types lists the types of a window; of very many, the first.
func (w *dnsWalk) types(window int, bits []byte) string {
	b := append(strconv.AppendInt(append(w.buf, "window "...), int64(window), 10), ':')
	set := 0
	for i := range len(bits) * 8 {
		if bits[i/8]&(0x80>>(i%8)) == 0 {
			continue
		}
		if set++; set <= 20 {
			b = append(append(b, ' '), typeName(window<<8|i)...)
		}
	}
	if set > 20 {
		b = append(b, " and "...)
		b = append(strconv.AppendInt(b, int64(set-20), 10), " more"...)
	}
	return w.keep(b)
}

// parameters takes the parameters of SVCB and HTTPS (RFC 9460, section 2.2).
func (w *dnsWalk) parameters() bool {
	for w.off < w.rdata.end {
		if !w.need(2, "SvcParamKey") {
			return false
		}
		v := w.peek(2)
		key := dns.SVCBKey(v).String()
		w.field(2, "SvcParamKey", strconv.Itoa(v)+" "+key)
		n, ok := w.number(2, "length")
		if !ok || n > 0 && !w.need(n, key) {
			return false
		}
		if n > 0 {
			w.field(n, key, count(n, "octet"))
		}
	}
	return true
}

// checkOPT says what is wrong with an OPT (RFC 6891, section 6.1) of that owner.
func (w *dnsWalk) checkOPT(at int, owner string) {
	w.opts++
	if w.opts > 1 {
		w.fault(at, "this is OPT number %d; a message has at most one (RFC 6891, 6.1.1)", w.opts)
	}
	if owner != "." {
		w.fault(at, "the owner of OPT is the root (RFC 6891, 6.1.2)")
	}
}

// optFixed takes CLASS and TTL of an OPT, which mean something else there (RFC
// 6891, section 6.1.3).
func (w *dnsWalk) optFixed() bool {
	if !w.need(2, "CLASS") {
		return false
	}
	w.field(2, "CLASS", "is the UDP payload size here: "+strconv.Itoa(w.peek(2)))
	if !w.need(1, "extended RCODE") {
		return false
	}
	high := w.peek(1)
	s := strconv.Itoa(high)
	if high > 0 {
		rcode := high<<4 | w.rcode
		name := rcodeName(uint64(rcode))
		if rcode == dns.RcodeBadVers { // TSIG has another name for this number
			name = "BADVERS"
		}
		s += "; with the header's: " + strconv.Itoa(rcode) + " " + name
	}
	w.field(1, "extended RCODE", s)
	if _, ok := w.number(1, "EDNS version"); !ok || !w.need(2, "EDNS flags") {
		return false
	}
	w.word(2, "EDNS flags")
	return true
}

// ednsFlags are the last two octets of an OPT's TTL (RFC 6891, section 6.1.4).
var ednsFlags = []bit{
	{name: "DO", shift: 15, width: 1},
	{name: "Z", shift: 0, width: 15},
}

// ednsOptions are the options that servers and resolvers send.
var ednsOptions = map[uint16]string{
	dns.EDNS0NSID:         "NSID",
	dns.EDNS0SUBNET:       "client subnet",
	dns.EDNS0EXPIRE:       "EXPIRE",
	dns.EDNS0COOKIE:       "COOKIE",
	dns.EDNS0TCPKEEPALIVE: "TCP keepalive",
	dns.EDNS0PADDING:      "padding",
	dns.EDNS0EDE:          "extended DNS error",
}

// options takes the options of an OPT (RFC 6891, section 6.1.2).
func (w *dnsWalk) options() {
	for w.off < w.rdata.end {
		if !w.code("OPTION-CODE", ednsOptions) {
			return
		}
		code := uint16(bigEndian(w.msg[w.off-2 : w.off]))
		n, ok := w.number(2, "OPTION-LENGTH")
		if !ok || !w.option(code, n) {
			return
		}
	}
}

// option takes the data of one option, n octets: often two fields, of which the
// first has a known size.
func (w *dnsWalk) option(code uint16, n int) bool {
	end, name := w.off+n, nameOf(ednsOptions, code)
	switch {
	case code == dns.EDNS0COOKIE && n >= 8:
		if !w.need(8, "client cookie") {
			return false
		}
		w.field(8, "client cookie", "8 octets")
		name = "server cookie"
	case code == dns.EDNS0EDE && n >= 2:
		if !w.code("INFO-CODE", dns.ExtendedErrorCodeToString) {
			return false
		}
		name = "EXTRA-TEXT"
	}
	if n = end - w.off; n == 0 {
		return true
	}
	if !w.need(n, name) {
		return false
	}
	w.field(n, name, optionText(code, w.msg[w.off:end]))
	return true
}

func optionText(code uint16, p []byte) string {
	switch {
	case code == dns.EDNS0EDE, code == dns.EDNS0NSID:
		return quoted(p)
	case code == dns.EDNS0PADDING && len(bytes.Trim(p, "\x00")) == 0:
		return count(len(p), "octet") + " of zero"
	}
	return count(len(p), "octet")
}
