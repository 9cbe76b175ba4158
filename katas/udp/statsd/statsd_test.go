package statsd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/katas/udp/statsd"
)

// Lines of all kinds (StatsD, metric_types.md).
func TestParse(t *testing.T) {
	r := rule.New(t, 1)
	d := draw.From(r)
	name, n := d.Word(), d.Between(2, 1000)
	for _, tt := range []struct {
		line string // N is the name, 7 the number
		want statsd.Metric
	}{
		{"N:7|c", statsd.Metric{Kind: statsd.Counter, Value: float64(n)}},
		{"N:-7|c", statsd.Metric{Kind: statsd.Counter, Value: -float64(n)}},
		{"N:0.25|c", statsd.Metric{Kind: statsd.Counter, Value: 0.25}},
		{"N:7|g", statsd.Metric{Kind: statsd.Gauge, Value: float64(n)}},
		{"N:+7|g", statsd.Metric{Kind: statsd.Gauge, Value: float64(n), Delta: true}},
		{"N:-7|g", statsd.Metric{Kind: statsd.Gauge, Value: -float64(n), Delta: true}},
		{"N:7|ms", statsd.Metric{Kind: statsd.Timer, Value: float64(n)}},
		{"N:7|h", statsd.Metric{Kind: statsd.Timer, Value: float64(n)}},
		{"N:7|d", statsd.Metric{Kind: statsd.Timer, Value: float64(n)}},
		{"N:4.6968460083008E-5|ms", statsd.Metric{Kind: statsd.Timer, Value: 4.6968460083008e-5}}, // influxdata/telegraf#1733
		{"N:7|s", statsd.Metric{Kind: statsd.Set, Member: fmt.Sprint(n)}},
		{"N:N of Rome|s", statsd.Metric{Kind: statsd.Set, Member: name + " of Rome"}},
		{"N:fe80::7|s", statsd.Metric{Kind: statsd.Set, Member: fmt.Sprintf("fe80::%d", n)}},
		{"N:+7|s", statsd.Metric{Kind: statsd.Set, Member: fmt.Sprintf("+%d", n)}},
		{"N.N-N N/@#,\xff:7|c", statsd.Metric{Name: strings.ReplaceAll("N.N-N N/@#,\xff", "N", name), Kind: statsd.Counter, Value: float64(n)}},
	} {
		if tt.want.Name == "" {
			tt.want.Name = name
		}
		tt.want.Rate = 1
		line := strings.ReplaceAll(tt.line, "N", name)
		if !strings.Contains(line, "E-5") {
			line = strings.ReplaceAll(line, "7", strconv.Itoa(n))
		}
		mustParse(r, line, tt.want)
	}
}

// What stands behind the type (DogStatsD, Datagram Format).
func TestSections(t *testing.T) {
	r := rule.New(t, 2)
	d := draw.From(r)
	words := d.Words(3)
	slices.Sort(words)
	name, a, b, c := d.Word(), words[0], words[1]+":"+d.Word(), words[2]
	for _, tt := range []struct {
		sections string // A, B, C are tags
		rate     float64
		tags     string
	}{
		{"|@0.5", 0.5, ""},
		{"|@1", 1, ""},
		{"|@1e-3", 0.001, ""},
		{"|#A", 1, "A"},
		{"|#A,B", 1, "A,B"},
		{"|@0.25|#A,B", 0.25, "A,B"},
		{"|#A,B|@0.25", 0.25, "A,B"},
		{"|#C,A,B", 1, "A,B,C"},
		{"|#B,A,B,A,A", 1, "A,B"},
		{"|#", 1, ""},
		{"|#,B,,A,", 1, "A,B"},
		{"|#@0.5,A", 1, "@0.5,A"},
		{"|c:f1ce8f07", 1, ""}, // influxdata/telegraf#12991
		{"|#A|T1656581400|c:in-7", 1, "A"},
		{"|e:it-false|@0.5|card:low|#B,A|", 0.5, "A,B"},
	} {
		drawn := strings.NewReplacer("A", a, "B", b, "C", c)
		mustParse(r, name+":3|c"+drawn.Replace(tt.sections),
			statsd.Metric{Name: name, Kind: statsd.Counter, Value: 3, Rate: tt.rate, Tags: drawn.Replace(tt.tags)})
	}
	mustParse(r, name+":ann|s|@0.5|#"+a, statsd.Metric{Name: name, Kind: statsd.Set, Member: "ann", Rate: 0.5, Tags: a})
}

// malformed are lines that are no metric. N is a name.
var malformed = []string{
	"", "N", "N:", "N:1", "N:1|", "N|c", ":1|c", "N:|c", "N:|s", "|", ":", ":|", "|c", ":|c",
	"|h|#consumer:Kafka::Shared,partition:1", // prometheus/statsd_exporter#579
	"N|x:1|c", "N:1|x", "N:1|C", "N:1|cc", "N:1|m", "N:1|ms ", "N:1||@0.5", "N:1|#a|c", "N:1|@0.5|c",
	"N:one|c", "N:1x|c", "N: 1|c", "N:1 |ms", "N:1,5|g", "N:--1|g", "N:+|g", "N:-|g", "N:1:2|ms", "N:1:|c",
	"N:NaN|g", "N:nan|c", "N:inf|ms", "N:+Inf|g", "N:-Infinity|c", "N:1e999|c",
	"N:1|c|@0", "N:1|c|@", "N:1|c|@-0.5", "N:1|c|@1.5", "N:1|c|@x", "N:1|c|@NaN", "N:1|c|@inf", "N:1|ms|#a|@0",
	"N:1|c\nN:1|c", "N:1|c\n", "N\n:1|c", "N:a\nb|s", "N:1|c|#a\nb",
	"_e{5,4}:title|text",
}

// Lines that are no metric (prometheus/statsd_exporter#579).
func TestMalformed(t *testing.T) {
	r := rule.New(t, 3)
	d := draw.From(r)
	for _, line := range malformed {
		line = strings.NewReplacer("NaN", "NaN", "N", d.Word()).Replace(line)
		if m, err := parse(r, line); !errors.Is(err, statsd.ErrLine) {
			r.Fatalf("Parse(%q)\ngot  %s\nwant an error that is ErrLine", line, outcome(m, err))
		}
	}
	whole := d.Word() + ":1|c|@0.5|#env:dev|T1656581400"
	for n := range whole {
		if m, err := parse(r, whole[:n]); err != nil && !errors.Is(err, statsd.ErrLine) {
			r.Fatalf("Parse(%q)\ngot  %s\nwant a metric, or an error that is ErrLine", whole[:n], outcome(m, err))
		}
	}
}

// Any line is a metric that can be written again, or ErrLine.
func FuzzParse(f *testing.F) {
	for _, line := range malformed {
		f.Add(line)
	}
	f.Add("hits:3|c|@0.1|#b,a:1|c:in-7") // a counter with everything
	f.Add("load:-0|g")                   // a change by nothing
	f.Add("users:fe80::1|s|#")           // colons in a member, no tag
	f.Fuzz(func(t *testing.T, line string) {
		r := rule.New(t, 3)
		m, err := parse(r, line)
		if err != nil && !errors.Is(err, statsd.ErrLine) {
			r.Fatalf("Parse(%q)\ngot  %s\nwant a metric, or an error that is ErrLine", line, outcome(m, err))
		}
		if err == nil && (m.Name == "" || !(m.Rate > 0 && m.Rate <= 1) || math.IsNaN(m.Value) || math.IsInf(m.Value, 0)) {
			r.Fatalf("Parse(%q)\ngot  %s\nwant an error that is ErrLine", line, outcome(m, err))
		}
	})
}

