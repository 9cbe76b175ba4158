//go:build !solution

// Package ping measures a path: how long it takes, what it loses, doubles and
// puts out of order.
package ping

import (
	"context"
	"net"
	"time"

	"github.com/example/netkata/harness/todo"
)

// Config says what to send, and how long to wait. The zero value is not usable.
type Config struct {
	Count    int           // how many probes; 0: as many as it takes until ctx ends
	Interval time.Duration // from one probe to the next; more than 0
	Timeout  time.Duration // an answer takes less than that, or its probe is lost; more than 0
}

// Report says what has become of the probes. Those that are neither answered
// nor lost were still under way when Run ended. The zero value is that of no
// probe.
type Report struct {
	Sent       int             // probes
	RTTs       []time.Duration // round-trip times of the probes that were answered, in the order in which the answers came
	Lost       int             // probes without an answer in time
	Duplicates int             // further answers to a probe that was answered
	Reordered  int             // answers that came after one to a later probe (RFC 4737, section 3.3)
	Jitter     time.Duration   // of RTTs (RFC 3550, section 6.4.1)
}

// Percentile returns the round-trip time of nearest rank: the least one that at
// least p percent of the probes, answered or lost, did not exceed. One that is
// lost took for ever (RFC 2681, section 4.1). So ok is false when the percentile
// is that of a lost one, or there is none at all. p is from 1 to 100. The report
// stays as it is.
func (r Report) Percentile(p int) (rtt time.Duration, ok bool) {
	// TODO
	return 0, false
}

// Run sends probes to peer, a *net.UDPAddr that sends each datagram back as it
// is, and reports what has become of them. A probe is the id of the run, eight
// bytes at random, and the probe's number, four bytes, big-endian, from 0 on.
//
// conn is not connected. It is Run's alone until it returns, stays open, and has
// no deadline for reading from then on.
//
// Run returns when the last probe's Timeout has passed, with a nil error; before
// that, when ctx ends, with an error that is ctx.Err(), or when conn's ReadFrom
// fails, with its error. The report is right in each case.
func Run(ctx context.Context, conn net.PacketConn, peer net.Addr, config Config) (Report, error) {
	// TODO
	return Report{}, todo.Err
}
