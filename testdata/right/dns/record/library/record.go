//go:build solution

// Package record reads and writes resource records: what the answer, authority
// and additional sections of DNS messages hold (RFC 1035, sections 3.2 and 4.1.3).
package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"github.com/example/netkata/solutions/dns/name"
	"github.com/example/netkata/solutions/dns/question"
)

// Errors, wrapped with the offset or the value that they are about.
var (
	// ErrShort means that the message ends before the record does.
	ErrShort = errors.New("record: message too short")
	// ErrData means that RDLENGTH and what its type asks for do not agree.
	ErrData = errors.New("record: data and its length do not agree")
	// ErrRange means that a value cannot be written: no data, an address of the
	// wrong family or with a zone, a TTL of more than 31 bits, a TXT without
	// strings, a string over 255 octets, data over 65535.
	ErrRange = errors.New("record: value does not fit its field")
)

// Record is a resource record. The zero value cannot be written: it has no data.
type Record struct {
	Name  string         // the owner, as package name writes it
	Class question.Class // of an OPT record: the size of UDP messages that its sender takes
	TTL   uint32         // seconds, 31 bits; of an OPT record: extended code, version, flags
	Data  Data           // what it says, and by that its type
}

// Data is what a record says, by type: one of the types below.
type Data interface {
	Type() question.Type
}

// How names are read and written is the caller's choice, so that package message
// can compress them, and read none twice.
type (
	// ParseName reads the name at offset off of msg, as name.Parse does.
	ParseName func(msg []byte, off int) (text string, next int, err error)
	// AppendName appends a name to b, as name.Append does. It may write a pointer to
	// a name that stands in b already, and remember that this one stands at len(b).
	AppendName func(b []byte, text string) ([]byte, error)
)

var (
	_ ParseName  = name.Parse
	_ AppendName = name.Append
)

// The data of each type.
type (
	// A is an IPv4 address (RFC 1035, section 3.4.1).
	A struct{ Addr netip.Addr }
	// AAAA is an IPv6 address (RFC 3596, section 2.2).
	AAAA struct{ Addr netip.Addr }
	// CNAME says what the owner is an alias of (RFC 1035, section 3.3.1).
	CNAME struct{ Target string }
	// NS names a server of the zone (RFC 1035, section 3.3.11).
	NS struct{ Host string }
	// PTR points to another name (RFC 1035, section 3.3.12).
	PTR struct{ Target string }
	// MX names a mail exchange; the lowest preference is tried first (RFC 1035,
	// section 3.3.9).
	MX struct {
		Preference uint16
		Host       string
	}
	// TXT is one or more strings of 255 octets at most (RFC 1035, section 3.3.14).
	TXT struct{ Strings []string }
	// SOA is what a zone says about itself; times are in seconds (RFC 1035,
	// section 3.3.13).
	SOA struct {
		Primary string // MNAME: the primary server
		Mailbox string // RNAME: whom to write to, with a dot for the @
		Serial  uint32 // version of the zone
		Refresh uint32 // after which secondaries look for a new version
		Retry   uint32 // after which they try again
		Expire  uint32 // after which they give up
		Minimum uint32 // TTL of "there is no such thing" (RFC 2308, section 4)
	}
	// SRV says where a service is (RFC 2782).
	SRV struct {
		Priority, Weight, Port uint16
		Target                 string
	}
	// OPT is the options of EDNS, in a record whose owner is the root (RFC 6891,
	// section 6.1.2).
	OPT struct{ Options []Option }
	// Unknown is data of any other type, unchanged (RFC 3597, section 3).
	Unknown struct {
		Of   question.Type
		Data []byte
	}
)

// Option is an option of EDNS (RFC 6891, section 6.1.2).
type Option struct {
	Code uint16
	Data []byte
}

// Type returns TypeA.
func (A) Type() question.Type { return question.TypeA }

// Type returns TypeAAAA.
func (AAAA) Type() question.Type { return question.TypeAAAA }

// Type returns TypeCNAME.
func (CNAME) Type() question.Type { return question.TypeCNAME }

// Type returns TypeNS.
func (NS) Type() question.Type { return question.TypeNS }

// Type returns TypePTR.
func (PTR) Type() question.Type { return question.TypePTR }

// Type returns TypeMX.
func (MX) Type() question.Type { return question.TypeMX }

// Type returns TypeTXT.
func (TXT) Type() question.Type { return question.TypeTXT }

// Type returns TypeSOA.
func (SOA) Type() question.Type { return question.TypeSOA }

// Type returns TypeSRV.
func (SRV) Type() question.Type { return question.TypeSRV }

// Type returns TypeOPT.
func (OPT) Type() question.Type { return question.TypeOPT }

// Type returns u.Of.
func (u Unknown) Type() question.Type { return u.Of }

