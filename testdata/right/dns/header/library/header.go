//go:build solution

// Package header reads and writes the twelve octets that begin every DNS
// message (RFC 1035, section 4.1.1; RFC 6895, section 2).
package header

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/net/dns/dnsmessage"
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

// packed is the header as encoding/binary reads it: a struct of words.
type packed struct{ ID, Flags, QD, AN, NS, AR uint16 }

func Parse(msg []byte, off int) (h Header, next int, err error) {
	var w packed
	if err := binary.Read(bytes.NewReader(msg[min(off, len(msg)):]), binary.BigEndian, &w); err != nil {
		return Header{}, 0, fmt.Errorf("%w: %v", ErrShort, err)
	}
	var p dnsmessage.Parser
	m, err := p.Start(msg[off:])
	if err != nil {
		return Header{}, 0, fmt.Errorf("%w: %v", ErrShort, err)
	}
	return Header{
		ID: w.ID, QR: m.Response, Opcode: Opcode(m.OpCode), AA: m.Authoritative, TC: m.Truncated,
		RD: m.RecursionDesired, RA: m.RecursionAvailable, Z: w.Flags&0x40 != 0,
		AD: m.AuthenticData, CD: m.CheckingDisabled, Rcode: Rcode(m.RCode),
		QDCount: w.QD, ANCount: w.AN, NSCount: w.NS, ARCount: w.AR,
	}, off + binary.Size(w), nil
}

func Append(b []byte, h Header) ([]byte, error) {
	if h.Opcode > 15 || h.Rcode > 15 {
		return b, ErrRange
	}
	m := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: h.ID, Response: h.QR, OpCode: dnsmessage.OpCode(h.Opcode), Authoritative: h.AA, Truncated: h.TC,
		RecursionDesired: h.RD, RecursionAvailable: h.RA,
		AuthenticData: h.AD, CheckingDisabled: h.CD, RCode: dnsmessage.RCode(h.Rcode),
	})
	out, err := m.Finish()
	if err != nil {
		return b, err
	}
	if h.Z {
		out[3] |= 0x40
	}
	for i, n := range []uint16{h.QDCount, h.ANCount, h.NSCount, h.ARCount} {
		binary.BigEndian.PutUint16(out[4+2*i:], n)
	}
	return append(b, out...), nil
}
