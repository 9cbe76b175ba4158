//go:build solution

package statsd

import (
	"context"
	"net"

	solution "github.com/example/netkata/solutions/udp/statsd"
)

var (
	ErrLine   = solution.ErrLine
	ErrMetric = solution.ErrMetric
)

type (
	Kind     = solution.Kind
	Metric   = solution.Metric
	Series   = solution.Series
	Timing   = solution.Timing
	Snapshot = solution.Snapshot
	Config   = solution.Config
	Limits   = solution.Limits
	Client   = solution.Client
)

const (
	Counter = solution.Counter
	Gauge   = solution.Gauge
	Timer   = solution.Timer
	Set     = solution.Set
)

func Parse(line []byte) (Metric, error) { return solution.Parse(line) }

func Append(b []byte, m Metric) ([]byte, error) { return solution.Append(b, m) }

func Serve(ctx context.Context, pc net.PacketConn, config Config, flush func(Snapshot)) error {
	return solution.Serve(ctx, pc, config, flush)
}

func NewClient(conn net.Conn, limits Limits) *Client { return solution.NewClient(conn, limits) }
