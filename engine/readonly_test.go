package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// frozenFS is a file system that nobody can write to: a CD, or a directory without the
// permission. refusal is EROFS or EACCES.
type frozenFS struct {
	vfs.FS
	refusal error
}

func (f frozenFS) OpenFile(name string, flag int) (vfs.File, error) {
	if flag != os.O_RDONLY {
		return nil, &os.PathError{Op: "open", Path: name, Err: f.refusal}
	}
	return f.FS.OpenFile(name, flag)
}

func (f frozenFS) Lock(name string, _ bool, _ time.Duration, _ func() bool) (vfs.Lock, error) {
	return nil, &os.PathError{Op: "open", Path: name, Err: f.refusal}
}

func (f frozenFS) Mkdir(string) error          { return f.refusal }
func (f frozenFS) Rename(string, string) error { return f.refusal }
func (f frozenFS) Remove(string) error         { return f.refusal }
func (f frozenFS) SyncDir(string) error        { return f.refusal }

// leftBehind is a database as a process left it, in different states, and what is in it.
func leftBehind(t *testing.T, state string) (fs *vfs.Crash, want map[string]Item) {
	fs = vfs.NewCrash(1, vfs.CrashOptions{})
	db := mustOpen(t, "db", Options{FS: fs, Inline: true, Clock: func() int64 { return 1000 }, tuning: crowded})
	want = map[string]Item{}
	put := func(key string, it Item) {
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte(key), it)) })
		want[key] = it
	}
	put("big", Item{Type: TypeString, Value: randomBytes(filed)})
	for i := range 200 {
		put(fmt.Sprintf("k%d", i), Item{Type: TypeString, Value: []byte("v"), ExpireAt: int64(i%2) * 5000})
	}
	must(t, db.Sync())
	must(t, db.syncIndex(func() bool { return false }))
	if state == "cleared" {
		update(t, db, func(tx *Tx) { must(t, tx.Clear()) })
		clear(want)
	}
	for i := range 100 {
		put(fmt.Sprintf("k%d", i), text(strings.Repeat("new ", 100)))
		put(fmt.Sprintf("l%d", i), text(strings.Repeat("new ", 100)))
	}
	put("big", Item{Type: TypeString, Value: randomBytes(filed + 1)})
	update(t, db, func(tx *Tx) {
		if _, err := tx.Delete([]byte("k150")); err != nil {
			t.Fatal(err)
		}
		delete(want, "k150")
	})
	must(t, db.Flush())
	switch state {
	case "closed", "no index":
		must(t, db.Sync())
		must(t, db.Close())
		fs = fs.Killed()
		if state == "no index" {
			must(t, fs.Remove("db/"+indexName))
		}
	case "killed in a transaction":
		tx, err := db.Begin(true)
		must(t, err)
		must(t, tx.Put([]byte("k1"), text("never")))
		must(t, db.flush())
		fs = fs.Killed()
	case "power cut":
		b, err := db.beginSync()
		must(t, err)
		must(t, db.syncFiles(b))
		fs = fs.PowerLost(0.5)
	default:
		fs = fs.Killed()
	}
	return fs, want
}

// files are the contents of all files.
func files(fs *vfs.Crash) map[string]string {
	all := map[string]string{}
	for _, name := range fs.Files() {
		all[name] = string(fs.Bytes(name))
	}
	return all
}

