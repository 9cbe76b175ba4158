//go:build solution

// Package statsd adds up what programs say about themselves, a line at a time,
// and sends such lines without making the program wait.
package statsd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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

var (
	format  = regexp.MustCompile(`^([^:|\n]+):([^|\n]+)\|(c|g|ms|h|d|s)((?:\|[^|\n]*)*)$`)
	decimal = regexp.MustCompile(`^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`)
)

// Parse is a regular expression.
func Parse(line []byte) (m Metric, err error) {
	parts := format.FindSubmatch(line)
	if parts == nil {
		return Metric{}, ErrLine
	}
	value := string(parts[2])
	m = Metric{Name: string(parts[1]), Kind: Kind(parts[3]), Rate: 1}
	if m.Kind == "h" || m.Kind == "d" {
		m.Kind = Timer
	}
	if m.Kind == Set {
		m.Member = value
	} else {
		if !decimal.MatchString(value) {
			return Metric{}, ErrLine
		}
		if m.Value, err = strconv.ParseFloat(value, 64); err != nil {
			return Metric{}, fmt.Errorf("%w: %v", ErrLine, err)
		}
		m.Delta = m.Kind == Gauge && strings.ContainsAny(value[:1], "+-")
	}
	for _, section := range strings.Split(string(parts[4]), "|") {
		switch {
		case strings.HasPrefix(section, "@"):
			m.Rate, err = strconv.ParseFloat(section[1:], 64)
			if err != nil || !(m.Rate > 0 && m.Rate <= 1) {
				return Metric{}, ErrLine
			}
		case strings.HasPrefix(section, "#"):
			m.Tags = canonical(section[1:])
		}
	}
	return m, nil
}

func canonical(tags string) string {
	seen := map[string]bool{"": true}
	var all []string
	for _, tag := range strings.Split(tags, ",") {
		if !seen[tag] {
			seen[tag] = true
			all = append(all, tag)
		}
	}
	sort.Strings(all)
	return strings.Join(all, ",")
}

// Append checks first, and then writes, with exponents.
func Append(b []byte, m Metric) ([]byte, error) {
	if m.Rate == 0 {
		m.Rate = 1
	}
	number := m.Kind == Counter || m.Kind == Gauge || m.Kind == Timer
	switch {
	case m.Name == "" || strings.ContainsAny(m.Name, ":|\n"),
		strings.ContainsAny(m.Tags, "|\n") || canonical(m.Tags) != m.Tags,
		!number && m.Kind != Set,
		m.Kind == Set && (m.Member == "" || strings.ContainsAny(m.Member, "|\n")),
		number && (math.IsNaN(m.Value) || math.IsInf(m.Value, 0)),
		m.Kind == Gauge && !m.Delta && math.Signbit(m.Value),
		m.Kind == Set && m.Value != 0, m.Kind != Set && m.Member != "", m.Kind != Gauge && m.Delta,
		!(m.Rate > 0 && m.Rate <= 1):
		return b, ErrMetric
	}
	value := m.Member
	if number {
		value = fmt.Sprint(m.Value)
		if m.Delta && value[0] != '-' {
			value = "+" + value
		}
	}
	b = fmt.Appendf(b, "%s:%s|%s|@%v", m.Name, value, m.Kind, m.Rate)
	if m.Tags != "" {
		b = fmt.Appendf(b, "|#%s", m.Tags)
	}
	return b, nil
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

// Serve has one goroutine that reads, one that adds up, and one that flushes.
func Serve(ctx context.Context, pc net.PacketConn, config Config, flush func(Snapshot)) error {
	datagrams, snapshots := make(chan []byte, 16), make(chan Snapshot)
	readErr := make(chan error, 1)
	var all sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { pc.SetReadDeadline(time.Unix(1, 0)) })
	all.Add(2)
	go func() {
		defer all.Done()
		defer close(datagrams)
		buf := make([]byte, 65507)
		for {
			n, _, err := pc.ReadFrom(buf)
			if err != nil {
				readErr <- err
				return
			}
			datagrams <- append([]byte(nil), buf[:n]...)
		}
	}()
	go func() {
		defer all.Done()
		for s := range snapshots {
			flush(s)
		}
	}()
	tick := time.NewTicker(config.Every)
	defer tick.Stop()
	now := newTotals()
	var due chan Snapshot // snapshots, when there is one to be flushed
	for {
		var next Snapshot
		if due != nil {
			next = now.snapshot(config.Percentiles)
		}
		select {
		case <-tick.C:
			due = snapshots
		case due <- next:
			now, due = now.following(), nil
		case datagram, ok := <-datagrams:
			if ok {
				now.addAll(string(datagram))
				continue
			}
			snapshots <- now.snapshot(config.Percentiles)
			close(snapshots)
			all.Wait()
			stop()
			pc.Close()
			if err := <-readErr; ctx.Err() == nil {
				return fmt.Errorf("statsd: %w", err)
			}
			return nil
		}
	}
}

