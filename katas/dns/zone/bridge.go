//go:build solution

package zone

import (
	"io"

	solution "github.com/example/netkata/solutions/dns/zone"
)

var (
	ErrSyntax  = solution.ErrSyntax
	ErrOutside = solution.ErrOutside
	ErrSOA     = solution.ErrSOA
	ErrCNAME   = solution.ErrCNAME
)

type (
	SyntaxError = solution.SyntaxError
	Zone        = solution.Zone
)

func Parse(r io.Reader, origin string) (*Zone, error) { return solution.Parse(r, origin) }
