// List serves grpc/list with a few pods, always the same.
package main

import (
	"context"

	"google.golang.org/grpc"

	serve "github.com/example/netkata/harness/serve/grpc"
	"github.com/example/netkata/katas/grpc/list"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

func main() {
	serve.Services(func(_ context.Context, s *grpc.Server) error {
		pods := new(list.Server)
		for _, pod := range serve.Pods() {
			pods.Put(pod)
		}
		podsv1.RegisterPodServiceServer(s, pods)
		return nil
	})
}
