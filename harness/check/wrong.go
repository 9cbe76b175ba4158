package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/example/netkata/harness/check/known"
	"github.com/example/netkata/harness/internal/course"
)

// stand is a known solution in the reference's place, and what became of it.
type stand struct {
	kata    course.Kata
	name    string
	where   string // "testdata/wrong/dns/name.txt:30: forward-pointer"
	rule    int    // that must catch it, 0 for a right one
	race    bool   // the race detector watches
	replace overlay

	broken string // why it could not be put in place
	ended
	cached bool
}

// ended is what the run of a known solution came to, as far as it counts here.
type ended struct {
	State string
	Kind  course.Kind `json:",omitempty"`
	Rule  int         `json:",omitempty"` // of the first failure
	Text  string      `json:",omitempty"` // of the first failure
}

// overlay says what stands in for files of the repository, by their path below
// its root; nil hides a file.
type overlay map[string]*string

func wrongDie(ctx context.Context, c *check) (r result) {
	var all []*stand
	for _, k := range c.katas {
		stands, err := c.wrong(k)
		if err != nil {
			r.fault("%v", err)
		}
		all = append(all, stands...)
	}
	total := len(all)
	all = shareOf(all, c.share, c.commit(ctx))
	c.judgeStands(ctx, &r, all)
	if c.share > 1 {
		r.note += fmt.Sprintf("; %d are known: -share 1 tries them all", total)
	}
	for _, s := range all {
		if s.fault() != "" {
			continue
		}
		r.table = append(r.table, fmt.Sprintf("%-12s %-30s rule %-3d %s", s.kata.ID, s.name, s.Rule, firstLine(s.Text)))
		if c.verbose {
			r.table = append(r.table, "", indent(s.Text), "")
		}
	}
	return r
}

// shareOf returns one in n, and all that cannot even be put in place. Which ones,
// the commit decides, so that all have their turn as time goes by.
func shareOf(all []*stand, n int, commit uint64) []*stand {
	if n <= 1 {
		return all
	}
	return slices.DeleteFunc(all, func(s *stand) bool {
		h := fnv.New64a()
		fmt.Fprint(h, commit, s.kata.ID, s.name)
		return s.broken == "" && h.Sum64()%uint64(n) != 0
	})
}

// commit returns a number for the commit that is checked out, 0 without git.
func (c *check) commit(ctx context.Context) uint64 {
	git := exec.CommandContext(ctx, "git", "rev-parse", "HEAD")
	git.Dir = c.root
	said, _ := git.Output()
	h := fnv.New64a()
	h.Write(said)
	return h.Sum64()
}

func rightPass(ctx context.Context, c *check) (r result) {
	var all []*stand
	for _, k := range c.katas {
		stands, err := c.right(k)
		if err != nil {
			r.fault("%v", err)
		}
		if len(stands) == 0 {
			r.fault("%s: no right solution in testdata/right/%s", k.ID, k.ID)
		}
		all = append(all, stands...)
	}
	c.judgeStands(ctx, &r, all)
	for _, s := range all {
		if s.fault() == "" {
			r.table = append(r.table, fmt.Sprintf("%-12s %-30s %s", s.kata.ID, s.name, s.State))
		}
	}
	return r
}

// wrong reads the wrong solutions of a kata and puts each in place.
func (c *check) wrong(k course.Kata) ([]*stand, error) {
	name := "testdata/wrong/" + k.ID + ".txt"
	src, err := os.ReadFile(filepath.Join(c.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	list, err := known.ParseWrong(name, src)
	if err != nil {
		return nil, err
	}
	reference, err := readTree(c.root, "solutions/"+k.ID)
	if err != nil {
		return nil, err
	}
	var all []*stand
	for _, w := range list {
		s := &stand{kata: k, name: w.Name, rule: w.Rule, race: w.Race, where: fmt.Sprintf("%s:%d: %s", name, w.Line, w.Name), replace: overlay{}}
		changed, err := w.Apply(reference)
		if err != nil {
			s.broken = err.Error()
		}
		for file, src := range changed {
			s.replace[file] = &src
		}
		all = append(all, s)
	}
	return all, nil
}

// right reads the right solutions of a kata and puts each in place.
func (c *check) right(k course.Kata) ([]*stand, error) {
	files, err := readTree(c.root, "testdata/right/"+k.ID)
	if err != nil {
		return nil, err
	}
	reference, err := readTree(c.root, "solutions/"+k.ID)
	if err != nil {
		return nil, err
	}
	var all []*stand
	for _, right := range known.FindRight(k.ID, files) {
		s := &stand{kata: k, name: right.Habit, where: "testdata/right/" + k.ID + "/" + right.Habit, replace: overlay{}}
		for file := range reference {
			s.replace[file] = nil
		}
		for file, src := range right.Files {
			s.replace[file] = &src
		}
		all = append(all, s)
	}
	return all, nil
}

// readTree returns the sources below a folder: files of Go, and what they embed.
func readTree(root, dir string) (known.Files, error) {
	files := known.Files{}
	err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(dir)), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !course.IsSource(name) {
			return err
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, name)
		files[filepath.ToSlash(below)] = string(src)
		return err
	})
	return files, err
}

