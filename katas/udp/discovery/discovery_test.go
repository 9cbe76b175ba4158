package discovery_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/katas/udp/discovery"
)

// What a node says, how often, and to whom (RFC 6762, section 8.3).
func TestAnnounce(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 1, f) })
	for _, tt := range []struct{ why, text string }{
		{"some words", "3 pages left, %d of them blank"},
		{"no text", ""},
		{"blanks at both ends", "  a  b "},
		{"what is no UTF-8, and a line's end", "\xff\xfe\r\n"},
	} {
		run(tt.why, 4, func(w *world) {
			cfg := w.config(w.d.Word())
			cfg.Text = tt.text
			n := w.run(0, cfg)
			peers := []*peer{w.play(1), w.play(2)} // at 3 is nobody
			w.pass(0)
			for _, p := range peers {
				p.mustHave(cfg, 1)
			}
			w.pass(10*w.interval + time.Millisecond)
			for _, p := range peers {
				p.mustHavePauses(n)
				p.mustHave(cfg, len(p.announcements()))
			}
		})
	}
}

// Announcements of others (RFC 6763, section 6).
func TestWho(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 2, f) })
	run("nobody else is there", 1, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		n.mustKnow()
		w.pass(5 * w.lifetime)
		n.mustKnow()
	})
	run("many, in the order of their names", 8, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		var peers []*peer
		for i := 1; i < 8; i++ {
			peers = append(peers, w.play(i))
		}
		var all []discovery.Entry
		w.pass(0)
		for _, p := range peers {
			all = append(all, p.is(w.d.Text(w.d.Between(2, 60))))
			p.claims(n, 9000)
			n.mustKnow(all...)
		}
	})
	for _, tt := range []struct{ why, text string }{
		{"no text", ""},
		{"blanks at both ends", "  a  b "},
		{"what looks like an announcement", "HERE 7 0 a b c"},
		{"zero bytes, and what is no UTF-8", "\x00\xff\xfe"},
		{"a line's end", "a\r\n"},
	} {
		run(tt.why, 2, func(w *world) {
			n, p := w.run(0, w.config(w.d.Word())), w.play(1)
			w.pass(0)
			e := p.is(tt.text)
			p.claims(n, 9000)
			n.mustKnow(e)
		})
	}
	run("who says something else, and then wants another name", 2, func(w *world) {
		n, p := w.run(0, w.config(w.d.Word())), w.play(1)
		w.pass(0)
		for range 3 {
			e := p.is(w.text())
			p.claims(n, 9000)
			n.mustKnow(e)
		}
		p.name = w.d.Word()
		e := p.is(w.text())
		p.claims(n, 9000)
		n.mustKnow(e)
	})
	run("the caller writes into what Who returned", 3, func(w *world) {
		n, p, q := w.run(0, w.config(w.d.Word())), w.play(1), w.play(2)
		w.pass(0)
		one, two := p.is(w.text()), q.is(w.text())
		p.claims(n, 9000)
		q.claims(n, 9000)
		n.mustKnow(one, two)
		clear(n.node.Who())
		w.Net.Note("the caller clears the slice that Who returned")
		n.mustKnow(one, two)
	})
	run("the caller keeps what Who returned", 2, func(w *world) {
		n, p := w.run(0, w.config(w.d.Word())), w.play(1)
		w.pass(0)
		old := p.is(w.text())
		p.claims(n, 9000)
		n.mustKnow(old)
		first := n.who()
		w.Net.Note("the caller keeps what Who returned")
		kept := slices.Clone(first)
		e := p.is(w.text())
		p.claims(n, 9000)
		n.mustKnow(e)
		w.Net.Note("Who was called again")
		if !slices.Equal(first, kept) {
			w.Fatalf("%s\nhas changed what Who() returned before it was called again. It is\n%s\nand was\n%s\nwant it to stay so: it is the caller's", n.title(), entries(first, kept), entries(kept, first))
		}
	})
	run("at once, also behind a question", 3, func(w *world) {
		n, asks, p := w.run(0, w.config(w.d.Word())), w.play(1), w.play(2)
		w.pass(0)
		asks.says(n, "WHO")
		w.pass(0) // whoever reads has taken it by now
		e := p.is(w.text())
		p.claims(n, 9000)
		n.mustKnow(e)
	})
	run("from two goroutines, while others speak", 3, func(w *world) {
		n, p, q := w.run(0, w.config(w.d.Word())), w.play(1), w.play(2)
		w.pass(0)
		for range 2 {
			w.Go("Who()", func() error {
				for range 20 {
					for _, e := range n.node.Who() {
						_ = e.Text + e.Name
					}
					<-time.After(time.Millisecond)
				}
				return nil
			})
		}
		var one, two discovery.Entry
		for range 20 {
			one, two = p.is(w.text()), q.is(w.text())
			p.claims(n, 9000)
			q.claims(n, 9000)
			<-time.After(time.Millisecond)
		}
		w.pass(0)
		n.mustKnow(one, two)
	})
}

// Questions, and who hears the answer (RFC 6762, section 5.4).
func TestNewcomer(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 3, f) })
	run("it asks once, and everybody", 3, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		peers := []*peer{w.play(1), w.play(2)}
		w.pass(0)
		for _, p := range peers {
			if q := p.questions(); len(q) != 1 {
				w.Fatalf("%s\nsent %s to %s, at its start\nwant \"WHO\" once", n.title(), times(q, `"WHO"`), p.addr)
			}
		}
		w.pass(4 * w.interval)
		for _, p := range peers {
			if q := p.questions(); len(q) != 1 {
				w.Fatalf("%s\nsent %s to %s\nwant \"WHO\" at its start alone: all of them answer", n.title(), times(q, `"WHO"`), p.addr)
			}
		}
	})
	run("it answers who has asked", 4, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		asks, others := w.play(1), []*peer{w.play(2), w.play(3)}
		w.pass(w.interval / 10) // the next announcement is half an Interval away, at least
		for i := range 3 {
			asks.says(n, "WHO")
			w.pass(w.interval/10 + time.Millisecond)
			if got := len(asks.announcements()); got != i+2 {
				w.Fatalf("%s\nwas asked by %s, %s so far, and has sent it\n%s\nwant the first, and one for each question, after %v at most", n.title(), asks.addr, count(i+1, "time"), asks.list(), w.interval/10)
			}
		}
		for _, p := range others {
			if len(p.announcements()) != 1 {
				w.Fatalf("%s\nwas asked by %s, and answered others as well. To %s it sent\n%s\nwant the first of these alone: that one has asked nothing", n.title(), asks.addr, p.addr, p.list())
			}
		}
	})
	run("it knows all, and all know it", 5, func(w *world) {
		for i, name := range w.d.Words(4) {
			w.run(i, w.config(name))
			w.pass(ms(w.d.Between(1, 300)))
		}
		w.pass(w.interval)
		w.run(4, w.config(w.d.Word()))
		w.pass(w.interval/10 + time.Millisecond)
		w.mustAgree(w.nodes...)
	})
}

