package stuck

import (
	"hash/maphash"
	"slices"
	"time"
)

// Tick is how often a Watch measures, and the shortest Pause.
const Tick = 5 * time.Millisecond

// Watch looks after some goroutines from outside, in real time.
type Watch struct {
	// Mine tells the goroutines to look after.
	Mine func(Goroutine) bool
	// Still says of them, when each of them is blocked, whether they stay so.
	// Nil: they do.
	Still func([]Goroutine) bool
	// Pause is at least the time from one look at them to the next.
	Pause time.Duration
	// Looks is how many looks in a row must find them unchanged; three times as
	// many while others in the process are at work, who might wake them.
	Looks int
	// Empty has the watch end once there are no such goroutines.
	Empty bool
	// Patience is how long goroutines that are all blocked, now here and now
	// there, may take; 0 has no end.
	Patience time.Duration
	// Work counts what gets done, so that hard work is not taken for an endless
	// loop. It may be nil.
	Work func() uint64

	limit time.Duration // of processor time; 0 for the usual ones
}

// Finding is why a Watch ended.
type Finding struct {
	Kind       Kind
	Text       string      // of Busy: "is not done after …"
	Goroutines []Goroutine // those looked after, at the last look
}

// Kind is the sort of a Finding.
type Kind int

const (
	Done  Kind = iota // what was waited for has happened
	Stuck             // nobody gets on any more
	Busy              // somebody uses the processor, or memory, without end
	Late              // neither, but it has taken too long
)

// Until waits until done is closed (it may be nil), or until there is something
// to report.
func (w Watch) Until(done <-chan struct{}) Finding {
	t := time.NewTicker(Tick)
	defer t.Stop()
	began := time.Now()
	meter := Meter{limit: w.limit}
	var last look
	if w.Empty {
		if last = w.look(); len(last.mine) == 0 {
			return Finding{}
		}
	} else {
		last.at = time.Now() // most are done before there is any need to look
	}
	for {
		select {
		case <-done:
			return Finding{}
		case <-t.C:
		}
		text := meter.Over()
		if text == "" && time.Since(last.at) < max(w.Pause-Tick/2, 4*last.cost) { // ticks are not exact
			continue
		}
		if text == "" && w.worked(&last) {
			meter.Progress()
			continue
		}
		now := w.look()
		now.compare(last)
		switch {
		case w.Empty && len(now.mine) == 0:
			return Finding{}
		case text != "" && now.active:
			return Finding{Busy, text, now.mine}
		case now.same >= w.Looks && !now.others, now.same >= 3*w.Looks:
			return Finding{Stuck, "", now.mine}
		case w.Patience > 0 && now.at.Sub(began) > w.Patience && !now.active:
			return Finding{Late, "", now.mine}
		case now.progress:
			meter.Progress()
		}
		last = now
	}
}

// worked says whether something got done since the last look, and if so lets
// that be one: nobody is stuck, so there is no need to look at every stack.
func (w Watch) worked(last *look) bool {
	if w.Work == nil || w.Work() == last.work {
		return false
	}
	*last = look{at: time.Now(), work: w.Work()}
	return true
}

// AtWork gives goroutines a moment to end or to wait, and says whether one of
// them still uses the processor after that.
func AtWork(mine func(Goroutine) bool) bool {
	w := Watch{Mine: mine, Pause: Tick, Looks: 10, Empty: true, limit: time.Second / 4}
	return w.Until(nil).Kind == Busy
}

// look is what one look at the goroutines found.
type look struct {
	at     time.Time
	cost   time.Duration // how long it took
	mine   []Goroutine
	who    uint64 // a hash of who they are
	what   uint64 // and of where each of them waits
	work   uint64 // how much is done
	active bool   // one of them is at work, or will be
	others bool   // somebody else in the process is at work

	// Compared with the looks before.
	progress bool // something got done, or nothing was tried
	same     int  // looks in a row that found everybody waiting where they do now
}

func (l *look) compare(last look) {
	l.progress = !l.active || l.work != last.work || l.who != last.who
	if !l.active && l.what == last.what && len(l.mine) > 0 {
		l.same = last.same + 1
	}
}

func (w Watch) look() (l look) {
	l.at = time.Now()
	defer func() { l.cost = time.Since(l.at) }()
	for i, g := range All() {
		switch {
		case w.Mine(g):
			l.mine = append(l.mine, g)
		case i > 0 && !g.Blocked() && !g.In("os/signal.loop"): // 0 is the caller
			l.others = true
		}
	}
	atWork := slices.ContainsFunc(l.mine, func(g Goroutine) bool { return !g.Blocked() })
	l.active = len(l.mine) > 0 && (atWork || w.Still != nil && !w.Still(l.mine))
	l.who, l.what = hashes(l.mine)
	if w.Work != nil {
		l.work = w.Work()
	}
	return l
}

var seed = maphash.MakeSeed()

// hashes returns hashes of who these goroutines are, and of where they wait.
func hashes(all []Goroutine) (who, what uint64) {
	for _, g := range all {
		who += maphash.Comparable(seed, g.ID)
		var at Call
		if len(g.Calls) > 0 {
			at = g.Calls[len(g.Calls)-1]
			for _, c := range g.Calls {
				if c.Learners() || c.test() {
					at = c
					break
				}
			}
		}
		what += maphash.Comparable(seed, struct {
			id    int64
			state string
			at    Call
		}{g.ID, g.State, at})
	}
	return who, what
}
