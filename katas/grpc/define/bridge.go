//go:build solution

package define

import solution "github.com/example/netkata/solutions/grpc/define"

var Proto = solution.Proto
