// List serves grpc/list with a few pods, always the same.
package main

import (
	"context"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/grpc/list"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

func main() {
	serve.TCP(func(ctx context.Context, ln net.Listener) error {
		pods := new(list.Server)
		for _, pod := range some {
			pods.Put(pod)
		}
		server := grpc.NewServer(grpc.UnaryInterceptor(logged))
		podsv1.RegisterPodServiceServer(server, pods)
		reflection.Register(server)
		defer context.AfterFunc(ctx, server.Stop)()
		return server.Serve(ln)
	})
}

var some = []*podsv1.Pod{
	{Namespace: "shop", Name: "web-0", Phase: podsv1.Phase_PHASE_RUNNING, Node: "node-1", Labels: map[string]string{"app": "web"}},
	{Namespace: "shop", Name: "web-1", Phase: podsv1.Phase_PHASE_RUNNING, Node: "node-2", Labels: map[string]string{"app": "web"}},
	{Namespace: "shop", Name: "db-0", Phase: podsv1.Phase_PHASE_RUNNING, Node: "node-1", Labels: map[string]string{"app": "db"}},
	{Namespace: "shop", Name: "cart-0", Phase: podsv1.Phase_PHASE_PENDING},
	{Namespace: "bank", Name: "job-7", Phase: podsv1.Phase_PHASE_SUCCEEDED, Node: "node-2"},
}

// logged logs each call that fails.
func logged(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	resp, err := handle(ctx, req)
	if err != nil {
		log.Printf("%s: %v", info.FullMethod, err)
	}
	return resp, err
}
