package engine

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// putKeys writes keys numbered from..to in one transaction.
func putKeys(t testing.TB, db *DB, from, to int) {
	t.Helper()
	update(t, db, func(tx *Tx) {
		for i := from; i < to; i++ {
			must(t, tx.Put([]byte("key:"+strconv.Itoa(i)), text("value")))
		}
	})
}

// TestCommitsFeed: what is durable goes into the index with the next commits, in
// proportion to what they add.
func TestCommitsFeed(t *testing.T) {
	const keys, perCommit = 5000, 100
	db := mustOpen(t, "db", Options{FS: vfs.NewMem(), Inline: true, tuning: crowded})
	putKeys(t, db, 0, keys)
	must(t, db.sync())
	commits := 0
	for ; db.ripe != nil && commits < keys; commits++ {
		putKeys(t, db, keys+commits*perCommit, keys+(commits+1)*perCommit)
	}
	// A step may move up to touchAhead more.
	most := keys/(feedFactor*perCommit+feedLeast) + 1
	least := keys / (feedFactor*perCommit + feedLeast + touchAhead)
	if commits < least || commits > most {
		t.Errorf("%d commits have moved %d keys, want %d to %d", commits, keys, least, most)
	}
	if len(db.layers) != 1 {
		t.Errorf("%d layers are left", len(db.layers))
	}
	verify(t, db)
	must(t, db.Close())
}

// TestSyncerFeeds: when nobody writes any more the syncer moves what is durable into the index.
func TestSyncerFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small := defaultTuning
		small.syncEvery = 16 << 10
		db := mustOpen(t, "db", Options{FS: vfs.NewMem(), tuning: small})
		putKeys(t, db, 0, 1000)
		state := func() (durable, ripe, fed bool) {
			db.mu.RLock()
			defer db.mu.RUnlock()
			return db.synced == db.committed, db.ripe != nil, db.idx.h.mark.addr == db.committed
		}
		synctest.Wait()
		if durable, ripe, _ := state(); !durable || !ripe {
			t.Fatal("no sync in the background")
		}
		time.Sleep(feedPatience)
		synctest.Wait()
		if _, ripe, fed := state(); ripe || !fed {
			t.Error("the index is behind")
		}
		must(t, db.Close())
	})
}

// TestCloseFeeds: the next process has nothing to redo.
func TestCloseFeeds(t *testing.T) {
	db := mustOpen(t, "db", Options{FS: vfs.NewMem(), Inline: true, tuning: crowded})
	putKeys(t, db, 0, 1000)
	must(t, db.sync())
	must(t, db.Close())
	if db.ripe != nil {
		t.Error("the index is behind")
	}
}