// TestReadOnly opens databases in any state for reading: all that was committed is there,
// and not a byte on disk changes. The lock file is all that may be made.
func TestReadOnly(t *testing.T) {
	for _, state := range []string{"closed", "killed", "killed in a transaction", "cleared", "power cut", "no index"} {
		for _, medium := range []string{"writable", "read-only medium", "no permission", "no lock file"} {
			t.Run(state+"/"+medium, func(t *testing.T) {
				crash, want := leftBehind(t, state)
				var fs vfs.FS = crash
				switch medium {
				case "read-only medium":
					fs = frozenFS{crash, syscall.EROFS}
				case "no permission":
					fs = frozenFS{crash, syscall.EACCES}
				case "no lock file":
					must(t, crash.Remove("db/"+lockName))
				}
				before := files(crash)
				now := int64(1000)
				db := mustOpen(t, "db", Options{FS: fs, ReadOnly: true, Clock: func() int64 { return now }, tuning: crowded})
				if got := content(t, db); !sameItems(got, want) {
					t.Errorf("wrong:%s", difference(got, want))
				}
				m := &model{items: want, now: 1000}
				m.check(t, db)
				now, m.now = 5000, 5000
				m.check(t, db)
				verify(t, db)
				refusesWrites(t, db)
				must(t, db.Close())

				after := files(crash)
				delete(before, "/db/"+lockName)
				delete(after, "/db/"+lockName)
				for name := range after {
					if before[name] != after[name] {
						t.Errorf("%s has changed", name)
					}
				}
				if len(before) != len(after) {
					t.Errorf("%d files, %d before", len(after), len(before))
				}
			})
		}
	}
}

// refusesWrites checks that an open database and its transactions take no writes.
func refusesWrites(t *testing.T, db *DB) {
	t.Helper()
	if _, err := db.Begin(true); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Begin(true): %v, want %v", err, ErrReadOnly)
	}
	view(t, db, func(tx *Tx) {
		_, expire := tx.Expire([]byte("k1"), 1)
		_, remove := tx.Delete([]byte("k1"))
		for i, err := range []error{tx.Put([]byte("k"), text("v")), expire, remove, tx.Clear()} {
			if !errors.Is(err, ErrReadOnly) {
				t.Errorf("write %d: %v, want %v", i, err, ErrReadOnly)
			}
		}
		if _, ok, err := item(tx, []byte("l1")); !ok || err != nil {
			t.Errorf("a key after refused writes: %v, %v", ok, err)
		}
	})
	must(t, db.Flush())
	must(t, db.Sync())
	if _, err := db.Stats(); err != nil {
		t.Error("Stats:", err)
	}
}

// TestNotReadOnlyOnReadOnlyMedium: who wants to write where nobody can is told so.
func TestNotReadOnlyOnReadOnlyMedium(t *testing.T) {
	crash, _ := leftBehind(t, "closed")
	if _, err := Open("db", Options{FS: frozenFS{crash, syscall.EROFS}}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Open: %v, want %v", err, syscall.EROFS)
	}
	db := mustOpen(t, "other", Options{FS: frozenFS{crash, syscall.EACCES}})
	if _, err := db.Begin(true); !errors.Is(err, syscall.EACCES) {
		t.Errorf("Begin(true): %v, want %v", err, syscall.EACCES)
	}
}

// TestReadOnlyAbsent: there is nothing to read, and nothing is made.
func TestReadOnlyAbsent(t *testing.T) {
	fs := vfs.NewMem()
	for range 2 { // in the second round there is an empty directory
		if _, err := Open("db", Options{FS: fs, ReadOnly: true}); !errors.Is(err, ErrNotFound) {
			t.Errorf("Open: %v, want %v", err, ErrNotFound)
		}
		if names, _ := fs.ReadDir("db"); len(names) > 0 {
			t.Errorf("made: %v", names)
		}
		fs.Mkdir("db")
	}
}

