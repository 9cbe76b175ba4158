package main

import (
	"strings"
	"testing"

	"github.com/fatih/color"
	"github.com/google/go-cmp/cmp"
)

// Markdown in a terminal: headings, bold and code are coloured, the marks are
// gone, fenced blocks stay as they are.
func TestStyled(t *testing.T) {
	defer func(was bool) { color.NoColor = was }(color.NoColor)
	src := "# Title\n\nOne **bold\nword** and `code`.\n\n```\n**not** `this`\n\n# nor this\n```\n\n## End\n"
	color.NoColor = true
	if got := styled(src); got != src {
		t.Errorf("without colours it is changed: %q", got)
	}
	color.NoColor = false
	marks := strings.NewReplacer("\x1b[1m", "<b>", "\x1b[22m", "</b>", "\x1b[36m", "<c>", "\x1b[0m", "</>")
	got := marks.Replace(styled(src))
	want := "<b>Title</b>\n\nOne <b>bold</b>\n<b>word</b> and <c>code</>.\n\n**not** `this`\n\n# nor this\n\n<b>End</b>\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// Equal lines face each other; what differs has a bar; long lines are cut.
func TestBeside(t *testing.T) {
	left := "package a\n\nfunc F() {\n\treturn 1\n}\n"
	right := "package a\n\n// F is one.\nfunc F() {\n\treturn one // and a long comment\n}\n"
	want := strings.Join([]string{
		"package a            package a",
		"",
		"                   | // F is one.",
		"func F() {           func F() {",
		"    return 1       |     return one //…",
		"}                    }",
	}, "\n")
	if d := cmp.Diff(want, beside(left, right, 18)); d != "" {
		t.Error(d)
	}
}
