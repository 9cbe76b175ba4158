//go:build solution

// Package sync keeps replicas of one state the same, over calls in both
// directions. (What needs the standard library's sync as well imports one of the
// two under another name.)
package sync

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	gosync "sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	syncv1 "github.com/example/netkata/pb/sync/v1"
)

// MaxCounter is the greatest counter that a stamp from a peer may have. As many
// writes will never be, so that what is greater is a mistake, or an attack.
const MaxCounter = 1 << 62

// ErrIncomplete means that the server ended the call well, but too early: before
// its Synced, or before it had all that it lacked.
var ErrIncomplete = errors.New("sync: the call ended before both were synced")

// Replica is a state of keys and values, one of several that become the same. It
// is a SyncService, and a client of those of other replicas. Its methods may be
// called by several goroutines at once. See New.
type Replica struct {
	syncv1.UnimplementedSyncServiceServer

	name string

	// mu is held by nobody who waits.
	mu      gosync.Mutex
	counter int64                    // the greatest of all stamps so far
	entries map[string]*syncv1.Entry // the latest write of each key; none is ever changed
	peers   map[*peer]bool           // those of the calls under way
}

// New returns a replica without keys. The name is not empty, and no other
// replica's. New starts no goroutine: nothing would end it.
func New(name string) *Replica {
	return &Replica{name: name, entries: map[string]*syncv1.Entry{}, peers: map[*peer]bool{}}
}

// Set gives a key a value, which stays the caller's. The key is valid UTF-8, and
// not empty. Set waits for no peer.
func (r *Replica) Set(key string, value []byte) {
	r.write(&syncv1.Entry{Key: key, Value: bytes.Clone(value)})
}

// Delete removes a key. It waits for no peer.
func (r *Replica) Delete(key string) { r.write(&syncv1.Entry{Key: key, Deleted: true}) }

// Get returns the value of a key, which is the caller's, and whether it has one.
func (r *Replica) Get(key string) (value []byte, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[key]
	if e == nil || e.GetDeleted() {
		return nil, false
	}
	return append([]byte{}, e.GetValue()...), true
}

