package wire

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	lineWidth = 72 // of everything that tests print

	longField = 16 // rows; a longer field is shown by its first and last rows
	headRows  = 8  // of a long field

	manyFields = 100 // in more, only what stands near a mark is shown
	fieldsFrom = 12  // fields shown before a mark
	fieldsTo   = 6   // and behind it
)

// Dump lists the message field by field: offsets, octets, meaning, and beneath
// a field what is wrong with it, after "!". The row of each mark begins with
// ">" and ends with its note ("<- you stopped before this"); a mark may stand
// at the end of the message, or outside it.
//
// With marks, of a message of many fields only those near a mark are shown;
// without, all are. Long runs of octets within a field are always folded.
func (d Dissection) Dump(marks ...Mark) string {
	l := &listing{msg: d.Msg, digits: offsetDigits(len(d.Msg)), marks: marks}
	l.out.Grow(l.size(d.Fields))
	if d.Name != "" {
		l.line(d.Name)
	}
	fields, faults := d.covered(), d.Faults
	shown := near(fields, marks)
	section := ""
	for i := 0; i < len(fields); {
		end := i + 1
		for !shown(i) && end < len(fields) && !shown(end) {
			end++
		}
		for _, f := range fields[i:end] {
			if f.Section != "" {
				section = f.Section
			}
		}
		from, to := fields[i].Off, fields[end-1].End()
		if shown(i) {
			l.section(section)
			section = ""
			l.field(fields[i])
		} else {
			l.remark(from, "… "+count(to-from, "octet")+" in "+count(end-i, "field")+" not shown")
		}
		for ; len(faults) > 0 && faults[0].Off < to; faults = faults[1:] {
			if shown(i) {
				l.fault(faults[0])
			}
		}
		i = end
	}
	l.end()
	for _, x := range faults {
		l.fault(x)
	}
	return l.out.String()
}

// near returns what says whether a field, by its index, is shown.
func near(fields []Field, marks []Mark) func(i int) bool {
	if len(marks) == 0 || len(fields) <= manyFields {
		return func(int) bool { return true }
	}
	shown := make([]bool, len(fields))
	for _, m := range marks {
		at, _ := slices.BinarySearchFunc(fields, m.Off, func(f Field, off int) int { return f.End() - 1 - off })
		for i := max(0, at-fieldsFrom); i < min(len(fields), at+fieldsTo+1); i++ {
			shown[i] = true
		}
	}
	return func(i int) bool { return shown[i] }
}

// listing writes rows: "> 0x0c  07 65 78 61 6d 70 6c 65  text".
type listing struct {
	out    strings.Builder
	b      []byte   // the row that is being written
	lines  []string // of the text beside the rows
	msg    []byte
	digits int
	marks  []Mark
}

// margin is the column where octets begin.
func (l *listing) margin() int { return len("> 0x") + l.digits + len("  ") }

// textColumn is the column where the text begins.
func (l *listing) textColumn() int { return l.margin() + hexColumns + len("  ") }

// line ends the row with s.
func (l *listing) line(s string) {
	l.b = append(bytes.TrimRight(append(l.b, s...), " "), '\n')
	l.out.Write(l.b)
	l.b = l.b[:0]
}

// wrapped writes text at a column, in as many lines as it takes.
func (l *listing) wrapped(column int, text string) {
	l.lines = appendWrapped(l.lines[:0], text, lineWidth-column, true)
	l.beneath(column, l.lines)
}

// beneath writes lines at a column.
func (l *listing) beneath(column int, lines []string) {
	for _, s := range lines {
		l.text(column, s)
		l.line("")
	}
}

// size is about what the rows of fields will take: messages of 64 KiB are listed
// in megabytes.
func (l *listing) size(fields []Field) int {
	n := 1 << 10
	for _, f := range fields {
		text := len(f.Name) + len(f.Text)
		rows := max(1, min(f.Len/rowOctets, longField), text/(lineWidth-l.textColumn()))
		n += len(f.Section) + rows*(l.textColumn()+3) + text
	}
	return n
}

// lead begins a row.
func (l *listing) lead(mark string, off int) {
	l.b = pad(appendOffset(append(l.b, mark...), off, l.digits), l.margin())
}

// text goes on with the row at a column.
func (l *listing) text(column int, s string) {
	if s != "" {
		l.b = append(pad(l.b, column), s...)
	}
}

func (l *listing) section(s string) {
	if s == "" {
		return
	}
	for line := range strings.SplitSeq(s, "\n") {
		l.wrapped(2, oneLine(line))
	}
}

// remark writes a sentence in place of octets.
func (l *listing) remark(off int, text string) { l.sentence("  ", off, text) }

