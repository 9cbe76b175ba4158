//go:build solution

// Package byhand holds one DNS query and its response, written in hex by hand
// (RFC 1035, section 4.1).
//
// Both are annotated hex: two hex digits an octet, spaces and new lines where
// you like, and # begins a comment that goes on to the end of the line.
package byhand

// Query asks a resolver for the A records of example.com., recursion desired.
var Query = "ffff01000001000000000000076578616d706c6503636f6d0000010001"

// Response answers Query with one A record: 192.0.2.1.
var Response = "FFFF 8580 0001 0001 0000 0000 07 6578616D706C65 03 636F6D 00 0001 0001 C00C 0001 0001 00000000 0004 C0000201"
