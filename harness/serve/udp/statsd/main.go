// Statsd serves udp/statsd, and prints what is known at each flush.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/udp/statsd"
)

func main() {
	config := statsd.Config{Percentiles: []float64{50, 90, 99}}
	flag.DurationVar(&config.Every, "every", 10*time.Second, "time from one flush to the next")
	serve.UDP(func() (serve.Packets, error) {
		if config.Every <= 0 {
			return nil, fmt.Errorf("-every %v: want more than 0", config.Every)
		}
		return func(ctx context.Context, pc net.PacketConn) error {
			return statsd.Serve(ctx, pc, config, func(s statsd.Snapshot) {
				fmt.Print(time.Now().Format(time.TimeOnly), "\n", text(s, config.Percentiles))
			})
		}, nil
	})
}

// text is a line for each series, indented.
func text(s statsd.Snapshot, percentiles []float64) string {
	var b strings.Builder
	list(&b, "counter", s.Counters, func(v float64) string { return fmt.Sprint(v) })
	list(&b, "gauge", s.Gauges, func(v float64) string { return fmt.Sprint(v) })
	list(&b, "timer", s.Timers, func(t statsd.Timing) string {
		words := fmt.Sprintf("count %v, sum %v ms", t.Count, t.Sum)
		for i, v := range t.Percentiles {
			words += fmt.Sprintf(", p%v %v ms", percentiles[i], v)
		}
		return words
	})
	list(&b, "set", s.Sets, func(n int) string { return fmt.Sprint(n) })
	if s.Malformed > 0 {
		fmt.Fprintf(&b, "  malformed lines: %d\n", s.Malformed)
	}
	return b.String()
}

func list[V any](b *strings.Builder, kind string, all map[statsd.Series]V, words func(V) string) {
	byName := func(a, b statsd.Series) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Tags, b.Tags))
	}
	for _, series := range slices.SortedFunc(maps.Keys(all), byName) {
		name := series.Name
		if series.Tags != "" {
			name += " {" + series.Tags + "}"
		}
		fmt.Fprintf(b, "  %-7s  %q: %s\n", kind, name, words(all[series]))
	}
}
