// Package known reads the known solutions of a kata, wrong ones and right ones,
// and puts them in the reference's place.
//
// A wrong solution is a small edit of the reference. All those of a kata stand
// in one file, testdata/wrong/dns/name.txt, in the txtar format: an entry for
// each, which says who makes this mistake, which rule of the kata's README must
// catch it, and what changes, as in a unified diff without numbers:
//
//	-- forward-pointer --
//	who: people who only check that the target lies inside the message
//	rule: 6
//	@@
//	 	target := int(c&0x3f)<<8 | int(msg[off+1])
//	-	if target >= start {
//	+	if target >= len(msg) {
//
// Lines that begin with a space or "-" are the old text, those that begin with a
// space or "+" the new one. The old text must occur exactly once in the
// reference; it need not be whole lines. Where it takes the race detector to see
// the mistake for sure, "race: yes" stands below the rule. The race must be met in
// a test of that rule.
//
// A right solution is a folder, testdata/right/dns/name/HABIT, whose sources, of
// Go and what it embeds, stand in for all those of the reference.
package known

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/example/netkata/harness/internal/course"
)

// Wrong is a known wrong solution: an edit of the reference.
type Wrong struct {
	Name  string // "forward-pointer"
	Who   string // who makes this mistake
	Rule  int    // the rule that must catch it
	Race  bool   // the race detector is to watch
	Line  int    // of its entry in the file
	Hunks []Hunk
}

// Hunk is one replacement of a text that occurs exactly once.
type Hunk struct {
	Line     int // of its "@@" in the file
	Old, New string
}

// Files are sources by their path below the repository's root.
type Files map[string]string

// ParseWrong reads the wrong solutions of one kata. Errors begin with the place:
// "testdata/wrong/dns/name.txt:7: ".
func ParseWrong(name string, src []byte) ([]Wrong, error) {
	archive := txtar.Parse(src)
	line := 1 + strings.Count(string(archive.Comment), "\n")
	var all []Wrong
	for _, entry := range archive.Files {
		w, err := parseEntry(name, entry, line)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o Wrong) bool { return o.Name == w.Name }) {
			return nil, fmt.Errorf("%s:%d: a second %s", name, line, w.Name)
		}
		all = append(all, w)
		line += 1 + strings.Count(string(entry.Data), "\n")
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s:1: no entry (-- name --) in it", name)
	}
	return all, nil
}

func parseEntry(file string, entry txtar.File, line int) (Wrong, error) {
	p := parser{file: file, line: line, w: Wrong{Name: entry.Name, Line: line}}
	for text := range strings.Lines(string(entry.Data)) {
		p.line++
		if err := p.parse(strings.TrimRight(text, "\r\n")); err != nil {
			return Wrong{}, err
		}
	}
	return p.w, p.finish()
}

// parser reads one entry, line by line.
type parser struct {
	file string
	line int
	w    Wrong
	hunk *body // the one that is being read; nil in the head
	seen []string
}

// body collects the lines of a hunk.
type body struct {
	line     int
	old, new []string
	blank    int // empty lines that count only when more of the hunk follows
	changes  bool
}

func (p *parser) errorf(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %s", p.file, line, p.w.Name, fmt.Sprintf(format, args...))
}

func (p *parser) parse(text string) error {
	switch {
	case text == "@@":
		if err := p.endHunk(); err != nil {
			return err
		}
		p.hunk = &body{line: p.line}
		return nil
	case p.hunk == nil:
		return p.parseHead(text)
	}
	return p.parseBody(text)
}

func (p *parser) parseHead(text string) error {
	if text == "" {
		return nil
	}
	key, value, ok := strings.Cut(text, ":")
	value = strings.TrimSpace(value)
	if !ok || value == "" {
		return p.errorf(p.line, "%q: want \"who: …\", \"rule: …\" or \"@@\"", text)
	}
	if slices.Contains(p.seen, key) {
		return p.errorf(p.line, "a second %q", key)
	}
	p.seen = append(p.seen, key)
	switch key {
	case "who":
		p.w.Who = value
	case "rule":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return p.errorf(p.line, "rule %q: want a number of the README", value)
		}
		p.w.Rule = n
	case "race":
		if value != "yes" {
			return p.errorf(p.line, "race %q: want yes, or no such line", value)
		}
		p.w.Race = true
	default:
		return p.errorf(p.line, "unknown key %q: want who, rule or race", key)
	}
	return nil
}

