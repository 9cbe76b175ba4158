package shell_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
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
	"github.com/example/netkata/katas/grpc/shell"
	shellv1 "github.com/example/netkata/pb/shell/v1"
)

// What runs, and how it ends (shell.proto, Start and Exit).
func TestStart(t *testing.T) {
	t.Run("one of three programs", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b)
			names := w.d.Words(3)
			programs := w.puppets(names...)
			begin := &shellv1.Start{Program: names[1], Args: []string{w.d.Word(), "", w.d.Text(9)},
				Size: &shellv1.Size{Rows: uint32(w.d.Between(10, 99)), Columns: uint32(w.d.Between(40, 200))}}
			ann := w.call("ann")
			ann.read()
			ann.send(begin)
			p := programs[1]
			p.mustHaveBegun(ann)
			if !proto.Equal(p.start, begin) {
				w.Fatalf("ann sent\n  %s\nThe program was called with\n  %s\nWant all of it.", grpctest.Text(begin), grpctest.Text(p.start))
			}
			code := w.d.Between(2, 125)
			p.end(code)
			ann.halfClose()
			ann.mustExit(code)
			if programs[0].begun+programs[2].begun > 0 || p.begun != 1 {
				w.Fatalf("ann asked for %q. %d other programs were run, and that one %d times. Want it once.", names[1], programs[0].begun+programs[2].begun, p.begun)
			}
		})
	})
	for _, code := range []int{0, 1, 255, -1} {
		t.Run(fmt.Sprintf("a program that returns %d", code), func(t *testing.T) {
			bubble.Run(t, 1, func(b *bubble.B) {
				w := start(b)
				ann, p := w.session("ann")
				p.end(code)
				ann.halfClose()
				ann.mustExit(code)
			})
		})
	}
	t.Run("one program, for two at once", func(t *testing.T) {
		bubble.Run(t, 1, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			bob, q := w.session("bob")
			q.end(7)
			bob.halfClose()
			bob.mustExit(7)
			p.end(8)
			ann.halfClose()
			ann.mustExit(8)
		})
	})
}

// Messages that must not come first (gRPC, status codes).
func TestRefused(t *testing.T) {
	known := "known"
	for _, tt := range []struct {
		why  string
		do   func(s *session)
		want codes.Code
	}{
		{"input comes first", func(s *session) { s.input("hello") }, codes.InvalidArgument},
		{"a size comes first", func(s *session) { s.resize(24, 80) }, codes.InvalidArgument},
		{"a message without an event comes first", func(s *session) { s.message(&shellv1.RunRequest{}) }, codes.InvalidArgument},
		{"nothing comes but the half-close", func(s *session) { s.halfClose() }, codes.InvalidArgument},
		{"there is no such program", func(s *session) { s.send(&shellv1.Start{Program: s.w.d.Word()}) }, codes.NotFound},
		{"no program is named", func(s *session) { s.send(&shellv1.Start{}) }, codes.NotFound},
		{"one is named in other letters", func(s *session) { s.send(&shellv1.Start{Program: "Known"}) }, codes.NotFound},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 2, func(b *bubble.B) {
				w := start(b)
				p := w.puppets(known)[0]
				ann := w.call("ann")
				ann.read()
				tt.do(ann)
				ann.mustEnd(tt.want, tt.why)
				ann.mustHear()
				if p.begun > 0 {
					w.Errorf("%s, and a program was run. Want none.", tt.why)
				}
			})
		})
	}
	t.Run("there are no programs", func(t *testing.T) {
		bubble.Run(t, 2, func(b *bubble.B) {
			w := start(b)
			ann := w.call("ann")
			ann.read()
			ann.send(&shellv1.Start{Program: known})
			ann.mustEnd(codes.NotFound, "the zero Server has no programs")
		})
	})
}

// What the client sends (io, Reader).
func TestInput(t *testing.T) {
	t.Run("as it comes", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			for range 4 {
				text := w.phrase()
				ann.input(text)
				got, err := p.reads()
				if got == "" || err != nil || !strings.HasPrefix(text, got) {
					w.Fatalf("The client has sent %q. A Read of Stdin, into %d bytes, = %q, %s\nWant what there is, or some of it, at once: more may never come.", text, p.buffer, got, words(err))
				}
				if got != text {
					p.mustRead(text[len(got):])
				}
				<-time.After(time.Minute)
			}
			if _, err := p.reads(); err != errWaits {
				w.Errorf("The client has sent all that it has so far. Read of Stdin = %s\nWant it to wait: there was no half-close.", words(err))
			}
		})
	})
	t.Run("messages are no borders", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			var all strings.Builder
			for range 5 {
				text := w.phrase()
				ann.input(text)
				all.WriteString(text)
			}
			ann.halfClose()
			p.buffer = 7
			p.mustRead(all.String())
			p.mustReadEnd()
		})
	})
	t.Run("larger than the largest that you send", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			text := w.count(ahead + w.d.Between(1, 999))
			w.Go("the client", func() error { ann.input(text); return nil })
			p.mustRead(text)
		})
	})
	t.Run("an empty message is not the end", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			first, second := w.d.Word(), w.d.Word()
			ann.input(first)
			ann.input("")
			ann.input(second)
			p.mustRead(first + second)
			read := p.startRead()
			ann.input("")
			w.Wait()
			select {
			case r := <-read:
				if r.err != nil {
					w.Fatalf("The program reads, and the client sends an empty message.\nRead of Stdin = %q, %s\nWant it to wait on: there was no half-close.", r.text, words(r.err))
				}
			default:
				ann.input(first)
			}
			ann.halfClose()
			p.mustReadEnd()
		})
	})
	t.Run("half-closed is not over", func(t *testing.T) {
		bubble.Run(t, 3, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			text := w.phrase()
			ann.input(text)
			ann.halfClose()
			p.mustRead(text)
			p.mustReadEnd()
			p.mustReadEnd()
			<-time.After(time.Hour)
			if err := p.ctx.Err(); err != nil {
				w.Errorf("The client has half-closed, and still reads. The program's context is done (%v).\nWant it to go on.", err)
			}
		})
	})
}

// What the program writes (io, Writer).
func TestOutput(t *testing.T) {
	bubble.Run(t, 4, func(b *bubble.B) {
		w := start(b)
		ann, p := w.session("ann")
		for _, kind := range []string{stdout, stderr, stdout} {
			text := w.phrase()
			p.writes(kind, text)
			ann.mustHear(event{kind, text})
			<-time.After(time.Minute)
		}
		p.writes(stdout, "")
		ann.halfClose()
		var want []event
		for _, kind := range []string{stdout, stderr, stderr, stdout, stderr} {
			text := w.phrase()
			p.writes(kind, text)
			want = append(want, event{kind, text})
		}
		ann.mustHear(want...)
	})
}

// How large a message is (grpc/grpc-go#3134).
func TestChunk(t *testing.T) {
	for _, n := range []int{shell.MaxChunk, shell.MaxChunk + 1, 0} {
		why := fmt.Sprintf("%d bytes", n)
		if n == 0 {
			why = "many bytes"
		}
		t.Run(why, func(t *testing.T) {
			bubble.Run(t, 5, func(b *bubble.B) {
				w := start(b)
				ann, p := w.session("ann")
				if n == 0 {
					n = w.d.Between(100_000, 250_000)
				}
				text := w.count(n)
				p.writes(stderr, text)
				ann.mustHear(event{stderr, text})
				for _, res := range ann.got {
					if got := len(res.GetStderr()); got > shell.MaxChunk {
						w.Fatalf("The program has written %d bytes to Stderr, in one Write.\nA message with %d of them came.\nWant MaxChunk, %d, at most.", n, got, shell.MaxChunk)
					}
				}
			})
		})
	}
}

// Two goroutines of a program (grpc/grpc-go#2094).
func TestOneSender(t *testing.T) {
	for _, kinds := range [][2]string{{stdout, stderr}, {stdout, stdout}} {
		t.Run(kinds[0]+" and "+kinds[1], func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				w := start(b)
				w.crowd = true
				ann, p := w.session("ann")
				texts := [2]string{strings.Repeat("a", 12), strings.Repeat("b", 12)}
				p.do("has two goroutines write at once", func() {
					var busy sync.WaitGroup
					for i, kind := range kinds {
						busy.Go(func() {
							for at := range texts[i] {
								p.writer(kind).Write([]byte(texts[i][at : at+1]))
							}
						})
					}
					busy.Wait()
				})
				if n := w.eye("ann").most(); n > 1 {
					w.Fatalf("Two goroutines of the program write, one to %s, one to %s.\n%d goroutines were in Send on the stream at once.\nWant one at a time: Send is not made for two.", kinds[0], kinds[1], n)
				}
				got := [2]string{}
				for _, e := range ann.events() {
					for i, letter := range []string{"a", "b"} {
						if kinds[0] == kinds[1] || e.kind == kinds[i] {
							got[i] += strings.Repeat(letter, strings.Count(e.text, letter))
						}
					}
				}
				if got != texts {
					w.Errorf("Two goroutines of the program wrote %q to %s and %q to %s, a byte at a time.\nOf that, %q and %q came. Want all of it.", texts[0], kinds[0], texts[1], kinds[1], got[0], got[1])
				}
			})
		})
	}
}

// A buffer that the program uses again (grpc/grpc-go#8186; io, Writer).
func TestKept(t *testing.T) {
	bubble.Run(t, 7, func(b *bubble.B) {
		w := start(b)
		w.keep = true
		ann, p := w.session("ann")
		var want []event
		buf := make([]byte, 12)
		for range 3 {
			text := w.count(len(buf))
			copy(buf, text)
			p.writesBytes(stdout, buf)
			want = append(want, event{stdout, text})
			copy(buf, strings.Repeat("#", len(buf)))
		}
		ann.mustHear(want...)
		w.eye("ann").mustBeUnchanged("The program fills its buffer anew after each Write.", "the stream")
	})
}

// The last message (shell.proto, Exit).
func TestExit(t *testing.T) {
	t.Run("behind all output", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b)
			p := w.puppets("known")[0]
			ann := w.call("ann")
			ann.send(&shellv1.Start{Program: "known"})
			p.mustHaveBegun(ann)
			text, last := w.count(5*shell.MaxChunk+w.d.Between(1, 99)), w.d.Word()
			p.do("writes much, and returns 3", func() {
				io.WriteString(p.t.Stdout, text)
				io.WriteString(p.t.Stderr, last)
				p.code <- 3
			})
			<-time.After(time.Minute)
			ann.read()
			ann.mustHear(event{stdout, text}, event{stderr, last}, event{exit, "3"})
			ann.mustEndOK()
		})
	})
	t.Run("while a Send is under way", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b)
			w.slow = true
			for _, name := range []string{"ann", "bob", "cai", "dan"} {
				s, p := w.session(name)
				word := w.d.Word()
				p.do(fmt.Sprintf("writes %q, and returns 6; each Send takes its time", word), func() {
					io.WriteString(p.t.Stdout, word)
					p.code <- 6
				})
				s.mustHear(event{stdout, word}, event{exit, "6"})
				s.mustEndOK()
			}
		})
	})
	t.Run("the client does not half-close", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			ann.input(w.d.Word())
			p.writes(stdout, "bye")
			ann.mustHear(event{stdout, "bye"})
			p.end(4)
			ann.mustExit(4)
		})
	})
	t.Run("nothing stays", func(t *testing.T) {
		bubble.Run(t, 8, func(b *bubble.B) {
			w := start(b)
			w.mustLeaveNothing("A program ends that has not read its input", func(s *session, p *puppet) {
				s.input("for nobody")
				s.input("either")
				p.end(0)
			})
		})
	})
}

