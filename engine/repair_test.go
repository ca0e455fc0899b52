package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

const repairedDir = "repaired"

var crowdedOptions = Options{Inline: true, Clock: func() int64 { return 0 }, tuning: crowded}

// repairIn repairs the database in testDir and returns what was saved, and what was said.
// It checks that the database stays as it is.
func repairIn(t testing.TB, fs *vfs.Crash) (items map[string]Item, stats RepairStats, said []string) {
	t.Helper()
	before := map[string][]byte{}
	for _, name := range fs.Files() {
		before[name] = fs.Bytes(name)
	}
	o := crowdedOptions
	o.FS = fs
	stats, err := Repair(testDir, repairedDir, o, func(s string) { said = append(said, s) })
	if err != nil {
		t.Fatal(err, said)
	}
	for name, b := range before {
		if !bytes.Equal(b, fs.Bytes(name)) {
			t.Fatalf("%s was changed", name)
		}
	}
	now := int64(0)
	db := openTest(t, fs, repairedDir, &now)
	defer db.Close()
	verify(t, db)
	items = content(t, db)
	if stats.Keys != int64(len(items)) {
		t.Fatalf("%d keys, said to be %d", len(items), stats.Keys)
	}
	return items, stats, said
}

// TestRepairOfWhole repairs what is not damaged, but for files that can be done without.
func TestRepairOfWhole(t *testing.T) {
	eachSeed(t, 3, 30, func(t *testing.T, seed uint64) {
		fs, want := played(t, seed)
		for _, without := range [][]string{nil, {indexName}, {manifestName}, {indexName, manifestName, lockName}} {
			fs := fs.Killed()
			for _, name := range without {
				if err := fs.Remove(join(testDir, name)); err != nil {
					t.Fatal(err)
				}
			}
			items, stats, said := repairIn(t, fs)
			if !sameItems(items, want) || !stats.Whole() {
				t.Errorf("without %q: %+v, %q: %s", without, stats, said, difference(items, want))
			}
			if noted := slices.Contains(without, manifestName); noted != (len(said) == 1) {
				t.Errorf("without %q: said %q", without, said)
			}
		}
	})
}

// history is, for each key, all that it was ever set to, undone or not: a damaged
// transaction does not say what of it was undone.
func (s *script) history() map[string][]Item {
	h := map[string][]Item{}
	var note func(ops []op)
	note = func(ops []op) {
		for _, o := range ops {
			switch o.kind {
			case opUndone:
				note(o.ops)
			case opPut:
				h[o.key] = append(h[o.key], o.item)
			case opExpire:
				for _, it := range slices.Clone(h[o.key]) {
					it.ExpireAt = o.item.ExpireAt
					h[o.key] = append(h[o.key], it)
				}
			}
		}
	}
	for i := range s.steps {
		note(s.steps[i].ops)
	}
	return h
}

// TestRepair damages the log in many ways. What is saved was there once, and where it is
// not what was there at the end this is said.
func TestRepair(t *testing.T) {
	eachSeed(t, 2, 30, func(t *testing.T, seed uint64) {
		base := vfs.NewCrash(seed, vfs.CrashOptions{})
		newTestDatabase(t, base, testDir)
		s := newScript(seed, 150)
		s.steps = append(s.steps, step{kind: stepSync})
		s.play(t, base, new(progress))
		want, history := s.states[len(s.states)-1], s.history()
		r := rand.New(rand.NewPCG(seed, 11))
		saved := 0
		for n := range count(150, 2000) {
			fs := base.Killed()
			how := damage(t, r, fs)
			t := at{t, fmt.Sprintf("case %d: %s", n, how)}
			items, stats, said := repairIn(t, fs)
			for k, it := range items {
				if !slices.ContainsFunc(history[k], func(was Item) bool { return sameItem(was, it) }) {
					t.Fatalf("%s = %d bytes %.9q, expiry %d, which it never was", k, len(it.Value), it.Value, it.ExpireAt)
				}
			}
			if same := sameItems(items, want); !same && (stats.Whole() || len(said) == 0) {
				t.Fatalf("nothing said, %+v: %s", stats, difference(items, want))
			} else if same {
				saved++
			}
		}
		if saved == 0 {
			t.Error("nothing was ever saved whole")
		}
	})
}

