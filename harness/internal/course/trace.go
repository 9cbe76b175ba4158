package course

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/example/netkata/harness/internal/trace"
)

// traceable says whether another run of the test can show which call of the
// learner's code a crash came from.
func (f *Failure) traceable() bool {
	switch f.Kind {
	case ByPanic, ByFatal, ByExit, ByTimeout:
		return f.Test != ""
	}
	return false
}

// lastCall runs one test again, told to print each call before it makes it,
// and returns the last one: the one that did not come back. It is "" when that
// is not to be found out.
func lastCall(ctx context.Context, s Spec, test string) string {
	s.only, s.trace, s.Count, s.Timeout = test, true, 0, min(s.Timeout, 10*time.Second)
	run, err := runGo(ctx, s)
	if err != nil || run.ended {
		return ""
	}
	last := ""
	for _, l := range run.lines {
		if _, quoted, ok := strings.Cut(strings.TrimRight(l.text, "\r\n"), trace.Call); ok {
			last = quoted
		}
	}
	call, err := strconv.Unquote(last)
	if err != nil {
		return ""
	}
	return call
}

func (f *Failure) addInput(call string) {
	if call != "" {
		f.Text += "\n\nIn this call, or in one right after it:\n" + strings.TrimRight(call, "\n")
	}
}

// pattern returns what -run wants to run that test or subtest alone.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
