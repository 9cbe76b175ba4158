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
		Use:   "shuffle [TRACK]",
		Short: "Draw a challenge, and set it up",
		Long: `Draws a challenge that you have not done yet, or else the one longest not done;
never the one just done. With it comes a seed, from which its tests draw names,
values and limits, so that a second round differs from the first. What you had
written for a challenge done before is kept, and the stub is put back.

--seed repeats a draw: the same challenge, with the same data, for you and for
everyone else.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.tracksWithChallenges,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.open(); err != nil {
				return err
			}
			return a.shuffle(strings.Join(args, ""), seed, cmd.Flags().Changed("seed"))
		},
	}
	c.Flags().Uint64Var(&seed, "seed", 0, "the seed of an earlier draw, from 1")
	return c
}

func (a *app) shuffle(track string, seed uint64, given bool) error {
	track = clean(track)
	if track != "" && a.index.Track(track) == nil {
		return a.unknownTrack(track)
	}
	if given && seed == 0 {
		return errors.New("--seed 0: want a number from 1")
	}
	board, err := a.standings()
	if err != nil {
		return err
	}
	challenges := course.Challenges(board, track)
	switch {
	case len(challenges) > 0:
	case track == "":
		return errors.New("there is no challenge here yet")
	default:
		return fmt.Errorf("%s has no challenge: %s shuffle draws from all tracks", track, self)
	}
	if !given {
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
	if track != "" {
		again = fmt.Sprintf("%s shuffle %s --seed %d", self, track, seed)
	}
	a.say("\nIts data are drawn from seed %d. The same draw again: %s", seed, again)
	a.howToStart(s)
	return nil
}

func (a *app) unknownTrack(name string) error {
	tracks := strings.Join(a.index.Tracks(), ", ")
	if k, err := a.kata(name); err == nil {
		return fmt.Errorf("%s is a kata, and shuffle takes a track: %s", k.ID, tracks)
	}
	return fmt.Errorf("no track is called %q: there are %s", name, tracks)
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
