// Resolve asks BIND, Knot, NSD and Unbound, as they run on other machines, with
// the resolver of dns/resolve, and compares what it finds with what stands in the
// zone file.
//
//	go run ./harness/real/dns/resolve    (yours; with -tags solution the reference)
//
// It needs the four servers: apt-get install bind9 bind9-dnsutils knot nsd unbound.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/example/netkata/harness/real"
	"github.com/example/netkata/katas/dns/question"
	"github.com/example/netkata/katas/dns/record"
	"github.com/example/netkata/katas/dns/resolve"
)

// questions, and what harness/capture/testdata/zones/example.com.zone has for an
// answer: what the records say, in order, or an error.
var questions = []struct {
	name string
	t    question.Type
	want []string
	err  error
}{
	{"www.example.com", question.TypeA, []string{"192.0.2.80"}, nil},
	{"www.example.com.", question.TypeAAAA, []string{"2001:db8::80"}, nil},
	{"WWW.Example.COM", question.TypeA, []string{"192.0.2.80"}, nil},
	{"example.com", question.TypeMX, []string{"10 mail.example.com.", "20 mail.example.net."}, nil},
	{"text.example.com", question.TypeTXT, []string{`["first" "second, with spaces" "" "quote \" backslash \\ byte \xff"]`}, nil},
	{"_sip._udp.example.com", question.TypeSRV, []string{"10 40 5060 sip2.example.com.", "10 60 5060 sip1.example.com.", "20 0 5062 sip.example.net."}, nil},
	{"one.example.com", question.TypeA, []string{"192.0.2.80"}, nil},                     // through two aliases more
	{"x.wild.example.com", question.TypeA, []string{"192.0.2.99"}, nil},                  // a wildcard
	{"unknown.example.com", question.Type(65280), []string{"03 77 77 77 c0 00 ff"}, nil}, // RFC 3597
	{"www.example.com", question.TypeMX, nil, resolve.ErrNoData},
	{"b.empty.example.com", question.TypeA, nil, resolve.ErrNoData}, // an empty non-terminal
	{"alias.example.com", question.TypeTXT, nil, resolve.ErrNoData}, // behind an alias
	{"nothing.example.com", question.TypeA, nil, resolve.ErrNXDomain},
	{"dangling.example.com", question.TypeA, nil, resolve.ErrNXDomain}, // behind an alias
	{"www.example.org", question.TypeA, nil, resolve.ErrServers},       // nobody here speaks of it
}

// large does not fit into a datagram: it is asked for again, over TCP.
const large, largeCount = "crowd.example.com", 16

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wrong, err := run(ctx)
	switch {
	case err != nil:
		log.Fatal("real/dns/resolve: ", err)
	case wrong > 0:
		log.Fatalf("%d answers are not what they should be", wrong)
	}
}

func run(ctx context.Context) (wrong int, err error) {
	ids := []string{"bind", "knot", "nsd", "unbound"}
	servers, err := real.Start(ctx, nil, "capture", "-serve", strings.Join(ids, ","))
	if err != nil {
		return 0, err
	}
	defer servers.Stop()
	for _, id := range ids {
		addr, err := netip.ParseAddrPort(servers.Addrs[id])
		if err != nil {
			return 0, err
		}
		failures := askAll(ctx, addr)
		fmt.Printf("%s: %d answers of %d are right\n", servers.Titles[id], len(questions)+1-len(failures), len(questions)+1)
		for _, f := range failures {
			fmt.Println(" ", f)
		}
		wrong += len(failures)
	}
	return wrong, nil
}

// askAll asks one server everything, and returns what went wrong.
func askAll(ctx context.Context, server netip.AddrPort) (failures []string) {
	r := resolve.Resolver{
		Servers: []netip.AddrPort{server},
		ListenPacket: func(ctx context.Context) (net.PacketConn, error) {
			return new(net.ListenConfig).ListenPacket(ctx, "udp", "127.0.0.1:0")
		},
		Dial: new(net.Dialer).DialContext,
	}
	for _, q := range questions {
		records, err := r.Lookup(ctx, q.name, q.t)
		var got []string
		for _, rec := range records {
			got = append(got, words(rec.Data))
		}
		slices.Sort(got)
		if !slices.Equal(got, q.want) || !errors.Is(err, q.err) {
			failures = append(failures, fmt.Sprintf("%s %v: %q, %v; want %q, %v", q.name, q.t, got, err, q.want, q.err))
		}
	}
	if records, err := r.Lookup(ctx, large, question.TypeTXT); len(records) != largeCount {
		failures = append(failures, fmt.Sprintf("%s TXT: %d records, %v; want %d", large, len(records), err, largeCount))
	}
	return failures
}

// words is what a record says, as dig would write it.
func words(data record.Data) string {
	switch d := data.(type) {
	case record.A:
		return d.Addr.String()
	case record.AAAA:
		return d.Addr.String()
	case record.MX:
		return fmt.Sprint(d.Preference, " ", d.Host)
	case record.SRV:
		return fmt.Sprint(d.Priority, d.Weight, d.Port) + " " + d.Target
	case record.TXT:
		return fmt.Sprintf("%q", d.Strings)
	case record.Unknown:
		return fmt.Sprintf("% x", d.Data)
	}
	return fmt.Sprint(data)
}