// Claims that end, to the millisecond (RFC 6762, section 10).
func TestLifetime(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 4, f) })
	type said struct {
		at, ttl int // in ms
	}
	for _, tt := range []struct {
		why  string
		said []said
		end  int // in ms
	}{
		{"one announcement", []said{{0, 1000}}, 1000},
		{"a long life", []said{{0, 600_000}}, 600_000},
		{"a short one", []said{{0, 20}}, 20},
		{"renewed", []said{{0, 1000}, {800, 1000}}, 1800},
		{"renewed ten times", []said{{0, 500}, {400, 500}, {800, 500}, {1200, 500}, {1600, 500}, {2000, 500}, {2400, 500}, {2800, 500}, {3200, 500}, {3600, 500}}, 4100},
		{"renewed for less", []said{{0, 60_000}, {500, 700}}, 1200},
		{"renewed for more", []said{{0, 700}, {500, 60_000}}, 60_500},
		{"over, and there again", []said{{0, 700}, {5000, 800}}, 5800},
	} {
		run(tt.why, 3, func(w *world) {
			n, p, other := w.run(0, w.config(w.d.Word())), w.play(1), w.play(2)
			w.pass(0)
			stays := other.is(w.text())
			other.claims(n, 3_000_000)
			var e discovery.Entry
			start := w.Elapsed()
			for _, s := range tt.said {
				w.pass(start + ms(s.at) - w.Elapsed())
				e = p.is(w.text())
				p.claims(n, s.ttl)
				n.mustKnow(e, stays)
			}
			w.pass(start + ms(tt.end) - time.Millisecond - w.Elapsed())
			n.mustKnow(e, stays)
			w.pass(2 * time.Millisecond)
			n.mustKnow(stays)
			w.pass(w.lifetime)
			n.mustKnow(stays)
		})
	}
	run("a long life, while another host speaks", 3, func(w *world) {
		const life = 600_000
		n, p, other := w.run(0, w.config(w.d.Word())), w.play(1), w.play(2)
		w.pass(0)
		e := p.is(w.text())
		p.claims(n, life)
		start := w.Elapsed()
		for at := 50_000; at < life; at += 50_000 {
			w.pass(start + ms(at) - w.Elapsed())
			stays := other.is(w.text())
			other.claims(n, 60_000)
			n.mustKnow(e, stays)
		}
	})
}

// The end, told and heard (RFC 6762, section 10.1).
func TestGoodbye(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 5, f) })
	run("it is told", 4, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		peers := []*peer{w.play(1), w.play(2)}
		w.pass(w.interval*5/2 + time.Millisecond)
		before := map[*peer]int{}
		for _, p := range peers {
			before[p] = len(p.announcements())
		}
		n.stop()
		for _, p := range peers {
			p.mustHaveGoodbye(n, before[p])
		}
		n.mustHaveClosed(peers...)
	})
	run("a question comes while it is told", 4, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		peers := []*peer{w.play(1), w.play(2), w.play(3)}
		w.pass(w.interval*5/2 + time.Millisecond)
		before := map[*peer]int{}
		for _, p := range peers {
			before[p] = len(p.announcements())
		}
		w.mu.Lock()
		w.late = slices.Clone(peers)
		w.mu.Unlock()
		n.stop()
		for _, p := range peers {
			p.mustHaveGoodbye(n, before[p])
		}
		n.mustHaveClosed(peers...)
	})
	run("an answer is due", 5, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		peers := []*peer{w.play(1), w.play(2), w.play(3), w.play(4)}
		w.pass(w.interval / 10) // the next announcement is half an Interval away, at least
		for _, p := range peers {
			p.says(n, "WHO")
		}
		w.pass(time.Millisecond)
		before := map[*peer]int{}
		for _, p := range peers {
			before[p] = len(p.announcements()) // with an answer, or without it
		}
		n.stop()
		for _, p := range peers {
			p.mustHaveGoodbye(n, before[p])
		}
		n.mustHaveClosed(peers...)
	})
	run("ctx is done while an answer is sent", 3, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		asks, p := w.play(1), w.play(2)
		w.pass(w.interval / 10)
		n.conn.slow.Store(&slow{to: asks.addr.String(), begin: n.cancelled})
		asks.says(n, "WHO")
		n.over = true
		select {
		case <-n.ctx.Done():
		case <-time.After(w.interval/10 + time.Millisecond):
		}
		w.Wait()
		n.stop()
		for _, p := range []*peer{asks, p} {
			p.mustHaveGoodbye(n, p.untilGoodbye())
		}
		n.mustHaveClosed(asks, p)
	})
	run("ctx is done before it begins", 3, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		peers := []*peer{w.play(1), w.play(2)}
		n.stop() // which has Run called
		for _, p := range peers {
			if all := p.announcements(); len(all) > 0 {
				p.mustHaveGoodbye(n, len(all)-1)
			}
		}
		n.mustHaveClosed(peers...)
	})
	run("it is heard", 3, func(w *world) {
		n, p, other := w.run(0, w.config(w.d.Word())), w.play(1), w.play(2)
		w.pass(0)
		stays := other.is(w.text())
		other.claims(n, 3_000_000)
		for _, text := range []string{"", "goodbye"} {
			e := p.is(w.text())
			p.claims(n, 60_000)
			n.mustKnow(e, stays)
			w.pass(ms(w.d.Between(1, 5000)))
			p.text = text
			p.claims(n, 0)
			n.mustKnow(stays)
		}
	})
	run("by one who was not known", 2, func(w *world) {
		n, p := w.run(0, w.config(w.d.Word())), w.play(1)
		w.pass(0)
		p.claims(n, 0)
		n.mustKnow()
		w.pass(2 * time.Second)
		n.mustKnow()
	})
	run("from one node to others", 3, func(w *world) {
		for i, name := range w.d.Words(3) {
			w.run(i, w.config(name))
		}
		w.pass(w.interval)
		w.mustAgree(w.nodes...)
		w.nodes[1].stop()
		w.mustAgree(w.nodes[0], w.nodes[2])
	})
}

// Numbers that grow, also over a restart (Das et al. 2002, SWIM, section 4.2).
func TestNumbers(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 6, f) })
	run("a node's own numbers", 2, func(w *world) {
		w.showNumbers()
		n, p := w.run(0, w.config(w.d.Word())), w.play(1)
		for range 8 {
			w.pass(w.interval / 3)
			for range 3 {
				p.says(n, "WHO")
			}
		}
		n.stop()
		p.mustHaveGrowing(n, "")
	})
	run("a node that is started again", 3, func(w *world) {
		w.showNumbers()
		cfg := w.config(w.d.Word())
		n, p := w.run(0, cfg), w.play(1)
		observer := w.run(2, w.config(w.d.Word()))
		w.pass(5*w.interval + w.interval/3)
		n.crash()
		w.pass(time.Second)
		cfg.Text = w.text()
		n = w.run(0, cfg)
		w.pass(0)
		p.mustHaveGrowing(n, "It ran before, as the same ID, and its socket was closed a second ago.\n")
		observer.mustKnow(discovery.Entry{Name: cfg.Name, ID: cfg.ID, Text: cfg.Text})
	})
	run("one that is started again, after many questions", 3, func(w *world) {
		w.showNumbers()
		cfg := w.config(w.d.Word())
		n, p := w.run(0, cfg), w.play(1)
		observer := w.run(2, w.config(w.d.Word()))
		w.pass(w.interval / 3)
		for range 40 {
			p.says(n, "WHO")
			observer.conn.PacketConn.WriteTo([]byte("WHO"), n.conn.LocalAddr()) // which knows the last number, so
		}
		w.pass(w.interval/10 + time.Millisecond)
		n.crash()
		w.pass(time.Second)
		cfg.Text = w.text()
		n = w.run(0, cfg)
		w.pass(0)
		p.mustHaveGrowing(n, "It ran before, as the same ID, answered 80 questions, and its socket was closed a second ago.\n")
		observer.mustKnow(discovery.Entry{Name: cfg.Name, ID: cfg.ID, Text: cfg.Text})
	})
}

