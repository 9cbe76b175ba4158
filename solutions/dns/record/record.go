//go:build solution

// Package record reads and writes resource records: what the answer, authority
// and additional sections of DNS messages hold (RFC 1035, sections 3.2 and 4.1.3).
package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"

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

// Parse reads the record that begins at offset off of msg, its names with get,
// and returns it with the offset of the octet behind it. What it returns shares
// no memory with msg.
//
// The error is ErrShort, ErrData, or one of get's.
func Parse(msg []byte, off int, get ParseName) (r Record, next int, err error) {
	owner, pos, err := get(msg, off)
	if err != nil {
		return Record{}, off, err
	}
	if left := len(msg) - pos; left < fixedLen {
		return Record{}, off, fmt.Errorf("%w: %d of the %d octets before the data, at offset %d", ErrShort, left, fixedLen, pos)
	}
	rrtype, class, pos, err := question.ParseType(msg, pos)
	if err != nil {
		return Record{}, off, err
	}
	ttl := binary.BigEndian.Uint32(msg[pos:])
	if ttl > maxTTL && rrtype != question.TypeOPT {
		ttl = 0
	}
	length := int(binary.BigEndian.Uint16(msg[pos+4:]))
	pos += 6
	if left := len(msg) - pos; left < length {
		return Record{}, off, fmt.Errorf("%w: %d of %d octets of data at offset %d", ErrShort, left, length, pos)
	}
	next = pos + length
	data, err := parseData(rrtype, &reader{msg: msg, pos: pos, end: next, get: get})
	if err != nil {
		return Record{}, off, fmt.Errorf("%v record at offset %d: %w", rrtype, off, err)
	}
	return Record{Name: owner, Class: class, TTL: ttl, Data: data}, next, nil
}

// fixedLen is how many octets stand between the owner and the data: type, class,
// TTL, RDLENGTH.
const fixedLen = 10

// maxTTL is the longest time to live, in seconds (RFC 2181, section 8).
const maxTTL = math.MaxInt32

// parseData reads the data, which is all that is left in r.
func parseData(rrtype question.Type, r *reader) (Data, error) {
	var d Data
	switch rrtype {
	case question.TypeA:
		d = A{r.addr(4)}
	case question.TypeAAAA:
		d = AAAA{r.addr(16)}
	case question.TypeCNAME:
		d = CNAME{r.name()}
	case question.TypeNS:
		d = NS{r.name()}
	case question.TypePTR:
		d = PTR{r.name()}
	case question.TypeMX:
		d = MX{r.uint16(), r.name()}
	case question.TypeTXT:
		d = TXT{r.strings()}
	case question.TypeSOA:
		d = SOA{r.name(), r.name(), r.uint32(), r.uint32(), r.uint32(), r.uint32(), r.uint32()}
	case question.TypeSRV:
		d = SRV{r.uint16(), r.uint16(), r.uint16(), r.name()}
	case question.TypeOPT:
		d = OPT{r.options()}
	default:
		d = Unknown{rrtype, bytes.Clone(r.octets(r.left()))}
	}
	if r.err == nil && r.left() > 0 {
		r.fail("%d of its octets are left", r.left())
	}
	return d, r.err
}

// reader reads the data of a record, which goes from pos to end. After the first
// error it reads zeros.
type reader struct {
	msg      []byte
	pos, end int
	get      ParseName
	err      error
}

func (r *reader) left() int { return r.end - r.pos }

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{ErrData}, args...)...)
	}
}

// octets returns the next n octets, which are still msg's.
func (r *reader) octets(n int) []byte {
	if r.err == nil && r.left() < n {
		r.fail("%d of %d octets at offset %d", r.left(), n, r.pos)
	}
	if r.err != nil {
		return nil
	}
	r.pos += n
	return r.msg[r.pos-n : r.pos]
}

