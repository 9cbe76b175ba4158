package memnet

const overwritten = "<overwritten by a later Read>"

// scribble fills a buffer that was handed to Read or ReadFrom before anything
// else happens. It is theirs until they return, whole (io.Reader), and who still
// works on what an earlier call put there, in another goroutine, shall see it:
// in the data, or by the race detector, which no lock in between misleads.
func scribble(b []byte) {
	for n := copy(b, overwritten); n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}