// Metrics there and back (CVE-2026-46719 is about what comes back otherwise).
func TestAppend(t *testing.T) {
	rule.New(t, 4).Property(func(rt *rapid.T, r *rule.R) {
		text := rapid.StringMatching(`[a-z][ -9;-{}~]{0,8}`)
		m := statsd.Metric{
			Name: text.Draw(rt, "name"),
			Kind: rapid.SampledFrom([]statsd.Kind{statsd.Counter, statsd.Gauge, statsd.Timer, statsd.Set}).Draw(rt, "kind"),
			Rate: rapid.SampledFrom([]float64{1, 0.5, 0.1, 1e-9, 0.3333333333333333}).Draw(rt, "rate"),
			Tags: rapid.SampledFrom([]string{"", "a", "a:1,b", "@0.5,a:b:c"}).Draw(rt, "tags"),
		}
		switch m.Kind {
		case statsd.Set:
			m.Member = text.Draw(rt, "member")
		case statsd.Gauge:
			m.Delta = rapid.Bool().Draw(rt, "delta")
			fallthrough
		default:
			m.Value = rapid.SampledFrom([]float64{0, 1, 0.1, 1e21, 1e-7, 123456789.123}).Draw(rt, "value")
			if (m.Delta || m.Kind != statsd.Gauge) && rapid.Bool().Draw(rt, "negative") {
				m.Value = 0 - m.Value
			}
		}
		line := mustAppend(r, m)
		read, err := parse(r, line)
		if err != nil || read != m {
			r.Fatalf("Append of %s\nwrote %q\n\nParse of that\ngot  %s\nwant %s", show(m), line, outcome(read, err), show(m))
		}
	})
}

// A Rate of 0, and bytes that are there already.
func TestAppendBehind(t *testing.T) {
	r := rule.New(t, 4)
	name := draw.From(r).Word()
	m := statsd.Metric{Name: name, Kind: statsd.Counter, Value: 3}
	line := mustAppend(r, m)
	want := m
	want.Rate = 1
	if read, err := parse(r, line); err != nil || read != want {
		r.Fatalf("Append of %s\nwrote %q\n\nParse of that\ngot  %s\nwant %s", show(m), line, outcome(read, err), show(want))
	}
	var got []byte
	r.Do(func() string { return "Append of " + show(m) }, func() { got, _ = statsd.Append([]byte("a:1|c\n"), m) })
	if string(got) != "a:1|c\n"+line {
		r.Fatalf("Append([]byte(%q), %s)\ngot  %q\nwant %q", "a:1|c\n", show(m), got, "a:1|c\n"+line)
	}
}

// Metrics that would be others, or several, when they are read (CVE-2026-46719).
func TestAppendRefuses(t *testing.T) {
	r := rule.New(t, 4)
	d := draw.From(r)
	name, other := d.Word(), d.Word()
	counter := func(name, tags string) statsd.Metric {
		return statsd.Metric{Name: name, Kind: statsd.Counter, Value: 1, Rate: 1, Tags: tags}
	}
	gauge := statsd.Metric{Name: name, Kind: statsd.Gauge, Rate: 1}
	for _, tt := range []struct {
		why string
		m   statsd.Metric
	}{
		{"two lines", counter(name+":1|c\n"+other, "")},
		{"an LF in the name", counter(name+"\n"+other, "")},
		{"a colon in the name", counter(name+":"+other, "")},
		{"a bar in the name", counter(name+"|"+other, "")},
		{"no name", counter("", "")},
		{"an LF in a tag", counter(name, "a\n"+other+":1|c")},
		{"a tag that is another section", counter(name, "a|@0.5")},
		{"tags in another order", counter(name, "b,a")},
		{"the same tag twice", counter(name, "a,a")},
		{"an empty tag", counter(name, ",a")},
		{"a member that is two", statsd.Metric{Name: name, Kind: statsd.Set, Member: "a|s\n" + other + ":b", Rate: 1}},
		{"a bar in a member", statsd.Metric{Name: name, Kind: statsd.Set, Member: "a|b", Rate: 1}},
		{"no member", statsd.Metric{Name: name, Kind: statsd.Set, Rate: 1}},
		{"no kind", statsd.Metric{Name: name, Value: 1, Rate: 1}},
		{"a kind that there is not", statsd.Metric{Name: name, Kind: "x", Value: 1, Rate: 1}},
		{"no number", with(gauge, func(m *statsd.Metric) { m.Value = math.NaN() })},
		{"no end", with(gauge, func(m *statsd.Metric) { m.Value = math.Inf(1) })},
		{"a gauge below zero: who reads that takes it for a change", with(gauge, func(m *statsd.Metric) { m.Value = -5 })},
		{"a rate above 1", with(gauge, func(m *statsd.Metric) { m.Rate = 2 })},
		{"a rate below 0", with(gauge, func(m *statsd.Metric) { m.Rate = -0.5 })},
		{"a rate that is no number", with(gauge, func(m *statsd.Metric) { m.Rate = math.NaN() })},
		{"a counter's Member, for which a line has no place", with(counter(name, ""), func(m *statsd.Metric) { m.Member = other })},
		{"a set's Value, for which a line has no place", statsd.Metric{Name: name, Kind: statsd.Set, Member: other, Value: 1, Rate: 1}},
		{"a timer's Delta, for which a line has no place", statsd.Metric{Name: name, Kind: statsd.Timer, Value: 1, Delta: true, Rate: 1}},
	} {
		var got []byte
		var err error
		r.Do(func() string { return "Append of " + show(tt.m) }, func() { got, err = statsd.Append([]byte("a:1|c\n"), tt.m) })
		if !errors.Is(err, statsd.ErrMetric) || string(got) != "a:1|c\n" {
			r.Fatalf("%s: Append([]byte(%q), %s)\ngot  %q and the error %v\nwant %q and an error that is ErrMetric", tt.why, "a:1|c\n", show(tt.m), got, err, "a:1|c\n")
		}
	}
}

// Counters, with and without a rate (StatsD, metric_types.md).
func TestCounters(t *testing.T) {
	bubble.Run(t, 5, func(b *bubble.B) {
		s := start(b)
		hits, misses, n := s.d.Word(), s.d.Word(), s.d.Between(2, 99)
		s.send(hits + ":1|c")
		s.send(fmt.Sprintf("%s:%d|c\n", hits, n))
		s.send(misses + ":-0.5|c")
		s.mustFlush(want{counters: values{hits: 1 + float64(n), misses: -0.5}})
		s.send(fmt.Sprintf("%s:%d|c|@0.1", hits, n))
		s.send(hits + ":1|c|@0.5")
		s.send(misses + ":1|c|@0.4")
		s.mustFlush(want{counters: values{hits: 10*float64(n) + 2, misses: 2.5}})
		s.mustFlush(want{})
		s.send(hits + ":1|c")
		s.mustFlush(want{counters: values{hits: 1}})
	})
}

// Gauges, set and changed (StatsD, metric_types.md).
func TestGauges(t *testing.T) {
	bubble.Run(t, 6, func(b *bubble.B) {
		s := start(b)
		load, depth := s.d.Word(), s.d.Word()
		n, by := s.d.Between(20, 99), s.d.Between(2, 9)
		s.send(fmt.Sprintf("%s:%d|g", load, n+1))
		s.send(fmt.Sprintf("%s:%d|g", load, n))
		s.send(fmt.Sprintf("%s:-%d|g", depth, by))
		s.mustFlush(want{gauges: values{load: float64(n), depth: -float64(by)}})
		s.mustFlush(want{gauges: values{load: float64(n), depth: -float64(by)}})
		s.send(fmt.Sprintf("%s:-%d|g", load, by))
		s.send(load + ":+0.5|g|@0.1")
		s.send(depth + ":3|g|@0.5")
		s.mustFlush(want{gauges: values{load: float64(n-by) + 0.5, depth: 3}})
		s.send(load + ":0|g")
		s.mustFlush(want{gauges: values{load: 0, depth: 3}})
	})
}

