package room_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	"github.com/example/netkata/katas/grpc/room"
	roomv1 "github.com/example/netkata/pb/room/v1"
)

// Who comes, and who is there (room.proto, Joined).
func TestJoined(t *testing.T) {
	t.Run("one, alone", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b)
			w.join("room", w.d.Word())
		})
	})
	t.Run("six in turn", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b)
			for _, name := range w.d.Words(6) {
				w.join("room", name)
			}
		})
	})
	t.Run("names that differ in one letter's case", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b)
			name := w.d.Word()
			w.join("room", name)
			w.join("room", strings.ToUpper(name[:1])+name[1:])
		})
	})
}

// Texts of all sorts (room.proto, ChatResponse).
func TestSaid(t *testing.T) {
	t.Run("everyone says something", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			w := start(b)
			members := w.joinAll("room", 3)
			for range 2 {
				for _, c := range members {
					w.say(c, w.text())
				}
			}
		})
	})
	t.Run("one, alone, and then somebody comes", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			w := start(b)
			c := w.join("room", w.d.Word())
			w.say(c, "is anyone there?")
			w.join("room", w.d.Word())
			w.say(c, w.text())
		})
	})
	t.Run("after an hour of silence", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			w := start(b)
			members := w.joinAll("room", 2)
			<-time.After(time.Hour)
			w.say(members[0], w.text())
			w.say(members[1], w.text())
		})
	})
	for _, text := range []string{" ", "  a  b ", "/quit", "100%s%d", "ann left", "grüße 👋"} {
		t.Run(fmt.Sprintf("the text %q", text), func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				w := start(b)
				members := w.joinAll("room", 2)
				w.say(members[1], text)
			})
		})
	}
}

// Events are counted (room.proto, ChatResponse).
func TestNumber(t *testing.T) {
	bubble.Run(t, 3, func(b *bubble.B) {
		w := start(b)
		w.counted = true
		first := w.join("room", w.d.Word())
		w.say(first, w.text())
		w.say(first, w.text())
		for range 4 {
			c := w.join("room", w.d.Word())
			w.say(first, w.text())
			w.say(c, w.text())
		}
	})
}

// The half-close (gRPC over HTTP/2, END_STREAM).
func TestLeave(t *testing.T) {
	t.Run("everyone, one after the other", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			members := w.joinAll("room", 4)
			for len(members) > 0 {
				i := w.d.IntN(len(members))
				w.say(members[i], w.text())
				w.leave(members[i])
				members = slices.Delete(members, i, i+1)
				for _, c := range members {
					w.say(c, w.text())
				}
			}
		})
	})
	t.Run("the name is free, and taken, and free", func(t *testing.T) {
		bubble.Run(t, 4, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			first, name := w.join("room", w.d.Word()), w.d.Word()
			for range 3 {
				c := w.join("room", name)
				w.say(c, w.text())
				w.leave(c)
				w.say(first, w.text())
			}
		})
	})
}

// Several rooms (room.proto, Join).
func TestRooms(t *testing.T) {
	t.Run("what is said in one is not heard in the other", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			names, where := w.d.Words(3), w.d.Words(3)
			var all []*client
			for turn := range names { // each name in each room
				for i := range where {
					all = append(all, w.join(where[i], names[(i+turn)%3]))
				}
			}
			w.d.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for i, c := range all {
				w.say(c, w.text())
				if i%2 == 0 {
					w.leave(c)
				}
			}
		})
	})
	t.Run("names that look alike once they are joined", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			for _, sep := range []string{"/", ":", " ", "-"} {
				one := w.join("a", "b"+sep+"c")
				two := w.join("a"+sep+"b", "c")
				w.say(one, w.text())
				w.say(two, w.text())
				w.leave(one)
				w.say(two, w.text())
				w.leave(two)
			}
			for _, where := range []string{"red", "Red", "red ", " red"} {
				w.say(w.join(where, "ann"), w.text())
			}
		})
	})
	t.Run("how many there are", func(t *testing.T) {
		bubble.Run(t, 5, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			w.mustHaveRooms(0)
			where := w.d.Words(2)
			one, two, three := w.join(where[0], w.d.Word()), w.join(where[0], w.d.Word()), w.join(where[1], w.d.Word())
			w.mustHaveRooms(2)
			w.mustBeApart(room.New(w.limits))
			w.leave(one)
			w.mustHaveRooms(2)
			w.leave(two)
			w.mustHaveRooms(1)
			again := w.join(where[0], w.d.Word()) // event 1 of a new room
			w.say(again, w.text())
			w.leave(three)
			w.leave(again)
			w.mustHaveRooms(0)
		})
	})
}

// mustBeApart wants nothing that happens to another Server to be seen in this one,
// nor the other way round. It stops the other one.
func (w *world) mustBeApart(other *room.Server) {
	w.T().Helper()
	if got := other.Rooms(); got != 0 {
		w.Fatalf("Another Server is new: its Rooms() = %d, want 0.\nA Server has its own rooms: they are no variable of the package.", got)
	}
	w.at("Stop(), of another Server", other.Stop)
}

// Messages where they do not belong (gRPC, status codes).
func TestOutOfPlace(t *testing.T) {
	for _, tt := range []struct {
		why string
		do  func(w *world, c *client, name string)
	}{
		{"half-closes", func(w *world, c *client, _ string) { c.halfClose() }},
		{"says something", func(w *world, c *client, _ string) { w.send(c, "hello") }},
		{"sends an empty message", func(w *world, c *client, _ string) { c.request(new(roomv1.ChatRequest)) }},
	} {
		t.Run("before Join it "+tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				first := w.join("room", w.d.Word())
				c := w.call("a client")
				tt.do(w, c, "")
				c.mustBeRefused(codes.InvalidArgument, "it "+tt.why+" before Join")
				w.say(first, w.text()) // and heard of nobody
				w.leave(first)
				w.mustHaveRooms(0)
			})
		})
	}
	for _, tt := range []struct {
		why string
		do  func(w *world, c *client)
	}{
		{"joins again", func(w *world, c *client) { c.request(joining(c.room, c.name)) }},
		{"joins under another name", func(w *world, c *client) { c.request(joining(c.room, w.d.Word())) }},
		{"joins another room", func(w *world, c *client) { c.request(joining(w.d.Word(), c.name)) }},
		{"sends an empty message", func(w *world, c *client) { c.request(new(roomv1.ChatRequest)) }},
	} {
		t.Run("in a room it "+tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				members := w.joinAll("room", 3)
				c := members[1]
				tt.do(w, c)
				w.gone(c)
				c.mustBeRefused(codes.InvalidArgument, "it "+tt.why)
				w.mustHear()
				w.say(members[0], w.text())
				w.join("room", c.name)
				w.mustHaveRooms(1)
			})
		})
	}
}

// Names and texts, good and bad (gRPC, status codes).
func TestLimits(t *testing.T) {
	bad := []struct {
		why  string
		text func(n int) string
	}{
		{"empty", func(int) string { return "" }},
		{"one byte too long", func(n int) string { return strings.Repeat("x", n+1) }},
		{"too long in bytes, though not in letters", func(n int) string { return strings.Repeat("ü", n/2+1) }},
		{"with a newline in it", func(int) string { return "a\nb" }},
		{"with a newline at its end", func(int) string { return "a\n" }},
		{"with a zero byte, and nothing else", func(int) string { return "\x00" }},
		{"with a tab in it", func(int) string { return "a\tb" }},
		{"with DEL in it, U+007F", func(int) string { return "a\x7fb" }},
		{"with NEL in it, U+0085", func(int) string { return "a\u0085b" }},
	}
	good := []struct {
		why  string
		text func(n int) string
	}{
		{"of one letter", func(int) string { return "x" }},
		{"as long as it may be", func(n int) string { return strings.Repeat("x", n) }},
		{"as long as it may be, of letters with two bytes", func(n int) string { return strings.Repeat("ü", n/2) + "xx"[:n%2] }},
		{"a blank", func(int) string { return " " }},
		{"with U+00A0 and U+200D, which print nothing, and control nothing", func(int) string { return "a\u00a0\u200db" }},
	}
	for _, tt := range good {
		t.Run("a room, a name and a text "+tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				where := tt.text(w.limits.Name)
				w.about = w.limitsInWords()
				other := w.join(where, "ann")
				c := w.join(where, tt.text(w.limits.Name))
				w.say(c, tt.text(w.limits.Text))
				w.leave(c)
				w.say(other, w.text())
			})
		})
	}
	for _, tt := range bad {
		t.Run("a room "+tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				w := start(b)
				c := w.call("a client")
				where := tt.text(w.limits.Name)
				c.request(joining(where, w.d.Word()))
				c.mustBeRefused(codes.InvalidArgument, w.bad("the room's name", where, tt.why))
				w.mustHaveRooms(0)
			})
		})
		t.Run("a name "+tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				first := w.join("room", w.d.Word())
				c := w.call("a client")
				name := tt.text(w.limits.Name)
				c.request(joining("room", name))
				c.mustBeRefused(codes.InvalidArgument, w.bad("the member's name", name, tt.why))
				w.say(first, w.text())
				c = w.call("a client")
				c.request(joining("another room", name))
				c.mustBeRefused(codes.InvalidArgument, w.bad("the member's name", name, tt.why))
				w.about = "A client was refused for its name. It wanted to join a room in which nobody is."
				w.mustHaveRooms(1)
				w.about = ""
				w.leave(first)
				w.mustHaveRooms(0)
			})
		})
		t.Run("a text "+tt.why, func(t *testing.T) {
			bubble.Run(t, 7, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				members := w.joinAll("room", 3)
				c := members[2]
				text := tt.text(w.limits.Text)
				w.send(c, text)
				w.gone(c)
				c.mustBeRefused(codes.InvalidArgument, w.bad("what it said", text, tt.why))
				w.mustHear() // that it left, and nothing else
				w.say(members[0], w.text())
			})
		})
	}
}

// A name that somebody has (gRPC, status codes).
func TestTaken(t *testing.T) {
	t.Run("and keeps", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			members := w.joinAll("room", 2)
			for range 2 {
				c := w.call("a client")
				c.request(joining("room", members[0].name))
				c.mustBeRefused(codes.AlreadyExists, fmt.Sprintf("somebody in the room is called %s", members[0].name))
				w.say(members[0], w.text())
				w.say(members[1], w.text())
			}
			w.leave(members[0])
			w.say(w.join("room", members[0].name), w.text())
		})
	})
	t.Run("or somebody of the ten who want it at one moment", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b)
			for range 10 {
				w.mustGiveOnce(w.d.Word(), 10)
			}
		})
	})
}

// mustGiveOnce has n clients join under one name at one moment.
func (w *world) mustGiveOnce(name string, n int) {
	w.T().Helper()
	where := w.d.Word()
	cc := w.link.Dial("client")
	var in, refused atomic.Int32
	ctx, cancel := context.WithCancel(w.Context())
	defer cancel()
	for range n {
		w.Go("a client", func() error {
			stream, err := roomv1.NewRoomServiceClient(cc).Chat(ctx)
			if err == nil {
				if err = stream.Send(joining(where, name)); err == nil {
					_, err = stream.Recv()
				}
			}
			switch status.Code(err) {
			case codes.OK:
				in.Add(1)
			case codes.AlreadyExists:
				refused.Add(1)
			}
			return nil
		})
	}
	w.Wait()
	if in.Load() != 1 || int(refused.Load()) != n-1 {
		w.Fatalf("%d clients joined %q at one moment, all as %q.\n%d got in, %d were refused with AlreadyExists.\nWant one to get in, and all others to be refused: look up and take the name as one.", n, where, name, in.Load(), refused.Load())
	}
}

// Clients that go without a word (grpc/grpc-go#5155).
func TestVanish(t *testing.T) {
	for _, tt := range []struct {
		why string
		do  func(c *client)
	}{
		{"it cancels its call", func(c *client) { c.cancel() }},
		{"it closes its connection", func(c *client) { c.cc.Close() }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 9, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				members := w.joinAll("room", 3)
				w.say(members[1], w.text())
				w.link.Note("%s vanishes: %s", members[1].name, tt.why)
				w.gone(members[1])
				tt.do(members[1])
				w.mustHear()
				w.mustHaveEnded(members[1], "the client has gone: "+tt.why, codes.Canceled, codes.Unavailable)
				w.say(members[0], w.text())
				w.say(w.join("room", members[1].name), w.text())
			})
		})
	}
	t.Run("its deadline comes", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			first := w.join("room", w.d.Word())
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			defer cancel()
			c := w.enter(w.callWith(ctx, w.d.Word()), "room")
			<-time.After(time.Hour)
			w.gone(c)
			w.mustHear()
			w.mustHaveEnded(c, "the client's deadline has come", codes.DeadlineExceeded, codes.Canceled)
			w.say(first, w.text())
			w.leave(first)
			w.mustHaveRooms(0)
		})
	})
	t.Run("its cable is pulled, and keepalive finds out", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b, grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}))
			w.counted = true
			c := w.join("room", w.d.Word())
			w.link.Cut()
			<-time.After(5 * time.Minute)
			w.mustHaveRooms(0)
			w.rooms["room"] = nil
			w.say(w.join("room", c.name), w.text())
		})
	})
	t.Run("a message of it is on its way", func(t *testing.T) {
		bubble.Run(t, 9, onItsWay)
	})
	t.Run("before it has joined", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			c := w.call(w.d.Word())
			c.cancel()
			w.mustHaveEnded(c, "the client has cancelled its call, before Join", codes.Canceled)
			w.mustHaveRooms(0)
		})
	})
}

