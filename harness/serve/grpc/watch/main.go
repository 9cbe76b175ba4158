// Watch serves grpc/watch, and has a pod change every few seconds, so that a
// client has something to see.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"google.golang.org/grpc"

	serve "github.com/example/netkata/harness/serve/grpc"
	"github.com/example/netkata/katas/grpc/watch"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

func main() {
	limit := flag.Int("limit", 100, "changes that are remembered, and that may wait for a client")
	every := flag.Duration("every", 3*time.Second, "time from one change to the next")
	serve.Services(func(ctx context.Context, s *grpc.Server) error {
		if *limit < 1 || *every <= 0 {
			return fmt.Errorf("-limit %d -every %v: want 1 at least, and more than 0", *limit, *every)
		}
		pods := watch.NewServer(*limit)
		for _, pod := range serve.Pods() {
			pods.Put(pod)
		}
		go serve.Change(ctx, *every, pods.Put, pods.Delete)
		context.AfterFunc(ctx, pods.Stop)
		podsv1.RegisterPodServiceServer(s, pods)
		return nil
	})
}
