//go:build solution

// Package list is a gRPC server that knows which pods there are, and tells of
// one of them, or of all, a page at a time.
package list

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	podsv1 "github.com/example/netkata/pb/pods/v1"
)

const (
	DefaultPageSize = 50
	MaxPageSize     = 500
	MaxPageBytes    = 4 << 20
)

// Server replaces the whole sorted list with each change, so that readers need
// no lock. Its tokens are signed, and name the pod that comes next.
type Server struct {
	podsv1.UnimplementedPodServiceServer
	writing sync.Mutex
	pods    atomic.Pointer[[]*podsv1.Pod]
	once    sync.Once
	secret  []byte
}

func less(a *podsv1.Pod, b [2]string) int {
	if c := strings.Compare(a.GetNamespace(), b[0]); c != 0 {
		return c
	}
	return strings.Compare(a.GetName(), b[1])
}

func (s *Server) all() []*podsv1.Pod {
	if p := s.pods.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *Server) change(namespace, name string, with ...*podsv1.Pod) (found bool) {
	s.writing.Lock()
	defer s.writing.Unlock()
	all := slices.Clone(s.all())
	i, found := slices.BinarySearchFunc(all, [2]string{namespace, name}, less)
	n := 0
	if found {
		n = 1
	}
	all = slices.Replace(all, i, i+n, with...)
	s.pods.Store(&all)
	return found
}

func (s *Server) Put(pod *podsv1.Pod) {
	s.change(pod.GetNamespace(), pod.GetName(), proto.Clone(pod).(*podsv1.Pod))
}

func (s *Server) Delete(namespace, name string) bool { return s.change(namespace, name) }

func (s *Server) GetPod(ctx context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	var bad []*errdetails.BadRequest_FieldViolation
	if req.GetName() == "" {
		bad = append(bad, &errdetails.BadRequest_FieldViolation{Field: "name", Description: "name is required", Reason: "REQUIRED"})
	}
	if req.GetNamespace() == "" {
		bad = append(bad, &errdetails.BadRequest_FieldViolation{Field: "namespace", Description: "namespace is required", Reason: "REQUIRED"})
	}
	if bad != nil {
		return nil, failed(codes.InvalidArgument, &errdetails.BadRequest{FieldViolations: bad})
	}
	all := s.all()
	i, found := slices.BinarySearchFunc(all, [2]string{req.GetNamespace(), req.GetName()}, less)
	if !found {
		return nil, failed(codes.NotFound, &errdetails.ResourceInfo{ResourceType: "Pod", ResourceName: req.GetNamespace() + "/" + req.GetName()})
	}
	return &podsv1.GetPodResponse{Pod: proto.CloneOf(all[i])}, nil
}

type cursor struct{ List, Namespace, Name string }

func (s *Server) ListPods(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
	from := cursor{List: req.GetNamespace(), Namespace: req.GetNamespace()}
	var bad []*errdetails.BadRequest_FieldViolation
	if req.GetPageSize() < 0 {
		bad = append(bad, &errdetails.BadRequest_FieldViolation{Field: "page_size", Description: "at least 0"})
	}
	if t := req.GetPageToken(); t != "" && !s.open(t, &from, req.GetNamespace()) {
		bad = append(bad, &errdetails.BadRequest_FieldViolation{Field: "page_token", Description: "unknown"})
	}
	if bad != nil {
		return nil, failed(codes.InvalidArgument, &errdetails.BadRequest{FieldViolations: bad})
	}
	size := int(req.GetPageSize())
	switch {
	case size == 0:
		size = DefaultPageSize
	case size > MaxPageSize:
		size = MaxPageSize
	}
	all := s.all()
	i, _ := slices.BinarySearchFunc(all, [2]string{from.Namespace, from.Name}, less)
	resp, bytes := &podsv1.ListPodsResponse{}, 0
	for n := 0; i < len(all); n, i = n+1, i+1 {
		if req.GetNamespace() != "" && all[i].GetNamespace() != req.GetNamespace() {
			break
		}
		// A megabyte is plenty for a page.
		bytes += proto.Size(all[i])
		if n == size || n > 0 && bytes > 1<<20 {
			resp.NextPageToken = s.seal(cursor{req.GetNamespace(), all[i].GetNamespace(), all[i].GetName()})
			break
		}
		if n%99 == 0 && ctx.Err() != nil {
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		resp.Pods = append(resp.Pods, all[i])
	}
	if ctx.Err() != nil {
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	return proto.CloneOf(resp), nil
}

func (s *Server) mac(b []byte) []byte {
	s.once.Do(func() {
		s.secret = make([]byte, 32)
		rand.Read(s.secret)
	})
	h := hmac.New(sha256.New, s.secret)
	h.Write(b)
	return h.Sum(nil)
}

func (s *Server) seal(c cursor) string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(append(s.mac(b), b...))
}

func (s *Server) open(token string, c *cursor, list string) bool {
	b, err := hex.DecodeString(token)
	if err != nil || len(b) < sha256.Size {
		return false
	}
	if !hmac.Equal(b[:sha256.Size], s.mac(b[sha256.Size:])) {
		return false
	}
	return json.Unmarshal(b[sha256.Size:], c) == nil && c.List == list
}

// failed writes the status down as gRPC sends it.
func failed(code codes.Code, detail proto.Message) error {
	packed, err := anypb.New(detail)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return status.ErrorProto(&spb.Status{Code: int32(code), Message: code.String(), Details: []*anypb.Any{packed}})
}
