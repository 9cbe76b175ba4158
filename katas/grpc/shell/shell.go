//go:build !solution

// Package shell runs programs from afar: their input and output go over one
// call, in both directions at once.
package shell

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/example/netkata/harness/todo"
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
	// TODO
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
	// TODO
	return todo.Err
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
	// TODO
	return 0, todo.Err
}
