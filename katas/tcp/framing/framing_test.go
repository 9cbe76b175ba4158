package framing_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/tcp/framing"
)

// One frame, every way (encoding/binary, BigEndian).
func TestFrame(t *testing.T) {
	r := rule.New(t, 1)
	golden := wire.Load(t, "tcp/framing/hello.hex")
	mustAppend(r, nil, []byte("hello"), golden)
	mustWrite(r, []byte("hello"), golden)
	mustRead(r, from(golden.Msg), []byte("hello"))
}

// Lengths in which each byte of the four counts, but the first: see MaxLen.
func TestLength(t *testing.T) {
	for _, tt := range []struct {
		why    string
		length int
	}{
		{"one byte", 1},
		{"the last length of one byte", 255},
		{"the first length of two bytes", 256},
		{"two bytes, both in use", 0x1234},
		{"the first length of three bytes", 65536},
		{"three bytes, all in use", 0x12345},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 1)
			payload := bytes.Repeat([]byte("x"), tt.length)
			golden := dissect(frames(payload))
			mustAppend(r, nil, payload, golden)
			mustWrite(r, payload, golden)
			mustRead(r, from(golden.Msg), payload)
		})
	}
}

// A frame without payload (gRPC over HTTP/2, Length-Prefixed-Message: a message
// without fields has no bytes).
func TestEmpty(t *testing.T) {
	for _, tt := range []struct {
		why     string
		payload []byte
	}{
		{"no bytes", []byte{}},
		{"nil", nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 2)
			golden := dissect(make([]byte, framing.HeaderLen))
			mustAppend(r, nil, tt.payload, golden)
			mustWrite(r, tt.payload, golden)
			mustRead(r, from(golden.Msg), nil)
		})
	}
}

// One frame, in pieces (RFC 9293, section 2.2; io, Reader).
func TestPieces(t *testing.T) {
	for _, tt := range []struct {
		how    string
		pieces func(io.Reader) io.Reader
	}{
		{"a byte a Read", iotest.OneByteReader},
		{"half of what is asked for a Read", iotest.HalfReader},
		{"the last bytes together with io.EOF", iotest.DataErrReader},
		{"the length in a Read, the payload in the next", chunks(4)},
		{"half of the length in the first Read", chunks(2)},
		{"the length and a byte of payload in the first Read", chunks(5, 1)},
		{"every other Read 0 bytes and no error", stutter},
	} {
		t.Run(tt.how, func(t *testing.T) {
			r := rule.New(t, 3)
			mustRead(r, from(frames([]byte("hello"))).by(tt.how, tt.pieces), []byte("hello"))
			long := bytes.Repeat([]byte("0123456789"), 800)
			mustRead(r, from(frames(long)).by(tt.how, tt.pieces), long)
			mustRead(r, from(frames(nil)).by(tt.how, tt.pieces), nil)
		})
	}
}

// Three frames that came together: each call takes its own (bufio, NewReader).
func TestTogether(t *testing.T) {
	r := rule.New(t, 4)
	s := from(wire.Load(t, "tcp/framing/three.hex").Msg)
	mustTake(r, s, []byte("one"))
	mustTake(r, s, nil)
	mustTake(r, s, []byte("three"))
}

// The stream ends where it may (io, EOF).
func TestEnd(t *testing.T) {
	for _, tt := range []struct {
		why    string
		stream []byte
		before [][]byte
	}{
		{"nothing at all was sent", nil, nil},
		{"behind a frame", frames([]byte("hello")), [][]byte{[]byte("hello")}},
		{"behind an empty frame", frames(nil), [][]byte{nil}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 5)
			for _, how := range []string{"", "the last bytes together with io.EOF"} {
				s := from(tt.stream)
				if how != "" {
					s.by(how, iotest.DataErrReader)
				}
				for _, payload := range tt.before {
					mustRead(r, s, payload)
				}
				mustEnd(r, s)
			}
		})
	}
}

