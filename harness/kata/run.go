package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/example/netkata/harness/internal/course"
	"github.com/spf13/cobra"
)

func (a *app) runCommand() *cobra.Command {
	r := runner{app: a}
	c := &cobra.Command{
		Use:   "run [ID or TRACK]...",
		Short: "Is it right? Run the tests, explain the first failure",
		Long: `Runs the tests of a kata and explains the first failure. Without an ID: of the
kata in whose folder you are, or else that you are at: begun last, or next. Of a
track: a line for each kata, then the first failure.

With -v: every rule, and every failure; of a track, the rules that do not hold.

Exit codes: 0 green, 1 red, 2 cannot say.`,
		ValidArgsFunction: a.ids(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.run(cmd.Context(), args)
		},
	}
	c.Flags().BoolVarP(&r.verbose, "verbose", "v", false, "show every rule, and every failure")
	c.Flags().DurationVar(&r.timeout, "timeout", time.Minute, "for all the tests of a kata together")
	return c
}

// runner is one kata run.
type runner struct {
	*app
	verbose bool
	timeout time.Duration
}

func (r *runner) run(ctx context.Context, args []string) error {
	if r.timeout <= 0 {
		return fmt.Errorf("--timeout %v: want more than nothing", r.timeout)
	}
	if err := r.open(); err != nil {
		return err
	}
	if id := r.here(); len(args) == 0 && id != "" {
		args = []string{id}
	}
	katas, err := r.katas(args)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		s, err := r.current()
		if err != nil {
			return err
		}
		katas = []course.Kata{s.Kata}
	}
	if len(katas) == 1 {
		return r.one(ctx, katas[0])
	}
	return r.several(ctx, katas)
}

// one runs one kata and explains the verdict. A first failure that the other
// tests keep waiting is shown before they end.
func (r *runner) one(ctx context.Context, k course.Kata) error {
	var shown *course.Failure
	var show *time.Timer
	over := make(chan struct{}) // once shown
	v, err := r.judge(ctx, k, func(f *course.Failure) {
		if r.verbose {
			return
		}
		show = time.AfterFunc(wait, func() {
			r.say("%s  %s\n", k.ID, red(course.Red))
			r.quote(f)
			r.say("\nThe other tests are still running.\n")
			shown = f
			close(over)
		})
	})
	if show != nil && !show.Stop() {
		<-over
	}
	if err != nil {
		return err
	}
	if shown != nil {
		r.say("They are done: %s.", tally(v))
	} else {
		r.say("%s", r.headline(k, v, 0))
	}
	r.explain(k, v, shown)
	return nil
}

// wait is how long other tests may keep a first failure waiting. The scripts set
// it: what they compare must not depend on how fast the machine is.
var wait = 500 * time.Millisecond

// judge runs one kata and keeps the verdict; first is told the first failure.
func (r *runner) judge(ctx context.Context, k course.Kata, first func(*course.Failure)) (course.Verdict, error) {
	slow := time.AfterFunc(5*time.Second, r.patience)
	defer slow.Stop()
	o := course.Options{Timeout: r.timeout, First: first}
	if draw := r.log().Of(k.ID).Draw(); draw != nil {
		o.Seed = draw.Seed
	}
	v, err := r.index.Run(ctx, k, o)
	if ctx.Err() != nil {
		return v, errors.New("stopped")
	}
	if errors.Is(err, fs.ErrNotExist) {
		return v, fmt.Errorf("%s is gone: %s reset %s brings it back", k.Dir, self, k.ID)
	}
	if err != nil {
		return v, fmt.Errorf("%s: %w", k.ID, err)
	}
	r.record(course.RunEntry(k, v, r.now()))
	if c := exitCode(v.State); r.code == exitGreen || c == exitRed {
		r.code = c
	}
	return v, nil
}

// patience tells whoever looks at a terminal that something goes on.
func (r *runner) patience() {
	if terminalWidth(r.out) > 0 {
		fmt.Fprintln(r.err, faint("Building and testing. The first time takes longest."))
	}
}

