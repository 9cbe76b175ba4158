package frame_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/grpc/frame"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// A message and its prefix, both ways (gRPC over HTTP/2,
// Length-Prefixed-Message).
func TestMessage(t *testing.T) {
	r := rule.New(t, 1)
	msg := marshal(t, &podsv1.GetPodRequest{Namespace: "shop", Name: "web-0"})
	stream := slices.Concat([]byte("\x00\x00\x00\x00\x0d"), msg)
	mustDecode(r, plain, stream)
	mustAppend(r, nil, msg, stream)
}

// Lengths in which each byte counts, but the first: see MaxSize.
func TestLength(t *testing.T) {
	r := rule.New(t, 1)
	for _, n := range []int{1, 127, 128, 255, 256, 0x1234, 0x8000, 0xffff, 0x10000, 0x12345} {
		msg := bytes.Repeat([]byte("x"), n)
		mustDecode(r, plain, prefixed(0, msg))
		mustAppend(r, nil, msg, prefixed(0, msg))
	}
}

// What a real client and a real server sent in the DATA frames of a call, which
// are fed as they came (gRPC over HTTP/2, Data Frames).
func TestCaptured(t *testing.T) {
	for _, tt := range captured {
		if tt.gzip {
			continue // see TestGzipCaptured
		}
		t.Run(tt.file, func(t *testing.T) {
			mustDecodeFile(t, rule.New(t, 2), tt.file, call{gzip: tt.gzip}, tt.want)
		})
	}
}

// Messages without bytes: all of their fields have the value that is not sent
// (protobuf, encoding).
func TestEmpty(t *testing.T) {
	r := rule.New(t, 3)
	empty := prefixed(0, nil)
	mustDecode(r, plain, empty)
	mustDecode(r, plain, prefixed(0, []byte("one")), empty, empty, prefixed(0, []byte("three")))
	mustAppend(r, nil, nil, empty)
}

// Several messages in one frame (gRPC over HTTP/2, Data Frames).
func TestJoined(t *testing.T) {
	r := rule.New(t, 4)
	mustDecode(r, plain, three)
	mustDecode(r, plain, slices.Concat(prefixed(0, nil), prefixed(0, []byte("one")), prefixed(0, nil), prefixed(0, nil)))
	for _, file := range []string{"stream.client.hex", "stream.server.hex"} {
		mustDecode(r, plain, bytes.Join(dataFrames(t, file), nil))
	}
}

var three = slices.Concat(prefixed(0, []byte("one")), prefixed(0, nil), prefixed(0, []byte("three")))

// Three messages, cut at every place, and at every two (gRPC over HTTP/2, Data
// Frames).
func TestCut(t *testing.T) {
	r := rule.New(t, 4)
	for i := range three {
		mustDecode(r, plain, three[:i], three[i:])
	}
	for i := range three {
		for j := i; j < len(three); j++ {
			mustDecode(r, plain, three[:i], three[i:j], three[j:])
		}
	}
}

// What a real server sent, a byte at a time, and at every place in two (gRPC
// over HTTP/2, Data Frames).
func TestCutCaptured(t *testing.T) {
	r := rule.New(t, 4)
	stream := bytes.Join(dataFrames(t, "stream.server.hex"), nil)
	mustDecode(r, plain, pieces(stream, 1)...)
	for i := range stream {
		mustDecode(r, plain, stream[:i], stream[i:])
	}
}

// DATA frames without payload: what is sent with END_STREAM is often one (RFC
// 9113, section 6.1).
func TestEmptyFrames(t *testing.T) {
	r := rule.New(t, 4)
	var frames [][]byte
	for _, p := range pieces(three, 2) {
		frames = append(frames, p, nil, []byte{})
	}
	mustDecode(r, plain, frames...)
	mustDecode(r, plain, nil, nil)
}

// The end, where it may be and where it may not (gRPC over HTTP/2, Requests).
func TestClose(t *testing.T) {
	r := rule.New(t, 5)
	close := call{close: true}
	mustDecode(r, close)
	mustDecode(r, close, nil)
	for i := range len(three) + 1 {
		mustDecode(r, close, three[:i])
		mustDecode(r, close, pieces(three[:i], 3)...)
	}
	mustDecode(r, close, []byte("\x00\x00\x10\x00\x00"))
}

// Flags that mean nothing, among them the one that marks a trailer in gRPC-Web
// (gRPC over HTTP/2, Compressed-Flag).
func TestFlag(t *testing.T) {
	r := rule.New(t, 6)
	for _, c := range []call{plain, zipped} {
		for flag := 2; flag <= 255; flag++ {
			mustDecode(r, c, prefixed(byte(flag), []byte("one")))
		}
		for _, flag := range []byte{2, 3, 0x80, 0x81, 0xff} {
			mustDecode(r, c, prefixed(flag, []byte("one"))[:frame.PrefixLen]) // nothing but the prefix
			mustDecode(r, c, prefixed(flag, nil))
			mustDecode(r, c, pieces(prefixed(flag, []byte("one")), 1)...)
		}
	}
}

