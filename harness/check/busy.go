package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
)

// busyArg makes this program one of the others that keep a processor busy.
const busyArg = "be-busy"

// loadProcessors starts a busy program for each processor. They end with stop,
// and also when this program dies: their standard input is then closed.
func loadProcessors(ctx context.Context) (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var started []func() error
	stop = func() {
		for _, end := range started {
			end()
		}
	}
	for range runtime.GOMAXPROCS(0) {
		cmd := exec.CommandContext(ctx, self, busyArg)
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			stop()
			return nil, err
		}
		started = append(started, func() error { return errors.Join(in.Close(), cmd.Wait()) })
	}
	return stop, nil
}

// beBusy computes until its input is closed.
func beBusy(in io.Reader) {
	go func() {
		io.Copy(io.Discard, in)
		os.Exit(0)
	}()
	for n := uint64(1); ; n += n*n + 1 {
		_ = n
	}
}