// Timers, with and without rates (datadog-agent, histogram.go).
func TestTimers(t *testing.T) {
	for _, tt := range []struct {
		why    string
		values func(i int, d *draw.Data) float64
		n      int
		rates  []float64 // 1 divided by each is a whole number of quarters
	}{
		{"one value", quarters, 1, []float64{1}},
		{"two values", quarters, 2, []float64{1}},
		{"ten", quarters, 10, []float64{1}},
		{"ten, the longest first, and all below a millisecond", falling, 10, []float64{1}},
		{"many", quarters, 13, []float64{1}},
		{"one with a rate", quarters, 1, []float64{0.1}},
		{"one that stands for two and a half", quarters, 1, []float64{0.4}},
		{"many with rates", quarters, 13, []float64{1, 0.5, 0.2, 0.1, 0.125, 0.4, 0.8}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				s := start(b)
				took := s.d.Word()
				var all []float64 // each four times as often as it counts
				sum := 0.0
				for i := range tt.n {
					value, rate := tt.values(i, s.d), tt.rates[s.d.IntN(len(tt.rates))]
					line := fmt.Sprintf("%s:%v|%s", took, value, []string{"ms", "h", "d"}[s.d.IntN(3)])
					if rate < 1 {
						line += fmt.Sprintf("|@%v", rate)
					}
					s.send(line)
					all = append(all, slices.Repeat([]float64{value}, int(math.Round(4/rate)))...)
					sum += value / rate
				}
				slices.Sort(all)
				timing := statsd.Timing{Count: float64(len(all)) / 4, Sum: sum}
				for _, p := range s.config.Percentiles {
					rank := (int(p)*len(all) + 99) / 100
					timing.Percentiles = append(timing.Percentiles, all[max(rank, 1)-1])
				}
				s.mustFlush(want{timers: map[string]statsd.Timing{took: timing}})
				s.mustFlush(want{})
				s.send(took + ":7|ms")
				timing = statsd.Timing{Count: 1, Sum: 7, Percentiles: slices.Repeat([]float64{7}, len(s.config.Percentiles))}
				s.mustFlush(want{timers: map[string]statsd.Timing{took: timing}})
			})
		})
	}
}

func quarters(_ int, d *draw.Data) float64 { return float64(d.Between(1, 4000)) / 4 }
func falling(i int, _ *draw.Data) float64  { return 0.9 - float64(i)/16 }

// Sets, and those who come again (StatsD, metric_types.md).
func TestSets(t *testing.T) {
	bubble.Run(t, 8, func(b *bubble.B) {
		s := start(b)
		users, pages := s.d.Word(), s.d.Word()
		all := s.d.Words(s.d.Between(3, 9))
		for range 2 {
			for _, user := range all {
				s.send(users + ":" + user + "|s")
			}
		}
		s.send(pages + ":1|s")
		s.send(pages + ":1.0|s|@0.1")
		s.mustFlush(want{sets: map[string]int{users: len(all), pages: 2}})
		s.mustFlush(want{})
		s.send(users + ":" + all[0] + "|s")
		s.mustFlush(want{sets: map[string]int{users: 1}})
	})
}

// One name, and what tells its series apart (DataDog/dd-agent#233).
func TestSeries(t *testing.T) {
	bubble.Run(t, 9, func(b *bubble.B) {
		s := start(b)
		tags := s.d.Words(2)
		slices.Sort(tags)
		name, x, y := s.d.Word(), tags[0]+":1", tags[1]
		s.send(name + ":1|c")
		s.send(name + ":2|g")
		s.send(name + ":3|s")
		s.send(name + ":10|c|#" + x)
		s.send(name + ":20|c|#" + y)
		s.send(name + ":100|c|#" + x + "," + y)
		s.send(name + ":100|c|#" + y + "," + x)
		s.send(name + ":100|c|#" + y + "," + x + "," + y + "|T1656581400")
		s.mustFlush(want{
			counters: values{name: 1, name + "#" + x: 10, name + "#" + y: 20, name + "#" + x + "," + y: 300},
			gauges:   values{name: 2}, sets: map[string]int{name: 1},
		})
		s.send(name + ":+3|g|#" + x)
		s.mustFlush(want{gauges: values{name: 2, name + "#" + x: 3}})
	})
}

// Datagrams of more than one line (StatsD, metric_types.md).
func TestLines(t *testing.T) {
	for _, tt := range []struct {
		why       string
		datagrams []string
		want      want // of counters a and b, a gauge g
	}{
		{"two lines", []string{"a:1|c\nb:2|c"}, want{counters: values{"a": 1, "b": 2}}},
		{"an LF behind each", []string{"a:1|c\nb:2|c\n"}, want{counters: values{"a": 1, "b": 2}}},
		{"empty lines", []string{"\na:1|c\n\n\nb:2|c\n\n"}, want{counters: values{"a": 1, "b": 2}}},
		{"in order", []string{"g:5|g\ng:0|g\ng:-3|g\n"}, want{gauges: values{"g": -3}}},
		{"an empty datagram", []string{"", "a:1|c"}, want{counters: values{"a": 1}}},
		{"malformed lines among others", []string{"a:1\na:1|c\nb|c:\nb:2|c\n:"}, want{counters: values{"a": 1, "b": 2}, malformed: 3}},
		{"a line that is cut, in two datagrams", []string{"a:1|c\nb:", "2|c\na:3|c"}, want{counters: values{"a": 4}, malformed: 2}},
		{"blanks, which belong to the line", []string{" a:1|c\na:2|c", "b:1|c "}, want{counters: values{" a": 1, "a": 2}, malformed: 1}},
		{"a longer datagram, then a shorter one", []string{"a:1|c\nb:2|c\na:10|c", "a:3|c"}, want{counters: values{"a": 14, "b": 2}}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				s := start(b)
				for _, datagram := range tt.datagrams {
					s.send(datagram)
				}
				s.mustFlush(tt.want)
				s.mustFlush(want{gauges: tt.want.gauges})
			})
		})
	}
	t.Run("the longest datagram", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			name := s.d.Word()
			line := name + ":1|c\n"
			n := 65507 / len(line)
			s.send(strings.Repeat(line, n))
			s.mustFlush(want{counters: values{name: float64(n)}})
		})
	})
}

// When flush is called (time, Ticker).
func TestSchedule(t *testing.T) {
	t.Run("nothing comes", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			for range 4 {
				s.mustFlush(want{})
			}
		})
	})
	t.Run("something comes all the time", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			name := s.d.Word()
			for range 3 {
				for range 9 {
					s.Pass(s.config.Every / 10)
					s.send(name + ":1|c")
				}
				s.mustFlush(want{counters: values{name: 9}})
			}
		})
	})
	t.Run("flush takes its time", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := prepare(b)
			s.slow(s.config.Every / 3)
			s.begin(s.ctx)
			for range 4 {
				s.mustFlush(want{})
			}
		})
	})
	t.Run("flush takes longer than Every", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := prepare(b)
			name := s.d.Word()
			s.slow(s.config.Every * 5 / 2)
			s.begin(s.ctx)
			s.Pass(s.config.Every)
			s.log("a flush is due")
			s.log("from now on, six times a hundred datagrams with %s", quote(name+":1|c"))
			for range 6 {
				s.Pass(s.config.Every / 4)
				for range 100 {
					s.conn.Write([]byte(name + ":1|c"))
				}
			}
			s.slow(0)
			s.Pass(2 * s.config.Every)
			total, all := 0.0, s.take()
			for _, f := range all {
				total += f.Counters[statsd.Series{Name: name}]
			}
			if total != 600 {
				s.Fatalf("%s\n\nAll calls of flush together were told of %v hits, want 600. The kernel keeps\nonly so many datagrams for a reader who is busy.\n\n%s", s.dialogue(), total, s.state())
			}
			over := s.config.Every * 7 / 2
			onTime := slices.DeleteFunc(slices.Clone(all), func(f flushed) bool { return f.at == over })
			if n := len(onTime); n != 2 || onTime[1].at != 4*s.config.Every {
				s.Fatalf("%s\n\nflush was %s\nThe first call took until %v. Want the next one at %v, which is 4 × Every; at\n%v, there may be another one, for those that were left out.\n\n%s", s.dialogue(), moments(all), over, 4*s.config.Every, over, s.state())
			}
			s.mustFlush(want{})
			s.mustFlush(want{})
		})
	})
}

