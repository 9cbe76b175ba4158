package wire

import (
	"bytes"
	"slices"
	"strconv"
)

const (
	diffOctets = 4  // of each side in a row
	diffRows   = 32 // that differ; what differs further on is counted
	diffBefore = 2  // equal rows shown before a difference
	diffAfter  = 1  // and behind it
	diffFold   = 3  // fewer equal rows than this are not folded
)

// Diff explains how got differs from want; it returns "" where they are equal.
//
// It lists both side by side, with want's fields and, for flags, each bit that
// differs. ">" marks the rows that differ; of those where one side has nothing
// any more ("--"), at most the first. Long equal stretches are folded, and of very
// many differences the first 32 rows are shown. Where octets are missing or too many, and the rest is the same again,
// it says so instead of comparing what has moved.
func Diff(got []byte, want Dissection) string {
	if bytes.Equal(got, want.Msg) {
		return ""
	}
	d := differ{got: got, want: want, fields: want.covered()}
	d.change = compare(got, want.Msg, d.fields)
	d.digits = offsetDigits(max(len(got), len(want.Msg)))
	d.summary()
	d.changed()
	d.surplus()
	d.moved()
	return d.out.String()
}

// change is where two messages differ: want[at:wantEnd] stands where got has
// got[at:gotEnd]; in front of it and behind it they are the same.
type change struct {
	at, wantEnd, gotEnd int
	octets              int // how many differ
}

func compare(got, want []byte, fields []Field) change {
	c := change{wantEnd: len(want), gotEnd: len(got)}
	shorter := min(len(got), len(want))
	for c.at < shorter && got[c.at] == want[c.at] {
		c.at++
	}
	for i := c.at; i < shorter; i++ {
		if got[i] != want[i] {
			c.octets++
		}
	}
	longer := max(len(got), len(want))
	c.octets += longer - shorter
	if longer == shorter {
		return c
	}
	same := 0
	for same < shorter-c.at && got[len(got)-1-same] == want[len(want)-1-same] {
		same++
	}
	// A few octets at the end may be the same by chance: they have to explain a
	// lot.
	apart := longer - c.at - same
	if same >= 4 && apart < c.octets || same >= 2 && 2*apart <= c.octets {
		c.octets = apart
		c.wantEnd -= same
		c.gotEnd -= same
		c.slide(got, want, fields)
	}
	return c
}

// slide moves a change that only lacks octets, or only adds some, back to where
// a field begins: of two zeros in a row, either may be the missing one.
func (c *change) slide(got, want []byte, fields []Field) {
	long, n := want, c.wantEnd-c.at
	if c.at == c.wantEnd {
		long, n = got, c.gotEnd-c.at
	} else if c.at != c.gotEnd {
		return
	}
	begins := func(off int) bool {
		_, ok := slices.BinarySearchFunc(fields, off, byOffset)
		return ok
	}
	for by := 0; by <= c.at; by++ {
		at := c.at - by
		if begins(at) && (c.at == c.wantEnd || begins(at+n)) {
			c.at, c.wantEnd, c.gotEnd = at, c.wantEnd-by, c.gotEnd-by
			return
		}
		if at == 0 || long[at-1] != long[at-1+n] {
			return
		}
	}
}

// differ writes a difference.
type differ struct {
	listing
	got       []byte
	want      Dissection
	fields    []Field // of want
	gotFields []Field // where a dissector is known
	change    change
	marked    bool // ">" has been written
}

func (d *differ) wantColumn() int { return d.margin() + 3*diffOctets + 1 }
func (d *differ) diffColumn() int { return d.wantColumn() + 3*diffOctets + 1 }

// summary says in a sentence what the rows show.
func (d *differ) summary() {
	c, got, want := d.change, len(d.got), len(d.want.Msg)
	at := hexOffset(c.at)
	s := "got " + count(got, "octet") + ", want " + strconv.Itoa(want)
	lacks, has := c.wantEnd-c.at, c.gotEnd-c.at
	switch {
	case got == want:
		s = "got differs from want in " + strconv.Itoa(c.octets) + " of " + count(got, "octet") + ", first at " + at
	case got == 0 || want == 0:
	case c.at == got:
		s += ": got ends too early, at " + at + "; so far they are equal"
	case c.at == want:
		s += ": got goes on behind the end, " + at + "; so far they are equal"
	case c.wantEnd == want:
		s += ": they differ from " + at + " on"
	case has == 0:
		s += ": got lacks " + count(lacks, "octet") + " at " + at
	case lacks == 0:
		s += ": got has " + count(has, "octet") + " too many at " + at
	default:
		s += ": at " + at + " got has " + count(has, "octet") + " where " + strconv.Itoa(lacks) + " are wanted"
	}
	d.wrapped(0, s)
	if d.want.Name != "" {
		d.wrapped(0, "want: "+d.want.Name)
	}
	d.text(d.margin(), "got")
	d.text(d.wantColumn(), "want")
	d.line("")
}

