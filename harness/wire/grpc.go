package wire

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Protobuf dissects a protobuf message of unknown type: each tag, each length,
// each value (protobuf, encoding). What stands behind a length is shown as text
// where it is text, as a message where it can be one, and as octets otherwise:
// the bytes alone do not say. It takes any bytes: Faults say where they stop
// making sense.
func Protobuf(msg []byte) Dissection {
	w := &pbWalk{msg: msg, end: len(msg)}
	w.message("", 0)
	w.rest()
	return w.done("protobuf")
}

// GRPC dissects what one side of a gRPC call sends: messages behind prefixes of
// five bytes (gRPC over HTTP/2, Length-Prefixed-Message). In them it sees what
// Protobuf sees.
func GRPC(data []byte) Dissection {
	w := &pbWalk{msg: data, end: len(data)}
	w.prefixed(nil)
	w.rest()
	return w.done("grpc")
}

const (
	maxNested = 50 // messages within messages
	maxText   = 48 // characters of a text in a label
)

// pbWalk goes through a message, or through several. Each step returns false
// where it cannot go on.
type pbWalk struct {
	msg     []byte
	off     int // of the next byte
	end     int // of what is being read
	fields  []Field
	faults  []Fault
	section string // title for the next field
}

func (w *pbWalk) done(protocol string) Dissection {
	return Dissection{Protocol: protocol, Msg: w.msg, Fields: w.fields, Faults: w.faults}
}

func (w *pbWalk) field(n int, name, text string) {
	if n == 0 {
		return
	}
	w.fields = append(w.fields, Field{Off: w.off, Len: n, Section: w.section, Name: name, Text: text})
	w.section = ""
	w.off += n
}

func (w *pbWalk) fault(off int, format string, args ...any) bool {
	if len(w.faults) < maxFaults {
		w.faults = append(w.faults, Fault{Off: off, Why: fmt.Sprintf(format, args...)})
	}
	return false
}

func (w *pbWalk) rest() {
	n := len(w.msg) - w.off
	w.field(n, "", count(n, "byte")+" not explained")
}

// begun is what of a message the DATA frames before have brought.
type begun struct {
	prefix  []byte // of less than 5 bytes
	missing int    // bytes of the message, once its prefix is whole
}

const (
	prefixLen    = 5
	prefixSource = "gRPC over HTTP/2, Length-Prefixed-Message"
)

// prefixed reads messages with their prefixes up to w.end. b has what is begun
// on a stream whose messages may go on in the next frame; else it is nil.
func (w *pbWalk) prefixed(b *begun) bool {
	for n := 1; w.off < w.end; n++ {
		if b != nil && b.missing > 0 {
			more := min(b.missing, w.end-w.off)
			b.missing -= more
			w.field(more, "", "the message goes on")
			continue
		}
		w.section = "message " + strconv.Itoa(n)
		flag, length, ok := w.prefix(b)
		if !ok {
			return b != nil && w.off == w.end // the next frame has the rest
		}
		left := w.end - w.off
		switch {
		case length > left && b == nil:
			return w.fault(w.end, "the bytes end here: the message takes %s, %s (%s)", count(length, "byte"), only(left, "left"), prefixSource)
		case length > left:
			b.missing = length - left
			w.field(left, "", "the message begins")
		case flag == 1:
			w.field(length, "", count(length, "byte")+", compressed")
		default:
			outer := w.end
			w.end = w.off + length
			ok := w.message("", 0)
			w.end = outer
			if !ok {
				return false
			}
		}
	}
	return true
}

// prefix reads a prefix, or the rest of one.
func (w *pbWalk) prefix(b *begun) (flag byte, length int, ok bool) {
	var before []byte
	if b != nil {
		before = b.prefix
	}
	whole := append(before[:len(before):len(before)], w.msg[w.off:min(w.end, w.off+prefixLen-len(before))]...)
	if whole[0] > 1 {
		return 0, 0, w.fault(w.off, "the flag is %d, but only 0 and 1 mean something (gRPC over HTTP/2, Compressed-Flag)", whole[0])
	}
	if len(before) == 0 {
		w.field(1, "compressed", [...]string{"0 no", "1 yes, as grpc-encoding says"}[whole[0]])
	}
	n := len(whole) - max(1, len(before)) // bytes of the length
	switch {
	case len(whole) == prefixLen:
		length = int(bigEndian(whole[1:]))
		w.field(n, "length", count(length, "byte"))
		if b != nil {
			b.prefix = nil
		}
		return whole[0], length, true
	case b == nil:
		return 0, 0, w.fault(w.end, "the bytes end here: a prefix takes 5, %s (%s)", only(len(whole), "here"), prefixSource)
	}
	b.prefix = whole
	w.field(n, "length", "cut here: the next DATA frame has the rest")
	return 0, 0, false
}

