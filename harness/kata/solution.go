package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/example/netkata/harness/internal/course"
	"github.com/spf13/cobra"
)

func (a *app) solutionCommand() *cobra.Command {
	spoil, take := false, false
	c := &cobra.Command{
		Use:   "solution ID",
		Short: "Show the reference, once yours is green",
		Long: `Shows the reference solution: beside yours in a wide terminal (160 columns),
alone in others. Before yours is green it wants --spoil.

With --take it replaces yours, which is kept below .kata/kept: for a kata that
you want to build on, and not to write.`,
		Args:              takes(1, 1, "one ID"),
		ValidArgsFunction: a.ids(false),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.open(); err != nil {
				return err
			}
			k, err := a.kata(args[0])
			if err != nil {
				return err
			}
			if take {
				return a.take(k)
			}
			return a.solution(k, spoil)
		},
	}
	c.Flags().BoolVar(&spoil, "spoil", false, "show it before yours is green")
	c.Flags().BoolVar(&take, "take", false, "put it in the place of yours, which is kept")
	return c
}

func (a *app) solution(k course.Kata, spoil bool) error {
	if a.log().Of(k.ID).SinceReset().Green() == nil && !spoil {
		return fmt.Errorf("%s is not green yet\n  a hint: %s hint %s\n  the reference all the same: %s solution --spoil %s", k.ID, self, k.ID, self, k.ID)
	}
	names, err := a.index.Reference(k)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := a.showSolution(k, name); err != nil {
			return err
		}
	}
	a.record(course.Entry{Deed: course.DidSolution, Kata: k.ID})
	return nil
}

func (a *app) take(k course.Kata) error {
	r, err := a.index.Take(k, a.now())
	if r.Kept != "" {
		a.say("What was there is kept in %s", bold(r.Kept))
	}
	if err != nil {
		return err
	}
	if len(r.Files) == 0 {
		a.say("The reference is in place: nothing to do.")
		return nil
	}
	a.say("%s", wrap(0, "The reference, in the place of yours: "+strings.Join(r.Files, ", ")))
	a.record(course.Entry{Deed: course.DidTake, Kata: k.ID, Kept: r.Kept})
	return nil
}

// minBeside is the width at which two files of 80 columns stand side by side.
const minBeside = 160

func (a *app) showSolution(k course.Kata, name string) error {
	src, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	reference := "solutions/" + k.ID + "/" + filepath.Base(name)
	yours := k.Dir + "/" + filepath.Base(name)
	own, err := os.ReadFile(filepath.Join(a.index.Root, filepath.FromSlash(yours)))
	width := terminalWidth(a.out)
	if err != nil || width < minBeside {
		a.say("%s\n\n%s", bold(reference), strings.TrimRight(string(src), "\n"))
		return nil
	}
	half := (width - 3) / 2
	a.say("%s\n", bold(fmt.Sprintf("%-*s   %s", half, yours, reference)))
	a.say("%s", beside(string(own), string(src), half))
	return nil
}

// beside puts two texts side by side in columns of that width: equal lines
// face each other, and "|" stands between those that differ.
func beside(left, right string, width int) string {
	var out strings.Builder
	for _, row := range align(lines(left), lines(right)) {
		sep := " | "
		if row.equal {
			sep = "   "
		}
		l, r := clip(row.left, width), clip(row.right, width)
		pad := strings.Repeat(" ", width-len([]rune(l)))
		out.WriteString(strings.TrimRight(l+pad+sep+r, " ") + "\n")
	}
	return strings.TrimRight(out.String(), "\n")
}

func lines(text string) []string {
	text = strings.ReplaceAll(text, "\t", "    ")
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

func clip(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}

// pair is a line of each side; what has no partner faces an empty line.
type pair struct {
	left, right string
	equal       bool
}

// align pairs the lines of the longest common subsequence of a and b, and puts
// what stands between two such pairs side by side.
func align(a, b []string) []pair {
	// common[i][j] is the length of it for a[i:] and b[j:].
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var rows []pair
	var left, right []string // not paired yet
	flush := func() {
		for i := range max(len(left), len(right)) {
			var p pair
			if i < len(left) {
				p.left = left[i]
			}
			if i < len(right) {
				p.right = right[i]
			}
			rows = append(rows, p)
		}
		left, right = nil, nil
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			flush()
			rows = append(rows, pair{a[i], b[j], true})
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			left = append(left, a[i])
			i++
		default:
			right = append(right, b[j])
			j++
		}
	}
	flush()
	return rows
}
