//go:build solution

// Package byhand holds one DNS query and its response, written in hex by hand
// (RFC 1035, section 4.1).
//
// Both are annotated hex: two hex digits an octet, spaces and new lines where
// you like, and # begins a comment that goes on to the end of the line.
package byhand

// Query asks a resolver for the A records of example.com., recursion desired.
var Query = `
2a 17                    # ID
01 00                    # flags: RD
00 01                    # QDCOUNT 1
00 00                    # ANCOUNT 0
00 00                    # NSCOUNT 0
00 00                    # ARCOUNT 0

07 65 78 61 6d 70 6c 65  # 7 "example"
03 63 6f 6d              # 3 "com"
00                       # end of the name
00 01                    # type A
00 01                    # class IN
`

// Response answers Query with one A record: 192.0.2.1.
var Response = `
2a 17                    # ID, as asked
85 00                    # flags: QR, AA, RD as asked
00 01                    # QDCOUNT 1
00 01                    # ANCOUNT 1
00 00                    # NSCOUNT 0
00 00                    # ARCOUNT 0

07 65 78 61 6d 70 6c 65  # 7 "example"
03 63 6f 6d              # 3 "com"
00                       # end of the name
00 01                    # type A
00 01                    # class IN

c0 0c                    # pointer to 0x0c: the name of the question
00 01                    # type A
00 01                    # class IN
00 00 0e 10              # TTL 3600 s
00 04                    # RDLENGTH 4
c0 00 02 01              # 192.0.2.1
`
