package choose_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/example/netkata/harness/rule"
	"github.com/example/netkata/harness/todo"
	"github.com/example/netkata/katas/udp/choose"
)

// One system after the other, each by all four rules (RFC 8085, section 3).
func TestChoices(t *testing.T) {
	for _, s := range systems {
		t.Run(s.name, func(t *testing.T) {
			// What comes behind a failure would only repeat it.
			_ = t.Run("is chosen", func(t *testing.T) { s.must(rule.New(t, 1), system.unchosen) }) &&
				t.Run("transport", func(t *testing.T) { s.must(rule.New(t, 2), system.miscarried) }) &&
				t.Run("true", func(t *testing.T) { s.must(rule.New(t, 3), system.falsehood) }) &&
				t.Run("decides", func(t *testing.T) { s.must(rule.New(t, 4), system.undecided) })
		})
	}
	t.Run("no others", func(t *testing.T) {
		r := rule.New(t, 1)
		// Where a system is missing, it has been said what stands in its place.
		if all := strangers(); len(all) > 0 && len(choose.Choices) >= len(systems)+len(all) {
			r.Errorf("Choices has %s: the README has no such system.", strings.Join(all, ", "))
		}
	})
}

// must wants no fault of that kind.
func (s system) must(r *rule.R, kind func(system) string) {
	r.T().Helper()
	if fault := kind(s); fault != "" {
		r.Fatalf("%s\n\n%s", fault, s.progress())
	}
}

// progress says how many systems are right, and which others are not.
func (s system) progress() string {
	var others []string
	right := 0
	for _, o := range systems {
		switch {
		case o.isRight():
			right++
		case o.name != s.name:
			others = append(others, o.name)
		}
	}
	text := fmt.Sprintf("%d of %d systems are right.", right, len(systems))
	if len(others) > 0 {
		text += " Not right either: " + strings.Join(others, ", ") + "."
	}
	return wrap(text)
}

func (s system) isRight() bool {
	return s.unchosen() == "" && s.miscarried() == "" && s.falsehood() == "" && s.undecided() == ""
}

// strangers are the names in Choices that the README does not have.
func strangers() []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(choose.Choices)) {
		if !slices.ContainsFunc(systems, func(s system) bool { return s.name == name }) {
			all = append(all, fmt.Sprintf("%q", name))
		}
	}
	return all
}

// isBare says whether nothing is chosen for any system.
func isBare() bool {
	return !slices.ContainsFunc(slices.Collect(maps.Values(choose.Choices)), isChosen)
}

// isChosen says whether something is: the line may be wrong, but not as it came.
func isChosen(c choose.Choice) bool {
	return c.Transport != "" && c.Transport != "TODO" || len(c.Because) > 0
}

// unchosen says what there is to say unless something sensible is written down
// (rule 1).
func (s system) unchosen() string {
	c, ok := choose.Choices[s.name]
	switch {
	case !ok && len(strangers()) > 0:
		return fmt.Sprintf("Choices has no %q. It has %s, which the README does not have.", s.name, strings.Join(strangers(), ", "))
	case !ok:
		return fmt.Sprintf("Choices has no %q.", s.name)
	case !isChosen(c) && isBare():
		return fmt.Sprintf("%s: nothing is chosen yet.\n%v", s.name, todo.Err)
	case !isChosen(c):
		return fmt.Sprintf("%s: nothing is chosen yet. Its line in Choices is to be filled in.", s.name)
	case c.Transport != choose.TCP && c.Transport != choose.UDP:
		return fmt.Sprintf("%s has the transport %q. Want TCP or UDP.", s.name, c.Transport)
	case len(c.Because) == 0:
		return fmt.Sprintf("%s has %s, and no property that says why.", s.name, c.Transport)
	}
	for i, p := range c.Because {
		if !slices.Contains(properties, p) {
			return fmt.Sprintf("%s: there is no property %q.", s.name, p)
		}
		if slices.Contains(c.Because[:i], p) {
			return fmt.Sprintf("%s: %s is named twice.", s.name, p)
		}
	}
	return ""
}

// miscarried says what the wrong transport would lead to (rule 2).
func (s system) miscarried() string {
	c := choose.Choices[s.name]
	if c.Transport == s.carry {
		return ""
	}
	return fmt.Sprintf("%s\n%s\n\n%s", s.head(), said(c, ", and this is what comes of it:"), wrap(s.otherwise))
}

