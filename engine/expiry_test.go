package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// summed makes summaries frequent: one in 2 KiB of log, and no more than 255 times in each.
var summed = tuning{segmentBits: minSegmentBits, syncEvery: 8 << 10, indexSyncEvery: 64 << 10, maxPending: 300, summaryEvery: 2 << 10, flushSize: 1 << 10, slack: 1 << 40, piece: 4 << 10}

// expiryKeeper is a database and, for each of its keys, when it ought to expire.
type expiryKeeper struct {
	t    *testing.T
	opt  Options
	db   *DB
	keys map[string]int64
	now  int64
}

func newExpiryKeeper(t *testing.T) *expiryKeeper {
	k := &expiryKeeper{t: t, keys: map[string]int64{}, now: 1_700_000_000_000}
	k.opt = Options{FS: vfs.NewMem(), Inline: true, Clock: func() int64 { return k.now }, tuning: summed}
	k.db = mustOpen(t, "db", k.opt)
	return k
}

func (k *expiryKeeper) reopen() {
	k.t.Helper()
	must(k.t, k.db.Close())
	k.db = mustOpen(k.t, "db", k.opt)
}

// live counts the keys that have not expired, one by one.
func (k *expiryKeeper) live() (n int64) {
	for _, at := range k.keys {
		if !expired(at, k.now) {
			n++
		}
	}
	return n
}

// check asks for the number of keys now, long ago, at the end of time, and in between.
func (k *expiryKeeper) check(r *rand.Rand) {
	k.t.Helper()
	defer func(saved int64) { k.now = saved }(k.now)
	for _, now := range []int64{k.now, 0, 1<<63 - 1, k.now + r.Int64N(5000) - 1000, k.now + r.Int64N(5000) - 1000} {
		k.now = now
		view(k.t, k.db, func(tx *Tx) {
			if n, err := tx.Len(); err != nil || n != k.live() {
				k.t.Fatalf("at %d: %d keys, %v; want %d", now, n, err, k.live())
			}
		})
	}
}

// change does something random to a key.
func (k *expiryKeeper) change(tx *Tx, r *rand.Rand, keys map[string]int64) {
	key := fmt.Sprintf("k%d", r.IntN(400))
	at := k.now + r.Int64N(3000) - 300
	if r.IntN(3) == 0 {
		at = 0
	}
	was, there := keys[key]
	alive := there && !expired(was, k.now)
	switch n := r.IntN(100); {
	case n < 60:
		must(k.t, tx.Put([]byte(key), Item{Type: TypeString, ExpireAt: at}))
		keys[key] = at
	case n < 80:
		ok, err := tx.Expire([]byte(key), at)
		must(k.t, err)
		if ok {
			keys[key] = at
		}
	case n < 99 || r.IntN(5) > 0:
		ok, err := tx.Delete([]byte(key))
		must(k.t, err)
		if ok != alive {
			k.t.Fatalf("Delete(%s): %v, but it expires at %d and it is %d", key, ok, was, k.now)
		}
		if ok {
			delete(keys, key)
		}
	default:
		must(k.t, tx.Clear())
		clear(keys)
	}
}

// TestLen compares the number of keys with a count, over changes, transactions and
// savepoints taken back, CLEARs, reopens, and a clock that goes forwards and backwards.
func TestLen(t *testing.T) {
	k, longest := newExpiryKeeper(t), 0
	r := rand.New(rand.NewPCG(1, 1))
	for round := range count(2000, 50_000) {
		tx, err := k.db.Begin(true)
		must(t, err)
		keys := cloneTimes(k.keys)
		for range r.IntN(20) {
			k.change(tx, r, keys)
		}
		if r.IntN(5) == 0 {
			sp, before := savepoint(tx), cloneTimes(keys)
			for range r.IntN(10) {
				k.change(tx, r, keys)
			}
			tx.RollbackTo(sp)
			keys = before
		}
		if r.IntN(10) == 0 {
			tx.Rollback()
		} else {
			must(t, tx.Commit())
			k.keys = keys
		}
		k.now += r.Int64N(200) - 80
		switch r.IntN(20) {
		case 0:
			k.reopen()
		case 1:
			must(t, k.db.Sync())
		}
		if round%3 == 0 {
			k.check(r)
		}
		longest = max(longest, len(k.db.exp.summaries))
		for i, c := range k.db.exp.sorted {
			if c.n == 0 || i > 0 && c.at <= k.db.exp.sorted[i-1].at {
				t.Fatalf("counts in memory: %v", k.db.exp.sorted)
			}
		}
	}
	if longest < 20 {
		t.Errorf("the longest chain had %d summaries", longest)
	}
	verify(t, k.db)
	must(t, k.db.Close())
}

