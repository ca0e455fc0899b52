package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// paged are keys of one page of the index, enough to split it, and then some of others.
var paged = sync.OnceValue(func() (keys []string) {
	db := DB{man: testManifest}
	db.prepare()
	for i := 0; len(keys) < 400; i++ {
		if k := fmt.Sprintf("paged:%d", i); db.hash([]byte(k))>>(64-minDepth) == 5 {
			keys = append(keys, k)
		}
	}
	for i := range 80 {
		keys = append(keys, fmt.Sprintf("other:%d", i))
	}
	return keys
})

// fullDisk is a database whose index lags behind the log when there is no more space.
type fullDisk struct {
	*testing.T
	fs   *vfs.Crash
	opt  Options
	db   *DB
	want map[string]Item
}

func (f *fullDisk) open() {
	f.Helper()
	f.db = mustOpen(f, "db", f.opt)
}

// put writes the first n keys, the last one first. One is in a file.
func (f *fullDisk) put(n int) {
	f.Helper()
	update(f, f.db, func(tx *Tx) {
		for i := n - 1; i >= 0; i-- {
			key, it := paged()[i], text(fmt.Sprintf("v%d, record %#x", i, f.db.log.end))
			if i == 3 {
				it.Value = append(it.Value, make([]byte, 5000)...)
			}
			must(f, tx.Put([]byte(key), it))
			f.want[key] = it
		}
	})
}

func (f *fullDisk) delete(tx *Tx, i int) {
	f.Helper()
	key := paged()[i]
	if ok, err := tx.Delete([]byte(key)); !ok || err != nil {
		f.Fatalf("Delete(%s): %v, %v", key, ok, err)
	}
	delete(f.want, key)
}

func (f *fullDisk) check(where string) {
	f.Helper()
	if got := content(f, f.db); !sameItems(got, f.want) {
		f.Fatalf("%s:%s", where, difference(got, f.want))
	}
}

// TestRecoverFullDisk: the process or the machine died when the index lagged behind the
// log, and now there is no space for the index to grow. Keys can be read and deleted all
// the same, by one process after the other, and when there is space again everything is
// as it should be.
func TestRecoverFullDisk(t *testing.T) {
	for seed := range uint64(count(15, 3000)) {
		f := &fullDisk{T: t, fs: vfs.NewCrash(seed, vfs.CrashOptions{}), want: map[string]Item{}}
		newTestDatabase(t, f.fs, "db")
		f.opt = Options{FS: f.fs, Inline: true, Clock: func() int64 { return 1 }, tuning: crowded}
		f.open()
		all := len(paged())
		f.put(300)
		must(t, f.db.Sync())
		must(t, f.db.syncIndex(func() bool { return false })) // what a power cut falls back to
		f.put(all)
		switch seed % 3 {
		case 0: // a Sync whose process dies before it comes to the index
			b, err := f.db.beginSync()
			must(t, err)
			must(t, f.db.syncFiles(b))
			f.fs = f.fs.Killed()
		case 1: // all of it is in the index, but not yet on stable storage
			must(t, f.db.Sync())
			f.fs = f.fs.PowerLost(0.5)
		case 2: // and some keys have been gone for a while, so that they may be there twice
			must(t, f.db.Sync())
			update(t, f.db, func(tx *Tx) {
				for i := range all / 2 {
					f.delete(tx, i)
				}
			})
			must(t, f.db.Sync())
			f.put(all / 2)
			must(t, f.db.Sync())
			f.fs = f.fs.PowerLost(0.5)
		}
		f.survive()
	}
}

func (f *fullDisk) survive() {
	full := vfs.NewFault(f.fs, vfs.Rule{Ops: vfs.OpAllocate, Name: indexName, Forever: true, Err: syscall.ENOSPC})
	f.opt.FS = full
	for i := range 3 {
		f.open()
		f.check("full disk")
		tx, err := f.db.Begin(true)
		must(f, err)
		if err := tx.Put([]byte("new"), text("")); f.db.layers[0].recovered && !errors.Is(err, ErrFull) {
			f.Fatalf("Put: %v, want %v", err, ErrFull)
		}
		tx.Rollback()
		update(f, f.db, func(tx *Tx) { f.delete(tx, i) })
		for range 10 {
			must(f, f.db.Sync())
		}
		if n := len(f.db.layers); n > 4 {
			f.Errorf("%d layers", n)
		}
		f.check("full disk, after a deletion")
		if i == 2 {
			full.SetRules()
			must(f, f.db.Sync())
			f.check("with space again")
			verify(f, f.db)
		}
		must(f, f.db.Close())
	}

	f.open()
	f.check("next process")
	verify(f, f.db)
	names, err := full.ReadDir("db")
	must(f, err)
	if n := strings.Count(strings.Join(names, " "), valueNameSuffix); n != 1 {
		f.Errorf("%d value files, want 1: %v", n, names)
	}
	must(f, f.db.Close())
}

// TestRecoverDamagedHeader: the index is lost, and the header of the last segment damaged.
// The frames in there tell all the same that they were on stable storage. However often
// somebody tries to open the database, nothing is cut off.
func TestRecoverDamagedHeader(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	o := Options{FS: fs, Inline: true, tuning: crowded}
	db := mustOpen(t, "db", o)
	for i := range 100 {
		update(t, db, func(tx *Tx) { must(t, tx.Put(fmt.Appendf(nil, "k%d", i), text(strings.Repeat("v", 1500)))) })
		must(t, db.Sync())
	}
	last := db.log.cur.num
	must(t, db.Close())
	if last < 3 {
		t.Fatalf("only %d segments", last)
	}
	must(t, fs.Remove("db/"+indexName))
	fs.FlipBit("db/"+segmentName(last), 33*8)
	before := files(fs)
	for range 3 {
		if db, err := Open("db", o); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("Open: %v, %v; want %v", db, err, ErrCorrupt)
		}
	}
	for name, content := range files(fs) {
		if name != "/db/"+lockName && name != "/db/"+indexName && content != before[name] {
			t.Errorf("%s has changed", name)
		}
	}
}
