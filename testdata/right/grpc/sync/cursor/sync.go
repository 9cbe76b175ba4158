//go:build solution

// Package sync numbers what it stores, and each call remembers up to which number
// it has sent; a channel that is closed tells all of them of news. The server's
// Have waits for the client's. Counters are Lamport's to the letter: they grow
// with what is received, too.
package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	gosync "sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	syncv1 "github.com/example/netkata/pb/sync/v1"
)

const MaxCounter = 1 << 62

var ErrIncomplete = errors.New("incomplete")

type Replica struct {
	syncv1.UnimplementedSyncServiceServer
	name  string
	mu    gosync.RWMutex
	clock int64
	seq   int
	items map[string]item
	news  chan struct{}
}

type item struct {
	entry *syncv1.Entry
	seq   int
	from  *session
}

func New(name string) *Replica {
	return &Replica{name: name, items: make(map[string]item), news: make(chan struct{})}
}

func (r *Replica) Set(key string, value []byte) {
	r.put(&syncv1.Entry{Key: key, Value: slices.Concat(value)}, nil)
}

func (r *Replica) Delete(key string) { r.put(&syncv1.Entry{Key: key, Deleted: true}, nil) }

func (r *Replica) put(e *syncv1.Entry, from *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Stamp == nil {
		r.clock++
		e.Stamp = &syncv1.Stamp{Counter: r.clock, Replica: r.name}
	} else {
		r.clock = max(r.clock, e.Stamp.Counter) + 1
	}
	if old, ok := r.items[e.Key]; ok {
		switch c := compare(e.Stamp, old.entry.Stamp); {
		case c == 0 && from != nil:
			from.has[e.Key] = e.Stamp
			return
		case c < 0:
			return
		}
	}
	r.seq++
	r.items[e.Key] = item{e, r.seq, from}
	close(r.news)
	r.news = make(chan struct{})
}

func (r *Replica) Get(key string) ([]byte, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	it, ok := r.items[key]
	if !ok || it.entry.Deleted {
		return nil, false
	}
	return []byte(string(it.entry.Value)), true
}

func (r *Replica) Keys() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	keys := make([]string, 0, len(r.items))
	for key, it := range r.items {
		if !it.entry.Deleted {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, strings.Compare)
	return keys
}

func compare(a, b *syncv1.Stamp) int {
	return cmp.Or(cmp.Compare(a.GetCounter(), b.GetCounter()), strings.Compare(a.GetReplica(), b.GetReplica()))
}

// session is one call.
type session struct {
	r       *Replica
	send    func(have *syncv1.Have, entry *syncv1.Entry, synced *syncv1.Synced) error
	heard   chan struct{}            // closed when has is there
	has     map[string]*syncv1.Stamp // r.mu
	cursor  int
	closing chan struct{} // closed at the other's half-close
	told    bool          // Synced is sent
}

func (r *Replica) session(send func(*syncv1.Have, *syncv1.Entry, *syncv1.Synced) error) *session {
	return &session{r: r, send: send, heard: make(chan struct{}), closing: make(chan struct{})}
}

func (s *session) have() *syncv1.Have {
	s.r.mu.RLock()
	defer s.r.mu.RUnlock()
	h := &syncv1.Have{Replica: s.r.name, Stamps: make(map[string]*syncv1.Stamp, len(s.r.items))}
	for key, it := range s.r.items {
		h.Stamps[key] = proto.CloneOf(it.entry.Stamp)
	}
	return h
}

// next is what is to be sent, and where to wait for more.
func (s *session) next() ([]*syncv1.Entry, chan struct{}) {
	s.r.mu.RLock()
	defer s.r.mu.RUnlock()
	var todo []item
	for key, it := range s.r.items {
		if it.seq > s.cursor && it.from != s && compare(it.entry.Stamp, s.has[key]) > 0 {
			todo = append(todo, it)
		}
	}
	s.cursor = s.r.seq
	slices.SortFunc(todo, func(a, b item) int { return cmp.Compare(a.seq, b.seq) })
	entries := make([]*syncv1.Entry, len(todo))
	for i, it := range todo {
		entries[i] = proto.CloneOf(it.entry)
	}
	return entries, s.r.news
}

