package bubble_test

import (
	"testing"

	"github.com/example/netkata/harness/internal/demo"
)

func TestMain(m *testing.M) { demo.Main(m, "testdata/katas/tcp/demo") }

// What the tests of the demo print, which are wrong in many ways.
func TestOutput(t *testing.T) { demo.Compare(t, "testdata/output.txtar") }
