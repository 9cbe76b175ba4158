//go:build solution

// Package shell runs programs from afar: their input and output go over one
// call, in both directions at once.
package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

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
// context is done, and its Reads and Writes fail, even a Write that waits for a
// client who does not read; Run waits for the program.
func (s *Server) Run(stream grpc.BidiStreamingServer[shellv1.RunRequest, shellv1.RunResponse]) error {
	first, err := stream.Recv()
	if err == io.EOF {
		return status.Error(codes.InvalidArgument, "half-closed before Start")
	}
	if err != nil {
		return err
	}
	start := first.GetStart()
	if start == nil {
		return status.Error(codes.InvalidArgument, "the first message is not Start")
	}
	program, ok := s.Programs[start.GetProgram()]
	if !ok {
		return status.Errorf(codes.NotFound, "no program %q", start.GetProgram())
	}

	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	input, stdin := io.Pipe()
	defer input.Close() // wakes the receiver, where the program has not read all
	sizes := make(chan *shellv1.Size, 1)
	go func() {
		err := receive(stream, stdin, sizes)
		if err != nil {
			cancel(err)
		}
		stdin.CloseWithError(err) // nil is io.EOF
	}()
	// A Recv that waits does not see the client go while it waits for the program.
	defer context.AfterFunc(ctx, func() { stdin.CloseWithError(context.Cause(ctx)) })()

	out := &sender{ctx: ctx, stream: stream, turn: make(chan struct{}, 1)}
	code, err := call(ctx, program, start, Terminal{input, output{out, stdout}, output{out, stderr}, sizes})
	switch {
	case ctx.Err() != nil:
		return asStatus(context.Cause(ctx))
	case err != nil:
		return err
	}
	return asStatus(out.send(&shellv1.RunResponse{Event: &shellv1.RunResponse_Exit{Exit: &shellv1.Exit{Code: int32(code)}}}))
}

// call runs the program. A panic ends its call, not the process.
func call(ctx context.Context, program Program, start *shellv1.Start, t Terminal) (code int, err error) {
	defer func() {
		if p := recover(); p != nil {
			slog.Error("program panicked", "program", start.GetProgram(), "panic", p, "stack", string(debug.Stack()))
			err = status.Errorf(codes.Internal, "program %q failed", start.GetProgram())
		}
	}()
	return program(ctx, start, t), nil
}

// receive hands on what the client sends, until its half-close.
func receive(stream grpc.BidiStreamingServer[shellv1.RunRequest, shellv1.RunResponse], stdin io.Writer, sizes chan *shellv1.Size) error {
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch event := req.GetEvent().(type) {
		case *shellv1.RunRequest_Stdin:
			if len(event.Stdin) == 0 {
				continue // a Read that brings nothing would only confuse
			}
			if _, err := stdin.Write(event.Stdin); err == io.ErrClosedPipe {
				return nil // the program is over
			} else if err != nil {
				return err
			}
		case *shellv1.RunRequest_Resize:
			latest(sizes, event.Resize)
		case *shellv1.RunRequest_Start:
			return status.Error(codes.InvalidArgument, "Start came twice")
		default:
			return status.Error(codes.InvalidArgument, "a message without an event")
		}
	}
}

// latest puts size into sizes, in place of one that nobody has taken. Only one
// goroutine puts.
func latest(sizes chan *shellv1.Size, size *shellv1.Size) {
	select {
	case <-sizes:
	default:
	}
	sizes <- size
}

func asStatus(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.FromContextError(err).Err()
}

// sender has one goroutine at a time send: a stream allows no more.
type sender struct {
	ctx    context.Context
	stream grpc.BidiStreamingServer[shellv1.RunRequest, shellv1.RunResponse]
	turn   chan struct{} // holds a value while somebody sends
}

