// Package serve is what the server programs of the gRPC track share. Those of
// other tracks need not know of gRPC.
package serve

import (
	"context"
	"log"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/example/netkata/harness/serve"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

// grace is how long calls may take that are under way when the program is
// interrupted.
const grace = time.Second

// Services is the main function of a program that serves what register adds,
// and reflection, so that grpcurl knows what there is. It parses the flags, and
// logs each call when it is over. register is called once; its context is done
// when the program is interrupted.
func Services(register func(ctx context.Context, s *grpc.Server) error) {
	serve.TCP(func(ctx context.Context, ln net.Listener) error {
		s := grpc.NewServer(grpc.UnaryInterceptor(unary), grpc.StreamInterceptor(stream))
		if err := register(ctx, s); err != nil {
			return err
		}
		reflection.Register(s)
		defer context.AfterFunc(ctx, func() {
			defer time.AfterFunc(grace, s.Stop).Stop()
			s.GracefulStop()
		})()
		return s.Serve(ln)
	})
}

func unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	resp, err := handle(ctx, req)
	over(info.FullMethod, err)
	return resp, err
}

func stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	err := handle(srv, stream)
	over(info.FullMethod, err)
	return err
}

func over(method string, err error) {
	if err == nil {
		log.Printf("%s: OK", method)
	} else {
		log.Printf("%s: %v", method, err)
	}
}

// Pods are a few pods, always the same.
func Pods() []*podsv1.Pod {
	pod := func(namespace, name, node, app string, phase podsv1.Phase) *podsv1.Pod {
		return &podsv1.Pod{Namespace: namespace, Name: name, Node: node, Phase: phase,
			Labels: map[string]string{"app": app}, CreateTime: &timestamppb.Timestamp{Seconds: 1767225600}}
	}
	return []*podsv1.Pod{
		pod("infra", "dns-0", "node-1", "dns", podsv1.Phase_PHASE_RUNNING),
		pod("infra", "dns-1", "node-2", "dns", podsv1.Phase_PHASE_RUNNING),
		pod("shop", "cart-0", "", "cart", podsv1.Phase_PHASE_PENDING),
		pod("shop", "db-0", "node-1", "db", podsv1.Phase_PHASE_RUNNING),
		pod("shop", "web-0", "node-2", "web", podsv1.Phase_PHASE_RUNNING),
	}
}

// Change has one more pod, bank/job-0, run, end and go, and come again as
// bank/job-1 and so on, a step at a time, until ctx is done.
func Change(ctx context.Context, every time.Duration, put func(*podsv1.Pod), remove func(namespace, name string) bool) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		job := &podsv1.Pod{Namespace: "bank", Name: "job-" + string(rune('0'+i/4%10)), Phase: podsv1.Phase_PHASE_PENDING}
		switch i % 4 {
		case 1:
			job.Phase, job.Node = podsv1.Phase_PHASE_RUNNING, "node-2"
		case 2:
			job.Phase, job.Node = podsv1.Phase_PHASE_SUCCEEDED, "node-2"
		case 3:
			remove(job.GetNamespace(), job.GetName())
			continue
		}
		put(job)
	}
}
