//go:build solution

// Package room passes on what each member of a room says to everybody in it, in
// one order, over a call in both directions.
package room

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
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

	limits  Limits
	stopped chan struct{} // closed by Stop

	// mu puts all that happens into one order. Whoever holds it waits for nobody:
	// events go into queues, and a full queue is the member's problem.
	mu    sync.Mutex
	rooms map[string]*room // those that somebody is in
}

// room is one in which somebody is.
type room struct {
	name    string
	number  int64 // of the last event
	members map[string]*member
}

// member is somebody in a room, until it has left.
type member struct {
	room   *room
	name   string
	queue  chan *roomv1.ChatResponse // closed when it has left
	cut    chan struct{}             // closed when it has left with a status other than OK
	status error                     // set before either is closed
}

// chat is a call, as the server sees it.
type chat = grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse]

// New returns a Server in which nobody is yet. It starts no goroutine.
func New(limits Limits) *Server {
	return &Server{limits: limits, stopped: make(chan struct{}), rooms: map[string]*room{}}
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
	if !s.hasStopped() {
		close(s.stopped)
	}
}

func (s *Server) hasStopped() bool {
	select {
	case <-s.stopped:
		return true
	default:
		return false
	}
}

var errStopped = status.Error(codes.Unavailable, "the server stops")

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
	join, err := s.waitForJoin(stream)
	if err != nil {
		return err
	}
	m, err := s.join(join)
	if err != nil {
		return err
	}
	// The handler must be free to return: that alone ends a Send that waits for a
	// client who does not read.
	sent := make(chan error, 1)
	go func() { sent <- m.send(stream) }()
	go func() { s.leave(m, s.listen(stream, m)) }()
	select {
	case err = <-sent: // all of it: the queue is closed
	case <-m.cut:
		err = m.status
	case <-s.stopped:
		err = errStopped
	}
	s.leave(m, err)
	return err
}

// waitForJoin returns the client's first message, unless the server stops first.
func (s *Server) waitForJoin(stream chat) (*roomv1.Join, error) {
	type first struct {
		req *roomv1.ChatRequest
		err error
	}
	received := make(chan first, 1)
	go func() {
		req, err := stream.Recv()
		received <- first{req, err}
	}()
	select {
	case <-s.stopped:
		return nil, errStopped
	case f := <-received:
		if f.err == io.EOF {
			return nil, status.Error(codes.InvalidArgument, "half-closed before Join")
		}
		return f.req.GetJoin(), f.err
	}
}

func (s *Server) join(join *roomv1.Join) (*member, error) {
	where, name := join.GetRoom(), join.GetName()
	switch {
	case join == nil:
		return nil, status.Error(codes.InvalidArgument, "the first message is not Join")
	case !isText(where, s.limits.Name):
		return nil, status.Error(codes.InvalidArgument, "bad name of a room")
	case !isText(name, s.limits.Name):
		return nil, status.Error(codes.InvalidArgument, "bad name of a member")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hasStopped() {
		return nil, errStopped
	}
	r := s.rooms[where]
	if r == nil {
		r = &room{name: where, members: map[string]*member{}}
		s.rooms[where] = r
	}
	if r.members[name] != nil {
		return nil, status.Errorf(codes.AlreadyExists, "somebody in %q is called %q", where, name)
	}
	return s.enter(r, name), nil
}

// isText says whether a text that protobuf let through, which is UTF-8, is one
// that may be said, or a name.
func isText(s string, limit int) bool {
	return s != "" && len(s) <= limit && !strings.ContainsFunc(s, unicode.IsControl)
}

// enter has a new member in the room, and tells everybody. s.mu is held.
func (s *Server) enter(r *room, name string) *member {
	m := &member{room: r, name: name, queue: make(chan *roomv1.ChatResponse, s.limits.Queue), cut: make(chan struct{})}
	slow := r.tell(&roomv1.ChatResponse{Name: name, Event: &roomv1.ChatResponse_Joined{Joined: &roomv1.Joined{}}})
	r.members[name] = m
	m.queue <- &roomv1.ChatResponse{Number: r.number, Name: name, Event: &roomv1.ChatResponse_Joined{
		Joined: &roomv1.Joined{Members: slices.Sorted(maps.Keys(r.members))}}}
	s.drop(slow) // not before somebody is there to stay: the room would be gone
	return m
}

// listen hears what the member says, until its half-close.
func (s *Server) listen(stream chat, m *member) error {
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		said, ok := req.GetEvent().(*roomv1.ChatRequest_Say)
		if !ok || !isText(said.Say, s.limits.Text) {
			return status.Error(codes.InvalidArgument, "nothing that can be said")
		}
		s.say(m, said.Say)
	}
}

