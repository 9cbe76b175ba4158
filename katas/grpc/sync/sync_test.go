package sync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"regexp"
	"runtime"
	"slices"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/grpctest"
	"github.com/example/netkata/harness/loopback"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/katas/grpc/sync"
	syncv1 "github.com/example/netkata/pb/sync/v1"
)

// One replica by itself (Go, maps).
func TestLocal(t *testing.T) {
	t.Run("written, read, deleted", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b)
			n, keys := w.node(), w.d.Words(3)
			n.mustHave(nil)
			n.set(keys[0], "one")
			n.mustHave(state{keys[0]: "one"})
			n.set(keys[1], "two")
			n.set(keys[0], "three")
			n.mustHave(state{keys[0]: "three", keys[1]: "two"})
			n.del(keys[0])
			n.mustHave(state{keys[1]: "two"})
			n.del(keys[0])
			n.del(keys[2])
			n.mustHave(state{keys[1]: "two"})
			n.set(keys[0], "four")
			n.mustHave(state{keys[0]: "four", keys[1]: "two"})
			n.del(keys[0])
			n.del(keys[1])
			n.mustHave(nil)
		})
	})
	t.Run("values and keys of all kinds", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			want := state{"a": "", " ": "\x00\xff", "A": w.d.Text(100), "é/\n": w.d.Text(3), "aa": "x", "B": "x", "\uff61": "x", "🦆": "x"}
			for _, key := range w.d.Words(10) {
				want[key] = key
			}
			for key, value := range want {
				n.set(key, value)
			}
			n.mustHave(want)
			n.r.Set("a", nil)
			if value, ok := n.r.Get("a"); !ok || len(value) != 0 {
				w.Fatalf("Set(\"a\", nil), and then Get(\"a\") = %q, %v\nwant an empty value, and true", value, ok)
			}
		})
	})
	t.Run("the caller's own", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b)
			n, key := w.node(), w.d.Word()
			mine := []byte("one")
			n.r.Set(key, mine)
			mine[0] = 'X'
			if got, _ := n.r.Get(key); string(got) != "one" {
				w.Fatalf("Set(%q, value) with the value \"one\". Then its caller changed the first byte of the\nslice to X, and Get(%q) = %q, want \"one\"", key, key, got)
			}
			got, _ := n.r.Get(key)
			copy(got, "XXX")
			_ = append(got[:0], "YYY"...)
			if again, _ := n.r.Get(key); string(again) != "one" {
				w.Fatalf("Get(%q) was \"one\". Its caller has written into that slice, and the next Get(%q) = %q\nwant \"one\"", key, key, again)
			}
			n.set(w.d.Word(), "")
			keys := n.r.Keys()
			want := slices.Clone(keys)
			clear(keys)
			if again := n.r.Keys(); !slices.Equal(again, want) {
				w.Fatalf("Keys() = %q. Its caller has cleared that slice, and the next Keys() = %q", want, again)
			}
		})
	})
}

// The order of messages (sync.proto, SyncService).
func TestOrder(t *testing.T) {
	for _, dir := range directions {
		t.Run(dir.why, func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				w := start(b)
				n := w.node()
				for i, key := range w.d.Words(3) {
					n.set(key, fmt.Sprint("value ", i))
				}
				n.set(n.r.Keys()[0], "")
				p := w.play(dir, n, w.d.Word())
				if dir.asClient {
					p.mustHear(n.have(nil))
				}
				p.sends(have(p.name))
				p.mustHaveHeard(append([]string{n.have(nil)}, append(n.entries(nil), "Synced")...)...)
				p.mustUse(n)
				p.sends(synced())
				p.mustHear()
			})
		})
		t.Run(dir.why+", without keys", func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				w := start(b)
				n := w.node()
				p := w.play(dir, n, w.d.Word())
				p.sends(have(p.name))
				p.mustHear(n.have(nil), "Synced")
				p.sends(synced())
				p.mustHear()
			})
		})
	}
}

// Once, between two of the learner's (sync.proto, SyncService).
func TestOnce(t *testing.T) {
	for _, tt := range []struct {
		why          string
		mine, theirs int
	}{
		{"neither has a key", 0, 0},
		{"the server has some", 0, 3},
		{"the client has some", 3, 0},
		{"each has some", 2, 3},
		{"each has many", 60, 70},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 3, func(b *bubble.B) {
				w := start(b)
				n, m := w.node(), w.node()
				want := state{}
				for i := range tt.mine + tt.theirs {
					key, value := w.d.Word(), w.d.Text(w.d.IntN(30))
					want[key] = value
					if i < tt.mine {
						n.quietly(key, value)
					} else {
						m.quietly(key, value)
					}
				}
				for range 2 {
					n.once(m)
					n.mustHave(want)
					m.mustHave(want)
				}
				m.once(n)
				m.mustHave(want)
				key := w.d.Word()
				m.set(key, "late")
				want[key] = "late"
				n.once(m)
				n.mustHave(want)
			})
		})
	}
	t.Run("one by one, round a ring", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			w := start(b)
			nodes, want := []*node{w.node(), w.node(), w.node(), w.node()}, state{}
			for _, n := range nodes {
				key := w.d.Word()
				want[key] = n.name
				n.set(key, n.name)
			}
			for i := range 7 {
				n, m := nodes[i%4], nodes[(i+1)%4]
				n.once(m)
				n.mustBe(m) // also with what others have written
			}
			for _, n := range nodes {
				n.mustHave(want)
			}
		})
	})
}

// Which of two writes of a key stays (Lamport, Time, Clocks).
func TestLater(t *testing.T) {
	type write struct {
		counter int64
		by      string
	}
	for _, tt := range []struct {
		why    string
		writes []write // the later, the later
	}{
		{"by the counter", []write{{3, "ann"}, {4, "ann"}, {5, "ann"}}},
		{"by the counter, whoever it was", []write{{3, "zoe"}, {4, "bob"}, {5, "ann"}}},
		{"by the counter, as a number", []write{{9, "ann"}, {10, "ann"}, {100, "ann"}, {1<<32 + 5, "ann"}, {1 << 40, "ann"}, {1 << 60, "bob"}, {1<<60 + 1, "ann"}}},
		{"by the name, where counters are equal", []write{{7, "ann"}, {7, "bob"}, {7, "zoe"}}},
		{"by the name, byte by byte", []write{{7, "Zoe"}, {7, "ann"}, {7, "ann1"}, {7, "anna"}, {7, "b"}}},
	} {
		for _, order := range []string{"in their order", "the other way round", "mixed"} {
			t.Run(tt.why+", "+order, func(t *testing.T) {
				bubble.Run(t, 4, func(b *bubble.B) {
					w := start(b)
					n, key := w.node(), w.d.Word()
					last := tt.writes[len(tt.writes)-1]
					writes := slices.Clone(tt.writes)
					switch order {
					case "the other way round":
						slices.Reverse(writes)
					case "mixed":
						w.d.Shuffle(len(writes), func(i, j int) { writes[i], writes[j] = writes[j], writes[i] })
					}
					dir := directions[w.d.IntN(len(directions))]
					p := w.play(dir, n, w.d.Word())
					p.sends(have(p.name))
					for _, wr := range writes {
						p.sends(entry(key, stamp(wr.counter, wr.by), fmt.Sprint(wr.counter, wr.by)))
					}
					n.mustHave(state{key: fmt.Sprint(last.counter, last.by)})
				})
			})
		}
	}
	t.Run("a peer's and its own", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			w := start(b)
			n, keys := w.node(), w.d.Words(4)
			for _, key := range keys {
				n.set(key, "own")
			}
			p := w.play(directions[0], n, w.d.Word())
			p.sends(have(p.name))
			p.sends(
				entry(keys[0], stamp(n.counter(keys[0]), n.name[:len(n.name)-1]), "lesser name"),
				entry(keys[1], stamp(n.counter(keys[1]), n.name+"a"), "greater name"),
				entry(keys[2], stamp(n.counter(keys[2])+1, "a"), "later"))
			n.mustHave(state{keys[0]: "own", keys[1]: "greater name", keys[2]: "later", keys[3]: "own"})
		})
	})
	t.Run("two that did not know of each other", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			w := start(b)
			n, m, o, key := w.node(), w.node(), w.node(), w.d.Word()
			n.set(key, "of "+n.name)
			m.set(key, "of "+m.name)
			o.set(key, "of "+o.name)
			n.once(m)
			n.mustBe(m)
			o.once(m)
			o.mustBe(m)
			n.once(o)
			n.mustBe(m)
			n.mustBe(o)
		})
	})
}

// Which counter a write has (Lamport, Time, Clocks).
func TestCounter(t *testing.T) {
	t.Run("its own", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			w := start(b)
			n, keys := w.node(), w.d.Words(3)
			var last int64
			for i := range 9 {
				key := keys[i%3]
				n.set(key, fmt.Sprint(i))
				s := n.stamp(key)
				if s.GetCounter() <= last || s.GetReplica() != n.name {
					w.Fatalf("Of %d writes, the last one was of key %q. Have says that its stamp is %s.\nWant a counter above %d, as the one before had, and the replica %s.", i+1, key, text(s), last, n.name)
				}
				last = s.GetCounter()
			}
		})
	})
	for _, kind := range []string{"an entry", "a deletion"} {
		t.Run("above a peer's, "+kind, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(3)
				p := w.play(directions[0], n, w.d.Word())
				p.sends(have(p.name))
				high := int64(w.d.Between(1000, 1<<40))
				e := entry(keys[0], stamp(high, "zz"), "far ahead")
				if kind == "a deletion" {
					e = gone(keys[0], stamp(high, "zz"))
				}
				p.sends(e, entry(keys[1], stamp(1, "a"), "far behind"))
				for _, key := range keys {
					n.set(key, "own")
					if s := n.stamp(key); s.GetCounter() <= high {
						w.Fatalf("%s sent %s whose counter is %d, of key %q. Then came Set(%q): its stamp is %s.\nWant a counter above %d: whoever writes knows of that one.", p.what, kind, high, keys[0], key, text(s), high)
					}
				}
			})
		})
	}
	for _, dir := range directions {
		for _, whose := range []string{"of a key of the peer's", "of a key that both have"} {
			t.Run("above what is in a peer's Have, "+whose+", "+dir.why, func(t *testing.T) {
				bubble.Run(t, 5, func(b *bubble.B) {
					w := start(b)
					n, key := w.node(), w.d.Word()
					if whose == "of a key that both have" {
						n.set(key, "older")
					}
					p := w.play(dir, n, w.d.Word())
					high := int64(w.d.Between(1000, 1<<40))
					p.sends(have(p.name, key, stamp(high, "zz"), w.d.Word(), stamp(1, "a")))
					n.set(key, "own")
					if s := n.stamp(key); s.GetCounter() <= high {
						w.Fatalf("%s sent a Have with %s%s, and not the entry yet. Then came Set(%q): its stamp is %s.\nWant a counter above %d: that write has been heard of.", p.what, word(key), text(stamp(high, "zz")), key, text(s), high)
					}
				})
			})
		}
	}
	t.Run("who writes last, having seen the others, wins", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			w := start(b)
			nodes := []*node{w.node(), w.node(), w.node()}
			key := w.d.Word()
			for i := range 20 {
				nodes[0].quietly(key, fmt.Sprint(i))
			}
			for i := range 8 {
				n, m := nodes[i%3], nodes[(i+1)%3]
				n.once(m)
				m.set(key, fmt.Sprint("last ", i))
				n.once(m)
				n.mustHave(state{key: fmt.Sprint("last ", i)})
				m.mustHave(state{key: fmt.Sprint("last ", i)})
			}
		})
	})
}

// Deletions (Cassandra, tombstones).
func TestDeleted(t *testing.T) {
	t.Run("it goes on to others", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			w := start(b)
			n, m, o, keys := w.node(), w.node(), w.node(), w.d.Words(2)
			n.set(keys[0], "gone soon")
			n.set(keys[1], "stays")
			n.once(m)
			m.once(o)
			n.del(keys[0])
			m.once(n)
			n.mustHave(state{keys[1]: "stays"})
			m.mustHave(state{keys[1]: "stays"})
			o.once(m) // o still has it
			o.mustHave(state{keys[1]: "stays"})
			m.mustHave(state{keys[1]: "stays"})
			o.once(n)
			n.mustHave(state{keys[1]: "stays"})
			late := w.node()
			late.once(o)
			late.mustHave(state{keys[1]: "stays"})
		})
	})
	t.Run("a later write undoes it", func(t *testing.T) {
		bubble.Run(t, 6, func(b *bubble.B) {
			w := start(b)
			n, m, key := w.node(), w.node(), w.d.Word()
			n.set(key, "one")
			n.once(m)
			m.del(key)
			n.once(m)
			n.mustHave(nil)
			n.set(key, "two")
			n.once(m)
			n.mustHave(state{key: "two"})
			m.mustHave(state{key: "two"})
		})
	})
	for _, dir := range directions {
		t.Run("in messages, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(8)
				n.set(keys[0], "there")
				n.set(keys[1], "gone")
				n.del(keys[1])
				p := w.play(dir, n, w.d.Word())
				p.sends(have(p.name))
				p.mustHear(n.have(keys[1:2]), fmt.Sprintf(`Entry %s @*:%s "there"`, keys[0], n.name), fmt.Sprintf(`Entry %s @*:%s deleted`, keys[1], n.name), "Synced")
				p.sends(
					gone(keys[0], stamp(n.counter(keys[0])+1, p.name)),
					gone(keys[2], stamp(50, p.name)), entry(keys[2], stamp(49, p.name), "older than its end"),
					gone(keys[3], stamp(50, "a")), entry(keys[3], stamp(50, "b"), "later than its end"),
					entry(keys[4], stamp(50, p.name), "later than its end"), gone(keys[4], stamp(49, p.name)),
					entry(keys[5], stamp(50, "b"), "later than its end"), gone(keys[5], stamp(50, "a")),
					entry(keys[6], stamp(50, "a"), "older than its end"), gone(keys[6], stamp(50, "b")))
				n.set(keys[7], "its own")
				p.sends(gone(keys[7], stamp(n.counter(keys[7])-1, p.name)))
				n.mustHave(state{keys[3]: "later than its end", keys[4]: "later than its end", keys[5]: "later than its end", keys[7]: "its own"})
			})
		})
	}
}

