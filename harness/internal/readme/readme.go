// Package readme reads the parts of a kata's README that programs need: its
// goal, its sections, its numbered rules and its hints.
//
// It knows only the shape that every kata's README has (package policy demands
// it), not Markdown at large:
//
//	# dns/name: names on the wire
//
//	One sentence: the goal.
//
//	## Rules
//
//	1. **A pointer leads only backwards.** More about it. (RFC 1035, 4.1.4)
//
//	## Hints
//
//	<details><summary>1. Where to begin</summary>
//	...
//	</details>
package readme

import (
	"regexp"
	"strconv"
	"strings"
)

// Doc is a kata's README.
type Doc struct {
	Title    string    // after "# "
	Goal     string    // the first paragraph, its lines joined
	Sections []Section // in the order of the file
	Rules    []Rule    // of the section Rules
	Hints    []Hint    // of the section Hints
}

// Section is what stands between one "## " heading and the next.
type Section struct {
	Heading string
	Body    string // without the heading, trimmed
	Line    int    // of the heading, from 1
}

// Rule is one numbered rule.
type Rule struct {
	Number int
	Title  string // the bold words, without the full stop
	Source string // the last parenthesis: "RFC 1035, 4.1.4"
	Text   string // all of it, without the number
	Line   int    // from 1
}

// Hint is one folded hint.
type Hint struct {
	Summary string
	Body    string
}

// Section returns the section of that heading, or the zero Section.
func (d Doc) Section(heading string) Section {
	for _, s := range d.Sections {
		if s.Heading == heading {
			return s
		}
	}
	return Section{}
}

// Rule returns the rule of that number; ok says whether there is one.
func (d Doc) Rule(number int) (r Rule, ok bool) {
	for _, r := range d.Rules {
		if r.Number == number {
			return r, true
		}
	}
	return Rule{}, false
}

var (
	ruleStart = regexp.MustCompile(`^(\d+)\. (.*)$`)
	boldLead  = regexp.MustCompile(`^\*\*(.+?)\.?\*\*`)
	lastParen = regexp.MustCompile(`\(([^()]+)\)\.?$`)
	details   = regexp.MustCompile(`(?s)<details>\s*<summary>(.*?)</summary>(.*?)</details>`)
)

// Parse reads a README. What is missing is empty in the result: saying so is
// the caller's part.
func Parse(src string) Doc {
	var d Doc
	var goal []string
	fenced := false
	for i, line := range strings.Split(strings.ReplaceAll(src, "\r\n", "\n"), "\n") {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		switch {
		case !fenced && strings.HasPrefix(line, "## "):
			d.Sections = append(d.Sections, Section{Heading: strings.TrimPrefix(line, "## "), Line: i + 1})
		case !fenced && strings.HasPrefix(line, "# ") && d.Title == "":
			d.Title = strings.TrimPrefix(line, "# ")
		case len(d.Sections) > 0:
			s := &d.Sections[len(d.Sections)-1]
			s.Body += line + "\n"
		case d.Title != "" && line != "":
			goal = append(goal, line)
		}
	}
	d.Goal = strings.Join(goal, " ")
	for i, s := range d.Sections {
		switch s.Heading {
		case "Rules":
			d.Rules = rules(s)
		case "Hints":
			for _, m := range details.FindAllStringSubmatch(s.Body, -1) {
				d.Hints = append(d.Hints, Hint{strings.TrimSpace(m[1]), strings.TrimSpace(m[2])})
			}
		}
		d.Sections[i].Body = strings.TrimSpace(s.Body)
	}
	return d
}

func rules(s Section) []Rule {
	var out []Rule
	for i, line := range strings.Split(s.Body, "\n") {
		if m := ruleStart.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1]) // the pattern has digits only
			out = append(out, Rule{Number: n, Text: m[2], Line: s.Line + 1 + i})
		} else if len(out) > 0 && strings.HasPrefix(line, " ") {
			out[len(out)-1].Text += " " + strings.TrimSpace(line)
		}
	}
	for i := range out {
		r := &out[i]
		if m := boldLead.FindStringSubmatch(r.Text); m != nil {
			r.Title = m[1]
		}
		if m := lastParen.FindStringSubmatch(strings.TrimSpace(r.Text)); m != nil {
			r.Source = m[1]
		}
	}
	return out
}
