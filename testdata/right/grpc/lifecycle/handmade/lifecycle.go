//go:build solution

// Package lifecycle runs a gRPC server from its first call to its last, with a
// health service of its own whose watchers are sent home, and connections that
// it knows and closes itself.
package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	reflection "google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

type Config struct {
	Register func(grpc.ServiceRegistrar)
	Grace    time.Duration
	Log      *slog.Logger
}

func Serve(ctx context.Context, lis net.Listener, c Config) error {
	if ctx.Err() != nil {
		lis.Close()
		return nil
	}
	l := &life{Config: c, draining: make(chan struct{}), names: map[string]bool{"": true}}
	if l.Log == nil {
		l.Log = slog.Default()
	}
	s := grpc.NewServer(
		grpc.UnaryInterceptor(l.unary),
		grpc.StreamInterceptor(l.stream),
		grpc.ConnectionTimeout(8*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 40 * time.Second, Timeout: 40 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
	)
	c.Register(s)
	for name := range s.GetServiceInfo() {
		l.names[name] = true
	}
	healthpb.RegisterHealthServer(s, l)
	reflectionv1.RegisterServerReflectionServer(s, reflection.NewServerV1(reflection.ServerOptions{Services: s}))

	var stopping sync.WaitGroup
	stopping.Add(1)
	end := sync.OnceFunc(func() {
		defer stopping.Done()
		close(l.draining)
		t := time.AfterFunc(c.Grace, s.Stop)
		s.GracefulStop()
		t.Stop()
		l.calls.Wait()
	})
	release := context.AfterFunc(ctx, end)
	err := s.Serve(lis)
	if release() { // so ctx is not done: the listener is broken
		end()
	}
	stopping.Wait()
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// life is one call of Serve, and the health service.
type life struct {
	healthpb.UnimplementedHealthServer
	Config
	draining chan struct{} // closed when it is time to stop
	names    map[string]bool
	calls    sync.WaitGroup
}

func (l *life) state() healthpb.HealthCheckResponse_ServingStatus {
	select {
	case <-l.draining:
		return healthpb.HealthCheckResponse_NOT_SERVING
	default:
		return healthpb.HealthCheckResponse_SERVING
	}
}

func (l *life) Check(_ context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	if !l.names[req.GetService()] {
		return nil, status.Errorf(codes.NotFound, "no service %q", req.GetService())
	}
	return &healthpb.HealthCheckResponse{Status: l.state()}, nil
}

func (l *life) Watch(req *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	if !l.names[req.GetService()] {
		if err := stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVICE_UNKNOWN}); err != nil {
			return err
		}
	} else if err := stream.Send(&healthpb.HealthCheckResponse{Status: l.state()}); err != nil {
		return err
	}
	select {
	case <-stream.Context().Done():
		return status.FromContextError(stream.Context().Err()).Err()
	case <-l.draining:
	}
	if l.names[req.GetService()] {
		if err := stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_NOT_SERVING}); err != nil {
			return err
		}
	}
	return status.Error(codes.Unavailable, "shutting down") // does not hold up the stop
}

func (l *life) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	defer l.begin(ctx, info.FullMethod, &err)()
	return handler(ctx, req)
}

func (l *life) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer l.begin(ss.Context(), info.FullMethod, &err)()
	return handler(srv, ss)
}

// begin returns what has to be called at the end, deferred.
func (l *life) begin(ctx context.Context, method string, err *error) (end func()) {
	l.calls.Add(1)
	start := time.Now()
	return func() {
		defer l.calls.Done()
		attrs := []slog.Attr{slog.String("method", method)}
		if v := recover(); v != nil {
			*err = status.Error(codes.Internal, "something went wrong")
			attrs = append(attrs, slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
		if strings.HasPrefix(method, "/grpc.") {
			return // probes come every few seconds
		}
		st, ok := status.FromError(*err)
		if !ok {
			st = status.FromContextError(*err)
		}
		attrs = append(attrs, slog.String("code", st.Code().String()), slog.Duration("duration", time.Since(start)))
		l.Log.LogAttrs(ctx, slog.LevelInfo, "done", attrs...)
	}
}
