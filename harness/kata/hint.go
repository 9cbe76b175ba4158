package main

import (
	"fmt"

	"github.com/example/netkata/harness/internal/course"
	"github.com/example/netkata/harness/internal/readme"
	"github.com/spf13/cobra"
)

func (a *app) hintCommand() *cobra.Command {
	again := false
	c := &cobra.Command{
		Use:               "hint [ID]",
		Short:             "Show the next hint, and only that",
		Args:              takes(0, 1, "one ID"),
		ValidArgsFunction: a.ids(false),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := a.open(); err != nil {
				return err
			}
			if id := a.here(); len(args) == 0 && id != "" {
				args = []string{id}
			}
			s, err := a.chosen(args)
			if err != nil {
				return err
			}
			src, err := a.readme(s.Kata)
			if err != nil {
				return err
			}
			hints := readme.Parse(src).Hints
			if again {
				a.showHints(s, hints, 0, min(s.Hints, len(hints)))
				return nil
			}
			a.nextHint(s, hints)
			return nil
		},
	}
	c.Flags().BoolVar(&again, "again", false, "show the hints that were shown before")
	return c
}

func (a *app) nextHint(s course.Standing, hints []readme.Hint) {
	switch {
	case len(hints) == 0:
		a.say("%s has no hints.", s.ID)
	case s.Hints >= len(hints):
		a.say("%s has no further hint. You have seen: %s", s.ID, count(len(hints), "hint"))
		a.say("  %s hint --again %s        shows them once more", self, s.ID)
		a.say("  %s solution --spoil %s    shows the reference", self, s.ID)
	default:
		a.showHints(s, hints, s.Hints, s.Hints+1)
		a.record(course.Entry{Deed: course.DidHint, Kata: s.ID, Sum: s.Folder.Sum, Hint: s.Hints + 1})
	}
}

// showHints shows those from the one place to the other, and how many follow.
func (a *app) showHints(s course.Standing, hints []readme.Hint, from, to int) {
	for _, h := range hints[from:to] {
		a.say("%s\n\n%s", bold(fmt.Sprintf("%s, hint %s", s.ID, h.Summary)), styled(h.Body))
	}
	left := len(hints) - to
	if left == 0 {
		a.say("That was the last one.")
		return
	}
	a.say("%s left: %s hint %s", count(left, "hint"), self, s.ID)
}