func (s *session) say(ctx context.Context, once bool) error {
	select {
	case <-s.heard:
	case <-ctx.Done():
		return ctx.Err()
	}
	for first := true; ; first = false {
		ending := false
		select {
		case <-s.closing:
			ending = true
		default:
		}
		entries, news := s.next()
		for _, e := range entries {
			if err := s.send(nil, e, nil); err != nil {
				return err
			}
		}
		if first {
			if err := s.send(nil, nil, new(syncv1.Synced)); err != nil {
				return err
			}
			s.told = true
		}
		if once || ending {
			return nil
		}
		select {
		case <-news:
		case <-s.closing:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type event interface {
	GetHave() *syncv1.Have
	GetEntry() *syncv1.Entry
	GetSynced() *syncv1.Synced
}

func bad(s *syncv1.Stamp) bool {
	return s.GetCounter() < 1 || s.GetCounter() > MaxCounter || s.GetReplica() == ""
}

func (s *session) listen(recv func() (event, error)) error {
	invalid := status.Error(codes.InvalidArgument, "no replica says that")
	e, err := recv()
	if err != nil {
		return err
	}
	h := e.GetHave()
	if h == nil || h.Replica == "" || h.Replica == s.r.name {
		return invalid
	}
	var seen int64
	for key, stamp := range h.Stamps {
		if key == "" || bad(stamp) {
			return invalid
		}
		seen = max(seen, stamp.Counter)
	}
	s.r.mu.Lock()
	s.r.clock = max(s.r.clock, seen)
	s.has = h.Stamps
	if s.has == nil {
		s.has = map[string]*syncv1.Stamp{}
	}
	s.r.mu.Unlock()
	close(s.heard)
	for synced := false; ; {
		e, err := recv()
		if err == io.EOF && synced {
			close(s.closing)
			return nil
		}
		if err != nil {
			return err
		}
		if x := e.GetEntry(); x != nil {
			if x.Key == "" || bad(x.Stamp) || x.Deleted && len(x.Value) != 0 {
				return invalid
			}
			s.r.put(x, s)
		} else if e.GetSynced() != nil && !synced {
			synced = true
		} else {
			return invalid
		}
	}
}

func (r *Replica) Sync(stream grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]) error {
	s := r.session(func(h *syncv1.Have, e *syncv1.Entry, sy *syncv1.Synced) error {
		switch {
		case h != nil:
			return stream.Send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Have{Have: h}})
		case e != nil:
			return stream.Send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Entry{Entry: e}})
		}
		return stream.Send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Synced{Synced: sy}})
	})
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	go func() {
		err := s.listen(func() (event, error) { return stream.Recv() })
		if err == io.EOF {
			err = status.Error(codes.InvalidArgument, "half-closed too early")
		}
		if err != nil {
			cancel(err)
		}
	}()
	said := make(chan error, 1) // a Send may wait: the handler must not
	go func() {
		select {
		case <-s.heard:
		case <-ctx.Done():
			said <- ctx.Err()
			return
		}
		if err := s.send(s.have(), nil, nil); err != nil {
			said <- err
			return
		}
		said <- s.say(ctx, false)
	}()
	var err error
	select {
	case err = <-said:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if over := stream.Context().Err(); err != nil && over != nil {
		err = over
	} else if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = status.FromContextError(err).Err()
	}
	return err
}

func (r *Replica) Once(ctx context.Context, client syncv1.SyncServiceClient) error {
	return r.dial(ctx, client, true)
}

func (r *Replica) Run(ctx context.Context, client syncv1.SyncServiceClient) error {
	return r.dial(ctx, client, false)
}

func (r *Replica) dial(ctx context.Context, client syncv1.SyncServiceClient, once bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Sync(ctx)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	s := r.session(func(h *syncv1.Have, e *syncv1.Entry, sy *syncv1.Synced) error {
		switch {
		case h != nil:
			return stream.Send(&syncv1.SyncRequest{Event: &syncv1.SyncRequest_Have{Have: h}})
		case e != nil:
			return stream.Send(&syncv1.SyncRequest{Event: &syncv1.SyncRequest_Entry{Entry: e}})
		}
		return stream.Send(&syncv1.SyncRequest{Event: &syncv1.SyncRequest_Synced{Synced: sy}})
	})
	var wg gosync.WaitGroup
	wg.Go(func() {
		if s.send(s.have(), nil, nil) == nil && s.say(ctx, once) == nil {
			stream.CloseSend()
		}
	})
	err = s.listen(func() (event, error) { return stream.Recv() })
	cancel()
	wg.Wait()
	switch {
	case err == io.EOF || err == nil && !s.told:
		return ErrIncomplete
	case err != nil:
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}
