package main

import (
	"regexp"
	"strings"
)

// capture is one question and what is expected of the answer.
type capture struct {
	name   string // of its files; its last part says which program answers
	server string // a key of servers
	dig    string // dig's options and question, divided by spaces
	raw    string // or, for what dig cannot say: the query in hex, without its id
	want   string // the answer's summary: see summary
	shows  string // one or more sentences
	varies string // what is different in each run, or ""
	broken bool   // the response, too, is malformed
	retry  *retry // what dig does when the answer is truncated, or nil
}

// retry is the second half of a capture: the same question over TCP.
type retry struct{ name, want, shows string }

// group is the captures about one subject.
type group struct {
	title    string
	captures []capture
}

// What dig adds to a question of its own accord is RD, AD, and an OPT record
// with a cookie.
const (
	plain = "+norecurse +noadflag +noedns "          // twelve octets and a question
	edns  = "+norecurse +noadflag +nocookie "        // and an OPT record
	stub  = "+noadflag +noedns "                     // RD set, as a resolver's clients do
	ask   = "0000 0001 0000 0000 0000 "              // a raw query's header, behind the id
	www   = "03777777 076578616d706c65 03636f6d 00 " // www.example.com.
	opt   = "00 0029 04d0 00 00 0000 0000 "          // an OPT record
	many  = "many.example.com MX"                    // eight records, 208 octets or more
	crowd = "crowd.example.com TXT"                  // sixteen records, 1827 octets or more
	l63   = "L23456789012345678901234567890123456789012345678901234567890123"
	m63   = "M23456789012345678901234567890123456789012345678901234567890123"
	n63   = "N23456789012345678901234567890123456789012345678901234567890123"
	o49   = "O234567890123456789012345678901234567890123456789"
)

