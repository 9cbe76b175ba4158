package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/example/netkata/harness/internal/course"
	"github.com/example/netkata/harness/internal/readme"
	"github.com/fatih/color"
	"github.com/spf13/cobra"
)

func (a *app) nextCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "next [ID or TRACK]",
		Short:             "Show what to do: the README of the next kata",
		Long:              "Shows the README of the kata that you are at, of the one named, or of what is\nnext in a track; its hints stay folded.",
		Args:              takes(0, 1, "one ID or track"),
		ValidArgsFunction: a.ids(true),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.open(); err != nil {
				return err
			}
			s, err := a.nextOf(args)
			if err != nil {
				return err
			}
			src, err := a.readme(s.Kata)
			if err != nil {
				return err
			}
			a.say("%s", styled(folded(src, s.Kata)))
			a.howToStart(s)
			return nil
		},
	}
}

// nextOf is chosen, where the argument may be a track as well.
func (a *app) nextOf(args []string) (course.Standing, error) {
	if len(args) == 0 || a.index.Track(clean(args[0])) == nil {
		return a.chosen(args)
	}
	board, err := a.standings()
	if err != nil {
		return course.Standing{}, err
	}
	board = slices.DeleteFunc(board, func(s course.Standing) bool { return s.Track != clean(args[0]) })
	if next := course.Next(board); next >= 0 {
		return board[next], nil
	}
	return course.Standing{}, fmt.Errorf("every kata of %s is done: name the one that you mean", args[0])
}

func (a *app) howToStart(s course.Standing) {
	if len(s.Behind) > 0 {
		first := "that"
		if len(s.Behind) > 1 {
			first = "those"
		}
		a.say("%s\n", wrap(0, fmt.Sprintf("It is built on %s: do %s first.", strings.Join(s.Behind, ", "), first)))
	}
	verb := "Open"
	if s.Status == course.Begun {
		verb = "Go on in"
	}
	a.say("%s %s, then: %s run %s", verb, bold(file(s)), self, s.ID)
}

var hintsSection = regexp.MustCompile(`(?ms)^## Hints\n.*?(^## |\z)`)

// folded replaces a README's hints by how to get at them.
func folded(src string, k course.Kata) string {
	src = strings.ReplaceAll(src, "\r\n", "\n")
	n := len(readme.Parse(src).Hints)
	if n == 0 {
		return src
	}
	fold := fmt.Sprintf("## Hints\n\n%s, one at a time: %s hint %s\n\n$1", count(n, "hint"), self, k.ID)
	return hintsSection.ReplaceAllString(src, fold)
}

var (
	boldWords = regexp.MustCompile(`\*\*(.+?)\*\*`)
	codeWords = regexp.MustCompile("`([^`\n]+)`")
)

// styled shows Markdown in a terminal with colours; without them it is left as
// it is, which is how it was written to be read.
func styled(src string) string {
	src = strings.TrimRight(src, "\n") + "\n"
	if color.NoColor {
		return src
	}
	// Bold words may be broken over two lines, code is not.
	var out strings.Builder
	fenced := false
	for block := range strings.SplitAfterSeq(src, "\n\n") {
		if fenced || strings.Contains(block, "```") {
			for line := range strings.SplitAfterSeq(block, "\n") {
				if strings.HasPrefix(strings.TrimSpace(line), "```") {
					fenced = !fenced
					continue
				}
				out.WriteString(line)
			}
			continue
		}
		out.WriteString(styledBlock(block))
	}
	return out.String()
}

func styledBlock(block string) string {
	if strings.HasPrefix(block, "#") {
		heading, rest, _ := strings.Cut(block, "\n")
		return bold(strings.TrimLeft(heading, "# ")) + "\n" + rest
	}
	block = boldWords.ReplaceAllStringFunc(strings.ReplaceAll(block, "\n", "\x00"), func(s string) string {
		return eachLine(strings.Trim(s, "*"), bold)
	})
	block = strings.ReplaceAll(block, "\x00", "\n")
	return codeWords.ReplaceAllStringFunc(block, func(s string) string { return cyan(strings.Trim(s, "`")) })
}

// eachLine styles each of the lines that \x00 separates.
func eachLine(s string, style func(...any) string) string {
	parts := strings.Split(s, "\x00")
	for i, p := range parts {
		parts[i] = style(p)
	}
	return strings.Join(parts, "\x00")
}
