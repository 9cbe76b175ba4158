package memnet

import (
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// place is where a call came from: a stack.
type place []uintptr

func here() place {
	var pcs [48]uintptr
	return slices.Clone(pcs[:runtime.Callers(2, pcs[:])])
}

// learner returns the innermost line of a kata's or solution's own code, tests
// aside: "katas/tcp/echo/echo.go:31, in echo.Handle". "" when there is none.
func (p place) learner() string {
	return p.first(func(f runtime.Frame) bool { return kataFile(f.File) != "" })
}

// String returns the learner's line, or else the first outside of this package
// and the standard library: a test's.
func (p place) String() string {
	if text := p.learner(); text != "" {
		return text
	}
	return p.first(isForeign)
}

func (p place) first(wanted func(runtime.Frame) bool) string {
	if len(p) == 0 {
		return ""
	}
	frames := runtime.CallersFrames(p)
	for {
		f, more := frames.Next()
		if wanted(f) {
			return fmt.Sprintf("%s:%d, in %s", shortFile(f.File), f.Line, f.Function[strings.LastIndex(f.Function, "/")+1:])
		}
		if !more {
			return ""
		}
	}
}

// kataFile returns the path below the repository of a kata's or solution's
// file, "" for tests and everything else.
func kataFile(file string) string {
	file = filepath.ToSlash(file)
	at := max(strings.LastIndex(file, "/katas/"), strings.LastIndex(file, "/solutions/"))
	if at < 0 || strings.HasSuffix(file, "_test.go") {
		return ""
	}
	return file[at+1:]
}

func shortFile(file string) string {
	if short := kataFile(file); short != "" {
		return short
	}
	file = filepath.ToSlash(file)
	return path.Join(path.Base(path.Dir(file)), path.Base(file))
}

// isForeign says whether a frame belongs neither to this package nor to the
// standard library, whose import paths have no dot in their first element.
func isForeign(f runtime.Frame) bool {
	first, _, deep := strings.Cut(f.Function, "/")
	return deep && strings.Contains(first, ".") && !strings.Contains(f.Function, "/memnet.")
}
