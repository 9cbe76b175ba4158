//go:build solution

// Package stream carries DNS messages over TCP, each behind its length, and asks
// over UDP first and over TCP where that is too narrow (RFC 7766).
package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/dns/dnsmessage"
)

// MaxLen is the length of the longest message, in octets.
const MaxLen = 65535

// Errors, wrapped with what they are about.
var (
	// ErrTooLong means that a message has more than MaxLen octets.
	ErrTooLong = errors.New("stream: message too long")
	// ErrReply means that what came back is no response to the query.
	ErrReply = errors.New("stream: not the response to this query")
)

// Read uses encoding/binary.
func Read(r io.Reader) ([]byte, error) {
	var n uint16
	if err := binary.Read(r, binary.BigEndian, &n); err != nil {
		return nil, err
	}
	var msg bytes.Buffer
	switch _, err := io.CopyN(&msg, r, int64(n)); {
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return msg.Bytes(), nil
}

// Write has miekg/dns write, which does it in one go.
func Write(w io.Writer, msg []byte) error {
	if len(msg) > dns.MaxMsgSize {
		return ErrTooLong
	}
	_, err := (&dns.Conn{Conn: writer{Writer: w}}).Write(msg)
	return err
}

// writer is a connection for miekg/dns: one that is none.
type writer struct {
	net.Conn
	io.Writer
}

func (w writer) Write(b []byte) (int, error) { return w.Writer.Write(b) }

// Handler appends the response to query to b and returns the extended slice; ok
// is false where silence is the answer. Until its response is sent, b and query
// are its own to change. It may return a slice of its own instead, which is only
// read. Many goroutines may call it at once.
type Handler func(b, query []byte) (response []byte, ok bool)

// Limits bound what clients may take. A field that is 0 stands for the value in
// parentheses.
type Limits struct {
	Idle  time.Duration // without a whole query, or with a response not taken (10 s)
	Conns int           // connections at a time (100)
	Queue int           // queries of one connection being answered at a time (16)
}

// Serve is idle, for a client, when all it asked is answered (RFC 7766, section 3).
func Serve(ctx context.Context, ln net.Listener, handle Handler, limits Limits) error {
	if limits.Idle == 0 {
		limits.Idle = 10 * time.Second
	}
	if limits.Conns == 0 {
		limits.Conns = 100
	}
	if limits.Queue == 0 {
		limits.Queue = 16
	}
	ctx, cancel := context.WithCancelCause(ctx)
	places := make(chan struct{}, limits.Conns)
	for range limits.Conns {
		places <- struct{}{}
	}
	var all sync.WaitGroup
	all.Go(func() {
		<-ctx.Done()
		ln.Close()
	})
	for {
		select {
		case <-places:
		case <-ctx.Done():
			all.Wait()
			return nil
		}
		conn, err := ln.Accept()
		switch {
		case err == nil:
			all.Go(func() {
				defer func() { places <- struct{}{} }()
				(&peer{Conn: conn, handle: handle, limits: limits, turn: make(chan bool, 1)}).serve(ctx)
			})
		case errors.Is(err, net.ErrClosed):
			told := ctx.Err() != nil
			cancel(nil)
			all.Wait()
			if told {
				return nil
			}
			return err
		default:
			slog.Info("no connection", "err", err)
			places <- struct{}{}
			timeout, stop := context.WithTimeout(ctx, 50*time.Millisecond)
			<-timeout.Done()
			stop()
		}
	}
}

type peer struct {
	net.Conn
	handle Handler
	limits Limits
	turn   chan bool // to write

	mu   sync.Mutex
	busy int // queries at work
	idle *time.Timer
}

func (p *peer) serve(ctx context.Context) {
	p.idle = time.AfterFunc(p.limits.Idle, func() { p.SetReadDeadline(time.Unix(1, 0)) })
	defer p.Close()
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-ctx.Done():
			p.Close()
		case <-done:
		}
	})
	defer watch.Wait()
	defer close(done)
	queue := make(chan []byte)
	var workers sync.WaitGroup
	for range p.limits.Queue {
		workers.Go(func() {
			for query := range queue {
				p.answer(query)
				p.work(-1)
			}
		})
	}
	for {
		query, err := Read(p)
		if err != nil {
			break
		}
		p.work(1)
		queue <- query
	}
	p.idle.Stop()
	close(queue)
	workers.Wait()
}

// work counts, and is idle from now on if that was the last.
func (p *peer) work(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.busy += n; p.busy > 0 {
		p.idle.Stop()
		return
	}
	p.idle.Reset(p.limits.Idle)
}

func (p *peer) answer(query []byte) {
	defer func() {
		if v := recover(); v != nil {
			slog.Error("panic", "value", v)
		}
	}()
	response, ok := p.handle(nil, query)
	if !ok {
		return
	}
	// One Write a response: package net does not mix them up. But it has one
	// deadline for all of them.
	p.turn <- true
	defer func() { <-p.turn }()
	p.SetWriteDeadline(time.Now().Add(p.limits.Idle))
	if Write(p, response) != nil {
		p.Close()
	}
}

// Dial connects to an address, as net.Dialer's DialContext does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Exchange has dnsmessage look at headers, and goroutines wait.
func Exchange(ctx context.Context, dial Dial, server string, query []byte) ([]byte, error) {
	response, err := ask(ctx, dial, "udp4", server, func(conn net.Conn) ([]byte, error) {
		if _, err := conn.Write(query); err != nil {
			return nil, err
		}
		for {
			buf := make([]byte, dns.MaxMsgSize)
			n, err := conn.Read(buf)
			if err != nil || isResponse(buf[:n], query) {
				return buf[:n:n], err
			}
		}
	})
	if err != nil || !header(response).Truncated {
		return response, err
	}
	return ask(ctx, dial, "tcp4", server, func(conn net.Conn) ([]byte, error) {
		if err := Write(conn, query); err != nil {
			return nil, err
		}
		response, err := Read(conn)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && !isResponse(response, query) {
			err = ErrReply
		}
		return response, err
	})
}

func header(msg []byte) dnsmessage.Header {
	var p dnsmessage.Parser
	h, _ := p.Start(msg)
	return h
}

func isResponse(msg, query []byte) bool {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	return err == nil && h.Response && h.ID == header(query).ID
}

func ask(ctx context.Context, dial Dial, network, server string, f func(net.Conn) ([]byte, error)) (response []byte, err error) {
	conn, err := dial(ctx, network, server)
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		response, err = f(conn)
	}()
	select {
	case <-done:
		conn.Close()
		return response, err
	case <-ctx.Done():
		conn.Close()
		<-done
		return nil, ctx.Err()
	}
}