// What is sent (sync.proto, Have).
func TestLacks(t *testing.T) {
	for _, dir := range directions {
		t.Run(dir.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(8)
				for _, key := range keys[:7] {
					n.set(key, "value of "+key)
				}
				n.del(keys[5])
				n.del(keys[6])
				p := w.play(dir, n, w.d.Word())
				at := func(i int, more int64, name string) *syncv1.Stamp { return stamp(n.counter(keys[i])+more, name) }
				h := have(p.name)
				h.GetHave().Stamps = map[string]*syncv1.Stamp{
					keys[1]: at(1, 0, n.name),                         // equal
					keys[2]: at(2, 1, "a"),                            // later
					keys[3]: at(3, 0, n.name+"a"),                     // later
					keys[4]: at(4, 0, n.name[:len(n.name)-1]),         // earlier
					keys[5]: at(5, 0, n.name),                         // equal, and deleted
					keys[6]: stamp(max(n.counter(keys[6])-1, 1), "a"), // earlier than its end
					keys[7]: stamp(7, p.name),                         // unknown
				}
				p.sends(h)
				p.mustHear(n.have(keys[5:7]),
					fmt.Sprintf("Entry %s @*:%s %q", keys[0], n.name, "value of "+keys[0]),
					fmt.Sprintf("Entry %s @*:%s %q", keys[4], n.name, "value of "+keys[4]),
					fmt.Sprintf("Entry %s @*:%s deleted", keys[6], n.name), "Synced")
			})
		})
	}
	for _, dir := range directions {
		t.Run("in another call of the same peer, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				w := start(b)
				n, name := w.node(), w.d.Word()
				for _, key := range w.d.Words(3) {
					n.set(key, "value of "+key)
				}
				for i := range 2 {
					p := w.play(dir, n, name)
					if i > 0 {
						p.what = "For the second time, and with an empty Have again, " + p.what
					}
					p.sends(have(p.name))
					p.mustHear(append([]string{n.have(nil)}, append(n.entries(nil), "Synced")...)...)
					p.cancel()
					w.Wait()
				}
			})
		})
		t.Run("what its stamp calls the peer's own, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				w := start(b)
				n, name, key := w.node(), w.d.Word(), w.d.Word()
				e := entry(key, stamp(5, name), "written by "+name)
				w.meet(server, n, w.d.Word()).sends(e)
				p := w.play(dir, n, name)
				p.what = "One who has lost all that it wrote: " + p.what
				p.sends(have(p.name))
				p.mustHear(line(have(n.name, key, stamp(5, name))), line(e), "Synced")
			})
		})
	}
	t.Run("the second time", func(t *testing.T) {
		bubble.Run(t, 7, func(b *bubble.B) {
			w := start(b)
			n, m := w.node(), w.node()
			for i, key := range w.d.Words(20) {
				[]*node{n, m}[i%2].quietly(key, "value")
			}
			n.del(n.r.Keys()[0])
			n.once(m)
			n.once(m)
			w.mustHaveSent(n, m, 0)
			w.mustHaveSent(m, n, 0)
			m.set(m.r.Keys()[0], "another")
			m.once(n)
			w.mustHaveSent(m, n, 1)
			n.mustBe(m)
		})
	})
}

// More than a connection holds (gRPC, flow control).
func TestBothAtOnce(t *testing.T) {
	const many, size = 16, 16 << 10
	t.Run("both have much to send", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b)
			n, m, value := w.node(), w.node(), w.d.Text(size)
			want := state{}
			for i, key := range w.d.Words(2 * many) {
				[]*node{n, m}[i%2].quietly(key, value)
				want[key] = value
			}
			n.once(m)
			n.mustHave(want)
			m.mustHave(want)
		})
	})
	for _, dir := range directions {
		t.Run("a peer that does not read yet, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 8, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(8)
				want := state{}
				for _, key := range keys[:4] {
					n.set(key, "own")
					want[key] = "own"
				}
				name := w.d.Word()
				w.shut(n.name, name)
				p := w.play(dir, n, name)
				p.sends(have(p.name))
				for i, key := range keys[4:] {
					p.sends(entry(key, stamp(int64(1000+i), p.name), "theirs"))
					want[key] = "theirs"
				}
				p.sends(synced())
				n.mustHave(want)
				w.open(n.name, name)
				p.mustKnow(n)
			})
		})
	}
}

// The end of a call (gRPC, half-close).
func TestEnd(t *testing.T) {
	t.Run("the client has half-closed", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			n, keys := w.node(), w.d.Words(3)
			n.set(keys[0], "old")
			p := w.play(directions[0], n, w.d.Word())
			p.sends(have(p.name))
			p.mustHear(n.have(nil), fmt.Sprintf("Entry %s @*:%s \"old\"", keys[0], n.name), "Synced")
			p.sends(entry(keys[1], stamp(100, p.name), "new"), synced())
			n.mustHave(state{keys[0]: "old", keys[1]: "new"})
			p.mustGoOn()
			<-time.After(time.Hour)
			p.mustGoOn()
			p.halfClose()
			p.mustEnd(codes.OK)
		})
	})
	t.Run("all of it at once, and the server has to send", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			for _, key := range w.d.Words(30) {
				n.quietly(key, "value")
			}
			name := w.d.Word()
			w.shut(n.name, name)
			p := w.play(directions[0], n, name)
			p.sends(have(p.name), entry("late", stamp(100, p.name), "new"), synced())
			p.halfClose()
			n.mustGet("late", "new")
			w.open(n.name, name)
			p.mustEnd(codes.OK)
			p.mustEndWith("Synced")
			p.mustKnow(n)
		})
	})
	for _, tt := range []struct {
		why  string
		said int
	}{
		{"before Have", 0},
		{"behind Have", 1},
		{"behind an entry", 2},
	} {
		t.Run("the client half-closes "+tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				w := start(b)
				n := w.node()
				n.set(w.d.Word(), "value")
				p := w.play(directions[0], n, w.d.Word())
				p.sends([]*event{have(p.name), entry(w.d.Word(), stamp(100, p.name), "new")}[:tt.said]...)
				p.halfClose()
				p.mustEnd(codes.InvalidArgument)
			})
		})
	}
	t.Run("the client half-closes behind Have, and reads nothing", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			n, name := w.node(), w.d.Word()
			n.set(w.d.Word(), "value")
			w.shut(n.name, name)
			p := w.play(directions[0], n, name)
			p.sends(have(p.name))
			p.about = unread
			p.halfClose()
			p.mustEnd(codes.InvalidArgument)
		})
	})
	t.Run("others write on behind the half-close", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			n, keys, name := w.node(), w.d.Words(4), w.d.Word()
			n.set(keys[0], "old")
			p := w.meet(directions[0], n, name)
			w.shut(n.name, name)
			n.set(keys[0], "new")
			n.set(keys[1], "new")
			p.halfClose()
			for i := 0; i < 4*len(keys) && !p.isOver(); i++ {
				w.pass(n.name, name)
				n.set(keys[2+i%2], fmt.Sprint("later ", i))
			}
			if !p.isOver() {
				w.Fatalf("%s has half-closed when two keys were still to be sent to it. From then on,\na key was written behind each message that it took in. It got\n%sand the call goes on. Want it to end: what is written behind the half-close\nneed not go with it.", p.what, list(p.lines(), -1))
			}
			w.open(n.name, name)
			p.mustEnd(codes.OK)
		})
	})
	t.Run("Once half-closes, and waits", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			key := w.d.Word()
			n.set(key, "own")
			p := w.play(once, n, w.d.Word())
			p.sends(have(p.name), synced())
			p.mustHear(n.have(nil), fmt.Sprintf("Entry %s @*:%s \"own\"", key, n.name), "Synced")
			p.mustBeHalfClosed()
			p.mustNotReturn("the server has not ended the call")
			<-time.After(time.Minute)
			p.mustNotReturn("the server has not ended the call")
			p.end(nil)
			p.mustReturn(codes.OK)
		})
	})
}

// Errors of Once (gRPC, status codes).
func TestOnceFails(t *testing.T) {
	for _, tt := range []struct {
		why  string
		said int // of Have, an entry
	}{
		{"at once", 0},
		{"behind Have", 1},
		{"behind an entry", 2},
	} {
		t.Run("the server says OK "+tt.why, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				w := start(b)
				n := w.node()
				n.set(w.d.Word(), "own")
				p := w.play(once, n, w.d.Word())
				p.sends([]*event{have(p.name), entry("theirs", stamp(100, p.name), "new")}[:tt.said]...)
				p.end(nil)
				if err := p.returned(); !errors.Is(err, sync.ErrIncomplete) {
					w.Fatalf("%s ended the call with OK, and had not said Synced. Once returned %s.\nWant ErrIncomplete.", p.what, outcome(err))
				}
				if tt.said == 2 {
					n.mustGet("theirs", "new")
				}
			})
		})
		for _, code := range []codes.Code{codes.Unavailable, codes.ResourceExhausted} {
			t.Run(fmt.Sprintf("the server says %v %s", code, tt.why), func(t *testing.T) {
				bubble.Run(t, 10, func(b *bubble.B) {
					w := start(b)
					n := w.node()
					n.set(w.d.Word(), "own")
					p := w.play(once, n, w.d.Word())
					p.sends([]*event{have(p.name), entry("theirs", stamp(100, p.name), "new")}[:tt.said]...)
					p.end(status.Error(code, "on purpose"))
					p.mustReturn(code)
				})
			})
		}
	}
	for _, dir := range []direction{once, running} {
		for _, taken := range []int{0, 2} {
			t.Run(fmt.Sprintf("the server says OK, and has taken %d of three entries, %s", taken, dir.why), func(t *testing.T) {
				bubble.Run(t, 10, func(b *bubble.B) {
					w := start(b)
					n := w.node()
					for _, key := range w.d.Words(3) {
						n.set(key, "own")
					}
					p := w.play(dir, n, w.d.Word())
					w.shut(n.name, p.name)
					p.sends(have(p.name), synced())
					for range taken {
						w.pass(n.name, p.name)
					}
					p.end(nil)
					if err := p.returned(); !errors.Is(err, sync.ErrIncomplete) {
						w.Fatalf("%s said Have and Synced, lacks three keys, and ended the call with\nOK when it had been sent %d of the three: the next one was in its Send.\n%s returned %s.\nWant ErrIncomplete: the two are not the same.", p.what, taken, dir.method, outcome(err))
					}
				})
			})
		}
	}
	t.Run("the server says OK when both are synced, in Run", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			n.set(w.d.Word(), "own")
			p := w.meet(running, n, w.d.Word())
			p.end(nil)
			p.mustReturn(codes.OK)
		})
	})
	t.Run("the server fails behind Synced", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			p := w.play(once, n, w.d.Word())
			p.sends(have(p.name), synced())
			p.end(status.Error(codes.Aborted, "on purpose"))
			p.mustReturn(codes.Aborted)
		})
	})
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			w := start(b)
			n, m := w.node(), w.node()
			w.link.Refuse(true)
			c := w.call(n, "Once", m.name, w.Context())
			c.mustReturn(codes.Unavailable)
		})
	})
	t.Run("the caller cancels", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			n.set(w.d.Word(), "own")
			p := w.play(once, n, w.d.Word())
			p.sends(have(p.name))
			p.cancel()
			p.mustReturn(codes.Canceled)
			p.mustBeGone()
		})
	})
	t.Run("the caller's context has a cause", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) { start(b).mustTellCodes("Once") })
	})
	t.Run("the caller's deadline comes", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			name := w.d.Word()
			w.script(name)
			ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
			defer cancel()
			c := w.call(n, "Once", name, ctx)
			<-time.After(31 * time.Second)
			c.mustReturn(codes.DeadlineExceeded)
		})
	})
}

