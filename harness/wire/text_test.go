package wire

import (
	"slices"
	"testing"
)

func TestWrap(t *testing.T) {
	tests := []struct {
		why, text  string
		hard, soft []string // broken words; words left alone
	}{
		{"fits", "one two", []string{"one two"}, nil},
		{"nothing", "", []string{""}, nil},
		{"just fits", "one two3", []string{"one two3"}, nil},
		{"one too many", "one two34", []string{"one", "two34"}, nil},
		{"only single spaces are dropped", "one  two three", []string{"one  two", "three"}, nil},
		{"no single space", "one  two  three", []string{"one  two", "  three"}, []string{"one  two  three"}},
		{"a long word", "abcdefghijkl", []string{"abcdefgh", "ijkl"}, []string{"abcdefghijkl"}},
		{"a long word at the end", "one abcdefghijkl", []string{"one abcd", "efghijkl"}, []string{"one", "abcdefghijkl"}},
		{"a long word at the beginning", "abcdefghijkl one", []string{"abcdefgh", "ijkl one"}, []string{"abcdefghijkl", "one"}},
		{"a word that fits on the next line", "a bcdefghi jk", []string{"a", "bcdefghi", "jk"}, nil},
		{"characters, not octets", "éééé ééé é", []string{"éééé ééé", "é"}, nil},
		{"a space at the end", "one two ", []string{"one two "}, nil},
	}
	for _, tt := range tests {
		if tt.soft == nil {
			tt.soft = tt.hard
		}
		if got := wrap(tt.text, 8, true); !slices.Equal(got, tt.hard) {
			t.Errorf("%s, hard: got %q, want %q", tt.why, got, tt.hard)
		}
		if got := wrap(tt.text, 8, false); !slices.Equal(got, tt.soft) {
			t.Errorf("%s: got %q, want %q", tt.why, got, tt.soft)
		}
	}
}

// Escapes as in master files (RFC 1035, section 5.1).
func TestEscape(t *testing.T) {
	tests := []struct{ text, want, special string }{
		{`example`, `example`, nameSpecial},
		{`a.b\c`, `a\.b\\c`, nameSpecial},
		{`"();@$`, `\"\(\)\;\@\$`, nameSpecial},
		{"\x00 \x07\x7f\xff", `\000\032\007\127\255`, nameSpecial},
		{`say "a b";`, `say \"a b\";`, `"`},
	}
	for _, tt := range tests {
		if got := string(escape(nil, []byte(tt.text), tt.special)); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.text, got, tt.want)
		}
	}
}

// The middle is left out, never half of an escape.
func TestShorten(t *testing.T) {
	tests := []struct{ text, want string }{
		{``, ``},
		{`abcdefghijkl`, `abcdefghijkl`}, // no shorter with dots in it
		{`abcdefghijklm`, `abcd…jklm`},
		{`abc\.efghijklm`, `abc…jklm`},
		{`ab\007fghijklm`, `ab…jklm`},
		{`abcd\\ghij\.klm`, `abcd…klm`},
		{`abcdefghi\007m`, `abcd…m`},
		{`\\\\\\\\\\\\\\`, `\\\\…\\\\`},
	}
	for _, tt := range tests {
		if got := shorten(tt.text, 8); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestOffsets(t *testing.T) {
	tests := []struct {
		size int
		want string // the offset of the end
	}{
		{0, "0x00"}, {0xff, "0xff"}, {0x100, "0x0100"}, {0xffff, "0xffff"}, {0x10000, "0x010000"}, {1 << 30, "0x40000000"},
	}
	for _, tt := range tests {
		if got := string(appendOffset(nil, tt.size, offsetDigits(tt.size))); got != tt.want {
			t.Errorf("%d: got %s, want %s", tt.size, got, tt.want)
		}
	}
}
