// Echo serves udp/echo.
package main

import (
	"github.com/example/netkata/harness/serve"
	"github.com/example/netkata/katas/udp/echo"
)

func main() { serve.UDP(func() (serve.Packets, error) { return echo.Serve, nil }) }