func exitCode(s course.State) int {
	return map[course.State]int{course.Green: exitGreen, course.Red: exitRed, course.CannotSay: exitCannotSay}[s]
}

// several gives each kata a line, and explains the first that is not green.
// What nobody has begun is not run: a stub is red.
func (r *runner) several(ctx context.Context, katas []course.Kata) error {
	board, err := r.standings()
	if err != nil {
		return err
	}
	begun := map[string]bool{}
	for _, s := range board {
		begun[s.ID] = !s.Folder.Known || len(s.Folder.Edited) > 0
	}
	wide := 0
	for _, k := range katas {
		wide = max(wide, len(k.ID))
	}
	var wrong []judged
	first := 0
	for _, k := range katas {
		if !begun[k.ID] {
			r.code = exitRed
			r.say("%-*s  %s", wide, k.ID, faint("not begun"))
			continue
		}
		v, err := r.judge(ctx, k, nil)
		if err != nil {
			return err
		}
		r.say("%s", r.headline(k, v, wide))
		if v.State == course.Green {
			continue
		}
		wrong = append(wrong, judged{k, v})
		if v.State == course.Red && wrong[first].State != course.Red {
			first = len(wrong) - 1
		}
	}
	for i, w := range wrong {
		if i == first {
			r.say("\n%s", r.headline(w.Kata, w.Verdict, 0))
			r.explain(w.Kata, w.Verdict, nil)
		} else if r.verbose {
			r.say("\n%s", r.headline(w.Kata, w.Verdict, 0))
			r.rules(w.Kata, w.Verdict, false)
			r.say("\nMore of it: %s run -v %s", self, w.ID)
		}
	}
	return nil
}

// judged is a kata and what came of it.
type judged struct {
	course.Kata
	course.Verdict
}

// untouched says whether nobody has written anything yet, so that what fails
// is the stub.
func untouched(v course.Verdict) bool {
	return v.Folder.Known && len(v.Folder.Own) > 0 && len(v.Folder.Edited) == 0 && v.State == course.Red &&
		(v.Broke == nil || v.Broke.Kind == course.ByLoop)
}

// headline is the verdict in one line.
func (r *runner) headline(k course.Kata, v course.Verdict, wide int) string {
	state := map[course.State]func(...any) string{course.Green: green, course.Red: red, course.CannotSay: yellow}[v.State](v.State)
	if untouched(v) {
		state = yellow("not begun")
	}
	return fmt.Sprintf("%-*s  %s  %s", wide, k.ID, state, tally(v))
}

func tally(v course.Verdict) string {
	if b := v.Broke; b != nil {
		switch b.Kind {
		case course.ByCompile:
			return "does not compile"
		case course.ByVet:
			return "go vet refuses it"
		case course.BySetup:
			return "could not be tested"
		}
	}
	if v.State == course.Green {
		s := count(len(v.Tests), "test")
		if n := len(v.Rules); n > 0 {
			s += ", " + count(n, "rule")
		}
		if v.Race {
			s += ", race detector on"
		}
		if v.Seed != 0 {
			s += fmt.Sprintf(", seed %d", v.Seed)
		}
		if v.Cached {
			s += ", as before: nothing has changed"
		}
		return s
	}
	return fmt.Sprintf("%d of %s pass", v.Count(course.Passed), count(len(v.Tests), "test"))
}

// explain says what the verdict means, and what to do now. shown is the failure
// that was shown already, nil for none.
func (r *runner) explain(k course.Kata, v course.Verdict, shown *course.Failure) {
	if r.verbose {
		r.rules(k, v, true)
	}
	switch {
	case v.State == course.Green:
		r.proven(k)
	case untouched(v) && !k.Hunt():
		if r.verbose {
			r.say("")
			r.quote(v.First)
		}
		r.notBegun(k, v)
	default:
		r.failure(k, v, shown)
	}
	for _, note := range v.Notes {
		r.say("\n%s %s", yellow("note:"), wrap(len("note: "), note))
	}
}

