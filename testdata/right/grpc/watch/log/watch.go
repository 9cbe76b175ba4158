//go:build solution

// Package watch tells clients what pods there are, and then each change as it
// happens.
package watch

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// Server has one log of changes, and each watcher knows how far it has read.
type Server struct {
	podsv1.UnimplementedPodServiceServer
	watchers atomic.Int64

	mu      sync.RWMutex
	limit   int64
	version int64
	ring    []*podsv1.WatchPodsResponse // version v is at v % limit
	pods    map[string]map[string]*podsv1.Pod
	news    chan struct{} // closed by the next change, and by Stop
	stopped bool
}

// NewServer returns a server without pods.
func NewServer(limit int) *Server {
	return &Server{
		limit: int64(limit),
		ring:  make([]*podsv1.WatchPodsResponse, limit),
		pods:  map[string]map[string]*podsv1.Pod{},
		news:  make(chan struct{}),
	}
}

// Put stores a copy of the pod.
func (s *Server) Put(pod *podsv1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod = proto.Clone(pod).(*podsv1.Pod)
	pod.Version = s.version + 1
	space := s.pods[pod.Namespace]
	if space == nil {
		space = map[string]*podsv1.Pod{}
		s.pods[pod.Namespace] = space
	}
	what := podsv1.WatchPodsResponse_TYPE_ADDED
	if _, ok := space[pod.Name]; ok {
		what = podsv1.WatchPodsResponse_TYPE_MODIFIED
	}
	space[pod.Name] = pod
	s.add(what, pod)
}

// Delete removes a pod.
func (s *Server) Delete(namespace, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	pod, ok := s.pods[namespace][name]
	if !ok {
		return false
	}
	if delete(s.pods[namespace], name); len(s.pods[namespace]) == 0 {
		delete(s.pods, namespace)
	}
	s.add(podsv1.WatchPodsResponse_TYPE_DELETED, pod)
	return true
}

func (s *Server) add(what podsv1.WatchPodsResponse_Type, pod *podsv1.Pod) {
	s.version++
	s.ring[s.version%s.limit] = &podsv1.WatchPodsResponse{Type: what, Pod: pod, Version: s.version}
	s.wake()
}

func (s *Server) wake() {
	close(s.news)
	s.news = make(chan struct{})
}

// Stop ends all watches.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.wake()
}

// Watchers returns how many there are.
func (s *Server) Watchers() int { return int(s.watchers.Load()) }

// WatchPods reads the log, from the request's version on.
func (s *Server) WatchPods(req *podsv1.WatchPodsRequest, stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse]) error {
	s.watchers.Add(1)
	defer s.watchers.Add(-1)
	if req.Version < 0 {
		return status.Error(codes.InvalidArgument, "negative version")
	}
	seen := req.Version
	late := codes.OutOfRange // and once it has begun:
	if seen == 0 {
		pods, version, stopped := s.snapshot(req.Namespace)
		if stopped {
			return status.Error(codes.Unavailable, "stopping")
		}
		for _, pod := range pods {
			if err := s.send(stream, &podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_ADDED, Pod: pod}); err != nil {
				return err
			}
		}
		if err := s.send(stream, &podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_SYNCED, Version: version}); err != nil {
			return err
		}
		seen, late = version, codes.ResourceExhausted
	}
	for {
		events, version, news, err := s.since(seen, late)
		if err != nil {
			return err
		}
		seen, late = version, codes.ResourceExhausted
		for _, e := range events {
			if req.Namespace != "" && req.Namespace != e.Pod.Namespace {
				continue
			}
			if err := s.send(stream, e); err != nil {
				return err
			}
		}
		select {
		case <-news:
		case <-stream.Context().Done():
			return stream.Context().Err() // of which gRPC makes a status
		}
	}
}

// send sends an event, unless the server has stopped.
func (s *Server) send(stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse], e *podsv1.WatchPodsResponse) error {
	s.mu.RLock()
	stopped := s.stopped
	s.mu.RUnlock()
	if stopped {
		return status.Error(codes.Unavailable, "stopping")
	}
	return stream.Send(e)
}

func (s *Server) snapshot(namespace string) (pods []*podsv1.Pod, version int64, stopped bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, space := range slices.Sorted(maps.Keys(s.pods)) {
		if namespace != "" && space != namespace {
			continue
		}
		pods = slices.AppendSeq(pods, maps.Values(s.pods[space]))
	}
	slices.SortStableFunc(pods, func(a, b *podsv1.Pod) int {
		if c := strings.Compare(a.Namespace, b.Namespace); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return pods, s.version, s.stopped
}

// since returns the changes after a version, and what says that there are more.
func (s *Server) since(seen int64, late codes.Code) ([]*podsv1.WatchPodsResponse, int64, <-chan struct{}, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch {
	case s.stopped:
		return nil, 0, nil, status.Error(codes.Unavailable, "stopping")
	case seen > s.version:
		return nil, 0, nil, status.Error(codes.OutOfRange, "not yet")
	case seen < s.version-s.limit:
		return nil, 0, nil, status.Error(late, "not any more")
	}
	var events []*podsv1.WatchPodsResponse
	for v := seen + 1; v <= s.version; v++ {
		events = append(events, s.ring[v%s.limit])
	}
	return events, s.version, s.news, nil
}

// Watch wraps errors, and reads in a helper.
func Watch(ctx context.Context, client podsv1.PodServiceClient, namespace string, version int64, each func(*podsv1.WatchPodsResponse) error) (int64, error) {
	call, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := client.WatchPods(call, &podsv1.WatchPodsRequest{Version: version, Namespace: namespace})
	for err == nil {
		var e podsv1.WatchPodsResponse
		if err = stream.RecvMsg(&e); err == io.EOF {
			return version, nil
		}
		if err != nil {
			break
		}
		if err := each(&e); err != nil {
			cancel(err)
			return version, fmt.Errorf("each: %w", err)
		}
		version = e.Version
	}
	return version, fmt.Errorf("watch from %d: %w", version, err)
}
