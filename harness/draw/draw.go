// Package draw gives a challenge's tests their data: names, keys, values and
// limits that differ from round to round, so that a second round is not the
// first one remembered. They come from a seed, which stands in every failure
// and brings the same data back.
//
//	func TestSet(t *testing.T) {
//		bubble.Run(t, 2, func(b *bubble.B) {
//			d := draw.From(b.R)
//			key, value := d.Word(), d.Text(d.Between(1, 60))
//			…
//		})
//	}
package draw

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/example/netkata/harness/internal/trace"
	"github.com/example/netkata/harness/rule"
)

// Env is the environment variable that holds the seed, a number. Without it the
// seed is 1. Two of them with a dash between are for those who try a test with
// many: -count runs it with one after the other.
const Env = trace.SeedEnv

// Data is a test's source of data. The zero value is not usable: see From.
type Data struct {
	*rand.Rand
	words map[string]bool // drawn so far
}

// From returns the data of r's test. It depends on the seed and on the test's
// name, not on what other tests drew, so that a test draws the same when it runs
// alone. From now on every failure of r says the seed.
func From(r *rule.R) *Data {
	r.T().Helper()
	seed, err := seed(os.Getenv(Env), r.T().Name())
	if err != nil {
		r.Fatalf("%v", err)
	}
	r.Note(fmt.Sprintf("Names, values and limits are drawn; to draw the same: %s=%d", Env, seed))
	h := fnv.New64a()
	h.Write([]byte(r.T().Name()))
	return &Data{rand.New(rand.NewPCG(seed, h.Sum64())), map[string]bool{}}
}

// runs counts how often each test came here, by its name.
var runs = struct {
	sync.Mutex
	of map[string]uint64
}{of: map[string]uint64{}}

// seed returns the one that env names, or of a range the one for this run of
// the test.
func seed(env, test string) (uint64, error) {
	if env == "" {
		return 1, nil
	}
	from, to, isRange := strings.Cut(env, "-")
	first, err := strconv.ParseUint(from, 10, 64)
	if err == nil && !isRange {
		return first, nil
	}
	last, err2 := strconv.ParseUint(to, 10, 64)
	if err != nil || err2 != nil || last < first {
		return 0, fmt.Errorf("%s=%s: want a number from 0 to %d", Env, env, uint64(1<<64-1))
	}
	runs.Lock()
	defer runs.Unlock()
	n := runs.of[test]
	runs.of[test]++
	return first + n%(last-first+1), nil
}

// Between returns a number from lo to hi, both included.
func (d *Data) Between(lo, hi int) int { return lo + d.IntN(hi-lo+1) }

// Word returns four to eight letters a to z that can be spoken, and never the
// same word twice.
func (d *Data) Word() string {
	for {
		var w strings.Builder
		for range d.Between(2, 4) {
			w.WriteByte("bdfghjklmnprstvz"[d.IntN(16)])
			w.WriteByte("aeiou"[d.IntN(5)])
		}
		if !d.words[w.String()] {
			d.words[w.String()] = true
			return w.String()
		}
	}
}

// Words returns n words, each different from all others of d.
func (d *Data) Words(n int) []string {
	words := make([]string, n)
	for i := range words {
		words[i] = d.Word()
	}
	return words
}

// Text returns n printable bytes of ASCII. Some of them are spaces, of which
// neither the first nor the last is one.
func (d *Data) Text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.Between('!', '~'))
		if i > 0 && i < n-1 && d.IntN(6) == 0 {
			b[i] = ' '
		}
	}
	return string(b)
}
