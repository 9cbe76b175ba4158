package wire_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/example/netkata/harness/wire"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// A real message: texts, a message in a message, a number of ten bytes.
func TestProtobuf(t *testing.T) {
	msg, err := proto.Marshal(&podsv1.GetPodResponse{Pod: &podsv1.Pod{Namespace: "shop", Phase: podsv1.Phase_PHASE_RUNNING,
		CreateTime: &timestamppb.Timestamp{Seconds: 150}, Version: -1}})
	if err != nil {
		t.Fatal(err)
	}
	want := `  0x00  0a                       field 1 LEN
  0x01  18                       length 24
  0x02  0a                       field 1.1 LEN
  0x03  04                       length 4
  0x04  73 68 6f 70              "shop"
  0x08  18                       field 1.3 VARINT
  0x09  02                       2
  0x0a  32                       field 1.6 LEN
  0x0b  03                       length 3
  0x0c  08                       field 1.6.1 VARINT
  0x0d  96 01                    150
  0x0f  38                       field 1.7 VARINT
  0x10  ff ff ff ff ff ff ff ff  18446744073709551615, as int64 -1
  0x18  ff 01
`
	if got := wire.Protobuf(msg).Dump(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Where bytes stop making sense, it says so, and by what.
func TestGRPCFaults(t *testing.T) {
	for _, test := range []struct {
		name    string
		dissect func([]byte) wire.Dissection
		msg     string
		off     int
		why     string
	}{
		{"a tag that is cut", wire.Protobuf, "\x80", 1, "in a tag"},
		{"a varint that is cut", wire.Protobuf, "\x08\x96", 2, "in a varint"},
		{"a varint of eleven bytes", wire.Protobuf, "\x08" + strings.Repeat("\x80", 10) + "\x01", 1, "more than 64 bits"},
		{"field 0", wire.Protobuf, "\x00\x00", 0, "field number 0"},
		{"wire type 7", wire.Protobuf, "\x0f\x00", 0, "wire type 7"},
		{"a length that lies", wire.Protobuf, "\x0a\x05ab", 1, "the length is 5, but only 2 are left"},
		{"half a double", wire.Protobuf, "\x09\x00\x00", 3, "I64 takes 8 bytes, only 2 are left"},
		{"half a float", wire.Protobuf, "\x0d\x00", 2, "I32 takes 4 bytes, only 1 is left"},
		{"half a prefix", wire.GRPC, "\x00\x00\x00", 3, "a prefix takes 5, only 3 are here"},
		{"a flag of 2", wire.GRPC, "\x02\x00\x00\x00\x00", 0, "the flag is 2"},
		{"half a message", wire.GRPC, "\x00\x00\x00\x00\x04\x08\x01", 7, "the message takes 4 bytes, only 2 are left"},
		{"half a frame's header", wire.HTTP2, "\x00\x00\x00\x04", 4, "takes 9, only 4 are left"},
		{"half a frame", wire.HTTP2, "\x00\x00\x08\x06\x00\x00\x00\x00\x00ping", 13, "the frame takes 8 bytes, only 4 are left"},
		{"a header list that is none", wire.HTTP2, "\x00\x00\x01\x01\x04\x00\x00\x00\x01\xff", 9, "cannot be read"},
	} {
		d := test.dissect([]byte(test.msg))
		covered(t, d)
		if len(d.Faults) != 1 || d.Faults[0].Off != test.off || !strings.Contains(d.Faults[0].Why, test.why) {
			t.Errorf("%s: faults %v, want one at %#x that says %q", test.name, d.Faults, test.off, test.why)
		}
	}
}

// A message goes on from one DATA frame to the next, and so does a prefix.
func TestHTTP2Split(t *testing.T) {
	msg := "\x00\x00\x00\x00\x04\x0a\x02hi"
	for at := 1; at < len(msg); at++ {
		var data string
		for _, part := range []string{msg[:at], msg[at:] + msg} {
			data += "\x00\x00" + string(rune(len(part))) + "\x00\x00\x00\x00\x00\x01" + part
		}
		d := wire.HTTP2([]byte(data))
		covered(t, d)
		if len(d.Faults) > 0 || !strings.Contains(d.Dump(), `"hi"`) {
			t.Errorf("cut at %d:\n%s", at, d.Dump())
		}
	}
}

// What grpc-go sends is understood to its last byte, and the files hold it as
// the dissector says it today.
func TestGRPCCaptured(t *testing.T) {
	for _, golden := range goldens(t, "grpc/captured") {
		d := wire.HTTP2(golden.Msg)
		if len(d.Faults) > 0 || golden.Protocol != "http2" {
			t.Errorf("%s: protocol %q, faults %v", golden.Name, golden.Protocol, d.Faults)
		}
		covered(t, d)
		roundTrip(t, d)
	}
}

// Any bytes are covered, whatever protocol they are taken for.
func FuzzGRPC(f *testing.F) {
	for _, golden := range goldens(f, "grpc/captured") {
		f.Add(golden.Msg)      // frames
		f.Add(golden.Msg[30:]) // something else
	}
	f.Add([]byte("\x0a\x02\x08\x01"))                         // a message in a message
	f.Add([]byte(strings.Repeat("\x0a\x7e", 60)))             // messages in messages
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")) // empty messages
	f.Fuzz(func(t *testing.T, msg []byte) {
		for _, dissect := range []func([]byte) wire.Dissection{wire.Protobuf, wire.GRPC, wire.HTTP2} {
			d := dissect(msg)
			covered(t, d)
			roundTrip(t, d)
		}
	})
}
