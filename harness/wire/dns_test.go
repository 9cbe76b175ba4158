package wire_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/example/netkata/harness/wire"
	"github.com/miekg/dns"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the remarks of testdata/wire anew")

func init() {
	// A fail file would land among the sources; the seed is enough.
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
}

// goldens reads the annotated messages of a folder below testdata, by name.
func goldens(t testing.TB, folder string) map[string]wire.Dissection {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", filepath.FromSlash(folder), "*.hex"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens in testdata/%s: %v", folder, err)
	}
	all := map[string]wire.Dissection{}
	for _, file := range files {
		name := filepath.Base(file)
		all[name] = wire.Load(t, folder+"/"+name)
	}
	return all
}

// Each file of testdata/wire is a message and, as its remarks, the dissection
// that is wanted of it, sound or broken.
func TestDNSGoldens(t *testing.T) {
	for name, golden := range goldens(t, "wire") {
		file := filepath.Join("..", "..", "testdata", "wire", name)
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got := wire.DNS(golden.Msg).Hex(golden.Head...)
		if bytes.Equal(got, want) {
			continue
		}
		if !*update {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
			continue
		}
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// Real servers' messages make sense to the end, except where they were broken on
// purpose; what stands behind them may be anything.
func TestDNSCaptured(t *testing.T) {
	for name, golden := range goldens(t, "dns/captured") {
		d := wire.DNS(golden.Msg)
		broken := strings.HasPrefix(name, "formerr-") // and some servers echo it
		if !broken && strings.Contains(name, ".response.") && len(d.Faults) > 0 {
			t.Errorf("%s: %v", name, d.Faults)
		}
		covered(t, d)
	}
}

// A message that is cut anywhere has the fields of the whole message, up to the
// cut, and the cut is a fault.
func TestDNSCut(t *testing.T) {
	for folder, places := range map[string]int{"wire": 2000, "dns/captured": 40} {
		for name, golden := range goldens(t, folder) {
			t.Run(name, func(t *testing.T) {
				whole := wire.DNS(golden.Msg)
				for n := 0; n < len(golden.Msg); n += 1 + len(golden.Msg)/places {
					cut(t, whole, n)
				}
			})
		}
	}
}

// cut checks the dissection of the first n octets of a message.
func cut(t rapid.TB, whole wire.Dissection, n int) {
	t.Helper()
	d := wire.DNS(whole.Msg[:n])
	covered(t, d)
	surplus := false // the cut is behind all that is counted
	for _, f := range whole.Fields {
		surplus = surplus || f.Section == "trailing octets" && f.Off <= n
	}
	if len(d.Faults) == 0 && !surplus {
		t.Fatalf("the first %d octets of %d: no fault\n%s", n, len(whole.Msg), d.Dump())
	}
	for i, f := range d.Fields {
		w := whole.Fields[i]
		last := i == len(d.Fields)-1
		if f.Off != w.Off || !last && (f.Len != w.Len || f.Label() != w.Label()) {
			t.Fatalf("the first %d octets of %d: %+v, want %+v", n, len(whole.Msg), f, w)
		}
	}
}

// covered checks what a Dissection promises, and that the beginning of its
// listing is readable.
func covered(t rapid.TB, d wire.Dissection) {
	t.Helper()
	at := 0
	for _, f := range d.Fields {
		if f.Off != at || f.Len < 1 {
			t.Fatalf("field %+v, want one at %#x", f, at)
		}
		at = f.End()
	}
	if at != len(d.Msg) {
		t.Fatalf("the fields end at %#x of %#x", at, len(d.Msg))
	}
	last := 0
	for _, x := range d.Faults {
		if x.Off < last || x.Off > len(d.Msg) || x.Why == "" {
			t.Fatalf("fault %+v, behind one at %#x, in %#x octets", x, last, len(d.Msg))
		}
		last = x.Off
	}
	text := d.Dump()
	if len(text) > 1<<16 {
		text = text[:strings.LastIndex(text[:1<<16], "\n")]
	}
	readable(t, text)
}

// readable checks that no line is longer than 72 columns, nor holds what a
// terminal would obey.
func readable(t rapid.TB, text string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if n := utf8.RuneCountInString(line); n > 72 {
			t.Fatalf("a line of %d columns:\n%s\nin\n%s", n, line, text)
		}
		if strings.HasSuffix(line, " ") || strings.ContainsAny(line, "\x00\t\r\x1b") {
			t.Fatalf("a line that a terminal does not show as it is: %q", line)
		}
	}
}

// What miekg/dns packs is dissected without a fault, and says the same.
func TestDNSAgainstOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		msg, err := m.Pack()
		if err != nil {
			t.Fatalf("pack %v: %v", m, err)
		}
		d := wire.DNS(msg)
		if len(d.Faults) > 0 {
			t.Fatalf("faults %v in\n%s", d.Faults, d.Dump())
		}
		if got, want := outline(d), oracleOutline(m); got != want {
			t.Fatalf("got\n%s\nwant\n%s\n%s", got, want, d.Dump())
		}
	})
}

