//go:build !solution

// Package zone reads zone files (RFC 1035, section 5) and looks up what is in
// them (RFC 1034, section 4.3.2; RFC 4592).
package zone

import (
	"errors"
	"io"

	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/respond"
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
func (e *SyntaxError) Error() string {
	// TODO
	return ""
}

// Unwrap returns e.Err.
func (e *SyntaxError) Unwrap() error {
	// TODO
	return todo.Err
}

// Zone is a zone that can be asked. It does not change, so many goroutines may
// ask at once. The zero value is of no use: Parse makes one.
type Zone struct {
	// TODO
}

// Parse reads a zone file. Names in it are relative to origin, until it says
// $ORIGIN, and the zone's own name is origin.
//
// The error is that of r, one of name.Append's about origin, or a *SyntaxError
// with the place of the mistake, which wraps ErrSyntax, ErrOutside, ErrSOA,
// ErrCNAME or an error of package name.
func Parse(r io.Reader, origin string) (*Zone, error) {
	// TODO
	return nil, todo.Err
}

// Lookup answers a question, whose name is spelt as package name spells it, as an
// authoritative server does. Its signature is that of a respond.Lookup.
//
// The answer's slices are the caller's, what its records' data point to (strings
// of TXT, octets of Unknown) is the zone's.
func (z *Zone) Lookup(q question.Question) respond.Answer {
	// TODO
	return respond.Answer{}
}