// message reads fields up to w.end. path is where the message stands: "" or the
// numbers of the fields around it, "2.1.".
func (w *pbWalk) message(path string, depth int) bool {
	for w.off < w.end {
		at := w.off
		v, n := protowire.ConsumeVarint(w.msg[at:w.end])
		if n < 0 {
			return w.badVarint(n, "a tag")
		}
		number, typ := v>>3, protowire.Type(v&7)
		if number == 0 || number > uint64(protowire.MaxValidNumber) {
			return w.fault(at, "field number %d: it goes from 1 to 2^29-1 (protobuf, encoding)", number)
		}
		name := "field " + path + strconv.FormatUint(number, 10)
		if typ > 5 {
			return w.fault(at, "%s has wire type %d, which means nothing (protobuf, encoding)", name, typ)
		}
		w.field(n, name, pbTypes[typ])
		if !w.value(typ, path+strconv.FormatUint(number, 10)+".", depth) {
			return false
		}
	}
	return true
}

var pbTypes = [...]string{"VARINT", "I64", "LEN", "SGROUP", "EGROUP", "I32"}

func (w *pbWalk) value(typ protowire.Type, path string, depth int) bool {
	switch typ {
	case protowire.VarintType:
		v, n := protowire.ConsumeVarint(w.msg[w.off:w.end])
		if n < 0 {
			return w.badVarint(n, "a varint")
		}
		text := strconv.FormatUint(v, 10)
		if int64(v) < 0 {
			text += ", as int64 " + strconv.FormatInt(int64(v), 10)
		}
		if n > protowire.SizeVarint(v) {
			text += ", longer than it has to be"
		}
		w.field(n, "", text)
	case protowire.Fixed64Type:
		if !w.need(8, "I64") {
			return false
		}
		v, _ := protowire.ConsumeFixed64(w.msg[w.off:])
		w.field(8, "", fmt.Sprintf("%d, as double %v", v, math.Float64frombits(v)))
	case protowire.Fixed32Type:
		if !w.need(4, "I32") {
			return false
		}
		v, _ := protowire.ConsumeFixed32(w.msg[w.off:])
		w.field(4, "", fmt.Sprintf("%d, as float %v", v, math.Float32frombits(v)))
	case protowire.BytesType:
		return w.length(path, depth)
	}
	return true // groups have no value of their own: their fields follow
}

// length reads a length and what stands behind it.
func (w *pbWalk) length(path string, depth int) bool {
	at := w.off
	v, n := protowire.ConsumeVarint(w.msg[at:w.end])
	if n < 0 {
		return w.badVarint(n, "a length")
	}
	w.field(n, "length", strconv.FormatUint(v, 10))
	if v > uint64(w.end-w.off) {
		return w.fault(at, "the length is %d, but %s (protobuf, encoding)", v, only(w.end-w.off, "left"))
	}
	body := w.msg[w.off : w.off+int(v)]
	switch {
	case isWords(body):
		w.field(len(body), "", shortText(body))
	case depth < maxNested && isMessage(body, depth+1):
		outer := w.end
		w.end = w.off + len(body)
		w.message(path, depth+1)
		w.end = outer
	default:
		w.field(len(body), "", count(len(body), "byte"))
	}
	return true
}

func (w *pbWalk) need(n int, what string) bool {
	if w.end-w.off >= n {
		return true
	}
	return w.fault(w.end, "the message ends here: %s takes %s, %s (protobuf, encoding)", what, count(n, "byte"), only(w.end-w.off, "left"))
}

func (w *pbWalk) badVarint(n int, what string) bool {
	if w.end-w.off < 10 && n < 0 && allContinue(w.msg[w.off:w.end]) {
		return w.fault(w.end, "the message ends here, in %s: the high bit of its last byte says that more follow (protobuf, encoding)", what)
	}
	return w.fault(w.off, "%s has more than 64 bits (protobuf, encoding)", what)
}

func allContinue(p []byte) bool {
	for _, c := range p {
		if c < 0x80 {
			return false
		}
	}
	return true
}

// isWords says whether p is what people would call text.
func isWords(p []byte) bool {
	if len(p) == 0 || !utf8.Valid(p) {
		return false
	}
	return !strings.ContainsFunc(string(p), func(c rune) bool { return !unicode.IsPrint(c) && c != '\n' && c != '\t' })
}

func shortText(p []byte) string {
	text := []rune(string(p))
	if len(text) <= maxText {
		return strconv.Quote(string(text))
	}
	return strconv.Quote(string(text[:maxText])) + " …"
}

// isMessage says whether p can be a message, down to its last byte.
func isMessage(p []byte, depth int) bool {
	if len(p) == 0 || depth > maxNested {
		return false
	}
	for len(p) > 0 {
		number, typ, n := protowire.ConsumeField(p)
		if n < 0 || number < 1 || typ == protowire.StartGroupType || typ == protowire.EndGroupType {
			return false
		}
		p = p[n:]
	}
	return true
}