// onItsWay has a client vanish when Recv has its next message and has not
// returned it yet: Join, and then a text.
func onItsWay(b *bubble.B) {
	w := start(b)
	names, never := w.d.Words(2), make(chan struct{})
	ann := w.phone(names[0], 0)
	ann.end = never
	w.Go("Chat(stream)", ann.chat)
	w.Wait()
	for n, what := range []string{"Join", "a text"} {
		bob, returned := w.phone(names[1], 1), make(chan struct{})
		bob.end = never
		bob.turn = func(next int) {
			if next == n {
				<-returned
			}
		}
		call := w.Go("Chat(stream)", bob.chat)
		w.Wait()
		bob.cancel()
		w.Wait()
		close(returned)
		w.Wait()
		about := fmt.Sprintf("%s cancelled its call when %s was on its way: Recv returned it after that.", bob.name, what)
		if !call.Returned() {
			w.Fatalf("%s\nChat has not returned.\n\n%s", about, w.Waiting())
		}
		if err := call.Wait(); status.Code(err) != codes.Canceled {
			w.Fatalf("%s\nChat returned %s, want Canceled", about, grpctest.Status(err))
		}
		all, in := ann.heard(), false
		for i, e := range all {
			if e.GetName() != bob.name {
				continue
			}
			if e.GetJoined() == nil && !in {
				w.Fatalf("%s\n%s heard\n  %s\nbehind%s\nWant nothing of one that has left.", about, ann.name, line(e, true), before(all, i, ""))
			}
			in = e.GetLeft() == nil
		}
		if in {
			w.Fatalf("%s\n%s heard, at last,%s\nand not that %s left: it is there for ever. Let nobody in whose Chat has returned;\nor have whoever let one in wait for the call's end, too.", about, ann.name, before(all, len(all), ""), bob.name)
		}
	}
}

// deafSince has somebody join the room "room" whose connection is full from some
// moment on.
var deafSince = []struct {
	when string
	join func(w *world) *client
}{
	{"full from Joined on", func(w *world) *client {
		c := w.join("room", w.d.Word())
		w.shut(c)
		return c
	}},
	{"full from the first event on", func(w *world) *client {
		c := w.call(w.d.Word())
		w.shut(c)
		return w.enter(c, "room")
	}},
}

// Somebody's connection is full (gRPC, flow control).
func TestDeaf(t *testing.T) {
	for _, since := range deafSince {
		t.Run(since.when, func(t *testing.T) {
			bubble.Run(t, 10, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				members := w.joinAll("room", 2)
				deaf := since.join(w)
				w.say(members[0], w.text())
				w.say(deaf, w.text())
				w.say(members[1], w.text())
				late := w.join("room", w.d.Word())
				w.say(late, w.text())
				w.say(w.join(w.d.Word(), w.d.Word()), w.text())
				w.at("Rooms()", func() { w.s.Rooms() })
				w.leave(members[1])
				deaf.cancel()
				w.link.Note("%s cancels", deaf.name)
				w.gone(deaf)
				w.mustHear()
				w.say(late, w.text())
			})
		})
	}
}

// How many send on one stream, and what becomes of what they sent
// (grpc/grpc-go#2094, grpc/grpc-go#8186).
func TestOneSender(t *testing.T) {
	for _, since := range deafSince {
		t.Run("senders, "+since.when, func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				w := start(b)
				members := w.joinAll("room", 2)
				deaf := since.join(w)
				w.mustSendAlone(deaf, "nothing has been said")
				for _, c := range append(members, deaf) {
					w.say(c, w.text())
				}
				w.mustSendAlone(deaf, "3 texts wait, one of them its own")
				deaf.halfClose()
				w.mustSendAlone(deaf, "it has half-closed")
			})
		})
	}
	t.Run("messages", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b)
			w.keep = true
			members := w.joinAll("room", 3)
			w.say(members[0], w.text())
			w.leave(w.join("room", w.d.Word()))
			w.say(members[1], w.text())
			for _, c := range members {
				w.tap(c).mustBeUnchanged()
			}
		})
	})
}

// mustSendAlone wants one goroutine at most to be in Send, for a client whose
// connection is full.
func (w *world) mustSendAlone(c *client, what string) {
	w.T().Helper()
	if n := w.tap(c).most(); n > 1 {
		w.Fatalf("The connection of %s is full, and %s.\n%d goroutines are in Send on that stream.\nWant one at a time: Send is not made for two, and who knows in which order\nthey would send.\n\n%s", c.name, what, n, w.Waiting())
	}
}

// As many events as may wait (NATS, slow consumers).
func TestQueue(t *testing.T) {
	t.Run("and then it reads again", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			members := w.joinAll("room", 3)
			for range 2 {
				w.shut(members[0])
				w.fill(members[1:], w.limits.Queue)
				<-time.After(time.Hour)
				w.open(members[0])
				w.mustHear()
				w.say(members[0], w.text())
			}
		})
	})
	for i, since := range deafSince {
		t.Run("and it says goodbye, "+since.when, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				members := w.joinAll("room", 2)
				deaf := since.join(w)
				w.fill(members, w.limits.Queue-i) // its Joined may count
				deaf.halfClose()
				w.gone(deaf)
				w.mustHear()
				w.say(members[1], w.text()) // and this is not for it
				again := w.join("room", deaf.name)
				<-time.After(time.Hour)
				w.open(deaf)
				deaf.mustHear()
				deaf.mustEnd(codes.OK, "it has half-closed, and has read what waited")
				w.mustHear() // not that the other one of that name left
				w.say(again, w.text())
			})
		})
	}
	t.Run("and it says goodbye, and cancels", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			members := w.joinAll("room", 3)
			deaf := members[0]
			w.shut(deaf)
			w.fill(members[1:], w.limits.Queue/2)
			deaf.halfClose()
			w.gone(deaf)
			w.mustHear()
			again := w.join("room", deaf.name)
			deaf.cancel()
			w.about = fmt.Sprintf("%s half-closed, and cancelled its call while %d events waited for it (rule 9)", deaf.name, w.limits.Queue/2)
			w.mustHaveEnded(deaf, w.about, codes.Canceled)
			w.about += ".\nThat it left has been told."
			w.mustHear()
			w.say(again, w.text())
		})
	})
	t.Run("and it says goodbye, the last one in the room", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			deaf := w.join("room", w.d.Word())
			w.shut(deaf)
			for range w.limits.Queue / 2 {
				w.say(deaf, w.text())
				w.Wait() // nobody is there to hear it first
			}
			deaf.halfClose()
			w.gone(deaf)
			w.about = fmt.Sprintf("%s was alone in the room, and half-closed while %d events waited for it.\nIt has left: nobody is in the room, which is gone (rule 5).", deaf.name, w.limits.Queue/2)
			w.mustHaveRooms(0)
			w.join("room", w.d.Word())
			w.open(deaf)
			deaf.mustHear()
			deaf.mustEnd(codes.OK, "it has half-closed, and has read what waited")
			w.about += fmt.Sprintf("\nAnother one has joined a new room of that name. Then %s's call ended.", deaf.name)
			w.mustHaveRooms(1)
			w.say(w.join("room", deaf.name), w.text())
		})
	})
	t.Run("and it is refused", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			members := w.joinAll("room", 3)
			w.shut(members[0])
			w.fill(members[1:], w.limits.Queue/2)
			w.send(members[0], "")
			w.gone(members[0])
			w.mustHaveEnded(members[0], fmt.Sprintf("The connection of %s is full, %d events wait for it, and it says an empty text", members[0].name, w.limits.Queue/2), codes.InvalidArgument)
			w.mustHear()
			w.say(members[1], w.text())
		})
	})
	t.Run("a Queue of 1, and each event is read before the next", func(t *testing.T) {
		bubble.Run(t, 12, func(b *bubble.B) {
			w := startWith(b, room.Limits{Name: 1, Text: 1, Queue: 1})
			w.counted = true
			for _, name := range []string{"c", "a", "b"} {
				w.join("r", name)
			}
			for _, c := range w.rooms["r"].members {
				w.say(c, "x")
			}
			w.leave(w.rooms["r"].members[0])
		})
	})
}

// fill has those tell everybody in their room n events.
func (w *world) fill(members []*client, n int) {
	w.T().Helper()
	for range n - 2 {
		w.say(members[w.d.IntN(len(members))], w.text())
	}
	w.leave(w.join(members[0].room, w.d.Word()))
}

// More events than may wait (NATS, slow consumers).
func TestTooSlow(t *testing.T) {
	for _, tt := range []struct{ from, many int }{{0, 1}, {0, 3}, {1, 1}, {1, 3}} {
		since := deafSince[tt.from]
		t.Run(fmt.Sprintf("the connection of %d is %s", tt.many, since.when), func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				w := start(b)
				w.counted = true
				members := w.joinAll("room", 2)
				var deaf []*client
				for range tt.many {
					deaf = append(deaf, since.join(w))
				}
				w.about = fmt.Sprintf("Limits.Queue is %d. The connection of %s was %s, and %d events came.", w.limits.Queue, names(deaf), since.when, 2*w.limits.Queue+3)
				for _, c := range deaf {
					c.lost = true
				}
				for range 2*w.limits.Queue + 3 {
					w.send(members[0], w.text())
					w.Wait()
				}
				for _, c := range deaf {
					w.mustHaveEnded(c, fmt.Sprintf("%s\nTwice as many events wait as may", w.about), codes.ResourceExhausted)
				}
				w.mustAgree(members, deaf)
				for _, c := range deaf {
					w.open(c)
					c.mustEnd(codes.ResourceExhausted, "more events waited than may")
					w.mustBeBeginning(c, members[0])
				}
				w.say(members[0], w.text()) // and nobody hears twice that somebody left
				w.say(w.join("room", deaf[0].name), w.text())
			})
		})
	}
	t.Run("it reads one event, and then no more", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := start(b)
			w.counted = true
			members := w.joinAll("room", 2)
			deaf := w.join("room", w.d.Word())
			w.shut(deaf)
			w.fill(members, w.limits.Queue)
			w.pass(deaf)
			deaf.lost = true
			more := w.limits.Queue + 4
			w.about = fmt.Sprintf("Limits.Queue is %d. While %s did not read, %d events came. It read one of them,\nand while it did not read again, %d more came: %d have not been read.", w.limits.Queue, deaf.name, w.limits.Queue, more, w.limits.Queue-1+more)
			for range more {
				w.send(members[0], w.text())
				w.Wait()
			}
			w.mustHaveEnded(deaf, w.about+"\nWhat the sender has taken, and not sent, waits too", codes.ResourceExhausted)
			w.mustAgree(members, []*client{deaf})
			w.open(deaf)
			deaf.mustEnd(codes.ResourceExhausted, "more events waited than may")
			w.mustBeBeginning(deaf, members[0])
			w.say(members[0], w.text())
		})
	})
	t.Run("others come and go, and say nothing", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := startWith(b, room.Limits{Name: 20, Text: 20, Queue: 6})
			members := w.joinAll("room", 2)
			deaf := members[1]
			deaf.lost = true
			w.shut(deaf)
			guests := w.limits.Queue + 2
			w.about = fmt.Sprintf("Limits.Queue is %d. The connection of %s is full. %d guests came and went, and\nsaid nothing: %d events.", w.limits.Queue, deaf.name, guests, 2*guests)
			for range guests {
				c := w.call(w.d.Word())
				c.request(joining("room", c.name))
				w.Wait()
				c.halfClose()
				w.Wait()
			}
			w.mustHaveEnded(deaf, w.about, codes.ResourceExhausted)
			w.mustAgree(members[:1], []*client{deaf})
		})
	})
	t.Run("many are thrown out, and that is too much for one more", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := startWith(b, room.Limits{Name: 20, Text: 20, Queue: 3})
			first := w.join("room", w.d.Word())
			slow := w.joinAll("room", 2*w.limits.Queue+3)
			one := w.join("room", w.d.Word())
			for _, c := range slow {
				w.shut(c)
			}
			w.fill([]*client{first}, w.limits.Queue)
			w.shut(one)
			texts := 0
			for ; texts < w.limits.Queue+3 && !w.over(slow[0]); texts++ {
				w.send(first, w.text())
				w.Wait()
			}
			w.about = fmt.Sprintf("Limits.Queue is %d. The connections of %d are full. When %d events wait for each,\nthat of %s gets full, too, and %s says %d texts: the %d are thrown out.", w.limits.Queue, len(slow), w.limits.Queue, one.name, first.name, texts, len(slow))
			for _, c := range slow {
				w.mustHaveEnded(c, w.about, codes.ResourceExhausted)
			}
			w.mustHaveEnded(one, fmt.Sprintf("%s\nThat they left, %s has to hear as well: %d events more", w.about, one.name, len(slow)), codes.ResourceExhausted)
		})
	})
	t.Run("it calls Recv too late", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			w := startWith(b, room.Limits{Name: 20, Text: 16 << 10, Queue: 5})
			w.counted = true
			members := w.joinAll("room", 2)
			deaf := w.deaf(w.d.Word(), "room")
			deaf.lost = true
			const texts = 40
			w.about = fmt.Sprintf("Limits.Queue is %d. %s did not call Recv while %d texts came, of 16 KiB each.", w.limits.Queue, deaf.name, texts)
			for range texts {
				w.send(members[0], strings.Repeat("x", w.limits.Text))
				w.Wait()
			}
			w.mustHaveEnded(deaf, w.about, codes.ResourceExhausted)
			w.mustAgree(members, []*client{deaf})
			deaf.read()
			deaf.mustEnd(codes.ResourceExhausted, "more events waited than may")
			w.mustBeBeginning(deaf, members[0])
			w.say(members[1], w.text())
		})
	})
	t.Run("it talks, and has more to say", func(t *testing.T) {
		bubble.Run(t, 13, talksOn)
	})
	t.Run("some read as fast as they can", func(t *testing.T) {
		bubble.Run(t, 13, noGap)
	})
	for i := range 3 {
		t.Run(fmt.Sprintf("whoever else is there comes, talks and goes (%d)", i+1), func(t *testing.T) {
			bubble.Run(t, 13, func(b *bubble.B) {
				w := startWith(b, room.Limits{Name: 20, Text: 20, Queue: 6 + i})
				deaf := w.join("room", w.d.Word())
				deaf.lost = true
				w.shut(deaf)
				w.about = fmt.Sprintf("Limits.Queue is %d. The connection of %s, who was the first, is full. Others come, talk and go.", w.limits.Queue, deaf.name)
				last := int64(1)
				for range 2*w.limits.Queue/3 + 2 {
					last = w.visit(last, deaf)
				}
				w.mustHaveEnded(deaf, w.about, codes.ResourceExhausted)
				w.mustHaveRooms(0)
			})
		})
	}
}

