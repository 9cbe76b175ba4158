package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os/exec"
	"strings"

	"github.com/example/netkata/harness/wire"
	"github.com/miekg/dns"
)

// taken is a query and its response, and what the files say about them.
type taken struct {
	pair
	name, shows, want, varies string // as in capture
	broken                    bool
	asked                     string // the command, or what stands for it
	server                    string // with its version: "NSD 4.6.1"
	client                    string // the same
}

// take asks the question at server through a relay, with the program dig, and
// checks what comes back. A capture with a retry gives two results.
func take(ctx context.Context, c capture, server *net.UDPAddr, dig string) ([]taken, error) {
	r, err := newRelay(ctx, server.String())
	if err != nil {
		return nil, err
	}
	defer r.close()
	if c.raw != "" {
		err = sendRaw(ctx, r.addr(), c)
	} else {
		err = runDig(ctx, dig, digArgs(c, fmt.Sprint(r.addr().Port)))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	out := expected(c)
	pairs := r.close()
	if len(pairs) != len(out) {
		return nil, fmt.Errorf("%s: %d queries went through the relay, not %d", c.name, len(pairs), len(out))
	}
	for i := range out {
		out[i].pair = pairs[i]
		err = errors.Join(err, out[i].check())
	}
	return out, err
}

// expected returns what taking c should give, without the messages.
func expected(c capture) []taken {
	t := taken{
		name: c.name, shows: c.shows, want: c.want, varies: c.varies, broken: c.broken,
		asked: asked(c), client: ownClient,
	}
	if c.retry == nil {
		return []taken{t}
	}
	again := t
	again.name, again.shows, again.want = c.retry.name, c.retry.shows, c.retry.want
	return []taken{t, again}
}

// ownClient is the client of queries that dig cannot send.
const ownClient = "harness/capture"

// id returns the id of a capture's query: always the same for the same name.
func (c capture) id() uint16 {
	h := fnv.New32a()
	h.Write([]byte(c.name))
	sum := h.Sum32()
	return uint16(sum>>16) ^ uint16(sum)
}

// digArgs returns the arguments with which dig asks the question at a port.
// Without -r it would obey a ~/.digrc.
func digArgs(c capture, port string) []string {
	args := []string{"-r", "@127.0.0.1", "-p", port, fmt.Sprintf("+qid=%d", c.id())}
	return append(args, strings.Fields(c.dig)...)
}

// asked says how the question was asked: the command as a shell takes it, with
// PORT for the relay's port.
func asked(c capture) string {
	if c.raw != "" {
		return "with these bytes, since dig sends nothing like them"
	}
	args := digArgs(c, "PORT")
	for i, a := range args {
		if strings.ContainsAny(a, `\*`) {
			args[i] = "'" + a + "'"
		}
	}
	return "dig " + strings.Join(args, " ")
}

func runDig(ctx context.Context, dig string, args []string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, dig, args...)
	cmd.Env = []string{"LC_ALL=C"} // no IDN, no options from outside
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	return nil
}

func sendRaw(ctx context.Context, relay *net.UDPAddr, c capture) error {
	query, err := c.rawQuery()
	if err != nil {
		return err
	}
	_, err = exchange(ctx, "udp", relay.String(), query)
	return err
}

// rawQuery returns the bytes of a query that dig cannot send.
func (c capture) rawQuery() ([]byte, error) {
	rest, err := hex.DecodeString(strings.ReplaceAll(c.raw, " ", ""))
	return append([]byte{byte(c.id() >> 8), byte(c.id())}, rest...), err
}

// check says whether the messages are what the catalogue says.
func (t taken) check() error {
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(t.query) < 2 || len(t.response) < 12 {
		return fmt.Errorf("%s: query of %d octets, response of %d", t.name, len(t.query), len(t.response))
	}
	if string(t.query[:2]) != string(t.response[:2]) {
		complain("the response has id %x, the query %x", t.response[:2], t.query[:2])
	}
	faults := wire.DNS(t.response).Faults
	if t.broken != (len(faults) > 0) {
		complain("malformed: %v wanted, faults %v", t.broken, faults)
	}
	if got := summary(t.response); got != t.want {
		complain("the response is %q, not %q", got, t.want)
	}
	if !t.broken {
		if err := sameQuestion(t.query, t.response); err != nil {
			complain("%v", err)
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s: %s", t.name, strings.Join(wrong, "; "))
	}
	return nil
}

// sameQuestion returns an error when the response cannot be unpacked, or has
// another question than the query, letter by letter.
func sameQuestion(query, response []byte) error {
	var r dns.Msg
	if err := r.Unpack(response); err != nil {
		return fmt.Errorf("the response cannot be unpacked: %w", err)
	}
	if len(r.Question) == 0 {
		return nil // some errors come without one
	}
	var q dns.Msg
	q.Unpack(query) // a malformed query has its question before the rest
	if len(q.Question) == 0 || q.Question[0] != r.Question[0] {
		return fmt.Errorf("the response is about %v, the query about %v", r.Question, q.Question)
	}
	return nil
}

// flagNames are the flags of the header's second word, highest bit first.
var flagNames = []struct {
	bit  uint16
	name string
}{{1 << 10, "aa"}, {1 << 9, "tc"}, {1 << 8, "rd"}, {1 << 7, "ra"}, {1 << 6, "z"}, {1 << 5, "ad"}, {1 << 4, "cd"}}

// summary returns the header of a response of at least twelve octets in words:
// opcode unless it is QUERY, rcode, flags without qr, and the four counts:
// "NXDOMAIN aa 1/0/1/0".
func summary(msg []byte) string {
	word := func(off int) uint16 { return uint16(msg[off])<<8 | uint16(msg[off+1]) }
	flags := word(2)
	var words []string
	if flags>>15 == 0 {
		words = append(words, "query")
	}
	if op := int(flags >> 11 & 15); op != dns.OpcodeQuery {
		words = append(words, fmt.Sprintf("opcode%d", op))
	}
	words = append(words, rcode(msg))
	for _, f := range flagNames {
		if flags&f.bit != 0 {
			words = append(words, f.name)
		}
	}
	return fmt.Sprintf("%s %d/%d/%d/%d", strings.Join(words, " "), word(4), word(6), word(8), word(10))
}

// rcode returns the name of a response's rcode, with the part that an OPT
// record adds.
func rcode(msg []byte) string {
	code := int(msg[3] & 15)
	var m dns.Msg
	if m.Unpack(msg) == nil {
		code = m.Rcode
	}
	if code == dns.RcodeBadVers { // miekg/dns calls 16 by its TSIG name
		return "BADVERS"
	}
	return dns.RcodeToString[code]
}
