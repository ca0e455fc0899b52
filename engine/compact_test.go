package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nubdb/nubdb/engine/vfs"
)

// compacting makes compaction happen after some kilobytes, by itself.
var compacting = tuning{segmentBits: minSegmentBits, syncEvery: 8 << 10, indexSyncEvery: 64 << 10, maxPending: 1 << 40,
	summaryEvery: 4 << 10, flushSize: 1 << 10, slack: 16 << 10, piece: 4 << 10}

// logFiles are the segments of a database, and how many bytes they have.
func logFiles(t testing.TB, fs vfs.FS, dir string) (n int, size int64) {
	t.Helper()
	names, err := fs.ReadDir(dir)
	must(t, err)
	for _, name := range names {
		if !strings.HasSuffix(name, ".log") {
			continue
		}
		f, err := fs.OpenFile(join(dir, name), 0)
		must(t, err)
		s, err := f.Size()
		must(t, err)
		f.Close()
		n, size = n+1, size+s
	}
	return n, size
}

// TestCompactInterleaved writes, deletes, lets expire, clears and compacts in any order.
// What is there is right, after index and log were read anew as well, and the index has
// as many slots as the log counts keys.
func TestCompactInterleaved(t *testing.T) {
	eachSeed(t, 4, 20, func(t *testing.T, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 12))
		m := newModel()
		fs := vfs.NewMem()
		o := Options{FS: fs, Inline: true, Clock: func() int64 { return m.now }, tuning: crowded}
		db := mustOpen(t, testDir, o)
		for n := range count(100, 500) {
			ops := randomOps(r, crowdedKeys(), 1+r.IntN(60), m.now)
			must(t, (&step{ops: ops}).transact(db, new(progress)))
			m.apply(ops)
			switch r.IntN(5) {
			case 0:
				must(t, db.Sync())
			case 1:
				must(t, (&step{all: r.IntN(2) == 0}).syncIndex(db))
			}
			must(t, (&step{all: n%4 == 0}).compact(db))
			m.now += int64(r.IntN(1000))
			if n%10 > 0 {
				continue
			}
			m.check(t, db)
			verify(t, db)
			must(t, db.Close())
			if n%20 == 0 {
				must(t, fs.Remove(join(testDir, indexName)))
			}
			db = mustOpen(t, testDir, o)
			m.check(t, db)
			verify(t, db)
		}
		must(t, db.Compact(true))
		if n, _ := logFiles(t, fs, testDir); n > 2 {
			t.Errorf("%d segments are left", n)
		}
		m.check(t, db)
		must(t, db.Close())
	})
}

// TestCompactShortRuns lets processes that live for a moment overwrite the same keys: the
// log stays short, though none of them does more than a little about it.
func TestCompactShortRuns(t *testing.T) {
	// The clock of synctest stands still: nobody runs out of time on a slow machine.
	t.Run("synced", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { shortRuns(t, 500, 80, (*DB).Sync, 2<<minSegmentBits) })
	})
	t.Run("one SET each", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { shortRuns(t, 5000, 1, (*DB).Sync, 2<<minSegmentBits) })
	})
	// These cannot note how far they have come, so some of them do more.
	t.Run("not synced", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { shortRuns(t, 500, 80, (*DB).Flush, 2<<minSegmentBits+4*compacting.slack) })
	})
}

// shortRuns are so many processes that set up to so many keys each.
func shortRuns(t *testing.T, runs, sets int, end func(db *DB) error, most int64) {
	fs := vfs.NewMem()
	o := Options{FS: fs, tuning: compacting}
	o.syncEvery = 1 << 20 // so that none has a goroutine for it
	r := rand.New(rand.NewPCG(1, 13))
	for range count(runs, 20*runs) {
		db := mustOpen(t, testDir, o)
		update(t, db, func(tx *Tx) {
			for range 1 + r.IntN(sets) {
				must(t, tx.Put(fmt.Appendf(nil, "key:%04d", r.IntN(1000)), text(strings.Repeat("v", r.IntN(100)))))
			}
		})
		must(t, end(db))
		live := db.c.bytes
		must(t, db.Close())
		if _, size := logFiles(t, fs, testDir); size > live*5/2+most {
			t.Fatalf("the log has %d bytes, %d are alive", size, live)
		}
	}
	db := mustOpen(t, testDir, o)
	verify(t, db)
	must(t, db.Close())
}

