package memnet

import (
	"cmp"
	"slices"
	"time"
)

// Arrival is a datagram at some place, and when: it is sent there, or it is
// there.
type Arrival struct {
	Number int           // which one, as the caller counts them; a copy has the same
	At     time.Duration // since a moment of the caller's choice
}

// Arrivals returns which of those datagrams arrive and when, in the order in
// which they do, if s disturbs their path and nothing else does. They have to be
// the first that go that way, in the order in which they are sent. So that tests
// can foretell what a Network does: it uses none. What comes back from one who
// sends everything back at once is
//
//	back.Arrivals(there.Arrivals(sent))
//
// What a stranger forges (Spoof) is not among them. When one is sent at the very
// instant at which another arrives that was delayed or held, a Network leaves
// open which of them is first; Arrivals gives one of the two orders.
func (s Script) Arrivals(sent []Arrival) []Arrival {
	var arrived, held []Arrival
	for i, d := range sent {
		p := s.prospects(i + 1)
		for range p.copies {
			late := Arrival{d.Number, d.At + p.delay}
			if p.reordered {
				held = append(held, late)
			} else {
				arrived = append(arrived, late)
			}
		}
		if p.reordered && p.copies > 0 {
			continue
		}
		arrived = append(arrived, release(held, d.At)...)
		held = nil
	}
	arrived = append(arrived, held...)
	slices.SortStableFunc(arrived, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
	return arrived
}

// prospects is what a script has in store for a datagram.
type prospects struct {
	copies    int           // how many arrive, if it is not held
	delay     time.Duration // after so long, or at most so long if it is reordered
	reordered bool
}

// prospects are those of the datagram of that number, from 1 on.
func (s Script) prospects(number int) prospects {
	p := prospects{copies: 1}
	dropped := false
	within := time.Duration(0)
	for _, step := range s {
		if step.At != 0 && step.At != number {
			continue
		}
		switch step.Do {
		case Drop:
			dropped = true
		case Duplicate:
			p.copies++
		case Delay:
			p.delay += step.For
		case Reorder:
			p.reordered, within = true, step.patience()
		}
	}
	p.delay = max(p.delay, within)
	if dropped {
		p.copies = 0
	}
	return p
}

// release returns when those arrive that were held until another has passed,
// which it does at that time. The last one held is the first to go.
func release(held []Arrival, at time.Duration) (arrived []Arrival) {
	var released []Arrival
	for _, h := range held {
		if h.At < at {
			arrived = append(arrived, h) // it did not wait so long
			continue
		}
		released = append(released, Arrival{h.Number, at})
	}
	slices.Reverse(released)
	return append(arrived, released...)
}
