//go:build solution

// Package room has a slice for what waits for a member, of which the sender takes
// all that there is at once, and a context that tells why a call is over. The
// client's Member reads ahead.
package room

import (
	"context"
	"errors"
	"io"
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

// Server is the RoomService. See New.
type Server struct {
	roomv1.UnimplementedRoomServiceServer
	limits Limits

	mu      sync.Mutex
	stopped bool
	calls   map[*call]bool // members or not
	rooms   map[string][]*call
	numbers map[string]int64
}

// call is a call of Chat.
type call struct {
	grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse]
	s          *Server
	over       context.Context
	end        context.CancelCauseFunc
	room, name string // "" before Join, and when it has left
	waiting    []*roomv1.ChatResponse
	goodbye    bool
	wake       chan struct{}
}

func New(limits Limits) *Server {
	return &Server{limits: limits, calls: map[*call]bool{}, rooms: map[string][]*call{}, numbers: map[string]int64{}}
}

func (s *Server) Rooms() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rooms)
}

var (
	errStopped = status.Error(codes.Unavailable, "stopped")
	errOK      = errors.New("all is sent")
)

func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for c := range s.calls {
		c.end(errStopped)
	}
	clear(s.rooms)
	clear(s.numbers)
}

func (s *Server) Chat(stream grpc.BidiStreamingServer[roomv1.ChatRequest, roomv1.ChatResponse]) error {
	c := &call{BidiStreamingServer: stream, s: s, wake: make(chan struct{}, 1)}
	c.over, c.end = context.WithCancelCause(stream.Context())
	defer c.end(nil)
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return errStopped
	}
	s.calls[c] = true
	s.mu.Unlock()
	go c.receive()
	go c.sendAll()
	<-c.over.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c)
	c.leave()
	switch err := context.Cause(c.over); {
	case err == errOK:
		return nil
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return status.FromContextError(err).Err()
	default:
		return err
	}
}

func (c *call) receive() {
	for {
		req, err := c.Recv()
		if err == nil || err == io.EOF {
			err = c.handle(req, err == io.EOF)
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			c.s.mu.Lock()
			c.end(err)
			c.leave()
			c.s.mu.Unlock()
			return
		}
	}
}

// handle takes one message, or the half-close, for which it returns io.EOF.
func (c *call) handle(req *roomv1.ChatRequest, eof bool) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.over.Err() != nil {
		return io.EOF
	}
	if c.room == "" {
		join := req.GetJoin()
		if eof || join == nil || bad(join.GetRoom(), c.s.limits.Name) || bad(join.GetName(), c.s.limits.Name) {
			return status.Error(codes.InvalidArgument, "no good Join")
		}
		return c.join(join.GetRoom(), join.GetName())
	}
	if eof {
		c.goodbye = true
		c.leave()
		c.nudge()
		return io.EOF
	}
	say, ok := req.GetEvent().(*roomv1.ChatRequest_Say)
	if !ok || bad(say.Say, c.s.limits.Text) {
		return status.Error(codes.InvalidArgument, "no good text")
	}
	c.s.tell(c.room, func(number int64, _ *call) *roomv1.ChatResponse {
		return &roomv1.ChatResponse{Number: number, Name: c.name, Event: &roomv1.ChatResponse_Said{Said: say.Say}}
	})
	return nil
}

func bad(text string, limit int) bool {
	return len(text) == 0 || len(text) > limit || strings.IndexFunc(text, unicode.IsControl) >= 0
}

func (c *call) join(where, name string) error {
	members := []string{name}
	for _, other := range c.s.rooms[where] {
		if other.name == name {
			return status.Errorf(codes.AlreadyExists, "%q is taken", name)
		}
		members = append(members, other.name)
	}
	slices.Sort(members)
	c.room, c.name = where, name
	c.s.rooms[where] = append(c.s.rooms[where], c)
	c.s.tell(where, func(number int64, to *call) *roomv1.ChatResponse {
		joined := new(roomv1.Joined)
		if to == c {
			joined.Members = members
		}
		return &roomv1.ChatResponse{Number: number, Name: name, Event: &roomv1.ChatResponse_Joined{Joined: joined}}
	})
	return nil
}

