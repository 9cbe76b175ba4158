package wire

import (
	"fmt"
	"strings"
)

// ParseHex reads annotated hex.
func ParseHex(name string, src []byte) (Dissection, error) {
	d := Dissection{Name: name}
	for i, line := range strings.Split(string(src), "\n") {
		code, text, commented := strings.Cut(strings.TrimRight(line, "\r"), "#")
		words := strings.Fields(code)
		if len(words) == 0 {
			continue
		}
		if strings.HasPrefix(words[0], "0x") || strings.HasSuffix(words[0], ":") {
			words = words[1:]
		}
		f := Field{Off: len(d.Msg), Text: strings.TrimSpace(text)}
		for _, w := range words {
			var b byte
			if _, err := fmt.Sscanf(w, "%02x", &b); err != nil {
				return d, fmt.Errorf("%s:%d: %q is not hex", name, i+1, w)
			}
			d.Msg = append(d.Msg, b)
		}
		f.Len = len(d.Msg) - f.Off
		if !commented && len(d.Fields) > 0 {
			d.Fields[len(d.Fields)-1].Len += f.Len
			continue
		}
		d.Fields = append(d.Fields, f)
	}
	return d, nil
}

// Hex writes the annotated form.
func (d Dissection) Hex(head ...string) []byte {
	var b strings.Builder
	for _, l := range head {
		b.WriteString("# " + l + "\n")
	}
	if len(head) > 0 {
		b.WriteByte('\n')
	}
	for _, f := range d.Fields {
		fmt.Fprintf(&b, "0x%02x: % x  # %s\n", f.Off, d.Msg[f.Off:f.End()], f.Label())
	}
	return []byte(b.String())
}