// diffRow is a row: n octets of a field of want. They are all there in got, or
// none of them is.
type diffRow struct {
	field, off, n  int
	differs, shown bool
}

// split cuts want, up to the end of the change, into rows.
func (d *differ) split() []diffRow {
	c := d.change
	rows := make([]diffRow, 0, len(d.fields))
	for i, f := range d.fields {
		for off := f.Off; off < min(f.End(), c.wantEnd); {
			end := min(off+diffOctets, f.End(), c.wantEnd)
			if off < c.gotEnd {
				end = min(end, c.gotEnd)
			}
			differs := off >= c.gotEnd || !bytes.Equal(d.got[off:end], d.want.Msg[off:end])
			rows = append(rows, diffRow{field: i, off: off, n: end - off, differs: differs})
			off = end
		}
	}
	return rows
}

// choose says which rows are shown, and returns the offset of the last one that
// differs.
func choose(rows []diffRow) (last int) {
	left := diffRows
	for i := range rows {
		if !rows[i].differs {
			continue
		}
		if left--; left < 0 {
			break
		}
		last = rows[i].off
		for j := max(0, i-diffBefore); j <= min(i+diffAfter, len(rows)-1); j++ {
			rows[j].shown = rows[j].shown || j <= i || !rows[j].differs
		}
	}
	for i := 0; i < len(rows); i++ {
		end := i
		for end < len(rows) && !rows[end].shown && !rows[end].differs {
			end++
		}
		if end-i < diffFold {
			for j := i; j < end; j++ {
				rows[j].shown = true
			}
		}
		i = end
	}
	return last
}

// dissect fills gotFields as far as they will be shown: labels depend on
// nothing behind them.
func (d *differ) dissect(last int) {
	dissect := protocols[d.want.Protocol].dissect
	if dissect == nil {
		return
	}
	if d.change.gotEnd > d.change.wantEnd { // surplus is shown, too
		last = max(last, d.change.wantEnd)
	}
	end := min(len(d.got), last+1024)
	d.gotFields = dissect(d.got[:end]).Fields
	if n := len(d.gotFields); end < len(d.got) && n > 0 {
		d.gotFields = d.gotFields[:n-1] // it is cut off here only
	}
}

// changed writes want, up to the end of the change, beside got.
func (d *differ) changed() {
	rows := d.split()
	d.dissect(choose(rows))
	section := ""
	for i := 0; i < len(rows); {
		end := i
		for end < len(rows) && rows[end].shown == rows[i].shown && (!rows[i].shown || rows[end].field == rows[i].field) {
			if f := d.fields[rows[end].field]; f.Off == rows[end].off && f.Section != "" {
				section = f.Section
			}
			end++
		}
		if rows[i].shown {
			d.section(section)
			section = ""
			d.rows(rows[i:end])
		} else {
			d.folded(rows[i:end])
		}
		i = end
	}
}

// folded stands for rows that are not shown.
func (d *differ) folded(rows []diffRow) {
	octets, differ := 0, 0
	for _, r := range rows {
		octets += r.n
		if !r.differs {
			continue
		}
		for i := range r.n {
			if at := r.off + i; at >= d.change.gotEnd || d.got[at] != d.want.Msg[at] {
				differ++
			}
		}
	}
	s := count(octets, "octet") + " equal"
	if differ > 0 {
		s = count(octets, "octet") + " not shown, " + strconv.Itoa(differ) + " of them differ"
	}
	d.remark(rows[0].off, "… "+s)
}

