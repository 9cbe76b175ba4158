package ping_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/udp/ping"
)

// ms is a millisecond; odd keeps a Timeout from ending as something arrives.
const (
	ms  = time.Millisecond
	odd = 500 * time.Nanosecond
)

// Probes that come back (RFC 2681, section 2.4).
func TestProbes(t *testing.T) {
	t.Run("one", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b)
			rtt := s.ms(1, 90)
			s.answer(times{rtt})
			c := s.run(b.Context(), ping.Config{Count: 1, Interval: 100 * ms, Timeout: 100 * ms})
			c.mustReport(1, ping.Report{Sent: 1, RTTs: times{rtt}})
			c.mustProbe()
		})
	})
	t.Run("a few", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b)
			rtts := times{s.ms(1, 90), s.ms(1, 90), 0, s.ms(1, 90), s.ms(1, 90)}
			s.answer(each(rtts)...)
			c := s.run(b.Context(), ping.Config{Count: len(rtts), Interval: 100 * ms, Timeout: 100 * ms})
			c.mustReport(1, ping.Report{Sent: 5, RTTs: rtts})
			c.mustProbe()
		})
	})
	t.Run("several under way at once", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b)
			interval := s.ms(5, 20)
			rtts := times{70 * ms, 71 * ms, 72 * ms, 73 * ms, 74 * ms, 75 * ms, 76 * ms}
			s.answer(each(rtts)...)
			c := s.run(b.Context(), ping.Config{Count: len(rtts), Interval: interval, Timeout: time.Second})
			c.mustReport(1, ping.Report{Sent: len(rtts), RTTs: rtts})
			c.mustProbe()
		})
	})
	t.Run("in the order in which they came", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b)
			interval := s.ms(10, 20)
			slow := 2*interval + 5*ms
			s.answer(times{slow}, times{ms}, times{2 * ms})
			c := s.run(b.Context(), ping.Config{Count: 3, Interval: interval, Timeout: time.Second})
			c.mustReport(1, ping.Report{Sent: 3, RTTs: times{ms, 2 * ms, slow}})
		})
	})
	t.Run("a WriteTo that takes a while", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			s := start(b)
			takes, rtts := s.ms(10, 30), times{s.ms(1, 30), s.ms(1, 30), s.ms(1, 30)}
			s.answer(each(rtts)...)
			s.writesTake(takes)
			c := s.run(b.Context(), ping.Config{Count: 3, Interval: 100 * ms, Timeout: 90 * ms})
			for i := range rtts {
				rtts[i] += takes
			}
			c.mustReport(1, ping.Report{Sent: 3, RTTs: rtts})
		})
	})
}

// Moments at which probes are sent (iputils/iputils#522).
func TestSchedule(t *testing.T) {
	for _, tt := range []struct {
		why      string
		answered []time.Duration // each probe, after each of these, in thousandths of the Interval
		writing  int             // how long WriteTo takes, likewise
	}{
		{"no answers", nil, 0},
		{"quick answers", times{10}, 0},
		{"answers slower than the interval", times{2300}, 0},
		{"many copies of each answer", times{50, 220, 390, 560, 730, 900}, 0},
		{"a WriteTo that takes a while", nil, 24},
		{"one that takes most of the interval", nil, 900},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				s := start(b)
				config := ping.Config{Interval: s.ms(10, 2000), Count: s.between(20, 50)}
				// Nothing ends while a WriteTo takes its time.
				config.Timeout = 3*config.Interval + config.Interval*95/100
				var after times
				for _, share := range tt.answered {
					after = append(after, share*config.Interval/1000)
				}
				s.reply = func(q *probe) { q.back(after...) }
				if tt.writing > 0 {
					s.writesTake(time.Duration(tt.writing) * config.Interval / 1000)
				}
				s.run(b.Context(), config).mustSend(config.Count)
			})
		})
	}
}

// writesTake has each WriteTo take so long, and send then. No answer may come and
// no Timeout may pass meanwhile: whoever writes may hold a lock.
func (s *path) writesTake(d time.Duration) {
	s.conn.write = func(n int) error {
		s.Net.Note("your WriteTo of probe %d begins; it takes %v", n, d)
		<-time.After(d)
		return nil
	}
}

// Answers that come too late, or never, and the end (RFC 2681, section 2.5).
func TestTimeout(t *testing.T) {
	const interval, timeout = 100 * ms, 80 * ms
	for _, tt := range []struct {
		why     string
		config  ping.Config
		answers []times
		rtts    times
		lost    int
	}{
		{"all are answered", ping.Config{Count: 3, Interval: interval, Timeout: timeout}, []times{{ms}, {2 * ms}, {3 * ms}}, times{ms, 2 * ms, 3 * ms}, 0},
		{"none is", ping.Config{Count: 3, Interval: interval, Timeout: timeout}, nil, nil, 3},
		{"the first is not", ping.Config{Count: 3, Interval: interval, Timeout: timeout}, []times{{}, {ms}, {ms}}, times{ms, ms}, 1},
		{"the last is not", ping.Config{Count: 3, Interval: interval, Timeout: timeout}, []times{{ms}, {ms}}, times{ms, ms}, 1},
		{"just in time", ping.Config{Count: 2, Interval: interval, Timeout: timeout}, []times{{timeout - 1}, {timeout - 1}}, times{timeout - 1, timeout - 1}, 0},
		{"at the end of the Timeout", ping.Config{Count: 3, Interval: interval, Timeout: timeout}, []times{{ms}, {timeout}, {ms}}, times{ms, ms}, 1},
		{"too late", ping.Config{Count: 3, Interval: interval, Timeout: timeout}, []times{{ms}, {90 * ms}, {ms}}, times{ms, ms}, 1},
		{"too late, after the next probe", ping.Config{Count: 3, Interval: interval, Timeout: timeout}, []times{{130 * ms}, {2 * ms}, {3 * ms}}, times{2 * ms, 3 * ms}, 1},
		{"in time, after the next three", ping.Config{Count: 5, Interval: interval, Timeout: 400 * ms}, []times{{350 * ms}, {}, {}, {}, {}}, times{350 * ms}, 4},
		{"too late, after the next four", ping.Config{Count: 6, Interval: interval, Timeout: 400 * ms}, []times{{450 * ms}, {}, {}, {}, {}, {ms}}, times{ms}, 5},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 3, func(b *bubble.B) {
				s := start(b)
				s.answer(tt.answers...)
				c := s.run(b.Context(), tt.config)
				c.mustReport(3, ping.Report{Sent: tt.config.Count, RTTs: tt.rtts, Lost: tt.lost})
				c.mustTakeAll()
			})
		})
	}
	t.Run("a WriteTo that takes a while", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b)
			takes := s.ms(10, 30)
			s.answer(times{20 * ms}, times{}, times{79*ms - takes}, times{80*ms - takes}, times{20 * ms})
			s.writesTake(takes)
			c := s.run(b.Context(), ping.Config{Count: 5, Interval: interval, Timeout: timeout})
			c.mustReport(3, ping.Report{Sent: 5, RTTs: times{takes + 20*ms, 79 * ms, takes + 20*ms}, Lost: 2})
			c.mustTakeAll()
		})
	})
	t.Run("drawn", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			s := start(b)
			config := ping.Config{Interval: s.ms(50, 500), Timeout: s.ms(200, 2000) + odd}
			config.Count = s.between(8, 16)
			var want ping.Report
			for range config.Count {
				switch rtt := s.ms(1, 49); s.between(0, 2) { // less than Interval: they come in order
				case 0:
					s.answers = append(s.answers, times{rtt})
					want.RTTs = append(want.RTTs, rtt)
				case 1:
					s.answers = append(s.answers, times{})
					want.Lost++
				default:
					s.answers = append(s.answers, times{config.Timeout + rtt})
					want.Lost++
				}
			}
			want.Sent = config.Count
			c := s.run(b.Context(), config)
			c.mustReport(3, want)
			c.mustTakeAll()
		})
	})
}