// damage does something bad to the log of the database in testDir.
func damage(t testing.TB, r *rand.Rand, fs *vfs.Crash) string {
	var logs []string
	for _, name := range fs.Files() {
		if path.Ext(name) == ".log" {
			logs = append(logs, name)
		}
	}
	name, harm := logs[r.IntN(len(logs))], r.IntN(6)
	if len(logs) == 1 {
		harm = max(harm, 1) // without any segment there is nothing to repair
	}
	size := int64(len(fs.Bytes(name)))
	off, n := r.Int64N(size), 1+r.Int64N(3000)
	n = min(n, size-off)
	switch harm {
	case 0:
		must(t, fs.Remove(name))
		return "removed " + name
	case 1:
		f, err := fs.OpenFile(name, 2)
		must(t, err)
		must(t, f.Truncate(off))
		must(t, f.Datasync())
		must(t, f.Close())
		return fmt.Sprintf("%s cut at %d", name, off)
	case 2:
		fs.Corrupt(name, off, make([]byte, n))
		return fmt.Sprintf("%d zeros at %d of %s", n, off, name)
	case 3:
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		fs.Corrupt(name, off, b)
		return fmt.Sprintf("%d random bytes at %d of %s", n, off, name)
	case 4:
		off &^= 511
		n = min(4096, size-off)
		fs.Corrupt(name, off, fs.Bytes(logs[0])[:n]) // a block from elsewhere
		return fmt.Sprintf("a stray block at %d of %s", off, name)
	}
	fs.FlipBit(name, off*8+3)
	return fmt.Sprintf("a bit at %d of %s", off, name)
}

