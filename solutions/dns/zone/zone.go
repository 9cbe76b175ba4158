//go:build solution

// Package zone reads zone files (RFC 1035, section 5) and looks up what is in
// them (RFC 1034, section 4.3.2; RFC 4592).
package zone

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/example/netkata/solutions/dns/header"
	"github.com/example/netkata/solutions/dns/question"
	"github.com/example/netkata/solutions/dns/record"
	"github.com/example/netkata/solutions/dns/respond"
)

// Errors: what a SyntaxError wraps, besides those of package name.
var (
	// ErrSyntax means that the file is not written as zone files are.
	ErrSyntax = errors.New("zone: syntax error")
	// ErrOutside means that the owner of a record is not in the zone.
	ErrOutside = errors.New("zone: record outside the zone")
	// ErrSOA means that the zone has no SOA record, two, or one that is not at
	// its origin.
	ErrSOA = errors.New("zone: not exactly one SOA record at the origin")
	// ErrCNAME means that a name has a CNAME record, and another beside it.
	ErrCNAME = errors.New("zone: CNAME and other data")
)

// SyntaxError says where in a file an error is. Lines and columns begin at 1;
// columns count bytes.
type SyntaxError struct {
	Line, Column int
	Err          error
}

// Error returns the line, the column and what e.Err says: "3:14: …".
func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %v", e.Line, e.Column, e.Err) }

// Unwrap returns e.Err.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Zone is a zone that can be asked. It does not change, so many goroutines may
// ask at once. The zero value is of no use: Parse makes one.
type Zone struct {
	origin string // in lower case, as all keys
	nodes  map[string]*node
	denial record.Record // the SOA record, with the TTL of "there is no such thing"
}

// node is a name that exists: it, or one below it, has records.
type node struct {
	sets []set
	cut  *node // where authority over this name ends: it, or a name above it, with NS records
}

// set is the records of one name and type.
type set struct {
	rrtype  question.Type
	records []record.Record
}

func (n *node) set(t question.Type) []record.Record {
	for _, s := range n.sets {
		if s.rrtype == t {
			return s.records
		}
	}
	return nil
}

// Parse reads a zone file. Names in it are relative to origin, until it says
// $ORIGIN, and the zone's own name is origin.
//
// The error is that of r, one of name.Append's about origin, or a *SyntaxError
// with the place of the mistake, which wraps ErrSyntax, ErrOutside, ErrSOA,
// ErrCNAME or an error of package name.
func Parse(r io.Reader, origin string) (*Zone, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	origin, err = spell(origin)
	if err != nil {
		return nil, err
	}
	z := &Zone{origin: lower(origin), nodes: map[string]*node{}}
	p := newParser(string(text), origin)
	for {
		rec, at, err := p.record()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := z.add(rec); err != nil {
			return nil, at.wrap(err)
		}
	}
	if z.denial.Data == nil {
		return nil, p.pos.wrap(fmt.Errorf("%w: it has none", ErrSOA))
	}
	z.findCuts()
	return z, nil
}

// lower is strings.ToLower, of ASCII alone: the form in which names are compared
// (RFC 4343, section 3).
func lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// parent returns the name without its first label.
func parent(key string) string {
	for i := 0; i < len(key); i++ {
		switch key[i] {
		case '\\':
			i++
		case '.':
			if i+1 == len(key) {
				return "."
			}
			return key[i+1:]
		}
	}
	return "."
}

// add puts a record into the zone, and gives every name between it and the
// origin a node: such names exist, though they have no records (RFC 8020).
func (z *Zone) add(r record.Record) error {
	key := lower(r.Name)
	if !z.contains(key) {
		return fmt.Errorf("%w: %s is not below %s", ErrOutside, r.Name, z.origin)
	}
	if r.Data.Type() == question.TypeSOA {
		if z.denial.Data != nil || key != z.origin {
			return fmt.Errorf("%w: this one is at %s", ErrSOA, r.Name)
		}
		z.denial = r
		z.denial.TTL = min(r.TTL, r.Data.(record.SOA).Minimum) // RFC 2308, section 3
	}
	n := z.nodes[key]
	if n == nil {
		n = &node{}
		z.nodes[key] = n
		for k := key; k != z.origin; {
			if k = parent(k); z.nodes[k] != nil {
				break
			}
			z.nodes[k] = &node{}
		}
	}
	return n.add(r)
}

func (n *node) add(r record.Record) error {
	t := r.Data.Type()
	for i, s := range n.sets {
		if (s.rrtype == question.TypeCNAME) != (t == question.TypeCNAME) {
			return fmt.Errorf("%w at %s", ErrCNAME, r.Name)
		}
		if s.rrtype != t {
			continue
		}
		if slices.ContainsFunc(s.records, func(o record.Record) bool { return same(o.Data, r.Data) }) {
			return nil // the same again (RFC 2181, section 5)
		}
		if t == question.TypeCNAME {
			return fmt.Errorf("%w at %s: a second one", ErrCNAME, r.Name)
		}
		r.TTL = s.records[0].TTL // a set has one TTL (RFC 2181, section 5.2)
		n.sets[i].records = append(s.records, r)
		return nil
	}
	n.sets = append(n.sets, set{t, []record.Record{r}})
	return nil
}

