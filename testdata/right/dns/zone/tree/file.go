//go:build solution

package zone

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/example/netkata/solutions/dns/name"
	"github.com/example/netkata/solutions/dns/question"
	"github.com/example/netkata/solutions/dns/record"
)

// position is a place in a file.
type position struct{ line, column int }

func (p position) wrap(err error) error { return &SyntaxError{p.line, p.column, err} }

// errorf returns an ErrSyntax at p.
func (p position) errorf(format string, args ...any) error {
	return p.wrap(fmt.Errorf("%w: %s", ErrSyntax, fmt.Sprintf(format, args...)))
}

// token is a word of an entry, its escapes as they were written.
type token struct {
	text   string
	quoted bool
	at     position
}

// scanner cuts a file into entries: lines, or what parentheses make one.
type scanner struct {
	text string
	pos  position
}

func (s *scanner) advance() {
	if s.text[0] == '\n' {
		s.pos = position{s.pos.line + 1, 1}
	} else {
		s.pos.column++
	}
	s.text = s.text[1:]
}

// entry is a row of words that belong together.
type entry struct {
	words    []token
	indented bool     // it begins with a blank, and so belongs to the owner before
	end      position // behind its last line
}

// entry returns the next entry. At the end it is io.EOF.
func (s *scanner) entry() (e entry, err error) {
	if s.text == "" {
		return e, io.EOF
	}
	e.indented = s.text[0] == ' ' || s.text[0] == '\t'
	var open []position // parentheses
	for s.text != "" {
		at := s.pos
		switch c := s.text[0]; c {
		case '\n':
			s.advance()
			if len(open) == 0 {
				e.end = at
				return e, nil
			}
		case ' ', '\t', '\r':
			s.advance()
		case ';':
			for s.text != "" && s.text[0] != '\n' {
				s.advance()
			}
		case '(':
			open = append(open, at)
			s.advance()
		case ')':
			if len(open) == 0 {
				return e, at.errorf("a ) without its (")
			}
			open = open[:len(open)-1]
			s.advance()
		default:
			text, err := s.word(c == '"')
			if err != nil {
				return e, err
			}
			e.words = append(e.words, token{text, c == '"', at})
		}
	}
	if len(open) > 0 {
		return e, open[0].errorf("a ( without its )")
	}
	e.end = s.pos
	return e, nil
}

// word reads a word, up to what ends it: a blank, or the other quote.
func (s *scanner) word(quoted bool) (string, error) {
	start := s.pos
	if quoted {
		s.advance()
	}
	rest := s.text
	for s.text != "" && s.text[0] != '\n' {
		switch c := s.text[0]; {
		case c == '\\' && len(s.text) > 1 && s.text[1] != '\n':
			s.advance()
		case quoted && c == '"':
			text := rest[:len(rest)-len(s.text)]
			s.advance()
			return text, nil
		case !quoted && strings.IndexByte(" \t\r;()\"", c) >= 0:
			return rest[:len(rest)-len(s.text)], nil
		}
		s.advance()
	}
	if quoted {
		return "", start.errorf("a \" without another on its line")
	}
	return rest[:len(rest)-len(s.text)], nil
}

// parser makes records of entries.
type parser struct {
	scanner
	origin string
	owner  string  // of the record before
	ttl    *uint32 // what $TTL says, or the record before
	fixed  bool    // $TTL has said it
}

func newParser(text, origin string) *parser {
	return &parser{scanner: scanner{text, position{1, 1}}, origin: origin}
}

// record returns the next record, and where it stands.
func (p *parser) record() (record.Record, position, error) {
	for {
		e, err := p.entry()
		if err != nil {
			return record.Record{}, position{}, err
		}
		if len(e.words) == 0 {
			continue
		}
		first := e.words[0]
		if !first.quoted && first.text[0] == '$' && !e.indented {
			if err := p.directive(e); err != nil {
				return record.Record{}, first.at, err
			}
			continue
		}
		if e.indented && p.owner == "" {
			return record.Record{}, first.at, first.at.errorf("a record without an owner, and none before it")
		}
		r, err := p.parse(e)
		return r, first.at, err
	}
}

// parse makes a record of an entry.
func (p *parser) parse(e entry) (record.Record, error) {
	a := &arguments{words: e.words, end: e.end, origin: p.origin}
	if !e.indented {
		p.owner = a.name()
	}
	r := record.Record{Name: p.owner, Class: question.ClassIN}
	rrtype := p.fields(a, &r)
	r.Data = a.data(rrtype)
	a.done()
	if a.err != nil {
		return record.Record{}, a.err
	}
	if _, err := record.Append(nil, r, name.Append); err != nil { // nobody could be told
		return record.Record{}, e.words[0].at.errorf("%v", err)
	}
	return r, nil
}

