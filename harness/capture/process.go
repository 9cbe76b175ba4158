package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
)

// process is a server that runs.
type process struct {
	addr *net.UDPAddr // where it answers, over UDP and TCP
	cmd  *exec.Cmd
	log  string        // the file that has what it printed
	gone chan struct{} // closed once it has ended
}

// start starts cmd, a server that will answer at addr, with what it prints in a
// file in cmd.Dir. It waits until the server knows the SOA records of all names
// in ready, over UDP and TCP. When that does not come about, the server is
// stopped and the error ends with the last lines that it printed.
func start(ctx context.Context, cmd *exec.Cmd, addr *net.UDPAddr, ready []string) (*process, error) {
	p := &process{addr: addr, cmd: cmd, log: filepath.Join(cmd.Dir, "log"), gone: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the server has its own handle
	cmd.Stdout, cmd.Stderr = log, log
	if err := unprivileged(cmd); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait() // the log says more than the exit code
		close(p.gone)
	}()
	if err := p.await(ctx, ready); err != nil {
		p.stop()
		return nil, fmt.Errorf("%w; the last that it printed:\n%s", err, p.tail())
	}
	return p, nil
}

// await asks for the SOA record of each name until the server has it.
func (p *process) await(ctx context.Context, names []string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for _, network := range []string{"udp", "tcp"} {
		for _, name := range names {
			for !knows(ctx, network, p.addr.String(), name) {
				select {
				case <-p.gone:
					return errors.New("it ended before it answered")
				case <-ctx.Done():
					return fmt.Errorf("no SOA record of %q over %s: %w", name, network, ctx.Err())
				case <-again.C:
				}
			}
		}
	}
	return nil
}

// knows says whether the server at addr answers with the SOA record of name.
func knows(ctx context.Context, network, addr, name string) bool {
	q := new(dns.Msg).SetQuestion(name, dns.TypeSOA)
	query, err := q.Pack()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	response, err := exchange(ctx, network, addr, query)
	if err != nil {
		return false
	}
	var r dns.Msg
	return r.Unpack(response) == nil && r.Id == q.Id && r.Rcode == dns.RcodeSuccess && len(r.Answer) > 0
}

// stop ends the server and its children: politely, and after a while not so.
func (p *process) stop() {
	terminate(p.cmd)
	select {
	case <-p.gone:
	case <-time.After(5 * time.Second):
	}
	kill(p.cmd) // a child may have outlived its parent
	<-p.gone
}

// tail returns the last lines that the server printed.
func (p *process) tail() []byte {
	said, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.SplitAfter(bytes.TrimSpace(said), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-10):], nil)
}
