//go:build solution

// Another right solution: Close holds a lock until the connection is closed, and
// then waits for the calls that it has ended; request IDs are counted, behind
// what one Client has drawn; the service config is marshalled; where there is an
// error, the list of pods is empty, not nil.
package call

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
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
	ErrPages       = errors.New("a page token came twice")
	ErrClosed      = errors.New("closed")
)

type InvalidError struct {
	Violations map[string]string
	Err        error
}

func (e *InvalidError) Error() string { return fmt.Sprintf("invalid: %v %v", e.Violations, e.Err) }
func (e *InvalidError) Unwrap() error { return e.Err }

type Client struct {
	timeout time.Duration
	drawn   string
	n       atomic.Uint64
	calls   sync.WaitGroup

	mu     sync.RWMutex
	closed bool
	conn   *grpc.ClientConn
}

type object map[string]any

func New(target string, timeout time.Duration, opts ...grpc.DialOption) (*Client, error) {
	config, err := json.Marshal(object{"methodConfig": []object{{
		"name": []object{{"service": podsv1.PodService_ServiceDesc.ServiceName}},
		"retryPolicy": object{"maxAttempts": 4, "initialBackoff": "0.02s", "maxBackoff": "1s", "backoffMultiplier": 2.5,
			"retryableStatusCodes": []string{"UNAVAILABLE"}},
	}}})
	if err != nil {
		return nil, err
	}
	c := &Client{timeout: timeout, drawn: rand.Text()}
	c.conn, err = grpc.NewClient(target, append(slices.Clone(opts), grpc.WithDefaultServiceConfig(string(config)))...)
	if err != nil {
		return nil, fmt.Errorf("new client: %w", err)
	}
	return c, nil
}

// call runs f under a context of its own, if the Client is not closed.
func (c *Client) call(ctx context.Context, f func(context.Context, podsv1.PodServiceClient) error) error {
	c.mu.RLock()
	if c.closed {
		c.mu.RUnlock()
		return ErrClosed
	}
	c.calls.Add(1)
	c.mu.RUnlock()
	defer c.calls.Done()
	ctx, cancel := context.WithDeadline(c.outgoing(ctx), time.Now().Add(c.timeout))
	defer cancel()
	return c.explain(f(ctx, podsv1.NewPodServiceClient(c.conn)))
}

func (c *Client) outgoing(ctx context.Context) context.Context {
	out, _ := metadata.FromOutgoingContext(ctx)
	if len(out[RequestID]) > 0 {
		return ctx
	}
	id := []string{fmt.Sprintf("%s.%d", c.drawn, c.n.Add(1))}
	if in, _ := metadata.FromIncomingContext(ctx); len(in[RequestID]) > 0 {
		id = in[RequestID]
	}
	return metadata.NewOutgoingContext(ctx, metadata.Join(out, metadata.MD{RequestID: id}))
}

func (c *Client) explain(err error) error {
	var kind error
	switch st, _ := status.FromError(err); st.Code() {
	case codes.NotFound:
		kind = ErrNotFound
	case codes.Unavailable:
		kind = ErrUnavailable
	case codes.DeadlineExceeded:
		kind = context.DeadlineExceeded
	case codes.Canceled:
		c.mu.RLock()
		defer c.mu.RUnlock()
		if kind = context.Canceled; c.closed {
			kind = ErrClosed
		}
	case codes.InvalidArgument:
		bad := &InvalidError{Err: err}
		for _, d := range st.Details() {
			if d, ok := d.(*errdetails.BadRequest); ok {
				for _, v := range d.FieldViolations {
					if bad.Violations == nil {
						bad.Violations = map[string]string{}
					}
					bad.Violations[v.Field] = v.Description
				}
			}
		}
		return bad
	default:
		return err
	}
	return errors.Join(kind, err)
}

func (c *Client) Get(ctx context.Context, namespace, name string) (pod *podsv1.Pod, err error) {
	err = c.call(ctx, func(ctx context.Context, pods podsv1.PodServiceClient) error {
		res, err := pods.GetPod(ctx, &podsv1.GetPodRequest{Namespace: namespace, Name: name})
		pod = res.GetPod()
		return err
	})
	return pod, err
}

func (c *Client) List(ctx context.Context, namespace string) ([]*podsv1.Pod, error) {
	all := []*podsv1.Pod{}
	err := c.call(ctx, func(ctx context.Context, pods podsv1.PodServiceClient) error {
		var tokens []string
		req := &podsv1.ListPodsRequest{Namespace: namespace, PageSize: 500}
		for {
			res, err := pods.ListPods(ctx, req)
			if err != nil {
				return err
			}
			all = append(all, res.Pods...)
			if req.PageToken = res.NextPageToken; req.PageToken == "" {
				return nil
			}
			if slices.Contains(tokens, req.PageToken) {
				return ErrPages
			}
			tokens = append(tokens, req.PageToken)
		}
	})
	if err != nil {
		return all[:0], err
	}
	return all, nil
}

func (c *Client) Close() error {
	defer c.calls.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	return c.conn.Close()
}
