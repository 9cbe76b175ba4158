package course_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/example/netkata/harness/internal/course"
	"github.com/google/go-cmp/cmp"
)

const stub = "package a\n"

// repository writes a repository with one kata, t/a, and the sums of it.
func repository(t *testing.T) (course.Index, course.Kata, course.Sums) {
	t.Helper()
	root := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":                   "module example.com/m\n",
		"katas/index.txt":          "t/a  kata  a title\n",
		"katas/t/a/README.md":      "# t/a\n",
		"katas/t/a/a.go":           stub,
		"katas/t/a/a_test.go":      "package a_test\n",
		"katas/t/a/bridge.go":      "package a\n",
		"katas/t/a/testdata/x.hex": "00\n",
	} {
		write(t, filepath.Join(root, filepath.FromSlash(name)), []byte(content))
	}
	x, err := course.ReadIndex(root)
	if err != nil {
		t.Fatal(err)
	}
	sums, err := course.TakeSums(x)
	if err != nil {
		t.Fatal(err)
	}
	return x, x.Katas[0], sums
}

// What is written is read again.
func TestSumsRoundTrip(t *testing.T) {
	x, _, sums := repository(t)
	if err := sums.Write(x.Root); err != nil {
		t.Fatal(err)
	}
	got, err := course.ReadSums(x.Root)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sums, got); d != "" {
		t.Error(d)
	}
	// SHA-256 of the empty string, from FIPS 180 test vectors.
	if got, want := course.Sum(nil), "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; got != want {
		t.Errorf("Sum(nil) = %s, want %s", got, want)
	}
}

func TestSumsBroken(t *testing.T) {
	x, _, sums := repository(t)
	write(t, filepath.Join(x.Root, "katas", "stubs.sum"), append(sums.Bytes(), "t/b/b.go h1:short\n"...))
	_, err := course.ReadSums(x.Root)
	if err == nil || !strings.HasPrefix(err.Error(), "katas/stubs.sum:6: ") {
		t.Errorf("got %v, want an error in line 6", err)
	}
}

// Each change of a file is told by the sort of the file.
func TestFolder(t *testing.T) {
	own := []string{"katas/t/a/a.go"}
	for _, tc := range []struct {
		why, file string
		want      course.Folder
	}{
		{"untouched", "", course.Folder{Known: true, Own: own}},
		{"the stub is begun", "a.go", course.Folder{Known: true, Own: own, Edited: own}},
		{"a test is changed", "a_test.go", course.Folder{Known: true, Own: own, Tampered: []string{"katas/t/a/a_test.go"}}},
		{"the bridge is changed", "bridge.go", course.Folder{Known: true, Own: own, Tampered: []string{"katas/t/a/bridge.go"}}},
		{"a golden is changed", "testdata/x.hex", course.Folder{Known: true, Own: own, Tampered: []string{"katas/t/a/testdata/x.hex"}}},
		{"the README is changed", "README.md", course.Folder{Known: true, Own: own, Readme: true}},
		{"a file more", "mine.go", course.Folder{Known: true, Own: own, Extra: []string{"katas/t/a/mine.go"}}},
		{"an editor's hidden file", ".a.go.swp", course.Folder{Known: true, Own: own}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			x, k, sums := repository(t)
			tc.want.Sum = course.Sum([]byte(stub))
			if tc.file != "" {
				write(t, filepath.Join(x.Root, "katas/t/a", tc.file), []byte("changed"))
			}
			if tc.want.Edited != nil {
				tc.want.Sum = course.Sum([]byte("changed"))
			}
			got, err := x.Folder(k, sums)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// What Go embeds for the learner to write comes before the Go; what was there
// before is given.
func TestFolderEmbedded(t *testing.T) {
	x, k, _ := repository(t)
	for _, name := range []string{"a.proto", "before.proto"} {
		write(t, filepath.Join(x.Root, "katas/t/a", name), []byte(name))
	}
	sums, err := course.TakeSums(x)
	if err != nil {
		t.Fatal(err)
	}
	own := []string{"katas/t/a/a.proto", "katas/t/a/a.go"}
	for _, tc := range []struct {
		file             string
		edited, tampered []string
	}{
		{"a.proto", own[:1], nil},
		{"before.proto", own[:1], []string{"katas/t/a/before.proto"}},
	} {
		write(t, filepath.Join(x.Root, "katas/t/a", tc.file), []byte("changed"))
		f, err := x.Folder(k, sums)
		if err != nil {
			t.Fatal(err)
		}
		got := [][]string{f.Own, f.Edited, f.Tampered}
		if d := cmp.Diff([][]string{own, tc.edited, tc.tampered}, got); d != "" {
			t.Errorf("%s is changed: %s", tc.file, d)
		}
	}
}
