// Package demo fails on purpose: rule's own test runs it and reads the output.
package demo

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/rule/testdata/katas/sum"
)

func TestPass(t *testing.T) {
	r := rule.New(t, 1)
	sum := 0
	r.Do(func() string { return "unused" }, func() { sum = 1 + 1 })
	if sum != 2 {
		r.Errorf("Do did not run the call")
	}
}

func TestErrorf(t *testing.T) {
	r := rule.New(t, 1)
	r.Errorf("Sum(1, 1) = %d\nwant        %d\n\n", 3, 2)
	r.Errorf("and it goes on")
}

func TestFatalf(t *testing.T) {
	rule.New(t, 1).Fatalf("once")
	t.Log("must not be reached")
}

func TestHelper(t *testing.T) { must(rule.New(t, 1)) }

func must(r *rule.R) {
	r.T().Helper()
	r.Errorf("the line of the test")
}

func TestNoSuchRule(t *testing.T) { rule.New(t, 2) }

func TestPanic(t *testing.T) {
	rule.New(t, 1).Do(func() string { return "Last(msg)\n\nmsg:\n  none" }, func() { sum.Last(nil) })
	t.Log("must not be reached")
}

func TestGoexit(t *testing.T) {
	rule.New(t, 1).Do(func() string { return "Sum(msg)" }, runtime.Goexit)
}

func TestProperty(t *testing.T) {
	rule.New(t, 1).Property(func(t *rapid.T, r *rule.R) {
		if n := rapid.IntRange(0, 1000).Draw(t, "n"); n > 10 {
			r.Errorf("Sum(%d) is too much", n)
		}
	})
}

func TestPropertyVaries(t *testing.T) {
	calls := 0
	rule.New(t, 1).Property(func(t *rapid.T, r *rule.R) {
		calls++
		if n := rapid.IntRange(0, 1000).Draw(t, "n"); n > 10 {
			r.Errorf("Sum(%d) is too much (rapid.seed=%d: another text each time)", n, calls)
		}
	})
}

func TestPropertyPanic(t *testing.T) {
	rule.New(t, 1).Property(func(t *rapid.T, r *rule.R) {
		n := rapid.IntRange(0, 1000).Draw(t, "n")
		r.Do(func() string { return fmt.Sprintf("Sum(%d)", n) }, func() {
			if n > 10 {
				panic("too much")
			}
		})
	})
}

func TestPropertyHolds(t *testing.T) {
	n := 0
	rule.New(t, 1).Property(func(*rapid.T, *rule.R) { n++ })
	if n < 100 {
		t.Errorf("the property was tried %d times", n)
	}
}

func TestLoop(t *testing.T) {
	t.Run("in a subtest", func(t *testing.T) {
		rule.New(t, 1).Do(func() string { return "Sum(7)" }, func() {
			for {
			}
		})
	})
	t.Run("the next one", func(t *testing.T) {
		rule.New(t, 1).Do(func() string { return "" }, func() { t.Log("must not be reached") })
	})
}

func TestAfterLoop(t *testing.T) {
	rule.New(t, 1)
	t.Log("must not be reached")
}

func TestHoard(t *testing.T) {
	rule.New(t, 1).Do(func() string { return "Sum(8)" }, func() {
		var all [][]byte
		for {
			all = append(all, make([]byte, 1<<20))
		}
	})
}

// A gibibyte, for longer than it takes to notice.
func TestLargeAndDone(t *testing.T) {
	rule.New(t, 1).Do(func() string { return "Sum(9)" }, func() {
		large := make([]byte, 1<<30)
		work()
		runtime.KeepAlive(large)
	})
}

// What nobody uses any more does not count, be it the call's own or that of the
// one before.
func TestLargeBefore(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	r := rule.New(t, 1)
	for range 2 {
		r.Do(func() string { return "Sum(10)" }, func() {
			for range 2 {
				large := make([]byte, 300<<20)
				work()
				runtime.KeepAlive(large)
			}
		})
	}
}

// work takes longer than a call's first measurement.
func work() {
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; {
	}
}

func TestPropertyFlaky(t *testing.T) {
	failed := false
	rule.New(t, 1).Property(func(t *rapid.T, r *rule.R) {
		if n := rapid.IntRange(0, 1000).Draw(t, "n"); n > 10 && !failed {
			failed = true
			r.Errorf("Sum of something above 10 is too much")
		}
	})
}

func TestPropertyLoop(t *testing.T) {
	rule.New(t, 1).Property(func(t *rapid.T, r *rule.R) {
		n := rapid.IntRange(0, 1000).Draw(t, "n")
		r.Do(func() string { return "Sum of something above 10" }, func() {
			for n > 10 {
			}
		})
	})
}

func TestAfterLoopInSubtests(t *testing.T) {
	t.Run("the first", func(t *testing.T) { rule.New(t, 1).Errorf("must not be reached") })
}
