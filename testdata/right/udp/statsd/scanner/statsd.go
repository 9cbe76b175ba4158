//go:build solution

// Package statsd adds up what programs say about themselves, a line at a time,
// and sends such lines without making the program wait.
package statsd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"strconv"
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

// Parse goes from byte to byte, from the end of one part to the next.
func Parse(line []byte) (Metric, error) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 || bytes.ContainsAny(line[:colon], "|") || bytes.IndexByte(line, '\n') >= 0 {
		return Metric{}, ErrLine
	}
	parts := bytes.Split(line[colon+1:], []byte("|"))
	if len(parts) < 2 || len(parts[0]) == 0 {
		return Metric{}, ErrLine
	}
	m := Metric{Name: string(line[:colon]), Rate: 1}
	switch value := string(parts[0]); string(parts[1]) {
	case "s":
		m.Kind, m.Member = Set, value
	case "c", "g", "ms", "h", "d":
		m.Kind = map[byte]Kind{'c': Counter, 'g': Gauge, 'm': Timer, 'h': Timer, 'd': Timer}[parts[1][0]]
		m.Delta = m.Kind == Gauge && (value[0] == '-' || value[0] == '+')
		var err error
		if m.Value, err = strconv.ParseFloat(value, 64); err != nil || math.IsNaN(m.Value) || math.Abs(m.Value) > math.MaxFloat64 {
			return Metric{}, ErrLine
		}
	default:
		return Metric{}, ErrLine
	}
	for _, part := range parts[2:] {
		if len(part) == 0 {
			continue
		}
		switch part[0] {
		case '@':
			rate, err := strconv.ParseFloat(string(part[1:]), 64)
			if err != nil || math.IsNaN(rate) || rate <= 0 || rate > 1 {
				return Metric{}, ErrLine
			}
			m.Rate = rate
		case '#':
			var tags [][]byte
			for tag := range bytes.SplitSeq(part[1:], []byte(",")) {
				at, found := slices.BinarySearchFunc(tags, tag, bytes.Compare)
				if len(tag) > 0 && !found {
					tags = slices.Insert(tags, at, tag)
				}
			}
			m.Tags = string(bytes.Join(tags, []byte(",")))
		}
	}
	return m, nil
}