// Messages that no replica sends (gRPC, status codes).
func TestHostile(t *testing.T) {
	// Most bad messages have this counter, which is a good one: greater than all
	// others of the test, and than a clock's nanoseconds.
	const high = 1 << 61
	// crowd is a Have with stamps that are all right, but for the given ones.
	crowd := func(p *peer, name string, bad ...any) *event {
		for i := range 20 {
			bad = append(bad, fmt.Sprint("crowd", i), stamp(high, p.name))
		}
		return have(name, bad...)
	}
	good := func(p *peer) []*event {
		return []*event{have(p.name), entry("good", stamp(70, p.name), "kept")}
	}
	for i, tt := range []struct {
		why string
		say func(p *peer) []*event // the last of them is bad
	}{
		{"an entry before Have", func(p *peer) []*event { return []*event{entry("bad", stamp(high, p.name), "x")} }},
		{"Synced before Have", func(p *peer) []*event { return []*event{synced()} }},
		{"no event before Have", func(p *peer) []*event { return []*event{{}} }},
		{"no event", func(p *peer) []*event { return append(good(p), &event{}) }},
		{"Have twice", func(p *peer) []*event { return append(good(p), crowd(p, p.name)) }},
		{"Synced twice", func(p *peer) []*event { return append(good(p), synced(), synced()) }},
		{"Have behind Synced", func(p *peer) []*event { return append(good(p), synced(), crowd(p, p.name)) }},
		{"a Have without a name", func(p *peer) []*event { return []*event{crowd(p, "")} }},
		{"a Have with the receiver's own name", func(p *peer) []*event { return []*event{crowd(p, p.n.name)} }},
		{"a Have with an empty key", func(p *peer) []*event { return []*event{crowd(p, p.name, "", stamp(70, p.name))} }},
		{"a Have with a counter of 0", func(p *peer) []*event { return []*event{crowd(p, p.name, "bad", stamp(0, p.name))} }},
		{"a Have with a negative counter", func(p *peer) []*event { return []*event{crowd(p, p.name, "bad", stamp(-3, p.name))} }},
		{"a Have with a counter above MaxCounter", func(p *peer) []*event { return []*event{crowd(p, p.name, "bad", stamp(sync.MaxCounter+1, p.name))} }},
		{"a Have with a stamp of nobody", func(p *peer) []*event { return []*event{crowd(p, p.name, "bad", stamp(70, ""))} }},
		{"an entry without a key", func(p *peer) []*event { return append(good(p), entry("", stamp(high, p.name), "x")) }},
		{"an entry without a stamp", func(p *peer) []*event { return append(good(p), entry("bad", nil, "x")) }},
		{"an entry with a counter of 0", func(p *peer) []*event { return append(good(p), entry("bad", stamp(0, p.name), "x")) }},
		{"an entry with a negative counter", func(p *peer) []*event { return append(good(p), entry("bad", stamp(-1, p.name), "x")) }},
		{"an entry with a counter above MaxCounter", func(p *peer) []*event {
			return append(good(p), entry("bad", stamp(sync.MaxCounter+1, p.name), "x"))
		}},
		{"an entry with the greatest counter there is", func(p *peer) []*event { return append(good(p), entry("bad", stamp(1<<63-1, p.name), "x")) }},
		{"an entry with a stamp of nobody", func(p *peer) []*event { return append(good(p), entry("bad", stamp(high, ""), "x")) }},
		{"a deletion with a value", func(p *peer) []*event {
			e := gone("bad", stamp(high, p.name))
			e.GetEntry().Value = []byte("x")
			return append(good(p), e)
		}},
		{"no event behind Synced", func(p *peer) []*event { return append(good(p), synced(), &event{}) }},
		{"an entry without a stamp behind Synced", func(p *peer) []*event { return append(good(p), synced(), entry("bad", nil, "x")) }},
		{"a deletion with a value behind Synced", func(p *peer) []*event {
			e := gone("bad", stamp(high, p.name))
			e.GetEntry().Value = []byte("x")
			return append(good(p), synced(), e)
		}},
		{"an older entry with a stamp of nobody", func(p *peer) []*event { return append(good(p), entry("good", stamp(1, ""), "x")) }},
	} {
		for _, dir := range []direction{server, []direction{once, running}[i%2]} {
			t.Run(tt.why+", "+dir.why, func(t *testing.T) {
				bubble.Run(t, 11, func(b *bubble.B) {
					w := start(b)
					n := w.node()
					n.set("own", "stays")
					p := w.play(dir, n, w.d.Word())
					said := tt.say(p)
					p.sends(said[:len(said)-1]...)
					p.mustGoOn()
					p.sends(said[len(said)-1])
					want := state{"own": "stays"}
					if len(said) > 1 {
						want["good"] = "kept"
					}
					p.about = fmt.Sprintf("\nThe last message it sent is %s:\n%s", tt.why, strings.TrimRight(list([]string{line(said[len(said)-1])}, -1), "\n"))
					p.mustFail(codes.InvalidArgument)
					n.mustHave(want)
					n.set("after", "own")
					if s := n.stamp("after"); s.GetCounter() >= high {
						w.Fatalf("%s was refused. Then came Set(\"after\"): its stamp is %s.%s\nWant a counter that does not come from there: nothing of that message is kept.", p.what, text(s), p.about)
					}
					if s := n.stamp("bad"); s != nil {
						w.Fatalf("%s was refused. %s sends now, to another, a Have with bad%s.%s\nWant nothing of that message to be kept, no deletion either.", p.what, n.name, text(s), p.about)
					}
					p.about = ""
					want["after"] = "own"
					m := w.node()
					m.once(n)
					m.mustHave(want)
				})
			})
		}
	}
	for _, dir := range directions {
		t.Run("from one that reads nothing, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				w := start(b)
				n, name := w.node(), w.d.Word()
				n.set("own", "stays")
				w.shut(n.name, name)
				p := w.play(dir, n, name)
				p.sends(have(p.name))
				p.mustGoOn()
				p.sends(have(p.name))
				p.about = "\nIt has sent Have twice. " + unread[1:]
				p.mustFail(codes.InvalidArgument)
				p.about = ""
				n.mustHave(state{"own": "stays"})
			})
		})
	}
	for _, dir := range directions {
		t.Run("what is still good, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(4)
				p := w.play(dir, n, w.d.Word())
				p.sends(have(p.name, keys[0], stamp(sync.MaxCounter, "a"), keys[2], stamp(5, n.name)),
					entry(keys[0], stamp(sync.MaxCounter, "a"), "the greatest counter"),
					entry(keys[1], stamp(1, "a"), "the least"),
					entry(keys[2], stamp(5, n.name), "its own of another life"),
					entry(keys[3], stamp(5, "a"), ""),
					synced(),
					entry(keys[3], stamp(5, "a"), ""))
				p.mustGoOn()
				n.mustHave(state{keys[0]: "the greatest counter", keys[1]: "the least", keys[2]: "its own of another life", keys[3]: ""})
			})
		})
	}
}

// Changes while a call goes on (sync.proto, SyncService).
func TestRun(t *testing.T) {
	t.Run("between two", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			w := start(b)
			n, m, keys := w.node(), w.node(), w.d.Words(3)
			n.set(keys[0], "one")
			m.set(keys[1], "two")
			n.run(m)
			want := state{keys[0]: "one", keys[1]: "two"}
			for i := range 6 {
				n.mustHave(want)
				m.mustHave(want)
				who := []*node{n, m}[w.d.IntN(2)]
				key := keys[w.d.IntN(3)]
				if i == 3 {
					who.del(key)
					delete(want, key)
				} else {
					want[key] = w.d.Text(w.d.IntN(20))
					who.set(key, want[key])
				}
				w.Wait()
			}
			n.mustHave(want)
			m.mustHave(want)
			<-time.After(time.Hour)
			m.set(keys[0], "an hour later")
			want[keys[0]] = "an hour later"
			n.mustHave(want)
		})
	})
	for _, dir := range []direction{server, running} {
		t.Run("in messages, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				w := start(b)
				n, key := w.node(), w.d.Word()
				p := w.meet(dir, n, w.d.Word())
				n.set(key, "one")
				p.mustHear(fmt.Sprintf("Entry %s @*:%s \"one\"", key, n.name))
				n.set(key, "")
				p.mustHear(fmt.Sprintf("Entry %s @*:%s \"\"", key, n.name))
				n.del(key)
				p.mustHear(fmt.Sprintf("Entry %s @*:%s deleted", key, n.name))
				p.mustUse(n)
				last := n.counter(key)
				p.sends(entry(key, stamp(last+1, p.name), "theirs"))
				n.mustHave(state{key: "theirs"})
				p.sends(gone(key, stamp(last+2, p.name)))
				n.mustHave(nil)
				p.mustGoOn()
			})
		})
	}
	for _, dir := range []direction{server, running} {
		t.Run("before the peer's Synced, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				w := start(b)
				n, key := w.node(), w.d.Word()
				p := w.play(dir, n, w.d.Word())
				p.sends(have(p.name))
				p.mustHear(n.have(nil), "Synced")
				n.set(key, "one")
				p.mustHear(fmt.Sprintf("Entry %s @*:%s \"one\"", key, n.name))
			})
		})
	}
}

// What came from a peer (Demers and others, Epidemic algorithms).
func TestPassOn(t *testing.T) {
	t.Run("to the others, and not back", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := start(b)
			n, keys := w.node(), w.d.Words(2)
			p, q, r := w.meet(server, n, w.d.Word()), w.meet(server, n, w.d.Word()), w.meet(running, n, w.d.Word())
			peers := []*peer{p, q, r}
			for i, from := range peers {
				e := entry(keys[0], stamp(int64(10+i), from.name), "from "+from.name)
				from.sends(e)
				for _, to := range peers {
					if to == from {
						to.mustHear()
					} else {
						to.mustHear(line(e))
					}
				}
			}
			e := entry(keys[1], stamp(5, "far"), "of one who is not here")
			q.sends(e)
			p.mustHear(line(e))
			r.mustHear(line(e))
			r.sends(e) // it did not know yet that the others have it
			q.sends(entry(keys[0], stamp(4, "far"), "older than what there is"))
			for _, to := range peers {
				to.mustHear()
			}
			d := gone(keys[1], stamp(6, "far"))
			r.sends(d)
			p.mustHear(line(d))
			q.mustHear(line(d))
			r.mustHear()
		})
	})
	t.Run("to the one whose name it bears, when another tells", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			p, q, r := w.meet(server, n, w.d.Word()), w.meet(server, n, w.d.Word()), w.meet(running, n, w.d.Word())
			for _, to := range []*peer{q, r} {
				e := entry(w.d.Word(), stamp(5, to.name), "written by "+to.name+", and lost")
				p.sends(e)
				q.mustHear(line(e))
				r.mustHear(line(e))
			}
		})
	})
	for _, dir := range []direction{server, running} {
		t.Run("not back, when an older write of the key waits, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				w := start(b)
				n, keys, name := w.node(), w.d.Words(2), w.d.Word()
				p := w.meet(dir, n, name)
				w.shut(n.name, name)
				n.set(keys[0], "in its Send")
				n.set(keys[1], "waits")
				e := entry(keys[1], stamp(n.counter(keys[1])+1, name), "later, from the peer")
				p.sends(e)
				w.open(n.name, name)
				p.mustNotHear(line(e))
				p.mustKnow(n)
			})
		})
		t.Run("the exchange goes on, when an older write of a key comes, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				w := start(b)
				n, keys, name := w.node(), w.d.Words(4), w.d.Word()
				for _, key := range keys {
					n.set(key, "later")
				}
				w.shut(n.name, name)
				p := w.play(dir, n, name)
				p.sends(have(name))
				for _, key := range keys[1:] {
					p.sends(entry(key, stamp(n.counter(key), n.name[:len(n.name)-1]), "older"))
				}
				p.sends(gone(keys[0], stamp(n.counter(keys[0]), n.name[:len(n.name)-1])))
				w.open(n.name, name)
				p.about = "\nIt has sent older writes of keys whose later ones waited for it: those it\nlacks still."
				p.mustKnow(n)
			})
		})
		t.Run("not back, when its Have had an older one, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				w := start(b)
				n, keys, name := w.node(), w.d.Words(4), w.d.Word()
				for _, key := range keys {
					n.set(key, "own")
				}
				w.shut(n.name, name)
				p := w.play(dir, n, name)
				p.sends(have(name))
				var theirs []*event
				for _, key := range keys {
					theirs = append(theirs, entry(key, stamp(n.counter(key)+10, name), "later, from the peer"))
				}
				p.sends(theirs...)
				w.open(n.name, name)
				for _, e := range theirs {
					p.mustNotHear(line(e))
				}
				p.mustKnow(n)
			})
		})
	}
	for _, dir := range directions {
		t.Run("in the exchange as well, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				w := start(b)
				n, key := w.node(), w.d.Word()
				p := w.meet(server, n, w.d.Word())
				q := w.play(dir, n, w.d.Word())
				e := entry(key, stamp(10, q.name), "new")
				q.sends(have(q.name, key, e.GetEntry().GetStamp()), e)
				p.mustHear(line(e))
				q.sends(synced())
				q.mustHear(line(have(n.name)), "Synced")
			})
		})
	}
	t.Run("along a line, and round a ring", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := start(b)
			nodes := []*node{w.node(), w.node(), w.node(), w.node()}
			for i := range 3 {
				nodes[i].run(nodes[i+1])
			}
			want := state{}
			for i, key := range w.d.Words(8) {
				if i == 4 {
					nodes[3].run(nodes[0])
				}
				who := nodes[i%4]
				want[key] = "by " + who.name
				who.set(key, want[key])
				for _, n := range nodes {
					n.mustHave(want)
				}
			}
		})
	})
}

