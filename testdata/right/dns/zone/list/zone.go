//go:build solution

// Package zone keeps a zone as a list of records, and their names as octets, as
// they stand on the wire. Data is written as octets, too, and read by dns/record.
package zone

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/example/netkata/solutions/dns/header"
	"github.com/example/netkata/solutions/dns/name"
	"github.com/example/netkata/solutions/dns/question"
	"github.com/example/netkata/solutions/dns/record"
	"github.com/example/netkata/solutions/dns/respond"
)

var (
	ErrSyntax  = errors.New("zone: syntax error")
	ErrOutside = errors.New("zone: record outside the zone")
	ErrSOA     = errors.New("zone: not exactly one SOA record at the origin")
	ErrCNAME   = errors.New("zone: CNAME and other data")
)

type SyntaxError struct {
	Line, Column int
	Err          error
}

func (e *SyntaxError) Error() string {
	return strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column) + ": " + e.Err.Error()
}

func (e *SyntaxError) Unwrap() error { return e.Err }

type Zone struct {
	origin  string
	records []rr
	soa     *record.Record
}

type rr struct {
	key string // the owner's octets, in lower case
	record.Record
}

// key returns the octets of a name, A to Z in lower case: no length is as large
// as a letter.
func key(text string) string {
	wire, _ := name.Append(nil, text)
	for i, c := range wire {
		if 'A' <= c && c <= 'Z' {
			wire[i] |= 0x20
		}
	}
	return string(wire)
}

func up(k string) string { return k[1+int(k[0]):] }

func below(k, other string) bool {
	for ; len(k) > len(other); k = up(k) {
	}
	return k == other
}

// words of a line; a blank at its beginning is the empty word.
type word struct {
	text         string
	quoted       bool
	line, column int
}

func (w word) fail(err error) error { return &SyntaxError{w.line, w.column, err} }

func (w word) bad(why string) error { return w.fail(fmt.Errorf("%w: %s: %q", ErrSyntax, why, w.text)) }

// split cuts the text into lines of words, of which the last only says where the
// line ends.
func split(text string) (all [][]word, err error) {
	line, begin := 1, 0
	var current, open []word
	end := func(i int) {
		all = append(all, append(current, word{text: "\n", line: line, column: i - begin + 1}))
		current = nil
	}
	for i := 0; i < len(text); i++ {
		here := word{line: line, column: i - begin + 1}
		switch c := text[i]; c {
		case '\n':
			if open == nil {
				end(i)
			}
			line, begin = line+1, i+1
		case ' ', '\t', '\r':
			if i == begin && open == nil {
				current = append(current, here)
			}
		case ';':
			for i+1 < len(text) && text[i+1] != '\n' {
				i++
			}
		case '(':
			open = append(open, here)
		case ')':
			if open == nil {
				return nil, here.bad("nothing is open")
			}
			open = nil
		default:
			stop := " \t\r\n;()\""
			if here.quoted = c == '"'; here.quoted {
				stop = "\"\n"
				i++
			}
			start := i
			for i < len(text) && !strings.Contains(stop, text[i:i+1]) {
				if text[i] == '\\' && i+1 < len(text) && text[i+1] != '\n' {
					i++
				}
				i++
			}
			if here.text = text[start:i]; !here.quoted {
				i--
			} else if i == len(text) || text[i] == '\n' {
				return nil, here.bad("no end")
			}
			current = append(current, here)
		}
	}
	if open != nil {
		return nil, open[0].bad("no ) follows")
	}
	end(len(text))
	return all, nil
}