// talksOn has somebody talk who does not read, and whose texts still come when it
// is not in the room any more: they were on their way.
func talksOn(b *bubble.B) {
	const queue, texts = 6, 30
	w := startWith(b, room.Limits{Name: 20, Text: 20, Queue: queue})
	names := w.d.Words(2)
	end := make(chan struct{}) // there is none before the test's
	ann, bob := w.phone(names[0], 0), w.phone(names[1], texts)
	ann.end = end
	ann.hears = make(chan *roomv1.ChatResponse, 10*texts)
	w.Go("Chat(stream)", ann.chat)
	w.Wait()
	bob.end, bob.deaf = end, end
	bob.turn = func(n int) { // not before ann has heard the text before
		for n > 1 {
			select {
			case e := <-ann.hears:
				if e.GetSaid() == phoneText(n-1) {
					return
				}
			case <-bob.ctx.Done():
				return
			}
		}
	}
	call := w.Go("Chat(stream)", bob.chat)
	w.Wait()
	about := fmt.Sprintf("Limits.Queue is %d. %s does not read, and says %d texts, each when %s has heard\nthe one before. Some come when it has been thrown out: they were on their way.", queue, bob.name, texts, ann.name)
	if !call.Returned() {
		w.Fatalf("%s\nChat has not returned for %s. Want ResourceExhausted.\n\n%s", about, bob.name, w.Waiting())
	}
	if err := call.Wait(); status.Code(err) != codes.ResourceExhausted {
		w.Fatalf("%s\nChat returned for %s: %s\nWant ResourceExhausted.", about, bob.name, grpctest.Status(err))
	}
	all := ann.heard()
	left := slices.IndexFunc(all, func(e *roomv1.ChatResponse) bool { return e.GetLeft() != nil })
	if left < 0 {
		w.Fatalf("%s\n%s heard, at last,%s\nwant at the end: %s left", about, ann.name, before(all, len(all), ""), bob.name)
	}
	if more := len(all) - left - 1; more > 0 {
		w.Fatalf("%s\n%s heard\n  %s\nand behind it %d more; the first is\n  %s\nWant nothing there: who has left says nothing in the room. Ask, with the lock held,\nwhether the member is in before you pass on what it said.", about, ann.name, line(all[left], true), more, line(all[left+1], true))
	}
}

// noGap has one member talk as fast as it can, and others listen as fast as they
// can, which is too slow: each hears all there is, one after the other, until it
// hears no more. They are so many that one event finds several queues full, and
// that there is space again in one while it is told that another has left.
func noGap(b *bubble.B) {
	const queue, listeners, texts, rounds = 4, 100, 40, 8
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0))))

	w := startWith(b, room.Limits{Name: 20, Text: 20, Queue: queue})
	names := w.d.Words(listeners + 1)
	about := fmt.Sprintf("Limits.Queue is %d. %s says %d texts, as fast as it can, and %d others\nhear them as fast as they can.", queue, names[0], texts, listeners)
	for range rounds {
		begin, end := make(chan struct{}), make(chan struct{})
		var members []*phone
		var calls []*bubble.Call
		for i, name := range names {
			p := w.phone(name, 0)
			p.begin, p.end = begin, end
			if i == 0 {
				p.texts = texts
			}
			members = append(members, p)
			calls = append(calls, w.Go("Chat(stream)", p.chat))
			w.Wait()
		}
		close(begin)
		w.Wait()
		close(end)
		w.Wait()
		for i, p := range members {
			w.mustHaveNoGap(about, p)
			if !calls[i].Returned() {
				w.Fatalf("%s\nThen all half-closed, and Chat has not returned for %s.\n\n%s", about, p.name, w.Waiting())
			}
			if err := calls[i].Wait(); err != nil && status.Code(err) != codes.ResourceExhausted {
				w.Fatalf("%s\nChat returned for %s: %s\nWant ResourceExhausted, or OK.", about, p.name, grpctest.Status(err))
			}
		}
	}
}

// mustHaveNoGap wants one to have heard events that follow each other.
func (w *world) mustHaveNoGap(about string, p *phone) {
	w.T().Helper()
	for i, e := range p.heard() {
		if i == 0 {
			w.mustBeWelcome(p.name, e)
			continue
		}
		last := p.heard()[i-1]
		if e.GetNumber() != last.GetNumber()+1 {
			text := fmt.Sprintf("%s\n%s heard\n  %s\n  %s\nWant event %d there, or nothing: who has missed one is out from then on, and gets\nno other, even if there is space again before its call has ended.", about, p.name, line(last, true), line(e, true), last.GetNumber()+1)
			if e.GetLeft() != nil {
				text += "\nIf several have missed one, all are out, before anybody hears that the first left."
			}
			w.Fatalf("%s", text)
		}
	}
}

// visit has a client come, say something, and go. It may find deaf there, if the
// room's last event was that one, or nobody; deaf may leave meanwhile. It returns
// the number of the visitor's own leaving.
func (w *world) visit(last int64, deaf *client) int64 {
	w.T().Helper()
	c := w.call(w.d.Word())
	c.name = c.label
	c.request(joining("room", c.name))
	c.send("hello")
	w.mustHaveRooms(1)
	c.halfClose()
	w.Wait()
	c.mu.Lock()
	events, err := slices.Clone(c.events), c.err
	c.mu.Unlock()
	var got []string
	for i, e := range events {
		got = append(got, line(e, true))
		switch {
		case i == 0 && (e.GetJoined() == nil || e.GetName() != c.name):
			w.Fatalf("%s\n%s joined, and heard first\n  %s\nwant its own joining (rule 1). It shows here, where somebody who is too slow is\nthrown out at the same time: what others hear of that comes before, or after.", w.about, c.name, got[0])
		case i > 0 && e.GetNumber() != events[i-1].GetNumber()+1:
			w.Fatalf("%s\n%s heard%s\nwant the numbers one after the other (rule 3). It shows here, where somebody who is\ntoo slow is thrown out at the same time.", w.about, c.name, list(got))
		}
	}
	first := last + 1
	if len(events) > 0 && len(events[0].GetJoined().GetMembers()) < 2 {
		first = 1 // the room was empty, and is a new one
	}
	there := []string{c.name}
	if first > 1 {
		there = append(there, deaf.name)
	}
	slices.Sort(there)
	joined, said, left := joinedText(c.name, there), fmt.Sprintf("%s: %q", c.name, "hello"), deaf.name+" left"
	whose := ""
	if first == 1 {
		whose = fmt.Sprintf("\n(by its first event, %s was alone: the room is a new one)", c.name)
	}
	ok := false
	for _, want := range [][]string{{joined, said}, {joined, left, said}, {joined, said, left}} {
		ok = ok || slices.Equal(got, numbered(first, want))
	}
	if !ok || !errors.Is(err, io.EOF) {
		w.Fatalf("%s\n%s joined, said %q and half-closed, and heard%s\nand the call ended: %s\nwant%s%s\nand OK; that %s left may come in between", w.about, c.name, "hello", list(got), outcome(err), list(numbered(first, []string{joined, said})), whose, deaf.name)
	}
	return first + int64(len(got))
}

func numbered(first int64, texts []string) []string {
	var all []string
	for i, text := range texts {
		all = append(all, fmt.Sprintf("%d. %s", first+int64(i), text))
	}
	return all
}

// The server's stop (grpc/grpc-go#2888, grpc/grpc-go#8946).
func TestStop(t *testing.T) {
	t.Run("while members are there", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b)
			members := append(w.joinAll(w.d.Word(), 3), w.joinAll(w.d.Word(), 2)...)
			<-time.After(time.Minute)
			w.at("Stop()", w.s.Stop)
			for _, c := range members {
				c.mustEnd(codes.Unavailable, "the server has stopped")
			}
			w.mustHaveRooms(0)
			w.at("GracefulStop() of the grpc.Server, after Stop()", w.grpc.GracefulStop)
		})
	})
	t.Run("while somebody has not joined yet", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b)
			c := w.call("a client")
			w.at("Stop()", w.s.Stop)
			c.mustEnd(codes.Unavailable, "the server has stopped; this client has not sent Join, and may never do so")
			w.at("GracefulStop() of the grpc.Server, after Stop()", w.grpc.GracefulStop)
		})
	})
	t.Run("while a connection is full", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b)
			talker := w.join("room", w.d.Word())
			var deaf []*client
			for range 2 {
				for _, since := range deafSince {
					deaf = append(deaf, since.join(w))
				}
			}
			w.say(talker, w.text())
			for _, c := range deaf[2:] {
				c.halfClose()
			}
			w.Wait()
			w.at("Stop()", w.s.Stop)
			for i, c := range deaf {
				w.mustHaveEnded(c, fmt.Sprintf("Stop was called, while the client's connection is %s", deafSince[i%2].when), codes.Unavailable)
			}
			w.mustHaveRooms(0)
		})
	})
	t.Run("and then", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			w := start(b)
			w.joinAll("room", 1)
			w.at("Stop()", w.s.Stop)
			w.at("Stop(), for the second time", w.s.Stop)
			for range 3 {
				c := w.call("a client")
				c.request(joining("room", w.d.Word()))
				c.mustEnd(codes.Unavailable, "the server has stopped before")
				if len(c.all()) > 0 {
					w.Errorf("A client joined after Stop(), and got an event:\n  %s\nWant Unavailable and nothing else.", line(c.all()[0], true))
				}
			}
			w.mustHaveRooms(0)
		})
	})
	t.Run("and then many, whose Join is there at once", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			const many = 300
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0))))
			w := startWith(b, room.Limits{Name: 20, Text: 20, Queue: 20})
			w.at("Stop()", w.s.Stop)
			about := fmt.Sprintf("After Stop() %d clients called Chat, and their Join was there at once.\n", many)
			for range many {
				p := w.phone("ann", 0)
				p.slow = true
				p.end = make(chan struct{})
				err := w.Go("Chat(stream)", p.chat).Wait()
				w.Wait()
				if status.Code(err) != codes.Unavailable {
					w.Fatalf("%sFor one of them Chat returned: %s\nWant Unavailable.", about, grpctest.Status(err))
				}
				if all := p.heard(); len(all) > 0 {
					w.Fatalf("%sOne of them got an event:\n  %s\nWant Unavailable and nothing else. Ask whether the server has stopped where\none is let in, with the lock held: elsewhere, Join may overtake Stop.", about, line(all[0], true))
				}
				w.mustHaveRooms(0)
			}
		})
	})
}

