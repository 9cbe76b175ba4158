package readme_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/netkata/harness/internal/readme"
)

const src = "# dns/name: names\n\nRead names,\nand write them.\n\n## Why\n\nBecause.\n\n" +
	"```\n# not a title\n## not a section\n1. **Not a rule.**\n```\n\n" +
	"## Rules\n\nBefore the first.\n\n" +
	"1. **A name ends.** With a zero\n   (as drawn). (RFC 1035, 3.1)\n" +
	"2. **Case is kept** (RFC 4343, 4).\n\n" +
	"10. No bold, no source.\n\nAfter the last.\n\n" +
	"## Hints\n\n<details><summary>1. Begin</summary>\n\nLook at `msg[0]`.\n\n</details>\n" +
	"<details>\n<summary>2. Go on</summary>\nThen the next.\n</details>\n"

func TestParse(t *testing.T) {
	got := readme.Parse(src)
	got.Sections = nil // see TestSections
	want := readme.Doc{
		Title: "dns/name: names",
		Goal:  "Read names, and write them.",
		Rules: []readme.Rule{
			{Number: 1, Title: "A name ends", Source: "RFC 1035, 3.1", Line: 20,
				Text: "**A name ends.** With a zero (as drawn). (RFC 1035, 3.1)"},
			{Number: 2, Title: "Case is kept", Source: "RFC 4343, 4", Line: 22, Text: "**Case is kept** (RFC 4343, 4)."},
			{Number: 10, Text: "No bold, no source.", Line: 24},
		},
		Hints: []readme.Hint{{"1. Begin", "Look at `msg[0]`."}, {"2. Go on", "Then the next."}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestSections(t *testing.T) {
	d := readme.Parse(src)
	var headings []string
	for _, s := range d.Sections {
		headings = append(headings, s.Heading)
	}
	if diff := cmp.Diff([]string{"Why", "Rules", "Hints"}, headings); diff != "" {
		t.Errorf("headings (-want +got):\n%s", diff)
	}
	if s := d.Section("Rules"); s.Line != 16 {
		t.Errorf("Rules is in line %d, want 16", s.Line)
	}
	if s := d.Section("Nowhere"); s != (readme.Section{}) {
		t.Errorf("a section that is not there: %+v", s)
	}
	if _, ok := d.Rule(3); ok {
		t.Errorf("rule 3 is there")
	}
	if r, ok := d.Rule(10); !ok || r.Number != 10 {
		t.Errorf("Rule(10) = %+v, %v", r, ok)
	}
}

// A README from Windows reads the same.
func TestLineEndings(t *testing.T) {
	crlf := ""
	for _, c := range src {
		if c == '\n' {
			crlf += "\r"
		}
		crlf += string(c)
	}
	if diff := cmp.Diff(readme.Parse(src), readme.Parse(crlf)); diff != "" {
		t.Errorf("with CRLF (-LF +CRLF):\n%s", diff)
	}
}