// The stream ends where it may not, at each place (io, ErrUnexpectedEOF).
func TestCut(t *testing.T) {
	frame := frames([]byte("hello"))
	for n := 1; n < len(frame); n++ {
		t.Run(fmt.Sprintf("%d of %d bytes", n, len(frame)), func(t *testing.T) {
			r := rule.New(t, 6)
			mustFail(r, from(frame[:n]), io.ErrUnexpectedEOF)
			mustFail(r, from(frame[:n]).by("a byte a Read", iotest.OneByteReader), io.ErrUnexpectedEOF)
			behind := from(append(frames([]byte("one")), frame[:n]...))
			mustRead(r, behind, []byte("one"))
			mustFail(r, behind, io.ErrUnexpectedEOF)
		})
	}
}

// Lengths that nobody should believe (KAFKA-4090).
func TestTooLong(t *testing.T) {
	length := func(n uint32) []byte { return append(binary.BigEndian.AppendUint32(nil, n), "payload"...) }
	for _, tt := range []struct {
		why    string
		stream []byte
	}{
		{"one more than MaxLen", length(framing.MaxLen + 1)},
		{"MaxLen, with the first byte set", length(1<<24 | framing.MaxLen)},
		{"the greatest int32", length(1<<31 - 1)},
		{"what is negative as an int32", length(1 << 31)},
		{"the greatest of all", length(1<<32 - 1)},
		{"HTTP", wire.Load(t, "tcp/framing/http.hex").Msg},
		{"TLS", wire.Load(t, "tcp/framing/tls.hex").Msg},
	} {
		ok := t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 7)
			s := from(tt.stream)
			spent := allocated(func() { mustFail(r, s, framing.ErrTooLong) })
			if spent > 64<<10 { // most of it by the test
				r.Fatalf("ReadFrame returned ErrTooLong, but allocated %s before.\nWant no room made for what is refused.\n\n%s", count(spent), s.show(0))
			}
			if s.off() > framing.HeaderLen {
				r.Fatalf("ReadFrame took %s of r, want %d: the length alone.\nOn a connection, it could wait for the others for ever.\n\n%s", count(s.off()), framing.HeaderLen, s.show(0))
			}
		})
		if !ok {
			break // who believes one may believe the next, which says gigabytes
		}
	}
}

// The longest payload that there is, and one byte more.
func TestMaxLen(t *testing.T) {
	longest := bytes.Repeat([]byte("x"), framing.MaxLen)
	t.Run("MaxLen is not too long", func(t *testing.T) {
		r := rule.New(t, 7)
		golden := dissect(frames(longest))
		mustAppend(r, nil, longest, golden)
		mustWrite(r, longest, golden)
		mustRead(r, from(golden.Msg), longest)
	})
	t.Run("one byte more is", func(t *testing.T) {
		r := rule.New(t, 7)
		tooLong := append(longest, 'x')
		if _, err := appendTo(r, nil, tooLong); !errors.Is(err, framing.ErrTooLong) {
			r.Fatalf("Append(nil, payload), with a payload of %s\nerr = %v\nwant  errors.Is(err, ErrTooLong)", count(len(tooLong)), err)
		}
		var w bytes.Buffer
		if err := write(r, &w, tooLong); !errors.Is(err, framing.ErrTooLong) {
			r.Fatalf("WriteFrame(w, payload), with a payload of %s\nerr = %v\nwant  errors.Is(err, ErrTooLong)", count(len(tooLong)), err)
		}
		if w.Len() > 0 {
			r.Fatalf("WriteFrame(w, payload), with a payload of %s,\nreturned ErrTooLong, but had written %s before.\nWant nothing written: the peer takes it for a frame.", count(len(tooLong)), count(w.Len()))
		}
	})
}