// Datagrams that come late, twice, or in the wrong order (Das et al. 2002,
// SWIM, section 4.2).
func TestOld(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 7, f) })
	type said struct {
		at  int // in ms
		seq string
		ttl int
		old bool // changes nothing
	}
	look := func(at int) said { return said{at, "", 0, true} } // nothing is said, but Who() is called
	for _, tt := range []struct {
		why  string
		said []said
	}{
		{"a second copy", []said{{0, "700", 1000, false}, {800, "700", 1000, true}}},
		{"a second copy at once", []said{{0, "700", 1000, false}, {0, "700", 1000, true}}},
		{"two in the wrong order", []said{{0, "700", 1000, false}, {300, "699", 5000, true}}},
		{"a hundred comes after 99", []said{{0, "99", 1000, false}, {500, "100", 1000, false}, {700, "99", 1000, true}}},
		{"zero, and then one", []said{{0, "0", 1000, false}, {500, "0", 1000, true}, {700, "1", 1000, false}}},
		{"nines, and then zeros in front", []said{{0, "99", 1000, false}, {500, "0100", 1000, false}}},
		{"nineteen digits", []said{{0, "9223372036854775807", 1000, false}, {500, "9999999999999999999", 1000, false}}},
		{"one that comes after the goodbye", []said{{0, "700", 60_000, false}, {300, "702", 0, false}, {1000, "701", 60_000, true}}},
		{"one that comes a minute after it", []said{{0, "700", 60_000, false}, {300, "702", 0, false}, {60_300, "701", 60_000, true}}},
		{"one that comes almost two minutes after it", []said{{0, "700", 60_000, false}, {300, "702", 0, false}, {120_200, "701", 60_000, true}}},
		{"one that comes almost two minutes after it, and Who() was called before", []said{{0, "700", 60_000, false}, {300, "702", 0, false}, look(301), look(120_199), {120_200, "701", 60_000, true}}},
		{"one that comes long after its life", []said{{0, "700", 1000, false}, {30_000, "700", 1000, true}}},
		{"one that comes almost two minutes after it ended", []said{{0, "700", 5000, false}, {124_900, "700", 60_000, true}}},
		{"one that comes after its life, and Who() was called before", []said{{0, "700", 1000, false}, look(1001), {1100, "700", 1000, true}}},
		{"one that comes almost two minutes after it ended, and Who() was called before", []said{{0, "700", 5000, false}, look(5001), look(124_899), {124_900, "700", 60_000, true}}},
		{"a goodbye that comes late", []said{{0, "700", 1000, false}, {300, "699", 0, true}}},
		{"a goodbye that comes before all else", []said{{0, "700", 0, false}, {300, "699", 1000, true}}},
		{"back after a goodbye", []said{{0, "700", 1000, false}, {300, "701", 0, false}, {400, "702", 1000, false}}},
	} {
		run(tt.why, 3, func(w *world) {
			n, p, other := w.run(0, w.config(w.d.Word())), w.play(1), w.play(2)
			w.pass(0)
			stays := other.is(w.text())
			other.claims(n, 3_000_000)
			known := []discovery.Entry{stays}
			start, end := w.Elapsed(), time.Duration(0) // of the claim
			for _, s := range tt.said {
				w.pass(start + ms(s.at) - w.Elapsed())
				if s.seq == "" {
					if w.Elapsed() >= end {
						known = known[:1]
					}
					n.mustKnow(known...)
					w.Net.Note("Who() of %q is called", n.cfg.ID)
					continue
				}
				other.claims(n, 3_000_000) // its numbers are its own
				text := w.text()
				if !s.old {
					known = []discovery.Entry{stays, {Name: p.name, ID: p.id, Text: text}}
					end = w.Elapsed() + ms(s.ttl)
				}
				if w.Elapsed() >= end {
					known = known[:1]
				}
				p.says(n, fmt.Sprintf("HERE %s %d %s %s %s", s.seq, s.ttl, p.id, p.name, text))
				n.mustKnow(known...)
			}
			if len(known) > 1 {
				w.pass(end - time.Millisecond - w.Elapsed())
				n.mustKnow(known...)
				w.pass(2 * time.Millisecond)
			}
			n.mustKnow(stays)
		})
	}
}

// A node that hears itself, or somebody who takes it for himself (RFC 6762,
// section 6.6).
func TestMyself(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 8, f) })
	run("its own address is among the peers", 2, func(w *world) {
		w.echo = true
		n, p := w.run(0, w.config(w.d.Word())), w.play(1)
		e := p.is(w.text())
		p.claims(n, 3_000_000)
		for range 4 {
			w.pass(w.interval)
			n.mustKnow(e)
		}
		n.stop()
	})
	for _, tt := range []struct {
		why  string
		ttl  int
		name bool // another name
		text string
	}{
		{"a goodbye under its ID", 0, false, "goodbye"},
		{"another text under its ID", 5000, false, "another"},
		{"another name under its ID", 5000, true, "another"},
	} {
		run(tt.why, 2, func(w *world) {
			cfg := w.config(w.d.Word())
			n, p := w.run(0, cfg), w.play(1)
			w.pass(0)
			e := p.is(w.text())
			p.claims(n, 3_000_000)
			name := cfg.Name
			if tt.name {
				name = w.d.Word()
			}
			for _, seq := range []string{"9", "9223372036854775807", "9999999999999999999"} {
				p.says(n, fmt.Sprintf("HERE %s %d %s %s %s", seq, tt.ttl, cfg.ID, name, tt.text))
				n.mustKnow(e)
			}
			w.pass(10 * time.Second)
			n.mustKnow(e)
		})
	}
}

// Claims to one name, in any order (RFC 6762, section 8.2).
func TestConflict(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 9, f) })
	for _, tt := range []struct {
		why string
		ids []string // of those who claim the name, the winner first
	}{
		{"letters", []string{"ann", "bob", "cid"}},
		{"a beginning", []string{"host", "host1", "host11"}},
		{"numbers", []string{"10", "100", "9"}},
		{"capitals", []string{"Zoe", "abe", "zoE"}},
	} {
		for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			run(fmt.Sprintf("%s, %s first", tt.why, tt.ids[order[0]]+" and then "+tt.ids[order[1]]), 4, func(w *world) {
				n, name := w.run(0, w.config(w.d.Word())), w.d.Word()
				var peers []*peer
				var all []discovery.Entry
				for i, id := range tt.ids {
					p := w.playAs(i+1, id, name)
					peers, all = append(peers, p), append(all, p.is(w.text()))
				}
				w.pass(0)
				best := 3
				for _, i := range order {
					peers[i].claims(n, 60_000)
					best = min(best, i)
					n.mustKnow(all[best])
				}
				peers[2].claims(n, 0) // who has not won, leaves
				n.mustKnow(all[0])
				peers[0].claims(n, 0) // who has won, leaves
				n.mustKnow(all[1])
				peers[1].claims(n, 1000)
				peers[2].claims(n, 60_000)
				n.mustKnow(all[1])
				w.pass(1001 * time.Millisecond) // who has won, falls silent
				n.mustKnow(all[2])
			})
		}
	}
	for _, tt := range []struct {
		why, mine, other string
		wins             bool
	}{
		{"its own claim wins", "alba", "berg", true},
		{"its own claim does not win", "node2", "node10", false},
	} {
		run(tt.why, 2, func(w *world) {
			cfg := w.config(tt.mine)
			n, p := w.run(0, cfg), w.play(1)
			w.pass(0)
			mine := discovery.Entry{Name: cfg.Name, ID: cfg.ID, Text: cfg.Text}
			p.id, p.name = tt.other, cfg.Name
			winner := p.is(w.text())
			if tt.wins {
				winner = mine
			}
			life := 5*w.interval + w.interval/3
			p.claims(n, int(life.Milliseconds()))
			n.mustSay(winner)
			w.pass(life - time.Millisecond)
			n.mustSay(winner)
			p.mustHavePauses(n) // it still says that it is there
			w.pass(2 * time.Millisecond)
			n.mustSay(mine)
		})
	}
	run("five nodes, of which three claim a name", 5, func(w *world) {
		name := w.d.Word()
		for i, id := range w.d.Words(5) {
			cfg := w.config(id)
			if i < 3 {
				cfg.Name = name
			}
			w.run(i, cfg)
			w.pass(ms(w.d.Between(1, 2000)))
		}
		w.pass(w.interval)
		w.mustAgree(w.nodes...)
		w.nodes[w.d.IntN(3)].stop()
		w.mustAgree(w.running()...)
	})
}

