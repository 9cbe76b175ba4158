// Package stuck finds out that goroutines get nowhere, and says in plain words
// who waits for what, where in the learner's code.
package stuck

import (
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Goroutine is one goroutine, as the runtime prints it.
type Goroutine struct {
	ID      int64
	State   string // "chan receive", "running"
	Durable bool   // waits for something in its bubble (testing/synctest)
	Bubble  int64  // the number of its bubble; 0 outside, and while it helps the garbage collector
	Calls   []Call // innermost first
	Creator Call   // the go statement that it comes from; zero for main
	Parent  int64  // who made that statement
}

// Call is one line of a goroutine's stack.
type Call struct {
	Func string // "net.(*conn).Read", "example.com/m/katas/tcp/echo.Handle"
	File string // with slashes
	Line int
}

// All returns every goroutine but the runtime's own, that of the caller first.
// The world stands still meanwhile: no two of them are seen at different times.
func All() []Goroutine {
	buf := make([]byte, 64<<10)
	for {
		if n := runtime.Stack(buf, true); n < len(buf) {
			return slices.DeleteFunc(parse(string(buf[:n])), Goroutine.runtimes)
		}
		buf = make([]byte, 4*len(buf))
	}
}

// runtimes says whether the goroutine is one of the runtime's own, of which
// those that run finalizers and cleanups are seen now and then.
func (g Goroutine) runtimes() bool {
	if len(g.Calls) == 0 {
		return false
	}
	first := g.Calls[len(g.Calls)-1].Func
	return strings.HasPrefix(first, "runtime.") && first != "runtime.main"
}

// Self returns the caller's goroutine, without its calls.
func Self() Goroutine {
	var buf [128]byte // the first line
	line, _, _ := strings.Cut(string(buf[:runtime.Stack(buf[:], false)]), "\n")
	g, _ := head(line)
	return g
}

// parse reads what runtime.Stack, debug.Stack and a panic print.
func parse(dump string) []Goroutine {
	var all []Goroutine
	fn := "" // the function of the next file:line
	for line := range strings.Lines(dump) {
		line = strings.TrimRight(line, "\n")
		if g, ok := head(line); ok {
			all = append(all, g)
			continue
		}
		if len(all) == 0 {
			continue
		}
		if !strings.HasPrefix(line, "\t") {
			fn = line
			continue
		}
		all[len(all)-1].add(fn, line[1:])
	}
	return all
}

// head reads "goroutine 33 [chan receive (durable), 2 minutes, synctest bubble 1]:".
func head(line string) (g Goroutine, ok bool) {
	rest, ok := strings.CutPrefix(line, "goroutine ")
	if !ok {
		return g, false
	}
	id, rest, _ := strings.Cut(rest, " ")
	_, rest, ok = strings.Cut(rest, "[")
	if !ok || !strings.HasSuffix(rest, "]:") {
		return g, false
	}
	g.ID, _ = strconv.ParseInt(id, 10, 64)
	for i, word := range strings.Split(strings.TrimSuffix(rest, "]:"), ", ") {
		if i == 0 {
			g.State, g.Durable = strings.CutSuffix(word, " (durable)")
		} else if n, ok := strings.CutPrefix(word, "synctest bubble "); ok {
			n, _, _ = strings.Cut(n, " ") // labels may follow
			g.Bubble, _ = strconv.ParseInt(n, 10, 64)
		}
	}
	return g, true
}

// add adds a call, or the creator, by the two lines that tell of it.
func (g *Goroutine) add(fn, place string) {
	place, _, _ = strings.Cut(place, " +0x")
	colon := strings.LastIndexByte(place, ':')
	if colon < 0 {
		return
	}
	c := Call{File: strings.ReplaceAll(place[:colon], `\`, "/")}
	c.Line, _ = strconv.Atoi(place[colon+1:])
	if creator, ok := strings.CutPrefix(fn, "created by "); ok {
		creator, parent, _ := strings.Cut(creator, " in goroutine ")
		c.Func = creator
		g.Creator = c
		g.Parent, _ = strconv.ParseInt(parent, 10, 64)
		return
	}
	if args := strings.LastIndexByte(fn, '('); args > 0 && strings.HasSuffix(fn, ")") {
		fn = fn[:args]
	}
	c.Func = fn
	g.Calls = append(g.Calls, c)
}

// Blocked says whether the goroutine waits for another, for the time or for the
// network. What is in a system call, or waits for the garbage collector, is not
// blocked: it goes on by itself.
func (g Goroutine) Blocked() bool {
	_, ok := waits[g.State]
	return ok
}

// In says whether the goroutine is in a call of that function, named with its
// whole import path.
func (g Goroutine) In(fn string) bool {
	return slices.ContainsFunc(g.Calls, func(c Call) bool { return c.Func == fn })
}

// Learners says whether the call stands in a file of a kata or a solution that
// is not a test.
func (c Call) Learners() bool { return c.below() != "" && !c.test() }

func (c Call) test() bool { return strings.HasSuffix(c.File, "_test.go") }

// below returns the file from katas/ or solutions/ on, "" if it is not there.
func (c Call) below() string {
	for _, tree := range []string{"katas/", "solutions/"} {
		if at := strings.LastIndex("/"+c.File, "/"+tree); at >= 0 {
			return c.File[at:]
		}
	}
	return ""
}

// Place returns where the call stands: "katas/tcp/echo/echo.go:31", or for a
// test "echo_test.go:12". Where the compiler has no line, it says 1, and Place
// returns the file alone.
func (c Call) Place() string {
	file := c.below()
	if file == "" || c.test() {
		file = c.File[strings.LastIndexByte(c.File, '/')+1:]
	}
	if c.Line == 1 { // the jump of a loop that does nothing
		return file
	}
	return file + ":" + strconv.Itoa(c.Line)
}

// Name returns the function without its module and its brackets: "echo.Handle",
// "bufio.Reader.ReadString". A function inside of another one is called by the
// name of that.
func (c Call) Name() string {
	name := c.Func[strings.LastIndexByte(c.Func, '/')+1:]
	name = strings.NewReplacer("(*", "", ")", "", "[...]", "").Replace(name)
	return literal.ReplaceAllString(name, "")
}

// literal is what the compiler adds to the name of a function for those written
// inside of it.
var literal = regexp.MustCompile(`(\.func\d+|\.gowrap\d+|\.deferwrap\d+|\.\d+|-fm|-range\d+)+$`)

// Where returns the learner's calls, innermost first and up to six, a line each:
// "  at katas/dns/name/name.go:57, in name.Parse".
func (g Goroutine) Where() string {
	var out []string
	for _, c := range g.Calls {
		if c.Learners() && len(out) < 6 { // deep recursion: the top says enough
			out = append(out, "  at "+c.Place()+", in "+c.Name())
		}
	}
	return strings.Join(out, "\n")
}

// Frames returns the learner's calls of a stack that debug.Stack printed, in the
// form of Where.
func Frames(stack []byte) string {
	var out string
	for _, g := range parse(string(stack)) {
		out += g.Where()
	}
	return out
}
