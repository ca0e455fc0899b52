package engine

import (
	"errors"
	"path"
	"testing"

	"github.com/nubdb/nubdb/engine/vfs"
)

// TestVerifyFindsAll flips bits of all that has a checksum: the database cannot be opened,
// or Verify finds it. Behind the end of the log, and where INDEX holds nothing, there is
// nothing to find.
func TestVerifyFindsAll(t *testing.T) {
	base, _ := played(t, 5)
	now := int64(0)
	db := openTest(t, base, testDir, &now)
	must(t, db.locked(func() error { db.opt.indexSyncEvery = 0; return nil }))
	must(t, db.syncIndex(func() bool { return false }))
	end := db.log.offset(db.committed)
	tail := segmentName(db.log.number(db.committed))
	hard, seq := db.idx.hard.dir, db.idx.hard.seq
	must(t, db.Close())
	if seq == 0 {
		t.Fatal("no hard header")
	}
	for _, name := range base.Files() {
		parts := []span{{0, uint64(len(base.Bytes(name)))}}
		switch {
		case path.Base(name) == lockName:
			continue
		case path.Base(name) == tail:
			parts[0].to = uint64(end)
		case path.Ext(name) == ".log":
			parts[0].to = lastRecordEnd(base.Bytes(name))
		case path.Base(name) == indexName:
			dir := uint64(hard.page) * pageSize
			parts = []span{{dir, dir + 8<<hard.depth}}
		}
		for _, p := range parts {
			for off := p.from + (p.to-p.from)%7; off < p.to; off += max(1, (p.to-p.from)/uint64(count(40, 400))) {
				fs := base.Killed()
				fs.FlipBit(name, int64(off)*8+int64(off%8))
				if !foundByVerify(t, fs) {
					t.Fatalf("a bit at %d of %s is not found", off, name)
				}
			}
		}
	}
}

// lastRecordEnd is the end of what is not zeros.
func lastRecordEnd(b []byte) uint64 {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return uint64(len(b))
}

func foundByVerify(t *testing.T, fs vfs.FS) bool {
	o := crowdedOptions
	o.FS, o.ReadOnly = fs, true
	db, err := Open(testDir, o)
	if err != nil {
		return true
	}
	defer db.Close()
	faults, err := db.Verify(func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return faults > 0
}

// TestLongOperationsCanBeCanceled asks Verify, Backup and Repair to give up. They do, and
// leave nothing.
func TestLongOperationsCanBeCanceled(t *testing.T) {
	fs := vfs.NewCrash(1, vfs.CrashOptions{})
	o := crowdedOptions
	told := 0
	o.FS, o.Canceled, o.Progress = fs, func() bool { return true }, func(int64, int64) { told++ }
	db, err := Open(testDir, o)
	must(t, err)
	for i := range 600 {
		set(t, db, string(rune('a'+i)), string(make([]byte, 4000)))
	}
	must(t, db.Sync())
	_, err = db.Verify(func(string) {})
	if !errors.Is(err, ErrCanceled) {
		t.Errorf("Verify: %v", err)
	}
	if err := db.Backup(backupDir); !errors.Is(err, ErrCanceled) {
		t.Errorf("Backup: %v", err)
	}
	must(t, db.Close())
	if _, err := Repair(testDir, repairedDir, o, func(string) {}); !errors.Is(err, ErrCanceled) {
		t.Errorf("Repair: %v", err)
	}
	for _, dir := range []string{backupDir, repairedDir} {
		if _, err := fs.ReadDir(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
	if told < 3 {
		t.Errorf("progress was told %d times", told)
	}
}