func Parse(r io.Reader, origin string) (*Zone, error) {
	var text bytes.Buffer
	if _, err := text.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("reading the zone: %w", err)
	}
	if _, err := name.Append(nil, origin); err != nil {
		return nil, err
	}
	lines, err := split(text.String())
	if err != nil {
		return nil, err
	}
	z := &Zone{origin: key(origin)}
	f := &file{origin: strings.TrimSuffix(origin, ".") + "."}
	for _, words := range lines {
		if len(words) == 1 || len(words) == 2 && words[0].text == "" && !words[0].quoted {
			continue
		}
		rec, at, err := f.read(words)
		if err == nil && rec != nil {
			if err = z.add(*rec); err != nil {
				err = at.fail(err)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("zone of %s: %w", origin, err)
		}
	}
	if z.soa == nil {
		return nil, &SyntaxError{1, 1, ErrSOA}
	}
	return z, nil
}

type file struct {
	origin, owner string
	ttl           uint32
	known, fixed  bool
}

// read returns the record of a line, if it has one, and its first word.
func (f *file) read(w []word) (*record.Record, word, error) {
	first := w[0]
	if strings.HasPrefix(first.text, "$") && !first.quoted {
		return nil, first, f.directive(w)
	}
	if first.text == "" {
		if first = w[1]; f.owner == "" {
			return nil, first, first.bad("no owner")
		}
	} else {
		owner, err := f.name(first)
		if err != nil {
			return nil, first, err
		}
		f.owner = owner
	}
	w = w[1:]
	var ttl *uint32
	class := false
	var t question.Type
	for ; t.UnmarshalText([]byte(w[0].text)) != nil; w = w[1:] {
		n, err := strconv.ParseUint(w[0].text, 10, 31)
		v := uint32(n)
		switch {
		case err == nil && ttl == nil:
			ttl = &v
		case strings.EqualFold(w[0].text, "IN") && !class:
			class = true
		default:
			return nil, first, w[0].bad("neither TTL nor IN nor a type")
		}
	}
	switch {
	case t == 0 || t == question.TypeOPT || 128 <= t && t <= 255:
		return nil, first, w[0].bad("not in zones")
	case ttl == nil && !f.known:
		return nil, first, w[0].bad("no TTL")
	case ttl == nil:
		ttl = &f.ttl
	case !f.fixed:
		f.ttl, f.known = *ttl, true
	}
	data, err := f.data(t, w[1:])
	if err != nil {
		return nil, first, err
	}
	if len(data) > 65535 {
		return nil, first, first.bad("too much data")
	}
	msg := []byte{0, byte(t >> 8), byte(t), 0, 1, 0, 0, 0, 0, byte(len(data) >> 8), byte(len(data))}
	rec, _, err := record.Parse(append(msg, data...), 0, whole)
	if err != nil {
		return nil, first, w[1].fail(fmt.Errorf("%w: %v", ErrSyntax, err))
	}
	rec.Name, rec.TTL = f.owner, *ttl
	return &rec, first, nil
}

// whole is name.Parse without pointers.
func whole(msg []byte, off int) (string, int, error) {
	text, next, err := name.Parse(msg, off)
	if wire, _ := name.Append(nil, text); err == nil && len(wire) != next-off {
		err = errors.New("a pointer in a zone file")
	}
	return text, next, err
}

func (f *file) directive(w []word) error {
	switch {
	case len(w) == 2:
		return w[1].bad("something is missing")
	case len(w) > 3 && (strings.EqualFold(w[0].text, "$TTL") || strings.EqualFold(w[0].text, "$ORIGIN")):
		return w[2].bad("too much")
	case strings.EqualFold(w[0].text, "$TTL"):
		n, err := strconv.ParseUint(w[1].text, 10, 31)
		if err != nil {
			return w[1].bad("no TTL")
		}
		f.ttl, f.known, f.fixed = uint32(n), true, true
	case strings.EqualFold(w[0].text, "$ORIGIN"):
		origin, err := f.name(w[1])
		if err != nil {
			return err
		}
		f.origin = origin
	default:
		return w[0].bad("unknown")
	}
	return nil
}

func (f *file) name(w word) (string, error) {
	text := w.text
	if text == "@" {
		text = f.origin
	} else if !whole1(text) {
		text = strings.TrimSuffix(text+"."+f.origin, ".")
	}
	wire, err := name.Append(nil, text)
	if err != nil {
		return "", w.fail(err)
	}
	text, _, _ = name.Parse(wire, 0)
	return text, nil
}

