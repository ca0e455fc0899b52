package engine

import (
	"fmt"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// TestBitFlips inverts bits of a database's files, one at a time. Whoever opens it then
// gets right answers or errors.
func TestBitFlips(t *testing.T) {
	eachSeed(t, 2, 4, func(t *testing.T, seed uint64) {
		fs := vfs.NewCrash(seed, vfs.CrashOptions{})
		newTestDatabase(t, fs, testDir)
		s := newScript(seed, 90)
		s.steps = append(s.steps, step{kind: stepSync})
		s.play(t, fs, new(progress))
		r := rand.New(rand.NewPCG(seed, 8))
		flips := flipper{items: s.states[len(s.states)-1], r: r}
		for _, boot := range []string{"same boot", "another boot"} {
			fs := fs.Killed()
			if boot == "another boot" {
				fs = fs.PowerLost(1)
			}
			for _, name := range fs.Files() {
				if path.Base(name) == lockName {
					continue
				}
				flips.file(at{t, boot}, fs, name)
			}
		}
	})
}

// flipper inverts bits of a database that holds these items.
type flipper struct {
	items map[string]Item
	r     *rand.Rand
}

// file inverts bits of a file: all, or every so manieth.
func (f *flipper) file(t at, fs *vfs.Crash, name string) {
	bits := int64(len(fs.Bytes(name))) * 8
	stride := max(1, bits/int64(count(1500, 1<<62)))
	for bit := f.r.Int64N(stride); bit < bits; bit += stride {
		t := at{t.TB, fmt.Sprintf("%s, bit %d of %s", t.where, bit, name)}
		fs.FlipBit(name, bit)
		now := int64(0)
		f.read(t, Options{FS: fs, ReadOnly: true, Inline: true, Clock: func() int64 { return now }, tuning: crowded})
		if bit/stride%8 == 0 {
			f.write(t, fs.Killed(), &now)
		}
		fs.FlipBit(name, bit)
	}
}

// read opens the database and reads everything in every way.
func (f *flipper) read(t testing.TB, o Options) {
	t.Helper()
	db, err := Open(testDir, o)
	if err != nil {
		return
	}
	defer db.Close()
	f.answers(t, db)
}

// answers checks all answers that are not errors.
func (f *flipper) answers(t testing.TB, db *DB) {
	t.Helper()
	tx, err := db.Begin(false)
	if err != nil {
		return
	}
	defer tx.Commit()
	if n, err := tx.Len(); err == nil && n != int64(len(f.items)) {
		t.Fatalf("Len = %d, want %d", n, len(f.items))
	}
	for _, k := range crowdedKeys() {
		want, there := f.items[k]
		if it, ok, err := tx.Get([]byte(k)); err == nil && (ok != there || ok && !sameItem(it, want)) {
			t.Fatalf("Get(%s) = %d bytes %.9q, %v; want %d bytes %.9q, %v", k, len(it.Value), it.Value, ok, len(want.Value), want.Value, there)
		}
	}
	seen := map[string]bool{}
	for cursor, first := uint64(0), true; cursor != 0 || first; first = false {
		cursor, err = tx.Scan(cursor, 100, func(k []byte, it Item) bool {
			if want, ok := f.items[string(k)]; !ok || seen[string(k)] || !sameItem(it, want) {
				t.Fatalf("Scan: %q = %d bytes %.9q; want %.9q, %v; again: %v", k, len(it.Value), it.Value, want.Value, ok, seen[string(k)])
			}
			seen[string(k)] = true
			return true
		})
		if err != nil {
			return
		}
	}
	if len(seen) != len(f.items) {
		t.Fatalf("Scan finds %d keys of %d", len(seen), len(f.items))
	}
}

// write opens the database, writes and syncs, and checks that answers stay right.
func (f *flipper) write(t testing.TB, fs *vfs.Crash, now *int64) {
	t.Helper()
	o := Options{FS: fs, Inline: true, Clock: func() int64 { return *now }, tuning: crowded}
	db, err := Open(testDir, o)
	if err != nil {
		return
	}
	defer db.Close()
	f.answers(t, db)
	m := model{items: map[string]Item{}}
	for k, it := range f.items {
		m.items[k] = it
	}
	var ops []op
	for range 20 {
		k := crowdedKeys()[f.r.IntN(len(crowdedKeys()))]
		ops = append(ops, op{kind: opKind(f.r.IntN(2)), key: k, item: Item{Type: TypeString, Value: []byte("new")}})
	}
	if (&step{ops: ops}).transact(db, new(progress)) != nil {
		return
	}
	m.apply(ops)
	after := flipper{items: m.items}
	after.answers(t, db)
	if db.Sync() == nil {
		after.answers(t, db)
		db.Close()
		after.read(t, o)
	}
}
