//go:build solution

// Package ping measures a path: how long it takes, what it loses, doubles and
// puts out of order.
package ping

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"time"
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
	n := len(r.RTTs) + r.Lost
	rank := (p*n + 99) / 100 // rounded up; in integers, since 7/100.0*100 is more than 7
	if rank < 1 || rank > len(r.RTTs) {
		return 0, false
	}
	return slices.Sorted(slices.Values(r.RTTs))[rank-1], true
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
	p := &prober{conn: conn, peer: peer, config: config, buf: make([]byte, 1<<16)}
	rand.Read(p.id[:]) // never fails
	err := p.run(ctx)
	if err != nil {
		err = fmt.Errorf("ping: %w", err)
	}
	return p.report(time.Now()), err
}

const (
	idSize    = 8
	probeSize = idSize + 4
)

// prober is one call of Run.
type prober struct {
	conn   net.PacketConn
	peer   net.Addr
	config Config
	buf    []byte
	id     [idSize]byte

	probes     []probe // by number
	rtts       []time.Duration
	next       uint32 // the number after the highest that was answered
	duplicates int
	reordered  int
	jitter     float64 // nanoseconds
}

// probe is one that was sent.
type probe struct {
	sent     time.Time
	answered bool
}

// run sends and receives by turns. A probe that is due cuts the waiting for
// answers short, by the deadline for reading.
func (p *prober) run(ctx context.Context) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		p.conn.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	defer func() {
		if !stop() {
			<-ended // or else it might set that deadline after it was lifted
		}
		p.conn.SetReadDeadline(time.Time{})
	}()

	start := time.Now()
	for ctx.Err() == nil {
		due := start.Add(time.Duration(len(p.probes)) * p.config.Interval)
		over := p.config.Count > 0 && len(p.probes) == p.config.Count
		if over {
			due = p.probes[len(p.probes)-1].sent.Add(p.config.Timeout)
		}
		isDue := !time.Now().Before(due)
		switch {
		case isDue && over:
			return nil
		case isDue:
			p.send()
		default:
			if err := p.receive(ctx, due); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// send sends the next probe. One that cannot be sent is lost, like any other.
func (p *prober) send() {
	msg := binary.BigEndian.AppendUint32(bytes.Clone(p.id[:]), uint32(len(p.probes)))
	p.probes = append(p.probes, probe{sent: time.Now()})
	p.conn.WriteTo(msg, p.peer)
}

// receive receives one datagram, or nothing until then or the end of ctx.
func (p *prober) receive(ctx context.Context, until time.Time) error {
	p.conn.SetReadDeadline(until)
	if ctx.Err() != nil {
		return nil // its deadline may just have been written over
	}
	n, from, err := p.conn.ReadFrom(p.buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err != nil {
		return err
	}
	// As texts, addresses of IPv4 are equal whether they have 4 bytes or 16.
	if from.String() == p.peer.String() {
		p.count(p.buf[:n], time.Now())
	}
	return nil
}

// count counts an answer that came at that time, unless it is none, or late.
func (p *prober) count(msg []byte, at time.Time) {
	if len(msg) != probeSize || !bytes.Equal(msg[:idSize], p.id[:]) {
		return
	}
	number := binary.BigEndian.Uint32(msg[idSize:])
	if uint64(number) >= uint64(len(p.probes)) {
		return // not sent yet
	}
	asked := &p.probes[number]
	rtt := at.Sub(asked.sent)
	switch {
	case rtt >= p.config.Timeout:
		return
	case asked.answered:
		p.duplicates++
		return
	}
	asked.answered = true
	if n := len(p.rtts); n > 0 {
		difference := (rtt - p.rtts[n-1]).Abs()
		p.jitter += (float64(difference) - p.jitter) / 16
	}
	p.rtts = append(p.rtts, rtt)
	if number < p.next {
		p.reordered++
	}
	p.next = max(p.next, number+1)
}

// report returns what is known at that time.
func (p *prober) report(at time.Time) Report {
	lost := 0
	for _, probe := range p.probes {
		if !probe.answered && at.Sub(probe.sent) >= p.config.Timeout {
			lost++
		}
	}
	return Report{
		Sent: len(p.probes), RTTs: p.rtts, Lost: lost,
		Duplicates: p.duplicates, Reordered: p.reordered, Jitter: time.Duration(p.jitter),
	}
}
