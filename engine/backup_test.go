package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

const backupDir = "copy"

// played is a file system on which a script has been played, and what it left.
func played(t testing.TB, seed uint64) (*vfs.Crash, map[string]Item) {
	t.Helper()
	fs := vfs.NewCrash(seed, vfs.CrashOptions{})
	newTestDatabase(t, fs, testDir)
	s := newScript(seed, 90)
	s.steps = append(s.steps, step{kind: stepSync})
	s.play(t, fs, new(progress))
	return fs, s.states[len(s.states)-1]
}

// backUp makes a backup of the database in testDir.
func backUp(t testing.TB, fs vfs.FS) error {
	t.Helper()
	now := int64(0)
	db := openTest(t, fs, testDir, &now)
	defer db.Close()
	return db.Backup(backupDir)
}

// TestBackup makes a copy, lets the power go, and opens it: it holds what the database
// held, and nothing has to be made again.
func TestBackup(t *testing.T) {
	eachSeed(t, 3, 30, func(t *testing.T, seed uint64) {
		fs, items := played(t, seed)
		if err := backUp(t, fs); err != nil {
			t.Fatal(err)
		}
		fs = fs.PowerLost(0)
		now := int64(0)
		db := openTest(t, fs, backupDir, &now)
		defer db.Close()
		if db.rebuilt || db.idx.hardAddr() != db.committed {
			t.Errorf("made anew: %v; the index is synced up to %#x, the log ends at %#x", db.rebuilt, db.idx.hardAddr(), db.committed)
		}
		inspect(t, db, &now, items)
		original := openTest(t, fs, testDir, &now)
		defer original.Close()
		if original.man != db.man {
			t.Errorf("manifest %+v, that of the database is %+v", db.man, original.man)
		}
	})
}

