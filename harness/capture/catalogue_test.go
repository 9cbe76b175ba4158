package main

import (
	"bytes"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

var anything = regexp.MustCompile("")

func TestCatalogueIsSound(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*-(bind|knot|nsd|unbound)$`)
	names := make(map[string]bool)
	ids := make(map[uint16]string)
	for _, c := range selected(anything) {
		s, ok := servers[c.server]
		if !ok {
			t.Errorf("%s: there is no server %q", c.name, c.server)
			continue
		}
		if (c.dig == "") == (c.raw == "") {
			t.Errorf("%s: either dig or raw says what to ask", c.name)
		}
		if _, err := c.rawQuery(); err != nil {
			t.Errorf("%s: raw: %v", c.name, err)
		}
		if other := ids[c.id()]; other != "" {
			t.Errorf("%s has the id %#x of %s: give it another name", c.name, c.id(), other)
		}
		ids[c.id()] = c.name
		for _, want := range expected(c) {
			if m := name.FindStringSubmatch(want.name); m == nil || servers[m[2]].program.name != s.program.name {
				t.Errorf("%q is not a name that ends in its server's", want.name)
			}
			if names[want.name] {
				t.Errorf("%s occurs twice", want.name)
			}
			names[want.name] = true
			if want.want == "" || !strings.HasSuffix(want.shows, ".") {
				t.Errorf("%s: want %q, shows %q: the first is missing, or the second is no sentence", want.name, want.want, want.shows)
			}
		}
	}
}

func TestSelected(t *testing.T) {
	tests := []struct {
		pattern string
		want    int
		why     string
	}{
		{"^plain-knot$", 1, "one name"},
		{"^uncut-bind$", 1, "the name of a retry stands for the capture that it belongs to"},
		{"no such", 0, "nothing matches"},
	}
	for _, tt := range tests {
		if got := selected(regexp.MustCompile(tt.pattern)); len(got) != tt.want {
			t.Errorf("%s: %d captures match %s, not %d", tt.why, len(got), tt.pattern, tt.want)
		}
	}
}

// Nothing that a capture shows may belong to anybody (RFC 2606, RFC 5737, RFC 3849).
func TestZonesHaveDocumentationNamesAndAddresses(t *testing.T) {
	var free []netip.Prefix
	for _, p := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"} {
		free = append(free, netip.MustParsePrefix(p))
	}
	isFree := func(s string) bool {
		addr, err := netip.ParseAddr(s)
		for _, p := range free {
			if err == nil && p.Contains(addr) {
				return true
			}
		}
		return false
	}
	owner := regexp.MustCompile(`(?i)^(.*\.)?(example\.(com|net)|example|2\.0\.192\.in-addr\.arpa|8\.b\.d\.0\.1\.0\.0\.2\.ip6\.arpa)\.$`)
	for _, z := range append([]zone{{".", "root.zone"}}, ours...) {
		records := 0
		for _, rr := range parseZone(t, z) {
			records++
			if name := rr.Header().Name; !owner.MatchString(name) && !(z.Name == "." && (name == "." || name == "com.")) {
				t.Errorf("%s: %s is somebody's name", z.File, name)
			}
			switch rr := rr.(type) {
			case *dns.A:
				if !isFree(rr.A.String()) {
					t.Errorf("%s: %v", z.File, rr)
				}
			case *dns.AAAA:
				if !isFree(rr.AAAA.String()) {
					t.Errorf("%s: %v", z.File, rr)
				}
			}
		}
		if records < 3 {
			t.Errorf("%s: %d records", z.File, records)
		}
	}
}

func parseZone(t *testing.T, z zone) []dns.RR {
	t.Helper()
	f, err := data.Open(path.Join("testdata/zones", z.File))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []dns.RR
	zp := dns.NewZoneParser(f, z.Name, z.File)
	for rr, ok := zp.Next(); ok; rr, ok = zp.Next() {
		out = append(out, rr)
	}
	if err := zp.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryZoneFileIsServed(t *testing.T) {
	served := make(map[string]bool)
	for _, s := range servers {
		for _, z := range s.zones {
			served[z.File] = true
		}
	}
	files, err := fs.ReadDir(data, "testdata/zones")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !served[f.Name()] {
			t.Errorf("no server has %s", f.Name())
		}
	}
}

// The captures' zones are those that dns/zone is tested with, beside the answers
// that were captured from them.
func TestZonesOfKata(t *testing.T) {
	for _, name := range []string{"example.com.zone", "root.zone"} {
		ours, err := data.ReadFile("testdata/zones/" + name)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile("../../testdata/dns/zone/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, theirs) {
			t.Errorf("testdata/dns/zone/%s is not harness/capture/testdata/zones/%s: copy it over, and look what dns/zone says", name, name)
		}
	}
}
