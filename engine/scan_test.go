package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// scannedDB makes it easy to have keys in the index, in layers, or in both.
type scannedDB struct {
	*testing.T
	db   *DB
	rand *rand.Rand
	now  int64
	keys map[string]bool // that are there
}

func newScanned(t *testing.T, seed uint64) *scannedDB {
	s := &scannedDB{T: t, rand: rand.New(rand.NewPCG(seed, 11)), now: 1000, keys: map[string]bool{}}
	s.db = mustOpen(t, "db", Options{FS: vfs.NewMem(), Inline: true, Clock: func() int64 { return s.now }, tuning: crowded})
	return s
}

func (s *scannedDB) put(tx *Tx, format string, n int) {
	s.Helper()
	key := fmt.Sprintf(format, n)
	must(s, tx.Put([]byte(key), text("v")))
	s.keys[key] = true
}

func (s *scannedDB) delete(tx *Tx, key string) {
	s.Helper()
	if ok, err := tx.Delete([]byte(key)); !ok || err != nil {
		s.Fatalf("Delete(%s): %v, %v", key, ok, err)
	}
	delete(s.keys, key)
}

// fill puts n keys.
func (s *scannedDB) fill(format string, n int) {
	s.Helper()
	update(s, s.db, func(tx *Tx) {
		for i := range n {
			s.put(tx, format, i)
		}
	})
}

// scan makes one call.
func (s *scannedDB) scan(cursor uint64, count int) (next uint64, keys []string) {
	s.Helper()
	view(s, s.db, func(tx *Tx) {
		seen := map[string]bool{}
		var err error
		next, err = tx.Scan(cursor, count, func(k []byte, it Item) bool {
			if seen[string(k)] {
				s.Fatalf("%q twice in a call", k)
			}
			if !s.keys[string(k)] {
				s.Fatalf("%q is not there", k)
			}
			seen[string(k)] = true
			keys = append(keys, string(k))
			return true
		})
		must(s, err)
	})
	return next, keys
}

// all makes calls until the end, with something else in between.
func (s *scannedDB) all(count int, between func()) (seen map[string]int, calls int) {
	s.Helper()
	seen = map[string]int{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		var keys []string
		cursor, keys = s.scan(cursor, count)
		for _, k := range keys {
			seen[k]++
		}
		calls++
		between()
	}
	return seen, calls
}

// check scans a database at rest: every key exactly once.
func (s *scannedDB) check(where string) {
	s.Helper()
	for _, count := range []int{1, 100, math.MaxInt} {
		seen, _ := s.all(count, func() {})
		if len(seen) != len(s.keys) {
			s.Errorf("%s: %d of %d keys", where, len(seen), len(s.keys))
		}
		for k, n := range seen {
			if n != 1 {
				s.Errorf("%s: %s %d times", where, k, n)
			}
		}
	}
}

// TestScan looks at keys wherever they may be: nowhere, in a layer, in the index, under a
// CLEAR that is not yet durable, and all of it at once.
func TestScan(t *testing.T) {
	s := newScanned(t, 1)
	s.check("absent")
	s.fill("a%d", 3000)
	s.check("in a layer")
	must(t, s.db.Sync())
	s.check("in the index")
	s.fill("b%d", 500)
	s.fill("a%d", 500)
	s.check("in both")
	b, err := s.db.beginSync()
	must(t, err)
	update(t, s.db, func(tx *Tx) {
		for i := range 300 {
			s.delete(tx, fmt.Sprintf("a%d", i))
			s.delete(tx, fmt.Sprintf("b%d", i))
		}
	})
	s.check("deleted while a Sync is under way")
	b2, err := s.db.beginSync()
	must(t, err)
	s.fill("a%d", 200)
	s.fill("c%d", 200)
	s.check("and put again, in a third layer")
	must(t, s.db.syncFiles(b))
	must(t, s.db.syncFiles(b2))
	s.db.ripen(b2)
	must(t, s.db.feedAll())
	s.check("two layers less")
	update(t, s.db, func(tx *Tx) { must(t, tx.Clear()) })
	clear(s.keys)
	s.check("cleared")
	s.fill("d%d", 2000)
	s.check("under a CLEAR")
	must(t, s.db.Sync())
	s.check("CLEAR is durable")
}

