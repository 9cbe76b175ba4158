//go:build !solution

// Package statsd adds up what programs say about themselves, a line at a time,
// and sends such lines without making the program wait.
package statsd

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
)

var (
	// ErrLine says that a line is no metric.
	ErrLine = errors.New("malformed line")
	// ErrMetric says that a metric cannot be written as one line.
	ErrMetric = errors.New("no line for this metric")
)

// Kind says what is done with a metric. It is the type that stands in the line;
// "h" and "d", DogStatsD's histograms and distributions, are Timers. The zero
// value is none.
type Kind string

const (
	Counter Kind = "c"
	Gauge   Kind = "g"
	Timer   Kind = "ms"
	Set     Kind = "s"
)

// Metric is what one line says. The zero value is not a valid one.
type Metric struct {
	Name   string
	Kind   Kind
	Value  float64 // of all but a Set; of a Timer in milliseconds
	Delta  bool    // of a Gauge: Value is added to what it was
	Member string  // of a Set: who or what was seen
	Rate   float64 // the share of events that are sent, above 0, 1 for all; Append takes 0 for 1
	Tags   string  // "env:prod,host:a": in the order of their bytes, each once; "" for none
}

// Parse reads a line, without its LF. The error is ErrLine.
func Parse(line []byte) (Metric, error) {
	// TODO
	return Metric{}, todo.Err
}

// Append appends the line for m, without an LF, and returns the longer slice. For
// what Parse would not read as that same m, and nothing else, it returns b and
// ErrMetric.
func Append(b []byte, m Metric) ([]byte, error) {
	// TODO
	return b, todo.Err
}

// Series is what metrics are added up by: those of one kind with the same name
// and the same tags.
type Series struct {
	Name string
	Tags string // as in a Metric
}

// Timing is what became of a Timer's values. One that came with a rate counts as
// 1/Rate of them.
type Timing struct {
	Count       float64
	Sum         float64   // in milliseconds
	Percentiles []float64 // in the order of Config.Percentiles, in milliseconds
}

// Snapshot is what is known at a flush: Counters, Timers, Sets and Malformed since
// the flush before, Gauges since ever.
type Snapshot struct {
	Counters  map[Series]float64
	Gauges    map[Series]float64
	Timers    map[Series]Timing
	Sets      map[Series]int // how many different members
	Malformed int            // lines
}

// Config says what Serve tells, and when. The zero value is not usable.
type Config struct {
	Every       time.Duration // from one flush to the next, above 0
	Percentiles []float64     // of each timer, from 0 to 100
}

// Serve adds up the metrics that pc receives, and calls flush whenever
// config.Every has passed, until ctx is done or pc is closed. Then it calls flush
// a last time, closes pc and returns; nothing that it started is left. There is
// one call of flush at a time, and the Snapshot is flush's to keep.
//
// The error is nil after ctx is done, and net.ErrClosed if pc was closed by
// somebody else.
func Serve(ctx context.Context, pc net.PacketConn, config Config, flush func(Snapshot)) error {
	// TODO
	return todo.Err
}

// Limits says how much a Client takes. The zero value is not usable.
type Limits struct {
	Datagram int // bytes of a datagram
	Queue    int // metrics that wait while another Write goes on
}

// Client sends metrics. Whoever uses it never waits for the network: what cannot
// be sent is dropped, and counted. Many goroutines may use it at once. The zero
// value is not usable: see NewClient.
type Client struct {
	// TODO
}

// NewClient returns a Client that sends over conn, which is connected and from now
// on the Client's. It starts a goroutine, which Close ends.
func NewClient(conn net.Conn, limits Limits) *Client {
	// TODO
	return &Client{}
}

// Send has m sent soon, or drops it; it returns at once. It draws no lots: whoever
// sets a Rate calls it for that share of the events only.
func (c *Client) Send(m Metric) {
	// TODO
}

// Dropped returns how many metrics were not sent: those that Append refuses or
// that are longer than a datagram, those for which there was no room, and those
// whose Write failed.
func (c *Client) Dropped() int {
	// TODO
	return 0
}

// Close sends what still waits, for a second at most, drops the rest, and closes
// the connection. What is sent from then on is dropped. The error is that of
// closing.
func (c *Client) Close() error {
	// TODO
	return todo.Err
}
