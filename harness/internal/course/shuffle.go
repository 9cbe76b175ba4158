package course

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Challenges returns those of a board that are challenges of that track; ""
// is every track.
func Challenges(board []Standing, track string) []Standing {
	var found []Standing
	for _, s := range board {
		if s.Kind == "challenge" && (track == "" || s.Track == track) {
			found = append(found, s)
		}
	}
	return found
}

// Drawn returns the challenge that seed draws from all of them, whatever the
// learner has done: with the same seed everyone gets the same. There must be one.
func Drawn(challenges []Standing, seed uint64) Standing {
	return challenges[rand.New(rand.NewPCG(seed, 0)).IntN(len(challenges))]
}

// maxSeed keeps seeds short enough to be typed.
const maxSeed = 99_999

// Seed returns a seed drawn by chance.
func Seed() uint64 { return 1 + rand.Uint64N(maxSeed) }

// Shuffle returns a seed that draws a challenge not done yet, or else the one
// longest not done, never the one just done. What was drawn last is drawn again
// only if there is no other.
func Shuffle(challenges []Standing) (uint64, error) {
	may := eligible(challenges)
	if len(may) == 0 {
		return 0, nothing(challenges)
	}
	for {
		seed := Seed()
		if slices.Contains(may, Drawn(challenges, seed).ID) {
			return seed, nil
		}
	}
}

// eligible returns the IDs among which chance decides.
func eligible(challenges []Standing) []string {
	var open []string
	var lastDraw, oldest, newest *Standing
	for i := range challenges {
		s := &challenges[i]
		if s.Draw != nil && (lastDraw == nil || s.Draw.Time.After(lastDraw.Draw.Time)) {
			lastDraw = s
		}
		switch {
		case s.Done == nil && s.Status != Locked:
			open = append(open, s.ID)
		case s.Done != nil:
			if oldest == nil || s.Done.Time.Before(oldest.Done.Time) {
				oldest = s
			}
			if newest == nil || s.Done.Time.After(newest.Done.Time) {
				newest = s
			}
		}
	}
	if len(open) > 1 && lastDraw != nil {
		open = slices.DeleteFunc(open, func(id string) bool { return id == lastDraw.ID })
	}
	if len(open) == 0 && oldest != newest {
		open = []string{oldest.ID}
	}
	return open
}

// nothing says why none is eligible.
func nothing(challenges []Standing) error {
	for _, s := range challenges {
		if s.Status == Locked {
			return fmt.Errorf("%s is built on %s: do that first", s.ID, s.Behind[0])
		}
	}
	return fmt.Errorf("%s was just done, and there is no other challenge", challenges[0].ID)
}