// What flush was given, afterwards and in its hands.
func TestSnapshot(t *testing.T) {
	bubble.Run(t, 11, func(b *bubble.B) {
		s := start(b)
		name := s.d.Word()
		first := want{
			counters: values{name: 1}, gauges: values{name: 2}, sets: map[string]int{name: 1},
			timers: map[string]statsd.Timing{name: {Count: 1, Sum: 3, Percentiles: slices.Repeat([]float64{3}, len(s.config.Percentiles))}},
		}
		s.send(fmt.Sprintf("%[1]s:1|c\n%[1]s:2|g\n%[1]s:3|ms\n%[1]s:4|s", name))
		kept := s.mustFlush(first)
		s.send(fmt.Sprintf("%[1]s:10|c\n%[1]s:20|g\n%[1]s:30|ms\n%[1]s:40|s", name))
		s.Pass(0)
		if diff := s.difference(kept.Snapshot, first); diff != "" {
			s.Fatalf("%s\n\nThe Snapshot that flush was given at %v has changed since:\n%s", s.dialogue(), kept.at, diff)
		}
		s.nextFlush()
		s.take()
		s.log("from now on, flush removes all from the Snapshot that it is given")
		s.spoil.Store(true)
		s.nextFlush()
		s.take()
		s.spoil.Store(false)
		s.mustFlush(want{gauges: values{name: 20}})
	})
}

// The end, come what may (net, PacketConn).
func TestEnd(t *testing.T) {
	for _, tt := range []struct {
		why string
		end func(*server)
		err error
	}{
		{"ctx is done", (*server).stop, nil},
		{"somebody closes pc", (*server).closeSocket, net.ErrClosed},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				s := start(b)
				name := s.d.Word()
				s.send(name + ":1|c\n" + name + ":5|g")
				s.mustFlush(want{counters: values{name: 1}, gauges: values{name: 5}})
				s.send(name + ":2|c\n" + name + ":3|ms|@0")
				s.Pass(s.config.Every / 2)
				tt.end(s)
				s.mustReturn(tt.err)
				s.mustHave(s.Elapsed(), want{counters: values{name: 2}, gauges: values{name: 5}, malformed: 1})
				s.Pass(3 * s.config.Every)
				s.mustHaveNone()
			})
		})
	}
	t.Run("while flush goes on", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := prepare(b)
			name := s.d.Word()
			s.slow(s.config.Every / 2)
			s.begin(s.ctx)
			s.nextFlush()
			s.take()
			s.send(name + ":1|c")
			s.stop()
			s.Pass(0)
			if s.serve.Returned() {
				s.Fatalf("%s\n\nServe has returned, and flush goes on.", s.dialogue())
			}
			s.Pass(s.takes)
			at := s.Elapsed()
			s.Pass(s.takes)
			s.mustReturn(nil)
			s.mustHave(at, want{counters: values{name: 1}})
		})
	})
	t.Run("ctx is done before it begins", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := prepare(b)
			s.cancel()
			s.begin(s.ctx)
			s.mustReturn(nil)
			s.mustHave(0, want{})
		})
	})
}

// What is sent arrives (StatsD, metric_types.md).
func TestClient(t *testing.T) {
	bubble.Run(t, 13, func(b *bubble.B) {
		c := newClient(b)
		all := []statsd.Metric{
			c.hit(),
			{Name: c.d.Word(), Kind: statsd.Gauge, Value: -3, Delta: true, Rate: 1},
			{Name: c.d.Word(), Kind: statsd.Timer, Value: 0.5, Rate: 0.1},
			{Name: c.d.Word(), Kind: statsd.Set, Member: c.d.Word(), Rate: 1, Tags: "a:1,b"},
		}
		for i, m := range all {
			c.send(m)
			c.Pass(100 * time.Millisecond)
			c.mustHaveSent(all[:i+1]...)
		}
		c.mustHaveDropped(0)
	})
}

// Many at once, of which no two fit into a datagram.
func TestBurst(t *testing.T) {
	bubble.Run(t, 13, func(b *bubble.B) {
		c := newClient(b)
		var all []statsd.Metric
		for range c.limits.Queue / 2 {
			m := c.hit()
			m.Tags = strings.Repeat("x", c.limits.Datagram/2)
			all = append(all, m)
		}
		c.sendAll(all)
		c.Pass(100 * time.Millisecond)
		if got := c.received(); len(got) != len(all) {
			c.Fatalf("%s\n\nBy now, at %v, %s sent, want all %d.\n%s", c.dialogue(), c.Elapsed(), are(len(got), "metric"), len(all), c.state())
		}
	})
}

// Metrics that cannot be sent, among others (CVE-2026-46719).
func TestClientDrops(t *testing.T) {
	bubble.Run(t, 13, func(b *bubble.B) {
		c := newClient(b)
		ofLength := func(n int) statsd.Metric {
			m := statsd.Metric{Kind: statsd.Counter, Value: 1, Rate: 1, Name: "x"}
			m.Name = strings.Repeat("x", n-len(mustAppend(c.R, m))+1)
			return m
		}
		before, fits, after := c.hit(), ofLength(c.limits.Datagram-1), c.hit()
		for _, m := range []statsd.Metric{
			before, ofLength(c.limits.Datagram + 1), fits,
			{Name: c.d.Word() + ":1|c\n" + c.d.Word(), Kind: statsd.Counter, Value: 1, Rate: 1},
			{Name: c.d.Word(), Kind: statsd.Gauge, Value: math.NaN(), Rate: 1},
			after,
		} {
			if line, err := statsd.Append(nil, m); err == nil {
				c.log("a line of %d bytes:", len(line))
			}
			c.send(m)
			c.Pass(100 * time.Millisecond)
		}
		c.mustHaveSent(before, fits, after)
		c.mustHaveDropped(3)
	})
}

// A Write that does not come back (DataDog/datadog-go#134).
func TestNeverWaits(t *testing.T) {
	bubble.Run(t, 14, func(b *bubble.B) {
		c := newClient(b)
		more := c.d.Between(2, 9)
		first := c.hit()
		c.hold()
		c.send(first)
		c.Pass(100 * time.Millisecond)
		var waiting []statsd.Metric
		for range c.limits.Queue + more {
			waiting = append(waiting, c.hit())
		}
		c.sendAll(waiting)
		c.mustHaveDropped(more)
		c.letGo()
		c.Pass(time.Second)
		c.mustHaveDropped(more)
		got := c.received()
		if n := c.limits.Queue + 1; len(got) != n || !inOrder(got, append([]statsd.Metric{first}, waiting...)) {
			c.Fatalf("%s\n\n%s sent. Want %d of those above, in the order of sending.\n%s", c.dialogue(), are(len(got), "metric"), n, c.state())
		}
		again := c.hit()
		c.send(again)
		c.Pass(100 * time.Millisecond)
		if got := c.received(); got[len(got)-1] != again {
			c.Fatalf("%s\n\nWant %s to be sent: there is room again.\n%s", c.dialogue(), again.Name, c.state())
		}
	})
}