// A peer that takes nothing (Demers and others; gRPC, flow control).
func TestSlow(t *testing.T) {
	const writes, many = 10000, 1500
	for _, dir := range []direction{server, running} {
		t.Run("many writes of one key, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				w := start(b)
				n, key := w.node(), w.d.Word()
				p, q := w.meet(dir, n, w.d.Word()), w.meet(server, n, w.d.Word())
				w.shut(n.name, p.name)
				n.set(w.d.Word(), "the first one")
				w.Wait()
				c := w.Go(fmt.Sprintf("Set, %d times", writes), func() error {
					for i := range writes {
						n.quietly(key, fmt.Sprint(i))
					}
					return nil
				})
				if w.Wait(); !c.Returned() {
					w.Fatalf("%s reads nothing. Set, called %d times, has not returned.\nWant it to, at once.\n\n%s", p.what, writes, w.Waiting())
				}
				q.mustKnow(n)
				w.open(n.name, p.name)
				p.mustKnow(n)
				p.mustHaveHeardAtMost(10, fmt.Sprintf("Meanwhile, one key was written %d times", writes))
			})
		})
	}
	for _, dir := range []direction{server, running} {
		t.Run("what waits in memory, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				const writes = 30000
				w := start(b)
				n, key := w.node(), w.d.Word()
				p := w.meet(dir, n, w.d.Word())
				w.shut(n.name, p.name)
				n.set(w.d.Word(), "the first one")
				many := func(k int) int {
					for range k {
						n.quietly(key, "value")
					}
					return bubble.Heap()
				}
				before := many(writes / 10)
				if grown := many(writes) - before; grown > 256<<10 {
					w.Fatalf("%s reads nothing. Meanwhile, one key was written %d times, for which\nit took %d KiB of memory. Want one key to wait, and no more: however often it\nis written.", p.what, writes, grown>>10)
				}
				runtime.KeepAlive(n.r)
				w.open(n.name, p.name)
				p.mustKnow(n)
			})
		})
	}
	for _, hot := range []string{"the first key is", "the last key is", "all keys are"} {
		for _, dir := range []direction{server, running} {
			t.Run("each gets its turn, and "+hot+" written all the time, "+dir.why, func(t *testing.T) {
				bubble.Run(t, 14, func(b *bubble.B) {
					w := start(b)
					n, name := w.node(), w.d.Word()
					keys := slices.Sorted(slices.Values(w.d.Words(6)))
					often := keys[:1]
					switch hot {
					case "the last key is":
						slices.Reverse(keys)
					case "all keys are":
						often = keys
					}
					p := w.meet(dir, n, name)
					w.shut(n.name, name)
					for _, key := range keys {
						n.set(key, "waits")
					}
					most := 2*len(keys) + 4
					for i := range most {
						for _, key := range often {
							n.set(key, fmt.Sprint("hot ", i))
						}
						w.pass(n.name, name)
					}
					for _, key := range keys {
						if p.entry(key) == nil {
							w.Fatalf("%s takes one message at a time. %d keys waited for it; then %s\nwritten again, before each message. In %d messages it got\n%sand nothing of %s. Want what is new behind what was already to be sent, and what\nis written again in its place.", p.what, len(keys), hot, most, list(p.lines(), -1), word(key))
						}
					}
				})
			})
		}
	}
	t.Run("many writes of many keys", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b)
			n, keys := w.node(), w.d.Words(40)
			p := w.meet(server, n, w.d.Word())
			q := w.meet(running, n, w.d.Word())
			w.shut(n.name, p.name)
			for i := range 25 {
				for _, key := range keys {
					n.quietly(key, fmt.Sprint(i))
				}
				w.Wait()
			}
			q.mustKnow(n)
			if w.tap(n.name, p.name).most() > 1 {
				return // which is rule 16's
			}
			w.open(n.name, p.name)
			p.mustKnow(n)
			p.mustHaveHeardAtMost(2*len(keys)+10, fmt.Sprintf("Meanwhile, %d keys were written 25 times each", len(keys)))
		})
	})
	for _, dir := range []direction{server, running} {
		t.Run("as many keys as there are, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(many)
				p := w.meet(dir, n, w.d.Word())
				w.shut(n.name, p.name)
				n.set(w.d.Word(), "the first one")
				c := w.Go(fmt.Sprintf("Set, of %d keys", many), func() error {
					for _, key := range keys {
						n.quietly(key, "value")
					}
					return nil
				})
				if w.Wait(); !c.Returned() {
					w.Fatalf("%s reads nothing. Set, called for %d keys, has not returned.\nWant it to, at once, however many keys wait.\n\n%s", p.what, many, w.Waiting())
				}
				w.open(n.name, p.name)
				p.about = fmt.Sprintf("\nIt read nothing while %d keys were written: all of them wait for it.", many)
				p.mustKnow(n)
			})
		})
	}
	for _, dir := range []direction{server, running} {
		t.Run("written and deleted while it waits, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(2)
				n.set(keys[0], "old")
				p := w.meet(dir, n, w.d.Word())
				p.mustKnow(n)
				w.shut(n.name, p.name)
				n.set(keys[1], "in its Send")
				n.set(keys[0], "new")
				n.del(keys[0])
				w.open(n.name, p.name)
				p.about = "\nIt read nothing while a key that it has was written, and then deleted: the\ndeletion is the latest."
				p.mustKnow(n)
			})
		})
	}
	t.Run("everybody else goes on", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b)
			n, m, keys := w.node(), w.node(), w.d.Words(5)
			n.set(keys[0], "one")
			name := w.d.Word()
			w.shut(n.name, name)
			p := w.play(server, n, name) // not even Have goes out
			p.sends(have(p.name))
			q := w.meet(server, n, w.d.Word())
			n.set(keys[1], "two")
			q.sends(entry(keys[2], stamp(1000, q.name), "three"))
			n.del(keys[0])
			n.mustHave(state{keys[1]: "two", keys[2]: "three"})
			q.mustKnow(n)
			m.once(n)
			m.mustBe(n)
			p.sends(entry(keys[3], stamp(1001, p.name), "of the slow one"))
			q.mustKnow(n)
			n.mustGet(keys[3], "of the slow one")
			p.cancel()
			w.Wait()
			n.set(keys[4], "five")
			q.mustKnow(n)
		})
	})
}

// An older write from a peer for which a later one waits (Demers and others).
func TestOlder(t *testing.T) {
	for _, dir := range []direction{server, running} {
		t.Run(dir.why, func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				w := start(b)
				n, keys, name := w.node(), w.d.Words(3), w.d.Word()
				p := w.meet(dir, n, name)
				w.shut(n.name, name)
				n.set(keys[0], "in its Send")
				n.set(keys[1], "later")
				n.set(keys[2], "later")
				p.sends(entry(keys[1], stamp(1, "a"), "older"), gone(keys[2], stamp(n.counter(keys[2]), n.name[:len(n.name)-1])))
				w.open(n.name, name)
				p.about = "\nIt has sent older writes of keys whose later ones waited for it: those it\nlacks still."
				p.mustKnow(n)
			})
		})
	}
}

// What still waits at a half-close (gRPC, half-close).
func TestRest(t *testing.T) {
	bubble.Run(t, 9, func(b *bubble.B) {
		w := start(b)
		n, keys, name := w.node(), w.d.Words(3), w.d.Word()
		n.set(keys[0], "old")
		p := w.meet(server, n, name)
		w.shut(n.name, name)
		n.set(keys[0], "in its Send")
		n.set(keys[1], "waits")
		n.set(keys[2], "waits")
		p.halfClose()
		w.open(n.name, name)
		if w.tap(n.name, name).most() > 1 {
			return // which is rule 16's
		}
		p.mustEnd(codes.OK)
		p.about = "\nIt read nothing while these keys were written; then it half-closed, and read\nagain. What was written before a half-close goes before OK."
		p.mustKnow(n)
	})
}

// What is written in the midst of an exchange (sync.proto, Synced).
func TestMeanwhile(t *testing.T) {
	for _, dir := range directions {
		t.Run("before the peer's Have, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(4)
				for _, key := range keys[:3] {
					n.set(key, "old")
				}
				p := w.play(dir, n, w.d.Word())
				p.knows(entry(keys[0], n.stamp(keys[0]), "old").GetEntry())
				n.set(keys[0], "new")
				n.del(keys[1])
				n.set(keys[3], "new")
				p.sends(have(p.name, keys[0], p.has[keys[0]].GetStamp()))
				p.mustKnow(n)
				p.mustHaveHeardOnce("Synced")
			})
		})
	}
	for _, dir := range []direction{server, running} {
		t.Run("while entries are sent, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(10)
				for _, key := range append(keys[:7:7], keys[9]) {
					n.set(key, "old")
				}
				name, same := w.d.Word(), n.stamp(keys[9])
				q := w.meet(server, n, w.d.Word())
				w.shut(n.name, name)
				p := w.play(dir, n, name)
				p.knows(entry(keys[9], same, "old").GetEntry())
				older := stamp(n.counter(keys[5]), n.name[:len(n.name)-1])
				p.knows(entry(keys[5], older, "older").GetEntry())
				p.sends(have(p.name, keys[9], same, keys[5], older), synced())
				n.del(keys[9])
				n.set(keys[1], "new")
				n.del(keys[5])
				n.set(keys[7], "new")
				q.sends(entry(keys[3], stamp(1000, q.name), "of another"), entry(keys[8], stamp(1001, q.name), "of another"))
				w.open(n.name, name)
				p.mustKnow(n)
				p.mustHaveHeardOnce("Synced")
				n.set(keys[2], "last")
				p.mustKnow(n)
			})
		})
	}
	for _, dir := range directions {
		t.Run("and Synced comes, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				w := start(b)
				n, keys, name := w.node(), w.d.Words(5), w.d.Word()
				for _, key := range keys {
					n.set(key, "old")
				}
				w.shut(n.name, name)
				p := w.play(dir, n, name)
				p.sends(have(p.name))
				for i := range len(keys) + 2 {
					w.pass(n.name, name)
					n.set(keys[i%len(keys)], fmt.Sprint("new ", i))
				}
				if w.tap(n.name, name).most() > 1 {
					return // which is rule 16's
				}
				if lines := p.lines(); !slices.Contains(lines, "Synced") {
					w.Fatalf("%s takes one message at a time, and behind each a key is written, one of the\n%d that it lacks. Its first %d messages are\n%sWant Have, an entry of each key, and Synced: a key that is written again goes\nin its place, or behind Synced. Else Synced never comes.", p.what, len(keys), len(lines), list(lines, -1))
				}
				w.open(n.name, name)
				if dir.method != "Once" {
					p.mustKnow(n)
				}
				p.mustHaveHeardOnce("Synced")
			})
		})
	}
	t.Run("and the client half-closes", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			w := start(b)
			n, keys, name := w.node(), w.d.Words(7), w.d.Word()
			for _, key := range keys[:6] {
				n.set(key, "old")
			}
			w.shut(n.name, name)
			p := w.play(server, n, name)
			p.sends(have(p.name), synced())
			w.pass(n.name, name) // Have
			for _, key := range keys[1:] {
				n.set(key, "new")
			}
			p.halfClose()
			w.open(n.name, name)
			if w.tap(n.name, name).most() > 1 {
				return // which is rule 16's
			}
			p.mustEnd(codes.OK)
			p.about = "\nIt read nothing while keys were written again, which still waited for it; then\nit half-closed, and read again."
			p.mustHaveHeardEachOnce()
			p.mustKnow(n)
		})
	})
	t.Run("again and again", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			w := start(b)
			n, m, keys := w.node(), w.node(), w.d.Words(5)
			for i := range 12 {
				ctx, cancel := context.WithCancel(b.Context())
				c := w.call(n, "Run", m.name, ctx)
				for j := range 4 { // in the midst of it: nobody waits for the others here
					[]*node{n, m}[j%2].quietly(keys[(i+j)%5], fmt.Sprintf("round %d, %d", i, j))
				}
				n.mustBe(m)
				cancel()
				w.Wait()
				if !c.Returned() {
					return // which is rule 17's
				}
			}
		})
	})
}

// Who sends, and what has been sent (grpc/grpc-go#2094, #8186).
func TestOneSender(t *testing.T) {
	for _, dir := range []direction{server, running} {
		t.Run("one at a time, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 16, func(b *bubble.B) {
				w := start(b)
				n := w.node()
				for _, key := range w.d.Words(3) {
					n.set(key, "old")
				}
				name := w.d.Word()
				p := w.play(dir, n, name)
				q := w.meet(server, n, w.d.Word())
				w.shut(n.name, name)
				p.sends(have(p.name), synced())
				n.set(w.d.Word(), "new")
				q.sends(entry(w.d.Word(), stamp(1000, q.name), "of another"))
				n.del(w.d.Word())
				w.Wait()
				if most := w.tap(n.name, name).most(); most > 1 {
					w.Fatalf("%s takes nothing, and there are entries and changes to send.\n%d goroutines are in Send on its stream at once.\nWant one at a time: Send is not made for two.", p.what, most)
				}
				w.open(n.name, name)
				p.mustKnow(n)
			})
		})
	}
	for _, dir := range []direction{server, running} {
		t.Run("one at a time, behind Synced, "+dir.why, func(t *testing.T) {
			bubble.Run(t, 16, func(b *bubble.B) {
				w := start(b)
				n, keys := w.node(), w.d.Words(4)
				p, q := w.meet(dir, n, w.d.Word()), w.meet(server, n, w.d.Word())
				w.shut(n.name, p.name)
				n.set(keys[0], "new")
				n.set(keys[1], "new")
				q.sends(entry(keys[2], stamp(1000, q.name), "of another"))
				n.del(keys[3])
				n.del(keys[0])
				if most := w.tap(n.name, p.name).most(); most > 1 {
					w.Fatalf("%s takes nothing, both are synced, and there were five changes.\n%d goroutines are in Send on its stream at once.\nWant one at a time: Send is not made for two.", p.what, most)
				}
				w.open(n.name, p.name)
				p.mustKnow(n)
			})
		})
	}
	t.Run("never changed afterwards", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			w := start(b)
			n, keys := w.node(), w.d.Words(3)
			for _, key := range keys {
				n.set(key, "old")
			}
			p, q := w.meet(server, n, w.d.Word()), w.meet(running, n, w.d.Word())
			n.set(keys[0], "new")
			n.del(keys[1])
			p.sends(entry(keys[2], stamp(1000, p.name), "theirs"))
			q.sends(entry(keys[2], stamp(1001, q.name), "and theirs"))
			n.set(keys[2], "last")
			n.set(keys[1], "back")
			p.mustKnow(n)
			q.mustKnow(n)
			w.tap(n.name, p.name).mustBeUnchanged()
			w.tap(n.name, q.name).mustBeUnchanged()
		})
	})
}

