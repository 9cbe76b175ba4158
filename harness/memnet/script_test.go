package memnet_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/example/netkata/harness/memnet"
	"pgregory.net/rapid"
)

func init() {
	// rapid would leave files behind; the seed that it prints is enough.
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		panic(err)
	}
}

func TestScriptText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "[]"},
		{" [ ] ", "[]"},
		{"drop 1, delay 2 300ms, spoof 1", "[drop 1, delay 2 300ms, spoof 1]"},
		{"[drop all,delay all 1.5s]", "[drop all, delay all 1.5s]"},
		{"stall 0", "[stall 0]"}, // of bytes, 0 is the beginning
		{"cut 3,chop 1,coalesce 9 20ms,stall 3 2s,reset 10", "[cut 3, chop 1, coalesce 9 20ms, stall 3 2s, reset 10]"},
		{"reorder 1, reorder 3 20ms, duplicate 2", "[reorder 1, reorder 3 20ms, duplicate 2]"},
		{"emfile 1, aborted all", "[emfile 1, aborted all]"},
	} {
		s, err := memnet.Parse(c.text)
		if err != nil || s.String() != c.want {
			t.Errorf("Parse(%q) = %v, %v; want %v", c.text, s, err, c.want)
		}
	}
}

func TestScriptErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"dorp 1", `step 1: no fault is called "dorp"; there are cut, chop,`},
		{"drop 1, delay 2", "step 2: delay wants a duration"},
		{"coalesce 5", "coalesce wants a duration"}, // it would hold back for ever
		{"drop", `want a fault and a number (and a duration), got "drop"`},
		{"drop 1 2s 3", "want a fault and a number"},
		{"drop 1,", `want a fault and a number (and a duration), got ""`},
		{"drop 0", `drop wants a number from 1 on, got "0"`}, // "all" has a word
		{"chop 0", "chop wants a number from 1 on"},
		{"coalesce 0 1s", "coalesce wants a number from 1 on"},
		{"stall -1", "stall wants a number from 0 on"},
		{"cut all", `cut wants a number from 0 on, got "all"`},
		{"drop 1 2s", "drop takes no duration"},
		{"delay 1 soon", `want a duration such as 300ms, got "soon"`},
		{"delay 1 -2s", "want a duration such as 300ms"},
	} {
		s, err := memnet.Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%q) = %v, %v; want an error with %q", c.text, s, err, c.want)
		}
	}
}

func TestMustParse(t *testing.T) {
	defer func() {
		if v := recover(); v == nil || !strings.Contains(v.(string), "dorp") {
			t.Errorf("panicked with %v", v)
		}
	}()
	memnet.MustParse("dorp 1")
}

// What is drawn keeps to its bounds, and reads back as itself.
func TestScriptsDrawn(t *testing.T) {
	all := append(append([]memnet.Fault{}, memnet.StreamFaults...), memnet.DatagramFaults...)
	rapid.Check(t, func(t *rapid.T) {
		s := memnet.Scripts(20, 3*time.Second, all...).Draw(t, "script")
		back, err := memnet.Parse(s.String())
		if err != nil || back.String() != s.String() {
			t.Fatalf("%v reads as %v, %v", s, back, err)
		}
		for _, step := range s {
			if step.At < 1 || step.At > 20 || step.For < 0 || step.For > 3*time.Second {
				t.Fatalf("%v", s)
			}
		}
	})
}

// The smallest script of all comes out when anything fails.
func TestScriptsShrink(t *testing.T) {
	var last string
	failing := &failing{TB: t}
	func() {
		defer func() { recover() }()
		rapid.Check(failing, func(t *rapid.T) {
			s := memnet.Scripts(20, 0, memnet.DatagramFaults...).Draw(t, "script")
			if len(s) > 0 {
				last = s.String()
				t.Fatalf("it fails")
			}
		})
	}()
	if last != "[drop 1]" {
		t.Errorf("the smallest is %s, want [drop 1]", last)
	}
}

// failing swallows what rapid reports.
type failing struct{ rapid.TB }

func (f *failing) Logf(string, ...any)   {}
func (f *failing) Errorf(string, ...any) {}
func (f *failing) Fatalf(string, ...any) {}
func (f *failing) Fail()                 {}
func (f *failing) FailNow()              { panic("end") }
