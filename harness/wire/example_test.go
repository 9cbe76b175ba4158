package wire_test

import (
	"fmt"

	"github.com/example/netkata/harness/wire"
)

// A query that was cut off: every field up to the cut, and what is missing.
func ExampleDNS() {
	msg := []byte("\x2a\x17\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00")
	fmt.Print(wire.DNS(msg).Dump())
	// Output:
	//   header
	//   0x00  2a 17                    ID 0x2a17
	//   0x02  01 00                    flags QR=0 query, opcode 0 QUERY, AA=0,
	//                                  TC=0, RD=1, RA=0, Z=0, AD=0, CD=0,
	//                                  rcode 0 NOERROR
	//   0x04  00 01                    QDCOUNT 1
	//   0x06  00 00                    ANCOUNT 0
	//   0x08  00 00                    NSCOUNT 0
	//   0x0a  00 00                    ARCOUNT 0
	//   question 1 of 1
	//   0x0c  07 65 78 61 6d 70 6c 65  QNAME 7 "example"
	//   0x14  03 63 6f 6d              3 "com"
	//   0x18  00                       end of example.com.
	//   0x19  00                       QTYPE cut off: 1 of 2 octets
	// ! 0x1a  the message ends here, in question 1 of 1: QTYPE takes 2 octets,
	//         but only 1 is left (RFC 1035, 4.1.2)
}

// The remarks of a golden, or of a learner, become the fields.
func ExampleParseHex() {
	d, err := wire.ParseHex("name.hex", []byte(`
		03 77 77 77   # 3 "www"
		00            # the end
	`))
	fmt.Println(err, len(d.Msg), d.Fields[1].Text)

	_, err = wire.ParseHex("name.hex", []byte("03 77 7g 77"))
	fmt.Println(err)
	// Output:
	// <nil> 5 the end
	// name.hex:1: character 8: 'g' is not a hex digit (remarks stand behind #)
}

// A file for testdata, from bytes.
func ExampleDissection_Hex() {
	fmt.Printf("%s", wire.DNSName([]byte("\x03www\x00"), 0).Hex("The name www, in five octets."))
	// Output:
	// # The name www, in five octets.
	//
	// 0x00: 03 77 77 77              # 3 "www"
	// 0x04: 00                       # end of www.
}