// Calls that are over, one way or another (gRPC, keepalive).
func TestOver(t *testing.T) {
	t.Run("the client cancels", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			w := start(b)
			n, m, key := w.node(), w.node(), w.d.Word()
			c := n.run(m)
			<-time.After(time.Minute)
			c.cancel()
			c.mustReturn(codes.Canceled)
			w.mustBeOver(m, n, codes.Canceled)
			m.set(key, "later")
			n.set(key, "later")
		})
	})
	t.Run("the client's deadline comes", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			w := start(b)
			n, m := w.node(), w.node()
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			defer cancel()
			c := w.call(n, "Run", m.name, ctx)
			<-time.After(2 * time.Minute)
			c.mustReturn(codes.DeadlineExceeded)
			w.mustBeOver(m, n, codes.DeadlineExceeded, codes.Canceled)
		})
	})
	t.Run("the client's context has a cause", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) { start(b).mustTellCodes("Run") })
	})
	t.Run("the server's context has a cause", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			w := start(b)
			n, cause := w.node(), errors.New("an interceptor's own cause")
			cancelled, cancel := context.WithCancelCause(b.Context())
			defer cancel(nil)
			timed, stop := context.WithTimeoutCause(b.Context(), 30*time.Second, cause)
			defer stop()
			for _, tt := range []struct {
				why  string
				ctx  context.Context
				want codes.Code
			}{
				{"had a timeout", timed, codes.DeadlineExceeded},
				{"was cancelled", cancelled, codes.Canceled},
			} {
				c := w.Go(n.name+".Sync(stream)", func() error { return n.r.Sync(quiet{ctx: tt.ctx}) })
				<-time.After(31 * time.Second)
				if tt.ctx == cancelled {
					cancel(cause)
				}
				if w.Wait(); !c.Returned() {
					w.Fatalf("The stream's context is over, and Sync has not returned.\n\n%s", w.Waiting())
				}
				if err := c.Wait(); status.Code(err) != tt.want {
					w.Fatalf("An interceptor gave the stream a context that %s, with a cause of its own.\nSync returned %s\nwant %v", tt.why, outcome(err), tt.want)
				}
			}
		})
	})
	for _, slow := range []string{"client", "server"} {
		t.Run("the client cancels, and the "+slow+" reads nothing", func(t *testing.T) {
			bubble.Run(t, 17, func(b *bubble.B) {
				w := start(b)
				n, m := w.node(), w.node()
				c := n.run(m)
				if slow == "client" {
					w.shut(m.name, n.name)
				} else {
					w.shut(n.name, m.name)
				}
				for _, key := range w.d.Words(3) {
					m.set(key, "new")
					n.set(key+"n", "new")
				}
				w.Wait()
				c.cancel()
				c.mustReturn(codes.Canceled)
				w.mustBeOver(m, n, codes.Canceled)
			})
		})
	}
	t.Run("the server fails", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			w := start(b)
			n := w.node()
			p := w.meet(running, n, w.d.Word())
			p.end(status.Error(codes.Unavailable, "on purpose"))
			p.mustReturn(codes.Unavailable)
			n.set(w.d.Word(), "later")
		})
	})
	t.Run("the cable is pulled, and a second call", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			w := start(b)
			n, m, keys := w.node(), w.node(), w.d.Words(30)
			for i, key := range keys {
				[]*node{n, m}[i%2].quietly(key, "old")
			}
			c := n.run(m)
			n.mustBe(m)
			w.link.Cut()
			cut := w.Elapsed()
			n.set(keys[0], "of "+n.name)
			n.set(keys[1], "of "+n.name)
			m.set(keys[2], "of "+m.name)
			m.del(keys[3])
			if err := c.Wait(); status.Code(err) != codes.Unavailable || w.Elapsed()-cut > 5*time.Minute {
				w.Fatalf("The cable was pulled, and keepalive is on. %s returned\n%s, %v later. Want Unavailable, within five minutes.", c.what, outcome(err), w.Elapsed()-cut)
			}
			<-time.After(5 * time.Minute)
			w.mustBeOver(m, n, codes.Canceled, codes.Unavailable, codes.DeadlineExceeded)
			n.run(m)
			n.mustBe(m)
			n.mustGet(keys[0], "of "+n.name)
			n.mustGet(keys[2], "of "+m.name)
			w.mustHaveSent(n, m, 2)
			w.mustHaveSent(m, n, 2)
			m.set(keys[4], "live")
			n.mustBe(m)
		})
	})
	t.Run("a client that takes nothing, and its second call", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			w := start(b)
			n, name := w.node(), w.d.Word()
			for _, key := range w.d.Words(5) {
				n.set(key, "value")
			}
			ctx, cancel := context.WithCancel(b.Context())
			stream, err := w.client(name, n.name).Sync(ctx)
			if err == nil {
				err = stream.Send(request(have(name)))
			}
			if err != nil {
				w.Fatalf("A call of Sync that begins with Have: %s", outcome(err))
			}
			w.Wait() // all is on its way, and nobody calls Recv
			cancel()
			p := w.play(server, n, name)
			p.what = "Its first call was cancelled before it had taken anything. Then " + p.what
			p.sends(have(name))
			p.mustHear(append([]string{n.have(nil)}, append(n.entries(nil), "Synced")...)...)
		})
	})
	for _, method := range []string{"Sync", "Once", "Run"} {
		t.Run("nothing waits for who has gone, "+method, func(t *testing.T) {
			bubble.Run(t, 17, func(b *bubble.B) {
				const many, writes = 60, 2000
				w := start(b)
				n, m, keys := w.node(), w.node(), w.d.Words(writes)
				w.callAndGo(n, method, many)
				grows := func(n *node) int {
					before := bubble.Heap()
					for _, key := range keys {
						n.quietly(key, "value")
					}
					return bubble.Heap() - before
				}
				alone, now := grows(m), grows(n)
				if now > 2*alone+512<<10 {
					w.Fatalf("%d calls of %s are over, all of %s. Then %d keys were set, for which\nit took %d KiB of memory. A replica without a call takes %d KiB for them.\nWant nothing to wait for those who have gone.", many, method, n.name, writes, now>>10, alone>>10)
				}
				runtime.KeepAlive(n.r)
				runtime.KeepAlive(m.r)
			})
		})
	}
	for _, dirs := range [][2]direction{{server, server}, {server, running}, {running, server}, {running, running}} {
		t.Run(fmt.Sprintf("two calls with the same peer, %s, and one ends, %s", dirs[1].why, dirs[0].why), func(t *testing.T) {
			bubble.Run(t, 17, func(b *bubble.B) {
				w := start(b)
				n, name, keys := w.node(), w.d.Word(), w.d.Words(2)
				p, q := w.meet(dirs[0], n, name), w.meet(dirs[1], n, name)
				n.set(keys[0], "while there are two")
				p.about = "\nThere are two calls with that peer, and this is the older one: each gets what is\nnew."
				q.about = "\nThere are two calls with that peer, and this is the newer one: each gets what is\nnew."
				p.mustKnow(n)
				q.mustKnow(n)
				p.cancel()
				w.Wait()
				n.set(keys[1], "when one of them is over")
				q.about = "\nThere were two calls with that peer, and the older one is over. This one is not."
				q.mustKnow(n)
			})
		})
	}
	t.Run("nothing is left of many", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			const many = 12
			w := start(b)
			n, m := w.node(), w.node()
			n.set(w.d.Word(), "value")
			client := w.client(n.name, m.name)
			before := 0
			for round, count := range []int{1, many} { // the first one dials
				for i := range count {
					ctx, cancel := context.WithCancel(b.Context())
					if i%2 == 0 {
						c := w.Go("Run", func() error { return n.r.Run(ctx, client) })
						w.Wait()
						cancel()
						c.Wait()
					} else {
						w.Go("Once", func() error { return n.r.Once(ctx, client) }).Wait()
					}
					cancel()
				}
				w.Wait()
				if round == 0 {
					before = bubble.Goroutines()
				}
			}
			if left := bubble.Goroutines() - before; left >= many/3 {
				w.Fatalf("Run was called %d times, and cancelled, and Once %d times, which came to its end.\nThere are %d goroutines more than before. Want none.\n\n%s", many/2, many/2, left, w.Waiting())
			}
		})
	})
}

// Three replicas, and whatever happens (Shapiro and others, CRDTs).
func TestAll(t *testing.T) {
	t.Run("writes and exchanges as they come", func(t *testing.T) {
		bubble.Run(t, 18, func(b *bubble.B) {
			w := start(b)
			nodes := []*node{w.node(), w.node(), w.node()}
			keys := w.d.Words(6)
			over := map[string]string{} // values that somebody has overwritten who had seen them, and by what
			for i := range 300 {
				n, key := nodes[w.d.IntN(3)], keys[w.d.IntN(len(keys))]
				old, had := n.r.Get(key)
				switch k := w.d.IntN(10); {
				case k < 5:
					value := fmt.Sprintf("write %d", i)
					if had {
						over[key+" "+string(old)] = value
					}
					n.set(key, value)
				case k < 7:
					if had {
						over[key+" "+string(old)] = fmt.Sprintf("delete %d", i)
					}
					n.del(key)
				default:
					m := nodes[w.d.IntN(3)]
					if m != n {
						n.once(m)
						n.mustBe(m)
					}
				}
			}
			for i := range 4 {
				nodes[i%3].once(nodes[(i+1)%3])
			}
			for _, n := range nodes {
				n.mustBe(nodes[0])
				for key, value := range n.state() {
					if by, ok := over[key+" "+value]; ok {
						w.Fatalf("In the end, %s has %s=%q. Somebody who had that wrote %q over it.\nWant the write that knew of the other to win.", n.name, key, value, by)
					}
				}
			}
		})
	})
	t.Run("many goroutines at once", func(t *testing.T) {
		bubble.Run(t, 18, func(b *bubble.B) {
			w := start(b)
			nodes := []*node{w.node(), w.node(), w.node()}
			keys := w.d.Words(10)
			nodes[0].run(nodes[1])
			nodes[1].run(nodes[2])
			nodes[2].run(nodes[0])
			var busy gosync.WaitGroup
			for i, n := range nodes {
				for j := range 3 {
					busy.Go(func() {
						for k := range 40 {
							key := keys[(i+j*k)%len(keys)]
							if k%7 == 3 {
								n.r.Delete(key)
							} else {
								n.r.Set(key, fmt.Appendf(nil, "%d %d %d", i, j, k))
							}
							n.r.Get(key)
							n.r.Keys()
							w.Worked()
						}
					})
				}
				busy.Go(func() { // locks nothing else: the race detector sees a Get that does not
					for k := range 400 {
						n.r.Get(keys[k%len(keys)])
					}
				})
				busy.Go(func() {
					for range 40 {
						n.r.Keys()
					}
				})
				busy.Go(func() {
					for range 3 {
						if err := n.r.Once(b.Context(), w.client(n.name, nodes[(i+2)%3].name)); err != nil {
							w.Errorf("%s.Once, while others write: %s\nwant nil", n.name, outcome(err))
						}
					}
				})
			}
			busy.Wait()
			for _, n := range nodes[1:] {
				n.mustBe(nodes[0])
			}
		})
	})
}

// Two of the learner's over a real socket (net, TCPListener).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 18, func(l *loopback.L) {
		d := draw.From(l.R)
		n, m := sync.New(d.Word()), sync.New(d.Word())
		server := grpc.NewServer()
		syncv1.RegisterSyncServiceServer(server, m)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			l.Fatalf("Listen: %v", err)
		}
		serving := l.Go("the server", func() error { return server.Serve(ln) })
		l.Cleanup(func() {
			server.Stop()
			serving.Wait()
		})
		cc, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			l.Fatalf("NewClient: %v", err)
		}
		l.Cleanup(func() { cc.Close() })
		client := syncv1.NewSyncServiceClient(cc)

		value := []byte(d.Text(200 << 10))
		for _, key := range d.Words(10) {
			n.Set(key, value)
			m.Set("m"+key, value)
		}
		if err := n.Once(l.Context(), client); err != nil {
			l.Fatalf("Once over TCP: %s", outcome(err))
		}
		keys := n.Keys()
		if len(keys) != 20 || !slices.Equal(keys, m.Keys()) {
			l.Fatalf("After Once over TCP, the client has the keys\n  %q\nand the server\n  %q\nWant the same 20.", keys, m.Keys())
		}
		for _, key := range keys {
			mine, _ := n.Get(key)
			theirs, _ := m.Get(key)
			if !bytes.Equal(mine, value) || !bytes.Equal(theirs, value) {
				l.Fatalf("After Once over TCP, key %q has %d bytes here and %d there, want the same %d", key, len(mine), len(theirs), len(value))
			}
		}
	})
}

// event is a message of either direction, as a server sends it.
type event = syncv1.SyncResponse

func have(name string, stamps ...any) *event {
	h := &syncv1.Have{Replica: name, Stamps: map[string]*syncv1.Stamp{}}
	for i := 0; i < len(stamps); i += 2 {
		h.Stamps[stamps[i].(string)] = stamps[i+1].(*syncv1.Stamp)
	}
	return &event{Event: &syncv1.SyncResponse_Have{Have: h}}
}

func entry(key string, s *syncv1.Stamp, value string) *event {
	return &event{Event: &syncv1.SyncResponse_Entry{Entry: &syncv1.Entry{Key: key, Stamp: s, Value: []byte(value)}}}
}

func gone(key string, s *syncv1.Stamp) *event {
	return &event{Event: &syncv1.SyncResponse_Entry{Entry: &syncv1.Entry{Key: key, Stamp: s, Deleted: true}}}
}

func synced() *event {
	return &event{Event: &syncv1.SyncResponse_Synced{Synced: &syncv1.Synced{}}}
}

func stamp(counter int64, replica string) *syncv1.Stamp {
	return &syncv1.Stamp{Counter: counter, Replica: replica}
}

// text is a stamp as lines have it.
func text(s *syncv1.Stamp) string { return fmt.Sprintf("@%d:%s", s.GetCounter(), s.GetReplica()) }

// line is a message in words: Entry key @7:ann "value".
func line(e *event) string {
	switch {
	case e.GetHave() != nil:
		words := []string{"Have", e.GetHave().GetReplica() + ":"}
		for _, key := range slices.Sorted(maps.Keys(e.GetHave().GetStamps())) {
			words = append(words, word(key)+text(e.GetHave().GetStamps()[key]))
		}
		return strings.Join(words, " ")
	case e.GetEntry() != nil:
		x := e.GetEntry()
		head := fmt.Sprintf("Entry %s %s", word(x.GetKey()), text(x.GetStamp()))
		if x.GetDeleted() && len(x.GetValue()) == 0 {
			return head + " deleted"
		}
		if x.GetDeleted() {
			head += " deleted, with a value"
		}
		return fmt.Sprintf("%s %q", head, x.GetValue())
	case e.GetSynced() != nil:
		return "Synced"
	}
	return "a message without an event"
}