// Datagrams that are none (POSIX, recvfrom).
func TestMalformed(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 10, f) })
	long := strings.Repeat("x", 64)
	for _, tt := range []struct{ why, msg string }{
		{"no byte", ""},
		{"a byte", "H"},
		{"another word", "THERE 9 5000 I N text"},
		{"small letters", "here 9 5000 I N text"},
		{"a longer word", "HEREBY 9 5000 I N text"},
		{"a question, and more", "WHO ARE YOU"},
		{"a question, and a line's end", "WHO\n"},
		{"a question, in small letters", "who"},
		{"a blank in front", " HERE 9 5000 I N text"},
		{"two blanks", "HERE  9 5000 I N text"},
		{"tabs", "HERE\t9\t5000\tI\tN\ttext"},
		{"nothing but the word", "HERE"},
		{"a number and nothing else", "HERE 9"},
		{"no name, no text", "HERE 9 5000 I"},
		{"no text, nor a blank for it", "HERE 9 5000 I N"},
		{"no id", "HERE 9 5000  N text"},
		{"no name", "HERE 9 5000 I  text"},
		{"no number", "HERE  5000 I N text"},
		{"no lifetime", "HERE 9  I N text"},
		{"a number below zero", "HERE -9 5000 I N text"},
		{"a number with a sign", "HERE +9 5000 I N text"},
		{"a number of twenty digits", "HERE 00000000000000000009 5000 I N text"},
		{"a number of letters", "HERE nine 5000 I N text"},
		{"a number in hex", "HERE 0x9 5000 I N text"},
		{"a lifetime below zero", "HERE 9 -5000 I N text"},
		{"a lifetime with a sign", "HERE 9 +5000 I N text"},
		{"a lifetime with a unit", "HERE 9 5s I N text"},
		{"a lifetime with a point", "HERE 9 5.5 I N text"},
		{"a lifetime of nine digits", "HERE 9 000005000 I N text"},
		{"a goodbye of nine digits", "HERE 9 000000000 I N text"},
		{"an id of 64 bytes", "HERE 9 5000 " + long + " N text"},
		{"a name of 64 bytes", "HERE 9 5000 I " + long + " text"},
		{"a name that is no ASCII", "HERE 9 5000 I zo\xc3\xab text"},
		{"a name that is no UTF-8", "HERE 9 5000 I zo\xff text"},
		{"a tab in a name", "HERE 9 5000 I zo\te text"},
		{"a zero byte in an id", "HERE 9 5000 zo\x00e N text"},
		{"a delete character in an id", "HERE 9 5000 zo\x7fe N text"},
		{"1,201 bytes", "HERE 9 5000 I N " + strings.Repeat("x", 1185-6) + "123456"},
		{"60,000 bytes", "HERE 9 5000 I N " + strings.Repeat("x", 60000-16)},
	} {
		run(tt.why, 2, func(w *world) {
			n, p := w.run(0, w.config("myself")), w.play(1)
			w.pass(0)
			p.id, p.name, p.seq = "I", "N", 0
			e := p.is(w.text())
			p.claims(n, 60_000)
			n.mustKnow(e)
			p.says(n, tt.msg)
			n.mustKnow(e)
			w.pass(w.interval/10 + time.Millisecond)
			if len(p.announcements()) != 1 {
				w.Fatalf("%s\nanswered a datagram that is none:\n%s\nIt has sent\n%s\nwant the first of these alone", n.title(), quote(tt.msg), p.list())
			}
			p.seq = 10
			e = p.is(w.text())
			p.claims(n, 60_000)
			n.mustKnow(e)
		})
	}
	for _, tt := range []struct{ why, id, name, text string }{
		{"as long as they may be: id and name", long[:63], long[:62] + "y", "text"},
		{"as long as it may be: a datagram", "I", "N", strings.Repeat("x", 1200-23) + "end."},
		{"all sorts of signs", "!#%&/()=?~", `"it's"`, "text"},
	} {
		run(tt.why, 2, func(w *world) {
			n, p := w.run(0, w.config("myself")), w.play(1)
			w.pass(0)
			p.seq, p.id, p.name = 699, tt.id, tt.name
			e := p.is(tt.text)
			p.claims(n, 60000)
			n.mustKnow(e)
		})
	}
}

// Senders that are no peers (RFC 6762, section 11).
func TestStranger(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 11, f) })
	for _, tt := range []struct{ why, net, addr string }{
		{"another port of a peer's host", "192.0.2.0", "192.0.2.2:666"},
		{"a peer's port on another host", "192.0.2.0", "198.51.100.2:5353"},
		{"another port of a peer's host, over IPv6", "2001:db8::", "[2001:db8::2]:666"},
		{"a peer's port on another host, over IPv6", "2001:db8::", "[2001:db8::1:2]:5353"},
	} {
		run(tt.why, 2, func(w *world) {
			w.live(tt.net)
			n, p := w.run(0, w.config(w.d.Word())), w.play(1)
			w.pass(0)
			e := p.is(w.text())
			p.claims(n, 600_000)
			s := w.playAt(tt.addr, "stranger")
			s.says(n, fmt.Sprintf("HERE 9 60000 %s %s text", w.d.Word(), w.d.Word()))
			n.mustKnow(e)
			s.says(n, fmt.Sprintf("HERE 999 0 %s %s goodbye", p.id, p.name))
			n.mustKnow(e)
			s.says(n, "WHO")
			w.pass(3 * w.interval)
			if len(s.heard()) > 0 {
				w.Fatalf("%s\nwas asked by %s, who is none of its peers, and answered\n%s\nwant nothing: whoever forges a sender has it answered", n.title(), s.addr, s.list())
			}
		})
	}
	for _, tt := range []struct {
		why          string
		given, heard int // bytes of the IP addresses
	}{
		{"peers have addresses of 16 bytes, ReadFrom gives 4", 16, 4},
		{"peers have addresses of 4 bytes, ReadFrom gives 16", 4, 16},
	} {
		run(tt.why, 2, func(w *world) {
			w.Net.Note("%s", tt.why)
			w.given, w.read = tt.given, tt.heard
			n, p := w.run(0, w.config(w.d.Word())), w.play(1)
			w.pass(0)
			e := p.is(w.text())
			p.claims(n, 600_000)
			n.mustKnow(e)
		})
	}
}

