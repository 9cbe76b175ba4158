package wire

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseHex reads annotated hex, such as the goldens below testdata:
//
//	# A name and a pointer to it (RFC 1035, section 4.1.4).
//
//	# the first name
//	0x00: 07 65 78 61 6d 70 6c 65  # 7 "example"
//	0x08: 03 63 6f 6d              # 3 "com"; an indented remark goes on
//	                               # with the one above
//	0x0c: 00                       # the end
//
//	# the second name
//	0x0d: c0 00                    # pointer to 0x00
//
// A row holds octets of two hex digits each, in any grouping, and what they
// mean behind "#". It begins a Field; a row without "#" goes on with the field
// above. The offset in front ("0x0c:", "0c:" or "0x0c ") may be left out; one
// that does not fit is an error. A remark on a line of its own, at its left
// edge, is the Section of the row below it. The remarks in front of the first
// row, up to a blank line, are the Head; remarks behind the last row are
// dropped. "# ! 0x0c why" is a Fault, as Hex writes it.
//
// Where the remarks are those of a dissector, Protocol says which, and a label
// is split into Name and Text again; otherwise it is Text.
//
// An error reads "name:line: character n: what is wrong".
func ParseHex(name string, src []byte) (Dissection, error) {
	r := hexReader{d: Dissection{Name: name}}
	text := strings.TrimPrefix(string(src), "\ufeff") // some editors put a mark there
	for i, line := range strings.Split(text, "\n") {
		if err := r.line(strings.TrimSuffix(line, "\r")); err != nil {
			return Dissection{}, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
	}
	return recognise(r.end()), nil
}

// hexReader holds what ParseHex knows between two lines.
type hexReader struct {
	d       Dissection
	remarks []string // on lines of their own, waiting for the row they belong to
	last    lineKind // of the line above
}

type lineKind int

const (
	blankLine lineKind = iota
	remarkLine
	faultLine
	rowLine
)

func (r *hexReader) line(line string) error {
	if err := printable(line); err != nil {
		return err
	}
	code, remark, hasRemark := strings.Cut(line, "#")
	remark = strings.ReplaceAll(remark, "\t", " ") // as Hex would write it
	switch {
	case strings.TrimSpace(code) != "":
		return r.row(code, strings.TrimSpace(remark), hasRemark)
	case hasRemark:
		r.remark(strings.TrimRight(strings.TrimPrefix(remark, " "), " \t"), code != "")
	default:
		r.blank()
	}
	return nil
}

func (r *hexReader) blank() {
	if len(r.d.Fields) == 0 && len(r.remarks) > 0 {
		r.d.Head = append(r.d.Head, append(r.remarks, "")...)
		r.remarks = nil
	}
	r.last = blankLine
}

var faultRemark = regexp.MustCompile(`^! 0x([0-9a-f]{1,8}) +(.+)$`)

func (r *hexReader) remark(text string, indented bool) {
	if m := faultRemark.FindStringSubmatch(text); m != nil {
		off, _ := strconv.ParseUint(m[1], 16, 32) // the pattern leaves nothing else
		r.d.Faults = append(r.d.Faults, Fault{Off: int(off), Why: m[2]})
		r.last = faultLine
		return
	}
	trimmed := strings.TrimSpace(text)
	switch {
	case r.last == faultLine && strings.HasPrefix(text, "  "):
		r.d.Faults[len(r.d.Faults)-1].Why += " " + trimmed
	case r.last == rowLine && indented:
		f := &r.d.Fields[len(r.d.Fields)-1]
		f.Text = strings.TrimSpace(f.Text + " " + trimmed)
	default:
		r.remarks = append(r.remarks, text)
		r.last = remarkLine
	}
}

func (r *hexReader) row(code, remark string, hasRemark bool) error {
	from := len(r.d.Msg)
	if err := r.octets(code); err != nil {
		return err
	}
	r.last = rowLine
	n := len(r.d.Msg) - from
	if len(r.d.Fields) > 0 && !hasRemark && len(r.remarks) == 0 {
		r.d.Fields[len(r.d.Fields)-1].Len += n
		return nil
	}
	for i, s := range r.remarks {
		r.remarks[i] = strings.TrimSpace(s)
	}
	r.d.Fields = append(r.d.Fields, Field{Off: from, Len: n, Section: strings.Join(r.remarks, "\n"), Text: remark})
	r.remarks = nil
	return nil
}

// octets reads what stands in front of the remark: an offset or none, and octets.
func (r *hexReader) octets(code string) error {
	words := splitWords(code)
	if w := words[0]; w.isOffset() {
		rest, err := r.offset(w)
		if err != nil {
			return err
		}
		words = words[1:]
		if rest.text != "" {
			words = append([]word{rest}, words...)
		}
		if len(words) == 0 {
			return fmt.Errorf("character %d: an offset without octets", w.column)
		}
	}
	for _, w := range words {
		if err := r.word(w); err != nil {
			return err
		}
	}
	return nil
}

// offset checks the offset that w begins with, and returns what follows its colon.
func (r *hexReader) offset(w word) (rest word, err error) {
	digits, after, _ := strings.Cut(w.text, ":")
	rest = word{after, w.column + len(digits) + 1}
	number := word{digits, w.column}
	if cut, ok := strings.CutPrefix(strings.ToLower(digits), "0x"); ok {
		number = word{cut, w.column + 2}
	}
	if err := number.allHex(); err != nil {
		return rest, err
	}
	v, err := strconv.ParseUint(number.text, 16, 32)
	if err != nil {
		return rest, fmt.Errorf("character %d: %q is no offset: it needs one to eight hex digits", w.column, digits)
	}
	if int(v) != len(r.d.Msg) {
		return rest, fmt.Errorf("character %d: the offset says 0x%02x, but this row begins at 0x%02x (%s above it)",
			w.column, v, len(r.d.Msg), count(len(r.d.Msg), "octet"))
	}
	return rest, nil
}

func (r *hexReader) word(w word) error {
	if strings.HasPrefix(strings.ToLower(w.text), "0x") {
		return fmt.Errorf("character %d: octets are written without 0x: %s", w.column, w.text[2:])
	}
	if err := w.allHex(); err != nil {
		return err
	}
	if len(w.text)%2 != 0 {
		return fmt.Errorf("character %d: %s has %s, but an octet has two", w.column, w.text, count(len(w.text), "digit"))
	}
	for i := 0; i < len(w.text); i += 2 {
		v, _ := strconv.ParseUint(w.text[i:i+2], 16, 8) // allHex has checked it
		r.d.Msg = append(r.d.Msg, byte(v))
	}
	return nil
}

// end returns what was read once there is no further line.
func (r *hexReader) end() Dissection {
	if len(r.d.Fields) == 0 {
		r.d.Head = append(r.d.Head, r.remarks...)
	}
	for n := len(r.d.Head); n > 0 && r.d.Head[n-1] == ""; n-- {
		r.d.Head = r.d.Head[:n-1]
	}
	return r.d
}

// word is a run of characters that are not spaces; column counts characters
// from 1.
type word struct {
	text   string
	column int
}

func splitWords(s string) []word {
	var out []word
	column, inside := 0, false
	for _, c := range s {
		column++
		space := c == ' ' || c == '\t'
		switch {
		case space:
		case inside:
			out[len(out)-1].text += string(c)
		default:
			out = append(out, word{string(c), column})
		}
		inside = !space
	}
	return out
}

func (w word) isOffset() bool {
	return strings.Contains(w.text, ":") || strings.HasPrefix(strings.ToLower(w.text), "0x")
}

func (w word) allHex() error {
	column := w.column
	for _, c := range w.text {
		if !strings.ContainsRune("0123456789abcdefABCDEF", c) {
			return fmt.Errorf("character %d: %q is not a hex digit (remarks stand behind #)", column, c)
		}
		column++
	}
	return nil
}

// printable refuses what a terminal would obey instead of showing it.
func printable(line string) error {
	column := 0
	for i, c := range line {
		column++
		if _, size := utf8.DecodeRuneInString(line[i:]); c == utf8.RuneError && size == 1 {
			return fmt.Errorf("character %d: the byte 0x%02x is not text (UTF-8)", column, line[i])
		}
		if c != '\t' && !unicode.IsPrint(c) {
			return fmt.Errorf("character %d: %q cannot be printed", column, c)
		}
	}
	return nil
}

// recognise finds the dissector whose labels most fields of d carry, and takes
// what d's file cannot hold from it: which part of a label is the name.
func recognise(d Dissection) Dissection {
	for _, name := range slices.Sorted(maps.Keys(protocols)) {
		known := map[int]Field{}
		for _, f := range protocols[name].dissect(d.Msg).Fields {
			known[f.Off] = f
		}
		same := 0
		fields := make([]Field, len(d.Fields))
		for i, f := range d.Fields {
			k := known[f.Off]
			if k.Len == f.Len && oneLine(k.Label()) == f.Text {
				same++
				f.Name, f.Text = k.Name, k.Text
			}
			fields[i] = f
		}
		if same*2 > len(fields) {
			d.Protocol, d.Fields = name, fields
			return d
		}
	}
	return d
}

// The columns of a row in the annotated form.
const (
	rowOctets  = 8
	hexColumns = rowOctets*3 - 1
	fileWidth  = 80
)

// Hex returns the annotated form, which ParseHex reads back: the same octets,
// fields, labels (as Text), sections and faults. head, a line each, or else
// d.Head, stands in front; where the bytes came from belongs there.
func (d Dissection) Hex(head ...string) []byte {
	if len(head) == 0 {
		head = d.Head
	}
	var b []byte
	if len(head) > 0 {
		for line := range strings.SplitSeq(strings.TrimRight(strings.Join(head, "\n"), "\n"), "\n") {
			b = appendRemark(b, oneLine(line))
		}
	}
	digits := offsetDigits(len(d.Msg))
	faults := d.Faults
	for i, f := range d.covered() {
		if len(b) > 0 && (f.Section != "" || i == 0) {
			b = append(b, '\n')
		}
		b = d.appendField(b, f, i == 0, digits)
		for len(faults) > 0 && faults[0].Off < f.End() {
			b, faults = appendFault(b, faults[0], digits), faults[1:]
		}
	}
	for _, x := range faults {
		b = appendFault(b, x, digits)
	}
	return b
}

func (d Dissection) appendField(b []byte, f Field, first bool, digits int) []byte {
	if f.Section != "" {
		for line := range strings.SplitSeq(f.Section, "\n") {
			b = appendRemark(b, strings.TrimSpace(oneLine(line)))
		}
	}
	margin := len("0x: ") + digits + hexColumns + len("  ")
	label := wrap(strings.TrimSpace(oneLine(f.Label())), fileWidth-margin-len("# "), false)
	if label[0] == "" && (first || f.Section != "") {
		label = nil // it begins a field anyhow
	}
	for at := f.Off; at < f.End(); at += rowOctets {
		start := len(b)
		b = append(appendOffset(b, at, digits), ": "...)
		b = appendHex(b, d.Msg[at:min(at+rowOctets, f.End())])
		if len(label) == 0 {
			b = append(b, '\n')
		}
		for ; len(label) > 0; label = label[1:] {
			b = appendRemark(pad(b, start+margin), label[0])
			start = len(b)
		}
	}
	return b
}

func appendRemark(b []byte, text string) []byte {
	b = append(b, '#')
	if text != "" {
		b = append(append(b, ' '), text...)
	}
	return append(b, '\n')
}

func appendFault(b []byte, x Fault, digits int) []byte {
	b = append(appendOffset(append(b, "# ! "...), x.Off, digits), ' ')
	for i, line := range wrap(strings.TrimSpace(oneLine(x.Why)), fileWidth-len("# ! 0x000c "), false) {
		if i > 0 {
			b = append(b, "#     "...)
		}
		b = append(append(b, line...), '\n')
	}
	return b
}

// oneLine makes one printable line of s.
func oneLine(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(c rune) rune {
		if ' ' <= c && c <= '~' || c == '…' || unicode.IsPrint(c) && c != utf8.RuneError {
			return c
		}
		return ' '
	}, s)
}

// plain says whether s is printable ASCII and ellipses.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if ' ' <= s[i] && s[i] <= '~' {
			continue
		}
		if !strings.HasPrefix(s[i:], "…") {
			return false
		}
		i += len("…") - 1
	}
	return true
}