// More than one answer to a probe (RFC 4737, section 3.3; go-ping/ping#178,
// schweikert/fping#53).
func TestDuplicates(t *testing.T) {
	for _, tt := range []struct {
		why     string
		answers []times // Interval 100 ms, Timeout 250 ms
		want    ping.Report
	}{
		{"one twice", []times{{ms}, {2 * ms, 9 * ms}, {3 * ms}}, ping.Report{RTTs: times{ms, 2 * ms, 3 * ms}, Duplicates: 1}},
		{"at once", []times{{ms}, {2 * ms, 2 * ms}, {3 * ms}}, ping.Report{RTTs: times{ms, 2 * ms, 3 * ms}, Duplicates: 1}},
		{"one five times", []times{{1 * ms, 2 * ms, 3 * ms, 4 * ms, 5 * ms}}, ping.Report{RTTs: times{ms}, Duplicates: 4}},
		{"all, and one lost", []times{{ms, 2 * ms}, {}, {3 * ms, 4 * ms}}, ping.Report{RTTs: times{ms, 3 * ms}, Lost: 1, Duplicates: 2}},
		{"after the next probe was answered", []times{{ms, 110 * ms}, {2 * ms}, {3 * ms}}, ping.Report{RTTs: times{ms, 2 * ms, 3 * ms}, Duplicates: 1}},
		{"of the last one", []times{{ms}, {2 * ms}, {3 * ms, 240 * ms}}, ping.Report{RTTs: times{ms, 2 * ms, 3 * ms}, Duplicates: 1}},
		{"the copy is late", []times{{ms, 260 * ms}, {2 * ms}, {3 * ms}}, ping.Report{RTTs: times{ms, 2 * ms, 3 * ms}}},
		{"both are late", []times{{260 * ms, 270 * ms}, {2 * ms}, {3 * ms}}, ping.Report{RTTs: times{2 * ms, 3 * ms}, Lost: 1}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 4, func(b *bubble.B) {
				s := start(b)
				s.answer(tt.answers...)
				tt.want.Sent = len(tt.answers)
				c := s.run(b.Context(), ping.Config{Count: len(tt.answers), Interval: 100 * ms, Timeout: 250 * ms})
				c.mustReport(4, tt.want)
			})
		})
	}
}

// Answers out of order (RFC 4737, section 3.3).
func TestReordered(t *testing.T) {
	for _, tt := range []struct {
		why  string
		came []int // numbers of probes, in the order of their answers
		sent int
		want int
	}{
		{"in order", []int{0, 1, 2, 3}, 4, 0},
		{"with gaps", []int{1, 3, 6}, 7, 0},
		{"two change places", []int{0, 2, 1, 3}, 4, 1},
		{"the first is the last", []int{1, 2, 3, 0}, 4, 1},
		{"the last is the first", []int{3, 0, 1, 2}, 4, 3},
		{"the other way round", []int{3, 2, 1, 0}, 4, 3},
		{"two steps back, one forward", []int{4, 2, 3, 0, 1}, 5, 4},
		{"two pairs", []int{1, 0, 3, 2}, 4, 2},
		{"with a gap", []int{4, 1, 5}, 6, 1},
		{"a copy is not", []int{0, 1, 2, 0, 1, 3}, 4, 0},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				s := start(b)
				config := ping.Config{Count: tt.sent, Interval: s.ms(5, 20), Timeout: time.Second + odd}
				s.answers = make([]times, tt.sent)
				want := ping.Report{Sent: tt.sent, Reordered: tt.want, Lost: tt.sent}
				for i, number := range tt.came {
					at := 300*ms + time.Duration(i)*10*ms
					rtt := at - time.Duration(number)*config.Interval
					if len(s.answers[number]) == 0 {
						want.RTTs = append(want.RTTs, rtt)
						want.Lost--
					} else {
						want.Duplicates++
					}
					s.answers[number] = append(s.answers[number], rtt)
				}
				s.run(b.Context(), config).mustReport(5, want)
			})
		})
	}
	t.Run("a late answer is not", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			s := start(b)
			s.answer(times{210 * ms}, times{ms}, times{ms}, times{ms})
			c := s.run(b.Context(), ping.Config{Count: 4, Interval: 100 * ms, Timeout: 200 * ms})
			c.mustReport(5, ping.Report{Sent: 4, RTTs: times{ms, ms, ms}, Lost: 1})
		})
	})
}

// Round-trip times that differ (RFC 3550, section 6.4.1).
func TestJitter(t *testing.T) {
	const µs = time.Microsecond
	for _, tt := range []struct {
		why     string
		answers []times // Interval 100 ms, Timeout 250 ms
		want    ping.Report
	}{
		{"one answer", []times{{50 * ms}}, ping.Report{RTTs: times{50 * ms}}},
		{"always the same", []times{{50 * ms}, {50 * ms}, {50 * ms}}, ping.Report{RTTs: times{50 * ms, 50 * ms, 50 * ms}}},
		{"16 ms more", []times{{10 * ms}, {26 * ms}}, ping.Report{RTTs: times{10 * ms, 26 * ms}, Jitter: ms}},
		{"16 ms less", []times{{26 * ms}, {10 * ms}}, ping.Report{RTTs: times{26 * ms, 10 * ms}, Jitter: ms}},
		{"more, and less", []times{{10 * ms}, {26 * ms}, {10 * ms}}, ping.Report{RTTs: times{10 * ms, 26 * ms, 10 * ms}, Jitter: 1937500}},
		{"more, and the same", []times{{10 * ms}, {26 * ms}, {26 * ms}}, ping.Report{RTTs: times{10 * ms, 26 * ms, 26 * ms}, Jitter: 937500}},
		{"a lost one between", []times{{10 * ms}, {}, {26 * ms}}, ping.Report{RTTs: times{10 * ms, 26 * ms}, Lost: 1, Jitter: ms}},
		{"a late one between", []times{{10 * ms}, {260 * ms}, {26 * ms}, {26 * ms}, {26 * ms}}, ping.Report{RTTs: times{10 * ms, 26 * ms, 26 * ms, 26 * ms}, Lost: 1, Jitter: 878906}},
		{"a copy between", []times{{10 * ms, 42 * ms}, {26 * ms}}, ping.Report{RTTs: times{10 * ms, 26 * ms}, Duplicates: 1, Jitter: ms}},
		{"out of order", []times{{10 * ms}, {226 * ms}, {18 * ms}}, ping.Report{RTTs: times{10 * ms, 18 * ms, 226 * ms}, Reordered: 1, Jitter: 500*µs + (208*ms-500*µs)/16}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				s := start(b)
				s.answer(tt.answers...)
				tt.want.Sent = len(tt.answers)
				c := s.run(b.Context(), ping.Config{Count: len(tt.answers), Interval: 100 * ms, Timeout: 250 * ms})
				c.mustReport(6, tt.want)
			})
		})
	}
	t.Run("drawn", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			s := start(b)
			var rtts times
			for range s.between(20, 40) {
				rtts = append(rtts, s.ms(1, 90))
			}
			s.answer(each(rtts)...)
			c := s.run(b.Context(), ping.Config{Count: len(rtts), Interval: 100 * ms, Timeout: 100 * ms})
			c.mustReport(6, ping.Report{Sent: len(rtts), RTTs: rtts, Jitter: jitter(rtts)})
		})
	})
}

