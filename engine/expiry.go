package engine

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
	"sync"
)

// The number of live keys is the number of keys less those whose time has passed,
// and nobody removes a key at the moment that it expires. So the database counts, for
// every expiry time, how many keys have it: each record with an expiry adds one at
// its time, and one that replaces such a record says so (flagWas) and takes one away.
//
// The counts of the last few MiB of log are in memory. When there are more, they are
// appended to the log as a summary record: its value is the address of the summary
// before (0: none), then the times in ascending order, each with the sum of the counts
// up to it. How many keys have expired by now is one binary search per summary, and
// opening a database reads nothing of this until somebody asks. When no key has an
// expiry there are no summaries, and the first key that has one begins anew.
//
//	 0       8       16      24      32
//	+-------+-------+-------+-------+-------+---
//	| prev  | time  | sum   | time  | sum   | ...
//	| u64   | i64 ms| i64   | i64   | i64   |
//	+-------+-------+-------+-------+-------+---

// summaryMax is the most times that one summary takes, so that it stays a record of
// ordinary size.
func (g geometry) summaryMax() int { return g.maxInline()/16 - 1 }

// expiryCount says that n keys more (or less) expire at a time.
type expiryCount struct {
	at int64 // Unix time in ms
	n  int64
}

// expiries holds the counts that are in no summary yet.
type expiries struct {
	// added are counts in order of the log, so that undoing is cutting off the end;
	// sorted are those of finished transactions, one for each time.
	added  []expiryCount
	sorted []expiryCount

	mu        sync.Mutex // guards loading, which readers do
	loaded    bool       // the counts from before the database was opened are in sorted and summaries
	newest    uint64     // newest summary when the database was opened
	opened    uint64     // end of the log then
	summaries []uint64   // addresses
}

func (x *expiries) add(at, n int64) { x.added = append(x.added, expiryCount{at, n}) }

// settle merges what was added into what is sorted; between transactions only.
func (x *expiries) settle() {
	x.sorted = sumCounts(x.sorted, x.added)
	x.added = x.added[:0]
}

// settleDue tells whether so much was added that asking would be slow.
func (x *expiries) settleDue() bool { return len(x.added) > 256+len(x.sorted)/8 }

// sumCounts returns the counts of both lists, sorted, one for each time.
func sumCounts(a, b []expiryCount) []expiryCount {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(a, b expiryCount) int { return cmp.Compare(a.at, b.at) })
	out := all[:0]
	for _, c := range all {
		last := len(out) - 1
		if last < 0 || out[last].at != c.at {
			out = append(out, c)
			continue
		}
		if out[last].n += c.n; out[last].n == 0 {
			out = out[:last]
		}
	}
	return out
}

// expired counts the keys of the index whose time has come by now.
func (db *DB) expired(now int64) (n int64, err error) {
	if db.c.expiring == 0 {
		return 0, nil
	}
	if err := db.loadExpiries(); err != nil {
		return 0, err
	}
	for _, c := range db.exp.added {
		if c.at <= now {
			n += c.n
		}
	}
	for _, c := range db.exp.sorted {
		if c.at > now {
			break
		}
		n += c.n
	}
	for _, addr := range db.exp.summaries {
		var r record
		err := db.log.load(addr, &r)
		if err != nil {
			return 0, err
		}
		n += summarySum(r.value, now)
	}
	return n, nil
}

// summarySum is the sum of a summary's counts up to a time.
func summarySum(value []byte, now int64) int64 {
	le := binary.LittleEndian
	times := value[8:]
	i := sort.Search(len(times)/16, func(i int) bool { return int64(le.Uint64(times[i*16:])) > now })
	if i == 0 {
		return 0
	}
	return int64(le.Uint64(times[i*16-8:]))
}

