//go:build solution

// Package record reads and writes resource records: what the answer, authority
// and additional sections of DNS messages hold (RFC 1035, sections 3.2 and 4.1.3).
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

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

var layouts = map[question.Type]reflect.Type{
	1: reflect.TypeFor[A](), 2: reflect.TypeFor[NS](), 5: reflect.TypeFor[CNAME](), 6: reflect.TypeFor[SOA](),
	12: reflect.TypeFor[PTR](), 15: reflect.TypeFor[MX](), 16: reflect.TypeFor[TXT](), 28: reflect.TypeFor[AAAA](),
	33: reflect.TypeFor[SRV](), 41: reflect.TypeFor[OPT](),
}

// Parse goes by the fields of the type's struct; what goes wrong on the way is a
// panic until the end.
func Parse(msg []byte, off int, get ParseName) (r Record, next int, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case failure:
			r, next, err = Record{}, 0, v.error
		default:
			panic(v)
		}
	}()
	w := walker{msg: msg, end: len(msg), pos: off, get: get, short: ErrShort}
	r.Name = w.name()
	fixed := w.take(10)
	rrtype := question.Type(binary.BigEndian.Uint16(fixed))
	r.Class = question.Class(binary.BigEndian.Uint16(fixed[2:]))
	if r.TTL = binary.BigEndian.Uint32(fixed[4:]); r.TTL>>31 == 1 && rrtype != 41 {
		r.TTL = 0
	}
	length := int(binary.BigEndian.Uint16(fixed[8:]))
	if len(msg)-w.pos < length {
		return Record{}, 0, ErrShort
	}
	w.msg, w.end, w.short = msg[:w.pos+length], w.pos+length, ErrData
	layout, known := layouts[rrtype]
	if !known {
		r.Data = Unknown{Of: rrtype, Data: slices.Clone(w.take(length))}
		return r, w.pos, nil
	}
	data := reflect.New(layout).Elem()
	for i := range layout.NumField() {
		w.field(rrtype, data.Field(i))
	}
	if w.pos != w.end {
		return Record{}, 0, fmt.Errorf("%w: %d octets left", ErrData, w.end-w.pos)
	}
	r.Data = data.Interface().(Data)
	return r, w.pos, nil
}

type failure struct{ error }

type walker struct {
	msg      []byte
	pos, end int
	get      ParseName
	short    error
}

func (w *walker) take(n int) []byte {
	if w.end-w.pos < n {
		panic(failure{fmt.Errorf("%w: offset %d", w.short, w.pos)})
	}
	w.pos += n
	return w.msg[w.pos-n : w.pos]
}

func (w *walker) name() string {
	text, next, err := w.get(w.msg, w.pos)
	if err != nil {
		if w.short == ErrData && errors.Is(err, name.ErrShort) {
			err = ErrData
		}
		panic(failure{err})
	}
	w.pos = next
	return text
}

func (w *walker) field(rrtype question.Type, f reflect.Value) {
	switch f.Interface().(type) {
	case uint16:
		f.SetUint(uint64(binary.BigEndian.Uint16(w.take(2))))
	case uint32:
		f.SetUint(uint64(binary.BigEndian.Uint32(w.take(4))))
	case string:
		f.SetString(w.name())
	case netip.Addr:
		if rrtype == 1 {
			f.Set(reflect.ValueOf(netip.AddrFrom4([4]byte(w.take(4)))))
			return
		}
		f.Set(reflect.ValueOf(netip.AddrFrom16([16]byte(w.take(16)))))
	case []string:
		all := []string{string(w.take(int(w.take(1)[0])))}
		for w.pos < w.end {
			all = append(all, string(w.take(int(w.take(1)[0]))))
		}
		f.Set(reflect.ValueOf(all))
	case []Option:
		all := []Option{}
		for w.pos < w.end {
			head := w.take(4)
			all = append(all, Option{binary.BigEndian.Uint16(head), slices.Clone(w.take(int(binary.BigEndian.Uint16(head[2:]))))})
		}
		f.Set(reflect.ValueOf(all))
	}
}

// Append goes by the fields, too.
func Append(b []byte, r Record, put AppendName) ([]byte, error) {
	if r.Data == nil {
		return b, fmt.Errorf("%w: nil", ErrRange)
	}
	rrtype := r.Data.Type()
	if r.TTL>>31 == 1 && rrtype != 41 {
		return b, fmt.Errorf("%w: TTL", ErrRange)
	}
	if rrtype == 33 {
		if _, err := name.Append(nil, r.Data.(SRV).Target); err != nil {
			return b, err
		}
	}
	out, err := put(slices.Clone(b), r.Name)
	if err != nil {
		return b, err
	}
	out = append(out, byte(rrtype>>8), byte(rrtype), byte(r.Class>>8), byte(r.Class))
	out = append(binary.BigEndian.AppendUint32(out, r.TTL), 0, 0)
	at := len(out)
	if u, ok := r.Data.(Unknown); ok {
		out = append(out, u.Data...)
	} else {
		data := reflect.ValueOf(r.Data)
		for i := range data.NumField() {
			if out, err = appendField(out, rrtype, data.Field(i), put); err != nil {
				return b, err
			}
		}
	}
	if len(out)-at > 0xffff {
		return b, ErrRange
	}
	out[at-2], out[at-1] = byte((len(out)-at)>>8), byte(len(out)-at)
	return out, nil
}

func appendField(out []byte, rrtype question.Type, f reflect.Value, put AppendName) ([]byte, error) {
	switch v := f.Interface().(type) {
	case uint16:
		return binary.BigEndian.AppendUint16(out, v), nil
	case uint32:
		return binary.BigEndian.AppendUint32(out, v), nil
	case string:
		if rrtype == 33 {
			put = name.Append
		}
		return put(out, v)
	case netip.Addr:
		if v.Is4() != (rrtype == 1) || !v.IsValid() || v.Zone() != "" {
			return nil, ErrRange
		}
		return append(out, v.AsSlice()...), nil
	case []string:
		if len(v) == 0 || slices.ContainsFunc(v, func(s string) bool { return len(s) > 255 }) {
			return nil, ErrRange
		}
		for _, s := range v {
			out = append(append(out, byte(len(s))), s...)
		}
	case []Option:
		for _, o := range v {
			if len(o.Data) > 0xffff {
				return nil, ErrRange
			}
			out = append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(out, o.Code), uint16(len(o.Data))), o.Data...)
		}
	}
	return out, nil
}
