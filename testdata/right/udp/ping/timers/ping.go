//go:build solution

// Package ping, by someone who sends from a goroutine of its own, has a timer for
// each probe that is lost, and a lock over it all.
package ping

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sort"
	"sync"
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
	sorted := append([]time.Duration(nil), r.RTTs...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	for i, rtt := range sorted {
		if (i+1)*100 >= p*(len(sorted)+r.Lost) {
			return rtt, true
		}
	}
	return 0, false
}

type flight struct {
	sent     time.Time
	answered bool
	lost     *time.Timer
}

type pinger struct {
	conn   net.PacketConn
	peer   *net.UDPAddr
	config Config
	id     uint64
	timers sync.WaitGroup

	mu      sync.Mutex
	flights map[uint32]*flight
	highest int64
	last    time.Duration // the round-trip time before
	jitter  float64
	report  Report
}

func Run(parent context.Context, conn net.PacketConn, peer net.Addr, config Config) (Report, error) {
	p := &pinger{conn: conn, peer: peer.(*net.UDPAddr), config: config, id: rand.Uint64(), flights: map[uint32]*flight{}, highest: -1, last: -1}
	conn.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(parent)
	var all sync.WaitGroup
	all.Add(1)
	go func() {
		defer all.Done()
		p.sendAll(ctx)
		p.conn.SetReadDeadline(time.Unix(1, 0)) // nothing more to read
	}()
	err := p.readAll()
	if parent.Err() != nil {
		err = parent.Err()
	}
	cancel()
	all.Wait()
	p.mu.Lock()
	for _, f := range p.flights {
		if time.Since(f.sent) < config.Timeout && f.lost.Stop() {
			p.timers.Done()
		}
	}
	p.mu.Unlock()
	p.timers.Wait()
	conn.SetReadDeadline(time.Time{})
	p.report.Jitter = time.Duration(p.jitter)
	if err != nil {
		return p.report, fmt.Errorf("pinging %v: %w", peer, err)
	}
	return p.report, nil
}

func (p *pinger) sendAll(ctx context.Context) {
	due := time.Now()
	for n := 0; p.config.Count == 0 || n < p.config.Count; n++ {
		if !sleepUntil(ctx, due) {
			return
		}
		p.send(uint32(n))
		due = due.Add(p.config.Interval)
	}
	sleepUntil(ctx, due.Add(p.config.Timeout-p.config.Interval))
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	if ctx.Err() != nil {
		return false
	}
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *pinger) send(n uint32) {
	var msg [12]byte
	binary.BigEndian.PutUint64(msg[:], p.id)
	binary.BigEndian.PutUint32(msg[8:], n)
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &flight{sent: time.Now()}
	p.timers.Add(1)
	f.lost = time.AfterFunc(p.config.Timeout, func() {
		defer p.timers.Done()
		p.mu.Lock()
		defer p.mu.Unlock()
		if !f.answered {
			p.report.Lost++
		}
		delete(p.flights, n)
	})
	p.flights[n] = f
	p.report.Sent++
	p.conn.WriteTo(msg[:], p.peer)
}

func (p *pinger) readAll() error {
	for {
		buf := make([]byte, 100)
		n, from, err := p.conn.ReadFrom(buf)
		now := time.Now()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		a, ok := from.(*net.UDPAddr)
		if !ok || a.Port != p.peer.Port || !a.IP.Equal(p.peer.IP) || n != 12 {
			continue
		}
		if binary.BigEndian.Uint64(buf) == p.id {
			p.answer(binary.BigEndian.Uint32(buf[8:]), now)
		}
	}
}

func (p *pinger) answer(n uint32, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.flights[n]
	if !ok || now.Sub(f.sent) >= p.config.Timeout {
		return
	}
	if f.answered {
		p.report.Duplicates++
		return
	}
	f.answered = true
	rtt := now.Sub(f.sent)
	if p.last >= 0 {
		p.jitter += ((rtt-p.last).Abs().Seconds()*1e9 - p.jitter) / 16
	}
	p.last = rtt
	if int64(n) < p.highest {
		p.report.Reordered++
	} else {
		p.highest = int64(n)
	}
	p.report.RTTs = append(p.report.RTTs, rtt)
}
