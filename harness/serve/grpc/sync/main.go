// Sync serves grpc/sync: a replica with a few keys.
package main

import (
	"context"

	"google.golang.org/grpc"

	serve "github.com/example/netkata/harness/serve/grpc"
	"github.com/example/netkata/katas/grpc/sync"
	syncv1 "github.com/example/netkata/pb/sync/v1"
)

func main() {
	serve.Services(func(_ context.Context, s *grpc.Server) error {
		replica := sync.New("server")
		replica.Set("colour", []byte("green"))
		replica.Set("shape", []byte("round"))
		replica.Set("size", []byte("42"))
		replica.Delete("shape")
		syncv1.RegisterSyncServiceServer(s, replica)
		return nil
	})
}
