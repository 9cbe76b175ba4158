package bubble

import (
	"fmt"
	"os"
	"reflect"
	"testing"
)

// contexts returns how many contexts derive from t.Context and are not cancelled.
func contexts(t *testing.T) int {
	t.Context().Done() // makes the channel now: not in the bubble, where it would be part of it
	ctx := reflect.ValueOf(t.Context())
	if ctx.Kind() != reflect.Pointer || ctx.Elem().Kind() != reflect.Struct {
		return 0 // package testing has changed
	}
	children := ctx.Elem().FieldByName("children")
	if children.Kind() != reflect.Map {
		return 0 // package context has changed
	}
	return children.Len()
}

// outerContext ends the process with an explanation if t.Context has more children
// than before. When the test ends it is cancelled, and the runtime would end the
// process with "close of synctest channel from outside bubble".
func outerContext(t *testing.T, before int) {
	if contexts(t) <= before {
		return
	}
	fmt.Printf("--- FAIL: %s\n    The test uses t.Context() inside of its bubble. That is a mistake of the\n    test: it has to use b.Context().\n", t.Name())
	os.Exit(1)
}
