//go:build !solution

// Package watch tells clients what pods there are, and then each change as it
// happens.
package watch

import (
	"context"

	"google.golang.org/grpc"

	"github.com/example/netkata/harness/todo"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// Server keeps pods, and serves WatchPods. Its methods may be called by several
// goroutines at once. See NewServer.
type Server struct {
	podsv1.UnimplementedPodServiceServer
	// TODO
}

// NewServer returns a server without pods. Of its changes it remembers the last
// limit, and as many events may wait for one watcher. The limit is at least 1.
func NewServer(limit int) *Server {
	// TODO
	return new(Server)
}

// Put stores a copy of the pod, in the place of the one with its namespace and
// name if there is one. The version of the copy is that of this change, whatever
// pod has. Put waits for no client.
func (s *Server) Put(pod *podsv1.Pod) {
	// TODO
}

// Delete removes a pod, and says whether there was one. It waits for no client.
func (s *Server) Delete(namespace, name string) bool {
	// TODO
	return false
}

// WatchPods sends what the request asks for: a snapshot, or the changes that the
// client has missed; and then each change. It ends with the error of the stream's
// context when that is done, or with a status: Unavailable when the server stops,
// ResourceExhausted when the client does not keep up, OutOfRange and
// InvalidArgument for versions that the server cannot begin at.
func (s *Server) WatchPods(req *podsv1.WatchPodsRequest, stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse]) error {
	// TODO
	return todo.Err
}

// Stop ends all calls of WatchPods with Unavailable, those to come as well. It
// waits for nobody. Stopping again does nothing.
func (s *Server) Stop() {
	// TODO
}

// Watchers returns how many calls of WatchPods are being served.
func (s *Server) Watchers() int {
	// TODO
	return 0
}

// Watch calls each with every event of one call of WatchPods, in order, until
// the call is over or each returns an error. An empty namespace stands for all;
// version is the last one that the caller has seen, or 0.
//
// It returns the version to come back with: that of the last event for which
// each returned nil, or else the one that it was called with. The error is nil
// when the server ended the call with OK; that of each, when it returned one;
// else that of the call, with its status, or ctx's own.
func Watch(ctx context.Context, client podsv1.PodServiceClient, namespace string, version int64, each func(*podsv1.WatchPodsResponse) error) (last int64, err error) {
	// TODO
	return version, todo.Err
}
