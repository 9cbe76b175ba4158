package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	src := "# Title\n\n```\n$ not this one\n```\n\n<!-- talk: tcp/echo -->\n```\n$ one | two\nsays\n$ three\n```\nend\n"
	blocks, err := parse(src)
	if err != nil || len(blocks) != 1 {
		t.Fatalf("parse = %v, %v", blocks, err)
	}
	b := blocks[0]
	if b.id != "tcp/echo" || b.line != 8 {
		t.Errorf("id %q, line %d; want tcp/echo, 8", b.id, b.line)
	}
	if diff := cmp.Diff([]string{"one | two", "three"}, b.commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	if got := src[b.from:b.to]; got != "$ one | two\nsays\n$ three\n" {
		t.Errorf("text %q", got)
	}
	for _, bad := range []string{"<!-- talk: tcp/echo -->\ntext\n", "<!-- talk: tcp/echo -->\n```\n$ one\n"} {
		if _, err := parse(bad); err == nil || !strings.Contains(err.Error(), "2: ") {
			t.Errorf("parse(%q): error %v, want one of line 2", bad, err)
		}
	}
}
