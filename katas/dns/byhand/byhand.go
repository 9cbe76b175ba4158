//go:build !solution

// Package byhand holds one DNS query and its response, written in hex by hand
// (RFC 1035, section 4.1).
//
// Both are annotated hex: two hex digits an octet, spaces and new lines where
// you like, and # begins a comment that goes on to the end of the line.
package byhand

// Query asks a resolver for the A records of example.com., recursion desired.
var Query = `
# TODO: the header, six words of sixteen bits
# TODO: the question: name, type, class
`

// Response answers Query with one A record: 192.0.2.1.
var Response = `
# TODO: the header
# TODO: the question, as it was asked
# TODO: the answer: name, type, class, TTL, RDLENGTH, RDATA
`