func Append(b []byte, m Metric) ([]byte, error) {
	start := len(b)
	out := append(b, m.Name+":"...)
	if m.Kind == Set {
		out = append(out, m.Member...)
	} else {
		if m.Delta && !(m.Value < 0) {
			out = append(out, '+')
		}
		out = strconv.AppendFloat(out, m.Value, 'g', -1, 64)
	}
	out = append(out, "|"+string(m.Kind)...)
	if m.Tags != "" {
		out = append(out, "|#"+m.Tags...)
	}
	if m.Rate != 0 {
		out = strconv.AppendFloat(append(out, "|@"...), m.Rate, 'e', -1, 64)
	} else {
		m.Rate = 1
	}
	if back, err := Parse(out[start:]); err != nil || back != m {
		return b, errors.Join(ErrMetric, err)
	}
	return out, nil
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

// key is a series and its kind.
type key struct {
	kind Kind
	Series
}

// total is what became of one series.
type total struct {
	sum     float64
	times   []Metric
	members []string
}

// store has all series in one map, with their kinds.
type store struct {
	sync.Mutex
	totals    map[key]*total
	malformed int
}

// Serve flushes in its own goroutine, and reads in another.
func Serve(ctx context.Context, pc net.PacketConn, config Config, flush func(Snapshot)) error {
	st := &store{totals: map[key]*total{}}
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		buf := make([]byte, 1<<17)
		for {
			n, _, err := pc.ReadFrom(buf)
			if errors.Is(err, net.ErrClosed) {
				failed <- err
				return
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			st.read(buf[:n])
		}
	}()
	begin := time.Now()
	for n := time.Duration(1); ; {
		timer := time.NewTimer(time.Until(begin.Add(n * config.Every)))
		select {
		case <-timer.C:
			flush(st.flush(config))
			n = max(n+1, time.Since(begin)/config.Every+1)
		case <-ctx.Done():
			timer.Stop()
			pc.Close()
			<-failed
			flush(st.flush(config))
			return nil
		case err := <-failed:
			timer.Stop()
			flush(st.flush(config))
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

func (st *store) read(datagram []byte) {
	lines := bufio.NewScanner(bytes.NewReader(datagram))
	lines.Buffer(nil, len(datagram)+1)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		m, err := Parse(lines.Bytes())
		st.Lock()
		if err != nil {
			st.malformed++
		} else {
			st.add(m)
		}
		st.Unlock()
	}
}

func (st *store) add(m Metric) {
	k := key{m.Kind, Series{m.Name, m.Tags}}
	if st.totals[k] == nil {
		st.totals[k] = new(total)
	}
	t := st.totals[k]
	switch {
	case m.Kind == Counter:
		t.sum += m.Value * (1 / m.Rate)
	case m.Kind == Gauge && !m.Delta:
		t.sum = m.Value
	case m.Kind == Gauge:
		t.sum += m.Value
	case m.Kind == Timer:
		at, _ := slices.BinarySearchFunc(t.times, m, func(a, b Metric) int { return int(math.Copysign(1, a.Value-b.Value)) })
		t.times = slices.Insert(t.times, at, m)
	case !slices.Contains(t.members, m.Member):
		t.members = append(t.members, m.Member)
	}
}

func (st *store) flush(config Config) Snapshot {
	st.Lock()
	defer st.Unlock()
	s := Snapshot{map[Series]float64{}, map[Series]float64{}, map[Series]Timing{}, map[Series]int{}, st.malformed}
	st.malformed = 0
	for k, t := range st.totals {
		switch k.kind {
		case Counter:
			s.Counters[k.Series] = t.sum
		case Gauge:
			s.Gauges[k.Series] = t.sum
			continue
		case Timer:
			s.Timers[k.Series] = t.timing(config.Percentiles)
		case Set:
			s.Sets[k.Series] = len(t.members)
		}
		delete(st.totals, k)
	}
	return s
}

func (t *total) timing(percentiles []float64) (all Timing) {
	for _, m := range t.times {
		all.Count += 1 / m.Rate
		all.Sum += m.Value / m.Rate
	}
	for _, p := range percentiles {
		i, n := 0, 1/t.times[0].Rate
		for i < len(t.times)-1 && n*100 < p*all.Count {
			i++
			n += 1 / t.times[i].Rate
		}
		all.Percentiles = append(all.Percentiles, t.times[i].Value)
	}
	return all
}

// Limits says how much a Client takes. The zero value is not usable.
type Limits struct {
	Datagram int // bytes of a datagram
	Queue    int // metrics that wait while another Write goes on
}

// Client collects for a while before it sends, and ends each line with an LF.
type Client struct {
	mu      sync.Mutex
	conn    net.Conn
	limits  Limits
	waiting [][]byte
	dropped int
	closed  bool
	news    chan struct{}
	end     chan struct{}
	over    sync.WaitGroup
}

func NewClient(conn net.Conn, limits Limits) *Client {
	c := &Client{conn: conn, limits: limits, news: make(chan struct{}, 1), end: make(chan struct{})}
	c.over.Go(c.run)
	return c
}

func (c *Client) Send(m Metric) {
	line, err := Append(nil, m)
	line = append(line, '\n')
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.closed || len(line) > c.limits.Datagram || len(c.waiting) == c.limits.Queue {
		c.dropped++
		return
	}
	c.waiting = append(c.waiting, line)
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func (c *Client) Dropped() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}

func (c *Client) Close() error {
	c.mu.Lock()
	first := !c.closed
	c.closed = true
	c.mu.Unlock()
	if first {
		close(c.end)
	}
	c.conn.SetDeadline(time.Now().Add(time.Second))
	c.over.Wait()
	return c.conn.Close()
}

func (c *Client) run() {
	for {
		select {
		case <-c.news:
			select {
			case <-time.After(50 * time.Millisecond):
			case <-c.end:
			}
			c.write()
		case <-c.end:
			c.write()
			return
		}
	}
}

// write sends all that waits.
func (c *Client) write() {
	for {
		var datagram []byte
		n := 0
		c.mu.Lock()
		for len(c.waiting) > 0 && len(datagram)+len(c.waiting[0]) <= c.limits.Datagram {
			datagram = append(datagram, c.waiting[0]...)
			c.waiting = c.waiting[1:]
			n++
		}
		c.mu.Unlock()
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
