// Grpc captures testdata/grpc/captured again: what the two sides of a real
// grpc-go connection send each other, every byte, as annotated hex.
//
//	go run ./harness/capture/grpc
//
// How the bytes are cut into frames is grpc-go's business, and may change with
// its version.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/example/netkata/harness/internal/course"
	"github.com/example/netkata/harness/wire"
	podsv1 "github.com/example/netkata/pb/pods/v1"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal("capture: ", err)
	}
}

func run() error {
	root, err := course.FindRoot(".")
	if err != nil {
		return err
	}
	dir := filepath.Join(root, "testdata", "grpc", "captured")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, talk := range talks {
		client, server, err := capture(talk.call)
		if err != nil {
			return fmt.Errorf("%s: %w", talk.name, err)
		}
		for _, side := range []struct {
			name string
			sent []byte
		}{{"client", client}, {"server", server}} {
			head := []string{talk.what + ".", "What the " + side.name + " sends, from its first byte.",
				"From grpc-go v" + grpc.Version + ", by harness/capture/grpc."}
			name := filepath.Join(dir, talk.name+"."+side.name+".hex")
			if err := os.WriteFile(name, wire.HTTP2(side.sent).Hex(head...), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

var talks = []struct {
	name, what string
	call       func(context.Context, podsv1.PodServiceClient) error
}{
	{"unary", "A unary call: GetPod", func(ctx context.Context, c podsv1.PodServiceClient) error {
		_, err := c.GetPod(ctx, &podsv1.GetPodRequest{Namespace: "shop", Name: "web-0"})
		return err
	}},
	{"error", "A unary call that fails: GetPod of no pod", func(ctx context.Context, c podsv1.PodServiceClient) error {
		if _, err := c.GetPod(ctx, &podsv1.GetPodRequest{Namespace: "shop", Name: "web-9"}); status.Code(err) != codes.NotFound {
			return fmt.Errorf("%v, want NotFound", err)
		}
		return nil
	}},
	{"gzip", "A unary call, compressed: ListPods", func(ctx context.Context, c podsv1.PodServiceClient) error {
		_, err := c.ListPods(ctx, &podsv1.ListPodsRequest{Namespace: "shop"}, grpc.UseCompressor(gzip.Name))
		return err
	}},
	{"stream", "A server stream: WatchPods", func(ctx context.Context, c podsv1.PodServiceClient) error {
		stream, err := c.WatchPods(ctx, &podsv1.WatchPodsRequest{Namespace: "shop"})
		for err == nil {
			_, err = stream.Recv()
		}
		if err.Error() != "EOF" {
			return err
		}
		return nil
	}},
}

// capture has one call made over a connection of its own.
func capture(call func(context.Context, podsv1.PodServiceClient) error) (client, server []byte, err error) {
	var sentByClient, sentByServer recorder
	ln := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	podsv1.RegisterPodServiceServer(s, pods{})
	go s.Serve(recordingListener{ln, &sentByServer})
	defer s.Stop()
	cc, err := grpc.NewClient("passthrough:///bufnet",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			c, err := ln.DialContext(ctx)
			return recordingConn{c, &sentByClient}, err
		}))
	if err != nil {
		return nil, nil, err
	}
	if err := call(context.Background(), podsv1.NewPodServiceClient(cc)); err != nil {
		return nil, nil, err
	}
	if err := cc.Close(); err != nil {
		return nil, nil, err
	}
	s.GracefulStop()
	return sentByClient.bytes(), sentByServer.bytes(), nil
}

type recorder struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *recorder) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Bytes()
}

type recordingConn struct {
	net.Conn
	sent *recorder
}

func (c recordingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.mu.Lock()
	defer c.sent.mu.Unlock()
	c.sent.buf.Write(p[:n])
	return n, err
}

type recordingListener struct {
	net.Listener
	sent *recorder
}

func (l recordingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return recordingConn{c, l.sent}, nil
}

// pods serves two pods.
type pods struct {
	podsv1.UnimplementedPodServiceServer
}

var all = []*podsv1.Pod{
	{Namespace: "shop", Name: "web-0", Phase: podsv1.Phase_PHASE_RUNNING, Node: "node-1", Labels: map[string]string{"app": "web"},
		CreateTime: &timestamppb.Timestamp{Seconds: 1767225600}, Version: 300},
	{Namespace: "shop", Name: "web-1", Phase: podsv1.Phase_PHASE_PENDING, Version: 301},
}

func (pods) GetPod(_ context.Context, req *podsv1.GetPodRequest) (*podsv1.GetPodResponse, error) {
	for _, p := range all {
		if p.GetName() == req.GetName() {
			return &podsv1.GetPodResponse{Pod: p}, nil
		}
	}
	return nil, status.Errorf(codes.NotFound, "no pod %q", req.GetName())
}

func (pods) ListPods(context.Context, *podsv1.ListPodsRequest) (*podsv1.ListPodsResponse, error) {
	return &podsv1.ListPodsResponse{Pods: all}, nil
}

func (pods) WatchPods(_ *podsv1.WatchPodsRequest, stream grpc.ServerStreamingServer[podsv1.WatchPodsResponse]) error {
	for _, p := range all {
		if err := stream.Send(&podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_ADDED, Pod: p, Version: p.Version}); err != nil {
			return err
		}
	}
	return stream.Send(&podsv1.WatchPodsResponse{Type: podsv1.WatchPodsResponse_TYPE_SYNCED, Version: 301})
}
