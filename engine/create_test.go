package engine

import (
	"bytes"
	"errors"
	iofs "io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// TestAbsent: who reads a database that does not exist finds an empty one, and leaves
// nothing behind.
func TestAbsent(t *testing.T) {
	eachFS(t, func(t *testing.T, fs vfs.FS, dir string) {
		db := mustOpen(t, dir, Options{FS: fs})
		if db.Exists() {
			t.Error("exists")
		}
		view(t, db, func(tx *Tx) {
			_, found, err := item(tx, []byte("k"))
			n, lenErr := tx.Len()
			v, versionErr := tx.Version([]byte("k"))
			_, some, randomErr := tx.Random()
			next, scanErr := tx.Scan(0, 10, func([]byte, Item) bool { t.Error("a key"); return true })
			if found || some || n != 0 || v != 0 || next != 0 || errors.Join(err, lenErr, versionErr, randomErr, scanErr) != nil {
				t.Errorf("found %v, random %v, %d keys, version %d, cursor %d; errors %v", found, some, n, v, next,
					errors.Join(err, lenErr, versionErr, randomErr, scanErr))
			}
			if err := tx.Put([]byte("k"), text("v")); !errors.Is(err, ErrReadOnly) {
				t.Errorf("Put in a transaction that reads: %v, want %v", err, ErrReadOnly)
			}
			tx.Prefetch([][]byte{[]byte("k")})
			tx.RollbackTo(savepoint(tx))
		})
		must(t, db.Flush())
		must(t, db.Sync())
		verify(t, db)
		if s, err := db.Stats(); err != nil || s.Keys != 0 || s.LogBytes != 0 {
			t.Errorf("Stats: %+v, %v", s, err)
		}
		must(t, db.Close())
		if _, err := fs.ReadDir(dir); !errors.Is(err, iofs.ErrNotExist) {
			t.Errorf("the directory: %v, want %v", err, iofs.ErrNotExist)
		}
	})
}

// TestCreate: the first transaction that may write makes the database, even if it is
// rolled back, and it is there for the next process.
func TestCreate(t *testing.T) {
	eachFS(t, func(t *testing.T, fs vfs.FS, dir string) {
		db := mustOpen(t, dir, Options{FS: fs})
		tx, err := db.Begin(true)
		must(t, err)
		must(t, tx.Put([]byte("k"), text("v")))
		tx.Rollback()
		if !db.Exists() {
			t.Error("does not exist")
		}
		if _, ok, err := getValue(db, "k"); ok || err != nil {
			t.Errorf("rolled back: %v, %v", ok, err)
		}
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("l"), text("w"))) })
		must(t, db.Close())
		db = mustOpen(t, dir+"/", Options{FS: fs})
		if v, ok, err := getValue(db, "l"); v != "w" || !ok || err != nil {
			t.Errorf("next process: %q, %v, %v", v, ok, err)
		}
		names, err := fs.ReadDir(dir)
		names = slices.DeleteFunc(names, func(name string) bool { return name == queueName }) // in memory there is none
		if want := []string{segmentName(1), indexName, lockName, manifestName}; err != nil || !slices.Equal(names, want) {
			t.Errorf("files: %v, %v; want %v", names, err, want)
		}
		must(t, db.Close())
	})
}

// TestCreateElsewhere: where no database can be, or something else is, Open says so and
// touches nothing.
func TestCreateElsewhere(t *testing.T) {
	eachFS(t, func(t *testing.T, fs vfs.FS, dir string) {
		must(t, fs.Mkdir(dir))
		writeFile(t, fs, dir+"/file", []byte("something"))
		must(t, fs.Mkdir(dir+"/foreign"))
		writeFile(t, fs, dir+"/foreign/notes.txt", []byte("something else"))
		must(t, fs.Mkdir(dir+"/mixed"))
		writeFile(t, fs, dir+"/mixed/"+indexName, nil)
		writeFile(t, fs, dir+"/mixed/"+segmentName(2), nil)
		for _, tt := range []struct {
			path string
			open error
			make error
		}{
			{dir + "/file", ErrNotOurs, nil},
			{dir + "/file/below", ErrNotOurs, nil},
			{dir + "/foreign", ErrNotOurs, nil},
			{dir + "/mixed", ErrNotOurs, nil},
			{dir, ErrNotOurs, nil},
			{dir + "/no/such", nil, iofs.ErrNotExist},
		} {
			db, err := Open(tt.path, Options{FS: fs})
			if !errors.Is(err, tt.open) {
				t.Errorf("Open(%s): %v, want %v", tt.path, err, tt.open)
			}
			if err == nil {
				if _, err := db.Begin(true); !errors.Is(err, tt.make) {
					t.Errorf("Begin(true) in %s: %v, want %v", tt.path, err, tt.make)
				}
				if _, ok, err := getValue(db, "k"); ok || err != nil {
					t.Errorf("a key in %s: %v, %v", tt.path, ok, err)
				}
				must(t, db.Close())
			}
		}
		for sub, want := range map[string][]string{"": {"file", "foreign", "mixed"}, "/foreign": {"notes.txt"}, "/mixed": {segmentName(2), indexName}} {
			if names, err := fs.ReadDir(dir + sub); err != nil || !slices.Equal(names, want) {
				t.Errorf("%s holds %v, %v; want %v", dir+sub, names, err, want)
			}
		}
	})
}

