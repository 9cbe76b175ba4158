// Package grpctest puts a gRPC server and its clients into a bubble, over a
// network in memory (bufconn): thirty seconds of deadline, keepalive or drain
// take microseconds, and every span is exact.
//
//	func TestNotFound(t *testing.T) {
//		bubble.Run(t, 3, func(b *bubble.B) {
//			link := grpctest.New(b)
//			s := grpc.NewServer()
//			podsv1.RegisterPodServiceServer(s, list.NewServer())
//			link.Serve(s)
//			client := podsv1.NewPodServiceClient(link.Dial("client"))
//			...
//
// At the end of the test every connection is closed, and the server is stopped.
// A failure shows who called what and when, with the messages of both sides.
package grpctest

import (
	"context"
	"net"
	"slices"
	"sync"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/example/netkata/harness/bubble"
)

// Target is what a client dials with the options of Link.Options. It names a
// resolver: grpc.NewClient would ask DNS for a bare name.
const Target = "passthrough:///bufnet"

// Link is a listener, and all that is dialled to it. Use New.
type Link struct {
	b      *bubble.B
	ln     *listener
	story  story
	mu     sync.Mutex
	conns  []*conn // both ends of each
	dialed int
	refuse bool
}

// New returns the link of a test.
func New(b *bubble.B) *Link {
	l := &Link{b: b, story: story{b: b}}
	l.ln = listen(l)
	b.Show(l.story.String)
	b.Cleanup(func() { l.ln.Close() })
	return l
}

// Listener returns where the server has to Accept, for code that serves itself.
func (l *Link) Listener() net.Listener { return l.ln }

// Serve has s serve, until the test is over.
func (l *Link) Serve(s *grpc.Server) {
	done := l.b.Go("the server", func() error { return s.Serve(l.Listener()) })
	l.b.Cleanup(func() {
		s.Stop()
		done.Wait()
	})
}

// Dial returns a client connection, which dials once it is used, and is closed
// at the end of the test. The name is what the client is called where a failure
// tells who said what.
func (l *Link) Dial(name string, opts ...grpc.DialOption) *grpc.ClientConn {
	cc, err := grpc.NewClient(Target, append(l.Options(name), opts...)...)
	if err != nil {
		l.b.Fatalf("grpc.NewClient(%q) = %v, which is a mistake of the test", Target, err)
	}
	l.b.Cleanup(func() { cc.Close() })
	return cc
}

// Connect makes a connection on which nobody says anything but the caller, for
// what no client of gRPC does. It is closed at the end of the test.
func (l *Link) Connect() net.Conn {
	c, err := l.dial(l.b.Context(), Target)
	if err != nil {
		l.b.Fatalf("the test cannot connect: %v", err)
	}
	l.b.Cleanup(func() { c.Close() })
	return c
}

// Options returns what a client needs that dials Target itself.
func (l *Link) Options(name string) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithContextDialer(l.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(l.story.unary(name)),
		grpc.WithChainStreamInterceptor(l.story.stream(name)),
	}
}

// Dialed returns how often a connection was asked for, refused ones included.
func (l *Link) Dialed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dialed
}

// Open returns how many connections the clients have open now.
func (l *Link) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, c := range l.conns {
		if c.client {
			n++
		}
	}
	return n
}

// Refuse has dialling fail with ECONNREFUSED from now on, or no longer.
func (l *Link) Refuse(refuse bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = refuse
	if refuse {
		l.story.note("from here on, connections are refused")
	} else {
		l.story.note("connections are taken again")
	}
}

// Cut pulls the cable of every connection that is open: nothing arrives any
// more, in neither direction, and neither end is told.
func (l *Link) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.story.note("the cable is pulled: nothing arrives any more, and nobody is told")
	for _, c := range l.conns {
		c.cut.Store(true)
	}
}

// Story tells who called what, and when, as the clients saw it. Failures end
// with it.
func (l *Link) Story() string { return l.story.String() }

// Note writes a line of the test's own into what a failure tells.
func (l *Link) Note(format string, args ...any) { l.story.note(format, args...) }

func (l *Link) dial(ctx context.Context, _ string) (net.Conn, error) {
	l.mu.Lock()
	l.dialed++
	refuse := l.refuse
	l.mu.Unlock()
	if refuse {
		return nil, &net.OpError{Op: "dial", Net: "bufconn", Err: syscall.ECONNREFUSED}
	}
	c, err := l.ln.dial(ctx)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "bufconn", Err: err}
	}
	return l.add(c, true), nil
}

func (l *Link) add(c net.Conn, client bool) net.Conn {
	w := &conn{Conn: c, link: l, client: client, closed: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, w)
	return w
}

func (l *Link) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = slices.DeleteFunc(l.conns, func(x *conn) bool { return x == c })
}
