package known_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/netkata/harness/check/known"
)

const two = `Known wrong solutions of toy/double.

-- forgets --
who: people who forget the second half
rule: 2
@@
-	return n + n
+	return n

-- spills --
who: people who: like colons
rule: 12
race: yes
@@
 // double returns
-twice n.

+thrice n.
@@
-func double(
+func triple(
`

func TestParseWrong(t *testing.T) {
	got, err := known.ParseWrong("two.txt", []byte(two))
	if err != nil {
		t.Fatal(err)
	}
	want := []known.Wrong{
		{Name: "forgets", Who: "people who forget the second half", Rule: 2, Line: 3, Hunks: []known.Hunk{
			{Line: 6, Old: "\treturn n + n", New: "\treturn n"},
		}},
		{Name: "spills", Who: "people who: like colons", Rule: 12, Race: true, Line: 10, Hunks: []known.Hunk{
			{Line: 14, Old: "// double returns\ntwice n.\n", New: "// double returns\n\nthrice n."},
			{Line: 19, Old: "func double(", New: "func triple("},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParseWrong (-want +got):\n%s", diff)
	}
}

func TestParseWrongErrors(t *testing.T) {
	const head = "-- a --\nwho: people\nrule: 1\n"
	for _, tt := range []struct {
		why, src, want string
	}{
		{"nothing at all", "", "x.txt:1: no entry"},
		{"only a comment", "Once upon a time\n", "x.txt:1: no entry"},
		{"unknown key", "\n-- a --\nwhy: people\n", `x.txt:3: a: unknown key "why"`},
		{"key without value", "-- a --\nwho:\n", `x.txt:2: a: "who:": want`},
		{"a line that is no key", "-- a --\nwho\n", `x.txt:2: a: "who": want`},
		{"key twice", "-- a --\nrule: 1\nrule: 2\n", `x.txt:3: a: a second "rule"`},
		{"rule in words", "-- a --\nrule: six\n", `x.txt:2: a: rule "six": want a number`},
		{"rule 0", "-- a --\nrule: 0\n", `x.txt:2: a: rule "0": want a number`},
		{"race, neither yes nor left out", "-- a --\nrace: no\n", `x.txt:2: a: race "no": want yes`},
		{"no who", "-- a --\nrule: 1\n@@\n-x\n+y\n", `x.txt:1: a: no "who: …"`},
		{"no rule", "-- a --\nwho: people\n@@\n-x\n+y\n", `x.txt:1: a: no "rule: …"`},
		{"no hunk", head, "x.txt:1: a: no hunk"},
		{"an empty hunk before another", head + "@@\n@@\n-x\n+y\n", "x.txt:4: a: no old text"},
		{"only context", head + "@@\n x\n", "x.txt:4: a: changes nothing"},
		{"the same again", head + "@@\n-x\n+x\n", "x.txt:4: a: changes nothing"},
		{"only new text", head + "@@\n+x\n", "x.txt:4: a: no old text"},
		{"blank old text", head + "@@\n-\t\n+x\n", "x.txt:4: a: no old text"},
		{"no mark before a line", head + "@@\n-x\n+y\n\tz\n", `x.txt:7: a: "\tz": a line of a hunk begins with`},
		{"a unified diff's numbers", head + "@@ -1,2 +1,2 @@\n-x\n", `x.txt:4: a: "@@ -1,2 +1,2 @@": want`},
		{"numbers in a later hunk", head + "@@\n-x\n+y\n@@ -1 +1 @@\n", `x.txt:7: a: "@@ -1 +1 @@": a line of a hunk`},
		{"the same name twice", head + "@@\n-x\n+y\n\n" + head + "@@\n-x\n+y\n", "x.txt:8: a second a"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			_, err := known.ParseWrong("x.txt", []byte(tt.src))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("err = %v\nwant     %s…", err, tt.want)
			}
		})
	}
}