// One Write comes back, and the next does not: what was taken out for the one after
// that still waits.
func TestQueue(t *testing.T) {
	bubble.Run(t, 14, func(b *bubble.B) {
		c := newClient(b)
		long := func() statsd.Metric {
			m := c.hit()
			m.Tags = strings.Repeat("x", c.limits.Datagram/4)
			return m
		}
		first, waiting, more := long(), []statsd.Metric{}, []statsd.Metric{}
		for range c.limits.Queue {
			waiting = append(waiting, long())
			more = append(more, long(), long())
		}
		c.hold()
		c.send(first)
		c.Pass(100 * time.Millisecond)
		c.sendAll(waiting)
		c.mustHaveDropped(0)
		c.letOneGo()
		c.Pass(100 * time.Millisecond)
		inWrite := c.link.inWrite()
		if inWrite == 0 {
			c.Fatalf("%s\n\nWant a second Write now: %d metrics wait.\n%s", c.dialogue(), c.limits.Queue, c.state())
		}
		c.log("the next Write has %s in it", count(inWrite, "metric"))
		c.sendAll(more)
		room := inWrite
		if got := len(more) - c.client.Dropped(); got != room && got != room+1 {
			c.Fatalf("%s\n\n%d of the last %d are kept, want %d: %d have waited since before, and\nthe queue is %d long. (Want %d if one waits outside it that did not fit.)\n%s", c.dialogue(), got, len(more), room, c.limits.Queue-inWrite, c.limits.Queue, room+1, c.state())
		}
		kept := 1 + len(waiting) + len(more) - c.client.Dropped()
		c.letGo()
		c.Pass(time.Second)
		if got := c.received(); len(got) != kept || !inOrder(got, slices.Concat([]statsd.Metric{first}, waiting, more)) {
			c.Fatalf("%s\n\n%s sent, want %d, in the order of sending.\n%s", c.dialogue(), are(len(got), "metric"), kept, c.state())
		}
	})
}

// Many senders at once, and a queue that may be too short for them.
func TestManySenders(t *testing.T) {
	const many, each = 8, 40
	bubble.Run(t, 14, func(b *bubble.B) {
		c := newClient(b)
		left := map[string]int{}
		var calls []*bubble.Call
		for range many {
			m := c.hit()
			left[m.Name] = each
			calls = append(calls, c.Go("Send(m)", func() error {
				for range each {
					c.client.Send(m)
					c.client.Dropped()
				}
				return nil
			}))
		}
		for _, call := range calls {
			call.Wait()
		}
		c.log("%d goroutines, Send %d times each", many, each)
		c.Pass(time.Second)
		got := c.received()
		for _, m := range got {
			if left[m.Name]--; left[m.Name] < 0 {
				c.Fatalf("%s\n\n%s was sent %d times, and has arrived more often.", c.dialogue(), m.Name, each)
			}
		}
		if dropped := c.client.Dropped(); len(got)+dropped != many*each {
			c.Fatalf("%s\n\n%s sent and Dropped() is %d, want %d together.\n%s", c.dialogue(), are(len(got), "metric"), dropped, many*each, c.state())
		}
	})
}

// A count that others raise meanwhile: Send, and a Write that fails (sync, Mutex).
func TestCountAtOnce(t *testing.T) {
	bubble.Run(t, 14, func(b *bubble.B) {
		c := newClient(b)
		refused := statsd.Metric{}
		var both sync.WaitGroup
		both.Go(func() { c.client.Send(refused) })
		both.Go(func() { c.client.Dropped() })
		both.Wait()
		c.log("Send and Dropped at once, with a metric that Append refuses")
		c.mustHaveDropped(1)
		c.fail(syscall.ENOBUFS)
		c.hold()
		c.send(c.hit())
		c.Pass(100 * time.Millisecond)
		both.Go(func() { c.client.Send(refused) })
		both.Go(func() {
			<-time.After(time.Millisecond) // by the clock, then, and by nothing that the other does
			c.link.let(true)
		})
		both.Wait()
		c.log("Send with that metric, and Write comes back")
		c.Pass(time.Second)
		c.mustHaveDropped(3)
	})
}

// Send while Close waits for a Write (DataDog/datadog-go#134).
func TestSendWhileClosing(t *testing.T) {
	bubble.Run(t, 14, func(b *bubble.B) {
		c := newClient(b)
		c.hold()
		c.send(c.hit())
		c.Pass(100 * time.Millisecond)
		closing := c.close()
		c.Pass(10 * time.Millisecond)
		c.send(c.hit())
		c.letGo()
		c.Pass(time.Second)
		if !closing.Returned() {
			c.closed = false // the end of the test sees to it
		}
	})
}

// Metrics that waited for a Write.
func TestDatagrams(t *testing.T) {
	bubble.Run(t, 15, func(b *bubble.B) {
		c := newClient(b)
		var all []statsd.Metric
		for range 3 {
			c.hold()
			for i := range c.limits.Queue {
				all = append(all, c.hit())
				c.send(all[len(all)-1])
				if i == 0 {
					c.Pass(100 * time.Millisecond)
				}
			}
			before := len(c.link.datagrams())
			c.letGo()
			c.Pass(time.Second)
			c.mustBeFull(c.link.datagrams()[before:])
			c.mustHaveSent(all...)
		}
		c.mustHaveDropped(0)
	})
}

// Writes that fail, and then work again (udp(7): ENOBUFS).
func TestWriteFails(t *testing.T) {
	bubble.Run(t, 16, func(b *bubble.B) {
		c := newClient(b)
		first, n := c.hit(), c.d.Between(2, c.limits.Queue)
		c.send(first)
		c.Pass(100 * time.Millisecond)
		c.fail(syscall.ENOBUFS)
		c.send(c.hit())
		c.Pass(100 * time.Millisecond)
		c.mustHaveDropped(1)
		c.hold()
		for i := range n {
			c.send(c.hit())
			if i == 0 {
				c.Pass(100 * time.Millisecond)
			}
		}
		c.letGo()
		c.Pass(time.Second)
		c.mustHaveDropped(1 + n)
		c.fail(nil)
		last := c.hit()
		c.send(last)
		c.Pass(100 * time.Millisecond)
		c.mustHaveSent(first, last)
		c.mustHaveDropped(1 + n)
	})
}

// A server that is away for a while (udp(7): ECONNREFUSED).
func TestServerAway(t *testing.T) {
	bubble.Run(t, 16, func(b *bubble.B) {
		c := newClient(b)
		c.server.Close()
		c.log("the server is gone")
		for range 3 {
			c.send(c.hit())
			c.Pass(100 * time.Millisecond)
		}
		server := c.listen()
		c.log("the server is there again")
		c.send(c.hit()) // its Write may still be told of the one before
		c.Pass(100 * time.Millisecond)
		last := c.hit()
		c.send(last)
		c.Pass(100 * time.Millisecond)
		server.SetReadDeadline(time.Now().Add(time.Second))
		buf := make([]byte, 1<<16)
		for {
			n, _, err := server.ReadFrom(buf)
			if err != nil {
				c.Fatalf("%s\n\nWant the server to have received %s.\n%s", c.dialogue(), last.Name, c.state())
			}
			if bytes.HasPrefix(buf[:n], []byte(last.Name+":")) {
				return
			}
		}
	})
}

// The end of a Client.
func TestClose(t *testing.T) {
	t.Run("with metrics that wait", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			c := newClient(b)
			all := []statsd.Metric{c.hit()}
			c.hold()
			c.send(all[0])
			c.Pass(100 * time.Millisecond)
			for range c.limits.Queue {
				all = append(all, c.hit())
				c.send(all[len(all)-1])
			}
			closing := c.close()
			c.Pass(500 * time.Millisecond)
			c.letGo()
			c.mustBeClosed(closing, nil)
			c.mustHaveSent(all...)
			c.mustHaveDropped(0)
		})
	})
	t.Run("while a Write does not come back", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			c := newClient(b)
			c.hold()
			for i := range c.limits.Queue {
				c.send(c.hit())
				if i == 0 {
					c.Pass(100 * time.Millisecond)
				}
			}
			closing := c.close()
			c.Pass(time.Second)
			c.mustBeClosed(closing, nil)
			c.mustHaveDropped(c.limits.Queue)
		})
	})
	t.Run("when closing fails", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			c := newClient(b)
			m := c.hit()
			c.send(m)
			c.Pass(100 * time.Millisecond)
			c.log("from now on, the connection's Close returns %v", syscall.EIO)
			c.link.closing = syscall.EIO
			c.mustBeClosed(c.close(), syscall.EIO)
			c.mustHaveSent(m)
		})
	})
	t.Run("and then Send", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			c := newClient(b)
			m := c.hit()
			c.send(m)
			c.Pass(100 * time.Millisecond)
			c.mustBeClosed(c.close(), nil)
			c.send(c.hit())
			c.Pass(time.Second)
			c.mustHaveSent(m)
			c.mustHaveDropped(1)
			c.MustBeQuiet()
		})
	})
}

