//go:build solution

// Package room links the events of a room to a list, along which every sender
// walks at its own pace. The reader lets a client in, the handler waits for its
// context alone, and whoever ends a call says why: context.WithCancelCause.
package room

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	roomv1 "github.com/example/netkata/pb/room/v1"
)

// Limits says how much one client may ask of a Server. The zero value is not
// usable: each limit must be at least 1.
type Limits struct {
	Name  int // bytes of the name of a member or a room
	Text  int // bytes of what is said at a time
	Queue int // events that may wait for a member who reads too slowly or not at all
}

// Server is the RoomService. Its methods may be called by several goroutines at
// once. The zero value is not usable: see New.
type Server struct {
	roomv1.UnimplementedRoomServiceServer
	limits Limits

	mu      sync.Mutex
	stopped bool
	rooms   map[string]*hall
	calls   map[*stay]bool
}

// entry is one place in a hall's log: once ready is closed, it has an event and a successor.
type entry struct {
	ready chan struct{}
	event *roomv1.ChatResponse
	next  *entry
}

func newEntry() *entry { return &entry{ready: make(chan struct{})} }

type hall struct {
	name    string
	number  int64
	tail    *entry
	members map[string]*stay
}

// stay is one call.
type stay struct {
	end   context.CancelCauseFunc
	hall  *hall // nil before and after
	name  string
	first *roomv1.ChatResponse
	from  *entry
	to    *entry        // set when gone is closed
	gone  chan struct{} // closed when left
	sent  atomic.Int64  // the number of the last event that Send has done with
}

var (
	errDone    = errors.New("done")
	errStopped = status.Error(codes.Unavailable, "server stops")
	errSlow    = status.Error(codes.ResourceExhausted, "too many events wait")
)

// New returns a Server in which nobody is yet. It starts no goroutine.
func New(limits Limits) *Server {
	return &Server{limits: limits, rooms: map[string]*hall{}, calls: map[*stay]bool{}}
}

// Rooms returns how many rooms there are: those that somebody is in.
func (s *Server) Rooms() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rooms)
}

// Stop ends every call with Unavailable: who wants to go on may come back, to
// another server. From then on nobody gets in. It waits for nobody, and to stop
// twice does no harm.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for c := range s.calls {
		c.end(errStopped)
	}
}

// Chat is one member's stay, from Join to the half-close. All events of the
// room are sent, the member's own too, from its joining to its leaving.
//
// The status is OK after the half-close; InvalidArgument where the first message
// is not Join, or a later one is nothing that is said, or where a name or a text
// is empty, too long, or holds control characters; AlreadyExists for a name that
// somebody in the room has; ResourceExhausted when more than Limits.Queue events
// wait; Unavailable after Stop; Canceled or DeadlineExceeded when the client has
// gone.
func (s *Server) Chat(stream grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse]) error {
	ctx, end := context.WithCancelCause(stream.Context())
	defer end(errDone)
	c := &stay{end: end, gone: make(chan struct{})}

	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return errStopped
	}
	s.calls[c] = true
	s.mu.Unlock()

	go s.listen(c, stream)
	<-ctx.Done()

	s.mu.Lock()
	delete(s.calls, c)
	s.leave(c)
	s.mu.Unlock()

	cause := context.Cause(ctx)
	if cause == errDone {
		return nil
	}
	if _, ok := status.FromError(cause); ok {
		return cause
	}
	return status.FromContextError(stream.Context().Err()).Err()
}

// listen receives.
func (s *Server) listen(c *stay, stream grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse]) {
	joined := false
	for {
		req, err := stream.Recv()
		switch {
		case err == io.EOF && joined:
			s.mu.Lock()
			s.leave(c)
			s.mu.Unlock()
			return
		case err == io.EOF:
			c.end(status.Error(codes.InvalidArgument, "half-close before Join"))
			return
		case err != nil:
			if cerr := stream.Context().Err(); cerr != nil {
				err = status.FromContextError(cerr).Err()
			}
			c.end(err)
			return
		}
		if joined {
			err = s.say(c, req)
		} else {
			err = s.join(c, req)
			if err == nil {
				joined = true
				go c.tell(stream)
			}
		}
		if err != nil {
			c.end(err) // before leave, or the end of what waits is taken for the end
			s.mu.Lock()
			s.leave(c)
			s.mu.Unlock()
			return
		}
	}
}