// directive obeys $ORIGIN and $TTL.
func (p *parser) directive(e entry) error {
	a := &arguments{words: e.words[1:], end: e.end, origin: p.origin}
	switch strings.ToUpper(e.words[0].text) {
	case "$ORIGIN":
		p.origin = a.name()
	case "$TTL":
		ttl := a.ttl()
		p.ttl, p.fixed = &ttl, true
	default:
		return e.words[0].at.errorf("%s is not known here", e.words[0].text)
	}
	a.done()
	return a.err
}

// fields reads what stands between owner and data: TTL and class, in either
// order, if they are there, and the type.
func (p *parser) fields(a *arguments, r *record.Record) question.Type {
	var ttl *uint32
	var class question.Class
	for {
		w := a.next("type")
		if v, ok := parseTTL(w.text); ok && ttl == nil {
			ttl = &v
			continue
		}
		var t question.Type
		if t.UnmarshalText([]byte(w.text)) != nil {
			if class == 0 && class.UnmarshalText([]byte(w.text)) == nil && class == question.ClassIN {
				continue
			}
			a.fail(w, "%q is no type, nor a TTL or the class IN before it", w.text)
			return 0
		}
		if isMeta(t) {
			a.fail(w, "records of type %v do not stand in zones", t)
		}
		switch {
		case ttl != nil:
			r.TTL = *ttl
			if !p.fixed {
				p.ttl = ttl
			}
		case p.ttl != nil:
			r.TTL = *p.ttl
		default:
			a.fail(w, "no TTL, here or before")
		}
		return t
	}
}

// isMeta says whether the type is only for questions, or for messages (RFC 6895,
// section 3.1).
func isMeta(t question.Type) bool {
	return t == 0 || t == question.TypeOPT || 128 <= t && t <= 255
}

// arguments are the words of an entry that are still to be read. After the first
// error they are empty.
type arguments struct {
	words  []token
	end    position
	origin string
	err    error
}

func (a *arguments) fail(w token, format string, args ...any) {
	if a.err == nil {
		a.err = w.at.errorf(format, args...)
	}
}

