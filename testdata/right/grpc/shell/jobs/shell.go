//go:build solution

// Package shell runs programs from afar. Habit: a goroutine sends what it is
// given, and says how that went; Resized is closed with the input; on the client
// side whoever reads sends, under a lock.
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

// Run runs the program that the first message names, until it returns. The
// client's half-close is the end of its input; what it writes is sent in
// messages of MaxChunk bytes at most, and its exit code last. Input that the
// program does not read stays with the client.
//
// The status is InvalidArgument where the first message is not Start, or a later
// one is neither input nor a size; NotFound for an unknown program; Internal for
// one that panics. When the call is over before the program is, the program's
// context is done, and its Reads and Writes fail; Run waits for it.
func (s *Server) Run(stream grpc.BidiStreamingServer[shellv1.RunRequest, shellv1.RunResponse]) (err error) {
	first, err := stream.Recv()
	if err == io.EOF {
		return status.Error(codes.InvalidArgument, "no start came")
	}
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return status.Error(codes.InvalidArgument, "start comes first")
	}
	prog := s.Programs[start.Program]
	if prog == nil {
		return status.Errorf(codes.NotFound, "no program %q", start.Program)
	}

	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	in := &input{ctx: ctx, more: make(chan []byte), eof: make(chan struct{})}
	sizes := make(chan *shellv1.Size, 1)
	go func() {
		defer close(sizes)
		for {
			m, err := stream.Recv()
			if err == io.EOF {
				close(in.eof)
				return
			}
			if err != nil {
				cancel(err)
				return
			}
			switch e := m.Event.(type) {
			case *shellv1.RunRequest_Stdin:
				if len(e.Stdin) == 0 {
					continue
				}
				select {
				case in.more <- e.Stdin:
				case <-ctx.Done():
					return
				}
			case *shellv1.RunRequest_Resize:
				select {
				case <-sizes:
				default:
				}
				sizes <- e.Resize
			default:
				cancel(status.Error(codes.InvalidArgument, "neither stdin nor resize"))
				return
			}
		}
	}()

	type job struct {
		m    *shellv1.RunResponse
		done chan error
	}
	jobs := make(chan job)
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			select {
			case j := <-jobs:
				j.done <- stream.Send(j.m)
			case <-over:
				return
			}
		}
	}()
	send := func(m *shellv1.RunResponse) error {
		done := make(chan error, 1)
		select {
		case jobs <- job{m, done}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	t := Terminal{
		Stdin: in,
		Stdout: chunks(func(p []byte) error {
			return send(&shellv1.RunResponse{Event: &shellv1.RunResponse_Stdout{Stdout: p}})
		}),
		Stderr: chunks(func(p []byte) error {
			return send(&shellv1.RunResponse{Event: &shellv1.RunResponse_Stderr{Stderr: p}})
		}),
		Resized: sizes,
	}
	var code int
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, err = call(ctx, prog, start, t)
	}()
	<-ended
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		err := context.Cause(ctx)
		if _, ok := status.FromError(err); ok {
			return err
		}
		return status.FromContextError(err).Err()
	}
	return send(&shellv1.RunResponse{Event: &shellv1.RunResponse_Exit{Exit: &shellv1.Exit{Code: int32(code)}}})
}

func call(ctx context.Context, prog Program, start *shellv1.Start, t Terminal) (code int, err error) {
	defer func() {
		if recover() != nil {
			err = status.Error(codes.Internal, "the program panicked")
		}
	}()
	return prog(ctx, start, t), nil
}

type input struct {
	ctx  context.Context
	more chan []byte
	eof  chan struct{}

	mu   sync.Mutex
	rest []byte
}

func (r *input) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rest) == 0 {
		select {
		case r.rest = <-r.more:
		case <-r.eof:
			return 0, io.EOF
		case <-r.ctx.Done():
			return 0, context.Cause(r.ctx)
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

type chunks func(p []byte) error

func (c chunks) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		k := min(len(p), MaxChunk)
		if err := c(append([]byte(nil), p[:k]...)); err != nil {
			return n, err
		}
		n += k
		p = p[k:]
	}
	return n, nil
}

// Run runs a program on the server: what t.Stdin gives goes to its input, until
// io.EOF; its output goes to t.Stdout and t.Stderr. New sizes go to it as long
// as its input does. Run returns when the program has ended and its output is
// written, even while a Read of t.Stdin still waits; what that Read brings is
// lost. No other goroutine stays.
//
// The error is ErrNoExit; what t.Stdin, t.Stdout or t.Stderr failed with; or
// that of the call, with its status. The code is 0 then.
func Run(ctx context.Context, client shellv1.ShellServiceClient, start *shellv1.Start, t Terminal) (code int, err error) {
	outer := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	stream, err := client.Run(ctx)
	if err != nil {
		cancel(nil)
		return 0, err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)

	var mu sync.Mutex
	closed := false
	send := func(m *shellv1.RunRequest) error {
		mu.Lock()
		defer mu.Unlock()
		if closed {
			return io.EOF
		}
		return stream.Send(m)
	}
	if err := send(&shellv1.RunRequest{Event: &shellv1.RunRequest_Start{Start: start}}); err != nil && err != io.EOF {
		return 0, err
	}
	go func() {
		for ctx.Err() == nil {
			buf := make([]byte, 4096)
			n, err := t.Stdin.Read(buf)
			if n > 0 && send(&shellv1.RunRequest{Event: &shellv1.RunRequest_Stdin{Stdin: buf[:n]}}) != nil {
				return
			}
			if err == io.EOF {
				mu.Lock()
				closed = true
				stream.CloseSend()
				mu.Unlock()
				return
			}
			if err != nil {
				cancel(err)
				return
			}
		}
	}()
	wg.Go(func() {
		for {
			select {
			case sz, ok := <-t.Resized:
				if !ok || send(&shellv1.RunRequest{Event: &shellv1.RunRequest_Resize{Resize: sz}}) != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})

	exited := false
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			if !exited {
				return 0, ErrNoExit
			}
			return code, nil
		}
		if err != nil {
			if e := context.Cause(ctx); e != nil && outer.Err() == nil {
				return 0, e
			}
			return 0, err
		}
		switch e := m.Event.(type) {
		case *shellv1.RunResponse_Stdout:
			err = write(t.Stdout, e.Stdout)
		case *shellv1.RunResponse_Stderr:
			err = write(t.Stderr, e.Stderr)
		case *shellv1.RunResponse_Exit:
			code, exited = int(e.Exit.GetCode()), true
		}
		if err != nil {
			return 0, err
		}
	}
}

func write(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}