// Percentiles, with what is lost at the far end (RFC 2681, section 4.1).
func TestPercentile(t *testing.T) {
	rfc := ping.Report{Sent: 5, RTTs: times{100 * ms, 110 * ms, 90 * ms, 500 * ms}, Lost: 1}
	hundred := ping.Report{Sent: 100}
	for i := range 100 {
		hundred.RTTs = append(hundred.RTTs, time.Duration(100-i)*ms)
	}
	for _, tt := range []struct {
		why    string
		report ping.Report
		p      int
		want   time.Duration // 0: false
	}{
		{"the median in RFC 2681", rfc, 50, 110 * ms},
		{"the least", rfc, 1, 90 * ms},
		{"the end of the first fifth", rfc, 20, 90 * ms},
		{"the beginning of the second", rfc, 21, 100 * ms},
		{"the greatest that is not lost", rfc, 80, 500 * ms},
		{"lost", rfc, 81, 0},
		{"of all", rfc, 100, 0},
		{"of all, and none is lost", ping.Report{Sent: 2, RTTs: times{9 * ms, 3 * ms}}, 100, 9 * ms},
		{"the median of two", ping.Report{Sent: 2, RTTs: times{9 * ms, 3 * ms}}, 50, 3 * ms},
		{"of one", ping.Report{Sent: 1, RTTs: times{9 * ms}}, 99, 9 * ms},
		{"a hundred, the 7th", hundred, 7, 7 * ms},
		{"a hundred, the 29th", hundred, 29, 29 * ms},
		{"a hundred, the 99th", hundred, 99, 99 * ms},
		{"half of them is under way", ping.Report{Sent: 4, RTTs: times{9 * ms, 3 * ms}}, 100, 9 * ms},
		{"all are lost", ping.Report{Sent: 2, Lost: 2}, 1, 0},
		{"nothing was sent", ping.Report{}, 50, 0},
	} {
		t.Run(tt.why, func(t *testing.T) { mustPercentile(rule.New(t, 7), tt.report, tt.p, tt.want) })
	}
	t.Run("drawn", func(t *testing.T) {
		r := rule.New(t, 7)
		d := draw.From(r)
		report := ping.Report{Lost: d.Between(1, 20)}
		for range d.Between(20, 60) {
			report.RTTs = append(report.RTTs, time.Duration(d.Between(1, 500))*ms)
		}
		report.Sent = len(report.RTTs) + report.Lost
		for p := 1; p <= 100; p++ {
			mustPercentile(r, report, p, leastOf(report, p))
		}
	})
}

func mustPercentile(r *rule.R, report ping.Report, p int, want time.Duration) {
	r.T().Helper()
	call := fmt.Sprintf("Report{Sent: %d, RTTs: %s, Lost: %d}.Percentile(%d)", report.Sent, list(report.RTTs), report.Lost, p)
	given := slices.Clone(report.RTTs)
	var rtt time.Duration
	var ok bool
	r.Do(func() string { return call }, func() { rtt, ok = report.Percentile(p) })
	if ok != (want > 0) || ok && rtt != want {
		r.Fatalf("%s\nreturned %v, %v\nwant     %v, %v%s", call, rtt, ok, want, want > 0, inFloats(p, len(report.RTTs)+report.Lost))
	}
	if !slices.Equal(given, report.RTTs) {
		r.Fatalf("%s\nhas changed RTTs into %s", call, list(report.RTTs))
	}
}

// inFloats says what floating point makes of a rank, if that is not the same.
func inFloats(p, n int) string {
	rank := float64(p) / 100 * float64(n)
	if int(math.Ceil(rank)) == (p*n+99)/100 {
		return ""
	}
	return fmt.Sprintf("\n\nIn floating point, %d/100.0 × %d is %v: rounded up, one too many.", p, n, rank)
}

// list is all of them, or of many the first and the last.
func list(all times) string {
	if n := len(all); n > 10 {
		return fmt.Sprintf("[%v %v %v … %v, %d in all]", all[0], all[1], all[2], all[n-1], n)
	}
	return fmt.Sprint(all)
}

// leastOf is the definition: the least time that p percent did not exceed.
func leastOf(report ping.Report, p int) time.Duration {
	for _, least := range slices.Sorted(slices.Values(report.RTTs)) {
		n := 0
		for _, rtt := range report.RTTs {
			if rtt <= least {
				n++
			}
		}
		if 100*n >= p*(len(report.RTTs)+report.Lost) {
			return least
		}
	}
	return 0
}

// What others send (net, PacketConn).
func TestStranger(t *testing.T) {
	for _, tt := range []struct{ why, stranger string }{
		{"another port of the peer's host", "127.0.0.1:666"},
		{"the same port of another host", "192.0.2.66:7"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				s := start(b)
				stranger := listen(b, tt.stranger)
				b.Net.Name(stranger.LocalAddr(), "stranger")
				s.reply = func(q *probe) {
					stranger.WriteTo(q.msg, q.from)
					if q.number != 1 {
						q.back(20*ms, 30*ms)
					}
				}
				c := s.run(b.Context(), ping.Config{Count: 3, Interval: 100 * ms, Timeout: 50 * ms})
				c.mustReport(8, ping.Report{Sent: 3, RTTs: times{20 * ms, 20 * ms}, Lost: 1, Duplicates: 2})
			})
		})
	}
	for _, tt := range []struct {
		why          string
		given, heard int // bytes of the IP address
	}{
		{"the caller has the peer's address in 16 bytes, the socket in 4", 16, 4},
		{"the caller has it in 4 bytes, the socket in 16", 4, 16},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				s := start(b)
				s.addr = inBytes(s.addr, tt.given)
				b.Net.Note("peer is an IP address of %d bytes, and ReadFrom gives one of %d", tt.given, tt.heard)
				s.conn.read = func(n int, from net.Addr, err error) (int, net.Addr, error) {
					if err == nil {
						from = inBytes(from, tt.heard)
					}
					return n, from, err
				}
				s.answer(times{ms}, times{2 * ms})
				c := s.run(b.Context(), ping.Config{Count: 2, Interval: 100 * ms, Timeout: 50 * ms})
				c.mustReport(8, ping.Report{Sent: 2, RTTs: times{ms, 2 * ms}, Jitter: 62500})
			})
		})
	}
}