// Parse writes the record again, without pointers and below the root, for
// miekg/dns to take apart. Names are those that get read.
func Parse(msg []byte, off int, get ParseName) (r Record, next int, err error) {
	owner, pos, err := get(msg, off)
	if err != nil {
		return Record{}, 0, err
	}
	if pos+10 > len(msg) {
		return Record{}, 0, fmt.Errorf("%w: no room for the fixed part", ErrShort)
	}
	flat := append([]byte{0}, msg[pos:pos+10]...)
	pos += 10
	end := pos + int(binary.BigEndian.Uint16(flat[9:]))
	if end > len(msg) {
		return Record{}, 0, fmt.Errorf("%w: RDLENGTH", ErrShort)
	}
	rrtype := binary.BigEndian.Uint16(flat[1:])
	before, count := ahead(rrtype)
	if end-pos < before {
		return Record{}, 0, fmt.Errorf("%w: numbers", ErrData)
	}
	flat = append(flat, msg[pos:pos+before]...)
	pos += before
	var names []string
	for range count {
		var text string
		if text, pos, err = get(msg, pos); err != nil {
			return Record{}, 0, err
		}
		if pos > end {
			return Record{}, 0, fmt.Errorf("%w: name", ErrData)
		}
		names = append(names, text)
		flat = append(flat, 0)
	}
	flat = append(flat, msg[pos:end]...)
	binary.BigEndian.PutUint16(flat[9:], uint16(len(flat)-11))
	data, err := decode(rrtype, flat, names)
	if err != nil {
		return Record{}, 0, err
	}
	r = Record{owner, question.Class(binary.BigEndian.Uint16(flat[3:])), binary.BigEndian.Uint32(flat[5:]), data}
	if int32(r.TTL) < 0 && rrtype != dns.TypeOPT {
		r.TTL = 0
	}
	return r, end, nil
}

// ahead says how many octets stand before the names of data, and how many names
// there are.
func ahead(rrtype uint16) (octets, names int) {
	switch rrtype {
	case dns.TypeCNAME, dns.TypeNS, dns.TypePTR:
		return 0, 1
	case dns.TypeMX:
		return 2, 1
	case dns.TypeSOA:
		return 0, 2
	case dns.TypeSRV:
		return 6, 1
	}
	return 0, 0
}

func decode(rrtype uint16, flat []byte, names []string) (Data, error) {
	names = append(names, "", "")
	data := flat[11:]
	want := map[uint16]int{dns.TypeA: 4, dns.TypeAAAA: 16, dns.TypeCNAME: 1, dns.TypeNS: 1, dns.TypePTR: 1, dns.TypeMX: 3, dns.TypeSOA: 22, dns.TypeSRV: 7}
	if n, ok := want[rrtype]; ok && n != len(data) {
		return nil, fmt.Errorf("%w: %d octets", ErrData, len(data))
	}
	switch rrtype { // options of known codes and types that it takes apart are not for miekg/dns
	case dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeNS, dns.TypePTR, dns.TypeMX, dns.TypeSOA, dns.TypeSRV:
	case dns.TypeTXT:
		return decodeTXT(flat)
	case dns.TypeOPT:
		return decodeOPT(data)
	default:
		return Unknown{question.Type(rrtype), bytes.Clone(data)}, nil
	}
	rr, _, err := dns.UnpackRR(flat, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrData, err)
	}
	switch rr := rr.(type) {
	case *dns.A:
		return A{netip.AddrFrom4([4]byte(rr.A.To4()))}, nil
	case *dns.AAAA:
		return AAAA{netip.AddrFrom16([16]byte(rr.AAAA.To16()))}, nil
	case *dns.CNAME:
		return CNAME{names[0]}, nil
	case *dns.NS:
		return NS{names[0]}, nil
	case *dns.PTR:
		return PTR{names[0]}, nil
	case *dns.MX:
		return MX{rr.Preference, names[0]}, nil
	case *dns.SOA:
		return SOA{names[0], names[1], rr.Serial, rr.Refresh, rr.Retry, rr.Expire, rr.Minttl}, nil
	case *dns.SRV:
		return SRV{rr.Priority, rr.Weight, rr.Port, names[0]}, nil
	}
	return nil, fmt.Errorf("%w: %T", ErrData, rr)
}

func decodeTXT(flat []byte) (Data, error) {
	if len(flat) == 11 {
		return nil, ErrData
	}
	rr, _, err := dns.UnpackRR(flat, 0)
	if err != nil {
		return nil, errors.Join(ErrData, err)
	}
	var all []string
	for _, s := range rr.(*dns.TXT).Txt {
		all = append(all, unescape(s))
	}
	return TXT{all}, nil
}

// unescape takes back what miekg/dns writes of the octets of a string.
func unescape(s string) string {
	var out []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\':
			out = append(out, s[i])
		case s[i+1] >= '0' && s[i+1] <= '9':
			out = append(out, (s[i+1]-'0')*100+(s[i+2]-'0')*10+s[i+3]-'0')
			i += 3
		default:
			i++
			out = append(out, s[i])
		}
	}
	return string(out)
}

