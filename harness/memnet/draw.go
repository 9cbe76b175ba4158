package memnet

import (
	"time"

	"pgregory.net/rapid"
)

// StreamFaults and DatagramFaults are for Scripts, the plainest first: when two
// of them make a test fail, rapid shows the first.
var (
	StreamFaults   = []Fault{Cut, Chop, Coalesce, Stall, Reset}
	DatagramFaults = []Fault{Drop, Duplicate, Delay, Reorder, Spoof}
)

// Scripts draws scripts of up to five steps out of those faults, which lie
// within the first upTo bytes or datagrams and last at most longest (or a
// second, when it is 0). None lasts for ever or concerns "all".
func Scripts(upTo int, longest time.Duration, of ...Fault) *rapid.Generator[Script] {
	if longest == 0 {
		longest = time.Second
	}
	step := rapid.Custom(func(t *rapid.T) Step {
		s := Step{Do: rapid.SampledFrom(of).Draw(t, "fault")}
		s.At = rapid.IntRange(1, max(1, upTo)).Draw(t, "at")
		if s.Do.takesTime() {
			// Whole milliseconds are easier to read and to shrink.
			ms := rapid.IntRange(1, max(1, int(longest/time.Millisecond))).Draw(t, "ms")
			s.For = time.Duration(ms) * time.Millisecond
		}
		return s
	})
	steps := rapid.SliceOfN(step, 0, 5)
	return rapid.Custom(func(t *rapid.T) Script { return steps.Draw(t, "steps") })
}