// What is no answer, although it comes from the peer (iputils/iputils#525).
func TestNoAnswer(t *testing.T) {
	change := func(i int) func(msg []byte) []byte {
		return func(msg []byte) []byte { msg[i] ^= 1; return msg }
	}
	number := func(n uint32) func(msg []byte) []byte {
		return func(msg []byte) []byte { return binary.BigEndian.AppendUint32(msg[:8], n) }
	}
	for _, tt := range []struct {
		why string
		msg func(msg []byte) []byte
	}{
		{"an id that ends otherwise", change(7)},
		{"an id that begins otherwise", change(0)},
		{"the next number, which is not sent yet", number(1)},
		{"the last number, which is not sent yet", number(2)},
		{"a number that will not be sent", number(3)},
		{"the greatest number there is", number(1<<32 - 1)},
		{"the number of the first with a high bit", number(1 << 16)},
		{"a byte more", func(msg []byte) []byte { return append(msg, 0) }},
		{"much more", func(msg []byte) []byte { return append(msg, make([]byte, 4000)...) }},
		{"a byte less", func(msg []byte) []byte { return msg[:11] }},
		{"the id alone", func(msg []byte) []byte { return msg[:8] }},
		{"no byte at all", func(msg []byte) []byte { return nil }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				s := start(b)
				s.reply = func(q *probe) {
					if q.number == 0 {
						s.peer.WriteTo(tt.msg(bytes.Clone(q.msg)), q.from)
					}
					q.back(20 * ms)
				}
				c := s.run(b.Context(), ping.Config{Count: 3, Interval: 100 * ms, Timeout: 50 * ms})
				c.mustReport(9, ping.Report{Sent: 3, RTTs: times{20 * ms, 20 * ms, 20 * ms}})
			})
		})
	}
	t.Run("answers to the Run before", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b)
			config := ping.Config{Count: 3, Interval: 100 * ms, Timeout: 150 * ms}
			s.answer(times{380 * ms}, times{280 * ms}, times{180 * ms})
			s.run(b.Context(), config).mustReport(9, ping.Report{Sent: 3, Lost: 3})
			s.answer()
			s.reopen()
			s.run(b.Context(), config).mustReport(9, ping.Report{Sent: 3, Lost: 3})
		})
	})
	t.Run("ids of forty Runs", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			s := start(b)
			const runs = 40
			b.Net.Describe = func([]byte) string { return "a probe" } // of all: what counts is below
			for range runs {
				s.run(b.Context(), ping.Config{Count: 1, Interval: ms, Timeout: ms}).mustReport(9, ping.Report{Sent: 1, Lost: 1})
				s.reopen()
			}
			var ids []uint64
			for _, sent := range s.conn.allSent() {
				ids = append(ids, binary.BigEndian.Uint64(sent.msg))
			}
			if fault := guessable(ids); fault != "" {
				b.Fatalf("the ids of %d Runs are\n%s\n  …\n%s\nwant 64 bits that nobody can guess", runs, hex(ids[:6]), fault)
			}
		})
	})
}

// guessable says how those ids can be foretold, or "".
func guessable(ids []uint64) string {
	steps := map[uint64]int{}
	var ever, always uint64 = 0, 1<<64 - 1
	for i, id := range ids {
		ever, always = ever|id, always&id
		if i > 0 {
			steps[id-ids[i-1]]++
		}
	}
	for step, n := range steps {
		switch {
		case n == 1:
		case step == 0:
			return fmt.Sprintf("%d times it is the id of the Run before.", n)
		default:
			return fmt.Sprintf("%d times it is the id of the Run before, plus %d.", n, step)
		}
	}
	fixed := binary.BigEndian.AppendUint64(nil, ^ever|always)
	var where []string
	for i, mask := range fixed {
		if mask != 0 {
			where = append(where, fmt.Sprint(i+1))
		}
	}
	if len(where) > 0 {
		return fmt.Sprintf("Some bits are the same in all of them. Of the eight bytes, they are in: %s.", strings.Join(where, ", "))
	}
	return ""
}

// hex lists ids, one on a line.
func hex(ids []uint64) string {
	var lines []string
	for _, id := range ids {
		lines = append(lines, fmt.Sprintf("  %016x", id))
	}
	return strings.Join(lines, "\n")
}

// A context that ends (schweikert/fping#156).
func TestContext(t *testing.T) {
	config := ping.Config{Count: 10, Interval: 100 * ms, Timeout: 250 * ms}
	// Of the probes at 0, 100, 200 … ms, these are answered.
	answers := []times{{ms}, {}, {2 * ms, 60 * ms}, {}, {90 * ms}}
	const at = 452 * ms
	want := ping.Report{Sent: 5, RTTs: times{ms, 2 * ms}, Lost: 1, Duplicates: 1, Jitter: 62500}
	t.Run("cancelled", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			s.answer(answers...)
			s.run(s.cancelledAfter(at), config).mustEndEarly(context.Canceled, at, want)
		})
	})
	t.Run("at its deadline", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			s.answer(answers...)
			ctx, cancel := context.WithTimeout(b.Context(), at)
			defer cancel()
			b.Net.Note("ctx has a deadline, after %v", at)
			s.run(ctx, config).mustEndEarly(context.DeadlineExceeded, at, want)
		})
	})
	t.Run("cancelled, with a cause", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			s.answer(answers...)
			ctx, cancel := context.WithCancelCause(b.Context())
			time.AfterFunc(at, func() {
				b.Net.Note("ctx is cancelled, and its cause is %q", errBroken)
				cancel(errBroken)
			})
			s.run(ctx, config).mustEndEarly(context.Canceled, at, want)
		})
	})
	t.Run("in the last wait", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			s.answer(answers...)
			few := config
			few.Count = 5
			s.run(s.cancelledAfter(at), few).mustEndEarly(context.Canceled, at, want)
		})
	})
	t.Run("a Count of 0", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			s.reply = func(q *probe) { q.back(ms) }
			n := s.between(100, 200)
			end := time.Duration(n)*100*ms - odd
			want := ping.Report{Sent: n}
			for range n {
				want.RTTs = append(want.RTTs, ms)
			}
			c := s.run(s.cancelledAfter(end), ping.Config{Interval: 100 * ms, Timeout: 250 * ms})
			c.mustEndEarly(context.Canceled, end, want)
		})
	})
	t.Run("before it begins", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			ctx, cancel := context.WithCancel(b.Context())
			cancel()
			s.run(ctx, config).mustEndEarly(context.Canceled, 0, ping.Report{})
			if n := len(s.conn.allSent()); n > 0 {
				b.Fatalf("ctx was over when Run was called, and it sent %d datagrams\nwant none", n)
			}
		})
	})
	t.Run("as a probe goes out", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			s := start(b)
			ctx, cancel := context.WithCancel(b.Context())
			s.answer(times{ms}, times{ms})
			s.conn.write = func(n int) error {
				if n == 2 {
					b.Net.Note("ctx is cancelled, in the middle of your WriteTo")
					cancel()
					for range 100 { // no time passes, but others get on
						runtime.Gosched()
					}
				}
				return nil
			}
			s.run(ctx, config).mustEndEarly(context.Canceled, 200*ms, ping.Report{Sent: 3, RTTs: times{ms, ms}})
		})
	})
	for n, when := range []string{"first", "second", "last"} {
		t.Run("as a deadline is set, with the "+when+" probe under way", func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				s := start(b)
				s.answers = slices.Repeat([]times{{ms}}, n)
				from := time.Duration(n) * config.Interval
				ctx, cancelled := s.cancelledAtDeadline(from)
				few := config
				few.Count = 3
				c := s.run(ctx, few)
				c.mustEnd(from)
				c.mustEndEarly(context.Canceled, cancelled(), ping.Report{Sent: n + 1, RTTs: slices.Repeat(times{ms}, n)})
			})
		})
	}
}

