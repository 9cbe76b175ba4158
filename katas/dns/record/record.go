//go:build !solution

// Package record reads and writes resource records: what the answer, authority
// and additional sections of DNS messages hold (RFC 1035, sections 3.2 and 4.1.3).
package record

import (
	"errors"
	"net/netip"

	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/katas/dns/name"
	"github.com/example/netkata/katas/dns/question"
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
	// TODO
	return Record{}, off, todo.Err
}

// Append appends r to b, its names with put where they may be compressed (RFC
// 3597, section 4), and returns the extended slice.
//
// The error is ErrRange, or one of put's or name.Append's; b is then returned as
// it was.
func Append(b []byte, r Record, put AppendName) ([]byte, error) {
	// TODO
	return b, todo.Err
}