// Who does not read (gRPC, flow control).
func TestFull(t *testing.T) {
	const total = 32 * shell.MaxChunk
	t.Run("a program that does not read", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b, grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))
			ann, p := w.session("ann")
			text := w.count(total)
			sending := w.Go("the client", func() error {
				for at := 0; at < total; at += shell.MaxChunk {
					ann.input(text[at : at+shell.MaxChunk])
				}
				return nil
			})
			w.Wait()
			w.mustBeHeldUp(ann, total, shell.MaxChunk)
			word := w.d.Word()
			p.writes(stdout, word)
			ann.mustHear(event{stdout, word})
			p.mustRead(text)
			sending.Wait()
		})
	})
	t.Run("a program that does not read, and large messages", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			const large, many = 256 << 10, 12
			w := start(b, grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))
			ann, p := w.session("ann")
			text := w.count(large)
			w.Go("the client", func() error {
				for range many {
					ann.input(text)
				}
				return nil
			})
			w.mustBeHeldUp(ann, many*large, large)
			p.end(9)
			ann.mustExit(9)
		})
	})
	t.Run("a program that ends, and has read nothing", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b, grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))
			ann, p := w.session("ann")
			text := w.count(shell.MaxChunk)
			w.Go("the client", func() error {
				for range 32 {
					ann.input(text)
				}
				return nil
			})
			w.Wait()
			p.end(9)
			ann.mustExit(9)
		})
	})
	t.Run("a client that does not read", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			ann, p := w.deaf("ann")
			text := w.count(total)
			var mu sync.Mutex
			written := 0
			p.do("writes much", func() {
				for at := 0; at < total; at += shell.MaxChunk {
					n, _ := io.WriteString(p.t.Stdout, text[at:at+shell.MaxChunk])
					mu.Lock()
					written += n
					mu.Unlock()
				}
			})
			mu.Lock()
			took := written
			mu.Unlock()
			if took > ahead+256<<10 { // what is on its way counts, too
				w.Fatalf("The client reads nothing, and the program writes. %d KiB were taken from it.\nWant its Write to wait: %d KiB at most are kept, and some are on their way.", took>>10, ahead>>10)
			}
			word := w.d.Word()
			ann.input(word)
			ann.read()
			ann.mustHear(event{stdout, text})
			p.mustRead(word)
		})
	})
	t.Run("a client that does not read, and one large Write", func(t *testing.T) {
		bubble.Run(t, 9, func(b *bubble.B) {
			w := start(b)
			ann, p := w.deaf("ann")
			text := w.count(total)
			done := make(chan error, 1)
			p.do(fmt.Sprintf("writes %d bytes at once", total), func() {
				_, err := io.WriteString(p.t.Stderr, text)
				done <- err
			})
			select {
			case err := <-done:
				w.Fatalf("The client reads nothing, and the program writes %d KiB in one Write.\nIt has returned, with the error %s.\nWant it to wait: of a large Write, too, %d KiB at most are kept.", total>>10, words(err), ahead>>10)
			default:
			}
			ann.read()
			ann.mustHear(event{stderr, text})
		})
	})
}

// ahead is how much may be received that nobody has read yet, in bytes: that,
// and one message more.
const ahead = 512 << 10

// mustBeHeldUp wants the server to have received little of what the client has,
// in messages of that size.
func (w *world) mustBeHeldUp(s *session, total, message int) {
	w.T().Helper()
	if got := w.eye(s.name).read(); got > ahead+message {
		w.Fatalf("The client has %d KiB of input, in messages of %d KiB. The program reads none\nof it, and the server has received %d KiB. Want %d KiB at most, and one message\nmore: what nobody reads stays with the client.", total>>10, message>>10, got>>10, ahead>>10)
	}
}

// The window's size (shell.proto, Size).
func TestResize(t *testing.T) {
	t.Run("for a program that waits for it", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			p.mustHaveNoSize("The client has sent no size but the one in Start.")
			for i := range 3 {
				rows, columns := w.d.Between(1, 99), w.d.Between(1, 300)
				if i == 2 {
					rows, columns = 0, 0 // is a size like any other
				}
				got := make(chan *shellv1.Size, 1)
				p.do("waits for a size", func() {
					select {
					case size := <-p.t.Resized:
						got <- size
					case <-p.ctx.Done():
					}
				})
				ann.resize(rows, columns)
				w.Wait()
				select {
				case size := <-got:
					p.mustBeSize(size, rows, columns, "The program waited for a size when the client sent it.")
				default:
					w.Fatalf("The client sent the size %d×%d. The program waits for one, and has not got it.\n\n%s", rows, columns, w.Waiting())
				}
			}
		})
	})
	t.Run("for one that looks later", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			for range 2 {
				rows, columns := w.d.Between(1, 99), w.d.Between(1, 300)
				ann.resize(rows+1, columns)
				ann.resize(rows, columns+1)
				ann.resize(rows, columns)
				why := "The client sent three sizes before the program looked."
				p.mustHaveSize(rows, columns, why)
				p.mustHaveNoSize(why + " It has got the last one.")
			}
		})
	})
	t.Run("for one that takes each while more come", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			f := newFlood(b)
			run := b.Go("Run(stream)", func() error { return f.server.Run(f) })
			b.Wait()
			if f.last.Load() != lastRows {
				b.Fatalf("While the program took one size after the other, %d came. It has got %d of them,\nand not the last one, which has %d rows. Want that: nobody else takes them.\n\n%s", f.came, f.taken.Load(), lastRows, b.Waiting())
			}
			if err := run.Wait(); err != nil {
				b.Errorf("The program has ended, and Run returned %s. Want nil.", grpctest.Status(err))
			}
		})
	})
	t.Run("for one that never looks", func(t *testing.T) {
		bubble.Run(t, 10, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			for i := range 40 {
				ann.resize(i+1, 80)
			}
			word := w.d.Word()
			ann.input(word)
			p.mustRead(word)
		})
	})
}

// wrongEvents are messages that must not come behind Start.
var wrongEvents = []struct {
	why, said string
	req       func(s *session) *shellv1.RunRequest
}{
	{"it sends Start again", "The client has sent Start again",
		func(s *session) *shellv1.RunRequest { return begin(s.begin) }},
	{"it sends a message without an event", "The client has sent a message without an event",
		func(*session) *shellv1.RunRequest { return &shellv1.RunRequest{} }},
}

// Calls that are over before the program is (gRPC, cancellation).
func TestGone(t *testing.T) {
	cancel := func(s *session) {
		s.w.link.Note("ann cancels the call")
		s.cancel()
	}
	t.Run("it cancels while the program reads", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			text := w.phrase()
			ann.input(text)
			p.mustRead(text)
			read := p.startRead()
			cancel(ann)
			p.mustBeTold("The client has cancelled")
			p.mustHaveFailed(read, "The client has cancelled, and had not half-closed")
			w.mustWaitFor(p, ann, codes.Canceled)
		})
	})
	t.Run("it cancels while the program does nothing", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			cancel(ann)
			p.mustBeTold("The client has cancelled")
			read := p.startRead()
			p.mustHaveFailed(read, "The client has cancelled, and had not half-closed")
			p.mustFailToWrite("The client has cancelled")
			w.mustWaitFor(p, ann, codes.Canceled)
		})
	})
	t.Run("it cancels, and the program has not read its input", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			ann.input(w.d.Word())
			ann.input(w.d.Word())
			w.Wait()
			cancel(ann)
			p.mustBeTold("The client has cancelled")
			w.mustWaitFor(p, ann, codes.Canceled)
		})
	})
	t.Run("it cancels behind its half-close", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b)
			ann, p := w.session("ann")
			ann.halfClose()
			p.mustReadEnd()
			cancel(ann)
			p.mustBeTold("The client has half-closed, and later cancelled")
			w.mustWaitFor(p, ann, codes.Canceled)
		})
	})
	t.Run("it cancels, and has not read the output", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b)
			ann, p := w.deaf("ann")
			failed := p.startWrites()
			cancel(ann)
			p.mustStopWriting(failed, "The client has read nothing, and has cancelled")
			p.mustBeTold("The client has cancelled")
			w.mustWaitFor(p, ann, codes.Canceled)
		})
	})
	for _, tt := range wrongEvents {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				w := start(b)
				ann, p := w.session("ann")
				ann.input("a")
				p.mustRead("a")
				read := p.startRead()
				ann.message(tt.req(ann))
				p.mustBeTold(tt.said + ", which ends the call")
				p.mustHaveFailed(read, tt.said+", and had not half-closed")
				p.mustFailToWrite(tt.said)
				w.mustWaitFor(p, ann, codes.InvalidArgument)
				ann.read()
				ann.mustEnd(codes.InvalidArgument, tt.said)
				if p.begun > 1 {
					w.Errorf("%s, and the program was run %d times. Want once.", tt.said, p.begun)
				}
			})
		})
		t.Run(tt.why+", and it has not read the output", func(t *testing.T) {
			bubble.Run(t, 11, func(b *bubble.B) {
				w := start(b)
				ann, p := w.deaf("ann")
				failed := p.startWrites()
				ann.message(tt.req(ann))
				p.mustStopWriting(failed, "The client reads nothing.\n"+tt.said+", which ends the call")
				p.mustBeTold(tt.said)
				w.mustWaitFor(p, ann, codes.InvalidArgument)
				ann.read()
				ann.mustEnd(codes.InvalidArgument, tt.said)
			})
		})
	}
	t.Run("its deadline comes", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b)
			after := time.Duration(w.d.Between(20, 90)) * time.Second
			ctx, stop := context.WithTimeout(b.Context(), after)
			defer stop()
			w.ctx = ctx
			ann, p := w.session("ann")
			read := p.startRead()
			<-time.After(2 * time.Minute)
			p.mustBeTold("The client's deadline has come")
			p.mustHaveFailed(read, "The client's deadline has come")
			w.mustWaitFor(p, ann, codes.DeadlineExceeded, codes.Canceled)
		})
	})
	t.Run("its cable is pulled", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b, grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}))
			ann, p := w.session("ann")
			read := p.startRead()
			w.link.Cut()
			<-time.After(5 * time.Minute)
			why := "The client's cable was pulled five minutes ago, and keepalive has ended the connection"
			p.mustBeTold(why)
			p.mustHaveFailed(read, why)
			w.mustWaitFor(p, ann, codes.Canceled, codes.Unavailable)
		})
	})
	t.Run("nothing stays", func(t *testing.T) {
		bubble.Run(t, 11, func(b *bubble.B) {
			w := start(b)
			w.mustLeaveNothing("A client cancels, and the program ends", func(s *session, p *puppet) {
				s.input("for nobody")
				s.input("either")
				s.cancel()
				w.Wait()
				p.end(0)
			})
		})
	})
}

