package engine

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/nubdb/nubdb/engine/vfs"
)

// An owner learns that another process waits, and who waits may give up.
func TestWanted(t *testing.T) {
	fs := vfs.NewMem()
	o := Options{FS: fs, Inline: true, LockTimeout: time.Minute}
	db := mustOpen(t, "db", o)
	if db.Wanted() {
		t.Error("a database that does not exist is wanted")
	}
	update(t, db, func(tx *Tx) { must(t, tx.Put([]byte("k"), text("v"))) })
	if db.Wanted() {
		t.Error("wanted by nobody")
	}

	o.GiveUp = func() bool { return true }
	if _, err := Open("db", o); !errors.Is(err, ErrBusy) {
		t.Errorf("who gives up gets %v, want %v", err, ErrBusy)
	}

	o.GiveUp = nil
	got := make(chan error)
	go func() {
		db, err := Open("db", o)
		if err == nil {
			err = db.Close()
		}
		got <- err
	}()
	for deadline := time.Now().Add(time.Minute); !db.Wanted(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("not wanted although somebody waits")
		}
	}
	must(t, db.Close())
	must(t, <-got)
	if db.Wanted() {
		t.Error("wanted after it was closed")
	}
}