// rows writes rows that belong to one field.
func (d *differ) rows(rows []diffRow) {
	f := d.fields[rows[0].field]
	text := d.broken(f.Label())
	if slices.ContainsFunc(rows, func(r diffRow) bool { return r.differs }) {
		for _, s := range d.explain(f) {
			text = append(text, d.broken(s)...)
		}
	}
	for _, r := range rows {
		if r.off == d.change.gotEnd && d.change.wantEnd == len(d.want.Msg) {
			if r.off > rows[0].off {
				d.beneath(d.diffColumn(), text)
				text = nil
			}
			d.remark(r.off, "got ends here: "+count(len(d.got), "octet")+", want "+strconv.Itoa(len(d.want.Msg)))
		}
		var got []byte
		if r.off < d.change.gotEnd {
			got = d.got[r.off : r.off+r.n]
		}
		var s string
		if len(text) > 0 {
			s, text = text[0], text[1:]
		}
		d.pair(r.off, r.differs, got, d.want.Msg[r.off:r.off+r.n], s)
	}
	d.beneath(d.diffColumn(), text)
}

func (d *differ) broken(s string) []string {
	if s == "" {
		return nil
	}
	return wrap(oneLine(s), lineWidth-d.diffColumn(), true)
}

// explain says what got holds in place of a field: which bits differ, or what
// its octets mean.
func (d *differ) explain(f Field) []string {
	bits := protocols[d.want.Protocol].words[f.Name]
	if f.End() <= d.change.gotEnd && len(bits) > 0 {
		var out []string
		got, want := bigEndian(d.got[f.Off:f.End()]), bigEndian(d.want.Msg[f.Off:f.End()])
		for _, b := range bits {
			if b.of(got) != b.of(want) {
				out = append(out, b.name+": got "+b.value(got)+", want "+b.value(want))
			}
		}
		return out
	}
	i, ok := slices.BinarySearchFunc(d.gotFields, f.Off, byOffset)
	if !ok || d.gotFields[i].Name != f.Name || d.gotFields[i].Text == f.Text {
		return nil
	}
	return []string{"got: " + d.gotFields[i].Text}
}

func byOffset(f Field, off int) int { return f.Off - off }

// pair writes a row. Octets of a side that has none are "--".
func (d *differ) pair(off int, differs bool, got, want []byte, text string) {
	lead := "  "
	if differs && (!d.marked || len(got) > 0 && len(want) > 0) {
		lead, d.marked = "> ", true
	}
	d.lead(lead, off)
	d.side(got, len(want))
	d.b = pad(d.b, d.wantColumn())
	d.side(want, len(got))
	d.text(d.diffColumn(), text)
	d.line("")
}

func (d *differ) side(p []byte, n int) {
	if len(p) > 0 {
		d.b = appendHex(d.b, p)
		return
	}
	for i := range n {
		if i > 0 {
			d.b = append(d.b, ' ')
		}
		d.b = append(d.b, "--"...)
	}
}

// surplus writes what got has in the change beyond want.
func (d *differ) surplus() {
	c := d.change
	from := max(c.at, c.wantEnd)
	if from >= c.gotEnd {
		return
	}
	if c.wantEnd == len(d.want.Msg) {
		d.remark(from, "want ends here: "+count(len(d.want.Msg), "octet")+"; got has "+strconv.Itoa(c.gotEnd-from)+" more")
	}
	left := diffRows
	for off := from; off < c.gotEnd; left-- {
		if left == 0 {
			d.remark(off, "… "+count(c.gotEnd-off, "octet")+" not shown")
			return
		}
		end, label := d.extra(off)
		text := wrap(oneLine(label), lineWidth-d.diffColumn(), true)
		d.pair(off, true, d.got[off:end], nil, text[0])
		d.beneath(d.diffColumn(), text[1:])
		off = end
	}
}

// extra returns the end of the row that begins at off, in what got has in
// excess, and what it means, as far as a dissector says.
func (d *differ) extra(off int) (end int, label string) {
	end, label = min(off+diffOctets, d.change.gotEnd), "not wanted"
	for _, f := range d.gotFields {
		if f.End() <= off {
			continue
		}
		switch {
		case f.Off > off || f.End() > d.change.gotEnd:
			return end, label
		case f.Off == off:
			label = f.Label()
		case f.Off >= d.change.wantEnd: // its label stands above
			label = ""
		}
		return min(end, f.End()), label
	}
	return end, label
}

// moved tells of what stands behind the change.
func (d *differ) moved() {
	n := len(d.want.Msg) - d.change.wantEnd
	if n == 0 {
		return
	}
	by, where := d.change.wantEnd-d.change.gotEnd, "earlier"
	if by < 0 {
		by, where = -by, "later"
	}
	d.remark(d.change.wantEnd, "… "+count(n, "octet")+" equal; in got they stand "+strconv.Itoa(by)+" "+where+", at "+hexOffset(d.change.gotEnd))
}
