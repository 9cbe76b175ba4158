package wire

import (
	"bytes"
	"fmt"
)

// Diff explains how got differs from want; "" when it does not.
func Diff(got []byte, want Dissection) string {
	if bytes.Equal(got, want.Msg) {
		return ""
	}
	return fmt.Sprintf("got  % x\nwant % x\n", got, want.Msg)
}
