package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/example/netkata/harness/internal/course"
	"github.com/example/netkata/harness/internal/readme"
)

const (
	maxLines   = 130 // about 80 is the aim
	maxColumns = 80
	minHints   = 3
)

// headings of a kata's README, in order. Wire may be missing.
var headings = []string{"Why", "Task", "Wire", "Rules", "Run", "Hints", "Read", "Go further"}

// readmes finds READMEs of katas that do not have the shape that learners know
// from the kata before, and that the kata tool reads.
func readmes(h *House) []Finding {
	var found []Finding
	for _, k := range h.Katas {
		f := h.file(k.Dir + "/README.md")
		if f == nil {
			continue // layout finds that
		}
		doc := readme.Parse(f.src)
		for _, check := range []func(course.Kata, readme.Doc) []Finding{
			titleAndGoal, sections, numbered, hints, runSection,
		} {
			found = append(found, check(k, doc)...)
		}
		found = append(found, size(f.src)...)
		for i := range found {
			if found[i].Path == "" {
				found[i].Path = f.Path
			}
		}
	}
	return found
}

func titleAndGoal(k course.Kata, doc readme.Doc) []Finding {
	var found []Finding
	if want := k.ID + ": " + k.Title; doc.Title != want {
		found = append(found, Finding{"", 1, fmt.Sprintf("the title is %q, the index says %q", doc.Title, want)})
	}
	if doc.Goal == "" {
		found = append(found, Finding{"", 1, "no goal: one sentence below the title"})
	}
	return found
}

func sections(_ course.Kata, doc readme.Doc) []Finding {
	var got []string
	var found []Finding
	for _, s := range doc.Sections {
		got = append(got, s.Heading)
		if s.Body == "" {
			found = append(found, Finding{"", s.Line, "nothing below " + s.Heading})
		}
	}
	want := slices.DeleteFunc(slices.Clone(headings), func(h string) bool {
		return h == "Wire" && !slices.Contains(got, h)
	})
	if !slices.Equal(got, want) {
		found = append(found, Finding{"", 0, fmt.Sprintf("headings are %s; want %s",
			strings.Join(got, ", "), strings.Join(want, ", "))})
	}
	return found
}

func numbered(_ course.Kata, doc readme.Doc) []Finding {
	var found []Finding
	if len(doc.Rules) == 0 {
		found = append(found, Finding{"", doc.Section("Rules").Line, "no rules"})
	}
	for i, r := range doc.Rules {
		if r.Number != i+1 {
			found = append(found, Finding{"", r.Line, fmt.Sprintf("rule %d: want number %d, without gaps", r.Number, i+1)})
		}
		if r.Title == "" {
			found = append(found, Finding{"", r.Line, fmt.Sprintf("rule %d: no title: **A bold sentence.** at the start", r.Number)})
		}
		if r.Source == "" {
			found = append(found, Finding{"", r.Line, fmt.Sprintf("rule %d: no source: (RFC 1035, 4.1.4) at the end", r.Number)})
		}
	}
	return found
}

var folded = regexp.MustCompile(`(?s)<details>.*?</details>`)

func hints(_ course.Kata, doc readme.Doc) []Finding {
	s := doc.Section("Hints")
	var found []Finding
	if len(doc.Hints) < minHints {
		found = append(found, Finding{"", s.Line, fmt.Sprintf("%d hints, want at least %d, from nudge to near-answer", len(doc.Hints), minHints)})
	}
	if open := strings.TrimSpace(folded.ReplaceAllString(s.Body, "")); open != "" {
		line, _, _ := strings.Cut(open, "\n")
		found = append(found, Finding{"", s.Line, fmt.Sprintf("not folded into <details>: %q", line)})
	}
	for i, hint := range doc.Hints {
		if want := fmt.Sprintf("%d. ", i+1); !strings.HasPrefix(hint.Summary, want) || hint.Body == "" {
			found = append(found, Finding{"", s.Line, fmt.Sprintf("hint %q: want a summary that begins with %q, and text", hint.Summary, want)})
		}
	}
	return found
}

var command = regexp.MustCompile(`(?m)^(?:go tool kata \w+ |go test (?:.* )?\./katas/)(\S+)`)

// runSection wants the two commands, and no command of another kata (a README
// often begins as a copy).
func runSection(k course.Kata, doc readme.Doc) []Finding {
	s := doc.Section("Run")
	var found []Finding
	for _, want := range []string{"go tool kata run " + k.ID, "go test ./katas/" + k.ID} {
		if !slices.Contains(strings.Split(s.Body, "\n"), want) {
			found = append(found, Finding{"", s.Line, "the command is missing, on a line of its own: " + want})
		}
	}
	for _, m := range command.FindAllStringSubmatch(s.Body, -1) {
		if m[1] != k.ID {
			found = append(found, Finding{"", s.Line, "a command of another kata: " + m[0]})
		}
	}
	return found
}

// size finds what does not fit a screen: a README is read as it is.
func size(src string) []Finding {
	lines := strings.Split(strings.TrimRight(src, "\n"), "\n")
	var found []Finding
	if len(lines) > maxLines {
		found = append(found, Finding{"", 0, fmt.Sprintf("%d lines, want about 80, at most %d", len(lines), maxLines)})
	}
	fenced := false
	for i, line := range lines {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if n := utf8.RuneCountInString(line); n > maxColumns && (fenced || strings.HasPrefix(line, "|")) {
			found = append(found, Finding{"", i + 1, fmt.Sprintf("%d columns: tables and drawings have at most %d", n, maxColumns)})
		}
	}
	return found
}
