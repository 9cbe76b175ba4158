package main

import (
	"strings"
	"unicode/utf8"
)

// screenWidth is how long lines may be: what terminals show without breaking
// words.
const screenWidth = 80

// wrap breaks lines between words, where they are too long for the screen, which
// they begin at that column; so does what follows. Words stay whole, and what is
// indented, a command or a list, is left as it is.
func wrap(column int, text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		for !strings.HasPrefix(line, " ") && utf8.RuneCountInString(line) > screenWidth-column {
			at := breakAt(line, screenWidth-column)
			if at < 0 {
				break
			}
			out = append(out, line[:at])
			line = line[at+1:]
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n"+strings.Repeat(" ", column))
}

// aside puts a remark behind text, or where that makes too long a line, beneath.
func aside(text, remark string) string {
	if utf8.RuneCountInString(text)+1+utf8.RuneCountInString(remark) > screenWidth {
		return text + "\n  " + remark
	}
	return text + " " + remark
}

// breakAt returns the last space that leaves no more than width columns before
// it, else the first one, or -1.
func breakAt(line string, width int) int {
	at, column := -1, 0
	for i, c := range line {
		if c == ' ' && (column <= width || at < 0) {
			at = i
		}
		column++
	}
	return at
}