// TestCreateInDirectory: an empty directory will do, and one where somebody died while a
// database was made.
func TestCreateInDirectory(t *testing.T) {
	for _, left := range [][]string{{}, {lockName}, {lockName, queueName, segmentName(1)}, {indexName, lockName, segmentName(1), manifestName + tmpSuffix}} {
		fs := vfs.NewMem()
		must(t, fs.Mkdir("db"))
		for _, name := range left {
			writeFile(t, fs, "db/"+name, []byte("half of something"))
		}
		db := mustOpen(t, "db", Options{FS: fs, Inline: true})
		if db.Exists() {
			t.Errorf("%v make a database", left)
		}
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("v"))) })
		must(t, db.Close())
		db = mustOpen(t, "db", Options{FS: fs, Inline: true})
		if v, _, err := getValue(db, "k"); v != "v" || err != nil {
			t.Errorf("in a directory with %v: %q, %v", left, v, err)
		}
		verify(t, db)
		must(t, db.Close())
	}
}

// TestCreateByAnother: a database that somebody else makes is seen as soon as it is there.
func TestCreateByAnother(t *testing.T) {
	eachFS(t, func(t *testing.T, fs vfs.FS, dir string) {
		o := Options{FS: fs, Inline: true}
		reader, writer := mustOpen(t, dir, o), mustOpen(t, dir, o)
		if _, ok, err := getValue(reader, "k"); ok || err != nil {
			t.Errorf("nobody has made it: %v, %v", ok, err)
		}
		other := mustOpen(t, dir, o)
		update(t, other, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("v"))) })
		for name, begin := range map[string]bool{"reader": false, "writer": true} {
			db := map[string]*DB{"reader": reader, "writer": writer}[name]
			if _, err := db.Begin(begin); !errors.Is(err, ErrBusy) {
				t.Errorf("%s, while the other has it: %v, want %v", name, err, ErrBusy)
			}
		}
		must(t, other.Close())
		if v, _, err := getValue(reader, "k"); v != "v" || err != nil {
			t.Errorf("reader finds %q, %v", v, err)
		}
		must(t, reader.Close())
		update(t, writer, func(tx *Tx) {
			if it, _, err := item(tx, []byte("k")); string(it.Value) != "v" || err != nil {
				t.Errorf("writer finds %q, %v", it.Value, err)
			}
			must(t, tx.Put([]byte("l"), text("w")))
		})
		must(t, writer.Close())
	})
}

// TestCreateTogether: of several that make the database at the same time each has it once.
func TestCreateTogether(t *testing.T) {
	eachFS(t, func(t *testing.T, fs vfs.FS, dir string) {
		var wg sync.WaitGroup
		const n = 8
		for i := range n {
			wg.Go(func() {
				db, err := Open(dir, Options{FS: fs, Inline: true, LockTimeout: time.Minute})
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				tx, err := db.Begin(true)
				if err != nil {
					t.Error(err)
					return
				}
				if err := errors.Join(tx.Put([]byte{byte(i)}, text("v")), tx.Commit()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		db := mustOpen(t, dir, Options{FS: fs})
		view(t, db, func(tx *Tx) {
			if got, err := tx.Len(); got != n || err != nil {
				t.Errorf("%d keys, %v; want %d", got, err, n)
			}
		})
		must(t, db.Close())
	})
}

// TestCreateFails makes each operation of making a database fail. The next try, by the
// same or another process, finds no obstacle.
func TestCreateFails(t *testing.T) {
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for n, fired := 1, true; fired; n++ {
			fs := vfs.NewFault(vfs.NewMem())
			db := mustOpen(t, "db", Options{FS: fs, Inline: true})
			fs.SetRules(vfs.Rule{Ops: vfs.OpAny, Nth: n, Err: cause})
			tx, err := db.Begin(true)
			if err == nil {
				tx.Rollback()
			}
			if fired = fs.Fired() > 0; err != nil && !errors.Is(err, cause) {
				t.Errorf("operation %d: %v, want %v", n, err, cause)
			}
			fs.SetRules()
			other := db
			if err != nil {
				other = mustOpen(t, "db", Options{FS: fs, Inline: true})
			}
			update(t, other, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("v"))) })
			must(t, other.Sync())
			must(t, other.Close())
			if other != db {
				update(t, db, func(tx *Tx) {
					if it, _, err := item(tx, []byte("k")); string(it.Value) != "v" || err != nil {
						t.Errorf("operation %d: the first finds %q, %v", n, it.Value, err)
					}
					must(t, tx.Put([]byte("l"), text("w")))
					must(t, tx.Put([]byte("k"), text("x")))
					if got, err := tx.Len(); got != 2 || err != nil {
						t.Errorf("operation %d: the first counts %d keys, %v; want 2", n, got, err)
					}
				})
				must(t, db.Sync())
				must(t, db.Close())
			}
		}
	}
}

