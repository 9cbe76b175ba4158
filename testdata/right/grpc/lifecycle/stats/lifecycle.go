//go:build solution

// Package lifecycle runs a gRPC server from its first call to its last: a
// stats.Handler logs, and a select decides who ends it.
package lifecycle

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

type Config struct {
	Register func(grpc.ServiceRegistrar)
	Grace    time.Duration
	Log      *slog.Logger
}

func Serve(ctx context.Context, lis net.Listener, c Config) error {
	defer lis.Close()
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if err := ctx.Err(); err != nil {
		return nil
	}

	srv := grpc.NewServer(
		grpc.StatsHandler(&callLog{c.Log.With("part", "grpc")}),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
			defer rescue(c.Log, &err)
			return handler(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
			defer rescue(c.Log, &err)
			return handler(srv, ss)
		}),
		grpc.ConnectionTimeout(5*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	)
	reflection.RegisterV1(srv)
	checks := health.NewServer()
	grpc_health_v1.RegisterHealthServer(srv, checks)
	c.Register(srv)
	for name := range srv.GetServiceInfo() {
		checks.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
	}

	served := make(chan error)
	go func() { served <- srv.Serve(lis) }()
	var failure error
	select {
	case failure = <-served:
		served = nil
	case <-ctx.Done():
	}

	checks.Shutdown()
	drained := make(chan struct{})
	go func() {
		srv.GracefulStop()
		close(drained)
	}()
	timer := time.NewTimer(c.Grace)
	defer timer.Stop()
	select {
	case <-drained:
	case <-timer.C:
		srv.Stop()
		<-drained
	}
	if served != nil {
		<-served
	}
	if failure != nil {
		return fmt.Errorf("lifecycle: %w", failure)
	}
	return nil
}

func rescue(log *slog.Logger, err *error) {
	p := recover()
	if p == nil {
		return
	}
	stack := make([]byte, 16<<10)
	stack = stack[:runtime.Stack(stack, false)]
	log.Error(fmt.Sprintf("panic: %v", p), "panic", fmt.Sprint(p), "stack", stack)
	*err = status.Error(codes.Internal, codes.Internal.String())
}

type callLog struct{ log *slog.Logger }

type methodKey struct{}

func (l *callLog) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, methodKey{}, info.FullMethodName)
}

func (l *callLog) HandleRPC(ctx context.Context, s stats.RPCStats) {
	end, ok := s.(*stats.End)
	if !ok {
		return
	}
	level := slog.LevelDebug
	code := status.Code(end.Error) // gRPC has made a status of it by now
	if code != codes.OK {
		level = slog.LevelWarn
	}
	l.log.Log(ctx, level, "rpc", "method", ctx.Value(methodKey{}), "code", code, slog.Duration("duration", end.EndTime.Sub(end.BeginTime)))
}

func (l *callLog) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (l *callLog) HandleConn(context.Context, stats.ConnStats)                       {}