// At the limit, and one byte above (gRPC over HTTP/2, Length-Prefixed-Message).
func TestTooLarge(t *testing.T) {
	r := rule.New(t, 7)
	ten := call{maxSize: 10}
	mustDecode(r, ten, prefixed(0, make([]byte, 10)))
	mustDecode(r, ten, prefixed(0, make([]byte, 11)))
	mustDecode(r, ten, pieces(prefixed(0, make([]byte, 11)), 1)...)
	mustDecode(r, ten, slices.Concat(prefixed(0, make([]byte, 10)), prefixed(0, make([]byte, 10)))) // each for itself
	mustDecode(r, call{maxSize: 1}, prefixed(0, []byte("x")))
	mustDecode(r, call{maxSize: 1}, prefixed(0, []byte("xy")))
	for _, size := range []int{math.MaxInt32, min(1<<32, math.MaxInt), math.MaxInt} { // 1<<32 in 32 bits is 0
		mustDecode(r, call{maxSize: size}, prefixed(0, []byte("x")))
	}
}

// The limit is for what is on the wire, too, where gzip makes longer what is
// random (gRPC over HTTP/2, Length-Prefixed-Message).
func TestTooLargeCompressed(t *testing.T) {
	r := rule.New(t, 7)
	c := call{gzip: true, maxSize: len(noise)}
	zip := compress(noise)
	c.about = fmt.Sprintf("a message of %d bytes, compressed: %d bytes on the wire", len(noise), len(zip))
	mustDecode(r, c, prefixed(1, zip))
	mustDecode(r, c, prefixed(1, zip)[:frame.PrefixLen]) // nothing but the prefix
}

// The prefix alone: the message is refused before it comes (gRPC over HTTP/2,
// Length-Prefixed-Message).
func TestTooLargeAtOnce(t *testing.T) {
	r := rule.New(t, 7)
	for _, length := range []uint32{11, 255, 256, 65535, 1 << 24, math.MaxInt32, 1 << 31, 1<<31 + 5, math.MaxUint32 - 5, math.MaxUint32} {
		prefix := binary.BigEndian.AppendUint32([]byte{0}, length)
		mustDecode(r, call{maxSize: 10}, prefix)
		mustDecode(r, call{maxSize: 10}, prefix[:3], prefix[3:])
		if length > frame.DefaultMaxSize {
			mustDecode(r, plain, prefix)
		}
	}
	for _, length := range []uint32{frame.DefaultMaxSize - 1, frame.DefaultMaxSize, frame.DefaultMaxSize + 1} {
		mustDecode(r, plain, binary.BigEndian.AppendUint32([]byte{0}, length))
		mustDecode(r, zipped, binary.BigEndian.AppendUint32([]byte{1}, length))
	}
}

// A length within the limit, of which three bytes come, and the longest there are
// (KAFKA-4090).
func TestPromise(t *testing.T) {
	r := rule.New(t, 8)
	c := call{maxSize: 1 << 30}
	for _, length := range []uint32{1 << 20, 64 << 20, 1 << 30} {
		stream := append(binary.BigEndian.AppendUint32([]byte{0}, length), "one"...)
		spent := allocates(r, c, [][]byte{stream[:3], stream[3:6], stream[6:]})
		if limit := enough(len(stream)); spent > limit {
			r.Fatalf("Feed of the prefix of a message of %d bytes, and of 3 bytes of it,\nallocated %d bytes; want %d at most: the length is a promise\n\n%v", length, spent, limit, c)
		}
	}

	// PrefixLen and these together are more than 32 bits may hold.
	for _, length := range []uint32{math.MaxInt32 - 4, math.MaxInt32, math.MaxUint32 - 5, math.MaxUint32 - 4, math.MaxUint32} {
		c := call{maxSize: math.MaxInt, close: true, about: fmt.Sprintf("a message of %d bytes, of which 3 come", length)}
		stream := append(binary.BigEndian.AppendUint32([]byte{0}, length), "one"...)
		mustDecode(r, c, stream)
		mustDecode(r, c, pieces(stream, 1)...)
	}
}

// The work and the memory stay in proportion: for a large message in small
// pieces, and for many small messages.
func TestWork(t *testing.T) {
	r := rule.New(t, 8)
	for _, size := range []int{1 << 18, 20} {
		stream := bytes.Repeat(prefixed(0, bytes.Repeat([]byte("x"), size)), 1<<18/size)
		frames := pieces(stream, 64)
		spent := allocates(r, plain, frames)
		if limit := enough(len(stream)); spent > limit {
			r.Fatalf("%s of %d bytes, in %d frames of 64: Feed allocated\n%d bytes in all, want %d at most: 16 for each of the %d that came, and 64 KiB",
				count(1<<18/size), size, len(frames), spent, limit, len(stream))
		}
	}
}

// enough is what rule 8 allows for n bytes.
func enough(n int) uint64 { return uint64(16*n + 64<<10) }

// What a real client and a real server compressed (gRPC over HTTP/2,
// Compressed-Flag).
func TestGzipCaptured(t *testing.T) {
	for _, tt := range captured {
		if !tt.gzip {
			continue // see TestCaptured
		}
		t.Run(tt.file, func(t *testing.T) {
			mustDecodeFile(t, rule.New(t, 9), tt.file, call{gzip: tt.gzip}, tt.want)
		})
	}
}

// Each message is compressed by itself, or not at all (gRPC over HTTP/2,
// Compressed-Flag).
func TestGzip(t *testing.T) {
	r := rule.New(t, 9)
	one, two := compress([]byte("one")), compress(bytes.Repeat([]byte("two"), 1000))
	mustDecode(r, zipped, prefixed(1, one))
	mustDecode(r, zipped, prefixed(1, compress(nil)))
	mustDecode(r, zipped, prefixed(0, []byte("not compressed")))
	mustDecode(r, zipped, prefixed(0, one)) // compressed by somebody, which is nobody's business here
	stream := slices.Concat(prefixed(1, one), prefixed(0, []byte("plain")), prefixed(1, two), prefixed(1, one))
	mustDecode(r, zipped, stream)
	for i := range stream {
		mustDecode(r, zipped, stream[:i], stream[i:])
	}
	mustDecode(r, zipped, pieces(stream, 1)...)
}