// cancelledAtDeadline returns a context that is cancelled in the middle of the
// first SetReadDeadline from that time on; or a little later, for those who set
// none. In that call no time passes, but others get on: above all, who sets a
// deadline because of the cancel. cancelled is when it was.
func (s *path) cancelledAtDeadline(from time.Duration) (ctx context.Context, cancelled func() time.Duration) {
	ctx, cancel := context.WithCancel(s.Context())
	var at time.Duration
	var once atomic.Bool
	s.conn.deadline = func(t time.Time) {
		if s.Elapsed() < from || !t.After(time.Now()) || !once.CompareAndSwap(false, true) {
			if once.Load() {
				s.noteDeadline(t)
			}
			return
		}
		at = s.Elapsed()
		s.noteDeadline(t)
		s.Net.Note("ctx is cancelled, in the middle of that call")
		before := s.conn.deadlines.Load()
		cancel()
		for range 10_000 {
			if s.conn.deadlines.Load() > before {
				s.Net.Note("then that call goes on, and sets its own deadline")
				return
			}
			runtime.Gosched()
		}
	}
	time.AfterFunc(from+30*ms, func() {
		if once.CompareAndSwap(false, true) {
			at = s.Elapsed()
			s.Net.Note("ctx is cancelled")
			cancel()
		}
	})
	return ctx, func() time.Duration { return at }
}

var errBroken = errors.New("broken for this test")

// A socket that fails (net, PacketConn).
func TestSocketError(t *testing.T) {
	t.Run("the second probe cannot be sent", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			s.answer(times{ms}, nil, times{ms}, times{ms})
			s.conn.write = func(n int) error {
				if n == 1 {
					b.Net.Note("your WriteTo fails")
					return errBroken
				}
				return nil
			}
			c := s.run(b.Context(), ping.Config{Count: 4, Interval: 100 * ms, Timeout: 150 * ms})
			c.mustReport(11, ping.Report{Sent: 4, RTTs: times{ms, ms, ms}, Lost: 1})
			c.mustTakeAll()
		})
	})
	t.Run("ctx ends before the Timeout of a probe that could not be sent", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			s.answer(times{ms})
			s.conn.write = func(n int) error {
				if n == 1 {
					b.Net.Note("your WriteTo fails")
					return errBroken
				}
				return nil
			}
			c := s.run(s.cancelledAfter(180*ms), ping.Config{Count: 4, Interval: 100 * ms, Timeout: 150 * ms})
			c.mustEndEarly(context.Canceled, 180*ms, ping.Report{Sent: 2, RTTs: times{ms}})
		})
	})
	t.Run("none can be sent", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			b.Net.Note("your WriteTo fails each time")
			s.conn.write = func(int) error { return errBroken }
			c := s.run(b.Context(), ping.Config{Count: 4, Interval: 100 * ms, Timeout: 150 * ms})
			c.mustReport(11, ping.Report{Sent: 4, Lost: 4})
			c.mustTakeAll()
		})
	})
	t.Run("nothing can be received", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			s.answer(times{ms}, nil, nil, times{20 * ms})
			s.conn.read = func(n int, from net.Addr, err error) (int, net.Addr, error) {
				if err != nil || b.Elapsed() < 300*ms {
					return n, from, err
				}
				b.Net.Note("your ReadFrom fails")
				return 0, nil, errBroken
			}
			c := s.run(b.Context(), ping.Config{Count: 8, Interval: 100 * ms, Timeout: 150 * ms})
			c.mustEndEarly(errBroken, 320*ms, ping.Report{Sent: 4, RTTs: times{ms}, Lost: 1})
		})
	})
	t.Run("somebody closes it", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			s := start(b)
			s.answer(times{ms})
			time.AfterFunc(170*ms, func() {
				b.Net.Note("somebody closes conn")
				s.conn.Close()
			})
			c := s.run(b.Context(), ping.Config{Count: 8, Interval: 100 * ms, Timeout: 150 * ms})
			c.mustEndEarly(net.ErrClosed, 170*ms, ping.Report{Sent: 2, RTTs: times{ms}})
		})
	})
}

// The socket after every way out (net, PacketConn).
func TestBorrowed(t *testing.T) {
	config := ping.Config{Count: 3, Interval: 100 * ms, Timeout: 150 * ms}
	for _, tt := range []struct {
		why string
		run func(s *path) *call
	}{
		{"after the last probe", func(s *path) *call {
			s.reply = func(q *probe) { q.back(ms) }
			return s.run(s.Context(), config)
		}},
		{"after nothing but silence", func(s *path) *call { return s.run(s.Context(), config) }},
		{"after a cancel", func(s *path) *call { return s.run(s.cancelledAfter(120*ms), config) }},
		{"after a cancel in the last wait", func(s *path) *call { return s.run(s.cancelledAfter(330*ms), config) }},
		{"after an error of ReadFrom", func(s *path) *call {
			s.reply = func(q *probe) { q.back(ms) }
			s.conn.read = func(int, net.Addr, error) (int, net.Addr, error) { return 0, nil, errBroken }
			return s.run(s.Context(), config)
		}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				s := start(b)
				s.conn.deadline = s.noteDeadline
				c := tt.run(s)
				c.mustEnd(time.Minute)
				s.peer.Close()
				b.MustBeQuiet()
				c.mustBeFree("Then")
				<-time.After(time.Hour)
				c.cancel()
				c.mustBeFree("An hour later, its context was cancelled. Then")
				if errors.Is(c.err, errBroken) == (s.conn.read == nil) {
					b.Fatalf("%s\nreturned the error %v", c.title, c.err)
				}
			})
		})
	}
	t.Run("again and again, cancelled as an answer comes", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b)
			s.conn.deadline = s.noteDeadline
			s.reply = func(q *probe) { q.back(ms) }
			for range 20 {
				ctx, cancel := context.WithCancel(b.Context())
				s.conn.read = func(n int, from net.Addr, err error) (int, net.Addr, error) {
					cancel()
					return n, from, err
				}
				c := s.run(ctx, config)
				c.mustEnd(time.Minute)
				c.mustBeFree("Its context was cancelled as an answer came. Then")
				if !errors.Is(c.err, context.Canceled) {
					b.Fatalf("%s\nreturned the error %v\nwant %v", c.title, c.err, context.Canceled)
				}
			}
		})
	})
	t.Run("a deadline from before", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			s := start(b)
			s.reply = func(q *probe) { q.back(ms) }
			b.Net.Note("conn has a deadline for reading, now")
			s.conn.SetReadDeadline(time.Now())
			s.conn.deadline = s.noteDeadline
			c := s.run(b.Context(), config)
			c.mustReport(12, ping.Report{Sent: 3, RTTs: times{ms, ms, ms}})
			c.mustBeFree("Then")
		})
	})
}