// parse is Parse of a line.
func parse(r *rule.R, line string) (m statsd.Metric, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Parse(%q)", line) }, func() { m, err = statsd.Parse([]byte(line)) })
	return m, err
}

func mustParse(r *rule.R, line string, want statsd.Metric) {
	r.T().Helper()
	if m, err := parse(r, line); err != nil || m != want {
		r.Fatalf("Parse(%q)\ngot  %s\nwant %s", line, outcome(m, err), show(want))
	}
}

// mustAppend returns the line for m.
func mustAppend(r *rule.R, m statsd.Metric) string {
	r.T().Helper()
	var line []byte
	var err error
	r.Do(func() string { return "Append(nil, " + show(m) + ")" }, func() { line, err = statsd.Append(nil, m) })
	if err != nil || len(line) == 0 {
		r.Fatalf("Append(nil, %s)\ngot  %q and the error %v\nwant a line", show(m), line, err)
	}
	return string(line)
}

func with(m statsd.Metric, change func(*statsd.Metric)) statsd.Metric {
	change(&m)
	return m
}

// show is m as Go has it, without what is zero.
func show(m statsd.Metric) string {
	kinds := map[statsd.Kind]string{statsd.Counter: "Counter", statsd.Gauge: "Gauge", statsd.Timer: "Timer", statsd.Set: "Set"}
	kind, ok := kinds[m.Kind]
	if !ok {
		kind = fmt.Sprintf("%q", string(m.Kind))
	}
	text := fmt.Sprintf("Metric{Name: %s, Kind: %s", quote(m.Name), kind)
	if m.Value != 0 || m.Kind != statsd.Set {
		text += fmt.Sprintf(", Value: %v", m.Value)
	}
	if m.Delta {
		text += ", Delta: true"
	}
	if m.Member != "" {
		text += fmt.Sprintf(", Member: %q", m.Member)
	}
	text += fmt.Sprintf(", Rate: %v", m.Rate)
	if m.Tags != "" {
		text += ", Tags: " + quote(m.Tags)
	}
	return text + "}"
}

// outcome is what Parse returned.
func outcome(m statsd.Metric, err error) string {
	if err != nil {
		return fmt.Sprintf("the error %q", err)
	}
	return show(m)
}

// story is what a test did, to be told when it fails.
type story struct {
	*bubble.B
	d     *draw.Data
	lines []string
}

func (s *story) log(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf("%8v  %s", s.Elapsed(), fmt.Sprintf(format, args...)))
}

// waits is who waits where.
func (s *story) waits() string {
	waits := s.Waiting()
	if waits == "" {
		return "No goroutine of yours is running."
	}
	return "Who waits where:\n\n" + waits
}

// told is the title and the lines, without the middle of many.
func (s *story) told(title string) string {
	lines := s.lines
	if n := len(lines); n > 16 {
		lines = slices.Concat(lines[:8], []string{fmt.Sprintf("%8s  %d more", "…", n-15)}, lines[n-7:])
	}
	return title + "\n\n" + strings.Join(lines, "\n")
}

// server is Serve with one who sends to it.
type server struct {
	story
	config statsd.Config
	pc     net.PacketConn
	conn   net.Conn
	ctx    context.Context
	cancel context.CancelFunc
	serve  *bubble.Call

	mu      sync.Mutex
	flushed []flushed // and not yet looked at
	flushes int       // that go on
	takes   time.Duration
	spoil   atomic.Bool // flush clears what it is given
}

// flushed is what flush was given, and when.
type flushed struct {
	statsd.Snapshot
	at time.Duration
}

func start(b *bubble.B) *server {
	s := prepare(b)
	s.begin(s.ctx)
	return s
}

func prepare(b *bubble.B) *server {
	b.T().Helper()
	s := &server{story: story{B: b, d: draw.From(b.R)}}
	s.config.Every = 4 * time.Second * time.Duration(s.d.Between(2, 20))
	percentiles := []float64{0, 1, 10, 75, 90, 95, 99, 100}
	for _, i := range s.d.Perm(len(percentiles))[:s.d.Between(1, 3)] {
		s.config.Percentiles = append(s.config.Percentiles, percentiles[i])
	}
	s.config.Percentiles = slices.Insert(s.config.Percentiles, s.d.IntN(2), 50)
	pc, err := b.Net.ListenPacket("127.0.0.1:8125")
	if err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	s.pc = pc
	if s.conn, err = b.Net.DialPacket("127.0.0.1:8125"); err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	s.ctx, s.cancel = context.WithCancel(b.Context())
	return s
}

func (s *server) begin(ctx context.Context) {
	config := s.config
	config.Percentiles = slices.Clone(config.Percentiles)
	s.serve = s.Go("Serve(ctx, pc, config, flush)", func() error { return statsd.Serve(ctx, s.pc, config, s.flush) })
	s.Wait()
}

// flush is what Serve calls.
func (s *server) flush(got statsd.Snapshot) {
	s.mu.Lock()
	s.flushed = append(s.flushed, flushed{got, s.Elapsed()})
	s.flushes++
	if s.flushes > 1 && s.ctx.Err() == nil {
		s.Errorf("%s\n\nAt %v flush was called while another call of it went on.", s.title(), s.Elapsed())
	}
	takes := s.takes
	s.mu.Unlock()
	if takes > 0 {
		<-time.After(takes)
	}
	s.mu.Lock()
	s.flushes--
	s.mu.Unlock()
	if s.spoil.Load() {
		clear(got.Counters)
		clear(got.Gauges)
		clear(got.Timers)
		clear(got.Sets)
	}
}

// slow makes each call of flush from now on take so long.
func (s *server) slow(d time.Duration) {
	s.log("from now on, each call of flush takes %v", d)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = d
}

// send sends a datagram, and waits until all has happened that can.
func (s *server) send(datagram string) {
	s.log("datagram  %s", quote(datagram))
	s.conn.Write([]byte(datagram))
	s.Wait()
}

func (s *server) stop() {
	s.log("ctx is done")
	s.cancel()
}

func (s *server) closeSocket() {
	s.log("somebody closes pc")
	s.pc.Close()
}

// take returns what flush was given since the last time.
func (s *server) take() []flushed {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.flushed
	s.flushed = nil
	return got
}

// nextFlush lets time pass until the next flush is due.
func (s *server) nextFlush() {
	s.Pass(s.config.Every - s.Elapsed()%s.config.Every)
	s.log("a flush is due")
}

// values are numbers by series: a name, and behind a # the tags.
type values = map[string]float64

// want is what a Snapshot should hold.
type want struct {
	counters, gauges values
	timers           map[string]statsd.Timing
	sets             map[string]int
	malformed        int
}

// mustFlush lets time pass until the next flush is due, which should tell that.
func (s *server) mustFlush(w want) flushed {
	s.T().Helper()
	s.nextFlush()
	return s.mustHave(s.Elapsed(), w)
}

// mustHave wants flush to have been called once since the last time, at that
// moment, and to have been told that.
func (s *server) mustHave(at time.Duration, w want) flushed {
	s.T().Helper()
	got := s.take()
	if len(got) != 1 || got[0].at != at {
		s.Fatalf("%s\n\nflush was %s\nwant one call, at %v\n\n%s", s.dialogue(), moments(got), at, s.state())
	}
	if diff := s.difference(got[0].Snapshot, w); diff != "" {
		s.Fatalf("%s\n\nWhat flush was told:\n%s", s.dialogue(), diff)
	}
	return got[0]
}

