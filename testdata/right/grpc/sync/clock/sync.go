//go:build solution

// Package sync takes its counters from the clock, as long as nobody is ahead of
// that. Its lock is a channel, it keeps values and not messages, and does not
// remember to have deleted what was not there. Once half-closes when both sides
// are synced, and the handler receives while another goroutine sends, one entry
// at a time.
package sync

import (
	"context"
	"errors"
	"io"
	"sort"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	syncv1 "github.com/example/netkata/pb/sync/v1"
)

const MaxCounter = 1 << 62

var ErrIncomplete = errors.New("incomplete")

type version struct {
	counter int64
	writer  string
}

func (v version) before(w version) bool {
	if v.counter == w.counter {
		return v.writer < w.writer
	}
	return v.counter < w.counter
}

type cell struct {
	version
	value *string // nil: deleted
}

type Replica struct {
	syncv1.UnimplementedSyncServiceServer
	name string
	lock chan struct{}
	last int64
	data map[string]cell
	hubs []*hub
}

// hub is the queue of a peer: keys in the order in which they changed first.
type hub struct {
	open  bool
	deaf  bool // its end has come: it is told of no more changes
	keys  []string
	in    map[string]bool
	bell  chan struct{}
	total int // keys of the exchange that are not sent yet
}

func (h *hub) add(key string) {
	if !h.in[key] {
		h.in[key] = true
		h.keys = append(h.keys, key)
	}
	h.ring()
}

func (h *hub) ring() {
	select {
	case h.bell <- struct{}{}:
	default:
	}
}

func New(name string) *Replica {
	return &Replica{name: name, lock: make(chan struct{}, 1), data: map[string]cell{}}
}

func (r *Replica) locked(f func()) {
	r.lock <- struct{}{}
	defer func() { <-r.lock }()
	f()
}

func (r *Replica) Set(key string, value []byte) {
	v := string(value)
	r.locked(func() { r.assign(key, cell{r.stamp(), &v}, nil) })
}

func (r *Replica) Delete(key string) {
	r.locked(func() {
		if r.data[key].value != nil {
			r.assign(key, cell{r.stamp(), nil}, nil)
		}
	})
}

func (r *Replica) stamp() version {
	r.last = max(r.last+1, time.Now().UnixNano())
	return version{r.last, r.name}
}

func (r *Replica) assign(key string, c cell, from *hub) {
	r.last = max(r.last, c.counter)
	if old, ok := r.data[key]; ok && !old.before(c.version) {
		if old.version == c.version && from != nil && from.in[key] {
			from.drop(key)
		}
		return
	}
	r.data[key] = c
	for _, h := range r.hubs {
		if h == from {
			h.drop(key)
		} else if h.open && !h.deaf {
			h.add(key)
		}
	}
}

// drop takes a key out; in the exchange, it stays in the count.
func (h *hub) drop(key string) { delete(h.in, key) }

func (r *Replica) Get(key string) (value []byte, ok bool) {
	r.locked(func() {
		if v := r.data[key].value; v != nil {
			value, ok = []byte(*v), true
		}
	})
	return
}

func (r *Replica) Keys() (keys []string) {
	r.locked(func() {
		for key, c := range r.data {
			if c.value != nil {
				keys = append(keys, key)
			}
		}
	})
	sort.Strings(keys)
	return
}

// pipe is either side's stream.
type pipe interface {
	recv() (*syncv1.SyncResponse, error)
	send(*syncv1.SyncResponse) error
	Context() context.Context
}

type serverPipe struct {
	grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]
}

func (s serverPipe) send(m *syncv1.SyncResponse) error { return s.Send(m) }
func (s serverPipe) recv() (*syncv1.SyncResponse, error) {
	m, err := s.Recv()
	out := &syncv1.SyncResponse{}
	if h := m.GetHave(); h != nil {
		out.Event = &syncv1.SyncResponse_Have{Have: h}
	} else if e := m.GetEntry(); e != nil {
		out.Event = &syncv1.SyncResponse_Entry{Entry: e}
	} else if s := m.GetSynced(); s != nil {
		out.Event = &syncv1.SyncResponse_Synced{Synced: s}
	}
	return out, err
}

type clientPipe struct {
	grpc.BidiStreamingClient[syncv1.SyncRequest, syncv1.SyncResponse]
}

func (c clientPipe) recv() (*syncv1.SyncResponse, error) { return c.Recv() }
func (c clientPipe) send(m *syncv1.SyncResponse) error {
	out := &syncv1.SyncRequest{}
	if h := m.GetHave(); h != nil {
		out.Event = &syncv1.SyncRequest_Have{Have: h}
	} else if e := m.GetEntry(); e != nil {
		out.Event = &syncv1.SyncRequest_Entry{Entry: e}
	} else {
		out.Event = &syncv1.SyncRequest_Synced{Synced: &syncv1.Synced{}}
	}
	return c.Send(out)
}

// link is one call.
type link struct {
	r    *Replica
	p    pipe
	h    *hub
	both chan struct{} // closed when the other's Synced has come
	half chan struct{} // closed at the other's half-close
	sent chan error
	told bool // Synced is sent; before sent has a value, it is the sender's
}

func (r *Replica) link(p pipe) *link {
	return &link{r: r, p: p, h: &hub{in: map[string]bool{}, bell: make(chan struct{}, 1)}, both: make(chan struct{}), half: make(chan struct{}), sent: make(chan error, 1)}
}

