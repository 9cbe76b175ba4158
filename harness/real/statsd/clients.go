package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	datadog "github.com/DataDog/datadog-go/v5/statsd"
	cactus "github.com/cactus/go-statsd-client/v5/statsd"
)

// client is one of those that people use.
type client struct {
	module string
	send   func(addr string) error
	want   func(sent []string) []string // what the server should print, given the lines that were sent
}

var clients = []client{
	{"DataDog/datadog-go/v5", sendDatadog, wantDatadog},
	{"cactus/go-statsd-client/v5", sendCactus, wantCactus},
}

// through sends by way of a tap, and returns the lines that went through it.
func (c client) through(ctx context.Context, addr string) ([]string, error) {
	t, err := newTap(ctx, addr)
	if err != nil {
		return nil, err
	}
	err = c.send(t.addr)
	lines, tapped := t.lines()
	return lines, errors.Join(err, tapped)
}

// sendDatadog sends all that DogStatsD has. Each call is a line: what the client
// would add up by itself is left to the server.
func sendDatadog(addr string) error {
	for _, name := range []string{"DD_ENTITY_ID", "DD_ENV", "DD_SERVICE", "DD_VERSION"} {
		os.Unsetenv(name) // or they would be in each line
	}
	c, err := datadog.New(addr, datadog.WithNamespace("shop."), datadog.WithTags([]string{"v:2"}),
		datadog.WithContainerID("f1ce8f07"), datadog.WithWorkersCount(1),
		datadog.WithoutClientSideAggregation(), datadog.WithoutTelemetry())
	if err != nil {
		return err
	}
	err = errors.Join(
		c.Count("orders", 3, nil, 1),
		c.Incr("orders", []string{"paid", "country:de"}, 1),
		c.Decr("orders", []string{"country:de", "paid"}, 1),
		c.Count("orders", 5, []string{"country:de", "paid"}, 1),
		c.Gauge("load", 0.75, nil, 1),
		c.GaugeWithTimestamp("stock", 12, nil, 1, time.Unix(1656581400, 0)),
		c.Gauge("degrees", 20, nil, 1),
		c.Gauge("degrees", -5, nil, 1),
		c.Histogram("took", 320, nil, 1),
		c.Distribution("took", 0.25, nil, 1),
		c.Timing("took", 1500*time.Microsecond, nil, 1),
		c.Set("users", "ann", nil, 1),
		c.Set("users", "fe80::1", nil, 1),
		c.Set("users", "ann", nil, 1),
		c.SimpleEvent("restart", "by hand"),
	)
	for range 200 {
		err = errors.Join(err, c.Incr("visits", nil, 0.5))
	}
	return errors.Join(err, c.Close())
}

func wantDatadog(sent []string) []string {
	return []string{
		`counter  "shop.orders {v:2}": 3`,
		`counter  "shop.orders {country:de,paid,v:2}": 5`,
		fmt.Sprintf(`counter  "shop.visits {v:2}": %d`, 2*count(sent, "shop.visits:")),
		`gauge    "shop.load {v:2}": 0.75`,
		`gauge    "shop.stock {v:2}": 12`,
		`gauge    "shop.degrees {v:2}": 15`, // StatsD takes -5 for a change
		`timer    "shop.took {v:2}": count 3, sum 321.75 ms, p50 1.5 ms, p90 320 ms, p99 320 ms`,
		`set      "shop.users {v:2}": 2`,
		`malformed lines: 1`, // the event is no metric
	}
}

// sendCactus sends what StatsD had from the beginning, and tags.
func sendCactus(addr string) error {
	c, err := cactus.NewClientWithConfig(&cactus.ClientConfig{
		Address: addr, Prefix: "mail", UseBuffered: true, TagFormat: cactus.SuffixOctothorpe,
	})
	if err != nil {
		return err
	}
	err = errors.Join(
		c.Inc("sent", 2, 1),
		c.Inc("sent", 40, 1),
		c.Inc("sent", 1, 1, cactus.Tag{"to", "ann"}),
		c.Gauge("queue", 10, 1),
		c.GaugeDelta("queue", -3, 1),
		c.GaugeDelta("queue", 5, 1),
		c.Timing("took", 7, 1),
		c.TimingDuration("took", 2500*time.Microsecond, 1),
		c.Set("readers", "ann", 1),
		c.SetInt("readers", 7, 1),
	)
	for range 200 {
		err = errors.Join(err, c.Inc("read", 1, 0.25))
	}
	return errors.Join(err, c.Close())
}

func wantCactus(sent []string) []string {
	return []string{
		`counter  "mail.sent": 42`,
		`counter  "mail.sent {to:ann}": 1`,
		fmt.Sprintf(`counter  "mail.read": %d`, 4*count(sent, "mail.read:")),
		`gauge    "mail.queue": 12`,
		`timer    "mail.took": count 2, sum 9.5 ms, p50 2.5 ms, p90 7 ms, p99 7 ms`,
		`set      "mail.readers": 2`,
	}
}

// count returns how many lines begin like that: clients draw lots, and send as
// many as the lots say.
func count(lines []string, prefix string) int {
	n := 0
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}
