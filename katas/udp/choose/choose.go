//go:build !solution

// Package choose decides for a dozen systems between TCP and UDP, and says why.
package choose

// Transport is what carries the messages of a system. The zero value means that
// nothing is chosen yet.
type Transport string

// The two that there are to choose from (RFC 9293, RFC 768).
const (
	TCP Transport = "TCP"
	UDP Transport = "UDP"
)

// Property is something that may be true of a system.
type Property string

// The properties that a choice may be made for.
const (
	// Complete: with a gap in it, the rest is worth little, or worse than nothing.
	Complete Property = "Complete"
	// Ordered: what comes later goes wrong if what came earlier is not there.
	Ordered Property = "Ordered"
	// Bulk: it is one thing far longer than a datagram, and has to be sent at the
	// pace that the network can take.
	Bulk Property = "Bulk"
	// MayLose: what is lost may stay lost, and nobody waits for it.
	MayLose Property = "MayLose"
	// Fresh: what is late is worth nothing, since something newer is there.
	Fresh Property = "Fresh"
	// Brief: there is one small message, or a question and its answer, and no more
	// to say to that peer.
	Brief Property = "Brief"
	// FanOut: one sending is for everybody who is there, known or not.
	FanOut Property = "FanOut"
	// OwnRepair: it finds and repairs loss by itself, in a way that suits it better.
	OwnRepair Property = "OwnRepair"
	// Probe: it is there to see what the network loses, and how long it takes.
	Probe Property = "Probe"
	// Messages: it speaks in messages, and each has to come out as it went in.
	Messages Property = "Messages"
)

// Choice is what carries one system, and what decided that. The zero value means
// that nothing is chosen yet.
type Choice struct {
	Transport Transport
	Because   []Property
}

// Choices are the choices, by the names that the README gives to the systems.
var Choices = map[string]Choice{
	"dns-query":     {"TODO", nil}, // written as {TCP, []Property{Messages}}
	"metrics":       {"TODO", nil},
	"discovery":     {"TODO", nil},
	"game":          {"TODO", nil},
	"ping":          {"TODO", nil},
	"file":          {"TODO", nil},
	"replication":   {"TODO", nil},
	"audit-log":     {"TODO", nil},
	"video-call":    {"TODO", nil},
	"web-page":      {"TODO", nil},
	"boot":          {"TODO", nil},
	"zone-transfer": {"TODO", nil},
}
