package main

import (
	"strings"

	"github.com/example/netkata/harness/internal/course"
	"github.com/spf13/cobra"
)

func (a *app) resetCommand() *cobra.Command {
	tests := false
	c := &cobra.Command{
		Use:   "reset ID",
		Short: "Begin again: put the stub back, and keep what was there",
		Long: `Puts a kata's files back as they were shipped. What was there is kept below
.kata/kept first, and files of your own are left alone.`,
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
			return a.reset(k, tests)
		},
	}
	c.Flags().BoolVar(&tests, "tests", false, "put back the tests, the bridge and the README, not the stub")
	return c
}

func (a *app) reset(k course.Kata, tests bool) error {
	r, err := a.index.Reset(k, tests, a.now())
	if r.Kept != "" {
		a.say("What was there is kept in %s", bold(r.Kept))
	}
	if err != nil {
		return err
	}
	if len(r.Files) == 0 {
		a.say("%s is as it was shipped: nothing to do.", k.ID)
	} else {
		a.say("%s", wrap(0, "As they were shipped: "+strings.Join(r.Files, ", ")))
		if !tests {
			a.record(course.Entry{Deed: course.DidReset, Kata: k.ID, Kept: r.Kept})
		}
	}
	if len(r.Extra) > 0 {
		a.say("%s", wrap(0, "Your own, left alone: "+strings.Join(r.Extra, ", ")))
	}
	return nil
}
