package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/example/netkata/harness/internal/course"
	"github.com/spf13/cobra"
)

func (a *app) shuffleCommand() *cobra.Command {
	var seed uint64
	c := &cobra.Command{
		Use:   "shuffle [TRACK or ID]",
		Short: "Draw a challenge, and set it up",
		Long: `Draws a challenge that you have not done yet, or else the one longest not done;
never the one just done. With it comes a seed, from which its tests draw names,
values and limits, so that a second round differs from the first. What you had
written for a challenge done before is kept, and the stub is put back.

The ID of a challenge draws new data for that one.

--seed repeats a draw: the same challenge, with the same data, for you and for
everyone else.`,
		Args:              takes(0, 1, "one track or ID"),
		ValidArgsFunction: a.tracksWithChallenges,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.open(); err != nil {
				return err
			}
			return a.shuffle(clean(strings.Join(args, "")), seed, cmd.Flags().Changed("seed"))
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 0, "the seed of an earlier draw, from 1")
	return c
}

func (a *app) shuffle(from string, seed uint64, given bool) error {
	if given && seed == 0 {
		return errors.New("--seed 0: want a number from 1")
	}
	board, err := a.standings()
	if err != nil {
		return err
	}
	challenges, err := a.challenges(board, from)
	if err != nil {
		return err
	}
	switch {
	case given:
	case from != "" && a.index.Track(from) == nil: // one, by its ID
		seed = course.Seed()
	default:
		if seed, err = course.Shuffle(challenges); err != nil {
			return err
		}
	}
	s := course.Drawn(challenges, seed)
	a.say("%s, %s", bold(s.ID), s.Title)
	if s.Done != nil {
		a.say("Last done on %s.", s.Done.Time.Local().Format("2 January 2006"))
	}
	if s.Status == course.Done {
		if err := a.reset(s.Kata, false); err != nil {
			return err
		}
	}
	a.record(course.Entry{Deed: course.DidShuffle, Kata: s.ID, Seed: seed})
	again := fmt.Sprintf("%s shuffle --seed %d", self, seed)
	if from != "" {
		again = fmt.Sprintf("%s shuffle %s --seed %d", self, from, seed)
	}
	a.say("\nIts data are drawn from seed %d. The same draw again:\n  %s\n", seed, again)
	a.howToStart(s)
	return nil
}

// challenges returns those among which to draw: of a track, the one of that ID,
// or all.
func (a *app) challenges(board []course.Standing, from string) ([]course.Standing, error) {
	if from == "" || a.index.Track(from) != nil {
		found := course.Challenges(board, from)
		switch {
		case len(found) > 0:
			return found, nil
		case from == "":
			return nil, errors.New("there is no challenge here yet")
		}
		return nil, fmt.Errorf("%s has no challenge: %s shuffle draws from all tracks", from, self)
	}
	katas, err := a.katas([]string{from})
	if err != nil {
		return nil, err
	}
	for _, s := range course.Challenges(board, "") {
		if s.ID == katas[0].ID {
			return []course.Standing{s}, nil
		}
	}
	return nil, fmt.Errorf("%s is no challenge: its data are always the same", katas[0].ID)
}

func (a *app) tracksWithChallenges(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	var tracks []string
	if a.open() == nil && len(args) == 0 {
		for _, k := range a.index.Katas {
			if k.Kind == "challenge" && strings.HasPrefix(k.Track, begun) {
				tracks = append(tracks, k.Track)
			}
		}
	}
	return slices.Compact(tracks), cobra.ShellCompDirectiveNoFileComp
}
