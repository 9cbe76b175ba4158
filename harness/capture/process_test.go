package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// The test binary plays the server: the first argument says where it listens,
// the variable how it behaves.
const fakeVariable = "CAPTURE_FAKE_SERVER"

func TestMain(m *testing.M) {
	switch behaviour := os.Getenv(fakeVariable); behaviour {
	case "":
		os.Exit(m.Run())
	case "serve", "refuse":
		fmt.Println(fakeServe(os.Args[1], behaviour == "refuse"))
		os.Exit(1)
	case "quit":
		fmt.Println("line 4: unknown option")
		os.Exit(1)
	}
}

// fakeServe answers every question with an SOA record, or refuses it.
func fakeServe(addr string, refuse bool) error {
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		if refuse {
			r.Rcode = dns.RcodeRefused
		} else {
			header := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeSOA, Class: dns.ClassINET}
			r.Answer = []dns.RR{&dns.SOA{Hdr: header, Ns: ".", Mbox: "."}}
		}
		w.WriteMsg(r)
	})
	failed := make(chan error)
	for _, network := range []string{"udp", "tcp"} {
		go func() { failed <- dns.ListenAndServe(addr, network, handler) }()
	}
	return <-failed
}

// fake returns the command that runs the test binary as a server, and its
// address.
func fake(t *testing.T, behaviour string) (*exec.Cmd, *net.UDPAddr) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	self, err = copyProgram(dir, self) // go test keeps it where nobody else may look
	if err != nil {
		t.Fatal(err)
	}
	tcp, udp, err := listenBoth()
	if err != nil {
		t.Fatal(err)
	}
	tcp.Close()
	udp.Close()
	addr := udp.LocalAddr().(*net.UDPAddr)
	cmd := exec.Command(self, addr.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), fakeVariable+"="+behaviour)
	return cmd, addr
}

func TestStartWaitsUntilTheServerAnswers(t *testing.T) {
	cmd, addr := fake(t, "serve")
	p, err := start(t.Context(), cmd, addr, []string{"example.com.", "."})
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"udp", "tcp"} {
		if !knows(t.Context(), network, addr.String(), "example.com.") {
			t.Errorf("started, and does not answer over %s", network)
		}
	}
	p.stop()
	select {
	case <-p.gone:
	default:
		t.Error("stopped, and still there")
	}
	if knows(t.Context(), "tcp", addr.String(), "example.com.") {
		t.Error("stopped, and still answers")
	}
}

func TestStartSaysWhatTheServerPrinted(t *testing.T) {
	cmd, addr := fake(t, "quit")
	_, err := start(t.Context(), cmd, addr, []string{"example.com."})
	if err == nil || !strings.Contains(err.Error(), "ended before it answered") || !strings.Contains(err.Error(), "line 4: unknown option") {
		t.Errorf("error %v, which should say that it ended and what it printed", err)
	}
}

// A server that refuses, say because it has not read its zones, is not ready.
func TestStartGivesUpAndCleansUp(t *testing.T) {
	cmd, addr := fake(t, "refuse")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := start(ctx, cmd, addr, []string{"example.com."})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the context", err)
	}
	if cmd.ProcessState == nil {
		t.Error("the server was left behind")
	}
}
