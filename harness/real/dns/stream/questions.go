package main

import "strings"

// question is what dig is asked to ask.
type question struct {
	args []string
	why  map[string]string // why a server may say something else, by server
}

// reason says why the answers may differ, or nothing: missing and extra are the
// lines that only that server has, and that only ours has.
func (q question) reason(who string, missing, extra []string) string {
	if r, ok := q.why[who]; ok {
		return r
	}
	for _, r := range reasons {
		if (r.who == "" || r.who == who) && all(missing, r.may) && all(extra, isCount) {
			return r.text
		}
	}
	return ""
}

// reasons hold where only those lines are missing.
var reasons = []struct {
	who  string // "" for all
	may  func(line string) bool
	text string
}{
	{"", isEDE, "It says more of the same, in an extended error (RFC 8914)."},
	{"nsd", isApex, "NSD adds the zone's NS records, and their addresses, to what it answers."},
}

func all(lines []string, is func(string) bool) bool {
	for _, l := range lines {
		if !is(l) {
			return false
		}
	}
	return true
}

func isEDE(line string) bool { return strings.HasPrefix(line, "; EDE: ") }

// isCount says whether dig counts records in that line.
func isCount(line string) bool { return strings.HasPrefix(line, ";; flags:") }

// isApex says whether the line is one of the zone's own servers, an address of
// theirs, or one in which dig heads or counts such.
func isApex(line string) bool {
	f := strings.Fields(strings.ToLower(line))
	switch {
	case isCount(line), line == ";; AUTHORITY SECTION:", line == ";; ADDITIONAL SECTION:":
		return true
	case len(f) != 5:
		return false
	}
	return f[0] == origin && f[3] == "ns" || (f[0] == "ns1."+origin || f[0] == "ns2."+origin) && (f[3] == "a" || f[3] == "aaaa")
}

const anyReason = "ANY may be answered with as much as a server likes (RFC 8482): everything here, one set in Knot, the SOA in NSD."

const headerReason = "NSD answers an unknown opcode with a header alone; dig misses the OPT record there (RFC 6891, 6.1.1)."

// ask parses a line of dig's arguments.
func ask(args string) question { return question{args: strings.Fields(args)} }

// questions are those of the README, and their like: each type, over UDP and TCP,
// with EDNS and without, and whatever can be the matter with a name.
var questions = func() (list []question) {
	for _, args := range []string{
		"www.example.com A", "www.example.com AAAA", "example.com SOA", "example.com NS", "example.com MX", "example.com TXT",
		"text.example.com TXT", "_sip._udp.example.com SRV", "unknown.example.com TYPE65280", "alias.example.com CNAME",
		"alias.example.com A", "one.example.com A", "away.example.com A", "dangling.example.com A", "loop1.example.com A",
		"nothing.example.com A", "www.example.com MX", "empty.example.com A", "b.empty.example.com A", "c.empty.example.com A",
		"x.wild.example.com A", "x.y.wild.example.com MX", "known.wild.example.com A", "x.known.wild.example.com A", "wild.example.com A",
		"x.star.example.com AAAA", "host.sub.example.com A", "sub.example.com NS", "host.elsewhere.example.com A",
		"wWw.eXaMpLe.CoM A", "nOtHiNg.example.com A", "www.example.net A", "com NS", "www.example.com A -c CH",
	} {
		for _, how := range []string{"+edns", "+noedns", "+tcp", "+norec +dnssec"} {
			if strings.HasPrefix(args, "www.example.com A -c CH") && how != "+edns" {
				continue
			}
			list = append(list, ask(args+" "+how))
		}
	}
	list = append(list,
		question{strings.Fields("www.example.com ANY +notcp"), map[string]string{"knot": anyReason, "nsd": anyReason}},
		question{strings.Fields("example.com ANY +tcp"), map[string]string{"knot": anyReason, "nsd": anyReason}},
		ask("www.example.com A +edns=1 +noednsnegotiation"),
		question{strings.Fields("www.example.com A +opcode=status"), map[string]string{"nsd": headerReason}},
		ask("long.example.com TXT +noedns +ignore"),
		ask("crowd.example.com TXT +bufsize=4096 +ignore"),
		ask("crowd.example.com TXT +tcp"),
	)
	return list
}()
