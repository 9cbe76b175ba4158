//go:build solution

package name

import solution "github.com/example/netkata/solutions/dns/name"

const (
	MaxLabel = solution.MaxLabel
	MaxLen   = solution.MaxLen
)

var (
	ErrShort      = solution.ErrShort
	ErrLabelType  = solution.ErrLabelType
	ErrPointer    = solution.ErrPointer
	ErrLabelLen   = solution.ErrLabelLen
	ErrNameLen    = solution.ErrNameLen
	ErrEmptyLabel = solution.ErrEmptyLabel
	ErrEscape     = solution.ErrEscape
)

func Parse(msg []byte, off int) (name string, next int, err error) { return solution.Parse(msg, off) }

func AppendText(b, msg []byte, off int) (text []byte, next int, err error) {
	return solution.AppendText(b, msg, off)
}

func Append(b []byte, name string) ([]byte, error) { return solution.Append(b, name) }
