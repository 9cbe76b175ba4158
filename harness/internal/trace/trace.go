// Package trace holds the words by which tests (packages rule and draw) and the
// judge (package course) understand each other across the test process's border.
package trace

import (
	"fmt"
	"os"
)

const (
	// SeedEnv is the environment variable that holds the seed of a test's data.
	SeedEnv = "KATA_SEED"
	// Env is the environment variable that has rule.Do print each call of the
	// learner's code before it is made: a fatal error leaves no other sign of it.
	Env = "NETKATA_TRACE"
	// Call comes before such a call, in the form of strconv.Quote.
	Call = "netkata: calling "
	// LoopEnds is what a test prints that ends the process because the call of
	// the test before it cannot be stopped.
	LoopEnds = "The run ends here: what still runs cannot be stopped from outside."
)

// Calling prints a call that is about to be made, if Env asks for it.
func Calling(call func() string) {
	if traced {
		fmt.Printf("%s%q\n", Call, call())
	}
}

var traced = os.Getenv(Env) != ""
