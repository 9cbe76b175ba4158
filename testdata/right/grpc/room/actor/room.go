//go:build solution

// Package room has a goroutine for each room, which alone knows who is in it, and
// does what the others send it: there is no lock around a room. The client's Member
// has a goroutine that alone sends.
package room

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"

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

// Server is the RoomService. See New.
type Server struct {
	roomv1.UnimplementedRoomServiceServer
	limits Limits
	ctx    context.Context // done when the server stops
	stop   context.CancelFunc

	mu    sync.Mutex
	rooms map[string]*room
}

// room is what the others have of a room: a way to its goroutine.
type room struct {
	users int // calls that use it; the server's mu is held
	do    chan func(*state)
}

// state is what the goroutine of a room has.
type state struct {
	number  int64
	members map[string]*member
}

type member struct {
	name  string
	queue chan *roomv1.ChatResponse
	end   context.CancelCauseFunc
}

func New(limits Limits) *Server {
	ctx, stop := context.WithCancel(context.Background())
	return &Server{limits: limits, ctx: ctx, stop: stop, rooms: map[string]*room{}}
}

func (s *Server) Stop() { s.stop() }

func (s *Server) Rooms() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, r := range s.rooms {
		r.wait(func(st *state) {
			if len(st.members) > 0 {
				n++
			}
		})
	}
	return n
}

// use returns a room, whose goroutine runs until the last one gives it back.
func (s *Server) use(name string) *room {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rooms[name]
	if r == nil {
		r = &room{do: make(chan func(*state))}
		s.rooms[name] = r
		go r.run()
	}
	r.users++
	return r
}

func (s *Server) giveBack(name string, r *room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.users--; r.users == 0 {
		delete(s.rooms, name)
		close(r.do)
	}
}

func (r *room) run() {
	st := &state{members: map[string]*member{}}
	for f := range r.do {
		f(st)
		if len(st.members) == 0 {
			st.number = 0
		}
	}
}

// wait has the room's goroutine call f, and waits until it has.
func (r *room) wait(f func(*state)) {
	done := make(chan struct{})
	r.do <- func(st *state) { f(st); close(done) }
	<-done
}

// tell makes an event for each member, of which fill knows more.
func (st *state) tell(name string, fill func(e *roomv1.ChatResponse, to *member)) {
	st.number++
	var slow []*member
	for _, m := range st.members {
		e := &roomv1.ChatResponse{Number: st.number, Name: name}
		fill(e, m)
		select {
		case m.queue <- e:
		default:
			slow = append(slow, m)
		}
	}
	for _, m := range slow { // who has missed one gets no other, not even of the leaving
		m.end(status.Error(codes.ResourceExhausted, "too slow"))
		delete(st.members, m.name)
		close(m.queue)
	}
	for _, m := range slow {
		st.tellLeft(m)
	}
}

func (st *state) join(m *member) bool {
	if st.members[m.name] != nil {
		return false
	}
	st.members[m.name] = m
	st.tell(m.name, func(e *roomv1.ChatResponse, to *member) {
		joined := new(roomv1.Joined)
		if to == m {
			joined.Members = slices.Sorted(maps.Keys(st.members))
		}
		e.Event = &roomv1.ChatResponse_Joined{Joined: joined}
	})
	return true
}

func (st *state) say(m *member, text string) {
	if st.members[m.name] == m {
		st.tell(m.name, func(e *roomv1.ChatResponse, _ *member) { e.Event = &roomv1.ChatResponse_Said{Said: text} })
	}
}

func (st *state) leave(m *member) {
	if st.members[m.name] != m {
		return
	}
	delete(st.members, m.name)
	close(m.queue)
	st.tellLeft(m)
}

func (st *state) tellLeft(m *member) {
	st.tell(m.name, func(e *roomv1.ChatResponse, _ *member) {
		e.Event = &roomv1.ChatResponse_Left{Left: new(roomv1.Left)}
	})
}

// Chat waits for the end, and for nothing else.
func (s *Server) Chat(stream roomv1.RoomService_ChatServer) error {
	ctx, end := context.WithCancelCause(stream.Context())
	defer end(nil)
	stopped := status.Error(codes.Unavailable, "stopped")
	if s.ctx.Err() != nil {
		return stopped
	}
	defer context.AfterFunc(s.ctx, func() { end(stopped) })()
	go func() {
		err := s.stay(end, stream)
		if err == nil {
			err = io.EOF
		}
		end(err)
	}()
	<-ctx.Done()
	err := context.Cause(ctx)
	if err == io.EOF {
		return nil
	}
	if _, ok := status.FromError(err); !ok {
		err = status.FromContextError(err).Err()
	}
	return err
}