// A program with a mistake (grpc/grpc-go#441).
func TestPanic(t *testing.T) {
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.DiscardHandler)) // whoever logs the panic does well
	log.SetOutput(io.Discard)
	defer log.SetOutput(os.Stderr)
	for _, tt := range []struct {
		why    string
		writes int // of a chunk, before
		deaf   bool
		with   any
	}{
		{"at once", 0, false, ownPanic},
		{"with a status", 0, false, status.Error(codes.NotFound, ownPanic)},
		{"behind some output", 9, false, ownPanic},
		{"behind some output, and the client reads later", 9, true, ownPanic},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 12, func(b *bubble.B) {
				w := start(b)
				bob, q := w.session("bob")
				join := w.session
				if tt.deaf {
					join = w.deaf
				}
				ann, p := join("ann")
				text := w.count(tt.writes*chunk + 1)[:tt.writes*chunk]
				p.panic(ann, text, tt.with)
				if tt.deaf {
					ann.read()
				}
				ann.mustEnd(codes.Internal, "the program has panicked")
				p.mustHaveRecovered(ann)
				ann.mustHear(event{stdout, text})
				if text := status.Convert(ann.err).Message(); strings.Contains(text, ownPanic) || strings.Contains(text, "goroutine ") {
					w.Errorf("The program has panicked, and the client was told\n  %s\nWant neither the panic's text nor the stack there: they are for the server's log.", grpctest.Status(ann.err))
				}
				word := w.d.Word()
				bob.input(word)
				q.mustRead(word)
				q.end(1)
				bob.mustExit(1)
			})
		})
	}
}

// What the client side sends (gRPC, bidirectional streaming RPC).
func TestRunInput(t *testing.T) {
	t.Run("as it comes", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := play(b)
			s.run()
			s.mustHaveStarted()
			first, second := s.d.Word(), s.d.Word()
			s.types(first)
			s.mustHaveGot("The caller's Stdin has given "+quote(first)+".", first)
			<-time.After(time.Minute)
			s.types(second)
			s.mustHaveGot("The caller's Stdin has given "+quote(second)+" more.", first+second)
			s.types("")
			s.mustHaveGot("A Read of Stdin has given nothing, and no error.", first+second)
			third := s.d.Word()
			s.types(third)
			s.mustHaveGot("A Read of Stdin has given nothing, and no error; the next one "+quote(third)+".", first+second+third)
			s.mustGoOn("the program has not ended")
			s.stdin.Close()
			s.mustHaveHalfClosed()
			code := s.d.Between(1, 125)
			s.server.sends(event{exit, fmt.Sprint(code)})
			s.server.end(nil)
			s.mustReturn(code, nil)
		})
	})
	t.Run("input that comes with its end", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := play(b)
			text := s.d.Word()
			s.terminal.Stdin = iotest.DataErrReader(strings.NewReader(text))
			s.run()
			s.mustHaveStarted()
			s.mustHaveGot("A Read of Stdin has given "+quote(text)+", and io.EOF with it.", text)
			s.mustHaveHalfClosed()
			s.server.sends(event{exit, "0"})
			s.server.end(nil)
			s.mustReturn(0, nil)
		})
	})
	t.Run("sizes", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := play(b)
			sizes := make(chan *shellv1.Size, 3)
			s.terminal.Resized = sizes
			s.run()
			var want []string
			for range 3 {
				size := &shellv1.Size{Rows: uint32(s.d.Between(1, 99)), Columns: uint32(s.d.Between(1, 300))}
				want = append(want, grpctest.Text(size))
				sizes <- size
				s.Wait()
			}
			s.mustHaveSizes(want)
			s.link.Note("Resized is closed")
			close(sizes)
			s.mustNotSpin("Resized is closed")
			s.mustHaveSizes(want)
			word := s.d.Word()
			s.types(word)
			s.mustHaveGot("Resized is closed; Stdin has given "+quote(word)+".", word)
			s.stdin.Close()
			s.mustHaveHalfClosed()
		})
	})
	t.Run("a size behind the end of Stdin", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := play(b)
			sizes := make(chan *shellv1.Size, 3)
			s.terminal.Resized = sizes
			s.run()
			s.mustHaveStarted()
			s.stdin.Close()
			s.mustHaveHalfClosed()
			s.link.Note("Resized gives three sizes")
			for i := range cap(sizes) {
				sizes <- &shellv1.Size{Rows: uint32(i)}
			}
			s.mustGoOn("a size that comes too late is nobody's fault")
			text := s.d.Word()
			s.server.sends(event{stdout, text}, event{exit, "4"})
			s.server.end(nil)
			s.mustHaveWritten(text, "")
			s.mustReturn(4, nil)
		})
	})
	t.Run("no sizes: Resized is nil", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := play(b)
			s.terminal.Resized = nil
			s.run()
			s.mustHaveStarted()
			word := s.d.Word()
			s.types(word)
			s.mustHaveGot("Resized is nil; Stdin has given "+quote(word)+".", word)
			s.stdin.Close()
			s.mustHaveHalfClosed()
			s.server.sends(event{exit, "0"})
			s.server.end(nil)
			s.mustReturn(0, nil)
		})
	})
}

// The client side, and its buffers (grpc/grpc-go#8186).
func TestRunKept(t *testing.T) {
	bubble.Run(t, 7, func(b *bubble.B) {
		s := play(b)
		s.eye.keep = true
		s.run()
		s.mustHaveStarted()
		all := ""
		for range 4 {
			word := s.d.Word()
			s.types(word)
			all += word
		}
		s.mustHaveGot("Stdin has given four words.", all)
		s.eye.mustBeUnchanged("Stdin has given four words, one after the other.", "Run's stream")
	})
}

// The client side sends (grpc/grpc-go#2094).
func TestRunOneSender(t *testing.T) {
	for _, tt := range []struct {
		why          string
		bytes, times int
		ends         bool // Stdin, while there are sizes
	}{{"input, and sizes", 20, 1, false}, {"the half-close, and sizes", 3, 6, true}} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 6, func(b *bubble.B) {
				s := play(b)
				s.eye.crowd = true
				for range tt.times {
					s.again()
					sizes := make(chan *shellv1.Size, 20)
					for i := range cap(sizes) {
						sizes <- &shellv1.Size{Rows: uint32(i)}
					}
					s.Cleanup(func() { close(sizes) })
					s.terminal.Resized = sizes
					s.terminal.Stdin = iotest.OneByteReader(strings.NewReader(strings.Repeat("a", tt.bytes)))
					if !tt.ends {
						s.terminal.Stdin = io.MultiReader(s.terminal.Stdin, s.stdin)
					}
					s.run()
					s.mustHaveStarted()
					s.Wait()
					if n := s.eye.most(); n > 1 {
						s.Fatalf("Stdin gives input, and Resized gives sizes.\n%d goroutines were in Send, or CloseSend, on the client's stream at once.\nWant one at a time: Send is not made for two.", n)
					}
					s.stdin.Close() // who waits for it breaks rule 15
					s.server.sends(event{exit, "0"})
					s.server.end(nil)
					s.mustBeBack()
				}
			})
		})
	}
}

// Input as fast as it goes (gRPC, flow control).
func TestRunMuchInput(t *testing.T) {
	t.Run("much input", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := play(b)
			text := count(s.d, s.d.Between(100_000, 200_000))
			s.terminal.Stdin = strings.NewReader(text)
			s.run()
			s.mustHaveGot(fmt.Sprintf("The caller's Stdin has given %d bytes, and io.EOF.", len(text)), text)
			s.mustHaveHalfClosed()
			for _, req := range s.server.requests() {
				if n := len(req.GetStdin()); n > shell.MaxChunk {
					s.Fatalf("Stdin has given %d bytes. Run has sent a message with %d of them.\nWant MaxChunk, %d, at most.", len(text), n, shell.MaxChunk)
				}
			}
		})
	})
	t.Run("input that is not taken", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			s := play(b, grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))
			s.server.deaf = true
			var taken atomic.Int64
			zeros := readerFunc(func(p []byte) (int, error) {
				taken.Add(int64(len(p)))
				return len(p), nil
			})
			const total = 2 << 20
			s.terminal.Stdin = io.MultiReader(io.LimitReader(zeros, total), s.stdin)
			s.run()
			if got := taken.Load(); got > ahead+256<<10 { // what is on its way counts, too
				s.Fatalf("The server takes no input, and Stdin has %d KiB. Run has read %d KiB of it.\nWant Run to wait: %d KiB at most are read ahead of Send, and some are on their way.", total>>10, got>>10, ahead>>10)
			}
		})
	})
}

