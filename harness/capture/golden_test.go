package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/example/netkata/harness/wire"
	"github.com/miekg/dns"
)

const goldens = "../../" + captured

// load returns the goldens of the whole catalogue.
func load(t *testing.T) []taken {
	t.Helper()
	all, err := readTaken(filepath.FromSlash(goldens), selected(anything))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestGoldensShowWhatTheCatalogueSays(t *testing.T) {
	for _, g := range load(t) {
		if err := g.check(); err != nil {
			t.Error(err)
		}
	}
}

// The comments of the files, and README.md, are what the program would write
// today, and there is no other file.
func TestGoldensAreUpToDate(t *testing.T) {
	all := load(t)
	want := render(all)
	var err error
	if want["README.md"], err = readme(all); err != nil {
		t.Fatal(err)
	}
	var stale []string
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(filepath.FromSlash(goldens), name))
		if err != nil || string(got) != string(content) {
			stale = append(stale, name)
		}
	}
	if len(stale) > 0 {
		t.Errorf("%d of %d files are not as they would be written today, say %s.\n"+
			"Run, at the root: go run ./harness/capture -annotate", len(stale), len(want), slices.Min(stale))
	}
	files, err := os.ReadDir(filepath.FromSlash(goldens))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := want[f.Name()]; !ok {
			t.Errorf("%s is in no catalogue: delete it", f.Name())
		}
	}
}

func TestQueriesAreTheCataloguesOwn(t *testing.T) {
	queries := make(map[string][]byte)
	for _, g := range load(t) {
		queries[g.name] = g.query
	}
	for _, c := range selected(anything) {
		query := queries[c.name]
		if c.retry != nil && string(query) != string(queries[c.retry.name]) {
			t.Errorf("%s asks something else than %s", c.retry.name, c.name)
		}
		if c.raw != "" {
			if want, _ := c.rawQuery(); string(query) != string(want) {
				t.Errorf("%s\n  is   %x\n  want %x", c.name, query, want)
			}
			continue
		}
		if faults := wire.DNS(query).Faults; len(faults) > 0 {
			t.Errorf("%s: dig's query is malformed: %v", c.name, faults)
		}
		var q dns.Msg
		if err := q.Unpack(query); err != nil || q.Id != c.id() || q.Response {
			t.Errorf("%s: query %v with id %#x, want id %#x: %v", c.name, q.Question, q.Id, c.id(), err)
		}
	}
}

// What the katas need must be there, whatever becomes of the catalogue.
func TestGoldensCoverTheKatas(t *testing.T) {
	seen := make(map[string]bool)
	for _, g := range load(t) {
		seen[rcode(g.response)] = true
		seen[g.network] = true
		var m dns.Msg
		if m.Unpack(g.response) != nil {
			continue
		}
		seen["TC"] = seen["TC"] || m.Truncated
		for _, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
			seen[dns.Type(rr.Header().Rrtype).String()] = true
		}
	}
	for _, want := range strings.Fields("A AAAA CNAME NS MX TXT SOA SRV PTR OPT TYPE65280 " +
		"NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED BADVERS BADCOOKIE udp tcp TC") {
		if !seen[want] {
			t.Errorf("no capture with %s", want)
		}
	}
}

