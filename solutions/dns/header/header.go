//go:build solution

// Package header reads and writes the twelve octets that begin every DNS
// message (RFC 1035, section 4.1.1; RFC 6895, section 2).
package header

import (
	"encoding/binary"
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

// Where each flag stands in the second word. An opcode and a response code are
// shifted to their place.
const (
	bitQR = 1 << 15
	bitAA = 1 << 10
	bitTC = 1 << 9
	bitRD = 1 << 8
	bitRA = 1 << 7
	bitZ  = 1 << 6
	bitAD = 1 << 5
	bitCD = 1 << 4

	shiftOpcode = 11
	maskCode    = 0xf // four bits, of an opcode as of a response code
)

// Parse reads the header that begins at offset off of msg, and returns it with
// the offset of the octet after it. It reads what stands there: whether the
// message keeps what the counts promise is for others to find out.
//
// The error is ErrShort when msg has fewer than Len octets from off on.
func Parse(msg []byte, off int) (h Header, next int, err error) {
	if len(msg)-off < Len {
		return Header{}, off, fmt.Errorf("%w: %d of %d octets at offset %d", ErrShort, max(0, len(msg)-off), Len, off)
	}
	word := func(i int) uint16 { return binary.BigEndian.Uint16(msg[off+2*i:]) }
	flags := word(1)
	return Header{
		ID:      word(0),
		QR:      flags&bitQR != 0,
		Opcode:  Opcode(flags >> shiftOpcode & maskCode),
		AA:      flags&bitAA != 0,
		TC:      flags&bitTC != 0,
		RD:      flags&bitRD != 0,
		RA:      flags&bitRA != 0,
		Z:       flags&bitZ != 0,
		AD:      flags&bitAD != 0,
		CD:      flags&bitCD != 0,
		Rcode:   Rcode(flags & maskCode),
		QDCount: word(2),
		ANCount: word(3),
		NSCount: word(4),
		ARCount: word(5),
	}, off + Len, nil
}

// Append appends the Len octets of h to b and returns the extended slice.
//
// The error is ErrRange when the opcode or the response code does not fit into
// four bits; b is then returned as it was.
func Append(b []byte, h Header) ([]byte, error) {
	if h.Opcode > maskCode {
		return b, fmt.Errorf("%w: opcode %d", ErrRange, h.Opcode)
	}
	if h.Rcode > maskCode {
		return b, fmt.Errorf("%w: response code %d", ErrRange, h.Rcode)
	}
	flags := uint16(h.Opcode)<<shiftOpcode | uint16(h.Rcode)
	for _, f := range []struct {
		set bool
		bit uint16
	}{
		{h.QR, bitQR}, {h.AA, bitAA}, {h.TC, bitTC}, {h.RD, bitRD},
		{h.RA, bitRA}, {h.Z, bitZ}, {h.AD, bitAD}, {h.CD, bitCD},
	} {
		if f.set {
			flags |= f.bit
		}
	}
	for _, word := range []uint16{h.ID, flags, h.QDCount, h.ANCount, h.NSCount, h.ARCount} {
		b = binary.BigEndian.AppendUint16(b, word)
	}
	return b, nil
}
