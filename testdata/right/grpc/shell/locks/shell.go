//go:build solution

// Package shell runs programs from afar. Habit: whoever has something to send
// sends it, under a lock; input waits in a channel with room for a message.
package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

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

func (s *Server) Run(stream grpc.BidiStreamingServer[shellv1.RunRequest, shellv1.RunResponse]) error {
	first, err := stream.Recv()
	if err != nil && err != io.EOF {
		return err
	}
	begin, ok := first.GetEvent().(*shellv1.RunRequest_Start)
	if !ok {
		return status.Error(codes.InvalidArgument, "Start has to come first")
	}
	program, ok := s.Programs[begin.Start.GetProgram()]
	if !ok {
		return status.Errorf(codes.NotFound, "%q", begin.Start.GetProgram())
	}
	ctx, cancel := context.WithCancelCause(stream.Context())
	over := make(chan struct{})
	defer close(over)
	c := &call{stream: stream, ctx: ctx, input: make(chan []byte, 1), sizes: make(chan *shellv1.Size, 1)}
	go func() {
		if err := c.receive(over); err != nil {
			cancel(err)
			return
		}
		close(c.input)
	}()
	return c.run(program, begin.Start)
}

// call is one that is served.
type call struct {
	stream grpc.BidiStreamingServer[shellv1.RunRequest, shellv1.RunResponse]
	ctx    context.Context
	input  chan []byte
	sizes  chan *shellv1.Size
	rest   []byte // of the last message from input; of the program alone

	mu sync.Mutex // around Send
}

func (c *call) receive(over <-chan struct{}) error {
	for {
		req, err := c.stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch event := req.GetEvent().(type) {
		case *shellv1.RunRequest_Stdin:
			select {
			case c.input <- event.Stdin:
			case <-over:
				return nil
			case <-c.ctx.Done():
				return c.ctx.Err()
			}
		case *shellv1.RunRequest_Resize:
			for sent := false; !sent; {
				select {
				case c.sizes <- event.Resize:
					sent = true
				default:
					select {
					case <-c.sizes:
					default:
					}
				}
			}
		default:
			return status.Errorf(codes.InvalidArgument, "unexpected %T", event)
		}
	}
}

func (c *call) run(program Program, start *shellv1.Start) (err error) {
	defer func() {
		switch p := recover(); {
		case c.ctx.Err() != nil:
			if err = context.Cause(c.ctx); errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
				err = status.FromContextError(err).Err()
			}
		case p != nil:
			err = status.Error(codes.Internal, "the program is broken")
		}
	}()
	code := program(c.ctx, proto.CloneOf(start), Terminal{Stdin: c, Stdout: stdout{c}, Stderr: stderr{c}, Resized: c.sizes})
	return c.send(&shellv1.RunResponse{Event: &shellv1.RunResponse_Exit{Exit: &shellv1.Exit{Code: int32(code)}}})
}

// Read reads input, for one goroutine at a time.
func (c *call) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if err := c.ctx.Err(); err != nil {
			return 0, err
		}
		var ok bool
		select {
		case c.rest, ok = <-c.input:
			if !ok {
				return 0, io.EOF
			}
		case <-c.ctx.Done():
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *call) send(res *shellv1.RunResponse) error {
	done := make(chan error, 1)
	go func() { // it may stay in Send for as long as the handler does
		c.mu.Lock()
		defer c.mu.Unlock()
		done <- c.stream.Send(res)
	}()
	select {
	case err := <-done:
		return err
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

type (
	stdout struct{ c *call }
	stderr struct{ c *call }
)

func (s stdout) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		k := min(len(p), MaxChunk)
		if err = s.c.send(&shellv1.RunResponse{Event: &shellv1.RunResponse_Stdout{Stdout: bytes.Clone(p[:k])}}); err == nil {
			n, p = n+k, p[k:]
		}
	}
	return n, err
}

func (s stderr) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		k := min(len(p), MaxChunk)
		if err = s.c.send(&shellv1.RunResponse{Event: &shellv1.RunResponse_Stderr{Stderr: bytes.Clone(p[:k])}}); err == nil {
			n, p = n+k, p[k:]
		}
	}
	return n, err
}

func Run(ctx context.Context, client shellv1.ShellServiceClient, start *shellv1.Start, t Terminal) (code int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Run(ctx)
	if err != nil {
		return 0, fmt.Errorf("run: %w", err)
	}
	failed := make(chan error, 1)
	var mu sync.Mutex // around Send and CloseSend
	closed := false
	send := func(req *shellv1.RunRequest) error {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			return io.ErrClosedPipe
		}
		return stream.Send(req)
	}
	send(&shellv1.RunRequest{Event: &shellv1.RunRequest_Start{Start: start}}) // if it fails, Recv says why
	go func() {
		for {
			select {
			case size, ok := <-t.Resized:
				if !ok || send(&shellv1.RunRequest{Event: &shellv1.RunRequest_Resize{Resize: size}}) != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		buf := make([]byte, MaxChunk)
		for ctx.Err() == nil {
			n, err := t.Stdin.Read(buf)
			if ctx.Err() != nil {
				return
			}
			if n > 0 && send(&shellv1.RunRequest{Event: &shellv1.RunRequest_Stdin{Stdin: bytes.Clone(buf[:n])}}) != nil {
				return
			}
			if errors.Is(err, io.EOF) {
				mu.Lock()
				closed = true
				stream.CloseSend()
				mu.Unlock()
				return
			}
			if err != nil {
				failed <- fmt.Errorf("reading input: %w", err)
				cancel()
				return
			}
		}
	}()
	exited := false
	for {
		res, err := stream.Recv()
		if err == nil {
			switch event := res.GetEvent().(type) {
			case *shellv1.RunResponse_Stdout:
				_, err = t.Stdout.Write(event.Stdout)
			case *shellv1.RunResponse_Stderr:
				_, err = t.Stderr.Write(event.Stderr)
			case *shellv1.RunResponse_Exit:
				code, exited = int(event.Exit.GetCode()), true
			}
			if err != nil {
				return 0, fmt.Errorf("writing output: %w", err)
			}
			continue
		}
		select {
		case err := <-failed:
			return 0, err
		default:
		}
		switch {
		case err == io.EOF && exited:
			return code, nil
		case err == io.EOF:
			return 0, fmt.Errorf("run: %w", ErrNoExit)
		default:
			return 0, fmt.Errorf("run: %w", err)
		}
	}
}
