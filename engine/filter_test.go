package engine

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// TestFilter: a filter knows all that was added, and little else; when it would know too much
// it gives up.
func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	f, added := newFilter(), make([]uint64, 0, 2*filterFull)
	wrong := func() (n int) {
		for range 1000 {
			if f.knows(r.Uint64()) {
				n++
			}
		}
		return n
	}
	if n := wrong(); n != 0 {
		t.Errorf("an empty filter knows %d of 1000", n)
	}
	for f.bits != nil {
		hash := r.Uint64()
		f.add(hash)
		f.add(hash) // counts once
		added = append(added, hash)
		if len(added) == filterFull/2 {
			if n := wrong(); n > 180 { // an eighth of the bits are set
				t.Errorf("half full, it knows %d of 1000", n)
			}
		}
	}
	if len(added) < filterFull || len(added) > filterFull*5/4 {
		t.Errorf("full with %d keys, want a bit more than %d", len(added), filterFull)
	}
	f.add(1) // is no harm
	for _, f := range []*filter{nil, f} {
		if !f.knows(added[0]) || wrong() != 1000 {
			t.Error("without bits it does not know everything")
		}
	}
}

// TestFilterKnows: in a database that was just made every key is written once, and found when
// it is written again: after it was taken back or cleared, in a layer, in the index, or moved
// by compaction.
func TestFilterKnows(t *testing.T) {
	now := int64(0)
	db := openTest(t, vfs.NewMem(), testDir, &now)
	defer db.Close()
	key := func(i uint64) []byte { return binary.LittleEndian.AppendUint64(nil, i) }
	const n = 2000
	for round := range 3 {
		for i := range uint64(n) {
			tx, err := db.Begin(true)
			must(t, err)
			must(t, tx.Put(key(i), text("v")))
			if i%3 == 0 {
				tx.Rollback()
				continue
			}
			must(t, tx.Commit())
			if i%100 == 50 {
				must(t, db.Sync())
			}
		}
		if round == 1 {
			must(t, db.Compact(true))
		}
		view(t, db, func(tx *Tx) {
			for i := range uint64(n + 100) {
				ok, err := tx.Exists(key(i))
				if want := i%3 != 0 && i < n; ok != want || err != nil {
					t.Fatalf("round %d: key %d is there: %v, %v; want %v", round, i, ok, err, want)
				}
			}
			if got, err := tx.Len(); got != n-(n+2)/3 || err != nil {
				t.Fatalf("round %d: %d keys, %v; want %d", round, got, err, n-(n+2)/3)
			}
		})
		verify(t, db)
		if round == 0 {
			update(t, db, func(tx *Tx) { must(t, tx.Clear()) })
		}
	}
	if db.known == nil || db.known.bits == nil {
		t.Error("there is no filter")
	}
}
