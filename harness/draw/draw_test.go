package draw_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/example/netkata/harness/draw"
	"github.com/example/netkata/harness/rule"
)

// TestMain goes where a README.md with a rule 1 is.
func TestMain(m *testing.M) {
	if err := os.Chdir("testdata"); err != nil {
		panic(err)
	}
	m.Run()
}

// sample draws from d what a kata's test might.
func sample(d *draw.Data) []string {
	return append(d.Words(3), d.Text(20), d.Text(d.Between(1, 9)))
}

// The same seed and test give the same data, another seed other data.
func TestSeed(t *testing.T) {
	bySeed := map[string][]string{}
	for _, seed := range []string{"", "1", "4711", "4711", "18446744073709551615"} {
		t.Setenv(draw.Env, seed)
		got := sample(draw.From(rule.New(t, 1)))
		if seed == "" {
			seed = "1"
		}
		if first, ok := bySeed[seed]; ok && !slices.Equal(first, got) {
			t.Errorf("seed %s gave %q, then %q", seed, first, got)
		}
		bySeed[seed] = got
	}
	if slices.Equal(bySeed["1"], bySeed["4711"]) {
		t.Errorf("seeds 1 and 4711 both give %q", bySeed["1"])
	}
}

// A range gives each run of a test the next seed.
func TestRange(t *testing.T) {
	var want [][]string
	for _, seed := range []string{"7", "8", "9", "7"} {
		t.Setenv(draw.Env, seed)
		want = append(want, sample(draw.From(rule.New(t, 1))))
	}
	t.Setenv(draw.Env, "7-9")
	for i := range want {
		if got := sample(draw.From(rule.New(t, 1))); !slices.Equal(got, want[i]) {
			t.Errorf("run %d of seeds 7-9 gave %q, want %q", i+1, got, want[i])
		}
	}
}

// Two tests of one round differ: what one drew tells nothing of the other.
func TestNames(t *testing.T) {
	var all [][]string
	for _, name := range []string{"a", "b"} {
		t.Run(name, func(t *testing.T) { all = append(all, sample(draw.From(rule.New(t, 1)))) })
	}
	if slices.Equal(all[0], all[1]) {
		t.Errorf("two tests drew the same: %q", all[0])
	}
}

// What Data promises of words, texts and numbers.
func TestData(t *testing.T) {
	d := draw.From(rule.New(t, 1))
	seen := map[string]bool{}
	for _, w := range d.Words(5000) {
		if seen[w] || !regexp.MustCompile(`^[a-z]{4,8}$`).MatchString(w) {
			t.Errorf("word %q: seen before: %v", w, seen[w])
		}
		seen[w] = true
	}
	spaces := 0
	for n := range 200 {
		s := d.Text(n)
		if len(s) != n || strings.TrimSpace(s) != s || strings.Trim(s, asciiPrintable()) != "" {
			t.Errorf("Text(%d) = %q", n, s)
		}
		spaces += strings.Count(s, " ")
	}
	if spaces == 0 {
		t.Error("Text never has a space")
	}
	drawn := map[int]bool{}
	for range 200 {
		drawn[d.Between(3, 5)] = true
	}
	if len(drawn) != 3 || !drawn[3] || !drawn[4] || !drawn[5] {
		t.Errorf("Between(3, 5) gave %v", drawn)
	}
}

func asciiPrintable() string {
	var b strings.Builder
	for c := byte(' '); c <= '~'; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

// Every failure says the seed, and a seed that is no number is a failure. The
// failing test is this one, run again.
func TestFailureSaysSeed(t *testing.T) {
	if os.Getenv("FAIL") != "" {
		r := rule.New(t, 1)
		d := draw.From(r)
		r.On(t).Errorf("drawn: %q", d.Word())
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for seed, want := range map[string]string{
		"4711": `to draw the same: KATA_SEED=4711\n`,
		"9-7":  `KATA_SEED=9-7: want a number`,
		"7-":   `KATA_SEED=7-: want a number`,
		"four": `KATA_SEED=four: want a number`,
	} {
		cmd := exec.Command(exe, "-test.run=^TestFailureSaysSeed$")
		cmd.Dir = ".." // of testdata
		cmd.Env = append(os.Environ(), "FAIL=1", draw.Env+"="+seed)
		out, err := cmd.CombinedOutput()
		if err == nil || !regexp.MustCompile(want).Match(out) {
			t.Errorf("%s=%s: want a failure with %s, got\n%s", draw.Env, seed, want, out)
		}
	}
}
