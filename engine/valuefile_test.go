package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// filed is the length from which on, in these tests, a value is in a file.
var filed = geometry{minSegmentBits}.maxInline() + 1

func randomBytes(n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(n)})
	b := make([]byte, n)
	r.Read(b)
	return b
}

// valueFiles lists the value files of the database "db".
func valueFiles(t testing.TB, fs vfs.FS) []string {
	t.Helper()
	names, err := fs.ReadDir("db")
	must(t, err)
	return slices.DeleteFunc(names, func(name string) bool { _, ok := parseValueFileName(name); return !ok })
}

func TestValueFileName(t *testing.T) {
	for _, id := range []uint64{0, 1, 0x1234_5678_9abc_def0, 1<<64 - 1} {
		if got, ok := parseValueFileName(valueFileName(id)); !ok || got != id {
			t.Errorf("%#x: %q is %#x, %v", id, valueFileName(id), got, ok)
		}
	}
	for _, name := range []string{"", ".val", "0.val", "0123456789abcdeg.val", "0123456789abcdef.VAL", "0123456789abcdef.log", "00123456789abcdef.val", "0123456789abcdef.val~", "+123456789abcdef.val", "0123456789ABCDEF.val"} {
		if id, ok := parseValueFileName(name); ok {
			t.Errorf("%q is %#x", name, id)
		}
	}
}

func TestReference(t *testing.T) {
	for _, want := range []reference{{1, 2}, {1<<64 - 1, MaxValue}, {0, 0}} {
		if got, err := decodeReference(want.encode()); err != nil || got != want {
			t.Errorf("%+v came back as %+v, %v", want, got, err)
		}
	}
	for _, bad := range [][]byte{nil, make([]byte, 15), make([]byte, 17), reference{1, MaxValue + 1}.encode(), reference{1, -1}.encode()} {
		if got, err := decodeReference(bad); err == nil {
			t.Errorf("%x is %+v", bad, got)
		}
	}
}

// TestValueFileLengths writes values of lengths on both sides of a chunk's and reads them.
func TestValueFileLengths(t *testing.T) {
	fs := vfs.NewMem()
	for _, n := range []int{1, 2, valueChunk - 1, valueChunk, valueChunk + 1, 2*valueChunk - 1, 2 * valueChunk, 2*valueChunk + 1, 1<<20 + 1} {
		value := randomBytes(n)
		must(t, writeValueFile(fs, ".", 5, value))
		f, err := fs.OpenFile("./"+valueFileName(5), os.O_RDONLY)
		must(t, err)
		size, err := f.Size()
		must(t, err)
		if want := valueFileSize(int64(n)); size != want {
			t.Errorf("%d bytes: a file of %d, want %d", n, size, want)
		}
		m, err := mapValueFile(fs, ".", reference{5, int64(n)})
		must(t, err)
		if !bytes.Equal(m.Data[:n], value) {
			t.Errorf("%d bytes: another value came back", n)
		}
		must(t, m.Unmap())
		must(t, f.Close())
		must(t, fs.Remove("./"+valueFileName(5)))
	}
}

// TestValueFileDamage: no byte of the file can change, and it cannot be longer, shorter,
// or that of another value.
func TestValueFileDamage(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	value := randomBytes(valueChunk + 100)
	name := valueFileName(5)
	must(t, writeValueFile(fs, ".", 5, value))
	f, err := fs.OpenFile(name, os.O_RDWR)
	must(t, err)
	read := func(ref reference) error {
		m, err := mapValueFile(fs, ".", ref)
		if err == nil {
			m.Unmap()
		}
		return err
	}
	good := reference{5, int64(len(value))}
	must(t, read(good))
	size, err := f.Size()
	must(t, err)
	for bit := int64(0); bit < size*8; bit++ {
		if bit > 800 && bit < (size-200)*8 && bit%4001 != 0 {
			continue // all of the beginning and the end, some of the middle
		}
		fs.FlipBit(name, bit)
		if err := read(good); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), name) {
			t.Errorf("bit %d flipped: %v", bit, err)
		}
		fs.FlipBit(name, bit)
	}
	for _, ref := range []reference{{5, int64(len(value)) - 1}, {5, int64(len(value)) + 1}, {5, 0}, {6, int64(len(value))}} {
		if err := read(ref); !errors.Is(err, ErrCorrupt) {
			t.Errorf("read as %+v: %v", ref, err)
		}
	}
	must(t, fs.Rename(name, valueFileName(6)))
	if err := read(reference{6, good.length}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("under another name: %v", err)
	}
	must(t, fs.Rename(valueFileName(6), name))
	for _, n := range []int64{size + 1, size - 1, size - 32, 100, 0} {
		must(t, f.Truncate(n))
		if err := read(good); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d of %d bytes: %v", n, size, err)
		}
	}
}