// Members of a gzip, one behind the other (RFC 1952, section 2.2).
func TestMembers(t *testing.T) {
	r := rule.New(t, 9)
	c := zipped
	c.about = "a message compressed in two parts: a gzip of two members"
	two := slices.Concat(compress([]byte("one")), compress([]byte("two")))
	mustDecode(r, c, prefixed(1, two))
	mustDecode(r, c, prefixed(1, two), prefixed(1, two))
	c.about = "a message compressed, and a member of no bytes behind it"
	mustDecode(r, c, prefixed(1, slices.Concat(compress([]byte("one")), compress(nil))))
}

// Compressed, where nobody said how (gRPC over HTTP/2, Compressed-Flag).
func TestNoEncoding(t *testing.T) {
	r := rule.New(t, 10)
	mustDecode(r, plain, prefixed(1, compress([]byte("one"))))
	mustDecode(r, plain, prefixed(1, []byte("one")))
	mustDecode(r, plain, prefixed(1, nil)) // nothing to inflate, and yet a flag of 1
	mustDecode(r, plain, three, prefixed(1, compress([]byte("one"))))
}

// What is no gzip (RFC 1952, section 2.2).
func TestBadGzip(t *testing.T) {
	r := rule.New(t, 10)
	whole := compress([]byte("a message of some length, of some length, of some length"))
	refuse := func(bad []byte, about string, args ...any) {
		t.Helper()
		c := zipped
		c.about = fmt.Sprintf(about, args...)
		mustDecode(r, c, prefixed(1, bad))
	}
	for cut := 1; cut < len(whole); cut++ {
		refuse(whole[:cut], "gzip, cut behind %d of its %d bytes", cut, len(whole))
	}
	refuse(nil, "flag 1, and no bytes: a gzip has 18 at least")
	refuse([]byte("one"), "three letters, and no gzip")
	refuse(make([]byte, 100), "a hundred zeros, and no gzip")
	for _, tt := range []struct {
		at   int
		what string
	}{
		{0, "its magic number"}, {1, "its magic number"}, {2, "its method"},
		{len(whole) - 8, "its CRC"}, {len(whole) - 4, "the length at its end"}, {len(whole) - 1, "the length at its end"},
	} {
		bad := bytes.Clone(whole)
		bad[tt.at] ^= 0x10
		refuse(bad, "gzip, with one bit of %s changed", tt.what)
	}
	for _, behind := range []string{"x", "this is no gzip at all"} {
		refuse(append(bytes.Clone(whole), behind...), "gzip, whole, and %q behind it", behind)
	}
}

// noise is what gzip makes longer.
var noise = []byte("0bKQz7$x)w,T!mE5")

// At the limit once inflated, and one byte above (grpc-go #4552).
func TestInflatedSize(t *testing.T) {
	r := rule.New(t, 11)
	for _, n := range []int{99, 100, 101, 102, 1000, 100000} {
		c := call{gzip: true, maxSize: 100, about: fmt.Sprintf("a message of %d bytes, compressed", n)}
		mustDecode(r, c, prefixed(1, compress(make([]byte, n))))
	}
	c := call{gzip: true, maxSize: math.MaxInt, about: fmt.Sprintf("a message of %d bytes, compressed", len(noise))}
	mustDecode(r, c, prefixed(1, compress(noise))) // MaxInt+1 is negative
}

// 4 MiB of zeros in 4 KiB, and then a thousand times as much (grpc-go #9114).
func TestBomb(t *testing.T) {
	r := rule.New(t, 11)
	member := compress(make([]byte, 4<<20))
	refuses(r, call{gzip: true, maxSize: 1 << 16, about: "4 MiB of zeros, compressed; MaxSize is 64 KiB"}, member, 1<<16, frame.ErrTooLarge)
	c := zipped
	c.about = "4 GB of zeros, compressed: a gzip of 1000 members of 4 MiB,\none behind the other; MaxSize 0 is DefaultMaxSize, 4 MiB"
	refuses(r, c, bytes.Repeat(member, 1000), frame.DefaultMaxSize, frame.ErrTooLarge)
}

// MaxSize bytes, and an end that is read after the last of them: whoever
// compressed them has flushed (RFC 1952, section 2.3.1).
func TestBadEnd(t *testing.T) {
	r := rule.New(t, 10)
	text := bytes.Repeat([]byte("0123456789"), 10)
	for _, n := range []int{len(text), len(text) + 1} { // the limit
		const about = "a message of 100 bytes, compressed and flushed"
		c := call{gzip: true, maxSize: n, about: about}
		whole := compress(text, nil)
		mustDecode(r, c, prefixed(1, whole))
		for cut := 1; cut <= 8; cut++ {
			c.about = fmt.Sprintf(about+", cut behind %d of its %d bytes", len(whole)-cut, len(whole))
			mustDecode(r, c, prefixed(1, whole[:len(whole)-cut]))
		}
		bad := bytes.Clone(whole)
		bad[len(bad)-8] ^= 0x10
		c.about = about + ", with one bit of its CRC changed"
		mustDecode(r, c, prefixed(1, bad))
		c.about = about + ", and a letter behind it"
		mustDecode(r, c, prefixed(1, append(whole, 'x')))
	}
}