// Errors of the socket (net, OpError).
func TestUnreachable(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 12, f) })
	for _, no := range []int{1, 2, 3} {
		run(fmt.Sprintf("peer %d of 3 cannot be reached", no), 4, func(w *world) {
			cfg := w.config(w.d.Word())
			w.unreachable = w.hosts[no].String()
			n := w.run(0, cfg)
			var peers []*peer
			for i := 1; i < 4; i++ {
				if i != no {
					peers = append(peers, w.play(i))
				}
			}
			w.pass(4*w.interval + time.Millisecond)
			for _, p := range peers {
				p.mustHavePauses(n)
				e := p.is(w.text())
				p.claims(n, 1000)
				n.mustKnow(e)
				p.claims(n, 0)
			}
			n.stop()
			for _, p := range peers {
				p.mustHaveGoodbye(n, len(p.announcements())-1)
			}
		})
	}
	run("who asks cannot be reached", 3, func(w *world) {
		w.unreachable = w.hosts[1].String()
		n, asks, p := w.run(0, w.config(w.d.Word())), w.play(1), w.play(2)
		w.pass(0)
		asks.says(n, "WHO")
		w.pass(w.interval)
		e := p.is(w.text())
		p.claims(n, 60_000)
		n.mustKnow(e)
	})
	run("ReadFrom says that a peer is gone", 2, func(w *world) {
		w.resets = 1
		n, p := w.run(0, w.config(w.d.Word())), w.play(1)
		w.pass(0)
		p.says(n, "WHO") // which gets lost
		w.pass(time.Second)
		e := p.is(w.text())
		p.claims(n, 60_000)
		w.pass(time.Second)
		n.mustKnow(e)
	})
	run("ReadFrom fails, again and again, for a second", 2, func(w *world) {
		n, p := w.run(0, w.config(w.d.Word())), w.play(1)
		w.pass(w.interval / 10)
		n.conn.fail(time.Second)
		p.says(n, "WHO") // which has the next ReadFrom fail
		w.pass(2 * time.Second)
		if calls, at := n.conn.hurry(); calls >= hotLoop {
			w.Fatalf("%s\nhas called ReadFrom %d times at %v, and each time it failed\nwant a pause after a failure", n.title(), calls, at)
		}
		e := p.is(w.text())
		p.claims(n, 60_000)
		w.pass(time.Second)
		n.mustKnow(e)
	})
	run("somebody closes the socket", 2, func(w *world) {
		n := w.run(0, w.config(w.d.Word()))
		w.pass(w.interval * 3 / 2)
		n.crash()
		if !n.call.Returned() {
			w.Fatalf("%s\nhas not come back from Run, though its socket is closed\n\n%s", n.title(), w.Waiting())
		}
		if err := n.call.Wait(); !errors.Is(err, net.ErrClosed) {
			w.Fatalf("%s\nhas come back from Run, after its socket was closed: %s\nwant an error that is net.ErrClosed", n.title(), outcome(err))
		}
		w.MustBeQuiet()
	})
}

// Networks that fall apart, and come together again (memberlist,
// GossipToTheDeadTime).
func TestHealing(t *testing.T) {
	run := on(t, func(t *testing.T, f func(b *bubble.B)) { bubble.Run(t, 13, f) })
	for _, tt := range []struct {
		why  string
		long func(w *world) time.Duration
	}{
		{"a short partition", func(w *world) time.Duration { return w.interval * 3 / 2 }},
		{"a long one", func(w *world) time.Duration { return 3 * w.lifetime }},
		{"a very long one", func(w *world) time.Duration { return 5 * time.Minute }},
	} {
		run(tt.why, 5, func(w *world) {
			name := w.d.Word()
			for i, id := range w.d.Words(5) {
				cfg := w.config(id)
				if i == 1 || i == 2 { // one on each side
					cfg.Name = name
				}
				w.run(i, cfg)
			}
			w.pass(w.interval)
			w.mustAgree(w.nodes...)
			w.part(2)
			long := tt.long(w)
			w.pass(long)
			if long > w.lifetime {
				w.mustAgree(w.nodes[:2]...)
				w.mustAgree(w.nodes[2:]...)
			}
			w.part(0)
			w.pass(w.interval + time.Millisecond)
			w.mustAgree(w.nodes...)
		})
	}
	run("somebody comes and somebody leaves meanwhile", 5, func(w *world) {
		for i, id := range w.d.Words(4) {
			w.run(i, w.config(id))
		}
		w.pass(w.interval)
		w.part(2)
		w.nodes[0].stop()
		w.run(4, w.config(w.d.Word()))
		w.pass(w.interval)
		w.part(0)
		w.pass(w.lifetime) // which the goodbye did not shorten for all
		w.mustAgree(w.running()...)
	})
	run("any weather, and then a fine day", 4, func(w *world) {
		const sent = 40 // by each, in the bad weather
		name := w.d.Word()
		for i, id := range w.d.Words(4) {
			cfg := w.config(id)
			if i < 2 {
				cfg.Name = name
			}
			var script memnet.Script
			for at := range sent {
				do := []memnet.Fault{memnet.Drop, memnet.Drop, memnet.Duplicate, memnet.Delay, memnet.Reorder}
				if k := w.d.IntN(8); k < len(do) {
					script = append(script, memnet.Step{Do: do[k], At: at + 1, For: ms(w.d.Between(1, int(w.interval.Milliseconds())))})
				}
			}
			w.Net.Disturb(memnet.From(w.hosts[i]), script)
			w.run(i, cfg)
		}
		w.pass(5 * w.interval)
		w.nodes[3].crash()
		w.pass(15 * w.interval)
		w.mustAgree(w.running()...)
	})
}

// world is a network, and who is on it.
type world struct {
	*bubble.B
	d                  *draw.Data
	interval, lifetime time.Duration // of all nodes
	hosts              []net.Addr
	nodes              []*node
	echo               bool   // who sends to all, hears it himself
	given, read        int    // bytes of IP addresses, as Run and ReadFrom give them; 0: as they come
	unreachable        string // WriteTo fails for this host

	mu     sync.Mutex
	parted int     // those from this one on and those before it do not hear each other; 0: they do
	resets int     // so many datagrams are lost with ECONNRESET
	late   []*peer // these ask while goodbyes are told, one at each

	muWhole sync.Mutex
	whole   map[string]bool // datagrams that the transcript shows with their numbers
}

// on returns what runs a test of a rule on a network of that many hosts, at which
// nobody is yet.
func on(t *testing.T, rule func(t *testing.T, f func(b *bubble.B))) func(why string, hosts int, f func(w *world)) {
	return func(why string, hosts int, f func(w *world)) {
		t.Run(why, func(t *testing.T) {
			rule(t, func(b *bubble.B) { f(build(b, hosts)) })
		})
	}
}

// build makes a network of that many hosts, at which nobody is.
func build(b *bubble.B, hosts int) *world {
	w := &world{B: b, d: draw.From(b.R), whole: map[string]bool{}}
	b.Net.Describe = w.describe
	w.interval = ms(100 * w.d.Between(20, 60))
	w.lifetime = 3*w.interval + ms(w.d.Between(1, 900))
	w.hosts = make([]net.Addr, hosts)
	w.live("192.0.2.0")
	return w
}

// live gives the hosts the first addresses of that network.
func (w *world) live(network string) {
	for i := range w.hosts {
		ip := netip.MustParseAddr(network).AsSlice()
		ip[len(ip)-1] = byte(i + 1)
		w.hosts[i] = &net.UDPAddr{IP: ip, Port: 5353}
	}
}