func (l *listing) fault(x Fault) { l.sentence("! ", x.Off, oneLine(x.Why)) }

func (l *listing) sentence(mark string, off int, text string) {
	l.lead(mark, off)
	for i, s := range wrap(text, lineWidth-l.margin(), true) {
		if i > 0 {
			l.b = pad(l.b, l.margin())
		}
		l.line(s)
	}
}

// field writes the rows of a field. Text that does not fit beside them goes on
// beneath them.
func (l *listing) field(f Field) {
	if l.short(f) {
		return
	}
	l.lines = appendWrapped(l.lines[:0], oneLine(f.Label()), lineWidth-l.textColumn(), true)
	text := l.lines
	head := f.Len
	if f.Len > longField*rowOctets {
		head = max(headRows, len(text)) * rowOctets
		if l.repeats(f) {
			head = max(2, len(text)) * rowOctets
		}
	}
	tail := f.Off + (f.Len-1)/rowOctets*rowOctets
	for at := f.Off; at < f.End(); at += rowOctets {
		if at-f.Off >= head && at < tail && len(l.marksIn(at, at+rowOctets)) == 0 {
			at = l.skip(at, tail)
			continue
		}
		text = l.row(at, min(at+rowOctets, f.End()), text)
	}
	l.beneath(l.textColumn(), text)
}

// repeats says whether a field is one octet over and over, of which two rows say
// as much as eight.
func (l *listing) repeats(f Field) bool {
	p := l.msg[f.Off:f.End()]
	return bytes.Count(p, p[:1]) == len(p)
}

// short writes a field that takes one line, as nearly all of them do, without
// the detours of the others; it says whether it has.
func (l *listing) short(f Field) bool {
	if f.Len > rowOctets || len(l.marks) > 0 ||
		l.textColumn()+len(f.Name)+1+len(f.Text) > lineWidth || !plain(f.Name) || !plain(f.Text) {
		return false
	}
	l.lead("  ", f.Off)
	l.b = appendHex(l.b, l.msg[f.Off:f.End()])
	l.text(l.textColumn(), f.Name)
	if f.Name != "" && f.Text != "" {
		l.b = append(l.b, ' ')
	}
	l.text(l.textColumn(), f.Text)
	l.line("")
	return true
}

// skip folds the rows from at up to the next that holds a mark, or to the last
// one, and returns the last row that it folded.
func (l *listing) skip(at, tail int) int {
	to := at + rowOctets
	for to < tail && len(l.marksIn(to, to+rowOctets)) == 0 {
		to += rowOctets
	}
	l.remark(at, "… "+count(to-at, "octet")+" not shown")
	return to - rowOctets
}

// row writes the octets from at to end with the first line of text, and returns
// the lines that remain.
func (l *listing) row(at, end int, text []string) []string {
	marks := l.marksIn(at, end)
	lead := "  "
	if len(marks) > 0 {
		lead = "> "
	}
	l.lead(lead, at)
	l.b = appendHex(l.b, l.msg[at:end])
	if len(text) > 0 {
		l.text(l.textColumn(), text[0])
		text = text[1:]
	}
	for _, m := range marks {
		text = l.note(at, m, text)
	}
	l.line("")
	return text
}

// note puts the note of a mark on the row where it fits, else behind the text
// that is still to come.
func (l *listing) note(at int, m Mark, text []string) []string {
	if m.Note == "" {
		return text
	}
	note := "<- " + oneLine(m.Note)
	if m.Off != at {
		note = "<- " + hexOffset(m.Off) + ": " + oneLine(m.Note)
	}
	used := utf8.RuneCount(l.b)
	gap := max(used+3, l.textColumn()) - used
	if len(text) == 0 && used+gap+utf8.RuneCountInString(note) <= lineWidth {
		l.text(len(l.b)+gap, note)
		return nil
	}
	return append(text, wrap(note, lineWidth-l.textColumn(), true)...)
}

// end writes the marks that no row holds.
func (l *listing) end() {
	for _, m := range l.marks {
		if m.Off >= 0 && m.Off < len(l.msg) {
			continue
		}
		text := "outside the message"
		if m.Off == len(l.msg) {
			text = "end of the message"
		}
		l.lead("> ", m.Off)
		l.text(l.textColumn(), text)
		beneath := l.note(m.Off, m, nil)
		l.line("")
		l.beneath(l.textColumn(), beneath)
	}
}

// marksIn returns the marks from one offset up to, not including, another.
func (l *listing) marksIn(from, to int) []Mark {
	var out []Mark
	for _, m := range l.marks {
		if m.Off >= from && m.Off < to {
			out = append(out, m)
		}
	}
	return out
}