// The length at the end of a gzip says more than there is.
func TestInflatedPromise(t *testing.T) {
	r := rule.New(t, 11)
	for _, tt := range []struct {
		maxSize int
		told    uint32
	}{{0, frame.DefaultMaxSize}, {1 << 30, 1 << 29}, {math.MaxInt, 1 << 30}} {
		zip := compress([]byte("hi"))
		binary.LittleEndian.PutUint32(zip[len(zip)-4:], tt.told)
		c := call{gzip: true, maxSize: tt.maxSize, about: fmt.Sprintf("2 bytes, compressed; the length at the end of their gzip says %d", tt.told)}
		refuses(r, c, zip, 2, frame.ErrEncoding)
	}
}

// refuses feeds a compressed message, of which inflated bytes may be inflated,
// and wants an error that takes no more memory than rule 11 allows.
func refuses(r *rule.R, c call, zip []byte, inflated int, want error) {
	r.T().Helper()
	stream := prefixed(1, zip)
	said := fmt.Sprintf("d.Feed(%d bytes)", len(stream))
	var err error
	spent := measure(func() {
		d := c.decoder()
		r.Do(func() string { return said + "\n\n" + c.text() }, func() { _, err = d.Feed(stream) })
	})
	limit := uint64(16*inflated + 4*len(stream) + 1<<20)
	switch {
	case !isOneOf(err, []error{want}):
		r.Fatalf("%s = %s\nwant %s\n\n%s", said, errorText(err), otherError(err, []error{want}), c.text())
	case spent > limit:
		r.Fatalf("%s was refused, after %d bytes had been allocated;\nwant %d at most: 16 for each of the %d that may be inflated, 4 for each of\nthe %d that came, and 1 MiB\n\n%s",
			said, spent, limit, inflated, len(stream), c.text())
	}
}

// What came before an error is delivered; what comes behind is not (gRPC over
// HTTP/2, Data Frames).
func TestError(t *testing.T) {
	one := prefixed(0, []byte("one"))
	for _, tt := range []struct {
		why string
		c   call
		bad []byte
	}{
		{"a bad flag", plain, prefixed(2, []byte("two"))},
		{"too large", call{maxSize: 10}, prefixed(0, make([]byte, 11))},
		{"no encoding", plain, prefixed(1, compress([]byte("two")))},
		{"no gzip", zipped, prefixed(1, []byte("two"))},
		{"too large once inflated", call{gzip: true, maxSize: 100}, prefixed(1, compress(make([]byte, 1000)))},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 12)
			c := tt.c
			c.goOn, c.close = true, true
			mustDecode(r, c, one, tt.bad, one)
			mustDecode(r, c, slices.Concat(one, one, tt.bad, one), one, nil, one)
			mustDecode(r, c, pieces(slices.Concat(one, tt.bad, one, one), 1)...)
		})
	}
}

// data is the caller's, who reads the next frame into it (io, Writer).
func TestData(t *testing.T) {
	r := rule.New(t, 13)
	c := call{scribble: true}
	mustDecode(r, c, pieces(three, 1)...)
	mustDecode(r, c, pieces(three, 4)...)
	mustDecode(r, c, three, three)
	mustDecode(r, call{scribble: true, gzip: true}, pieces(slices.Concat(prefixed(1, compress([]byte("one"))), three), 7)...)
}

// A message is the caller's, who keeps it, or writes into it (bufio,
// Scanner.Bytes is the other way).
func TestKept(t *testing.T) {
	for _, spoil := range []bool{false, true} {
		r := rule.New(t, 13)
		c := call{keep: !spoil, spoil: spoil}
		mustDecode(r, c, three, three, three)
		mustDecode(r, c, pieces(slices.Concat(three, three), 1)...)
		mustDecode(r, c, pieces(slices.Concat(three, three), 6)...)
		c.gzip = true
		zip := slices.Concat(prefixed(1, compress([]byte("one"))), prefixed(1, compress([]byte("two"))))
		mustDecode(r, c, zip, zip)
	}
}

// A call has a Decoder for each direction (gRPC over HTTP/2, Requests).
func TestTwoDecoders(t *testing.T) {
	r := rule.New(t, 13)
	c := call{gzip: true, keep: true, about: "messages, while another Decoder gets others"}
	others := slices.Concat(prefixed(1, compress([]byte("another"))), prefixed(0, []byte("and others")), prefixed(0, nil))
	for n := 1; n <= 8; n++ {
		one, other := start(r, c, three), start(r, c, others)
		for i := 0; i < max(len(three), len(others)); i += n {
			one.feed(three[min(i, len(three)):min(i+n, len(three))])
			other.feed(others[min(i, len(others)):min(i+n, len(others))])
		}
		one.mustBeKept()
		other.mustBeKept()
	}
}

// What stands in b stays (encoding/binary, AppendUint32).
func TestAppend(t *testing.T) {
	r := rule.New(t, 13)
	mustAppend(r, prefixed(0, []byte("one")), []byte("two"), slices.Concat(prefixed(0, []byte("one")), prefixed(0, []byte("two"))))

	// Room behind len(b) may hold anything: it belongs to no one yet.
	dirty := bytes.Repeat([]byte{0xff}, 32)
	mustAppend(r, dirty[:2], []byte("two"), slices.Concat([]byte{0xff, 0xff}, prefixed(0, []byte("two"))))
	mustAppend(r, dirty[:2], nil, slices.Concat([]byte{0xff, 0xff}, prefixed(0, nil)))
}

