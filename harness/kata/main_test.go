package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/example/netkata/harness/internal/course"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kata": func() {
		wait = time.Hour
		main()
	}})
}

// Each script runs the built tool in a repository of its own, made from
// testdata/repo.
func TestScript(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("the scripts need git")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               setup,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"append": appendLine,
			"ship": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(ship(ts.Getenv("WORK") + "/repo"))
			},
		},
	})
}

func setup(env *testscript.Env) error {
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		return err
	}
	env.Setenv("GOCACHE", strings.TrimSpace(string(cache)))
	env.Setenv("GOPROXY", "off")
	env.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	repo := filepath.Join(env.WorkDir, "repo")
	if err := os.CopyFS(repo, os.DirFS("testdata/repo")); err != nil {
		return err
	}
	if err := ship(repo); err != nil {
		return err
	}
	env.Cd = repo
	return nil
}

// ship writes the sums and commits it all, as an author does.
func ship(repo string) error {
	x, err := course.ReadIndex(repo)
	if err != nil {
		return err
	}
	sums, err := course.TakeSums(x)
	if err != nil {
		return err
	}
	if err := sums.Write(repo); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false", "commit", "-qm", "m"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = repo
		if out, err := cmd.CombinedOutput(); err != nil {
			return errors.New(string(out))
		}
	}
	return nil
}

// exits runs a command that must end with that exit code: exits CODE COMMAND...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// appendLine adds a line to a file: append FILE TEXT.
func appendLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append FILE TEXT")
	}
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = f.WriteString(args[1] + "\n")
	ts.Check(err)
	ts.Check(f.Close())
}

// No command's help is wider than a screen of 80 columns.
func TestHelpWidth(t *testing.T) {
	var out strings.Builder
	root := (&app{out: &out}).command()
	root.SetOut(&out)
	commands := []*cobra.Command{root}
	for i := 0; i < len(commands); i++ {
		commands = append(commands, commands[i].Commands()...)
	}
	for _, c := range commands {
		if c.Parent() != nil && c.Parent().Name() == "completion" {
			continue // in cobra's words
		}
		out.Reset()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > screenWidth {
				t.Errorf("%s -h: %s", c.CommandPath(), line)
			}
		}
	}
}

// The board's lines fit the screen, as long as their titles do.
func TestBoardWidth(t *testing.T) {
	wide := columns{status: 6, id: 12, kind: 9, screen: 80}
	s := course.Standing{Kata: course.Kata{ID: "dns/question", Kind: "challenge", Title: strings.Repeat("t", 46)}}
	if got := wide.line(s, true); len(got) != 80 {
		t.Errorf("%d columns:\n%s", len(got), got)
	}
	s.Status, s.Behind = course.Locked, []string{"dns/name"}
	title := strings.Index(wide.line(s, false), "ttt")
	if first, after, ok := strings.Cut(wide.line(s, false), "\n"); !ok || len(first) != 80 || after != strings.Repeat(" ", title)+"(after dns/name)" {
		t.Errorf("a locked one:\n%s", wide.line(s, false))
	}
	wide.screen = 97
	if got := wide.line(s, false); len(got) != 97 || strings.Contains(got, "\n") {
		t.Errorf("on a wide screen, %d columns:\n%s", len(got), got)
	}
}
