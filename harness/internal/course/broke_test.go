package course

import (
	"strings"
	"testing"
	"time"
)

// Who is at work when time is up does not wait, whether the scheduler lets it
// run at that moment or not.
func TestTimeIsUp(t *testing.T) {
	for state, want := range map[string]string{
		"running":                      "which is at work, and does not wait",
		"runnable, synctest bubble 32": "which is at work, and does not wait",
		"chan send (nil chan)":         "which waits: chan send (nil chan)",
	} {
		st := stack{state: state, calls: []call{{file: "katas/x/y/y.go", line: 3, fn: "y.F"}}}
		f := died([]string{"panic: test timed out after 1s"}, []stack{st}, Spec{Timeout: time.Second})
		if !strings.HasSuffix(f.Text, "\n  "+want) {
			t.Errorf("state %q:\n%s\nwant at its end: %s", state, f.Text, want)
		}
	}
}