// Any messages, in any pieces (gRPC over HTTP/2, Data Frames).
func TestRoundTrip(t *testing.T) {
	r := rule.New(t, 14)
	r.Property(func(t *rapid.T, r *rule.R) {
		c := call{gzip: rapid.Bool().Draw(t, "gzip"), close: true}
		var stream []byte
		for _, msg := range rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 5).Draw(t, "messages") {
			if c.gzip && rapid.Bool().Draw(t, "compressed") {
				stream = append(stream, prefixed(1, compress(msg))...)
			} else {
				stream = mustAppend(r, stream, msg, slices.Concat(stream, prefixed(0, msg)))
			}
		}
		var frames [][]byte
		for rest := stream; len(rest) > 0; {
			n := rapid.IntRange(0, min(30, len(rest))).Draw(t, "cut")
			frames, rest = append(frames, rest[:n]), rest[n:]
		}
		mustDecode(r, c, frames...)
	})
}

// Any bytes at all, in pieces of any length.
func FuzzFeed(f *testing.F) {
	f.Add(three, uint8(0), false)                                                     // three messages
	f.Add(three[:10], uint8(2), false)                                                // cut in a prefix
	f.Add(prefixed(2, []byte("one")), uint8(1), false)                                // a bad flag
	f.Add([]byte("\x00\xff\xff\xff\xffx"), uint8(4), false)                           // much too large
	f.Add([]byte("\x00\x00\x00\x03\xe9x"), uint8(4), false)                           // a byte too large
	f.Add(slices.Concat(three, prefixed(1, compress([]byte("one")))), uint8(9), true) // compressed
	f.Add(prefixed(1, compress([]byte("one"))), uint8(9), false)                      // where nobody said how
	f.Add(prefixed(1, compress(make([]byte, 5000))), uint8(0), true)                  // too large once inflated
	f.Add(prefixed(1, compress([]byte("one"))[:15]), uint8(3), true)                  // cut gzip
	f.Fuzz(func(t *testing.T, stream []byte, size uint8, gzip bool) {
		c := call{maxSize: 1000, gzip: gzip, goOn: true, close: true}
		mustDecode(rule.New(t, 14), c, stream)
		if size > 0 {
			mustDecode(rule.New(t, 14), c, pieces(stream, int(size))...)
		}
	})
}

// call is what a Decoder is told of a call, and what the test does with it
// besides feeding.
type call struct {
	maxSize  int
	gzip     bool
	close    bool // Close at the end
	goOn     bool // Feed on behind an error
	scribble bool // overwrite each frame once it is fed
	keep     bool // look at all messages again at the end
	spoil    bool // overwrite messages, and append to them

	about string // what is fed, for failures; may be empty
}

var plain, zipped = call{}, call{gzip: true}

func (c call) decoder() *frame.Decoder { return &frame.Decoder{MaxSize: c.maxSize, Gzip: c.gzip} }

func (c call) max() int {
	if c.maxSize == 0 {
		return frame.DefaultMaxSize
	}
	return c.maxSize
}

func (c call) String() string {
	var fields []string
	if c.maxSize != 0 {
		fields = append(fields, fmt.Sprint("MaxSize: ", c.maxSize))
	}
	if c.gzip {
		fields = append(fields, "Gzip: true")
	}
	return "d := &Decoder{" + strings.Join(fields, ", ") + "}"
}

// text is how d was made, and what it gets.
func (c call) text() string {
	if c.about == "" {
		return c.String()
	}
	return c.String() + "\nwhat is fed: " + c.about
}

// due is what a Decoder has to make of a stream, and when.
type due struct {
	msgs     [][]byte
	ends     []int   // offsets behind the messages
	boundary int     // the last of them
	errs     []error // what may be returned for what stands there; nil if nothing is wrong
	why      string  // what is wrong, in words
	from, by int     // offsets: the first that lets it be known, and the last to say it
}

// expect reads a stream at leisure.
func (c call) expect(stream []byte) (w due) {
	for p := 0; p < len(stream); p = w.boundary {
		rest := stream[p:]
		w.from, w.by = p+1, p+frame.PrefixLen
		if rest[0] > 1 {
			w.errs, w.why = append(w.errs, frame.ErrFlag), fmt.Sprintf("the flag is %d", rest[0])
		}
		if len(rest) < frame.PrefixLen {
			if rest[0] == 1 && !c.gzip {
				w.errs, w.by = []error{frame.ErrEncoding}, math.MaxInt
			}
			return w
		}
		length := uint64(binary.BigEndian.Uint32(rest[1:]))
		if length > uint64(c.max()) {
			w.errs, w.why = append(w.errs, frame.ErrTooLarge), fmt.Sprintf("%d bytes on the wire, and MaxSize is %d", length, c.max())
		}
		certain := len(w.errs) > 0 // with the prefix alone
		if rest[0] == 1 && !c.gzip {
			w.errs, w.why = append(w.errs, frame.ErrEncoding), "flag 1, and Gzip is false"
		}
		if certain {
			return w
		}
		end := int(min(uint64(p)+frame.PrefixLen+length, math.MaxInt))
		if w.errs != nil {
			w.by = end
			return w
		}
		if end > len(stream) {
			if rest[0] == 1 { // what is there may not look like gzip any more
				w.errs, w.by = []error{frame.ErrEncoding, frame.ErrTooLarge}, math.MaxInt
			}
			return w
		}
		msg := stream[p+frame.PrefixLen : end]
		if rest[0] == 1 {
			if msg, w.why, w.errs = c.inflate(msg); w.errs != nil {
				w.from, w.by = p+frame.PrefixLen, end
				return w
			}
		}
		w.msgs, w.ends, w.boundary = append(w.msgs, msg), append(w.ends, end), end
	}
	return w
}