var catalogue = []group{{
	"Ways to ask", []capture{{
		name: "plain-knot", server: "knot", dig: plain + "www.example.com A",
		want:  "NOERROR aa 1/1/0/0",
		shows: "The smallest question and the smallest answer: one address, whose owner is a pointer to the question's name.",
	}, {
		name: "plain-nsd", server: "nsd", dig: plain + "www.example.com A",
		want:  "NOERROR aa 1/1/2/3",
		shows: "The question of plain-knot to a server that adds the zone's NS records and their addresses; names below example.com point into the question.",
	}, {
		name: "recurse-nsd", server: "nsd", dig: stub + "www.example.com A",
		want:  "NOERROR aa rd 1/1/2/3",
		shows: "Recursion desired of a server that offers none: RD is copied into the response, RA stays 0, AA is 1.",
	}, {
		name: "recurse-unbound", server: "unbound", dig: stub + "www.example.com A",
		want:  "NOERROR rd ra 1/1/0/0",
		shows: "A resolver's answer: RA is 1 and AA is 0, for it has this from somebody else.",
	}, {
		name: "norecurse-unbound", server: "unbound", dig: plain + "www.example.com A",
		want:  "REFUSED ra 1/0/0/0",
		shows: "RD is 0, and this resolver refuses to look into its cache for anyone.",
	}, {
		name: "flags-unbound", server: "unbound", dig: "+nocookie +cdflag www.example.com A",
		want:  "NOERROR rd ra cd 1/1/0/1",
		shows: "AD and CD set in the query. The response copies CD; its AD is 0, for nothing was validated.",
	}, {
		name: "zflag-bind", server: "bind", dig: plain + "+zflag www.example.com A",
		want:  "NOERROR aa 1/1/2/3",
		shows: "The reserved bit Z is 1 in the query. It is ignored, and 0 in the response.",
	}, {
		name: "edns-knot", server: "knot", dig: edns + "www.example.com A",
		want:  "NOERROR aa 1/1/0/1",
		shows: "EDNS: an OPT record on either side, each with the size of the largest UDP message that its sender takes.",
	}, {
		name: "edns-bind", server: "bind", dig: edns + "+bufsize=4096 www.example.com A",
		want:  "NOERROR aa 1/1/2/4",
		shows: "Two sizes: the client takes UDP messages of 4096 octets, the server of 1232. Each speaks of itself.",
	}, {
		name: "do-nsd", server: "nsd", dig: edns + "+dnssec www.example.com A",
		want:  "NOERROR aa 1/1/2/4",
		shows: "The DO bit, the highest of the OPT record's flags, is copied into the response. The zone is not signed, so nothing else changes.",
	}, {
		name: "cookie-bind", server: "bind", dig: "+cookie=0123456789abcdef www.example.com A",
		want:   "NOERROR aa rd 1/1/2/4",
		shows:  "What dig sends if nothing is said: RD, AD, and EDNS with a client's cookie. The server adds its own half, 16 octets (RFC 7873, RFC 9018).",
		varies: "the server's cookie, which has the time in it",
	}, {
		name: "badcookie-knot", server: "knot", dig: "+norecurse +noadflag +cookie=0123456789abcdef +nobadcookie www.example.com A",
		want:   "BADCOOKIE 1/0/0/1",
		shows:  "A server that wants to see its own cookie first: BADCOOKIE is 23: 7 in the four bits of the header, and 1, for 16, in the OPT record.",
		varies: "the server's cookie, which has the time in it",
	}, {
		name: "nsid-knot", server: "knot", dig: edns + "+nsid www.example.com A",
		want:  "NOERROR aa 1/1/0/1",
		shows: "An empty option asks for the server's name, and the response has it (RFC 5001).",
	}, {
		name: "subnet-bind", server: "bind", dig: edns + "+subnet=192.0.2.0/24 www.example.com A",
		want:  "NOERROR aa 1/1/2/4",
		shows: "A client subnet option, which has only as many octets of the address as the prefix needs. The response repeats it with scope 0 (RFC 7871).",
	}, {
		name: "subnet-nsd", server: "nsd", dig: edns + "+subnet=2001:db8::/56 www.example.com AAAA",
		want:  "NOERROR aa 1/1/2/4",
		shows: "A client subnet option for IPv6. This server has no use for it: the response has an OPT record without options.",
	}, {
		name: "options-nsd", server: "nsd", dig: edns + "+ednsopt=65001:c0ffee +padding=128 www.example.com A",
		want:  "NOERROR aa 1/1/2/4",
		shows: "An option of local use that nobody knows, and padding up to 128 octets. What a server does not know, it ignores.",
	}, {
		name: "expire-bind", server: "bind", dig: edns + "+expire example.com SOA",
		want:  "NOERROR aa 1/1/2/4",
		shows: "The EXPIRE option: empty in the query, four octets of seconds in the response (RFC 7314).",
	}, {
		name: "tcp-knot", server: "knot", dig: plain + "+tcp www.example.com A",
		want:  "NOERROR aa 1/1/0/0",
		shows: "A question over TCP: but for the ids, the bytes of plain-knot.",
	}, {
		name: "keepalive-bind", server: "bind", dig: edns + "+tcp +keepalive www.example.com A",
		want:  "NOERROR aa 1/1/2/4",
		shows: "The edns-tcp-keepalive option: empty in the query, tenths of a second in the response (RFC 7828).",
	}, {
		name: "version-bind", server: "bind", dig: plain + "version.bind CH TXT",
		want:  "NOERROR aa 1/1/1/0",
		shows: "Class CHAOS: the program's version, in a zone that every BIND has. The name in its NS record is nothing but a pointer.",
	}, {
		name: "version-nsd", server: "nsd", dig: plain + "version.bind CH TXT",
		want:  "NOERROR 1/1/0/0",
		shows: "Class CHAOS again: this server answers without AA.",
	}},
}, {
	"Types", []capture{{
		name: "aaaa-nsd", server: "nsd", dig: edns + "www.example.com AAAA",
		want:  "NOERROR aa 1/1/2/4",
		shows: "AAAA: an address of sixteen octets.",
	}, {
		name: "cname-knot", server: "knot", dig: plain + "alias.example.com CNAME",
		want:  "NOERROR aa 1/1/0/0",
		shows: "CNAME, asked for as such, so that nobody follows it. Its name is www and a pointer.",
	}, {
		name: "ns-knot", server: "knot", dig: plain + "example.com NS",
		want:  "NOERROR aa 1/2/0/3",
		shows: "NS: two names that share all but their first labels, and their addresses.",
	}, {
		name: "mx-bind", server: "bind", dig: plain + "example.com MX",
		want:  "NOERROR aa 1/2/2/5",
		shows: "MX: preference and name. One of the names lies outside the zone, so nothing is known of its address.",
	}, {
		name: "mx-knot", server: "knot", dig: plain + "example.com MX",
		want:  "NOERROR aa 1/2/0/2",
		shows: "As mx-bind, from a server that adds the address of the mail server and no NS records.",
	}, {
		name: "soa-bind", server: "bind", dig: edns + "example.com SOA",
		want:  "NOERROR aa 1/1/2/4",
		shows: "SOA: two names and five numbers. Both names are compressed.",
	}, {
		name: "txt-knot", server: "knot", dig: plain + "example.com TXT",
		want:  "NOERROR aa 1/1/0/0",
		shows: "TXT: one character-string, with its length before it.",
	}, {
		name: "txt-strings-knot", server: "knot", dig: plain + "text.example.com TXT",
		want:  "NOERROR aa 1/1/0/0",
		shows: "TXT: four character-strings in one record. The third is empty, the last has a quote, a backslash and an octet of 255.",
	}, {
		name: "txt-full-nsd", server: "nsd", dig: plain + "long.example.com TXT",
		want:  "NOERROR aa 1/1/2/3",
		shows: "TXT: a character-string of 255 octets, the longest there is.",
	}, {
		name: "txt-two-knot", server: "knot", dig: plain + "key.example.com TXT",
		want:  "NOERROR aa 1/1/0/0",
		shows: "TXT: a value longer than 255 octets, in two character-strings.",
	}, {
		name: "srv-bind", server: "bind", dig: plain + "_sip._udp.example.com SRV",
		want:  "NOERROR aa 1/3/2/5",
		shows: "SRV: priority, weight, port and a target, which is not compressed (RFC 2782). Other names may still point into it, and here they do.",
	}, {
		name: "srv-knot", server: "knot", dig: plain + "_sip._udp.example.com SRV",
		want:  "NOERROR aa 1/3/0/2",
		shows: "As srv-bind, from a server that adds no NS records. Both put the lesser weight first, which the zone file does not.",
	}, {
		name: "ptr-knot", server: "knot", dig: plain + "-x 192.0.2.80",
		want:  "NOERROR aa 1/1/0/0",
		shows: "PTR: a name for an IPv4 address, whose octets stand in reverse order before in-addr.arpa.",
	}, {
		name: "ptr6-knot", server: "knot", dig: plain + "-x 2001:db8::80",
		want:  "NOERROR aa 1/1/0/0",
		shows: "PTR for an IPv6 address: 34 labels, one for every four bits.",
	}, {
		name: "unknown-knot", server: "knot", dig: plain + "unknown.example.com TYPE65280",
		want:  "NOERROR aa 1/1/0/0",
		shows: "A type that nobody knows (RFC 3597). Its seven octets look like a name with a pointer, and are not: they are to be left alone.",
	}, {
		name: "any-bind", server: "bind", dig: plain + "example.com ANY",
		want:  "NOERROR aa 1/8/0/0",
		shows: "Type ANY: this server gives all it has.",
	}, {
		name: "any-knot", server: "knot", dig: plain + "example.com ANY",
		want:  "NOERROR aa 1/1/0/0",
		shows: "Type ANY over UDP: this server picks one record set (RFC 8482).",
	}, {
		name: "any-nsd", server: "nsd", dig: plain + "example.com ANY",
		want:  "NOERROR aa 1/1/0/0",
		shows: "Type ANY: this server, too, picks one record set, but another than that of any-knot.",
	}},
}, {
	"No, in several ways", []capture{{
		name: "nxdomain-bind", server: "bind", dig: plain + "missing.example.com A",
		want:  "NXDOMAIN aa 1/0/1/0",
		shows: "NXDOMAIN. The SOA record in the authority section says for how long that may be believed: its TTL is the smaller of its own and its last field (RFC 2308, 3).",
	}, {
		name: "nxdomain-unbound", server: "unbound", dig: stub + "missing.example.com A",
		want:  "NXDOMAIN rd ra 1/0/1/0",
		shows: "NXDOMAIN through a resolver: AA is 0, and the SOA record is there too.",
	}, {
		name: "nodata-nsd", server: "nsd", dig: plain + "mail.example.com MX",
		want:  "NOERROR aa 1/0/1/0",
		shows: "NODATA: the name exists, the type does not. NOERROR, no answer, and the SOA record.",
	}, {
		name: "nodata-knot", server: "knot", dig: edns + "mail.example.com MX",
		want:  "NOERROR aa 1/0/1/1",
		shows: "NODATA with EDNS: the OPT record is all there is in the additional section.",
	}, {
		name: "empty-knot", server: "knot", dig: plain + "empty.example.com A",
		want:  "NOERROR aa 1/0/1/0",
		shows: "An empty non-terminal: there is an a.b.empty.example.com, so empty.example.com exists, and the answer is NODATA, not NXDOMAIN (RFC 8020).",
	}, {
		name: "refused-bind", server: "bind", dig: plain + "www.example.net A",
		want:  "REFUSED 1/0/0/0",
		shows: "A name outside every zone of the server: REFUSED.",
	}, {
		name: "refused-knot", server: "knot", dig: edns + "www.example.net A",
		want:  "REFUSED 1/0/0/1",
		shows: "REFUSED with an extended error in the OPT record: 20, Not Authoritative (RFC 8914).",
	}, {
		name: "servfail-unbound", server: "unbound", dig: stub + "www.example.net A",
		want:  "SERVFAIL rd ra 1/0/0/0",
		shows: "SERVFAIL: the server that this resolver asks about example.net refuses.",
	}, {
		name: "notimp-bind", server: "bind", dig: edns + "+opcode=STATUS www.example.com A",
		want:  "opcode2 NOTIMP 0/0/0/1",
		shows: "The opcode STATUS, which nobody implements. The response keeps it, and has no question.",
	}, {
		name: "notimp-knot", server: "knot", dig: edns + "+opcode=STATUS www.example.com A",
		want:  "opcode2 NOTIMP 1/0/0/1",
		shows: "The opcode STATUS, which nobody implements. The response has the question, which that of notimp-bind has not.",
	}, {
		name: "notimp-nsd", server: "nsd", dig: edns + "+opcode=15 www.example.com A",
		want:  "opcode15 NOTIMP 0/0/0/0",
		shows: "Opcode 15, which is not even assigned: the response is a bare header.",
	}, {
		name: "badvers-nsd", server: "nsd", dig: edns + "+edns=1 +noednsnegotiation www.example.com A",
		want:  "BADVERS 1/0/0/1",
		shows: "EDNS version 1 does not exist. BADVERS is 16: 0 in the four bits of the header, and 1, for 16, in the OPT record.",
	}, {
		name: "noquestion-bind", server: "bind", dig: plain + "+header-only www.example.com A",
		want:  "FORMERR 0/0/0/0",
		shows: "A query without a question, twelve octets in all: FORMERR.",
	}, {
		name: "anyclass-bind", server: "bind", dig: plain + "www.example.com CLASS255 A",
		want:  "FORMERR 1/0/0/0",
		shows: "Class ANY, which anyclass-nsd answers: FORMERR here.",
	}, {
		name: "anyclass-nsd", server: "nsd", dig: plain + "www.example.com CLASS255 A",
		want:  "NOERROR 1/1/0/0",
		shows: "Class ANY, which is FORMERR in anyclass-bind: an answer here, without AA.",
	}},
}, {
	"Aliases", []capture{{
		name: "alias-nsd", server: "nsd", dig: edns + "alias.example.com A",
		want:  "NOERROR aa 1/2/2/4",
		shows: "A CNAME and what it leads to, in that order.",
	}, {
		name: "chain-knot", server: "knot", dig: plain + "one.example.com A",
		want:  "NOERROR aa 1/4/0/0",
		shows: "Three CNAMEs and an address: every name is a label and a pointer, or a pointer.",
	}, {
		name: "chain-unbound", server: "unbound", dig: stub + "one.example.com A",
		want:  "NOERROR rd ra 1/4/0/0",
		shows: "The chain of chain-knot through a resolver: but for id and flags, the same bytes.",
	}, {
		name: "dangling-nsd", server: "nsd", dig: plain + "dangling.example.com A",
		want:  "NXDOMAIN aa 1/1/1/0",
		shows: "A CNAME to a name that does not exist: NXDOMAIN is about the last name, although there is an answer (RFC 6604, 3).",
	}, {
		name: "away-knot", server: "knot", dig: plain + "away.example.com A",
		want:  "NOERROR aa 1/1/0/0",
		shows: "A CNAME that leads out of the zone: the rest of the way is the resolver's.",
	}, {
		name: "loop-bind", server: "bind", dig: plain + "loop1.example.com A",
		want:  "SERVFAIL aa 1/2/0/0",
		shows: "Two CNAMEs that lead to each other. This server gives both, and SERVFAIL.",
	}, {
		name: "loop-knot", server: "knot", dig: plain + "loop1.example.com A",
		want:  "NOERROR aa 1/2/0/0",
		shows: "The loop of loop-bind: both CNAMEs, and NOERROR. The name in the second is spelt out, although it stands in the question.",
	}, {
		name: "loop-nsd", server: "nsd", dig: plain + "loop1.example.com A",
		want:  "NOERROR aa 1/2/0/0",
		shows: "The loop of loop-bind: both CNAMEs, and NOERROR. The name in the second is a pointer to the question.",
	}, {
		name: "loop-unbound", server: "unbound", dig: stub + "loop1.example.com A",
		want:  "SERVFAIL rd ra 1/0/0/0",
		shows: "The loop of loop-bind through a resolver: nothing, and SERVFAIL.",
	}},
}, {
	"Wildcards", []capture{{
		name: "wildcard-knot", server: "knot", dig: plain + "any.wild.example.com A",
		want:  "NOERROR aa 1/1/0/0",
		shows: "A wildcard's record, under the name that was asked for.",
	}, {
		name: "wildcard-deep-nsd", server: "nsd", dig: plain + "a.b.c.wild.example.com MX",
		want:  "NOERROR aa 1/1/2/5",
		shows: "A wildcard covers names that are several labels deeper (RFC 4592).",
	}, {
		name: "wildcard-nodata-knot", server: "knot", dig: plain + "any.wild.example.com TXT",
		want:  "NOERROR aa 1/0/1/0",
		shows: "A wildcard has no record of this type: NODATA.",
	}, {
		name: "wildcard-not-bind", server: "bind", dig: plain + "known.wild.example.com A",
		want:  "NOERROR aa 1/0/1/0",
		shows: "A name that exists is not covered by the wildcard beside it: NODATA.",
	}, {
		name: "wildcard-cname-knot", server: "knot", dig: plain + "any.star.example.com A",
		want:  "NOERROR aa 1/2/0/0",
		shows: "A wildcard that is a CNAME, followed.",
	}, {
		name: "wildcard-star-nsd", server: "nsd", dig: plain + "*.wild.example.com A",
		want:  "NOERROR aa 1/1/2/3",
		shows: "The wildcard's own name: the label * is a label like any other.",
	}},
}, {
	"Referrals", []capture{{
		name: "referral-bind", server: "bind", dig: plain + "www.sub.example.com A",
		want:  "NOERROR 1/0/2/2",
		shows: "A referral: AA is 0, the NS records are in the authority section, and their addresses, the glue, in the additional one.",
	}, {
		name: "referral-knot", server: "knot", dig: plain + "www.sub.example.com A",
		want:  "NOERROR 1/0/2/3",
		shows: "As referral-bind, from a server that adds the address of a name server outside the delegated zone.",
	}, {
		name: "referral-nsd", server: "nsd", dig: edns + "www.sub.example.com A",
		want:  "NOERROR 1/0/2/4",
		shows: "As referral-knot, but with EDNS, and with the A records before the AAAA record.",
	}, {
		name: "referral-away-knot", server: "knot", dig: plain + "www.elsewhere.example.com A",
		want:  "NOERROR 1/0/1/0",
		shows: "A referral without glue: the name server lies in another zone.",
	}, {
		name: "root-ns-nsd", server: "root", dig: edns + ". NS",
		want:  "NOERROR aa 1/2/0/4",
		shows: "What a resolver asks first: the name servers of the root, whose name is one octet, 0.",
	}, {
		name: "root-soa-nsd", server: "root", dig: plain + ". SOA",
		want:  "NOERROR aa 1/1/2/3",
		shows: "A record whose owner is the root, which takes one octet where a pointer would take two.",
	}, {
		name: "root-referral-nsd", server: "root", dig: edns + "www.example.com A",
		want:  "NOERROR 1/0/2/4",
		shows: "The root's answer to a name far below: a referral to com.",
	}, {
		name: "root-nxdomain-nsd", server: "root", dig: plain + "www.missing A",
		want:  "NXDOMAIN aa 1/0/1/0",
		shows: "A top-level name that does not exist.",
	}},
}, {
	"Long ones", []capture{{
		name: "many-bind", server: "bind", dig: edns + many,
		want:  "NOERROR aa 1/8/2/20",
		shows: "Eight mail servers and their sixteen addresses: compression at work. The first of the names is spelt out, although its end stands in the question: nobody has to compress.",
	}, {
		name: "many-knot", server: "knot", dig: edns + many,
		want:  "NOERROR aa 1/8/0/17",
		shows: "As many-bind, from a server that compresses the first name, too, and gives the addresses name by name.",
	}, {
		name: "many-nsd", server: "nsd", dig: edns + many,
		want:  "NOERROR aa 1/8/2/20",
		shows: "As many-bind, from a server that compresses the first name, too.",
	}, {
		name: "many-unbound", server: "unbound", dig: "+noadflag +nocookie " + many,
		want:  "NOERROR rd ra 1/8/0/17",
		shows: "As many-knot, through a resolver that gives the A records first.",
	}, {
		name: "fitted-bind", server: "bind", dig: plain + many,
		want:  "NOERROR aa 1/8/2/14",
		shows: "With 512 octets to fill, some of the addresses are left out, and TC stays 0: nothing that was asked for is missing (RFC 2181, 9).",
	}, {
		name: "fitted-edns-bind", server: "bind", dig: edns + "+bufsize=512 " + many,
		want:  "NOERROR aa 1/8/0/1",
		shows: "As fitted-bind, but with EDNS, and 512 octets again: this server leaves out all that may be left out.",
	}, {
		name: "cut-bind", server: "bind", dig: plain + crowd,
		want:  "NOERROR aa tc 1/4/0/0",
		shows: "Truncated: TC is 1. This server sends as many of the sixteen records as 512 octets hold.",
		retry: &retry{name: "uncut-bind", want: "NOERROR aa 1/16/2/3", shows: "What dig does when it sees TC, as in cut-bind: the same question over TCP, and the whole answer."},
	}, {
		name: "cut-knot", server: "knot", dig: plain + crowd,
		want:  "NOERROR aa tc 1/0/0/0",
		shows: "Truncated: TC is 1, and this server sends none of the sixteen records.",
		retry: &retry{name: "uncut-knot", want: "NOERROR aa 1/16/0/0", shows: "The question of cut-knot over TCP, and the whole answer."},
	}, {
		name: "cut-nsd", server: "nsd", dig: edns + "+ignore " + crowd,
		want:  "NOERROR aa tc 1/0/0/1",
		shows: "Truncated at 1232 octets: TC is 1, the answer is empty, and the OPT record is still there.",
	}, {
		name: "axfr-bind", server: "bind", dig: plain + "bulk.example AXFR",
		want:  "NOERROR aa 1/73/0/0",
		shows: "A zone transfer of more than 16,383 octets, which is as far as a pointer's 14 bits reach. Names farther on can point back, but nothing can point to them: watch z.bulk.example, near the end.",
	}},
}, {
	"Names", []capture{{
		name: "case-knot", server: "knot", dig: plain + "wWw.ExAmPlE.cOm A",
		want:  "NOERROR aa 1/1/0/0",
		shows: "The question's letters come back as they were asked (RFC 4343), and the answer points to them.",
	}, {
		name: "case-bind", server: "bind", dig: plain + "wWw.ExAmPlE.cOm A",
		want:  "NOERROR aa 1/1/2/3",
		shows: "The question comes back as it was asked, but this server's answer has the zone's own letters, so it does not point to the question.",
	}, {
		name: "zonecase-bind", server: "bind", dig: plain + "camel.example.com A",
		want:  "NOERROR aa 1/2/2/3",
		shows: "The zone says MiXeD, and so does this server.",
	}, {
		name: "zonecase-knot", server: "knot", dig: plain + "camel.example.com A",
		want:  "NOERROR aa 1/2/0/0",
		shows: "The zone says MiXeD, and this server says mixed.",
	}, {
		name: "dot-knot", server: "knot", dig: plain + `first\.last.example.com A`,
		want:  "NOERROR aa 1/1/0/0",
		shows: "A dot inside a label: one label of ten octets.",
	}, {
		name: "space-knot", server: "knot", dig: plain + `two\032words.example.com A`,
		want:  "NOERROR aa 1/1/0/0",
		shows: "A space inside a label.",
	}, {
		name: "backslash-knot", server: "knot", dig: plain + `back\\slash.example.com A`,
		want:  "NOERROR aa 1/1/0/0",
		shows: "A backslash inside a label: one octet.",
	}, {
		name: "zero-bind", server: "bind", dig: plain + `\000zero\255.example.com A`,
		want:  "NOERROR aa 1/1/2/3",
		shows: "A label that begins with an octet of 0 and ends with one of 255. Only a length of 0 ends a name.",
	}, {
		name: "label63-knot", server: "knot", dig: plain + l63 + ".example.com A",
		want:  "NOERROR aa 1/1/0/0",
		shows: "A label of 63 octets, the longest there is: its length is 3f, the highest with two bits free.",
	}, {
		name: "name255-knot", server: "knot", dig: plain + l63 + "." + m63 + "." + n63 + "." + o49 + ".example.com A",
		want:  "NOERROR aa 1/1/0/0",
		shows: "A name of 255 octets, the longest there is, all of its length octets and its end counted.",
	}, {
		name: "labels-nsd", server: "nsd", dig: plain + strings.Repeat("a.", 118) + "wild.example.com A",
		want:  "NOERROR aa 1/1/2/3",
		shows: "A name of 121 labels, thanks to a wildcard: 254 octets.",
	}},
}, {
	"Malformed queries", []capture{{
		name: "formerr-header-nsd", server: "nsd", raw: ask,
		want:  "FORMERR 0/0/0/0",
		shows: "One question announced, and none there.",
	}, {
		name: "formerr-two-bind", server: "bind", raw: "0000 0002 0000 0000 0000" + www + "0001 0001" + www + "001c 0001", broken: true,
		want:  "FORMERR 2/0/0/0",
		shows: "Two questions, which no server answers (RFC 9619). The response repeats both.",
	}, {
		name: "formerr-loop-nsd", server: "nsd", raw: ask + "c00c 0001 0001",
		want:  "FORMERR 0/0/0/0",
		shows: "A name that is a pointer to itself.",
	}, {
		name: "formerr-loop-unbound", server: "unbound", raw: ask + "c00c 0001 0001", broken: true,
		want:  "FORMERR 1/0/0/0",
		shows: "A name that is a pointer to itself: this server sends the query back with QR and an rcode in it, and so a malformed response.",
	}, {
		name: "formerr-forward-bind", server: "bind", raw: ask + "c012 0001 0001" + www,
		want:  "FORMERR 0/0/0/0",
		shows: "A name that is a pointer to a name farther on, behind the question.",
	}, {
		name: "pointer-header-bind", server: "bind", raw: ask + "03777777 c004 0001 0001",
		want:  "REFUSED 1/0/0/0",
		shows: "A pointer into the header, where the first octet of QDCOUNT is 0 and so ends the name: this server reads www. and refuses it.",
	}, {
		name: "formerr-pointer-header-nsd", server: "nsd", raw: ask + "03777777 c004 0001 0001",
		want:  "FORMERR 0/0/0/0",
		shows: "A pointer into the header, as in pointer-header-bind: FORMERR here.",
	}, {
		name: "formerr-type40-nsd", server: "nsd", raw: ask + "41 77 00 0001 0001",
		want:  "FORMERR 0/0/0/0",
		shows: "A label that begins with the bits 01, once tried for other kinds of labels and now reserved (RFC 6891, 5).",
	}, {
		name: "formerr-type80-bind", server: "bind", raw: ask + "81 77 00 0001 0001",
		want:  "FORMERR 0/0/0/0",
		shows: "A label that begins with the bits 10, never assigned.",
	}, {
		name: "formerr-cut-bind", server: "bind", raw: ask + "03777777 07 6578",
		want:  "FORMERR 0/0/0/0",
		shows: "A message that ends inside a label.",
	}, {
		name: "formerr-name256-nsd", server: "nsd", raw: ask + strings.Repeat("3f"+strings.Repeat("61", 63), 3) + "32" + strings.Repeat("62", 50) + "076578616d706c65 03636f6d 00 0001 0001",
		want:  "FORMERR 0/0/0/0",
		shows: "A name of 256 octets, one more than there may be.",
	}, {
		name: "formerr-opts-knot", server: "knot", raw: "0000 0001 0000 0000 0002" + www + "0001 0001" + opt + opt,
		want:  "FORMERR 1/0/0/0",
		shows: "Two OPT records (RFC 6891, 6.1.1).",
	}, {
		name: "formerr-option-bind", server: "bind", raw: "0000 0001 0000 0000 0001" + www + "0001 0001" + "00 0029 04d0 00 00 0000 0004 000a 0008",
		want:  "FORMERR 1/0/0/0",
		shows: "An option that announces eight octets in an OPT record that has none left.",
	}, {
		name: "formerr-count-knot", server: "knot", raw: "0000 0001 0000 0000 0001" + www + "0001 0001",
		want:  "FORMERR 1/0/0/0",
		shows: "An additional record announced, and none there.",
	}, {
		name: "tail-bind", server: "bind", raw: ask + www + "0001 0001 ffffff",
		want:  "NOERROR aa 1/1/2/3",
		shows: "Three octets behind the question that belong to nothing: this server does not mind.",
	}, {
		name: "formerr-tail-knot", server: "knot", raw: ask + www + "0001 0001 ffffff",
		want:  "FORMERR 1/0/0/0",
		shows: "Three octets too many, as in tail-bind: this server does mind.",
	}, {
		name: "answer-bind", server: "bind", raw: "0000 0001 0001 0000 0000" + www + "0001 0001 c00c 0001 0001 00000e10 0004 c6336401",
		want:  "NOERROR aa 1/1/2/3",
		shows: "A query that brings an answer of its own: ignored here.",
	}, {
		name: "formerr-answer-nsd", server: "nsd", raw: "0000 0001 0001 0000 0000" + www + "0001 0001 c00c 0001 0001 00000e10 0004 c6336401",
		want:  "FORMERR 0/0/0/0",
		shows: "A query that brings an answer, as in answer-bind: FORMERR here.",
	}},
}}

// selected returns the captures with a name that matches, in order. A capture
// comes with its retry.
func selected(match *regexp.Regexp) []capture {
	var out []capture
	for _, g := range catalogue {
		for _, c := range g.captures {
			if match.MatchString(c.name) || c.retry != nil && match.MatchString(c.retry.name) {
				out = append(out, c)
			}
		}
	}
	return out
}