func cloneTimes(m map[string]int64) map[string]int64 {
	c := make(map[string]int64, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

// TestLenInTransaction: a transaction counts what it has written, and no longer what it
// has taken back.
func TestLenInTransaction(t *testing.T) {
	k := newExpiryKeeper(t)
	n := func(tx *Tx, want int64) {
		t.Helper()
		if got, err := tx.Len(); err != nil || got != want {
			t.Errorf("%d keys, %v; want %d", got, err, want)
		}
	}
	update(t, k.db, func(tx *Tx) {
		must(t, tx.Put([]byte("a"), Item{Type: TypeString, ExpireAt: k.now + 1}))
		must(t, tx.Put([]byte("gone"), Item{Type: TypeString, ExpireAt: k.now}))
		must(t, tx.Put([]byte("b"), text("")))
		n(tx, 2)
		sp := savepoint(tx)
		must(t, tx.Clear())
		n(tx, 0)
		must(t, tx.Put([]byte("c"), Item{Type: TypeString, ExpireAt: k.now + 1}))
		n(tx, 1)
		tx.RollbackTo(sp)
		n(tx, 2)
		must(t, tx.Put([]byte("gone"), text("back"))) // an expired key is replaced
		n(tx, 3)
	})
	k.now++
	view(t, k.db, func(tx *Tx) { n(tx, 2) })
}

// summariesInLog counts the summaries of the whole log.
func summariesInLog(t *testing.T, db *DB) (n int) {
	t.Helper()
	must(t, db.log.walk(db.log.start(db.man.head), db.committed, func(_ uint64, r *record) error {
		if r.kind == kindSummary {
			n++
		}
		return nil
	}))
	return n
}

// TestNoSummaries: who uses no expiry pays nothing for it, and when the last key that
// has one is gone the chain ends.
func TestNoSummaries(t *testing.T) {
	k := newExpiryKeeper(t)
	plain := func() {
		t.Helper()
		for i := range 300 {
			update(t, k.db, func(tx *Tx) { must(t, tx.Put(fmt.Appendf(nil, "p%d", i), text("some value"))) })
		}
	}
	plain()
	if n := summariesInLog(t, k.db); n != 0 {
		t.Fatalf("%d summaries without any expiry", n)
	}
	for i, end := range []struct {
		name string
		do   func(tx *Tx) error
	}{
		{"deleted", func(tx *Tx) error { _, err := tx.Delete([]byte("e")); return err }},
		{"replaced", func(tx *Tx) error { return tx.Put([]byte("e"), text("")) }},
		{"made to stay", func(tx *Tx) error { _, err := tx.Expire([]byte("e"), 0); return err }},
		{"cleared", (*Tx).Clear},
	} {
		update(t, k.db, func(tx *Tx) { must(t, tx.Put([]byte("e"), Item{Type: TypeString, ExpireAt: k.now + 1000})) })
		if k.db.c.summary == 0 || len(k.db.exp.summaries) != 1 {
			t.Errorf("a first key with an expiry, and %d summaries", len(k.db.exp.summaries))
		}
		update(t, k.db, func(tx *Tx) { must(t, end.do(tx)) })
		before := summariesInLog(t, k.db)
		plain()
		if n := summariesInLog(t, k.db); n != before || k.db.c.summary != 0 {
			t.Errorf("last key with an expiry %s: %d summaries since", end.name, n-before)
		}
		if i%2 == 1 {
			k.reopen()
		}
	}
}

// TestEmptySummaries: as long as there is one key with an expiry a summary is due every
// so often, to say where to go on counting; but empty ones do not pile up.
func TestEmptySummaries(t *testing.T) {
	k := newExpiryKeeper(t)
	update(t, k.db, func(tx *Tx) { must(t, tx.Put([]byte("e"), Item{Type: TypeString, ExpireAt: k.now + 1000})) })
	k.keys["e"] = k.now + 1000
	k.keys["p"] = 0
	for range 2000 {
		update(t, k.db, func(tx *Tx) { must(t, tx.Put([]byte("p"), text("some value"))) })
	}
	if written, kept := summariesInLog(t, k.db), len(k.db.exp.summaries); written < 50 || kept > 2 {
		t.Errorf("%d summaries written, %d of them in the chain; want 50 and 2", written, kept)
	}
	k.reopen()
	k.check(rand.New(rand.NewPCG(1, 1)))
	if kept := len(k.db.exp.summaries); kept > 2 {
		t.Errorf("%d summaries in the chain on disk", kept)
	}
}

// TestManyTimes: more times than go into one summary make several, in one frame.
func TestManyTimes(t *testing.T) {
	k := newExpiryKeeper(t)
	most := geometry{minSegmentBits}.summaryMax()
	update(t, k.db, func(tx *Tx) {
		for i := range 3*most + 1 {
			key := fmt.Sprintf("k%d", i)
			k.keys[key] = k.now + int64(i*7%(3*most+1))
			must(t, tx.Put([]byte(key), Item{Type: TypeString, ExpireAt: k.keys[key]}))
		}
	})
	if n := len(k.db.exp.summaries); n != 4 {
		t.Errorf("%d times in %d summaries, want 4", 3*most+1, n)
	}
	r := rand.New(rand.NewPCG(1, 1))
	k.check(r)
	k.reopen()
	k.check(r)
	for range 10 {
		k.now += int64(most) / 2
		k.check(r)
	}
}

// TestSummariesAreLazy: opening reads no summary; a damaged one is found by who asks for
// the number of keys, and by nobody else.
func TestSummariesAreLazy(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	o := Options{FS: fs, Inline: true, Clock: func() int64 { return 1 }, tuning: summed}
	db := mustOpen(t, "db", o)
	update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("e"), Item{Type: TypeString, ExpireAt: 5})) })
	must(t, db.Sync())
	addr := db.c.summary
	must(t, db.Close())
	fs.FlipBit(join("db", segmentName(db.log.number(addr))), (db.log.offset(addr)+20)*8)

	db = mustOpen(t, "db", o)
	view(t, db, func(tx *Tx) {
		if it, ok, err := item(tx, []byte("e")); !ok || err != nil || it.ExpireAt != 5 {
			t.Errorf("Get: %v, %v, %v", it, ok, err)
		}
		if n, err := tx.Len(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Len: %d, %v; want %v", n, err, ErrCorrupt)
		}
	})
	must(t, db.Close())
}

