//go:build solution

// Package statsd adds up what programs say about themselves, a line at a time,
// and sends such lines without making the program wait.
package statsd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
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
	m, err := parse(string(line))
	if err != nil {
		return Metric{}, fmt.Errorf("%w: %s: %.80q", ErrLine, err, line)
	}
	return m, nil
}

func parse(line string) (Metric, error) {
	name, rest, _ := strings.Cut(line, ":")
	value, rest, ok := strings.Cut(rest, "|")
	switch {
	case !ok:
		return Metric{}, errors.New("want name:value|type")
	case name == "" || value == "":
		return Metric{}, errors.New("no name or no value")
	case strings.Contains(name, "|") || strings.Contains(line, "\n"):
		return Metric{}, errors.New("more than one metric")
	}
	sections := strings.Split(rest, "|")
	m := Metric{Name: name, Rate: 1}
	if err := m.setValue(sections[0], value); err != nil {
		return Metric{}, err
	}
	for _, section := range sections[1:] {
		if rate, ok := strings.CutPrefix(section, "@"); ok {
			var err error
			if m.Rate, err = strconv.ParseFloat(rate, 64); err != nil || !isRate(m.Rate) {
				return Metric{}, errors.New("no such rate")
			}
		} else if tags, ok := strings.CutPrefix(section, "#"); ok {
			m.Tags = inOrder(tags)
		}
	}
	return m, nil
}

// setValue sets Kind and what goes with it.
func (m *Metric) setValue(kind, value string) (err error) {
	switch m.Kind = Kind(kind); m.Kind {
	case Set:
		m.Member = value
		return nil
	case Counter, Gauge, Timer:
	case "h", "d":
		m.Kind = Timer
	default:
		return errors.New("no such type")
	}
	m.Delta = m.Kind == Gauge && (value[0] == '+' || value[0] == '-')
	if m.Value, err = strconv.ParseFloat(value, 64); err != nil || !isFinite(m.Value) {
		return errors.New("the value is no number")
	}
	return nil
}

func isFinite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
func isRate(f float64) bool   { return f > 0 && f <= 1 }

// inOrder sorts tags, so that those of one series are written in one way.
func inOrder(tags string) string {
	all := strings.Split(tags, ",")
	slices.Sort(all)
	all = slices.Compact(all)
	return strings.Join(slices.DeleteFunc(all, func(tag string) bool { return tag == "" }), ",")
}

// Append appends the line for m, without an LF, and returns the longer slice. For
// what Parse would not read as that same m, and nothing else, it returns b and
// ErrMetric.
func Append(b []byte, m Metric) ([]byte, error) {
	if m.Rate == 0 {
		m.Rate = 1
	}
	line := m.Name + ":" + m.value() + "|" + string(m.Kind)
	if m.Rate != 1 {
		line += "|@" + number(m.Rate)
	}
	if m.Tags != "" {
		line += "|#" + m.Tags
	}
	// Who reads it has the last word: it sees a name that ends early, a tag that
	// is a rate, a gauge below zero.
	if read, err := parse(line); err != nil || read != m {
		return b, fmt.Errorf("%w: %+v", ErrMetric, m)
	}
	return append(b, line...), nil
}

func (m *Metric) value() string {
	switch {
	case m.Kind == Set:
		return m.Member
	case m.Delta && !math.Signbit(m.Value):
		return "+" + number(m.Value)
	default:
		return number(m.Value)
	}
}

// number writes no exponent: not all servers read those.
func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

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
	defer pc.Close()
	defer context.AfterFunc(ctx, func() { pc.Close() })() // wakes ReadFrom
	c := &collector{gauges: map[Series]float64{}}
	c.clear()

	stop := make(chan struct{})
	var flusher sync.WaitGroup
	flusher.Go(func() {
		tick := time.NewTicker(config.Every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				flush(c.take(config.Percentiles))
			case <-stop:
				return
			}
		}
	})
	err := c.read(ctx, pc)
	close(stop)
	flusher.Wait()
	flush(c.take(config.Percentiles))
	return err
}

// collector holds what came since the last flush.
type collector struct {
	mu        sync.Mutex
	counters  map[Series]float64
	gauges    map[Series]float64
	timers    map[Series][]sample
	sets      map[Series]map[string]bool
	malformed int
}

// sample is a value that stands for so many.
type sample struct{ value, weight float64 }

// clear forgets all but the gauges.
func (c *collector) clear() {
	c.counters = map[Series]float64{}
	c.timers = map[Series][]sample{}
	c.sets = map[Series]map[string]bool{}
	c.malformed = 0
}

