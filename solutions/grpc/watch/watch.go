//go:build solution

// Package watch tells clients what pods there are, and then each change as it
// happens.
package watch

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// Server keeps pods, and serves WatchPods. Its methods may be called by several
// goroutines at once. See NewServer.
type Server struct {
	podsv1.UnimplementedPodServiceServer

	limit   int
	stopped chan struct{}
	stop    func() // closes stopped

	mu       sync.Mutex // held for a moment only, never while anybody waits
	pods     map[key]*podsv1.Pod
	changes  []*podsv1.WatchPodsResponse // the last ones, limit at most
	version  int64                       // of the last change
	watchers map[*watcher]struct{}
}

// key is what a pod is known by.
type key struct{ namespace, name string }

// watcher is a call of WatchPods.
type watcher struct {
	namespace string
	events    chan *podsv1.WatchPodsResponse // closed when it was full
}

// NewServer returns a server without pods. Of its changes it remembers the last
// limit, and as many events may wait for one watcher. The limit is at least 1.
func NewServer(limit int) *Server {
	stopped := make(chan struct{})
	return &Server{
		limit:    limit,
		stopped:  stopped,
		stop:     sync.OnceFunc(func() { close(stopped) }),
		pods:     map[key]*podsv1.Pod{},
		watchers: map[*watcher]struct{}{},
	}
}

// Put stores a copy of the pod, in the place of the one with its namespace and
// name if there is one. The version of the copy is that of this change, whatever
// pod has. Put waits for no client.
func (s *Server) Put(pod *podsv1.Pod) {
	pod = proto.CloneOf(pod)
	k := key{pod.GetNamespace(), pod.GetName()}
	s.mu.Lock()
	defer s.mu.Unlock()
	change := podsv1.WatchPodsResponse_TYPE_ADDED
	if s.pods[k] != nil {
		change = podsv1.WatchPodsResponse_TYPE_MODIFIED
	}
	pod.Version = s.version + 1
	s.pods[k] = pod // and never changed again: streams are sending it
	s.publish(change, pod)
}

// Delete removes a pod, and says whether there was one. It waits for no client.
func (s *Server) Delete(namespace, name string) bool {
	k := key{namespace, name}
	s.mu.Lock()
	defer s.mu.Unlock()
	pod := s.pods[k]
	if pod == nil {
		return false
	}
	delete(s.pods, k)
	s.publish(podsv1.WatchPodsResponse_TYPE_DELETED, pod)
	return true
}

// WatchPods sends what the request asks for: a snapshot, or the changes that the
// client has missed; and then each change. It ends with the error of the stream's
// context when that is done, or with a status: Unavailable when the server stops,
// ResourceExhausted when the client does not keep up, OutOfRange and
// InvalidArgument for versions that the server cannot begin at.
func (s *Server) WatchPods(req *podsv1.WatchPodsRequest, stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse]) error {
	first, w, err := s.join(req)
	if err != nil {
		return err
	}
	defer s.leave(w)
	for _, event := range first {
		if err := s.send(stream, event); err != nil {
			return err
		}
	}
	for {
		select {
		case event, ok := <-w.events:
			if !ok {
				return status.Errorf(codes.ResourceExhausted, "more than %d events waited: come back with the last version", s.limit)
			}
			if err := s.send(stream, event); err != nil {
				return err
			}
		case <-s.stopped:
			return errStopped
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		}
	}
}

// Stop ends all calls of WatchPods with Unavailable, those to come as well. It
// waits for nobody. Stopping again does nothing.
func (s *Server) Stop() { s.stop() }

// Watchers returns how many calls of WatchPods are being served.
func (s *Server) Watchers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watchers)
}

var errStopped = status.Error(codes.Unavailable, "the server stops: come back with the last version")

// send sends one event, unless the server has stopped.
func (s *Server) send(stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse], event *podsv1.WatchPodsResponse) error {
	select {
	case <-s.stopped:
		return errStopped
	default:
		return stream.Send(event)
	}
}

// publish writes a change down, and tells the watchers. The caller holds s.mu.
func (s *Server) publish(change podsv1.WatchPodsResponse_Type, pod *podsv1.Pod) {
	s.version++
	event := &podsv1.WatchPodsResponse{Type: change, Pod: pod, Version: s.version}
	if len(s.changes) == s.limit {
		s.changes = slices.Delete(s.changes, 0, 1)
	}
	s.changes = append(s.changes, event)
	for w := range s.watchers {
		if !w.wants(pod) {
			continue
		}
		select {
		case w.events <- event:
		default: // too slow: it still gets what waits, and then the end
			delete(s.watchers, w)
			close(w.events)
		}
	}
}

// join returns what a watcher is to get first, and has what happens from then on
// wait for it: under one lock, so that nothing is lost in between, or comes twice.
func (s *Server) join(req *podsv1.WatchPodsRequest) ([]*podsv1.WatchPodsResponse, *watcher, error) {
	w := &watcher{req.GetNamespace(), make(chan *podsv1.WatchPodsResponse, s.limit)}
	s.mu.Lock()
	defer s.mu.Unlock()
	first, err := s.begin(w, req.GetVersion())
	if err == nil {
		s.watchers[w] = struct{}{}
	}
	return first, w, err
}

// begin returns what a client that has seen version gets first. The caller holds
// s.mu.
func (s *Server) begin(w *watcher, version int64) ([]*podsv1.WatchPodsResponse, error) {
	forgotten := s.version - int64(len(s.changes)) // the changes up to this version
	switch {
	case version < 0:
		return nil, status.Errorf(codes.InvalidArgument, "version %d is negative", version)
	case version == 0:
		return s.snapshot(w), nil
	case version < forgotten || version > s.version:
		return nil, status.Errorf(codes.OutOfRange, "version %d is not among %d to %d: begin again at 0", version, forgotten, s.version)
	}
	var missed []*podsv1.WatchPodsResponse
	for _, event := range s.changes[version-forgotten:] {
		if w.wants(event.GetPod()) {
			missed = append(missed, event)
		}
	}
	return missed, nil
}

// snapshot returns an event for each pod that there is, and the one that ends
// them. The caller holds s.mu.
func (s *Server) snapshot(w *watcher) []*podsv1.WatchPodsResponse {
	var events []*podsv1.WatchPodsResponse
	for _, pod := range s.pods {
		if w.wants(pod) {
			// Version 0: who loses the connection here has to begin again.
			events = append(events, &podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_ADDED, Pod: pod})
		}
	}
	slices.SortFunc(events, func(a, b *podsv1.WatchPodsResponse) int {
		return cmp.Or(
			cmp.Compare(a.GetPod().GetNamespace(), b.GetPod().GetNamespace()),
			cmp.Compare(a.GetPod().GetName(), b.GetPod().GetName()))
	})
	return append(events, &podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_SYNCED, Version: s.version})
}

// leave forgets a watcher.
func (s *Server) leave(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// wants says whether the watcher is to hear of that pod.
func (w *watcher) wants(pod *podsv1.Pod) bool {
	return w.namespace == "" || w.namespace == pod.GetNamespace()
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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // frees the stream, unless it is over
	stream, err := client.WatchPods(ctx, &podsv1.WatchPodsRequest{Namespace: namespace, Version: version})
	if err != nil {
		return version, err
	}
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return version, nil
		}
		if err != nil {
			return version, err
		}
		if err := each(event); err != nil {
			return version, err
		}
		version = event.GetVersion()
	}
}