// TestScanExpired: keys whose time has passed are not visited, and are again when the
// clock is set back.
func TestScanExpired(t *testing.T) {
	s := newScanned(t, 1)
	for range 2 {
		update(t, s.db, func(tx *Tx) {
			for i := range 200 {
				must(t, tx.Put(fmt.Appendf(nil, "k%d", i), Item{Type: TypeString, ExpireAt: int64(1000 + i)}))
			}
		})
		for _, s.now = range []int64{1099, 1500, 900} {
			clear(s.keys)
			for i := range 200 {
				if int64(1000+i) > s.now {
					s.keys[fmt.Sprintf("k%d", i)] = true
				}
			}
			s.check(fmt.Sprintf("at %d", s.now))
		}
		must(t, s.db.Sync())
	}
}

// TestScanSteps: a call visits about as many keys as it was asked for, not all, wherever
// they are.
func TestScanSteps(t *testing.T) {
	for _, where := range []string{"index", "layer", "layer under a CLEAR"} {
		s := newScanned(t, 1)
		if where == "layer under a CLEAR" {
			s.fill("old%d", 1)
			must(t, s.db.Sync())
			update(t, s.db, func(tx *Tx) { must(t, tx.Clear()) })
			clear(s.keys)
		}
		s.fill("k%d", 40_000)
		if where == "index" {
			must(t, s.db.Sync())
		}
		next, keys := s.scan(0, 10)
		if next == 0 || len(keys) < 10 || len(keys) > 10+2*slotsPerPage {
			t.Errorf("%s: asked for 10 keys: %d, and the place %#x", where, len(keys), next)
		}
	}
}

// TestScanStops: fn ends the call.
func TestScanStops(t *testing.T) {
	for _, synced := range []bool{false, true} {
		s := newScanned(t, 1)
		s.fill("k%d", 1000)
		if synced {
			must(t, s.db.Sync())
		}
		view(t, s.db, func(tx *Tx) {
			n := 0
			if _, err := tx.Scan(0, 100, func([]byte, Item) bool { n++; return n < 7 }); n != 7 || err != nil {
				t.Errorf("synced %v: %d keys visited, %v; want 7", synced, n, err)
			}
		})
	}
}

// TestScanGuarantee changes the database between the calls of a scan in every way there
// is. Keys that are there all the time are visited.
func TestScanGuarantee(t *testing.T) {
	for seed := range uint64(count(8, 300)) {
		s := newScanned(t, seed)
		s.fill("stays%d", 1500)
		if seed%2 == 0 {
			must(t, s.db.Sync())
		}
		s.fill("goes%d", 500)
		round, cleared := 0, false
		seen, calls := s.all(1+s.rand.IntN(50), func() {
			round++
			switch s.rand.IntN(9) {
			case 0, 1, 2: // enough to split pages and double the directory
				update(t, s.db, func(tx *Tx) {
					for range 200 * (1 + int(seed%4)) {
						s.put(tx, "new%d", s.rand.IntN(1_000_000))
					}
				})
			case 3:
				must(t, s.db.Sync())
			case 4:
				must(t, s.db.syncIndex(func() bool { return false }))
			case 5: // what there is gets new records
				update(t, s.db, func(tx *Tx) {
					for i := range 200 {
						s.put(tx, "stays%d", i)
					}
				})
			case 6:
				update(t, s.db, func(tx *Tx) {
					for k := range s.keys {
						if k[0] != 's' && s.rand.IntN(2) == 0 {
							s.delete(tx, k)
						}
					}
				})
			case 7: // everything goes, and what stays is there again before anybody looks
				if s.rand.IntN(4) == 0 {
					update(t, s.db, func(tx *Tx) {
						must(t, tx.Clear())
						clear(s.keys)
						for i := range 1500 {
							s.put(tx, "stays%d", i)
						}
					})
					cleared = true
				}
			case 8:
				b, err := s.db.beginSync() // whose layer waits for the next Sync
				must(t, err)
				if b != nil {
					must(t, s.db.syncFiles(b))
				}
			}
		})
		for i := range 1500 {
			if seen[fmt.Sprintf("stays%d", i)] == 0 {
				t.Fatalf("seed %d, %d calls, cleared %v: stays%d was not visited", seed, calls, cleared, i)
			}
		}
		if calls < 10 {
			t.Errorf("seed %d: only %d calls", seed, calls)
		}
	}
}

