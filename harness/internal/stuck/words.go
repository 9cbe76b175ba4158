package stuck

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// waits says in words what a goroutine in such a state of the runtime does.
var waits = map[string]string{
	"chan receive":            "waits to receive from a channel",
	"chan receive (nil chan)": "waits to receive from a nil channel, which never happens",
	"chan send":               "waits to send to a channel",
	"chan send (nil chan)":    "waits to send to a nil channel, which never happens",
	"select":                  "waits in a select",
	"select (no cases)":       "waits in an empty select, which never ends",
	"sleep":                   "sleeps (time.Sleep)",
	"sync.Cond.Wait":          "waits for a sync.Cond",
	"sync.WaitGroup.Wait":     "waits for a sync.WaitGroup",
	"sync.Mutex.Lock":         "waits for a lock (sync.Mutex)",
	"sync.RWMutex.Lock":       "waits for a lock (sync.RWMutex)",
	"sync.RWMutex.RLock":      "waits for a lock (sync.RWMutex)",
	"semacquire":              "waits for a lock",
	"IO wait":                 "waits for the real network",
	"coroutine":               "waits for the other side of an iter.Pull",
	"synctest.Run":            "waits for its bubble",
	"synctest.Wait":           "waits until everyone else waits",
}

// Locked says whether the goroutine waits for a lock of package sync.
func (g Goroutine) Locked() bool { return strings.Contains(waits[g.State], "a lock") }

// Label is what a test knows of one of its goroutines.
type Label struct {
	Name  string // who it is: "the test", "Handle(conn)"
	Doing string // what it does, instead of what its stack tells; "" for that
}

// Report tells of each goroutine who it is, what it waits for and where, the
// learner's first. labels may be nil; so may more, which is asked for what else
// there is to know of the call that a goroutine, given by its ID, waits in. Of
// libraries' goroutines it gives only the number.
func Report(all []Goroutine, labels map[int64]Label, more func(id int64) []string) string {
	var own []entry
	libraries := 0
	for _, g := range all {
		e, ok := describe(g, labels[g.ID])
		if !ok {
			libraries++
			continue
		}
		same := func(o entry) bool { return o.who == e.who && o.what == e.what && o.where == e.where }
		if at := slices.IndexFunc(own, same); at >= 0 {
			own[at].times++
		} else {
			own = append(own, e)
		}
	}
	slices.SortStableFunc(own, entry.compare)
	var out strings.Builder
	for _, e := range own {
		out.WriteString(e.text(more))
	}
	if libraries > 0 {
		fmt.Fprintf(&out, "  and %s of libraries\n", count(libraries, "goroutine"))
	}
	return strings.TrimRight(out.String(), "\n")
}

// entry is what a report says of one goroutine, or of several alike.
type entry struct {
	who, what, where string
	id               int64 // of the first
	times            int   // beyond the first
	rank             int   // 0 the learner's, 1 the test's
}

// compare puts the learner's first, and those of the test in the order of their
// names: "client 2" before "client 10".
func (e entry) compare(o entry) int {
	if e.rank != o.rank || e.rank == 0 {
		return e.rank - o.rank
	}
	name, number := numbered(e.who)
	other, than := numbered(o.who)
	return cmp.Or(strings.Compare(name, other), number-than)
}

// numbered splits "client 2" into "client" and 2.
func numbered(who string) (name string, number int) {
	at := strings.LastIndexByte(who, ' ')
	number, err := strconv.Atoi(who[at+1:])
	if at < 0 || err != nil {
		return who, 0
	}
	return who[:at], number
}

func (e entry) text(more func(id int64) []string) string {
	who, what := e.who, e.what
	if e.times > 0 {
		who, what = fmt.Sprintf("%d × %s", e.times+1, who), "each "+what
	}
	text := "  " + who + ": " + what + "\n"
	if e.where == "" {
		return text
	}
	text += "      at " + e.where + "\n"
	if more != nil && strings.HasPrefix(e.what, waitsIn) {
		for i, line := range more(e.id) {
			if i == 0 && e.times > 0 {
				line = "one of them " + line
			}
			text += "      " + line + "\n"
		}
	}
	return text
}

