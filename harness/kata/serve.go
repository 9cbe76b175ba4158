package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/example/netkata/harness/internal/course"
	"github.com/spf13/cobra"
)

// servers is the folder of the programs that serve katas, below the root.
const servers = "harness/serve"

func (a *app) serveCommand() *cobra.Command {
	reference := false
	c := &cobra.Command{
		Use:   "serve TRACK or ID [flags] [-- flags of the server]",
		Short: "Run your server on a port, for nc, socat or dig to talk to",
		Long: `Builds the server that you wrote and runs it on a port of this machine, until
Ctrl-C. It says where it listens. Of a track, it is the last server, which all
others lead to. What follows -- goes to the server: -h lists its flags, -addr
127.0.0.1:0 takes any port that is free.`,
		Example: "  go tool kata serve tcp/echo\n  go tool kata serve tcp/deadline -- -idle 5s\n  go tool kata serve dns -- -zone my.zone -origin example.com.",
		Args:    takes(1, -1, "a track or an ID"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if a.open() != nil || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var ids []string
			for _, k := range a.served() {
				if strings.HasPrefix(k.ID, begun) {
					ids = append(ids, k.ID+"\t"+k.Title)
				}
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.open(); err != nil {
				return err
			}
			k, err := a.server(args[0])
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), k, reference, args[1:])
		},
	}
	c.Flags().BoolVar(&reference, "solution", false, "serve the reference instead of yours")
	return c
}

// served returns the katas that have a server program.
func (a *app) served() []course.Kata {
	var found []course.Kata
	for _, k := range a.index.Katas {
		info, err := os.Stat(filepath.Join(a.index.Root, filepath.FromSlash(path.Join(servers, k.ID))))
		if err == nil && info.IsDir() {
			found = append(found, k)
		}
	}
	return found
}

// server returns the kata of that ID, or the last one of that track that has a
// server program and is built up to: a hunt stands alone.
func (a *app) server(id string) (course.Kata, error) {
	for _, k := range slices.Backward(a.served()) {
		if k.Track == id && !k.Hunt() {
			return k, nil
		}
	}
	return a.kata(id)
}

func (a *app) serve(ctx context.Context, k course.Kata, reference bool, args []string) error {
	var ids []string
	can := false
	for _, s := range a.served() {
		ids = append(ids, s.ID)
		can = can || s.ID == k.ID
	}
	if !can {
		return fmt.Errorf("%s is no server. These are: %s", k.ID, strings.Join(ids, ", "))
	}
	called := self + " serve " + k.ID
	if reference {
		called += " --solution"
	} else if !slices.Contains(args, "-h") {
		if err := a.tellUnwritten(k); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "kata-serve-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	exe := filepath.Join(dir, k.Name+".exe") // Windows wants the ending, nobody else minds
	build := exec.CommandContext(ctx, "go", "build", "-o", exe)
	if reference {
		build.Args = append(build.Args, "-tags", "solution")
	}
	build.Args = append(build.Args, "./"+path.Join(servers, k.ID))
	build.Dir, build.Stdout, build.Stderr = a.index.Root, a.err, a.err
	if err := build.Run(); err != nil {
		return fmt.Errorf("%s could not be built", k.ID)
	}
	server := exec.CommandContext(ctx, exe, args...)
	server.Args[0] = called + " --" // for its usage text
	server.Stdin, server.Stdout, server.Stderr = a.in, a.out, a.err
	server.WaitDelay = 10 * time.Second
	server.Cancel = func() error {
		if runtime.GOOS == "windows" {
			return server.Process.Kill()
		}
		return server.Process.Signal(os.Interrupt) // a second one, if the terminal sent one
	}
	err = server.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.As(err, &exit):
		a.code = exitCannotSay // it said itself what was wrong
		return nil
	}
	return err
}
