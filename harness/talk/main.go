// Talk holds the conversations of the lessons again: in the READMEs that it is
// given, or in all of the tracks, it runs the commands of every block that
// begins with
//
//	<!-- talk: tcp/echo -->
//	```
//	$ printf 'hello\nQUIT\n' | nc 127.0.0.1 7007
//
// against the reference of that kata, started for it on a free port, and
// compares what they print with what stands there. -update writes it down.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

func main() {
	log.SetFlags(0)
	update := flag.Bool("update", false, "write down what the commands print")
	flag.Parse()
	files := flag.Args()
	if len(files) == 0 {
		files, _ = filepath.Glob("katas/*/README.md")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, files, *update); err != nil {
		log.Fatal("talk: ", err)
	}
}

// run talks through all files. The error is for what cannot be talked through,
// or for conversations that went otherwise.
func run(ctx context.Context, out io.Writer, files []string, update bool) error {
	differ := 0
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		blocks, err := parse(string(src))
		if err != nil {
			return fmt.Errorf("%s:%w", name, err)
		}
		var text strings.Builder
		at := 0
		for _, b := range blocks {
			got, err := b.talk(ctx)
			if err != nil {
				return fmt.Errorf("%s:%d: %w", name, b.line, err)
			}
			fmt.Fprintf(out, "%s:%d: with %s\n%s\n", name, b.line, b.id, got)
			if want := string(src[b.from:b.to]); got != want && !update {
				differ++
				fmt.Fprintf(out, "This is not what stands there (-want +got):\n%s\n", cmp.Diff(want, got))
			}
			text.Write(src[at:b.from])
			text.WriteString(got)
			at = b.to
		}
		text.Write(src[at:])
		if update && text.String() != string(src) {
			if err := os.WriteFile(name, []byte(text.String()), 0o666); err != nil {
				return err
			}
		}
	}
	if differ > 0 {
		return fmt.Errorf("conversations that went otherwise: %d", differ)
	}
	return nil
}

// block is a conversation in a file.
type block struct {
	id       string // of the kata whose reference is talked to
	line     int    // where its commands begin
	from, to int    // of its text in the file, fences aside
	commands []string
}

const mark = "<!-- talk: "

// parse returns the conversations of a file. An error begins with the line.
func parse(src string) ([]block, error) {
	var blocks []block
	var b *block
	fenced := false
	at := 0
	for i, line := range strings.SplitAfter(src, "\n") {
		begin := at
		at += len(line)
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.HasPrefix(line, mark):
			id := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(line, mark), "-->"))
			blocks = append(blocks, block{id: id, line: i + 2})
			b, fenced = &blocks[len(blocks)-1], false
		case b == nil:
		case strings.HasPrefix(line, "```") && !fenced:
			fenced, b.from = true, at
		case strings.HasPrefix(line, "```"):
			b.to, b = begin, nil
		case !fenced:
			return nil, fmt.Errorf("%d: want ``` below the line before", i+1)
		case strings.HasPrefix(line, "$ "):
			b.commands = append(b.commands, line[2:])
		}
	}
	if b != nil {
		return nil, fmt.Errorf("%d: a block without an end", b.line)
	}
	return blocks, nil
}

// patience is how long a command may take. None needs it.
const patience = 30 * time.Second

// talk runs the commands and returns them with what they print, as a block.
func (b block) talk(ctx context.Context) (string, error) {
	s, err := start(ctx, b.id)
	if err != nil {
		return "", err
	}
	defer s.stop()
	var out strings.Builder
	for _, c := range b.commands {
		fmt.Fprintf(&out, "$ %s\n", c)
		ctx, cancel := context.WithTimeout(ctx, patience)
		said, err := exec.CommandContext(ctx, "sh", "-c", s.real(c)).CombinedOutput()
		late := ctx.Err() != nil
		cancel()
		switch {
		case late:
			return "", fmt.Errorf("%q has no end after %v", c, patience)
		case bytes.Contains(said, []byte("not found")):
			return "", fmt.Errorf("%q: %s(what to install: README.md, What you may want beside Go)", c, said)
		case err != nil:
			return "", fmt.Errorf("%q: %w\n%s", c, err, said)
		}
		out.WriteString(s.written(string(said)))
		if len(said) > 0 && !bytes.HasSuffix(said, []byte("\n")) {
			out.WriteByte('\n')
		}
	}
	return out.String(), nil
}