type totals struct {
	counters, gauges map[Series]float64
	timers           map[Series]map[float64]float64 // how often, by value
	members          map[Series]map[string]struct{}
	malformed        int
}

func newTotals() *totals {
	return &totals{map[Series]float64{}, map[Series]float64{}, map[Series]map[float64]float64{}, map[Series]map[string]struct{}{}, 0}
}

func (t *totals) following() *totals {
	next := newTotals()
	for series, v := range t.gauges {
		next.gauges[series] = v
	}
	return next
}

func (t *totals) addAll(datagram string) {
	for _, line := range strings.Split(datagram, "\n") {
		if line == "" {
			continue
		}
		m, err := Parse([]byte(line))
		if err != nil {
			t.malformed++
			continue
		}
		series := Series{Name: m.Name, Tags: m.Tags}
		switch {
		case m.Kind == Counter:
			t.counters[series] += m.Value / m.Rate
		case m.Kind == Gauge && m.Delta:
			t.gauges[series] += m.Value
		case m.Kind == Gauge:
			t.gauges[series] = m.Value
		case m.Kind == Timer:
			if t.timers[series] == nil {
				t.timers[series] = map[float64]float64{}
			}
			t.timers[series][m.Value] += 1 / m.Rate
		case m.Kind == Set:
			if t.members[series] == nil {
				t.members[series] = map[string]struct{}{}
			}
			t.members[series][m.Member] = struct{}{}
		}
	}
}

func (t *totals) snapshot(percentiles []float64) Snapshot {
	s := Snapshot{Counters: t.counters, Gauges: map[Series]float64{}, Malformed: t.malformed}
	for series, v := range t.gauges {
		s.Gauges[series] = v
	}
	for series, times := range t.timers {
		if s.Timers == nil {
			s.Timers = map[Series]Timing{}
		}
		s.Timers[series] = timing(times, percentiles)
	}
	for series, members := range t.members {
		if s.Sets == nil {
			s.Sets = map[Series]int{}
		}
		s.Sets[series] = len(members)
	}
	return s
}

func timing(times map[float64]float64, percentiles []float64) Timing {
	var t Timing
	var values, upTo []float64
	for v := range times {
		values = append(values, v)
	}
	sort.Float64s(values)
	for _, v := range values {
		t.Count += times[v]
		t.Sum += v * times[v]
		upTo = append(upTo, t.Count)
	}
	for _, p := range percentiles {
		i := sort.SearchFloat64s(upTo, p/100*t.Count)
		t.Percentiles = append(t.Percentiles, values[min(i, len(values)-1)])
	}
	return t
}

// Limits says how much a Client takes. The zero value is not usable.
type Limits struct {
	Datagram int // bytes of a datagram
	Queue    int // metrics that wait while another Write goes on
}

// Client is a channel, and a goroutine that empties it.
type Client struct {
	conn    net.Conn
	limits  Limits
	lines   chan string
	closing chan struct{}
	done    chan struct{}
	once    sync.Once
	ending  sync.RWMutex // held for writing while closing is closed
	dropped atomic.Int64
}

func NewClient(conn net.Conn, limits Limits) *Client {
	c := &Client{conn: conn, limits: limits, lines: make(chan string, limits.Queue), closing: make(chan struct{}), done: make(chan struct{})}
	go c.run()
	return c
}

func (c *Client) Send(m Metric) {
	line, err := Append(nil, m)
	if err != nil || len(line) > c.limits.Datagram {
		c.dropped.Add(1)
		return
	}
	c.ending.RLock()
	defer c.ending.RUnlock()
	select {
	case <-c.closing:
		c.dropped.Add(1)
		return
	default:
	}
	select {
	case c.lines <- string(line):
	default:
		c.dropped.Add(1)
	}
}

func (c *Client) Dropped() int { return int(c.dropped.Load()) }

func (c *Client) Close() (err error) {
	c.once.Do(func() {
		c.ending.Lock()
		close(c.closing)
		c.ending.Unlock()
		late := time.AfterFunc(time.Second, func() { c.conn.Close() })
		<-c.done
		if late.Stop() {
			err = c.conn.Close()
		}
	})
	return err
}

func (c *Client) run() {
	defer close(c.done)
	left := ""
	for {
		first := left
		if left == "" {
			select {
			case first = <-c.lines:
			case <-c.closing:
				select {
				case first = <-c.lines:
				default:
					return
				}
			}
		}
		var datagram string
		var n int64
		datagram, n, left = c.fill(first)
		if _, err := c.conn.Write([]byte(datagram)); err != nil {
			c.dropped.Add(n)
		}
	}
}

// fill adds lines that wait to the first, and returns the one for which there was
// no room.
func (c *Client) fill(first string) (datagram string, n int64, left string) {
	datagram, n = first, 1
	for {
		select {
		case line := <-c.lines:
			if len(datagram)+1+len(line) > c.limits.Datagram {
				return datagram, n, line
			}
			datagram += "\n" + line
			n++
		default:
			return datagram, n, ""
		}
	}
}
