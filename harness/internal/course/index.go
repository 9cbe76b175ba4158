package course

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kinds of katas, by the time that they take.
var Kinds = []string{"drill", "kata", "challenge", "capstone"}

// Kata is one line of the index.
type Kata struct {
	ID    string // "dns/name": track and name
	Kind  string // one of Kinds
	Title string
	Track string   // "dns"
	Name  string   // "name"
	Dir   string   // "katas/dns/name", below the root, with slashes
	Needs []string // IDs of the katas that it is built on: those that it imports
}

// Hunt says whether the learner gets code that is written, and wrong, instead of
// a stub to fill. Such a kata is called hunt; its rule 1 is what works already.
func (k Kata) Hunt() bool { return k.Name == "hunt" }

// Index is the list of katas, in the order in which a learner meets them.
type Index struct {
	Root  string // the repository's folder
	Katas []Kata
}

// Kata returns the kata of that ID; ok says whether there is one.
func (x Index) Kata(id string) (k Kata, ok bool) {
	i := slices.IndexFunc(x.Katas, func(k Kata) bool { return k.ID == id })
	if i < 0 {
		return Kata{}, false
	}
	return x.Katas[i], true
}

// Tracks returns the tracks in the order in which they first appear.
func (x Index) Tracks() []string {
	var tracks []string
	for _, k := range x.Katas {
		if !slices.Contains(tracks, k.Track) {
			tracks = append(tracks, k.Track)
		}
	}
	return tracks
}

// Track returns the katas of that track, none when there is no such track.
func (x Index) Track(track string) []Kata {
	var katas []Kata
	for _, k := range x.Katas {
		if k.Track == track {
			katas = append(katas, k)
		}
	}
	return katas
}

var (
	indexLine = regexp.MustCompile(`^(\S+)\s+(\S+)\s+(\S.*)$`)
	idForm    = regexp.MustCompile(`^[a-z][a-z0-9]*/[a-z][a-z0-9]*$`)
)

// ReadIndex reads katas/index.txt below root, and from the katas' and the
// solutions' imports what each one needs. A broken line is an error that
// begins with its place: "katas/index.txt:7: ".
func ReadIndex(root string) (Index, error) {
	src, err := os.ReadFile(filepath.Join(root, indexFile))
	if err != nil {
		return Index{}, err
	}
	x := Index{Root: root}
	for i, line := range strings.Split(string(src), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := x.parse(line)
		if err != nil {
			return Index{}, fmt.Errorf("%s:%d: %w", indexFile, i+1, err)
		}
		x.Katas = append(x.Katas, k)
	}
	if len(x.Katas) == 0 {
		return Index{}, fmt.Errorf("%s: no kata in it", indexFile)
	}
	for i := range x.Katas {
		x.Katas[i].Needs = x.needs(x.Katas[i])
	}
	return x, nil
}

func (x Index) parse(line string) (Kata, error) {
	m := indexLine.FindStringSubmatch(line)
	if m == nil {
		return Kata{}, fmt.Errorf("want three columns: id, kind, title; got %q", line)
	}
	k := Kata{ID: m[1], Kind: m[2], Title: m[3], Dir: "katas/" + m[1]}
	if !idForm.MatchString(k.ID) {
		return Kata{}, fmt.Errorf("id %q: want track/name, each of lower-case letters and digits", k.ID)
	}
	if !slices.Contains(Kinds, k.Kind) {
		return Kata{}, fmt.Errorf("kind %q: want one of %s", k.Kind, strings.Join(Kinds, ", "))
	}
	if _, twice := x.Kata(k.ID); twice {
		return Kata{}, fmt.Errorf("%s is listed twice", k.ID)
	}
	k.Track, k.Name, _ = strings.Cut(k.ID, "/")
	return k, nil
}

// needs returns the IDs, in the order of the index, of the katas that k's
// folder or its solution imports. Files that do not parse are passed over:
// the compiler says more about them.
func (x Index) needs(k Kata) []string {
	found := map[string]bool{}
	for _, tree := range []string{"katas", "solutions"} {
		names, _ := filepath.Glob(filepath.Join(x.Root, tree, filepath.FromSlash(k.ID), "*.go"))
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
			if err != nil {
				continue
			}
			for _, spec := range f.Imports {
				if imp, err := strconv.Unquote(spec.Path.Value); err == nil {
					if _, id, ok := strings.Cut(imp, "/"+tree+"/"); ok {
						found[id] = true
					}
				}
			}
		}
	}
	var ids []string
	for _, other := range x.Katas {
		if found[other.ID] && other.ID != k.ID {
			ids = append(ids, other.ID)
		}
	}
	return ids
}

// AllNeeds returns what k needs and what these need in their turn, in the order
// of the index.
func (x Index) AllNeeds(k Kata) []string {
	found := map[string]bool{}
	var add func(Kata)
	add = func(k Kata) {
		for _, id := range k.Needs {
			if need, ok := x.Kata(id); ok && !found[id] {
				found[id] = true
				add(need)
			}
		}
	}
	add(k)
	var ids []string
	for _, other := range x.Katas {
		if found[other.ID] {
			ids = append(ids, other.ID)
		}
	}
	return ids
}

// IsSource says whether a file, by its name, is of a kind that the learner's
// code and the solutions are made of: Go, and the protocols that it embeds.
func IsSource(name string) bool {
	ext := path.Ext(name)
	return ext == ".go" || ext == ".proto"
}

// File returns the path, below the root and with slashes, of the file that
// the learner edits.
func (k Kata) File() string { return path.Join(k.Dir, k.Name+".go") }
