package main

import (
	"bytes"
	_ "embed"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/example/netkata/harness/wire"
)

// queryFile and responseFile are the names of a capture's files.
func queryFile(name string) string    { return name + ".query.hex" }
func responseFile(name string) string { return name + ".response.hex" }

// render returns the files of what was taken, by name.
func render(all []taken) map[string][]byte {
	files := make(map[string][]byte)
	for _, t := range all {
		files[queryFile(t.name)] = wire.DNS(t.query).Hex(t.head("query")...)
		files[responseFile(t.name)] = wire.DNS(t.response).Hex(t.head("response")...)
	}
	return files
}

// What the lines of a head begin with.
const (
	headServer = "server: "
	headClient = "client: "
	headOver   = "over: "
)

// head returns the comment lines at the head of one of the files.
func (t taken) head(half string) []string {
	lines := wrap(t.name+", "+half+": "+t.shows, 76)
	lines = append(lines, "", headServer+t.server, headClient+t.client, headOver+strings.ToUpper(t.network))
	// A shell reads a backslash at the end of a line as "it goes on".
	lines = append(lines, strings.Split(strings.Join(wrap("asked: "+t.asked, 72), " \\\n  "), "\n")...)
	if t.varies != "" {
		lines = append(lines, "differs in each run: "+t.varies)
	}
	return lines
}

// readTaken reads the files of the captures back.
func readTaken(dir string, captures []capture) ([]taken, error) {
	var all []taken
	for _, c := range captures {
		for _, t := range expected(c) {
			query, err := readHex(filepath.Join(dir, queryFile(t.name)))
			if err != nil {
				return nil, err
			}
			response, err := readHex(filepath.Join(dir, responseFile(t.name)))
			if err != nil {
				return nil, err
			}
			t.query, t.response = query.Msg, response.Msg
			t.server = headLine(response, headServer)
			t.client = headLine(response, headClient)
			t.network = strings.ToLower(headLine(response, headOver))
			all = append(all, t)
		}
	}
	return all, nil
}

func readHex(file string) (wire.Dissection, error) {
	src, err := os.ReadFile(file)
	if err != nil {
		return wire.Dissection{}, err
	}
	return wire.ParseHex(file, src)
}

// headLine returns what follows the prefix in the head, or "".
func headLine(d wire.Dissection, prefix string) string {
	for _, line := range d.Head {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return rest
		}
	}
	return ""
}

// wrap breaks text into lines of at most width columns, if its words allow it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

//go:embed testdata/README.tmpl
var readmeText string

// chapter is a group as README.md shows it.
type chapter struct {
	Title string
	Items []string
}

// readme returns the README.md of all captures: what they are, from which
// versions of the programs, and what each shows.
func readme(all []taken) ([]byte, error) {
	t, err := template.New("README.md").Parse(readmeText)
	if err != nil {
		return nil, err
	}
	versions := make(map[string]bool)
	for _, t := range all {
		versions[t.server] = true
		if t.client != ownClient {
			versions[t.client] = true
		}
	}
	var chapters []chapter
	var varying []string
	for _, g := range catalogue {
		ch := chapter{Title: g.title}
		for _, c := range g.captures {
			for _, t := range expected(c) {
				ch.Items = append(ch.Items, strings.Join(wrap("- `"+t.name+"`: "+t.shows, 76), "\n  "))
				if t.varies != "" {
					varying = append(varying, t.name)
				}
			}
		}
		chapters = append(chapters, ch)
	}
	var pkgs []string
	for _, p := range programs {
		pkgs = append(pkgs, p.pkg)
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"Versions": slices.Sorted(maps.Keys(versions)),
		"Packages": strings.Join(pkgs, " "),
		"Varying":  strings.Join(varying, ", "),
		"Chapters": chapters,
	})
	return b.Bytes(), err
}