// outline is the header, and each entry in a line, with the fields that need no
// thought to write down.
func outline(d wire.Dissection) string {
	show := map[string]bool{
		"ID": true, "QTYPE": true, "QCLASS": true, "TYPE": true, "CLASS": true, "TTL": true,
		"ADDRESS": true, "PREFERENCE": true, "SERIAL": true, "MINIMUM": true, "Port": true, "Value": true,
	}
	var b strings.Builder
	for _, f := range d.Fields {
		if f.Section != "" {
			b.WriteString("\n" + f.Section)
		}
		if show[f.Name] {
			b.WriteString(" " + f.Text)
		}
	}
	return b.String()
}

func oracleOutline(m *dns.Msg) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nheader %#04x", m.Id)
	for i, q := range m.Question {
		fmt.Fprintf(&b, "\nquestion %d of %d: %s %s", i+1, len(m.Question), q.Name, dns.Type(q.Qtype))
		fmt.Fprintf(&b, " %d %s %d IN", q.Qtype, dns.Type(q.Qtype), q.Qclass)
	}
	for _, s := range []struct {
		name    string
		records []dns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}, {"additional", m.Extra}} {
		for i, rr := range s.records {
			h := rr.Header()
			fmt.Fprintf(&b, "\n%s %d of %d: %s %s", s.name, i+1, len(s.records), h.Name, dns.Type(h.Rrtype))
			kind := dns.Type(h.Rrtype).String()
			if h.Rrtype == 65280 {
				kind = "unknown"
			}
			fmt.Fprintf(&b, " %d %s", h.Rrtype, kind)
			if opt, ok := rr.(*dns.OPT); ok {
				fmt.Fprintf(&b, " is the UDP payload size here: %d", opt.UDPSize())
				continue
			}
			fmt.Fprintf(&b, " %d IN %d s%s", h.Class, h.Ttl, oracleData(rr))
		}
	}
	return b.String()
}

func oracleData(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.A:
		return " " + rr.A.String()
	case *dns.AAAA:
		return " " + rr.AAAA.String()
	case *dns.MX:
		return " " + strconv.Itoa(int(rr.Preference))
	case *dns.SOA:
		return fmt.Sprintf(" %d %d s", rr.Serial, rr.Minttl)
	case *dns.SRV:
		return " " + strconv.Itoa(int(rr.Port))
	case *dns.CAA:
		return fmt.Sprintf(" %q", rr.Value)
	}
	return ""
}

func drawMessage(t *rapid.T) *dns.Msg {
	m := &dns.Msg{Compress: rapid.Bool().Draw(t, "compress")}
	m.Id = rapid.Uint16().Draw(t, "id")
	m.Response = rapid.Bool().Draw(t, "response")
	m.Authoritative = rapid.Bool().Draw(t, "aa")
	m.Rcode = rapid.IntRange(0, 5).Draw(t, "rcode")
	if rapid.Bool().Draw(t, "asks") {
		m.SetQuestion(drawName(t), rapid.SampledFrom([]uint16{1, 2, 15, 28, 255}).Draw(t, "qtype"))
	}
	m.Answer = drawRecords(t)
	m.Ns = drawRecords(t)
	m.Extra = drawRecords(t)
	if rapid.Bool().Draw(t, "edns") {
		m.SetEdns0(rapid.Uint16().Draw(t, "size"), rapid.Bool().Draw(t, "do"))
	}
	return m
}