// TestLenLoadedOnce: readers that ask at the same time for what was not loaded yet.
func TestLenLoadedOnce(t *testing.T) {
	k := newExpiryKeeper(t)
	for i := range 500 {
		key := fmt.Sprintf("k%d", i)
		k.keys[key] = k.now + int64(i)
		update(t, k.db, func(tx *Tx) { must(t, tx.Put([]byte(key), Item{Type: TypeString, ExpireAt: k.keys[key]})) })
	}
	k.reopen()
	k.now += 200
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			tx, err := k.db.Begin(false)
			if err != nil {
				t.Error(err)
				return
			}
			defer tx.Commit()
			if n, err := tx.Len(); err != nil || n != 299 {
				t.Errorf("%d keys, %v; want 299", n, err)
			}
		})
	}
	wg.Wait()
}

// TestSummaryFullDisk: when there is no room for a summary, keys can still be deleted, a
// transaction with the first keys that expire fails as a whole, and the number of keys
// stays right, also for the next process.
func TestSummaryFullDisk(t *testing.T) {
	for _, before := range []int{0, 1} {
		fault := vfs.NewFault(vfs.NewMem())
		k := newExpiryKeeper(t)
		k.opt.FS = fault
		k.db = mustOpen(t, "db", k.opt)
		update(t, k.db, func(tx *Tx) {
			for i := range before {
				key := fmt.Sprintf("e%d", i)
				k.keys[key] = k.now + 500
				must(t, tx.Put([]byte(key), Item{Type: TypeString, ExpireAt: k.keys[key]}))
			}
			must(t, tx.Put([]byte("plain"), text("")))
			k.keys["plain"] = 0
		})
		must(t, k.db.Sync())
		fault.SetQuota(0)
		tx, err := k.db.Begin(true)
		must(t, err)
		keys := cloneTimes(k.keys)
		for i := 0; err == nil; i++ { // until there is hardly any space
			key := fmt.Sprintf("k%d", i)
			keys[key] = k.now + int64(i)
			err = tx.Put([]byte(key), Item{Type: TypeString, ExpireAt: keys[key]})
			if err != nil {
				delete(keys, key)
			}
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("Put: %v, want %v", err, ErrFull)
		}
		err = tx.Commit()
		switch {
		case err == nil:
			k.keys = keys
		case !errors.Is(err, ErrFull) || before > 0:
			t.Fatalf("%d keys expire: Commit: %v", before, err)
		}
		t.Logf("%d keys expire before, %d after; Commit: %v", before, len(k.keys)-1, err)
		r := rand.New(rand.NewPCG(1, 1))
		k.check(r)
		k.reopen()
		k.check(r)
		delete(k.keys, "plain") // whose turn to be deleted comes first
		for i := range 100 {
			update(t, k.db, func(tx *Tx) {
				key := []string{"plain", fmt.Sprintf("k%d", len(k.keys)-2)}[min(i, 1)]
				if _, err := tx.Delete([]byte(key)); err != nil {
					t.Fatalf("deletion %d on a full disk: %v", i, err)
				}
				delete(k.keys, key)
			})
		}
		k.check(r)
		must(t, k.db.Close())
	}
}