// proven says what comes after green.
func (r *runner) proven(k course.Kata) {
	board, err := r.standings()
	if err != nil {
		r.warn("%v", err)
		return
	}
	r.say("")
	commands := [][2]string{{"solution " + k.ID, "the reference beside yours"}}
	if next := course.Next(board); next >= 0 {
		r.say("%s", wrap(0, fmt.Sprintf("Next: %s, %s", board[next].ID, board[next].Title)))
		commands = append([][2]string{{"next", "what to do"}}, commands...)
	} else {
		r.say("That was the last one: every kata is done.")
	}
	for _, c := range commands {
		r.say("  %s %-*s    %s", self, len("solution "+k.ID), c[0], c[1])
	}
}

func (r *runner) notBegun(k course.Kata, v course.Verdict) {
	var lines strings.Builder
	end := "."
	for _, u := range r.index.Unwritten(v.Folder) {
		fmt.Fprintf(&lines, "\n  line %d  %s", u.Line, u.Name)
		end = ":"
	}
	r.say("\nNothing is written yet. It begins in %s%s%s", bold(v.Folder.Own[0]), end, &lines)
	r.say("\nWhat to do: %s next %s", self, k.ID)
}

// printedLines is how much is shown of what the code printed by itself.
const printedLines = 20

// failure explains the first failure, and counts the others or, with -v, tells
// them too.
func (r *runner) failure(k course.Kata, v course.Verdict, shown *course.Failure) {
	f := v.First
	if shown == nil || f.Test != shown.Test || f.Text != shown.Text {
		r.say("")
		r.quote(f)
	}
	name, _, _ := strings.Cut(f.Test, "/")
	switch {
	case f.More == 0:
	case notRun(f):
		r.say("\nAnd %s.", count(f.More, "further error"))
	case !r.verbose:
		r.say("\n%s", aside(fmt.Sprintf("And %s in %s", count(f.More, "more failure"), name), fmt.Sprintf("(all: %s run -v %s)", self, k.ID)))
	}
	if f.Test == "" {
		r.printed(v.Printed)
	} else {
		r.printed(f.Printed)
	}
	if r.verbose {
		r.further(k, v)
	}
	if b := v.Broke; b != nil && b != f {
		if b.Test != "" && b.Test != f.Test {
			r.say("\nThen %s ended the run.", bold(testName(b.Test)))
		}
		r.say("\n%s", b.Text)
	}
	if !r.verbose {
		r.others(v)
	}
	if list := r.index.Unwritten(v.Folder); len(list) > 0 && v.State == course.Red {
		r.say("\nNot written yet:%s", places(list))
	}
	r.below(k, v)
	if v.State == course.Red && len(v.Tests) > 0 && !notRun(f) {
		r.say("\nA hint: %s hint %s", self, k.ID)
	}
}

// below tells what k is built on and nobody has written yet: what fails may be
// that.
func (r *runner) below(k course.Kata, v course.Verdict) {
	board, err := r.standings()
	if err != nil || v.State != course.Red {
		return
	}
	needed := r.index.AllNeeds(k)
	var below strings.Builder
	for _, s := range board {
		if !slices.Contains(needed, s.ID) {
			continue
		}
		switch list := r.index.Unwritten(s.Folder); len(list) {
		case 0:
		case 1:
			fmt.Fprintf(&below, "\n  %s  %s", s.ID, list[0].Name)
		default:
			fmt.Fprintf(&below, "\n  %s  %s and %d more", s.ID, list[0].Name, len(list)-1)
		}
	}
	if below.Len() > 0 {
		r.say("\n%s is built on what is not written yet:%s", k.ID, &below)
		r.say("To have the reference of one there: %s solution --take ID", self)
	}
}