// showNumbers has the transcript show the nodes' numbers, in short.
func (w *world) showNumbers() {
	var mu sync.Mutex
	seen := map[string][]uint64{}
	w.Net.Describe = func(msg []byte) string {
		mu.Lock()
		defer mu.Unlock()
		f := strings.SplitN(string(msg), " ", 5)
		v, ok := number(datagram{msg: string(msg)})
		if !ok || len(f) < 5 || len(f[1]) < longNumber {
			return w.describe(msg)
		}
		all := seen[f[3]]
		i := slices.Index(all, v)
		if i < 0 && len(all) > 0 && v < all[len(all)-1] {
			return quoteWords(msg) // not in order: as it is
		}
		if i < 0 {
			i, seen[f[3]] = len(all), append(all, v)
		}
		f[1] = fmt.Sprintf("#%d", i+1)
		return quoteWords([]byte(strings.Join(f, " ")))
	}
	w.Net.Note("#1, #2 … stand for the long numbers of an id, in their order")
}

// text is some words that nobody has said yet.
func (w *world) text() string { return strings.Join(w.d.Words(2), " ") }

func (w *world) config(id string) discovery.Config {
	return discovery.Config{ID: id, Name: w.d.Word(), Text: w.text(), Interval: w.interval, Lifetime: w.lifetime}
}

// pass lets time pass, and sees to it that all nodes are still there.
func (w *world) pass(d time.Duration) {
	w.T().Helper()
	for _, n := range w.nodes {
		n.begin() // now that all peers are there
	}
	if d > 0 {
		<-time.After(d)
	}
	w.Wait()
	for _, n := range w.running() {
		if n.call.Returned() {
			w.Fatalf("%s\nhas come back from Run at %v: %s\nwant it to go on until ctx is done", n.title(), w.now(), outcome(n.call.Wait()))
		}
	}
}

// now is the time, as the transcript has it.
func (w *world) now() time.Duration { return clock(w.Elapsed()) }

// part cuts the network in two, of which one has that many hosts; 0 heals it.
func (w *world) part(at int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parted = at
	if at == 0 {
		w.Net.Note("the network is whole again")
	} else {
		w.Net.Note("the network is cut in two: what is sent to the other part is lost (and not shown)")
	}
}

// running are the nodes that nobody has stopped.
func (w *world) running() []*node {
	return slices.DeleteFunc(slices.Clone(w.nodes), func(n *node) bool { return n.over })
}

// mustAgree wants these nodes to know each other, and nobody else.
func (w *world) mustAgree(nodes ...*node) {
	w.T().Helper()
	w.pass(0)
	winners := map[string]discovery.Entry{}
	for _, n := range nodes {
		if old, ok := winners[n.cfg.Name]; !ok || n.cfg.ID < old.ID {
			winners[n.cfg.Name] = n.entry()
		}
	}
	var want []discovery.Entry
	for _, e := range winners {
		want = append(want, e)
	}
	for _, n := range nodes {
		n.mustSay(want...)
	}
}

// node is a host on which the learner's code runs.
type node struct {
	*world
	cfg           discovery.Config
	told          string // the last datagram that a peer of the test's has sent to it
	node          *discovery.Node
	conn          *socket
	call          *bubble.Call
	ctx           context.Context
	begin, cancel func()
	over          bool
}

// run makes a Node on that host, which runs from the next pass on.
func (w *world) run(host int, cfg discovery.Config) *node {
	n := &node{world: w, cfg: cfg}
	conn, err := w.Net.ListenPacket(w.hosts[host].String())
	if err != nil {
		w.Fatalf("the test cannot make a socket: %v", err)
	}
	n.conn = &socket{PacketConn: conn, w: w, host: host}
	w.Net.Name(conn.LocalAddr(), cfg.ID)
	var peers []net.Addr
	for i, h := range w.hosts {
		if i != host || w.echo {
			peers = append(peers, inBytes(h, w.given))
		}
	}
	n.ctx, n.cancel = context.WithCancel(w.Context())
	w.Do(n.title, func() { n.node = discovery.New(cfg) })
	begun := make(chan struct{})
	n.begin = sync.OnceFunc(func() { close(begun) })
	n.call = w.Go(fmt.Sprintf("Run(ctx, conn, peers) of %q", cfg.ID), func() error {
		<-begun
		return n.node.Run(n.ctx, n.conn, peers)
	})
	w.nodes = append(w.nodes, n)
	return n
}

// stop cancels the node's context, and wants Run to return nil at once.
func (n *node) stop() {
	n.T().Helper()
	n.over = true
	n.cancelled()
	n.begin()
	n.Wait()
	if !n.call.Returned() {
		n.Fatalf("%s\nhas not come back from Run at once: its ctx was cancelled now, at %v\nwant nobody to wait any longer\n\n%s", n.title(), n.now(), n.Waiting())
	}
	if err := n.call.Wait(); err != nil {
		n.Fatalf("%s\nhas come back from Run, after its ctx was cancelled: %s\nwant nil", n.title(), outcome(err))
	}
}

// cancelled cancels the node's context, unless that was done.
func (n *node) cancelled() {
	if n.ctx.Err() == nil {
		n.Net.Note("ctx of %q is cancelled", n.cfg.ID)
		n.cancel()
	}
}

// mustHaveClosed wants a node that is stopped to have left nothing behind, not
// even its socket. The peers leave.
func (n *node) mustHaveClosed(peers ...*peer) {
	n.T().Helper()
	for _, p := range peers {
		p.conn.Close()
	}
	n.Wait()
	n.MustBeQuiet()
	conn, err := n.Net.ListenPacket(n.conn.LocalAddr().String())
	if err != nil {
		n.Fatalf("%s\nhas returned, and conn is still open\nwant it closed", n.title())
	}
	conn.Close()
}

// crash closes the node's socket: no goodbye is said.
func (n *node) crash() {
	n.Net.Note("the socket of %q is closed by somebody", n.cfg.ID)
	n.over = true
	n.conn.PacketConn.Close()
	n.Wait()
}

func (n *node) title() string {
	return fmt.Sprintf("The node %q (Name %q, Interval %v, Lifetime %v)", n.cfg.ID, n.cfg.Name, n.cfg.Interval, n.cfg.Lifetime)
}

func (n *node) entry() discovery.Entry {
	return discovery.Entry{Name: n.cfg.Name, ID: n.cfg.ID, Text: n.cfg.Text}
}

// mustKnow wants Who to return these and the node itself.
func (n *node) mustKnow(others ...discovery.Entry) {
	n.T().Helper()
	n.mustSay(append(slices.Clone(others), n.entry())...)
}

// who calls Who.
func (n *node) who() (all []discovery.Entry) {
	n.Do(func() string { return n.title() + "\nWho()" }, func() { all = n.node.Who() })
	return all
}

// mustSay wants Who to return these.
func (n *node) mustSay(want ...discovery.Entry) {
	n.T().Helper()
	n.pass(0)
	got := n.who()
	slices.SortFunc(want, func(a, b discovery.Entry) int { return strings.Compare(a.Name, b.Name) })
	if !slices.Equal(got, want) {
		n.Net.Note("Who() of %q is called", n.cfg.ID)
		n.Fatalf("%s\n%sis asked Who() at %v, and returns\n%s\nwant\n%s", n.title(), n.told, n.now(), entries(got, want), entries(want, got))
	}
}

// entries lists entries, and marks those that the others lack.
func entries(all, others []discovery.Entry) string {
	if len(all) == 0 {
		return "    nobody"
	}
	var lines []string
	for _, e := range all {
		mark := " "
		if !slices.Contains(others, e) {
			mark = ">"
		}
		lines = append(lines, fmt.Sprintf("  %s %-10s id %-10s %s", mark, word(e.Name), word(e.ID), quote(e.Text)))
	}
	return strings.Join(lines, "\n")
}

