//go:build solution

package byhand

import solution "github.com/example/netkata/solutions/dns/byhand"

var (
	Query    = solution.Query
	Response = solution.Response
)