// inflate returns a message, or what is wrong with it and the errors that are
// right for it.
func (c call) inflate(msg []byte) ([]byte, string, []error) {
	r, err := gzip.NewReader(bytes.NewReader(msg))
	if err != nil {
		return nil, fmt.Sprintf("no gzip (%v)", err), []error{frame.ErrEncoding}
	}
	inflated, err := io.ReadAll(io.LimitReader(r, 16<<20))
	large := fmt.Sprintf("%d bytes once inflated, and MaxSize is %d", len(inflated), c.max())
	switch {
	case err == nil && len(inflated) <= c.max():
		return inflated, "", nil
	case err == nil:
		return nil, large, []error{frame.ErrTooLarge}
	case len(inflated) <= c.max():
		return nil, fmt.Sprintf("gzip that does not inflate (%v)", err), []error{frame.ErrEncoding}
	}
	return nil, large, []error{frame.ErrTooLarge, frame.ErrEncoding}
}

// mustDecode feeds frames to a new Decoder, and looks after each of them for
// what is whole by then.
func mustDecode(r *rule.R, c call, frames ...[]byte) {
	r.T().Helper()
	s := start(r, c, bytes.Join(frames, nil))
	for _, data := range frames {
		s.feed(data)
		if s.err != nil && !c.goOn {
			return
		}
	}
	if c.keep {
		s.mustBeKept()
	}
	if c.close {
		s.end()
	}
}

// session is one Decoder at work.
type session struct {
	r      *rule.R
	c      call
	d      *frame.Decoder
	stream []byte
	want   due
	fed    int        // bytes
	kept   [][]byte   // all messages that came
	lists  [][][]byte // in which they came
	err    error      // of Feed, once there was one
	story  []string   // what was called, and what came back
}

func start(r *rule.R, c call, stream []byte) *session {
	return &session{r: r, c: c, d: c.decoder(), stream: stream, want: c.expect(stream)}
}

func (s *session) feed(data []byte) {
	s.r.T().Helper()
	own := bytes.Clone(data)
	var msgs [][]byte
	var err error
	said := fmt.Sprintf("Feed(%s)", bytesText(data))
	s.r.Do(func() string { return s.before(append(slices.Clone(s.story), said)) }, func() { msgs, err = s.d.Feed(own) })
	s.fed += len(data)
	if s.c.scribble {
		fill(own)
	}
	s.story = append(s.story, said+" = "+resultText(msgs, err))
	s.messages(msgs, err)
	s.fault(err)
	s.err = err
}

// messages looks at what a Feed returned.
func (s *session) messages(msgs [][]byte, err error) {
	s.r.T().Helper()
	var want [][]byte
	for i := len(s.kept); s.err == nil && i < len(s.want.msgs) && s.want.ends[i] <= s.fed; i++ {
		want = append(want, s.want.msgs[i])
	}
	switch {
	case len(msgs) != len(want) && err != nil && !s.mayFail():
		s.fail("want %s, and no error", count(len(want)))
	case len(msgs) != len(want):
		s.fail("want %s%s", count(len(want)), s.why(len(want), msgs))
	}
	s.lists = append(s.lists, msgs)
	for i, msg := range msgs {
		if !bytes.Equal(msg, want[i]) {
			s.fail("message %d is not the one that was sent (want)\n\n%s", len(s.kept)+1, wire.Diff(msg, wire.Bytes(want[i])))
		}
		s.kept = append(s.kept, msg)
		if s.c.spoil {
			fill(msg)
			_ = append(msg, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee)
		}
	}
}

// mayFail says whether an error may have come by now.
func (s *session) mayFail() bool { return s.err != nil || s.want.errs != nil && s.fed >= s.want.from }

func (s *session) why(want int, msgs [][]byte) string {
	switch {
	case s.err != nil:
		return ": there was an error before"
	case len(msgs) < want:
		return ": what is whole is returned at once"
	case s.want.errs != nil && s.fed >= s.want.by:
		return fmt.Sprintf(", and error: %s:\n%s; the message returned has %d", sentinelsText(s.want.errs), s.want.why, len(msgs[want]))
	case s.want.errs == nil && s.fed > s.want.boundary:
		return ": it is not whole yet"
	}
	return ""
}

// fault looks at the error of a Feed.
func (s *session) fault(err error) {
	s.r.T().Helper()
	w := s.want
	switch {
	case s.err != nil && err == nil:
		s.fail("want the error that there was before")
	case s.err != nil && !sameError(err, s.err):
		s.fail("want the error that there was before: %v", s.err)
	case err == nil && w.errs != nil && s.fed >= w.by:
		s.fail("want error: %s:\n%s", sentinelsText(w.errs), w.why)
	case err != nil && !s.mayFail():
		s.fail("want no error")
	case err != nil && !isOneOf(err, w.errs):
		s.fail("want %s%s", otherError(err, w.errs), s.reason())
	}
}

func (s *session) reason() string {
	if s.want.why == "" {
		return ""
	}
	return "\nwhat is wrong: " + s.want.why
}

