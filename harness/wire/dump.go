package wire

import (
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
	l.b = make([]byte, 0, 64+60*len(d.Fields))
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
	return string(l.b)
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
	b      []byte
	msg    []byte
	digits int
	marks  []Mark
}

// margin is the column where octets begin.
func (l *listing) margin() int { return len("> 0x") + l.digits + len("  ") }

// textColumn is the column where the text begins.
func (l *listing) textColumn() int { return l.margin() + hexColumns + len("  ") }

func (l *listing) line(s string) { l.b = append(append(l.b, s...), '\n') }

// lines writes text at a column, wrapped.
func (l *listing) lines(column int, text string) {
	for _, s := range wrap(text, lineWidth-column, true) {
		l.b = pad(l.b, len(l.b)+column)
		l.line(s)
	}
}

// lead begins a row and returns where it begins in l.b.
func (l *listing) lead(mark string, off int) (start int) {
	start = len(l.b)
	l.b = pad(appendOffset(append(l.b, mark...), off, l.digits), start+l.margin())
	return start
}

func (l *listing) section(s string) {
	if s == "" {
		return
	}
	for line := range strings.SplitSeq(s, "\n") {
		l.lines(2, oneLine(line))
	}
}

// remark writes a sentence in place of octets.
func (l *listing) remark(off int, text string) { l.sentence("  ", off, text) }

func (l *listing) fault(x Fault) { l.sentence("! ", x.Off, oneLine(x.Why)) }

func (l *listing) sentence(mark string, off int, text string) {
	l.lead(mark, off)
	for i, s := range wrap(text, lineWidth-l.margin(), true) {
		if i > 0 {
			l.b = pad(l.b, len(l.b)+l.margin())
		}
		l.line(s)
	}
}

// field writes the rows of a field. Text that does not fit beside them goes on
// beneath them.
func (l *listing) field(f Field) {
	text := wrap(oneLine(f.Label()), lineWidth-l.textColumn(), true)
	head := f.Len
	if f.Len > longField*rowOctets {
		head = max(headRows, len(text)) * rowOctets
	}
	tail := f.Off + (f.Len-1)/rowOctets*rowOctets
	for at := f.Off; at < f.End(); at += rowOctets {
		if at-f.Off >= head && at < tail && len(l.marksIn(at, at+rowOctets)) == 0 {
			at = l.skip(at, tail)
			continue
		}
		text = l.row(at, min(at+rowOctets, f.End()), text)
	}
	for _, s := range text {
		l.lines(l.textColumn(), s)
	}
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
	start := l.lead(lead, at)
	l.b = appendHex(l.b, l.msg[at:end])
	if len(text) > 0 && text[0] != "" {
		l.b = append(pad(l.b, start+l.textColumn()), text[0]...)
	}
	text = text[min(1, len(text)):]
	for _, m := range marks {
		text = l.note(start, at, m, text)
	}
	l.b = append(l.b, '\n')
	return text
}

// note puts the note of a mark on the row l.b[start:] where it fits, else behind
// the text that is still to come.
func (l *listing) note(start, at int, m Mark, text []string) []string {
	if m.Note == "" {
		return text
	}
	note := "<- " + oneLine(m.Note)
	if m.Off != at {
		note = "<- " + hexOffset(m.Off) + ": " + oneLine(m.Note)
	}
	used := columns(l.b[start:])
	gap := max(used+3, l.textColumn()) - used
	if len(text) == 0 && used+gap+utf8.RuneCountInString(note) <= lineWidth {
		l.b = append(pad(l.b, len(l.b)+gap), note...)
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
		start := l.lead("> ", m.Off)
		l.b = append(pad(l.b, start+l.textColumn()), text...)
		beneath := l.note(start, m.Off, m, nil)
		l.b = append(l.b, '\n')
		for _, s := range beneath {
			l.lines(l.textColumn(), s)
		}
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