var reference = known.Files{
	"a.go": "func a() int {\n\treturn 1\n}\n\nfunc same() {}\n",
	"b.go": "func b() int {\n\treturn 2\n}\n\nfunc same() {}\n",
}

func TestApply(t *testing.T) {
	for _, tt := range []struct {
		why   string
		hunks []known.Hunk
		want  known.Files
	}{
		{"part of a line", []known.Hunk{{1, "1", "3"}},
			known.Files{"a.go": "func a() int {\n\treturn 3\n}\n\nfunc same() {}\n"}},
		{"a line goes", []known.Hunk{{1, "b() int {\n\treturn 2\n", "b() int {\n"}},
			known.Files{"b.go": "func b() int {\n}\n\nfunc same() {}\n"}},
		{"two places of a file, the later one first", []known.Hunk{{1, "return 1", "return 100"}, {2, "func a", "func longer"}},
			known.Files{"a.go": "func longer() int {\n\treturn 100\n}\n\nfunc same() {}\n"}},
		{"side by side is not overlapping", []known.Hunk{{1, "func b() int {\n", "func b() (n int) {\n"}, {2, "\treturn 2", "\treturn"}},
			known.Files{"b.go": "func b() (n int) {\n\treturn\n}\n\nfunc same() {}\n"}},
		{"what one hunk writes, the next does not see", []known.Hunk{{1, "1", "2 2"}, {2, "return 2", "return 4"}},
			known.Files{
				"a.go": "func a() int {\n\treturn 2 2\n}\n\nfunc same() {}\n",
				"b.go": "func b() int {\n\treturn 4\n}\n\nfunc same() {}\n",
			}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got, err := known.Wrong{Hunks: tt.hunks}.Apply(reference)
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("err = %v; files (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestApplyErrors(t *testing.T) {
	for _, tt := range []struct {
		why   string
		hunks []known.Hunk
		want  string
	}{
		{"nowhere", []known.Hunk{{7, "return 9", ""}}, "line 7: no longer applies: the reference has no\n    return 9"},
		{"in two files", []known.Hunk{{7, "func same", ""}}, "line 7: no longer applies: the reference has this 2 times\n    func same"},
		{"twice, overlapping", []known.Hunk{{7, "}\n\nf", ""}, {9, "\n\n", ""}}, "line 7: no longer applies: the reference has this 2 times\n    }\n    \n    f"},
		{"on top of another", []known.Hunk{{7, "return 1", ""}, {9, "1", "2"}}, "line 9: overlaps another hunk"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got, err := known.Wrong{Hunks: tt.hunks}.Apply(reference)
			if err == nil || err.Error() != tt.want {
				t.Errorf("err = %v\nwant  %s\nfiles %v", err, tt.want, got)
			}
		})
	}
	w := known.Wrong{Hunks: []known.Hunk{{1, "aa", "b"}}}
	if _, err := w.Apply(known.Files{"a.go": "aaa"}); err == nil {
		t.Error("aa occurs twice in aaa, at 0 and at 1: want an error")
	}
}

func TestFindRight(t *testing.T) {
	got := known.FindRight("dns/name", known.Files{
		"testdata/right/dns/name/recursive/name.go":   "1",
		"testdata/right/dns/name/recursive/append.go": "2",
		"testdata/right/dns/name/library/name.go":     "3",
		"testdata/right/dns/name/library/name.proto":  "4",
		"testdata/right/dns/name/library/notes.txt":   "no source",
		"testdata/right/dns/name/README.md":           "no folder, no habit",
		"testdata/right/dns/names/other/names.go":     "another kata",
		"solutions/dns/name/name.go":                  "the reference",
	})
	want := []known.Right{
		{"library", known.Files{"solutions/dns/name/name.go": "3", "solutions/dns/name/name.proto": "4"}},
		{"recursive", known.Files{"solutions/dns/name/name.go": "1", "solutions/dns/name/append.go": "2"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("FindRight (-want +got):\n%s", diff)
	}
}