// All at once (sync, Mutex).
func TestOneOrder(t *testing.T) {
	t.Run("one says five texts in a row", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			w := start(b)
			members := w.joinAll("room", 2)
			for i := range 5 {
				text := fmt.Sprintf("%d %s", i+1, w.d.Word())
				w.send(members[0], text)
				w.note(members[0].room, members[0].said(text))
			}
			w.mustHear()
		})
	})
	t.Run("all talk at once", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			const talkers, texts = 6, 20
			w := startWith(b, room.Limits{Name: 20, Text: 100, Queue: 2 * talkers * texts})
			w.counted = true
			members := w.joinAll("room", talkers)
			said := make(map[string][]string)
			for _, c := range members {
				for i := range texts {
					said[c.name] = append(said[c.name], fmt.Sprintf("%d %s", i+1, w.text()))
				}
			}
			for _, c := range members {
				w.Go("a client that talks", func() error {
					for _, text := range said[c.name] {
						c.send(text)
					}
					return nil
				})
			}
			w.mustAgree(members, nil)
			heard := map[string][]string{}
			for _, e := range members[0].all() {
				if _, ok := e.GetEvent().(*roomv1.ChatResponse_Said); ok {
					heard[e.GetName()] = append(heard[e.GetName()], e.GetSaid())
				}
			}
			for _, c := range members {
				if !slices.Equal(heard[c.name], said[c.name]) {
					w.Fatalf("%s said%s\nand was heard to say%s\nwant all of it, in order", c.name, list(said[c.name]), list(heard[c.name]))
				}
			}
		})
	})
	t.Run("many come and go while some talk", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			const talkers, texts, guests, rounds = 3, 15, 4, 4
			w := startWith(b, room.Limits{Name: 20, Text: 100, Queue: 1000})
			w.counted = true
			members := w.joinAll("room", talkers)
			for _, c := range members {
				all := make([]string, texts)
				for i := range all {
					all[i] = w.text()
				}
				w.Go("a client that talks", func() error {
					for _, text := range all {
						c.send(text)
					}
					return nil
				})
			}
			var mu sync.Mutex
			var welcomes []*roomv1.ChatResponse
			for _, name := range w.d.Words(guests) {
				client := roomv1.NewRoomServiceClient(w.link.Dial(name))
				w.Go("a guest", func() error {
					for range rounds {
						stream, err := client.Chat(b.Context())
						if err != nil {
							return nil
						}
						stream.Send(joining("room", name))
						first, err := stream.Recv()
						if err != nil {
							w.Errorf("%s joined, and the call ended: %s", name, outcome(err))
							return nil
						}
						w.mustBeWelcome(name, first)
						mu.Lock()
						welcomes = append(welcomes, first)
						mu.Unlock()
						stream.CloseSend()
						for err == nil {
							_, err = stream.Recv()
						}
					}
					return nil
				})
			}
			w.mustAgree(members, nil)
			w.mustKnowWhoIsThere(members[0].name, members[0].all(), welcomes)
		})
	})
	t.Run("two things, and nothing but a lock puts them in order", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			calls := []func(*world){
				func(w *world) { w.s.Rooms() },
				func(w *world) { w.s.Stop() },
				func(w *world) { w.phone("ann", 3).chat() },
				func(w *world) { w.phone("bob", 3).chat() },
			}
			for i, one := range calls {
				for _, other := range calls[i:] {
					w := start(b)
					var both sync.WaitGroup
					both.Go(func() { one(w) })
					both.Go(func() { other(w) })
					both.Wait()
				}
			}
		})
	})
	t.Run("thousands of texts, with no network in between", func(t *testing.T) {
		bubble.Run(t, 15, crowd)
	})
}

// crowd has many members in one room, of whom most do not read. Some talk as fast
// as they can; guests come and go meanwhile, some of them under one name. The
// longer it takes to tell all of one event, the more wait for their turn, and the
// surer something else comes in between, where it can.
func crowd(b *bubble.B) {
	const listeners, talkers, deaf, texts = 8, 16, 150, 25
	const guests, visits = 24, 10
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))) // on one, who runs runs on for long

	w := startWith(b, room.Limits{Name: 20, Text: 20, Queue: 2*(listeners+talkers+deaf) + talkers*texts + guests*visits*3})
	w.counted = true
	w.about = fmt.Sprintf("%d members are in a room, and %d of them say %d texts each, as fast as they can.\nMeanwhile guests come, say something, and go.", listeners+talkers+deaf, talkers, texts)
	begin, end := make(chan struct{}), make(chan struct{}) // there is no end before the test's
	var members, visitors []*phone
	for i := range listeners + talkers + deaf {
		p := w.phone(w.d.Word(), 0)
		p.begin, p.end = begin, end
		if nth := i - listeners/2; nth >= 0 && nth < talkers+deaf { // in the middle: half of those who listen came before
			p.deaf = end
			if nth < talkers {
				p.texts = texts
			}
		}
		members = append(members, p)
		w.Go("Chat(stream)", p.chat)
		if i == 0 {
			w.Wait() // it hears everything
		}
	}
	w.Wait()
	close(begin)
	var refused sync.Once
	var mu sync.Mutex
	names := w.d.Words(guests - 4)
	for i, name := range append(names, names[:4]...) {
		w.Go(fmt.Sprintf("guest %d", i+1), func() error {
			for range visits {
				p := w.phone(name, 1)
				switch err := p.chat(); status.Code(err) {
				case codes.OK:
					mu.Lock()
					visitors = append(visitors, p)
					mu.Unlock()
				case codes.AlreadyExists:
					runtime.Gosched()
				default:
					refused.Do(func() {
						w.Errorf("%s\nChat returned for the guest %s: %s\nwant OK or AlreadyExists", w.about, name, grpctest.Status(err))
					})
					return nil
				}
			}
			return nil
		})
	}
	w.Wait()
	w.mustBeOneHistory(members, visitors)
}

// mustBeOneHistory wants all to have heard the same, each from its joining on.
// The first of the members has heard everything.
func (w *world) mustBeOneHistory(members, visitors []*phone) {
	w.T().Helper()
	all := members[0].heard()
	var welcomes []*roomv1.ChatResponse
	for _, p := range slices.Concat(members, visitors) {
		events := p.heard()
		if len(events) == 0 {
			w.Fatalf("%s\n%s heard nothing.", w.about, p.name)
		}
		for i, e := range events {
			number := events[0].GetNumber() + int64(i)
			if i == 0 {
				w.mustBeWelcome(p.name, e)
				welcomes = append(welcomes, e)
			}
			if e.GetNumber() != number {
				w.Fatalf("%s\n%s heard, behind event %d,\n  %s\nwant event %d there: none left out, none twice, in order. Who numbers an event has\nto put it into all queues before the next one is numbered.", w.about, p.name, number-1, line(e, true), number)
			}
			if at := number - all[0].GetNumber(); i > 0 && (at >= int64(len(all)) || !sameEvent(all[at], e)) {
				w.Fatalf("%s\nAs event %d, two members heard\n  %s  (%s)\n  %s  (%s)\nwant both to hear the same", w.about, number, nth(all, int(at)), members[0].name, line(e, true), p.name)
			}
		}
	}
	w.mustKnowWhoIsThere(members[0].name, all, welcomes)
	for _, p := range members {
		if p.texts > 0 {
			w.mustHaveSaid(p, all)
		}
	}
}

// sameEvent compares events without who is there, of which only one is told.
func sameEvent(a, b *roomv1.ChatResponse) bool {
	return a == b || a.GetNumber() == b.GetNumber() && a.GetName() == b.GetName() && a.GetSaid() == b.GetSaid() &&
		(a.GetJoined() == nil) == (b.GetJoined() == nil) && (a.GetLeft() == nil) == (b.GetLeft() == nil)
}

// mustHaveSaid wants all that p says to have been heard, in order.
func (w *world) mustHaveSaid(p *phone, all []*roomv1.ChatResponse) {
	w.T().Helper()
	said := 0
	for _, e := range all {
		if e.GetName() != p.name || e.GetSaid() == "" {
			continue
		}
		if said++; e.GetSaid() != phoneText(said) {
			w.Fatalf("%s\n%s said its texts one after the other, and was heard to say, behind %q,\n  %s", w.about, p.name, phoneText(said-1), line(e, true))
		}
	}
	if said != p.texts {
		w.Fatalf("%s\n%s was heard to say %d texts.\n\n%s", w.about, p.name, said, w.Waiting())
	}
}

// phone is a client whose call of Chat has no network in between.
type phone struct {
	grpc.ServerStream
	w          *world
	name       string
	texts      int                       // that it says
	begin, end <-chan struct{}           // closed when it may say something, and half-close
	turn       func(n int)               // if not nil, waits until text n may come (0 is Join), and needs no begin
	deaf       <-chan struct{}           // until it is closed, Send waits, but for the first event
	hears      chan *roomv1.ChatResponse // if not nil, gets what is heard
	slow       bool                      // Context takes its time
	welcomed   chan struct{}             // closed at the first event

	ctx      context.Context // done when Chat has returned
	cancel   context.CancelFunc
	received int // messages that Chat has asked for

	mu     sync.Mutex
	events []*roomv1.ChatResponse
}

// phone returns one that waits for its welcome, and for nothing else.
func (w *world) phone(name string, texts int) *phone {
	welcomed := make(chan struct{})
	return &phone{w: w, name: name, texts: texts, begin: welcomed, end: welcomed, welcomed: welcomed}
}

// chat calls Chat.
func (p *phone) chat() error {
	p.ctx, p.cancel = context.WithCancel(p.w.Context())
	defer p.cancel()
	return p.w.s.Chat(&grpc.GenericServerStream[roomv1.ChatRequest, roomv1.ChatResponse]{ServerStream: p})
}

func (p *phone) Context() context.Context {
	if p.slow {
		yield(20)
	}
	return p.ctx
}

// yield lets others run.
func yield(times int) {
	for range times {
		runtime.Gosched()
	}
}

// RecvMsg is what Recv calls. It receives Join, the texts, and the half-close.
func (p *phone) RecvMsg(m any) error {
	p.w.Worked()
	n := p.received
	p.received++
	switch {
	case n <= p.texts && p.turn != nil:
		p.turn(n)
	case n == 1:
		if err := p.await(p.begin); err != nil {
			return err
		}
	}
	req := saying(phoneText(n))
	switch {
	case n == 0:
		req = joining("room", p.name)
	case n > p.texts:
		if err := p.await(p.end); err != nil {
			return err
		}
		return io.EOF
	}
	proto.Merge(m.(proto.Message), req)
	return nil
}

func phoneText(n int) string { return fmt.Sprint("text ", n) }

func (p *phone) await(c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-p.ctx.Done():
		return status.FromContextError(p.ctx.Err()).Err()
	}
}

// SendMsg is what Send calls.
func (p *phone) SendMsg(m any) error {
	p.w.Worked()
	p.mu.Lock()
	e, _ := m.(*roomv1.ChatResponse)
	p.events = append(p.events, e)
	n := len(p.events)
	p.mu.Unlock()
	if p.hears != nil {
		p.hears <- e
	}
	if n == 1 {
		close(p.welcomed)
	} else if p.deaf != nil {
		return p.await(p.deaf)
	}
	return status.FromContextError(p.ctx.Err()).Err() // nil, if it is not done
}

// heard returns the events so far.
func (p *phone) heard() []*roomv1.ChatResponse {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events
}

// mustBeWelcome wants that to be what one hears first.
func (w *world) mustBeWelcome(name string, e *roomv1.ChatResponse) {
	w.T().Helper()
	if e.GetJoined() == nil || e.GetName() != name {
		w.Fatalf("%s%s joined, and heard first\n  %s\nwant its own joining: to come in, and to tell all of it, has to be one.", w.begin(), name, line(e, true))
	}
}

