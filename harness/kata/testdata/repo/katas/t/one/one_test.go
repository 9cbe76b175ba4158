package one_test

import (
	"testing"

	"example.com/fixture/katas/t/one"
)

func TestByte(t *testing.T) {
	t.Attr("rule", "1")
	got, err := one.Byte()
	if got != 7 || err != nil {
		t.Errorf("rule 1: A byte is seven\n(RFC 1, 1)\n\nByte() = %d, %v\nwant     7", got, err)
	}
}

func TestTwice(t *testing.T) {
	t.Attr("rule", "2")
	t.Run("sum", func(t *testing.T) {
		got, err := one.Twice()
		if got != 14 || err != nil {
			t.Errorf("rule 2: Twice is fourteen\n(RFC 1, 2)\n\nTwice() = %d, %v\nwant      14", got, err)
			t.Errorf("rule 2: Twice is fourteen\n(RFC 1, 2)\n\nstill")
		}
	})
}