func (p *parser) parseBody(text string) error {
	b := p.hunk
	if text == "" { // the blank of an empty line of context, which editors cut off
		b.blank++
		return nil
	}
	for ; b.blank > 0; b.blank-- {
		b.old, b.new = append(b.old, ""), append(b.new, "")
	}
	switch text[0] {
	case ' ':
		b.old, b.new = append(b.old, text[1:]), append(b.new, text[1:])
	case '-':
		b.old, b.changes = append(b.old, text[1:]), true
	case '+':
		b.new, b.changes = append(b.new, text[1:]), true
	default:
		return p.errorf(p.line, "%q: a line of a hunk begins with a space, - or +", text)
	}
	return nil
}

func (p *parser) endHunk() error {
	if p.hunk == nil {
		return nil
	}
	b := p.hunk
	h := Hunk{b.line, strings.Join(b.old, "\n"), strings.Join(b.new, "\n")}
	switch {
	case strings.TrimSpace(h.Old) == "":
		return p.errorf(h.Line, "no old text: a hunk that only adds needs a line of context")
	case !b.changes || h.Old == h.New:
		return p.errorf(h.Line, "changes nothing")
	}
	p.w.Hunks = append(p.w.Hunks, h)
	return nil
}

func (p *parser) finish() error {
	if err := p.endHunk(); err != nil {
		return err
	}
	switch {
	case p.w.Who == "":
		return p.errorf(p.w.Line, "no \"who: …\": who makes this mistake?")
	case p.w.Rule == 0:
		return p.errorf(p.w.Line, "no \"rule: …\": which rule must catch it?")
	case len(p.w.Hunks) == 0:
		return p.errorf(p.w.Line, "no hunk (@@)")
	}
	return nil
}

// place is where a hunk applies.
type place struct {
	file       string
	begin, end int
	text       string // the new one
}

// Apply returns the files of the reference that the edit changes, changed. It is
// an error when an old text does not occur, occurs twice, or overlaps another
// one. The error begins with "line N: ", of the hunk.
func (w Wrong) Apply(reference Files) (Files, error) {
	var places []place
	for _, h := range w.Hunks {
		at, err := h.find(reference)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", h.Line, err)
		}
		for _, other := range places {
			if at.file == other.file && at.begin < other.end && other.begin < at.end {
				return nil, fmt.Errorf("line %d: overlaps another hunk", h.Line)
			}
		}
		places = append(places, at)
	}
	// From the end, so that what is before keeps its place.
	slices.SortFunc(places, func(a, b place) int { return b.begin - a.begin })
	changed := Files{}
	for _, at := range places {
		src, ok := changed[at.file]
		if !ok {
			src = reference[at.file]
		}
		changed[at.file] = src[:at.begin] + at.text + src[at.end:]
	}
	return changed, nil
}

func (h Hunk) find(reference Files) (place, error) {
	var found []place
	for name, src := range reference {
		for from := 0; ; {
			i := strings.Index(src[from:], h.Old)
			if i < 0 {
				break
			}
			begin := from + i
			found = append(found, place{name, begin, begin + len(h.Old), h.New})
			from = begin + 1
		}
	}
	switch len(found) {
	case 0:
		return place{}, fmt.Errorf("no longer applies: the reference has no\n%s", indent(h.Old))
	case 1:
		return found[0], nil
	}
	return place{}, fmt.Errorf("no longer applies: the reference has this %d times\n%s", len(found), indent(h.Old))
}

func indent(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }

// Right is a known right solution, written with other habits.
type Right struct {
	Habit string // its folder: "bytewise"
	Files Files  // in the reference's place: by the path that they stand in for
}

// FindRight returns the right solutions of the kata of that ID among files, all
// those below testdata/right.
func FindRight(id string, files Files) []Right {
	byHabit := map[string]Files{}
	for name, src := range files {
		rest, ok := strings.CutPrefix(name, "testdata/right/"+id+"/")
		habit, base, ok2 := strings.Cut(rest, "/")
		if !ok || !ok2 || !course.IsSource(base) {
			continue
		}
		if byHabit[habit] == nil {
			byHabit[habit] = Files{}
		}
		byHabit[habit]["solutions/"+id+"/"+base] = src
	}
	var all []Right
	for habit, files := range byHabit {
		all = append(all, Right{habit, files})
	}
	slices.SortFunc(all, func(a, b Right) int { return strings.Compare(a.Habit, b.Habit) })
	return all
}