func drawRecords(t *rapid.T) []dns.RR {
	var all []dns.RR
	for range rapid.IntRange(0, 4).Draw(t, "records") {
		all = append(all, drawRecord(t))
	}
	return all
}

func drawRecord(t *rapid.T) dns.RR {
	h := func(rrtype uint16) dns.RR_Header {
		return dns.RR_Header{Name: drawName(t), Rrtype: rrtype, Class: dns.ClassINET, Ttl: rapid.Uint32Range(0, 1<<31-1).Draw(t, "ttl")}
	}
	n16 := rapid.Uint16().Draw(t, "number")
	octets := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "octets")
	switch rapid.IntRange(0, 10).Draw(t, "type") {
	case 0:
		return &dns.A{Hdr: h(dns.TypeA), A: octets[:4]}
	case 1:
		octets[0] = 0x20 // an IPv4 address in IPv6 is shown in two ways
		return &dns.AAAA{Hdr: h(dns.TypeAAAA), AAAA: octets}
	case 2:
		return &dns.NS{Hdr: h(dns.TypeNS), Ns: drawName(t)}
	case 3:
		return &dns.CNAME{Hdr: h(dns.TypeCNAME), Target: drawName(t)}
	case 4:
		return &dns.MX{Hdr: h(dns.TypeMX), Preference: n16, Mx: drawName(t)}
	case 5:
		return &dns.TXT{Hdr: h(dns.TypeTXT), Txt: rapid.SliceOfN(rapid.StringMatching(`[ -!#-\[\]-~]{0,40}`), 1, 3).Draw(t, "txt")}
	case 6:
		return &dns.SOA{Hdr: h(dns.TypeSOA), Ns: drawName(t), Mbox: drawName(t), Serial: uint32(n16) << 7, Minttl: uint32(n16)}
	case 7:
		return &dns.SRV{Hdr: h(dns.TypeSRV), Port: n16, Target: drawName(t)}
	case 8:
		return &dns.CAA{Hdr: h(dns.TypeCAA), Tag: "issue", Value: rapid.StringMatching(`[a-z.]{1,30}`).Draw(t, "value")}
	case 9:
		return &dns.NSEC{Hdr: h(dns.TypeNSEC), NextDomain: drawName(t), TypeBitMap: []uint16{1, 2, 28, 257}}
	}
	return &dns.RFC3597{Hdr: h(65280), Rdata: fmt.Sprintf("%x", octets)}
}

// drawName draws names that often share their ends, with characters that need
// escapes.
func drawName(t *rapid.T) string {
	labels := rapid.SliceOfN(rapid.StringMatching(`([a-zA-Z0-9_-]|\\\.|\\\\|\\007){1,3}`), 0, 2).Draw(t, "labels")
	end := rapid.SampledFrom([]string{"", "com.", "example.com.", "org."}).Draw(t, "end")
	if len(labels) == 0 && end == "" {
		return "."
	}
	if len(labels) == 0 {
		return end
	}
	return strings.Join(labels, ".") + "." + end
}