// TestRepairSays damages records of known meaning.
func TestRepairSays(t *testing.T) {
	const long = 5000 // bytes, more than stays in the log
	build := func(t *testing.T) *vfs.Crash {
		fs := vfs.NewCrash(1, vfs.CrashOptions{})
		newTestDatabase(t, fs, testDir)
		now := int64(0)
		db := openTest(t, fs, testDir, &now)
		defer db.Close()
		set(t, db, "gone", "1")
		set(t, db, "stays", "2")
		set(t, db, "long", strings.Repeat("x", long))
		set(t, db, "stays", "the newest")
		tx, err := db.Begin(true)
		must(t, err)
		_, err = tx.Delete([]byte("gone"))
		must(t, err)
		must(t, tx.Put([]byte("with it"), Item{Type: TypeString, Value: []byte("3")}))
		must(t, tx.Commit())
		set(t, db, "last", "4")
		must(t, db.Sync())
		return fs
	}
	segment := "/" + join(testDir, segmentName(1))
	find := func(t *testing.T, fs *vfs.Crash, what string) int64 {
		i := bytes.LastIndex(fs.Bytes(segment), []byte(what))
		if i < 0 {
			t.Fatal(what, "is not in the log")
		}
		return int64(i)
	}
	for _, c := range []struct {
		name  string
		hit   func(t *testing.T, fs *vfs.Crash)
		lost  string // key
		back  string // key and value that came back
		stats RepairStats
		says  string
	}{
		{"nothing", func(*testing.T, *vfs.Crash) {}, "", "", RepairStats{Keys: 4}, ""},
		{
			"a deletion",
			func(t *testing.T, fs *vfs.Crash) { fs.FlipBit(segment, find(t, fs, "gone")*8) },
			"", "", RepairStats{Keys: 4, Damages: 1, LostBytes: 16, Loose: 1}, `key "gone": it was deleted or cleared by a record that is lost, and is left out`,
		},
		{
			"a deletion, and the index",
			func(t *testing.T, fs *vfs.Crash) {
				fs.FlipBit(segment, find(t, fs, "gone")*8)
				must(t, fs.Remove(join(testDir, indexName)))
			},
			"", "gone=1", RepairStats{Keys: 5, Damages: 1, LostBytes: 16, Loose: 1, Returned: 1}, "so many that had been deleted are back",
		},
		{
			"the end of the last transaction, and the index",
			func(t *testing.T, fs *vfs.Crash) {
				fs.FlipBit(segment, (find(t, fs, "last4")+8+20)*8)
				must(t, fs.Remove(join(testDir, indexName)))
			},
			"", "", RepairStats{Keys: 4, Damages: 1, LostBytes: 48, Loose: 1}, "taken by themselves",
		},
		{
			"the value that is stale then",
			func(t *testing.T, fs *vfs.Crash) { fs.FlipBit(segment, find(t, fs, "newest")*8) },
			"", "stays=2", RepairStats{Keys: 4, Damages: 1, LostBytes: 24}, `key "stays": its newest value is lost, an earlier one counts again`,
		},
		{
			"a newer value",
			func(t *testing.T, fs *vfs.Crash) { fs.FlipBit(segment, find(t, fs, "newest")*8) },
			"", "stays=2", RepairStats{Keys: 4, Damages: 1, LostBytes: 24}, `24 bytes lost: checksum mismatch; keys "stays"`,
		},
		{
			"a value",
			func(t *testing.T, fs *vfs.Crash) { fs.FlipBit(segment, find(t, fs, "with it")*8+8*7) },
			"with it", "", RepairStats{Keys: 3, Damages: 1, LostBytes: 16, Loose: 1, Missing: 1}, "1 records of a damaged transaction were taken by themselves",
		},
		{
			"the last transaction, which was synced",
			func(t *testing.T, fs *vfs.Crash) { fs.FlipBit(segment, find(t, fs, "last")*8) },
			"last", "", RepairStats{Keys: 3, Damages: 1, LostBytes: 16, Missing: 1}, "the log has counted 1 keys more than were found",
		},
		{
			"a long value",
			func(t *testing.T, fs *vfs.Crash) {
				for _, name := range fs.Files() {
					if path.Ext(name) == valueNameSuffix {
						fs.FlipBit(name, 1000)
					}
				}
			},
			"long", "", RepairStats{Keys: 3, LostValues: 1}, `the value of key "long" is lost: database is damaged: `,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := build(t)
			want := map[string]string{"stays": "the newest", "with it": "3", "long": strings.Repeat("x", long), "last": "4"}
			c.hit(t, fs)
			items, stats, said := repairIn(t, fs)
			delete(want, c.lost)
			if key, value, ok := strings.Cut(c.back, "="); ok {
				want[key] = value
			}
			for k, v := range want {
				if got := string(items[k].Value); got != v {
					t.Errorf("%s = %.20q, want %.20q", k, got, v)
				}
			}
			if len(items) != len(want) || stats != c.stats {
				t.Errorf("%d keys, %+v, want %+v", len(items), stats, c.stats)
			}
			if text := strings.Join(said, "\n"); !strings.Contains(text, c.says) || (text == "") != (c.says == "") {
				t.Errorf("said\n%s\nwant %q", text, c.says)
			}
		})
	}
}

// TestRepairAfterCrash repairs what a power cut has left, instead of opening it: what was
// being written then is no damage.
func TestRepairAfterCrash(t *testing.T) {
	eachSeed(t, 2, 20, func(t *testing.T, seed uint64) {
		base := vfs.NewCrash(seed, vfs.CrashOptions{})
		newTestDatabase(t, base, testDir)
		s := newScript(seed, 70)
		for n := 40; ; n += count(40, 3) {
			fs := base.Killed()
			fs.CrashAt(n)
			var p progress
			if !fs.Run(func() { s.play(t, fs, &p) }) {
				return
			}
			for _, keep := range []float64{0, 1} {
				t := at{t, fmt.Sprintf("death in operation %d, %v kept", n, keep)}
				items, stats, said := repairIn(t, fs.PowerLost(keep))
				if stats.Damages > 0 {
					t.Fatalf("%+v, %q", stats, said)
				}
				s.find(t, items, p.synced, p.begun)
			}
		}
	})
}

