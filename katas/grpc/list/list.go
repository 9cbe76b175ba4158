//go:build !solution

// Package list is a gRPC server that knows which pods there are, and tells of
// one of them, or of all, a page at a time.
package list

import (
	"context"

	"github.com/example/netkata/harness/todo"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// What a page holds.
const (
	DefaultPageSize = 50      // pods, when page_size is 0
	MaxPageSize     = 500     // pods, whatever page_size says
	MaxPageBytes    = 4 << 20 // of a response: what clients take unless told otherwise
)

// Server is a podsv1.PodServiceServer whose WatchPods is not implemented. The
// zero value has no pods, and is ready to use. Its methods may be called by
// several goroutines at once.
type Server struct {
	podsv1.UnimplementedPodServiceServer

	// TODO
}

// Put adds a pod, or replaces the one of the same namespace and name, neither of
// which may be empty. It keeps a copy: pod stays the caller's.
func (s *Server) Put(pod *podsv1.Pod) {
	// TODO
}

// Delete takes a pod away, and says whether it was there.
func (s *Server) Delete(namespace, name string) bool {
	// TODO
	return false
}

// GetPod returns the pod of that namespace and name. The response is the
// caller's.
//
// The error is a status: InvalidArgument with a BadRequest when the request
// cannot be answered as it is; NotFound with a ResourceInfo when there is no such
// pod; else Canceled or DeadlineExceeded, when ctx is done.
func (s *Server) GetPod(ctx context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	// TODO
	return nil, todo.Err
}

// ListPods returns a page of the pods, by namespace and then by name: the first
// page, or the one that page_token stands for. The response is the caller's.
//
// The error is a status: InvalidArgument with a BadRequest when the request
// cannot be answered as it is; else Canceled or DeadlineExceeded, when ctx is
// done.
func (s *Server) ListPods(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
	// TODO
	return nil, todo.Err
}
