package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// pair is a query and the response to it, as they went over the wire. Over TCP
// the two length octets before each message are not part of them.
type pair struct {
	network  string // "udp" or "tcp"
	query    []byte
	response []byte // nil when none came
}

// relay passes queries on to a server, and the server's responses back, over
// UDP and TCP on one port of 127.0.0.1, and keeps what it passes on. It expects
// one client that waits for one response to each query.
type relay struct {
	target string
	tcp    net.Listener
	udp    net.PacketConn
	wait   sync.WaitGroup
	done   context.Context // ended by close
	cancel context.CancelFunc

	mu    sync.Mutex
	pairs []pair
}

// newRelay starts a relay to the server at target. It ends with ctx or close.
func newRelay(ctx context.Context, target string) (*relay, error) {
	tcp, udp, err := listenBoth()
	if err != nil {
		return nil, err
	}
	r := &relay{target: target, tcp: tcp, udp: udp}
	r.done, r.cancel = context.WithCancel(ctx)
	context.AfterFunc(r.done, func() { tcp.Close(); udp.Close() })
	r.wait.Go(r.serveUDP)
	r.wait.Go(r.serveTCP)
	return r, nil
}

// addr is where the relay listens.
func (r *relay) addr() *net.UDPAddr { return r.udp.LocalAddr().(*net.UDPAddr) }

// close stops the relay and returns what went through it, in order.
func (r *relay) close() []pair {
	r.cancel()
	r.wait.Wait()
	return r.pairs
}

func (r *relay) serveUDP() {
	buf := make([]byte, 1<<16)
	for {
		n, client, err := r.udp.ReadFrom(buf)
		if err != nil {
			return // closed
		}
		if response := r.pass("udp", buf[:n]); response != nil {
			r.udp.WriteTo(response, client) // a client that has gone needs none
		}
	}
}

func (r *relay) serveTCP() {
	for {
		conn, err := r.tcp.Accept()
		if err != nil {
			return // closed
		}
		r.wait.Go(func() { r.serveConn(conn) })
	}
}

func (r *relay) serveConn(conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(r.done, func() { conn.Close() })()
	for {
		query, err := readFrame(conn)
		if err != nil {
			return // the client is done
		}
		response := r.pass("tcp", query)
		if response == nil || writeFrame(conn, response) != nil {
			return
		}
	}
}

// pass has the server answer the query, and keeps both before anybody sees the
// response. It returns nil when there is none.
func (r *relay) pass(network string, query []byte) []byte {
	p := pair{network: network, query: append([]byte{}, query...)}
	p.response, _ = exchange(r.done, network, r.target, p.query)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pairs = append(r.pairs, p)
	return p.response
}

// exchange sends a query to addr and returns the first message that comes back.
// It gives up with ctx, or when its patience ends.
func exchange(ctx context.Context, network, addr string, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		if err := writeFrame(conn, query); err != nil {
			return nil, err
		}
		return readFrame(conn)
	}
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, 1<<16)
	n, err := conn.Read(buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// readFrame reads a message and the two length octets before it (RFC 1035, 4.2.2).
func readFrame(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(r, msg)
	return msg, err
}

// writeFrame writes a message, at most 65,535 octets, and its length before it,
// in one piece.
func writeFrame(w io.Writer, msg []byte) error {
	if len(msg) > 1<<16-1 {
		return fmt.Errorf("%d octets do not fit into a frame", len(msg))
	}
	frame := binary.BigEndian.AppendUint16(nil, uint16(len(msg)))
	_, err := w.Write(append(frame, msg...))
	return err
}

// listenBoth listens on one free port of 127.0.0.1 over TCP and UDP.
func listenBoth() (net.Listener, net.PacketConn, error) {
	var failed error
	for range 20 { // the port that is free for TCP may not be so for UDP
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err == nil {
			return tcp, udp, nil
		}
		tcp.Close()
		failed = errors.Join(failed, err)
	}
	return nil, nil, failed
}