// noteDeadline has the transcript say which deadline is set.
func (s *path) noteDeadline(t time.Time) {
	s.Net.Note("%s", deadlineFor("reading", s.Elapsed(), t))
}

// deadlineFor says which deadline is set at that time.
func deadlineFor(what string, now time.Duration, t time.Time) string {
	switch left := time.Until(t); {
	case t.IsZero():
		return "you lift the deadline for " + what
	case left >= 0:
		return fmt.Sprintf("you set the deadline for %s to %v", what, now+left)
	}
	return "you set a deadline for " + what + " in the past"
}

// Any weather, there and back, to the nanosecond (RFC 768).
func TestWeather(t *testing.T) {
	const longest = 3 * time.Second
	there := memnet.Scripts(8, longest, memnet.Drop, memnet.Duplicate, memnet.Delay, memnet.Reorder)
	back := memnet.Scripts(8, longest, memnet.DatagramFaults...)
	span := func(t *rapid.T, name string, from, to int) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * ms
	}
	bubble.Property(t, 13, func(t *rapid.T, b *bubble.B) {
		// What the network does takes whole milliseconds: no two probes' answers
		// come at one moment, nor when a Timeout or ctx ends.
		config := ping.Config{
			Count:    rapid.IntRange(1, 8).Draw(t, "Count"),
			Interval: span(t, "Interval", 10, 2000) + time.Microsecond,
			Timeout:  span(t, "Timeout", 1, 5000) + odd,
		}
		limit := time.Hour
		if rapid.Bool().Draw(t, "cancelled?") {
			limit = span(t, "cancelled after", 1, 12000) + odd/2
		}
		outward, inward := there.Draw(t, "there"), back.Draw(t, "back")
		sent, report := model(config, limit, outward, inward)

		s := start(b)
		b.Net.Note("to the peer: %v; from the peer: %v", outward, inward)
		s.reply = func(q *probe) { q.back(0) }
		b.Net.Disturb(memnet.To(s.addr), outward)
		b.Net.Disturb(memnet.From(s.addr), inward)
		// A stranger's datagrams are good ones.
		b.Net.Forge = func(msg []byte) []byte { return bytes.Clone(msg) }
		if limit > end(config) {
			s.run(b.Context(), config).mustReport(13, report)
		} else {
			s.run(s.cancelledAfter(limit), config).mustEndEarly(context.Canceled, limit, report)
		}
		s.c.mustSend(len(sent))
	})
}

// A peer, and much that is no answer, on the kernel's network, in real time,
// which is not measured (net, UDPConn).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 13, func(l *loopback.L) {
		peer, stranger, conn := l.ListenPacket(), l.ListenPacket(), l.ListenPacket()
		l.Go("the peer", func() error {
			for buf := make([]byte, 512); ; {
				n, from, err := peer.ReadFrom(buf)
				if err != nil {
					return err
				}
				stranger.WriteTo(buf[:n], from)
				peer.WriteTo(nil, from)
				peer.WriteTo(buf[:n], from)
				peer.WriteTo(buf[:n], from)
				peer.WriteTo(append(bytes.Clone(buf[:n]), 0), from)
			}
		})
		// A machine that is too busy for the one may have time for the next.
		for _, timeout := range []time.Duration{50 * ms, time.Second, 8 * time.Second} {
			config := ping.Config{Count: 5, Interval: 2 * ms, Timeout: timeout}
			var report ping.Report
			err := l.Go(title(config), func() (err error) {
				report, err = ping.Run(l.Context(), conn, peer.LocalAddr(), config)
				return err
			}).Wait()
			if err != nil {
				l.Fatalf("%s\nreturned the error %v\nwant no error", title(config), err)
			}
			words := differences(5, ping.Report{Sent: report.Sent, Lost: report.Lost, Duplicates: report.Duplicates}, ping.Report{Sent: 5, Duplicates: 5})
			if words == "" && len(report.RTTs) == 5 {
				return
			}
			if timeout > time.Second {
				l.Fatalf("%s\nreturned a report that is not what has happened: RTTs %v\n\n%s\nwant five RTTs", title(config), report.RTTs, words)
			}
		}
	})
}

// end is when a Run has come to its end, since it began.
func end(config ping.Config) time.Duration {
	return time.Duration(config.Count-1)*config.Interval + config.Timeout
}

// model plays a Run with a peer that answers at once against a clock of its
// own, and returns what is sent before the limit, and the report.
func model(config ping.Config, limit time.Duration, there, back memnet.Script) (sent []memnet.Arrival, r ping.Report) {
	for n := range config.Count {
		if at := time.Duration(n) * config.Interval; at < limit {
			sent = append(sent, memnet.Arrival{Number: n, At: at})
		}
	}
	r.Sent = len(sent)
	limit = min(limit, end(config))
	answered := map[int]bool{}
	last := -1
	for _, a := range back.Arrivals(there.Arrivals(sent)) {
		rtt := a.At - sent[a.Number].At
		switch {
		case rtt >= config.Timeout || a.At >= limit:
		case answered[a.Number]:
			r.Duplicates++
		default:
			answered[a.Number] = true
			r.RTTs = append(r.RTTs, rtt)
			if a.Number < last {
				r.Reordered++
			}
			last = max(last, a.Number)
		}
	}
	for n, s := range sent {
		if !answered[n] && s.At+config.Timeout <= limit {
			r.Lost++
		}
	}
	r.Jitter = jitter(r.RTTs)
	return sent, r
}

// jitter is that of RFC 3550, 6.4.1.
func jitter(rtts times) time.Duration {
	j := 0.0
	for i := 1; i < len(rtts); i++ {
		j += (float64((rtts[i] - rtts[i-1]).Abs()) - j) / 16
	}
	return time.Duration(j)
}

type times = []time.Duration

// each is one answer to each probe, after each of those times.
func each(rtts times) (answers []times) {
	for _, rtt := range rtts {
		answers = append(answers, times{rtt})
	}
	return answers
}

// path is you, a peer, and what is between.
type path struct {
	*bubble.B
	d       *draw.Data // nil as long as nothing is drawn
	conn    *socket
	peer    *memnet.PacketConn
	addr    net.Addr // the peer's
	answers []times  // of each probe, how long each answer takes
	reply   func(q *probe)
	c       *call // the last one
}

// probe is a datagram that came to the peer.
type probe struct {
	s      *path
	number int // what it says, or -1
	from   net.Addr
	msg    []byte
}

