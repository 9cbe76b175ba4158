//go:build solution

// Package lifecycle runs a gRPC server from its first call to its last: it says
// how the server is, lets no panic through, logs each call, and stops on time.
package lifecycle

import (
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// Config says what Serve serves, and how.
type Config struct {
	// Register adds the services, without health and reflection, which are
	// Serve's own. It is called once, before anybody is let in.
	Register func(grpc.ServiceRegistrar)

	// Grace is how long the calls may take that are under way when it is time
	// to stop. With 0 they are cut off at once.
	Grace time.Duration

	// Log is told of each call when it is over, in one line with the attributes
	// "method" ("/package.Service/Method"), "code" (the name of the status code
	// that goes to the client, "NotFound") and "duration" (a time.Duration). It
	// is told of a handler's panic, in that line or one more, with "panic" (what
	// it panicked with) and "stack". nil is slog.Default().
	Log *slog.Logger
}

// Serve serves what c registers, and health and reflection, to the clients of
// lis, until ctx is done or lis breaks. It then says NOT_SERVING, lets nobody in
// any more, waits for the calls under way for as long as c.Grace says, cuts off
// those that are left, and waits for their handlers. When it returns, every
// handler has returned, and lis is closed.
//
// The error is nil after ctx is done, and that of Accept if lis broke.
func Serve(ctx context.Context, lis net.Listener, c Config) error {
	if ctx.Err() != nil {
		lis.Close()
		return nil
	}
	s, state := newServer(c)
	broken := make(chan error, 1)
	var accepting sync.WaitGroup
	accepting.Go(func() { broken <- s.Serve(lis) })

	var err error
	select {
	case <-ctx.Done():
	case err = <-broken:
	}
	state.Shutdown() // first: whoever watches shall hear of it while there is a connection
	stop(s, c.Grace)
	accepting.Wait()
	return err
}

// stop lets the calls under way finish, and cuts off those that take longer than
// grace.
func stop(s *grpc.Server, grace time.Duration) {
	cut := time.AfterFunc(grace, s.Stop) // ends GracefulStop, too
	defer cut.Stop()
	s.GracefulStop()
}

const (
	// A connection that has not said what HTTP/2 begins with holds up Stop, and
	// GracefulStop. gRPC gives it two minutes.
	handshake = 10 * time.Second

	// A quiet client is asked whether it is still there. gRPC asks after two hours.
	quiet   = time.Minute
	answers = 20 * time.Second

	// A client that asks the same more often is thrown out. gRPC says five minutes.
	mayAsk = 10 * time.Second
)

// newServer returns a server with all its services, and what tells how it is.
func newServer(c Config) (*grpc.Server, *health.Server) {
	log := watcher{c.Log}
	if c.Log == nil {
		log.Logger = slog.Default()
	}
	s := grpc.NewServer(
		// The first is outermost: a panic is an error by the time it is logged.
		grpc.ChainUnaryInterceptor(log.unary, log.recoverUnary),
		grpc.ChainStreamInterceptor(log.stream, log.recoverStream),
		grpc.WaitForHandlers(true), // Stop, by itself, does not
		grpc.ConnectionTimeout(handshake),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: quiet, Timeout: answers}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: mayAsk, PermitWithoutStream: true}),
	)
	c.Register(s)
	state := health.NewServer() // which says SERVING for ""
	for service := range s.GetServiceInfo() {
		state.SetServingStatus(service, healthv1.HealthCheckResponse_SERVING)
	}
	healthv1.RegisterHealthServer(s, state)
	reflection.Register(s)
	return s, state
}

// watcher sees every call go by, and logs it.
type watcher struct{ *slog.Logger }

func (w watcher) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	start := time.Now()
	resp, err := handle(ctx, req)
	w.called(ctx, info.FullMethod, start, err)
	return resp, err
}

func (w watcher) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	start := time.Now()
	err := handle(srv, stream)
	w.called(stream.Context(), info.FullMethod, start, err)
	return err
}

// called logs a call that is over.
func (w watcher) called(ctx context.Context, method string, start time.Time, err error) {
	w.InfoContext(ctx, "call", "method", method, "code", code(err).String(), "duration", time.Since(start))
}

// code is that of the status which gRPC makes of a handler's error.
func code(err error) codes.Code {
	if st, ok := status.FromError(err); ok {
		return st.Code()
	}
	return status.FromContextError(err).Code()
}

func (w watcher) recoverUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = w.panicked(ctx, info.FullMethod, v)
		}
	}()
	return handle(ctx, req)
}

func (w watcher) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = w.panicked(stream.Context(), info.FullMethod, v)
		}
	}()
	return handle(srv, stream)
}

// panicked logs a panic, and returns what the client is told, which is nothing
// of it.
func (w watcher) panicked(ctx context.Context, method string, v any) error {
	w.ErrorContext(ctx, "handler panicked", "method", method, "panic", v, "stack", string(debug.Stack()))
	return status.Error(codes.Internal, "internal error")
}
