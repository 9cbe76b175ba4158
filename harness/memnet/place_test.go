package memnet

import "testing"

func TestIsLearners(t *testing.T) {
	for _, c := range []struct {
		file    string
		learner bool
		short   string
	}{
		{"/home/you/netkata/katas/tcp/echo/echo.go", true, "katas/tcp/echo/echo.go"},
		{"/home/you/netkata/solutions/tcp/echo/echo.go", true, "solutions/tcp/echo/echo.go"},
		{"C:/you/katas/netkata/katas/tcp/echo/echo.go", true, "katas/tcp/echo/echo.go"}, // the clone is in a folder of that name
		{"/home/you/netkata/katas/tcp/echo/echo_test.go", false, "katas/tcp/echo/echo_test.go"},
		{"/home/you/netkata/harness/bubble/run.go", false, "bubble/run.go"},
		{"/usr/local/go/src/io/io.go", false, "io/io.go"},
		{"", false, "."},
	} {
		if got := isLearners(c.file); got != c.learner {
			t.Errorf("isLearners(%q) = %v", c.file, got)
		}
		if got := shortFile(c.file); got != c.short {
			t.Errorf("shortFile(%q) = %q, want %q", c.file, got, c.short)
		}
	}
}