func (s *server) mustHaveNone() {
	s.T().Helper()
	if got := s.take(); len(got) > 0 {
		s.Fatalf("%s\n\nflush was %s\nwant no more calls: Serve has returned", s.dialogue(), moments(got))
	}
}

func moments(all []flushed) string {
	if len(all) == 0 {
		return "not called"
	}
	var words []string
	for _, f := range all {
		words = append(words, fmt.Sprint(f.at))
	}
	return "called at " + strings.Join(words, ", ")
}

// mustReturn wants Serve to have returned that error, and to have left nothing.
func (s *server) mustReturn(want error) {
	s.T().Helper()
	if s.Wait(); !s.serve.Returned() {
		s.Fatalf("%s\n\nWant Serve to return now.\n\n%s", s.dialogue(), s.state())
	}
	name := "nil"
	if want != nil {
		name = "an error that is net.ErrClosed"
	}
	if err := s.serve.Wait(); !errors.Is(err, want) {
		s.Fatalf("%s\n\nServe returned %v\nwant           %s", s.dialogue(), err, name)
	}
	if err := s.pc.SetReadDeadline(time.Time{}); !errors.Is(err, net.ErrClosed) {
		s.Fatalf("%s\n\nServe has returned, and pc is still open.", s.dialogue())
	}
	s.MustBeQuiet()
}

func (s *server) title() string {
	return fmt.Sprintf("Serve(ctx, pc, Config{Every: %v, Percentiles: %v}, flush)", s.config.Every, s.config.Percentiles)
}

func (s *server) dialogue() string { return s.told(s.title()) }

// state is what has become of Serve.
func (s *server) state() string {
	if s.serve.Returned() {
		return fmt.Sprintf("Serve has returned: %v", s.serve.Wait())
	}
	return s.waits()
}

// difference says what in a Snapshot is not as it should be.
func (s *server) difference(got statsd.Snapshot, w want) string {
	number := func(v float64) string { return fmt.Sprint(v) }
	timing := func(t statsd.Timing) string {
		return fmt.Sprintf("{Count: %v, Sum: %v, Percentiles: %v}", t.Count, t.Sum, t.Percentiles)
	}
	all := slices.Concat(
		compare("Counters", got.Counters, w.counters, near, number),
		compare("Gauges", got.Gauges, w.gauges, near, number),
		compare("Timers", got.Timers, w.timers, func(a, b statsd.Timing) bool {
			return near(a.Count, b.Count) && near(a.Sum, b.Sum) && slices.EqualFunc(a.Percentiles, b.Percentiles, near)
		}, timing),
		compare("Sets", got.Sets, w.sets, func(a, b int) bool { return a == b }, strconv.Itoa))
	if got.Malformed != w.malformed {
		all = append(all, fmt.Sprintf("Malformed\n  got  %d\n  want %d", got.Malformed, w.malformed))
	}
	return strings.Join(all, "\n")
}

// near allows for the rounding of sums.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func compare[V any](field string, got map[statsd.Series]V, want map[string]V, equal func(a, b V) bool, show func(V) string) []string {
	keys := map[statsd.Series]bool{}
	for series := range got {
		keys[series] = true
	}
	wanted := map[statsd.Series]V{}
	for key, v := range want {
		name, tags, _ := strings.Cut(key, "#")
		wanted[statsd.Series{Name: name, Tags: tags}] = v
		keys[statsd.Series{Name: name, Tags: tags}] = true
	}
	var all []string
	words := func(v V, ok bool) string {
		if !ok {
			return "nothing"
		}
		return show(v)
	}
	byText := func(a, b statsd.Series) int { return strings.Compare(a.Name+a.Tags, b.Name+b.Tags) }
	for _, series := range slices.SortedFunc(maps.Keys(keys), byText) {
		g, ok := got[series]
		w, should := wanted[series]
		if ok != should || !equal(g, w) {
			all = append(all, fmt.Sprintf("%s[Series{Name: %q, Tags: %q}]\n  got  %s\n  want %s", field, series.Name, series.Tags, words(g, ok), words(w, should)))
		}
	}
	return all
}

// client is a Client on a link that does what the test wants.
type client struct {
	story
	limits statsd.Limits
	link   *link
	server *memnet.PacketConn
	client *statsd.Client
	closed bool

	toldWriting atomic.Bool
}

func newClient(b *bubble.B) *client {
	b.T().Helper()
	c := &client{story: story{B: b, d: draw.From(b.R)}}
	c.limits = statsd.Limits{Datagram: c.d.Between(60, 300), Queue: c.d.Between(20, 60)}
	c.server = c.listen()
	conn, err := b.Net.DialPacket("127.0.0.1:8125")
	if err != nil {
		b.Fatalf("the test cannot have a socket: %v", err)
	}
	c.link = &link{Conn: conn, expired: make(chan struct{}), closed: make(chan struct{})}
	c.client = statsd.NewClient(c.link, c.limits)
	c.mustBeWritten()
	b.Show(c.writing)
	b.Cleanup(func() {
		c.link.let(true)
		if !c.closed {
			c.client.Close()
		}
	})
	return c
}

// mustBeWritten fails for a Client of which nothing is written: Send has no error
// that would say so. That is asked of another one, if none has a goroutine.
func (c *client) mustBeWritten() {
	c.T().Helper()
	if c.Waiting() != "" {
		return
	}
	conn, err := c.Net.DialPacket("127.0.0.1:8125")
	if err != nil {
		c.Fatalf("the test cannot have a socket: %v", err)
	}
	defer conn.Close()
	if err := statsd.NewClient(conn, c.limits).Close(); errors.Is(err, todo.Err) {
		c.Fatalf("NewClient(conn, limits).Close() returned the error\n%v", err)
	}
}

func (c *client) listen() *memnet.PacketConn {
	c.T().Helper()
	pc, err := c.Net.ListenPacket("127.0.0.1:8125")
	if err != nil {
		c.Fatalf("the test cannot have a socket: %v", err)
	}
	return pc
}

// hit is a counter with a name of its own.
func (c *client) hit() statsd.Metric {
	return statsd.Metric{Name: c.d.Word(), Kind: statsd.Counter, Value: float64(c.d.Between(1, 9999)), Rate: 1}
}

func (c *client) send(m statsd.Metric) { c.sendAll([]statsd.Metric{m}) }

// sendAll calls Send for each, which should not wait.
func (c *client) sendAll(all []statsd.Metric) {
	c.T().Helper()
	what := show(all[0])
	if line, err := statsd.Append(nil, all[0]); err == nil {
		what = quote(string(line))
	}
	if len(all) > 1 {
		what = fmt.Sprintf("%d times, of other metrics", len(all))
	}
	c.log("Send      %s", what)
	call := c.Go("Send(m)", func() error {
		for _, m := range all {
			c.client.Send(m)
		}
		return nil
	})
	if c.Wait(); !call.Returned() {
		c.Fatalf("%s\n\nWant Send to return at once.\n\n%s", c.dialogue(), c.who())
	}
}

func (c *client) hold() {
	c.log("from now on, Write does not come back")
	c.link.let(false)
}

// letOneGo lets the Write that waits come back, and makes the next one wait.
func (c *client) letOneGo() {
	c.log("that Write comes back, the next one does not")
	c.link.letOne()
	c.Wait()
}

func (c *client) letGo() {
	c.log("Write comes back")
	c.link.let(true)
	c.Wait()
}

// fail makes each Write fail; nil ends that.
func (c *client) fail(err error) {
	c.log("from now on, Write returns %v", err)
	c.link.mu.Lock()
	defer c.link.mu.Unlock()
	c.link.err = err
}

func (c *client) close() *bubble.Call {
	c.log("Close")
	c.closed = true
	call := c.Go("Close()", c.client.Close)
	c.Wait()
	return call
}

