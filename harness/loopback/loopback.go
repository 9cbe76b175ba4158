// Package loopback tests a rule of a network kata over the sockets of the
// kernel, on 127.0.0.1, where the kernel is the lesson: refused, reset,
// half-closed, truncated. Everything else is better tested in package bubble.
//
//	func TestHalfClose(t *testing.T) {
//		loopback.Run(t, 5, func(l *loopback.L) {
//			client, server := l.Pipe()
//			handle := l.Go("Handle(conn)", func() error { return echo.Handle(server) })
//			io.WriteString(client, "last words")
//			client.CloseWrite()
//			got, err := io.ReadAll(client)
//			...
//			handle.Wait()
//		})
//	}
//
// The time is the real one, so a test must not measure it. Whatever hangs is a
// failure of the rule that says who waits where, once nothing has moved for a
// second and a half; so is a goroutine that the test leaves behind. The
// other tests of the package go on. Tests that run at the same time (t.Parallel)
// would be taken for each other's.
package loopback

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/example/netkata/harness/internal/stage"
	"github.com/example/netkata/harness/internal/stuck"
	"github.com/example/netkata/harness/rule"
)

const (
	// Limit is the deadline that every socket gets when it is made. It is there
	// so that nothing hangs for ever, and not to be tested.
	Limit = 10 * time.Second

	pause = 100 * time.Millisecond // from one look at the goroutines to the next
	spins = 1000                   // failures of Accept in a row, which are a busy loop
)

// looks is how many looks in a row show that nobody moves. When that has
// happened, the next test is not given as many.
var looks atomic.Int64

func init() { looks.Store(15) }

// L is the test. Its R reports failures of the rule, from any goroutine. What the
// methods of L make is closed at the end, and has a deadline until then: Limit.
type L struct {
	*rule.R
	stage  *stage.Stage
	before map[int64]bool // goroutines that are not the test's

	mu   sync.Mutex
	open []io.Closer
	over bool
}

// Call is a call of the learner's code in a goroutine of its own. See L.Go. Its
// method Wait waits until the call returns, and returns its error; Returned says
// whether it has returned by now.
type Call = stage.Call

// Run runs f as a test of the rule of that number (see rule.New). When f is
// over, the context is cancelled, what Cleanup was given is called, and what L
// made is closed. A goroutine that does not end then fails the test; for what
// must end sooner there is MustBeQuiet.
func Run(t *testing.T, number int, f func(l *L)) {
	t.Helper()
	l := &L{before: map[int64]bool{}}
	for _, g := range stuck.All() {
		l.before[g.ID] = true
	}
	l.stage = stage.New(rule.New(t, number), false, nil)
	l.R = l.stage.R
	l.stage.Begin()
	watch := stuck.Watch{Mine: l.mine, Still: still, Pause: pause, Looks: int(looks.Load()), Patience: 2 * Limit}
	found := watch.Until(l.stage.Main(func() { f(l) }))
	if found.Kind != stuck.Done {
		looks.Store(5)
		text := l.standstill(found)
		l.stage.Close()
		go l.end()
		l.stage.Abandon(stuck.AtWork(l.mine), text)
	}
	go l.end()
	left := l.empty(l.mine)
	switch {
	case left.Kind == stuck.Busy, left.Kind == stuck.Late:
		l.stage.Abandon(true, l.standstill(left))
	case left.Kind == stuck.Stuck && !l.stage.Failed():
		looks.Store(5)
		l.stage.Tell(stuck.OnlyLeft(left.Goroutines) + "after the end of the test, with every connection closed and the context\n" +
			"cancelled:\n\n" + l.stage.Who(left.Goroutines, nil))
	}
	l.stage.Report()
}

// mine says whether a goroutine is one of the test's.
func (l *L) mine(g stuck.Goroutine) bool { return !l.before[g.ID] }

// still says whether goroutines that are all blocked stay so. MustBeQuiet comes
// to an end by itself.
func still(all []stuck.Goroutine) bool {
	return !slices.ContainsFunc(all, func(g stuck.Goroutine) bool {
		return g.In("github.com/example/netkata/harness/loopback.(*L).MustBeQuiet")
	})
}

// standstill explains what the watch has found.
func (l *L) standstill(found stuck.Finding) string {
	switch found.Kind {
	case stuck.Stuck:
		return "Nobody gets any further, and nothing has moved for some time:\n\n" + l.stage.Who(found.Goroutines, nil)
	case stuck.Late:
		return fmt.Sprintf("The test is not done after %v:\n\n%s", 2*Limit, l.stage.Who(found.Goroutines, nil))
	}
	atWork := slices.DeleteFunc(slices.Clone(found.Goroutines), stuck.Goroutine.Blocked)
	return stuck.Wrap("The test "+found.Text+".") + "\n\n" + l.stage.Who(atWork, nil)
}

// end closes everything.
func (l *L) end() {
	defer func() {
		l.mu.Lock()
		l.over = true
		open := l.open
		l.mu.Unlock()
		for _, c := range slices.Backward(open) {
			c.Close()
		}
	}()
	l.stage.End()
}