// mustKnowWhoIsThere wants the events that somebody has heard to lead to what
// each of those who joined was told.
func (w *world) mustKnowWhoIsThere(who string, events, welcomes []*roomv1.ChatResponse) {
	w.T().Helper()
	told := map[int64]*roomv1.ChatResponse{}
	for _, e := range welcomes {
		told[e.GetNumber()] = e
	}
	there := map[string]bool{}
	for i, e := range events {
		name, joins, leaves := e.GetName(), e.GetJoined() != nil, e.GetLeft() != nil
		if joins && there[name] || leaves && !there[name] {
			w.Fatalf("%s%s heard\n  %s\nThat cannot be, after the events before, of which the last are%s\nTo take a name or to give it back, and to tell all of it, has to be one.", w.begin(), who, line(e, true), before(events, i, name))
		}
		switch {
		case joins:
			there[name] = true
			for _, other := range e.GetJoined().GetMembers() {
				there[other] = true
			}
		case leaves:
			delete(there, name)
		}
		one := told[e.GetNumber()]
		if one == nil {
			continue
		}
		delete(told, e.GetNumber())
		if want, got := sorted(there), one.GetJoined().GetMembers(); !slices.Equal(got, want) {
			w.Fatalf("%sWho has heard all events up to %d knows who is there. %s joined with that one,\nand was told of %d members, want %d:%s\nThe last events before are%s", w.begin(), e.GetNumber(), name, len(got), len(want), list(difference(got, want)), before(events, i, ""))
		}
	}
	for number := range told {
		w.Fatalf("%s%s joined with event %d, of which %s has not heard.", w.begin(), told[number].GetName(), number, who)
	}
}

// difference says what is wrong with the members that somebody was told of.
func difference(got, want []string) []string {
	var all []string
	for _, name := range want {
		if !slices.Contains(got, name) {
			all = append(all, name+" is there, and was left out")
		}
	}
	for _, name := range got {
		if !slices.Contains(want, name) {
			all = append(all, name+" is not there")
		}
	}
	if len(all) == 0 {
		return []string{"some twice, or not in the order of their names"}
	}
	return all
}

// before lists the last events before event i of those: of name, if it is not "".
func before(events []*roomv1.ChatResponse, i int, name string) string {
	const atMost = 4
	var all []string
	for _, e := range slices.Backward(events[:i]) {
		if len(all) < atMost && (name == "" || e.GetName() == name) {
			all = append(all, line(e, true))
		}
	}
	slices.Reverse(all)
	return list(all)
}

// joining is the message with which one joins.
func joining(where, name string) *roomv1.ChatRequest {
	return &roomv1.ChatRequest{Event: &roomv1.ChatRequest_Join{Join: &roomv1.Join{Room: where, Name: name}}}
}

func saying(text string) *roomv1.ChatRequest {
	return &roomv1.ChatRequest{Event: &roomv1.ChatRequest_Say{Say: text}}
}

// world is a server that the learner wrote, its clients, and what has to have
// happened in its rooms.
type world struct {
	*bubble.B
	d       *draw.Data
	limits  room.Limits
	s       *room.Server
	grpc    *grpc.Server
	link    *grpctest.Link
	about   string // what failures begin with
	counted bool   // numbers are looked at
	keep    bool   // remember what is sent, for mustBeUnchanged

	rooms map[string]*place
	calls int
	full  []*client // whose connection is

	mu    sync.Mutex
	gates map[string]chan struct{} // by call: closed while a Send on its stream may go on
	taps  map[string]*tap
}

// place is what a room has to be.
type place struct {
	number  int64
	members []*client
}

// start starts a server with limits that are drawn.
func start(b *bubble.B, opts ...grpc.ServerOption) *world {
	d := draw.From(b.R)
	return run(b, d, room.Limits{Name: d.Between(10, 24), Text: d.Between(60, 120), Queue: d.Between(12, 24)}, opts...)
}

func startWith(b *bubble.B, limits room.Limits) *world { return run(b, draw.From(b.R), limits) }

func run(b *bubble.B, d *draw.Data, limits room.Limits, opts ...grpc.ServerOption) *world {
	w := &world{B: b, d: d, limits: limits, link: grpctest.New(b), rooms: map[string]*place{}, gates: map[string]chan struct{}{}, taps: map[string]*tap{}}
	b.Do(func() string { return fmt.Sprintf("New(%+v)", limits) }, func() { w.s = room.New(limits) })
	w.grpc = grpc.NewServer(append(opts, grpc.StreamInterceptor(w.intercept))...)
	roomv1.RegisterRoomServiceServer(w.grpc, w.s)
	w.link.Serve(w.grpc)
	return w
}

func (w *world) text() string { return w.d.Text(w.d.Between(1, min(w.limits.Text, 40))) }

func (w *world) limitsInWords() string {
	return fmt.Sprintf("Limits.Name is %d, Limits.Text is %d.", w.limits.Name, w.limits.Text)
}

// bad says what is wrong with a name or a text.
func (w *world) bad(what, text, why string) string {
	return fmt.Sprintf("%s is\n  %s\n%d bytes, %s. %s", what, short(fmt.Sprintf("%q", text)), len(text), why, strings.TrimSuffix(w.limitsInWords(), "."))
}

// begin is what a failure begins with.
func (w *world) begin() string {
	if w.about == "" {
		return ""
	}
	return w.about + "\n"
}

// at makes a call that has to return at once.
func (w *world) at(call string, f func()) {
	w.T().Helper()
	w.link.Note("%s", call)
	c := w.Go(call, func() error { f(); return nil })
	if w.Wait(); !c.Returned() {
		w.Fatalf("%s%s has not returned. Want it to, at once: it waits for no client.\n\n%s", w.begin(), call, w.Waiting())
	}
}

func (w *world) mustHaveRooms(want int) {
	w.T().Helper()
	w.Wait()
	if got := w.s.Rooms(); got != want {
		w.Fatalf("%sRooms() = %d at %v, want %d", w.begin(), got, w.Elapsed(), want)
	}
}

// client is one call of Chat.
type client struct {
	w          *world
	label      string // of the connection, in the story
	id         string // of the call
	room, name string // once it has joined
	cc         *grpc.ClientConn
	stream     grpc.BidiStreamingClient[roomv1.ChatRequest, roomv1.ChatResponse]
	cancel     context.CancelFunc
	want       []string // that it has to hear, and has not been asked about
	lost       bool     // the server may end it: it is left out
	goodbye    bool     // it has half-closed

	mu     sync.Mutex
	events []*roomv1.ChatResponse
	asked  int // how many of them a mustHear has had
	err    error
}

// call has a client call Chat, and read all that comes.
func (w *world) call(name string) *client {
	w.T().Helper()
	return w.callWith(w.Context(), name)
}

func (w *world) callWith(ctx context.Context, name string, opts ...grpc.DialOption) *client {
	w.T().Helper()
	c := w.dial(ctx, name, opts...)
	c.read()
	return c
}

func (w *world) dial(ctx context.Context, name string, opts ...grpc.DialOption) *client {
	w.T().Helper()
	w.calls++
	c := &client{w: w, label: name, name: name, id: fmt.Sprint(w.calls), cc: w.link.Dial(name, opts...)}
	ctx, c.cancel = context.WithCancel(metadata.AppendToOutgoingContext(ctx, "call", c.id))
	var err error
	if c.stream, err = roomv1.NewRoomServiceClient(c.cc).Chat(ctx); err != nil {
		w.Fatalf("%s calls Chat: %s", name, grpctest.Status(err))
	}
	w.Wait()
	return c
}

// read calls Recv until the call is over.
func (c *client) read() {
	c.w.Go("the client "+c.label, func() error {
		for {
			e, err := c.stream.Recv()
			c.mu.Lock()
			if err != nil {
				c.err = err
				c.mu.Unlock()
				return nil
			}
			c.events = append(c.events, e)
			c.mu.Unlock()
		}
	})
	c.w.Wait()
}

// request sends a message. That the call may be over is seen in what it ends with.
func (c *client) request(req *roomv1.ChatRequest) {
	_ = c.stream.Send(req)
	c.w.Worked()
}

func (c *client) send(text string) { c.request(saying(text)) }

func (w *world) send(c *client, text string) { c.send(text) }

func (c *client) halfClose() {
	c.goodbye = true
	_ = c.stream.CloseSend()
	c.w.Worked()
}

// all returns the events so far.
func (c *client) all() []*roomv1.ChatResponse {
	c.w.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// join has somebody join, and everybody hear of it.
func (w *world) join(where, name string) *client {
	w.T().Helper()
	return w.enter(w.call(name), where)
}

func (w *world) joinAll(where string, n int) []*client {
	w.T().Helper()
	var all []*client
	for _, name := range w.d.Words(n) {
		all = append(all, w.join(where, name))
	}
	return all
}

// deaf has somebody join who never calls Recv. Little is on its way at once: a
// window that grew would say nothing about the server.
func (w *world) deaf(name, where string) *client {
	w.T().Helper()
	c := w.dial(w.Context(), name, grpc.WithStaticStreamWindowSize(64<<10), grpc.WithStaticConnWindowSize(64<<10))
	c.lost = true
	return w.enter(c, where)
}

// enter is join, for a client whose call has begun.
func (w *world) enter(c *client, where string) *client {
	w.T().Helper()
	c.room = where
	c.request(joining(where, c.name))
	p := w.rooms[where]
	if p == nil {
		p = &place{}
		w.rooms[where] = p
	}
	w.note(where, c.name+" joined")
	p.members = append(p.members, c)
	c.want = []string{fmt.Sprintf("%d. %s", p.number, joinedText(c.name, sortedNames(p.members)))}
	w.mustHear()
	return c
}

// say has somebody say something, and everybody hear it.
func (w *world) say(c *client, text string) {
	w.T().Helper()
	w.send(c, text)
	w.note(c.room, c.said(text))
	w.mustHear()
}

func (c *client) said(text string) string { return fmt.Sprintf("%s: %q", c.name, text) }

// leave has somebody half-close, and everybody hear of it.
func (w *world) leave(c *client) {
	w.T().Helper()
	c.halfClose()
	w.gone(c)
	w.mustHear()
	c.mustHear() // not that it left itself
	c.mustEnd(codes.OK, "it has half-closed")
}

// gone notes that somebody leaves.
func (w *world) gone(c *client) {
	p := w.rooms[c.room]
	p.members = slices.DeleteFunc(p.members, func(m *client) bool { return m == c })
	if len(p.members) == 0 {
		w.rooms[c.room] = nil
		return
	}
	w.note(c.room, c.name+" left")
}

// note says what all in a room have to hear.
func (w *world) note(where, what string) {
	p := w.rooms[where]
	p.number++
	for _, c := range p.members {
		c.want = append(c.want, fmt.Sprintf("%d. %s", p.number, what))
	}
}

// mustHear wants everybody to have heard what they had to, but for those whose
// connection is full.
func (w *world) mustHear() {
	w.T().Helper()
	for _, where := range sorted(w.rooms) {
		if w.rooms[where] == nil {
			continue
		}
		for _, c := range w.rooms[where].members {
			if w.gate(c.id) == nil && !c.lost {
				c.mustHear()
			}
		}
	}
}

func (c *client) mustHear() {
	c.w.T().Helper()
	c.w.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var got []string
	for _, e := range c.events[c.asked:] {
		got = append(got, line(e, c.w.counted))
	}
	before := c.asked
	c.asked = len(c.events)
	want := c.want
	c.want = nil
	if !c.w.counted {
		for i, l := range want {
			_, want[i], _ = strings.Cut(l, ". ")
		}
	}
	if slices.Equal(got, want) {
		return
	}
	text := fmt.Sprintf("%s%s, in %q, heard%s", c.w.begin(), c.name, c.room, list(got))
	if before > 0 {
		text = fmt.Sprintf("%s%s, in %q, then heard%s", c.w.begin(), c.name, c.room, list(got))
	}
	text += "\nwant" + list(want) + c.twice(before)
	if c.err != nil {
		text += "\nThe call has ended: " + outcome(c.err)
	} else if len(got) < len(want) {
		text += c.w.whoIsDeaf() + "\n\n" + c.w.Waiting()
	}
	c.w.Fatalf("%s", text)
}

// twice says of whom c has heard again that it left, behind the first so many events.
func (c *client) twice(behind int) string {
	left := map[string]int64{} // by name: the number of the event
	for i, e := range c.events {
		switch number, again := left[e.GetName()]; {
		case e.GetLeft() == nil:
			if e.GetJoined() != nil {
				delete(left, e.GetName())
			}
		case again && i >= behind:
			return fmt.Sprintf("\nThat %s left, it has heard before: event %d.", e.GetName(), number)
		default:
			left[e.GetName()] = e.GetNumber()
		}
	}
	return ""
}

// whoIsDeaf says for whom nobody has to wait.
func (w *world) whoIsDeaf() string {
	var b strings.Builder
	for _, c := range w.full {
		fmt.Fprintf(&b, "\nThe connection of %s is full", c.name)
		if c.goodbye {
			b.WriteString(", and it has half-closed: so it has left, whatever still waits for it")
		}
		b.WriteString(". What the others hear does not wait for that.")
	}
	return b.String()
}

// mustBeRefused wants the call to have ended with that code by now, for a message
// that the client has sent.
func (c *client) mustBeRefused(want codes.Code, why string) {
	c.w.T().Helper()
	c.w.Wait()
	c.mu.Lock()
	n, err := len(c.events), c.err
	c.mu.Unlock()
	if err == nil {
		c.w.Fatalf("%s%s: after %d events the call is still going on.\nWant it ended with %v: %s.", c.w.begin(), c.label, n, want, why)
	}
	c.mustEnd(want, why)
}

// mustEnd wants the call to have ended with that code by now.
func (c *client) mustEnd(want codes.Code, why string) {
	c.w.T().Helper()
	c.w.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	begin := fmt.Sprintf("%s%s: after %d events", c.w.begin(), c.label, len(c.events))
	switch {
	case c.err == nil:
		c.w.Fatalf("%s the call is still going on, at %v.\nWant it ended with %v: %s.\n\n%s", begin, c.w.Elapsed(), want, why, c.w.Waiting())
	case want == codes.OK && !errors.Is(c.err, io.EOF), want != codes.OK && status.Code(c.err) != want, want != codes.OK && errors.Is(c.err, io.EOF):
		c.w.Fatalf("%s the call ended: %s\nWant %v: %s.", begin, outcome(c.err), want, why)
	}
}

// mustAgree wants all of those to have heard the same since they were asked last,
// counted without a gap; and that each of gone left once.
func (w *world) mustAgree(members, gone []*client) {
	w.T().Helper()
	p := w.rooms[members[0].room]
	first := members[0].since()
	left := map[string]int{}
	for i, e := range first {
		blame := ""
		if len(gone) > 0 {
			blame = fmt.Sprintf(" (rule 3).\nIt shows here, where somebody is thrown out: %s. The last events before are%s\nTell all of one event before you number the next one.", names(gone), before(first, i, ""))
		}
		if number := p.number + int64(i) + 1; e.GetNumber() != number {
			w.Fatalf("%s%s heard, behind event %d,\n  %s\nwant event %d there: none left out, none twice, in order%s", w.begin(), members[0].name, number-1, short(line(e, true)), number, blame)
		}
		if e.GetLeft() != nil {
			left[e.GetName()]++
		}
	}
	for _, c := range members[1:] {
		other := c.since()
		for i := range max(len(first), len(other)) {
			if i < len(first) && i < len(other) && proto.Equal(first[i], other[i]) {
				continue
			}
			w.Fatalf("%sOf the same %d events, two members heard as number %d\n  %s  (%s)\n  %s  (%s)\nwant both to hear the same", w.begin(), max(len(first), len(other)), p.number+int64(i)+1, nth(first, i), members[0].name, nth(other, i), c.name)
		}
	}
	for _, c := range gone {
		if left[c.name] != 1 {
			w.Fatalf("%s%s heard %d times that %s left, want it once", w.begin(), members[0].name, left[c.name], c.name)
		}
		p.members = slices.DeleteFunc(p.members, func(m *client) bool { return m == c })
	}
	p.number += int64(len(first))
}

// since returns the events since the last time.
func (c *client) since() []*roomv1.ChatResponse {
	all := c.all()
	fresh := all[c.asked:]
	c.asked = len(all)
	return fresh
}

func nth(events []*roomv1.ChatResponse, i int) string {
	if i >= len(events) {
		return "nothing"
	}
	return short(line(events[i], true))
}

// mustBeBeginning wants what c has heard to be what the other has heard, from
// c's joining on, as far as it goes.
func (w *world) mustBeBeginning(c, other *client) {
	w.T().Helper()
	got, all := c.all(), other.all()
	if len(got) == 0 {
		return
	}
	from := slices.IndexFunc(all, func(e *roomv1.ChatResponse) bool { return e.GetNumber() == got[0].GetNumber() })
	for i, e := range got {
		if i == 0 && e.GetJoined() != nil { // only c was told who is there
			continue
		}
		if from+i >= len(all) || !proto.Equal(e, all[from+i]) {
			w.Fatalf("%s%s, who let too much wait, heard as event %d of the call\n  %s\nwant\n  %s\nWant no gap: a member hears everything, until it hears no more.", w.begin(), c.name, i+1, short(line(e, true)), nth(all, from+i))
		}
	}
}

// shut has every Send on that client's stream wait, as if its connection was
// full; open has them go on.
func (w *world) shut(c *client) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gates[c.id] = make(chan struct{})
	w.full = append(w.full, c)
	w.link.Note("%s's connection is full: Send waits", c.label)
}