// TestScanAnyCursor: any number is a place to go on from.
func TestScanAnyCursor(t *testing.T) {
	s := newScanned(t, 1)
	s.fill("k%d", 2000)
	must(t, s.db.Sync())
	s.fill("l%d", 500)
	for _, cursor := range []uint64{1, 1 << 63, math.MaxUint64, s.rand.Uint64(), s.rand.Uint64()} {
		for again := cursor; ; {
			next, _ := s.scan(again, 300)
			if next == 0 {
				break
			}
			if next <= again {
				t.Fatalf("from %#x on to %#x", again, next)
			}
			again = next
		}
	}
}

// TestRandom: each key is about as likely as any other, wherever it is. With so many
// draws no share lies outside of these limits by chance.
func TestRandom(t *testing.T) {
	for _, tt := range []struct {
		name           string
		synced, again  int // keys in the index, and of those replaced in a layer
		expired, layer int
		cleared        bool
		fewest, most   float64 // shares of the average
	}{
		{name: "one", synced: 1, fewest: 1, most: 1},
		{name: "three", synced: 2, layer: 1, fewest: 0.75, most: 1.25},
		{name: "few in the index", synced: 20, fewest: 0.3, most: 2},
		{name: "few in a layer", layer: 20, fewest: 0.3, most: 2},
		{name: "few, replaced", synced: 20, again: 10, fewest: 0.3, most: 2},
		{name: "few, and more that have expired", synced: 20, expired: 100, fewest: 0.15, most: 3},
		{name: "many in the index", synced: 120, fewest: 0.15, most: 3},
		{name: "many in a layer", layer: 120, fewest: 0.15, most: 3},
		{name: "many in both", synced: 60, layer: 60, fewest: 0.15, most: 3},
		{name: "many under a CLEAR", layer: 120, cleared: true, fewest: 0.15, most: 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScanned(t, 1)
			s.fill("s%d", tt.synced)
			update(t, s.db, func(tx *Tx) {
				for i := range tt.expired {
					must(t, tx.Put(fmt.Appendf(nil, "e%d", i), Item{Type: TypeString, ExpireAt: s.now}))
				}
			})
			must(t, s.db.Sync())
			if tt.cleared {
				s.fill("gone%d", 100)
				must(t, s.db.Sync())
				update(t, s.db, func(tx *Tx) { must(t, tx.Clear()) })
				clear(s.keys)
			}
			s.fill("s%d", tt.again)
			s.fill("l%d", tt.layer)
			draws := max(50, 2000/len(s.keys)) // a key
			drawn := map[string]int{}
			view(t, s.db, func(tx *Tx) {
				for range draws * len(s.keys) {
					k, ok, err := tx.Random()
					if !ok || err != nil || !s.keys[string(k)] {
						t.Fatalf("drew %q, %v, %v", k, ok, err)
					}
					drawn[string(k)]++
				}
			})
			for k := range s.keys {
				if share := float64(drawn[k]) / float64(draws); share < tt.fewest || share > tt.most {
					t.Errorf("%s is drawn %.2f times as often as on average", k, share)
				}
			}
		})
	}
}

// TestRandomNone: no key, no random key.
func TestRandomNone(t *testing.T) {
	s := newScanned(t, 1)
	none := func(where string) {
		t.Helper()
		view(t, s.db, func(tx *Tx) {
			if k, ok, err := tx.Random(); ok || err != nil {
				t.Errorf("%s: drew %q, %v", where, k, err)
			}
		})
	}
	none("absent")
	update(t, s.db, func(tx *Tx) {
		for i := range 2000 {
			must(t, tx.Put(fmt.Appendf(nil, "e%d", i), Item{Type: TypeString, ExpireAt: s.now}))
		}
	})
	none("all expired")
	must(t, s.db.Sync())
	none("all expired, in the index")
	update(t, s.db, func(tx *Tx) { must(t, tx.Clear()) })
	none("cleared")
}
