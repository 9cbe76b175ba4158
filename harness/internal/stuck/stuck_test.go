package stuck

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const dump = `goroutine 7 [running]:
main.main()
	/src/netkata/harness/x.go:3 +0x3d

goroutine 26 [sync.WaitGroup.Wait (durable), 2 minutes, synctest bubble 1]:
sync.(*WaitGroup).Wait(0x21019429c160)
	/usr/local/go/src/sync/waitgroup.go:206 +0x85
example.com/netkata/katas/tcp/serve.(*server).drain.func1(...)
	/src/netkata/katas/tcp/serve/serve.go:15 +0x10f
created by example.com/netkata/katas/tcp/serve_test.TestDrain in goroutine 25
	/src/netkata/katas/tcp/serve/serve_test.go:40 +0x277

goroutine 28 gp=0xc0 m=nil [sync.Mutex.Lock, locked to thread, synctest bubble 12 labels:{"a": "b"}]:
example.com/m/slices.Sort[...]({0x1, 0x2})
	C:/netkata/solutions/tcp/serve/serve.go:9
`

// What the runtime prints, in Go 1.26, with all that it may add to a head.
func TestParse(t *testing.T) {
	want := []Goroutine{
		{ID: 7, State: "running", Calls: []Call{{"main.main", "/src/netkata/harness/x.go", 3}}},
		{ID: 26, State: "sync.WaitGroup.Wait", Durable: true, Bubble: 1, Parent: 25,
			Calls: []Call{
				{"sync.(*WaitGroup).Wait", "/usr/local/go/src/sync/waitgroup.go", 206},
				{"example.com/netkata/katas/tcp/serve.(*server).drain.func1", "/src/netkata/katas/tcp/serve/serve.go", 15},
			},
			Creator: Call{"example.com/netkata/katas/tcp/serve_test.TestDrain", "/src/netkata/katas/tcp/serve/serve_test.go", 40}},
		{ID: 28, State: "sync.Mutex.Lock", Bubble: 12,
			Calls: []Call{{"example.com/m/slices.Sort[...]", "C:/netkata/solutions/tcp/serve/serve.go", 9}}},
	}
	got := parse(dump)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parse (-want +got):\n%s", diff)
	}
	for i, want := range []struct{ place, name string }{
		{"x.go:3", "main.main"},
		{"katas/tcp/serve/serve.go:15", "serve.server.drain"},
		{"solutions/tcp/serve/serve.go:9", "slices.Sort"},
	} {
		c := got[i].Calls[len(got[i].Calls)-1]
		if c.Place() != want.place || c.Name() != want.name {
			t.Errorf("%v is at %s, named %s; want %s, %s", c, c.Place(), c.Name(), want.place, want.name)
		}
	}
	if got := (Call{File: "/src/netkata/katas/tcp/serve/serve.go", Line: 1}).Place(); got != "katas/tcp/serve/serve.go" {
		t.Errorf("a call without a line is at %s", got)
	}
}

// The real thing: the caller comes first.
func TestAll(t *testing.T) {
	all := All()
	if me := Self(); all[0].ID != me.ID || me.State != "running" {
		t.Errorf("the first is %d, and the caller %+v", all[0].ID, me)
	}
	if !all[0].In("github.com/example/netkata/harness/internal/stuck.TestAll") {
		t.Errorf("not in TestAll: %+v", all[0])
	}
}

const (
	echoGo   = "/src/netkata/katas/tcp/echo/echo.go"
	echoTest = "/src/netkata/katas/tcp/echo/echo_test.go"
	memnet   = "github.com/example/netkata/harness/memnet."
)

var (
	handle = Call{"example.com/netkata/katas/tcp/echo.Handle", echoGo, 31}
	inner  = Call{"example.com/netkata/katas/tcp/echo.Handle.func2", echoGo, 40}
	test   = Call{"example.com/netkata/katas/tcp/echo_test.talk", echoTest, 50}
	lib    = func(fn string) Call { return Call{fn, "/usr/local/go/src/lib.go", 1} }
)

