package main

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	nubdb "github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
)

const (
	overwrites = 3_000_000 // commands while compaction runs
	exits      = 20
)

// latencyKeys is how many keys are loaded: NUBDB_BENCH_KEYS, or ten million.
func latencyKeys() int {
	if n, err := strconv.Atoi(os.Getenv("NUBDB_BENCH_KEYS")); err == nil {
		return n
	}
	return manyKeys
}

// latency measures how long single commands take in process, each a transaction of its
// own, while a database grows from nothing and while it is compacted; and how long it
// takes from the last command to the end of the process while compaction runs.
func latency(b *bench) error {
	db, err := engine.Open(b.path("latency.db"), engine.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	n := latencyKeys()
	s := newClient(db, n)
	if err := s.measure(b, fmt.Sprintf("loading %d keys", n), n, func(i int) int { return i }); err != nil {
		return err
	}
	random := func(int) int { return s.r.IntN(n) }
	for range n * 3 / 2 { // the log is so long then that there is compaction all the time
		if err := s.set(random(0)); err != nil {
			return err
		}
	}
	if err := s.measure(b, "overwriting them while compaction runs", overwrites, random); err != nil {
		return err
	}
	stats, err := db.Stats()
	if err != nil {
		return err
	}
	b.print("latency   %d segments were compacted; the log is %.2f times the live bytes", stats.Compactions,
		float64(stats.LogBytes)/float64(stats.LiveBytes))
	if err := db.Compact(false); err != nil {
		return err
	}
	if err := s.measure(b, "overwriting them while all is compacted", overwrites/3, random); err != nil {
		return err
	}
	s.close()
	if err := db.Close(); err != nil {
		return err
	}
	return leaving(b)
}

// client runs commands as a front end does.
type client struct {
	r        *rand.Rand
	keys     int
	instance *nubdb.Instance
	session  *nubdb.Session
}

func newClient(db *engine.DB, keys int) *client {
	c := &client{r: rand.New(rand.NewPCG(1, 2)), keys: keys, instance: nubdb.NewInstance(db, nubdb.Settings{})}
	c.session = c.instance.NewSession(nubdb.Options{})
	return c
}

func (c *client) close() {
	c.session.Close()
	c.instance.Close()
}

// set sets key i to a value of 16 bytes.
func (c *client) set(i int) error {
	reply := c.session.Do([][]byte{[]byte("SET"), fmt.Appendf(nil, "key:%012d", i), fmt.Appendf(nil, "value-%010d", c.r.IntN(1e9))})
	if reply.IsError() {
		return fmt.Errorf("SET answers %s", reply.Str)
	}
	return nil
}

// measure runs n commands and prints how long they took.
func (c *client) measure(b *bench, what string, n int, key func(i int) int) error {
	var h histogram
	begin := time.Now()
	for i := range n {
		k := key(i)
		start := time.Now()
		if err := c.set(k); err != nil {
			return err
		}
		h.add(time.Since(start))
	}
	b.print("latency   %s: %v; %.2f M/s (goal: p99.99 at most 5ms)", what, &h, float64(n)/time.Since(begin).Seconds()/1e6)
	return nil
}

// histogram counts durations, in steps of 1/16 of a power of two.
type histogram struct {
	counts [64 * 16]int
	n      int
	max    time.Duration
}

func (h *histogram) add(d time.Duration) {
	h.counts[step(d)]++
	h.n++
	h.max = max(h.max, d)
}

// step is the number of the step that a duration belongs to.
func step(d time.Duration) int {
	n := uint64(max(d, 16))
	shift := bits.Len64(n) - 5
	return shift*16 + int(n>>shift)
}

// quantile is a duration that this share of all is not longer than, up to 6 % too high.
func (h *histogram) quantile(q float64) time.Duration {
	rest := int(q * float64(h.n))
	for d := time.Duration(16); ; {
		i := step(d)
		if rest -= h.counts[i]; rest < 0 {
			return min(d, h.max)
		}
		for d < 1<<62 && step(d) == i {
			d += max(1, d/64)
		}
	}
}

func (h *histogram) String() string {
	return fmt.Sprintf("p50 %v, p99 %v, p99.9 %v, p99.99 %v, max %v", h.quantile(.5), h.quantile(.99), h.quantile(.999),
		h.quantile(.9999), h.max)
}

// leaving measures the end of a process, from its last command on, with a compaction in
// full swing, beside one that has none and as much to sync.
func leaving(b *bench) error {
	var busy, idle times
	for i := range exits {
		for _, compacts := range []bool{false, true} {
			d, err := leave(b.path(fmt.Sprintf("leave%d.db", i)), compacts)
			if err != nil {
				return err
			}
			if compacts {
				busy = append(busy, d)
			} else {
				idle = append(idle, d)
			}
		}
	}
	b.print("latency   Sync and Close: %v", idle)
	b.print("latency   Sync and Close while all is compacted: %v (goal: at most one fdatasync and 2ms)", busy)
	return nil
}

// leave makes a database, the first time, and measures how long it takes to leave it.
func leave(path string, compacts bool) (time.Duration, error) {
	db, err := engine.Open(path, engine.Options{})
	if err != nil {
		return 0, err
	}
	defer db.Close()
	c := newClient(db, 0)
	defer c.close()
	for i := range 300_000 {
		if err := c.set(i); err != nil {
			return 0, err
		}
	}
	if err := db.Sync(); err != nil {
		return 0, err
	}
	if compacts {
		if err := db.Compact(false); err != nil {
			return 0, err
		}
	}
	for i := range 1000 { // some milliseconds, in which it gets going
		if err := c.set(i * 7); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	if err := db.Sync(); err != nil {
		return 0, err
	}
	err = db.Close()
	return time.Since(start), err
}
