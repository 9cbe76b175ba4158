package wire

import (
	"fmt"
	"strings"
)

// Dump lists the message field by field. Each mark stands at its byte, with ">"
// at the left and its note at the right.
func (d Dissection) Dump(marks ...Mark) string {
	var b strings.Builder
	if d.Name != "" {
		b.WriteString(d.Name + "\n")
	}
	for _, f := range d.Fields {
		if f.Section != "" {
			b.WriteString("  " + f.Section + "\n")
		}
		for at := f.Off; at < f.End(); at += 8 {
			lead, note, text := "  ", "", ""
			end := min(at+8, f.End())
			for _, m := range marks {
				if m.Off >= at && m.Off < end {
					lead, note = "> ", "   <- "+m.Note
				}
			}
			if at == f.Off {
				text = f.Label()
			}
			fmt.Fprintf(&b, "%s0x%02x  %-23s   %s%s\n", lead, at, fmt.Sprintf("% x", d.Msg[at:end]), text, note)
		}
	}
	for _, x := range d.Faults {
		fmt.Fprintf(&b, "! 0x%02x  %s\n", x.Off, x.Why)
	}
	return b.String()
}
