//go:build solution

package room

import (
	"context"

	roomv1 "github.com/example/netkata/pb/room/v1"
	solution "github.com/example/netkata/solutions/grpc/room"
)

var (
	ErrLeft     = solution.ErrLeft
	ErrEnded    = solution.ErrEnded
	ErrProtocol = solution.ErrProtocol
)

type (
	Limits = solution.Limits
	Server = solution.Server
	Member = solution.Member
)

func New(limits Limits) *Server { return solution.New(limits) }

func Join(ctx context.Context, client roomv1.RoomServiceClient, room, name string) (*Member, error) {
	return solution.Join(ctx, client, room, name)
}