// same says whether two records of one name and type have the same data, in
// whose names case does not matter.
func same(a, b record.Data) bool { return reflect.DeepEqual(folded(a), folded(b)) }

// folded returns data with its names in lower case.
func folded(data record.Data) record.Data {
	switch d := data.(type) {
	case record.CNAME:
		d.Target = lower(d.Target)
		return d
	case record.NS:
		d.Host = lower(d.Host)
		return d
	case record.PTR:
		d.Target = lower(d.Target)
		return d
	case record.MX:
		d.Host = lower(d.Host)
		return d
	case record.SRV:
		d.Target = lower(d.Target)
		return d
	}
	return data
}

// contains says whether the name is the origin or below it.
func (z *Zone) contains(key string) bool {
	for ; len(key) > len(z.origin); key = parent(key) {
	}
	return key == z.origin
}

// findCuts finds for each name the delegation that it is at or below.
func (z *Zone) findCuts() {
	for key, n := range z.nodes {
		for k := key; k != z.origin; k = parent(k) { // the highest one counts
			if at := z.nodes[k]; at.set(question.TypeNS) != nil {
				n.cut = at
			}
		}
	}
}

// Lookup answers a question, whose name is spelt as package name spells it, as an
// authoritative server does. Its signature is that of a respond.Lookup.
//
// The answer's slices are the caller's, what its records' data point to (strings
// of TXT, octets of Unknown) is the zone's.
func (z *Zone) Lookup(q question.Question) respond.Answer {
	// No answer speaks for every class (RFC 1035, section 6.2).
	a := respond.Answer{Authoritative: q.Class != question.ClassANY}
	owner := q.Name
	for seen := 0; ; seen++ {
		key := lower(owner)
		if q.Class != question.ClassIN && q.Class != question.ClassANY || !z.contains(key) {
			if seen == 0 {
				return respond.Answer{Rcode: header.RcodeRefused}
			}
			return a // the chain leads out of the zone: who asks goes on elsewhere
		}
		n := z.find(key)
		switch {
		case n == nil:
			a.Rcode = header.RcodeNXDomain
			a.Authorities = []record.Record{z.denial}
			return a
		case n.cut != nil:
			a.Authoritative = a.Authoritative && seen > 0
			z.refer(&a, n.cut)
			return a
		}
		cname := n.set(question.TypeCNAME)
		if cname == nil || q.Type == question.TypeCNAME || q.Type == question.TypeANY {
			z.answer(&a, n, owner, q.Type)
			return a
		}
		if slices.ContainsFunc(a.Answers, func(r record.Record) bool { return lower(r.Name) == key }) {
			return a // a loop: all of it has been said
		}
		a.Answers = append(a.Answers, owned(cname, owner)...)
		owner = cname[0].Data.(record.CNAME).Target
	}
}

// find returns the node that answers for a name of the zone: its own, the
// delegation that it is below, or the wildcard that covers it; nil if there is
// none of these.
func (z *Zone) find(key string) *node {
	if n := z.nodes[key]; n != nil {
		return n
	}
	for { // up to the closest encloser (RFC 4592, section 3.3.1)
		key = parent(key)
		if n := z.nodes[key]; n != nil {
			if n.cut != nil {
				return n
			}
			if key == "." {
				return z.nodes["*."]
			}
			return z.nodes["*."+key]
		}
	}
}

// answer adds what n has of the type, as owned by owner, or the SOA record that
// says that it has nothing (RFC 2308, section 2.2).
func (z *Zone) answer(a *respond.Answer, n *node, owner string, t question.Type) {
	found := false
	for _, s := range n.sets {
		if s.rrtype == t || t == question.TypeANY {
			found = true
			a.Answers = slices.Concat(a.Answers, owned(s.records, owner))
			if t != question.TypeANY {
				z.addAddresses(a, s.records)
			}
		}
	}
	if !found {
		a.Authorities = []record.Record{z.denial}
	}
}

// owned returns the records with their owner spelt as it was asked for, or, of
// a wildcard, as the name that it stands for.
func owned(records []record.Record, owner string) []record.Record {
	if records[0].Name == owner {
		return records
	}
	records = slices.Clone(records)
	for i := range records {
		records[i].Name = owner
	}
	return records
}

// refer sends whoever asks to the servers of a delegation, with their addresses
// if they are known here: glue.
func (z *Zone) refer(a *respond.Answer, cut *node) {
	a.Authorities = slices.Clone(cut.set(question.TypeNS)) // the caller may change it
	z.addAddresses(a, a.Authorities)
}

// addAddresses adds the addresses of the hosts that records name, as far as they
// are in the zone.
func (z *Zone) addAddresses(a *respond.Answer, records []record.Record) {
	for _, r := range records {
		var host string
		switch d := r.Data.(type) {
		case record.NS:
			host = d.Host
		case record.MX:
			host = d.Host
		case record.SRV:
			host = d.Target
		default:
			return
		}
		n := z.nodes[lower(host)]
		if n == nil {
			continue
		}
		for _, t := range []question.Type{question.TypeA, question.TypeAAAA} {
			for _, addr := range n.set(t) {
				if !slices.Contains(a.Additionals, addr) {
					a.Additionals = append(a.Additionals, addr)
				}
			}
		}
	}
}
