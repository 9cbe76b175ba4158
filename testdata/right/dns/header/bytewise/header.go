//go:build solution

// Package header reads and writes the twelve octets that begin every DNS
// message (RFC 1035, section 4.1.1; RFC 6895, section 2).
package header

import (
	"errors"
	"fmt"
)

// Len is the length of a header in octets.
const Len = 12

// Errors, wrapped with the offset or the value that they are about.
var (
	// ErrShort means that fewer than Len octets are there to be read.
	ErrShort = errors.New("header: message too short")
	// ErrRange means that an opcode or a response code needs more than four bits.
	ErrRange = errors.New("header: value does not fit its field")
)

// Header is the header section of a message. The zero value is a query with id
// 0, no flag set and nothing in it.
type Header struct {
	ID     uint16 // chosen by the client, copied into the response
	QR     bool   // false: query, true: response
	Opcode Opcode // kind of query
	AA     bool   // authoritative answer
	TC     bool   // truncated: there was more than fitted
	RD     bool   // recursion desired
	RA     bool   // recursion available
	Z      bool   // reserved, zero in all that is sent today
	AD     bool   // authentic data (RFC 4035, section 3.2.3)
	CD     bool   // checking disabled (RFC 4035, section 3.2.2)
	Rcode  Rcode  // response code

	QDCount uint16 // entries in the question section
	ANCount uint16 // records in the answer section
	NSCount uint16 // records in the authority section
	ARCount uint16 // records in the additional section
}

// Opcode is the kind of a query: a number of four bits.
type Opcode uint8

// The opcodes in use (RFC 6895, section 2.2).
const (
	OpcodeQuery  Opcode = 0
	OpcodeStatus Opcode = 2
	OpcodeNotify Opcode = 4
	OpcodeUpdate Opcode = 5
)

// Rcode is a response code: in the header, a number of four bits.
type Rcode uint8

// The response codes of RFC 1035, by the names that dig prints.
const (
	RcodeNoError  Rcode = 0 // no error
	RcodeFormErr  Rcode = 1 // the server could not read the query
	RcodeServFail Rcode = 2 // the server has a problem of its own
	RcodeNXDomain Rcode = 3 // the name does not exist
	RcodeNotImp   Rcode = 4 // the server does not know this kind of query
	RcodeRefused  Rcode = 5 // the server does not want to answer
)

func Parse(msg []byte, off int) (h Header, next int, err error) {
	if off > len(msg) || len(msg[off:]) < Len {
		return h, 0, fmt.Errorf("parsing at %d: %w", off, ErrShort)
	}
	m := msg[off : off+Len]
	h.ID = uint16(m[0])<<8 + uint16(m[1])
	h.QR = m[2]>>7 == 1
	h.Opcode = Opcode(m[2] / 8 % 16)
	h.AA = m[2]/4%2 == 1
	h.TC = m[2]/2%2 == 1
	h.RD = m[2]%2 == 1
	h.RA = m[3]&0b1000_0000 > 0
	h.Z = m[3]&0b0100_0000 > 0
	h.AD = m[3]&0b0010_0000 > 0
	h.CD = m[3]&0b0001_0000 > 0
	h.Rcode = Rcode(m[3] % 16)
	for i, count := range []*uint16{&h.QDCount, &h.ANCount, &h.NSCount, &h.ARCount} {
		*count = uint16(m[4+2*i])<<8 | uint16(m[5+2*i])
	}
	return h, off + 12, nil
}

func Append(b []byte, h Header) ([]byte, error) {
	if h.Opcode >= 16 || h.Rcode >= 16 {
		return b, ErrRange
	}
	bit := func(set bool, n int) byte {
		if set {
			return 1 << n
		}
		return 0
	}
	return append(b,
		byte(h.ID>>8), byte(h.ID),
		bit(h.QR, 7)|byte(h.Opcode)<<3|bit(h.AA, 2)|bit(h.TC, 1)|bit(h.RD, 0),
		bit(h.RA, 7)|bit(h.Z, 6)|bit(h.AD, 5)|bit(h.CD, 4)|byte(h.Rcode),
		byte(h.QDCount>>8), byte(h.QDCount),
		byte(h.ANCount>>8), byte(h.ANCount),
		byte(h.NSCount>>8), byte(h.NSCount),
		byte(h.ARCount>>8), byte(h.ARCount),
	), nil
}
