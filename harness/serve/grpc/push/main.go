// Push serves grpc/push, and logs what it is given to store.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"

	"google.golang.org/grpc"

	serve "github.com/example/netkata/harness/serve/grpc"
	"github.com/example/netkata/katas/grpc/push"
	metricsv1 "github.com/example/netkata/pb/metrics/v1"
)

func main() {
	batch := flag.Int("batch", 100, "samples that a batch may have")
	stream := flag.Int("stream", 10_000, "samples that a stream may have")
	names := flag.Int("names", 100, "different names that a stream may have")
	serve.Services(func(_ context.Context, s *grpc.Server) error {
		if *batch < 1 || *stream < 1 || *names < 1 {
			return fmt.Errorf("-batch %d -stream %d -names %d: want 1 at least", *batch, *stream, *names)
		}
		metricsv1.RegisterMetricsServiceServer(s, &push.Server{MaxBatch: *batch, MaxStream: *stream, MaxNames: *names, Store: store})
		return nil
	})
}

// store logs the samples of one stream.
func store(_ context.Context, samples []*metricsv1.Sample) error {
	log.Printf("to be stored: %d samples", len(samples))
	for _, s := range samples {
		log.Printf("  %s = %v at %v", s.GetName(), s.GetValue(), s.GetTime().AsTime())
	}
	return nil
}
