//go:build solution

// Package answer answers DNS queries of any name with one address: from octets
// to octets, with nothing but the standard library.
package answer

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Size is how many octets the OPT record of a response says that you take over
// UDP.
const Size = 1232

// Answer edits a copy of the query's head in place, reads with a cursor that
// remembers its first mistake, and appends as it goes.
func Answer(query []byte, addr netip.Addr, ttl uint32) (response []byte, ok bool) {
	c := &cursor{msg: query}
	head := header{c.u16(), c.u16(), [4]uint16{c.u16(), c.u16(), c.u16(), c.u16()}}
	if c.bad || head.flags>>15 == 1 {
		return nil, false
	}
	counts := head.counts
	head.counts = [4]uint16{}
	head.flags = head.flags&0x7900 | 0x8000
	isQuery := head.flags&0x7800 == 0

	c.name()
	qtype, class := c.u16(), c.u16()
	asked := query[12:min(c.off, len(query))]
	e := c.records(counts)
	if c.bad || counts[0] != 1 {
		head.flags |= 1
		if !isQuery {
			head.flags ^= 1 | 4
		}
		return head.write(nil, nil, nil), true
	}
	head.counts[0] = 1
	tail := make([]byte, 0, 11)
	if e != nil {
		head.counts[3] = 1
		tail = append(tail, 0, 0, 41, Size>>8, Size&0xff, 0, 0, e[2]&0x80, 0, 0, 0)
	}
	var data []byte
	switch {
	case !isQuery:
		head.flags |= 4
	case e != nil && e[1] > 0:
		tail[5] = 1
	case class != 1:
		head.flags |= 5
	default:
		head.flags |= 0x0400
		data = resource(qtype, addr, ttl)
		if data != nil {
			head.counts[1] = 1
		}
	}
	return head.write(asked, data, tail), true
}

type header struct {
	id, flags uint16
	counts    [4]uint16
}

func (h header) write(parts ...[]byte) []byte {
	var out bytes.Buffer
	if err := binary.Write(&out, binary.BigEndian, h); err != nil {
		panic(err) // a Buffer takes all
	}
	for _, p := range parts {
		out.Write(p)
	}
	return out.Bytes()
}

func resource(qtype uint16, addr netip.Addr, ttl uint32) []byte {
	if !addr.IsValid() {
		return nil
	}
	own, data := uint16(28), addr.AsSlice()
	if addr.Is4() || addr.Is4In6() {
		own, data = 1, data[len(data)-4:]
	}
	if qtype != 255 && qtype != own {
		return nil
	}
	return append([]byte{0xc0, 12, 0, byte(own), 0, 1,
		byte(ttl >> 24), byte(ttl >> 16), byte(ttl >> 8), byte(ttl), 0, byte(len(data))}, data...)
}

// cursor reads a message from front to back.
type cursor struct {
	msg []byte
	off int
	bad bool
}

// take returns the next n octets, or zeros if there are not as many.
func (c *cursor) take(n int) []byte {
	if c.bad || c.off+n > len(c.msg) {
		c.bad = true
		return make([]byte, n)
	}
	c.off += n
	return c.msg[c.off-n : c.off]
}

func (c *cursor) u16() uint16 { return binary.BigEndian.Uint16(c.take(2)) }

func (c *cursor) name() { c.off = c.labels(255) }

// labels reads labels of at most room octets, and what a pointer leads to with
// a cursor that sees only what stands before these labels begin.
func (c *cursor) labels(room int) int {
	begin := c.off
	for !c.bad {
		n := int(c.take(1)[0])
		if n >= 0xc0 {
			target := n&0x3f<<8 | int(c.take(1)[0])
			if target < 12 || target >= begin {
				c.bad = true
			}
			if c.bad {
				break
			}
			there := &cursor{msg: c.msg, off: target}
			there.labels(room)
			c.bad = there.bad
			break
		}
		room -= 1 + n
		if n > 63 || room < 0 {
			c.bad = true
		}
		if n == 0 {
			break
		}
		c.take(n)
	}
	return c.off
}

// records reads all records, and returns the TTL field of the OPT record.
func (c *cursor) records(counts [4]uint16) (opt []byte) {
	for section := 1; section < 4; section++ {
		for range counts[section] {
			if c.bad {
				return nil
			}
			root := c.off < len(c.msg) && c.msg[c.off] == 0
			c.name()
			rtype := c.u16()
			c.take(2)
			ttl := c.take(4)
			data := c.take(int(c.u16()))
			if section != 3 || rtype != 41 {
				continue
			}
			if opt != nil || !root {
				c.bad = true
			}
			opt = ttl
			for o := (&cursor{msg: data}); o.off < len(data) && !c.bad; c.bad = o.bad {
				o.take(2)
				o.take(int(o.u16()))
			}
		}
	}
	return opt
}