// What a report says of one goroutine.
func TestReport(t *testing.T) {
	labels := map[int64]Label{1: {Name: "Handle(conn)"}, 2: {Name: "the test", Doing: "waits for Handle(conn) to return"}}
	for _, tt := range []struct {
		why  string
		g    Goroutine
		want string
	}{
		{"a Read through a library, of a goroutine with a name",
			Goroutine{ID: 1, State: "sync.Cond.Wait", Calls: []Call{lib("sync.(*Cond).Wait"), lib(memnet + "(*Conn).read"), lib(memnet + "(*Conn).Read"), lib("bufio.(*Reader).fill"), lib("bufio.(*Reader).ReadString"), handle}},
			"  Handle(conn): waits in Read, called by bufio.Reader.ReadString\n      at katas/tcp/echo/echo.go:31, in echo.Handle\n      more of 1"},
		{"a Read without one",
			Goroutine{ID: 1, State: "IO wait", Calls: []Call{lib("internal/poll.runtime_pollWait"), lib("net.(*conn).Read"), handle}},
			"  Handle(conn): waits in Read\n      at katas/tcp/echo/echo.go:31, in echo.Handle\n      more of 1"},
		{"a library that is not the network",
			Goroutine{ID: 1, State: "select", Calls: []Call{lib("google.golang.org/grpc.(*ClientConn).Invoke"), handle}},
			"  Handle(conn): waits in grpc.ClientConn.Invoke\n      at katas/tcp/echo/echo.go:31, in echo.Handle\n      more of 1"},
		{"a lock, in a function inside of another",
			Goroutine{ID: 3, State: "sync.Mutex.Lock", Calls: []Call{lib("internal/sync.(*Mutex).Lock"), lib("sync.(*Mutex).Lock"), inner}},
			"  a goroutine of echo.Handle: waits for a lock (sync.Mutex)\n      at katas/tcp/echo/echo.go:40, in echo.Handle"},
		{"the lock of a sync.Once",
			Goroutine{ID: 3, State: "sync.Mutex.Lock", Calls: []Call{lib("internal/sync.(*Mutex).Lock"), lib("sync.(*Mutex).Lock"), lib("sync.(*Once).doSlow"), lib("sync.(*Once).Do"), inner}},
			"  a goroutine of echo.Handle: waits for a lock (sync.Once, whose function is not over)\n      at katas/tcp/echo/echo.go:40, in echo.Handle"},
		{"a lock inside of a sync.Once of the same function",
			Goroutine{ID: 3, State: "sync.Mutex.Lock", Calls: []Call{lib("sync.(*Mutex).Lock"), inner, lib("sync.(*Once).Do"), handle}},
			"  echo.Handle: waits for a lock (sync.Mutex)\n      at katas/tcp/echo/echo.go:40, in echo.Handle"},
		{"a channel, in a function of its own",
			Goroutine{ID: 3, State: "chan send", Calls: []Call{handle}, Creator: test},
			"  echo.Handle: waits to send to a channel\n      at katas/tcp/echo/echo.go:31, in echo.Handle"},
		{"the test, which has said what it does",
			Goroutine{ID: 2, State: "chan receive", Calls: []Call{lib("stage.(*Call).Wait"), test}},
			"  the test: waits for Handle(conn) to return\n      at echo_test.go:50"},
		{"the test in the learner's code: that is what counts",
			Goroutine{ID: 4, State: "sleep", Calls: []Call{lib("time.Sleep"), handle, test}},
			"  echo.Handle: sleeps (time.Sleep)\n      at katas/tcp/echo/echo.go:31, in echo.Handle"},
		{"at work", Goroutine{ID: 1, State: "runnable", Calls: []Call{lib("strings.Repeat"), handle}},
			"  Handle(conn): is at work\n      at katas/tcp/echo/echo.go:31, in echo.Handle"},
		{"a library's function behind go: where it was started",
			Goroutine{ID: 5, State: "sync.Cond.Wait", Calls: []Call{lib("io.Copy")}, Creator: handle},
			"  echo.Handle: waits in io.Copy\n      at katas/tcp/echo/echo.go:31, in echo.Handle\n      more of 5"},
		{"a goroutine of a library", Goroutine{ID: 6, State: "select", Calls: []Call{lib("example.com/x.y")}, Creator: lib("example.com/x.z")},
			"  and 1 goroutine of libraries"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			got := Report([]Goroutine{tt.g}, labels, func(id int64) []string { return []string{fmt.Sprint("more of ", id)} })
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// Many alike are one line; the learner's come first, the libraries' are counted.
func TestReportMany(t *testing.T) {
	var all []Goroutine
	all = append(all, Goroutine{ID: 1, State: "select", Calls: []Call{test}})
	for id := range int64(3000) {
		all = append(all, Goroutine{ID: 10 + id, State: "chan receive", Calls: []Call{inner}})
	}
	all = append(all, Goroutine{ID: 2}, Goroutine{ID: 3})
	const want = "  3000 × a goroutine of echo.Handle: each waits to receive from a channel\n" +
		"      at katas/tcp/echo/echo.go:40, in echo.Handle\n" +
		"  echo_test.talk: waits in a select\n" +
		"      at echo_test.go:50\n" +
		"  and 2 goroutines of libraries"
	if got := Report(all, nil, nil); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Those of the test come in the order of their names.
func TestReportOrder(t *testing.T) {
	labels := map[int64]Label{}
	var all []Goroutine
	for id, name := range []string{"the test", "client 10", "client 2", "client", "client 1"} {
		labels[int64(id)] = Label{Name: name}
		all = append(all, Goroutine{ID: int64(id), State: "select", Calls: []Call{test}})
	}
	var got []string
	for _, line := range strings.Split(Report(all, labels, nil), "\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && !strings.Contains(line, "at ") {
			got = append(got, strings.TrimSpace(name))
		}
	}
	if diff := cmp.Diff([]string{"client", "client 1", "client 2", "client 10", "the test"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Long lines are broken between words, and go on as far in as they began.
func TestWrap(t *testing.T) {
	for _, tt := range []struct{ why, text, want string }{
		{"short lines stay", "a b\n  c", "a b\n  c"},
		{"a long one", "  " + strings.Repeat("word ", 15) + "end", "  " + strings.TrimSpace(strings.Repeat("word ", 15)) + "\n  end"},
		{"columns are not bytes", strings.Repeat("ä", 70) + " end", strings.Repeat("ä", 70) + " end"},
		{"a word that does not fit stays whole", strings.Repeat("x", 100), strings.Repeat("x", 100)},
	} {
		if got := Wrap(tt.text); got != tt.want {
			t.Errorf("%s:\ngot  %q\nwant %q", tt.why, got, tt.want)
		}
	}
}
