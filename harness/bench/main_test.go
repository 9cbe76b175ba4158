package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Two rounds, as go test prints them.
const printed = `goos: linux
pkg: github.com/example/netkata/katas/dns/message
BenchmarkParse/ours-2       	   10000	      1200 ns/op	    1080 B/op	      22 allocs/op
BenchmarkParse/miekg-2      	   10000	      2500 ns/op	    1792 B/op	      54 allocs/op
BenchmarkQuery/ours         	   10000	        51.5 ns/op	       0 B/op	       0 allocs/op
BenchmarkQuery/dnsmessage   	   10000	       400 ns/op
BenchmarkAlone-2            	   10000	      9999 ns/op
BenchmarkParse/ours-2       	   10000	      1000 ns/op	    1080 B/op	      22 allocs/op
BenchmarkParse/miekg-2      	   10000	      3500 ns/op	    1792 B/op	      54 allocs/op
PASS
`

func TestReport(t *testing.T) {
	const table = `
         benchmark  ns/op  allocs/op  ours is  at most
        Parse/ours   1000         22
       Parse/miekg   2500         54     0.40     0.40
        Query/ours     52          0          0 allocs
  Query/dnsmessage    400          ?     0.13
`
	for _, tt := range []struct {
		why            string
		ratios, allocs bounds
		want           string // "" if the bounds do not fit the benchmarks
		err            string
	}{
		{"within bounds", bounds{"Parse/miekg": 0.4}, bounds{"Query": 0}, table, ""},
		{"too slow", bounds{"Parse/miekg": 0.39}, bounds{"Query": 0}, strings.Replace(table, "    0.40\n", "BROKEN: 0.39\n", 1), "a bound is broken"},
		{"too many allocations", bounds{"Parse/miekg": 0.4}, bounds{"Parse": 21}, "BROKEN: 21 allocs", "a bound is broken"},
		{"a library that was not measured", bounds{"Query/miekg": 1}, nil, "", "-max Query/miekg: no such benchmark"},
		{"nothing of ours", bounds{"Alone/miekg": 1}, nil, "", "-max Alone/miekg: no such benchmark"},
		{"allocations of what was not measured", nil, bounds{"Append": 0}, "", "-allocs Append: no benchmark Append/ours"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			found := results{}
			found.add([]byte(printed))
			var out strings.Builder
			err := report(&out, found, tt.ratios, tt.allocs)
			if got := text(err); got != tt.err {
				t.Errorf("error %q, want %q", got, tt.err)
			}
			if got, want := fields(out.String()), fields(tt.want); got != want && !(strings.HasPrefix(tt.want, "BROKEN") && strings.Contains(got, want)) {
				t.Errorf("printed (-want +got):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

// fields is a table whose columns are as narrow as can be.
func fields(table string) string {
	var lines []string
	for l := range strings.Lines(table) {
		lines = append(lines, strings.Join(strings.Fields(l), " "))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNothing(t *testing.T) {
	if err := report(&strings.Builder{}, results{}, nil, nil); err == nil || errors.Is(err, errBroken) {
		t.Errorf("error %v, want one that says that there is nothing to compare", err)
	}
}

func TestBounds(t *testing.T) {
	b := bounds{}
	for _, text := range []string{"Parse/miekg=0.5", "Query=0"} {
		if err := b.Set(text); err != nil {
			t.Errorf("Set(%q): %v", text, err)
		}
	}
	if got, want := b.String(), "Parse/miekg=0.5 Query=0"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	for _, text := range []string{"", "Parse", "Parse=", "Parse=fast", "=1"} {
		if b.Set(text) == nil {
			t.Errorf("Set(%q) is no error", text)
		}
	}
}