func (l *link) join() (have *syncv1.Have) {
	have = &syncv1.Have{Replica: l.r.name, Stamps: map[string]*syncv1.Stamp{}}
	l.r.locked(func() {
		l.r.hubs = append(l.r.hubs, l.h)
		for key, c := range l.r.data {
			have.Stamps[key] = &syncv1.Stamp{Counter: c.counter, Replica: c.writer}
		}
	})
	return have
}

func (l *link) leave() {
	l.r.locked(func() {
		kept := []*hub{}
		for _, h := range l.r.hubs {
			if h != l.h {
				kept = append(kept, h)
			}
		}
		l.r.hubs = kept
	})
}

// pop returns the next entry, and whether the exchange is over behind it.
func (l *link) pop() (e *syncv1.Entry, over bool) {
	l.r.locked(func() {
		for len(l.h.keys) > 0 && e == nil {
			key := l.h.keys[0]
			l.h.keys = l.h.keys[1:]
			if l.h.total > 0 {
				l.h.total--
			}
			if !l.h.in[key] {
				continue
			}
			delete(l.h.in, key)
			c := l.r.data[key]
			e = &syncv1.Entry{Key: key, Stamp: &syncv1.Stamp{Counter: c.counter, Replica: c.writer}, Deleted: c.value == nil}
			if c.value != nil {
				e.Value = []byte(*c.value)
			}
		}
		over = l.h.open && l.h.total == 0
	})
	return
}

func (l *link) talk(have *syncv1.Have, until <-chan struct{}) error {
	err := l.p.send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Have{Have: have}})
	for err == nil {
		ending := false
		select {
		case <-until:
			ending = true
			l.r.locked(func() { l.h.deaf = true })
		default:
		}
		e, over := l.pop()
		if e != nil {
			err = l.p.send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Entry{Entry: e}})
		}
		if err == nil && over && !l.told {
			err = l.p.send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Synced{Synced: &syncv1.Synced{}}})
			l.told = err == nil
			continue
		}
		if e != nil || err != nil {
			continue
		}
		if ending && l.told {
			return nil
		}
		stop := until
		if ending {
			stop = nil
		}
		select {
		case <-l.h.bell:
		case <-stop:
		case <-l.p.Context().Done():
			err = l.p.Context().Err()
		}
	}
	return err
}

var errHostile = status.Error(codes.InvalidArgument, "hostile")

func fine(key string, s *syncv1.Stamp) bool {
	return key != "" && s != nil && s.Replica != "" && s.Counter >= 1 && s.Counter <= MaxCounter
}

func (l *link) listen() error {
	state := 0 // 1: Have, 2: Synced
	for {
		m, err := l.p.recv()
		if err == io.EOF && state == 2 {
			close(l.half)
			return nil
		} else if err != nil {
			return err
		}
		switch e := m.Event.(type) {
		case *syncv1.SyncResponse_Have:
			if state != 0 || e.Have.GetReplica() == "" || e.Have.GetReplica() == l.r.name {
				return errHostile
			}
			top := int64(0)
			for key, s := range e.Have.GetStamps() {
				if !fine(key, s) {
					return errHostile
				}
				top = max(top, s.GetCounter())
			}
			state = 1
			l.r.locked(func() {
				l.r.last = max(l.r.last, top)
				for key, c := range l.r.data {
					s := e.Have.GetStamps()[key]
					if (version{s.GetCounter(), s.GetReplica()}).before(c.version) {
						l.h.add(key)
					}
				}
				l.h.total, l.h.open = len(l.h.keys), true
				l.h.ring()
			})
		case *syncv1.SyncResponse_Entry:
			if x := e.Entry; state == 0 || !fine(x.GetKey(), x.GetStamp()) || x.GetDeleted() && len(x.GetValue()) > 0 {
				return errHostile
			}
			c := cell{version{e.Entry.Stamp.Counter, e.Entry.Stamp.Replica}, nil}
			if !e.Entry.Deleted {
				v := string(e.Entry.Value)
				c.value = &v
			}
			l.r.locked(func() { l.r.assign(e.Entry.Key, c, l.h) })
		case *syncv1.SyncResponse_Synced:
			if state != 1 {
				return errHostile
			}
			state = 2
			close(l.both)
		default:
			return errHostile
		}
	}
}

func (r *Replica) Sync(stream grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]) error {
	l := r.link(serverPipe{stream})
	have := l.join()
	defer l.leave()
	go func() { l.sent <- l.talk(have, l.half) }()
	err := l.listen()
	if err == io.EOF {
		return errHostile
	}
	if err == nil {
		err = <-l.sent
	}
	if err != nil && stream.Context().Err() != nil {
		err = status.FromContextError(stream.Context().Err()).Err()
	}
	return err
}

func (r *Replica) Once(ctx context.Context, client syncv1.SyncServiceClient) error {
	return r.call(ctx, client, func(l *link) <-chan struct{} { return l.both })
}

func (r *Replica) Run(ctx context.Context, client syncv1.SyncServiceClient) error {
	return r.call(ctx, client, func(l *link) <-chan struct{} { return l.half })
}

func (r *Replica) call(ctx context.Context, client syncv1.SyncServiceClient, until func(*link) <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Sync(ctx)
	if err != nil {
		return err
	}
	l := r.link(clientPipe{stream})
	have := l.join()
	defer l.leave()
	go func() {
		err := l.talk(have, until(l))
		if err == nil {
			stream.CloseSend()
		}
		l.sent <- err
	}()
	err = l.listen()
	cancel()
	<-l.sent
	if err == io.EOF || err == nil && !l.told {
		return ErrIncomplete
	}
	return err
}