// Keys returns the keys that have a value, in the order of their bytes.
func (r *Replica) Keys() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []string
	for key, e := range r.entries {
		if !e.GetDeleted() {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// write makes e the latest write.
func (r *Replica) write(e *syncv1.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counter++
	e.Stamp = &syncv1.Stamp{Counter: r.counter, Replica: r.name}
	r.store(e, nil)
}

// merge stores what came from a peer, if it is later than what is there.
func (r *Replica) merge(e *syncv1.Entry, from *peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counter = max(r.counter, e.GetStamp().GetCounter())
	mine := r.entries[e.GetKey()].GetStamp()
	if !later(mine, e.GetStamp()) {
		delete(from.pending, e.GetKey()) // it has no less
	}
	if later(e.GetStamp(), mine) {
		r.store(e, from)
	}
}

// store has all peers told but the one that it came from. r.mu is held.
func (r *Replica) store(e *syncv1.Entry, from *peer) {
	r.entries[e.GetKey()] = e
	for p := range r.peers {
		if p != from && p.heard {
			p.pending[e.GetKey()] = true
			p.wakeUp()
		}
	}
}

// later says whether a is the stamp of a later write than b, which may be nil.
func later(a, b *syncv1.Stamp) bool {
	if a.GetCounter() != b.GetCounter() {
		return a.GetCounter() > b.GetCounter()
	}
	return a.GetReplica() > b.GetReplica()
}

// peer is the other side of a call. What waits for it are keys: once it takes
// more, it is sent the latest write of each. The replica's mu guards it.
type peer struct {
	pending map[string]bool // keys to send
	heard   bool            // its Have has come; before it, nothing is pending
	synced  bool            // its Synced has come; only the goroutine that listens uses it
	closing bool            // it is told no more behind Synced than what is pending
	wake    chan struct{}   // holds a value when one of these has changed
}

func newPeer(closing bool) *peer {
	return &peer{pending: map[string]bool{}, closing: closing, wake: make(chan struct{}, 1)}
}

func (p *peer) wakeUp() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// join begins a call: it returns what to tell the peer first.
func (r *Replica) join(p *peer) *syncv1.Have {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peers[p] = true
	have := &syncv1.Have{Replica: r.name, Stamps: map[string]*syncv1.Stamp{}}
	for key, e := range r.entries {
		have.Stamps[key] = e.GetStamp()
	}
	return have
}

func (r *Replica) leave(p *peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.peers, p)
}

// message is what both directions send: a SyncRequest or a SyncResponse.
type message interface {
	GetHave() *syncv1.Have
	GetEntry() *syncv1.Entry
	GetSynced() *syncv1.Synced
}

// sender sends the three kinds of message of one direction.
type sender interface {
	have(*syncv1.Have) error
	entry(*syncv1.Entry) error
	synced() error
}

// talk tells the peer what it lacks, then Synced, then each change, until it is
// to be told no more.
func (r *Replica) talk(ctx context.Context, p *peer, have *syncv1.Have, to sender) error {
	if err := to.have(have); err != nil {
		return err
	}
	for synced := false; ; {
		entries, heard, closing := r.take(p)
		for _, e := range entries {
			if err := to.entry(e); err != nil {
				return err
			}
		}
		if heard && !synced {
			if err := to.synced(); err != nil {
				return err
			}
			synced = true
		}
		if synced && closing {
			return nil
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take returns what is pending, in the order of the keys, and whether the peer's
// Have had come by then, and its half-close.
func (r *Replica) take(p *peer) (entries []*syncv1.Entry, heard, closing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(p.pending)) {
		entries = append(entries, r.entries[key])
	}
	clear(p.pending)
	return entries, p.heard, p.closing
}

// listen takes in what the peer says, until its half-close.
func (r *Replica) listen(p *peer, recv func() (message, error)) error {
	for {
		m, err := recv()
		if err != nil {
			return r.ended(p, err)
		}
		if err := r.hear(p, m); err != nil {
			return err
		}
	}
}

// ended is called with the error of Recv.
func (r *Replica) ended(p *peer, err error) error {
	if err != io.EOF {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !p.synced {
		return ErrIncomplete
	}
	p.closing = true
	p.wakeUp()
	return nil
}

// hear takes in one message. Its error is a status.
func (r *Replica) hear(p *peer, m message) error {
	have, e := m.GetHave(), m.GetEntry()
	if have == nil && !p.heard { // which nobody else changes
		return invalid("the first message is not Have")
	}
	switch {
	case have != nil:
		return r.hearHave(p, have)
	case e != nil:
		return r.hearEntry(p, e)
	case m.GetSynced() == nil:
		return invalid("a message without an event")
	case p.synced:
		return invalid("Synced came twice")
	}
	p.synced = true
	return nil
}

func (r *Replica) hearHave(p *peer, have *syncv1.Have) error {
	switch {
	case p.heard:
		return invalid("Have came twice")
	case have.GetReplica() == "":
		return invalid("a replica without a name")
	case have.GetReplica() == r.name:
		return invalid("both replicas are called %q", r.name)
	}
	var greatest int64
	for key, stamp := range have.GetStamps() {
		if err := check(key, stamp); err != nil {
			return err
		}
		greatest = max(greatest, stamp.GetCounter())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counter = max(r.counter, greatest)
	for key, e := range r.entries {
		if later(e.GetStamp(), have.GetStamps()[key]) {
			p.pending[key] = true
		}
	}
	p.heard = true
	p.wakeUp()
	return nil
}

func (r *Replica) hearEntry(p *peer, e *syncv1.Entry) error {
	if err := check(e.GetKey(), e.GetStamp()); err != nil {
		return err
	}
	if e.GetDeleted() && len(e.GetValue()) > 0 {
		return invalid("key %q is deleted, and has a value", e.GetKey())
	}
	r.merge(e, p)
	return nil
}

// check returns an error for what no replica can have written.
func check(key string, s *syncv1.Stamp) error {
	switch {
	case key == "":
		return invalid("a key is empty")
	case s.GetCounter() <= 0 || s.GetCounter() > MaxCounter:
		return invalid("key %q has a stamp with the counter %d", key, s.GetCounter())
	case s.GetReplica() == "":
		return invalid("key %q has a stamp without a replica", key)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, format, args...)
}

// Sync is the server's side of a call. After the client's half-close it sends
// what the client still lacks, what was written before that with it, and Synced
// if it has not, and ends.
//
// The status is OK then; InvalidArgument for what no client should send, and for
// a half-close before Synced; Canceled or DeadlineExceeded for a call that is
// over.
func (r *Replica) Sync(stream grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]) error {
	p := newPeer(false)
	have := r.join(p)
	defer r.leave(p)
	// The handler must be free to return: that alone ends a Send or a Recv that
	// waits for the client.
	talked, heard := make(chan error, 1), make(chan error, 1)
	go func() { talked <- r.talk(stream.Context(), p, have, toClient{stream}) }()
	go func() { heard <- r.listen(p, func() (message, error) { return stream.Recv() }) }()
	for {
		select {
		case err := <-talked:
			return asStatus(err)
		case err := <-heard:
			if err != nil {
				return asStatus(err)
			}
			heard = nil // half-closed
		}
	}
}

func asStatus(err error) error {
	if err == ErrIncomplete {
		return invalid("half-closed before Synced")
	}
	if _, ok := status.FromError(err); ok {
		return err
	}
	return status.FromContextError(err).Err()
}

// Once makes this replica and the server's the same, in one call, and ends that.
// What is written meanwhile may go with it, or stay.
//
// The error is the call's status, for status.Code; ErrIncomplete; or a status of
// InvalidArgument for what no server should send. What has come by then is kept.
func (r *Replica) Once(ctx context.Context, client syncv1.SyncServiceClient) error {
	return r.call(ctx, client, true)
}

// Run makes this replica and the server's the same, in one call, and keeps them
// so: what is written on either side goes to the other, until ctx is done.
//
// The error is as of Once: Canceled when ctx was cancelled. It is nil if the
// server has ended the call well.
func (r *Replica) Run(ctx context.Context, client syncv1.SyncServiceClient) error {
	return r.call(ctx, client, false)
}

func (r *Replica) call(ctx context.Context, client syncv1.SyncServiceClient, once bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Sync(ctx)
	if err != nil {
		return err
	}
	p := newPeer(once)
	have := r.join(p)
	defer r.leave(p)
	talked := make(chan error, 1)
	go func() {
		err := r.talk(ctx, p, have, toServer{stream})
		if err == nil {
			err = stream.CloseSend()
		}
		talked <- err
	}()
	err = r.listen(p, func() (message, error) { return stream.Recv() })
	if err != nil {
		cancel()
		<-talked // its error is this one, or io.EOF
		return err
	}
	if <-talked != nil {
		return ErrIncomplete // the server did not wait for the rest
	}
	return nil
}

// toClient sends SyncResponses.
type toClient struct {
	grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]
}

func (s toClient) have(h *syncv1.Have) error {
	return s.Send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Have{Have: h}})
}

func (s toClient) entry(e *syncv1.Entry) error {
	return s.Send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Entry{Entry: e}})
}

func (s toClient) synced() error {
	return s.Send(&syncv1.SyncResponse{Event: &syncv1.SyncResponse_Synced{Synced: &syncv1.Synced{}}})
}

// toServer sends SyncRequests.
type toServer struct {
	grpc.BidiStreamingClient[syncv1.SyncRequest, syncv1.SyncResponse]
}

func (c toServer) have(h *syncv1.Have) error {
	return c.Send(&syncv1.SyncRequest{Event: &syncv1.SyncRequest_Have{Have: h}})
}

func (c toServer) entry(e *syncv1.Entry) error {
	return c.Send(&syncv1.SyncRequest{Event: &syncv1.SyncRequest_Entry{Entry: e}})
}

func (c toServer) synced() error {
	return c.Send(&syncv1.SyncRequest{Event: &syncv1.SyncRequest_Synced{Synced: &syncv1.Synced{}}})
}