// TestCompactInBackground does the same with one process that goes on and on.
func TestCompactInBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		db := mustOpen(t, testDir, Options{FS: fs, tuning: compacting})
		r := rand.New(rand.NewPCG(1, 14))
		for range count(2000, 100_000) {
			update(t, db, func(tx *Tx) {
				for range 1 + r.IntN(50) {
					must(t, tx.Put(fmt.Appendf(nil, "key:%04d", r.IntN(1000)), text(strings.Repeat("v", r.IntN(100)))))
				}
			})
			synctest.Wait() // for the goroutine to have done what it can
			_, size := logFiles(t, fs, testDir)
			if most := db.c.bytes*5/2 + 2<<minSegmentBits; size > most {
				t.Fatalf("the log has %d bytes, want at most %d", size, most)
			}
		}
		verify(t, db)
		if s, _ := db.Stats(); s.Compactions == 0 {
			t.Error("nothing was removed")
		}
		must(t, db.Close())
	})
}

// TestCompactClear clears a large database in a short process: the next few give back what
// was in the log, of which they read nothing.
func TestCompactClear(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	o := Options{FS: fs, tuning: crowded}
	db := mustOpen(t, testDir, o)
	update(t, db, func(tx *Tx) {
		for i := range 1000 {
			must(t, tx.Put(fmt.Appendf(nil, "k:%d", i), text(strings.Repeat("v", 2000))))
		}
	})
	must(t, db.Sync())
	must(t, db.Close())
	fs.FlipBit(join(testDir, segmentName(5)), 8*segmentHeader+1000) // nobody will notice
	for n := range 100 {
		db := mustOpen(t, testDir, o)
		update(t, db, func(tx *Tx) {
			if n == 0 {
				must(t, tx.Clear())
			}
			must(t, tx.Put([]byte("k"), text("v")))
		})
		must(t, db.Sync())
		must(t, db.Close())
	}
	if n, _ := logFiles(t, fs, testDir); n != 1 {
		t.Errorf("%d segments are left", n)
	}
	db = mustOpen(t, testDir, o)
	if items := content(t, db); len(items) != 1 {
		t.Errorf("%d keys", len(items))
	}
	verify(t, db)
	must(t, db.Close())
}

// TestCompactMoves compacts everything that there can be: nothing is lost, and nothing
// comes back.
func TestCompactMoves(t *testing.T) {
	fs, now := vfs.NewMem(), int64(1000)
	o := Options{FS: fs, Inline: true, Clock: func() int64 { return now }, tuning: crowded}
	db := mustOpen(t, testDir, o)
	long := text(strings.Repeat("long", 5000))
	update(t, db, func(tx *Tx) {
		for i := range 1000 {
			must(t, tx.Put(fmt.Appendf(nil, "old:%d", i), text("before")))
		}
		must(t, tx.Clear())
		for i := range 1000 {
			must(t, tx.Put(fmt.Appendf(nil, "k:%d", i), Item{Type: TypeString, Value: []byte("v"), ExpireAt: int64(i % 3 * 2000)}))
		}
		must(t, tx.Put([]byte("long"), long))
		must(t, tx.Put([]byte("gone"), long))
		for i := range 100 {
			_, err := tx.Delete(fmt.Appendf(nil, "k:%d", i))
			must(t, err)
		}
	})
	now = 3000
	for round := range 3 {
		update(t, db, func(tx *Tx) {
			_, err := tx.Expire([]byte("gone"), 3000+int64(round))
			must(t, err)
		})
		must(t, db.Compact(true))
		checkMoved(t, db, long)
		must(t, db.Close())
		if round == 1 {
			must(t, fs.Remove(join(testDir, indexName)))
		}
		db = mustOpen(t, testDir, o)
		checkMoved(t, db, long)
	}
	names, err := fs.ReadDir(testDir)
	must(t, err)
	if n := strings.Count(strings.Join(names, " "), valueNameSuffix); n != 1 {
		t.Errorf("%d value files, want 1: %q", n, names)
	}
	must(t, db.Close())
}

func checkMoved(t *testing.T, db *DB, long Item) {
	t.Helper()
	items := content(t, db)
	if len(items) != 601 || !sameItem(items["long"], long) { // of the 1000 every third had expired
		t.Fatalf("%d keys, a long value of %d bytes", len(items), len(items["long"].Value))
	}
	for i := 100; i < 1000; i++ {
		at := int64(i % 3 * 2000)
		if it, ok := items[fmt.Sprintf("k:%d", i)]; ok == expired(at, 3000) || ok && it.ExpireAt != at {
			t.Fatalf("k:%d is %v, %v", i, it, ok)
		}
	}
	verify(t, db)
}

