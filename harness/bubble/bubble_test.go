package bubble_test

import (
	"testing"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/internal/demo"
)

func TestMain(m *testing.M) { demo.Main(m, "testdata/katas/tcp/demo") }

// Who waits is counted, and not while the world goes on.
func TestGoroutines(t *testing.T) {
	before := bubble.Goroutines()
	hold := make(chan struct{})
	defer close(hold)
	for range 5 {
		go func() { <-hold }()
	}
	if more := bubble.Goroutines() - before; more != 5 {
		t.Errorf("%d goroutines more, want 5", more)
	}
}

// What the tests of the demo print, which are wrong in many ways.
func TestOutput(t *testing.T) { demo.Compare(t, "testdata/output.txtar") }
