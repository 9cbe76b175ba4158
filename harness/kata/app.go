package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/example/netkata/harness/internal/course"
	"github.com/fatih/color"
	"github.com/spf13/cobra"
)

// self is how a learner calls this tool.
const self = "go tool kata"

// app is one run of the tool.
type app struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time
	code     int // exit code, when there was no error
	index    course.Index
}

var (
	bold   = color.New(color.Bold).SprintFunc()
	faint  = color.New(color.Faint).SprintFunc()
	red    = color.New(color.FgRed, color.Bold).SprintFunc()
	green  = color.New(color.FgGreen, color.Bold).SprintFunc()
	yellow = color.New(color.FgYellow, color.Bold).SprintFunc()
	cyan   = color.New(color.FgCyan).SprintFunc()
)

func (a *app) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

// warn tells of something that went wrong beside the matter at hand.
func (a *app) warn(format string, args ...any) {
	fmt.Fprintf(a.err, "%s %s\n", yellow("warning:"), fmt.Sprintf(format, args...))
}

func (a *app) complain(err error) { fmt.Fprintln(a.err, wrap(0, "kata: "+err.Error())) }

// open reads the index of the repository that the working folder lies in.
func (a *app) open() error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	root, err := course.FindRoot(dir)
	if err != nil {
		return err
	}
	a.index, err = course.ReadIndex(root)
	return err
}

// record adds to the log. A log that cannot be written takes nothing else away.
func (a *app) record(e course.Entry) {
	e.Time = a.now().Round(time.Millisecond)
	if err := course.Append(a.index.Root, e); err != nil {
		a.warn("this is not in your log: %v", err)
	}
}

// kata returns the kata that an argument means: its ID, or its name alone where
// there is only one such kata.
func (a *app) kata(arg string) (course.Kata, error) {
	arg = clean(arg)
	var found []course.Kata
	for _, k := range a.index.Katas {
		if k.ID == arg {
			return k, nil
		}
		if k.Name == arg {
			found = append(found, k)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) > 1 {
		var ids []string
		for _, k := range found {
			ids = append(ids, k.ID)
		}
		return course.Kata{}, fmt.Errorf("%q may be %s: which one?", arg, strings.Join(ids, " or "))
	}
	return course.Kata{}, a.unknown(arg, false)
}

// katas returns the katas that arguments mean, where one may be a track too.
func (a *app) katas(args []string) ([]course.Kata, error) {
	var all []course.Kata
	for _, arg := range args {
		if track := a.index.Track(clean(arg)); track != nil {
			all = append(all, track...)
			continue
		}
		k, err := a.kata(arg)
		if err != nil {
			if len(a.index.Katas) > 0 && strings.Contains(err.Error(), "no kata") {
				return nil, a.unknown(clean(arg), true)
			}
			return nil, err
		}
		all = append(all, k)
	}
	return all, nil
}

// readme reads a kata's README.
func (a *app) readme(k course.Kata) (string, error) {
	src, err := os.ReadFile(filepath.Join(a.index.Root, filepath.FromSlash(k.Dir), "README.md"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s/README.md is gone; this brings it back:\n  %s reset --tests %s", k.Dir, self, k.ID)
	}
	return string(src), err
}

// clean turns a kata's folder, as a shell completes it, into its ID.
func clean(arg string) string {
	arg = strings.TrimPrefix(strings.ReplaceAll(arg, `\`, "/"), "./")
	return strings.TrimSuffix(strings.TrimPrefix(arg, "katas/"), "/")
}

// unknown is the error for an ID that is none; it names the nearest one.
func (a *app) unknown(arg string, tracks bool) error {
	type candidate struct {
		word, means string
	}
	var words []candidate
	for _, k := range a.index.Katas {
		words = append(words, candidate{k.ID, k.ID}, candidate{k.Name, k.ID})
	}
	what := "no kata"
	if tracks {
		what = "no kata and no track"
		for _, t := range a.index.Tracks() {
			words = append(words, candidate{t, t})
		}
	}
	nearest := slices.MinFunc(words, func(x, y candidate) int {
		return cmp.Compare(levenshtein.ComputeDistance(arg, x.word), levenshtein.ComputeDistance(arg, y.word))
	})
	if levenshtein.ComputeDistance(arg, nearest.word) <= max(1, len(arg)/3) {
		return fmt.Errorf("%s is called %q: did you mean %s?", what, arg, nearest.means)
	}
	return fmt.Errorf("%s is called %q: %s lists them all", what, arg, self)
}

// log reads the log. One that cannot be read is as good as none.
func (a *app) log() course.Log {
	log, err := course.ReadLog(a.index.Root)
	if err != nil {
		a.warn("your log cannot be read: %v", err)
	}
	return log
}

// standings tells how the learner stands with each kata.
func (a *app) standings() ([]course.Standing, error) { return a.index.Board(a.log()) }

var errAllDone = errors.New("every kata is done: name the one that you mean")

// current returns the kata that is meant when none is named: what was begun
// last, or else what comes next.
func (a *app) current() (course.Standing, error) {
	board, err := a.standings()
	if err != nil {
		return course.Standing{}, err
	}
	if next := course.Next(board); next >= 0 {
		return board[next], nil
	}
	return course.Standing{}, errAllDone
}

// here returns the ID of the kata in whose folder the learner is, "" for none.
func (a *app) here() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	rel, err := filepath.Rel(a.index.Root, dir)
	if err != nil {
		return ""
	}
	for _, k := range a.index.Katas {
		if strings.HasPrefix(filepath.ToSlash(rel)+"/", k.Dir+"/") {
			return k.ID
		}
	}
	return ""
}

// chosen returns how the learner stands with the kata named by args, or with
// the current one.
func (a *app) chosen(args []string) (course.Standing, error) {
	if len(args) == 0 {
		return a.current()
	}
	k, err := a.kata(args[0])
	if err != nil {
		return course.Standing{}, err
	}
	board, err := a.standings()
	if err != nil {
		return course.Standing{}, err
	}
	at := slices.IndexFunc(board, func(s course.Standing) bool { return s.ID == k.ID })
	return board[at], nil
}

// ids completes an ID; tracks too where a command takes them.
func (a *app) ids(tracks bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if err := a.open(); err != nil || !tracks && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var words []string
		if tracks {
			for _, t := range a.index.Tracks() {
				words = append(words, t+"\tthe whole track")
			}
		}
		for _, k := range a.index.Katas {
			words = append(words, k.ID+"\t"+k.Title)
		}
		words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, begun) })
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// count returns "1 test", "2 tests".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