// word is a key as lines have it.
func word(key string) string {
	if key == "" || strings.ContainsAny(key, " \n\x00\"@") {
		return fmt.Sprintf("%q", key)
	}
	return key
}

var (
	counters = regexp.MustCompile(`@\d+:`)
	head     = regexp.MustCompile(`^(Have .*|Entry \S+ @\S+)`)
)

// matches says whether a line is what want says, where @*: stands for any
// counter.
func matches(got, want string) bool {
	if strings.Contains(head.FindString(want), "@*:") {
		got = head.ReplaceAllStringFunc(got, func(h string) string { return counters.ReplaceAllString(h, "@*:") })
	}
	return got == want
}

// ordered sorts lines of entries that stand together: their order is open.
func ordered(lines []string) []string {
	lines = slices.Clone(lines)
	for i := 0; i < len(lines); {
		j := i
		for j < len(lines) && strings.HasPrefix(lines[j], "Entry ") {
			j++
		}
		slices.Sort(lines[i:j])
		i = j + 1
	}
	return lines
}

// world is a network of replicas, some of them played by the test.
type world struct {
	*bubble.B
	d    *draw.Data
	link *grpctest.Link

	mu      gosync.Mutex
	servers map[string]func(grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]) error
	gates   map[[2]string]chan struct{} // from, to: a value lets one Send go on; closed, all
	taps    map[[2]string]*tap          // from, to: of the last call
}

func start(b *bubble.B) *world {
	var over atomic.Bool
	b.Cleanup(func() { over.Store(true) }) // behind all others
	b.Show(func() string {
		if over.Load() {
			return "A call that is over leaves no goroutine behind, and New starts none (rule 17)."
		}
		return ""
	})
	w := &world{B: b, d: draw.From(b.R), link: grpctest.New(b),
		servers: map[string]func(grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]) error{},
		gates:   map[[2]string]chan struct{}{}, taps: map[[2]string]*tap{}}
	s := grpc.NewServer(grpc.StreamInterceptor(w.serve), grpc.StaticStreamWindowSize(window), grpc.StaticConnWindowSize(window),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}))
	syncv1.RegisterSyncServiceServer(s, dispatch{w: w})
	w.link.Serve(s)
	return w
}

// window is how much is on its way at once, in bytes: one that grew would say
// nothing about the replicas.
const window = 64 << 10

// dispatch is the service of all replicas: calls say which one they mean.
type dispatch struct {
	syncv1.UnimplementedSyncServiceServer
	w *world
}

func (d dispatch) Sync(stream grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]) error {
	to := strings.Join(metadata.ValueFromIncomingContext(stream.Context(), "to"), "")
	d.w.mu.Lock()
	f := d.w.servers[to]
	d.w.mu.Unlock()
	if f == nil {
		return status.Errorf(codes.Internal, "a mistake of the test: nobody is called %q", to)
	}
	return f(stream)
}

// serve calls the handler with a tap.
func (w *world) serve(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	from := strings.Join(metadata.ValueFromIncomingContext(stream.Context(), "from"), "")
	to := strings.Join(metadata.ValueFromIncomingContext(stream.Context(), "to"), "")
	t := w.newTap(to, from, false)
	err := handler(srv, &serverStream{stream, t})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over, t.err = true, err
	return err
}

// client returns a client of that server, over a connection of its own.
func (w *world) client(from, to string) syncv1.SyncServiceClient {
	tapped := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		ctx = metadata.AppendToOutgoingContext(ctx, "from", from, "to", to)
		stream, err := open(ctx, desc, cc, method, opts...)
		if err != nil {
			return nil, err
		}
		return &clientStream{stream, w.newTap(from, to, true)}, nil
	}
	return syncv1.NewSyncServiceClient(w.link.Dial(from+"@"+to, grpc.WithStreamInterceptor(tell), grpc.WithChainStreamInterceptor(tapped),
		grpc.WithStaticStreamWindowSize(window), grpc.WithStaticConnWindowSize(window),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second})))
}

// tell stands before the story, and has it tell messages as the tests do.
func tell(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, cc, method, opts...)
	if err != nil {
		return nil, err
	}
	return &told{stream}, nil
}

type told struct{ grpc.ClientStream }

func (t *told) SendMsg(m any) error { return t.ClientStream.SendMsg(words{m}) }
func (t *told) RecvMsg(m any) error { return t.ClientStream.RecvMsg(words{m}) }

// words is a message that says itself in a short line.
type words struct{ m any }

func (w words) String() string {
	e, ok := w.m.(*event)
	if m, is := w.m.(*syncv1.SyncRequest); is {
		e, ok = response(m), true
	}
	switch h := e.GetHave(); {
	case !ok:
		return fmt.Sprint(w.m)
	case h != nil && len(h.GetStamps()) == 0:
		return fmt.Sprintf("Have %s: no key", h.GetReplica())
	case len(h.GetStamps()) > 3:
		return fmt.Sprintf("Have %s: %d keys", h.GetReplica(), len(h.GetStamps()))
	case e.GetEntry() != nil && !e.GetEntry().GetDeleted():
		return head.FindString(line(e)) + " " + short(string(e.GetEntry().GetValue()))
	}
	return line(e)
}

// unwrapped is the message itself.
func unwrapped(m any) any {
	if w, ok := m.(words); ok {
		return w.m
	}
	return m
}

// tap sees what one side of a call sends.
type tap struct {
	w        *world
	from, to string
	client   bool // from is

	mu      gosync.Mutex
	sending int // goroutines in SendMsg
	peak    int
	sent    []sent
	over    bool // the handler has returned, or Recv an error, which is err
	err     error
}

// sent is a message, and what it was when it was sent.
type sent struct{ msg, was proto.Message }

func (w *world) newTap(from, to string, client bool) *tap {
	t := &tap{w: w, from: from, to: to, client: client}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taps[[2]string{from, to}] = t
	return t
}

// tap returns that of the last call.
func (w *world) tap(from, to string) *tap {
	w.T().Helper()
	w.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.taps[[2]string{from, to}] == nil {
		w.Fatalf("%s and %s have no call.", from, to)
	}
	return w.taps[[2]string{from, to}]
}

func (t *tap) send(ctx context.Context, m any, send func(any) error) error {
	t.mu.Lock()
	t.sending++
	t.peak = max(t.peak, t.sending)
	if msg, ok := m.(proto.Message); ok {
		t.sent = append(t.sent, sent{msg, proto.Clone(msg)})
	}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.sending--
	}()
	t.w.mu.Lock()
	gate := t.w.gates[[2]string{t.from, t.to}]
	t.w.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return t.gone(ctx)
		}
	}
	return send(m)
}

// gone is what Send returns when the call is over: as gRPC has it, the client's
// tells no more than that.
func (t *tap) gone(ctx context.Context) error {
	if t.client {
		return io.EOF
	}
	return status.FromContextError(ctx.Err()).Err()
}

type serverStream struct {
	grpc.ServerStream
	t *tap
}

func (s *serverStream) SendMsg(m any) error { return s.t.send(s.Context(), m, s.ServerStream.SendMsg) }

type clientStream struct {
	grpc.ClientStream
	t *tap
}

func (c *clientStream) SendMsg(m any) error {
	return c.t.send(c.Context(), unwrapped(m), c.ClientStream.SendMsg)
}

func (c *clientStream) RecvMsg(m any) error {
	err := c.ClientStream.RecvMsg(unwrapped(m))
	if err != nil {
		c.t.mu.Lock()
		defer c.t.mu.Unlock()
		c.t.over, c.t.err = true, err
	}
	return err
}

// quiet is the server's side of a call whose client says nothing, or one message,
// and hears no more than one.
type quiet struct {
	grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]
	ctx   context.Context
	says  chan *syncv1.SyncRequest
	hears chan *syncv1.SyncResponse
}

func (q quiet) Context() context.Context     { return q.ctx }
func (q quiet) SetHeader(metadata.MD) error  { return nil }
func (q quiet) SendHeader(metadata.MD) error { return nil }
func (q quiet) SetTrailer(metadata.MD)       {}
func (q quiet) SendMsg(m any) error          { return q.Send(m.(*syncv1.SyncResponse)) }

func (q quiet) Send(m *syncv1.SyncResponse) error {
	select {
	case q.hears <- m:
	default:
	}
	if err := q.ctx.Err(); err != nil {
		return status.FromContextError(err).Err()
	}
	return nil
}

func (q quiet) Recv() (*syncv1.SyncRequest, error) {
	select {
	case m := <-q.says:
		return m, nil
	case <-q.ctx.Done():
		return nil, status.FromContextError(q.ctx.Err()).Err()
	}
}

func (q quiet) RecvMsg(m any) error {
	got, err := q.Recv()
	if err == nil {
		proto.Merge(m.(proto.Message), got)
	}
	return err
}

// nobody is a client whose calls all fail.
type nobody struct{}

func (nobody) Sync(ctx context.Context, _ ...grpc.CallOption) (grpc.BidiStreamingClient[syncv1.SyncRequest, syncv1.SyncResponse], error) {
	return nil, status.Error(codes.Canceled, "nobody is there")
}

// most returns how many goroutines were in SendMsg at once.
func (t *tap) most() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peak
}

// misuse says what is wrong with how one side of the last call sends, if that is
// why the other side did not like it.
func (w *world) misuse(from, to string) string {
	w.Wait()
	w.mu.Lock()
	t := w.taps[[2]string{from, to}]
	w.mu.Unlock()
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var words string
	if t.peak > 1 {
		words += fmt.Sprintf("\n%d goroutines of %s were in Send at once (rule 16).", t.peak, from)
	}
	if len(t.sent) > 0 {
		m, ok := t.sent[0].was.(interface{ GetHave() *syncv1.Have })
		if ok && m.GetHave() == nil {
			words += fmt.Sprintf("\nThe first message that %s sent is not Have (rule 2).", from)
		}
	}
	return words
}

// mustBeUnchanged wants all messages to be what they were when they were sent.
func (t *tap) mustBeUnchanged() {
	t.w.T().Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sent {
		if !proto.Equal(s.msg, s.was) {
			t.w.Fatalf("%s called Send, for %s, with\n  %s\nand later on that message was\n  %s\nWant it never changed: who traces or counts messages may still look at it.", t.from, t.to, grpctest.Text(s.was), grpctest.Text(s.msg))
		}
	}
}

// mustHaveSent wants that many entries to have been sent in the last call.
func (w *world) mustHaveSent(from, to *node, want int) {
	w.T().Helper()
	t := w.tap(from.name, to.name)
	t.mu.Lock()
	defer t.mu.Unlock()
	var entries []string
	for _, s := range t.sent {
		if m, ok := s.was.(interface{ GetEntry() *syncv1.Entry }); ok && m.GetEntry() != nil {
			entries = append(entries, fmt.Sprintf("Entry %s %s", m.GetEntry().GetKey(), text(m.GetEntry().GetStamp())))
		}
	}
	if len(entries) != want {
		w.Fatalf("In the last call, %s sent %s\n%sWant %d: what the other lacks.", from.name, to.name, list(entries, -1), want)
	}
}

// mustBeOver wants the server's side of the last call to have returned.
func (w *world) mustBeOver(server, client *node, want ...codes.Code) {
	w.T().Helper()
	t := w.tap(server.name, client.name)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !t.over:
		w.Fatalf("%s's call is over, and %s's Sync has not returned by %v.\nWant it to, at once.\n\n%s", client.name, server.name, w.Elapsed(), w.Waiting())
	case !slices.Contains(want, status.Code(t.err)):
		w.Fatalf("%s's call is over, and %s's Sync returned %s.\nWant a status that is %v: gRPC makes Unknown of an error that has none.", client.name, server.name, outcome(t.err), want[0])
	}
}

// shut has every Send from one to the other wait, as if the other did not read;
// open has them go on.
func (w *world) shut(from, to string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gates[[2]string{from, to}] = make(chan struct{})
	w.link.Note("%s reads nothing any more: Send of %s waits", to, from)
}

func (w *world) open(from, to string) {
	w.mu.Lock()
	w.link.Note("%s reads again", to)
	close(w.gates[[2]string{from, to}])
	delete(w.gates, [2]string{from, to})
	w.mu.Unlock()
	w.Wait()
}

// pass lets one message through, if there is one to send.
func (w *world) pass(from, to string) {
	w.mu.Lock()
	gate := w.gates[[2]string{from, to}]
	w.mu.Unlock()
	w.Wait()
	select {
	case gate <- struct{}{}:
		w.link.Note("%s reads one message", to)
	default:
	}
	w.Wait()
}

// unread is about a peer that takes nothing.
const unread = "\nIt reads nothing, so that a Send for it waits; only the end of the call ends that:\nin the handler, to return; in the client, to cancel."

// mustTellCodes wants the codes of contexts that are over, whatever their cause.
func (w *world) mustTellCodes(method string) {
	w.T().Helper()
	n, name := w.node(), w.d.Word()
	w.script(name)
	cause := errors.New("the caller's own cause")
	ctx, cancel := context.WithCancelCause(w.Context())
	c := w.call(n, method, name, ctx)
	w.Wait()
	w.link.Note("its context is cancelled with a cause, by context.WithCancelCause")
	cancel(cause)
	c.mustReturn(codes.Canceled)
	later, stop := context.WithTimeoutCause(w.Context(), 30*time.Second, cause)
	defer stop()
	c = w.call(n, method, name, later)
	<-time.After(31 * time.Second)
	w.link.Note("its context had a timeout with a cause, from context.WithTimeoutCause")
	c.mustReturn(codes.DeadlineExceeded)
}