// TestUnreadable: that a file cannot be opened or read, for want of permission or of
// descriptors, does not mean that the database is damaged.
func TestUnreadable(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		for _, name := range []string{manifestName, indexName, "*.log", "*.val"} {
			for _, op := range []vfs.Op{vfs.OpOpen, vfs.OpMap} {
				crash, want := leftBehind(t, "closed")
				fs := vfs.NewFault(crash, vfs.Rule{Ops: op, Name: name, Forever: true, Err: syscall.EMFILE})
				before := files(crash)
				db, err := Open("db", Options{FS: fs, ReadOnly: readOnly, Inline: true, tuning: crowded})
				if err == nil {
					view(t, db, func(tx *Tx) { _, _, err = item(tx, []byte("big")) })
					db.Close()
				}
				if fs.Fired() > 0 && !errors.Is(err, syscall.EMFILE) || errors.Is(err, ErrCorrupt) {
					t.Errorf("%s, operation %#x, read-only %v: %v", name, op, readOnly, err)
				}
				if name == indexName && op == vfs.OpOpen && string(crash.Bytes("db/"+indexName)) != before["/db/"+indexName] {
					t.Errorf("read-only %v: an index that cannot be opened has changed", readOnly)
				}
				fs.SetRules()
				db = mustOpen(t, "db", Options{FS: fs, Inline: true, Clock: func() int64 { return 1000 }, tuning: crowded})
				if got := content(t, db); !sameItems(got, want) {
					t.Errorf("%s, operation %#x, read-only %v, then:%s", name, op, readOnly, difference(got, want))
				}
				must(t, db.Close())
			}
		}
	}
}

// TestUnreadableOnce makes each look at the disk fail, one at a time, in openings that have
// to find the end of a log of several segments. Nothing is cut off, or made again, because
// it could not be looked at.
func TestUnreadableOnce(t *testing.T) {
	for _, state := range []string{"power cut", "no index", "killed"} {
		for n, fired := 1, true; fired; n++ {
			crash, want := leftBehind(t, state)
			if names := crash.Files(); !slices.Contains(names, "/db/"+segmentName(2)) {
				t.Fatal("too small for a second segment")
			}
			fs := vfs.NewFault(crash, vfs.Rule{Ops: vfs.OpOpen | vfs.OpMap | vfs.OpRead | vfs.OpReadDir, Nth: n, Err: syscall.EMFILE})
			o := Options{FS: fs, Inline: true, Clock: func() int64 { return 1000 }, tuning: crowded}
			db, err := Open("db", o)
			fired = fs.Fired() > 0
			if errors.Is(err, ErrCorrupt) || err != nil && !errors.Is(err, syscall.EMFILE) {
				t.Errorf("%s, look %d: %v", state, n, err)
			}
			if err == nil {
				must(t, db.Close())
			}
			fs.SetRules()
			db = mustOpen(t, "db", o)
			if got := content(t, db); !sameItems(got, want) {
				t.Errorf("%s, look %d, afterwards:%s", state, n, difference(got, want))
			}
			verify(t, db)
			must(t, db.Close())
		}
	}
}

// eachFS runs a test on the real file system and on the one in memory.
func eachFS(t *testing.T, test func(t *testing.T, fs vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS, t.TempDir()+"/db") })
	t.Run("memory", func(t *testing.T) { test(t, vfs.NewMem(), "db") })
}

// TestReadersAndWriter: any number of readers have a database at a time, or one writer.
func TestReadersAndWriter(t *testing.T) {
	eachFS(t, func(t *testing.T, fs vfs.FS, dir string) {
		writer := Options{FS: fs, Inline: true, Owner: "nubdb -f import.txt"}
		reader := Options{FS: fs, Inline: true, ReadOnly: true, Owner: "nubdb -r"}
		busy := func(who string, o Options) {
			t.Helper()
			db, err := Open(dir, o)
			if !errors.Is(err, ErrBusy) {
				t.Fatalf("%s: %v, want %v", who, err, ErrBusy)
			}
			if want := fmt.Sprintf("process %d (nubdb -f import.txt)", os.Getpid()); who != "writer beside readers" && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not name %q", who, err, want)
			}
			if db != nil {
				t.Errorf("%s: a database and an error", who)
			}
		}
		db := mustOpen(t, dir, writer)
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("v"))) })
		busy("second writer", writer)
		busy("reader beside a writer", reader)
		must(t, db.Sync())
		must(t, db.Close())

		var readers []*DB
		for range 3 {
			readers = append(readers, mustOpen(t, dir, reader))
		}
		for _, db := range readers {
			view(t, db, func(tx *Tx) {
				if it, ok, err := item(tx, []byte("k")); !ok || err != nil || string(it.Value) != "v" {
					t.Errorf("%q, %v, %v", it.Value, ok, err)
				}
			})
		}
		busy("writer beside readers", writer)
		for _, db := range readers {
			busy("writer beside readers", writer)
			must(t, db.Close())
		}
		must(t, mustOpen(t, dir, writer).Close())
	})
}