// notRun says whether a failure is that no test could begin.
func notRun(f *course.Failure) bool {
	return f.Kind == course.ByCompile || f.Kind == course.ByVet || f.Kind == course.BySetup
}

func (r *runner) printed(text string) {
	if text != "" {
		r.say("\nPrinted meanwhile:\n%s", cut(text, printedLines))
	}
}

// quote gives a failure in its own words.
func (r *runner) quote(f *course.Failure) {
	if f.Test != "" {
		r.say("%s", bold(testName(f.Test))+ruleOf(f))
	}
	text := f.Text
	if f.Kind == course.ByTest { // it begins with a place and the title of a rule
		head, rest, more := strings.Cut(text, "\n")
		if text = wrap(0, head); more {
			text += "\n" + rest
		}
	}
	r.say("%s", text)
}

var seed = regexp.MustCompile(`^(Fuzz\w*)/seed#(\d+)$`)

// testName returns a test's name as its author wrote it.
func testName(name string) string {
	if m := seed.FindStringSubmatch(name); m != nil {
		n, _ := strconv.Atoi(m[2]) // digits only
		return fmt.Sprintf("%s, seed %d (of those that f.Add adds)", m[1], n+1)
	}
	test, sub, ok := strings.Cut(name, "/")
	if !ok {
		return name
	}
	return test + "/" + strings.ReplaceAll(sub, "_", " ")
}

// ruleOf names the rule of a failure whose own text does not.
func ruleOf(f *course.Failure) string {
	if f.Rule == 0 || strings.Contains(f.Text, fmt.Sprintf("rule %d: ", f.Rule)) {
		return ""
	}
	return fmt.Sprintf(", rule %d", f.Rule)
}

// places lists what is not written yet, a line each.
func places(list []course.Unwritten) string {
	var lines strings.Builder
	for _, u := range list {
		fmt.Fprintf(&lines, "\n  %s:%d  %s", u.File, u.Line, u.Name)
	}
	return lines.String()
}

// others counts what failed besides the first failure.
func (r *runner) others(v course.Verdict) {
	var failed, notRun, skipped []string
	for _, t := range v.Tests {
		name := t.Name
		if t.Rule > 0 {
			name += fmt.Sprintf(" (rule %d)", t.Rule)
		}
		first := v.First.Test == t.Name || strings.HasPrefix(v.First.Test, t.Name+"/")
		switch {
		case first:
		case t.Outcome == course.Failed || t.Outcome == course.Began:
			failed = append(failed, name)
		case t.Outcome == course.NotRun && v.Broke != nil && v.Broke.Test != "":
			notRun = append(notRun, t.Name)
		case t.Outcome == course.Skipped:
			skipped = append(skipped, t.Name)
		}
	}
	if len(failed)+len(notRun)+len(skipped) > 0 {
		r.say("")
	}
	r.list(failed, "more test fails", "more tests fail")
	r.list(notRun, "test did not run after that", "tests did not run after that")
	r.list(skipped, "test was skipped", "tests were skipped")
}

// listed is how many tests are named before the rest is only counted.
const listed = 4

func (r *runner) list(names []string, one, many string) {
	switch n := len(names); {
	case n == 0:
	case n == 1:
		r.say("%s", wrap(0, fmt.Sprintf("1 %s: %s", one, names[0])))
	case n > listed:
		r.say("%s", wrap(0, fmt.Sprintf("%d %s: %s, …", n, many, strings.Join(names[:listed], ", "))))
	default:
		r.say("%s", wrap(0, fmt.Sprintf("%d %s: %s", n, many, strings.Join(names, ", "))))
	}
}

// cut returns the first n lines of text, and says how many follow.
func cut(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if len(lines) > n {
		more := len(lines) - n
		lines = append(lines[:n:n], fmt.Sprintf("… and %s", count(more, "further line")))
	}
	for i, l := range lines {
		lines[i] = "  " + l
	}
	return strings.Join(lines, "\n")
}