// What the client side receives (gRPC, flow control).
func TestRunOutput(t *testing.T) {
	t.Run("as it comes", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := play(b)
			s.run()
			s.mustHaveStarted()
			out, errs := s.d.Word(), s.d.Word()
			s.server.sends(event{stdout, out})
			s.mustHaveWritten(out, "")
			<-time.After(time.Minute)
			s.server.sends(event{stderr, errs})
			s.mustHaveWritten(out, errs)
			s.stdin.Close()
			s.mustHaveHalfClosed()
			s.server.sends(event{stdout, "."}, event{exit, "0"})
			s.server.end(nil)
			s.mustHaveWritten(out+".", errs)
			s.mustReturn(0, nil)
		})
	})
	t.Run("output while the input is not taken", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := play(b, grpc.StaticStreamWindowSize(64<<10), grpc.StaticConnWindowSize(64<<10))
			s.server.deaf = true
			s.terminal.Stdin = io.LimitReader(&endless{}, 2<<20)
			s.run()
			word := s.d.Word()
			s.server.sends(event{stdout, word})
			s.mustHaveWritten(word, "")
			s.server.sends(event{exit, "5"})
			s.server.end(nil)
			s.mustReturn(5, nil)
		})
	})
	t.Run("a Stdout that is slow", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := play(b)
			open := make(chan struct{})
			s.stdout.gate = open
			s.run()
			s.mustHaveStarted()
			text := count(s.d, 32*shell.MaxChunk)
			s.server.do(func(stream serverStream) {
				for at := 0; at < len(text); at += shell.MaxChunk {
					if stream.Send(response(event{stdout, text[at : at+shell.MaxChunk]})) != nil {
						return
					}
				}
			})
			if got := s.eye.read(); got > ahead+shell.MaxChunk {
				s.Errorf("The server sends %d KiB, in messages of %d KiB. A Write to Stdout waits, and Run\nhas received %d KiB. Want %d KiB at most, and one message more: what nobody reads\nstays with the server.", len(text)>>10, shell.MaxChunk>>10, got>>10, ahead>>10)
			}
			close(open)
			s.mustHaveWritten(text, "")
		})
	})
	t.Run("a Stdout that is slow, and a Stderr", func(t *testing.T) {
		bubble.Run(t, 14, func(b *bubble.B) {
			s := play(b)
			open := make(chan struct{})
			s.stdout.gate = open
			s.run()
			s.mustHaveStarted()
			out, errs := s.d.Word(), s.d.Word()
			s.server.sends(event{stdout, out}, event{stderr, errs})
			if got := s.stderr.String(); got != "" {
				s.Fatalf("The server has sent %q for Stdout, then %q for Stderr.\nA Write to Stdout waits, and %q has been written to Stderr.\nWant it written in the order in which it came.", out, errs, got)
			}
			close(open)
			s.mustHaveWritten(out, errs)
		})
	})
	for _, tt := range []struct {
		why string
		end error
	}{{"OK", nil}, {"Unavailable", status.Error(codes.Unavailable, "on purpose")}} {
		t.Run("a Stdout that is slow, and the call ends with "+tt.why, func(t *testing.T) {
			bubble.Run(t, 14, func(b *bubble.B) {
				s := play(b)
				open := make(chan struct{})
				s.stdout.gate = open
				s.run()
				s.mustHaveStarted()
				s.stdin.Close() // who waits for it breaks rule 15
				texts := s.d.Words(3)
				s.server.sends(event{stdout, texts[0]}, event{stdout, texts[1]}, event{stdout, texts[2]}, event{exit, "3"})
				s.server.end(tt.end)
				s.mustGoOn("a Write to Stdout waits, and more output has come")
				s.link.Note("Stdout takes what is written")
				close(open)
				s.mustHaveWritten(strings.Join(texts, ""), "")
				s.mustBeBack()
			})
		})
	}
}

// A Read that nothing can end (io, Reader).
func TestRunStdinWaits(t *testing.T) {
	for _, tt := range []struct {
		why string
		do  func(s *script)
	}{
		{"the program ends", func(s *script) {
			s.server.sends(event{exit, "3"})
			s.server.end(nil)
		}},
		{"the server refuses", func(s *script) { s.server.end(status.Error(codes.NotFound, "on purpose")) }},
		{"the caller cancels", func(s *script) { s.cancel() }},
	} {
		t.Run(tt.why, func(t *testing.T) {
			bubble.Run(t, 15, func(b *bubble.B) {
				s := play(b)
				s.run()
				s.mustHaveStarted()
				word := s.d.Word()
				s.types(word)
				s.mustHaveGot("Stdin has given "+quote(word)+".", word)
				before := s.stdin.reads()
				s.link.Note("%s; a Read of Stdin waits", tt.why)
				tt.do(s)
				s.Wait()
				if !s.call.Returned() {
					s.Fatalf("While a Read of Stdin waits, %s. Run has not returned.\nWant it to: nobody needs what that Read brings.\n\n%s", tt.why, s.Waiting())
				}
				s.stdin.give("late")
				s.stdin.give("later")
				s.Wait()
				if n := s.stdin.reads(); n > before {
					s.Fatalf("Run has returned, and then Stdin was read from again, %d times.\nWant nothing taken from it that others may want.", n-before)
				}
			})
		})
	}
	t.Run("nothing else stays", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := play(b)
			var before int
			for i := range 12 {
				s.again()
				s.run()
				s.mustHaveStarted()
				s.server.sends(event{exit, "0"})
				s.server.end(nil)
				s.mustReturn(0, nil)
				s.stdin.give("late")
				s.Wait()
				if i == 0 {
					before = bubble.Goroutines()
				}
			}
			if left := bubble.Goroutines() - before; left > 5 {
				s.Errorf("Run has returned 12 times, and each Read of Stdin has come back since.\n%d goroutines more are there than after the first time. Want none.\n\n%s", left, s.Waiting())
			}
		})
	})
	t.Run("a Write to Stdout waits", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := play(b)
			open := make(chan struct{})
			s.stdout.gate = open
			s.run()
			s.mustHaveStarted()
			s.server.sends(event{stdout, s.d.Word()})
			s.link.Note("the caller cancels; a Write to Stdout waits")
			s.cancel()
			s.mustGoOn("a Write to Stdout waits, and is not to stay behind")
			close(open)
			s.mustBeBack()
		})
	})
	t.Run("Stdin has no end", func(t *testing.T) {
		bubble.Run(t, 15, func(b *bubble.B) {
			s := play(b)
			s.terminal.Stdin = &endless{pause: time.Second}
			s.run()
			s.mustHaveStarted()
			s.server.sends(event{exit, "3"})
			s.server.end(nil)
			s.mustReturn(3, nil)
		})
	})
}

// How calls end (gRPC, status codes).
func TestRunFails(t *testing.T) {
	for _, code := range []int{-1, 1000} {
		t.Run(fmt.Sprintf("OK, behind Exit %d", code), func(t *testing.T) {
			bubble.Run(t, 16, func(b *bubble.B) {
				s := play(b)
				s.run()
				s.mustHaveStarted()
				s.server.sends(event{exit, fmt.Sprint(code)})
				s.server.end(nil)
				s.mustReturn(code, nil)
			})
		})
	}
	detailed, err := status.New(codes.Internal, "on purpose").WithDetails(&shellv1.Size{Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why string
		end error
	}{{"OK", nil}, {"Unavailable", status.Error(codes.Unavailable, "on purpose")}, {"Internal, with a detail", detailed.Err()}} {
		t.Run(tt.why+", and no Exit", func(t *testing.T) {
			bubble.Run(t, 16, func(b *bubble.B) {
				s := play(b)
				s.run()
				s.mustHaveStarted()
				text := s.d.Word()
				s.server.sends(event{stdout, text})
				s.server.end(tt.end)
				s.mustHaveWritten(text, "")
				if tt.end == nil {
					s.mustReturn(0, shell.ErrNoExit)
				} else {
					s.mustReturnCode(status.Code(tt.end))
					if want, got := len(status.Convert(tt.end).Details()), len(status.Convert(s.err).Details()); got != want {
						s.Errorf("The status of the call has %d detail, and that of Run's error has %d.\nWant the status that came, or an error that wraps it.", want, got)
					}
				}
			})
		})
	}
	t.Run("refused, while there is much input", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := play(b)
			s.eye.late = true
			s.server.deaf = true
			s.terminal.Stdin = io.LimitReader(&endless{}, 2<<20)
			s.run()
			s.mustHaveStarted()
			s.server.end(status.Error(codes.NotFound, "on purpose"))
			<-time.After(time.Second)
			s.mustReturnCode(codes.NotFound)
		})
	})
	t.Run("nobody is there", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := play(b)
			s.link.Refuse(true)
			s.run()
			s.mustReturnCode(codes.Unavailable)
		})
	})
	t.Run("Unavailable, behind Exit", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := play(b)
			s.run()
			s.mustHaveStarted()
			s.server.sends(event{exit, "3"})
			s.server.end(status.Error(codes.Unavailable, "on purpose"))
			s.mustReturnCode(codes.Unavailable)
		})
	})
	t.Run("the caller cancels, with a cause", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := play(b)
			ctx, cancel := context.WithCancelCause(s.ctx)
			s.ctx = ctx
			s.run()
			s.mustHaveStarted()
			cause := errors.New("the caller's own cause")
			s.link.Note("the caller cancels, with the cause %q", cause)
			cancel(cause)
			s.mustBeBack()
			if status.Code(s.err) != codes.Canceled {
				s.Fatalf("The caller has cancelled with a cause of its own, %q.\nRun returned %d, %s\nWant the status of the call: an error whose status.Code is Canceled.", cause, s.code, words(s.err))
			}
		})
	})
	t.Run("the caller's deadline comes", func(t *testing.T) {
		bubble.Run(t, 16, func(b *bubble.B) {
			s := play(b)
			ctx, stop := context.WithTimeoutCause(s.ctx, time.Minute, errors.New("the caller's own cause"))
			defer stop()
			s.ctx = ctx
			s.run()
			s.mustHaveStarted()
			<-time.After(2 * time.Minute)
			s.mustReturnCode(codes.DeadlineExceeded)
		})
	})
}

// What fails on the caller's side (gRPC, cancellation).
func TestRunOwnFailure(t *testing.T) {
	errOwn := errors.New("the caller's own")
	fails := func(s *script, name string, err error) writerFunc {
		return func(p []byte) (int, error) {
			if len(p) == 0 {
				return 0, nil
			}
			s.link.Note("%s fails with %q", name, err)
			return 0, err
		}
	}
	for _, tt := range []struct {
		why string
		err error
	}{{"Stdin", errOwn}, {"Stdin", io.ErrUnexpectedEOF}, {"Stdin", context.Canceled}, {"Stdout", errOwn}, {"Stdout", io.EOF}, {"Stderr", errOwn}} {
		t.Run(fmt.Sprintf("%s: %v", tt.why, tt.err), func(t *testing.T) {
			bubble.Run(t, 17, func(b *bubble.B) {
				s := play(b)
				s.eye.late = true
				fail := fails(s, tt.why, tt.err)
				switch tt.why {
				case "Stdin":
					s.terminal.Stdin = io.MultiReader(strings.NewReader(s.d.Word()), readerFunc(fail))
				case stdout:
					s.terminal.Stdout = fail
				case stderr:
					s.terminal.Stderr = fail
				}
				s.run()
				if tt.why != "Stdin" {
					s.server.sends(event{tt.why, s.d.Word()})
				}
				why := fmt.Sprintf("%s has failed with %q", tt.why, tt.err)
				s.mustNotHaveHalfClosed(why)
				<-time.After(time.Second)
				s.mustNotHaveHalfClosed(why)
				if !s.call.Returned() {
					s.Fatalf("%s. Run has not returned at %v. Want it to.\n\n%s", why, s.Elapsed(), s.Waiting())
				}
				s.mustReturn(0, tt.err)
				s.server.mustHaveGone(why + ", and Run has returned")
			})
		})
	}
	t.Run("Stdin, while a Write waits", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := play(b)
			open, fail := make(chan struct{}), make(chan struct{})
			s.stdout.gate = open
			broken := fails(s, "Stdin", errOwn)
			s.terminal.Stdin = readerFunc(func(p []byte) (int, error) {
				<-fail
				return broken(p)
			})
			s.run()
			s.server.sends(event{stdout, s.d.Word()})
			close(fail)
			s.Wait()
			s.server.mustHaveGone("A Write to Stdout waits, and Stdin has failed")
			close(open)
			s.mustReturn(0, errOwn)
		})
	})
	t.Run("a Stdout that takes less", func(t *testing.T) {
		bubble.Run(t, 17, func(b *bubble.B) {
			s := play(b)
			s.terminal.Stdout = writerFunc(func([]byte) (int, error) { return 0, io.ErrShortWrite })
			s.run()
			s.mustHaveStarted()
			s.server.sends(event{stdout, s.d.Word()})
			s.mustReturn(0, io.ErrShortWrite)
			s.server.mustHaveGone("Stdout has failed, and Run has returned")
		})
	})
}