func decodeOPT(data []byte) (Data, error) {
	var opt OPT
	for len(data) > 0 {
		if len(data) < 4 || len(data) < 4+int(binary.BigEndian.Uint16(data[2:])) {
			return nil, fmt.Errorf("%w: option", ErrData)
		}
		n := 4 + int(binary.BigEndian.Uint16(data[2:]))
		opt.Options = append(opt.Options, Option{binary.BigEndian.Uint16(data), append([]byte(nil), data[4:n]...)})
		data = data[n:]
	}
	return opt, nil
}

// Append lets miekg/dns write the data as if its names were the root.
func Append(b []byte, r Record, put AppendName) ([]byte, error) {
	rr, names, err := library(r)
	if err != nil {
		return b, err
	}
	flat := make([]byte, 1<<17)
	n, err := dns.PackRR(rr, flat, 0, nil, false)
	if err != nil {
		return b, fmt.Errorf("%w: %v", ErrRange, err)
	}
	flat = flat[11:n]
	if len(flat) > 65535 {
		return b, fmt.Errorf("%w: %d octets", ErrRange, len(flat))
	}
	out, err := put(b, r.Name)
	if err != nil {
		return b, err
	}
	rrtype := uint16(r.Data.Type())
	for _, v := range []uint16{rrtype, uint16(r.Class), uint16(r.TTL >> 16), uint16(r.TTL), 0} {
		out = append(out, byte(v>>8), byte(v))
	}
	start := len(out)
	before, _ := ahead(rrtype)
	out = append(out, flat[:before]...)
	for _, text := range names {
		if rrtype == dns.TypeSRV {
			out, err = name.Append(out, text)
		} else {
			out, err = put(out, text)
		}
		if err != nil {
			return b, err
		}
	}
	out = append(out, flat[before+len(names):]...)
	binary.BigEndian.PutUint16(out[start-2:], uint16(len(out)-start))
	return out, nil
}

func library(r Record) (rr dns.RR, names []string, err error) {
	if r.Data == nil {
		return nil, nil, fmt.Errorf("%w: no data", ErrRange)
	}
	h := dns.RR_Header{Name: ".", Rrtype: uint16(r.Data.Type()), Class: uint16(r.Class), Ttl: r.TTL}
	if r.TTL > 1<<31-1 && h.Rrtype != dns.TypeOPT {
		return nil, nil, fmt.Errorf("%w: TTL", ErrRange)
	}
	raw := func(data []byte) dns.RR { return &dns.RFC3597{Hdr: h, Rdata: fmt.Sprintf("%x", data)} }
	switch d := r.Data.(type) {
	case A:
		if !d.Addr.Is4() {
			return nil, nil, fmt.Errorf("%w: %v", ErrRange, d.Addr)
		}
		return &dns.A{Hdr: h, A: d.Addr.AsSlice()}, nil, nil
	case AAAA:
		if !d.Addr.Is6() || d.Addr.WithZone("") != d.Addr {
			return nil, nil, fmt.Errorf("%w: %v", ErrRange, d.Addr)
		}
		return &dns.AAAA{Hdr: h, AAAA: d.Addr.AsSlice()}, nil, nil
	case CNAME:
		return &dns.CNAME{Hdr: h, Target: "."}, []string{d.Target}, nil
	case NS:
		return &dns.NS{Hdr: h, Ns: "."}, []string{d.Host}, nil
	case PTR:
		return &dns.PTR{Hdr: h, Ptr: "."}, []string{d.Target}, nil
	case MX:
		return &dns.MX{Hdr: h, Preference: d.Preference, Mx: "."}, []string{d.Host}, nil
	case SOA:
		return &dns.SOA{Hdr: h, Ns: ".", Mbox: ".", Serial: d.Serial, Refresh: d.Refresh, Retry: d.Retry, Expire: d.Expire, Minttl: d.Minimum},
			[]string{d.Primary, d.Mailbox}, nil
	case SRV:
		return &dns.SRV{Hdr: h, Priority: d.Priority, Weight: d.Weight, Port: d.Port, Target: "."}, []string{d.Target}, nil
	case TXT:
		txt := &dns.TXT{Hdr: h}
		for _, s := range d.Strings {
			if len(s) > 255 {
				return nil, nil, fmt.Errorf("%w: %d octets", ErrRange, len(s))
			}
			var e strings.Builder
			for _, c := range []byte(s) {
				fmt.Fprintf(&e, `\%03d`, c)
			}
			txt.Txt = append(txt.Txt, e.String())
		}
		if len(txt.Txt) == 0 {
			return nil, nil, fmt.Errorf("%w: no string", ErrRange)
		}
		return txt, nil, nil
	case OPT:
		opt := []byte{}
		for _, o := range d.Options {
			if len(o.Data) > 65535 {
				return nil, nil, fmt.Errorf("%w: option", ErrRange)
			}
			opt = append(opt, byte(o.Code>>8), byte(o.Code), byte(len(o.Data)>>8), byte(len(o.Data)))
			opt = append(opt, o.Data...)
		}
		return raw(opt), nil, nil
	case Unknown:
		return raw(d.Data), nil, nil
	}
	return nil, nil, fmt.Errorf("%w: %T", ErrRange, r.Data)
}