// A header alone, of a message or of nothing.
func TestDNSHeader(t *testing.T) {
	msg := unhex(t, "2a17 8580 0001 0001 0000 0000 03 777777")
	d := wire.DNSHeader(msg)
	covered(t, d)
	want := `  header
  0x00  2a 17                    ID 0x2a17
  0x02  85 80                    flags QR=1 response, opcode 0 QUERY,
                                 AA=1, TC=0, RD=1, RA=1, Z=0, AD=0,
                                 CD=0, rcode 0 NOERROR
  0x04  00 01                    QDCOUNT 1
  0x06  00 01                    ANCOUNT 1
  0x08  00 00                    NSCOUNT 0
  0x0a  00 00                    ARCOUNT 0
  behind the header
  0x0c  03 77 77 77
`
	if got := d.Dump(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for n := range 12 {
		d := wire.DNSHeader(msg[:n])
		covered(t, d)
		if len(d.Faults) != 1 || d.Faults[0].Off != n {
			t.Errorf("of %d octets: faults %v, want one, at the end", n, d.Faults)
		}
	}
}

// A name alone, with the names that it leads to.
func TestDNSName(t *testing.T) {
	tests := []struct {
		why, msg string
		off      int
		want     string // labels and offsets
		fault    string // part of the first one
	}{
		{"from the beginning", "03 777777 00", 0, `0 3 "www" | 4 end of www.`, ""},
		{"the root", "00", 0, `0 the root`, ""},
		{"octets around it", "ff 01 61 00 ff", 1, `0  | 1 1 "a" | 3 end of a. | 4 `, ""},
		{"a pointer, also below 0x0c", "01 61 00 01 62 c000", 3, `0 1 "a" | 2 end of a. | 3 1 "b" | 5 pointer to 0x00 (a.)`, ""},
		{"from pointer to pointer", "01 61 00 ff c000 ff c004", 7, `0 1 "a" | 2 end of a. | 3  | 4 pointer to 0x00 (a.) | 6  | 7 pointer to 0x04 (a.)`, ""},
		{"into the middle of a name", "01 61 01 62 00 01 63 c002", 5, `0  | 2 1 "b" | 4 end of b. | 5 1 "c" | 7 pointer to 0x02 (b.)`, ""},
		{"a label and the root", "00 01 61 c000 c001", 5, `0 the root | 1 1 "a" | 3 pointer to 0x00 (.) | 5 pointer to 0x01 (a.)`, ""},
		{"a loop", "c000", 0, `0 pointer to 0x00`, "leads to itself"},
		{"cut", "03 7777", 0, `0 cut off: 3 of 4 octets`, "in the name at 0x00: this label takes 4 octets, but only 3 are left"},
		{"at the end", "ff", 1, `0 `, "in the name at 0x01: the next label takes 1 octet, but none is left"},
		{"outside", "ff", 2, `0 `, ""},
		{"before the beginning", "ff", -1, `0 `, ""},
		{"into octets that only look like a name", "02 61 c0 00 00 c000", 5, `0 2 "a\192" | 3 end of a\192. | 4  | 5 pointer to 0x00 (a\192.)`, ""},
		{"into one whose pointer is half in this", "00 01 61 00 c0 01 61 c004", 5,
			`0  | 1 1 "a" | 3 end of a. | 4  | 5 1 "a" | 7 pointer to 0x04`, "the name that the pointer leads to runs on into this one"},
		{"by way of such a one", "00 01 61 00 c0 01 61 c004 c005", 9,
			`0  | 1 1 "a" | 3 end of a. | 4  | 5 1 "a" | 7 pointer to 0x04 | 9 pointer to 0x05`, "the name that the pointer leads to runs on into this one"},
		{"into one that runs into this", "ff 02 c001 00", 2, `0  | 2 pointer to 0x01 | 4 `, "runs on into this one"},
	}
	for _, tt := range tests {
		d := wire.DNSName(unhex(t, tt.msg), tt.off)
		covered(t, d)
		var labels []string
		for _, f := range d.Fields {
			labels = append(labels, fmt.Sprintf("%d %s", f.Off, f.Label()))
		}
		if got := strings.Join(labels, " | "); got != tt.want {
			t.Errorf("%s: got  %s\nwant %s", tt.why, got, tt.want)
		}
		if fault := fmt.Sprint(d.Faults); (len(d.Faults) > 0) != (tt.fault != "") || !strings.Contains(fault, tt.fault) {
			t.Errorf("%s: faults %s, want %q", tt.why, fault, tt.fault)
		}
	}
}