func (w *world) open(c *client) {
	w.mu.Lock()
	w.link.Note("%s's connection is not full any more", c.label)
	close(w.gates[c.id])
	delete(w.gates, c.id)
	w.full = slices.DeleteFunc(w.full, func(other *client) bool { return other == c })
	w.mu.Unlock()
	w.Wait()
}

// pass has one Send go on that waits on that client's stream.
func (w *world) pass(c *client) {
	w.T().Helper()
	w.Wait()
	select {
	case w.gate(c.id) <- struct{}{}:
		w.link.Note("%s reads one event", c.label)
	default:
		w.Fatalf("Events wait for %s, and nobody is in Send for it.\n\n%s", c.name, w.Waiting())
	}
	w.Wait()
}

func (w *world) gate(id string) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gates[id]
}

// tap is what a Chat is given for a stream: it sees all that is sent.
type tap struct {
	grpc.ServerStream
	w    *world
	id   string
	name string

	mu      sync.Mutex
	sending int // goroutines in SendMsg
	peak    int
	sent    []sent
	over    bool
	err     error // of Chat
}

// sent is a message, and what it was when it was sent.
type sent struct{ msg, was proto.Message }

// intercept calls Chat with a tap.
func (w *world) intercept(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	t := &tap{ServerStream: stream, w: w, id: strings.Join(metadata.ValueFromIncomingContext(stream.Context(), "call"), "")}
	w.mu.Lock()
	w.taps[t.id] = t
	w.mu.Unlock()
	err := handler(srv, t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over, t.err = true, err
	return err
}

// tap returns that of the client's call.
func (w *world) tap(c *client) *tap {
	w.T().Helper()
	w.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.taps[c.id]
	if t == nil {
		w.Fatalf("the call of %s has not come to the server", c.label)
	}
	t.name = c.label
	return t
}

func (t *tap) SendMsg(m any) error {
	t.mu.Lock()
	t.sending++
	t.peak = max(t.peak, t.sending)
	if msg, ok := m.(proto.Message); ok && t.w.keep {
		t.sent = append(t.sent, sent{msg, proto.Clone(msg)})
	}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.sending--
	}()
	if gate := t.w.gate(t.id); gate != nil {
		select {
		case <-gate:
		case <-t.Context().Done():
			return status.FromContextError(t.Context().Err()).Err()
		}
	}
	return t.ServerStream.SendMsg(m)
}

// most returns how many goroutines were in SendMsg at once.
func (t *tap) most() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peak
}

// mustBeUnchanged wants all messages to be what they were when they were sent.
func (t *tap) mustBeUnchanged() {
	t.w.T().Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sent {
		if !proto.Equal(s.msg, s.was) {
			t.w.Fatalf("Send was called on the stream of %s with\n  %s\nand later on that message was\n  %s\nWant it never changed: who traces or counts messages may still look at it.", t.name, grpctest.Text(s.was), grpctest.Text(s.msg))
		}
	}
}

// over says whether Chat has returned for that client.
func (w *world) over(c *client) bool {
	w.T().Helper()
	t := w.tap(c)
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over
}

// mustHaveEnded wants Chat to have returned an error with one of those codes, for
// that client.
func (w *world) mustHaveEnded(c *client, why string, want ...codes.Code) {
	w.T().Helper()
	t := w.tap(c)
	t.mu.Lock()
	over, err := t.over, t.err
	t.mu.Unlock()
	why = strings.TrimSuffix(why, ".")
	switch {
	case !over:
		w.Fatalf("%s. Chat has not returned for %s by %v.\nWant it to, at once, with %v.\n\n%s", why, c.label, w.Elapsed(), either(want), w.Waiting())
	case !slices.Contains(want, status.Code(err)):
		text := fmt.Sprintf("%s. Chat returned for %s: %s\nWant a status that is %v.", why, c.label, grpctest.Status(err), either(want))
		if _, ok := status.FromError(err); !ok && status.FromContextError(err).Code() != codes.Unknown {
			text += " status.FromContextError makes one of a context's error."
		}
		w.Fatalf("%s", text)
	}
}

// either is one code, or another.
func either(all []codes.Code) string {
	var names []string
	for _, code := range all {
		names = append(names, code.String())
	}
	return strings.Join(names, " or ")
}

// line is an event in words: 3. ann joined: ann, bob.
func line(e *roomv1.ChatResponse, counted bool) string {
	var text string
	switch ev := e.GetEvent().(type) {
	case *roomv1.ChatResponse_Joined:
		text = joinedText(e.GetName(), ev.Joined.GetMembers())
	case *roomv1.ChatResponse_Left:
		text = e.GetName() + " left"
	case *roomv1.ChatResponse_Said:
		text = fmt.Sprintf("%s: %q", e.GetName(), ev.Said)
	default:
		text = fmt.Sprintf("an event that is nothing, of %q", e.GetName())
	}
	if counted {
		return fmt.Sprintf("%d. %s", e.GetNumber(), text)
	}
	return text
}

func joinedText(name string, members []string) string {
	if len(members) == 0 {
		return name + " joined"
	}
	return fmt.Sprintf("%s joined; members: %s", name, strings.Join(members, ", "))
}

func sortedNames(members []*client) []string {
	var all []string
	for _, c := range members {
		all = append(all, c.name)
	}
	slices.Sort(all)
	return all
}

func names(members []*client) string { return strings.Join(sortedNames(members), ", ") }

func sorted[V any](m map[string]V) []string {
	var all []string
	for name := range m {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// quoted is list, of texts that may be empty.
func quoted(texts []string) string {
	var all []string
	for _, text := range texts {
		all = append(all, fmt.Sprintf("%q", text))
	}
	return list(all)
}

// short leaves out the middle of a long line.
func short(text string) string {
	if r := []rune(text); len(r) > 90 {
		return fmt.Sprintf("%s … %s (%d bytes)", string(r[:50]), string(r[len(r)-12:]), len(text))
	}
	return text
}

// list shows lines behind a word, one below the other.
func list(lines []string) string {
	const atMost = 12
	var b strings.Builder
	for i, l := range lines {
		if i == atMost {
			fmt.Fprintf(&b, "\n    … and %d more", len(lines)-atMost)
			break
		}
		b.WriteString("\n    " + short(l))
	}
	if len(lines) == 0 {
		return " nothing"
	}
	return b.String()
}

// outcome is how a call ended.
func outcome(err error) string {
	switch {
	case err == nil:
		return "it has not"
	case errors.Is(err, io.EOF):
		return "OK (io.EOF)"
	}
	return grpctest.Status(err)
}

// script is a server that plays what a test says, for the client side.
type script struct {
	*bubble.B
	roomv1.UnimplementedRoomServiceServer
	d      *draw.Data
	link   *grpctest.Link
	client roomv1.RoomServiceClient
	play   func(stream scriptStream) error // behind the first request

	calls, left atomic.Int32

	mu        sync.Mutex
	requests  []*roomv1.ChatRequest // of all calls
	goodbye   bool                  // half-closed
	sending   int                   // goroutines of the client in SendMsg or CloseSend
	peak      int
	meanwhile func() // if not nil, called once, while the client is in SendMsg or CloseSend
	room, who string
}

type scriptStream = grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse]

// scripted starts a server that waits for one request, and then does what play does.
func scripted(b *bubble.B, play func(s *script, stream scriptStream) error) *script {
	s := &script{B: b, d: draw.From(b.R), link: grpctest.New(b)}
	s.room, s.who = s.d.Word(), s.d.Word()
	s.play = func(stream scriptStream) error { return play(s, stream) }
	server := grpc.NewServer()
	roomv1.RegisterRoomServiceServer(server, s)
	s.link.Serve(server)
	s.client = roomv1.NewRoomServiceClient(s.link.Dial("Join", grpc.WithChainStreamInterceptor(s.intercept)))
	return s
}

func (s *script) Chat(stream scriptStream) error {
	s.calls.Add(1)
	defer s.left.Add(1)
	if err := s.hear(stream); err != nil {
		return err
	}
	return s.play(stream)
}

// hear receives one request.
func (s *script) hear(stream scriptStream) error {
	req, err := stream.Recv()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.requests = append(s.requests, req)
	}
	s.goodbye = s.goodbye || err == io.EOF
	return err
}

