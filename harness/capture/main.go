// Capture makes the goldens below testdata/dns/captured: it starts BIND, Knot,
// NSD and Unbound on loopback with zones of our own, has dig ask them real
// questions through a relay that keeps every byte, and writes each query and
// each response as annotated hex.
//
//	go run ./harness/capture
//	go run ./harness/capture -annotate    (new comments for the old bytes: no server needed)
//	go run ./harness/capture -serve bind,knot,nsd,unbound    (capture nothing: servers to ask)
//
// The programs are Debian packages (bind9, bind9-dnsutils, knot, nsd, unbound);
// only this command needs them, no test does. It needs no privileges. Run by
// root, it starts the servers as the user nobody.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	list     bool           // list the catalogue, and that is all
	serve    []string       // start these servers, and that is all
	annotate bool           // ask nobody: rewrite the comments of what is there
	match    *regexp.Regexp // the captures that are wanted, by name
	all      bool           // nothing was said about which
	dir      string         // where the files are
}

// captured is where the goldens are, from the module's root.
const captured = "testdata/dns/captured"

// parse reads the command line. Its error is flag.ErrHelp after -h, when the
// help has been printed to out.
func parse(args []string, out io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("capture", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // our caller prints the error
	flags.BoolVar(&o.list, "list", false, "list the catalogue, and that is all")
	flags.BoolVar(&o.annotate, "annotate", false, "ask nobody: give the files that are there today's comments")
	serve := flags.String("serve", "", "capture nothing: start these `servers` (bind, knot, nsd, root, unbound), say where, and wait for Ctrl-C")
	pattern := flags.String("run", "", "capture only what has a name that matches this `regexp`, and leave README.md as it is")
	flags.StringVar(&o.dir, "out", captured, "write to this `folder`")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(out, "usage: go run ./harness/capture [flags]")
		flags.SetOutput(out)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w (-h lists the flags)", err)
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q: only flags are wanted (-h lists them)", flags.Arg(0))
	}
	if *serve != "" {
		o.serve = strings.Split(*serve, ",")
	}
	for _, id := range o.serve {
		if _, ok := servers[id]; !ok {
			return o, fmt.Errorf("-serve: %q is none of %s", id, strings.Join(slices.Sorted(maps.Keys(servers)), ", "))
		}
	}
	o.all = *pattern == ""
	if o.match, err = regexp.Compile(*pattern); err != nil {
		return o, fmt.Errorf("-run: %w", err)
	}
	return o, nil
}

// run is the whole program. It writes nothing unless every capture shows what
// the catalogue says.
func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if o.serve != nil {
		return serveAll(ctx, o.serve, out)
	}
	wanted := selected(o.match)
	if len(wanted) == 0 {
		return fmt.Errorf("-run: no capture has a name that matches %q (-list shows all)", o.match)
	}
	if o.list {
		return printList(out, wanted)
	}
	if o.dir == captured {
		if _, err := os.Stat("go.mod"); err != nil {
			return errors.New("run it from the repository's root, or say where to write with -out")
		}
	}
	var all []taken
	if o.annotate {
		all, err = readTaken(o.dir, wanted)
	} else {
		all, err = captureAll(ctx, wanted, out)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted: nothing was written")
	}
	if err != nil {
		return err
	}
	files := render(all)
	if o.all { // else it would tell of some only
		if files["README.md"], err = readme(all); err != nil {
			return err
		}
	}
	return writeFiles(o.dir, files, out)
}

func printList(out io.Writer, captures []capture) error {
	for _, c := range captures {
		if _, err := fmt.Fprintf(out, "%-22s %s\n", c.name, c.shows); err != nil {
			return err
		}
	}
	return nil
}

// running is the servers that captures need, while they run.
type running struct {
	fleet
	paths, versions map[string]string // of programs, by name
	dir             string
}

// startAll starts the servers that the captures need. Without an error, stop
// them.
func startAll(ctx context.Context, captures []capture) (r running, err error) {
	ids := needed(captures)
	if r.paths, err = findPrograms(ids, lookPath); err != nil {
		return r, err
	}
	if r.versions, err = readVersions(ctx, r.paths); err != nil {
		return r, err
	}
	if r.dir, err = os.MkdirTemp("", "capture-"); err != nil {
		return r, err
	}
	if r.fleet, err = startServers(ctx, r.dir, ids, r.paths); err != nil {
		r.stop()
	}
	return r, err
}

func (r running) stop() {
	r.fleet.stop()
	os.RemoveAll(r.dir)
}

// captureAll starts the servers that the captures need, takes each capture, and
// stops the servers whatever happens. It returns what was taken, in order.
func captureAll(ctx context.Context, captures []capture, out io.Writer) ([]taken, error) {
	fmt.Fprintln(out, "starting the servers")
	r, err := startAll(ctx, captures)
	if err != nil {
		return nil, err
	}
	defer r.stop()
	var all []taken
	var failed []error
	for _, c := range captures {
		got, err := take(ctx, c, r.fleet[c.server].addr, r.paths[dig.name])
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		for _, t := range got {
			t.server = r.versions[servers[c.server].program.name]
			if c.raw == "" {
				t.client = r.versions[dig.name]
			}
			all = append(all, t)
		}
	}
	if len(failed) > 0 {
		return nil, fmt.Errorf("%w\nnothing was written: if a server's new version answers otherwise, and rightly so, change the catalogue", errors.Join(failed...))
	}
	return all, nil
}

// serveAll starts servers, prints a line for each, "knot 127.0.0.1:40123 Knot DNS
// 3.2.6", and one that says that they are ready, and stops them when ctx is done.
func serveAll(ctx context.Context, ids []string, out io.Writer) error {
	var asked []capture
	for _, id := range ids {
		asked = append(asked, capture{server: id})
	}
	r, err := startAll(ctx, asked)
	if err != nil {
		return err
	}
	defer r.stop()
	for _, id := range ids {
		fmt.Fprintln(out, id, r.fleet[id].addr, r.versions[servers[id].program.name])
	}
	fmt.Fprintln(out, "ready")
	<-ctx.Done()
	return nil
}

// writeFiles writes those files of dir that are not yet as they should be, and
// says which.
func writeFiles(dir string, files map[string][]byte, out io.Writer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	written := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if old, err := os.ReadFile(path); err == nil && string(old) == string(files[name]) {
			continue
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		written++
		fmt.Fprintln(out, "wrote", path)
	}
	fmt.Fprintf(out, "%d files: %d written, %d as they were\n", len(files), written, len(files)-written)
	return nil
}

// patience is how long anything may take that takes milliseconds as a rule.
const patience = 20 * time.Second
