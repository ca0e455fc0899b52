package engine

import (
	"errors"
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// update runs a transaction that must succeed.
func update(t testing.TB, db *DB, fn func(tx *Tx)) {
	t.Helper()
	tx, err := db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	fn(tx)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// view looks at a database.
func view(t testing.TB, db *DB, fn func(tx *Tx)) {
	t.Helper()
	tx, err := db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Commit()
	fn(tx)
}

// mustOpen opens a database.
func mustOpen(t testing.TB, dir string, o Options) *DB {
	t.Helper()
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// must ends the test if there is an error.
func must(t testing.TB, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// text is a plain item.
func text(value string) Item { return Item{Type: TypeString, Value: []byte(value)} }

// layerKeeper is a layer, and what it ought to say. Keys are numbers, and many of them have
// the same hash.
type layerKeeper struct {
	*testing.T
	l     *layer
	owner map[uint64]int // address of a record -> its key
	want  map[int]uint64 // key -> the entry's address, deletions marked
	next  uint64
}

func (k *layerKeeper) hash(key int) uint64 {
	// Some are at the very end of the table, so that places go round.
	return []uint64{1<<64 - 1, 1<<64 - 2, 1 << 63, 0, 5}[key%5] - uint64(key%3)<<40
}

func (k *layerKeeper) is(key int) func(uint64) (bool, error) {
	return func(addr uint64) (bool, error) {
		owner, ok := k.owner[addr]
		if !ok {
			k.Fatalf("asked for a record at %#x", addr)
		}
		return owner == key, nil
	}
}

func (k *layerKeeper) find(key int) *entry {
	k.Helper()
	e, err := k.l.find(k.hash(key), k.is(key))
	must(k, err)
	return e
}

// change writes a key's new record, or its deletion, and returns what takes it back.
func (k *layerKeeper) change(key int, mark uint64) (undo func()) {
	addr := k.next | mark
	k.next += 8
	k.owner[addr&^deleted] = key
	before, there := k.want[key]
	if e := k.find(key); e != nil {
		e.addr = addr
	} else {
		k.l.insert(entry{hash: k.hash(key), addr: addr})
	}
	k.want[key] = addr
	return func() {
		k.l.revert(k.hash(key), addr, before)
		if k.want[key] = before; !there {
			delete(k.want, key)
		}
	}
}

func (k *layerKeeper) check(keys int) {
	k.Helper()
	for key := range keys {
		e, want := k.find(key), k.want[key]
		switch {
		case e == nil && want != 0:
			k.Fatalf("key %d is not there, want %#x", key, want)
		case e != nil && (e.addr != want || e.hash != k.hash(key)):
			k.Fatalf("key %d is at %#x, want %#x", key, e.addr, want)
		}
	}
}

// TestLayer makes random changes and takes back some, the newest first.
func TestLayer(t *testing.T) {
	for seed := range uint64(20) {
		k := &layerKeeper{T: t, l: &layer{}, owner: map[uint64]int{}, want: map[int]uint64{}, next: 8}
		r := rand.New(rand.NewPCG(seed, 9))
		keys := 10 + r.IntN(400)
		for range 60 {
			var undo []func()
			for range r.IntN(20) {
				undo = append(undo, k.change(r.IntN(keys), deleted*uint64(r.IntN(4)/3)))
			}
			if r.IntN(3) == 0 {
				for i := len(undo) - 1; i >= 0; i-- {
					undo[i]()
				}
			}
			k.check(keys)
		}
		if 2*k.l.used > len(k.l.table) {
			t.Errorf("%d of %d places are taken", k.l.used, len(k.l.table))
		}
		k.l, k.want = k.l.reset(), map[int]uint64{}
		k.check(keys)
	}
}

// TestLayerBetween compares the entries of a range of hashes, in a table where many are not
// at their place, some of them round the end, with what a look at all of them finds.
func TestLayerBetween(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 12))
		k := &layerKeeper{T: t, l: &layer{}, owner: map[uint64]int{}, want: map[int]uint64{}, next: 8}
		for range r.IntN(200) {
			k.change(r.IntN(400), 0)
		}
		places := []uint64{0, 1, 5, 6, 1 << 63, 1<<64 - 1}
		for range 50 {
			places = append(places, k.hash(r.IntN(400)), r.Uint64())
		}
		for range 200 {
			from, to := places[r.IntN(len(places))], places[r.IntN(len(places))]
			if to != 0 && to <= from {
				continue
			}
			want, got := map[uint64]bool{}, map[uint64]bool{}
			for _, e := range k.l.table {
				if e.addr != 0 && e.hash >= from && (to == 0 || e.hash < to) {
					want[e.addr] = true
				}
			}
			must(t, k.l.between(from, to, func(e *entry) error {
				if got[e.addr] {
					t.Errorf("seed %d: entry %#x twice", seed, e.addr)
				}
				got[e.addr] = true
				return nil
			}))
			if !maps.Equal(got, want) {
				t.Fatalf("seed %d: from %#x to %#x: %d entries, want %d", seed, from, to, len(got), len(want))
			}
		}
	}
}

// TestLayerError: what cannot be read is no different key.
func TestLayerError(t *testing.T) {
	l := &layer{}
	l.insert(entry{hash: 5, addr: 64})
	bad := errors.New("bad")
	if _, err := l.find(5, func(uint64) (bool, error) { return false, bad }); err != bad {
		t.Errorf("find: %v, want %v", err, bad)
	}
}

// TestLayers works on a database while Syncs are under way, each of which leaves another
// layer that waits, and moves into the index piece by piece.
func TestLayers(t *testing.T) {
	for seed := range uint64(count(6, 200)) {
		m := newModel()
		o := Options{FS: vfs.NewMem(), Inline: true, Clock: func() int64 { return m.now }, tuning: crowded}
		db := mustOpen(t, "db", o)
		r := rand.New(rand.NewPCG(seed, 10))
		work := func() {
			tx, err := db.Begin(true)
			must(t, err)
			before := m.clone()
			for range r.IntN(60) {
				tx.Savepoint(nil)
				m.op(t, tx, r, 200)
			}
			if r.IntN(100) == 0 {
				must(t, tx.Clear())
				clear(m.items)
			}
			if r.IntN(5) == 0 {
				tx.Rollback()
				m.items = before.items
			} else {
				must(t, tx.Commit())
			}
		}
		for range 60 {
			work()
			b, err := db.beginSync()
			must(t, err)
			if b == nil {
				continue
			}
			work()
			m.check(t, db)
			must(t, db.syncFiles(b))
			if r.IntN(3) == 0 {
				continue // the layers wait for the next one
			}
			db.ripen(b)
			for range r.IntN(4) {
				work() // each commit feeds the index a little
				m.check(t, db)
			}
			must(t, db.feedAll())
			m.check(t, db)
		}
		verify(t, db)
		must(t, db.Close())
	}
}

// TestApplyPieces: a large layer moves in pieces, and readers between them see all of it.
func TestApplyPieces(t *testing.T) {
	m := newModel()
	o := Options{FS: vfs.NewMem(), Inline: true, Clock: func() int64 { return m.now }, tuning: crowded}
	db := mustOpen(t, "db", o)
	r := rand.New(rand.NewPCG(1, 10))
	for range 2 {
		update(t, db, func(tx *Tx) {
			for range 1000 {
				m.op(t, tx, r, 5000)
			}
			for i := range 3 * feedPiece {
				k, it := "key:"+strconv.Itoa(i), Item{Value: value(r), Type: TypeString}
				must(t, tx.Put([]byte(k), it))
				m.items[k] = it
			}
		})
		b, err := db.beginSync()
		must(t, err)
		must(t, db.syncFiles(b))
		db.ripen(b)
		pieces := 0
		for done := false; !done; pieces++ {
			done, err = db.feed(feedPiece)
			must(t, err)
			m.check(t, db)
		}
		if pieces < 3 {
			t.Errorf("%d pieces", pieces)
		}
	}
	verify(t, db)
	must(t, db.Close())
}