// TestValueLengths: values are the same whether they are in the log or in a file, and
// they are in a file only from a certain length on.
func TestValueLengths(t *testing.T) {
	fs := vfs.NewMem()
	o := Options{FS: fs, Inline: true, tuning: small}
	db := mustOpen(t, "db", o)
	for _, n := range []int{0, 1, filed - 2, filed - 1, filed, filed + 1, valueChunk - 1, valueChunk, valueChunk + 1, 300_000} {
		value, before := randomBytes(n), 0
		update(t, db, func(tx *Tx) {
			before = len(valueFiles(t, fs))
			must(t, tx.Put([]byte("k"), Item{Type: TypeString, Value: value}))
			if it, ok, err := item(tx, []byte("k")); !ok || err != nil || !bytes.Equal(it.Value, value) {
				t.Errorf("%d bytes, before the commit: %d bytes, %v, %v", n, len(it.Value), ok, err)
			}
		})
		if made := len(valueFiles(t, fs)) > before; made != (n >= filed) {
			t.Errorf("%d bytes: in a file: %v", n, made)
		}
		must(t, db.Sync())
		must(t, db.Close())
		db = mustOpen(t, "db", o)
		view(t, db, func(tx *Tx) {
			if it, ok, err := item(tx, []byte("k")); !ok || err != nil || !bytes.Equal(it.Value, value) {
				t.Errorf("%d bytes: %d bytes, %v, %v", n, len(it.Value), ok, err)
			}
		})
		verify(t, db)
	}
	must(t, db.Close())
}