// falsehood says which property is not one of this system (rule 3).
func (s system) falsehood() string {
	c := choose.Choices[s.name]
	for _, p := range c.Because {
		if why, ok := s.untrue[p]; ok {
			return fmt.Sprintf("%s\n%s\n\n%s", s.head(), said(c, ". But "+string(p)+" is not true of it:"), wrap(why))
		}
	}
	return ""
}

// undecided says why none of the properties decides (rule 4).
func (s system) undecided() string {
	c := choose.Choices[s.name]
	if slices.ContainsFunc(c.Because, func(p choose.Property) bool { return slices.Contains(s.decides, p) }) {
		return ""
	}
	var why []string
	for _, p := range c.Because {
		why = append(why, wrap(fmt.Sprintf("%s: %s", p, s.alsoTrue[p])))
	}
	return fmt.Sprintf("%s\n%s\n\n%s\n\n%s", s.head(), said(c, ". So one can say, but it does not decide:"), strings.Join(why, "\n"), wrap("Ask yourself: "+s.ask))
}

// head reminds of what the system is.
func (s system) head() string { return wrap(s.name + ": " + s.about) }

// said is what was chosen, and what there is to say of it.
func said(c choose.Choice, more string) string {
	var all []string
	for _, p := range c.Because {
		all = append(all, string(p))
	}
	return wrap(fmt.Sprintf("You chose %s because of %s%s", c.Transport, strings.Join(all, ", "), more))
}

// wrap breaks a text into lines of 76 columns.
func wrap(text string) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > 76 {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(lines, line), "\n")
}

var properties = []choose.Property{
	choose.Complete, choose.Ordered, choose.Bulk, choose.MayLose, choose.Fresh,
	choose.Brief, choose.FanOut, choose.OwnRepair, choose.Probe, choose.Messages,
}

// reasons are texts about properties of one system.
type reasons map[choose.Property]string

// system is one of the README's, and what can be said about it. Each property
// either decides, or is true as well, or is not, by its definition in choose.go;
// where people who know may differ, it is true as well.
type system struct {
	name, about string
	carry       choose.Transport
	otherwise   string // what comes of the other transport
	decides     []choose.Property
	ask         string  // a question that leads to what decides
	alsoTrue    reasons // why it does not decide
	untrue      reasons // why it is not true
}

