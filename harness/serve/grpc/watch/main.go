// Watch serves grpc/watch, and has a pod change every few seconds, so that a
// client has something to see.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/grpc/watch"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

func main() {
	limit := flag.Int("limit", 100, "changes that are remembered, and that may wait for a client")
	every := flag.Duration("every", 3*time.Second, "time from one change to the next")
	serve.TCP(func(ctx context.Context, ln net.Listener) error {
		if *limit < 1 || *every <= 0 {
			return fmt.Errorf("-limit %d -every %v: want 1 at least, and more than 0", *limit, *every)
		}
		pods := watch.NewServer(*limit)
		server := grpc.NewServer(grpc.StreamInterceptor(logged))
		podsv1.RegisterPodServiceServer(server, pods)
		reflection.Register(server)
		go change(ctx, pods, *every)
		defer context.AfterFunc(ctx, func() {
			pods.Stop()
			defer time.AfterFunc(time.Second, server.Stop).Stop() // for who does not read
			server.GracefulStop()
		})()
		return server.Serve(ln)
	})
}

// change has a few pods, of which one runs, ends and goes, and comes again.
func change(ctx context.Context, pods *watch.Server, every time.Duration) {
	for _, name := range []string{"web-0", "web-1"} {
		pods.Put(&podsv1.Pod{Namespace: "shop", Name: name, Phase: podsv1.Phase_PHASE_RUNNING, Node: "node-1"})
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ; i++ {
		job := &podsv1.Pod{Namespace: "bank", Name: fmt.Sprint("job-", i/4), Phase: podsv1.Phase_PHASE_PENDING}
		switch i % 4 {
		case 1:
			job.Phase, job.Node = podsv1.Phase_PHASE_RUNNING, "node-2"
		case 2:
			job.Phase, job.Node = podsv1.Phase_PHASE_SUCCEEDED, "node-2"
		}
		if i%4 == 3 {
			log.Printf("%s/%s: deleted", job.GetNamespace(), job.GetName())
			pods.Delete(job.GetNamespace(), job.GetName())
		} else {
			log.Printf("%s/%s: %v", job.GetNamespace(), job.GetName(), job.GetPhase())
			pods.Put(job)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// logged logs how a call of WatchPods ends.
func logged(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	err := handler(srv, stream)
	if info.FullMethod == podsv1.PodService_WatchPods_FullMethodName {
		log.Printf("WatchPods is over: %v", err)
	}
	return err
}