// judgeStands runs the tests against each solution, or takes from the cache
// what they came to, and adds what is not as it should be to r.
func (c *check) judgeStands(ctx context.Context, r *result, all []*stand) {
	tracks, err := c.trackKeys(all)
	if err != nil {
		r.fault("%v", err)
		return
	}
	inParallel(len(all), func(i int) { c.judgeStand(ctx, all[i], tracks[all[i].kata.Track]) })
	fresh := 0
	for _, s := range all {
		if !s.cached {
			fresh++
		}
		if text := s.fault(); text != "" {
			r.fault("%s: %s", s.where, text)
		}
	}
	r.note = fmt.Sprintf("%d solutions, %d of them from the cache", len(all), len(all)-fresh)
}

// judgeStand fills in what became of s. Only what is as it should be is taken
// from the cache: what is not, its author will want to see again.
func (c *check) judgeStand(ctx context.Context, s *stand, track key) {
	if s.broken != "" {
		return
	}
	id := track.with(s)
	if s.cached = c.cache.get(id, &s.ended); s.cached && s.fault() == "" {
		return
	}
	s.cached = false
	v, err := c.judgeOverlay(ctx, s)
	if err != nil {
		s.broken = err.Error()
		return
	}
	s.ended = ended{State: v.State.String()}
	if v.First != nil {
		s.Kind, s.Rule, s.Text = v.First.Kind, v.First.Rule, v.First.Text
	}
	c.cache.put(id, s.ended)
}

// judgeOverlay runs the tests of a kata with s in the reference's place.
func (c *check) judgeOverlay(ctx context.Context, s *stand) (course.Verdict, error) {
	dir, err := os.MkdirTemp("", "check-")
	if err != nil {
		return course.Verdict{}, err
	}
	defer os.RemoveAll(dir)
	file, err := s.replace.write(c.root, dir)
	if err != nil {
		return course.Verdict{}, err
	}
	return c.judge(ctx, course.Spec{Root: c.root, Package: s.kata.Dir, Tags: []string{"solution"}, Overlay: file, Race: s.race, Hasty: s.rule > 0})
}

// write writes what stands in into dir, and the file that go test -overlay
// reads, whose path it returns.
func (o overlay) write(root, dir string) (string, error) {
	replace := map[string]string{}
	for name, src := range o {
		from := filepath.Join(root, filepath.FromSlash(name))
		if src == nil {
			replace[from] = ""
			continue
		}
		replace[from] = filepath.Join(dir, filepath.Base(from))
		if err := os.WriteFile(replace[from], []byte(*src), 0o666); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "overlay.json")
	return file, os.WriteFile(file, list, 0o666)
}

// fault says what is not as it should be, or "".
func (s *stand) fault() string {
	switch {
	case s.broken != "":
		return s.broken
	case s.rule == 0 && s.State == course.Green.String():
		return ""
	case s.rule == 0:
		return fmt.Sprintf("a right solution is refused: the verdict is %s\n%s", s.State, s.Text)
	}
	switch {
	case s.State == course.Green.String():
		return fmt.Sprintf("survives: every test passes; rule %d should catch it", s.rule)
	case s.Kind == course.ByCompile || s.Kind == course.ByVet || s.Kind == course.BySetup:
		return "does not compile\n" + s.Text
	case s.State != course.Red.String():
		return fmt.Sprintf("the verdict is %s, want red\n%s", s.State, s.Text)
	case s.Rule != s.rule:
		return fmt.Sprintf("dies by rule %d, want rule %d\n%s", s.Rule, s.rule, s.Text)
	case s.Kind == course.ByRace: // which knows no rule but its test's
	case !strings.Contains(s.Text, fmt.Sprintf("rule %d: ", s.rule)):
		return fmt.Sprintf("dies in a test of rule %d, but the first message does not say so\n%s", s.Rule, s.Text)
	}
	return ""
}