// tell sends.
func (c *stay) tell(stream grpc.ServerStreamingServer[roomv1.ChatResponse]) {
	send := func(e *roomv1.ChatResponse) bool {
		if err := stream.Send(e); err != nil {
			if cerr := stream.Context().Err(); cerr != nil {
				err = status.FromContextError(cerr).Err()
			}
			c.end(err)
			return false
		}
		c.sent.Store(e.GetNumber())
		return true
	}
	if !send(c.first) {
		return
	}
	for e := c.from; ; e = e.next {
		select {
		case <-e.ready:
		case <-c.gone:
		case <-stream.Context().Done():
			return
		}
		select {
		case <-c.gone:
			if e == c.to {
				c.end(errDone)
				return
			}
		default:
		}
		if !send(e.event) {
			return
		}
	}
}

func (s *Server) join(c *stay, req *roomv1.ChatRequest) error {
	j, ok := req.GetEvent().(*roomv1.ChatRequest_Join)
	if !ok {
		return status.Error(codes.InvalidArgument, "the first message is not Join")
	}
	room, name := j.Join.GetRoom(), j.Join.GetName()
	if err := check("room", room, s.limits.Name); err != nil {
		return err
	}
	if err := check("name", name, s.limits.Name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	if !s.calls[c] {
		return errDone // over already
	}
	h := s.rooms[room]
	if h == nil {
		h = &hall{name: room, tail: newEntry(), members: map[string]*stay{}}
		s.rooms[room] = h
	}
	if h.members[name] != nil {
		return status.Errorf(codes.AlreadyExists, "%q is in room %q", name, room)
	}
	c.hall, c.name = h, name
	h.members[name] = c
	c.sent.Store(h.number)
	c.first = &roomv1.ChatResponse{
		Number: h.number + 1,
		Name:   name,
		Event: &roomv1.ChatResponse_Joined{Joined: &roomv1.Joined{
			Members: slices.Sorted(maps.Keys(h.members)),
		}},
	}
	e := &roomv1.ChatResponse{Name: name, Event: &roomv1.ChatResponse_Joined{Joined: &roomv1.Joined{}}}
	h.append(e)
	c.from = h.tail
	s.prune(h)
	return nil
}

func (s *Server) say(c *stay, req *roomv1.ChatRequest) error {
	t, ok := req.GetEvent().(*roomv1.ChatRequest_Say)
	if !ok {
		return status.Error(codes.InvalidArgument, "not a text")
	}
	if err := check("text", t.Say, s.limits.Text); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := c.hall
	if h == nil || s.stopped {
		return nil
	}
	h.append(&roomv1.ChatResponse{Name: c.name, Event: &roomv1.ChatResponse_Said{Said: t.Say}})
	s.prune(h)
	return nil
}

// leave takes c out of its hall, once. s.mu is held.
func (s *Server) leave(c *stay) {
	h := c.hall
	if h == nil {
		return
	}
	s.remove(c)
	h.append(&roomv1.ChatResponse{Name: c.name, Event: &roomv1.ChatResponse_Left{Left: &roomv1.Left{}}})
	s.prune(h)
}

func (s *Server) remove(c *stay) {
	h := c.hall
	c.hall = nil
	delete(h.members, c.name)
	if len(h.members) == 0 {
		delete(s.rooms, h.name)
	}
	c.to = h.tail
	close(c.gone)
}

// prune drops those who are too slow.
func (s *Server) prune(h *hall) {
	for {
		var slow []*stay
		for _, name := range slices.Sorted(maps.Keys(h.members)) {
			if c := h.members[name]; h.number-c.sent.Load() > int64(s.limits.Queue)+1 {
				slow = append(slow, c)
			}
		}
		if len(slow) == 0 {
			return
		}
		for _, c := range slow {
			c.end(errSlow)
			s.remove(c)
		}
		for _, c := range slow {
			h.append(&roomv1.ChatResponse{Name: c.name, Event: &roomv1.ChatResponse_Left{Left: &roomv1.Left{}}})
		}
	}
}

func (h *hall) append(e *roomv1.ChatResponse) {
	h.number++
	e.Number = h.number
	t := h.tail
	t.event, t.next = e, newEntry()
	h.tail = t.next
	close(t.ready)
}

func check(what, s string, limit int) error {
	switch {
	case s == "":
		return status.Errorf(codes.InvalidArgument, "%s is empty", what)
	case len(s) > limit:
		return status.Errorf(codes.InvalidArgument, "%s is longer than %d bytes", what, limit)
	case strings.ContainsFunc(s, unicode.IsControl):
		return status.Errorf(codes.InvalidArgument, "%s has control characters", what)
	}
	return nil
}

// Errors of a Member.
var (
	// ErrLeft means that Leave was called.
	ErrLeft = errors.New("room: left")
	// ErrEnded means that the call is over: Recv says why.
	ErrEnded = errors.New("room: call ended")
	// ErrProtocol means that the server's first message is not that one joined.
	ErrProtocol = errors.New("room: not welcomed")
)

// Member is somebody in a room of a server. See Join.
type Member struct {
	stream  grpc.BidiStreamingClient[roomv1.ChatRequest, roomv1.ChatResponse]
	cancel  context.CancelFunc
	welcome *roomv1.ChatResponse
	turn    chan struct{}
	left    bool // by whose turn it is
}

// Join enters a room, and returns once the server says that it did. The stay
// ends with ctx, or see Leave.
//
// The error is ErrProtocol or the call's status; nothing of the call is left then.
func Join(ctx context.Context, client roomv1.RoomServiceClient, room, name string) (_ *Member, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	stream, err := client.Chat(ctx)
	if err != nil {
		return nil, err
	}
	err = stream.Send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Join{Join: &roomv1.Join{Room: room, Name: name}}})
	if err != nil && err != io.EOF {
		return nil, err
	}
	first, err := stream.Recv()
	if err == io.EOF {
		return nil, fmt.Errorf("%w: the call ended", ErrProtocol)
	}
	if err != nil {
		return nil, err
	}
	if first.GetJoined() == nil || first.GetName() != name {
		return nil, fmt.Errorf("%w: %v", ErrProtocol, first)
	}
	return &Member{stream: stream, cancel: cancel, welcome: first, turn: make(chan struct{}, 1)}, nil
}

// Welcome returns the event of one's own joining: its number, and who was there.
func (m *Member) Welcome() *roomv1.ChatResponse { return m.welcome }

// Say says a text to everybody in the room. Any goroutines may call it.
//
// The error is ErrLeft after Leave, even when the call is over; else ErrEnded when
// the call is over, or a status.
func (m *Member) Say(text string) error {
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	if m.left {
		return ErrLeft
	}
	err := m.stream.Send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Say{Say: text}})
	if err == io.EOF || err != nil && m.stream.Context().Err() != nil {
		return ErrEnded
	}
	return err
}

// Leave says goodbye: nothing more can be said, and Recv returns what happened
// before, and then io.EOF. To leave twice does no harm.
func (m *Member) Leave() error {
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	if m.left {
		return nil
	}
	m.left = true
	return m.stream.CloseSend()
}

// Recv returns the next event of the room. One goroutine at a time may call it.
//
// The error is io.EOF when the stay ended well, or the call's status; nothing of
// the call is left then.
func (m *Member) Recv() (*roomv1.ChatResponse, error) {
	e, err := m.stream.Recv()
	if err != nil {
		m.cancel()
	}
	return e, err
}
