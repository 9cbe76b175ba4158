//go:build solution

// Package call is a client of the PodService: one connection, a deadline on
// every call, and errors that its callers can tell apart.
package call

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// RequestID is the key of the metadata by which logs find a request again.
const RequestID = "x-request-id"

// Errors. Each that comes from a call is wrapped together with the call's
// status: status.FromError finds it.
var (
	// ErrNotFound means that there is no such pod.
	ErrNotFound = errors.New("call: no such pod")
	// ErrUnavailable means that no server could be asked; later, one may.
	ErrUnavailable = errors.New("call: no server")
	// ErrPages means that a list does not end: a page token came twice.
	ErrPages = errors.New("call: page token repeated")
	// ErrClosed means that Close was called.
	ErrClosed = errors.New("call: client closed")
)

// InvalidError means that the server refused what it was asked.
type InvalidError struct {
	Violations map[string]string // what is wrong, by the request's field; may be empty
	Err        error             // the call's status
}

func (e *InvalidError) Error() string { return fmt.Sprintf("call: invalid request: %v", e.Err) }
func (e *InvalidError) Unwrap() error { return e.Err }

// Client is a client of one server. Use New. Any number of goroutines may call
// its methods.
type Client struct {
	conn    *grpc.ClientConn
	pods    podsv1.PodServiceClient
	timeout time.Duration
	closed  atomic.Bool
}

// retries has gRPC try again what no server has answered. All of it only reads:
// to be asked twice does no harm.
const retries = `{
	"methodConfig": [{
		"name": [
			{"service": "netkata.pods.v1.PodService", "method": "GetPod"},
			{"service": "netkata.pods.v1.PodService", "method": "ListPods"}
		],
		"retryPolicy": {
			"maxAttempts": 4,
			"initialBackoff": "0.1s",
			"maxBackoff": "1s",
			"backoffMultiplier": 2,
			"retryableStatusCodes": ["UNAVAILABLE"]
		}
	}]
}`

// New returns a client of the server at target. Each call of Get and List takes
// no longer than timeout. opts are those of grpc.NewClient, transport credentials
// among them. New connects to nobody: the first call does.
//
// The error is that of grpc.NewClient.
func New(target string, timeout time.Duration, opts ...grpc.DialOption) (*Client, error) {
	opts = append(opts[:len(opts):len(opts)], grpc.WithDefaultServiceConfig(retries))
	conn, err := grpc.NewClient(target, opts...)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, pods: podsv1.NewPodServiceClient(conn), timeout: timeout}, nil
}

// Get returns a pod.
//
// The error is ErrNotFound, ErrUnavailable, ErrClosed, an *InvalidError,
// context.DeadlineExceeded, context.Canceled, or the status itself.
func (c *Client) Get(ctx context.Context, namespace, name string) (*podsv1.Pod, error) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	res, err := c.pods.GetPod(ctx, &podsv1.GetPodRequest{Namespace: namespace, Name: name})
	if err != nil {
		return nil, c.explain(err)
	}
	return res.GetPod(), nil
}

// List returns all pods of a namespace, or of all namespaces if it is empty, in
// the server's order.
//
// The error is ErrPages or one of Get; there are no pods then.
func (c *Client) List(ctx context.Context, namespace string) ([]*podsv1.Pod, error) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	var pods []*podsv1.Pod
	req := &podsv1.ListPodsRequest{Namespace: namespace}
	for seen := map[string]bool{"": true}; ; {
		res, err := c.pods.ListPods(ctx, req)
		if err != nil {
			return nil, c.explain(err)
		}
		pods = append(pods, res.GetPods()...)
		token := res.GetNextPageToken()
		switch {
		case token == "":
			return pods, nil
		case seen[token]:
			return nil, fmt.Errorf("%w: %q", ErrPages, token)
		}
		seen[token] = true
		req = &podsv1.ListPodsRequest{Namespace: namespace, PageToken: token}
	}
}

// Close ends the calls under way with ErrClosed, and the connection. To close
// twice does no harm.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	return c.conn.Close()
}

// begin returns the context of a call: with a deadline, and a request ID.
func (c *Client) begin(ctx context.Context) (context.Context, context.CancelFunc) {
	if out, _ := metadata.FromOutgoingContext(ctx); len(out.Get(RequestID)) == 0 {
		ctx = metadata.AppendToOutgoingContext(ctx, RequestID, requestID(ctx))
	}
	return context.WithTimeout(ctx, c.timeout) // an earlier deadline stands
}

// requestID returns that of the call that is being answered with this one, if
// there is one, and else a new one.
func requestID(ctx context.Context) string {
	if in := metadata.ValueFromIncomingContext(ctx, RequestID); len(in) > 0 {
		return in[0]
	}
	return rand.Text()
}

// explain makes errors of this package, or of package context, from a status.
func (c *Client) explain(err error) error {
	st := status.Convert(err)
	switch st.Code() {
	case codes.NotFound:
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case codes.Unavailable:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case codes.DeadlineExceeded:
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	case codes.Canceled:
		if c.closed.Load() {
			return fmt.Errorf("%w: %w", ErrClosed, err)
		}
		return fmt.Errorf("%w: %w", context.Canceled, err)
	case codes.InvalidArgument:
		return &InvalidError{violations(st), err}
	}
	return err
}

func violations(st *status.Status) map[string]string {
	all := map[string]string{}
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				all[v.GetField()] = v.GetDescription()
			}
		}
	}
	return all
}