// What a length costs that is not kept (CVE-2021-32675).
func TestMemory(t *testing.T) {
	const times = 10
	for _, tt := range []struct {
		why  string
		came int
	}{
		{"nothing else sent", 0},
		{"10 bytes sent", 10},
		{"64 KiB sent", 64 << 10},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 8)
			stream := append(binary.BigEndian.AppendUint32(nil, framing.MaxLen), make([]byte, tt.came)...)
			call := fmt.Sprintf("ReadFrame(r), r has a length of MaxLen, %s of payload, no more", count(tt.came))
			var err error
			spent := allocated(func() {
				r.Do(func() string { return call }, func() {
					for range times {
						_, err = framing.ReadFrame(bytes.NewReader(stream))
					}
				})
			}) / times
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				r.Fatalf("%s\nerr = %v\nwant  errors.Is(err, io.ErrUnexpectedEOF)", call, err)
			}
			const slack = 8 << 10 // for errors, readers and the like
			if limit := 128<<10 + 8*tt.came; spent > limit+slack {
				r.Fatalf("%s\nallocated %s, want about %d at most.\nA thousand connections that do this take %d MiB, and send next to nothing.", call, count(spent), limit, spent>>10)
			}
		})
	}
}

// allocated is how many bytes were allocated while f ran.
func allocated(f func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// A writer that takes less than it is given, and does not say so (io,
// ErrShortWrite).
func TestShortWrite(t *testing.T) {
	r := rule.New(t, 9)
	want := dissect(frames([]byte("hello")))
	for most := 1; most < len(want.Msg); most++ {
		w := &writer{most: most}
		err := write(r, w, []byte("hello"))
		call := fmt.Sprintf("WriteFrame(w, \"hello\"), w takes at most %s a Write, without an error", count(most))
		switch whole := bytes.Equal(w.got, want.Msg); {
		case !bytes.HasPrefix(want.Msg, w.got):
			r.Fatalf("%s\nerr = %v\nWhat w has is not the beginning of the frame. A Write goes on where the one\nbefore it ended, or there is none.\n\n%s", call, err, wire.Diff(w.got, want))
		case err == nil && !whole:
			r.Fatalf("%s\nerr = nil, but this is what w has:\n\n%s", call, wire.Diff(w.got, want))
		case err != nil && !errors.Is(err, io.ErrShortWrite):
			r.Fatalf("%s\nerr = %v\nwant  errors.Is(err, io.ErrShortWrite), or nil once w has the rest, too", call, err)
		}
	}
}

// A writer that takes nothing any more, and does not say so (io, ErrShortWrite).
func TestNothingWritten(t *testing.T) {
	frame := frames([]byte("hello"))
	for n := range frame {
		t.Run(fmt.Sprintf("after %s", count(n)), func(t *testing.T) {
			r := rule.New(t, 9)
			w := &writer{most: n, idle: true}
			err := write(r, w, []byte("hello"))
			call := fmt.Sprintf("WriteFrame(w, \"hello\"), each Write takes nothing after %s, without an error", count(n))
			switch {
			case w.idled == mostIdle:
				r.Fatalf("%s\nIt called Write %d times in vain, and would do so for ever.\nwant errors.Is(err, io.ErrShortWrite)", call, w.idled)
			case !errors.Is(err, io.ErrShortWrite):
				r.Fatalf("%s\nerr = %v\nwant  errors.Is(err, io.ErrShortWrite)", call, err)
			}
		})
	}
}

// The error of a reader, at each place (errors, Is).
func TestReaderError(t *testing.T) {
	frame := frames([]byte("hello"))
	for _, want := range []error{os.ErrDeadlineExceeded, io.ErrClosedPipe} {
		for n := range frame {
			t.Run(fmt.Sprintf("%s after %s", name(want), count(n)), func(t *testing.T) {
				r := rule.New(t, 10)
				fails := func(r io.Reader) io.Reader { return io.MultiReader(r, iotest.ErrReader(want)) }
				mustFail(r, from(frame[:n]).by("what is below, then the error "+name(want), fails), want)
			})
		}
	}
}

// The error of a writer, at each place (errors, Is).
func TestWriterError(t *testing.T) {
	frame := frames([]byte("hello"))
	want := os.ErrDeadlineExceeded
	for n := range frame {
		t.Run(fmt.Sprintf("after %s", count(n)), func(t *testing.T) {
			r := rule.New(t, 10)
			w := &writer{most: n, err: want}
			err := write(r, w, []byte("hello"))
			if !errors.Is(err, want) {
				r.Fatalf("WriteFrame(w, \"hello\"), w fails after %s\nerr = %v\nwant  errors.Is(err, %s)", count(n), err, name(want))
			}
			if len(w.got) > n {
				r.Fatalf("WriteFrame(w, \"hello\"), w fails after %s: %s more were written\nbehind that. The peer takes them for the rest of the frame.", count(n), count(len(w.got)-n))
			}
		})
	}
}

// What stands in b stays (encoding/binary, AppendUint32).
func TestAppend(t *testing.T) {
	r := rule.New(t, 11)
	mustAppend(r, frames([]byte("one")), []byte("two"), dissect(frames([]byte("one"), []byte("two"))))

	// Room behind len(b) may hold anything: it belongs to no one yet.
	dirty := bytes.Repeat([]byte{0xff}, 32)
	mustAppend(r, dirty[:2], []byte("two"), wire.Bytes(append([]byte("\xff\xff"), frames([]byte("two"))...)))

	b := []byte("\xaa\xbb")
	got, err := appendTo(r, b, make([]byte, framing.MaxLen+1))
	if !errors.Is(err, framing.ErrTooLong) {
		r.Fatalf("Append(b, payload), with a payload of %s\nerr = %v\nwant  errors.Is(err, ErrTooLong)", count(framing.MaxLen+1), err)
	}
	if !bytes.Equal(got, b) {
		r.Fatalf("Append(b, payload), with a payload of %s\nerr = %v\nb was % x and came back with %s, want it as it was", count(framing.MaxLen+1), err, b, count(len(got)))
	}
}

// What is written stays as it is, and so does the room behind it (io, Writer).
func TestPayload(t *testing.T) {
	r := rule.New(t, 12)
	const around = "hello, and what stands behind it"
	whole := []byte(around)
	for _, tt := range []struct {
		call string
		f    func(payload []byte) error
	}{
		{"Append(nil, payload)", func(payload []byte) error { _, err := appendTo(r, nil, payload); return err }},
		{"WriteFrame(w, payload)", func(payload []byte) error { return write(r, io.Discard, payload) }},
	} {
		if err := tt.f(whole[:5]); err != nil {
			r.Fatalf("%s: %v", tt.call, err)
		}
		if string(whole) != around {
			r.Fatalf("%s, with the first five bytes of\n%q, which is\n%q now", tt.call, around, whole)
		}
	}
}

// A payload stays what it is, whatever is read after it (bufio, Scanner.Bytes is
// the other way).
func TestOwner(t *testing.T) {
	r := rule.New(t, 12)
	s := from(frames([]byte("one"), []byte("two"), []byte("three")))
	var all [][]byte
	for _, want := range []string{"one", "two", "three"} {
		payload, err := read(r, s)
		if err != nil {
			r.Fatalf("ReadFrame(r): %v\n\n%s", err, s.show(0))
		}
		all = append(all, payload)
		if i := len(all) - 1; string(all[i]) != want || string(all[0]) != "one" {
			r.Fatalf("call %d of ReadFrame returned %s. The payload of the first call was\n\"one\", and is %s now.", i+1, quote(payload), quote(all[0]))
		}
	}
	// The caller may also append to it.
	whole := all[0][:cap(all[0])]
	for i := range whole {
		whole[i] = '!'
	}
	if string(all[1]) != "two" || string(all[2]) != "three" {
		r.Fatalf("three calls of ReadFrame returned \"one\", \"two\" and \"three\". Then the caller\nwrote over the first one, up to its capacity: the others became %s and %s.", quote(all[1]), quote(all[2]))
	}
}

// Two connections at the same time: one waits in the middle of a frame, while a
// frame comes and goes on the other (Go memory model).
func TestTwoConnections(t *testing.T) {
	first, second := []byte("first"), bytes.Repeat([]byte("second"), 50)
	t.Run("ReadFrame", func(t *testing.T) {
		frame := frames(first)
		for n := range frame {
			bubble.Run(t, 13, func(b *bubble.B) {
				peer, conn := pipe(b, "first")
				otherPeer, other := pipe(b, "second")
				var got, gotOther []byte
				waits := b.Go("ReadFrame(first)", func() (err error) { got, err = framing.ReadFrame(conn); return err })
				peer.Write(frame[:n])
				<-time.After(time.Second)
				quick := b.Go("ReadFrame(second)", func() (err error) { gotOther, err = framing.ReadFrame(other); return err })
				otherPeer.Write(frames(second))
				<-time.After(time.Second)
				b.Wait()
				mustBe(b, quick, gotOther, second)
				peer.Write(frame[n:])
				b.Wait()
				mustBe(b, waits, got, first)
			})
		}
	})
	t.Run("WriteFrame", func(t *testing.T) {
		bubble.Run(t, 13, func(b *bubble.B) {
			b.Net.Buffer = 2
			peer, conn := pipe(b, "first")
			waits := b.Go("WriteFrame(first, …)", func() error { return framing.WriteFrame(conn, first) })
			b.Wait() // the peer has read nothing: there is room for two bytes
			if err := framing.WriteFrame(io.Discard, second); err != nil {
				b.Fatalf("WriteFrame(w, %s): %v", quote(second), err)
			}
			want := dissect(frames(first))
			heard := make([]byte, len(want.Msg))
			peer.SetReadDeadline(time.Now().Add(time.Second))
			n, _ := io.ReadFull(peer, heard)
			if diff := wire.Diff(heard[:n], want); diff != "" {
				b.Fatalf("WriteFrame(first, %s) waited for its peer, while WriteFrame wrote\nanother frame elsewhere. This is what the peer got:\n\n%s", quote(first), diff)
			}
			if err := waits.Wait(); err != nil {
				b.Fatalf("WriteFrame(first, %s): %v", quote(first), err)
			}
		})
	})
}

// pipe returns the two ends of a connection of that name.
func pipe(b *bubble.B, name string) (peer, conn *memnet.Conn) {
	peer, conn = b.Net.Pipe()
	b.Net.Name(peer.LocalAddr(), "peer of "+name)
	b.Net.Name(conn.LocalAddr(), name)
	return peer, conn
}

// mustBe wants that call of ReadFrame to have returned that payload.
func mustBe(b *bubble.B, call *bubble.Call, got, want []byte) {
	b.T().Helper()
	if !call.Returned() {
		b.Fatalf("The frame of %s is here, and ReadFrame has not returned it.\nWho waits where:\n\n%s", quote(want), b.Net.Waiting())
	}
	switch err := call.Wait(); {
	case err != nil:
		b.Fatalf("ReadFrame = error: %v\nwant        %s, while the other connection has another frame", err, quote(want))
	case !bytes.Equal(got, want):
		b.Fatalf("ReadFrame = %s\nwant        %s, while the other connection has another frame", quote(got), quote(want))
	}
}

// Any frames, over any chunks (RFC 9293, section 2.2).
func TestChunks(t *testing.T) {
	r := rule.New(t, 14)
	r.Property(func(t *rapid.T, r *rule.R) {
		payloads := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), 0, 8).Draw(t, "payloads")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 40), 1, 20).Draw(t, "sizes")
		want := dissect(frames(payloads...))
		var w bytes.Buffer
		for _, payload := range payloads {
			if err := write(r, &w, payload); err != nil {
				r.Fatalf("WriteFrame(w, %s): %v", quote(payload), err)
			}
		}
		if diff := wire.Diff(w.Bytes(), want); diff != "" {
			r.Fatalf("%d calls of WriteFrame\n\n%s", len(payloads), diff)
		}
		s := from(w.Bytes()).by(fmt.Sprintf("as many bytes a Read as here, over and over: %v", sizes), chunks(sizes...))
		for _, payload := range payloads {
			mustTake(r, s, payload)
		}
		mustEnd(r, s)
	})
}

