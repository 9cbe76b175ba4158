//go:build solution

// Package ping, by someone who has a goroutine read for as long as Run lasts,
// and chooses among what comes, a ticker and the context.
package ping

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"sort"
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

func (r Report) Percentile(p int) (time.Duration, bool) {
	all := make([]time.Duration, 0, len(r.RTTs)+r.Lost)
	all = append(all, r.RTTs...)
	for i := 0; i < r.Lost; i++ {
		all = append(all, math.MaxInt64)
	}
	if len(all) == 0 {
		return 0, false
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	rtt := all[(p*len(all)-1)/100]
	return rtt, rtt != math.MaxInt64
}

type received struct {
	at   time.Time
	from netip.AddrPort
	msg  []byte
	err  error
}

type run struct {
	config     Config
	id         []byte
	unanswered map[uint32]time.Time
	answered   map[uint32]time.Time
	order      []uint32
	report     Report
}

func Run(ctx context.Context, conn net.PacketConn, peer net.Addr, config Config) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return Report{}, err
	}
	incoming, over, gone := make(chan received), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		read(conn, incoming, over)
	}()
	defer func() {
		close(over)
		conn.SetDeadline(time.Now().Add(-time.Second))
		<-gone
		conn.SetDeadline(time.Time{})
	}()

	r := &run{config: config, id: make([]byte, 8), unanswered: map[uint32]time.Time{}, answered: map[uint32]time.Time{}}
	if _, err := crand.Read(r.id); err != nil {
		return Report{}, err
	}
	err := r.loop(ctx, conn, peer, incoming)
	now := time.Now()
	for _, sent := range r.unanswered {
		if now.Sub(sent) >= config.Timeout {
			r.report.Lost++
		}
	}
	r.report.Reordered = reordered(r.order)
	r.report.Jitter = jitter(r.report.RTTs)
	return r.report, err
}

func (r *run) loop(ctx context.Context, conn net.PacketConn, peer net.Addr, incoming <-chan received) error {
	ticker := time.NewTicker(r.config.Interval)
	defer ticker.Stop()
	tick := ticker.C
	end := time.NewTimer(math.MaxInt64)
	defer end.Stop()
	send := func() {
		now := time.Now()
		n := uint32(r.report.Sent)
		r.unanswered[n] = now
		r.report.Sent++
		conn.WriteTo(binary.BigEndian.AppendUint32(append([]byte(nil), r.id...), n), peer)
		if r.report.Sent == r.config.Count {
			tick = nil
			end.Reset(time.Until(now.Add(r.config.Timeout)))
		}
	}
	send()
	from := plain(peer)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return nil
		case <-tick:
			send()
		case d := <-incoming:
			if d.err != nil {
				return d.err
			}
			if d.from == from {
				r.take(d)
			}
		}
	}
}

func (r *run) take(d received) {
	if len(d.msg) != 12 || !bytes.HasPrefix(d.msg, r.id) {
		return
	}
	n := binary.BigEndian.Uint32(d.msg[8:])
	if sent, ok := r.answered[n]; ok && d.at.Sub(sent) < r.config.Timeout {
		r.report.Duplicates++
	}
	sent, ok := r.unanswered[n]
	if !ok || d.at.Sub(sent) >= r.config.Timeout {
		return
	}
	delete(r.unanswered, n)
	r.answered[n] = sent
	r.order = append(r.order, n)
	r.report.RTTs = append(r.report.RTTs, d.at.Sub(sent))
}

func read(conn net.PacketConn, incoming chan<- received, over <-chan struct{}) {
	buf := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buf)
		d := received{at: time.Now(), err: err}
		if err == nil {
			d.msg, d.from = append([]byte(nil), buf[:n]...), plain(from)
		}
		select {
		case incoming <- d:
		case <-over:
			return
		}
		if err != nil {
			return
		}
	}
}

func reordered(order []uint32) (n int) {
	expected := uint32(0)
	for _, number := range order {
		if number < expected {
			n++
		} else {
			expected = number + 1
		}
	}
	return n
}

// jitter is in integers, sixteen times as large as they mean: RFC 3550, A.8.
func jitter(rtts []time.Duration) time.Duration {
	var j time.Duration
	for i := range rtts {
		if i > 0 {
			d := rtts[i] - rtts[i-1]
			if d < 0 {
				d = -d
			}
			j += d - (j+8)>>4
		}
	}
	return j >> 4
}

func plain(addr net.Addr) netip.AddrPort {
	at := addr.(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
