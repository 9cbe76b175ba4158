//go:build race

package stuck

// Race says whether the race detector is on.
const Race = true