// TestBackupOfMemory copies a database that is kept nowhere to a disk.
func TestBackupOfMemory(t *testing.T) {
	db, err := Open(Memory, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	set(t, db, "k", "v")
	dir := filepath.Join(t.TempDir(), "kept")
	if err := db.Backup(dir); err != nil {
		t.Fatal(err)
	}
	kept, err := Open(dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if got := get(t, kept, "k"); got != "v" {
		t.Errorf("k = %q", got)
	}
}

func set(t testing.TB, db *DB, key, value string) {
	t.Helper()
	tx, err := db.Begin(true)
	if err == nil {
		err = tx.Put([]byte(key), Item{Type: TypeString, Value: []byte(value)})
	}
	if err == nil {
		err = tx.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, db *DB, key string) string {
	t.Helper()
	tx, err := db.Begin(false)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Commit()
	it, _, err := item(tx, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return string(it.Value)
}

// TestBackupWhileOthersWrite verifies and copies a database in which transactions set all of
// a few keys to one number, one of them a long value that is now and then deleted, while
// segments and value files are removed. In the copies all have the same.
func TestBackupWhileOthersWrite(t *testing.T) {
	dir := t.TempDir()
	small := crowded
	small.syncEvery, small.indexSyncEvery, small.slack = 64<<10, 256<<10, 64<<10
	db, err := Open(dir+"/db", Options{tuning: small})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := writeNumber(db, 1); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	var writer sync.WaitGroup
	writer.Go(func() {
		// On a slow disk it takes a while until there is something to be removed.
		compacted := func() bool { s, err := db.Stats(); return err != nil || s.Compactions > 0 }
		for n, most := 2, count(1000, 20_000); n < most || n < 100*most && !compacted(); n++ {
			if err := writeNumber(db, n); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	})
	defer writer.Wait()
	for i := 0; ; i++ {
		verify(t, db) // which lets others write, too
		copied := fmt.Sprintf("%s/copy%d", dir, i)
		if err := db.Backup(copied); err != nil {
			t.Fatal(err)
		}
		checkNumber(t, copied)
		select {
		case err := <-written:
			if err != nil {
				t.Fatal(err)
			}
			if s, err := db.Stats(); err != nil || s.Compactions == 0 {
				t.Errorf("nothing was compacted meanwhile: %+v, %v", s, err)
			}
			return
		default:
		}
	}
}

const numbered = 50 // keys

func writeNumber(db *DB, n int) error {
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	for i := range numbered {
		if err := tx.Put([]byte(strconv.Itoa(i)), Item{Type: TypeString, Value: []byte(strconv.Itoa(n))}); err != nil {
			tx.Rollback()
			return err
		}
	}
	if n%10 == 0 {
		_, err = tx.Delete([]byte("long"))
	} else {
		err = tx.Put([]byte("long"), Item{Type: TypeString, Value: longNumber(n)})
	}
	if err != nil {
		tx.Rollback()
		return err
	}
	return tx.Commit()
}

// longNumber is a value that gets a file of its own.
func longNumber(n int) []byte { return bytes.Repeat([]byte(strconv.Itoa(n)+" "), 3000) }

func checkNumber(t *testing.T, dir string) {
	t.Helper()
	db, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	verify(t, db)
	n, err := strconv.Atoi(get(t, db, "0"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range numbered {
		if got := get(t, db, strconv.Itoa(i)); got != strconv.Itoa(n) {
			t.Errorf("key %d is %s, key 0 is %d", i, got, n)
		}
	}
	want := ""
	if n%10 != 0 {
		want = string(longNumber(n))
	}
	if got := get(t, db, "long"); got != want {
		t.Errorf("the long value is %.10q..., key 0 is %d", got, n)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, name := range names {
		if _, ok := parseValueFileName(name.Name()); ok {
			files++
		}
	}
	if files > 1 {
		t.Errorf("%d value files for one long value", files)
	}
}

// TestBackupOfAnother takes a backup of a database that is not open here, and then one of
// a database that somebody keeps.
func TestBackupOfAnother(t *testing.T) {
	fs, items := played(t, 1)
	now := int64(0)
	o := Options{FS: fs, Inline: true, Clock: func() int64 { return now }, tuning: crowded}
	if err := Backup(testDir, backupDir, o); err != nil {
		t.Fatal(err)
	}
	db := openTest(t, fs, backupDir, &now)
	defer db.Close()
	inspect(t, db, &now, items)
	if err := Backup(backupDir, "another", o); !errors.Is(err, ErrBusy) {
		t.Errorf("of a database in use: %v, want ErrBusy", err)
	}
	if _, err := fs.ReadDir("another"); err == nil {
		t.Error("a directory was made all the same")
	}
}

// TestBackupRefuses looks at what is not copied, or not to there.
func TestBackupRefuses(t *testing.T) {
	fs, _ := played(t, 1)
	if err := fs.Mkdir("full"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "full/file"} {
		f, err := fs.OpenFile(name, os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	now := int64(0)
	db := openTest(t, fs, testDir, &now)
	defer db.Close()
	for _, to := range []string{"file", "full", testDir} {
		if err := db.Backup(to); !errors.Is(err, ErrExists) {
			t.Errorf("to %s: %v, want ErrExists", to, err)
		}
	}
	if names, _ := fs.ReadDir("full"); len(names) != 1 {
		t.Errorf("full holds %q", names)
	}
	if err := db.Backup("no/such/directory"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("where no directory can be: %v", err)
	}
	none := openTest(t, fs, "none", &now)
	defer none.Close()
	if err := none.Backup(backupDir); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nothing: %v, want ErrNotFound", err)
	}
	if _, err := fs.ReadDir(backupDir); err == nil {
		t.Error("a backup of nothing made a directory")
	}
}

// TestBackupOfDamage flips bits. Whatever has a checksum and is needed for the copy to
// be right makes an error, and nothing is left.
func TestBackupOfDamage(t *testing.T) {
	fs, items := played(t, 2)
	for _, name := range fs.Files() {
		if filepath.Ext(name) != ".log" && filepath.Ext(name) != valueNameSuffix {
			continue
		}
		size := int64(len(fs.Bytes(name)))
		for bit := int64(8 * 80); bit < size*8; bit += size*8/7 + 1 {
			fs := fs.PowerLost(1)
			fs.FlipBit(name, bit)
			now := int64(0)
			db, err := Open(testDir, Options{FS: fs, Inline: true, Clock: func() int64 { return now }, tuning: crowded})
			if err != nil {
				continue
			}
			err = db.Backup(backupDir)
			db.Close()
			if err == nil {
				copied := openTest(t, fs, backupDir, &now)
				inspect(at{t, fmt.Sprintf("bit %d of %s", bit, name)}, copied, &now, items)
				copied.Close()
				continue
			}
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("bit %d of %s: %v", bit, name, err)
			}
			if _, err := fs.ReadDir(backupDir); err == nil {
				t.Errorf("bit %d of %s: something is left", bit, name)
			}
		}
	}
}

// TestBackupFails makes each operation on the copy fail in turn: nothing is left, or
// something that is no database, and the database goes on.
func TestBackupFails(t *testing.T) {
	base, _ := played(t, 3)
	for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
		for n := 1; ; n += count(5, 1) {
			t := at{t, fmt.Sprintf("%v in operation %d", cause, n)}
			fs := vfs.NewFault(base.Killed())
			now := int64(0)
			db := openTest(t, fs, testDir, &now)
			fs.SetRules(vfs.Rule{Ops: vfs.OpAny &^ (vfs.OpRead | vfs.OpLock | vfs.OpRemove), Nth: n, Err: cause})
			err := db.Backup(backupDir)
			fired := fs.Fired()
			fs.SetRules()
			if err == nil {
				db.Close()
				if fired == 0 {
					break
				}
				continue
			}
			if !errors.Is(err, cause) {
				t.Fatal(err)
			}
			if names, err := fs.ReadDir(backupDir); err == nil {
				t.Fatalf("left: %q", names)
			}
			if db.failed == nil {
				set(t, db, "more", "value")
			}
			db.Close()
		}
	}
}

// TestBackupCrash lets the process die in each operation of a backup, and the machine
// lose power. What is there afterwards is the whole copy, or no database.
func TestBackupCrash(t *testing.T) {
	base, items := played(t, 4)
	finished := false
	for n := 1; !finished; n += count(5, 1) {
		fs := base.Killed()
		fs.CrashAt(n)
		finished = !fs.Run(func() {
			if err := backUp(t, fs); err != nil {
				t.Error(err)
			}
		})
		for i, fs := range []*vfs.Crash{fs.Killed(), fs.PowerLost(0), fs.PowerLost(.5), fs.PowerLost(1)} {
			t := at{t, fmt.Sprintf("death in operation %d, case %d", n, i)}
			now := int64(0)
			db, err := Open(backupDir, Options{FS: fs, Inline: true, Clock: func() int64 { return now }, tuning: crowded})
			names, _ := fs.ReadDir(backupDir)
			switch {
			case err == nil && db.Exists():
				inspect(t, db, &now, items)
				db.Close()
			case err == nil && len(names) > 0:
				t.Fatalf("taken for a database that can be made: %q", names)
			case err != nil && !errors.Is(err, ErrNotOurs):
				t.Fatal(err)
			}
		}
	}
}

// TestBackupBetweenProcesses: whenever the backup lets go of the database another process
// writes, compacts, and removes what the backup has seen. The copy is that of one moment.
func TestBackupBetweenProcesses(t *testing.T) {
	fs := vfs.NewMem()
	now := int64(1)
	o := Options{FS: fs, Inline: true, Clock: func() int64 { return now }, tuning: crowded}
	o.setDefaults(testDir)
	n, looks := 0, 0
	other := func(transactions int) {
		db := openTest(t, fs, testDir, &now)
		for range transactions {
			n++
			must(t, writeNumber(db, n))
		}
		must(t, db.Sync())
		if looks > 0 {
			must(t, db.Compact(true))
		}
		// What the next look finds new is more than is copied in the last round.
		for range transactions {
			n++
			must(t, writeNumber(db, n))
		}
		must(t, db.Close())
	}
	other(1000)
	seen := 0
	with := func(look func(*DB) error) error {
		db := openTest(t, fs, testDir, &now)
		err := look(db)
		seen = n
		must(t, db.Close())
		if looks++; looks < 5 {
			other(1000)
		}
		return err
	}
	must(t, runBackup(backup{fs: fs, dir: testDir, toFS: fs, to: backupDir, opt: o}, with))
	if looks != 6 {
		t.Errorf("%d looks", looks)
	}
	db := openTest(t, fs, backupDir, &now)
	defer db.Close()
	verify(t, db)
	if got := get(t, db, "0"); got != strconv.Itoa(seen) {
		t.Errorf("the copy is of transaction %s, the last look was at %d", got, seen)
	}
	if got := get(t, db, "49"); got != strconv.Itoa(seen) {
		t.Errorf("key 49 is of transaction %s", got)
	}
}