// check must see through each of these.
func TestCheckBites(t *testing.T) {
	const question = "03777777 076578616d706c65 03636f6d 00 0001 0001"
	good := func() taken {
		return taken{name: "good", want: "NXDOMAIN aa 1/0/0/0", pair: pair{
			query:    unhex(t, "1234 0000 0001 0000 0000 0000"+question),
			response: unhex(t, "1234 8403 0001 0000 0000 0000"+question),
		}}
	}
	if err := good().check(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		why   string
		spoil func(*taken)
	}{
		{"no response", func(g *taken) { g.response = nil }},
		{"another id", func(g *taken) { g.response[1]++ }},
		{"not a response", func(g *taken) { g.response[2] &= 0x7f }},
		{"another rcode", func(g *taken) { g.response[3] = 0 }},
		{"no AA", func(g *taken) { g.response[2] &^= 4 }},
		{"TC", func(g *taken) { g.response[2] |= 2 }},
		{"another opcode", func(g *taken) { g.response[2] |= 0x10 }},
		{"a record announced", func(g *taken) { g.response[7]++ }},
		{"the question in other letters", func(g *taken) { g.response[13] = 'W' }},
		{"another type", func(g *taken) { g.response[len(g.response)-3]++ }},
		{"the response is cut", func(g *taken) { g.response = g.response[:len(g.response)-1] }},
		{"well-formed, though it should not be", func(g *taken) { g.broken = true }},
	}
	for _, tt := range tests {
		g := good()
		tt.spoil(&g)
		if g.check() == nil {
			t.Errorf("%s: no error", tt.why)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSummary(t *testing.T) {
	tests := []struct{ msg, want string }{
		{"0000 8583 0001 0000 0001 0000", "NXDOMAIN aa rd ra 1/0/1/0"},
		{"0000 f804 0000 0000 0000 0000", "opcode15 NOTIMP 0/0/0/0"},
		{"0000 8670 0000 0000 0000 0000", "NOERROR aa tc z ad cd 0/0/0/0"},
		{"0000 0000 0000 0000 0000 0000", "query NOERROR 0/0/0/0"},
		{"0000 8000 0000 0000 0000 0001 00 0029 04d0 01 00 0000 0000", "BADVERS 0/0/0/1"}, // 16 = 1<<4 | 0
		{"0000 8007 0000 0000 0000 0001 00 0029 04d0 01 00 0000 0000", "BADCOOKIE 0/0/0/1"},
	}
	for _, tt := range tests {
		if got := summary(unhex(t, tt.msg)); got != tt.want {
			t.Errorf("summary of %s is %q, want %q", tt.msg, got, tt.want)
		}
	}
}

func TestAskedIsForAShell(t *testing.T) {
	c := capture{name: "n", dig: `+norecurse a\.b.*.example.com A`}
	want := fmt.Sprintf(`dig -r @127.0.0.1 -p PORT +qid=%d +norecurse 'a\.b.*.example.com' A`, c.id())
	if got := asked(c); got != want {
		t.Errorf("asked\n  %s\nwant\n  %s", got, want)
	}
}

func TestHeadTellsAllAndIsReadBack(t *testing.T) {
	g := taken{
		name: "n-nsd", shows: "What it shows.", varies: "the moon", server: "NSD 4", client: "dig 9", asked: "dig " + strings.Repeat("x", 72),
		pair: pair{network: "tcp", query: make([]byte, 12), response: make([]byte, 12)},
	}
	file := render([]taken{g})["n-nsd.response.hex"]
	for _, want := range []string{"# n-nsd, response: What it shows.\n", "# server: NSD 4\n", "# client: dig 9\n", "# over: TCP\n", "# asked: dig \\\n#   xxx", "the moon\n"} {
		if !strings.Contains(string(file), want) {
			t.Errorf("no %q in\n%s", want, file)
		}
	}
	d, err := wire.ParseHex("n-nsd.response.hex", file)
	if err != nil {
		t.Fatal(err)
	}
	if got := headLine(d, headServer); got != "NSD 4" {
		t.Errorf("server %q read back from\n%s", got, file)
	}
}

func TestWrap(t *testing.T) {
	tests := []struct {
		text string
		want []string
		why  string
	}{
		{"one two three", []string{"one two", "three"}, "eight columns"},
		{"one  two\nthree", []string{"one two", "three"}, "all space is alike"},
		{"a seventeenletters b", []string{"a", "seventeenletters", "b"}, "a word is never broken"},
		{"12345678 9", []string{"12345678", "9"}, "just full"},
		{"1234 5678", []string{"1234", "5678"}, "the space counts"},
		{"", []string{""}, "no words: an empty line"},
	}
	for _, tt := range tests {
		if got := wrap(tt.text, 8); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q becomes %q, want %q", tt.why, tt.text, got, tt.want)
		}
	}
}

func TestWriteFilesTouchesOnlyWhatChanges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	files := map[string][]byte{"a": []byte("1"), "b": []byte("2")}
	for _, want := range []string{"2 files: 2 written, 0 as they were\n", "2 files: 0 written, 2 as they were\n"} {
		var out strings.Builder
		if err := writeFiles(dir, files, &out); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(out.String(), want) {
			t.Errorf("it said %q, want %q at the end", out.String(), want)
		}
	}
}

func TestRunRefusesNonsense(t *testing.T) {
	tests := []struct {
		args []string
		want string // part of the error
	}{
		{[]string{"-nonsense"}, "-nonsense"},
		{[]string{"knot"}, `"knot": only flags`},
		{[]string{"-run", "("}, "-run: "},
		{[]string{"-run", "no such name"}, `no capture has a name that matches "no such name"`},
		{[]string{"-serve", "knot,unknown"}, `"unknown" is none of bind, knot`},
		{nil, "repository's root"}, // the tests run in harness/capture
		{[]string{"-annotate", "-out", "no/such/folder"}, "folder"},
	}
	for _, tt := range tests {
		var out strings.Builder
		err := run(t.Context(), tt.args, &out)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("capture %q: error %v, want one with %q", tt.args, err, tt.want)
		}
	}
}

func TestRunLists(t *testing.T) {
	var out strings.Builder
	if err := run(context.Background(), []string{"-list", "-run", "^soa-"}, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "soa-bind ") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("the list of one is\n%s", &out)
	}
	out.Reset()
	if err := run(context.Background(), []string{"-h"}, &out); err != nil || !strings.Contains(out.String(), "-annotate") {
		t.Errorf("-h: %v\n%s", err, &out)
	}
}
