//go:build solution

// Package shell runs programs from afar. Habit: one goroutine sends; everybody
// else hands it what is to go.
package shell

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	shellv1 "github.com/example/netkata/pb/shell/v1"
)

// MaxChunk is how many bytes of input or output one message carries at most, of
// those that are sent. A receiver of grpc-go refuses messages above 4 MiB.
const MaxChunk = 32 << 10

// ErrNoExit means that the call ended with OK, and without the exit code.
var ErrNoExit = errors.New("shell: no exit code")

// Terminal is where input comes from and output goes to.
type Terminal struct {
	Stdin          io.Reader // of this and the next two, none is nil
	Stdout, Stderr io.Writer
	// Resized gives the window's new size when it has changed; the first one is
	// in Start. From nil, and once it is closed, none comes.
	Resized <-chan *shellv1.Size
}

// Program is what can be run. It returns its exit code. It may start goroutines
// that use t at the same time, and must have ended them when it returns. When
// ctx is done, its output goes nowhere, and it should return.
type Program func(ctx context.Context, start *shellv1.Start, t Terminal) int

// Server is the ShellService. The zero value has no programs.
type Server struct {
	shellv1.UnimplementedShellServiceServer

	Programs map[string]Program // by Start.program; not changed while it serves
}
type serverStream = grpc.BidiStreamingServer[shellv1.RunRequest, shellv1.RunResponse]

// result is how a program ended.
type result struct {
	code     int
	panicked bool
}

