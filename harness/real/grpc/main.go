// Grpc lets clients that people use talk to the server of grpc/lifecycle, over
// loopback and through real sockets: grpcurl, which asks the server itself what
// it offers, and grpc-js, which has no line in common with grpc-go. It prints
// what they learnt, and compares that with what they should.
//
//	go run ./harness/real/grpc             your server
//	go run ./harness/real/grpc -solution   the reference
//
// grpcurl is built by Go the first time, which takes a minute or two. grpc-js
// needs node and npm; without them, that part fails.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/example/netkata/harness/real"
)

func main() {
	log.SetFlags(0)
	solution := flag.Bool("solution", false, "the reference, not the learner's")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	wrong, err := run(ctx, *solution)
	switch {
	case err != nil:
		log.Fatal("real/grpc: ", err)
	case wrong > 0:
		fmt.Printf("%d of the clients' findings are wrong.\n", wrong)
		os.Exit(1)
	}
	fmt.Println("All of it is as it should be.")
}

// run returns how many findings are not as they should be.
func run(ctx context.Context, solution bool) (wrong int, err error) {
	var tags []string
	if solution {
		tags = []string{"-tags", "solution"}
	}
	p, err := real.Start(ctx, tags, "serve/grpc/lifecycle", "-addr", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer p.Stop()
	for _, client := range []struct {
		name  string
		check func(context.Context, string) ([]finding, error)
	}{{"grpcurl", grpcurl}, {"grpc-js", node}} {
		found, err := client.check(ctx, p.Addrs[""])
		if err != nil {
			return wrong, fmt.Errorf("%s: %w", client.name, err)
		}
		fmt.Println(client.name)
		for _, f := range found {
			mark := "  "
			if f.got != f.want {
				wrong++
				mark = "! "
			}
			fmt.Printf("%s%-26s %s\n", mark, f.what, f.got)
			if f.got != f.want {
				fmt.Printf("  %-26s %s\n", "  should be", f.want)
			}
		}
	}
	return wrong, nil
}

// finding is one thing that a client learnt.
type finding struct{ what, got, want string }

// grpcurl uses reflection, health and the three methods.
func grpcurl(ctx context.Context, addr string) ([]finding, error) {
	var found []finding
	for _, ask := range []struct {
		what, want string
		args       []string
	}{
		{"services", "grpc.health.v1.Health grpc.reflection.v1.ServerReflection grpc.reflection.v1alpha.ServerReflection netkata.pods.v1.PodService",
			[]string{addr, "list"}},
		{"health", `{ "status": "SERVING" }`, []string{addr, "grpc.health.v1.Health/Check"}},
		{"a missing pod", "ERROR: Code: NotFound", []string{"-d", `{"namespace":"shop","name":"nobody"}`, addr, "netkata.pods.v1.PodService/GetPod"}},
		{"a negative page size", "ERROR: Code: InvalidArgument", []string{"-d", `{"page_size":-1}`, addr, "netkata.pods.v1.PodService/ListPods"}},
		{"a field that is not there", `Error invoking method "netkata.pods.v1.PodService/GetPod": error getting request data:`,
			[]string{"-d", `{"nam":"web-0"}`, addr, "netkata.pods.v1.PodService/GetPod"}},
	} {
		args := append([]string{"tool", "-modfile=tools/grpcurl/go.mod", "grpcurl", "-plaintext"}, ask.args...)
		said, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
		if exit := new(exec.ExitError); err != nil && !asExit(err, &exit) {
			return nil, err
		}
		got := strings.Join(strings.Fields(string(said)), " ")
		if strings.HasPrefix(got, ask.want) {
			got = ask.want // what follows are words
		}
		found = append(found, finding{ask.what, got, ask.want})
	}
	return found, nil
}

func asExit(err error, exit **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*exit = e
	return ok
}

// node runs the client in the folder js, elsewhere: its libraries are no part of
// this repository.
func node(ctx context.Context, addr string) ([]finding, error) {
	dir, err := os.MkdirTemp("", "grpc-js-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("harness", "real", "grpc", "js"))); err != nil {
		return nil, err
	}
	if err := quietly(ctx, "npm", "ci", "--prefix", dir, "--no-audit", "--no-fund", "--ignore-scripts"); err != nil {
		return nil, err
	}
	client := exec.CommandContext(ctx, "node", filepath.Join(dir, "client.js"), addr, "proto")
	client.Stderr = os.Stderr
	said, err := client.Output()
	if err != nil {
		return nil, fmt.Errorf("client.js: %w", err)
	}
	type problem struct {
		Code    string
		Details bool
	}
	var got struct {
		Pages            [][]string
		Found            struct{ Namespace, Name string }
		Missing, Invalid problem
		Watch            struct {
			Types []string
			Code  string
		}
	}
	if err := json.Unmarshal(said, &got); err != nil {
		return nil, err
	}
	all := slices.Concat(got.Pages...)
	sorted := slices.Sorted(slices.Values(all))
	snapshot := slices.Index(got.Watch.Types, "TYPE_SYNCED")
	return []finding{
		{"pages of two", strings.Join(all, " "), strings.Join(slices.Compact(sorted), " ")},
		{"more than one page", fmt.Sprint(len(got.Pages) > 1), "true"},
		{"the first pod", got.Found.Namespace + "/" + got.Found.Name, all[0]},
		{"a missing pod", got.Missing.Code, "NOT_FOUND"},
		{"a negative page size", fmt.Sprint(got.Invalid), fmt.Sprint(problem{"INVALID_ARGUMENT", true})},
		{"a whole snapshot", fmt.Sprint(snapshot >= 5), "true"}, // a job may have come meanwhile
		{"a change after it", fmt.Sprint(len(got.Watch.Types) > snapshot+1), "true"},
		{"a cancelled watch", got.Watch.Code, "CANCELLED"},
	}, nil
}

func quietly(ctx context.Context, name string, args ...string) error {
	said, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, args[0], err, bytes.TrimSpace(said))
	}
	return nil
}