// TestCompactVersion moves records that are watched: they don't look changed, unless
// they were.
func TestCompactVersion(t *testing.T) {
	db := mustOpen(t, testDir, Options{FS: vfs.NewMem(), Inline: true, tuning: crowded})
	defer db.Close()
	set := func(tx *Tx) {
		must(t, tx.Put([]byte("changed"), text("v")))
		must(t, tx.Put([]byte("garbage"), text(strings.Repeat("v", 2000))))
	}
	version := func(key string) (v uint64) {
		tx, err := db.Begin(false)
		must(t, err)
		defer tx.Commit()
		v, err = tx.Version([]byte(key))
		must(t, err)
		return v
	}
	update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("same"), text("v"))) })
	update(t, db, set)
	same, was := version("same"), version("changed")
	for range 3 {
		update(t, db, set)
		at := db.log.end
		must(t, db.Compact(true))
		if db.log.start(db.man.head) < at {
			t.Fatal("nothing was moved")
		}
		if v := version("same"); v != same {
			t.Errorf("version %#x, was %#x", v, same)
		}
		if v := version("changed"); v == was {
			t.Error("a key that was set has its old version")
		}
		if n := len(db.versions.of); n > 2 {
			t.Errorf("%d versions are kept", n)
		}
		was = version("changed")
	}
}

// TestCompactSummaries counts keys that expire, at more times than a summary takes, while
// the summaries are merged and others write.
func TestCompactSummaries(t *testing.T) {
	fs, m := vfs.NewMem(), newModel()
	o := Options{FS: fs, Inline: true, Clock: func() int64 { return m.now }, tuning: crowded}
	db := mustOpen(t, testDir, o)
	r := rand.New(rand.NewPCG(1, 15))
	write := func(n int) {
		t.Helper()
		update(t, db, func(tx *Tx) {
			for range n {
				k := fmt.Sprintf("key:%d", r.IntN(20_000))
				it := Item{Type: TypeString, Value: []byte("v"), ExpireAt: m.now + 1 + r.Int64N(1_000_000)}
				must(t, tx.Put([]byte(k), it))
				m.items[k] = it
			}
		})
	}
	check := func() {
		t.Helper()
		tx, err := db.Begin(false)
		must(t, err)
		defer tx.Commit()
		defer func(now int64) { tx.now, m.now = now, now }(m.now)
		for range 5 {
			m.now += r.Int64N(300_000)
			tx.now = m.now
			m.checkSize(t, tx)
		}
	}
	for range 40 {
		write(1000)
	}
	merges := 0
	for turn := range 3 {
		check()
		goal, err := db.aim()
		must(t, err)
		for done := false; !done; {
			_, _, err = db.compactSome(db.opt.piece)
			must(t, err)
			if db.compaction.merge != nil {
				merges++
				write(1 + r.IntN(20))
				check()
			}
			done = db.compaction.at >= goal
		}
		must(t, db.Compact(true))
		check()
		m.now += 250_000
		must(t, db.Close())
		if turn == 1 {
			must(t, fs.Remove(join(testDir, indexName)))
		}
		db = mustOpen(t, testDir, o)
		check()
	}
	verify(t, db)
	must(t, db.Close())
	if merges < 3 {
		t.Errorf("%d times in the middle of a merge", merges)
	}
}

// TestCompactScan compacts between the calls of a scan: what is there throughout is found.
func TestCompactScan(t *testing.T) {
	db := mustOpen(t, testDir, Options{FS: vfs.NewMem(), Inline: true, tuning: crowded})
	defer db.Close()
	const n = 5000
	update(t, db, func(tx *Tx) {
		for i := range n {
			must(t, tx.Put(fmt.Appendf(nil, "k:%d", i), text("v")))
		}
	})
	seen := map[string]bool{}
	for cursor, calls := uint64(0), 0; cursor != 0 || calls == 0; calls++ {
		tx, err := db.Begin(false)
		must(t, err)
		cursor, err = tx.Scan(cursor, 10, func(k []byte, _ Item) bool { seen[string(k)] = true; return true })
		must(t, err)
		must(t, tx.Commit())
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("other"), text(strings.Repeat("v", 3000)))) })
		must(t, (&step{all: calls%3 == 0}).compact(db))
	}
	delete(seen, "other")
	if len(seen) != n {
		t.Errorf("%d of %d keys", len(seen), n)
	}
}