// Any bytes at all.
func FuzzReadFrame(f *testing.F) {
	f.Add(frames([]byte("hello")), uint8(0))                   // a frame
	f.Add(frames([]byte("one"), nil, []byte("two")), uint8(1)) // three, a byte a Read
	f.Add([]byte{}, uint8(0))                                  // nothing
	f.Add([]byte("\x00\x00"), uint8(0))                        // half a length
	f.Add([]byte("\x00\x00\x00\x05hel"), uint8(2))             // half a payload
	f.Add([]byte("\x00\x00\x00\x05"), uint8(0))                // a length alone
	f.Add([]byte("\x00\x10\x00\x01x"), uint8(0))               // MaxLen and one
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(0))          // another protocol
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		r := rule.New(t, 14)
		payloads, end := cut(stream)
		s := from(stream)
		if size > 0 {
			s.by(fmt.Sprintf("%s a Read", count(int(size))), chunks(int(size)))
		}
		for _, payload := range payloads {
			at := s.off()
			mustRead(r, s, payload)
			mustAppend(r, nil, payload, dissect(stream[at:s.off()]))
		}
		if end == io.EOF {
			mustEnd(r, s)
		} else {
			mustFail(r, s, end)
		}
	})
}

func appendTo(r *rule.R, b, payload []byte) (out []byte, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Append(b, %s), b has %s", quote(payload), count(len(b))) },
		func() { out, err = framing.Append(b, payload) })
	return out, err
}