// start makes the two sockets. The peer does what s.answers says, or s.reply.
func start(b *bubble.B) *path {
	b.Net.Describe = describe
	s := &path{B: b, peer: listen(b, "127.0.0.1:7")}
	s.addr = s.peer.LocalAddr()
	s.conn = &socket{PacketConn: listen(b, "127.0.0.1:40001"), net: b.Net, clock: b.Elapsed}
	b.Net.Name(s.addr, "peer")
	b.Net.Name(s.conn.LocalAddr(), "you")
	s.reply = func(q *probe) {
		if q.number >= 0 && q.number < len(s.answers) {
			q.back(s.answers[q.number]...)
		}
	}
	b.Go("the peer", func() error {
		for buf := make([]byte, 1<<16); ; {
			n, from, err := s.peer.ReadFrom(buf)
			if err != nil {
				return err
			}
			q := &probe{s, -1, from, bytes.Clone(buf[:n])}
			if n == 12 {
				q.number = int(binary.BigEndian.Uint32(buf[8:]))
			}
			s.reply(q)
		}
	})
	return s
}

// reopen makes a new socket at the old port, whoever has closed the old one.
func (s *path) reopen() {
	s.conn.Close()
	s.conn.PacketConn = listen(s.B, "127.0.0.1:40001")
}

// ms draws so many milliseconds.
func (s *path) ms(from, to int) time.Duration { return time.Duration(s.between(from, to)) * ms }

func (s *path) between(from, to int) int {
	if s.d == nil {
		s.d = draw.From(s.R)
	}
	return s.d.Between(from, to)
}

// answer says what becomes of each probe.
func (s *path) answer(answers ...times) { s.answers = answers }

// back sends a probe back, after each of those times.
func (q *probe) back(after ...time.Duration) {
	for _, d := range after {
		if d == 0 {
			q.s.peer.WriteTo(q.msg, q.from)
			continue
		}
		time.AfterFunc(d, func() { q.s.peer.WriteTo(q.msg, q.from) })
	}
}

// cancelledAfter returns a context that is cancelled then.
func (s *path) cancelledAfter(d time.Duration) context.Context {
	ctx, cancel := context.WithCancel(s.Context())
	time.AfterFunc(d, func() {
		s.Net.Note("ctx is cancelled")
		cancel()
	})
	return ctx
}

// socket is what Run is given: it notes what is sent, also if that fails, and
// the test can meddle with its calls.
type socket struct {
	*memnet.PacketConn
	net   *memnet.Network
	clock func() time.Duration
	write func(n int) error                                            // before datagram n is sent
	read  func(n int, from net.Addr, err error) (int, net.Addr, error) // after a ReadFrom

	deadline  func(t time.Time) // before one for reading is set, by any goroutine
	deadlines atomic.Int32      // so many were set

	mu   sync.Mutex
	sent []sent
}

type sent struct {
	at  time.Duration
	msg []byte
	to  string
	err error // that the test has not made
}

func (c *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.PacketConn.ReadFrom(b)
	if c.read == nil {
		return n, from, err
	}
	return c.read(n, from, err)
}

func (c *socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	number := c.note(sent{at: c.clock(), msg: bytes.Clone(b), to: addr.String()})
	if c.write != nil {
		if err := c.write(number); err != nil {
			return 0, err
		}
	}
	n, err := c.PacketConn.WriteTo(b, addr)
	if err != nil {
		c.net.Note("your WriteTo of probe %d fails: %v", number, err)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sent[number].err = err
	}
	return n, err
}

// note notes what is sent, and returns its number.
func (c *socket) note(d sent) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, d)
	return len(c.sent) - 1
}

// allSent is what was sent so far.
func (c *socket) allSent() []sent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sent)
}

func (c *socket) SetReadDeadline(t time.Time) error { return c.set(t, c.PacketConn.SetReadDeadline) }
func (c *socket) SetDeadline(t time.Time) error {
	c.noteWriting(t)
	return c.set(t, c.PacketConn.SetDeadline)
}

func (c *socket) SetWriteDeadline(t time.Time) error {
	c.noteWriting(t)
	return c.PacketConn.SetWriteDeadline(t)
}

// noteWriting has the transcript say which deadline for writing is set.
func (c *socket) noteWriting(t time.Time) { c.net.Note("%s", deadlineFor("writing", c.clock(), t)) }

func (c *socket) set(t time.Time, set func(time.Time) error) error {
	if c.deadline != nil {
		c.deadline(t)
	}
	defer c.deadlines.Add(1)
	return set(t)
}

// call is a call of Run.
type call struct {
	*bubble.B
	s      *path
	config ping.Config
	title  string
	cancel context.CancelFunc
	began  time.Duration
	before int // sent by earlier calls
	done   chan struct{}

	report ping.Report
	err    error
	took   time.Duration
}

// run has Run called in a goroutine of its own.
func (s *path) run(ctx context.Context, config ping.Config) *call {
	c := &call{B: s.B, s: s, config: config, title: title(config), began: s.Elapsed(), before: len(s.conn.allSent()), done: make(chan struct{})}
	ctx, c.cancel = context.WithCancel(ctx)
	s.Cleanup(c.cancel)
	s.c = c
	s.Go(c.title, func() error {
		defer close(c.done)
		c.report, c.err = ping.Run(ctx, s.conn, s.addr, config)
		c.took = s.Elapsed() - c.began
		return c.err
	})
	return c
}

// mustEnd waits for Run to return, half a minute longer than it may take.
func (c *call) mustEnd(limit time.Duration) {
	c.T().Helper()
	select {
	case <-c.done:
		c.Wait()
	case <-time.After(limit + 30*time.Second):
		c.Fatalf("%s\nhas not returned after %v\n\n%s", c.title, c.Elapsed()-c.began, c.Waiting())
	}
}

// mustReport wants Run to come to its end without an error, and that report, as
// far as the rules up to that one define it.
func (c *call) mustReport(upTo int, want ping.Report) {
	c.T().Helper()
	c.mustEnd(end(c.config))
	if c.err != nil {
		c.Fatalf("%s\nreturned the error %q after %v\nwant no error", c.title, c.err, c.took)
	}
	c.mustBe(upTo, want)
}

func (c *call) mustBe(upTo int, want ping.Report) {
	c.T().Helper()
	if words := differences(upTo, c.report, want); words != "" {
		c.Fatalf("%s\nreturned a report that is not what has happened\n\n%s%s", c.title, words, c.causes())
	}
}

// causes says what else is wrong that may explain a report: the first probe that
// was not sent when it was due, or not at all.
func (c *call) causes() string {
	for i, sent := range c.sent() {
		took := sent.at - c.began
		switch {
		case sent.err != nil:
			return fmt.Sprintf("\nProbe %d did not go out: your WriteTo failed (%v).\n", i, sent.err)
		case took != c.due(i):
			return fmt.Sprintf("\nProbe %d was sent after %v, and was due after %v: see rule 2.\n", i, took, c.due(i))
		}
	}
	return ""
}

// mustTakeAll wants Run to have taken as long as it needs.
func (c *call) mustTakeAll() {
	c.T().Helper()
	if want := end(c.config); c.took != want {
		c.Fatalf("%s\nreturned after %v\nwant     after %v, when the Timeout of the last probe has passed", c.title, c.took, want)
	}
}

