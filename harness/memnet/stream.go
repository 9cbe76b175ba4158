package memnet

import (
	"slices"
	"time"
)

// stream is one direction of a connection. Bytes are sent, pass (at once, when
// no script says otherwise), and are read.
type stream struct {
	limit  int
	buf    []byte // sent and not read
	read   int    // how many were read: the offset of buf[0]
	passed int    // how many have reached the reader

	sent, arrived ending // what came after the last byte, on either side

	// What a script does.
	steps    []Step // stalls and resets to come, by offset
	cuts     []int  // offsets that no Read goes beyond
	chop     int    // no Read goes beyond a multiple of it; 0: none
	coalesce Step   // zero: none
	torn     bool   // by a reset: nothing passes any more
	forever  bool   // a stall without an end: the same
	hold     time.Time
	flush    time.Time // when what is being coalesced passes
	timer    *time.Timer
	due      time.Time // of the timer
}

// ending is how a stream ends. The zero value is: not yet.
type ending struct {
	fin   bool // no more bytes
	reset bool // nor anything else; alone or after fin
}

func (s *stream) end() int    { return s.read + len(s.buf) } // offset behind what was sent
func (s *stream) unread() int { return len(s.buf) }
func (s *stream) room() int   { return s.limit - len(s.buf) }
func (s *stream) held() int   { return s.end() - s.passed }

// ready returns how many bytes a Read gets that has room for max.
func (s *stream) ready(max int) int {
	n := min(max, s.passed-s.read)
	if s.chop > 0 {
		n = min(n, s.chop-s.read%s.chop)
	}
	for _, cut := range s.cuts {
		if cut > s.read {
			return min(n, cut-s.read)
		}
	}
	return n
}

// take is a Read.
func (s *stream) take(b []byte) int {
	n := copy(b, s.buf[:s.ready(len(b))])
	s.buf = s.buf[n:]
	s.read += n
	return n
}

// advance lets pass what may pass by now. It returns the step that began, if
// one did; then it is to be called again.
func (s *stream) advance(now time.Time) (began Step, ok bool) {
	if s.held() == 0 && s.sent == s.arrived || s.waits(now) {
		return Step{}, false
	}
	if len(s.steps) > 0 {
		next := s.steps[0]
		if next.At < s.end() || next.At == s.end() && s.sent != s.arrived {
			s.steps = s.steps[1:]
			s.passed = next.At
			s.begin(next, now)
			return next, true
		}
	}
	s.passed = s.end()
	s.arrived = s.sent
	return Step{}, false
}

func (s *stream) begin(step Step, now time.Time) {
	switch {
	case step.Do == Reset:
		s.torn = true
	case step.For == 0:
		s.forever = true
	default:
		s.hold = now.Add(step.For)
	}
}

// waits says whether nothing may pass yet.
func (s *stream) waits(now time.Time) bool {
	if s.torn || s.forever || now.Before(s.hold) {
		return true
	}
	if s.coalesce.At == 0 || s.sent != (ending{}) || s.held() >= s.coalesce.At {
		s.flush = time.Time{}
		return false
	}
	if s.flush.IsZero() {
		s.flush = now.Add(s.coalesce.For)
	}
	if now.Before(s.flush) {
		return true
	}
	s.flush = time.Time{}
	return false
}

// wakeAt has wake called when something may pass that may not yet.
func (s *stream) wakeAt(now time.Time, wake func()) {
	due := s.hold
	if !now.Before(due) {
		due = s.flush
	}
	if due.Equal(s.due) {
		return
	}
	s.stop()
	if s.due = due; now.Before(due) {
		s.timer = time.AfterFunc(due.Sub(now), wake)
	}
}

func (s *stream) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// disturb takes over the steps that concern connections.
func (s *stream) disturb(script Script) {
	for _, step := range script {
		switch step.Do {
		case Cut:
			s.cuts = append(s.cuts, step.At)
		case Chop:
			s.chop = step.At
		case Coalesce:
			s.coalesce = step
		case Stall, Reset:
			s.steps = append(s.steps, step)
		}
	}
	slices.Sort(s.cuts)
	slices.SortStableFunc(s.steps, func(a, b Step) int { return a.At - b.At })
}
