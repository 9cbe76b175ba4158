// Package wire shows bytes to people: it reads and writes annotated hex,
// dissects messages into fields, lists them, and explains how one message
// differs from another.
//
// In a test, one call gives the whole message:
//
//	want := wire.Load(t, "dns/message/answer.hex")
//	if diff := wire.Diff(got, want); diff != "" {
//		r.Errorf("Append(nil, m)\n\n%s", diff)
//	}
//
// In the text of a failure, d.Dump(wire.Mark{Off: next, Note: "you went on
// here"}) shows a message with the place that matters.
//
// Listings and differences have lines of at most 72 columns, so that they stay
// within 80 after the indentation of go test, and no colour.
//
// How a message is read, written, listed and compared does not depend on its
// protocol. What is known of a protocol is a function such as DNS, and an entry
// in protocols.
package wire

// Dissection is a message and what its bytes mean. The zero value is an empty
// message.
type Dissection struct {
	Name     string   // where it came from: "testdata/dns/name/pointer.hex", or ""
	Head     []string // the comment lines at the head of its file
	Protocol string   // what dissected it: "dns", or "" for none
	Msg      []byte
	Fields   []Field // in order, each byte in exactly one
	Faults   []Fault // in order; none when all of it makes sense
}

// Field is a stretch of a message that has one meaning.
type Field struct {
	Off, Len int    // bytes, from the start of the message; Len is at least 1
	Section  string // what begins here: "answer 2 of 3", or "" within a section
	Name     string // "TTL"; "" where the text says it all
	Text     string // "3600 s"
}

// Label returns name and text in one, as listings show them: "TTL 3600 s".
func (f Field) Label() string {
	if f.Name == "" || f.Text == "" {
		return f.Name + f.Text
	}
	return f.Name + " " + f.Text
}

// End returns the offset behind the field.
func (f Field) End() int { return f.Off + f.Len }

// Fault is a place where a message does not make sense.
type Fault struct {
	Off int    // of the field at fault, or the length of a message that ends too early
	Why string // what is wrong and by which RFC
}

// Mark points at a byte in a listing.
type Mark struct {
	Off  int
	Note string // "you stopped before this"
}

// Bytes is the Dissection of a message of no known protocol: one field.
func Bytes(msg []byte) Dissection {
	d := Dissection{Msg: msg}
	if len(msg) > 0 {
		d.Fields = []Field{{Len: len(msg)}}
	}
	return d
}

// covered returns the fields such that each byte of the message is in exactly
// one, whatever d.Fields says: a Dissection may be made by hand.
func (d Dissection) covered() []Field {
	at := 0
	for _, f := range d.Fields {
		if f.Off != at || f.Len < 1 {
			return d.mended()
		}
		at = f.End()
	}
	if at != len(d.Msg) {
		return d.mended()
	}
	return d.Fields
}

// mended drops what overlaps or lies outside, and fills gaps with nameless
// fields.
func (d Dissection) mended() []Field {
	var out []Field
	at := 0
	for _, f := range d.Fields {
		if f.Off < at || f.Len < 1 || f.Len > len(d.Msg)-f.Off {
			continue
		}
		if f.Off > at {
			out = append(out, Field{Off: at, Len: f.Off - at})
		}
		out = append(out, f)
		at = f.End()
	}
	if at < len(d.Msg) {
		out = append(out, Field{Off: at, Len: len(d.Msg) - at})
	}
	return out
}
