package memnet

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Script is what the network does wrong on one Path. It is plain data, and is
// written on one line: "[drop 1, delay 2 300ms, spoof 1]". Each kind of fault
// concerns connections, datagrams or Accept; where it does not fit, it does
// nothing.
type Script []Step

// Step is one fault.
type Step struct {
	Do Fault
	// At says where: the number of a datagram or of a call of Accept, from 1 on
	// ("all" is 0), or for connections a number of bytes.
	At int
	// For is how long; see each Fault.
	For time.Duration
}

// Fault is a kind of fault.
type Fault int

// The faults. N stands for Step.At, D for Step.For.
const (
	// Cut makes a Read end after the first N bytes of the connection, so that
	// what was written together comes apart.
	Cut Fault = iota
	// Chop makes each Read end at a multiple of N bytes: "chop 1" gives every
	// byte alone.
	Chop
	// Coalesce holds bytes back until N of them wait, the writer closes, or D has
	// passed: what was written apart comes together.
	Coalesce
	// Stall holds back for D, and without D for ever, what comes after the first
	// N bytes.
	Stall
	// Reset resets the connection at both ends instead of passing on what comes
	// after the first N bytes.
	Reset

	// Drop loses datagram N.
	Drop
	// Duplicate delivers datagram N two times.
	Duplicate
	// Delay delivers datagram N after D.
	Delay
	// Reorder delivers datagram N after the one that follows it, or when none
	// has come after D (without D: a second).
	Reorder
	// Spoof has a stranger's datagram arrive before datagram N: forged by
	// Network.Forge, from the same host, port 666.
	Spoof

	// EMFILE makes call N of Accept fail: too many open files.
	EMFILE
	// Aborted makes call N of Accept fail with ECONNABORTED: the client gave up.
	Aborted

	faults // how many there are
)

var faultNames = [faults]string{"cut", "chop", "coalesce", "stall", "reset",
	"drop", "duplicate", "delay", "reorder", "spoof", "emfile", "aborted"}

// String returns the word that scripts use.
func (f Fault) String() string {
	if f < 0 || f >= faults {
		return fmt.Sprintf("Fault(%d)", int(f))
	}
	return faultNames[f]
}

// ofStreams says whether it concerns connections: then At counts bytes.
func (f Fault) ofStreams() bool { return f <= Reset }

// takesTime says whether For means something.
func (f Fault) takesTime() bool {
	return f == Coalesce || f == Stall || f == Delay || f == Reorder
}

// patience is how long Reorder waits for the datagram that follows.
func (s Step) patience() time.Duration { return cmp.Or(s.For, time.Second) }

// String returns the step as a script has it: "delay 2 300ms".
func (s Step) String() string {
	at := strconv.Itoa(s.At)
	if s.At == 0 && !s.Do.ofStreams() {
		at = "all"
	}
	text := s.Do.String() + " " + at
	if s.For != 0 {
		text += " " + s.For.String()
	}
	return text
}

// String returns the script on one line: "[drop 1, delay 2 300ms]".
func (s Script) String() string {
	words := make([]string, len(s))
	for i, step := range s {
		words[i] = step.String()
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// Parse reads a script, with or without the brackets.
func Parse(text string) (Script, error) {
	inner := strings.TrimSpace(text)
	inner = strings.TrimSuffix(strings.TrimPrefix(inner, "["), "]")
	if strings.TrimSpace(inner) == "" {
		return Script{}, nil
	}
	var s Script
	for i, words := range strings.Split(inner, ",") {
		step, err := parseStep(strings.Fields(words))
		if err != nil {
			return nil, fmt.Errorf("script %q, step %d: %w", text, i+1, err)
		}
		s = append(s, step)
	}
	return s, nil
}

// MustParse is Parse for scripts that stand in a test: a mistake panics.
func MustParse(text string) Script {
	s, err := Parse(text)
	if err != nil {
		panic("memnet: " + err.Error())
	}
	return s
}

func parseStep(words []string) (Step, error) {
	if len(words) < 2 || len(words) > 3 {
		return Step{}, fmt.Errorf("want a fault and a number (and a duration), got %q", strings.Join(words, " "))
	}
	s := Step{Do: -1}
	for f, name := range faultNames {
		if name == words[0] {
			s.Do = Fault(f)
		}
	}
	if s.Do < 0 {
		return s, fmt.Errorf("no fault is called %q; there are %s", words[0], strings.Join(faultNames[:], ", "))
	}
	if err := s.parseAt(words[1]); err != nil {
		return s, err
	}
	if len(words) == 3 {
		return s, s.parseFor(words[2])
	}
	if s.Do == Delay || s.Do == Coalesce {
		return s, fmt.Errorf("%v wants a duration", s.Do)
	}
	return s, nil
}

func (s *Step) parseAt(word string) error {
	if word == "all" && !s.Do.ofStreams() {
		return nil
	}
	at, err := strconv.Atoi(word)
	least := 1
	if s.Do == Cut || s.Do == Stall || s.Do == Reset {
		least = 0
	}
	if err != nil || at < least {
		return fmt.Errorf("%v wants a number from %d on, got %q", s.Do, least, word)
	}
	s.At = at
	return nil
}

func (s *Step) parseFor(word string) error {
	d, err := time.ParseDuration(word)
	switch {
	case err != nil || d <= 0:
		return fmt.Errorf("want a duration such as 300ms, got %q", word)
	case !s.Do.takesTime():
		return fmt.Errorf("%v takes no duration", s.Do)
	}
	s.For = d
	return nil
}