// callAndGo has a replica play its part in that many calls that come to their
// end: as the server, of clients that cancel, or as the client.
func (w *world) callAndGo(n *node, method string, many int) {
	w.T().Helper()
	if method == "Sync" {
		client := w.client(w.d.Word(), n.name)
		for range many {
			ctx, cancel := context.WithCancel(w.Context())
			stream, err := client.Sync(ctx)
			if err == nil {
				err = stream.Send(request(have("gone")))
			}
			if err == nil {
				_, err = stream.Recv()
			}
			if err != nil {
				w.Fatalf("A call of Sync that begins with Have: %s\nwant Have", outcome(err))
			}
			w.Wait()
			cancel()
			w.Wait()
		}
		return
	}
	client := w.client(n.name, w.node().name)
	for range many {
		ctx, cancel := context.WithCancel(w.Context())
		c := w.Go(fmt.Sprintf("%s.%s(ctx, client)", n.name, method), func() error {
			if method == "Once" {
				return n.r.Once(ctx, client)
			}
			return n.r.Run(ctx, client)
		})
		w.Wait()
		cancel()
		if w.Wait(); !c.Returned() {
			w.Fatalf("%s's context is over, and it has not returned.\n\n%s", method, w.Waiting())
		}
		if method == "Once" && c.Wait() != nil {
			w.Fatalf("Once returned %s\nwant nil", outcome(c.Wait()))
		}
	}
}

// state is keys and values.
type state map[string]string

// node is a replica of the learner's.
type node struct {
	w    *world
	name string
	r    *sync.Replica
}