// next returns the next word; what says what it should be.
func (a *arguments) next(what string) token {
	if len(a.words) == 0 {
		a.fail(token{at: a.end}, "the %s is missing", what)
	}
	if a.err != nil {
		return token{}
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w
}

// done says that nothing should be left.
func (a *arguments) done() {
	if len(a.words) > 0 {
		a.fail(a.words[0], "%q is too much", a.words[0].text)
	}
}

// name returns a name, fully written, as name.Parse spells it.
func (a *arguments) name() string {
	w := a.next("name")
	if a.err != nil {
		return ""
	}
	text := w.text
	switch {
	case text == "@":
		text = a.origin
	case !absolute(text) && a.origin != ".":
		text += "." + a.origin
	}
	text, err := spell(text)
	if err != nil {
		a.err = w.at.wrap(err)
	}
	return text
}

// spell returns a name as name.Parse spells it, whatever escapes it was written
// with, so that names can be compared as text.
func spell(text string) (string, error) {
	wire, err := name.Append(nil, text)
	if err != nil {
		return "", err
	}
	text, _, err = name.Parse(wire, 0)
	return text, err
}

// absolute says whether a name ends with a dot that ends a label.
func absolute(text string) bool {
	end := false
	for i := 0; i < len(text); i++ {
		end = text[i] == '.'
		if text[i] == '\\' {
			i++
		}
	}
	return end
}

// number returns a number of at most bits bits.
func (a *arguments) number(what string, bits int) uint64 {
	w := a.next(what)
	v, err := strconv.ParseUint(w.text, 10, bits)
	if err != nil {
		a.fail(w, "%q is no %s of %d bits", w.text, what, bits)
	}
	return v
}

func (a *arguments) uint16(what string) uint16 { return uint16(a.number(what, 16)) }

func (a *arguments) uint32(what string) uint32 { return uint32(a.number(what, 32)) }

// ttl returns a time in seconds.
func (a *arguments) ttl() uint32 {
	w := a.next("TTL")
	v, ok := parseTTL(w.text)
	if !ok {
		a.fail(w, "%q is no TTL", w.text)
	}
	return v
}

// parseTTL reads seconds, of 31 bits (RFC 2181, section 8).
func parseTTL(text string) (uint32, bool) {
	v, err := strconv.ParseUint(text, 10, 32)
	return uint32(v), err == nil && v <= math.MaxInt32
}

func (a *arguments) addr(is func(netip.Addr) bool, what string) netip.Addr {
	w := a.next(what)
	addr, err := netip.ParseAddr(w.text)
	if err != nil || !is(addr) || addr.Zone() != "" {
		a.fail(w, "%q is no %s", w.text, what)
	}
	return addr
}

// data reads the data of a record, which is all that is left.
func (a *arguments) data(t question.Type) record.Data {
	if len(a.words) > 0 && a.words[0].text == `\#` && !a.words[0].quoted {
		return a.generic(t)
	}
	switch t {
	case question.TypeA:
		return record.A{Addr: a.addr(netip.Addr.Is4, "IPv4 address")}
	case question.TypeAAAA:
		return record.AAAA{Addr: a.addr(netip.Addr.Is6, "IPv6 address")}
	case question.TypeCNAME:
		return record.CNAME{Target: a.name()}
	case question.TypeNS:
		return record.NS{Host: a.name()}
	case question.TypePTR:
		return record.PTR{Target: a.name()}
	case question.TypeMX:
		return record.MX{Preference: a.uint16("preference"), Host: a.name()}
	case question.TypeTXT:
		return record.TXT{Strings: a.strings()}
	case question.TypeSOA:
		return record.SOA{Primary: a.name(), Mailbox: a.name(), Serial: a.uint32("serial"),
			Refresh: a.uint32("refresh"), Retry: a.uint32("retry"), Expire: a.uint32("expire"), Minimum: a.uint32("minimum")}
	case question.TypeSRV:
		return record.SRV{Priority: a.uint16("priority"), Weight: a.uint16("weight"), Port: a.uint16("port"), Target: a.name()}
	}
	a.fail(a.next("data"), "data of type %v can only be written as \\# LENGTH HEX", t)
	return record.Unknown{Of: t}
}

// strings reads strings to the end, at least one, each of at most 255 octets.
func (a *arguments) strings() (all []string) {
	for ok := true; ok; ok = a.err == nil && len(a.words) > 0 {
		w := a.next("string")
		s, err := unescape(w.text)
		switch {
		case err != nil:
			a.fail(w, "%v", err)
		case len(s) > math.MaxUint8:
			a.fail(w, "a string of %d octets: 255 are the most", len(s))
		}
		all = append(all, s)
	}
	return all
}

// unescape resolves the escapes of a string: a backslash, and three digits or
// another character (RFC 1035, section 5.1).
func unescape(text string) (string, error) {
	var b []byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			if i++; i == len(text) {
				return "", fmt.Errorf("nothing behind the backslash")
			}
			c = text[i]
			if '0' <= c && c <= '9' {
				digits := text[i:min(i+3, len(text))]
				v, err := strconv.ParseUint(digits, 10, 8)
				if err != nil || len(digits) < 3 {
					return "", fmt.Errorf(`\%s is no octet`, digits)
				}
				c = byte(v)
				i += 2
			}
		}
		b = append(b, c)
	}
	return string(b), nil
}

// generic reads data of any type: \#, its length, and hex (RFC 3597, section 5).
func (a *arguments) generic(t question.Type) record.Data {
	first := a.next("data")
	length := a.number("length", 16)
	var digits strings.Builder
	for a.err == nil && len(a.words) > 0 {
		digits.WriteString(a.next("data").text)
	}
	data, err := hex.DecodeString(digits.String())
	if err != nil || uint64(len(data)) != length {
		a.fail(first, "not %d octets in hex: %q", length, digits.String())
		return nil
	}
	// As it would come over the wire: what is known is read as what it is. It
	// must read back the same, for a pointer would lead nowhere.
	msg := []byte{0, byte(t >> 8), byte(t), 0, 1, 0, 0, 0, 0}
	msg = append(binary.BigEndian.AppendUint16(msg, uint16(length)), data...)
	r, _, err := record.Parse(msg, 0, name.Parse)
	if err != nil {
		a.fail(first, "%v", err)
		return nil
	}
	if back, err := record.Append(nil, r, name.Append); err != nil || !bytes.Equal(back, msg) {
		a.fail(first, "no data of type %v", t)
	}
	return r.Data
}