// read adds up what pc receives until ctx is done (nil) or pc is closed.
func (c *collector) read(ctx context.Context, pc net.PacketConn) error {
	buf := make([]byte, 1<<16) // no datagram is longer
	for {
		n, _, err := pc.ReadFrom(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			pause(ctx) // it may pass: see udp/echo
		default:
			c.addDatagram(buf[:n])
		}
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}

func (c *collector) addDatagram(datagram []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range bytes.SplitSeq(datagram, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		if m, err := Parse(line); err != nil {
			c.malformed++
		} else {
			c.add(m)
		}
	}
}

func (c *collector) add(m Metric) {
	series := Series{m.Name, m.Tags}
	switch m.Kind {
	case Counter:
		c.counters[series] += m.Value / m.Rate
	case Gauge:
		if m.Delta {
			m.Value += c.gauges[series]
		}
		c.gauges[series] = m.Value
	case Timer:
		c.timers[series] = append(c.timers[series], sample{m.Value, 1 / m.Rate})
	case Set:
		if c.sets[series] == nil {
			c.sets[series] = map[string]bool{}
		}
		c.sets[series][m.Member] = true
	}
}

// take returns what came, and begins anew.
func (c *collector) take(percentiles []float64) Snapshot {
	c.mu.Lock()
	s := Snapshot{Counters: c.counters, Gauges: maps.Clone(c.gauges), Malformed: c.malformed}
	timers, sets := c.timers, c.sets
	c.clear()
	c.mu.Unlock()

	s.Timers = map[Series]Timing{}
	for series, samples := range timers {
		s.Timers[series] = timing(samples, percentiles)
	}
	s.Sets = map[Series]int{}
	for series, members := range sets {
		s.Sets[series] = len(members)
	}
	return s
}

func timing(samples []sample, percentiles []float64) Timing {
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.value, b.value) })
	var t Timing
	for _, s := range samples {
		t.Count += s.weight
		t.Sum += s.weight * s.value
	}
	for _, p := range percentiles {
		t.Percentiles = append(t.Percentiles, percentile(samples, p*t.Count/100))
	}
	return t
}

// percentile returns the least value such that it and those below it are at least
// target in number.
func percentile(sorted []sample, target float64) float64 {
	var n float64
	for _, s := range sorted {
		if n += s.weight; n >= target {
			return s.value
		}
	}
	return sorted[len(sorted)-1].value
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
	conn   net.Conn
	limits Limits
	done   chan struct{} // closed when run is over

	mu      sync.Mutex // never held while conn is used: that may take for ever
	wake    sync.Cond
	queue   [][]byte // lines
	closed  bool
	dropped int
}

// NewClient returns a Client that sends over conn, which is connected and from now
// on the Client's. It starts a goroutine, which Close ends.
func NewClient(conn net.Conn, limits Limits) *Client {
	c := &Client{conn: conn, limits: limits, done: make(chan struct{})}
	c.wake.L = &c.mu
	go c.run()
	return c
}

// Send has m sent soon, or drops it; it returns at once. It draws no lots: whoever
// sets a Rate calls it for that share of the events only.
func (c *Client) Send(m Metric) {
	line, err := Append(nil, m)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || len(line) > c.limits.Datagram || len(c.queue) >= c.limits.Queue || c.closed {
		c.dropped++
		return
	}
	c.queue = append(c.queue, line)
	c.wake.Signal()
}

// Dropped returns how many metrics were not sent: those that Append refuses or
// that are longer than a datagram, those for which there was no room, and those
// whose Write failed.
func (c *Client) Dropped() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

// Close sends what still waits, for a second at most, drops the rest, and closes
// the connection. What is sent from then on is dropped. The error is that of
// closing.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.wake.Signal()
	c.mu.Unlock()
	c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	<-c.done
	return c.conn.Close()
}

// run sends what waits until there is no more to come.
func (c *Client) run() {
	defer close(c.done)
	for {
		datagram, n := c.next()
		if n == 0 {
			return
		}
		if _, err := c.conn.Write(datagram); err != nil {
			c.mu.Lock()
			c.dropped += n
			c.mu.Unlock()
		}
	}
}

// next waits for metrics, and returns as many as fit into a datagram; after Close
// there may be none.
func (c *Client) next() (datagram []byte, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 && !c.closed {
		c.wake.Wait()
	}
	for n < len(c.queue) && (n == 0 || len(datagram)+1+len(c.queue[n]) <= c.limits.Datagram) {
		if n > 0 {
			datagram = append(datagram, '\n')
		}
		datagram = append(datagram, c.queue[n]...)
		n++
	}
	c.queue = c.queue[n:]
	return datagram, n
}
