package two_test

import (
	"testing"

	"example.com/fixture/katas/t/two"
)

func TestTwo(t *testing.T) {
	t.Attr("rule", "1")
	if got, err := two.Two(); len(got) != 2 || err != nil {
		t.Errorf("rule 1: There are two\n(RFC 2, 1)\n\nTwo() = % x, %v", got, err)
	}
}