// mustEndEarly wants Run to return with that error, then, and with that report.
func (c *call) mustEndEarly(want error, at time.Duration, report ping.Report) {
	c.T().Helper()
	c.mustEnd(at)
	if !errors.Is(c.err, want) || c.took != at {
		c.Fatalf("%s\nreturned the error %s after %v\nwant one that is   %q (errors.Is) after %v", c.title, quoted(c.err), c.took, want, at)
	}
	c.mustBe(13, report)
}

// mustSend wants n datagrams, one each Interval. It does not wait for the end to
// say that one is not on time.
func (c *call) mustSend(n int) {
	c.T().Helper()
	for i := range n {
		beforeNext := time.Duration(i+1)*c.config.Interval - 1
		if left := c.began + beforeNext - c.Elapsed(); left > 0 {
			select {
			case <-c.done:
			case <-time.After(left):
			}
		}
		c.Wait()
		c.mustBeOnTime(n)
		if got := c.sent(); len(got) <= i && c.running() {
			c.Fatalf("%s\nhas sent %d of its probes after %v\nwant %d by then, of which the last is due after %v",
				c.title, len(got), beforeNext, i+1, c.due(i))
		}
	}
	c.mustEnd(end(c.config))
	c.mustBeOnTime(n)
	if got := c.sent(); len(got) != n {
		c.Fatalf("%s\nsent %d datagrams\nwant %d", c.title, len(got), n)
	}
}

// mustBeOnTime wants the first n of the datagrams sent so far to be on time.
func (c *call) mustBeOnTime(n int) {
	c.T().Helper()
	for i, sent := range c.sent() {
		took := sent.at - c.began
		switch {
		case i >= n || took == c.due(i):
		case i == 0:
			c.Fatalf("%s\nsent its first probe %v after the call\nwant it at once", c.title, took)
		default:
			c.Fatalf("%s\ncalled WriteTo for probe %d  %v after the first probe\nwant that call             %v after it: %d × Interval",
				c.title, i, took, c.due(i), i)
		}
	}
}

// due is when a probe has to be sent, since the call.
func (c *call) due(number int) time.Duration { return time.Duration(number) * c.config.Interval }

// sent is what this call has sent so far.
func (c *call) sent() []sent { return c.s.conn.allSent()[c.before:] }

// running says whether Run has not returned.
func (c *call) running() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// mustProbe wants each datagram to be a probe.
func (c *call) mustProbe() {
	c.T().Helper()
	sent := c.sent()
	if len(sent) != c.config.Count {
		c.Fatalf("%s\nsent %d datagrams\nwant %d", c.title, len(sent), c.config.Count)
	}
	for i, s := range sent {
		if s.to != c.s.addr.String() {
			c.Fatalf("%s\nsent a datagram to %s\nwant it to go to %s", c.title, s.to, c.s.addr)
		}
		want := binary.BigEndian.AppendUint32(slices.Clone(sent[0].msg[:min(8, len(sent[0].msg))]), uint32(i))
		if !bytes.Equal(s.msg, want) || len(want) != 12 {
			c.Fatalf("%s\nsent as datagram %d\n%s\nwant eight bytes of id, the same in all, and %08x behind them", c.title, i, wire.Bytes(s.msg).Dump(), i)
		}
	}
}

// mustBeFree wants conn to be as good as new: a datagram arrives, and can be read.
func (c *call) mustBeFree(when string) {
	c.T().Helper()
	const text = "are you still there?"
	peer := listen(c.B, "127.0.0.1:9")
	defer peer.Close()
	c.Net.Name(peer.LocalAddr(), "somebody")
	peer.WriteTo([]byte(text), c.s.conn.LocalAddr())
	for buf := make([]byte, 512); ; {
		n, _, err := c.s.conn.PacketConn.ReadFrom(buf)
		if string(buf[:n]) == text {
			return
		}
		if err != nil {
			c.Fatalf("%s\nreturned after %v. %s\na datagram came to conn, and the caller's ReadFrom said\n%v\nwant conn open and without a deadline", c.title, c.took, when, err)
		}
	}
}

// differences is a table of what the rules up to that one define, or "".
func differences(upTo int, got, want ping.Report) string {
	var b strings.Builder
	differ := false
	row := func(since int, name string, equal bool, got, want any) {
		if since > upTo {
			return
		}
		mark := ""
		if !equal {
			mark, differ = "   <-", true
		}
		fmt.Fprintf(&b, "  %-12s%-14v%v%s\n", name, got, want, mark)
	}
	fmt.Fprintf(&b, "  %-12s%-14s%s\n", "", "yours", "want")
	row(1, "Sent", got.Sent == want.Sent, got.Sent, want.Sent)
	row(3, "Lost", got.Lost == want.Lost, got.Lost, want.Lost)
	row(4, "Duplicates", got.Duplicates == want.Duplicates, got.Duplicates, want.Duplicates)
	row(5, "Reordered", got.Reordered == want.Reordered, got.Reordered, want.Reordered)
	row(6, "Jitter", (got.Jitter-want.Jitter).Abs() <= time.Microsecond, got.Jitter, want.Jitter)
	const most = 6 // of those that are right, and of those that are not
	right, wrong := 0, 0
	for i := range max(len(got.RTTs), len(want.RTTs)) {
		g, w := nth(got.RTTs, i), nth(want.RTTs, i)
		if g == w {
			right++
		} else {
			wrong++
		}
		if g == w && right <= most || g != w && wrong <= most {
			row(1, fmt.Sprintf("RTTs[%d]", i), g == w, g, w)
		}
	}
	if !differ {
		return ""
	}
	if right > most {
		fmt.Fprintf(&b, "  … and %d more RTTs as wanted\n", right-most)
	}
	if wrong > most {
		fmt.Fprintf(&b, "  … and %d more RTTs not as wanted\n", wrong-most)
	}
	return b.String()
}

func nth(all times, i int) string {
	if i >= len(all) {
		return "-"
	}
	return all[i].String()
}

func listen(b *bubble.B, addr string) *memnet.PacketConn {
	conn, err := b.Net.ListenPacket(addr)
	if err != nil {
		b.Fatalf("the test cannot make a socket: %v", err)
	}
	return conn
}

// inBytes is addr with its IP address in so many bytes.
func inBytes(addr net.Addr, n int) net.Addr {
	a := *addr.(*net.UDPAddr)
	if a.IP = a.IP.To16(); n == 4 {
		a.IP = a.IP.To4()
	}
	return &a
}

// describe is what the transcript says of a message.
func describe(msg []byte) string {
	switch {
	case len(msg) == 0:
		return "no byte"
	case len(msg) != 12:
		return fmt.Sprintf("%d bytes", len(msg))
	}
	return fmt.Sprintf("%x…%x %d", msg[:2], msg[6:8], binary.BigEndian.Uint32(msg[8:]))
}

func title(c ping.Config) string {
	return fmt.Sprintf("Run(ctx, conn, peer, Config{Count: %d, Interval: %v, Timeout: %v})", c.Count, c.Interval, c.Timeout)
}

func quoted(err error) string {
	if err == nil {
		return "nil"
	}
	return fmt.Sprintf("%q", err)
}
