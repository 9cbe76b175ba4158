package main

import (
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/example/netkata/harness/internal/course"
	"github.com/spf13/cobra"
)

// board shows how far the learner is: kata without a command.
func (a *app) board(*cobra.Command, []string) error {
	if err := a.open(); err != nil {
		return err
	}
	board, err := a.standings()
	if err != nil {
		return err
	}
	next := course.Next(board)
	wide := columns{screen: max(screenWidth, terminalWidth(a.out))}
	for _, s := range board {
		wide.status = max(wide.status, len(status(s)))
		wide.id = max(wide.id, len(s.ID))
		wide.kind = max(wide.kind, len(s.Kind))
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
			lines = append(lines, wide.line(s, i == next))
		}
		a.say("%s, %d of %d done", bold(track), done, all)
		a.say("%s\n", strings.Join(lines, "\n"))
	}
	a.whatNext(board, next)
	return nil
}

// columns are the board's, by their width.
type columns struct{ status, id, kind, screen int }

// line is one kata.
func (c columns) line(s course.Standing, next bool) string {
	mark := " "
	if next {
		mark = ">"
	}
	colour := map[course.Status]func(...any) string{course.Done: green, course.Begun: yellow, course.Locked: faint, course.NotBegun: faint}[s.Status]
	line := fmt.Sprintf("%s %s  %-*s  %-*s %s", mark, colour(fmt.Sprintf("%-*s", c.status, status(s))), c.id, s.ID, c.kind, s.Kind, s.Title)
	if s.Status == course.Locked {
		title := len(mark+" ") + c.status + len("  ") + c.id + len("  ") + c.kind + len(" ")
		after := "(after " + strings.Join(s.Behind, ", ") + ")"
		gap := " "
		if title+utf8.RuneCountInString(s.Title+gap+after) > c.screen {
			gap = "\n" + strings.Repeat(" ", title)
		}
		line += gap + faint(after)
	}
	return line
}

// status is how far the learner is, in a word or two; nothing when not begun.
func status(s course.Standing) string {
	switch {
	case s.Status == course.NotBegun:
		return ""
	case s.Status == course.Begun && s.Last != nil && s.Last.Tests > 0:
		return fmt.Sprintf("%d/%d", s.Last.Passed, s.Last.Tests)
	}
	return s.Status.String()
}

// whatNext ends the board with what to type.
func (a *app) whatNext(board []course.Standing, next int) {
	if next < 0 {
		a.say("Everything is done. Once more, with other data: %s shuffle", self)
		a.say("Any kata can be done again: %s reset ID", self)
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
	own := s.Folder.Own
	if len(own) == 1 || len(own) > 1 && path.Ext(own[0]) != ".go" {
		return own[0]
	}
	return s.File()
}