// Go calls f in a goroutine; call says which call of the learner's code it makes:
// "Handle(conn)"; or without a parenthesis what the goroutine is to the test: "the
// client". Reports of who waits where use that name. When f panics, the test
// fails and ends.
func (l *L) Go(call string, f func() error) *Call { return l.stage.Go(call, f) }

// Context returns a context that is cancelled at the end of the test.
func (l *L) Context() context.Context { return l.stage.Context() }

// Cleanup has f called at the end of the test, the last one first, before
// anything is looked for that is left over.
func (l *L) Cleanup(f func()) { l.stage.Cleanup(f) }

// MustBeQuiet fails the test unless every goroutine but the caller's has ended,
// or is about to.
func (l *L) MustBeQuiet() {
	l.T().Helper()
	me := stuck.Self().ID
	left := l.empty(func(g stuck.Goroutine) bool { return l.mine(g) && g.ID != me })
	if left.Kind != stuck.Done {
		looks.Store(5)
		l.Errorf("%s:\n\n%s", stuck.AreLeft(left.Goroutines), l.stage.Who(left.Goroutines, nil))
	}
}

// empty waits until there are no such goroutines, or those that there are stay.
func (l *L) empty(mine func(stuck.Goroutine) bool) stuck.Finding {
	w := stuck.Watch{Mine: mine, Pause: stuck.Tick, Looks: int(looks.Load() * int64(pause/stuck.Tick)), Empty: true, Patience: 2 * Limit}
	if l.stage.Failed() {
		w.Looks = 20 // that something is left over is no news then
	}
	return w.Until(nil)
}

// Listener is a listener whose connections are *net.TCPConn.
type Listener struct {
	*net.TCPListener
	l        *L
	failures atomic.Int64 // of Accept, in a row
}

// Listen returns a listener on a free port of 127.0.0.1.
func (l *L) Listen() *Listener {
	l.T().Helper()
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		l.Fatalf("cannot listen on 127.0.0.1: %v", err)
	}
	keep(l, ln)
	return &Listener{TCPListener: ln, l: l}
}

// Accept is that of a net.Listener. A goroutine that calls it a thousand times
// and gets nothing but errors is ended, and the test fails.
func (ln *Listener) Accept() (net.Conn, error) {
	conn, err := ln.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// AcceptTCP is Accept with the connection's type.
func (ln *Listener) AcceptTCP() (*net.TCPConn, error) {
	conn, err := ln.TCPListener.AcceptTCP()
	if err == nil {
		ln.failures.Store(0)
		return keep(ln.l, conn), nil
	}
	if ln.failures.Add(1) >= spins {
		ln.l.stage.Abort("Accept was called again and again, and failed each time: a busy loop.\n" +
			stuck.Frames(debug.Stack()) + "\nThe error was: " + err.Error())
		runtime.Goexit()
	}
	return nil, err
}

// Dial connects to addr.
func (l *L) Dial(addr net.Addr) *net.TCPConn {
	l.T().Helper()
	conn, err := net.DialTimeout("tcp4", addr.String(), Limit)
	if err != nil {
		l.Fatalf("cannot connect to the test's own listener: %v", err)
	}
	return keep(l, conn.(*net.TCPConn))
}

// Pipe returns the two ends of a new connection.
func (l *L) Pipe() (client, server *net.TCPConn) {
	l.T().Helper()
	ln := l.Listen()
	defer ln.Close()
	client = l.Dial(ln.Addr())
	for {
		server, err := ln.AcceptTCP()
		if err != nil {
			l.Fatalf("cannot accept the test's own connection: %v", err)
		}
		if server.RemoteAddr().String() == client.LocalAddr().String() {
			return client, server
		} // else some other program knocked
	}
}

// Refused returns an address at which connections are refused, until the test is
// over: a client has that port, so nobody else can listen on it.
func (l *L) Refused() net.Addr {
	l.T().Helper()
	client, _ := l.Pipe()
	return client.LocalAddr()
}

// ListenPacket returns a datagram socket on a free port of 127.0.0.1.
func (l *L) ListenPacket() *net.UDPConn {
	l.T().Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		l.Fatalf("cannot listen on 127.0.0.1: %v", err)
	}
	return keep(l, conn)
}

// DialPacket returns a datagram socket that is connected to addr.
func (l *L) DialPacket(addr net.Addr) *net.UDPConn {
	l.T().Helper()
	conn, err := net.DialTimeout("udp4", addr.String(), Limit)
	if err != nil {
		l.Fatalf("cannot make a socket for %v: %v", addr, err)
	}
	return keep(l, conn.(*net.UDPConn))
}

// keep sets a deadline and has c closed at the end of the test.
func keep[C interface {
	io.Closer
	SetDeadline(time.Time) error
}](l *L, c C) C {
	c.SetDeadline(time.Now().Add(Limit))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		c.Close()
	}
	l.open = append(l.open, c)
	return c
}
