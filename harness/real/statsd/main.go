// Statsd lets two StatsD clients that people use talk to the reference of
// udp/statsd, over loopback and through real sockets. It prints what they sent and
// what the server made of it, and compares that with what should come of it.
//
// The clients are no business of the learner's go.mod, so the program has one of
// its own:
//
//	go -C harness/real/statsd run .
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	every := flag.Duration("every", 2*time.Second, "time from one flush of the server to the next")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	same, err := run(ctx, *every)
	switch {
	case err != nil:
		log.Fatal("real/statsd: ", err)
	case !same:
		os.Exit(1)
	}
}

// run reports whether the server made of all that it was sent what it should.
func run(ctx context.Context, every time.Duration) (bool, error) {
	s, err := start(ctx, every)
	if err != nil {
		return false, err
	}
	defer s.stop()
	if _, err := s.flush(); err != nil { // from now on there is time until the next
		return false, err
	}
	begin := time.Now()
	var want []string
	for _, c := range clients {
		lines, err := c.through(ctx, s.addr)
		if err != nil {
			return false, fmt.Errorf("%s: %w", c.module, err)
		}
		fmt.Printf("%s %s sends:\n", c.module, version(c.module))
		fmt.Println(strings.Join(folded(lines), "\n"))
		want = append(want, c.want(lines)...)
	}
	if took := time.Since(begin); took > every/2 {
		return false, fmt.Errorf("sending took %v: a flush may have come in between. Try with -every %v", took, 10*took)
	}
	if _, err := s.flush(); err != nil { // until the clients began, nothing came
		return false, err
	}
	got, err := s.flush()
	if err != nil {
		return false, err
	}
	fmt.Println("\nThe reference of udp/statsd makes of it:")
	return compare(got, want), nil
}

// folded are the lines as they are printed, the same ones in a row once.
func folded(lines []string) []string {
	var all []string
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && lines[n] == lines[0] {
			n++
		}
		line := fmt.Sprintf("  %q", lines[0])
		if n > 1 {
			line += fmt.Sprintf("  %d times", n)
		}
		all = append(all, line)
		lines = lines[n:]
	}
	return all
}

// compare prints got, and what of want is not in it or the other way round.
func compare(got, want []string) bool {
	missing := 0
	for _, line := range got {
		if slices.Contains(want, line) {
			fmt.Println("  " + line)
		} else {
			missing++
			fmt.Println("+ " + line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			missing++
			fmt.Println("- " + line)
		}
	}
	if missing > 0 {
		fmt.Println("\nThat is not what it should be (-wanted +got).")
		return false
	}
	fmt.Println("\nAll of it is as it should be.")
	return true
}

// version returns that of a module in this program.
func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if strings.HasSuffix(m.Path, module) {
			return m.Version
		}
	}
	return ""
}
