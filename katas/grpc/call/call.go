//go:build !solution

// Package call is a client of the PodService: one connection, a deadline on
// every call, and errors that its callers can tell apart.
package call

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"github.com/example/netkata/harness/todo"
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

func (e *InvalidError) Error() string {
	// TODO
	return ""
}

func (e *InvalidError) Unwrap() error {
	// TODO
	return todo.Err
}

// Client is a client of one server. Use New. Any number of goroutines may call
// its methods.
type Client struct {
}

// New returns a client of the server at target. Each call of Get and List takes
// no longer than timeout. opts are those of grpc.NewClient, transport credentials
// among them. New connects to nobody: the first call does.
//
// The error is that of grpc.NewClient.
func New(target string, timeout time.Duration, opts ...grpc.DialOption) (*Client, error) {
	// TODO
	return nil, todo.Err
}

// Get returns a pod.
//
// The error is ErrNotFound, ErrUnavailable, ErrClosed, an *InvalidError,
// context.DeadlineExceeded, context.Canceled, or the status itself.
func (c *Client) Get(ctx context.Context, namespace, name string) (*podsv1.Pod, error) {
	// TODO
	return nil, todo.Err
}

// List returns all pods of a namespace, or of all namespaces if it is empty, in
// the server's order.
//
// The error is ErrPages or one of Get; there are no pods then.
func (c *Client) List(ctx context.Context, namespace string) ([]*podsv1.Pod, error) {
	// TODO
	return nil, todo.Err
}

// Close ends the calls under way with ErrClosed, and the connection. To close
// twice does no harm.
func (c *Client) Close() error {
	// TODO
	return todo.Err
}
