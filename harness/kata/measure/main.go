// Measure tells what "kata run" costs beside "go test -json" of the same
// package: in pairs, warm, with an edit before each run and without one.
//
//	go run ./harness/kata/measure
//
// It works in a copy of the repository, with the reference as the learner's
// code.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/example/netkata/harness/internal/course"
)

func main() {
	id := flag.String("kata", "dns/header", "the kata to run")
	pairs := flag.Int("n", 20, "how many pairs of runs")
	flag.Parse()
	log.SetFlags(0)
	if err := measure(*id, *pairs); err != nil {
		log.Fatal(err)
	}
}

func measure(id string, pairs int) error {
	root, err := course.FindRoot(".")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "measure")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, part := range []string{"harness", "katas", "solutions", "testdata"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(filepath.Join(root, part))); err != nil {
			return err
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		src, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), src, 0o666); err != nil {
			return err
		}
	}
	tool := filepath.Join(dir, "kata.exe")
	if err := timed(dir, nil, "go", "build", "-o", tool, "./harness/kata"); err != nil {
		return err
	}
	_, name, _ := strings.Cut(id, "/")
	reference, err := os.ReadFile(filepath.Join(root, "solutions", id, name+".go"))
	if err != nil {
		return err
	}
	stub := filepath.Join(dir, "katas", id, name+".go")
	src := strings.Replace(string(reference), "//go:build solution", "//go:build !solution", 1)
	edits := 0
	edit := func() error {
		edits++
		return os.WriteFile(stub, fmt.Appendf(nil, "%s\nvar Edit = %d\n", src, edits), 0o666)
	}
	kata := []string{tool, "run", id}
	goTest := []string{"go", "test", "-json", "./katas/" + id}
	if err := compare("after an edit", dir, pairs, edit, goTest, kata); err != nil {
		return err
	}
	if err := compare("without one", dir, pairs, func() error { return nil }, goTest, kata); err != nil {
		return err
	}
	return compare("what go tool adds", dir, pairs, func() error { return nil }, []string{tool, "help"}, []string{"go", "tool", "kata", "help"})
}

// cost is what a command took: on the clock, and of the processors, by itself
// and all that it started.
type cost struct{ clock, cpu time.Duration }

// compare runs both commands in pairs, each time the other one first, and
// prints the medians.
func compare(what, dir string, pairs int, before func() error, base, other []string) error {
	var bases, others, clock, cpu []float64
	for n := range pairs + 1 {
		var took [2]cost
		for i := range 2 {
			which := (i + n) % 2
			if err := before(); err != nil {
				return err
			}
			if err := timed(dir, &took[which], [][]string{base, other}[which]...); err != nil {
				return err
			}
		}
		if n == 0 {
			continue // to warm up
		}
		bases = append(bases, took[0].clock.Seconds()*1000)
		others = append(others, took[1].clock.Seconds()*1000)
		clock = append(clock, took[1].clock.Seconds()/took[0].clock.Seconds())
		cpu = append(cpu, took[1].cpu.Seconds()/took[0].cpu.Seconds())
	}
	fmt.Printf("%s: %s %.0f ms, %s %.0f ms\n", what, command(base), at(bases, 0.5), command(other), at(others, 0.5))
	fmt.Printf("  ratio of a pair: clock %.3f (quartiles %.3f to %.3f), processor %.3f (%.3f to %.3f)\n",
		at(clock, 0.5), at(clock, 0.25), at(clock, 0.75), at(cpu, 0.5), at(cpu, 0.25), at(cpu, 0.75))
	return nil
}

func command(args []string) string {
	return strings.TrimSuffix(filepath.Base(args[0]), ".exe") + " " + args[1]
}

// at returns the value below which that part of the values lies.
func at(values []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(part*float64(len(sorted)-1))]
}

// timed runs a command in dir.
func timed(dir string, took *cost, args ...string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	if took != nil {
		*took = cost{time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	}
	return nil
}
