// Room serves grpc/room: who is in a room, and what they say.
package main

import (
	"context"

	"google.golang.org/grpc"

	serve "github.com/example/netkata/harness/serve/grpc"
	"github.com/example/netkata/katas/grpc/room"
	roomv1 "github.com/example/netkata/pb/room/v1"
)

func main() {
	serve.Services(func(ctx context.Context, s *grpc.Server) error {
		rooms := room.New(room.Limits{Name: 32, Text: 1000, Queue: 100})
		context.AfterFunc(ctx, rooms.Stop)
		roomv1.RegisterRoomServiceServer(s, rooms)
		return nil
	})
}
