package course

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// stateDir is the learner's, below the root; git ignores it.
const stateDir = ".kata"

// Deed is what an Entry tells of.
type Deed string

const (
	DidRun      Deed = "run"      // the tests were run
	DidHint     Deed = "hint"     // a hint was shown
	DidReset    Deed = "reset"    // the stub was put back
	DidSolution Deed = "solution" // the reference was shown
	DidTake     Deed = "take"     // the reference was put in the place of what was there
	DidShuffle  Deed = "shuffle"  // a challenge was drawn, which begins a round of it
)

// Entry is one line of the log, .kata/log.jsonl. What does not apply is left
// out; a reader passes over fields and deeds that it does not know.
type Entry struct {
	Time    time.Time `json:"time"`
	Deed    Deed      `json:"deed"`
	Kata    string    `json:"kata"`
	Learner string    `json:"learner,omitempty"` // empty for whose machine it is
	Sum     string    `json:"sum,omitempty"`     // of the learner's files, see Folder
	Seed    uint64    `json:"seed,omitempty"`    // of the data that a challenge's tests draw

	Verdict string `json:"verdict,omitempty"` // of a run: State's words
	Passed  int    `json:"passed,omitempty"`
	Tests   int    `json:"tests,omitempty"`
	Kind    Kind   `json:"kind,omitempty"` // of the first failure
	Test    string `json:"test,omitempty"`
	Rule    int    `json:"rule,omitempty"`
	Millis  int64  `json:"ms,omitempty"`   // how long the run took
	Race    bool   `json:"race,omitempty"` // with the race detector

	Hint int    `json:"hint,omitempty"` // which one was shown, from 1
	Kept string `json:"kept,omitempty"` // where a reset, or a take, kept what was there
}

// RunEntry returns what the log keeps of a run.
func RunEntry(k Kata, v Verdict, now time.Time) Entry {
	e := Entry{
		Time: now, Deed: DidRun, Kata: k.ID, Sum: v.Folder.Sum,
		Verdict: v.State.String(), Passed: v.Count(Passed), Tests: len(v.Tests),
		Millis: v.Elapsed.Milliseconds(), Race: v.Race, Seed: v.Seed,
	}
	if f := v.First; f != nil {
		e.Kind, e.Test, e.Rule = f.Kind, f.Test, f.Rule
	}
	return e
}

func logFile(root string) string { return filepath.Join(root, stateDir, "log.jsonl") }

// Append adds an entry to the log, in one write: a kill leaves at most a torn
// last line, which the next Append ends and ReadLog passes over. Several
// processes may append at once.
func Append(root string, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if err := os.MkdirAll(filepath.Join(root, stateDir), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(logFile(root), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	if torn(f) {
		line = append([]byte{'\n'}, line...)
	}
	_, err = f.Write(line)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// torn says whether f has a last line without an end.
func torn(f *os.File) bool {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || end == 0 {
		return false
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], end-1)
	return err == nil && last[0] != '\n'
}

// Log is what the learner did, oldest first.
type Log []Entry

// ReadLog reads the log. No log is an empty one; what is no entry (a torn
// line) is passed over.
func ReadLog(root string) (Log, error) {
	name := logFile(root)
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name) // a device may have no end
	}
	src, err := os.ReadFile(name)
	if missing(err) {
		return nil, nil
	}
	var l Log
	for line := range bytes.SplitSeq(src, []byte("\n")) {
		var e Entry
		if json.Unmarshal(line, &e) == nil && e.Kata != "" {
			l = append(l, e)
		}
	}
	return l, err
}

// Of returns the entries of one kata.
func (l Log) Of(id string) Log {
	var of Log
	for _, e := range l {
		if e.Kata == id {
			of = append(of, e)
		}
	}
	return of
}

// SinceReset returns the entries after the last reset.
func (l Log) SinceReset() Log {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].Deed == DidReset {
			return l[i+1:]
		}
	}
	return l
}

// Green returns the last green run, nil when there is none.
func (l Log) Green() *Entry {
	return l.last(func(e Entry) bool { return e.Deed == DidRun && e.Verdict == Green.String() })
}

// Draw returns the last draw, nil when there is none.
func (l Log) Draw() *Entry {
	return l.last(func(e Entry) bool { return e.Deed == DidShuffle })
}

func (l Log) last(is func(Entry) bool) *Entry {
	for i := len(l) - 1; i >= 0; i-- {
		if is(l[i]) {
			return &l[i]
		}
	}
	return nil
}

// Hints returns how many hints were shown: they are shown in order.
func (l Log) Hints() int {
	n := 0
	for _, e := range l {
		if e.Deed == DidHint {
			n = max(n, e.Hint)
		}
	}
	return n
}
