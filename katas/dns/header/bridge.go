//go:build solution

package header

import solution "github.com/example/netkata/solutions/dns/header"

const Len = solution.Len

var (
	ErrShort = solution.ErrShort
	ErrRange = solution.ErrRange
)

type (
	Header = solution.Header
	Opcode = solution.Opcode
	Rcode  = solution.Rcode
)

const (
	OpcodeQuery  = solution.OpcodeQuery
	OpcodeStatus = solution.OpcodeStatus
	OpcodeNotify = solution.OpcodeNotify
	OpcodeUpdate = solution.OpcodeUpdate
)

const (
	RcodeNoError  = solution.RcodeNoError
	RcodeFormErr  = solution.RcodeFormErr
	RcodeServFail = solution.RcodeServFail
	RcodeNXDomain = solution.RcodeNXDomain
	RcodeNotImp   = solution.RcodeNotImp
	RcodeRefused  = solution.RcodeRefused
)

func Parse(msg []byte, off int) (h Header, next int, err error) { return solution.Parse(msg, off) }

func Append(b []byte, h Header) ([]byte, error) { return solution.Append(b, h) }
