package grpctest

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/example/netkata/harness/bubble"
)

const (
	room  = 64 // of a line's text, in characters
	lines = 40 // of a story: what is behind the first is left out
	first = 12 // of them: a failure is told where it is found, at the end
	alike = 3  // of the same text, in a story that is longer
	ends  = 8  // lines of it are shown in any case: the last

	waits = "   (waits still)"
)

// story is who called what, and when, as the clients see it.
type story struct {
	b    *bubble.B
	mu   sync.Mutex
	told []*line
}

type line struct {
	at     time.Duration
	text   string
	begun  bool // and has not ended
	times  int  // how often it was said, one after the other
	folded int  // if not 0, this line stands for so many that are not shown
}

func (s *story) note(format string, args ...any) {
	s.end(s.begin(format, args...), "")
}

// begin notes what begins now, end how it went: "" is well. What it brings about
// may be noted in between.
func (s *story) begin(format string, args ...any) *line {
	l := &line{at: s.now(), text: cut(fmt.Sprintf(format, args...), room), begun: true, times: 1}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, l)
	return l
}

func (s *story) end(l *line, how string) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Worked()
	l.begun = false
	if how == "" && now != l.at {
		how = fmt.Sprintf("returned at %v", now)
	}
	if how != "" {
		how = "   " + cut(how, room-6)
		l.text = cut(l.text, room-utf8.RuneCountInString(how)) + how
	}
	n := len(s.told) - 1
	if n > 0 && s.told[n] == l && s.told[n-1].same(l) {
		s.told[n-1].times++
		s.told = s.told[:n]
	}
}

// now is when it is in the bubble, roughly: retries are jittered.
func (s *story) now() time.Duration { return s.b.Elapsed().Round(time.Millisecond) }

func (l *line) same(m *line) bool { return l.at == m.at && l.text == m.text && !l.begun && !m.begun }

// String tells the story, "" if nothing happened. What goes round in circles it
// tells a few times only; the end it tells always.
func (s *story) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown := s.fold()
	middle := len(shown) - lines // lines too many
	var b strings.Builder
	for i, l := range shown {
		if middle > 1 && i >= first && i < first+middle {
			if i == first {
				fmt.Fprintf(&b, "%10s  (%d lines)\n", "…", said(shown[i:i+middle]))
			}
			continue
		}
		b.WriteString(l.String())
	}
	return strings.TrimRight(b.String(), "\n")
}

// fold returns the lines of a story, those of a long one without most of those
// that were there before: a line that says how many stands for them.
func (s *story) fold() []*line {
	if len(s.told) <= lines {
		return s.told
	}
	var shown []*line
	before := map[string]int{}
	for i, l := range s.told {
		before[l.text]++
		if before[l.text] <= alike || i >= len(s.told)-ends {
			shown = append(shown, l)
			continue
		}
		if n := len(shown) - 1; shown[n].folded > 0 {
			shown[n].folded++
		} else {
			shown = append(shown, &line{folded: 1})
		}
	}
	return shown
}

// said is how many lines were said, the folded ones with them.
func said(shown []*line) (n int) {
	for _, l := range shown {
		n += max(1, l.folded)
	}
	return n
}

func (l *line) String() string {
	switch {
	case l.begun:
		return fmt.Sprintf("%10v  %s%s\n", l.at, cut(l.text, room-len(waits)), waits)
	case l.folded == 1:
		return fmt.Sprintf("%10s  (a line like one above)\n", "…")
	case l.folded > 0:
		return fmt.Sprintf("%10s  (%d lines, each like one above)\n", "…", l.folded)
	case l.times > 1:
		return fmt.Sprintf("%10v  %s  (%d times)\n", l.at, l.text, l.times)
	}
	return fmt.Sprintf("%10v  %s\n", l.at, l.text)
}

func (s *story) unary(name string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		m := path.Base(method)
		s.note("%s → %s %s", name, m, Text(req))
		err := invoke(ctx, method, req, reply, cc, opts...)
		if err != nil {
			s.note("%s ← %s %s", name, m, outcome(err))
		} else {
			s.note("%s ← %s %s", name, m, Text(reply))
		}
		return err
	}
}

func (s *story) stream(name string) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		m := path.Base(method)
		s.note("%s → %s: the call begins", name, m)
		cs, err := open(ctx, desc, cc, method, opts...)
		if err != nil {
			s.note("%s ← %s %s", name, m, outcome(err))
			return nil, err
		}
		return &stream{cs, s, name, m}, nil
	}
}

// stream notes what goes over one call.
type stream struct {
	grpc.ClientStream
	s            *story
	name, method string
}

func (c *stream) SendMsg(m any) error {
	l := c.s.begin("%s → %s %s", c.name, c.method, Text(m))
	err := c.ClientStream.SendMsg(m)
	if err != nil {
		c.s.end(l, "not sent: "+outcome(err))
	} else {
		c.s.end(l, "")
	}
	return err
}

func (c *stream) CloseSend() error {
	c.s.note("%s → %s half-close", c.name, c.method)
	return c.ClientStream.CloseSend()
}

func (c *stream) RecvMsg(m any) error {
	err := c.ClientStream.RecvMsg(m)
	if err != nil {
		c.s.note("%s ← %s %s", c.name, c.method, outcome(err))
	} else {
		c.s.note("%s ← %s %s", c.name, c.method, Text(m))
	}
	return err
}

// outcome is how a call ended, in a few words.
func outcome(err error) string {
	if err == io.EOF {
		return "io.EOF"
	}
	return Status(err)
}

// Status says a status in one line: NotFound "no such pod".
func Status(err error) string {
	if err == nil {
		return "OK"
	}
	st, ok := status.FromError(err)
	if !ok {
		return fmt.Sprintf("%v (which is no status)", err)
	}
	text := fmt.Sprintf("%v %q", st.Code(), st.Message())
	for _, d := range st.Details() {
		if m, ok := d.(proto.Message); ok {
			text += fmt.Sprintf(" %s{%s}", m.ProtoReflect().Descriptor().Name(), Text(m))
		}
	}
	return text
}

// Text is a message in one line: namespace:"shop" page_size:2.
func Text(m any) string {
	p, ok := m.(proto.Message)
	if !ok {
		return fmt.Sprint(m)
	}
	src := prototext.MarshalOptions{}.Format(p)
	if src == "" {
		return "{}"
	}
	return single(src)
}

// single leaves one space where there are more, except within strings: how many
// there are, prototext decides anew in each build.
func single(src string) string {
	var b strings.Builder
	var last rune
	quoted := false
	for _, r := range src {
		switch {
		case r == '"' && last != '\\':
			quoted = !quoted
		case r == ' ' && last == ' ' && !quoted:
			continue
		}
		if r == '\\' && last == '\\' {
			last = 0
		} else {
			last = r
		}
		b.WriteRune(r)
	}
	return b.String()
}

func cut(text string, room int) string {
	if utf8.RuneCountInString(text) <= room {
		return text
	}
	return string([]rune(text)[:room-1]) + "…"
}
