//go:build solution

// Package list is a gRPC server that knows which pods there are, and tells of
// one of them, or of all, a page at a time.
package list

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

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

	mu   sync.RWMutex  // held for a moment only, never while messages are copied
	pods []*podsv1.Pod // in the order of their keys; once here, none is changed
}

// Put adds a pod, or replaces the one of the same namespace and name, neither of
// which may be empty. It keeps a copy: pod stays the caller's.
func (s *Server) Put(pod *podsv1.Pod) {
	pod = proto.CloneOf(pod)
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := s.find(keyOf(pod))
	if found {
		s.pods[i] = pod
	} else {
		s.pods = slices.Insert(s.pods, i, pod)
	}
}

// Delete takes a pod away, and says whether it was there.
func (s *Server) Delete(namespace, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := s.find(key{namespace, name})
	if found {
		s.pods = slices.Delete(s.pods, i, i+1)
	}
	return found
}

// GetPod returns the pod of that namespace and name. The response is the
// caller's.
//
// The error is a status: InvalidArgument with a BadRequest when the request
// cannot be answered as it is; NotFound with a ResourceInfo when there is no such
// pod; else Canceled or DeadlineExceeded, when ctx is done.
func (s *Server) GetPod(ctx context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	var bad violations
	if req.GetNamespace() == "" {
		bad.add("namespace", "is empty")
	}
	if req.GetName() == "" {
		bad.add("name", "is empty")
	}
	if len(bad) > 0 {
		return nil, bad.err()
	}
	if ctx.Err() != nil {
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	k := key{req.GetNamespace(), req.GetName()}
	pod := s.get(k)
	if pod == nil {
		return nil, notFound(k)
	}
	return &podsv1.GetPodResponse{Pod: proto.CloneOf(pod)}, nil
}

// ListPods returns a page of the pods, by namespace and then by name: the first
// page, or the one that page_token stands for. The response is the caller's.
//
// The error is a status: InvalidArgument with a BadRequest when the request
// cannot be answered as it is; else Canceled or DeadlineExceeded, when ctx is
// done.
func (s *Server) ListPods(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
	var bad violations
	size := int(req.GetPageSize())
	switch {
	case size < 0:
		bad.add("page_size", "is negative")
	case size == 0:
		size = DefaultPageSize
	}
	size = min(size, MaxPageSize)
	last, err := parseToken(req.GetPageToken(), req.GetNamespace())
	if err != nil {
		bad.add("page_token", err.Error())
	}
	if len(bad) > 0 {
		return nil, bad.err()
	}
	if ctx.Err() != nil {
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	// One more than the page holds: it says whether there is another page.
	return page(ctx, req.GetNamespace(), s.after(last, req.GetNamespace(), size+1), size)
}

// page copies as many of the pods as a page holds. They are the store's.
func page(ctx context.Context, list string, pods []*podsv1.Pod, size int) (*podsv1.ListPodsResponse, error) {
	resp := &podsv1.ListPodsResponse{}
	bytes := 0
	for i, pod := range pods {
		if ctx.Err() != nil { // nobody waits for the rest
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		bytes += proto.Size(pod)
		// The other half is for the token, and what each pod has around it.
		if full := i == size || bytes > MaxPageBytes/2; full && i > 0 {
			resp.NextPageToken = formatToken(list, keyOf(pods[i-1]))
			break
		}
		resp.Pods = append(resp.Pods, proto.CloneOf(pod))
	}
	return resp, nil
}

// get returns the pod of that key, which is the store's, or nil.
func (s *Server) get(k key) *podsv1.Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if i, found := s.find(k); found {
		return s.pods[i]
	}
	return nil
}

// after returns up to n pods of a list that come after the key last, whether
// there is a pod of that key or not. The list is that of a namespace, or of all
// for "".
func (s *Server) after(last key, list string, n int) []*podsv1.Pod {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, found := s.find(last)
	if found {
		i++
	}
	var pods []*podsv1.Pod
	for _, pod := range s.pods[i:] {
		if len(pods) == n || list != "" && pod.GetNamespace() != list {
			break
		}
		pods = append(pods, pod)
	}
	return pods
}

// find returns where the pod of that key is, or where it would be. The caller
// holds s.mu.
func (s *Server) find(k key) (i int, found bool) {
	return slices.BinarySearchFunc(s.pods, k, func(pod *podsv1.Pod, k key) int { return keyOf(pod).compare(k) })
}

// key is what a pod is known by.
type key struct{ namespace, name string }

func keyOf(pod *podsv1.Pod) key { return key{pod.GetNamespace(), pod.GetName()} }

func (k key) compare(other key) int {
	return cmp.Or(strings.Compare(k.namespace, other.namespace), strings.Compare(k.name, other.name))
}

// token is what a page token says: of which list it is a page, and after which
// pod the page begins. That pod may be gone by the time the token is used.
type token struct{ List, Namespace, Name string }

func formatToken(list string, last key) string {
	text, err := json.Marshal(token{list, last.namespace, last.name})
	if err != nil {
		panic(err) // strings alone can always be written
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// parseToken returns the key after which the page begins. Without a token, that
// is one before all pods of the list.
func parseToken(text, list string) (last key, err error) {
	if text == "" {
		return key{namespace: list}, nil
	}
	src, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which base64 skips
		return key{}, errForeign
	}
	var t token
	if json.Unmarshal(src, &t) != nil || t.Namespace == "" || t.Name == "" {
		return key{}, errForeign
	}
	if t.List != list {
		return key{}, fmt.Errorf("was given for namespace %q", t.List)
	}
	return key{t.Namespace, t.Name}, nil
}

var errForeign = errors.New("is not one that a page came with")

// violations are what is wrong with a request.
type violations []*errdetails.BadRequest_FieldViolation

func (v *violations) add(field, what string) {
	*v = append(*v, &errdetails.BadRequest_FieldViolation{Field: field, Description: what})
}

func (v violations) err() error {
	var texts []string
	for _, one := range v {
		texts = append(texts, one.GetField()+" "+one.GetDescription())
	}
	st := status.New(codes.InvalidArgument, strings.Join(texts, "; "))
	return detailed(st.WithDetails(&errdetails.BadRequest{FieldViolations: v}))
}

func notFound(k key) error {
	st := status.Newf(codes.NotFound, "no pod %q in namespace %q", k.name, k.namespace)
	return detailed(st.WithDetails(&errdetails.ResourceInfo{
		ResourceType: "netkata.pods.v1.Pod",
		ResourceName: k.namespace + "/" + k.name,
		Description:  "there is no such pod",
	}))
}

// detailed returns the error of what Status.WithDetails has returned.
func detailed(st *status.Status, err error) error {
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return st.Err()
}
