package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// count is how often a test runs its loop: `full` in `make torture`, `short` otherwise.
func count(short, full int) int {
	if os.Getenv("NUBDB_TORTURE") != "" {
		return full
	}
	return short
}

// small makes everything happen often: segments of 64 KiB, a sync every few hundred
// operations, an index sync every few syncs.
var small = tuning{segmentBits: minSegmentBits, syncEvery: 8 << 10, indexSyncEvery: 64 << 10, maxPending: 300, summaryEvery: 16 << 10, flushSize: 4 << 10, slack: 32 << 10, piece: 8 << 10}

// model is what a database should be: a map.
type model struct {
	items map[string]Item
	now   int64
	clock *atomic.Int64 // now, for the database, which looks in the background too
}

func newModel() *model {
	m := &model{items: map[string]Item{}, clock: new(atomic.Int64)}
	m.advance(1_700_000_000_000)
	return m
}

// advance moves the clock, back if ms is negative.
func (m *model) advance(ms int64) {
	m.now += ms
	m.clock.Store(m.now)
}

func (m *model) clone() *model {
	c := &model{items: make(map[string]Item, len(m.items)), now: m.now, clock: m.clock}
	for k, v := range m.items {
		c.items[k] = v
	}
	return c
}

func (m *model) live(k string) (Item, bool) {
	it, ok := m.items[k]
	return it, ok && !expired(it.ExpireAt, m.now)
}

func (m *model) size() (n int64) {
	for k := range m.items {
		if _, ok := m.live(k); ok {
			n++
		}
	}
	return n
}

// op is one random operation on both.
func (m *model) op(t testing.TB, tx *Tx, r *rand.Rand, keys int) {
	t.Helper()
	k := "key:" + strconv.Itoa(r.IntN(keys))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", k, err)
		}
	}
	switch n := r.IntN(100); {
	case n < 55:
		it := Item{Value: value(r), Type: TypeString}
		if r.IntN(4) == 0 {
			it.ExpireAt = m.now + int64(r.IntN(2000)) - 200
		}
		must(tx.Put([]byte(k), it))
		m.items[k] = it
	case n < 70:
		_, want := m.live(k)
		ok, err := tx.Delete([]byte(k))
		must(err)
		if ok != want {
			t.Fatalf("Delete(%s) = %v, want %v", k, ok, want)
		}
		if ok {
			delete(m.items, k)
		}
	case n < 80:
		at := m.now + int64(r.IntN(3000))
		it, want := m.live(k)
		ok, err := tx.Expire([]byte(k), at)
		must(err)
		if ok != want {
			t.Fatalf("Expire(%s) = %v, want %v", k, ok, want)
		}
		if ok {
			it.ExpireAt = at
			m.items[k] = it
		}
	case n < 81 && r.IntN(50) == 0:
		must(tx.Clear())
		clear(m.items)
	case n < 83:
		m.checkSize(t, tx)
	default:
		m.checkKey(t, tx, k)
	}
}

func value(r *rand.Rand) []byte {
	n := r.IntN(64)
	switch r.IntN(500) {
	case 0:
		n = r.IntN(4000)
	case 1:
		n = 4000 + r.IntN(200_000) // in a file of its own
	}
	return bytes.Repeat([]byte{byte('a' + r.IntN(26))}, n)
}

func (m *model) checkKey(t testing.TB, tx *Tx, k string) {
	t.Helper()
	want, alive := m.live(k)
	it, ok, err := item(tx, []byte(k))
	if err != nil || ok != alive || ok && (!bytes.Equal(it.Value, want.Value) || it.ExpireAt != want.ExpireAt) {
		t.Fatalf("Get(%s) = %.20q %d, %v, %v; want %.20q %d, %v", k, it.Value, it.ExpireAt, ok, err, want.Value, want.ExpireAt, alive)
	}
}

func (m *model) checkSize(t testing.TB, tx *Tx) {
	t.Helper()
	n, err := tx.Len()
	if err != nil || n != m.size() {
		t.Fatalf("Len = %d, %v; want %d", n, err, m.size())
	}
}

// check compares everything, by look-up and by a scan.
func (m *model) check(t testing.TB, db *DB) {
	t.Helper()
	tx, err := db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Commit()
	m.checkSize(t, tx)
	for k := range m.items {
		m.checkKey(t, tx, k)
	}
	seen := map[string]bool{}
	for cursor, first := uint64(0), true; cursor != 0 || first; first = false {
		cursor, err = scanItems(tx, cursor, 100, func(k []byte, it Item) bool {
			want, alive := m.live(string(k))
			if !alive || !bytes.Equal(it.Value, want.Value) || seen[string(k)] {
				t.Fatalf("Scan: %q = %.20q, seen before %v; want %.20q, %v", k, it.Value, seen[string(k)], want.Value, alive)
			}
			seen[string(k)] = true
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if int64(len(seen)) != m.size() {
		t.Fatalf("Scan found %d of %d keys", len(seen), m.size())
	}
}

func verify(t testing.TB, db *DB) {
	t.Helper()
	faults, err := db.Verify(func(s string) { t.Error("verify:", s) })
	if err != nil || faults > 0 {
		t.Fatalf("Verify: %d faults, %v", faults, err)
	}
}

// TestModel runs random transactions, savepoints, rollbacks, syncs, reopens and jumps of
// the clock against a map.
func TestModel(t *testing.T) {
	for _, place := range []string{"memory", "disk"} {
		for seed := range uint64(count(4, 100)) {
			t.Run(fmt.Sprintf("%s/%d", place, seed), func(t *testing.T) {
				m := newModel()
				dir, fs := t.TempDir()+"/db", vfs.FS(vfs.OS)
				if place == "memory" {
					fs = vfs.NewMem()
					dir = "db"
				}
				o := Options{FS: fs, Inline: seed%2 == 0, Clock: m.clock.Load, tuning: small}
				if seed%4 > 1 {
					o.slack = 1 << 40 // no compaction
				}
				runModel(t, m, dir, o, seed)
			})
		}
	}
}

func runModel(t *testing.T, m *model, dir string, o Options, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	keys := []int{10, 1000, 50000}[seed%3]
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	for range count(300, 3000) {
		tx, err := db.Begin(true)
		if err != nil {
			t.Fatal(err)
		}
		before := m.clone()
		for range r.IntN(200) {
			sp := savepoint(tx)
			saved := m
			undo := r.IntN(20) == 0
			if undo {
				saved = m.clone()
			}
			m.op(t, tx, r, keys)
			if undo {
				tx.RollbackTo(sp)
				m.items = saved.items
			}
		}
		if r.IntN(20) == 0 {
			tx.Rollback()
			m.items = before.items
		} else if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		step := int64(r.IntN(50))
		if o.slack > 1<<30 { // compaction deletes for good what has expired
			step -= 10
		}
		m.advance(step)
		switch r.IntN(20) {
		case 0:
			if err := db.Sync(); err != nil {
				t.Fatal(err)
			}
		case 1:
			if r.IntN(2) == 0 {
				db.Sync()
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if db, err = Open(dir, o); err != nil {
				t.Fatal(err)
			}
			m.check(t, db)
		}
	}
	m.check(t, db)
	verify(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
