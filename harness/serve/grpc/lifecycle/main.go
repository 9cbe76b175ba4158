// Lifecycle serves grpc/lifecycle: the pods of grpc/list and grpc/watch, with
// health and reflection. Every three seconds one of them changes.
package main

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"

	"github.com/example/netkata/harness/serve"
	grpcserve "github.com/example/netkata/harness/serve/grpc"
	"github.com/example/netkata/katas/grpc/lifecycle"
	"github.com/example/netkata/katas/grpc/list"
	"github.com/example/netkata/katas/grpc/watch"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

func main() {
	grace := flag.Duration("grace", 5*time.Second, "how long calls under way may take when the server is told to stop")
	serve.TCP(func(ctx context.Context, ln net.Listener) error {
		p := pods{watched: watch.NewServer(100)}
		for _, pod := range grpcserve.Pods() {
			p.put(pod)
		}
		go grpcserve.Change(ctx, 3*time.Second, p.put, p.remove)
		// Watchers never end by themselves: they are told to come back.
		defer context.AfterFunc(ctx, p.watched.Stop)()
		return lifecycle.Serve(ctx, ln, lifecycle.Config{
			Register: func(r grpc.ServiceRegistrar) { podsv1.RegisterPodServiceServer(r, &p) },
			Grace:    *grace,
			Log:      slog.Default(),
		})
	})
}

// pods is the PodService, made of two servers that hold the same pods.
type pods struct {
	podsv1.UnimplementedPodServiceServer

	listed  list.Server
	watched *watch.Server
}

func (p *pods) put(pod *podsv1.Pod) {
	p.listed.Put(pod)
	p.watched.Put(pod)
}

func (p *pods) remove(namespace, name string) bool {
	p.watched.Delete(namespace, name)
	return p.listed.Delete(namespace, name)
}

func (p *pods) GetPod(ctx context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	return p.listed.GetPod(ctx, req)
}

func (p *pods) ListPods(ctx context.Context, req *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
	return p.listed.ListPods(ctx, req)
}

func (p *pods) WatchPods(req *podsv1.WatchPodsRequest, stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse]) error {
	return p.watched.WatchPods(req, stream)
}
