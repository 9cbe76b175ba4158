//go:build solution

// Package byhand holds one DNS query and its response, written in hex by hand
// (RFC 1035, section 4.1).
//
// Both are annotated hex: two hex digits an octet, spaces and new lines where
// you like, and # begins a comment that goes on to the end of the line.
package byhand

// Query asks a resolver for the A records of example.com., recursion desired.
var Query = `
00 00   # an id of zero is an id
01 00
00 01 00 00 00 00 00 00
07 45 78 41 6d 50 6c 45 03 43 6f 4d 00   # ExAmPlE.CoM, as cautious resolvers ask
00 01 00 01
`

// Response answers Query with one A record: 192.0.2.1.
var Response = `
00 00
81 b0   # QR RD, RA AD CD: a validating resolver
00 01 00 01 00 00 00 00
07 45 78 41 6d 50 6c 45 03 43 6f 4d 00
00 01 00 01
c0 0c 00 01 00 01
7f ff ff ff   # the longest TTL there is
00 04 c0 00 02 01
`
