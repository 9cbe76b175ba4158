// Package demo runs tests that fail on purpose and compares what they print
// with a file. It is for the tests of the harness.
package demo

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/example/netkata/harness/internal/stuck"
)

var update = flag.Bool("update", false, "write what the demos print into the files of what they should")

// binary is the test binary of the demo, dir the folder that it runs in.
var binary, dir string

// Main builds the tests of the package in that folder and runs ours. A TestMain
// calls it.
func Main(m *testing.M, folder string) {
	flag.Parse()
	temp, err := os.MkdirTemp("", "demo")
	if err != nil {
		log.Fatal(err)
	}
	binary, dir = filepath.Join(temp, "demo.test"), folder
	args := []string{"test", "-c", "-o", binary}
	if stuck.Race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "./"+folder)...).CombinedOutput(); err != nil {
		log.Fatalf("%v\n%s", err, out)
	}
	code := m.Run()
	os.RemoveAll(temp)
	os.Exit(code)
}

// Compare runs demos and compares what they print with a txtar file. The name
// of an entry is what is run: "TestLoop|TestAfter". An empty entry is a pass.
func Compare(t *testing.T, file string) {
	t.Helper()
	want, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("demos", func(t *testing.T) {
		for i, entry := range want.Files {
			t.Run(entry.Name, func(t *testing.T) {
				t.Parallel()
				got := output(t, entry.Name)
				if *update {
					want.Files[i].Data = []byte(got)
				} else if diff := cmp.Diff(string(entry.Data), got); diff != "" {
					t.Errorf("output (-want +got):\n%s", diff)
				}
			})
		}
	})
	if *update {
		if err := os.WriteFile(file, txtar.Format(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// changes is what differs from run to run.
var changes = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`(?m)^(?:--- |PASS|FAIL|exit status|\s*\.go:).*\n`), ""}, // go test's own
	{regexp.MustCompile(`(?m)^    (\w+_test\.go):\d+: `), "    $1: "},
	{regexp.MustCompile(`\b(rapid\.seed=)\d+`), "${1}N"},
	{regexp.MustCompile(`(not done after 1)\.5(s of .* far)\n( +)too much`), "${1}${2} too\n${3}much"}, // with the race detector
	{regexp.MustCompile(`(failed after )\d+`), "${1}N"},
	{regexp.MustCompile(`(hoards memory: )\d+`), "${1}N"},
	{regexp.MustCompile(`(Meanwhile ).*( of fake time)`), "${1}a span${2}"},
	{regexp.MustCompile(`(tcp4? 127\.0\.0\.1:)\d+`), "${1}N"},
	{regexp.MustCompile(`─+`), "─"}, // how wide a transcript is, is package memnet's business
	{regexp.MustCompile(`(\S) {3,}`), "$1   "},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
	{regexp.MustCompile(`(?m)^(goroutine )\d+( .*bubble )\d+`), "${1}N${2}N"},
	{regexp.MustCompile(`(?m)^created by .*\n|^\t/.*\n|^\t.*\.go:\d+.*\n`), ""},
	{regexp.MustCompile(`(?m)^    `), ""},
}

// output is what demos print, without what differs from run to run.
func output(t *testing.T, run string) string {
	t.Helper()
	cmd := exec.Command(binary, "-test.timeout=1m", "-rapid.shrinktime=30s", "-test.run", "^("+run+")$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), fmt.Sprint("GOMAXPROCS=", runtime.GOMAXPROCS(0))) // go test -cpu
	b, err := cmd.CombinedOutput()
	text := string(b)
	for _, c := range changes {
		text = c.from.ReplaceAllString(text, c.to)
	}
	if failed := err != nil; failed != (text != "") {
		t.Errorf("failed is %v, and it printed:\n%s", failed, text)
	}
	return text
}
