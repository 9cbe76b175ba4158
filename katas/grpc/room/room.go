//go:build !solution

// Package room passes on what each member of a room says to everybody in it, in
// one order, over a call in both directions.
package room

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"github.com/example/netkata/harness/todo"
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
	// TODO
}

// New returns a Server in which nobody is yet. It starts no goroutine.
func New(limits Limits) *Server {
	// TODO
	return new(Server)
}

// Rooms returns how many rooms there are: those that somebody is in.
func (s *Server) Rooms() int {
	// TODO
	return 0
}

// Stop ends every call with Unavailable: who wants to go on may come back, to
// another server. From then on nobody gets in. It waits for nobody, and to stop
// twice does no harm.
func (s *Server) Stop() {
	// TODO
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
	// TODO
	return todo.Err
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
	// TODO
}

// Join enters a room, and returns once the server says that it did. The stay
// ends with ctx, or see Leave.
//
// The error is ErrProtocol or the call's status; nothing of the call is left then.
func Join(ctx context.Context, client roomv1.RoomServiceClient, room, name string) (*Member, error) {
	// TODO
	return nil, todo.Err
}

// Welcome returns the event of one's own joining: its number, and who was there.
func (m *Member) Welcome() *roomv1.ChatResponse {
	// TODO
	return nil
}

// Say says a text to everybody in the room. Any goroutines may call it.
//
// The error is ErrLeft after Leave, even when the call is over; else ErrEnded when
// the call is over, or a status.
func (m *Member) Say(text string) error {
	// TODO
	return todo.Err
}

// Leave says goodbye: nothing more can be said, and Recv returns what happened
// before, and then io.EOF. To leave twice does no harm.
func (m *Member) Leave() error {
	// TODO
	return todo.Err
}

// Recv returns the next event of the room. One goroutine at a time may call it.
//
// The error is io.EOF when the stay ended well, or the call's status; nothing of
// the call is left then.
func (m *Member) Recv() (*roomv1.ChatResponse, error) {
	// TODO
	return nil, todo.Err
}
