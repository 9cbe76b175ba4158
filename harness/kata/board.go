package main

import (
	"fmt"
	"strings"

	"github.com/example/netkata/harness/internal/course"
	"github.com/spf13/cobra"
)

// board shows how far the learner is: kata without a command.
func (a *app) board(*cobra.Command, []string) error {
	if err := a.open(); err != nil {
		return err
	}
	board, err := a.index.Board()
	if err != nil {
		return err
	}
	next := course.Next(board)
	wide := 0
	for _, s := range board {
		wide = max(wide, len(s.ID))
	}
	for _, track := range a.index.Tracks() {
		done, all := 0, 0
		var lines []string
		for i, s := range board {
			if s.Track != track {
				continue
			}
			all++
			if s.Status == course.Done {
				done++
			}
			lines = append(lines, boardLine(s, i == next, wide))
		}
		a.say("%s, %d of %d done", bold(track), done, all)
		a.say("%s\n", strings.Join(lines, "\n"))
	}
	a.whatNext(board, next)
	return nil
}

// boardLine is one kata, in at most 80 columns unless its title is very long.
func boardLine(s course.Standing, next bool, wide int) string {
	mark := " "
	if next {
		mark = ">"
	}
	status := fmt.Sprintf("%-11s", s.Status)
	switch s.Status {
	case course.Done:
		status = green(status)
	case course.Begun:
		if s.Last != nil && s.Last.Tests > 0 {
			status = fmt.Sprintf("%-11s", fmt.Sprintf("%d of %d", s.Last.Passed, s.Last.Tests))
		}
		status = yellow(status)
	default:
		status = faint(status)
	}
	line := fmt.Sprintf("%s %s %-*s  %-9s  %s", mark, status, wide, s.ID, s.Kind, s.Title)
	if s.Status == course.Locked {
		line += faint("  (after " + strings.Join(s.Behind, ", ") + ")")
	}
	return line
}

// whatNext ends the board with what to type.
func (a *app) whatNext(board []course.Standing, next int) {
	if next < 0 {
		a.say("Everything is done. Any kata can be done again: %s reset ID", self)
		return
	}
	s := board[next]
	if s.Status == course.Begun {
		a.say("You are at %s, in %s", bold(s.ID), file(s))
		a.say("  %s run     is it right?", self)
		a.say("  %s next    what to do, once more", self)
		return
	}
	a.say("Next is %s", bold(s.ID))
	a.say("  %s next    what to do, and where to begin", self)
	a.say("  %s help    the other commands", self)
}

// file returns the file that the learner edits, by its path below the root.
func file(s course.Standing) string {
	if len(s.Folder.Own) == 1 {
		return s.Folder.Own[0]
	}
	return s.File()
}