// word is a word, without the middle of a long one.
func word(s string) string {
	if n := len(s); n > 20 {
		return fmt.Sprintf("%s…%s (%d bytes)", s[:4], s[n-4:], n)
	}
	return s
}

// socket is what Run is given.
type socket struct {
	*memnet.PacketConn
	w       *world
	host    int
	reading atomic.Int64 // calls of ReadFrom that have not returned
	moves   atomic.Int64 // calls of ReadFrom begun, and of WriteTo ended
	byes    atomic.Int64 // goodbyes sent
	slow    atomic.Pointer[slow]

	mu      sync.Mutex
	broken  time.Duration // until then, ReadFrom fails once something has come
	failed  time.Duration // when it did so last
	calls   int           // so many times at that moment
	hurried bool          // too often
}

// hotLoop is how many failures at one moment are too many.
const hotLoop = 50

// fail has ReadFrom fail for so long, from the next datagram on.
func (s *socket) fail(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = s.w.Elapsed() + d
}

// fails says whether ReadFrom fails now: not any more when it is called in a
// loop that would never end.
func (s *socket) fails(begun bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.w.Elapsed()
	if now >= s.broken || s.hurried || begun && s.calls == 0 {
		return false
	}
	if s.failed != now {
		s.failed, s.calls = now, 0
	}
	s.calls++
	s.hurried = s.calls >= hotLoop
	return true
}

// hurry returns how often ReadFrom failed when it did so last, and when that was.
func (s *socket) hurry() (calls int, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls, s.failed
}

// slow is an announcement to somebody that takes a while to send, though no time
// passes: others get on.
type slow struct {
	to    string
	begin func() // called when its WriteTo has begun
}

func (s *socket) WriteTo(b []byte, to net.Addr) (int, error) {
	defer s.moves.Add(1)
	at := slices.IndexFunc(s.w.hosts, func(h net.Addr) bool { return h.String() == to.String() })
	s.w.mu.Lock()
	part := s.w.parted
	s.w.mu.Unlock()
	if to.String() == s.w.unreachable {
		s.w.Net.Note("WriteTo fails: no route to %v", to)
		return 0, &net.OpError{Op: "write", Net: "udp", Source: s.LocalAddr(), Addr: to, Err: os.NewSyscallError("sendto", syscall.EHOSTUNREACH)}
	}
	if part > 0 && (s.host < part) != (at < part) {
		return len(b), nil
	}
	goodbye := isGoodbye(string(b))
	if slow := s.slow.Load(); slow != nil && slow.to == to.String() && !goodbye && s.slow.CompareAndSwap(slow, nil) {
		s.takeAWhile(slow)
	}
	n, err := s.PacketConn.WriteTo(b, to)
	if err != nil {
		s.w.Net.Note("WriteTo fails: %v", err)
	} else if goodbye {
		s.byes.Add(1)
		s.beAsked()
	}
	return n, err
}

// takeAWhile lets others get on, until they have said goodbye to all or have had
// the time for it.
func (s *socket) takeAWhile(slow *slow) {
	s.w.Net.Note("a WriteTo to %s begins, and takes a while", slow.to)
	slow.begin()
	for i := 0; i < 1<<16 && int(s.byes.Load()) < len(s.w.hosts)-1; i++ {
		runtime.Gosched()
	}
	s.w.Net.Note("that WriteTo goes on")
}

// beAsked has the next late peer send a question, and gives whoever reads the time
// to answer it. That is not a matter of the clock: somebody may hold a lock
// meanwhile, and rightly.
func (s *socket) beAsked() {
	s.w.mu.Lock()
	if len(s.w.late) == 0 {
		s.w.mu.Unlock()
		return
	}
	p := s.w.late[0]
	s.w.late = s.w.late[1:]
	s.w.mu.Unlock()
	before, read := s.moves.Load(), s.reading.Load() > 0
	p.conn.WriteTo([]byte("WHO"), s.LocalAddr())
	for i := 0; read && i < 1<<14 && s.moves.Load() == before; i++ {
		runtime.Gosched()
	}
}

func (s *socket) ReadFrom(b []byte) (int, net.Addr, error) {
	s.moves.Add(1)
	if s.fails(true) {
		return s.noBuffers()
	}
	s.reading.Add(1)
	n, from, err := s.PacketConn.ReadFrom(b)
	s.reading.Add(-1)
	if err != nil {
		return n, from, err
	}
	if s.fails(false) {
		s.w.Net.Note("ReadFrom fails, and from now on again and again: ENOBUFS")
		return s.noBuffers()
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if s.w.resets > 0 {
		s.w.resets--
		s.w.Net.Note("ReadFrom fails: ECONNRESET")
		return 0, nil, &net.OpError{Op: "read", Net: "udp", Source: s.LocalAddr(), Err: os.NewSyscallError("recvfrom", syscall.ECONNRESET)}
	}
	return n, inBytes(from, s.w.read), nil
}

// noBuffers is what ReadFrom returns when the kernel is short of memory.
func (s *socket) noBuffers() (int, net.Addr, error) {
	return 0, nil, &net.OpError{Op: "read", Net: "udp", Source: s.LocalAddr(), Err: os.NewSyscallError("recvfrom", syscall.ENOBUFS)}
}

// peer is a host that the test plays.
type peer struct {
	*world
	conn           *memnet.PacketConn
	addr           net.Addr
	title          string
	id, name, text string
	seq            int

	mu  sync.Mutex
	got []datagram
}

type datagram struct {
	at  time.Duration
	msg string
}

// play plays that host, as somebody with an id and a name.
func (w *world) play(host int) *peer { return w.playAs(host, w.d.Word(), w.d.Word()) }

func (w *world) playAs(host int, id, name string) *peer {
	p := w.playAt(w.hosts[host].String(), id)
	p.id, p.name = id, name
	return p
}

// playAt plays a host at that address, which the transcript calls so.
func (w *world) playAt(addr, title string) *peer {
	conn, err := w.Net.ListenPacket(addr)
	if err != nil {
		w.Fatalf("the test cannot make a socket: %v", err)
	}
	p := &peer{world: w, conn: conn, addr: conn.LocalAddr(), title: title, seq: 100}
	w.Net.Name(p.addr, title)
	w.Go("a peer", func() error {
		for buf := make([]byte, 1<<16); ; {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return nil
			}
			p.mu.Lock()
			p.got = append(p.got, datagram{w.Elapsed(), string(buf[:n])})
			p.mu.Unlock()
		}
	})
	return p
}

// is has the peer claim its name with that text from now on, and returns what is
// to be known of it.
func (p *peer) is(text string) discovery.Entry {
	p.text = text
	return discovery.Entry{Name: p.name, ID: p.id, Text: text}
}

// claims sends an announcement to a node.
func (p *peer) claims(n *node, ttl int) {
	p.T().Helper()
	p.seq++
	p.says(n, fmt.Sprintf("HERE %d %d %s %s %s", p.seq, ttl, p.id, p.name, p.text))
}

// says sends a datagram to a node.
func (p *peer) says(n *node, msg string) {
	n.told = fmt.Sprintf("was sent by %q at %v\n    %s\n", p.title, p.now(), quote(msg))
	p.asItIs(msg)
	p.conn.WriteTo([]byte(msg), n.conn.LocalAddr())
}

func (p *peer) heard() []datagram {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.got)
}

// questions and announcements are the datagrams that it has heard so far.
func (p *peer) questions() []datagram {
	return slices.DeleteFunc(p.heard(), func(d datagram) bool { return d.msg != "WHO" })
}

