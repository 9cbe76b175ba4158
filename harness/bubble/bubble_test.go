package bubble_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/example/netkata/harness/bubble"
	"github.com/example/netkata/harness/internal/demo"
)

func TestMain(m *testing.M) { demo.Main(m, "testdata/katas/tcp/demo") }

// Who waits is counted, and not while the world goes on.
func TestGoroutines(t *testing.T) {
	before := bubble.Goroutines()
	for range 100 { // what ran before is still ending
		runtime.Gosched()
		before = min(before, bubble.Goroutines())
	}
	hold := make(chan struct{})
	defer close(hold)
	for range 5 {
		go func() { <-hold }()
	}
	if more := bubble.Goroutines() - before; more != 5 {
		t.Errorf("%d goroutines more, want 5", more)
	}
}

// What is held counts, and what a pool or a finalizer only delays does not.
func TestHeap(t *testing.T) {
	const size = 4 << 20
	var pool sync.Pool
	before := bubble.Heap()
	held := make([]byte, size)
	pool.Put(new([size]byte))
	runtime.SetFinalizer(new([size]byte), func(*[size]byte) {})
	if more := bubble.Heap() - before; more < size/2 || more > size+size/2 {
		t.Errorf("4 MiB are held, 4 are in a pool, and 4 had a finalizer: Heap has %d KiB more, want 4096", more>>10)
	}
	runtime.KeepAlive(held)
	if more := bubble.Heap() - before; more > size/2 {
		t.Errorf("Nothing is held any more: Heap has %d KiB more, want 0", more>>10)
	}
}

// What the tests of the demo print, which are wrong in many ways.
func TestOutput(t *testing.T) { demo.Compare(t, "testdata/output.txtar") }