// cat is a program that writes to both outputs what it reads.
func cat(_ context.Context, _ *shellv1.Start, t shell.Terminal) int {
	n, _ := io.Copy(io.MultiWriter(t.Stdout, t.Stderr), t.Stdin)
	return int(n % 100)
}

// Both sides, for many at once (sync, Mutex).
func TestMany(t *testing.T) {
	bubble.Run(t, 18, func(b *bubble.B) {
		w := start(b)
		w.s.Programs = map[string]shell.Program{"cat": cat}
		cc := w.link.Dial("client")
		var calls []*bubble.Call
		for range 8 {
			text := w.count(w.d.Between(1, 2*shell.MaxChunk))
			calls = append(calls, w.Go("Run(ctx, client, start, terminal)", func() error {
				return copied(b.Context(), cc, text)
			}))
		}
		for _, c := range calls {
			if err := c.Wait(); err != nil {
				w.Errorf("8 calls of Run at once. The program writes to Stdout and Stderr what it reads:\n%v", err)
			}
		}
	})
}

// Both sides over a real socket (net, TCPListener).
func TestLoopback(t *testing.T) {
	loopback.Run(t, 18, func(l *loopback.L) {
		d := draw.From(l.R)
		server := grpc.NewServer()
		shellv1.RegisterShellServiceServer(server, &shell.Server{Programs: map[string]shell.Program{"cat": cat}})
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
		ctx, stop := context.WithTimeout(l.Context(), 20*time.Second)
		defer stop()
		if err := copied(ctx, cc, count(d, d.Between(200_000, 400_000))); err != nil {
			l.Errorf("Over TCP, with a program that writes to Stdout and Stderr what it reads:\n%v", err)
		}
	})
}

// copied runs cat on that input, and says what is wrong.
func copied(ctx context.Context, cc *grpc.ClientConn, text string) error {
	var out, errs bytes.Buffer
	sizes := make(chan *shellv1.Size)
	defer close(sizes)
	code, err := shell.Run(ctx, shellv1.NewShellServiceClient(cc), &shellv1.Start{Program: "cat"},
		shell.Terminal{Stdin: strings.NewReader(text), Stdout: &out, Stderr: &errs, Resized: sizes})
	if want := len(text) % 100; code != want || err != nil {
		return fmt.Errorf("Run returned %d, %s\nWant %d, nil", code, words(err), want)
	}
	for name, got := range map[string]string{stdout: out.String(), stderr: errs.String()} {
		if got != text {
			return fmt.Errorf("%s is not the input: %s", name, differ(got, text))
		}
	}
	return nil
}

// world is a server that the learner wrote, and its clients.
type world struct {
	*bubble.B
	d    *draw.Data
	s    *shell.Server
	link *grpctest.Link
	ctx  context.Context // of calls

	crowd bool // see eye
	slow  bool
	keep  bool

	mu   sync.Mutex
	eyes map[string]*eye // by client
}

// count returns a text that long, in which numbers are counted up, as seq does.
func (w *world) count(size int) string { return count(w.d, size) }

// phrase returns three words.
func (w *world) phrase() string { return strings.Join(w.d.Words(3), " ") }

func count(d *draw.Data, size int) string {
	text := make([]byte, 0, size+8)
	for n := d.Between(1000, 5000); len(text) < size; n++ {
		text = fmt.Appendf(text, "%d ", n)
	}
	return string(text[:size-1]) + "."
}

func start(b *bubble.B, opts ...grpc.ServerOption) *world {
	w := &world{B: b, d: draw.From(b.R), s: new(shell.Server), link: grpctest.New(b), ctx: b.Context(), eyes: map[string]*eye{}}
	server := grpc.NewServer(append(opts, grpc.StreamInterceptor(w.intercept))...)
	shellv1.RegisterShellServiceServer(server, w.s)
	w.link.Serve(server)
	return w
}

// intercept calls Run with a stream that is looked at.
func (w *world) intercept(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	name := strings.Join(metadata.ValueFromIncomingContext(stream.Context(), "client"), "")
	e := &eye{b: w.B, crowd: w.crowd, slow: w.slow, keep: w.keep}
	w.mu.Lock()
	w.eyes[name] = e
	w.mu.Unlock()
	defer func() {
		p := recover()
		if p != nil {
			err = status.Error(codes.Unknown, "Run panicked")
			if !strings.Contains(fmt.Sprint(p), ownPanic) {
				w.Errorf("Run panicked: %v", p)
			}
		}
		e.mu.Lock()
		e.over, e.err, e.panicked = true, err, p != nil
		e.mu.Unlock()
	}()
	return handler(srv, &serverTap{stream, e})
}

func (w *world) eye(name string) *eye {
	w.T().Helper()
	w.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.eyes[name] == nil {
		w.Fatalf("the call of %s has not come to the server", name)
	}
	return w.eyes[name]
}

// eye sees what goes over one stream, on one side of it.
type eye struct {
	b     *bubble.B
	crowd bool // Send takes its time, so that others come
	slow  bool // Send takes its time, so that the handler returns that does not wait for it
	late  bool // a Recv that fails does so when all others have seen the end
	keep  bool // what is sent is remembered

	mu       sync.Mutex
	in, peak int // goroutines in Send
	sent     []sent
	received int  // bytes of input or output
	ended    bool // Recv has given an error
	half     bool // CloseSend was called before that
	sizes    int  // that were sent
	over     bool
	panicked bool
	err      error // of the server's Run
}

// sent is a message, and what it was when it was sent.
type sent struct{ msg, was proto.Message }

func (e *eye) send(m any, send func(m any) error) error {
	e.mu.Lock()
	e.in++
	e.peak = max(e.peak, e.in)
	if msg, ok := m.(proto.Message); ok && e.keep {
		e.sent = append(e.sent, sent{msg, proto.Clone(msg)})
	}
	e.mu.Unlock()
	e.b.Worked()
	e.dawdle()
	err := send(m)
	e.mu.Lock()
	e.in--
	e.mu.Unlock()
	return err
}

// dawdle takes time, but none of the bubble's clock: it would stand still if
// somebody waits for a lock that is held around Send.
func (e *eye) dawdle() {
	rounds := 0
	switch {
	case e.slow:
		rounds = 1000
	case e.crowd:
		rounds = 300
	}
	for range rounds {
		runtime.Gosched()
	}
}

func (e *eye) recv(m any, recv func(m any) error) error {
	err := recv(m)
	if err != nil && e.late {
		<-time.After(time.Millisecond)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = e.ended || err != nil
	switch m := m.(type) {
	case *shellv1.RunRequest:
		e.received += len(m.GetStdin())
	case *shellv1.RunResponse:
		e.received += len(m.GetStdout()) + len(m.GetStderr())
	}
	return err
}

// tooMany is more sizes than any test gives.
const tooMany = 1000

// spins says whether too many sizes are sent, with that message.
func (e *eye) spins(m any) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if req, ok := m.(*shellv1.RunRequest); ok {
		if _, ok := req.GetEvent().(*shellv1.RunRequest_Resize); ok {
			e.sizes++
		}
	}
	return e.sizes > tooMany
}

// most returns how many goroutines were sending at once.
func (e *eye) most() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peak
}

// read returns how many bytes of input or output Recv has returned.
func (e *eye) read() int {
	e.b.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.received
}

// mustBeUnchanged wants all messages to be what they were when they were sent.
func (e *eye) mustBeUnchanged(why, where string) {
	e.b.T().Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sent {
		if !proto.Equal(s.msg, s.was) {
			e.b.Fatalf("%s\nSend was called on %s with\n  %s\nand later on that message was\n  %s\nWant it never changed: who traces or counts messages may still look at it.", why, where, grpctest.Text(s.was), grpctest.Text(s.msg))
		}
	}
}

// lastRows is how many rows the last size of a flood has.
const lastRows = 9999

// flood is a stream of sizes as fast as they are received, and a program that
// takes them: over a network, too few would come while it is at it.
type flood struct {
	grpc.ServerStream // nil
	b                 *bubble.B
	server            *shell.Server
	ring              []*shellv1.RunRequest
	came              int // as of the goroutine that receives
	taken, last       atomic.Int64
}

func newFlood(b *bubble.B) *flood {
	f := &flood{b: b}
	f.server = &shell.Server{Programs: map[string]shell.Program{"flooded": f.program}}
	for i := range 100 {
		f.ring = append(f.ring, resize(i+1, 80))
	}
	return f
}

func (f *flood) program(ctx context.Context, _ *shellv1.Start, t shell.Terminal) int {
	for f.last.Load() != lastRows {
		select {
		case size := <-t.Resized:
			f.last.Store(int64(size.GetRows()))
			f.taken.Add(1)
		case <-ctx.Done():
			return 1
		}
	}
	return 0
}

// more says whether sizes are still to come: until both have often been at it at
// the same time, which with one processor they never are.
func (f *flood) more() bool {
	if f.came%1000 != 0 {
		return true
	}
	f.b.Worked()
	return f.came < 10_000 || runtime.GOMAXPROCS(0) > 1 && f.came < 2_000_000 && f.taken.Load() < 500
}

func (f *flood) Recv() (*shellv1.RunRequest, error) {
	f.came++
	switch {
	case f.came == 1:
		return begin(&shellv1.Start{Program: "flooded"}), nil
	case f.ring == nil:
		<-f.b.Context().Done()
		return nil, status.FromContextError(f.b.Context().Err()).Err()
	case f.more():
		return f.ring[f.came%len(f.ring)], nil
	}
	f.ring = nil
	return resize(lastRows, 80), nil
}

func (f *flood) RecvMsg(m any) error {
	req, err := f.Recv()
	if err == nil {
		proto.Merge(m.(proto.Message), req)
	}
	return err
}

func (f *flood) Context() context.Context        { return f.b.Context() }
func (f *flood) Send(*shellv1.RunResponse) error { return nil }
func (f *flood) SendMsg(any) error               { return nil }

type serverTap struct {
	grpc.ServerStream
	e *eye
}

func (t *serverTap) SendMsg(m any) error { return t.e.send(m, t.ServerStream.SendMsg) }
func (t *serverTap) RecvMsg(m any) error { return t.e.recv(m, t.ServerStream.RecvMsg) }

type clientTap struct {
	grpc.ClientStream
	e   *eye
	ctx context.Context
}