// TestCompactErrors: a log whose beginning is damaged is not compacted, and goes on
// being read and written.
func TestCompactErrors(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	o := Options{FS: fs, Inline: true, tuning: crowded}
	db := mustOpen(t, testDir, o)
	for i := range 100 {
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text(strings.Repeat("v", 1500)))) })
		if i == 0 {
			must(t, db.Flush())
		}
	}
	must(t, db.Sync())
	fs.FlipBit(join(testDir, segmentName(1)), 8*(segmentHeader+100))
	for range 2 {
		if err := db.Compact(true); !errors.Is(err, ErrCorrupt) {
			t.Errorf("Compact: %v, want %v", err, ErrCorrupt)
		}
	}
	update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k2"), text("v"))) })
	must(t, db.Sync())
	if items := content(t, db); len(items) != 2 || !bytes.HasPrefix(items["k"].Value, []byte("vvv")) {
		t.Errorf("%d keys", len(items))
	}
	must(t, db.Close())
	if err := db.Compact(true); !errors.Is(err, ErrClosed) {
		t.Errorf("Compact of a closed database: %v", err)
	}
	o.ReadOnly = true
	db = mustOpen(t, testDir, o)
	if err := db.Compact(true); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Compact of what is only read: %v", err)
	}
	must(t, db.Close())
}

// TestCompactRemovesAll: that old segments are being removed does not make those forgotten that
// somebody else leaves behind meanwhile.
func TestCompactRemovesAll(t *testing.T) {
	fs := vfs.NewMem()
	o := Options{FS: fs, Inline: true, tuning: compacting}
	o.slack = 1 << 40 // so that nothing is compacted but what is asked for
	db := mustOpen(t, testDir, o)
	never := func() bool { return false }
	leaveOld := func() { // but does not remove them
		for range 40 {
			update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text(strings.Repeat("v", 2000)))) })
		}
		goal, err := db.aim()
		must(t, err)
		for done := false; !done; {
			done, err = db.compactUntil(goal)
			must(t, err)
			must(t, db.Sync())
		}
		must(t, db.syncIndexFiles(never))
	}
	leaveOld()
	removed := 0
	must(t, db.removeOld(func() bool {
		if removed++; removed == 1 {
			leaveOld()
		}
		return false
	}))
	must(t, db.removeOld(never))
	if n, _ := logFiles(t, fs, testDir); removed == 0 || n != 1 {
		t.Errorf("%d segments are left", n)
	}
	must(t, db.Close())
}

// TestCompactAbandoned closes the database while it is compacted in the background.
func TestCompactAbandoned(t *testing.T) {
	fs := vfs.NewMem()
	o := Options{FS: fs, tuning: compacting}
	want := map[string]Item{}
	for round := range 5 {
		db := mustOpen(t, testDir, o)
		update(t, db, func(tx *Tx) {
			for i := range 2000 {
				k, it := fmt.Sprintf("k:%d", i%1500), text(fmt.Sprintf("%d of round %d", i, round))
				must(t, tx.Put([]byte(k), it))
				want[k] = it
			}
		})
		must(t, db.Compact(false))
		must(t, db.Close())
		db = mustOpen(t, testDir, o)
		if got := content(t, db); !sameItems(got, want) {
			t.Fatal(difference(got, want))
		}
		verify(t, db)
		must(t, db.Close())
	}
}

// TestCompactLagging: when the log is much longer than it should be, the goroutine in the
// background helps those who write.
func TestCompactLagging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		db := mustOpen(t, testDir, Options{FS: fs, Inline: true, tuning: crowded}) // never compacts
		overwrite := func(times int) {
			for range times {
				update(t, db, func(tx *Tx) {
					for i := range 100 {
						must(t, tx.Put(fmt.Appendf(nil, "key:%04d", i), text(strings.Repeat("v", 100))))
					}
				})
			}
		}
		overwrite(200)
		must(t, db.Sync())
		must(t, db.Close())
		db = mustOpen(t, testDir, Options{FS: fs, tuning: compacting})
		before := db.compaction.at
		overwrite(int(compacting.syncEvery)/10_000 + 1)
		paid := payFactor * (db.log.end - db.openedAt)
		synctest.Wait()
		if moved := db.compaction.at - before; moved <= paid {
			t.Errorf("compaction has gone through %d bytes, no more than those who wrote have paid", moved)
		}
		if excess, most := db.excess(), db.inLog()/8+compacting.slack/2; excess > most {
			t.Errorf("%d bytes more than there should be, want at most %d", excess, most)
		}
		verify(t, db)
		must(t, db.Close())
	})
}
