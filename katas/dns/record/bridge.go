//go:build solution

package record

import solution "github.com/example/netkata/solutions/dns/record"

var (
	ErrShort = solution.ErrShort
	ErrData  = solution.ErrData
	ErrRange = solution.ErrRange
)

type (
	Record     = solution.Record
	Data       = solution.Data
	ParseName  = solution.ParseName
	AppendName = solution.AppendName
	A          = solution.A
	AAAA       = solution.AAAA
	CNAME      = solution.CNAME
	NS         = solution.NS
	PTR        = solution.PTR
	MX         = solution.MX
	TXT        = solution.TXT
	SOA        = solution.SOA
	SRV        = solution.SRV
	OPT        = solution.OPT
	Unknown    = solution.Unknown
	Option     = solution.Option
)

func Parse(msg []byte, off int, get ParseName) (r Record, next int, err error) {
	return solution.Parse(msg, off, get)
}

func Append(b []byte, r Record, put AppendName) ([]byte, error) { return solution.Append(b, r, put) }