func (t *clientTap) SendMsg(m any) error {
	if t.e.spins(m) {
		<-t.ctx.Done() // it would not come to an end otherwise
		return t.ctx.Err()
	}
	return t.e.send(m, t.ClientStream.SendMsg)
}
func (t *clientTap) RecvMsg(m any) error { return t.e.recv(m, t.ClientStream.RecvMsg) }
func (t *clientTap) CloseSend() error {
	t.e.mu.Lock()
	t.e.half = t.e.half || !t.e.ended
	t.e.mu.Unlock()
	return t.e.send(nil, func(any) error { return t.ClientStream.CloseSend() })
}

// Kinds of events.
const (
	stdout = "Stdout"
	stderr = "Stderr"
	exit   = "Exit"
)

// event is what a message says.
type event struct{ kind, text string }

func (e event) String() string {
	switch e.kind {
	case stdout, stderr:
		return e.kind + " " + quote(e.text)
	}
	return strings.TrimSpace(e.kind + " " + e.text)
}

// quote quotes a text; of a long one, how it begins.
func quote(text string) string {
	if len(text) <= 64 {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q… (%d bytes)", text[:40], len(text))
}

func response(e event) *shellv1.RunResponse {
	switch e.kind {
	case stdout:
		return &shellv1.RunResponse{Event: &shellv1.RunResponse_Stdout{Stdout: []byte(e.text)}}
	case stderr:
		return &shellv1.RunResponse{Event: &shellv1.RunResponse_Stderr{Stderr: []byte(e.text)}}
	}
	var code int32
	fmt.Sscan(e.text, &code)
	return &shellv1.RunResponse{Event: &shellv1.RunResponse_Exit{Exit: &shellv1.Exit{Code: code}}}
}

// said is what messages say, with texts of one kind joined: how they are cut
// into messages is left open.
func said(got []*shellv1.RunResponse) (events []event) {
	for _, res := range got {
		var e event
		switch r := res.GetEvent().(type) {
		case *shellv1.RunResponse_Stdout:
			e = event{stdout, string(r.Stdout)}
		case *shellv1.RunResponse_Stderr:
			e = event{stderr, string(r.Stderr)}
		case *shellv1.RunResponse_Exit:
			e = event{exit, fmt.Sprint(r.Exit.GetCode())}
		default:
			e = event{"a message without an event", ""}
		}
		events = append(events, e)
	}
	return joined(events)
}

func joined(events []event) (all []event) {
	for _, e := range events {
		switch last := len(all) - 1; {
		case e.text == "" && (e.kind == stdout || e.kind == stderr):
		case last >= 0 && all[last].kind == e.kind && e.kind != exit:
			all[last].text += e.text
		default:
			all = append(all, e)
		}
	}
	return all
}

func listing(events []event) string {
	if len(events) == 0 {
		return "  nothing\n"
	}
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "  %v\n", e)
	}
	return b.String()
}

// differ says where two texts begin to differ.
func differ(got, want string) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	near := func(s string) string {
		if i == len(s) {
			return "its end"
		}
		return fmt.Sprintf("%q", s[i:min(len(s), i+20)])
	}
	return fmt.Sprintf("%d bytes, want %d; at byte %d stands %s, want %s", len(got), len(want), i, near(got), near(want))
}

// session is one call of Run, by a client that the test plays.
type session struct {
	w      *world
	name   string
	begin  *shellv1.Start
	stream grpc.BidiStreamingClient[shellv1.RunRequest, shellv1.RunResponse]
	cancel context.CancelFunc

	mu    sync.Mutex
	got   []*shellv1.RunResponse
	heard int // how many of them a mustHear has had
	err   error
	endAt time.Duration
}

// call begins a call, and sends nothing.
func (w *world) call(name string, opts ...grpc.DialOption) *session {
	w.T().Helper()
	s := &session{w: w, name: name}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(metadata.AppendToOutgoingContext(w.ctx, "client", name))
	var err error
	s.stream, err = shellv1.NewShellServiceClient(w.link.Dial(name, opts...)).Run(ctx)
	if err != nil {
		w.Fatalf("%s calls Run: %s", name, grpctest.Status(err))
	}
	return s
}

// session begins a call, reads what comes, and starts a program of its own.
func (w *world) session(name string) (*session, *puppet) {
	w.T().Helper()
	s := w.call(name)
	s.read()
	return s, s.start()
}

// deaf is session for a client who does not read what comes, and takes little.
func (w *world) deaf(name string) (*session, *puppet) {
	w.T().Helper()
	s := w.call(name, grpc.WithStaticStreamWindowSize(64<<10), grpc.WithStaticConnWindowSize(64<<10))
	return s, s.start()
}

// start starts a program of its own.
func (s *session) start() *puppet {
	s.w.T().Helper()
	s.begin = &shellv1.Start{Program: s.w.d.Word(),
		Size: &shellv1.Size{Rows: uint32(s.w.d.Between(300, 399)), Columns: uint32(s.w.d.Between(400, 499))}}
	p := s.w.puppets(s.begin.Program)[0]
	s.send(s.begin)
	p.mustHaveBegun(s)
	return p
}

// message sends a message, and leaves it to Recv to say what came of it.
func (s *session) message(req *shellv1.RunRequest) { s.stream.Send(req) }

func (s *session) send(start *shellv1.Start) {
	s.message(begin(start))
}

func begin(start *shellv1.Start) *shellv1.RunRequest {
	return &shellv1.RunRequest{Event: &shellv1.RunRequest_Start{Start: start}}
}

func (s *session) input(text string) {
	s.message(&shellv1.RunRequest{Event: &shellv1.RunRequest_Stdin{Stdin: []byte(text)}})
}

func (s *session) resize(rows, columns int) {
	s.message(resize(rows, columns))
}

func resize(rows, columns int) *shellv1.RunRequest {
	return &shellv1.RunRequest{Event: &shellv1.RunRequest_Resize{Resize: &shellv1.Size{Rows: uint32(rows), Columns: uint32(columns)}}}
}

func (s *session) halfClose() { s.stream.CloseSend() }

// read calls Recv until the call is over.
func (s *session) read() {
	s.w.Go("the client "+s.name, func() error {
		for {
			res, err := s.stream.Recv()
			s.mu.Lock()
			if err != nil {
				s.err, s.endAt = err, s.w.Elapsed()
				s.mu.Unlock()
				return nil
			}
			s.got = append(s.got, res)
			s.mu.Unlock()
		}
	})
}

// events returns what came so far.
func (s *session) events() []event {
	s.w.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return said(s.got)
}

// mustHear wants that to have come since the last look, and nothing else.
func (s *session) mustHear(want ...event) {
	s.w.T().Helper()
	s.w.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	got := said(s.got[s.heard:])
	want = joined(want)
	since := ""
	if s.heard > 0 {
		since = " since the last look"
	}
	s.heard = len(s.got)
	if slices.Equal(got, want) {
		return
	}
	text := fmt.Sprintf("To %s came%s\n%sWant\n%s", s.name, since, listing(got), listing(want))
	for i := range got {
		if i < len(want) && got[i].kind == want[i].kind && got[i].text != want[i].text && len(want[i].text) > 64 {
			text += fmt.Sprintf("%s: %s.\n", got[i].kind, differ(got[i].text, want[i].text))
			break
		}
	}
	s.w.Fatalf("%s%s", text, s.fate())
}

// fate says how the call ended, if it has.
func (s *session) fate() string {
	if s.err == nil {
		return ""
	}
	return fmt.Sprintf("The call ended at %v: %s\n", s.endAt, outcome(s.err))
}

// outcome is how a call ended.
func outcome(err error) string {
	if errors.Is(err, io.EOF) {
		return "OK (io.EOF)"
	}
	return grpctest.Status(err)
}

// mustEnd wants the call to have ended with that code.
func (s *session) mustEnd(want codes.Code, why string) {
	s.w.T().Helper()
	s.w.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err == nil:
		s.w.Fatalf("The call of %s is still going on, at %v.\nWant it ended with %v: %s.\n\n%s", s.name, s.w.Elapsed(), want, why, s.w.Waiting())
	case errors.Is(s.err, io.EOF) || status.Code(s.err) != want:
		s.w.Fatalf("The call of %s ended with %s.\nWant %v: %s.", s.name, outcome(s.err), want, why)
	}
}

// mustEndOK wants the call to have ended well.
func (s *session) mustEndOK() {
	s.w.T().Helper()
	s.w.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err == nil:
		s.w.Fatalf("Exit came, and the call of %s is still going on, at %v. Want it ended with OK.\n\n%s", s.name, s.w.Elapsed(), s.w.Waiting())
	case !errors.Is(s.err, io.EOF):
		s.w.Fatalf("Exit came, and the call of %s ended with %s.\nWant OK.", s.name, outcome(s.err))
	}
}

// mustExit wants Exit with that code to have come, and then the call's end.
func (s *session) mustExit(code int) {
	s.w.T().Helper()
	s.mustHear(event{exit, fmt.Sprint(code)})
	s.mustEndOK()
}

// puppet is a program that does what the test says.
type puppet struct {
	w      *world
	name   string
	buffer int // of its Reads, in bytes
	steps  chan func()
	code   chan int
	ended  chan struct{} // closed when it is to end with the test

	begun int
	ctx   context.Context
	start *shellv1.Start
	t     shell.Terminal
}

// puppets adds programs of those names to the server.
func (w *world) puppets(names ...string) (all []*puppet) {
	programs := map[string]shell.Program{}
	for name, program := range w.s.Programs {
		programs[name] = program
	}
	for _, name := range names {
		p := &puppet{w: w, name: name, buffer: 4096, steps: make(chan func()), code: make(chan int, 1), ended: make(chan struct{})}
		programs[name] = p.run
		all = append(all, p)
		w.Cleanup(func() { close(p.ended) })
	}
	w.s.Programs = programs
	return all
}

func (p *puppet) run(ctx context.Context, start *shellv1.Start, t shell.Terminal) int {
	p.begun++
	p.ctx, p.start, p.t = ctx, start, t
	for {
		select {
		case step := <-p.steps:
			step()
		case code := <-p.code:
			return code
		case <-p.ended:
			return 0
		}
	}
}

// mustHaveBegun wants the program to have been called.
func (p *puppet) mustHaveBegun(s *session) {
	p.w.T().Helper()
	p.w.Wait()
	if p.begun == 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		p.w.Fatalf("%s%s has sent Start, and the program was not called.", s.fate(), s.name)
	}
	if p.t.Stdin == nil || p.t.Stdout == nil || p.t.Stderr == nil || p.t.Resized == nil || p.ctx == nil {
		p.w.Fatalf("The program was called with the context %v and the Terminal %+v.\nWant none of it nil.", p.ctx, p.t)
	}
}

// do has the program do something, which may not be done when do returns.
func (p *puppet) do(what string, f func()) {
	p.w.T().Helper()
	p.w.Wait()
	p.w.link.Note("the program %s", what)
	select {
	case p.steps <- f:
	case <-time.After(time.Minute):
		p.w.Fatalf("The program is to go on, and cannot: it waits, or has been called by nobody.\n\n%s", p.w.Waiting())
	}
	p.w.Wait()
}