func write(r *rule.R, w io.Writer, payload []byte) (err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("WriteFrame(w, %s)", quote(payload)) },
		func() { err = framing.WriteFrame(w, payload) })
	return err
}

func read(r *rule.R, s *source) (payload []byte, err error) {
	r.T().Helper()
	at := s.off()
	r.Do(func() string { return "ReadFrame(r)\n\n" + s.show(at) },
		func() { payload, err = framing.ReadFrame(s) })
	return payload, err
}

func mustAppend(r *rule.R, b, payload []byte, want wire.Dissection) {
	r.T().Helper()
	got, err := appendTo(r, b, payload)
	if err != nil {
		r.Fatalf("Append(b, %s): %v", quote(payload), err)
	}
	if diff := wire.Diff(got, want); diff != "" {
		r.Fatalf("Append(b, %s), b had %s\n\n%s", quote(payload), count(len(b)), diff)
	}
}

func mustWrite(r *rule.R, payload []byte, want wire.Dissection) {
	r.T().Helper()
	var w bytes.Buffer
	if err := write(r, &w, payload); err != nil {
		r.Fatalf("WriteFrame(w, %s): %v", quote(payload), err)
	}
	if diff := wire.Diff(w.Bytes(), want); diff != "" {
		r.Fatalf("WriteFrame(w, %s) wrote\n\n%s", quote(payload), diff)
	}
}