// hearAll receives until the client's half-close.
func (s *script) hearAll(stream scriptStream) error {
	for {
		if err := s.hear(stream); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// said returns the texts that the client has said.
func (s *script) said() []string {
	s.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, req := range s.requests {
		if say, ok := req.GetEvent().(*roomv1.ChatRequest_Say); ok {
			all = append(all, say.Say)
		}
	}
	return all
}

// intercept has the client send on a stream that counts who does.
func (s *script) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, cc, method, opts...)
	return &counted{stream, s}, err
}

type counted struct {
	grpc.ClientStream
	s *script
}

func (c *counted) SendMsg(m any) error {
	defer c.s.enterSend()()
	return c.ClientStream.SendMsg(m)
}

func (c *counted) CloseSend() error {
	defer c.s.enterSend()()
	return c.ClientStream.CloseSend()
}

func (s *script) enterSend() (leave func()) {
	s.mu.Lock()
	s.sending++
	s.peak = max(s.peak, s.sending)
	meanwhile := s.meanwhile
	s.meanwhile = nil
	s.mu.Unlock()
	yield(20) // whoever else wants to send has the time to
	if meanwhile != nil {
		meanwhile()
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sending--
	}
}

// welcome is the event of the client's joining.
func (s *script) welcome() *roomv1.ChatResponse {
	members := []string{s.who, s.who + "x"}
	return &roomv1.ChatResponse{Number: 7, Name: s.who, Event: &roomv1.ChatResponse_Joined{Joined: &roomv1.Joined{Members: members}}}
}

func (s *script) saidBy(name string, number int64) *roomv1.ChatResponse {
	return &roomv1.ChatResponse{Number: number, Name: name, Event: &roomv1.ChatResponse_Said{Said: fmt.Sprint("text ", number)}}
}

func (s *script) call() string { return fmt.Sprintf("Join(ctx, client, %q, %q)", s.room, s.who) }

// join calls Join, and waits until it returns.
func (s *script) join(ctx context.Context) (m *room.Member, err error) {
	s.Go(s.call(), func() error {
		m, err = room.Join(ctx, s.client, s.room, s.who)
		return nil
	}).Wait()
	return m, err
}

func (s *script) mustJoin() *room.Member {
	s.T().Helper()
	m, err := s.join(s.Context())
	if err != nil || m == nil {
		s.Fatalf("%s = %s, %s\nThe server has welcomed it: want a Member, nil.", s.call(), one(m), words(err))
	}
	return m
}

// mustHaveLeft wants the call to be over for the server, too.
func (s *script) mustHaveLeft(what string) {
	s.T().Helper()
	s.Wait()
	if s.calls.Load() > s.left.Load() {
		s.Fatalf("%s, and the server still has the call: its stream's context is not done.\nWant the call cancelled: nobody reads from it any more.", what)
	}
}

// words is an error, as a failure tells of it.
func words(err error) string {
	if errors.Is(err, io.EOF) && err != io.EOF {
		return fmt.Sprintf("%q, which wraps io.EOF and is not the same", err)
	}
	for name, known := range map[string]error{"nil": nil, "io.EOF": io.EOF, "ErrLeft": room.ErrLeft, "ErrEnded": room.ErrEnded, "ErrProtocol": room.ErrProtocol} {
		if errors.Is(err, known) {
			return name
		}
	}
	if _, ok := status.FromError(err); ok {
		return grpctest.Status(err)
	}
	return fmt.Sprintf("%q", err)
}

// stay waits until the client has gone.
func stay(stream scriptStream) error {
	<-stream.Context().Done()
	return status.FromContextError(stream.Context().Err()).Err()
}

// The client side, coming in (room.proto, Join).
func TestJoin(t *testing.T) {
	t.Run("welcomed after a minute", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := scripted(b, func(s *script, stream scriptStream) error {
				<-time.After(time.Minute)
				stream.Send(s.welcome())
				<-time.After(time.Hour)
				stream.Send(s.saidBy(s.who, 8))
				return stay(stream)
			})
			m := s.mustJoin()
			if b.Elapsed() != time.Minute {
				s.Errorf("%s returned after %v.\nThe server has welcomed the client after 1m: want it to return then.", s.call(), b.Elapsed())
			}
			if want := joining(s.room, s.who); len(s.requests) != 1 || !proto.Equal(s.requests[0], want) || s.calls.Load() != 1 {
				s.Fatalf("%s made %d calls, and sent %d requests. The first is\n  %s\nwant one call, and one request:\n  %s", s.call(), s.calls.Load(), len(s.requests), grpctest.Text(s.requests[0]), grpctest.Text(want))
			}
			if !proto.Equal(m.Welcome(), s.welcome()) {
				s.Fatalf("Welcome() =\n  %s\nthe server has sent\n  %s\nwant that", grpctest.Text(m.Welcome()), grpctest.Text(s.welcome()))
			}
			s.mustRecv(m, s.saidBy(s.who, 8)) // the call outlives Join
		})
	})
	for _, code := range []codes.Code{codes.AlreadyExists, codes.InvalidArgument, codes.Unavailable} {
		for _, tt := range []struct {
			why     string
			without bool
		}{{"", false}, {", sent before the server reads anything", true}} {
			t.Run(fmt.Sprintf("refused with %v%s", code, tt.why), func(t *testing.T) {
				bubble.Run(t, 16, func(b *bubble.B) {
					s := scripted(b, func(*script, scriptStream) error { return status.Error(code, "on purpose") })
					if tt.without {
						s.client = refusing{s.client, s.link.Note, s.Wait}
					}
					m, err := s.join(b.Context())
					if m != nil || status.Code(err) != code || errors.Is(err, room.ErrProtocol) {
						s.Fatalf("%s = %s, %s\nwant nil, and an error whose status.Code is %v: not ErrProtocol", s.call(), one(m), words(err), code)
					}
				})
			})
		}
	}
	for _, tt := range []struct {
		why   string
		first func(s *script) *roomv1.ChatResponse
	}{
		{"says something", func(s *script) *roomv1.ChatResponse { return s.saidBy(s.who, 7) }},
		{"says that somebody else joined", func(s *script) *roomv1.ChatResponse {
			e := s.welcome()
			e.Name = s.d.Word()
			return e
		}},
		{"says that one left", func(s *script) *roomv1.ChatResponse {
			return &roomv1.ChatResponse{Number: 7, Name: s.who, Event: &roomv1.ChatResponse_Left{Left: &roomv1.Left{}}}
		}},
		{"sends an empty message", func(s *script) *roomv1.ChatResponse { return &roomv1.ChatResponse{Number: 7, Name: s.who} }},
		{"ends the call with OK", nil},
	} {
		t.Run("the server first "+tt.why, func(t *testing.T) {
			bubble.Run(t, 16, func(b *bubble.B) {
				s := scripted(b, func(s *script, stream scriptStream) error {
					if tt.first == nil {
						return nil
					}
					stream.Send(tt.first(s))
					return stay(stream)
				})
				m, err := s.join(b.Context())
				if m != nil || !errors.Is(err, room.ErrProtocol) {
					s.Fatalf("The server first %s.\n%s = %s, %s\nwant nil, ErrProtocol", tt.why, s.call(), one(m), words(err))
				}
				s.mustHaveLeft(s.call() + " has returned ErrProtocol")
			})
		})
	}
	t.Run("the caller cancels before there is a welcome", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := scripted(b, func(_ *script, stream scriptStream) error { return stay(stream) })
			ctx, cancel := context.WithCancel(b.Context())
			time.AfterFunc(time.Minute, cancel)
			m, err := s.join(ctx)
			if m != nil || status.Code(err) != codes.Canceled && !errors.Is(err, context.Canceled) || b.Elapsed() != time.Minute {
				s.Fatalf("%s = %s, %s, after %v; ctx was cancelled after 1m.\nwant nil and Canceled, then", s.call(), one(m), words(err), b.Elapsed())
			}
			s.mustHaveLeft(s.call() + " has returned")
		})
	})
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := scripted(b, nil)
			s.link.Refuse(true)
			if m, err := s.join(b.Context()); m != nil || status.Code(err) != codes.Unavailable {
				s.Fatalf("Connections are refused.\n%s = %s, %s\nwant nil, and an error whose status.Code is Unavailable", s.call(), one(m), words(err))
			}
		})
	})
}

// one is what Join returned, in words.
func one(m *room.Member) string {
	if m == nil {
		return "nil"
	}
	return "a Member"
}

// event is what Recv returned, in words.
func event(e *roomv1.ChatResponse) string {
	if e == nil {
		return "nil"
	}
	return "{" + grpctest.Text(e) + "}"
}

// refusing is a client whose call is over before anything is sent: Send returns
// io.EOF then, and only Recv says why (grpc/grpc-go#1319).
type refusing struct {
	roomv1.RoomServiceClient
	note func(format string, args ...any)
	wait func()
}

func (r refusing) Chat(ctx context.Context, opts ...grpc.CallOption) (grpc.BidiStreamingClient[roomv1.ChatRequest, roomv1.ChatResponse], error) {
	stream, err := r.RoomServiceClient.Chat(ctx, opts...)
	if err == nil {
		r.note("the test itself sends {}, for the server to end the call before Join sends")
		err = stream.Send(new(roomv1.ChatRequest)) // which the server refuses
		r.wait()
	}
	return stream, err
}

// mustRecv wants Recv to return that event.
func (s *script) mustRecv(m *room.Member, want *roomv1.ChatResponse) {
	s.T().Helper()
	got, err := s.recv(m)
	if err != nil || !proto.Equal(got, want) {
		text := fmt.Sprintf("Recv() = %s, %s\nwant   = %s, nil", event(got), words(err), event(want))
		if err == nil && proto.Equal(got, s.welcome()) {
			text += "\nThat is Welcome(): Recv returns all events after it (rule 18)."
		}
		s.Fatalf("%s", text)
	}
}

func (s *script) recv(m *room.Member) (e *roomv1.ChatResponse, err error) {
	s.Go("Recv()", func() error {
		e, err = m.Recv()
		return nil
	}).Wait()
	return e, err
}

// say calls Say, and waits until it returns.
func (s *script) say(m *room.Member, text string) (err error) {
	s.Go(fmt.Sprintf("Say(%q)", text), func() error {
		err = m.Say(text)
		return nil
	}).Wait()
	return err
}

func (s *script) leave(m *room.Member) {
	s.T().Helper()
	var err error
	s.Go("Leave()", func() error {
		err = m.Leave()
		return nil
	}).Wait()
	if err != nil {
		s.Fatalf("Leave() = %s, want nil", words(err))
	}
}

