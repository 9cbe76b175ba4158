//go:build solution

// Package answer answers DNS queries of any name with one address: from octets
// to octets, with nothing but the standard library.
package answer

import (
	"encoding/binary"
	"net/netip"
)

// Size is how many octets the OPT record of a response says that you take over
// UDP (RFC 6891, section 6.2.3).
const Size = 1232

// Answer returns the response to query: the address of every name is addr, for
// ttl seconds; callers pass 1<<31 - 1 at most (RFC 2181, section 8). The zero
// Addr is no address; a zone in it means nothing here.
//
// ok is false, and the response nil, where silence is the answer.
//
// The response has memory of its own, and the query stays as it was.
func Answer(query []byte, addr netip.Addr, ttl uint32) (response []byte, ok bool) {
	if len(query) < headerLen || binary.BigEndian.Uint16(query[2:])&bitQR != 0 {
		return nil, false
	}
	a, readable := read(query)
	switch {
	case a.flags()&opcode != 0:
		return a.response(notImp, nil), true
	case !readable:
		return a.response(formErr, nil), true
	case a.version > 0:
		return a.response(badVers, nil), true
	case a.class() != classIN:
		return a.response(refused, nil), true
	}
	return a.response(noError, answerTo(a.qtype(), addr.Unmap(), ttl)), true
}

// The format of messages (RFC 1035, sections 3.2, 4.1 and 4.1.4; RFC 6891).
const (
	headerLen = 12
	maxName   = 255 // octets
	maxLabel  = 63
	minPtr    = 0xc0 // the first octet of a pointer, at least

	bitQR  = 0x8000 // of the header's flags
	opcode = 0x7800
	bitAA  = 0x0400
	bitRD  = 0x0100

	bitDO = 0x8000 // of the OPT record's flags

	typeA    = 1
	typeAAAA = 28
	typeOPT  = 41
	typeANY  = 255
	classIN  = 1

	noError = 0
	formErr = 1
	notImp  = 4
	refused = 5
	badVers = 16 // in the header only the lower four bits
)

// asked is what a query says.
type asked struct {
	head     []byte // its header
	question []byte // name, type and class as they came; empty if not to be had
	opt      bool   // whether there is an OPT record, with
	version  uint8
	do       bool
}

func (a asked) flags() uint16 { return binary.BigEndian.Uint16(a.head[2:]) }
func (a asked) qtype() uint16 { return binary.BigEndian.Uint16(a.question[len(a.question)-4:]) }
func (a asked) class() uint16 { return binary.BigEndian.Uint16(a.question[len(a.question)-2:]) }

// response writes a response with that code, answer section, and whatever the
// query's question and OPT record ask for.
func (a asked) response(rcode uint16, answer []byte) []byte {
	flags := bitQR | a.flags()&(opcode|bitRD) | rcode&0xf
	if rcode == noError {
		flags |= bitAA
	}
	r := append([]byte(nil), a.head[:2]...)
	r = binary.BigEndian.AppendUint16(r, flags)
	for _, there := range []bool{len(a.question) > 0, len(answer) > 0, false, a.opt} {
		r = append(r, 0, bit(there))
	}
	r = append(r, a.question...)
	r = append(r, answer...)
	if !a.opt {
		return r
	}
	r = append(r, 0, 0, typeOPT)
	r = binary.BigEndian.AppendUint16(r, Size)
	r = append(r, byte(rcode>>4), 0)                // the version is 0
	return append(r, bit(a.do)*(bitDO>>8), 0, 0, 0) // other flags, and RDLENGTH
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// answerTo returns the record that qtype asks for, or nothing if addr is of
// another type.
func answerTo(qtype uint16, addr netip.Addr, ttl uint32) []byte {
	var own uint16
	switch {
	case addr.Is4():
		own = typeA
	case addr.Is6():
		own = typeAAAA
	default:
		return nil
	}
	if qtype != own && qtype != typeANY {
		return nil
	}
	data := addr.AsSlice()
	r := []byte{minPtr, headerLen} // the owner is the question's name
	r = binary.BigEndian.AppendUint16(r, own)
	r = binary.BigEndian.AppendUint16(r, classIN)
	r = binary.BigEndian.AppendUint32(r, ttl)
	r = binary.BigEndian.AppendUint16(r, uint16(len(data)))
	return append(r, data...)
}

// read reads a query of at least a header. Of one that is malformed only the
// head is returned.
func read(query []byte) (a asked, ok bool) {
	broken := asked{head: query[:headerLen]}
	a = broken
	counts := [4]int{}
	for i := range counts {
		counts[i] = int(binary.BigEndian.Uint16(query[4+2*i:]))
	}
	end, ok := skipName(query, headerLen)
	if counts[0] != 1 || !ok || end+4 > len(query) {
		return broken, false
	}
	end += 4
	a.question = query[headerLen:end]
	for range counts[1] + counts[2] {
		if _, end, ok = nextRecord(query, end); !ok {
			return broken, false
		}
	}
	for range counts[3] {
		var r record
		if r, end, ok = nextRecord(query, end); !ok {
			return broken, false
		}
		if r.rtype == typeOPT && !a.readOPT(r) {
			return broken, false
		}
	}
	return a, true
}

// readOPT reads an OPT record (RFC 6891, section 6.1.3). ok is false if it is
// not the first, or breaks a rule.
func (a *asked) readOPT(r record) (ok bool) {
	if a.opt || !r.root {
		return false
	}
	a.opt, a.version, a.do = true, uint8(r.ttl>>16), r.ttl&bitDO != 0
	for rest := r.data; len(rest) > 0; {
		if len(rest) < 4 {
			return false
		}
		n := 4 + int(binary.BigEndian.Uint16(rest[2:]))
		if n > len(rest) {
			return false
		}
		rest = rest[n:]
	}
	return true
}

// record is what is to be known of one.
type record struct {
	root  bool // its owner is one zero octet
	rtype uint16
	ttl   uint32
	data  []byte
}

// nextRecord reads the record at off, and returns the offset behind it.
func nextRecord(msg []byte, off int) (r record, end int, ok bool) {
	fixed, ok := skipName(msg, off)
	data := fixed + 10
	if !ok || data > len(msg) {
		return record{}, 0, false
	}
	end = data + int(binary.BigEndian.Uint16(msg[data-2:]))
	if end > len(msg) {
		return record{}, 0, false
	}
	return record{
		root:  msg[off] == 0,
		rtype: binary.BigEndian.Uint16(msg[fixed:]),
		ttl:   binary.BigEndian.Uint32(msg[fixed+4:]),
		data:  msg[data:end],
	}, end, true
}

// skipName returns the offset behind the name at off: behind its zero or its
// first pointer. It reads the labels wherever pointers lead, each of them to
// before the labels that it follows, and so to an end.
func skipName(msg []byte, off int) (end int, ok bool) {
	length, first := 0, off // octets so far; where these labels begin
	for off < len(msg) {
		n := int(msg[off])
		if n >= minPtr {
			if off+2 > len(msg) {
				return 0, false
			}
			target := int(binary.BigEndian.Uint16(msg[off:])) &^ (minPtr << 8)
			if target < headerLen || target >= first {
				return 0, false
			}
			if end == 0 {
				end = off + 2
			}
			off, first = target, target
			continue
		}
		off += 1 + n
		length += 1 + n
		if n > maxLabel || length > maxName {
			return 0, false
		}
		if n == 0 && end == 0 {
			end = off
		}
		if n == 0 {
			return end, true
		}
	}
	return 0, false
}
