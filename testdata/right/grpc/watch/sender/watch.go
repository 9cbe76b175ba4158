//go:build solution

// Package watch tells clients what pods there are, and then each change as it
// happens.
package watch

import (
	"container/list"
	"context"
	"errors"
	"io"
	"sort"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	podsv1 "github.com/example/netkata/pb/pods/v1"
)

type stream = grpc.ServerStreamingServer[podsv1.WatchPodsResponse]

// Server keeps the pods in order, and has a list of changes. Each watch has a
// goroutine that sends, so that WatchPods can return while Send waits.
type Server struct {
	podsv1.UnimplementedPodServiceServer
	limit int

	mu      sync.Mutex
	pods    []*podsv1.Pod // sorted
	version int64
	log     list.List // of *podsv1.WatchPodsResponse
	all     map[*watcher]bool
	over    bool
}

// watcher is one call. Its fields belong to the server's lock.
type watcher struct {
	namespace string
	queue     []*podsv1.WatchPodsResponse
	more      *sync.Cond
	end       error
	ended     chan struct{}
}

// NewServer returns a server without pods.
func NewServer(limit int) *Server {
	return &Server{limit: limit, all: map[*watcher]bool{}}
}

// find returns where a pod is, or would be.
func (s *Server) find(namespace, name string) (int, bool) {
	i := sort.Search(len(s.pods), func(i int) bool {
		p := s.pods[i]
		return p.Namespace > namespace || p.Namespace == namespace && p.Name >= name
	})
	return i, i < len(s.pods) && s.pods[i].Namespace == namespace && s.pods[i].Name == name
}

// Put stores a copy of the pod.
func (s *Server) Put(pod *podsv1.Pod) {
	mine := &podsv1.Pod{}
	proto.Merge(mine, pod)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	mine.Version = s.version
	i, ok := s.find(mine.Namespace, mine.Name)
	if ok {
		s.pods[i] = mine
		s.tell(podsv1.WatchPodsResponse_TYPE_MODIFIED, mine)
		return
	}
	s.pods = append(s.pods, nil)
	copy(s.pods[i+1:], s.pods[i:])
	s.pods[i] = mine
	s.tell(podsv1.WatchPodsResponse_TYPE_ADDED, mine)
}

// Delete removes a pod.
func (s *Server) Delete(namespace, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.find(namespace, name)
	if !ok {
		return false
	}
	s.version++
	s.tell(podsv1.WatchPodsResponse_TYPE_DELETED, s.pods[i])
	s.pods = append(s.pods[:i], s.pods[i+1:]...)
	return true
}

func (s *Server) tell(what podsv1.WatchPodsResponse_Type, pod *podsv1.Pod) {
	event := &podsv1.WatchPodsResponse{Type: what, Pod: proto.CloneOf(pod), Version: s.version}
	s.log.PushBack(event)
	if s.log.Len() > s.limit {
		s.log.Remove(s.log.Front())
	}
	for w := range s.all {
		if w.namespace != "" && w.namespace != pod.Namespace {
			continue
		}
		if len(w.queue) > s.limit {
			s.finish(w, status.Error(codes.ResourceExhausted, "too slow"))
			continue
		}
		w.queue = append(w.queue, event)
		w.more.Signal()
	}
}

// finish ends a watch. The caller holds the lock.
func (s *Server) finish(w *watcher, err error) {
	if w.end == nil {
		w.end = err
		w.queue = nil
		delete(s.all, w)
		close(w.ended)
		w.more.Signal()
	}
}

// Stop ends all watches.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	for w := range s.all {
		s.finish(w, status.Error(codes.Unavailable, "stopped"))
	}
}

// Watchers returns how many there are.
func (s *Server) Watchers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// WatchPods waits for the end, while another goroutine sends.
func (s *Server) WatchPods(req *podsv1.WatchPodsRequest, to stream) error {
	w := &watcher{namespace: req.GetNamespace(), more: sync.NewCond(&s.mu), ended: make(chan struct{})}
	s.mu.Lock()
	first, err := s.first(req)
	if err == nil {
		s.all[w] = true
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { sent <- s.send(w, to, first) }()
	select {
	case <-w.ended:
		return w.end
	case err = <-sent:
	case <-to.Context().Done():
		err = status.FromContextError(to.Context().Err()).Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(w, err)
	return w.end
}

// send sends until the watch is over.
func (s *Server) send(w *watcher, to stream, events []*podsv1.WatchPodsResponse) error {
	for {
		for _, e := range events {
			if err := to.Send(e); err != nil {
				return err
			}
		}
		s.mu.Lock()
		for len(w.queue) == 0 && w.end == nil {
			w.more.Wait()
		}
		if w.end != nil {
			s.mu.Unlock()
			return w.end
		}
		events, w.queue = w.queue[:1:1], w.queue[1:]
		s.mu.Unlock()
	}
}

// first returns what a watcher gets first.
func (s *Server) first(req *podsv1.WatchPodsRequest) (events []*podsv1.WatchPodsResponse, err error) {
	switch v := req.GetVersion(); {
	case s.over:
		return nil, status.Error(codes.Unavailable, "stopped")
	case v < 0:
		return nil, status.Error(codes.InvalidArgument, "version")
	case v > s.version, v > 0 && v < s.version-int64(s.log.Len()):
		return nil, status.Error(codes.OutOfRange, "version")
	}
	wants := func(p *podsv1.Pod) bool { return req.Namespace == "" || req.Namespace == p.Namespace }
	if req.Version > 0 {
		for e := s.log.Front(); e != nil; e = e.Next() {
			if event := e.Value.(*podsv1.WatchPodsResponse); event.Version > req.Version && wants(event.Pod) {
				events = append(events, event)
			}
		}
		return events, nil
	}
	for _, p := range s.pods {
		if wants(p) {
			events = append(events, &podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_ADDED, Pod: proto.CloneOf(p)})
		}
	}
	return append(events, &podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_SYNCED, Version: s.version}), nil
}

// Watch has a goroutine that receives.
func Watch(ctx context.Context, client podsv1.PodServiceClient, namespace string, version int64, each func(*podsv1.WatchPodsResponse) error) (last int64, err error) {
	last = version
	ctx, cancel := context.WithCancel(ctx)
	from, err := client.WatchPods(ctx, &podsv1.WatchPodsRequest{Namespace: namespace, Version: version})
	if err != nil {
		cancel()
		return last, err
	}
	events := make(chan *podsv1.WatchPodsResponse)
	var end error
	go func() {
		defer close(events)
		for {
			event, err := from.Recv()
			if err != nil {
				end = err
				return
			}
			select {
			case events <- event:
			case <-ctx.Done():
				end = ctx.Err()
				return
			}
		}
	}()
	defer func() {
		cancel()
		for range events { // until the goroutine is gone
		}
	}()
	for event := range events {
		if err := each(event); err != nil {
			return last, err
		}
		last = event.GetVersion()
	}
	if errors.Is(end, io.EOF) {
		return last, nil
	}
	return last, end
}
