//go:build !solution

// Package sync keeps replicas of one state the same, over calls in both
// directions. (What needs the standard library's sync as well imports one of the
// two under another name.)
package sync

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"github.com/example/netkata/harness/todo"
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
	// TODO
}

// New returns a replica without keys. The name is not empty, and no other
// replica's. New starts no goroutine: nothing would end it.
func New(name string) *Replica {
	// TODO
	return new(Replica)
}

// Set gives a key a value, which stays the caller's. The key is valid UTF-8, and
// not empty. Set waits for no peer.
func (r *Replica) Set(key string, value []byte) {
	// TODO
}

// Delete removes a key. It waits for no peer.
func (r *Replica) Delete(key string) {
	// TODO
}

// Get returns the value of a key, which is the caller's, and whether it has one.
func (r *Replica) Get(key string) (value []byte, ok bool) {
	// TODO
	return nil, false
}

// Keys returns the keys that have a value, in the order of their bytes.
func (r *Replica) Keys() []string {
	// TODO
	return nil
}

// Sync is the server's side of a call. After the client's half-close it sends
// what the client still lacks, what was written before that with it, and Synced
// if it has not, and ends.
//
// The status is OK then; InvalidArgument for what no client should send, and for
// a half-close before Synced; Canceled or DeadlineExceeded for a call that is
// over.
func (r *Replica) Sync(stream grpc.BidiStreamingServer[syncv1.SyncRequest, syncv1.SyncResponse]) error {
	// TODO
	return todo.Err
}

// Once makes this replica and the server's the same, in one call, and ends that.
// What is written meanwhile may go with it, or stay.
//
// The error is the call's status, for status.Code; ErrIncomplete; or a status of
// InvalidArgument for what no server should send. What has come by then is kept.
func (r *Replica) Once(ctx context.Context, client syncv1.SyncServiceClient) error {
	// TODO
	return todo.Err
}

// Run makes this replica and the server's the same, in one call, and keeps them
// so: what is written on either side goes to the other, until ctx is done.
//
// The error is as of Once: Canceled when ctx was cancelled. It is nil if the
// server has ended the call well.
func (r *Replica) Run(ctx context.Context, client syncv1.SyncServiceClient) error {
	// TODO
	return todo.Err
}