func (r *reader) uint8() uint8 {
	if b := r.octets(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.octets(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.octets(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) addr(n int) netip.Addr {
	addr, _ := netip.AddrFromSlice(r.octets(n))
	return addr
}

func (r *reader) name() string {
	if r.err != nil {
		return ""
	}
	text, next, err := r.get(r.msg, r.pos)
	if err != nil {
		r.err = err
	} else if next > r.end {
		r.fail("name at offset %d ends %d octets behind it", r.pos, next-r.end)
	}
	r.pos = next
	return text
}

// strings reads strings to the end of the data, at least one (RFC 1035, section
// 3.3).
func (r *reader) strings() (all []string) {
	for r.err == nil && (all == nil || r.left() > 0) {
		all = append(all, string(r.octets(int(r.uint8()))))
	}
	return all
}

// options reads options to the end of the data.
func (r *reader) options() (all []Option) {
	for r.err == nil && r.left() > 0 {
		code := r.uint16()
		all = append(all, Option{code, bytes.Clone(r.octets(int(r.uint16())))})
	}
	return all
}

// Append appends r to b, its names with put where they may be compressed (RFC
// 3597, section 4), and returns the extended slice.
//
// The error is ErrRange, or one of put's or name.Append's; b is then returned as
// it was.
func Append(b []byte, r Record, put AppendName) ([]byte, error) {
	if r.Data == nil {
		return b, fmt.Errorf("%w: no data", ErrRange)
	}
	rrtype := r.Data.Type()
	if r.TTL > maxTTL && rrtype != question.TypeOPT {
		return b, fmt.Errorf("%w: TTL %d", ErrRange, r.TTL)
	}
	out, err := put(b, r.Name)
	if err != nil {
		return b, err
	}
	out = binary.BigEndian.AppendUint16(out, uint16(rrtype))
	out = binary.BigEndian.AppendUint16(out, uint16(r.Class))
	out = binary.BigEndian.AppendUint32(out, r.TTL)
	out = append(out, 0, 0) // RDLENGTH, when it is known
	start := len(out)
	if out, err = appendData(out, r.Data, put); err != nil {
		return b, err
	}
	length := len(out) - start
	if length > math.MaxUint16 {
		return b, fmt.Errorf("%w: %d octets of %v data", ErrRange, length, rrtype)
	}
	binary.BigEndian.PutUint16(out[start-2:], uint16(length))
	return out, nil
}

func appendData(b []byte, data Data, put AppendName) ([]byte, error) {
	switch d := data.(type) {
	case A:
		if !d.Addr.Is4() {
			return b, fmt.Errorf("%w: %v in an A record", ErrRange, d.Addr)
		}
		addr := d.Addr.As4()
		return append(b, addr[:]...), nil
	case AAAA:
		if !d.Addr.Is6() || d.Addr.Zone() != "" {
			return b, fmt.Errorf("%w: %v in an AAAA record", ErrRange, d.Addr)
		}
		addr := d.Addr.As16()
		return append(b, addr[:]...), nil
	case CNAME:
		return put(b, d.Target)
	case NS:
		return put(b, d.Host)
	case PTR:
		return put(b, d.Target)
	case MX:
		return put(binary.BigEndian.AppendUint16(b, d.Preference), d.Host)
	case TXT:
		return appendStrings(b, d.Strings)
	case SOA:
		b, err := put(b, d.Primary)
		if err != nil {
			return b, err
		}
		if b, err = put(b, d.Mailbox); err != nil {
			return b, err
		}
		for _, v := range []uint32{d.Serial, d.Refresh, d.Retry, d.Expire, d.Minimum} {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		return b, nil
	case SRV:
		for _, v := range []uint16{d.Priority, d.Weight, d.Port} {
			b = binary.BigEndian.AppendUint16(b, v)
		}
		return name.Append(b, d.Target)
	case OPT:
		return appendOptions(b, d.Options), nil
	case Unknown:
		return append(b, d.Data...), nil
	default:
		return b, fmt.Errorf("%w: data of type %T", ErrRange, data)
	}
}

func appendStrings(b []byte, all []string) ([]byte, error) {
	if len(all) == 0 {
		return b, fmt.Errorf("%w: TXT without a string", ErrRange)
	}
	for _, s := range all {
		if len(s) > math.MaxUint8 {
			return b, fmt.Errorf("%w: string of %d octets", ErrRange, len(s))
		}
		b = append(append(b, byte(len(s))), s...)
	}
	return b, nil
}

// appendOptions cuts the length of an option that needs more than sixteen bits,
// and Append refuses the data that it makes.
func appendOptions(b []byte, all []Option) []byte {
	for _, o := range all {
		b = binary.BigEndian.AppendUint16(b, o.Code)
		b = binary.BigEndian.AppendUint16(b, uint16(len(o.Data)))
		b = append(b, o.Data...)
	}
	return b
}
