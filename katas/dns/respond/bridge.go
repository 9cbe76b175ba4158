//go:build solution

package respond

import (
	solution "github.com/example/netkata/solutions/dns/respond"
)

const (
	UDP    = solution.UDP
	TCP    = solution.TCP
	MinUDP = solution.MinUDP
	MaxUDP = solution.MaxUDP
)

type (
	Transport = solution.Transport
	Lookup    = solution.Lookup
	Answer    = solution.Answer
)

func Respond(b, query []byte, transport Transport, lookup Lookup) (out []byte, ok bool) {
	return solution.Respond(b, query, transport, lookup)
}
