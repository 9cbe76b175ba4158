package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/example/netkata/harness/internal/course"
	"github.com/example/netkata/harness/wire"
	"github.com/spf13/cobra"
	"golang.org/x/net/http2"
)

func (a *app) explainCommand() *cobra.Command {
	name, as := -1, ""
	cmd := &cobra.Command{
		Use:   "explain FILE | HEX... | -",
		Short: "Explain the bytes of a DNS or gRPC message, field by field",
		Long: `Explains a message of DNS, of gRPC (behind its prefix of five bytes), of
protobuf alone, or one side of an HTTP/2 connection from its first byte: each
field at its offset, and where it stops making sense. What it is, it guesses;
--as says so. The message is a file (binary, or annotated hex as in testdata),
hex on the command line (spaces, colons and 0x do not matter), or standard
input: -`,
		Example: "  " + self + " explain 2a17 0100 0001 0000 0000 0000 00 0001 0001",
		Args:    takes(1, -1, "a file, hex digits, or -"),
		RunE: func(_ *cobra.Command, args []string) error {
			msg, err := a.message(args)
			if err != nil {
				return err
			}
			d, err := dissect(msg, as)
			if err != nil {
				return err
			}
			if name >= 0 {
				d = wire.DNSName(msg, name)
			}
			a.say("%s", strings.TrimRight(d.Dump(), "\n"))
			return nil
		},
	}
	cmd.Flags().IntVar(&name, "name", -1, "explain the name at `OFFSET`, not a message")
	cmd.Flags().StringVar(&as, "as", "", "what it is: "+strings.Join(slices.Sorted(maps.Keys(dissectors)), ", "))
	return cmd
}

var dissectors = map[string]func([]byte) wire.Dissection{
	"dns": wire.DNS, "grpc": wire.GRPC, "http2": wire.HTTP2, "protobuf": wire.Protobuf,
}

// dissect takes msg for what as says. Without a word it is DNS, unless that makes
// no sense of it and something else does.
func dissect(msg []byte, as string) (wire.Dissection, error) {
	if as != "" {
		of, ok := dissectors[as]
		if !ok {
			return wire.Dissection{}, fmt.Errorf("--as %s: want one of %s", as, strings.Join(slices.Sorted(maps.Keys(dissectors)), ", "))
		}
		return of(msg), nil
	}
	first := wire.DNS(msg)
	if len(msg) == 0 || len(first.Faults) == 0 && first.Fields[len(first.Fields)-1].Section != "trailing octets" {
		return first, nil
	}
	if bytes.HasPrefix(msg, []byte(http2.ClientPreface)) {
		return wire.HTTP2(msg), nil // also where it is cut
	}
	for _, as := range []string{"http2", "grpc", "protobuf"} { // who is stricter, first
		if d := dissectors[as](msg); len(d.Faults) == 0 {
			return d, nil
		}
	}
	return first, nil
}

// maxMessage is what a DNS message over TCP can be long; annotated hex takes
// some ten times as much.
const maxMessage = 1 << 20

// message reads what the arguments mean.
func (a *app) message(args []string) ([]byte, error) {
	if len(args) > 1 {
		return parseHex(strings.Join(args, " "))
	}
	if args[0] == "-" {
		return readMessage("standard input", a.in)
	}
	f, err := openFile(args[0])
	if err == nil {
		defer f.Close()
		return readMessage(args[0], f)
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) && len(args[0]) < 255 {
		return nil, err
	}
	msg, err := parseHex(args[0])
	if err != nil {
		return nil, fmt.Errorf("no such file, and %w", err)
	}
	return msg, nil
}

// openFile opens a file by its path from here, or from the repository's root,
// as READMEs name it.
func openFile(name string) (*os.File, error) {
	f, err := os.Open(name)
	if err == nil || name == "" || filepath.IsAbs(name) {
		return f, err
	}
	root, rootErr := course.FindRoot(".")
	if rootErr != nil {
		return nil, err
	}
	if f, err := os.Open(filepath.Join(root, name)); err == nil {
		return f, nil
	}
	return nil, err
}

func readMessage(name string, r io.Reader) ([]byte, error) {
	src, err := io.ReadAll(io.LimitReader(r, maxMessage+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxMessage {
		return nil, fmt.Errorf("%s: longer than what can be explained", name)
	}
	if !isText(src) {
		return src, nil
	}
	// One line of digits is a dump, whatever stands between them.
	if line := strings.TrimSpace(string(src)); !strings.ContainsAny(line, "#\n") {
		msg, err := parseHex(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return msg, nil
	}
	d, err := wire.ParseHex(name, src)
	return d.Msg, err
}

// isText says whether src is what people type, and so hex: a message has octets
// that are not, the counts of DNS above all.
func isText(src []byte) bool {
	for _, c := range src {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return utf8.Valid(src)
}

// parseHex reads hex digits, two a byte. Spaces, colons, commas, \x and 0x may
// stand between bytes.
func parseHex(text string) ([]byte, error) {
	var msg []byte
	high := -1 // the first digit of a byte, when it waits for the second
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		v := digit(c)
		prefixed := i+1 < len(runes) && (c == '0' || c == '\\') && (runes[i+1] == 'x' || runes[i+1] == 'X')
		switch {
		case high < 0 && prefixed:
			i++
		case v >= 0 && high < 0:
			high = v
		case v >= 0:
			msg = append(msg, byte(high<<4|v))
			high = -1
		case strings.ContainsRune(" \t\r\n:,", c) && high < 0:
		default:
			return nil, fmt.Errorf("not hex: character %d is %q", i+1, c)
		}
	}
	if high >= 0 {
		return nil, fmt.Errorf("not hex: character %d is the first digit of a byte without a second", len(runes))
	}
	return msg, nil
}

func digit(c rune) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