var systems = []system{{
	name:  "dns-query",
	about: "a resolver asks one of thousands of name servers for one address.",
	carry: choose.UDP,
	otherwise: `Before the question may be sent, there is a handshake: each name takes one round trip more, which is
		twice the time, and each of the thousands of servers has a connection to keep and to close, for one question.`,
	decides: []choose.Property{choose.Brief},
	ask:     "what has to happen before the first byte of the question may be sent?",
	alsoTrue: reasons{
		choose.OwnRepair: "It asks again by itself. That makes UDP bearable; but TCP would do just that for it.",
		choose.Messages:  "Two bytes of length in front of each message give you that over TCP, too, and the DNS has them there.",
	},
	untrue: reasons{
		choose.MayLose:  "Somebody waits for the answer: when it does not come, the question is asked again.",
		choose.Complete: "One datagram has no gaps: it comes, or it does not and the question is asked again.",
		choose.Ordered:  "There is one question and one answer. It takes two of a kind to be out of order.",
		choose.Bulk:     "Both fit into a datagram. (Answers that do not are asked for once more, over TCP.)",
		choose.Fresh:    "A late answer is as good as an early one: the address has not changed meanwhile.",
		choose.FanOut:   "Each question is for one server, whose address is known.",
		choose.Probe:    "It wants an address. What is lost on the way is a nuisance, and not what it came to see.",
	},
}, {
	name:  "metrics",
	about: "a web server counts its requests, and must not notice if the collector of the counts is slow or gone.",
	carry: choose.UDP,
	otherwise: `The collector stops reading. The buffers between the two fill up, and then a Write of the web server
		waits: its own clients wait because somebody counts them.`,
	decides: []choose.Property{choose.MayLose},
	ask:     "the collector is gone for a minute. What may become of the counts, so that the web server can go on?",
	alsoTrue: reasons{
		choose.Messages: "A newline behind each message gives you that over TCP, too.",
	},
	untrue: reasons{
		choose.Brief:     "Each message is small. But there is more to say to the same collector, all day: one handshake in the morning would do.",
		choose.Fresh:     "A count that comes late is added all the same. A newer one does not replace it.",
		choose.Complete:  "A count is lost, and a line in a chart is a little too low. Nobody is harmed.",
		choose.Ordered:   "Counts are added up, and a sum has no order.",
		choose.Bulk:      "It is ten thousand things a second, of twenty bytes each, and none needs another.",
		choose.FanOut:    "There is one collector, and its address stands in the configuration.",
		choose.OwnRepair: "It repairs nothing. A lost count is lost.",
		choose.Probe:     "It counts the requests of a web server. Nobody asks for the network between.",
	},
}, {
	name:      "discovery",
	about:     "a printer is switched on and tells all computers of the office, of which it knows none.",
	carry:     choose.UDP,
	otherwise: "A connection has two ends, and one has to know the address of the other. The printer knows nobody's, and nobody knows the printer's.",
	decides:   []choose.Property{choose.FanOut},
	ask:       "whom would the printer dial?",
	alsoTrue: reasons{
		choose.MayLose:  "Whoever misses it hears it a minute later. But that says nothing about how to reach them at all.",
		choose.Fresh:    "What it says replaces what it said before. But that could be said over a connection as well, if there were one.",
		choose.Brief:    "It is one small message. But before a handshake could be too long, there has to be somebody to shake hands with.",
		choose.Messages: "A length in front of each message gives you that over TCP, too.",
	},
	untrue: reasons{
		choose.OwnRepair: "It finds no loss: it says everything again, lost or not.",
		choose.Complete:  "What is missed now is said again in a minute, all of it.",
		choose.Ordered:   "Each announcement says all there is to say. None is needed to understand another.",
		choose.Bulk:      "A name and an address fit into one datagram.",
		choose.Probe:     "It wants to be found. What is lost on the way, it does not even learn.",
	},
}, {
	name:  "game",
	about: "thirty times a second, a server sends each of sixty players all that this player can see.",
	carry: choose.UDP,
	otherwise: `One packet is lost. TCP holds back everything behind it, which has long arrived, until the lost one has
		come again: the player freezes, and is then shown a second that is over.`,
	decides: []choose.Property{choose.Fresh, choose.MayLose},
	ask:     "a message is lost. Would a player rather have it in half a second, or the next one now?",
	alsoTrue: reasons{
		choose.Messages: "A length in front of each message gives you that over TCP, too.",
	},
	untrue: reasons{
		choose.OwnRepair: "It finds no loss: the next message says it all again, lost or not. What is it about the messages that makes this possible?",
		choose.Complete:  "A message is lost, and 33 ms later the next one says it all again.",
		choose.Ordered:   "Each message says all of it. One that comes after a newer one is thrown away, and nothing goes wrong.",
		choose.Bulk:      "What one player can see fits into a datagram, and its pace is that of the game, not what the network can take.",
		choose.Brief:     "A game goes on for an hour. Next to that, a handshake at its beginning is nothing.",
		choose.FanOut:    "Each player is sent what this player sees, and nobody else is.",
		choose.Probe:     "It is there to be played. How much the network loses, it would rather not know.",
	},
}, {
	name:  "ping",
	about: "a monitor asks five hundred hosts, every second, and draws how many questions are lost and how long answers take.",
	carry: choose.UDP,
	otherwise: `TCP sends again what is lost. The chart shows no loss, ever, and now and then an answer that took a
		second. What happened on the wire, TCP keeps to itself.`,
	decides: []choose.Property{choose.Probe},
	ask:     "TCP would send a lost question again. What would the chart show then?",
	alsoTrue: reasons{
		choose.MayLose:  "What is lost stays lost. But what would be wrong with having it sent again?",
		choose.Messages: "A length in front of each message gives you that over TCP, too.",
	},
	untrue: reasons{
		choose.Brief:     "Each question is small. But there is more to ask the same host, every second for years: a connection could stay open.",
		choose.Fresh:     "A late answer is a result, too: how late it was is just what is drawn.",
		choose.Complete:  "A question that is lost is a result, too: it is counted, and drawn.",
		choose.Ordered:   "Each question has a number and is judged by itself. One that overtakes another is noted, and not put back.",
		choose.Bulk:      "A number and a time fit into any datagram.",
		choose.FanOut:    "Each host has a question of its own, and is known.",
		choose.OwnRepair: "It repairs nothing: if it sent a lost question again, the result would be gone.",
	},
}, {
	name:  "file",
	about: "a disk image of 3 GB goes to another continent, and its checksum has to be right.",
	carry: choose.TCP,
	otherwise: `That is two million datagrams. Sent as fast as you can, most are thrown away on the way, and other
		people's with them; sent more slowly, some still are. You would number them, ask for those that are missing,
		find the right pace: and then you have written TCP.`,
	decides: []choose.Property{choose.Complete, choose.Bulk},
	ask:     "how many datagrams is it, how fast may you send them, and what is it worth if one is missing?",
	alsoTrue: reasons{
		choose.Ordered: "A file is written from its beginning to its end. But pieces with numbers can be put where they belong in any order, as BitTorrent does.",
	},
	untrue: reasons{
		choose.MayLose:   "One byte is lost, and the checksum is wrong.",
		choose.Fresh:     "Nothing newer is on its way. A late file is still the file.",
		choose.Brief:     "It takes minutes. Next to that, a handshake is nothing.",
		choose.FanOut:    "It goes to one computer, whose address is known.",
		choose.OwnRepair: "It has nothing of the kind. The checksum finds out that something is wrong, and mends nothing.",
		choose.Probe:     "It has to arrive. What the network loses on the way is somebody else's business.",
		choose.Messages:  "A file is bytes, from the first to the last. Where they are cut on the way is all the same.",
	},
}, {
	name:  "replication",
	about: "a database sends every change to a second one, which applies them one by one.",
	carry: choose.TCP,
	otherwise: `A change is missing, or comes before the one that it builds on. The second database applies it to
		something that the first one never was. From then on the two differ, and nobody notices.`,
	decides: []choose.Property{choose.Complete, choose.Ordered},
	ask:     "what becomes of the second database if change 7 is applied before change 6, or without it?",
	alsoTrue: reasons{
		choose.Messages: "Each change is a whole. But TCP does not give you that: you put a length in front.",
	},
	untrue: reasons{
		choose.Bulk:      "It is many changes, and each is small. Most of the time they are a trickle.",
		choose.MayLose:   "One change is lost, and the two differ for good.",
		choose.Fresh:     "A newer change does not replace an older one: it builds on it.",
		choose.Brief:     "It goes on for as long as the two databases do.",
		choose.FanOut:    "There is one second database, and the two know each other.",
		choose.OwnRepair: "It has no rules for what gets lost on the way. It relies on the transport for that.",
		choose.Probe:     "It wants the changes, and not to know what the network does to them.",
	},
}, {
	name:  "audit-log",
	about: "a bank sends each line of its audit log to an archive, where the law wants it found in ten years.",
	carry: choose.TCP,
	otherwise: `In the busiest hour of the year, which is the one that they will ask for, the buffer of the archive's
		socket is full. What comes then is dropped by the kernel, and neither end learns of it.`,
	decides: []choose.Property{choose.Complete},
	ask:     "what does the law say about one line in a million?",
	alsoTrue: reasons{
		choose.Ordered:  "A log is read from top to bottom. But each line has its time, and lines can be sorted.",
		choose.Messages: "Each line is a whole. But TCP does not give you that: the newline does.",
	},
	untrue: reasons{
		choose.Bulk:      "It is many lines, and each is short. On a quiet day they are a trickle.",
		choose.MayLose:   "The law does not see it that way.",
		choose.Fresh:     "A newer line does not replace an older one. A late line is still wanted in ten years.",
		choose.Brief:     "The same servers talk to the same archive all day. Next to that, a handshake is nothing.",
		choose.FanOut:    "There is one archive, and its address stands in the configuration.",
		choose.OwnRepair: "It has no rules for what gets lost on the way. It relies on the transport for that.",
		choose.Probe:     "It wants its lines to arrive, and not to know what the network does to them.",
	},
}, {
	name:  "video-call",
	about: "two people talk and see each other; what arrives 150 ms after it was said cannot be played any more.",
	carry: choose.UDP,
	otherwise: `One packet is lost on a line of 100 ms. TCP has it sent again and holds back all that comes behind it:
		the picture stops, and then it is too late to play any of it. A gap of 20 ms that nobody would have heard has
		become half a second.`,
	decides: []choose.Property{choose.Fresh, choose.MayLose},
	ask:     "what do you do with a syllable that comes half a second late?",
	alsoTrue: reasons{
		choose.OwnRepair: "Programs hide small gaps, and some have a piece sent again while there is time. But TCP repairs every gap. Why is that not good enough?",
		choose.Messages:  "A length in front of each message gives you that over TCP, too.",
	},
	untrue: reasons{
		choose.Probe:    "It watches what is lost, to choose its quality. But that is not what it is there for: people call to talk.",
		choose.Complete: "A gap is a click that most people do not even notice. Waiting for it to be filled is a silence.",
		choose.Ordered:  "Each piece has its time and is played at that, if it is there. The next one does not wait for it.",
		choose.Bulk:     "It is small pieces, and their pace is that of people who talk, not what the network can take.",
		choose.Brief:    "A call takes minutes. Next to that, a handshake is nothing.",
		choose.FanOut:   "It is two people, and each has called or was called.",
	},
}, {
	name:  "web-page",
	about: "a browser loads fifty parts of a page at once; a lost packet of a picture must not hold up the text.",
	carry: choose.UDP,
	otherwise: `TCP knows one stream. A packet of the picture is lost, and the text behind it, which has arrived, waits
		in the kernel until that packet has come again. HTTP/2 lives with that.`,
	decides: []choose.Property{choose.OwnRepair},
	ask:     "who sees to it that what is lost is sent again, and knows which part it belongs to?",
	alsoTrue: reasons{
		choose.Complete: "No part may have a gap. TCP would see to that, so this is no reason to do without it.",
		choose.Ordered:  "Each part has its order. TCP would give one order to all fifty: that is the trouble with it.",
		choose.Bulk:     "A page can be megabytes, and has to be sent at the network's pace. TCP would see to that, so this is no reason to do without it.",
	},
	untrue: reasons{
		choose.Probe:    "It watches what is lost, to find its pace. But that is not what it is there for: people want the page.",
		choose.MayLose:  "A byte of the text is lost, and the page is broken.",
		choose.Fresh:    "No part replaces another. A late picture is still a picture.",
		choose.Brief:    "It is fifty parts of a page, and it begins with a handshake of its own.",
		choose.FanOut:   "It is one browser and one server, whose address is known.",
		choose.Messages: "Each part is a stream of bytes, from the first to the last. Where they are cut on the way is all the same.",
	},
}, {
	name:  "boot",
	about: "a boot ROM of a few kilobytes fetches a kernel over a cable, block by block, asking for each until it comes.",
	carry: choose.UDP,
	otherwise: `It does not fit into the ROM. Windows, timers, a pace that adapts, data out of order: all that is code,
		and all of it is for networks that are longer than this cable and for more than one block at a time.`,
	decides: []choose.Property{choose.OwnRepair},
	ask:     "the ROM asks for each block until it has it. What is left for TCP to do?",
	alsoTrue: reasons{
		choose.Complete: "A kernel with a gap does not start. TCP would see to that, so this is no reason to do without it.",
		choose.Ordered:  "Block follows block. TCP would see to that, so this is no reason to do without it.",
		choose.Bulk:     "A kernel is thousands of blocks. TCP would be good at that, so this is no reason to do without it.",
		choose.Messages: "One block, one datagram. But a length in front of each block gives you that over TCP, too.",
	},
	untrue: reasons{
		choose.MayLose: "A block is lost, and the kernel does not start, until it has been asked for again.",
		choose.Fresh:   "No block replaces another. A late one is waited for.",
		choose.Brief:   "It is thousands of questions, all to the same server. Next to that, a handshake is nothing.",
		choose.FanOut:  "The ROM asks one server, and for itself alone. (How it found that server is another system.)",
		choose.Probe:   "It wants a kernel. What the cable loses is a nuisance.",
	},
}, {
	name:  "zone-transfer",
	about: "a second name server fetches a zone of two hundred thousand records from the first.",
	carry: choose.TCP,
	otherwise: `The answer is thousands of datagrams, and nobody notices if one of them is missing. A name that is
		not there looks just like a name that does not exist.`,
	decides: []choose.Property{choose.Complete, choose.Bulk},
	ask:     "how many datagrams is the answer, and who would notice that one of them is missing?",
	alsoTrue: reasons{
		choose.Ordered:  "It begins with a record that says what it is, and ends with the same. But the others may come in any order.",
		choose.Messages: "It is messages of the DNS. But TCP does not give you that: a length stands in front of each.",
	},
	untrue: reasons{
		choose.MayLose:   "A record is lost, and for this server that name does not exist.",
		choose.Fresh:     "If there is a newer zone, it is a transfer of its own.",
		choose.Brief:     "The question is. The answer has two hundred thousand records.",
		choose.FanOut:    "It is one server that asks another.",
		choose.OwnRepair: "It has no rules for what gets lost on the way. It relies on the transport for that.",
		choose.Probe:     "It wants the zone, and not to know what the network does to it.",
	},
}}
