//go:build solution

// Package list is a gRPC server that knows which pods there are, and tells of
// one of them, or of all, a page at a time.
package list

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"sort"
	"strings"
	"sync"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	podsv1 "github.com/example/netkata/pb/pods/v1"
)

const (
	DefaultPageSize = 50
	MaxPageSize     = 500
	MaxPageBytes    = 4 << 20
)

// Server has maps within a map, and sorts when it is asked.
type Server struct {
	podsv1.UnimplementedPodServiceServer
	mu   sync.Mutex
	pods map[string]map[string]*podsv1.Pod // by namespace, by name
}

func (s *Server) Put(pod *podsv1.Pod) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pods == nil {
		s.pods = map[string]map[string]*podsv1.Pod{}
	}
	of := s.pods[pod.Namespace]
	if of == nil {
		of = map[string]*podsv1.Pod{}
		s.pods[pod.Namespace] = of
	}
	kept := of[pod.Name]
	if kept == nil {
		kept = &podsv1.Pod{}
		of[pod.Name] = kept
	}
	proto.Reset(kept) // changed in place, under the lock
	proto.Merge(kept, pod)
}

func (s *Server) Delete(namespace, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.pods[namespace][name]
	delete(s.pods[namespace], name)
	if len(s.pods[namespace]) == 0 {
		delete(s.pods, namespace)
	}
	return ok
}

func (s *Server) GetPod(_ context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	bad := &errdetails.BadRequest{}
	for field, value := range map[string]string{"name": req.Name, "namespace": req.Namespace} {
		if value == "" {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: field, Description: "must not be empty"})
		}
	}
	if bad.FieldViolations != nil {
		return nil, refuse(bad)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pod, ok := s.pods[req.Namespace][req.Name]
	if !ok {
		st, err := status.New(codes.NotFound, "not found").WithDetails(&errdetails.ResourceInfo{ResourceType: "pod", ResourceName: req.Namespace + "/" + req.Name})
		if err != nil {
			return nil, err
		}
		return nil, st.Err()
	}
	return &podsv1.GetPodResponse{Pod: proto.Clone(pod).(*podsv1.Pod)}, nil
}

func (s *Server) ListPods(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
	bad := &errdetails.BadRequest{}
	after := &podsv1.GetPodRequest{}
	if req.PageToken != "" {
		var ok bool
		if after, ok = open(req.PageToken, req.Namespace); !ok {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: "page_token", Description: "not a token of this list"})
		}
	}
	if req.PageSize < 0 {
		bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: "page_size", Description: "must not be negative"})
	}
	if bad.FieldViolations != nil {
		return nil, refuse(bad)
	}
	size := int(req.PageSize)
	if size == 0 {
		size = DefaultPageSize
	}
	if size > MaxPageSize {
		size = MaxPageSize
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	resp := &podsv1.ListPodsResponse{}
	room := MaxPageBytes - 64<<10
	for i, pod := range s.sorted(req.Namespace, after) {
		if i%50 == 0 {
			select {
			case <-ctx.Done():
				return nil, status.FromContextError(ctx.Err()).Err()
			default:
			}
		}
		room -= proto.Size(pod) + 8
		if len(resp.Pods) == size || room < 0 && len(resp.Pods) > 0 {
			last := resp.Pods[len(resp.Pods)-1]
			resp.NextPageToken = seal(&podsv1.GetPodRequest{Namespace: last.Namespace, Name: last.Name}, req.Namespace)
			return resp, nil
		}
		resp.Pods = append(resp.Pods, proto.Clone(pod).(*podsv1.Pod))
	}
	if ctx.Err() != nil {
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return resp, nil
}

func (s *Server) sorted(namespace string, after *podsv1.GetPodRequest) []*podsv1.Pod {
	var all []*podsv1.Pod
	for ns, of := range s.pods {
		if namespace != "" && ns != namespace || ns < after.Namespace {
			continue
		}
		for name, pod := range of {
			if ns > after.Namespace || name > after.Name {
				all = append(all, pod)
			}
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Namespace != all[j].Namespace {
			return all[i].Namespace < all[j].Namespace
		}
		return all[i].Name < all[j].Name
	})
	return all
}

func refuse(bad *errdetails.BadRequest) error {
	st, err := status.New(codes.InvalidArgument, "bad request").WithDetails(bad)
	if err != nil {
		return err
	}
	return st.Err()
}

// A token is a message and a checksum of it together with the list's name.
func seal(after *podsv1.GetPodRequest, list string) string {
	b, err := proto.Marshal(after)
	if err != nil {
		panic(err)
	}
	return base64.URLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, sum(b, list)))
}

func open(token, list string) (*podsv1.GetPodRequest, bool) {
	b, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(b) < 4 {
		return nil, false
	}
	b, tail := b[:len(b)-4], b[len(b)-4:]
	after := &podsv1.GetPodRequest{}
	ok := binary.BigEndian.Uint32(tail) == sum(b, list) && proto.Unmarshal(b, after) == nil && after.Name != "" && !strings.ContainsAny(token, "\r\n")
	return after, ok
}

func sum(b []byte, list string) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(list+"\x00")), crc32.IEEETable, b)
}