// node returns a new replica, which serves, too.
func (w *world) node() *node {
	n := &node{w: w, name: w.d.Word()}
	w.Do(func() string { return fmt.Sprintf("New(%q)", n.name) }, func() { n.r = sync.New(n.name) })
	if n.r == nil {
		w.Fatalf("New(%q) = nil", n.name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers[n.name] = n.r.Sync
	return n
}

// at makes a call that has to return at once.
func (n *node) at(call string, f func()) {
	n.w.T().Helper()
	n.w.link.Note("%s.%s", n.name, call)
	n.quickly(call, f)
}

// quickly is at without a line in the story.
func (n *node) quickly(call string, f func()) {
	n.w.T().Helper()
	c := n.w.Go(n.name+"."+call, func() error { f(); return nil })
	if n.w.Wait(); !c.Returned() {
		n.w.Fatalf("%s.%s has not returned. Want it to, at once: it waits for no peer (rule 14).\n\n%s", n.name, call, n.w.Waiting())
	}
}

func (n *node) set(key, value string) {
	n.w.T().Helper()
	n.at(fmt.Sprintf("Set(%q, %s)", key, short(value)), func() { n.r.Set(key, []byte(value)) })
}

// quietly is set without a line in the story, and without waiting.
func (n *node) quietly(key, value string) {
	n.r.Set(key, []byte(value))
	n.w.Worked()
}

func (n *node) del(key string) {
	n.w.T().Helper()
	n.at(fmt.Sprintf("Delete(%q)", key), func() { n.r.Delete(key) })
}

// state returns what Keys and Get say.
func (n *node) state() state {
	n.w.T().Helper()
	n.w.Wait()
	var keys []string
	s := state{}
	n.quickly("Keys(), and Get of each,", func() {
		keys = n.r.Keys()
		for _, key := range keys {
			if value, ok := n.r.Get(key); ok {
				s[key] = string(value)
			}
			n.w.Worked()
		}
	})
	for i, key := range keys {
		if i > 0 && key <= keys[i-1] {
			n.w.Fatalf("Keys() of %s = %q\nwant each once, in the order of their bytes", n.name, keys)
		}
		if _, ok := s[key]; !ok {
			n.w.Fatalf("Keys() of %s = %q\nand Get(%q) says that there is none", n.name, keys, key)
		}
	}
	return s
}

// mustHave wants exactly that state.
func (n *node) mustHave(want state) {
	n.w.T().Helper()
	got := n.state()
	for key := range want {
		value, ok := n.r.Get(key)
		if _, listed := got[key]; ok != listed || ok && string(value) != got[key] {
			n.w.Fatalf("Get(%q) of %s = %s, %v, and Keys() = %q%s", key, n.name, short(string(value)), ok, n.r.Keys(), n.unwritten())
		}
	}
	if !maps.Equal(got, want) {
		n.w.Fatalf("%s has\n%sWant\n%s%s", n.name, differing(got, want), differing(want, got), n.unwritten())
	}
}

// mustBe wants the same state as another's.
func (n *node) mustBe(m *node) {
	n.w.T().Helper()
	if mine, theirs := n.state(), m.state(); !maps.Equal(mine, theirs) {
		n.w.Fatalf("%s has\n%sand %s has\n%sWant the same.", n.name, differing(mine, theirs), m.name, differing(theirs, mine))
	}
}

func (n *node) mustGet(key, want string) {
	n.w.T().Helper()
	if got := n.state()[key]; got != want {
		n.w.Fatalf("Get(%q) of %s = %s, want %s", key, n.name, short(got), short(want))
	}
}

// unwritten says so of a replica that is not written yet.
func (n *node) unwritten() string {
	if err := n.r.Once(n.w.Context(), nobody{}); errors.Is(err, todo.Err) {
		return fmt.Sprintf("\n%v", err)
	}
	return ""
}

// stamp returns that of a key, from a Have.
func (n *node) stamp(key string) *syncv1.Stamp {
	n.w.T().Helper()
	return n.stamps()[key]
}

func (n *node) counter(key string) int64 {
	n.w.T().Helper()
	return n.stamp(key).GetCounter()
}

// stamps asks for a Have, in a call that nobody else sees.
func (n *node) stamps() map[string]*syncv1.Stamp {
	n.w.T().Helper()
	ctx, cancel := context.WithCancel(n.w.Context())
	look := quiet{ctx: ctx, says: make(chan *syncv1.SyncRequest, 1), hears: make(chan *syncv1.SyncResponse, 1)}
	look.says <- request(have("look"))
	c := n.w.Go(n.name+".Sync(stream)", func() error { return n.r.Sync(look) })
	n.w.Wait()
	got, how := "nothing", "it has not returned"
	if c.Returned() {
		how = "it returned " + outcome(c.Wait())
	}
	var first *event
	select {
	case first = <-look.hears:
		got = line(first)
	default:
	}
	cancel()
	n.w.Wait() // until that call has left nothing
	if first.GetHave() == nil {
		n.w.Fatalf("The test asks %s what it has: it calls Sync, and says Have. What comes first is\n%sand %s. Want Have (rule 2).", n.name, list([]string{got}, -1), how)
	}
	return first.GetHave().GetStamps()
}

// have is the line of the Have that n should send now: its keys, and those that
// are deleted.
func (n *node) have(deleted []string) string {
	keys := append(n.r.Keys(), deleted...)
	slices.Sort(keys)
	for i, key := range keys {
		keys[i] = word(key) + "@*:" + n.name
	}
	return strings.Join(append([]string{"Have", n.name + ":"}, keys...), " ")
}

// entries are the lines of all that n has, all of it its own, but for some keys.
func (n *node) entries(but []string) []string {
	var lines []string
	for key, value := range n.state() {
		if !slices.Contains(but, key) {
			lines = append(lines, fmt.Sprintf("Entry %s @*:%s %q", word(key), n.name, value))
		}
	}
	return lines
}

// calling is a call of Once or Run.
type calling struct {
	*bubble.Call
	w      *world
	what   string
	cancel context.CancelFunc
}

// call has a replica call a server, and gives it time to.
func (w *world) call(n *node, method, to string, ctx context.Context) *calling {
	w.T().Helper()
	ctx, cancel := context.WithCancel(ctx)
	client := w.client(n.name, to)
	c := &calling{w: w, what: fmt.Sprintf("%s, called by %s, of %s,", method, n.name, to), cancel: cancel}
	w.link.Note("%s.%s(ctx, a client of %s)", n.name, method, to)
	c.Call = w.Go(fmt.Sprintf("%s.%s(ctx, client)", n.name, method), func() error {
		if method == "Once" {
			return n.r.Once(ctx, client)
		}
		return n.r.Run(ctx, client)
	})
	w.Cleanup(cancel)
	return c
}

// once wants Once to return nil at once.
func (n *node) once(m *node) {
	n.w.T().Helper()
	c := n.w.call(n, "Once", m.name, n.w.Context())
	if n.w.Wait(); !c.Returned() {
		n.w.Fatalf("%s has not returned.\nWant it to, once both are the same (rule 3).\n\n%s", c.what, n.w.Waiting())
	}
	if err := c.Wait(); err != nil {
		n.w.Fatalf("%s returned %s\nwant nil (rule 3)%s", c.what, outcome(err), n.w.misuse(n.name, m.name)+n.w.misuse(m.name, n.name))
	}
	if !n.w.tap(n.name, m.name).ended() {
		n.w.Fatalf("%s returned nil,\nand its Recv has not returned io.EOF: nobody knows whether the call ended well.\nWant Once to half-close, and to return when the status has come (rule 9).", c.what)
	}
}

// ended says whether the client's Recv has said that the call is over, and well.
func (t *tap) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over && t.err == io.EOF
}

// run wants Run not to return.
func (n *node) run(m *node) *calling {
	n.w.T().Helper()
	c := n.w.call(n, "Run", m.name, n.w.Context())
	if n.w.Wait(); c.Returned() {
		n.w.Fatalf("%s returned %s\nwant it to go on until its context is done (rule 12)", c.what, outcome(c.Wait()))
	}
	return c
}

// mustReturn wants the call to have returned an error with that code by now.
func (c *calling) mustReturn(want codes.Code) {
	c.w.T().Helper()
	if c.w.Wait(); !c.Returned() {
		c.w.Fatalf("%s has not returned by %v. Want it to, with %v.\n\n%s", c.what, c.w.Elapsed(), want, c.w.Waiting())
	}
	switch err := c.Wait(); {
	case want == codes.OK && err == nil:
	case errors.Is(err, sync.ErrIncomplete) || status.Code(err) != want:
		c.w.Fatalf("%s returned %s\nwant %v, for status.Code", c.what, outcome(err), want)
	}
}

// direction is which side of a call the learner's code is.
type direction struct {
	why      string
	asClient bool
	method   string
}

var (
	server     = direction{why: "in Sync"}
	once       = direction{"in Once", true, "Once"}
	running    = direction{"in Run", true, "Run"}
	directions = []direction{server, once, running}
)

// peer is a replica that the test plays.
type peer struct {
	w     *world
	n     *node // the other side
	name  string
	what  string // in words
	about string // more of them
	say   func(*event) error
	shut  func()

	client *calling   // of the learner's, if that is the client
	over   chan error // what the handler of the test's returns then
	ctx    context.Context
	cancel context.CancelFunc

	mu    gosync.Mutex
	heard []*event
	asked int // how many of them a mustHear has had
	ended bool
	err   error
	has   map[string]*syncv1.Entry // what was heard, put together

	said []string // the entries that the peer has sent
}

// play has a peer of that name begin a call with a replica, or has that one begin
// it. The peer says nothing yet.
func (w *world) play(dir direction, n *node, name string) *peer {
	w.T().Helper()
	if dir.asClient {
		p := w.script(name)
		p.n, p.what = n, fmt.Sprintf("%s calls %s, and the server is %s, played by the test.\nIt", n.name, dir.method, name)
		p.client = w.call(n, dir.method, name, w.Context())
		p.cancel = p.client.cancel
		w.Wait()
		if p.say == nil {
			if p.client.Returned() {
				w.Fatalf("%s returned %s\nand has not called Sync", p.client.what, outcome(p.client.Wait()))
			}
			w.Fatalf("%s has not called Sync by %v", p.client.what, w.Elapsed())
		}
		return p
	}
	p := &peer{w: w, n: n, name: name, what: fmt.Sprintf("%s, played by the test, calls Sync of %s.\nIt", name, n.name), has: map[string]*syncv1.Entry{}}
	p.ctx, p.cancel = context.WithCancel(w.Context())
	stream, err := w.client(name, n.name).Sync(p.ctx)
	if err != nil {
		w.Fatalf("Sync: %s", outcome(err))
	}
	p.say = func(e *event) error { return stream.Send(request(e)) }
	p.shut = func() { stream.CloseSend() }
	w.Go(name, func() error { p.listen(stream.Recv); return nil })
	w.Wait()
	return p
}

// meet is play, and both say what they have to: the peer has nothing.
func (w *world) meet(dir direction, n *node, name string) *peer {
	w.T().Helper()
	p := w.play(dir, n, name)
	p.sends(have(p.name), synced())
	p.mustGoOn()
	p.mustEndWith("Synced")
	p.asked = len(p.heard)
	return p
}

// script has the test play a server.
func (w *world) script(name string) *peer {
	p := &peer{w: w, name: name, over: make(chan error, 1), has: map[string]*syncv1.Entry{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.servers[name] = func(stream grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]) error {
		p.ctx, p.say = stream.Context(), stream.Send
		go p.listen(func() (*event, error) {
			m, err := stream.Recv()
			return response(m), err
		})
		select {
		case err := <-p.over:
			return err
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
	return p
}

// listen reads until the call, or the other's half of it, is over.
func (p *peer) listen(recv func() (*event, error)) {
	for {
		e, err := recv()
		p.mu.Lock()
		if err != nil {
			p.ended, p.err = true, err
			p.mu.Unlock()
			return
		}
		p.heard = append(p.heard, e)
		p.mu.Unlock()
		if e.GetEntry() != nil {
			p.knows(e.GetEntry())
		}
	}
}

// later says which of two stamps is, as sync.proto has it.
func later(a, b *syncv1.Stamp) bool {
	if a.GetCounter() != b.GetCounter() {
		return a.GetCounter() > b.GetCounter()
	}
	return a.GetReplica() > b.GetReplica()
}

func request(e *event) *syncv1.SyncRequest {
	switch {
	case e.GetHave() != nil:
		return &syncv1.SyncRequest{Event: &syncv1.SyncRequest_Have{Have: e.GetHave()}}
	case e.GetEntry() != nil:
		return &syncv1.SyncRequest{Event: &syncv1.SyncRequest_Entry{Entry: e.GetEntry()}}
	case e.GetSynced() != nil:
		return &syncv1.SyncRequest{Event: &syncv1.SyncRequest_Synced{Synced: e.GetSynced()}}
	}
	return &syncv1.SyncRequest{}
}

func response(m *syncv1.SyncRequest) *event {
	switch {
	case m.GetHave() != nil:
		return &event{Event: &syncv1.SyncResponse_Have{Have: m.GetHave()}}
	case m.GetEntry() != nil:
		return &event{Event: &syncv1.SyncResponse_Entry{Entry: m.GetEntry()}}
	case m.GetSynced() != nil:
		return &event{Event: &syncv1.SyncResponse_Synced{Synced: m.GetSynced()}}
	}
	return &event{}
}

// sends says something, and gives the other time to take it in. What is said is
// what the peer has.
func (p *peer) sends(events ...*event) {
	p.w.T().Helper()
	for _, e := range events {
		if p.over != nil {
			p.w.link.Note("%s, the server, sends %s", p.name, line(e))
		}
		if x := e.GetEntry(); x != nil {
			p.knows(x)
			p.said = append(p.said, line(e))
		}
		c := p.w.Go(p.name+" sends", func() error { return p.say(e) })
		if p.w.Wait(); !c.Returned() {
			p.w.Fatalf("%s has sent so much that its connection is full: %s does not read.\nWant it to go on reading, whatever it has to send itself (rule 8).\n\n%s", p.what, p.n.name, p.w.Waiting())
		}
	}
}

// knows gives the peer what it may have from elsewhere.
func (p *peer) knows(e *syncv1.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if later(e.GetStamp(), p.has[e.GetKey()].GetStamp()) {
		p.has[e.GetKey()] = e
	}
}

func (p *peer) halfClose() {
	p.shut()
	p.w.Wait()
}

// end ends the call of the server that the test plays.
func (p *peer) end(err error) {
	p.w.link.Note("%s, the server, ends the call: %s", p.name, outcome(err))
	p.over <- err
	p.w.Wait()
}

func (p *peer) lines() []string {
	p.w.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for _, e := range p.heard {
		lines = append(lines, line(e))
	}
	return lines
}

// mustHear wants those messages to have come since it was last called, and no
// others. Entries that follow each other may come in any order.
func (p *peer) mustHear(want ...string) {
	p.w.T().Helper()
	all := p.lines()
	got := all[p.asked:]
	since := "got"
	if p.asked > 0 {
		since = "got since the last look"
	}
	p.asked = len(all)
	p.compare(since, got, want)
}

// mustHaveHeard is mustHear for all that came.
func (p *peer) mustHaveHeard(want ...string) {
	p.w.T().Helper()
	all := p.lines()
	p.asked = len(all)
	p.compare("got", all, want)
}

func (p *peer) compare(since string, got, want []string) {
	p.w.T().Helper()
	got, want = ordered(got), ordered(want)
	if slices.EqualFunc(got, want, matches) {
		return
	}
	first := 0
	for first < len(got) && first < len(want) && matches(got[first], want[first]) {
		first++
	}
	p.w.Fatalf("%s %s, by %v\n%sWant\n%s%s%s", p.what, since, p.w.Elapsed(), list(got, first), list(want, first), p.howEnded(), legend)
}

const legend = "(key@counter:replica; @*: any counter; entries in any order)"

// howEnded says so of a call that has ended.
func (p *peer) howEnded() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.client != nil && p.client.Returned():
		return fmt.Sprintf("%s returned %s\n", p.client.what, outcome(p.client.Wait()))
	case p.client == nil && p.ended:
		return fmt.Sprintf("The call ended with %s\n", outcome(p.err))
	}
	return ""
}

// mustUse wants each entry heard to bear the stamp that the replica's Have says.
func (p *peer) mustUse(n *node) {
	p.w.T().Helper()
	stamps := n.stamps()
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, e := range p.has {
		if !proto.Equal(e.GetStamp(), stamps[key]) {
			p.w.Fatalf("%s got\n  Entry %s %s\nand in Have, %s's stamp of that key is %s.\nWant the same.", p.what, key, text(e.GetStamp()), n.name, text(stamps[key]))
		}
	}
}

// mustKnow wants what the peer has heard to make the replica's state.
func (p *peer) mustKnow(n *node) {
	p.w.T().Helper()
	p.w.Wait()
	p.mu.Lock()
	got := state{}
	for key, e := range p.has {
		if !e.GetDeleted() {
			got[key] = string(e.GetValue())
		}
	}
	p.mu.Unlock()
	if want := n.state(); !maps.Equal(got, want) {
		p.w.Fatalf("%s has taken in all that came. By %v, it knows\n%sand %s has\n%sWant the same.%s\n%s", p.what, p.w.Elapsed(), differing(got, want), n.name, differing(want, got), p.about, p.howEnded())
	}
}

// mustEndWith wants the last message so far to be that, of those that the peer
// has not sent itself.
func (p *peer) mustEndWith(want string) {
	p.w.T().Helper()
	all := p.lines()
	lines := slices.DeleteFunc(slices.Clone(all), func(l string) bool { return slices.Contains(p.said, l) }) // which is rule 13's
	if len(lines) == 0 || lines[len(lines)-1] != want {
		p.w.Fatalf("%s got, by %v\n%sWant %s at the end.\n%s", p.what, p.w.Elapsed(), list(all, len(all)-1), want, p.howEnded())
	}
}

// mustNotHear wants a message not to have come.
func (p *peer) mustNotHear(not string) {
	p.w.T().Helper()
	lines := p.lines()
	if i := slices.Index(lines, not); i >= 0 {
		p.w.Fatalf("%s got, by %v\n%sWant nothing back that it has sent itself.", p.what, p.w.Elapsed(), list(lines, i))
	}
}

// entry is what has come of a key.
func (p *peer) entry(key string) *syncv1.Entry {
	p.w.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.has[key]
}

// isOver says whether the call has ended for a client that the test plays.
func (p *peer) isOver() bool {
	p.w.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// mustHaveHeardOnce wants a message to have come once.
func (p *peer) mustHaveHeardOnce(want string) {
	p.w.T().Helper()
	lines := p.lines()
	n := 0
	for _, l := range lines {
		if l == want {
			n++
		}
	}
	if n != 1 {
		p.w.Fatalf("%s got, by %v\n%sWant %s once.", p.what, p.w.Elapsed(), list(lines, -1), want)
	}
}

// mustHaveHeardEachOnce wants no key to have come twice before Synced.
func (p *peer) mustHaveHeardEachOnce() {
	p.w.T().Helper()
	lines := p.lines()
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[string]bool{}
	for i, e := range p.heard {
		if e.GetSynced() != nil {
			return
		}
		key := e.GetEntry().GetKey()
		if e.GetEntry() != nil && seen[key] {
			p.w.Fatalf("%s got\n%sWant each key once before Synced, and what is written meanwhile in its place,\nor behind Synced.%s", p.what, list(lines, i), p.about)
		}
		seen[key] = true
	}
}

// mustHaveHeardAtMost wants few messages to have come since mustHear.
func (p *peer) mustHaveHeardAtMost(most int, why string) {
	p.w.T().Helper()
	if n := len(p.lines()) - p.asked; n > most {
		p.w.Fatalf("%s read nothing for a while. %s.\nBehind that there came %d messages. Want %d at most: an older write of a key need\nnot be sent when there is a later one, and must not wait in memory.", p.what, why, n, most)
	}
}

// mustGoOn wants the call not to be over.
func (p *peer) mustGoOn() {
	p.w.T().Helper()
	p.w.Wait()
	if end := p.howEnded(); end != "" {
		p.w.Fatalf("%s got\n%s%sWant the call to go on.", p.what, list(p.lines(), -1), end)
	}
}

// mustEnd wants the call to be over, with that code.
func (p *peer) mustEnd(want codes.Code) {
	p.w.T().Helper()
	p.w.Wait()
	p.mu.Lock()
	ended, err := p.ended, p.err
	p.mu.Unlock()
	if err == io.EOF {
		err = nil
	}
	switch {
	case !ended:
		p.w.Fatalf("%s got\n%sThe call goes on at %v. Want it ended with %v.%s\n\n%s", p.what, list(p.lines(), -1), p.w.Elapsed(), want, p.about, p.w.Waiting())
	case status.Code(err) != want:
		p.w.Fatalf("%s got\n%sThe call ended with %s.\nWant %v.%s", p.what, list(p.lines(), -1), outcome(err), want, p.about)
	}
}

// mustFail wants the learner's side to end the call with that code.
func (p *peer) mustFail(want codes.Code) {
	p.w.T().Helper()
	if p.client == nil {
		p.mustEnd(want)
		return
	}
	switch p.w.Wait(); {
	case !p.client.Returned():
		p.w.Fatalf("%s has not returned by %v. Want it to, with %v.%s\n\n%s", p.client.what, p.w.Elapsed(), want, p.about, p.w.Waiting())
	case status.Code(p.client.Wait()) != want:
		p.w.Fatalf("%s returned %s\nwant %v.%s", p.client.what, outcome(p.client.Wait()), want, p.about)
	}
	p.mustBeGone()
}

// mustBeGone wants the call of the learner's client to be over for the server.
func (p *peer) mustBeGone() {
	p.w.T().Helper()
	if p.w.Wait(); p.ctx.Err() == nil {
		p.w.Fatalf("%s has returned, and the server's side of its call still goes on.\nWant it over: cancel its context.%s", p.client.what, p.about)
	}
}

func (p *peer) mustBeHalfClosed() {
	p.w.T().Helper()
	p.w.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended || p.err != io.EOF {
		p.w.Fatalf("%s has the client's Synced. The client has not half-closed by %v.\nWant CloseSend behind Synced, so that the server can end the call.", p.what, p.w.Elapsed())
	}
}

func (p *peer) mustNotReturn(why string) {
	p.w.T().Helper()
	if p.w.Wait(); p.client.Returned() {
		p.w.Fatalf("%s returned %s at %v,\nand %s. Want it to wait for the status: it may be an error.", p.client.what, outcome(p.client.Wait()), p.w.Elapsed(), why)
	}
}

func (p *peer) mustReturn(want codes.Code) {
	p.w.T().Helper()
	p.client.mustReturn(want)
}

// returned is what the learner's client has returned.
func (p *peer) returned() error {
	p.w.T().Helper()
	if p.w.Wait(); !p.client.Returned() {
		p.w.Fatalf("%s has not returned by %v, and the call is over.\n\n%s", p.client.what, p.w.Elapsed(), p.w.Waiting())
	}
	return p.client.Wait()
}

// differing lists a state; of a long one, what is not in the other.
func differing(s, other state) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(s)) {
		mark := " "
		if value, ok := other[key]; !ok || value != s[key] {
			mark = ">"
		}
		if len(s) <= 10 || mark == ">" {
			lines = append(lines, fmt.Sprintf("%s %s=%s", mark, word(key), short(s[key])))
		}
	}
	switch {
	case len(s) == 0:
		return "  no key\n"
	case len(lines) > 10:
		lines = append(lines[:10], fmt.Sprintf("> … and %d more", len(lines)-10))
	}
	if len(s) > 10 {
		lines = append(lines, fmt.Sprintf("  … of %d keys in all", len(s)))
	}
	return strings.Join(lines, "\n") + "\n"
}

// list is an indented list with one of its lines marked. Of a long one, it is
// what is near the mark, or the beginning and the end.
func list(lines []string, mark int) string {
	if len(lines) == 0 {
		return "  nothing\n"
	}
	var b strings.Builder
	left := 0 // lines that are left out
	for i, l := range lines {
		shown := len(lines) <= 20 || mark < 0 && (i < 7 || i >= len(lines)-7) || mark >= 0 && i >= mark-6 && i <= mark+6
		if !shown {
			left++
		}
		if left > 0 && (shown || i == len(lines)-1) {
			fmt.Fprintf(&b, "  … (%d more, of %d)\n", left, len(lines))
			left = 0
		}
		switch {
		case i == mark:
			fmt.Fprintf(&b, "> %s\n", folded(l))
		case shown:
			fmt.Fprintf(&b, "  %s\n", folded(l))
		}
	}
	return b.String()
}

// folded is a line in lines that fit, and not all of a very long one.
func folded(l string) string {
	if runes := []rune(l); len(runes) > 240 {
		l = string(runes[:240]) + " …"
	}
	var b strings.Builder
	room := 76
	for i, word := range strings.Split(l, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i > 0 && n+1 > room:
			b.WriteString("\n      ")
			room = 72
		case i > 0:
			b.WriteString(" ")
			room--
		}
		b.WriteString(word)
		room -= n
	}
	return b.String()
}

// short is a value, quoted, and not all of a long one.
func short(value string) string {
	if len(value) > 40 {
		return fmt.Sprintf("%q… (%d bytes)", value[:30], len(value))
	}
	return fmt.Sprintf("%q", value)
}

// outcome is how a call ended.
func outcome(err error) string {
	switch {
	case err == nil:
		return "nil"
	case errors.Is(err, io.EOF):
		return "io.EOF"
	case errors.Is(err, sync.ErrIncomplete):
		return "ErrIncomplete"
	}
	return grpctest.Status(err)
}