func (p *peer) announcements() []datagram {
	return slices.DeleteFunc(p.heard(), func(d datagram) bool { return d.msg == "WHO" })
}

// list lists the announcements.
func (p *peer) list() string { return list(p.announcements()) }

func list(all []datagram) string {
	if len(all) == 0 {
		return "    nothing"
	}
	var lines []string
	for i, d := range all {
		if left := len(all) - i; i == 12 && left > 1 {
			lines = append(lines, fmt.Sprintf("    … and %d more", left))
			break
		}
		lines = append(lines, fmt.Sprintf("    %10v  %s", clock(d.at), quote(d.msg)))
	}
	return strings.Join(lines, "\n")
}

// mustHave wants that many announcements of cfg to have come.
func (p *peer) mustHave(cfg discovery.Config, want int) {
	p.T().Helper()
	n := p.nodes[len(p.nodes)-1]
	all := p.announcements()
	if len(all) != want {
		p.Fatalf("%s\nhas sent to %s, which is among its peers,\n%s\nwant %s by %v", n.title(), p.addr, list(all), count(want, "announcement"), p.now())
	}
	words := fmt.Sprintf("%s %s %s", cfg.ID, cfg.Name, cfg.Text)
	form := fmt.Sprintf("HERE <number> %d %s", cfg.Lifetime.Milliseconds(), words)
	for _, d := range all {
		f := strings.SplitN(d.msg, " ", 4)
		_, ok := number(d)
		if !ok || f[0] != "HERE" || len(f) < 4 || f[3] != words || len(f[2]) > 8 || strings.TrimLeft(f[2], "0") != fmt.Sprint(cfg.Lifetime.Milliseconds()) {
			p.Fatalf("%s\nsent to %s, at %v,\n    %s\nwant\n    %s\nwhere the number has 1 to 19 digits", n.title(), p.addr, clock(d.at), quote(d.msg), quote(form))
		}
	}
}

// mustHavePauses wants announcements of n from the beginning on, not too seldom
// and not too often, as long as nobody has asked.
func (p *peer) mustHavePauses(n *node) {
	p.T().Helper()
	all := p.announcements()
	last := time.Duration(0)
	for i, d := range append(all, datagram{at: p.Elapsed()}) {
		pause := d.at - last
		last = d.at
		switch {
		case i == len(all) && pause > n.cfg.Interval:
			p.Fatalf("%s\nhas sent to %s\n%s\nand it is %v by now. Want no pause longer than %v", n.title(), p.addr, list(all), p.now(), n.cfg.Interval)
		case i == len(all) || i == 0:
		case pause > n.cfg.Interval || pause < n.cfg.Interval/2:
			p.Fatalf("%s\nhas sent to %s\n%s\nA pause, until %v, was %v long. Want from %v to %v", n.title(), p.addr, list(all), clock(d.at), pause, n.cfg.Interval/2, n.cfg.Interval)
		}
	}
}

// isGoodbye says whether a datagram is an announcement with a lifetime of 0.
func isGoodbye(msg string) bool {
	f := strings.SplitN(msg, " ", 4)
	return len(f) == 4 && f[0] == "HERE" && f[2] != "" && strings.Trim(f[2], "0") == ""
}

// untilGoodbye is how many announcements came before the first goodbye.
func (p *peer) untilGoodbye() int {
	all := p.announcements()
	if i := slices.IndexFunc(all, func(d datagram) bool { return isGoodbye(d.msg) }); i >= 0 {
		return i
	}
	return len(all)
}

// mustHaveGoodbye wants one more announcement than before to have come, with a
// lifetime of 0, now.
func (p *peer) mustHaveGoodbye(n *node, before int) {
	p.T().Helper()
	all := p.announcements()
	if len(all) == before {
		p.Fatalf("%s\nwas stopped at %v, and has sent nothing to %s since\nwant a goodbye, an announcement with a lifetime of 0", n.title(), p.now(), p.addr)
	}
	goodbye := all[len(all)-1]
	f := strings.SplitN(goodbye.msg, " ", 6)
	if len(all) != before+1 || !isGoodbye(goodbye.msg) || len(f) < 6 || f[3] != n.cfg.ID || goodbye.at != p.Elapsed() {
		p.Fatalf("%s\nwas stopped at %v, and from then on sent to %s\n%s\nwant a goodbye at once, and nothing else: \"HERE <number> 0 %s …\"", n.title(), p.now(), p.addr, list(all[before:]), n.cfg.ID)
	}
}

// mustHaveGrowing wants the numbers of all announcements that came to grow. Those
// of one instant may have come in any order.
func (p *peer) mustHaveGrowing(n *node, more string) {
	p.T().Helper()
	all := slices.DeleteFunc(p.announcements(), func(d datagram) bool { return !strings.Contains(d.msg, " "+n.cfg.ID+" ") })
	slices.SortStableFunc(all, func(a, b datagram) int {
		one, _ := number(a)
		other, _ := number(b)
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(one, other))
	})
	var last uint64
	for i, d := range all {
		seq, ok := number(d)
		if !ok || i > 0 && seq <= last {
			p.Fatalf("%s\nhas sent to %s\n%s\n%sThe number of the last of these is not greater than the one before.", n.title(), p.addr, list(all[max(0, i-11):i+1]), more)
		}
		last = seq
	}
}

// number returns the number of an announcement.
func number(d datagram) (uint64, bool) {
	f := strings.SplitN(d.msg, " ", 3)
	if len(f) < 3 || len(f[1]) > 19 {
		return 0, false
	}
	v, err := strconv.ParseUint(f[1], 10, 64)
	return v, err == nil
}

// inBytes is addr with its IP address in so many bytes; 0: as it is.
func inBytes(addr net.Addr, n int) net.Addr {
	a := *addr.(*net.UDPAddr)
	switch n {
	case 4:
		a.IP = a.IP.To4()
	case 16:
		a.IP = a.IP.To16()
	}
	return &a
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// outcome is what Run returned.
func outcome(err error) string {
	if err == nil {
		return "nil"
	}
	return fmt.Sprintf("the error %q", err)
}

// quote is %q, without the middle of a long text.
func quote(text string) string {
	if n := len(text); n > 100 {
		return fmt.Sprintf("%q … %q (%d bytes)", text[:40], text[n-10:], n)
	}
	return fmt.Sprintf("%q", text)
}

// clock is a time as the transcript has it.
func clock(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// longNumber is how many digits the number of a node has that takes it from its
// clock: they are seldom of interest.
const longNumber = 10

// asItIs has the transcript show the number of a datagram, however long.
func (w *world) asItIs(msg string) {
	w.muWhole.Lock()
	defer w.muWhole.Unlock()
	w.whole[msg] = true
}

// describe is what the transcript says of a datagram: of the long number of a
// node, nothing, so that equal lines can be folded.
func (w *world) describe(msg []byte) string {
	w.muWhole.Lock()
	whole := w.whole[string(msg)]
	w.muWhole.Unlock()
	f := strings.SplitN(string(msg), " ", 3)
	if len(f) == 3 && len(f[1]) >= longNumber && !whole {
		f[1] = "…"
	}
	return quoteWords([]byte(strings.Join(f, " ")))
}

// quoteWords is quote, for what is mostly words: without the quotes of a short one.
func quoteWords(msg []byte) string {
	text := quote(string(msg))
	if len(msg) > 100 {
		return text
	}
	return strings.Trim(text, `"`)
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func times(all []datagram, what string) string {
	switch len(all) {
	case 0:
		return "no " + what
	case 1:
		return what + " once"
	}
	return fmt.Sprintf("%s %d times", what, len(all))
}
