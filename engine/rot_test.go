package engine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
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
	stride := max(1, bits/int64(count(400, 1<<62)))
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
		if it, ok, err := item(tx, []byte(k)); err == nil && (ok != there || ok && !sameItem(it, want)) {
			t.Fatalf("Get(%s) = %d bytes %.9q, %v; want %d bytes %.9q, %v", k, len(it.Value), it.Value, ok, len(want.Value), want.Value, there)
		}
	}
	seen := map[string]bool{}
	for cursor, first := uint64(0), true; cursor != 0 || first; first = false {
		cursor, err = scanItems(tx, cursor, 100, func(k []byte, it Item) bool {
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

// TestMissingFiles cuts or removes each file of a database, before it is opened or while
// it is open. Whoever uses it gets right answers or errors, and the process lives on.
func TestMissingFiles(t *testing.T) {
	eachSeed(t, 1, 20, func(t *testing.T, seed uint64) {
		master := t.TempDir() + "/" + testDir
		s := newScript(seed, 90)
		s.steps = append(s.steps, step{kind: stepSync})
		newTestDatabase(t, vfs.OS, master)
		s.playIn(t, vfs.OS, master, new(progress))
		names, err := vfs.OS.ReadDir(master)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 11))
		for _, name := range names {
			for _, harm := range []string{"removed", "emptied", "cut to a page", "cut in the middle", "cut at the end"} {
				for _, open := range []bool{false, true} {
					m := missing{at: at{t, fmt.Sprintf("%s %s, open %v", name, harm, open)}, dir: t.TempDir() + "/" + testDir,
						flipper: flipper{items: s.states[len(s.states)-1], r: r}, background: r.IntN(2) == 0}
					if err := os.CopyFS(m.dir, os.DirFS(master)); err != nil {
						t.Fatal(err)
					}
					m.run(name, harm, open)
				}
			}
		}
	})
}

// missing is a database of which a file goes missing.
type missing struct {
	at
	flipper
	dir        string
	now        int64
	background bool // syncs
}

func (m *missing) options() Options {
	o := Options{Inline: true, Clock: func() int64 { return m.now }, tuning: crowded}
	if m.background {
		o.Inline, o.syncEvery, o.indexSyncEvery = false, 1, 1
	}
	return o
}

func (m *missing) run(name, harm string, open bool) {
	db, err := Open(m.dir, m.options()) // makes the copy's index a trusted one
	if err != nil {
		m.Fatal(err)
	}
	db.Close()
	if !open {
		m.harm(name, harm)
	}
	db, err = Open(m.dir, m.options())
	if open && err != nil {
		m.Fatal(err)
	}
	m.expect(name, harm, open, err)
	if err != nil {
		return
	}
	if open {
		m.answers(m, db)
		m.write(db)
		m.harm(name, harm)
	}
	lost := false // the last writes, perhaps, because a Sync says so
	for range 3 {
		m.answers(m, db)
		lost = lost || db.Sync() != nil
		db.syncIndex(func() bool { return false })
		m.answers(m, db)
		m.write(db)
		db.Verify(func(string) {})
	}
	if db.Close() != nil || lost {
		return
	}
	if db, err := Open(m.dir, m.options()); err == nil {
		m.answers(m, db)
		db.Close()
	}
}

func (m *missing) harm(name, harm string) {
	path := m.dir + "/" + name
	info, err := os.Stat(path)
	if err != nil {
		m.Fatal(err)
	}
	size := map[string]int64{"cut to a page": min(info.Size(), pageSize), "cut in the middle": info.Size() / 2, "cut at the end": max(0, info.Size()-1)}[harm]
	if harm == "removed" {
		err = os.Remove(path)
	} else {
		err = os.Truncate(path, size)
	}
	if err != nil {
		m.Fatal(err)
	}
}

// expect checks what Open says where that is certain.
func (m *missing) expect(name, harm string, open bool, err error) {
	want := error(nil)
	switch {
	case open || name == lockName || name == indexName && harm != "cut at the end":
	case name == manifestName && harm == "cut to a page": // it is shorter
	case name == manifestName && (harm == "removed" || harm == "emptied"):
		want = ErrNotOurs
	case name == manifestName:
		want = ErrCorrupt
	default:
		return
	}
	if !errors.Is(err, want) {
		m.Fatalf("Open: %v, want %v", err, want)
	}
}

// write writes; if that succeeds it counts.
func (m *missing) write(db *DB) {
	after := maps.Clone(m.items)
	tx, err := db.Begin(true)
	if err != nil {
		return
	}
	for range 20 {
		k := crowdedKeys()[m.r.IntN(len(crowdedKeys()))]
		it := Item{Type: TypeString, Value: fmt.Append(nil, m.r.Uint32())}
		if tx.Put([]byte(k), it) != nil {
			tx.Rollback()
			return
		}
		after[k] = it
	}
	if tx.Commit() != nil {
		return
	}
	m.items = after
}
