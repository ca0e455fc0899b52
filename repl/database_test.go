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

// run runs a command given as words.
func run(d *database, words ...string) wire.Reply {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	return d.do(args)
}

// A power cut right behind a reply takes nothing of what command.SyncAlways has acknowledged.
func TestAlwaysIsDurableBeforeTheReply(t *testing.T) {
	disk := vfs.NewCrash(1, vfs.CrashOptions{})
	d := &database{path: "/db", engine: engine.Options{FS: disk, Inline: true}, policy: command.SyncAlways}
	for _, value := range []string{"1", "2", "3"} {
		if r := run(d, "SET", "k", value); r.IsError() {
			t.Fatalf("SET: %s", r.Str)
		}
		after := &database{path: "/db", engine: engine.Options{FS: disk.PowerLost(0), Inline: true}}
		if r := run(after, "GET", "k"); string(r.Str) != value {
			t.Errorf("after SET k %s and a power cut k is %q", value, r.Str)
		}
	}
}

// With command.SyncEnd a power cut takes what is younger than a second.
func TestEndIsDurableWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := vfs.NewCrash(1, vfs.CrashOptions{})
		d := &database{path: "/db", engine: engine.Options{FS: disk, Inline: true}, policy: command.SyncEnd}
		durable := func() string {
			after := &database{path: "/db", engine: engine.Options{FS: disk.PowerLost(0), Inline: true}}
			reply := run(after, "GET", "k")
			return string(reply.Str)
		}
		for _, value := range []string{"1", "2"} {
			run(d, "SET", "k", value)
			time.Sleep(syncEvery - time.Nanosecond)
			synctest.Wait()
			if got := durable(); got == value {
				t.Errorf("SET k %s was durable at once: command.SyncEnd saves nothing", value)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if got := durable(); got != value {
				t.Errorf("a second after SET k %s and a power cut k is %q", value, got)
			}
		}
		run(d, "SET", "k", "3")
		if err := d.letGo(); err != nil {
			t.Fatal(err)
		}
		if got := durable(); got != "3" {
			t.Errorf("after the end and a power cut k is %q, want 3", got)
		}
	})
}

// A write that cannot be made durable is not acknowledged, and nobody forgets it.
func TestFailureIsToldAndKept(t *testing.T) {
	for _, policy := range []command.SyncPolicy{command.SyncAlways, command.SyncEnd, command.SyncNo} {
		disk := vfs.NewFault(vfs.NewMem())
		d := &database{path: "/db", engine: engine.Options{FS: disk, Inline: true}, policy: policy}
		if r := run(d, "SET", "k", "1"); r.IsError() {
			t.Fatalf("SET: %s", r.Str)
		}
		disk.SetRules(vfs.Rule{Ops: vfs.OpWrite | vfs.OpDatasync, Err: syscall.EIO, Forever: true})
		r := run(d, "SET", "k", "2")
		if policy == command.SyncAlways && !r.IsError() {
			t.Errorf("policy %d: a SET that is not durable answers %q", policy, r.Str)
		}
		if err := d.letGo(); !errors.Is(err, engine.ErrFailed) {
			t.Errorf("policy %d: the end says %v, want %v", policy, err, engine.ErrFailed)
		}
	}
}

// A database that was let go of is opened again by the next command.
func TestLetGo(t *testing.T) {
	d := &database{path: "/db", engine: engine.Options{FS: vfs.NewMem(), Inline: true}}
	run(d, "SET", "k", "1")
	for range 2 {
		if err := d.letGo(); err != nil {
			t.Fatal(err)
		}
	}
	d.interrupt() // ends nothing
	if r := run(d, "GET", "k"); string(r.Str) != "1" {
		t.Errorf("k is %q, want 1", r.Str)
	}
	if n, err := d.size(); n != 1 || err != nil {
		t.Errorf("size %d, %v; want 1", n, err)
	}
}