// send waits until the message is sent, or ctx is done. A Send that waits for a
// client who does not read ends when the handler returns, which waits for the
// program, which is here. So send is the one that gives up, and leaves Send alone.
func (s *sender) send(res *shellv1.RunResponse) error {
	select {
	case s.turn <- struct{}{}:
	case <-s.ctx.Done():
	}
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	sent := make(chan error, 1)
	go func() {
		defer func() { <-s.turn }()
		sent <- s.stream.Send(res)
	}()
	select {
	case err := <-sent:
		return err
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// output is a program's Stdout or Stderr.
type output struct {
	to   *sender
	wrap func([]byte) *shellv1.RunResponse
}

func stdout(p []byte) *shellv1.RunResponse {
	return &shellv1.RunResponse{Event: &shellv1.RunResponse_Stdout{Stdout: p}}
}

func stderr(p []byte) *shellv1.RunResponse {
	return &shellv1.RunResponse{Event: &shellv1.RunResponse_Stderr{Stderr: p}}
}

func (o output) Write(p []byte) (n int, err error) {
	for n < len(p) {
		// A copy: p is the program's again, and who looks at messages may do so later.
		chunk := bytes.Clone(p[n:min(len(p), n+MaxChunk)])
		if err := o.to.send(o.wrap(chunk)); err != nil {
			return n, err
		}
		n += len(chunk)
	}
	return n, nil
}

// Run runs a program on the server: what t.Stdin gives goes to its input, until
// io.EOF; its output goes to t.Stdout and t.Stderr. New sizes go to it as long
// as its input does. Run returns when the program has ended and its output is
// written, even while a Read of t.Stdin still waits; what that Read brings is
// lost. No other goroutine stays: for a Write that waits, Run waits.
//
// The error is ErrNoExit; what t.Stdin, t.Stdout or t.Stderr failed with; or
// that of the call, with its status, also where Exit had come. The code is 0 then.
func Run(ctx context.Context, client shellv1.ShellServiceClient, start *shellv1.Start, t Terminal) (code int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := client.Run(ctx)
	if err != nil {
		return 0, err
	}
	go func() {
		if err := send(ctx, stream, start, t); err != nil {
			cancel(stdinError{err})
		}
	}()
	code, err = receiveOutput(stream, t)
	if local := (stdinError{}); errors.As(context.Cause(ctx), &local) && err != nil {
		return 0, local.error
	}
	return code, err
}

// stdinError is the cause of a call's end that is the caller's own.
type stdinError struct{ error }

// send is the one that sends: Start, then input and sizes as they come. The
// error is that of t.Stdin. Those of the stream, receiveOutput meets as well.
func send(ctx context.Context, stream grpc.BidiStreamingClient[shellv1.RunRequest, shellv1.RunResponse], start *shellv1.Start, t Terminal) error {
	if stream.Send(&shellv1.RunRequest{Event: &shellv1.RunRequest_Start{Start: start}}) != nil {
		return nil
	}
	chunks, failed := make(chan []byte), make(chan error, 1)
	go read(ctx, t.Stdin, chunks, failed)
	sizes := t.Resized
	for {
		var req shellv1.RunRequest
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			if err != io.EOF {
				return err
			}
			stream.CloseSend()
			return nil
		case chunk := <-chunks:
			req.Event = &shellv1.RunRequest_Stdin{Stdin: chunk}
		case size, ok := <-sizes:
			if !ok {
				sizes = nil
				continue
			}
			req.Event = &shellv1.RunRequest_Resize{Resize: size}
		}
		if stream.Send(&req) != nil {
			return nil
		}
	}
}

// read reads until ctx is done or stdin fails. It is a goroutine of its own, as
// nothing can end a Read that waits.
func read(ctx context.Context, stdin io.Reader, chunks chan<- []byte, failed chan<- error) {
	buf := make([]byte, MaxChunk)
	for {
		n, err := stdin.Read(buf)
		if n > 0 {
			select {
			case chunks <- bytes.Clone(buf[:n]): // messages may be looked at later
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			failed <- err
			return
		}
	}
}

// receiveOutput writes what the program writes, until the call ends.
func receiveOutput(stream grpc.BidiStreamingClient[shellv1.RunRequest, shellv1.RunResponse], t Terminal) (code int, err error) {
	exited := false
	for {
		res, err := stream.Recv()
		switch {
		case err == io.EOF && exited:
			return code, nil
		case err == io.EOF:
			return 0, ErrNoExit
		case err != nil:
			return 0, err
		}
		switch event := res.GetEvent().(type) {
		case *shellv1.RunResponse_Stdout:
			_, err = t.Stdout.Write(event.Stdout)
		case *shellv1.RunResponse_Stderr:
			_, err = t.Stderr.Write(event.Stderr)
		case *shellv1.RunResponse_Exit:
			code, exited = int(event.Exit.GetCode()), true
		}
		if err != nil {
			return 0, fmt.Errorf("shell: output: %w", err)
		}
	}
}