// mustBeClosed wants Close to have returned that error, and nothing to be left. It
// allows for a Client that lets metrics gather for up to 100 ms.
func (c *client) mustBeClosed(call *bubble.Call, want error) {
	c.T().Helper()
	if c.Pass(100 * time.Millisecond); !call.Returned() {
		c.Fatalf("%s\n\nAt %v, Close should have returned.\n%s", c.dialogue(), c.Elapsed(), c.state())
	}
	if err := call.Wait(); !errors.Is(err, want) {
		c.Fatalf("%s\n\nClose returned %s\nwant           %s", c.dialogue(), orNil(err), orNil(want))
	}
	select {
	case <-c.link.closed:
	default:
		c.Fatalf("%s\n\nClose has returned, and the connection is still open.", c.dialogue())
	}
	c.MustBeQuiet()
}

// received returns the metrics that were in the datagrams so far.
func (c *client) received() []statsd.Metric {
	c.T().Helper()
	var all []statsd.Metric
	for _, datagram := range c.link.datagrams() {
		for line := range strings.SplitSeq(strings.TrimSuffix(datagram, "\n"), "\n") {
			m, err := parse(c.R, line)
			if err != nil {
				c.Fatalf("%s\n\nWrite was called with\n%s\nParse of the line %q gave the error\n%v", c.dialogue(), quote(datagram), line, err)
			}
			all = append(all, m)
		}
	}
	return all
}

// mustHaveSent wants exactly those metrics to be in the datagrams so far.
func (c *client) mustHaveSent(want ...statsd.Metric) {
	c.T().Helper()
	got := c.received()
	for i := range max(len(got), len(want)) {
		switch {
		case i == len(got):
			c.Fatalf("%s\n\nBy now, at %v, %s sent, want %d. The first that is missing:\n%s\n%s", c.dialogue(), c.Elapsed(), are(len(got), "metric"), len(want), show(want[i]), c.state())
		case i == len(want):
			c.Fatalf("%s\n\n%s sent, want %d. The first that is too many:\n%s", c.dialogue(), are(len(got), "metric"), len(want), show(got[i]))
		case got[i] != want[i]:
			c.Fatalf("%s\n\nMetric %d that is sent\ngot  %s\nwant %s", c.dialogue(), i+1, show(got[i]), show(want[i]))
		}
	}
}

func (c *client) mustHaveDropped(want int) {
	c.T().Helper()
	if got := c.client.Dropped(); got != want {
		c.Fatalf("%s\n\nDropped()\ngot  %d\nwant %d\n\n%s sent.", c.dialogue(), got, want, are(len(c.received()), "metric"))
	}
}

// mustBeFull wants each datagram but the first, for which nothing had to wait, to
// end only where the next line would not have fitted.
func (c *client) mustBeFull(datagrams []string) {
	c.T().Helper()
	for _, datagram := range datagrams {
		if len(datagram) > c.limits.Datagram {
			c.Fatalf("%s\n\nWrite was called with %d bytes:\n%s\nWant %d at most.", c.dialogue(), len(datagram), quote(datagram), c.limits.Datagram)
		}
	}
	for i := 1; i < len(datagrams)-1; i++ {
		this := strings.TrimSuffix(datagrams[i], "\n")
		next, _, _ := strings.Cut(datagrams[i+1], "\n")
		if n := len(this) + len("\n") + len(next); n+len("\n") <= c.limits.Datagram {
			c.Fatalf("%s\n\nWrite was called %d times. Datagram %d has %d bytes, and ends with %q.\nThe next line, %q, would have fitted: %d bytes.", c.dialogue(), len(datagrams), i+1, len(this), this[strings.LastIndex(this, "\n")+1:], next, n)
		}
	}
}

// inOrder says whether all of part are in whole, in that order.
func inOrder(part, whole []statsd.Metric) bool {
	for _, m := range whole {
		if len(part) > 0 && part[0] == m {
			part = part[1:]
		}
	}
	return len(part) == 0
}

func (c *client) dialogue() string {
	return c.told(fmt.Sprintf("NewClient(conn, Limits{Datagram: %d, Queue: %d})", c.limits.Datagram, c.limits.Queue))
}

// state is what was sent, and who waits where.
func (c *client) state() string {
	return fmt.Sprintf("\n%s sent, Dropped() is %d.\n\n%s", are(len(c.link.datagrams()), "datagram"), c.client.Dropped(), c.who())
}

// who is who waits where.
func (c *client) who() string {
	words := c.writing()
	c.toldWriting.Store(true)
	return strings.TrimPrefix(words+"\n"+c.waits(), "\n")
}

// writing is what there is to say of a Write that does not come back. It is the
// test's own, and waits in a select there.
func (c *client) writing() string {
	if !c.link.isWriting() || c.toldWriting.Load() {
		return ""
	}
	return "A call of conn.Write has not come back: it \"waits in a select\"."
}

// link is a connection whose Write waits or fails when the test wants it to.
type link struct {
	net.Conn
	mu      sync.Mutex
	sent    []string
	held    chan struct{} // closed when Write comes back; nil when it does not wait
	waits   string        // in the Write that waits
	writing int           // Writes that have not come back
	err     error         // of each Write
	closing error         // of Close
	timer   *time.Timer
	expired chan struct{} // closed when the deadline for Write has passed
	closed  chan struct{}
}

// let lets Write come back, or not.
func (l *link) let(back bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if back && l.held != nil {
		close(l.held)
		l.held = nil
	} else if !back {
		l.held = make(chan struct{})
	}
}

// letOne lets only the Write that waits come back.
func (l *link) letOne() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.held)
	l.held, l.waits = make(chan struct{}), ""
}

// inWrite returns how many metrics are in the Write that waits.
func (l *link) inWrite() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.waits, ":") // one in each line
}

func (l *link) Write(b []byte) (int, error) {
	datagram := string(b)
	l.mu.Lock()
	held, expired := l.held, l.expired
	if held != nil {
		l.waits = datagram
	}
	l.writing++
	l.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-expired:
		case <-l.closed:
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing--
	select {
	case <-l.closed:
		return 0, l.failure("write", net.ErrClosed)
	default:
	}
	select {
	case <-l.expired:
		return 0, l.failure("write", os.ErrDeadlineExceeded)
	default:
	}
	if l.err != nil {
		return 0, l.failure("write", l.err)
	}
	n, err := l.Conn.Write(b)
	if err == nil {
		l.sent = append(l.sent, datagram)
	}
	return n, err
}

func (l *link) failure(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: l.LocalAddr(), Addr: l.RemoteAddr(), Err: err}
}

// isWriting says whether a Write has not come back.
func (l *link) isWriting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writing > 0
}

func (l *link) SetDeadline(t time.Time) error {
	l.Conn.SetReadDeadline(t)
	return l.SetWriteDeadline(t)
}

func (l *link) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && !l.timer.Stop() {
		l.expired = make(chan struct{})
	}
	l.timer = nil
	if !t.IsZero() {
		expired := l.expired
		l.timer = time.AfterFunc(time.Until(t), func() { close(expired) })
	}
	return nil
}

func (l *link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
		return l.failure("close", net.ErrClosed)
	default:
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	close(l.closed)
	if err := l.Conn.Close(); err != nil || l.closing == nil {
		return err
	}
	return l.failure("close", l.closing)
}

// datagrams returns what was sent so far.
func (l *link) datagrams() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent)
}

// count is "1 metric" or "2 metrics".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// are is "1 metric is" or "2 metrics are".
func are(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return count(n, what) + " are"
}

func orNil(err error) string {
	if err == nil {
		return "nil"
	}
	return err.Error()
}

// quote is %q, without the middle of a long text.
func quote(text string) string {
	if n := len(text); n > 60 {
		return fmt.Sprintf("%q … %q (%d bytes)", text[:30], text[n-20:], n)
	}
	return fmt.Sprintf("%q", text)
}
