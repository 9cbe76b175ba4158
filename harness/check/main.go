// Command check is what an author runs before a commit, and CI after it: is
// the code clean, is the house in order, do stubs fail and solutions pass, does
// each known wrong solution die by its rule, and is each right one accepted?
//
//	go run ./harness/check [-only step,step] [-fix] [-v] [ID…]
//
// IDs, of katas or tracks, narrow the steps that are about katas. A step prints
// its time and its result; the exit code is 1 when one failed. With -fix, it
// writes what is generated (the table of katas in README.md, katas/stubs.sum)
// instead.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/example/netkata/harness/internal/course"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == busyArg {
		beBusy(os.Stdin)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Stdout, os.Args[1:]); {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errFailed):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "check:", err)
		os.Exit(2)
	}
}

// errFailed says that a step failed, which is printed by then.
var errFailed = errors.New("a step failed")

// step is one of the checks.
type step struct {
	name, what string
	run        func(context.Context, *check) result
}

// result is what a step has found.
type result struct {
	note   string   // what it looked at: "64 files"
	table  []string // a report that is worth reading when all is well, too
	faults []string // what is wrong, each a line and, below it, an explanation
}

func (r *result) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

func steps() []step {
	return []step{
		{"fmt", "gofmt has nothing to change", gofmt},
		{"vet", "go vet, in both modes", vet},
		{"staticcheck", "staticcheck, in both modes", staticcheck},
		{"proto", "buf has nothing against proto/, and pb/ is what it generates", protos},
		{"cross", "builds and vets for linux, darwin and windows, in both modes", cross},
		{"policy", "the rules of the house (harness/policy)", rulesOfTheHouse},
		{"stubs", "each stub compiles, and each of its tests fails", stubsFail},
		{"solutions", "the reference solutions pass", solutionsPass},
		{"race", "the same -count times with the race detector, on each of 1, 2 and 4 processors", solutionsRace},
		{"load", "the same, while other programs keep every processor busy", solutionsLoaded},
		{"wrong", "each known wrong solution dies by its rule", wrongDie},
		{"right", "each other right solution passes", rightPass},
	}
}

// check is one run of the checks.
type check struct {
	root    string
	katas   []course.Kata // those asked for
	verbose bool
	count   int // runs of the race step, on each number of processors
	share   int // one in so many wrong solutions is tried
	cache   cache
	judge   func(context.Context, course.Spec) (course.Verdict, error)
}

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(out)
	only := flags.String("only", "", "run these `steps` alone, separated by commas")
	fix := flags.Bool("fix", false, "write what is generated, and check nothing")
	verbose := flags.Bool("v", false, "whole messages, as a learner would read them")
	count := flags.Int("count", 20, "how `often` the race step runs, each time with another seed")
	share := flags.Int("share", 1, "try one in `N` wrong solutions, others at each commit")
	flags.Usage = func() { usage(out, flags) }
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := course.FindRoot(".")
	if err != nil {
		return err
	}
	if *fix {
		return writeGenerated(out, root)
	}
	selected, err := selectSteps(*only)
	if err != nil {
		return err
	}
	katas, err := selectKatas(root, flags.Args())
	if err != nil {
		return err
	}
	if *share < 1 {
		return fmt.Errorf("-share %d: want 1 at least", *share)
	}
	c := &check{root: root, katas: katas, verbose: *verbose, count: *count, share: *share, cache: openCache(root), judge: course.Test}
	return c.run(ctx, out, selected)
}

func usage(out io.Writer, flags *flag.FlagSet) {
	fmt.Fprintln(out, "usage: go run ./harness/check [-only step,step] [-fix] [-v] [ID…]")
	flags.PrintDefaults()
	fmt.Fprintln(out, "steps:")
	for _, s := range steps() {
		fmt.Fprintf(out, "  %-12s %s\n", s.name, s.what)
	}
}

func selectSteps(only string) ([]step, error) {
	all := steps()
	if only == "" {
		return all, nil
	}
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	wanted := strings.Split(only, ",")
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("no step %q: there are %s", name, strings.Join(names, ", "))
		}
	}
	return slices.DeleteFunc(all, func(s step) bool { return !slices.Contains(wanted, s.name) }), nil
}

// selectKatas returns the katas of those IDs and tracks, all of them for none.
func selectKatas(root string, ids []string) ([]course.Kata, error) {
	x, err := course.ReadIndex(root)
	if err != nil || len(ids) == 0 {
		return x.Katas, err
	}
	var katas []course.Kata
	for _, id := range ids {
		found := x.Track(id)
		if k, ok := x.Kata(id); ok {
			found = []course.Kata{k}
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("katas/index.txt has no kata and no track %q", id)
		}
		katas = append(katas, found...)
	}
	return katas, nil
}

// run runs steps one after the other: each keeps every processor busy by itself.
func (c *check) run(ctx context.Context, out io.Writer, steps []step) error {
	failed := 0
	for _, s := range steps {
		began := time.Now()
		r := s.run(ctx, c)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if len(r.faults) > 0 {
			failed++
		}
		c.print(out, s, r, time.Since(began))
	}
	c.cache.prune()
	fmt.Fprintf(out, "\n%d passed, %d failed\n", len(steps)-failed, failed)
	if failed > 0 {
		return errFailed
	}
	return nil
}

// print prints a result: of several faults, only the first is explained.
func (c *check) print(out io.Writer, s step, r result, took time.Duration) {
	state := "ok  "
	if len(r.faults) > 0 {
		state = "FAIL"
	}
	fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("%s  %-12s %6.1fs  %s", state, s.name, took.Seconds(), r.note), " "))
	for _, line := range r.table {
		fmt.Fprintln(out, indent(line))
	}
	for i, fault := range r.faults {
		title, rest, _ := strings.Cut(strings.TrimRight(fault, "\n"), "\n")
		if i == 0 && len(r.table) > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintln(out, indent(title))
		if rest == "" || i > 0 && !c.verbose {
			continue
		}
		fmt.Fprintf(out, "\n%s\n", indent(indent(c.clip(strings.Trim(rest, "\n")))))
		if i < len(r.faults)-1 {
			fmt.Fprintln(out)
		}
	}
}

const clipLines = 40 // of an explanation; -v shows all of it

func (c *check) clip(text string) string {
	lines := strings.Split(text, "\n")
	if c.verbose || len(lines) <= clipLines {
		return text
	}
	return strings.Join(lines[:clipLines], "\n") + fmt.Sprintf("\n… and %d lines more (-v)", len(lines)-clipLines)
}

// indent indents a text that others read; blank lines stay blank.
func indent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "    " + line
		}
	}
	return strings.Join(lines, "\n")
}
