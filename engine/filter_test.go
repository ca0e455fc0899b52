package engine

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// TestFilter: a filter knows all that was added, and little else; when it would know too much
// it gives up.
func TestFilter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	f, added := newFilter(), 0
	known := func(f *filter) int {
		hashes := make([]uint64, 1000)
		for i := range hashes {
			hashes[i] = r.Uint64()
		}
		some, _ := f.among(slices.Clone(hashes))
		if wrong := slices.DeleteFunc(hashes, f.lacks); !slices.Equal(some, wrong) {
			t.Errorf("of 1000 hashes it has %d, and lacks all but %d", len(some), len(wrong))
		}
		return len(some)
	}
	if n := known(f); n != 0 {
		t.Errorf("an empty filter knows %d of 1000", n)
	}
	for ; f.bits != nil; added++ {
		hash := r.Uint64()
		f.add(hash)
		f.add(hash) // counts once
		if f.lacks(hash) {
			t.Fatalf("it lacks the %d. key", added)
		}
		f.gain = filterGain
		if added == filterFull/2 { // an eighth of the bits are set
			if n := known(f); n > 180 {
				t.Errorf("half full, it knows %d of 1000", n)
			}
		}
	}
	if added < filterFull || added > filterFull*5/4 {
		t.Errorf("full with %d keys, want a bit more than %d", added, filterFull)
	}
	f.add(1) // is no harm
	if known(nil) != 1000 || known(f) != 1000 {
		t.Error("without bits it does not know everything")
	}
}

// TestFilterGivesUp: a filter goes where most keys are known.
func TestFilterGivesUp(t *testing.T) {
	f := newFilter()
	f.add(1 << 63)
	for i := range uint64(6 * filterGain) { // every third is known
		f.lacks(i % 3 >> 1 << 63)
	}
	if f.bits == nil {
		t.Error("it has given up where most keys are new")
	}
	for i := range uint64(4 * filterGain) { // two of three
		f.lacks((i%3 + 1) >> 1 << 63)
	}
	if f.bits != nil {
		t.Error("it has not given up where most keys are known")
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
	if db.known.bits == nil {
		t.Error("the filter has given up")
	}
}