// end has the program return.
func (p *puppet) end(code int) {
	p.w.link.Note("the program returns %d", code)
	p.code <- code
	p.w.Wait()
}

// ownPanic is what a program of the tests panics with.
const ownPanic = "rule 12: this panic of a program should have been recovered"

// chunk is what a program writes at once, in bytes, before it panics.
const chunk = 16 << 10

// panic has the program write that, and panic, which Run is to recover.
func (p *puppet) panic(s *session, text string, with any) {
	p.w.T().Helper()
	what := "panics"
	if text != "" {
		what = fmt.Sprintf("writes %d times %d bytes, and panics", len(text)/chunk, chunk)
	}
	p.do(what, func() {
		for at := 0; at < len(text); at += chunk {
			io.WriteString(p.t.Stdout, text[at:at+chunk])
		}
		panic(with)
	})
	p.mustHaveRecovered(s)
}

func (p *puppet) mustHaveRecovered(s *session) {
	p.w.T().Helper()
	e := p.w.eye(s.name)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.panicked {
		p.w.Fatalf("The program has panicked, and so has Run, which called it.\nWant Run to recover: the process would end here, and every other call with it.")
	}
}

func (p *puppet) writer(kind string) io.Writer {
	if kind == stdout {
		return p.t.Stdout
	}
	return p.t.Stderr
}

// writes has the program write, which is to succeed at once.
func (p *puppet) writes(kind, text string) {
	p.w.T().Helper()
	p.writesBytes(kind, []byte(text))
}

func (p *puppet) writesBytes(kind string, text []byte) {
	p.w.T().Helper()
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	what := fmt.Sprintf("writes %s to %s", quote(string(text)), kind)
	p.do(what, func() {
		n, err := p.writer(kind).Write(text)
		done <- result{n, err}
	})
	select {
	case r := <-done:
		if r.n != len(text) || r.err != nil {
			p.w.Fatalf("The program %s.\nWrite = %d, %s\nWant %d, nil", what, r.n, words(r.err), len(text))
		}
	default:
		p.w.Fatalf("The program %s. The client reads.\nWrite has not returned at %v. Want it to.\n\n%s", what, p.w.Elapsed(), p.w.Waiting())
	}
}

var errWaits = errors.New("nothing: it waits")

// result is what a Read of Stdin gave, once it is there.
type result chan struct {
	text string
	err  error
}

// startRead has the program read once.
func (p *puppet) startRead() result {
	p.w.T().Helper()
	done := make(result, 1)
	p.do("reads", func() {
		buf := make([]byte, p.buffer)
		n, err := p.t.Stdin.Read(buf)
		done <- struct {
			text string
			err  error
		}{string(buf[:n]), err}
	})
	return done
}

// reads has the program read once, and returns what that gave at once.
func (p *puppet) reads() (string, error) {
	p.w.T().Helper()
	select {
	case r := <-p.startRead():
		return r.text, r.err
	default:
		return "", errWaits
	}
}

// mustRead wants the program to read that, and as much of it at once as there is.
func (p *puppet) mustRead(want string) {
	p.w.T().Helper()
	got, failed := make(chan string, 1), make(chan error, 1)
	progress := new(lockedBuffer)
	p.do("reads until it has "+quote(want), func() {
		buf := make([]byte, p.buffer)
		for range 100_000 {
			n, err := p.t.Stdin.Read(buf[:min(len(buf), len(want)-progress.Len())])
			progress.Write(buf[:n])
			if err != nil || progress.Len() == len(want) {
				got <- progress.String()
				failed <- err
				return
			}
		}
		got <- progress.String()
		failed <- io.ErrNoProgress
	})
	select {
	case text := <-got:
		if err := <-failed; text != want {
			p.w.Fatalf("The client has sent %s. The program has read\n  %s\nwith the error %s; it is %s.", quote(want), quote(text), words(err), differ(text, want))
		}
	default:
		p.w.Fatalf("The client has sent %s. The program reads, and has got\n  %s\nso far, at %v. Want all that has come.\n\n%s", quote(want), quote(progress.String()), p.w.Elapsed(), p.w.Waiting())
	}
}

// mustReadEnd wants a Read of Stdin to give io.EOF.
func (p *puppet) mustReadEnd() {
	p.w.T().Helper()
	if text, err := p.reads(); text != "" || err != io.EOF {
		p.w.Fatalf("The client has half-closed, and the program has read all.\nRead of Stdin = %q, %s\nWant io.EOF.", text, words(err))
	}
}

// mustHaveFailed wants a Read of Stdin to have failed, and not with io.EOF.
func (p *puppet) mustHaveFailed(read result, why string) {
	p.w.T().Helper()
	p.w.Wait()
	select {
	case r := <-read:
		if r.err == nil || r.err == io.EOF {
			p.w.Fatalf("%s.\nRead of Stdin = %q, %s\nWant another error: that was not the end of the input, but of the call.", why, r.text, words(r.err))
		}
	default:
		p.w.Fatalf("%s.\nA Read of Stdin still waits at %v. Want it to fail: nothing will come.\n\n%s", why, p.w.Elapsed(), p.w.Waiting())
	}
}

// startWrites has the program write to Stdout until that fails, 2 MiB at most, and
// says then whether it did.
func (p *puppet) startWrites() (failed chan bool) {
	p.w.T().Helper()
	failed = make(chan bool, 1)
	buf := []byte(p.w.count(shell.MaxChunk))
	p.do("writes until that fails", func() {
		for range 64 {
			if n, err := p.t.Stdout.Write(buf); err != nil && n < len(buf) {
				failed <- true
				return
			}
		}
		failed <- false
	})
	return failed
}

// mustStopWriting wants a Write to have failed.
func (p *puppet) mustStopWriting(failed chan bool, why string) {
	p.w.T().Helper()
	p.w.Wait()
	select {
	case ok := <-failed:
		if !ok {
			p.w.Fatalf("%s.\nThe program wrote 2 MiB, and no Write failed. Want one to fail.", why)
		}
	default:
		p.w.Fatalf("%s.\nA Write to Stdout still waits. Want it to fail: the program cannot end before.\n\n%s", why, p.w.Waiting())
	}
}

// mustFailToWrite wants Write to fail, some time.
func (p *puppet) mustFailToWrite(why string) {
	p.w.T().Helper()
	p.mustStopWriting(p.startWrites(), why)
}

// mustBeTold wants the program's context to be done.
func (p *puppet) mustBeTold(why string) {
	p.w.T().Helper()
	p.w.Wait()
	if p.ctx.Err() == nil {
		p.w.Fatalf("%s.\nThe program's context is not done at %v. Want it to be.\n\n%s", why, p.w.Elapsed(), p.w.Waiting())
	}
}

// size returns what Resized has.
func (p *puppet) size() (size *shellv1.Size) {
	p.w.T().Helper()
	got := make(chan *shellv1.Size, 1)
	p.do("looks for a size", func() {
		select {
		case size := <-p.t.Resized:
			got <- size
		default:
			got <- nil
		}
	})
	return <-got
}

func (p *puppet) mustHaveSize(rows, columns int, why string) {
	p.w.T().Helper()
	p.mustBeSize(p.size(), rows, columns, why)
}

func (p *puppet) mustBeSize(size *shellv1.Size, rows, columns int, why string) {
	p.w.T().Helper()
	if size == nil || int(size.GetRows()) != rows || int(size.GetColumns()) != columns {
		p.w.Fatalf("%s\nThe program got %s from Resized.\nWant rows:%d columns:%d", why, sizeText(size), rows, columns)
	}
}

func (p *puppet) mustHaveNoSize(why string) {
	p.w.T().Helper()
	if size := p.size(); size != nil {
		p.w.Fatalf("%s\nThe program got %s from Resized. Want none.", why, sizeText(size))
	}
}

func sizeText(size *shellv1.Size) string {
	if size == nil {
		return "nothing"
	}
	return grpctest.Text(size)
}

// mustWaitFor wants the server's Run to go on until the program has returned,
// and then to return one of those codes.
func (w *world) mustWaitFor(p *puppet, s *session, want ...codes.Code) {
	w.T().Helper()
	e := w.eye(s.name)
	if over, err := e.result(); over {
		w.Fatalf("The call is over, and the program has not returned. Run returned\n  %s\nWant it to wait for the program, which uses what Run has lent it.", grpctest.Status(err))
	}
	p.end(0)
	switch over, err := e.result(); {
	case !over:
		w.Fatalf("The call is over, and the program has returned. Run has not. Want it to.\n\n%s", w.Waiting())
	case !slices.Contains(want, status.Code(err)):
		w.Fatalf("The call is over, and Run returned %s.\nWant a status that is %v.", grpctest.Status(err), want[0])
	}
}

// result says whether the server's Run has returned, and what.
func (e *eye) result() (bool, error) {
	e.b.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.over, e.err
}

// mustLeaveNothing wants no more goroutines after many calls than after one. All
// are of one connection.
func (w *world) mustLeaveNothing(why string, do func(s *session, p *puppet)) {
	w.T().Helper()
	const many = 20
	cc := w.link.Dial("ann")
	before := 0
	for i := range 1 + many {
		p := w.puppets("known")[0]
		s := &session{w: w, name: "ann"}
		ctx, cancel := context.WithCancel(w.ctx)
		s.cancel = cancel
		stream, err := shellv1.NewShellServiceClient(cc).Run(ctx)
		if err != nil {
			w.Fatalf("ann calls Run: %s", grpctest.Status(err))
		}
		s.stream = stream
		s.read()
		s.send(&shellv1.Start{Program: "known"})
		p.mustHaveBegun(s)
		do(s, p)
		w.Wait()
		cancel()
		w.Wait()
		if i == 0 {
			before = bubble.Goroutines()
		}
	}
	if left := bubble.Goroutines() - before; left >= many/2 {
		w.Errorf("%s, %d times. %d goroutines more are there than after the first time. Want none.\n\n%s", why, many, left, w.Waiting())
	}
}

type serverStream = grpc.BidiStreamingServer[shellv1.RunRequest, shellv1.RunResponse]

// script is a caller of the client side's Run, and the server that it meets.
type script struct {
	*bubble.B
	d      *draw.Data
	link   *grpctest.Link
	server *server
	client shellv1.ShellServiceClient
	eye    *eye
	ctx    context.Context
	cancel context.CancelFunc

	begin          *shellv1.Start
	stdin          *keyboard
	stdout, stderr *screen
	terminal       shell.Terminal

	call *bubble.Call
	code int
	err  error
}

// play starts a server that does what the test says.
func play(b *bubble.B, opts ...grpc.ServerOption) *script {
	s := &script{B: b, d: draw.From(b.R), link: grpctest.New(b), eye: &eye{b: b}}
	s.begin = &shellv1.Start{Program: s.d.Word(), Args: s.d.Words(2), Size: &shellv1.Size{Rows: 24, Columns: 80}}
	s.ctx, s.cancel = context.WithCancel(b.Context())
	s.server = &server{b: b}
	s.again()
	registrar := grpc.NewServer(opts...)
	shellv1.RegisterShellServiceServer(registrar, s.server)
	s.link.Serve(registrar)
	s.client = shellv1.NewShellServiceClient(s.link.Dial("client", grpc.WithChainStreamInterceptor(
		func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			cs, err := open(ctx, desc, cc, method, opts...)
			if err != nil {
				return nil, err
			}
			return &clientTap{cs, s.eye, ctx}, nil
		})))
	return s
}