// mustRead reads a frame with that payload.
func mustRead(r *rule.R, s *source, want []byte) {
	r.T().Helper()
	at := s.off()
	got, err := read(r, s)
	if err != nil {
		text := fmt.Sprintf("ReadFrame(r) = error: %v\nwant           %s and no error\n\n", err, quote(want))
		if len(want) == 0 && errors.Is(err, io.EOF) {
			text += "Behind the length, r may have no more bytes: the frame has none, so none is\nmissing.\n\n"
		}
		r.Fatalf("%s%s", text, s.show(at))
	}
	if bytes.Equal(got, want) {
		return
	}
	text := s.show(at)
	if len(want) > 40 {
		text = wire.Diff(got, wire.Bytes(want))
	}
	r.Fatalf("ReadFrame(r) = %s\nwant           %s\n\n%s", quote(got), quote(want), text)
}

// mustTake reads a frame with that payload, and nothing behind it.
func mustTake(r *rule.R, s *source, want []byte) {
	r.T().Helper()
	at := s.off()
	mustRead(r, s, want)
	if took, frame := s.off()-at, framing.HeaderLen+len(want); took != frame {
		r.Fatalf("ReadFrame(r) = %s, as it should be, but it took %s of r,\nand the frame has %d: the next call cannot see the others any more\n\n%s", quote(want), count(took), frame, s.show(at))
	}
}

