package memnet_test

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/netkata/harness/memnet"
)

// acceptErrors calls Accept that often and says what each call gave.
func acceptErrors(ln net.Listener, calls int) []error {
	var all []error
	for range calls {
		_, err := ln.Accept()
		all = append(all, errors.Unwrap(errors.Unwrap(err)))
	}
	return all
}

func TestAcceptFaults(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("127.0.0.1:7")
		n.Disturb(memnet.To(ln.Addr()), memnet.MustParse("emfile 1, aborted 3"))
		for range 2 {
			n.Dial(t.Context(), "tcp", "127.0.0.1:7")
		}
		got := acceptErrors(ln, 4)
		want := []error{syscall.EMFILE, nil, syscall.ECONNABORTED, nil}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestAcceptFails(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("127.0.0.1:7")
		done := make(chan []error)
		go func() { done <- acceptErrors(ln, 3) }()
		synctest.Wait() // it waits in Accept
		ln.Fail(syscall.EMFILE, 2)
		synctest.Wait()
		n.Dial(t.Context(), "tcp", "127.0.0.1:7")
		if got, want := <-done, []error{syscall.EMFILE, syscall.EMFILE, nil}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		ln.Fail(syscall.EMFILE, 1)
		_, err := ln.Accept()
		if want := "accept tcp 127.0.0.1:7: accept: too many open files"; err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
}

// A dial that nobody answers ends when its context does, or as Linux would.
func TestDialWaits(t *testing.T) {
	for _, c := range []struct {
		why  string
		ctx  func() (context.Context, context.CancelFunc)
		want time.Duration
		kind error
	}{
		{"a deadline", func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.Background(), 3*time.Second)
		}, 3 * time.Second, context.DeadlineExceeded},
		{"cancelled meanwhile", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(time.Second, cancel)
			return ctx, cancel
		}, time.Second, context.Canceled},
		{"the kernel gives up", func() (context.Context, context.CancelFunc) {
			return context.WithCancel(context.Background())
		}, 127 * time.Second, syscall.ETIMEDOUT},
	} {
		bubble(t, func(t *testing.T, n *memnet.Network) {
			n.Silence("192.0.2.1:80")
			ctx, cancel := c.ctx()
			defer cancel()
			began := time.Now()
			_, err := n.Dial(ctx, "tcp", "192.0.2.1:80")
			if took := time.Since(began); took != c.want || !errors.Is(err, c.kind) {
				t.Errorf("%s: %v after %v; want %v after %v", c.why, err, took, c.kind, c.want)
			}
			var e *net.OpError
			if !errors.As(err, &e) || e.Op != "dial" || e.Timeout() != (c.kind != context.Canceled) {
				t.Errorf("%s: %#v", c.why, e)
			}
		})
	}
}

// 4096 connections wait for Accept; one more waits for room among them.
func TestBacklog(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		ln, _ := n.Listen("127.0.0.1:7")
		for range 4096 {
			if _, err := n.Dial(t.Context(), "tcp", "127.0.0.1:7"); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		for range 2 {
			go func() {
				_, err := n.Dial(t.Context(), "tcp", "127.0.0.1:7")
				done <- err
			}()
		}
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("a dial too many: %v", err)
		default:
		}
		ln.Accept()
		if err := <-done; err != nil {
			t.Errorf("after an Accept: %v", err)
		}
		ln.Close()
		if err := <-done; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("after Close: %v, want refused", err)
		}
	})
}

// In fake time, deadlines are exact, and can be moved while a call waits.
func TestDeadlineExact(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		began := time.Now()
		c, s := n.Pipe()
		c.SetReadDeadline(began.Add(3 * time.Second))
		time.AfterFunc(2*time.Second, func() { c.SetReadDeadline(began.Add(7 * time.Second)) })
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 7*time.Second {
			t.Errorf("%v after %v, want a timeout after 7s", err, time.Since(began))
		}
		s.SetWriteDeadline(time.Now().Add(time.Second))
		if k, err := s.Write(make([]byte, 1<<20)); k != n.Buffer || !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 8*time.Second {
			t.Errorf("Write = %d, %v after %v", k, err, time.Since(began))
		}
	})
}

// What arrives at the very instant of the deadline is too late, always.
func TestDeadlineWins(t *testing.T) {
	for range 100 {
		bubble(t, func(t *testing.T, n *memnet.Network) {
			c, s := n.Pipe()
			at := time.Now().Add(time.Second)
			c.SetReadDeadline(at)
			go func() {
				time.Sleep(time.Second)
				s.Write([]byte("x"))
			}()
			if k, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("Read = %d, %v", k, err)
			}
		})
	}
}

// Outside of a bubble too, a deadline without a monotonic clock reading ends.
func TestDeadlineWallClock(t *testing.T) {
	n := memnet.New()
	c, _ := n.Pipe()
	c.SetReadDeadline(time.Now().Round(0).Add(time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
}

func TestNetworkClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // ends only if all of them do
		n := memnet.New()
		ln, _ := n.Listen("127.0.0.1:7")
		p, _ := n.ListenPacket("127.0.0.1:7")
		c, _ := n.Pipe()
		_, s := n.Pipe()
		errs := make(chan error)
		go func() { _, err := ln.Accept(); errs <- err }()
		go func() { _, _, err := p.ReadFrom(nil); errs <- err }()
		go func() { _, err := c.Read(make([]byte, 1)); errs <- err }()
		go func() { _, err := s.Write(make([]byte, 1<<20)); errs <- err }()
		synctest.Wait()
		if open := n.Open(); len(open) != 6 {
			t.Errorf("open: %v", open)
		}
		n.Close()
		for range 4 {
			if err := <-errs; !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
		}
		if open := n.Open(); len(open) != 0 {
			t.Errorf("still open: %v", open)
		}
	})
}

// Port 0 gives ports from 40001 on, the same in each run.
func TestPorts(t *testing.T) {
	n := memnet.New()
	ln, _ := n.Listen("127.0.0.1:0")
	p, _ := n.ListenPacket("[::1]:0")
	c, _ := n.Dial(t.Context(), "tcp", ln.Addr().String())
	for i, got := range []net.Addr{ln.Addr(), p.LocalAddr(), c.LocalAddr()} {
		if want := []string{"127.0.0.1:40001", "[::1]:40002", "127.0.0.1:40003"}[i]; got.String() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}