// again makes everything ready for a call.
func (s *script) again() {
	s.server.again()
	s.stdin = &keyboard{text: make(chan string, 9), closed: make(chan struct{})}
	s.stdout, s.stderr = new(screen), new(screen)
	sizes := make(chan *shellv1.Size)
	s.terminal = shell.Terminal{Stdin: s.stdin, Stdout: s.stdout, Stderr: s.stderr, Resized: sizes}
	keys := s.stdin
	s.Cleanup(keys.Close)
	s.Cleanup(func() { close(sizes) }) // who waits for one then ends: that is for other tests
}

// run calls Run.
func (s *script) run() {
	s.call = s.Go("Run(ctx, client, start, terminal)", func() error {
		s.code, s.err = shell.Run(s.ctx, s.client, proto.CloneOf(s.begin), s.terminal)
		return nil
	})
	s.Wait()
}

// types has Stdin give a text.
func (s *script) types(text string) {
	s.link.Note("Stdin gives %s", quote(text))
	s.stdin.give(text)
	s.Wait()
}

// fate says what Run has returned, if it has.
func (s *script) fate() string {
	if s.call == nil || !s.call.Returned() {
		return "Run has not returned."
	}
	return fmt.Sprintf("Run returned %d, %s", s.code, words(s.err))
}

// mustHaveStarted wants Start to have come, as the caller gave it.
func (s *script) mustHaveStarted() {
	s.T().Helper()
	s.Wait()
	reqs := s.server.requests()
	if s.server.deaf {
		return
	}
	if len(reqs) == 0 {
		s.Fatalf("Run was called, and the server has got no message. Want Start.\n%s", s.fate())
	}
	if !proto.Equal(reqs[0].GetStart(), s.begin) {
		s.Fatalf("Run was called with the start\n  %s\nThe first message was\n  %s\nWant start in it.", grpctest.Text(s.begin), grpctest.Text(reqs[0]))
	}
}

// mustHaveGot wants the server to have got that input so far.
func (s *script) mustHaveGot(why, want string) {
	s.T().Helper()
	s.Wait()
	got := ""
	for _, req := range s.server.requests() {
		got += string(req.GetStdin())
	}
	if got != want {
		near := ""
		if len(want) > 64 {
			near = fmt.Sprintf("byte by byte: %s.\n", differ(got, want))
		}
		s.Fatalf("%s\nThe server has got\n  %s\nWant\n  %s\n%s%s", why, quote(got), quote(want), near, s.fate())
	}
}

// mustNotSpin wants no end of sizes not to be sent.
func (s *script) mustNotSpin(why string) {
	s.T().Helper()
	s.Wait()
	s.eye.mu.Lock()
	defer s.eye.mu.Unlock()
	if s.eye.sizes > tooMany {
		s.Fatalf("%s, and Run sends one empty size after the other, without end.\nWant none: a channel that is closed gives nil at once, each time.", why)
	}
}

func (s *script) mustHaveSizes(want []string) {
	s.T().Helper()
	s.Wait()
	var got []string
	for _, req := range s.server.requests() {
		if r, ok := req.GetEvent().(*shellv1.RunRequest_Resize); ok {
			got = append(got, grpctest.Text(r.Resize))
		}
	}
	if !slices.Equal(got, want) {
		s.Fatalf("Resized has given\n  %s\nThe server has got\n  %s\nWant the same. %s", strings.Join(want, "\n  "), strings.Join(got[:min(len(got), 9)], "\n  "), s.fate())
	}
}

func (s *script) mustHaveHalfClosed() {
	s.T().Helper()
	s.Wait()
	if err := s.server.failed(); err == nil {
		s.Fatalf("Stdin has ended. The server's Recv still waits.\nWant it to give io.EOF: a half-close. %s", s.fate())
	} else if err != io.EOF {
		s.Fatalf("Stdin has ended. The server's Recv has given %s\nWant io.EOF: a half-close. %s", words(err), s.fate())
	}
}

// mustNotHaveHalfClosed wants no CloseSend before the call is over: behind a
// cancel, too, it may come to the server before that.
func (s *script) mustNotHaveHalfClosed(why string) {
	s.T().Helper()
	s.Wait()
	s.eye.mu.Lock()
	defer s.eye.mu.Unlock()
	if s.eye.half {
		s.Fatalf("%s, and Run has called CloseSend.\nWant the call cancelled, and no half-close: it says that the input is complete.", why)
	}
}

func (s *script) mustHaveWritten(out, errs string) {
	s.T().Helper()
	s.Wait()
	for _, tt := range []struct{ name, got, want string }{{stdout, s.stdout.String(), out}, {stderr, s.stderr.String(), errs}} {
		if tt.got != tt.want {
			s.Fatalf("To the caller's %s was written\n  %s\nWant\n  %s\nbyte by byte: %s.\n%s", tt.name, quote(tt.got), quote(tt.want), differ(tt.got, tt.want), s.fate())
		}
	}
}

func (s *script) mustGoOn(why string) {
	s.T().Helper()
	s.Wait()
	if s.call.Returned() {
		s.Fatalf("Run returned %d, %s\nWant it to go on: %s.", s.code, words(s.err), why)
	}
}

// mustBeBack wants Run to have returned by now.
func (s *script) mustBeBack() {
	s.T().Helper()
	s.Wait()
	if !s.call.Returned() {
		s.Fatalf("Run has not returned at %v. Want it to.\n\n%s", s.Elapsed(), s.Waiting())
	}
}

func (s *script) mustReturn(code int, err error) {
	s.T().Helper()
	s.mustBeBack()
	if s.code == code && errors.Is(s.err, err) {
		return
	}
	why := ""
	if s.err != nil && err != nil && strings.Contains(s.err.Error(), err.Error()) && !errors.Is(s.err, err) {
		why = "\nerrors.Is does not find that in it: it has the text alone. %w keeps the error."
	}
	s.Fatalf("Run returned %d, %s\nWant %d, %s%s", s.code, words(s.err), code, words(err), why)
}

func (s *script) mustReturnCode(code codes.Code) {
	s.T().Helper()
	s.mustBeBack()
	if s.code != 0 || status.Code(s.err) != code {
		s.Fatalf("Run returned %d, %s\nWant 0, and an error whose status.Code is %v.", s.code, words(s.err), code)
	}
}

// words is an error, or that there is none.
func words(err error) string {
	switch {
	case err == nil:
		return "nil"
	case errors.Is(err, io.EOF):
		return "io.EOF"
	case errors.Is(err, errWaits):
		return err.Error()
	}
	if _, ok := status.FromError(err); ok {
		return grpctest.Status(err)
	}
	return fmt.Sprintf("%q", err)
}

// server is the other side of the client's Run.
type server struct {
	shellv1.UnimplementedShellServiceServer
	b    *bubble.B
	deaf bool // it does not call Recv

	mu    sync.Mutex
	steps chan func(serverStream)
	ends  chan error
	got   []*shellv1.RunRequest
	err   error // of Recv
	ctx   context.Context
}

func (s *server) again() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps, s.ends = make(chan func(serverStream)), make(chan error, 1)
	s.got, s.err, s.ctx = nil, nil, nil
}

func (s *server) Run(stream serverStream) error {
	s.mu.Lock()
	s.ctx = stream.Context()
	steps, ends := s.steps, s.ends
	s.mu.Unlock()
	if !s.deaf {
		go s.receive(stream)
	}
	for {
		select {
		case step := <-steps:
			step(stream)
		case err := <-ends:
			return err
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
}

func (s *server) receive(stream serverStream) {
	for {
		req, err := stream.Recv()
		s.mu.Lock()
		if s.ctx != stream.Context() {
			s.mu.Unlock()
			return // of a call before
		}
		if err != nil {
			s.err = err
			s.mu.Unlock()
			return
		}
		s.got = append(s.got, req)
		s.mu.Unlock()
	}
}

func (s *server) requests() []*shellv1.RunRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

func (s *server) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// do has the server do something, which may not be done when do returns.
func (s *server) do(f func(serverStream)) {
	s.b.T().Helper()
	select {
	case s.steps <- f:
	case <-time.After(time.Minute):
		s.b.Fatalf("The server is to send something, and has no call: Run was called,\nand does not call the service, or has left it.\n\n%s", s.b.Waiting())
	}
	s.b.Wait()
}

func (s *server) sends(events ...event) {
	s.b.T().Helper()
	s.do(func(stream serverStream) {
		for _, e := range events {
			stream.Send(response(e))
		}
	})
}

// end has the server's handler return.
func (s *server) end(err error) {
	s.ends <- err
	s.b.Wait()
}

// mustHaveGone wants the call to be over for the server, too.
func (s *server) mustHaveGone(why string) {
	s.b.T().Helper()
	s.b.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ctx != nil && s.ctx.Err() == nil:
		s.b.Fatalf("%s. The call is still going on for the server.\nWant it cancelled: nobody is there any more.", why)
	case s.err == io.EOF:
		s.b.Fatalf("%s. The server has got a half-close: to the program, its input is complete.\nWant the call cancelled instead.", why)
	}
}

// keyboard is a Stdin of which a Read waits until it is given something.
type keyboard struct {
	text   chan string
	closed chan struct{}
	once   sync.Once
	mu     sync.Mutex
	n      int
	rest   string
}

func (k *keyboard) Read(p []byte) (int, error) {
	k.mu.Lock()
	k.n++
	rest := k.rest
	k.mu.Unlock()
	if rest == "" {
		select {
		case rest = <-k.text:
		case <-k.closed:
			return 0, io.EOF
		}
	}
	n := copy(p, rest)
	k.mu.Lock()
	k.rest = rest[n:]
	k.mu.Unlock()
	return n, nil
}

func (k *keyboard) give(text string) { k.text <- text }
func (k *keyboard) Close()           { k.once.Do(func() { close(k.closed) }) }

// reads returns how often Read was called.
func (k *keyboard) reads() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.n
}

// endless is a Stdin that has something once a pause is over.
type endless struct{ pause time.Duration }

func (e *endless) Read(p []byte) (int, error) {
	if e.pause > 0 {
		<-time.After(e.pause)
	}
	for i := range p {
		p[i] = 'y'
	}
	return len(p), nil
}

// screen is a Stdout or Stderr.
type screen struct {
	lockedBuffer
	gate chan struct{} // a Write waits until it is closed, if there is one
}

func (s *screen) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	return s.lockedBuffer.Write(p)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// lockedBuffer is a bytes.Buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lockedBuffer) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Len()
}
