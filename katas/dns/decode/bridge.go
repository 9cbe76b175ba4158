//go:build solution

package decode

import solution "github.com/example/netkata/solutions/dns/decode"

var (
	ErrShort     = solution.ErrShort
	ErrRDLength  = solution.ErrRDLength
	ErrLabelType = solution.ErrLabelType
	ErrPointer   = solution.ErrPointer
	ErrNameLen   = solution.ErrNameLen
)

type (
	Kind  = solution.Kind
	Field = solution.Field
	Fault = solution.Fault
)

const (
	ID       = solution.ID
	Flags    = solution.Flags
	Count    = solution.Count
	Label    = solution.Label
	Pointer  = solution.Pointer
	Root     = solution.Root
	Type     = solution.Type
	Class    = solution.Class
	TTL      = solution.TTL
	RDLength = solution.RDLength
	Address  = solution.Address
	Number   = solution.Number
	String   = solution.String
	Option   = solution.Option
	Opaque   = solution.Opaque
	Trailing = solution.Trailing
)

func Decode(msg []byte) ([]Field, error) { return solution.Decode(msg) }