// describe makes the entry of a goroutine; ok is false for one that neither the
// learner's code nor the test has to do with.
func describe(g Goroutine, l Label) (e entry, ok bool) {
	at := slices.IndexFunc(g.Calls, Call.Learners)
	if at < 0 {
		e.rank = 1
		at = slices.IndexFunc(g.Calls, Call.test)
	}
	if at < 0 && l.Name == "" {
		if !g.Creator.Learners() && !g.Creator.test() {
			return e, false
		}
		g.Calls = append(g.Calls, g.Creator) // a library's function behind go
		at = len(g.Calls) - 1
	}
	e.id, e.who, e.what = g.ID, l.Name, l.Doing
	if at >= 0 {
		c := g.Calls[at]
		e.where = c.Place()
		if c.Learners() {
			e.where += ", in " + c.Name()
		}
	}
	if e.who == "" {
		e.who = who(g)
	}
	if e.what == "" {
		e.what = what(g, at)
	}
	return e, true
}

// who names a goroutine by its first function that the learner wrote, else by
// that of the test.
func who(g Goroutine) string {
	for _, mine := range []func(Call) bool{Call.Learners, Call.test} {
		for _, c := range slices.Backward(g.Calls) {
			if !mine(c) {
				continue
			}
			if literal.MatchString(c.Func) {
				return "a goroutine of " + c.Name()
			}
			return c.Name()
		}
	}
	return "a goroutine"
}

// waitsIn comes before the name of a function that a goroutine waits in.
const waitsIn = "waits in "

// what says what a goroutine waits for, by the call that it made at g.Calls[at].
func what(g Goroutine, at int) string {
	text := waits[g.State]
	switch {
	case text == "":
		text = "is at work"
	case g.Locked() && at > 0 && slices.ContainsFunc(g.Calls[:at], once):
		text = "waits for a lock (sync.Once, whose function is not over)"
	}
	if at <= 0 || !g.Blocked() || g.State == "synctest.Wait" {
		return text
	}
	callee := g.Calls[at-1]
	if primitive(callee) {
		return text
	}
	for _, c := range slices.Backward(g.Calls[:at]) {
		if op := network(c); op != "" {
			if c == callee || callee.test() { // or what the test wraps it in
				return waitsIn + op
			}
			return waitsIn + op + ", called by " + callee.Name()
		}
	}
	if callee.test() {
		return text
	}
	return waitsIn + callee.Name()
}

// once says whether the call is one of a sync.Once, which has a Mutex inside.
func once(c Call) bool { return c.Func == "sync.(*Once).Do" }

// primitive says whether the call is one that waits[state] tells already.
func primitive(c Call) bool {
	pkg, _, _ := strings.Cut(c.Func[strings.LastIndexByte(c.Func, '/')+1:], ".")
	return pkg == "runtime" || pkg == "sync" || pkg == "time" || pkg == "synctest" || strings.HasPrefix(c.Func, "internal/")
}

// networkCall takes the methods of net.Conn, net.Listener and net.PacketConn,
// and the functions that dial, of package net and of the network in memory.
var networkCall = regexp.MustCompile(`(?:^net|/memnet)\.(?:\(?\*?\w+\)?\.)?((?:Read|Write|Accept|Dial)\w*)$`)

// network returns the call of the network that c is: "Read", "Accept"; "" if it
// is none.
func network(c Call) string {
	if m := networkCall.FindStringSubmatch(c.Func); m != nil {
		return m[1]
	}
	return ""
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Wrap breaks lines that are longer than 76 columns between words. What follows
// is as far in as the line.
func Wrap(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		for utf8.RuneCountInString(line) > width {
			at := lastSpace(line, len(indent))
			if at < 0 {
				break
			}
			out = append(out, line[:at])
			line = indent + line[at+1:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

const width = 76

// lastSpace returns the last space of a line that lies after its indentation
// and within the width, -1 if there is none.
func lastSpace(line string, indent int) int {
	at, column := -1, 0
	for i, r := range line {
		if column > width {
			break
		}
		if r == ' ' && i > indent {
			at = i
		}
		column++
	}
	return at
}

// AreLeft begins the sentence about goroutines that should have ended.
func AreLeft(all []Goroutine) string {
	if len(all) == 1 {
		return "A goroutine is left over"
	}
	return fmt.Sprintf("%d goroutines are left over", len(all))
}

// OnlyLeft begins the sentence about goroutines that should have ended in a test
// that found nothing else: what was broken is not the rule above it.
func OnlyLeft(all []Goroutine) string {
	return "All else went well, but " + strings.Replace(AreLeft(all), "A g", "a g", 1) + "\n"
}
