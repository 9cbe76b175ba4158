package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// edit is what makes the house of testdata/house.txtar a bad one.
type edit struct {
	file     string
	old, new string // old "": the whole file; new gone: no such file
}

const gone = "\x00"

const (
	halfStub     = "katas/toy/half/half.go"
	halfBridge   = "katas/toy/half/bridge.go"
	halfTest     = "katas/toy/half/half_test.go"
	halfReadme   = "katas/toy/half/README.md"
	halfSolution = "solutions/toy/half/half.go"
	halfRight    = "testdata/right/toy/half/library/half.go"
	halfWrong    = "testdata/wrong/toy/half.txt"
	index        = "katas/index.txt"
)

// Each bad example, and how the one finding that it must lead to begins.
var bad = []struct {
	rule, why string
	edit      edit
	want      string
}{
	{"layout", "no README", edit{halfReadme, "", gone}, halfReadme + ": is missing"},
	{"layout", "no main file", edit{halfStub, "", gone}, halfStub + ": is missing"},
	{"layout", "no bridge", edit{halfBridge, "", gone}, halfBridge + ": is missing"},
	{"layout", "no test", edit{halfTest, "", gone}, halfTest + ": is missing"},
	{"layout", "no solution", edit{halfSolution, "", gone}, halfSolution + ": is missing"},
	{"layout", "no wrong solutions", edit{halfWrong, "", gone}, halfWrong + ": is missing"},
	{"layout", "no right solution", edit{halfRight, "", gone}, "testdata/right/toy/half: is missing"},
	{"layout", "a kata that the index lacks", edit{"katas/toy/third/third.go", "", "package third\n"},
		"katas/toy/third: katas/index.txt has no line for toy/third"},
	{"layout", "a solution that the index lacks", edit{"solutions/toy/third/third.go", "", "package third\n"},
		"solutions/toy/third: katas/index.txt has no line for toy/third"},
	{"layout", "wrong solutions that the index lacks", edit{"testdata/wrong/toy/third.txt", "", ""},
		"testdata/wrong/toy: katas/index.txt has no line for toy/third"},
	{"layout", "a package named otherwise", edit{halfStub, "package half\n", "package halve\n"},
		halfStub + ":4: package halve, want half"},
	{"layout", "a test inside the package", edit{halfTest, "package half_test", "package half"},
		halfTest + ":1: package half, want half_test"},
	{"layout", "a test beside the solution", edit{"solutions/toy/half/half_test.go", "", "//go:build solution\n\npackage half\n"},
		"solutions/toy/half/half_test.go:1: a test does not belong here"},
	{"layout", "a solution without a tag", edit{halfSolution, "//go:build solution\n", ""},
		halfSolution + ":1: want the build tag solution"},
	{"layout", "a right solution with another tag", edit{halfRight, "//go:build solution\n", "//go:build !solution\n"},
		halfRight + ":1: want the build tag solution"},

	{"imports", "a stub that uses the harness", edit{halfStub, "harness/todo", "harness/rule"},
		halfStub + ":9: imports github.com/example/netkata/harness/rule: a stub may import only std"},
	{"imports", "a stub that uses a library", edit{halfStub, "github.com/example/netkata/harness/todo", "github.com/miekg/dns"},
		halfStub + ":9: imports github.com/miekg/dns: a stub may"},
	{"imports", "a stub that uses its solution", edit{halfStub, "harness/todo", "solutions/toy/half"},
		halfStub + ":9: imports github.com/example/netkata/solutions/toy/half: a stub may"},
	{"imports", "a stub that uses a later kata", edit{halfStub, "harness/todo", "katas/toy/round"},
		halfStub + ":9: imports github.com/example/netkata/katas/toy/round: a stub may"},
	{"imports", "a stub that uses itself", edit{halfStub, "harness/todo", "katas/toy/half"},
		halfStub + ":9: imports github.com/example/netkata/katas/toy/half: a stub may"},
	{"imports", "a stub that uses another track", edit{"katas/toy/round/round.go", "katas/toy/half", "katas/game/half"},
		"katas/toy/round/round.go:7: imports github.com/example/netkata/katas/game/half: a stub may"},
	{"imports", "a bridge that uses a library", edit{halfBridge, "\n\nconst", "\nimport _ \"github.com/miekg/dns\"\n\nconst"},
		halfBridge + ":6: imports github.com/miekg/dns: a bridge may import only std, its own solution"},
	{"imports", "a bridge to another solution", edit{"katas/toy/round/bridge.go", "toy/round", "toy/half"},
		"katas/toy/round/bridge.go:5: imports github.com/example/netkata/solutions/toy/half: a bridge may"},
	{"imports", "a test that uses another kata", edit{halfTest, "katas/toy/half", "katas/toy/round"},
		halfTest + ":8: imports github.com/example/netkata/katas/toy/round: a kata's test may"},
	{"imports", "a test that uses a solution", edit{halfTest, "katas/toy/half", "solutions/toy/half"},
		halfTest + ":8: imports github.com/example/netkata/solutions/toy/half: a kata's test may"},
	{"imports", "a test that uses the tool", edit{halfTest, "harness/rule", "harness/internal/course"},
		halfTest + ":7: imports github.com/example/netkata/harness/internal/course: a kata's test may"},
	{"imports", "a test that uses any library", edit{halfTest, "github.com/miekg/dns", "github.com/stretchr/testify"},
		halfTest + ":9: imports github.com/stretchr/testify: a kata's test may"},
	{"imports", "a test that uses a package below its oracle", edit{halfTest, "miekg/dns", "miekg/dns/dnsutil"},
		halfTest + ":9: imports github.com/miekg/dns/dnsutil: a kata's test may"},
	{"imports", "a solution that uses its kata", edit{halfSolution, `"strconv"`, `"github.com/example/netkata/katas/toy/half"`},
		halfSolution + ":9: imports github.com/example/netkata/katas/toy/half: a solution may"},
	{"imports", "a solution that uses a library", edit{halfSolution, `"strconv"`, `"github.com/miekg/dns"`},
		halfSolution + ":9: imports github.com/miekg/dns: a solution may"},
	{"imports", "a solution that returns todo.Err", edit{halfSolution, `"strconv"`, `"github.com/example/netkata/harness/todo"`},
		halfSolution + ":9: imports github.com/example/netkata/harness/todo: a solution may"},
	{"imports", "a right solution that uses the reference", edit{halfRight, "github.com/miekg/dns", "github.com/example/netkata/solutions/toy/half"},
		halfRight + ":5: imports github.com/example/netkata/solutions/toy/half: a right solution may"},
	{"imports", "a helper that uses a kata", edit{"harness/dump/dump.go", "harness/todo", "katas/toy/half"},
		"harness/dump/dump.go:4: imports github.com/example/netkata/katas/toy/half: a harness helper may"},
	{"imports", "a helper that uses a solution", edit{"harness/dump/dump.go", "harness/todo", "solutions/toy/half"},
		"harness/dump/dump.go:4: imports github.com/example/netkata/solutions/toy/half: a harness helper may"},
	{"imports", "a server program of another kata", edit{"harness/serve/toy/half/main.go", "katas/toy/half", "katas/toy/round"},
		"harness/serve/toy/half/main.go:4: imports github.com/example/netkata/katas/toy/round: a server program may import only std"},
	{"imports", "a server program that uses a solution", edit{"harness/serve/toy/half/main.go", "katas/toy/half", "solutions/toy/half"},
		"harness/serve/toy/half/main.go:4: imports github.com/example/netkata/solutions/toy/half: a server program may"},
	{"imports", "a package outside of the house", edit{"internal/util/util.go", "", "package util\n"},
		"internal/util/util.go: no Go belongs here"},

	{"stub", "no build tag", edit{halfStub, "//go:build !solution\n", ""},
		halfStub + `:1: a stub has the build tag "", want "!solution"`},
	{"stub", "the solution's build tag", edit{halfStub, "//go:build !solution\n", "//go:build solution\n"},
		halfStub + `:1: a stub has the build tag "solution", want "!solution"`},
	{"stub", "a bridge with the stub's build tag", edit{halfBridge, "//go:build solution\n", "//go:build !solution\n"},
		halfBridge + `:1: a bridge has the build tag "!solution", want "solution"`},
	{"stub", "a test that runs in one mode only", edit{halfTest, "package half_test\n", "//go:build solution\n\npackage half_test\n"},
		halfTest + `:1: a kata's test has the build tag "solution", want ""`},
	{"stub", "a body without its mark", edit{halfStub, "\t// TODO\n\treturn 0,", "\treturn 0,"},
		halfStub + ":25: Half: a body of a stub is // TODO and a return"},
	{"stub", "a body that is written", edit{halfStub, "\t// TODO\n\treturn 0, todo.Err", "\treturn n / 2, nil"},
		halfStub + ":25: Half: a body of a stub is // TODO and a return"},
	{"stub", "a body that is written, below the mark", edit{halfStub, "return 0, todo.Err", "return n / 2, nil"},
		halfStub + ":25: Half: marked TODO, so want nothing but a return, whose error is todo.Err"},
	{"stub", "a body half written", edit{halfStub, "return 0, todo.Err", "n /= 2\n\treturn n, todo.Err"},
		halfStub + ":25: Half: marked TODO"},
	{"stub", "a body that panics", edit{halfStub, "return 0, todo.Err", "panic(todo.Err)"},
		halfStub + ":25: Half: marked TODO"},
	{"stub", "a method that is written", edit{halfStub, "return n.N }", "return n.N + 0 }"},
		halfStub + ":42: Number.Value: a body of a stub is // TODO and a return"},
	{"stub", "a method half written", edit{halfStub, "\t// TODO\n}", "\t// TODO\n\tn.N = 0\n}"},
		halfStub + ":37: Number.Reset: marked TODO"},
	{"stub", "a text that is filled in", edit{halfStub, "", "//go:build !solution\n\npackage half\n\nvar Query = `2a 17`\n"},
		halfStub + ": nothing is marked TODO"},
	{"stub", "a helper left over", edit{halfStub, "// Reset makes", "func isOdd(n int) bool {\n\t// TODO\n\treturn false\n}\n\n// Reset makes"},
		halfStub + ":36: isOdd is left over"},
	{"stub", "a constant left over", edit{halfStub, "const Two = 2", "const Two = 2\n\nconst odd = 1"},
		halfStub + ":15: odd is left over"},
	{"stub", "a second file, of the learner's", edit{"katas/toy/half/more.go", "", "//go:build !solution\n\npackage half\n\n// TODO\ntype stack []int\n"},
		"katas/toy/half/more.go:6: stack is left over"},

	{"bridge", "a function of another name", edit{halfBridge, "solution.Half(n)", "solution.Halve(n)"},
		halfBridge + ":13: more than a bridge does"},
	{"bridge", "a function that repairs", edit{halfBridge, "solution.Half(n)", "solution.Half(n + 0)"},
		halfBridge + ":13: more than a bridge does"},
	{"bridge", "a function of two lines", edit{halfBridge, "{ return solution.Half(n) }", "{\n\tn++\n\treturn solution.Half(n)\n}"},
		halfBridge + ":13: more than a bridge does"},
	{"bridge", "arguments crossed", edit{halfBridge, "Half(n int) (int, error) { return solution.Half(n) }", "Half(a, b int) int { return solution.Half(b, a) }"},
		halfBridge + ":13: more than a bridge does"},
	{"bridge", "an error that is another", edit{halfBridge, "solution.ErrOdd", "solution.ErrEven"},
		halfBridge + ":9: more than a bridge does"},
	{"bridge", "an error of its own", edit{halfBridge, "solution.ErrOdd", `errors.New("half: odd")`},
		halfBridge + ":9: more than a bridge does"},
	{"bridge", "a type that is no alias", edit{halfBridge, "Number = ", "Number "},
		halfBridge + ":11: more than a bridge does"},
	{"bridge", "a constant written out", edit{halfBridge, "solution.Two", "2"},
		halfBridge + ":7: more than a bridge does"},
	{"bridge", "an import for its effects", edit{halfBridge, "\n\nconst", "\nimport _ \"net/http/pprof\"\n\nconst"},
		halfBridge + ":6: more than a bridge does"},
	{"bridge", "a method", edit{halfBridge, "func Half", "func (n Number) Half"},
		halfBridge + ":13: more than a bridge does"},

	// More of these, without packages to load, stand in api_test.go.
	{"api", "a constant that the bridge forgets", edit{halfBridge, "const Two = solution.Two\n", ""},
		halfBridge + ": Two is missing; the stub has const untyped int = 2"},
	{"api", "a field that the solution lacks", edit{halfSolution, "\tEven   bool // whether it has a half\n", ""},
		halfBridge + ": Number.Even is missing; the stub has field 2, bool"},
	{"api", "a stub that does not compile", edit{halfStub, "type Number struct {", "type Number struct { Number"},
		"katas/toy/half: does not compile: "},

	{"docs", "a function explained otherwise", edit{halfStub, "half of n. The", "the half of n. The"},
		halfStub + ":25: Half: the solution says it otherwise:\n  here:     Half returns the half of n. The error is ErrOdd.\n  solution: Half returns half of n."},
	{"docs", "parameters named otherwise", edit{halfStub, "Half(n int)", "Half(number int)"},
		halfStub + ":25: Half: the solution says it otherwise:\n  here:     parameters: number\n"},
	{"docs", "results named otherwise", edit{halfStub, "(half int, err error)", "(h int, err error)"},
		halfStub + ":25: Half: the solution says it otherwise:\n  here:     results: h, err\n"},
	{"docs", "a field explained otherwise", edit{halfStub, "// the number\n", "// a number\n"},
		halfStub + ":20: Number.N: the solution says"},
	{"docs", "a type without a doc", edit{halfStub, "// Number is a number. The zero value is even.\n", ""},
		halfStub + ":18: Number: the solution says"},
	{"docs", "an error explained otherwise", edit{halfSolution, "// ErrOdd means", "// ErrOdd says"},
		halfStub + ":16: ErrOdd: the solution says"},
	{"docs", "a constant explained otherwise", edit{halfSolution, "// Two is what", "// Two is the number that"},
		halfStub + ":13: Two: the solution says"},
	{"docs", "a method explained otherwise", edit{halfSolution, "in digits", "in words"},
		halfStub + ":31: Number.String: the solution says"},
	{"docs", "the package explained otherwise", edit{halfSolution, "// Package half divides", "// Package half halves"},
		halfStub + ":4: package: the solution says"},

	{"readme", "another title", edit{halfReadme, "# toy/half: divide by two", "# toy/half: halving"},
		halfReadme + `:1: the title is "toy/half: halving", the index says "toy/half: divide by two"`},
	{"readme", "no goal", edit{halfReadme, "Divide numbers by two.\n", ""}, halfReadme + ":1: no goal"},
	{"readme", "a heading missing", edit{halfReadme, "## Task\n", ""},
		halfReadme + ": headings are Why, Wire, Rules, Run, Hints, Read, Go further; want Why, Task, Wire, Rules, Run, Hints, Read, Go further"},
	{"readme", "a heading of its own", edit{halfReadme, "## Why", "## Motivation"}, halfReadme + ": headings are Motivation, Task"},
	{"readme", "headings in another order", edit{halfReadme, "## Why\n\nBecause of odd numbers.\n\n## Task\n\nWrite `Half`.", "## Task\n\nWrite `Half`.\n\n## Why\n\nSo."},
		halfReadme + ": headings are Task, Why"},
	{"readme", "a heading twice", edit{halfReadme, "Thirds.", "Thirds.\n\n## Read\n\nMore"}, halfReadme + ": headings are Why"},
	{"readme", "nothing below a heading", edit{halfReadme, "Thirds.", ""}, halfReadme + ":56: nothing below Go further"},
	{"readme", "a gap in the numbers", edit{halfReadme, "2. **Odd", "3. **Odd"}, halfReadme + ":22: rule 3: want number 2"},
	{"readme", "a rule without a title", edit{halfReadme, "**Odd numbers are `ErrOdd`.**", "Odd numbers are `ErrOdd`."},
		halfReadme + ":22: rule 2: no title"},
	{"readme", "a rule without a source", edit{halfReadme, "   nor has 5. (Euclid, VII, 7)", "   nor has 5."},
		halfReadme + ":22: rule 2: no source"},
	{"readme", "a source in the middle", edit{halfReadme, "Always. (Euclid, VII, 1)", "(Euclid, VII, 1) Always."},
		halfReadme + ":21: rule 1: no source"},
	{"readme", "two hints", edit{halfReadme, "<details><summary>3. Odd</summary>\n\n`%`.\n\n</details>\n\n", ""},
		halfReadme + ":32: 2 hints, want at least 3"},
	{"readme", "a hint in the open", edit{halfReadme, "## Read\n", "Use `%`.\n\n## Read\n"},
		halfReadme + ":32: not folded into <details>: \"Use `%`.\""},
	{"readme", "hints misnumbered", edit{halfReadme, "3. Odd", "4. Odd"}, halfReadme + `:32: hint "4. Odd": want a summary that begins with "3. "`},
	{"readme", "an empty hint", edit{halfReadme, "`%`.", ""}, halfReadme + `:32: hint "3. Odd": want`},
	{"readme", "a command missing", edit{halfReadme, "go test ./katas/toy/half\n", ""},
		halfReadme + ":25: the command is missing, on a line of its own: go test ./katas/toy/half"},
	{"readme", "a command of another kata besides", edit{halfReadme, "go test ./katas/toy/half\n", "go test ./katas/toy/half\ngo tool kata hint toy/round\n"},
		halfReadme + ":25: a command of another kata: go tool kata hint toy/round"},
	{"readme", "too long", edit{halfReadme, "Thirds.", strings.Repeat("Thirds.\n", 100)}, halfReadme + ": 157 lines, want about 80"},
	{"readme", "a drawing too wide", edit{halfReadme, "half | of |", strings.Repeat("half | of |", 9)}, halfReadme + ":16: 109 columns"},

	{"rules", "a rule without a test", edit{halfTest, "rule.New(t, 1)", "rule.New(t, 2)"}, halfReadme + ":21: no test calls rule.New(t, 1)"},
	{"rules", "a fuzz target without a rule", edit{halfTest, "func Benchmark", "func FuzzMore(f *testing.F) {}\n\nfunc Benchmark"},
		halfTest + ":27: FuzzMore names no rule"},
	{"rules", "one of the tests without a rule", edit{halfTest, "func Benchmark", "func TestMore(t *testing.T) {}\n\nfunc Benchmark"},
		halfTest + ":27: TestMore names no rule"},
	{"rules", "a number that the README lacks", edit{halfTest, "rule.New(f, 2)", "rule.New(f, 2)\n\trule.New(f, 3)"},
		halfTest + ":24: the README has no rule 3"},
	{"rules", "a number that is not written out", edit{halfTest, "rule.New(f, 2)", "rule.New(f, 2)\n\trule.New(f, n)"},
		halfTest + ":24: rule.New wants its number written out"},
	{"rules", "a number that is not written out, of a bubble", edit{halfTest, "rule.New(f, 2)", "rule.New(f, 2)\n\tbubble.Run(f, n, nil)"},
		halfTest + ":24: bubble.Run wants its number written out"},
	{"rules", "a context from outside of the bubble", edit{halfTest, "rule.New(f, 2)", "rule.New(f, 2)\n\tbubble.Run(f, 2, func(b *bubble.B) { half.Do(f.Context()) })"},
		halfTest + ":24: f.Context does not work in a bubble"},
	{"rules", "a rule that only a helper names", edit{halfTest, "rule.New(f, 2)", "rule.New(f, 1)\n}\n\nfunc helper() {\n\trule.New(f, 2)"},
		halfReadme + ":22: no test calls rule.New(t, 2)"},

	{"known", "a list that cannot be read", edit{halfWrong, "", "-- a --\nwho: people\n"}, halfWrong + ": " + halfWrong + ":1: a: no \"rule: …\""},
	{"known", "too few wrong solutions", edit{halfWrong, "-- e --\nwho: people\nrule: 2\n@@\n-n / Two\n+n\n", ""},
		halfWrong + ": 4 wrong solutions, want at least 5 for a drill"},
	{"known", "a rule that the README lacks", edit{halfWrong, "-- e --\nwho: people\nrule: 2", "-- e --\nwho: people\nrule: 7"},
		halfWrong + ":25: e: the README has no rule 7"},

	{"sums", "a stub changed", edit{halfStub, "half of n", "one half of n"}, halfStub + ": is not the file that katas/stubs.sum says"},
	{"sums", "a test changed", edit{halfTest, "of four", "of six"}, halfTest + ": is not the file"},
	{"sums", "a bridge changed", edit{halfBridge, "const Two", "const  Two"}, halfBridge + ": is not the file"},
	{"sums", "a README changed", edit{halfReadme, "Thirds", "Quarters"}, halfReadme + ": is not the file"},
	{"sums", "a file more", edit{"katas/toy/half/notes.txt", "", "odd\n"}, "katas/toy/half/notes.txt: has no sum"},
	{"sums", "a kata without sums", edit{index, "toy/half ", "toy/new  drill  not there\ntoy/half "}, "katas/stubs.sum: has no sums of toy/new"},
	{"sums", "sums of a kata that is gone", edit{index, "toy/half   drill  divide by two\n", ""}, "katas/stubs.sum: has sums of toy/half, which the index lacks"},
	{"sums", "sums that cannot be read", edit{"katas/stubs.sum", "", "toy/half/half.go\n"}, "katas/stubs.sum: katas/stubs.sum:1: want a path"},

	{"leftovers", "a test that sleeps", edit{halfTest, "_ = time.Second", "time.Sleep(time.Second)"}, halfTest + ":18: time.Sleep in a test"},
	{"leftovers", "a test that skips", edit{halfTest, "_ = time.Second", "t.Skipf(`later`)"}, halfTest + ":18: t.Skipf: a test that does not run"},
	{"leftovers", "a test that is shorter at times", edit{halfTest, "_ = time.Second", "_ = testing.Short()"}, halfTest + ":18: testing.Short: a test that does not run"},
	{"leftovers", "a fixed port", edit{halfTest, "127.0.0.1:0", "127.0.0.1:8053"}, halfTest + ":24: a fixed port"},
	{"leftovers", "a fixed port of any address", edit{halfTest, `"127.0.0.1:0"`, `":53"`}, halfTest + ":24: a fixed port"},
	{"leftovers", "a fixed port in a struct", edit{halfTest, `Listen("tcp", "127.0.0.1:0")`, `ListenUDP("udp", &net.UDPAddr{Port: 53})`}, halfTest + ":24: a fixed port"},
	{"leftovers", "a fixed port in the harness", edit{"harness/dump/dump_test.go", "127.0.0.1:0", "[::1]:53"}, "harness/dump/dump_test.go:10: a fixed port"},
	{"leftovers", "a solution that prints", edit{halfSolution, "\treturn n / Two", "\tfmt.Println(n)\n\treturn n / Two"}, halfSolution + ":30: Println writes to the terminal"},
	{"leftovers", "a solution that prints without fmt", edit{halfSolution, "\treturn n / Two", "\tprintln(n)\n\treturn n / Two"}, halfSolution + ":30: println writes to the terminal"},

	{"machine", "a home", edit{halfReadme, "Thirds.", "See " + "/home" + "/ann/notes."}, halfReadme + ":58: a path of one machine: " + "/home" + "/ann"},
	{"machine", "a home of more letters", edit{halfReadme, "Thirds.", "See /home/me/notes, not " + "/home" + "/meg/notes."}, halfReadme + ":58: a path of one machine: " + "/home" + "/meg"},
	{"machine", "a temporary file", edit{halfTest, "toy/half/seven.hex", "/tmp" + "/seven.hex"}, halfTest + ":12: a path of one machine: " + "/tmp" + "/seven.hex"},
	{"machine", "another system's home", edit{"Taskfile.yml", "", "dir: C:" + `\Users\ann`}, "Taskfile.yml:1: a path of one machine: C:" + `\Users\`},

	{"goldens", "not hex", edit{"testdata/toy/half/seven.hex", "07", "zz"}, "testdata/toy/half/seven.hex: testdata/toy/half/seven.hex:1: "},
	{"goldens", "empty", edit{"testdata/toy/half/seven.hex", "07", ""}, "testdata/toy/half/seven.hex: no bytes in it"},
	{"goldens", "used by no test", edit{"testdata/toy/half/eight.hex", "", "08 # eight\n"}, "testdata/toy/half/eight.hex: no test uses it"},
	{"goldens", "one of the same name elsewhere is used", edit{"testdata/toy/round/seven.hex", "", "07 # seven\n"}, "testdata/toy/round/seven.hex: no test uses it"},
	{"goldens", "listed under a longer name", edit{"testdata/toy/captured/ans.query.hex", "", "07 # seven\n"}, "testdata/toy/captured/ans.query.hex: no test uses it"},

	{"eol", "attributes that forget", edit{".gitattributes", "* text=auto eol=lf", "*.go text eol=lf"}, ".gitattributes: want the line"},
	{"eol", "no attributes", edit{".gitattributes", "", gone}, ".gitattributes: want the line"},
	{"eol", "CR LF", edit{index, "by two\n", "by two\r\n"}, index + ":1: ends in CR LF"},

	{"table", "no README", edit{"README.md", "", gone}, "README.md: is missing"},
	{"table", "no marks", edit{"README.md", "<!-- /katas -->\n", ""}, "README.md: the table of katas goes between"},
	{"table", "a title of old", edit{index, "divide by two", "halve numbers"}, "README.md:3: the table of katas is not that of katas/index.txt"},
}

func TestBad(t *testing.T) {
	rules := map[string]Rule{}
	for _, r := range Rules() {
		rules[r.Name] = r
	}
	proven := map[string]bool{}
	root := toys(t)
	for _, tt := range bad {
		proven[tt.rule] = true
		t.Run(tt.rule+"/"+tt.why, func(t *testing.T) {
			tt.edit.apply(t, root)
			found := rules[tt.rule].Check(open(t, root, Everything))
			for i, f := range found {
				if !strings.HasPrefix(f.String(), tt.want) {
					t.Errorf("finding %d: %s\n want %s…", i, f, tt.want)
				}
			}
			if len(found) != 1 {
				t.Errorf("%d findings, want 1", len(found))
			}
		})
	}
	for name := range rules {
		if !proven[name] {
			t.Errorf("no bad example proves that the rule %q bites", name)
		}
	}
}

// The mark may stand in what a stub embeds.
func TestEmbedded(t *testing.T) {
	root := toys(t)
	edit{halfStub, "", "//go:build !solution\n\npackage half\n\nimport _ \"embed\"\n\n//go:embed half.proto\nvar Proto string\n"}.apply(t, root)
	for text, want := range map[string]int{"// TODO: all of it\n": 0, "message Half {}\n": 1} {
		edit{"katas/toy/half/half.proto", "", text}.apply(t, root)
		if found := stubs(open(t, root, Everything)); len(found) != want {
			t.Errorf("half.proto is %q: got %v, want %d findings", text, found, want)
		}
	}
}

// apply makes the edit until the end of the test.
func (e edit) apply(t *testing.T, root string) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(e.file))
	before, err := os.ReadFile(file)
	if err == nil {
		t.Cleanup(func() { write(t, root, e.file, string(before)) })
	} else {
		t.Cleanup(func() { os.RemoveAll(file) })
	}
	switch {
	case e.new == gone:
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	case e.old == "":
		write(t, root, e.file, e.new)
	default:
		if n := strings.Count(string(before), e.old); n != 1 {
			t.Fatalf("%s has %q %d times (%v), want once", e.file, e.old, n, err)
		}
		write(t, root, e.file, strings.Replace(string(before), e.old, e.new, 1))
	}
}
