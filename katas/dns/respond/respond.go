//go:build !solution

// Package respond answers DNS queries: from the octets of a query, and somebody
// who can look things up, to the octets of a response.
package respond

import (
	"github.com/example/netkata/katas/dns/header"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
)

// Transport is what carries the response.
type Transport int

// Transports. The zero value is UDP.
const (
	UDP Transport = iota // 512 octets, or what EDNS allows
	TCP                  // as long as a message can be
)

// Limits of a response over UDP, in octets.
const (
	MinUDP = 512  // what every client takes (RFC 1035, section 4.2.1)
	MaxUDP = 1232 // what Respond sends to a client that takes more; its own EDNS size
)

// Lookup looks up what a question asks for. Its name is spelt as the client
// spelt it. The records that it returns remain its own: Respond changes none.
type Lookup func(q question.Question) Answer

// Answer is what there is to say to a question. The zero value says that the name
// exists, and has nothing of that type, on no authority.
type Answer struct {
	Rcode         header.Rcode
	Authoritative bool // about the name that was asked for
	Answers       []record.Record
	Authorities   []record.Record
	Additionals   []record.Record
}

// Respond appends the response to query to b and returns the extended slice. The
// response is never longer than the transport and the client allow; what does
// not fit is left out, and TC set where it is missed.
//
// lookup is called once at most, and not at all for a query that gets an error.
// Where its answer cannot be written, the response is SERVFAIL.
//
// ok is false, and b returned as it was, where silence is the answer: to a
// response, and to what is too short for a header.
func Respond(b, query []byte, transport Transport, lookup Lookup) (out []byte, ok bool) {
	// TODO
	return b, false
}
