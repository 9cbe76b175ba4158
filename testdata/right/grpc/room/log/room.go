//go:build solution

// Package room keeps one log of events for each room, in which every member has
// a place of its own, and wakes all who wait for more. The client's Member has a
// mutex.
package room

import (
	"context"
	"errors"
	"io"
	"sort"
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

// Server is the RoomService. See New.
type Server struct {
	roomv1.UnimplementedRoomServiceServer
	limits Limits
	ctx    context.Context // done when the server stops
	stop   context.CancelFunc

	mu    sync.Mutex
	rooms map[string]*room
}

type room struct {
	log     []*roomv1.ChatResponse // event n is log[n-1-gone]
	gone    int64
	more    chan struct{} // closed when there is more, or somebody left
	members []*member
}

type member struct {
	name    string
	welcome *roomv1.ChatResponse
	read    int64 // the last event that Send was given
	out     bool
	rest    []*roomv1.ChatResponse // still to be sent, once out
	end     error
	ended   context.CancelFunc
}

func New(limits Limits) *Server {
	ctx, stop := context.WithCancel(context.Background())
	return &Server{limits: limits, ctx: ctx, stop: stop, rooms: make(map[string]*room)}
}

func (s *Server) Rooms() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rooms)
}

func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	for name, r := range s.rooms {
		for _, m := range r.members {
			m.out, m.end = true, unavailable()
			m.ended()
		}
		delete(s.rooms, name)
	}
}

func unavailable() error { return status.Error(codes.Unavailable, "going down") }

func (s *Server) Chat(stream grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse]) error {
	ended, end := context.WithCancel(context.Background())
	defer end()
	finished := make(chan error, 2)
	m := &member{ended: end}
	go func() { finished <- s.receive(stream, m, finished) }()
	for {
		select {
		case err := <-finished:
			if err == errGoodbye {
				continue // what is left is being sent
			}
			return err
		case <-ended.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			return m.end
		case <-s.ctx.Done():
			return unavailable()
		}
	}
}

var errGoodbye = errors.New("goodbye")

// receive reads all that the client sends.
func (s *Server) receive(stream grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse], m *member, finished chan<- error) error {
	req, err := stream.Recv()
	if err == io.EOF {
		return status.Error(codes.InvalidArgument, "who are you?")
	}
	if err != nil {
		return err
	}
	join, ok := req.Event.(*roomv1.ChatRequest_Join)
	if !ok || !s.fine(join.Join.GetRoom(), s.limits.Name) || !s.fine(join.Join.GetName(), s.limits.Name) {
		return status.Error(codes.InvalidArgument, "join, please")
	}
	name := join.Join.Room
	r, err := s.enter(name, join.Join.Name, m)
	if err != nil {
		return err
	}
	go func() { finished <- s.sendAll(stream, r, m) }()
	for {
		req, err := stream.Recv()
		say, ok := req.GetEvent().(*roomv1.ChatRequest_Say)
		switch {
		case err == io.EOF:
			s.out(name, r, m, nil)
			return errGoodbye
		case err == nil && (!ok || !s.fine(say.Say, s.limits.Text)):
			err = status.Error(codes.InvalidArgument, "what?")
		}
		if err != nil {
			s.out(name, r, m, err)
			return err
		}
		s.mu.Lock()
		if !m.out {
			s.append(name, r, &roomv1.ChatResponse{Name: m.name, Event: &roomv1.ChatResponse_Said{Said: say.Say}})
		}
		s.mu.Unlock()
	}
}

func (s *Server) fine(text string, limit int) bool {
	if len(text) < 1 || len(text) > limit {
		return false
	}
	for _, c := range text {
		if unicode.IsControl(c) {
			return false
		}
	}
	return true
}

