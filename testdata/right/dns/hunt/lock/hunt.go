//go:build solution

// Package hunt tells the addresses of a few hosts, over DNS.
package hunt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Serve answers the queries that pc receives with the addresses of hosts, until
// ctx is done or pc is closed. When it returns, pc is closed. The error is nil
// after ctx is done, and net.ErrClosed if somebody else closed pc.
//
// The keys of hosts are names in lower case without a dot at the end, such as
// "web.test"; one that no message can hold is an error. An IPv4 address may be
// kept as an IPv6 one. Nobody may change hosts meanwhile.
func Serve(ctx context.Context, pc net.PacketConn, hosts map[string]netip.Addr) error {
	defer pc.Close()
	names, err := load(hosts)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { pc.Close() }) // wakes ReadFrom
	defer stop()

	query := make([]byte, maxDatagram)
	var mu sync.Mutex
	var response []byte // of all, one after the other
	for {
		n, from, err := pc.ReadFrom(query)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			time.Sleep(pause) // a lack of memory, say: it passes
			continue
		}
		own := slices.Clone(query[:n])
		go func() {
			mu.Lock()
			defer mu.Unlock()
			response = respond(response[:0], own, names)
			if len(response) > 0 {
				pc.WriteTo(response, from)
			}
		}()
	}
}

const (
	maxDatagram = 1 << 16
	pause       = 10 * time.Millisecond
)

// Sizes and numbers of a message (RFC 1035, sections 2.3.4 and 4.1).
const (
	headerLen = 12
	maxLabel  = 63
	maxName   = 255

	typeA    = 1
	typeAAAA = 28 // RFC 3596
	typeAny  = 255
	classIN  = 1
	ttl      = 60 // seconds

	flagQR     = 1 << 15
	opcodeMask = 15 << 11
	flagAA     = 1 << 10
	flagRD     = 1 << 8

	rcodeFormErr  = 1
	rcodeNXDomain = 3
	rcodeNotImp   = 4
	rcodeRefused  = 5
)

// load returns the addresses by name, as names stand in messages. The names
// above a host exist, too: what has no address maps to the zero Addr.
func load(hosts map[string]netip.Addr) (map[string]netip.Addr, error) {
	names := map[string]netip.Addr{}
	for host, addr := range hosts {
		name, err := encode(host)
		if err != nil {
			return nil, err
		}
		names[name] = addr.Unmap()
		for above := name[1+name[0]:]; above != ""; above = above[1+above[0]:] {
			if _, ok := names[above]; !ok {
				names[above] = netip.Addr{}
			}
		}
	}
	return names, nil
}

// encode returns a name as it stands in messages (RFC 1035, section 3.1).
func encode(host string) (string, error) {
	var b []byte
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > maxLabel {
			return "", fmt.Errorf("hunt: no name for a host: %q", host)
		}
		b = append(b, byte(len(label)))
		b = append(b, label...)
	}
	if b = append(b, 0); len(b) > maxName {
		return "", fmt.Errorf("hunt: no name for a host: %q", host)
	}
	return string(b), nil
}

// respond appends the response to query to b. Without one, b stays as it is.
func respond(b, query []byte, names map[string]netip.Addr) []byte {
	if len(query) < headerLen {
		return b
	}
	flags := binary.BigEndian.Uint16(query[2:])
	if flags&flagQR != 0 {
		return b // else two servers answer each other's answers
	}
	flags = flagQR | flags&(opcodeMask|flagRD)
	if flags&opcodeMask != 0 {
		return appendHeader(b, query, flags|rcodeNotImp, 0, 0)
	}
	q, ok := parseQuestion(query)
	if !ok {
		return appendHeader(b, query, flags|rcodeFormErr, 0, 0)
	}
	if q.class != classIN {
		b = appendHeader(b, query, flags|rcodeRefused, 1, 0)
		return append(b, q.octets...)
	}
	flags |= flagAA
	switch addr, ok := names[lower(q.name)]; {
	case ok && q.wants(addr):
		b = appendHeader(b, query, flags, 1, 1)
		b = append(b, q.octets...)
		return appendRecord(b, addr)
	case ok: // the name exists, and has no address of that type
		b = appendHeader(b, query, flags, 1, 0)
	default:
		b = appendHeader(b, query, flags|rcodeNXDomain, 1, 0)
	}
	return append(b, q.octets...)
}

// lower returns a name in lower case. There are only the letters A to Z to
// change (RFC 4343, section 3), and no length is one of them.
func lower(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// question is what is asked for (RFC 1035, section 4.1.2).
type question struct {
	name       string // as it stands in the message
	typ, class uint16
	octets     []byte // all of it
}

// parseQuestion reads the question of a query, if it has just one. Its name has
// no pointer, as there is nothing before it that one could lead to.
func parseQuestion(msg []byte) (q question, ok bool) {
	if binary.BigEndian.Uint16(msg[4:]) != 1 {
		return q, false
	}
	end := headerLen
	for end < len(msg) && msg[end] != 0 {
		if msg[end] > maxLabel {
			return q, false
		}
		end += 1 + int(msg[end])
	}
	end++
	if end-headerLen > maxName || end+4 > len(msg) {
		return q, false
	}
	return question{
		name:   string(msg[headerLen:end]),
		typ:    binary.BigEndian.Uint16(msg[end:]),
		class:  binary.BigEndian.Uint16(msg[end+2:]),
		octets: msg[headerLen : end+4],
	}, true
}

// wants says whether addr is an answer to q.
func (q question) wants(addr netip.Addr) bool {
	return addr.IsValid() && (q.typ == typeOf(addr) || q.typ == typeAny)
}

func typeOf(addr netip.Addr) uint16 {
	if addr.Is4() {
		return typeA
	}
	return typeAAAA
}

// appendHeader appends the header of the response to query (RFC 1035, section
// 4.1.1).
func appendHeader(b, query []byte, flags, questions, answers uint16) []byte {
	b = append(b, query[:2]...) // the ID
	b = binary.BigEndian.AppendUint16(b, flags)
	b = binary.BigEndian.AppendUint16(b, questions)
	b = binary.BigEndian.AppendUint16(b, answers)
	return append(b, 0, 0, 0, 0) // nothing stands in the other two sections
}

// appendRecord appends the answer (RFC 1035, section 4.1.3). Its owner is a
// pointer to the name of the question.
func appendRecord(b []byte, addr netip.Addr) []byte {
	data := addr.AsSlice()
	b = append(b, 0xc0, headerLen)
	b = binary.BigEndian.AppendUint16(b, typeOf(addr))
	b = binary.BigEndian.AppendUint16(b, classIN)
	b = binary.BigEndian.AppendUint32(b, ttl)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}
