// Kata is the learner's tool: what to do next, whether it is right, and if
// not, why. "go tool kata help" tells its commands.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/fatih/color"
	"github.com/spf13/cobra"
)

// Exit codes of every command.
const (
	exitGreen     = 0 // and of what judges nothing: it was done
	exitRed       = 1
	exitCannotSay = 2 // and of what could not be done
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Stdin, color.Output, color.Error, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is the whole tool, but for the process around it.
func run(ctx context.Context, in io.Reader, out, errw io.Writer, args []string) int {
	a := &app{in: in, out: out, err: errw, now: time.Now}
	root := a.command()
	root.SetArgs(goStyle(args))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	if err := root.ExecuteContext(ctx); err != nil {
		a.complain(err)
		return exitCannotSay
	}
	return a.code
}

// command returns the commands, one file each.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "kata",
		Short: "Learn networking byte by byte",
		Long: `The katas of this repository: which are done, what is next, and whether what
you wrote is right. Without a command: the board.`,
		Example:       "  go tool kata next      what to do now\n  go tool kata run       is it right?",
		Args:          a.noCommand,
		RunE:          a.board,
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: self},

		SuggestionsMinimumDistance: 2,
	}
	root.AddCommand(a.nextCommand(), a.runCommand(), a.hintCommand(), a.resetCommand(), a.solutionCommand(), a.shuffleCommand(), a.serveCommand(), a.explainCommand())
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), moreHelp,
		`More about a command: {{.CommandPath}} COMMAND -h`, 1))
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "Complete commands and IDs in your shell"
			c.Long = `A shell completes what it knows by one name, and inside the repository only.
bash and zsh: once, inside the repository,

  go tool kata completion bash > ~/.kata-completion    (or zsh)

and in the shell's start-up file:

  kata() { go tool kata "$@"; }
  source ~/.kata-completion

fish: once, inside the repository,

  go tool kata completion fish > ~/.config/fish/completions/kata.fish
  function kata; go tool kata $argv; end; funcsave kata`
		}
	}
	return root
}

// moreHelp is what cobra says at the end of its help, in more than 80 columns.
const moreHelp = `Use "{{.CommandPath}} [command] --help" for more information about a command.`

// noCommand is the error for a word that is no command, and says which was meant.
func (a *app) noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if a.open() == nil {
		if _, err := a.katas(args[:1]); err == nil {
			return fmt.Errorf("%q is no command: did you mean %s run %s?", args[0], self, args[0])
		}
	}
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		return fmt.Errorf("%q is no command: did you mean %s %s?", args[0], self, like[0])
	}
	return fmt.Errorf("%q is no command: %s help lists them", args[0], self)
}

var longFlag = regexp.MustCompile(`^-[a-z]{2,}(=|$)`)

// goStyle lets a flag of several letters begin with one dash, as Go's do.
func goStyle(args []string) []string {
	var out []string
	for i, arg := range args {
		if arg == "--" {
			return append(out, args[i:]...)
		}
		if longFlag.MatchString(arg) {
			arg = "-" + arg
		}
		out = append(out, arg)
	}
	return out
}