func (s *Server) enter(where, name string, m *member) (*room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, unavailable()
	}
	r := s.rooms[where]
	if r == nil {
		r = &room{more: make(chan struct{})}
		s.rooms[where] = r
	}
	names := []string{name}
	for _, other := range r.members {
		if other.name == name {
			return nil, status.Error(codes.AlreadyExists, "taken")
		}
		names = append(names, other.name)
	}
	sort.Strings(names)
	m.name = name
	m.read = r.last()
	m.welcome = &roomv1.ChatResponse{Number: r.last() + 1, Name: name, Event: &roomv1.ChatResponse_Joined{Joined: &roomv1.Joined{Members: names}}}
	r.members = append(r.members, m)
	s.append(where, r, &roomv1.ChatResponse{Name: name, Event: &roomv1.ChatResponse_Joined{Joined: new(roomv1.Joined)}})
	return r, nil
}

func (r *room) last() int64 { return r.gone + int64(len(r.log)) }

// append adds an event, throws out those who are too far behind, and forgets
// what nobody needs.
func (s *Server) append(where string, r *room, e *roomv1.ChatResponse) {
	e.Number = r.last() + 1
	r.log = append(r.log, e)
	close(r.more)
	r.more = make(chan struct{})
	for again := true; again; {
		again = false
		for _, m := range r.members {
			if r.last()-m.read > int64(s.limits.Queue) {
				s.remove(where, r, m, status.Error(codes.ResourceExhausted, "too slow"))
				again = true
				break
			}
		}
	}
	needed := r.last()
	for _, m := range r.members {
		needed = min(needed, m.read)
	}
	r.log = append([]*roomv1.ChatResponse(nil), r.log[needed-r.gone:]...)
	r.gone = needed
}

func (s *Server) out(where string, r *room, m *member, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.out {
		s.remove(where, r, m, err)
	}
}

func (s *Server) remove(where string, r *room, m *member, err error) {
	m.out, m.end, m.rest = true, err, r.log[m.read-r.gone:]
	if err != nil {
		m.ended()
	}
	for i, other := range r.members {
		if other == m {
			r.members = append(r.members[:i:i], r.members[i+1:]...)
			break
		}
	}
	if len(r.members) == 0 {
		close(r.more)
		r.more = make(chan struct{})
		delete(s.rooms, where)
		return
	}
	s.append(where, r, &roomv1.ChatResponse{Name: m.name, Event: &roomv1.ChatResponse_Left{Left: new(roomv1.Left)}})
}

// sendAll sends the log, from the member's joining to its leaving.
func (s *Server) sendAll(stream grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse], r *room, m *member) error {
	for {
		s.mu.Lock()
		more, over, end := r.more, m.out && len(m.rest) == 0, m.end
		var next *roomv1.ChatResponse
		switch {
		case over:
		case m.out:
			next, m.rest = m.rest[0], m.rest[1:]
		case m.read < r.last():
			next = r.log[m.read-r.gone]
			m.read++
		}
		s.mu.Unlock()
		if over {
			return end
		}
		if next == nil {
			select {
			case <-more:
			case <-stream.Context().Done():
				return status.FromContextError(stream.Context().Err()).Err()
			}
			continue
		}
		if next.Number == m.welcome.Number {
			next = m.welcome
		}
		if err := stream.Send(next); err != nil {
			return err
		}
	}
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
	stream grpc.BidiStreamingClient[roomv1.ChatRequest, roomv1.ChatResponse]
	cancel context.CancelFunc
	first  *roomv1.ChatResponse

	mu   sync.Mutex // held by who sends
	left bool
}

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
	// What Send says does not matter: Recv knows.
	stream.Send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Join{Join: &roomv1.Join{Room: room, Name: name}}})
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil, ErrProtocol
	}
	if err != nil {
		return nil, err
	}
	if _, ok := first.Event.(*roomv1.ChatResponse_Joined); !ok || first.Name != name {
		return nil, ErrProtocol
	}
	return &Member{stream: stream, cancel: cancel, first: first}, nil
}

func (m *Member) Welcome() *roomv1.ChatResponse { return m.first }

func (m *Member) Say(text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left {
		return ErrLeft
	}
	if err := m.stream.Send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Say{Say: text}}); err != nil {
		return ErrEnded
	}
	return nil
}

func (m *Member) Leave() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = true
	m.stream.CloseSend()
	return nil
}

func (m *Member) Recv() (*roomv1.ChatResponse, error) {
	e, err := m.stream.Recv()
	if err != nil {
		m.cancel()
	}
	return e, err
}
