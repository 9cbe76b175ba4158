package memnet

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// place is where a call came from.
type place struct {
	text    string // "katas/tcp/echo/echo.go:31, in echo.Handle"; "" if unknown
	learner bool   // a kata's or solution's own code, not a test
}

// here returns the innermost line of the learner's code that led here, or else
// the innermost outside of this package and the standard library: a test's. Of
// a goroutine that runs only the standard library (go io.Copy(…)) it is the
// line that started it.
func here() place {
	var pcs [48]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	var outside runtime.Frame
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if isLearners(f.File) {
			return placeOf(f.File, f.Line, f.Function)
		}
		if outside.PC == 0 && isForeign(f.Function) {
			outside = f
		}
	}
	if outside.PC == 0 {
		return creator()
	}
	return placeOf(outside.File, outside.Line, outside.Function)
}

// creator returns the go statement that started this goroutine.
func creator() place {
	buf := make([]byte, 8<<10)
	_, last, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\ncreated by ")
	fn, rest, _ := strings.Cut(last, " in goroutine")
	_, file, _ := strings.Cut(rest, "\t")
	file, _, _ = strings.Cut(file, " +0x")
	var line int
	at := strings.LastIndex(file, ":")
	if at < 0 {
		return place{}
	}
	fmt.Sscan(file[at+1:], &line)
	return placeOf(file[:at], line, fn)
}

func placeOf(file string, line int, fn string) place {
	fn = fn[strings.LastIndex(fn, "/")+1:]
	return place{fmt.Sprintf("%s:%d, in %s", shortFile(file), line, fn), isLearners(file)}
}

// isLearners says whether a file is a kata's or a solution's, and not a test.
func isLearners(file string) bool {
	return inKata(file) >= 0 && !strings.HasSuffix(file, "_test.go")
}

// inKata returns where in a path the part below the repository begins, -1 for
// files that are neither a kata's nor a solution's. (Paths from the runtime have
// slashes on every system.)
func inKata(file string) int {
	return max(strings.LastIndex(file, "/katas/"), strings.LastIndex(file, "/solutions/"))
}

// shortFile returns the path of a kata's or a solution's file below the
// repository, and of others the last two elements.
func shortFile(file string) string {
	if at := inKata(file); at >= 0 {
		return file[at+1:]
	}
	return path.Join(path.Base(path.Dir(file)), path.Base(file))
}

// isForeign says whether a function belongs neither to this package nor to the
// standard library, whose import paths have no dot in their first element.
func isForeign(fn string) bool {
	first, _, deep := strings.Cut(fn, "/")
	return deep && strings.Contains(first, ".") && !strings.Contains(fn, "/memnet.")
}