// TestValueFileLife: a file is there from when its value is written until what replaces it
// is durable, no longer and no shorter.
func TestValueFileLife(t *testing.T) {
	big := Item{Type: TypeString, Value: randomBytes(filed)}
	key := []byte("k")
	put := func(it Item) func(*testing.T, *Tx) {
		return func(t *testing.T, tx *Tx) { must(t, tx.Put(key, it)) }
	}
	for _, tt := range []struct {
		name   string
		do     func(t *testing.T, tx *Tx)
		before int // files after do, of one key with one file, and
		after  int // after a Sync
	}{
		{"another key", func(t *testing.T, tx *Tx) { must(t, tx.Put([]byte("other"), big)) }, 2, 2},
		{"replaced by a small value", put(text("x")), 1, 0},
		{"replaced by another large one", put(big), 2, 1},
		{"replaced twice", func(t *testing.T, tx *Tx) { put(big)(t, tx); put(big)(t, tx) }, 3, 1},
		{"given an expiry", func(t *testing.T, tx *Tx) {
			if ok, err := tx.Expire(key, 5000); !ok || err != nil {
				t.Error(ok, err)
			}
		}, 1, 1},
		{"given an expiry, then replaced", func(t *testing.T, tx *Tx) {
			if ok, err := tx.Expire(key, 5000); !ok || err != nil {
				t.Error(ok, err)
			}
			put(text("x"))(t, tx)
		}, 1, 0},
		{"deleted", func(t *testing.T, tx *Tx) {
			if ok, err := tx.Delete(key); !ok || err != nil {
				t.Error(ok, err)
			}
		}, 1, 0},
		{"cleared", func(t *testing.T, tx *Tx) { must(t, tx.Clear()) }, 1, 0},
		{"cleared and written", func(t *testing.T, tx *Tx) { must(t, tx.Clear()); put(big)(t, tx) }, 2, 1},
		{"written and cleared", func(t *testing.T, tx *Tx) { put(big)(t, tx); must(t, tx.Clear()) }, 2, 0},
		{"taken back", func(t *testing.T, tx *Tx) {
			sp := savepoint(tx)
			put(big)(t, tx)
			put(text("x"))(t, tx)
			must(t, tx.Clear())
			put(big)(t, tx)
			tx.Savepoint(nil) // writes what there is, if told to
			tx.RollbackTo(sp)
			must(t, tx.Put([]byte("other"), text("x")))
		}, 1, 1},
		{"deleted, taken back", func(t *testing.T, tx *Tx) {
			sp := savepoint(tx)
			tx.Delete(key)
			tx.Savepoint(nil)
			tx.RollbackTo(sp)
			must(t, tx.Put([]byte("other"), text("x")))
		}, 1, 1},
		{"taken back, written", func(t *testing.T, tx *Tx) {
			sp := savepoint(tx)
			put(big)(t, tx)
			tx.Savepoint(nil)
			tx.RollbackTo(sp)
			put(big)(t, tx)
		}, 2, 1},
	} {
		for _, flushed := range []bool{false, true} { // is what was taken back in the log?
			t.Run(fmt.Sprintf("%s/%v", tt.name, flushed), func(t *testing.T) {
				fs := vfs.NewMem()
				now := int64(1)
				o := Options{FS: fs, Inline: true, tuning: small, Clock: func() int64 { return now }}
				if flushed {
					o.flushSize = 0
				}
				db := mustOpen(t, "db", o)
				update(t, db, func(tx *Tx) { put(big)(t, tx) })
				must(t, db.Sync())
				update(t, db, func(tx *Tx) { tt.do(t, tx) })
				if n := len(valueFiles(t, fs)); n != tt.before {
					t.Errorf("%d files, want %d", n, tt.before)
				}
				want := content(t, db)
				must(t, db.Sync())
				if n := len(valueFiles(t, fs)); n != tt.after {
					t.Errorf("%d files after a Sync, want %d", n, tt.after)
				}
				if got := content(t, db); !sameItems(got, want) {
					t.Errorf("a Sync changed%s", difference(got, want))
				}
				verify(t, db)
				must(t, db.Close())
				db = mustOpen(t, "db", o)
				if got := content(t, db); !sameItems(got, want) || len(valueFiles(t, fs)) != tt.after {
					t.Errorf("the next process finds %v and%s", valueFiles(t, fs), difference(got, want))
				}
				must(t, db.Close())
			})
		}
	}
}

// TestValueFileRolledBack: the files of a transaction that is rolled back are gone at once.
func TestValueFileRolledBack(t *testing.T) {
	fs := vfs.NewMem()
	db := mustOpen(t, "db", Options{FS: fs, Inline: true, tuning: small})
	tx, err := db.Begin(true)
	must(t, err)
	for i := range 10 {
		tx.Savepoint(nil)
		must(t, tx.Put(fmt.Appendf(nil, "k%d", i%3), Item{Type: TypeString, Value: randomBytes(filed + i)}))
	}
	tx.Rollback()
	if names := valueFiles(t, fs); len(names) > 0 {
		t.Errorf("files left: %v", names)
	}
	must(t, db.Sync())
	must(t, db.Close())
}

// TestValueFileExpired: an expired key keeps its file, as it keeps its record, until it
// is replaced.
func TestValueFileExpired(t *testing.T) {
	fs, now := vfs.NewMem(), int64(1)
	db := mustOpen(t, "db", Options{FS: fs, Inline: true, tuning: small, Clock: func() int64 { return now }})
	update(t, db, func(tx *Tx) {
		must(t, tx.Put([]byte("k"), Item{Type: TypeString, Value: randomBytes(filed), ExpireAt: 5}))
	})
	must(t, db.Sync())
	now = 5
	if n := len(valueFiles(t, fs)); n != 1 {
		t.Errorf("%d files", n)
	}
	update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("new"))) })
	must(t, db.Sync())
	if n := len(valueFiles(t, fs)); n != 0 {
		t.Errorf("replaced, and %d files", n)
	}
	verify(t, db)
}