// leave takes a member out of its room, if it is in one.
func (c *call) leave() {
	where, name := c.room, c.name
	i := slices.Index(c.s.rooms[where], c)
	if i < 0 {
		return
	}
	c.s.rooms[where] = slices.Delete(slices.Clone(c.s.rooms[where]), i, i+1)
	if len(c.s.rooms[where]) == 0 {
		delete(c.s.rooms, where)
		delete(c.s.numbers, where)
		return
	}
	c.s.tell(where, func(number int64, _ *call) *roomv1.ChatResponse {
		return &roomv1.ChatResponse{Number: number, Name: name, Event: &roomv1.ChatResponse_Left{Left: new(roomv1.Left)}}
	})
}

// tell makes an event for each member.
func (s *Server) tell(where string, event func(number int64, to *call) *roomv1.ChatResponse) {
	s.numbers[where]++
	number := s.numbers[where]
	var slow []*call
	for _, c := range s.rooms[where] {
		if len(c.waiting) == s.limits.Queue {
			slow = append(slow, c)
			continue
		}
		c.waiting = append(c.waiting, event(number, c))
		c.nudge()
	}
	for _, c := range slow {
		c.end(status.Error(codes.ResourceExhausted, "read faster"))
		c.leave()
	}
}

func (c *call) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *call) sendAll() {
	for {
		select {
		case <-c.wake:
		case <-c.over.Done():
			return
		}
		c.s.mu.Lock()
		batch, last := c.waiting, c.goodbye
		c.waiting = nil
		c.s.mu.Unlock()
		for _, e := range batch {
			if err := c.Send(e); err != nil {
				c.end(err)
				return
			}
		}
		if last {
			c.end(errOK)
			return
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
	stream  grpc.BidiStreamingClient[roomv1.ChatRequest, roomv1.ChatResponse]
	ctx     context.Context
	welcome *roomv1.ChatResponse
	ahead   chan *roomv1.ChatResponse // closed behind the last one
	err     error                     // set before ahead is closed

	left    atomic.Bool
	sending sync.Mutex
}

func Join(ctx context.Context, client roomv1.RoomServiceClient, room, name string) (*Member, error) {
	ctx, cancel := context.WithCancel(ctx)
	m := &Member{ctx: ctx, ahead: make(chan *roomv1.ChatResponse, 8)}
	var err error
	if m.stream, err = client.Chat(ctx); err != nil {
		cancel()
		return nil, err
	}
	m.stream.Send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Join{Join: &roomv1.Join{Room: room, Name: name}}})
	go func() {
		defer cancel()
		m.read()
	}()
	if m.welcome, err = m.Recv(); err == nil && m.welcome.GetJoined() != nil && m.welcome.GetName() == name {
		return m, nil
	}
	cancel()
	if err == nil || err == io.EOF {
		err = ErrProtocol
	}
	return nil, err
}

func (m *Member) read() {
	defer close(m.ahead)
	for {
		e, err := m.stream.Recv()
		if err != nil {
			m.err = err
			return
		}
		select {
		case m.ahead <- e:
		case <-m.ctx.Done():
			m.err = status.FromContextError(m.ctx.Err()).Err()
			return
		}
	}
}

func (m *Member) Welcome() *roomv1.ChatResponse { return m.welcome }

func (m *Member) Say(text string) error {
	m.sending.Lock()
	defer m.sending.Unlock()
	if m.left.Load() {
		return ErrLeft
	}
	err := m.stream.Send(&roomv1.ChatRequest{Event: &roomv1.ChatRequest_Say{Say: text}})
	if err == io.EOF {
		err = ErrEnded
	}
	return err
}

func (m *Member) Leave() error {
	if m.left.Swap(true) {
		return nil
	}
	m.sending.Lock()
	defer m.sending.Unlock()
	return m.stream.CloseSend()
}

func (m *Member) Recv() (*roomv1.ChatResponse, error) {
	if e, ok := <-m.ahead; ok {
		return e, nil
	}
	return nil, m.err
}