func (s *Server) say(m *member, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.isIn() {
		s.drop(m.room.tell(&roomv1.ChatResponse{Name: m.name, Event: &roomv1.ChatResponse_Said{Said: text}}))
	}
}

// leave ends the member's stay, if it has not ended yet.
func (s *Server) leave(m *member, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(m, err)
}

// tell gives an event its number and puts it into every queue. Nobody changes
// it after that: it is the same for all. It returns those whose queue is full,
// who have missed it and must go. s.mu is held.
func (r *room) tell(event *roomv1.ChatResponse) (slow []*member) {
	r.number++
	event.Number = r.number
	for _, m := range r.members {
		select {
		case m.queue <- event:
		default:
			slow = append(slow, m)
		}
	}
	return slow
}

// drop removes those who are too slow: all of them, before anybody hears of it.
// The next one has missed an event as well, and its queue may have space again.
// s.mu is held.
func (s *Server) drop(slow []*member) {
	for _, m := range slow {
		m.end(status.Errorf(codes.ResourceExhausted, "more than %d events wait to be read", s.limits.Queue))
	}
	for _, m := range slow {
		s.tellLeft(m)
	}
}

// remove is leave, for who holds s.mu.
func (s *Server) remove(m *member, err error) {
	if m.isIn() {
		m.end(err)
		s.tellLeft(m)
	}
}

// end takes the member out of its room. The server's mu is held.
func (m *member) end(err error) {
	delete(m.room.members, m.name)
	m.status = err
	close(m.queue)
	if err != nil {
		close(m.cut)
	}
}

// tellLeft tells those who are left in the room, if there are any. s.mu is held.
func (s *Server) tellLeft(m *member) {
	r := m.room
	if len(r.members) == 0 {
		delete(s.rooms, r.name)
		return
	}
	s.drop(r.tell(&roomv1.ChatResponse{Name: m.name, Event: &roomv1.ChatResponse_Left{Left: &roomv1.Left{}}}))
}

// isIn says whether the member has not left. The server's mu is held.
func (m *member) isIn() bool { return m.room.members[m.name] == m }

// send is the one that sends, until the member has left and has been told all.
func (m *member) send(stream chat) error {
	for event := range m.queue {
		if err := stream.Send(event); err != nil {
			return err
		}
	}
	return m.status
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

	turn chan struct{} // holds a value while somebody sends
	left bool
}

// Join enters a room, and returns once the server says that it did. The stay
// ends with ctx, or see Leave.
//
// The error is ErrProtocol or the call's status; nothing of the call is left then.
func Join(ctx context.Context, client roomv1.RoomServiceClient, room, name string) (*Member, error) {
	ctx, cancel := context.WithCancel(ctx)
	m := &Member{cancel: cancel, turn: make(chan struct{}, 1)}
	if err := m.join(ctx, client, &roomv1.Join{Room: room, Name: name}); err != nil {
		cancel()
		return nil, err
	}
	return m, nil
}

func (m *Member) join(ctx context.Context, client roomv1.RoomServiceClient, join *roomv1.Join) (err error) {
	if m.stream, err = client.Chat(ctx); err != nil {
		return err
	}
	if err := m.send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Join{Join: join}}); err != nil && err != ErrEnded {
		return err
	}
	m.welcome, err = m.stream.Recv()
	switch {
	case err == io.EOF:
		return ErrProtocol
	case err != nil:
		return err
	case m.welcome.GetJoined() == nil || m.welcome.GetName() != join.GetName():
		return ErrProtocol
	}
	return nil
}

// Welcome returns the event of one's own joining: its number, and who was there.
func (m *Member) Welcome() *roomv1.ChatResponse { return m.welcome }

// Say says a text to everybody in the room. Any goroutines may call it.
//
// The error is ErrLeft after Leave, even when the call is over; else ErrEnded when
// the call is over, or a status.
func (m *Member) Say(text string) error {
	return m.send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Say{Say: text}})
}

func (m *Member) send(req *roomv1.ChatRequest) error {
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	if m.left {
		return ErrLeft
	}
	err := m.stream.Send(req)
	if err == io.EOF {
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
	event, err := m.stream.Recv()
	if err != nil {
		m.cancel()
		return nil, err
	}
	return event, nil
}