// TestValueFileOrphans: what a process that died had written of a transaction without an
// end is removed by the next one, however little of it had reached the log.
func TestValueFileOrphans(t *testing.T) {
	for _, flushed := range []string{"nothing", "records", "other commits"} {
		for _, power := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", flushed, power), func(t *testing.T) {
				fs := vfs.NewCrash(1, vfs.CrashOptions{})
				o := Options{FS: fs, Inline: true, tuning: crowded}
				db := mustOpen(t, "db", o)
				update(t, db, func(tx *Tx) {
					must(t, tx.Put([]byte("old"), Item{Type: TypeString, Value: randomBytes(filed)}))
				})
				must(t, db.Sync())
				kept := valueFiles(t, fs)
				if flushed == "other commits" {
					update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("x"), text("y"))) })
					must(t, db.Flush())
				}
				tx, err := db.Begin(true)
				must(t, err)
				for i := range 5 {
					must(t, tx.Put(fmt.Appendf(nil, "new%d", i), Item{Type: TypeString, Value: randomBytes(filed + i)}))
				}
				if flushed == "records" {
					must(t, db.flush())
				}
				if power {
					fs = fs.PowerLost(0.7)
				} else {
					fs = fs.Killed()
				}
				o.FS = fs
				db = mustOpen(t, "db", o)
				if names := valueFiles(t, fs); !slices.Equal(names, kept) {
					t.Errorf("%v are left, want %v", names, kept)
				}
				view(t, db, func(tx *Tx) {
					if it, ok, err := item(tx, []byte("old")); !ok || err != nil || len(it.Value) != filed {
						t.Errorf("%d bytes, %v, %v", len(it.Value), ok, err)
					}
				})
				must(t, db.Close())
			})
		}
	}
}

// TestValueFileOrphanOfSync is about a file that was made while a Sync was under way.
func TestValueFileOrphanOfSync(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	o := Options{FS: fs, Inline: true, tuning: crowded}
	db := mustOpen(t, "db", o)
	put := func(key string) {
		t.Helper()
		update(t, db, func(tx *Tx) {
			must(t, tx.Put([]byte(key), Item{Type: TypeString, Value: randomBytes(filed)}))
		})
	}
	put("a")
	b, err := db.beginSync()
	must(t, err)
	put("b")
	must(t, db.syncFiles(b))
	db.ripen(b)
	must(t, db.feedAll())
	o.FS = fs.Killed()
	db = mustOpen(t, "db", o)
	if names := valueFiles(t, o.FS); len(names) != 1 {
		t.Errorf("%v are left, want the first", names)
	}
	must(t, db.Close())
}

// TestValueFileRefused: a value that cannot be written leaves no file, and no trace.
func TestValueFileRefused(t *testing.T) {
	for _, tt := range []struct {
		name string
		max  int64
		rule vfs.Rule
		want error
	}{
		{"over the maximum size", 3000, vfs.Rule{}, ErrMaxSize},
		{"disk full", 0, vfs.Rule{Ops: vfs.OpAllocate, Name: "*.val", Err: syscall.ENOSPC}, ErrFull},
		{"disk full while writing", 0, vfs.Rule{Ops: vfs.OpWrite, Name: "*.val", Nth: 2, Err: syscall.ENOSPC}, ErrFull},
		{"quota", 0, vfs.Rule{Ops: vfs.OpCreate, Name: "*.val", Err: syscall.EDQUOT}, ErrFull},
		{"write fails", 0, vfs.Rule{Ops: vfs.OpWrite, Name: "*.val", Err: syscall.EIO}, syscall.EIO},
	} {
		fs := vfs.NewFault(vfs.NewMem())
		o := Options{FS: fs, Inline: true, tuning: small, MaxSize: tt.max}
		db := mustOpen(t, "db", o)
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("small"))) })
		fs.SetRules(tt.rule)
		update(t, db, func(tx *Tx) {
			if err := tx.Put([]byte("k"), Item{Type: TypeString, Value: randomBytes(filed)}); !errors.Is(err, tt.want) {
				t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
			}
			if it, ok, err := item(tx, []byte("k")); !ok || err != nil || string(it.Value) != "small" {
				t.Errorf("%s: the key is %q, %v, %v", tt.name, it.Value, ok, err)
			}
		})
		must(t, db.Sync())
		if names := valueFiles(t, fs); len(names) > 0 {
			t.Errorf("%s: %v is left", tt.name, names)
		}
		verify(t, db)
		must(t, db.Close())
	}
}