// mustEnd finds the end of the stream.
func mustEnd(r *rule.R, s *source) {
	r.T().Helper()
	at := s.off()
	payload, err := read(r, s)
	switch {
	case err == nil:
		r.Fatalf("ReadFrame(r) = %s and no error, at the end of the stream\nwant           err == io.EOF\n\n%s", quote(payload), s.show(at))
	case err != io.EOF && errors.Is(err, io.EOF):
		r.Fatalf("ReadFrame(r) = error: %v\nwant           err == io.EOF, not wrapped\n\n%s", err, s.show(at))
	case err != io.EOF:
		r.Fatalf("ReadFrame(r) = error: %v\nwant           err == io.EOF\n\n%s", err, s.show(at))
	}
}

// mustFail wants that error.
func mustFail(r *rule.R, s *source, want error) {
	r.T().Helper()
	at := s.off()
	payload, err := read(r, s)
	switch {
	case err == nil:
		r.Fatalf("ReadFrame(r) = %s and no error\nwant           errors.Is(err, %s)\n\n%s", quote(payload), name(want), s.show(at))
	case !errors.Is(err, want):
		r.Fatalf("ReadFrame(r) = error: %v\nwant           errors.Is(err, %s)\n\n%s", err, name(want), s.show(at))
	}
}

// source is a stream to read frames from.
type source struct {
	io.Reader
	stream []byte
	rest   *bytes.Reader // what nobody has taken yet
	how    string        // what Reader makes of it, "" for nothing
}

func from(stream []byte) *source {
	rest := bytes.NewReader(stream)
	return &source{Reader: rest, stream: stream, rest: rest}
}

// by has the stream come in another way, which how says in words.
func (s *source) by(how string, pieces func(io.Reader) io.Reader) *source {
	s.Reader, s.how = pieces(s.rest), how
	return s
}

// off is how much of the stream was taken.
func (s *source) off() int { return len(s.stream) - s.rest.Len() }

// show lists the stream, with a mark where ReadFrame was called.
func (s *source) show(at int) string {
	text := dissect(s.stream).Dump(wire.Mark{Off: at, Note: "ReadFrame begins here"})
	if s.how != "" {
		text = "r gives " + s.how + ".\n\n" + text
	}
	return text
}

// chunks makes a reader that gives so many bytes a Read, over and over.
func chunks(sizes ...int) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader { return &chunked{r, sizes, 0} }
}

type chunked struct {
	r     io.Reader
	sizes []int
	next  int
}

func (c *chunked) Read(p []byte) (int, error) {
	size := c.sizes[c.next%len(c.sizes)]
	c.next++
	return c.r.Read(p[:min(size, len(p))])
}

// stutter makes a reader whose every other Read gives nothing, which means
// nothing (io, Reader).
func stutter(r io.Reader) io.Reader { return &stuttering{r, false} }

type stuttering struct {
	r     io.Reader
	again bool
}

func (s *stuttering) Read(p []byte) (int, error) {
	if s.again = !s.again; s.again {
		return 0, nil
	}
	return s.r.Read(p)
}