// The client side, saying something (grpc/grpc-go#2094).
func TestSay(t *testing.T) {
	listening := func(s *script, stream scriptStream) error {
		stream.Send(s.welcome())
		return s.hearAll(stream)
	}
	t.Run("one text after the other", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := scripted(b, listening)
			m := s.mustJoin()
			var want []string
			for _, text := range []string{s.d.Text(20), " a  b ", "", "a\n", s.d.Text(20)} { // what is bad, the server refuses
				want = append(want, text)
				if err := s.say(m, text); err != nil {
					s.Fatalf("Say(%q) = %s, want nil", text, words(err))
				}
			}
			if got := s.said(); !slices.Equal(got, want) {
				s.Fatalf("Say was called with%s\nand the server heard%s\nwant the same: what can be said, the server knows", quoted(want), quoted(got))
			}
		})
	})
	t.Run("many goroutines", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			const talkers, texts = 8, 10
			s := scripted(b, listening)
			m := s.mustJoin()
			for i := range talkers {
				s.Go("a goroutine that calls Say", func() error {
					for n := range texts {
						if err := m.Say(fmt.Sprintf("%d-%02d", i, n)); err != nil {
							s.Errorf("Say = %s, want nil", words(err))
							return nil
						}
					}
					return nil
				})
			}
			got := s.said()
			if s.peak > 1 {
				s.Fatalf("%d goroutines call Say. %d of them were in Send at once.\nWant one at a time: Send is not made for two.", talkers, s.peak)
			}
			heard := map[byte][]string{}
			for _, text := range got {
				heard[text[0]] = append(heard[text[0]], text)
			}
			for i := range talkers {
				if h := heard[byte('0'+i)]; len(h) != texts || !slices.IsSorted(h) {
					s.Fatalf("A goroutine said%s\nand the server heard of it%s", list([]string{fmt.Sprintf("%d-00", i), "…", fmt.Sprintf("%d-%02d", i, texts-1)}), list(h))
				}
			}
		})
	})
	t.Run("while one is in Send, another leaves", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // who yields lets all others run
			s := scripted(b, listening)
			m := s.mustJoin()
			var leave, late *bubble.Call
			s.mu.Lock()
			s.meanwhile = func() {
				leave = s.Go("Leave()", m.Leave)
				yield(500)
				late = s.Go("Say(late)", func() error { return m.Say("late") })
				yield(500)
			}
			s.mu.Unlock()
			first := s.Go("Say(first)", func() error { return m.Say("first") })
			s.Wait()
			if leave == nil {
				s.Fatalf("Say(%q) was called, and Send was not.\n\n%s", "first", s.Waiting())
			}
			const about = "While a goroutine was in Send, for Say(\"first\"), another called Leave(), and then\nanother one Say(\"late\").\n"
			if s.peak > 1 {
				s.Fatalf("%s%d were in Send or CloseSend at once.\nWant one at a time: a text that the half-close overtakes is lost.", about, s.peak)
			}
			if err := first.Wait(); err != nil {
				s.Fatalf("%sSay(%q) = %s, want nil", about, "first", words(err))
			}
			passed := 1
			switch err := late.Wait(); {
			case err == nil:
				passed++
			case !errors.Is(err, room.ErrLeft):
				s.Fatalf("%sSay(%q) = %s\nWant ErrLeft, or nil: who has waited for its turn has to look then whether Leave\nwas called.", about, "late", words(err))
			}
			if err := leave.Wait(); err != nil {
				s.Fatalf("%sLeave() = %s, want nil", about, words(err))
			}
			if heard := s.said(); len(heard) != passed || !s.goodbye {
				s.Fatalf("%sSay returned nil %d times. The server heard%s\nand the half-close: %t. Want as many, and the half-close.", about, passed, list(heard), s.goodbye)
			}
		})
	})
	t.Run("many goroutines, and one that leaves", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			const talkers, texts = 4, 20
			s := scripted(b, listening)
			m := s.mustJoin()
			var passed atomic.Int32
			for range talkers {
				s.Go("a goroutine that calls Say", func() error {
					for range texts {
						err := m.Say("hello")
						switch {
						case err == nil:
							passed.Add(1)
						case !errors.Is(err, room.ErrLeft):
							s.Errorf("Say, while another goroutine calls Leave, = %s\nwant nil or ErrLeft", words(err))
							return nil
						}
					}
					return nil
				})
			}
			s.Go("Leave()", m.Leave).Wait()
			heard := s.said()
			if s.peak > 1 {
				s.Fatalf("One goroutine calls Leave while others call Say.\n%d were in Send or CloseSend at once.\nWant one at a time.", s.peak)
			}
			if len(heard) != int(passed.Load()) {
				s.Fatalf("Say returned nil %d times, and the server heard %d texts. Want as many.", passed.Load(), len(heard))
			}
		})
	})
	t.Run("after the server has ended the call", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := scripted(b, func(s *script, stream scriptStream) error {
				stream.Send(s.welcome())
				return status.Error(codes.ResourceExhausted, "on purpose")
			})
			m := s.mustJoin()
			s.Wait()
			if err := s.say(m, "hello"); !errors.Is(err, room.ErrEnded) {
				s.Fatalf("The server has ended the call. Say(%q) = %s, want ErrEnded", "hello", words(err))
			}
			if _, err := s.recv(m); status.Code(err) != codes.ResourceExhausted {
				s.Fatalf("The server has ended the call with ResourceExhausted. Say returned ErrEnded, and then\nRecv() = %s\nwant that status: Recv is who knows", words(err))
			}
			if err := s.say(m, "hello"); !errors.Is(err, room.ErrEnded) {
				s.Fatalf("The server has ended the call, and Recv said so. Say(%q) = %s, want ErrEnded", "hello", words(err))
			}
		})
	})
	t.Run("while the server hears nothing, and talks", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := scripted(b, func(s *script, stream scriptStream) error {
				stream.Send(s.welcome())
				<-time.After(time.Minute)
				stream.Send(s.saidBy(s.who, 8))
				stream.Send(s.saidBy(s.who, 9))
				return stay(stream)
			})
			m := s.mustJoin()
			s.Go("Say, of 100 KB, five times", func() error {
				for range 5 {
					_ = m.Say(strings.Repeat("x", 100_000))
				}
				return nil
			})
			s.Wait()
			s.mustRecv(m, s.saidBy(s.who, 8))
			s.mustRecv(m, s.saidBy(s.who, 9))
		})
	})
}

// The client side, going (gRPC over HTTP/2, END_STREAM).
func TestGoodbye(t *testing.T) {
	t.Run("what happened before still comes", func(t *testing.T) {
		bubble.Run(t, 18, func(b *bubble.B) {
			s := scripted(b, func(s *script, stream scriptStream) error {
				stream.Send(s.welcome())
				stream.Send(s.saidBy(s.who, 8))
				err := s.hearAll(stream)
				<-time.After(time.Hour)
				stream.Send(s.saidBy(s.d.Word(), 9))
				stream.Send(s.saidBy(s.who, 10))
				return err
			})
			m := s.mustJoin()
			s.mustRecv(m, s.saidBy(s.who, 8))
			s.leave(m)
			if s.Wait(); !s.goodbye {
				s.Fatalf("Leave() has returned, and the server's Recv has not returned io.EOF.\nWant a half-close: it is goodbye.")
			}
			s.leave(m)
			if err := s.say(m, "hello"); !errors.Is(err, room.ErrLeft) {
				s.Fatalf("After Leave(), Say(%q) = %s, want ErrLeft", "hello", words(err))
			}
			e, err := s.recv(m)
			if err != nil || e.GetNumber() != 9 {
				s.Fatalf("After Leave() the server sent events 9 and 10, and ended the call with OK.\nRecv() = %s, %s\nwant event 9, nil", event(e), words(err))
			}
			s.mustRecv(m, s.saidBy(s.who, 10))
			if _, err := s.recv(m); err != io.EOF {
				s.Fatalf("After Leave() the server sent what was left, and ended the call with OK.\nRecv() = %s, want io.EOF", words(err))
			}
			if err := s.say(m, "hello"); !errors.Is(err, room.ErrLeft) {
				s.Fatalf("After Leave(), and after the end, Say(%q) = %s, want ErrLeft:\nwho has left is told so, whether the call is over or not", "hello", words(err))
			}
		})
	})
	for _, known := range []bool{false, true} {
		name := "from a call that is over"
		if known {
			name += ", as Say and Recv have said"
		}
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, 18, func(b *bubble.B) {
				s := scripted(b, func(s *script, stream scriptStream) error {
					stream.Send(s.welcome())
					return status.Error(codes.Unavailable, "on purpose")
				})
				m := s.mustJoin()
				s.Wait()
				about := "The server has ended the call with Unavailable, and after that Leave() was called."
				if known {
					s.say(m, "hello")
					s.recv(m)
					about = "The server has ended the call with Unavailable, as Say and Recv have said, and after\nthat Leave() was called."
				}
				s.Go("Leave()", func() error { m.Leave(); return nil }).Wait() // the README does not say what it returns
				if err := s.say(m, "hello"); !errors.Is(err, room.ErrLeft) {
					s.Fatalf("%s Say(%q) = %s, want ErrLeft:\nwho has left is told so, whether the call is over or not", about, "hello", words(err))
				}
				if _, err := s.recv(m); status.Code(err) != codes.Unavailable {
					s.Fatalf("%s\nRecv() = %s\nwant an error whose status.Code is Unavailable, however often it is called", about, words(err))
				}
			})
		})
	}
	for _, code := range []codes.Code{codes.OK, codes.Unavailable, codes.ResourceExhausted} {
		t.Run(fmt.Sprintf("the server ends it with %v", code), func(t *testing.T) {
			bubble.Run(t, 18, func(b *bubble.B) {
				s := scripted(b, func(s *script, stream scriptStream) error {
					stream.Send(s.welcome())
					stream.Send(s.saidBy(s.who, 8))
					return status.Error(code, "on purpose")
				})
				m := s.mustJoin()
				s.mustRecv(m, s.saidBy(s.who, 8))
				for range 2 {
					switch _, err := s.recv(m); {
					case code == codes.OK && err != io.EOF:
						s.Fatalf("The server has ended the call with OK, and Leave() was not called.\nRecv() = %s, want io.EOF, however often it is called", words(err))
					case code != codes.OK && status.Code(err) != code:
						s.Fatalf("The server has ended the call with %v.\nRecv() = %s\nwant an error whose status.Code is that, however often it is called", code, words(err))
					}
				}
			})
		})
	}
	t.Run("and nothing of it is left in ctx", func(t *testing.T) {
		bubble.Run(t, 18, func(b *bubble.B) {
			s := scripted(b, func(s *script, stream scriptStream) error {
				stream.Send(s.welcome())
				return s.hearAll(stream)
			})
			ctx := &parent{Context: b.Context()}
			m, err := s.join(ctx)
			if err != nil {
				s.Fatalf("%s = %s, want nil", s.call(), words(err))
			}
			s.leave(m)
			if _, err := s.recv(m); err != io.EOF {
				s.Fatalf("After Leave() the server ended the call with OK.\nRecv() = %s, want io.EOF", words(err))
			}
			if s.Wait(); ctx.children.Load() > 0 {
				s.Fatalf("The call is over, Recv() = io.EOF, and the ctx of Join still has a child that nobody\nhas cancelled. A ctx that lives as long as the program keeps each one of them.\nWhat context.WithCancel returns is to be called at the end of the call, too.")
			}
		})
	})
	t.Run("ctx is cancelled", func(t *testing.T) {
		bubble.Run(t, 18, func(b *bubble.B) {
			s := scripted(b, func(s *script, stream scriptStream) error {
				stream.Send(s.welcome())
				return stay(stream)
			})
			ctx, cancel := context.WithCancel(b.Context())
			m, err := s.join(ctx)
			if err != nil {
				s.Fatalf("%s = %s, want nil", s.call(), words(err))
			}
			time.AfterFunc(time.Minute, cancel)
			if _, err := s.recv(m); status.Code(err) != codes.Canceled && !errors.Is(err, context.Canceled) {
				s.Fatalf("The ctx of Join was cancelled. Recv() = %s, want Canceled", words(err))
			}
			s.mustHaveLeft("The ctx of Join was cancelled")
		})
	})
	t.Run("over TCP, with your own server", func(t *testing.T) {
		loopback.Run(t, 18, overTCP)
	})
}

// parent is a context that counts those derived from it which are not done
// (context, AfterFunc).
type parent struct {
	context.Context
	children atomic.Int32
}

// Value has nothing: by it package context would find the parent within.
func (p *parent) Value(any) any { return nil }

func (p *parent) AfterFunc(f func()) (stop func() bool) {
	p.children.Add(1)
	once := sync.OnceFunc(func() { p.children.Add(-1) })
	stopped := context.AfterFunc(p.Context, func() { once(); f() })
	return func() bool { once(); return stopped() }
}

// overTCP has two members talk over a real socket (net, TCPListener).
func overTCP(l *loopback.L) {
	s := room.New(room.Limits{Name: 20, Text: 100, Queue: 20})
	server := grpc.NewServer()
	roomv1.RegisterRoomServiceServer(server, s)
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
	client := roomv1.NewRoomServiceClient(cc)
	join := func(name string) *room.Member {
		m, err := room.Join(l.Context(), client, "room", name)
		if err != nil {
			l.Fatalf("Join of your Server over TCP = %s, want nil", words(err))
		}
		return m
	}
	ann := join("ann")
	bob := join("bob")
	if _, err := room.Join(l.Context(), client, "room", "bob"); status.Code(err) != codes.AlreadyExists {
		l.Fatalf("bob joined twice. The second time, Join = %s, want AlreadyExists", words(err))
	}
	ann.Say("hello")
	got := []string{line(bob.Welcome(), true)}
	hear := func(m *room.Member) {
		e, err := m.Recv()
		if err != nil {
			l.Fatalf("Recv() = %s, after%s", words(err), list(got))
		}
		got = append(got, line(e, true))
	}
	hear(bob)
	bob.Say("bye")
	hear(bob)
	bob.Leave()
	_, end := bob.Recv()
	for range 4 {
		hear(ann)
	}
	want := []string{"2. bob joined; members: ann, bob", `3. ann: "hello"`, `4. bob: "bye"`,
		"2. bob joined", `3. ann: "hello"`, `4. bob: "bye"`, "5. bob left"}
	if !slices.Equal(got, want) || end != io.EOF {
		l.Fatalf("bob, and then ann, with your Server over TCP, heard%s\nand bob's last Recv() = %s\nwant%s\nand io.EOF", list(got), words(end), list(want))
	}
	s.Stop()
	if _, err := ann.Recv(); status.Code(err) != codes.Unavailable {
		l.Fatalf("After Stop(), Recv() = %s, want Unavailable", words(err))
	}
}