// TestValueFileGone: damage of a value is met by who reads it, and by nobody else.
func TestValueFileGone(t *testing.T) {
	for _, how := range []string{"removed", "damaged"} {
		fs := vfs.NewCrash(1, vfs.CrashOptions{})
		o := Options{FS: fs, Inline: true, tuning: small}
		db := mustOpen(t, "db", o)
		items := map[string]Item{"a": {Type: TypeString, Value: randomBytes(filed)}, "b": text("small")}
		update(t, db, func(tx *Tx) {
			for k, it := range maps.All(items) {
				must(t, tx.Put([]byte(k), it))
			}
		})
		must(t, db.Sync())
		must(t, db.Close())
		name := join("db", valueFiles(t, fs)[0])
		if how == "removed" {
			must(t, fs.Remove(name))
		} else {
			fs.FlipBit(name, 12345)
		}
		db = mustOpen(t, "db", o)
		update(t, db, func(tx *Tx) {
			if _, _, err := item(tx, []byte("a")); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: Get says %v, want %v", how, err, ErrCorrupt)
			}
			if it, ok, err := item(tx, []byte("b")); !ok || err != nil || string(it.Value) != "small" {
				t.Errorf("%s: the other key is %q, %v, %v", how, it.Value, ok, err)
			}
			if n, err := tx.Len(); n != 2 || err != nil {
				t.Errorf("%s: %d keys, %v", how, n, err)
			}
		})
		faults, err := db.Verify(func(string) {})
		if faults != 1 || err != nil {
			t.Errorf("%s: Verify finds %d faults, %v", how, faults, err)
		}
		update(t, db, func(tx *Tx) {
			if ok, err := tx.Delete([]byte("a")); !ok || err != nil {
				t.Errorf("%s: Delete says %v, %v", how, ok, err)
			}
		})
		must(t, db.Sync())
		verify(t, db)
		if names := valueFiles(t, fs); len(names) > 0 {
			t.Errorf("%s: deleted, and %v is left", how, names)
		}
		must(t, db.Close())
	}
}

// syncSpy tells which value files are synced.
type syncSpy struct {
	vfs.FS
	synced chan string
}

type spiedFile struct {
	vfs.File
	name   string
	synced chan string
}

func (s syncSpy) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := s.FS.OpenFile(name, flag)
	if err == nil && strings.HasSuffix(name, valueNameSuffix) {
		return spiedFile{f, name, s.synced}, nil
	}
	return f, err
}

func (f spiedFile) Datasync() error {
	f.synced <- f.name
	return f.File.Datasync()
}

// TestValueFileBackground: long values count for how much may wait for the disk, though
// there is little of them in the log.
func TestValueFileBackground(t *testing.T) {
	spy := syncSpy{vfs.NewMem(), make(chan string, 10)}
	o := Options{FS: spy, tuning: crowded}
	o.syncEvery = 100_000
	db := mustOpen(t, "db", o)
	update(t, db, func(tx *Tx) {
		must(t, tx.Put([]byte("k"), Item{Type: TypeString, Value: randomBytes(50_000)}))
	})
	if len(spy.synced) > 0 {
		t.Error("synced too soon")
	}
	update(t, db, func(tx *Tx) {
		must(t, tx.Put([]byte("l"), Item{Type: TypeString, Value: randomBytes(50_000)}))
	})
	for range 2 {
		select {
		case <-spy.synced:
		case <-time.After(time.Minute):
			t.Fatal("nothing is synced")
		}
	}
	must(t, db.Close())
}

// TestValueFileStaysRemoved: the removal of a file is durable before a hard header says
// that the log which asks for it need not be read again.
func TestValueFileStaysRemoved(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	o := Options{FS: fs, Inline: true, tuning: crowded}
	db := mustOpen(t, "db", o)
	for n := range 2 {
		update(t, db, func(tx *Tx) {
			must(t, tx.Put([]byte("k"), Item{Type: TypeString, Value: randomBytes(filed + n)}))
		})
		must(t, db.Sync())
		must(t, db.syncIndex(func() bool { return false }))
	}
	fs = fs.PowerLost(0)
	o.FS = fs
	db = mustOpen(t, "db", o)
	if names := valueFiles(t, fs); len(names) != 1 {
		t.Errorf("%v are there", names)
	}
	must(t, db.Close())
}
