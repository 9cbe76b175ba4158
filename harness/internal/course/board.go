package course

import (
	"os"
	"path/filepath"
	"time"
)

// Status is how far the learner is with a kata.
type Status int

const (
	NotBegun Status = iota
	Locked          // not begun, and so is something that it is built on
	Begun
	Done // was green once
)

func (s Status) String() string { return [...]string{"not begun", "locked", "begun", "done"}[s] }

// Standing is one kata on the board.
type Standing struct {
	Kata
	Status Status
	Behind []string  // the IDs of what it needs that is not Done, without those that these need themselves
	Last   *Entry    // the last run since the last reset, nil for none
	Done   *Entry    // the last green run, nil for none
	Draw   *Entry    // the last draw by shuffle, nil for none
	Active time.Time // when the learner last worked on it, zero for never
	Hints  int       // shown since the last reset
	Folder Folder
}

// Board tells how the learner stands with each kata, in the index's order.
func (x Index) Board(log Log) ([]Standing, error) {
	sums, err := ReadSums(x.Root)
	if err != nil {
		return nil, err
	}
	done := map[string]bool{}
	for _, e := range log {
		done[e.Kata] = done[e.Kata] || e.Deed == DidRun && e.Verdict == Green.String()
	}
	var board []Standing
	for _, k := range x.Katas {
		s := Standing{Kata: k}
		if s.Folder, err = x.Folder(k, sums); err != nil {
			return nil, err
		}
		s.Behind = x.behind(k, done)
		s.look(x.Root, log.Of(k.ID))
		board = append(board, s)
	}
	return board, nil
}

// behind returns what k needs and is not done, but for what is needed, and so
// named in its turn, by something else that k waits for.
func (x Index) behind(k Kata, done map[string]bool) (ids []string) {
	implied := map[string]bool{} // by what k needs as well
	for _, id := range k.Needs {
		if need, _ := x.Kata(id); !done[id] {
			for _, further := range need.Needs {
				implied[further] = true
			}
		}
	}
	for _, id := range k.Needs {
		if !done[id] && !implied[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

func (s *Standing) look(root string, log Log) {
	s.Done, s.Draw = log.Green(), log.Draw()
	again := s.Draw != nil && (s.Done == nil || s.Done.Time.Before(s.Draw.Time)) // a round that is open
	log = log.SinceReset()
	s.Hints = log.Hints()
	for i := range log {
		if log[i].Deed == DidRun {
			s.Last = &log[i]
		}
		s.Active = log[i].Time
	}
	for _, name := range s.Folder.Edited {
		info, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
		if err == nil && info.ModTime().After(s.Active) {
			s.Active = info.ModTime()
		}
	}
	switch {
	case s.Done != nil && !again && (s.Last == nil || s.Last.Verdict == Green.String()):
		s.Status = Done // and not red again since
	case again, len(s.Folder.Edited) > 0, !s.Folder.Known && s.Last != nil:
		s.Status = Begun
	case len(s.Behind) > 0:
		s.Status = Locked
	}
}

// Next returns the place on the board of what to do now: what was begun last,
// else the first that is not begun, of the track that was last worked on if it
// has one. It is -1 when everything is done.
func Next(board []Standing) int {
	next := -1
	for i, s := range board {
		if s.Status == Begun && (next < 0 || s.Active.After(board[next].Active)) {
			next = i
		}
	}
	if next >= 0 {
		return next
	}
	var last Standing
	for _, s := range board {
		if s.Status == Done && s.Active.After(last.Active) {
			last = s
		}
	}
	for i, s := range board {
		if s.Status == NotBegun && (next < 0 || s.Track == last.Track && board[next].Track != last.Track) {
			next = i
		}
	}
	return next
}