// whole1 says whether text ends with a dot, before which stands an even number of
// backslashes.
func whole1(text string) bool {
	before, ok := strings.CutSuffix(text, ".")
	return ok && (len(before)-len(strings.TrimRight(before, `\`)))%2 == 0
}

// forms says what data is made of: names, numbers of two and four octets,
// addresses of four and sixteen, strings to the end.
var forms = map[question.Type]string{
	question.TypeA: "4", question.TypeAAAA: "6", question.TypeCNAME: "n", question.TypeNS: "n", question.TypePTR: "n",
	question.TypeMX: "wn", question.TypeTXT: "s", question.TypeSRV: "wwwn", question.TypeSOA: "nnlllll",
}

func (f *file) data(t question.Type, w []word) (b []byte, err error) {
	if w[0].text == `\#` && !w[0].quoted {
		return unhex(w)
	}
	form, ok := forms[t]
	if !ok {
		return nil, w[0].bad("no such data")
	}
	for _, c := range form {
		if len(w) == 1 {
			return nil, w[0].bad("something is missing")
		}
		for more := true; more; more = c == 's' && len(w) > 1 {
			if b, err = f.field(b, c, w[0]); err != nil {
				return nil, err
			}
			w = w[1:]
		}
	}
	if len(w) > 1 {
		return nil, w[0].bad("too much")
	}
	return b, nil
}

func (f *file) field(b []byte, form rune, w word) ([]byte, error) {
	switch form {
	case 'n':
		text, err := f.name(w)
		if err != nil {
			return nil, err
		}
		return name.Append(b, text)
	case 's':
		s, ok := plain(w.text)
		if !ok || len(s) > 255 {
			return nil, w.bad("no string")
		}
		return append(append(b, byte(len(s))), s...), nil
	case '4', '6':
		addr, err := netip.ParseAddr(w.text)
		if err != nil || addr.Is4() != (form == '4') || addr.Zone() != "" {
			return nil, w.bad("no such address")
		}
		return append(b, addr.AsSlice()...), nil
	}
	bits := map[rune]int{'w': 16, 'l': 32}[form]
	n, err := strconv.ParseUint(w.text, 10, bits)
	if err != nil {
		return nil, w.bad("no such number")
	}
	for ; bits > 0; bits -= 8 {
		b = append(b, byte(n>>(bits-8)))
	}
	return b, nil
}

func plain(text string) (s string, ok bool) {
	for text != "" {
		c := text[0]
		text = text[1:]
		if c == '\\' {
			if text == "" {
				return "", false
			}
			c = text[0]
			n := 1
			if '0' <= c && c <= '9' {
				if len(text) < 3 {
					return "", false
				}
				v, err := strconv.ParseUint(text[:3], 10, 8)
				if err != nil {
					return "", false
				}
				c, n = byte(v), 3
			}
			text = text[n:]
		}
		s += string([]byte{c})
	}
	return s, true
}

func unhex(w []word) ([]byte, error) {
	if len(w) == 2 {
		return nil, w[1].bad("a length is missing")
	}
	digits := ""
	for _, d := range w[2 : len(w)-1] {
		digits += d.text
	}
	b, err := hex.DecodeString(digits)
	if err != nil || strconv.Itoa(len(b)) != w[1].text {
		return nil, w[0].bad("other octets than its length says")
	}
	return b, nil
}

func (z *Zone) add(r record.Record) error {
	k := key(r.Name)
	if !below(k, z.origin) {
		return ErrOutside
	}
	t := r.Data.Type()
	if t == question.TypeSOA {
		if z.soa != nil || k != z.origin {
			return ErrSOA
		}
		soa := r
		soa.TTL = min(soa.TTL, r.Data.(record.SOA).Minimum)
		z.soa = &soa
	}
	for i, other := range z.records {
		if other.key != k {
			continue
		}
		isCNAME := other.Data.Type() == question.TypeCNAME
		same := written(other.Data) == written(r.Data)
		switch {
		case isCNAME != (t == question.TypeCNAME) || isCNAME && !same:
			return ErrCNAME
		case other.Data.Type() == t: // the lowest TTL for all
			r.TTL = min(r.TTL, other.TTL)
			for j := range z.records[:i+1] {
				if z.records[j].key == k && z.records[j].Data.Type() == t {
					z.records[j].TTL = r.TTL
				}
			}
		}
		if same && other.Data.Type() == t {
			return nil
		}
	}
	for i := range z.records {
		if z.records[i].key == k && z.records[i].Data.Type() == t {
			z.records[i].TTL = r.TTL
		}
	}
	z.records = append(z.records, rr{k, r})
	return nil
}

// written is data as text, in which case matters where it does on the wire.
func written(d record.Data) string {
	text := fmt.Sprintf("%#v", d)
	switch d.Type() {
	case question.TypeCNAME, question.TypeNS, question.TypePTR, question.TypeMX, question.TypeSRV:
		return strings.ToLower(text)
	}
	return text
}

func (z *Zone) exists(k string) bool {
	for _, r := range z.records {
		if below(r.key, k) {
			return true
		}
	}
	return k == z.origin
}

// of returns the records of a name and type, as owned by owner.
func (z *Zone) of(k string, t question.Type, owner string) (found []record.Record) {
	for _, r := range z.records {
		if r.key == k && r.Data.Type() == t {
			r.Record.Name = owner
			found = append(found, r.Record)
		}
	}
	return found
}

func (z *Zone) Lookup(q question.Question) respond.Answer {
	k := key(q.Name)
	if q.Class != question.ClassIN || !below(k, z.origin) {
		return respond.Answer{Rcode: header.RcodeRefused}
	}
	return z.walk(q.Name, q.Type, map[string]bool{}, respond.Answer{Authoritative: true})
}

func (z *Zone) walk(owner string, t question.Type, seen map[string]bool, a respond.Answer) respond.Answer {
	k := key(owner)
	if !below(k, z.origin) {
		return a
	}
	if seen[k] {
		a.Rcode = header.RcodeServFail
		return a
	}
	seen[k] = true
	var path []string
	for at := k; at != z.origin; at = up(at) {
		path = append([]string{at}, path...)
	}
	for _, at := range path {
		for _, r := range z.records {
			if r.key == at && r.Data.Type() == question.TypeNS {
				return z.refer(at, r.Name, a)
			}
		}
	}
	source := k
	if !z.exists(k) {
		for source = up(k); !z.exists(source); source = up(source) {
		}
		if source = "\x01*" + source; !z.exists(source) {
			a.Rcode, a.Authorities = header.RcodeNXDomain, []record.Record{*z.soa}
			return a
		}
	}
	if t == question.TypeANY { // the first set
		for _, r := range z.records {
			if r.key == source {
				a.Answers = z.of(source, r.Data.Type(), owner)
				return a
			}
		}
	}
	if found := z.of(source, t, owner); found != nil {
		a.Answers = append(a.Answers, found...)
		return a
	}
	if found := z.of(source, question.TypeCNAME, owner); found != nil {
		a.Answers = append(a.Answers, found...)
		return z.walk(found[0].Data.(record.CNAME).Target, t, seen, a)
	}
	a.Authorities = []record.Record{*z.soa}
	return a
}

func (z *Zone) refer(k, owner string, a respond.Answer) respond.Answer {
	a.Authoritative = len(a.Answers) > 0
	a.Authorities = z.of(k, question.TypeNS, owner)
	for _, ns := range a.Authorities {
		host := ns.Data.(record.NS).Host
		if below(key(host), k) {
			a.Additionals = append(a.Additionals, z.of(key(host), question.TypeA, host)...)
			a.Additionals = append(a.Additionals, z.of(key(host), question.TypeAAAA, host)...)
		}
	}
	return a
}