func (s *Server) Run(stream serverStream) error {
	req, err := stream.Recv()
	if errors.Is(err, io.EOF) || err == nil && req.GetStart() == nil {
		return status.Error(codes.InvalidArgument, "want Start first")
	} else if err != nil {
		return err
	}
	program := s.Programs[req.GetStart().GetProgram()]
	if program == nil {
		return status.Error(codes.NotFound, "there is no such program")
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	in := newInbox()
	defer context.AfterFunc(ctx, func() { in.fail(ctx.Err()) })()
	defer in.fail(io.ErrClosedPipe)
	sizes, resized := make(chan *shellv1.Size), make(chan *shellv1.Size)
	go forward(ctx, sizes, resized)
	refused := make(chan error, 1)
	go func() {
		if err := receive(ctx, stream, in, sizes); err != nil {
			refused <- err
			cancel()
		}
	}()

	queue, ended := make(chan *shellv1.RunResponse), make(chan result, 1)
	terminal := Terminal{
		Stdin: in,
		Stdout: pieces(ctx, queue, func(p []byte) *shellv1.RunResponse {
			return &shellv1.RunResponse{Event: &shellv1.RunResponse_Stdout{Stdout: p}}
		}),
		Stderr: pieces(ctx, queue, func(p []byte) *shellv1.RunResponse {
			return &shellv1.RunResponse{Event: &shellv1.RunResponse_Stderr{Stderr: p}}
		}),
		Resized: resized,
	}
	go func() {
		r := result{panicked: true}
		defer func() {
			recover()
			ended <- r
		}()
		r = result{code: program(ctx, req.GetStart(), terminal)}
	}()
	sent := make(chan error, 1)
	go func() {
		for res := range queue {
			if err := stream.Send(res); err != nil {
				cancel()
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	r := <-ended
	if !r.panicked {
		select {
		case queue <- &shellv1.RunResponse{Event: &shellv1.RunResponse_Exit{Exit: &shellv1.Exit{Code: int32(r.code)}}}:
		case <-ctx.Done():
		}
	}
	close(queue)
	select {
	case err = <-sent:
	case <-ctx.Done(): // the sender stays in Send until the handler is gone
	}
	select {
	case err := <-refused:
		return err
	default:
	}
	switch {
	case stream.Context().Err() != nil:
		return status.FromContextError(stream.Context().Err()).Err()
	case r.panicked:
		return status.Error(codes.Internal, "the program failed")
	}
	return err
}

// receive gives what comes to the inbox, until the half-close or an error.
func receive(ctx context.Context, stream serverStream, in *inbox, sizes chan<- *shellv1.Size) error {
	for {
		req, err := stream.Recv()
		switch {
		case err == io.EOF:
			in.fail(io.EOF)
			return nil
		case err != nil:
			in.fail(err)
			return err
		case req.GetResize() != nil:
			select {
			case sizes <- req.GetResize():
			case <-ctx.Done():
			}
		default:
			stdin, ok := req.GetEvent().(*shellv1.RunRequest_Stdin)
			if !ok {
				err := status.Error(codes.InvalidArgument, "want input or a size")
				in.fail(err)
				return err
			}
			in.put(stdin.Stdin)
		}
	}
}

// forward offers the latest of what comes, once.
func forward(ctx context.Context, from <-chan *shellv1.Size, to chan<- *shellv1.Size) {
	var latest *shellv1.Size
	for {
		offer := to
		if latest == nil {
			offer = nil
		}
		select {
		case latest = <-from:
		case offer <- latest:
			latest = nil
		case <-ctx.Done():
			return
		}
	}
}

// inbox is input that the program has not read yet: about 256 KiB.
type inbox struct {
	mu      sync.Mutex
	changed *sync.Cond
	data    []byte
	err     error // behind the data if it is io.EOF, else in place of it
}

func newInbox() *inbox {
	in := new(inbox)
	in.changed = sync.NewCond(&in.mu)
	return in
}

func (in *inbox) put(p []byte) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.data) > 256<<10 && in.err == nil {
		in.changed.Wait()
	}
	in.data = append(in.data, p...)
	in.changed.Broadcast()
}

func (in *inbox) fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.err == nil || in.err == io.EOF {
		in.err = err
	}
	in.changed.Broadcast()
}

func (in *inbox) Read(p []byte) (int, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for len(in.data) == 0 && in.err == nil {
		in.changed.Wait()
	}
	if in.err != nil && (in.err != io.EOF || len(in.data) == 0) {
		return 0, in.err
	}
	n := copy(p, in.data)
	in.data = in.data[n:]
	in.changed.Broadcast()
	return n, nil
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// pieces returns a Writer that hands on what is written, in small pieces.
func pieces(ctx context.Context, queue chan<- *shellv1.RunResponse, wrap func([]byte) *shellv1.RunResponse) io.Writer {
	return writer(func(p []byte) (n int, err error) {
		for len(p) > 0 {
			piece := append([]byte{}, p[:min(len(p), 16<<10)]...)
			select {
			case queue <- wrap(piece):
				n += len(piece)
				p = p[len(piece):]
			case <-ctx.Done():
				return n, ctx.Err()
			}
		}
		return n, nil
	})
}

func Run(ctx context.Context, client shellv1.ShellServiceClient, start *shellv1.Start, t Terminal) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Run(ctx)
	if err != nil {
		return 0, err
	}
	requests, failed := make(chan *shellv1.RunRequest), make(chan error, 1)
	go func() {
		if stream.Send(&shellv1.RunRequest{Event: &shellv1.RunRequest_Start{Start: start}}) != nil {
			return
		}
		for {
			select {
			case req := <-requests:
				if req == nil {
					stream.CloseSend()
					return
				} else if stream.Send(req) != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	hand := func(req *shellv1.RunRequest) bool {
		select {
		case requests <- req:
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		for ctx.Err() == nil {
			buf := make([]byte, 8<<10)
			n, err := t.Stdin.Read(buf)
			if n > 0 && !hand(&shellv1.RunRequest{Event: &shellv1.RunRequest_Stdin{Stdin: buf[:n]}}) {
				return
			}
			if err == io.EOF {
				hand(nil)
				return
			} else if err != nil {
				failed <- err
				cancel()
				return
			}
		}
	}()
	go func() {
		for {
			select {
			case size, ok := <-t.Resized:
				if !ok || !hand(&shellv1.RunRequest{Event: &shellv1.RunRequest_Resize{Resize: size}}) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()

	var exit *shellv1.Exit
	for {
		res, err := stream.Recv()
		if err == io.EOF && exit == nil {
			return 0, ErrNoExit
		} else if err == io.EOF {
			return int(exit.GetCode()), nil
		} else if err != nil {
			select {
			case err := <-failed:
				return 0, err
			default:
				return 0, err
			}
		}
		if res.GetExit() != nil {
			exit = res.GetExit()
		}
		if _, err := t.Stdout.Write(res.GetStdout()); err != nil {
			return 0, err
		}
		if _, err := t.Stderr.Write(res.GetStderr()); err != nil {
			return 0, err
		}
	}
}