// writer takes at most so many bytes a Write. With err or idle, it takes so many
// in all: then it returns err, once, and takes everything after that; or it goes
// on taking nothing, until it is called far too often.
type writer struct {
	got   []byte
	most  int
	err   error
	bad   bool // err was returned
	idle  bool
	idled int // how often nothing was taken
}

const mostIdle = 1000

func (w *writer) Write(p []byte) (int, error) {
	n := len(p)
	switch {
	case w.err == nil && !w.idle:
		n = min(n, w.most)
	case !w.bad:
		n = min(n, w.most-len(w.got))
	}
	w.got = append(w.got, p[:n]...)
	if n == len(p) {
		return n, nil
	}
	if n == 0 && w.idle {
		if w.idled++; w.idled == mostIdle {
			return 0, errors.New("broken: Write was called too often")
		}
	}
	w.bad = w.err != nil
	return n, w.err
}

// frames is the stream of these payloads.
func frames(payloads ...[]byte) []byte {
	stream := []byte{}
	for _, p := range payloads {
		stream = binary.BigEndian.AppendUint32(stream, uint32(len(p)))
		stream = append(stream, p...)
	}
	return stream
}

// cut returns the payloads of a stream, and how it ends.
func cut(stream []byte) (payloads [][]byte, end error) {
	for len(stream) > 0 {
		if len(stream) < framing.HeaderLen {
			return payloads, io.ErrUnexpectedEOF
		}
		n, rest := binary.BigEndian.Uint32(stream), stream[framing.HeaderLen:]
		switch {
		case n > framing.MaxLen:
			return payloads, framing.ErrTooLong
		case int(n) > len(rest):
			return payloads, io.ErrUnexpectedEOF
		}
		payloads, stream = append(payloads, rest[:n]), rest[n:]
	}
	return payloads, io.EOF
}

// name is what Go calls an error.
func name(err error) string {
	switch err {
	case io.ErrUnexpectedEOF:
		return "io.ErrUnexpectedEOF"
	case io.ErrClosedPipe:
		return "io.ErrClosedPipe"
	case os.ErrDeadlineExceeded:
		return "os.ErrDeadlineExceeded"
	case framing.ErrTooLong:
		return "ErrTooLong"
	}
	return err.Error()
}

// dissect says what the bytes of a stream are.
func dissect(stream []byte) wire.Dissection {
	d := wire.Dissection{Msg: stream}
	add := func(off, n int, name, format string, args ...any) {
		if n > 0 {
			d.Fields = append(d.Fields, wire.Field{Off: off, Len: n, Name: name, Text: fmt.Sprintf(format, args...)})
		}
	}
	for at, i := 0, 1; at < len(stream); i++ {
		left := len(stream) - at
		if left < framing.HeaderLen {
			add(at, left, "", "%d of the %d bytes of a length", left, framing.HeaderLen)
			return d
		}
		n := binary.BigEndian.Uint32(stream[at:])
		add(at, framing.HeaderLen, "length", "%d", n)
		if i > 1 {
			d.Fields[0].Section = "frame 1"
			d.Fields[len(d.Fields)-1].Section = fmt.Sprintf("frame %d", i)
		}
		at, left = at+framing.HeaderLen, left-framing.HeaderLen
		switch {
		case n > framing.MaxLen:
			add(at, left, "", "%s", quote(stream[at:]))
			return d
		case int(n) > left:
			add(at, left, "", "%s: %d of %d bytes", quote(stream[at:]), left, n)
			return d
		}
		add(at, int(n), "", "%s", quote(stream[at:at+int(n)]))
		at += int(n)
	}
	return d
}

// quote is %q, but leaves the end of a long text out.
func quote(b []byte) string {
	const most = 24
	if len(b) <= most {
		return fmt.Sprintf("%q", b)
	}
	return strings.TrimSuffix(fmt.Sprintf("%q", b[:most]), `"`) + `…" (` + count(len(b)) + ")"
}

// count is "1 byte", "2 bytes".
func count(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}