// stay is a member's stay, from Join to the last event sent.
func (s *Server) stay(end context.CancelCauseFunc, stream roomv1.RoomService_ChatServer) error {
	req, err := stream.Recv()
	if err == io.EOF {
		return status.Error(codes.InvalidArgument, "goodbye before hello")
	}
	if err != nil {
		return err
	}
	join := req.GetJoin()
	if err := errors.Join(check(join.GetRoom(), s.limits.Name), check(join.GetName(), s.limits.Name)); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	r := s.use(join.Room)
	defer s.giveBack(join.Room, r)
	m := &member{name: join.Name, queue: make(chan *roomv1.ChatResponse, s.limits.Queue), end: end}
	in := false
	if r.wait(func(st *state) { in = st.join(m) }); !in {
		return status.Error(codes.AlreadyExists, m.name+" is here already")
	}
	sent := make(chan error, 1)
	go func() { sent <- m.send(stream) }()
	err = s.hear(r, m, stream)
	r.wait(func(st *state) { st.leave(m) })
	if err != nil {
		return err
	}
	return <-sent
}

func (m *member) send(stream roomv1.RoomService_ChatServer) error {
	for e := range m.queue {
		if err := stream.Send(e); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) hear(r *room, m *member, stream roomv1.RoomService_ChatServer) error {
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := check(req.GetSay(), s.limits.Text); err != nil {
			return err
		}
		r.wait(func(st *state) { st.say(m, req.GetSay()) })
	}
}

func check(text string, limit int) error {
	if text == "" || len(text) > limit {
		return status.Errorf(codes.InvalidArgument, "%d bytes", len(text))
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return status.Error(codes.InvalidArgument, "control character")
		}
	}
	return nil
}

var (
	ErrLeft     = errors.New("room: left")
	ErrEnded    = errors.New("room: call ended")
	ErrProtocol = errors.New("room: not welcomed")
)

// Member is somebody in a room of a server. See Join.
type Member struct {
	welcome *roomv1.ChatResponse
	stream  roomv1.RoomService_ChatClient
	cancel  context.CancelFunc
	asks    chan ask
	left    atomic.Bool
}

// ask is what the goroutine that sends is asked for: a text, or goodbye.
type ask struct {
	text    string
	goodbye bool
	err     chan error
}

func Join(ctx context.Context, client roomv1.RoomServiceClient, room, name string) (m *Member, err error) {
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
	welcome, err := stream.Recv()
	switch {
	case err == io.EOF:
		return nil, fmt.Errorf("%w: the call has ended", ErrProtocol)
	case err != nil:
		return nil, fmt.Errorf("join: %w", err)
	case welcome.GetJoined() == nil || welcome.GetName() != name:
		return nil, fmt.Errorf("%w: %v", ErrProtocol, welcome)
	}
	m = &Member{welcome: welcome, stream: stream, cancel: cancel, asks: make(chan ask)}
	go m.send()
	return m, nil
}

// send does what it is asked, until the call is over.
func (m *Member) send() {
	left := false
	for {
		select {
		case <-m.stream.Context().Done():
			return
		case a := <-m.asks:
			switch {
			case left && a.goodbye:
				a.err <- nil
			case left:
				a.err <- ErrLeft
			case a.goodbye:
				left = true
				a.err <- m.stream.CloseSend()
			default:
				err := m.stream.Send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Say{Say: a.text}})
				if err == io.EOF {
					err = ErrEnded
				}
				a.err <- err
			}
		}
	}
}

func (m *Member) ask(a ask) error {
	a.err = make(chan error, 1)
	select {
	case m.asks <- a:
		return <-a.err
	case <-m.stream.Context().Done():
		if m.left.Load() {
			return ErrLeft
		}
		return ErrEnded
	}
}

func (m *Member) Welcome() *roomv1.ChatResponse { return m.welcome }

func (m *Member) Say(text string) error { return m.ask(ask{text: text}) }

func (m *Member) Leave() error {
	m.left.Store(true)
	if err := m.ask(ask{goodbye: true}); err != ErrLeft {
		return err
	}
	return nil
}

func (m *Member) Recv() (*roomv1.ChatResponse, error) {
	e, err := m.stream.Recv()
	if err != nil {
		m.cancel()
	}
	return e, err
}