// countingFS counts the files, mappings and locks that are open.
type countingFS struct {
	vfs.FS
	open *atomic.Int64
}

type countedFile struct {
	vfs.File
	open *atomic.Int64
}

func (c countingFS) OpenFile(name string, flag int) (vfs.File, error) {
	f, err := c.FS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	return countedFile{f, c.open}, nil
}

func (f countedFile) Close() error {
	f.open.Add(-1)
	return f.File.Close()
}

// TestNoFileLeft: whatever goes wrong when a database is opened or made, no descriptor is
// lost; a shell that tries again and again would run out of them.
func TestNoFileLeft(t *testing.T) {
	for _, state := range []string{"absent", "closed", "power cut", "no index"} {
		for _, readOnly := range []bool{false, true} {
			for n, fired := 1, true; fired; n++ {
				var inner vfs.FS = vfs.NewMem()
				if state != "absent" {
					inner, _ = leftBehind(t, state)
				}
				var open atomic.Int64
				fs := vfs.NewFault(countingFS{inner, &open}, vfs.Rule{Ops: vfs.OpAny, Nth: n, Err: syscall.EIO})
				db, err := Open("db", Options{FS: fs, Inline: true, ReadOnly: readOnly, tuning: crowded})
				if err == nil {
					if tx, err := db.Begin(!readOnly); err == nil {
						tx.Rollback()
					}
					db.Close()
				}
				if fired = fs.Fired() > 0; open.Load() != 0 {
					t.Errorf("%s, read-only %v, operation %d: %d files are open", state, readOnly, n, open.Load())
				}
			}
		}
	}
}

// TestCloseTwice: closing a closed database is nothing, and it refuses everything else.
func TestCloseTwice(t *testing.T) {
	for _, exists := range []bool{false, true} {
		db := mustOpen(t, "db", Options{FS: vfs.NewMem()})
		if exists {
			update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("v"))) })
		}
		must(t, db.Close())
		must(t, db.Close())
		for _, writable := range []bool{false, true} {
			if _, err := db.Begin(writable); !errors.Is(err, ErrClosed) {
				t.Errorf("exists %v, Begin(%v): %v, want %v", exists, writable, err, ErrClosed)
			}
		}
		for name, do := range map[string]func() error{"Flush": db.Flush, "Sync": db.Sync} {
			if err := do(); err != nil && !errors.Is(err, ErrClosed) {
				t.Errorf("exists %v, %s: %v", exists, name, err)
			}
		}
	}
}

// TestLostManifest takes the manifest from a database. Nobody may make a new one over its
// log, however small it is.
func TestLostManifest(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	now := int64(0)
	db := openTest(t, fs, testDir, &now)
	set(t, db, "k", "v")
	must(t, db.Sync())
	must(t, db.Close())
	must(t, fs.Remove(join(testDir, manifestName)))
	log := fs.Bytes("/" + join(testDir, segmentName(1)))
	if _, err := Open(testDir, Options{FS: fs}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("Open: %v, want ErrCorrupt", err)
	}
	if !bytes.Equal(log, fs.Bytes("/"+join(testDir, segmentName(1)))) {
		t.Error("the log has changed")
	}
}

// networkFS is a file system that says of itself that it is one of a network.
type networkFS struct{ vfs.FS }

func (networkFS) Network(string) (string, error) { return "nfs", nil }

// TestNetwork: on a network file system no database is made, and none opened, unless the
// caller insists.
func TestNetwork(t *testing.T) {
	mem := vfs.NewMem()
	o := Options{FS: networkFS{mem}, Inline: true}
	db, err := Open(testDir, o)
	must(t, err)
	if _, err := db.Begin(true); !errors.Is(err, ErrNetwork) {
		t.Errorf("made: %v", err)
	}
	must(t, db.Close())
	if _, err := mem.ReadDir(testDir); err == nil {
		t.Error("a directory is left")
	}
	o.AllowNetwork = true
	db, err = Open(testDir, o)
	must(t, err)
	set(t, db, "k", "v")
	must(t, db.Close())
	o.AllowNetwork = false
	for _, o.ReadOnly = range []bool{false, true} {
		if _, err := Open(testDir, o); !errors.Is(err, ErrNetwork) || !strings.Contains(err.Error(), "is on nfs") {
			t.Errorf("opened, read only %v: %v", o.ReadOnly, err)
		}
	}
	_, err = mem.ReadDir(testDir)
	must(t, err)
}