// end calls Close.
func (s *session) end() {
	s.r.T().Helper()
	var err error
	s.r.Do(func() string { return s.before(append(slices.Clone(s.story), "Close()")) }, func() { err = s.d.Close() })
	s.story = append(s.story, "Close() = "+errorText(err))
	inside := s.fed > s.want.boundary
	switch {
	case s.err != nil && (err == nil || !sameError(err, s.err)):
		s.fail("want the error that Feed returned: %v", s.err)
	case s.err != nil:
	case !inside && err != nil:
		s.fail("want no error: the stream ends between two messages")
	case inside && err == nil:
		s.fail("want io.ErrUnexpectedEOF (%q): the stream ends inside a message", io.ErrUnexpectedEOF)
	case inside && !errors.Is(err, io.ErrUnexpectedEOF) && !isOneOf(err, s.want.errs):
		s.fail("want io.ErrUnexpectedEOF (%q), found by errors.Is", io.ErrUnexpectedEOF)
	}
}

func (s *session) mustBeKept() {
	s.r.T().Helper()
	for i, msg := range slices.Concat(s.lists...) {
		if !bytes.Equal(msg, s.want.msgs[i]) {
			s.fail("message %d was right when it came, and a later Feed has changed it,\nor the list in which it came\n\n%s", i+1, wire.Diff(msg, wire.Bytes(s.want.msgs[i])))
		}
	}
}

// fail ends the test with the last call, what was wanted of it, and what was
// done before.
func (s *session) fail(format string, args ...any) {
	s.r.T().Helper()
	last := len(s.story) - 1
	text := "d." + s.story[last] + "\n" + strings.TrimRight(fmt.Sprintf(format, args...), "\n") + "\n\n" + s.before(s.story[:last])
	if n := len(s.stream); 0 < n && n <= 200 {
		text += "\n\n" + dissect(s.stream).Dump(s.marks()...)
	}
	s.r.Fatalf("%s", text)
}

// before is how d was made, and the last of what was called on it.
func (s *session) before(lines []string) string {
	text := "so far: " + s.c.text()
	if n := len(lines) - 6; n > 0 {
		text += fmt.Sprintf("\n  … %d calls", n)
		lines = lines[n:]
	}
	for _, l := range lines {
		text += "\n  d." + l
	}
	switch {
	case s.c.scribble:
		text += "\nEach data was overwritten with ee once its Feed had returned: it is the caller's."
	case s.c.spoil:
		text += "\nThe caller, whose they are, overwrote each message with ee and appended to it."
	}
	return text
}

// dissect lists messages field by field, or as bytes where they are no protobuf.
func dissect(stream []byte) wire.Dissection {
	d := wire.GRPC(stream)
	if len(d.Faults) == 0 {
		return d
	}
	d = wire.Dissection{Msg: stream}
	field := func(n int, name, text string) {
		if n = min(n, len(stream)); n > 0 {
			d.Fields = append(d.Fields, wire.Field{Off: len(d.Msg) - len(stream), Len: n, Name: name, Text: text})
			stream = stream[n:]
		}
	}
	for len(stream) > 0 {
		field(1, "flag", fmt.Sprint(stream[0]))
		if len(stream) < 4 {
			field(4, "length", "cut")
			break
		}
		length := binary.BigEndian.Uint32(stream)
		field(4, "length", fmt.Sprint(length))
		field(int(min(length, math.MaxInt32)), "message", "")
	}
	return d
}

func (s *session) marks() []wire.Mark {
	if s.fed >= len(s.stream) {
		return nil
	}
	return []wire.Mark{{Off: s.fed, Note: "not fed yet, from here"}}
}

// captured are the calls of testdata/grpc/captured that have messages.
var captured = []struct {
	file string
	gzip bool
	want []proto.Message
}{
	{"unary.client.hex", false, []proto.Message{&podsv1.GetPodRequest{Namespace: "shop", Name: "web-0"}}},
	{"unary.server.hex", false, []proto.Message{&podsv1.GetPodResponse{Pod: pods[0]}}},
	{"error.client.hex", false, []proto.Message{&podsv1.GetPodRequest{Namespace: "shop", Name: "web-9"}}},
	{"error.server.hex", false, nil},
	{"stream.client.hex", false, []proto.Message{&podsv1.WatchPodsRequest{Namespace: "shop"}}},
	{"stream.server.hex", false, []proto.Message{
		&podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_ADDED, Pod: pods[0], Version: 300},
		&podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_ADDED, Pod: pods[1], Version: 301},
		&podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_SYNCED, Version: 301},
	}},
	{"gzip.client.hex", true, []proto.Message{&podsv1.ListPodsRequest{Namespace: "shop"}}},
	{"gzip.server.hex", true, []proto.Message{&podsv1.ListPodsResponse{Pods: pods}}},
}

var pods = []*podsv1.Pod{
	{Namespace: "shop", Name: "web-0", Phase: podsv1.Phase_PHASE_RUNNING, Node: "node-1",
		Labels: map[string]string{"app": "web"}, CreateTime: &timestamppb.Timestamp{Seconds: 1767225600}, Version: 300},
	{Namespace: "shop", Name: "web-1", Phase: podsv1.Phase_PHASE_PENDING, Version: 301},
}

// mustDecodeFile feeds the DATA frames of a capture, and wants these messages.
func mustDecodeFile(t *testing.T, r *rule.R, file string, c call, wants []proto.Message) {
	t.Helper()
	frames := dataFrames(t, file)
	var sent [][]byte
	for _, m := range wants {
		sent = append(sent, marshal(t, m))
	}
	if got := c.expect(bytes.Join(frames, nil)).msgs; !slices.EqualFunc(got, sent, bytes.Equal) {
		t.Fatalf("testdata/grpc/captured/%s has messages other than this test knows: %q", file, got)
	}
	r.Note("The frames are those of testdata/grpc/captured/" + file)
	mustDecode(r, c, frames...)
}

