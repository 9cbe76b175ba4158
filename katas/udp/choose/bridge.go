//go:build solution

package choose

import solution "github.com/example/netkata/solutions/udp/choose"

type (
	Transport = solution.Transport
	Property  = solution.Property
	Choice    = solution.Choice
)

const (
	TCP = solution.TCP
	UDP = solution.UDP
)

const (
	Complete  = solution.Complete
	Ordered   = solution.Ordered
	Bulk      = solution.Bulk
	MayLose   = solution.MayLose
	Fresh     = solution.Fresh
	Brief     = solution.Brief
	FanOut    = solution.FanOut
	OwnRepair = solution.OwnRepair
	Probe     = solution.Probe
	Messages  = solution.Messages
)

var Choices = solution.Choices
