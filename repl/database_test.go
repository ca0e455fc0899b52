package repl

import (
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nubdb/nubdb/command"
	"github.com/nubdb/nubdb/engine"
	"github.com/nubdb/nubdb/engine/vfs"
	"github.com/nubdb/nubdb/wire"
)

// on is the shell's hold on the database of a file system.
func on(fs vfs.FS, policy command.SyncPolicy) *database {
	return newDatabase(Config{DB: "/db", Engine: engine.Options{FS: fs, Inline: true}, Sync: policy})
}

// run runs a command given as words.
func run(d *database, words ...string) wire.Reply {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	return d.do(args)
}

// A shell that is idle for 100 ms lets go of the database, and takes it back with the next
// command. Not in MULTI, which says that there is more to come.
func TestIdleShellLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		d := on(fs, command.SyncAlways)
		busy := func() bool {
			synctest.Wait()
			db, err := engine.Open("/db", engine.Options{FS: fs, Inline: true})
			if err == nil {
				db.Close()
			}
			return errors.Is(err, engine.ErrBusy)
		}
		run(d, "SET", "k", "1")
		for range 2 {
			time.Sleep(99 * time.Millisecond)
			if !busy() {
				t.Error("let go at once")
			}
			time.Sleep(2 * time.Millisecond)
			if busy() {
				t.Error("still held after 100 ms")
			}
			if r := run(d, "GET", "k"); string(r.Str) != "1" {
				t.Errorf("k is %q, want 1", r.Str)
			}
		}
		run(d, "MULTI")
		time.Sleep(time.Hour)
		if !busy() {
			t.Error("let go in MULTI")
		}
		d.suspend()
		if busy() {
			t.Error("held while the process is stopped")
		}
		if run(d, "INCR", "k"); !d.inMulti() {
			t.Error("MULTI was forgotten")
		}
		if r := run(d, "EXEC"); len(r.Elems) != 1 || r.Elems[0].Int != 2 {
			t.Errorf("EXEC answers %+v", r)
		}
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
}

// While the process was stopped a watched key may have changed.
func TestSuspendEndsWatch(t *testing.T) {
	d := on(vfs.NewMem(), command.SyncAlways)
	for _, words := range [][]string{{"WATCH", "k"}, {"MULTI"}, {"SET", "k", "1"}} {
		run(d, words...)
	}
	d.suspend()
	if r := run(d, "EXEC"); r.Kind != wire.KindNilArray {
		t.Errorf("EXEC answers %+v, want nil", r)
	}
	d.close()
}

// What could not be made durable is told at the end.
func TestFailureIsToldAtTheEnd(t *testing.T) {
	disk := vfs.NewFault(vfs.NewMem())
	d := on(disk, command.SyncEnd)
	run(d, "SET", "k", "1")
	disk.SetRules(vfs.Rule{Ops: vfs.OpWrite | vfs.OpDatasync, Err: syscall.EIO, Forever: true})
	run(d, "SET", "k", "2")
	if err := d.close(); !errors.Is(err, engine.ErrFailed) {
		t.Errorf("the end says %v, want %v", err, engine.ErrFailed)
	}
}

// A shell that waits for a program keeps the database from nobody, at once.
func TestYield(t *testing.T) {
	fs := vfs.NewMem()
	d := on(fs, command.SyncAlways)
	defer d.close()
	run(d, "SET", "k", "1")
	d.yield()
	other := on(fs, command.SyncAlways)
	if r := run(other, "SET", "k", "2"); r.IsError() {
		t.Errorf("another process: %s", r.Str)
	}
	other.close()
	run(d, "MULTI")
	run(d, "INCR", "k")
	d.yield()
	if r := run(d, "EXEC"); len(r.Elems) != 1 || r.Elems[0].Int != 3 {
		t.Errorf("EXEC answers %v, want 3", r.Elems)
	}
}

// The commands of a group are synced once, and a group that could not be synced says so.
func TestGroupSyncsOnce(t *testing.T) {
	disk := vfs.NewFault(vfs.NewMem())
	d := on(disk, command.SyncAlways)
	run(d, "SET", "k", "0")
	incr := wire.Command{Args: [][]byte{[]byte("INCR"), []byte("k")}}
	hundred := func(n int) *wire.Command {
		if n == 100 {
			return nil
		}
		return &incr
	}
	replies := 0
	count := func(*wire.Command, *wire.Reply) { replies++ }
	disk.SetRules(vfs.Rule{Ops: vfs.OpDatasync, Nth: 2, Err: syscall.EIO, Forever: true})
	if err := d.group(hundred, count); err != nil || replies != 100 {
		t.Errorf("a group with one sync: %d replies, %v", replies, err)
	}
	if err := d.group(hundred, count); err == nil {
		t.Error("a group without a sync: no error")
	}
	d.close()
}
