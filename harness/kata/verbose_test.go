package main

import (
	"strings"
	"testing"

	"github.com/example/netkata/harness/internal/course"
	"github.com/google/go-cmp/cmp"
)

// Failures come by their rules. Those that were told, and those of what is not
// written yet, are left out; those that were not kept are counted.
func TestFurther(t *testing.T) {
	fail := func(rule int, test, text string) *course.Failure {
		return &course.Failure{Kind: course.ByTest, Test: test, Rule: rule, Text: "rule 1: " + text}
	}
	first := fail(1, "TestA", "told")
	many := fail(2, "TestMany", "one of many")
	many.More = 11
	not := fail(2, "TestNot", "not written yet: replace the body marked TODO")
	not.More = 20
	printed := fail(3, "TestB/sub_test", "b")
	printed.Printed = "here\n"
	v := course.Verdict{First: first, Tests: []course.Result{
		{Name: "TestB", Rule: 3, Failures: []*course.Failure{printed}},
		{Name: "TestA", Rule: 1, Failures: []*course.Failure{first}},
		{Name: "TestMany", Rule: 2, Failures: []*course.Failure{many}},
		{Name: "TestNot", Rule: 2, Failures: []*course.Failure{not}},
	}}
	for i := range v.Tests {
		v.Tests[i].Outcome = course.Failed
	}
	var out strings.Builder
	r := runner{app: &app{out: &out}}
	r.further(course.Kata{Dir: "katas/t/a"}, v)
	want := `
TestMany, rule 2
rule 1: one of many

And 11 more failures in TestMany:
  go test ./katas/t/a -run '^TestMany$'

TestB/sub test, rule 3
rule 1: b

Printed meanwhile:
  here
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
}

// No line is longer than the screen, unless a word is.
func TestWrap(t *testing.T) {
	word := strings.Repeat("w", 9) // eight of them fill a screen of 80 columns
	for _, tt := range []struct {
		name   string
		column int
		text   string
		want   string
	}{
		{"short", 0, "a b", "a b"},
		{"as long as the screen", 0, words(word, 8) + "w", words(word, 8) + "w"},
		{"longer", 0, words(word, 9), words(word, 8) + "\n" + word},
		{"much longer", 0, words(word, 20), words(word, 8) + "\n" + words(word, 8) + "\n" + words(word, 4)},
		{"from a column on", 10, words(word, 9), words(word, 7) + "\n" + strings.Repeat(" ", 10) + words(word, 2)},
		{"a word too long", 0, strings.Repeat("w", 90) + " b", strings.Repeat("w", 90) + "\nb"},
		{"columns, not bytes", 0, words("äöüäöüäöü", 8), words("äöüäöüäöü", 8)},
		{"a command", 0, "a:\n  " + words(word, 9), "a:\n  " + words(word, 9)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrap(tt.column, tt.text); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func words(word string, n int) string {
	return strings.TrimSuffix(strings.Repeat(word+" ", n), " ")
}