// TestLockTimeout: who waits gets the database as soon as it is free.
func TestLockTimeout(t *testing.T) {
	eachFS(t, func(t *testing.T, fs vfs.FS, dir string) {
		db := mustOpen(t, dir, Options{FS: fs, Inline: true})
		update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("v"))) })
		must(t, db.Sync())
		if _, err := Open(dir, Options{FS: fs, LockTimeout: time.Millisecond}); !errors.Is(err, ErrBusy) {
			t.Errorf("waited for a short time: %v, want %v", err, ErrBusy)
		}
		var wg sync.WaitGroup
		for _, readOnly := range []bool{false, true, true, false} {
			wg.Go(func() {
				db, err := Open(dir, Options{FS: fs, Inline: true, ReadOnly: readOnly, LockTimeout: time.Minute})
				if err != nil {
					t.Errorf("read-only %v: %v", readOnly, err)
					return
				}
				if _, ok, err := getValue(db, "k"); !ok || err != nil {
					t.Errorf("read-only %v: %v, %v", readOnly, ok, err)
				}
				db.Close()
			})
		}
		must(t, db.Close())
		wg.Wait()
	})
}

func getValue(db *DB, key string) (value string, ok bool, err error) {
	tx, err := db.Begin(false)
	if err != nil {
		return "", false, err
	}
	defer tx.Commit()
	it, ok, err := item(tx, []byte(key))
	return string(it.Value), ok, err
}

// TestBusyOwnerGone: a reader does not sign the lock file, so what stands there may be of
// a process that is no more; it is not blamed.
func TestBusyOwnerGone(t *testing.T) {
	cmd := exec.Command("true")
	must(t, cmd.Run())
	fs := vfs.NewMem()
	db := mustOpen(t, "db", Options{FS: fs, Inline: true})
	update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("v"))) })
	must(t, db.Close())
	for text, want := range map[string]string{
		fmt.Sprintf("%d nubdb", cmd.Process.Pid): "db is in use",
		fmt.Sprintf("%d nubdb", os.Getpid()):     fmt.Sprintf("db is in use by process %d (nubdb)", os.Getpid()),
		"":                                       "db is in use",
		"nonsense":                               "db is in use",
		"x y":                                    "db is in use",
		"-1 kill":                                "db is in use",
	} {
		writeFile(t, fs, "db/"+lockName, []byte(text))
		db := mustOpen(t, "db", Options{FS: fs, ReadOnly: true})
		_, err := Open("db", Options{FS: fs})
		if !errors.Is(err, ErrBusy) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("LOCK holds %q: %v, want %q", text, err, want)
		}
		must(t, db.Close())
	}
}

// TestReadOnlyDamage: a reader refuses a damaged log as a writer does.
func TestReadOnlyDamage(t *testing.T) {
	for _, state := range []string{"killed", "no index"} {
		fs, _ := leftBehind(t, state)
		logs := slices.DeleteFunc(fs.Files(), func(name string) bool { return !strings.HasSuffix(name, ".log") })
		fs.FlipBit(logs[0], 8*3000)
		for _, readOnly := range []bool{true, false, true, false} {
			db, err := Open("db", Options{FS: fs, ReadOnly: readOnly, Inline: true, tuning: crowded})
			if state == "no index" {
				if !errors.Is(err, ErrCorrupt) {
					t.Errorf("%s, read-only %v: %v, want %v", state, readOnly, err, ErrCorrupt)
				}
				continue
			}
			must(t, err)
			if faults, err := db.Verify(func(string) {}); faults == 0 || err != nil {
				t.Errorf("%s, read-only %v: %d faults, %v", state, readOnly, faults, err)
			}
			must(t, db.Close())
		}
	}
}
