package memnet_test

import (
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/example/netkata/harness/memnet"
	"github.com/example/netkata/harness/memnet/testdata/katas/tcp/echo"
)

// Three thousand connections at once are no trouble.
func TestManyConnections(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.OnSpin = func(string) {} // of Serve, when the listener is closed
		ln, _ := n.Listen("127.0.0.1:7")
		go echo.Serve(ln)
		var wg sync.WaitGroup
		for range 3000 {
			wg.Go(func() {
				c, err := n.Dial(t.Context(), "tcp", "127.0.0.1:7")
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				c.Write([]byte("hello"))
				time.Sleep(time.Minute)
				if k, err := io.ReadFull(c, make([]byte, 5)); err != nil {
					t.Error(k, err)
				}
			})
		}
		wg.Wait()
		ln.Close()
		synctest.Wait()
		if open := n.Open(); len(open) != 0 {
			t.Errorf("%d are still open: %v …", len(open), open[0])
		}
	})
}