// TestRepairOfUnreadableDisk lets the disk fail for a part of a segment.
func TestRepairOfUnreadableDisk(t *testing.T) {
	fs, want := played(t, 1)
	o := crowdedOptions
	man, err := readManifest(fs, testDir)
	must(t, err)
	first := segmentName(man.head)
	// The whole segment cannot be read at once, and then not its third page.
	o.FS = vfs.NewFault(fs, vfs.Rule{Ops: vfs.OpRead, Name: first, Nth: 2, Err: syscall.EIO},
		vfs.Rule{Ops: vfs.OpRead, Name: first, Nth: 5, Err: syscall.EIO})
	var said []string
	if _, err := Repair(testDir, repairedDir, o, func(s string) { said = append(said, s) }); err != nil {
		t.Fatal(err)
	}
	if len(said) == 0 || !strings.Contains(said[0], syscall.EIO.Error()) {
		t.Errorf("said %q", said)
	}
	now := int64(0)
	db := openTest(t, fs, repairedDir, &now)
	defer db.Close()
	if items := content(t, db); len(items) < len(want)/2 {
		t.Errorf("%d of %d keys were saved", len(items), len(want))
	}
}

// TestRepairRefuses looks at what cannot be repaired, or not there.
func TestRepairRefuses(t *testing.T) {
	fs, _ := played(t, 1)
	must(t, fs.Mkdir("empty"))
	now := int64(0)
	o := crowdedOptions
	o.FS = fs
	busy := openTest(t, fs, testDir, &now)
	for _, c := range []struct {
		from, to string
		err      error
	}{
		{"none", repairedDir, ErrNotFound},
		{"empty", repairedDir, ErrNotOurs},
		{testDir, testDir, ErrExists},
		{testDir, testDir + "/inside", ErrExists},
		{testDir, repairedDir, ErrBusy},
	} {
		if _, err := Repair(c.from, c.to, o, func(string) {}); !errors.Is(err, c.err) {
			t.Errorf("%s to %s: %v, want %v", c.from, c.to, err, c.err)
		}
	}
	busy.Close()
	if _, err := fs.ReadDir(repairedDir); err == nil {
		t.Error("something was made")
	}
}

// TestRepairFails makes each operation that writes fail in turn: nothing is left. And it
// lets the process die there: what is left is whole or no database.
func TestRepairFails(t *testing.T) {
	base, want := played(t, 3)
	for n, done := 1, false; !done; n += count(9, 1) {
		t := at{t, fmt.Sprintf("operation %d", n)}
		inner := base.Killed()
		fs := vfs.NewFault(inner, vfs.Rule{Ops: vfs.OpAny &^ (vfs.OpOpen | vfs.OpRead | vfs.OpReadDir | vfs.OpMap | vfs.OpLock | vfs.OpRemove), Nth: n, Err: syscall.ENOSPC})
		o := crowdedOptions
		o.FS = fs
		_, err := Repair(testDir, repairedDir, o, func(string) {})
		if done = fs.Fired() == 0; err != nil {
			if names, rerr := inner.ReadDir(repairedDir); rerr == nil {
				t.Fatalf("%v, left: %q", err, names)
			}
		}
		fs2 := base.Killed()
		fs2.CrashAt(n)
		o.FS = fs2
		fs2.Run(func() { Repair(testDir, repairedDir, o, func(string) {}) })
		for _, fs := range []*vfs.Crash{fs2.Killed(), fs2.PowerLost(.5)} {
			o.FS = fs
			db, err := Open(repairedDir, o)
			names, _ := fs.ReadDir(repairedDir)
			switch {
			case err == nil && db.Exists():
				if items := content(t, db); !sameItems(items, want) {
					t.Fatal(difference(items, maps.Clone(want)))
				}
				db.Close()
			case err == nil && len(names) > 0:
				t.Fatalf("taken for a database that can be made: %q", names)
			case err != nil && !errors.Is(err, ErrNotOurs):
				t.Fatal(err)
			}
		}
	}
}
