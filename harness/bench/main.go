// Bench says how fast the references are beside libraries. It runs benchmarks
// named X/ours and X/<library> in turns, so that whatever else the machine does
// hits all of them, and prints what the fastest round of each took, and the
// ratio of ours to the others:
//
//	go run ./harness/bench -max Parse/miekg=0.5 -allocs Query=0 ./katas/dns/message
//
// -max bounds that ratio, -allocs the allocations of X/ours. The exit code is 1
// when a bound is broken, and 2 when there was nothing to compare.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Stdout, os.Args[1:]); {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errBroken):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

// errBroken says that a bound is broken, which is printed by then.
var errBroken = errors.New("a bound is broken")

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := flags.Int("rounds", 20, "how often every benchmark runs")
	benchtime := flags.String("benchtime", "10000x", "how long each time, as go test -benchtime has it")
	tags := flags.String("tags", "solution", "build tags: without any, your own code is measured")
	ratios, allocs := bounds{}, bounds{}
	flags.Var(ratios, "max", "X/library=N: X/ours takes at most N times as long; may be repeated")
	flags.Var(allocs, "allocs", "X=N: X/ours allocates at most N times; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no package to measure: go run ./harness/bench PACKAGE")
	}
	found := results{}
	for _, pkg := range flags.Args() {
		if err := measure(ctx, found, pkg, *tags, *benchtime, *rounds); err != nil {
			return err
		}
	}
	return report(out, found, ratios, allocs)
}

// bounds are numbers by what they bound.
type bounds map[string]float64

// String returns what Set reads.
func (b bounds) String() string {
	var all []string
	for what, n := range b {
		all = append(all, fmt.Sprintf("%s=%v", what, n))
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// Set adds a bound.
func (b bounds) Set(text string) error {
	what, number, _ := strings.Cut(text, "=")
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || what == "" {
		return errors.New("want NAME=NUMBER")
	}
	b[what] = n
	return nil
}

// results are the benchmarks by their names, "Parse/ours".
type results map[string]result

type result struct {
	ns     float64 // per operation, in the fastest round
	allocs float64 // per operation; -1 if that was not said
}

// measure runs the benchmarks of a package, built once.
func measure(ctx context.Context, found results, pkg, tags, benchtime string, rounds int) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "bench.test")
	if b, err := exec.CommandContext(ctx, "go", "test", "-c", "-tags", tags, "-o", binary, pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not build: %w\n%s", pkg, err, b)
	}
	list, err := exec.CommandContext(ctx, "go", "list", "-tags", tags, "-f", "{{.Dir}}", pkg).Output()
	if err != nil {
		return fmt.Errorf("where is %s? %w", pkg, err)
	}
	for range rounds {
		cmd := exec.CommandContext(ctx, binary, "-test.run", "^$", "-test.bench", ".", "-test.benchtime", benchtime)
		cmd.Dir = strings.TrimSpace(string(list))
		b, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("benchmarks of %s: %w\n%s", pkg, err, b)
		}
		found.add(b)
	}
	return nil
}

var (
	line  = regexp.MustCompile(`^Benchmark(\S+?/\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op`)
	alloc = regexp.MustCompile(`\s(\d+) allocs/op`)
)

// add adds what a run of benchmarks printed.
func (r results) add(printed []byte) {
	for l := range bytes.Lines(printed) {
		m := line.FindSubmatch(l)
		if m == nil {
			continue
		}
		name, now := string(m[1]), result{allocs: -1}
		now.ns, _ = strconv.ParseFloat(string(m[2]), 64)
		if a := alloc.FindSubmatch(l); a != nil {
			now.allocs, _ = strconv.ParseFloat(string(a[1]), 64)
		}
		if before, ok := r[name]; !ok || now.ns < before.ns {
			r[name] = now
		}
	}
}

// report prints the table, and returns errBroken when a bound is broken.
func report(out io.Writer, found results, ratios, allocs bounds) error {
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range found {
			if x, ok := strings.CutSuffix(name, "/ours"); ok && !yield(x) {
				return
			}
		}
	})
	if err := bounded(found, ratios, allocs); err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "benchmark\tns/op\tallocs/op\tours is\tat most\t")
	broken := false
	for _, x := range names {
		ours := found[x+"/ours"]
		note, ok := "", true
		if limit, bound := allocs[x]; bound {
			note, ok = fmt.Sprintf("%v allocs", limit), ours.allocs >= 0 && ours.allocs <= limit
		}
		row(w, x+"/ours", ours, "", note, ok)
		broken = broken || !ok
		for _, name := range others(found, x) {
			ratio := ours.ns / found[name].ns
			note, ok := "", true
			if limit, bound := ratios[name]; bound {
				note, ok = fmt.Sprintf("%.2f", limit), ratio <= limit
			}
			row(w, name, found[name], fmt.Sprintf("%.2f", ratio), note, ok)
			broken = broken || !ok
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if broken {
		return errBroken
	}
	return nil
}

func row(w io.Writer, name string, r result, ratio, limit string, ok bool) {
	allocs := "?"
	if r.allocs >= 0 {
		allocs = fmt.Sprint(r.allocs)
	}
	if !ok {
		limit = "BROKEN: " + limit
	}
	fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%s\t\n", name, r.ns, allocs, ratio, limit)
}

// others returns the names of what X/ours is compared with.
func others(found results, x string) (all []string) {
	for name := range found {
		if strings.HasPrefix(name, x+"/") && name != x+"/ours" {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// bounded returns an error when there is nothing to compare, or when a bound is
// for something that was not measured.
func bounded(found results, ratios, allocs bounds) error {
	if len(found) == 0 {
		return errors.New("no benchmark named X/ours or X/<library>")
	}
	for name := range ratios {
		x, _, _ := strings.Cut(name, "/")
		if _, ok := found[name]; !ok {
			return fmt.Errorf("-max %s: no such benchmark", name)
		}
		if _, ok := found[x+"/ours"]; !ok {
			return fmt.Errorf("-max %s: no benchmark %s/ours", name, x)
		}
	}
	for x := range allocs {
		if _, ok := found[x+"/ours"]; !ok {
			return fmt.Errorf("-allocs %s: no benchmark %s/ours", x, x)
		}
	}
	return nil
}
