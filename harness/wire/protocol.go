package wire

import "strconv"

// protocol is what is known of one kind of message.
type protocol struct {
	dissect func(msg []byte) Dissection
	words   map[string][]bit // fields whose bits mean something, by name
}

// protocols has them by the name that stands in Dissection.Protocol.
var protocols = map[string]protocol{
	"dns":      {DNS, dnsWords},
	"grpc":     {GRPC, nil},
	"http2":    {HTTP2, nil},
	"protobuf": {Protobuf, nil},
}

// bit is a flag, or a small number, in a field of at most 8 octets.
type bit struct {
	name  string
	shift int                   // of its lowest bit, in the field read as big-endian
	width int                   // in bits
	text  func(v uint64) string // what a value means, or nil
}

// of returns the part's value in the field's value.
func (b bit) of(word uint64) uint64 { return word >> b.shift & (1<<b.width - 1) }

// value is the part's value in words: "1", "0 QUERY".
func (b bit) value(word uint64) string {
	v := b.of(word)
	s := strconv.FormatUint(v, 10)
	if b.text != nil {
		s += " " + b.text(v)
	}
	return s
}

// append appends the part as listings show it: "AA=1", "opcode 0 QUERY".
func (b bit) append(to []byte, word uint64) []byte {
	sep := byte('=')
	if b.width > 1 {
		sep = ' '
	}
	return append(append(append(to, b.name...), sep), b.value(word)...)
}

// bigEndian reads at most 8 octets as a number.
func bigEndian(p []byte) uint64 {
	var v uint64
	for _, c := range p {
		v = v<<8 | uint64(c)
	}
	return v
}
