// Stream asks the server of dns/stream, and Knot and NSD beside it on the same zone
// file, the same questions with dig, and compares what dig prints. Where they
// differ, it says why they may; it ends with exit code 1 where nothing here does.
//
//	go run ./harness/real/dns/stream      (yours; -solution takes the reference)
//
// It needs dig, knotd and nsd: apt-get install bind9-dnsutils knot nsd.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"

	"github.com/example/netkata/harness/real"
)

const (
	zone   = "harness/capture/testdata/zones/example.com.zone"
	origin = "example.com."
)

func main() {
	log.SetFlags(0)
	reference := flag.Bool("solution", false, "ask the reference instead of yours")
	verbose := flag.Bool("v", false, "print each difference that has a reason, too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	same, err := run(ctx, *reference, *verbose, os.Stdout)
	switch {
	case err != nil:
		log.Fatal("real/dns/stream: ", err)
	case !same:
		os.Exit(1)
	}
}

// run reports whether every difference has a reason.
func run(ctx context.Context, reference, verbose bool, out io.Writer) (bool, error) {
	servers, err := real.Start(ctx, nil, "capture", "-serve", "knot,nsd")
	if err != nil {
		return false, err
	}
	defer servers.Stop()
	var tags []string
	if reference {
		tags = []string{"-tags", "solution"}
	}
	ours, err := real.Start(ctx, tags, "serve/dns/stream", "-addr", "127.0.0.1:0", "-zone", zone, "-origin", origin)
	if err != nil {
		return false, err
	}
	defer ours.Stop()

	count := map[string]int{} // of verdicts
	why := map[string]int{}   // of reasons
	for _, q := range questions {
		got, err := dig(ctx, ours.Addrs[""], q.args)
		if err != nil {
			return false, err
		}
		for _, who := range []string{"knot", "nsd"} {
			want, err := dig(ctx, servers.Addrs[who], q.args)
			if err != nil {
				return false, err
			}
			verdict, reason := judge(out, q, who, got, want, verbose)
			count[verdict]++
			why[reason]++
		}
	}
	delete(why, "")
	for _, reason := range slices.Sorted(maps.Keys(why)) {
		fmt.Fprintf(out, "%d times: %s\n", why[reason], reason)
	}
	fmt.Fprintf(out, "%d questions to two servers: %d answers the same, %d that differ with a reason, %d without one\n",
		len(questions), count[same], count[explained], count[differs])
	return count[differs] == 0, nil
}

// Verdicts.
const (
	same      = "the same"
	explained = "differs, and may"
	differs   = "DIFFERS"
)

// judge compares what dig printed, and prints where it differs.
func judge(out io.Writer, q question, who string, got, want []string, verbose bool) (verdict, reason string) {
	missing, extra := without(want, got), without(got, want)
	verdict = same
	if len(missing)+len(extra) > 0 {
		verdict = differs
		if reason = q.reason(who, missing, extra); reason != "" {
			verdict = explained
		}
	}
	if verdict == same || verdict == explained && !verbose {
		return verdict, reason
	}
	fmt.Fprintf(out, "dig %s: %s, %s\n", strings.Join(q.args, " "), who, verdict)
	if reason != "" {
		fmt.Fprintf(out, "  %s\n", reason)
	}
	for _, l := range missing {
		fmt.Fprintf(out, "  - %s\n", l)
	}
	for _, l := range extra {
		fmt.Fprintf(out, "  + %s\n", l)
	}
	return verdict, reason
}

// without returns the lines of a that b lacks.
func without(a, b []string) []string {
	var out []string
	for _, l := range a {
		if !slices.Contains(b, l) {
			out = append(out, l)
		}
	}
	return out
}

// dig asks and returns what it printed, line by line, but for what is different
// each time: ids, times, sizes, and the order of the records of a set.
func dig(ctx context.Context, addr string, args []string) ([]string, error) {
	host, port, _ := strings.Cut(addr, ":")
	cmd := exec.CommandContext(ctx, "dig", append([]string{"@" + host, "-p", port, "+nocmd", "+nostats", "+tries=1", "+time=5", "+nocookie"}, args...)...)
	said, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("dig: %w (apt-get install bind9-dnsutils)\n%s", err, said)
	}
	var lines []string
	for line := range strings.Lines(string(said)) {
		line = strings.Join(strings.Fields(line), " ")
		if before, _, ok := strings.Cut(line, ", id: "); ok {
			line = before
		}
		if line == "" || strings.HasPrefix(line, ";; global options") || strings.HasPrefix(line, ";; Got answer") {
			continue
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines, nil
}
