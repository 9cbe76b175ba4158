//go:build solution

package call

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	podsv1 "github.com/example/netkata/pb/pods/v1"
)

const RequestID = "x-request-id"

var (
	ErrNotFound    = errors.New("not found")
	ErrUnavailable = errors.New("unavailable")
	ErrPages       = errors.New("pages in a circle")
	ErrClosed      = errors.New("closed")
)

type InvalidError struct {
	Violations map[string]string
	Err        error
}

func (e *InvalidError) Error() string { return "invalid: " + e.Err.Error() }
func (e *InvalidError) Unwrap() error { return e.Err }

// Client has an interceptor do everything that is the same for all methods, and
// knows all calls under way, so that Close ends them itself.
type Client struct {
	podsv1.PodServiceClient
	conn    *grpc.ClientConn
	timeout time.Duration

	mu      sync.Mutex
	next    int
	running map[int]context.CancelCauseFunc // nil once closed
}

func New(target string, timeout time.Duration, opts ...grpc.DialOption) (*Client, error) {
	c := &Client{timeout: timeout, running: map[int]context.CancelCauseFunc{}}
	all := []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(c.intercept),
		grpc.WithDefaultServiceConfig(`{"methodConfig":[{"name":[{"service":"netkata.pods.v1.PodService"}],"retryPolicy":{
			"maxAttempts":4,"initialBackoff":"0.05s","maxBackoff":"0.5s","backoffMultiplier":1.5,"retryableStatusCodes":[14]}}]}`),
	}
	conn, err := grpc.NewClient(target, append(all, opts...)...)
	if err != nil {
		return nil, err
	}
	c.conn, c.PodServiceClient = conn, podsv1.NewPodServiceClient(conn)
	return c, nil
}

// intercept is around every attempt to call, and makes this package's errors.
func (c *Client) intercept(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, cc, opts...)
	if err == nil {
		return nil
	}
	return &failure{err, kind(ctx, err)}
}

// failure is a status with a second meaning.
type failure struct{ status, kind error }

func (f *failure) Error() string {
	if f.kind == nil {
		return f.status.Error()
	}
	return f.kind.Error() + ": " + f.status.Error()
}
func (f *failure) GRPCStatus() *status.Status { return status.Convert(f.status) }
func (f *failure) Is(target error) bool       { return f.kind != nil && errors.Is(f.kind, target) }
func (f *failure) As(target any) bool         { return f.kind != nil && errors.As(f.kind, target) }

func kind(ctx context.Context, err error) error {
	if context.Cause(ctx) == ErrClosed {
		return ErrClosed
	}
	switch st := status.Convert(err); st.Code() {
	case codes.NotFound:
		return ErrNotFound
	case codes.Unavailable:
		return ErrUnavailable
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.InvalidArgument:
		e := &InvalidError{Violations: make(map[string]string), Err: err}
		for _, d := range st.Details() {
			if b, ok := d.(*errdetails.BadRequest); ok {
				for _, v := range b.FieldViolations {
					e.Violations[v.Field] = v.Description
				}
			}
		}
		return e
	}
	return nil
}

// begin counts a call among those under way.
func (c *Client) begin(parent context.Context) (context.Context, func(), error) {
	md, _ := metadata.FromOutgoingContext(parent) // a copy
	if md == nil {
		md = metadata.MD{}
	}
	if len(md[RequestID]) == 0 {
		if in, ok := metadata.FromIncomingContext(parent); ok && len(in[RequestID]) > 0 {
			md.Set(RequestID, in[RequestID][0])
		} else {
			id := make([]byte, 16)
			for i := range id {
				id[i] = byte(rand.Uint32())
			}
			md.Set(RequestID, hex.EncodeToString(id))
		}
	}
	ctx, cancel := context.WithCancelCause(metadata.NewOutgoingContext(parent, md))
	ctx, stop := context.WithDeadline(ctx, time.Now().Add(c.timeout))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		stop()
		cancel(nil)
		return nil, nil, ErrClosed
	}
	c.next++
	n := c.next
	c.running[n] = cancel
	return ctx, func() {
		stop()
		cancel(nil)
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, n)
	}, nil
}

func (c *Client) Get(ctx context.Context, namespace, name string) (*podsv1.Pod, error) {
	ctx, end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	res, err := c.GetPod(ctx, &podsv1.GetPodRequest{Namespace: namespace, Name: name})
	return res.GetPod(), err
}

func (c *Client) List(ctx context.Context, namespace string) ([]*podsv1.Pod, error) {
	ctx, end, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	return c.rest(ctx, namespace, "", map[string]struct{}{})
}

// rest returns the pods of the page of a token, and of those behind it.
func (c *Client) rest(ctx context.Context, namespace, token string, seen map[string]struct{}) ([]*podsv1.Pod, error) {
	if _, ok := seen[token]; ok {
		return nil, ErrPages
	}
	seen[token] = struct{}{}
	res, err := c.ListPods(ctx, &podsv1.ListPodsRequest{Namespace: namespace, PageToken: token, PageSize: 500})
	if err != nil || res.NextPageToken == "" {
		return res.GetPods(), err
	}
	more, err := c.rest(ctx, namespace, res.NextPageToken, seen)
	if err != nil {
		return nil, err
	}
	return append(res.Pods, more...), nil
}

func (c *Client) Close() error {
	c.mu.Lock()
	running := c.running
	c.running = nil
	c.mu.Unlock()
	if running == nil {
		return nil
	}
	for _, cancel := range running {
		cancel(ErrClosed)
	}
	return c.conn.Close()
}