// dataFrames returns the payloads of the DATA frames of a captured connection,
// which has one stream (RFC 9113, sections 4.1 and 6.1).
func dataFrames(t *testing.T, file string) [][]byte {
	t.Helper()
	const preface, header, data = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 9, 0
	rest := bytes.TrimPrefix(wire.Load(t, "grpc/captured/"+file).Msg, []byte(preface))
	var frames [][]byte
	for len(rest) > 0 {
		length := int(binary.BigEndian.Uint32(append([]byte{0}, rest[:3]...)))
		payload := rest[header : header+length]
		if rest[3] == data {
			frames = append(frames, payload)
		}
		rest = rest[header+length:]
	}
	return frames
}

func mustAppend(r *rule.R, b, msg, want []byte) []byte {
	r.T().Helper()
	before, own := bytes.Clone(b), bytes.Clone(msg)
	said := fmt.Sprintf("Append(b, %s), b has %d bytes", bytesText(msg), len(b))
	var got []byte
	r.Do(func() string { return said }, func() { got = frame.Append(b, own) })
	switch {
	case !bytes.HasPrefix(got, before):
		r.Fatalf("%s\nb was % x; what came back begins with % x", said, before, got[:min(len(before), len(got))])
	case len(got) == len(before):
		r.Fatalf("%s\nappended nothing, want %d bytes", said, len(want)-len(before))
	case !bytes.Equal(own, msg):
		r.Fatalf("%s\nchanged msg, which is the caller's", said)
	case !bytes.Equal(got, want):
		r.Fatalf("%s\nappended other bytes than wanted\n\n%s", said, wire.Diff(got[len(before):], dissect(want[len(before):])))
	}
	return got
}

// allocates feeds frames to a new Decoder and returns what that allocated, in
// bytes.
func allocates(r *rule.R, c call, frames [][]byte) uint64 {
	r.T().Helper()
	d := c.decoder()
	var err error
	spent := measure(func() {
		r.Do(func() string { return fmt.Sprintf("%v\nFeed, with %d frames", c, len(frames)) }, func() {
			for _, data := range frames {
				if _, err = d.Feed(data); err != nil {
					return
				}
			}
		})
	})
	if err != nil {
		r.Fatalf("%v\nFeed, with %d frames: error: %v\nwant no error", c, len(frames), err)
	}
	return spent
}

func measure(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func prefixed(flag byte, msg []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(len(msg))), msg...)
}

// pieces cuts a stream into frames of n bytes.
func pieces(stream []byte, n int) [][]byte { return slices.Collect(slices.Chunk(stream, n)) }

// compress compresses a message, and flushes between its parts.
func compress(parts ...[]byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for i, part := range parts {
		if i > 0 {
			w.Flush()
		}
		if _, err := w.Write(part); err != nil {
			panic(err) // a Buffer takes everything
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	msg, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatalf("marshalling a message of the test's own: %v", err)
	}
	return msg
}

func fill(p []byte) {
	for i := range p {
		p[i] = 0xee
	}
}

func bytesText(p []byte) string {
	switch {
	case len(p) == 0:
		return "no bytes"
	case len(p) <= 12:
		return fmt.Sprintf("% x", p)
	}
	return fmt.Sprintf("%d bytes: % x …", len(p), p[:10])
}

func resultText(msgs [][]byte, err error) string {
	switch {
	case err != nil:
		return count(len(msgs)) + ", and\n    " + errorText(err)
	case len(msgs) == 0:
		return "no message, nil error"
	}
	return count(len(msgs))
}

func count(n int) string {
	switch n {
	case 0:
		return "no message"
	case 1:
		return "1 message"
	}
	return fmt.Sprint(n, " messages")
}

func errorText(err error) string {
	if err == nil {
		return "nil error"
	}
	return "error: " + err.Error()
}

// sentinels are the errors of the kata, with their names.
var sentinels = []struct {
	name string
	err  error
}{{"ErrTooLarge", frame.ErrTooLarge}, {"ErrFlag", frame.ErrFlag}, {"ErrEncoding", frame.ErrEncoding}}

// sentinelsText names errors of the kata and quotes them.
func sentinelsText(errs []error) string {
	var all []string
	for _, s := range sentinels {
		if slices.Contains(errs, s.err) {
			all = append(all, fmt.Sprintf("%s (%q)", s.name, s.err.Error()))
		}
	}
	return strings.Join(all, " or ")
}

// isOneOf says whether err is one of wants at least, and no other error of the
// kata.
func isOneOf(err error, wants []error) bool {
	found := false
	for _, s := range sentinels {
		if errors.Is(err, s.err) {
			if !slices.Contains(wants, s.err) {
				return false
			}
			found = true
		}
	}
	return found
}

// sameError says whether both are the same errors of the kata.
func sameError(a, b error) bool {
	for _, s := range sentinels {
		if errors.Is(a, s.err) != errors.Is(b, s.err) {
			return false
		}
	}
	return true
}

// otherError says what was wanted instead of err.
func otherError(err error, wants []error) string {
	text := "error: " + sentinelsText(wants)
	for _, want := range wants {
		switch {
		case errors.Is(err, want):
			return text + ", and that alone"
		case err != nil && strings.Contains(err.Error(), want.Error()):
			return text + "\nThe words are right, but errors.Is does not find the variable: return it,\nor wrap it with %w"
		}
	}
	return text
}
