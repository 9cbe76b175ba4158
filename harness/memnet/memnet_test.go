package memnet_test

import (
	"net"
	"testing"

	"github.com/example/netkata/harness/memnet"
	"golang.org/x/net/nettest"
)

func TestNettest(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		n := memnet.New()
		c1, c2 = n.Pipe()
		return c1, c2, func() { n.Close() }, nil
	})
}
