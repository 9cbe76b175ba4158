package varint_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/wire"
	"github.com/example/netkata/katas/grpc/varint"
	metricsv1 "github.com/example/netkata/pb/metrics/v1"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// Numbers, and the bytes that they are (protobuf, encoding).
var numbers = []struct {
	v    uint64
	wire string
}{
	{0, "\x00"},
	{1, "\x01"},
	{127, "\x7f"},
	{128, "\x80\x01"},
	{150, "\x96\x01"},
	{300, "\xac\x02"},
	{16383, "\xff\x7f"},
	{16384, "\x80\x80\x01"},
	{1767225600, "\x80\xf2\xd6\xca\x06"},
	{math.MaxUint32, "\xff\xff\xff\xff\x0f"},
	{1 << 32, "\x80\x80\x80\x80\x10"},
	{math.MaxInt64, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"},
	{1 << 63, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"},
	{math.MaxUint64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
}

// Numbers of every length, read (protobuf, encoding).
func TestParse(t *testing.T) {
	r := rule.New(t, 1)
	for _, n := range numbers {
		mustRead(r, varints, []byte(n.wire), 0, n.v, len(n.wire))
	}
}

// A number in the middle of a message (protobuf, encoding).
func TestOffset(t *testing.T) {
	r := rule.New(t, 1)
	msg := []byte("\x18\x96\x01\x20\xac\x02")
	mustRead(r, varints, msg, 1, 150, 3)
	mustRead(r, varints, msg, 4, 300, 6)
	mustRead(r, varints, msg, 5, 2, 6)
}

// The same numbers, written (protobuf, encoding).
func TestAppend(t *testing.T) {
	r := rule.New(t, 2)
	for _, n := range numbers {
		mustAppend(r, nil, n.v, []byte(n.wire))
	}
}

// Negative numbers of int32 and int64 are large ones (protobuf, encoding).
func TestNegative(t *testing.T) {
	r := rule.New(t, 2)
	for v, want := range map[int64]string{
		-1:            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		-2:            "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",
		math.MinInt32: "\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01",
		math.MinInt64: "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
	} {
		mustAppend(r, nil, uint64(v), []byte(want))
		mustRead(r, varints, []byte(want), 0, uint64(v), varint.MaxLen)
	}
}

// More bytes than needed (protobuf, encoding).
func TestOverlong(t *testing.T) {
	r := rule.New(t, 3)
	for n := 2; n <= varint.MaxLen; n++ {
		zeros := bytes.Repeat([]byte{0x80}, n-2)
		mustRead(r, varints, overlong(0, n), 0, 0, n)
		mustRead(r, varints, slices.Concat([]byte{0x96}, zeros, []byte{1}), 0, 150&0x7f|1<<(7*(n-1)), n)
		mustRead(r, varints, append(overlong(5, n), 0xff), 0, 5, n)
	}
}

// overlong writes a number below 128 in n bytes.
func overlong(v byte, n int) []byte {
	return slices.Concat([]byte{v | 0x80}, bytes.Repeat([]byte{0x80}, n-2), []byte{0})
}

// Numbers without their last bytes (protobuf, encoding).
func TestTruncated(t *testing.T) {
	r := rule.New(t, 4)
	for _, n := range numbers {
		for cut := range len(n.wire) {
			mustFail(r, varints, []byte(n.wire[:cut]), 0, varint.ErrTruncated)
		}
	}
	for _, off := range []int{2, 3, 4, math.MaxInt} {
		mustFail(r, varints, []byte("\x96\x01"), off, varint.ErrTruncated)
	}
	mustFail(r, varints, []byte("\x01\x02\x96"), 2, varint.ErrTruncated)
	// What lies behind the end is none of the message.
	mustFail(r, varints, []byte("\x96\x01\x01")[:1], 0, varint.ErrTruncated)
}

// 65 bits, and eleven bytes (protobuf, encoding).
func TestOverflow(t *testing.T) {
	r := rule.New(t, 5)
	nines := strings.Repeat("\xff", 9)
	for _, msg := range []string{
		nines + "\x02",                                 // the 65th bit
		nines + "\x03",                                 // and the 64th
		nines + "\x7f",                                 // all that the byte can hold
		strings.Repeat("\x80", 9) + "\x02",             // nothing but the 65th
		nines + "\x81\x00",                             // eleven bytes, no more than 64 bits
		strings.Repeat("\x80", 10) + "\x00",            // eleven bytes, all of them for 0
		strings.Repeat("\x80", 10) + "\x01",            // the 71st bit
		strings.Repeat("\xff", 100),                    // no end
		strings.Repeat("\x80", 200) + "\x01\x02\x03",   // an end far away
		"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x40\x01", // the 70th bit
	} {
		mustFail(r, varints, []byte(msg), 0, varint.ErrOverflow)
		mustFail(r, varints, []byte("\x01"+msg), 1, varint.ErrOverflow)
	}
}

// Signs, folded (protobuf, encoding).
func TestZigZag(t *testing.T) {
	r := rule.New(t, 6)
	for _, tt := range []struct {
		v int64
		u uint64
	}{
		{-1, 1}, {0, 0}, {1, 2}, {-2, 3}, {2, 4}, {-64, 127}, {64, 128},
		{math.MaxInt32, math.MaxUint32 - 1}, {math.MinInt32, math.MaxUint32},
		{math.MaxInt64, math.MaxUint64 - 1}, {math.MinInt64, math.MaxUint64},
	} {
		mustFold(r, tt.v, tt.u)
	}
}

// Any number, beside protowire (protobuf, encoding).
func TestZigZagOracle(t *testing.T) {
	r := rule.New(t, 6)
	r.Property(func(t *rapid.T, r *rule.R) {
		v := rapid.Int64().Draw(t, "v")
		mustFold(r, v, protowire.EncodeZigZag(v))
	})
}

func tag(number uint32, typ varint.Type) varint.Tag {
	return varint.Tag{Number: number, Type: typ}
}

// Tags, both ways (protobuf, encoding).
func TestTag(t *testing.T) {
	r := rule.New(t, 7)
	for _, tt := range []struct {
		tag  varint.Tag
		wire string
	}{
		{tag(3, varint.Varint), "\x18"},
		{tag(1, varint.Len), "\x0a"},
		{tag(4, varint.I32), "\x25"},
		{tag(2, varint.I64), "\x11"},
		{tag(15, varint.Len), "\x7a"},
		{tag(16, varint.Len), "\x82\x01"},
		{tag(536, varint.I32), "\xc5\x21"},
		{tag(1<<21, varint.Varint), "\x80\x80\x80\x08"},
	} {
		mustReadTag(r, []byte(tt.wire), 0, tt.tag)
		mustReadTag(r, []byte("\x96\x01"+tt.wire), 2, tt.tag)
		mustAppendTag(r, nil, tt.tag, []byte(tt.wire))
	}
}

// Tags that are longer than they have to be, or cut, or too long (protobuf,
// encoding).
func TestTagVarint(t *testing.T) {
	for n := 2; n <= varint.MaxLen; n++ {
		mustReadTag(rule.New(t, 3), overlong(0x18, n), 0, tag(3, varint.Varint))
	}
	r := rule.New(t, 4)
	mustFail(r, tags, nil, 0, varint.ErrTruncated)
	mustFail(r, tags, []byte("\x82"), 0, varint.ErrTruncated)
	mustFail(r, tags, []byte("\x0a"), 2, varint.ErrTruncated)
	mustFail(r, tags, []byte("\x0a"), math.MaxInt, varint.ErrTruncated)
	mustFail(rule.New(t, 5), tags, bytes.Repeat([]byte{0x8a}, 12), 0, varint.ErrOverflow)
}

// The first and the last number, and those beside them (protobuf, language guide).
func TestNumber(t *testing.T) {
	r := rule.New(t, 8)
	for _, n := range []uint32{1, 19000, varint.MaxNumber} {
		msg := protowire.AppendTag(nil, protowire.Number(n), protowire.BytesType)
		mustReadTag(r, msg, 0, tag(n, varint.Len))
		mustAppendTag(r, nil, tag(n, varint.Len), msg)
	}
	for _, n := range []uint64{0, 1 << 29, 1<<29 + 1, math.MaxInt32, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<60 + 1, 1<<61 - 1} {
		for _, typ := range []varint.Type{varint.Varint, varint.I64, varint.Len, varint.I32} {
			mustFail(r, tags, binary.AppendUvarint(nil, n<<3|uint64(typ)), 0, varint.ErrNumber)
			if n <= math.MaxUint32 {
				mustRefuse(r, tag(uint32(n), typ), varint.ErrNumber)
			}
		}
	}
}

// Groups, and what means nothing (protobuf, encoding).
func TestType(t *testing.T) {
	r := rule.New(t, 9)
	for _, n := range []uint32{1, 2, 100, varint.MaxNumber} {
		for _, typ := range []varint.Type{3, 4, 6, 7} {
			mustFail(r, tags, binary.AppendUvarint(nil, uint64(n)<<3|uint64(typ)), 0, varint.ErrType)
			mustRefuse(r, tag(n, typ), varint.ErrType)
		}
		for _, typ := range []varint.Type{8, 10, 13, 255} { // more than three bits
			mustRefuse(r, tag(n, typ), varint.ErrType)
		}
	}
}

// A field of each type (protobuf, encoding).
func TestField(t *testing.T) {
	for _, tt := range []struct {
		why, wire string
		want      varint.Field
	}{
		{"VARINT", "\x18\x96\x01", varint.Field{Tag: tag(3, varint.Varint), Value: 150}},
		{"VARINT, -1", "\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", varint.Field{Tag: tag(3, varint.Varint), Value: math.MaxUint64}},
		{"LEN", "\x0a\x03web", varint.Field{Tag: tag(1, varint.Len), Bytes: []byte("web")}},
		{"LEN of nothing", "\x0a\x00", varint.Field{Tag: tag(1, varint.Len)}},
		{"LEN of 300", "\x0a\xac\x02" + strings.Repeat("x", 300), varint.Field{Tag: tag(1, varint.Len), Bytes: bytes.Repeat([]byte("x"), 300)}},
		{"I32", "\x25\x01\x02\x03\x84", varint.Field{Tag: tag(4, varint.I32), Value: 0x84030201}},
		{"I64", "\x11\x01\x02\x03\x04\x05\x06\x07\x88", varint.Field{Tag: tag(2, varint.I64), Value: 0x8807060504030201}},
		{"a tag of two bytes", "\x82\x01\x02hi", varint.Field{Tag: tag(16, varint.Len), Bytes: []byte("hi")}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 10)
			mustRead(r, fields, []byte(tt.wire), 0, tt.want, len(tt.wire))
			mustRead(r, fields, []byte("\x08\x01"+tt.wire+"\x08\x01"), 2, tt.want, 2+len(tt.wire))
		})
	}
}

// Tags, values and lengths of more bytes than needed (protobuf, encoding).
func TestFieldOverlong(t *testing.T) {
	r := rule.New(t, 3)
	for n := 2; n <= varint.MaxLen; n++ {
		msg := slices.Concat(overlong(0x0a, n), overlong(2, n), []byte("hi"))
		mustRead(r, fields, msg, 0, varint.Field{Tag: tag(1, varint.Len), Bytes: []byte("hi")}, len(msg))
		msg = slices.Concat(overlong(0x18, n), overlong(5, n))
		mustRead(r, fields, msg, 0, varint.Field{Tag: tag(3, varint.Varint), Value: 5}, len(msg))
	}
}

// The same, without their last bytes (protobuf, encoding).
func TestFieldTruncated(t *testing.T) {
	r := rule.New(t, 10)
	for _, msg := range []string{
		"\x18\x96\x01", "\x0a\x03web", "\x0a\x85\x00hello", "\x25\x01\x02\x03\x84",
		"\x11\x01\x02\x03\x04\x05\x06\x07\x88", "\x82\x01\x02hi",
	} {
		for cut := range len(msg) {
			mustFail(r, fields, []byte(msg[:cut]), 0, varint.ErrTruncated)
			mustFail(r, fields, []byte("\x08\x01" + msg)[:2+cut], 2, varint.ErrTruncated)
		}
	}
	mustFail(r, fields, []byte("\x08\x01"), 3, varint.ErrTruncated)
	mustFail(r, fields, []byte("\x08\x01"), math.MaxInt, varint.ErrTruncated)
}

// A field's tag, value and length may each be wrong as a varint or a tag is.
func TestFieldErrors(t *testing.T) {
	long := strings.Repeat("\xff", 11)
	mustFail(rule.New(t, 5), fields, []byte(long), 0, varint.ErrOverflow)
	mustFail(rule.New(t, 5), fields, []byte("\x18"+long), 0, varint.ErrOverflow)
	mustFail(rule.New(t, 5), fields, []byte("\x0a"+long), 0, varint.ErrOverflow)
	mustFail(rule.New(t, 8), fields, []byte("\x02\x03web"), 0, varint.ErrNumber)
	for _, msg := range []string{"\x0b\x0c", "\x0c", "\x0e\x01", "\x0f\x01"} {
		mustFail(rule.New(t, 9), fields, []byte(msg), 0, varint.ErrType)
	}
}

// Lengths that lie, a little and a lot, and what is allocated for them
// (CVE-2021-3121).
func TestLies(t *testing.T) {
	r := rule.New(t, 11)
	for _, n := range []uint64{
		4, 5, 127, 128, 1 << 20, math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32, 1<<32 + 3, 1 << 40,
		math.MaxInt64 - 5, math.MaxInt64, 1 << 63, 1<<63 + 3, math.MaxUint64 - 10, math.MaxUint64 - 2, math.MaxUint64,
	} {
		msg := append(binary.AppendUvarint([]byte("\x0a"), n), "web"...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		mustFail(r, fields, msg, 0, varint.ErrTruncated)
		runtime.ReadMemStats(&after)
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 256<<10 { // the rest is the test's own
			r.Fatalf("ParseField(msg, 0x0) allocated %d bytes for a length that is a lie\n\n%s", spent, show(msg, 0))
		}
		mustFail(r, fields, append([]byte("\x18\x96\x01"), msg...), 3, varint.ErrTruncated)
	}
}

// The bytes of a field are those of the message (Go specification, Slice
// expressions).
func TestBytes(t *testing.T) {
	r := rule.New(t, 12)
	msg := []byte("\x0a\x03web\x18\x01")
	f := mustRead(r, fields, msg, 0, varint.Field{Tag: tag(1, varint.Len), Bytes: []byte("web")}, 5)
	msg[2] = 'W'
	if string(f.Bytes) != "Web" {
		r.Fatalf("ParseField(msg, 0x0) returned Bytes %q\nmsg[2] = 'W', and Bytes are still %q: they are a copy, want a part of msg", "web", f.Bytes)
	}
	r.Do(fields.call(msg, 0), func() { _ = append(f.Bytes, 0xff) })
	if string(msg) != "\x0a\x03Web\x18\x01" {
		r.Fatalf("ParseField(msg, 0x0) returned Bytes %q, of which the test made %q; then an append\nof one byte to them overwrote what follows in msg: want Bytes that end where their\ncapacity does\n\n%s",
			"web", "Web", wire.Diff(msg, wire.Protobuf([]byte("\x0a\x03Web\x18\x01"))))
	}
}

// Reading changes nothing, and takes no memory (Go specification, Slice
// expressions).
func TestReading(t *testing.T) {
	r := rule.New(t, 12)
	big := append(binary.AppendUvarint([]byte("\x0a"), 1<<16), make([]byte, 1<<16)...)
	for _, msg := range [][]byte{
		[]byte("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), []byte("\x25\x01\x02\x03\x84"),
		[]byte("\x11\x01\x02\x03\x04\x05\x06\x07\x88"), []byte("\x0a\x03web"), big,
	} {
		before := bytes.Clone(msg)
		var err error
		var n float64
		r.Do(fields.call(msg, 0), func() {
			if _, _, err = varint.ParseField(msg, 0); err == nil {
				n = testing.AllocsPerRun(20, func() { varint.ParseField(msg, 0) })
			}
		})
		switch {
		case err != nil:
			r.Fatalf("ParseField(msg, 0x0) = error: %v\nwant no error\n\n%s", err, show(msg, 0))
		case !bytes.Equal(msg, before):
			r.Fatalf("ParseField(msg, 0x0) changed msg, which belongs to others\n\n%s", wire.Diff(msg, wire.Protobuf(before)))
		case n > 0:
			r.Fatalf("ParseField(msg, 0x0) allocated %v times, want none\n\n%s", n, show(msg, 0))
		}
	}
}

// What stands in b stays (encoding/binary, AppendUvarint).
func TestBehind(t *testing.T) {
	r := rule.New(t, 13)
	mustAppend(r, []byte("\x18"), 150, []byte("\x18\x96\x01"))
	mustAppendTag(r, []byte("\x18\x01"), tag(16, varint.Len), []byte("\x18\x01\x82\x01"))

	// Room behind len(b) may hold anything: it belongs to no one yet.
	dirty := bytes.Repeat([]byte{0xff}, 32)
	mustAppend(r, dirty[:2], 150, []byte("\xff\xff\x96\x01"))
	mustAppendTag(r, dirty[:1], tag(16, varint.Len), []byte("\xff\x82\x01"))

	for _, bad := range []varint.Tag{tag(0, varint.Len), tag(1<<29, varint.Len), tag(1, 3), tag(1, 6), tag(1, 200)} {
		b := []byte("\xaa\xbb")
		got, err := appendTag(r, bytes.Clone(b), bad)
		if err == nil {
			r.Fatalf("AppendTag(b, %s) = nil error\nwant an error", tagText(bad))
		}
		if !bytes.Equal(got, b) {
			r.Fatalf("AppendTag(b, %s) = error: %v\nb was % x and came back as [% x], want it as it was", tagText(bad), err, b, got)
		}
	}
}

// Messages that the generated code wrote (protobuf, encoding).
func TestMarshalled(t *testing.T) {
	for _, tt := range []struct {
		why string
		m   proto.Message
	}{
		{"GetPodRequest", &podsv1.GetPodRequest{Namespace: "shop", Name: "web-0"}},
		{"ListPodsRequest, page_size -1", &podsv1.ListPodsRequest{PageSize: -1, PageToken: "caf\u00e9"}},
		{"Pod", pod},
		{"WatchPodsResponse", &podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_MODIFIED, Pod: pod, Version: math.MaxInt64}},
		{"Sample, with a double", &metricsv1.Sample{Name: "load", Value: 0.25, Time: timestamppb.New(pod.CreateTime.AsTime())}},
		{"FloatValue", wrapperspb.Float(-1)},
		{"GetPodRequest of nothing", &podsv1.GetPodRequest{}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			r := rule.New(t, 14)
			msg := marshal(t, tt.m)
			mustReadAll(r, msg)
			for cut := range msg {
				mustReadCut(r, msg[:cut])
			}
			mustRewrite(r, msg)
		})
	}
}

var pod = &podsv1.Pod{
	Namespace: "shop", Name: "web-0", Phase: podsv1.Phase_PHASE_RUNNING, Node: "node-1",
	Labels: map[string]string{"app": "web"}, CreateTime: &timestamppb.Timestamp{Seconds: 1767225600}, Version: 300,
}

// What a real client and a real server sent (protobuf, encoding).
func TestCaptured(t *testing.T) {
	r := rule.New(t, 14)
	for _, golden := range []struct {
		file      string
		off, size int
	}{
		{"unary.client.hex", 0x9d, 13}, {"unary.server.hex", 0x5b, 48}, {"stream.server.hex", 0x5b, 53}, {"stream.server.hex", 0x9e, 25},
	} {
		msg := wire.Load(t, "grpc/captured/"+golden.file).Msg[golden.off:][:golden.size]
		mustReadAll(r, msg)
		mustRewrite(r, msg)
	}
}

// Any fields, written by protowire (protobuf, encoding).
func TestOracle(t *testing.T) {
	r := rule.New(t, 14)
	r.Property(func(t *rapid.T, r *rule.R) {
		var msg []byte
		for range rapid.IntRange(1, 5).Draw(t, "fields") {
			number := protowire.Number(rapid.Int32Range(1, varint.MaxNumber).Draw(t, "number"))
			typ := rapid.SampledFrom([]protowire.Type{0, 1, 2, 5}).Draw(t, "type")
			msg = protowire.AppendTag(msg, number, typ)
			switch typ {
			case protowire.VarintType:
				msg = protowire.AppendVarint(msg, rapid.Uint64().Draw(t, "value"))
			case protowire.Fixed64Type:
				msg = protowire.AppendFixed64(msg, rapid.Uint64().Draw(t, "value"))
			case protowire.Fixed32Type:
				msg = protowire.AppendFixed32(msg, rapid.Uint32().Draw(t, "value"))
			default:
				msg = protowire.AppendBytes(msg, rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes"))
			}
		}
		mustReadAll(r, msg)
		mustRewrite(r, msg)
	})
}

// Any bytes at all, beside protowire.
func FuzzParse(f *testing.F) {
	f.Add([]byte("\x0a\x04shop\x12\x05web-0\x18\x02"), uint16(6))             // a field in a message
	f.Add([]byte("\x18\x96\x01"), uint16(1))                                  // a varint
	f.Add([]byte("\x18\x96\x80\x00"), uint16(0))                              // longer than needed
	f.Add([]byte("\x18\x96"), uint16(0))                                      // cut
	f.Add(bytes.Repeat([]byte{0xff}, 9), uint16(0))                           // cut before its last byte
	f.Add(append(bytes.Repeat([]byte{0xff}, 9), 2), uint16(0))                // 65 bits
	f.Add(bytes.Repeat([]byte{0x80}, 10), uint16(0))                          // ten bytes, and more should follow
	f.Add(bytes.Repeat([]byte{0x80}, 12), uint16(1))                          // eleven
	f.Add([]byte("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), uint16(0)) // a length that lies
	f.Add([]byte("\x0b\x0c"), uint16(0))                                      // a group
	f.Add([]byte("\x07\x02\x00"), uint16(0))                                  // neither number nor type; field 0
	f.Add([]byte("\x82\x80\x80\x80\x10\x00"), uint16(0))                      // field 2^29
	f.Add([]byte("\x25\x01\x02\x03\x11\x01\x02\x03"), uint16(4))              // I64, cut
	f.Add([]byte{}, uint16(3))                                                // an offset past the end
	f.Fuzz(func(t *testing.T, msg []byte, at uint16) {
		r, off := rule.New(t, 15), int(at)
		before := bytes.Clone(msg)
		v, next, errs := oracleVarint(msg, off)
		mustAgree(r, varints, msg, off, v, next, errs)
		tag, next, errs := oracleTag(msg, off)
		mustAgree(r, tags, msg, off, tag, next, errs)
		field, next, errs := oracleField(msg, off)
		mustAgree(r, fields, msg, off, field, next, errs)
		if !bytes.Equal(msg, before) {
			rule.New(t, 12).Fatalf("reading at offset %#x changed msg\n\n%s", off, wire.Diff(msg, wire.Protobuf(before)))
		}
	})
}

// reader is a function of the kata that reads a T.
type reader[T any] struct {
	name string
	read func(msg []byte, off int) (T, int, error)
	text func(T) string
	same func(a, b T) bool
	show func(msg []byte, off int) string
}

var (
	varints = reader[uint64]{"Parse", varint.Parse, varintText, func(a, b uint64) bool { return a == b }, showVarint}
	tags    = reader[varint.Tag]{"ParseTag", varint.ParseTag, tagText, func(a, b varint.Tag) bool { return a == b }, showTag}
	fields  = reader[varint.Field]{"ParseField", varint.ParseField, fieldText, sameField, show}
)

func (rd reader[T]) call(msg []byte, off int) func() string {
	return func() string { return fmt.Sprintf("%s(msg, %#x)\n\n%s", rd.name, off, rd.show(msg, off)) }
}

func (rd reader[T]) do(r *rule.R, msg []byte, off int) (got T, next int, err error) {
	r.T().Helper()
	r.Do(rd.call(msg, off), func() { got, next, err = rd.read(msg, off) })
	return got, next, err
}

// mustRead reads msg at off and returns what it read, which is want.
func mustRead[T any](r *rule.R, rd reader[T], msg []byte, off int, want T, wantNext int) T {
	r.T().Helper()
	got, next, err := rd.do(r, msg, off)
	if err == nil && next == wantNext && rd.same(got, want) {
		return got
	}
	call := fmt.Sprintf("%s(msg, %#x) = ", rd.name, off)
	came := fmt.Sprintf("%s, next %#x", rd.text(got), next)
	if err != nil {
		came = fmt.Sprintf("error: %v", err)
	}
	r.Fatalf("%s%s\nwant %s%s, next %#x\n\n%s", call, came, indent(call), rd.text(want), wantNext, rd.show(msg, off))
	return got
}

// mustReadTag is mustRead for a tag with nothing behind it.
func mustReadTag(r *rule.R, msg []byte, off int, want varint.Tag) {
	r.T().Helper()
	mustRead(r, tags, msg, off, want, len(msg))
}

// mustFail reads msg at off, which has one of the errors wants.
func mustFail[T any](r *rule.R, rd reader[T], msg []byte, off int, wants ...error) {
	r.T().Helper()
	got, next, err := rd.do(r, msg, off)
	call := fmt.Sprintf("%s(msg, %#x) = ", rd.name, off)
	switch {
	case err == nil:
		r.Fatalf("%s%s, next %#x\nwant %serror: %s\n\n%s", call, rd.text(got), next, indent(call), sentinelsText(wants), rd.show(msg, off))
	case !isOneOf(err, wants):
		r.Fatalf("%serror: %v\nwant %s%s\n\n%s", call, err, indent(call), otherError(err, wants), rd.show(msg, off))
	}
}

// mustAgree reads msg at off, where the oracle has seen a value or wants errs.
func mustAgree[T any](r *rule.R, rd reader[T], msg []byte, off int, want T, next int, errs []error) {
	r.T().Helper()
	if len(errs) > 0 {
		mustFail(r, rd, msg, off, errs...)
		return
	}
	mustRead(r, rd, msg, off, want, next)
}

// mustReadAll reads a whole message, as protowire does.
func mustReadAll(r *rule.R, msg []byte) []varint.Field {
	r.T().Helper()
	var all []varint.Field
	for off := 0; off < len(msg); {
		want, next, errs := oracleField(msg, off)
		if len(errs) > 0 {
			panic(fmt.Sprint("a message of the test's own cannot be read: ", errs))
		}
		all = append(all, mustRead(r, fields, msg, off, want, next))
		off = next
	}
	return all
}

// mustReadCut reads a message that ends too early, perhaps between two fields.
func mustReadCut(r *rule.R, msg []byte) {
	r.T().Helper()
	for off := 0; off < len(msg); {
		want, next, errs := oracleField(msg, off)
		mustAgree(r, fields, msg, off, want, next, errs)
		if len(errs) > 0 {
			return
		}
		off = next
	}
}

// mustRewrite reads a message and writes its fields again.
func mustRewrite(r *rule.R, msg []byte) {
	r.T().Helper()
	var got []byte
	for _, f := range mustReadAll(r, msg) {
		var err error
		if got, err = appendTag(r, got, f.Tag); err != nil {
			r.Fatalf("AppendTag(b, %s) = error: %v\nwant no error: ParseField read it", tagText(f.Tag), err)
		}
		switch f.Type {
		case varint.Varint:
			got = appendVarint(r, got, f.Value)
		case varint.I64:
			got = binary.LittleEndian.AppendUint64(got, f.Value)
		case varint.I32:
			got = binary.LittleEndian.AppendUint32(got, uint32(f.Value))
		default:
			got = append(appendVarint(r, got, uint64(len(f.Bytes))), f.Bytes...)
		}
	}
	if diff := wire.Diff(got, wire.Protobuf(msg)); diff != "" {
		r.Fatalf("a message, read with ParseField, and written again with AppendTag and Append:\nother bytes (want: those that were read)\n\n%s", diff)
	}
}

func appendVarint(r *rule.R, b []byte, v uint64) (out []byte) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("Append(b, %s), b has %d bytes", varintText(v), len(b)) },
		func() { out = varint.Append(b, v) })
	return out
}

func appendTag(r *rule.R, b []byte, t varint.Tag) (out []byte, err error) {
	r.T().Helper()
	r.Do(func() string { return fmt.Sprintf("AppendTag(b, %s), b has %d bytes", tagText(t), len(b)) },
		func() { out, err = varint.AppendTag(b, t) })
	return out, err
}

func mustAppend(r *rule.R, b []byte, v uint64, want []byte) {
	r.T().Helper()
	before := bytes.Clone(b)
	if got := appendVarint(r, b, v); !bytes.Equal(got, want) {
		r.Fatalf("Append(b, %s), with b of %d bytes\n%s", varintText(v), len(before), otherBytes(got, before, want))
	}
}

func mustAppendTag(r *rule.R, b []byte, t varint.Tag, want []byte) {
	r.T().Helper()
	before := bytes.Clone(b)
	got, err := appendTag(r, b, t)
	if err != nil {
		r.Fatalf("AppendTag(b, %s) = error: %v\nwant no error: % x is appended", tagText(t), err, want[len(before):])
	}
	if !bytes.Equal(got, want) {
		r.Fatalf("AppendTag(b, %s), with b of %d bytes\n%s", tagText(t), len(before), otherBytes(got, before, want))
	}
}

// otherBytes says how what came back of an append differs from want.
func otherBytes(got, before, want []byte) string {
	if !bytes.HasPrefix(got, before) {
		return fmt.Sprintf("b was % x, and [% x] came back: want it as it was, and more behind it", before, got)
	}
	if len(got) == len(before) {
		return fmt.Sprintf("appended nothing, want % x", want[len(before):])
	}
	return fmt.Sprintf("appended % x\nwant     % x", got[len(before):], want[len(before):])
}

func mustRefuse(r *rule.R, t varint.Tag, want error) {
	r.T().Helper()
	got, err := appendTag(r, nil, t)
	call := fmt.Sprintf("AppendTag(nil, %s) = ", tagText(t))
	wants := []error{want}
	switch {
	case err == nil:
		r.Fatalf("%s[% x], nil error\nwant %serror: %s", call, got, indent(call), sentinelsText(wants))
	case !isOneOf(err, wants):
		r.Fatalf("%serror: %v\nwant %s%s", call, err, indent(call), otherError(err, wants))
	}
}

func mustFold(r *rule.R, v int64, u uint64) {
	r.T().Helper()
	var zig uint64
	var back int64
	r.Do(func() string { return fmt.Sprintf("ZigZag(%d)", v) }, func() { zig = varint.ZigZag(v) })
	if zig != u {
		r.Fatalf("ZigZag(%d) = %s\nwant %s%s", v, varintText(zig), indent(fmt.Sprintf("ZigZag(%d) = ", v)), varintText(u))
	}
	r.Do(func() string { return fmt.Sprintf("UnZigZag(%d)", u) }, func() { back = varint.UnZigZag(u) })
	if back != v {
		call := fmt.Sprintf("UnZigZag(%s) = ", varintText(u))
		r.Fatalf("%s%d\nwant %s%d", call, back, indent(call), v)
	}
}

// oracleVarint is what protowire makes of msg; errs are those that are right, of
// which there may be two.
func oracleVarint(msg []byte, off int) (v uint64, next int, errs []error) {
	rest := msg[min(off, len(msg)):]
	v, n := protowire.ConsumeVarint(rest)
	switch {
	case n >= 0:
		return v, off + n, nil
	case errors.Is(protowire.ParseError(n), io.ErrUnexpectedEOF):
		return 0, 0, []error{varint.ErrTruncated}
	case len(rest) == varint.MaxLen && rest[len(rest)-1] >= 0x80: // an eleventh would be too much, and is not there
		return 0, 0, []error{varint.ErrOverflow, varint.ErrTruncated}
	}
	return 0, 0, []error{varint.ErrOverflow}
}

// oracleTag is what the tag at off has to be. protowire itself takes numbers up
// to 2^31-1.
func oracleTag(msg []byte, off int) (t varint.Tag, next int, errs []error) {
	v, next, errs := oracleVarint(msg, off)
	if errs != nil {
		return t, 0, errs
	}
	if number := v >> 3; number == 0 || number > varint.MaxNumber {
		errs = append(errs, varint.ErrNumber)
	}
	if typ := v & 7; typ == 3 || typ == 4 || typ > 5 {
		errs = append(errs, varint.ErrType)
	}
	return tag(uint32(v>>3), varint.Type(v&7)), next, errs
}

// oracleField is what protowire makes of the field at off.
func oracleField(msg []byte, off int) (f varint.Field, next int, errs []error) {
	t, at, errs := oracleTag(msg, off)
	if errs != nil {
		return f, 0, errs
	}
	f.Tag = t
	var n int
	switch t.Type {
	case varint.Varint:
		f.Value, next, errs = oracleVarint(msg, at)
		return f, next, errs
	case varint.I64:
		f.Value, n = protowire.ConsumeFixed64(msg[at:])
	case varint.I32:
		var v uint32
		v, n = protowire.ConsumeFixed32(msg[at:])
		f.Value = uint64(v)
	default:
		if _, _, errs = oracleVarint(msg, at); errs != nil {
			return f, 0, errs
		}
		f.Bytes, n = protowire.ConsumeBytes(msg[at:])
	}
	if n < 0 {
		return f, 0, []error{varint.ErrTruncated}
	}
	return f, at + n, nil
}

// sameField compares what the fields' type makes use of.
func sameField(a, b varint.Field) bool {
	if a.Tag != b.Tag {
		return false
	}
	if a.Type == varint.Len {
		return bytes.Equal(a.Bytes, b.Bytes)
	}
	return a.Value == b.Value
}

func varintText(v uint64) string {
	if v>>63 == 1 {
		return fmt.Sprintf("%d (%#x)", v, v)
	}
	return fmt.Sprint(v)
}

func tagText(t varint.Tag) string {
	names := map[varint.Type]string{varint.Varint: "VARINT", varint.I64: "I64", varint.Len: "LEN", varint.I32: "I32"}
	if name := names[t.Type]; name != "" {
		return fmt.Sprintf("{field %d, %s}", t.Number, name)
	}
	return fmt.Sprintf("{field %d, type %d}", t.Number, t.Type)
}

func fieldText(f varint.Field) string {
	text := strings.TrimSuffix(tagText(f.Tag), "}")
	switch {
	case f.Type != varint.Len:
		return fmt.Sprintf("%s, %s}", text, varintText(f.Value))
	case len(f.Bytes) > 20:
		return fmt.Sprintf("%s, %d bytes: %q…}", text, len(f.Bytes), f.Bytes[:20])
	}
	return fmt.Sprintf("%s, %q}", text, f.Bytes)
}

// show lists msg field by field, with a mark where reading begins.
func show(msg []byte, off int) string {
	if len(msg) == 0 {
		return "msg is empty"
	}
	d := wire.Protobuf(msg)
	begins := func(f wire.Field) bool { return f.Off == off }
	if off < len(msg) && !slices.ContainsFunc(d.Fields, begins) {
		d = from(msg, off)
	}
	return d.Dump(wire.Mark{Off: off, Note: "it begins here"})
}

// from explains msg from off on, where no field of the whole message begins.
func from(msg []byte, off int) wire.Dissection {
	d := wire.Protobuf(msg[off:])
	d.Msg = msg
	for i := range d.Fields {
		d.Fields[i].Off += off
	}
	for i := range d.Faults {
		d.Faults[i].Off += off
	}
	d.Fields = slices.Insert(d.Fields, 0, wire.Field{Off: 0, Len: off, Text: "is not read"})
	return d
}

// showTag is showVarint, with what the varint says of a field.
func showTag(msg []byte, off int) string {
	v, _, errs := oracleVarint(msg, off)
	if errs != nil {
		return showVarint(msg, off)
	}
	return fmt.Sprintf("%s\nThe varint is %d << 3 | %d.", showVarint(msg, off), v>>3, v&7)
}

// showVarint lists msg with the bytes of the varint at off, each by itself.
func showVarint(msg []byte, off int) string {
	if len(msg) == 0 {
		return "msg is empty"
	}
	d := wire.Dissection{Msg: msg}
	for i := off; i < len(msg) && i < off+varint.MaxLen+1; i++ {
		more := "the last"
		if msg[i] >= 0x80 {
			more = "more follow"
		}
		d.Fields = append(d.Fields, wire.Field{Off: i, Len: 1, Text: fmt.Sprintf("%07b << %-2d  %s", msg[i]&0x7f, 7*(i-off), more)})
		if msg[i] < 0x80 {
			break
		}
	}
	return d.Dump(wire.Mark{Off: off, Note: "it begins here"})
}

// sentinels are the errors of the kata, with their names.
var sentinels = []struct {
	name string
	err  error
}{
	{"ErrTruncated", varint.ErrTruncated}, {"ErrOverflow", varint.ErrOverflow},
	{"ErrNumber", varint.ErrNumber}, {"ErrType", varint.ErrType},
}

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

// otherError says what was wanted instead of err.
func otherError(err error, wants []error) string {
	text := "error: " + sentinelsText(wants)
	for _, want := range wants {
		switch {
		case errors.Is(err, want):
			return text + ", and that alone"
		case strings.Contains(err.Error(), want.Error()):
			return text + "\nThe words are right, but errors.Is does not find the variable: return it,\nor wrap it with %w"
		}
	}
	return text
}

func indent(call string) string { return strings.Repeat(" ", max(0, len(call)-len("want "))) }

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	msg, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatalf("marshalling a message of the test's own: %v", err)
	}
	return msg
}
