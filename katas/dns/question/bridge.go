//go:build solution

package question

import solution "github.com/example/netkata/solutions/dns/question"

var (
	ErrShort = solution.ErrShort
	ErrCount = solution.ErrCount
	ErrText  = solution.ErrText
)

type (
	Question = solution.Question
	Type     = solution.Type
	Class    = solution.Class
)

const (
	TypeA     = solution.TypeA
	TypeNS    = solution.TypeNS
	TypeCNAME = solution.TypeCNAME
	TypeSOA   = solution.TypeSOA
	TypePTR   = solution.TypePTR
	TypeMX    = solution.TypeMX
	TypeTXT   = solution.TypeTXT
	TypeAAAA  = solution.TypeAAAA
	TypeSRV   = solution.TypeSRV
	TypeOPT   = solution.TypeOPT
	TypeAXFR  = solution.TypeAXFR
	TypeANY   = solution.TypeANY
)

const (
	ClassIN   = solution.ClassIN
	ClassCH   = solution.ClassCH
	ClassHS   = solution.ClassHS
	ClassNONE = solution.ClassNONE
	ClassANY  = solution.ClassANY
)

func Parse(msg []byte, off int) (q Question, next int, err error) { return solution.Parse(msg, off) }

func ParseType(msg []byte, off int) (t Type, c Class, next int, err error) {
	return solution.ParseType(msg, off)
}

func ParseAll(msg []byte, off int, count uint16) (all []Question, next int, err error) {
	return solution.ParseAll(msg, off, count)
}

func Append(b []byte, q Question) ([]byte, error) { return solution.Append(b, q) }
