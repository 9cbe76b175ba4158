//go:build solution

// Package zone keeps a zone as a tree of labels, and walks it down from its
// origin.
package zone

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"

	"github.com/example/netkata/solutions/dns/header"
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

func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Err) }

func (e *SyntaxError) Unwrap() error { return e.Err }

// Zone is guarded by a lock, as if it changed one day.
type Zone struct {
	mu     sync.Mutex
	origin []string
	top    *tree
	apex   record.Record
}

type tree struct {
	sets  map[question.Type][]record.Record
	below map[string]*tree
}

func newTree() *tree { return &tree{map[question.Type][]record.Record{}, map[string]*tree{}} }

// labels returns the labels of a name in lower case, the last one first.
func labels(text string) []string {
	var all []string
	start := 0
	for i := 0; i < len(text) && text != "."; i++ {
		switch text[i] {
		case '\\':
			i++
		case '.':
			all = append([]string{strings.ToLower(text[start:i])}, all...)
			start = i + 1
		}
	}
	return all
}

// relative returns the labels of a name below the origin.
func (z *Zone) relative(text string) ([]string, bool) {
	all := labels(text)
	if len(all) < len(z.origin) {
		return nil, false
	}
	for i, label := range z.origin {
		if all[i] != label {
			return nil, false
		}
	}
	return all[len(z.origin):], true
}

func Parse(r io.Reader, origin string) (*Zone, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	origin, err = spell(origin)
	if err != nil {
		return nil, err
	}
	z := &Zone{origin: labels(origin), top: newTree()}
	p := newParser(string(text), origin)
	for {
		rec, at, err := p.record()
		if err == io.EOF && z.apex.Data == nil {
			return nil, p.pos.wrap(ErrSOA)
		}
		if err == io.EOF {
			return z, nil
		}
		if err == nil {
			err = z.add(rec, at)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (z *Zone) add(r record.Record, at position) error {
	below, ok := z.relative(r.Name)
	if !ok {
		return at.wrap(ErrOutside)
	}
	if soa, ok := r.Data.(record.SOA); ok {
		if z.apex.Data != nil || len(below) > 0 {
			return at.wrap(ErrSOA)
		}
		z.apex = r
		z.apex.TTL = min(z.apex.TTL, soa.Minimum)
	}
	t := z.top
	for _, label := range below {
		if t.below[label] == nil {
			t.below[label] = newTree()
		}
		t = t.below[label]
	}
	set := t.sets[r.Data.Type()]
	for _, other := range set {
		r.TTL = other.TTL
		if alike(other.Data, r.Data) {
			return nil
		}
	}
	t.sets[r.Data.Type()] = append(set, r)
	if cnames := t.sets[question.TypeCNAME]; cnames != nil && (len(cnames) > 1 || len(t.sets) > 1) {
		return at.wrap(ErrCNAME)
	}
	return nil
}

// alike says whether data is the same: but for TXT and what is unknown, it is made
// of names and numbers.
func alike(a, b record.Data) bool {
	switch a.(type) {
	case record.TXT, record.Unknown:
		return reflect.DeepEqual(a, b)
	}
	return strings.EqualFold(fmt.Sprint(a), fmt.Sprint(b))
}

// place is where the walk for a name ended.
type place struct {
	at  *tree // nil: there is no such name
	cut bool
}

func (z *Zone) find(below []string) place {
	t := z.top
	for _, label := range below {
		next := t.below[label]
		if next == nil {
			return place{at: t.below["*"]}
		}
		if t = next; t.sets[question.TypeNS] != nil {
			return place{t, true}
		}
	}
	return place{at: t}
}

func (z *Zone) Lookup(q question.Question) (a respond.Answer) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if _, ok := z.relative(q.Name); !ok || q.Class != question.ClassIN && q.Class != question.ClassANY {
		return respond.Answer{Rcode: header.RcodeRefused}
	}
	a.Authoritative = true
	for owner := q.Name; ; {
		below, ok := z.relative(owner)
		if !ok {
			return a
		}
		p := z.find(below)
		switch {
		case p.at == nil:
			a.Rcode = header.RcodeNXDomain
			a.Authorities = append(a.Authorities, z.apex)
			return a
		case p.cut:
			a.Authoritative = a.Answers != nil
			a.Authorities = append(a.Authorities, p.at.sets[question.TypeNS]...)
			z.hosts(&a, a.Authorities)
			return a
		}
		if q.Type == question.TypeANY && len(p.at.sets) > 0 {
			for _, set := range p.at.sets {
				a.Answers = append(a.Answers, named(set, owner)...)
			}
			return a
		}
		set := p.at.sets[q.Type]
		cname := p.at.sets[question.TypeCNAME]
		switch {
		case set != nil:
			a.Answers = append(a.Answers, named(set, owner)...)
			z.hosts(&a, set)
			if below, _ := z.relative(owner); len(below) > 0 {
				a.Authorities = append(a.Authorities, z.top.sets[question.TypeNS]...)
			}
			return a
		case cname == nil:
			a.Authorities = append(a.Authorities, z.apex)
			return a
		}
		for _, r := range a.Answers {
			if reflect.DeepEqual(labels(r.Name), labels(owner)) {
				return a
			}
		}
		a.Answers = append(a.Answers, named(cname, owner)...)
		owner = cname[0].Data.(record.CNAME).Target
	}
}

func named(set []record.Record, owner string) []record.Record {
	var out []record.Record
	for _, r := range set {
		r.Name = owner
		out = append(out, r)
	}
	return out
}

// hosts adds the addresses of the hosts of NS and MX records.
func (z *Zone) hosts(a *respond.Answer, set []record.Record) {
	known := map[string]bool{}
	for _, r := range set {
		var host string
		switch d := r.Data.(type) {
		case record.NS:
			host = d.Host
		case record.MX:
			host = d.Host
		}
		below, ok := z.relative(host)
		if host == "" || !ok || known[strings.ToLower(host)] {
			continue
		}
		known[strings.ToLower(host)] = true
		t := z.top
		for _, label := range below {
			if t = t.below[label]; t == nil {
				break
			}
		}
		if t != nil {
			a.Additionals = append(append(a.Additionals, t.sets[question.TypeA]...), t.sets[question.TypeAAAA]...)
		}
	}
}
