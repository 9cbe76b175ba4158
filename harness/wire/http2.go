package wire

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// HTTP2 dissects what one side of an HTTP/2 connection sends, from its first
// byte: the client's preface, frames (RFC 9113, section 4.1), header lists, and
// in DATA frames the messages of gRPC.
func HTTP2(data []byte) Dissection {
	w := &h2Walk{pbWalk: pbWalk{msg: data}, inside: map[uint32]*begun{}}
	w.hpack = hpack.NewDecoder(4096, func(f hpack.HeaderField) { w.headers = append(w.headers, f.Name+": "+f.Value) })
	if strings.HasPrefix(string(data), http2.ClientPreface) {
		w.field(len(http2.ClientPreface), "preface", "of the client (RFC 9113, 3.4)")
	}
	for n := 1; w.off < len(data) && w.frame(n); n++ {
	}
	w.rest()
	return w.done("http2")
}

const frameHeaderLen = 9

// h2Walk goes through frames.
type h2Walk struct {
	pbWalk
	hpack   *hpack.Decoder
	headers []string
	inside  map[uint32]*begun // messages that go on in the next DATA frame, by stream
}

func (w *h2Walk) frame(n int) bool {
	w.end = len(w.msg)
	left := w.end - w.off
	if left < frameHeaderLen {
		return w.fault(w.end, "the bytes end here: the header of a frame takes 9, %s (RFC 9113, 4.1)", only(left, "left"))
	}
	at := w.off
	length := int(bigEndian(w.msg[at : at+3]))
	typ := http2.FrameType(w.msg[at+3])
	flags := w.msg[at+4]
	stream := uint32(bigEndian(w.msg[at+5:at+9])) & 0x7fffffff
	w.section = fmt.Sprintf("frame %d: %v", n, typ)
	w.field(3, "length", count(length, "byte"))
	w.field(1, "type", fmt.Sprintf("%d %v", uint8(typ), typ))
	w.field(1, "flags", flagText(typ, flags))
	w.field(4, "stream", strconv.FormatUint(uint64(stream), 10))
	if length > len(w.msg)-w.off {
		return w.fault(len(w.msg), "the bytes end here: the frame takes %s, %s (RFC 9113, 4.1)", count(length, "byte"), only(len(w.msg)-w.off, "left"))
	}
	w.end = w.off + length
	if !w.payload(typ, flags, stream) {
		return false
	}
	n = w.end - w.off
	w.field(n, "", count(n, "byte"))
	return true
}

func (w *h2Walk) payload(typ http2.FrameType, flags byte, stream uint32) bool {
	size := w.end - w.off
	switch {
	case typ == http2.FrameData && flags&8 == 0: // not padded
		if w.inside[stream] == nil {
			w.inside[stream] = new(begun)
		}
		return w.prefixed(w.inside[stream])
	case typ == http2.FrameHeaders && flags&(8|0x20) == 0, typ == http2.FrameContinuation:
		w.headers = nil
		_, err := w.hpack.Write(w.msg[w.off:w.end])
		if flags&4 != 0 && err == nil {
			err = w.hpack.Close()
		}
		if err != nil {
			return w.fault(w.off, "the header list cannot be read: %v (RFC 7541)", err)
		}
		w.field(size, "headers", strings.Join(w.headers, "; "))
	case typ == http2.FrameSettings:
		for w.end-w.off >= 6 {
			id := http2.SettingID(bigEndian(w.msg[w.off : w.off+2]))
			w.field(6, id.String(), strconv.FormatUint(bigEndian(w.msg[w.off+2:w.off+6]), 10))
		}
	case typ == http2.FrameWindowUpdate && size == 4:
		w.field(4, "increment", strconv.FormatUint(bigEndian(w.msg[w.off:w.end])&0x7fffffff, 10))
	case typ == http2.FrameRSTStream && size == 4:
		w.field(4, "error", http2.ErrCode(bigEndian(w.msg[w.off:w.end])).String())
	case typ == http2.FramePing && size == 8:
		w.field(8, "", "8 bytes that the answer repeats")
	case typ == http2.FrameGoAway && size >= 8:
		w.field(4, "last stream", strconv.FormatUint(bigEndian(w.msg[w.off:w.off+4])&0x7fffffff, 10))
		w.field(4, "error", http2.ErrCode(bigEndian(w.msg[w.off:w.off+4])).String())
		w.field(w.end-w.off, "debug data", shortText(w.msg[w.off:w.end]))
	}
	return true
}

// flagText names the flags of gRPC's frames.
func flagText(typ http2.FrameType, flags byte) string {
	text := fmt.Sprintf("0x%02x", flags)
	for _, f := range frameFlags[typ] {
		if flags&f.bit != 0 {
			text += " " + f.name
		}
	}
	return text
}

var frameFlags = map[http2.FrameType][]struct {
	bit  byte
	name string
}{
	http2.FrameData:         {{1, "END_STREAM"}, {8, "PADDED"}},
	http2.FrameHeaders:      {{1, "END_STREAM"}, {4, "END_HEADERS"}, {8, "PADDED"}, {0x20, "PRIORITY"}},
	http2.FrameContinuation: {{4, "END_HEADERS"}},
	http2.FrameSettings:     {{1, "ACK"}},
	http2.FramePing:         {{1, "ACK"}},
}