// loadExpiries reads, once, what the log says of the time before the database was
// opened: the chain of summaries, and the counts behind the newest.
func (db *DB) loadExpiries() error {
	x := db.exp
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.loaded {
		return nil
	}
	var chain []uint64
	for addr := x.newest; addr != 0; {
		var r record
		err := db.log.load(addr, &r)
		if err != nil {
			return err
		}
		if r.kind != kindSummary || len(r.value) < 8 {
			return db.log.damaged(addr, errBadRecord)
		}
		chain = append(chain, addr)
		prev := binary.LittleEndian.Uint64(r.value)
		if prev >= addr {
			return db.log.damaged(addr, errBadRecord)
		}
		addr = prev
	}
	counts, err := db.countsBetween(x.newest, x.opened)
	if err != nil {
		return err
	}
	x.sorted = sumCounts(x.sorted, counts)
	x.summaries = append(x.summaries, chain...)
	x.loaded = true
	return nil
}

// countsBetween collects the counts of the records between two addresses, all of them
// committed; at most Options.summaryEvery bytes and one frame.
func (db *DB) countsBetween(from, to uint64) ([]expiryCount, error) {
	var counts []expiryCount
	var addrs []uint64
	err := db.log.walk(from, to, func(addr uint64, r *record) error {
		if r.kind == kindAbort {
			void := binary.LittleEndian.Uint64(r.value)
			for n := len(addrs); n > 0 && addrs[n-1] >= void; n-- {
				counts, addrs = counts[:n-1], addrs[:n-1]
			}
			return nil
		}
		if r.flags&flagExpire != 0 {
			counts, addrs = append(counts, expiryCount{r.expire, 1}), append(addrs, addr)
		}
		if r.flags&flagWas != 0 {
			counts, addrs = append(counts, expiryCount{r.was, -1}), append(addrs, addr)
		}
		return nil
	})
	return counts, err
}

// summarize appends what is in no summary yet to the frame under way, when that is due.
// After an error nothing has changed but for records that nobody asks for.
func (db *DB) summarize() error {
	if db.c.expiring == 0 {
		if db.c.summary != 0 || len(db.exp.added) > 0 {
			db.exp = &expiries{loaded: true}
			db.c.summary = 0
		}
		return nil
	}
	if db.c.summary != 0 && db.log.end-db.c.summary < db.opt.summaryEvery {
		return nil
	}
	if err := db.loadExpiries(); err != nil {
		return err
	}
	summaries, err := db.usefulSummaries()
	if err != nil {
		return err
	}
	if summaries, err = db.writeSummaries(summaries, sumCounts(db.exp.sorted, db.exp.added)); err != nil {
		return err
	}
	db.setSummaries(summaries)
	return nil
}

// setSummaries makes these the summaries that count; they say all there is to say.
func (db *DB) setSummaries(summaries []uint64) {
	x := db.exp
	x.summaries, x.sorted, x.added = summaries, nil, x.added[:0]
	db.c.summary = summaries[0]
}

// writeSummaries appends summaries with these counts, at least one, and returns them in
// front of others; newest first.
func (db *DB) writeSummaries(others []uint64, counts []expiryCount) ([]uint64, error) {
	for first := true; first || len(counts) > 0; first = false {
		n := min(len(counts), db.log.summaryMax())
		addr, err := db.appendSummary(others, counts[:n])
		if err != nil {
			return nil, err
		}
		others = slices.Insert(others, 0, addr)
		counts = counts[n:]
	}
	return others, nil
}

// usefulSummaries returns the summaries without the newest if that is empty: it only said
// where to go on counting.
func (db *DB) usefulSummaries() ([]uint64, error) {
	summaries := slices.Clone(db.exp.summaries)
	if len(summaries) == 0 {
		return nil, nil
	}
	var r record
	err := db.log.load(summaries[0], &r)
	if err == nil && len(r.value) == 8 {
		summaries = summaries[1:]
	}
	return summaries, err
}

// appendSummary appends a summary that goes before others, newest first.
func (db *DB) appendSummary(others []uint64, counts []expiryCount) (addr uint64, err error) {
	var prev, sum uint64
	if len(others) > 0 {
		prev = others[0]
	}
	value := binary.LittleEndian.AppendUint64(nil, prev)
	for _, c := range counts {
		sum += uint64(c.n)
		value = binary.LittleEndian.AppendUint64(value, uint64(c.at))
		value = binary.LittleEndian.AppendUint64(value, sum)
	}
	r := record{kind: kindSummary, value: value}
	if err := db.makeRoom(recordSize(&r), reserve); err != nil {
		return 0, err
	}
	return db.log.append(&r), nil
}
